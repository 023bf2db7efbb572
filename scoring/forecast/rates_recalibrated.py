"""How far forecasts from earlier months of the same table went wrong, as a factor for the spread and a weight of the tails.

Every origin comes with the Cholesky factors of the fit (see `rates_gp`): nothing is fitted again.
"""

from __future__ import annotations

import numpy as np

from scoring.forecast.inputs import Bools, Floats
from scoring.forecast.rates_gp import Fit, Months
from scoring.forecast.rates_responses import UNKNOWN

#: Months an origin needs behind it. Independent windows that the belief "as modelled" weighs as much as. How fast old ones fade.
BEHIND, BELIEF, FADING = 12, 4.0, 0.97
NARROWEST, WIDEST = 0.85, 1.5
#: Tails before anything is seen, and at most; |normal| quantiles of the 80 and 95 % intervals.
TAIL, HEAVIEST = 0.1, 0.6
EIGHTY, NINETY_FIVE = 1.2815515655446004, 1.959963984540054


def recalibrated(common: tuple[Fit, Floats], own: tuple[Fit, Floats] | None, lead: int) -> tuple[float, float]:
    """Return the factor for the spread and the weight of the tails, from means over `lead` months after every earlier month.

    common, own: fits with the variances of their counting noise, (T,) and (N, T).
    """
    length = common[1].size
    origins = np.arange(BEHIND, length - lead + 1)
    if not origins.size or lead < 1:
        return 1.0, TAIL
    window = (np.arange(length) >= origins[:, None]) & (np.arange(length) < origins[:, None] + lead)
    error, variance, noise = _missed(*common, window, origins)
    if own is not None:
        own_error, own_variance, own_noise = _missed(*own, window, origins)
        error, variance, noise = error + own_error, variance + own_variance, noise + own_noise
    size = np.abs(error) / np.sqrt(variance)
    weight = np.clip(1.0 - noise / variance, 0.0, 1.0) * FADING ** (length - lead - origins)
    return _judged(size.ravel(), np.broadcast_to(weight, size.shape).ravel(), origins.size / lead)


def _missed(fit: Fit, noise: Floats, window: Bools, origins: Months) -> tuple[Floats, Floats, Floats]:
    """Return (..., O) errors of the mean over each window from its origin, their variance and the counting noise in it."""
    seen = window & (noise < 0.1 * UNKNOWN)[..., None, :]
    weight = seen / np.maximum(seen.sum(axis=-1, keepdims=True), 1)
    after = (weight @ fit.factor) * (np.arange(noise.shape[-1]) >= origins[:, None])
    error = np.einsum("...ot,...t->...o", after, fit.surprises)
    return error, np.maximum((after**2).sum(axis=-1), 1e-12), np.einsum("...ot,...t->...o", weight**2, noise)


def _judged(size: Floats, weight: Floats, windows: float) -> tuple[float, float]:
    """Return factor and tail for standardised errors with weights; `windows`: how many of them do not overlap in time."""
    order = np.argsort(size, kind="stable")
    level = weight[order].cumsum()
    if level[-1] <= 1e-6:
        return 1.0, TAIL
    eighty, most = np.interp(np.array([0.8, 0.95]) * level[-1], level, size[order])
    eighty, most = max(eighty, 1e-6), max(most, eighty, 1e-6)
    trust = windows / (windows + BELIEF)
    width = np.exp(trust * np.log(np.clip(eighty / EIGHTY, 0.5, 3.0)))
    longer = (most / eighty) / (NINETY_FIVE / EIGHTY) - 1.0
    tail = TAIL + trust * (np.clip(4.0 * longer, 0.0, HEAVIEST) - TAIL)
    return float(np.clip(width, NARROWEST, WIDEST)), float(np.clip(tail, 0.0, HEAVIEST))
