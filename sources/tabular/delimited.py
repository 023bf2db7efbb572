"""Delimited text: encoding, separator, and a streaming read that keeps memory flat on a million rows."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv

from sources.tabular import legacy
from sources.tabular.cells import Cells, from_objects
from sources.tabular.reject import Rejected
from sources.tabular.sheet import HEAD_ROWS, MAX_COLUMNS, Block, Book, Sheet

HEAD_BYTES: Final = 256 * 1024
READ_BLOCK: Final = 3 * 1024 * 1024
DELIMITERS: Final = (",", ";", "\t", "|")
MAX_ODD_ROWS: Final = 50_000
_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip


def detect_encoding(head: bytes) -> tuple[str, str | None]:
    """Return (Python codec, legacy repair) of a text file's first bytes.

    Raises: Rejected(unknown_encoding) when no reading of the bytes looks like Vietnamese.
    """
    for bom, name in _BOMS:
        if head.startswith(bom):
            text = head.decode(name, "ignore")
            return name, legacy.detect(text.split("\n")[:200])
    zeros = np.frombuffer(head[: len(head) // 2 * 2], np.uint8).reshape(-1, 2) == 0
    if len(zeros) >= 4:
        high, low = zeros[:, 1].mean(), zeros[:, 0].mean()
        if high > 0.3 and low < 0.05:
            return "utf-16-le", None
        if low > 0.3 and high < 0.05:
            return "utf-16-be", None
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(head)
        return "utf-8", legacy.detect(text.split("\n")[:200])
    except UnicodeDecodeError:
        pass
    wrong = len(head) - len(head.decode("utf-8", "ignore").encode())
    if wrong * 200 < sum(byte >= 0x80 for byte in head):
        return "utf-8", None
    best: tuple[float, str, str | None] = (0.0, "", None)
    for codec, mode in (("cp1258", None), ("cp1252", "tcvn3"), ("cp1252", "vni"), ("cp1252", None)):
        text = _decode_single(head, codec)
        fixed = legacy.REPAIRS[mode](text) if mode else text
        good, total = legacy.score(fixed.split("\n")[:400])
        share = good / total if total else 0.0
        if share > best[0] + 0.02:
            best = (share, codec, mode)
    if best[0] < 0.6:
        raise Rejected(
            "unknown_encoding",
            "Không nhận ra bảng mã chữ của tệp; hãy mở tệp và lưu lại dưới dạng CSV UTF-8 hoặc xlsx.",
        )
    return best[1], best[2]


def _decode_single(data: bytes, codec: str) -> str:
    """Decode an 8-bit text; bytes the codec leaves undefined become the Latin-1 character of that number."""
    return data.decode(codec, "latin1_fallback")


def _latin1(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("latin-1"), error.end


codecs.register_error("latin1_fallback", _latin1)


def _as_utf8(path: Path, codec: str, work: Path) -> Path:
    """Return `path`, or a UTF-8 copy of it in `work` when it is in another encoding. Damaged bytes become U+FFFD."""
    if codec == "utf-8-sig" or codec == "utf-8":
        return path
    copy = work / "utf8.csv"
    errors = "latin1_fallback" if codec.startswith("cp") else "replace"
    with (
        open(path, encoding=codec, errors=errors, newline="") as source,
        open(copy, "w", encoding="utf-8", newline="") as out,
    ):
        while chunk := source.read(1 << 20):
            out.write(chunk)
    return copy


def _rows(text: str, delimiter: str) -> tuple[list[list[str]], list[int]]:
    """Return the first rows of a delimited text and the physical line each ends on."""
    rows: list[list[str]] = []
    lines: list[int] = []
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        for row in reader:
            rows.append(row)
            lines.append(reader.line_num)
            if len(rows) >= HEAD_ROWS:
                break
    except csv.Error:
        pass
    return rows, lines


def read_delimited(path: Path, work: Path, encoding: str | None = None, delimiter: str | None = None) -> Book:
    """Open a delimited file. The book has one sheet per plausible separator, likeliest first.

    Raises: Rejected (empty, unknown_encoding).
    """
    with open(path, "rb") as file:
        head = file.read(HEAD_BYTES)
    if not head.strip(b"\0 \t\r\n\xef\xbb\xbf"):
        raise Rejected("empty", "Tệp không có nội dung; hãy xuất lại từ phần mềm.")
    codec, mode = (encoding, None) if encoding else detect_encoding(head)
    try:
        codecs.lookup(codec)
        source = _as_utf8(path, codec, work)
    except (LookupError, UnicodeError):
        raise Rejected("unknown_encoding", f"Không đọc được tệp theo bảng mã {codec}; hãy lưu lại dưới dạng CSV UTF-8.") from None
    with open(source, "rb") as file:
        text = file.read(HEAD_BYTES).decode("utf-8-sig", "replace")
    whole = source.stat().st_size <= HEAD_BYTES
    quoted = _has_quote(source)
    found: list[tuple[float, Sheet]] = []
    for mark in [delimiter] if delimiter else DELIMITERS:
        rows, lines = _rows(text, mark)
        if not whole and len(rows) < HEAD_ROWS:
            rows, lines = rows[:-1], lines[:-1]
        widths = [len(row) for row in rows if any(cell.strip() for cell in row)]
        if not widths or (max(widths) < 2 and not delimiter):
            continue
        if max(widths) > MAX_COLUMNS:
            continue
        usual = max(set(widths), key=widths.count)
        found.append(
            (
                usual * widths.count(usual) / len(widths),
                Sheet("", rows, _Stream(source, mark, quoted, lines), [], False, lines),
            )
        )
    if not found:
        raise Rejected(
            "unknown_layout",
            "Tệp không có cột nào nhận ra được; hãy xuất lại dưới dạng xlsx hoặc CSV có dòng tiêu đề.",
        )
    found.sort(key=lambda item: -item[0])
    return Book("csv", [sheet for _, sheet in found], codec.removesuffix("-sig"), 0, {"mode": mode})


def _has_quote(path: Path) -> bool:
    """Whether a quotation mark occurs anywhere in the file."""
    with open(path, "rb") as file:
        return any(b'"' in chunk for chunk in iter(lambda: file.read(1 << 20), b""))


class _Stream:
    """Reads blocks of a UTF-8 delimited file after a given row of the head."""

    def __init__(self, path: Path, delimiter: str, quoted: bool, lines: list[int]) -> None:
        self.path, self.delimiter, self.quoted, self.lines = path, delimiter, quoted, lines

    def __call__(self, first: int, width: int) -> Iterator[Block]:
        """Yield the blocks from the 0-based head row `first` on. Rows of another width come last."""
        skip = self.lines[first - 1] if first else 0
        odd: list[pacsv.InvalidRow] = []

        def keep(row: pacsv.InvalidRow) -> str:
            odd.append(row)
            if len(odd) > MAX_ODD_ROWS:
                return "error"
            return "skip"

        names = [f"c{i}" for i in range(width)]
        reader = None
        try:
            reader = pacsv.open_csv(
                self.path,
                pacsv.ReadOptions(use_threads=False, block_size=READ_BLOCK, skip_rows=skip, column_names=names, encoding="utf8"),
                pacsv.ParseOptions(
                    delimiter=self.delimiter, newlines_in_values=self.quoted, ignore_empty_lines=False,
                    invalid_row_handler=keep, quote_char='"' if self.quoted else False,
                ),
                pacsv.ConvertOptions(
                    check_utf8=True, column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
                ),
            )  # fmt: skip
            yield from self._batches(reader, skip + 1, odd)
        except pa.ArrowInvalid as exc:
            text = str(exc)
            if "UTF8" in text or "UTF-8" in text:
                raise Rejected(
                    "unknown_encoding",
                    "Giữa tệp có chữ không phải UTF-8; hãy lưu lại cả tệp dưới dạng CSV UTF-8.",
                ) from None
            if "Empty CSV" in text or "end of file" in text.lower():
                return
            raise Rejected(
                "malformed",
                "Cấu trúc CSV bị hỏng (thừa hoặc thiếu dấu nháy, số cột thay đổi); hãy xuất lại tệp hoặc lưu thành xlsx.",
            ) from None
        finally:
            if reader is not None:
                reader.close()
        if odd:
            yield self._odd_block(odd, width)

    def _batches(self, reader: pacsv.CSVStreamingReader, line: int, odd: list[pacsv.InvalidRow]) -> Iterator[Block]:
        """Yield record batches with line numbers; rows that hold line breaks push the following ones down."""
        record, shift, seen = line, 0, 0
        for batch in reader:
            count = batch.num_rows
            if not count:
                continue
            numbers = np.arange(record, record + count, dtype=np.int32)
            while seen < len(odd) and odd[seen].number is not None and odd[seen].number <= numbers[-1]:
                numbers[numbers >= odd[seen].number] += 1
                seen += 1
            record = int(numbers[-1]) + 1
            columns = [Cells(column) for column in batch.columns]
            if self.quoted:
                extra = _line_breaks(batch)
                if extra is not None:
                    before = np.cumsum(extra) - extra
                    numbers = numbers + (before + shift).astype(np.int32)
                    shift += int(extra.sum())
                elif shift:
                    numbers = numbers + np.int32(shift)
            yield Block(columns, numbers)

    def _odd_block(self, odd: list[pacsv.InvalidRow], width: int) -> Block:
        """Return the rows whose number of cells differs: padded, or marked as unreadable.

        Short rows are honest (spreadsheets drop trailing empty cells), except the last line of a file that ends without a
        line break: that one was cut off. Cells left over mean that the columns have shifted.
        """
        rows: list[list[str]] = []
        cut = _cut_line(self.path)
        for item in odd:
            try:
                row = next(csv.reader([item.text], delimiter=self.delimiter), [])
            except csv.Error:
                row = ["\ufffd"]
            if any(cell.strip() for cell in row[width:]) or (cut is not None and item.text == cut and len(row) > 2):
                row = ["\ufffd"] * width
            rows.append((row + [""] * width)[:width])
        numbers = np.array([item.number or 0 for item in odd], np.int32)
        return Block([from_objects(list(column)) for column in zip(*rows, strict=True)], numbers)


def _cut_line(path: Path) -> str | None:
    """Return the last line of a file that does not end with a line break, None when it does."""
    with open(path, "rb") as file:
        file.seek(max(0, path.stat().st_size - 65_536))
        tail = file.read()
    if tail.endswith((b"\n", b"\r")):
        return None
    return tail.replace(b"\r", b"\n").rpartition(b"\n")[2].decode("utf-8", "replace")


def _line_breaks(batch: pa.RecordBatch) -> np.ndarray | None:  # type: ignore[type-arg]
    """Return how many line breaks the values of each row hold, None when there are none."""
    total: np.ndarray | None = None  # type: ignore[type-arg]
    for column in batch.columns:
        _, offsets, data = column.buffers()
        if data is None:
            continue
        ends = np.frombuffer(offsets, np.int32, len(column) + 1, column.offset * 4)
        raw = np.frombuffer(data, np.uint8)[int(ends[0]) : int(ends[-1])]
        breaks = np.flatnonzero(raw == 10)
        if len(breaks):
            rows = np.searchsorted(ends, breaks + int(ends[0]), side="right") - 1
            counts = np.bincount(rows, minlength=len(column))
            total = counts if total is None else total + counts
    return total
