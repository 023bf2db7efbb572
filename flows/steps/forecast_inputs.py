"""What a forecast is made from, as it stood and as it was known: fills `scoring.forecast.inputs.Inputs` from the warehouse."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from flows.steps.forecast_months import Lineages, Months, by_month, first_of, months_of, numbers
from flows.steps.home import Home, UserError
from scoring.forecast.inputs import Calendar, Inputs, month_number

if TYPE_CHECKING:
    from flows.steps.boundaries import View
    from flows.steps.score import Scored
    from sources.units import Unit
    from warehouse.database import Transaction
    from warehouse.forecast_facts import Seen

#: Working days beyond which the time of a dossier is not told apart.
LONGEST_DAYS: Final = 60
#: Earlier than any register.
_EVER: Final = date(1900, 1, 1)
#: What the columns hold, also where there is no row.
_TYPES: Final = {
    "days_left": "float64", "late": "bool", "counted": "bool", "spare": "int64", "dossiers": "int64", "forms": "int64",
    "initiatives": "int64", "year": "int64", "value": "float64", "points": "float64", "index": "float64", "rank": "float64",
}  # fmt: skip


def inputs_of(home: Home, tx: Transaction, scored: Scored, horizon: date | None = None) -> Inputs:
    """Return everything a forecast needs of the communes of a scored question. horizon: see `horizon_of`.

    Cost: two readings of the dossier facts beside the score's own: half a second for a district's five years, five for a million.
    Raises: UserError (officials are scored: their year cannot be forecast).
    """
    from flows.steps.score import programme_of
    from warehouse.forecast_facts import Seen

    view, asked = scored.view, scored.asked
    if view is None or view.dossiers is None:
        raise UserError("forecast_of_officials", "Chỉ dự báo được cho xã; hãy chọn bộ tiêu chí chấm điểm xã.")
    lineages = lineages_of(view)
    months = months_of(tx, asked, lineages, view.dossiers)
    until = horizon or horizon_of(view.units, asked.year)
    calendar = calendar_of(tx, months, asked.last_day, until)
    complained, complaints = _complaints(tx, months)
    panels, received, resolved = months.shares(calendar.worked, complained)
    seen = Seen(asked.as_of, asked.last_day, asked.known_at, asked.definition)
    return Inputs(
        day=asked.last_day, horizon=until, year=asked.year, units=tuple(u.unit_id for u in lineages.communes),
        names=tuple(u.name for u in lineages.communes), definition=asked.definition, calendar=calendar,
        measures=scored.measures, declarations=scored.declarations, panels=panels, received=received, resolved=resolved,
        open=_open(tx, seen, view, lineages), endings=_endings(tx, seen, months), named_complaints=complaints,
        programme=programme_of(scored.rules), told=_told(tx, seen, lineages), **_registers(tx, seen, months),
    )  # fmt: skip


def _told(tx: Transaction, seen: Seen, lineages: Lineages) -> dict[str, date]:
    """Return commune → the last day on which it, or a unit that went into it, received or finished a dossier."""
    from warehouse import forecast_facts

    out: dict[str, date] = {}
    for unit, day in forecast_facts.last_events(tx, seen, lineages.member_ids).items():
        head = lineages.heads[unit]
        out[head] = max(day, out.get(head, day))
    return out


def horizon_of(units: list[Unit], year: int) -> date:
    """Return the last day of the year, or of the units' life when every one of them ends within the year."""
    end = date(year, 12, 31)
    ends = [unit.valid_to - timedelta(1) for unit in units if unit.valid_to is not None]
    return min(end, max(ends)) if len(ends) == len(units) else end


def lineages_of(view: View) -> Lineages:
    """Return the communes of a view and the units whose history is theirs."""
    lines = {unit.unit_id: view.lineage(unit) for unit in view.units}
    heads = {member.unit_id: commune for commune, members in lines.items() for member in members}
    return Lineages(tuple(view.units), tuple(member for members in lines.values() for member in members), heads)


def calendar_of(tx: Transaction, months: Months, day: date, horizon: date) -> Calendar:
    """Return the working days behind and ahead; the day asked about has happened."""
    from warehouse import forecast_facts

    days = forecast_facts.working_months(tx, months.first_day, day, max(day, horizon))
    days = days.set_index(numbers(days["month"]))
    over = day + timedelta(1) == first_of(month_number(day) + 1)
    begins = month_number(day) + int(over) if day < horizon else month_number(horizon) + 1
    ahead = np.arange(begins, month_number(horizon) + 1, dtype=np.int64)
    worked, left = (
        np.asarray(days[name].reindex(which, fill_value=0), dtype=np.float64)
        for name, which in (("worked", months.numbers), ("left_over", ahead))
    )
    return Calendar(months.numbers, worked, ahead, left)


def _open(tx: Transaction, seen: Seen, view: View, lineages: Lineages) -> pd.DataFrame:
    """Return the open dossiers of the communes judged, each under the commune whose figure `open` it is part of."""
    from warehouse import forecast_facts

    found = forecast_facts.open_dossiers(tx, seen, lineages.member_ids)
    ids = pd.Series(lineages.member_ids, dtype=object)
    owners = view.cells(pd.DataFrame({"unit_code": ids, "month": pd.Series(pd.NaT, index=ids.index)}))["unit_code"]
    heads = {member.unit_id: unit.unit_id for unit in view.units for member in view.members(unit)}
    owned = {unit: heads[owner] for unit, owner in zip(ids, owners) if owner in heads}
    return _named(found, owned).astype({"allowed": "float64"})


def _endings(tx: Transaction, seen: Seen, months: Months) -> pd.DataFrame:
    """Return the histogram of the time left to finished dossiers, by commune."""
    from warehouse import forecast_facts

    found = forecast_facts.endings(tx, seen, months.lineages.member_ids, months.first_at, LONGEST_DAYS)
    frame = _named(found, months.lineages.heads)
    frame = frame.groupby(["commune", "procedure", "allowed", "spare"], as_index=False)["dossiers"].sum()
    return _typed(frame.astype({"allowed": "int64"}))


def _complaints(tx: Transaction, months: Months) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return (complained dossiers by unit and month, forms that name an official by commune and month)."""
    from flows.steps.complaints import dossier_keys
    from warehouse import marts, queries

    asked, lineages = months.asked, months.lineages
    forms = queries.complaints(tx, last_day=asked.last_day, known_at=asked.known_at)
    forms = [form for form in forms if form["unit_code"] in lineages.heads]
    codes = sorted({(form["unit_code"], form["dossier_code"]) for form in forms if form["dossier_code"]})
    complained = marts.complained_counts(
        tx, dossier_keys(codes), first_at=months.first_at, as_of=asked.as_of, known_at=asked.known_at
    )
    named = pd.DataFrame(
        [
            (lineages.heads[form["unit_code"]], month_number(form["answered_on"]), 1)
            for form in forms
            if form["official"] and form["answered_on"] >= months.first_day
        ],
        columns=["commune", "month", "forms"],
    )
    return complained, _typed(named.groupby(["commune", "month"], as_index=False)["forms"].sum().astype({"month": "int64"}))


def _registers(tx: Transaction, seen: Seen, months: Months) -> dict[str, pd.DataFrame]:
    """Return the registers of this year and the years behind, by field of `Inputs`.

    An index is not the sum of others: published results are the commune's own. All else is also that of its lineage.
    """
    from warehouse import forecast_facts, queries

    asked, heads = months.asked, months.lineages.heads
    span: dict[str, Any] = {"year": asked.year, "first_day": _EVER, "last_day": seen.day, "known_day": seen.day}
    monthly = {
        name: by_month(_named(queries.register_counts(tx, name, **span, known_at=seen.known_at), heads), columns)
        for name, columns in (("initiatives", ("commune", "month", "initiatives")), ("reviews", ("commune", "month")))
    }
    kept = {
        name: forecast_facts.register(tx, mart, seen, asked.year, months.first_day)
        for name, mart in (("tasks", "tasks"), ("past_declarations", "past_declarations"), ("published", "published_results"))
    }
    own = {unit.unit_id: unit.unit_id for unit in months.lineages.communes}
    frames = {name: _named(frame, own if name == "published" else heads) for name, frame in kept.items()}
    compared = min(months.first_day, date(asked.year - 1, 1, 1))  # a peer's reports are compared with those of last year
    reports = _named(forecast_facts.register(tx, "monthly_reports", seen, asked.year, compared), heads)
    reports = reports.assign(month=numbers(reports["month"])).groupby(["commune", "month"], as_index=False).sum(min_count=1)
    reports = reports.astype(dict.fromkeys(reports.columns[2:], "float64"))
    return monthly | frames | {"monthly_reports": reports}


def _named(frame: pd.DataFrame, heads: Mapping[str, str]) -> pd.DataFrame:
    """Return a frame with the commune for the unit; rows of other units are left out."""
    owners = frame["unit_code"].map(dict(heads))
    out = frame.drop(columns="unit_code")
    out.insert(0, "commune", owners)
    return _typed(out[owners.notna()].reset_index(drop=True))


def _typed(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.astype({name: kind for name, kind in _TYPES.items() if name in frame.columns})
