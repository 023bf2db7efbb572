"""What if: weights, parameters and targets changed on plain data, overridden points, exclusions, and what moved."""

from __future__ import annotations

import copy
import json
import time
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from criteria import build_set, list_sets, load_set, set_content
from criteria.rule_specs import RULE_SPECS
from scoring.changes import POINTS_OF, ChangeError, apply_changes, rule_path, versions_met, weights_of
from scoring.core import criterion_award
from scoring.engine import score
from scoring.overrides import COLUMNS
from scoring.rounding import to_units
from scoring.whatif import Inputs, WhatIf, movement, weights_moved
from tests.scoring.frames import DAY, A, B, C, D, declarations, everything, law, measures, row, total

pytestmark = pytest.mark.slow

CONTENT = set_content()
CODES = sorted(weights_of(CONTENT["criteria"], DAY))


def weight(points: float, keep: str | None = None) -> dict[str, Any]:
    return {"points": points, "keep": keep}


def changed(changes: dict[str, Any], day: date = DAY) -> Any:
    return build_set(apply_changes(CONTENT, changes, day)).at(day)


# --- changes of the content ---


def test_nothing_changed_is_the_very_same_set() -> None:
    assert apply_changes(CONTENT, {}, DAY) == CONTENT
    assert build_set(apply_changes(CONTENT, {}, DAY)).hash == load_set().hash


def test_what_was_given_is_not_modified() -> None:
    before = copy.deepcopy(CONTENT)
    apply_changes(CONTENT, {"weight:III.3": weight(10, "*"), "rule:III.3.zero_at": 0.04, "target:online_min": 0.4}, DAY)
    assert before == CONTENT


def test_a_weight_moves_the_total_or_keeps_it() -> None:
    assert changed({"weight:III.3": weight(10)}).total == 102
    kept = changed({"weight:III.3": weight(10, "*")})
    assert kept.total == 100 and kept.criterion("III.3").max_points == 10
    one = changed({"weight:III.3": weight(10, "III.6")})
    assert one.total == 100 and one.criterion("III.6").max_points == 2
    assert one.criterion("I.1").max_points == law().criterion("I.1").max_points


@given(st.sampled_from(CODES), st.integers(1, 6000), st.integers(0, 10**6))
def test_the_total_is_kept_to_the_hundredth(code: str, units: int, seed: int) -> None:
    """Whatever is moved, the others share the rest in proportion: each within a hundredth of its exact share."""
    out = weights_of(apply_changes(CONTENT, {f"weight:{code}": weight(units / 100, "*")}, DAY)["criteria"], DAY)
    before = weights_of(CONTENT["criteria"], DAY)
    assert out[code] == units and sum(out.values()) == sum(before.values()) == 10_000
    left, whole = 10_000 - units, 10_000 - before[code]
    assert all(abs(out[other] - before[other] * left / whole) < 1 for other in before if other != code)


def test_sections_and_total_follow_their_criteria() -> None:
    content = apply_changes(CONTENT, {"weight:III.3": weight(20, "*"), "weight:VIII.1": weight(5)}, DAY)
    sections = {name: entry["max_points"] for name, entry in content["set"]["sections"].items()}
    sums: dict[str, int] = dict.fromkeys(sections, 0)
    for code, units in weights_of(content["criteria"], DAY).items():
        sums[code.rsplit(".", 1)[0]] += units
    assert {name: round(points * 100) for name, points in sections.items()} == sums
    assert content["set"]["total"] == sum(sums.values()) / 100 == 90


@pytest.mark.parametrize("name", list_sets())
def test_a_weight_keeps_the_share_that_a_result_earns(name: str) -> None:
    """Twice the maximum is twice the points at every input: steps and what events cost move in proportion."""
    content = set_content(name)
    day = date(2023, 12, 31)
    before = build_set(content).at(day)
    for criterion in before.criteria:
        if criterion.rule is None or criterion.inputs or criterion.kind != "base":
            continue
        assert criterion.max_points is not None
        twice = build_set(apply_changes(content, {f"weight:{criterion.code}": weight(2 * criterion.max_points)}, day)).at(day)
        x = np.array([0.0, 0.005, 0.01, 0.03, 0.2, 0.5, 0.79, 0.8, 0.9, 0.95, 1.0, 2.0, 3.0, 7.0])
        one, two = (criterion_award(s.criterion(criterion.code), x).points for s in (before, twice))
        np.testing.assert_allclose(two, 2 * one, rtol=1e-12, equal_nan=True)


def test_every_rule_family_says_which_parameters_are_points() -> None:
    """A new family must be listed, or a change of weight would bend its rule."""
    assert set(POINTS_OF) == set(RULE_SPECS)
    for family, places in POINTS_OF.items():
        assert {place if isinstance(place, str) else place[0] for place in places} <= set(RULE_SPECS[family])


def test_a_rule_parameter_and_a_step() -> None:
    assert changed({"rule:III.3.zero_at": 0.04}).criterion("III.3").rule.params["zero_at"] == 0.04
    steps = changed({"rule:III.5.steps.2.from": 0.85}).criterion("III.5").rule.params["steps"]
    assert [step["from"] for step in steps] == [1, 0.85]


def test_a_target_of_the_day_only_and_no_longer_a_found_figure() -> None:
    content = apply_changes(CONTENT, {"target:online_min": 0.4}, date(2022, 6, 30))
    built = build_set(content)
    assert built.at(date(2022, 6, 30)).targets["online_min"].value == 0.4
    assert not built.at(date(2022, 6, 30)).targets["online_min"].known
    assert built.at(date(2023, 6, 30)).targets["online_min"].value == law(date(2023, 6, 30)).targets["online_min"].value


def test_a_changed_figure_is_assumed_whatever_the_law_was() -> None:
    assert changed({"rule:III.3.zero_at": 0.04}).criterion("III.3").provenance == "assumed"
    assert law().criterion("III.3").provenance == "reconstructed"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"weight:X.9": weight(3)}, "unknown_criterion"), ({"rule:X.9.zero_at": 1}, "unknown_criterion"),
        ({"weight:III.3": weight(0)}, "bad_points"), ({"weight:III.3": weight(1.234)}, "bad_points"),
        ({"weight:III.3": weight(100, "*")}, "too_little_left"), ({"weight:III.3": weight(20, "III.6")}, "too_little_left"),
        ({"weight:III.3": weight(9, "III.3")}, "bad_receiver"), ({"weight:III.3": weight(9, "X.9")}, "bad_receiver"),
        ({"weight:IX.1": weight(9, "*")}, "outside_total"),
        ({"rule:III.3.zero.at": 1}, "no_parameter"), ({"rule:III.5.steps.9.from": 1}, "no_parameter"),
        ({"rule:III.5.steps.0.from": 1}, "no_parameter"),
        ({"target:nothing": 0.3}, "unknown_target"), ({"target:online_min": 35}, "bad_target"),
        ({"target:online_min": True}, "bad_target"),
    ],
)  # fmt: skip
def test_what_a_set_does_not_allow(changes: dict[str, Any], code: str) -> None:
    with pytest.raises(ChangeError) as caught:
        apply_changes(CONTENT, changes, DAY)
    assert caught.value.code == code
    from messages.scenario import change_error

    text = change_error(caught.value.code, caught.value.params)
    assert text.endswith(".") and "None" not in text


def test_a_day_before_everything_is_refused() -> None:
    with pytest.raises(ChangeError, match="not_in_force"):
        apply_changes(CONTENT, {"rule:III.3.zero_at": 0.04}, date(2018, 1, 1))
    with pytest.raises(ChangeError, match="target_not_in_force"):
        apply_changes(CONTENT, {"target:online_min": 0.4}, date(2018, 1, 1))


def test_codes_that_begin_alike() -> None:
    assert rule_path("I.1.2.steps.1.from", {"I.1": {}, "I.1.2": {}}) == ("I.1.2", ["steps", "1", "from"])


def test_days_that_meet_the_same_versions_share_one_set() -> None:
    weights = {"weight:III.3": weight(10)}
    years = [date(year, 12, 31) for year in range(2019, 2024)]
    assert len({versions_met(CONTENT, weights, day) for day in years}) == 1
    assert len({versions_met(CONTENT, {"target:online_min": 0.3}, day) for day in years}) == 3


# --- the engine with an appraiser's hand ---


def overrides(*rows: tuple[str, str, float]) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=list(COLUMNS))


def hand(frame: pd.DataFrame | None = None, unranked: tuple[str, ...] = (), communes: tuple[str, ...] = (A, B, C, D)) -> Any:
    measured, declared = everything(communes, 3)
    return score(measured, declared, law(), communes, overrides=frame, unranked=unranked)


def test_an_override_takes_the_place_before_the_totals() -> None:
    plain, over = hand(), hand(overrides((A, "III.3", 5.55), (B, "II.2", 0.5)))
    line = row(over, "III.3")
    assert (line["status"], line["points"], line["lost"], line["branch"]) == ("scored", 5.55, 2.45, "overridden")
    assert line["reason"] == "appraised_below_max"
    inputs = ("value", "numerator", "denominator")
    assert all(line[name] == row(plain, "III.3")[name] or line[name] != line[name] for name in inputs)
    for commune in (A, B, C, D):
        lines = over.criteria[(over.criteria["commune"] == commune) & (over.criteria["kind"] == "base")]
        points = round(100 * lines["points"].sum())
        assert points + round(100 * total(over, commune)["bonus"]) == round(100 * total(over, commune)["total"])
        assert round(100 * (lines["max_points"][lines["points"].notna()].sum())) == round(
            100 * total(over, commune)["max_scored"]
        )
    same = plain.criteria["commune"].isin([C, D])
    pd.testing.assert_frame_equal(plain.criteria[same], over.criteria[same])


def test_an_override_scores_what_had_no_data_and_full_points_lose_nothing() -> None:
    bare = score(measures([(A, "overdue_rate", 12, 812)]), declarations(), law(), [A], overrides=overrides((A, "I.6", 2.0)))
    line = row(bare, "I.6")
    assert (line["status"], line["points"], line["lost"], line["reason"]) == ("scored", 2.0, 0.0, None)
    assert total(bare)["max_scored"] == 8 + 2


def test_a_penalty_is_taken_off() -> None:
    penalty = next(c.code for c in law().criteria if c.kind == "penalty")
    plain = score(measures([(A, "overdue_rate", 0, 812)]), declarations(), law(), [A])
    over = score(measures([(A, "overdue_rate", 0, 812)]), declarations(), law(), [A], overrides=overrides((A, penalty, 1.0)))
    assert total(over)["total"] == total(plain)["total"] - 1


@pytest.mark.parametrize("cell", [("nobody", "III.3", 1.0), (A, "X.9", 1.0), (A, "III.3", 8.01), (A, "III.3", -0.01)])
def test_overrides_that_do_not_fit_are_refused(cell: tuple[str, str, float]) -> None:
    with pytest.raises(ValueError):
        hand(overrides(cell))
    with pytest.raises(ValueError):
        hand(overrides((A, "III.3", 1.0), (A, "III.3", 2.0)))


def test_left_out_of_the_ranking_but_scored() -> None:
    plain = hand()
    first = str(plain.totals.loc[plain.totals["rank"] == 1, "commune"].iloc[0])
    out = hand(unranked=(first,))
    assert pd.isna(total(out, first)["rank"]) and total(out, first)["total"] == total(plain, first)["total"]
    others = [c for c in (A, B, C, D) if c != first]
    assert sorted(int(total(out, c)["rank"]) for c in others) == sorted(int(total(plain, c)["rank"]) - 1 for c in others)
    assert {int(n) for n in out.totals["peers"]} == {3}


# --- many questions to the same inputs ---


def district(communes: int, years: int) -> WhatIf:
    names = tuple(str(22000 + k) for k in range(communes))
    return WhatIf(CONTENT, [Inputs(date(2019 + y, 12, 31), *everything(names, y), names) for y in range(years)])


def test_a_what_if_is_what_the_engine_says() -> None:
    """The cached way gives the very frames of a set built and scored from the beginning."""
    many = district(5, 5)
    changes = {"weight:III.3": weight(10, "*"), "rule:III.3.zero_at": 0.04, "target:online_min": 0.35}
    points = overrides(("22001", "III.6", 1.25))
    for _ in range(2):
        many.scores({})  # what was asked before leaves no trace
        for asked, got in zip(many.inputs, many.scores(changes, points, ["22002"], lines=True), strict=True):
            rules = build_set(apply_changes(CONTENT, changes, asked.day)).at(asked.day)
            alone = score(
                asked.measures, asked.declarations, rules, asked.communes, explain=False, overrides=points, unranked=["22002"]
            )
            pd.testing.assert_frame_equal(got.totals, alone.totals)
            pd.testing.assert_frame_equal(got.criteria, alone.criteria)
            assert got.set_hash == alone.set_hash


def totals(*rows: tuple[str, float | None, int | None, str | None]) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=["commune", "total", "rank", "grade"]).astype({"total": float})


def test_what_moved() -> None:
    before = totals((A, 70.0, 1, "Khá"), (B, 65.5, 2, "Khá"), (C, 60.0, 3, "Trung bình"), (D, None, None, None))
    after = totals((A, 66.0, 2, "Khá"), (B, 66.1, 1, "Khá"), (C, 65.0, 3, "Khá"), ("new", 10.0, 4, "Yếu"))
    moved = movement(before, after)
    lines = moved.communes.set_index("commune")
    assert lines.loc[[A, B, C], "total_change"].tolist() == [-4.0, 0.6, 5.0]
    assert lines.loc[[A, B, C], "rank_change"].tolist() == [-1, 1, 0]
    assert lines["grade_changed"].to_dict() == {A: False, B: False, C: True, D: False, "new": True}
    assert lines.loc[["new", D], ["total_change", "rank_change"]].isna().all().all()
    assert moved.flips == ((A, B),)


def test_a_tie_is_no_flip() -> None:
    assert movement(totals((A, 2, 1, None), (B, 1, 2, None)), totals((A, 1, 1, None), (B, 1, 1, None))).flips == ()


@given(st.permutations(range(8)), st.permutations(range(8)))
def test_flips_are_the_inversions(before: list[int], after: list[int]) -> None:
    names = [f"c{k}" for k in range(8)]
    a, b = (totals(*[(n, -float(r), r + 1, None) for n, r in zip(names, ranks)]) for ranks in (before, after))
    wanted = {(x, y) for x in range(8) for y in range(8) if before[x] < before[y] and after[x] > after[y]}
    assert set(movement(a, b).flips) == {(f"c{x}", f"c{y}") for x, y in wanted}


def test_how_far_the_weights_were_moved() -> None:
    moved = weights_moved({"a": 5000, "b": 5000}, {"a": 4000, "b": 5500, "c": 500})
    assert (moved.points, moved.share, moved.total_before, moved.total_after) == (10.0, 0.1, 100.0, 100.0)
    assert weights_moved({}, {}).share == 0.0


def test_changes_are_plain_json() -> None:
    content = apply_changes(CONTENT, {"weight:III.5": weight(3, "*")}, DAY)
    assert build_set(json.loads(json.dumps(content))).hash == build_set(content).hash


@given(st.floats(-1e6, 1e6) | st.integers(-(10**9), 10**9).map(lambda n: n / 2000), st.integers(0, 4))
def test_one_number_is_rounded_as_many_are(value: float, decimals: int) -> None:
    assert int(to_units(value, decimals)) == int(to_units([value], decimals)[0])


@pytest.mark.slow
@pytest.mark.parametrize(("communes", "years", "limit_s"), [(13, 5, 0.150), (132, 1, 1.0)])
def test_speed_of_a_what_if(communes: int, years: int, limit_s: float) -> None:
    """p95 in process. The limit is meant for an idle machine; a busy one is given twice the time."""
    many = district(communes, years)
    base = many.scores({})
    seconds = []
    for k in range(40):
        begun = time.perf_counter()
        after = many.scores({"weight:III.3": weight(4 + k / 10, "*"), "target:online_min": 0.35})
        for a, b in zip(base, after, strict=True):
            movement(a.totals, b.totals)
        seconds.append(time.perf_counter() - begun)
    p50, p95 = np.percentile(seconds, [50, 95])
    print(f"what-if, {communes} communes × {years} years: p50 {p50 * 1000:.0f} ms, p95 {p95 * 1000:.0f} ms")
    assert p95 <= 2 * limit_s
