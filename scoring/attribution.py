"""What moved a figure: its change shared out over the factors that changed, exactly.

A factor's share is its Shapley value: what the figure gains when the factor changes, averaged over every order in which
the factors can change. No order is preferred, a factor that changes nothing gets nothing, and the shares add up.
Source: L. S. Shapley, A Value for n-Person Games (1953).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from itertools import combinations
from math import factorial
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Units = NDArray[np.int64]
Coalition = frozenset[str]
T = TypeVar("T")


def coalitions(factors: Collection[str]) -> list[Coalition]:
    """Every set of the factors, the smaller ones first: 2^k of them."""
    names = sorted(factors)
    return [frozenset(chosen) for size in range(len(names) + 1) for chosen in combinations(names, size)]


def exact(values: Mapping[Coalition, Units]) -> tuple[dict[str, Units], int]:
    """The Shapley values as (factor → numerators, common denominator k!), without any rounding.

    values: for every set of changed factors the figures in whole units, arrays of one shape.
    Raises ValueError when a set of factors has no figures.
    """
    factors = sorted(frozenset().union(*values)) if values else []
    missing = [sorted(chosen) for chosen in coalitions(factors) if chosen not in values]
    if missing:
        raise ValueError(f"no figures for {missing[0]}")
    k = len(factors)
    found: dict[str, Units] = {}
    for factor in factors:
        rest = [name for name in factors if name != factor]
        share: Any = np.zeros_like(np.asarray(values[frozenset()], dtype=np.int64))
        for before in coalitions(rest):
            weight = factorial(len(before)) * factorial(k - len(before) - 1)
            gain = np.asarray(values[before | {factor}], dtype=np.int64) - np.asarray(values[before], dtype=np.int64)
            share = share + weight * gain
        found[factor] = share
    return found, factorial(k)


def shapley(values: Mapping[Coalition, Units]) -> dict[str, Units]:
    """The Shapley values in whole units, by the largest remainder: they sum to the whole change, cell by cell.

    Of equal remainders the first factor by name gets the unit. Raises: as `exact`.
    """
    numerators, denominator = exact(values)
    if not numerators:
        return {}
    names = list(numerators)
    whole, rest = np.divmod(np.stack([numerators[name] for name in names]), denominator)
    spare = rest.sum(axis=0) // denominator
    order = np.argsort(-rest, axis=0, kind="stable")
    place = np.empty_like(order)
    np.put_along_axis(place, order, np.broadcast_to(_ladder(len(names), rest.ndim), rest.shape), axis=0)
    units = whole + (place < spare)
    return {name: units[k] for k, name in enumerate(names)}


def _ladder(count: int, dimensions: int) -> NDArray[np.intp]:
    """0, 1, 2… along the first of so many axes."""
    return np.arange(count).reshape((count,) + (1,) * (dimensions - 1))


def joined(values: Mapping[Coalition, T], together: Iterable[str], name: str) -> dict[Coalition, T]:
    """What each set of factors gives, with some factors as one, `name`: only the sets that hold all of them or none remain."""
    one = frozenset(together)
    kept: dict[Coalition, T] = {}
    for chosen, figures in values.items():
        if one <= chosen:
            kept[(chosen - one) | {name}] = figures
        elif not one & chosen:
            kept[chosen] = figures
    return kept
