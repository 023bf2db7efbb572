"""`cchc score`, and what is done with published scores."""

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
)


@click.group(invoke_without_command=True)
@click.option("--year", type=int, help="Năm chấm điểm.")
@as_of_option
@known_at_option
@criteria_option
@definition_option
@as_json
@click.pass_context
def score(
    context: click.Context,
    year: int | None,
    as_of: str | None,
    known_at: str | None,
    criteria_set: str | None,
    definition: str | None,
    json_out: bool,
) -> int:
    """Chỉ số, xếp loại, thứ hạng của mọi xã theo từng tiêu chí."""
    if context.invoked_subcommand is not None:
        return 0
    from apps import show
    from flows.steps.score import score_json, score_question

    if year is None:
        raise click.MissingParameter(ctx=context, param=next(p for p in context.command.params if p.name == "year"))
    asked, home = question_of(year, None, as_of, known_at, definition, criteria_set), home_of()
    with home.database.begin() as tx:
        document = score_json(score_question(home, tx, asked, criteria_set))
    say(document, json_out, show.scores)
    return 0
