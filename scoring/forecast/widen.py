"""Recalibration: how much wider a forecast has to be, learnt from past forecasts, and the widening of its draws.

Units: totals in hundredths (10**-decimals); a factor multiplies distances from the median.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from criteria.model import ResolvedSet
from scoring.forecast.summary import summary_units
from scoring.rounding import NO_UNITS, to_units
from scoring.totals import max_total

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
LEAST: Final = 0.6
MOST: Final = 3.0
#: Independent cases that weigh as much as the belief that the forecast is right as it is. The logarithm of a factor learnt
#: from n normal errors has variance 0.7 / n; before any is seen, factors of e**0.3 are taken to be usual: 0.7 / 0.3**2. Narrower
#: ones are taken to be rarer, e**-0.15: who is told too narrow an interval is misled, who is told too wide a one is not.
PRIOR_CASES: Final = 8.0
PRIOR_NARROW: Final = 30.0
#: An error this many times its interval's half-width says no more than "far outside".
_FAR: Final = 10.0


def limits(rules: ResolvedSet) -> tuple[int, int]:
    """The least and the largest total that a set allows."""
    bonus = int(to_units(rules.bonus_limit, rules.decimals))
    return -bonus, max_total(rules) + bonus


def widen(totals: Ints, factor: float | Floats, rules: ResolvedSet, max_scored: Ints | None = None) -> Ints:
    """Draws (D, C), each `factor` (one, or (C,)) times as far from its commune's median, in whole units.

    No draw leaves what the set allows: nothing less the bonus limit, to the maximum (of what is scored, where `max_scored`
    is given) and the limit. Draws on the median stay there, those without a score stay so; a factor of 1 changes nothing.
    """
    low, high = limits(rules)
    has = totals != NO_UNITS
    centre = summary_units(totals, [500])[1]
    away = np.where(has, totals - centre, 0)
    further = np.copysign(np.floor(np.abs(away) * np.asarray(factor, dtype=np.float64) + 0.5), away).astype(np.int64)
    top = high if max_scored is None else max_scored + (high - max_total(rules))
    moved = np.where(further == away, totals, np.clip(centre + further, low, top))
    return np.where(has, moved, NO_UNITS)


def factor_for(truth: ArrayLike, quantiles: ArrayLike, groups: ArrayLike) -> float:
    """The one factor with which past forecasts would have covered what came: about 80 and 95 % of it.

    truth: (K,) what came. quantiles: (5, K) at 0.025, 0.1, 0.5, 0.9, 0.975, as forecast. Rows with a NaN are left out,
    and intervals without width: no factor moves them.
    groups: (K,) which rows share their luck (the communes of one origin, or of one year): the more alike the errors of a
    group are, the fewer independent cases there are, and the nearer the factor is to 1. Between 0.6 and 3; 1 without rows.

    For each level the factor is the quantile of |truth − median| / half-width of the interval on the truth's side; the two
    count alike (their logarithms are about equally sure when errors are normal).
    """
    came, said = np.asarray(truth, dtype=np.float64), np.asarray(quantiles, dtype=np.float64)
    known = ~np.isnan(came) & (said[0] < said[4])
    came, said, group = came[known], said[:, known], np.asarray(groups)[known]
    if not len(came):
        return 1.0
    inner, outer = _ratios(came, said[1], said[2], said[3]), _ratios(came, said[0], said[2], said[4])
    found = np.array([_upper(inner, 0.8), _upper(outer, 0.95)])
    wide = float(np.log(np.clip(found, LEAST, MOST)).mean())
    cases = independent_cases(inner, group)
    prior = PRIOR_CASES if wide > 0 else PRIOR_NARROW
    return float(np.clip(np.exp(wide * cases / (cases + prior)), LEAST, MOST))


def _ratios(came: Floats, low: Floats, centre: Floats, high: Floats) -> Floats:
    """Distance from the median over the half-width on that side; 0 on the median, `_FAR` beside an interval without width."""
    above = came >= centre
    half, off = np.where(above, high - centre, centre - low), np.abs(came - centre)
    ratio = np.divide(off, half, out=np.full(off.shape, _FAR), where=half > 0)
    return np.minimum(np.where(off == 0, 0.0, ratio), _FAR)


def _upper(ratios: Floats, level: float) -> float:
    """The factor with which the next case is covered this often: the (n + 1) level-th of n cases, as of n + 1 alike ones any
    may be the next. Counting only the n themselves would promise more than it keeps. Of few cases the largest."""
    return float(np.quantile(ratios, level, method="weibull"))


def independent_cases(ratios: Floats, groups: NDArray[np.generic]) -> float:
    """How many independent cases K correlated ones are worth: K / (1 + (m − 1) ρ), between the groups' number and K.

    ρ: the share of the variance between groups (one-way analysis of variance), m: the mean group size, weighted by size.
    """
    _, at, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    count, number = len(ratios), len(sizes)
    if number == count:
        return float(count)
    if number == 1:
        return 1.0
    means = np.bincount(at, weights=ratios) / sizes
    within = float(((ratios - means[at]) ** 2).sum()) / (count - number)
    between = float((sizes * (means - ratios.mean()) ** 2).sum()) / (number - 1)
    usual = (count - float((sizes**2).sum()) / count) / (number - 1)
    variance = max(0.0, (between - within) / usual)
    rho = variance / (variance + within) if variance + within > 0 else 0.0
    return float(max(number, count / (1.0 + (float((sizes**2).sum()) / count - 1.0) * rho)))
