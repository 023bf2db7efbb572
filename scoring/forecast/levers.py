"""What would change where the year ends: for each criterion its next step, what it takes, what it gives, and the cheapest plan.

"If done" are the same draws with the measure moved to the step wherever they fall short of it, as far as the cases still to
come allow, scored by the same rules: common random numbers make the difference sharp, and doing a lever lowers no draw's
total. A measure used by several criteria moves all of them. Levers are ordered by the gain in P(good), then in points.

Effort, 0 … 1: of the cases still to come that would go wrong, the share that must be won (for `existing` measures: of all
cases not yet good; for `budget` ones: of the further bad cases). A declaration, document or single count costs 0.05 each.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from criteria.model import ResolvedCriterion, ResolvedSet
from scoring import core
from scoring.forecast.ladders import SAMPLE, actions
from scoring.forecast.model import Block
from scoring.forecast.moves import Action, Move, brought, coming, given, parts_of, reaches, rows, wanted
from scoring.inputs import DeclarationArrays, MeasureArrays
from scoring.recover import as_fraction
from scoring.rounding import NO_UNITS, to_units
from scoring.totals import max_total, sums
from scoring.worth import worth

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
DOCUMENT: Final = 0.05


@dataclass(frozen=True)
class Step:
    """What one input of a lever has to reach.

    how: new | existing | budget | events (a measure, by what can still be moved), declare | better (a declaration).
    needed: whole cases from today on (budget and events: bad cases to be avoided). coming: cases expected to come.
    room: bad cases that may still happen. all_good: the step is that every case to come is good. reachable: in at least half
    of the draws.
    """

    measure: str | None
    op: str
    threshold: float
    how: str
    needed: int | None = None
    coming: int | None = None
    room: int | None = None
    all_good: bool = False
    reachable: bool = True


@dataclass(frozen=True)
class Lever:
    """One criterion's next step for one commune.

    points_*: of the criterion, expected at the year's end (None: not scored in any draw). gain: of the total, in points.
    declared, unit, level: of a declared criterion, its kind, unit and the level aimed at.
    basis: what the commune is ranked by if done, in the first draws (SAMPLE,); rank_* are None until `ranked`.
    """

    code: str
    label: str
    owner: str
    steps: tuple[Step, ...]
    possible: bool
    points_now: float | None
    points_possible: float | None
    gain: float
    p_good_now: float
    p_good_if_done: float
    effort: float
    declared: str | None
    unit: str
    level: str | None
    basis: Ints
    rank_now: float | None = None
    rank_if_done: float | None = None

    @property
    def needed(self) -> int | None:
        """Whole cases of a lever on one measure."""
        return self.steps[0].needed if len(self.steps) == 1 else None


@dataclass(frozen=True)
class Change:
    """An action with what it changes: points and maximum of the total and of its own criterion, (D, C) or (1, C) hundredths.

    codes: the criteria it touches. effort, possible: (C,).
    """

    action: Action
    codes: frozenset[str]
    total: Ints
    max_scored: Ints
    own: Ints
    effort: Floats
    possible: Bools


@dataclass(frozen=True)
class Scale:
    """When a total is a good grade, as whole-number inequalities: exactly what rounding and bands of the rules give."""

    unit: int
    edge: int
    enough_num: int
    enough_den: int

    def margins(self, total: Ints, max_scored: Ints) -> Ints:
        """Two numbers, both not negative exactly where the grade is reached: the index and how much is scored. Linear."""
        reached = 2 * self.unit * total - (2 * self.edge - 1) * max_scored
        return np.stack([reached, np.broadcast_to(2 * self.unit * self._scored(max_scored), reached.shape)])

    def _scored(self, max_scored: Ints) -> Ints:
        return max_scored * self.enough_den - self.enough_num

    def good(self, total: Ints, max_scored: Ints) -> Bools:
        """Where the grade is reached: so much is scored that there is one, and the index is not below its edge."""
        enough = (max_scored > 0) & (self._scored(max_scored) >= 0)
        reached: Bools = 2 * self.unit * total >= (2 * self.edge - 1) * max_scored
        return reached if enough.all() else reached & enough


def scale_of(rules: ResolvedSet, grade: str) -> Scale:
    """Raises KeyError for a grade the set does not have, or one that has no lower edge."""
    edges = {band.grade: band.at_least for band in rules.bands.bands if band.at_least is not None}
    edge, enough = as_fraction(edges[grade]), as_fraction(rules.min_scored_share) * max_total(rules)
    scale = int(10**rules.decimals)
    return Scale(
        unit=int(to_units(rules.grading_scale, rules.decimals)), edge=-(-edge.numerator * scale // edge.denominator),
        enough_num=enough.numerator, enough_den=enough.denominator,
    )  # fmt: skip


def totals(block: Block) -> tuple[Ints, Ints]:
    """Total and maximum of every draw; 0 where nothing is scored."""
    return np.where(block.scored.max_scored > 0, block.scored.total, 0), block.scored.max_scored


def changes(block: Block, rules: ResolvedSet, *, over: bool = False) -> tuple[Change, ...]:
    """What every action changes. Nothing when the year is over."""
    return () if over else tuple(_change(block, rules, action) for action in actions(block, rules))


def _change(block: Block, rules: ResolvedSet, action: Action) -> Change:
    total, max_scored, codes, own = rescored(block, rules, [action])
    possible, first = np.ones(len(block.units), dtype=np.bool_), sample(block)
    for move in action.moves:
        possible &= np.isnan(move.threshold) | (reaches(first, move) >= 0.5) | _all_good(action)
    return Change(action, codes, total, max_scored, own[action.criterion.code], _effort(first, action), possible)


def _all_good(action: Action) -> bool:
    """Whether the step is "every case still to come is good", which can always be tried."""
    rule = action.criterion.rule
    return rule is not None and rule.family in ("linear", "penalty_per_event", "penalty_per_percent")


def rescored(
    block: Block, rules: ResolvedSet, done: Iterable[Action]
) -> tuple[Ints, Ints, frozenset[str], dict[str, Ints]]:  # fmt: skip
    """Changes of total and maximum when actions are all done, the criteria they touch, and the new units of each of them."""
    touched = list(rescored_units(block, rules, *given(block, done)))
    new = {criterion.code: units for criterion, units in touched}
    total = max_scored = np.zeros((1, len(block.units)), dtype=np.int64)
    for criterion, units in touched:
        if criterion.kind == "base":
            old = block.scored.units[criterion.code]
            is_scored, was_scored = units != NO_UNITS, old != NO_UNITS
            total = total + np.where(is_scored, units, 0) - np.where(was_scored, old, 0)
            if not (is_scored.all() and was_scored.all()):
                top = int(to_units(criterion.max_points or 0.0, rules.decimals))
                max_scored = max_scored + top * (is_scored.astype(np.int64) - was_scored)
    if any(criterion.kind != "base" for criterion, _ in touched):
        total = total + _bonus(rules, {**block.scored.units, **new}) - _bonus(rules, block.scored.units)
    return total, max_scored, frozenset(new), new


def rescored_units(
    block: Block, rules: ResolvedSet, measures: Mapping[str, MeasureArrays], declarations: Mapping[str, DeclarationArrays]
) -> Iterator[tuple[ResolvedCriterion, Ints]]:
    """The criteria that read these changed inputs, each with its units scored again."""
    inputs = {**block.measures, **measures}, {**block.declarations, **declarations}
    for criterion in rules.criteria:
        if criterion.rule is not None and _reads(criterion, measures, declarations):
            yield criterion, to_units(worth(criterion, *inputs).raw, rules.decimals)


def _reads(criterion: ResolvedCriterion, measures: Container[str], declarations: Container[str]) -> bool:
    """Whether one of these is an input of the criterion."""
    return criterion.code in declarations or any(m in measures for m in (criterion.measure, *criterion.inputs.values()) if m)


def _bonus(rules: ResolvedSet, units: Mapping[str, Ints]) -> Ints:
    """What lies outside the base points, held within the limit of the set."""
    outside = tuple(c for c in rules.criteria if c.kind != "base")
    return sums(replace(rules, criteria=outside), [units[c.code] for c in outside])[1]


def _effort(block: Block, action: Action) -> Floats:
    """(C,) see the module. On the first draws."""
    effort = np.zeros(len(block.units)) if action.declare is None else np.where(np.isnan(action.declare.value), 0.0, DOCUMENT)
    for move in action.moves:
        numerator = block.measures[move.measure].numerator
        _, least, most = parts_of(block, move)
        won = np.abs(brought(block, move).numerator - numerator).mean(axis=0)
        room = np.abs((most if move.up else least) - numerator).mean(axis=0)
        share = np.where(np.isinf(room), DOCUMENT * won, won / np.where(room > 0, room, 1.0))
        effort = effort + np.where(np.isnan(move.threshold), 0.0, np.nan_to_num(share))
    return np.clip(effort, 0.0, 1.0)


def levers(block: Block, rules: ResolvedSet, good_grade: str, found: Sequence[Change]) -> dict[str, tuple[Lever, ...]]:
    """The levers of every commune of the block, the strongest first. found: what `changes` gave for it.

    Left out are those that gain nothing, unless it is because the step can no longer be reached. Raises: as `scale_of`.
    """
    scale, (total, max_scored) = scale_of(rules, good_grade), totals(block)
    now = scale.good(total, max_scored).mean(axis=0)
    listed: dict[str, list[Lever]] = {unit: [] for unit in block.units}
    for change in found:
        c, steps = change.action.criterion, _steps(sample(block), change.action)
        done_total, done_max = total + change.total, max_scored + change.max_scored
        if_done = scale.good(done_total, done_max).mean(axis=0)
        gain = change.total.mean(axis=0) / 10**rules.decimals
        basis = np.broadcast_to(ranking_basis(rules, done_total[:SAMPLE], done_max[:SAMPLE]), total[:SAMPLE].shape)
        before, after = (_points(u, rules.decimals) for u in (block.scored.units[c.code], change.own))
        short = ~change.possible & (before < (c.max_points or 0.0))
        for k in np.flatnonzero(change.action.touches & ((gain > 0) | short)).tolist():
            listed[block.units[k]].append(
                Lever(
                    code=c.code, label=c.label, owner=c.owner, steps=steps[k], possible=bool(change.possible[k]),
                    points_now=_known(before[k]), points_possible=_known(after[k]), gain=float(gain[k]),
                    p_good_now=float(now[k]), p_good_if_done=float(if_done[k]), effort=float(change.effort[k]),
                    declared=c.declared, unit=c.unit, level=_level(change.action, k), basis=np.ascontiguousarray(basis[:, k]),
                )
            )  # fmt: skip
    order = {unit: sorted(own, key=lambda x: (x.p_good_now - x.p_good_if_done, -x.gain, x.code)) for unit, own in listed.items()}
    return {unit: tuple(own) for unit, own in order.items()}


def _level(action: Action, k: int) -> str | None:
    """The name of the declared level that is aimed at."""
    names, to = action.criterion.levels, action.declare
    return names[int(to.value[k])] if names and to is not None and 0 <= to.value[k] < len(names) else None


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _points(units: Ints, decimals: int) -> Floats:
    """(C,) expected points; what is not scored in a draw gives none in it, NaN where it is scored in none."""
    scored = units != NO_UNITS
    mean = np.where(scored, units, 0).mean(axis=0) / 10**decimals
    return np.where(scored.any(axis=0), mean, np.nan)


def ranking_basis(rules: ResolvedSet, total: Ints, max_scored: Ints) -> Ints:
    """What communes are ranked by; NO_UNITS where nothing is scored."""
    if rules.ranking_basis == "share":
        return core.share_units(total, max_scored, rules.decimals)
    return np.where(max_scored > 0, total, NO_UNITS)


def _steps(block: Block, action: Action) -> list[tuple[Step, ...]]:
    """What every commune has to reach, on the first draws."""
    out: list[list[Step]] = [[] for _ in block.units]
    for move in action.moves:
        for k, step in _measured(block, action, move):
            out[k].append(step)
    to = action.declare
    if to is not None:
        for at in np.flatnonzero(~np.isnan(to.value)).tolist():
            there = _declared_already(block.declarations[to.code], at)
            out[at].append(Step(None, ">=" if to.up else "<=", float(to.value[at]), "better" if there else "declare"))
    return [tuple(steps) for steps in out]


def _declared_already(data: DeclarationArrays, k: int) -> bool:
    """Whether the declaration is there today: the draws keep it as it is."""
    value, state = (x[:, min(k, x.shape[1] - 1)] for x in (data.value, data.state))
    return bool(state[0] >= 0 and (state == state[0]).all() and (np.isnan(value).all() or (value == value[0]).all()))


def _measured(block: Block, action: Action, move: Move) -> Iterator[tuple[int, Step]]:
    """The step of each commune that the move is for, with its position."""
    whole, _, most = parts_of(block, move)
    now = np.nan_to_num(block.now[move.measure].numerator[0])
    share = move.info is not None and move.info.unit == "share"
    goal, end, furthest, come = (
        _middle(x, len(now))
        for x in (wanted(move, whole), block.measures[move.measure].numerator, most, coming(block, move.measure))
    )
    recover = move.info.recover if move.info is not None else "none"
    how = recover if recover == "budget" or move.up else "events"
    can = reaches(block, move) >= 0.5
    aim = np.minimum(goal, furthest) if _all_good(action) else goal
    needed = np.maximum(0, np.rint(aim - now if move.up else end - np.maximum(goal, now)))
    for k in np.flatnonzero(~np.isnan(move.threshold) & ~np.isnan(needed)).tolist():
        yield k, Step(
            measure=move.measure, op=move.op, threshold=float(move.threshold[k]), needed=int(needed[k]),
            coming=round(come[k]) if share else None, room=None if move.up else max(0, round(goal[k] - now[k])),
            how=how, all_good=_all_good(action), reachable=bool(can[k]) or _all_good(action),
        )  # fmt: skip


def _middle(values: Floats, count: int) -> Floats:
    """(C,) the median over draws, one of them, so that it stays whole; NaN where a draw has none."""
    ordered = np.sort(values, axis=0)
    return np.broadcast_to(ordered[(len(ordered) - 1) // 2], count) + np.where(np.isnan(ordered[-1]), np.nan, 0.0)


def ranked(found: Sequence[Lever], now: Ints, everybody: Ints) -> tuple[Lever, ...]:
    """The levers of one commune with its expected rank now and if done. Competition ranks, 1 is the best.

    now: (d,) what the commune is ranked by. everybody: (d, N) the same of all communes, itself included, each row sorted
    ascending (`np.sort(basis[:SAMPLE], axis=1)`); in the order of the draws of `basis`.
    """
    if not found:
        return ()
    reach = np.int64(1) << 40  # more than any total: the sorted rows become one sorted row
    draws, count = everybody.shape
    offset = np.arange(draws) * reach
    flat = (np.clip(everybody, -(reach >> 2), None) + offset[:, None]).ravel()

    def expected(basis: Ints) -> float | None:
        scored = (basis != NO_UNITS) & (now != NO_UNITS)
        above = count * (np.arange(draws) + 1) - np.searchsorted(flat, np.clip(basis, -(reach >> 2), None) + offset, side="right")
        ranks = 1 + above - (now > basis)
        return float(ranks[scored].mean()) if scored.any() else None

    before = expected(now)
    return tuple(replace(lever, rank_now=before, rank_if_done=expected(lever.basis[:draws])) for lever in found)


def sample(block: Block) -> Block:
    """The first draws of a block."""
    return rows(block, slice(SAMPLE))
