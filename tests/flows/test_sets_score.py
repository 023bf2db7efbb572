"""Every shipped set scores the golden year out of its exports: points that follow by hand from the dossiers and forms."""

from __future__ import annotations

from typing import Any

import pytest

from criteria import load_set
from flows.steps.home import Home
from flows.steps.score import score_json, score_question
from tests.flows.test_one_stop_golden import asked, year

pytestmark = [pytest.mark.db, pytest.mark.slow]
__all__ = ["year"]  # the fixture of the golden year


# set: points by criterion, total, points that have data, index on the set's scale. Declared criteria have no data here.
BY_HAND: dict[str, tuple[dict[str, float], float, float, float]] = {
    # 20 × 11/14; 4 × (2/14)/0,5; 6 × 7/14; 4 × (8/13)/0,8; 2 × (5/8)/0,8. No dossier's fee is known, so 3.6 has no data.
    "qd_766": ({"2.1": 15.71, "3.3": 1.14, "4.1": 3, "4.2": 3.08, "4.3": 1.56}, 24.49, 36, 68.03),
    # 2 × 18/26; 2 × 10/16; 2 × 22/26; 2 × 15/26; index 18 × 5,47/8.
    "one_stop_commune": ({"MC.1": 1.38, "MC.2": 1.25, "MC.3": 1.69, "MC.7": 1.15}, 5.47, 8, 12.31),
    # 20 × 1/7: the forms ask about officials and nothing else of the five factors.
    "sipas": ({"HL.3": 2.86}, 2.86, 20, 14.3),
}


def scored(home: Home, name: str) -> list[dict[str, Any]]:
    """What the set says of the golden commune or its officials."""
    with home.database.begin() as tx:
        document = score_json(score_question(home, tx, asked(), name))
    assert document["warning"] == load_set(name).warning and document["grading_scale"] == load_set(name).grading_scale
    return [line for line in document["communes"] if line["commune"] == "22492"]


@pytest.mark.parametrize("name", BY_HAND)
def test_a_commune_by_hand(year: Home, name: str) -> None:
    (commune,) = scored(year, name)
    points, total, max_scored, index = BY_HAND[name]
    got = {line["code"]: line["points"] for line in commune["criteria"] if line["points"] is not None}
    assert got == points
    assert (commune["total"], commune["max_scored"], commune["grading_index"]) == (total, max_scored, index)
    assert commune["grade"] is None and commune["grade_status"] == "insufficient_data"
    missing = {line["code"]: line["status"] for line in commune["criteria"] if line["points"] is None}
    assert {code for code, status in missing.items() if status != "no_data"} == ({"1.1"} if name == "qd_766" else set())


def test_officials_by_hand(year: Home) -> None:
    """18 × total / points with data: 4,74/8, 5,75/8, 5,5/6 and 6/6; ranked among the officials of the commune."""
    got = {
        o["officer"]: (o["total"], o["max_scored"], o["grading_index"], o["grade"], o["rank"])
        for o in scored(year, "one_stop_official")
    }
    assert got == {
        "Công chức A": (4.74, 8, 10.67, "Khá", 4),
        "Công chức B": (5.75, 8, 12.94, "Tốt", 3),
        "Công chức C": (5.5, 6, 16.5, "Xuất sắc", 2),
        "Công chức D": (6, 6, 18, "Xuất sắc", 1),
    }
