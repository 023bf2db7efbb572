"""Scores communes under a criteria set of one day: points, statuses, lost points, totals, grades, ranks.

Identities, in whole hundredths of a point, for every commune:
    sum of lost over base criteria = max_scored - sum of points over base criteria
    total = sum of points over base criteria + bonus, bonus held within the set's limit
A criterion without data has a status and no points; it leaves max_scored. Missing is never 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from criteria.model import ResolvedCriterion, ResolvedSet
from scoring import core, reasons
from scoring.inputs import (
    STATES,
    DeclarationArrays,
    MeasureArrays,
    declaration_arrays,
    measure_arrays,
)
from scoring.recover import as_fraction
from scoring.rounding import NO_UNITS, from_units, to_units
from scoring.rules import NONE, branch_name

STATUSES: Final = ("scored", "not_applicable", "no_data", "not_yet_in_force", "needs_review")
SCORED, NOT_APPLICABLE, NO_DATA, NOT_YET, REVIEW = range(5)
_NO_REASON: Final = -1
_LARGEST: Final = 1e6  # a declared count or number of days beyond it is a slip
_DECLARED, _NOT_APPLICABLE_STATE = STATES.index("declared"), STATES.index("not_applicable")


@dataclass(frozen=True)
class Scores:
    """`criteria`: grain commune × criterion. `totals`: grain commune, in the order asked for."""

    criteria: pd.DataFrame
    totals: pd.DataFrame
    set_name: str
    set_hash: str
    day: date


@dataclass
class _Column:
    """One criterion over all communes while it is being scored."""

    status: NDArray[np.int8]
    units: NDArray[np.int64]
    value: NDArray[np.float64]
    numerator: NDArray[np.float64]
    denominator: NDArray[np.float64]
    branch: NDArray[np.int16]
    reason: NDArray[np.int16]
    unknown: NDArray[np.float64]
    by_points: NDArray[np.bool_]
    review: NDArray[np.bool_]
    lost: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))


def score(
    measures: pd.DataFrame,
    declarations: pd.DataFrame,
    criteria_at: ResolvedSet,
    communes: Sequence[str],
    *,
    explain: bool = True,
) -> Scores:
    """The index of every commune. Frames: see scoring.inputs. `explain=False` leaves reason_params empty.

    Units: points with `criteria_at.decimals` decimals; share in percent of max_scored.
    Raises ValueError for a commune asked for twice, a missing column, or two rows for one input.
    """
    names = [str(c) for c in communes]
    if len(set(names)) != len(names):
        raise ValueError("a commune is listed twice")
    wanted = list(dict.fromkeys(m for c in criteria_at.criteria for m in _measures_of(c)))
    by_measure = measure_arrays(measures, wanted, names)
    codes = [c.code for c in criteria_at.criteria if c.declared]
    by_code = declaration_arrays(declarations, codes, names)
    columns = []
    for criterion in criteria_at.criteria:
        if criterion.rule is None:
            column = _blank(len(names), NOT_YET, reasons.NOT_YET_IN_FORCE)
        elif criterion.declared:
            column = _declared(criterion, by_code[criterion.code], criteria_at.decimals)
        elif criterion.inputs:
            inputs = {k: by_measure[m] for k, m in criterion.inputs.items()}
            column = _compound(criterion, inputs, criteria_at.decimals)
        else:
            column = _measured(criterion, by_measure[str(criterion.measure)], criteria_at.decimals)
        _settle_loss(criterion, column, criteria_at.decimals)
        columns.append(column)
    return Scores(
        criteria=_criteria_frame(criteria_at, columns, names, explain),
        totals=_totals_frame(criteria_at, columns, names),
        set_name=criteria_at.name,
        set_hash=criteria_at.hash,
        day=criteria_at.day,
    )


def _measures_of(criterion: ResolvedCriterion) -> list[str]:
    return [criterion.measure] if criterion.measure else list(criterion.inputs.values())


def _code(reason: str) -> int:
    return reasons.ALL_REASONS.index(reason)


def _blank(n: int, status: int, reason: str) -> _Column:
    return _Column(
        status=np.full(n, status, dtype=np.int8),
        units=np.full(n, NO_UNITS, dtype=np.int64),
        value=np.full(n, np.nan),
        numerator=np.full(n, np.nan),
        denominator=np.full(n, np.nan),
        branch=np.full(n, NONE, dtype=np.int16),
        reason=np.full(n, _code(reason), dtype=np.int16),
        unknown=np.zeros(n),
        by_points=np.zeros(n, dtype=np.bool_),
        review=np.zeros(n, dtype=np.bool_),
    )


def _missing(criterion: ResolvedCriterion, n: int, reason: str) -> _Column:
    status = NOT_APPLICABLE if criterion.no_data == "not_applicable" else NO_DATA
    return _blank(n, status, reasons.NOTHING_REPORTED if status == NOT_APPLICABLE else reason)


def _fill(column: _Column, criterion: ResolvedCriterion, value: Any, known: Any, decimals: int) -> None:
    """Applies the criterion's rule where the value is known."""
    result = core.criterion_award(criterion, value)
    known = known & ~np.isnan(result.points)
    column.units[known] = to_units(result.points, decimals)[known]
    column.branch[known] = result.branch[known]
    column.status[known] = SCORED
    column.reason[known] = _NO_REASON


def _measured(criterion: ResolvedCriterion, data: MeasureArrays, decimals: int) -> _Column:
    column = _missing(criterion, len(data.present), reasons.NO_MEASURE)
    n, d = data.numerator, data.denominator
    share = criterion.out_of is not None or criterion.measure_info is None or criterion.measure_info.unit == "share"
    if criterion.out_of is not None:
        d = np.where(data.present & np.isnan(d), criterion.out_of, d)
    column.numerator, column.denominator, column.unknown = n, d, data.unknown
    if share:
        known = data.present & ~np.isnan(n) & (d > 0)
        column.value = np.where(known, n / np.where(known, d, 1.0), np.nan)
    else:
        known = data.present & ~np.isnan(n)
        column.value = np.where(known, n, np.nan)
    _fill(column, criterion, column.value, known, decimals)
    if share:
        empty = data.present & (d == 0) & (data.unknown == 0)
        _settle_empty(criterion, column, empty, decimals)
    return column


def _settle_empty(criterion: ResolvedCriterion, column: _Column, empty: NDArray[np.bool_], decimals: int) -> None:
    """A denominator of zero, as the criterion says: no_data, not_applicable, full or zero points."""
    column.reason[empty] = _code(reasons.ZERO_DENOMINATOR)
    if criterion.zero_denominator == "not_applicable":
        column.status[empty] = NOT_APPLICABLE
    elif criterion.zero_denominator in ("full", "zero"):
        points = criterion.max_points if criterion.zero_denominator == "full" else 0.0
        column.units[empty] = int(to_units(points or 0.0, decimals))
        column.status[empty] = SCORED
    else:
        column.status[empty] = NO_DATA


def _compound(criterion: ResolvedCriterion, inputs: dict[str, MeasureArrays], decimals: int) -> _Column:
    first = next(iter(inputs.values()))
    column = _missing(criterion, len(first.present), reasons.NO_MEASURE)
    column.numerator, column.denominator = first.numerator, first.denominator
    values = {}
    for name, data in inputs.items():
        rate = ~np.isnan(data.denominator)
        with np.errstate(divide="ignore", invalid="ignore"):
            values[name] = np.where(rate, data.numerator / data.denominator, data.numerator)
        values[name] = np.where(data.present & np.isfinite(values[name]), values[name], np.nan)
        column.unknown = column.unknown + data.unknown
    column.value = next(iter(values.values()))
    _fill(column, criterion, values, np.ones(len(first.present), dtype=np.bool_), decimals)
    return column


def _declared(criterion: ResolvedCriterion, data: DeclarationArrays, decimals: int) -> _Column:
    column = _missing(criterion, len(data.state), reasons.NOT_DECLARED)
    given = (data.state >= 0) & (data.state != _NOT_APPLICABLE_STATE)
    has_value = given & ~np.isnan(data.value)
    fits = has_value & _in_range(criterion, data.value)
    column.value = np.where(has_value, data.value, np.nan)
    _fill(column, criterion, np.where(fits, data.value, np.nan), fits, decimals)

    claimed = given & ~has_value & ~np.isnan(data.points)
    top = criterion.max_points or 0.0
    points = np.clip(data.points, 0.0, top)
    if criterion.kind == "penalty":
        points = -np.clip(np.abs(data.points), 0.0, top)
    column.units[claimed] = to_units(np.where(claimed, points, 0.0), decimals)[claimed]
    column.status[claimed], column.reason[claimed] = SCORED, _NO_REASON
    column.by_points = claimed

    wrong = has_value & ~fits
    column.status[wrong], column.reason[wrong] = REVIEW, _code(reasons.OUT_OF_RANGE)
    column.review = (column.units != NO_UNITS) & (data.state == _DECLARED)
    column.status[column.review] = REVIEW
    out = data.state == _NOT_APPLICABLE_STATE
    column.status[out], column.reason[out] = NOT_APPLICABLE, _code(reasons.DECLARED_NOT_APPLICABLE)
    return column


def _in_range(criterion: ResolvedCriterion, value: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether a declared value can be what its kind says it is."""
    least, most, whole = {
        "share": (0.0, 1.0, False),
        "yes_no": (0.0, 1.0, True),
        "count": (0.0, _LARGEST, True),
        "level": (0.0, float(max(0, len(criterion.levels) - 1)), True),
        "days": (-_LARGEST, _LARGEST, True),
    }[str(criterion.declared)]
    fits: NDArray[np.bool_] = (value >= least) & (value <= most)
    return fits & (value == np.floor(value)) if whole else fits


def _settle_loss(criterion: ResolvedCriterion, column: _Column, decimals: int) -> None:
    """Lost points, and the reason where there is a loss or a review."""
    has = column.units != NO_UNITS
    if criterion.kind == "base":
        lost = int(to_units(criterion.max_points or 0.0, decimals)) - column.units
    else:
        lost = np.maximum(0, -column.units)
    column.lost = np.where(has, lost, NO_UNITS)
    if criterion.rule is None:
        return
    losing = has & (column.lost > 0) & (column.reason == _NO_REASON)
    column.reason[losing] = _code(reasons.LOSS_REASON[criterion.rule.family])
    column.reason[losing & column.by_points] = _code(reasons.POINTS_BELOW_MAX)
    column.reason[column.review & (column.reason == _NO_REASON)] = _code(reasons.DECLARED_ONLY)


def _params(criterion: ResolvedCriterion, column: _Column, decimals: int) -> list[dict[str, Any] | None]:
    """One dict for every commune that has a reason, None for the others."""
    out: list[dict[str, Any] | None] = [None] * len(column.status)
    rows = np.flatnonzero(column.reason != _NO_REASON)
    if not len(rows):
        return out
    fixed = reasons.constants(criterion)
    by_rule = rows[(column.branch[rows] != NONE) & (column.lost[rows] > 0)]
    extra = dict(
        zip(
            by_rule.tolist(),
            reasons.describe(criterion, by_rule, column.value, column.numerator, column.denominator, column.branch),
        )
    )
    points, lost = from_units(column.units, decimals), from_units(column.lost, decimals)
    cells = zip(
        rows.tolist(),
        _or_none(column.value[rows]),
        _or_none(column.numerator[rows]),
        _or_none(column.denominator[rows]),
        _or_none(points[rows]),
        _or_none(lost[rows]),
        column.unknown[rows].tolist(),
        column.review[rows].tolist(),
    )
    for row, value, numerator, denominator, got, gone, unknown, review in cells:
        out[row] = {
            **fixed,
            "value": value,
            "numerator": numerator,
            "denominator": denominator,
            "points": got,
            "lost": gone,
            "unknown": int(unknown),
            "review": reasons.DECLARED_ONLY if review else None,
            **extra.get(row, {}),
        }
    return out


def _or_none(values: NDArray[np.float64]) -> list[float | None]:
    return [None if x != x else x for x in values.tolist()]


def _criteria_frame(criteria_at: ResolvedSet, columns: Sequence[_Column], communes: Sequence[str], explain: bool) -> pd.DataFrame:
    count, decimals, listed = len(communes), criteria_at.decimals, criteria_at.criteria

    def same(values: Sequence[Any]) -> NDArray[Any]:
        return np.tile(np.array(values, dtype=object), count)

    def each(name: str) -> NDArray[Any]:
        if not columns:
            return np.zeros(0)
        return np.stack([getattr(c, name) for c in columns], axis=1).ravel()

    branches = each("branch").astype(np.int64)
    names = np.array([branch_name(b) for b in range(NONE, int(max(branches, default=NONE)) + 1)], dtype=object)
    maxima = [(c.max_points if c.kind == "base" else 0.0) if c.rule else np.nan for c in listed]
    frame = {
        "commune": np.repeat(np.array(communes, dtype=object), len(columns)),
        "code": same([c.code for c in listed]),
        "section": same([c.section for c in listed]),
        "label": same([c.label for c in listed]),
        "kind": same([c.kind for c in listed]),
        "status": np.array(STATUSES, dtype=object)[each("status").astype(np.intp)],
        "points": from_units(each("units"), decimals),
        "max_points": np.tile(np.array(maxima, dtype=np.float64), count),
        "measure": same([c.measure for c in listed]),
        "value": each("value"),
        "numerator": each("numerator"),
        "denominator": each("denominator"),
        "lost": from_units(each("lost"), decimals),
        "reason": np.array([*reasons.ALL_REASONS, None], dtype=object)[each("reason").astype(np.intp)],
        "clause": same([c.clause for c in listed]),
        "owner": same([c.owner for c in listed]),
        "provenance": same([c.provenance for c in listed]),
        "branch": names[branches - NONE] if len(columns) else np.zeros(0, dtype=object),
    }
    if explain:
        params = np.empty((count, len(columns)), dtype=object)
        for k, (criterion, column) in enumerate(zip(listed, columns)):
            params[:, k] = _params(criterion, column, decimals)
        frame["reason_params"] = params.ravel()
    else:
        frame["reason_params"] = np.full(count * len(columns), None, dtype=object)
    return pd.DataFrame({k: pd.Series(v, dtype=v.dtype) for k, v in frame.items()})


def _totals_frame(criteria_at: ResolvedSet, columns: Sequence[_Column], communes: Sequence[str]) -> pd.DataFrame:
    count, decimals, listed = len(communes), criteria_at.decimals, criteria_at.criteria
    base = np.zeros(count, dtype=np.int64)
    outside = np.zeros(count, dtype=np.int64)
    max_scored = np.zeros(count, dtype=np.int64)
    max_total = 0
    for criterion, column in zip(listed, columns):
        if criterion.rule is None:
            continue
        has = column.units != NO_UNITS
        if criterion.kind == "base":
            top = int(to_units(criterion.max_points or 0.0, decimals))
            base += np.where(has, column.units, 0)
            max_scored += np.where(has, top, 0)
            max_total += top
        else:
            outside += np.where(has, column.units, 0)
    bonus = core.clip_bonus(outside, int(to_units(criteria_at.bonus_limit, decimals)))
    known = max_scored > 0
    total = np.where(known, base + bonus, NO_UNITS)
    share = np.where(known, core.share_units(base + bonus, max_scored, decimals), NO_UNITS)
    enough_at = as_fraction(criteria_at.min_scored_share) * max_total
    enough = known & (max_scored * enough_at.denominator >= enough_at.numerator)
    scaled = np.where(known, core.share_units(base + bonus, max_scored, decimals, criteria_at.grading_scale), NO_UNITS)
    grade = np.where(enough, core.grade_codes(scaled, criteria_at.bands.bands, decimals), core.NO_GRADE)
    rank = core.competition_rank(share if criteria_at.ranking_basis == "share" else total)
    grades = np.array([*criteria_at.bands.grades, None], dtype=object)
    return pd.DataFrame(
        {
            "commune": pd.Series(communes, dtype=object),
            "total": from_units(total, decimals),
            "bonus": from_units(bonus, decimals),
            "max_scored": from_units(max_scored, decimals),
            "max_total": np.full(count, max_total / 10**decimals),
            "share": from_units(share, decimals),
            "grading_index": from_units(scaled, decimals),
            "grade": pd.Series(grades[grade], dtype=object),
            "grade_status": pd.Series(np.where(enough, "graded", "insufficient_data"), dtype=object),
            "rank": pd.arrays.IntegerArray(rank, rank == core.NO_RANK),
            "peers": np.full(count, int(np.count_nonzero(known)), dtype=np.int64),
        }
    )
