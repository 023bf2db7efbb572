"""`cchc explain`."""

from __future__ import annotations

import click

from apps.options import (
    as_json,
    as_of_option,
    criteria_option,
    definition_option,
    home_of,
    known_at_option,
    question_of,
    say,
    year_option,
)


@click.command()
@click.option("--commune", metavar="C", required=True, help="Mã hoặc tên xã.")
@year_option
@click.option("--criterion", metavar="CODE", help="Chỉ một tiêu chí, ví dụ III.3.")
@as_of_option
@known_at_option
@criteria_option
@definition_option
@as_json
def explain(
    commune: str, year: int, criterion: str | None, as_of: str | None, known_at: str | None, criteria_set: str | None,
    definition: str | None, json_out: bool,
) -> int:  # fmt: skip
    """Từng điểm bị trừ: lý do, căn cứ, hồ sơ, người phải xử lý."""
    from apps import show
    from flows.steps.explain import explain as run

    asked = question_of(year, None, as_of, known_at, definition, criteria_set)
    say(run(home_of(), asked, commune, criterion, criteria_set), json_out, show.explained)
    return 0
