"""HTML tables (the `.xls` files that web pages write). Parsed as a stream, nothing is fetched, nothing runs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
from lxml import etree

from sources.tabular import legacy
from sources.tabular.cells import from_objects
from sources.tabular.delimited import detect_encoding
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

MAX_BYTES: Final = 128 * 1024 * 1024
MAX_CELLS: Final = 6_000_000
MAX_NESTING: Final = 16
_CHARSET: Final = re.compile(rb"""charset\s*=\s*["']?\s*([A-Za-z0-9_\-]+)""")
_SILENT: Final = frozenset({"style", "script", "head", "title", "xml"})
_ACTIVE: Final = frozenset({"object", "embed", "applet", "iframe", "frame", "frameset"})


class _Table:
    """A table being read."""

    def __init__(self) -> None:
        self.rows: list[list[str]] = []
        self.merged: list[Merged] = []
        self.hanging: dict[int, int] = {}
        self.column = 0
        self.cell: list[str] | None = None
        self.span = (1, 1)


class _Target:
    """Parser target that collects the cells of every table."""

    def __init__(self) -> None:
        self.tables: list[_Table] = []
        self.stack: list[_Table] = []
        self.silent = 0
        self.cells = 0

    def start(self, tag: str, attributes: Any) -> None:
        tag = str(tag).rpartition("}")[2].lower()
        if tag in _ACTIVE:
            raise Rejected(
                "embedded_objects",
                "Tệp HTML có đối tượng nhúng; hãy mở bằng Excel và lưu lại dưới dạng xlsx.",
            )
        if tag in _SILENT:
            self.silent += 1
        elif tag == "table":
            if len(self.stack) >= MAX_NESTING:
                raise Rejected("malformed", "Tệp HTML lồng bảng quá sâu; hãy mở bằng Excel và lưu lại dưới dạng xlsx.")
            table = _Table()
            self.tables.append(table)
            self.stack.append(table)
        elif self.stack:
            table = self.stack[-1]
            if tag == "tr":
                self._close_cell(table)
                self._new_row(table)
            elif tag in ("td", "th"):
                self._close_cell(table)
                if not table.rows:
                    self._new_row(table)
                table.cell = []
                table.span = (_span(attributes.get("rowspan")), _span(attributes.get("colspan")))
            elif tag == "br" and table.cell is not None:
                table.cell.append("\n")

    def _new_row(self, table: _Table) -> None:
        table.rows.append([])
        table.column = 0
        table.hanging = {column: left - 1 for column, left in table.hanging.items() if left > 1}

    def _close_cell(self, table: _Table) -> None:
        if table.cell is None:
            return
        text = re.sub(r"[ \t\r\n\f]+", " ", "".join(table.cell)).strip(" ")
        table.cell = None
        row = table.rows[-1]
        while table.column in table.hanging:
            table.column += 1
        down, across = table.span
        across = min(across, MAX_COLUMNS - table.column)
        if across < 1:
            raise Rejected("too_large", f"Bảng có hơn {MAX_COLUMNS} cột; hãy xóa các cột thừa rồi xuất lại.")
        self.cells += across + max(0, table.column - len(row))
        if self.cells > MAX_CELLS:
            raise Rejected("too_large", f"Bảng có hơn {MAX_CELLS} ô; hãy xuất dưới dạng CSV hoặc chia nhỏ theo tháng.")
        row.extend([""] * (table.column + across - len(row)))
        row[table.column] = text
        at = len(table.rows) - 1
        if down > 1 or across > 1:
            table.merged.append((at, table.column, at + down - 1, table.column + across - 1))
            for column in range(table.column, table.column + across):
                if down > 1:
                    table.hanging[column] = down
        table.column += across

    def end(self, tag: str) -> None:
        tag = str(tag).rpartition("}")[2].lower()
        if tag in _SILENT:
            self.silent = max(0, self.silent - 1)
        elif self.stack and tag in ("td", "th", "tr"):
            self._close_cell(self.stack[-1])
        elif self.stack and tag == "table":
            self._close_cell(self.stack[-1])
            self.stack.pop()

    def data(self, text: str) -> None:
        if self.stack and not self.silent and self.stack[-1].cell is not None:
            self.stack[-1].cell.append(text)

    def close(self) -> list[_Table]:
        return self.tables


def _span(text: str | None) -> int:
    """Return a colspan or rowspan, at least 1."""
    return min(max(int(text), 1), 65_535) if text and text.strip().isdigit() and len(text) < 8 else 1


def read_markup(path: Path) -> Book:
    """Open an HTML file; every table with at least two rows is a sheet.

    Raises: Rejected (too_large, doctype, malformed, empty, unknown_encoding, embedded_objects).
    """
    if path.stat().st_size > MAX_BYTES:
        raise Rejected(
            "too_large",
            f"Tệp HTML lớn hơn {MAX_BYTES >> 20} MB; hãy xuất dưới dạng CSV hoặc chia nhỏ theo tháng.",
        )
    data = path.read_bytes()
    if re.search(rb"<!(?:entity|doctype[^>]{0,2000}\[)", data[:65536].replace(b"\0", b""), re.IGNORECASE):
        raise Rejected(
            "doctype",
            "Tệp có khai báo DOCTYPE/ENTITY không an toàn; hãy mở bằng Excel và lưu lại dưới dạng xlsx.",
        )
    codec, mode = _encoding(data)
    text = data.decode(codec, "latin1_fallback" if codec.startswith("cp") else "replace").lstrip("\ufeff")
    del data
    parser = etree.HTMLParser(target=_Target(), no_network=True, recover=True, huge_tree=False, encoding="utf-8")
    try:
        for at in range(0, len(text), 1 << 20):
            parser.feed(text[at : at + (1 << 20)].encode("utf-8", "replace"))
        tables: list[_Table] = parser.close()
    except etree.LxmlError:
        raise Rejected("malformed", "Tệp HTML bị hỏng; hãy mở bằng Excel và lưu lại dưới dạng xlsx.") from None
    kept = [table for table in tables if sum(any(row) for row in table.rows) >= 2]
    if not kept:
        raise Rejected("empty", "Tệp HTML không có bảng dữ liệu nào; hãy xuất lại từ phần mềm.")
    sheets = [
        Sheet(f"bảng {n}" if len(kept) > 1 else "", table.rows[:HEAD_ROWS], _Rows(table), table.merged)
        for n, table in enumerate(kept, 1)
    ]
    if mode is None:
        mode = legacy.detect(cell for table in kept for row in table.rows[:HEAD_ROWS] for cell in row)
    return Book("html", sheets, codec.removesuffix("-sig"), 0, {"mode": mode})


def _encoding(data: bytes) -> tuple[str, str | None]:
    """Return (codec, legacy repair): what the bytes are, then what the page says."""
    said = _CHARSET.search(data[:4096])
    try:
        return detect_encoding(data[: 1 << 20])
    except Rejected:
        if said is None:
            raise
    name = said[1].decode().lower()
    if name in ("windows-1258", "cp1258", "windows-1252", "iso-8859-1"):
        return "cp1258" if "1258" in name else "cp1252", None
    return "utf-8", None


class _Rows:
    """Gives the rows of a table in blocks."""

    def __init__(self, table: _Table) -> None:
        self.table = table

    def __call__(self, first: int, width: int) -> Iterator[Block]:
        for start in range(first, len(self.table.rows), BLOCK_ROWS):
            rows: list[list[Any]] = [list(row) for row in self.table.rows[start : start + BLOCK_ROWS]]
            fill_down(rows, self.table.merged, start)
            numbers = np.arange(start + 1, start + 1 + len(rows), dtype=np.int32)
            yield Block([from_objects(column) for column in columns_of(rows, width)], numbers)
