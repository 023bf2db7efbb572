"""The rule families: what a value is worth. Pure, vectorised, any array shape.

Every family has the shape `family(value, max_points, **parameters) -> Award`.
Units: value is a share (0..1), a count or a level; points are unrounded points.
A NaN value gives NaN points and branch NONE: missing is never zero.
Boundaries are exact: a value is num / den in float64, correctly rounded, so 10 / 1000 is the very float 0.01
that the criterion's YAML holds, and any other ratio of counts below 2**45 is another float. No tolerance is
used anywhere; rounding is the business of scoring.rounding, once, at the end.
Source: the families of the sets in force, listed in docs/criteria.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats: TypeAlias = NDArray[np.float64]
Branches: TypeAlias = NDArray[np.int16]

# Which way through the rule was taken. Steps and levels are STEP + their position in the criterion's list.
NONE: Final = -1
FULL: Final = 0
PARTIAL: Final = 1
ZERO: Final = 2
OVERRIDDEN: Final = 5  # not by the rule: an appraiser's points
STEP: Final = 10


@dataclass(frozen=True)
class Award:
    """Points (unrounded, NaN when unknown) and the branch taken, both in the shape of the value.

    The branch is worked out when it is first asked for: thousands of draws need points only.
    """

    points: Floats
    way: Callable[[], NDArray[Any]]

    @cached_property
    def branch(self) -> Branches:
        return np.where(np.isnan(self.points), NONE, self.way()).astype(np.int16)


def branch_name(branch: int) -> str:
    """`none`, `full`, `partial`, `zero` or `step_1`, `step_2`, … (first of the criterion's list), or `overridden`."""
    if branch >= STEP:
        return f"step_{branch - STEP + 1}"
    return {FULL: "full", PARTIAL: "partial", ZERO: "zero", OVERRIDDEN: "overridden"}.get(branch, "none")


def _award(value: Floats, points: Floats, way: Callable[[], NDArray[Any]]) -> Award:
    """Blanks what is unknown."""
    missing = np.isnan(value)
    return Award(np.where(missing, np.nan, points) if missing.any() else points, way)


def _three(value: Floats, points: Floats, full: NDArray[np.bool_], zero: NDArray[np.bool_]) -> Award:
    return _award(value, points, lambda: np.where(full, FULL, np.where(zero, ZERO, PARTIAL)))


def yes_no(value: ArrayLike, max_points: float, at_least: float = 1.0) -> Award:
    """Full points from `at_least` on, else nothing."""
    x = np.asarray(value, dtype=np.float64)
    full = x >= at_least
    return _three(x, np.where(full, max_points, 0.0), full, ~full)


def per_item(value: ArrayLike, max_points: float, per_item: float) -> Award:
    """`per_item` points for each item, up to the maximum."""
    x = np.asarray(value, dtype=np.float64)
    points = np.clip(x * per_item, 0.0, max_points)
    return _three(x, points, points >= max_points, points <= 0.0)


def breach(value: ArrayLike, max_points: float, light_share: float = 0.5) -> Award:
    """Level 0, no breach: full; 1, light: `light_share` of the maximum; 2 and more, serious: nothing."""
    x = np.asarray(value, dtype=np.float64)
    none, light = x <= 0.0, x <= 1.0
    points = np.where(none, max_points, np.where(light, light_share * max_points, 0.0))
    return _three(x, points, none, ~light)


def graded_share(value: ArrayLike, max_points: float, shares: Sequence[float]) -> Award:
    """The share of the maximum that belongs to a level 0, 1, 2, …; another value is unknown."""
    x = np.asarray(value, dtype=np.float64)
    known = (x >= 0.0) & (x < len(shares)) & (x == np.floor(x))
    level = np.where(known, x, 0.0).astype(np.intp)
    share = np.asarray(shares, dtype=np.float64)[level]
    x = np.where(known, x, np.nan)
    return _three(x, share * max_points, share >= 1.0, share <= 0.0)


def capped_ratio(value: ArrayLike, max_points: float, target: float) -> Award:
    """value / target of the maximum below the target, full from the target on."""
    x = np.asarray(value, dtype=np.float64)
    full, zero = x >= target, x <= 0.0
    points = np.where(full, max_points, np.where(zero, 0.0, x / target * max_points))
    return _three(x, points, full, zero)


def survey_index(value: ArrayLike, max_points: float, target: float = 1.0) -> Award:
    """A satisfaction index against its target: as `capped_ratio`."""
    return capped_ratio(value, max_points, target)


def linear(value: ArrayLike, max_points: float) -> Award:
    """The share itself of the maximum, between nothing and all."""
    x = np.asarray(value, dtype=np.float64)
    full, zero = x >= 1.0, x <= 0.0
    points = np.where(full, max_points, np.where(zero, 0.0, x * max_points))
    return _three(x, points, full, zero)


def falling_linear(value: ArrayLike, max_points: float, full_below: float, zero_at: float) -> Award:
    """Full strictly below `full_below`, then a straight line down to nothing at `zero_at`."""
    x = np.asarray(value, dtype=np.float64)
    full, zero = x < full_below, x >= zero_at
    falling = max_points * ((zero_at - x) / (zero_at - full_below))
    points = np.where(full, max_points, np.where(zero, 0.0, falling))
    return _three(x, points, full, zero)


def steps(value: ArrayLike, max_points: float, steps: Sequence[Mapping[str, float]], otherwise: float = 0.0) -> Award:
    """The points of the first step reached: value >= from. Steps are listed from the highest down."""
    x = np.asarray(value, dtype=np.float64)
    return _first_step(x, max_points, [(x >= s["from"], s["points"]) for s in steps], otherwise)


def steps_down(value: ArrayLike, max_points: float, steps: Sequence[Mapping[str, float]], otherwise: float = 0.0) -> Award:
    """The points of the first step kept: value <= upto. Steps are listed from the lowest up."""
    x = np.asarray(value, dtype=np.float64)
    return _first_step(x, max_points, [(x <= s["upto"], s["points"]) for s in steps], otherwise)


COMPARE: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    ">=": np.greater_equal,
    ">": np.greater,
    "<=": np.less_equal,
    "<": np.less,
    "==": np.equal,
}


def compound_steps(
    value: Mapping[str, ArrayLike],
    max_points: float,
    levels: Sequence[Mapping[str, Any]],
    otherwise: float = 0.0,
) -> Award:
    """The points of the first level all of whose conditions hold.

    `value` maps input names to arrays that broadcast; a level is {points, all: [{input, op, value}, …]}.
    One unknown input makes the result unknown.
    """
    arrays = dict(zip(value, np.broadcast_arrays(*(np.asarray(v, dtype=np.float64) for v in value.values()))))
    total: Floats = np.sum(list(arrays.values()), axis=0, dtype=np.float64)
    reached = []
    for level in levels:
        holds = np.ones(total.shape, dtype=np.bool_)
        for condition in level["all"]:
            holds &= COMPARE[condition["op"]](arrays[condition["input"]], condition["value"])
        reached.append((holds, float(level["points"])))
    return _first_step(total, max_points, reached, otherwise)


def _first_step(x: Floats, max_points: float, reached: Sequence[tuple[NDArray[np.bool_], float]], otherwise: float) -> Award:
    masks = [mask for mask, _ in reached]
    points = np.select(masks, [np.float64(p) for _, p in reached], np.float64(otherwise))

    def way() -> NDArray[Any]:
        branch = np.select(masks, [np.int16(STEP + k) for k in range(len(reached))], np.int16(ZERO))
        return np.where(points >= max_points, FULL, np.where(points <= 0.0, ZERO, branch))

    return _award(x, points, way)


def plan_completion(value: ArrayLike, max_points: float, full_at: float = 1.0, ratio_from: float = 0.8) -> Award:
    """Full from `full_at`, the ratio of the maximum from `ratio_from`, below it nothing."""
    x = np.asarray(value, dtype=np.float64)
    full, zero = x >= full_at, x < ratio_from
    points = np.where(full, max_points, np.where(zero, 0.0, x / full_at * max_points))
    return _three(x, points, full, zero)


def penalty_per_event(value: ArrayLike, max_points: float, per_event: float, floor: float = 0.0) -> Award:
    """The maximum less `per_event` for each event, not below `floor`."""
    x = np.asarray(value, dtype=np.float64)
    points = np.maximum(floor, max_points - per_event * np.maximum(x, 0.0))
    return _three(x, points, points >= max_points, points <= floor)


def penalty_per_percent(value: ArrayLike, max_points: float, per_percent: float, floor: float = 0.0) -> Award:
    """The maximum less `per_percent` for each hundredth of the share, in proportion, not below `floor`."""
    x = np.asarray(value, dtype=np.float64)
    return penalty_per_event(x * 100.0, max_points, per_percent, floor)


def bonus_penalty(value: ArrayLike, max_points: float, per_event: float, sign: int = 1) -> Award:
    """Points outside the 100: `per_event` for each event up to the maximum, with its sign."""
    x = np.asarray(value, dtype=np.float64)
    size = np.clip(x * per_event, 0.0, max_points)
    return _three(x, sign * size, size >= max_points, size <= 0.0)


FAMILIES: Final[Mapping[str, Callable[..., Award]]] = {
    rule.__name__: rule
    for rule in (
        yes_no,
        per_item,
        breach,
        graded_share,
        capped_ratio,
        survey_index,
        linear,
        falling_linear,
        steps,
        steps_down,
        compound_steps,
        plan_completion,
        penalty_per_event,
        penalty_per_percent,
        bonus_penalty,
    )
}


def award(family: str, value: Any, max_points: float, params: Mapping[str, Any]) -> Award:
    """Applies a family by name. Raises KeyError for an unknown one."""
    return FAMILIES[family](value, max_points, **params)
