"""From raw blocks to trusted rows: furniture out, cells typed, units resolved, persons tokenised, checks evaluated.

Writes, with equal record batches in the same order (row i of one is row i of the others):
`rows.arrow`  `_row` int32 and every canonical column present, unit_code resolved, `applicant_token`;
`marks.arrow` `_row`, `_ok`, `_repeat`, `_key_hash`, `_row_hash` (kept apart so that the rows are written once, while streaming);
`flags.arrow` `_row` and one bool per check, True = fine;
`quarantine.arrow` all quarantine entries.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from sources import checks as check_rules
from sources import hashing
from sources.canonical import APPLICANT, APPLICANT_TOKEN
from sources.contract import Column, Contract
from sources.officer_review.reader import with_year
from sources.rowfiles import RowFiles
from sources.tabular.cells import Cells, as_text, blank, buffers, lengths, take
from sources.tabular.convert import Context, Converted, convert, encode, null_type, text_values
from sources.tabular.dates import DAY
from sources.tabular.furniture import Furniture, Layout, is_total_label
from sources.tabular.header import Header
from sources.tabular.sheet import Block
from sources.tabular.text import fold, fold_header
from sources.title import Title

Mask = npt.NDArray[np.bool_]
_DATED: Final = {
    "dossiers": ("received_at", "submitted_at", "finished_at"), "survey_forms": ("answered_on",),
    "officer_reviews": ("month",), "tasks": ("assigned_on", "due_on", "done_on"),
    "initiatives": ("submitted_on", "recognised_on"),
}  # fmt: skip


class UnitResolver:
    """Resolves unit texts on a day, once per text and period of the register."""

    def __init__(self, register: Any) -> None:
        self.register = register
        days = {u.valid_from for u in register.by_id.values()} | {u.valid_to for u in register.by_id.values() if u.valid_to}
        self.bounds = np.array(sorted(day.toordinal() - 719163 for day in days), np.int64)
        self.cache: dict[tuple[str, int], str | None] = {}

    def period(self, days: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return the index of the register period of each day (days since 1970)."""
        return np.searchsorted(self.bounds, days, side="right")

    def one(self, text: str, period: int) -> str | None:
        """Return the unit id a text means in a period of the register."""
        key = (text, period)
        if key not in self.cache:
            day = int(self.bounds[period - 1]) if period else int(self.bounds[0]) - 1 if len(self.bounds) else 0
            unit = self.register.resolve(text, dt.date.fromordinal(day + 719163)) if text else None
            self.cache[key] = unit.unit_id if unit is not None else None
        return self.cache[key]


class RowSet:
    """Takes the blocks of one file and writes its rows, marks, flags and quarantine."""

    def __init__(
        self, contract: Contract, ctx: Context, units: UnitResolver, *, unit_text: str | None, title: Title,
        received_at: dt.datetime, token_key: bytes, out_dir: Path,
    ) -> None:  # fmt: skip
        self.contract, self.ctx, self.units, self.title = contract, ctx, units, title
        self.unit_text, self.received_at, self.token_key, self.out_dir = (
            unit_text,
            received_at,
            token_key,
            out_dir,
        )
        self.plan: list[check_rules.Planned] = []
        self.fails: dict[str, list[npt.NDArray[np.int64]]] = {}
        self.row_numbers: list[npt.NDArray[np.int32]] = []
        self.sheets: list[tuple[int, str]] = []
        self.row_hashes: list[npt.NDArray[np.int64]] = []
        self.keys: dict[tuple[str, ...], list[npt.NDArray[np.int64]]] = {}
        self.numeric_keys = 0
        self.count = 0
        self.writer: pa.RecordBatchFileWriter | None = None
        self.columns: list[str] = []

    # -- one sheet -----------------------------------------------------------------------------------------------

    def add_sheet(self, name: str, header: Header, blocks: Iterator[Block]) -> None:
        """Read all blocks of one sheet whose header is known. Every sheet of a file has the same mapped columns."""
        contract = self.contract
        mapping = {n: at for n, at in header.mapping.items()}
        headers = {n: header.names[at] for n, at in mapping.items() if n == "unit_code" or contract.columns[n].kept}
        for column in contract.columns.values():
            if column.from_title and column.name not in headers and column.kept:
                headers[column.name] = column.label
        unit_column = self.unit_text is None and "unit_code" in mapping
        if contract.table.has_unit and "unit_code" not in headers:
            headers["unit_code"] = "Đơn vị"
        if not self.plan:
            self.plan = check_rules.plan(contract, headers, unit_column)
            self.fails = {planned.id: [] for planned in self.plan}
            wanted = {contract.table.key, *(c.columns for c in contract.checks if c.rule == "unique")}
            self.keys = {columns: [] for columns in wanted if all(n in headers for n in columns)}
        self.sheets.append((self.count, name))
        furniture = Furniture(self._layout(header))
        for block in blocks:
            keep = self._rows_of(block, header, furniture)
            if keep.any():
                self._add(Block([take(c, keep) for c in block.columns], block.rows[keep]), mapping, unit_column)

    def _layout(self, header: Header) -> Layout:
        """Return what furniture detection needs to know about this header."""
        at = header.mapping
        keys = tuple(at[n] for n in (*self.contract.table.key, "unit_code") if n in at and self._is_name(n))
        required = {n for n, c in self.contract.columns.items() if c.required and n in at} | set(
            self.contract.table.required
        ) & set(at)
        leaves = [fold_header(name.rsplit(" > ", 1)[-1]) for name in header.names]
        return Layout(
            leaves, tuple(dict.fromkeys(keys)), tuple(at[n] for n in sorted(required)), frozenset(at.values()), header.ordinal,
            self.contract.ignore_rows,
        )  # fmt: skip

    def _is_name(self, column: str) -> bool:
        return column == "unit_code" or (
            column in self.contract.columns and self.contract.columns[column].canonical_type in ("text", "code")
        )

    def _rows_of(self, block: Block, header: Header, furniture: Furniture) -> Mask:
        """Return which rows of a block are rows; the others are furniture."""
        layout = furniture.layout
        count = len(block.rows)
        suspect = np.zeros(count, np.bool_)
        if furniture.seen < 2:
            suspect[:2] = True
        for at in {*layout.required, *layout.keys}:
            suspect |= blank(block.columns[at])
        for at in layout.keys:
            suspect |= _labels(block.columns[at])
        if layout.ordinal is not None:
            suspect |= _labels(block.columns[layout.ordinal], roman=True)
        if self.contract.ignore_rows or furniture.footer:
            suspect[:] = True
        where = np.flatnonzero(suspect)
        keep = np.ones(count, np.bool_)
        if not len(where):
            return keep
        cleaner = self.ctx.cleaner
        part = [as_text(take(c, suspect)).to_pylist() for c in block.columns]
        unit_at = header.mapping.get("unit_code")
        for n, at in enumerate(where):
            cells = [cleaner.one(column[n]) if column[n] else "" for column in part]
            known = (
                unit_at is None
                or not cells[unit_at]
                or self.units.one(cells[unit_at], len(self.units.bounds)) is not None
                or self.units.one(cells[unit_at], max(len(self.units.bounds) - 1, 0)) is not None
            )
            keep[at] = not furniture.is_furniture(cells, known)
        return keep

    # -- one block -----------------------------------------------------------------------------------------------

    def _add(self, block: Block, mapping: dict[str, int], unit_column: bool) -> None:
        """Type, check, hash and write the rows of a block."""
        contract, count = self.contract, len(block.rows)
        typed: dict[str, pa.Array] = {}
        failed: dict[str, Mask] = {}
        for name, column in contract.columns.items():
            if not column.kept or name == "unit_code":
                continue
            if name in mapping:
                cells = block.columns[mapping[name]]
                if name == "month" and column.canonical_type == "date" and self.ctx.year is None and "reviewed_on" in mapping:
                    reviewed = convert(block.columns[mapping["reviewed_on"]], contract.columns["reviewed_on"], self.ctx)
                    cells = with_year(cells, reviewed.values)
                made = convert(cells, column, self.ctx)
                typed[name] = made.values
                self._implicit(name, made, failed)
                if name in contract.table.key and cells.number is not None and column.canonical_type == "text":
                    self.numeric_keys += int(np.sum(~np.isnan(cells.number)))
            elif column.from_title:
                typed[name] = self._from_title(column, count)
        if contract.table.has_unit:
            typed["unit_code"] = self._units(block, mapping, unit_column, typed, failed)
        for planned in self.plan:
            if planned.rule == "missing" and planned.id not in failed:
                broken = np.zeros(count, np.bool_)
                for rule in ("unreadable", "not_in_codes"):
                    broken |= failed.get(f"{rule}__{planned.column}", broken)
                failed[planned.id] = np.asarray(typed[planned.column].is_null()) & ~broken
            elif planned.check is not None and planned.rule != "unique":
                ok = check_rules.evaluate(planned.check, typed, self.received_at, contract.timezone)
                failed[planned.id] = ~ok
        if APPLICANT in mapping and APPLICANT in contract.columns:
            names = text_values(block.columns[mapping[APPLICANT]], self.ctx).values
            typed[APPLICANT_TOKEN] = hashing.tokens(names, self.token_key)
        hashes = {name: hashing.hash_column(name, array) for name, array in typed.items()}
        self.row_hashes.append(hashing.combine(list(hashes.values()), count))
        for columns, held in self.keys.items():
            key = hashing.combine([hashes[name] for name in columns], count)
            held.append(key)
        for planned in self.plan:
            hit = failed.get(planned.id)
            if hit is not None and hit.any():
                self.fails[planned.id].append(np.flatnonzero(hit) + self.count)
        self.row_numbers.append(block.rows)
        self._write(block.rows, typed)
        self.count += count

    def _implicit(self, name: str, made: Converted, failed: dict[str, Mask]) -> None:
        failed[f"unreadable__{name}"] = made.unreadable
        if made.unknown is not None:
            failed[f"not_in_codes__{name}"] = made.unknown

    def _from_title(self, column: Column, count: int) -> pa.Array:
        """Return a column that the title of the file gives, NULL when it does not."""
        title = self.title
        value: Any = None
        if column.from_title == "year":
            value = title.year
        elif column.from_title == "month":
            value = title.month
        elif title.first is not None and (title.month is not None or column.name != "month"):
            value = title.first.replace(day=1) if column.name == "month" else title.first
        return pa.repeat(pa.scalar(value, null_type(column)), count)

    def _days(self, typed: dict[str, pa.Array], count: int) -> npt.NDArray[np.int64]:
        """Return the day (since 1970) each row is about, for the validity of its unit."""
        day = np.full(count, np.iinfo(np.int64).min, np.int64)
        for name in _DATED.get(self.contract.table.name, ()):
            if name in typed:
                array = typed[name]
                todo = (day == np.iinfo(np.int64).min) & np.asarray(array.is_valid())
                if todo.any():
                    raw = array.cast(pa.int32() if pa.types.is_date32(array.type) else pa.int64()).fill_null(0)
                    plain = raw.to_numpy(zero_copy_only=False).astype(np.int64)
                    day[todo] = plain[todo] if pa.types.is_date32(array.type) else (plain[todo] + 25_200_000_000) // DAY
        if "year" in typed:
            for n, (year, month) in enumerate(
                zip(
                    typed["year"].to_pylist(),
                    typed["month"].to_pylist() if "month" in typed else [12] * count,
                    strict=True,
                )
            ):
                if year and 1900 <= year <= 2100:
                    day[n] = dt.date(year, month if month and 1 <= month <= 12 else 12, 1).toordinal() - 719163
        unknown = day == np.iinfo(np.int64).min
        if unknown.any():
            if unknown.all():
                on = self.title.first or self.received_at.date()
                day[:] = on.toordinal() - 719163
            else:
                day[unknown] = int(np.median(day[~unknown]))
        return day

    def _units(
        self,
        block: Block,
        mapping: dict[str, int],
        unit_column: bool,
        typed: dict[str, pa.Array],
        failed: dict[str, Mask],
    ) -> pa.Array:
        """Return the unit id of each row; marks rows whose unit is empty or unknown."""
        count = len(block.rows)
        if unit_column:
            indices, raw = encode(as_text(block.columns[mapping["unit_code"]]))
            words = [self.ctx.cleaner.one(word) if word else "" for word in raw]
        else:
            indices, words = np.zeros(count, np.int32), [self.unit_text or ""]
        period = self.units.period(self._days(typed, count))
        wide = len(self.units.bounds) + 1
        pairs, inverse = np.unique(indices.astype(np.int64) * wide + period, return_inverse=True)
        ids = [self.units.one(words[int(p) // wide], int(p) % wide) for p in pairs]
        array = pa.array(ids, pa.string()).take(pa.array(inverse.reshape(-1)))
        empty = np.array([not word for word in words], np.bool_)[indices]
        failed["missing__unit_code"] = empty
        failed["unknown_unit__unit_code"] = ~empty & np.asarray(array.is_null())
        return array

    def _write(self, rows: npt.NDArray[np.int32], typed: dict[str, pa.Array]) -> None:
        batch = pa.record_batch([pa.array(rows), *typed.values()], names=["_row", *typed])
        if self.writer is None:
            self.columns = list(typed)
            self.writer = pa.ipc.new_file(str(self.out_dir / "rows.arrow"), batch.schema)
        self.writer.write_batch(batch)

    # -- the whole file ------------------------------------------------------------------------------------------

    def finish(self) -> dict[str, Any]:
        """Compare rows with each other, write marks, flags and quarantine. Returns counts for the account."""
        if self.writer is None:
            return {}
        self.writer.close()
        count = self.count
        sizes = [len(part) for part in self.row_numbers]
        row_hash = np.concatenate(self.row_hashes)
        keys = {columns: np.concatenate(held) for columns, held in self.keys.items()}
        bad = np.zeros(count, np.bool_)
        fails = {name: np.concatenate(parts) if parts else np.zeros(0, np.int64) for name, parts in self.fails.items()}
        for planned in self.plan:
            if planned.severity == "quarantine":
                bad[fails[planned.id]] = True
        fine = ~bad
        for planned in self.plan:
            if planned.rule == "unique" and planned.check is not None:
                clash = check_rules.conflicts(keys[planned.check.columns], row_hash, fine)
                fails[planned.id] = np.flatnonzero(clash)
                if planned.severity == "quarantine":
                    bad |= clash
        if self.contract.table.key in keys:
            key = keys[self.contract.table.key]
            again = check_rules.repeats(key, row_hash, ~bad)
        else:
            # Rows without a key column are known by their content; equal rows of one file are different things.
            key = hashing.numbered(row_hash)
            again = np.zeros(count, np.bool_)
        rows = np.concatenate(self.row_numbers)
        files = RowFiles(self.out_dir, self.plan, rows, sizes, self.sheets)
        files.write_marks(~bad, again, key, row_hash)
        files.write_flags(fails)
        named = [n for n in self.contract.table.key if n in self.columns and n not in ("unit_code", "year", "month", "officer")]
        entries, total = files.write_quarantine(fails, named[-1] if named else None)
        self.failed = {name: len(found) for name, found in fails.items()}
        self.first_failed = {name: int(rows[found[0]]) for name, found in fails.items() if len(found)}
        return {
            "rows_read": count, "rows_ok": int(count - bad.sum()), "rows_quarantined": int(bad.sum()),
            "rows_repeated": int(again.sum()), "quarantine": entries, "quarantine_total": total,
        }  # fmt: skip


def _labels(cells: Cells, roman: bool = False) -> Mask:
    """Return where a column may hold the label of a total or (numbering column) a section: judged by the first letter."""
    count = len(cells)
    hit = np.zeros(count, np.bool_)
    text = cells.text
    if pa.types.is_dictionary(text.type):
        indices, words = encode(text)
        return np.array([bool(w) and (is_total_label(fold(w)) or roman) for w in words], np.bool_)[indices]
    size = lengths(text)
    some = np.flatnonzero(size > 0)
    if not len(some):
        return hit
    ends, raw = buffers(text)
    first = raw[ends[some]]
    letters = np.isin(first, np.frombuffer(b"TtCcLl \xc2\xe2\xef", np.uint8)) if not roman else (first < 0x30) | (first > 0x39)
    candidates = some[letters]
    if roman:
        hit[candidates] = True
        return hit
    short = candidates[size[candidates] <= 80]
    if len(short):
        said = text.take(pa.array(short))
        starts = pc.match_substring_regex(said, r"(?i)^\s*(t.{1,3}ng|c.{1,3}ng|to.{1,3}n|total|l.{1,3}y)")
        hit[short[np.asarray(starts.fill_null(False))]] = True
    return hit
