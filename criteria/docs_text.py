"""What the generated pages share: table rows, numbers, values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from criteria.model import Instrument

PROVENANCE_NOTE: Final = (
    "Provenance: *official* is copied from a text that was seen, *reconstructed* follows what was found elsewhere, "
    "*assumed* is our choice where nothing was found."
)


def row(cells: Sequence[str]) -> str:
    """A table row; line breaks and bars in a cell do no harm."""
    return "| " + " | ".join(" ".join(cell.replace("|", "\\|").split()) for cell in cells) + " |"


def number(value: float) -> str:
    """A number without useless zeros."""
    return f"{value:.10g}"


def value_text(value: Any) -> str:
    """A rule's parameter in words."""
    if isinstance(value, Mapping):
        if set(value) == {"target"}:
            return f"target `{value['target']}`"
        return ", ".join(f"{k} {value_text(v)}" for k, v in value.items())
    if isinstance(value, (list, tuple)):
        return "[" + "; ".join(value_text(v) for v in value) + "]"
    return number(value) if isinstance(value, (int, float)) else str(value)


def instrument_row(i: Instrument, *more: str) -> str:
    """Key, number, issuer, date, title, status, seen in."""
    day = str(i.date or "")  # a date, or the ISO text of a set kept as plain data
    status = i.status if i.status == "found" else f"**{i.status}**"
    return row([f"`{i.key}`", i.number or "", i.issuer, day, i.title or i.short or "", status, i.seen_in or "", *more])
