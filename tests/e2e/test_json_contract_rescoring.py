"""The documents of the commands around the law, published runs, what-ifs, robustness, commitments and the log; and their refusals."""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Any

import pytest

from tests.e2e.kit import NO_PICTURES, Answer, Cchc, dossier, write_csv
from tests.e2e.test_json_contract import COMMUNE, CRITERION, EXPLAIN, ITEM, MARKS, SCORE

HUGE, LONG = "99999999999", "9" * 26
BAD = b"\xff\xfe"
HEAD = {
    "run",
    "year",
    "month",
    "as_of",
    "known_at",
    "criteria_set",
    "criteria_hash",
    "definition",
    "digest",
    "published_at",
    "origin",
}
SCENARIO = {"name", "state", "state_text", "version", "sha256", "base_run", "note", "author", "contributors"}
COMMITMENT = {
    "notice", "code", "label", "state", "state_text", "value", "value_text", "threshold", "threshold_known", "threshold_text", "gap",
    "gap_text", "deadline", "days_left", "owner", "paragraph", "source", "provenance", "measure",
}  # fmt: skip


@pytest.fixture(scope="module")
def ran(cchc: Cchc, tmp_path_factory: pytest.TempPathFactory) -> Cchc:
    """A home with dossiers of two communes, two published runs and a what-if."""
    folder = tmp_path_factory.mktemp("xuat")
    lines = [dossier(n, late=n <= 2, code=f"A-{n}") for n in range(1, 60)]
    lines += [dossier(n, late=n <= 9, code=f"B-{n}", **{"Cơ quan/đơn vị": "UBND xã Vạn Thọ"}) for n in range(1, 60)]
    assert cchc("ingest", write_csv(folder / "a.csv", lines)).status == 0
    for day in ("2023-06-30", "2023-12-31"):
        assert cchc("nightly", "--as-of", day, "--json", env=NO_PICTURES).json["status"] == "done"
    assert cchc("scenario", "new", "Thử", "--from-run", 2, "--by", "Chuyên viên A").status == 0
    assert cchc("scenario", "set", "Thử", "weight:III.6=5", "--by", "Chuyên viên A").status == 0
    return cchc


def _document(answer: Answer, status: int = 0) -> Any:
    assert answer.status == status, answer.err
    assert answer.out.count("\n") == 1 and unicodedata.is_normalized("NFC", answer.out)
    return json.loads(answer.out, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


@pytest.mark.parametrize(
    ("words", "keys"),
    [
        (("criteria", "list"), {"sets"}),
        (("criteria", "show", "sipas"), {"name", "label", "provenance", "sections", "bands", "warning", "unknown_targets"}),
        (("criteria", "lint"), {"sets", "problems"}),
        (("criteria", "diff", "sipas", "qd_766"), {"before", "after", "same", "changes", "points"}),
        (("criteria", "new", "bo_thu"), {"name", "folder", "files", "from", "provenance"}),
        (("score", "--year", "2023"), SCORE | {"criteria_label", "provenance", "warning", "unknown_targets"}),
        (("score", "--year", "2023", "--criteria", "one_stop_official", "--month", "3"), SCORE | {"without_officer"}),
        (("explain", "--commune", "22492", "--year", "2023"), EXPLAIN | {"by_owner", "by_officer", "complaints", "trace"}),
        (("explain", "--commune", "22492", "--year", "2023", "--tree"), EXPLAIN | {"trace", "unknown_targets"}),
        (("score", "runs"), {"runs"}),
        (("score", "show", "1"), SCORE | {"run", "recipe"}),
        (("score", "rebuild", "1"), {"run", "status", "reason", "differences", "difference_count"}),
        (("score", "verify"), {"runs", "checked", "bad"}),
        (("score", "compare", "1", "2"), {"run_a", "run_b", "factors", "columns", "communes", "not_separable"}),
        (("score", "compare", "1", "2", "--commune", "22492"), {"run_a", "run_b", "factors", "communes"}),
        (("robustness", "--year", "2023", "--draws", "20"), {"ranges", "ranking", "pairs", "sensitivity", "without_each", "warning"}),
        (("commitments", "--year", "2023"), {"year", "as_of", "definition", "notices", "message"}),
        (("scenario", "list"), {"scenarios"}),
        (("scenario", "reasons"), {"reasons"}),
        (("scenario", "show", "Thử"), {"scenario", "changes", "overrides", "explanations", "weights"}),
        (("scenario", "set", "Thử", "weight:III.3=10", "--keep-total"), {"scenario", "says", "weights"}),
        (("scenario", "compare", "Thử"), {"scenario", "against", "communes", "flips", "flip_count", "criteria", "weights"}),
        (("scenario", "review", "Thử", "--commune", "22492"), {"scenario", "criteria", "published", "computed", "appraised"}),
        (("scenario", "unset", "Thử", "weight:III.6"), {"scenario", "says"}),
        (("scenario", "revert", "Thử", "--to", "2"), {"scenario", "says"}),
        (("scenario", "submit", "Thử"), {"scenario", "says"}),
        (("scenario", "return", "Thử", "--reason", "thiếu", "--by", "Trưởng phòng B"), {"scenario", "says"}),
        (("scenario", "history", "Thử"), {"scenario", "entries"}),
        (("audit", "list"), {"entries"}),
        (("audit", "verify"), {"intact", "entries", "broken", "message"}),
    ],
    ids=lambda part: " ".join(part) if isinstance(part, tuple) else "",
)  # fmt: skip
def test_one_document_with_its_fields(ran: Cchc, words: tuple[str, ...], keys: set[str]) -> None:
    document = _document(ran(*words, "--json"))
    assert keys <= set(document), keys - set(document)
    once = (("criteria", "new"), ("scenario", "unset"), ("scenario", "submit"), ("scenario", "return"))
    if words[:2] not in once:
        people = ran(*words)
        assert people.status == 0 and not people.out.startswith("{") and MARKS.search(people.out)
        assert "None" not in people.out and "nan" not in people.out.split() and unicodedata.is_normalized("NFC", people.out)
        assert not re.search(r"\d %", people.out), "a plain space before %"


def test_the_rows_keep_their_fields(ran: Cchc) -> None:
    runs = _document(ran("score", "runs", "--json"))["runs"]
    assert len(runs) == 2 and all(HEAD <= set(row) for row in runs)
    shown = _document(ran("score", "show", "1", "--json"))
    assert all(COMMUNE <= set(row) and all(CRITERION <= set(line) for line in row["criteria"]) for row in shown["communes"])
    items = _document(ran("explain", "--commune", "22492", "--year", "2023", "--json"))["items"]
    assert items and all(ITEM <= set(item) for item in items)
    assert all(SCENARIO <= set(row) for row in _document(ran("scenario", "list", "--json"))["scenarios"])
    (register,) = _document(ran("commitments", "--year", "2023", "--json"))["notices"]
    assert len(register["commitments"]) == 20 and all(COMMITMENT <= set(row) for row in register["commitments"])
    verified = _document(ran("score", "verify", "--json"))
    assert (verified["checked"], verified["bad"]) == (2, [])


def test_the_night_says_what_is_at_risk(ran: Cchc) -> None:
    night = _document(ran("nightly", "--as-of", "2023-07-31", "--json"))
    (register,) = night["commitments"]["notices"]
    assert night["commitments"]["error"] is None and register["commune"] == "22492"
    table = ran.home / "reports" / "cam-ket-2023.csv"
    assert night["written"]["Cam kết (bảng cho Excel)"] == str(table)
    lines = table.read_text(encoding="utf-8-sig").splitlines()
    assert len(lines) == 21 and lines[0].startswith("Mã xã;") and any(";3,39%;" in line for line in lines)
    people = ran("nightly", "--as-of", "2023-08-31", env=NO_PICTURES).out
    assert "Đại Lãnh: 20 cam kết · " in people and "bản dựng lại" in people and "Chỉ tiêu giả định" in people
    (ran.home / "notices").mkdir(exist_ok=True)
    broken = ran.home / "notices" / "hong.yaml"
    broken.write_text("notice: [", encoding="utf-8")
    try:
        night = _document(ran("nightly", "--as-of", "2023-08-31", "--json", env=NO_PICTURES))
        assert night["status"] == "done" and night["run"] and "hong.yaml" in night["commitments"]["error"]
    finally:
        broken.unlink()


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("score", "runs", "--year", HUGE), "bad_year"),
        (("score", "verify", "--year", HUGE), "bad_year"),
        (("score", "show", HUGE), "unknown_run"),
        (("score", "rebuild", LONG), "unknown_run"),
        (("score", "compare", "1", "-1"), "usage"),
        (("score", "compare", "1", "2", "--commune", "Xã Mộng Mơ"), None),
        (("score", "--year", HUGE), "bad_year"),
        (("score", "--year", "2023", "--month", "0"), "bad_month"),
        (("score", "--year", "2023", "--as-of", "2022-06-30"), "period_not_begun"),
        (("score", "--year", "2023", "--as-of", ""), "usage"),
        (("explain", "--commune", "22492", "--year", "2023", "--officer", "X"), "no_officer"),
        (("explain", "--commune", "22492", "--year", "2023", "--month", "3", "--criteria", "one_stop_official"), "unknown_officer"),
        (("robustness", "--year", HUGE), "bad_year"),
        (("robustness", "--year", "2023", "--draws", "-1"), None),
        (("robustness", "--year", "2023", "--draws", HUGE), None),
        (("robustness", "--year", "2023", "--seed", "-1"), None),
        (("robustness", "--year", "2023", "--commune", ""), "usage"),
        (("robustness", "--year", "2023", "--as-of", "2022-06-30"), "period_not_begun"),
        (("commitments", "--year", "0"), "bad_year"),
        (("commitments", "--year", "2023", "--notice", "../x"), "unknown_notice"),
        (("commitments", "--year", "2023", "--commune", BAD), None),
        (("criteria", "show", ""), "unknown_criteria"),
        (("criteria", "show", "sipas", "--on", "2023-02-30"), None),
        (("criteria", "diff", BAD, "sipas"), None),
        (("criteria", "new", "../x"), "bad_name"),
        (("criteria", "lint", BAD), None),
        (("scenario", "new", "", "--from-run", "1"), None),
        (("scenario", "new", "X", "--from-run", LONG), "unknown_run"),
        (("scenario", "show", "không có"), None),
        (("scenario", "set", "Thử", f"weight:III.3={HUGE}"), "bad_number"),
        (("scenario", "set", "Thử", "weight:III.3=nan"), "bad_number"),
        (("scenario", "set", "Thử", BAD), None),
        (("scenario", "set", "Thử", "rule:III.3.zero_at=-99999999"), "bad_number"),
        (("scenario", "override", "Thử", "--commune", "22492", "--criterion", "III.3"), "missing_points"),
        (("scenario", "override", "Thử", "--commune", "22492", "--criterion", "III.3", "--points", "inf"), None),
        (("scenario", "revert", "Thử", "--to", LONG), None),
        (("scenario", "approve", "Thử", "--by", BAD), None),
        (("audit", "list", "--last", "0"), "usage"),
    ],
    ids=str,
)  # fmt: skip
def test_refusals_are_status_2_with_a_sentence(ran: Cchc, words: tuple[Any, ...], code: str | None) -> None:
    answer = ran(*words, "--json")
    error = _document(answer, status=2)["error"]
    assert set(error) == {"code", "message"} and error["code"] == (code or error["code"]) != "internal"
    assert MARKS.search(error["message"]) and "\n" not in error["message"] and answer.err == f"Lỗi: {error['message']}\n"


def test_a_number_too_long_for_the_database_is_just_many(ran: Cchc) -> None:
    assert _document(ran("audit", "list", "--last", LONG, "--json"))["entries"]
