"""What holds for every input: bounds, monotony, sums of parts, exact rounding, inverses of the thresholds."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from criteria.model import Band
from scoring import core, recover, rounding, rules

pytestmark = pytest.mark.slow  # a whole file of seconds: left to `make test`

SHARE = st.floats(0, 1.5, allow_nan=False)
COUNT = st.integers(0, 50).map(float)
LEVEL = st.integers(0, 3).map(float)
MAX = st.integers(1, 2000).map(lambda h: h / 100)
# family -> (values, parameters, +1 when more is better, -1 when less is)
FAMILIES = {
    "yes_no": (COUNT, {"at_least": 3}, 1),
    "per_item": (COUNT, {"per_item": 0.5}, 1),
    "breach": (LEVEL, {"light_share": 0.5}, -1),
    "graded_share": (LEVEL, {"shares": [0, 0.5, 0.75, 1]}, 1),
    "capped_ratio": (SHARE, {"target": 0.3}, 1),
    "survey_index": (SHARE, {"target": 0.9}, 1),
    "linear": (SHARE, {}, 1),
    "falling_linear": (SHARE, {"full_below": 0.01, "zero_at": 0.05}, -1),
    "plan_completion": (SHARE, {"full_at": 1, "ratio_from": 0.8}, 1),
    "penalty_per_event": (COUNT, {"per_event": 0.25}, -1),
    "penalty_per_percent": (SHARE, {"per_percent": 0.2}, -1),
}


@pytest.mark.parametrize("family", sorted(FAMILIES))
@given(data=st.data(), maximum=MAX)
@settings(max_examples=60, deadline=None)
def test_r20_bounds_and_monotony(family: str, data: st.DataObject, maximum: float) -> None:
    values, params, direction = FAMILIES[family]
    x = np.sort(np.array(data.draw(st.lists(values, min_size=1, max_size=8))))
    got = rules.award(family, x, maximum, params)
    assert np.all((got.points >= 0) & (got.points <= maximum))
    assert np.all(np.diff(got.points) * direction >= 0)
    assert np.all(got.points[got.branch == rules.FULL] == maximum)
    assert np.all(got.points[got.branch == rules.ZERO] == 0)


@given(
    edges=st.lists(st.integers(1, 100), min_size=1, max_size=5, unique=True),
    x=st.lists(SHARE, min_size=1, max_size=8),
)
@settings(max_examples=100, deadline=None)
def test_r20_steps_are_a_staircase(edges: list[int], x: list[float]) -> None:
    ladder = [{"from": e / 100, "points": float(e)} for e in sorted(edges, reverse=True)]
    got = rules.steps(np.sort(x), float(max(edges)), ladder)
    assert np.all(np.diff(got.points) >= 0)
    assert set(got.points) <= {0.0, *(s["points"] for s in ladder)}
    down = [{"upto": e / 100, "points": float(200 - e)} for e in sorted(edges)]
    assert np.all(np.diff(rules.steps_down(np.sort(x), 200.0, down).points) <= 0)


@given(x=st.lists(st.one_of(SHARE, st.just(math.nan)), min_size=1, max_size=12))
@settings(max_examples=60, deadline=None)
def test_r20_missing_is_never_zero(x: list[float]) -> None:
    values = np.array(x)
    for family, (_, params, _) in FAMILIES.items():
        got = rules.award(family, values, 4.0, params)
        assert np.all(np.isnan(got.points[np.isnan(values)])), family
        assert np.all(got.branch[np.isnan(values)] == rules.NONE), family


@given(value=st.floats(-1e6, 1e6, allow_nan=False), decimals=st.integers(0, 6))
@settings(max_examples=500, deadline=None)
def test_vector_rounding_agrees_with_decimal(value: float, decimals: int) -> None:
    exact = rounding.round_half_up(value, decimals)
    units = int(rounding.to_units(value, decimals))
    assert Decimal(units).scaleb(-decimals) == exact
    assert float(rounding.round_array(value, decimals)) == float(exact)


@given(h=st.integers(-(10**8), 10**8))
@settings(max_examples=300, deadline=None)
def test_half_a_hundredth_goes_up(h: int) -> None:
    """h / 1000 as a float: a final 5 always rounds away from zero, whatever its binary neighbours."""
    expected = (abs(h) + 5) // 10 * (1 if h >= 0 else -1)
    assert int(rounding.to_units(h / 1000, 2)) == expected


@given(n=st.integers(-(10**9), 10**9), d=st.integers(1, 10**6))
@settings(max_examples=200, deadline=None)
def test_half_up_ratio_is_exact(n: int, d: int) -> None:
    exact = Fraction(abs(n), d)
    expected = math.floor(exact + Fraction(1, 2)) * (1 if n >= 0 else -1)
    assert int(rounding.half_up_ratio(n, d)) == expected


@given(units=st.integers(0, 100_000), n=st.integers(1, 5000))
@settings(max_examples=200, deadline=None)
def test_lost_points_are_shared_exactly(units: int, n: int) -> None:
    parts = rounding.allocate_lost(units / 100, np.ones(n, dtype=np.int64))
    whole = rounding.to_units(parts)
    assert len(parts) == n and int(whole.sum()) == units
    assert whole.max() - whole.min() <= 1 and np.all(np.diff(whole) <= 0)


@given(units=st.integers(0, 100_000), weights=st.lists(st.integers(1, 9), min_size=1, max_size=300))
@settings(max_examples=200, deadline=None)
def test_a_dossier_that_costs_twice_as_much_carries_twice_as_much(units: int, weights: list[int]) -> None:
    parts = rounding.allocate_units(units, weights)
    assert int(parts.sum()) == units
    assert all(abs(Fraction(int(part)) - Fraction(units * w, sum(weights))) < 1 for part, w in zip(parts, weights))
    assert all(a <= b + 1 for a, v in zip(parts, weights) for b, w in zip(parts, weights) if v <= w)


RATE = st.sampled_from([0.01, 0.05, 0.1, 0.25, 0.3, 0.8, 0.9, 0.95])


@given(d=st.integers(1, 20_000), share=st.floats(0, 1), t=RATE)
@settings(max_examples=300, deadline=None)
def test_needed_cases_are_the_least_that_suffice(d: int, share: float, t: float) -> None:
    n, exact = int(d * share), recover.as_fraction(t)
    k = int(recover.needed_existing(n, d, t))
    assert Fraction(n + k, d) >= exact
    assert k == 0 or Fraction(n + k - 1, d) < exact
    k = int(recover.needed_new(n, d, t))
    assert Fraction(n + k, d + k) >= exact
    assert k == 0 or Fraction(n + k - 1, d + k - 1) < exact


@given(d=st.integers(1, 20_000), bad=st.integers(0, 2000), t=RATE, strict=st.booleans())
@settings(max_examples=300, deadline=None)
def test_overdue_budget_is_the_most_that_is_allowed(d: int, bad: int, t: float, strict: bool) -> None:
    exact = recover.as_fraction(t)

    def allowed(late: int, of: int) -> bool:
        return Fraction(late, of) < exact if strict else Fraction(late, of) <= exact

    most = int(recover.budget(d, t, strict))
    assert allowed(most, d) or most == 0
    assert not allowed(most + 1, d)
    more = int(recover.dilution(bad, d, t, strict))
    assert allowed(bad, d + more)
    assert more == 0 or not allowed(bad, d + more - 1)


def test_a_lost_hundred_percent_cannot_be_regained() -> None:
    assert list(recover.needed_new([9, 10], [10, 10], 1.0)) == [recover.IMPOSSIBLE, 0]


@given(st.lists(st.integers(-5, 5), min_size=1, max_size=30))
@settings(max_examples=200, deadline=None)
def test_competition_rank(totals: list[int]) -> None:
    got = core.competition_rank(totals)
    assert list(got) == [1 + sum(o > t for o in totals) for t in totals]
    grid = np.stack([totals, totals[::-1]])
    both = core.competition_rank(grid, axis=1)
    assert list(both[0]) == list(got) and list(both[1]) == list(got)[::-1]


@given(st.lists(st.one_of(st.integers(0, 12_000), st.just(int(rounding.NO_UNITS))), min_size=1, max_size=20))
@settings(max_examples=100, deadline=None)
def test_every_index_has_exactly_one_grade(index: list[int]) -> None:
    bands = [Band("a", 80, None), Band("b", 65, 80), Band("c", 50, 65), Band("d", None, 50)]
    for units, code in zip(index, core.grade_codes(index, bands)):
        expected = -1 if units == rounding.NO_UNITS else next(k for k, e in enumerate((8000, 6500, 5000, -1)) if units >= e)
        assert code == expected
