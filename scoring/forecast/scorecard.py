"""How good forecasts were: CRPS of the index, Brier of the grade, RPS of the rank, coverage; against simpler forecasts.

A score is 0 for a forecast that was sure and right, and larger the worse. Skill = 1 − ratio of two models over the very
cases that both forecast. `scoringrules` is imported when something is scored, never with this module.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scoring import core
from scoring.forecast.widen import factor_for
from scoring.rounding import NO_UNITS

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
#: `model` as shown (recalibrated), `raw` as drawn, and what it has to beat.
MODELS: Final = ("model", "raw", "run_rate", "last_year", "plain")
BASELINES: Final = ("run_rate", "last_year", "plain")
METRICS: Final = ("crps", "brier", "rps")
COVERED: Final = ("in80", "in95")
QUANTILES: Final = (0.025, 0.1, 0.5, 0.9, 0.975)
QUANTILE_COLUMNS: Final = ("p025", "p10", "p50", "p90", "p975")
#: Origins less than so many months away help to say how wide an interval must be, the less the further. More would add little,
#: for a unit's forecasts of one year miss alike, and would lend the misses of summer to the narrow intervals of November.
NEAR_MONTHS: Final = 1.5


@dataclass(frozen=True)
class Cast:
    """What one model says of the year's end of C units, or what came true.

    totals: (D, C) hundredths, NO_UNITS where nothing is said. grades: (D, C) position in the bands, NO_GRADE where none.
    ranks: (D, C), NO_RANK where none. D is 1 for a point forecast and for the truth.
    """

    totals: Ints
    grades: NDArray[Any]
    ranks: Ints

    @property
    def point(self) -> bool:
        return len(self.totals) == 1


@dataclass(frozen=True)
class Marks:
    """One model's scores by unit (C,), NaN where the model or the truth says nothing. Units: points of the index.

    brier: of "this grade or better". rps: divided by the number of ranks less one, so between 0 and 1. in80, in95: 1 when the
    truth lay in the interval, else 0; NaN for a point. quantiles: (5, C) at QUANTILES. truth: the index that came.
    """

    crps: Floats
    brier: Floats
    rps: Floats
    in80: Floats
    in95: Floats
    quantiles: Floats
    truth: Floats


def marks(cast: Cast, truth: Cast, good: int, decimals: int = 2) -> Marks:
    """Score a model's forecasts of C units by what came. good: position of the grade whose reaching is foretold.

    Units whose total is missing in some draw have no forecast.
    """
    known = (cast.totals != NO_UNITS).all(axis=0) & (truth.totals[0] != NO_UNITS)
    scale = 10.0**decimals
    came = np.where(known, truth.totals[0], 0) / scale
    drawn = np.where(known, cast.totals, 0) / scale
    quantiles = np.quantile(drawn, QUANTILES, axis=0)
    quantiles[:, ~known] = np.nan
    graded = known & (truth.grades[0] != core.NO_GRADE)
    ranked = known & (truth.ranks[0] != core.NO_RANK) & (cast.ranks != core.NO_RANK).all(axis=0)
    return Marks(
        crps=np.where(known, _crps(drawn, came), np.nan),
        brier=np.where(graded, _brier(cast.grades, truth.grades[0], good), np.nan),
        rps=np.where(ranked, _rps(cast.ranks, truth.ranks[0], ranked), np.nan),
        in80=_inside(came, quantiles[1], quantiles[3], cast.point),
        in95=_inside(came, quantiles[0], quantiles[4], cast.point),
        quantiles=quantiles,
        truth=np.where(known, came, np.nan),
    )


def _crps(drawn: Floats, came: Floats) -> Floats:
    import scoringrules  # type: ignore[import-untyped]

    return np.asarray(scoringrules.crps_ensemble(came, drawn, m_axis=0, estimator="qd"), dtype=np.float64)


def _brier(grades: NDArray[Any], came: NDArray[Any], good: int) -> Floats:
    import scoringrules

    reached = (grades != core.NO_GRADE) & (grades <= good)
    outcome = ((came != core.NO_GRADE) & (came <= good)).astype(np.float64)
    return np.asarray(scoringrules.brier_score(outcome, reached.mean(axis=0)), dtype=np.float64)


def _rps(ranks: Ints, came: Ints, ranked: NDArray[np.bool_]) -> Floats:
    """(C,) of the units in `ranked`; 0 elsewhere, and for a unit that is alone."""
    import scoringrules

    count = ranks.shape[1]
    if count < 2:
        return np.zeros(count)
    chances = rank_chances(np.where(ranked, ranks, 1))
    found = scoringrules.rps_score(np.where(ranked, came, 1), chances)
    return np.asarray(found / (count - 1), dtype=np.float64)


def rank_chances(ranks: Ints) -> Floats:
    """(C, C): row = unit, column = rank − 1. ranks: (D, C), each 1…C. Rows sum to 1."""
    draws, count = ranks.shape
    cell = np.arange(count) * count + (ranks - 1)
    return np.asarray(np.bincount(cell.ravel(), minlength=count * count).reshape(count, count) / draws, dtype=np.float64)


def _inside(came: Floats, low: Floats, high: Floats, point: bool) -> Floats:
    """Whether the truth lay between two quantiles, both included."""
    inside = ((low <= came) & (came <= high)).astype(np.float64)
    return np.full(inside.shape, np.nan) if point else np.where(np.isnan(low), np.nan, inside)


# --- many cases ---


def card(rows: pd.DataFrame) -> dict[str, Any]:
    """Return the scorecard of many cases: {cases, crps, brier, rps, skill_vs_<baseline>, coverage, coverage_raw, coverage_plain}.

    rows: year, month, unit_id, model, crps, brier, rps, in80, in95 (NaN where nothing is known). Grain: case × model, a case
    being year, month of origin and unit. crps, brier and rps hold the mean of each model over its own cases, None without any;
    skill_vs_… hold, by metric, 1 − ratio over the cases that both have; the coverages hold shares /1 of p80 and p95.
    """
    wide = {name: _by_model(rows, name) for name in (*METRICS, *COVERED)}
    found: dict[str, Any] = {"cases": int(np.count_nonzero(~np.isnan(wide["crps"]["model"])))}
    for name in METRICS:
        found[name] = {model: _mean(wide[name][model]) for model in MODELS}
    for base in BASELINES:
        found[f"skill_vs_{base}"] = {name: skill(wide[name]["model"], wide[name][base]) for name in METRICS}
    for key, model in (("coverage", "model"), ("coverage_raw", "raw"), ("coverage_plain", "plain")):
        found[key] = {"p80": _mean(wide["in80"][model]), "p95": _mean(wide["in95"][model])}
    return found


def by_month(rows: pd.DataFrame, months: Sequence[int]) -> dict[str, Any]:
    """Return {"months": [card of each month of origin that has cases, with its "month"], "total": card of all}."""
    listed = [{"month": month, **card(rows[rows["month"] == month])} for month in months]
    return {"months": [entry for entry in listed if entry["cases"]], "total": card(rows)}


def skill(model: Floats, base: Floats) -> float | None:
    """1 − mean(model) / mean(base) over the cases that both have; None without any, or when the base made no error."""
    both = ~np.isnan(model) & ~np.isnan(base)
    made = float(base[both].sum())
    return 1.0 - float(model[both].sum()) / made if made > 0 else None


def nearby(months: Iterable[int], at: float) -> dict[int, float]:
    """The months of origin that count for a point of the year (6.0 = the end of June), with their weights, which sum to 1.

    They change little by little from day to day. Before the first month's end and after the last one's a point counts as there;
    where no month is near, the nearest count.
    """
    listed = np.unique(np.asarray(list(months), dtype=np.int64))
    away = np.abs(listed - np.clip(at, listed[0], listed[-1]))
    weights = np.maximum(0.0, 1.0 - away / NEAR_MONTHS)
    if not weights.any():
        weights = (away == away.min()).astype(np.float64)
    return {int(m): float(w) for m, w in zip(listed, weights / weights.sum()) if w > 0}


def widening(rows: pd.DataFrame, at: float) -> float:
    """How much wider a forecast made at a point of the year must be: the factor with which earlier ones would have covered.

    rows: year, month, unit_id, truth, p025, p10, p50, p90, p975 of forecasts as drawn. Each near month has its factor (see
    `scoring.forecast.widen.factor_for`); their logarithms are averaged. The months of a unit's year are no new cases, so a
    month of its own tells nearly as much as several together.
    """
    found = 0.0
    for month, weight in nearby(rows["month"], at).items():
        mine = rows[rows["month"] == month]
        quantiles = mine[list(QUANTILE_COLUMNS)].to_numpy(dtype=np.float64).T
        truth = mine["truth"].to_numpy(dtype=np.float64)
        found += weight * float(np.log(factor_for(truth, quantiles, mine["year"].to_numpy())))
    return float(np.exp(found))


def _by_model(rows: pd.DataFrame, name: str) -> Mapping[str, Floats]:
    """One metric as an array over the cases for each model, all in the same order."""
    table = rows.pivot(index=["year", "month", "unit_id"], columns="model", values=name).reindex(columns=list(MODELS))
    values = table.to_numpy(dtype=np.float64, na_value=np.nan)
    return {model: values[:, k] for k, model in enumerate(MODELS)}


def _mean(values: Floats) -> float | None:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else None
