"""Peers known by counts only: what their monthly reports of this year say against those of their last published year.

The share of a measure at the year's end is the reported months and, for those still to come, the rate model's answer
(`scoring.forecast.rates`) with as many cases a month as lately. Both years are scored by the rules of this year: what is left
is the change of the peer, not of the rules. Only criteria whose every input is reported count; the others stay as published.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import pandas as pd
from scipy.special import expit, ndtri  # type: ignore[import-untyped]

from criteria.model import ResolvedCriterion, ResolvedSet
from scoring.forecast.inputs import Floats, Panel
from scoring.forecast.rates import outlook
from scoring.inputs import MeasureArrays
from scoring.worth import worth

#: Measure → reported cases and the cases they are of.
REPORTED: Final = {"online_rate": ("received_online", "received"), "overdue_rate": ("resolved_overdue", "resolved_total")}
#: Fewer reported months than these say too little of a year that is over.
LEAST_MONTHS: Final = 6
_LATELY: Final = 12
#: Standard normals of equal weight, over which the points of a year are averaged.
_GRID: Final = ndtri((np.arange(99) + 0.5) / 99)


def shift_by_peer(reports: pd.DataFrame, last: Mapping[str, int], year: int, end: int, rules: ResolvedSet) -> dict[str, float]:
    """Points by which each peer's reports move its last published index; peers whose reports do not tell are absent.

    reports: commune, month (month number) and the columns of form II.06a. Grain: commune × month. last: year of the last
    published index by peer. end: month number of the last month of `year` to be looked at. Units: points of the set.
    """
    criteria = [c for c in rules.criteria if c.rule is not None and c.kind == "base" and _reported(c)]
    if reports.empty or not criteria:
        return {}
    names, months, panels = report_panels(reports)
    moved, told = np.zeros(len(names)), np.zeros(len(names), dtype=np.bool_)
    base = np.array([last.get(name, 0) for name in names])
    before = {name: _year(panel, months, base) for name, panel in panels.items()}
    after = {name: _year_end(panel, months, year, end) for name, panel in panels.items()}
    for criterion in criteria:
        change = np.mean(worth(criterion, after, {}).raw, axis=0) - worth(criterion, before, {}).raw[0]
        known = ~np.isnan(change)
        moved, told = moved + np.where(known, change, 0.0), told | known
    return {name: float(moved[k]) for k, name in enumerate(names) if told[k] and name in last}


def _reported(criterion: ResolvedCriterion) -> bool:
    """Whether all that the criterion asks for is in the reports."""
    asked = [str(criterion.measure)] if criterion.measure else list(criterion.inputs.values())
    return criterion.declared is None and bool(asked) and all(name in REPORTED for name in asked)


def report_panels(reports: pd.DataFrame) -> tuple[tuple[str, ...], np.ndarray, dict[str, Panel]]:
    """The communes in order, consecutive months (T,), and the panel of each reported measure. NaN: not reported."""
    direct = reports["received_total"] - reports["carried_over"].fillna(0.0) - reports["received_online"]
    received = reports["received_online"] + reports["received_direct_postal"].fillna(direct)
    table = reports.assign(received=received).set_index(["commune", "month"]).unstack("commune")
    months = np.arange(int(table.index.min()), int(table.index.max()) + 1, dtype=np.int64)
    table = table.reindex(months)
    names = tuple(str(name) for name in table["received"].columns)
    panels = {}
    for name, columns in REPORTED.items():
        good, whole = (table[column].to_numpy(dtype=np.float64).T for column in columns)
        known = (good >= 0) & (good <= whole)  # not where a report contradicts itself
        panels[name] = Panel(np.where(known, good, np.nan), np.where(known, whole, np.nan))
    return names, months, panels


def _year(panel: Panel, months: np.ndarray, years: np.ndarray) -> MeasureArrays:
    """(1, N) each unit's reported year; not present where too few of its months are known."""
    inside = (months[None, :] // 12 == years[:, None]) & ~np.isnan(panel.trials)
    good, whole = (np.where(inside, part, 0.0).sum(axis=1)[None] for part in (panel.successes, panel.trials))
    return _arrays(good, whole, (inside.sum(axis=1) >= LEAST_MONTHS)[None])


def _year_end(panel: Panel, months: np.ndarray, year: int, end: int) -> MeasureArrays:
    """(G, N) the year to be: the reported months and the rate model's answer for the others. Not present without any report."""
    known = ~np.isnan(panel.trials)
    inside = known & (months // 12 == year) & (months <= end)
    good, whole = (np.where(inside, part, 0.0).sum(axis=1) for part in (panel.successes, panel.trials))
    lately = known[:, -_LATELY:]
    count = lately.sum(axis=1)
    monthly = np.where(lately, panel.trials[:, -_LATELY:], 0.0).sum(axis=1) / np.maximum(count, 1)
    to_come = monthly * np.maximum(end - 12 * year + 1 - inside.sum(axis=1), 0)
    ahead = np.arange(int(months[-1]) + 1, end + 1, dtype=np.int64)
    seen = outlook(panel, months, ahead, np.ones(ahead.size))
    rates = expit(seen.centre + np.hypot(seen.common_sd, seen.own_sd) * _GRID[:, None])
    return _arrays(good + rates * to_come, np.broadcast_to(whole + to_come, rates.shape), (count > 0)[None])


def _arrays(numerator: Floats, denominator: Floats, present: np.ndarray) -> MeasureArrays:
    shape = numerator.shape
    return MeasureArrays(numerator, denominator, np.zeros(shape), np.broadcast_to(present & (denominator > 0), shape))
