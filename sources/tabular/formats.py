"""What a file really is, by its first bytes and never by its name."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from sources.tabular.reject import Rejected

_OLE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_FOREIGN: Final = (
    (b"%PDF", "PDF"), (b"Rar!", "RAR"), (b"7z\xbc\xaf", "7z"), (b"\x1f\x8b", "gzip"), (b"BZh", "bzip2"), (b"\xfd7zXZ", "xz"),
    (b"\x89PNG", "ảnh PNG"), (b"\xff\xd8\xff", "ảnh JPEG"), (b"GIF8", "ảnh GIF"), (b"{\\rtf", "RTF"), (b"MZ", "chương trình"),
    (b"\x7fELF", "chương trình"), (b"SQLite format 3", "SQLite"), (b"PAR1", "Parquet"), (b"ARROW1", "Arrow"),
)  # fmt: skip
_HTML: Final = re.compile(r"<\s*(?:html|table|!doctype\s+html|head|body|meta|style|div|tr)\b", re.IGNORECASE)


def _directory_names(data: bytes) -> set[str]:
    """Return the names in an OLE compound file's directory (entries are 128 bytes, aligned)."""
    names: set[str] = set()
    for at in range(512, len(data) - 127, 128):
        size = data[at + 64] | data[at + 65] << 8
        if 4 <= size <= 64 and size % 2 == 0 and data[at + 66] in (1, 2, 5) and data[at + size - 2 : at + size] == b"\0\0":
            text = data[at : at + size - 2].decode("utf-16-le", "replace")
            if text.isprintable() or text[:1] in "\x01\x03\x05\x06":
                names.add(text)
    return names


def check_ole(path: Path) -> tuple[str, bool]:
    """Return ("xls", uses the 1904 date system) of an OLE compound file.

    Raises: Rejected (encrypted, macros, embedded_objects, unsupported_format).
    """
    data = path.read_bytes()
    names = _directory_names(data)
    lower = {name.casefold() for name in names}
    if "encryptedpackage" in lower or "encryptioninfo" in lower:
        raise Rejected("encrypted", "Tệp có mật khẩu; hãy bỏ mật khẩu rồi lưu lại.")
    if not lower & {"workbook", "book"}:
        raise Rejected("unsupported_format", "Tệp không phải bảng tính; hãy xuất lại dưới dạng xlsx, xls, ods hoặc CSV.")
    if lower & {"_vba_project_cur", "_vba_project", "vba", "macros"}:
        raise Rejected("macros", "Tệp có macro; hãy lưu lại dưới dạng xlsx không có macro.")
    if any(name.startswith("mbd") and len(name) > 8 for name in lower) or lower & {
        "objectpool",
        "\x01ole10native",
        "\x01compobj\x01",
    }:
        raise Rejected("embedded_objects", "Tệp có đối tượng nhúng (OLE); hãy xóa đối tượng nhúng rồi lưu lại.")
    start = data.find(b"\x09\x08\x10\x00\x00\x06\x05\x00")
    if start >= 0:
        after = data[start + 20 : start + 4096]
        if after[:2] == b"\x2f\x00" or after[:24].find(b"\x2f\x00\x36\x00") >= 0:
            raise Rejected("encrypted", "Tệp có mật khẩu; hãy bỏ mật khẩu rồi lưu lại.")
    return "xls", b"\x22\x00\x02\x00\x01\x00" in data[max(start, 0) : max(start, 0) + 65536]


def sniff_format(path: Path) -> str:
    """Return zip, ole, html, xml or text.

    Raises: Rejected (empty, unsupported_format).
    """
    with open(path, "rb") as file:
        head = file.read(65536)
    if not head:
        raise Rejected("empty", "Tệp không có nội dung (0 byte); hãy xuất lại từ phần mềm.")
    if head[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        return "zip"
    if head.startswith(_OLE):
        return "ole"
    for magic, name in _FOREIGN:
        if head.startswith(magic):
            raise Rejected(
                "unsupported_format",
                f"Tệp là {name}, không phải bảng tính; hãy xuất lại dưới dạng xlsx, xls, ods hoặc CSV.",
            )
    text = peek(head).lstrip("\ufeff \t\r\n")
    if text[:13].upper() == "MIME-VERSION:":
        raise Rejected("unsupported_format", "Tệp là trang web nén (MHT); hãy mở bằng Excel và lưu lại dưới dạng xlsx.")
    if text.startswith("<"):
        if "<html" in text[:8192].lower() or _HTML.match(text):
            return "html"
        if (
            text.startswith("<?xml")
            and re.search(r"<\s*table\b", text[:8192], re.IGNORECASE)
            and "spreadsheet" not in text[:4096].lower()
        ):
            return "html"
        if re.match(r"<[?!a-zA-Z]", text):
            raise Rejected(
                "unsupported_format",
                "Tệp là XML, không phải bảng tính; hãy mở bằng Excel và lưu lại dưới dạng xlsx.",
            )
    return "text"


def peek(head: bytes) -> str:
    """Return the first characters of a text file, whatever its Unicode encoding."""
    for bom, codec in ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"\xef\xbb\xbf", "utf-8-sig")):
        if head.startswith(bom):
            return head.decode(codec, "ignore")
    if head[1:2] == b"\0" and head[:1] != b"\0":
        return head.decode("utf-16-le", "ignore")
    return head.decode("latin-1")
