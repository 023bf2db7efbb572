"""The Arrow files beside `rows.arrow`: marks, flags and the quarantine, with the same record batches in the same order."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from sources.checks import Planned
from sources.result import MAX_QUARANTINE

Mask = npt.NDArray[np.bool_]
Fails = dict[str, npt.NDArray[np.int64]]
_CODE: Final = r"^[0-9A-Za-z][0-9A-Za-z./_-]{0,63}$"
_PRIVATE: Final = r"^(\+?84|0)?[0-9]{9,12}$"
_KINDS: Final = {"missing": "empty", "unreadable": "unreadable", "not_in_codes": "unlisted", "unknown_unit": "unlisted"}


@dataclass
class RowFiles:
    """Writes what is known of the rows once all of them are read.

    rows: 1-based row numbers. sizes: lengths of the record batches of `rows.arrow`. sheets: (first position, sheet name).
    """

    out_dir: Path
    plan: list[Planned]
    rows: npt.NDArray[np.int32]
    sizes: list[int]
    sheets: list[tuple[int, str]]

    def write_marks(self, ok: Mask, again: Mask, key: npt.NDArray[np.int64], row_hash: npt.NDArray[np.int64]) -> None:
        """Write `marks.arrow`: verdict, repetition and hashes of each row."""
        table = pa.table({"_row": self.rows, "_ok": ok, "_repeat": again, "_key_hash": key, "_row_hash": row_hash})
        _write_split(table, self.sizes, self.out_dir / "marks.arrow")

    def write_flags(self, fails: Fails) -> None:
        """Write `flags.arrow`: one column per check, True = fine."""
        columns: dict[str, Any] = {"_row": self.rows}
        for planned in self.plan:
            fine = np.ones(len(self.rows), np.bool_)
            fine[fails[planned.id]] = False
            columns[planned.id] = pa.array(fine)
        _write_split(pa.table(columns), self.sizes, self.out_dir / "flags.arrow")

    def write_quarantine(self, fails: Fails, key: str | None) -> tuple[list[dict[str, Any]], int]:
        """Write every (row, failed check) pair in row order; return the first ones and their number.

        key: the column of `rows.arrow` that names a row.
        """
        blocking = [planned for planned in self.plan if planned.severity == "quarantine"]
        positions = np.concatenate([fails[p.id] for p in blocking]) if blocking else np.zeros(0, np.int64)
        which = np.concatenate([np.full(len(fails[p.id]), n) for n, p in enumerate(blocking)]) if blocking else positions
        order = np.lexsort((which, positions))
        positions, which = positions[order], which[order]
        distinct, inverse = np.unique(positions, return_inverse=True)
        sheet = np.searchsorted(np.array([start for start, _ in self.sheets]), positions, side="right") - 1

        def spread(texts: list[str], at: npt.NDArray[Any]) -> pa.Array:
            return pa.array(texts, pa.string()).take(pa.array(at))

        table = pa.table({
            "row": pa.array(self.rows[positions], pa.int32()), "column": spread([p.header for p in blocking], which),
            "rule": spread([p.rule for p in blocking], which),
            "key": self._key_texts(distinct, key).take(pa.array(inverse.reshape(-1))),
            "value_kind": spread([_KINDS.get(p.rule, "value") for p in blocking], which),
            "check": spread([p.id for p in blocking], which), "sheet": spread([name for _, name in self.sheets], sheet),
        })  # fmt: skip
        _write_split(table, [len(table)] if len(table) else [], self.out_dir / "quarantine.arrow")
        return table.slice(0, MAX_QUARANTINE).to_pylist(), len(table)

    def _key_texts(self, positions: npt.NDArray[np.int64], key: str | None) -> pa.Array:
        """Return the key of each row as a text: its code, masked unless it looks like one (and not like a person's number)."""
        if key is None or not len(positions):
            return pa.nulls(len(positions), pa.string())
        parts: list[pa.Array] = []
        with pa.memory_map(str(self.out_dir / "rows.arrow")) as source:
            reader = pa.ipc.open_file(source)
            start = 0
            for n, size in enumerate(self.sizes):
                inside = positions[np.searchsorted(positions, start) : np.searchsorted(positions, start + size)] - start
                if len(inside):
                    parts.append(reader.get_batch(n).column(key).take(pa.array(inside)))
                start += size
            keys = pa.concat_arrays(parts)
            looks = pc.and_(pc.match_substring_regex(keys, _CODE), pc.match_substring_regex(keys, "[0-9]"))
            code = pc.and_(looks, pc.invert(pc.match_substring_regex(keys, _PRIVATE)))
            return pc.if_else(code, keys, pc.if_else(pc.is_valid(keys), "***", None))


def _write_split(table: pa.Table, sizes: list[int], path: Path) -> None:
    """Write a table as record batches of the given lengths."""
    table = table.combine_chunks()
    with pa.ipc.new_file(str(path), table.schema) as writer:
        start = 0
        for size in sizes:
            for batch in table.slice(start, size).to_batches():
                writer.write_batch(batch)
            start += size
