"""Rounding, once and at the end: half up, exact, to d decimals.

A float like 2.675 is a little less than it reads. Both versions first free the value of that binary dust: it
becomes the nearest whole number of 10**-9, which is then rounded half up (away from zero) without any error.
"""

from __future__ import annotations

import math
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

DUST_DECIMALS: Final = 9
_DUST: Final = 10**DUST_DECIMALS
LIMIT: Final = 9e9  # beyond it value * 10**9 no longer fits 63 bits
#: Whole numbers of dust below it, with half a step, are floats without error, and no quotient by a step rounds up to the
#: next whole number (that would take 2**53): the floor in floats is the floor in integers, several times as fast.
_EXACT: Final = 4e15

NO_UNITS: Final = np.iinfo(np.int64).min  # what `to_units` gives for NaN


def round_half_up(value: float, decimals: int = 2) -> Decimal:
    """One number, in Decimal. Raises ValueError for NaN, infinities and sizes from 9e9 on."""
    if not math.isfinite(value) or abs(value) >= LIMIT:
        raise ValueError(f"cannot round {value}")
    clean = Decimal(round(value * _DUST)).scaleb(-DUST_DECIMALS)
    return clean.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP)


def to_units(value: ArrayLike, decimals: int = 2) -> NDArray[np.int64]:
    """Whole units of 10**-decimals (hundredths for 2), rounded half up; NO_UNITS where the value is NaN.

    Raises ValueError for infinities and sizes from 9e9 on, and for decimals outside 0..9.
    """
    if not 0 <= decimals <= DUST_DECIMALS:
        raise ValueError(f"decimals must be 0..{DUST_DECIMALS}, not {decimals}")
    step = 10 ** (DUST_DECIMALS - decimals)
    one: Any = value
    if isinstance(one, float) and abs(one) < LIMIT:  # a single number, the same in plain integers: many times as fast
        count, left = divmod(abs(round(one * _DUST)), step)
        return np.asarray((count + (2 * left >= step)) * (1 if one > 0 else -1), dtype=np.int64)
    x = np.asarray(value, dtype=np.float64)
    with np.errstate(over="ignore"):
        dust = np.atleast_1d(x * _DUST)
    np.rint(dust, out=dust)
    size, missing = np.abs(dust), np.isnan(dust)
    some = bool(missing.any())
    if some:
        np.copyto(size, 0.0, where=missing)
    largest = size.max(initial=0.0)
    if largest >= LIMIT * _DUST:
        raise ValueError("cannot round a value of 9e9 or more")
    if largest < _EXACT:
        size += step / 2
        size /= step
        units = np.copysign(np.floor(size, out=size), dust, out=size).astype(np.int64)
    else:
        whole, rest = np.divmod(size.astype(np.int64), step)
        units = np.where(dust < 0, -1, 1) * (whole + (2 * rest >= step))
    if some:
        np.copyto(units, NO_UNITS, where=missing)
    return units.reshape(x.shape)


def from_units(units: ArrayLike, decimals: int = 2) -> NDArray[np.float64]:
    """The nearest float to each whole number of units; NaN for NO_UNITS."""
    u = np.asarray(units, dtype=np.int64)
    return np.where(u == NO_UNITS, np.nan, u / 10**decimals)


def round_array(value: ArrayLike, decimals: int = 2) -> NDArray[np.float64]:
    """`round_half_up` for arrays of any shape; NaN stays NaN."""
    return from_units(to_units(value, decimals), decimals)


def half_up_ratio(numerator: ArrayLike, denominator: ArrayLike) -> NDArray[np.int64]:
    """numerator / denominator as a whole number, half up away from zero, in integers throughout.

    Denominators are positive; NO_UNITS where a denominator is 0 or less.
    """
    n = np.asarray(numerator, dtype=np.int64)
    d = np.asarray(denominator, dtype=np.int64)
    known = d > 0
    safe = np.where(known, d, 1)
    whole, rest = np.divmod(np.abs(n), safe)
    return np.where(known, np.sign(n) * (whole + (2 * rest >= safe)), NO_UNITS)


def allocate_units(units: int, weights: ArrayLike) -> NDArray[np.int64]:
    """`units` split in proportion to whole, positive weights by the largest remainder (ties: the first). Sums exactly.

    Raises ValueError when there is something to split and nobody to take it, or units is negative.
    """
    w = np.asarray(weights, dtype=np.int64)
    if units < 0 or (w <= 0).any() or (len(w) == 0 and units > 0):
        raise ValueError(f"cannot split {units} units over {len(w)} claims")
    if len(w) == 0:
        return np.zeros(0, dtype=np.int64)
    whole, rest = np.divmod(units * w, int(w.sum()))
    more = np.zeros(len(w), dtype=np.int64)
    more[np.argsort(-rest, kind="stable")[: units - int(whole.sum())]] = 1
    return whole + more


def allocate_lost(lost: float, weights: ArrayLike, decimals: int = 2) -> NDArray[np.float64]:
    """Lost points shared by dossiers in proportion to their weights, in hundredths that sum to `lost`.

    Units: points; sum the result in hundredths (`to_units`), not in floats. Raises: as `allocate_units`.
    """
    units = int(to_units(lost, decimals))
    if units == NO_UNITS:
        raise ValueError("lost points are unknown")
    return from_units(allocate_units(units, weights), decimals)
