"""Rounding of arrays: the fast way in floats, the way in integers and Decimal say the same, on every side of every half."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.rounding import NO_UNITS, round_half_up, to_units

SIZES = st.sampled_from([1e-9, 1e-3, 1.0, 1e2, 1e4, 3.9e6, 4e6, 4.1e6, 8.9e9])


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=20), SIZES, st.integers(0, 9), st.booleans())
@settings(max_examples=300, deadline=None)
def test_arrays_of_any_size_agree_with_decimal(parts: list[float], size: float, decimals: int, halves: bool) -> None:
    values = np.array(parts) * size
    if halves:
        values = (np.floor(values * 10**decimals) + 0.5) / 10**decimals
    beside = np.concatenate([values, np.nextafter(values, np.inf), np.nextafter(values, -np.inf), [np.nan]])
    units = to_units(beside, decimals)
    assert units[-1] == NO_UNITS and units.dtype == np.int64
    for value, unit in zip(beside[:-1].tolist(), units.tolist()):
        assert Decimal(unit).scaleb(-decimals) == round_half_up(value, decimals)
    both = to_units(np.stack([beside, beside[::-1]]), decimals)
    assert both.tolist() == [units.tolist(), units[::-1].tolist()]


@pytest.mark.parametrize("value", [9e9, -9e9, np.inf, -np.inf, 1e300])
def test_what_is_too_large_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="9e9"):
        to_units(np.array([1.0, value, np.nan]))
    with pytest.raises(ValueError, match="9e9"):
        to_units(value)


def test_nothing_and_single_numbers() -> None:
    assert to_units([]).tolist() == [] and to_units(np.float64("nan")).tolist() == NO_UNITS
    assert [int(to_units(x)) for x in (2.675, -2.675, -0.0, np.array(0.005), 3)] == [268, -268, 0, 1, 300]
