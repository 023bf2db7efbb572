"""`cchc pull`: fetch from inboxes elsewhere now, or see whether they can be reached."""

from __future__ import annotations

import click

from apps.help import Command
from apps.options import as_json, home_of, say

SOME_FAILED = 3


@click.command(cls=Command)
@click.option("--inbox", "only", metavar="TÊN", help="Chỉ một hộp thư trong inboxes.yaml.")
@click.option("--check", "check_only", is_flag=True, help="Chỉ thử kết nối và đếm tệp, không tải gì.")
@as_json
def pull(only: str | None, check_only: bool, json_out: bool) -> int:
    """Lấy tệp mới từ các hộp thư ở nơi khác về hộp thư nội bộ (mã thoát 3: có hộp thư hoặc tệp chưa lấy được)."""
    from apps.tables import pull as tables
    from flows.steps import pull as steps

    home = home_of()
    found = steps.check(home, only=only) if check_only else steps.pull(home, only=only, forced=True)
    say({"inboxes": found}, json_out, tables.checked if check_only else tables.pulled)
    return SOME_FAILED if any(entry["status"] == "failed" for entry in found) else 0
