"""The three communes that became the new Xã Đại Lãnh on 1 July 2025, a small life by hand: who is counted where, and of when.

Every expected figure was added up by hand from DOSSIERS (late by QĐ 766 and by II.06: written beside each).
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest

from flows.steps.home import Home, UserError, parse_moment
from flows.steps.measure import Question, measures_json, question
from tests.flows import kit

pytestmark = [pytest.mark.db, pytest.mark.slow]
OLD, THO, THANH, NEW = "22492", "22504", "22519", "22504-2025"
NEW_BORDERS = date(2025, 7, 1)
EARLY, LATE = datetime(2025, 7, 5, 8, tzinfo=kit.ZONE), datetime(2026, 1, 10, 8, tzinfo=kit.ZONE)
# code, commune as the export writes it, channel, received, due, finished
DOSSIERS = """
A1 22492 Trực_tuyến 05/03/2024 12/03/2024 11/03/2024 in time
A2 22492 Trực_tiếp  06/03/2024 13/03/2024 20/03/2024 late
B1 22504 Trực_tuyến 05/04/2024 12/04/2024 12/04/2024 in time
C1 22519 Trực_tiếp  06/05/2024 13/05/2024 14/05/2024 late
C2 22519 Trực_tiếp  07/05/2024 14/05/2024 13/05/2024 in time
C3 22519 Trực_tiếp  08/05/2024 15/05/2024 14/05/2024 in time
A3 22492 Trực_tuyến 03/02/2025 10/02/2025 07/02/2025 in time
A4 22492 Trực_tiếp  10/03/2025 17/03/2025 20/03/2025 late
A5 22492 Trực_tuyến 20/06/2025 04/07/2025 10/07/2025 in time on 30/6, late when finished by the new commune
A6 22492 Trực_tiếp  25/06/2025 09/07/2025 -          open for good: late at the end of 2025
A7 22492 Trực_tiếp  16/06/2025 23/06/2025 02/07/2025 late already on 30/6, finished by the new commune
B2 22504 Trực_tuyến 04/03/2025 11/03/2025 11/03/2025 in time
B3 22504 Trực_tiếp  27/06/2025 08/07/2025 07/07/2025 in time, finished by the new commune
C4 22519 Trực_tiếp  05/05/2025 12/05/2025 13/05/2025 late
N1 22504 Trực_tuyến 03/07/2025 10/07/2025 09/07/2025 in time
N2 22504 Trực_tiếp  04/08/2025 11/08/2025 15/08/2025 late
N3 22504 Trực_tuyến 15/12/2025 05/01/2026 05/01/2026 open at the end of 2025, not yet due
X1 22522 Trực_tuyến 04/03/2024 11/03/2024 08/03/2024 in time
X2 22522 Trực_tuyến 04/03/2025 11/03/2025 10/03/2025 in time
Y1 22525 Trực_tuyến 07/07/2025 14/07/2025 11/07/2025 in time
"""
SURVEY = """Mã phiếu;Đơn vị;Ngày khảo sát;Tiếp cận dịch vụ;Thủ tục hành chính;Công chức;Kết quả;Góp ý, phản ánh;Hài lòng chung
K1;22492;05/03/2024;5;5;5;5;5;5
K2;22492;06/03/2024;4;4;4;3;3;4
K3;22519;06/05/2024;5;5;5;5;2;5
K4;22492;03/02/2025;5;5;5;5;5;5
K5;22504;08/07/2025;5;5;5;5;3;5
K6;22504;09/07/2025;5;5;5;5;5;5
"""
REVIEWS = """Đơn vị;Tháng;Cán bộ, công chức;Điểm;Ngày đánh giá
22492;01/2024;Công chức A;90;02/02/2024
22492;02/2024;Công chức A;91;04/03/2024
22492;03/2024;Công chức A;91;02/04/2024
22504;01/2024;Công chức B;80;02/02/2024
22504;02/2024;Công chức B;80;04/03/2024
22492;01/2025;Công chức A;92;03/02/2025
22492;02/2025;Công chức A;92;03/03/2025
22492;03/2025;Công chức A;92;02/04/2025
22492;04/2025;Công chức A;92;05/05/2025
22504;07/2025;Công chức A;92;04/08/2025
22504;08/2025;Công chức B;92;03/09/2025
22504;09/2025;Công chức B;92;02/10/2025
"""


def _rows(by: datetime) -> list[dict[str, str]]:
    """Return the dossiers as an export of a day says them: nothing received or finished later."""
    rows = []
    for line in DOSSIERS.strip().splitlines():
        code, unit, channel, received, due, finished = line.split()[:6]
        moments = {name: datetime.strptime(text, "%d/%m/%Y").replace(tzinfo=kit.ZONE) for name, text in
                   (("received", received), ("finished", finished)) if text != "-"}  # fmt: skip
        if moments["received"] > by:
            continue
        done = "finished" in moments and moments["finished"] < by
        rows.append(
            {
                "dossier_code": code, "unit_code": unit, "channel": channel.replace("_", " "), "received_at": f"{received} 08:00:00",
                "due_at": f"{due} 17:00:00", "finished_at": f"{finished} 10:00:00" if done else "",
                "status": "Đã trả kết quả" if done else "Đang xử lý", "officer": "Công chức A",
            }
        )  # fmt: skip
    return rows


@pytest.fixture(scope="module")
def merged(installation: Home, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The communes' exports of July 2025 and of January 2026, and what was answered between the two."""
    from tests.conftest import empty

    empty(installation)
    folder, gate = tmp_path_factory.mktemp("reorganisation"), kit.QuickGate()

    def load(name: str, contract: str, at: datetime) -> None:
        result = kit.load(installation, folder / name, gate, at, contract)
        assert (result.status, result.rows_quarantined) == ("loaded", 0), result

    kit.write_csv(folder / "first.csv", _rows(EARLY))
    load("first.csv", "one_stop", EARLY)
    answered = {units_on: _documents(installation, units_on) for units_on in (None, NEW_BORDERS)}
    kit.write_csv(folder / "second.csv", _rows(LATE))
    load("second.csv", "one_stop", LATE)
    for name, text in (("survey", SURVEY), ("officer_review", REVIEWS)):
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
        load(f"{name}.csv", name, LATE)
    return {"home": installation, "answered": answered}


def ask(
    year: int, as_of: str, units_on: date | None = None, definition: str = "qd766", known_at: datetime | None = None
) -> Question:
    return question(year, as_of=parse_moment(as_of), units_on=units_on, definition=definition, known_at=known_at)


def _documents(home: Home, units_on: date | None) -> list[dict[str, Any]]:
    """Return what is said of 30 June 2025 by what was known in the days after."""
    from flows.steps.score import score_json, score_question

    asked = ask(2025, "2025-06-30", units_on, known_at=EARLY)
    with home.database.begin() as tx:
        return [measures_json(home, asked), score_json(score_question(home, tx, asked))]


def figures(home: Home, asked: Question, commune: str) -> dict[str, tuple[Any, Any]]:
    return {row["measure"]: (row["numerator"], row["denominator"]) for row in measures_json(home, asked, commune)["measures"]}


def scored(home: Home, asked: Question, set_name: str | None = None) -> dict[str, dict[str, Any]]:
    from flows.steps.score import score_json, score_question

    with home.database.begin() as tx:
        document = score_json(score_question(home, tx, asked, set_name))
    return {commune["unit_id"]: commune for commune in document["communes"]}


#: What is asked → figures. Late under II.06 counts only finished dossiers.
CASES: dict[str, tuple[Question, str, dict[str, tuple[Any, Any]], tuple[int, int]]] = {
    "the old commune at its end": (
        ask(2025, "2025-06-30"), OLD,
        {
            "received": (5, None),  # A3-A7
            "resolved": (2, None),  # A3 A4
            "open": (3, None),  # A5 A6 A7
            "open_overdue": (1, None),  # A7
            "online_rate": (2, 5),  # A3 A5
            "overdue_rate": (2, 5),  # A4 A7
            "satisfaction_index": (5, 5),  # K4
            "survey_day_coverage": (1, 120),  # 129 weekdays of the half year - 10 holidays + Saturday 26/4
            "officer_review_months": (4, 6),
        },
        (1, 2),  # A4
    ),
    "the new commune's own life": (
        ask(2025, "2025-12-31"), "Xã Đại Lãnh",
        {
            "received": (3, None),  # N1 N2 N3
            "resolved": (5, None),  # A5 A7 B3 N1 N2
            "open": (2, None),  # A6 N3
            "open_overdue": (1, None),  # A6
            "online_rate": (2, 3),  # N1 N3
            "overdue_rate": (4, 7),  # A5 A6 A7 N2
            "satisfaction_index": (9, 10),  # K5 K6
            "survey_day_coverage": (2, 130),  # 132 weekdays of the half year - 1/9 and 2/9
            "officer_review_months": (3, 6),
        },
        (3, 5),  # A5 A7 N2
    ),
    "2025 on the new boundaries": (
        ask(2025, "2025-12-31", NEW_BORDERS), "22504",
        {
            "received": (11, None),  # A3-A7, B2 B3, C4, N1-N3
            "resolved": (9, None),  # all but A6 and N3
            "open": (2, None),
            "open_overdue": (1, None),
            "online_rate": (5, 11),  # A3 A5 B2 N1 N3
            "overdue_rate": (6, 11),  # A4 A5 A6 A7 C4 N2
            "satisfaction_index": (14, 15),  # K4 K5 K6; none of Vạn Thọ and Vạn Thạnh
            "survey_day_coverage": (3, 370),  # of the three that have forms: 120 + 120 + 130
            "officer_review_months": (7, 18),  # 4 of 6, 0 of 6 of Vạn Thọ, 3 of 6; none of Vạn Thạnh
        },
        (5, 9),  # A4 A5 A7 C4 N2
    ),
    "2024 on the new boundaries": (
        ask(2024, "2024-12-31", NEW_BORDERS), "22504",
        {
            "received": (6, None), "resolved": (6, None), "open": (0, None), "open_overdue": (0, None),
            "online_rate": (2, 6),  # A1 B1; the mean of the three rates would be 1/2
            "overdue_rate": (2, 6),  # A2 C1
            "satisfaction_index": (12, 15),  # K1 5, K2 3, K3 4
            "survey_day_coverage": (3, 502),  # 251 working days, twice
            "officer_review_months": (5, 24),  # 3 of 12, 2 of 12; none of Vạn Thạnh
        },
        (2, 6),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_figures(merged: dict[str, Any], name: str) -> None:
    asked, commune, expected, ii06 = CASES[name]
    found = figures(merged["home"], asked, commune)
    assert {measure: found[measure] for measure in expected} == expected
    by_ii06 = question(asked.year, as_of=asked.as_of, units_on=asked.units_on, definition="ii06")
    assert figures(merged["home"], by_ii06, commune)["overdue_rate"] == ii06


#: What is asked → the dossiers behind the overdue rate, by definition.
BEHIND = {
    "the old commune at its end": {"qd766": {"A4", "A7"}, "ii06": {"A4"}},
    "the new commune's own life": {"qd766": {"A5", "A6", "A7", "N2"}, "ii06": {"A5", "A7", "N2"}},
    "2025 on the new boundaries": {"qd766": {"A4", "A5", "A6", "A7", "C4", "N2"}, "ii06": {"A4", "A5", "A7", "C4", "N2"}},
    "2024 on the new boundaries": {"qd766": {"A2", "C1"}, "ii06": {"A2", "C1"}},
}


@pytest.mark.parametrize("definition", ["qd766", "ii06"])
@pytest.mark.parametrize("name", CASES)
def test_the_dossiers_behind_a_point_are_those_counted(merged: dict[str, Any], name: str, definition: str) -> None:
    from flows.steps.explain import explain

    asked, commune, _, _ = CASES[name]
    asked = question(asked.year, as_of=asked.as_of, units_on=asked.units_on, definition=definition)
    items = {item["measure"]: item for item in explain(merged["home"], asked, commune)["items"]}
    late = items["overdue_rate"]
    assert set(late["dossiers"]) == BEHIND[name][definition] and len(late["dossiers"]) == late["numerator"]


def test_evidence_of_what_is_received_follows_the_unit_of_receipt(merged: dict[str, Any]) -> None:
    from flows.steps.score import score_question
    from warehouse import marts

    for name, expected in (
        ("the new commune's own life", {"N2"}),
        ("2024 on the new boundaries", {"A2", "C1", "C2", "C3"}),
        ("the old commune at its end", {"A4", "A6", "A7"}),
    ):
        asked, commune, _, _ = CASES[name]
        with merged["home"].database.begin() as tx:
            view = score_question(merged["home"], tx, asked).view
            assert view is not None
            rows = marts.evidence(
                tx, ["online_rate"], spans=view.spans(merged["home"].commune(commune, asked.unit_day)), definition="qd766",
                as_of=asked.as_of, known_at=None,
            )  # fmt: skip
        assert {row["dossier_code"] for row in rows["online_rate"]} == expected


def test_nothing_is_lost_or_counted_twice(merged: dict[str, Any]) -> None:
    """The two lives of 2025 add up to the year on the new boundaries; what crosses the day changes hands once."""
    home = merged["home"]
    halves = [figures(home, ask(2025, "2025-06-30"), unit) for unit in (OLD, THO, THANH)]
    halves.append(figures(home, ask(2025, "2025-12-31"), NEW))
    year = figures(home, ask(2025, "2025-12-31", NEW_BORDERS), NEW)
    for measure in ("received", "resolved"):
        assert sum(half[measure][0] for half in halves) == year[measure][0]
    assert halves[-1]["open"] == year["open"]


@pytest.mark.parametrize(
    ("text", "as_of", "units_on", "unit_id"),
    [
        ("22492", "2025-06-30", None, OLD),
        ("22504", "2025-06-30", None, THO),
        ("22504", "2025-12-31", None, NEW),
        ("22504-2025", "2025-12-31", None, NEW),
        ("Đại Lãnh", "2025-06-30", None, OLD),
        ("Đại Lãnh", "2025-07-01", None, NEW),
        ("22504", "2024-12-31", NEW_BORDERS, NEW),
        ("22504", "2025-12-31", date(2025, 6, 30), THO),
    ],
)
def test_a_code_means_the_unit_of_the_day(
    merged: dict[str, Any], text: str, as_of: str, units_on: date | None, unit_id: str
) -> None:
    document = measures_json(merged["home"], ask(int(as_of[:4]), as_of, units_on), text)
    assert {row["unit_id"] for row in document["measures"]} == {unit_id} == {unit["unit_id"] for unit in document["units"]}


@pytest.mark.parametrize(
    ("text", "as_of", "words"),
    [
        ("22492", "2025-12-31", ("01/07/2025", "Xã Đại Lãnh (22504)", "--as-of 2025-06-30")),
        ("Vạn Thọ", "2025-12-31", ("01/07/2025", "Xã Đại Lãnh (22504)")),
        ("22504-2025", "2025-06-30", ("01/07/2025", "--units 2025-07-01")),
    ],
)
def test_a_unit_of_another_time_is_named(merged: dict[str, Any], text: str, as_of: str, words: tuple[str, ...]) -> None:
    with pytest.raises(UserError) as refused:
        measures_json(merged["home"], ask(2025, as_of), text)
    assert refused.value.code == "unit_not_then" and all(word in str(refused.value) for word in words)


def test_peers_rank_and_appraiser_of_each_year(merged: dict[str, Any]) -> None:
    home = merged["home"]
    before = scored(home, ask(2025, "2025-06-30"))
    after = scored(home, ask(2025, "2025-12-31"))
    back = scored(home, ask(2024, "2024-12-31", NEW_BORDERS))
    assert (len(before), before[OLD]["peers"], before[OLD]["appraiser"]) == (13, 4, "Huyện Vạn Ninh")
    # Points: Đại Lãnh 21.35 (reviews and forms too), Vạn Thọ and Xuân Sơn 13 (overdue 8, online 5), Vạn Thạnh 0
    assert {unit: before[unit]["rank"] for unit in (OLD, THO, "22522", THANH)} == {OLD: 1, THO: 2, "22522": 2, THANH: 4}
    # Points: Vạn Hưng 13, without forms; satisfaction alone gives Đại Lãnh 15 (9/10), and 13.33 on 2024 (12/15 of 90 %)
    for view in (after, back):
        assert (len(view), view[NEW]["peers"], view[NEW]["rank"], view["22525-2025"]["rank"]) == (5, 2, 1, 2)
        assert view[NEW]["appraiser"] == "Tỉnh Khánh Hòa" and view["22498-2025"]["rank"] is None
    assert back["22525-2025"]["made_of"] == ["22522", "22525"]


def test_reviews_are_scored_over_the_months_of_a_life(merged: dict[str, Any]) -> None:
    """Two points for twelve months of twelve: 4 of 6 give 1.33, 3 of 6 one, 5 of 24 give 0.42."""
    for asked, unit_id, points in (
        (ask(2025, "2025-06-30"), OLD, 1.33),
        (ask(2025, "2025-12-31"), NEW, 1),
        (ask(2024, "2024-12-31", NEW_BORDERS), NEW, 0.42),
    ):
        (line,) = [c for c in scored(merged["home"], asked)[unit_id]["criteria"] if c["measure"] == "officer_review_months"]
        assert line["points"] == points and line["interval"] is None and line["judgement"] is None


def test_documents_say_what_a_figure_is_made_of(merged: dict[str, Any]) -> None:
    home = merged["home"]
    (old,) = measures_json(home, ask(2025, "2025-06-30"), OLD)["units"]
    assert old["period"] == {"from": "2025-01-01", "to": "2025-06-30"} and "một phần của kỳ" in old["notes"][0]
    (new,) = measures_json(home, ask(2025, "2025-12-31"), NEW)["units"]
    assert new["period"] == {"from": "2025-07-01", "to": "2025-12-31"} and new["made_of"] == [NEW]
    assert any("Xã Vạn Thạnh (22519)" in note and "tiếp nhận trước ngày 01/07/2025" in note for note in new["notes"])
    document = measures_json(home, ask(2024, "2024-12-31", NEW_BORDERS), "22504")
    (past,) = document["units"]
    assert (document["units_on"], past["made_of"]) == ("2025-07-01", [OLD, THO, THANH])
    assert past["period"] == {"from": "2024-01-01", "to": "2024-12-31"}
    gaps = [note for note in past["notes"] if note.startswith("Chưa có số liệu")]
    assert len(gaps) == 2 and "Xã Vạn Thọ (22504)" in gaps[0] and "Chỉ số hài lòng" in gaps[0]
    assert "Xã Vạn Thạnh (22519)" in gaps[1] and "Số tháng có đánh giá" in gaps[1]
    (whole,) = [c for c in scored(home, ask(2023, "2023-12-31", NEW_BORDERS)).values() if c["unit_id"] == NEW]
    assert whole["made_of"] == [OLD, THO, THANH]


def test_what_predecessors_declared_is_not_summed(merged: dict[str, Any]) -> None:
    past = scored(merged["home"], ask(2024, "2024-12-31", NEW_BORDERS))[NEW]
    declared = [line for line in past["criteria"] if line["measure"] is None]
    assert declared and {line["status"] for line in declared} <= {"no_data", "not_applicable", "not_yet_in_force"}


def test_the_same_question_has_the_same_answer_after_later_files(merged: dict[str, Any]) -> None:
    for units_on, documents in merged["answered"].items():
        assert _documents(merged["home"], units_on) == documents
        assert any(row["numerator"] for row in documents[0]["measures"])


def test_the_command_line_takes_the_boundaries_of_a_day(merged: dict[str, Any]) -> None:
    import json

    from click.testing import CliRunner

    from apps.commands.explain import explain
    from apps.commands.measures import measures
    from apps.commands.score import score

    words = ["--year", "2024", "--units", "2025-07-01", "--as-of", "2024-12-31"]
    for command, more in ((measures, ["--commune", "22504"]), (score, []), (explain, ["--commune", "22504"])):
        told = CliRunner().invoke(command, [*words, *more, "--json"], standalone_mode=False)
        assert told.exit_code == 0 and json.loads(told.stdout)["units_on"] == "2025-07-01", told.exception
        shown = CliRunner().invoke(command, [*words, *more], standalone_mode=False)
        assert shown.exit_code == 0 and "Chưa có số liệu của Xã Vạn Thọ (22504)" in " ".join(shown.stdout.split()), (
            shown.exception
        )


def test_a_survey_says_whether_it_has_forms_enough(merged: dict[str, Any]) -> None:
    """n = N / (1 + 0.0025·N): 5 of 5 dossiers and 6 of 6 are needed; where nothing is known nothing is said to be small."""
    for asked, forms, population in ((ask(2025, "2025-12-31"), 2, 5), (ask(2024, "2024-12-31", NEW_BORDERS), 3, 6)):
        communes = scored(merged["home"], asked, "sipas")
        sample = communes[NEW]["sample"]
        assert (sample["forms"], sample["population"], sample["needed"]) == (forms, population, population)
        assert (sample["status"], sample["enough"]) == ("too_small", False) and "chưa đủ đại diện" in sample["note"]
        assert communes["22498-2025"]["sample"]["status"] == "unknown"
    assert "sample" not in scored(merged["home"], ask(2025, "2025-12-31"))[NEW]


def test_small_figures_are_marked_and_cost_no_point(merged: dict[str, Any]) -> None:
    new = scored(merged["home"], ask(2025, "2025-12-31"))[NEW]
    (line,) = [c for c in new["criteria"] if c["measure"] == "overdue_rate"]
    low, high = line["interval"]
    assert line["judgement"] == "too_few" and low < 4 / 7 < high and line["status"] == "scored"
