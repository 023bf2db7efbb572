"""The table of officials: by commune, on the set's own scale, nobody forgotten and nothing that reaches the terminal."""

from __future__ import annotations

from typing import Any

import pytest

from apps import show
from apps.tables import officials

ONE: dict[str, Any] = {
    "subject": "official", "commune": "22492", "name": "Đại Lãnh", "unit_id": "22492", "officer": "Công chức A",
    "department": "Tư pháp", "dossiers": 1234, "total": 7.5, "grading_index": 15.0, "max_scored": 9, "max_total": 10,
    "share_pct": 83.33, "bonus": 0, "grade": "Xuất sắc", "grade_status": "graded", "rank": 1, "peers": 2, "criteria": [],
}  # fmt: skip
OTHER = ONE | {
    "officer": "Công chức [bold]B\x1b[31m", "department": None, "dossiers": 0, "rank": None, "grade": None, "grading_index": None,
    "grade_status": "insufficient_data", "total": None, "max_scored": 0,
}  # fmt: skip
DOCUMENT: dict[str, Any] = {
    "subject": "official", "criteria_set": "one_stop_official", "criteria_hash": "f" * 64, "definition": "qd766", "year": 2023,
    "month": 6, "as_of": "2023-06-30T23:59:59+07:00", "grading_scale": 18, "warning": "Bản dựng lại để tham khảo.",
    "without_officer": 7, "communes": [OTHER, ONE],
}  # fmt: skip


def test_officials_by_commune(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(officials, "console", lambda: show.Console(highlight=False, width=160))
    show.scores(DOCUMENT)
    out = capsys.readouterr().out
    assert "tháng 6/2023" in out and "trên 18" in out and "15,00" in out and "1.234" in out and "Xuất sắc" in out
    assert out.index("Công chức A") < out.index("Công chức [bold]B") and "\x1b" not in out
    assert "Chưa đủ số liệu" in out and "Bản dựng lại" in out
    assert "7 hồ sơ trong kỳ không ghi cán bộ" in out


def test_a_whole_year_with_every_dossier_named(capsys: pytest.CaptureFixture[str]) -> None:
    show.scores(DOCUMENT | {"month": None, "without_officer": 0})
    out = capsys.readouterr().out
    assert "năm 2023" in out and "không ghi cán bộ" not in out
