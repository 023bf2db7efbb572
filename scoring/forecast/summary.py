"""What thousands of drawn years say of each commune: quantiles, grades, places, and which criteria the doubt comes from.

Quantiles are whole units of a draw that happened (the least value that at least the share asked for does not exceed), never
a number between two draws: where all draws are one number, every quantile and the mean are that number.
Units: hundredths (10**-decimals) in, points out, shares /1. Draws without a score are left out; NaN where there is no other.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from criteria.model import ResolvedSet
from scoring import core
from scoring.draws import DrawnScores
from scoring.rounding import NO_UNITS, from_units, half_up_ratio, to_units

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
#: Thousandths by name: whole numbers, so that a quantile's place among the draws is exact.
QUANTILES: Final[Mapping[str, int]] = {
    "p025": 25, "p05": 50, "p10": 100, "p25": 250, "p50": 500, "p75": 750, "p90": 900, "p95": 950, "p975": 975,
}  # fmt: skip
#: Kinds of criteria whose year is not known from counted cases.
NOT_MEASURED: Final = ("survey", "declared")


def summary_units(units: Ints, thousandths: Sequence[int]) -> Ints:
    """(1 + Q, C): the mean, rounded half up to whole units, and the quantiles of (D, C) draws.

    Draws without a score are left out; NO_UNITS where there is no other.
    """
    ordered = np.sort(np.ascontiguousarray(units.T), axis=1)  # those without a score come first
    rows, draws = ordered.shape
    missing = (ordered == NO_UNITS).sum(axis=1) if (ordered[:, :1] == NO_UNITS).any() else np.zeros(rows, dtype=np.int64)
    total = (np.where(ordered == NO_UNITS, 0, ordered) if missing.any() else ordered).sum(axis=1)
    count = draws - missing
    places = [missing + np.maximum(-(-q * count // 1000) - 1, 0) for q in thousandths]
    found = [ordered[np.arange(rows), np.minimum(place, draws - 1)] for place in places]
    return np.stack([half_up_ratio(total, count), *found])


def quantiles(units: Ints, decimals: int = 2) -> dict[str, Floats]:
    """`mean` and the nine quantiles of (D, C) draws by name, each (C,) in points."""
    found = from_units(summary_units(units, list(QUANTILES.values())), decimals)
    return dict(zip(("mean", *QUANTILES), found))


def grade_probability(grades: NDArray[Any], rules: ResolvedSet) -> dict[str | None, Floats]:
    """(C,) share of the draws (D, C) that end in each grade of the set, best first; None: without a grade. They sum to 1."""
    named: list[str | None] = [*rules.bands.grades, None]
    places = [*range(len(named) - 1), core.NO_GRADE]
    return {name: np.asarray((grades == k).mean(axis=0), dtype=np.float64) for name, k in zip(named, places)}


# --- places ---


def rank_matrix(ranks: Ints) -> Floats:
    """(C, C): how likely each commune (row) ends in each place (column, the first is place 1), from ranks (D, C).

    Communes that share a rank in a draw share the places they take up: two on rank 3 have half of place 3 and half of place 4
    each. So every row sums to 1 and every column too, as far as communes are ranked: a commune without a rank in some draws
    has a row below 1, and the last places are then empty in those draws.
    """
    draws, count = ranks.shape
    ranked = ranks != core.NO_RANK
    cell = np.arange(draws)[:, None] * (count + 1) + ranks
    sharing = np.bincount(cell.ravel(), minlength=draws * (count + 1))[cell]
    place = np.arange(count) * count + ranks - 1
    out = np.zeros((count, count))
    for size in np.unique(sharing[ranked]).tolist():
        chosen = place[ranked & (sharing == size)]
        times = np.bincount(chosen, minlength=count * count).reshape(count, count)
        for step in range(size):
            out[:, step:] += times[:, : count - step] / size
    return np.asarray(out / draws, dtype=np.float64)


def expected_rank(matrix: Floats) -> Floats:
    """(C,) mean place, those of equal rank counted by the middle of the places they share; NaN for one never ranked."""
    ranked = matrix.sum(axis=1)
    places = matrix @ np.arange(1.0, matrix.shape[1] + 1)
    return np.where(ranked > 0, places / np.where(ranked > 0, ranked, 1.0), np.nan)


# --- where the doubt comes from ---


def variance_shares(units: Mapping[str, Ints], rules: ResolvedSet) -> dict[str, Floats]:
    """(C,) by criterion: the share of the variance of the total that goes with it (its covariance with the total).

    They sum to 1, and are all 0 where the total never moves. A criterion that moves against the others has a negative share.
    Bonus and penalty count as far as their limit lets them, in each draw in proportion.
    """
    in_force = {c.code: c for c in rules.criteria if c.rule is not None}
    points = {code: _points(units[code]) for code in in_force}
    outside = [code for code, c in in_force.items() if c.kind != "base"]
    if outside:
        whole = _sum([points[code] for code in outside])
        limit = int(to_units(rules.bonus_limit, rules.decimals))
        held = np.where(np.abs(whole) > limit, limit / np.where(whole == 0, 1.0, np.abs(whole)), 1.0)
        points |= {code: points[code] * held for code in outside}
    total = _sum(list(points.values()))
    centred = total - total.mean(axis=0)
    variance = np.einsum("dc,dc->c", centred, centred)
    moves = (total != total[:1]).any(axis=0)
    shares = {}
    for code, one in points.items():
        covariance = np.einsum("dc,dc->c", one - one[:1], centred) if len(one) > 1 else 0.0
        shares[code] = np.where(moves, covariance / np.where(moves, variance, 1.0), 0.0)
    return shares


def _points(units: Ints) -> Floats:
    """Units as floats, 0 where nothing is scored."""
    return np.where(units == NO_UNITS, 0, units).astype(np.float64)


def _sum(arrays: Sequence[Floats]) -> Floats:
    """The sum of arrays that broadcast, the settled ones first."""
    out = np.zeros((1, 1))
    for array in sorted(arrays, key=np.size):
        out = out + array
    return out


def not_measured_share(
    shares: Mapping[str, Floats], kinds: Mapping[str, str], not_measured: Collection[str] = NOT_MEASURED
) -> Floats:
    """(C,) share of the variance of the total that goes with criteria nobody has measured yet, held between 0 and 1.

    kinds: dossiers, survey, register or declared, by criterion code. Raises KeyError for a criterion without a kind.
    """
    found = sum((share for code, share in shares.items() if kinds[code] in not_measured), np.zeros(1))
    return np.clip(np.broadcast_to(found, np.broadcast_shapes(*(s.shape for s in shares.values()))), 0.0, 1.0)


def criteria_lines(scored: DrawnScores, rules: ResolvedSet, communes: Sequence[str]) -> pd.DataFrame:
    """commune, code, mean, p10, p50, p90 (points, NaN where nothing is scored), variance_share. Grain: commune × criterion."""
    shares = variance_shares(scored.units, rules)
    codes = list(shares)
    found = np.stack([_line(scored.units[code]) for code in codes]) if codes else np.zeros((0, 4, len(communes)), dtype=np.int64)
    points = from_units(np.moveaxis(found, 2, 0), rules.decimals)
    frame = {
        "commune": np.repeat(np.array(communes, dtype=object), len(codes)),
        "code": np.tile(np.array(codes, dtype=object), len(communes)),
        **{name: points[:, :, k].ravel() for k, name in enumerate(("mean", "p10", "p50", "p90"))},
        "variance_share": np.stack([shares[code] for code in codes], axis=1).ravel() if codes else np.zeros(0),
    }
    return pd.DataFrame(frame)


def _line(units: Ints) -> Ints:
    """(4, C): mean, p10, p50, p90."""
    if len(units) == 1:
        return np.repeat(units, 4, axis=0)
    return summary_units(units, [QUANTILES[name] for name in ("p10", "p50", "p90")])
