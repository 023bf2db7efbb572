"""Thousands of possible years through the very rules of the published score. Units: hundredths (10**-decimals), no words.

Inputs are what `scoring.engine` takes, with a row for each draw: (D, C), or (1, C) for what is settled, which is scored once.
Every draw comes out as `scoring.engine.score` would score it, to the digit. Nothing here knows another rule.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from criteria.model import ResolvedCriterion, ResolvedSet
from scoring import core
from scoring.inputs import Arrays, DeclarationArrays, MeasureArrays
from scoring.rounding import NO_UNITS, to_units
from scoring.totals import Totals, sums, totals_of
from scoring.worth import worth

Ints = NDArray[np.int64]
Grades = NDArray[np.int8]
#: Draws × communes that are worked on at once: the arrays of one criterion then stay in the processor's cache.
CELLS: Final = 1 << 14
_PLACES: Final = ("total", "max_scored", "share", "grading", "grade")
_Part = TypeVar("_Part", MeasureArrays, DeclarationArrays)


@dataclass(frozen=True)
class DrawnScores:
    """D draws of C communes. units: by criterion code, (D, C), or (1, C) where settled; NO_UNITS where nothing is scored.

    total, max_scored, share (percent), grading (index on the grading scale): (D, C). grade: position in the set's bands,
    core.NO_GRADE without one. D is 1 when everything is settled.
    """

    units: Mapping[str, Ints]
    total: Ints
    max_scored: Ints
    share: Ints
    grading: Ints
    grade: Grades


def score_draws(given: Arrays, rules: ResolvedSet) -> DrawnScores:
    """Score every draw. `given` holds every input of the set; all arrays have two axes and broadcast to (D, C).

    Raises KeyError for an input that is not there, ValueError for arrays of different numbers of draws or communes.
    """
    read = {c.code: _read_by(c, given) for c in rules.criteria}
    draws, communes = np.broadcast_shapes((1, 1), *(a.shape for arrays in read.values() for a in arrays))
    settled = {code: all(len(a) == 1 for a in arrays) for code, arrays in read.items()}
    units = {code: np.empty((1 if settled[code] else draws, communes), dtype=np.int64) for code in read}
    out = DrawnScores(units, *(np.empty((draws, communes), dtype=t) for t in (np.int64,) * 4 + (np.int8,)))
    rows = max(1, CELLS // max(1, communes))
    for begin in range(0, draws, rows):
        at = slice(begin, begin + rows)
        block = _rows(given[0], at), _rows(given[1], at)
        for c in rules.criteria:
            if begin == 0 or not settled[c.code]:
                units[c.code][at] = _units(c, block, rules.decimals)
        _fill(out, at, _totals(rules, [units[code] if settled[code] else units[code][at] for code in read]))
    return out


def regraded(scored: DrawnScores, rules: ResolvedSet) -> DrawnScores:
    """The same draws with share, index and grade made anew from `total` and `max_scored`, after totals were moved."""
    out = DrawnScores(scored.units, *(np.empty_like(getattr(scored, name)) for name in _PLACES))
    _fill(out, slice(None), totals_of(rules, scored.total, scored.max_scored))
    return out


def rank_draws(basis: Ints | DrawnScores, rules: ResolvedSet, unranked: NDArray[np.bool_] | None = None) -> Ints:
    """Competition ranks (1 is the best, ties share a rank) of each draw, (D, C); core.NO_RANK where nothing is scored.

    basis: scored draws, or what the set ranks by (totals or shares) of all communes together. unranked: (C,) communes left out.
    Raises ValueError for a set that does not rank all its subjects together.
    """
    if rules.ranking_within != "all":
        raise ValueError(f"{rules.name} ranks within a {rules.ranking_within}")
    if isinstance(basis, DrawnScores):
        basis = basis.share if rules.ranking_basis == "share" else basis.total
    return core.competition_rank(basis if unranked is None else np.where(unranked, NO_UNITS, basis))


def _read_by(criterion: ResolvedCriterion, given: Arrays) -> list[NDArray[Any]]:
    """All arrays that a criterion's points depend on; none before its first day."""
    if criterion.rule is None:
        return []
    measures = [*criterion.inputs.values()] or ([criterion.measure] if criterion.measure else [])
    parts: list[MeasureArrays | DeclarationArrays] = [given[0][name] for name in measures]
    if criterion.declared and (criterion.code in given[1] or not criterion.inputs):
        parts.append(given[1][criterion.code])
    return [getattr(part, f.name) for part in parts for f in fields(part)]


def _rows(parts: Mapping[str, _Part], at: slice) -> dict[str, _Part]:
    """Some draws of every input; what is settled as it is."""
    arrays = {name: [getattr(part, f.name) for f in fields(part)] for name, part in parts.items()}
    return {name: type(parts[name])(*(a if len(a) == 1 else a[at] for a in found)) for name, found in arrays.items()}


def _units(criterion: ResolvedCriterion, given: Arrays, decimals: int) -> Ints:
    return np.asarray(NO_UNITS) if criterion.rule is None else to_units(worth(criterion, *given).raw, decimals)


def _totals(rules: ResolvedSet, units: Sequence[Ints]) -> Totals:
    base, bonus, max_scored = sums(rules, units)
    return totals_of(rules, base + bonus, max_scored)


def _fill(out: DrawnScores, at: slice, found: Totals) -> None:
    for name in _PLACES:
        getattr(out, name)[at] = getattr(found, name)
