"""The cheapest set of levers that makes the good grade likely: fewest actions first, then least effort.

Sets of up to three are tried out on the first draws; larger ones grow greedily (the action that shortens the shortfall
most), then lose what they do not need. Whatever is proposed is done jointly and scored again on all draws by the rules: its
probability is that one. Two actions that touch one criterion are not combined: the farther one is an action of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np
from numpy.typing import NDArray

from criteria.model import ResolvedSet
from scoring.forecast.ladders import SAMPLE
from scoring.forecast.levers import Change, Ints, Scale, rescored, scale_of, totals
from scoring.forecast.model import Block
from scoring.forecast.moves import column, column_action

Floats = NDArray[np.float64]
TARGET: Final = 0.8
_EXHAUSTIVE: Final = 3
#: Sets of one size that are scored again on all draws before a larger size is tried.
_TRIED: Final = 10
#: How much more likely a larger set is made on the first draws when on all draws it falls just short.
_SAFER: Final = (0.02, 0.05, 0.1)


@dataclass(frozen=True)
class Plan:
    """codes: the criteria whose levers are to be done; empty: nothing needed; None: out of reach.

    p_good: with the plan done; when out of reach the best there is, with everything possible done.
    """

    codes: tuple[str, ...] | None
    p_good: float


@dataclass(frozen=True)
class _Search:
    """One commune on the first draws. margin: (2, d) of the grade, gains: (L, 2, d) on it. allowed: (L, L) may be combined."""

    margin: Ints
    gains: Ints
    effort: Floats
    allowed: NDArray[np.bool_]
    target: float

    def p(self, chosen: Sequence[int]) -> float:
        return float(_share(self.margin + self.gains[list(chosen)].sum(axis=0)))

    def sets(self) -> Iterator[tuple[int, ...]]:
        """Sets that reach the target on these draws, the cheapest first."""
        best = np.sort(self.gains, axis=0)[::-1]
        for size in range(1, min(_EXHAUSTIVE, len(self.gains)) + 1):
            if _share(self.margin + best[:size].sum(axis=0)) >= self.target:
                enough = [s for s in self._of(size) if self._combine(s)]
                yield from sorted(enough, key=lambda s: (float(self.effort[list(s)].sum()), s))[:_TRIED]
        for goal in (self.target, *(self.target + more for more in _SAFER if self.target + more <= 1.0), 1.0):
            yield self._grown(goal)

    def _combine(self, chosen: Sequence[int]) -> bool:
        return all(self.allowed[a, b] for a, b in combinations(chosen, 2))

    def _of(self, size: int) -> Iterator[tuple[int, ...]]:
        """Sets of one size that reach the target; the last member of each is tried for all at once."""
        for head in combinations(range(len(self.gains)), size - 1):
            first = head[-1] + 1 if head else 0
            start = self.margin + self.gains[list(head)].sum(axis=0)
            reached = _share(start + self.gains[first:]) >= self.target
            yield from ((*head, first + int(k)) for k in np.flatnonzero(reached))

    def _grown(self, goal: float) -> tuple[int, ...]:
        """A set that reaches the goal, or as many as can be combined; nothing in it is needless."""
        chosen: list[int] = []
        margin = self.margin
        while _share(margin) < goal:
            free = [k for k in range(len(self.gains)) if k not in chosen and all(self.allowed[k, c] for c in chosen)]
            if not free:
                return tuple(sorted(chosen))
            short = np.minimum(0, margin + self.gains[free]).mean(axis=(1, 2))
            chosen.append(free[int(np.argmax(short))])
            margin = margin + self.gains[chosen[-1]]
        for k in sorted(chosen, key=lambda k: -self.effort[k]):
            rest = [c for c in chosen if c != k]
            if self.p(rest) >= goal:
                chosen = rest
        return tuple(sorted(chosen))


def _share(margins: Ints) -> NDArray[np.float64]:
    """(…, 2, d) → (…): the share of the draws with the grade."""
    return np.asarray((margins >= 0).all(axis=-2).mean(axis=-1))


def plan(block: Block, rules: ResolvedSet, good_grade: str, found: Sequence[Change], unit: str, target: float = TARGET) -> Plan:
    """The cheapest plan of one commune of the block. found: what `levers.changes` gave for the block.

    Raises ValueError for a unit that is not in the block.
    """
    at = block.units.index(unit)
    scale, own = scale_of(rules, good_grade), column(block, at)
    total, max_scored = totals(own)
    p_now = float(scale.good(total, max_scored).mean())
    if p_now >= target:
        return Plan((), p_now)
    usable = [c for c in found if c.possible[at] and c.action.touches[at] and _gain(scale, c, at).any()]
    if not usable:
        return Plan(None, p_now)
    best = _done(own, rules, scale, usable, at)
    if best >= target:
        for chosen in _search(scale, total, max_scored, usable, at, target).sets():
            actions = [usable[k] for k in chosen]
            p_good = _done(own, rules, scale, actions, at)
            if p_good >= target:
                return Plan(tuple(c.action.criterion.code for c in actions), p_good)
        return Plan(tuple(c.action.criterion.code for c in usable), best)
    return Plan(None, best)


def _gain(scale: Scale, change: Change, at: int) -> Ints:
    """What a change adds to the margins of the grade in the first draws."""
    nothing = np.zeros(1, dtype=np.int64)
    return scale.margins(change.total[:SAMPLE, at], change.max_scored[:SAMPLE, at]) - scale.margins(nothing, nothing)


def _search(scale: Scale, total: Ints, max_scored: Ints, usable: Sequence[Change], at: int, target: float) -> _Search:
    margin = scale.margins(total[:SAMPLE, 0], max_scored[:SAMPLE, 0])
    gains = np.stack([np.broadcast_to(_gain(scale, c, at), margin.shape) for c in usable])
    allowed = np.array([[not (a.codes & b.codes) for b in usable] for a in usable], dtype=np.bool_)
    return _Search(margin, gains, np.array([c.effort[at] for c in usable]), allowed, target)


def _done(own: Block, rules: ResolvedSet, scale: Scale, changes: Sequence[Change], at: int) -> float:
    """P(good) with the actions done jointly, scored by the rules on all draws."""
    total, max_scored = totals(own)
    more, more_max, _, _ = rescored(own, rules, [column_action(c.action, at) for c in changes])
    return float(scale.good(total + more, max_scored + more_max).mean())
