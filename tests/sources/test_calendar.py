"""The working-day calendar against a table written by hand, and its arithmetic against a day-by-day count."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sources.calendar import FIRST_YEAR, LAST_YEAR, CalendarError, WorkCalendar

CALENDAR = WorkCalendar.load()


def days(first: str, last: str) -> list[date]:
    start, end = date.fromisoformat(first), date.fromisoformat(last)
    return [start + timedelta(days=n) for n in range((end - start).days + 1)]


# Every break, from the last working day before it to the first after it: (last day at work, first day back).
BREAKS = [
    # New Year
    ("2021-12-31", "2022-01-04"),
    ("2022-12-30", "2023-01-03"),
    ("2023-12-29", "2024-01-02"),
    ("2024-12-31", "2025-01-02"),
    ("2025-12-31", "2026-01-05"),  # 2 January 2026 is swapped with Saturday 10 January
    # Tết
    ("2022-01-28", "2022-02-07"),
    ("2023-01-19", "2023-01-27"),
    ("2024-02-07", "2024-02-15"),
    ("2025-01-24", "2025-02-03"),
    ("2026-02-13", "2026-02-23"),
    # Hùng Kings
    ("2022-04-08", "2022-04-12"),
    ("2024-04-17", "2024-04-19"),
    ("2025-04-04", "2025-04-08"),
    ("2026-04-24", "2026-04-28"),
    # 30 April and 1 May (2023: with Hùng Kings)
    ("2022-04-29", "2022-05-04"),
    ("2023-04-28", "2023-05-04"),
    ("2024-04-26", "2024-05-02"),
    ("2025-04-29", "2025-05-05"),
    ("2026-04-29", "2026-05-04"),
    # National Day
    ("2022-08-31", "2022-09-05"),
    ("2023-08-31", "2023-09-05"),
    ("2024-08-30", "2024-09-04"),
    ("2025-08-29", "2025-09-03"),
    ("2026-08-28", "2026-09-03"),
    # Viet Nam Culture Day, from 2026
    ("2026-11-23", "2026-11-25"),
]


@pytest.mark.parametrize(("last_at_work", "first_back"), BREAKS)
def test_r21_breaks(last_at_work: str, first_back: str) -> None:
    first, *off, last = days(last_at_work, first_back)
    assert CALENDAR.is_working(first) and CALENDAR.is_working(last)
    assert not [day for day in off if CALENDAR.is_working(day)]
    assert CALENDAR.add_working_days(first, 1) == last
    assert CALENDAR.add_working_days(last, -1) == first


SATURDAYS_AT_WORK = ["2019-01-05", "2019-05-04", "2024-05-04", "2025-04-26", "2026-01-10", "2026-08-22"]


@pytest.mark.parametrize("day", SATURDAYS_AT_WORK)
def test_r21_swapped_saturdays_are_working_days(day: str) -> None:
    saturday = date.fromisoformat(day)
    assert saturday.weekday() == 5 and CALENDAR.is_working(saturday)
    assert not CALENDAR.is_working(saturday + timedelta(days=1))


def test_r21_no_other_weekend_day_is_a_working_day() -> None:
    weekend = [d for d in CALENDAR.working_days(date(2019, 1, 1), date(2026, 12, 31)) if d.weekday() >= 5]
    assert [d.isoformat() for d in weekend] == SATURDAYS_AT_WORK


def test_r21_every_day_of_five_years() -> None:
    """A table of 1,826 rows that follows from the two lists above and nothing else."""
    off = {day for last_at_work, first_back in BREAKS for day in days(last_at_work, first_back)[1:-1]}
    at_work = {date.fromisoformat(day) for day in SATURDAYS_AT_WORK}
    wrong = [
        day
        for day in days("2022-01-01", "2026-12-31")
        if CALENDAR.is_working(day) != (day in at_work or (day.weekday() < 5 and day not in off))
    ]
    assert wrong == []


# Working days of each year: weekdays minus the weekdays off in BREAKS plus swapped Saturdays, counted by hand.
@pytest.mark.parametrize(("year", "count"), [(2022, 249), (2023, 249), (2024, 251), (2025, 250), (2026, 249)])
def test_r21_working_days_of_a_year(year: int, count: int) -> None:
    found = CALENDAR.working_days(date(year, 1, 1), date(year, 12, 31))
    weekdays = sum(day.weekday() < 5 for day in days(f"{year}-01-01", f"{year}-12-31"))
    saturdays = sum(day.startswith(str(year)) for day in SATURDAYS_AT_WORK)
    off = {
        day
        for last_at_work, first_back in BREAKS
        for day in days(last_at_work, first_back)[1:-1]
        if day.year == year and day.weekday() < 5
    }
    assert len(found) == weekdays - len(off) + saturdays == count


@pytest.mark.parametrize(
    ("start", "count", "end"),
    [
        ("2024-02-28", 1, "2024-02-29"),  # leap day
        ("2024-02-29", 1, "2024-03-01"),
        ("2023-02-28", 1, "2023-03-01"),
        ("2023-12-29", 1, "2024-01-02"),  # year end
        ("2023-01-18", 5, "2023-02-01"),  # across Tết: 19, 27, 30, 31 January, 1 February
        ("2023-06-02", 1, "2023-06-05"),  # Friday
        ("2023-06-03", 1, "2023-06-05"),  # Saturday
        ("2023-06-03", 0, "2023-06-05"),
        ("2023-06-05", 0, "2023-06-05"),
        ("2024-05-03", 1, "2024-05-04"),  # into a swapped Saturday
        ("2024-05-04", 1, "2024-05-06"),
        ("2026-01-09", 1, "2026-01-10"),
        ("2023-06-05", -1, "2023-06-02"),
        ("2023-06-04", -1, "2023-06-02"),
        ("2023-01-27", -2, "2023-01-18"),
    ],
)
def test_r21_add_working_days(start: str, count: int, end: str) -> None:
    assert CALENDAR.add_working_days(date.fromisoformat(start), count) == date.fromisoformat(end)


@given(st.dates(date(2010, 1, 1), date(2040, 1, 1)), st.integers(-300, 300).filter(bool))
def test_adding_is_counting_day_by_day(start: date, count: int) -> None:
    end = CALENDAR.add_working_days(start, count)
    between = CALENDAR.working_days(min(start, end), max(start, end))
    assert CALENDAR.is_working(end)
    assert len([day for day in between if day != start]) == abs(count)


@given(st.dates(date(2010, 1, 1), date(2040, 1, 1)), st.integers(-30, 400))
def test_working_days_are_the_days_that_are_working(start: date, length: int) -> None:
    end = start + timedelta(days=length)
    every = [start + timedelta(days=n) for n in range(length + 1)]
    assert CALENDAR.working_days(start, end) == [day for day in every if CALENDAR.is_working(day)]


def test_outside_the_calendar_is_said() -> None:
    with pytest.raises(CalendarError, match="1900-01-01 lies outside"):
        CALENDAR.is_working(date(FIRST_YEAR - 100, 1, 1))
    with pytest.raises(CalendarError, match="leave the calendar"):
        CALENDAR.add_working_days(date(LAST_YEAR, 12, 31), 1)
    with pytest.raises(CalendarError, match="leave the calendar"):
        CALENDAR.add_working_days(date(FIRST_YEAR, 1, 1), -1)


def test_overrides_are_still_needed() -> None:
    assert CALENDAR.stale_overrides() == [], "the holiday library has been corrected: drop these overrides"
    assert CALENDAR.decided_until == date(2026, 12, 31)


ENTRY = "{day: 2027-01-04, working: false, expect: true, reason: r, source: s, provenance: official}"


def write(folder: Path, overrides: str, decided: str = "2026-12-31") -> Path:
    path = folder / "calendar_overrides.yaml"
    path.write_text(f"decided_until: {decided}\noverrides: [{overrides}]\n", encoding="utf-8")
    return path


def test_an_override_changes_the_day_and_the_version(tmp_path: Path) -> None:
    changed = WorkCalendar.load(write(tmp_path, ENTRY))
    assert CALENDAR.is_working(date(2027, 1, 4)) and not changed.is_working(date(2027, 1, 4))
    assert changed.version != CALENDAR.version
    assert WorkCalendar.load().version == CALENDAR.version


def test_a_stale_override_is_noticed(tmp_path: Path) -> None:
    stale = WorkCalendar.load(write(tmp_path, ENTRY.replace("expect: true", "expect: false")))
    assert [override.day for override in stale.stale_overrides()] == [date(2027, 1, 4)]


@pytest.mark.parametrize(
    ("overrides", "decided", "message"),
    [
        (ENTRY + ", " + ENTRY, "2026-12-31", "occur once"),
        (ENTRY.replace("2027-01-04", "soon"), "2026-12-31", "must be a date"),
        (ENTRY.replace("working: false", "working: maybe"), "2026-12-31", "true or false"),
        (ENTRY.replace("official", "rumour"), "2026-12-31", "provenance"),
        (ENTRY.replace("source: s, ", ""), "2026-12-31", "source"),
        (ENTRY.replace("2027-01-04", "1927-01-04"), "2026-12-31", "outside"),
        (ENTRY, "later", "decided_until"),
    ],
)
def test_a_wrong_override_file_says_what_is_wrong(tmp_path: Path, overrides: str, decided: str, message: str) -> None:
    with pytest.raises(CalendarError, match=message):
        WorkCalendar.load(write(tmp_path, overrides, decided))
