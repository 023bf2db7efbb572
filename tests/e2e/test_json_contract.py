"""The documents that scripts read: fields, counts, exit statuses, one document on stdout and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.e2e.kit import CLOCK, Answer, Cchc, dossier, measure, write_csv

INGEST = {
    "path", "sha256", "source", "contract", "status", "rows_read", "rows_accepted", "rows_quarantined", "rows_unchanged", "reason",
    "message", "quarantine",
}  # fmt: skip
MEASURE = {"commune", "year", "month", "measure", "numerator", "denominator", "value"}
SCORE = {"criteria_set", "criteria_hash", "definition", "as_of", "communes"}
COMMUNE = {"commune", "name", "total", "max_scored", "max_total", "grade", "rank", "peers", "criteria"}
CRITERION = {"code", "status", "points", "max_points", "measure", "value", "numerator", "denominator", "lost", "reason", "clause"}
EXPLAIN = {"commune", "year", "total", "lost", "items"}
ITEM = {"code", "lost", "reason", "clause", "owner", "dossiers", "dossier_count", "to_recover"}
NAMES = {
    "received", "resolved", "overdue_rate", "online_rate", "postal_rate", "online_payment_rate", "digitised_rate", "satisfaction_index",
    "survey_day_coverage", "officer_review_months", "task_completion", "initiatives",
}  # fmt: skip
MARKS = re.compile(r"[àáạảãăắằặẳẵâấầậẩẫèéẹẻẽêếềệểễìíịỉĩòóọỏõôốồộổỗơớờợởỡùúụủũưứừựửữỳýỵỷỹđ]", re.IGNORECASE)


@pytest.fixture(scope="module")
def loaded(cchc: Cchc, tmp_path_factory: pytest.TempPathFactory) -> Answer:
    """A folder of one good file with two bad rows and a repeat, its twin under another name, and a file that is no export."""
    folder = tmp_path_factory.mktemp("xuat")
    lines = [dossier(n, late=n <= 2) for n in range(1, 9)]
    lines.append(lines[0])
    lines += [
        dossier(20, **{"Ngày kết thúc xử lý": "01/01/2023 08:00:00"}),
        dossier(21, **{"Cơ quan/đơn vị": "UBND xã Không Có"}),
    ]
    write_csv(folder / "thang3.csv", lines)
    (folder / "thang3-ban-sao.csv").write_bytes((folder / "thang3.csv").read_bytes())
    (folder / "ghi-chu.txt").write_text("Đây không phải bảng dữ liệu.\n", encoding="utf-8")
    return cchc("ingest", folder, "--json")


def test_ingest_document(loaded: Answer) -> None:
    assert loaded.status == 3
    assert loaded.out.count("\n") == 1 and list(loaded.json) == ["files"]
    files = {Path(file["path"]).name: file for file in loaded.json["files"]}
    assert {name: file["status"] for name, file in files.items()} == {
        "thang3.csv": "loaded", "thang3-ban-sao.csv": "duplicate", "ghi-chu.txt": "rejected",
    }  # fmt: skip
    for file in files.values():
        assert INGEST <= set(file)
        assert file["rows_read"] == file["rows_accepted"] + file["rows_quarantined"]
        assert re.fullmatch(r"[0-9a-f]{64}", file["sha256"])
    good, bad = files["thang3.csv"], files["ghi-chu.txt"]
    assert (good["rows_read"], good["rows_accepted"], good["rows_quarantined"], good["rows_unchanged"]) == (11, 9, 2, 1)
    assert good["reason"] is None and good["message"] is None and (good["source"], good["contract"]) == ("one_stop", "one_stop")
    assert good["quarantine"] == [
        {"row": 11, "column": "Ngày kết thúc xử lý", "rule": "not_before", "key": "H32.99.02-230301-0020"},
        {"row": 12, "column": "Cơ quan/đơn vị", "rule": "unknown_unit", "key": "H32.99.02-230301-0021"},
    ]
    assert re.fullmatch(r"[a-z_]+", bad["reason"]) and MARKS.search(bad["message"]) and bad["message"].count("\n") == 0


def test_quarantined_rows_alone_leave_the_status_at_0(cchc: Cchc, files: Path, loaded: Answer) -> None:
    answer = cchc(
        "ingest",
        write_csv(files / "mot-dong-sai.csv", [dossier(30, month=4), dossier(31, month=4, **{"Ngày tiếp nhận": "không rõ"})]),
    )
    assert answer.status == 0
    assert "dòng 3" in answer.out and "Ngày tiếp nhận" in answer.out and "đã nạp" in answer.out


def test_measures_document(cchc: Cchc, loaded: Answer) -> None:
    answer = cchc("measures", "--year", 2023, "--month", 3, "--json")
    assert answer.status == 0
    document = answer.json
    assert {"as_of", "definition", "measures"} <= set(document) and document["definition"] == "qd766"
    assert document["as_of"].startswith("2023-03-31T23:59:59")
    for row in document["measures"]:
        assert MEASURE <= set(row) and row["month"] == 3
    assert NAMES <= {row["measure"] for row in document["measures"]}
    assert measure(document, "received") == (8, None)
    assert measure(document, "overdue_rate") == (2, 8)
    assert measure(document, "satisfaction_index") == (None, None)
    assert cchc("measures", "--year", 2023, "--json").json["measures"][0]["month"] is None


def test_score_document(cchc: Cchc, loaded: Answer) -> None:
    document = cchc("score", "--year", 2023, "--json").json
    assert SCORE <= set(document) and len(document["communes"]) == 13
    known = {"scored", "not_applicable", "no_data", "not_yet_in_force", "needs_review"}
    for commune in document["communes"]:
        assert COMMUNE <= set(commune)
        for line in commune["criteria"]:
            assert CRITERION <= set(line) and line["status"] in known and line["clause"]
            if line["status"] == "scored":
                assert (
                    round(line["max_points"] * 100) == round(line["points"] * 100) + round(line["lost"] * 100)
                    or line["kind"] != "base"
                )
            if line["status"] == "no_data":
                assert line["points"] is None and line["lost"] is None and line["reason"]


def test_explain_document(cchc: Cchc, loaded: Answer) -> None:
    document = cchc("explain", "--commune", "22492", "--year", 2023, "--criterion", "III.3", "--json").json
    assert EXPLAIN <= set(document) and (document["commune"], document["year"]) == ("22492", 2023)
    (item,) = document["items"]
    assert ITEM <= set(item) and item["code"] == "III.3"
    assert sorted(item["dossiers"]) == ["H32.99.02-230301-0001", "H32.99.02-230301-0002"] and item["dossier_count"] == 2
    by_name = cchc("explain", "--commune", "xã đại lãnh", "--year", 2023, "--json").json
    assert by_name["commune"] == "22492"
    for each in by_name["items"]:
        assert ITEM <= set(each)


def test_people_get_tables_and_no_json(cchc: Cchc, loaded: Answer) -> None:
    for words in (
        ("measures", "--year", 2023, "--commune", "22492"), ("score", "--year", 2023),
        ("explain", "--commune", "22492", "--year", 2023), ("quarantine", "list"), ("contract", "list"),
    ):  # fmt: skip
        answer = cchc(*words)
        assert answer.status == 0 and not answer.out.lstrip().startswith("{") and MARKS.search(answer.out), words
        assert "nan" not in answer.out.lower().split() and "None" not in answer.out, words


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("ingest", "khong-co-tep-nay.csv"), "not_found"),
        (("ingest",), "usage"),
        (("ingest", ".", "--contract", "khong-co.yaml"), "no_contract"),
        (("ingest", ".", "--unit", "99999"), "unknown_commune"),
        (("ingest", ".", "--received-at", "hôm qua"), "bad_time"),
        (("measures", "--year", "2023", "--definition", "abc"), "unknown_definition"),
        (("measures", "--year", "2023", "--commune", "Xã Mộng Mơ"), "unknown_commune"),
        (("measures", "--year", "2023", "--month", "13"), "bad_month"),
        (("measures", "--year", "hai nghìn"), "usage"),
        (("measures", "--year", "1900"), "bad_year"),
        (("measures",), "usage"),
        (("score", "--year", "2023", "--as-of", "31/12/2023"), "bad_time"),
        (("score", "--year", "2023", "--known-at", "2023-13-01"), "bad_time"),
        (("score", "--year", "2023", "--criteria", "bo-khac"), "unknown_criteria"),
        (("score", "--year", "2030", "--as-of", "2023-06-30"), "period_not_begun"),
        (("explain", "--commune", "22492", "--year", "2023", "--criterion", "XX.9"), "unknown_criterion"),
        (("explain", "--year", "2023"), "usage"),
        (("nightly", "--as-of", "mai"), "bad_time"),
        (("quarantine", "export", "ffff", "ra.xlsx"), "unknown_file"),
        (("quarantine", "export", "ffff", "ra.csv"), "bad_target"),
        (("quarantine", "close", "999999", "--reason", "thử"), "unknown_entry"),
        (("contract", "sniff", "khong-co.xlsx"), "not_found"),
        (("bay",), "usage"),
        (("score", "--khong-co"), "usage"),
    ],
)  # fmt: skip
def test_callers_faults_are_status_2_with_one_vietnamese_sentence(cchc: Cchc, words: tuple[str, ...], code: str) -> None:
    answer = cchc(*words, "--json")
    assert answer.status == 2, answer.err
    assert set(answer.json["error"]) >= {"code", "message"} and answer.json["error"]["code"] == code
    assert MARKS.search(answer.json["error"]["message"]) and answer.json["error"]["message"] in answer.err


def test_an_unknown_definition_lists_the_known_ones(cchc: Cchc) -> None:
    message = cchc("measures", "--year", 2023, "--definition", "x", "--json").json["error"]["message"]
    assert all(name in message for name in ("qd766", "provincial_766", "ii06", "opencps"))
    plain = cchc("measures", "--year", 2023, "--definition", "x")
    assert plain.status == 2 and plain.out == "" and "opencps" in plain.err


def test_a_dead_database_is_status_1(cchc: Cchc) -> None:
    url = {"CCHC_DATABASE_URL": "postgresql+psycopg2://ai:mat-khau-bi-mat@127.0.0.1:1/khong_co"}
    for words in (("measures", "--year", 2023), ("ingest", cchc.home.parent)):
        answer = cchc(*words, "--json", env=url)
        assert answer.status == 1
        assert re.fullmatch(r"[a-z_]+", answer.json["error"]["code"]) and MARKS.search(answer.json["error"]["message"])
        assert "mat-khau-bi-mat" not in answer.out + answer.err


def test_help_needs_nothing(cchc: Cchc) -> None:
    for words in (("--help",), (), ("ingest", "--help"), ("contract", "--help"), ("quarantine", "--help")):
        answer = cchc(*words, env={"CCHC_HOME": "/nonexistent/home", "CCHC_DATABASE_URL": "postgresql://127.0.0.1:1/x"})
        assert answer.status == 0 and MARKS.search(answer.out), words


def test_earlier_figures_come_back_to_the_digit(cchc: Cchc, files: Path, loaded: Answer) -> None:
    """Later, late and backdated files change today's answer and no answer as of and as known then."""
    unit = {"Cơ quan/đơn vị": "UBND xã Vạn Thọ"}
    first = [dossier(n, month=6, late=n == 1, code=f"VT-06-{n:03d}", **unit) for n in range(1, 6)]
    cchc("ingest", write_csv(files / "t6.csv", first), "--received-at", "2023-06-20T08:00:00")
    asked = ("--year", 2023, "--as-of", "2023-06-30", "--known-at", "2023-06-30", "--json")
    then = {words: cchc(*words, *asked).json for words in (("measures",), ("score",), ("explain", "--commune", "22498"))}
    commune = next(row["commune"] for row in then["measures",]["measures"] if row["name"] == "Vạn Thọ")
    assert measure(then["measures",], "overdue_rate", commune) == (1, 5)

    corrected = [dossier(n, month=6, late=n <= 3, code=f"VT-06-{n:03d}", **unit) for n in range(1, 6)]
    more = [dossier(n, month=6, code=f"VT-06-{n:03d}", **unit) for n in range(6, 9)]
    cchc("ingest", write_csv(files / "t6-sua.csv", corrected), "--received-at", "2023-07-05T08:00:00")
    cchc("ingest", write_csv(files / "t6-them.csv", more))
    today = cchc("measures", "--year", 2023, "--as-of", "2023-06-30", "--json").json
    assert measure(today, "overdue_rate", commune) == (3, 8)
    july = cchc("measures", "--year", 2023, "--as-of", "2023-06-30", "--known-at", "2023-07-31", "--json").json
    assert measure(july, "overdue_rate", commune) == (3, 5)
    for words, before in then.items():
        assert cchc(*words, *asked).json == before, words
    # A file received before the question, but loaded after it, is part of what was known then: it is the clerk who says so.
    late = [dossier(9, month=6, code="VT-06-009", **unit)]
    assert cchc("ingest", write_csv(files / "t6-muon.csv", late), "--received-at", "2023-06-25T08:00:00", clock=CLOCK).status == 0
    assert measure(cchc("measures", *asked).json, "received", commune) == (6, None)
