"""R19: each kind of rule opens and ends once, from real files, on a moving clock; whatever repeats, fails or comes late."""

from __future__ import annotations

import json
import threading
from collections import Counter
from datetime import date, timedelta
from typing import Any

import pytest

from flows.steps.alert_settings import settings_file
from flows.steps.alerts import evaluate
from flows.steps.home import parse_moment
from flows.steps.measure import question
from flows.steps.score import score_question
from tests.flows.run_kit import Town, dossier
from tests.flows.run_kit import town as town

pytestmark = [pytest.mark.db, pytest.mark.slow]
UNIT, OTHER = "22492", "22495"
FORM = "Mã phiếu;Đơn vị;Ngày khảo sát;Công chức;Hài lòng chung;Cán bộ được đánh giá\n"
REVIEW = "Đơn vị;Tháng;Cán bộ, công chức;Điểm;Ngày đánh giá\n"
NAME = "Lê Thử Nghiệm"


def at(town: Town, moment: str, units: list[str] | None = None, **more: Any) -> dict[str, list[tuple[str, str, str]]]:
    """Judge the alerts as of a moment; returns what opened and what was resolved: (rule, unit, subject)."""
    town.at(moment)
    when = parse_moment(moment)
    with town.home.database.begin() as tx:
        found = evaluate(
            town.home, tx, when, scored=score_question(town.home, tx, question(when.year, as_of=when)), units=units, **more
        )
    return {name: [(row["rule"], row["unit_id"], row["subject"]) for row in found[name]] for name in ("opened", "resolved")}


def of(found: dict[str, list[tuple[str, str, str]]], rule: str) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Return (opened, resolved) of one rule as (unit, subject)."""
    return tuple([(unit, subject) for name, unit, subject in found[what] if name == rule] for what in ("opened", "resolved"))  # type: ignore[return-value]


def rows(town: Town, rule: str) -> list[dict[str, Any]]:
    with town.home.database.begin() as tx:
        return tx.rows("select * from alerts where rule = %(rule)s order by alert_id", {"rule": rule})


def kinds(town: Town) -> Counter[str]:
    with town.home.database.begin() as tx:
        return Counter(row["kind"] for row in tx.rows("select kind from events"))


def dossiers(late: int, in_time: int, start: int = 1) -> list[dict[str, str]]:
    """Return finished dossiers of February, due on the 13th."""
    return [dossier(start + n, 14 if n < late else 10) for n in range(late + in_time)]


def test_r19_overdue_opens_and_ends_once(town: Town) -> None:
    town.load("a", dossiers(1, 99), "2023-02-15T08:00:00")
    first = at(town, "2023-02-15T09:00:00")
    assert of(first, "overdue_rate") == ([(UNIT, "")], [])
    (row,) = rows(town, "overdue_rate")
    assert (row["state"], row["severity"], row["value"], row["threshold"]) == ("open", "critical", 0.01, 0.01)
    assert row["detail"]["dossiers"] == ["H32.22492-0001"] and (row["detail"]["numerator"], row["detail"]["denominator"]) == (
        1,
        100,
    )
    assert "Khoản 3" in row["detail"]["clause"].capitalize() or "khoản 3" in row["detail"]["clause"]
    for moment in ("2023-02-15T09:00:00", "2023-02-15T10:00:00", "2023-02-15T08:30:00"):
        assert of(at(town, moment), "overdue_rate") == ([], [])
    town.load("b", dossiers(0, 101, start=200), "2023-02-16T08:00:00")  # 1/201 = 0.498 %: clear, but not for a day
    assert of(at(town, "2023-02-16T09:00:00"), "overdue_rate") == ([], [])
    assert of(at(town, "2023-02-17T05:00:00"), "overdue_rate") == ([], [(UNIT, "")])
    assert of(at(town, "2023-02-17T06:00:00"), "overdue_rate") == ([], [])
    (row,) = rows(town, "overdue_rate")
    assert (row["state"], row["resolution"], row["value"]) == ("resolved", "cleared", 1 / 201)
    told = kinds(town)
    with town.home.database.begin() as tx:
        mine = [r["kind"] for r in tx.rows("select kind from events where ids ->> 'rule' = 'overdue_rate' order by event_id")]
    assert mine == ["threshold.breached", "threshold.cleared"] and told["threshold.breached"] >= 1


def test_r19_too_few_cases_and_no_data_say_nothing(town: Town) -> None:
    town.load("a", dossiers(3, 10), "2023-02-15T08:00:00")
    found = at(town, "2023-02-15T09:00:00")
    assert of(found, "overdue_rate") == ([], [])
    assert {unit for rule, unit, _ in found["opened"] if rule not in ("month_without_review",)} <= {UNIT, ""}


def test_r19_rates_open_on_the_second_night(town: Town) -> None:
    town.load("a", [dossier(2 * n, 10) for n in range(1, 40)], "2023-02-15T08:00:00")  # even numbers: all by hand
    assert of(at(town, "2023-02-15T01:00:00"), "online_rate") == ([], [])
    assert of(at(town, "2023-02-16T01:00:05"), "online_rate") == ([(UNIT, "")], [])
    assert rows(town, "online_rate")[0]["detail"]["provenance"] == "assumed"  # the province's figure was not found


def test_r19_only_the_communes_asked_about(town: Town) -> None:
    mine, theirs = (
        dossiers(5, 30),
        [row | {"unit_code": OTHER, "dossier_code": f"T-{n}"} for n, row in enumerate(dossiers(5, 30))],
    )
    town.load("a", mine + theirs, "2023-02-15T08:00:00")
    assert of(at(town, "2023-02-15T09:00:00", units=[OTHER]), "overdue_rate") == ([(OTHER, "")], [])
    assert of(at(town, "2023-02-15T09:30:00"), "overdue_rate") == ([(UNIT, "")], [])


def forms(days: list[int], unit: str = UNIT, name: str = "", month: int = 2) -> str:
    answer = "1" if name else "5"
    return FORM + "".join(
        f"P{unit}{month:02d}{d:02d}{bool(name):d};{unit};{d:02d}/{month:02d}/2023;{answer};{answer};{name}\n" for d in days
    )


def test_r19_days_without_forms(town: Town) -> None:
    days = [6, 7, 8, 9, 10, 13, 14, 15, 16, 17]  # working days of two weeks
    town.load("a", forms([d for d in days if d < 15]) + forms(days, OTHER).removeprefix(FORM), "2023-02-17T20:00:00", "survey")
    assert of(at(town, "2023-02-18T01:00:00"), "day_without_forms") == ([(UNIT, "")], [])
    (row,) = rows(town, "day_without_forms")
    assert row["value"] == 3 and row["detail"]["days"] == ["2023-02-15", "2023-02-16", "2023-02-17"]
    town.load("b", forms(days), "2023-02-18T08:00:00", "survey")
    assert of(at(town, "2023-02-18T09:00:00"), "day_without_forms") == ([], [(UNIT, "")])


def test_r19_months_without_review(town: Town) -> None:
    town.load("a", f"{REVIEW}{UNIT};01/2023;Công chức A;90;30/01/2023\n", "2023-02-01T08:00:00", "officer_review")
    assert of(at(town, "2023-03-10T01:00:00"), "month_without_review") == ([], [])
    assert of(at(town, "2023-03-11T01:00:00"), "month_without_review") == ([(UNIT, "2023-02")], [])
    text = f"{REVIEW}{UNIT};02/2023;Công chức A;90;12/03/2023\n"
    town.load("b", text, "2023-03-12T08:00:00", "officer_review")
    assert of(at(town, "2023-03-12T09:00:00"), "month_without_review") == ([], [(UNIT, "2023-02")])


def test_r19_the_name_complained_of_stays_in_the_forms(town: Town) -> None:
    town.load("a", forms([6], name=NAME), "2023-02-06T20:00:00", "survey")
    assert of(at(town, "2023-02-07T01:00:00"), "official_named_again") == ([], [])
    text = FORM + f"Q1;{UNIT};07/02/2023;1;1;{NAME.upper()}\n"
    town.load("b", text, "2023-02-07T20:00:00", "survey")
    opened, _ = of(at(town, "2023-02-08T01:00:00"), "official_named_again")
    assert [unit for unit, _ in opened] == [UNIT]
    with town.home.database.begin() as tx:
        for table in ("alerts", "events", "alert_messages"):
            text = json.dumps([row["t"] for row in tx.rows(f"select to_jsonb(x) as t from {table} as x")], ensure_ascii=False)
            assert "Thử Nghiệm" not in text and "thử nghiệm" not in text.casefold()


def test_r19_dossiers_due_soon(town: Town) -> None:
    town.load("a", [dossier(n) for n in range(1, 6)], "2023-02-07T08:00:00")  # open, due on Monday the 13th
    assert of(at(town, "2023-02-08T09:00:00"), "dossiers_due_soon") == ([], [])
    assert of(at(town, "2023-02-09T09:00:00"), "dossiers_due_soon") == ([(UNIT, "")], [])
    assert rows(town, "dossiers_due_soon")[0]["detail"]["dossier_count"] == 5
    town.load("b", [dossier(n, 9) for n in range(1, 4)], "2023-02-09T20:00:00")
    assert of(at(town, "2023-02-09T21:00:00"), "dossiers_due_soon") == ([], [(UNIT, "")])


def forecast(as_of: str, chance: float, rank: float) -> dict[str, Any]:
    return {
        "as_of": f"{as_of}+07:00",
        "good_grade": "Tốt",
        "communes": [{"unit_id": UNIT, "p_good": chance, "expected_rank": rank}],
    }


def test_r19_chance_of_the_good_grade_and_rank(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    from flows.steps.alert_sights import Sights

    town.load("a", dossiers(0, 10), "2023-02-15T08:00:00")
    first, low = forecast("2023-02-15T01:00:00", 0.49, 3.0), forecast("2023-02-22T01:00:00", 0.55, 5.0)
    at(town, "2023-02-16T01:00:00", forecast=first)
    assert of(at(town, "2023-02-16T21:00:00", forecast=first), "good_grade_unlikely") == ([(UNIT, "")], [])
    monkeypatch.setattr(Sights, "stored", lambda self, before: first)
    found = at(town, "2023-02-22T01:00:00", forecast=low)
    assert of(found, "rank_drop") == ([(UNIT, "")], [])  # two places worse than a week before
    assert of(found, "good_grade_unlikely") == ([], [])  # 55 % is no breach, and not clear either
    good = forecast("2023-02-23T01:00:00", 0.6, 4.4)
    at(town, "2023-02-23T01:00:00", forecast=good)
    found = at(town, "2023-02-24T01:00:00", forecast=good)
    assert of(found, "good_grade_unlikely") == ([], [(UNIT, "")]) and of(found, "rank_drop") == ([], [(UNIT, "")])


def test_r19_a_criterion_that_loses_points(town: Town) -> None:
    town.load("a", dossiers(0, 60), "2023-02-15T08:00:00")
    town.at("2023-02-15T09:00:00")
    town.publish("2023-02-15T09:00:00")
    assert of(at(town, "2023-02-20T09:00:00"), "criterion_losing") == ([], [])
    town.load("b", dossiers(4, 0, start=300), "2023-02-21T08:00:00")
    opened, _ = of(at(town, "2023-02-22T09:00:00"), "criterion_losing")
    assert (UNIT, "III.3") in opened
    town.at("2023-02-22T10:00:00")
    town.publish("2023-02-22T10:00:00")
    _, resolved = of(at(town, "2023-03-01T09:00:00"), "criterion_losing")
    assert (UNIT, "III.3") in resolved  # a week later it loses no more than a week before


def test_r19_a_source_that_is_silent(town: Town) -> None:
    theirs = [row | {"unit_code": OTHER, "dossier_code": f"T-{n}"} for n, row in enumerate(dossiers(0, 5))]
    town.load("a", dossiers(0, 5) + theirs, "2023-02-15T08:00:00")
    assert of(at(town, "2023-03-23T01:00:00"), "source_late") == ([], [])
    assert of(at(town, "2023-03-24T01:00:00"), "source_late") == ([("", "one_stop")], [])  # 46 days since 6 February
    assert kinds(town)["data.late"] == 1
    fresh = {"received_at": "24/03/2023 08:00:00", "due_at": "31/03/2023 17:00:00", "finished_at": "", "status": "Đang xử lý"}
    town.load("b", [dossier(900) | fresh], "2023-03-24T20:00:00")
    found = at(town, "2023-03-25T01:00:00")
    assert of(found, "source_late") == ([(OTHER, "one_stop")], [("", "one_stop")])  # now it is silent about one of them


def test_r19_a_rejected_file(town: Town) -> None:
    from flows.steps.files import Request, candidates
    from flows.steps.ingest import ingest_file

    town.at("2023-02-15T08:00:00")
    path = town.folder / "hong.xlsx"
    path.write_bytes(b"PK\x03\x04 not a workbook")
    request = Request(candidates(town.home, None), None, parse_moment("2023-02-15T08:00:00"))
    assert ingest_file(town.home, path, request, town.gate).status == "rejected"
    opened, _ = of(at(town, "2023-02-15T09:00:00"), "file_rejected")
    assert len(opened) == 1 and rows(town, "file_rejected")[0]["detail"]["file"] == "hong.xlsx"
    assert of(at(town, "2023-03-01T08:00:00"), "file_rejected") == ([], [])
    _, resolved = of(at(town, "2023-03-01T08:00:01"), "file_rejected")
    assert resolved == opened and rows(town, "file_rejected")[0]["resolution"] == "settled"


def test_r19_a_missed_night(town: Town) -> None:
    from warehouse import chain, events

    town.at("2023-02-14T20:00:00")
    began = parse_moment("2023-02-14T20:00:00")
    with town.home.database.begin() as tx:
        events.log_work(tx, "desk", "", began, 0.0, "done", {})
    assert of(at(town, "2023-02-15T01:24:59"), "night_missed") == ([], [])
    assert of(at(town, "2023-02-15T01:25:00"), "night_missed") == ([("", "2023-02-15")], [])
    assert kinds(town)["night.missed"] == 1
    done = parse_moment("2023-02-15T08:00:00")
    with town.home.database.begin() as tx:
        chain.record_night(tx, done, done, done, "x", "done", {})
    assert of(at(town, "2023-02-15T08:00:00"), "night_missed") == ([], [("", "2023-02-15")])
    assert rows(town, "night_missed")[0]["resolution"] == "made_up"


def test_r19_a_missed_commitment(town: Town) -> None:
    head = "Mã nhiệm vụ;Đơn vị;Chương trình;Nội dung nhiệm vụ;Ngày giao;Hạn hoàn thành;Ngày hoàn thành\n"
    late = f"NV1;{UNIT};CTr 12823/CTr-UBND;Một;05/01/2023;10/02/2023;12/02/2023\n"
    town.load("a", head + late.replace("12/02/2023\n", "\n"), "2023-02-09T08:00:00", "tasks")
    assert of(at(town, "2023-02-09T09:00:00"), "commitment_missed") == ([], [])
    town.load("b", head + late, "2023-02-13T08:00:00", "tasks")
    assert of(at(town, "2023-02-14T01:00:00"), "commitment_missed") == ([(UNIT, "tb_dai_lanh_2023:tasks")], [])
    (row,) = rows(town, "commitment_missed")
    assert row["detail"]["label"] and "khoản" in row["detail"]["clause"].casefold() and row["owner"]


def test_r19_the_year_ends_and_rules_go(town: Town) -> None:
    town.load("a", dossiers(5, 30), "2023-02-15T08:00:00")
    at(town, "2023-12-31T01:00:00")
    assert of(at(town, "2024-01-01T01:00:00"), "overdue_rate") == ([], [(UNIT, "")])
    assert rows(town, "overdue_rate")[0]["resolution"] == "year_over"


def test_r19_a_rule_switched_off_or_changed_here(town: Town) -> None:
    town.load("a", dossiers(5, 95), "2023-02-15T08:00:00")
    settings = settings_file(town.home)
    try:
        settings.write_text("rules:\n  overdue_rate: {threshold: 0.06}\n", encoding="utf-8")
        assert of(at(town, "2023-02-15T09:00:00"), "overdue_rate") == ([], [])
        settings.write_text("rules:\n  overdue_rate: {threshold: 0.05}\n", encoding="utf-8")
        assert of(at(town, "2023-02-15T10:00:00"), "overdue_rate") == ([(UNIT, "")], [])
        assert rows(town, "overdue_rate")[0]["detail"].get("clause") is None  # the threshold is not the notice's
        settings.write_text("rules:\n  overdue_rate: {enabled: false}\n", encoding="utf-8")
        assert of(at(town, "2023-02-15T11:00:00"), "overdue_rate") == ([], [(UNIT, "")])
        assert rows(town, "overdue_rate")[0]["resolution"] == "disabled"
    finally:
        settings.unlink()


def test_r19_rolled_back_or_judged_twice_at_once(town: Town) -> None:
    town.load("a", dossiers(5, 30), "2023-02-15T08:00:00")
    town.at("2023-02-15T09:00:00")
    when = parse_moment("2023-02-15T09:00:00")

    class Crash(Exception):
        pass

    with pytest.raises(Crash), town.home.database.begin() as tx:
        evaluate(town.home, tx, when)
        raise Crash
    assert rows(town, "overdue_rate") == [] and kinds(town)["threshold.breached"] == 0
    opened: list[str] = []

    def judge() -> None:
        with town.home.database.begin() as tx:
            opened.extend(row["rule"] for row in evaluate(town.home, tx, when)["opened"])

    threads = [threading.Thread(target=judge) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Counter(opened)["overdue_rate"] == 1 and len(rows(town, "overdue_rate")) == 1


def test_r19_a_moment_ahead_of_the_clock_does_not_silence_the_rules(town: Town) -> None:
    town.load("a", dossiers(5, 30), "2023-02-15T08:00:00")
    town.at("2023-02-15T09:00:00")
    with town.home.database.begin() as tx:
        evaluate(town.home, tx, parse_moment("2023-12-31"))
    with town.home.database.begin() as tx:
        marked = tx.scalar("select max(evaluated_at) from alert_marks")
    assert marked == parse_moment("2023-02-15T09:00:00")
    assert date(2023, 2, 15) + timedelta(0) == marked.astimezone(parse_moment("2023-02-15").tzinfo).date()
