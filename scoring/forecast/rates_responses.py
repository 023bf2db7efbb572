"""Counts as numbers on the logit scale, and their split into what all units share and what is each one's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import expit, logit  # type: ignore[import-untyped]

from scoring.forecast.inputs import Bools, Floats, Panel

#: The variance that stands for "nothing is known".
UNKNOWN: Final = 1e6
#: No share is taken nearer to 0 or 1 than this.
EDGE: Final = 1e-5
ROUNDS: Final = 3
#: The least and the most that one unit is thought to differ from another, or from itself, as a variance of the logit.
LEAST, MOST = 0.0025, 4.0


@dataclass(frozen=True)
class Split:
    """The working responses of a panel: response = common + own in every known month of every unit.

    common (T,), common_noise (T,): the shared series and the variance of its counting noise (UNKNOWN: no unit has the month).
    own (N, T), own_noise (N, T): the rest and its counting noise. spread: variance of the units' means around the common one.
    wander: variance of a unit's months around its mean, counting noise apart. Units: logit.
    """

    common: Floats
    common_noise: Floats
    own: Floats
    own_noise: Floats
    spread: float
    wander: float


def split(panel: Panel) -> Split:
    """Return the working responses, linearised where prior and count together put each month's share.

    A month with large counts is its own empirical logit; a small one leans on its unit's mean and the common month,
    so that no success at all is a finite number with an honest variance.
    """
    known = np.isfinite(panel.trials) & (panel.trials > 0) & np.isfinite(panel.successes)
    trials = np.where(known, panel.trials, 0.0)
    successes = np.where(known, np.clip(panel.successes, 0.0, panel.trials), 0.0)
    total = max(float(trials.sum()), 1.0)
    successes, trials = successes + 0.5 * trials / total, trials + trials / total  # all or nothing everywhere stays finite
    centre = _start(successes, trials)
    spread, wander = 0.3, 0.1
    for _ in range(ROUNDS):
        response, noise = _linearised(successes, trials, centre, wander, known)
        weights = np.where(known, 1.0 / (wander + noise), 0.0)
        common, mean = two_way(response, weights, spread)
        centre = mean[:, None] + _calmed(common, weights.sum(axis=0))
        spread, wander = _variances(response - common, noise, weights, known, mean, spread)
    total = weights.sum(axis=0)
    share = weights / np.where(total > 0, total, 1.0)
    common = np.where(total > 0, (share * (response - mean[:, None])).sum(axis=0), 0.0)
    shared = (share**2 * np.where(known, noise, 0.0)).sum(axis=0)
    own_noise = np.where(known, noise * np.maximum(1.0 - 2.0 * share, 0.0) + shared, UNKNOWN)
    return Split(
        common=common,
        common_noise=np.where(total > 0, shared, UNKNOWN),
        own=np.where(known, response - common, 0.0),
        own_noise=own_noise,
        spread=spread,
        wander=wander,
    )


def _start(successes: Floats, trials: Floats) -> Floats:
    """Return a first guess (N, T): each unit's share, shrunk to the mean unit's."""
    many = trials.sum(axis=1)
    rates = (successes.sum(axis=1) + 0.5) / (many + 1.0)
    weights = many / (many + 50.0)
    middle = float((weights * rates).sum() / weights.sum()) if weights.sum() > 0 else 0.5
    shrunk = (successes.sum(axis=1) + 10.0 * middle) / (many + 10.0)
    return np.repeat(logit(np.clip(shrunk, EDGE, 1.0 - EDGE))[:, None], trials.shape[1], axis=1)


def _linearised(successes: Floats, trials: Floats, centre: Floats, wander: float, known: Bools) -> tuple[Floats, Floats]:
    """Return the working responses (N, T) and their counting variances, UNKNOWN where nothing was counted."""
    prior = np.clip(expit(centre), EDGE, 1.0 - EDGE)
    weight = 1.0 / (wander * prior * (1.0 - prior))
    share = np.clip((successes + weight * prior) / (trials + weight), EDGE, 1.0 - EDGE)
    information = np.maximum(trials * share * (1.0 - share), 1.0 / UNKNOWN)
    response = logit(share) + (successes - trials * share) / information
    return np.where(known, response, centre), np.where(known, 1.0 / information, UNKNOWN)


def two_way(response: Floats, weights: Floats, spread: float) -> tuple[Floats, Floats]:
    """Return month effects (T,) and unit effects (N,) ~ N(0, spread) of a weighted additive fit."""
    ridge = weights.sum(axis=1) + 1.0 / spread
    shrunk = weights / ridge[:, None]
    normal = np.diag(weights.sum(axis=0) + 1e-6) - shrunk.T @ weights
    means = (shrunk * response).sum(axis=1)
    months = np.linalg.solve(normal, (weights * (response - means[:, None])).sum(axis=0))
    seen = weights.sum(axis=0) > 0
    months = np.where(seen, months, months[seen].mean() if seen.any() else 0.0)
    return months, (shrunk * (response - months)).sum(axis=1)


def _calmed(common: Floats, weight: Floats) -> Floats:
    """Return month effects drawn to their mean as far as counting noise blurs them."""
    if not weight.any():
        return common
    noise = 1.0 / np.maximum(weight, 1.0 / UNKNOWN)
    middle = float((weight * common).sum() / weight.sum())
    spread = max(float((weight * (common - middle) ** 2).sum() - (weight > 0).sum()) / float(weight.sum()), LEAST)
    return np.asarray(middle + (common - middle) * spread / (spread + noise))


def _variances(rest: Floats, noise: Floats, weights: Floats, known: Bools, mean: Floats, spread: float) -> tuple[float, float]:
    """Return the variance of the units' means and of a unit's months around its mean, both net of counting noise."""
    counts = known.sum(axis=1)
    total = weights.sum(axis=1)
    around = (weights * rest).sum(axis=1) / np.where(total > 0, total, 1.0)
    freedom = np.maximum(1.0 - 1.0 / np.maximum(counts, 1), 0.25)[:, None]
    excess = ((rest - around[:, None]) ** 2 / freedom - noise)[known]
    pull = (weights**2)[known]
    wander = float((pull * excess).sum() / pull.sum()) if pull.size else 0.1
    wander = float(np.clip(wander, LEAST, MOST))
    certain = np.where(total > 0, 1.0 / (spread + 1.0 / np.where(total > 0, total, 1.0)), 0.0) ** 2
    gap = around - (np.sqrt(certain) * around).sum() / max(np.sqrt(certain).sum(), 1e-12)
    between = gap**2 - np.where(total > 0, 1.0 / np.where(total > 0, total, 1.0), 0.0)
    if (counts > 0).sum() < 2:
        return 0.3, wander
    return float(np.clip((certain * between).sum() / certain.sum(), LEAST, MOST)), wander
