"""Recalibration: what widening may and may not do to draws, and whether the learnt factor gives nominal coverage."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from scoring.forecast.scorecard import QUANTILES
from scoring.forecast.summary import summary_units
from scoring.forecast.widen import LEAST, MOST, _upper, factor_for, independent_cases, limits, widen
from scoring.rounding import NO_UNITS
from tests.scoring.frames import law

pytestmark = pytest.mark.slow

LOW, HIGH = limits(law())
DRAWS = hnp.arrays(np.int64, st.tuples(st.integers(1, 30), st.integers(1, 4)), elements=st.integers(LOW, HIGH))


def test_limits_are_those_of_the_set() -> None:
    assert (LOW, HIGH) == (-500, 10_500)


@given(DRAWS)
@settings(max_examples=100, deadline=None)
def test_a_factor_of_one_changes_nothing(totals: np.ndarray) -> None:
    np.testing.assert_array_equal(widen(totals, 1.0, law()), totals)


@given(st.integers(LOW, HIGH), st.floats(LEAST, MOST))
@settings(max_examples=100, deadline=None)
def test_draws_without_spread_stay(value: int, factor: float) -> None:
    assert (widen(np.full((9, 1), value), factor, law()) == value).all()


@given(DRAWS, st.floats(LEAST, MOST))
@settings(max_examples=200, deadline=None)
def test_the_median_and_the_order_stay_and_the_limits_hold(totals: np.ndarray, factor: float) -> None:
    wide = widen(totals, factor, law())
    assert ((LOW <= wide) & (wide <= HIGH)).all()
    np.testing.assert_array_equal(summary_units(wide, [500])[1], summary_units(totals, [500])[1])
    for c in range(totals.shape[1]):
        assert (np.diff(wide[np.argsort(totals[:, c], kind="stable"), c]) >= 0).all()


def test_distances_grow_by_the_factor_of_each_commune_and_are_whole() -> None:
    totals = np.array([[8000, 8000], [8101, 8101], [8301, 8301]])
    assert widen(totals, np.array([1.5, 0.5]), law()).tolist() == [[7949, 8050], [8101, 8101], [8401, 8201]]


def test_who_has_no_score_gets_none_and_nobody_more_than_is_scored() -> None:
    totals = np.array([[NO_UNITS, 4000], [NO_UNITS, 5000], [NO_UNITS, 5900]])
    scored = np.array([[0, 6000]] * 3)
    assert widen(totals, 3.0, law(), scored).tolist() == [[NO_UNITS, 2000], [NO_UNITS, 5000], [NO_UNITS, 6500]]
    assert widen(totals, 3.0, law())[2, 1] == 7700


# --- the factor ---


def past(
    seed: int, truth_sd: float, origins: int = 200, communes: int = 13, alike: float = 0.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Forecasts that say sd 1 where errors have `truth_sd`; `alike`: the correlation of errors of one origin."""
    rng = np.random.default_rng(seed)
    shared = rng.standard_normal((origins, 1)) * np.sqrt(alike)
    error = truth_sd * (shared + rng.standard_normal((origins, communes)) * np.sqrt(1 - alike))
    centre = rng.normal(80, 5, error.shape)
    z = np.array([-1.959964, -1.281552, 0.0, 1.281552, 1.959964])
    said = centre.ravel() + z[:, None]
    return (centre + error).ravel(), said, np.repeat(np.arange(origins), communes)


@pytest.mark.parametrize("truth_sd", [0.75, 1.0, 1.3, 1.8])
def test_the_factor_gives_nominal_coverage(truth_sd: float) -> None:
    assert (0.025, 0.1, 0.5, 0.9, 0.975) == QUANTILES
    truth, said, groups = past(1, truth_sd)
    factor = factor_for(truth, said, groups)
    assert factor == pytest.approx(truth_sd, rel=0.05)
    fresh, said, _ = past(2, truth_sd)
    for low, high, level in ((1, 3, 0.8), (0, 4, 0.95)):
        below, above = (said[2] + factor * (said[k] - said[2]) for k in (low, high))
        assert ((below <= fresh) & (fresh <= above)).mean() == pytest.approx(level, abs=0.02)


def test_a_lopsided_forecast_is_judged_on_the_side_of_the_truth() -> None:
    truth, said, groups = past(3, 1.0)
    lopsided = said.copy()
    lopsided[3:] = said[2] + 3 * (said[3:] - said[2])
    above = truth > said[2]
    stretched = np.where(above, said[2] + 3 * (truth - said[2]), truth)
    assert factor_for(stretched, lopsided, groups) == pytest.approx(1.0, rel=0.05)


def test_few_cases_and_cases_that_share_their_luck_move_little() -> None:
    many = factor_for(*past(4, 2.0))
    few = factor_for(*past(4, 2.0, origins=2, communes=13, alike=0.95))
    alike = factor_for(*past(4, 2.0, origins=12, communes=13, alike=0.95))
    assert many > 1.85 and abs(np.log(few)) < abs(np.log(alike)) < np.log(2.0)
    assert factor_for(np.zeros(0), np.zeros((5, 0)), np.zeros(0)) == 1.0


def test_bounds_missing_rows_and_intervals_without_width() -> None:
    truth, said, groups = past(5, 40.0)
    assert factor_for(truth, said, groups) == pytest.approx(MOST, rel=0.01)
    truth, said, groups = past(5, 0.01)
    assert factor_for(truth, said, groups) == pytest.approx(LEAST, rel=0.01)
    truth, said, groups = past(6, 1.4)
    more = np.append(truth, [80.0, np.nan, 70.0]), np.append(said, [[80, 80, np.nan]] * 5, axis=1), np.append(groups, [1, 2, 3])
    assert factor_for(*more) == factor_for(truth, said, groups)


def test_the_next_case_is_covered_as_often_as_promised_however_few_there_were() -> None:
    ratios = np.abs(np.random.default_rng(8).standard_normal((4000, 21)))
    for level in (0.8, 0.95):
        kept = [row[20] <= _upper(row[:20], level) for row in ratios]
        assert np.mean(kept) == pytest.approx(level, abs=0.015)


def test_forecasts_that_were_right_stay_as_they_are_and_narrowing_needs_more_cases_than_widening() -> None:
    found = [factor_for(*past(seed, 1.0, origins=2)) for seed in range(60)]
    assert 0.98 < np.exp(np.mean(np.log(found))) < 1.08 and min(found) > 0.8
    narrow, wide = (np.mean([np.log(factor_for(*past(seed, sd, origins=3))) for seed in range(20)]) for sd in (0.7, 1 / 0.7))
    assert 0 < -narrow < 0.75 * wide


def test_how_many_cases_correlated_ones_are_worth() -> None:
    rng, groups = np.random.default_rng(7), np.repeat(np.arange(400), 10)
    assert independent_cases(rng.standard_normal(4000), groups) == pytest.approx(4000, rel=0.15)
    assert independent_cases(np.repeat(rng.standard_normal(400), 10), groups) == pytest.approx(400)
    half = np.repeat(rng.standard_normal(400), 10) + rng.standard_normal(4000)
    assert independent_cases(half, groups) == pytest.approx(4000 / (1 + 9 * 0.5), rel=0.1)
    assert independent_cases(half[:10], groups[:10]) == 1.0
    assert independent_cases(half[:9], np.arange(9)) == 9.0
