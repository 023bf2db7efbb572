"""Declarations at the year's end: what is known stays, what is not is drawn from how units declared before."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest

from criteria import load_set
from scoring.forecast.inputs import Inputs
from scoring.forecast.items import fit_items
from scoring.inputs import STATES, declaration_arrays
from tests.scoring.forecast.registers import inputs, law, without_history

pytestmark = pytest.mark.slow

EVERY = slice(None)
NOVEMBER = date(2023, 11, 10)


def codes(kind: str | None = None) -> list[str]:
    return [c.code for c in law().criteria if c.declared and kind in (None, c.declared)]


def history(values: dict[str, list[float]], code: str, years: range = range(2020, 2023), **more: Any) -> pd.DataFrame:
    """Earlier declarations of one criterion, by unit and year; NaN: none."""
    rows = [
        (unit, year, code, value, np.nan, "declared", None, pd.Timestamp(year, 11, 1))
        for unit, given in values.items() for year, value in zip(years, given) if not np.isnan(value)
    ]  # fmt: skip
    columns = ["commune", "year", "criterion_code", "value", "points", "state", "evidence", "declared_on"]
    return pd.DataFrame(rows, columns=columns).assign(**more)


def small(past: pd.DataFrame, now: pd.DataFrame | None = None, units: tuple[str, ...] = tuple("abcdefgh")) -> Inputs:
    """A district of a few units with nothing but declarations, in the middle of 2023."""
    base = without_history(inputs(1, date(2023, 6, 30)))
    return replace(
        base, units=units, names=units, past_declarations=past, measures=base.measures.iloc[:0],
        declarations=base.declarations.iloc[:0] if now is None else now,
    )  # fmt: skip


def share_of(drawn: Any, value: float) -> np.ndarray:
    return np.asarray((drawn.value == value).mean(axis=0))


def test_at_the_end_of_the_year_everything_is_as_declared_to_the_digit() -> None:
    given = inputs(1, date(2023, 12, 31))
    drawn = fit_items(given, law()).draw(EVERY, 1, 50)
    today = declaration_arrays(given.declarations, codes(), given.units)
    assert list(drawn.declarations) == codes()
    for code, found in drawn.declarations.items():
        for name in ("value", "points", "state"):
            assert getattr(found, name).shape == (1, 13)
            np.testing.assert_array_equal(getattr(found, name)[0], getattr(today[code], name))
    assert not any(part.numerator.any() for part in drawn.increments.values())
    assert not drawn.increments["task_completion"].denominator.any()


def test_what_is_declared_today_is_kept_in_every_draw() -> None:
    given = inputs(1, NOVEMBER)
    drawn = fit_items(given, law()).draw(EVERY, 1, 200).declarations
    today = declaration_arrays(given.declarations, codes(), given.units)
    kept = 0
    for code, found in drawn.items():
        known = today[code].state >= 0
        kept += int(known.sum())
        for name in ("value", "points", "state"):
            of_all = np.broadcast_to(getattr(found, name), (len(found.state), 13))
            np.testing.assert_array_equal(of_all[:, known], np.tile(getattr(today[code], name)[known], (len(of_all), 1)))
    assert 50 < kept < 13 * len(codes())


def test_draws_do_not_depend_on_who_else_is_drawn_nor_on_how_many_are() -> None:
    items = fit_items(inputs(1, NOVEMBER), law())
    whole, again = items.draw(EVERY, 3, 80), items.draw(EVERY, 3, 80)
    some, fewer = items.draw([5, 2], 3, 80), items.draw(slice(4, 6), 3, 30)
    for code, found in whole.declarations.items():
        for name in ("value", "points", "state"):
            full = np.broadcast_to(getattr(found, name), (80, 13))
            np.testing.assert_array_equal(full, np.broadcast_to(getattr(again.declarations[code], name), (80, 13)))
            np.testing.assert_array_equal(full[:, [5, 2]], np.broadcast_to(getattr(some.declarations[code], name), (80, 2)))
            np.testing.assert_array_equal(full[:30, 4:6], np.broadcast_to(getattr(fewer.declarations[code], name), (30, 2)))
    for measure, more in whole.increments.items():
        full = np.broadcast_to(more.numerator, (80, 13))
        np.testing.assert_array_equal(full[:, [5, 2]], np.broadcast_to(some.increments[measure].numerator, (80, 2)))
        np.testing.assert_array_equal(full[:30, 4:6], np.broadcast_to(fewer.increments[measure].numerator, (30, 2)))
    other = items.draw(EVERY, 4, 80)
    assert any(not np.array_equal(other.declarations[c].value, whole.declarations[c].value, equal_nan=True) for c in codes())


def test_one_unit_more_changes_nobody_elses_random_numbers() -> None:
    # Without history nothing is learnt from a unit, so that the draws of the others must be the same to the bit.
    given = without_history(inputs(1, date(2023, 6, 30)))
    fewer = replace(given, units=given.units[:5], names=given.names[:5])
    all_, some = (fit_items(one, law()).draw(EVERY, 2, 100).declarations for one in (given, fewer))
    for code in codes():
        np.testing.assert_array_equal(all_[code].value[:, :5], some[code].value)


def test_drawn_values_are_possible_and_say_nothing_of_what_does_not_apply() -> None:
    drawn = fit_items(inputs(1, date(2023, 6, 30)), law()).draw(EVERY, 1, 400).declarations
    limits = {"yes_no": 1, "share": 1, "count": 1e3, "days": 1e3}
    for c in law().criteria:
        if c.declared:
            found = drawn[c.code]
            value = found.value[~np.isnan(found.value)]
            assert ((value >= 0) & (value <= limits.get(c.declared, len(c.levels) - 1))).all()
            assert c.declared == "share" or np.array_equal(value, np.floor(value))
            assert set(np.unique(found.state)) <= {-1, STATES.index("declared"), STATES.index("not_applicable")}
            np.testing.assert_array_equal(np.isnan(found.value), found.state != STATES.index("declared"))


def test_only_what_somebody_said_not_to_apply_may_not_apply() -> None:
    drawn = fit_items(inputs(1, date(2023, 6, 30)), law()).draw(EVERY, 1, 1000).declarations
    out = {code for code, found in drawn.items() if (found.state == STATES.index("not_applicable")).any()}
    past = inputs(1, date(2023, 6, 30)).past_declarations
    assert out == set(past.loc[past["state"] == "not_applicable", "criterion_code"]) & set(codes())


def test_without_any_history_every_value_is_as_likely_as_another() -> None:
    drawn = fit_items(without_history(inputs(1, date(2023, 6, 30))), law()).draw(EVERY, 1, 4000).declarations
    assert all((found.state == 0).all() for found in drawn.values())
    assert share_of(drawn["II.1"], 1.0) == pytest.approx(np.full(13, 0.5), abs=0.04)  # yes or no
    assert share_of(drawn["V.3"], 2.0) == pytest.approx(np.full(13, 0.25), abs=0.04)  # four levels
    assert np.quantile(drawn["III.1"].value, [0.1, 0.5, 0.9]) == pytest.approx([0.1, 0.5, 0.9], abs=0.06)
    assert share_of(drawn["IX.2"], 0.0) == pytest.approx(np.full(13, 0.5), abs=0.04)  # a penalty: the rarer the worse
    assert share_of(drawn["I.3"], 6.0) == pytest.approx(np.full(13, 1 / 7), abs=0.03)  # 6 × 0.25 is all of it


def test_what_does_not_apply_to_communes_until_declared_is_not_expected() -> None:
    rules = load_set("qd_766").at(date(2023, 6, 30))  # its 1.1 is not computed at commune level
    drawn = fit_items(without_history(inputs(1, date(2023, 6, 30))), rules).draw(EVERY, 1, 50).declarations
    assert (drawn["1.1"].state < 0).all() and (drawn["1.2"].state == STATES.index("declared")).all()


def test_yes_three_years_running_is_likely_to_be_yes_again() -> None:
    values = {u: [1.0, 1.0, 1.0] for u in "abcd"} | {u: [0.0, 0.0, 0.0] for u in "efgh"}
    yes = share_of(fit_items(small(history(values, "II.1")), law()).draw(EVERY, 1, 3000).declarations["II.1"], 1.0)
    assert (yes[:4] > 0.8).all() and (yes[4:] < 0.2).all()
    mixed = {u: [1.0, 0.0, 1.0] if n % 2 else [0.0, 1.0, 0.0] for n, u in enumerate("abcdefgh")}
    yes = share_of(fit_items(small(history(mixed, "II.1")), law()).draw(EVERY, 1, 3000).declarations["II.1"], 1.0)
    assert (np.abs(yes - 0.5) < 0.2).all()  # where nothing lasts, a unit's own past says little


def test_a_unit_weak_everywhere_is_weak_where_nothing_is_known_of_it() -> None:
    known = codes("yes_no")[:8]
    weak = {u: [0.0] * 3 if u in "ab" else [1.0] * 3 for u in "abcdefgh"}
    mixed = {u: [0.0, 1.0, 0.0] if u in "ab" else [1.0, 0.0, 1.0] for u in "cdefgh"}
    past = pd.concat([*(history(weak, code) for code in known[1:]), history(mixed, known[0])])
    yes = share_of(fit_items(small(past), law()).draw(EVERY, 1, 3000).declarations[known[0]], 1.0)
    assert yes[:2].max() < yes[2:].min() - 0.15


def test_a_late_declarer_is_not_sure_to_declare() -> None:
    code = "II.1"
    values = {u: [np.nan] * 3 if u in "ab" else [1.0] * 3 for u in "abcdefgh"}
    others = history({u: [1.0] * 3 for u in "abcdefgh"}, "I.5")  # everybody keeps declarations
    found = fit_items(small(pd.concat([history(values, code), others])), law()).draw(EVERY, 1, 3000).declarations[code]
    silent = (found.state < 0).mean(axis=0)
    assert (silent[:2] > 0.5).all() and (silent[2:] < 0.2).all()


def test_what_nobody_ever_declared_is_hardly_expected() -> None:
    past = pd.concat([history({u: [1.0] * 3 for u in "abcdefgh"}, code) for code in codes("yes_no")[1:]])
    found = fit_items(small(past), law()).draw(EVERY, 1, 1000).declarations
    assert (found[codes("yes_no")[0]].state < 0).mean() > 0.8 and (found[codes("yes_no")[1]].state < 0).mean() < 0.1


def test_who_is_still_silent_late_in_the_year_mostly_stays_so() -> None:
    days = {"a": 10, "b": 10, "c": 10, "d": 10, "e": 10, "f": 10, "g": 10, "h": np.nan}  # declared on 10 November, or never
    past = history({u: [1.0 if d == 10 else np.nan] * 3 for u, d in days.items()}, "II.1")
    past = pd.concat([past, history({u: [1.0] * 3 for u in days}, "I.5")])
    late = replace(small(past), day=date(2023, 12, 20))
    early = fit_items(small(past), law()).draw(EVERY, 1, 2000).declarations["II.1"]
    after = fit_items(late, law()).draw(EVERY, 1, 2000).declarations["II.1"]
    assert (early.state[:, :7] < 0).mean() < 0.15 and (after.state[:, :7] < 0).mean() > 0.5


def test_a_declaration_after_the_year_is_no_declaration_of_the_year() -> None:
    past = history({u: [1.0] * 3 for u in "abcdefgh"}, "II.1")
    past["declared_on"] = pd.to_datetime(past["year"].astype(str) + "-12-31") + pd.Timedelta(days=20)
    past = pd.concat([past, history({u: [1.0] * 3 for u in "abcdefgh"}, "I.5")])
    found = fit_items(small(past), law()).draw(EVERY, 1, 1000).declarations
    assert (found["II.1"].state < 0).mean() > 0.8 and (found["I.5"].state < 0).mean() < 0.1


def test_a_criterion_claimed_by_points_only_is_claimed_so_again() -> None:
    past = history({u: [1.0] * 3 for u in "abcdefgh"}, "II.2")
    past["value"], past["points"] = np.nan, 1.5
    found = fit_items(small(past), law()).draw(EVERY, 1, 500).declarations["II.2"]
    declared = found.state >= 0
    assert declared.mean() > 0.85 and np.isnan(found.value).all()
    assert (found.points[declared] == 1.5).all() and np.isnan(found.points[~declared]).all()


def test_shares_keep_their_masses_at_nothing_and_all() -> None:
    rng = np.random.default_rng(4)
    values = {u: [1.0 if rng.random() < 0.5 else float(np.round(rng.uniform(0.6, 0.8), 3)) for _ in range(3)] for u in "abcdefgh"}
    drawn = fit_items(small(history(values, "III.1")), law()).draw(EVERY, 1, 4000).declarations["III.1"].value
    given = ~np.isnan(drawn)
    share = np.mean([v == 1.0 for vs in values.values() for v in vs])
    assert (drawn[given] == 1.0).mean() == pytest.approx(share, abs=0.1)
    between = (drawn > 0.8) & (drawn < 1.0)
    assert between[given].mean() < 0.03  # nobody was ever there


def test_shares_that_are_mostly_whole_lend_nothing_to_those_that_are_not() -> None:
    rng, fine = np.random.default_rng(7), codes("share")[0]
    whole = [history({u: [1.0, 1.0, 0.5] for u in "abcdefgh"}, code) for code in codes("share")[1:]]
    own = history({u: list(rng.uniform(0.6, 0.8, 3).round(3)) for u in "abcdefgh"}, fine)
    drawn = fit_items(small(pd.concat([own, *whole])), law()).draw(EVERY, 1, 4000).declarations[fine].value
    assert not (drawn == 1.0).any() and np.isclose(np.nanmedian(drawn), 0.7, atol=0.03)


@pytest.mark.parametrize(("others", "low", "high"), [(0.6, 0.5, 0.72), (None, 0.74, 1.0)])
def test_a_yes_no_question_leans_on_the_others_as_far_as_they_are_alike(others: float | None, low: float, high: float) -> None:
    """Everybody's yes to one question (of a few units) is luck among questions that are alike, a habit among unlike ones."""
    rng, (first, *rest) = np.random.default_rng(11), codes("yes_no")
    chances = np.full(len(rest), others) if others is not None else np.linspace(0, 1, len(rest))
    past = [history({u: list((rng.random(3) < p).astype(float)) for u in "abcdefgh"}, code) for code, p in zip(rest, chances)]
    past.append(history({u: [1.0] for u in "abc"}, first))
    drawn = fit_items(small(pd.concat(past)), law()).draw(EVERY, 1, 2000).declarations[first].value
    assert low < np.nanmean(drawn) < high


def test_the_criteria_of_a_unit_move_together() -> None:
    """The unit's own level is in doubt, and a doubt about it is one about all its criteria."""
    known = codes("yes_no")
    rng = np.random.default_rng(5)
    past = []
    for code in known:
        level = {u: 0.15 if n < 4 else 0.85 for n, u in enumerate("abcdefgh")}
        past.append(history({u: [float(rng.random() < p)] for u, p in level.items()}, code, range(2022, 2023)))
    drawn = fit_items(small(pd.concat(past), units=tuple("abcdefgh") + ("new",)), law()).draw(EVERY, 1, 4000).declarations
    total = sum((drawn[code].value[:, 8] == 1.0).astype(float) for code in known)
    apart = sum((p := (drawn[code].value[:, 8] == 1.0).mean()) * (1 - p) for code in known)
    assert np.var(total) > 1.3 * apart


def test_two_rows_for_one_criterion_are_refused() -> None:
    given = inputs(1, NOVEMBER)
    with pytest.raises(ValueError, match="two rows"):
        fit_items(replace(given, declarations=pd.concat([given.declarations, given.declarations.iloc[:1]])), law())


def test_another_set_that_the_history_does_not_know_is_drawn_as_without_history() -> None:
    from criteria import load_set

    other = load_set("sipas").at(date(2023, 6, 30))
    drawn = fit_items(inputs(1, date(2023, 6, 30)), other).draw(EVERY, 1, 20)
    assert drawn.declarations == {} and drawn.increments["initiatives"].numerator.shape == (20, 13)


@pytest.mark.slow
def test_year_ends_fall_where_they_are_expected_on_invented_districts() -> None:
    inside80, inside95, near, naive = [], [], [], []
    for seed in (1, 2, 3, 4):
        for day in (date(2022, 6, 30), date(2023, 6, 30), date(2023, 11, 15)):
            given = inputs(seed, day)
            end = declaration_arrays(inputs(seed, date(day.year, 12, 31)).declarations, codes(), given.units)
            drawn = fit_items(given, law()).draw(EVERY, 1, 1000).declarations
            before = given.past_declarations[given.past_declarations["year"] == day.year - 1]
            last = declaration_arrays(before, codes(), given.units)
            for kind in ("yes_no", "share"):
                came = sum(np.nan_to_num(end[c].value) for c in codes(kind))
                total = sum(np.nan_to_num(np.broadcast_to(drawn[c].value, (1000, 13))) for c in codes(kind))
                luck = np.random.default_rng(seed).random(13)  # whole numbers: where in the step they fall is left to luck
                place = (total < came).mean(axis=0) + luck * (total == came).mean(axis=0)
                inside80 += (np.abs(place - 0.5) < 0.4).tolist()
                inside95 += (np.abs(place - 0.5) < 0.475).tolist()
                near += np.abs(np.median(total, axis=0) - came).tolist()
                naive += np.abs(sum(np.nan_to_num(last[c].value) for c in codes(kind)) - came).tolist()
    assert 0.72 <= np.mean(inside80) <= 0.9 and 0.9 <= np.mean(inside95)
    assert np.mean(near) < 0.85 * np.mean(naive)
