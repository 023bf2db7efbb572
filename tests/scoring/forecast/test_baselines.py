"""The forecasts to beat."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest

from scoring import core
from scoring.engine import score
from scoring.forecast.baselines import last_year, run_rate
from scoring.forecast.inputs import Calendar, Inputs
from scoring.rounding import NO_UNITS
from tests.scoring.frames import A, B, C, D, declarations, everything, law, measures

UNITS = (A, B, C, D)
NOTHING = pd.DataFrame(columns=["commune", "total", "share", "grade", "grade_status"])
RULES = law(date(2023, 12, 31))


def inputs(m: pd.DataFrame, d: pd.DataFrame, published: list[tuple[Any, ...]] = []) -> Inputs:  # noqa: B006
    empty = pd.DataFrame()
    numbers = np.zeros((len(UNITS), 0))
    return Inputs(
        day=date(2023, 6, 30), horizon=date(2023, 12, 31), year=2023, units=UNITS, names=UNITS, definition="qd766",
        calendar=Calendar(np.zeros(0, dtype=np.int64), np.zeros(0), np.zeros(0, dtype=np.int64), np.zeros(0)),
        measures=m, declarations=d, panels={}, received=numbers, resolved=numbers, open=empty, endings=empty, tasks=empty,
        initiatives=empty, reviews=empty, past_declarations=empty, named_complaints=empty,
        published=pd.DataFrame(published, columns=["commune", "year", "index", "grade", "rank"]),
    )  # fmt: skip


def test_the_run_rate_carries_todays_share_to_the_whole() -> None:
    m, d = everything(UNITS[:3], seed=4)
    now = score(m, d, RULES, UNITS).totals.set_index("commune")
    found = run_rate(inputs(m, d), RULES)
    most = float(now["max_total"].iloc[0])
    for k, unit in enumerate(UNITS[:3]):
        wanted = now.loc[unit, "total"] / now.loc[unit, "max_scored"] * most
        assert found.totals[0, k] / 100 == pytest.approx(wanted, abs=0.0051)
        share = 100 * now.loc[unit, "total"] / now.loc[unit, "max_scored"]
        assert found.grades[0, k] == core.grade_codes(np.round(share * 100).astype(np.int64), RULES.bands.bands)
    assert sorted(found.ranks[0, :3]) == [1, 2, 3] == sorted(core.competition_rank(found.totals[0, :3]))
    # nothing is scored of the last one: no forecast, not a forecast of 0
    assert (found.totals[0, 3], found.grades[0, 3], found.ranks[0, 3]) == (NO_UNITS, core.NO_GRADE, core.NO_RANK)


def test_a_finished_year_without_gaps_is_its_own_run_rate() -> None:
    """Where everything is scored, nothing is left to carry forward."""
    m, d = measures(), declarations([(A, c.code, None, c.max_points, "appraised") for c in RULES.criteria if c.declared])
    totals = score(m, d, RULES, UNITS).totals
    found = run_rate(inputs(m, d), RULES)
    assert found.totals[0, 0] == round(float(totals["max_total"].iloc[0]) * 100)  # full marks stay full marks


def test_last_year_is_its_own_score_else_what_was_published() -> None:
    previous = pd.DataFrame(
        {
            "commune": [A, B, C], "total": [71.25, 40.0, 80.0], "share": [75.0, 90.1, 82.5],
            "grade": ["Khá", None, "Tốt"], "grade_status": ["graded", "insufficient_data", "graded"],
        }
    )  # fmt: skip
    told = [(A, 2022, 99.0, "Tốt", 1), (B, 2021, 50.0, "Yếu", 4), (B, 2022, 76.5, "Khá", 2)]
    found = last_year(inputs(measures(), declarations(), told), RULES, previous)
    assert found.totals[0].tolist() == [7125, 7650, 8000, NO_UNITS]
    assert found.grades[0].tolist() == [1, 1, 0, core.NO_GRADE]
    assert found.ranks[0].tolist() == [3, 2, 1, core.NO_RANK]


def test_nothing_known_of_last_year_is_no_forecast() -> None:
    found = last_year(inputs(measures(), declarations()), RULES, NOTHING)
    assert found.totals[0].tolist() == [NO_UNITS] * 4 and found.ranks[0].tolist() == [core.NO_RANK] * 4
