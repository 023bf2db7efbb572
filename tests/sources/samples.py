"""Small exports in every format, and a way to read them back. All names are invented."""

from __future__ import annotations

import datetime as dt
import io
import zipfile
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from sources.contract import Contract, builtin_contracts
from sources.parse import parse_file
from sources.result import ParseResult

KEY = b"0123456789abcdef0123456789abcdef"
RECEIVED = dt.datetime(2024, 1, 5, 3, 0, tzinfo=dt.UTC)
CONTRACTS = builtin_contracts()
BY_NAME = {contract.name: contract for contract in CONTRACTS}

HEADER = [
    "Số hồ sơ", "Tên thủ tục hành chính", "Tên lĩnh vực", "Phòng ban", "Ngày tiếp nhận", "Ngày hẹn trả", "Hạn xử lý",
    "Ngày kết thúc xử lý", "Cơ quan/đơn vị", "Chủ hồ sơ", "Số điện thoại", "Cán bộ xử lý hiện tại", "Trạng thái",
]  # fmt: skip
ROWS = [
    ["H32.11-230301-0001", "Đăng ký khai sinh", "Hộ tịch", "Một cửa", "01/03/2023 08:00:00", "05/03/2023 17:00:00",
     "04/03/2023 17:00:00", "03/03/2023 10:30:00", "UBND xã Đại Lãnh", "Nguyễn Thử Một", "0900000001", "Trần Mẫu", "Đã trả kết quả"],
    ["H32.11-230302-0002", "Chứng thực bản sao", "Chứng thực", "Một cửa", "02/03/2023 08:05:00", "03/03/2023 17:00:00",
     "", "", "UBND xã Đại Lãnh", "Lê Thử Hai", "0900000002", "Trần Mẫu", "Đang xử lý"],
    ["H32.11-230303-0003", "Đăng ký khai tử", "Hộ tịch", "Một cửa", "03/03/2023 14:00:00", "06/03/2023 17:00:00",
     "", "07/03/2023 09:00:00", "UBND xã Vạn Thọ", "Nguyễn Thử Một", "0900000001", "Phạm Mẫu", "Đã xử lý xong"],
]  # fmt: skip


def csv_text(rows: list[list[str]], delimiter: str = ",") -> str:
    """Return rows as delimited text."""
    import csv

    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator="\r\n").writerows(rows)
    return out.getvalue()


def csv_bytes(rows: list[list[str]] | None = None, delimiter: str = ",", encoding: str = "utf-8") -> bytes:
    """Return the standard rows (with their header) as a delimited file."""
    return csv_text(rows if rows is not None else [HEADER, *ROWS], delimiter).encode(encoding)


def xlsx_bytes(rows: list[list[Any]] | None = None, **options: Any) -> bytes:
    """Return rows as a workbook; options: sheets (name → rows), hidden (names), merged, epoch_1904, formats (column → num format)."""
    import xlsxwriter

    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True, "date_1904": options.get("epoch_1904", False)})
    plain = rows if rows is not None else [HEADER, *ROWS]
    sheets: dict[str, list[list[Any]]] = options.get("sheets") or {"Hồ sơ": plain}
    date_format = book.add_format({"num_format": "dd/mm/yyyy hh:mm:ss"})
    for name, lines in sheets.items():
        sheet = book.add_worksheet(name)
        if name in options.get("hidden", ()):
            sheet.hide()
        for r, line in enumerate(lines):
            for c, value in enumerate(line):
                if isinstance(value, (dt.datetime, dt.date)):
                    sheet.write_datetime(r, c, value, date_format)
                elif value is not None and value != "":
                    sheet.write(r, c, value) if not isinstance(value, str) else sheet.write_string(r, c, value)
        for top, left, bottom, right, text in options.get("merged", ()):
            sheet.merge_range(top, left, bottom, right, text)
    if options.get("hidden"):
        next(s for s in book.worksheets() if s.name not in options["hidden"]).activate()
    book.close()
    return out.getvalue()


def xls_bytes(rows: list[list[Any]] | None = None) -> bytes:
    """Return rows as a BIFF8 workbook."""
    import xlwt

    book = xlwt.Workbook(encoding="utf-8")
    sheet = book.add_sheet("Hồ sơ")
    for r, line in enumerate(rows if rows is not None else [HEADER, *ROWS]):
        for c, value in enumerate(line):
            sheet.write(r, c, value)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def ods_bytes(rows: list[list[str]] | None = None) -> bytes:
    """Return rows as an OpenDocument spreadsheet."""
    from odf.opendocument import OpenDocumentSpreadsheet
    from odf.table import Table, TableCell, TableRow
    from odf.text import P

    book = OpenDocumentSpreadsheet()
    table = Table(name="Hồ sơ")
    for line in rows if rows is not None else [HEADER, *ROWS]:
        row = TableRow()
        for value in line:
            cell = TableCell(valuetype="string")
            cell.addElement(P(text=value))
            row.addElement(cell)
        table.addElement(row)
    book.spreadsheet.addElement(table)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def html_text(rows: list[list[str]] | None = None) -> str:
    """Return rows as the HTML that web pages call .xls."""
    body = "".join(
        "<tr>" + "".join(f"<td style='mso-number-format:\"\\@\"'>{value}</td>" for value in line) + "</tr>"
        for line in (rows if rows is not None else [HEADER, *ROWS])
    )
    return (
        '<html xmlns:o="urn:schemas-microsoft-com:office:office"><head><meta http-equiv="Content-Type" '
        f'content="application/vnd.ms-excel; charset=utf-8"><style>td {{mso-x: y}}</style></head><body><table border=1>{body}</table></body></html>'
    )


def html_bytes(rows: list[list[str]] | None = None) -> bytes:
    """Return rows as HTML with a byte order mark."""
    return b"\xef\xbb\xbf" + html_text(rows).encode()


def edit_zip(data: bytes, changes: dict[str, bytes | None]) -> bytes:
    """Return a zip with members replaced, added, or (None) removed."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for info in old.infolist():
            if info.filename not in changes:
                new.writestr(info, old.read(info))
        for name, content in changes.items():
            if content is not None:
                new.writestr(name, content)
    return out.getvalue()


def read(data: bytes, folder: Path, **options: Any) -> ParseResult:
    """Parse bytes in this process; options go to parse_file (contracts, unit, received_at…)."""
    path = folder / options.pop("name", "file.bin")
    path.write_bytes(data)
    out = folder / "out"
    out.mkdir(exist_ok=True)
    arguments: dict[str, Any] = {
        "display_name": path.name, "contracts": CONTRACTS, "unit": None, "received_at": RECEIVED, "token_key": KEY, "out_dir": out,
    }  # fmt: skip
    return parse_file(path, **{**arguments, **options})


def frame(folder: Path, name: str = "rows") -> pd.DataFrame:
    """Return one of the Arrow files a parse wrote, as objects with None for NULL."""
    with pa.memory_map(str(folder / "out" / f"{name}.arrow")) as source:
        table = pa.ipc.open_file(source).read_all()
    return pd.DataFrame({column: pd.Series(table.column(column).to_pylist(), dtype=object) for column in table.column_names})


def contract(folder: Path, text: str) -> Contract:
    """Load a contract from text."""
    from sources.contract import load_contract

    path = folder / "c.yaml"
    path.write_text(text, "utf-8")
    return load_contract(path)
