"""Points that an appraiser put in the place of computed ones: frame to arrays. The engine applies them, and nobody else.

Overrides frame: commune, criterion_code, points. Unit: points, 0..the criterion's maximum (a penalty's size, too, is positive).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from criteria.model import ResolvedCriterion

COLUMNS: Final = ("commune", "criterion_code", "points")


def by_criterion(
    overrides: pd.DataFrame | None, criteria: Sequence[ResolvedCriterion], communes: Sequence[str]
) -> Mapping[str, NDArray[np.float64]]:
    """Points by criterion, NaN where nothing was overridden; criteria without any override are left out.

    Raises ValueError for an unknown commune or criterion, one not in force, two points for one cell, or points out of range.
    """
    out: dict[str, NDArray[np.float64]] = {}
    if overrides is None or overrides.empty:
        return out
    rows = {name: k for k, name in enumerate(communes)}
    known = {c.code: c for c in criteria if c.rule is not None}
    for commune, code, points in overrides[list(COLUMNS)].itertuples(index=False):
        if commune not in rows or code not in known:
            raise ValueError(f"no points to override for commune {commune} and criterion {code}")
        if not 0 <= points <= (known[code].max_points or 0.0):
            raise ValueError(f"{code}: {points} points are outside 0..{known[code].max_points}")
        cells = out.setdefault(code, np.full(len(communes), np.nan))
        if not np.isnan(cells[rows[commune]]):
            raise ValueError(f"two overrides for commune {commune} and criterion {code}")
        cells[rows[commune]] = -points if known[code].kind == "penalty" else points
    return out
