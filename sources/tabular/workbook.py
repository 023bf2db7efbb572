"""Workbooks (xlsx, xls, ods) through calamine: visible sheets, merged cells, row blocks without copying them all."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from itertools import chain, islice, repeat
from pathlib import Path
from typing import Any, Final

import numpy as np
from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

from sources.tabular.cells import from_objects, number_text
from sources.tabular.reject import Rejected
from sources.tabular.sheet import (
    BLOCK_ROWS,
    HEAD_ROWS,
    MAX_COLUMNS,
    Block,
    Book,
    Merged,
    Sheet,
    columns_of,
    fill_down,
)

MAX_SHEETS: Final = 64


def cell_text(value: Any) -> str:
    """Return a cell of a title or header row as text."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return number_text(float(value))
    if isinstance(value, dt.datetime):
        return value.strftime("%d/%m/%Y %H:%M:%S") if value.year >= 1000 else str(value)
    return f"{value.day:02d}/{value.month:02d}/{value.year:04d}" if isinstance(value, dt.date) else str(value)


class _Rows:
    """Reads blocks of one sheet."""

    def __init__(self, sheet: CalamineSheet, merged: list[Merged]) -> None:
        self.sheet, self.merged = sheet, merged

    def _all(self) -> Iterator[list[Any]]:
        top, left = self.sheet.start or (0, 0)
        rows: Iterator[list[Any]] = self.sheet.iter_rows()
        if left:
            pad: list[Any] = [""] * left
            rows = (pad + row for row in rows)
        return chain(repeat([], top), rows)

    def __call__(self, first: int, width: int) -> Iterator[Block]:
        """Yield the blocks from the 0-based sheet row `first` on."""
        source = islice(self._all(), first, None)
        while rows := list(islice(source, BLOCK_ROWS)):
            fill_down(rows, self.merged, first)
            columns = [from_objects(column) for column in columns_of(rows, width)]
            yield Block(columns, np.arange(first + 1, first + 1 + len(rows), dtype=np.int32))
            first += len(rows)


def read_workbook(path: Path, kind: str, epoch_1904: bool = False) -> Book:
    """Open a workbook of format `kind`. Hidden and empty sheets are left out.

    Raises: Rejected (encrypted, malformed, empty, no_visible_sheet).
    """
    try:
        with open(path, "rb") as file:  # not from_path: that believes the file's name
            book = CalamineWorkbook.from_filelike(file)
        metadata = book.sheets_metadata
    except Exception as exc:
        raise _unusable(exc) from None
    visible = [m.name for m in metadata if m.visible == SheetVisibleEnum.Visible and m.typ == SheetTypeEnum.WorkSheet]
    hidden = len(metadata) - len(visible)
    sheets: list[Sheet] = []
    for name in visible[:MAX_SHEETS]:
        try:
            sheet = book.get_sheet_by_name(name)
            if sheet.end is None or not sheet.height:
                continue
            merged = [(a[0], a[1], b[0], b[1]) for a, b in (sheet.merged_cell_ranges or [])]
        except Exception as exc:
            raise _unusable(exc) from None
        if sheet.end[1] >= MAX_COLUMNS:
            raise Rejected("too_large", f"Trang {name} có hơn {MAX_COLUMNS} cột; hãy xóa các cột thừa rồi xuất lại.")
        rows = _Rows(sheet, merged)
        head = [[cell_text(value) for value in row] for row in islice(rows._all(), HEAD_ROWS)]
        sheets.append(Sheet(name, head, rows, merged, epoch_1904))
    if not visible:
        raise Rejected("no_visible_sheet", "Mọi trang tính đều bị ẩn; hãy bỏ ẩn trang có dữ liệu rồi lưu lại.")
    if not sheets:
        raise Rejected("empty", "Các trang tính đều trống; hãy xuất lại từ phần mềm.")
    return Book(kind, sheets, None, hidden)


def _unusable(exc: Exception) -> Rejected:
    """Return the rejection for an error of the workbook library."""
    text = str(exc).lower()
    if "password" in text or "encrypt" in text:
        return Rejected("encrypted", "Tệp có mật khẩu; hãy bỏ mật khẩu rồi lưu lại.")
    if not isinstance(exc, (CalamineError, OSError, ValueError)):
        raise exc
    return Rejected("malformed", "Tệp bảng tính bị hỏng, không mở được; hãy mở bằng Excel hoặc LibreOffice và lưu lại.")
