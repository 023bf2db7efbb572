"""`cchc score`, and what is done with published scores."""

from __future__ import annotations

import click

from apps.help import Group
from apps.options import (
    as_json,
    home_of,
    question_of,
    question_options,
    say,
)

DIFFERS = 3


@click.group(cls=Group, invoke_without_command=True)
@click.option("--year", type=int, help="Năm chấm điểm.")
@click.option("--month", type=int, help="Chỉ một tháng (1–12), như khi đánh giá cán bộ hằng tháng; bỏ trống: từ đầu năm.")
@question_options
@as_json
@click.pass_context
def score(
    context: click.Context,
    year: int | None,
    month: int | None,
    as_of: str | None,
    known_at: str | None,
    criteria_set: str | None,
    definition: str | None,
    units_on: str | None,
    json_out: bool,
) -> int:
    """Chỉ số, xếp loại, thứ hạng của mọi xã theo từng tiêu chí."""
    if context.invoked_subcommand is not None:
        return 0
    from apps import show
    from flows.steps.score import score_json, score_question

    if year is None:
        raise click.MissingParameter(ctx=context, param=next(p for p in context.command.params if p.name == "year"))
    asked, home = question_of(year, month, as_of, known_at, definition, criteria_set, units_on), home_of()
    with home.database.begin() as tx:
        document = score_json(score_question(home, tx, asked, criteria_set))
    say(document, json_out, show.scores)
    return 0


@score.command("runs")
@click.option("--year", type=int, help="Chỉ một năm.")
@as_json
def score_runs(year: int | None, json_out: bool) -> int:
    """Các kết quả đã công bố."""
    from apps.tables import runs as tables
    from flows.steps.runs import listing

    say(listing(home_of(), year), json_out, tables.listing)
    return 0


@score.command("show")
@click.argument("run", type=int)
@as_json
def score_show(run: int, json_out: bool) -> int:
    """Một kết quả đúng như đã công bố, với công thức của nó."""
    from apps.tables import runs as tables
    from flows.steps.runs import shown

    say(shown(home_of(), run), json_out, tables.shown)
    return 0


@score.command("rebuild")
@click.argument("run", type=int)
@as_json
def score_rebuild(run: int, json_out: bool) -> int:
    """Dựng lại một kết quả từ số liệu theo công thức đã lưu, so từng chữ số."""
    from apps.tables import runs as tables
    from flows.steps.rebuild import SOUND, rebuild

    document = rebuild(home_of(), run)
    say(document, json_out, tables.rebuilt)
    return 0 if document["status"] in SOUND else DIFFERS


@score.command("verify")
@click.option("--year", type=int, help="Chỉ một năm.")
@as_json
def score_verify(year: int | None, json_out: bool) -> int:
    """Dựng lại mọi kết quả đã công bố; mã thoát 3 khi có kết quả không trùng."""
    from apps.tables import runs as tables
    from flows.steps.rebuild import verify

    document = verify(home_of(), year)
    say(document, json_out, tables.verified)
    return DIFFERS if document["bad"] else 0


@score.command("compare")
@click.argument("run_a", type=int)
@click.argument("run_b", type=int)
@click.option("--commune", metavar="C", help="Mã hoặc tên xã: xem từng tiêu chí.")
@as_json
def score_compare(run_a: int, run_b: int, commune: str | None, json_out: bool) -> int:
    """Cái gì làm chỉ số thay đổi giữa hai lần công bố, cộng lại đúng bằng chênh lệch."""
    from apps.tables import runs as tables
    from flows.steps.run_compare import compare

    say(compare(home_of(), run_a, run_b, commune), json_out, tables.compared_one if commune else tables.compared)
    return 0
