"""Forgetting traces of work after a while, so that an installation that runs for years grows by its facts alone.

Never removed: the files handed in, facts, the ledger, quarantine, published scores and what they were made of, forecasts,
the audit log, and what was fetched from remote inboxes (it keeps a file from being fetched twice). docs/retention.md has
the figures.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from flows.steps.home import Home, now

#: What is forgotten → after how many days.
KEPT_DAYS: Final[dict[str, int]] = {
    "events": 30,
    "heartbeats": 30,
    "work_log": 400,
    "alert_messages": 400,
    "alerts": 400,
    "nightly_runs": 400,
}


def prune(home: Home) -> dict[str, Any]:
    """Forget what is old; may run as often as one likes. Returns {removed: {what: rows}, total}."""
    from warehouse import retention

    moment, removed = now(), {}
    for what, days in KEPT_DAYS.items():
        with home.database.begin() as tx:
            removed[what] = retention.forget(tx, what, moment - timedelta(days=days))
    return {"removed": removed, "total": sum(removed.values())}
