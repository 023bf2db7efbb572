"""One block of one column: text, numbers and times side by side, and the fast way to clean a million texts.

Arrays are aligned: row i of a block is entry i of every array.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from sources.tabular.legacy import repair_text
from sources.tabular.text import clean, is_broken

Mask = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
_EPOCH: Final = dt.datetime(1970, 1, 1)
_DAY: Final = 86_400_000_000
_CLEAN_C3: Final = np.zeros(256, np.bool_)
for _ch in "ÀÁÂÃÈÉÊÌÍÒÓÔÕÙÚÝàáâãèéêìíòóôõùúý":
    _CLEAN_C3[_ch.encode()[1]] = True
#: Bytes that a cell of plain Vietnamese in NFC never starts a character with (or control characters).
_BAD: Final = np.ones(256, np.bool_)
_BAD[0x20:0x7F] = False
_BAD[0x80:0xC0] = False
_BAD[[0xC3, 0xC4, 0xC5, 0xC6, 0xE1]] = False
UNREADABLE: Final = "\ufffd"


@dataclass
class Cells:
    """A block of a raw column.

    text: string array, null where the cell is empty or not a text. number: float64 or None when the block has no
    numeric cell, NaN elsewhere. moment: microseconds since 1970 of naive times or None, `dated` tells which rows have one;
    `timed` which of them carry a time of day.
    """

    text: pa.Array
    number: npt.NDArray[np.float64] | None = None
    moment: Ints | None = None
    dated: Mask | None = None
    timed: Mask | None = None

    def __len__(self) -> int:
        return len(self.text)


def plain(array: pa.Array) -> pa.Array:
    """Return a string array without dictionary and without offset."""
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if array.type != pa.string():
        array = array.cast(pa.string())
    return array


def buffers(array: pa.Array) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.uint8]]:
    """Return (offsets, bytes) of a string array; offsets count from the start of `bytes`."""
    _, offsets, data = array.buffers()
    ends = np.frombuffer(offsets, np.int32, len(array) + 1, array.offset * 4) if offsets is not None else np.zeros(1, np.int32)
    if len(array) == 0:
        return np.zeros(1, np.int32), np.zeros(0, np.uint8)
    raw = np.frombuffer(data, np.uint8) if data is not None and data.size else np.zeros(0, np.uint8)
    return ends, raw


def lengths(array: pa.Array) -> npt.NDArray[np.int32]:
    """Return the byte length of each text, 0 for null."""
    ends, _ = buffers(array)
    size = np.diff(ends)
    if array.null_count:
        size = np.where(np.asarray(array.is_null()), 0, size)
    return size.astype(np.int32, copy=False)


def _dirty_rows(array: pa.Array, every_marked: bool) -> npt.NDArray[np.int64]:
    """Return the rows whose text needs the slow, exact cleaning."""
    ends, raw = buffers(array)
    first, last = int(ends[0]), int(ends[-1])
    data = raw[first:last]
    if not len(data):
        return np.zeros(0, np.int64)
    bad = _BAD[data] if not every_marked else _BAD[data] | (data >= 0x80)
    marked = np.flatnonzero(data >= 0xC3)
    if len(marked):
        following = data[np.minimum(marked + 1, len(data) - 1)]
        lead = data[marked]
        bad[marked[(lead == 0xC3) & ~_CLEAN_C3[following]]] = True
        bad[marked[(lead == 0xE1) & (following != 0xBA) & (following != 0xBB)]] = True
    spaces = data == 0x20
    bad[1:] |= spaces[1:] & spaces[:-1]
    positions = np.flatnonzero(bad) + first
    rows = np.searchsorted(ends, positions, side="right") - 1
    starts = ends[:-1]
    full = np.flatnonzero(np.diff(ends) > 0)
    edge = full[(raw[starts[full]] == 0x20) | (raw[ends[full + 1] - 1] == 0x20)]
    return np.unique(np.concatenate([rows, edge]))


class Cleaner:
    """Cleans text columns: NFC, Đ/Ð, white space, legacy encodings. Remembers what it repaired.

    `mode` is the legacy encoding found for the whole file. A text that cannot be read becomes U+FFFD, which
    `convert` turns into the reason `unreadable`.
    """

    def __init__(self, mode: str | None = None) -> None:
        self.mode = mode
        self.repaired = 0
        self._seen: dict[str, str] = {}

    def one(self, text: str) -> str:
        """Return one clean text, or U+FFFD when it cannot be read."""
        done = self._seen.get(text)
        if done is None:
            fixed, readable = repair_text(text, self.mode) if not text.isascii() else (text, True)
            self.repaired += fixed != text
            done = clean(fixed) if readable and not is_broken(fixed) else UNREADABLE
            if len(self._seen) > 200_000:
                self._seen.clear()
            self._seen[text] = done
        return done

    def array(self, array: pa.Array) -> pa.Array:
        """Return a cleaned string or dictionary array; empty texts stay empty texts."""
        if isinstance(array, pa.ChunkedArray):
            array = array.combine_chunks()
        if pa.types.is_dictionary(array.type):
            words = pa.array([None if w is None else self.one(w) for w in array.dictionary.to_pylist()], pa.string())
            return pa.DictionaryArray.from_arrays(array.indices, words)
        rows = _dirty_rows(array, self.mode is not None)
        if not len(rows):
            return array
        fixed = [None if w is None else self.one(w) for w in array.take(pa.array(rows)).to_pylist()]
        mask = np.zeros(len(array), np.bool_)
        mask[rows] = True
        return plain(pc.replace_with_mask(array, pa.array(mask), pa.array(fixed, pa.string())))


def number_text(value: float) -> str:
    """Return a number as a person would have typed it: no `.0`, no exponent."""
    if value == int(value) and abs(value) < 1e17:
        return str(int(value))
    return repr(value)


def moment_text(micros: int, timed: bool) -> str:
    """Return a time cell as ISO text."""
    when = _EPOCH + dt.timedelta(microseconds=micros)
    return when.isoformat(sep=" ") if timed else when.date().isoformat()


def from_objects(values: list[Any] | tuple[Any, ...]) -> Cells:
    """Return the cells of one column given as Python values (str, int, float, bool, date, datetime, time, None)."""
    kinds = set(map(type, values))
    if kinds <= {str, type(None)}:
        return Cells(pa.array(values, pa.string()))
    count = len(values)
    if kinds <= {float, int, type(None)} or (kinds <= {float, int, str} and not any(type(v) is str and v for v in values)):
        numbers = np.array([np.nan if v is None or v == "" else float(v) for v in values], np.float64)
        return Cells(pa.nulls(count, pa.string()), numbers)
    texts = [value if type(value) is str and value else None for value in values]
    numbers = moment = dated = timed = None
    if float in kinds or int in kinds:
        at = [i for i, value in enumerate(values) if type(value) is float or type(value) is int]
        numbers = np.full(count, np.nan)
        numbers[at] = [float(values[i]) for i in at]
    if dt.datetime in kinds or dt.date in kinds:
        moment, dated, timed = np.zeros(count, np.int64), np.zeros(count, np.bool_), np.zeros(count, np.bool_)
        for kind, arrow, unit in ((dt.datetime, pa.timestamp("us"), 1), (dt.date, pa.date32(), _DAY)):
            at = [i for i, value in enumerate(values) if type(value) is kind]
            if at:
                whole = pa.array([values[i] for i in at], arrow).view(pa.int64() if unit == 1 else pa.int32())
                moment[at] = whole.to_numpy(zero_copy_only=False).astype(np.int64) * unit
                dated[at] = True
        timed = dated & (moment % _DAY != 0)
    for other in kinds - {str, float, int, dt.datetime, dt.date, type(None)}:
        for i, value in enumerate(values):
            if type(value) is other:
                texts[i] = str(value).lower() if other is bool else str(value)
    return Cells(pa.array(texts, pa.string()), numbers, moment, dated, timed)


def as_text(cells: Cells) -> pa.Array:
    """Return every cell as text; numbers and times in their plain written form."""
    if cells.number is None and cells.dated is None:
        return cells.text
    texts = cells.text.to_pylist()
    if cells.number is not None:
        for i in np.flatnonzero(~np.isnan(cells.number)):
            texts[i] = number_text(float(cells.number[i]))
    if cells.dated is not None and cells.moment is not None and cells.timed is not None:
        for i in np.flatnonzero(cells.dated):
            texts[i] = moment_text(int(cells.moment[i]), bool(cells.timed[i]))
    return pa.array(texts, pa.string())


def take(cells: Cells, keep: Mask) -> Cells:
    """Return the cells of the rows where `keep` is true."""
    if keep.all():
        return cells
    return Cells(
        cells.text.filter(pa.array(keep)),
        *(None if part is None else part[keep] for part in (cells.number, cells.moment, cells.dated, cells.timed)),
    )


def blank(cells: Cells) -> Mask:
    """Return where a cell is empty: no number, no time, no text or only white space."""
    text = cells.text
    if pa.types.is_dictionary(text.type):
        words = [w is None or not w.strip() for w in text.dictionary.to_pylist()]
        lookup = np.array([*words, True], np.bool_)
        indices = np.asarray(text.indices.fill_null(len(words)))
        empty = lookup[indices]
    else:
        size = lengths(text)
        empty = size == 0
        some = np.flatnonzero((size > 0) & (size <= 8))
        if len(some):
            ends, raw = buffers(text)
            white = some[(raw[ends[some]] <= 0x20) | (raw[ends[some]] >= 0xC2)]
            for i in white[:100_000]:
                empty[i] = not text[int(i)].as_py().strip("\u200b\ufeff \t\r\n\xa0")
    if cells.number is not None:
        empty = empty & np.isnan(cells.number)
    if cells.dated is not None:
        empty = empty & ~cells.dated
    return np.asarray(empty)
