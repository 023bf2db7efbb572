"""The grammar of events, and the one way to write one. `flows.events` tells Prefect of them; docs/events.md lists them.

An event says that something happened; its ids say to what. It may be lost, doubled or late without harm, because whoever
hears it asks the database what is not done yet, and the catch-up asks the same question by the clock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from flows.steps.home import now

if TYPE_CHECKING:
    from warehouse.database import Transaction

#: kind → (subject, what it says). Prefect hears `cchc.<kind>` about the resource `cchc.<subject>`.
KINDS: Final[dict[str, tuple[str, str]]] = {
    "file.arrived": ("file:<sha256>", "a content was seen for the first time; it lies in the store"),
    "file.loaded": ("file:<sha256>", "its rows are facts now (ids: load, source, table, units)"),
    "file.rejected": ("file:<sha256>", "it cannot be used (ids: reason); the file stays"),
    "quarantine.changed": ("load:<id>", "rows were held back, or held rows were closed by a corrected export"),
    "measures.changed": ("load:<id>", "facts that measures count have changed for these units (ids: units)"),
    "score.published": ("run:<id>", "a score was published (ids: year, criteria_set, origin)"),
    "forecast.published": ("forecast:<id>", "a forecast was stored (ids: year, criteria_set, origin)"),
    "threshold.breached": ("alert:<id>", "an alert opened (ids: rule, unit, subject)"),
    "threshold.cleared": ("alert:<id>", "an alert was resolved (ids: rule, unit, subject)"),
    "data.late": ("source:<name>", "a source has been silent beyond its deadline (ids: units)"),
    "night.missed": ("night:<date>", "a night that was due did not run"),
}


def note(tx: Transaction, kind: str, subject: str, /, **ids: Any) -> int:
    """Write an event in the transaction that makes it true. Raises: KeyError for a kind that is not in the grammar."""
    from warehouse import events

    assert subject.partition(":")[0] == KINDS[kind][0].partition(":")[0], (kind, subject)
    return events.note(tx, kind, subject, ids, now())
