"""Bad files, made on the spot: name → (bytes, reasons a reader may give; "ok" where reading is right too).

Nothing here is stored as a binary. Every file is either refused with a reason code or read without a lie.
"""

from __future__ import annotations

import io
import random
import struct
import zipfile
import zlib
from collections.abc import Iterator
from functools import lru_cache

from tests.sources import samples as s

Case = tuple[str, bytes, set[str]]
DAMAGED = {"malformed", "zip_bomb", "unsupported_format", "unknown_layout", "unknown_encoding", "missing_column", "empty", "crashed", "too_large",
           "no_visible_sheet", "encrypted", "macros", "embedded_objects", "external_links", "doctype", "unknown_unit", "ok"}  # fmt: skip
ENTITY = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]>'
XXE = b'<?xml version="1.0"?><!DOCTYPE x SYSTEM "file:///etc/passwd">'


def _sheet(cells: str, rows: str = "") -> bytes:
    body = "<sheetData>" + (rows or '<row r="1">' + cells + "</row>") + "</sheetData>"
    return (f'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">{body}</worksheet>').encode()


def truncated() -> Iterator[Case]:
    """Files cut off at many places."""
    for name, data in (("xlsx", s.xlsx_bytes()), ("xls", s.xls_bytes()), ("ods", s.ods_bytes()), ("html", s.html_bytes()), ("csv", s.csv_bytes()),
                       ("utf16", s.csv_bytes(encoding="utf-16"))):  # fmt: skip
        for part in range(1, 10):
            yield f"{name} cut to {part}0 %", data[: len(data) * part // 10], DAMAGED


def flipped() -> Iterator[Case]:
    """Files with a run of wrong bytes."""
    for name, data in (("xlsx", s.xlsx_bytes()), ("xls", s.xls_bytes()), ("ods", s.ods_bytes()), ("html", s.html_bytes())):
        for seed in range(12):
            noise = random.Random(f"{name}{seed}")
            damaged = bytearray(data)
            at = noise.randrange(len(damaged) - 40)
            damaged[at : at + 24] = noise.randbytes(24)
            yield f"{name} noise {seed}", bytes(damaged), DAMAGED


def foreign() -> Iterator[Case]:
    """Files that are something else."""
    other = {"unsupported_format"}
    plain = {"unsupported_format", "unknown_layout", "unknown_encoding", "empty", "malformed"}
    for name, data in {
        "pdf": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "rar": b"Rar!\x1a\x07\x01\x00", "7z": b"7z\xbc\xaf\x27\x1c", "gzip": b"\x1f\x8b\x08\0" + b"\0" * 20,
        "png": b"\x89PNG\r\n\x1a\n" + b"\0" * 30, "jpeg": b"\xff\xd8\xff\xe0" + b"\0" * 30, "gif": b"GIF89a" + b"\0" * 30, "rtf": b"{\\rtf1 a}",
        "exe": b"MZ" + b"\0" * 60, "elf": b"\x7fELF" + b"\0" * 60, "sqlite": b"SQLite format 3\0" + b"\0" * 90, "parquet": b"PAR1" + b"\0" * 30,
        "mht": b"MIME-Version: 1.0\nContent-Type: multipart/related\n", "xml": b'<?xml version="1.0"?><a><b>c</b></a>',
        "excel 2003 xml": b'<?xml version="1.0"?><?mso-application progid="Excel.Sheet"?><Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet"/>',
    }.items():  # fmt: skip
        yield name, data, other
    for name, data in {
        "nothing": b"", "spaces": b" \r\n\t \r\n", "bom only": b"\xef\xbb\xbf", "zeros": b"\0" * 500, "one letter": b"a", "noise": random.Random(1).randbytes(5000),
        "json": b'{"a": [1, 2, 3]}', "python": b"import os\nos.remove('x')\n", "no line end": b"a;b;c", "one column": "Số hồ sơ\nA-1\nA-2\n".encode(),
        "utf-16 odd byte": "một;hai\n".encode("utf-16") + b"x", "lone bom 16": b"\xff\xfe", "gb18030": "编号,名称,日期\n一,二,三\n".encode("gb18030") * 20,
        "shift-jis": "番号,名前,日付\n".encode("shift-jis") * 20, "zip of text": _zip({"a.txt": b"x"}), "empty zip": b"PK\x05\x06" + b"\0" * 18,
        "docx": _zip({"word/document.xml": b"<a/>", "[Content_Types].xml": b"<a/>"}), "xlsb": _zip({"xl/workbook.bin": b"\0"}),
        "odt": _zip({"mimetype": b"application/vnd.oasis.opendocument.text", "content.xml": b"<a/>"}), "zip in zip": _zip({"a.xlsx": s.xlsx_bytes()}),
        "ole of nothing": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 2000, "ole cut": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        "html without table": b"<html><body><p>x</p></body></html>", "html login page": b"<!DOCTYPE html><html><body><form>x</form></body></html>",
    }.items():  # fmt: skip
        yield name, data, plain


def _zip(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def _lying(data: bytes, name: str, declared: int) -> bytes:
    """Return a zip whose directory declares a wrong size for one member."""
    out = bytearray(data)
    at = 0
    while (at := out.find(b"PK\x01\x02", at)) >= 0:
        length = struct.unpack("<H", out[at + 28 : at + 30])[0]
        if out[at + 46 : at + 46 + length] == name.encode():
            out[at + 24 : at + 28] = struct.pack("<I", declared)
        at += 4
    return bytes(out)


def bombs() -> Iterator[Case]:
    """R8: zip, dimension, shared-string and repetition bombs."""
    base, bomb = s.xlsx_bytes(), {"zip_bomb", "too_large", "malformed"}
    sheet = "xl/worksheets/sheet1.xml"
    yield "10 MB of spaces", s.edit_zip(base, {sheet: b" " * 30_000_000}), bomb
    yield "200 MB of zeros aside", s.edit_zip(base, {"xl/media/image1.png": b"\0" * 200_000_000}), bomb
    yield "many members", s.edit_zip(base, {f"xl/x{n}.xml": b"" for n in range(3000)}), bomb
    yield "very many members declared", base[:-22] + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 10, 10, 0), bomb
    packed = s.edit_zip(base, {sheet: b"<a>" + b"x" * 3_000_000})
    yield "member larger than declared", _lying(packed, sheet, 50_000), bomb
    yield "member far larger than declared", _lying(packed, sheet, 10), bomb
    yield "size declared as 4 GB", _lying(packed, sheet, 0xFFFFFFF0), bomb
    for far in ("XFD1048576", "XFD1", "ZZZ9", "AMK1", "A1048576", "A9999999", "XFDXFD1"):
        near = '<c r="A1" t="inlineStr"><is><t>x</t></is></c>'
        yield f"cell at {far}", s.edit_zip(base, {sheet: _sheet(near + f'<c r="{far}"><v>1</v></c>')}), bomb
        quoted = f"<row r='1'>{near}</row><row r='2'><c r = '{far}'><v>1</v></c></row>"
        yield f"cell at {far} in other quotes", s.edit_zip(base, {sheet: _sheet("", quoted)}), bomb
    yield "row far down", s.edit_zip(base, {sheet: _sheet("", '<row r="1048576"><c r="A1048576"><v>1</v></c></row>')}), bomb
    text = b"<sst><si><t>" + b"x" * 32_000 + b"</t></si></sst>"
    cells = "".join(f'<row r="{r}"><c r="A{r}" t="s"><v>0</v></c></row>' for r in range(1, 20_001))
    yield "one long shared string everywhere", s.edit_zip(base, {"xl/sharedStrings.xml": text, sheet: _sheet("", cells)}), bomb
    overlap = bytearray(_zip({"xl/workbook.xml": b"<a/>" * 500, sheet: b"<b/>" * 500}, zipfile.ZIP_STORED))
    second = overlap.rfind(b"PK\x01\x02")
    overlap[second + 42 : second + 46] = struct.pack("<I", 0)
    yield "members on top of each other", bytes(overlap), bomb
    ods = s.ods_bytes()
    content = zipfile.ZipFile(io.BytesIO(ods)).read("content.xml")
    yield (
        "ods cell repeated a million times",
        s.edit_zip(
            ods,
            {
                "content.xml": content.replace(
                    b"<table:table-cell ", b'<table:table-cell table:number-columns-repeated="1000000" ', 1
                )
            },
        ),
        bomb,
    )
    yield (
        "ods row repeated a million times",
        s.edit_zip(
            ods,
            {"content.xml": content.replace(b"<table:table-row>", b'<table:table-row table:number-rows-repeated="1000000">', 1)},
        ),
        bomb,
    )
    yield (
        "html with a huge span",
        b"<table>" + b"<tr><td colspan=65000 rowspan=65000>x</td></tr>" * 400 + b"</table>",
        {"too_large", "unknown_layout"},
    )
    yield "html tower of tables", b"<table><tr><td>" * 5000 + b"x", {"malformed", "unknown_layout", "empty"}
    yield "html tower of tags", b"<html><table><tr><td>" + b"<div>" * 100_000 + b"x", {"malformed", "unknown_layout", "empty"}
    yield "csv with 20,000 columns", b";".join(b"x" for _ in range(20_000)) + b"\n", {"unknown_layout", "too_large"}
    yield "csv with one long line", b"x" * 20_000_000, {"unknown_layout", "malformed"}
    yield "csv with one open quote", s.csv_bytes() + b'"' + b"x,y\r\n" * 2_000_000, {"malformed", "ok", "too_large"}


def dangerous() -> Iterator[Case]:
    """R9: DOCTYPE and entities, links outside, macros, embedded objects, encryption."""
    base, ods = s.xlsx_bytes(), s.ods_bytes()
    for part in (
        "xl/workbook.xml",
        "xl/worksheets/sheet1.xml",
        "xl/sharedStrings.xml",
        "xl/styles.xml",
        "_rels/.rels",
        "[Content_Types].xml",
    ):
        content = zipfile.ZipFile(io.BytesIO(base)).read(part).partition(b"?>")[2]
        for name, prolog in (("entity", ENTITY), ("external", XXE)):
            yield f"{name} in {part}", s.edit_zip(base, {part: prolog + content}), {"doctype"}
        wide = (ENTITY.decode() + content.decode()).encode("utf-16")
        yield f"entity in utf-16 in {part}", s.edit_zip(base, {part: wide}), {"doctype"}
    content = zipfile.ZipFile(io.BytesIO(ods)).read("content.xml").partition(b"?>")[2]
    yield "ods entity", s.edit_zip(ods, {"content.xml": ENTITY + content}), {"doctype"}
    yield (
        "ods dde",
        s.edit_zip(
            ods, {"content.xml": content.replace(b"<table:table ", b'<office:dde-source office:name="x"/><table:table ', 1)}
        ),
        {"external_links"},
    )
    yield (
        "ods linked table",
        s.edit_zip(
            ods,
            {
                "content.xml": content.replace(
                    b"<table:table-row>", b'<table:table-source xlink:href="file:///etc/passwd"/><table:table-row>', 1
                )
            },
        ),
        {"external_links"},
    )
    yield "ods macro", s.edit_zip(ods, {"Basic/Standard/Module1.xml": b"<a/>"}), {"macros"}
    yield "ods script", s.edit_zip(ods, {"Scripts/python/x.py": b"x"}), {"macros"}
    yield "ods object", s.edit_zip(ods, {"Object 1/content.xml": b"<a/>"}), {"embedded_objects"}
    for name, reason in {
        "xl/vbaProject.bin": "macros", "xl/macrosheets/sheet1.xml": "macros", "xl/embeddings/oleObject1.bin": "embedded_objects",
        "xl/embeddings/Microsoft_Word.docx": "embedded_objects", "xl/activeX/activeX1.xml": "embedded_objects",
        "xl/externalLinks/externalLink1.xml": "external_links", "xl/connections.xml": "external_links", "xl/queryTables/queryTable1.xml": "external_links",
        "../../evil.xml": "malformed", "/etc/passwd": "malformed", "xl/..\\..\\x.xml": "ok", "C:/x.xml": "malformed",
    }.items():  # fmt: skip
        yield f"xlsx with {name}", s.edit_zip(base, {name: b"<a/>"}), {reason, "malformed"} if reason == "ok" else {reason}
    relation = (
        b'<Relationships xmlns="x"><Relationship Id="r9" Type="http://x/%s" Target="%s" TargetMode="External"/></Relationships>'
    )
    for kind, target in (
        (b"externalLinkPath", b"file:///etc/passwd"),
        (b"image", b"http://127.0.0.1:9/x.png"),
        (b"attachedTemplate", b"\\\\host\\share"),
    ):
        yield (
            f"relation to {kind.decode()}",
            s.edit_zip(base, {"xl/worksheets/_rels/sheet1.xml.rels": relation % (kind, target)}),
            {"external_links"},
        )
    yield (
        "plain hyperlink",
        s.edit_zip(base, {"xl/worksheets/_rels/sheet1.xml.rels": relation % (b"hyperlink", b"https://example.org")}),
        {"ok"},
    )
    locked = bytearray(base)
    at = locked.find(b"PK\x01\x02")
    locked[at + 8] |= 1
    yield "zip password", bytes(locked), {"encrypted"}
    yield "office password", _ole({"EncryptedPackage": 2, "EncryptionInfo": 2}), {"encrypted"}
    yield "xls macro", _ole({"Workbook": 2, "_VBA_PROJECT_CUR": 1}), {"macros"}
    yield "xls object", _ole({"Workbook": 2, "MBD0001A2B3": 1}), {"embedded_objects"}
    yield "word document", _ole({"WordDocument": 2}), {"unsupported_format"}
    xls = bytearray(s.xls_bytes())
    start = xls.find(b"\x09\x08\x10\x00\x00\x06\x05\x00")
    xls[start + 20 : start + 24] = b"\x2f\x00\x36\x00"
    yield "xls password", bytes(xls), {"encrypted"}
    for tag in ("object", "embed", "iframe", "applet"):
        yield (
            f"html {tag}",
            s.html_text().replace("<table", f"<{tag} data='file:///etc/passwd'></{tag}><table", 1).encode(),
            {"embedded_objects"},
        )
    yield "html entity", b"<!DOCTYPE html [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>" + s.html_text().encode(), {"doctype"}
    yield (
        "html script and image",
        s.html_text().replace("<table", "<script>1</script><img src='http://127.0.0.1:9/x'><table", 1).encode(),
        {"ok"},
    )


def _ole(names: dict[str, int]) -> bytes:
    """Return the skeleton of a compound file with directory entries."""
    entries = b""
    for name, kind in {"Root Entry": 5, **names}.items():
        raw = name.encode("utf-16-le") + b"\0\0"
        entries += raw.ljust(64, b"\0") + struct.pack("<HBB", len(raw), kind, 1) + b"\xff" * 12 + b"\0" * 48
    return (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 504) + entries.ljust(1024, b"\0")


def awkward() -> Iterator[Case]:
    """Delimited and HTML oddities that may be read, but never with a lie."""
    good, any_way = s.csv_bytes(), {"ok", "malformed", "unknown_layout", "missing_column", "unknown_encoding"}
    text = s.csv_text([s.HEADER, *s.ROWS])
    for name, data in {
        "only a header": s.csv_bytes([s.HEADER]), "header twice": s.csv_bytes([s.HEADER, s.HEADER, *s.ROWS]), "no header": s.csv_bytes(s.ROWS),
        "nul in a cell": text.replace("khai sinh", "khai\0sinh").encode(), "quote in a cell": text.replace("Một cửa", 'Một "cửa" x').encode(),
        "open quote": text.replace("Một cửa", '"Một cửa', 1).encode(), "closing quote only": text.replace("Một cửa", 'Một cửa"', 1).encode(),
        "more cells than columns": text.replace("Trần Mẫu", "Trần,Mẫu,x,y", 1).encode(), "fewer cells": text.replace(",Trần Mẫu,Đang xử lý", "").encode(),
        "mixed encodings": good + "Đường\r\n".encode("cp1258", "ignore") + b"\xe9\xe8,\xff\r\n", "broken utf-8": good.replace("ộ".encode(), b"\xe1\xbb", 3),
        "control characters": text.replace("Hộ tịch", "Hộ\x01\x02tịch").encode(), "semicolons and commas": text.replace("Hộ tịch", "Hộ; tịch").encode(),
        "cr in quotes": s.csv_bytes([s.HEADER, [*s.ROWS[0][:1], "a\rb", *s.ROWS[0][2:]]]), "long cell": text.replace("Hộ tịch", "x" * 100_000).encode(),
        "trailing junk": good + b"\x1a", "many blank lines": good + b"\r\n" * 50_000, "only separators": (";" * 12 + "\n").encode() * 100,
        "sql in cells": text.replace("Hộ tịch", "'; drop table dossiers; --").encode(), "formula in cells": text.replace("Hộ tịch", "=cmd|'/c calc'!A1").encode(),
        "bidi override": text.replace("Hộ tịch", "\u202eHộ tịch").encode(), "private use": text.replace("Hộ tịch", "\ue000x").encode(),
        "emoji": text.replace("Hộ tịch", "📄 hộ tịch").encode(), "surrogate": text.encode().replace("Hộ".encode(), b"\xed\xa0\x80", 1),
        "overlong utf-8": text.encode().replace("Hộ".encode(), b"\xc0\xaf", 1), "huge number": text.replace("0900000001", "9" * 400).encode(),
        "header with injection": text.replace("Phòng ban", 'x"); drop table y; --').encode(), "utf-7": text.encode("utf-7"),
        "utf-16 with one odd byte": s.csv_bytes(encoding="utf-16")[:-1], "utf-16 swapped": b"\xfe\xff" + s.csv_bytes(encoding="utf-16-le"),
    }.items():  # fmt: skip
        yield f"csv {name}", data, any_way
    for name, data in {
        "unclosed": s.html_text().replace("</td>", "").replace("</tr>", ""), "upper case": s.html_text().replace("<td", "<TD").replace("<tr", "<TR"),
        "nested table": s.html_text().replace("Hộ tịch", "<table><tr><td>a</td><td>b</td></tr></table>", 1), "no body": s.html_text().partition("<table")[2],
        "negative span": s.html_text().replace("<td", "<td colspan=-5"), "word span": s.html_text().replace("<td", "<td rowspan=nhiều"),
        "comment": s.html_text().replace("<table", "<!-- <table> --><table", 1), "null byte": s.html_text().replace("Hộ", "H\0ộ", 1),
        "text before": "Báo cáo\n" + s.html_text(), "many tables": s.html_text() + s.html_text(), "cdata": s.html_text().replace("Hộ", "<![CDATA[x]]>", 1),
    }.items():  # fmt: skip
        yield f"html {name}", data.encode(), any_way | {"empty", "unsupported_format"}
    yield "all sheets hidden", _all_hidden(), {"no_visible_sheet", "malformed"}
    yield "empty sheets", s.xlsx_bytes(sheets={"A": [], "B": []}), {"empty"}
    yield "sheet of numbers", s.xlsx_bytes([[1, 2, 3], [4, 5, 6]]), {"unknown_layout"}
    yield "sheet with errors", s.xlsx_bytes([s.HEADER, ["#REF!", *s.ROWS[0][1:]]]), {"ok"}
    yield "compressed twice", zlib.compress(good), {"unknown_encoding", "unknown_layout", "malformed", "empty"}


def _all_hidden() -> bytes:
    base = s.xlsx_bytes()
    book = zipfile.ZipFile(io.BytesIO(base)).read("xl/workbook.xml")
    return s.edit_zip(base, {"xl/workbook.xml": book.replace(b"<sheet ", b'<sheet state="hidden" ')})


@lru_cache(maxsize=1)
def all_bombs() -> tuple[Case, ...]:
    """Return the bombs, packed once: two hundred megabytes of zeros take their time."""
    return tuple(bombs())


def all_cases() -> list[Case]:
    """Return every bad file."""
    return [case for cases in (truncated(), flipped(), foreign(), all_bombs(), dangerous(), awkward()) for case in cases]
