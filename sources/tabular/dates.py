"""Dates and times as exports write them. Day before month, always: 03/25/2023 is unreadable, never 25 March.

All results are microseconds since 1970-01-01 of the naive local time (or of UTC for texts with an offset).
"""

from __future__ import annotations

import datetime as dt
import re
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

DAY: Final = 86_400_000_000
FIRST_YEAR, LAST_YEAR = 1900, 2100
_TIME: Final = (
    r"(?P<H>\d{1,2})\s*(?::|h|g|giờ)\s*(?P<M>\d{1,2})?(?:\s*(?::|ph|phút)\s*(?P<S>\d{1,2})?(?:[.,](?P<F>\d{1,9}))?)?"
    r"(?:\s*(?P<P>SA|CH|AM|PM|sáng|chiều))?"
)
_DMY: Final = r"(?P<d>\d{1,2})(?P<sep>[/.\-])(?P<m>\d{1,2})(?P=sep)(?P<y>\d{4}|\d{2})"
_YMD: Final = r"(?P<y>\d{4})(?P<sep>[/.\-])(?P<m>\d{1,2})(?P=sep)(?P<d>\d{1,2})"
_ZONE: Final = r"(?P<Z>Z|[+-]\d{2}(?::?\d{2})?)?"
_GAP: Final = r"(?:\s*[T,]\s*|\s+-\s+|\s+)"
_PATTERNS: Final = tuple(
    re.compile(pattern + r"\Z", re.IGNORECASE)
    for pattern in (
        _DMY,
        _DMY + _GAP + r"(?:lúc\s+)?" + _TIME,
        _YMD,
        _YMD + _GAP + _TIME + r"\s*" + _ZONE,
        _TIME + r"(?:\s*[,\-]\s*|\s+(?:ngày\s+)?)" + _DMY,
        _TIME + r"(?:\s*[,\-]\s*|\s+(?:ngày\s+)?)" + _YMD,
        r"(?:ngày\s+)?(?P<d>\d{1,2})\s+tháng\s+(?P<m>\d{1,2})\s+năm\s+(?P<y>\d{4})",
        r"(?P<y>\d{4})(?P<m>\d{2})(?P<d>\d{2})",
        r"(?P<y>\d{4})(?P<m>\d{2})(?P<d>\d{2})T?(?P<H>\d{2})(?P<M>\d{2})(?P<S>\d{2})?" + _ZONE,
    )
)
_MONTH: Final = tuple(
    re.compile(pattern + r"\Z", re.IGNORECASE)
    for pattern in (
        r"(?:tháng|t|th)?\s*\.?\s*(?P<m>\d{1,2})\s*(?:[/.\-]|\s+năm\s+|,\s*năm\s+)\s*(?P<y>\d{4})",
        r"(?P<y>\d{4})\s*[/.\-]\s*(?P<m>\d{1,2})",
        r"(?P<y>\d{4})(?P<m>0[1-9]|1[0-2])",
    )
)
_BARE_MONTH: Final = re.compile(r"(?:tháng|t|th)?\s*\.?\s*(\d{1,2})(?:\.0)?\Z", re.IGNORECASE)
_SERIAL: Final = re.compile(r"(\d{5})(?:[.,](\d{1,15}))?\Z")
_TOKENS: Final = {
    "dd": r"(?P<d>\d{2})", "d": r"(?P<d>\d{1,2})", "MM": r"(?P<m>\d{2})", "M": r"(?P<m>\d{1,2})",
    "yyyy": r"(?P<y>\d{4})", "yy": r"(?P<y>\d{2})", "HH": r"(?P<H>\d{2})", "H": r"(?P<H>\d{1,2})",
    "mm": r"(?P<M>\d{2})", "ss": r"(?P<S>\d{2})",
}  # fmt: skip


class Moment(NamedTuple):
    """A parsed text: microseconds, whether they are UTC already, whether a time of day was written."""

    micros: int
    aware: bool
    timed: bool


@lru_cache(maxsize=64)
def layout(text: str) -> re.Pattern[str]:
    """Return the pattern of a contract's own format such as `MM/dd/yyyy` (the one way to read month-first)."""
    parts = re.split(r"(yyyy|yy|dd|d|MM|M|HH|H|mm|ss)", text)
    return re.compile("".join(_TOKENS.get(part, re.escape(part)) for part in parts) + r"\Z")


def _make(found: re.Match[str]) -> Moment | None:
    """Return the moment of a match, None when the numbers are no calendar day or time."""
    got = found.groupdict()
    year = int(got["y"])
    if len(got["y"]) == 2:
        year += 2000 if year < 70 else 1900
    hour, minute, second = (int(got.get(key) or 0) for key in "HMS")
    half = (got.get("P") or "").upper()
    if half:
        if not 1 <= hour <= 12 and not (half in ("CH", "PM", "CHIỀU") and 13 <= hour <= 23):
            return None
        hour = hour % 12 if hour <= 12 else hour - 12
        hour += 12 if half in ("CH", "PM", "CHIỀU") else 0
    fraction = int((got.get("F") or "0").ljust(6, "0")[:6])
    try:
        when = dt.datetime(year, int(got["m"]), int(got["d"]), hour, minute, second)
    except ValueError:
        return None
    if not FIRST_YEAR <= year <= LAST_YEAR:
        return None
    micros = (when.toordinal() - 719163) * DAY + (hour * 3600 + minute * 60 + second) * 1_000_000 + fraction
    zone = (got.get("Z") or "").upper()
    if not zone:
        return Moment(micros, False, got.get("H") is not None)
    if zone != "Z":
        digits = zone[1:].replace(":", "").ljust(4, "0")
        hours, minutes = int(digits[:2]), int(digits[2:])
        if hours > 14 or minutes > 59:
            return None
        micros += (-1 if zone[0] == "+" else 1) * (hours * 60 + minutes) * 60_000_000
    return Moment(micros, True, True)


def parse_text(text: str, formats: tuple[str, ...] = ()) -> Moment | None:
    """Return the moment a clean text says, None when it says none. `formats` of the contract come first."""
    if len(text) > 60:
        return None
    for own in formats:
        found = layout(own).match(text)
        if found:
            return _make(found)
    for pattern in _PATTERNS:
        found = pattern.match(text)
        if found:
            return _make(found)
    return None


def parse_month(text: str, year: int | None = None) -> int | None:
    """Return the first day (days since 1970) of the month a text names; a bare month needs `year`."""
    for pattern in _MONTH:
        found = pattern.match(text)
        if found:
            return _first_day(int(found["y"]), int(found["m"]))
    bare = _BARE_MONTH.match(text)
    if bare:
        return None if year is None else _first_day(year, int(bare[1]))
    moment = parse_text(text)
    if moment is None:
        return None
    day = dt.date.fromordinal(moment.micros // DAY + 719163)
    return _first_day(day.year, day.month)


def is_bare_month(text: str) -> bool:
    """Whether a text names a month without its year."""
    return _BARE_MONTH.match(text) is not None


def _first_day(year: int, month: int) -> int | None:
    if not (FIRST_YEAR <= year <= LAST_YEAR and 1 <= month <= 12):
        return None
    return dt.date(year, month, 1).toordinal() - 719163


def serial_micros(serial: float, epoch_1904: bool = False) -> Moment | None:
    """Return the moment of an Excel serial number, None outside 1900-2100 and for the day that never was.

    The 1900 system counts a 29 February 1900 (serial 60) that did not exist; serials before it are one day later
    than plain counting. The 1904 system starts at 1904-01-01 = 0. Whole numbers carry no time of day.
    """
    if not np.isfinite(serial) or serial < 0 or serial > 80_000:
        return None
    day = int(serial)
    micros = round((serial - day) * 86_400_000) * 1000
    if micros >= DAY:
        day, micros = day + 1, 0
    if epoch_1904:
        ordinal = dt.date(1904, 1, 1).toordinal() + day
    elif day == 60 or day == 0:
        return None
    else:
        ordinal = dt.date(1899, 12, 31).toordinal() + day - (1 if day > 60 else 0)
    if not FIRST_YEAR <= dt.date.fromordinal(ordinal).year <= LAST_YEAR:
        return None
    seconds = round(micros / 1_000_000) * 1_000_000
    return Moment((ordinal - 719163) * DAY + seconds, False, micros != 0)


def serial_text(text: str) -> float | None:
    """Return the number in a text that may be an Excel serial of 1970-2099, else None."""
    found = _SERIAL.match(text)
    if not found:
        return None
    value = float(f"{found[1]}.{found[2] or 0}")
    return value if 25_569 <= value < 73_051 else None


_DIGIT: Final = {"y": 4, "m": 2, "d": 2, "H": 2, "M": 2, "S": 2}
#: Fixed-width layouts the vectorised reader knows: the two commonest families, everything else is read one by one.
_FIXED: Final = {
    19: ("dd/mm/yyyy HH:MM:SS", "yyyy-mm-dd HH:MM:SS", "yyyy-mm-ddTHH:MM:SS"),
    16: ("dd/mm/yyyy HH:MM", "yyyy-mm-dd HH:MM", "HH:MM dd/mm/yyyy"),
    10: ("dd/mm/yyyy", "yyyy-mm-dd", "dd-mm-yyyy", "dd.mm.yyyy"),
    14: ("yyyymmddHHMMSS",),
}
_MONTH_DAYS: Final = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31], np.int32)


def _civil_days(year: npt.NDArray[np.int32], month: npt.NDArray[np.int32], day: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """Return days since 1970-01-01 of Gregorian dates."""
    year = year - (month <= 2)
    era = year // 400
    yoe = year - era * 400
    doy = (153 * (month + np.where(month > 2, -3, 9)) + 2) // 5 + day - 1
    result: npt.NDArray[np.int32] = era * 146097 + yoe * 365 + yoe // 4 - yoe // 100 + doy - 719468
    return result


def parse_fixed(matrix: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_], bool]:
    """Return (microseconds, valid, timed) of equally long texts given as a byte matrix (rows × width).

    Only the layouts of `_FIXED`; a row of another layout comes out not valid and is read one by one.
    """
    rows, width = matrix.shape
    micros, valid = np.zeros(rows, np.int64), np.zeros(rows, np.bool_)
    columns = np.ascontiguousarray(matrix.T)
    for shape in _FIXED.get(width, ()):
        todo = ~valid
        if not todo.any():
            break
        whole = bool(todo.all())
        part = columns if whole else columns[:, todo]
        got, good = _one_layout(part, shape)
        if whole:
            micros, valid = np.where(good, got, 0), good
        else:
            where = np.flatnonzero(todo)
            micros[where[good]] = got[good]
            valid[where[good]] = True
    return micros, valid, width != 10


def _one_layout(columns: npt.NDArray[np.uint8], shape: str) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Parse byte columns in one fixed layout."""
    count = columns.shape[1]
    good = np.ones(count, np.bool_)
    parts: dict[str, npt.NDArray[np.int32]] = {}
    for at, letter in enumerate(shape):
        if letter in _DIGIT and letter != "T":
            digit = columns[at] - np.uint8(48)
            good &= digit < 10
            held = parts.get(letter)
            parts[letter] = digit.astype(np.int32) if held is None else held * 10 + digit
        else:
            good &= columns[at] == ord(letter)
        if at in (2, 4) and not good.any():
            return np.zeros(count, np.int64), good
    year, month, day = parts["y"], parts["m"], parts["d"]
    good &= (year >= FIRST_YEAR) & (year <= LAST_YEAR) & (month >= 1) & (month <= 12) & (day >= 1)
    leap = (month == 2) & (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    good &= day <= _MONTH_DAYS[np.where(good, month, 0)] + leap
    micros = _civil_days(year, month, day).astype(np.int64) * DAY
    if "H" in parts:
        zero = np.zeros(count, np.int32)
        hour, minute, second = parts["H"], parts["M"], parts.get("S", zero)
        good &= (hour < 24) & (minute < 60) & (second < 60)
        micros += (hour * 3600 + minute * 60 + second).astype(np.int64) * 1_000_000
    return micros, good
