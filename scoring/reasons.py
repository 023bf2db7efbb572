"""Why points were lost and what would bring them back, as a code and plain numbers. The wording is not here.

`describe` gives one dict per commune that lost points under one criterion. Every dict carries code, label,
family, measure, declared, recover, unit, value, numerator, denominator, unknown, points, max_points, lost,
review, targets_unknown; and, as far as the family has them, threshold, strict, needed, budget, excess,
zero_at, ratio_from, next_points, per_event, events, percent, sign, level, level_label, next_level, light,
unmet.
Units: points, shares /1, whole cases.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from criteria.model import ResolvedCriterion
from scoring import recover
from scoring.rules import COMPARE, STEP, ZERO

LOSS_REASON: Final[Mapping[str, str]] = {
    "yes_no": "not_met",
    "per_item": "items_short",
    "breach": "breach",
    "graded_share": "grade_below",
    "capped_ratio": "below_target",
    "survey_index": "below_target",
    "linear": "incomplete",
    "falling_linear": "above_limit",
    "steps": "step_missed",
    "steps_down": "late_by",
    "compound_steps": "conditions_unmet",
    "plan_completion": "plan_incomplete",
    "penalty_per_event": "events_penalty",
    "penalty_per_percent": "percent_penalty",
    "bonus_penalty": "penalty_applied",
}
# Codes that do not come from a rule.
NO_MEASURE: Final = "no_measure"
ZERO_DENOMINATOR: Final = "zero_denominator"
NOT_DECLARED: Final = "not_declared"
DECLARED_NOT_APPLICABLE: Final = "declared_not_applicable"
NOT_YET_IN_FORCE: Final = "not_yet_in_force"
OUT_OF_RANGE: Final = "value_out_of_range"
DECLARED_ONLY: Final = "declared_without_evidence"
POINTS_BELOW_MAX: Final = "declared_points_below_max"
NOTHING_REPORTED: Final = "nothing_reported"
OVERRIDDEN: Final = "appraised_below_max"
ALL_REASONS: Final[tuple[str, ...]] = tuple(
    dict.fromkeys(
        [
            *LOSS_REASON.values(),
            NO_MEASURE,
            ZERO_DENOMINATOR,
            NOT_DECLARED,
            DECLARED_NOT_APPLICABLE,
            NOT_YET_IN_FORCE,
            OUT_OF_RANGE,
            DECLARED_ONLY,
            POINTS_BELOW_MAX,
            NOTHING_REPORTED,
            OVERRIDDEN,
        ]
    )
)


def constants(criterion: ResolvedCriterion) -> dict[str, Any]:
    """What is the same for every commune."""
    info = criterion.measure_info
    return {
        "code": criterion.code,
        "label": criterion.label,
        "family": criterion.rule.family if criterion.rule else None,
        "measure": criterion.measure,
        "declared": criterion.declared,
        "unit": criterion.unit,
        "recover": info.recover if info else "none",
        "max_points": criterion.max_points,
        "targets_unknown": [t.name for t in criterion.targets.values() if not t.known],
    }


def describe(
    criterion: ResolvedCriterion,
    rows: NDArray[np.intp],
    value: NDArray[np.float64],
    numerator: NDArray[np.float64],
    denominator: NDArray[np.float64],
    branch: NDArray[np.int16],
    parts: Mapping[str, NDArray[np.float64]] | None = None,
) -> list[dict[str, Any]]:
    """The family's numbers for the given rows, in their order. `parts`: every input of a compound rule, by commune."""
    if criterion.rule is None or len(rows) == 0:
        return [{} for _ in rows]
    family, params = criterion.rule.family, criterion.rule.params
    v, n, d, b = value[rows], numerator[rows], denominator[rows], branch[rows]
    counted = ~np.isnan(n) & ~np.isnan(d)
    if family in ("capped_ratio", "survey_index"):
        return _towards(criterion, n, d, counted, float(params["target"]))
    if family == "linear":
        return _towards(criterion, n, d, counted, 1.0)
    if family == "plan_completion":
        extra = {"ratio_from": float(params.get("ratio_from", 0.8))}
        out = _towards(criterion, n, d, counted, float(params.get("full_at", 1.0)))
        return [{**item, **extra} for item in out]
    if family == "falling_linear":
        return _limit(n, d, counted, float(params["full_below"]), float(params["zero_at"]))
    if family == "steps":
        return _next_steps(criterion, params["steps"], n, d, counted, b)
    if family == "steps_down":
        return [{"threshold": float(params["steps"][0]["upto"]), "events": float(x)} for x in v]
    if family == "yes_no":
        least = float(params.get("at_least", 1.0))
        return [{"threshold": least, "needed": _whole(least - x)} for x in v]
    if family == "per_item":
        each, top = float(params["per_item"]), float(criterion.max_points or 0.0)
        return [{"per_event": each, "events": float(x), "needed": math.ceil(top / each - x)} for x in v]
    if family in ("penalty_per_event", "bonus_penalty"):
        each = float(params["per_event"])
        return [{"per_event": each, "events": float(x), "sign": params.get("sign", -1)} for x in v]
    if family == "penalty_per_percent":
        each = float(params["per_percent"])
        cases = np.where(counted, n, np.nan)
        return [{"per_event": each, "percent": float(x) * 100, "events": float(k)} for x, k in zip(v, cases)]
    if family == "graded_share":
        return [_level(criterion.levels, int(x)) for x in v]
    if family == "breach":
        return [{"level": int(x), "light": bool(x <= 1)} for x in v]
    return [
        _unmet(criterion, params["levels"][0], {name: float(values[k]) for name, values in (parts or {}).items()}) for k in rows
    ]


def _towards(
    criterion: ResolvedCriterion,
    n: NDArray[np.float64],
    d: NDArray[np.float64],
    counted: NDArray[np.bool_],
    threshold: float,
) -> list[dict[str, Any]]:
    how = criterion.measure_info.recover if criterion.measure_info else "none"
    if how == "new":
        needed = recover.needed_new(n, d, threshold)
    else:
        needed = recover.needed_existing(n, d, threshold)
    return [{"threshold": threshold, "needed": int(k) if known else None} for k, known in zip(needed, counted)]


def _limit(
    n: NDArray[np.float64],
    d: NDArray[np.float64],
    counted: NDArray[np.bool_],
    full_below: float,
    zero_at: float,
) -> list[dict[str, Any]]:
    allowed = recover.budget(d, full_below)
    diluted = recover.dilution(n, d, full_below)
    out = []
    for bad, most, more, known in zip(n, allowed, diluted, counted):
        item: dict[str, Any] = {"threshold": full_below, "strict": True, "zero_at": zero_at}
        if known:
            item |= {"budget": int(most), "excess": max(0, round(bad) - int(most)), "needed": int(more)}
        out.append(item)
    return out


def _next_steps(
    criterion: ResolvedCriterion,
    ladder: Sequence[Mapping[str, float]],
    n: NDArray[np.float64],
    d: NDArray[np.float64],
    counted: NDArray[np.bool_],
    branch: NDArray[np.int16],
) -> list[dict[str, Any]]:
    position = np.where(branch == ZERO, len(ladder), branch - STEP)
    above = np.maximum(0, position - 1)
    out: list[dict[str, Any]] = [{} for _ in above]
    for k, step in enumerate(ladder):
        rows = np.flatnonzero(above == k)
        items = _towards(criterion, n[rows], d[rows], counted[rows], float(step["from"]))
        for row, item in zip(rows, items):
            out[row] = {**item, "next_points": float(step["points"])}
    return out


def _unmet(criterion: ResolvedCriterion, best: Mapping[str, Any], values: Mapping[str, float]) -> dict[str, Any]:
    """The conditions of the best level that do not hold, each with what was reached."""
    failed = [
        {"measure": criterion.inputs.get(c["input"]), "op": c["op"], "threshold": c["value"], "value": values[c["input"]]}
        for c in best["all"]
        if not bool(COMPARE[c["op"]](values[c["input"]], c["value"]))
    ]
    return {"unmet": failed}


def _level(levels: Sequence[str], level: int) -> dict[str, Any]:
    def name(k: int) -> str | None:
        return levels[k] if 0 <= k < len(levels) else None

    return {"level": level, "level_label": name(level), "next_level": name(level + 1)}


def _whole(x: float) -> int | None:
    return math.ceil(x) if math.isfinite(x) else None
