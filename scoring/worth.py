"""What inputs are worth under a criterion, before rounding and before any word about it. Arrays of any shape.

The published score calls this on communes (C,), a forecast on draws × communes (D, C). The arrays of one input broadcast:
what is settled may stay (1, C) beside what is drawn. Points are NaN where nothing is scored; missing is never 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from criteria.model import ResolvedCriterion
from scoring import core
from scoring.inputs import STATES, DeclarationArrays, MeasureArrays
from scoring.rules import Award

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
_LARGEST: Final = 1e6  # a declared count or number of days beyond it is a slip
_NOT_APPLICABLE_STATE: Final = STATES.index("not_applicable")


@dataclass(frozen=True)
class Declaration:
    """Where a declaration applies, has a value that can be one of its kind, and claims points without a value."""

    value: Floats
    applies: Bools
    fits: Bools
    claimed: Bools

    @cached_property
    def has_value(self) -> Bools:
        return self.applies & ~np.isnan(self.value)


@dataclass(frozen=True)
class Worth:
    """raw: points before rounding. award: the rule's answer to `value`, or to `values` (by input of a compound rule).

    value: as it was given, of a compound rule the first input's. empty: where a measured share has a known denominator of
    zero, and the criterion's own answer holds.
    """

    raw: Floats
    award: Award
    value: Floats
    denominator: Floats | None = None
    empty: Bools | None = None
    declaration: Declaration | None = None
    values: Mapping[str, Floats] = field(default_factory=dict)


def worth(
    criterion: ResolvedCriterion, measures: Mapping[str, MeasureArrays], declarations: Mapping[str, DeclarationArrays]
) -> Worth:
    """A criterion in force from all inputs of its set. Raises KeyError when one of its inputs is not among them."""
    if criterion.inputs:
        inputs = {name: measures[measure] for name, measure in criterion.inputs.items()}
        return _compound(criterion, inputs, declarations.get(criterion.code))
    if criterion.declared:
        return _declared(criterion, declarations[criterion.code])
    return _measured(criterion, measures[str(criterion.measure)])


def _where(known: Bools, value: Floats) -> Floats:
    """The value where it is known, else NaN."""
    return value if known.all() else np.where(known, value, np.nan)


def _measured(criterion: ResolvedCriterion, data: MeasureArrays) -> Worth:
    n, d = data.numerator, data.denominator
    if criterion.out_of is not None:
        d = np.where(data.present & np.isnan(d), criterion.out_of, d)
    elif criterion.measure_info is not None and criterion.measure_info.unit != "share":
        value = _where(data.present, n)
        award = core.criterion_award(criterion, value)
        return Worth(award.points, award, value, d)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = _where(data.present & (d > 0), n / d)
    award = core.criterion_award(criterion, value)
    raw, empty = award.points, data.present & (d == 0) & (data.unknown == 0)
    if criterion.zero_denominator in ("full", "zero") and empty.any():
        raw = np.where(empty, (criterion.max_points or 0.0) if criterion.zero_denominator == "full" else 0.0, raw)
    return Worth(raw, award, value, d, empty)


def _compound(criterion: ResolvedCriterion, inputs: Mapping[str, MeasureArrays], declared: DeclarationArrays | None) -> Worth:
    """Several measures, and where the criterion is declared as well, its declared value as the input `declared`."""
    values = {}
    for name, data in inputs.items():
        with np.errstate(divide="ignore", invalid="ignore"):
            value = np.where(np.isnan(data.denominator), data.numerator, data.numerator / data.denominator)
        values[name] = np.where(data.present & np.isfinite(value), value, np.nan)
    first = next(iter(values.values()))
    if declared is None:
        award = core.criterion_award(criterion, values)
        return Worth(award.points, award, first, values=values)
    at = _declaration(criterion, declared)
    values["declared"] = _where(at.fits, declared.value)
    award = core.criterion_award(criterion, values)
    return Worth(_claimed(criterion, at, declared, award.points), award, first, declaration=at, values=values)


def _declared(criterion: ResolvedCriterion, data: DeclarationArrays) -> Worth:
    at = _declaration(criterion, data)
    award = core.criterion_award(criterion, _where(at.fits, data.value))
    return Worth(_claimed(criterion, at, data, award.points), award, data.value, declaration=at)


def _declaration(criterion: ResolvedCriterion, data: DeclarationArrays) -> Declaration:
    applies = (data.state >= 0) & (data.state != _NOT_APPLICABLE_STATE)
    claimed = applies & ~np.isnan(data.points)
    if claimed.any():
        claimed = claimed & np.isnan(data.value)
    return Declaration(data.value, applies, applies & _in_range(criterion, data.value), claimed)


def _in_range(criterion: ResolvedCriterion, value: Floats) -> Bools:
    """Whether a declared value can be what its kind says it is."""
    least, most, whole = {
        "share": (0.0, 1.0, False),
        "yes_no": (0.0, 1.0, True),
        "count": (0.0, _LARGEST, True),
        "level": (0.0, float(max(0, len(criterion.levels) - 1)), True),
        "days": (-_LARGEST, _LARGEST, True),
    }[str(criterion.declared)]
    fits: Bools = (value >= least) & (value <= most)
    return fits & (value == np.floor(value)) if whole else fits


def _claimed(criterion: ResolvedCriterion, at: Declaration, data: DeclarationArrays, raw: Floats) -> Floats:
    """Points claimed without a value take the place of computed ones, held within the criterion's maximum."""
    if not at.claimed.any():
        return raw
    top = criterion.max_points or 0.0
    if criterion.kind == "penalty":
        return np.where(at.claimed, -np.clip(np.abs(data.points), 0.0, top), raw)
    return np.where(at.claimed, np.clip(data.points, 0.0, top), raw)
