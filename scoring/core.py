"""Totals, grades and ranks over arrays of any shape, in whole hundredths of a point.

The published score calls these on one number per commune; a forecast calls the same ones on draws × communes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from criteria.model import Band, ResolvedCriterion
from scoring import rounding
from scoring.recover import as_fraction
from scoring.rules import Award, award

NO_GRADE = -1
NO_RANK = 0


def criterion_award(criterion: ResolvedCriterion, value: ArrayLike | Mapping[str, ArrayLike]) -> Award:
    """What the value is worth under the criterion's own rule. Units: unrounded points, any shape.

    Raises ValueError when the criterion is not yet in force.
    """
    if criterion.rule is None or criterion.max_points is None:
        raise ValueError(f"{criterion.code} is not in force on this day")
    return award(criterion.rule.family, value, criterion.max_points, criterion.rule.params)


def clip_bonus(units: ArrayLike, limit_units: int) -> NDArray[np.int64]:
    """Bonus and penalty together, held within ± the limit. Units: hundredths."""
    return np.clip(np.asarray(units, dtype=np.int64), -limit_units, limit_units)


def share_units(total: ArrayLike, max_scored: ArrayLike, decimals: int = 2, scale: float = 100.0) -> NDArray[np.int64]:
    """scale × total / max_scored in units of 10**-decimals, half up; NO_UNITS if nothing is scored. scale 100: percent."""
    scaled = np.asarray(total, dtype=np.int64) * int(rounding.to_units(scale, decimals))
    return rounding.half_up_ratio(scaled, max_scored)


def grade_codes(index_units: ArrayLike, bands: Sequence[Band], decimals: int = 2) -> NDArray[np.int64]:
    """Position of each index in `bands` (0 = best); NO_GRADE for NO_UNITS or an index outside every band.

    `index_units` are units of 10**-decimals. An index on a band's lower edge belongs to that band.
    """
    u = np.asarray(index_units, dtype=np.int64)
    code = np.full(u.shape, NO_GRADE, dtype=np.int64)
    for position, band in enumerate(bands):
        inside = u != rounding.NO_UNITS
        if band.at_least is not None:
            inside &= u >= _edge(band.at_least, decimals)
        if band.below is not None:
            inside &= u < _edge(band.below, decimals)
        code[inside & (code == NO_GRADE)] = position
    return code


def _edge(limit: float, decimals: int) -> int:
    """The least index in whole units that is not below a limit, which may be written with more decimals than the index."""
    exact, scale = as_fraction(limit), int(10**decimals)
    return -(-exact.numerator * scale // exact.denominator)


def competition_rank(units: ArrayLike, groups: ArrayLike | None = None, axis: int = -1) -> NDArray[np.int64]:
    """1, 2, 2, 4 along an axis, the highest first; NO_RANK where the value is NO_UNITS.

    `groups`: a number for each place along the axis; ranks are then counted among those with the same number.
    """
    u = np.moveaxis(np.asarray(units, dtype=np.int64), axis, -1)
    lowered = np.where(u == rounding.NO_UNITS, 2**62, -u)
    if groups is None:
        order = np.argsort(lowered, axis=-1)
    else:
        group = np.asarray(groups, dtype=np.int64)
        order = np.lexsort((lowered, np.broadcast_to(group, u.shape)), axis=-1)
    ordered = np.take_along_axis(u, order, axis=-1)
    place = np.arange(1, u.shape[-1] + 1)
    rank_in_order = np.ones(u.shape, dtype=np.int64)
    new = ordered[..., 1:] != ordered[..., :-1]
    if groups is None:
        np.multiply(new, place[1:], out=rank_in_order[..., 1:])
        np.maximum.accumulate(rank_in_order, axis=-1, out=rank_in_order)
    else:
        first, grouped = np.ones(u.shape, dtype=np.bool_), group[order]
        first[..., 1:] = grouped[..., 1:] != grouped[..., :-1]
        new = np.concatenate([first[..., :1], new | first[..., 1:]], axis=-1)
        start = np.maximum.accumulate(np.where(first, place, 0), axis=-1)
        rank_in_order = np.maximum.accumulate(np.where(new, place, 0), axis=-1) - start + 1
    rank = np.empty(u.shape, dtype=np.int64)
    np.put_along_axis(rank, order, rank_in_order, axis=-1)
    return np.moveaxis(np.where(u == rounding.NO_UNITS, NO_RANK, rank), -1, axis)
