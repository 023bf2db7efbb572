"""Whole cases from normal numbers: the same luck gives more cases where more are likely (common random numbers)."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr  # type: ignore[import-untyped]

Floats = NDArray[np.float64]
#: From this variance on the normal with its skewness is as good as the exact distribution (error below half a case).
_ENOUGH: Final = 12.0
#: Numbers walked together, which then stay in the processor's cache, and steps after which those that arrived are left out.
_PIECE: Final = 1 << 14
_REST: Final = 8


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
        # Columns of draws lie next to each other in memory, so they are looked through and written column by column.
        chosen = few.T
        out.T[chosen] = _few(normal.T[chosen], trials.T[chosen], rate.T[chosen])
    return np.asarray(out, dtype=np.float64)


def _few(normal: Floats, trials: Floats, rate: Floats) -> Floats:
    """The same by walking up the exact distribution, piece by piece."""
    pieces = [slice(k, k + _PIECE) for k in range(0, len(normal), _PIECE)]
    return np.concatenate([_walk(normal[at], trials[at], rate[at]) for at in pieces])


def _walk(normal: Floats, trials: Floats, rate: Floats) -> Floats:
    """Counted from the rarer side, so that the walk is short. Those that have arrived are left behind now and then."""
    turned = rate > 0.5
    p = np.where(turned, 1.0 - rate, rate)
    level = ndtr(np.where(turned, -normal, normal))
    found = np.zeros_like(trials)
    mass = np.exp(trials * np.log1p(-p))
    walking = np.flatnonzero((level > mass) & (p > 0))
    level, mass, most, odds = (part.take(walking) for part in (level, mass, trials, p / (1.0 - p)))
    below, steps, count = mass.copy(), np.zeros(len(walking)), 0
    go_on = np.ones(len(walking), dtype=np.bool_)
    while go_on.any():
        step = most - count
        step /= count + 1
        step *= odds
        mass *= step
        below += mass
        steps += go_on
        count += 1
        # Past the bulk the sum may stop short of one by rounding: what no longer grows is done.
        go_on = (level > below) & (count < most) & (mass > 1e-15)
        if count % _REST == 0:
            found[walking] = steps
            left = np.flatnonzero(go_on)
            walking, go_on = walking[left], go_on[left]
            level, mass, below, most, odds, steps = (part.take(left) for part in (level, mass, below, most, odds, steps))
    found[walking] = steps
    return np.where(turned, trials - found, found)


def events(normal: ArrayLike, mean: ArrayLike) -> Floats:
    """Poisson events, monotone in `normal`; whole numbers. As `cases` with many trials."""
    mean = np.asarray(mean, dtype=np.float64)
    trials = np.maximum(np.ceil(mean * 1000.0), 1000.0)
    return cases(normal, trials, mean / trials)
