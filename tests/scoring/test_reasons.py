"""Reason codes and their Vietnamese sentences: figures, remedies, nothing without words."""

from __future__ import annotations

import unicodedata

import pytest

from messages import budget_text, fmt, reason_text, recover_text, threshold_text, value_text
from messages.reasons import REASON_CODES
from scoring import reasons
from scoring.engine import score
from tests.scoring.frames import A, B, everything, law, one, row

COMMUNES = [str(30000 + k) for k in range(60)]


def plain(text: str) -> str:
    return text.replace(fmt.NBSP, " ")


def said(scores: object, code: str, commune: str = A) -> tuple[str, str]:
    got = row(scores, code, commune)  # type: ignore[arg-type]
    params = got["reason_params"]
    return plain(reason_text(got["reason"], params)), plain(recover_text(got["reason"], params))


def test_every_reason_code_has_words() -> None:
    assert set(reasons.ALL_REASONS) == REASON_CODES
    assert set(reasons.LOSS_REASON) >= {c.rule.family for c in law().criteria if c.rule}


def test_every_row_with_a_reason_can_be_told() -> None:
    m, d = everything(COMMUNES, 5)
    s = score(m, d, law(), COMMUNES)
    told = s.criteria[s.criteria["reason"].notna()]
    assert len(told) > 1000
    for code, params in zip(told["reason"], told["reason_params"]):
        for text in (reason_text(code, params), recover_text(code, params)):
            assert text.endswith(".") and ".." not in text and "None" not in text and "nan" not in text
            assert unicodedata.is_normalized("NFC", text)
    losing = s.criteria[s.criteria["lost"] > 0]
    assert losing["reason"].notna().all() and losing["reason_params"].notna().all()


def test_overdue_sentence_and_budget() -> None:
    s = one([(A, "overdue_rate", 12, 812)])
    why, what = said(s, "III.3")
    assert "1,48 % (12/812 hồ sơ được tính), không dưới mức 1 %" in why
    assert what == "Đã vượt 4 hồ sơ; cần thêm 389 hồ sơ đúng hạn để tỷ lệ xuống dưới 1 %."
    assert plain(budget_text(6, 8, 0.01)) == "Còn được trễ tối đa 2 hồ sơ để giữ dưới 1 %."
    assert plain(budget_text(8, 8, 0.01)) == "Không được trễ thêm hồ sơ nào để giữ dưới 1 %."


def test_online_sentence_says_that_the_target_is_assumed() -> None:
    s = one([(A, "online_rate", 200, 812)])
    why, what = said(s, "VII.1")
    assert "24,63 % (200/812 hồ sơ tiếp nhận), dưới mức 30 % (chỉ tiêu giả định, chưa có văn bản)" in why
    assert what == "Cần thêm 63 hồ sơ trực tuyến mới để đạt 30 %."
    assert (200 + 63) / (812 + 63) >= 0.3 > (200 + 62) / (812 + 62)


@pytest.mark.parametrize(
    ("measured", "declared", "code", "why", "what"),
    [
        (
            [(A, "digitised_rate", 300, 800)],
            [],
            "III.6",
            "37,5 % (300/800",
            "Cần thêm 340 hồ sơ được số hóa để đạt 80 %.",
        ),
        (
            [(A, "officer_review_months", 11, None)],
            [],
            "III.8",
            "(11/12 tháng)",
            "Cần thêm 1 tháng có đánh giá để đạt 100 %.",
        ),
        ([(A, "initiatives", 0, None)], [], "I.6", "0/1 sáng kiến", "Cần thêm 1 sáng kiến."),
        (
            [(A, "survey_day_coverage", 9, 10)],
            [],
            "III.9",
            "90 % (9/10 ngày làm việc)",
            "Phần đã lỡ không bù được",
        ),
        (
            [(A, "repeat_supplement_rate", 5, 500)],
            [],
            "III.7",
            "1 % (5/500",
            "không yêu cầu bổ sung lần thứ hai",
        ),
        ([(A, "task_completion", 7, 10)], [], "I.2", "dưới 80 % nên không có điểm", "Cần thêm 3 nhiệm vụ"),
        ([], [(A, "I.1", 3, None, "evidenced")], "I.1", "chậm 3 ngày", "Năm sau"),
        (
            [],
            [(A, "I.3", 2, None, "declared")],
            "I.3",
            "2 báo cáo chậm, mỗi trường hợp trừ 0,25 điểm; mới tự kê khai",
            "kiểm chứng",
        ),
        (
            [],
            [(A, "III.5", 0.95, None, "evidenced")],
            "III.5",
            "chưa tới bậc 100 % (2,00 điểm)",
            "Cần nâng từ 95 % lên 100 %.",
        ),
        ([], [(A, "III.5", 0.8, None, "evidenced")], "III.5", "chưa tới bậc 90 % (1,00 điểm)", "lên 90 %"),
        ([], [(A, "V.3", 2, None, "evidenced")], "V.3", "«Hoàn thành tốt»", "«Hoàn thành xuất sắc»"),
        (
            [],
            [(A, "III.1", 95, None, "evidenced")],
            "III.1",
            "95 không hợp lệ (ghi dạng 95 % hoặc 0,95)",
            "Sửa giá trị",
        ),
        (
            [],
            [(A, "VII.4", None, 2.5, "evidenced")],
            "VII.4",
            "tự chấm 2,50/3,00 điểm",
            "tài liệu kiểm chứng",
        ),
        ([], [(A, "IX.2", 2, None, "evidenced")], "IX.2", "2 vụ việc bị phê bình", "Không để phát sinh thêm"),
        ([], [], "II.1", "chưa kê khai", "Kê khai kết quả"),
        ([(A, "overdue_rate", None, None, 40)], [], "III.3", "40 dòng thiếu thông tin", "Nạp tệp số liệu"),
    ],
)
def test_sentences(measured: list, declared: list, code: str, why: str, what: str) -> None:
    got = said(one(measured, declared, communes=(A, B)), code)
    assert why in got[0] and what in got[1], got


def test_formats() -> None:
    assert [fmt.number(x, 2) for x in (1234567.891, 0.5, -3, 2.675, None)] == [
        "1.234.567,89",
        "0,5",
        "-3",
        "2,68",
        "–",
    ]
    assert [plain(fmt.percent(x)) for x in (0.0098, 0.01, 1, 0.33333, None)] == [
        "0,98 %",
        "1 %",
        "100 %",
        "33,33 %",
        "–",
    ]
    assert fmt.points(7) == "7,00" and fmt.points(-0.001) == "0,00" and fmt.count(1500) == "1.500"
    assert [plain(threshold_text(*a)) for a in (("<", 0.01, "share"), (">=", 12, "count"), (">=", None, "grade", "Tốt"), (">=", 1, "yes_no"))] == [
        "< 1 %", "≥ 12", "từ mức Tốt", "Có",
    ]  # fmt: skip
    assert [plain(value_text(*a)) for a in ((0.5, "share"), (3, "count"), (0.686, "grade", "Khá"), (0, "yes_no"), (float("nan"), "share"))] == [
        "50 %", "3", "Khá (68,6)", "Không", "–",
    ]  # fmt: skip


def test_after_the_period_nothing_asks_for_more_work() -> None:
    """No "cần thêm … mới" once the year is over: work done afterwards does not count for it."""
    m, d = everything(COMMUNES, 5)
    told = score(m, d, law(), COMMUNES).criteria
    told = told[told["reason"].notna() & (told["lost"] > 0)]
    for code, params in zip(told["reason"], told["reason_params"]):
        after = recover_text(code, params, over=True)
        assert "Cần" not in after and "Phấn đấu" not in after and after.endswith("."), (code, after)
        if params.get("measure") and code in ("below_target", "above_limit", "incomplete"):
            assert after.startswith("Kỳ đã kết thúc, không lấy lại được nữa")
    assert {"below_target", "incomplete", "above_limit"} <= set(told["reason"])
