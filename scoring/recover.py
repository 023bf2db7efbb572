"""What it takes to get points back, in whole cases. Exact integers; the inverse of the rules' thresholds.

Thresholds are the decimal fractions written in the criteria (0.3 is 3/10 here, not its nearest float).
Units: cases. Functions take arrays of one shape and give int64; IMPOSSIBLE where no number of cases helps.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

Ints = NDArray[np.int64]
IMPOSSIBLE: Final = -1
_LARGEST_DENOMINATOR: Final = 1_000_000


def as_fraction(threshold: float) -> Fraction:
    """The decimal number as it was written, as a fraction."""
    return Fraction(repr(float(threshold))).limit_denominator(_LARGEST_DENOMINATOR)


def _ints(value: ArrayLike) -> Ints:
    return np.rint(np.nan_to_num(np.asarray(value, dtype=np.float64))).astype(np.int64)


def _at_least_zero(value: Ints) -> Ints:
    return np.asarray(np.maximum(0, value), dtype=np.int64)


def needed_existing(numerator: ArrayLike, denominator: ArrayLike, threshold: float) -> Ints:
    """Cases already counted that must still be won: smallest k with (n + k) / d >= threshold."""
    n, d, t = _ints(numerator), _ints(denominator), as_fraction(threshold)
    least = -((-t.numerator * d) // t.denominator)
    return _at_least_zero(least - n)


def needed_new(numerator: ArrayLike, denominator: ArrayLike, threshold: float) -> Ints:
    """New good cases: smallest k with (n + k) / (d + k) >= threshold; IMPOSSIBLE for a lost 100 %."""
    n, d, t = _ints(numerator), _ints(denominator), as_fraction(threshold)
    gap = t.numerator * d - t.denominator * n
    room = t.denominator - t.numerator
    if room <= 0:
        return np.where(gap > 0, np.int64(IMPOSSIBLE), np.int64(0))
    return _at_least_zero(-((-gap) // room))


def budget(denominator: ArrayLike, threshold: float, strict: bool = True) -> Ints:
    """The most bad cases that keep bad / d below the threshold (strict) or at it (not strict)."""
    d, t = _ints(denominator), as_fraction(threshold)
    allowed = t.numerator * d - (1 if strict else 0)
    return _at_least_zero(allowed // t.denominator)


def dilution(numerator: ArrayLike, denominator: ArrayLike, threshold: float, strict: bool = True) -> Ints:
    """New good cases that bring bad / (d + k) below the threshold (strict) or to it (not strict)."""
    n, d, t = _ints(numerator), _ints(denominator), as_fraction(threshold)
    if t <= 0:
        return np.where(n > 0, np.int64(IMPOSSIBLE), np.int64(0))
    scaled = n * t.denominator
    least = scaled // t.numerator + 1 if strict else -((-scaled) // t.numerator)
    return _at_least_zero(least - d)
