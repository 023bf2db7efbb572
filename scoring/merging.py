"""Figures of communes whose boundaries changed: who a month's dossiers belong to, and sums over what a commune was made of.

A rate of several units is the sum of numerators over the sum of denominators, never a mean of rates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

#: Measures that a criterion sets against a number of calendar months, and one against working days.
BY_MONTHS: Final = ("officer_review_months",)
BY_WORKING_DAYS: Final = ("survey_day_coverage",)


@dataclass(frozen=True)
class Succession:
    """A unit that ended and the one unit that took over all of it. `ends`: the first day on which it is gone."""

    ends: date
    successor: str


@dataclass(frozen=True)
class Life:
    """How much of a period a unit lived: working days up to the day asked about, months of the whole period begun in it."""

    working_days: int
    months: int


def month_after(day: date) -> date:
    """The first month's begin on or after a day: monthly figures change hands there."""
    return day if day.day == 1 else date(day.year + day.month // 12, day.month % 12 + 1, 1)


def succeed(cells: pd.DataFrame, successions: Mapping[str, Succession], last_day: date) -> pd.DataFrame:
    """Monthly cells with every cell under the unit it belongs to: what happened after a unit's end is its successor's.

    cells: unit_code, month (first day; missing for what is open on `last_day`) and anything else; grain and rows stay, so
    a successor may have several rows of one month. Successions are followed through chains. A unit that ends within a
    month keeps that month, and what is open in it: monthly figures cannot be divided.
    """
    touched = cells["unit_code"].isin(list(successions)) if successions else None
    if touched is None or not touched.any():
        return cells
    moments = pd.to_datetime(cells["month"]).fillna(pd.Timestamp(last_day))
    ends = {unit: pd.Timestamp(month_after(found.ends)) for unit, found in successions.items()}
    heirs = {unit: found.successor for unit, found in successions.items()}
    owner = cells["unit_code"].copy()
    for _ in range(len(successions)):
        limit = pd.to_datetime(owner.map(ends))
        gone = (limit.notna() & (moments >= limit)).to_numpy()
        if not gone.any():
            break
        owner = owner.mask(gone, owner.map(heirs))
    return cells.assign(unit_code=owner)


def by_life(frame: pd.DataFrame, lives: Mapping[str, Life]) -> pd.DataFrame:
    """Measures with the denominators of the units in `lives` counted over their own life.

    survey_day_coverage: working days of its life; officer_review_months (a count elsewhere): months of its life.
    """
    if not lives:
        return frame
    out = frame.copy()
    concerned = out["commune"].isin(list(lives)) & out["numerator"].notna()
    for names, part in ((BY_WORKING_DAYS, "working_days"), (BY_MONTHS, "months")):
        rows = concerned & out["measure"].isin(names)
        figures = {unit: float(getattr(life, part)) for unit, life in lives.items()}
        out.loc[rows, "denominator"] = out.loc[rows, "commune"].map(figures).astype(np.float64)
    return out


def summed(frame: pd.DataFrame, members: Mapping[str, Sequence[str]]) -> tuple[pd.DataFrame, dict[str, dict[str, list[str]]]]:
    """Measures of `members` (commune → the units it is made of) from those of the units.

    Returns (measures, gaps): measures in the order of `members`, each the sum over the units that have data, without data
    when none has; gaps: commune → unit → measures it lacks while another unit has them. A unit may be in one commune only.
    Raises: ValueError for a unit in two communes.
    """
    place = {unit: k for k, units in enumerate(members.values()) for unit in units}
    if len(place) != sum(len(units) for units in members.values()):
        raise ValueError("a unit is in two communes")
    heads = list(members)
    codes, names = pd.factorize(frame["measure"])
    placed = frame["commune"].map(place)
    inside = placed.notna().to_numpy()
    rows, at = frame[inside], placed[inside].to_numpy(dtype=np.intp)
    cell, size = codes[inside] * len(heads) + at, len(names) * len(heads)
    numerator, denominator = (rows[name].to_numpy(dtype=np.float64) for name in ("numerator", "denominator"))
    has = ~np.isnan(numerator)

    def total(values: NDArray[np.float64], known: NDArray[np.bool_]) -> NDArray[np.float64]:
        sums = np.bincount(cell[known], weights=values[known], minlength=size)
        return np.where(np.bincount(cell[known], minlength=size) > 0, sums, np.nan)

    out = pd.DataFrame(
        {
            "commune": np.tile(np.array(heads, dtype=object), len(names)),
            "measure": np.repeat(np.asarray(names, dtype=object), len(heads)),
            "numerator": total(numerator, has),
            "denominator": total(denominator, has & ~np.isnan(denominator)),
            "unknown": np.nan_to_num(total(rows["unknown"].to_numpy(dtype=np.float64), has)),
        }
    )
    gaps: dict[str, dict[str, list[str]]] = {}
    for k in np.flatnonzero(~has & (np.bincount(cell[has], minlength=size) > 0)[cell]):
        head, unit, name = heads[at[k]], str(rows["commune"].iloc[k]), str(rows["measure"].iloc[k])
        gaps.setdefault(head, {}).setdefault(unit, []).append(name)
    return out, gaps
