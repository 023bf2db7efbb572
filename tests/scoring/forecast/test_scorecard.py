"""The scorecard against closed forms, `scoringrules` and hand-reckoned cases."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring import core
from scoring.forecast import scorecard
from scoring.forecast.scorecard import BASELINES, MODELS, Cast, card, marks, nearby, rank_chances, skill, widening
from scoring.rounding import NO_UNITS

pytestmark = pytest.mark.slow


def cast(totals: Any, grades: Any = None, ranks: Any = None) -> Cast:
    totals = np.atleast_2d(np.asarray(totals, dtype=np.int64))
    grades = np.zeros(totals.shape, dtype=np.int64) if grades is None else np.atleast_2d(grades)
    ranks = core.competition_rank(totals) if ranks is None else np.atleast_2d(np.asarray(ranks, dtype=np.int64))
    return Cast(totals, grades, ranks)


def test_crps_of_a_point_is_its_distance() -> None:
    found = marks(cast([8000, 7550]), cast([7800, 7600]), good=0)
    assert found.crps == pytest.approx([2.0, 0.5])
    assert np.isnan(found.in80).all() and np.isnan(found.in95).all()


def test_crps_by_the_definition() -> None:
    """E|X − y| − ½ E|X − X'| over the draws, reckoned from all pairs."""
    rng = np.random.default_rng(3)
    drawn, came = rng.integers(6000, 9000, (40, 3)), np.array([7100, 8800, 5000])
    x, y = drawn / 100, came / 100
    wanted = np.abs(x - y).mean(axis=0) - np.abs(x[:, None] - x[None]).mean(axis=(0, 1)) / 2
    assert marks(cast(drawn), cast(came), good=0).crps == pytest.approx(wanted)


def test_crps_of_a_normal_forecast_nears_its_closed_form() -> None:
    import scoringrules

    drawn = np.rint(np.random.default_rng(1).normal(75.0, 4.0, (200_000, 1)) * 100).astype(np.int64)
    found = marks(cast(drawn), cast([8100]), good=0).crps[0]
    assert found == pytest.approx(float(scoringrules.crps_normal(81.0, 75.0, 4.0)), rel=0.01)


def test_brier_of_this_grade_or_better() -> None:
    drawn = cast(np.full((4, 3), 7000), grades=[[0, 1, 2], [1, 1, 2], [2, 2, 2], [core.NO_GRADE, 1, 2]], ranks=np.ones((4, 3)))
    truth = cast([7000, 7000, 7000], grades=[1, 2, core.NO_GRADE], ranks=[1, 1, 1])
    found = marks(drawn, truth, good=1).brier
    assert found[:2] == pytest.approx([(0.5 - 1) ** 2, (0.75 - 0) ** 2])
    assert np.isnan(found[2])  # what got no grade came neither way


def test_rps_of_three_ranks_by_hand() -> None:
    drawn = cast(np.full((4, 3), 7000), ranks=[[1, 2, 3], [1, 3, 2], [2, 1, 3], [1, 2, 3]])
    found = marks(drawn, cast([7000, 7000, 7000], ranks=[1, 1, 3]), good=0).rps
    # cumulated: ¾, 1, 1 against 1, 1, 1 · ¼, ¾, 1 against 1, 1, 1 · 0, ¼, 1 against 0, 0, 1; all over 3 − 1
    assert found == pytest.approx([0.0625 / 2, (0.5625 + 0.0625) / 2, 0.0625 / 2])


@given(st.integers(2, 7), st.integers(1, 30), st.integers(0, 10_000))
def test_rps_is_between_0_and_1_and_chances_sum_to_1(units: int, draws: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    drawn, came = cast(rng.integers(0, 50, (draws, units))), cast(rng.integers(0, 50, units))
    assert rank_chances(drawn.ranks).sum(axis=1) == pytest.approx(np.ones(units))
    found = marks(drawn, came, good=0).rps
    assert ((found >= 0) & (found <= 1)).all()
    assert marks(came, came, good=0).rps == pytest.approx(np.zeros(units))


def test_intervals_include_their_ends() -> None:
    drawn = cast(np.arange(0, 10_001, 10)[:, None] * np.ones((1, 4), dtype=np.int64))  # uniform on 0 … 100 points
    found = marks(drawn, cast([1000, 999, 9750, 9751]), good=0)
    assert found.quantiles[:, 0] == pytest.approx([2.5, 10, 50, 90, 97.5])
    assert found.in80.tolist() == [1, 0, 0, 0] and found.in95.tolist() == [1, 1, 1, 0]


def test_what_is_missing_is_not_scored() -> None:
    drawn = cast([[7000, NO_UNITS, 7000], [7100, 7000, 7100]])
    found = marks(drawn, cast([7050, 7000, NO_UNITS]), good=0)
    for values in (found.crps, found.brier, found.rps, found.in80, found.in95, found.quantiles[2], found.truth):
        assert np.isnan(values).tolist() == [False, True, True]


def test_a_lone_unit_has_no_rank_to_miss() -> None:
    assert marks(cast([[7000], [7100]]), cast([7050]), good=0).rps.tolist() == [0.0]


# --- many cases ---


def rows(cells: list[tuple[int, str, str, float]]) -> pd.DataFrame:
    """Cells: month, unit, model, crps; the other scores follow it."""
    frame = pd.DataFrame(cells, columns=["month", "unit_id", "model", "crps"])
    frame = frame.assign(year=2022, brier=frame["crps"] / 10, rps=frame["crps"] / 20)
    inside = np.where(frame["model"].isin(["run_rate", "last_year"]), np.nan, (frame["crps"] < 1.5).astype(float))
    return frame.assign(in80=inside, in95=inside)


def test_a_card_compares_the_very_same_cases() -> None:
    found = card(
        rows([(3, "a", "model", 1.0), (3, "b", "model", 2.0), (3, "a", "run_rate", 4.0), (6, "a", "model", 3.0),
              (6, "a", "run_rate", 2.0), (6, "b", "run_rate", 9.0)])
    )  # fmt: skip
    assert found["cases"] == 3
    assert found["crps"] == {"model": 2.0, "raw": None, "run_rate": 5.0, "last_year": None, "plain": None}
    assert found["skill_vs_run_rate"]["crps"] == pytest.approx(1 - (1 + 3) / (4 + 2))
    assert found["skill_vs_run_rate"]["brier"] == found["skill_vs_run_rate"]["crps"]
    assert found["skill_vs_plain"] == {"crps": None, "brier": None, "rps": None}
    assert found["coverage"] == {"p80": pytest.approx(1 / 3), "p95": pytest.approx(1 / 3)}
    assert found["coverage_raw"] == {"p80": None, "p95": None}


def test_cards_by_month_leave_out_months_without_cases() -> None:
    found = scorecard.by_month(rows([(3, "a", "model", 1.0), (6, "a", "model", 3.0)]), range(1, 12))
    assert [(entry["month"], entry["crps"]["model"]) for entry in found["months"]] == [(3, 1.0), (6, 3.0)]
    assert found["total"]["cases"] == 2 and found["total"]["crps"]["model"] == 2.0


def test_a_card_of_nothing() -> None:
    found = card(rows([]))
    assert (
        found["cases"] == 0
        and set(found["crps"]) == set(MODELS)
        and all(found[f"skill_vs_{base}"]["crps"] is None for base in BASELINES)
    )
    assert not [value for value in found["crps"].values() if value is not None]


def test_no_skill_against_a_base_without_error() -> None:
    assert skill(np.array([1.0]), np.array([0.0])) is None
    assert skill(np.array([1.0, np.nan]), np.array([2.0, 5.0])) == 0.5


def test_importing_scoring_loads_no_scoringrules() -> None:
    code = "import sys, scoring.forecast.scorecard, scoring.forecast.baselines; sys.exit('scoringrules' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# --- how much wider ---


def past(months: Iterable[int], half: float, error: float, units: int = 40, years: int = 8) -> pd.DataFrame:
    """Forecasts of 80 ± half (80 %) whose truth lies normally around it, `error` standard deviations of the forecast wide."""
    rng, sd, frames = np.random.default_rng(units), half / 1.2816, []
    for year in range(2015, 2015 + years):
        truth = 80 + error * sd * rng.standard_normal(units)
        names = [f"u{unit}" for unit in range(units)]
        frames += [pd.DataFrame({"year": year, "month": month, "unit_id": names, "truth": truth}) for month in months]
    wide = {"p025": 80 - 1.96 * sd, "p10": 80 - half, "p50": 80.0, "p90": 80 + half, "p975": 80 + 1.96 * sd}
    return pd.concat(frames, ignore_index=True).assign(**wide)


def test_forecasts_that_were_too_sure_are_widened() -> None:
    assert widening(past([6], 5.0, 2.0, units=100), 6.0) == pytest.approx(2.0, rel=0.15)
    assert widening(past([6], 5.0, 1.0, units=100), 6.0) == pytest.approx(1.0, rel=0.1)


def test_one_year_is_believed_little_for_its_communes_share_its_luck() -> None:
    assert 1.0 < widening(past([6], 5.0, 2.0, units=100, years=1), 6.0) < 1.2


def test_the_months_of_a_year_are_no_new_cases() -> None:
    one, many = past([6], 5.0, 2.0, units=4, years=3), past([5, 6, 7], 5.0, 2.0, units=4, years=3)
    assert widening(many, 6.0) == pytest.approx(widening(one, 6.0))


def test_the_widening_changes_little_from_day_to_day() -> None:
    rows = pd.concat([past([month], 5.0, 1 + month / 6, units=30) for month in range(1, 12)])
    found = np.log([widening(rows, at) for at in np.arange(0.0, 12.01, 0.05)])
    assert np.abs(np.diff(found)).max() < 0.05 and found[-1] - found[0] > 0.3
    assert set(found[:20]) == {found[0]} and set(found[-20:]) == {found[-1]}  # before the first month's end, after the last one's


@pytest.mark.parametrize(
    ("at", "months"),
    [
        (6.0, {5: 0.2, 6: 0.6, 7: 0.2}), (5.5, {5: 0.5, 6: 0.5}), (0.3, {1: 0.75, 2: 0.25}), (11.6, {10: 0.25, 11: 0.75}),
        (5.25, {4: 1 / 9, 5: 5 / 9, 6: 1 / 3}),
    ],
)  # fmt: skip
def test_months_near_a_point_of_the_year_tell_its_width(at: float, months: dict[int, float]) -> None:
    assert nearby(range(1, 12), at) == pytest.approx(months)


def test_the_nearest_months_tell_where_none_is_near() -> None:
    assert nearby([3, 9], 5.9) == {3: 1.0} and nearby([9, 3], 6.0) == {3: 0.5, 9: 0.5} and nearby([3, 9, 9], 11.0) == {9: 1.0}
