"""Scores communes under a criteria set of one day: points, statuses, lost points, totals, grades, ranks.

Identities, in whole hundredths of a point, for every commune:
    sum of lost over base criteria = max_scored - sum of points over base criteria
    total = sum of points over base criteria + bonus, bonus held within the set's limit
A criterion without data has a status and no points; it leaves max_scored. Missing is never 0.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from criteria.model import ResolvedCriterion, ResolvedSet
from scoring import reasons
from scoring.inputs import STATES, Arrays, MeasureArrays, arrays_of
from scoring.overrides import by_criterion
from scoring.rounding import NO_UNITS, from_units, to_units
from scoring.rules import NONE, OVERRIDDEN, branch_name
from scoring.totals import totals_frame
from scoring.worth import Declaration, Worth, worth

STATUSES: Final = ("scored", "not_applicable", "no_data", "not_yet_in_force", "needs_review")
SCORED, NOT_APPLICABLE, NO_DATA, NOT_YET, REVIEW = range(5)
_NO_REASON: Final = -1
#: The status of a denominator of zero, as the criterion says; elsewhere there is no data.
_EMPTY: Final = {"not_applicable": NOT_APPLICABLE, "full": SCORED, "zero": SCORED}
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
    raw: NDArray[np.float64]  # points before rounding
    parts: dict[str, tuple[MeasureArrays, NDArray[np.float64]]] = field(default_factory=dict)  # inputs of a compound rule
    lost: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))


def score(
    measures: pd.DataFrame,
    declarations: pd.DataFrame,
    criteria_at: ResolvedSet,
    communes: Sequence[str],
    *,
    explain: bool = True,
    overrides: pd.DataFrame | None = None,
    unranked: Collection[str] = (),
) -> Scores:
    """The index of every commune. Frames: see scoring.inputs. `explain=False` leaves reason_params empty.

    overrides: points that replace computed ones (see scoring.overrides). unranked: communes scored and graded, without a rank.

    Units: points with `criteria_at.decimals` decimals; share in percent of max_scored.
    Raises ValueError for a commune asked for twice, a missing column, or two rows for one input.
    """
    names = [str(c) for c in communes]
    if len(set(names)) != len(names):
        raise ValueError("a commune is listed twice")
    given = arrays_of(measures, declarations, criteria_at, names)
    return score_arrays(given, criteria_at, names, explain=explain, overrides=overrides, unranked=unranked)


def score_arrays(
    given: Arrays, criteria_at: ResolvedSet, names: Sequence[str], *, explain: bool = True,
    overrides: pd.DataFrame | None = None, unranked: Collection[str] = (), lines: bool = True,
) -> Scores:  # fmt: skip
    """As `score`, from arrays that hold every input of the set. `lines=False` leaves `criteria` without rows."""
    appraised = by_criterion(overrides, criteria_at.criteria, names)
    columns = []
    for criterion in criteria_at.criteria:
        column = _column(criterion, given, len(names), criteria_at.decimals)
        if criterion.code in appraised:
            _override(column, appraised[criterion.code], criteria_at.decimals)
        _settle_loss(criterion, column, criteria_at.decimals)
        columns.append(column)
    return Scores(
        criteria=_criteria_frame(criteria_at, columns, names, explain) if lines else pd.DataFrame(),
        totals=totals_frame(criteria_at, [c.units for c in columns], names, unranked),
        set_name=criteria_at.name,
        set_hash=criteria_at.hash,
        day=criteria_at.day,
    )


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
        raw=np.full(n, np.nan),
    )


def _column(criterion: ResolvedCriterion, given: Arrays, n: int, decimals: int) -> _Column:
    """One criterion over n communes: its points (scoring.worth), and the status and reason that go with them."""
    if criterion.rule is None:
        return _blank(n, NOT_YET, reasons.NOT_YET_IN_FORCE)
    nothing = reasons.NOT_DECLARED if criterion.declared and not criterion.inputs else reasons.NO_MEASURE
    column, found = _missing(criterion, n, nothing), worth(criterion, *given)
    column.raw, column.units = found.raw.copy(), to_units(found.raw, decimals)
    column.branch, column.value = found.award.branch, found.value
    _tell_inputs(criterion, column, found, given[0])
    at = found.declaration
    if criterion.inputs and at is not None:
        column.reason[~at.has_value] = _missing(criterion, 1, reasons.NOT_DECLARED).reason[0]
        column.value = np.where(at.has_value & ~at.fits, at.value, found.value)
    elif at is not None:
        column.value = np.where(at.has_value, at.value, np.nan)
    known = ~np.isnan(found.award.points)
    column.status[known], column.reason[known] = SCORED, _NO_REASON
    if found.empty is not None:
        column.reason[found.empty] = _code(reasons.ZERO_DENOMINATOR)
        column.status[found.empty] = _EMPTY.get(criterion.zero_denominator, NO_DATA)
    if at is not None:
        _settle_declaration(column, at, given[1][criterion.code].state)
    return column


def _missing(criterion: ResolvedCriterion, n: int, reason: str) -> _Column:
    status = NOT_APPLICABLE if criterion.no_data == "not_applicable" else NO_DATA
    return _blank(n, status, reasons.NOTHING_REPORTED if status == NOT_APPLICABLE else reason)


def _tell_inputs(criterion: ResolvedCriterion, column: _Column, found: Worth, measures: Mapping[str, MeasureArrays]) -> None:
    """Numerator, denominator and unknown rows: those of the measure, or of a compound rule's first input and of all inputs."""
    named = criterion.inputs or ({"": criterion.measure} if criterion.measure else {})
    inputs = {name: measures[measure] for name, measure in named.items()}
    for first in list(inputs.values())[:1]:
        column.numerator = first.numerator
        column.denominator = first.denominator if found.denominator is None else found.denominator
    for data in inputs.values():
        column.unknown = column.unknown + data.unknown
    column.parts = {name: (inputs[name], found.values[name]) for name in criterion.inputs}
    if criterion.inputs and found.declaration is not None:
        nothing, at = np.full(len(column.status), np.nan), found.declaration
        declared = MeasureArrays(nothing, nothing, np.zeros(len(nothing)), at.has_value)
        column.parts["declared"] = (declared, found.values["declared"])


def _settle_declaration(column: _Column, at: Declaration, state: NDArray[np.int8]) -> None:
    """Points claimed without a value, values out of range, what nobody has appraised, what does not apply."""
    column.status[at.claimed], column.reason[at.claimed] = SCORED, _NO_REASON
    column.by_points = at.claimed
    wrong = at.has_value & ~at.fits
    column.status[wrong], column.reason[wrong] = REVIEW, _code(reasons.OUT_OF_RANGE)
    column.review = (column.units != NO_UNITS) & (state == _DECLARED)
    column.status[column.review] = REVIEW
    out = state == _NOT_APPLICABLE_STATE
    column.status[out], column.reason[out] = NOT_APPLICABLE, _code(reasons.DECLARED_NOT_APPLICABLE)


def _override(column: _Column, points: NDArray[np.float64], decimals: int) -> None:
    """An appraiser's points take the place of the computed ones, before any total; inputs and value stay as they were."""
    at = ~np.isnan(points)
    column.raw[at] = points[at]
    column.units[at] = to_units(points, decimals)[at]
    column.status[at], column.branch[at], column.reason[at] = SCORED, OVERRIDDEN, _NO_REASON
    column.by_points[at], column.review[at] = False, False


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
    column.reason[losing & (column.branch == OVERRIDDEN)] = _code(reasons.OVERRIDDEN)
    column.reason[column.review & (column.reason == _NO_REASON)] = _code(reasons.DECLARED_ONLY)


def _params(criterion: ResolvedCriterion, column: _Column, decimals: int) -> list[dict[str, Any] | None]:
    """One dict for every commune that has a reason, None for the others."""
    out: list[dict[str, Any] | None] = [None] * len(column.status)
    rows = np.flatnonzero(column.reason != _NO_REASON)
    if not len(rows):
        return out
    fixed = reasons.constants(criterion)
    by_rule = rows[(column.branch[rows] != NONE) & (column.branch[rows] != OVERRIDDEN) & (column.lost[rows] > 0)]
    parts = {name: values for name, (_, values) in column.parts.items()}
    told = reasons.describe(criterion, by_rule, column.value, column.numerator, column.denominator, column.branch, parts)
    extra = dict(zip(by_rule.tolist(), told))
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


def _parts(criterion: ResolvedCriterion, column: _Column) -> NDArray[Any]:
    """The inputs of a compound rule by commune: name → measure, numerator, denominator, value. None for other rules."""
    out = np.full(len(column.status), None, dtype=object)
    for k in range(len(out) if column.parts else 0):
        out[k] = {
            name: {
                "measure": criterion.inputs.get(name),
                "numerator": _or_none(data.numerator[k : k + 1])[0],
                "denominator": _or_none(data.denominator[k : k + 1])[0],
                "value": _or_none(values[k : k + 1])[0],
            }
            for name, (data, values) in column.parts.items()
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
        "raw_points": each("raw"),
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
        "unknown": each("unknown"),
        "branch": names[branches - NONE] if len(columns) else np.zeros(0, dtype=object),
    }
    if explain:
        params = np.empty((count, len(columns)), dtype=object)
        for k, (criterion, column) in enumerate(zip(listed, columns)):
            params[:, k] = _params(criterion, column, decimals)
        frame["reason_params"] = params.ravel()
        frame["parts"] = np.stack([_parts(c, k) for c, k in zip(listed, columns)], axis=1).ravel() if columns else params.ravel()
    else:
        frame["reason_params"] = frame["parts"] = np.full(count * len(columns), None, dtype=object)
    return pd.DataFrame({k: pd.Series(v, dtype=v.dtype) for k, v in frame.items()})
