"""What the commands share: options, the installation, the question asked, and how an answer is given."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from flows.steps.home import Home

as_json = click.option("--json", "json_out", is_flag=True, help="In đúng một tài liệu JSON ra stdout.")
year_option = click.option("--year", type=int, required=True, help="Năm chấm điểm.")
as_of_option = click.option("--as-of", metavar="TS", help="Tính đến ngày (mặc định: bây giờ).")
known_at_option = click.option("--known-at", metavar="TS", help="Chỉ dùng số liệu đã nạp đến lúc này.")
definition_option = click.option("--definition", metavar="D", help="Định nghĩa trễ hạn: qd766, provincial_766, ii06, opencps.")
_UNITS = "Theo địa giới ngày này, cộng số liệu các đơn vị tiền thân."
units_option = click.option("--units", "units_on", metavar="DAY", help=_UNITS)
criteria_option = click.option("--criteria", "criteria_set", metavar="SET", help="Bộ tiêu chí (mặc định: bộ của xã).")


def question_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add what a question may say besides its period: as_of, known_at, criteria_set, definition, units_on."""
    for option in (units_option, definition_option, criteria_option, known_at_option, as_of_option):  # the last is listed first
        command = option(command)
    return command


def home_of(*, prepare: bool = True) -> Home:
    from flows.steps.home import open_home

    home = open_home()
    if prepare:
        home.prepare()
    return home


def question_of(
    year: int, month: int | None, as_of: str | None, known_at: str | None, definition: str | None,
    criteria_set: str | None = None, units_on: str | None = None,
) -> Any:  # fmt: skip
    """Return the checked question; the definition of late is the one given, else the criteria set's own."""
    from flows.steps.home import ZONE, parse_moment
    from flows.steps.measure import question
    from flows.steps.rules import overdue_definition

    definition = overdue_definition(home_of(prepare=False), criteria_set, definition)
    return question(
        year, month=month, as_of=parse_moment(as_of) if as_of else None,
        known_at=parse_moment(known_at) if known_at else None, definition=definition,
        units_on=parse_moment(units_on, end_of_day=False).astimezone(ZONE).date() if units_on else None,
    )  # fmt: skip


def say(document: dict[str, Any], json_out: bool, show: Callable[[dict[str, Any]], None]) -> None:
    if json_out:
        sys.stdout.write(json.dumps(document, ensure_ascii=False, allow_nan=False) + "\n")
        sys.stdout.flush()
    else:
        show(document)
