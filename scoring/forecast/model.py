"""The forecast: draws of the year's end through the very rules of the published score.

Steps: settled counts stay; open dossiers by their chances; volumes, rates and items to come are drawn; every draw is scored,
graded and ranked by `scoring.draws`. Units are drawn in blocks, so that memory does not grow with the province.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from criteria.model import ResolvedSet
from scoring import core
from scoring.draws import DrawnScores, rank_draws, regraded, score_draws
from scoring.forecast.fitted import Fitted, fit
from scoring.forecast.increments import Increments
from scoring.forecast.inputs import Inputs
from scoring.forecast.summary import criteria_lines
from scoring.forecast.widen import widen
from scoring.inputs import DeclarationArrays, MeasureArrays, declaration_arrays

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
#: Draws × units that are alive at once, for each measure and criterion: a district of 13 with the usual draws.
CELLS: Final = 130_000


@dataclass(frozen=True)
class Block:
    """The draws of some units (D draws, C units), alive only while they are looked at.

    measures, declarations: at the year's end, (D, C) or (1, C). now: today's figures (1, C). to_come: cases of the measure's
    denominator still to come; absent where nothing can come.
    """

    units: tuple[str, ...]
    measures: Mapping[str, MeasureArrays]
    declarations: Mapping[str, DeclarationArrays]
    to_come: Mapping[str, Floats]
    now: Mapping[str, MeasureArrays]
    scored: DrawnScores


@dataclass(frozen=True)
class Forecast:
    """D draws of N units at the year's end, in hundredths (`rules.decimals`).

    scored: (D, N), without its criteria, which would fill the memory. ranks: (D, N).
    lines: commune, code, mean, p10, p50, p90, variance_share, in points. Grain: unit × criterion. seen: what `look` gave.
    """

    inputs: Inputs
    rules: ResolvedSet
    draws: int
    seed: int
    scored: DrawnScores
    ranks: Ints
    lines: pd.DataFrame
    seen: tuple[Any, ...] = field(default=())

    @property
    def units(self) -> tuple[str, ...]:
        return self.inputs.units

    @property
    def totals(self) -> Ints:
        return self.scored.total

    @property
    def grading(self) -> Ints:
        """(D, N) the index on the grading scale."""
        return self.scored.grading

    @property
    def grades(self) -> NDArray[np.int8]:
        """(D, N) position in the bands, −1 without."""
        return self.scored.grade

    @property
    def basis(self) -> Ints:
        """(D, N) what communes are ranked by."""
        return self.scored.share if self.rules.ranking_basis == "share" else self.scored.total


def forecast(
    inputs: Inputs, rules: ResolvedSet, *, draws: int, seed: int = 1, factor: float = 1.0, plain: bool = False,
    look: Callable[[Block, Fitted], Any] | None = None,
) -> Forecast:  # fmt: skip
    """Draw the year's end of every unit. factor: how much wider the index is than drawn (recalibration).

    look: called with each block of draws; what it returns is kept in `seen`. Same seed, same result; the first draws of many
    are the draws of few.
    """
    return drawn(fit(inputs, rules, plain=plain), draws=draws, seed=seed, factor=factor, look=look)


def drawn(
    fitted: Fitted, *, draws: int, seed: int = 1, factor: float = 1.0,
    look: Callable[[Block, Fitted], Any] | None = None,
) -> Forecast:  # fmt: skip
    """`forecast` from what was estimated before."""
    units, rules, size = fitted.inputs.units, fitted.rules, max(1, CELLS // draws)
    scored, lines, seen = [], [], []
    for first in range(0, len(units), size):
        block = draw_block(fitted, units[first : first + size], draws, seed, factor)
        scored.append(replace(block.scored, units={}))
        lines.append(criteria_lines(block.scored, rules, block.units))
        if look is not None:
            seen.append(look(block, fitted))
    whole = _beside(scored, draws)
    return Forecast(
        inputs=fitted.inputs, rules=rules, draws=draws, seed=seed, scored=whole, ranks=rank_draws(whole, rules),
        lines=pd.concat(lines, ignore_index=True), seen=tuple(seen),
    )  # fmt: skip


def _beside(blocks: Sequence[DrawnScores], draws: int) -> DrawnScores:
    """The scores of blocks of units as one; what is settled is repeated for every draw."""
    names = [f.name for f in fields(DrawnScores) if f.name != "units"]
    arrays = {
        name: [np.broadcast_to(getattr(b, name), (draws, b.total.shape[1])) for b in blocks] for name in names
    }  # fmt: skip
    return DrawnScores(units={}, **{name: np.concatenate(found, axis=1) for name, found in arrays.items()})


def widened(found: Forecast, factor: float) -> Forecast:
    """The same draws, each `factor` times as far from its commune's median: what `forecast` with that factor gives."""
    scored = _wide(found.scored, factor, found.rules)
    return replace(found, scored=scored, ranks=rank_draws(scored, found.rules))


def _wide(scored: DrawnScores, factor: float, rules: ResolvedSet) -> DrawnScores:
    if factor == 1.0:
        return scored
    return regraded(replace(scored, total=widen(scored.total, factor, rules, scored.max_scored)), rules)


def draw_block(fitted: Fitted, units: tuple[str, ...], draws: int, seed: int, factor: float = 1.0) -> Block:
    """The draws of some units, scored, and widened by the factor."""
    grown = Increments(fitted, units, draws, seed)
    measures, declarations = dict(grown.measures), _declared_now(fitted, units)
    if not fitted.over:
        items = fitted.items.draw(grown.columns.tolist(), seed, draws)
        declarations |= items.declarations
        for name, more in items.increments.items():
            if name in measures:
                measures[name] = _grown(measures[name], more.numerator, more.denominator)
    scored = _wide(score_draws((measures, declarations), fitted.rules), factor, fitted.rules)
    return Block(units, measures, declarations, grown.to_come, grown.now, scored)


def _declared_now(fitted: Fitted, units: tuple[str, ...]) -> dict[str, DeclarationArrays]:
    """Today's declarations of some units, (1, C) by criterion code."""
    codes = [c.code for c in fitted.rules.criteria if c.declared]
    found = declaration_arrays(fitted.inputs.declarations, codes, units)
    return {code: DeclarationArrays(d.value[None], d.points[None], d.state[None]) for code, d in found.items()}


def _grown(now: MeasureArrays, numerator: Floats, denominator: Floats | None) -> MeasureArrays:
    """A register's measure with its increment; one that had no data begins at nothing where something is drawn."""
    more = np.float64(0.0) if denominator is None else denominator
    new = np.isnan(now.numerator) & ~np.isnan(numerator)
    start = np.where(new, 0.0, now.numerator)
    end = now.denominator + more if denominator is None else np.where(new, 0.0, now.denominator) + more
    return MeasureArrays(start + numerator, end, now.unknown, now.present | new)


def good_code(rules: ResolvedSet, grade: str) -> int:
    """Position of a grade in the bands (0 is best). Raises ValueError for a grade that the set does not have."""
    return rules.bands.grades.index(grade)


def p_at_least(grades: NDArray[np.int8], code: int) -> Floats:
    """P(this grade or a better one), by unit."""
    return np.asarray(((grades != core.NO_GRADE) & (grades <= code)).mean(axis=0), dtype=np.float64)
