"""What may be forgotten: traces of work. Facts, files, the ledger, published scores and forecasts are never among it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from warehouse.database import Transaction

#: What is forgotten → the statement that forgets what is older than `before`.
FORGET: Final[Mapping[str, str]] = {
    # An event may be lost without harm, so one that nobody was told of for that long is lost.
    "events": "delete from events where occurred_at < %(before)s",
    # Machines come and go (a container has a new name each time); the last word of one that is gone says nothing.
    "heartbeats": "delete from heartbeats where beat_at < %(before)s",
    # When a desk first watched over the installation says since when nights are expected.
    "work_log": "delete from work_log where started_at < %(before)s and kind <> 'desk'",
    # A message about an alert that is still open stays: its key keeps it from being sent again.
    "alert_messages": """
        delete from alert_messages as m
        where
            m.queued_at < %(before)s and m.state <> 'waiting'
            and not exists (
                select 1 from alerts as a where a.alert_id = any(m.alert_ids) and a.state in ('pending', 'open')
            )
        """,
    # Breaches that never lasted long enough to be told.
    "alerts": "delete from alerts where state = 'dropped' and resolved_at < %(before)s",
    # A night that came to a result stays: it says that the night was not missed.
    "nightly_runs": "delete from nightly_runs where started_at < %(before)s and outcome = 'failed'",
}


def forget(tx: Transaction, what: str, before: datetime) -> int:
    """Remove what is older than a moment. Returns how many rows. Raises: KeyError for what is kept for good."""
    return tx.execute(FORGET[what], {"before": before})
