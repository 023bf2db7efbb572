"""A sheet as the rest of the reader sees it: the first rows for finding the header, then blocks of columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from sources.tabular.cells import Cells

HEAD_ROWS: Final = 80
BLOCK_ROWS: Final = 65_536
MAX_COLUMNS: Final = 1024
Merged = tuple[int, int, int, int]


@dataclass
class Block:
    """Some rows of a sheet: all raw columns and the 1-based row (or line) numbers."""

    columns: list[Cells]
    rows: npt.NDArray[np.int32]


@dataclass
class Sheet:
    """One sheet or table.

    head: the first rows as texts. merged: 0-based (first row, first column, last row, last column).
    blocks(first_row, width, distinct): rows from the 0-based row on, `width` columns; `distinct` names the columns that hardly
    repeat themselves.
    """

    name: str
    head: list[list[str]]
    blocks: Callable[[int, int], Iterator[Block]]
    merged: list[Merged] = field(default_factory=list)
    epoch_1904: bool = False
    #: physical line on which head row i ends (delimited files); row i + 1 for sheets.
    lines: list[int] = field(default_factory=list)


@dataclass
class Book:
    """A file opened for reading: its format, encoding, visible sheets, and the legacy repair its text needs."""

    format: str
    sheets: list[Sheet]
    encoding: str | None = None
    hidden: int = 0
    extra: dict[str, Any] = field(default_factory=dict)


def columns_of(rows: list[list[Any]], width: int) -> list[tuple[Any, ...]]:
    """Return the columns of rows, cut or padded to `width`."""
    if not rows:
        return [() for _ in range(width)]
    if any(len(row) != width for row in rows):
        rows = [row[:width] + [None] * (width - len(row)) for row in rows]
    return list(zip(*rows, strict=True))


def fill_down(rows: list[list[Any]], merged: list[Merged], offset: int) -> None:
    """Repeat the value of a cell merged over several rows of one column in each of them, in place.

    offset: 0-based sheet row of rows[0].
    """
    for top, left, bottom, right in merged:
        if left != right or top == bottom:
            continue
        first = top - offset
        if not 0 <= first < len(rows) or left >= len(rows[first]):
            continue
        value = rows[first][left]
        for at in range(first + 1, min(bottom - offset + 1, len(rows))):
            if left < len(rows[at]) and rows[at][left] in (None, ""):
                rows[at][left] = value
