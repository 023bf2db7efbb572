"""Intervals of rates: published figures, bounds at 0 and n, coverage summed exactly from the binomial, and the marks."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from criteria import CriteriaError
from criteria.judgement import FILE, load_judgement
from scoring.intervals import judged, rule_json, wilson

LEVEL = 0.95


# Newcombe, Two-sided confidence intervals for the single proportion, Statistics in Medicine 17 (1998), table I, method 3.
@pytest.mark.parametrize(
    ("k", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_published_intervals(k: int, n: int, low: float, high: float) -> None:
    found = wilson(k, n, LEVEL)
    assert [round(float(bound), 4) for bound in found] == [low, high]


@pytest.mark.parametrize("n", [5, 30, 300])
@pytest.mark.parametrize("p", [0.01, 0.1, 0.5])
def test_coverage_is_near_the_level(n: int, p: float) -> None:
    """The chance that the interval holds p, summed over every possible count; never far below the level."""
    k = np.arange(n + 1)
    low, high = wilson(k, np.full(n + 1, n), LEVEL)
    chance = np.array([math.comb(n, int(i)) * p**i * (1 - p) ** (n - i) for i in k.tolist()])
    coverage = float(chance[(low <= p) & (p <= high)].sum())
    assert math.isclose(chance.sum(), 1)
    assert 0.91 < coverage <= 1
    if n == 300:
        assert abs(coverage - LEVEL) < 0.025
    # The textbook interval p ± 1.96·sd, which some offices use, fails where cases are few and rare.
    if (n, p) in {(5, 0.01), (30, 0.01), (5, 0.1)}:
        spread = 1.959964 * np.sqrt(k / n * (1 - k / n) / n)
        assert chance[(k / n - spread <= p) & (p <= k / n + spread)].sum() < 0.5 < coverage


@given(n=st.integers(1, 10_000), share=st.floats(0, 1), level=st.sampled_from([0.8, 0.9, 0.95, 0.99]))
def test_an_interval_holds_its_rate_and_lies_within_0_and_1(n: int, share: float, level: float) -> None:
    k = round(n * share)
    low, high = (float(bound) for bound in wilson(k, n, level))
    assert 0 <= low <= k / n + 1e-12 and k / n - 1e-12 <= high <= 1
    assert (low == 0) == (k == 0) and (high == 1) == (k == n)
    mirrored = [1 - float(bound) for bound in wilson(n - k, n, level)]
    assert low == pytest.approx(mirrored[1], abs=1e-9) and high == pytest.approx(mirrored[0], abs=1e-9)
    wide, narrow = wilson(k, n, 0.999), wilson(10 * k, 10 * n, level)
    assert wide[0] <= low and high <= wide[1]
    assert narrow[1] - narrow[0] < high - low


def test_nothing_to_divide_is_not_a_number() -> None:
    low, high = wilson([0, 3, np.nan, -1, 6, 2], [0, np.nan, 5, 5, 5, 5])
    assert np.isnan(low).tolist() == np.isnan(high).tolist() == [True, True, True, True, True, False]
    for level in (0.0, 1.0, 95.0):
        with pytest.raises(ValueError, match="level"):
            wilson(1, 2, level)


def test_one_rate_is_judged_as_the_arrays_are() -> None:
    for k, n in [(0, 7), (7, 7), (3, 29), (3, 30), (812, 900)]:
        found = judged(k, n)
        low, high = (float(bound) for bound in wilson(k, n))
        assert found == {"interval": pytest.approx([low, high], abs=1e-6), "judgement": "too_few" if n < 30 else "enough"}
    assert judged(0, 7)["interval"][0] == 0 and judged(7, 7)["interval"][1] == 1


def test_counts_missing_data_and_shares_of_the_calendar_are_not_judged() -> None:
    nothing = {"interval": None, "judgement": None}
    assert judged(7, None) == judged(None, 7) == judged(0, 0) == judged(8, 7) == nothing
    assert judged(3, 6, "officer_review_months") == judged(2, 130, "survey_day_coverage") == nothing


def test_points_of_one_dossier_are_one_case() -> None:
    """40 points of 58 from 29 dossiers are 20 of 29 cases: too few, and as wide."""
    assert judged(40, 58, "time_points_rate") == judged(20, 29) | {"judgement": "too_few"}
    assert judged(40, 58, "online_rate")["judgement"] == "enough"


def test_the_thresholds_are_data_that_says_it_is_assumed(tmp_path: Path) -> None:
    rule = load_judgement()
    assert (rule.level, rule.too_few_below, rule.provenance) == (0.95, 30, "assumed") and rule.why and rule.clause
    assert rule_json() == {"level": 0.95, "too_few_below": 30, "provenance": "assumed", "clause": rule.clause}
    for before, after in (
        ("level: 0.95", "level: 95"), ("too_few_below: 30", "too_few_below: 0"), ("provenance: assumed", "provenance: guess"),
        ("why: >-", "because: >-"), ("  time_points_rate: 2", "  time_points_rate: 0"), ("source:", "source: ["),
    ):  # fmt: skip
        broken = tmp_path / f"{len(list(tmp_path.iterdir()))}.yaml"
        text = FILE.read_text(encoding="utf-8")
        assert before in text
        broken.write_text(text.replace(before, after), encoding="utf-8")
        with pytest.raises(CriteriaError, match=str(broken)):
            load_judgement(broken)


def test_the_sentence_of_reason_is_true() -> None:
    """Below 30 cases the interval at one half is wider than 33 points, and one case moves the rate by more than 3."""
    for n in range(1, 30):
        low, high = wilson(n / 2, n)
        assert high - low > 0.33 and 1 / n > 0.03


def test_other_thresholds_are_followed(tmp_path: Path) -> None:
    other = tmp_path / "judgement.yaml"
    other.write_text(
        FILE.read_text(encoding="utf-8").replace("too_few_below: 30", "too_few_below: 100").replace("0.95", "0.9"), "utf-8"
    )
    found = judged(9, 99, None, load_judgement(other))
    assert found["judgement"] == "too_few" and judged(9, 99)["judgement"] == "enough"
    assert found["interval"][0] > judged(9, 99)["interval"][0]
