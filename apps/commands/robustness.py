"""`cchc robustness`."""

from __future__ import annotations

import click

from apps.help import Command
from apps.options import (
    as_json,
    home_of,
    question_of,
    question_options,
    say,
    year_option,
)


@click.command(cls=Command)
@year_option
@click.option("--month", type=int, help="Chỉ một tháng (bộ tiêu chí chấm theo tháng).")
@question_options
@click.option("--draws", type=int, help="Số tình huống (mặc định trong criteria/robustness.yaml).")
@click.option("--seed", type=int, help="Hạt giống ngẫu nhiên; cùng hạt giống cho cùng kết quả.")
@click.option("--commune", metavar="C", help="Chỉ một xã: hạng, cặp kề, điểm mạnh và điểm yếu của xã.")
@click.option("--by-section", is_flag=True, help="Tách ảnh hưởng của trọng số theo từng mục.")
@as_json
def robustness(
    year: int, month: int | None, as_of: str | None, known_at: str | None, criteria_set: str | None, definition: str | None,
    units_on: str | None, draws: int | None, seed: int | None, commune: str | None, by_section: bool, json_out: bool,
) -> int:  # fmt: skip
    """Xếp hạng vững đến đâu khi trọng số, ngưỡng, định nghĩa thay đổi; cặp nào dễ đổi chỗ."""
    from apps.tables.robustness import show
    from flows.steps.robustness import ranges_with
    from flows.steps.robustness import robustness as run

    ranges = ranges_with(draws, seed)
    asked, home = question_of(year, month, as_of, known_at, definition, criteria_set, units_on), home_of()
    with home.database.begin() as tx:
        document = run(home, tx, asked, criteria_set, ranges, commune, by_section)
    say(document, json_out, show)
    return 0
