"""What people complain of in satisfaction forms: officials by name, and how their dossiers were handled."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, time
from typing import TYPE_CHECKING

from flows.steps.home import ZONE
from flows.steps.measure import Question

if TYPE_CHECKING:
    import pandas as pd

    from warehouse.database import Transaction


def first_instant(asked: Question) -> datetime:
    """Return the instant at which the period begins, in Việt Nam."""
    return datetime.combine(asked.first_day, time(0), ZONE)


def complaints_of(tx: Transaction, asked: Question) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return (complained, complaints) of a period, as `scoring.measures.Counts` takes them.

    complained: unit_code, officer (or None), month, early, in_time: finished dossiers of the period that a form known by then
    complains of. complaints: unit_code, official (the key of the name), one row per form of the period naming an official.
    """
    import pandas as pd

    from warehouse import marts, queries

    forms = queries.complaints(tx, last_day=asked.last_day, known_at=asked.known_at)
    codes = sorted({(form["unit_code"], form["dossier_code"]) for form in forms if form["dossier_code"]})
    complained = marts.complained_counts(
        tx, dossier_keys(codes), first_at=first_instant(asked), as_of=asked.as_of, known_at=asked.known_at
    )
    named = [
        (form["unit_code"], queries.official_key(form["official"]))
        for form in forms
        if form["official"] and form["answered_on"] >= asked.first_day
    ]
    return complained, pd.DataFrame(named, columns=["unit_code", "official"])


def complained_codes(tx: Transaction, asked: Question, unit_codes: Collection[str]) -> list[str]:
    """Return the units' dossiers that somebody complained of by the day asked about, as `unit|code`."""
    from warehouse import queries

    forms = queries.complaints(tx, last_day=asked.last_day, known_at=asked.known_at)
    return sorted(
        {
            f"{form['unit_code']}|{form['dossier_code']}"
            for form in forms
            if form["dossier_code"] and form["unit_code"] in unit_codes
        }
    )


def dossier_keys(codes: Sequence[tuple[str, str]]) -> list[int]:
    """Return the key hashes of dossiers (unit, code): what the reader gave them, so that the index finds them at once."""
    import pyarrow as pa

    from sources import hashing
    from sources.canonical import TABLES

    if not codes:
        return []
    columns = dict(zip(("unit_code", "dossier_code"), zip(*codes, strict=True), strict=True))
    parts = [hashing.hash_column(name, pa.array(columns[name], pa.string())) for name in TABLES["dossiers"].key]
    return [int(key) for key in hashing.combine(parts, len(codes))]
