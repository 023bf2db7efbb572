"""Where each commune stands on the commitments of a notice: met, not_met or no_data.

A state compares a year-to-date figure with the commitment as it is written; it is not a forecast.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from criteria.model import ResolvedSet, TargetValue
from criteria.registers import Commitment, Notice
from scoring.engine import Scores
from scoring.inputs import measure_arrays

MET: Final = "met"
NOT_MET: Final = "not_met"
NO_DATA: Final = "no_data"
_OPS: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    ">=": operator.ge,
    ">": operator.gt,
    "<=": operator.le,
    "<": operator.lt,
    "==": operator.eq,
}


def notice_states(
    notice: Notice,
    criteria_at: ResolvedSet,
    measures: pd.DataFrame,
    scores: Scores,
    communes: Sequence[str],
) -> pd.DataFrame:
    """Grain: commune × commitment. `measures` as in scoring.inputs; grades and declared values from `scores`.

    Gives commune, code, label, state, value, value_text (the grade), numerator, denominator, op, threshold,
    threshold_text, threshold_known, unit, paragraph, source, owner, deadline, provenance.
    Raises KeyError when a commitment names a target that the set does not have on its day.
    """
    names = [str(c) for c in communes]
    used = list(dict.fromkeys(c.measure for c in notice.commitments if c.measure))
    arrays = measure_arrays(measures, used, names)
    totals = scores.totals.set_index("commune").reindex(names)
    parts = []
    for item in notice.commitments:
        threshold, target = _threshold(item, criteria_at)
        numerator = denominator = np.full(len(names), np.nan)
        unit, texts = "count", np.full(len(names), None, dtype=object)
        if item.kind == "grade":
            value, met, known, texts = _grades(item, criteria_at, totals)
            unit = "grade"
        else:
            if item.kind == "measure":
                data = arrays[str(item.measure)]
                numerator, denominator = data.numerator, data.denominator
                value, unit = _measure_value(numerator, denominator, criteria_at, str(item.measure))
            else:
                value = _declared_value(str(item.criterion), scores, names)
                unit = "yes_no"
            known = ~np.isnan(value)
            met = known & _OPS[item.op](np.where(known, value, 0.0), threshold)
        parts.append(
            pd.DataFrame(
                {
                    "commune": np.array(names, dtype=object),
                    "code": item.code,
                    "label": item.label,
                    "state": np.where(known, np.where(met, MET, NOT_MET), NO_DATA).astype(object),
                    "value": value,
                    "value_text": texts,
                    "numerator": numerator,
                    "denominator": denominator,
                    "op": item.op,
                    "threshold": np.nan if isinstance(threshold, str) else float(threshold),
                    "threshold_text": threshold if isinstance(threshold, str) else None,
                    "threshold_known": target.known if target else True,
                    "unit": unit,
                    "paragraph": item.paragraph,
                    "source": f"{notice.citation}, khoản {item.paragraph}",
                    "owner": item.owner,
                    "deadline": item.deadline,
                    "provenance": target.provenance if target else item.provenance,
                }
            )
        )
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _threshold(item: Commitment, criteria_at: ResolvedSet) -> tuple[Any, TargetValue | None]:
    if isinstance(item.value, Mapping):
        target = criteria_at.targets[str(item.value["target"])]
        return target.value, target
    return item.value, None


def _measure_value(
    numerator: NDArray[np.float64],
    denominator: NDArray[np.float64],
    criteria_at: ResolvedSet,
    measure: str,
) -> tuple[NDArray[np.float64], str]:
    """Shares are numerator / denominator, unknown without a denominator; counts are the numerator itself."""
    unit = criteria_at.measures[measure].unit
    if unit == "count":
        return numerator, unit
    known = denominator > 0
    return np.where(known, numerator / np.where(known, denominator, 1.0), np.nan), unit


def _declared_value(code: str, scores: Scores, names: Sequence[str]) -> NDArray[np.float64]:
    rows = scores.criteria[(scores.criteria["code"] == code)].set_index("commune").reindex(list(names))
    value = rows["value"].to_numpy(dtype=np.float64)
    full = (rows["points"] == rows["max_points"]).to_numpy(dtype=np.bool_)
    known = rows["points"].notna().to_numpy(dtype=np.bool_)
    return np.where(known & np.isnan(value), full.astype(np.float64), np.where(known, value, np.nan))


def _grades(
    item: Commitment, criteria_at: ResolvedSet, totals: pd.DataFrame
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], NDArray[Any]]:
    """Grades are listed best first, so "at least Tốt" is a position not after Tốt."""
    grades = list(criteria_at.bands.grades)
    place = pd.Index(grades).get_indexer(pd.Index(totals["grade"]))
    known = place >= 0
    met = known & (place <= grades.index(str(item.value)))
    share = totals["share"].to_numpy(dtype=np.float64) / 100.0
    texts = totals["grade"].to_numpy(dtype=object).copy()
    texts[~known] = None
    return share, met, known, texts
