"""Published scores: what is stored with them, which there are, and what one says.

A run stores its result, its recipe, and by digest the parts the recipe names: the criteria set, the calendar, the
definitions and the register of units. `flows.steps.rebuild` makes the result again from them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, fields
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import criteria
from criteria.judgement import Judgement, load_judgement
from flows.steps.audit import record
from flows.steps.events import note
from flows.steps.home import CALENDAR_FROM, CALENDAR_TO, Home, UserError, code_version, now
from flows.steps.measure import Question, check_year, stamp
from flows.steps.score import Scored, digest_of, score_json

if TYPE_CHECKING:
    from criteria.model import ResolvedSet
    from warehouse.database import Transaction

#: Fields of a question that a recipe holds under another name.
_ELSEWHERE: Final = frozenset({"known_at"})


def publish(
    home: Home, tx: Transaction, scored: Scored, document: dict[str, Any], *, origin: str = "nightly",
    content: dict[str, Any] | None = None, extra: dict[str, Any] | None = None,
) -> dict[str, str | int]:  # fmt: skip
    """Store a result with its recipe and the parts that rebuild it to the digit. Returns {run, recipe, result}.

    content: the criteria as data (`criteria.set_content`) when they are not those on disk. extra: more for the recipe;
    its `parts` name stored parts that were used instead of today's.
    The caller took `hold_inputs` before counting, unless nothing can be loaded meanwhile.
    Raises: ValueError when the criteria given or on disk are not those that were used.
    """
    from warehouse import runs

    moment = now()
    recipe = keep_recipe(home, tx, scored.asked, scored.rules, moment, content=content, extra=extra)
    result_digest = digest_of(document["communes"])
    run = runs.publish(tx, recipe, recipe_digest(recipe), document, result_digest, moment, origin)
    note(tx, "score.published", f"run:{run}", year=scored.asked.year, criteria_set=scored.rules.name, origin=origin)
    record(tx, "score.publish", f"run:{run}", {"says": f"lần công bố số {run}", "origin": origin, "result": result_digest})
    return {"run": run, "recipe": recipe_digest(recipe), "result": result_digest}


def keep_recipe(
    home: Home, tx: Transaction, asked: Question, rules: ResolvedSet, moment: datetime, *,
    content: dict[str, Any] | None = None, extra: dict[str, Any] | None = None, loads: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Store the parts that rebuild the answer to a question, and return the recipe that names them (see `publish`).

    moment, loads: when, and after which loads, it was counted; without `loads`, those of this transaction.
    Raises: ValueError when the criteria given or on disk are not those that were used.
    """
    from warehouse import runs

    said = content or criteria.set_content(rules.name, extra=home.criteria)
    if criteria.build_set(said).hash != rules.hash:
        raise ValueError(f"the criteria of {rules.name} are not those that were scored by")
    parts = {
        "criteria": (rules.hash, said),
        **{kind: (digest_of(part), part) for kind, part in (
            ("calendar", calendar_content(home)), ("definitions", definitions_content()), ("units", units_content(home)),
        )},
    }  # fmt: skip
    for kind, (digest, part) in parts.items():
        runs.put_part(tx, kind, digest, part, moment)
    loads = runs.loads_known(tx, asked.known_at) if loads is None else loads
    # A file may be dated after the clock; what counts now was then known at the latest of them.
    known_at = asked.known_at or max([moment, *(row["known_from"] for row in loads)])
    return {
        "question": question_json(asked), "known_at": stamp(known_at), "criteria_set": rules.name,
        "criteria_hash": rules.hash, "definition": criteria.load_definitions("overdue").by_name[asked.definition].tag,
        "calendar": home.calendar.version, "units": home.register.version, "code": code_version(),
        "inputs": inputs_digest(loads), "input_count": len(loads), "loads": ranges(row["load_id"] for row in loads),
        **(extra or {}), "parts": {kind: digest for kind, (digest, _) in parts.items()} | (extra or {}).get("parts", {}),
    }  # fmt: skip


def score_and_publish(home: Home, tx: Transaction, asked: Question, set_name: str | None, origin: str) -> dict[str, Any]:
    """Score a question and publish the result. Returns the document of `cchc score` with `run` added."""
    from flows.steps.score import score_question

    hold_inputs(tx)
    scored = score_question(home, tx, asked, set_name)
    document = score_json(scored)
    return document | {"run": publish(home, tx, scored, document, origin=origin)}


def hold_inputs(tx: Transaction) -> None:
    """Keep loads out until the transaction ends: what is counted is then what the recipe lists."""
    from warehouse import runs

    runs.hold_inputs(tx)


def recipe_digest(recipe: dict[str, Any]) -> str:
    """Return the digest of a recipe without its moment: a night that finds nothing new has the recipe of the one before."""
    return digest_of({key: value for key, value in recipe.items() if key != "known_at"})


def inputs_digest(loads: Iterable[dict[str, Any]]) -> str:
    return digest_of([[row["load_id"], row["sha256"]] for row in loads])


def ranges(numbers: Iterable[int]) -> str:
    """Return numbers in order as text: [1, 2, 3, 7] → "1-3,7"."""
    spans: list[list[int]] = []
    for number in sorted(numbers):
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in spans)


def numbers(text: str) -> list[int]:
    """Return the numbers of `ranges`, in order."""
    found: list[int] = []
    for span in filter(None, text.split(",")):
        first, _, last = span.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found


def question_json(asked: Question) -> dict[str, Any]:
    """Return a question as a recipe holds it: every field but known_at, moments as UTC text, days as ISO text."""

    def told(value: Any) -> Any:
        if isinstance(value, datetime):
            return stamp(value)
        return value.isoformat() if isinstance(value, date) else value

    return {field.name: told(getattr(asked, field.name)) for field in fields(asked) if field.name not in _ELSEWHERE}


def question_from(recipe: dict[str, Any]) -> Question:
    """Return the question of a recipe. What it says of a field that no longer exists is left out."""
    stored = dict(recipe["question"])
    given: dict[str, Any] = {field.name: stored[field.name] for field in fields(Question) if field.name in stored}
    given["as_of"] = datetime.fromisoformat(stored["as_of"])
    for name, value in given.items():
        if name.endswith("_on") and isinstance(value, str):
            given[name] = date.fromisoformat(value)
    return Question(**given, known_at=datetime.fromisoformat(recipe["known_at"]))


# --- parts ---


def calendar_content(home: Home) -> dict[str, Any]:
    """Return the calendar as the days that are not what their weekday says."""
    span = (CALENDAR_TO - CALENDAR_FROM).days + 1
    days = (CALENDAR_FROM + timedelta(n) for n in range(span))
    odd = [day.isoformat() for day in days if home.calendar.is_working(day) != (day.weekday() < 5)]
    return {"first": CALENDAR_FROM.isoformat(), "last": CALENDAR_TO.isoformat(), "exceptions": odd}


def calendar_days(content: dict[str, Any]) -> list[tuple[date, bool]]:
    """Return the calendar of `calendar_content`: consecutive (day, is working day)."""
    first, odd = date.fromisoformat(content["first"]), set(content["exceptions"])
    span = (date.fromisoformat(content["last"]) - first).days + 1
    days = [first + timedelta(n) for n in range(span)]
    return [(day, (day.weekday() < 5) != (day.isoformat() in odd)) for day in days]


def definitions_content() -> dict[str, Any]:
    """Return the definitions of late, and what is too few to judge, as data."""
    known = criteria.load_definitions("overdue")
    judgement = asdict(load_judgement())
    return {
        "overdue": {"default": known.default, "definitions": {name: asdict(entry) for name, entry in known.by_name.items()}},
        "judgement": judgement | {"not_sampled": sorted(judgement["not_sampled"])},
    }


def judgement_from(content: dict[str, Any]) -> Judgement:
    """Return what is too few to judge, of `definitions_content`."""
    stored = content["judgement"]
    return Judgement(**(stored | {"not_sampled": frozenset(stored["not_sampled"])}))


def units_content(home: Home) -> list[dict[str, Any]]:
    """Return the register of units as data."""

    def told(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: told(entry) for key, entry in value.items()}
        if isinstance(value, (list, tuple)):
            return [told(entry) for entry in value]
        return value.isoformat() if isinstance(value, date) else value

    return [told(asdict(unit)) for unit in home.register.by_id.values()]


# --- what there is ---


def run_of(tx: Transaction, run_id: int) -> dict[str, Any]:
    """Return a published run with its result. Raises: UserError."""
    from warehouse import runs

    found = runs.run(tx, run_id)
    if found is None:
        raise UserError("unknown_run", f"Không có lần công bố số {run_id}; xem các lần có bằng «cchc score runs».")
    return found


def head(run: dict[str, Any]) -> dict[str, Any]:
    """Return what a list says of a run."""
    recipe = run["recipe"]
    return {
        "run": run["run_id"], "year": recipe["question"]["year"], "month": recipe["question"].get("month"),
        "as_of": recipe["question"]["as_of"], "known_at": recipe["known_at"], "criteria_set": recipe["criteria_set"],
        "criteria_hash": recipe["criteria_hash"], "definition": recipe["definition"], "calendar": recipe["calendar"],
        "code": recipe["code"], "inputs": recipe["input_count"], "digest": run["result_digest"],
        "published_at": stamp(run["published_at"]), "origin": run["origin"],
    }  # fmt: skip


def listing(home: Home, year: int | None = None) -> dict[str, Any]:
    """Return the document of `cchc score runs`."""
    from warehouse import runs

    if year is not None:
        check_year(year)
    with home.database.begin() as tx:
        return {"runs": [head(run) for run in runs.heads(tx, year)]}


def shown(home: Home, run_id: int) -> dict[str, Any]:
    """Return the document of `cchc score show`: the stored result, unchanged, with its head and recipe. Raises: UserError."""
    with home.database.begin() as tx:
        run = run_of(tx, run_id)
    return run["result"] | {"run": head(run), "recipe": run["recipe"]}
