"""`cchc explain`."""

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
@click.option("--commune", metavar="C", required=True, help="Mã hoặc tên xã.")
@year_option
@click.option("--criterion", metavar="CODE", help="Chỉ một tiêu chí, ví dụ III.3.")
@click.option("--month", type=int, help="Chỉ một tháng (1–12); bỏ trống: từ đầu năm.")
@click.option("--officer", metavar="NAME", help="Cán bộ, công chức, khi bộ tiêu chí chấm từng người.")
@click.option("--tree", is_flag=True, help="Cả cây cách tính: số liệu, cách tính, làm tròn, căn cứ của mọi tiêu chí.")
@question_options
@as_json
def explain(
    commune: str, year: int, criterion: str | None, month: int | None, officer: str | None, tree: bool, as_of: str | None,
    known_at: str | None, criteria_set: str | None, definition: str | None, units_on: str | None, json_out: bool,
) -> int:  # fmt: skip
    """Từng điểm bị trừ: lý do, căn cứ, hồ sơ, người phải xử lý."""
    from apps.tables.explain import as_tree, explained
    from flows.steps.explain import explain as run

    asked = question_of(year, month, as_of, known_at, definition, criteria_set, units_on)
    document = run(home_of(), asked, commune, criterion, criteria_set, officer)
    say(document, json_out, as_tree if tree else explained)
    return 0
