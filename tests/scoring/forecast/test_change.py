"""What changed since an earlier forecast adds up to the hundredth."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from scoring.forecast.change import split

UNITS = st.integers(-500, 10_500)


@given(UNITS, UNITS, UNITS, st.one_of(st.none(), UNITS))
def test_the_parts_add_up(before: int, later: int, today: int, old_rules: int | None) -> None:
    found = split(before, later, today, old_rules)
    assert found.before + found.elapsed + found.new_facts + found.rules == found.after
    assert (found.before, found.after) == (before, today)


def test_each_part_is_what_its_step_brought() -> None:
    found = split(8000, 8010, 7950, 7985)
    assert (found.elapsed, found.new_facts, found.rules) == (10, -25, -35)
    assert split(8000, 8010, 7950).rules == 0 and split(8000, 8010, 7950).new_facts == -60
