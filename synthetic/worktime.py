"""Office hours as one straight axis: eight working hours a day, holidays and weekends cut out. Local time, whole seconds."""

from __future__ import annotations

import datetime as dt
from functools import lru_cache

import numpy as np

from sources.calendar import WorkCalendar

DAY = 86_400
WORKDAY = 28_800  # 7:00–11:30 and 13:30–17:00
_MORNING = 16_200
_OPEN, _AFTERNOON, _CLOSE = 25_200, 48_600, 61_200
_EPOCH = dt.date(1970, 1, 1)


class WorkClock:
    """Turns local seconds into working seconds and back, for many timestamps at once.

    Units: local seconds = seconds since 1970-01-01 00:00 on the wall clock of the commune; working seconds =
    position of the working day × 28,800 + seconds of office time since it opened.
    """

    def __init__(self, first: dt.date, last: dt.date) -> None:
        days = WorkCalendar.load().working_days(first, last)
        self.days = np.array([(d - _EPOCH).days for d in days], dtype=np.int64)

    def to_local(self, work: np.ndarray) -> np.ndarray:
        """Local seconds of working seconds."""
        index, offset = np.divmod(work.astype(np.int64), WORKDAY)
        index = np.minimum(index, len(self.days) - 1)
        clock = np.where(offset < _MORNING, _OPEN + offset, _AFTERNOON + offset - _MORNING)
        return self.days[index] * DAY + clock

    def to_work(self, local: np.ndarray) -> np.ndarray:
        """Working seconds of local seconds; outside office hours it is the next moment the office is open."""
        day, clock = np.divmod(local.astype(np.int64), DAY)
        index = np.minimum(np.searchsorted(self.days, day), len(self.days) - 1)
        morning = np.clip(clock - _OPEN, 0, _MORNING)
        afternoon = np.clip(clock - _AFTERNOON, 0, WORKDAY - _MORNING)
        offset = np.where(self.days[index] == day, morning + afternoon, 0)
        return index * WORKDAY + offset

    def positions(self, first: dt.date, last: dt.date) -> np.ndarray:
        """Positions of the working days between two dates, both included."""
        low, high = (first - _EPOCH).days, (last - _EPOCH).days
        return np.arange(np.searchsorted(self.days, low), np.searchsorted(self.days, high, side="right"))

    def tet(self, year: int) -> int:
        """Position of the first working day after the lunar new year break of a year."""
        spring = self.positions(dt.date(year, 1, 10), dt.date(year, 3, 10))
        gaps = np.diff(self.days[spring])
        return int(spring[int(np.argmax(gaps)) + 1])


@lru_cache(maxsize=8)
def work_clock(first_year: int, last_year: int) -> WorkClock:
    """The clock that covers some years and a margin of one year before and two after."""
    return WorkClock(dt.date(first_year - 1, 1, 1), dt.date(last_year + 2, 12, 31))


def day_number(day: dt.date) -> int:
    """Days since 1970-01-01."""
    return (day - _EPOCH).days


def to_datetime64(local: np.ndarray, missing: np.ndarray | None = None) -> np.ndarray:
    """Naive local timestamps, to the second; where `missing` holds there is none."""
    out = local.astype("datetime64[s]")
    if missing is not None:
        out = np.where(missing, np.datetime64("NaT", "s"), out)
    return out
