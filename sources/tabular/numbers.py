"""Numbers, percentages and yes/no as people type them in Vietnamese exports."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

_UNITS: Final = re.compile(r"\s*(?:ngày làm việc|ngày|đồng|vnđ|vnd|đ|₫|hồ sơ|điểm|lần|phiếu)\.?\Z", re.IGNORECASE)
_GROUPED: Final = re.compile(r"[+-]?\d{1,3}(?:([.,\s'])\d{3})(?:\1\d{3})*\Z")
_PLAIN: Final = re.compile(r"[+-]?\d+\Z")
_DECIMAL: Final = re.compile(r"[+-]?(\d*)([.,])(\d+)\Z")
_BOTH: Final = re.compile(r"[+-]?\d{1,3}(?:([.,\s])\d{3})+([.,])\d+\Z")
#: What an export writes for "nothing here" in a column that is not text.
NOTHING: Final = frozenset({"-", "--", "–", "—", "null", "(null)", "n/a", "none", "nan", "…", "..."})

YES: Final = frozenset({"có", "đã", "x", "✓", "✔", "☑", "☒", "√", "1", "true", "yes", "y", "đúng", "rồi", "t"})
NO: Final = frozenset({"không", "chưa", "0", "false", "no", "n", "sai", "☐", "f"})
MARKS: Final = frozenset({"x", "✓", "✔", "☑", "☒", "√"})


def decimal_sign(texts: Iterable[str]) -> str | None:
    """Return the decimal sign a column proves it uses (`,` or `.`), None when nothing proves it.

    `12,5` and `1.234,5` prove the comma, `1.234.567` makes the dot a thousands sign, and so on.
    """
    for text in texts:
        body = _UNITS.sub("", text.rstrip("% ")).strip()
        both = _BOTH.match(body)
        if both and both[1] != both[2]:
            return both[2]
        grouped = _GROUPED.match(body)
        if grouped and grouped[1] in ".,":
            if body.count(grouped[1]) > 1:
                return "," if grouped[1] == "." else "."
            if re.match(r"[+-]?0[.,]", body):
                return grouped[1]
            continue
        simple = _DECIMAL.match(body)
        if simple:
            return simple[2]
    return None


def parse_number(text: str, sign: str | None = None, grouped_is_thousands: bool = False) -> float | None:
    """Return the number in a clean text, None when there is none.

    sign: the column's decimal sign when it is known. `50.000` with an unknown sign is fifty thousand when
    `grouped_is_thousands` (money, whole numbers), else fifty.
    """
    body = _UNITS.sub("", text.replace("−", "-")).strip()
    if _PLAIN.match(body):
        return float(body)
    grouped = _GROUPED.match(body)
    if grouped:
        mark = grouped[1]
        lone = body.count(mark) == 1
        decimal = mark in ".," and lone and (
            re.match(r"[+-]?0[.,]", body) is not None if sign is None and grouped_is_thousands else
            sign == mark if sign is not None else True
        )  # fmt: skip
        return float(body.replace(",", ".")) if decimal else float(re.sub(r"[.,\s']", "", body))
    both = _BOTH.match(body)
    if both:
        if both[1] == both[2]:
            return None
        whole, _, part = body.rpartition(both[2])
        return float(re.sub(r"[.,\s]", "", whole) + "." + part)
    simple = _DECIMAL.match(body)
    if simple:
        return float(body.replace(",", "."))
    return None


def parse_percent(text: str, sign: str | None = None) -> tuple[float, bool] | None:
    """Return (number, whether a % sign was written); None when it is no number."""
    body = text.rstrip()
    written = body.endswith("%")
    value = parse_number(body[:-1].rstrip() if written else body, sign)
    return None if value is None else (value, written)


def parse_boolean(text: str) -> bool | None:
    """Return yes or no for a folded text (`Có`, `Đã số hóa`, `Chưa`, `x`, `1`…), None when it is neither."""
    if text in YES:
        return True
    if text in NO:
        return False
    if text in ("1.0", "0.0"):
        return text == "1.0"
    first = text.partition(" ")[0]
    if first in ("không", "chưa"):
        return False
    if first in ("có", "đã"):
        return True
    return None
