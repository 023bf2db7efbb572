"""Merging parsed rows into the bitemporal facts: what is new is added, what changed gets a new version, the rest stays.

A version says what one source said of one key from `known_from` on, until `known_to`. The version in force at the file's
own time decides whether a row says anything new, so files may come late and in any order.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from warehouse.database import Transaction

FACT_COLUMNS: Final = (
    "source", "key_hash", "row_hash", "load_id", "added_by", "row_no", "known_from", "known_to",
)  # fmt: skip
#: Rows that are sorted, encoded and sent together.
CHUNK_ROWS: Final = 100_000
#: A table that grew by this share since its statistics were made gets new ones, from a size on at which plans matter.
GROWTH: Final = 0.5
ANALYZE_PAGES: Final = 500
#: More units than this in a file, and it takes the table for itself: the server has a few thousand locks for everybody.
MOST_UNITS: Final = 64
DOSSIER_EVENTS: Final = ("received_at", "finished_at", "returned_at", "supplement_requested_at")


@dataclass
class Merged:
    """What a merge did, in rows. changed: key hashes with a new version beside others (array), None where nothing was before."""

    accepted: int = 0
    unchanged: int = 0
    inserted: int = 0
    closed: int = 0
    changed: Any = None


class _Pipe(io.RawIOBase):
    """A readable stream over an iterator of byte chunks (COPY pulls from it)."""

    def __init__(self, chunks: Iterator[Any]) -> None:
        self.chunks, self.rest = chunks, memoryview(b"")

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if not len(self.rest):
            self.rest = memoryview(next(self.chunks, b""))
        size = len(self.rest) if size < 0 else size
        piece, self.rest = self.rest[:size], self.rest[size:]
        return piece.tobytes()


class ParsedRows:
    """The Arrow files a reader wrote, read batch by batch (see `sources.rowset`)."""

    def __init__(self, folder: Path) -> None:
        import pyarrow as pa

        self.rows = pa.ipc.open_file(pa.memory_map(str(folder / "rows.arrow")))
        marks = pa.ipc.open_file(pa.memory_map(str(folder / "marks.arrow"))).read_all()
        self.columns = [name for name in self.rows.schema.names if name != "_row"]
        self.row_no = marks["_row"].to_numpy()
        self.ok = marks["_ok"].to_numpy()
        self.repeat = marks["_repeat"].to_numpy()
        self.key_hash = marks["_key_hash"].to_numpy()
        self.row_hash = marks["_row_hash"].to_numpy()

    @classmethod
    def open(cls, folder: Path) -> ParsedRows | None:
        """Return the rows of a parsed file, or None when it had no data row."""
        return cls(folder) if (folder / "rows.arrow").exists() else None

    def batches(self) -> Iterator[tuple[int, Any]]:
        """Yield (first row position, record batch)."""
        start = 0
        for number in range(self.rows.num_record_batches):
            batch = self.rows.get_batch(number)
            yield start, batch
            start += batch.num_rows

    def chunks(self, size: int) -> Iterator[tuple[int, Any]]:
        """Yield (first row position, table of about `size` rows)."""
        import pyarrow as pa

        held: list[Any] = []
        first = 0
        for start, batch in self.batches():
            held.append(batch)
            if start + batch.num_rows - first >= size:
                yield first, pa.Table.from_batches(held)
                first, held = start + batch.num_rows, []
        if held:
            yield first, pa.Table.from_batches(held)

    def unit_counts(self, *, all_rows: bool = False) -> dict[str, int]:
        """Return accepted rows by unit; `all_rows`: rows that were held back as well."""
        import pyarrow as pa
        import pyarrow.compute as pc

        counts: dict[str, int] = {}
        if "unit_code" not in self.columns:
            return counts
        for start, batch in self.batches():
            units = batch["unit_code"]
            good = units if all_rows else pc.filter(units, pa.array(self.ok[start : start + batch.num_rows]))
            for entry in pc.value_counts(good).to_pylist():
                if entry["values"] is not None:
                    counts[entry["values"]] = counts.get(entry["values"], 0) + entry["counts"]
        return counts

    def events_to(self) -> datetime | None:
        """Return the latest event time of accepted dossier rows."""
        import pyarrow as pa
        import pyarrow.compute as pc

        latest: datetime | None = None
        names = [name for name in DOSSIER_EVENTS if name in self.columns]
        for start, batch in self.batches():
            good = pa.array(self.ok[start : start + batch.num_rows])
            for name in names:
                top = pc.max(pc.filter(batch[name], good)).as_py()
                if top is not None and (latest is None or top > latest):
                    latest = top
        return latest


def take_turn(tx: Transaction, table: str, units: Sequence[str] | None) -> None:
    """Wait until no other load and no count can be in the way; holds until the end of the transaction.

    Loads of different units go side by side: a key names its unit, so they never meet. Whoever counts takes the table's lock
    alone (`runs.hold_inputs`, `marts.refresh`) and waits for all of them, as they wait for it.
    units: of which the file has rows, good or bad; None when the table's key does not name the unit.
    """
    if units is None or len(units) > MOST_UNITS:
        tx.lock(f"table:{table}")
        return
    tx.lock(f"table:{table}", shared=True)
    for unit in sorted(units):  # everybody in this order, so that nobody waits in a circle
        tx.lock(f"table:{table}:{unit}")


def fresh_statistics(tx: Transaction, table: str) -> bool:
    """Make the statistics of a table's facts anew when it grew much: the next question should not wait for autovacuum.

    To be called when the load is committed: it takes a while, and nobody should wait for it. Returns whether it did.
    """
    facts = f"{table}_facts"
    grown = tx.scalar(
        """
        select
            sum(pg_relation_size(c.oid)) / current_setting('block_size')::integer
            > greatest(sum(c.relpages) * (1 + %(growth)s), %(pages)s)
        from pg_class as c
        where c.oid = %(facts)s::regclass or c.oid in (select t.relid from pg_partition_tree(%(facts)s) as t)
        """,
        {"facts": facts, "growth": GROWTH, "pages": ANALYZE_PAGES},
    )
    if grown:
        tx.execute(f"analyze {facts}")
    return bool(grown)


def merge(
    tx: Transaction, parsed: ParsedRows, *, table: str, source: str, load_id: int, added_by: int, known_from: datetime,
    only_keys: frozenset[int] | None = None,
) -> Merged:  # fmt: skip
    """Merge the accepted rows of a parsed file into `<table>_facts` at system time `known_from`.

    only_keys: take part only in these keys (a later file heard again after a late one). The caller took its turn
    (`take_turn`) and commits.
    """
    import numpy as np

    from warehouse import binary

    facts = f"{table}_facts"
    wanted = parsed.ok.copy()
    if only_keys is not None:
        wanted &= np.isin(parsed.key_hash, np.fromiter(only_keys, np.int64, len(only_keys)))
    merged = Merged(accepted=int(wanted.sum()))
    fresh = wanted & ~parsed.repeat
    place = _last_of_each_key(np.flatnonzero(fresh), parsed)
    known_to: Any = None
    if len(place) and tx.scalar(f"select exists (select 1 from {facts} where source = %(source)s)", {"source": source}):
        found = _in_force(tx, facts, source, known_from, place, parsed)
        place, known_to = _what_changes(place, parsed, found)
        # A later file that told of a key left a version of it in force after this moment, or found one: no version, no such file.
        merged.changed = parsed.key_hash[place[np.isin(place, found["place"].to_numpy(np.int64))]]
        if found["same"].eq(False).any():  # else nothing in force is contradicted
            merged.closed = _close(tx, facts, source, known_from, added_by)
    merged.inserted = len(place)
    merged.unchanged = merged.accepted - merged.inserted
    if len(place):
        mask = np.zeros(len(parsed.ok), bool)
        mask[place] = True
        columns = [*FACT_COLUMNS, *parsed.columns]
        constants = {
            "source": source,
            "load_id": load_id,
            "added_by": added_by,
            "known_from": binary.microseconds(known_from),
        }
        if known_to is None:
            constants["known_to"] = binary.INFINITY
        rows = _encoded(parsed, mask, place, known_to, columns, constants, binary.column_types(tx, facts))
        tx.copy_in(facts, columns, _Pipe(_ahead(rows)), "binary")  # type: ignore[arg-type]
    if table == "dossiers":
        _note_twins(tx, source, added_by)
    return merged


def _last_of_each_key(place: Any, parsed: ParsedRows) -> Any:
    """Return the positions without rows that a later row of the same file overrides (a contract may allow such files)."""
    import numpy as np

    keys = parsed.key_hash[place]
    order = np.argsort(keys, kind="stable")
    last = np.ones(len(place), bool)
    last[order[:-1]] = keys[order][1:] != keys[order][:-1]
    return place if last.all() else place[last]


def _in_force(tx: Transaction, facts: str, source: str, at: datetime, place: Any, parsed: ParsedRows) -> Any:
    """Return per key of the file the version in force at `at` and the start of the next one, in microseconds since 1970.

    Leaves the temporary table `incoming` (place, key_hash, row_hash) behind for the statements that follow.
    """
    import pyarrow as pa
    from pyarrow import csv

    tx.execute("create temporary table if not exists incoming (place integer, key_hash bigint, row_hash bigint) on commit drop")
    tx.execute("delete from incoming")
    sink = pa.BufferOutputStream()
    keys = pa.table({"place": pa.array(place), "key": parsed.key_hash[place], "hash": parsed.row_hash[place]})
    csv.write_csv(keys, sink, csv.WriteOptions(include_header=False))
    tx.copy_in("incoming", ["place", "key_hash", "row_hash"], pa.BufferReader(sink.getvalue()))
    tx.execute("analyze incoming")
    return tx.frame(
        f"""
        select
            i.place,
            bool_or(f.row_hash = i.row_hash) filter (where f.known_from <= %(at)s and f.known_to > %(at)s) as same,
            (1000000 * extract(epoch from nullif(
                max(f.known_to) filter (where f.known_from <= %(at)s and f.known_to > %(at)s), 'infinity'
            )))::bigint as force_to,
            (1000000 * extract(epoch from min(f.known_from) filter (where f.known_from > %(at)s)))::bigint as next_from
        from incoming as i
        inner join {facts} as f on f.key_hash = i.key_hash and f.source = %(source)s
        where f.known_to > %(at)s
        group by i.place
        """,
        {"at": at, "source": source},
    )


def _what_changes(place: Any, parsed: ParsedRows, found: Any) -> tuple[Any, Any]:
    """Return the positions that need a new version and, beside them, the end of its validity as PostgreSQL counts it."""
    import numpy as np

    from warehouse import binary

    same = np.zeros(len(parsed.ok), bool)
    until = np.full(len(parsed.ok), binary.INFINITY, np.int64)
    if len(found):
        at = found["place"].to_numpy()
        same[at] = found["same"].eq(True).to_numpy()
        # Microseconds since 1970 are whole numbers well within a float.
        ends = found[["force_to", "next_from"]].astype("float64")
        end = ends["force_to"].where(ends["force_to"].notna(), ends["next_from"]).to_numpy()
        ended = ~np.isnan(end)
        until[at[ended]] = end[ended].astype(np.int64) - binary.MICROSECONDS
    keep = place[~same[place]]
    return keep, until[keep]


def _close(tx: Transaction, facts: str, source: str, at: datetime, added_by: int) -> int:
    """End the versions in force at `at` that the incoming rows contradict. `closed_by` marks the end of being current."""
    return tx.execute(
        f"""
        update {facts} as f
        set
            known_to = %(at)s,
            closed_by = case when f.known_to = 'infinity' then %(added_by)s else f.closed_by end
        from incoming as i
        where
            f.key_hash = i.key_hash and f.source = %(source)s and f.row_hash <> i.row_hash
            and f.known_from <= %(at)s and f.known_to > %(at)s
        """,
        {"at": at, "source": source, "added_by": added_by},
    )


def join_equal(tx: Transaction, table: str, source: str, added_by: int) -> int:
    """Let neighbouring versions that say the same become one, as if the late file had come in time.

    The earlier one, written by this load, takes over the span; the later one keeps none (`known_to = known_from`) and
    stays as a trace. Returns how many were taken over.
    """
    facts = f"{table}_facts"
    return tx.execute(
        f"""
        with spans as (
            select
                f.ctid as place, f.key_hash, f.known_from, f.known_to,
                coalesce(lag(f.added_by) over w = %(added_by)s and lag(f.row_hash) over w = f.row_hash
                    and lag(f.known_to) over w = f.known_from, false) as goes_on
            from {facts} as f
            where
                f.source = %(source)s and f.known_from < f.known_to
                and f.key_hash in (select n.key_hash from {facts} as n where n.added_by = %(added_by)s)
            window w as (partition by f.key_hash order by f.known_from)
        ),

        runs as (
            select s.*, sum((not s.goes_on)::integer) over (partition by s.key_hash order by s.known_from) as run
            from spans as s
        ),

        joined as (
            select
                r.place, r.key_hash, r.goes_on,
                case when r.goes_on then r.known_from else max(r.known_to) over (partition by r.key_hash, r.run) end as ends
            from runs as r
        )

        update {facts} as f
        set
            known_to = j.ends,
            closed_by = case when j.goes_on and f.known_to = 'infinity' then %(added_by)s else f.closed_by end
        from joined as j
        where f.ctid = j.place and f.key_hash = j.key_hash and f.known_to <> j.ends
        """,
        {"added_by": added_by, "source": source},
    )


def _note_twins(tx: Transaction, source: str, added_by: int) -> None:
    """Remember dossiers that another source speaks about as well."""
    others = tx.scalar(
        "select exists (select 1 from loads where target_table = 'dossiers' and source <> %(source)s)",
        {"source": source},
    )
    if others:
        tx.execute(
            """
            insert into dossier_twins (key_hash)
            select distinct n.key_hash
            from dossiers_facts as n
            inner join dossiers_facts as o on o.key_hash = n.key_hash and o.source <> n.source
            where n.added_by = %(added_by)s
            on conflict do nothing
            """,
            {"added_by": added_by},
        )


def _ahead(chunks: Iterator[Any]) -> Iterator[Any]:
    """Yield what an iterator yields, making the next one meanwhile."""
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, chunks, None)
        while (chunk := coming.result()) is not None:
            coming = pool.submit(next, chunks, None)
            yield chunk


def _encoded(
    parsed: ParsedRows, mask: Any, place: Any, known_to: Any, columns: Sequence[str], constants: dict[str, Any],
    types: dict[str, str],
) -> Iterator[Any]:  # fmt: skip
    """Yield the rows to insert as binary COPY. Sorted by key within a chunk: the index takes them faster."""
    import numpy as np
    import pyarrow as pa

    from warehouse import binary

    ends = np.full(len(mask), binary.INFINITY, np.int64)
    if known_to is not None:
        ends[place] = known_to
    yield binary.HEADER
    for start, table in parsed.chunks(CHUNK_ROWS):
        chosen = np.flatnonzero(mask[start : start + len(table)])
        chosen = chosen[np.argsort(parsed.key_hash[start + chosen])]
        if not len(chosen):
            continue
        at = start + chosen
        ready = {"key_hash": parsed.key_hash[at], "row_hash": parsed.row_hash[at], "row_no": parsed.row_no[at]}
        if known_to is not None:
            ready["known_to"] = ends[at]
        part = table.select(parsed.columns).take(pa.array(chosen)).combine_chunks()
        arrays = {name: pa.array(values) for name, values in ready.items()}
        arrays.update({name: part[name].chunk(0) for name in parsed.columns})
        yield binary.encoded(arrays, len(chosen), types, constants, columns)
    yield binary.TRAILER
