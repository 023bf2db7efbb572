"""A score as a composite: shares of the maximum, weights, and the ranks they give. Arrays only, any number of weightings.

A criterion that is not scored leaves the total and the maximum, as in the engine; the set's ranking basis decides
whether totals or shares of the scored maximum are compared. With the legal weights the ranks are those of the engine.
Units: shares 0..1, weights and totals in points, `*_units` in whole units of 10**-decimals.
Source: linear aggregation as in OECD/JRC, Handbook on Constructing Composite Indicators (2008), equation 31.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from criteria.model import ResolvedSet
from scoring import core
from scoring.engine import Scores
from scoring.rounding import NO_UNITS, from_units, to_units

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True)
class Composite:
    """C subjects × K base criteria in force. `shares` is NaN where not scored; `bonus` is what the engine counted.

    groups: (C,) number of the group a subject is ranked in; all 0 when all are ranked together.
    """

    names: tuple[str, ...]
    codes: tuple[str, ...]
    sections: tuple[str, ...]
    weights: Floats
    shares: Floats
    bonus: Floats
    groups: Ints
    basis: str
    decimals: int

    @property
    def scored(self) -> NDArray[np.bool_]:
        return ~np.isnan(self.shares)

    @property
    def filled(self) -> Floats:
        """Shares with 0 where not scored: what such a criterion adds to a total."""
        return np.nan_to_num(self.shares)


def composite(scores: Scores, rules: ResolvedSet) -> Composite:
    """The composite behind scores of a set. Officials (`commune|official`) are in the group of their commune if ranked so.

    Raises ValueError when the scores are of another set than the rules.
    """
    if scores.set_hash != rules.hash:
        raise ValueError(f"scores of {scores.set_name} do not belong to these rules of {rules.name}")
    listed = [c for c in rules.criteria if c.kind == "base" and c.rule is not None and (c.max_points or 0.0) > 0]
    names = tuple(str(n) for n in scores.totals["commune"])
    every = [c.code for c in rules.criteria]
    points = scores.criteria["points"].to_numpy(dtype=np.float64).reshape(len(names), len(every))
    # As the engine sums them: a maximum finer than the set's decimals counts as rounded.
    maxima = np.array([c.max_points for c in listed], dtype=np.float64)
    weights = from_units(to_units(maxima, rules.decimals), rules.decimals)
    columns = np.array([every.index(c.code) for c in listed], dtype=np.intp)
    where = [n.split("|", 1)[0] if rules.ranking_within == "commune" else "" for n in names]
    return Composite(
        names=names,
        codes=tuple(c.code for c in listed),
        sections=tuple(c.section for c in listed),
        weights=weights,
        shares=points[:, columns] / weights if len(listed) else np.zeros((len(names), 0)),
        bonus=scores.totals["bonus"].to_numpy(dtype=np.float64),
        groups=np.unique(where, return_inverse=True)[1].astype(np.int64),
        basis=rules.ranking_basis,
        decimals=rules.decimals,
    )


def weighted_mean(shares: ArrayLike, weights: ArrayLike) -> Floats:
    """Σ w·p / Σ w over what is scored, along the last axis; NaN where nothing is. Unit: share."""
    p = np.asarray(shares, dtype=np.float64)
    w = np.broadcast_to(np.asarray(weights, dtype=np.float64), p.shape)
    weight = np.where(np.isnan(p), 0.0, w).sum(axis=-1)
    total = (np.nan_to_num(p) * w).sum(axis=-1)
    return np.where(weight > 0, total / np.where(weight > 0, weight, 1.0), np.nan)


def contributions(shares: ArrayLike, weights: ArrayLike) -> Floats:
    """What each criterion adds to the weighted mean; they sum to it. 0 where not scored, NaN where nothing is."""
    p = np.asarray(shares, dtype=np.float64)
    w = np.broadcast_to(np.asarray(weights, dtype=np.float64), p.shape)
    weight = np.where(np.isnan(p), 0.0, w).sum(axis=-1, keepdims=True)
    return np.where(weight > 0, np.nan_to_num(p) * w / np.where(weight > 0, weight, 1.0), np.nan)


def ranking_units(total: ArrayLike, max_scored: ArrayLike, basis: str, decimals: int) -> Ints:
    """What subjects are ranked by, rounded once as the engine does; NO_UNITS where nothing is scored. Points in."""
    units, top = to_units(total, decimals), to_units(max_scored, decimals)
    if basis == "share":
        return core.share_units(units, top, decimals)
    return np.where(top > 0, units, NO_UNITS)


def rank_in(c: Composite, units: Ints) -> Ints:
    """Competition ranks along the last axis, in each group by itself; NO_RANK for NO_UNITS."""
    return core.competition_rank(units, c.groups if c.groups.any() else None)


def ranks(c: Composite, weights: ArrayLike | None = None) -> Ints:
    """Ranks under one weighting (K,) -> (C,) or many (D, K) -> (D, C); the legal weights when none are given."""
    w = c.weights if weights is None else np.asarray(weights, dtype=np.float64)
    units = ranking_units(w @ c.filled.T + c.bonus, w @ c.scored.T.astype(np.float64), c.basis, c.decimals)
    return rank_in(c, units)


def without_each(c: Composite) -> Ints:
    """(K, C): the ranks when one criterion after the other is left out."""
    return ranks(c, c.weights * (1.0 - np.eye(len(c.codes))))
