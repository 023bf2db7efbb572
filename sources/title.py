"""What stands above the header: the period and the commune a file is about."""

from __future__ import annotations

import calendar
import datetime as dt
import re
from dataclasses import dataclass
from typing import Any, Final

from sources.tabular.text import clean, fold

_RANGE: Final = re.compile(
    r"từ\s*(?:ngày)?\s*:?\s*(\d{1,2})[/.\-](\d{1,2})[/.\-](\d{4}).{0,20}?(?:đến|tới|-)\s*(?:hết)?\s*(?:ngày)?\s*:?\s*(\d{1,2})[/.\-](\d{1,2})[/.\-](\d{4})"
)
_MONTH: Final = re.compile(r"tháng\s*:?\s*(\d{1,2})\s*(?:/|-|\s+năm\s+|,\s*năm\s+)\s*(\d{4})")
_QUARTER: Final = re.compile(r"quý\s*(i{1,3}|iv|[1-4])\s*(?:/|-|\s+năm\s+|\s+)\s*(\d{4})")
_YEAR: Final = re.compile(r"(?:năm|year)\s*:?\s*(\d{4})")
_SIGNED: Final = re.compile(r"ngày\s+\d{1,2}\s+tháng\s+\d{1,2}\s+năm\s+\d{4}")
_UNIT: Final = re.compile(
    r"^(?:đơn vị|cơ quan|đơn vị báo cáo|tên đơn vị|đơn vị tiếp nhận|cơ quan tiếp nhận)\s*:\s*", re.IGNORECASE
)
_NOT_UNIT: Final = re.compile(r"\bhuyện\b|\btỉnh\b(?!.*\bxã\b)")


@dataclass(frozen=True)
class Title:
    """Period (inclusive days) and unit of a file, None where the title does not say."""

    first: dt.date | None = None
    last: dt.date | None = None
    unit_text: str | None = None

    @property
    def year(self) -> int | None:
        """The year the period ends in."""
        return self.last.year if self.last else None

    @property
    def month(self) -> int | None:
        """The month, when the period is exactly within one."""
        if self.first and self.last and (self.first.year, self.first.month) == (self.last.year, self.last.month):
            return self.last.month
        return None


def _period(text: str) -> tuple[dt.date, dt.date, int] | None:
    """Return (first day, last day, precision: smaller is finer) a folded title text names."""
    try:
        found = _RANGE.search(text)
        if found:
            d1, m1, y1, d2, m2, y2 = map(int, found.groups())
            return dt.date(y1, m1, d1), dt.date(y2, m2, d2), 0
        if _SIGNED.search(text):
            return None
        found = _MONTH.search(text)
        if found:
            month, year = int(found[1]), int(found[2])
            return dt.date(year, month, 1), dt.date(year, month, calendar.monthrange(year, month)[1]), 1
        found = _QUARTER.search(text)
        if found:
            quarter = {"i": 1, "ii": 2, "iii": 3, "iv": 4}.get(found[1]) or int(found[1])
            year = int(found[2])
            return (
                dt.date(year, quarter * 3 - 2, 1),
                dt.date(year, quarter * 3, calendar.monthrange(year, quarter * 3)[1]),
                2,
            )
        found = _YEAR.search(text)
        if found and 2000 <= int(found[1]) <= 2100:
            return dt.date(int(found[1]), 1, 1), dt.date(int(found[1]), 12, 31), 3
    except ValueError:
        return None
    return None


def read_title(rows: list[list[str]], units: Any, received_at: dt.datetime) -> Title:
    """Return what the rows above the header say. `units` resolves a text to a commune (`resolve(text, on)`)."""
    best: tuple[dt.date, dt.date, int] | None = None
    texts = [clean(cell) for row in rows for cell in row if cell and len(cell) < 300]
    for text in texts:
        found = _period(fold(text))
        if found and found[0] <= found[1] and (best is None or found[2] < best[2]):
            best = found
    on = best[0] if best else received_at.date()
    unit: str | None = None
    for text in texts:
        bare = _UNIT.sub("", text)
        labelled = bare != text
        if (labelled or not _NOT_UNIT.search(fold(bare))) and units.resolve(bare, on) is not None:
            unit = bare
            if labelled:
                break
    return Title(best[0] if best else None, best[1] if best else None, unit)
