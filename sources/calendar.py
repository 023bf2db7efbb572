"""The working-day calendar: the `holidays` library for Viet Nam, plus dated overrides with their source.

Working days are Monday to Friday without public holidays, plus the Saturdays that make up for a swapped day.
Nothing here depends on today: an old date gives the same answer whenever it is asked, and `version` names the
exact calendar that a result used.
"""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import yaml

OVERRIDES: Final = Path(__file__).with_name("calendar_overrides.yaml")
FIRST_YEAR: Final = 2000
LAST_YEAR: Final = 2060
_PROVENANCE: Final = ("official", "reconstructed", "assumed")


class CalendarError(ValueError):
    """The override file is wrong, or a date lies outside the calendar; the message says which."""


@dataclass(frozen=True, slots=True)
class Override:
    """One corrected day. `expect` is what the library says about it, so that a stale one is noticed."""

    day: date
    working: bool
    expect: bool
    reason: str
    source: str
    provenance: str


class WorkCalendar:
    """Which days an office works, from FIRST_YEAR to LAST_YEAR. Units: calendar days in, working days out."""

    def __init__(self, base: Mapping[date, bool], overrides: tuple[Override, ...], decided_until: date, library: str):
        corrected = dict(base)
        for override in overrides:
            if override.day not in corrected:
                raise CalendarError(f"override {override.day} lies outside {FIRST_YEAR}-{LAST_YEAR}")
            corrected[override.day] = override.working
        self._base = base
        self._working = sorted(day for day, works in corrected.items() if works)
        self._is_working = corrected
        self.overrides = overrides
        self.decided_until = decided_until
        payload = json.dumps([library, str(decided_until), [str(day) for day in self._working]])
        self.version: str = hashlib.sha256(payload.encode()).hexdigest()[:16]

    @classmethod
    @lru_cache(maxsize=4)
    def load(cls, path: Path = OVERRIDES) -> WorkCalendar:
        """Return the calendar with the overrides of `path`. Raises: CalendarError on a malformed file."""
        import holidays  # a sixth of a second to import, so only when a calendar is wanted
        from holidays.version import __version__ as library_version

        library = holidays.country_holidays("VN", years=range(FIRST_YEAR - 1, LAST_YEAR + 2))
        first, last = date(FIRST_YEAR, 1, 1), date(LAST_YEAR, 12, 31)
        days = (first + timedelta(days=n) for n in range((last - first).days + 1))
        base = {day: bool(library.is_working_day(day)) for day in days}
        overrides, decided_until = _read(path)
        return cls(base, overrides, decided_until, f"holidays {library_version}")

    def is_working(self, day: date) -> bool:
        """Return whether offices work on that day. Raises: CalendarError outside the calendar."""
        try:
            return self._is_working[day]
        except KeyError:
            raise CalendarError(f"{day} lies outside the calendar {FIRST_YEAR}-{LAST_YEAR}") from None

    def working_days(self, first: date, last: date) -> list[date]:
        """Return the working days from `first` to `last`, both included; empty when `last` comes first."""
        self.is_working(first)
        self.is_working(last)
        return self._working[bisect_left(self._working, first) : bisect_right(self._working, last)]

    def add_working_days(self, day: date, count: int) -> date:
        """Return the day that lies `count` working days after `day` (before it when negative).

        The day itself is not counted: one working day after a Friday is Monday. With 0 it is the day itself,
        or the next working day when nobody works on it.
        """
        self.is_working(day)
        if count > 0:
            index = bisect_right(self._working, day) + count - 1
        else:
            index = bisect_left(self._working, day) + count
        if not 0 <= index < len(self._working):
            raise CalendarError(f"{count} working days from {day} leave the calendar {FIRST_YEAR}-{LAST_YEAR}")
        return self._working[index]

    def stale_overrides(self) -> list[Override]:
        """Return the overrides whose `expect` is no longer what the library says: the library has changed."""
        return [o for o in self.overrides if self._base[o.day] != o.expect]


def _read(path: Path) -> tuple[tuple[Override, ...], date]:
    """Return the overrides and `decided_until` of a file. Raises: CalendarError naming file and entry."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    entry: Any = None
    try:
        data = yaml.load(path.read_text(encoding="utf-8"), Loader=loader)
        overrides: dict[date, Override] = {}
        for entry in data["overrides"] or []:
            override = Override(**entry)
            if type(override.day) is not date or override.day in overrides:
                raise ValueError("`day` must be a date and occur once")
            if not isinstance(override.working, bool) or not isinstance(override.expect, bool):
                raise ValueError("`working` and `expect` must be true or false")
            if override.provenance not in _PROVENANCE or not override.source:
                raise ValueError(f"a source is needed, and a provenance of {', '.join(_PROVENANCE)}")
            overrides[override.day] = override
        entry = None
        decided_until = data["decided_until"]
        if type(decided_until) is not date:
            raise ValueError("`decided_until` must be a date")
    except (OSError, UnicodeDecodeError, yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        where = f"{path}: {entry}: " if entry else f"{path}: "
        raise CalendarError(f"{where}{type(error).__name__} {error}") from error
    return tuple(overrides.values()), decided_until
