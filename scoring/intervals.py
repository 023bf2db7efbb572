"""What a rate of n cases says about the way of working behind it: an interval, and whether n is too few to judge.

A year's dossiers are all there: the rate of the year is exact. The interval is about the commune's underlying rate, as if
the year were a sample of how it works, and is meant for comparing communes and years. It never changes a point.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from statistics import NormalDist
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from criteria.judgement import Judgement, load_judgement

ENOUGH: Final = "enough"
TOO_FEW: Final = "too_few"
_DIGITS: Final = 6  # an interval is not published finer than this, so that it is the same on every machine


def wilson(numerator: ArrayLike, denominator: ArrayLike, level: float = 0.95) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The Wilson score interval of each numerator / denominator: (low, high), shares /1, of the arguments' common shape.

    low is exactly 0 for 0 of n and high exactly 1 for n of n. NaN where the denominator is 0 or less, either part is
    missing, or the numerator lies outside 0..denominator. Parts need not be whole (`parts_per_case`).
    Source: E. B. Wilson, Probable inference, the law of succession, and statistical inference, JASA 22 (1927).
    Raises: ValueError for a level outside (0, 1).
    """
    z = _quantile(level)
    n, d = np.broadcast_arrays(np.asarray(numerator, dtype=np.float64), np.asarray(denominator, dtype=np.float64))
    known = (d > 0) & (n >= 0) & (n <= d)
    k, m = np.where(known, n, 0.0), np.where(known, d, 1.0)
    low, high = _score(k, m, z, np.sqrt)
    low, high = np.where(k == 0, 0.0, low), np.where(k == m, 1.0, high)
    return np.where(known, low, np.nan), np.where(known, high, np.nan)


@lru_cache(maxsize=8)
def _quantile(level: float) -> float:
    """The normal quantile of a two-sided level. Raises: ValueError."""
    if not 0 < level < 1:
        raise ValueError(f"a level lies between 0 and 1, not {level}")
    return NormalDist().inv_cdf((1 + level) / 2)


def _score(k: Any, n: Any, z: float, sqrt: Callable[[Any], Any]) -> tuple[Any, Any]:
    """The two shares p at which k of n lies z standard deviations of n·p away from n·p; n above 0."""
    middle, spread, size = k + z * z / 2, z * sqrt(k * (n - k) / n + z * z / 4), n + z * z
    return (middle - spread) / size, (middle + spread) / size


def judged(
    numerator: float | None, denominator: float | None, measure: str | None = None, rule: Judgement | None = None
) -> dict[str, Any]:
    """What one rate says: {"interval": [low, high] | None, "judgement": "enough" | "too_few" | None}.

    None for a count, a rate without data or with nothing to divide by, and a share of the calendar (`not_sampled`).
    Units: shares /1, rounded to a millionth. `rule` None: `criteria/judgement.yaml`.
    """
    rule = rule or load_judgement()
    nothing: dict[str, Any] = {"interval": None, "judgement": None}
    if measure in rule.not_sampled or numerator is None or denominator is None or not denominator > 0:
        return nothing
    parts = rule.parts_per_case.get(measure or "", 1)
    cases, good = denominator / parts, numerator / parts
    if not 0 <= good <= cases:
        return nothing
    low, high = _score(good, cases, _quantile(rule.level), math.sqrt)
    bounds = [0.0 if good == 0 else round(low, _DIGITS), 1.0 if good == cases else round(high, _DIGITS)]
    return {"interval": bounds, "judgement": TOO_FEW if cases < rule.too_few_below else ENOUGH}


def rule_json(rule: Judgement | None = None) -> dict[str, Any]:
    """The thresholds behind every judgement, as a document says them."""
    rule = rule or load_judgement()
    return {
        "level": rule.level, "too_few_below": rule.too_few_below, "provenance": rule.provenance, "clause": rule.clause,
    }  # fmt: skip
