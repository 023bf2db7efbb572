"""Vietnamese wording of the quality gate: numbers, check labels, remedies, the verdict's sentence."""

from __future__ import annotations

import datetime
import re
import zoneinfo
from collections.abc import Mapping
from typing import Any, Final

ZONE: Final = zoneinfo.ZoneInfo("Asia/Ho_Chi_Minh")
STATUS: Final = {"pass": "Đạt", "quarantine": "Đạt, có dòng bị giữ lại", "reject": "Bị trả lại"}
SEVERITY: Final = {"reject_file": "Trả lại cả tệp", "quarantine": "Giữ lại dòng", "warn": "Cảnh báo"}
#: Rule → (what a failing row looks like, what to do about it at the source).
RULES: Final = {
    "missing": ("bỏ trống ô bắt buộc", "Điền ô còn trống ở phần mềm nguồn rồi xuất lại tệp."),
    "unreadable": (
        "giá trị không đọc được",
        "Sửa ô về đúng kiểu (ngày dd/MM/yyyy, số không kèm chữ) rồi xuất lại.",
    ),
    "not_in_codes": (
        "giá trị ngoài danh mục",
        "Chọn lại giá trị có trong danh mục; nếu là giá trị mới, thêm vào hợp đồng dữ liệu.",
    ),
    "unknown_unit": ("không nhận ra đơn vị", "Ghi đúng tên hoặc mã đơn vị hành chính."),
    "unique": (
        "cùng mã nhưng nội dung khác nhau",
        "Kiểm tra các dòng trùng mã, giữ lại dòng đúng rồi xuất lại.",
    ),
    "not_before": ("ngày sau sớm hơn ngày trước", "Kiểm tra và sửa thứ tự hai ngày ở phần mềm nguồn."),
    "not_after_received": ("ngày ở sau lúc nhận tệp", "Sửa ngày bị ghi nhầm sang tương lai."),
    "not_more_than": ("số bộ phận lớn hơn số chung", "Kiểm tra lại hai con số ở báo cáo nguồn."),
    "sum_of": ("tổng không bằng cộng các phần", "Cộng lại các phần và sửa ô tổng."),
    "range": ("số ngoài khoảng cho phép", "Sửa con số về trong khoảng cho phép."),
    "pattern": ("mã không đúng dạng", "Sửa mã về đúng dạng; chú ý số 0 ở đầu bị mất khi mở bằng Excel."),
    "not_null": ("ô còn trống", "Điền ô còn trống ở phần mềm nguồn rồi xuất lại tệp."),
    "not_null_if": (
        "thiếu giá trị cần có ở trạng thái này",
        "Điền giá trị còn thiếu, hoặc sửa lại trạng thái.",
    ),
    "null_if": ("có giá trị không được có ở trạng thái này", "Xóa giá trị thừa, hoặc sửa lại trạng thái."),
}
_DEFAULT: Final = ("không đạt quy tắc", "Kiểm tra các dòng được nêu ở phần mềm nguồn rồi xuất lại tệp.")
GATE_FIX: Final = {
    "min_rows": "Xuất lại tệp: kiểm tra khoảng ngày và bộ lọc đã chọn ở phần mềm nguồn.",
    "max_quarantined_share": "Xem lại đã chọn đúng mẫu xuất chưa; sửa lỗi có nhiều dòng nhất trước.",
}
_LONG_NUMBER: Final = re.compile(r"\d(?:[ .\-]?\d){7,}")


def number(value: int | float) -> str:
    """Return 12345 as «12.345»."""
    return f"{int(value):,}".replace(",", ".")


def percent(share: float) -> str:
    """Return a share as a percentage with at most two decimals: 0.612 as «61,2 %». A tiny share is never «0
    %».
    """
    if 0 < share < 0.0001:
        return "dưới 0,01 %"
    return f"{share * 100:.2f}".rstrip("0").rstrip(".").replace(".", ",") + " %"


def safe(text: str) -> str:
    """Return a label with long digit runs masked: a contract label never needs one, an identity number is
    one.
    """
    return _LONG_NUMBER.sub("…", text)


def check_label(check: Mapping[str, Any]) -> str:
    """Return the label a person reads for a check."""
    if check.get("label"):
        return safe(str(check["label"]))
    header = check.get("header") or check.get("column")
    what = RULES.get(str(check["rule"]), _DEFAULT)[0]
    return safe(f"{header}: {what}" if header else what)


def remedy(rule: str) -> str:
    """Return what to do about rows that fail a rule."""
    return RULES.get(rule, _DEFAULT)[1]


def moment(text: str) -> str:
    """Return an ISO time as dd/MM/yyyy HH:mm in Vietnam's time zone (a naive one is taken as such)."""
    try:
        at = datetime.datetime.fromisoformat(text)
    except ValueError:
        return safe(text)
    return (at.astimezone(ZONE) if at.tzinfo else at).strftime("%d/%m/%Y %H:%M")


def sentence(verdict: Mapping[str, Any]) -> str:
    """Return the verdict as one Vietnamese sentence that says what happened and what to do."""
    rows, held, failed = verdict["rows"], verdict["quarantined"], verdict["failed"]
    holding = [check for check in failed if check["severity"] != "warn"]
    worst = max(holding, key=lambda check: check["failed"], default=None)
    most = f"lỗi nhiều nhất: {worst['label']} ({number(worst['failed'])} dòng)" if worst else ""
    if verdict["reason"] == "min_rows":
        least = verdict["gate"]["min_rows"]
        if rows == 0:
            return "Tệp bị trả lại vì không có dòng dữ liệu nào; kiểm tra khoảng ngày và bộ lọc rồi xuất lại."
        few = f"Tệp bị trả lại vì chỉ có {number(rows)} dòng, cần ít nhất {number(least)}"
        return f"{few}; kiểm tra bộ lọc rồi xuất lại."
    if verdict["reason"] == "reject_file":
        check = next(check for check in failed if check["severity"] == "reject_file")
        return (
            f"Tệp bị trả lại vì {number(check['failed'])} dòng không đạt quy tắc bắt buộc: {check['label']}; "
            f"{_inner(remedy(check['rule']))}"
        )
    if verdict["reason"] == "max_failed_share":
        peak = max(failed, key=lambda check: check["failed"])
        found = f"{peak['label']} ({number(peak['failed'])}/{number(rows)} dòng)"
        return f"Tệp bị trả lại vì quá nhiều dòng không đạt: {found}; sửa ở phần mềm nguồn rồi xuất lại."
    if verdict["reason"]:
        limit = verdict["gate"]["max_quarantined_share"]
        return (
            f"Tệp bị trả lại vì {number(held)}/{number(rows)} dòng ({percent(held / rows)}) có lỗi, "
            f"vượt ngưỡng {percent(limit)}; "
            f"{most + '; ' if most else ''}sửa ở phần mềm nguồn rồi xuất lại."
        )
    if verdict["status"] == "quarantine":
        part = f"Giữ lại {number(held)}/{number(rows)} dòng ({percent(held / rows)}) để sửa"
        return f"{part}, các dòng khác được nạp; {most}."
    if failed:
        return f"Cả {number(rows)} dòng đều được nạp, có {number(len(failed))} cảnh báo cần xem."
    return f"Cả {number(rows)} dòng đều đạt mọi quy tắc."


def _inner(text: str) -> str:
    """Return a sentence in the form it takes after a semicolon."""
    return text[:1].lower() + text[1:]
