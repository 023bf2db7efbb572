"""The ledger: files by content, where they arrived, what was loaded, which rows wait in quarantine, what was judged."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from warehouse.database import Transaction

QUARANTINE_COLUMNS: Final = (
    "load_id",
    "target_table",
    "source",
    "row_no",
    "column_name",
    "rule",
    "key_shown",
    "key_hash",
)


def record_arrival(
    tx: Transaction, *, sha256: str, size: int, suffix: str, name: str, location: str, modified_ns: int, origin: str,
    received_by: str, received_at: datetime, now: datetime,
) -> dict[str, Any]:  # fmt: skip
    """Note that a content was seen at a place; returns the row of `files`. Seeing it again changes nothing."""
    tx.execute(
        """
        insert into files (sha256, size_bytes, suffix, state, first_seen_at, changed_at)
        values (%(sha256)s, %(size)s, %(suffix)s, 'received', %(now)s, %(now)s)
        on conflict (sha256) do nothing
        """,
        {"sha256": sha256, "size": size, "suffix": suffix, "now": now},
    )
    tx.execute(
        """
        insert into arrivals
            (sha256, display_name, location, size_bytes, modified_ns, origin, received_by, received_at)
        values
            (%(sha256)s, %(name)s, %(location)s, %(size)s, %(modified)s, %(origin)s, %(by)s, %(at)s)
        on conflict (sha256, location) do update set modified_ns = excluded.modified_ns
        """,
        {
            "sha256": sha256, "name": name, "location": location, "size": size, "modified": modified_ns,
            "origin": origin, "by": received_by, "at": received_at,
        },
    )  # fmt: skip
    found = file_row(tx, sha256)
    assert found is not None
    return found


def file_row(tx: Transaction, sha256: str) -> dict[str, Any] | None:
    """Return the ledger row of a content."""
    return tx.one("select * from files where sha256 = %(sha256)s", {"sha256": sha256})


def unknown_at(tx: Transaction, places: Sequence[tuple[str, int, int]]) -> set[tuple[str, int, int]]:
    """Return the (location, size, modified_ns) of which nothing is known, or only that it was seen; the others cost no row."""
    rows = tx.rows(
        """
        select p.place, p.size, p.time
        from unnest(%(locations)s::text[], %(sizes)s::bigint[], %(times)s::bigint[]) as p (place, size, time)
        where
            coalesce((
                select f.state
                from arrivals as a
                inner join files as f on f.sha256 = a.sha256
                where a.location = p.place and a.size_bytes = p.size and a.modified_ns = p.time
                order by a.arrival_id desc
                limit 1
            ), 'received') = 'received'
        """,
        {name: [place[k] for place in places] for k, name in enumerate(("locations", "sizes", "times"))},
    )
    return {(row["place"], row["size"], row["time"]) for row in rows}


def seen_at(tx: Transaction, places: Sequence[tuple[str, int, int]]) -> dict[tuple[str, int, int], dict[str, Any]]:
    """Return (location, size, modified_ns) → the content last seen there, for the places given that are known; one query."""
    rows = tx.rows(
        """
        select distinct on (p.n) a.location, a.size_bytes as size_there, a.modified_ns as modified_there, f.*
        from unnest(%(locations)s::text[], %(sizes)s::bigint[], %(times)s::bigint[]) with ordinality as p (place, size, time, n)
        inner join arrivals as a on a.location = p.place and a.size_bytes = p.size and a.modified_ns = p.time
        inner join files as f on f.sha256 = a.sha256
        order by p.n asc, a.arrival_id desc
        """,
        {name: [place[k] for place in places] for k, name in enumerate(("locations", "sizes", "times"))},
    )
    return {(row["location"], row["size_there"], row["modified_there"]): row for row in rows}


def set_file(tx: Transaction, sha256: str, state: str, now: datetime, **known: Any) -> None:
    """Move a file to a state, with what is known of it."""
    tx.execute(
        """
        update files
        set
            state = %(state)s, changed_at = %(now)s, reason = %(reason)s, message = %(message)s,
            contract = coalesce(%(contract)s, contract), contract_digest = coalesce(%(digest)s, contract_digest),
            source = coalesce(%(source)s, source)
        where sha256 = %(sha256)s
        """,
        {
            "sha256": sha256, "state": state, "now": now, "reason": known.get("reason"),
            "message": known.get("message"), "contract": known.get("contract"),
            "digest": known.get("contract_digest"), "source": known.get("source"),
        },
    )  # fmt: skip


def load_of(tx: Transaction, sha256: str) -> dict[str, Any] | None:
    """Return the load of a content, None when it was never loaded."""
    return tx.one("select * from loads where sha256 = %(sha256)s and kind = 'file'", {"sha256": sha256})


def new_load(tx: Transaction, **load: Any) -> int:
    """Write a load and return its id. Call it in a turn (`warehouse.load.take_turn`): whoever holds the table's lock alone
    then sees every load up to the newest id, and whatever is committed afterwards has a greater one.
    """
    return int(
        tx.scalar(
            """
            insert into loads (
                sha256, kind, target_table, source, contract, contract_digest, contract_body, unit_override,
                mapped_columns, known_from, drift, code_version, units_version, calendar_version, loaded_at
            )
            values (
                %(sha256)s, %(kind)s, %(target_table)s, %(source)s, %(contract)s, %(contract_digest)s,
                %(contract_body)s::jsonb, %(unit_override)s, %(mapped_columns)s, %(known_from)s, %(drift)s::jsonb,
                %(code_version)s, %(units_version)s, %(calendar_version)s, %(loaded_at)s
            )
            returning load_id
            """,
            {
                **load,
                "contract_body": json.dumps(load["contract_body"], ensure_ascii=False),
                "drift": json.dumps(load["drift"], ensure_ascii=False),
            },
        )
    )


def finish_load(tx: Transaction, load_id: int, counts: Mapping[str, int], units: Mapping[str, int], events_to: Any) -> None:
    """Write a load's row counts: accepted + quarantined = read, unchanged + inserted = accepted."""
    tx.execute(
        """
        update loads
        set
            rows_read = %(rows_read)s, rows_accepted = %(rows_accepted)s, rows_quarantined = %(rows_quarantined)s,
            rows_unchanged = %(rows_unchanged)s, rows_inserted = %(rows_inserted)s, rows_closed = %(rows_closed)s,
            events_to = %(events_to)s
        where load_id = %(load_id)s
        """,
        {**counts, "events_to": events_to, "load_id": load_id},
    )
    if units:
        tx.execute(
            """
            insert into load_units (load_id, unit_code, rows_accepted)
            select %(load_id)s, u.unit_code, u.rows
            from unnest(%(units)s::text[], %(rows)s::integer[]) as u (unit_code, rows)
            """,
            {"load_id": load_id, "units": list(units), "rows": list(units.values())},
        )


def later_loads(tx: Transaction, table: str, source: str, at: datetime, units: Sequence[str] | None) -> list[dict[str, Any]]:
    """Return the loads of a table and source known after `at`, in the order they speak.

    units: leave out loads that tell of other units only (None: the unit is no part of the table's key).
    """
    return tx.rows(
        """
        select l.*, f.suffix
        from loads as l
        inner join files as f on f.sha256 = l.sha256
        where
            l.target_table = %(table)s and l.source = %(source)s and l.known_from > %(at)s
            and (
                %(units)s::text[] is null
                or not exists (select 1 from load_units as u where u.load_id = l.load_id)
                or exists (select 1 from load_units as u where u.load_id = l.load_id and u.unit_code = any(%(units)s))
            )
        order by l.known_from, l.load_id
        """,
        {"table": table, "source": source, "at": at, "units": None if units is None else list(units)},
    )


def add_quarantine(tx: Transaction, entries: Iterable[Mapping[str, Any]]) -> None:
    """Keep bad cells: one entry per row and broken rule."""
    import pyarrow as pa
    from pyarrow import csv

    rows = list(entries)
    if not rows:
        return
    table = pa.Table.from_pylist([{name: row.get(name) for name in QUARANTINE_COLUMNS} for row in rows])
    columns = [table[name] if table[name].type != pa.null() else table[name].cast(pa.string()) for name in QUARANTINE_COLUMNS]
    sink = pa.BufferOutputStream()
    csv.write_csv(
        pa.table(dict(zip(QUARANTINE_COLUMNS, columns, strict=True))),
        sink,
        csv.WriteOptions(include_header=False),
    )
    tx.copy_in("quarantine", QUARANTINE_COLUMNS, pa.BufferReader(sink.getvalue()))


def supersede_quarantine(
    tx: Transaction, table: str, source: str, load_id: int, known_from: datetime, accepted: Any, now: datetime
) -> int:
    """Close the entries whose corrected row has arrived, in whichever order the files came. Returns how many.

    accepted: key hashes of the load's accepted rows (array). An entry of an older or equal time is closed when its key is among
    them; an entry of this load when a file known later has spoken of its key in good order already.
    """
    import numpy as np

    waiting = tx.rows(
        """
        select q.quarantine_id, q.key_hash
        from quarantine as q
        inner join loads as l on l.load_id = q.load_id
        where
            q.state = 'open' and q.target_table = %(table)s and q.source = %(source)s and q.key_hash is not null
            and q.load_id <> %(load_id)s and l.known_from <= %(known_from)s
        """,
        {"table": table, "source": source, "load_id": load_id, "known_from": known_from},
    )
    hashes = np.array([row["key_hash"] for row in waiting], np.int64)
    arrived = np.isin(hashes, accepted) if waiting else hashes  # sorts what was accepted: not for nothing
    mended = [row["quarantine_id"] for row, found in zip(waiting, arrived, strict=True) if found]
    closed = tx.execute(
        """
        update quarantine
        set state = 'superseded', closed_by = %(load_id)s, closed_at = %(now)s
        where quarantine_id = any(%(ids)s)
        """,
        {"ids": mended, "load_id": load_id, "now": now},
    )
    return closed + tx.execute(
        f"""
        update quarantine as q
        set state = 'superseded', closed_by = f.load_id, closed_at = %(now)s
        from {table}_facts as f
        where
            q.load_id = %(load_id)s and q.state = 'open' and f.key_hash = q.key_hash and f.source = q.source
            and f.known_from > %(known_from)s and f.known_to > f.known_from
        """,
        {"load_id": load_id, "known_from": known_from, "now": now},
    )


def quarantine_rows(
    tx: Transaction, *, sha256: str | None = None, state: str = "open", limit: int = 1000
) -> list[dict[str, Any]]:
    """Return quarantine entries, newest load first. Holds no personal data: only row, column, rule and key."""
    return tx.rows(
        """
        select
            q.quarantine_id, l.sha256, q.load_id, a.display_name as file, q.target_table, q.source, q.row_no as row,
            q.column_name as column, q.rule, q.key_shown as key, q.state, q.closed_by, q.correction_reason
        from quarantine as q
        inner join loads as l on l.load_id = q.load_id
        left join lateral (
            select display_name from arrivals where arrivals.sha256 = l.sha256 order by arrival_id limit 1
        ) as a on true
        where
            (%(state)s = 'all' or q.state = %(state)s)
            and (%(sha256)s::text is null or l.sha256 like %(sha256)s || '%%')
        order by q.load_id desc, q.row_no, q.quarantine_id
        limit %(limit)s
        """,
        {"sha256": sha256, "state": state, "limit": limit},
    )


def add_verdict(tx: Transaction, sha256: str, load_id: int | None, verdict: Mapping[str, Any], now: datetime) -> None:
    """Keep the quality gate's verdict on a file."""
    tx.execute(
        """
        insert into quality_verdicts (sha256, load_id, verdict, checks, message, judged_at)
        values (%(sha256)s, %(load_id)s, %(verdict)s, %(checks)s::jsonb, %(message)s, %(now)s)
        """,
        {
            "sha256": sha256, "load_id": load_id, "verdict": verdict["status"],
            "checks": json.dumps(verdict.get("failed", []), ensure_ascii=False), "message": verdict.get("message"),
            "now": now,
        },
    )  # fmt: skip
