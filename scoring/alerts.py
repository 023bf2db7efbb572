"""When a figure over its threshold becomes an alert, and when that alert is over. Pure; docs/alerts.md has the picture.

An episode of one rule, unit and subject: pending → open → resolved, or pending → dropped. It opens at most once and ends at most
once; what comes after its end is another episode.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any, Final

from scoring.recover import as_fraction

#: What is seen of a figure. between: neither over the threshold nor far enough on its good side. unknown: no data; it neither
#: opens nor ends anything. over: what the episode was about is no more, which ends it at once.
BREACHED: Final = "breached"
BETWEEN: Final = "between"
CLEAR: Final = "clear"
UNKNOWN: Final = "unknown"
OVER: Final = "over"
FIGURES: Final = (BREACHED, BETWEEN, CLEAR, UNKNOWN, OVER)

PENDING: Final = "pending"
OPEN: Final = "open"
RESOLVED: Final = "resolved"
DROPPED: Final = "dropped"
#: Ways in which an episode ends when the figure itself ends it; `OVER` brings its own.
CLEARED: Final = "cleared"
NOT_FOR_LONG: Final = "not_for_long"

_BREACHES: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    ">=": operator.ge, ">": operator.gt, "<=": operator.le, "<": operator.lt,
}  # fmt: skip


@dataclass(frozen=True)
class Timing:
    """How long it must be so before it opens and before it ends; how long after its end the next one can't open."""

    lasts: timedelta = timedelta(0)
    clear_for: timedelta = timedelta(0)
    cool_down: timedelta = timedelta(0)


@dataclass(frozen=True)
class Observation:
    """What is seen of one rule, unit and subject. value and threshold: in the rule's unit, None where there is none.

    owner: who acts, where it is not the rule's. ends: why, for the figure `over`.
    """

    rule: str
    unit_id: str
    subject: str
    figure: str
    value: float | None = None
    threshold: float | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)
    owner: str | None = None
    ends: str = CLEARED


@dataclass(frozen=True)
class Episode:
    """One episode. Times are those as of which it was seen, not those of the clock."""

    state: str
    breached_at: datetime
    last_breached_at: datetime
    clear_since: datetime | None = None
    opened_at: datetime | None = None
    resolved_at: datetime | None = None
    resolution: str | None = None

    @property
    def live(self) -> bool:
        return self.state in (PENDING, OPEN)


@dataclass(frozen=True)
class Track:
    """What is remembered of a rule, unit and subject: the live episode, when the last open one ended, and until when it was
    looked at."""

    live: Episode | None = None
    ended_at: datetime | None = None
    evaluated_at: datetime | None = None

    def after(self, episode: Episode | None, moment: datetime) -> Track:
        """Return the track once an episode has been stepped to a moment."""
        seen = moment if self.evaluated_at is None else max(moment, self.evaluated_at)
        if episode is None or episode.live:
            return Track(episode, self.ended_at, seen)
        return Track(None, episode.resolved_at if episode.state == RESOLVED else self.ended_at, seen)


def figure(value: float | None, threshold: float | None, breached: str = ">=", margin: float = 0.0) -> str:
    """Return what is seen of a value: exactly at the threshold the operator decides, as the numbers were written.

    margin: how far on the good side it must be to be clear, exactly at the margin included.
    """
    if value is None or threshold is None or value != value:
        return UNKNOWN
    exact, edge = as_fraction(value), as_fraction(threshold)
    if _BREACHES[breached](exact, edge):
        return BREACHED
    away: Fraction = edge - exact if breached in (">=", ">") else exact - edge
    return CLEAR if away >= as_fraction(margin) else BETWEEN


def too_late(track: Track, moment: datetime) -> bool:
    """Whether something newer was seen already: what is seen as of an older moment must not undo it."""
    return track.evaluated_at is not None and moment < track.evaluated_at


def step(track: Track, seen: str, moment: datetime, timing: Timing, ends: str = CLEARED) -> Episode | None:
    """Return the episode after a figure was seen as of a moment: None when there is none; ended ones once, as they end.

    The same figure seen again at the same moment changes nothing; one of an older moment than the last neither.
    """
    episode = track.live
    if seen == UNKNOWN or too_late(track, moment):
        return episode
    if episode is None:
        if seen != BREACHED:
            return None
        episode = Episode(PENDING, breached_at=moment, last_breached_at=moment)
    if seen == BREACHED:
        return _breached(episode, track.ended_at, moment, timing)
    if episode.state == PENDING:
        return replace(episode, state=DROPPED, resolved_at=moment, resolution=ends if seen == OVER else NOT_FOR_LONG)
    if seen == BETWEEN:
        return replace(episode, clear_since=None)
    since = episode.clear_since or moment
    if seen == OVER or moment - since >= timing.clear_for:
        return replace(episode, state=RESOLVED, clear_since=since, resolved_at=moment, resolution=ends)
    return replace(episode, clear_since=since)


def _breached(episode: Episode, ended_at: datetime | None, moment: datetime, timing: Timing) -> Episode:
    episode = replace(episode, last_breached_at=moment, clear_since=None)
    if episode.state == OPEN:
        return episode
    rested = ended_at is None or moment - ended_at >= timing.cool_down
    if rested and moment - episode.breached_at >= timing.lasts:
        return replace(episode, state=OPEN, opened_at=moment)
    return episode
