"""Ranks within groups, against the definition: one more than the number of better ones in the same group."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring import core, rounding

PAIRS = st.lists(
    st.tuples(st.one_of(st.integers(-5, 5), st.just(int(rounding.NO_UNITS))), st.integers(0, 3)), min_size=1, max_size=30
)


@given(PAIRS)
@settings(max_examples=300, deadline=None)
def test_ranks_within_groups(pairs: list[tuple[int, int]]) -> None:
    units, groups = [u for u, _ in pairs], [g for _, g in pairs]
    expected = [core.NO_RANK if u == rounding.NO_UNITS else 1 + sum(o > u and h == g for o, h in pairs) for u, g in pairs]
    assert core.competition_rank(units, groups).tolist() == expected
    draws = core.competition_rank(np.stack([units, units]), groups)
    assert draws.tolist() == [expected, expected]
    assert core.competition_rank(np.stack([units, units], axis=1), groups, axis=0).T.tolist() == [expected, expected]


@given(st.lists(st.integers(-5, 5), min_size=1, max_size=30))
@settings(max_examples=50, deadline=None)
def test_one_group_is_no_group(units: list[int]) -> None:
    assert core.competition_rank(units, [7] * len(units)).tolist() == core.competition_rank(units).tolist()
