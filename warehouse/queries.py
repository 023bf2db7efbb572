"""What the steps ask of the warehouse besides dossier counts: register counts, evidence behind a figure, runs."""

from __future__ import annotations

import unicodedata
from datetime import date, datetime
from typing import Any, Final

from warehouse.database import Transaction, sql_text

REGISTER_MARTS: Final = {
    "survey": ("survey_counts", "survey_forms"), "reviews": ("officer_review_counts", "officer_reviews"),
    "tasks": ("task_counts", "tasks"), "initiatives": ("initiative_counts", "initiatives"),
    "declarations": ("declarations", "declarations"), "task_outcomes": ("task_outcomes", "tasks"),
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


def complaints(tx: Transaction, *, last_day: date, known_at: datetime | None) -> list[dict[str, Any]]:
    """Return the forms up to a day that complain of an official or of how a dossier was handled, oldest first.

    Grain: form. Keys: unit_code, form_code, answered_on, dossier_code (or None), official (None: not complained of by name).
    """
    statement = sql_text("marts/complaints.sql").replace("{scope}", scope("survey_forms", known_at))
    return tx.rows(statement, {"last_day": last_day, "known_at": known_at})


def official_key(name: str) -> str:
    """Return what makes two spellings of an official's name the same: NFC, case and white space do not count."""
    return " ".join(unicodedata.normalize("NFC", name).casefold().split())


def named_complaints(
    tx: Transaction, *, first_day: date, last_day: date, known_at: datetime | None, unit: str | None = None
) -> list[dict[str, Any]]:
    """Return the officials that forms of a period complain of by name, the most complained of first.

    Grain: unit_code × official (as first spelt). Keys: forms (count), first_day, last_day, months ("2023-02"…), form_codes,
    dossier_codes, repeated (complained of in two forms or more).
    """
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for form in complaints(tx, last_day=last_day, known_at=known_at):
        if form["official"] and form["answered_on"] >= first_day and unit in (None, form["unit_code"]):
            found.setdefault((form["unit_code"], official_key(form["official"])), []).append(form)
    rows = [
        {
            "unit_code": unit_code, "official": forms[0]["official"], "forms": len(forms),
            "first_day": forms[0]["answered_on"], "last_day": forms[-1]["answered_on"],
            "months": sorted({f"{form['answered_on']:%Y-%m}" for form in forms}),
            "form_codes": [form["form_code"] for form in forms],
            "dossier_codes": sorted({form["dossier_code"] for form in forms if form["dossier_code"]}),
            "repeated": len(forms) > 1,
        }
        for (unit_code, _), forms in found.items()
    ]  # fmt: skip
    return sorted(rows, key=lambda row: (-row["forms"], row["unit_code"], row["official"]))


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
