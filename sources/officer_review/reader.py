"""The one peculiarity of the monthly review: sheets that say "Tháng: 3" and leave the year to the review date."""

from __future__ import annotations

import datetime as dt

import pyarrow as pa

from sources.tabular.cells import Cells, as_text
from sources.tabular.dates import is_bare_month


def with_year(month: Cells, reviewed_on: pa.Array) -> Cells:
    """Return the month cells with the year of the review added where they have none.

    A review is written after the month it is about: "12" reviewed in January belongs to the year before.
    """
    texts = as_text(month).to_pylist()
    days: list[dt.date | None] = reviewed_on.to_pylist()
    if not any(text and is_bare_month(text.strip()) for text in texts):
        return month
    for n, (text, day) in enumerate(zip(texts, days, strict=True)):
        if text and day is not None and is_bare_month(text.strip()):
            number = int("".join(ch for ch in text.partition(".0")[0] if ch.isdigit()) or 0)
            texts[n] = f"{number:02d}/{day.year - (1 if number > day.month else 0)}"
    return Cells(pa.array(texts, pa.string()))
