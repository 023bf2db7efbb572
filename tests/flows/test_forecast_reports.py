"""The forecast's tables for Excel: decimal commas, no formula, every dossier to save, and the JSON as it was."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from flows.steps.reports import write_forecast
from tests.forecast_document import document


def _write(folder: Path, given: dict[str, Any]) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    home: Any = SimpleNamespace(reports=folder / "reports")
    written = write_forecast(home, given)
    assert json.loads(Path(written["Dự báo (JSON)"]).read_text(encoding="utf-8")) == given
    assert not list(folder.rglob("*.part"))
    tables = []
    for label, name in (("Dự báo (bảng cho Excel)", "du-bao-2023.csv"), ("Hồ sơ cần cứu (bảng cho Excel)", "can-cuu-2023.csv")):
        path = Path(written[label])
        assert path.name == name
        tables.append(list(csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines(), delimiter=";", strict=True)))
    return tables[0], tables[1]


def test_figures_are_as_vietnamese_excel_reads_them(tmp_path: Path) -> None:
    forecast, saved = _write(tmp_path, document())
    assert len(forecast) == 13 and len(saved) == 2 * 13
    first = forecast[0]
    assert first["Mã xã"] == "22492" and first["Điểm hiện nay"] == "66,40" and first["Điểm cuối năm (mức giữa)"] == "78,40"
    assert (first["80 %: từ"], first["80 %: đến"]) == ("75,45", "81,35")
    assert (first["Hạng dự kiến"], first["Hạng khả dĩ: từ"], first["Hạng khả dĩ: đến"]) == ("5,10", "3", "7")
    grades = [float(first[f"{name} (%)"].replace(",", ".")) for name in ("Tốt", "Khá", "Trung bình", "Yếu")]
    assert sum(grades) == pytest.approx(100, abs=0.02) and first["Đạt Tốt trở lên (%)"] == first["Tốt (%)"]
    assert saved[0]["Mã hồ sơ"] == "H32.105.22492-230628-0007" and saved[0]["Hẹn trả"] == "03/07/2023"
    assert (saved[0]["Khả năng trễ (%)"], saved[0]["Điểm có thể mất"], saved[0]["Ngày làm việc còn lại"]) == (
        "62,00",
        "0,0400",
        "1",
    )
    assert saved[1]["Cán bộ"] == "" and saved[0]["Thủ tục"] == "Đăng ký khai sinh"
    named = document(1)
    named["communes"][0]["to_save"][0] |= {"procedure": "1.001193", "procedure_name": "Đăng ký kết hôn"}
    assert _write(tmp_path, named)[1][0]["Thủ tục"] == "Đăng ký kết hôn"


def test_a_commune_without_a_forecast_has_empty_cells(tmp_path: Path) -> None:
    given = document(2)
    given["communes"][1] |= {
        "index": None, "grade_probability": {}, "p_good": None, "rank_probability": [], "expected_rank": None, "to_save": [],
    }  # fmt: skip
    forecast, saved = _write(tmp_path, given)
    assert forecast[1]["Tên xã"] == "Vạn Thọ" and {row["Mã xã"] for row in saved} == {"22492"}
    empty = [name for name, cell in forecast[1].items() if cell == ""]
    assert {"Điểm cuối năm (mức giữa)", "95 %: đến", "Hạng dự kiến", "Hạng khả dĩ: từ", "Tốt (%)", "Đạt Tốt trở lên (%)"} <= set(
        empty
    )


@pytest.mark.parametrize("start", ["=", "+", "@", "\t=", "\r\n="])
def test_no_text_becomes_a_formula(tmp_path: Path, start: str) -> None:
    given = document(1)
    text = f"{start}HYPERLINK(1)"
    given["communes"][0]["to_save"][0] |= {"dossier_code": text, "procedure": text, "officer": text, "department": text}
    _, saved = _write(tmp_path, given)
    assert len(saved) == 2
    for name in ("Mã hồ sơ", "Thủ tục", "Cán bộ", "Bộ phận"):
        assert saved[0][name].startswith("'") and saved[0][name].endswith("HYPERLINK(1)")
