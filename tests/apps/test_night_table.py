"""The forecast on a night's screen, and stored forecasts made again: Vietnamese, complete, honest about what is missing."""

from __future__ import annotations

import re
from typing import Any

import pytest

from apps import show
from apps.tables import night
from flows.steps.forecast_night import told
from messages.fmt import NBSP
from tests.forecast_document import document as invented


@pytest.fixture
def out(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("COLUMNS", "120")
    return lambda: capsys.readouterr().out.replace(NBSP, " ")


def forecast(**more: Any) -> dict[str, Any]:
    stored = {"forecast": 7, "recipe": "a" * 64, "result": "b" * 64}
    return told(invented() | {"seed": 1, "draws": 10_000, "calibration": None} | {"forecast": stored}) | {
        "judged": [], "code": None, "error": None,
    } | more  # fmt: skip


def test_a_night_shows_every_commune_s_year_end(out: Any) -> None:
    show.night({"message": "Xong.", "files": [], "forecast": forecast()})
    text = out()
    assert "Dự báo đến 31/12/2023" in text and "Đạt Tốt trở lên" in text and "Lưu ý" not in text
    rows = invented()["communes"]
    for row in rows:
        assert row["name"] in text
    mine = next(row for row in rows if row["commune"] == "22492")
    assert re.search(rf"Đại Lãnh\s+{mine['index']['p50']:.1f}".replace(".", ","), text)
    assert "cchc forecast --year 2023 --commune" in text and not re.search(r"\b(nan|None)\b", text)


def test_a_night_without_a_forecast_says_why(out: Any) -> None:
    failed = {"id": None, "recipe": None, "result": None, "communes": [], "judged": [], "code": "no_data"}
    show.night({"message": "Xong.", "files": [], "forecast": failed | {"error": "Chưa dự báo được: chưa có số liệu."}})
    text = out()
    assert "Lưu ý Chưa dự báo được: chưa có số liệu." in text and "Dự báo đến" not in text


def test_a_commune_without_a_rank_or_a_grade_gets_dashes(out: Any) -> None:
    given = forecast()
    given["communes"] = given["communes"][:1]
    given["communes"][0] |= {"expected_rank": None, "p_good": None, "rank_basis": None}
    show.night({"message": "Xong.", "files": [], "forecast": given})
    line = next(line for line in out().splitlines() if given["communes"][0]["name"] in line)
    assert line.split()[0] == "–" == line.split()[-1]


def alerts(opened: int = 0, resolved: int = 0, still: int | None = 0, error: str | None = None) -> dict[str, Any]:
    row = {"alert": 1, "rule": "overdue_rate", "unit": "22492", "name": "Xã Đại Lãnh", "severity": "warn"}
    return {"opened": [row] * opened, "resolved": [row] * resolved, "open": still, "error": error, "sent": 0}


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (alerts(2, 1, 1250), "Cảnh báo: 2 mới, 1 đã hết, 1.250 đang mở; xem «cchc alerts»."),
        (alerts(0, 1), "Cảnh báo: 0 mới, 1 đã hết, 0 đang mở; xem «cchc alerts»."),
        (alerts(still=None, error="Chưa xét được cảnh báo: lỗi [x]."), "Lưu ý Chưa xét được cảnh báo: lỗi [x]."),
        (alerts(), ""),
        (None, ""),
    ],
)
def test_what_a_night_says_of_alerts(told: dict[str, Any] | None, words: str, out: Any) -> None:
    show.night({"message": "Xong.", "files": [], "alerts": told})
    assert out().split() == ["Xong.", *words.split()]


def test_a_night_says_that_last_year_changed(out: Any) -> None:
    show.night({"message": "Xong.", "files": [], "last_year": {"year": 2022, "run": 17, "recipe": "a", "result": "b"}})
    assert "Điểm năm 2022 cũng đã thay đổi: công bố lần số 17, xem «cchc score show 17»." in " ".join(out().split())


@pytest.mark.parametrize(
    ("status", "words"),
    [("identical", "trùng khớp từng chữ số"), ("different", "KHÁC với dự báo đã lưu"), ("lost", "không làm lại được")],
)
def test_forecasts_made_again(status: str, words: str, out: Any) -> None:
    gap = {"commune": "22492", "name": "Đại Lãnh", "field": "index", "stored": {"p50": 1}, "again": {"p50": 2}}
    row = {
        "forecast": 7, "year": 2023, "as_of": "2023-06-30T16:59:59+00:00", "criteria_set": "commune_reconstructed",
        "status": status, "reason": "Thiếu [bold]tệp" if status == "lost" else None, "code": "aaa", "code_now": "bbb",
        "differences": [gap] if status == "different" else [],
    }  # fmt: skip
    night.verified({"forecasts": [row], "checked": 1, "bad": []})
    text = out()
    assert words in text and "30/06/2023 23:59" in text
    assert ("Đại Lãnh: khác về điểm cuối năm" in text and "từ bản aaa sang bản bbb" in text) is (status == "different")
    assert ("Thiếu [bold]tệp" in text) is (status == "lost")


def test_nothing_stored_yet(out: Any) -> None:
    night.verified({"forecasts": [], "checked": 0, "bad": []})
    assert "Chưa lưu dự báo nào" in out()
