"""Reads and runs the worked cases of tests/cases/<set>/, which an official can read and extend.

`section_*.yaml` holds cases of one criterion, `grades.yaml` cases of a whole set (their fields are explained in the files).
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from criteria import ResolvedCriterion, ResolvedSet, load_set
from scoring.engine import Scores, score
from tests.scoring.frames import DAY, A, declarations, measures

FOLDER = Path(__file__).parent.parent / "cases"
FIELDS = set("criterion given day num den value inputs claimed state status points lost reason branch".split())
SET_FIELDS = set("given day others missing not_applicable measured claimed expect".split())
Case = Mapping[str, Any]


@dataclass(frozen=True)
class Filed:
    """A case and where it stands."""

    set_name: str
    file: str
    case: Case

    def __str__(self) -> str:
        return f"{self.set_name}-{self.case.get('criterion', 'set')}-{self.case['given']}"


def read(pattern: str) -> list[Filed]:
    """All cases of the files that match, in the order of sets and files."""
    return [
        Filed(file.parent.name, file.name, case)
        for file in sorted(FOLDER.glob(f"*/{pattern}"))
        for case in yaml.safe_load(file.read_text(encoding="utf-8"))
    ]


@functools.cache
def rules(set_name: str, day: date = DAY) -> ResolvedSet:
    return load_set(set_name).at(day)


def run_criterion(filed: Filed) -> Scores:
    """Scores one subject with the inputs of a criterion's case and nothing else."""
    case, code = filed.case, filed.case["criterion"]
    now = rules(filed.set_name, case.get("day", DAY))
    criterion = now.criterion(code)
    measured = [(A, criterion.measure, case["num"], case.get("den"))] if "num" in case else []
    measured += [(A, criterion.inputs[name], n, d) for name, (n, d) in case.get("inputs", {}).items()]
    declared = []
    if {"value", "claimed", "state"} & set(case):
        declared = [(A, code, case.get("value"), case.get("claimed"), case.get("state", "evidenced"))]
    return score(measures(measured), declarations(declared), now, [A])


def run_set(filed: Filed) -> Scores:
    """Scores one subject with the inputs of a whole set's case."""
    case = filed.case
    now = rules(filed.set_name, case.get("day", DAY))
    measured: dict[str, tuple[float, float | None]] = {}
    declared: dict[str, tuple[float | None, float | None, str]] = {}
    for criterion in now.criteria:
        if case["others"] == "full" and criterion.code not in case.get("missing", []) and criterion.kind == "base":
            _make_full(criterion, measured, declared)
    measured |= {name: (n, d) for name, (n, d) in case.get("measured", {}).items()}
    declared |= {code: (None, points, "evidenced") for code, points in case.get("claimed", {}).items()}
    declared |= {code: (None, None, "not_applicable") for code in case.get("not_applicable", [])}
    return score(
        measures([(A, name, *parts) for name, parts in measured.items()]),
        declarations([(A, code, *parts) for code, parts in declared.items()]),
        now,
        [A],
    )


def _make_full(criterion: ResolvedCriterion, measured: dict[str, Any], declared: dict[str, Any]) -> None:
    """Inputs that are worth all points of a criterion: a count of 12, a share of 1, or 0 where lower is better."""
    info = criterion.measure_info
    if criterion.measure and info:
        good = 0 if criterion.direction == "lower" else 1
        measured[criterion.measure] = (12, None) if info.unit == "count" else (good, 1)
    else:
        declared[criterion.code] = (None, criterion.max_points, "evidenced")
