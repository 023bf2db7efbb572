"""Counts and rates behind the criteria, for a year or a month, as they stood and as they were known."""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any

import criteria
from flows.steps.home import ZONE, Home, UserError, now

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

    from flows.steps.boundaries import View
    from sources.units import Unit
    from warehouse.database import Transaction


@dataclass(frozen=True)
class Question:
    """What is asked: the period, the instant it is seen from, what was known, the definition of late.

    as_of never lies beyond the period's end. known_at None means everything loaded so far. units_on None: the units of the
    last day, each by its own life; a day: the units of that day with all that went into them (`flows.steps.boundaries`).
    """

    year: int
    month: int | None
    as_of: datetime
    known_at: datetime | None
    definition: str
    units_on: date | None = None

    @property
    def unit_day(self) -> date:
        """The day on whose boundaries communes are named and judged."""
        return self.units_on or self.last_day

    @property
    def first_day(self) -> date:
        return date(self.year, self.month or 1, 1)

    @property
    def last_day(self) -> date:
        """The last day that has happened, in Việt Nam."""
        return self.as_of.astimezone(ZONE).date()

    @property
    def period_end(self) -> date:
        month = self.month or 12
        return date(self.year, month, monthrange(self.year, month)[1])


def check_year(year: int) -> None:
    """Raises: UserError (a year that the calendar does not know)."""
    if not 2015 <= year <= 2034:
        raise UserError("bad_year", f"Năm {year} ngoài phạm vi 2015–2034.")


def question(
    year: int, *, month: int | None = None, as_of: datetime | None = None, known_at: datetime | None = None,
    definition: str | None = None, units_on: date | None = None,
) -> Question:  # fmt: skip
    """Return a checked question. Raises: UserError (unknown definition, month or a period that has not begun)."""
    check_year(year)
    known = criteria.load_definitions("overdue")
    name = definition or known.default
    if name not in known.by_name:
        raise UserError("unknown_definition", f"Không có định nghĩa «{name}»; dùng một trong: {', '.join(known.by_name)}.")
    if month is not None and not 1 <= month <= 12:
        raise UserError("bad_month", f"Tháng {month} không hợp lệ; dùng 1 đến 12.")
    last = date(year, month or 12, monthrange(year, month or 12)[1])
    end = datetime.combine(last, time(23, 59, 59, 999999), ZONE)
    seen = min(as_of or now(), end)
    if seen < datetime.combine(date(year, month or 1, 1), time(0), ZONE):
        raise UserError(
            "period_not_begun",
            f"Kỳ {month or 'năm'} {year} chưa bắt đầu vào {seen.astimezone(ZONE):%d/%m/%Y}; đổi --as-of hoặc --year.",
        )
    return Question(year, month, seen, known_at, name, units_on)


def communes_of(home: Home, on: date, with_data: set[str]) -> list[Unit]:
    """Return the communes to judge on a day: every commune of each district from which data came (all when none did)."""
    from flows.steps.boundaries import relatives

    active = home.register.active(on)
    related = relatives(home.register, with_data)
    parents = {unit.parent for unit in active if unit.unit_id in related}
    return [unit for unit in active if unit.parent in parents] if parents else active


def measure_frame(home: Home, tx: Transaction, asked: Question, programme: str | None = None) -> tuple[pd.DataFrame, list[Unit]]:
    """Return the measures (see `scoring.measures`) and the communes they are about."""
    frame, view = measured(home, tx, asked, programme)
    return frame, view.units


def view_of(home: Home, asked: Question, known: Iterable[tuple[str, str]]) -> View:
    """Return who is judged; `known`: the (unit, table) pairs from which data came. Raises: UserError (no unit that day)."""
    from flows.steps.boundaries import View

    units = communes_of(home, asked.unit_day, {unit for unit, _ in known})
    if not units:
        raise UserError("no_units", f"Không biết xã nào tồn tại vào ngày {asked.unit_day:%d/%m/%Y}; dùng một ngày khác.")
    return View(home.register, units, asked.units_on, asked.first_day, asked.last_day, asked.period_end)


def measured(home: Home, tx: Transaction, asked: Question, programme: str | None = None) -> tuple[pd.DataFrame, View]:
    """Return the measures (see `scoring.measures`) of the communes judged, and the view that says what each is made of."""
    from flows.steps.complaints import complaints_of
    from scoring.measures import Counts, measures
    from warehouse import marts, queries

    known = queries.known_columns(tx, asked.known_at)
    view = view_of(home, asked, known)
    span = {
        "year": asked.year,
        "first_day": asked.first_day,
        "known_day": asked.last_day,
        "known_at": asked.known_at,
    }
    complained, complaints = complaints_of(tx, asked)
    view.dossiers = marts.dossier_counts(tx, asked.as_of, asked.known_at, now())
    counts = Counts(
        dossiers=view.cells(view.dossiers),
        survey=queries.register_counts(tx, "survey", last_day=asked.last_day, **span),
        reviews=queries.register_counts(tx, "reviews", last_day=asked.last_day, **span),
        tasks=queries.register_counts(tx, "tasks", last_day=asked.period_end, **span),
        initiatives=queries.register_counts(tx, "initiatives", last_day=asked.last_day, **span),
        working_days=queries.working_days(tx, asked.first_day, asked.last_day),
        known=known,
        complained=view.cells(complained),
        complaints=complaints,
    )
    frame = measures(
        counts, communes=view.counted_units(), first_day=asked.first_day, last_day=asked.last_day,
        definition=asked.definition, programme=programme,
    )  # fmt: skip
    return view.merge(frame, lambda first, last: queries.working_days(tx, first, last)), view


def measures_json(home: Home, asked: Question, commune: str | None = None) -> dict[str, Any]:
    """Return the document of `cchc measures`."""
    from scoring.intervals import judged, rule_json
    from scoring.measures import value_of

    with home.database.begin() as tx:
        frame, view = measured(home, tx, asked, main_programme())
    codes = {unit.unit_id: unit for unit in view.units}
    chosen = home.commune(commune, asked.unit_day) if commune else None
    rows = []
    for row in frame.itertuples(index=False):
        if chosen is not None and row.commune != chosen.unit_id:
            continue
        numerator, denominator = plain(row.numerator), plain(row.denominator)
        rows.append(
            {
                "commune": codes[row.commune].code, "year": asked.year, "month": asked.month, "measure": row.measure,
                "numerator": numerator, "denominator": denominator, "value": value_of(row.numerator, row.denominator),
                "unknown": int(row.unknown), "status": "no_data" if numerator is None else "measured",
                "name": codes[row.commune].name, "unit_id": row.commune, **judged(numerator, denominator, row.measure),
            }
        )  # fmt: skip
    known = criteria.load_definitions("overdue").by_name[asked.definition]
    return {"as_of": asked.as_of.isoformat(), "known_at": stamp(asked.known_at), "definition": asked.definition,
            "definition_version": known.tag, "measures": rows,
            "units_on": asked.units_on.isoformat() if asked.units_on else None, "judgement": rule_json(),
            "units": [{"commune": u.code, "name": u.name, "unit_id": u.unit_id, **view.describe(u)}
                      for u in view.units if chosen in (None, u)]}  # fmt: skip


def main_programme() -> str | None:
    """Return the programme that the criterion on assigned tasks names."""
    for criterion in criteria.load_set().at(date(2023, 12, 31)).criteria:
        if criterion.measure == "task_on_time" and criterion.measure_args:
            return str(criterion.measure_args["programme"])
    return None


def plain(value: Any) -> int | float | None:
    """Return a number fit for JSON: whole numbers as integers, NaN as None."""
    if value is None or value != value:
        return None
    return int(value) if float(value).is_integer() else float(value)


def stamp(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat() if moment else None
