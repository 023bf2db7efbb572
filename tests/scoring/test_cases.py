"""The worked cases of tests/cases against the engine, and that they stand on both sides of every boundary."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from criteria import ResolvedCriterion, list_sets
from tests.scoring.cases import FIELDS, SET_FIELDS, Filed, read, rules, run_criterion, run_set
from tests.scoring.frames import row, total

CASES = read("section_*.yaml")
GRADES = read("grades.yaml")
EVERY = [(name, c) for name in list_sets() for c in rules(name).criteria]
_HOLDS: dict[str, Callable[[float, float], bool]] = {">=": lambda v, e: v >= e, "==": lambda v, e: v == e}


@pytest.mark.parametrize("filed", CASES, ids=str)
def test_r20_worked_case(filed: Filed) -> None:
    case = filed.case
    assert set(case) <= FIELDS, f"{filed.file}: unknown field in {case}"
    got = row(run_criterion(filed), case["criterion"])
    assert got["status"] == case.get("status", "scored")
    if case["points"] is None:
        assert math.isnan(got["points"]) and math.isnan(got["lost"])
    else:
        assert got["points"] == case["points"]
    for field in ("lost", "reason", "branch"):
        if field in case:
            assert got[field] == case[field]


@pytest.mark.parametrize("filed", GRADES, ids=str)
def test_r20_worked_set(filed: Filed) -> None:
    assert set(filed.case) <= SET_FIELDS, f"{filed.file}: unknown field in {filed.case}"
    got, expect = total(run_set(filed)), filed.case["expect"]
    assert got["max_scored"] == expect["max_scored"] and got["grade"] == expect["grade"]
    assert got["grade_status"] == ("graded" if expect["grade"] else "insufficient_data")
    for field, name in (("total", "total"), ("index", "grading_index")):
        assert math.isnan(got[name]) if expect[field] is None else got[name] == expect[field], field


def test_every_set_has_cases_and_no_case_is_lost() -> None:
    assert {f.set_name for f in CASES} == {f.set_name for f in GRADES} == set(list_sets())
    assert {(f.set_name, f.case["criterion"]) for f in CASES} == {(name, c.code) for name, c in EVERY}


def _of(name: str, code: str) -> Iterator[dict[str, Any]]:
    """The scored cases of a criterion, each with the values of its inputs by name; `value` is the only input's."""
    for filed in CASES:
        case = filed.case
        if filed.set_name != name or case["criterion"] != code or case["points"] is None:
            continue
        values = {k: n / d for k, (n, d) in case.get("inputs", {}).items()}
        if "num" in case:
            values["value"] = case["num"] / case.get("den", 1)
        elif "value" in case:
            values["declared" if "inputs" in case else "value"] = case["value"]
        yield {"points": case["points"], **values}


def _edges(criterion: ResolvedCriterion) -> list[float]:
    """The values at which a rule of one input changes its course."""
    assert criterion.rule is not None
    family, params, top = criterion.rule.family, criterion.rule.params, criterion.max_points or 0.0
    edges = [step.get("from", step.get("upto")) for step in params.get("steps", [])]
    edges += [params[k] for k in ("target", "full_below", "zero_at", "full_at", "ratio_from", "at_least") if k in params]
    if family == "yes_no" and not edges:
        edges = [1.0]
    if family in ("linear", "plan_completion"):
        edges += [criterion.out_of or 1.0]
    if family in ("penalty_per_event", "bonus_penalty"):
        edges += [top / params["per_event"]]
    if family == "penalty_per_percent":
        edges += [top / params["per_percent"] / 100]
    return edges


@pytest.mark.parametrize(("name", "criterion"), EVERY, ids=lambda x: x if isinstance(x, str) else x.code)
def test_every_criterion_has_cases_on_both_sides_of_every_boundary(name: str, criterion: ResolvedCriterion) -> None:
    """At each boundary a case on it and one on the side where it is not kept; each level and each condition likewise."""
    cases = list(_of(name, criterion.code))
    points = {c["points"] for c in cases}
    assert max(points) == (0 if criterion.kind == "penalty" else criterion.max_points) and len(points) >= 2
    assert criterion.kind != "base" or 0 in points, "a case without a point"
    assert criterion.rule is not None
    values = [c["value"] for c in cases if "value" in c]
    for edge in _edges(criterion):
        assert any(math.isclose(v, edge, rel_tol=1e-12, abs_tol=1e-12) for v in values), f"no case at {edge}"
        near = [v for v in values if not math.isclose(v, edge, rel_tol=1e-12, abs_tol=1e-12)]
        worse = [v < edge if criterion.direction == "higher" else v > edge for v in near]
        assert any(worse), f"no case beyond {edge}"
    for level in range(len(criterion.rule.params.get("shares", []))):
        assert level in values, f"no case of level {level}"
    for level in criterion.rule.params.get("levels", []):
        _both_sides_of_conditions(level, cases)


def _both_sides_of_conditions(level: dict[str, Any], cases: list[dict[str, Any]]) -> None:
    """For every condition: the level reached right at it, and missed because of this condition alone."""

    def holds(condition: dict[str, Any], case: dict[str, Any]) -> bool:
        return condition["input"] in case and _HOLDS[condition["op"]](case[condition["input"]], condition["value"])

    for condition in level["all"]:
        others = [c for c in level["all"] if c is not condition]
        at = [c for c in cases if c.get(condition["input"]) == condition["value"] and all(holds(o, c) for o in others)]
        missed = [c for c in cases if not holds(condition, c) and all(holds(o, c) for o in others)]
        assert any(c["points"] == level["points"] for c in at), f"{condition} is not met exactly"
        assert any(c["points"] < level["points"] for c in missed), f"{condition} alone is never missed"


@pytest.mark.parametrize("name", list_sets())
def test_every_band_has_cases_on_both_sides_of_its_edge(name: str) -> None:
    """An index right on each edge and one a hair below it (within the last hundredths that the set can reach)."""
    expected = [f.case["expect"] for f in GRADES if f.set_name == name]
    bands = rules(name).bands.bands
    for upper, lower in itertools.pairwise(bands):
        edge = upper.at_least
        assert edge is not None
        assert any(e["index"] == edge and e["grade"] == upper.grade for e in expected), f"no case at {edge}"
        below = [e for e in expected if e["index"] is not None and edge - 0.03 < e["index"] < edge]
        assert below and {e["grade"] for e in below} == {lower.grade}, f"no case just below {edge}"
    assert any(e["grade"] is None for e in expected), "no case with too little data"
    rescaled = [e for e in expected if e["grade"] and e["max_scored"] < rules(name).total]
    assert any(e["total"] == e["max_scored"] and e["index"] == rules(name).grading_scale for e in rescaled)
