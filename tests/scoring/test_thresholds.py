"""Commitments of a notice: every state on both sides of every edge, and the gap in whole cases."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

import pytest

from criteria import Commitment, Notice, load_measures, load_notice
from messages.commitments import GAP_CODES, STATE_LABELS
from scoring import paces
from scoring.engine import score
from scoring.paces import AT_RISK, MET, MISSED, NO_DATA, ON_TRACK
from scoring.thresholds import Figures, Period, Standing, figures, full_months, notice_states
from tests.scoring.frames import A, declarations, law, measures

pytestmark = pytest.mark.slow

END, JUNE = date(2023, 12, 31), date(2023, 6, 15)
BEFORE_END = END - timedelta(1)
EMPTY = Figures({}, {}, {}, {})


def year(measured: list[Any], declared: list[Any] | None = None, day: date = END) -> Figures:
    m, d = measures([(A, *row) for row in measured]), declarations([(A, *row) for row in declared or []])
    return figures(m, score(m, d, law(day), [A]), d, A)


def standing(code: str, now: Figures, today: date = END, notice: Notice | None = None, **more: Any) -> Standing:
    found = {s.item.code: s for s in notice_states(notice or load_notice(), law(today), now, today, **more)}
    return found[code]


def changed(code: str, **fields: Any) -> Notice:
    """The notice with one commitment changed."""
    notice = load_notice()
    items = tuple(replace(item, **fields) if item.code == code else item for item in notice.commitments)
    return replace(notice, commitments=items, measures=load_measures())


# --- rate: judged at the deadline ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "measure", "good", "bad", "gap_code", "gap"),
    [
        ("overdue", "overdue_rate", (9, 1000), (10, 1000), "over", 1),
        ("overdue", "overdue_rate", (0, 1), (3, 1000 // 5), "over", 2),
        ("satisfaction", "satisfaction_index", (900, 1000), (899, 1000), "short_new", 10),
        ("online", "online_rate", (300, 1000), (299, 1000), "short_new", 2),
        ("payment", "online_payment_rate", (10, 100), (9, 100), "short_new", 2),
        ("postal", "postal_rate", (50, 1000), (49, 1000), "short_new", 2),
    ],
)
def test_r20_rate_edges(code: str, measure: str, good: Any, bad: Any, gap_code: str, gap: float) -> None:
    for today, holds, fails in ((BEFORE_END, ON_TRACK, AT_RISK), (END, MET, MISSED), (END + timedelta(9), MET, MISSED)):
        assert standing(code, year([(measure, *good)], day=today), today).state == holds
        found = standing(code, year([(measure, *bad)], day=today), today)
        assert (found.state, found.gap_code, found.gap) == (fails, gap_code, gap)


def test_the_gap_is_exact_at_its_own_edge() -> None:
    """Adding the gap of new good cases meets the threshold; one less does not."""
    short = standing("satisfaction", year([("satisfaction_index", 899, 1000)]))
    gap = int(short.gap or 0)
    assert standing("satisfaction", year([("satisfaction_index", 899 + gap, 1000 + gap)])).state == MET
    assert standing("satisfaction", year([("satisfaction_index", 898 + gap, 999 + gap)])).state == MISSED


def test_what_is_left_below_a_limit() -> None:
    for late, room in ((0, 9), (4, 5), (9, 0)):
        found = standing("overdue", year([("overdue_rate", late, 1000)]), JUNE)
        assert (found.state, found.gap_code, found.gap) == (ON_TRACK, "room", room)


def test_missed_before_the_deadline_only_when_provable() -> None:
    whole = changed("satisfaction", value=1)
    assert standing("satisfaction", year([("satisfaction_index", 99, 100)]), JUNE, whole).state == MISSED
    assert standing("satisfaction", year([("satisfaction_index", 100, 100)]), JUNE, whole).state == ON_TRACK
    none_late = changed("overdue", value=0, op="<=")
    assert standing("overdue", year([("overdue_rate", 1, 100)]), JUNE, none_late).state == MISSED
    assert standing("overdue", year([("overdue_rate", 0, 100)]), JUNE, none_late).state == ON_TRACK
    assert standing("overdue", year([("overdue_rate", 60, 100)]), JUNE).state == AT_RISK


def test_missing_is_no_data_and_so_is_nothing_to_divide_by() -> None:
    for today in (JUNE, END):
        assert standing("overdue", year([]), today).state == NO_DATA
        empty = standing("overdue", year([("overdue_rate", 0, 0)]), today)
        assert (empty.state, empty.gap_code, empty.value) == (NO_DATA, "no_cases", None)


# --- cumulative: a growing count --------------------------------------------------------------------------------------


def test_r20_cumulative_edges() -> None:
    ten = changed("initiative", value=10)
    for day, state in ((date(2023, 7, 1), ON_TRACK), (date(2023, 7, 2), AT_RISK)):  # 182 days are 4.99 of 10, 183 are 5.01
        assert standing("initiative", year([("initiatives", 4, None)]), day, ten).state == state
    day = date(2023, 7, 20)  # 201 of 365 days: 5.5, rounded down 5
    for count, state in ((4, AT_RISK), (5, ON_TRACK), (9, ON_TRACK), (10, MET), (11, MET)):
        assert standing("initiative", year([("initiatives", count, None)]), day, ten).state == state
    for count, state in ((9, MISSED), (10, MET)):
        assert standing("initiative", year([("initiatives", count, None)]), END, ten).state == state
    short = standing("initiative", year([("initiatives", 9, None)]), END, ten)
    assert (short.gap_code, short.gap) == ("short", 1)


def test_r20_the_share_of_the_year_is_rounded_down() -> None:
    assert [paces.expected_by_now(2, Fraction(n, 365)) for n in (1, 182, 183, 364, 365)] == [0, 0, 1, 1, 2]
    assert paces.expected_by_now(0.3, Fraction(10, 3)) == 1  # 3/10 as written, not its nearest float
    one = year([("initiatives", 0, None)])
    assert standing("initiative", one, BEFORE_END).state == ON_TRACK
    assert standing("initiative", one, END).state == MISSED
    assert standing("initiative", year([("initiatives", 1, None)]), date(2023, 1, 1)).state == MET


# --- every: no month, day or task may lack it -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("today", "months", "state"),
    [
        (date(2023, 1, 31), 0, ON_TRACK),
        (date(2023, 2, 1), 0, AT_RISK),
        (date(2023, 2, 1), 1, ON_TRACK),
        (JUNE, 4, AT_RISK),
        (JUNE, 5, ON_TRACK),
        (BEFORE_END, 11, ON_TRACK),
        (BEFORE_END, 10, AT_RISK),
        (END, 11, MISSED),
        (END, 12, MET),
    ],
)
def test_r20_every_month(today: date, months: int, state: str) -> None:
    found = standing("officer_reviews", year([("officer_review_months", months, None)], day=today), today)
    assert found.state == state
    if state == AT_RISK:
        assert (found.gap_code, found.gap) == ("lacking", full_months(2023, today) - months)
    if state == MISSED:
        assert (found.gap_code, found.gap) == ("lost", 1)


def test_a_review_of_the_current_month_does_not_hide_an_earlier_gap() -> None:
    now = year([("officer_review_months", 5, None)])  # January to April, and June itself
    assert standing("officer_reviews", now, JUNE, periods={"officer_reviews": Period(5, 4)}).state == AT_RISK
    assert standing("officer_reviews", now, JUNE, periods={"officer_reviews": Period(5, 5)}).state == ON_TRACK


def test_full_months() -> None:
    days = (date(2022, 12, 31), date(2023, 1, 1), date(2023, 1, 31), date(2023, 2, 1), END, date(2024, 1, 1), date(2025, 3, 1))
    assert [full_months(2023, day) for day in days] == [0, 0, 0, 1, 11, 12, 12]


def test_r20_a_lost_survey_day_stays_lost() -> None:
    for pair, early, late in (((110, 110), ON_TRACK, MET), ((109, 110), MISSED, MISSED)):
        now = year([("survey_day_coverage", *pair)])
        assert standing("survey_days", now, JUNE).state == early
        assert standing("survey_days", now, END).state == late
    today_open = year([("survey_day_coverage", 109, 110)])
    assert standing("survey_days", today_open, JUNE, periods={"survey_days": Period(109, 109)}).state == ON_TRACK


def test_r20_a_task_done_late_is_lost_and_one_not_yet_due_is_not() -> None:
    item = next(c for c in load_notice().commitments if c.code == "tasks")
    assert item.input == "task_on_time:12823/CTr-UBND"
    open_tasks = year([(item.input, 3, 5)])
    for period, state in ((Period(3, 3), ON_TRACK), (Period(4, 3), MISSED)):
        assert standing("tasks", open_tasks, JUNE, periods={"tasks": period}).state == state
    for done, state in ((4, MISSED), (5, MET)):
        assert standing("tasks", year([(item.input, done, 5)]), END, periods={"tasks": Period(5, done)}).state == state


def test_r20_what_may_never_occur_is_missed_at_its_first_case() -> None:
    for count, early, late, code in ((0, ON_TRACK, MET, "clean"), (1, MISSED, MISSED, "occurred")):
        now = year([("repeated_named_officials", count, None)])
        assert (standing("named_again", now, JUNE).state, standing("named_again", now, END).state) == (early, late)
        assert standing("named_again", now, JUNE).gap_code == code
    two = changed("named_again", value=2)
    for count, state, code, gap in ((2, ON_TRACK, "room", 0), (3, MISSED, "over", 1)):
        found = standing("named_again", year([("repeated_named_officials", count, None)]), JUNE, two)
        assert (found.state, found.gap_code, found.gap) == (state, code, gap)


# --- declared yes or no -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["VII.6", "TB.7.1"])
@pytest.mark.parametrize(
    ("value", "state", "before", "at_end", "gap_code"),
    [
        (1, "evidenced", ON_TRACK, MET, "enough"),
        (1, "appraised", ON_TRACK, MET, "enough"),
        (1, "declared", AT_RISK, AT_RISK, "unproven"),
        (0, "evidenced", AT_RISK, MISSED, "not_done"),
        (0, "declared", AT_RISK, MISSED, "not_done"),
        (None, "evidenced", NO_DATA, NO_DATA, "undeclared"),
        (1, "not_applicable", NO_DATA, NO_DATA, "undeclared"),
    ],
)
def test_declared(code: str, value: float | None, state: str, before: str, at_end: str, gap_code: str) -> None:
    item = "online_point" if code == "VII.6" else "summary"
    now = year([], [(code, value, None, state)])
    for today, expected in ((BEFORE_END, before), (END, at_end)):
        found = standing(item, now, today)
        assert (found.state, found.gap_code) == (expected, gap_code)
    assert standing(item, year([]), END).state == NO_DATA


@pytest.mark.parametrize(("points", "expected"), [(1, MET), (0.5, MISSED)])
def test_declared_by_points(points: float, expected: str) -> None:
    assert standing("online_point", year([], [("VII.6", None, points, "evidenced")])).state == expected


# --- grade, and what compares with last year --------------------------------------------------------------------------


def best(share: tuple[int, int] = (95, 100), points: float = 99) -> Figures:
    good = [(c.code, None, points, "evidenced") for c in law().criteria if c.declared and c.kind == "base"]
    return year([("satisfaction_index", *share)], good)


def test_r20_grade_edges() -> None:
    for index, grade, state in ((80.0, "Tốt", MET), (79.99, "Khá", MISSED)):
        total = {"grade_status": "graded", "grade": grade, "share": index, "grading_index": index}
        found = standing("grade", replace(EMPTY, total=total))
        assert (found.state, found.gap) == (state, round(80 - index, 2))
        assert not found.threshold_known and found.provenance == "assumed" and found.threshold_note
    assert standing("grade", best()).state == MET and standing("grade", best(), JUNE).state == ON_TRACK
    assert standing("grade", best((1, 100), 0.1), JUNE).state == AT_RISK
    assert standing("grade", year([])).gap_code == "not_graded"
    with pytest.raises(KeyError):
        standing("grade", best(), notice=changed("grade", value="Tuyệt vời"))


def lines(**lost: float | None) -> dict[str, dict[str, Any]]:
    nan = float("nan")
    status = {True: "no_data", False: "scored"}
    return {code: {"lost": nan if points is None else points, "status": status[points is None]} for code, points in lost.items()}


GRADED = {"grade_status": "graded", "share": 70.0}


@pytest.mark.parametrize(
    ("now", "state", "value", "gap_code", "details"),
    [
        ({"a": 0.0, "b": 0.0, "c": 2.0}, MET, 0, "enough", ()),
        ({"a": 0.01, "b": 0.0, "c": 0.0}, MISSED, 1, "unremedied", ("a",)),
        ({"a": 0.5, "b": None, "c": 0.0}, MISSED, 1, "unremedied", ("a",)),
        ({"a": 0.0, "b": None, "c": 0.0}, NO_DATA, 0, "not_judged", ("b",)),
        ({"a": 0.0}, MET, 0, "enough", ()),
    ],
)
def test_remedied(now: dict[str, float | None], state: str, value: float, gap_code: str, details: tuple[str, ...]) -> None:
    """Last year a and b lost points; a criterion that this year's set no longer has is no open question."""
    last = Figures({}, lines(a=1.0, b=0.01, c=0.0), GRADED, {})
    found = standing("remedied", Figures({}, lines(**now), GRADED, {}), last=last)
    assert (found.state, found.value, found.gap_code, found.details) == (state, value, gap_code, details)


def test_remedied_before_the_deadline_and_without_last_year() -> None:
    last = Figures({}, lines(a=1.0), GRADED, {})
    assert standing("remedied", Figures({}, lines(a=1.0), GRADED, {}), JUNE, last=last).state == AT_RISK
    assert standing("remedied", Figures({}, lines(a=0.0), GRADED, {}), JUNE, last=last).state == ON_TRACK
    for missing in (None, EMPTY, Figures({}, lines(a=1.0), {"grade_status": "insufficient_data", "share": 3.0}, {})):
        found = standing("remedied", Figures({}, lines(a=1.0), GRADED, {}), JUNE, last=missing)
        assert (found.state, found.gap_code) == (NO_DATA, "no_last_year")
    nothing = {"a": {"lost": float("nan"), "status": "not_applicable"}}
    assert standing("remedied", Figures({}, nothing, GRADED, {}), JUNE, last=last).state == ON_TRACK


@pytest.mark.parametrize(
    ("now", "state", "code"),
    [((81, 100), MET, "higher"), ((80, 100), MISSED, "not_higher"), ((160, 200), MISSED, "not_higher"), ((79, 100), MISSED, "not_higher")],
)  # fmt: skip
def test_improved(now: tuple[int, int], state: str, code: str) -> None:
    last = Figures({"satisfaction_index": (80, 100)}, {}, {}, {})
    found = standing("better_satisfaction", year([("satisfaction_index", *now)]), last=last)
    assert (found.state, found.gap_code, found.before) == (state, code, 0.8)
    assert standing("better_satisfaction", year([("satisfaction_index", *now)])).gap_code == "no_last_year"
    assert standing("better_satisfaction", year([]), last=last).gap_code == "no_measure"


def test_improved_index_needs_two_graded_years() -> None:
    now, last = Figures({}, {}, GRADED, {}), Figures({}, {}, GRADED | {"share": 69.99}, {})
    assert standing("better_index", now, last=last).state == MET
    assert standing("better_index", now, JUNE, last=now).state == AT_RISK
    assert standing("better_index", now, last=EMPTY).gap_code == "no_last_year"
    assert standing("better_index", EMPTY, last=last).gap_code == "no_measure"


# --- every row --------------------------------------------------------------------------------------------------------


def test_every_row_says_where_it_comes_from() -> None:
    rows = notice_states(load_notice(), law(), year([]), JUNE)
    assert [r.item.code for r in rows] == [c.code for c in load_notice().commitments]
    assert {r.state for r in rows} == {NO_DATA}
    assert {r.item.paragraph for r in rows} == set("1234567")
    assert {r.days_left for r in rows} == {199}
    assert {r.item.code for r in rows if not r.threshold_known} == {"online", "postal", "payment", "grade"}
    weak = {r.item.code for r in rows if r.provenance != "official"}
    assert {"online", "postal", "payment", "grade", "remedied", "named_again", "better_index"} <= weak
    assert {"satisfaction", "overdue", "officer_reviews", "initiative"} & weak == set()


def test_items_and_words() -> None:
    chosen: list[Commitment] = [c for c in load_notice().commitments if c.code == "overdue"]
    assert [r.item.code for r in notice_states(load_notice(), law(), EMPTY, JUNE, items=chosen)] == ["overdue"]
    assert set(STATE_LABELS) == set(paces.STATES) and {"no_measure", "lacking", "clean"} <= GAP_CODES
