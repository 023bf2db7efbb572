"""Re-scoring in words: states, changes, mistakes, what moved. Everything is composed (NFC)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from messages import fmt

STATES: Final[Mapping[str, str]] = {
    "draft": "đang soạn",
    "submitted": "chờ duyệt",
    "approved": "đã duyệt",
    "published": "đã công bố",
    "returned": "bị trả lại",
}
_WAYS_OUT: Final[Mapping[str, str]] = {
    "draft": "trình duyệt bằng «cchc scenario submit»",
    "submitted": "duyệt hoặc trả lại trước",
    "approved": "trả lại bằng «cchc scenario return» để sửa",
    "published": "đã công bố thì không sửa nữa; tạo phương án mới từ lần công bố",
    "returned": "sửa rồi trình lại",
}
_CHANGE_ERRORS: Final[Mapping[str, str]] = {
    "unknown_criterion": "Không có tiêu chí «{criterion}»; các tiêu chí: {known}.",
    "not_in_force": "Tiêu chí {criterion} không có hiệu lực vào {day}; đổi as_of hoặc chọn tiêu chí khác.",
    "bad_points": "Điểm tối đa {points} của {criterion} phải là số dương, nhiều nhất 2 chữ số thập phân.",
    "outside_total": "{criterion} là điểm thưởng, điểm trừ, nằm ngoài tổng điểm; bỏ --keep-total.",
    "bad_receiver": "Không bù vào «{criterion}» được; chọn một tiêu chí khác trong: {known}.",
    "too_little_left": "Không còn đủ điểm cho {criterion} để giữ nguyên tổng; giảm bớt mức tăng.",
    "no_parameter": "Tiêu chí {criterion} không có tham số «{parameter}» (cách tính {family}: {known}).",
    "which_parameter": "Chưa ghi tham số nào của {criterion}; viết như rule:{criterion}.zero_at=0.04 («cchc criteria show»).",
    "unknown_target": "Không có chỉ tiêu «{target}»; các chỉ tiêu: {known}.",
    "target_not_in_force": "Chỉ tiêu {target} chưa có giá trị nào vào {day}; đổi as_of.",
    "bad_target": "Giá trị {value} của chỉ tiêu {target} phải là tỷ lệ trong khoảng (0, 1], ví dụ 0.35.",
}


def change_error(code: str, params: Mapping[str, Any]) -> str:
    """Return what is wrong with a change of the criteria, and what to do."""
    said = {key: fmt.day(value) if isinstance(value, date) else value for key, value in params.items()}
    said |= {key: plain(value) for key, value in said.items() if isinstance(value, float)}
    if code == "too_little_left" and said.get("criterion") is None:
        said["criterion"] = "các tiêu chí còn lại"
    return _CHANGE_ERRORS[code].format(**said)


def refused(state: str, doing: str) -> str:
    """Return why a scenario in this state does not allow something."""
    return f"Phương án {STATES[state]} nên không {doing} được; {_WAYS_OUT[state]}."


def change_text(key: str, value: Any) -> str:
    """Return one change in words."""
    kind, _, name = key.partition(":")
    if kind == "weight":
        keep = value.get("keep")
        how = {None: "tổng điểm đổi theo", "*": "các tiêu chí khác bù theo tỷ lệ"}.get(keep, f"{keep} bù phần chênh")
        return f"điểm tối đa {name} thành {fmt.points(value['points'])} ({how})"
    if kind == "rule":
        return f"tham số {name} thành {plain(value)}"
    if kind == "target":
        return f"chỉ tiêu {name} thành {fmt.percent(value)}"
    if kind == "exclude":
        return f"không xếp hạng {name}: {value}"
    if kind == "criteria":
        day = f" tại {value['day']}" if value.get("day") else ""
        return f"bộ tiêu chí {value['set']}{day} (bản {value['hash'][:8]})"
    labels = {"definition": "định nghĩa trễ hạn", "as_of": "tính đến", "known_at": "số liệu biết đến"}
    return f"{labels[kind]} {value}"


def plain(value: Any) -> str:
    """Return a value of a rule as people write it."""
    return fmt.number(value, 6) if isinstance(value, (int, float)) else str(value)


def total_text(before: float, after: float) -> str:
    """Return whether the total of the weights was kept."""
    if round(before * 100) == round(after * 100):
        return f"Tổng điểm giữ nguyên {fmt.points(before)}."
    return f"Tổng điểm chuyển từ {fmt.points(before)} thành {fmt.points(after)}."


def weights_text(points: float, share: float) -> str:
    """Return how far the weights were moved."""
    if not points:
        return "Trọng số không đổi."
    return f"Đã dịch chuyển {fmt.points(points)} điểm trọng số ({fmt.percent(share)} tổng điểm)."


def override_text(name: str, code: str, points: float, reason: str, text: str) -> str:
    """Return one override in words."""
    return f"{name}, {code}: {fmt.points(points)} điểm vì {reason}: {text}"


def flip_text(above: str, below: str) -> str:
    """Return a pair whose order is turned."""
    return f"{below} vượt lên trên {above}"
