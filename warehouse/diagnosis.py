"""What a check of the whole installation asks of the database: its version and clock, and contents to compare with the store."""

from __future__ import annotations

from typing import Any, Final

from warehouse.database import Transaction

#: How many stored contents a sample holds: the newest, and as many drawn at random.
_EACH: Final = 10


def server(tx: Transaction) -> dict[str, Any]:
    """Return {server: "18.6", version: the last migration, clock: the database's own time of day}."""
    found = tx.one(
        """
        select
            current_setting('server_version') as server,
            (select max(version) from schema_migrations) as version,
            clock_timestamp() as clock
        """
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
