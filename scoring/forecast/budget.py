"""The overdue budget for the year's end: how many more dossiers may be late, exactly, and which open ones to save first.

Whole dossiers by the inverse of the rule's own threshold (`scoring.recover`), on the counted dossiers expected at the year's
end; the prudent figure takes fewer of them (one year in ten has fewer still).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from criteria.model import ResolvedCriterion, ResolvedSet
from scoring import recover
from scoring.forecast.ladders import SAMPLE
from scoring.forecast.levers import rescored_units
from scoring.forecast.model import Block
from scoring.forecast.moves import rows
from scoring.inputs import MeasureArrays
from scoring.measures import PENDING_COUNTED
from scoring.rounding import NO_UNITS

Floats = NDArray[np.float64]
LATE: Final = "overdue_rate"
PRUDENT: Final = 0.1
#: Open dossiers due within so many working days are for this week; at least so many are listed, the riskiest then.
WEEK_DAYS: Final = 5
AT_LEAST: Final = 10
SAVED_COLUMNS: Final = (
    "commune", "dossier_code", "procedure", "procedure_name", "officer", "department", "received_on", "due_on", "days_left",
    "p_late", "points",
)  # fmt: skip


@dataclass(frozen=True)
class Budget:
    """Units: whole dossiers; late_expected: expected number of further late ones.

    limit: share; strict: to stay below it, not at it. code: the criterion (None: another's limit, as a commitment's).
    allowed: late ones that the year may have with the middle number of counted dossiers; prudent: with the lower one.
    left = allowed − late_now, negative when it is used up; left_prudent likewise. needed: timely dossiers that would bring
    today's share under the limit again if nothing more is late (recover.IMPOSSIBLE: none would); coming: counted ones to come.
    """

    code: str | None
    limit: float
    strict: bool
    late_now: int
    late_expected: float
    counted_now: int
    counted_expected: int
    counted_prudent: int
    allowed: int
    prudent: int
    needed: int
    coming: int

    @property
    def left(self) -> int:
        return self.allowed - self.late_now

    @property
    def left_prudent(self) -> int:
        return self.prudent - self.late_now

    @property
    def recoverable(self) -> bool:
        """Whether the dossiers still to come could bring the share back under the limit."""
        return recover.IMPOSSIBLE < self.needed <= self.coming


def limit_of(criterion: ResolvedCriterion) -> tuple[float, bool] | None:
    """The best threshold of a criterion on the late share, and whether it is strict. None when it has no threshold on it."""
    if criterion.rule is None or LATE not in (criterion.measure, *criterion.inputs.values()):
        return None
    family, params = criterion.rule.family, criterion.rule.params
    if family == "falling_linear":
        return float(params["full_below"]), True
    if family == "steps_down":
        return float(params["steps"][0]["upto"]), False
    for level in params.get("levels", ()):
        for condition in level["all"]:
            if criterion.inputs.get(condition["input"]) == LATE and condition["op"] in ("<", "<=", "=="):
                return float(condition["value"]), condition["op"] == "<"
    return None


def budget_of(
    now: tuple[float, float], late: Floats, counted: Floats, limit: float, strict: bool = True, code: str | None = None
) -> Budget | None:
    """One unit's budget. now: late and counted today. late, counted: (D,) at the year's end. None without data."""
    known = ~(np.isnan(late) | np.isnan(counted))
    if not known.any():
        return None
    late_now, counted_now = (round(x) if x == x else 0 for x in now)
    ordered = np.sort(counted[known])
    middle, low = (round(ordered[int(q * (len(ordered) - 1))]) for q in (0.5, PRUDENT))
    return Budget(
        code=code, limit=limit, strict=strict, late_now=late_now, late_expected=float(late[known].mean()) - late_now,
        counted_now=counted_now, counted_expected=middle, counted_prudent=low,
        allowed=int(recover.budget(middle, limit, strict)), prudent=int(recover.budget(low, limit, strict)),
        needed=int(recover.dilution(late_now, counted_now, limit, strict)), coming=max(0, middle - counted_now),
    )  # fmt: skip


def budgets(block: Block, rules: ResolvedSet) -> dict[str, Budget | None]:
    """Every commune's budget for the first criterion of the set that limits the late share; empty for a set without one."""
    limits = ((c.code, limit_of(c)) for c in rules.criteria)
    code, limit = next(((code, found) for code, found in limits if found is not None), (None, None))
    if limit is None:
        return {}
    now, end = block.now[LATE], block.measures[LATE]
    late, counted = np.broadcast_arrays(end.numerator, end.denominator)
    return {
        unit: budget_of((now.numerator[0, k], now.denominator[0, k]), late[:, k], counted[:, k], *limit, code=code)
        for k, unit in enumerate(block.units)
    }


def points_at_stake(block: Block, rules: ResolvedSet) -> Floats:
    """(C,) points that one more late dossier costs each commune, by the very rules, on average over the first draws.

    Units: points of the base criteria. 0 where it costs nothing (below the limit with room, or already at zero).
    """
    first = rows(block, slice(SAMPLE))
    worse: dict[str, MeasureArrays] = {}
    for name, step in ((LATE, 1.0), ("on_time_rate", -1.0)):
        if name in first.measures:
            data = first.measures[name]
            worse[name] = replace(data, numerator=np.clip(data.numerator + step, 0.0, data.denominator))
    lost = np.zeros(len(block.units))
    for criterion, units in rescored_units(first, rules, worse, {}):
        old = first.scored.units[criterion.code]
        if criterion.kind == "base":
            lost += np.where((units == NO_UNITS) | (old == NO_UNITS), 0, old - units).mean(axis=0)
    return np.asarray(lost / 10**rules.decimals, dtype=np.float64)


def to_save(
    open_dossiers: pd.DataFrame, p_late: Floats, at_stake: Mapping[str, float], definition: str, units: Sequence[str]
) -> pd.DataFrame:
    """Open dossiers to save this week, by commune in the order of `units`, the most points at stake first.

    Chosen: not late yet, counted, due within WEEK_DAYS working days; the riskiest ones beside them up to AT_LEAST.
    p_late: (n,) from `hazard.lateness`. at_stake: `points_at_stake` by commune. Columns: SAVED_COLUMNS; points = p_late × stake.
    A definition that counts only finished dossiers counts an open one when it is finished, so all with a due date are asked.
    """
    frame = open_dossiers.assign(p_late=p_late)
    frame["points"] = frame["p_late"] * frame["commune"].map(at_stake).astype(float)
    counted = frame["counted"].astype(bool) if definition in PENDING_COUNTED else frame["days_left"].notna()
    frame = frame[frame["commune"].isin(units) & counted & ~frame["late"].astype(bool) & ~(frame["days_left"] < 0)]
    frame = frame.assign(
        unit=pd.Categorical(frame["commune"], categories=list(units), ordered=True), soon=frame["days_left"] <= WEEK_DAYS
    ).sort_values(["unit", "soon", "p_late", "dossier_code"], ascending=[True, False, False, True])
    place = frame.groupby("unit", observed=True).cumcount()
    chosen = frame[frame["soon"] | (place < AT_LEAST)]
    order = ["unit", "points", "p_late", "days_left", "dossier_code"]
    chosen = chosen.sort_values(order, ascending=[True, False, False, True, True])
    return chosen[list(SAVED_COLUMNS)].reset_index(drop=True)
