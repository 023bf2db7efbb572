"""The index of every commune, criterion by criterion. `flows.steps.runs` publishes it with the recipe that rebuilds it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flows.steps.home import Home, UserError
from flows.steps.measure import Question, measured, plain, stamp
from flows.steps.rules import rules_on

if TYPE_CHECKING:
    import pandas as pd

    from criteria.judgement import Judgement
    from criteria.model import ResolvedSet, TargetValue
    from flows.steps.boundaries import View
    from scoring.engine import Scores
    from sources.units import Unit
    from warehouse.database import Transaction


@dataclass(frozen=True)
class Subject:
    """Who is scored: a commune, or one of its officials. subject_id is what the frames call `commune`.

    dossiers: how many of the period an official worked on (None for a commune).
    """

    subject_id: str
    unit: Unit
    officer: str | None = None
    department: str | None = None
    dossiers: int | None = None


@dataclass(frozen=True)
class Scored:
    """A scored question: the scores, what they were computed from, and who was scored.

    view: who the communes are (None when officials are scored). without_officer: dossiers of the period that name no
    official (None when communes are scored).
    """

    asked: Question
    rules: ResolvedSet
    scores: Scores
    measures: pd.DataFrame
    declarations: pd.DataFrame
    subjects: list[Subject]
    view: View | None = None
    without_officer: int | None = None

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
    if rules.subject == "official":
        return _officials_scored(home, tx, asked, rules)
    frame, view = measured(home, tx, asked, programme_of(rules))
    subjects = [Subject(unit.unit_id, unit) for unit in view.units]
    declared = queries.register_counts(
        tx, "declarations", year=asked.year, first_day=asked.first_day, last_day=asked.last_day, known_day=asked.last_day,
        known_at=asked.known_at,
    ).rename(columns={"unit_code": "commune"})  # fmt: skip
    scores = score(frame[frame["numerator"].notna()], declared, rules, [subject.subject_id for subject in subjects])
    return Scored(asked, rules, scores, frame, declared, subjects, view)


def programme_of(rules: ResolvedSet) -> str | None:
    """Return the programme text that the criterion on tasks done in time names, if it names one."""
    found = (c.measure_args["programme"] for c in rules.criteria if c.measure == "task_on_time" and c.measure_args)
    return next(found, None)


def _officials_scored(home: Home, tx: Transaction, asked: Question, rules: ResolvedSet) -> Scored:
    """Score every official over his or her own dossiers. Communes declare nothing for them."""
    import pandas as pd

    from flows.steps.officials import official_frame
    from scoring.engine import score
    from scoring.inputs import DECLARATION_COLUMNS

    if asked.units_on is not None:
        raise UserError("units_of_officials", "Điểm của từng người không cộng được qua các đơn vị; bỏ --units.")
    frame, subjects, nameless = official_frame(home, tx, asked)
    declared = pd.DataFrame(columns=[*DECLARATION_COLUMNS, "load_id", "row_no"])
    scores = score(frame[frame["numerator"].notna()], declared, rules, [subject.subject_id for subject in subjects])
    return Scored(asked, rules, scores, frame, declared, subjects, without_officer=nameless)


def score_json(scored: Scored, judgement: Judgement | None = None) -> dict[str, Any]:
    """Return the document of `cchc score`. judgement: what is too few to judge, when not as the project says today."""
    from messages import reason_text
    from scoring.intervals import rule_json

    subjects = {subject.subject_id: subject for subject in scored.subjects}
    numerators = scored.measures.set_index(["commune", "measure"])["numerator"].to_dict() if scored.rules.sample else {}
    by_commune: dict[str, list[dict[str, Any]]] = {}
    for row in scored.scores.criteria.to_dict("records"):
        by_commune.setdefault(row["commune"], []).append(row)
    communes = []
    for total in scored.scores.totals.to_dict("records"):
        subject = subjects[total["commune"]]
        unit = subject.unit
        lines = [_line(row, reason_text, judgement) for row in by_commune[total["commune"]]]
        communes.append(
            {
                "subject": scored.rules.subject, "commune": unit.code, "name": unit.name, "unit_id": unit.unit_id,
                **_official(subject), "total": plain(total["total"]), "grading_index": plain(total["grading_index"]),
                "max_scored": plain(total["max_scored"]), "max_total": plain(total["max_total"]),
                "share_pct": plain(total["share"]), "bonus": plain(total["bonus"]), "grade": total["grade"],
                "grade_status": total["grade_status"], "rank": plain(total["rank"]) if total["rank"] == total["rank"] else None,
                "peers": plain(total["peers"]), "criteria": lines,
            }
            | (scored.view.describe(unit) if scored.view else {})
            | ({"sample": sample_of(scored, subject, numerators)} if scored.rules.sample else {})
        )  # fmt: skip
    asked, rules = scored.asked, scored.rules
    return {
        "criteria_set": rules.name, "criteria_hash": scored.scores.set_hash, "criteria_label": rules.label,
        "provenance": rules.provenance, "subject": rules.subject, "grading_scale": plain(rules.grading_scale),
        "appraiser": {"name": rules.appraiser.name, "clause": str(rules.appraiser.source)} if rules.appraiser else None,
        "definition": asked.definition, "prescribed_definition": rules.definitions.get("overdue"),
        "year": asked.year, "month": asked.month, "as_of": asked.as_of.isoformat(),
        "known_at": stamp(asked.known_at), "judgement": rule_json(judgement), "warning": rules.warning,
        "unknown_targets": [target_json(target) for target in rules.unknown_targets],
        "units_on": asked.units_on.isoformat() if asked.units_on else None,
        "period": {"from": asked.first_day.isoformat(), "to": asked.last_day.isoformat()},
        "appraisers": sorted({c["appraiser"] for c in communes if c.get("appraiser")}),
        "communes": communes,
    } | ({} if scored.without_officer is None else {"without_officer": scored.without_officer})  # fmt: skip


def _official(subject: Subject) -> dict[str, Any]:
    """Return who the official is; nothing when a commune is scored."""
    if subject.officer is None:
        return {}
    return {"officer": subject.officer, "department": subject.department, "dossiers": subject.dossiers}


def sample_of(scored: Scored, subject: Subject, numerators: Mapping[tuple[str, str], float]) -> dict[str, Any] | None:
    """Return whether the survey behind a subject's score has forms enough, by the set's own rule; None without a rule.

    numerators: (subject, measure) → numerator, NaN without data.
    """
    from messages import boundaries
    from scoring.sample import check_sample

    rule = scored.rules.sample
    if rule is None:
        return None
    forms, population = (plain(numerators.get((subject.subject_id, name))) for name in (rule.forms, rule.population))
    check = check_sample(*(None if n is None else int(n) for n in (forms, population)), rule.error)
    found = {
        "forms": check.forms, "population": check.population, "needed": check.needed, "enough": check.enough,
        "status": check.status, "error": rule.error, "source": str(rule.source), "provenance": rule.provenance,
    }  # fmt: skip
    return found | {"note": boundaries.sample(found, subject.unit.full_name)}


def target_json(target: TargetValue) -> dict[str, Any]:
    """Return a target whose figure was never found, with the value assumed for it."""
    return {"name": target.name, "label": target.label, "assumed": target.value, "provenance": target.provenance}


def _line(row: dict[str, Any], reason_text: Any, judgement: Judgement | None = None) -> dict[str, Any]:
    from scoring.intervals import judged

    reason, params = row["reason"], row["reason_params"] or {}
    return {
        "code": row["code"], "status": row["status"], "points": plain(row["points"]), "max_points": plain(row["max_points"]),
        "measure": row["measure"], "value": plain(row["value"]), "numerator": plain(row["numerator"]),
        "denominator": plain(row["denominator"]), "lost": plain(row["lost"]),
        "reason": reason_text(reason, params) if reason else None, "reason_code": reason, "clause": row["clause"],
        "owner": row["owner"], "provenance": row["provenance"], "label": row["label"], "kind": row["kind"],
        **judged(plain(row["numerator"]), plain(row["denominator"]), row["measure"], judgement),
    }  # fmt: skip


def digest_of(document: Any) -> str:
    """Return the SHA-256 of a JSON document in canonical form."""
    text = json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
