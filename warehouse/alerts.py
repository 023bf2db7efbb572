"""Episodes of alerts: what lives, when the last one ended, until when a rule was asked."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from warehouse.database import Transaction, sql_text
from warehouse.queries import scope


def live(tx: Transaction) -> list[dict[str, Any]]:
    """Return the episodes that are pending or open, all columns."""
    return tx.rows("select * from alerts where state in ('pending', 'open') order by alert_id")


def last_ends(tx: Transaction, since: datetime) -> dict[tuple[str, str, str], datetime]:
    """Return (rule, unit, subject) → when its last open episode ended, of those that ended since a moment."""
    rows = tx.rows(
        """
        select rule, unit_id, subject, max(resolved_at) as ended_at from alerts
        where state = 'resolved' and resolved_at >= %(since)s
        group by rule, unit_id, subject
        """,
        {"since": since},
    )
    return {(row["rule"], row["unit_id"], row["subject"]): row["ended_at"] for row in rows}


def marks(tx: Transaction) -> dict[tuple[str, str], datetime]:
    """Return (rule, unit) → the latest moment as of which it was asked."""
    return {(row["rule"], row["unit_id"]): row["evaluated_at"] for row in tx.rows("select * from alert_marks")}


def mark(tx: Transaction, asked: Iterable[tuple[str, str]], at: datetime) -> None:
    """Note that rules were asked about units as of a moment."""
    pairs = list(asked)
    tx.execute(
        """
        insert into alert_marks as m (rule, unit_id, evaluated_at)
        select p.rule, p.unit_id, %(at)s from unnest(%(rules)s::text[], %(units)s::text[]) as p (rule, unit_id)
        on conflict (rule, unit_id) do update set evaluated_at = greatest(m.evaluated_at, excluded.evaluated_at)
        """,
        {"rules": [rule for rule, _ in pairs], "units": [unit for _, unit in pairs], "at": at},
    )


def insert(tx: Transaction, row: Mapping[str, Any]) -> dict[str, Any]:
    """Write a new episode; returns its row."""
    found = tx.one(
        """
        insert into alerts (
            rule, unit_id, subject, state, severity, owner, breached_at, last_breached_at, clear_since, opened_at, resolved_at,
            resolution, value, threshold, detail
        )
        values (
            %(rule)s, %(unit_id)s, %(subject)s, %(state)s, %(severity)s, %(owner)s, %(breached_at)s, %(last_breached_at)s,
            %(clear_since)s, %(opened_at)s, %(resolved_at)s, %(resolution)s, %(value)s, %(threshold)s, %(detail)s::jsonb
        )
        returning *
        """,
        {**row, "detail": json.dumps(row["detail"], ensure_ascii=False)},
    )
    assert found is not None
    return found


def update(tx: Transaction, row: Mapping[str, Any]) -> dict[str, Any]:
    """Write what changed of an episode; returns its row."""
    found = tx.one(
        """
        update alerts
        set
            state = %(state)s, severity = %(severity)s, owner = %(owner)s, breached_at = %(breached_at)s,
            last_breached_at = %(last_breached_at)s, clear_since = %(clear_since)s, opened_at = %(opened_at)s,
            resolved_at = %(resolved_at)s, resolution = %(resolution)s, value = %(value)s, threshold = %(threshold)s,
            detail = %(detail)s::jsonb
        where alert_id = %(alert_id)s
        returning *
        """,
        {**row, "detail": json.dumps(row["detail"], ensure_ascii=False)},
    )
    assert found is not None
    return found


def open_count(tx: Transaction) -> int:
    """Return how many alerts are open."""
    return int(tx.scalar("select count(*) from alerts where state = 'open'"))


# --- what rules look at beside the score ---


def survey_days(tx: Transaction, units: Sequence[str], first_day: date, last_day: date) -> dict[str, set[date]]:
    """Return unit → the days of a span on which forms were answered, of the given units and of all others."""
    text = sql_text("marts/survey_days.sql").replace("{scope}", scope("survey_forms", None))
    found: dict[str, set[date]] = {unit: set() for unit in units}
    for row in tx.rows(text, {"first_day": first_day, "last_day": last_day, "known_at": None}):
        found.setdefault(row["unit_code"], set()).add(row["answered_on"])
    return found


def review_months(tx: Transaction, year: int, day: date) -> dict[str, set[int]]:
    """Return unit → the months of a year in which officials were reviewed by a day."""
    text = sql_text("marts/officer_review_counts.sql").replace("{scope}", scope("officer_reviews", None))
    given = {"first_day": date(year, 1, 1), "last_day": date(year, 12, 31), "known_day": day, "known_at": None}
    found: dict[str, set[int]] = {}
    for row in tx.rows(text, given):
        found.setdefault(row["unit_code"], set()).add(row["month"].month)
    return found


def working_days_back(tx: Transaction, day: date, count: int) -> list[date]:
    """Return the last working days up to a day, it included, oldest first."""
    rows = tx.rows(
        "select day from calendar_days where is_working and day <= %(day)s order by day desc limit %(count)s",
        {"day": day, "count": count},
    )
    return sorted(row["day"] for row in rows)


def rejected_files(tx: Transaction, since: datetime) -> list[dict[str, Any]]:
    """Return the files that were rejected since a moment, oldest first: sha256, reason, changed_at, received_at (first).

    One that was replaced is left out: at its place, here or in an inbox elsewhere, another content came later that could be
    loaded. A name alone is not enough, for the exports of all communes may bear the same one.
    """
    return tx.rows(
        """
        select f.sha256, f.reason, f.changed_at, a.received_at
        from files as f
        left join lateral (
            select location, received_at from arrivals where arrivals.sha256 = f.sha256 order by arrival_id limit 1
        ) as a on true
        where
            f.state = 'rejected' and f.changed_at >= %(since)s
            and not exists (
                select 1 from arrivals as n
                inner join files as g on g.sha256 = n.sha256
                where n.location = a.location and n.received_at > a.received_at and g.state = 'loaded'
            )
            and not exists (
                select 1 from remote_files as r
                inner join remote_files as n on n.inbox = r.inbox and n.path = r.path and n.changed_at > r.changed_at
                inner join files as g on g.sha256 = n.sha256
                where r.sha256 = f.sha256 and g.state = 'loaded'
            )
        order by f.changed_at, f.sha256
        """,
        {"since": since},
    )


def file_of(tx: Transaction, start: str) -> dict[str, Any] | None:
    """Return the file whose sha256 starts so: name (as first seen), message (why it was rejected)."""
    return tx.one(
        """
        select a.display_name as name, f.message
        from files as f
        left join arrivals as a on a.sha256 = f.sha256
        where f.sha256 like %(start)s || '%%'
        order by a.arrival_id
        limit 1
        """,
        {"start": start},
    )


def lost_before(tx: Transaction, year: int, criteria_set: str, definition: str, before: datetime) -> dict[tuple[str, str], float]:
    """Return (unit, criterion) → points lost in the last score of a year that the chain published as of `before` or earlier."""
    rows = tx.rows(
        """
        select c.value ->> 'unit_id' as unit_id, l.value ->> 'code' as code, (l.value ->> 'lost')::double precision as lost
        from (
            select result from score_runs
            where
                origin in ('nightly', 'event', 'demo') and recipe ->> 'criteria_set' = %(set)s
                and (recipe -> 'question' ->> 'year')::integer = %(year)s
                and recipe -> 'question' ->> 'month' is null and recipe -> 'question' ->> 'units_on' is null
                and recipe -> 'question' ->> 'definition' = %(definition)s
                and (recipe -> 'question' ->> 'as_of')::timestamptz <= %(before)s
            order by (recipe -> 'question' ->> 'as_of')::timestamptz desc, run_id desc
            limit 1
        ) as r
        cross join jsonb_array_elements(r.result -> 'communes') as c
        cross join jsonb_array_elements(c.value -> 'criteria') as l
        where l.value ->> 'status' = 'scored'
        """,
        {"year": year, "set": criteria_set, "definition": definition, "before": before},
    )
    return {(row["unit_id"], row["code"]): float(row["lost"] or 0) for row in rows}
