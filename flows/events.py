"""The one place that tells Prefect of events: what waits in the outbox, in order, each once as far as anyone can promise.

An event is marked as told only after the server took it; a crash in between tells it again under the same id, and the
server knows it. It is spoken to by its REST API, so that whoever relays need not import Prefect. Lost events do no harm:
whoever hears one asks the database what is not done yet, and the catch-up asks the same by the clock.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

from flows.steps.home import Home, now
from flows.steps.prefect_api import PrefectAway, api_url, call

#: Events told in one request and marked in one transaction.
BATCH: Final = 200
#: An event told later than this starts nothing: the catch-up has asked by then, and a server that was away for a week must
#: not be met with a thousand runs.
FRESH: Final = timedelta(minutes=5)


def relay(home: Home) -> int:
    """Tell Prefect of the waiting events, oldest first. Returns how many it took.

    0 also when no server is configured (`PREFECT_API_URL`), when it is away (the events wait, `attempts` counts the tries)
    or when another process is telling them.
    """
    url = api_url()
    told = 0
    if url is None:
        return told
    with home.database.session_lock("relay", wait=False) as mine:
        while mine:
            taken, more = _tell_some(home, url)
            told += taken
            if not more:
                break
    return told


def _tell_some(home: Home, url: str) -> tuple[int, bool]:
    """Tell one batch. Returns (how many were taken, whether to go on)."""
    from warehouse import events

    with home.database.begin() as tx:
        waiting = events.waiting(tx, BATCH)
        if not waiting:
            return 0, False
        numbers = [row["event_id"] for row in waiting]
        try:
            call(url, "/events", [as_prefect(row) for row in waiting])
        except PrefectAway:
            events.mark(tx, numbers, now(), emitted=False)
            return 0, False
        events.mark(tx, numbers, now(), emitted=True)
    return len(waiting), len(waiting) == BATCH


def as_prefect(row: dict[str, Any]) -> dict[str, Any]:
    """Return an event of the outbox as Prefect takes it.

    `occurred` is the time of day even where `CCHC_CLOCK` stands in for it (Prefect forgets what is old); the installation's
    own moment is in the payload. `id` is the same whenever the event is told again, and another one in a restored database
    that gives the number of a told event to a new one.
    """
    recorded = row["recorded_at"].isoformat()
    return {
        "id": str(uuid5(NAMESPACE_URL, f"cchc:{row['event_id']}:{recorded}")),
        "event": f"cchc.{row['kind']}",
        "occurred": recorded,
        "resource": {
            "prefect.resource.id": f"cchc.{row['subject']}",
            "prefect.resource.name": row["subject"],
            "cchc.fresh": "yes" if row["age"] <= FRESH else "no",
        },
        "payload": {**row["ids"], "event_id": row["event_id"], "occurred_at": row["occurred_at"].isoformat()},
    }
