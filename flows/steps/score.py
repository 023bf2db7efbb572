"""The index of every commune, criterion by criterion, with the recipe that rebuilds it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import criteria
from flows.steps.home import Home, code_version, now
from flows.steps.measure import Question, measure_frame, plain, stamp
from flows.steps.rules import rules_on

if TYPE_CHECKING:
    import pandas as pd

    from criteria.model import ResolvedSet, TargetValue
    from scoring.engine import Scores
    from sources.units import Unit
    from warehouse.database import Transaction


@dataclass(frozen=True)
class Subject:
    """Who is scored: a commune, or one of its officials. subject_id is what the frames call `commune`."""

    subject_id: str
    unit: Unit
    officer: str | None = None
    department: str | None = None


@dataclass(frozen=True)
class Scored:
    """A scored question: the scores, what they were computed from, and who was scored."""

    asked: Question
    rules: ResolvedSet
    scores: Scores
    measures: pd.DataFrame
    declarations: pd.DataFrame
    subjects: list[Subject]

    @property
    def units(self) -> list[Unit]:
        """The communes concerned, each once."""
        return list({subject.unit.unit_id: subject.unit for subject in self.subjects}.values())


def score_question(
    home: Home, tx: Transaction, asked: Question, set_name: str | None = None, rules: ResolvedSet | None = None
) -> Scored:
    """Score every commune (or official) for a question, by a set's name or by rules already resolved. Raises: UserError."""
    from scoring.engine import score
    from warehouse import queries

    rules = rules or rules_on(home, set_name, asked.last_day)
    programme = next(
        (c.measure_args["programme"] for c in rules.criteria if c.measure == "task_on_time" and c.measure_args),
        None,
    )
    frame, units = measure_frame(home, tx, asked, programme)
    subjects = [Subject(unit.unit_id, unit) for unit in units]
    declared = queries.register_counts(
        tx, "declarations", year=asked.year, first_day=asked.first_day, last_day=asked.last_day, known_day=asked.last_day,
        known_at=asked.known_at,
    ).rename(columns={"unit_code": "commune"})  # fmt: skip
    scores = score(frame[frame["numerator"].notna()], declared, rules, [subject.subject_id for subject in subjects])
    return Scored(asked, rules, scores, frame, declared, subjects)


def score_json(scored: Scored) -> dict[str, Any]:
    """Return the document of `cchc score`."""
    from messages import reason_text

    subjects = {subject.subject_id: subject for subject in scored.subjects}
    by_commune: dict[str, list[dict[str, Any]]] = {}
    for row in scored.scores.criteria.to_dict("records"):
        by_commune.setdefault(row["commune"], []).append(row)
    communes = []
    for total in scored.scores.totals.to_dict("records"):
        subject = subjects[total["commune"]]
        unit = subject.unit
        lines = [_line(row, reason_text) for row in by_commune[total["commune"]]]
        communes.append(
            {
                "commune": unit.code, "name": unit.name, "unit_id": unit.unit_id, "total": plain(total["total"]),
                "max_scored": plain(total["max_scored"]), "max_total": plain(total["max_total"]),
                "share_pct": plain(total["share"]), "bonus": plain(total["bonus"]), "grade": total["grade"],
                "grade_status": total["grade_status"], "rank": plain(total["rank"]) if total["rank"] == total["rank"] else None,
                "peers": plain(total["peers"]), "criteria": lines,
            }
        )  # fmt: skip
    asked = scored.asked
    return {
        "criteria_set": scored.rules.name, "criteria_hash": scored.scores.set_hash, "definition": asked.definition,
        "year": asked.year, "as_of": asked.as_of.isoformat(), "known_at": stamp(asked.known_at),
        "warning": scored.rules.warning, "unknown_targets": [_target(target) for target in scored.rules.unknown_targets],
        "communes": communes,
    }  # fmt: skip


def _target(target: TargetValue) -> dict[str, Any]:
    """Return a target whose figure was never found, with the value assumed for it."""
    return {"name": target.name, "label": target.label, "assumed": target.value, "provenance": target.provenance}


def _line(row: dict[str, Any], reason_text: Any) -> dict[str, Any]:
    reason, params = row["reason"], row["reason_params"] or {}
    return {
        "code": row["code"], "status": row["status"], "points": plain(row["points"]), "max_points": plain(row["max_points"]),
        "measure": row["measure"], "value": plain(row["value"]), "numerator": plain(row["numerator"]),
        "denominator": plain(row["denominator"]), "lost": plain(row["lost"]),
        "reason": reason_text(reason, params) if reason else None, "reason_code": reason, "clause": row["clause"],
        "owner": row["owner"], "provenance": row["provenance"], "label": row["label"], "kind": row["kind"],
    }  # fmt: skip


def digest_of(document: Any) -> str:
    """Return the SHA-256 of a JSON document in canonical form."""
    text = json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def publish(home: Home, tx: Transaction, scored: Scored, document: dict[str, Any]) -> dict[str, str | int]:
    """Store a result with its recipe: everything needed to rebuild it to the digit. Returns {run, recipe, result}."""
    from warehouse import queries

    asked = scored.asked
    loads = tx.rows(
        "select load_id, sha256 from loads where known_from <= coalesce(%(at)s, 'infinity'::timestamptz) order by load_id",
        {"at": asked.known_at},
    )
    recipe = {
        "question": {"year": asked.year, "month": asked.month, "as_of": stamp(asked.as_of), "definition": asked.definition},
        "known_at": stamp(asked.known_at or now()), "criteria_set": scored.rules.name, "criteria_hash": scored.scores.set_hash,
        "definition": criteria.load_definitions("overdue").by_name[asked.definition].tag,
        "calendar": home.calendar.version, "units": home.register.version, "code": code_version(),
        "inputs": digest_of([[row["load_id"], row["sha256"]] for row in loads]), "input_count": len(loads),
    }  # fmt: skip
    result_digest = digest_of(document["communes"])
    stable = {key: value for key, value in recipe.items() if key != "known_at"}
    run = queries.publish(tx, recipe, digest_of(stable), document, result_digest, now())
    return {"run": run, "recipe": digest_of(stable), "result": result_digest}
