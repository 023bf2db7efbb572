"""Robustness of a ranking: draws, thresholds, definitions, flips, Sobol indices, peers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import linprog

from criteria import CriteriaError, ResolvedSet, load_measures
from criteria.model import Rule
from criteria.robustness import Ranges, load_ranges
from scoring import composite as comp
from scoring import core, flips, peers, robust
from scoring.engine import score
from tests.scoring.frames import A, B, declarations, everything, law, measures

pytestmark = pytest.mark.slow

COMMUNES = [str(22489 + 3 * k) for k in range(13)]
RANGES = load_ranges()


def a_model(seed: int = 1, rules: ResolvedSet | None = None, band: float = 0.1, definitions: int = 1) -> robust.Model:
    m, d = everything(COMMUNES, seed)
    frames = {"qd766": m}
    for k in range(1, definitions):
        other = m.copy()
        late = other["measure"] == "overdue_rate"
        other.loc[late, "numerator"] = (other.loc[late, "numerator"] / (10.0 * k)).round()
        frames[f"other{k}"] = other
    return robust.model(frames, d, rules or law(), COMMUNES, band)


def by_hand(shares: list[list[float | None]], weights: list[float], basis: str = "total") -> comp.Composite:
    p = np.array([[np.nan if x is None else x for x in row] for row in shares], dtype=float)
    n, k = p.shape
    return comp.Composite(
        tuple("ABCDEFGH"[:n]), tuple(f"c{j}" for j in range(k)), ("I",) * k, np.array(weights, dtype=float), p, np.zeros(n),
        np.zeros(n, dtype=np.int64), basis, 2,
    )  # fmt: skip


@pytest.mark.parametrize("basis", ["total", "share"])
@pytest.mark.parametrize("seed", range(6))
def test_legal_weights_give_the_ranks_of_the_engine(seed: int, basis: str) -> None:
    rules = replace(law(), ranking_basis=basis)
    m, d = everything(COMMUNES, seed)
    scores = score(m, d, rules, COMMUNES)
    c = comp.composite(scores, rules)
    expected = scores.totals["rank"].fillna(core.NO_RANK).astype(int).tolist()
    assert comp.ranks(c).tolist() == expected
    unmoved = robust.model({"x": m}, d, rules, COMMUNES, 0.1)
    still = robust.only(unmoved, robust.draw(RANGES, unmoved, 5))
    assert robust.simulate(unmoved, still).tolist() == [expected] * 5


def test_scores_of_another_set_are_refused() -> None:
    m, d = everything(COMMUNES)
    with pytest.raises(ValueError, match="do not belong"):
        comp.composite(score(m, d, law(), COMMUNES), replace(law(), hash="0"))


def test_what_is_not_scored_leaves_total_and_maximum() -> None:
    c = by_hand([[0.5, None], [0.4, 0.4]], [6, 4])
    assert comp.ranks(c).tolist() == [2, 1]  # 3 against 4 points
    assert comp.ranks(replace(c, basis="share")).tolist() == [1, 2]  # 50 % against 40 %
    assert comp.weighted_mean(c.shares, c.weights).tolist() == [0.5, 0.4]
    assert np.allclose(comp.contributions(c.shares, c.weights), [[0.5, 0.0], [0.24, 0.16]])
    nothing = by_hand([[None, None], [0.1, 0.2]], [6, 4])
    assert comp.ranks(nothing).tolist() == [core.NO_RANK, 1]
    assert np.isnan(comp.weighted_mean(nothing.shares, nothing.weights)[0])


def test_each_group_is_ranked_by_itself() -> None:
    c = replace(by_hand([[0.9], [0.8], [0.7], [0.6]], [10]), groups=np.array([0, 1, 0, 1]))
    assert comp.ranks(c).tolist() == [1, 1, 2, 2]
    assert flips.neighbours(c) == [(0, 2), (1, 3)]
    assert peers.standing(c).peers[:, 0].tolist() == [1, 1, 1, 1]


def test_dropping_each_criterion() -> None:
    c = by_hand([[1.0, 0.0, 0.5], [0.0, 0.9, 0.5]], [5, 5, 2])
    assert comp.without_each(c).tolist() == [[2, 1], [1, 2], [1, 2]]
    m, d = everything(COMMUNES, 3)
    rules = law()
    c = comp.composite(score(m, d, rules, COMMUNES), rules)
    for k, code in enumerate(c.codes):
        less = replace(rules, criteria=tuple(x for x in rules.criteria if x.code != code))
        assert comp.without_each(c)[k].tolist() == score(m, d, less, COMMUNES).totals["rank"].tolist(), code


@pytest.mark.parametrize("method", ["dirichlet", "uniform"])
def test_drawn_weights_keep_the_sum_and_the_mean(method: str) -> None:
    m = a_model()
    ranges = replace(RANGES, method=method)
    raw = robust.draw(ranges, m, 4000).weights
    w = raw / raw.sum(axis=1, keepdims=True) * m.now.weights.sum()
    assert np.all(w >= 0) and np.allclose(w.sum(axis=1), 100)
    assert np.allclose(w.mean(axis=0), m.now.weights, rtol=0.05)
    if method == "dirichlet":
        share = m.now.weights / 100
        expected = 100 * np.sqrt(share * (1 - share) / (ranges.concentration + 1))
        assert np.allclose(w.std(axis=0), expected, rtol=0.1)


def test_the_same_seed_gives_the_same_answer() -> None:
    m = a_model(definitions=3)
    first, again = (robust.simulate(m, robust.draw(RANGES, m, 200)) for _ in range(2))
    assert np.array_equal(first, again)
    other = robust.simulate(m, robust.draw(replace(RANGES, seed=1), m, 200))
    assert not np.array_equal(first, other)
    fewer = robust.draw(RANGES, a_model(definitions=1), 200)
    assert np.array_equal(fewer.weights, robust.draw(RANGES, m, 200).weights)


def test_stability_in_numbers() -> None:
    m = a_model(2)
    drawn = np.tile(comp.ranks(m.now), (100, 1))
    drawn[:10, 0] += 1
    drawn[:4, 0] += 1
    got = robust.stability(m, drawn, (0.05, 0.95))
    now = int(got.now[0])
    assert (got.low[0], got.high[0]) == (now, now + 1)
    assert got.keep[0] == 0.9 and got.probability[0, now - 1] == 0.9
    assert got.probability[0, now] == pytest.approx(0.06) and got.probability.sum(axis=1) == pytest.approx(1.0)
    assert got.shift[0] == pytest.approx(0.14) and got.mean_shift == pytest.approx(0.14 / 13)


def test_a_wider_band_shifts_more() -> None:
    m = a_model(5)
    shifts = []
    for concentration in (100_000, 400, 20):
        drawn = robust.simulate(
            m, robust.only(m, robust.draw(replace(RANGES, concentration=concentration), m, 300), weights=True)
        )
        shifts.append(robust.stability(m, drawn, (0.05, 0.95)).mean_shift)
    assert shifts == sorted(shifts) and shifts[0] < shifts[-1]


def test_thresholds_are_moved_in_the_rules_themselves() -> None:
    """One draw of multipliers equals the engine under rules whose parameters were edited by hand."""
    rules = law()
    m, d = everything(COMMUNES, 7)
    model = robust.model({"x": m}, d, rules, COMMUNES, 0.1)
    names = [f.name for f in model.factors]
    assert {"overdue_max", "online_min", "satisfaction_min"} <= set(names) and len(set(names)) == len(names)
    edits = {
        "III.3": lambda p, by: {"full_below": p["full_below"] * by["overdue_max"], "zero_at": p["zero_at"] * by["overdue_max"]},
        "VII.1": lambda p, by: {"target": p["target"] * by["online_min"]},
        "III.7": lambda p, by: {"per_percent": p["per_percent"] * by["III.7"]},
        "III.5": lambda p, by: {**p, "steps": [p["steps"][0], {**p["steps"][1], "from": p["steps"][1]["from"] * by["III.5"]}]},
    }
    rng = np.random.default_rng(3)
    for _ in range(5):
        by = {n: 1.0 for n in names}
        by |= {n: float(rng.uniform(0.9, 1.1)) for n in ("overdue_max", "online_min", "III.7", "III.5")}
        changed = tuple(
            replace(c, rule=Rule(c.rule.family, edits[c.code](c.rule.params, by))) if c.code in edits and c.rule else c
            for c in rules.criteria
        )
        expected = score(m, d, replace(rules, criteria=changed), COMMUNES).totals["rank"].tolist()
        drawn = robust.Draws(model.now.weights[None, :], np.array([[by[n] for n in names]]), np.zeros(1, dtype=np.int64))
        assert robust.simulate(model, drawn)[0].tolist() == expected


def test_all_and_none_do_not_move() -> None:
    model = a_model()
    moved = {f.name: f for f in model.factors}
    assert "III.4" not in moved, "100 % or nothing"
    assert "I.5" not in moved and "V.3" not in moved, "yes or no, and levels, have no threshold"
    assert (moved["overdue_max"].low, moved["overdue_max"].high) == (0.9, 1.1)
    in_2022 = robust.model({"x": measures()}, declarations(), law(pd.Timestamp(2022, 6, 1).date()), [A], 0.1)
    online = next(f for f in in_2022.factors if f.name == "online_min")
    assert (online.low, online.high) == (1.0, pytest.approx(1.2)), "the source gives 25 to 30 %"
    assert not a_model(band=0.0).factors


def test_a_compound_rule_is_moved_with_all_its_inputs() -> None:
    rules = law()
    base = rules.criterion("VII.1")
    levels = [{"points": 5, "all": [{"input": "a", "op": ">=", "value": 0.3}, {"input": "b", "op": "==", "value": 0}]}]
    c = replace(
        base, measure=None, measure_info=None, targets={}, inputs={"a": "online_rate", "b": "open_overdue"},
        rule=Rule("compound_steps", {"levels": levels, "otherwise": 0}),
    )  # fmt: skip
    m = measures(
        [(A, "online_rate", 31, 100), (A, "open_overdue", 0, None), (B, "online_rate", 40, 100), (B, "open_overdue", 1, None)]
    )
    rules = replace(rules, criteria=(c,), measures=load_measures())
    model = robust.model({"x": m}, declarations(), rules, [A, B], 0.1)
    assert [f.name for f in model.factors] == ["VII.1"]
    draws = robust.Draws(np.full((3, 1), 5.0), np.array([[1.0], [1.1], [1.02]]), np.zeros(3, dtype=np.int64))
    assert robust.simulate(model, draws).tolist() == [[1, 2], [1, 1], [1, 2]]
    # With a declared level beside the measures: the level itself is firm, and without a declaration nothing is scored.
    levels[0]["all"].append({"input": "declared", "op": ">=", "value": 1})
    rules = replace(rules, criteria=(replace(c, declared="level", levels=("x", "y", "z")),))
    d = declarations([(A, "VII.1", 2, None, "evidenced")])
    model = robust.model({"x": m}, d, rules, [A, B], 0.1)
    assert comp.ranks(model.now).tolist() == [1, 0]
    assert robust.simulate(model, draws).tolist() == [[1, 0]] * 3 and model.factors[0].name == "VII.1"


def test_definitions_are_drawn_and_told_apart() -> None:
    model = a_model(4, definitions=3)
    each = robust.by_definition(model)
    assert list(each) == ["qd766", "other1", "other2"]
    for position, expected in enumerate(each.values()):
        draws = robust.Draws(model.now.weights[None, :], np.ones((1, len(model.factors))), np.array([position]))
        assert np.array_equal(robust.simulate(model, draws)[0], expected)
    drawn = robust.only(model, robust.draw(RANGES, model, 300), definition=True)
    assert np.bincount(drawn.definition, minlength=3).min() > 70
    assert {tuple(r) for r in robust.simulate(model, drawn).tolist()} == {tuple(r.tolist()) for r in each.values()}


def test_sobol_finds_the_only_thing_that_matters() -> None:
    model = a_model(4, definitions=3)
    firm = replace(RANGES, concentration=1e9, sobol_points=512)
    model = replace(model, factors=tuple(replace(f, low=1.0, high=1.0) for f in model.factors))
    got = robust.sobol(model, firm)
    mean = got[got["outcome"] == ""].set_index("source")
    assert mean.loc["definition", "first"] == pytest.approx(1, abs=0.1) and mean.loc["definition", "total"] == pytest.approx(
        1, abs=0.1
    )
    assert abs(mean.loc["thresholds", "total"]) < 1e-9
    unmoved = got[got["variance"] == 0]
    alone = robust.sobol(replace(model, variants=model.variants[:1], factors=()), replace(RANGES, sobol_points=64))
    assert set(alone["source"]) == {"weights"}, "one source, many outcomes"
    assert len(unmoved) and unmoved["first"].isna().all(), "a rank that never changes has no index"


def test_sobol_agrees_with_the_variance_of_the_conditional_means() -> None:
    """The definition has two values: its first-order index is Var(E[shift | definition]) / Var(shift), from many draws."""
    model = a_model(4, definitions=2)
    ranges = replace(RANGES, sobol_points=1024)
    draws = robust.draw(ranges, model, 6000, 9)
    shift = np.abs(robust.simulate(model, draws) - comp.ranks(model.now)).mean(axis=1)
    parts = [shift[draws.definition == k] for k in (0, 1)]
    between = np.var([p.mean() for p in parts])
    expected = between / shift.var()
    got = robust.sobol(model, ranges)
    mean = got[got["outcome"] == ""].set_index("source")
    assert mean.loc["definition", "first"] == pytest.approx(expected, abs=0.1)
    assert set(mean.index) == {"weights", "thresholds", "definition"}
    assert np.all(mean["total"] >= mean["first"] - 0.1)
    sections = robust.sobol(model, replace(ranges, sobol_points=64), by_section=True)
    assert {"weights:I", "weights:VIII", "definition"} <= set(sections["source"])


def _by_linear_programming(w: np.ndarray, slope: np.ndarray, need: float) -> float | None:
    """The least weight moved, from scipy: minimise the sum of what is taken, with given - taken as the change."""
    n = len(w)
    found = linprog(
        np.concatenate([np.ones(n), np.zeros(n)]),
        A_eq=np.vstack([np.concatenate([-slope, slope]), np.concatenate([np.ones(n), -np.ones(n)])]),
        b_eq=[-need, 0.0],
        bounds=[(0, float(x)) for x in w] + [(0, None)] * n,
    )
    return float(found.fun) if found.status == 0 else None


@pytest.mark.parametrize("seed", range(60))
def test_the_greedy_movement_is_the_least_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 9))
    w = rng.integers(0, 9, n).astype(float)
    slope = rng.integers(-10, 11, n) / 10
    need = float(rng.integers(1, 40) / 10)
    change, least = flips.greedy(w, slope, need), _by_linear_programming(w, slope, need)
    assert (change is None) == (least is None)
    if change is not None:
        assert change.sum() == pytest.approx(0) and np.all(w + change >= -1e-12)
        assert slope @ change == pytest.approx(-need)
        assert -change[change < 0].sum() == pytest.approx(least)


@pytest.mark.parametrize("basis", ["total", "share"])
@pytest.mark.parametrize("seed", range(4))
def test_the_movement_does_make_them_equal(seed: int, basis: str) -> None:
    rules = replace(law(), ranking_basis=basis)
    m, d = everything(COMMUNES, seed)
    c = comp.composite(score(m, d, rules, COMMUNES), rules)
    found = flips.flips(c)
    assert len(found) == len(COMMUNES) - 1
    for f in found:
        assert f.gap >= -1e-9 and f.moved is not None
        w = c.weights.copy()
        for code, points in f.taken.items():
            w[c.codes.index(code)] -= points
        for code, points in f.given.items():
            w[c.codes.index(code)] += points
        assert w.sum() == pytest.approx(100) and np.all(w >= -1e-9)
        assert sum(f.taken.values()) == pytest.approx(f.moved) == pytest.approx(sum(f.given.values()))
        assert abs(flips._gap(c, w, f.upper, f.lower)) < 1e-9
        if f.shift is not None:
            who = f.lower if f.shift.gains else f.upper
            k = c.codes.index(f.shift.code)
            shares = c.shares.copy()
            shares[who, k] += (1 if f.shift.gains else -1) * f.shift.points / c.weights[k]
            level = replace(c, shares=shares)
            assert flips._gap(level, c.weights, f.upper, f.lower) <= 1e-9
            assert -0.011 / c.weights[k] <= shares[who, k] <= 1 + 0.011 / c.weights[k]


@pytest.mark.parametrize("seed", range(15))
def test_movement_of_shares_is_near_the_least_of_a_search(seed: int) -> None:
    """Ranked by share with different criteria scored: no closed form, so a fine search over three weights is the judge."""
    rng = np.random.default_rng(seed)
    shares = [[float(rng.integers(0, 11)) / 10 for _ in range(3)] for _ in range(2)]
    shares[1][2] = None  # type: ignore[call-overload]
    c = by_hand(shares, [4, 3, 3], "share")
    if flips._gap(c, c.weights, 0, 1) < 0:
        c = replace(c, shares=c.shares[::-1])
    grid = np.arange(0, 10.001, 0.02)
    x, y = np.meshgrid(grid, grid)
    w = np.stack([x, y, 10 - x - y], axis=-1)[(x + y <= 10) & (x + y > 0.01)]
    index = [(w @ c.filled[i]) / np.maximum(w @ c.scored[i].astype(float), 1e-9) for i in (0, 1)]
    level = index[0] <= index[1] + 1e-9
    moved = np.clip(c.weights - w, 0, None).sum(axis=1)
    best = float(moved[level].min()) if level.any() else None
    got = flips.flip(c, 0, 1)
    assert (got.moved is None) == (best is None)
    if best is not None:
        assert got.moved == pytest.approx(best, abs=0.1)


def test_where_steps_lead_nowhere_every_meeting_is_tried() -> None:
    """All weight must go to the one criterion in which the two are equal: nothing less makes their shares meet."""
    c = by_hand([[0.9, 0.8, 0.3], [None, 0.4, 0.3]], [4, 3, 3], "share")
    got = flips.flip(c, 0, 1)
    assert got.moved == pytest.approx(7) and not got.exact
    assert got.taken == {"c0": pytest.approx(4), "c1": pytest.approx(3)} and got.given == {"c2": pytest.approx(7)}


def test_no_weighting_helps_who_is_worse_everywhere() -> None:
    c = by_hand([[0.9, 0.8], [0.5, 0.7]], [6, 4])
    got = flips.flip(c, 0, 1)
    assert got.moved is None and got.exact and got.gap == pytest.approx(2.8)
    assert got.shift is not None and (got.shift.code, got.shift.gains, got.shift.points) == ("c0", True, 2.8)
    level = flips.flip(by_hand([[0.5, 0.5], [0.5, 0.5]], [6, 4]), 0, 1)
    assert (level.moved, level.taken, level.gap) == (0.0, {}, 0.0) and level.shift is not None and level.shift.points == 0
    with pytest.raises(ValueError, match="rank"):
        flips.flip(by_hand([[0.5], [None]], [6]), 0, 1)


def test_a_worked_flip() -> None:
    """A leads by 0.6 points; every point moved from c0 (A +0.6) to c1 (B +0.4) is worth one point of the gap."""
    c = by_hand([[0.9, 0.1, 0.5], [0.3, 0.5, 0.5]], [5, 6, 3])
    got = flips.flip(c, 0, 1)
    assert got.gap == pytest.approx(0.6) and got.moved == pytest.approx(0.6)
    assert got.taken == {"c0": pytest.approx(0.6)} and got.given == {"c1": pytest.approx(0.6)}
    assert got.shift is not None and (got.shift.code, got.shift.gains, got.shift.points) == ("c1", True, 0.6)
    assert flips.rounded_up(0.601) == 0.61 and flips.rounded_up(0.6) == 0.6 and flips.rounded_up(0.1 + 0.2) == 0.3


def test_officials_and_the_default_ranges() -> None:
    assert RANGES.provenance == "assumed" and RANGES.note and RANGES.draws == 1000
    rules = replace(law(), ranking_within="commune")
    people = ["22489|Công chức A", "22492|Công chức A", "22489|Công chức B", "22492|Công chức B"]
    m, d = everything(people, 2)
    model = robust.model({"x": m}, d, rules, people, 0.1)
    assert sorted(comp.ranks(model.now).tolist()) == [1, 1, 2, 2]
    assert comp.ranks(model.now).tolist() == score(m, d, rules, people).totals["rank"].tolist()
    drawn = robust.simulate(model, robust.draw(RANGES, model, 50))
    assert drawn.max() == 2 and np.all(drawn[:, 0] + drawn[:, 2] <= 3)


@pytest.mark.parametrize(
    ("old", "new"),
    [("dirichlet", "magic"), ("band: 0.10", "band: 1.5"), ("sobol_points: 512", "sobol_points: 500"), ("seed: 20230317", "")],
)
def test_ranges_out_of_bounds_are_refused(old: str, new: str, tmp_path: Path) -> None:
    from criteria.loader import ROOT

    text = (ROOT / "robustness.yaml").read_text(encoding="utf-8")
    (tmp_path / "robustness.yaml").write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(CriteriaError, match=r"robustness\.yaml"):
        load_ranges(tmp_path)
    assert isinstance(load_ranges(), Ranges)
