"""Sentences of the forecast's page: plain, honest about what can still happen, no statistics."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messages import fmt
from messages import forecast_words as words
from messages.pictures import chance, day, local_day, stamp
from tests.forecast_document import document, ranks

SHARES = st.floats(0, 1, allow_nan=False)


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.0, "0 %"), (0.0001, "dưới 1 %"), (0.006, "1 %"), (0.344, "34 %"), (0.994, "99 %"), (0.9999, "trên 99 %"), (1.0, "100 %")],
)
def test_a_chance_is_never_certain_while_it_can_turn(share: float, text: str) -> None:
    assert chance(share) == text.replace(" %", f"{fmt.NBSP}%")


@given(share=SHARES)
def test_only_certainty_is_said_to_be_certain(share: float) -> None:
    assert (chance(share) in (f"0{fmt.NBSP}%", f"100{fmt.NBSP}%")) == (share in (0.0, 1.0))


@given(weights=st.lists(st.floats(0.001, 1), min_size=2, max_size=40))
def test_a_range_of_ranks_holds_at_least_80_percent(weights: list[float]) -> None:
    chances = [weight / sum(weights) for weight in weights]
    first, last = words.rank_bounds(chances) or (0, 0)
    assert 1 <= first <= last <= len(chances)
    assert sum(chances[first - 1 : last]) >= 0.8 - 1e-9
    assert sum(chances[: first - 1]) < 0.1 + 1e-9 and sum(chances[last:]) <= 0.1 + 1e-9


def test_a_rank_that_is_sure_is_one_figure() -> None:
    assert (
        words.rank_range([0.0, 1.0, 0.0]) == "2" and words.rank_range([0.5, 0.5]) == "1–2" and words.rank_range([1.0]) == fmt.DASH
    )


@given(share=SHARES, width=st.integers(1, 60))
def test_a_bar_is_as_long_as_its_share(share: float, width: int) -> None:
    bar = words.bar(share, width)
    assert abs(len(bar) - share * width) <= 1 and (len(bar) == 0) == (round(share * width * 8) == 0)


def test_the_headline_says_points_chance_and_rank() -> None:
    whole = document()
    assert words.headline(whole["communes"][0], whole) == (
        f"Nếu không có gì thay đổi, cuối năm 2023 xã Đại Lãnh được khoảng 78,4 điểm (80{fmt.NBSP}% khả năng trong 75,5–81,3); "
        f"khả năng đạt Tốt trở lên: 24{fmt.NBSP}%; hạng dự kiến: 5/13."
    )


def test_the_headline_of_a_lone_commune_says_estimated_and_of_no_rank_nothing() -> None:
    whole = document(1)
    row = whole["communes"][0]
    row["rank_basis"] = "estimated_peers"
    assert "hạng dự kiến: 5/13 (ước tính)." in words.headline(row, whole)
    row["rank_probability"], row["p_good"] = [1.0], None
    assert "hạng" not in words.headline(row, whole) and "khả năng đạt" not in words.headline(row, whole)


def test_the_headline_of_a_year_that_is_over_is_the_score_to_the_digit() -> None:
    whole = document()
    whole["as_of"] = "2023-12-31T16:59:59+00:00"
    whole["communes"][0]["index"]["p50"] = 78.37
    assert words.headline(whole["communes"][0], whole).startswith("Hết năm 2023, xã Đại Lãnh được 78,37 điểm;")


def test_days_are_those_of_viet_nam() -> None:
    assert day("2023-06-30T17:30:00+00:00") == "01/07/2023" and day("2023-06-30") == "30/06/2023"
    assert local_day("2023-06-30T23:59:59+07:00").isoformat() == "2023-06-30"


def test_the_stamp_says_reconstructed_once() -> None:
    whole = document()
    assert stamp(whole).count("bản dựng lại") == 1
    whole["criteria_label"] = "Bộ tiêu chí X"
    assert stamp(whole) == "Tính đến 30/06/2023 · Bộ tiêu chí X · bản dựng lại"


MANY = {"codes": list("ABCDEFGH"), "p_good": 0.83, "texts": [f"{code}: việc" for code in "ABCDEFGH"]}


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        ({}, ["Ít việc nhất để khả năng đạt Tốt lên 83 % (2 việc):", "VII.2: Thêm 41 hồ sơ nộp trực tuyến trước 31/12/2023",
              "I.5: Thêm 1 sáng kiến được công nhận"]),
        ({"plan": None}, ["Các việc tính được chưa đủ để đưa khả năng đạt Tốt lên 80 %."]),
        ({"plan": {"codes": ["I.5"], "p_good": 0.6, "texts": ["I.5: việc"]}},
         ["Làm hết 1 việc sau, khả năng đạt Tốt cũng chỉ lên 60 %:", "I.5: việc"]),
        ({"plan": MANY}, ["Thực tế khó đạt Tốt: phải làm xong cả 8 việc thì khả năng mới lên 83 %. Hãy chọn các việc có lợi nhất ở trên "
                          "để thêm điểm và giữ hạng."]),
        ({"p_good": 0.91}, ["Khả năng đạt Tốt trở lên đã là 91 %; giữ nhịp làm việc hiện nay."]),
        ({"p_good": None}, []),
    ],
)  # fmt: skip
def test_the_plan_says_what_reaches_the_grade_or_that_nothing_does(edit: dict[str, Any], said: list[str]) -> None:
    whole = document(1)
    assert [line.replace(fmt.NBSP, " ") for line in words.plan_lines(whole["communes"][0] | edit, whole)] == said


def test_a_lever_says_what_it_brings_and_who_does_it() -> None:
    lever = document(1)["communes"][0]["levers"][0]
    todo, brings = (line.replace(fmt.NBSP, " ") for line in words.lever_lines(lever, "Tốt"))
    assert todo == "VII.2: Thêm 41 hồ sơ nộp trực tuyến trước 31/12/2023"
    assert brings == "Thêm khoảng 1,50 điểm; khả năng đạt Tốt: 24 % → 42 %; hạng dự kiến: 5,1 → 4,2; Bộ phận Một cửa."
    bare = lever | {"p_good_if_done": lever["p_good_now"], "rank_now": None, "owner": None, "needed_text": ""}
    assert words.lever_lines(bare, "Tốt")[1].replace(fmt.NBSP, " ") == "Thêm khoảng 1,50 điểm; khả năng đạt Tốt: vẫn 24 %."
    assert words.lever_lines(bare, "Tốt")[0] == "VII.2: Tỷ lệ hồ sơ nộp trực tuyến"


@pytest.mark.parametrize(
    ("edit", "text"),
    [
        ({}, "So với dự báo ngày 29/06/2023: tăng từ 77,9 lên 78,4 điểm (số liệu mới +0,4; thời gian trôi qua +0,1)."),
        ({"after": 76.9, "new_facts": -1.2, "elapsed": 0.01, "rules": 0.2},
         "So với dự báo ngày 29/06/2023: giảm từ 77,9 xuống 76,9 điểm (số liệu mới −1,2; thay đổi quy định +0,2)."),
        ({"after": 77.94, "new_facts": 0.04, "elapsed": None}, "So với dự báo ngày 29/06/2023: vẫn khoảng 77,9 điểm."),
    ],
)  # fmt: skip
def test_changes_since_the_last_forecast(edit: dict[str, Any], text: str) -> None:
    assert words.changes_text(document(1)["communes"][0]["changes"] | edit) == text


def test_open_dossiers_in_a_sentence() -> None:
    counts = {"count": 37, "past_due": 4, "expected_late": 6.2}
    assert (
        words.open_text(counts)
        == "Đang giải quyết 37 hồ sơ, 4 hồ sơ đã quá ngày hẹn trả; nếu không làm gì khác, khoảng 2 hồ sơ nữa sẽ trễ."
    )
    assert "6 hồ sơ đã quá ngày hẹn trả, chưa hồ sơ nào bị tính trễ hạn; nếu không làm gì khác, khoảng 1 hồ sơ nữa" in (
        words.open_text({"count": 17, "past_due": 6, "late": 0, "expected_late": 0.8})
    )
    none = words.open_text({"count": 5, "past_due": 0, "expected_late": 0.2})
    assert (
        none
        == "Đang giải quyết 5 hồ sơ, chưa hồ sơ nào quá ngày hẹn trả; nếu không làm gì khác, gần như không hồ sơ nào nữa sẽ trễ."
    )
    over = words.open_text({"count": 17, "past_due": 6, "late": 6, "expected_late": 9.0}, settled=True)
    assert over == "Đang giải quyết 17 hồ sơ, 6 hồ sơ đã quá ngày hẹn trả."
    assert words.open_text({"count": 0, "past_due": 0, "expected_late": 0.0}) == "Không có hồ sơ nào đang giải quyết."


def test_days_left_and_what_is_not_measured() -> None:
    said = [words.days_left_text(days).replace(fmt.NBSP, " ") for days in (3, 0, -2, None)]
    assert said == ["còn 3 ngày", "hôm nay", "quá 2 ngày", fmt.DASH]
    row = document(1)["communes"][0]
    assert str(words.not_measured_text(row)).startswith(f"41{fmt.NBSP}% của phần chưa chắc chắn")
    assert "đều thuộc nội dung đang đo được" in str(words.not_measured_text(row | {"not_measured_share": 0.0}))
    assert words.not_measured_text(row | {"not_measured_share": None}) is None
    assert words.doubt_text(row["criteria"]) == (
        "Kết quả còn phụ thuộc nhiều nhất vào: VIII.1 Mức độ hài lòng của người dân; III.3 Tỷ lệ hồ sơ trễ hạn; I.1 Kế hoạch cải "
        "cách hành chính."
    )
    assert words.doubt_text([line | {"variance_share": None} for line in row["criteria"]]) is None


def test_intervals_that_were_never_checked_say_so() -> None:
    assert words.calibration_text(None) == words.calibration_text({"factor": 1.0, "origins": 0, "years": []}) == words.NO_HISTORY
    assert words.calibration_text(document(1)["calibration"]) == (
        "Độ rộng của khoảng đã chỉnh theo kết quả dự báo thử từ 24 thời điểm của các năm 2021, 2022."
    )


def test_levers_of_equal_chance_are_ordered_by_points() -> None:
    row = document(1)["communes"][0]
    for lever in row["levers"]:
        lever["p_good_if_done"] = lever["p_good_now"]
    assert [lever["code"] for lever in words.ordered_levers(row)] == ["VII.2", "I.5", "III.3", "VII.4"]
    row["levers"][0]["p_good_if_done"] = None
    assert "VII.2" not in [lever["code"] for lever in words.ordered_levers(row)]


def test_no_sentence_needs_a_statistician() -> None:
    whole = document()
    row = whole["communes"][0] | {"rank_probability": ranks(3, 13)}
    said = " ".join([
        words.HOW_TO_READ, words.NO_HISTORY, words.headline(row, whole), *words.plan_lines(row, whole), words.open_text(row["open"]),
        words.changes_text(row["changes"]), str(words.not_measured_text(row)), str(words.doubt_text(row["criteria"])),
        words.calibration_text(whole["calibration"]),
    ])  # fmt: skip
    assert not re.search(r"trung vị|phân vị|phương sai|xác suất|mô phỏng|CRPS|quantile", said, re.IGNORECASE)
    assert unicodedata.is_normalized("NFC", said)


def test_steps_that_cannot_be_reached_come_last() -> None:
    row = document(1)["communes"][0]
    row["levers"][0]["possible"] = False
    assert [lever["code"] for lever in words.ordered_levers(row)] == ["I.5", "III.3", "VII.4", "VII.2"]


def test_nothing_is_impossible_or_certain_while_the_year_runs() -> None:
    said = [words.odds(p).replace(fmt.NBSP, " ") for p in (0.0, 0.004, 0.4, 1.0)]
    assert said == ["dưới 1 %", "dưới 1 %", "40 %", "trên 99 %"]
    assert [words.odds(p, settled=True).replace(fmt.NBSP, " ") for p in (0.0, 1.0)] == ["0 %", "100 %"]


def test_a_commune_without_a_grade_hears_of_none() -> None:
    whole = document(1)
    row = whole["communes"][0] | {"grade_probability": {"Tốt": 0.0, "Khá": 0.0}, "p_good": 0.0}
    assert "khả năng đạt" not in words.headline(row, whole)


def test_today_says_of_what_it_is_the_sum() -> None:
    whole = document(1)
    row = whole["communes"][0]
    row["now"]["max_scored"] = 12.0
    assert str(words.measured_text(row, whole)).startswith(
        "«Đến nay» mới tính các nội dung đã có số liệu, tối đa 12,00 trong 18,00 điểm"
    )
    row["now"]["max_scored"] = 18.0
    assert words.measured_text(row, whole) is None


@pytest.mark.parametrize(
    ("edit", "text"),
    [
        ({}, "Hạng là ước tính: chưa có số liệu của 2 xã khác, điểm của các xã đó suy từ kết quả công bố năm 2022, chỉnh theo báo cáo "
             "tháng năm nay của 1 xã trong số đó."),
        ({"with_reports": ["A", "B"], "years": [2021, 2022], "left_out": ["C"]},
         "Hạng là ước tính: chưa có số liệu của 2 xã khác, điểm của các xã đó suy từ kết quả công bố các năm 2021–2022, chỉnh theo báo "
         "cáo tháng năm nay của cả các xã đó. Không xếp hạng vì chưa từng có kết quả công bố: C."),
        ({"with_reports": []}, "Hạng là ước tính: chưa có số liệu của 2 xã khác, điểm của các xã đó suy từ kết quả công bố năm 2022, "
                               "chưa đủ báo cáo tháng để chỉnh theo năm nay."),
        ({"estimated": [], "with_reports": [], "left_out": ["C"], "years": []},
         "Không ước tính được hạng so với các xã chưa có số liệu: chưa có kết quả công bố nào của các xã đó."),
    ],
)  # fmt: skip
def test_what_the_rank_rests_on(edit: dict[str, Any], text: str) -> None:
    peers = {"estimated": ["A", "B"], "with_reports": ["A"], "left_out": [], "years": [2022, 2022]}
    assert words.peers_text(peers | edit) == text


def test_exports_that_stop_before_the_day_are_said() -> None:
    whole = document(1)
    row = whole["communes"][0]
    assert words.silence_text(row, whole) is None and words.today(whole) == "Đến nay"
    row["data_until"] = "2023-05-31"
    assert str(words.silence_text(row, whole)).startswith(
        "Số liệu hồ sơ của xã Đại Lãnh mới có đến ngày 31/05/2023, sau các xã khác"
    )
    assert words.behind_text([row]).endswith("Đại Lãnh (đến 31/05/2023).")
    whole["data_until"] = "2023-05-31"
    said = str(words.silence_text(row, whole))
    assert said.startswith("Số liệu hồ sơ mới có đến ngày 31/05/2023; dự báo tính từ ngày đó.") and "sau các xã khác" not in said
    assert words.silence_text(None, whole) == said and words.today(whole) == "Đến 31/05/2023"
    whole["as_of"] = "2023-12-31T23:59:59+07:00"
    assert "kết quả này chưa gồm phần còn lại của năm" in str(words.silence_text(row, whole)) and words.today(whole) == "Đến nay"


def test_a_grade_that_says_attained_says_it_once() -> None:
    whole = document(1) | {"good_grade": "Đạt mức 90 %"}
    row = whole["communes"][0]
    said = " ".join(
        [words.headline(row, whole), *words.plan_lines(row, whole), *words.lever_lines(row["levers"][0], "Đạt mức 90 %")]
    )
    assert "khả năng đạt mức 90 %" in said and "đạt Đạt" not in said


def test_a_year_that_is_over_has_a_grade_and_no_chance_of_one() -> None:
    whole = document(1) | {"as_of": "2023-12-31T23:59:59+07:00"}
    said = words.headline(whole["communes"][0], whole)
    assert "xếp loại Khá" in said and "khả năng" not in said


def test_a_set_that_nothing_was_published_about_says_so() -> None:
    peers = {"estimated": ["A"], "with_reports": [], "left_out": [], "years": [2022, 2022], "other_set": True}
    assert words.peers_text(peers).endswith("không phải bộ tiêu chí này, nên hạng chỉ để tham khảo.")
