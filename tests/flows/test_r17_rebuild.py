"""R17: every published score comes out again to the digit, whatever has happened since."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, datetime
from typing import Any

import pytest

import criteria
from flows.steps import rebuild as steps
from flows.steps import runs
from flows.steps.home import Home, parse_moment
from flows.steps.measure import question
from flows.steps.rebuild import rebuild, verify
from flows.steps.score import digest_of
from scoring import intervals
from tests.flows.run_kit import OWN, PROCEDURES, UNITS, Town, calendar_without, dossier, edit
from tests.flows.run_kit import town as town

pytestmark = [pytest.mark.db, pytest.mark.slow]
SURVEY = """Mã phiếu;Đơn vị;Ngày khảo sát;Tiếp cận dịch vụ;Thủ tục hành chính;Công chức;Kết quả;Góp ý, phản ánh;Hài lòng chung
KS1;22492;03/02/2023;5;5;5;5;5;5
KS2;22495;03/02/2023;4;2;4;4;4;4
"""


def life(town: Town) -> list[int]:
    """Publish through a spring: first files, corrections, another definition, an edited set, another calendar."""
    found = []
    town.at("2023-02-20T08:00:00")
    town.load("thu-tuc", PROCEDURES, "2023-02-01T08:00:00", "procedures")
    town.load("t2", [dossier(n, 10 + n % 6, unit) for unit in UNITS for n in range(1, 9)], "2023-02-20T07:00:00")
    found.append(town.publish("2023-02-14"))
    town.at("2023-03-05T08:00:00")
    town.load("phieu", SURVEY, "2023-03-01T08:00:00", "survey")
    without_due = [dossier(20 + n, 10 + n, due_at="", procedure_code="P5") for n in range(1, 5)]
    town.load("t2-sua", [*(dossier(n, 10 + n % 3) for n in range(1, 5)), *without_due], "2023-03-05T07:00:00")
    found += [town.publish("2023-02-28"), town.publish("2023-02-28", definition="opencps")]
    folder = town.own_set()
    found.append(town.publish("2023-02-28", OWN))
    edit(folder / "set.yaml", "total: 100", "total: 100 # bản sửa")
    criterion = folder / "section_3.yaml"
    text = criterion.read_text(encoding="utf-8")
    criterion.write_text(text.replace("max_points: 8", "max_points: 7", 1), encoding="utf-8")
    found.append(town.publish("2023-02-28", OWN))
    with calendar_without(town.home, date(2023, 2, 9), date(2023, 2, 10)):
        found.append(town.publish("2023-02-28"))
    assert len(set(found)) == 6
    return found


def test_r17_every_run_comes_out_again(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    found = life(town)
    town.at("2023-06-01T08:00:00")
    # New, corrected and late files; one claims to be older than the first publication.
    town.load("t5", [dossier(50 + n, 20, unit) for unit in UNITS for n in range(6)], "2023-06-01T07:00:00")
    town.load("t2-sua-lai", [dossier(n, 27) for n in range(1, 9)], "2023-05-30T07:00:00")
    town.load("den-muon", [dossier(n, 18) for n in range(1, 9)] + [dossier(90, 18)], "2023-02-19T07:00:00")
    town.load("thu-tuc-moi", PROCEDURES.replace(";5\n", ";2\n"), "2023-02-10T08:00:00", "procedures")
    for path in sorted((town.home.criteria / OWN).iterdir()):
        path.unlink()
    (town.home.criteria / OWN).rmdir()
    known = criteria.load_definitions
    monkeypatch.setattr(criteria, "load_definitions", lambda *a: _moved_on(known(*a)))
    stricter = replace(intervals.load_judgement(), too_few_below=999)
    monkeypatch.setattr(intervals, "load_judgement", lambda: stricter)
    with calendar_without(town.home, date(2023, 2, 8)):
        checked = verify(town.home)
    assert [entry["run"]["run"] for entry in checked["runs"]] == found
    assert {entry["run"]["run"]: (entry["status"], entry["reason"]) for entry in checked["runs"]} == dict.fromkeys(
        found, ("identical", None)
    )
    assert checked["bad"] == [] and checked["checked"] == 6
    assert all(entry["stored_digest"] == entry["rebuilt_digest"] for entry in checked["runs"])
    assert len({entry["stored_digest"] for entry in checked["runs"]}) > 3


def _moved_on(known: Any) -> Any:
    """The definitions with another default, as a later version of the file may have."""
    return replace(known, default="ii06")


def test_r17_as_of_and_known_at_give_the_published_figures(town: Town) -> None:
    """`cchc score --as-of … --known-at …` after later files, for every run whose rules and calendar are still there."""
    found = life(town)
    town.at("2023-06-01T08:00:00")
    town.load("t2-sua-lai", [dossier(n, 27) for n in range(1, 9)], "2023-05-30T07:00:00")
    with town.home.database.begin() as tx:
        stored = [runs.run_of(tx, run) for run in found]
    for run in (stored[0], stored[1], stored[2], stored[4]):
        recipe = run["recipe"]
        asked = recipe["question"]
        document = town.score(
            asked["as_of"], datetime.fromisoformat(recipe["known_at"]), recipe["criteria_set"], asked["definition"]
        )  # fmt: skip
        assert digest_of(document["communes"]) == run["result_digest"]
    now_known = town.score(stored[1]["recipe"]["question"]["as_of"], parse_moment("2023-06-01T08:00:00"))
    assert digest_of(now_known["communes"]) != stored[1]["result_digest"]


def test_r17_a_file_that_claims_to_be_older_is_left_out_exactly(town: Town) -> None:
    """Without leaving it out the figures would differ: known-at alone does not know when a file really came."""
    run = life(town)[0]
    town.at("2023-06-01T08:00:00")
    town.load("den-muon", [dossier(n, 18) for n in range(1, 9)], "2023-02-19T07:00:00")
    town.load("den-muon-hon", [dossier(n, 12) for n in range(1, 9)], "2023-02-20T07:30:00")
    with town.home.database.begin() as tx:
        stored = runs.run_of(tx, run)
    recipe = stored["recipe"]
    naive = town.score(recipe["question"]["as_of"], datetime.fromisoformat(recipe["known_at"]))
    assert digest_of(naive["communes"]) != stored["result_digest"]
    assert rebuild(town.home, run)["status"] == "identical"


def test_r17_the_monthly_evaluation_of_officials(town: Town) -> None:
    """Officials are subjects too: several lines of one commune, each its own."""
    town.at("2023-03-01T08:00:00")
    rows = [dossier(n, 10 + n % 6, unit, officer=f"Công chức {'AB'[n % 2]}") for unit in UNITS for n in range(1, 9)]
    town.load("t2", rows, "2023-03-01T07:00:00")
    run = town.publish("2023-02-28", "one_stop_official", month=2)
    town.at("2023-06-01T08:00:00")
    town.load("t2-sua", [dossier(n, 11, officer="Công chức A") for n in range(1, 9)], "2023-06-01T07:00:00")
    found = rebuild(town.home, run)
    assert (found["status"], found["run"]["month"]) == ("identical", 2)
    again = town.publish("2023-02-28", "one_stop_official", month=2)
    with town.home.database.begin() as tx:
        stored, later = (runs.run_of(tx, number)["result"]["communes"] for number in (run, again))
    gaps = steps.differences(stored, later)
    assert len(stored) == 6 and {gap["officer"] for gap in gaps} >= {"Công chức A", "Công chức B"}


def test_the_stored_calendar_counts_and_not_the_one_of_today(town: Town) -> None:
    """Five working days from Monday 6 February end on the 13th, but on the 15th when nobody works on the 9th and 10th."""
    home = town.home
    town.at("2023-03-05T08:00:00")
    town.load("thu-tuc", PROCEDURES, "2023-02-01T08:00:00", "procedures")
    town.load("t2", [dossier(1, 14, due_at="")], "2023-03-01T08:00:00")

    def late(calendar: dict[str, Any]) -> int:
        with home.database.begin() as tx:
            past = steps.past_of(home, tx, runs.run_of(tx, run)["recipe"])
        scored = steps.scored_again(home, replace(past, calendar=calendar))
        frame = scored.measures
        (numerator,) = frame[(frame["commune"] == "22492") & (frame["measure"] == "overdue_rate")]["numerator"]
        return int(numerator)

    run = town.publish("2023-02-28")
    today = runs.calendar_content(home)
    shorter = today | {"exceptions": sorted({*today["exceptions"], "2023-02-09", "2023-02-10"})}
    assert late(today) == 1
    assert late(shorter) == 0
    with home.database.begin() as tx:
        assert tx.scalar("select is_working from calendar_days where day = '2023-02-09'")
    with calendar_without(home, date(2023, 2, 9), date(2023, 2, 10)):
        run = town.publish("2023-02-28")
        assert late(shorter) == 0 and late(today) == 1


def test_a_tampered_run_is_found(town: Town) -> None:
    found = life(town)
    first, second, third, fourth, fifth, sixth = found
    town.query(f"update score_runs set result = jsonb_set(result, '{{communes,0,total}}', '99.99') where run_id = {first}")
    town.query(f"update score_runs set recipe = jsonb_set(recipe, '{{code}}', '\"000000000000\"') where run_id = {second}")
    town.query(
        "update recipe_parts set content = replace(content::text, '7', '6')::json where kind = 'criteria' "
        f"and digest = (select recipe ->> 'criteria_hash' from score_runs where run_id = {fifth})"
    )
    town.query(
        "delete from recipe_parts where kind = 'calendar' "
        f"and digest = (select recipe -> 'parts' ->> 'calendar' from score_runs where run_id = {sixth})"
    )
    checked = verify(town.home)
    assert {entry["run"]["run"]: entry["status"] for entry in checked["runs"]} == {
        first: "tampered", second: "tampered", third: "identical", fourth: "identical", fifth: "tampered", sixth: "lost",
    }  # fmt: skip
    assert checked["bad"] == [first, second, fifth, sixth]
    reasons = {entry["run"]["run"]: entry["reason"] for entry in checked["runs"]}
    assert "Kết quả" in reasons[first] and "Công thức" in reasons[second]
    assert "Bộ tiêu chí" in reasons[fifth] and "Lịch làm việc" in reasons[sixth]


def test_a_forged_result_differs_from_the_facts(town: Town) -> None:
    run = life(town)[0]
    town.query(f"update score_runs set result = jsonb_set(result, '{{communes,0,criteria,0,points}}', '77') where run_id = {run}")
    with town.home.database.begin() as tx:
        forged = digest_of(runs.run_of(tx, run)["result"]["communes"])
    town.query(f"update score_runs set result_digest = '{forged}' where run_id = {run}")
    found = rebuild(town.home, run)
    assert found["status"] == "different" and found["difference_count"] == 1
    (gap,) = found["differences"]
    assert (gap["field"], gap["stored"]) == ("points", 77) and gap["criterion"] is not None


def test_runs_of_before_parts_were_stored(town: Town) -> None:
    """An old run comes out again while set, calendar and units are still those; else what is gone is named."""
    run = life(town)[0]
    with town.home.database.begin() as tx:
        old = {key: value for key, value in runs.run_of(tx, run)["recipe"].items() if key not in ("parts", "loads")}
        old["question"] = {key: old["question"][key] for key in ("year", "month", "as_of", "definition")}
    town.query("delete from recipe_parts")
    text = json.dumps(old).replace("'", "''")
    town.query(
        f"update score_runs set recipe = '{text}'::jsonb, recipe_digest = '{runs.recipe_digest(old)}' where run_id = {run}"
    )
    assert rebuild(town.home, run)["status"] == "identical"
    with calendar_without(town.home, date(2023, 2, 8)):
        found = rebuild(town.home, run)
    assert found["status"] == "lost" and "Lịch làm việc" in found["reason"]


def test_rebuilding_leaves_nothing_behind(town: Town) -> None:
    run = life(town)[5]
    tables = ("score_runs", "recipe_parts", "mart_state", "calendar_days", "loads", "dossiers_facts")

    def sizes() -> list[int]:
        with town.home.database.begin() as tx:
            return [int(tx.scalar(f"select count(*) from {table}")) for table in tables] + [
                int(tx.scalar("select count(*) from pg_class where relpersistence = 't' and relkind = 'r'"))
            ]

    before = sizes()
    assert rebuild(town.home, run)["status"] == "identical"
    assert sizes() == before


def test_the_application_cannot_change_what_is_published(town: Town) -> None:
    life(town)
    for statement in (
        "update recipe_parts set content = '{}'",
        "delete from recipe_parts",
        "update score_runs set origin = 'demo'",
    ):
        with pytest.raises(Exception, match="permission denied"), town.home.database.begin() as tx:
            tx.execute(statement)


def test_every_table_of_facts_is_held_while_a_score_is_published() -> None:
    from sources.canonical import TABLES
    from warehouse import runs as stored

    assert set(stored.TABLES) == set(TABLES)


def test_question_and_ranges_survive_storage() -> None:
    for numbers in ([], [3], [1, 2, 3, 7, 9, 10]):
        assert runs.numbers(runs.ranges(numbers)) == numbers
    assert runs.ranges([1, 2, 3, 7]) == "1-3,7"
    asked = question(2023, month=5, as_of=parse_moment("2023-05-20"), known_at=parse_moment("2023-06-01"), definition="ii06")
    recipe = {"question": runs.question_json(asked), "known_at": "2023-06-01T16:59:59+00:00"}
    again = runs.question_from(recipe)
    assert again == asked and again.last_day == asked.last_day


def test_the_calendar_survives_storage(installation: Home) -> None:
    days = runs.calendar_days(runs.calendar_content(installation))
    assert len(days) == 7670 and all(works == installation.calendar.is_working(day) for day, works in days)
