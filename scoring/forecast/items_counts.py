"""Counts that still grow: months with a review of the officials, initiatives, complaints of an official by name.

Each unit's increment is a distribution over 0, 1, 2 …, kept as a table over a standard normal number (`items_latent.CELL_SHARE`).
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import numpy as np
import pandas as pd
from scipy.special import betainc, betaincinv, betaln, gammaln, xlog1py, xlogy  # type: ignore[import-untyped]

from scoring.forecast.inputs import Bools, Floats, Inputs, month_number
from scoring.forecast.items_latent import CELL_SHARE, binary_outcomes, chance, leaning

#: A review may be entered this many days after its month; half of the missing ones are (assumed: registers keep no trace of it).
GRACE_DAYS: Final = 15
GRACE_SHARE: Final = 0.5
#: Events that a guess (of a unit's rate against the others', of this year's against earlier ones) weighs as much as.
UNIT_EVENTS, YEAR_EVENTS = 2.0, 10.0
#: How many events a year may have at most, where it is limited at all; points of the grid for a unit's own chance.
LIMITS: Final = (1, 2, 3, 4, 6, 10)
_GRID: Final = 64
_OFFICIALS: Final = np.arange(2, 61)  # how many officials complaints may fall on


@dataclass(frozen=True)
class Increment:
    """What is added to a measure's numerator and denominator by the year's end: (D, C) or (1, C). denominator None: a count."""

    numerator: Floats
    denominator: Floats | None = None


def count_table(chances: Floats) -> Floats:
    """(N, K) table from the chances (N, M + 1) of 0 … M."""
    upto = np.cumsum(chances, axis=1)
    upto[:, -1] = 1.0
    found = [np.searchsorted(row, CELL_SHARE, side="right") for row in upto]
    return np.array(found, dtype=np.float64).reshape(-1, len(CELL_SHARE))


def trials(chance_of: Floats) -> Floats:
    """(N, M + 1) chances of 0 … M successes in M trials of unlike chances (…, N, M); NaN: no trial."""
    size = chance_of.shape[-1]
    out = np.zeros((*chance_of.shape[:-1], size + 1))
    out[..., 0] = 1.0
    for k in range(size):
        p = np.nan_to_num(chance_of[..., k])[..., None]
        moved = np.zeros_like(out)
        moved[..., 1:] = out[..., :-1] * p
        out = out * (1 - p) + moved
    return out


def events_to_come(mean: Floats, shape: Floats) -> Floats:
    """(N, M + 1) chances of 0 … M events whose rate is Gamma of these means and shapes; beyond M fewer than one in a million."""
    share = shape / (shape + mean)
    most = 1
    while np.any(betainc(shape, most + 1.0, share) < 1 - 1e-6) and most < 100_000:
        most *= 2
    upto = betainc(shape[:, None], np.arange(most + 1)[None, :] + 1.0, share[:, None])
    return np.asarray(np.diff(upto, axis=1, prepend=0.0), dtype=np.float64)


def reviews_to_come(inputs: Inputs) -> Floats:
    """(N, 13) chances of 0 … 12 further months of this year with a review."""
    units, first = pd.Index(inputs.units), inputs.year * 12
    frame = inputs.reviews
    rows = units.get_indexer(pd.Index(frame["commune"])) if len(frame) else np.zeros(0, dtype=np.intp)
    months = frame["month"].to_numpy(np.int64)[rows >= 0] if len(frame) else np.zeros(0, dtype=np.int64)
    rows = rows[rows >= 0]
    start = int(min(months.min(), first)) // 12 * 12 if len(months) else first
    done: Bools = np.zeros((len(units), (first - start) // 12 + 1, 12), dtype=np.bool_)
    inside = months < first + 12
    done[rows[inside], (months[inside] - start) // 12, months[inside] % 12] = True
    ended = np.array([(inputs.day - _last_day(first + k)).days for k in range(12)])
    kept = np.asarray(done.any(axis=2))  # (N, Y) years in which the unit kept reviews at all
    asked = np.repeat(kept[:, :, None], 12, axis=2)
    asked[:, -1] = (ended > GRACE_DAYS)[None, :] & np.asarray(kept.any(axis=1))[:, None]
    asked[:, 0, : int(months.min()) - start if len(months) else 0] = False  # before anybody's first review
    seen, share = binary_outcomes(np.swapaxes(done & asked, 1, 2).astype(np.float64), np.swapaxes(asked, 1, 2).astype(np.float64))
    lean = leaning(seen)
    late = np.where(ended < 0, 1.0, np.where(ended <= GRACE_DAYS, GRACE_SHARE, 0.0))
    late[[first + k > month_number(inputs.horizon) for k in range(12)]] = 0.0
    chances = np.where(done[:, -1], np.nan, chance(share, lean) * late)
    return trials(chances)


def _last_day(month: int) -> date:
    year, of_year = divmod(month, 12)
    return date(year, of_year + 1, monthrange(year, of_year + 1)[1])


def rare_events(inputs: Inputs, frame: pd.DataFrame, column: str) -> Floats:
    """(N, M + 1) chances of 0 … M further events of this year. frame: commune, month, and `column` with how many.

    As many as came in the same rest of earlier years, times how this year and this unit compare: Gamma–Poisson, or, where
    earlier years look like it (one or two initiatives a year, never five), binomial with so many at most a year.
    """
    counts = _by_year(inputs, frame, column)
    past, this = counts[:, :-1], counts[:, -1]
    left = _left(inputs)
    so_far = float(this.sum())
    if past.any():
        whole, rest = float(past.sum(axis=2).mean()), float((past * left).sum(axis=2).mean())
    else:  # the first year with any: the rest of it goes on as it began
        gone = max(float((1 - left).sum()), 0.5)
        whole, rest = so_far / len(this) * 12 / gone, so_far / len(this) * float(left.sum()) / gone
    year = (so_far + YEAR_EVENTS) / ((whole - rest) * len(this) + YEAR_EVENTS)
    own = past.sum(axis=(1, 2)) + this.sum(axis=1)
    expected = whole * past.shape[1] + (whole - rest) * year
    unit = (own + UNIT_EVENTS) / (expected + UNIT_EVENTS)
    open_ended = events_to_come(rest * year * unit, own + UNIT_EVENTS)
    yearly = past.sum(axis=2)
    most = max(yearly.max(initial=0.0), float(this.sum(axis=1).max()))
    limits = [n for n in LIMITS if most <= n and 0 < whole < n] if past.any() else []
    if not limits:
        return open_ended
    fits = np.array([_open_fit(yearly, whole), *(_limited_fit(yearly, whole, n) for n in limits)])
    weights = np.exp(fits - fits.max())
    weights /= weights.sum()
    late = min(rest / whole, 1 - 0.5 / (1 + float(yearly.sum())))  # even if none came so early before, one may
    out = np.zeros((len(own), max(open_ended.shape[1], limits[-1] + 1)))
    out[:, : open_ended.shape[1]] = weights[0] * open_ended
    for weight, n in zip(weights[1:], limits):
        out[:, : n + 1] += weight * _limited(yearly, this.sum(axis=1), whole, late, year, n)
    return out


def _open_fit(yearly: Floats, whole: float) -> float:
    """Log likelihood of the counts (N, Y) of earlier years when any number may come: Gamma–Poisson of this mean."""
    total, years = yearly.sum(axis=1), yearly.shape[1]
    rate = UNIT_EVENTS / whole
    of_unit = gammaln(UNIT_EVENTS + total) + UNIT_EVENTS * np.log(rate) - (UNIT_EVENTS + total) * np.log(years + rate)
    return float((of_unit - gammaln(UNIT_EVENTS)).sum() - gammaln(yearly + 1).sum())


def _limited_fit(yearly: Floats, whole: float, most: int) -> float:
    """The same when at most so many come in a year: beta-binomial, the Gamma's limit from below."""
    total, years = yearly.sum(axis=1), yearly.shape[1]
    other = UNIT_EVENTS * (most / whole - 1)
    ways = gammaln(most + 1) - gammaln(yearly + 1) - gammaln(most - yearly + 1)
    return float((betaln(UNIT_EVENTS + total, other + most * years - total) - betaln(UNIT_EVENTS, other)).sum() + ways.sum())


def _limited(yearly: Floats, this: Floats, whole: float, share: float, year: float, most: int) -> Floats:
    """(N, most + 1) chances of further events when at most so many come in a year, `share` of them in the rest of it.

    Each of them comes with a chance of the unit's own; of those that have not come yet it is the chance of coming late.
    """
    p = betaincinv(UNIT_EVENTS, UNIT_EVENTS * (most / whole - 1), (np.arange(_GRID) + 0.5) / _GRID)
    total = yearly.sum(axis=1, keepdims=True)
    now = p * year / (1 - p + p * year)  # this year's odds are so many times those of earlier ones
    gone = now * (1 - share)
    fit = total * np.log(p) + (most * yearly.shape[1] - total) * np.log1p(-p)
    fit = fit + xlogy(this[:, None], gone) + xlog1py(most - this[:, None], -gone)
    weight = np.exp(fit - fit.max(axis=1, keepdims=True))
    weight /= weight.sum(axis=1, keepdims=True)
    late = now * share / (1 - gone)
    left = np.arange(most)[None, :] < (most - this)[:, None]
    chances = trials(np.where(left[:, None, :], late[None, :, None], np.nan))
    return np.asarray(np.einsum("ng,ngm->nm", weight, chances), dtype=np.float64)


def _by_year(inputs: Inputs, frame: pd.DataFrame, column: str) -> Floats:
    """(N, Y, 12) events by unit, year and calendar month, from the first whole year of the calendar with any to this one."""
    first = inputs.year * 12
    if frame.empty:
        return np.zeros((len(inputs.units), 1, 12))
    months = frame["month"].to_numpy(np.int64)
    whole = -(-int(inputs.calendar.months[0]) // 12) * 12
    start = min(max(int(months.min()) // 12 * 12, whole), first)
    out = np.zeros((len(inputs.units), (first - start) // 12 + 1, 12))
    rows = pd.Index(inputs.units).get_indexer(pd.Index(frame["commune"]))
    keep = (rows >= 0) & (months >= start) & (months < first + 12)
    at = (rows[keep], (months[keep] - start) // 12, months[keep] % 12)
    np.add.at(out, at, frame[column].to_numpy(np.float64)[keep])
    return out


def _left(inputs: Inputs) -> Floats:
    """(12,) share of each calendar month of the year that is still to come, up to the horizon. Units: calendar days /1."""
    first, after = inputs.year * 12, inputs.day + timedelta(days=1)
    out = np.zeros(12)
    for k in range(12):
        begins, ends = date(inputs.year, k + 1, 1), _last_day(first + k)
        days = (min(ends, inputs.horizon) - max(begins, after)).days + 1
        out[k] = max(days, 0) / ((ends - begins).days + 1)
    return out


def repeated(forms: Floats, officials: float) -> Floats:
    """Officials expected to be named twice or more in so many forms that fall evenly on so many officials."""
    missed = 1 - 1 / officials
    return np.asarray(officials - officials * missed**forms - forms * missed ** np.maximum(forms - 1, 0), dtype=np.float64)


def officials_named(forms: Floats, again: Floats) -> float:
    """How many officials the complaints seem to fall on, from forms and officials named again in each unit; NaN: not known."""
    known = ~np.isnan(forms) & ~np.isnan(again) & (forms > 1)
    misfit = [float(((repeated(forms[known], float(m)) - again[known]) ** 2).sum()) for m in _OFFICIALS]
    return float(_OFFICIALS[int(np.argmin(misfit))]) if known.any() else 10.0


def numerators(inputs: Inputs, measure: str, units: Sequence[str]) -> Floats:
    """(N,) today's numerator of a measure; NaN without data."""
    frame = inputs.measures
    chosen = frame[frame["measure"] == measure].set_index("commune")["numerator"]
    return np.asarray(chosen.reindex(list(units)), dtype=np.float64)
