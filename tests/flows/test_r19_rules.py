"""R19 on the warehouse: each rule opens and ends once on loaded files, whoever asks, how often and in what order."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from flows.steps.alert_settings import settings_file
from flows.steps.alerts import evaluate
from flows.steps.home import parse_moment
from flows.steps.measure import question
from flows.steps.score import score_question
from tests.flows import kit
from tests.flows.run_kit import Town, dossier, town

__all__ = ["town"]
pytestmark = [pytest.mark.db, pytest.mark.slow]
SURVEY = (
    "Mã phiếu;Đơn vị;Ngày khảo sát;Tiếp cận dịch vụ;Thủ tục hành chính;Công chức;Kết quả;Góp ý, phản ánh;Công chức được nêu tên\n"
)
REVIEWS = "Đơn vị;Tháng;Cán bộ, công chức;Điểm;Ngày đánh giá\n"
NAMED = "Lò Thị Thử Nghiệm"


def ask(town: Town, moment: str, **more: Any) -> dict[str, Any]:
    """Evaluate as of a moment, the clock standing there."""
    town.at(moment)
    with town.home.database.begin() as tx:
        return evaluate(town.home, tx, parse_moment(moment), **more)


def told(answer: dict[str, Any], rule: str) -> tuple[list[tuple[str, str]], list[tuple[str, str, str]]]:
    """Return (opened, resolved) of a rule: (unit, subject) and (unit, subject, why)."""
    opened = [(row["unit_id"], row["subject"]) for row in answer["opened"] if row["rule"] == rule]
    return opened, [(r["unit_id"], r["subject"], r["resolution"]) for r in answer["resolved"] if r["rule"] == rule]


def rows(town: Town, rule: str) -> list[dict[str, Any]]:
    with town.home.database.begin() as tx:
        return tx.rows("select * from alerts where rule = %(rule)s order by alert_id", {"rule": rule})


def events(town: Town) -> list[dict[str, Any]]:
    with town.home.database.begin() as tx:
        return tx.rows("select kind, subject, ids from events where kind like 'threshold.%%' order by event_id")


def late_and_not(late: int, others: int) -> list[dict[str, str]]:
    """Return finished dossiers, of which some were finished after their due day."""
    return [dossier(n, 15 if n <= late else 10) for n in range(1, late + others + 1)]


@pytest.mark.parametrize(
    ("late", "others", "opens"), [(1, 18, False), (1, 19, True), (1, 99, True), (1, 100, False), (0, 20, False)]
)
def test_r19_overdue_to_the_dossier(town: Town, late: int, others: int, opens: bool) -> None:
    """Nineteen are too few to judge; one of a hundred is one percent, which is not below; one of 101 is."""
    town.load("hs", late_and_not(late, others), "2023-02-20T18:00:00")
    assert told(ask(town, "2023-02-21T01:00:00"), "overdue_rate")[0] == ([("22492", "")] if opens else [])


def test_r19_a_rate_opens_once_and_ends_once(town: Town) -> None:
    """Asked twice, asked late, flapping, corrected: one opening and one end; the cool-down keeps the next one waiting."""
    town.load("mot", late_and_not(1, 19), "2023-02-20T18:00:00")
    first = ask(town, "2023-02-21T01:00:00")
    assert told(first, "overdue_rate") == ([("22492", "")], [])
    (row,) = (each for each in first["opened"] if each["rule"] == "overdue_rate")
    assert (row["value"], row["threshold"], row["name"]) == (0.05, 0.01, "Xã Đại Lãnh")
    assert row["detail"]["dossiers"] == ["H32.22492-0001"] and row["detail"]["dossier_count"] == 1
    assert row["detail"]["provenance"] == "official" and "hoản 3" in row["detail"]["clause"]
    for moment in ("2023-02-21T01:00:00", "2023-02-21T09:00:00", "2023-02-22T01:00:00"):
        assert told(ask(town, moment), "overdue_rate") == ([], [])
    town.load("hai", [dossier(1, 10)], "2023-02-22T18:00:00")  # the date was a slip
    assert told(ask(town, "2023-02-22T18:01:00"), "overdue_rate") == ([], [])
    town.at("2023-02-24T01:00:00")
    with town.home.database.begin() as tx:  # a night that comes late looks as of an earlier moment: it does not count
        assert told(evaluate(town.home, tx, parse_moment("2023-02-20T01:00:00")), "overdue_rate") == ([], [])
    assert told(ask(town, "2023-02-24T01:00:00"), "overdue_rate") == ([], [("22492", "", "cleared")])
    assert told(ask(town, "2023-02-24T01:00:00"), "overdue_rate") == ([], [])
    town.load("ba", [dossier(2, 15)], "2023-02-24T18:00:00")
    assert told(ask(town, "2023-02-25T01:00:00"), "overdue_rate") == ([], [])  # rests three days after its end
    assert told(ask(town, "2023-02-27T00:59:00"), "overdue_rate") == ([], [])
    assert told(ask(town, "2023-02-27T01:00:00"), "overdue_rate") == ([("22492", "")], [])
    assert [each["state"] for each in rows(town, "overdue_rate")] == ["resolved", "open"]
    of_rule = [each["kind"] for each in events(town) if each["ids"]["rule"] == "overdue_rate"]
    assert of_rule == ["threshold.breached", "threshold.cleared", "threshold.breached"]


def test_r19_what_rolls_back_never_happened(town: Town) -> None:
    town.load("mot", late_and_not(1, 19), "2023-02-20T18:00:00")
    town.at("2023-02-21T01:00:00")
    with pytest.raises(RuntimeError), town.home.database.begin() as tx:
        assert told(evaluate(town.home, tx, parse_moment("2023-02-21T01:00:00")), "overdue_rate")[0]
        raise RuntimeError("killed before the commit")
    assert not rows(town, "overdue_rate") and not events(town)
    assert told(ask(town, "2023-02-21T01:00:00"), "overdue_rate")[0] == [("22492", "")]


def test_r19_only_the_communes_that_changed_are_asked(town: Town) -> None:
    town.load("mot", [*late_and_not(1, 19), *(dossier(n, 15, "22495") for n in range(21, 42))], "2023-02-20T18:00:00")
    assert told(ask(town, "2023-02-21T01:00:00", units=["22495"]), "overdue_rate")[0] == [("22495", "")]
    assert told(ask(town, "2023-02-21T01:00:00"), "overdue_rate") == ([("22492", "")], [])


def test_r19_a_score_of_another_year_ends_nothing(town: Town) -> None:
    """`cchc nightly --year 2022` in 2023 says nothing of the alerts of 2023."""
    town.load("mot", late_and_not(1, 19), "2023-02-20T18:00:00")
    ask(town, "2023-02-21T01:00:00")
    with town.home.database.begin() as tx:
        other = score_question(town.home, tx, question(2022, as_of=parse_moment("2023-02-22T01:00:00")))
    answer = ask(town, "2023-02-22T01:00:00", scored=other)
    assert not answer["resolved"] and [each["state"] for each in rows(town, "overdue_rate")] == ["open"]


def test_r19_alerts_of_a_year_end_with_it(town: Town) -> None:
    """Those of rules that cannot look in the first days of a year as well."""
    town.load("mot", late_and_not(0, 20), "2023-02-20T18:00:00")
    town.at("2023-02-20T20:00:00")
    town.publish("2023-02-20T20:00:00")
    town.load("hai", [dossier(n, 15) for n in range(1, 6)], "2023-02-28T18:00:00")
    assert ("22492", "III.3") in told(ask(town, "2023-03-01T01:00:00"), "criterion_losing")[0]
    answer = ask(town, "2024-01-01T01:00:00")
    assert ("22492", "III.3", "year_over") in told(answer, "criterion_losing")[1]
    assert ("22492", "", "year_over") in told(answer, "overdue_rate")[1]


def test_r19_an_official_named_again_is_nowhere_by_name(town: Town) -> None:
    town.load("hs", late_and_not(0, 5), "2023-02-20T18:00:00")
    lines = [f"K{n};22492;0{n}/03/2023;1;1;1;1;1;{NAMED}\n" for n in (6, 7)]
    town.load("phieu", SURVEY + lines[0], "2023-03-07T18:00:00", "survey")
    assert told(ask(town, "2023-03-08T01:00:00"), "official_named_again") == ([], [])
    town.load("phieu2", SURVEY + lines[1], "2023-03-08T18:00:00", "survey")
    answer = ask(town, "2023-03-09T01:00:00")
    ((unit, subject),) = told(answer, "official_named_again")[0]
    assert unit == "22492" and len(subject) == 16
    assert told(ask(town, "2023-03-10T01:00:00"), "official_named_again") == ([], [])
    said = json.dumps([rows(town, "official_named_again"), events(town)], ensure_ascii=False, default=str).casefold()
    assert NAMED.casefold() not in said
    assert all(subject not in json.dumps(each["ids"]) for each in events(town))


def test_r19_days_without_forms_are_said_of_those_who_take_forms(town: Town) -> None:
    """6 to 10 March 2023 is a working week. A commune of which no form was ever told is unknown, and so is a day not yet told of."""
    town.load("hs", [*late_and_not(0, 3), dossier(9, 10, "22495")], "2023-02-20T18:00:00")
    form = "K{0};22492;{1:02d}/03/2023;5;5;5;5;5;\n"
    town.load("phieu", SURVEY + form.format(101, 6) + form.format(102, 8), "2023-03-08T18:00:00", "survey")
    opened, _ = told(ask(town, "2023-03-09T01:00:00"), "day_without_forms")
    assert opened == [("22492", "")]
    assert rows(town, "day_without_forms")[0]["detail"]["days"][-1] == "2023-03-07"
    more = "".join(form.format(n, n) for n in (2, 3, 7, 9, 10))
    town.load("phieu2", SURVEY + more, "2023-03-10T18:00:00", "survey")
    assert told(ask(town, "2023-03-11T01:00:00"), "day_without_forms") == ([], [("22492", "", "cleared")])


@pytest.mark.parametrize(("day", "months"), [("2023-03-10", ["2023-01"]), ("2023-03-11", ["2023-01", "2023-02"])])
def test_r19_a_month_without_review_counts_ten_days_after_it(town: Town, day: str, months: list[str]) -> None:
    town.load("hs", late_and_not(0, 3), "2023-02-20T18:00:00")
    town.load("dg", REVIEWS + "22492;03/2023;Công chức A;90;05/03/2023\n", "2023-03-06T18:00:00", "officer_review")
    assert told(ask(town, f"{day}T01:00:00"), "month_without_review")[0] == [("22492", month) for month in months]


def test_r19_december_is_asked_about_in_january(town: Town) -> None:
    town.load("hs", late_and_not(0, 3), "2023-02-20T18:00:00")
    lines = "".join(f"22492;{m:02d}/2023;Công chức A;90;28/{m:02d}/2023\n" for m in range(1, 12))
    town.load("dg", REVIEWS + lines, "2023-12-01T18:00:00", "officer_review")
    assert told(ask(town, "2024-01-10T01:00:00"), "month_without_review")[0] == []
    assert told(ask(town, "2024-01-11T01:00:00"), "month_without_review")[0] == [("22492", "2023-12")]
    town.load("dg2", REVIEWS + "22492;12/2023;Công chức A;90;12/01/2024\n", "2024-01-12T18:00:00", "officer_review")
    assert told(ask(town, "2024-01-13T01:00:00"), "month_without_review")[1] == [("22492", "2023-12", "cleared")]


def test_r19_dossiers_due_soon(town: Town) -> None:
    """Due on Monday 13 February at 17:00. On Thursday it is two working days off, on Wednesday three."""
    town.load("hs", [dossier(n) for n in range(1, 6)], "2023-02-07T18:00:00")
    assert told(ask(town, "2023-02-08T01:00:00"), "dossiers_due_soon")[0] == []
    answer = ask(town, "2023-02-09T01:00:00")
    assert told(answer, "dossiers_due_soon")[0] == [("22492", "")]
    assert rows(town, "dossiers_due_soon")[0]["detail"]["dossier_count"] == 5
    town.load("xong", [dossier(1, 9)], "2023-02-09T18:00:00")
    assert told(ask(town, "2023-02-10T01:00:00"), "dossiers_due_soon") == ([], [])  # four: not yet few enough
    town.load("xong2", [dossier(2, 10)], "2023-02-10T18:00:00")
    assert told(ask(town, "2023-02-10T19:00:00"), "dossiers_due_soon")[1] == [("22492", "", "cleared")]


@pytest.mark.parametrize(("day", "opens"), [("2023-03-23", False), ("2023-03-24", True)])
def test_r19_a_source_is_late_after_its_deadline(town: Town, day: str, opens: bool) -> None:
    """The one-stop software last told of 6 February; its deadline is 45 days."""
    town.load("hs", [dossier(n) for n in range(1, 4)], "2023-02-07T18:00:00")
    assert told(ask(town, f"{day}T08:00:00"), "source_late")[0] == ([("", "one_stop")] if opens else [])
    with town.home.database.begin() as tx:
        assert bool(tx.rows("select 1 from events where kind = 'data.late' and subject = 'source:one_stop'")) is opens


def test_r19_a_rejected_file_until_another_of_its_name_is_loaded(town: Town) -> None:
    bad = town.folder / "thang-2.csv"
    bad.write_text("Cột lạ;Cột khác\n1;2\n", encoding="utf-8")
    town.at("2023-02-20T18:00:00")
    assert kit.load(town.home, bad, town.gate, parse_moment("2023-02-20T18:00:00")).status == "rejected"
    ((unit, subject),) = told(ask(town, "2023-02-20T18:01:00"), "file_rejected")[0]
    assert unit == "" and len(subject) == 16
    assert told(ask(town, "2023-02-21T01:00:00"), "file_rejected") == ([], [])
    town.at("2023-02-21T08:00:00")
    town.load("thang-2", late_and_not(0, 3), "2023-02-21T08:00:00")
    assert told(ask(town, "2023-02-21T08:01:00"), "file_rejected") == ([], [("", subject, "settled")])


def test_r19_settings_change_rules_and_switch_them_off(town: Town) -> None:
    town.load("mot", late_and_not(1, 19), "2023-02-20T18:00:00")
    place = settings_file(town.home)
    try:
        place.write_text("rules:\n  overdue_rate: {threshold: 0.06}\n", encoding="utf-8")
        assert told(ask(town, "2023-02-21T01:00:00"), "overdue_rate")[0] == []
        place.write_text("rules:\n  overdue_rate: {threshold: 0.05, severity: info}\n", encoding="utf-8")
        assert told(ask(town, "2023-02-22T01:00:00"), "overdue_rate")[0] == [("22492", "")]
        assert rows(town, "overdue_rate")[0]["severity"] == "info"
        place.write_text("rules:\n  overdue_rate: {enabled: false}\n", encoding="utf-8")
        assert told(ask(town, "2023-02-23T01:00:00"), "overdue_rate")[1] == [("22492", "", "disabled")]
    finally:
        place.unlink(missing_ok=True)


def test_r19_a_commitment_missed_is_told_once(town: Town) -> None:
    """A working day without forms breaks the notice's daily survey for good; a look after a file sees it, the night does not again."""
    town.load("phieu", SURVEY + "K101;22492;06/03/2023;5;5;5;5;5;\n", "2023-03-08T18:00:00", "survey")
    answer = ask(town, "2023-03-08T18:01:00", units=["22492"])
    assert ("22492", "tb_dai_lanh_2023:survey_days") in told(answer, "commitment_missed")[0]
    (row,) = (each for each in answer["opened"] if each["subject"] == "tb_dai_lanh_2023:survey_days")
    assert row["owner"] == "Tổ lấy phiếu mức độ hài lòng hàng ngày" and "khoản 6" in row["detail"]["clause"]
    assert told(ask(town, "2023-03-09T01:00:00"), "commitment_missed") == ([], [])


def foreseen(moment: str, chance: float | None, rank: float | None) -> dict[str, Any]:
    """Return as much of a forecast's document as alerts look at."""
    place = {"unit_id": "22492", "p_good": chance, "expected_rank": rank}
    return {"as_of": parse_moment(moment).isoformat(), "good_grade": "Tốt", "communes": [place]}


def test_r19_a_good_grade_unlikely_in_two_nights_running(town: Town) -> None:
    """Half is enough; below it in two nights is told; between half and three fifths nothing ends."""
    town.load("hs", late_and_not(0, 3), "2023-02-20T18:00:00")

    def night(number: int, chance: float | None) -> Any:
        moment = f"2023-03-{number:02d}T01:00:00"
        return told(ask(town, moment, forecast=foreseen(moment, chance, None)), "good_grade_unlikely")

    assert night(1, 0.5) == night(2, 0.499) == night(3, 0.5) == night(4, 0.499) == ([], [])
    assert night(5, 0.499) == ([("22492", "")], [])
    assert night(6, 0.599) == night(7, None) == night(8, 0.6) == ([], [])
    assert night(9, 0.6) == ([], [("22492", "", "cleared")])


@pytest.mark.parametrize(("days", "rank", "opens"), [(7, 5.0, True), (7, 4.99, False), (6, 5.0, False), (9, 5.0, True)])
def test_r19_a_drop_of_two_places_in_a_week(town: Town, days: int, rank: float, opens: bool) -> None:
    """Beside the last forecast that is about a week old; one of six days ago is none."""
    from warehouse import forecasts

    town.load("hs", late_and_not(0, 3), "2023-02-20T18:00:00")
    moment = "2023-03-15T01:00:00"
    before = parse_moment(moment) - timedelta(days=days)
    definition = question(2023, as_of=before).definition
    result = foreseen(before.isoformat(), 0.9, 3.0) | {
        "criteria_set": "commune_reconstructed",
        "definition": definition,
        "year": 2023,
    }
    with town.home.database.begin() as tx:
        forecasts.store(
            tx,
            recipe={},
            recipe_digest="0" * 64,
            result=result,
            digest="0" * 64,
            as_of=before,
            points=[],
            now=before,
            origin="nightly",
        )
    answer = ask(town, moment, forecast=foreseen(moment, 0.9, rank))
    assert told(answer, "rank_drop")[0] == ([("22492", "")] if opens else [])
