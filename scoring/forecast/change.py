"""Why a forecast moved since an earlier one: time that went by, facts that came in, rules that changed. Sums exactly."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Change:
    """Medians and the parts of their difference, in whole hundredths: before + elapsed + new_facts + rules = after."""

    before: int
    after: int
    elapsed: int
    new_facts: int
    rules: int


def split(before: int, later: int, today: int, old_rules: int | None = None) -> Change:
    """Medians of four forecasts under the same seed, each with one thing more of today's.

    before: the earlier one. later: its facts, looked at today. old_rules: today's facts under its rules; left out where the
    rules are the same. today: today's. Units: hundredths.
    """
    facts = today if old_rules is None else old_rules
    return Change(before, today, elapsed=later - before, new_facts=facts - later, rules=today - facts)
