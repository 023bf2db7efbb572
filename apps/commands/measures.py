"""`cchc measures`."""

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
    units_option,
    year_option,
)


@click.command(cls=Command)
@year_option
@click.option("--month", type=int, help="Chỉ một tháng (1–12); bỏ trống: từ đầu năm.")
@click.option("--commune", metavar="C", help="Chỉ một xã (mã hoặc tên).")
@as_of_option
@known_at_option
@definition_option
@units_option
@as_json
def measures(
    year: int, month: int | None, commune: str | None, as_of: str | None, known_at: str | None, definition: str | None,
    units_on: str | None, json_out: bool,
) -> int:  # fmt: skip
    """Số lượng và tỷ lệ đứng sau các tiêu chí."""
    from apps import show
    from flows.steps.measure import measures_json

    asked = question_of(year, month, as_of, known_at, definition, units_on=units_on)
    say(measures_json(home_of(), asked, commune), json_out, show.measures)
    return 0
