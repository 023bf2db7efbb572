"""From the long frames of measures and declarations to one array per criterion input.

Measures frame: commune, measure, numerator, denominator (NaN for counts), unknown (rows of unknown input).
Declarations frame: commune, criterion_code, value, points, state, evidence.
Rows of communes, measures or criteria that were not asked for are left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from criteria.model import ResolvedSet

Floats = NDArray[np.float64]
STATES: Final = ("declared", "evidenced", "appraised", "not_applicable")
MEASURE_COLUMNS: Final = ("commune", "measure", "numerator", "denominator", "unknown")
DECLARATION_COLUMNS: Final = ("commune", "criterion_code", "value", "points", "state", "evidence")


@dataclass(frozen=True)
class MeasureArrays:
    """One measure over the communes. `present` is false where there is no row."""

    numerator: Floats
    denominator: Floats
    unknown: Floats
    present: NDArray[np.bool_]


@dataclass(frozen=True)
class DeclarationArrays:
    """One declared criterion over the communes. `state` is a position in STATES, -1 where there is no row."""

    value: Floats
    points: Floats
    state: NDArray[np.int8]


#: Measures by name and declarations by criterion, each over the communes.
Arrays: TypeAlias = tuple[Mapping[str, MeasureArrays], Mapping[str, DeclarationArrays]]


def arrays_of(measures: pd.DataFrame, declarations: pd.DataFrame, criteria_at: ResolvedSet, communes: Sequence[str]) -> Arrays:
    """Every input of a criteria set as arrays, to be scored once or often. Raises ValueError: see `_grid`."""
    named = [[c.measure] if c.measure else list(c.inputs.values()) for c in criteria_at.criteria]
    codes = [c.code for c in criteria_at.criteria if c.declared]
    wanted = list(dict.fromkeys(m for names in named for m in names))
    return measure_arrays(measures, wanted, communes), declaration_arrays(declarations, codes, communes)


def _floats(column: Any) -> Floats:
    return np.asarray(pd.to_numeric(column), dtype=np.float64)


def _grid(
    frame: pd.DataFrame, key: str, names: Sequence[str], communes: pd.Index, needed: Sequence[str]
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.bool_]]:
    """Row and column of every frame row in a names × communes grid, and which rows fall into it.

    Raises ValueError for a missing column, or two rows for one commune and name.
    """
    missing = [c for c in needed if c not in frame.columns]
    if missing:
        raise ValueError(f"the frame lacks the columns {', '.join(missing)}")
    across = communes.get_indexer(pd.Index(frame["commune"]))
    down = pd.Index(list(names)).get_indexer(pd.Index(frame[key]))
    inside = (across >= 0) & (down >= 0)
    cell = down[inside] * len(communes) + across[inside]
    seen, count = np.unique(cell, return_counts=True)
    if np.any(count > 1):
        first = int(seen[count > 1][0])
        name, commune = names[first // len(communes)], communes[first % len(communes)]
        raise ValueError(f"two rows for commune {commune} and {key} {name}")
    return down[inside], across[inside], inside


def measure_arrays(frame: pd.DataFrame, names: Sequence[str], communes: Sequence[str]) -> Mapping[str, MeasureArrays]:
    """The measures asked for, by name. `unknown` may be absent from the frame and is then 0."""
    down, across, inside = _grid(frame, "measure", names, pd.Index(list(communes)), MEASURE_COLUMNS[:4])
    shape = (len(names), len(communes))
    numerator, denominator = np.full(shape, np.nan), np.full(shape, np.nan)
    unknown, present = np.zeros(shape), np.zeros(shape, dtype=np.bool_)
    numerator[down, across] = _floats(frame["numerator"])[inside]
    denominator[down, across] = _floats(frame["denominator"])[inside]
    if "unknown" in frame.columns:
        unknown[down, across] = np.nan_to_num(_floats(frame["unknown"])[inside])
    present[down, across] = True
    return {name: MeasureArrays(numerator[k], denominator[k], unknown[k], present[k]) for k, name in enumerate(names)}


def declaration_arrays(frame: pd.DataFrame, codes: Sequence[str], communes: Sequence[str]) -> Mapping[str, DeclarationArrays]:
    """The declarations asked for, by criterion. A state that is not one of STATES counts as `declared`."""
    down, across, inside = _grid(frame, "criterion_code", codes, pd.Index(list(communes)), DECLARATION_COLUMNS[:5])
    shape = (len(codes), len(communes))
    value, points = np.full(shape, np.nan), np.full(shape, np.nan)
    state = np.full(shape, -1, dtype=np.int8)
    value[down, across] = _floats(frame["value"])[inside]
    points[down, across] = _floats(frame["points"])[inside]
    known = pd.Index(STATES).get_indexer(pd.Index(frame["state"]))[inside]
    state[down, across] = np.where(known < 0, 0, known)
    return {code: DeclarationArrays(value[k], points[k], state[k]) for k, code in enumerate(codes)}
