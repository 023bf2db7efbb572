"""How good the forecast would have been: every month end of past years, with what was known then, against what came.

What is found is stored, and used twice: it tells how much wider the intervals of a later year must be (a year never learns
from itself or from later ones), and it stands beside every forecast.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any, Final

from flows.steps.audit import record
from flows.steps.home import ZONE, Home, UserError, code_version, now
from flows.steps.measure import Question, check_year, plain, question
from flows.steps.rules import overdue_definition, rules_of
from flows.steps.runs import ranges

if TYPE_CHECKING:
    import pandas as pd

    from criteria.model import ResolvedSet
    from scoring.forecast.scorecard import Cast
    from warehouse.database import Transaction

MONTHS: Final = tuple(range(1, 12))
MOST_SEED: Final = 10**18 - 1  # what a column of the scores holds
Advance = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Plan:
    """What is tried. months: origins, each at its month's end. hindsight: with what came to be known later, too."""

    years: tuple[int, ...]
    months: tuple[int, ...]
    draws: int
    seed: int
    set_name: str
    definition: str
    hindsight: bool = False


@dataclass(frozen=True)
class Origin:
    """What each model said of these units at one origin. good: position of the grade asked about. horizon: as in Inputs."""

    units: tuple[str, ...]
    casts: Mapping[str, Cast]
    rules: ResolvedSet
    good: int
    horizon: date
    factor: float | None


def plan_of(
    home: Home, years: Sequence[int], origins: str | None = None, draws: int | None = None, seed: int | None = None,
    set_name: str | None = None, definition: str | None = None, hindsight: bool = False,
) -> Plan:  # fmt: skip
    """Return a checked plan. Raises: UserError."""
    from flows.steps import forecast

    chosen = tuple(sorted(set(years)))
    for year in chosen:
        check_year(year)
        if now() <= _end(date(year, 12, 31)):
            raise UserError("year_not_over", f"Năm {year} chưa hết nên chưa có kết quả để đối chiếu; dùng một năm đã qua.")
    rules = rules_of(home, set_name)
    asked = question(chosen[0], definition=overdue_definition(home, set_name, definition))
    draws, seed = forecast.DRAWS if draws is None else draws, forecast.SEED if seed is None else seed
    if abs(seed) > MOST_SEED:
        raise UserError("bad_seed", f"Hạt giống {seed} quá lớn; hãy dùng số nguyên có không quá 18 chữ số.")
    return Plan(chosen, months_of(origins), draws, seed, rules.name, asked.definition, hindsight)


def months_of(text: str | None) -> tuple[int, ...]:
    """Return the months of `--origins`: "3", "1-11", "3,6,9". Raises: UserError."""
    from flows.steps.runs import numbers

    if text is None:
        return MONTHS
    try:
        spelt = re.fullmatch(r"\d{1,2}([,-]\d{1,2})*", text.replace(" ", ""))
        months = tuple(sorted(set(numbers(spelt[0])))) if spelt else ()
    except ValueError:
        months = ()
    if not months or not set(months) <= set(MONTHS):
        raise UserError("bad_origins", f"«{text}» không phải các tháng từ 1 đến 11; hãy viết như 3 hoặc 1-11 hoặc 3,6,9.")
    return months


def backtest(home: Home, plan: Plan, advance: Advance) -> dict[str, Any]:
    """Return the document of `cchc backtest`; its scores are stored month by month. Raises: UserError."""
    from warehouse import forecasts

    done, of = 0, len(plan.years) * len(plan.months)
    factors: dict[tuple[int, int], float | None] = {}
    skipped = []
    for year in plan.years:  # in order: a year's widening is learnt from the years before it
        came: dict[date, pd.DataFrame] = {}
        for month in plan.months:
            advance(f"hết tháng {month}/{year}", done, of)
            with home.database.begin() as tx:
                origin = _tried(home, tx, year, month, plan)
                if origin is None:
                    skipped.append({"year": year, "month": month})
                else:
                    if origin.horizon not in came:
                        came[origin.horizon] = truth(home, tx, origin.horizon, plan)
                    tx.lock("backtest")
                    rows = _rows(origin, came[origin.horizon], year, month, plan)
                    forecasts.replace_scores(tx, plan.set_name, plan.definition, year, month, rows, now())
                    factors[year, month] = origin.factor
            done += 1
        if not any(tried == year for tried, _ in factors):
            with home.database.begin() as tx:
                truth(home, tx, date(year, 12, 31), plan)
            raise UserError("no_history", _unknown_then(year))
    advance("tổng hợp", done, of)
    with home.database.begin() as tx:
        rows = forecasts.scores(tx, plan.set_name, plan.definition, years=plan.years)
        document = _document(home, plan, rows, factors) | {"skipped": skipped}
        said = {"says": f"{', '.join(map(str, plan.years))}; tháng {ranges(plan.months)}", "draws": plan.draws, "seed": plan.seed}
        record(tx, "forecast.backtest", f"criteria:{plan.set_name}", said)
    return document


def _unknown_then(year: int) -> str:
    return (
        f"Vào các thời điểm kiểm tra của năm {year} chưa có số liệu nào: các tệp được nạp sau đó. Nạp lại với --received-at "
        "đúng ngày nhận, hoặc dùng --hindsight để tính cả số liệu nạp muộn."
    )


def _end(day: date) -> datetime:
    """Return the last second of a day in Việt Nam."""
    return datetime.combine(day, time(23, 59, 59), ZONE)


def _origin_day(year: int, month: int) -> date:
    return date(year, month, monthrange(year, month)[1])


# --- one origin ---


def truth(home: Home, tx: Transaction, horizon: date, plan: Plan) -> pd.DataFrame:
    """Return the totals on the horizon's day, as known now, of the communes that were graded. Raises: UserError."""
    totals = _totals(home, tx, horizon, plan, None)
    graded = totals[totals["grade_status"] == "graded"]
    if graded.empty:
        raise _no_truth([horizon.year])
    return graded


def _no_truth(years: Sequence[int]) -> UserError:
    from messages.backtest import years_text

    return UserError(
        "no_truth",
        f"Không có kết quả cuối {years_text(years)} để đối chiếu: chưa đủ số liệu để xếp loại xã nào. "
        "Nạp số liệu và hồ sơ tự chấm của cả năm, hoặc bỏ năm này.",
    )


def _totals(home: Home, tx: Transaction, day: date, plan: Plan, known_at: datetime | None) -> pd.DataFrame:
    """Return the totals of a year up to a day, as known at a moment."""
    from flows.steps.score import score_question

    asked = question(day.year, as_of=_end(day), known_at=known_at, definition=plan.definition)
    return score_question(home, tx, asked, plan.set_name).scores.totals


def _tried(home: Home, tx: Transaction, year: int, month: int, plan: Plan) -> Origin | None:
    """Forecast a year from one month's end; None when nothing was known then."""
    moment = _end(_origin_day(year, month))
    known_at = None if plan.hindsight else moment
    asked = question(year, as_of=moment, known_at=known_at, definition=plan.definition)
    try:
        return cast_all(home, tx, asked, plan)
    except UserError as error:
        if error.code == "no_data":
            return None
        raise


def cast_all(home: Home, tx: Transaction, asked: Question, plan: Plan) -> Origin:
    """Let every model forecast one question. Raises: UserError."""
    from flows.steps.forecast import check, good_grade, prepare
    from scoring.forecast.baselines import last_year, run_rate
    from scoring.forecast.fitted import fit
    from scoring.forecast.model import Forecast, drawn, good_code, widened
    from scoring.forecast.scorecard import Cast

    _, inputs, rules = prepare(home, tx, asked, plan.set_name)
    check(plan.draws, rules)
    calibration = calibration_for(tx, plan.set_name, plan.definition, asked.year, asked.last_day)
    fitted = fit(inputs, rules)
    raw, even = (drawn(one, draws=plan.draws, seed=plan.seed) for one in (fitted, replace(fitted, plain=True)))

    def cast(found: Forecast) -> Cast:
        return Cast(found.totals, found.grades, found.ranks)

    casts = {
        "raw": cast(raw),
        "model": cast(widened(raw, calibration["factor"]) if calibration else raw),
        "plain": cast(even),
        "run_rate": run_rate(inputs, rules),
        "last_year": last_year(inputs, rules, _before(home, tx, asked, plan)),
    }
    good = good_code(rules, good_grade(rules))
    return Origin(inputs.units, casts, rules, good, inputs.horizon, calibration["factor"] if calibration else None)


def _before(home: Home, tx: Transaction, asked: Question, plan: Plan) -> pd.DataFrame:
    """Return the totals of the year before as known at the question's moment; without rows when there is no such score."""
    import pandas as pd

    try:
        return _totals(home, tx, date(asked.year - 1, 12, 31), plan, asked.known_at)
    except UserError:  # before the calendar or the criteria begin
        return pd.DataFrame(columns=["commune", "total", "share", "grade", "grade_status"])


def _rows(origin: Origin, came: pd.DataFrame, year: int, month: int, plan: Plan) -> list[dict[str, Any]]:
    """Return what is stored of an origin. Grain: unit × model, where both the model and the truth say something."""
    from scoring.forecast.scorecard import MODELS, marks

    held = _truth_cast(origin, came)
    rows = []
    for model in MODELS:
        found = marks(origin.casts[model], held, origin.good, origin.rules.decimals)
        for k, unit in enumerate(origin.units):
            if found.crps[k] == found.crps[k]:
                p025, p10, p50, p90, p975 = (float(value) for value in found.quantiles[:, k])
                rows.append(
                    {
                        "year": year, "month": month, "unit_id": unit, "model": model, "crps": float(found.crps[k]),
                        "brier": _known(found.brier[k]), "rps": _known(found.rps[k]), "in80": _inside(found.in80[k]),
                        "in95": _inside(found.in95[k]), "truth": float(found.truth[k]), "p025": p025, "p10": p10, "p50": p50,
                        "p90": p90, "p975": p975, "factor": origin.factor if model == "model" else None,
                        "hindsight": plan.hindsight, "draws": plan.draws, "seed": plan.seed, "code": code_version(),
                    }
                )  # fmt: skip
    return rows


def _known(value: float) -> float | None:
    return None if value != value else float(value)


def _inside(value: float) -> bool | None:
    return None if value != value else bool(value)


def _truth_cast(origin: Origin, came: pd.DataFrame) -> Cast:
    """Return what came true of an origin's units; a unit that ended on the way has no truth."""
    import numpy as np
    import pandas as pd

    from scoring.core import NO_RANK
    from scoring.forecast.scorecard import Cast
    from scoring.rounding import to_units

    at = came.set_index("commune").reindex(list(origin.units))
    totals = to_units(at["total"].to_numpy(dtype=np.float64, na_value=np.nan), origin.rules.decimals)
    grades = pd.Index(origin.rules.bands.grades).get_indexer(pd.Index(at["grade"]))
    ranks = at["rank"].astype("Float64").to_numpy(dtype=np.float64, na_value=NO_RANK).astype(np.int64)
    return Cast(totals[None], grades[None], ranks[None])


# --- what is made of it ---


def calibration_for(tx: Transaction, criteria_set: str, definition: str, year: int, day: date) -> dict[str, Any] | None:
    """Return how much wider a forecast of a year, made on a day, must be: {factor, origins, years}; None without earlier years.

    Only forecasts of earlier years are looked at.
    """
    from scoring.forecast.scorecard import nearby, widening
    from warehouse import forecasts

    rows = forecasts.scores(tx, criteria_set, definition, before=year, model="raw")
    if rows.empty:
        return None
    at = day.month - 1 + day.day / monthrange(day.year, day.month)[1]
    return {"factor": round(widening(rows, at), 4), **_counted(rows[rows["month"].isin(nearby(rows["month"], at))])}


def scorecard_json(tx: Transaction, criteria_set: str, definition: str, before_year: int | None = None) -> dict[str, Any] | None:
    """Return the scorecard of the stored forecasts of earlier years, to stand beside a forecast; None without any.

    {years, origins, units, hindsight, text, months: [card of a month of origin, with its month], total: card of all}; a card:
    see `scoring.forecast.scorecard.card`.
    """
    from warehouse import forecasts

    rows = forecasts.scores(tx, criteria_set, definition, before=before_year)
    return None if rows.empty else _scorecard(rows)


def _scorecard(rows: pd.DataFrame) -> dict[str, Any]:
    from messages import backtest as words
    from scoring.forecast.scorecard import by_month

    cards, counted = by_month(rows, MONTHS), _counted(rows)
    units = int(rows["unit_id"].nunique())
    text = words.card_text(cards["total"], counted["years"], units, counted["origins"])
    return rounded({**counted, "units": units, "hindsight": bool(rows["hindsight"].any()), "text": text, **cards})


def _counted(rows: pd.DataFrame) -> dict[str, Any]:
    """Return the years of these scores, and how many origins they have."""
    origins = rows[["year", "month"]].drop_duplicates()
    return {"origins": len(origins), "years": sorted({int(year) for year in origins["year"]})}


def _document(home: Home, plan: Plan, rows: pd.DataFrame, factors: Mapping[tuple[int, int], float | None]) -> dict[str, Any]:
    from scoring.forecast.scorecard import card

    rows = rows[_among(rows, factors)]
    if rows.empty:  # who was forecast is not who was graded
        raise _no_truth(plan.years)
    origins = []
    for (year, month), factor in factors.items():
        mine = rows[(rows["year"] == year) & (rows["month"] == month)]
        origins.append(
            {
                "year": year, "month": month, "as_of": _end(_origin_day(year, month)).isoformat(),
                "units": int(mine["unit_id"].nunique()), **rounded(card(mine)), "factor": plain(factor),
            }
        )  # fmt: skip
    rules = rules_of(home, plan.set_name)
    return {
        "years": list(plan.years), "criteria_set": plan.set_name, "criteria_label": rules.label, "definition": plan.definition,
        "draws": plan.draws, "seed": plan.seed, "hindsight": plan.hindsight, "origins": origins, "overall": _scorecard(rows),
    }  # fmt: skip


def _among(rows: pd.DataFrame, tried: Iterable[tuple[int, int]]) -> pd.Series[bool]:
    """Return which rows are of the origins that were tried now."""
    wanted = {year * 12 + month for year, month in tried}
    return (rows["year"] * 12 + rows["month"]).isin(wanted)


def rounded(value: Any) -> Any:
    """Return a document whose floats have six decimals: more is noise of the draws."""
    if isinstance(value, dict):
        return {key: rounded(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [rounded(entry) for entry in value]
    return round(value, 6) if isinstance(value, float) else value
