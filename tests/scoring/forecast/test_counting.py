"""Counts drawn from normals are binomial, whole, within bounds and monotone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from scoring.forecast.counting import cases, events

NORMALS = stats.norm.ppf((np.arange(20_000) + 0.5) / 20_000)


@pytest.mark.parametrize(
    ("trials", "rate"), [(5, 0.1), (40, 0.02), (300, 0.01), (300, 0.985), (60, 0.5), (400, 0.3), (90_000, 0.2)]
)
def test_the_drawn_counts_follow_the_binomial(trials: int, rate: float) -> None:
    drawn = cases(NORMALS, np.float64(trials), np.float64(rate))
    exact = stats.binom(trials, rate)
    for q in (0.02, 0.1, 0.5, 0.9, 0.98):
        assert abs(np.quantile(drawn, q) - exact.ppf(q)) <= 1
    assert drawn.mean() == pytest.approx(exact.mean(), rel=0.002, abs=0.03)
    assert drawn.var() == pytest.approx(exact.var(), rel=0.02)


@given(
    st.integers(0, 500),
    st.floats(0, 1),
    st.lists(st.floats(-6, 6), min_size=2, max_size=8).map(sorted),
)
def test_counts_are_whole_within_bounds_and_monotone(trials: int, rate: float, normals: list[float]) -> None:
    drawn = cases(np.array(normals), np.float64(trials), np.float64(rate))
    assert np.all(drawn == np.rint(drawn))
    assert np.all((drawn >= 0) & (drawn <= trials))
    assert np.all(np.diff(drawn) >= 0)


def test_nothing_comes_of_no_trials_and_everything_of_a_sure_rate() -> None:
    assert np.all(cases(NORMALS, np.float64(0), np.float64(0.3)) == 0)
    assert np.all(cases(NORMALS, np.float64(7), np.float64(1.0)) == 7)
    assert np.all(cases(NORMALS, np.float64(7), np.float64(0.0)) == 0)


@pytest.mark.parametrize("mean", [0.0, 0.4, 3.0, 80.0])
def test_events_follow_the_poisson(mean: float) -> None:
    drawn = events(NORMALS, np.float64(mean))
    assert drawn.mean() == pytest.approx(mean, rel=0.01, abs=0.02)
    assert drawn.var() == pytest.approx(mean, rel=0.03, abs=0.02)
