"""The next step of every base criterion of some communes: from the rule's own thresholds to the actions that reach them.

The step aimed at is the first above the middle of the draws (the highest when that is reached already: some draws fall
short). A rule without steps (linear, penalties) has the one step "every case still to come is good". What has happened and
cannot be undone (declared events, days of delay) aims at the best of the draws: nothing more happens.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import ceil
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from criteria.model import ResolvedCriterion, ResolvedSet
from scoring.forecast.model import Block
from scoring.forecast.moves import UP, Action, Declare, Move
from scoring.inputs import STATES, DeclarationArrays
from scoring.rounding import NO_UNITS, to_units

Floats = NDArray[np.float64]
#: Draws that find the middle, search plans and rank. They are the first ones, so that more draws change them little.
SAMPLE: Final = 1000


def ladder(criterion: ResolvedCriterion) -> tuple[str, list[float]]:
    """The comparison and its thresholds, the easiest first. Empty for a rule of several inputs (see `levels`)."""
    if criterion.rule is None:
        return ">=", []
    family, p = criterion.rule.family, criterion.rule.params
    if family in ("capped_ratio", "survey_index"):
        return ">=", [float(p.get("target", 1.0))]
    if family == "plan_completion":
        return ">=", sorted({float(p.get("ratio_from", 0.8)), float(p.get("full_at", 1.0))})
    if family == "steps":
        return ">=", sorted(float(step["from"]) for step in p["steps"])
    if family == "graded_share":
        return ">=", [float(k) for k, share in enumerate(p["shares"]) if share > max([0, *p["shares"][:k]])]
    if family == "per_item":
        return ">=", [float(k + 1) for k in range(ceil((criterion.max_points or 0.0) / p["per_item"]))]
    if family == "falling_linear":
        return "<", [float(p["full_below"])]
    if family == "steps_down":
        return "<=", sorted((float(step["upto"]) for step in p["steps"]), reverse=True)
    if family in ("penalty_per_event", "penalty_per_percent", "breach"):
        return "<=", [0.0]
    return {"linear": (">=", [1.0]), "yes_no": (">=", [float(p.get("at_least", 1.0))])}.get(family, (">=", []))


def actions(block: Block, rules: ResolvedSet) -> Iterator[Action]:
    """One action for every base criterion in force that can be acted on, for all communes of the block."""
    for criterion in rules.criteria:
        if criterion.rule is None or criterion.kind != "base":
            continue
        if criterion.rule.family == "compound_steps":
            action = _compound(block, rules, criterion)
        elif not ladder(criterion)[1]:
            continue
        elif criterion.declared:
            action = Action(criterion, (), _declare(block.declarations[criterion.code], criterion))
        else:
            action = Action(criterion, (_move(block, criterion),))
        if action.touches.any():
            yield action


def _middle(values: Floats) -> Floats:
    """(C,) the median of the first draws that have a value, rounded down to one of them; NaN where none has."""
    ordered = np.sort(values[:SAMPLE], axis=0)
    known = (~np.isnan(ordered)).sum(axis=0)
    middle = np.take_along_axis(ordered, (np.maximum(known - 1, 0) // 2)[None], axis=0)[0]
    return np.where(known > 0, middle, np.nan)


def _next(values: Floats, op: str, steps: Sequence[float]) -> Floats:
    """(C,) the first step that the middle value does not keep, or the last one; NaN without a value."""
    middle = _middle(values)
    out = np.full(middle.shape, steps[-1])
    for step in reversed(steps):
        kept = {">=": middle >= step, ">": middle > step, "<=": middle <= step, "<": middle < step}[op]
        out = np.where(kept, out, step)
    return np.where(np.isnan(middle), np.nan, out)


def _move(block: Block, criterion: ResolvedCriterion) -> Move:
    name, (op, steps) = str(criterion.measure), ladder(criterion)
    data = block.measures[name]
    n, d = data.numerator[:SAMPLE], data.denominator[:SAMPLE]
    share = criterion.measure_info is not None and criterion.measure_info.unit == "share"
    whole = d if share else np.full((1, 1), criterion.out_of or 1.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = np.where(data.present[:SAMPLE] & (whole > 0), n / whole, np.nan)
    return Move(name, op, _next(value, op, steps), criterion.measure_info, criterion.out_of)


def _declare(data: DeclarationArrays, criterion: ResolvedCriterion) -> Declare:
    """An undeclared one is declared in full; a declared one goes a step further; what only grows worse stays at its best."""
    op, steps = ladder(criterion)
    value = np.where((data.state >= 0) & (data.state != STATES.index("not_applicable")), data.value, np.nan)
    full, unknown, missing = steps[-1], np.isnan(_middle(value)), criterion.no_data != "not_applicable"
    if op in UP:
        return Declare(criterion.code, True, np.where(unknown, full, _next(value, op, steps)), full, missing)
    best = np.where(unknown, full, np.min(np.where(np.isnan(value), np.inf, value), axis=0))
    return Declare(criterion.code, False, best, full, missing)


def _compound(block: Block, rules: ResolvedSet, criterion: ResolvedCriterion) -> Action:
    """The next level above the middle points: all its conditions at once."""
    assert criterion.rule is not None
    levels = sorted(criterion.rule.params["levels"], key=lambda level: float(level["points"]))
    units = block.scored.units[criterion.code]
    points = _middle(np.where(units == NO_UNITS, np.nan, units))
    if criterion.declared:
        points = np.nan_to_num(points)
    aim = np.full(points.shape, -1)
    for k, level in reversed(list(enumerate(levels))):
        aim = np.where((points < to_units(float(level["points"]), rules.decimals)) | ((aim < 0) & ~np.isnan(points)), k, aim)
    return _conditions(criterion, rules, levels, aim)


def _conditions(
    criterion: ResolvedCriterion, rules: ResolvedSet, levels: Sequence[Mapping[str, Any]], aim: NDArray[np.int64]
) -> Action:
    """The conditions of the level that each commune aims at (its position in `levels`, −1 for none)."""
    moves: dict[tuple[str, str], Floats] = {}
    for k, level in enumerate(levels):
        for condition in level["all"]:
            name = str(condition["input"])
            info = rules.measures.get(criterion.inputs.get(name, ""))
            lower = info is not None and info.recover in ("budget", "none")
            op = {"==": "<=" if lower else ">="}.get(condition["op"], condition["op"])
            goal = moves.setdefault((name, op), np.full(aim.shape, np.nan))
            goal[aim == k] = float(condition["value"])
    measured = [
        Move(criterion.inputs[name], op, goal, rules.measures.get(criterion.inputs[name]))
        for (name, op), goal in moves.items()
        if name in criterion.inputs
    ]
    told = [Declare(criterion.code, op in UP, goal, np.nan) for (name, op), goal in moves.items() if name == "declared"]
    return Action(criterion, tuple(measured), told[0] if told else None)
