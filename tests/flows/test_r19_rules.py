"""R19: each rule that is no rate opens and ends once, on loaded files and a moving clock."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from flows.steps.home import parse_moment
from flows.steps.measure import question
from tests.flows import kit
from tests.flows.alert_kit import (
    OTHER,
    SURVEY,
    UNIT,
    ask,
    foreseen,
    late_and_not,
    night,
    noted,
    rows,
    settings,
    stored,
    told,
    town,
)
from tests.flows.run_kit import Town, dossier

__all__ = ["settings", "town"]
pytestmark = [pytest.mark.db, pytest.mark.slow]
REVIEWS = "Đơn vị;Tháng;Cán bộ, công chức;Điểm;Ngày đánh giá\n"
TASKS = "Mã nhiệm vụ;Đơn vị;Chương trình;Nội dung nhiệm vụ;Ngày giao;Hạn hoàn thành;Ngày hoàn thành\n"
NAMED = "Lò Thị Thử Nghiệm"


def test_r19_a_criterion_that_loses_points_and_the_end_of_the_year(town: Town) -> None:
    """Beside the score of a week before; in the first days of a year there is none, and yet last year's alerts end."""
    town.load("mot", [*late_and_not(0, 60), *late_and_not(0, 20, OTHER)], "2023-02-15T08:00:00")
    town.at("2023-02-15T09:00:00")
    town.publish("2023-02-15T09:00:00")
    town.load("hai", late_and_not(4, 0, start=300), "2023-02-21T08:00:00")
    assert told(ask(town, "2023-02-21T09:00:00"), "criterion_losing") == ([], [])  # that score is of six days before
    assert told(ask(town, "2023-02-22T09:00:00"), "criterion_losing")[0] == [(UNIT, "III.3")]
    town.publish("2023-02-22T09:00:00")
    town.load("ba", late_and_not(4, 0, OTHER, start=300), "2023-02-28T08:00:00")
    opened, ended = told(ask(town, "2023-03-01T09:00:00"), "criterion_losing")
    assert (opened, ended) == ([(OTHER, "III.3")], [(UNIT, "III.3", "cleared")])
    answer = night(town, "2024-01-01T01:00:00")
    assert told(answer, "criterion_losing")[1] == [(OTHER, "III.3", "year_over")]
    assert told(answer, "overdue_rate") == ([], [(UNIT, "", "year_over"), (OTHER, "", "year_over")])


def test_r19_an_official_named_again_is_nowhere_by_name(town: Town, settings: Any) -> None:
    settings('recipients:\n  - {name: A, url: "json://127.0.0.1:1"}\n')
    town.load("hs", late_and_not(0, 5), "2023-02-20T18:00:00")
    lines = [f"K{n};{UNIT};0{n}/03/2023;1;1;1;1;1;{name}\n" for n, name in ((6, NAMED), (7, f" {NAMED.upper()} "))]
    town.load("phieu", SURVEY + lines[0], "2023-03-07T18:00:00", "survey")
    assert told(ask(town, "2023-03-08T01:00:00"), "official_named_again") == ([], [])
    town.load("phieu2", SURVEY + lines[1], "2023-03-08T18:00:00", "survey")
    ((unit, subject),) = told(ask(town, "2023-03-09T01:00:00"), "official_named_again")[0]
    assert unit == UNIT and len(subject) == 16
    assert told(ask(town, "2023-03-10T01:00:00"), "official_named_again") == ([], [])
    said = stored(town)
    assert "tháng có phản ánh: 03/2023" in said and "thử nghiệm" not in said
    assert said.count(subject) == 1, "in the alert itself, in no event and no message"


def test_r19_days_without_forms_are_said_of_those_who_take_forms(town: Town) -> None:
    """6 to 17 February 2023 are two working weeks. A commune of which no form was ever told is unknown, and so is a day of which no
    export has told: the 17th."""

    def forms(unit: str, *days: int) -> str:
        return "".join(f"K{unit}{day};{unit};{day:02d}/02/2023;5;5;5;5;5;\n" for day in days)

    until = (6, 7, 8, 9, 10, 13, 14)
    town.load("phieu", SURVEY + forms(UNIT, *until) + forms(OTHER, *until, 15, 16), "2023-02-17T20:00:00", "survey")
    assert told(ask(town, "2023-02-18T01:00:00"), "day_without_forms") == ([(UNIT, "")], [])
    (row,) = rows(town, "day_without_forms")
    assert row["value"] == 2 and row["detail"]["days"] == ["2023-02-15", "2023-02-16"]
    town.load("phieu2", SURVEY + forms(UNIT, 15, 16, 17) + forms(OTHER, 17), "2023-02-18T08:00:00", "survey")
    assert told(ask(town, "2023-02-18T09:00:00"), "day_without_forms") == ([], [(UNIT, "", "cleared")])


def test_r19_months_without_review_count_ten_days_after_them(town: Town) -> None:
    """February until 10 March, December until 10 January. A commune of which no review was ever told is unknown."""
    line = f"{UNIT};{{0:02d}}/2023;Công chức A;90;05/{{1:02d}}/{{2}}\n"
    town.load("dg", REVIEWS + line.format(3, 3, 2023), "2023-03-06T18:00:00", "officer_review")
    assert told(ask(town, "2023-03-10T01:00:00"), "month_without_review")[0] == [(UNIT, "2023-01")]
    assert told(ask(town, "2023-03-11T01:00:00"), "month_without_review")[0] == [(UNIT, "2023-02")]
    later = "".join(line.format(month, 12, 2023) for month in (1, *range(4, 12)))
    town.load("dg2", REVIEWS + later, "2023-12-06T18:00:00", "officer_review")
    answer = ask(town, "2023-12-20T01:00:00")
    assert told(answer, "month_without_review") == ([], [(UNIT, "2023-01", "cleared")])
    answer = ask(town, "2024-01-10T01:00:00")
    assert told(answer, "month_without_review") == ([], [(UNIT, "2023-02", "year_over")])
    assert told(ask(town, "2024-01-11T01:00:00"), "month_without_review")[0] == [(UNIT, "2023-12")]
    town.load("dg3", REVIEWS + line.format(12, 1, 2024), "2024-01-12T18:00:00", "officer_review")
    assert told(ask(town, "2024-01-13T01:00:00"), "month_without_review")[1] == [(UNIT, "2023-12", "cleared")]


def test_r19_dossiers_due_soon(town: Town, settings: Any) -> None:
    """Due on Monday 13 February at 17:00. On Thursday it is two working days off, on Wednesday three."""
    town.load("hs", [dossier(n) for n in range(1, 6)], "2023-02-07T18:00:00")
    assert told(ask(town, "2023-02-08T01:00:00"), "dossiers_due_soon")[0] == []
    assert told(ask(town, "2023-02-09T01:00:00"), "dossiers_due_soon")[0] == [(UNIT, "")]
    assert rows(town, "dossiers_due_soon")[0]["detail"]["dossier_count"] == 5
    town.load("xong", [dossier(1, 9)], "2023-02-09T18:00:00")
    assert told(ask(town, "2023-02-10T01:00:00"), "dossiers_due_soon") == ([], [])  # four: not yet few enough
    town.load("xong2", [dossier(2, 10)], "2023-02-10T18:00:00")
    assert told(ask(town, "2023-02-10T19:00:00"), "dossiers_due_soon")[1] == [(UNIT, "", "cleared")]
    settings("rules:\n  dossiers_due_soon: {threshold: 1}\n")  # its margin is 2: none at all must do
    assert told(ask(town, "2023-02-10T20:00:00"), "dossiers_due_soon")[0] == [(UNIT, "")]
    town.load("xong3", [dossier(n, 10) for n in (3, 4, 5)], "2023-02-11T18:00:00")
    assert told(ask(town, "2023-02-11T19:00:00"), "dossiers_due_soon")[1] == [(UNIT, "", "cleared")]


def test_r19_a_source_that_is_silent_of_all_or_of_one(town: Town) -> None:
    """The one-stop software last told of 6 February; its deadline is 45 days."""
    town.load("hs", [*late_and_not(0, 5), *late_and_not(0, 5, OTHER)], "2023-02-15T08:00:00")
    assert told(night(town, "2023-03-23T01:00:00"), "source_late") == ([], [])
    assert told(ask(town, "2023-03-24T01:00:00"), "source_late") == ([], [])  # a file came: the night will look
    assert told(night(town, "2023-03-24T01:00:00"), "source_late") == ([("", "one_stop")], [])
    fresh = {"received_at": "24/03/2023 08:00:00", "due_at": "31/03/2023 17:00:00"}
    town.load("moi", [dossier(900, **fresh)], "2023-03-24T20:00:00")
    assert told(night(town, "2023-03-25T01:00:00"), "source_late") == ([(OTHER, "one_stop")], [("", "one_stop", "cleared")])
    assert noted(town, "data.late", "source:one_stop") == 2


def test_r19_a_rejected_file_until_it_is_replaced_or_two_weeks(town: Town, settings: Any) -> None:
    """Replaced at its place, here or in an inbox elsewhere; another commune's file of the same name is none. Its name, which may be
    an applicant's, is in no alert and no message; it is said on the machine."""
    from flows.steps.alert_desk import show

    settings('recipients:\n  - {name: A, url: "json://127.0.0.1:1"}\n')
    came = "2023-02-20T18:00:00"
    town.at(came)
    for name in ("don-cua-ong-mau", "khac", "bo-quen"):
        bad = town.folder / f"{name}.csv"
        bad.write_text(f"Cột lạ;Cột {name}\n1;2\n", encoding="utf-8")
        assert kit.load(town.home, bad, town.gate, parse_moment(came)).status == "rejected"
    opened, _ = told(ask(town, "2023-02-20T18:01:00"), "file_rejected")
    named = {}
    for row in rows(town, "file_rejected"):
        file = show(town.home, row["alert_id"])["file"]
        assert file["message"]
        named[file["name"].removesuffix(".csv")] = row["subject"]
    assert set(opened) == {("", subject) for subject in named.values()} and set(named) == {"don-cua-ong-mau", "khac", "bo-quen"}
    assert "nhận lúc 20/02/2023 18:00" in stored(town) and "ong-mau" not in stored(town)
    elsewhere = town.folder / "xa-khac"
    elsewhere.mkdir()
    good = kit.write_csv(elsewhere / "khac.csv", late_and_not(0, 3, OTHER))
    town.at("2023-02-21T07:00:00")
    sha256 = kit.load(town.home, good, town.gate, parse_moment("2023-02-21T07:00:00")).sha256
    assert told(ask(town, "2023-02-21T07:01:00"), "file_rejected") == ([], [])
    for version, content, at in ((1, f"like '{named['khac']}%'", came), (2, f"= '{sha256}'", "2023-02-21T07:00:00")):
        town.query(
            "insert into remote_files (inbox, path, version, state, first_seen_at, changed_at, sha256) "
            f"select 'so', 'khac.csv', '{version}', 'fetched', '{at}+07', '{at}+07', sha256 from files where sha256 {content}"
        )
    assert told(ask(town, "2023-02-21T07:02:00"), "file_rejected") == ([], [("", named["khac"], "settled")])
    town.at("2023-02-21T08:00:00")
    town.load("don-cua-ong-mau", late_and_not(0, 3), "2023-02-21T08:00:00")
    assert told(ask(town, "2023-02-21T08:01:00"), "file_rejected") == ([], [("", named["don-cua-ong-mau"], "settled")])
    assert told(ask(town, "2023-03-06T18:00:00"), "file_rejected") == ([], [])
    assert told(ask(town, "2023-03-06T18:00:01"), "file_rejected") == ([], [("", named["bo-quen"], "settled")])


def test_r19_a_missed_night_until_it_is_made_up_for(town: Town) -> None:
    from warehouse import chain
    from warehouse import events as log

    began, done = parse_moment("2023-02-14T20:00:00"), parse_moment("2023-02-16T08:00:00")
    with town.home.database.begin() as tx:
        log.log_work(tx, "desk", "", began, 0.0, "done", {})
    assert told(ask(town, "2023-02-15T01:24:59"), "night_missed") == ([], [])
    assert told(ask(town, "2023-02-15T01:25:00"), "night_missed") == ([("", "")], [])
    assert told(ask(town, "2023-02-16T01:25:00"), "night_missed") == ([], [])  # many nights off are one alert, not many
    assert [row["detail"]["nights"] for row in rows(town, "night_missed")] == [["2023-02-15", "2023-02-16"]]
    with town.home.database.begin() as tx:
        chain.record_night(tx, parse_moment("2023-02-15T01:00:00"), done, done, "x", "done", {})
    assert told(ask(town, "2023-02-16T08:00:00"), "night_missed") == ([], [])
    with town.home.database.begin() as tx:
        chain.record_night(tx, done, done, done, "x", "done", {})
    assert told(ask(town, "2023-02-16T08:00:00"), "night_missed") == ([], [("", "", "made_up")])
    assert [noted(town, "night.missed", f"night:2023-02-{day}") for day in (15, 16)] == [1, 1]


def test_r19_a_commitment_missed_is_told_once(town: Town) -> None:
    """A task done late and a working day without forms are lost for good; a look after a file sees it, the night does not again."""
    task = f"NV1;{UNIT};CTr 12823/CTr-UBND;Một;05/01/2023;10/02/2023;"
    town.load("nv", f"{TASKS}{task}\n", "2023-02-09T08:00:00", "tasks")
    assert told(ask(town, "2023-02-09T09:00:00"), "commitment_missed") == ([], [])
    town.load("nv2", f"{TASKS}{task}12/02/2023\n", "2023-02-13T08:00:00", "tasks")
    town.load("phieu", f"{SURVEY}K1;{UNIT};06/02/2023;5;5;5;5;5;\n", "2023-02-13T08:00:00", "survey")
    answer = ask(town, "2023-02-13T08:01:00")
    assert {subject for _, subject in told(answer, "commitment_missed")[0]} == {
        f"tb_dai_lanh_2023:{c}" for c in ("tasks", "survey_days")
    }
    row = next(each for each in rows(town, "commitment_missed") if each["subject"].endswith(":survey_days"))
    assert row["owner"] == "Tổ lấy phiếu mức độ hài lòng hàng ngày" and "khoản 6" in row["detail"]["clause"]
    assert (
        row["detail"]["wanted"] == "≥ 100\u00a0%"
        and row["detail"]["said"].endswith("%")
        and "không bù được" in row["detail"]["gap"]
    )
    assert told(night(town, "2023-02-14T01:00:00"), "commitment_missed") == ([], [])


def test_r19_a_good_grade_unlikely_in_two_nights_running(town: Town) -> None:
    """Half is enough; below it in two nights is told; between half and three fifths nothing ends."""
    town.load("hs", late_and_not(0, 3), "2023-02-20T18:00:00")

    def after(number: int, chance: float | None) -> Any:
        moment = f"2023-03-{number:02d}T01:00:00"
        return told(ask(town, moment, forecast=foreseen(moment, chance, None)), "good_grade_unlikely")

    assert after(1, 0.499) == after(2, 0.5) == after(3, 0.499) == ([], [])
    assert after(4, 0.499) == ([(UNIT, "")], [])
    assert after(5, 0.599) == after(6, None) == after(7, 0.6) == ([], [])
    assert after(8, 0.6) == ([], [(UNIT, "", "cleared")])


def test_r19_a_drop_of_two_places_in_a_week(town: Town) -> None:
    """Beside the last forecast that is about a week old; one of six days ago is none."""
    from warehouse import forecasts

    town.load("hs", late_and_not(0, 3), "2023-02-20T18:00:00")
    first = parse_moment("2023-03-01T01:00:00")
    result = foreseen("2023-03-01T01:00:00", 0.9, 3.0)
    result |= {"criteria_set": "commune_reconstructed", "definition": question(2023, as_of=first).definition, "year": 2023}
    with town.home.database.begin() as tx:
        zero = "0" * 64
        forecasts.store(
            tx, recipe={}, recipe_digest=zero, result=result, digest=zero, as_of=first, points=[], now=first, origin="nightly"
        )

    def after(days: int, rank: float) -> Any:
        moment = (first + timedelta(days)).isoformat()
        return told(ask(town, moment, forecast=foreseen(moment, 0.9, rank)), "rank_drop")

    assert after(6, 5.0) == after(7, 4.99) == ([], [])
    assert after(8, 5.0) == ([(UNIT, "")], [])
    detail = rows(town, "rank_drop")[0]["detail"]
    assert (detail["rank"], detail["rank_before"], detail["since"][:10]) == (5.0, 3.0, "2023-03-01")
    assert after(9, 4.51) == after(10, 4.5) == ([], [])
    assert after(11, 4.5) == ([], [(UNIT, "", "cleared")])
