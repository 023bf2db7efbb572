"""Quarantine rules and cross-file checks in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, Final

from messages import fmt

RULES: Final = {
    "missing": "thiếu ô bắt buộc", "unreadable": "không đọc được giá trị", "not_in_codes": "không có trong danh mục",
    "unknown_unit": "không rõ đơn vị", "unique": "một mã có nhiều nội dung khác nhau", "not_before": "ngày sau lại trước ngày trước",
    "not_after_received": "ngày ở tương lai", "not_more_than": "lớn hơn mức cho phép", "sum_of": "tổng không khớp",
    "range": "ngoài khoảng cho phép", "pattern": "không đúng mẫu", "not_null": "để trống",
    "not_null_if": "để trống trong khi phải có", "null_if": "có giá trị trong khi phải trống",
}  # fmt: skip

CROSS_LABELS: Final = {
    "source_disagreement": "Hai nguồn ghi khác nhau", "monthly_report": "Hồ sơ và báo cáo II.06a không khớp",
    "freshness": "Nguồn dữ liệu im lặng", "volume_outliers": "Số hồ sơ tiếp nhận bất thường",
    "code_in_two_units": "Một mã hồ sơ ở hai đơn vị",
}  # fmt: skip
SOURCES: Final = {
    "one_stop": "Một cửa", "portal": "Cổng dịch vụ công", "monthly_report": "báo cáo II.06a", "survey": "phiếu khảo sát",
    "officer_review": "đánh giá cán bộ, công chức", "tasks": "nhiệm vụ", "initiatives": "sáng kiến", "declarations": "tự đánh giá",
    "published_results": "kết quả đã công bố", "procedures": "danh mục thủ tục",
}  # fmt: skip
COLUMNS: Final = {"received_at": "ngày tiếp nhận", "due_at": "ngày hẹn trả", "finished_at": "ngày kết thúc xử lý"}
FIGURES: Final = {
    "received": "hồ sơ tiếp nhận trong kỳ", "received_online": "hồ sơ tiếp nhận trực tuyến", "resolved": "hồ sơ đã giải quyết",
    "resolved_overdue": "hồ sơ giải quyết quá hạn",
}  # fmt: skip
ALL_UNITS: Final = "Tất cả các xã"


def source_name(source: str) -> str:
    """Return how people call a source; an unknown one keeps its name."""
    return SOURCES.get(source, source)


def cross_text(check: str, detail: Mapping[str, Any]) -> str:
    """Return one sentence about a finding across files: what, how many, what to do. detail: see flows/steps/checks.py."""
    return _TEXTS[check](detail)


def _codes(detail: Mapping[str, Any]) -> str:
    more = ", …" if detail["dossiers"] > len(detail["codes"]) else ""
    return ", ".join(detail["codes"]) + more


def _disagreement(detail: Mapping[str, Any]) -> str:
    return (
        f"{fmt.count(detail['dossiers'])} hồ sơ có {COLUMNS[detail['column']]} khác nhau giữa {source_name(detail['first_source'])} "
        f"và {source_name(detail['second_source'])} (trong {fmt.count(detail['compared'])} hồ sơ có ở cả hai): {_codes(detail)}. "
        "Số liệu lấy theo Một cửa; hãy kiểm tra lại ở hai phần mềm."
    )


def _monthly(detail: Mapping[str, Any]) -> str:
    sign = "+" if detail["difference"] > 0 else "−"
    return (
        f"Tháng {detail['month'][5:7]}/{detail['month'][:4]}: báo cáo ghi {fmt.count(detail['reported'])} {FIGURES[detail['figure']]}, "
        f"dữ liệu hồ sơ có {fmt.count(detail['counted'])} (chênh {sign}{fmt.count(abs(detail['difference']))}). "
        "Hãy xuất lại hồ sơ của tháng hoặc sửa báo cáo."
    )


def _silent(detail: Mapping[str, Any]) -> str:
    last = date.fromisoformat(detail["last_day"])
    who = f" ({fmt.count(detail['units'])} xã)" if detail["units"] > 1 else ""
    return (
        f"Nguồn {source_name(detail['source'])}{who} không có gì mới từ {fmt.day(last)}: {fmt.count(detail['silent_days'])} ngày, "
        f"ngưỡng {fmt.count(detail['limit_days'])} ngày. Hãy xuất và nạp tệp mới."
    )


def _volume(detail: Mapping[str, Any]) -> str:
    way = "nhiều" if detail["dossiers"] > detail["expected"] else "ít"
    return (
        f"Tháng {detail['month'][5:7]}/{detail['month'][:4]}: tiếp nhận {fmt.count(detail['dossiers'])} hồ sơ, {way} hơn hẳn mức thường "
        f"khoảng {fmt.count(detail['expected'])}. Hãy xem tệp của tháng có đủ và đúng không."
    )


def _two_units(detail: Mapping[str, Any]) -> str:
    return (
        f"{fmt.count(detail['dossiers'])} mã hồ sơ có ở cả {detail['first_name']} và {detail['second_name']}: {_codes(detail)}. "
        "Mỗi nơi được tính một lần; hãy xác định đơn vị đúng."
    )


_TEXTS: Final[dict[str, Callable[[Mapping[str, Any]], str]]] = {
    "source_disagreement": _disagreement, "monthly_report": _monthly, "freshness": _silent, "volume_outliers": _volume,
    "code_in_two_units": _two_units,
}  # fmt: skip
