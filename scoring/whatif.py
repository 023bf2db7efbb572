"""What if: the same inputs under changed rules, with overridden points and exclusions, and what that moves.

Nothing is scored by a stand-in: `WhatIf.scores` calls the engine that gives the published index. The inputs are given
once; each question after that costs one build of the set and one pass of the engine per period.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from criteria.loader import build_set
from criteria.model import CriteriaSet, ResolvedSet
from scoring.changes import apply_changes, versions_met
from scoring.engine import Scores, score_arrays
from scoring.inputs import Arrays, arrays_of
from scoring.rounding import NO_UNITS, from_units, to_units

TOTALS: Final = ("commune", "total", "rank", "grade")


@dataclass(frozen=True)
class Inputs:
    """What one period is scored from. Frames: see scoring.inputs. day: the day whose rules hold."""

    day: date
    measures: pd.DataFrame
    declarations: pd.DataFrame
    communes: tuple[str, ...]


@dataclass
class WhatIf:
    """One criteria set (`criteria.set_content`) and the inputs of one or more periods."""

    content: Mapping[str, Any]
    inputs: Sequence[Inputs]
    name: str = "what-if"
    _base: CriteriaSet | None = field(default=None, repr=False)
    _arrays: list[Arrays] = field(default_factory=list, repr=False)

    def rules(self, changes: Mapping[str, Any], days: Sequence[date]) -> list[ResolvedSet]:
        """The set as changed, on each day. Raises: ChangeError, CriteriaError, NotInForceError."""
        if not changes:  # asked for again and again as what a change is held against
            self._base = self._base or build_set(self.content, self.name)
            return [self._base.at(day) for day in days]
        built: dict[Hashable, CriteriaSet] = {}
        out = []
        for day in days:
            window = versions_met(self.content, changes, day)
            if window not in built:
                built[window] = build_set(apply_changes(self.content, changes, day), self.name)
            out.append(built[window].at(day))
        return out

    def _given(self) -> list[Arrays]:
        """The inputs as arrays, made once: no change gives a criterion another measure."""
        if not self._arrays:
            rules = self.rules({}, [given.day for given in self.inputs])
            self._arrays = [arrays_of(i.measures, i.declarations, r, i.communes) for i, r in zip(self.inputs, rules)]
        return self._arrays

    def scores(
        self, changes: Mapping[str, Any], overrides: pd.DataFrame | None = None, unranked: Collection[str] = (), *,
        lines: bool = False,
    ) -> list[Scores]:  # fmt: skip
        """The scores of every period, in order, without reasons; with every criterion's points when `lines`.

        overrides apply to communes that the period has.

        Raises: as `rules`, and ValueError for overrides that do not fit the set.
        """
        out = []
        changed = self.rules(changes, [given.day for given in self.inputs])
        for given, arrays, rules in zip(self.inputs, self._given(), changed):
            own = overrides[overrides["commune"].isin(given.communes)] if overrides is not None else None
            out.append(score_arrays(arrays, rules, given.communes, explain=False, overrides=own, unranked=unranked, lines=lines))
        return out


@dataclass(frozen=True)
class Movement:
    """What moved between two results.

    communes: commune, total_before, total_after, total_change, rank_before, rank_after, rank_change (up is positive),
        grade_before, grade_after, grade_changed. Grain: commune of either result, those of the first one first.
    flips: (a, b) where a stood above b and now stands below it.
    """

    communes: pd.DataFrame
    flips: tuple[tuple[str, str], ...]


def movement(before: pd.DataFrame, after: pd.DataFrame, decimals: int = 2) -> Movement:
    """What moved from one result to the other. Both need the columns TOTALS; missing totals and ranks are NaN."""
    names = list(dict.fromkeys([*before["commune"], *after["commune"]]))
    at = {name: k for k, name in enumerate(names)}
    totals, ranks = np.full((2, len(names)), NO_UNITS), np.full((2, len(names)), np.nan)
    grades: list[list[str | None]] = [[None] * len(names), [None] * len(names)]
    for side, frame in enumerate((before, after)):
        rows = [at[name] for name in frame["commune"]]
        totals[side, rows] = to_units(np.asarray(frame["total"], dtype=np.float64), decimals)
        ranks[side, rows] = [np.nan if pd.isna(rank) else rank for rank in frame["rank"]]
        for row, grade in zip(rows, frame["grade"]):
            grades[side][row] = grade if isinstance(grade, str) else None
    both = (totals != NO_UNITS).all(axis=0)
    change = np.where(both, totals[1] - np.where(both, totals[0], 0), NO_UNITS)
    communes = pd.DataFrame(
        {
            "commune": names,
            "total_before": from_units(totals[0], decimals),
            "total_after": from_units(totals[1], decimals),
            "total_change": from_units(change, decimals),
            "rank_before": ranks[0],
            "rank_after": ranks[1],
            "rank_change": ranks[0] - ranks[1],
            "grade_before": pd.Series(grades[0], dtype=object),
            "grade_after": pd.Series(grades[1], dtype=object),
            "grade_changed": [a != b for a, b in zip(*grades)],
        }
    )
    return Movement(communes, _flips(names, ranks[0], ranks[1]))


def _flips(names: Sequence[str], before: NDArray[Any], after: NDArray[Any]) -> tuple[tuple[str, str], ...]:
    """Pairs in both rankings whose order is turned; a tie on either side is no turn."""
    turned = (before[:, None] < before[None, :]) & (after[:, None] > after[None, :])
    order = np.argsort(before, kind="stable")
    rows, columns = np.nonzero(turned[np.ix_(order, order)])
    return tuple((names[order[a]], names[order[b]]) for a, b in zip(rows, columns))


@dataclass(frozen=True)
class Moved:
    """How far the weights were moved. Units: points, share of the total before (/1), points.

    points: half the sum of all changes, so what left some criteria and came to others counts once.
    """

    points: float
    share: float
    total_before: float
    total_after: float


def weights_moved(before: Mapping[str, int], after: Mapping[str, int]) -> Moved:
    """Compare two weightings in hundredths of a point (`scoring.changes.weights_of`)."""
    change = sum(abs(after.get(code, 0) - before.get(code, 0)) for code in {*before, *after})
    whole = sum(before.values())
    return Moved(change / 200, change / 2 / whole if whole else 0.0, whole / 100, sum(after.values()) / 100)
