"""Dossiers to come: how many each unit will still receive before the year ends.

Mean of a unit and month = working days × season of the calendar month × the district's level × the unit's share of it.
The district's level follows recent months quickly, a unit's share of it slowly: the same blend as Bornhuetter–Ferguson, a
unit's own development where it is known, everybody's where it is not. Counting per working day is what lets the lunar new
year move between January and February. How far such forecasts went wrong before, from every earlier month and over as many
months ahead, is the doubt: one part common to all units, one of each unit's own (Gamma), on top of Poisson.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from scoring.forecast.inputs import Calendar, Floats
from scoring.forecast.streams import EVERYBODY, normals, stream

#: Discounts a month that are tried for the district's level and for a unit's share of it.
LEVEL_DISCOUNTS: Final = (0.5, 0.7, 0.85, 0.95)
SHARE_DISCOUNTS: Final = (0.9, 0.96, 1.0)
#: Relative doubt before any error was seen, of one unit and of all together, and how many errors it weighs as much as.
PRIOR_SD, PRIOR_COMMON, PRIOR_ERRORS = 0.10, 0.05, 2.0
#: What an earlier error over altogether other calendar months counts for.
OTHER_MONTHS: Final = 0.1
#: Relative variance of the size of units when there is but one: its size could be anything of the order of the guess.
LONE_VARIANCE: Final = 1.0
_LEAST_BEHIND: Final = 6  # months an error needs behind it: less is no forecast to learn from


@dataclass(frozen=True)
class VolumeOutlook:
    """Dossiers to come. mean (N, H) expected by month; NaN never. own_sd (N,) and common_sd: relative (logarithmic) doubt."""

    mean: Floats
    own_sd: Floats
    common_sd: float

    def of(self, units: Any) -> VolumeOutlook:
        """The same for some units: a slice or an index array."""
        return VolumeOutlook(self.mean[units], self.own_sd[units], self.common_sd)


def volume_outlook(received: Floats, calendar: Calendar) -> VolumeOutlook:
    """What is to come in the months ahead, from (N, T) dossiers by month; NaN: not known.

    A unit of which nothing is known gets the mean of the others with their spread as doubt; nobody known: 0.
    Raises ValueError when the months do not fit.
    """
    if received.shape[1] != len(calendar.months) or len(calendar.ahead) != len(calendar.left):
        raise ValueError("the months of the calendar are not those of the dossiers")
    known = ~np.isnan(received) & (calendar.worked > 0)
    seen = np.where(known, received, 0.0)
    if not known.any() or not seen.sum():
        return VolumeOutlook(np.zeros((len(received), len(calendar.ahead))), np.full(len(received), LONE_VARIANCE**0.5), PRIOR_SD)
    days = np.where(known, calendar.worked, 0.0)
    season, season_variance = _season(seen, days, calendar.months)
    exposure = days * season[calendar.months % 12]
    ahead = calendar.left * season[calendar.ahead % 12]
    level, share, errors = _best(seen, exposure, calendar)
    now = _rates(seen, exposure, level, share)
    common, own = _doubt(errors, len(calendar.ahead), season_variance)
    size = _size_variance(seen, exposure)
    # A rate that rests on few dossiers is itself in doubt: Gamma with the units' spread as prior.
    few = size / (1 + size * seen.sum(axis=1))
    return VolumeOutlook(now[:, None] * ahead, np.sqrt(own**2 + few), common)


def volume_draws(outlook: VolumeOutlook, seed: int, units: Sequence[str], draws: int, name: str = "volume") -> Floats:
    """(D, N) whole dossiers still to come, all months together; exactly 0 with no month left.

    Units: dossiers. The common doubt is the same draw for all units and has mean 1, as the Gamma of each unit.
    """
    total = outlook.mean.sum(axis=1)
    out = np.zeros((len(units), draws))
    if not total.any():
        return out.T
    sd = outlook.common_sd
    common = np.exp(sd * normals(seed, (EVERYBODY,), name, draws)[:, 0] - sd**2 / 2)
    for row, unit, mean, own in zip(out, units, total, outlook.own_sd):
        if mean > 0:
            shape = 1 / max(own, 1e-3) ** 2
            luck = stream(seed, unit, f"{name} own").standard_gamma(shape, draws)
            row[:] = stream(seed, unit, name).poisson(mean * common * luck / shape)
    return out.T


def _season(seen: Floats, days: Floats, months: Any) -> tuple[Floats, float]:
    """(12,) factor of each calendar month on dossiers per working day, mean 1, and the variance of one such factor's logarithm.

    From whole years of all units together; drawn towards 1 by how much the same month differs from year to year.
    """
    year = months // 12
    logs = []
    for one in np.unique(year):
        of_year = year == one
        always = (days[:, of_year] > 0).all(axis=1)
        counts = seen[np.ix_(always, of_year)].sum(axis=0)
        if of_year.sum() < 12 or not always.any() or not counts.all():
            continue
        rate = np.log(counts / days[np.ix_(always, of_year)].sum(axis=0))
        logs.append((rate - rate.mean())[np.argsort(months[of_year] % 12)])
    if not logs:
        return np.ones(12), PRIOR_SD**2
    shape = np.mean(logs, axis=0)
    years = len(logs)
    noise = float(np.sum((np.array(logs) - shape) ** 2) / (11 * (years - 1))) if years > 1 else float(shape.var()) / 2
    signal = max(float(shape.var()) - noise / years, 0.0)
    kept = signal / (signal + noise / years) if signal else 0.0
    factor = np.exp(kept * shape)
    return factor / factor.mean(), (1 - kept) * signal + noise / years * kept


def _rates(seen: Floats, exposure: Floats, level: float, share: float) -> Floats:
    """(N,) dossiers per working day of season 1, seen from the last month given: share of the district × its level."""
    months = seen.shape[1]
    rate = seen.sum(axis=1) / np.where(exposure.any(axis=1), exposure.sum(axis=1), 1.0)
    expected = exposure * np.where(exposure.any(axis=1), rate, 0.0)[:, None]
    # The district's level at each month (T,), so that a unit's share is measured against what the district did then.
    age = np.arange(months)[:, None] - np.arange(months)
    fading = np.where(age >= 0, level ** np.maximum(age, 0), 0.0)
    counts, work = fading @ seen.sum(axis=0), fading @ expected.sum(axis=0)
    path = np.where(work > 0, counts / np.where(work > 0, work, 1.0), 1.0)
    fade = share ** np.arange(months - 1, -1, -1)
    against = (fade * exposure * path).sum(axis=1)
    own = (fade * seen).sum(axis=1)
    has = against > 0
    typical = own[has].sum() / against[has].sum() if has.any() else 0.0
    middle = float(np.mean(own[has] / against[has])) if has.any() else typical
    size = _size_variance(seen, exposure)
    prior = 1 / size  # a Gamma prior of mean `middle` weighs as much as this many dossiers
    with np.errstate(divide="ignore", invalid="ignore"):
        blended = (own + prior) / (against + prior / middle) if middle else np.zeros(len(own))
    return np.asarray(np.where(has, blended, middle) * path[-1], dtype=np.float64)


def _size_variance(seen: Floats, exposure: Floats) -> float:
    """Relative variance of the sizes of units."""
    worked = exposure.sum(axis=1)
    rates = seen.sum(axis=1)[worked > 0] / worked[worked > 0]
    if len(rates) < 2 or not rates.mean():
        return LONE_VARIANCE
    return max(float(rates.var(ddof=1) / rates.mean() ** 2), 0.05)


@dataclass(frozen=True)
class _Errors:
    """Of the same forecast made at earlier months, over as many months ahead. size (O, N): logarithmic, NaN where it could not be
    made; luck (O, N): the variance that Poisson alone gives them; weight (O,): how much its months are those asked about now."""

    size: Floats
    luck: Floats
    weight: Floats


def _errors(seen: Floats, exposure: Floats, calendar: Calendar, level: float, share: float) -> _Errors:
    months = seen.shape[1]
    ahead = max(1, min(len(calendar.ahead), months // 2))
    size, luck, weight = [], [], []
    for origin in range(_LEAST_BEHIND, months - ahead + 1):
        later = slice(origin, origin + ahead)
        mean = _rates(seen[:, :origin], exposure[:, :origin], level, share) * exposure[:, later].sum(axis=1)
        came = seen[:, later].sum(axis=1)
        usable = (mean > 0) & (exposure[:, later] > 0).all(axis=1) & (exposure[:, :origin] > 0).any(axis=1)
        if usable.any():
            size.append(np.where(usable, np.log((came + 0.5) / (mean + 0.5)), np.nan))
            luck.append(np.where(usable, 1 / (mean + 0.5), 0.0))
            alike = np.isin(calendar.ahead % 12, calendar.months[later] % 12).mean() if len(calendar.ahead) else 1.0
            weight.append(float(alike) + OTHER_MONTHS)
    shape = (len(size), len(seen))
    return _Errors(np.reshape(size, shape), np.reshape(luck, shape), np.array(weight) / (1 + OTHER_MONTHS))


def _best(seen: Floats, exposure: Floats, calendar: Calendar) -> tuple[float, float, _Errors]:
    """The pair of discounts whose earlier forecasts were nearest, and their errors."""
    tried = [
        (level, share, _errors(seen, exposure, calendar, level, share)) for level in LEVEL_DISCOUNTS for share in SHARE_DISCOUNTS
    ]
    misses = [float((e.weight[:, None] * np.nan_to_num(e.size) ** 2).sum()) for _, _, e in tried]
    return tried[int(np.argmin(misses))]


def _doubt(errors: _Errors, ahead: int, season_variance: float) -> tuple[float, Floats]:
    """Common and own relative doubt. Months ahead of neighbouring origins overlap: many errors are worth few independent ones."""
    usable = np.isfinite(errors.size)
    count, weight = usable.sum(axis=1), errors.weight
    if not len(errors.size):
        return float(np.hypot(PRIOR_SD, season_variance**0.5)), np.full(usable.shape[1], PRIOR_SD)
    independent = float(weight.sum()) / max(1, ahead)
    middle = np.nansum(errors.size, axis=1) / count
    apart = np.where(usable, (errors.size - middle[:, None]) ** 2, 0.0)
    weights = usable * weight[:, None]
    excess = (weights * (apart - errors.luck * (1 - 1 / count)[:, None])).sum(axis=0)
    spare = float((weight * (count - 1)).sum())
    own = max(float(excess.sum()) / spare, 0.0) if spare > 0 else PRIOR_SD**2
    of_unit = np.maximum(excess, 0.0) / np.maximum(weights.sum(axis=0), 1e-9)
    blended = (of_unit * independent + own * 2 * PRIOR_ERRORS) / (independent + 2 * PRIOR_ERRORS)
    shaken = np.maximum(middle**2 - (own + errors.luck.sum(axis=1) / count) / count, 0.0)
    common = float((weight * shaken).sum() / weight.sum())
    common = (common * independent + PRIOR_COMMON**2 * PRIOR_ERRORS) / (independent + PRIOR_ERRORS)
    return float(np.sqrt(common + season_variance / max(1, ahead))), np.sqrt(np.maximum(blended, 1e-4))
