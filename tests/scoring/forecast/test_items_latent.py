"""The model behind declarations, tasks and reviews, against outcomes whose making is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr, ndtri

from scoring.forecast.items_latent import (
    CELL_SHARE,
    CELLS,
    Outcomes,
    _parts,
    binary_outcomes,
    cells,
    chance,
    latent_means,
    leaning,
    likeness,
    look_up,
)


def answers(
    rng: np.random.Generator, load: float, item: float, year: float, shape: tuple[int, int, int] = (13, 24, 4)
) -> np.ndarray:
    """(N, C, Y) yes (1) and no (0) of units that differ: by themselves, by item, by year. load, item, year: variances."""
    n, c, y = shape
    effects = (
        rng.normal(0, load**0.5, (n, 1, 1)) + rng.normal(0, item**0.5, (n, c, 1)) + rng.normal(0, year**0.5, (n, 1, y))
        + rng.normal(0, (1 - load - item - year) ** 0.5, shape)
    )  # fmt: skip
    return (effects < ndtri(rng.uniform(0.5, 0.9, (1, c, 1)))).astype(np.float64)


@given(st.floats(0, 0.98), st.floats(0.01, 1))
def test_the_mean_between_two_quantiles_lies_between_them(below: float, width: float) -> None:
    upto = min(below + width, 1.0)
    mean = latent_means(np.array([below]), np.array([upto]))[0]
    assert ndtri(below) - 1e-6 <= mean <= ndtri(upto) + 1e-6


def test_latent_means_of_all_outcomes_weigh_out() -> None:
    edges = np.array([0.0, 0.2, 0.21, 0.7, 1.0])
    assert (np.diff(edges) * latent_means(edges[:-1], edges[1:])).sum() == pytest.approx(0, abs=1e-9)


def test_a_cell_stands_for_as_many_draws_as_its_width() -> None:
    table = (CELL_SHARE < 0.3).astype(float)[None]
    drawn = look_up(table, cells(1, ("a",), "x", np.zeros(1), None, 200_000))
    assert drawn.mean() == pytest.approx(0.3, abs=0.005) and len(CELL_SHARE) == CELLS and (np.diff(CELL_SHARE) >= 0).all()


def test_loading_is_the_share_of_luck_that_units_items_have_in_common() -> None:
    shared = np.random.default_rng(1).standard_normal((1, 50_000))
    one, other = (cells(1, ("a",), name, np.array([0.8]), shared, 50_000)[0] for name in ("x", "y"))
    assert np.corrcoef(one, other)[0, 1] == pytest.approx(0.64, abs=0.02)


@settings(max_examples=30)
@given(st.integers(1, 4), st.integers(1, 5), st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_any_counts_give_chances(units: int, items: int, years: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    count = rng.integers(0, 4, (units, items, years)).astype(float)
    yes = np.floor(count * rng.choice([0, 0.5, 1], count.shape))
    seen, share = binary_outcomes(yes, count)
    lean = leaning(seen)
    found = chance(share, lean)
    assert ((found > 0) & (found < 1)).all() and (lean.sd > 0).all() and ((lean.loading >= 0) & (lean.loading <= 1)).all()


def test_without_any_outcome_everything_is_as_likely_as_not() -> None:
    seen, share = binary_outcomes(np.zeros((3, 4, 0)), np.zeros((3, 4, 0)))
    assert chance(share, leaning(seen)) == pytest.approx(np.full((3, 4), 0.5))


def test_effects_of_one_kind_do_not_pass_for_another() -> None:
    """Shares (fine outcomes) that a unit rules and yes/no answers that it does not touch: each group keeps its own load."""
    rng = np.random.default_rng(2)
    n, c, y = 40, 10, 3
    ruled = rng.normal(0, 0.8, (n, 1, 1)) + rng.normal(0, 0.6, (n, c, y))
    yes = (rng.random((n, c, y)) < 0.7).astype(float)
    plain, _ = binary_outcomes(yes, np.ones_like(yes))
    seen = Outcomes(
        np.concatenate([ruled, plain.score], axis=1), np.ones((n, 2 * c, y)),
        np.concatenate([np.ones(c), plain.information]), np.repeat([0, 1], c),
    )  # fmt: skip
    lean = leaning(seen)
    assert lean.mean[:, :c].std() > 0.6
    assert lean.mean[:, c:].std() < 0.25


@pytest.mark.parametrize(("load", "item", "year"), [(0.0, 0.0, 0.0), (0.3, 0.0, 0.0), (0.05, 0.5, 0.0), (0.15, 0.15, 0.1)])
def test_next_years_answers_are_as_likely_as_said(load: float, item: float, year: float) -> None:
    said, came, pooled, own = [], [], [], []
    places = []
    for seed in range(25):
        rng = np.random.default_rng(seed)
        all_ = answers(rng, load, item, year)
        past, after = all_[:, :, :3], all_[:, :, 3]
        seen, share = binary_outcomes(past, np.ones_like(past))
        lean = leaning(seen)
        found = chance(share, lean)
        said.append(found)
        came.append(after)
        pooled.append(np.broadcast_to(share, after.shape))
        own.append((past.sum(axis=2) + 0.5) / 4)
        luck = rng.standard_normal((400, 13, 1)) * lean.loading + rng.standard_normal((400, 13, 24)) * np.sqrt(
            1 - lean.loading**2
        )
        total = (ndtr(luck) < found).sum(axis=2)
        whole = after.sum(axis=1)
        places.append((total < whole).mean(axis=0) + rng.random(13) * (total == whole).mean(axis=0))
    p, y = np.array(said), np.array(came)
    miss = {name: float(((np.array(q) - y) ** 2).mean()) for name, q in (("model", said), ("pooled", pooled), ("own", own))}
    assert miss["model"] < 1.02 * min(miss["pooled"], miss["own"])
    for low, high in ((0.0, 0.5), (0.5, 0.7), (0.7, 0.85), (0.85, 1.0)):
        chosen = (p >= low) & (p < high)
        if chosen.sum() > 300:
            assert y[chosen].mean() == pytest.approx(p[chosen].mean(), abs=0.045)
    inside = np.abs(np.array(places) - 0.5) < 0.4
    assert 0.74 <= inside.mean() <= 0.88


def test_items_that_depend_less_on_the_unit_are_not_taken_to_be_each_units_own() -> None:
    rng, shape = np.random.default_rng(5), (60, 16, 4)
    loads = np.repeat([0.7, 0.2], 8)[None, :, None]
    latents = loads * rng.standard_normal((60, 1, 1)) + np.sqrt(1 - loads**2) * rng.standard_normal(shape)
    parts = _parts(Outcomes(latents, np.ones(shape), np.ones(16), np.zeros(16, dtype=np.intp)))
    assert (parts.item < 0.06).all() and parts.load[:8].min() > parts.load[8:].max() + 0.2


def test_the_share_of_all_items_weighs_more_the_less_items_lie_apart() -> None:
    rng, count = np.random.default_rng(6), np.full(20, 50.0)
    alike = likeness(rng.binomial(50, 0.75, 20).astype(float), count)
    apart = likeness(rng.binomial(50, rng.beta(3, 1, 20)).astype(float), count)
    assert apart < 10 and alike > 100
