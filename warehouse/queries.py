"""What the steps ask of the warehouse besides dossier counts: register counts, evidence behind a figure, runs."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Any, Final

from warehouse.database import Transaction, sql_text

REGISTER_MARTS: Final = {
    "survey": ("survey_counts", "survey_forms"), "reviews": ("officer_review_counts", "officer_reviews"),
    "tasks": ("task_counts", "tasks"), "initiatives": ("initiative_counts", "initiatives"),
    "declarations": ("declarations", "declarations"),
}  # fmt: skip


def scope(table: str, known_at: datetime | None) -> str:
    """Return the query of what is known of a register: one version per key, the first source by name wins."""
    when = "known_to = 'infinity'" if known_at is None else "known_from <= %(known_at)s and known_to > %(known_at)s"
    return (
        f"select distinct on (s.key_hash) s.* from {table}_facts as s where {when} "
        "order by s.key_hash asc, s.source asc, s.known_from desc"
    )


def register_counts(
    tx: Transaction,
    name: str,
    *,
    year: int,
    first_day: date,
    last_day: date,
    known_day: date,
    known_at: datetime | None,
) -> Any:
    """Return a mart over a register (a key of REGISTER_MARTS) as a DataFrame."""
    mart, table = REGISTER_MARTS[name]
    statement = sql_text(f"marts/{mart}.sql").replace("{scope}", scope(table, known_at))
    return tx.frame(
        statement,
        {
            "year": year,
            "first_day": first_day,
            "last_day": last_day,
            "known_day": known_day,
            "known_at": known_at,
        },
    )


def known_columns(tx: Transaction, known_at: datetime | None) -> dict[tuple[str, str], frozenset[str]]:
    """Return (unit, table) → canonical columns that some loaded export has."""
    found: dict[tuple[str, str], set[str]] = {}
    for row in tx.rows(sql_text("marts/known_columns.sql"), {"known_at": known_at}):
        found.setdefault((row["unit_code"], row["target_table"]), set()).add(row["column_name"])
    return {key: frozenset(columns) for key, columns in found.items()}


def working_days(tx: Transaction, first_day: date, last_day: date) -> int:
    """Return the number of working days of a period, both ends included."""
    return int(
        tx.scalar(
            "select count(*) from calendar_days where is_working and day between %(first)s and %(last)s",
            {"first": first_day, "last": last_day},
        )
    )


def publish(
    tx: Transaction,
    recipe: dict[str, Any],
    recipe_digest: str,
    result: dict[str, Any],
    digest: str,
    now: datetime,
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
            insert into score_runs (recipe_digest, result_digest, recipe, result, published_at)
            values (%(rd)s, %(sd)s, %(recipe)s::jsonb, %(result)s::jsonb, %(now)s)
            returning run_id
            """,
            {
                "rd": recipe_digest, "sd": digest, "now": now, "recipe": json.dumps(recipe, ensure_ascii=False),
                "result": json.dumps(result, ensure_ascii=False),
            },
        )
    )  # fmt: skip
