"""Every rule family at, just under and just over each of its steps (R20)."""

from __future__ import annotations

import inspect
import math

import numpy as np
import pytest

from criteria.rule_specs import RULE_SPECS
from scoring import rules
from tests.scoring.rule_cases import CASES, Case, check


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c[0]}-{c[1]}-{c[5]}")
def test_r20_rule_case(case: Case) -> None:
    check(rules, case)


def test_every_family_has_full_and_zero_cases() -> None:
    for family in rules.FAMILIES:
        branches = {c[5] for c in CASES if c[0] == family}
        assert {"full", "none"} <= branches or family == "survey_index", family


def test_families_and_parameters_agree_with_the_lint() -> None:
    assert set(rules.FAMILIES) == set(RULE_SPECS)
    for family, function in rules.FAMILIES.items():
        parameters = list(inspect.signature(function).parameters.values())[2:]
        assert {p.name: p.default is inspect.Parameter.empty for p in parameters} == {
            name: spec.required for name, spec in RULE_SPECS[family].items()
        }, family


def test_r20_ratios_of_counts_meet_literals_exactly() -> None:
    """For every denominator to 5,000: n/d < 0.01 in floats exactly when 100 n < d in integers; so 0.25, 0.9."""
    d = np.arange(1, 5001)
    for literal, over, under in (
        (0.01, 1, 100),
        (0.05, 1, 20),
        (0.25, 1, 4),
        (0.3, 3, 10),
        (0.8, 4, 5),
        (0.9, 9, 10),
    ):
        for shift in (-1, 0, 1):
            n = d * over // under + shift
            assert np.array_equal(n / d < literal, n * under < d * over), literal
            assert np.array_equal(n / d >= literal, n * under >= d * over), literal


def test_r20_overdue_one_dossier_either_side_of_one_percent() -> None:
    got = rules.falling_linear(np.array([9, 10, 11]) / 1000, 8, full_below=0.01, zero_at=0.05)
    assert [rules.branch_name(int(b)) for b in got.branch] == ["full", "partial", "partial"]
    assert got.points[0] == got.points[1] == 8
    assert math.isclose(got.points[2], 7.8, abs_tol=1e-12)


def test_unknown_family() -> None:
    with pytest.raises(KeyError):
        rules.award("guess", 1.0, 1.0, {})
