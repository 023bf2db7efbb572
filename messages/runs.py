"""Wording about published scores: what moved an index, and whether a published score comes out again."""

from __future__ import annotations

FACTOR_LABELS = {
    "facts": "Số liệu",
    "time": "Thời điểm",
    "definition": "Định nghĩa trễ",
    "criteria": "Bộ tiêu chí",
    "calendar": "Lịch làm việc",
    "units": "Đơn vị",
    "appraisal": "Thẩm định",
    "code": "Chương trình",
}

REBUILD_LABELS = {
    "identical": "trùng khớp từng chữ số",
    "same_figures": "trùng khớp mọi con số, chỉ khác câu chữ",
    "different": "KHÁC với kết quả đã công bố",
    "tampered": "kết quả đang lưu ĐÃ BỊ SỬA",
    "lost": "không dựng lại được",
}

FORECAST_LABELS = REBUILD_LABELS | {
    "different": "KHÁC với dự báo đã lưu",
    "tampered": "dự báo đang lưu ĐÃ BỊ SỬA",
    "lost": "không làm lại được",
}

FORECAST_FIELDS = {
    "now": "điểm tại ngày dự báo",
    "index": "điểm cuối năm",
    "grading_index": "chỉ số xếp loại cuối năm",
    "grade_probability": "khả năng xếp loại",
    "p_good": "khả năng đạt xếp loại cần đạt",
    "rank_probability": "khả năng từng hạng",
    "expected_rank": "hạng dự kiến",
}

ORIGIN_LABELS = {"nightly": "chuỗi đêm", "event": "tệp mới", "score": "chấm điểm", "demo": "chạy thử", "scenario": "phương án"}

FIELD_LABELS = {
    "commune": "có mặt",
    "total": "điểm",
    "max_scored": "điểm tối đa đã chấm",
    "max_total": "điểm tối đa",
    "share_pct": "tỷ lệ",
    "bonus": "điểm thưởng, phạt",
    "grading_index": "chỉ số xếp loại",
    "grade": "xếp loại",
    "grade_status": "tình trạng xếp loại",
    "rank": "hạng",
    "peers": "số xã được xếp hạng",
    "status": "tình trạng",
    "points": "điểm",
    "max_points": "điểm tối đa",
    "value": "giá trị",
    "numerator": "tử số",
    "denominator": "mẫu số",
    "lost": "điểm mất",
}


def factor_label(name: str) -> str:
    """The label of a factor, or of several that could not be told apart ("criteria+time")."""
    return " và ".join(FACTOR_LABELS.get(part, part) for part in name.split("+"))


def not_separable(names: list[str], why: str) -> str:
    """Why some factors share one column."""
    return f"Không tách được phần của {', '.join(FACTOR_LABELS.get(n, n) for n in names)}: {why}"


def code_differs(then: str, today: str) -> str:
    return f"Chương trình lúc công bố là bản {then}, hiện nay là bản {today}."
