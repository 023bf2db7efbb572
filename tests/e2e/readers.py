"""A second reading of an export, as plain as can be: sheet row (1-based) → the texts of its cells. Shares nothing with the readers."""

from __future__ import annotations

import csv
import html
import re
from pathlib import Path


def rows_of(path: Path) -> dict[int, list[str]]:
    """Return every row of the first table of a file."""
    head = path.read_bytes()[:512]
    if head.startswith(b"PK") and path.suffix == ".ods":
        return _ods(path)
    if head.startswith(b"PK"):
        return _xlsx(path)
    if head.startswith(b"\xd0\xcf\x11\xe0"):
        return _xls(path)
    if b"<html" in head.lower():
        return _html(path)
    return _csv(path)


def _xlsx(path: Path) -> dict[int, list[str]]:
    from openpyxl import load_workbook

    book = load_workbook(path, read_only=True)
    try:
        return {at: [_text(cell) for cell in row] for at, row in enumerate(book.worksheets[0].iter_rows(values_only=True), 1)}
    finally:
        book.close()


def _xls(path: Path) -> dict[int, list[str]]:
    from python_calamine import CalamineWorkbook

    sheet = CalamineWorkbook.from_path(path).get_sheet_by_index(0)
    return {at: [_text(cell) for cell in row] for at, row in enumerate(sheet.to_python(skip_empty_area=False), 1)}


def _ods(path: Path) -> dict[int, list[str]]:
    from odf import teletype
    from odf.opendocument import load
    from odf.table import Table, TableCell, TableRow

    rows: dict[int, list[str]] = {}
    at = 0
    for row in load(str(path)).spreadsheet.getElementsByType(Table)[0].getElementsByType(TableRow):
        cells: list[str] = []
        for cell in row.getElementsByType(TableCell):
            cells += [teletype.extractText(cell)] * min(int(cell.getAttribute("numbercolumnsrepeated") or 1), 100)
        for _ in range(min(int(row.getAttribute("numberrowsrepeated") or 1), 10_000)):
            at += 1
            rows[at] = cells
    return rows


def _html(path: Path) -> dict[int, list[str]]:
    text = path.read_text(encoding="utf-8-sig")
    lines = re.findall(r"<tr[^>]*>(.*?)</tr>", text, re.DOTALL)
    return {
        at: [html.unescape(cell) for cell in re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", line, re.DOTALL)]
        for at, line in enumerate(lines, 1)
    }


def _csv(path: Path) -> dict[int, list[str]]:
    raw = path.read_bytes()
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = raw.decode("utf-16")
    else:
        try:
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = raw.decode("cp1258", "replace")
    lines = text.splitlines()
    delimiter = max(",;\t", key=lambda mark: sum(line.count(mark) for line in lines[:20]))
    rows: dict[int, list[str]] = {}
    reader = csv.reader(text.splitlines(keepends=True), delimiter=delimiter)
    before = 0
    for row in reader:
        rows[before + 1] = row
        before = reader.line_num
    return rows


def _text(cell: object) -> str:
    return "" if cell is None else str(cell)
