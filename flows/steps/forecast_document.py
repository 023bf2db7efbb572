"""The document of a forecast: for every commune the odds, what moves them, what to save this week, and what changed.

All of it comes from the same draws: levers, plans and the odds beside them can be added up by whoever reads the JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from flows.steps.forecast import Forecasted, forecast_question, good_grade, head_json
from flows.steps.forecast_changes import changes_of
from flows.steps.forecast_peers import JOINT, Places, places_of
from flows.steps.home import Home, UserError, now
from flows.steps.measure import Question, plain

if TYPE_CHECKING:
    from criteria.model import ResolvedCriterion
    from scoring.forecast.budget import Budget
    from scoring.forecast.fitted import Fitted
    from scoring.forecast.levers import Lever
    from scoring.forecast.model import Block
    from scoring.forecast.plans import Plan
    from warehouse.database import Transaction

Advance = Callable[[str, int, int], None]
_DIGITS: Final = 6
#: What is told of an earlier forecast: a line for each of the year's days.
_HISTORY: Final = ("as_of", "p025", "p10", "p50", "p90", "p975")


@dataclass(frozen=True)
class Seen:
    """What is taken from a block of draws while it is alive. By unit."""

    levers: dict[str, tuple[Lever, ...]]
    plans: dict[str, Plan]
    budgets: dict[str, Budget | None]
    at_stake: dict[str, float]


def forecast_and_store(
    home: Home, asked: Question, set_name: str | None = None, *, draws: int, seed: int, commune: str | None = None,
    origin: str = "forecast", advance: Advance = lambda *_: None,
    also: Callable[[Transaction, dict[str, Any]], object] = lambda *_: None,
) -> dict[str, Any]:  # fmt: skip
    """Forecast a question, store it with its recipe, return the document (of one commune if one is named). Raises: UserError.

    It may take minutes, in which files go on being loaded: it sees the warehouse as it stands at the beginning. also: what is
    done with the document in the transaction that stores it.
    """
    from flows.steps.forecast_store import store
    from warehouse import marts, runs

    chosen = home.commune(commune, asked.unit_day) if commune else None
    advance("mô phỏng phần còn lại của năm", 0, 2)
    if asked.known_at is None:
        with home.database.begin() as tx:
            marts.refresh(tx, now())
    with home.database.begin_still() as tx:
        counted = now(), runs.loads_known(tx, asked.known_at)
        done = forecast_question(home, tx, asked, set_name, draws=draws, seed=seed, look=look_at)
        advance("so với lần dự báo trước", 1, 2)
        document = forecast_json(home, tx, done)
    communes = document["communes"]
    if chosen is not None:
        communes = [row for row in communes if row["unit_id"] == chosen.unit_id]
        if not communes:
            raise UserError("no_data", f"Chưa có số liệu nào của {chosen.full_name} trong năm {asked.year}; nạp tệp xuất trước.")
    with home.database.begin() as tx:
        stored = store(home, tx, asked, done.rules, document, origin=origin, counted=counted)
        document = document | {"communes": communes, "forecast": stored}
        also(tx, document)
    advance("xong", 2, 2)
    return document


def look_at(block: Block, fitted: Fitted) -> Seen:
    """Levers, plans and budgets of a block."""
    from scoring.forecast.budget import budgets, points_at_stake
    from scoring.forecast.levers import changes, levers
    from scoring.forecast.plans import plan

    rules = fitted.rules
    good, found = good_grade(rules), changes(block, rules, over=fitted.over)
    stake = points_at_stake(block, rules)
    return Seen(
        levers=levers(block, rules, good, found),
        plans={unit: plan(block, rules, good, found, unit) for unit in block.units},
        budgets=budgets(block, rules),
        at_stake={unit: float(points) for unit, points in zip(block.units, stake)},
    )


def forecast_json(home: Home, tx: Transaction, done: Forecasted) -> dict[str, Any]:
    """Return the document of `cchc forecast`."""
    from flows.steps.backtest import scorecard_json
    from flows.steps.forecast_store import history

    asked, rules = done.asked, done.rules
    places = places_of(home, tx, done)
    rows = communes_json(done, places)
    changed = changes_of(home, tx, done)
    earlier = history(tx, rules.name, asked.definition, asked.year, asked.as_of)
    for row in rows:
        row["changes"] = changed.get(row["unit_id"])
        row["history"] = [{name: point[name] for name in _HISTORY} for point in earlier.get(row["unit_id"], [])]
    card = scorecard_json(tx, rules.name, asked.definition, asked.year)
    return head_json(done) | {"peers": places.peers, "communes": rows, "scorecard": card}


def communes_json(done: Forecasted, places: Places) -> list[dict[str, Any]]:
    import numpy as np

    from scoring.forecast.levers import SAMPLE, ranked
    from scoring.forecast.model import good_code, p_at_least
    from scoring.forecast.summary import expected_rank, grade_probability, not_measured_share, quantiles

    found, rules, inputs = done.forecast, done.rules, done.inputs
    seen = Seen(*({k: v for one in found.seen for k, v in getattr(one, name).items()} for name in Seen.__annotations__))
    decimals = rules.decimals
    index, grading = quantiles(found.totals, decimals), quantiles(found.grading, decimals)
    grades = grade_probability(found.grades, rules)
    good = p_at_least(found.grades, good_code(rules, done.good))
    expected = expected_rank(places.probability)
    everybody = np.sort(places.basis[:SAMPLE], axis=1)
    lines = {unit: frame for unit, frame in found.lines.groupby("commune", sort=False)}
    saved, opened = _open_dossiers(done, seen)
    now = done.scored.scores.totals.set_index("commune")
    points = _points_now(done)
    kinds = {c.code: kind_of(c) for c in rules.criteria if c.rule is not None}
    rows = []
    subjects = {subject.subject_id: subject for subject in done.scored.subjects}
    for k, unit in enumerate(inputs.units):
        subject = subjects[unit]
        mine = lines[unit]
        levers = seen.levers.get(unit, ())
        levers = ranked(levers, found.basis[:SAMPLE, k], everybody) if places.kind else levers
        shares = {code: np.array([share]) for code, share in zip(mine["code"], mine["variance_share"])}
        rows.append(
            {
                "commune": subject.unit.code, "name": subject.unit.name, "unit_id": unit,
                "now": _now(now.loc[unit], ranked=places.kind == JOINT),
                "index": {name: _number(values[k]) for name, values in index.items()},
                "grading_index": {name: _number(values[k]) for name, values in grading.items()},
                "grade_probability": {grade: _number(values[k]) for grade, values in grades.items() if grade is not None},
                "no_grade_probability": _number(grades[None][k]) if None in grades else 0.0,
                "p_good": _number(good[k]), "rank_probability": [_number(p) for p in places.probability[k]],
                "expected_rank": _number(expected[k]), "rank_basis": places.kind,
                "not_measured_share": _number(not_measured_share(shares, kinds)[0]),
                "criteria": [_line(rules.criterion(row.code), row, points.get((unit, row.code))) for row in mine.itertuples()],
                "levers": [_lever(lever, done) for lever in levers],
                "plan": _plan(seen.plans.get(unit), levers, done),
                "budget": _budget(seen.budgets.get(unit), done),
                "to_save": saved.get(unit, []), "open": opened[unit],
                "data_until": done.silence.of(unit),
            }
            | (done.scored.view.describe(subject.unit) if done.scored.view else {})
        )  # fmt: skip
    return rows


def kind_of(criterion: ResolvedCriterion) -> str:
    """Return where a criterion's figure comes from: dossiers, survey, register or declared."""
    if criterion.declared:
        return "declared"
    names = [criterion.measure, *criterion.inputs.values()]
    if any(str(name).startswith(("satisfaction", "survey", "named")) for name in names if name):
        return "survey"
    registers = ("officer_review_months", "initiatives", "task_completion", "task_on_time")
    return "register" if any(name in registers for name in names) else "dossiers"


def _line(criterion: ResolvedCriterion, row: Any, points_now: float | None) -> dict[str, Any]:
    return {
        "code": criterion.code, "label": criterion.label, "kind": kind_of(criterion), "points_now": points_now,
        **{name: _number(getattr(row, name)) for name in ("mean", "p10", "p50", "p90")},
        "max_points": plain(criterion.max_points if criterion.kind == "base" else 0.0),
        "variance_share": _number(row.variance_share), "owner": criterion.owner, "provenance": criterion.provenance,
    }  # fmt: skip


def _points_now(done: Forecasted) -> dict[tuple[str, str], float | None]:
    rows = done.scored.scores.criteria
    return {(unit, code): _number(p) for unit, code, p in zip(rows["commune"], rows["code"], rows["points"])}


def _now(total: Any, ranked: bool) -> dict[str, Any]:
    """Today's figures; a rank among all only where all are scored."""
    import pandas as pd

    rank = total["rank"] if ranked else None
    return {
        "total": plain(total["total"]), "share_pct": plain(total["share"]), "grading_index": plain(total["grading_index"]),
        "max_scored": plain(total["max_scored"]), "grade": total["grade"] if isinstance(total["grade"], str) else None,
        "rank": None if pd.isna(rank) else int(rank),
    }  # fmt: skip


def _number(value: Any) -> float | None:
    """A number for JSON, None for NaN; further digits would be the luck of the draws. The database knows no −0."""
    return None if value is None or value != value else round(float(value), _DIGITS) + 0.0


def _lever(lever: Lever, done: Forecasted) -> dict[str, Any]:
    from messages.forecast import lever_text

    return {
        "code": lever.code, "label": lever.label, "owner": lever.owner, "points_now": _number(lever.points_now),
        "points_possible": _number(lever.points_possible or 0.0), "gain": _number(lever.gain), "needed": lever.needed,
        "needed_text": lever_text(_words(lever, done), done.inputs.horizon), "possible": lever.possible,
        "p_good_now": _number(lever.p_good_now), "p_good_if_done": _number(lever.p_good_if_done),
        "rank_now": _number(lever.rank_now), "rank_if_done": _number(lever.rank_if_done), "effort": _number(lever.effort),
    }  # fmt: skip


def _words(lever: Lever, done: Forecasted) -> dict[str, Any]:
    """Return what a lever's text needs."""
    words = {name: getattr(lever, name) for name in ("code", "label", "declared", "unit", "level", "possible", "gain")}
    return words | {"steps": [asdict(step) for step in lever.steps]}


def _plan(plan: Plan | None, levers: Sequence[Lever], done: Forecasted) -> dict[str, Any] | None:
    from messages.forecast import plan_texts

    if plan is None:
        return None
    texts = plan_texts([_words(lever, done) for lever in levers], plan.codes, done.inputs.horizon)
    return {"codes": list(plan.codes or ()), "reaches": plan.codes is not None, "p_good": plan.p_good, "texts": texts}


def _budget(budget: Budget | None, done: Forecasted) -> dict[str, Any] | None:
    from messages.forecast import budget_text

    if budget is None or not budget.counted_expected:
        return None
    return {
        "definition": done.asked.definition, **asdict(budget), "left": budget.left, "left_prudent": budget.left_prudent,
        "text": budget_text(asdict(budget), done.inputs.horizon),
    }  # fmt: skip


def _open_dossiers(done: Forecasted, seen: Seen) -> tuple[dict[str, list[dict[str, Any]]], dict[str, dict[str, Any]]]:
    """Return, by unit, the open dossiers to save this week, and how many are open: {count, past_due, late, expected_late}.

    past_due: beyond the day promised, as in the measure `open_overdue`. late: so by the definition, which may let the clock
    stand still. expected_late: late by the definition in the end, those that are so now included.
    """
    import numpy as np
    import pandas as pd

    from scoring.forecast.budget import to_save
    from scoring.forecast.fitted import open_states
    from scoring.forecast.hazard import lateness

    inputs = done.inputs
    counts = {unit: {"count": 0, "past_due": 0, "late": 0, "expected_late": 0.0} for unit in done.units}
    if inputs.open.empty:
        return {}, counts
    late, chances = open_states(inputs)[0], lateness(inputs.endings, inputs.open)
    told = pd.DataFrame({"commune": inputs.open["commune"], "late": late, "chance": np.where(late, 1.0, chances)})
    overdue = inputs.measures[inputs.measures["measure"] == "open_overdue"].set_index("commune")["numerator"]
    for unit, mine in told.groupby("commune"):
        count = int(mine["late"].sum())
        past = overdue.get(unit, np.nan)
        counts[str(unit)] = {
            "count": len(mine), "past_due": count if past != past else int(past), "late": count,
            "expected_late": _number(mine["chance"].sum()),
        }  # fmt: skip
    if inputs.over:
        return {}, counts
    found: dict[str, list[dict[str, Any]]] = {}
    for row in to_save(inputs.open, chances, seen.at_stake, inputs.definition, done.units).to_dict("records"):
        found.setdefault(str(row.pop("commune")), []).append({str(name): _cell(value) for name, value in row.items()})
    return found, counts


def _cell(value: Any) -> Any:
    """A cell of a frame for JSON: days as ISO text, missing as None."""
    if value is None or value != value:
        return None
    if isinstance(value, date):
        return value.isoformat()[:10]
    value = value.item() if hasattr(value, "item") else value
    return _number(value) if isinstance(value, float) else value
