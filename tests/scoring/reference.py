"""The score a second time, in plain Python with exact fractions, written from the descriptions of the rule families.

Nothing here is taken from scoring/: it reads the very content of a set (as its YAML says it) and rows of inputs, and
gives statuses, points, totals, grades and ranks. Units of points are whole 10**-decimals. Slow and simple on purpose.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from math import floor
from typing import Any

Inputs = Mapping[str, Any]


def exact(number: Any) -> Fraction:
    """A decimal as it is written: 0.1 is one tenth."""
    return Fraction(str(number))


def half_up(value: Fraction, decimals: int = 0) -> int:
    """Whole units of 10**-decimals; a half goes away from zero."""
    scaled = value * 10**decimals
    size = floor(abs(scaled) + Fraction(1, 2))
    return size if scaled >= 0 else -size


def _holds(left: Fraction, op: str, right: Fraction) -> bool:
    return {">=": left >= right, ">": left > right, "<=": left <= right, "<": left < right, "==": left == right}[op]


def points(family: str, x: Any, top: Fraction, params: Inputs) -> Fraction | None:
    """Unrounded points of one value (a Fraction, None when unknown; a dict of them for a compound rule)."""

    def get(name: str, default: Any = None) -> Fraction:
        return exact(params.get(name, default))

    if family == "compound_steps":
        if any(v is None for v in x.values()):
            return None
        for level in params["levels"]:
            if all(_holds(x[c["input"]], c["op"], exact(c["value"])) for c in level["all"]):
                return exact(level["points"])
        return get("otherwise", 0)
    if x is None:
        return None
    if family == "yes_no":  # full points or nothing
        return top if x >= get("at_least", 1) else Fraction(0)
    if family == "per_item":  # so much for each item, not beyond the maximum
        return min(top, max(Fraction(0), x * get("per_item")))
    if family == "breach":  # none: all; light: a share; serious: nothing
        if x <= 0:
            return top
        return top * get("light_share", "0.5") if x <= 1 else Fraction(0)
    if family == "graded_share":  # the level's share of the maximum
        if x != floor(x) or not 0 <= x < len(params["shares"]):
            return None
        return top * exact(params["shares"][int(x)])
    if family in ("capped_ratio", "survey_index"):  # in proportion up to the target, then full
        return top * min(Fraction(1), max(Fraction(0), x / get("target", 1)))
    if family == "linear":
        return top * min(Fraction(1), max(Fraction(0), x))
    if family == "falling_linear":  # full strictly below one limit, nothing from the other on, a line between
        first, last = get("full_below"), get("zero_at")
        if x < first:
            return top
        return Fraction(0) if x >= last else top * (last - x) / (last - first)
    if family == "steps":
        return next((exact(s["points"]) for s in params["steps"] if x >= exact(s["from"])), get("otherwise", 0))
    if family == "steps_down":
        return next((exact(s["points"]) for s in params["steps"] if x <= exact(s["upto"])), get("otherwise", 0))
    if family == "plan_completion":  # done: full; mostly done: in proportion; else nothing
        if x >= get("full_at", 1):
            return top
        return top * x / get("full_at", 1) if x >= get("ratio_from", "0.8") else Fraction(0)
    if family == "penalty_per_event":
        return max(get("floor", 0), top - get("per_event") * max(x, Fraction(0)))
    if family == "penalty_per_percent":  # so much off for each hundredth
        return max(get("floor", 0), top - get("per_percent") * 100 * max(x, Fraction(0)))
    if family == "bonus_penalty":
        return int(params.get("sign", 1)) * min(top, max(Fraction(0), x * get("per_event")))
    raise KeyError(family)


@dataclass
class Cell:
    """One criterion of one subject. `units` is None where there are no points."""

    status: str
    units: int | None = None


@dataclass
class Total:
    """One subject. Everything in whole units; None where there is nothing."""

    total: int | None
    bonus: int
    max_scored: int
    max_total: int
    share: int | None
    index: int | None
    grade: str | None
    rank: int | None = None
    peers: int = 0


def _version(entry: Inputs, day: date) -> Inputs | None:
    past = [v for v in entry["versions"] if v["in_force_from"] <= day]
    return max(past, key=lambda v: v["in_force_from"]) if past else None


def in_force(content: Inputs, day: date) -> dict[str, tuple[Inputs, Inputs | None]]:
    """Code -> (entry, version); the version is None before its day; a repealed criterion is not there at all."""
    found = {}
    for code, entry in content["criteria"].items():
        version = _version(entry, day)
        if version is None or version.get("rule") is not None:
            found[code] = (entry, version)
    return found


def cell(content: Inputs, entry: Inputs, version: Inputs | None, measured: Inputs, declared: Inputs | None) -> Cell:
    """measured: measure -> (numerator, denominator, unknown rows), whole numbers or None. declared: value, points, state."""
    if version is None:
        return Cell("not_yet_in_force")
    decimals = content["set"]["rounding"]["decimals"]
    nothing = Cell("not_applicable" if entry.get("no_data") == "not_applicable" else "no_data")
    ((family, params),) = version["rule"].items()
    top = exact(version["max_points"])

    def awarded(value: Any, status: str = "scored") -> Cell:
        got = points(family, value, top, params or {})
        return nothing if got is None else Cell(status, half_up(got, decimals))

    if "inputs" in entry and "declared" not in entry:
        return awarded({name: _ratio(measured.get(m), counts=True) for name, m in entry["inputs"].items()})
    if "declared" in entry:
        values = {name: _ratio(measured.get(m), counts=True) for name, m in entry.get("inputs", {}).items()}
        return _declared_cell(entry, declared, nothing, awarded, values, top, decimals)
    row = measured.get(entry["measure"])
    if row is None or row[0] is None:
        return nothing
    n, d, unknown = row
    if "out_of" in entry:
        d = entry["out_of"] if d is None else d
    elif content["measures"][entry["measure"]]["unit"] == "count":
        return awarded(Fraction(n))
    if d is None:
        return nothing
    if d > 0:
        return awarded(Fraction(n) / exact(d))
    if unknown:
        return nothing
    how = entry.get("zero_denominator", "no_data")
    if how in ("full", "zero"):
        return Cell("scored", half_up(top, decimals) if how == "full" else 0)
    return Cell(how)


def _ratio(row: Any, counts: bool) -> Fraction | None:
    """A rate where there is a denominator, the count itself where there is none."""
    if row is None or row[0] is None:
        return None
    n, d, _ = row
    if d is None:
        return Fraction(n) if counts else None
    return Fraction(n, d) if d else None


def _possible(entry: Inputs, value: Fraction) -> bool:
    least, most, whole = {
        "share": (0, 1, False),
        "yes_no": (0, 1, True),
        "count": (0, 10**6, True),
        "days": (-(10**6), 10**6, True),
        "level": (0, max(0, len(entry.get("levels", ())) - 1), True),
    }[entry["declared"]]
    return least <= value <= most and (not whole or value == floor(value))


def _declared_cell(
    entry: Inputs, row: Inputs | None, nothing: Cell, awarded: Any, values: dict[str, Any], top: Fraction, decimals: int
) -> Cell:
    if row is None:
        return nothing
    if row["state"] == "not_applicable":
        return Cell("not_applicable")
    status = "scored" if row["state"] in ("evidenced", "appraised") else "needs_review"
    if row["value"] is not None:
        value = exact(row["value"])
        if not _possible(entry, value):
            return Cell("needs_review")
        return awarded(values | {"declared": value} if "inputs" in entry else value, status)
    if row["points"] is None:
        return nothing
    claimed = exact(row["points"])
    held = min(top, max(Fraction(0), claimed))
    if entry.get("kind") == "penalty":
        held = -min(top, abs(claimed))
    return Cell(status, half_up(held, decimals))


def total(content: Inputs, listed: Mapping[str, tuple[Inputs, Inputs | None]], cells: Mapping[str, Cell]) -> Total:
    """Sums of what is scored; bonus and penalty together within the limit; the index of what is scored; the grade."""
    head = content["set"]
    decimals = head["rounding"]["decimals"]
    base = outside = scored = whole = 0
    for code, (entry, version) in listed.items():
        if version is None:
            continue
        units = cells[code].units
        if entry.get("kind", "base") != "base":
            outside += units or 0
            continue
        top = half_up(exact(version["max_points"]), decimals)
        whole += top
        if units is not None:
            base, scored = base + units, scored + top
    limit = half_up(exact(head["bonus"]["limit"]), decimals)
    bonus = max(-limit, min(limit, outside))
    if not scored:
        return Total(None, bonus, scored, whole, None, None, None)
    ratio = Fraction(base + bonus, scored)
    index = half_up(exact(head["grading"].get("scale", 100)) * ratio, decimals)
    grade = None
    if Fraction(scored) >= exact(head["grading"]["min_scored_share"]) * whole:
        where = Fraction(index, 10**decimals)
        for band in head["grade_bands"][0]["bands"]:
            above = band["from"] is None or where >= exact(band["from"])
            if above and (band["below"] is None or where < exact(band["below"])):
                grade = band["grade"]
                break
    return Total(base + bonus, bonus, scored, whole, half_up(100 * ratio, decimals), index, grade)


def rank(content: Inputs, totals: Mapping[str, Total]) -> None:
    """1, 2, 2, 4 among the subjects, or among those of one commune (the part of the name before the bar)."""
    ranking = content["set"]["ranking"]
    within = ranking.get("within", "all") == "commune"

    def height(t: Total) -> int | None:
        return t.share if ranking["basis"] == "share" else t.total

    def group(name: str) -> str:
        return name.split("|")[0] if within else ""

    for name, mine in totals.items():
        others = [height(t) for n, t in totals.items() if group(n) == group(name)]
        heights = [h for h in others if h is not None]
        own = height(mine)
        mine.peers = len(heights)
        mine.rank = None if own is None else 1 + sum(h > own for h in heights)


def score(
    content: Inputs, day: date, subjects: Sequence[str], measured: Mapping[str, Inputs], declared: Mapping[str, Inputs]
) -> tuple[dict[tuple[str, str], Cell], dict[str, Total]]:
    """All subjects: (subject, code) -> cell and subject -> total. measured and declared are by subject."""
    listed = in_force(content, day)
    cells: dict[tuple[str, str], Cell] = {}
    totals = {}
    for name in subjects:
        mine = {
            code: cell(content, entry, version, measured.get(name, {}), declared.get(name, {}).get(code))
            for code, (entry, version) in listed.items()
        }
        cells |= {(name, code): c for code, c in mine.items()}
        totals[name] = total(content, listed, mine)
    rank(content, totals)
    return cells, totals
