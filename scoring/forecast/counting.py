"""Whole cases from normal numbers: the same luck gives more cases where more are likely (common random numbers)."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr  # type: ignore[import-untyped]

Floats = NDArray[np.float64]
#: From this variance on the normal with its skewness is as good as the exact distribution (error below half a case).
_ENOUGH: Final = 12.0


def cases(normal: ArrayLike, trials: ArrayLike, rate: ArrayLike) -> Floats:
    """Binomial successes of `trials` at `rate`, monotone in `normal`. All broadcast; whole numbers in [0, trials].

    Exact by inversion where the variance is small, else the Cornish–Fisher expansion with the skewness, rounded.
    """
    normal, trials, rate = np.broadcast_arrays(*(np.asarray(a, dtype=np.float64) for a in (normal, trials, rate)))
    spread = trials * rate * (1.0 - rate)
    out = trials * rate + np.sqrt(spread) * normal
    out += (1.0 - 2.0 * rate) * (normal * normal - 1.0) / 6.0
    np.rint(out, out=out)
    np.clip(out, 0.0, trials, out=out)
    few = (spread < _ENOUGH) & (trials > 0)
    if few.any():
        out[few] = _few(normal[few], trials[few], rate[few])
    return np.asarray(out, dtype=np.float64)


def _few(normal: Floats, trials: Floats, rate: Floats) -> Floats:
    """The same by walking up the exact distribution; counted from the rarer side, so that the walk is short."""
    turned = rate > 0.5
    p = np.where(turned, 1.0 - rate, rate)
    level = ndtr(np.where(turned, -normal, normal))
    odds = p / (1.0 - p)
    mass = np.exp(trials * np.log1p(-p))
    below = mass.copy()
    found = np.zeros_like(trials)
    walking = np.flatnonzero((level > below) & (trials > 0) & (p > 0))
    count = 0
    while len(walking):
        mass[walking] *= (trials[walking] - count) / (count + 1) * odds[walking]
        below[walking] += mass[walking]
        count += 1
        found[walking] = count
        # Past the bulk the sum may stop short of one by rounding: what no longer grows is done.
        go_on = (level[walking] > below[walking]) & (count < trials[walking]) & (mass[walking] > 1e-15)
        walking = walking[go_on]
    return np.where(turned, trials - found, found)


def events(normal: ArrayLike, mean: ArrayLike) -> Floats:
    """Poisson events, monotone in `normal`; whole numbers. As `cases` with many trials."""
    mean = np.asarray(mean, dtype=np.float64)
    trials = np.maximum(np.ceil(mean * 1000.0), 1000.0)
    return cases(normal, trials, mean / trials)
