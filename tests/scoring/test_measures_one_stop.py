"""Measures out of counts, without a database: what is divided by what, what is unknown, and what has no data."""

from __future__ import annotations

from datetime import date
from typing import Any

import pandas as pd
import pytest

from scoring.measures import COUNTS, FACTORS, Counts, measures, official_measures
from warehouse.marts import COUNTERS

A, B = "22492", "22495"
PERIOD = {"first_day": date(2023, 1, 1), "last_day": date(2023, 12, 31), "definition": "qd766"}
COLUMNS = frozenset(
    "received_at finished_at due_at internal_due_at channel result_electronic components_digitised reused_data"
    " supplement_count".split()
)
FORMS = frozenset({"answered_on", "dossier_code", "named_official", *FACTORS})
RECEIVED = {
    "dossiers": 40, "online": 30, "channel_unknown": 1, "online_electronic": 20, "online_result_unknown": 2,
    "components_known": 38, "components_digitised": 25, "reused_known": 24, "reused": 10, "supplement_known": 39,
    "supplement_none": 30, "supplement_repeated": 2,
}  # fmt: skip
FINISHED = {
    "dossiers": 36, "due_known": 35, "qd766_counted": 35, "qd766_late": 4, "electronic_known": 33, "electronic": 27,
    "early": 20, "in_time": 32, "internal_known": 12, "internal_early": 5, "internal_in_time": 9,
}  # fmt: skip
OPEN = {"dossiers": 4, "due_known": 4, "qd766_counted": 4, "qd766_late": 1}


def cell(part: str, unit: str, month: str | None, given: dict[str, int]) -> dict[str, Any]:
    return {"part": part, "unit_code": unit, "month": month, **dict.fromkeys(COUNTERS, 0), **given}


def counts(unit: str = A, columns: frozenset[str] = COLUMNS, forms: frozenset[str] = FORMS) -> Counts:
    """Counts of one subject; another year's cell must not count."""
    dossiers = pd.DataFrame(
        [
            cell("received", unit, "2023-03-01", RECEIVED), cell("finished", unit, "2023-12-01", FINISHED),
            cell("open", unit, None, OPEN), cell("finished", unit, "2022-12-01", FINISHED),
            cell("received", unit, "2022-12-01", RECEIVED),
        ]
    )  # fmt: skip
    survey: dict[str, Any] = {"unit_code": unit, "forms": 9, "satisfied": 30, "answers": 40, "days_with_forms": 5}
    for number, factor in enumerate(FACTORS):
        survey |= {f"{factor}_answers": 9 - number, f"{factor}_satisfied": 3}
    nothing = pd.DataFrame()
    return Counts(
        dossiers, pd.DataFrame([survey]), nothing, nothing, nothing, 249, {(unit, "dossiers"): columns, (unit, "survey_forms"): forms},
        complained=pd.DataFrame({"unit_code": [unit, unit], "early": [1, 1], "in_time": [3, 1]}),
        complaints=pd.DataFrame({"unit_code": [unit] * 4, "official": ["a", "b", "a", "c"]}),
    )  # fmt: skip


def found(frame: pd.DataFrame, unit: str = A) -> dict[str, tuple[Any, Any, int]]:
    """Return measure → (numerator, denominator, unknown); None for NaN."""
    mine = frame[frame["commune"] == unit].astype(object)
    mine = mine.where(mine.notna(), None)
    return {row.measure: (row.numerator, row.denominator, int(row.unknown)) for row in mine.itertuples()}


EXPECTED = {
    "on_time_rate": (34, 39, 1), "overdue_rate": (5, 39, 1), "online_electronic_rate": (20, 40, 3),
    "electronic_result_rate": (27, 36, 3), "reused_data_rate": (10, 25, 1),
    "time_points_rate": (2 * 20 + (32 - 20), 70, 1), "agency_time_points_rate": (2 * 5 + (9 - 5), 24, 24),
    "contact_points_rate": (2 * 30 + (39 - 30 - 2), 78, 1),
    # Two early ones and two merely in time were complained of.
    "attitude_points_rate": (2 * (20 - 2) + (32 - 20 - 2), 70, 1), "named_complaints": (4, None, 0),
}  # fmt: skip


def test_measures_of_a_commune() -> None:
    measured = found(measures(counts(), communes=[A, B], **PERIOD))
    assert {name: measured[name] for name in EXPECTED} == EXPECTED
    assert measured["repeated_named_officials"] == (1, None, 0)
    assert {name: measured[f"satisfaction_{name}"] for name in FACTORS} == {
        name: (3, 9 - number, number) for number, name in enumerate(FACTORS)
    }


def test_an_official_has_the_same_measures_over_his_dossiers() -> None:
    who = f"{A}|Công chức A"
    measured = found(official_measures(counts(who), officials=[who], **PERIOD), who)
    assert {name: measured[name] for name in EXPECTED} == EXPECTED
    assert not any(name.startswith(("satisfaction", "survey", "task", "officer_review", "initiatives")) for name in measured)


def test_nobody_is_measured_by_another() -> None:
    measured = found(measures(counts(), communes=[A, B], **PERIOD), B)
    assert {pair for pair in measured.values()} <= {(None, None, 0)}


@pytest.mark.parametrize(
    "column, silent",
    [
        ("result_electronic", {"online_electronic_rate", "electronic_result_rate"}),
        ("reused_data", {"reused_data_rate"}),
        ("internal_due_at", {"agency_time_points_rate"}),
        ("supplement_count", {"contact_points_rate"}),
        ("due_at", {"on_time_rate", "overdue_rate", "time_points_rate", "attitude_points_rate"}),
        ("channel", {"online_electronic_rate"}),
    ],
)
def test_a_missing_column_is_no_data(column: str, silent: set[str]) -> None:
    measured = found(measures(counts(columns=COLUMNS - {column}), communes=[A], **PERIOD))
    assert {name for name in EXPECTED if measured[name] == (None, None, 0)} == silent


@pytest.mark.parametrize(
    "column, silent",
    [
        ("dossier_code", {"attitude_points_rate"}),
        ("officials", {"attitude_points_rate", "satisfaction_officials"}),
        ("named_official", {"named_complaints", "repeated_named_officials"}),
        ("access", {"satisfaction_access"}),
    ],
)
def test_a_missing_question_is_no_data(column: str, silent: set[str]) -> None:
    whole = found(measures(counts(), communes=[A], **PERIOD))
    measured = found(measures(counts(forms=FORMS - {column}), communes=[A], **PERIOD))
    assert {name for name in whole if whole[name] != measured[name]} == silent
    assert all(measured[name] == (None, None, 0) for name in silent)


def test_without_complaints_attitude_is_time() -> None:
    given = counts()
    quiet = Counts(given.dossiers, given.survey, given.reviews, given.tasks, given.initiatives, 249, given.known)
    measured = found(measures(quiet, communes=[A], **PERIOD))
    assert measured["attitude_points_rate"] == measured["time_points_rate"]
    assert measured["named_complaints"] == measured["repeated_named_officials"] == (0, None, 0)


def test_counts_have_no_denominator() -> None:
    measured = found(measures(counts(), communes=[A], **PERIOD))
    assert {name for name, (top, bottom, _) in measured.items() if top is not None and bottom is None} <= set(COUNTS)
