"""From the points of every criterion to total, share, grade and rank, in whole hundredths of a point."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from criteria.model import ResolvedSet
from scoring import core
from scoring.recover import as_fraction
from scoring.rounding import NO_UNITS, from_units, to_units


def totals_frame(
    criteria_at: ResolvedSet, units: Sequence[NDArray[np.int64]], communes: Sequence[str], unranked: Collection[str] = ()
) -> pd.DataFrame:
    """Total, share, index on the grading scale, grade and rank. Grain: subject, in the order given.

    `units`: for each criterion of the set, whole units of points by subject; NO_UNITS where nothing is scored.
    `unranked`: subjects left out of the ranking; they are nobody's peers.
    The index is read on `grading_scale`: what is not scored leaves the maximum, so 8 of 8 scored points of 10 are 18 of 18.
    """
    count, decimals, listed = len(communes), criteria_at.decimals, criteria_at.criteria
    base = np.zeros(count, dtype=np.int64)
    outside = np.zeros(count, dtype=np.int64)
    max_scored = np.zeros(count, dtype=np.int64)
    max_total = 0
    for criterion, points in zip(listed, units):
        if criterion.rule is None:
            continue
        has = points != NO_UNITS
        if criterion.kind == "base":
            top = int(to_units(criterion.max_points or 0.0, decimals))
            base += np.where(has, points, 0)
            max_scored += np.where(has, top, 0)
            max_total += top
        else:
            outside += np.where(has, points, 0)
    bonus = core.clip_bonus(outside, int(to_units(criteria_at.bonus_limit, decimals)))
    known = max_scored > 0
    total = np.where(known, base + bonus, NO_UNITS)
    share = np.where(known, core.share_units(base + bonus, max_scored, decimals), NO_UNITS)
    enough_at = as_fraction(criteria_at.min_scored_share) * max_total
    enough = known & (max_scored * enough_at.denominator >= enough_at.numerator)
    scaled = np.where(known, core.share_units(base + bonus, max_scored, decimals, criteria_at.grading_scale), NO_UNITS)
    grade = np.where(enough, core.grade_codes(scaled, criteria_at.bands.bands, decimals), core.NO_GRADE)
    group = _groups(communes) if criteria_at.ranking_within == "commune" else np.zeros(count, dtype=np.int64)
    ranked = known & ~np.isin(np.array(communes, dtype=object), list(unranked))
    basis = share if criteria_at.ranking_basis == "share" else total
    rank = core.competition_rank(np.where(ranked, basis, NO_UNITS), group)
    peers = np.bincount(group, weights=ranked, minlength=1).astype(np.int64)[group]
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
            "peers": peers,
        }
    )


def _groups(subjects: Sequence[str]) -> NDArray[np.int64]:
    """One number per commune: subjects `commune|official` of one commune share it."""
    codes, _ = pd.factorize(np.array([s.split("|", 1)[0] for s in subjects], dtype=object))
    return codes.astype(np.int64)
