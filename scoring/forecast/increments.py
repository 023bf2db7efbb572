"""What the rest of the year adds to every measure: drawn numerators and denominators on top of today's figures.

With nothing of the year left every increment is exactly 0, so that the forecast is the score.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from scoring.forecast.counting import cases, events
from scoring.forecast.fitted import (
    DAYS,
    LATE,
    OF_ANSWERS,
    OF_RESOLVED,
    Fitted,
    columns_of,
    panels_of,
    pending_counted,
)
from scoring.forecast.rates import rate_draws
from scoring.forecast.streams import EVERYBODY, normals, stream
from scoring.forecast.volumes import volume_draws
from scoring.inputs import MeasureArrays

Floats = NDArray[np.float64]
#: Working days after which the stock of open dossiers no longer depends on today's.
_TURNOVER = 15.0


@dataclass
class Increments:
    """Draws of some units (C columns). now: today's figures (1, C). measures: at the year's end.

    to_come: cases of each measure's denominator still to come, (D, C) or (1, C).
    """

    fitted: Fitted
    units: tuple[str, ...]
    draws: int
    seed: int
    measures: dict[str, MeasureArrays] = field(default_factory=dict)
    to_come: dict[str, Floats] = field(default_factory=dict)
    _rates: dict[str, Floats] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.columns = columns_of(self.fitted.inputs.units, self.units)
        self.now = {name: _row(data, self.columns) for name, data in self.fitted.now.items()}
        self.measures.update(self.now)
        if self.fitted.over:
            return
        self.received = self._volume()
        self.resolved = self._finished()
        for name in self.fitted.now:
            self._grow(name)

    def _volume(self) -> Floats:
        """(D, C) dossiers to be received."""
        f = self.fitted
        if not f.plain:
            return volume_draws(f.volume.of(self.columns), self.seed, self.units, self.draws)
        year = self._months_of_the_year()
        past = np.nansum(f.inputs.received[self.columns][:, year], axis=1)
        share = f.inputs.calendar.left.sum() / max(f.inputs.calendar.worked[year].sum(), 1.0)
        return events(normals(self.seed, self.units, "volume", self.draws), past * share)

    def _finished(self) -> Floats:
        """(D, C) dossiers to be finished: what is open and comes, less what will be open at the end."""
        f = self.fitted
        turned = min(1.0, float(f.inputs.calendar.left.sum()) / _TURNOVER)
        there = f.open_now[self.columns] + self.received
        left = np.rint((1 - turned) * f.open_now[self.columns]) + self._events("stock", turned * f.stock[self.columns])
        return np.maximum(there - left, 0.0)

    def _grow(self, name: str) -> None:
        if name == "received":
            self._add(name, self.received, None)
        elif name == "resolved":
            self._add(name, self.resolved, None)
        elif name == "open":
            self._add(name, self.received - self.resolved, None)
        elif name in LATE:
            if "overdue_rate" in self.fitted.rates:
                self._begin(name)
                self._late(name, self.measures[name])
        elif name == DAYS and name in self.fitted.rates:
            left = np.full((1, len(self.units)), float(self.fitted.inputs.calendar.left.sum()))
            self._begin(name)
            self._add(name, self._successes(name, left), left)
        elif panels_of(name):
            self._shares(name)

    def _shares(self, name: str) -> None:
        """A measure made of one or more monthly panels."""
        gained = total = np.zeros((1, len(self.units)))
        for panel in panels_of(name):
            if panel not in self.fitted.rates:
                continue
            more = self._cases(panel)
            if len(panels_of(name)) > 1:  # a part of which nothing is known adds nothing, as in the measure itself
                known = ~np.isnan(self.fitted.inputs.panels[panel].trials[self.columns]).all(axis=1)
                more = np.where(known, more, 0.0)
            total = total + more
            gained = gained + self._successes(panel, more)
        self._begin(name)
        self._add(name, gained, total)

    def _begin(self, name: str) -> None:
        """A measure without data this year, of which months behind tell, begins at nothing instead of staying unknown."""
        now = self.measures[name]
        told = np.zeros(len(self.units), dtype=np.bool_)
        for panel in panels_of(name):
            if panel in self.fitted.inputs.panels:
                told |= np.nansum(self.fitted.inputs.panels[panel].trials[self.columns], axis=1) > 0
        new = np.isnan(now.numerator) & told
        self.measures[name] = MeasureArrays(
            np.where(new, 0.0, now.numerator), np.where(new, 0.0, now.denominator), now.unknown, now.present | new
        )

    def _cases(self, panel: str) -> Floats:
        """(D, C) cases of a panel's denominator to come."""
        f = self.fitted
        if panel in OF_ANSWERS:
            assert f.answers is not None
            base = self._answers()
        else:
            base = self.resolved if panel in OF_RESOLVED else self.received
        # How many of them have a fee or a known answer is nearly certain beside how many come and how they go.
        return np.asarray(np.rint(base * f.rates[panel].ratio[self.columns]), dtype=np.float64)

    def _answers(self) -> Floats:
        f = self.fitted
        assert f.answers is not None
        if "answers" not in self._rates:
            drawn = volume_draws(f.answers.of(self.columns), self.seed, self.units, self.draws, "answers")
            self._rates["answers"] = drawn
        return self._rates["answers"]

    def _late(self, name: str, now: MeasureArrays) -> None:
        """Late dossiers: those open today that will be, and those still to come whose due day lies before the end.

        A definition of finished dossiers alone counts a late one only when it is finished: of those late and open today most
        will be, but about as many others will be late and open at the end.
        """
        f = self.fitted
        ratio = np.minimum(f.rates["overdue_rate"].ratio[self.columns], 1.0)
        chance = f.open_late[self.columns] / np.maximum(f.open_cases[self.columns], 1.0)
        of_open = cases(self._normal("late:open"), f.open_cases[self.columns], chance)
        due = cases(self._normal("late:ripe"), self.received, f.ripe[self.columns] * ratio)
        late = of_open + self._successes("overdue_rate", due)
        if pending_counted(f.inputs):
            more = self._cases("overdue_rate")
            late = np.minimum(late, more + f.open_cases[self.columns])
        else:
            more = np.rint(self.resolved * ratio)
            late = np.minimum(late, more)
        good = name == "on_time_rate"
        numerator = more - late if good else late
        end = now.denominator + more
        self.measures[name] = MeasureArrays(np.clip(now.numerator + numerator, 0.0, end), end, now.unknown, now.present)
        self.to_come[name] = more

    def _successes(self, panel: str, trials: Floats) -> Floats:
        return cases(self._normal(f"luck:{panel}"), trials, self.rate(panel))

    def rate(self, panel: str) -> Floats:
        """(D, C) the rate of the months to come, drawn once."""
        if panel not in self._rates:
            self._rates[panel] = self._plain_rate(panel) if self.fitted.plain else self._drawn_rate(panel)
        return self._rates[panel]

    def _drawn_rate(self, panel: str) -> Floats:
        own = self._normal(f"rate:{panel}")
        common = normals(self.seed, (EVERYBODY,), f"rate:{panel}", self.draws)
        return rate_draws(self.fitted.rates[panel].outlook.of(self.columns), common, own)

    def _plain_rate(self, panel: str) -> Floats:
        """(D, C) from the year to date alone, with an even prior."""
        found = self.fitted.inputs.panels[panel]
        year = self._months_of_the_year()
        good = np.nansum(found.successes[self.columns][:, year], axis=1)
        bad = np.maximum(np.nansum(found.trials[self.columns][:, year], axis=1) - good, 0.0)
        drawn = [
            stream(self.seed, unit, f"plain:{panel}").beta(1.0 + g, 1.0 + b, self.draws)
            for unit, g, b in zip(self.units, good, bad)
        ]
        return np.array(drawn).T

    def _months_of_the_year(self) -> NDArray[np.bool_]:
        return np.asarray(self.fitted.inputs.calendar.months // 12 == self.fitted.inputs.year)

    def _normal(self, name: str) -> Floats:
        return normals(self.seed, self.units, name, self.draws)

    def _events(self, name: str, mean: Floats) -> Floats:
        return events(self._normal(name), mean)

    def _add(self, name: str, numerator: Floats, denominator: Floats | None) -> None:
        """Add an increment to today's figure; a measure without data stays without."""
        now = self.measures[name]
        more = np.zeros((1, len(self.units))) if denominator is None else denominator
        self.measures[name] = MeasureArrays(now.numerator + numerator, now.denominator + more, now.unknown, now.present)
        self.to_come[name] = np.asarray(more if denominator is not None else numerator, dtype=np.float64)


def _row(data: MeasureArrays, columns: NDArray[np.intp]) -> MeasureArrays:
    """Some units' figures as a row (1, C)."""
    return MeasureArrays(
        data.numerator[None, columns], data.denominator[None, columns], data.unknown[None, columns], data.present[None, columns]
    )
