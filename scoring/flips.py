"""What little it takes to turn two neighbours of a ranking round: weight moved between criteria, or one criterion's points.

A movement takes weight from some criteria and gives as much to others: the sum is kept, no weight falls below 0. Its
size is the weight taken away, in points. Differences are over what is scored, as in scoring.composite.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from scoring import core
from scoring.composite import Composite, Floats, ranks
from scoring.rounding import from_units, to_units

_ROUNDS: Final = 60
_CLOSE: Final = 1e-12
_MEETINGS: Final = 41  # shares tried where repeated steps lead nowhere


@dataclass(frozen=True)
class Shift:
    """The smallest single change of points: `gains` says whether the lower one gains it or the upper one loses it."""

    code: str
    gains: bool
    points: float
    share: float


@dataclass(frozen=True)
class Flip:
    """upper and lower are positions of subjects. `gap` in points (basis total) or share of the maximum (basis share).

    moved: the least weight that makes them equal, in points; None when no weighting does. taken, given: code -> points.
    exact: proven least. False where the two are scored on different criteria and shares are ranked: the movement does
    make them equal, a smaller one may exist. shift: None when no single criterion has the room.
    """

    upper: int
    lower: int
    gap: float
    moved: float | None
    taken: dict[str, float]
    given: dict[str, float]
    exact: bool
    shift: Shift | None


def neighbours(c: Composite) -> list[tuple[int, int]]:
    """Pairs (upper, lower) next to each other in the ranking, group by group; equal ones are pairs too."""
    order, place = ranks(c), np.arange(len(c.names))
    index = np.array([_index(c, c.weights, i) for i in range(len(c.names))])
    pairs = []
    for group in np.unique(c.groups):
        mine = place[(c.groups == group) & (order != core.NO_RANK)]
        line = mine[np.lexsort((-index[mine], order[mine]))]
        pairs += list(zip(line[:-1].tolist(), line[1:].tolist()))
    return pairs


def flips(c: Composite, pairs: Sequence[tuple[int, int]] | None = None) -> list[Flip]:
    """The smallest movements for the pairs given, else for all neighbours."""
    return [flip(c, upper, lower) for upper, lower in (neighbours(c) if pairs is None else pairs)]


def flip(c: Composite, upper: int, lower: int) -> Flip:
    """The smallest movements that bring `lower` level with `upper`. Raises ValueError when one of them is not ranked."""
    if not (c.scored[upper] @ c.weights > 0 and c.scored[lower] @ c.weights > 0):
        raise ValueError("a subject without any scored criterion has no rank to turn round")
    gap = _gap(c, c.weights, upper, lower)
    alike = c.basis != "share" or bool(np.array_equal(c.scored[upper], c.scored[lower]))
    change = _least(c, upper, lower)
    taken, given = {}, {}
    if change is not None:
        taken = {c.codes[k]: float(-change[k]) for k in np.flatnonzero(change < -_CLOSE)}
        given = {c.codes[k]: float(change[k]) for k in np.flatnonzero(change > _CLOSE)}
    moved = None if change is None else float(np.clip(-change, 0.0, None).sum())
    return Flip(upper, lower, gap, moved, taken, given, alike, _shift(c, upper, lower))


def _index(c: Composite, w: Floats, i: int) -> float:
    """What a subject is ranked by, unrounded: points, or share of the scored maximum."""
    total = float(c.filled[i] @ w + c.bonus[i])
    if c.basis != "share":
        return total
    top = float(c.scored[i] @ w)
    return total / top if top > 0 else float("nan")


def _gap(c: Composite, w: Floats, upper: int, lower: int) -> float:
    return _index(c, w, upper) - _index(c, w, lower)


def _slope(c: Composite, w: Floats, i: int) -> Floats:
    """How the index of a subject changes with each weight."""
    if c.basis != "share":
        return np.asarray(c.filled[i], dtype=np.float64)
    top = float(c.scored[i] @ w)
    return np.asarray((c.filled[i] - _index(c, w, i) * c.scored[i]) / top, dtype=np.float64)


def _least(c: Composite, upper: int, lower: int) -> Floats | None:
    """The change of weights. The gap is linear in the weights for totals: one step. For shares it is a ratio: the step is
    repeated from where it led until the gap there is closed; where that leads nowhere, every common share is tried."""
    w, here = c.weights, c.weights
    if _gap(c, w, upper, lower) <= _CLOSE:
        return np.zeros(len(w))
    for _ in range(1 if c.basis != "share" else _ROUNDS):
        slope = _slope(c, here, upper) - _slope(c, here, lower)
        need = _gap(c, here, upper, lower) - slope @ (here - w)
        change = greedy(w, slope, float(need))
        if change is None or not _ranked(c, w + change, upper, lower):
            break
        here = w + change
        if c.basis != "share" or abs(_gap(c, here, upper, lower)) <= _CLOSE:
            return change
    alike = c.basis != "share" or bool(np.array_equal(c.scored[upper], c.scored[lower]))
    return None if alike else _by_programming(c, upper, lower)


def _ranked(c: Composite, w: Floats, upper: int, lower: int) -> bool:
    return bool(c.scored[upper] @ w > _CLOSE and c.scored[lower] @ w > _CLOSE)


def _by_programming(c: Composite, upper: int, lower: int) -> Floats | None:
    """The best change over the shares at which the two could meet: every few percent, then more closely around the best."""
    best, least, middle = None, np.inf, 0.5
    for width in (0.5, 1 / _MEETINGS):
        for share in np.linspace(max(0.0, middle - width), min(1.0, middle + width), _MEETINGS):
            change = _to_meet(c, upper, lower, float(share))
            if change is not None and (size := float(np.clip(change, 0.0, None).sum())) < least:
                best, least, middle = change, size, float(share)
        if best is None:
            return None
    return best


def _to_meet(c: Composite, upper: int, lower: int, share: float) -> Floats | None:
    """The least change with `upper` at or below a share of its maximum and `lower` at or above it: a linear programme."""
    from scipy.optimize import linprog  # type: ignore[import-untyped]

    w, n = c.weights, len(c.weights)
    above, below = (c.filled[i] + c.bonus[i] / w.sum() - share * c.scored[i] for i in (upper, lower))
    found = linprog(
        np.ones(2 * n),
        A_ub=np.array([np.r_[-above, above], np.r_[below, -below]]),
        b_ub=[-(w @ above), w @ below],
        A_eq=[np.r_[-np.ones(n), np.ones(n)]],
        b_eq=[0.0],
        bounds=[(0.0, float(x)) for x in w] + [(0.0, None)] * n,
    )
    if found.status != 0:
        return None
    change = np.asarray(found.x[n:] - found.x[:n], dtype=np.float64)
    return change if _ranked(c, w + change, upper, lower) else None


def greedy(weights: Floats, slope: Floats, need: float) -> Floats | None:
    """The change of least size, sum 0, weights kept >= 0, with slope @ change = -need; None when there is none.

    All that is taken goes where it lowers the gap most, and is taken first where it lowers it most: a fractional
    knapsack, for which the greedy choice is the best one.
    """
    change = np.zeros(len(weights))
    if need <= 0:
        return change
    best = int(np.argmin(slope))
    for k in np.argsort(-slope, kind="stable"):
        worth = slope[k] - slope[best]
        if worth <= 0:
            break
        part = min(float(weights[k]), need / worth)
        change[k] -= part
        change[best] += part
        need -= part * worth
        if need <= _CLOSE:
            return change
    return None


def _shift(c: Composite, upper: int, lower: int) -> Shift | None:
    """The smallest change, as a share of one criterion's maximum, that alone closes the gap. Points are rounded up."""
    w, found = c.weights, []
    top = [float(c.scored[i] @ w) for i in (upper, lower)]
    total = [float(c.filled[i] @ w + c.bonus[i]) for i in (upper, lower)]
    level = total[0] * top[1] / top[0] if c.basis == "share" else total[0]
    floor = total[1] * top[0] / top[1] if c.basis == "share" else total[1]
    for gains, who, need in ((True, lower, level - total[1]), (False, upper, total[0] - floor)):
        need = max(0.0, need)
        held = c.filled[who] * w
        room = np.where(c.scored[who], (w - held) if gains else held, -1.0)
        for k in np.flatnonzero(room >= need - _CLOSE):
            found.append(Shift(c.codes[k], gains, rounded_up(need, c.decimals), need / float(w[k])))
    return min(found, key=lambda s: (s.share, not s.gains)) if found else None


def rounded_up(points: float, decimals: int = 2) -> float:
    """The least number of whole hundredths (for 2 decimals) that is not below the points."""
    units = to_units(points, decimals)
    return float(from_units(units + (from_units(units, decimals) < points - 1e-9), decimals))
