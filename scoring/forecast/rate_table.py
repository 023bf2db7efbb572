"""The yearly rate of every unit of a monthly table: what is counted already, and what the rest of the year adds to it.

Any table of successes and trials by unit and month will do; nothing here knows what is counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from scoring.forecast.counting import cases, events
from scoring.forecast.inputs import Bools, Floats, Panel
from scoring.forecast.rates import outlook, rate_draws
from scoring.forecast.rates_gp import Months
from scoring.forecast.streams import EVERYBODY, normals, uniforms

WINDOW: Final = 12
#: A unit without a case for so many months, while others have some, counts as closed.
CLOSED_AFTER: Final = 6
#: Months a recent volume is looked up in, the latest weighing most; how fast their weight falls.
RECENT, FADING = 12, 0.85
#: How many years of the shared season a unit's own season is weighed against.
SEASON_YEARS: Final = 2.0

OPEN, CLOSED, GONE, NEW, OVER = "forecast", "closed", "closed_unseen", "no_history", "observed"
#: Units without a rate of their own in the window.
UNRANKED: Final = frozenset({GONE, NEW})


@dataclass(frozen=True)
class RateTable:
    """Year-end rates of N units in D draws, and what they rest on.

    rates (D, N): successes / trials of the 12 months. successes, trials (N,): counted so far in them. months (N,): months of
    them that are known. to_come (N,): trials expected in the others. status (N,): OPEN, CLOSED (rate of the counted part),
    GONE (closed, nothing counted in the window: its rate had it gone on), NEW (never a case: a unit like the others) or OVER.
    """

    rates: Floats
    successes: Floats
    trials: Floats
    months: NDArray[np.int64]
    to_come: Floats
    status: tuple[str, ...]


def rate_table(
    units: tuple[str, ...], panel: Panel, months: Months, as_of: int, horizon: int, seed: int, draws: int
) -> RateTable:
    """Return the rates of the 12 months that end at `horizon`, as they looked at the end of month `as_of`.

    panel (N, T) of consecutive months (T,), the last not after `as_of`; NaN: the month has no row. A month without a row
    between months that have one stays out of the rate; one after the unit's last is still to come.
    """
    first = horizon - WINDOW + 1
    known = np.isfinite(panel.trials)
    inside = known & (months >= first) & (months <= horizon)
    successes, trials = (np.where(inside, part, 0.0).sum(axis=1) for part in (panel.successes, panel.trials))
    seen = np.asarray((np.nan_to_num(panel.trials) > 0).any(axis=1))
    closed = _closed(panel.trials, known)
    ahead = np.arange(max(first, _next(known, months)), horizon + 1) if as_of < horizon else months[:0]
    expected, spread = _volumes(panel.trials, known, months, ahead)
    latest = np.where(known.any(axis=1), months[known.shape[1] - 1 - known[:, ::-1].argmax(axis=1)], months[0] - 1)
    expected = np.where((ahead > latest[:, None]) & (seen & ~closed)[:, None], expected, 0.0)
    to_come = expected.sum(axis=1)
    out = np.broadcast_to(successes / np.where(trials > 0, trials, 1.0), (draws, len(units))).copy()
    if (to_come > 0).any() or (trials <= 0).any():
        if not ahead.size:
            ahead, expected = months[-1] + np.arange(1, WINDOW + 1), np.ones((len(units), WINDOW))
        view = outlook(panel, months, ahead, expected)
        rates = rate_draws(view, normals(seed, (EVERYBODY,), "rate", draws), normals(seed, units, "rate", draws))
        out[:, trials <= 0] = rates[:, trials <= 0]
        for at in np.flatnonzero(to_come > 0):
            out[:, at] = _grown(units[at], rates[:, at], successes[at], trials[at], to_come[at], spread[at], seed)
    status = tuple(
        _status(as_of >= horizon, bool(gone), bool(empty), bool(any_))
        for gone, empty, any_ in zip(closed, trials <= 0, seen, strict=True)
    )
    return RateTable(out, successes, trials, inside.sum(axis=1), to_come, status)


def _grown(unit: str, rates: Floats, successes: float, trials: float, to_come: float, spread: float, seed: int) -> Floats:
    """Return one unit's draws (D,): counted + to come, over counted + to come."""
    luck = [normals(seed, (unit,), name, rates.size)[:, 0] for name in ("volume", "arrivals", "count")]
    volume = events(luck[1], to_come * np.exp(np.sqrt(spread) * luck[0] - spread / 2.0))
    done = cases(luck[2], volume, rates)
    whole = trials + volume
    return np.where(whole > 0, (successes + done) / np.where(whole > 0, whole, 1.0), rates)


def _next(known: Bools, months: Months) -> int:
    """Return the first month that some unit may still fill: after the earliest of the units' last rows that are recent."""
    ends = known.shape[1] - known[:, ::-1].argmax(axis=1)
    recent = ends[(ends > known.shape[1] - CLOSED_AFTER) & known.any(axis=1)]
    return int(months[0] + (recent.min() if recent.size else known.shape[1]))


def _status(over: bool, closed: bool, empty: bool, seen: bool) -> str:
    if not seen:
        return NEW
    if over and not empty:
        return OVER
    if closed:
        return GONE if empty else CLOSED
    return OPEN


def _closed(trials: Floats, known: Bools) -> Bools:
    """Return which units ended: no case at the end for longer than ever before, and for CLOSED_AFTER months at least."""
    alive = known & (np.nan_to_num(trials) > 0)
    running = np.zeros(alive.shape[0], dtype=np.int64)
    longest = np.zeros(alive.shape[0], dtype=np.int64)
    started = np.zeros(alive.shape[0], dtype=np.bool_)
    for month in range(alive.shape[1]):
        if not alive[:, month].any():
            continue
        longest = np.where(alive[:, month] & started, np.maximum(longest, running), longest)
        started |= alive[:, month]
        running = np.where(alive[:, month], 0, running + 1)
    return np.asarray(started & (running >= CLOSED_AFTER) & (running > longest))


def _volumes(trials: Floats, known: Bools, months: Months, ahead: Months) -> tuple[Floats, Floats]:
    """Return the trials expected in the months ahead (N, H), and the logarithmic variance of a unit's volume (N,)."""
    counts = np.where(known, np.nan_to_num(trials), 0.0)
    season = _season(counts, known, months)
    weight = known * FADING ** np.arange(trials.shape[1])[::-1]
    weight[:, :-RECENT] *= 1e-6
    here = season[:, months % 12]
    level = (weight * counts).sum(axis=1) / np.maximum((weight * here).sum(axis=1), 1e-12)
    level = np.where((weight * here).sum(axis=1) > 0, level, np.median(level) if level.size else 0.0)
    gap = np.where(known, counts - level[:, None] * here, 0.0)[:, -RECENT:]
    fitted = np.maximum((level[:, None] * here)[:, -RECENT:], 1e-9)
    excess = (gap**2 - fitted).sum(axis=1) / (fitted**2).sum(axis=1)
    return level[:, None] * season[:, ahead % 12], np.clip(excess, 0.0, 1.0) * 0.5 + 0.0025


def _season(counts: Floats, known: Bools, months: Months) -> Floats:
    """Return each unit's volume by calendar month (N, 12), 1 on average, shrunk to the season all share."""
    usual = counts.sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    share = np.where(known, counts / np.where(usual > 0, usual, 1.0)[:, None], 0.0) * (usual > 0)[:, None]
    member = (np.arange(12)[:, None] == months % 12).astype(np.float64)
    seen = (known * (usual > 0)[:, None]) @ member.T
    total = share @ member.T
    worth = usual / (usual + 20.0)
    together = (worth @ total + 1.0) / (worth @ seen + 1.0)
    if known.shape[1] < 2 * WINDOW:
        together = np.ones(12)
    own = (total + SEASON_YEARS * together) / (seen + SEASON_YEARS)
    return np.asarray(own / own.mean(axis=1, keepdims=True))


def rank_probabilities(units: tuple[str, ...], rates: Floats, seed: int, ranked: Bools | None = None) -> Floats:
    """Return (N, N): how likely unit i ends on rank j + 1, the highest rate first; equals are put in a drawn order.

    ranked (N,): units that have a rate of their own; the others come after all of them.
    """
    draws, count = rates.shape
    behind = np.zeros(count) if ranked is None else np.where(ranked, 0.0, 2.0)
    order = np.lexsort((uniforms(seed, units, "tie", draws), behind - rates), axis=-1)
    cells = order * count + np.arange(count)
    found = np.bincount(cells.ravel(), minlength=count * count).reshape(count, count)
    return np.asarray(found / draws)
