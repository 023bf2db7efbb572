"""The one-stop evaluation judged by hand (tests/golden/one_stop.csv): each dossier's points on both sides of every edge."""

from __future__ import annotations

import csv
import unicodedata
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from flows.steps.home import Home, UserError, parse_moment
from flows.steps.measure import Question, measures_json, question
from flows.steps.officials import official_frame
from tests.flows import kit

pytestmark = [pytest.mark.db, pytest.mark.slow]
GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "one_stop.csv"
RECEIVED = datetime(2024, 2, 1, 8, tzinfo=kit.ZONE)
POINTS = {
    "time": "time_points_rate", "agency": "agency_time_points_rate", "contact": "contact_points_rate",
    "attitude": "attitude_points_rate",
}  # fmt: skip
SURVEY = """Mã phiếu;Đơn vị;Ngày khảo sát;Mã hồ sơ;Công chức;Hài lòng chung;Cán bộ được đánh giá
KS1;22492;15/01/2023;H32.22492-S05;2;5;
KS2;22492;16/01/2023;H32.22492-S06;;1;Công chức A
KS3;22492;17/01/2023;H32.22492-S07;1;;
KS4;22492;18/01/2023;H32.22492-S08;5;1;Công chức A
KS5;22492;05/01/2024;H32.22492-S11;1;1;Công chức C
KS6;22492;20/06/2023;;2;4;công  CHỨC a
KS7;22495;20/01/2023;H32.22492-S01;1;1;
KS8;22492;21/01/2023;H32.22492-S01;3;1;Công chức B
KS9;22492;22/01/2023;;1;1;
KS10;22492;31/12/2022;;1;1;Công chức B
KS11;22492;02/03/2023;;;2;Công chức B
KS12;22492;03/03/2023;;3;3;
"""


def rows() -> list[dict[str, str]]:
    with open(GOLDEN, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter=";"))


@pytest.fixture(scope="module")
def year(installation: Home, gate: Any, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """The golden year, loaded from exports."""
    from tests.conftest import empty

    empty(installation)
    folder = tmp_path_factory.mktemp("one_stop")
    dossiers = [{**row, "dossier_code": f"H32.22492-{row['dossier_code']}", "unit_code": "22492"} for row in rows()]
    kit.write_csv(folder / "one_stop.csv", dossiers)
    (folder / "survey.csv").write_text(SURVEY, encoding="utf-8")
    for name in ("one_stop", "survey"):
        result = kit.load(installation, folder / f"{name}.csv", gate, RECEIVED, name)
        assert (result.status, result.rows_quarantined) == ("loaded", 0), result
    return installation


def asked(month: int | None = None, known_at: datetime | None = None, as_of: str = "2023-12-31") -> Question:
    return question(2023, month=month, as_of=parse_moment(as_of), known_at=known_at)


def measured(home: Home, of: Question) -> dict[str, tuple[Any, Any]]:
    """Return measure → (numerator, denominator) of the commune."""
    return {m["measure"]: (m["numerator"], m["denominator"]) for m in measures_json(home, of, "22492")["measures"]}


def by_hand(column: str, officer: str | None = None) -> tuple[int, int]:
    """Return the points of the table and the points there could be."""
    points = [int(r[column]) for r in rows() if r[column] and officer in (None, r["officer"].strip())]
    return sum(points), 2 * len(points)


#: Added up by hand from the table.
TOTALS = {"time": (18, 26), "agency": (10, 16), "contact": (22, 26), "attitude": (15, 26)}


@pytest.mark.parametrize("known_at", [None, datetime(2024, 3, 1, tzinfo=kit.ZONE)])
def test_points_of_the_commune(year: Home, known_at: datetime | None) -> None:
    found = measured(year, asked(known_at=known_at))
    assert {name: by_hand(name) for name in POINTS} == TOTALS
    assert {name: found[measure] for name, measure in POINTS.items()} == TOTALS


@pytest.mark.parametrize("known_at", [None, datetime(2024, 3, 1, tzinfo=kit.ZONE)])
def test_electronic_and_reused(year: Home, known_at: datetime | None) -> None:
    found = measured(year, asked(known_at=known_at))
    assert found["received"] == (14, None)  # without S12 and S16
    assert found["resolved"] == (14, None)  # without S10 and S12
    assert found["electronic_result_rate"] == (7, 14)  # S01 S03 S06 S08 S09 S13 S16
    assert found["online_electronic_rate"] == (2, 14)  # S01 S13; S02 says no, S05 does not say, S10 is not finished
    assert found["reused_data_rate"] == (5, 8)  # S01 S05 S09 S10 S13; S02 and S08 say no, S04 does not say
    late, counted = found["overdue_rate"]
    assert found["on_time_rate"] == (counted - late, counted) and (late, counted) == (3, 14)  # S03 S04 S07, S09 has no due time
    unknown = {m["measure"]: m["unknown"] for m in measures_json(year, asked(), "22492")["measures"]}
    assert unknown["electronic_result_rate"] == 2  # S04 S05
    assert unknown["online_electronic_rate"] == unknown["reused_data_rate"] == unknown["contact_points_rate"] == 1


def test_satisfaction_by_factor(year: Home) -> None:
    found = measured(year, asked())
    assert found["satisfaction_officials"] == (1, 7)  # KS4 of KS1 KS3 KS4 KS6 KS8 KS9 KS12
    assert found["satisfaction_overall"] == (2, 8)  # KS1 KS6; KS3 has no such answer
    assert found["satisfaction_access"] == (None, None)  # the export has no such column


def test_complaints_that_name_an_official(year: Home) -> None:
    found = measured(year, asked())
    assert found["named_complaints"] == (3, None)  # KS2 KS6 KS11; KS4 and KS8 name somebody, but are content with officials
    assert found["repeated_named_officials"] == (1, None)  # Công chức A: KS2 and KS6
    assert measured(year, asked(month=1))["named_complaints"] == (1, None)
    assert measured(year, asked(month=1))["repeated_named_officials"] == (0, None)


def test_who_is_named(year: Home) -> None:
    from warehouse import queries

    with year.database.begin() as tx:
        found = queries.named_complaints(tx, first_day=date(2023, 1, 1), last_day=date(2023, 12, 31), known_at=None, unit="22492")
        none = queries.named_complaints(
            tx, first_day=date(2023, 1, 1), last_day=date(2023, 12, 31), known_at=datetime(2024, 1, 31, tzinfo=kit.ZONE)
        )
    assert none == []
    assert [(row["official"], row["forms"], row["repeated"], row["months"]) for row in found] == [
        ("Công chức A", 2, True, ["2023-01", "2023-06"]), ("Công chức B", 1, False, ["2023-03"]),
    ]  # fmt: skip
    assert found[0]["form_codes"] == ["KS2", "KS6"] and found[0]["dossier_codes"] == ["H32.22492-S06"]
    assert (found[0]["first_day"], found[0]["last_day"]) == (date(2023, 1, 16), date(2023, 6, 20))


@pytest.mark.parametrize("known_at", [None, datetime(2024, 3, 1, tzinfo=kit.ZONE)])
def test_points_of_each_official(year: Home, known_at: datetime | None) -> None:
    with year.database.begin() as tx:
        frame, subjects, without = official_frame(year, tx, asked(known_at=known_at))
    assert [(s.subject_id, s.department, s.dossiers) for s in subjects] == [
        ("22492|Công chức A", "Văn phòng", 6), ("22492|Công chức B", "Địa chính", 5), ("22492|Công chức C", "Tư pháp", 2),
        ("22492|Công chức D", "Tư pháp", 1),
    ]  # fmt: skip
    assert without == 1  # S13
    found = {(row.commune, row.measure): (row.numerator, row.denominator) for row in frame.itertuples()}
    for subject in subjects:
        for name, measure in POINTS.items():
            assert found[subject.subject_id, measure] == by_hand(name, subject.officer), (subject.officer, measure)
    assert {s.officer: found[s.subject_id, "named_complaints"][0] for s in subjects} == {
        "Công chức A": 2, "Công chức B": 1, "Công chức C": 0, "Công chức D": 0,
    }  # fmt: skip


def test_officials_of_a_month(year: Home) -> None:
    """In February only S13 (nobody's), S14 and S15 were received or finished."""
    with year.database.begin() as tx:
        frame, subjects, without = official_frame(year, tx, asked(month=2))
    assert [(s.officer, s.dossiers) for s in subjects] == [("Công chức A", 2)] and without == 1
    found = {row.measure: (row.numerator, row.denominator) for row in frame.itertuples()}
    assert found["time_points_rate"] == (3, 4) and found["contact_points_rate"] == (4, 4)
    assert found["received"][0] == found["resolved"][0] == 2


def test_an_official_is_scored_like_a_commune(year: Home) -> None:
    from flows.steps.score import score_json, score_question

    with year.database.begin() as tx:
        document = score_json(score_question(year, tx, asked(), "one_stop_official"))
    assert document["subject"] == "official" and document["without_officer"] == 1 and document["provenance"] == "reconstructed"
    best = {row["officer"]: row for row in document["communes"]}["Công chức D"]
    assert (best["commune"], best["department"], best["subject"]) == ("22492", "Tư pháp", "official")
    lines = {line["measure"]: line["points"] for line in best["criteria"]}
    assert lines["time_points_rate"] == lines["agency_time_points_rate"] == lines["attitude_points_rate"] == 2
    assert lines["contact_points_rate"] is None  # S16 was received the year before
    assert best["rank"] == 1 and best["grading_index"] == 18


def test_an_official_is_found_however_the_name_is_typed(year: Home) -> None:
    from flows.steps.explain import explain

    for typed in ("Công chức A", "  công  CHỨC a ", unicodedata.normalize("NFD", "Công chức A")):
        document = explain(year, asked(), "22492", None, "one_stop_official", typed)
        assert document["officer"] == "Công chức A"
        assert [row["official"] for row in document["complaints"]] == ["Công chức A"]  # not what is said of others
    with pytest.raises(UserError, match="Công chức B"):
        explain(year, asked(), "22492", None, "one_stop_official", "Công chức")


def test_a_complaint_is_heard_once_it_is_known(year: Home) -> None:
    """On 15 January only the form about S05 had been filled in; on the 14th none."""
    assert measured(year, asked(as_of="2023-01-14"))["attitude_points_rate"] == (11, 18)
    assert measured(year, asked(as_of="2023-01-15"))["attitude_points_rate"] == (9, 18)
