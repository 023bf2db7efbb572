"""Draws against the published score: each draw, put into frames, is scored to the very digits that the arrays gave."""

from __future__ import annotations

import random
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest

from criteria import ResolvedSet, build_set, load_set
from scoring import core, draws
from scoring.draws import DrawnScores, rank_draws, regraded, score_draws
from scoring.engine import score
from scoring.inputs import STATES, Arrays, DeclarationArrays, MeasureArrays, arrays_of
from scoring.rounding import NO_UNITS, from_units
from tests.scoring import random_sets
from tests.scoring.frames import everything, law

pytestmark = pytest.mark.slow

COMMUNES = [str(22489 + 3 * k) for k in range(5)]
SETS = ("commune_reconstructed", "one_stop_commune", "qd_766", "sipas")


def frames(given: Arrays, draw: int, names: list[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """One draw as the long frames that `score` takes."""

    def of(array: Any, k: int) -> Any:
        return array[draw if len(array) > 1 else 0][k]

    measured = [
        (name, m, of(x.numerator, k), of(x.denominator, k), of(x.unknown, k))
        for m, x in given[0].items() for k, name in enumerate(names) if of(x.present, k)
    ]  # fmt: skip
    declared = [
        (name, code, of(x.value, k), of(x.points, k), STATES[of(x.state, k)], None)
        for code, x in given[1].items() for k, name in enumerate(names) if of(x.state, k) >= 0
    ]  # fmt: skip
    return (
        pd.DataFrame(measured, columns=["commune", "measure", "numerator", "denominator", "unknown"]),
        pd.DataFrame(declared, columns=["commune", "criterion_code", "value", "points", "state", "evidence"]),
    )


def same_as_published(got: DrawnScores, given: Arrays, rules: ResolvedSet, names: list[str]) -> None:
    """Points of every criterion, totals, shares, grades and ranks of every draw."""
    ranks = rank_draws(got, rules) if rules.ranking_within == "all" else None
    grades = np.array([*rules.bands.grades, None], dtype=object)
    for draw in range(len(got.total)):
        s = score(*frames(given, draw, names), rules, names, explain=False)
        points = s.criteria["points"].to_numpy(dtype=float).reshape(len(names), -1)
        for k, c in enumerate(rules.criteria):
            units = got.units[c.code]
            mine = from_units(units[draw if len(units) > 1 else 0], rules.decimals)
            np.testing.assert_array_equal(mine, points[:, k], err_msg=f"{draw} {c.code} {c.rule}")
        for name, column in (("total", "total"), ("max_scored", "max_scored"), ("share", "share"), ("grading", "grading_index")):
            mine = from_units(getattr(got, name)[draw], rules.decimals)
            np.testing.assert_array_equal(mine, s.totals[column].to_numpy(dtype=float), err_msg=f"{draw} {column}")
        assert grades[got.grade[draw]].tolist() == s.totals["grade"].tolist()
        if ranks is not None:
            assert ranks[draw].tolist() == s.totals["rank"].fillna(core.NO_RANK).astype(int).tolist()


def stacked(made: list[Arrays], settled: set[str]) -> Arrays:
    """Several inputs of one set as draws; those named in `settled` as the first says, with one row."""

    def of(part: int, name: str, kind: Any) -> Any:
        ones = [vars(one[part][name]) for one in (made[:1] if name in settled else made)]
        return kind(**{field: np.stack([one[field] for one in ones]) for field in ones[0]})

    return (
        {name: of(0, name, MeasureArrays) for name in made[0][0]},
        {code: of(1, code, DeclarationArrays) for code in made[0][1]},
    )


def random_draws(rng: random.Random, made: dict[str, Any], names: list[str], count: int) -> tuple[Arrays, ResolvedSet]:
    rules = build_set(made).at(random_sets.DAY)
    each = []
    for _ in range(count):
        measured, declared = random_sets.inputs(rng, made, names)
        m = [(s, name, *row) for s, by in measured.items() for name, row in by.items()]
        d = [(s, code, r["value"], r["points"], r["state"], None) for s, by in declared.items() for code, r in by.items()]
        each.append(
            arrays_of(
                pd.DataFrame(m, columns=["commune", "measure", "numerator", "denominator", "unknown"]),
                pd.DataFrame(d, columns=["commune", "criterion_code", "value", "points", "state", "evidence"]),
                rules, names,
            )
        )  # fmt: skip
    inputs = [*each[0][0], *each[0][1]]
    return stacked(each, set(rng.sample(inputs, rng.randint(0, len(inputs))))), rules


@pytest.mark.parametrize("seed", range(60))
def test_random_sets_as_published(seed: int) -> None:
    rng = random.Random(seed)
    given, rules = random_draws(rng, random_sets.content(rng), COMMUNES, 6)
    same_as_published(score_draws(given, rules), given, rules, COMMUNES)


@pytest.mark.parametrize("name", SETS)
def test_every_set_for_communes_as_published(name: str) -> None:
    rules = load_set(name).at(date(2023, 12, 31))
    rng = np.random.default_rng(7)
    each = [arrays_of(*filled(rules, rng), rules, COMMUNES) for _ in range(8)]
    settled = {c.code for c in rules.criteria[::5]} | {str(c.measure) for c in rules.criteria[::4]}
    given = stacked(each, settled)
    got = score_draws(given, rules)
    assert {len(u) for u in got.units.values()} == ({8, 1} if len(rules.criteria) > 1 else {8})
    same_as_published(got, given, rules, COMMUNES)


def filled(rules: ResolvedSet, rng: np.random.Generator) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Any set's inputs: known, unknown, empty, out of range, claimed by points."""
    measured, declared = [], []
    measures = dict.fromkeys(m for c in rules.criteria for m in ([c.measure] if c.measure else c.inputs.values()))
    for commune in COMMUNES:
        for m in measures:
            d = float(rng.choice([np.nan, 0, 1, 12, 365, rng.integers(1, 900)], p=[0.1, 0.1, 0.1, 0.1, 0.1, 0.5]))
            n = float(rng.integers(0, 13)) if np.isnan(d) else float(rng.integers(0, d + 1))
            if rng.random() > 0.05:
                measured.append((commune, m, np.nan if rng.random() < 0.05 else n, d, rng.integers(0, 2)))
        for c in rules.criteria:
            if c.declared and rng.random() > 0.05:
                value = round(float(rng.random()), 2) if c.declared == "share" else float(rng.integers(-1, 5))
                points = float(rng.random() * 4) if rng.random() < 0.3 else np.nan
                declared.append((commune, c.code, value if np.isnan(points) else np.nan, points, rng.choice(STATES), None))
    return (
        pd.DataFrame(measured, columns=["commune", "measure", "numerator", "denominator", "unknown"]),
        pd.DataFrame(declared, columns=["commune", "criterion_code", "value", "points", "state", "evidence"]),
    )


def two_axes(given: Arrays) -> Arrays:
    return stacked([given], set())


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    each = [arrays_of(*everything(COMMUNES, seed), law(), COMMUNES) for seed in range(11)]
    given = stacked(each, {"III.5", "overdue_rate", "V.4"})
    whole = score_draws(given, law())
    for cells in (1, 15, 49):  # blocks of one draw, of three, of nine and a rest of two
        monkeypatch.setattr(draws, "CELLS", cells)
        part = score_draws(given, law())
        for name in ("total", "max_scored", "share", "grading", "grade"):
            np.testing.assert_array_equal(getattr(part, name), getattr(whole, name))
        for code, units in whole.units.items():
            np.testing.assert_array_equal(part.units[code], units)


def test_what_is_settled_is_one_row() -> None:
    given = two_axes(arrays_of(*everything(COMMUNES), law(), COMMUNES))
    got = score_draws(given, law())
    assert got.total.shape == (1, 5) and all(u.shape == (1, 5) for u in got.units.values())
    same_as_published(got, given, law(), COMMUNES)


def test_not_yet_in_force_scores_nothing() -> None:
    rules = law(date(2019, 1, 1))
    out = [c.code for c in rules.criteria if c.rule is None]
    given = two_axes(arrays_of(*everything(COMMUNES), rules, COMMUNES))
    got = score_draws(given, rules)
    assert all((got.units[code] == NO_UNITS).all() for code in out)
    same_as_published(got, given, rules, COMMUNES)


def test_an_input_that_is_not_there_is_said() -> None:
    given = two_axes(arrays_of(*everything(COMMUNES), law(), COMMUNES))
    with pytest.raises(KeyError, match="overdue_rate"):
        score_draws(({m: x for m, x in given[0].items() if m != "overdue_rate"}, given[1]), law())
    with pytest.raises(KeyError, match=r"V\.4"):
        score_draws((given[0], {c: x for c, x in given[1].items() if c != "V.4"}), law())


def test_arrays_that_do_not_fit_are_refused() -> None:
    each = [arrays_of(*everything(COMMUNES, seed), law(), COMMUNES) for seed in range(3)]
    three, two = stacked(each, set()), stacked(each[:2], set())
    with pytest.raises(ValueError, match="broadcast"):
        score_draws((three[0], two[1]), law())


def test_moved_totals_are_graded_anew() -> None:
    from dataclasses import replace

    each = [arrays_of(*everything(COMMUNES, seed), law(), COMMUNES) for seed in range(4)]
    got = score_draws(stacked(each, set()), law())
    again = regraded(got, law())
    for name in ("total", "share", "grading", "grade"):
        np.testing.assert_array_equal(getattr(again, name), getattr(got, name))
    full = regraded(replace(got, total=got.max_scored.copy()), law())
    assert (full.share == 10_000).all() and (full.grade <= 0).all() and (full.grade == 0).any()


def test_ranks_leave_out_who_is_not_ranked() -> None:
    basis = np.array([[300, 200, 300, NO_UNITS], [100, 200, 300, 400]])
    assert rank_draws(basis, law()).tolist() == [[1, 3, 1, core.NO_RANK], [4, 3, 2, 1]]
    out = np.array([True, False, False, False])
    assert rank_draws(basis, law(), out).tolist() == [[0, 2, 1, 0], [0, 3, 2, 1]]
    with pytest.raises(ValueError, match="within a commune"):
        rank_draws(basis, load_set("one_stop_official").at(date(2023, 12, 31)))
