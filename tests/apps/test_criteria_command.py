"""`cchc criteria`: what an analyst meets, in Vietnamese and as one JSON document, on an installation without a database."""

from __future__ import annotations

import json
import re
import shutil
import sys
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from apps.cli import run
from criteria import list_sets
from criteria.loader import ROOT

MARKS = re.compile(r"[\u00c0-\u1ef9]")  # a letter that only Vietnamese text has


@dataclass(frozen=True)
class Answer:
    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CCHC_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("CCHC_CLOCK", "2024-01-10T08:00:00")
    return tmp_path / "home"


@pytest.fixture
def cchc(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    def call(*words: object) -> Answer:
        monkeypatch.setattr(sys, "argv", ["cchc", "criteria", *map(str, words)])
        status = run()
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err and unicodedata.is_normalized("NFC", out + err)
        return Answer(status, out, err)

    return call


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


# --- list, show ------------------------------------------------------------------------------------------------------


def test_list(cchc: Callable[..., Answer], home: Path) -> None:
    assert cchc("new", "huyen_mau").status == 0
    rows = {row["name"]: row for row in cchc("list", "--json").json["sets"]}
    assert set(rows) == {*list_sets(), "huyen_mau"}
    assert rows["huyen_mau"]["origin"] == "installation" and rows["huyen_mau"]["provenance"] == "assumed"
    assert rows["huyen_mau"]["targets"] == {"known": 0, "unknown": 2} and rows["huyen_mau"]["criteria"] == 9
    whole = rows["commune_reconstructed"]
    assert (whole["origin"], whole["subject"], whole["total"], whole["criteria"]) == ("built-in", "commune", 100, 40)
    assert whole["targets"] == {"known": 0, "unknown": 5} and rows["one_stop_official"]["subject"] == "official"
    people = cchc("list").out
    assert "commune_reconstructed" in people and "5 CHƯA RÕ" in people and "của đơn vị" in people and "giả định" in people


def test_list_survives_a_set_that_cannot_be_read(cchc: Callable[..., Answer], home: Path) -> None:
    cchc("new", "huyen_mau")
    edit(home / "criteria" / "huyen_mau" / "section_1.yaml", "A.1:", "A.1")
    rows = {row["name"]: row for row in cchc("list", "--json").json["sets"]}
    assert "section_1.yaml" in rows["huyen_mau"]["error"] and rows["sipas"]["error"] is None
    assert "không đọc được" in cchc("list").out


def test_show_says_what_held_on_a_day(cchc: Callable[..., Answer]) -> None:
    def online(day: str) -> Any:
        document = cchc("show", "commune_reconstructed", "--on", day, "--criterion", "VII.1", "--json").json
        (criterion,) = [c for s in document["sections"] for c in s["criteria"]]
        return criterion, document["appraiser"]["name"]

    then, district = online("2022-06-30")
    later, province = online("2025-08-01")
    assert then["targets"][0]["value"] == 0.25 and then["targets"][0]["known"] and "752/QĐ-UBND" in then["targets"][0]["clause"]
    assert later["targets"][0]["value"] == 0.30 and not later["targets"][0]["known"]
    assert "CHƯA RÕ" in later["rule_text"] and "CHƯA RÕ" not in then["rule_text"]
    assert "huyện" in district and "tỉnh" in province
    assert then["clause"] and then["provenance"] == "reconstructed" and len(then["versions"]) == 1


@pytest.mark.parametrize("name", list_sets())
def test_show_for_people(cchc: Callable[..., Answer], name: str) -> None:
    document, text = cchc("show", name, "--json").json, cchc("show", name).out
    assert document["label"].split()[0] in text and "Mức xếp loại" in text and "Căn cứ:" in text and "Trễ hạn:" in text
    for section in document["sections"]:
        for c in section["criteria"]:
            assert f"{c['code']} " in text and (c["state"] != "in_force" or (c["rule_text"] and c["clause"] and c["provenance"]))
    assert "None" not in text and not re.search(r"\{|\}|\bnan\b", text)


def test_show_repealed_and_later_versions(cchc: Callable[..., Answer], home: Path) -> None:
    cchc("new", "huyen_mau")
    file = home / "criteria" / "huyen_mau" / "section_4.yaml"
    lines = file.read_text(encoding="utf-8").rstrip().splitlines()
    repeal = [
        "    - in_force_from: 2023-07-01", "      max_points: null", "      rule: null",
        '      source: {instrument: van_ban_bo_tieu_chi, clause: "Bãi bỏ"}', "      provenance: assumed",
    ]  # fmt: skip
    file.write_text("\n".join([*lines, *repeal]) + "\n", encoding="utf-8")
    assert cchc("lint", "huyen_mau").status == 0
    states = {}
    for day in ("2018-12-31", "2023-06-30", "2023-07-01"):
        document = cchc("show", "huyen_mau", "--on", day, "--criterion", "D.2", "--json")
        states[day] = (
            document.json["sections"][0]["criteria"][0]["state"] if document.status == 0 else document.json["error"]["code"]
        )
    assert states == {"2018-12-31": "not_yet", "2023-06-30": "in_force", "2023-07-01": "repealed"}
    text = cchc("show", "huyen_mau", "--on", "2023-08-01", "--criterion", "D.2").out
    assert "đã bãi bỏ" in text and "từ 01/07/2023: bãi bỏ" in text and "Bãi bỏ" in text


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("show", "khong_co"), "unknown_criteria"),
        (("show", "sipas", "--criterion", "I.1"), "unknown_criterion"),
        (("show", "sipas", "--on", "30/06/2023"), "bad_day"),
        (("lint", "khong_co"), "unknown_criteria"),
        (("lint", ""), "unknown_criteria"),
        (("diff", "sipas", "khong_co"), "unknown_criteria"),
        (("diff", "sipas", "sipas@2023-02-30"), "bad_day"),
        (("new", "sipas"), "exists"),
        (("new", "SIPAS"), "exists"),
        (("new", "x", "--from", "khong_co"), "unknown_criteria"),
        *((("new", bad), "bad_name") for bad in ("../x", "a/b", "a b", ".an", "_x", "1x", "huyện", "", "x" * 61, "a.b", "a\n")),
    ],
)
def test_callers_mistakes_are_one_sentence(cchc: Callable[..., Answer], home: Path, words: tuple[str, ...], code: str) -> None:
    answer = cchc(*words, "--json")
    assert answer.status == 2 and answer.json["error"]["code"] == code
    assert MARKS.search(answer.json["error"]["message"]) and answer.err.startswith("Lỗi: ") and answer.err.count("\n") <= 2
    assert not (home / "criteria").exists() or not list((home / "criteria").iterdir())


# --- new -------------------------------------------------------------------------------------------------------------


def test_new_from_the_template_is_clean_and_named(cchc: Callable[..., Answer], home: Path) -> None:
    answer = cchc("new", "huyen_mau")
    folder = home / "criteria" / "huyen_mau"
    assert answer.status == 0 and str(folder) in answer.out.replace("\n", "") and "cchc criteria lint huyen_mau" in answer.out
    assert cchc("lint").out.startswith("Không có lỗi") and cchc("lint", "huyen_mau").status == 0
    for file in folder.iterdir():
        text = file.read_text(encoding="utf-8")
        first, second = text.splitlines()[:2]
        assert Path(first.partition("$schema=")[2]).exists() and second.startswith("# ")
        # Past the schema and the name, the comments are the template's.
        assert {
            x for x in (ROOT / "template" / file.name).read_text(encoding="utf-8").splitlines()[1:] if x.startswith("#")
        } <= set(text.splitlines())
    head = (folder / "set.yaml").read_text(encoding="utf-8")
    assert "\nname: huyen_mau\n" in head and "\nprovenance: assumed\n" in head


@pytest.mark.parametrize("source", list_sets())
def test_new_as_a_copy_keeps_the_text_and_claims_no_more(cchc: Callable[..., Answer], home: Path, source: str) -> None:
    """Every line but those of the head's name, label and provenance stays; the copy differs in its label alone."""
    assert cchc("new", "ban_sao", "--from", source).status == 0
    assert cchc("lint", "ban_sao").status == 0
    document = cchc("diff", source, "ban_sao", "--on", "2025-08-01", "--json").json
    assert [(c["kind"], c["what"]) for c in document["changes"]] == [("setting", "label")]
    assert document["after"]["provenance"] == "reconstructed" and document["points"]["moved"] == 0
    for file in (home / "criteria" / "ban_sao").iterdir():
        old = (ROOT / "sets" / source / file.name).read_text(encoding="utf-8").splitlines()
        new = file.read_text(encoding="utf-8").splitlines()
        assert len(set(new) - set(old)) <= (4 if file.name == "set.yaml" else 1), file.name


def test_a_copy_of_an_official_set_is_no_longer_official(cchc: Callable[..., Answer], home: Path) -> None:
    cchc("new", "goc")
    head = home / "criteria" / "goc" / "set.yaml"
    edit(head, "\nprovenance: assumed", "\nprovenance: official")
    edit(head, "source: {instrument: van_ban_bo_tieu_chi", "source: {instrument: qd_766_2022")
    assert cchc("lint", "goc").status == 0
    assert cchc("new", "ban_sao", "--from", "goc", "--json").json["provenance"] == "reconstructed"


def test_new_refuses_what_is_there(cchc: Callable[..., Answer], home: Path) -> None:
    cchc("new", "huyen_mau")
    mark = home / "criteria" / "huyen_mau" / "set.yaml"
    edit(mark, "total: 100", "total: 100 # của tôi")
    answer = cchc("new", "huyen_mau", "--json")
    assert answer.status == 2 and answer.json["error"]["code"] == "exists" and "# của tôi" in mark.read_text(encoding="utf-8")
    assert [p.name for p in (home / "criteria").iterdir()] == ["huyen_mau"]


# --- lint ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "old", "new", "says"),
    [
        ("section_1.yaml", "max_points: 10", "max_points: 12", "khác 30 điểm của mục"),
        ("section_2.yaml", "measure: online_rate", "measure: online_rat", "online_rate"),
        ("section_2.yaml", "{target: online_min}", "{target: online_max}", "online_max"),
        ("section_2.yaml", "  label: Tỷ lệ hồ sơ trễ hạn", "\tlabel: Tỷ lệ hồ sơ trễ hạn", "Tab"),
        ("section_1.yaml", "in_force_from: 2019-01-01", "in_force_from: 01/01/2019", "YYYY-MM-DD"),
        ("section_1.yaml", "in_force_from: 2019-01-01", "in_force_from: 2019-02-30", "2019-02-30"),
        ("section_2.yaml", "B.2:", "B.1:", "B.1"),
        ("targets.yaml", "value: 0.30", "value: 30", "0.25 = 25 %"),
        ("targets.yaml", "value: 0.30", "value: 0,30", "0.25 = 25 %"),
        ("section_1.yaml", "max_points: 10", "max_points: 2,5", "2,5"),
        ("set.yaml", "total: 100", "total: một trăm", "total"),
        ("set.yaml", "subject: commune", "subject: xã", "commune"),
        ("section_2.yaml", "label: \"Xử lý phản ánh", "label: Xử lý: \"phản ánh", "ngoặc kép"),
        ("section_1.yaml", "source: {instrument: van_ban_bo_tieu_chi, clause: \"Tiêu chí A.2\"}", "", "thiếu nguồn"),
    ],
)  # fmt: skip
def test_typical_mistakes_are_found_at_their_line(
    cchc: Callable[..., Answer], home: Path, file: str, old: str, new: str, says: str
) -> None:
    """The message names file and line, says what is wrong in words an official knows, and what to do."""
    cchc("new", "huyen_mau")
    edit(home / "criteria" / "huyen_mau" / file, old, new)
    answer = cchc("lint", "huyen_mau", "--json")
    problems = answer.json["problems"]
    assert answer.status == 2 and problems, "the mistake was not found"
    assert any(says in p["text"] for p in problems), [p["text"] for p in problems]
    assert all(p["line"] >= 1 and p["what"] and p["remedy"] and MARKS.search(p["text"]) for p in problems)
    assert any(p["file"].endswith(file) for p in problems)
    people = cchc("lint", "huyen_mau")
    assert people.status == 2 and f"{file}:" in people.out.replace("\n", "") and "phải sửa" in people.out
    # Whatever the mistake, a score is refused with a sentence or not at all: never a traceback.
    shown = cchc("show", "huyen_mau")
    assert shown.status in (0, 2)


def test_lint_of_a_folder(cchc: Callable[..., Answer], home: Path) -> None:
    cchc("new", "huyen_mau")
    assert cchc("lint", home / "criteria" / "huyen_mau").status == 0


# --- diff ------------------------------------------------------------------------------------------------------------


def test_diff_of_an_edited_copy(cchc: Callable[..., Answer], home: Path) -> None:
    cchc("new", "ban_sao", "--from", "commune_reconstructed")
    file = home / "criteria" / "ban_sao" / "section_4.yaml"
    edit(file, "max_points: 2", "max_points: 2.5")
    edit(file, "max_points: 2\n", "max_points: 1.5\n")
    document = cchc("diff", "commune_reconstructed", "ban_sao", "--json").json
    moved = [(c["code"], c["before"], c["after"]) for c in document["changes"] if c["kind"] == "points"]
    assert moved == [("IV.1", 2, 2.5), ("IV.2", 2, 1.5)]
    assert document["points"] == {"added": 0, "repealed": 0, "raised": 0.5, "lowered": 0.5, "moved": 1, "net": 0}
    assert all(c["clause_before"] and c["clause_after"] for c in document["changes"] if c["code"] != "set")
    text = cchc("diff", "commune_reconstructed", home / "criteria" / "ban_sao").out
    assert "IV.1" in text and "2,5" in text and "Điểm chuyển: 1 " in text


def test_diff_says_a_changed_rule_in_words(cchc: Callable[..., Answer], home: Path) -> None:
    cchc("new", "ban_sao", "--from", "commune_reconstructed")
    file = home / "criteria" / "ban_sao" / "section_3.yaml"
    edit(file, "{steps: {steps: [{from: 1, points: 2}, {from: 0.9, points: 1}], otherwise: 0}}", "{linear: {}}")
    document = cchc("diff", "commune_reconstructed", "ban_sao", "--json").json
    change = next(c for c in document["changes"] if c["code"] == "III.5" and c["kind"] == "rule")
    assert change["after_text"] == "tỷ lệ đạt × 2 điểm"
    text = cchc("diff", "commune_reconstructed", "ban_sao").out
    assert "tỷ lệ đạt × 2 điểm" in text and "{" not in text


def test_diff_of_two_days(cchc: Callable[..., Answer]) -> None:
    document = cchc("diff", "commune_reconstructed@2022-06-30", "commune_reconstructed@2023-06-30", "--json").json
    assert (document["before"]["day"], document["after"]["day"]) == ("2022-06-30", "2023-06-30")
    assert ("online_min", 0.25, 0.30) in [(c["code"], c["before"], c["after"]) for c in document["changes"]]
    assert "không khác nhau" in cchc("diff", "sipas", "sipas@2024-01-10").out


@pytest.mark.db
def test_a_new_set_scores_at_once(clean: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """`new`, then `score --criteria`: every criterion is there, and without data each says so and none is 0."""
    from flows.steps.law import create

    create(clean, "huyen_moi")
    try:
        monkeypatch.setenv("CCHC_HOME", str(clean.root))
        monkeypatch.setattr(sys, "argv", "cchc score --year 2023 --criteria huyen_moi --json".split())
        assert run() == 0
        document = json.loads(capsys.readouterr().out)
        assert document["criteria_set"] == "huyen_moi" and len(document["communes"]) == 13
        for commune in document["communes"]:
            states = {c["code"]: c["status"] for c in commune["criteria"]}
            assert set(states) == {"A.1", "A.2", "A.3", "B.1", "B.2", "B.3", "C.1", "D.1", "D.2"}
            assert {states[code] for code in ("A.1", "B.1", "C.1")} == {"no_data"} and commune["grade"] is None
        assert {t["name"] for t in document["unknown_targets"]} == {"online_min", "overdue_max"}
    finally:
        shutil.rmtree(clean.criteria / "huyen_moi")
