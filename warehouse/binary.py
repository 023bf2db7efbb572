"""Arrow record batches as PostgreSQL's binary COPY: no text is formatted here and none is parsed by the server.

A row is a count of columns and, for each, a length (-1: NULL) and the value, big-endian. Every column becomes the pieces of
all its rows in one go; joining them row by row is one call.
Source: PostgreSQL documentation, "COPY", section "Binary Format".
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from warehouse.database import Transaction

HEADER: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER: Final = b"\xff\xff"
#: Days and microseconds from 1970-01-01 to 2000-01-01, where PostgreSQL counts from.
_DAYS: Final = 10_957
MICROSECONDS: Final = _DAYS * 86_400_000_000
INFINITY: Final = np.iinfo(np.int64).max
_NULL: Final = b"\xff\xff\xff\xff"
_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
#: Types of one width: the Arrow type a column is brought to, and its bytes.
_FIXED: Final = {
    "int2": (pa.int16(), ">i2"), "int4": (pa.int32(), ">i4"), "int8": (pa.int64(), ">i8"), "float8": (pa.float64(), ">f8"),
    "bool": (pa.int8(), ">i1"), "date": (pa.int32(), ">i4"), "timestamptz": (pa.int64(), ">i8"),
}  # fmt: skip


def column_types(tx: Transaction, table: str) -> dict[str, str]:
    """Return the PostgreSQL type of each column of a table, such as int4 or timestamptz."""
    found = tx.rows(
        """
        select a.attname, t.typname
        from pg_attribute as a
        inner join pg_type as t on a.atttypid = t.oid
        where a.attrelid = %(table)s::regclass and a.attnum > 0 and not a.attisdropped
        """,
        {"table": table},
    )
    return {row["attname"]: row["typname"] for row in found}


def microseconds(moment: datetime) -> int:
    """Return an aware moment as PostgreSQL counts it."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def encoded(
    arrays: Mapping[str, Any], count: int, types: Mapping[str, str], constants: Mapping[str, Any], columns: Sequence[str]
) -> Any:
    """Return `count` rows as a buffer of binary COPY.

    arrays: Arrow arrays by column. types: PostgreSQL type by column. constants: columns with the same value in every row
    (text, or a number as PostgreSQL counts it). columns: the order of COPY.
    Raises: ValueError for a type that no fact has; pyarrow.ArrowInvalid for a number that does not fit.
    """
    pieces: list[Any] = [pa.scalar(struct.pack(">h", len(columns)), pa.binary())]
    for name in columns:
        if name in constants:
            pieces += [part[0] for part in _pieces(pa.array([constants[name]]), types[name])]
        else:
            pieces += _pieces(arrays[name], types[name])
    return pc.binary_join_element_wise(*_merged_scalars(pieces), pa.scalar(b"", pa.binary())).buffers()[2]


def _merged_scalars(pieces: list[Any]) -> list[Any]:
    """Join neighbouring constants, so that each costs nothing per row."""
    made: list[Any] = []
    for piece in pieces:
        if made and isinstance(piece, pa.Scalar) and isinstance(made[-1], pa.Scalar):
            made[-1] = pa.scalar(made[-1].as_py() + piece.as_py(), pa.binary())
        else:
            made.append(piece)
    return made


def _pieces(array: Any, kind: str) -> list[Any]:
    """Return the byte pieces (length and value) of a column: binary arrays to be joined in this order."""
    if kind in ("text", "varchar", "bpchar"):
        return _texts(array)
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if kind == "numeric":
        return [_numerics(array)]
    if kind not in _FIXED:
        raise ValueError(f"no binary form for {kind}")
    valid = array.is_valid() if array.null_count else None
    brought, form = _FIXED[kind]
    values = array.cast(brought).fill_null(0).to_numpy(zero_copy_only=False)
    if kind == "date":
        values = values - _DAYS
    elif kind == "timestamptz" and pa.types.is_timestamp(array.type):
        values = values - MICROSECONDS
    return [_fixed(values.astype(form), valid)]


def _fixed(values: Any, valid: Any) -> Any:
    """Return values of one width, each after its length."""
    width = values.dtype.itemsize
    cells = np.empty((len(values), 4 + width), np.uint8)
    cells[:, :4] = np.frombuffer(struct.pack(">i", width), np.uint8)
    cells[:, 4:] = values.view(np.uint8).reshape(-1, width)
    made = pa.Array.from_buffers(pa.binary(4 + width), len(values), [None, pa.py_buffer(cells)]).cast(pa.binary())
    return made if valid is None else pc.if_else(valid, made, pa.scalar(_NULL, pa.binary()))


def _texts(array: Any) -> list[Any]:
    """Return lengths and UTF-8 bytes; few different texts are laid out once."""
    if pa.types.is_dictionary(array.type):
        words = array.dictionary.cast(pa.binary()).to_pylist()
        cells = pa.array([struct.pack(">i", len(word)) + word for word in words] + [_NULL], pa.binary())
        return [cells.take(array.indices.fill_null(len(words)))]
    plain = array.cast(pa.binary())
    sizes = pc.binary_length(plain).fill_null(-1).to_numpy(zero_copy_only=False).astype(">i4")
    lengths = pa.Array.from_buffers(pa.binary(4), len(array), [None, pa.py_buffer(sizes)]).cast(pa.binary())
    return [lengths, plain.fill_null(b"") if array.null_count else plain]


def _numerics(array: Any) -> Any:
    """Return numbers in base 10,000, each different one worked out once."""
    known = array.dictionary_encode()
    cells = [_numeric(value) for value in known.dictionary.to_pylist()]
    return pa.array([*cells, _NULL], pa.binary()).take(known.indices.fill_null(len(cells)))


def _numeric(value: float | int) -> bytes:
    """Return length and value of one number, with the digits that its shortest text has."""
    number = Decimal(repr(value))
    if not number.is_finite():
        sign = 0xC000 if number.is_nan() else 0xF000 if number < 0 else 0xD000
        return struct.pack(">ihhHh", 8, 0, 0, sign, 0)
    whole, _, fraction = f"{abs(number):f}".partition(".")
    whole, fraction = whole.lstrip("0"), fraction.rstrip("0")
    digits = whole.zfill(-(-len(whole) // 4) * 4) + fraction.ljust(-(-len(fraction) // 4) * 4, "0")
    groups = [int(digits[at : at + 4]) for at in range(0, len(digits), 4)]
    weight = -(-len(whole) // 4) - 1
    while groups and not groups[0]:
        groups.pop(0)
        weight -= 1
    while groups and not groups[-1]:
        groups.pop()
    sign = 0x4000 if number < 0 and groups else 0
    body = struct.pack(f">hhHh{len(groups)}h", len(groups), weight if groups else 0, sign, len(fraction), *groups)
    return struct.pack(">i", len(body)) + body
