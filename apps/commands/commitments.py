"""`cchc commitments`."""

from __future__ import annotations

import click

from apps.help import Command
from apps.options import (
    as_json,
    as_of_option,
    definition_option,
    home_of,
    known_at_option,
    question_of,
    say,
    year_option,
)


@click.command(cls=Command)
@year_option
@click.option("--commune", metavar="C", help="Chỉ một xã (mã hoặc tên).")
@as_of_option
@known_at_option
@definition_option
@click.option("--notice", metavar="N", help="Chỉ một thông báo (tên tệp, không có đuôi).")
@as_json
def commitments(
    year: int, commune: str | None, as_of: str | None, known_at: str | None, definition: str | None, notice: str | None,
    json_out: bool,
) -> int:  # fmt: skip
    """Các cam kết trong thông báo: đã đạt, đúng tiến độ, có nguy cơ, không đạt, chưa có số liệu."""
    from apps.tables.commitments import registers
    from flows.steps.commitments import commitments_json

    asked = question_of(year, None, as_of, known_at, definition)
    say(commitments_json(home_of(), asked, commune, notice), json_out, registers)
    return 0
