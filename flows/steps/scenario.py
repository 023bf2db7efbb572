"""Scenarios: named what-ifs of the level above, forked from a published run. What they hold, how they are edited, what they give.

A scenario's content is canonical JSON: {base_run, base_result, criteria, changes, overrides, explanations}. Every edit adds a
version in one transaction with its entry in the audit log; an edit made on an older version is refused.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Any, Final

import criteria
from flows.steps.audit import record, who
from flows.steps.home import Home, UserError, now
from flows.steps.measure import Question, stamp
from flows.steps.runs import question_from, run_of
from flows.steps.scenario_checks import check_hand, check_new_name, check_rules, name_taken

if TYPE_CHECKING:
    import pandas as pd

    from criteria.model import ResolvedSet
    from flows.steps.score import Scored
    from warehouse.database import Transaction

EDITABLE: Final = ("draft", "returned")
LONGEST: Final = 60
Content = dict[str, Any]
#: Takes the content and the base run, changes the content, returns what was done in words and particulars for the log.
Edit = Callable[[Content, dict[str, Any]], tuple[str, dict[str, Any]]]


@dataclass(frozen=True)
class Given:
    """A scenario as scored. computed: under its rules; appraised: with the overrides and exclusions that hold on the day.

    active: keys of those overrides. loads: what was known.
    """

    base: dict[str, Any]
    content: Content
    computed: Scored
    appraised: Scored
    active: tuple[str, ...]
    loads: tuple[int, ...]


def clean_text(text: str | None, what: str, longest: int) -> str:
    """Return a text as it is kept: composed, one line, no control character. Raises: UserError when nothing is left."""
    said = " ".join(unicodedata.normalize("NFC", text or "").split())
    if not any(char.isalnum() for char in said):
        raise UserError("missing_text", f"Thiếu {what}.")
    if len(said) > longest or not said.isprintable():
        raise UserError("bad_text", f"{what.capitalize()} dài quá {longest} ký tự hoặc có ký tự điều khiển.")
    return said


def clean_name(name: str) -> str:
    """Return a scenario's name as it is kept. Raises: UserError."""
    return clean_text(name, "tên phương án", LONGEST)


def canonical(content: Content) -> str:
    """Return the one text a content has."""
    return json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)


def text_digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def subject(name: str) -> str:
    return f"scenario:{name}"


def found(tx: Transaction, name: str) -> dict[str, Any]:
    """Return a scenario with its current content. Raises: UserError."""
    from warehouse import scenarios

    row = scenarios.find(tx, clean_name(name))
    if row is None:
        raise UserError("unknown_scenario", f"Không có phương án «{clean_name(name)}»; xem «cchc scenario list».")
    return row


# --- made and edited ---


def new(home: Home, name: str, from_run: int, by: str | None = None, note: str | None = None) -> dict[str, Any]:
    """Fork a scenario from a published run. Returns the document of `cchc scenario new`. Raises: UserError."""
    from warehouse import scenarios

    actor, name = who(by), clean_name(name)
    said = clean_text(note, "ghi chú", 500) if note else None
    with home.database.begin() as tx:
        check_new_name(tx, name)
        run = run_of(tx, from_run)
        content = _forked(home, tx, run)
        text = canonical(content)
        made = scenarios.create(
            tx, name=name, base_run=from_run, note=said, content=text, sha256=text_digest(text), actor=actor.name,
            actor_key=actor.key, os_user=actor.os_user, now=now(),
        )  # fmt: skip
        if made is None:
            raise name_taken(name)
        says = f"từ lần công bố số {from_run}" + (f", {said}" if said else "")
        detail = {"version": 1, "base_run": from_run, "base_result": run["result_digest"], "sha256": text_digest(text)}
        record(tx, "scenario.new", subject(name), {"says": says, **detail}, actor)
        return {"scenario": head(tx, found(tx, name)), "says": [f"Đã tạo phương án «{name}» {says}."]}


def _forked(home: Home, tx: Transaction, run: dict[str, Any]) -> Content:
    """Return what a scenario begins with; one forked from a published scenario goes on from where that one ended."""
    from warehouse import scenarios

    recipe = run["recipe"]
    origin = recipe.get("scenario")
    start: Content = {
        "criteria": {"set": recipe["criteria_set"], "hash": recipe["criteria_hash"]}, "changes": {}, "overrides": {},
        "explanations": {},
    }  # fmt: skip
    if origin is not None:
        version = scenarios.version_of(tx, origin["name"], origin["version"])
        if version is None or text_digest(version["content"]) != origin["sha256"]:
            raise UserError("lost_scenario", f"Nội dung phương án «{origin['name']}» của lần công bố này không còn nguyên.")
        start = json.loads(version["content"])
    criteria_content(home, tx, start["criteria"])
    return start | {"base_run": run["run_id"], "base_result": run["result_digest"]}


def edit(
    home: Home, name: str, action: str, change: Edit, by: str | None = None, on_version: int | None = None
) -> dict[str, Any]:
    """Change a scenario's content. Returns {scenario, says, changed}. Raises: UserError (state, version, or a bad change).

    on_version: the version the caller looked at; an edit by somebody else meanwhile is then refused.
    """
    from warehouse import scenarios

    actor = who(by)
    with home.database.begin() as tx:
        row = found(tx, name)
        if row["state"] not in EDITABLE:
            raise _not_in(row["state"], "sửa")
        if on_version is not None and on_version != row["version"]:
            raise overtaken(row["name"], on_version, row["version"])
        run = run_of(tx, row["base_run"])
        content: Content = json.loads(row["content"])
        says, detail = change(content, run)
        validate(home, tx, content, run)
        text = canonical(content)
        if text == row["content"]:
            return {"scenario": head(tx, row), "says": ["Không có gì thay đổi."], "changed": False}
        version = scenarios.add_version(
            tx, row["scenario_id"], on=row["version"], content=text, sha256=text_digest(text), action=action,
            actor=actor.name, actor_key=actor.key, os_user=actor.os_user, now=now(),
        )  # fmt: skip
        if version is None:
            raise overtaken(row["name"], row["version"], None)
        record(tx, action, subject(row["name"]), {"says": says, "version": version, "sha256": text_digest(text), **detail}, actor)
        return {"scenario": head(tx, found(tx, row["name"])), "says": [says], "changed": True}


def _not_in(state: str, doing: str) -> UserError:
    from messages.scenario import refused

    return UserError("wrong_state", refused(state, doing))


def overtaken(name: str, mine: int, current: int | None) -> UserError:
    newer = f" (nay là phiên bản {current})" if current else ""
    return UserError(
        "overtaken",
        f"Phương án «{name}» vừa được người khác đổi sau phiên bản {mine}{newer}; xem lại rồi làm tiếp.",
    )


# --- what a content means ---


def criteria_content(home: Home, tx: Transaction, named: dict[str, Any]) -> dict[str, Any]:
    """Return the criteria as data by the hash the scenario keeps: from the published parts, else from disk. Raises: UserError."""
    from warehouse import runs

    content = runs.part(tx, "criteria", named["hash"])
    if content is None and named["set"] in criteria.list_sets(extra=home.criteria):
        content = criteria.set_content(named["set"], extra=home.criteria)
    if content is None or criteria.build_set(content, named["set"]).hash != named["hash"]:
        raise UserError(
            "lost_criteria",
            f"Bộ tiêu chí {named['set']} bản {named['hash'][:12]} không được lưu cùng lần công bố và trên đĩa đã khác.",
        )
    return dict(content)


def question_of(run: dict[str, Any], content: Content) -> Question:
    """Return the question a scenario asks: the base run's, with its own changes. Raises: UserError."""
    from flows.steps.home import parse_moment
    from flows.steps.measure import question

    base, changes = question_from(run["recipe"]), content["changes"]
    if not changes.keys() & {"as_of", "known_at", "definition"}:
        return base
    return question(
        base.year, month=base.month, as_of=parse_moment(changes["as_of"]) if "as_of" in changes else base.as_of,
        known_at=parse_moment(changes["known_at"]) if "known_at" in changes else base.known_at,
        definition=changes.get("definition", base.definition), units_on=base.units_on,
    )  # fmt: skip


def rules_day(content: Content, asked: Question) -> date:
    """Return the day whose rules hold: the one named with another criteria set, else the question's last day."""
    named = content["changes"].get("criteria") or {}
    return date.fromisoformat(named["day"]) if named.get("day") else asked.last_day


def named_criteria(content: Content) -> dict[str, Any]:
    """Return {set, hash} of the criteria a scenario is judged by."""
    return dict(content["changes"].get("criteria") or content["criteria"])


def changed_rules(home: Home, tx: Transaction, content: Content, asked: Question) -> tuple[dict[str, Any], ResolvedSet]:
    """Return the criteria as changed: as data, and on their day. Raises: UserError with a sentence for each mistake."""
    from messages.scenario import change_error
    from scoring.changes import ChangeError, apply_changes

    day = rules_day(content, asked)
    named = named_criteria(content)
    try:
        changed = apply_changes(criteria_content(home, tx, named), content["changes"], day)
        return changed, criteria.build_set(changed, named["set"]).at(day)
    except ChangeError as error:
        raise UserError("bad_change", change_error(error.code, error.params)) from error
    except (criteria.CriteriaError, criteria.NotInForceError) as error:
        raise UserError("bad_criteria", f"Thay đổi làm bộ tiêu chí không dùng được: {error.args[0]}.") from error


def validate(home: Home, tx: Transaction, content: Content, run: dict[str, Any]) -> None:
    """Check a content as a whole: question, criteria, overrides against the criteria. Raises: UserError."""
    asked = question_of(run, content)
    changed, rules = changed_rules(home, tx, content, asked)
    check_rules(changed, rules, content)
    check_hand(rules, content, run)


def active_overrides(content: Content, asked: Question) -> list[str]:
    """Return the keys of the overrides that hold on the question's last day."""
    last = asked.last_day.isoformat()
    return [key for key, entry in content["overrides"].items() if entry["expires"] is None or last <= entry["expires"]]


# --- what it gives ---


def scored(home: Home, row: dict[str, Any]) -> Given:
    """Score a scenario (a row of `found`) on its base run's facts, or those known at a moment of its own. Raises: UserError."""
    from flows.steps.rebuild import LostPart, back_then, past_of
    from flows.steps.score import score_question
    from warehouse import runs

    content: Content = json.loads(row["content"])
    try:
        with home.database.begin() as tx:
            run = run_of(tx, row["base_run"])
            asked = question_of(run, content)
            _, rules = changed_rules(home, tx, content, asked)
            past = replace(past_of(home, tx, run["recipe"]), asked=asked)
            if asked.known_at != question_from(run["recipe"]).known_at:
                past = replace(past, loads=tuple(load["load_id"] for load in runs.loads_known(tx, asked.known_at)))
    except LostPart as error:
        raise UserError("lost_part", str(error)) from error
    with back_then(home, past) as (there, tx):
        computed = score_question(there, tx, asked, rules=rules)
    active = active_overrides(content, asked)
    return Given(run, content, computed, appraise(computed, appraisal(content, asked)), tuple(active), past.loads)


def appraisal(content: Content, asked: Question) -> dict[str, Any]:
    """Return what a recipe keeps of the appraiser's hand: {overrides: [[subject, criterion, points]], unranked, rules_day}."""
    active = active_overrides(content, asked)
    return {
        "overrides": [[*key.rpartition("|")[::2], content["overrides"][key]["points"]] for key in active],
        "unranked": sorted(key.partition(":")[2] for key in content["changes"] if key.startswith("exclude:")),
        "rules_day": rules_day(content, asked).isoformat(),
    }


def appraise(computed: Scored, hand: dict[str, Any]) -> Scored:
    """Return a score with overridden points in the place of the computed ones, and without ranks for those left out.

    hand: see `appraisal`. Subjects that the question does not have are passed over; a commune means all who belong to it.
    """
    import pandas as pd

    from scoring.engine import score
    from scoring.overrides import COLUMNS

    ids = [one.subject_id for one in computed.subjects]
    rows = [row for row in hand["overrides"] if row[0] in ids]
    frame: pd.DataFrame = pd.DataFrame(rows, columns=list(COLUMNS))
    unranked = [one.subject_id for one in computed.subjects if {one.subject_id, one.unit.unit_id} & set(hand["unranked"])]
    if frame.empty and not unranked:
        return computed
    known = computed.measures[computed.measures["numerator"].notna()]
    scores = score(known, computed.declarations, computed.rules, ids, overrides=frame, unranked=unranked)
    return replace(computed, scores=scores)


# --- what is said of it ---


def head(tx: Transaction, row: dict[str, Any]) -> dict[str, Any]:
    """Return what every document says of a scenario."""
    from messages.scenario import STATES
    from warehouse import scenarios

    made = scenarios.versions(tx, row["scenario_id"])
    people = {version["actor_key"]: version["actor"] for version in made}
    return {
        "name": row["name"], "state": row["state"], "state_text": STATES[row["state"]], "version": row["version"],
        "sha256": made[-1]["sha256"], "base_run": row["base_run"], "note": row["note"], "author": row["author"],
        "contributors": list(people.values()), "submitted_by": row["submitted_by"], "approved_by": row["approved_by"],
        "result_run": row["result_run"], "created_at": stamp(row["created_at"]), "changed_at": stamp(row["changed_at"]),
    }  # fmt: skip


def listing(home: Home) -> dict[str, Any]:
    """Return the document of `cchc scenario list`."""
    from warehouse import scenarios

    with home.database.begin() as tx:
        return {"scenarios": [head(tx, row) for row in scenarios.listed(tx)]}


def history(home: Home, name: str) -> dict[str, Any]:
    """Return the document of `cchc scenario history`: the versions, and everything the log says. Raises: UserError."""
    from flows.steps import audit
    from warehouse import scenarios

    with home.database.begin() as tx:
        row = found(tx, name)
        made = scenarios.versions(tx, row["scenario_id"])
        document = {"scenario": head(tx, row)}
    told = ("version", "sha256", "action", "actor", "os_user")
    versions = [{key: one[key] for key in told} | {"made_at": stamp(one["made_at"])} for one in made]
    return document | {"versions": versions} | audit.listing(home, subject(row["name"]))
