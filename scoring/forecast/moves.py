"""What an action brings a measure or a declaration to, and how far the cases still to come allow it. Draws × communes.

`recover` of a measure says what can still be moved: `new` only cases to come, `existing` also those counted already, `budget`
only bad cases that have not happened yet. A count can be raised freely when it is `existing`, and lowered to today's figure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from criteria.model import Measure, ResolvedCriterion
from scoring.draws import DrawnScores
from scoring.forecast.model import Block
from scoring.inputs import STATES, DeclarationArrays, MeasureArrays
from scoring.recover import as_fraction

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
UP: Final = (">=", ">")
_DECLARED, _EVIDENCED, _NOT_APPLICABLE = (STATES.index(s) for s in ("declared", "evidenced", "not_applicable"))


@dataclass(frozen=True)
class Move:
    """A measure brought to `op` threshold: (C,), NaN for communes that it leaves alone. out_of: a count's whole."""

    measure: str
    op: str
    threshold: Floats
    info: Measure | None
    out_of: float | None = None

    @property
    def up(self) -> bool:
        return self.op in UP


@dataclass(frozen=True)
class Declare:
    """A declaration brought to a value: (C,), NaN for communes that it leaves alone.

    full: the value of all points; NaN where a value alone does not decide: points claimed without one then stay.
    missing: whether what nobody declares is declared as well; not where silence means that nothing of the kind applies.
    """

    code: str
    up: bool
    value: Floats
    full: float
    missing: bool = True


@dataclass(frozen=True)
class Action:
    """What one lever does, for all communes of a block at once. criterion: whose lever it is."""

    criterion: ResolvedCriterion
    moves: tuple[Move, ...]
    declare: Declare | None = None

    @property
    def touches(self) -> Bools:
        """(C,) the communes that it is for."""
        parts = [m.threshold for m in self.moves] + ([self.declare.value] if self.declare else [])
        return np.asarray(~np.isnan(np.stack(parts)).all(axis=0))


def wanted(move: Move, whole: Floats) -> Floats:
    """The least (or, going down, the most) whole cases of `whole` that keep the threshold; NaN where it leaves alone."""
    out = np.full(np.broadcast_shapes(whole.shape, move.threshold.shape), np.nan)
    cases = np.broadcast_to(np.rint(np.nan_to_num(whole)).astype(np.int64), out.shape)
    for level in np.unique(move.threshold[~np.isnan(move.threshold)]):
        t, at = as_fraction(float(level)), move.threshold == level
        scaled = t.numerator * cases[..., at]
        up, down = -(-scaled // t.denominator), scaled // t.denominator
        out[..., at] = {">=": up, ">": down + 1, "<=": down, "<": up - 1}[move.op]
    return np.where(np.isnan(whole), np.nan, out)


def parts_of(block: Block, move: Move) -> tuple[Floats, Floats, Floats]:
    """What the threshold is a share of (1 for a count), and between which numerators the measure can still end."""
    data, now = block.measures[move.measure], block.now[move.measure]
    share = move.info is not None and move.info.unit == "share"
    whole = data.denominator if share else np.full((1, 1), move.out_of or 1.0)
    least = np.minimum(np.nan_to_num(now.numerator), data.numerator)
    if not move.up:
        return whole, least, data.numerator
    how = move.info.recover if move.info else "none"
    if how == "existing":
        most = whole if share or move.out_of else np.full((1, 1), np.inf)
    elif how == "none":
        most = data.numerator
    else:
        most = np.nan_to_num(now.numerator) + coming(block, move.measure)
    return whole, least, np.fmax(np.minimum(most, whole) if share else most, data.numerator)


def coming(block: Block, measure: str) -> Floats:
    """Cases of the measure's denominator still to come; without a forecast of them, what the denominator grows by."""
    if measure in block.to_come:
        return block.to_come[measure]
    data, now = block.measures[measure], block.now[measure]
    return np.nan_to_num(data.denominator) - np.nan_to_num(now.denominator)


def brought(block: Block, move: Move) -> MeasureArrays:
    """The measure with the move made in every draw that falls short of it, as far as possible; others stay as they are."""
    data = block.measures[move.measure]
    whole, least, most = parts_of(block, move)
    goal = wanted(move, whole)
    n = data.numerator
    end = np.fmax(n, np.minimum(goal, most)) if move.up else np.fmin(n, np.maximum(goal, least))
    return replace(data, numerator=np.where(np.isnan(n) | np.isnan(goal), n, end))


def reaches(block: Block, move: Move) -> Floats:
    """(C,) share of the draws in which the move can be made in full."""
    whole, least, most = parts_of(block, move)
    goal = wanted(move, whole)
    return np.asarray(((most >= goal) if move.up else (least <= goal)).mean(axis=0), dtype=np.float64)


def declared(data: DeclarationArrays, to: Declare) -> DeclarationArrays:
    """Declared, with evidence, at the value (at full points where only points were claimed); the better ones stay."""
    chosen = ~np.isnan(to.value) & (data.state != _NOT_APPLICABLE) & (to.missing | (data.state >= 0))
    blank = np.isnan(data.value) | (data.state < 0)
    claims = blank & ~np.isnan(data.points) & (data.state >= 0)
    better = data.value < to.value if to.up else data.value > to.value
    short = chosen & (blank | better) & ~(claims & np.isnan(to.full))
    value = np.where(short, np.where(claims, to.full, to.value), data.value)
    state = np.where(chosen & (data.state <= _DECLARED), _EVIDENCED, data.state).astype(np.int8)
    return DeclarationArrays(value, np.broadcast_to(data.points, value.shape), state)


def given(block: Block, actions: Iterable[Action]) -> tuple[dict[str, MeasureArrays], dict[str, DeclarationArrays]]:
    """The inputs that actions change when all are done: of two that move one measure the farther counts."""
    measures: dict[str, MeasureArrays] = {}
    declarations: dict[str, DeclarationArrays] = {}
    for action in actions:
        for move in action.moves:
            new, old = brought(block, move), measures.get(move.measure)
            if old is not None:
                farther = np.fmax if move.up else np.fmin
                new = replace(new, numerator=farther(new.numerator, old.numerator))
            measures[move.measure] = new
        if action.declare is not None:
            code = action.declare.code
            declarations[code] = declared(declarations.get(code, block.declarations[code]), action.declare)
    return measures, declarations


def column(block: Block, k: int) -> Block:
    """One commune of a block."""
    return _cut(block, (block.units[k],), (slice(None), slice(k, k + 1)))


def rows(block: Block, chosen: slice) -> Block:
    """Some draws of a block."""
    return _cut(block, block.units, (chosen, slice(None)))


def _cut(block: Block, units: tuple[str, ...], at: tuple[slice, slice]) -> Block:
    def cut(parts: Mapping[str, MeasureArrays]) -> dict[str, MeasureArrays]:
        return {
            name: MeasureArrays(p.numerator[at], p.denominator[at], p.unknown[at], p.present[at]) for name, p in parts.items()
        }

    told = {c: DeclarationArrays(d.value[at], d.points[at], d.state[at]) for c, d in block.declarations.items()}
    scored = block.scored
    places = (getattr(scored, name)[at] for name in ("total", "max_scored", "share", "grading", "grade"))
    own = DrawnScores({code: units_[at] for code, units_ in scored.units.items()}, *places)
    come = {name: values[at] for name, values in block.to_come.items()}
    return Block(units, cut(block.measures), told, come, cut(block.now), own)


def column_action(action: Action, k: int) -> Action:
    """The action for one commune of its block."""
    own = tuple(replace(m, threshold=m.threshold[k : k + 1]) for m in action.moves if not np.isnan(m.threshold[k]))
    to = action.declare
    return replace(action, moves=own, declare=None if to is None else replace(to, value=to.value[k : k + 1]))
