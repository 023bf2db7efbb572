"""Tasks, reviews, initiatives and complaints at the year's end."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.forecast.inputs import Inputs
from scoring.forecast.items import fit_items
from scoring.forecast.items_counts import (
    Increment,
    count_table,
    events_to_come,
    officials_named,
    rare_events,
    repeated,
    reviews_to_come,
    trials,
)
from scoring.forecast.items_latent import CELL_SHARE
from tests.scoring.forecast.registers import PROGRAMME, inputs, law, without_history

pytestmark = pytest.mark.slow

EVERY = slice(None)
JUNE = date(2023, 6, 30)


def bare(day: date = JUNE, units: tuple[str, ...] = ("a", "b", "c", "d"), **more: pd.DataFrame) -> Inputs:
    """Units of which nothing is known but what is given."""
    base = without_history(inputs(1, JUNE))
    return replace(
        base, day=day, units=units, names=units, measures=base.measures.iloc[:0], declarations=base.declarations.iloc[:0], **more
    )


def drawn(given: Inputs, draws: int = 2000) -> dict[str, Increment]:
    return dict(fit_items(given, law()).draw(EVERY, 1, draws).increments)


def task(
    unit: str, year: int, due: str | None, done: str | None, given: str | None = "01-15", programme: str = PROGRAMME
) -> tuple[object, ...]:
    at = [None if d is None else pd.Timestamp(f"{year}-{d}") for d in (given, due, done)]
    return (unit, programme, *at)


def tasks(rows: list[tuple[object, ...]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["commune", "programme", "assigned_on", "due_on", "done_on"])
    for name in ("assigned_on", "due_on", "done_on"):
        frame[name] = pd.to_datetime(frame[name])
    return frame


# --- the building blocks ----------------------------------------------------------------------------------------------


@given(st.lists(st.floats(0, 1), min_size=1, max_size=5))
def test_trials_of_unlike_chances_are_every_way_they_can_turn_out(chances: list[float]) -> None:
    expected = np.zeros(len(chances) + 1)
    for way in product((0, 1), repeat=len(chances)):
        expected[sum(way)] += np.prod([p if yes else 1 - p for p, yes in zip(chances, way)])
    assert trials(np.array([chances]))[0] == pytest.approx(expected, abs=1e-12)


def test_a_trial_that_is_none_changes_nothing() -> None:
    assert trials(np.array([[0.3, np.nan]]))[0, :2] == pytest.approx([0.7, 0.3])


@given(st.floats(0.01, 30), st.floats(0.5, 50))
def test_events_to_come_have_the_mean_and_variance_of_gamma_and_poisson(mean: float, shape: float) -> None:
    chances = events_to_come(np.array([mean]), np.array([shape]))[0]
    count = np.arange(len(chances))
    assert chances.sum() == pytest.approx(1, abs=1e-5) and (chances > -1e-12).all()
    assert (chances * count).sum() == pytest.approx(mean, rel=1e-2)
    assert (chances * count**2).sum() - (chances * count).sum() ** 2 == pytest.approx(mean + mean**2 / shape, rel=5e-2)


def test_a_table_holds_each_count_as_often_as_it_is_likely() -> None:
    table = count_table(np.array([[0.25, 0.5, 0.25], [1.0, 0.0, 0.0]]))
    edges = np.diff(np.concatenate([[0.0], (CELL_SHARE[1:] + CELL_SHARE[:-1]) / 2, [1.0]]))
    assert [float(edges[table[0] == k].sum()) for k in range(3)] == pytest.approx([0.25, 0.5, 0.25], abs=2e-3)
    assert not table[1].any()


@pytest.mark.parametrize("officials", [4, 12])
def test_officials_named_again_are_those_expected_when_names_are_drawn_at_random(officials: int) -> None:
    rng = np.random.default_rng(1)
    seen = [np.sum(np.bincount(rng.integers(0, officials, 9), minlength=officials) > 1) for _ in range(4000)]
    assert repeated(np.array([9.0]), officials)[0] == pytest.approx(np.mean(seen), rel=0.03)
    assert repeated(np.array([0.0, 1.0]), officials) == pytest.approx([0, 0], abs=1e-9)


def test_how_many_officials_complaints_fall_on_is_found_again() -> None:
    forms = np.array([4.0, 9.0, 20.0, np.nan])
    assert officials_named(forms, repeated(forms, 7)) == 7
    assert officials_named(np.array([1.0, np.nan]), np.array([0.0, np.nan])) == 10


# --- tasks ------------------------------------------------------------------------------------------------------------


def test_tasks_without_any_register_add_nothing() -> None:
    found = drawn(bare())
    for name in ("task_completion", "task_on_time"):
        assert not found[name].numerator.any() and found[name].denominator is not None and not found[name].denominator.any()


def test_tasks_end_as_such_tasks_ended_before() -> None:
    """Those due in autumn were always done in time, those long overdue in June never done at all."""
    rows = []
    for unit, year in product("abcd", (2020, 2021, 2022)):
        rows += [task(unit, year, "09-30", "09-01")] * 3 + [task(unit, year, "02-15", None)] * 3
    rows += [task("a", 2023, "09-30", None)] * 4 + [task("b", 2023, "02-15", None)] * 4 + [task("c", 2023, "09-30", "06-01")]
    found = drawn(bare(tasks=tasks(rows)))
    done, timely = found["task_completion"].numerator, found["task_on_time"].numerator
    assert done[:, 0].mean() > 3.6 and timely[:, 0].mean() > 3.4 and done[:, 1].mean() < 0.5
    assert not timely[:, 1].any()  # past the due day nothing can be on time
    assert not done[:, 2:].any()  # done already, or no task at all
    assert done[:, 0].max() == 4 and not found["task_completion"].denominator.any()


def test_a_task_done_after_the_year_was_not_done_in_it() -> None:
    late = [task(u, y, "12-20", None) for u, y in product("abcd", (2020, 2021, 2022))]
    late = [(*row[:4], pd.Timestamp(f"{row[3].year + 1}-01-20")) for row in late] * 3
    found = drawn(bare(tasks=tasks([*late, *[task("a", 2023, "12-20", None)] * 5])))
    assert found["task_completion"].numerator[:, 0].mean() < 0.5


def test_only_the_programmes_tasks_count_for_being_on_time() -> None:
    rows = [task(u, y, "09-30", "09-01", programme=p) for u, y, p in product("abcd", (2021, 2022), (PROGRAMME, "Kế hoạch"))] * 4
    rows += [task("a", 2023, "09-30", None, programme="Kế hoạch")] * 4 + [task("b", 2023, "09-30", None)] * 4
    found = drawn(bare(tasks=tasks(rows)))
    assert found["task_completion"].numerator.mean(axis=0)[:2] == pytest.approx([4, 4], abs=0.5)
    assert not found["task_on_time"].numerator[:, 0].any() and found["task_on_time"].numerator[:, 1].mean() > 3.4


def test_tasks_still_to_be_given_grow_both_parts() -> None:
    rows = [task(u, y, "11-30", "11-01", given="08-01") for u, y in product("abcd", (2020, 2021, 2022))] * 5
    found = drawn(bare(tasks=tasks(rows)))
    done, given_ = found["task_completion"].numerator, found["task_completion"].denominator
    assert given_ is not None and given_.mean(axis=0) == pytest.approx([5, 5, 5, 5], rel=0.15)
    assert (done <= given_).all() and done.mean() > 0.95 * given_.mean()
    assert (found["task_on_time"].numerator <= found["task_on_time"].denominator).all()


def test_tasks_that_are_rarely_given_late_stay_rare() -> None:
    once = [task(u, y, "11-30", "11-01", given="08-01") for u, y in zip("abcd", (2020, 2021, 2022, 2022))]
    early = [task("a", y, "03-31", "03-01") for y in (2020, 2021, 2022)]
    given_ = drawn(bare(tasks=tasks([*once, *early])), 20_000)["task_completion"].denominator
    assert given_ is not None and given_.mean(axis=0) == pytest.approx([1 / 3] * 4, rel=0.1)


def test_a_task_due_after_the_units_life_is_not_its_years() -> None:
    rows = [task(u, y, "06-15", "06-10") for u, y in product("abcd", (2020, 2021, 2022))] * 4
    rows += [task("a", 2023, "06-15", None), task("b", 2023, "09-30", None)]
    ended = replace(bare(day=date(2023, 4, 30), tasks=tasks(rows)), horizon=date(2023, 6, 30))
    done = drawn(ended)["task_completion"].numerator
    assert done[:, 0].mean() > 0.85 and not done[:, 1].any()


def test_a_unit_that_leaves_its_tasks_undone_is_expected_to_do_so_again() -> None:
    rows = [task(u, y, "09-30", None if u in "ab" else "09-01") for u, y in product("abcdefgh", (2020, 2021, 2022))] * 4
    rows += [task(u, 2023, "09-30", None) for u in "abcdefgh"] * 5
    done = drawn(bare(units=tuple("abcdefgh"), tasks=tasks(rows)))["task_completion"].numerator.mean(axis=0)
    assert done[:2].max() < 1.5 and done[2:].min() > 4


def test_a_task_without_a_due_day_is_on_time_whenever_it_is_done() -> None:
    rows = [task(u, y, None, "11-01") for u, y in product("abcd", (2020, 2021, 2022))] * 4 + [task("a", 2023, None, None)] * 3
    found = drawn(bare(tasks=tasks(rows)))
    assert found["task_on_time"].numerator[:, 0].mean() > 2.6


# --- reviews ----------------------------------------------------------------------------------------------------------


def months(unit: str, year: int, which: range) -> list[tuple[str, int]]:
    return [(unit, year * 12 + month - 1) for month in which]


def reviews(rows: list[tuple[str, int]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["commune", "month"])


def test_reviews_to_come_are_at_most_the_months_that_are_left() -> None:
    rows = [r for u, y in product("abcd", (2020, 2021, 2022)) for r in months(u, y, range(1, 13))]
    rows += months("a", 2023, range(1, 7)) + [r for u in "bcd" for r in months(u, 2023, range(1, 8))]
    given_ = bare(day=date(2023, 9, 20), reviews=reviews(rows))
    more = drawn(given_)["officer_review_months"].numerator
    # September to December; what was missed in summer is not made good: August ended nearly three weeks ago.
    assert more.max() == 4 and more[:, 1:].mean() > 3.7
    just_over = drawn(replace(given_, day=date(2023, 9, 8)))["officer_review_months"].numerator
    assert just_over.max() == 5 and 4.2 < just_over[:, 1:].mean() < 4.7  # half of Augusts are still to be entered


def test_a_month_reviewed_already_is_not_counted_again() -> None:
    rows = [r for u, y in product("abcd", (2020, 2021, 2022)) for r in months(u, y, range(1, 13))]
    rows += [r for u in "abcd" for r in months(u, 2023, range(1, 13))]
    assert not drawn(bare(day=date(2023, 12, 28), reviews=reviews(rows)))["officer_review_months"].numerator.any()


def test_a_unit_that_skips_months_is_expected_to_skip_more() -> None:
    rows = [r for u, y in product("cdefgh", (2020, 2021, 2022)) for r in months(u, y, range(1, 13))]
    rows += [r for u, y in product("ab", (2020, 2021, 2022)) for r in months(u, y, range(1, 13, 2))]
    more = drawn(bare(units=tuple("abcdefgh"), reviews=reviews(rows)))["officer_review_months"].numerator.mean(axis=0)
    assert more[:2].max() < 4.5 < 5.3 < more[2:].min()


def test_months_before_anybodys_first_review_were_not_missed() -> None:
    whole = [r for u in "abcd" for r in [*months(u, 2022, range(1, 13)), *months(u, 2023, range(1, 7))]]
    begun = whole + [r for u in "abcd" for r in months(u, 2021, range(7, 13))]
    more = [drawn(bare(reviews=reviews(rows)))["officer_review_months"].numerator.mean() for rows in (whole, begun)]
    assert 5.6 < more[0] < more[1] < 6


def test_months_before_the_first_review_of_a_new_register_were_not_missed() -> None:
    rows = [r for u in "abcd" for r in months(u, 2023, range(5, 10))]
    more = drawn(bare(day=date(2023, 9, 30), reviews=reviews(rows)))["officer_review_months"].numerator
    assert 2.7 < more.mean() <= 3  # October to December


def test_a_unit_whose_life_ends_in_summer_has_no_autumn() -> None:
    rows = [r for u, y in product("abcd", (2020, 2021, 2022)) for r in months(u, y, range(1, 13))]
    given_ = replace(bare(day=date(2023, 4, 30), reviews=reviews(rows)), horizon=date(2023, 6, 30))
    chances = reviews_to_come(given_)
    assert chances[:, 4:].sum() == 0  # May, June, and April, that has just ended


# --- initiatives and complaints ---------------------------------------------------------------------------------------


def ideas(rows: list[tuple[str, int, int]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["commune", "month", "initiatives"])


def test_initiatives_come_in_the_months_in_which_they_came() -> None:
    spring = ideas([(u, y * 12 + 3, 2) for u, y in product("abcd", (2020, 2021, 2022))])
    assert not drawn(bare(initiatives=spring))["initiatives"].numerator.any()
    autumn = ideas([(u, y * 12 + 9, 2) for u, y in product("abcd", (2020, 2021, 2022))])
    assert drawn(bare(initiatives=autumn))["initiatives"].numerator.mean() == pytest.approx(2, rel=0.15)


def test_only_whole_years_of_the_calendar_tell_how_many_come() -> None:
    begun = ideas([(u, 2021 * 12 + 9, 2) for u in "abcd"] + [(u, 2020 * 12 + 9, 40) for u in "abcd"])
    given_ = bare(initiatives=begun)
    cal = given_.calendar
    late = replace(given_, calendar=replace(cal, months=cal.months[6:], worked=cal.worked[6:]))  # begins in July 2020
    assert drawn(late)["initiatives"].numerator.mean() == pytest.approx(1, rel=0.3)  # 2 in 2021, none in 2022


def test_a_unit_without_initiatives_is_expected_to_bring_fewer() -> None:
    autumn = ideas([(u, y * 12 + 9, 2) for u, y in product("bcd", (2020, 2021, 2022))])
    more = drawn(bare(initiatives=autumn))["initiatives"].numerator.mean(axis=0)
    assert 0 < more[0] < 0.6 < more[1:].min()


def test_the_first_year_of_all_goes_on_as_it_began() -> None:
    begun = ideas([(u, 2023 * 12 + 2, 3) for u in "abcd"])
    chances = rare_events(bare(initiatives=begun), begun, "initiatives")
    assert (chances * np.arange(chances.shape[1])).sum(axis=1).mean() == pytest.approx(3, rel=0.2)


def test_ideas_older_than_the_calendar_do_not_make_new_ones_impossible() -> None:
    begun = ideas([("a", 2012 * 12, 1), *[(u, 2023 * 12 + 2, 3) for u in "abcd"]])
    chances = rare_events(bare(initiatives=begun), begun, "initiatives")
    assert (chances * np.arange(chances.shape[1])).sum(axis=1).min() > 0.5


def yearly(counts: np.ndarray) -> pd.DataFrame:
    """Ideas of these (N, Y) counts from 2020 on, half of each year's in March and the rest in September."""
    rows = []
    for (unit, year), count in np.ndenumerate(counts):
        months = ((2020 + year) * 12 + 2, (2020 + year) * 12 + 8)
        rows += [(f"u{unit}", month, int(n)) for month, n in zip(months, (count // 2, count - count // 2)) if n]
    return ideas(rows)


def chances_of(frame: pd.DataFrame, units: int) -> np.ndarray:
    """What the first of February 2023 expects of the year."""
    return rare_events(bare(date(2023, 1, 31), tuple(f"u{k}" for k in range(units)), initiatives=frame), frame, "initiatives")


def test_what_never_comes_more_than_twice_a_year_is_drawn_so() -> None:
    rng = np.random.default_rng(8)
    limited = chances_of(yearly(rng.binomial(2, 0.6, (40, 3))), 40)
    np.testing.assert_allclose(limited.sum(axis=1), 1)
    assert limited[:, 0].mean() == pytest.approx(0.16, abs=0.04)  # a Poisson of this mean says 0.30
    assert limited[:, 3:].sum(axis=1).max() < 0.01
    endless = chances_of(yearly(rng.poisson(1.2, (40, 3))), 40)
    assert endless[:, 0].mean() == pytest.approx(0.30, abs=0.06) and endless[:, 3:].sum(axis=1).mean() > 0.06


def test_a_year_that_had_what_it_can_have_gets_no_more() -> None:
    frame = pd.concat([yearly(np.random.default_rng(9).binomial(1, 0.9, (30, 3))), ideas([("u0", 2023 * 12, 1)])])
    chances = chances_of(frame, 30)
    assert chances[0, 0] > 0.9 and chances[1:, 1].mean() == pytest.approx(0.9, abs=0.07)


def test_complaints_bring_officials_named_again_never_more_than_forms() -> None:
    forms = pd.DataFrame(
        [(u, y * 12 + m, 1) for u, y, m in product("ab", (2021, 2022, 2023), range(12)) if (y, m) < (2023, 6)],
        columns=["commune", "month", "forms"],
    )
    now = pd.DataFrame(
        [("a", "named_complaints", 6.0), ("a", "repeated_named_officials", 2.0), ("b", "named_complaints", 6.0), ("b", "repeated_named_officials", 2.0)],
        columns=["commune", "measure", "numerator"],
    ).assign(denominator=np.nan, unknown=0.0)  # fmt: skip
    found = drawn(replace(bare(named_complaints=forms), measures=now))
    named, again = found["named_complaints"].numerator, found["repeated_named_officials"].numerator
    assert named[:, :2].mean() == pytest.approx(6, rel=0.25) and named[:, 2:].mean() < 1.5
    assert (again <= named).all() and (again >= 0).all() and 0.3 < again[:, :2].mean() < 3
    assert np.array_equal(again, np.floor(again))


def test_no_complaint_ever_means_none_to_come() -> None:
    found = drawn(bare())
    assert found["named_complaints"].numerator.shape == (1, 4) and not found["repeated_named_officials"].numerator.any()


@pytest.mark.slow
def test_counts_fall_where_they_are_expected_on_invented_districts() -> None:
    inside80: dict[str, list[bool]] = {}
    rng = np.random.default_rng(0)
    for seed, day in product((1, 2, 3, 4), (date(2022, 6, 30), date(2023, 6, 30), date(2023, 10, 31))):
        now, end = inputs(seed, day), inputs(seed, date(day.year, 12, 31))
        more = drawn(now, 1000)

        def of_year(given_: Inputs, day: date = day) -> dict[str, np.ndarray]:
            year = given_.tasks[given_.tasks["due_on"].dt.year == day.year]
            kept = given_.reviews[given_.reviews["month"] // 12 == day.year]
            brought = given_.initiatives[given_.initiatives["month"] // 12 == day.year]
            done = year[year["done_on"].notna()]
            timely = done[(done["programme"] == PROGRAMME) & (done["done_on"] <= done["due_on"])]
            sizes = {
                "task_completion": done.groupby("commune").size(), "task_on_time": timely.groupby("commune").size(),
                "officer_review_months": kept.groupby("commune").size(),
                "initiatives": brought.groupby("commune")["initiatives"].sum(),
            }  # fmt: skip
            return {name: size.reindex(list(given_.units)).fillna(0).to_numpy(dtype=float) for name, size in sizes.items()}

        before, after = of_year(now), of_year(end)
        for name in after:
            came, found = after[name] - before[name], np.broadcast_to(more[name].numerator, (1000, 13))
            place = (found < came).mean(axis=0) + rng.random(13) * (found == came).mean(axis=0)
            inside80.setdefault(name, []).extend((np.abs(place - 0.5) < 0.4).tolist())
    for name, inside in inside80.items():
        assert 0.7 <= np.mean(inside) <= 0.93, name
