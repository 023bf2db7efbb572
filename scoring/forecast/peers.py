"""A commune alone: where its peers may end, from what was published of them. Its rank among them is an estimate, and says so.

A peer's next index is its last published one, moved by a change that all share and one of its own, both as large as they
were from year to year. Published indices are on the appraisers' scale: when the commune knows its own score of a published
year, its peers are moved by the difference, so that like is compared with like.
Units: points of the index in, hundredths (10**-decimals) of what the set ranks by out: of a set that ranks by share, percent.
Published indices are on a scale of 100, so that for such a set they are percent as they stand.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from criteria.model import ResolvedSet
from scoring.forecast.streams import EVERYBODY, normals
from scoring.forecast.widen import limits
from scoring.rounding import to_units
from scoring.totals import max_total

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
#: Changes (own ones, and common ones) that weigh as much as what is believed before any is seen.
_PRIOR_CHANGES: Final = 2.0
#: Points between communes of a district, as usual, before any is seen: two published indices weigh as much.
_USUAL_SD: Final = 5.0


@dataclass(frozen=True)
class Drift:
    """Change of an index from one year to the next, in points: the common mean, and the spread in common and of one's own."""

    mean: float
    common_sd: float
    own_sd: float


def peer_draws(
    published: pd.DataFrame, own: str, year: int, rules: ResolvedSet, *, seed: int, draws: int,
    own_score: Mapping[int, float] | None = None, shift_by_peer: Mapping[str, float] | None = None,
) -> tuple[tuple[str, ...], Ints]:  # fmt: skip
    """The peers' names in order, and their totals (D, P) at the end of `year`.

    published: commune, year, index, rank (years before `year` count; an index that was not published is read off its rank,
    between the published ones of that year). own: the commune itself, no peer of its own. own_score: what it was computed to
    be ranked by, by year. shift_by_peer: points of the set to add to a peer, for what is known of this year (`peer_reports`).
    Peers with no published place on the scale are left out: they have no name in the answer.
    """
    table = _table(published, year)
    moved = drift(table)
    names = tuple(str(name) for name in table.index if str(name) != own)
    last = table.loc[list(names)].ffill(axis=1).iloc[:, -1:].to_numpy(dtype=np.float64).reshape(-1)
    seen = table.loc[list(names)].notna().to_numpy()
    gap = np.array([year - table.columns[np.flatnonzero(row)[-1]] for row in seen], dtype=np.float64)
    per_point, low, high = ranking_scale(rules)
    shift = np.array([(shift_by_peer or {}).get(name, 0.0) for name in names]) * per_point
    common = normals(seed, (EVERYBODY,), "peers", draws) * moved.common_sd
    each = normals(seed, names, "peer", draws) * moved.own_sd
    index = last + _anchor(table, own, own_score or {}) + shift + gap * moved.mean + np.sqrt(gap) * (common + each)
    return names, np.clip(to_units(index, rules.decimals), low, high)


def ranking_scale(rules: ResolvedSet) -> tuple[float, int, int]:
    """What one point of the set is on the scale that it ranks by, and the least and the largest on it, in whole units."""
    low, high = limits(rules)
    if rules.ranking_basis != "share":
        return 1.0, low, high
    unit, whole = int(10**rules.decimals), max(max_total(rules), 1)
    return 100.0 * unit / whole, 100 * unit * low // whole, -(-100 * unit * high // whole)


def last_published(published: pd.DataFrame, year: int) -> dict[str, int]:
    """The last year before `year` for which each peer has a place on the scale."""
    seen = _table(published, year).notna()
    return {str(name): int(seen.columns[row.to_numpy().nonzero()[0][-1]]) for name, row in seen.iterrows()}


def drift(table: pd.DataFrame) -> Drift:
    """From indices by commune (rows) and consecutive published years (columns); gaps of several years count as so many steps.

    The own spread is what is left of the changes when each year's common change is taken out. Few years teach little: it is
    drawn towards the change of communes that keep their places with a correlation of 3/4 (half the variance of the indices
    themselves), the common spread towards half of the own one, the common mean towards 0.
    """
    index, years = table.to_numpy(dtype=np.float64), np.array(table.columns, dtype=np.float64)
    steps = np.diff(years)
    change = np.diff(index, axis=1) / np.sqrt(steps)
    level, centre = index - _mean(index), _mean(change)
    places = max(0, int((~np.isnan(level)).sum()) - index.shape[1])
    spread = (_USUAL_SD**2 + float(np.nansum(level**2))) / (1.0 + places)
    left = change - centre
    free = max(0, int((~np.isnan(left)).sum()) - int((~np.isnan(centre)).sum()))
    own = (_PRIOR_CHANGES * spread / 2 + float(np.nansum(left**2))) / (_PRIOR_CHANGES + free)
    yearly = (centre / np.sqrt(steps))[~np.isnan(centre)]
    mean = float(yearly.sum()) / (len(yearly) + _PRIOR_CHANGES)
    common = (own / 4 + float(((yearly - mean) ** 2).sum())) / (1.0 + len(yearly))
    return Drift(mean, float(np.sqrt(common)), float(np.sqrt(own)))


def _mean(values: Floats) -> Floats:
    """Mean of each column over what is known; NaN where nothing is."""
    known = ~np.isnan(values)
    count = known.sum(axis=0)
    return np.where(count > 0, np.nansum(values, axis=0) / np.maximum(count, 1), np.nan)


def _table(published: pd.DataFrame, year: int) -> pd.DataFrame:
    """Indices by commune and year before `year`, those not published read off their ranks; communes and years without are out."""
    past = published[published["year"] < year].drop_duplicates(["commune", "year"], keep="last").sort_values(["year", "commune"])
    index, rank = (past.pivot(index="commune", columns="year", values=name).astype(np.float64) for name in ("index", "rank"))
    for column in index.columns:
        pairs = pd.DataFrame({"index": index[column], "rank": rank[column]}).dropna().sort_values("rank")
        asked = index[column].isna() & rank[column].notna()
        if len(pairs) >= 2:
            index.loc[asked, column] = np.interp(rank.loc[asked, column], pairs["rank"], pairs["index"])
    return index.dropna(how="all").dropna(how="all", axis=1)


def _anchor(table: pd.DataFrame, own: str, own_score: Mapping[int, float]) -> float:
    """Own score less own published index of the last year for which both are known; 0 without one."""
    if own not in table.index:
        return 0.0
    pairs = zip(table.columns.astype(int).tolist(), table.loc[own].to_numpy(dtype=np.float64).tolist())
    known = [own_score[year] - index for year, index in pairs if year in own_score and index == index]
    return known[-1] if known else 0.0
