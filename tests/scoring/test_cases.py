"""The worked cases of tests/cases, which an official can read and extend, against the engine."""

from __future__ import annotations

import math
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from criteria import load_set
from scoring import recover
from scoring.engine import score
from tests.scoring.frames import DAY, A, declarations, law, measures, row

FOLDER = Path(__file__).parent.parent / "cases"
FIELDS = set("criterion given day num den value claimed state status points lost reason branch".split())


def _cases() -> list[tuple[str, dict[str, Any]]]:
    found = []
    for file in sorted(FOLDER.glob("section_*.yaml")):
        found += [(file.name, c) for c in yaml.safe_load(file.read_text(encoding="utf-8"))]
    return found


CASES = _cases()


@pytest.mark.parametrize(("file", "case"), CASES, ids=[f"{c['criterion']}-{c['given']}" for _, c in CASES])
def test_r20_worked_case(file: str, case: dict[str, Any]) -> None:
    assert set(case) <= FIELDS, f"{file}: unknown field in {case}"
    day: date = case.get("day", DAY)
    criterion = law(day).criterion(case["criterion"])
    m, d = measures(), declarations()
    if "num" in case:
        m = measures([(A, criterion.measure, case["num"], case.get("den"))])
    elif {"value", "claimed", "state"} & set(case):
        d = declarations([(A, case["criterion"], case.get("value"), case.get("claimed"), case.get("state", "evidenced"))])
    got = row(score(m, d, law(day), [A]), case["criterion"])
    assert got["status"] == case.get("status", "scored")
    if case["points"] is None:
        assert math.isnan(got["points"]) and math.isnan(got["lost"])
    else:
        assert got["points"] == case["points"]
    for field in ("lost", "reason", "branch"):
        if field in case:
            assert got[field] == case[field]


def test_every_criterion_has_cases_on_both_sides() -> None:
    for criterion in load_set().criteria:
        points = {c["points"] for _, c in CASES if c["criterion"] == criterion.code and c["points"] is not None}
        assert len(points) >= 2, criterion.code
        assert max(points) == (0 if criterion.kind == "penalty" else criterion.versions[-1].max_points)


def test_every_step_has_a_case_on_each_side() -> None:
    """For steps and thresholds of shares: some case at or above the threshold, some case below it."""
    for criterion in law().criteria:
        assert criterion.rule is not None
        params = criterion.rule.params
        edges = [s["from"] for s in params.get("steps", []) if "from" in s]
        edges += [params[k] for k in ("target", "full_below", "zero_at", "full_at", "ratio_from") if k in params]
        for edge in edges:
            values = [
                c["num"] / c["den"] if "num" in c else c["value"]
                for _, c in CASES
                if c["criterion"] == criterion.code and c.get("den", 1) and ("num" in c or "value" in c)
            ]
            assert edge in values or any(math.isclose(v, edge) for v in values), (criterion.code, edge)
            assert any(v < edge for v in values), (criterion.code, edge)
            assert recover.as_fraction(edge) > 0
