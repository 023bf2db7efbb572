"""The outbox of events, who is at work, and what work took. An event holds ids only: who hears of it asks the database."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from warehouse.database import Transaction


def note(tx: Transaction, kind: str, subject: str, ids: Mapping[str, Any], at: datetime) -> int:
    """Write an event into the transaction that made it happen. Returns its number."""
    return int(
        tx.scalar(
            """
            insert into events (kind, subject, ids, occurred_at)
            values (%(kind)s, %(subject)s, %(ids)s::jsonb, %(at)s)
            returning event_id
            """,
            {"kind": kind, "subject": subject, "ids": json.dumps(ids, ensure_ascii=False), "at": at},
        )
    )


def waiting(tx: Transaction, limit: int = 500) -> list[dict[str, Any]]:
    """Return events nobody was told of, oldest first, locked for this transaction; those another relay holds are left out."""
    return tx.rows(
        """
        select
            event_id, kind, subject, ids, occurred_at, recorded_at, clock_timestamp() - recorded_at as age, attempts
        from events
        where emitted_at is null
        order by event_id
        limit %(limit)s
        for update skip locked
        """,
        {"limit": limit},
    )


def mark(tx: Transaction, numbers: Iterable[int], at: datetime, *, emitted: bool) -> None:
    """Note that events were told, or that telling them was tried in vain."""
    tx.execute(
        """
        update events set emitted_at = case when %(emitted)s then %(at)s::timestamptz end, attempts = attempts + 1
        where event_id = any(%(numbers)s)
        """,
        {"numbers": list(numbers), "at": at, "emitted": emitted},
    )


def since(tx: Transaction, number: int, kind: str | None = None, limit: int = 1000) -> list[dict[str, Any]]:
    """Return the events after a number, of one kind or of all, in order."""
    return tx.rows(
        """
        select event_id, kind, subject, ids, occurred_at, recorded_at, emitted_at from events
        where event_id > %(number)s and (%(kind)s::text is null or kind = %(kind)s)
        order by event_id
        limit %(limit)s
        """,
        {"number": number, "kind": kind, "limit": limit},
    )


def log_work(
    tx: Transaction, kind: str, subject: str, started_at: datetime, seconds: float, outcome: str, detail: Mapping[str, Any]
) -> None:
    """Note a piece of work: how long it took (seconds) and how it ended (done, nothing_new, busy, failed)."""
    tx.execute(
        """
        insert into work_log (kind, subject, started_at, seconds, outcome, detail)
        values (%(kind)s, %(subject)s, %(started)s, %(seconds)s, %(outcome)s, %(detail)s::jsonb)
        """,
        {
            "kind": kind, "subject": subject, "started": started_at, "seconds": seconds, "outcome": outcome,
            "detail": json.dumps(detail, ensure_ascii=False),
        },
    )  # fmt: skip


def worked(tx: Transaction, kind: str, subject: str) -> dict[str, Any] | None:
    """Return the last piece of work of a kind on a subject, None when there was none."""
    return tx.one(
        """
        select started_at, seconds, outcome, detail from work_log
        where kind = %(kind)s and subject = %(subject)s
        order by work_id desc
        limit 1
        """,
        {"kind": kind, "subject": subject},
    )


def beat(
    tx: Transaction, component: str, host: str, pid: int, started_at: datetime, at: datetime, detail: Mapping[str, Any]
) -> None:
    """Say that a part of the installation is alive."""
    tx.execute(
        """
        insert into heartbeats (component, host, pid, started_at, beat_at, detail)
        values (%(component)s, %(host)s, %(pid)s, %(started)s, %(at)s, %(detail)s::jsonb)
        on conflict (component, host) do update
        set pid = excluded.pid, started_at = excluded.started_at, beat_at = excluded.beat_at, heard_at = clock_timestamp(),
            detail = excluded.detail
        """,
        {
            "component": component, "host": host, "pid": pid, "started": started_at, "at": at,
            "detail": json.dumps(detail, ensure_ascii=False),
        },
    )  # fmt: skip


def beats(tx: Transaction) -> list[dict[str, Any]]:
    """Return the last word of every part that was heard within a day; age_s: how many seconds ago, by the database's clock.

    Who is silent for longer is gone: a machine that was replaced, a container of another name, the one a backup is from.
    """
    return tx.rows(
        """
        select
            component, host, pid, started_at, beat_at, detail,
            extract(epoch from clock_timestamp() - heard_at)::double precision as age_s
        from heartbeats
        where heard_at > clock_timestamp() - interval '1 day'
        order by component, host
        """
    )


def forget(tx: Transaction, host: str) -> int:
    """Forget the parts of one machine: they were stopped on purpose. Returns how many there were."""
    return tx.execute("delete from heartbeats where host = %(host)s", {"host": host})
