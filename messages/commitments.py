"""Where a commitment of a notice stands, in Vietnamese: its state, its figure, its threshold and its gap in plain numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from criteria.model import Measure
from messages import fmt

STATE_LABELS: Final[Mapping[str, str]] = {
    "met": "Đã đạt",
    "on_track": "Đúng tiến độ",
    "at_risk": "Có nguy cơ",
    "missed": "Không đạt",
    "no_data": "Chưa có số liệu",
}
UNKNOWN_THRESHOLD: Final = "ngưỡng giả định, chưa có văn bản"


def threshold_text(op: str, threshold: float | None, unit: str, text: str | None = None) -> str:
    """A commitment's threshold: "≥ 90 %", "< 1 %", "≥ 12", "từ mức Tốt", "Có", "tăng"."""
    if unit == "grade":
        return f"từ mức {text}"
    if unit == "yes_no":
        return "Có"
    if unit == "change":
        return f"tăng{_more(threshold)}"
    sign = {">=": "≥", "<=": "≤"}.get(op, op)
    return f"{sign} {fmt.percent(threshold) if unit == 'share' else fmt.count(threshold)}"


def _more(threshold: float | None) -> str:
    return f" {_change(threshold)}" if threshold else ""


def _change(share: float) -> str:
    return f"{fmt.number(abs(share) * 100, 2)} điểm{fmt.NBSP}%"


def value_text(value: float | None, unit: str, text: str | None = None, before: float | None = None) -> str:
    """A commitment's figure in the same unit; of a change, this year's figure (last year's is `before`)."""
    if value is None or value != value:
        return fmt.DASH
    if unit == "grade":
        return f"{text or fmt.DASH} ({fmt.number(value * 100, 2)})"
    if unit == "yes_no":
        return "Có" if value >= 1 else "Không"
    if unit == "change":
        return fmt.percent((before or 0.0) + value)
    return fmt.percent(value) if unit == "share" else fmt.count(value)


def deadline_text(days_left: int) -> str:
    """How long a commitment still has."""
    if days_left > 0:
        return f"còn {fmt.count(days_left)} ngày"
    return "hết hạn hôm nay" if days_left == 0 else f"quá hạn {fmt.count(-days_left)} ngày"


def _things(m: Measure | None) -> str:
    return m.numerator if m else "trường hợp"


def _room(n: float, m: Measure | None) -> str:
    return f"còn được tối đa {fmt.count(n)} {_things(m)} nữa" if n else f"không được thêm {_things(m)} nào"


_GAPS: Final[Mapping[str, Callable[[float, Measure | None], str]]] = {
    "none": lambda n, m: "",
    "enough": lambda n, m: "đủ",
    "kept": lambda n, m: "đến nay đủ",
    "room": _room,
    "short": lambda n, m: f"còn thiếu {fmt.count(n)} {_things(m)}",
    "short_new": lambda n, m: f"còn thiếu {fmt.count(n)} {_things(m)} mới",
    "over": lambda n, m: f"thừa {fmt.count(n)} {_things(m)}",
    "impossible": lambda n, m: f"không thể đạt nữa: lệch {fmt.count(n)} trường hợp không bù được",
    "lacking": lambda n, m: f"còn thiếu {fmt.count(n)} {_things(m)}, làm bù được",
    "lost": lambda n, m: f"thiếu {fmt.count(n)} {_things(m)}, không bù được",
    "clean": lambda n, m: "chưa có trường hợp nào",
    "occurred": lambda n, m: f"đã có {fmt.count(n)} trường hợp",
    "points": lambda n, m: f"còn thiếu {fmt.number(n, 2)} điểm",
    "unremedied": lambda n, m: f"còn {fmt.count(n)} tiêu chí vẫn mất điểm",
    "not_judged": lambda n, m: f"{fmt.count(n)} tiêu chí mất điểm năm trước chưa có số liệu năm nay",
    "higher": lambda n, m: f"cao hơn năm trước {_change(n)}",
    "not_higher": lambda n, m: f"thấp hơn năm trước {_change(n)}" if n else "bằng năm trước",
    "undeclared": lambda n, m: "chưa kê khai",
    "unproven": lambda n, m: "thiếu tài liệu kiểm chứng",
    "not_done": lambda n, m: "kê khai là chưa thực hiện",
    "no_measure": lambda n, m: "chưa nạp số liệu",
    "no_cases": lambda n, m: f"chưa phát sinh {(m.denominator if m else None) or 'trường hợp'}",
    "no_last_year": lambda n, m: "thiếu số liệu năm trước",
    "not_graded": lambda n, m: "chưa đủ số liệu để xếp loại",
}
GAP_CODES: Final[frozenset[str]] = frozenset(_GAPS)


_MISSED: Final[Mapping[str, Callable[[float, Measure | None], str]]] = {
    "short": lambda n, m: f"thiếu {fmt.count(n)} {_things(m)}",
    "short_new": lambda n, m: "hết hạn mà chưa đạt ngưỡng",
    "lacking": lambda n, m: f"thiếu {fmt.count(n)} {_things(m)}",
    "points": lambda n, m: f"thiếu {fmt.number(n, 2)} điểm",
}


def gap_text(code: str, gap: float | None, measure: Measure | None, details: Sequence[str] = (), *, missed: bool = False) -> str:
    """The gap in plain numbers: "còn thiếu 2 tháng có đánh giá", "thừa 3 hồ sơ trễ hạn". Raises KeyError for an unknown code.

    missed: the deadline is gone, so that no sentence asks for more.
    """
    write = _MISSED.get(code, _GAPS[code]) if missed else _GAPS[code]
    text = write(gap or 0.0, measure)
    return f"{text}: {', '.join(details)}" if details else text
