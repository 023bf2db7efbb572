"""Quantiles, places and shares of the variance, against their definitions."""

from __future__ import annotations

import math
from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from criteria import load_set
from scoring import core
from scoring.draws import DrawnScores, rank_draws, score_draws
from scoring.forecast import summary
from scoring.inputs import arrays_of
from scoring.rounding import NO_UNITS
from tests.scoring.frames import everything, law
from tests.scoring.test_draws import COMMUNES, stacked

pytestmark = pytest.mark.slow


def drawn(seeds: int = 40) -> DrawnScores:
    each = [arrays_of(*everything(COMMUNES, seed), law(), COMMUNES) for seed in range(seeds)]
    return score_draws(stacked(each, {"overdue_rate", "V.1", "II.2"}), law())


# --- quantiles ---


@given(st.lists(st.integers(-500, 10_500), min_size=1, max_size=300))
@settings(max_examples=200, deadline=None)
def test_a_quantile_is_the_least_draw_that_enough_draws_do_not_exceed(values: list[int]) -> None:
    found = summary.summary_units(np.array(values)[:, None], list(summary.QUANTILES.values()))[:, 0].tolist()
    for q, got in zip(summary.QUANTILES.values(), found[1:]):
        assert got == min(v for v in values if sum(w <= v for w in values) * 1000 >= q * len(values))
    mean = sum(values) / len(values)
    assert abs(found[0] - mean) <= 0.5 + 1e-9 and sorted(found[1:]) == found[1:]


@given(st.integers(-500, 10_500), st.integers(1, 3000))
@settings(max_examples=50, deadline=None)
def test_identical_draws_are_every_quantile_to_the_digit(value: int, draws: int) -> None:
    found = summary.quantiles(np.full((draws, 2), value))
    assert list(found) == ["mean", *summary.QUANTILES]
    assert all(row.tolist() == [value / 100, value / 100] for row in found.values())


def test_draws_without_a_score_are_left_out() -> None:
    units = np.array([[NO_UNITS, NO_UNITS, 5], [300, NO_UNITS, 7], [100, NO_UNITS, 6], [200, NO_UNITS, NO_UNITS]])
    found = summary.quantiles(units)
    assert found["p50"][[0, 2]].tolist() == [2.0, 0.06] and found["mean"][[0, 2]].tolist() == [2.0, 0.06]
    assert found["p025"][0] == 1.0 and found["p975"][0] == 3.0
    assert all(math.isnan(row[1]) for row in found.values())


def test_grades_sum_to_one_and_none_is_counted() -> None:
    rules = law()
    best, worst = rules.bands.grades[0], rules.bands.grades[-1]
    last = len(rules.bands.grades) - 1
    grades = np.array([[0, last], [0, core.NO_GRADE], [last, core.NO_GRADE], [0, core.NO_GRADE]], dtype=np.int8)
    found = summary.grade_probability(grades, rules)
    assert (found[best].tolist(), found[worst].tolist(), found[None].tolist()) == ([0.75, 0.0], [0.25, 0.25], [0.0, 0.75])
    assert sum(found.values()).tolist() == [1.0, 1.0]


# --- places ---


@given(hnp.arrays(np.int64, st.tuples(st.integers(1, 40), st.integers(1, 9)), elements=st.integers(0, 4)))
@settings(max_examples=200, deadline=None)
def test_rows_and_columns_of_the_rank_matrix_sum_to_one(totals: np.ndarray) -> None:
    ranks = core.competition_rank(totals)
    matrix = summary.rank_matrix(ranks)
    np.testing.assert_allclose(matrix.sum(axis=0), 1, rtol=1e-12)
    np.testing.assert_allclose(matrix.sum(axis=1), 1, rtol=1e-12)
    assert (matrix >= 0).all()
    expected = np.zeros_like(matrix)
    for row in ranks:  # the definition: those of one rank share the places they take up
        for c, rank in enumerate(row):
            size = int((row == rank).sum())
            expected[c, rank - 1 : rank - 1 + size] += 1 / size / len(ranks)
    np.testing.assert_allclose(matrix, expected, atol=1e-12)
    middle = np.array([[(r + r + (row == r).sum() - 1) / 2 for r in row] for row in ranks]).mean(axis=0)
    np.testing.assert_allclose(summary.expected_rank(matrix), middle, rtol=1e-12)


def test_without_ties_the_matrix_counts_ranks() -> None:
    totals = np.array([[3, 2, 1], [3, 1, 2], [1, 2, 3], [3, 2, 1]])
    matrix = summary.rank_matrix(core.competition_rank(totals))
    assert matrix.tolist() == [[0.75, 0, 0.25], [0, 0.75, 0.25], [0.25, 0.25, 0.5]]


def test_who_is_not_ranked_has_no_place() -> None:
    totals = np.array([[300, NO_UNITS, 100], [300, NO_UNITS, 400]])
    matrix = summary.rank_matrix(rank_draws(totals, law()))
    assert matrix.tolist() == [[0.5, 0.5, 0], [0, 0, 0], [0.5, 0.5, 0]]
    expected = summary.expected_rank(matrix)
    assert expected[[0, 2]].tolist() == [1.5, 1.5] and math.isnan(expected[1])


# --- where the doubt comes from ---


def test_shares_of_the_variance_sum_to_one() -> None:
    got = drawn()
    shares = summary.variance_shares(got.units, law())
    np.testing.assert_allclose(sum(shares.values()), 1, rtol=1e-9)
    assert all((shares[code] == 0).all() for code, units in got.units.items() if len(units) == 1)


def test_a_share_is_the_covariance_with_the_total() -> None:
    got = drawn()
    shares = summary.variance_shares(got.units, law())
    for code in ("III.3", "III.6", "V.4"):
        units = np.where(got.units[code] == NO_UNITS, 0, got.units[code]).astype(float)
        if len(units) > 1:
            for c in range(len(COMMUNES)):
                table = np.cov(units[:, c], got.total[:, c].astype(float))
                assert shares[code][c] == pytest.approx(table[0, 1] / table[1, 1], abs=1e-9)


def test_bonus_counts_as_far_as_its_limit_lets_it() -> None:
    rules = law()
    units = {c.code: np.full((1, 1), 100) for c in rules.criteria}
    bonus = next(c.code for c in rules.criteria if c.kind == "bonus")
    base = next(c.code for c in rules.criteria if c.kind == "base")
    limit = int(rules.bonus_limit * 100)
    units[bonus] = np.array([[limit + 500], [limit + 900], [limit + 700], [limit + 600]])
    units[base] = np.array([[0], [100], [50], [100]])
    shares = summary.variance_shares(units, rules)
    assert shares[bonus][0] + sum(s[0] for c, s in shares.items() if c not in (bonus, base)) == pytest.approx(0, abs=1e-9)
    assert shares[base][0] == pytest.approx(1)


def test_nothing_varies_nothing_is_shared() -> None:
    units = {c.code: np.full((7, 3), 50) for c in law().criteria}
    assert all((share == 0).all() for share in summary.variance_shares(units, law()).values())


def test_the_share_that_is_not_measured() -> None:
    shares = {"a": np.array([0.5, 1.1]), "b": np.array([0.2, 0.1]), "c": np.array([0.3, -0.2])}
    kinds = {"a": "declared", "b": "survey", "c": "dossiers"}
    assert summary.not_measured_share(shares, kinds).tolist() == [0.7, 1.0]
    assert summary.not_measured_share(shares, kinds, ["dossiers"]).tolist() == [0.3, 0.0]
    assert summary.not_measured_share(shares, dict.fromkeys("abc", "register")).tolist() == [0.0, 0.0]
    with pytest.raises(KeyError, match="c"):
        summary.not_measured_share(shares, {"a": "declared", "b": "survey"})


def test_lines_say_points_of_every_criterion_in_force() -> None:
    got, rules = drawn(), law()
    lines = summary.criteria_lines(got, rules, COMMUNES)
    assert list(lines.columns) == ["commune", "code", "mean", "p10", "p50", "p90", "variance_share"]
    assert lines.groupby("commune").size().tolist() == [len(rules.criteria)] * len(COMMUNES)
    for line in lines[lines["code"].isin(["III.3", "V.1"])].to_dict("records"):
        units = got.units[line["code"]][:, COMMUNES.index(line["commune"])]
        scored = np.sort(units[units != NO_UNITS])
        if not len(scored):
            assert math.isnan(line["mean"]) and math.isnan(line["p50"])
            continue
        assert line["p50"] * 100 == pytest.approx(scored[math.ceil(len(scored) / 2) - 1])
        assert line["mean"] * 100 == pytest.approx(scored.mean(), abs=0.5 + 1e-9)
    early = load_set().at(date(2019, 1, 1))
    assert set(summary.criteria_lines(got, early, COMMUNES)["code"]) == {c.code for c in early.criteria if c.rule is not None}
