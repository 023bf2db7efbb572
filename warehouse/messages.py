"""The outbox of alert messages: what is to be told to whom, and what became of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from warehouse.database import Transaction


def add(
    tx: Transaction, dedupe: str, recipient: str, channel: int, kind: str, alert_ids: Iterable[int], title: str, body: str,
    at: datetime, not_before: datetime,
) -> int | None:  # fmt: skip
    """Put a message into the outbox. Returns its number, None when one with this `dedupe` is there already."""
    found = tx.scalar(
        """
        insert into alert_messages (dedupe, recipient, channel, kind, alert_ids, title, body, queued_at, not_before, next_try_at)
        values (%(dedupe)s, %(recipient)s, %(channel)s, %(kind)s, %(ids)s, %(title)s, %(body)s, %(at)s, %(from)s, %(from)s)
        on conflict (dedupe) do nothing
        returning message_id
        """,
        {
            "dedupe": dedupe, "recipient": recipient, "channel": channel, "kind": kind, "ids": list(alert_ids), "title": title,
            "body": body, "at": at, "from": not_before,
        },
    )  # fmt: skip
    return None if found is None else int(found)


def join_digest(
    tx: Transaction, dedupe: str, recipient: str, channel: int, alert_ids: Iterable[int], at: datetime, not_before: datetime
) -> bool:
    """Put alerts into a digest, which is begun when it is not there yet. Returns whether it still takes any."""
    return bool(
        tx.execute(
            """
            insert into alert_messages as m
            (dedupe, recipient, channel, kind, alert_ids, title, body, queued_at, not_before, next_try_at)
            values (%(dedupe)s, %(recipient)s, %(channel)s, 'digest', %(ids)s, '', '', %(at)s, %(from)s, %(from)s)
            on conflict (dedupe) do update
            set alert_ids = array(select distinct i from unnest(m.alert_ids || excluded.alert_ids) as i order by i)
            where m.state = 'waiting'
            """,
            {
                "dedupe": dedupe, "recipient": recipient, "channel": channel, "ids": list(alert_ids), "at": at,
                "from": not_before,
            },
        )
    )  # fmt: skip


def alike(tx: Transaction, dedupe: str, recipient: str, channel: int, rule: str, since: datetime) -> int:
    """Return how many messages about alerts of a rule were put in for an address after `since`, digests left out.

    None (0) when the message `dedupe` is among them: what was put in stays as it is.
    """
    found = tx.scalar(
        """
        select count(*) * (count(*) filter (where m.dedupe = %(dedupe)s) = 0)::int from alert_messages as m
        where m.recipient = %(recipient)s and m.channel = %(channel)s and m.kind <> 'digest'
        and (m.queued_at > %(since)s or m.dedupe = %(dedupe)s)
        and exists (select 1 from alerts as a where a.alert_id = any(m.alert_ids) and a.rule = %(rule)s)
        """,
        {"dedupe": dedupe, "recipient": recipient, "channel": channel, "rule": rule, "since": since},
    )
    return int(found or 0)


def unaddressed(tx: Transaction) -> list[dict[str, Any]]:
    """Return, locked, the messages that wait for settings: message_id, kind, alert_ids, queued_at."""
    return tx.rows(
        """
        select message_id, kind, alert_ids, queued_at from alert_messages
        where recipient = '' and state = 'waiting'
        order by message_id
        for update
        """
    )


def remove(tx: Transaction, message_id: int) -> None:
    """Take out a message that was put in again for its recipients."""
    tx.execute("delete from alert_messages where message_id = %(id)s", {"id": message_id})


def anything_due(tx: Transaction, at: datetime) -> bool:
    """Whether the outbox holds something to see to."""
    return bool(
        tx.scalar(
            """
            select exists (
                select 1 from alert_messages
                where state = 'sending' or (state = 'waiting' and (next_try_at <= %(at)s or recipient = ''))
            )
            """,
            {"at": at},
        )
    )


def due(tx: Transaction, at: datetime, limit: int) -> list[int]:
    """Return the numbers of the messages to send now, oldest first.

    What was told of an alert first goes first: a resolution waits for its opening.
    """
    rows = tx.rows(
        """
        select m.message_id from alert_messages as m
        where m.state = 'waiting' and m.next_try_at <= %(at)s and m.recipient <> '' and not (m.kind = 'resolve' and exists (
            select 1 from alert_messages as o
            where o.state = 'waiting' and o.kind = 'open' and o.recipient = m.recipient and o.channel = m.channel
            and o.alert_ids && m.alert_ids
        ))
        order by m.message_id
        limit %(limit)s
        """,
        {"at": at, "limit": limit},
    )
    return [int(row["message_id"]) for row in rows]


def get(tx: Transaction, message_id: int) -> dict[str, Any] | None:
    """Return a message with all its columns."""
    return tx.one("select * from alert_messages where message_id = %(id)s", {"id": message_id})


def postpone(tx: Transaction, message_id: int, until: datetime) -> None:
    """Let a message wait; that is no attempt."""
    tx.execute("update alert_messages set next_try_at = %(at)s where message_id = %(id)s", {"id": message_id, "at": until})


def write(tx: Transaction, message_id: int, title: str, body: str) -> None:
    """Set the words of a digest that is about to leave."""
    tx.execute(
        "update alert_messages set title = %(title)s, body = %(body)s where message_id = %(id)s",
        {"id": message_id, "title": title, "body": body},
    )


def set_sending(tx: Transaction, message_id: int) -> None:
    """Note that a message is being handed over from now on: whoever finds it so later cannot know whether it arrived."""
    tx.execute("update alert_messages set state = 'sending' where message_id = %(id)s", {"id": message_id})


def settle(
    tx: Transaction, message_id: int, state: str, at: datetime, *, error: str | None = None, next_try_at: datetime | None = None
) -> None:
    """Note what became of an attempt: sent, waiting (with the next try), unclear or given_up."""
    tx.execute(
        """
        update alert_messages
        set
            state = %(state)s, attempts = attempts + 1, last_error = %(error)s,
            next_try_at = coalesce(%(next)s::timestamptz, next_try_at),
            sent_at = case when %(state)s = 'sent' then %(at)s::timestamptz end
        where message_id = %(id)s
        """,
        {"id": message_id, "state": state, "at": at, "error": error, "next": next_try_at},
    )


def interrupted(tx: Transaction) -> list[dict[str, Any]]:
    """Return the messages whose sender died while it was handing them over. Call it as the only sender."""
    return tx.rows("select * from alert_messages where state = 'sending' order by message_id")


def counts(tx: Transaction, since: datetime) -> dict[str, int]:
    """Return how many messages there are of each state: of those that are done with, since a moment. Tests don't count."""
    rows = tx.rows(
        """
        select state, count(*) as n from alert_messages
        where kind <> 'test' and (state in ('waiting', 'sending') or queued_at >= %(since)s)
        group by state
        """,
        {"since": since},
    )
    return {row["state"]: int(row["n"]) for row in rows}


def troubles(tx: Transaction, since: datetime) -> list[dict[str, Any]]:
    """Return what did not reach its recipient: tried in vain so far; unclear or given up since a moment. Newest first, at most
    50, no tests."""
    return tx.rows(
        """
        select message_id, recipient, kind, title, state, attempts, queued_at, next_try_at, last_error from alert_messages
        where kind <> 'test' and (
            (state in ('unclear', 'given_up') and queued_at >= %(since)s)
            or (state in ('waiting', 'sending') and attempts > 0)
        )
        order by message_id desc
        limit 50
        """,
        {"since": since},
    )


def of_alert(tx: Transaction, alert_id: int) -> list[dict[str, Any]]:
    """Return the messages that tell of an alert, in order."""
    return tx.rows(
        """
        select message_id, recipient, kind, state, attempts, not_before, sent_at, last_error from alert_messages
        where %(id)s = any(alert_ids)
        order by message_id
        """,
        {"id": alert_id},
    )


def alerts_of(tx: Transaction, alert_ids: Iterable[int]) -> list[dict[str, Any]]:
    """Return alerts by their numbers, all columns."""
    return tx.rows("select * from alerts where alert_id = any(%(ids)s) order by alert_id", {"ids": list(alert_ids)})


def open_alerts(tx: Transaction) -> list[dict[str, Any]]:
    """Return the open alerts, all columns, oldest first."""
    return tx.rows("select * from alerts where state = 'open' order by opened_at, alert_id")


def recent_alerts(tx: Transaction, limit: int) -> list[dict[str, Any]]:
    """Return the last alerts that opened, whatever became of them, all columns, newest first."""
    return tx.rows(
        """
        select * from alerts where opened_at is not null
        order by opened_at desc, alert_id desc
        limit %(limit)s
        """,
        {"limit": limit},
    )


def acknowledge(tx: Transaction, alert_id: int, at: datetime, by: str, note: str | None) -> Mapping[str, Any] | None:
    """Note that somebody took note of an open alert. Returns its row; None when it is not open."""
    return tx.one(
        """
        update alerts set acknowledged_at = %(at)s, acknowledged_by = %(by)s, acknowledged_note = %(note)s
        where alert_id = %(id)s and state = 'open'
        returning *
        """,
        {"id": alert_id, "at": at, "by": by, "note": note},
    )
