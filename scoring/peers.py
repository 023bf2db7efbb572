"""Strengths and weaknesses: where a subject stands against its peers, criterion by criterion.

Peers are the other subjects of the same ranking group that are scored on the criterion; a subject is not its own peer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from scoring.composite import Composite, Floats, Ints


@dataclass(frozen=True)
class Standing:
    """All (C, K). median: of the peers' shares; better, equal: how many peers; NaN and 0 where not scored or alone."""

    median: Floats
    better: Ints
    equal: Ints
    peers: Ints

    def difference(self, c: Composite) -> Floats:
        """Share of the subject less the median of its peers; NaN where either is missing."""
        return c.shares - self.median


def standing(c: Composite) -> Standing:
    """Median of the peers, and how many of them are better or equal."""
    shape = c.shares.shape
    median = np.full(shape, np.nan)
    better, equal, peers = (np.zeros(shape, dtype=np.int64) for _ in range(3))
    for group in np.unique(c.groups):
        rows = np.flatnonzero(c.groups == group)
        for k in range(shape[1]):
            mine = rows[c.scored[rows, k]]
            if not len(mine):
                continue
            values = np.sort(c.shares[mine, k])
            left = np.searchsorted(values, c.shares[mine, k], side="left")
            right = np.searchsorted(values, c.shares[mine, k], side="right")
            median[mine, k] = _without_one(values, left)
            better[mine, k], equal[mine, k] = len(mine) - right, right - left - 1
            peers[mine, k] = len(mine) - 1
    return Standing(median, better, equal, peers)


def _without_one(values: Floats, out: Ints) -> Floats:
    """The median of sorted values when the one at position `out` is taken away, for many positions at once."""
    rest = len(values) - 1
    if rest < 1:
        return np.full(len(out), np.nan)
    middle = [(rest - 1) // 2, rest // 2]
    picked = [values[np.where(m < out, m, m + 1)] for m in middle]
    return np.asarray((picked[0] + picked[1]) / 2.0, dtype=np.float64)


def strengths(c: Composite, top: int = 3) -> pd.DataFrame:
    """The criteria in which each subject is furthest above and below its peers, in points; at most `top` each way.

    Grain: subject × side × place. Columns: commune, side (strength, weakness), place, code, share, median, difference
    (shares), points (difference in points), better, equal, peers. Criteria level with the median are neither; of equal
    differences the one listed first in the set comes first.
    """
    found = standing(c)
    points = np.round(found.difference(c) * c.weights, 9)
    rows = []
    for i, name in enumerate(c.names):
        for side, sign in (("strength", 1.0), ("weakness", -1.0)):
            size = np.where(np.isnan(points[i]), 0.0, sign * points[i])
            order = [k for k in np.argsort(-size, kind="stable")[:top] if size[k] > 0]
            rows += [(i, name, side, place + 1, int(k)) for place, k in enumerate(order)]
    at = (np.array([r[0] for r in rows], dtype=np.intp), np.array([r[4] for r in rows], dtype=np.intp))
    return pd.DataFrame(
        {
            "commune": pd.Series([r[1] for r in rows], dtype=object),
            "side": pd.Series([r[2] for r in rows], dtype=object),
            "place": np.array([r[3] for r in rows], dtype=np.int64),
            "code": pd.Series([c.codes[r[4]] for r in rows], dtype=object),
            "share": c.shares[at],
            "median": found.median[at],
            "difference": found.difference(c)[at],
            "points": points[at],
            "better": found.better[at],
            "equal": found.equal[at],
            "peers": found.peers[at],
        }
    )
