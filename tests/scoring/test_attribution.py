"""Shares of a change: they sum to it exactly, treat equals alike, and give nothing to what changes nothing."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.attribution import Coalition, coalitions, exact, joined, shapley

Game = dict[Coalition, np.ndarray]
NAMES = ("calendar", "criteria", "facts", "time")


@st.composite
def games(draw: st.DrawFn, most: int = 4) -> Game:
    """Figures in hundredths, one per commune, for every set of up to four factors."""
    k = draw(st.integers(1, most))
    width = draw(st.integers(1, 4))
    figures = st.lists(st.integers(-20_000, 20_000), min_size=width, max_size=width)
    return {chosen: np.array(draw(figures), dtype=np.int64) for chosen in coalitions(NAMES[:k])}


def factors(game: Game) -> list[str]:
    return sorted(frozenset().union(*game))


@given(games())
def test_shares_sum_to_the_change(game: Game) -> None:
    change = game[frozenset(factors(game))] - game[frozenset()]
    np.testing.assert_array_equal(sum(shapley(game).values()), change)
    numerators, denominator = exact(game)
    np.testing.assert_array_equal(sum(numerators.values()), change * denominator)


@given(games())
def test_a_share_is_the_mean_over_every_order(game: Game) -> None:
    """The definition itself, worked out by walking through all orders."""
    orders = list(permutations(factors(game)))
    numerators, denominator = exact(game)
    for factor, found in numerators.items():
        gains = [
            game[frozenset(order[: order.index(factor) + 1])] - game[frozenset(order[: order.index(factor)])] for order in orders
        ]
        np.testing.assert_array_equal(sum(gains) * denominator, found * len(orders))


@given(games())
def test_rounding_moves_no_share_by_a_whole_unit(game: Game) -> None:
    numerators, denominator = exact(game)
    for factor, units in shapley(game).items():
        assert (np.abs(units * denominator - numerators[factor]) < denominator).all()


@given(games(most=3), st.integers(-500, 500))
def test_a_factor_that_changes_nothing_gets_nothing(game: Game, gain: int) -> None:
    dummy = {chosen | extra: figures for chosen, figures in game.items() for extra in (frozenset(), frozenset({"idle"}))}
    found = shapley(dummy)
    assert not found.pop("idle").any()
    for factor, units in shapley(game).items():
        np.testing.assert_array_equal(found[factor], units)
    steady = {
        chosen | extra: figures + gain * len(extra)
        for chosen, figures in game.items()
        for extra in (frozenset(), frozenset({"idle"}))
    }
    assert (shapley(steady)["idle"] == gain).all()


@given(games(most=3))
def test_equal_factors_get_equal_shares(game: Game) -> None:
    """Two factors that do the same in every company; the last hundredth may go to either."""
    swap = {"calendar": "criteria", "criteria": "calendar"}
    same = {
        chosen: figures + game[frozenset(swap.get(name, name) for name in chosen)]
        for chosen, figures in game.items()
        if frozenset(swap.get(name, name) for name in chosen) in game
    }
    if len(factors(game)) < 2:
        return
    numerators, _ = exact(same)
    np.testing.assert_array_equal(numerators["calendar"], numerators["criteria"])
    units = shapley(same)
    assert (np.abs(units["calendar"] - units["criteria"]) <= 1).all()


def test_an_example_by_hand() -> None:
    """Facts alone +1,00; criteria alone 0; both +1,51: facts gets 1,255 and criteria 0,255; the first name gets the half."""
    game = {
        frozenset(): np.array([800]),
        frozenset({"facts"}): np.array([900]),
        frozenset({"criteria"}): np.array([800]),
        frozenset({"facts", "criteria"}): np.array([951]),
    }
    assert {name: units.tolist() for name, units in shapley(game).items()} == {"criteria": [26], "facts": [125]}


def test_factors_that_cannot_be_told_apart_share_a_column() -> None:
    game = {chosen: np.array([10 * len(chosen)]) for chosen in coalitions(("criteria", "facts", "time"))}
    del game[frozenset({"time"})], game[frozenset({"time", "facts"})]
    with pytest.raises(ValueError, match="time"):
        shapley(game)
    found = shapley(joined(game, ("criteria", "time"), "criteria+time"))
    assert {name: units.tolist() for name, units in found.items()} == {"criteria+time": [20], "facts": [10]}


def test_without_factors_there_are_no_shares() -> None:
    assert shapley({frozenset(): np.array([5])}) == {}
