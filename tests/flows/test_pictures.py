"""The pictures of a forecast: what is on them, that it is Vietnamese, that letters exist, that files are whole."""

from __future__ import annotations

import re
import struct
import unicodedata
import zlib
from collections.abc import Callable, Iterator
from html import unescape
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import altair as alt
import pytest

from flows.steps import pictures
from flows.steps import pictures_charts as charts
from messages import fmt
from messages import pictures as words
from tests.forecast_document import document, history, quantiles, ranks

pytestmark = pytest.mark.slow  # the first picture of a process starts Vega: about two seconds

Edit = Callable[[dict[str, Any], dict[str, Any]], Any]


def _home(folder: Path) -> Any:
    return SimpleNamespace(reports=folder)


def _layers(chart: Any) -> list[dict[str, Any]]:
    """Return the layers of a chart that Altair finds valid, each with its own rows under "rows"."""
    spec = chart.to_dict()
    return [layer | {"rows": layer.get("data", spec.get("data"))["values"]} for layer in spec["layer"]]


def _rows(chart: Any, *names: str) -> Iterator[list[dict[str, Any]]]:
    """Yield the rows of each layer that has these columns."""
    for layer in _layers(chart):
        if layer["rows"] and set(names) <= set(layer["rows"][0]):
            yield layer["rows"]


def _texts(chart: Any) -> list[str]:
    svg = pictures.svg_of(chart)
    return [unescape(text) for text in re.findall(r">([^<>]+)</(?:text|tspan)>", svg)]


@pytest.fixture()
def year() -> dict[str, Any]:
    return document()


@pytest.fixture()
def commune(year: dict[str, Any]) -> dict[str, Any]:
    return year["communes"][0]


def test_fan_has_the_earlier_forecasts_today_and_the_edges(commune: dict[str, Any], year: dict[str, Any]) -> None:
    past, today = [rows for rows in _rows(charts.fan_chart(commune, year), "p025", "p975")][::3]
    assert len(past) == len(history(0)) + 1 and past[-1]["p50"] == commune["index"]["p50"]
    assert [row["day"] for row in today] == [180, 364]
    assert set(today[0].values()) == {words.TODAY, 180, commune["now"]["total"]}
    assert today[1] == {"series": words.TODAY, "day": 364} | {
        name: commune["index"][name] for name in ("p025", "p10", "p50", "p90", "p975")
    }
    edges = next(_rows(charts.fan_chart(commune, year), "low"))
    assert [row["low"] for row in edges] == [80.0, 65.0]


def test_fan_says_it_in_vietnamese_with_decimal_commas(commune: dict[str, Any], year: dict[str, Any]) -> None:
    texts = _texts(charts.fan_chart(commune, year))
    assert f"Nếu không có gì thay đổi: khoảng 78,4 điểm (80{fmt.NBSP}% khả năng: 75,5–81,3)." in texts
    assert "Tính đến 30/06/2023 · Bộ tiêu chí CCHC cấp xã (bản dựng lại, 100 điểm)" in texts
    assert {"Tốt: từ 80", "Khá: từ 65", "Đến nay (30/06): 66,4", "T1", "T12", "31/12", "78,4", words.TODAY} <= set(texts)
    assert not [text for text in texts if re.search(r"\d\.\d", text)]
    assert all(unicodedata.is_normalized("NFC", text) for text in texts)


def test_axis_numbers_have_a_decimal_comma(commune: dict[str, Any], year: dict[str, Any]) -> None:
    commune["index"] = commune["grading_index"] = quantiles(79.8, 0.25)
    commune["history"], commune["now"]["total"] = [], None
    assert {"79,5", "80,5"} <= set(_texts(charts.fan_chart(commune, year)))


def test_fan_without_history_or_a_score_keeps_the_year_end(commune: dict[str, Any], year: dict[str, Any]) -> None:
    commune["history"], commune["now"]["total"] = [], None
    chart = charts.fan_chart(commune, year)
    assert not list(_rows(chart, "p025"))
    texts = _texts(chart)
    assert {"75,5", "78,4", "81,3"} <= set(texts) and words.TODAY not in texts and words.EARLIER not in texts


def test_fan_of_a_year_that_is_over_says_the_score_to_the_digit(commune: dict[str, Any], year: dict[str, Any]) -> None:
    year["as_of"] = "2023-12-31T16:59:59+00:00"  # a second before midnight in Việt Nam
    commune["index"] = commune["grading_index"] = dict.fromkeys(commune["index"], 78.37)
    texts = _texts(charts.fan_chart(commune, year))
    assert "Hết năm: 78,37 điểm." in texts and words.TODAY not in texts
    assert texts.count("78,4") == 2  # low, middle and high are one figure; a white rim and the text


def test_fan_draws_no_grade_on_another_scale(commune: dict[str, Any], year: dict[str, Any]) -> None:
    commune["grading_index"] = quantiles(85.0, 2.3)
    texts = _texts(charts.fan_chart(commune, year))
    assert words.OTHER_SCALE in texts and "Tốt: từ 80" not in texts


def test_labels_that_would_touch_are_moved_apart(commune: dict[str, Any], year: dict[str, Any]) -> None:
    commune["index"] = commune["grading_index"] = quantiles(78.4, 0.3)
    svg = pictures.svg_of(charts.fan_chart(commune, year))
    heights = sorted({float(y) for y in re.findall(r'translate\([\d.]+,([\d.]+)\)"[^>]*>78,[048]<', svg)})
    assert len(heights) == 3
    assert heights[1] - heights[0] > 12 and heights[2] - heights[1] > 12


def test_grade_bars_are_in_the_order_of_the_grades_and_never_only_colour(commune: dict[str, Any], year: dict[str, Any]) -> None:
    chart = charts.grade_chart(commune, year)
    rows = next(_rows(chart, "p"))
    assert [row["grade"] for row in rows] == ["Tốt", "Khá", "Trung bình", "Yếu"]
    assert sum(row["p"] for row in rows) == pytest.approx(1)
    texts = _texts(chart)
    assert {f"24{fmt.NBSP}%", f"76{fmt.NBSP}%", f"dưới 1{fmt.NBSP}%"} <= set(texts)
    assert f"Nhiều khả năng nhất: Khá (76{fmt.NBSP}%). Đạt Tốt trở lên: 24{fmt.NBSP}%." in texts


def test_only_a_year_that_is_over_is_certain(commune: dict[str, Any], year: dict[str, Any]) -> None:
    commune |= {
        "grade_probability": {"Tốt": 1.0, "Khá": 0.0},
        "p_good": 1.0,
        "rank_probability": [1.0, 0.0],
        "expected_rank": 1.0,
    }
    ended = year | {"as_of": "2023-12-31T23:59:59+07:00"}
    for draw in (charts.grade_chart, charts.rank_chart):
        running, over = (" ".join(_texts(draw(commune, when))) for when in (year, ended))
        assert f"trên 99{fmt.NBSP}%" in running and "trên 99" not in over and f"100{fmt.NBSP}%" in over


def test_grade_bars_show_that_there_may_be_no_grade(commune: dict[str, Any], year: dict[str, Any]) -> None:
    commune["no_grade_probability"] = 0.2
    commune["grade_probability"] = {grade: 0.8 * p for grade, p in commune["grade_probability"].items()}
    assert "Không xếp loại" in _texts(charts.grade_chart(commune, year))


def test_rank_bars_mark_the_expected_rank_and_say_when_peers_are_estimated(commune: dict[str, Any], year: dict[str, Any]) -> None:
    rows = next(_rows(charts.rank_chart(commune, year), "rank", "p"))
    assert [row["rank"] for row in rows] == list(range(1, 14)) and sum(row["p"] for row in rows) == pytest.approx(1)
    texts = _texts(charts.rank_chart(commune, year))
    assert (
        "Dự kiến: 5,1" in texts and "Đại Lãnh: thứ hạng cuối năm 2023 trong 13 xã" in texts and "ước tính" not in " ".join(texts)
    )
    commune["rank_basis"] = "estimated_peers"
    assert "ước tính" in " ".join(_texts(charts.rank_chart(commune, year)))


def test_rank_bars_of_a_province_leave_out_what_cannot_happen(commune: dict[str, Any], year: dict[str, Any]) -> None:
    commune["rank_probability"], commune["expected_rank"] = ranks(61, 132), 60.9
    shown = [row["rank"] for row in next(_rows(charts.rank_chart(commune, year), "rank", "p"))]
    assert shown[0] > 50 and shown[-1] < 72 and shown == list(range(shown[0], shown[-1] + 1))


def test_levers_are_ordered_by_what_they_bring(commune: dict[str, Any], year: dict[str, Any]) -> None:
    commune["levers"].reverse()
    chart = charts.lever_chart(commune, year)
    rows = next(_rows(chart, "more"))
    assert [row["code"] for row in rows] == ["VII.2", "I.5", "III.3", "VII.4"]
    assert [row["more"] for row in rows] == pytest.approx([0.18, 0.11, 0.10, 0.02]) and rows[0]["points"] == 1.5
    texts = _texts(chart)
    assert "Thêm 41 hồ sơ nộp trực tuyến trước 31/12/2023" in texts
    assert f"khả năng 24{fmt.NBSP}% → 42{fmt.NBSP}%, thêm 1,50 điểm" in texts


def test_levers_that_move_no_probability_show_points(commune: dict[str, Any], year: dict[str, Any]) -> None:
    commune["p_good"] = 0.0
    for lever in commune["levers"]:
        lever["p_good_now"] = lever["p_good_if_done"] = 0.0
    chart = charts.lever_chart(commune, year)
    assert [layer["encoding"]["x"]["field"] for layer in _layers(chart)[:2]] == ["points", "points"]
    assert "thanh cho biết số điểm thêm" in " ".join(_texts(chart))


def test_district_is_ordered_and_has_both_intervals(year: dict[str, Any]) -> None:
    chart = charts.district_chart(year)
    rows = next(_rows(chart, "p025", "p90"))
    assert len(rows) == 13 and [row["p50"] for row in rows] == sorted((row["p50"] for row in rows), reverse=True)
    texts = _texts(chart)
    assert {"Đại Lãnh", "Vạn Thọ", "84,7", "Tốt: từ 80"} <= set(texts) and words.POINTS_AXIS in texts
    year["communes"][0]["grading_index"] = quantiles(90.0, 1.0)
    again = charts.district_chart(year)
    assert words.SCALED_AXIS in _texts(again) and next(_rows(again, "p025", "p90"))[0]["name"] == "Đại Lãnh"


def test_names_of_close_grades_stand_on_two_lines(year: dict[str, Any]) -> None:
    year["bands"] = [{"grade": f"Mức {edge}", "from": float(edge), "below": None} for edge in (90, 80, 70, 60, 50)]
    svg = pictures.svg_of(charts.district_chart(year))
    heights = {float(y) for y in re.findall(r'translate\([\d.]+,(-?[\d.]+)\)"[^>]*>Mức', svg)}
    assert len(heights) == 2 and max(heights) - min(heights) > 12


@pytest.mark.parametrize(
    ("draw", "edit"),
    [
        (charts.fan_chart, lambda row, _: row.update(index=None)),
        (charts.grade_chart, lambda row, _: row.update(grade_probability={})),
        (charts.grade_chart, lambda row, _: row.update(grade_probability={"Tốt": 0.0, "Khá": 0.0}, no_grade_probability=1.0)),
        (charts.rank_chart, lambda row, _: row.update(rank_probability=[1.0], expected_rank=1.0)),
        (charts.rank_chart, lambda row, _: row.update(expected_rank=None)),
        (charts.lever_chart, lambda row, _: row.update(levers=[])),
        (lambda _, whole: charts.district_chart(whole), lambda _, whole: whole.update(communes=whole["communes"][:1])),
    ],
)
def test_a_picture_of_nothing_is_not_drawn(draw: Any, edit: Edit, commune: dict[str, Any], year: dict[str, Any]) -> None:
    assert draw(commune, year) is not None
    edit(commune, year)
    assert draw(commune, year) is None


def _pixels(png: bytes) -> tuple[int, int, bytes]:
    """Return width, height and raw bytes."""
    width, height = struct.unpack(">II", png[16:24])
    data, place = b"", 8
    while place < len(png):
        length, kind = struct.unpack(">I4s", png[place : place + 8])
        data += png[place + 8 : place + 8 + length] if kind == b"IDAT" else b""
        place += 12 + length
    return width, height, zlib.decompress(data)


def test_files_are_whole_phone_sized_and_of_one_night(tmp_path: Path, year: dict[str, Any], commune: dict[str, Any]) -> None:
    small = year | {"communes": year["communes"][:2]}
    written = pictures.draw_pictures(_home(tmp_path), small)
    folder = tmp_path / "du-bao-2023"
    assert written == {words.NAMES["huyen"]: str(folder / "huyen.png"), words.FOLDER: str(folder)}
    assert len(list(folder.glob("*.svg"))) == len(list(folder.glob("*.png"))) == 9 and not list(folder.glob("*.part"))
    for path in folder.glob("*.png"):
        width, height, raw = _pixels(path.read_bytes())
        assert width == 2 * charts.WIDTH <= 2 * 640 and height > 200 and len(set(raw)) > 50, path.name
    sizes = {
        float(size) for path in folder.glob("*.svg") for size in re.findall(r'font-size="([\d.]+)px"', path.read_text("utf-8"))
    }
    assert sizes and min(sizes) >= 12

    before = (folder / "22495-diem.png").stat().st_mtime_ns
    commune["levers"] = []
    single = pictures.draw_pictures(_home(tmp_path), small, ["22492"])
    assert set(single) == {words.NAMES[name] for name in ("diem", "xep-loai", "hang")}
    assert not list(folder.glob("22492-viec-can-lam.*")) and (folder / "huyen.png").exists()
    assert (folder / "22495-diem.png").stat().st_mtime_ns == before


def test_no_commune_no_picture(tmp_path: Path, year: dict[str, Any]) -> None:
    assert pictures.draw_pictures(_home(tmp_path), year | {"communes": []}) == {}
    assert not list((tmp_path / "du-bao-2023").iterdir())


def test_every_vietnamese_letter_has_its_own_shape() -> None:
    """A letter that the font lacks is an empty box, the same one for each."""
    letters = "ăâđêôơưắằẳẵặấầẩẫậếềểễệốồổỗộớờởỡợứừửữựạảẹẻẽịỉĩọỏụủũỳỷỹỵĐẾỮỌ"
    shapes = {
        pictures.png_of(
            '<svg xmlns="http://www.w3.org/2000/svg" width="30" height="40">'
            f'<text x="4" y="30" font-size="24" font-family="{charts.FONT}">{letter}</text></svg>'
        )
        for letter in letters
    }
    assert len(shapes) == len(set(letters))


def test_nothing_is_fetched(commune: dict[str, Any], year: dict[str, Any]) -> None:
    drawn = [draw(commune, year) for draw in (charts.fan_chart, charts.grade_chart, charts.rank_chart, charts.lever_chart)]
    assert not [chart for chart in (*drawn, charts.district_chart(year)) if '"url"' in chart.to_json()]
    outside = alt.layer(alt.Chart(alt.UrlData(url="https://example.invalid/a.json")).mark_point())
    with pytest.raises(ValueError, match=r"example\.invalid"):
        pictures.svg_of(outside)
