"""64-bit hashes of typed columns: the same in every process and every version, fast on a million rows.

A row hash is the sum of the hashes of its non-null (column name, value) pairs, so neither the order of the columns nor a new
column that is always empty changes it. Not for secrets: tokens of persons use a keyed BLAKE2b.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from sources.tabular.cells import buffers, lengths, plain

U64 = npt.NDArray[np.uint64]
_M1: Final = np.uint64(0xBF58476D1CE4E5B9)
_M2: Final = np.uint64(0x94D049BB133111EB)
_GOLD: Final = np.uint64(0x9E3779B97F4A7C15)
_LONG: Final = 96
_HEX: Final = np.frombuffer(b"".join(b"%02x" % byte for byte in range(256)), np.uint8).reshape(256, 2)


def _mix(values: U64) -> U64:
    """Return the SplitMix64 finaliser of each value, in place where possible."""
    out = values ^ (values >> np.uint64(30))
    out *= _M1
    out ^= out >> np.uint64(27)
    out *= _M2
    out ^= out >> np.uint64(31)
    return out


@lru_cache(maxsize=256)
def seed(name: str) -> np.uint64:
    """Return the seed of a column, from its canonical name."""
    return np.uint64(int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little"))


def hash_texts(array: pa.Array) -> U64:
    """Return a 64-bit hash of each text of a string array; 0 where null."""
    if pa.types.is_dictionary(array.type):
        words = np.append(hash_texts(plain(array.dictionary)), np.uint64(0))
        return words[np.asarray(array.indices.fill_null(len(words) - 1))]
    array = plain(array)
    count = len(array)
    out = np.zeros(count, np.uint64)
    ends, raw = buffers(array)
    size = lengths(array)
    start = ends[:-1]
    present = np.asarray(array.is_valid()) if array.null_count else np.ones(count, np.bool_)
    common = np.flatnonzero(np.bincount(size[present], minlength=1)) if present.any() else np.zeros(0, np.int64)
    for length in common:
        rows = np.flatnonzero(present & (size == length)) if len(common) > 1 or not present.all() else np.arange(count)
        if length > _LONG:
            for i in rows:
                piece = raw[start[i] : start[i] + length].tobytes()
                out[i] = int.from_bytes(hashlib.blake2b(piece, digest_size=8).digest(), "little") | 1
            continue
        width = -(-int(length) // 8) * 8
        matrix = np.zeros((len(rows), width), np.uint8)
        if length:
            if len(rows) == count and int(ends[-1]) - int(ends[0]) == count * length:
                matrix[:, :length] = raw[int(ends[0]) : int(ends[-1])].reshape(count, length)
            else:
                matrix[:, :length] = raw[start[rows][:, None] + np.arange(length, dtype=np.int32)]
        words = matrix.view(np.uint64)
        state = np.full(len(rows), np.uint64(length), np.uint64)
        state *= _GOLD
        for k in range(width // 8):
            state = _mix((state ^ words[:, k]) + _GOLD)
        out[rows] = _mix(state + _GOLD)
    return out


def hash_column(name: str, array: pa.Array) -> U64:
    """Return the hash of each (name, value) pair of a typed column; 0 where null."""
    kind = array.type
    if pa.types.is_string(kind) or pa.types.is_dictionary(kind):
        base = hash_texts(array)
    else:
        if pa.types.is_boolean(kind):
            plainly = array.cast(pa.int8()).fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
        elif pa.types.is_date32(kind):
            plainly = array.cast(pa.int32()).fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
        elif pa.types.is_floating(kind):
            floats = array.fill_null(0.0).to_numpy(zero_copy_only=False) + 0.0
            plainly = np.ascontiguousarray(floats).view(np.int64)
        else:
            plainly = array.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
        base = plainly.view(np.uint64)
    out = _mix((base ^ seed(name)) + _GOLD)
    if array.null_count:
        out[np.asarray(array.is_null())] = 0
    return out


def combine(parts: list[U64], count: int) -> npt.NDArray[np.int64]:
    """Return the order-independent mix of column hashes as signed 64-bit numbers."""
    total = np.zeros(count, np.uint64)
    for part in parts:
        total += part
    return _mix(total + _GOLD).view(np.int64)


def numbered(hashes: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return hashes in which the second, third… occurrence of a value differs from the first, in row order."""
    order = np.argsort(hashes, kind="stable")
    ordered = hashes[order]
    first = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if len(ordered) else np.zeros(0, np.int64)
    which = np.empty(len(hashes), np.uint64)
    which[order] = np.arange(len(hashes)) - np.repeat(first, np.diff(np.r_[first, len(hashes)]))
    return _mix(hashes.view(np.uint64) + which * _GOLD).view(np.int64)


def token(text: str, key: bytes) -> str:
    """Return the 32 hex characters that stand for a person's name. Case does not count."""
    return hashlib.blake2b(text.lower().encode(), digest_size=16, key=key[:64]).hexdigest()


def tokens(array: pa.Array, key: bytes) -> pa.Array:
    """Return the token of each text of a string array; NULL stays NULL."""
    words = pc.utf8_lower(plain(array)).cast(pa.binary()).to_pylist()
    fresh = hashlib.blake2b(digest_size=16, key=key[:64]).copy
    made: list[bytes] = []
    for word in words:
        state = fresh()
        state.update(word or b"")
        made.append(state.digest())
    digits = _HEX[np.frombuffer(b"".join(made), np.uint8)].reshape(-1)
    offsets = np.arange(0, 32 * len(words) + 1, 32, dtype=np.int32)
    full = pa.StringArray.from_buffers(len(words), pa.py_buffer(offsets), pa.py_buffer(digits))
    return pc.if_else(array.is_valid(), full, None) if array.null_count else full
