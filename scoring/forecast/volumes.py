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
from itertools import product
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

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
    now = _rates(seen, exposure, level, share, np.array([seen.shape[1]]))[0]
    common, own = _doubt(errors, len(calendar.ahead), season_variance)
    worked = exposure.sum(axis=1)
    size = _size_variances((seen.sum(axis=1) / np.where(worked > 0, worked, 1.0))[None], (worked > 0)[None])[0]
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


def _rates(seen: Floats, exposure: Floats, level: float, share: float, origins: Any) -> Floats:
    """(O, N) dossiers per working day of season 1, seen after so many months (O,): share of the district × its level."""
    months = np.arange(seen.shape[1])
    last = origins - 1
    behind = months <= last[:, None]
    worked = exposure.cumsum(axis=1)[:, last].T
    rate = seen.cumsum(axis=1)[:, last].T / np.where(worked > 0, worked, 1.0)
    # The district's level at each month (O, T), so that a unit's share is measured against what the district did then.
    age = months[:, None] - months
    fading = np.where(age >= 0, level ** np.maximum(age, 0), 0.0)
    counts, work = fading @ seen.sum(axis=0), (rate @ exposure) @ fading.T
    path = np.where(work > 0, counts / np.where(work > 0, work, 1.0), 1.0)
    fade = np.where(behind, share ** np.maximum(last[:, None] - months, 0), 0.0)
    against = (fade * path) @ exposure.T
    own = fade @ seen.T
    has = against > 0
    rates = np.divide(own, against, out=np.zeros(own.shape), where=has)
    middle = (rates.sum(axis=1) / np.maximum(has.sum(axis=1), 1))[:, None]
    prior = 1 / _size_variances(rate, worked > 0)[:, None]  # a Gamma prior of mean `middle` weighs as much as this many dossiers
    weight = np.divide(prior, middle, out=np.zeros(middle.shape), where=middle > 0)
    blended = np.divide(own + prior, against + weight, out=np.zeros(own.shape), where=middle > 0)
    return np.asarray(np.where(has, blended, middle) * np.take_along_axis(path, last[:, None], axis=1), dtype=np.float64)


def _size_variances(rates: Floats, has: NDArray[np.bool_]) -> Floats:
    """(O,) relative variance of the sizes (O, N) of the units that have one."""
    count = has.sum(axis=1)
    mean = np.where(has, rates, 0.0).sum(axis=1) / np.maximum(count, 1)
    square = np.where(has, (rates - mean[:, None]) ** 2, 0.0).sum(axis=1) / np.maximum(count - 1, 1)
    told = (count > 1) & (mean > 0)
    return np.where(told, np.maximum(square / np.where(told, mean, 1.0) ** 2, 0.05), LONE_VARIANCE)


@dataclass(frozen=True)
class _Errors:
    """Of the same forecast made at earlier months, over as many months ahead. size (O, N): logarithmic, NaN where it could not be
    made; luck (O, N): the variance that Poisson alone gives them; weight (O,): how much its months are those asked about now."""

    size: Floats
    luck: Floats
    weight: Floats


def _best(seen: Floats, exposure: Floats, calendar: Calendar) -> tuple[float, float, _Errors]:
    """The pair of discounts whose earlier forecasts were nearest, and their errors."""
    months = seen.shape[1]
    ahead = max(1, min(len(calendar.ahead), months // 2))
    origins = np.arange(_LEAST_BEHIND, months - ahead + 1)
    if not len(origins):
        return LEVEL_DISCOUNTS[0], SHARE_DISCOUNTS[0], _Errors(*(np.zeros((0, len(seen))),) * 2, np.zeros(0))
    later = origins[:, None] + np.arange(ahead)
    came, work = (part[:, later].sum(axis=2).T for part in (seen, exposure))
    usable = ((exposure[:, later] > 0).all(axis=2) & (exposure.cumsum(axis=1)[:, origins - 1] > 0)).T
    asked, there = calendar.ahead % 12, calendar.months[later] % 12
    alike = (asked[:, None] == there[:, None, :]).any(axis=2).mean(axis=1) if len(asked) else np.ones(len(origins))
    weight = (alike + OTHER_MONTHS) / (1 + OTHER_MONTHS)
    tried = []
    for level, share in product(LEVEL_DISCOUNTS, SHARE_DISCOUNTS):
        mean = _rates(seen, exposure, level, share, origins) * work
        made = usable & (mean > 0)
        size = np.where(made, np.log((came + 0.5) / (mean + 0.5)), np.nan)
        some = made.any(axis=1)
        tried.append((level, share, _Errors(size[some], np.where(made, 1 / (mean + 0.5), 0.0)[some], weight[some])))
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
