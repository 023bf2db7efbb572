"""From the points of every criterion to total, share, grade and rank, in whole hundredths of a point."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from criteria.model import ResolvedSet
from scoring import core
from scoring.recover import as_fraction
from scoring.rounding import NO_UNITS, from_units, to_units

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Totals:
    """Whole units of points over subjects (C,) or draws × subjects (D, C); arrays broadcast. NO_UNITS where nothing is scored.

    share: percent of what is scored. grading: the index on `grading_scale`: what is not scored leaves the maximum, so 8 of 8
    scored points of 10 are 18 of 18. enough: whether so much is scored that there is a grade.
    grade: position in the bands, core.NO_GRADE without one.
    """

    max_scored: Ints
    total: Ints
    share: Ints
    grading: Ints
    enough: NDArray[np.bool_]
    grade: Ints


def max_total(criteria_at: ResolvedSet) -> int:
    """The points of all base criteria in force, in whole units."""
    base = [c.max_points or 0.0 for c in criteria_at.criteria if c.kind == "base" and c.rule is not None]
    return sum(int(to_units(top, criteria_at.decimals)) for top in base)


def sums(criteria_at: ResolvedSet, units: Sequence[Ints]) -> tuple[Ints, Ints, Ints]:
    """Base points, bonus held within its limit, and the maximum of what is scored, in whole units.

    units: for each criterion of the set, of any shapes that broadcast; NO_UNITS where nothing is scored.
    """
    base = outside = max_scored = np.zeros(1, dtype=np.int64)
    in_force = [(points, c) for points, c in zip(units, criteria_at.criteria) if c.rule is not None]
    for points, criterion in sorted(in_force, key=lambda pair: pair[0].size):  # the settled ones first: sums stay small
        has = points != NO_UNITS
        every = bool(has.all())
        got = points if every else np.where(has, points, 0)
        if criterion.kind != "base":
            outside = outside + got
            continue
        top = int(to_units(criterion.max_points or 0.0, criteria_at.decimals))
        base = base + got
        max_scored = max_scored + (top if every else np.where(has, top, 0))
    return base, core.clip_bonus(outside, int(to_units(criteria_at.bonus_limit, criteria_at.decimals))), max_scored


def totals_of(criteria_at: ResolvedSet, points: Ints, max_scored: Ints) -> Totals:
    """Share, index and grade of points (base and bonus) out of the maximum of what is scored."""
    decimals, known = criteria_at.decimals, max_scored > 0
    enough_at = as_fraction(criteria_at.min_scored_share) * max_total(criteria_at)
    enough = known & (max_scored * enough_at.denominator >= enough_at.numerator)
    share = core.share_units(points, max_scored, decimals)
    scale = criteria_at.grading_scale
    grading = share if scale == 100 else core.share_units(points, max_scored, decimals, scale)
    grade = core.grade_codes(grading, criteria_at.bands.bands, decimals)
    return Totals(
        max_scored=max_scored,
        total=points if known.all() else np.where(known, points, NO_UNITS),
        share=share,
        grading=grading,
        enough=enough,
        grade=grade if enough.all() else np.where(enough, grade, core.NO_GRADE),
    )


def totals_frame(
    criteria_at: ResolvedSet, units: Sequence[Ints], communes: Sequence[str], unranked: Collection[str] = ()
) -> pd.DataFrame:
    """Total, share, index on the grading scale, grade and rank. Grain: subject, in the order given.

    `units`: for each criterion of the set, whole units of points by subject; NO_UNITS where nothing is scored.
    `unranked`: subjects left out of the ranking; they are nobody's peers.
    """
    count, decimals = len(communes), criteria_at.decimals
    base, bonus, scored = (np.broadcast_to(x, count) for x in sums(criteria_at, units))
    found, known = totals_of(criteria_at, base + bonus, scored), scored > 0
    group = _groups(communes) if criteria_at.ranking_within == "commune" else np.zeros(count, dtype=np.int64)
    ranked = known & ~np.isin(np.array(communes, dtype=object), list(unranked))
    basis = found.share if criteria_at.ranking_basis == "share" else found.total
    rank = core.competition_rank(np.where(ranked, basis, NO_UNITS), group)
    peers = np.bincount(group, weights=ranked, minlength=1).astype(np.int64)[group]
    grades = np.array([*criteria_at.bands.grades, None], dtype=object)

    return pd.DataFrame(
        {
            "commune": pd.Series(communes, dtype=object),
            "total": from_units(found.total, decimals),
            "bonus": from_units(bonus, decimals),
            "max_scored": from_units(found.max_scored, decimals),
            "max_total": np.full(count, max_total(criteria_at) / 10**decimals),
            "share": from_units(found.share, decimals),
            "grading_index": from_units(found.grading, decimals),
            "grade": pd.Series(grades[found.grade], dtype=object),
            "grade_status": pd.Series(np.where(found.enough, "graded", "insufficient_data"), dtype=object),
            "rank": pd.arrays.IntegerArray(rank, rank == core.NO_RANK),
            "peers": peers,
        }
    )


def _groups(subjects: Sequence[str]) -> NDArray[np.int64]:
    """One number per commune: subjects `commune|official` of one commune share it."""
    codes, _ = pd.factorize(np.array([s.split("|", 1)[0] for s in subjects], dtype=object))
    return codes.astype(np.int64)
