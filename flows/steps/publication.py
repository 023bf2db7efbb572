"""A year's score, published: what the night and a reaction to files do alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import criteria
from flows.steps.home import Home, UserError
from flows.steps.measure import Question, question
from flows.steps.reports import write_reports
from flows.steps.runs import publish
from flows.steps.score import Scored, digest_of, score_json, score_question

if TYPE_CHECKING:
    from warehouse.database import Transaction

#: Until the end of this month the year before is still being appraised: files that come late change its figures too.
APPRAISED_UNTIL: Final = 3


@dataclass(frozen=True)
class Published:
    """A year's score with its run {run, recipe, result}."""

    scored: Scored
    document: dict[str, Any]
    run: dict[str, Any]

    @property
    def year(self) -> int:
        return self.scored.asked.year


def publish_year(home: Home, tx: Transaction, asked: Question, origin: str) -> Published:
    """Score a year and publish it with its recipe. The caller took `hold_inputs`."""
    scored = score_question(home, tx, asked)
    document = score_json(scored)
    return Published(scored, document, publish(home, tx, scored, document, origin=origin))


def publish_last_year(home: Home, tx: Transaction, asked: Question, origin: str) -> Published | None:
    """Publish the year before a question's as well, while it is being appraised and when its result has changed.

    None: later in the year, nothing was counted for it, or the result is the one that is published. The caller took
    `hold_inputs`.
    """
    if asked.last_day.month > APPRAISED_UNTIL or asked.last_day.year != asked.year:
        return None
    try:
        before = question(asked.year - 1, as_of=asked.as_of, known_at=asked.known_at, definition=asked.definition)
        scored = score_question(home, tx, before)
    except UserError as error:
        if error.code in ("not_in_force", "bad_year", "no_units"):
            return None
        raise
    if not (scored.measures["numerator"].fillna(0) > 0).any():
        return None
    document = score_json(scored)
    last = last_published(tx, before)
    if last and (last["recipe"]["criteria_hash"], last["result_digest"]) == (scored.rules.hash, digest_of(document["communes"])):
        return None
    return Published(scored, document, publish(home, tx, scored, document, origin=origin))


def last_published(tx: Transaction, asked: Question) -> dict[str, Any] | None:
    """Return the last score that the chain published of a question's year (see `warehouse.chain.last_publication`)."""
    from warehouse import chain

    return chain.last_publication(tx, asked.year, criteria.DEFAULT_SET, asked.definition)


def told_last_year(last: Published | None) -> dict[str, Any] | None:
    """Return what a document says of the year before: {year, run, recipe, result}; None when it was not published."""
    return {"year": last.year, **last.run} if last else None


def alarmed(
    home: Home, tx: Transaction, moment: datetime, *, scored: Scored | None = None, forecast: Mapping[str, Any] | None = None,
    units: Sequence[str] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Judge the alert rules (see `flows.steps.alerts.evaluate`) and return what a document says of them.

    {opened, resolved: [{alert, rule, unit, name, severity}], open: how many are, error: None}. A fault of ours in a rule costs
    neither score nor night: it is logged, and error says so. Raises: DatabaseError and whatever a lost connection raises.
    """
    from flows.steps.alerts import evaluate
    from flows.steps.logs import note_fault

    try:
        with tx.part():
            return _told(evaluate(home, tx, moment, scored=scored, forecast=forecast, units=units))
    except Exception as problem:
        tx.scalar("select 1")  # raises when the connection is lost: then it was no fault of a rule
        reason = str(problem) if isinstance(problem, UserError) else f"lỗi của phần mềm, xem {note_fault(home.root, problem)}"
        return {"opened": [], "resolved": [], "open": None, "error": f"Chưa xét được cảnh báo: {reason}"}


def _told(alerts: Mapping[str, Any]) -> dict[str, Any]:

    def entry(row: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "alert": row["alert_id"], "rule": row["rule"], "unit": row["unit_id"], "name": row.get("name"),
            "severity": row["severity"],
        }  # fmt: skip

    listed = {name: [entry(row) for row in alerts[name]] for name in ("opened", "resolved")}
    return {**listed, "open": alerts["open"], "error": None}


def for_people(home: Home, published: Sequence[Published]) -> tuple[dict[str, Any], dict[str, str]]:
    """Write the reports of published years. Returns (the commitments of the first one, label → path of all)."""
    first: dict[str, Any] = {}
    written: dict[str, str] = {}
    for each in published:
        promises = promised(home, each.scored.asked, each.scored)
        paths = write_reports(home, each.document, promises["notices"])
        if first:
            paths = {f"{label}, năm {each.year}": path for label, path in paths.items() if str(each.year) in path}
        first, written = first or promises, written | paths
    return first, written


def promised(home: Home, asked: Question, scored: Scored) -> dict[str, Any]:
    """Return where communes stand on the notices of the year (see `commitments_json`); error: why a notice cannot be used.

    The score is published already: a mistake in a notice must not cost the night its reports.
    """
    from flows.steps.commitments import commitments_json

    try:
        return {"notices": commitments_json(home, asked, scored=scored)["notices"], "error": None}
    except UserError as error:
        return {"notices": [], "error": str(error)}
