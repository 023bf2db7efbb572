"""Row checks compiled from a contract: one mask per check, computed once, True = fine.

Rules that need one row are evaluated block by block; `unique` needs the whole file and works on 64-bit hashes.
A NULL passes every check except `not_null`, `not_null_if` and the implicit `missing`.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from sources.contract import Check, Contract
from sources.tabular.convert import utc_offset
from sources.tabular.dates import DAY

Mask = npt.NDArray[np.bool_]
_IMPLICIT = {
    "missing": "không được để trống",
    "unreadable": "đọc được",
    "not_in_codes": "thuộc danh mục của hợp đồng",
    "unknown_unit": "là một đơn vị có trong danh mục",
}


@dataclass(frozen=True)
class Planned:
    """A check that applies to a file: the contract's or an implicit one. `header` is the text in the file."""

    id: str
    rule: str
    column: str
    header: str
    label: str
    severity: str
    check: Check | None = None


def plan(contract: Contract, headers: dict[str, str], unit_from_column: bool) -> list[Planned]:
    """Return the checks that apply to a file whose canonical columns `headers` maps to header texts."""
    made: list[Planned] = []

    def implicit(rule: str, column: str) -> None:
        header = headers[column]
        made.append(Planned(f"{rule}__{column}", rule, column, header, f"{header}: {_IMPLICIT[rule]}", "quarantine"))

    required = set(contract.table.required) | {n for n, c in contract.columns.items() if c.required}
    for name in headers:
        if name == "unit_code":
            if unit_from_column:
                implicit("missing", name)
                implicit("unknown_unit", name)
            continue
        column = contract.columns[name]
        if name in required:
            implicit("missing", name)
        implicit("unreadable", name)
        if column.type == "code" and column.values is not None and not column.keep_unknown and column.otherwise == "quarantine":
            implicit("not_in_codes", name)
    for check in contract.checks:
        names = [*check.columns, *([check.other] if check.other else [])]
        if all(name in headers for name in names):
            label = check.label or f"{headers[check.column]}: {check.rule}"
            made.append(Planned(check.id, check.rule, check.column, headers[check.column], label, check.severity, check))
    return made


def evaluate(check: Check, columns: dict[str, pa.Array], received_at: dt.datetime, zone: str) -> Mask:
    """Return the mask (True = fine) of a one-row rule over a block of typed columns."""
    subject = columns[check.column]
    match check.rule:
        case "not_before":
            return _not_before(subject, columns[str(check.other)], zone)
        case "not_after_received":
            return _not_after(subject, received_at, zone)
        case "not_more_than":
            return _fine(pc.less_equal(subject, columns[str(check.other)]))
        case "sum_of":
            return _sum_of(subject, [columns[name] for name in check.columns[1:]])
        case "range":
            ok = np.ones(len(subject), np.bool_)
            if "min" in check.params:
                ok &= _fine(pc.greater_equal(subject, pa.scalar(float(check.params["min"]))))
            if "max" in check.params:
                ok &= _fine(pc.less_equal(subject, pa.scalar(float(check.params["max"]))))
            return ok
        case "pattern":
            return _pattern(subject, check.params["pattern"])
        case "not_null":
            return np.asarray(subject.is_valid())
        case "not_null_if":
            return ~(_listed(columns[str(check.other)], check.params) & np.asarray(subject.is_null()))
        case "null_if":
            return ~(_listed(columns[str(check.other)], check.params) & np.asarray(subject.is_valid()))
    raise ValueError(f"no such rule: {check.rule}")


def _fine(result: pa.Array) -> Mask:
    """Return a comparison as a mask; unknown counts as fine."""
    return np.asarray(result.fill_null(True))


def _micros(array: pa.Array) -> npt.NDArray[np.int64]:
    """Return a date or datetime column as microseconds (0 where null)."""
    if pa.types.is_date32(array.type):
        days = array.cast(pa.int32()).fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
        return np.asarray(days * DAY)
    return np.asarray(array.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False))


def _local(array: pa.Array, zone: str) -> npt.NDArray[np.int64]:
    """Return a date or datetime column as local microseconds."""
    micros = _micros(array)
    if pa.types.is_date32(array.type) or not len(micros):
        return micros
    known = np.asarray(array.is_valid())
    local = micros.copy()
    local[known] += utc_offset(micros[known], zone, from_utc=True)
    return local


def _not_before(subject: pa.Array, other: pa.Array, zone: str) -> Mask:
    """Times compare to the second; where either side has no time of day, days compare."""
    known = np.asarray(subject.is_valid()) & np.asarray(other.is_valid())
    ok = ~known | (_micros(subject) >= _micros(other))
    if pa.types.is_timestamp(subject.type) and pa.types.is_timestamp(other.type) and ok.all():
        return ok
    late = (
        np.flatnonzero(known)
        if not (pa.types.is_timestamp(subject.type) and pa.types.is_timestamp(other.type))
        else np.flatnonzero(~ok)
    )
    if len(late):
        at = pa.array(late)
        a, b = _local(subject.take(at), zone), _local(other.take(at), zone)
        whole = (a % DAY == 0) | pa.types.is_date32(subject.type) | pa.types.is_date32(other.type)
        ok[late] = np.where(whole, a // DAY >= b // DAY, a >= b)
    return ok


def _not_after(subject: pa.Array, received_at: dt.datetime, zone: str) -> Mask:
    """Nothing in the file may lie after the moment the file was received."""
    limit = int((received_at.astimezone(dt.UTC).replace(tzinfo=None) - dt.datetime(1970, 1, 1)) / dt.timedelta(microseconds=1))
    if pa.types.is_date32(subject.type):
        limit += int(utc_offset(np.array([limit], np.int64), zone, from_utc=True)[0])
        return np.asarray(subject.is_null()) | (_micros(subject) <= limit)
    return np.asarray(subject.is_null()) | (_micros(subject) <= limit)


def _sum_of(total: pa.Array, parts: list[pa.Array]) -> Mask:
    """The total equals the sum of its parts (to 1e-6); unknown when any of them is."""
    known = np.asarray(total.is_valid())
    amount = np.zeros(len(total))
    for part in parts:
        known &= np.asarray(part.is_valid())
        amount += part.cast(pa.float64()).fill_null(0.0).to_numpy(zero_copy_only=False)
    return np.asarray(~known | (np.abs(total.cast(pa.float64()).fill_null(0.0).to_numpy(zero_copy_only=False) - amount) < 1e-6))


def _pattern(subject: pa.Array, pattern: str) -> Mask:
    """The whole text matches the pattern."""
    try:
        return _fine(pc.match_substring_regex(subject, f"^(?:{pattern})$"))
    except pa.ArrowInvalid:
        compiled = re.compile(pattern)
        return np.array([text is None or compiled.fullmatch(text) is not None for text in subject.to_pylist()], np.bool_)


def _listed(other: pa.Array, params: dict[str, Any]) -> Mask:
    """Whether the other column's value is in the list (or is known and not in it)."""
    text = other if pa.types.is_string(other.type) else other.cast(pa.string())
    key = "in" if "in" in params else "not_in"
    found = np.asarray(pc.is_in(text, pa.array(params[key], pa.string())))
    return found if key == "in" else ~found & np.asarray(other.is_valid())


def conflicts(keys: npt.NDArray[np.int64], rows: npt.NDArray[np.int64], among: Mask) -> Mask:
    """Return the rows whose key another row has with other content. Only rows of `among` are compared."""
    bad = np.zeros(len(keys), np.bool_)
    where = np.flatnonzero(among)
    order = where[np.argsort(keys[where], kind="stable")]
    sorted_keys = keys[order]
    same = sorted_keys[1:] == sorted_keys[:-1]
    if not same.any():
        return bad
    group = np.concatenate([[0], np.cumsum(~same)])
    starts = np.flatnonzero(np.concatenate([[True], ~same]))
    differs = rows[order] != rows[order][starts][group]
    broken = np.zeros(group[-1] + 1, np.bool_)
    broken[group[differs]] = True
    bad[order[broken[group]]] = True
    return bad


def repeats(keys: npt.NDArray[np.int64], rows: npt.NDArray[np.int64], among: Mask) -> Mask:
    """Return the rows of `among` that say exactly what an earlier row of `among` said."""
    again = np.zeros(len(keys), np.bool_)
    where = np.flatnonzero(among)
    order = where[np.lexsort((where, rows[where], keys[where]))]
    same = (keys[order][1:] == keys[order][:-1]) & (rows[order][1:] == rows[order][:-1])
    again[order[1:][same]] = True
    return again
