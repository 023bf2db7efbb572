"""Before its deadline a commitment is on track or at risk, at its deadline met or missed: the rules, one function per pace.

Every function takes what is known; that a figure is missing (no_data) is settled before. `due`: from the deadline's day on.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Final

from scoring.recover import as_fraction

MET: Final = "met"
ON_TRACK: Final = "on_track"
AT_RISK: Final = "at_risk"
MISSED: Final = "missed"
NO_DATA: Final = "no_data"
STATES: Final = (MET, ON_TRACK, AT_RISK, MISSED, NO_DATA)


def rate_state(holds: bool, due: bool, impossible: bool = False) -> str:
    """A figure judged at the deadline. impossible: it can be proven that nothing brings it back."""
    if due:
        return MET if holds else MISSED
    if holds:
        return ON_TRACK
    return MISSED if impossible else AT_RISK


def expected_by_now(threshold: float, elapsed: Fraction) -> int:
    """What a growing count should have reached: the threshold times the share of the time gone (0..1), rounded down."""
    return int(as_fraction(threshold) * elapsed // 1)


def cumulative_state(value: float, threshold: float, elapsed: Fraction, due: bool) -> str:
    """A growing count: met as soon as it is reached."""
    if value >= threshold:
        return MET
    if due:
        return MISSED
    return ON_TRACK if value >= expected_by_now(threshold, elapsed) else AT_RISK


def every_state(holds: bool, broken: bool, recoverable: bool, due: bool) -> str:
    """No period may lack it. broken: one that is over lacks it; recoverable: that one can still be made good."""
    if due:
        return MET if holds else MISSED
    if not broken:
        return ON_TRACK
    return AT_RISK if recoverable else MISSED


def declared_state(yes: bool, proven: bool, due: bool) -> str:
    """A yes without evidence stays at risk, at the deadline too: it is neither shown to be met nor to be missed."""
    if not yes:
        return MISSED if due else AT_RISK
    if not proven:
        return AT_RISK
    return MET if due else ON_TRACK
