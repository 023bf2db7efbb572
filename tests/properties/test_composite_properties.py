"""What holds for every set and every ranking: sums of parts, bounds, order, and what a weighting can and cannot do."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from criteria import build_set
from scoring import composite as comp
from scoring import core, flips, peers, rounding, rules
from scoring.engine import score
from tests.scoring import random_sets
from tests.scoring.frames import declarations, measures

pytestmark = pytest.mark.slow  # a whole file of seconds: left to `make test`

SHARE = st.floats(0, 1, allow_nan=False)
COUNT = st.integers(0, 50).map(float)
POINTS = st.integers(1, 2000).map(lambda h: h / 100)


@given(
    a=st.lists(SHARE, min_size=2, max_size=8), late=st.integers(0, 3), top=POINTS, low=st.floats(0, 0.5), step=st.floats(0, 0.5)
)
@settings(max_examples=150, deadline=None)
def test_r20_compound_steps_are_a_staircase(a: list[float], late: int, top: float, low: float, step: float) -> None:
    """More of a good input never costs a point, and any bad input brings the lowest level."""
    levels = [
        {"points": top, "all": [{"input": "a", "op": ">=", "value": low + step}, {"input": "late", "op": "==", "value": 0}]},
        {"points": top / 2, "all": [{"input": "a", "op": ">=", "value": low}, {"input": "late", "op": "==", "value": 0}]},
    ]
    x = np.sort(a)
    got = rules.compound_steps({"a": x, "late": np.full(len(x), float(late))}, top, levels)
    assert set(got.points) <= {0.0, top / 2, top} and np.all(np.diff(got.points) >= 0)
    assert late == 0 or not got.points.any()
    unknown = rules.compound_steps({"a": x, "late": np.full(len(x), np.nan)}, top, levels)
    assert np.isnan(unknown.points).all() and np.all(unknown.branch == rules.NONE)


@given(x=st.lists(COUNT, min_size=1, max_size=8), top=POINTS, each=POINTS)
@settings(max_examples=100, deadline=None)
def test_r20_bonus_and_penalty_mirror_each_other(x: list[float], top: float, each: float) -> None:
    values = np.sort(x)
    plus, minus = (rules.bonus_penalty(values, top, each, sign).points for sign in (1, -1))
    assert np.array_equal(plus, -minus) and np.all((plus >= 0) & (plus <= top)) and np.all(np.diff(plus) >= 0)


@given(seed=st.integers(0, 10**6))
@example(seed=349)  # maxima finer than the set's decimals
@settings(max_examples=60, deadline=None)
def test_parts_sum_to_totals_in_any_set(seed: int) -> None:
    """lost = maximum - points for each base criterion; total = base points + bonus; the bonus is within its limit."""
    rng, names = random.Random(seed), ["a", "b", "c"]
    made = random_sets.content(rng)
    measured, declared = random_sets.inputs(rng, made, names)
    m = measures((s, code, n, d, u) for s, by in measured.items() for code, (n, d, u) in by.items())
    d = declarations((s, code, r["value"], r["points"], r["state"]) for s, by in declared.items() for code, r in by.items())
    law = build_set(made).at(random_sets.DAY)
    got = score(m, d, law, names, explain=False)

    def units(values: pd.Series) -> int:
        return int(rounding.to_units(values.dropna().to_numpy(dtype=float), law.decimals).sum())

    limit = int(rounding.to_units(law.bonus_limit, law.decimals))
    for t in got.totals.to_dict("records"):
        mine = got.criteria[got.criteria["commune"] == t["commune"]]
        base = mine[(mine["kind"] == "base") & mine["points"].notna()]
        outside = units(mine[mine["kind"] != "base"]["points"])
        assert units(base["lost"]) == units(base["max_points"]) - units(base["points"])
        assert units(pd.Series([t["max_scored"]])) == units(base["max_points"])
        bonus = units(pd.Series([t["bonus"]]))
        assert bonus == max(-limit, min(limit, outside))
        if t["max_scored"] > 0:
            assert units(pd.Series([t["total"]])) == units(base["points"]) + bonus
        else:
            assert np.isnan(t["total"]) and pd.isna(t["rank"])
    c = comp.composite(got, law)
    assert comp.ranks(c).tolist() == got.totals["rank"].fillna(core.NO_RANK).astype(int).tolist()


@st.composite
def composites(draw: st.DrawFn) -> comp.Composite:
    n, k = draw(st.integers(2, 6)), draw(st.integers(1, 6))
    cell = st.one_of(st.integers(0, 20).map(lambda x: x / 20), st.just(float("nan")))
    shares = np.array(draw(st.lists(st.lists(cell, min_size=k, max_size=k), min_size=n, max_size=n)))
    weights = np.array(draw(st.lists(st.integers(1, 15).map(float), min_size=k, max_size=k)))
    return comp.Composite(
        tuple("abcdef"[:n]), tuple(f"c{j}" for j in range(k)), ("I",) * k, weights, shares, np.zeros(n),
        np.zeros(n, dtype=np.int64), draw(st.sampled_from(["total", "share"])), 2,
    )  # fmt: skip


@given(c=composites())
@settings(max_examples=150, deadline=None)
def test_contributions_and_means(c: comp.Composite) -> None:
    mean = comp.weighted_mean(c.shares, c.weights)
    known = ~np.isnan(mean)
    assert np.array_equal(known, c.scored.any(axis=1)) and np.all((mean[known] >= 0) & (mean[known] <= 1 + 1e-12))
    assert np.allclose(comp.contributions(c.shares, c.weights).sum(axis=1)[known], mean[known])
    scaled = comp.ranks(replace(c, basis="share"), c.weights * 3)
    assert np.array_equal(scaled, comp.ranks(replace(c, basis="share"))), "only proportions of the weights matter to a share"


@given(c=composites())
@settings(max_examples=150, deadline=None)
def test_flips_keep_the_sum_and_close_the_gap(c: comp.Composite) -> None:
    for f in flips.flips(c):
        assert f.gap >= -1e-9
        dominated = np.all(c.filled[f.upper] > c.filled[f.lower]) and c.scored[[f.upper, f.lower]].all()
        if f.moved is None:
            assert not f.exact or np.all(c.filled[f.upper] >= c.filled[f.lower] - 1e-9)
            continue
        assert not dominated and sum(f.taken.values()) == pytest.approx(sum(f.given.values()), abs=1e-9)
        w = c.weights.copy()
        for sign, part in ((-1, f.taken), (1, f.given)):
            for code, points in part.items():
                w[c.codes.index(code)] += sign * points
        assert np.all(w >= -1e-9) and flips._gap(c, np.maximum(w, 0), f.upper, f.lower) <= 1e-7


@given(c=composites())
@settings(max_examples=100, deadline=None)
def test_peers_and_strengths(c: comp.Composite) -> None:
    found = peers.standing(c)
    assert np.all(found.better + found.equal <= found.peers) and np.all(found.peers < len(c.names))
    table = peers.strengths(c)
    assert np.all(table["points"][table["side"] == "strength"] > 0) and np.all(table["points"][table["side"] == "weakness"] < 0)
    assert table.groupby(["commune", "side"]).size().max() <= 3 if len(table) else True
    for _, mine in table.groupby(["commune", "side"]):
        assert mine["points"].abs().is_monotonic_decreasing
