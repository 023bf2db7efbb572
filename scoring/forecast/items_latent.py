"""What units are likely to say or do next, from what they and others said or did before: one model for every kind of item.

Each outcome of an item (no < yes, 0 < 1 < 2 events, 61 % < 97 %…) is an interval of a standard normal "latent", as wide as
the outcome is frequent in the whole district. A unit's latent = its effect over all items + its effect on this item + that
of the year + the rest. The sizes of these parts come from pairs of outcomes (same unit, other item; same item, other year;
same year), their values by shrinkage. A unit that said yes three years running is so likely to again, a unit that is weak
everywhere is weak where nothing is known of it, and its items are drawn together.

The outcomes of a unit and item are then a table over a standard normal number, so that a draw costs one look-up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from scipy.special import ndtr, ndtri  # type: ignore[import-untyped]

from scoring.forecast.inputs import Floats
from scoring.forecast.streams import normals

#: Sizes before any pair was seen: variance of the unit's effect, of its effect on one item; of its year, as a part of the first.
PRIOR_UNIT, PRIOR_ITEM, PRIOR_YEAR = 0.10, 0.20, 0.2
#: Weight of these guesses, in pairs of outcomes.
PRIOR_PAIRS: Final = 20.0
#: Weight of what all groups say against one group, and of what a group says against one item, in outcomes.
GROUP_OUTCOMES, ITEM_OUTCOMES = 25.0, 100.0
_ROUNDS: Final = 10
#: Bounds, in outcomes, of the weight of all items' share against one item's own.
LEAST_LIKENESS, MOST_LIKENESS = 2.0, 500.0
MOST: Final = 0.9  # the parts together explain no more of an outcome than this: something is always left to luck
#: Cells of a table and the range of normal numbers they cover.
CELLS: Final = 1024
REACH: Final = 4.5
_STEP: Final = 2 * REACH / CELLS
#: The share of outcomes below the middle of each cell (K,); the outer cells hold the tails.
CELL_SHARE: Final[Floats] = ndtr(-REACH + (np.arange(CELLS) + 0.5) * _STEP)


@dataclass(frozen=True)
class Outcomes:
    """Standardised outcomes of N units, C items, Y years. score: sum of the latents' means; count: outcomes behind it.
    information (C,): variance of one outcome's latent mean; 1 for fine outcomes, near 0 where all say the same.
    groups (C,): 0, 1, …; items of one group (all yes/no questions, say) depend on the unit in a like way."""

    score: Floats
    count: Floats
    information: Floats
    groups: Any


@dataclass(frozen=True)
class Leaning:
    """The latent of the next outcome. mean, sd: (N, C). loading: (N, C), how much of sd is shared by a unit's items (0…1)."""

    mean: Floats
    sd: Floats
    loading: Floats


def latent_means(below: Floats, upto: Floats) -> Floats:
    """Mean of a standard normal number between the quantiles of two shares, `below` < `upto`."""
    with np.errstate(invalid="ignore", divide="ignore"):
        width = upto - below
        mean = (_density(below) - _density(upto)) / width
    return np.where(width > 1e-9, mean, ndtri(np.clip((below + upto) / 2, 1e-6, 1 - 1e-6)))


def _density(share: Floats) -> Floats:
    """Normal density at the quantile of a share; 0 at 0 and 1."""
    return np.asarray(np.exp(-0.5 * ndtri(np.clip(share, 1e-12, 1 - 1e-12)) ** 2) / np.sqrt(2 * np.pi))


def leaning(seen: Outcomes) -> Leaning:
    """Where the latent of each unit and item will lie, drawn towards the unit, the item and nothing at all."""
    parts = _parts(seen)
    load, item, year = parts.load, parts.item, parts.year
    information = np.maximum(seen.information, 1e-9)
    count, total = seen.count.sum(axis=2), seen.score.sum(axis=2)
    explained = load**2 * (1 + year) + item
    # As a measurement of the effects an outcome's latent mean, over its information, has this precision.
    precision = count / (1 / information - explained)
    with np.errstate(divide="ignore", invalid="ignore"):
        measured = np.where(count > 0, total / (count * information), 0.0)
        weight = np.where(precision > 0, 1 / (item + 1 / precision), 0.0)
    years = np.maximum((seen.count > 0).any(axis=1).sum(axis=1), 1)
    summed = np.maximum((weight * load**2).sum(axis=1), 1e-12)
    kept = 1 / (1 + 1 / summed + year / years)
    of_unit = (kept * (weight * load * measured).sum(axis=1) / summed)[:, None] * load
    drawn = precision * item / (1 + precision * item)
    shared = load**2 * (year + (1 - kept)[:, None] * (1 - drawn) ** 2)
    variance = 1 - explained + item * (1 - drawn) + shared
    return Leaning(of_unit + drawn * (measured - of_unit), np.sqrt(variance), np.sqrt(shared / variance))


@dataclass(frozen=True)
class _Parts:
    """load (C,): of the unit's effect, which has variance 1. item (C,): variance of the unit's effect on this item alone.
    year: variance of the unit's effect of one year, which loads alike."""

    load: Floats
    item: Floats
    year: float


def _parts(seen: Outcomes) -> _Parts:
    """Sizes of the parts, from products of outcomes that share them and nothing else."""
    score, reach, groups = seen.score, seen.count * seen.information[None, :, None], seen.groups
    outcomes = reach.sum(axis=(0, 2))
    load = np.full(len(groups), PRIOR_UNIT**0.5)
    for _ in range(_ROUNDS):
        # Each item against the other items of the same unit in other years.
        found = _against(score, score * load[:, None])
        size = _against(reach, reach * (load**2)[:, None])
        overall = (found.sum() + PRIOR_PAIRS * PRIOR_UNIT**1.5) / (size.sum() + PRIOR_PAIRS * PRIOR_UNIT)
        of_group = _drawn(found, size, outcomes, groups, np.full(len(groups), overall), GROUP_OUTCOMES)
        fresh = _drawn(found, size, outcomes, np.arange(len(groups)), of_group, ITEM_OUTCOMES)
        load = np.sqrt(load * np.clip(fresh, 1e-6, 1.0))  # half way: by itself the step overshoots and comes back
    level = PRIOR_PAIRS * float(np.mean(load) ** 4)
    together = _same_year(score * load[:, None]) + level * (1 + PRIOR_YEAR)
    year = float(np.clip(together / max(_same_year(reach * (load**2)[:, None]) + level, 1e-12) - 1, 0.0, 2.0))
    product, weight = ((one.sum(axis=2) ** 2 - (one**2).sum(axis=2)).sum(axis=0) for one in (score, reach))
    # What the unit's own effect leaves of an item's agreement with itself in other years.
    left, pairs = (np.bincount(groups, one)[groups] for one in (product - weight * load**2, weight))
    item = np.maximum((left + PRIOR_PAIRS * PRIOR_ITEM) / (pairs + PRIOR_PAIRS), 0.0)
    scale = np.minimum(1.0, MOST / np.maximum(load**2 * (1 + year) + item, 1e-12))
    return _Parts(load * np.sqrt(scale), item * scale, year)


def _against(one: Floats, others: Floats) -> Floats:
    """(C,) sum of products of each item with the other items of the same unit in other years."""
    whole = one.sum(axis=2) * (others.sum(axis=(1, 2))[:, None] - others.sum(axis=2))
    same = (one * (others.sum(axis=1)[:, None, :] - others)).sum(axis=2)
    return np.asarray((whole - same).sum(axis=0), dtype=np.float64)


def _same_year(score: Floats) -> float:
    """Sum of products of different items of the same unit and year."""
    return float((score.sum(axis=1) ** 2).sum() - (score**2).sum())


def _drawn(found: Floats, size: Floats, outcomes: Floats, groups: Any, towards: Floats, weight: float) -> Floats:
    """(C,) found / size by group, drawn towards a guess that weighs as much as so many outcomes."""
    total, sizes, many = (np.bincount(groups, one)[groups] for one in (found, size, outcomes))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(sizes > 0, total / sizes, 0.0)
    many = np.where(sizes > 0, many, 0.0)
    return np.asarray((many * ratio + weight * towards) / (many + weight), dtype=np.float64)


def binary_outcomes(yes: Floats, count: Floats, prior: float = 0.5) -> tuple[Outcomes, Floats]:
    """Outcomes of yes/no items from counts (N, C, Y), and the district's share of yes of each item (C,).

    An item's share is drawn towards that of all items, the more the less items differ; this one towards `prior`, with the
    weight of one outcome.
    """
    of_item, many = yes.sum(axis=(0, 2)), count.sum(axis=(0, 2))
    overall = (of_item.sum() + prior) / (many.sum() + 1)
    weight = likeness(of_item, many)
    share = np.clip((of_item + weight * overall) / (many + weight), 1e-4, 1 - 1e-4)
    height = _density(share)
    up, down = (height / share)[None, :, None], (-height / (1 - share))[None, :, None]
    information = height**2 / (share * (1 - share))
    return Outcomes(yes * up + (count - yes) * down, count, information, np.zeros(len(share), dtype=np.intp)), share


def likeness(yes: Floats, count: Floats) -> float:
    """How many outcomes the share of all items weighs as much as, against an item's own: by how far items lie apart."""
    total = count.sum()
    share = yes.sum() / max(total, 1.0)
    luck = share * (1 - share)
    seen = count > 0
    spare = total - (count**2).sum() / max(total, 1.0)
    if seen.sum() < 2 or luck <= 0 or spare <= 0:
        return LEAST_LIKENESS
    apart = float((count[seen] * (yes[seen] / count[seen] - share) ** 2).sum() - (seen.sum() - 1) * luck) / spare
    return float(np.clip(luck / max(apart, 1e-9), LEAST_LIKENESS, MOST_LIKENESS))


def chance(share: Floats, lean: Leaning) -> Floats:
    """(N, C) chance of yes of each unit and item: the district's share (C,), moved by the unit's leaning."""
    return np.asarray(ndtr((ndtri(share)[None, :] + lean.mean) / lean.sd))


def cells(seed: int, units: Sequence[str], name: str, loading: Floats, shared: Floats | None, draws: int) -> Any:
    """(C, D) cell of every unit and draw. loading (C,): how much of the luck is the unit's `shared` (C, D) one."""
    luck = normals(seed, units, name, draws).T
    if shared is not None:
        luck *= np.sqrt(1 - loading**2)[:, None]
        luck += loading[:, None] * shared
    luck += REACH
    luck *= 1 / _STEP
    np.clip(luck, 0, CELLS - 1, out=luck)
    return luck.astype(np.intp)


def look_up(table: Floats, cell: Any) -> Floats:
    """(D, C) outcomes: table (C, K), cell (C, D)."""
    out = np.empty(cell.shape, dtype=table.dtype)
    for row, own, where in zip(out, table, cell):
        np.take(own, where, out=row, mode="clip")
    return out.T
