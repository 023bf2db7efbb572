"""A published score made again from facts by its recipe, and held against what was stored.

The rules, the calendar and the units are the stored ones; the facts are those known then, by the loads the recipe lists.
Everything happens in a transaction that is rolled back.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final

import criteria
from flows.steps.home import Home, code_version
from flows.steps.measure import Question, check_year
from flows.steps.rules import set_names
from flows.steps.runs import (
    calendar_content,
    calendar_days,
    head,
    inputs_digest,
    judgement_from,
    numbers,
    question_from,
    recipe_digest,
    run_of,
    units_content,
)
from flows.steps.score import Scored, digest_of, score_json, score_question

if TYPE_CHECKING:
    from criteria.judgement import Judgement
    from criteria.model import CriteriaSet
    from warehouse.database import Transaction

#: What must come out again to the digit. The rest of a line is wording.
FIGURES: Final = (
    "total", "max_scored", "max_total", "share_pct", "bonus", "grading_index", "grade", "grade_status", "rank", "peers",
)  # fmt: skip
LINE_FIGURES: Final = ("status", "points", "max_points", "value", "numerator", "denominator", "lost")
SHOWN: Final = 50
#: Statuses of a run that comes out again.
SOUND: Final = ("identical", "same_figures")


class LostPart(Exception):
    """Something a run was made of is neither stored nor on disk any more; the text is a Vietnamese sentence."""


class TouchedPart(LostPart):
    """A stored part is no longer what its digest says."""


@dataclass(frozen=True)
class Past:
    """All that a run was made of: the question, the rules, the loads known, the calendar and the units as data.

    judgement: what was too few to judge; None for a run that does not say.
    """

    asked: Question
    rules: CriteriaSet
    loads: tuple[int, ...]
    calendar: dict[str, Any]
    units: list[dict[str, Any]]
    judgement: Judgement | None = None
    hand: dict[str, Any] | None = None  # of a published scenario: see flows.steps.scenario.appraisal


def past_of(home: Home, tx: Transaction, recipe: dict[str, Any]) -> Past:
    """Return what a run was made of. Raises: LostPart, TouchedPart."""
    calendar, units = home.calendar.version, home.register.version
    definitions = _part(tx, "definitions", recipe, "Định nghĩa")
    return Past(
        asked=question_from(recipe),
        rules=_rules(home, tx, recipe),
        loads=_loads(tx, recipe),
        calendar=_stored(tx, "calendar", recipe, calendar, "Lịch làm việc") or calendar_content(home),
        units=_stored(tx, "units", recipe, units, "Danh mục đơn vị") or units_content(home),
        judgement=judgement_from(definitions) if definitions is not None else None,
        hand=recipe.get("scenario"),
    )


def _rules(home: Home, tx: Transaction, recipe: dict[str, Any]) -> CriteriaSet:
    from warehouse import runs

    name, wanted = recipe["criteria_set"], recipe["criteria_hash"]
    content = runs.part(tx, "criteria", wanted)
    if content is not None and digest_of(content) != wanted:
        raise TouchedPart(f"Bộ tiêu chí {name} được lưu cùng kết quả đã bị sửa.")
    if content is not None:
        rules = criteria.build_set(content, name)
    elif name in set_names(home):
        rules = criteria.load_set(name, extra=home.criteria)
    else:
        raise LostPart(f"Bộ tiêu chí {name} bản {wanted[:12]} không được lưu cùng kết quả và không còn trên đĩa.")
    if rules.hash != wanted:
        raise LostPart(f"Bộ tiêu chí {name} hiện là bản {rules.hash[:12]}, không phải bản {wanted[:12]} đã dùng.")
    return rules


def _loads(tx: Transaction, recipe: dict[str, Any]) -> tuple[int, ...]:
    """Return the loads that were known. A run of before they were listed knew those of its moment."""
    from warehouse import runs

    everything = {row["load_id"]: row for row in runs.loads_known(tx, None)}
    if "loads" not in recipe:
        known = runs.loads_known(tx, datetime.fromisoformat(recipe["known_at"]))
        if inputs_digest(known) != recipe["inputs"]:
            raise LostPart("Các tệp đã nạp không còn đúng như lúc công bố, mà lần công bố này không ghi danh sách tệp.")
        return tuple(row["load_id"] for row in known)
    listed = numbers(recipe["loads"])
    gone = [load for load in listed if load not in everything]
    if gone or inputs_digest(everything[load] for load in listed) != recipe["inputs"]:
        raise LostPart(f"Sổ nạp tệp không còn đúng như lúc công bố (thiếu hoặc khác: {gone[:5] or 'mã tệp'}).")
    return tuple(listed)


def _stored(tx: Transaction, kind: str, recipe: dict[str, Any], today: str, label: str) -> Any:
    """Return a stored part, or None when it was not stored and today's version is the one that was used."""
    content, version = _part(tx, kind, recipe, label), recipe[kind]
    if content is None and version != today:
        raise LostPart(f"{label} bản {version} không được lưu cùng kết quả; hiện là bản {today}.")
    return content


def _part(tx: Transaction, kind: str, recipe: dict[str, Any], label: str) -> Any:
    """Return the part a recipe names, None when it names none or it is not stored."""
    from warehouse import runs

    digest = recipe.get("parts", {}).get(kind)
    content = runs.part(tx, kind, digest) if digest else None
    if content is not None and digest_of(content) != digest:
        raise TouchedPart(f"{label} được lưu cùng kết quả đã bị sửa.")
    return content


@contextmanager
def back_then(home: Home, past: Past) -> Iterator[tuple[Home, Transaction]]:
    """Yield the installation and a transaction in which everything is as it was; nothing of it remains."""
    from warehouse import runs

    with runs.trial(home.database) as tx:
        there = home
        if past.units != units_content(home):
            there = copy.copy(home)
            there.__dict__["register"] = _register(past.units)
        if past.calendar != calendar_content(home):
            runs.shadow_calendar(tx, calendar_days(past.calendar))
        assert past.asked.known_at is not None, "a recipe says when it was known"
        leave_out_later(tx, past.loads, past.asked.known_at)
        yield there, tx


def leave_out_later(tx: Transaction, loads: Sequence[int], known_at: datetime) -> None:
    """Let this transaction not know loads that came later although they claim an earlier time of receipt."""
    from warehouse import runs

    later = [row["load_id"] for row in runs.loads_known(tx, known_at) if row["load_id"] not in set(loads)]
    if later:
        tables = tx.rows("select distinct target_table from loads where load_id = any(%(later)s)", {"later": later})
        runs.shadow_loads(tx, loads, known_at, [row["target_table"] for row in tables])


def _register(content: list[dict[str, Any]]) -> Any:
    """Return the register of units that `units_content` describes; it answers what is scored, not how names are written."""
    from sources.units import Successor, Unit, UnitRegister

    def unit(entry: dict[str, Any]) -> Unit:
        days = {key: date.fromisoformat(entry[key]) if entry[key] else None for key in ("valid_from", "valid_to")}
        links = tuple(Successor(**link) for link in entry["successors"])
        return Unit(**(entry | days | {"successors": links, "aliases": tuple(entry["aliases"])}))

    return UnitRegister([unit(entry) for entry in content], {}, [])


def scored_again(home: Home, past: Past) -> Scored:
    """Score what a run was made of. Raises: UserError, NotInForceError, ValueError as scoring does."""
    from flows.steps.scenario import appraise

    with back_then(home, past) as (there, tx):
        day = date.fromisoformat(past.hand["rules_day"]) if past.hand else past.asked.last_day
        scored = score_question(there, tx, past.asked, rules=past.rules.at(day))
    return appraise(scored, past.hand) if past.hand else scored


# --- held against what was stored ---


def rebuild(home: Home, run_id: int) -> dict[str, Any]:
    """Return the document of `cchc score rebuild`. Raises: UserError.

    status: identical (every byte), same_figures (wording differs), different, tampered (the stored run contradicts its own
    digests), lost (something it was made of is gone; `reason` says what).
    """
    with home.database.begin() as tx:
        run = run_of(tx, run_id)
    return _held(home, run)


def verify(home: Home, year: int | None = None) -> dict[str, Any]:
    """Return the document of `cchc score verify`: every published run made again, one after the other."""
    from warehouse import runs

    if year is not None:
        check_year(year)
    with home.database.begin() as tx:
        ids = runs.run_ids(tx, year)
    results = [rebuild(home, run_id) for run_id in ids]
    bad = [result["run"]["run"] for result in results if result["status"] not in SOUND]
    return {"runs": results, "checked": len(results), "bad": bad}


def _held(home: Home, run: dict[str, Any]) -> dict[str, Any]:
    recipe, stored = run["recipe"], run["result"]["communes"]
    answer: dict[str, Any] = {
        "run": head(run), "stored_digest": run["result_digest"], "rebuilt_digest": None, "code_now": code_version(),
        "reason": None, "differences": [], "difference_count": 0,
    }  # fmt: skip
    touched = _touched(run)
    try:
        with home.database.begin() as tx:
            past = past_of(home, tx, recipe)
        again = score_json(scored_again(home, past), past.judgement)["communes"]
    except (LostPart, criteria.NotInForceError, criteria.CriteriaError) as error:
        tampered = touched or isinstance(error, TouchedPart)
        return answer | {"status": "tampered" if tampered else "lost", "reason": touched or str(error)}
    found = differences(stored, again)
    answer |= {"rebuilt_digest": digest_of(again), "differences": found[:SHOWN], "difference_count": len(found)}
    if touched:
        return answer | {"status": "tampered", "reason": touched}
    if answer["rebuilt_digest"] == run["result_digest"]:
        return answer | {"status": "identical"}
    return answer | {"status": "different" if found else "same_figures"}


def _touched(run: dict[str, Any]) -> str | None:
    """Return how a stored run contradicts its own digests, None when it does not."""
    if digest_of(run["result"]["communes"]) != run["result_digest"]:
        return "Kết quả đang lưu không khớp mã kiểm tra của chính nó: đã bị sửa sau khi công bố."
    if recipe_digest(run["recipe"]) != run["recipe_digest"]:
        return "Công thức đang lưu không khớp mã kiểm tra của chính nó: đã bị sửa sau khi công bố."
    return None


def subject_key(row: dict[str, Any]) -> str:
    """Return who a line of a score is about: the unit, and the official when officials are scored."""
    return f"{row['unit_id']}|{row['officer']}" if row.get("officer") else str(row["unit_id"])


def differences(stored: list[dict[str, Any]], again: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return every figure that differs, as {commune, name, criterion, field, stored, rebuilt}; figures only, no wording.

    Fields that the stored result does not have are not compared: it is older than they are.
    """
    found: list[dict[str, Any]] = []
    before, after = {subject_key(row): row for row in stored}, {subject_key(row): row for row in again}
    for key in dict.fromkeys([*before, *after]):
        row = before.get(key) or after[key]
        who = {"commune": row["commune"], "name": row["name"], "officer": row.get("officer")}
        if key not in before or key not in after:
            found.append(
                {**who, "criterion": None, "field": "commune", "stored": key in before or None, "rebuilt": key in after or None}
            )
            continue
        found += [{**who, "criterion": None, **gap} for gap in _gaps(before[key], after[key], FIGURES)]
        lines = {line["code"]: line for line in after[key]["criteria"]}
        for line in before[key]["criteria"]:
            gaps = _gaps(line, lines.pop(line["code"], {}), LINE_FIGURES)
            found += [{**who, "criterion": line["code"], **gap} for gap in gaps]
        for code, line in lines.items():
            found.append({**who, "criterion": code, "field": "points", "stored": None, "rebuilt": line["points"]})
    return found


def _gaps(before: dict[str, Any], after: dict[str, Any], names: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    for name in names:
        if name in before and before[name] != after.get(name):
            yield {"field": name, "stored": before[name], "rebuilt": after.get(name)}
