"""Keeps the registers in the database in step with the code that owns them: units and the working-day calendar."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from warehouse.database import Transaction


def sync_units(tx: Transaction, version: str, units: Sequence[dict[str, Any]], now: datetime) -> bool:
    """Write the unit register when its version changed. units: rows of table `units`. Returns whether it wrote."""
    if _known(tx, "units") == version:
        return False
    tx.lock("registers")
    tx.execute("delete from units")
    columns = (
        "unit_id",
        "code",
        "name",
        "kind",
        "parent",
        "valid_from",
        "valid_to",
        "successor_id",
        "provenance",
    )
    for unit in units:
        tx.execute(
            """
            insert into units (unit_id, code, name, kind, parent, valid_from, valid_to, successor_id, provenance)
            values (
                %(unit_id)s, %(code)s, %(name)s, %(kind)s, %(parent)s, %(valid_from)s, %(valid_to)s, %(successor_id)s,
                %(provenance)s
            )
            """,
            {name: unit[name] for name in columns},
        )
    _remember(tx, "units", version, now)
    return True


def sync_calendar(tx: Transaction, version: str, days: Sequence[tuple[date, bool]], now: datetime) -> bool:
    """Write the working-day calendar when its version changed. days: consecutive (day, is working day)."""
    if _known(tx, "calendar") == version:
        return False
    tx.lock("registers")
    tx.execute("delete from calendar_days")
    tx.execute(
        """
        insert into calendar_days (day, is_working, working_ordinal)
        select
            d.day,
            d.is_working,
            (count(*) filter (where d.is_working) over (order by d.day))::integer
        from unnest(%(days)s::date[], %(working)s::boolean[]) as d (day, is_working)
        """,
        {"days": [day for day, _ in days], "working": [working for _, working in days]},
    )
    _remember(tx, "calendar", version, now)
    return True


def version_of(tx: Transaction, register: str) -> str | None:
    """Return the version of a register in the database."""
    return _known(tx, register)


def _known(tx: Transaction, register: str) -> str | None:
    found: str | None = tx.scalar("select version from register_versions where register = %(name)s", {"name": register})
    return found


def _remember(tx: Transaction, register: str, version: str, now: datetime) -> None:
    tx.execute(
        """
        insert into register_versions (register, version, changed_at) values (%(name)s, %(version)s, %(now)s)
        on conflict (register) do update set version = excluded.version, changed_at = excluded.changed_at
        """,
        {"name": register, "version": version, "now": now},
    )
