"""The guard in front of zipped workbooks: everything that can be refused is refused before a parser sees the file.

Bombs (members, sizes, ratios, overlapping members, one far cell, a huge shared string used everywhere, repeated rows),
DOCTYPE and entities, external links, macros, embedded objects, encryption. Limits are in bytes and cells.
"""

from __future__ import annotations

import itertools
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np

from sources.tabular.reject import Rejected

MAX_MEMBERS: Final = 2_000
MAX_UNPACKED: Final = 768 * 1024 * 1024
MAX_MEMBER_RATIO: Final = 200
RATIO_FROM: Final = 4 * 1024 * 1024
MAX_CELLS: Final = 12_000_000
MAX_TEXT_COPIES: Final = 256 * 1024 * 1024
LONG_TEXT: Final = 2_000
MAX_COLUMN: Final = 1_024
_CHUNK: Final = 4 * 1024 * 1024
_OVERLAP: Final = 256
_REFERENCE: Final = re.compile(rb"""\br\s*=\s*["']([A-Za-z]{0,7})(\d*)["']""")
_REPEAT: Final = re.compile(rb"<table:table-(row|cell)\b[^>]*?number-(?:rows|columns)-repeated=[\"'](\d{4,})[\"'][^>]*>")
_LONG_SI: Final = re.compile(rb"<(?:\w+:)?si\b")
_SHARED: Final = re.compile(rb"""\bt\s*=\s*["']s["'][^>]*>\s*<(?:\w+:)?v[^>]*>\s*(\d+)""")


def _bomb(text: str) -> Rejected:
    return Rejected(
        "zip_bomb",
        f"Tệp bị nén bất thường ({text}); hãy mở bằng Excel, xóa phần thừa và lưu lại dưới dạng xlsx.",
    )


def _broken() -> Rejected:
    return Rejected("malformed", "Tệp nén bị hỏng, không mở được; hãy mở bằng Excel hoặc LibreOffice và lưu lại.")


def _count_members(path: Path) -> int:
    """Return the number of members that the end record declares, without reading the directory."""
    size = path.stat().st_size
    with open(path, "rb") as file:
        file.seek(max(0, size - 65_557))
        tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) < at + 22:
        raise _broken()
    count, length = (
        struct.unpack("<H", tail[at + 10 : at + 12])[0],
        struct.unpack("<I", tail[at + 12 : at + 16])[0],
    )
    if count == 0xFFFF or length == 0xFFFFFFFF:
        raise _bomb("quá nhiều thành phần")
    if length > 4 * 1024 * 1024:
        raise _bomb("mục lục quá lớn")
    return int(count)


def _check_directory(infos: list[zipfile.ZipInfo], size: int) -> None:
    """Refuse directories that no spreadsheet program writes."""
    total, spans, seen = 0, [], set()
    for info in infos:
        name = info.filename
        if name.startswith(("/", "\\")) or ".." in name.split("/") or "\0" in info.orig_filename or ":" in name or name in seen:
            raise Rejected("malformed", "Tệp nén có thành phần tên bất thường; hãy mở bằng Excel và lưu lại.")
        seen.add(name)
        if info.flag_bits & 0x1:
            raise Rejected("encrypted", "Tệp có mật khẩu; hãy bỏ mật khẩu rồi lưu lại.")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise _bomb("kiểu nén lạ")
        total += info.file_size
        if info.file_size > RATIO_FROM and info.file_size > MAX_MEMBER_RATIO * max(info.compress_size, 1):
            raise _bomb(f"một thành phần nở hơn {MAX_MEMBER_RATIO} lần")
        if info.compress_size > info.file_size + 4096 + info.file_size // 100:
            raise _bomb("kích thước khai báo sai")
        if info.header_offset + info.compress_size > size:
            raise _broken()
        spans.append((info.header_offset, info.header_offset + 30 + info.compress_size))
    if total > MAX_UNPACKED:
        raise Rejected(
            "too_large",
            f"Nội dung giải nén hơn {MAX_UNPACKED >> 20} MB; hãy xuất dưới dạng CSV hoặc chia nhỏ theo tháng.",
        )
    spans.sort()
    if any(after[0] < before[1] for before, after in itertools.pairwise(spans)):
        raise _bomb("các thành phần chồng lên nhau")


def _inflate(archive: zipfile.ZipFile, info: zipfile.ZipInfo, raw: bytes) -> Iterator[bytes]:
    """Yield the content of a member in pieces that overlap; refuse one that is larger than it says."""
    if info.compress_type == zipfile.ZIP_STORED:
        for at in range(0, max(len(raw), 1), _CHUNK):
            yield raw[max(0, at - _OVERLAP) : at + _CHUNK]
        return
    engine, total, tail, source = zlib.decompressobj(-15), 0, b"", raw
    try:
        while not engine.eof:
            piece = engine.decompress(source, _CHUNK)
            source = engine.unconsumed_tail
            total += len(piece)
            if total > info.file_size:
                raise _bomb("nội dung lớn hơn khai báo")
            if not piece and not source:
                break
            yield tail + piece
            tail = piece[-_OVERLAP:]
    except zlib.error:
        raise _broken() from None


def _raw(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """Return the packed bytes of a member."""
    file = archive.fp
    if file is None:
        raise _broken()
    file.seek(info.header_offset)
    local = file.read(30)
    if len(local) < 30 or local[:4] != b"PK\x03\x04":
        raise _broken()
    skip = struct.unpack("<HH", local[26:30])
    file.seek(info.header_offset + 30 + skip[0] + skip[1])
    return file.read(info.compress_size)


def check_zip(path: Path) -> tuple[str, bool]:
    """Return (xlsx or ods, uses the 1904 date system).

    Raises: Rejected (zip_bomb, too_large, malformed, encrypted, macros, external_links, embedded_objects, doctype,
    unsupported_format).
    """
    if _count_members(path) > MAX_MEMBERS:
        raise _bomb("quá nhiều thành phần")
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
            _check_directory(infos, path.stat().st_size)
            names = [info.filename for info in infos]
            kind = _kind(archive, names)
            _check_names(names)
            epoch = _check_parts(archive, infos, kind)
    except (zipfile.BadZipFile, struct.error, EOFError, OSError, ValueError, NotImplementedError):
        raise _broken() from None
    return kind, epoch


def _kind(archive: zipfile.ZipFile, names: list[str]) -> str:
    """Return xlsx or ods. Raises: Rejected(unsupported_format)."""
    lower = {name.casefold() for name in names}
    if "xl/workbook.xml" in lower:
        return "xlsx"
    if "content.xml" in lower and "mimetype" in lower:
        info = archive.getinfo("mimetype") if "mimetype" in names else None
        if info is not None and info.file_size < 200 and b"opendocument.spreadsheet" in archive.read(info):
            return "ods"
    if "xl/workbook.bin" in lower:
        raise Rejected("unsupported_format", "Tệp là xlsb; hãy mở bằng Excel và lưu lại dưới dạng xlsx.")
    raise Rejected(
        "unsupported_format",
        "Tệp nén này không phải bảng tính; hãy giải nén rồi nạp từng tệp xlsx, ods hoặc CSV.",
    )


def _check_names(names: list[str]) -> None:
    """Refuse macros, embedded objects and external data by the names of the parts."""
    for name in (name.casefold() for name in names):
        if (
            "vbaproject" in name
            or name.startswith(("basic/", "scripts/", "xl/macrosheets/", "xl/dialogsheets/"))
            or "vbadata" in name
        ):
            raise Rejected("macros", "Tệp có macro; hãy lưu lại dưới dạng xlsx không có macro.")
        if "/embeddings/" in name or "/activex/" in name or "oleobject" in name or re.match(r"object \d+/", name):
            raise Rejected("embedded_objects", "Tệp có đối tượng nhúng (OLE); hãy xóa đối tượng nhúng rồi lưu lại.")
        if "/externallinks/" in name or name.endswith("/connections.xml") or "/querytables/" in name:
            raise Rejected(
                "external_links",
                "Tệp liên kết tới dữ liệu bên ngoài; hãy ngắt liên kết (Data → Edit Links → Break Link) rồi lưu lại.",
            )


def _check_parts(archive: zipfile.ZipFile, infos: list[zipfile.ZipInfo], kind: str) -> bool:
    """Read every XML part once in pieces and refuse what is dangerous. Returns whether dates count from 1904."""
    epoch = False
    long_texts: dict[int, int] = {}
    ordered = sorted(infos, key=lambda info: "sharedstrings" not in info.filename.casefold())
    cells = 0
    for info in ordered:
        name = info.filename.casefold()
        if not name.endswith((".xml", ".rels", ".vml")):
            continue
        raw = _raw(archive, info)
        first, is_sheet, counted, far = (
            True,
            name.startswith("xl/worksheets/") and name.endswith(".xml"),
            0,
            (1, 1),
        )
        copies = 0
        texts = _SharedTexts() if "sharedstrings" in name else None
        for piece in _inflate(archive, info, raw):
            if first:
                _check_prolog(piece)
            if kind == "xlsx" and name == "xl/workbook.xml":
                epoch = epoch or re.search(rb"""date1904\s*=\s*["'](?:1|true|on)["']""", piece) is not None
            if name.endswith(".rels"):
                _check_relations(piece)
            if texts is not None:
                texts.feed(piece, first)
            if is_sheet:
                counted += piece.count(b"</c>" if b"</c>" in piece else b"<c ")
                far = _far(piece, far)
                if long_texts:
                    copies += sum(long_texts.get(int(m), 0) for m in _SHARED.findall(piece))
                    if copies > MAX_TEXT_COPIES:
                        raise _bomb("một chuỗi chữ rất dài dùng lặp lại quá nhiều lần")
            if kind == "ods" and name == "content.xml":
                _check_ods(piece)
            first = False
        if texts is not None:
            long_texts = texts.finish()
        if is_sheet:
            cells += counted
            _check_extent(far, counted, cells)
    return epoch


def _check_prolog(piece: bytes) -> None:
    """Refuse a document type or entity declaration, in any encoding XML may use."""
    head = piece[:8192]
    plain = head.replace(b"\0", b"").lower()
    if b"<!doctype" in plain or b"<!entity" in plain:
        raise Rejected(
            "doctype",
            "Tệp có khai báo DOCTYPE/ENTITY không an toàn; hãy mở bằng Excel và lưu lại dưới dạng xlsx.",
        )


def _check_relations(piece: bytes) -> None:
    """Refuse relations to anything outside the file other than plain hyperlinks."""
    for tag in re.findall(rb"<(?:\w+:)?Relationship\b[^>]*>", piece):
        if re.search(rb"""TargetMode\s*=\s*["']External""", tag, re.IGNORECASE) and b"/hyperlink" not in tag:
            raise Rejected(
                "external_links",
                "Tệp liên kết tới dữ liệu bên ngoài; hãy ngắt liên kết (Data → Edit Links → Break Link) rồi lưu lại.",
            )


def _far(piece: bytes, far: tuple[int, int]) -> tuple[int, int]:
    """Return the largest (row, column) that cell and row references in a piece of a sheet name."""
    row, column = far
    data = np.frombuffer(piece, np.uint8)
    if len(data) < 16:
        return far
    equals = np.flatnonzero(data[1:-1] == 0x3D) + 1
    after = data[equals + 1]
    if ((data[equals - 1] <= 0x20) | (after <= 0x20) | (after == 0x27)).any():  # legal but unusual: the exact search
        for letters, digits in _REFERENCE.findall(piece):
            row = max(row, int(digits[:9] or b"0"))
            column = max(column, _column_number(letters[:7]))
        return row, column
    quote = equals[(equals >= 2) & (equals < len(data) - 13)] + 1
    quote = quote[(data[quote] == 0x22) & (data[quote - 2] == 0x72) & (data[quote - 3] <= 0x20)]
    if not len(quote):
        return far
    at = quote + 1
    letters_seen = np.zeros(len(at), np.int64)
    number = np.zeros(len(at), np.int64)
    in_letters = np.ones(len(at), np.bool_)
    in_digits = np.ones(len(at), np.bool_)
    for k in range(11):
        byte = data[at + k]
        upper = byte & np.uint8(0xDF)
        letter = in_letters & (upper >= 65) & (upper <= 90)
        letters_seen = np.where(letter, letters_seen * 26 + upper - 64, letters_seen)
        in_letters &= letter
        digit = ~letter & in_digits & (byte >= 48) & (byte <= 57)
        number = np.where(digit, number * 10 + byte - 48, number)
        in_digits &= letter | digit
        if not (in_letters | in_digits).any():
            break
    return max(row, int(number.max())), max(column, int(letters_seen.max()))


def _column_number(letters: bytes) -> int:
    """Return the 1-based number of a column name."""
    number = 0
    for byte in letters.upper():
        number = number * 26 + byte - 64
    return number


def _check_extent(far: tuple[int, int], counted: int, cells: int) -> None:
    """Refuse sheets whose far cells would make a parser allocate a huge empty area."""
    if far[1] > MAX_COLUMN:
        raise _bomb(f"có ô ở cột thứ {far[1]}")
    if far[0] > 1_048_576 or far[0] * max(far[1], 26) > 40 * counted + 4_000_000:
        raise _bomb(f"có ô ở dòng {far[0]} trong khi hầu hết các dòng trống")
    if cells > MAX_CELLS:
        raise Rejected("too_large", f"Bảng tính có hơn {MAX_CELLS} ô; hãy xuất dưới dạng CSV hoặc chia nhỏ theo tháng.")


def _check_ods(piece: bytes) -> None:
    """Refuse repeated cells with a value that would unfold into millions, and links to other files."""
    if re.search(rb"<(?:table:table-source|table:cell-range-source|office:dde-source|table:database-source)\b", piece):
        raise Rejected("external_links", "Tệp liên kết tới dữ liệu bên ngoài; hãy ngắt liên kết rồi lưu lại.")
    for found in _REPEAT.finditer(piece):
        count = int(found[2][:12])
        if (
            found[1] == b"cell"
            and (not found[0].rstrip(b">").endswith(b"/") or b"office:value" in found[0])
            and count > MAX_COLUMN
        ):
            raise _bomb("một ô lặp lại quá nhiều lần")
        if found[1] == b"row" and count > 1_000:
            end = piece.find(b"</table:table-row>", found.end())
            body = piece[found.end() : end if end >= 0 else len(piece)]
            if b"office:value" in body or b"<text:p" in body:
                raise _bomb("một dòng lặp lại quá nhiều lần")


class _SharedTexts:
    """Finds the shared strings that are long enough to matter when copied into every cell."""

    def __init__(self) -> None:
        self.index, self.open_at, self.offset = -1, 0, 0
        self.long: dict[int, int] = {}

    def feed(self, piece: bytes, first: bool) -> None:
        """Take the next piece (it overlaps the one before)."""
        base = self.offset - (0 if first else min(_OVERLAP, len(piece)))
        if b":si" in piece:
            starts = np.array([found.start() for found in _LONG_SI.finditer(piece)], np.int64) + base
        else:
            data = np.frombuffer(piece, np.uint8)
            at = np.flatnonzero(data[:-3] == 0x3C) if len(data) > 3 else np.zeros(0, np.int64)
            at = at[(data[at + 1] == 0x73) & (data[at + 2] == 0x69)]
            after = data[at + 3]
            starts = at[(after <= 0x20) | (after == 0x3E) | (after == 0x2F)] + base
        starts = starts[starts > self.open_at] if self.index >= 0 else starts
        self.offset = base + len(piece)
        if not len(starts):
            return
        opened = np.concatenate([[self.open_at], starts[:-1]])
        for n in np.flatnonzero(starts - opened > LONG_TEXT):
            if self.index + int(n) >= 0:
                self.long[self.index + int(n)] = int(starts[n] - opened[n])
        self.index, self.open_at = self.index + len(starts), int(starts[-1])

    def finish(self) -> dict[int, int]:
        """Return index → approximate length of the long texts."""
        if self.index >= 0 and self.offset - self.open_at > LONG_TEXT:
            self.long[self.index] = self.offset - self.open_at
        return self.long
