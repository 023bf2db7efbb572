"""`cchc forecast` on the screen: the district's table and the page that a commune's officers read."""

from __future__ import annotations

import re
from typing import Any

import pytest

from apps.tables import forecast
from messages import backtest, fmt
from messages import forecast_words as words
from messages.pictures import RANK_ESTIMATED
from tests.forecast_document import document


@pytest.fixture(autouse=True)
def _narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def _said(capsys: pytest.CaptureFixture[str]) -> str:
    """Return what was printed, lines that were broken for the width joined again."""
    out = capsys.readouterr().out
    assert max(len(line) for line in out.splitlines()) <= 80
    assert "\x1b" not in out
    return re.sub(r"\s+", " ", out.replace(fmt.NBSP, " "))


def test_the_district_by_expected_rank(capsys: pytest.CaptureFixture[str]) -> None:
    forecast.show(document())
    said = _said(capsys)
    assert "dự báo cuối năm 2023, tính đến 30/06/2023 23:59" in said
    assert re.search(r"1,4 Vạn Thọ 72,70 84,7 81,6–87,8 97 % 1–3 2,2 Vạn Phước", said)
    assert said.index("Vạn Khánh") < said.index("Đại Lãnh") < said.index("Vạn Thạnh")
    assert words.HOW_TO_READ.replace(fmt.NBSP, " ") in said and "từ 24 thời điểm của các năm" in said
    assert "Bản dựng lại để tham khảo." in said and "Hồ sơ trực tuyến 50 %" in said and RANK_ESTIMATED not in said


def test_the_district_says_who_has_no_data_and_whose_peers_are_estimated(capsys: pytest.CaptureFixture[str]) -> None:
    given = document(3) | {"without_data": ["Vạn [bold]Giã"], "calibration": None}
    given["communes"][0]["rank_basis"] = "estimated_peers"
    given["communes"][1] |= {"index": None, "expected_rank": None, "p_good": None, "rank_probability": []}
    forecast.show(given)
    said = _said(capsys)
    assert RANK_ESTIMATED in said and "Chưa đủ số liệu để dự báo: Vạn [bold]Giã, Vạn Thọ." in said and words.NO_HISTORY in said
    assert re.search(r"– Vạn Thọ 72,70 – – – –", said)


def test_the_page_starts_with_the_sentence_and_holds_everything(capsys: pytest.CaptureFixture[str]) -> None:
    given = document(1)
    forecast.show(given)
    said = _said(capsys)
    assert said.startswith(
        "Nếu không có gì thay đổi, cuối năm 2023 xã Đại Lãnh được khoảng 78,4 điểm (80 % khả năng trong 75,5–81,3)"
    )
    assert "Đến nay 66,40 Khá 5" in said and "Cuối năm 2023 78,4 75,5–81,3 Khá (76 %) 5,1 (khoảng 3–7)" in said
    assert re.search(r"Tốt █+\S* 24 %", said) and re.search(r"Hạng 5 █{30} 28 %", said)
    assert "Còn được trễ tối đa 11 hồ sơ" in said
    assert (
        "3 việc có lợi nhất" in said
        and "1. VII.2: Thêm 41" in said
        and "24 % → 42 %; hạng dự kiến: 5,1 → 4,2; Bộ phận Một cửa." in said
        and "VII.4" not in said
    )
    assert "Ít việc nhất để khả năng đạt Tốt lên 83 % (2 việc): • VII.2: Thêm 41" in said
    assert "H32.105.22492-230628-0007" in said and "còn 1 ngày" in said and "62 %" in said and "Đang giải quyết 37 hồ sơ" in said
    assert "tăng từ 77,9 lên 78,4 điểm" in said and "20/06/2023: 78,5" in said
    assert (
        "41 % của phần chưa chắc chắn" in said and "từ 24 thời điểm của các năm" in said and "Bản dựng lại để tham khảo." in said
    )


def test_the_page_says_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    given = document(1)
    given["communes"][0] |= {
        "grade_probability": {}, "p_good": None, "rank_probability": [1.0], "expected_rank": 1.0, "levers": [], "plan": None,
        "budget": None, "to_save": [], "changes": None, "history": [], "not_measured_share": None, "criteria": [],
    }  # fmt: skip
    forecast.show(given)
    said = _said(capsys)
    for sentence in (words.NO_GRADE, words.NO_RANK, words.NO_LEVERS, words.NOTHING_TO_SAVE):
        assert sentence in said
    for head in ("Có gì đổi", "Vì sao chưa chắc", "Hạn mức trễ hạn", "Các lần dự báo trước", "việc có lợi nhất"):
        assert head not in said


def test_the_page_of_a_commune_without_any_data(capsys: pytest.CaptureFixture[str]) -> None:
    given = document(1)
    given["communes"][0]["index"] = None
    forecast.show(given)
    assert _said(capsys).strip() == "Chưa đủ số liệu để dự báo: Đại Lãnh."


def test_a_year_that_is_over_asks_for_nothing_any_more(capsys: pytest.CaptureFixture[str]) -> None:
    given = document(1) | {"as_of": "2023-12-31T23:59:59+07:00"}
    given["communes"][0]["to_save"] = []
    forecast.show(given)
    said = _said(capsys)
    assert (
        said.startswith("Hết năm 2023, xã Đại Lãnh được 78,40 điểm; xếp loại Khá; hạng 5/13.")
        and "việc có lợi nhất" not in said
        and "Hạn mức" not in said
    )
    assert (
        "Cuối năm 2023 78,40 " in said
        and "(khoảng" not in said
        and "Các hạng khác" not in said
        and "nếu không làm gì khác" not in said
    )
    assert "tăng từ 77,9 lên 78,4 điểm." in said and "số liệu mới" not in said and words.NOTHING_TO_SAVE not in said


def test_the_district_of_a_year_that_is_over_is_a_result(capsys: pytest.CaptureFixture[str]) -> None:
    forecast.show(document() | {"as_of": "2023-12-31T23:59:59+07:00"})
    said = _said(capsys)
    assert "84,70" in said and "81,6–87,8" not in said and "Cách đọc" not in said


def test_no_figures_yet_are_a_dash_and_ranges_are_whole_on_a_narrow_screen(capsys: pytest.CaptureFixture[str]) -> None:
    given = document(3)
    given["communes"][1]["now"] |= {"total": 0.0, "max_scored": 0}
    forecast.show(given)
    said = _said(capsys)
    assert "0,00" not in said and "81,6–87,8" in said


def test_past_forecasts_stand_beside_it(capsys: pytest.CaptureFixture[str]) -> None:
    card: dict[str, Any] = {"text": "Trong 286 lần dự báo đã kiểm tra lại…", "hindsight": True}
    forecast.show(document(1) | {"scorecard": card})
    said = _said(capsys)
    assert card["text"] in said and backtest.HINDSIGHT in said


def test_many_dossiers_are_cut_and_nothing_reaches_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    given = document(1)
    row = given["communes"][0]
    row["to_save"] = [row["to_save"][0] | {"dossier_code": f"H-{n}", "procedure": "Cấp [red]giấy\x1b[31m"} for n in range(12)]
    row["to_save"][11]["p_late"] = 0.01
    row["levers"][0]["needed_text"] = "thêm [red]\x1b[31m1 hồ sơ"
    forecast.show(given)
    said = _said(capsys)
    assert "… còn 2 hồ sơ xếp sau hoặc ít nguy cơ hơn" in said and "H-9" in said and "H-10" not in said and "[red]" in said
