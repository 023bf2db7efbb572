"""What changed since the forecast before: time that went by, facts that came in, rules that changed, in points that add up.

Each part is the movement of the middle forecast when one thing more is as it is today, under the same luck (seed and draws).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time
from typing import TYPE_CHECKING, Any

import criteria
from flows.steps.forecast import Forecasted, prepare
from flows.steps.home import ZONE, Home, UserError

if TYPE_CHECKING:
    from flows.steps.measure import Question
    from warehouse.database import Transaction

Medians = dict[str, int]


def changes_of(home: Home, tx: Transaction, done: Forecasted) -> dict[str, dict[str, Any]]:
    """Return, by unit, {since, before, after, elapsed, new_facts, rules, text}.

    Empty without a forecast of an earlier day, and when that one cannot be made again.
    """
    from flows.steps.forecast_store import latest_before

    asked = done.asked
    dawn = datetime.combine(asked.last_day, time(0), ZONE)
    earlier = latest_before(tx, done.rules.name, asked.definition, asked.year, dawn)
    if earlier is None or earlier["recipe"]["question"].get("units_on") != _units_on(asked):
        return {}
    same_rules = earlier["recipe"]["criteria_hash"] == done.rules.hash
    content = None if same_rules else _content(tx, earlier["recipe"])
    if not same_rules and content is None:
        return {}
    try:
        before, later = _as_known_then(home, done, earlier, content)
        old_rules = None if same_rules else _again(home, tx, asked, done, content)
    except (UserError, criteria.CriteriaError):
        return {}
    return _told(done, earlier["as_of"], before, later, old_rules)


def _as_known_then(home: Home, done: Forecasted, earlier: dict[str, Any], content: Any) -> tuple[Medians, Medians]:
    """Return the middles of the earlier forecast with today's luck, and those of its facts looked at today.

    Its facts are those of the loads it lists: a file that came since but says it was received before is a new fact.
    """
    from flows.steps.rebuild import leave_out_later
    from flows.steps.runs import numbers
    from warehouse import runs

    recipe, known_at = earlier["recipe"], datetime.fromisoformat(earlier["recipe"]["known_at"])
    later = replace(done.asked, known_at=known_at)
    with runs.trial(home.database) as past:
        leave_out_later(past, numbers(recipe["loads"]), known_at)
        if (recipe["draws"], recipe["seed"]) == (done.forecast.draws, done.forecast.seed):
            before = {row["unit_id"]: _units(row["index"]["p50"], done) for row in earlier["result"]["communes"]}
        else:
            before = _again(home, past, replace(later, as_of=earlier["as_of"]), done, content)
        looked_at_today = _again(home, past, later, done, content)
    return before, looked_at_today


def _told(
    done: Forecasted, since: datetime, before: Medians, later: Medians, old_rules: Medians | None
) -> dict[str, dict[str, Any]]:  # fmt: skip
    from messages.forecast_words import changes_text
    from scoring.forecast.change import split

    scale, found = 10**done.rules.decimals, {}
    for unit, middle in _middles(done).items():
        if unit not in before or unit not in later or (old_rules is not None and unit not in old_rules):
            continue
        parts = split(before[unit], later[unit], middle, old_rules[unit] if old_rules else None)
        row = {name: getattr(parts, name) / scale for name in ("before", "after", "elapsed", "new_facts", "rules")}
        found[unit] = {"since": since.isoformat(), **row}
        found[unit]["text"] = changes_text(found[unit])
    return found


def _units_on(asked: Question) -> str | None:
    return asked.units_on.isoformat() if asked.units_on else None


def _content(tx: Transaction, recipe: dict[str, Any]) -> Any:
    """Return the criteria of the earlier forecast as data, None when they were not kept."""
    from warehouse import runs

    return runs.part(tx, "criteria", recipe["parts"]["criteria"])


def _again(home: Home, tx: Transaction, asked: Question, done: Forecasted, content: Any) -> Medians:
    """Return the middle forecasts of a question with today's luck, by the rules kept as `content` (None: today's)."""
    from scoring.forecast.model import forecast

    kept = criteria.build_set(content) if content is not None else None
    scored, inputs, rules = prepare(home, tx, asked, done.rules.name, kept)
    found = forecast(inputs, rules, draws=done.forecast.draws, seed=done.forecast.seed)
    return _middles(replace(done, scored=scored, forecast=found))


def _middles(done: Forecasted) -> Medians:
    from scoring.forecast.summary import summary_units

    return {unit: int(middle) for unit, middle in zip(done.units, summary_units(done.totals, [500])[1])}


def _units(points: float, done: Forecasted) -> int:
    return round(points * 10**done.rules.decimals)
