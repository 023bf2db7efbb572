"""R12 for the tables that a night writes: Excel computes nothing in them, and negative numbers stay numbers."""

from __future__ import annotations

import csv
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from flows.steps.reports import write_reports
from messages import fmt

LINE: dict[str, Any] = {"code": "IX.2", "label": "Điểm trừ", "status": "scored", "points": -0.5, "max_points": 0, "lost": 1234.5,
                        "reason": "Lý do", "clause": "Điều 1"}  # fmt: skip
PROMISE: dict[str, Any] = {
    "paragraph": "2", "label": "Hài lòng", "state": "at_risk", "value_text": f"82,03{fmt.NBSP}%", "threshold_text": f"≥ 90{fmt.NBSP}%",
    "threshold_known": False, "gap_text": "còn thiếu 5", "deadline": "2023-12-31", "owner": "Tổ một cửa",
}  # fmt: skip
REGISTER: dict[str, Any] = {"commune": "22492", "name": "Đại Lãnh", "citation": "Thông báo 1", "commitments": [PROMISE]}


def _write(folder: Path, line: dict[str, Any], promise: dict[str, Any]) -> tuple[list[list[str]], list[list[str]]]:
    home: Any = SimpleNamespace(reports=folder)
    communes = [{"commune": "22492", "name": "Đại Lãnh", "rank": 1, "grade": None, "criteria": [LINE | line]}]
    written = write_reports(home, {"year": 2023, "communes": communes}, [REGISTER | {"commitments": [PROMISE | promise]}])
    tables = [Path(written[label]) for label in ("Điểm (bảng cho Excel)", "Cam kết (bảng cho Excel)")]
    scores, promises = (
        list(csv.reader(path.read_text(encoding="utf-8-sig").splitlines(), delimiter=";", strict=True)) for path in tables
    )
    assert not list(folder.glob("*.part"))
    return scores, promises


def test_r12_numbers_and_words_are_as_excel_reads_them(tmp_path: Path) -> None:
    scores, promises = _write(tmp_path, {}, {})
    assert scores[1][4:10] == ["IX.2", "Điểm trừ", "Đã chấm", "-0,50", "0,00", "1234,50"]
    assert promises[1][5:9] == ["Có nguy cơ", "82,03%", f"≥ 90{fmt.NBSP}%", "giả định"] and promises[1][10] == "31/12/2023"


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", "\r=", "\n=", " =", "＝", "＋", "－", "＠"])
def test_r12_no_text_becomes_a_formula(tmp_path: Path, start: str) -> None:
    text = f"{start}HYPERLINK(1)"
    scores, promises = _write(tmp_path, {"label": text, "reason": text, "clause": text}, {"label": text, "owner": text})
    for cell in (scores[1][5], scores[1][10], scores[1][11], promises[1][4], promises[1][11]):
        assert cell.startswith("'") and cell.endswith("HYPERLINK(1)")
    assert (len(scores), len(promises)) == (2, 2)


def test_no_commitments_no_table(tmp_path: Path) -> None:
    home: Any = SimpleNamespace(reports=tmp_path)
    assert set(write_reports(home, {"year": 2023, "communes": []})) == {"Điểm (JSON)", "Điểm (bảng cho Excel)"}
