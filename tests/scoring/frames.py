"""Small measures and declarations frames for the tests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from criteria import ResolvedSet, load_set
from scoring.engine import Scores, score

DAY = date(2023, 12, 31)
A, B, C, D = "22489", "22492", "22495", "22498"


def law(day: date = DAY) -> ResolvedSet:
    return load_set().at(day)


def measures(rows: Iterable[tuple[Any, ...]] = ()) -> pd.DataFrame:
    """Rows: commune, measure, numerator, denominator (None for counts), unknown (0 when left out)."""
    filled = [(*row, 0)[:5] for row in rows]
    frame = pd.DataFrame(filled, columns=["commune", "measure", "numerator", "denominator", "unknown"])
    return frame.astype({"numerator": float, "denominator": float})


def declarations(rows: Iterable[tuple[Any, ...]] = ()) -> pd.DataFrame:
    """Rows: commune, criterion_code, value, points, state."""
    frame = pd.DataFrame(list(rows), columns=["commune", "criterion_code", "value", "points", "state"])
    frame["evidence"] = None
    return frame.astype({"value": float, "points": float})


def one(
    measured: Iterable[tuple[Any, ...]] = (),
    declared: Iterable[tuple[Any, ...]] = (),
    communes: Iterable[str] = (A,),
    day: date = DAY,
) -> Scores:
    return score(measures(measured), declarations(declared), law(day), list(communes))


def row(scores: Scores, code: str, commune: str = A) -> Mapping[str, Any]:
    rows = scores.criteria[(scores.criteria["commune"] == commune) & (scores.criteria["code"] == code)]
    assert len(rows) == 1
    return dict(rows.iloc[0])


def total(scores: Scores, commune: str = A) -> Mapping[str, Any]:
    return dict(scores.totals.set_index("commune").loc[commune])


def everything(communes: Iterable[str], seed: int = 1) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A full random year: every measure and every declared criterion of the default set, some of them missing."""
    rng = np.random.default_rng(seed)
    listed, names = law().criteria, list(communes)
    measured, declared = [], []
    for commune in names:
        for criterion in listed:
            if rng.random() < 0.1:
                continue
            if criterion.measure:
                info = criterion.measure_info
                assert info is not None
                d = int(rng.integers(0, 900))
                n = int(rng.integers(0, 13)) if info.unit == "count" else int(d * rng.random())
                measured.append((commune, criterion.measure, n, None if info.unit == "count" else d, 0))
            else:
                value = {"share": round(float(rng.random()), 3), "yes_no": float(rng.integers(0, 2))}.get(
                    str(criterion.declared), float(rng.integers(0, 4))
                )
                points = float(rng.random() * 4)
                by_points = rng.random() < 0.3
                state = str(rng.choice(["declared", "evidenced", "appraised", "not_applicable"]))
                declared.append(
                    (
                        commune,
                        criterion.code,
                        None if by_points else value,
                        points if by_points else None,
                        state,
                    )
                )
    return measures(measured), declarations(declared)
