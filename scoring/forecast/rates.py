"""Shares to come: where the monthly rates of several units go, with what they share and what is each one's own.

Counts become working responses on the logit scale (`rates_responses`); the common series and every unit's own deviations are
Gaussian processes (`rates_gp`) of constant + level + calendar-month season + month noise. Candidates of their variances are
weighed by likelihood, for the units with weights learnt from all units together, so that a small unit leans on the others.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from scipy.special import expit, logit  # type: ignore[import-untyped]

from scoring.forecast.inputs import Floats, Panel
from scoring.forecast.rates_gp import CONSTANT, KEEPS, LEVEL, NOISE, SEASON, TREND, Fit, Months, fit, lattice, mixed, parts
from scoring.forecast.rates_recalibrated import EIGHTY, recalibrated
from scoring.forecast.rates_responses import EDGE, Split, split

#: Older months than these say nothing more about the months to come.
MEMORY: Final = 72
#: Candidates of the variances, for the common series and for the units; units looked at together.
COMMON_POINTS, OWN_POINTS, CHUNK = 64, 40, 64
#: Units that are asked for all candidates, and candidates kept for everybody.
ASKED, KEPT = 16, 10
#: Units whose earlier forecasts are looked at.
LOOKED_BACK = 200
#: By how much the months of a common series usually differ, and as how many months that counts.
USUAL, USUAL_MONTHS = 0.15, 4.0
#: Share of the candidates without a slope, and the steepest.
FLAT, STEEP = 0.4, 2.0
#: The common series is but one: its variances are known the less the shorter it is. Share of its spread × months.
SHORT: Final = 4.0


@dataclass(frozen=True)
class Outlook:
    """The mean rate over the months to come, on the logit scale: centre + common + own.

    centre (N,). common_sd (N,): what moves all units the same way. own_sd (N,). tail: 0 = normal, more = heavier.
    The rate is the one behind the counts, months' own luck included, the counting (binomial) noise not.
    """

    centre: Floats
    common_sd: Floats
    own_sd: Floats
    tail: float

    def of(self, units: Any) -> Outlook:
        """The same for some units: a slice or an index array."""
        return replace(self, centre=self.centre[units], common_sd=self.common_sd[units], own_sd=self.own_sd[units])


def rate_draws(outlook: Outlook, common: Floats, own: Floats) -> Floats:
    """Return rates (D, N) in (0, 1), rising in both normals: common (D, 1) and own (D, N)."""
    together = outlook.common_sd * heavy(common, outlook.tail) + outlook.own_sd * heavy(own, outlook.tail)
    return np.asarray(expit(np.clip(outlook.centre + together, logit(1e-9), -logit(1e-9))))


def heavy(normals: Floats, tail: float) -> Floats:
    """Return normals with heavier tails: the same 80 % interval, further out beyond it."""
    if tail <= 0.0:
        return normals
    stretch = 1.0 + tail
    return np.asarray(np.sinh(stretch * np.arcsinh(normals)) * (EIGHTY / np.sinh(stretch * np.arcsinh(EIGHTY))))


def outlook(panel: Panel, months: Months, ahead: Months, weights: Floats) -> Outlook:
    """Return where the rates of N units go over the months ahead (H,), weighted by the trials expected there: (H,) or (N, H).

    panel (N, T) of consecutive months (T,); ahead may begin with the last of them (its rest). Deterministic.
    """
    if not ahead.size:
        ahead, weights = months[-1:] + 1, np.ones(1)
    panel = Panel(panel.successes[:, -MEMORY:], panel.trials[:, -MEMORY:])
    months = months[-MEMORY:]
    found = split(panel)
    shares = _shares(weights, panel.trials.shape[0], ahead.size)
    common_path, common_cov, common_fit = _common(found, months, ahead)
    pull = _pull(shares, np.broadcast_to(expit(common_path), shares.shape))
    own_mean, own_var, own_fit = _own(found, months, ahead, pull)
    rates = expit(common_path + own_mean[:, None])
    pull = _pull(shares, rates)
    common_var = np.einsum("nh,hk,nk->n", pull, common_cov, pull)
    within = np.maximum((pull * np.diag(common_cov)).sum(axis=1) - common_var, 0.0)
    rates = rates + 0.5 * within[:, None] * rates * (1 - rates) * (1 - 2 * rates)
    centre = logit(np.clip((shares * rates).sum(axis=1), EDGE, 1 - EDGE))
    width, tail = recalibrated((common_fit, found.common_noise), own_fit, min(ahead.size, months.size // 3))
    short = 1.0 + SHORT / months.size
    return Outlook(np.asarray(centre), short * width * np.sqrt(common_var), width * np.sqrt(own_var), tail)


def _shares(weights: Floats, units: int, ahead: int) -> Floats:
    """Return each unit's weights (N, H) summing to 1; equal ones where nothing is expected."""
    given = np.broadcast_to(np.nan_to_num(np.maximum(weights, 0.0)), (units, ahead)).astype(np.float64)
    total = given.sum(axis=1, keepdims=True)
    return np.where(total > 0, given / np.where(total > 0, total, 1.0), 1.0 / max(ahead, 1))


def _pull(shares: Floats, rates: Floats) -> Floats:
    """Return how much each month's logit moves the logit of the weighted mean rate (N, H), summing to 1."""
    weight = shares * rates * (1 - rates)
    # Rates that are 0 or 1 to the last digit have no slope: then a month counts by its share alone.
    weight = np.where(weight.sum(axis=1, keepdims=True) > 0, weight, shares)
    return np.asarray(weight / weight.sum(axis=1, keepdims=True))


def _candidates(points: int, scale: float, span: int, constant: float) -> Floats:
    """Return candidates (G, parts) of variances for a series whose months differ by about `scale` (a standard deviation)."""
    at = lattice(points, 5)
    level = scale * _between(at[:, 0], 0.03, 1.5)
    pull = (at[:, 1] * len(KEEPS)).astype(np.int64)
    out = np.zeros((points, LEVEL + len(KEEPS)))
    out[:, CONSTANT] = constant
    out[:, SEASON] = (scale * _between(at[:, 2], 0.03, 2.0)) ** 2
    out[:, NOISE] = (scale * _between(at[:, 3], 0.1, 1.5)) ** 2
    out[:, TREND] = (
        scale * np.where(at[:, 4] < FLAT, 0.0, _between((at[:, 4] - FLAT) / (1.0 - FLAT), 0.1, STEEP)) / np.sqrt(span) / 4
    ) ** 2
    walk = np.array([1.0 if keep < 1 else 1.0 / np.sqrt(span / 3) for keep in KEEPS])
    out[np.arange(points), LEVEL + pull] = (level * walk[pull]) ** 2
    return out


def _between(at: Floats, low: float, high: float) -> Floats:
    return np.asarray(low * (high / low) ** at)


def _common(split_: Split, months: Months, ahead: Months) -> tuple[Floats, Floats, Fit]:
    """Return the common series ahead, means (H,) and covariance (H, H), and a fit to look back with."""
    seen = split_.common_noise < 1e5
    middle = float(split_.common[seen].mean()) if seen.any() else 0.0
    response = np.where(seen, split_.common - middle, 0.0)
    base = _scale(response[seen], split_.common_noise[seen])
    past = months.size
    kernels = parts(np.concatenate([months, ahead]))
    candidates = _candidates(COMMON_POINTS, base, past, 1.0)
    whole = mixed(candidates, kernels)
    found = fit(whole[:, :past, :past], split_.common_noise, whole[:, past:, :past], whole[:, past:, past:], response)
    weight = _weights(found.likelihood)
    means = found.mean
    mean = weight @ means
    cov = np.einsum("g,ghr,gkr->hk", weight, found.rest, found.rest)
    gap = means - mean
    typical = _typical(weight[None], candidates, kernels[:, :past, :past], split_.common_noise, response)
    return middle + mean, cov + np.einsum("g,gh,gk->hk", weight, gap, gap), typical


def _scale(response: Floats, noise: Floats) -> float:
    """Return by how much the known months differ, counting noise apart; with few of them, what is usual elsewhere counts too."""
    many = response.size
    net = max(float(response.var() - noise.mean()), 0.1 * float(response.var()), 0.0) if many > 1 else 0.0
    return float(np.sqrt((many * net + USUAL_MONTHS * USUAL**2) / (many + USUAL_MONTHS)))


def _weights(likelihood: Floats) -> Floats:
    raised = np.exp(likelihood - likelihood.max(axis=-1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=-1, keepdims=True))


def _own(split_: Split, months: Months, ahead: Months, pull: Floats) -> tuple[Floats, Floats, tuple[Fit, Floats] | None]:
    """Return means and variances (N,) of the units' own parts of the mean ahead, and fits of some units to look back with."""
    units = split_.own.shape[0]
    if units == 1:
        return np.zeros(1), np.zeros(1), None
    candidates = _candidates(OWN_POINTS, float(np.sqrt(split_.wander)), months.size, split_.spread)
    kernels = parts(np.concatenate([months, ahead]))
    order = np.argsort((1.0 / split_.own_noise).sum(axis=1), kind="stable")
    asked = order[np.unique(np.linspace(0, units - 1, ASKED).round().astype(np.int64))]
    first = _tried(split_, candidates, kernels, pull, asked)
    _, prior = _learnt(first[0], np.full(OWN_POINTS, 1.0 / OWN_POINTS))
    if asked.size < units:
        kept = np.argsort(-prior, kind="stable")[:KEPT]
        candidates = candidates[kept]
        first = _tried(split_, candidates, kernels, pull, np.arange(units))
        weight, _ = _learnt(first[0], prior[kept] / prior[kept].sum())
    else:
        back = np.argsort(asked)
        first = (first[0][back], first[1][back], first[2][back])
        weight, _ = _learnt(first[0], prior)
    _, means, variances = first
    mean = (weight * means).sum(axis=1)
    past, some = months.size, order[np.unique(np.linspace(0, units - 1, LOOKED_BACK).round().astype(np.int64))]
    typical = _typical(weight[some], candidates, kernels[:, :past, :past], split_.own_noise[some], split_.own[some])
    return mean, (weight * (variances + (means - mean[:, None]) ** 2)).sum(axis=1), (typical, split_.own_noise[some])


def _typical(weight: Floats, candidates: Floats, kernels: Floats, noise: Floats, response: Floats) -> Fit:
    """Return the fits of the mean candidate of each row of weights (N, G), to look back with."""
    return fit(mixed(weight @ candidates, kernels), noise, np.zeros((1, noise.shape[-1])), np.ones((1, 1)), response)


def _tried(split_: Split, candidates: Floats, kernels: Floats, pull: Floats, units: Months) -> tuple[Floats, Floats, Floats]:
    """Return likelihoods, means and variances (N, G) of the weighted mean ahead, for some units under every candidate."""
    past = split_.own.shape[1]
    whole = mixed(candidates, kernels)
    likelihood, means, variances = (np.empty((units.size, len(candidates))) for _ in range(3))
    for start in range(0, units.size, CHUNK):
        some, out = units[start : start + CHUNK], slice(start, start + CHUNK)
        across = np.einsum("nh,ght->ngt", pull[some], whole[:, past:, :past], optimize=True)[:, :, None, :]
        beyond = np.einsum("nh,ghk,nk->ng", pull[some], whole[:, past:, past:], pull[some], optimize=True)[:, :, None, None]
        found = fit(whole[:, :past, :past], split_.own_noise[some, None], across, beyond, split_.own[some, None])
        likelihood[out], means[out], variances[out] = found.likelihood, found.mean[..., 0], found.rest[..., 0, 0] ** 2
    return likelihood, means, variances


def _learnt(likelihood: Floats, prior: Floats) -> tuple[Floats, Floats]:
    """Return each unit's weights (N, G) of the candidates, its likelihood times what all units say of them; and the latter."""
    own = _weights(likelihood)
    base, weight = prior, own
    for _ in range(30):
        weight = own * prior
        weight /= weight.sum(axis=1, keepdims=True)
        prior = (weight.sum(axis=0) + base) / (len(own) + 1.0)
    return weight, prior
