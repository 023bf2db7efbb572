"""The notice's commitments: both sides of every threshold."""

from __future__ import annotations

import math
from datetime import date

import pandas as pd
import pytest

from criteria import load_notice
from scoring.engine import score
from scoring.thresholds import notice_states
from tests.scoring.frames import A, B, declarations, law, measures


def states(measured: list, declared: list | None = None, day: date = date(2023, 12, 31)) -> pd.DataFrame:
    m, now = measures(measured), law(day)
    s = score(m, declarations(declared or []), now, [A, B])
    return notice_states(load_notice(), now, m, s, [A, B])


def state(frame: pd.DataFrame, code: str, commune: str = A) -> str:
    return str(frame[(frame["code"] == code) & (frame["commune"] == commune)]["state"].item())


@pytest.mark.parametrize(
    ("code", "measure", "pairs"),
    [
        ("overdue", "overdue_rate", [((9, 1000), "met"), ((10, 1000), "not_met"), ((11, 1000), "not_met")]),
        (
            "satisfaction",
            "satisfaction_index",
            [((899, 1000), "not_met"), ((900, 1000), "met"), ((901, 1000), "met")],
        ),
        ("online", "online_rate", [((299, 1000), "not_met"), ((300, 1000), "met"), ((301, 1000), "met")]),
        ("payment", "online_payment_rate", [((9, 100), "not_met"), ((10, 100), "met")]),
        ("postal", "postal_rate", [((49, 1000), "not_met"), ((50, 1000), "met")]),
        ("officer_reviews", "officer_review_months", [((11, None), "not_met"), ((12, None), "met")]),
        ("tasks", "task_on_time", [((19, 20), "not_met"), ((20, 20), "met")]),
        ("survey_days", "survey_day_coverage", [((249, 250), "not_met"), ((250, 250), "met")]),
        ("initiative", "initiatives", [((0, None), "not_met"), ((1, None), "met"), ((2, None), "met")]),
    ],
)
def test_r20_commitment_edges(code: str, measure: str, pairs: list) -> None:
    for (n, d), expected in pairs:
        frame = states([(A, measure, n, d)])
        assert state(frame, code) == expected, (n, d)
        assert state(frame, code, B) == "no_data"


def test_zero_denominator_is_no_data() -> None:
    assert state(states([(A, "overdue_rate", 0, 0)]), "overdue") == "no_data"


@pytest.mark.parametrize(("value", "expected"), [(1, "met"), (0, "not_met"), (None, "no_data")])
def test_declared_commitment(value: float | None, expected: str) -> None:
    declared = [] if value is None else [(A, "VII.6", value, None, "evidenced")]
    assert state(states([], declared), "online_point") == expected


@pytest.mark.parametrize(("points", "expected"), [(1, "met"), (0.5, "not_met")])
def test_declared_by_points(points: float, expected: str) -> None:
    assert state(states([], [(A, "VII.6", None, points, "evidenced")]), "online_point") == expected


def test_grade_commitment() -> None:
    good = [(A, c.code, None, 99, "evidenced") for c in law().criteria if c.declared and c.kind == "base"]
    frame = states([(A, "satisfaction_index", 95, 100)], good)
    got = frame[(frame["code"] == "grade") & (frame["commune"] == A)].iloc[0]
    assert (got["state"], got["value_text"], got["threshold_text"]) == ("met", "Tốt", "Tốt")
    assert math.isnan(got["threshold"]) and state(frame, "grade", B) == "no_data"


def test_every_row_says_where_it_comes_from() -> None:
    frame = states([])
    assert len(frame) == 2 * len(load_notice().commitments)
    assert set(frame["state"]) == {"no_data"}
    assert set(frame["paragraph"]) == {"2", "3", "4", "5", "6", "7"}
    assert frame["source"].str.contains("khoản").all()
    unknown = set(frame[~frame["threshold_known"]]["code"])
    assert unknown == {"online", "postal", "payment"}
