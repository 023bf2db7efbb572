"""One sheet of cells written in every format the exports come in. The same sheet gives the same bytes, always."""

from __future__ import annotations

import datetime as dt
import html
import io
import unicodedata
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

Cell = str | int | float | dt.datetime | None
_STAMP = dt.datetime(2023, 1, 1)
_EXCEL_ZERO = dt.datetime(1899, 12, 30)


@dataclass
class Sheet:
    """Cells by row, top to bottom. `merges` are (row, column, row, column), zero-based, both ends included."""

    rows: list[list[Cell]] = field(default_factory=list)
    merges: list[tuple[int, int, int, int]] = field(default_factory=list)
    name: str = "Sheet1"

    def add(self, *cells: Cell) -> int:
        """Append a row; return its 1-based number."""
        self.rows.append(list(cells))
        return len(self.rows)

    def covered(self) -> set[tuple[int, int]]:
        """Cells that lie under a merge and are not its first."""
        return {
            (r, c) for top, left, bottom, right in self.merges for r in range(top, bottom + 1) for c in range(left, right + 1)
        } - {(top, left) for top, left, _, _ in self.merges}


def excel_serial(moment: dt.datetime) -> float:
    """Days since the Excel epoch of 1900."""
    gap = moment - _EXCEL_ZERO
    return gap.days + gap.seconds / 86_400


def as_text(cell: Cell) -> str:
    """A cell as an export prints it: dates dd/MM/yyyy HH:mm:ss, numbers plain, nothing for missing."""
    if cell is None:
        return ""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, dt.datetime):
        return cell.strftime("%d/%m/%Y %H:%M:%S")
    return str(cell)


def write_csv(sheet: Sheet, path: Path, encoding: str = "utf-8-sig", delimiter: str = ",") -> None:
    """Text with CRLF lines. `windows-1258` decomposes the tone marks as that code page needs."""
    special = (delimiter, '"', "\n", "\r")

    def quoted(text: str) -> str:
        if any(mark in text for mark in special):
            return '"' + text.replace('"', '""') + '"'
        return text

    lines = [delimiter.join(map(quoted, map(as_text, row))) for row in sheet.rows]
    text = "\r\n".join(lines) + "\r\n"
    if encoding == "windows-1258":
        path.write_bytes(vietnamese_1258(text))
    elif encoding == "utf-16":
        path.write_bytes(b"\xff\xfe" + text.encode("utf-16-le"))
    else:
        path.write_bytes(text.encode(encoding))


def vietnamese_1258(text: str) -> bytes:
    """Windows-1258 bytes: base letters (ă â ê ô ơ ư đ stay whole) followed by combining tone marks."""
    table: dict[int, str] = {}
    for letter in set(text):
        if ord(letter) < 128:
            continue
        marks = unicodedata.normalize("NFD", letter)
        tones = "".join(mark for mark in marks if mark in "\u0300\u0301\u0303\u0309\u0323")
        rest = unicodedata.normalize("NFC", "".join(mark for mark in marks if mark not in tones))
        table[ord(letter)] = rest + tones
    return text.translate(table).encode("cp1258")


def write_html(sheet: Sheet, path: Path) -> None:
    """The HTML that portals save under the name .xls: byte order mark, mso styles, one table."""
    covered = sheet.covered()
    spans: dict[tuple[int, int], str] = {}
    for top, left, bottom, right in sheet.merges:
        spans[top, left] = f' rowspan="{bottom - top + 1}" colspan="{right - left + 1}"'
    merged_rows = {r for r, _ in covered} | {r for r, _ in spans}
    lines = []
    for number, row in enumerate(sheet.rows):
        texts = map(as_text, row)
        if number in merged_rows:
            cells = [
                f"<td{spans.get((number, place), '')}>{html.escape(text)}</td>"
                for place, text in enumerate(texts)
                if (number, place) not in covered
            ]
            lines.append(f"<tr>{''.join(cells)}</tr>")
        else:
            joined = html.escape("\x1f".join(texts), quote=False).replace("\x1f", "</td><td>")
            lines.append(f"<tr><td>{joined}</td></tr>")
    head = (
        '<html xmlns:o="urn:schemas-microsoft-com:office:office" xmlns:x="urn:schemas-microsoft-com:office:excel">'
        '<head><meta http-equiv="Content-Type" content="application/vnd.ms-excel; charset=utf-8">'
        '<style>td {mso-number-format:"\\@"; border:.5pt solid}</style></head><body><table border="1">'
    )
    path.write_bytes(b"\xef\xbb\xbf" + "\r\n".join([head, *lines, "</table></body></html>\r\n"]).encode())


def write_xlsx(sheet: Sheet, path: Path) -> None:
    """A real workbook with a hidden and an empty sheet beside the one that matters."""
    import xlsxwriter

    book = xlsxwriter.Workbook(str(path), {"in_memory": True, "default_date_format": "dd/mm/yyyy hh:mm:ss"})
    book.set_properties({"created": _STAMP, "author": "", "title": ""})
    page = book.add_worksheet(sheet.name)
    date = book.add_format({"num_format": "dd/mm/yyyy hh:mm:ss"})
    hidden = book.add_worksheet("_cfg")
    hidden.write_string(0, 0, "cfg")
    hidden.hide()
    book.add_worksheet("Trang tính trống")
    text, number = page.write_string, page.write_number
    for top, left, bottom, right in sheet.merges:
        page.merge_range(top, left, bottom, right, as_text(sheet.rows[top][left]))
    covered = sheet.covered() | {(top, left) for top, left, _, _ in sheet.merges}
    for r, row in enumerate(sheet.rows):
        for c, cell in enumerate(row):
            if cell is None or cell == "" or (covered and (r, c) in covered):
                continue
            if isinstance(cell, str):
                text(r, c, cell)
            elif isinstance(cell, dt.datetime):
                number(r, c, excel_serial(cell), date)
            else:
                number(r, c, cell)
    book.close()


def write_xls(sheet: Sheet, path: Path) -> None:
    """A real binary workbook (Excel 97)."""
    import xlwt

    book = xlwt.Workbook(encoding="utf-8")
    page = book.add_sheet(sheet.name)
    date = xlwt.easyxf(num_format_str="dd/mm/yyyy hh:mm:ss")
    covered = sheet.covered()
    heads = {(top, left): (bottom, right) for top, left, bottom, right in sheet.merges}
    for r, row in enumerate(sheet.rows):
        for c, cell in enumerate(row):
            if (r, c) in heads:
                bottom, right = heads[r, c]
                page.write_merge(r, bottom, c, right, as_text(cell))
            elif (r, c) in covered:
                continue
            elif isinstance(cell, dt.datetime):
                page.write(r, c, excel_serial(cell), date)
            elif cell is not None and cell != "":
                page.write(r, c, cell)
    stream = io.BytesIO()
    book.save(stream)
    path.write_bytes(stream.getvalue())


_ODS_HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?><office:document-content '
    'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
    'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" office:version="1.2">'
    '<office:body><office:spreadsheet><table:table table:name="{name}">'
)
_ODS_TAIL = "</table:table></office:spreadsheet></office:body></office:document-content>"
_ODS_MANIFEST = (
    '<?xml version="1.0" encoding="UTF-8"?><manifest:manifest '
    'xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0" manifest:version="1.2">'
    '<manifest:file-entry manifest:full-path="/" manifest:media-type="application/vnd.oasis.opendocument.spreadsheet"/>'
    '<manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml"/></manifest:manifest>'
)


def write_ods(sheet: Sheet, path: Path) -> None:
    """An OpenDocument spreadsheet; dates are text, as the exporters leave them. Merges are not written."""

    def cell_xml(cell: Cell) -> str:
        if cell is None or cell == "":
            return "<table:table-cell/>"
        if isinstance(cell, (int, float)):
            return f'<table:table-cell office:value-type="float" office:value="{cell}"><text:p>{cell}</text:p></table:table-cell>'
        text = html.escape(as_text(cell), quote=False)
        return f'<table:table-cell office:value-type="string"><text:p>{text}</text:p></table:table-cell>'

    body = "".join(f"<table:table-row>{''.join(map(cell_xml, row))}</table:table-row>" for row in sheet.rows)
    content = _ODS_HEAD.format(name=html.escape(sheet.name)) + body + _ODS_TAIL
    stamp = (_STAMP.year, _STAMP.month, _STAMP.day, 0, 0, 0)
    with zipfile.ZipFile(path, "w") as archive:
        for name, text, method in (
            ("mimetype", "application/vnd.oasis.opendocument.spreadsheet", zipfile.ZIP_STORED),
            ("content.xml", content, zipfile.ZIP_DEFLATED),
            ("META-INF/manifest.xml", _ODS_MANIFEST, zipfile.ZIP_DEFLATED),
        ):
            info = zipfile.ZipInfo(name, stamp)
            info.compress_type = method
            info.create_system = 3
            archive.writestr(info, text.encode(), compresslevel=1)


def _csv(encoding: str, delimiter: str) -> Callable[[Sheet, Path], None]:
    return lambda sheet, path: write_csv(sheet, path, encoding, delimiter)


# name of a format → (file ending, writer)
FORMATS: dict[str, tuple[str, Callable[[Sheet, Path], None]]] = {
    "html": (".xls", write_html),
    "xls": (".xls", write_xls),
    "xlsx": (".xlsx", write_xlsx),
    "ods": (".ods", write_ods),
    "csv": (".csv", _csv("utf-8-sig", ",")),
    "csv_semicolon": (".csv", _csv("utf-8-sig", ";")),
    "csv_utf16": (".csv", _csv("utf-16", "\t")),
    "csv_1258": (".csv", _csv("windows-1258", ",")),
}
