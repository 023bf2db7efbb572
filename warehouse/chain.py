"""What the chain of work asks of the warehouse: which nights ran, who holds a lease, which loads no published score knows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from warehouse.database import Transaction

# --- nights ---


def record_night(
    tx: Transaction, as_of: datetime, started: datetime, finished: datetime, state: str | None, outcome: str,
    summary: Mapping[str, Any],
) -> int:  # fmt: skip
    """Note how a night ended (done, nothing_new, failed or skipped). Returns its number."""
    return int(
        tx.scalar(
            """
            insert into nightly_runs (as_of, started_at, finished_at, state_digest, outcome, summary)
            values (%(as_of)s, %(started)s, %(finished)s, %(state)s, %(outcome)s, %(summary)s::jsonb)
            returning run_id
            """,
            {
                "as_of": as_of, "started": started, "finished": finished, "state": state, "outcome": outcome,
                "summary": json.dumps(summary, ensure_ascii=False),
            },
        )
    )  # fmt: skip


def last_night(tx: Transaction) -> dict[str, Any] | None:
    """Return the last night that came to a result, None before the first."""
    return tx.one("select * from nightly_runs where outcome in ('done', 'nothing_new') order by run_id desc limit 1")


def settled_nights(tx: Transaction, since: datetime, now: datetime) -> list[datetime]:
    """Return the instants (as_of, from `since` on) that nights came to a result for, or that are skipped for good.

    What began after `now` was run or skipped by a clock that stood ahead: such a night is still to come.
    """
    return [
        row["as_of"]
        for row in tx.rows(
            """
            select as_of from nightly_runs
            where outcome <> 'failed' and as_of >= %(since)s and started_at <= %(now)s
            order by as_of
            """,
            {"since": since, "now": now},
        )
    ]


def nights_since(tx: Transaction) -> datetime | None:
    """Return since when nights are expected: since a desk first watched over this installation. None: none ever did."""
    found: datetime | None = tx.scalar("select min(started_at) from work_log where kind = 'desk'")
    return found


# --- leases ---


def take_lease(tx: Transaction, name: str, holder: str, pid: int, subject: str, at: datetime) -> None:
    """Write who does a piece of work from now on. Its lock is held by the caller's session."""
    tx.execute(
        """
        insert into leases (name, holder, pid, subject, taken_at, heartbeat_at)
        values (%(name)s, %(holder)s, %(pid)s, %(subject)s, %(at)s, %(at)s)
        on conflict (name) do update
        set holder = excluded.holder, pid = excluded.pid, subject = excluded.subject, taken_at = excluded.taken_at,
            heartbeat_at = excluded.heartbeat_at, released_at = null
        """,
        {"name": name, "holder": holder, "pid": pid, "subject": subject, "at": at},
    )


def beat_lease(tx: Transaction, name: str, holder: str, pid: int, at: datetime) -> None:
    """Say that a lease's holder is alive."""
    tx.execute(
        "update leases set heartbeat_at = %(at)s where name = %(name)s and holder = %(holder)s and pid = %(pid)s",
        {"name": name, "holder": holder, "pid": pid, "at": at},
    )


def release_lease(tx: Transaction, name: str, holder: str, pid: int, at: datetime) -> None:
    """Give a lease back; one that somebody else took meanwhile is theirs."""
    tx.execute(
        """
        update leases set released_at = %(at)s, heartbeat_at = %(at)s
        where name = %(name)s and holder = %(holder)s and pid = %(pid)s
        """,
        {"name": name, "holder": holder, "pid": pid, "at": at},
    )


def live_lease(tx: Transaction, name: str) -> dict[str, Any] | None:
    """Return the lease of a piece of work whose lock is held at this moment, whatever its row says; else None.

    The lock is the database session's: a holder that died holds none.
    """
    return tx.one(
        """
        select e.name, e.holder, e.pid, e.subject, e.taken_at, e.heartbeat_at
        from leases as e
        cross join (select hashtextextended('cchc:' || %(name)s, 0) as key) as k
        where e.name = %(name)s and exists (
            select 1 from pg_locks as l
            where
                l.locktype = 'advisory' and l.granted and l.objsubid = 1
                and l.database = (select oid from pg_database where datname = current_database())
                and ((l.classid::bigint << 32) | l.objid::bigint) = k.key
        )
        """,
        {"name": name},
    )


# --- what is not published yet ---


def last_publication(tx: Transaction, year: int, criteria_set: str, definition: str) -> dict[str, Any] | None:
    """Return the last score the chain published of a whole year (run_id, origin, recipe, result_digest), if any.

    Scores that people publish by hand, of other days, do not count: what the chain has not seen is still to be done.
    """
    return tx.one(
        """
        select run_id, origin, recipe, result_digest from score_runs
        where
            origin in ('nightly', 'event', 'demo') and recipe ->> 'criteria_set' = %(set)s
            and (recipe -> 'question' ->> 'year')::integer = %(year)s
            and recipe -> 'question' ->> 'month' is null and recipe -> 'question' ->> 'units_on' is null
            and recipe -> 'question' ->> 'definition' = %(definition)s
        order by run_id desc
        limit 1
        """,
        {"year": year, "set": criteria_set, "definition": definition},
    )


def newer_loads(tx: Transaction, load_id: int) -> list[int]:
    """Return the loads after a load that can change a figure: that brought or closed a row, or a column not known of a unit."""
    return [
        row["load_id"]
        for row in tx.rows(
            """
            select l.load_id from loads as l
            where l.load_id > %(load)s and (
                l.rows_inserted + l.rows_closed > 0
                or exists (
                    select 1 from load_units as u cross join unnest(l.mapped_columns) as c (name)
                    where u.load_id = l.load_id and not exists (
                        select 1 from loads as o inner join load_units as v on v.load_id = o.load_id
                        where
                            o.load_id <= %(load)s and v.unit_code = u.unit_code and o.target_table = l.target_table
                            and c.name = any(o.mapped_columns)
                    )
                )
            )
            order by l.load_id
            """,
            {"load": load_id},
        )
    ]


def units_of(tx: Transaction, loads: Sequence[int]) -> list[str]:
    """Return the units that loads speak of, in order."""
    return [
        row["unit_code"]
        for row in tx.rows(
            "select distinct unit_code from load_units where load_id = any(%(loads)s) order by unit_code", {"loads": list(loads)}
        )
    ]
