"""A district analyst's afternoon on the command line: fork the night's index, move a weight, override a point, compare, submit;
somebody else approves; the log tells it all, and a tampered log is found out."""

from __future__ import annotations

import json
from typing import Any

from tests.e2e.kit import NO_PICTURES, Answer, Cchc, dossier, write_csv

NIGHT, DAY = "2024-01-09T22:00:00", "2024-01-10T14:00:00"
ANALYST, HEAD = "Chuyên viên A", "Trưởng phòng B"
#: commune → (late of 100 dossiers, online ones)
COMMUNES = {"UBND xã Đại Lãnh": (3, 20), "UBND xã Vạn Phước": (2, 25), "UBND xã Vạn Thọ": (0, 60)}


def _district(cchc: Cchc) -> None:
    lines = [
        dossier(
            n, late=n < late, code=f"H32.{k}-230301-{n:04d}",
            **{"Cơ quan/đơn vị": unit, "Hình thức nộp": "Trực tuyến" if n < online else "Trực tiếp"},
        )
        for k, (unit, (late, online)) in enumerate(COMMUNES.items())
        for n in range(100)
    ]  # fmt: skip
    cchc.home.joinpath("inbox").mkdir(parents=True, exist_ok=True)
    write_csv(cchc.home / "inbox" / "t3.csv", lines)


def _run_bytes(cchc: Cchc, run: int) -> str:
    ((text,),) = cchc.query(f"select score_runs::text from score_runs where run_id = {run}")
    return str(text)


def _ok(answer: Answer) -> Any:
    assert answer.status == 0, answer.err
    return answer.json


def _refused(answer: Answer, code: str) -> str:
    assert answer.status == 2, (answer.status, answer.out)
    assert answer.json["error"]["code"] == code, answer.out
    return str(answer.json["error"]["message"])


def test_an_afternoon(cchc: Cchc) -> None:
    _district(cchc)
    night = _ok(cchc("nightly", "--as-of", "2023-12-31", "--json", clock=NIGHT, env=NO_PICTURES))
    base = night["run"]["run"]
    before = _run_bytes(cchc, base)
    ranks = {row["commune"]: row["rank"] for row in night["score"]["communes"] if row["rank"]}
    assert ranks == {"22504": 1, "22495": 2, "22492": 3}

    def scenario(*words: object, by: str | None = ANALYST) -> Answer:
        who = ("--by", by) if by else ()
        return cchc("scenario", *words, *who, "--json", clock=DAY)

    # Fork the published run; move a weight and keep the total.
    made = _ok(scenario("new", "Trọng số quý 1", "--from-run", base, "--note", "theo góp ý của hội đồng"))
    assert made["scenario"]["state"] == "draft"
    weights = _ok(scenario("set", "Trọng số quý 1", "--keep-total", "weight:VII.1=9"))["weights"]
    assert weights["total_kept"] and weights["moved_points"] == 4
    _refused(scenario("set", "Trọng số quý 1", "weight:VII.9=9"), "bad_change")

    # Override one point with evidence, and note what the commune says.
    cell = ("--commune", "22492", "--criterion", "III.3")
    reason = ("--reason-code", "data_error", "--text", "Hai hồ sơ bị phần mềm ghi nhầm ngày")
    assert "minh chứng" in _refused(scenario("override", "Trọng số quý 1", *cell, "--points", "7.5", *reason), "missing_text")
    evidence = ("--evidence", "Công văn 15/CV ngày 05/01/2024")
    _ok(scenario("override", "Trọng số quý 1", *cell, "--points", "7,5", *reason, *evidence))
    said = ("--text", "Máy chủ dừng hai ngày", "--evidence", "Biên bản 02")
    _ok(scenario("explanation", "Trọng số quý 1", *cell, *said, by="Xã Đại Lãnh"))

    # Compare: who gains, who loses, which pair turns.
    compared = _ok(scenario("compare", "Trọng số quý 1", by=None))
    rows = {row["commune"]: row for row in compared["communes"]}
    assert compared["against"]["reproduced"] and compared["weights"]["total_kept"]
    assert rows["22492"]["rank_change"] == 1 and compared["flip_count"] == 1
    assert [(flip["was_above"], flip["now_above"]) for flip in compared["flips"]] == [("22495", "22492")]
    people = cchc("scenario", "compare", "Trọng số quý 1", clock=DAY)
    assert people.status == 0 and "Đại Lãnh vượt lên trên Vạn Phước" in people.out
    review = cchc("scenario", "review", "Trọng số quý 1", "--commune", "22492", clock=DAY)
    assert review.status == 0 and "7,50" in review.out and "Máy chủ dừng" in review.out.replace("\n", " ")

    # Hand in; not oneself, however one writes one's name; somebody else approves; publish.
    _ok(scenario("submit", "Trọng số quý 1"))
    for name in (ANALYST, "chuyen vien a", "XÃ ĐẠI LÃNH"):
        _refused(scenario("approve", "Trọng số quý 1", by=name), "self_approval")
    _refused(scenario("set", "Trọng số quý 1", "weight:VII.1=5"), "wrong_state")
    assert _ok(scenario("approve", "Trọng số quý 1", by=HEAD))["scenario"]["approved_by"] == HEAD
    run = _ok(scenario("publish", "Trọng số quý 1", by=HEAD))["run"]["run"]
    assert run != base and _run_bytes(cchc, base) == before
    again = _ok(cchc("score", "rebuild", run, "--json", clock=DAY))
    assert again["status"] == "identical"

    # What moved the index, in words: nothing was appraised before.
    moved = cchc("score", "compare", str(base), str(run), clock=DAY)
    assert moved.status == 0 and "Trọng số quý 1" in moved.out and "None" not in moved.out

    # The log tells it all.
    log = _ok(cchc("audit", "list", "--scenario", "Trọng số quý 1", "--json", clock=DAY))["entries"]
    assert [(entry["action"].removeprefix("scenario."), entry["actor"]) for entry in log] == [
        ("new", ANALYST), ("set", ANALYST), ("override", ANALYST), ("explanation", "Xã Đại Lãnh"), ("submit", ANALYST),
        ("approve", HEAD), ("publish", HEAD),
    ]  # fmt: skip
    everything = _ok(cchc("audit", "list", "--json", clock=DAY))["entries"]
    published = [entry["subject"] for entry in everything if entry["action"] == "score.publish"]
    assert published == [f"run:{base}", f"run:{run}"]
    assert cchc("audit", "list", clock=DAY).status == 0
    whole = _ok(cchc("audit", "verify", "--json", clock=DAY))
    assert whole["intact"] and whole["entries"] == len(everything) == 10  # the night's score and forecast, seven deeds, one run

    # Somebody with the database's own rights makes the analyst's override another's.
    number = next(entry["seq"] for entry in log if entry["action"] == "scenario.override")
    cchc.query("alter table audit_log disable trigger user")
    cchc.query(f"update audit_log set actor = 'Công chức Z' where seq = {number}")
    cchc.query("alter table audit_log enable trigger user")
    found = cchc("audit", "verify", "--json", clock=DAY)
    assert found.status == 3 and (found.json["intact"], found.json["broken"]) == (False, number)
    told = cchc("audit", "verify", clock=DAY)
    assert told.status == 3 and f"mục số {number}" in " ".join(told.out.split())

    # Cutting the end is found, too: the heads lie outside the database.
    cchc.query("alter table audit_log disable trigger user")
    cchc.query(f"update audit_log set actor = '{ANALYST}' where seq = {number}")
    cchc.query("alter table audit_log enable trigger user")
    assert cchc("audit", "verify", "--json", clock=DAY).status == 0
    cchc.query("alter table audit_log disable trigger user")
    cchc.query("delete from audit_log where seq = 10")
    cut = cchc("audit", "verify", "--json", clock=DAY)
    assert cut.status == 3 and (cut.json["broken"], cut.json["what"]) == (10, "cut")
    assert json.dumps(cut.json)
