"""Why a unit of a monthly table has no real forecast, and what is wrong with a table, in sentences."""

from __future__ import annotations

from messages import fmt

STATUS = {
    "forecast": "Dự báo",
    "observed": "Đã đủ số liệu đến hết kỳ; tỷ lệ là số thật.",
    "closed": "Đơn vị đã ngừng: từ 6 tháng trở lên không phát sinh; tỷ lệ là của phần đã có trong kỳ.",
    "closed_unseen": "Đơn vị đã ngừng và không phát sinh gì trong kỳ; con số là mức nếu đơn vị còn hoạt động.",
    "no_history": "Đơn vị chưa từng phát sinh; con số lấy theo các đơn vị khác.",
}
_LAYOUT = (
    "Cần dòng tiêu đề unit,period,successes,trials (đơn vị, tháng, số đạt, tổng số), cách nhau bằng dấu phẩy, chấm phẩy hoặc tab"
)


def not_readable(name: str) -> str:
    return f"Không đọc được tệp «{name}»; hãy kiểm tra đường dẫn và quyền đọc."


def not_text(name: str) -> str:
    return f"Tệp «{name}» không phải văn bản UTF-8; hãy lưu lại dưới dạng CSV UTF-8."


def empty(name: str) -> str:
    return f"Tệp «{name}» không có dòng số liệu nào. {_LAYOUT}."


def missing_columns(name: str, columns: list[str], found: list[str]) -> str:
    given = ", ".join(f"«{column}»" for column in found) or "(trống)"
    return f"Tệp «{name}», dòng 1: thiếu cột {', '.join(columns)}; đang có {given}. {_LAYOUT}."


def short_row(line: int, cells: int, columns: int) -> str:
    return f"Dòng {line}: chỉ có {cells} ô, tiêu đề có {columns} cột; hãy kiểm tra dấu phân cách."


def no_unit(line: int) -> str:
    return f"Dòng {line}, cột unit: để trống; hãy ghi tên đơn vị."


def bad_period(line: int, text: str) -> str:
    return f"Dòng {line}, cột period: «{text}» không phải tháng; hãy viết như 2024-03."


def bad_number(line: int, column: str, text: str) -> str:
    return f"Dòng {line}, cột {column}: «{text}» không phải số đếm; hãy viết số nguyên không âm, không dấu phân nhóm, như 1250."


def too_large(line: int, column: str, text: str) -> str:
    return f"Dòng {line}, cột {column}: «{text}» lớn hơn mọi số đếm có thể có; hãy kiểm tra lại số này."


def half_row(line: int, column: str) -> str:
    return f"Dòng {line}, cột {column}: để trống; hãy ghi đủ cả hai số, hoặc bỏ trống cả hai khi chưa biết."


def too_many(line: int, successes: float, trials: float) -> str:
    return (
        f"Dòng {line}, cột successes: {fmt.count(successes)} lớn hơn trials {fmt.count(trials)}; số đạt không thể vượt tổng số."
    )


def twice(line: int, unit: str, period: str, before: int) -> str:
    return f"Dòng {line}: đơn vị «{unit}» tháng {period} đã có ở dòng {before}; mỗi đơn vị mỗi tháng chỉ một dòng."


def bad_month(option: str, text: str) -> str:
    return f"{option} «{text}» không phải tháng; hãy viết như 2024-06."


def nothing_yet(as_of: str, first: str) -> str:
    return f"Đến {as_of} chưa có dòng nào (dòng sớm nhất là {first}); hãy chọn --as-of muộn hơn."


def too_far(horizon: str, last: str) -> str:
    return f"--horizon {horizon} xa quá 24 tháng kể từ --as-of; muộn nhất là {last}."


def too_early(horizon: str, first: str) -> str:
    return f"--horizon {horizon} trước tháng đầu tiên có số liệu ({first}); không có gì để tính."


def bad_target(target: float) -> str:
    return f"--target {target:g} không phải tỷ lệ; hãy viết số từ 0 đến 1, như 0.95 cho 95 %."


def bad_draws(least: int, most: int) -> str:
    return f"--draws phải từ {fmt.count(least)} đến {fmt.count(most)} với số đơn vị này."
