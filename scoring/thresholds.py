"""Where a unit stands on each commitment of a notice on one day, with the gap in whole cases.

States and their rules: `scoring.paces`, docs/commitments.md. A state compares figures so far with the commitment as it is
written; it is not a forecast. Missing is a state (no_data), never 0.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from fractions import Fraction
from typing import Any, Final

import pandas as pd

from criteria.model import PROVENANCES, Measure, ResolvedSet
from criteria.registers import Commitment, Notice
from scoring import paces
from scoring.engine import Scores
from scoring.recover import IMPOSSIBLE, budget, dilution, needed_existing, needed_new

_OPS: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    ">=": operator.ge,
    ">": operator.gt,
    "<=": operator.le,
    "<": operator.lt,
    "==": operator.eq,
}
_LIMITS: Final = ("<=", "<")
_PROVEN: Final = ("evidenced", "appraised")


@dataclass(frozen=True)
class Figures:
    """One unit's year so far.

    measures: name → (numerator, denominator or None), only those with data. lines: criterion → its row of the scores.
    total: the unit's row of the totals. declared: code → its row of the declarations.
    """

    measures: Mapping[str, tuple[float, float | None]]
    lines: Mapping[str, Mapping[str, Any]]
    total: Mapping[str, Any]
    declared: Mapping[str, Mapping[str, Any]]

    @property
    def index(self) -> float | None:
        """The index as a share of what was scored (0..1); None unless enough was scored to grade it."""
        graded = self.total.get("grade_status") == "graded"
        return float(self.total["share"]) / 100.0 if graded else None

    def value(self, name: str | None) -> float | None:
        """A count, or numerator / denominator; None without data or with nothing to divide by."""
        numerator, denominator = self.measures.get(str(name), (None, None))
        if numerator is None or denominator is None:
            return numerator
        return numerator / denominator if denominator > 0 else None


@dataclass(frozen=True)
class Period:
    """Of the months, days or tasks that are already over, how many have what every one of them must have."""

    over: float
    kept: float


@dataclass(frozen=True)
class Standing:
    """One commitment of one unit on one day.

    value: share, count, index as a share (grade), change of a share (improved; `before` is last year's) or 1/0 (declared).
    unit: share | count | grade | yes_no | change | criteria.
    gap: whole cases (points for a grade, share for a change), never negative, None where there is nothing to count; gap_code
    says what it counts (messages.commitments). details: codes of the criteria concerned.
    """

    item: Commitment
    state: str
    unit: str
    value: float | None = None
    grade: str | None = None
    before: float | None = None
    numerator: float | None = None
    denominator: float | None = None
    threshold: float | None = None
    threshold_text: str | None = None
    threshold_known: bool = True
    threshold_note: str | None = None
    provenance: str = "assumed"
    gap: float | None = None
    gap_code: str = "none"
    details: tuple[str, ...] = ()
    unit_measure: Measure | None = None
    days_left: int = 0


@dataclass(frozen=True)
class _Case:
    """What judging one commitment needs."""

    item: Commitment
    rules: ResolvedSet
    now: Figures
    last: Figures | None
    periods: Mapping[str, Period]
    measure: Measure | None
    first_day: date
    today: date
    threshold: Any = field(default=None)

    @property
    def due(self) -> bool:
        return self.today >= self.item.deadline


def figures(measures: pd.DataFrame, scores: Scores, declarations: pd.DataFrame, commune: str) -> Figures:
    """One unit's figures out of the frames of a scored question (see scoring.inputs)."""
    own = measures[(measures["commune"] == commune) & measures["numerator"].notna()]
    pairs = zip(own["measure"], own["numerator"], own["denominator"])
    totals = scores.totals[scores.totals["commune"] == commune].to_dict("records")
    lines = scores.criteria[scores.criteria["commune"] == commune].to_dict("records")
    told = declarations[declarations["commune"] == commune].to_dict("records")
    return Figures(
        measures={str(m): (float(n), None if d != d else float(d)) for m, n, d in pairs},
        lines={str(line["code"]): {str(k): v for k, v in line.items()} for line in lines},
        total={str(k): v for row in totals for k, v in row.items()},
        declared={str(row["criterion_code"]): {str(k): v for k, v in row.items()} for row in told},
    )


def notice_states(
    notice: Notice,
    rules: ResolvedSet,
    now: Figures,
    today: date,
    *,
    last: Figures | None = None,
    periods: Mapping[str, Period] | None = None,
    items: Sequence[Commitment] | None = None,
) -> list[Standing]:
    """Where one unit stands on each commitment (of `items`), in the notice's order.

    now: the unit's figures up to `today`, or up to the deadline of those already past it. last: the whole year before.
    periods: by commitment code, for those of pace `every` whose parts the measure alone doesn't tell apart.
    Raises KeyError for a target or a grade that the set does not have on its day.
    """
    found = []
    for item in notice.commitments if items is None else items:
        measure = notice.measures.get(str(item.measure))
        case = _Case(item, rules, now, last, periods or {}, measure, date(notice.year, 1, 1), today)
        found.append(replace(_standing(case), days_left=(item.deadline - today).days, unit_measure=measure))
    return found


def _standing(case: _Case) -> Standing:
    item, rules = case.item, case.rules
    if item.kind == "grade":
        known, note = rules.bands.provenance == "official", rules.bands.note
        basis = _weakest(item.provenance, rules.bands.provenance)
        return replace(_graded(case), threshold_known=known, threshold_note=note, provenance=basis)
    if item.kind == "remedied":
        return replace(_remedied(case), threshold=float(item.value), provenance=_weakest(item.provenance, rules.provenance))
    if item.kind == "improved":
        basis = item.provenance if item.measure else _weakest(item.provenance, rules.provenance)
        return replace(_improved(case), threshold=float(item.value), provenance=basis)
    if item.kind == "declared":
        return replace(_declared(case), threshold=float(item.value), provenance=item.provenance)
    if isinstance(item.value, Mapping):
        target = rules.targets[str(item.value["target"])]
        found = _measured(replace(case, threshold=target.value))
        basis = _weakest(item.provenance, target.provenance)
        return replace(found, threshold=target.value, threshold_known=target.known, threshold_note=target.note, provenance=basis)
    return replace(_measured(replace(case, threshold=float(item.value))), threshold=float(item.value), provenance=item.provenance)


def _weakest(*provenances: str) -> str:
    return max(provenances, key=PROVENANCES.index)


def _measured(case: _Case) -> Standing:
    item, unit = case.item, case.measure.unit if case.measure else "count"
    numerator, denominator = case.now.measures.get(str(item.input), (None, None))
    value = case.now.value(item.input)
    base = Standing(item, paces.NO_DATA, unit, value, numerator=numerator, denominator=denominator, gap_code="no_measure")
    if case.measure is None or numerator is None:
        return base
    if value is None:
        return replace(base, gap_code="no_cases")
    holds = bool(_OPS[item.op](value, case.threshold))
    if item.pace == "every":
        return _every(case, base, holds)
    if item.pace == "cumulative":
        end = item.deadline
        gone = Fraction((min(case.today, end) - case.first_day).days + 1, (end - case.first_day).days + 1)
        state = paces.cumulative_state(value, case.threshold, gone, case.due)
        return replace(base, state=state, **_count_gap(value, case.threshold, item.op, holds))
    if unit == "count":
        gap = _count_gap(value, case.threshold, item.op, holds)
    else:
        gap = _share_gap(case.measure, float(numerator), float(denominator or 0.0), case.threshold, item.op, holds)
    state = paces.rate_state(holds, case.due, impossible=gap["gap_code"] == "impossible")
    return replace(base, state=state, **gap)


def _count_gap(value: float, threshold: float, op: str, holds: bool) -> dict[str, Any]:
    if holds:
        return {"gap": max(0.0, threshold - value) if op in _LIMITS else 0.0, "gap_code": "room" if op in _LIMITS else "enough"}
    return {"gap": abs(threshold - value) or 1.0, "gap_code": "over" if op in _LIMITS else "short"}


def _share_gap(m: Measure, numerator: float, denominator: float, threshold: float, op: str, holds: bool) -> dict[str, Any]:
    """Whole cases between a share and its threshold, exact at the edge (scoring.recover)."""
    if op in _LIMITS:
        strict = op == "<"
        allowed = int(budget(denominator, threshold, strict))
        if holds:
            return {"gap": float(max(0, allowed - round(numerator))), "gap_code": "room"}
        never = m.recover == "budget" and int(dilution(numerator, denominator, threshold, strict)) == IMPOSSIBLE
        return {"gap": float(max(1, round(numerator) - allowed)), "gap_code": "impossible" if never else "over"}
    if holds:
        return {"gap": 0.0, "gap_code": "enough"}
    needed = needed_existing if m.recover == "existing" else needed_new
    cases = int(needed(numerator, denominator, threshold))
    if cases == IMPOSSIBLE:
        return {"gap": denominator - numerator, "gap_code": "impossible"}
    return {"gap": float(max(1, cases)), "gap_code": "short" if m.recover == "existing" else "short_new"}


def _every(case: _Case, base: Standing, holds: bool) -> Standing:
    """No month, day or task may lack it; with an upper limit: no case beyond it may occur, and what occurred stays."""
    item, value, measure = case.item, float(base.value or 0.0), case.measure
    if item.op in _LIMITS:
        state = paces.every_state(holds, not holds, False, case.due)
        if item.op == "<=" and case.threshold == 0:
            return replace(base, state=state, gap=value, gap_code="clean" if holds else "occurred")
        return replace(base, state=state, **_count_gap(value, case.threshold, item.op, holds))
    period = case.periods.get(item.code) or _plain_period(case, base)
    recoverable = measure is not None and measure.recover == "existing"
    lacking = max(0.0, period.over - period.kept)
    state = paces.every_state(holds, lacking > 0, recoverable, case.due)
    if case.due and not holds:
        whole = case.threshold if base.denominator is None else base.denominator
        return replace(base, state=state, gap=max(1.0, whole - float(base.numerator or 0.0)), gap_code="lost")
    code = "kept" if not lacking else "lacking" if recoverable else "lost"
    return replace(base, state=state, gap=lacking, gap_code=code)


def _plain_period(case: _Case, base: Standing) -> Period:
    """The parts of a share are its denominator; those of a count are the full months gone (the current one isn't due yet)."""
    if base.denominator is not None:
        return Period(base.denominator, float(base.numerator or 0.0))
    over = min(full_months(case.first_day.year, case.today), case.threshold)
    return Period(over, float(base.numerator or 0.0))


def full_months(year: int, today: date) -> int:
    """Months of `year` that ended before `today`: 0 in January, 11 in December, 12 afterwards."""
    return min(12, max(0, (today.year - year) * 12 + today.month - 1))


def _graded(case: _Case) -> Standing:
    """Grades are listed best first, so "at least Tốt" is a place not after Tốt. The gap is in points of the bands' scale."""
    item, rules, total = case.item, case.rules, case.now.total
    wanted = next((band for band in rules.bands.bands if band.grade == item.value), None)
    if wanted is None:
        raise KeyError(item.value)
    base = Standing(item, paces.NO_DATA, "grade", threshold_text=str(item.value), threshold=wanted.at_least)
    grade, grades = total.get("grade"), list(rules.bands.grades)
    if grade not in grades:
        return replace(base, gap_code="not_graded")
    holds = grades.index(grade) <= grades.index(wanted.grade)
    gap = max(0.0, round((wanted.at_least or 0.0) - float(total["grading_index"]), rules.decimals))
    state = paces.rate_state(holds, case.due)
    return replace(base, state=state, value=case.now.index, grade=str(grade), gap=gap, gap_code="enough" if holds else "points")


def _remedied(case: _Case) -> Standing:
    """Criteria that lost points last year and still do. One that lost then and has no figure now leaves the question open."""
    item, last = case.item, case.last
    base = Standing(item, paces.NO_DATA, "criteria")
    if last is None or last.index is None:
        return replace(base, gap_code="no_last_year")
    before = [code for code, line in last.lines.items() if line["lost"] == line["lost"] and line["lost"] > 0]
    lines = {code: case.now.lines[code] for code in before if code in case.now.lines}
    still = tuple(code for code, line in lines.items() if line["lost"] == line["lost"] and line["lost"] > 0)
    unknown = tuple(code for code, line in lines.items() if line["lost"] != line["lost"] and line["status"] != "not_applicable")
    base = replace(base, value=float(len(still)), numerator=float(len(still)), denominator=float(len(before)))
    holds = bool(_OPS[item.op](len(still), item.value))
    if holds and unknown:
        return replace(base, gap=float(len(unknown)), gap_code="not_judged", details=unknown)
    state = paces.rate_state(holds, case.due)
    return replace(base, state=state, details=still, gap=float(len(still)), gap_code="enough" if holds else "unremedied")


def _improved(case: _Case) -> Standing:
    """This year's figure less that of the whole year before."""
    item = case.item
    base = Standing(item, paces.NO_DATA, "change")
    now = case.now.value(item.input) if item.measure else case.now.index
    last = None
    if case.last is not None:
        last = case.last.value(item.input) if item.measure else case.last.index
    if now is None or last is None:
        return replace(base, gap_code="no_measure" if now is None else "no_last_year")
    holds = bool(_OPS[item.op](now - last, item.value))
    state = paces.rate_state(holds, case.due)
    code = "higher" if holds else "not_higher"
    return replace(base, state=state, value=now - last, before=last, gap=abs(now - last), gap_code=code)


def _declared(case: _Case) -> Standing:
    """Yes or no by the declarations file; full points stand for a yes where only points were declared."""
    item = case.item
    base = Standing(item, paces.NO_DATA, "yes_no", gap_code="undeclared")
    row = case.now.declared.get(item.declared_as)
    if row is None or row["state"] == "not_applicable":
        return base
    value, points = row["value"], row["points"]
    if value == value and value is not None:
        yes = value >= 1
    elif points == points and points is not None:
        most = case.rules.criterion(str(item.criterion)).max_points if item.criterion else None
        yes = points >= (most or 1.0)
    else:
        return base
    proven = row["state"] in _PROVEN
    code = "enough" if yes and proven else "unproven" if yes else "not_done"
    return replace(base, state=paces.declared_state(yes, proven, case.due), value=float(yes), gap_code=code)
