"""Quarantine rules and cross-file checks in words."""

from typing import Final

RULES: Final = {
    "missing": "thiếu ô bắt buộc", "unreadable": "không đọc được giá trị", "not_in_codes": "không có trong danh mục",
    "unknown_unit": "không rõ đơn vị", "unique": "một mã có nhiều nội dung khác nhau", "not_before": "ngày sau lại trước ngày trước",
    "not_after_received": "ngày ở tương lai", "not_more_than": "lớn hơn mức cho phép", "sum_of": "tổng không khớp",
    "range": "ngoài khoảng cho phép", "pattern": "không đúng mẫu", "not_null": "để trống",
    "not_null_if": "để trống trong khi phải có", "null_if": "có giá trị trong khi phải trống",
}  # fmt: skip
