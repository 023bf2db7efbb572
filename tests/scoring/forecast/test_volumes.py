"""Dossiers to come: exact when nothing can come, honest about what it does not know, nearer than the run-rate."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.forecast.inputs import Calendar
from scoring.forecast.volumes import VolumeOutlook, volume_draws, volume_outlook
from tests.scoring.forecast.registers import calendar, received, world

YEARS = np.arange(2020 * 12, 2023 * 12 + 6)


def plain(months: np.ndarray = YEARS, ahead: int = 6, days: float = 21.0) -> Calendar:
    later = np.arange(months[-1] + 1, months[-1] + 1 + ahead)
    return Calendar(months, np.full(len(months), days), later, np.full(ahead, days))


def test_nothing_comes_when_no_month_is_left() -> None:
    months = np.arange(2020 * 12, 2024 * 12)
    outlook = volume_outlook(np.full((3, 48), 50.0), plain(months, ahead=0))
    assert outlook.mean.shape == (3, 0)
    assert not volume_draws(outlook, 1, ("a", "b", "c"), 100).any()


def test_a_steady_unit_goes_on_as_it_was() -> None:
    counts = np.repeat([[100.0], [40.0]], len(YEARS), axis=1)
    drawn = volume_draws(volume_outlook(counts, plain()), 1, ("a", "b"), 4000)
    assert np.median(drawn, axis=0) == pytest.approx([600, 240], rel=0.03)
    assert np.array_equal(drawn, np.floor(drawn)) and (drawn >= 0).all()


def test_a_month_with_half_the_working_days_brings_half_the_dossiers() -> None:
    # The lunar new year falls in January in even years, in February in odd ones.
    months = np.arange(2019 * 12, 2023 * 12)
    short = np.where((months // 12) % 2 == 0, 0, 1)
    worked = np.where(months % 12 == short, 10.0, 20.0)
    ahead = np.arange(2023 * 12, 2023 * 12 + 3)
    counts = np.tile(worked * 10.0, (4, 1))
    outlook = volume_outlook(counts, Calendar(months, worked, ahead, np.array([20.0, 10.0, 20.0])))
    assert outlook.mean[0] == pytest.approx([200, 100, 200], rel=0.05)


def test_a_season_seen_every_year_is_expected_again() -> None:
    season = 1 + 0.6 * np.sin(2 * np.pi * np.arange(12) / 12)
    months = np.arange(2019 * 12, 2023 * 12 + 6)
    counts = np.random.default_rng(3).poisson(np.outer([1200, 800, 2000], season[months % 12])).astype(float)
    outlook = volume_outlook(counts, plain(months))
    assert outlook.mean / np.array([[1200], [800], [2000]]) == pytest.approx(np.tile(season[6:], (3, 1)), rel=0.05)
    assert outlook.common_sd < 0.06


def test_the_whole_district_growing_moves_a_unit_of_which_this_year_is_not_known() -> None:
    months = np.arange(2020 * 12, 2023 * 12 + 6)
    counts = np.full((8, len(months)), 100.0)
    counts[:, 36:] = 150.0
    counts[0, 36:] = np.nan
    outlook = volume_outlook(counts, plain(months))
    assert outlook.mean[0].sum() == pytest.approx(900, rel=0.08)


def test_a_calendar_month_that_is_never_the_same_does_not_cast_doubt_on_another() -> None:
    months = np.arange(2017 * 12, 2022 * 12 + 11)
    rng = np.random.default_rng(6)
    erratic = np.where(months % 12 <= 1, np.exp(rng.normal(0, 0.5, len(months))), 1.0)
    counts = rng.poisson(np.outer([900, 600, 1200], erratic)).astype(float)
    december = volume_outlook(counts, Calendar(months, np.full(len(months), 20.0), months[-1:] + 1, np.array([20.0])))
    behind = slice(0, -11)  # the same, from the end of a year
    january = volume_outlook(
        counts[:, behind], Calendar(months[behind], np.full(len(months) - 11, 20.0), months[-11:-10], np.array([20.0]))
    )
    assert january.common_sd > 1.5 * december.common_sd


def test_what_is_common_to_all_is_the_same_draw_for_all() -> None:
    outlook = VolumeOutlook(np.array([[50_000.0], [90_000.0]]), np.array([0.05, 0.05]), 0.2)
    drawn = volume_draws(outlook, 1, ("a", "b"), 5000)
    assert np.corrcoef(drawn.T)[0, 1] == pytest.approx(0.04 / (0.04 + 0.0025), abs=0.03)
    assert drawn.mean(axis=0) == pytest.approx([50_000, 90_000], rel=0.01)
    assert drawn.std(axis=0) / drawn.mean(axis=0) == pytest.approx([0.21, 0.21], rel=0.06)


def test_a_unit_without_history_is_like_the_others_and_in_more_doubt() -> None:
    counts = np.random.default_rng(1).poisson(np.outer([50, 100, 150, 100], np.ones(len(YEARS)))).astype(float)
    counts[3] = np.nan
    outlook = volume_outlook(counts, plain())
    assert outlook.mean[3].sum() == pytest.approx(600, rel=0.1)
    assert outlook.own_sd[3] > 3 * outlook.own_sd[:3].max()


def test_no_dossier_ever_means_hardly_any_but_not_for_sure() -> None:
    counts = np.full((5, len(YEARS)), 60.0)
    counts[0] = 0.0
    outlook = volume_outlook(counts, plain())
    drawn = volume_draws(outlook, 1, tuple("abcde"), 2000)
    assert np.median(drawn[:, 0]) <= 5 and outlook.own_sd[0] > 2 * outlook.own_sd[1]


def test_nobody_ever_received_anything() -> None:
    for nothing in (np.zeros((2, len(YEARS))), np.full((2, len(YEARS)), np.nan)):
        outlook = volume_outlook(nothing, plain())
        assert not volume_draws(outlook, 1, ("a", "b"), 50).any() and (outlook.own_sd > 0.5).all()


def test_months_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="months of the calendar"):
        volume_outlook(np.zeros((2, 5)), plain())


def test_draws_are_the_units_own_and_the_first_of_more_draws_are_those_of_fewer() -> None:
    counts = np.random.default_rng(2).poisson(80, (4, len(YEARS))).astype(float)
    outlook, units = volume_outlook(counts, plain()), ("a", "b", "c", "d")
    whole = volume_draws(outlook, 7, units, 300)
    assert np.array_equal(whole, volume_draws(outlook, 7, units, 300))
    assert np.array_equal(whole[:, 2:], volume_draws(outlook.of(slice(2, 4)), 7, units[2:], 300))
    assert np.array_equal(whole[:, [3, 0]], volume_draws(outlook.of([3, 0]), 7, ("d", "a"), 300))
    assert not np.array_equal(whole, volume_draws(outlook, 8, units, 300))
    assert not np.array_equal(whole, volume_draws(outlook, 7, units, 300, "answers"))


@settings(max_examples=40)
@given(st.integers(1, 5), st.integers(1, 30), st.integers(0, 11), st.integers(0, 2**32 - 1))
def test_any_panel_gives_finite_figures(units: int, months: int, ahead: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    counts = rng.poisson(rng.gamma(1, 30, (units, 1)), (units, months)).astype(float)
    counts[rng.random(counts.shape) < 0.3] = np.nan
    worked = rng.integers(0, 24, months).astype(float)
    behind = np.arange(2022 * 12, 2022 * 12 + months)
    given_calendar = Calendar(
        behind, worked, np.arange(behind[-1] + 1, behind[-1] + 1 + ahead), rng.integers(0, 24, ahead).astype(float)
    )
    outlook = volume_outlook(counts, given_calendar)
    assert outlook.mean.shape == (units, ahead) and np.isfinite(outlook.mean).all() and (outlook.mean >= 0).all()
    assert np.isfinite(outlook.own_sd).all() and (outlook.own_sd > 0).all() and outlook.common_sd > 0
    drawn = volume_draws(outlook, 1, tuple(map(str, range(units))), 20)
    assert np.isfinite(drawn).all() and (drawn >= 0).all()


@pytest.mark.slow
def test_nearer_than_the_run_rate_with_honest_intervals_on_invented_districts() -> None:
    near, rate, inside80, inside95 = [], [], [], []
    for seed in (1, 2, 3):
        units = tuple(c.unit_code for c in world(seed).communes)
        for day in (date(y, m, 28) for y in (2022, 2023) for m in (1, 3, 6, 9, 11)):
            cal, seen = calendar(day), received(seed, day)
            came = received(seed, date(day.year, 12, 31)).sum(axis=1) - seen.sum(axis=1)
            drawn = volume_draws(volume_outlook(seen, cal), 1, units, 1000)
            year = cal.months // 12 == day.year
            carried = seen[:, year].sum(axis=1) / cal.worked[year].sum() * cal.left.sum()
            near += np.abs(np.median(drawn, axis=0) - came).tolist()
            rate += np.abs(carried - came).tolist()
            for share, found in ((0.8, inside80), (0.95, inside95)):
                low, high = np.quantile(drawn, [0.5 - share / 2, 0.5 + share / 2], axis=0)
                found += ((low <= came) & (came <= high)).tolist()
    assert np.mean(near) < 0.6 * np.mean(rate)
    assert 0.75 <= np.mean(inside80) <= 0.93 and 0.92 <= np.mean(inside95)
