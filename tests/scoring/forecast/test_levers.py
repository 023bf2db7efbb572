"""Levers and plans on blocks of draws made by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from criteria import ResolvedSet
from scoring import core
from scoring.draws import rank_draws, regraded, score_draws
from scoring.forecast.ladders import actions, ladder
from scoring.forecast.levers import SAMPLE, Lever, changes, levers, ranked, ranking_basis, rescored, scale_of, totals
from scoring.forecast.model import Block
from scoring.forecast.moves import given as moved
from scoring.forecast.plans import plan
from scoring.inputs import DeclarationArrays
from tests.scoring.forecast.blocks import block_of, measure, only, random_block, rules_of

pytestmark = pytest.mark.slow

SETS = [("commune_reconstructed", "Tốt"), ("one_stop_commune", "Tốt"), ("qd_766", "Tốt"), ("sipas", "Đạt mức 90 %")]
NOTHING_DECLARED = DeclarationArrays(np.array([[np.nan]]), np.array([[np.nan]]), np.array([[-1]], dtype=np.int8))


def levers_of(block: Block, rules: ResolvedSet, good: str = "Tốt") -> dict[str, tuple[Lever, ...]]:
    return levers(block, rules, good, changes(block, rules))


def one(block: Block, rules: ResolvedSet) -> Lever:
    (lever,) = levers_of(block, rules)["U0"]
    return lever


@pytest.mark.parametrize(("name", "good"), SETS)
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), skill=st.sampled_from([0.4, 0.7, 0.9]))
def test_a_lever_lowers_no_draw_and_gives_no_more_than_the_maximum(name: str, good: str, seed: int, skill: float) -> None:
    rules = rules_of(name)
    block = random_block(rules, seed, communes=2, draws=60, skill=skill)
    found = changes(block, rules)
    assert all((change.total >= 0).all() for change in found)
    tops = {c.code: c.max_points for c in rules.criteria}
    for own in levers(block, rules, good, found).values():
        assert [x.p_good_now - x.p_good_if_done for x in own] == sorted(x.p_good_now - x.p_good_if_done for x in own)
        for lever in own:
            assert lever.points_possible is not None and (lever.points_now or 0.0) <= lever.points_possible + 1e-9
            assert lever.points_possible <= (tops[lever.code] or 0.0) + 1e-9
            assert 0.0 <= lever.effort <= 1.0 and lever.gain >= 0.0
            assert lever.gain > 0 or not lever.possible


@pytest.mark.parametrize(("name", "good"), SETS)
def test_if_done_is_what_the_rules_give_to_the_moved_draws(name: str, good: str) -> None:
    rules = rules_of(name)
    block = random_block(rules, 5, communes=3, draws=80)
    scale, (total, max_scored) = scale_of(rules, good), totals(block)
    code = rules.bands.grades.index(good)
    for action in actions(block, rules):
        measures, declarations = moved(block, [action])
        again = score_draws(({**block.measures, **measures}, {**block.declarations, **declarations}), rules)
        more, more_max, codes, _ = rescored(block, rules, [action])
        assert np.array_equal(total + more, np.where(again.max_scored > 0, again.total, 0))
        assert np.array_equal(np.broadcast_to(max_scored + more_max, again.max_scored.shape), again.max_scored)
        is_good = (again.grade != core.NO_GRADE) & (again.grade <= code)
        assert np.array_equal(scale.good(total + more, max_scored + more_max), is_good)
        same = set(block.scored.units) - codes
        assert all(np.array_equal(again.units[c], block.scored.units[c]) for c in same)


def test_what_was_widened_stays_widened() -> None:
    rules = rules_of()
    block = random_block(rules, 3, communes=1, draws=50)
    wide = replace(block, scored=regraded(replace(block.scored, total=block.scored.total + 700), rules))
    plainly, wider = levers_of(block, rules)["U0"], levers_of(wide, rules)["U0"]
    assert [x.gain for x in sorted(plainly, key=lambda x: x.code)] == [x.gain for x in sorted(wider, key=lambda x: x.code)]
    assert wider[0].p_good_now >= plainly[0].p_good_now


def test_an_online_share_needs_whole_dossiers_among_those_to_come() -> None:
    rules = only(rules_of(), "VII.1")  # 30 %, 5 points
    draws = np.array([[68.0]]), np.array([[300.0]])  # 60/200 are needed of 300: 90, 40 more than the 50 of today
    block = block_of(rules, {"online_rate": (measure(50, 200), measure(*draws))})
    lever = one(block, rules)
    (step,) = lever.steps
    assert (lever.needed, step.coming, step.how, lever.possible) == (40, 100, "new", True)
    assert lever.points_now == pytest.approx(round(68 / 300 / 0.3 * 5, 2)) and lever.points_possible == 5.0
    assert lever.effort == pytest.approx((90 - 68) / (150 - 68))


def test_an_impossible_lever_says_so_and_takes_what_can_be_had() -> None:
    rules = only(rules_of(), "VII.1")
    block = block_of(rules, {"online_rate": (measure(10, 200), measure(11, 220))})
    lever = one(block, rules)
    assert not lever.possible and not lever.steps[0].reachable and lever.needed == 56
    assert lever.points_possible == pytest.approx(round(30 / 220 / 0.3 * 5, 2))
    assert plan(block, rules, "Tốt", changes(block, rules), "U0").codes is None


def test_an_overdue_share_can_only_avoid_what_has_not_happened() -> None:
    rules = only(rules_of(), "III.3")  # full below 1 %
    block = block_of(rules, {"overdue_rate": (measure(7, 800), measure(14, 1000))})
    lever = one(block, rules)
    (step,) = lever.steps
    assert (step.how, step.room, step.needed, lever.possible) == ("budget", 2, 5, True)  # 9 of 1000 is below 1 %, 10 is not
    assert lever.points_possible == 8.0 and lever.effort == pytest.approx(5 / 7)
    late = block_of(rules, {"overdue_rate": (measure(12, 800), measure(14, 1000))})
    assert not one(late, rules).possible and one(late, rules).steps[0].room == 0


def test_a_share_of_existing_cases_is_made_good_on_what_is_there() -> None:
    rules = only(rules_of(), "III.6")  # 80 %
    lever = one(block_of(rules, {"digitised_rate": (measure(100, 400), measure(120, 450))}), rules)
    assert (lever.needed, lever.possible, lever.steps[0].how) == (260, True, "existing")


def test_a_plan_of_steps_aims_at_the_next_step() -> None:
    rules = only(rules_of(), "I.2")  # ratio from 80 %, full at 100 %
    low = one(block_of(rules, {"task_completion": (measure(5, 20), measure(10, 20))}), rules)
    high = one(block_of(rules, {"task_completion": (measure(5, 20), measure(17, 20))}), rules)
    assert (low.steps[0].threshold, low.needed) == (0.8, 11) and (high.steps[0].threshold, high.needed) == (1.0, 15)


def test_a_linear_share_can_win_all_that_comes_and_counts_what_is_to_come() -> None:
    rules = only(rules_of("qd_766"), "2.1")
    lever = one(block_of(rules, {"on_time_rate": (measure(90, 100), measure(135, 150))}), rules)
    assert (lever.needed, lever.steps[0].coming, lever.steps[0].all_good, lever.possible) == (50, 50, True, True)
    assert lever.points_possible == pytest.approx(round(140 / 150 * 20, 2)) and lever.effort == 1.0


def test_a_declaration_is_declared_or_bettered_and_costs_a_document() -> None:
    rules = only(rules_of(), "II.1")
    missing = block_of(rules, {}, {"II.1": NOTHING_DECLARED})
    no = DeclarationArrays(np.array([[0.0]]), np.array([[np.nan]]), np.array([[0]], dtype=np.int8))
    for block, how, now in ((missing, "declare", None), (block_of(rules, {}, {"II.1": no}), "better", 0.0)):
        lever = one(block, rules)
        assert (lever.steps[0].how, lever.points_now, lever.points_possible, lever.effort) == (how, now, 2.0, 0.05)
    out = replace(no, state=np.array([[3]], dtype=np.int8))
    assert levers_of(block_of(rules, {}, {"II.1": out}), rules)["U0"] == ()
    silent = replace(rules, criteria=(replace(rules.criteria[0], no_data="not_applicable"),))
    assert levers_of(block_of(silent, {}, {"II.1": NOTHING_DECLARED}), silent)["U0"] == ()


def test_declared_events_can_only_stay_as_few_as_they_are() -> None:
    rules = only(rules_of(), "V.4")
    value = np.array([[1.0], [1.0], [3.0]])
    drawn = DeclarationArrays(value, np.full((3, 1), np.nan), np.zeros((3, 1), dtype=np.int8))
    lever = one(block_of(rules, {}, {"V.4": drawn}), rules)
    assert lever.steps[0].threshold == 1.0 and lever.points_possible == 2.5
    settled = replace(drawn, value=np.full((3, 1), 3.0))
    assert levers_of(block_of(rules, {}, {"V.4": settled}), rules)["U0"] == ()


def test_compound_steps_need_every_input() -> None:
    rules = only(rules_of("one_stop_commune"), "MC.9")
    measures = {"online_rate": (measure(20, 100), measure(30, 200)), "overdue_rate": (measure(0, 100), measure(2, 200))}
    share = DeclarationArrays(np.array([[0.1]]), np.array([[np.nan]]), np.array([[1]], dtype=np.int8))
    lever = one(block_of(rules, measures, {"MC.9": share}), rules)
    assert {s.measure for s in lever.steps} == {"online_rate", "overdue_rate"} and lever.needed is None
    assert lever.possible and lever.points_possible == 1.0  # the next level, not the best one
    lost = {**measures, "overdue_rate": (measure(1, 100), measure(2, 200))}
    assert not one(block_of(rules, lost, {"MC.9": share}), rules).possible


def test_a_measure_of_several_criteria_moves_all_of_them() -> None:
    listed = rules_of()
    first = listed.criterion("VII.1")
    rules = replace(listed, criteria=(first, replace(first, code="X.1", max_points=3.0)))
    block = block_of(rules, {"online_rate": (measure(50, 200), measure(60, 300))})
    found = changes(block, rules)
    assert all(change.codes == {"VII.1", "X.1"} for change in found)
    assert {x.gain for x in levers(block, rules, "Tốt", found)["U0"]} == {8.0 - round(5 * 2 / 3, 2) - 2.0}


def test_at_the_years_end_there_is_nothing_left_to_do() -> None:
    rules = rules_of()
    block = random_block(rules, 4)
    assert changes(block, rules, over=True) == ()
    assert levers(block, rules, "Tốt", ()) == {unit: () for unit in block.units}
    total, max_scored = totals(block)
    p = scale_of(rules, "Tốt").good(total, max_scored).mean(axis=0)
    assert plan(block, rules, "Tốt", (), "U0", target=1.01).p_good == p[0]


@pytest.mark.parametrize(("name", "good"), SETS[:3])
@pytest.mark.parametrize("seed", range(4))
def test_a_plan_reaches_its_probability_when_all_of_it_is_done(name: str, good: str, seed: int) -> None:
    rules = rules_of(name)
    block = random_block(rules, seed, communes=3, draws=1500, skill=0.75)
    found = changes(block, rules)
    for k, unit in enumerate(block.units):
        best = plan(block, rules, good, found, unit)
        codes = best.codes if best.codes is not None else [c.action.criterion.code for c in found if c.possible[k]]
        measures, declarations = moved(block, [c.action for c in found if c.action.criterion.code in codes])
        again = score_draws(({**block.measures, **measures}, {**block.declarations, **declarations}), rules)
        grade = again.grade[:, k]
        p = ((grade != core.NO_GRADE) & (grade <= rules.bands.grades.index(good))).mean()
        if best.codes is None:
            assert best.p_good < 0.8
        else:
            assert p == best.p_good >= 0.8
        if best.codes:
            assert all(c.possible[k] for c in found if c.action.criterion.code in codes)


def three(points: list[float], base: float = 0.0) -> tuple[Block, ResolvedSet]:
    """Declared yes/no criteria of so many points, none done; one more gives `base` of 100 for sure."""
    listed = rules_of()
    item = listed.criterion("II.1")
    sizes = [*points, 100.0 - sum(points)]
    criteria = tuple(replace(item, code=f"Q.{k}", max_points=size) for k, size in enumerate(sizes))
    share = replace(listed.criterion("II.2"), code=f"Q.{len(points)}", max_points=sizes[-1])
    rules = replace(listed, criteria=(*criteria[:-1], share))
    no = DeclarationArrays(np.zeros((5, 1)), np.full((5, 1), np.nan), np.ones((5, 1), dtype=np.int8))
    settled = replace(no, value=np.full((5, 1), base / sizes[-1]))
    return block_of(rules, {}, {c.code: no for c in criteria[:-1]} | {share.code: settled}), rules


def without_last(block: Block, rules: ResolvedSet, unit: str = "U0") -> tuple[str, ...] | None:
    found = [c for c in changes(block, rules) if c.action.criterion.code != rules.criteria[-1].code]
    return plan(block, rules, "Tốt", found, unit).codes


def test_a_plan_is_the_fewest_actions() -> None:
    assert without_last(*three([2.0, 5.0, 3.0], base=75.0)) == ("Q.1",)
    assert without_last(*three([2.0, 5.0, 3.0, 1.0], base=72.0)) == ("Q.1", "Q.2")
    assert without_last(*three([2.0, 2.0, 2.0, 2.0, 2.0, 1.0], base=71.0)) == ("Q.0", "Q.1", "Q.2", "Q.3", "Q.4")
    assert without_last(*three([2.0, 5.0, 3.0], base=81.0)) == ()
    assert without_last(*three([2.0, 5.0, 3.0], base=60.0)) is None


def test_ranks_if_done_are_those_of_the_rules() -> None:
    rules = rules_of()
    block = random_block(rules, 9, communes=6, draws=1200)
    found = levers_of(block, rules)
    basis = ranking_basis(rules, *totals(block))[:SAMPLE]
    everybody = np.sort(basis, axis=1)
    for k, unit in enumerate(block.units):
        for lever in ranked(found[unit], basis[:, k], everybody):
            changed = basis.copy()
            changed[:, k] = lever.basis
            assert lever.rank_now == pytest.approx(rank_draws(basis, rules)[:, k].mean())
            assert lever.rank_if_done == pytest.approx(rank_draws(changed, rules)[:, k].mean())
            assert lever.rank_if_done <= lever.rank_now


def test_every_base_rule_of_one_input_has_a_ladder() -> None:
    for name, _ in SETS:
        for c in rules_of(name).criteria:
            if c.kind == "base" and c.rule is not None and c.rule.family != "compound_steps":
                assert ladder(c)[1], c.code
