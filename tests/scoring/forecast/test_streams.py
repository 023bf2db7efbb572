"""Common random numbers: their own for each seed, unit and variable, and as random as they must be."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kstest

from scoring.forecast.streams import EVERYBODY, normals, stream, uniforms

UNITS = ("90001", "90002", EVERYBODY)


def test_the_first_draws_of_many_are_the_draws_of_few() -> None:
    for draw in (normals, uniforms):
        assert np.array_equal(draw(3, UNITS, "a", 5000)[:700], draw(3, UNITS, "a", 700))


def test_a_unit_has_its_luck_alone_and_among_others() -> None:
    together = normals(3, UNITS, "a", 50)
    for k, unit in enumerate(UNITS):
        assert np.array_equal(normals(3, (unit,), "a", 50)[:, 0], together[:, k])


def test_another_seed_unit_or_variable_is_other_luck() -> None:
    asked = [(1, "90001", "a"), (2, "90001", "a"), (1, "90002", "a"), (1, "90001", "b"), (11, "", "a"), (1, "1", "a")]
    found = np.stack([stream(*one).standard_normal(20_000) for one in asked])
    apart = np.corrcoef(found) - np.eye(len(asked))
    assert np.abs(apart).max() < 4.5 / np.sqrt(20_000)


@pytest.mark.parametrize("name", ["volume", "rate:online_rate", "declared"])
def test_the_numbers_are_normal_and_even(name: str) -> None:
    assert kstest(normals(1, UNITS, name, 20_000).ravel(), "norm").pvalue > 1e-4
    assert kstest(uniforms(1, UNITS, name, 20_000).ravel(), "uniform").pvalue > 1e-4


def test_first_numbers_of_many_streams_are_as_random_as_those_of_one() -> None:
    first = np.array([stream(1, f"9{k:04d}", "volume").standard_normal() for k in range(4000)])
    assert kstest(first, "norm").pvalue > 1e-4
    assert abs(np.corrcoef(first[:-1], first[1:])[0, 1]) < 4.5 / np.sqrt(4000)
