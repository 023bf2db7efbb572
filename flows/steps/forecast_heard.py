"""Until which day anybody told of dossiers. Exports that stop weeks before a day say nothing of the weeks since: nobody said
that no one came, nor that what was open is still open.

All silent: the forecast is made from the last day told of. Some silent: what they have not told of yet is unknown, not zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Final

from flows.steps.home import ZONE

if TYPE_CHECKING:
    from flows.steps.measure import Question
    from flows.steps.score import Scored
    from scoring.forecast.inputs import Inputs
    from warehouse.database import Transaction

#: Fewer working days without a word are a long weekend, or an export that comes once a week.
LEAST_DAYS: Final = 3
#: Where so many dossiers are received or finished in the time on average, none at all is no chance but silence. Generous: one
#: dossier that does not come is not finished either, and small communes work on some days of the week only.
LEAST_CASES: Final = 10.0
#: Measures of survey forms, which come by another way than dossiers.
_OF_FORMS: Final = ("satisfaction", "survey")


@dataclass(frozen=True)
class Silence:
    """since: the last day told of by anybody, None when that is recent. behind: the communes that stop before the others."""

    since: date | None = None
    behind: Mapping[str, date] = field(default_factory=dict)

    def of(self, unit: str) -> str | None:
        """The last day told of a commune, where it is not recent."""
        day = self.behind.get(unit, self.since)
        return day.isoformat() if day else None


def silence_of(tx: Transaction, asked: Question, inputs: Inputs) -> Silence:
    """Return who has been silent for how long, seen from the question's day."""
    if not inputs.told:
        return Silence()
    last = max(inputs.told.values())
    silent = _silent(tx, last, min(asked.last_day, inputs.horizon), sum(_pace(inputs).values()))
    return Silence(last if silent else None, _behind(tx, inputs))


def last_told(tx: Transaction, asked: Question, scored: Scored, inputs: Inputs) -> Question | None:
    """Return the question as it was at the last day told of, on the same units and within the year; None when that is recent."""
    since = None if inputs.over else silence_of(tx, asked, inputs).since
    if since is None or scored.view is None:
        return None
    day = max([since, asked.first_day, *(unit.valid_from for unit in scored.view.units)])
    return replace(asked, as_of=datetime.combine(day, time(23, 59, 59), ZONE)) if day < asked.last_day else None


def without_silence(tx: Transaction, inputs: Inputs) -> Inputs:
    """The same, the months that a silent commune has not told of in full unknown."""
    import numpy as np

    from scoring.forecast.inputs import Panel, month_number

    behind = {} if inputs.over else _behind(tx, inputs)
    if not behind:
        return inputs
    never = int(inputs.calendar.months[-1]) + 1
    first = np.array([month_number(behind[unit]) if unit in behind else never for unit in inputs.units])
    unknown = inputs.calendar.months >= first[:, None]
    panels = dict(inputs.panels)
    for name, panel in inputs.panels.items():
        if not name.startswith(_OF_FORMS):
            panels[name] = Panel(np.where(unknown, np.nan, panel.successes), np.where(unknown, np.nan, panel.trials))
    received, resolved = (np.where(unknown, np.nan, part) for part in (inputs.received, inputs.resolved))
    return replace(inputs, panels=panels, received=received, resolved=resolved)


def _behind(tx: Transaction, inputs: Inputs) -> dict[str, date]:
    """Return the communes that were silent while others spoke, with the last day they told of."""
    pace, last = _pace(inputs), max(inputs.told.values(), default=inputs.day)
    until = min(last, inputs.day)
    return {unit: day for unit, day in inputs.told.items() if unit in pace and _silent(tx, day, until, pace[unit])}


def _pace(inputs: Inputs) -> dict[str, float]:
    """Return how many dossiers each commune receives and finishes on a working day, by the months known of it."""
    import numpy as np

    moved = inputs.received + inputs.resolved
    days = np.where(np.isnan(moved), 0.0, inputs.calendar.worked).sum(axis=1)
    rates = np.nansum(moved, axis=1) / np.maximum(days, 1.0)
    return {unit: float(rate) for unit, rate in zip(inputs.units, rates)}


def _silent(tx: Transaction, last: date, until: date, pace: float) -> bool:
    """Whether nothing after a day is no chance any more."""
    from warehouse import queries

    if (until - last).days < LEAST_DAYS:
        return False
    days = queries.working_days(tx, last + timedelta(1), until)
    return days >= LEAST_DAYS and days * pace >= LEAST_CASES
