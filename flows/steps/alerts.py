"""What goes over a threshold, and when it is over: the rules of `criteria/alerts.yaml` asked of the warehouse (docs/alerts.md).

`scoring.alerts` decides what becomes of an episode; `alert_sights` looks. Here both meet the tables, in one transaction with
the score they are about: an alert can neither be lost nor told of a score that was never published.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from flows.steps.events import note
from flows.steps.home import now

if TYPE_CHECKING:
    from criteria.alerts import AlertRule
    from flows.steps.home import Home
    from flows.steps.score import Scored
    from scoring.alerts import Episode, Observation
    from warehouse.database import Transaction

Key = tuple[str, str, str]
Row = Mapping[str, Any]


def evaluate(
    home: Home,
    tx: Transaction,
    moment: datetime,
    *,
    scored: Scored | None = None,
    forecast: Mapping[str, Any] | None = None,
    units: Collection[str] | None = None,
) -> dict[str, Any]:
    """Ask every rule as of `moment` and write what opened and what was resolved, in the caller's transaction.

    scored: the year's question already scored by the default set, if at hand. forecast: the forecast's document, if at hand.
    units: only these communes (and what concerns no commune); None: all. A moment ahead of the clock is taken as now; a rule
    asked as of an earlier moment than before answers nothing. Returns {"opened": [rows], "resolved": [rows], "open": n}; rows
    have the columns of table `alerts` and the unit's "name".
    """
    from flows.steps.alert_settings import settings_or_defaults
    from flows.steps.alert_sights import Sights
    from flows.steps.outgoing import named, queue
    from warehouse import alerts

    tx.lock("alerts")
    moment = min(moment, now())
    settings, _ = settings_or_defaults(home)
    desk = _Desk(tx, moment, settings.alert_rules)
    sights = Sights(home, tx, moment, scored=scored, forecast=forecast, only=frozenset(units) if units is not None else None)
    for rule in settings.alert_rules.values():
        desk.judge(rule, sights)
    desk.drop_unknown_rules()
    alerts.mark(tx, desk.asked, moment)
    opened, resolved = named(home, desk.opened), named(home, desk.resolved)
    queue(home, tx, opened, resolved)
    return {"opened": opened, "resolved": resolved, "open": alerts.open_count(tx)}


class _Desk:
    """The episodes that live, stepped rule by rule."""

    def __init__(self, tx: Transaction, moment: datetime, rules: Mapping[str, AlertRule]) -> None:
        from warehouse import alerts

        self.tx, self.moment, self.rules = tx, moment, rules
        self.live: dict[Key, Row] = {(row["rule"], row["unit_id"], row["subject"]): row for row in alerts.live(tx)}
        longest = max((rule.cool_down for rule in rules.values()), default=timedelta(0))
        self.ends = alerts.last_ends(tx, moment - longest)
        self.marks = alerts.marks(tx)
        self.asked: list[tuple[str, str]] = []
        self.opened: list[Row] = []
        self.resolved: list[Row] = []

    def judge(self, rule: AlertRule, sights: Any) -> None:
        """Step every episode of a rule: those seen now, and those that were live and are not seen any more."""
        from scoring.alerts import CLEAR, OVER, UNKNOWN, Observation

        mine = {key for key in self.live if key[0] == rule.name}
        if not rule.enabled:
            for key in mine:
                self._step(rule, Observation(*key, figure=OVER, ends="disabled"))
            return
        seen = sights.of(rule)
        if seen is None:
            self._end_with_year(rule, mine, sights.year)
            return
        found = {(rule.name, each.unit_id, each.subject): each for each in seen.observations}
        for key in sorted(mine - set(found)):
            _, unit, _ = key
            if unit and unit in sights.gone:
                found[key] = Observation(*key, figure=OVER, ends="unit_gone")
            elif rule.yearly and self.live[key]["detail"].get("year") not in (None, sights.year):
                found[key] = Observation(*key, figure=OVER, ends="year_over")
            elif unit in seen.units:
                figure = CLEAR if seen.complete else UNKNOWN
                found[key] = Observation(*key, figure=figure if not seen.past else OVER, ends=seen.past or "cleared")
        for each in found.values():
            self._step(rule, self._of_this_year(rule, each, sights.year))
        self.asked += [(rule.name, unit) for unit in sorted(seen.units)]

    def _end_with_year(self, rule: AlertRule, mine: set[Key], year: int) -> None:
        """End the episodes of years before, though the rule cannot look yet: there is no forecast or score to compare with."""
        from scoring.alerts import OVER, Observation

        for key in sorted(mine):
            if rule.yearly and self.live[key]["detail"].get("year") not in (None, year):
                self._step(rule, Observation(*key, figure=OVER, ends="year_over"))

    def _of_this_year(self, rule: AlertRule, seen: Observation, year: int) -> Observation:
        """Return what is seen, or that the year an episode is about is over."""
        from scoring.alerts import OVER

        row = self.live.get((rule.name, seen.unit_id, seen.subject))
        if row is None or not rule.yearly or row["detail"].get("year") in (None, year):
            return seen
        return replace(seen, figure=OVER, ends="year_over")

    def drop_unknown_rules(self) -> None:
        """End the episodes of rules that no longer exist."""
        from warehouse import alerts

        for key, row in list(self.live.items()):
            if key[0] in self.rules:
                continue
            state = "resolved" if row["state"] == "open" else "dropped"
            ended = {**row, "state": state, "resolved_at": self.moment, "resolution": "disabled"}
            written = alerts.update(self.tx, ended)
            if state == "resolved":
                self._resolved(written)
            del self.live[key]

    def _step(self, rule: AlertRule, seen: Observation) -> None:
        from scoring.alerts import Timing, Track, step
        from warehouse import alerts

        key = (seen.rule, seen.unit_id, seen.subject)
        row = self.live.get(key)
        before = _episode(row) if row else None
        track = Track(before, self.ends.get(key), self.marks.get((rule.name, seen.unit_id)))
        after = step(track, seen.figure, self.moment, Timing(rule.lasts, rule.clear_for, rule.cool_down), seen.ends)
        if after is None or (after == before and not self._tells_more(row, seen)):
            return
        told = _written(rule, seen, after, row)
        written = alerts.update(self.tx, {**told, "alert_id": row["alert_id"]}) if row else alerts.insert(self.tx, told)
        if after.live:
            self.live[key] = written
        elif row:
            del self.live[key]
        if after.state == "open" and (before is None or before.state != "open"):
            self._opened(rule, written)
        if after.state == "open" and rule.kind == "night_missed":
            for night in sorted(set(written["detail"]["nights"]) - set(row["detail"].get("nights", ()) if row else ())):
                note(self.tx, "night.missed", f"night:{night}")
        if after.state == "resolved":
            self._resolved(written)

    def _tells_more(self, row: Row | None, seen: Observation) -> bool:
        """Whether an episode that goes on is seen with other figures now (never by an older look)."""
        mark = self.marks.get((seen.rule, seen.unit_id))
        if row is None or not seen.detail or (mark is not None and self.moment < mark):
            return False
        return (row["value"], row["threshold"], row["detail"]) != (seen.value, seen.threshold, dict(seen.detail))

    def _opened(self, rule: AlertRule, row: Row) -> None:
        self.opened.append(row)
        said = {"rule": row["rule"], "unit": row["unit_id"], "subject": row["subject"]}
        if rule.kind == "named_again":
            said["subject"] = ""  # the key of an official's name stays in the warehouse
        note(self.tx, "threshold.breached", f"alert:{row['alert_id']}", **said)
        if rule.kind == "source_late":
            note(self.tx, "data.late", f"source:{row['subject']}", units=[row["unit_id"]] if row["unit_id"] else [])

    def _resolved(self, row: Row) -> None:
        self.resolved.append(row)
        rule = self.rules.get(row["rule"])
        subject = "" if rule is not None and rule.kind == "named_again" else row["subject"]
        note(self.tx, "threshold.cleared", f"alert:{row['alert_id']}", rule=row["rule"], unit=row["unit_id"], subject=subject)


def _episode(row: Row) -> Episode:
    from scoring.alerts import Episode

    names = ("state", "breached_at", "last_breached_at", "clear_since", "opened_at", "resolved_at", "resolution")
    return Episode(**{name: row[name] for name in names})


def _written(rule: AlertRule, seen: Observation, after: Episode, row: Row | None) -> dict[str, Any]:
    """Return an episode's row. What is seen now takes the place of what was seen before, unless nothing was."""
    from scoring.alerts import OVER, UNKNOWN

    blank = row is not None and (seen.figure in (UNKNOWN, OVER) or not seen.detail)
    kept = {name: row[name] for name in ("value", "threshold", "detail", "owner")} if row is not None and blank else {}
    return {
        "rule": seen.rule, "unit_id": seen.unit_id, "subject": seen.subject, "severity": rule.severity,
        "value": seen.value, "threshold": seen.threshold, "detail": dict(seen.detail), "owner": seen.owner or rule.owner,
        **kept,
        **{name: getattr(after, name) for name in (
            "state", "breached_at", "last_breached_at", "clear_since", "opened_at", "resolved_at", "resolution",
        )},
    }  # fmt: skip
