"""The rate model: what must hold for any table, and that it beats the plain forecasts where tables look real."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.special import expit

from scoring.forecast.inputs import Panel
from scoring.forecast.rates import Outlook, heavy, outlook, rate_draws
from tests.benchmarks.bench_rates import summary, table

FIRST = 24240
ONES = np.ones(6)


def view(successes: object, trials: object, to_come: int = 6) -> Outlook:
    good, all_ = np.atleast_2d(np.asarray(successes, float)), np.atleast_2d(np.asarray(trials, float))
    months = FIRST + np.arange(good.shape[1])
    return outlook(Panel(good, all_), months, months[-1] + np.arange(1, to_come + 1), np.ones(to_come))


def drawn(seen: Outlook, draws: int = 400) -> np.ndarray:
    luck = np.random.default_rng(3)
    return rate_draws(seen, luck.normal(size=(draws, 1)), luck.normal(size=(draws, seen.centre.size)))


def sample(units: int, months: int, volume: float, rate: float = 0.3, seed: int = 0) -> Panel:
    luck = np.random.default_rng(seed)
    trials = luck.poisson(volume, (units, months)).astype(float)
    shares = expit(np.log(rate / (1 - rate)) + luck.normal(0, 0.3, (units, 1)) + luck.normal(0, 0.1, (units, months)))
    return Panel(luck.binomial(trials.astype(int), shares).astype(float), trials)


@pytest.mark.parametrize("months", [1, 2, 6, 13, 48])
@pytest.mark.parametrize("units", [1, 2, 9])
def test_any_length_of_history_and_any_number_of_units(units: int, months: int) -> None:
    panel = sample(units, months, 60)
    rates = drawn(view(panel.successes, panel.trials))
    assert rates.shape == (400, units) and ((rates > 0) & (rates < 1)).all()
    assert np.abs(np.median(rates, axis=0) - 0.3).max() < 0.2


def test_nothing_known_is_a_wide_guess_and_no_error() -> None:
    for empty in (np.zeros((3, 12)), np.full((3, 12), np.nan)):
        low, high = np.quantile(drawn(view(empty, empty)), [0.1, 0.9])
        assert low < 0.25 and high > 0.75


def test_all_or_nothing_is_near_the_edge_but_never_on_it() -> None:
    all_ = np.full((4, 24), 30.0)
    top, bottom = drawn(view(all_, all_)), drawn(view(np.zeros((4, 24)), all_))
    assert (top < 1).all() and np.median(top) > 0.999
    assert (bottom > 0).all() and np.median(bottom) < 0.001


def test_a_unit_with_little_history_leans_on_the_others_but_not_on_one_giant() -> None:
    trials = np.full((12, 24), 400.0)
    successes = trials * 0.8
    trials[0], successes[0] = 1e6, 2e5  # a giant at 20 %
    trials[1, :-1], trials[1, -1], successes[1] = np.nan, 2.0, 1.0  # two cases ever, one of them good
    fresh = expit(view(successes, trials).centre[1])
    assert 0.65 < fresh < 0.82


def test_an_unknown_month_is_not_a_month_of_nothing() -> None:
    panel = sample(6, 30, 80)
    holes = panel.trials.copy()
    holes[:, 10:14] = np.nan
    seen, full = view(panel.successes, holes), view(panel.successes, panel.trials)
    assert np.abs(seen.centre - full.centre).max() < 0.15


def test_the_order_of_the_units_does_not_matter() -> None:
    panel = sample(30, 36, 50, seed=5)
    order = np.random.default_rng(1).permutation(30)
    one, other = view(panel.successes, panel.trials), view(panel.successes[order], panel.trials[order])
    assert np.allclose(one.centre[order], other.centre, atol=1e-8)
    assert np.allclose(one.own_sd[order], other.own_sd, rtol=1e-6)


def test_the_same_question_has_the_same_answer() -> None:
    panel = sample(5, 30, 50)
    one, other = view(panel.successes, panel.trials), view(panel.successes, panel.trials)
    assert (one.centre == other.centre).all() and (one.own_sd == other.own_sd).all() and one.tail == other.tail


@given(st.floats(-4, 4), st.floats(-4, 4), st.floats(0.01, 1.0), st.floats(0, 0.6))
def test_rates_rise_with_both_normals(common: float, own: float, more: float, tail: float) -> None:
    seen = Outlook(np.array([-1.0]), np.array([0.3]), np.array([0.2]), tail)
    at = rate_draws(seen, np.array([[common]]), np.array([[own]]))
    assert (rate_draws(seen, np.array([[common + more]]), np.array([[own]])) > at).all()
    assert (rate_draws(seen, np.array([[common]]), np.array([[own + more]])) > at).all()


def test_heavy_tails_keep_the_eighty_percent_interval() -> None:
    middle, far = np.array([-1.2815515655446004, 1.2815515655446004]), np.array([1.96])
    assert np.allclose(heavy(middle, 0.4), middle)
    assert heavy(far, 0.4)[0] > 2.1 and heavy(far, 0.0)[0] == 1.96


def test_more_cases_narrow_the_forecast() -> None:
    few, many = sample(8, 36, 20, seed=2), sample(8, 36, 2000, seed=2)
    assert view(many.successes, many.trials).own_sd.mean() < 0.8 * view(few.successes, few.trials).own_sd.mean()


def test_a_walk_is_followed_and_a_season_is_remembered() -> None:
    months = np.arange(60)
    season = 0.6 * np.cos(2 * np.pi * (FIRST + months) / 12)
    trials = np.full((3, 60), 5000.0)
    climb = np.where(months < 40, 0.0, 1.0)
    flat = view(np.rint(trials * expit(-1.0 + season)), trials, 3)
    stepped = view(np.rint(trials * expit(-1.0 + climb)), trials, 3)
    expected = expit(-1.0 + 0.6 * np.cos(2 * np.pi * (FIRST + 60 + np.arange(3)) / 12)).mean()
    assert np.abs(expit(flat.centre) - expected).max() < 0.01
    assert np.abs(stepped.centre - 0.0).max() < 0.1


def test_only_the_months_ahead_with_weight_count() -> None:
    months = np.arange(60)
    trials = np.full((3, 60), 5000.0)
    panel = Panel(np.rint(trials * expit(-1.0 + 0.6 * np.cos(2 * np.pi * months / 12))), trials)
    ahead = FIRST + 60 + np.arange(12)
    winter, summer = np.zeros(12), np.zeros(12)
    winter[0], summer[6] = 1.0, 1.0
    cold, warm = (outlook(panel, FIRST + months, ahead, weight).centre for weight in (winter, summer))
    assert (cold > -0.55).all() and (warm < -1.45).all()
    both = outlook(panel, FIRST + months, ahead, np.stack([winter, summer, winter])).centre
    assert np.allclose(both[[0, 2]], cold[[0, 2]]) and np.isclose(both[1], warm[1])


def test_the_rest_of_the_current_month_shares_its_luck() -> None:
    panel = sample(4, 30, 3000, seed=4)
    jump = Panel(panel.successes.copy(), panel.trials)
    jump.successes[:, -1] = np.rint(0.6 * panel.trials[:, -1])
    months = FIRST + np.arange(30)
    rest, next_ = (outlook(jump, months, months[-1:] + n, np.ones(1)).centre.mean() for n in (0, 1))
    assert rest > next_ + 0.05


@settings(max_examples=20, deadline=None)
@example(3, 11, 0, 517)  # every rate is 1 to the last digit
@given(st.integers(1, 4), st.integers(1, 30), st.integers(0, 12), st.integers(0, 10_000))
def test_no_table_breaks_it(units: int, months: int, ahead: int, seed: int) -> None:
    luck = np.random.default_rng(seed)
    trials = np.where(luck.random((units, months)) < 0.3, np.nan, np.rint(10 ** luck.uniform(-1, 6, (units, months))))
    successes = np.rint(trials * luck.choice([0.0, 0.01, 0.5, 1.0], (units, 1)))
    seen = view(successes, trials, ahead)
    assert np.isfinite(seen.centre).all() and np.isfinite(seen.own_sd).all() and np.isfinite(seen.common_sd).all()
    assert ((drawn(seen, 50) > 0) & (drawn(seen, 50) < 1)).all()


def test_tails_are_part_of_the_outlook() -> None:
    panel = sample(5, 40, 80)
    seen = view(panel.successes, panel.trials)
    assert 0.0 <= seen.tail <= 0.6
    wide = np.quantile(drawn(replace(seen, tail=0.6), 4000), 0.999, axis=0)
    assert (wide > np.quantile(drawn(replace(seen, tail=0.0), 4000), 0.999, axis=0)).all()


@pytest.mark.slow
@pytest.mark.parametrize(("world", "most"), [("airline", 0.8), ("commune", 1.0), ("drift", 0.97)])
def test_it_beats_the_best_plain_forecast_and_covers_honestly(world: str, most: float) -> None:
    ratios, in80, in95 = table(summary(world, range(3), (11, 6, 2), (4, 5, 6)))
    assert max(ratio for ratio, _ in ratios.values()) < most
    assert 0.7 < in80 < 0.9 and in95 > 0.9
