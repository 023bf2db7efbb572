"""Who is judged when boundaries change: units by their own life, or the units of one day with all that went into them.

Natural view (`units_on` None): the units that exist on the last day asked about, each on what happened in its own life.
History view: the units of the day `units_on`, each the sum of the units it is made of. docs/reorganisation.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from flows.steps.home import ZONE
from messages import boundaries as say
from scoring.merging import Life, Succession, by_life, month_after, succeed, summed

if TYPE_CHECKING:
    import pandas as pd

    from sources.units import Unit, UnitRegister

_NEVER = date(9999, 12, 1)


@dataclass
class View:
    """The units judged for a period and what their figures are made of. Days include both ends."""

    register: UnitRegister
    units: list[Unit]
    units_on: date | None
    first_day: date
    last_day: date
    period_end: date
    successions: dict[str, Succession] = field(default_factory=dict)
    into: dict[str, list[Unit]] = field(default_factory=dict)  # unit → the units that went into it as a whole
    divided: dict[str, list[Unit]] = field(default_factory=dict)  # unit → the units of which it is one of several heirs
    gaps: dict[str, dict[str, list[str]]] = field(default_factory=dict)  # commune → unit → measures without data
    measured: int = 0  # measures of the frame
    dossiers: pd.DataFrame | None = None  # the dossiers counted by month and unit, as the warehouse gave them

    def __post_init__(self) -> None:
        for unit in self.register.by_id.values():
            if unit.valid_to is None:
                continue
            if len(unit.successors) == 1:
                heir = unit.successors[0].unit_id
                self.successions[unit.unit_id] = Succession(unit.valid_to, heir)
                self.into.setdefault(heir, []).append(unit)
            for link in unit.successors if len(unit.successors) > 1 else ():
                self.divided.setdefault(link.unit_id, []).append(unit)

    def lineage(self, unit: Unit) -> list[Unit]:
        """Return the unit and, before it, all that went into it as a whole, the oldest first."""
        found: list[Unit] = []
        for earlier in self.into.get(unit.unit_id, []):
            found += self.lineage(earlier)
        return [*found, unit]

    def members(self, unit: Unit) -> list[Unit]:
        """Return the units whose figures of the period are the commune's: itself, or its lineage in the history view."""
        if self.units_on is None:
            return [unit]
        return [m for m in self.lineage(unit) if m.valid_from <= self.last_day and _end(m) >= self.first_day]

    def period_of(self, unit: Unit) -> tuple[date, date] | None:
        """Return the first and last day of the period on which a member of the commune existed; None when none did."""
        members = self.members(unit)
        if not members:
            return None
        begins = max(self.first_day, min(m.valid_from for m in members))
        return begins, min(self.last_day, max(_end(m) for m in members))

    def lives(self, working_days: Callable[[date, date], int]) -> dict[str, Life]:
        """Return the lives of the units that lived only a part of the period, or are summed with others."""
        found, counted = {}, {}
        for unit in self.units:
            members = self.members(unit)
            for member in members:
                part = member.valid_from > self.first_day or _end(member) < self.period_end
                if not part and len(members) == 1:
                    continue
                span = (max(self.first_day, member.valid_from), min(self.last_day, _end(member)))
                counted.setdefault(span, working_days(*span) if span not in counted else 0)
                whole = min(self.period_end, _end(member))
                found[member.unit_id] = Life(counted[span], _months(span[0], whole))
        return found

    def cells(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return monthly cells (unit_code, month) under the units they belong to.

        What is summed anyway stays with the unit whose exports tell of it: its heir may not have sent any yet.
        """
        together = set(self.counted_units()) if self.units_on else set()
        successions = {unit: to for unit, to in self.successions.items() if not {unit, to.successor} <= together}
        return succeed(frame, successions, self.last_day)

    def counted_units(self) -> list[str]:
        """Return the units to measure."""
        return [member.unit_id for unit in self.units for member in self.members(unit)]

    def merge(self, frame: pd.DataFrame, working_days: Callable[[date, date], int]) -> pd.DataFrame:
        """Return the measures of the communes from those of `counted_units`; remembers what is missing for the notes."""
        frame = by_life(frame, self.lives(working_days))
        self.measured = frame["measure"].nunique()
        if self.units_on is None:
            return frame
        out, self.gaps = summed(frame, {u.unit_id: [m.unit_id for m in self.members(u)] for u in self.units})
        return out

    def spans(self, unit: Unit) -> list[dict[str, Any]]:
        """Return which facts of which units are the commune's: unit_code, begins, ends (both included), holds_open.

        A dossier counts where an event of it (received, finished) lies between begins and ends, or, when it is open at the
        end and holds_open says so, as one of the commune's open dossiers. Same division as `cells`.
        """
        members = {m.unit_id for m in (self.lineage(unit) if self.units_on else [unit])}
        found = []
        for source in self.lineage(unit):
            owner, since, owned = source.unit_id, date.min, []
            while True:
                until = month_after(self.successions[owner].ends) if owner in self.successions else _NEVER
                if owner in members:
                    owned.append((since, until))
                if owner not in self.successions:
                    break
                owner, since = self.successions[owner].successor, until
            begins = max(self.first_day, min((a for a, _ in owned), default=_NEVER))
            ends = min(max((b for _, b in owned), default=date.min), self.last_day + timedelta(1))
            if begins < ends:
                found.append(_span(source.unit_id, begins, ends, ends > self.last_day))
        return found

    def appraiser(self, unit: Unit) -> str | None:
        """Return the name of the level above, which appraises the unit."""
        return self.register.by_id[unit.parent].full_name if unit.parent else None

    def notes(self, unit: Unit) -> list[str]:
        """Return what a reader must know about the boundaries behind a commune's figures, in Vietnamese."""
        found, members, period = [], self.members(unit), self.period_of(unit)
        if members and members != [unit]:
            found.append(say.made_of([_named(m) for m in members], self.units_on or self.last_day))
        elif period and (period[0] > self.first_day or _end(unit) < self.period_end):
            found.append(say.part_of_period(*period))
        whole = self.into.get(unit.unit_id, [])
        if self.units_on is None and whole and self.first_day <= unit.valid_from <= self.last_day:
            found.append(say.taken_over([_named(u) for u in whole], unit.valid_from))
        for member, measures in self.gaps.get(unit.unit_id, {}).items():
            found.append(say.lacking(_named(self.register.by_id[member]), measures, len(measures) == self.measured))
        for source in [s for u in (self.lineage(unit) if self.units_on else [unit]) for s in self.divided.get(u.unit_id, [])]:
            if self._concerns(source):
                heirs = [_named(self.register.by_id[link.unit_id]) for link in source.successors]
                found.append(say.divided(_named(source), source.valid_to or self.last_day, heirs))
        for source in whole if self.units_on is None else ():
            if source.valid_to and source.valid_to.day != 1 and self._concerns(source):
                found.append(say.within_a_month(_named(source), source.valid_to))
        return found

    def _concerns(self, source: Unit) -> bool:
        """Whether a unit that is gone had figures in the period; without `units_on` also whether it ended within it."""
        lived = source.valid_from <= self.last_day and _end(source) >= self.first_day
        return lived and (self.units_on is not None or _end(source) < self.last_day)

    def describe(self, unit: Unit) -> dict[str, Any]:
        """Return what a document says of a commune's boundaries: appraiser, period, made_of, notes."""
        period = self.period_of(unit)
        return {
            "appraiser": self.appraiser(unit),
            "period": {"from": period[0].isoformat(), "to": period[1].isoformat()} if period else None,
            "made_of": [m.unit_id for m in self.members(unit)], "notes": self.notes(unit),
        }  # fmt: skip


def spans_of(view: View | None, unit: Unit, first_day: date, last_day: date, *, whole: bool) -> list[dict[str, Any]]:
    """Return the spans of a commune (`View.spans`); not `whole`: only what was received under the unit itself."""
    if view is not None and whole:
        return view.spans(unit)
    return [_span(unit.unit_id, first_day, last_day + timedelta(1), True)]


def _span(unit_id: str, begins: date, until: date, holds_open: bool) -> dict[str, Any]:
    """Return a span from the beginning of a day to just before another."""
    ends = _midnight(until) - timedelta(microseconds=1)
    return {"unit_code": unit_id, "begins": _midnight(begins), "ends": ends, "holds_open": holds_open}


def relatives(register: UnitRegister, unit_ids: Iterable[str]) -> set[str]:
    """Return the units given, all that went into them and all that they went into."""
    up: dict[str, list[str]] = {}
    down: Mapping[str, list[str]] = {u.unit_id: [k.unit_id for k in u.successors] for u in register.by_id.values()}
    for unit_id, heirs in down.items():
        for heir in heirs:
            up.setdefault(heir, []).append(unit_id)
    found = set(unit_ids)
    for links in (up, down):
        waiting = list(unit_ids)
        while waiting:
            new = [n for n in links.get(waiting.pop(), ()) if n not in found]
            found.update(new)
            waiting += new
    return found


def _end(unit: Unit) -> date:
    """Return the unit's last day."""
    return unit.valid_to - timedelta(1) if unit.valid_to else _NEVER


def _named(unit: Unit) -> str:
    return f"{unit.full_name} ({unit.code})"


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(0), ZONE)


def _months(begins: date, ends: date) -> int:
    return (ends.year - begins.year) * 12 + ends.month - begins.month + 1
