"""How many forms a survey needs: worked figures, exact rounding up, and what is unknown."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.sample import check_sample, forms_needed


# Worked figures: N = 10 000 at 5 % is 385 (researchdatapod.com, Slovin's formula calculator), N = 400 at 5 % is 200
# (mgtog.net, the same), N = 2 000 at 5 % is 333.33 (gauthmath.com), N = 10 000 at 2 % is 2 000 (studymode.com, Slovin).
@pytest.mark.parametrize(
    ("population", "error", "needed"), [(10_000, 0.05, 385), (400, 0.05, 200), (2_000, 0.05, 334), (10_000, 0.02, 2_000)]
)
def test_worked_figures(population: int, error: float, needed: int) -> None:
    assert forms_needed(population, error) == needed


@pytest.mark.parametrize(("population", "needed"), [(0, 0), (1, 1), (2, 2), (10, 10), (100, 80), (101, 81), (10**9, 400)])
def test_small_and_large_populations(population: int, needed: int) -> None:
    """100 / 1.25 is exactly 80; a very large population never needs more than 1 / e² = 400."""
    assert forms_needed(population, 0.05) == needed


@given(population=st.integers(0, 10**7), percent=st.integers(1, 20))
def test_the_smallest_whole_number_that_is_enough(population: int, percent: int) -> None:
    n = forms_needed(population, percent / 100)
    exact = Fraction(population) / (1 + population * Fraction(percent, 100) ** 2)
    assert n - 1 < exact <= n and n <= population and n <= math.ceil(10_000 / percent**2)


def test_status() -> None:
    found = {
        (80, 100): ("enough", True, 80), (79, 100): ("too_small", False, 80), (0, 100): ("too_small", False, 80),
        (5, 0): ("no_population", None, 0), (None, 100): ("unknown", None, 80), (80, None): ("unknown", None, None),
    }  # fmt: skip
    for (forms, population), (status, enough, needed) in found.items():
        check = check_sample(forms, population, 0.05)
        assert (check.status, check.enough, check.needed, check.forms, check.population) == (
            status,
            enough,
            needed,
            forms,
            population,
        )


@pytest.mark.parametrize(("population", "error"), [(-1, 0.05), (10, 0), (10, 1), (10, 5), (10, -0.05)])
def test_senseless_questions_are_refused(population: int, error: float) -> None:
    with pytest.raises(ValueError, match="no sample"):
        forms_needed(population, error)
