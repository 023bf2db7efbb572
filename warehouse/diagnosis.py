"""What a check of the whole installation asks of the database: a few cheap figures, and contents to compare with the store."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from warehouse.database import Transaction

#: How many stored contents a sample holds: the newest, and as many drawn at random.
_EACH: Final = 10


def figures(tx: Transaction, now: datetime, since: datetime) -> dict[str, Any]:
    """Return {server, version, clock, events_waiting, events_age_s, rejected, given_up, overdue}.

    server: "18.6"; version: the last migration; clock: the database's own time of day; events_age_s: seconds the oldest waiting
    event has waited; rejected: contents refused since a moment; given_up, overdue: messages given up since then, and those
    that were due an hour before `now`.
    """
    found = tx.one(
        """
        select
            current_setting('server_version') as server,
            (select max(version) from schema_migrations) as version,
            clock_timestamp() as clock,
            count(e.event_id) as events_waiting,
            coalesce(extract(epoch from clock_timestamp() - min(e.recorded_at)), 0)::double precision as events_age_s,
            (select count(*) from files where state = 'rejected' and changed_at >= %(since)s) as rejected,
            (select count(*) from alert_messages where state = 'given_up' and queued_at >= %(since)s) as given_up,
            (
                select count(*) from alert_messages
                where state = 'waiting' and not_before < %(now)s::timestamptz - interval '1 hour'
            ) as overdue
        from events as e
        where e.emitted_at is null
        """,
        {"now": now, "since": since},
    )
    assert found is not None
    return found


def sample_of_contents(tx: Transaction) -> list[str]:
    """Return sha256 of some stored contents: the newest ones and some at random."""
    rows = tx.rows(
        """
        (select sha256 from files order by first_seen_at desc, sha256 limit %(each)s)
        union
        (select sha256 from files order by random() limit %(each)s)
        """,
        {"each": _EACH},
    )
    return sorted(row["sha256"] for row in rows)


def newest_night(tx: Transaction) -> dict[str, Any] | None:
    """Return how the last night that anybody tried ended (outcome, finished_at), None before the first."""
    return tx.one("select outcome, finished_at from nightly_runs where outcome <> 'skipped' order by run_id desc limit 1")
