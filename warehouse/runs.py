"""Published scores: each with its recipe, and the parts (rules, calendar, definitions, units) that the recipe names by digest.

The second half puts the past in place of the present for one transaction: temporary tables shadow the real ones, because
PostgreSQL looks for a table's name among the temporary ones first. So every query counts as it did then, unchanged.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any, Final

from warehouse.database import Database, Transaction

#: Tables of facts by the name that loads and locks use.
TABLES: Final = (
    "declarations", "dossiers", "initiatives", "monthly_reports", "officer_reviews", "procedures", "published_results",
    "survey_forms", "tasks",
)  # fmt: skip


class _Undo(Exception):
    """Ends a transaction that must leave nothing behind."""


@contextmanager
def trial(database: Database) -> Iterator[Transaction]:
    """Open a transaction that is always rolled back."""
    try:
        with database.begin() as tx:
            yield tx
            raise _Undo
    except _Undo:
        return


def hold_inputs(tx: Transaction) -> None:
    """Keep loads out until the end of the transaction, so that what is counted is what the recipe lists."""
    for table in TABLES:
        tx.lock(f"table:{table}")


def loads_known(tx: Transaction, known_at: datetime | None) -> list[dict[str, Any]]:
    """Return the loads (load_id, sha256, known_from) known at a moment (None: all), in order."""
    return tx.rows(
        """
        select load_id, sha256, known_from from loads
        where known_from <= coalesce(%(at)s, 'infinity'::timestamptz)
        order by load_id
        """,
        {"at": known_at},
    )


def put_part(tx: Transaction, kind: str, digest: str, content: Any, now: datetime) -> None:
    """Store a part of a recipe; the same content is stored once."""
    tx.execute(
        """
        insert into recipe_parts (kind, digest, content, first_seen_at)
        values (%(kind)s, %(digest)s, %(content)s::json, %(now)s)
        on conflict do nothing
        """,
        {"kind": kind, "digest": digest, "content": json.dumps(content, ensure_ascii=False), "now": now},
    )


def part(tx: Transaction, kind: str, digest: str) -> Any:
    """Return the content of a part, None when it is not stored."""
    return tx.scalar(
        "select content from recipe_parts where kind = %(kind)s and digest = %(digest)s", {"kind": kind, "digest": digest}
    )


def publish(
    tx: Transaction,
    recipe: dict[str, Any],
    recipe_digest: str,
    result: dict[str, Any],
    digest: str,
    now: datetime,
    origin: str,
) -> int:
    """Store a published result with its recipe; the same result of the same recipe is stored once. Returns the run id."""
    known = tx.scalar(
        "select run_id from score_runs where recipe_digest = %(recipe)s and result_digest = %(result)s",
        {"recipe": recipe_digest, "result": digest},
    )
    if known is not None:
        return int(known)
    return int(
        tx.scalar(
            """
            insert into score_runs (recipe_digest, result_digest, recipe, result, published_at, origin)
            values (%(rd)s, %(sd)s, %(recipe)s::jsonb, %(result)s::jsonb, %(now)s, %(origin)s)
            returning run_id
            """,
            {
                "rd": recipe_digest, "sd": digest, "now": now, "recipe": json.dumps(recipe, ensure_ascii=False),
                "result": json.dumps(result, ensure_ascii=False), "origin": origin,
            },
        )
    )  # fmt: skip


def run(tx: Transaction, run_id: int) -> dict[str, Any] | None:
    """Return a published run with its recipe and result, None when there is none."""
    return tx.one("select * from score_runs where run_id = %(run)s", {"run": run_id})


def run_ids(tx: Transaction, year: int | None = None) -> list[int]:
    """Return the ids of the published runs, of one year or of all, in order."""
    return [
        row["run_id"]
        for row in tx.rows(
            """
            select run_id from score_runs
            where %(year)s::integer is null or (recipe -> 'question' ->> 'year')::integer = %(year)s
            order by run_id
            """,
            {"year": year},
        )
    ]


def heads(tx: Transaction, year: int | None = None) -> list[dict[str, Any]]:
    """Return the published runs without their results, of one year or of all, in order."""
    return tx.rows(
        """
        select run_id, recipe_digest, result_digest, recipe, published_at, origin from score_runs
        where %(year)s::integer is null or (recipe -> 'question' ->> 'year')::integer = %(year)s
        order by run_id
        """,
        {"year": year},
    )


def spoken(tx: Transaction, loads: Sequence[int], before: Sequence[int]) -> dict[str, dict[str, int]]:
    """Return unit → {new, changed}: dossiers that `loads` brought, and those of which they contradicted the loads `before`."""
    rows = tx.rows(
        """
        select
            n.unit_code,
            count(*) filter (where n.is_new) as new,
            count(*) filter (where not n.is_new) as changed
        from (
            select
                f.unit_code,
                f.key_hash,
                not bool_or(exists (
                    select 1 from dossiers_facts as o
                    where o.key_hash = f.key_hash and o.added_by = any(%(before)s)
                )) as is_new
            from dossiers_facts as f
            where f.added_by = any(%(loads)s) and f.unit_code is not null
            group by f.unit_code, f.key_hash
        ) as n
        group by n.unit_code
        """,
        {"loads": list(loads), "before": list(before)},
    )
    return {row["unit_code"]: {"new": int(row["new"]), "changed": int(row["changed"])} for row in rows}


def file_names(tx: Transaction, loads: Sequence[int]) -> list[str]:
    """Return the names under which the files of these loads first came, in the order of loading."""
    return [
        row["display_name"]
        for row in tx.rows(
            """
            select (
                select a.display_name from arrivals as a where a.sha256 = l.sha256 order by a.arrival_id limit 1
            ) as display_name
            from loads as l
            where l.load_id = any(%(loads)s)
            order by l.load_id
            """,
            {"loads": list(loads)},
        )
        if row["display_name"]
    ]


def shadow_calendar(tx: Transaction, days: Iterable[tuple[date, bool]]) -> None:
    """Let this transaction count by another calendar. days: consecutive (day, is working day)."""
    listed = list(days)
    tx.execute(
        """
        create temporary table calendar_days on commit drop as
        select
            d.day,
            d.is_working,
            (count(*) filter (where d.is_working) over (order by d.day))::integer as working_ordinal
        from unnest(%(days)s::date[], %(working)s::boolean[]) as d (day, is_working)
        """,
        {"days": [day for day, _ in listed], "working": [working for _, working in listed]},
    )
    tx.execute("analyze calendar_days")


def shadow_loads(tx: Transaction, loads: Sequence[int], known_at: datetime, tables: Iterable[str]) -> None:
    """Let this transaction know only these loads, as of `known_at`: the others came later and claim to be older.

    tables: the fact tables that the others spoke about (all names are ours). A version holds until the next one begins,
    and at the same moment the file loaded later wins, so the latest one among these loads is what was known.
    """
    wanted: Mapping[str, Any] = {"loads": list(loads), "at": known_at}
    for table in sorted(set(tables) & set(TABLES)):
        facts = f"{table}_facts"
        tx.execute(
            f"""
            create temporary table kept_{facts} on commit drop as
            select distinct on (f.source, f.key_hash) f.* from {facts} as f
            where f.added_by = any(%(loads)s) and f.known_from <= %(at)s
            order by f.source asc, f.key_hash asc, f.known_from desc, f.added_by desc
            """,
            wanted,
        )
        tx.execute(f"update kept_{facts} set known_to = 'infinity'")
        tx.execute(f"alter table kept_{facts} rename to {facts}")
        tx.execute(f"analyze {facts}")
    tx.execute(
        "create temporary table kept_loads on commit drop as select l.* from loads as l where l.load_id = any(%(loads)s)", wanted
    )
    tx.execute("alter table kept_loads rename to loads")
