"""Worked values of every rule family, on both sides of every step. Shared by the rule tests and the mutation check.

A case: family, value, maximum, parameters, points, branch. `UP` and `DOWN` give the float next to a threshold.
"""

from __future__ import annotations

import math
from types import ModuleType
from typing import Any

import numpy as np

NAN = math.nan


def up(x: float) -> float:
    return float(np.nextafter(x, np.inf))


def down(x: float) -> float:
    return float(np.nextafter(x, -np.inf))


_STEPS = {"steps": [{"from": 1.0, "points": 2.0}, {"from": 0.9, "points": 1.0}, {"from": 0.5, "points": 0.4}]}
_STEPS_ELSE = {"steps": [{"from": 1.0, "points": 2.0}], "otherwise": 0.5}
_DOWN = {"steps": [{"upto": 0, "points": 1.5}, {"upto": 10, "points": 0.75}], "otherwise": 0}
_DOWN_ELSE = {"steps": [{"upto": 0, "points": 1.5}], "otherwise": 0.25}
_FALL = {"full_below": 0.01, "zero_at": 0.05}
_GRADES = {"shares": [0, 0.5, 0.75, 1]}

Case = tuple[str, Any, float, dict[str, Any], float, str]

CASES: list[Case] = [
    ("yes_no", 1, 1.5, {}, 1.5, "full"),
    ("yes_no", up(1), 1.5, {}, 1.5, "full"),
    ("yes_no", down(1), 1.5, {}, 0, "zero"),
    ("yes_no", 0, 1.5, {}, 0, "zero"),
    ("yes_no", 2, 2, {"at_least": 3}, 0, "zero"),
    ("yes_no", down(3), 2, {"at_least": 3}, 0, "zero"),
    ("yes_no", 3, 2, {"at_least": 3}, 2, "full"),
    ("yes_no", NAN, 2, {}, NAN, "none"),
    ("per_item", 0, 2, {"per_item": 0.5}, 0, "zero"),
    ("per_item", -1, 2, {"per_item": 0.5}, 0, "zero"),
    ("per_item", 1, 2, {"per_item": 0.5}, 0.5, "partial"),
    ("per_item", 3, 2, {"per_item": 0.5}, 1.5, "partial"),
    ("per_item", 4, 2, {"per_item": 0.5}, 2, "full"),
    ("per_item", 5, 2, {"per_item": 0.5}, 2, "full"),
    ("per_item", NAN, 2, {"per_item": 0.5}, NAN, "none"),
    ("breach", 0, 3, {}, 3, "full"),
    ("breach", up(0), 3, {}, 1.5, "partial"),
    ("breach", 1, 3, {}, 1.5, "partial"),
    ("breach", up(1), 3, {}, 0, "zero"),
    ("breach", 2, 3, {}, 0, "zero"),
    ("breach", 1, 3, {"light_share": 0.2}, 0.6, "partial"),
    ("breach", NAN, 3, {}, NAN, "none"),
    ("graded_share", 3, 2, _GRADES, 2, "full"),
    ("graded_share", 2, 2, _GRADES, 1.5, "partial"),
    ("graded_share", 1, 2, _GRADES, 1, "partial"),
    ("graded_share", 0, 2, _GRADES, 0, "zero"),
    ("graded_share", 4, 2, _GRADES, NAN, "none"),
    ("graded_share", -1, 2, _GRADES, NAN, "none"),
    ("graded_share", 1.5, 2, _GRADES, NAN, "none"),
    ("graded_share", NAN, 2, _GRADES, NAN, "none"),
    ("capped_ratio", 0, 5, {"target": 0.25}, 0, "zero"),
    ("capped_ratio", -0.1, 5, {"target": 0.25}, 0, "zero"),
    ("capped_ratio", 0.05, 5, {"target": 0.25}, 1, "partial"),
    ("capped_ratio", 0.125, 5, {"target": 0.25}, 2.5, "partial"),
    ("capped_ratio", down(0.25), 5, {"target": 0.25}, 5, "partial"),
    ("capped_ratio", 0.25, 5, {"target": 0.25}, 5, "full"),
    ("capped_ratio", up(0.25), 5, {"target": 0.25}, 5, "full"),
    ("capped_ratio", 0.9, 5, {"target": 0.25}, 5, "full"),
    ("capped_ratio", NAN, 5, {"target": 0.25}, NAN, "none"),
    ("survey_index", 0.45, 15, {"target": 0.9}, 7.5, "partial"),
    ("survey_index", down(0.9), 15, {"target": 0.9}, 15, "partial"),
    ("survey_index", 0.9, 15, {"target": 0.9}, 15, "full"),
    ("survey_index", up(0.9), 15, {"target": 0.9}, 15, "full"),
    ("survey_index", 0.5, 15, {}, 7.5, "partial"),
    ("survey_index", 1, 15, {}, 15, "full"),
    ("linear", 0, 3, {}, 0, "zero"),
    ("linear", -0.5, 3, {}, 0, "zero"),
    ("linear", up(0), 3, {}, 0, "partial"),
    ("linear", 0.5, 3, {}, 1.5, "partial"),
    ("linear", down(1), 3, {}, 3, "partial"),
    ("linear", 1, 3, {}, 3, "full"),
    ("linear", up(1), 3, {}, 3, "full"),
    ("linear", 1.25, 3, {}, 3, "full"),
    ("linear", NAN, 3, {}, NAN, "none"),
    ("falling_linear", 0, 8, _FALL, 8, "full"),
    ("falling_linear", down(0.01), 8, _FALL, 8, "full"),
    ("falling_linear", 0.01, 8, _FALL, 8, "partial"),
    ("falling_linear", up(0.01), 8, _FALL, 8, "partial"),
    ("falling_linear", 0.02, 8, _FALL, 6, "partial"),
    ("falling_linear", 0.03, 8, _FALL, 4, "partial"),
    ("falling_linear", 0.04, 8, _FALL, 2, "partial"),
    ("falling_linear", down(0.05), 8, _FALL, 0, "partial"),
    ("falling_linear", 0.05, 8, _FALL, 0, "zero"),
    ("falling_linear", up(0.05), 8, _FALL, 0, "zero"),
    ("falling_linear", 0.5, 8, _FALL, 0, "zero"),
    ("falling_linear", NAN, 8, _FALL, NAN, "none"),
    ("steps", 1, 2, _STEPS, 2, "full"),
    ("steps", up(1), 2, _STEPS, 2, "full"),
    ("steps", down(1), 2, _STEPS, 1, "step_2"),
    ("steps", 0.9, 2, _STEPS, 1, "step_2"),
    ("steps", down(0.9), 2, _STEPS, 0.4, "step_3"),
    ("steps", 0.5, 2, _STEPS, 0.4, "step_3"),
    ("steps", down(0.5), 2, _STEPS, 0, "zero"),
    ("steps", 0, 2, _STEPS, 0, "zero"),
    ("steps", 1, 2, _STEPS_ELSE, 2, "full"),
    ("steps", down(1), 2, _STEPS_ELSE, 0.5, "zero"),
    ("steps", NAN, 2, _STEPS, NAN, "none"),
    ("steps", 1, 3, _STEPS, 2, "step_1"),
    ("steps_down", -3, 1.5, _DOWN, 1.5, "full"),
    ("steps_down", 0, 1.5, _DOWN, 1.5, "full"),
    ("steps_down", up(0), 1.5, _DOWN, 0.75, "step_2"),
    ("steps_down", 10, 1.5, _DOWN, 0.75, "step_2"),
    ("steps_down", up(10), 1.5, _DOWN, 0, "zero"),
    ("steps_down", 99, 1.5, _DOWN, 0, "zero"),
    ("steps_down", 0, 1.5, _DOWN_ELSE, 1.5, "full"),
    ("steps_down", 1, 1.5, _DOWN_ELSE, 0.25, "zero"),
    ("steps_down", NAN, 1.5, _DOWN, NAN, "none"),
    ("plan_completion", 1, 2, {}, 2, "full"),
    ("plan_completion", up(1), 2, {}, 2, "full"),
    ("plan_completion", down(1), 2, {}, 2, "partial"),
    ("plan_completion", 0.9, 2, {}, 1.8, "partial"),
    ("plan_completion", 0.8, 2, {}, 1.6, "partial"),
    ("plan_completion", down(0.8), 2, {}, 0, "zero"),
    ("plan_completion", 0, 2, {}, 0, "zero"),
    ("plan_completion", 0.5, 2, {"full_at": 0.8, "ratio_from": 0.4}, 1.25, "partial"),
    ("plan_completion", 0.8, 2, {"full_at": 0.8, "ratio_from": 0.4}, 2, "full"),
    ("plan_completion", down(0.4), 2, {"full_at": 0.8, "ratio_from": 0.4}, 0, "zero"),
    ("plan_completion", NAN, 2, {}, NAN, "none"),
    ("penalty_per_event", 0, 1.5, {"per_event": 0.25}, 1.5, "full"),
    ("penalty_per_event", -2, 1.5, {"per_event": 0.25}, 1.5, "full"),
    ("penalty_per_event", 1, 1.5, {"per_event": 0.25}, 1.25, "partial"),
    ("penalty_per_event", 5, 1.5, {"per_event": 0.25}, 0.25, "partial"),
    ("penalty_per_event", 6, 1.5, {"per_event": 0.25}, 0, "zero"),
    ("penalty_per_event", 7, 1.5, {"per_event": 0.25}, 0, "zero"),
    ("penalty_per_event", 4, 1.5, {"per_event": 0.25, "floor": 0.5}, 0.5, "zero"),
    ("penalty_per_event", 3, 1.5, {"per_event": 0.25, "floor": 0.5}, 0.75, "partial"),
    ("penalty_per_event", NAN, 1.5, {"per_event": 0.25}, NAN, "none"),
    ("penalty_per_percent", 0, 2, {"per_percent": 0.2}, 2, "full"),
    ("penalty_per_percent", 0.005, 2, {"per_percent": 0.2}, 1.9, "partial"),
    ("penalty_per_percent", 0.05, 2, {"per_percent": 0.2}, 1, "partial"),
    ("penalty_per_percent", 0.1, 2, {"per_percent": 0.2}, 0, "zero"),
    ("penalty_per_percent", 0.2, 2, {"per_percent": 0.2}, 0, "zero"),
    ("penalty_per_percent", 0.2, 2, {"per_percent": 0.2, "floor": 0.3}, 0.3, "zero"),
    ("penalty_per_percent", NAN, 2, {"per_percent": 0.2}, NAN, "none"),
    ("bonus_penalty", 0, 5, {"per_event": 1}, 0, "zero"),
    ("bonus_penalty", -1, 5, {"per_event": 1}, 0, "zero"),
    ("bonus_penalty", 2, 5, {"per_event": 1}, 2, "partial"),
    ("bonus_penalty", 2, 5, {"per_event": 2}, 4, "partial"),
    ("bonus_penalty", 5, 5, {"per_event": 1}, 5, "full"),
    ("bonus_penalty", 6, 5, {"per_event": 1}, 5, "full"),
    ("bonus_penalty", 2, 5, {"per_event": 1, "sign": -1}, -2, "partial"),
    ("bonus_penalty", 9, 5, {"per_event": 1, "sign": -1}, -5, "full"),
    ("bonus_penalty", NAN, 5, {"per_event": 1}, NAN, "none"),
]

# NĐ 61/2018's index 9, as the portal applies it: two shares and no late dossier, or the lower step.
_ONLINE = {
    "levels": [
        {
            "points": 2,
            "all": [
                {"input": "procedures", "op": ">=", "value": 0.2},
                {"input": "dossiers", "op": ">=", "value": 0.3},
                {"input": "late", "op": "==", "value": 0},
            ],
        },
        {
            "points": 1,
            "all": [
                {"input": "dossiers", "op": ">=", "value": 0.15},
                {"input": "late", "op": "<=", "value": 0},
            ],
        },
    ]
}


def _online(procedures: float, dossiers: float, late: float) -> dict[str, float]:
    return {"procedures": procedures, "dossiers": dossiers, "late": late}


_STRICT = {
    "levels": [{"points": 1, "all": [{"input": "a", "op": ">", "value": 1}, {"input": "a", "op": "<", "value": 2}]}],
    "otherwise": 0.25,
}

CASES += [
    ("compound_steps", _online(0.2, 0.3, 0), 2, _ONLINE, 2, "full"),
    ("compound_steps", _online(down(0.2), 0.3, 0), 2, _ONLINE, 1, "step_2"),
    ("compound_steps", _online(0.2, down(0.3), 0), 2, _ONLINE, 1, "step_2"),
    ("compound_steps", _online(0.2, 0.3, 1), 2, _ONLINE, 0, "zero"),
    ("compound_steps", _online(0, 0.15, 0), 2, _ONLINE, 1, "step_2"),
    ("compound_steps", _online(1, down(0.15), 0), 2, _ONLINE, 0, "zero"),
    ("compound_steps", _online(NAN, 0.3, 0), 2, _ONLINE, NAN, "none"),
    ("compound_steps", _online(0.2, 0.3, NAN), 2, _ONLINE, NAN, "none"),
    ("compound_steps", {"a": 1}, 1, _STRICT, 0.25, "zero"),
    ("compound_steps", {"a": up(1)}, 1, _STRICT, 1, "full"),
    ("compound_steps", {"a": down(2)}, 1, _STRICT, 1, "full"),
    ("compound_steps", {"a": 2}, 1, _STRICT, 0.25, "zero"),
]

TOLERANCE = 1e-12


def check(rules: ModuleType, case: Case) -> None:
    """Asserts one case, alone and as one element of a 2-d array. Points to 1e-12, branches exactly."""
    family, value, maximum, params, points, branch = case
    got = rules.award(family, value, maximum, params)
    assert rules.branch_name(int(got.branch)) == branch, (case, rules.branch_name(int(got.branch)))
    if math.isnan(points):
        assert math.isnan(float(got.points)), case
    else:
        assert abs(float(got.points) - points) <= TOLERANCE, (case, float(got.points))
    if isinstance(value, dict):
        many = rules.award(family, {k: np.full((2, 3), v) for k, v in value.items()}, maximum, params)
    else:
        many = rules.award(family, np.full((2, 3), value), maximum, params)
    assert many.points.shape == many.branch.shape == (2, 3), case
    assert np.array_equal(many.points[1], np.full(3, got.points), equal_nan=True), case


def check_all(rules: ModuleType) -> None:
    for case in CASES:
        check(rules, case)
