"""The figures of the status page and of /metrics: a handful of cheap counts, no row of anybody's."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from warehouse.database import Transaction

_DAY = timedelta(days=1)
_LATELY = timedelta(days=7)


def hurry(tx: Transaction) -> None:
    """Let no statement of this transaction take longer than five seconds: who looks at a page does not wait."""
    tx.execute("set local statement_timeout = '5s'")


def counts(tx: Transaction, now: datetime) -> dict[str, Any]:
    """Return {loads, quarantined, rejected_lately, messages_lost_lately, messages_overdue, events_waiting, events_age_s,
    database_bytes}.

    lately: in the last seven days; lost: not arrived as far as is known; overdue: due an hour ago and still waiting;
    events_age_s: how many seconds the oldest waiting event has waited, 0 when none waits.
    """
    found = tx.one(
        """
        select
            (select count(*) from loads) as loads,
            (select count(*) from quarantine where state = 'open') as quarantined,
            (select count(*) from files where state = 'rejected' and changed_at >= %(since)s) as rejected_lately,
            (
                select count(*) from alert_messages where state in ('unclear', 'given_up') and queued_at >= %(since)s
            ) as messages_lost_lately,
            (
                select count(*) from alert_messages
                where state = 'waiting' and not_before < %(now)s::timestamptz - interval '1 hour'
            ) as messages_overdue,
            count(e.event_id) as events_waiting,
            coalesce(extract(epoch from clock_timestamp() - min(e.recorded_at)), 0)::double precision as events_age_s,
            pg_database_size(current_database()) as database_bytes
        from events as e
        where e.emitted_at is null
        """,
        {"now": now, "since": now - _LATELY},
    )
    assert found is not None
    return found


def files_by_state(tx: Transaction) -> dict[str, int]:
    """Return state → number of contents."""
    return {row["state"]: row["n"] for row in tx.rows("select state, count(*) as n from files group by state")}


def nights_by_outcome(tx: Transaction) -> dict[str, int]:
    """Return outcome → number of nights."""
    rows = tx.rows("select outcome, count(*) as n from nightly_runs where outcome is not null group by outcome")
    return {row["outcome"]: row["n"] for row in rows}


def messages_by_state(tx: Transaction) -> dict[str, int]:
    """Return state → number of messages about alerts."""
    return {row["state"]: row["n"] for row in tx.rows("select state, count(*) as n from alert_messages group by state")}


def open_alerts(tx: Transaction) -> list[dict[str, Any]]:
    """Return the numbers of open alerts by rule and severity: {rule, severity, n}."""
    return tx.rows(
        "select rule, severity, count(*) as n from alerts where state = 'open' group by rule, severity order by rule, severity"
    )


def last_score(tx: Transaction) -> dict[str, Any] | None:
    """Return the score published last (run_id, year, origin, published_at), None before the first. Scenarios do not count."""
    return tx.one(
        """
        select run_id, (recipe -> 'question' ->> 'year')::integer as year, origin, published_at
        from score_runs
        where origin <> 'scenario'
        order by run_id desc
        limit 1
        """
    )


def last_forecast(tx: Transaction) -> dict[str, Any] | None:
    """Return the forecast stored last (forecast_id, year, stored_at), None before the first."""
    return tx.one("select forecast_id, year, stored_at from forecasts order by forecast_id desc limit 1")


def last_tried_night(tx: Transaction) -> dict[str, Any] | None:
    """Return how the last night that anybody tried ended (as_of, started_at, finished_at, outcome), None before the first."""
    return tx.one(
        """
        select as_of, started_at, finished_at, outcome from nightly_runs
        where outcome <> 'skipped'
        order by run_id desc
        limit 1
        """
    )


def work_of_a_day(tx: Transaction, now: datetime) -> list[dict[str, Any]]:
    """Return the work of the last 24 hours by kind and outcome: {kind, outcome, n, seconds, longest_s}."""
    return tx.rows(
        """
        select kind, outcome, count(*) as n, sum(seconds) as seconds, max(seconds) as longest_s
        from work_log
        where started_at >= %(since)s and kind <> 'desk'
        group by kind, outcome
        order by kind, outcome
        """,
        {"since": now - _DAY},
    )


def last_seconds(tx: Transaction, kind: str) -> float | None:
    """Return how long the last piece of work of a kind took that came to a result (seconds)."""
    found: float | None = tx.scalar(
        "select seconds from work_log where kind = %(kind)s and outcome in ('done', 'nothing_new') order by work_id desc limit 1",
        {"kind": kind},
    )
    return found
