"""From the cells of a column to typed values, vectorised, with the reason for every cell that has none.

Work is done once per distinct text wherever a column repeats itself; only high-cardinality times have a byte-level path.
"""

from __future__ import annotations

import datetime as dt
import zoneinfo
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from sources.canonical import END_OF_DAY
from sources.contract import Column
from sources.tabular import dates, numbers
from sources.tabular.cells import UNREADABLE, Cells, Cleaner, Mask, as_text, buffers, lengths, plain
from sources.tabular.text import fold

ARROW_TYPES: Final[dict[str, pa.DataType]] = {
    "text": pa.string(), "code": pa.string(), "date": pa.date32(), "datetime": pa.timestamp("us", "UTC"),
    "integer": pa.int64(), "decimal": pa.float64(), "percent": pa.float64(), "boolean": pa.bool_(),
}  # fmt: skip
#: Whole and fractional amounts of money: a lone group of three digits is thousands.
_MONEY: Final = frozenset({"fee_amount"})
_SEVEN: Final = frozenset({"Asia/Ho_Chi_Minh", "Asia/Saigon", "Asia/Bangkok"})
_SINCE_1976: Final = 189_302_400_000_000
_END_OF_DAY: Final = 86_399_000_000


@dataclass
class Converted:
    """Typed values of one block of one column. `unreadable` and `unknown` rows are NULL in `values`."""

    values: pa.Array
    unreadable: Mask
    unknown: Mask | None = None


@dataclass
class Context:
    """What conversion needs to know about the file. `sticky` remembers what earlier blocks proved about a column."""

    cleaner: Cleaner
    timezone: str
    epoch_1904: bool = False
    year: int | None = None
    sticky: dict[str, Any] = field(default_factory=dict)


def null_type(column: Column) -> pa.DataType:
    """Return the Arrow type of a canonical column."""
    return ARROW_TYPES[column.canonical_type]


def encode(array: pa.Array) -> tuple[npt.NDArray[np.int32], list[str | None]]:
    """Return (index of each row's text, distinct texts); nulls point at a final None."""
    if not pa.types.is_dictionary(array.type):
        array = plain(array).dictionary_encode()
    words: list[str | None] = array.dictionary.to_pylist()
    indices = np.asarray(array.indices.fill_null(len(words)), dtype=np.int32)
    return indices, [*words, None]


def convert(cells: Cells, column: Column, ctx: Context) -> Converted:
    """Return the typed values of a block."""
    kind = column.type
    if column.name == "month" and column.canonical_type == "date":
        return _months(cells, column, ctx)
    if kind == "text":
        return text_values(cells, ctx)
    if kind == "code":
        return _codes(cells, column, ctx)
    if kind in ("date", "datetime"):
        return _moments(cells, column, ctx)
    if kind == "boolean":
        return _booleans(cells, column, ctx)
    return _numbers(cells, column, ctx)


def text_values(cells: Cells, ctx: Context) -> Converted:
    """Return clean text; empty is NULL, damaged is unreadable."""
    array = ctx.cleaner.array(as_text(cells))
    if pa.types.is_dictionary(array.type):
        indices, words = encode(array)
        bad = np.array([w == UNREADABLE for w in words], np.bool_)[indices]
        kept = [None if not w or w == UNREADABLE else w for w in words]
        return Converted(pa.array(kept, pa.string()).take(pa.array(indices)), bad)
    size = lengths(array)
    bad = np.zeros(len(array), np.bool_)
    three = np.flatnonzero(size == 3)
    if len(three):
        ends, raw = buffers(array)
        at = ends[three]
        hit = (raw[at] == 0xEF) & (raw[at + 1] == 0xBF) & (raw[at + 2] == 0xBD)
        bad[three[hit]] = True
    gone = bad | (size == 0)
    if gone.any():
        array = plain(pc.if_else(pa.array(gone), pa.scalar(None, pa.string()), array))
    return Converted(array, bad)


def _per_word(
    cells: Cells, column: Column, ctx: Context, parse: Callable[[str, str], tuple[Any, str]]
) -> tuple[npt.NDArray[np.int32], list[Any], list[str]]:
    """Apply `parse(clean, folded) -> (value, verdict)` to each distinct text; verdict is '', unreadable or unknown."""
    indices, words = encode(as_text(cells))
    values: list[Any] = []
    verdicts: list[str] = []
    mapped = column.values or {}
    for word in words:
        text = ctx.cleaner.one(word) if word else ""
        folded = fold(text)
        if not text:
            value, verdict = None, ""
        elif folded in mapped:
            value, verdict = mapped[folded], ""
        elif text == UNREADABLE or text.startswith("#"):
            value, verdict = None, "unreadable"
        elif folded in numbers.NOTHING:
            value, verdict = None, ""
        else:
            value, verdict = parse(text, folded)
        values.append(value)
        verdicts.append(verdict)
    return indices, values, verdicts


def _gather(indices: npt.NDArray[np.int32], values: list[Any], verdicts: list[str], kind: pa.DataType) -> Converted:
    """Spread per-word results over the rows."""
    unreadable = np.array([v == "unreadable" for v in verdicts], np.bool_)[indices]
    unknown = np.array([v == "unknown" for v in verdicts], np.bool_)[indices]
    return Converted(pa.array(values, kind).take(pa.array(indices)), unreadable, unknown if unknown.any() else None)


def _codes(cells: Cells, column: Column, ctx: Context) -> Converted:
    """Code columns: listed texts, else what the contract says about other texts."""

    def other(text: str, folded: str) -> tuple[Any, str]:
        if column.values is None or column.keep_unknown:
            return text, ""
        if folded.endswith(".0") and folded[:-2] in column.values:
            return column.values[folded[:-2]], ""
        if column.otherwise == "quarantine":
            return None, "unknown"
        return column.otherwise, ""

    return _gather(*_per_word(cells, column, ctx, other), null_type(column))


def _booleans(cells: Cells, column: Column, ctx: Context) -> Converted:
    """Yes/no columns. Where a column marks yes with x, a blank is no; elsewhere a blank is unknown."""

    def parse(_: str, folded: str) -> tuple[Any, str]:
        value = numbers.parse_boolean(folded)
        return value, "" if value is not None else "unreadable"

    indices, values, verdicts = _per_word(cells, column, ctx, parse)
    _, words = encode(as_text(cells))
    said = {fold(word) for word in words if word and word.strip()}
    if said and said <= numbers.MARKS:
        ctx.sticky[column.name] = "marks"
    if ctx.sticky.get(column.name) == "marks":
        values = [False if not (w and w.strip()) else v for w, v in zip(words, values, strict=True)]
    return _gather(indices, values, verdicts, pa.bool_())


def _numbers(cells: Cells, column: Column, ctx: Context) -> Converted:
    """Integer, decimal and percent columns. Percent values are shares: `12,34%` is 0.1234."""
    kind, whole = column.type, column.canonical_type == "integer"
    indices, words = encode(cells.text)
    texts = [w for w in (ctx.cleaner.one(word) for word in words if word) if w and w != UNREADABLE]
    sign = {"comma": ",", "dot": ".", None: None}[column.decimal]
    sign = sign or ctx.sticky.get(column.name) or (None if whole else numbers.decimal_sign(texts))
    if sign:
        ctx.sticky[column.name] = sign
    thousands = whole or column.name in _MONEY
    bare: set[str] = set()

    def parse(text: str, _: str) -> tuple[Any, str]:
        got = numbers.parse_percent(text, sign) if thousands is False or text.endswith("%") else None
        if got is not None and got[1]:
            return (None, "unreadable") if whole else (got[0] / 100, "")
        value = numbers.parse_number(text, sign, thousands)
        if value is not None and kind == "percent":
            bare.add(text)
        return value, "" if value is not None else "unreadable"

    only_text = Cells(cells.text)
    indices, values, verdicts = _per_word(only_text, column, ctx, parse)
    result = np.array([np.nan if v is None else float(v) for v in values], np.float64)
    bare_words = np.array([bool(w) and ctx.cleaner.one(w) in bare for w in words], np.bool_)
    out = result[indices]
    is_bare = bare_words[indices]
    unreadable = np.array([v == "unreadable" for v in verdicts], np.bool_)[indices]
    if cells.number is not None:
        numeric = ~np.isnan(cells.number)
        out = np.where(numeric, cells.number, out)
        is_bare = is_bare | numeric
    if cells.dated is not None:
        unreadable = unreadable | cells.dated
    if kind == "percent":
        points = column.scale == "percent" or (column.scale is None and bool(np.any(out[is_bare] > 1.5)))
        out = np.where(is_bare & points, out / 100, out)
    null = np.isnan(out)
    if whole:
        odd = ~null & ((out != np.floor(out)) | (np.abs(out) > 2.0**53))
        unreadable, null = unreadable | odd, null | odd
        return Converted(pa.array(np.where(null, 0, out).astype(np.int64), pa.int64(), mask=null), unreadable)
    odd = ~null & ~np.isfinite(out)
    return Converted(pa.array(out, pa.float64(), mask=null | odd), unreadable | odd)


def utc_offset(local: npt.NDArray[np.int64], zone: str, from_utc: bool = False) -> npt.NDArray[np.int64]:
    """Return the zone's offset in microseconds at each naive local (or UTC) time."""
    if not len(local):
        return np.zeros(0, np.int64)
    if zone in _SEVEN and int(local.min()) >= _SINCE_1976:
        return np.full(len(local), 25_200_000_000, np.int64)
    info = zoneinfo.ZoneInfo(zone)
    epoch = dt.datetime(1970, 1, 1)

    def offset(micros: int) -> int:
        when = epoch + dt.timedelta(microseconds=micros)
        moment = when.replace(tzinfo=dt.UTC).astimezone(info) if from_utc else when.replace(tzinfo=info)
        return int((moment.utcoffset() or dt.timedelta(0)) / dt.timedelta(microseconds=1))

    days, inverse = np.unique(local // dates.DAY, return_inverse=True)
    start = np.array([offset(int(d) * dates.DAY) for d in days], np.int64)
    end = np.array([offset(int(d) * dates.DAY + dates.DAY - 1) for d in days], np.int64)
    result = start[inverse]
    for i in np.flatnonzero((start != end)[inverse]):
        result[i] = offset(int(local[i]))
    return result


def _text_moments(array: pa.Array, column: Column, ctx: Context) -> tuple[npt.NDArray[np.int64], Mask, Mask, Mask, Mask]:
    """Return (micros, valid, aware, timed, unreadable) of a plain string array."""
    count = len(array)
    micros = np.zeros(count, np.int64)
    valid, aware, timed, bad = (np.zeros(count, np.bool_) for _ in range(4))
    ends, raw = buffers(array)
    size = lengths(array)
    if not column.formats:
        for width in (19, 16, 10, 14):
            rows = np.flatnonzero(size == width)
            if not len(rows):
                continue
            if len(rows) == count and int(ends[-1]) - int(ends[0]) == count * width:
                matrix = raw[int(ends[0]) : int(ends[-1])].reshape(count, width)
            else:
                matrix = raw[ends[rows][:, None] + np.arange(width, dtype=np.int32)]
            got, good, has_time = dates.parse_fixed(matrix)
            hit = rows[good]
            micros[hit], valid[hit], timed[hit] = got[good], True, has_time
    rest = np.flatnonzero(~valid & (size > 0))
    if len(rest):
        indices, words = encode(array.take(pa.array(rest)))
        found = _word_moments(words, column, ctx)
        for name, target in (
            ("micros", micros),
            ("valid", valid),
            ("aware", aware),
            ("timed", timed),
            ("bad", bad),
        ):
            target[rest] = np.array([item[name] for item in found], target.dtype)[indices]
    return micros, valid, aware, timed, bad


def _word_moments(words: list[str | None], column: Column, ctx: Context) -> list[dict[str, Any]]:
    """Read distinct date texts one by one; numbers that look like Excel serials only where the column is full of them."""
    clean = [ctx.cleaner.one(word) if word else "" for word in words]
    said = [text for text in clean if text and fold(text) not in numbers.NOTHING]
    serials = [text for text in said if dates.serial_text(text) is not None]
    if said and len(serials) * 2 >= len(said):
        ctx.sticky[column.name] = "serials"
    allow = ctx.sticky.get(column.name) == "serials"
    found = []
    for text in clean:
        moment: dates.Moment | None = None
        empty = not text or fold(text) in numbers.NOTHING
        if not empty and text != UNREADABLE:
            moment = dates.parse_text(text, column.formats)
            if moment is None and allow:
                serial = dates.serial_text(text)
                moment = None if serial is None else dates.serial_micros(serial, ctx.epoch_1904)
        found.append({
            "micros": moment.micros if moment else 0, "valid": moment is not None,
            "aware": bool(moment and moment.aware), "timed": bool(moment and moment.timed),
            "bad": not empty and moment is None,
        })  # fmt: skip
    return found


def _number_moment(value: float, ctx: Context) -> dates.Moment | None:
    """Return the moment a numeric cell means: an Excel serial, or yyyyMMdd[HHmmss] stored as a number."""
    if value == int(value) and value >= 19_000_101:
        return dates.parse_text(str(int(value)))
    return dates.serial_micros(value, ctx.epoch_1904)


def _moments(cells: Cells, column: Column, ctx: Context) -> Converted:
    """Date and datetime columns. Naive times are local to the contract's zone; stored in UTC."""
    text = cells.text
    if pa.types.is_dictionary(text.type):
        indices = np.asarray(text.indices.fill_null(len(text.dictionary)), np.int64)
        words = pa.concat_arrays([plain(text.dictionary), pa.nulls(1, pa.string())])
        micros, valid, aware, timed, bad = (part[indices] for part in _text_moments(words, column, ctx))
    else:
        micros, valid, aware, timed, bad = _text_moments(plain(text), column, ctx)
    if cells.number is not None:
        for i in np.flatnonzero(~np.isnan(cells.number)):
            moment = _number_moment(float(cells.number[i]), ctx)
            if moment is None:
                bad[i] = True
            else:
                micros[i], valid[i], timed[i] = moment.micros, True, moment.timed
    if cells.dated is not None and cells.moment is not None and cells.timed is not None:
        micros = np.where(cells.dated, cells.moment, micros)
        valid, timed = valid | cells.dated, np.where(cells.dated, cells.timed, timed)
    if column.canonical_type == "date":
        if aware.any():
            micros[aware] += utc_offset(micros[aware], ctx.timezone, from_utc=True)
        day = (micros // dates.DAY).astype(np.int32)
        return Converted(pa.array(day, pa.int32(), mask=~valid).cast(pa.date32()), bad)
    if column.name in END_OF_DAY:
        micros = micros + np.where(valid & ~timed, _END_OF_DAY, 0)
    naive = valid & ~aware
    if naive.all():
        micros = micros - utc_offset(micros, ctx.timezone)
    elif naive.any():
        micros[naive] -= utc_offset(micros[naive], ctx.timezone)
    return Converted(pa.array(micros, pa.int64(), mask=None if valid.all() else ~valid).cast(ARROW_TYPES["datetime"]), bad)


def _months(cells: Cells, column: Column, ctx: Context) -> Converted:
    """Month columns: first day of the month. A month without a year takes the year of the file's title."""

    def parse(text: str, _: str) -> tuple[Any, str]:
        serial = dates.serial_text(text)
        if serial is not None:
            moment = dates.serial_micros(serial, ctx.epoch_1904)
            day = (
                None
                if moment is None
                else dates.parse_month(dt.date.fromordinal(moment.micros // dates.DAY + 719163).isoformat())
            )
        else:
            day = dates.parse_month(text, ctx.year)
        return day, "" if day is not None else "unreadable"

    indices, values, verdicts = _per_word(cells, column, ctx, parse)
    made = _gather(indices, values, verdicts, pa.int32())
    return Converted(made.values.cast(pa.date32()), made.unreadable)
