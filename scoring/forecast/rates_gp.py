"""Gaussian processes on a few dozen months: one Cholesky factor gives fit, forecast and every rolling origin.

With K = L·Lᵀ over months in order, w = L⁻¹y are the one-step surprises; a row c of L (or of a weighted mean of months) read
up to an origin forecasts from there, and read from the origin on gives the error made. No other pass is needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from scoring.forecast.inputs import Floats

Months = NDArray[np.int64]
#: What the diagonal of the response's row must exceed; its size does not matter.
HUGE: Final = 1e12


#: How much of a level's distance to its mean is left a month later; 1 is a walk. How long a slope lasts.
KEEPS: Final = (0.8, 0.95, 1.0)
SLOPE_KEEP: Final = 0.95
#: The parts of a covariance, in the order of `parts`.
CONSTANT, SEASON, NOISE, TREND, LEVEL = 0, 1, 2, 3, 4


def parts(months: Months) -> Floats:
    """Return the unit covariances (4 + levels, M, M) of sorted months: constant, calendar month, month noise, slope, levels.

    A level has variance 1 in the long run, a walk steps of variance 1; a slope has variance 1 and is summed up by month.
    """
    apart = np.abs(months[:, None] - months)
    ring = apart % 12
    near = np.minimum(ring, 12 - ring)
    season = (0.6 * (near == 0) + 0.4 * np.exp(-0.5 * (near / 1.2) ** 2)) * 0.97 ** (apart / 12)
    since = months - months[0]
    every = np.arange(since[-1] + 1)
    slope = (SLOPE_KEEP ** np.abs(every[:, None] - every)).cumsum(axis=0).cumsum(axis=1)[np.ix_(since, since)]
    levels = [np.minimum(since[:, None], since) + 1.0 if keep == 1.0 else keep**apart for keep in KEEPS]
    return np.stack([np.ones(apart.shape), season, (apart == 0) * 1.0, slope, *levels])


def mixed(weights: Floats, kernels: Floats) -> Floats:
    """Return covariances (G, M, M) of candidates (G, parts): variances of the parts."""
    return (weights @ kernels.reshape(kernels.shape[0], -1)).reshape(weights.shape[0], *kernels.shape[1:])


def lattice(points: int, dimensions: int) -> Floats:
    """Return evenly spread points (G, dimensions) in the unit cube: the additive recurrence of the generalised golden ratio."""
    ratio = 1.5
    for _ in range(40):
        ratio = (1.0 + ratio) ** (1.0 / (dimensions + 1))
    steps = ratio ** -np.arange(1.0, dimensions + 1)
    return np.asarray((0.5 + np.arange(1, points + 1)[:, None] * steps) % 1.0)


@dataclass(frozen=True)
class Fit:
    """Factors of one or many series: factor (..., T, T), surprises (..., T), likelihood (...).

    rows (..., R, T): what R targets have in common with the surprises; rest (..., R, R): lower factor of what is left of them.
    """

    factor: Floats
    surprises: Floats
    likelihood: Floats
    rows: Floats
    rest: Floats

    @property
    def mean(self) -> Floats:
        """Means of the targets (..., R)."""
        return np.asarray(np.einsum("...rt,...t->...r", self.rows, self.surprises))


def fit(within: Floats, noise: Floats, across: Floats, beyond: Floats, response: Floats) -> Fit:
    """Fit responses (..., T) of covariance within (..., T, T) + their noise (..., T), for targets with across (..., R, T) and
    beyond (..., R, R). All broadcast."""
    past, targets = within.shape[-1], across.shape[-2]
    many = np.broadcast_shapes(within.shape[:-2], noise.shape[:-1], across.shape[:-2], response.shape[:-1])
    size = past + targets + 1
    whole = np.zeros((*many, size, size))  # the lower triangle is all that is read
    whole[..., :past, :past] = within
    here = np.arange(past)
    whole[..., here, here] += noise
    whole[..., past:-1, :past] = across
    whole[..., past:-1, past:-1] = beyond + 1e-9 * np.eye(targets)
    whole[..., -1, :past] = response
    whole[..., -1, -1] = HUGE
    factor = np.linalg.cholesky(whole)
    surprises = factor[..., -1, :past]
    sizes = np.diagonal(factor, axis1=-2, axis2=-1)[..., :past]
    likelihood = -0.5 * (surprises**2).sum(axis=-1) - np.log(sizes).sum(axis=-1)
    return Fit(factor[..., :past, :past], surprises, likelihood, factor[..., past:-1, :past], factor[..., past:-1, past:-1])
