"""Numbers and dates as Vietnamese readers write them: 1.234,5 · 0,98 % · 17/03/2023.

Rounding is half up in Decimal. A missing value is a dash. Spaces before % are no-break spaces.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal

DASH = "–"
NBSP = "\u00a0"


def _round(value: float | Decimal, decimals: int) -> Decimal:
    clean = Decimal(repr(float(value))) if not isinstance(value, Decimal) else value
    return clean.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP)


def number(value: float | Decimal | None, decimals: int = 0, trim: bool = True) -> str:
    """1234.5 -> "1.234,5". `decimals` is the most that is shown; `trim` drops zeros at the end."""
    if value is None or value != value:
        return DASH
    text = f"{_round(value, decimals):,f}"
    if trim and "." in text:
        text = text.rstrip("0").rstrip(".")
    if text.startswith("-") and not text.strip("-0.,"):
        text = text[1:]
    return text.replace(",", " ").replace(".", ",").replace(" ", ".")


def count(value: float | None) -> str:
    """A whole number of things."""
    return number(value, 0)


def points(value: float | Decimal | None) -> str:
    """Points with two decimals, always: "7,50"."""
    return number(value, 2, trim=False)


def percent(share: float | None, decimals: int = 2) -> str:
    """0.0098 -> "0,98 %". Unit of the argument: share /1."""
    if share is None or share != share:
        return DASH
    return f"{number(Decimal(repr(float(share))) * 100, decimals)}{NBSP}%"


def day(value: date | datetime | None) -> str:
    """17/03/2023."""
    return DASH if value is None else f"{value:%d/%m/%Y}"


def month(value: date | None) -> str:
    """03/2023."""
    return DASH if value is None else f"{value:%m/%Y}"


def moment(value: datetime | None) -> str:
    """17/03/2023 08:05."""
    return DASH if value is None else f"{value:%d/%m/%Y %H:%M}"
