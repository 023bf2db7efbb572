"""Where communes stand on the commitments of the notices that bind them. The same register is what people and alerts look at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

import criteria
from flows.steps.home import ZONE, Home, UserError
from flows.steps.measure import Question, measure_frame, plain, question, stamp
from flows.steps.score import Scored, score_question

if TYPE_CHECKING:
    import pandas as pd

    from criteria.registers import Commitment, Notice
    from scoring.thresholds import Figures, Period, Standing
    from sources.units import Unit
    from warehouse.database import Transaction


def states(
    home: Home, tx: Transaction, asked: Question, unit: Unit, *, scored: Scored | None = None, notice: str | None = None
) -> list[dict[str, Any]]:
    """Return where a commune stands on every commitment that binds it in the question's year, in the order of the notices.

    Grain: notice × commitment; [] when none binds it. scored: the same question already scored by the default set, if at hand.
    Keys: see `_row`, docs/commitments.md. Raises: UserError.
    """
    return states_of(home, tx, asked, [unit], scored=scored, notice=notice)[unit.unit_id]


def states_of(
    home: Home, tx: Transaction, asked: Question, units: Sequence[Unit], *, scored: Scored | None = None,
    notice: str | None = None, last_year: bool = True,
) -> dict[str, list[dict[str, Any]]]:  # fmt: skip
    """Return unit → `states`, each year and set scored once for all of them.

    last_year: without it, the commitments that compare with the year before are left out, and that year is not scored.
    """
    found = notices_of(home, asked.year, notice)
    desk = _Desk(home, tx, asked, [scored] if scored else [], last_year)
    return {unit.unit_id: [row for each in found if binds(home, each, unit) for row in desk.rows(each, unit)] for unit in units}


def commitments_json(
    home: Home, asked: Question, commune: str | None = None, notice: str | None = None, *, scored: Scored | None = None
) -> dict[str, Any]:
    """Return the document of `cchc commitments`: the registers that bind a commune (all communes: None). Raises: UserError.

    scored: the same question already scored by the default set, if at hand.
    """
    unit = home.commune(commune, asked.unit_day) if commune else None
    found = notices_of(home, asked.year, notice)
    registers = []
    with home.database.begin() as tx:
        desk = _Desk(home, tx, asked, [scored] if scored else [])
        for each in found:
            for bound in [u for u in _bound(home, each, asked.unit_day) if unit in (None, u)]:
                registers.append(_register(each, bound, desk.rows(each, bound)))
    return {
        "year": asked.year, "as_of": asked.as_of.isoformat(), "known_at": stamp(asked.known_at), "definition": asked.definition,
        "notices": registers, "message": None if registers else _none_binds(home, asked.year, unit, notice),
    }  # fmt: skip


def _register(notice: Notice, unit: Unit, rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "notice": notice.name, "citation": notice.citation, "year": notice.year, "criteria_set": notice.criteria,
        "commune": unit.code, "name": unit.name, "unit_id": unit.unit_id,
        "counts": dict(Counter(row["state"] for row in rows)), "commitments": rows,
    }  # fmt: skip


def notices_of(home: Home, year: int, name: str | None = None) -> list[Notice]:
    """Return the notices of a year, built in and of this installation; one by name. Raises: UserError (unknown or broken)."""
    from criteria.lint import lint_notices

    if any(home.notices.glob("*.yaml")):
        problems = lint_notices(home.notices, extra=home.criteria)
        if problems:
            more = f" (và {len(problems) - 1} chỗ sai khác)" if len(problems) > 1 else ""
            raise UserError("bad_notice", f"Thông báo chưa dùng được: {problems[0]}{more}")
    known = criteria.list_notices(extra=home.notices)
    if name is not None and name not in known:
        raise UserError("unknown_notice", f"Không có thông báo «{name}»; các thông báo đã biết: {', '.join(known)}.")
    try:
        found = criteria.load_notices(year, extra=home.notices)
    except criteria.CriteriaError as error:
        raise UserError("bad_notice", f"{error}. Sửa tệp thông báo; xem docs/commitments.md.") from error
    return [notice for notice in found if name in (None, notice.name)]


def binds(home: Home, notice: Notice, unit: Unit) -> bool:
    """Return whether a notice binds a unit: issued for it, or for a unit above it. Raises: UserError (unit not registered)."""
    if notice.unit not in home.register.by_id:
        raise UserError("unknown_unit", f"Thông báo {notice.name}: không có đơn vị «{notice.unit}»; sửa mục unit của tệp.")
    return notice.unit in {unit.unit_id, *(above.unit_id for above in home.register.ancestors(unit))}


def _bound(home: Home, notice: Notice, on: date) -> list[Unit]:
    return [unit for unit in home.register.active(on) if binds(home, notice, unit)]


def _none_binds(home: Home, year: int, unit: Unit | None, name: str | None) -> str:
    whom = f"xã {unit.name}" if unit else "xã nào"
    which = f"Thông báo {name} không ràng buộc" if name else "Không có thông báo nào ràng buộc"
    known = ", ".join(f"{n.name} (năm {n.year})" for n in criteria.load_notices(extra=home.notices))
    return f"{which} {whom} trong năm {year}. Các thông báo đã biết: {known}. Thêm thông báo: một tệp YAML vào {home.notices}."


@dataclass
class _Desk:
    """Scores each question once, whatever the number of communes and notices that need it."""

    home: Home
    tx: Transaction
    asked: Question
    known: list[Scored] = field(default_factory=list)
    with_last_year: bool = True
    frames: dict[tuple[str, Question], pd.DataFrame] = field(default_factory=dict)
    registers: dict[tuple[str, Question], pd.DataFrame] = field(default_factory=dict)

    def rows(self, notice: Notice, unit: Unit) -> list[dict[str, Any]]:
        """Return the commitments of one notice for one commune."""
        from scoring.thresholds import notice_states

        wanted = [item for item in notice.commitments if self.with_last_year or not item.needs_last_year]
        last = self.last_year(notice, unit) if any(item.needs_last_year for item in wanted) else None
        found: dict[str, Standing] = {}
        for asked, items in _by_day(self.asked, wanted):
            scored = self.scored(notice.criteria, asked)
            try:
                standings = notice_states(
                    notice, scored.rules, self.figures(notice, scored, unit), self.asked.last_day,
                    last=last, periods=self.periods(scored, items, unit), items=items,
                )  # fmt: skip
            except KeyError as error:
                text = f"Thông báo {notice.name}: bộ {notice.criteria} không có {error} vào {asked.last_day:%d/%m/%Y}."
                raise UserError("bad_notice", f"{text} Sửa tệp thông báo hoặc bộ tiêu chí.") from error
            found |= {standing.item.code: standing for standing in standings}
        return [_row(notice, found[item.code]) for item in wanted]

    def scored(self, set_name: str, asked: Question) -> Scored:
        """Return the question scored by a set."""
        for done in self.known:
            if done.rules.name == set_name and done.asked == asked:
                return done
        self.known.append(score_question(self.home, self.tx, asked, set_name))
        return self.known[-1]

    def last_year(self, notice: Notice, unit: Unit) -> Figures | None:
        """Return the commune's whole year before; None when the set or the unit did not exist then."""
        year, asked = self.asked.year - 1, self.asked
        try:
            before = question(year, as_of=_end_of(date(year, 12, 31)), known_at=asked.known_at, definition=asked.definition)
            return self.figures(notice, self.scored(notice.criteria, before), unit)
        except UserError as error:
            if error.code in ("not_in_force", "bad_year", "no_units"):
                return None
            raise

    def figures(self, notice: Notice, scored: Scored, unit: Unit) -> Figures:
        """Return one commune's figures; a measure of one programme's tasks stands under `Commitment.input`."""
        import pandas as pd

        from scoring.thresholds import figures

        frames = [scored.measures]
        for item in notice.commitments:
            programme = item.measure_args.get("programme")
            if programme:
                own = self.programme(scored, str(programme))
                own = own[own["measure"] == item.measure]
                frames.append(own.assign(measure=item.input))
        return figures(pd.concat(frames, ignore_index=True), scored.scores, scored.declarations, unit.unit_id)

    def programme(self, scored: Scored, programme: str) -> pd.DataFrame:
        """Return the measures of a question, tasks counted of one programme only."""
        named = {c.measure_args.get("programme") for c in scored.rules.criteria if c.measure == "task_on_time"}
        if named == {programme}:
            return scored.measures
        key = (programme, scored.asked)
        if key not in self.frames:
            self.frames[key] = measure_frame(self.home, self.tx, scored.asked, programme)[0]
        return self.frames[key]

    def periods(self, scored: Scored, items: Sequence[Commitment], unit: Unit) -> dict[str, Period]:
        """Return, for commitments of pace `every`, how many months, days or tasks are over and how many of them were kept."""
        from scoring.thresholds import Period

        view, asked = scored.view, scored.asked
        begins = view.period_of(unit)[0] if view else asked.first_day
        members = {member.unit_id for member in view.members(unit)} if view else {unit.unit_id}
        over_day, month = _last_full_day(asked), asked.last_day.replace(day=1)
        found: dict[str, Period] = {}
        for item in (item for item in items if item.pace == "every"):
            if item.measure == "officer_review_months":
                over = max(0, (month.year - begins.year) * 12 + month.month - begins.month)
                frame = self.register("reviews", asked, last_day=month - timedelta(1), known_day=asked.last_day)
                found[item.code] = Period(over, min(over, _sum(frame, members, "months")))
            elif item.measure == "survey_day_coverage":
                from warehouse import queries

                over = queries.working_days(self.tx, begins, over_day) if begins <= over_day else 0
                frame = self.register("survey", asked, last_day=over_day, known_day=over_day)
                found[item.code] = Period(over, min(over, _sum(frame, members, "days_with_forms")))
            elif item.measure == "task_on_time":
                frame = self.register("task_outcomes", asked, last_day=asked.period_end, known_day=over_day)
                programme = item.measure_args.get("programme")
                if programme and len(frame):
                    frame = frame[frame["programme"].fillna("").str.contains(str(programme), regex=False)]
                kept = _sum(frame, members, "kept")
                found[item.code] = Period(kept + _sum(frame, members, "lost"), kept)
        return found

    def register(self, name: str, asked: Question, *, last_day: date, known_day: date) -> pd.DataFrame:
        """Return a mart over a register, asked for once."""
        from warehouse import queries

        if (name, asked) not in self.registers:
            self.registers[name, asked] = queries.register_counts(
                self.tx, name, year=asked.year, first_day=asked.first_day, last_day=last_day, known_day=known_day,
                known_at=asked.known_at,
            )  # fmt: skip
        return self.registers[name, asked]


def _by_day(asked: Question, items: Iterable[Commitment]) -> list[tuple[Question, list[Commitment]]]:
    """Return the commitments under the question their figures come from: a deadline gone by fixes the figure of its day."""
    grouped: dict[Question, list[Commitment]] = {}
    for item in items:
        then = asked if item.deadline >= asked.last_day else replace(asked, as_of=_end_of(item.deadline))
        grouped.setdefault(then, []).append(item)
    return list(grouped.items())


def _end_of(day: date) -> datetime:
    return datetime.combine(day, time(23, 59, 59, 999999), ZONE)


def _last_full_day(asked: Question) -> date:
    """Return the last day that is over: the day asked about once its last second has come, else the day before."""
    late = asked.as_of.astimezone(ZONE).time() >= time(23, 59, 59)
    return asked.last_day if late else asked.last_day - timedelta(1)


def _sum(frame: pd.DataFrame, units: set[str], column: str) -> int:
    return int(frame.loc[frame["unit_code"].isin(units), column].sum()) if len(frame) else 0


def _row(notice: Notice, s: Standing) -> dict[str, Any]:
    """Return one commitment as data and in words. value, threshold, gap: see `scoring.thresholds.Standing`."""
    from messages import PROVENANCE_LABELS, STATE_LABELS, deadline_text, gap_text, threshold_text, value_text
    from messages.commitments import UNKNOWN_THRESHOLD

    item = s.item
    state_text = STATE_LABELS[s.state] + ("" if s.threshold_known else f" ({UNKNOWN_THRESHOLD})")
    return {
        "notice": notice.name, "code": item.code, "label": item.label, "kind": item.kind, "pace": item.pace,
        "state": s.state, "state_text": state_text,
        "value": plain(s.value), "value_text": value_text(s.value, s.unit, s.grade, s.before), "unit": s.unit, "grade": s.grade,
        "before": plain(s.before), "numerator": plain(s.numerator), "denominator": plain(s.denominator),
        "op": item.op, "threshold": plain(s.threshold), "threshold_known": s.threshold_known, "threshold_note": s.threshold_note,
        "threshold_text": threshold_text(item.op, s.threshold, s.unit, s.threshold_text),
        "gap": plain(s.gap), "gap_code": s.gap_code,
        "gap_text": gap_text(s.gap_code, s.gap, s.unit_measure, s.details, missed=s.state == "missed"),
        "details": list(s.details), "deadline": item.deadline.isoformat(), "days_left": s.days_left,
        "deadline_text": deadline_text(s.days_left), "owner": item.owner, "paragraph": item.paragraph,
        "source": f"{notice.citation}, khoản {item.paragraph}", "provenance": s.provenance,
        "provenance_text": PROVENANCE_LABELS[s.provenance], "measure": item.measure,
        "criterion": item.criterion or item.declaration,
    }  # fmt: skip
