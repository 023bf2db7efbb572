"""Scenarios and their versions. Every write is conditional on the version and state it was decided on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from warehouse.database import Transaction


def create(
    tx: Transaction, *, name: str, base_run: int, note: str | None, content: str, sha256: str, actor: str, actor_key: str,
    os_user: str, now: datetime,
) -> int | None:  # fmt: skip
    """Make a scenario with its first version; returns its id, None when the name is taken."""
    found = tx.scalar(
        """
        insert into scenarios (name, base_run, state, version, note, author, created_at, changed_at)
        values (%(name)s, %(base)s, 'draft', 1, %(note)s, %(actor)s, %(now)s, %(now)s)
        on conflict (name) do nothing
        returning scenario_id
        """,
        {"name": name, "base": base_run, "note": note, "actor": actor, "now": now},
    )
    if found is not None:
        _add(tx, int(found), 1, content, sha256, "scenario.new", actor, actor_key, os_user, now)
    return None if found is None else int(found)


def _add(
    tx: Transaction, scenario_id: int, version: int, content: str, sha256: str, action: str, actor: str, actor_key: str,
    os_user: str, now: datetime,
) -> None:  # fmt: skip
    tx.execute(
        """
        insert into scenario_versions (scenario_id, version, content, sha256, action, actor, actor_key, os_user, made_at)
        values (%(id)s, %(version)s, %(content)s, %(sha)s, %(action)s, %(actor)s, %(key)s, %(os)s, %(now)s)
        """,
        {
            "id": scenario_id, "version": version, "content": content, "sha": sha256, "action": action, "actor": actor,
            "key": actor_key, "os": os_user, "now": now,
        },
    )  # fmt: skip


def add_version(
    tx: Transaction, scenario_id: int, *, on: int, content: str, sha256: str, action: str, actor: str, actor_key: str,
    os_user: str, now: datetime,
) -> int | None:  # fmt: skip
    """Add a version made on version `on`; returns its number, None when that is no longer the current one or not editable."""
    version = tx.scalar(
        """
        update scenarios
        set
            version = version + 1, state = 'draft', changed_at = %(now)s, submitted_by = null, submitted_key = null,
            approved_by = null, approved_version = null
        where scenario_id = %(id)s and version = %(on)s and state in ('draft', 'returned')
        returning version
        """,
        {"id": scenario_id, "on": on, "now": now},
    )
    if version is not None:
        _add(tx, scenario_id, int(version), content, sha256, action, actor, actor_key, os_user, now)
    return None if version is None else int(version)


def move(
    tx: Transaction, scenario_id: int, *, on: int, states: Sequence[str], to: str, now: datetime, by: str, key: str,
    run: int | None = None,
) -> bool:  # fmt: skip
    """Move a scenario to a state when it is still at version `on` and in one of `states`."""
    touched = tx.execute(
        """
        update scenarios
        set
            state = %(to)s, changed_at = %(now)s,
            submitted_by = case when %(to)s = 'submitted' then %(by)s else submitted_by end,
            submitted_key = case when %(to)s = 'submitted' then %(key)s else submitted_key end,
            approved_by = case %(to)s when 'approved' then %(by)s when 'returned' then null else approved_by end,
            approved_version = case %(to)s when 'approved' then version when 'returned' then null else approved_version end,
            result_run = coalesce(%(run)s, result_run)
        where scenario_id = %(id)s and version = %(on)s and state = any(%(states)s)
        """,
        {"id": scenario_id, "on": on, "states": list(states), "to": to, "now": now, "by": by, "key": key, "run": run},
    )
    return touched == 1


def find(tx: Transaction, name: str) -> dict[str, Any] | None:
    """Return a scenario with the content of its current version, None when there is none of that name."""
    return tx.one(
        """
        select s.*, v.content, v.sha256
        from scenarios as s
        inner join scenario_versions as v on v.scenario_id = s.scenario_id and v.version = s.version
        where s.name = %(name)s
        """,
        {"name": name},
    )


def version_of(tx: Transaction, name: str, version: int) -> dict[str, Any] | None:
    """Return one version of a scenario, None when there is none."""
    return tx.one(
        """
        select v.*
        from scenario_versions as v
        inner join scenarios as s on s.scenario_id = v.scenario_id
        where s.name = %(name)s and v.version = %(version)s
        """,
        {"name": name, "version": version},
    )


def versions(tx: Transaction, scenario_id: int) -> list[dict[str, Any]]:
    """Return the versions of a scenario without their content, in order."""
    return tx.rows(
        """
        select version, sha256, action, actor, actor_key, os_user, made_at
        from scenario_versions
        where scenario_id = %(id)s
        order by version
        """,
        {"id": scenario_id},
    )


def listed(tx: Transaction) -> list[dict[str, Any]]:
    """Return all scenarios, the latest changed first."""
    return tx.rows("select * from scenarios order by changed_at desc, scenario_id desc")
