"""What a forecast asks of the warehouse: months behind, dossiers open one by one, registers of earlier years.

Everything as it stood at an instant and as it was known at another; what had not happened by then is not there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from warehouse import marts, queries
from warehouse.database import Transaction, sql_text

#: Registers of earlier years: mart → facts.
_TABLES: Final = {
    "tasks": "tasks", "past_declarations": "declarations", "published_results": "published_results",
    "monthly_reports": "monthly_reports",
}  # fmt: skip
#: Definitions whose due time is not simply the one on the dossier.
_DUE: Final = {"qd766": "j.qd766_due_at"}


@dataclass(frozen=True)
class Seen:
    """From where one looks. day: the last day that has happened at `as_of`, in Việt Nam. known_at None: all loaded so far."""

    as_of: datetime
    day: date
    known_at: datetime | None
    definition: str


def open_dossiers(tx: Transaction, seen: Seen, units: Sequence[str]) -> Any:
    """Return the dossiers of some units open at the instant, as a DataFrame: unit_code and the columns of `Inputs.open`.

    When nothing that is known happened after the instant, the index of open dossiers finds them, however many there are in all.
    """
    days = {"day": seen.day}
    if seen.known_at is None and marts.nothing_after(tx, seen.as_of):
        return _judged(tx, seen, units, "open_dossiers", "d.finished_at is null", days, marts.open_versions())
    return _judged(tx, seen, units, "open_dossiers", "d.finished_at is null or d.finished_at > %(as_of)s", days)


def endings(tx: Transaction, seen: Seen, units: Sequence[str], first_at: datetime, longest: int) -> Any:
    """Return how much time finished dossiers had left, as a DataFrame: unit_code and the columns of `Inputs.endings`."""
    more = {"first_at": first_at, "longest": longest}
    return _judged(tx, seen, units, "endings", "d.finished_at >= %(first_at)s", more)


def _judged(
    tx: Transaction, seen: Seen, units: Sequence[str], mart: str, condition: str, more: dict[str, Any], scope: str | None = None
) -> Any:
    """Return a mart over the judged dossiers of some units. condition: on merged rows. scope: versions, when not all known."""
    scope = (scope or marts.versions(seen.known_at)) + " and unit_code = any(%(units)s)"  # the unit is part of a dossier's key
    text = sql_text(f"marts/{mart}.sql").replace("{name_of_officer}", marts.OFFICER_NAME)
    for name, expression in (
        ("{due}", _DUE.get(seen.definition, "j.due_at")), ("{is_late}", f"j.is_{seen.definition}_late"),
        ("{is_counted}", f"j.is_{seen.definition}_counted"),
    ):  # fmt: skip
        text = text.replace(name, expression)
    statement = marts.judged(scope, condition, seen.known_at is not None) + text
    return tx.frame(statement, {"units": list(units), "as_of": seen.as_of, "known_at": seen.known_at, **more})


def register(tx: Transaction, mart: str, seen: Seen, year: int, first_day: date) -> Any:
    """Return a register (tasks, past_declarations, published_results, monthly_reports) as a DataFrame by unit_code.

    year: only earlier ones, where the register is kept by year. first_day: only later months, where it is kept by month.
    """
    statement = sql_text(f"marts/{mart}.sql").replace("{scope}", queries.scope(_TABLES[mart], seen.known_at))
    params = {"year": year, "first_day": first_day, "known_day": seen.day, "known_at": seen.known_at}
    return tx.frame(statement, params)


def working_months(tx: Transaction, first_day: date, day: date, last_day: date) -> Any:
    """Return the working days of each month as a DataFrame: month, worked (up to `day`), left_over (after it)."""
    params = {"first_day": first_day, "known_day": day, "last_day": last_day}
    return tx.frame(sql_text("marts/working_months.sql"), params)


def last_events(tx: Transaction, seen: Seen, units: Sequence[str]) -> dict[str, date]:
    """Return unit → the last day on which it received or finished a dossier."""
    scope = marts.versions(seen.known_at) + " and unit_code = any(%(units)s)"
    params = {"units": list(units), "as_of": seen.as_of, "known_at": seen.known_at}
    rows = tx.rows(sql_text("marts/last_events.sql").replace("{scope}", scope), params)
    return {row["unit_code"]: row["last_day"] for row in rows}


def last_heard(tx: Transaction, units: Sequence[str], known_at: datetime | None) -> dict[str, datetime]:
    """Return table → when the last file came that speaks of some of the units."""
    rows = tx.rows(sql_text("marts/last_heard.sql"), {"units": list(units), "known_at": known_at})
    return {row["target_table"]: row["heard_at"] for row in rows}
