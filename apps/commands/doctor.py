"""`cchc doctor`: whether this installation works, part by part, and what to do about what does not."""

from __future__ import annotations

import click

from apps.help import Command
from apps.options import as_json, home_of, say

BROKEN = 3


@click.command(cls=Command)
@as_json
def doctor(json_out: bool) -> int:
    """Kiểm tra toàn bộ nơi cài đặt, nói chỗ hỏng và cách sửa (mã thoát 3: có mục hỏng)."""
    from apps.tables import doctor as tables
    from flows.steps.doctor import doctor as run

    document = run(home_of(prepare=False))
    say(document, json_out, tables.checked)
    return BROKEN if document["status"] == "fail" else 0
