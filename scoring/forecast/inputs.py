"""What a forecast is made from: the year to date, the months behind it, and what is open. One moment, several units.

`flows.steps.forecast_inputs` fills this from the warehouse, as it stood and as it was known.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def month_number(day: date) -> int:
    """Months since year 0: 12 × year + month − 1."""
    return day.year * 12 + day.month - 1


@dataclass(frozen=True)
class Panel:
    """Counts of several units over consecutive months. NaN in `trials`: the month is not known (not: nothing happened).

    successes, trials: (N, T), 0 ≤ successes ≤ trials.
    """

    successes: Floats
    trials: Floats


@dataclass(frozen=True)
class Calendar:
    """Working days of the months behind (T,) up to the moment, and of those to come (H,), the rest of this month first.

    months (T,) and ahead (H,): month numbers, consecutive; ahead[0] is the current month (its rest) unless it is over.
    Units: working days. H is 0 at the year's end.
    """

    months: NDArray[np.int64]
    worked: Floats
    ahead: NDArray[np.int64]
    left: Floats


@dataclass(frozen=True)
class Inputs:
    """Everything known of some units at one moment. N units, T months behind (the current one, partial, is the last).

    day: the last day that has happened. horizon: the last day of the year (or of the units' life). year: of the question.
    measures: the year to date, as `scoring.measures` gives it (commune, measure, numerator, denominator, unknown).
    declarations: the year's, as `scoring.inputs` wants them.
    panels: share measures by month (received by month of receipt, finished by month of finishing, forms by month answered).
    received, resolved: (N, T) dossiers by month; NaN where nothing is known of a unit. months of a unit include those of
    the units that went into it as a whole.
    open: one row per dossier open at the moment: commune, dossier_code, procedure (its code, "" when unknown), procedure_name,
        officer, department, received_on, due_on (None: no due date), days_left (working days until the end of the due day;
        0 = due today, negative = past, NaN without due date), allowed (working days from receipt to the due day, NaN likewise),
        late (now, by the definition), counted (in the definition's denominator).
    endings: finished dossiers of the months behind, counted: commune, procedure, allowed (working days, capped at 60),
        spare (working days between finishing and due day, capped to −1 … 60; −1 = late), dossiers.
    tasks: commune, programme, assigned_on, due_on, done_on (as known). Every year behind and this one.
    initiatives: commune, month (month number), initiatives. reviews: commune, month (month number): months with a review.
    past_declarations: commune, year, criterion_code, value, points, state, declared_on: earlier years, as they ended.
    published: commune, year, index, grade, rank: results announced for earlier years.
    named_complaints: commune, month, forms. programme: the programme text that `task_on_time` is about.
    told: the last day on which a unit is known to have received or finished a dossier.
    """

    day: date
    horizon: date
    year: int
    units: tuple[str, ...]
    names: tuple[str, ...]
    definition: str
    calendar: Calendar
    measures: pd.DataFrame
    declarations: pd.DataFrame
    panels: Mapping[str, Panel]
    received: Floats
    resolved: Floats
    open: pd.DataFrame
    endings: pd.DataFrame
    tasks: pd.DataFrame
    initiatives: pd.DataFrame
    reviews: pd.DataFrame
    past_declarations: pd.DataFrame
    published: pd.DataFrame
    named_complaints: pd.DataFrame
    programme: str | None = None
    monthly_reports: pd.DataFrame = field(default_factory=pd.DataFrame)
    told: Mapping[str, date] = field(default_factory=dict)

    @property
    def over(self) -> bool:
        """Whether nothing of the year is left."""
        return self.day >= self.horizon

    def only(self, units: Collection[str]) -> Inputs:
        """The same for some of the units, in the same order. What was published of the others stays: they are peers."""
        kept = [k for k, unit in enumerate(self.units) if unit in units]
        if len(kept) == len(self.units):
            return self
        panels = {name: Panel(panel.successes[kept], panel.trials[kept]) for name, panel in self.panels.items()}
        frames: dict[str, Any] = {
            f.name: frame[frame["commune"].isin(units)].reset_index(drop=True)
            for f in fields(self)
            if f.name not in ("published", "monthly_reports") and isinstance(frame := getattr(self, f.name), pd.DataFrame)
        }
        return replace(
            self, units=tuple(self.units[k] for k in kept), names=tuple(self.names[k] for k in kept), panels=panels,
            received=self.received[kept], resolved=self.resolved[kept], **frames,
        )  # fmt: skip
