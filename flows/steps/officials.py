"""Officials as subjects: the measures of each over his or her own dossiers of a period."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flows.steps.complaints import complaints_of, first_instant
from flows.steps.home import Home
from flows.steps.measure import Question, communes_of
from flows.steps.score import Subject

if TYPE_CHECKING:
    import pandas as pd

    from warehouse.database import Transaction


def subject_id(unit_code: str, officer: str) -> str:
    """Return what stands for an official in the frames of scoring."""
    return f"{unit_code}|{officer}"


def official_frame(home: Home, tx: Transaction, asked: Question) -> tuple[pd.DataFrame, list[Subject], int]:
    """Return (measures, officials, dossiers of the period without an official).

    The officials are those of dossiers received or finished in the period, of the communes judged on its last day;
    `commune` in the measures is `unit|official`. Columns: see `scoring.measures.official_measures`.
    """
    from scoring.measures import Counts, official_measures
    from warehouse import marts, queries

    known = queries.known_columns(tx, asked.known_at)
    units = {unit.unit_id: unit for unit in communes_of(home, asked.last_day, {unit for unit, _ in known})}
    span = {"first_at": first_instant(asked), "as_of": asked.as_of, "known_at": asked.known_at}
    people = marts.officials(tx, **span)
    people = people[people["unit_code"].isin(list(units))]
    subjects = [
        Subject(
            subject_id(row["unit_code"], row["officer"]), units[row["unit_code"]], row["officer"], _text(row["department"]),
            int(row["dossiers"]),
        )
        for row in people.to_dict("records")
        if isinstance(row["officer"], str)
    ]  # fmt: skip
    complained, complaints = complaints_of(tx, asked)
    nobody = people.iloc[0:0]
    counts = Counts(
        dossiers=marts.official_counts(tx, **span), survey=nobody, reviews=nobody, tasks=nobody, initiatives=nobody,
        working_days=0, known=_known(known, subjects), complained=_by_official(complained),
        complaints=_of_officials(complaints, subjects),
    )  # fmt: skip
    frame = official_measures(
        counts, officials=[subject.subject_id for subject in subjects], first_day=asked.first_day, last_day=asked.last_day,
        definition=asked.definition,
    )  # fmt: skip
    nameless = people[people["officer"].isna()]
    return frame, subjects, int(nameless["dossiers"].sum())


def _text(value: Any) -> str | None:
    """Return a text of a frame, None for an empty cell."""
    return value if isinstance(value, str) else None


def _known(known: dict[tuple[str, str], frozenset[str]], subjects: list[Subject]) -> dict[tuple[str, str], frozenset[str]]:
    """Return what the exports of each official's commune know, under the official."""
    return {
        (subject.subject_id, table): known[subject.unit.unit_id, table]
        for subject in subjects
        for table in ("dossiers", "survey_forms")
        if (subject.unit.unit_id, table) in known
    }


def _by_official(complained: pd.DataFrame) -> pd.DataFrame:
    """Return the dossiers complained of under the official who held them; those without an official are left out."""
    mine = complained[complained["officer"].notna()]
    ids = [subject_id(unit, officer) for unit, officer in zip(mine["unit_code"], mine["officer"], strict=True)]
    return mine.assign(unit_code=ids)


def _of_officials(complaints: pd.DataFrame, subjects: list[Subject]) -> pd.DataFrame:
    """Return the complaints that name one of the officials, under that official."""
    from warehouse.queries import official_key

    ids = {(s.unit.unit_id, official_key(s.officer or "")): s.subject_id for s in subjects}
    who = [ids.get((unit, name)) for unit, name in zip(complaints["unit_code"], complaints["official"], strict=True)]
    return complaints.assign(unit_code=who).dropna(subset=["unit_code"])
