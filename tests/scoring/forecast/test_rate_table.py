"""The yearly rate of a monthly table: what is counted stays counted, what is over is exact, ranks are a proper table."""

from __future__ import annotations

import numpy as np
import pytest

from scoring.forecast.inputs import Panel
from scoring.forecast.rate_table import CLOSED, GONE, NEW, OPEN, OVER, RateTable, rank_probabilities, rate_table

FIRST = 24240  # January 2020
UNITS = ("a", "b", "c", "d")


def counts(units: int = 4, months: int = 42, seed: int = 1) -> Panel:
    luck = np.random.default_rng(seed)
    trials = luck.poisson(np.array([20, 100, 400, 2000])[:units, None] * np.ones(months)).astype(float)
    return Panel(luck.binomial(trials.astype(int), np.array([0.5, 0.6, 0.4, 0.55])[:units, None]).astype(float), trials)


def run(panel: Panel, as_of: int = 41, horizon: int = 47, units: tuple[str, ...] = UNITS, draws: int = 500) -> RateTable:
    months = FIRST + np.arange(panel.trials.shape[1])
    return rate_table(units, panel, months, FIRST + as_of, FIRST + horizon, 7, draws)


def test_what_is_counted_in_the_window_is_in_the_rate() -> None:
    panel = counts()
    found = run(panel)
    assert found.status == (OPEN,) * 4 and (found.months == 6).all()
    assert (found.successes == panel.successes[:, 36:].sum(axis=1)).all()
    assert (found.trials == panel.trials[:, 36:].sum(axis=1)).all()
    assert np.allclose(found.to_come, 6 * np.array([20, 100, 400, 2000]), rtol=0.2)
    assert np.allclose(found.rates.mean(axis=0), [0.5, 0.6, 0.4, 0.55], atol=0.06)


@pytest.mark.parametrize("later", [0, 3])
def test_when_the_window_is_over_the_rate_is_the_counted_one(later: int) -> None:
    panel = counts(months=48)
    found = run(panel, 47 + later, 47)
    assert (found.rates == panel.successes[:, 36:].sum(axis=1) / panel.trials[:, 36:].sum(axis=1)).all()
    assert found.status == (OVER,) * 4 and (found.to_come == 0).all()
    ranks = rank_probabilities(UNITS, found.rates, 7)
    assert (np.sort(ranks, axis=1)[:, -1] == 1.0).all()


def test_a_window_in_the_past_does_not_see_what_came_after_it() -> None:
    panel = counts(months=48)
    assert (run(panel, 47, 40).rates == panel.successes[:, 29:41].sum(axis=1) / panel.trials[:, 29:41].sum(axis=1)).all()


def test_fewer_months_to_come_narrow_the_rate() -> None:
    panel = counts(months=46)
    early, late = run(Panel(panel.successes[:, :38], panel.trials[:, :38]), 37), run(panel, 45)
    assert (late.rates.std(axis=0) < early.rates.std(axis=0)).all()


def test_a_closed_unit_keeps_what_it_counted() -> None:
    panel = counts()
    panel.trials[1, 37:-5], panel.trials[1, -5:] = np.nan, 0.0
    panel.successes[1, 37:] = 0.0
    short = run(panel)
    assert short.status[1] == OPEN  # five months are no end yet
    panel = counts(months=44)
    panel.trials[1, 38:] = np.nan
    closed = run(panel, 43)
    assert closed.status == (OPEN, CLOSED, OPEN, OPEN)
    assert (closed.rates[:, 1] == panel.successes[1, 36:38].sum() / panel.trials[1, 36:38].sum()).all() and closed.to_come[1] == 0


def test_a_unit_that_ended_before_the_window_ranks_after_those_with_a_rate() -> None:
    panel = counts()
    panel.trials[3, 20:] = np.nan
    found = run(panel)
    assert found.status[3] == GONE and np.isfinite(found.rates).all() and found.rates[:, 3].std() > 0.005
    assert rank_probabilities(UNITS, found.rates, 7, np.array(found.status) != GONE)[3, 3] == 1.0


def test_a_unit_without_a_single_case_is_like_the_others() -> None:
    panel = counts()
    panel.trials[0], panel.successes[0] = 0.0, 0.0
    found = run(panel)
    assert found.status[0] == NEW and 0.3 < np.median(found.rates[:, 0]) < 0.7
    assert found.rates[:, 0].std() > found.rates[:, 1:].std(axis=0).max()


def test_a_gap_stays_out_and_a_late_month_is_still_to_come() -> None:
    panel = counts()
    panel.trials[2, 38] = np.nan
    gap = run(panel)
    assert gap.months[2] == 5 and gap.to_come[2] == pytest.approx(run(counts()).to_come[2], rel=0.1)
    panel = counts()
    panel.trials[2, 41] = np.nan
    late = run(panel)
    assert late.months[2] == 5 and late.to_come[2] == pytest.approx(7 / 6 * run(counts()).to_come[2], rel=0.1)


def test_one_unit_more_leaves_the_others_luck_alone() -> None:
    panel = counts()
    four = run(panel)
    three = run(Panel(panel.successes[:3], panel.trials[:3]), units=UNITS[:3])
    for unit in range(3):
        assert np.corrcoef(four.rates[:, unit], three.rates[:, unit])[0, 1] > 0.6  # same normals, volumes a little different
    turned = run(Panel(panel.successes[::-1], panel.trials[::-1]), units=UNITS[::-1])
    assert np.allclose(turned.rates[:, ::-1].mean(axis=0), four.rates.mean(axis=0), atol=1e-3)


def test_the_first_draws_of_many_are_those_of_few() -> None:
    panel = counts()
    assert np.abs(np.median(run(panel, draws=2000).rates, axis=0) - np.median(run(panel, draws=500).rates, axis=0)).max() < 0.02
    assert (run(panel).rates == run(panel).rates).all()


def test_rank_probabilities_sum_to_one_both_ways_and_rank_one_is_the_highest() -> None:
    found = run(counts())
    ranks = rank_probabilities(UNITS, found.rates, 7)
    assert np.allclose(ranks.sum(axis=0), 1) and np.allclose(ranks.sum(axis=1), 1)
    assert ranks[1, 0] > 0.5 and ranks[2].argmax() == 3


def test_equal_rates_share_the_ranks() -> None:
    ranks = rank_probabilities(UNITS, np.full((4000, 4), 0.5), 7)
    assert np.abs(ranks - 0.25).max() < 0.04


def test_nothing_counted_anywhere_still_answers() -> None:
    empty = Panel(np.zeros((2, 12)), np.zeros((2, 12)))
    found = rate_table(("a", "b"), empty, FIRST + np.arange(12), FIRST + 11, FIRST + 14, 1, 200)
    assert found.status == (NEW, NEW) and np.isfinite(found.rates).all()
