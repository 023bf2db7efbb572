"""The chain of a night: inbox → load → quality → measures → score → checks → forecast → alerts → what people find at seven."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from flows.steps import lease
from flows.steps.failpoints import reached
from flows.steps.files import FileResult
from flows.steps.forecast_night import foretold, waits_again
from flows.steps.home import ZONE, Home, code_version, now
from flows.steps.inbox import Advance, take_inbox
from flows.steps.measure import Question, question
from flows.steps.nights import night_of
from flows.steps.publication import Published, alarmed, for_people, publish_last_year, publish_year, told_last_year
from flows.steps.runs import definitions_content, hold_inputs
from flows.steps.score import digest_of
from flows.steps.stages import Stages
from flows.steps.trouble import trouble

if TYPE_CHECKING:
    from warehouse.database import Transaction

#: The kind of a night in `work_log`.
KIND: Final = "night"
Take = Callable[[Home, Advance | None], tuple[list[FileResult], list[FileResult]]]


@dataclass
class Night:
    """A night at work: what it is about, when it began, and how long its stages took."""

    asked: Question
    moment: datetime
    started: datetime
    stages: Stages = field(default_factory=Stages)

    @property
    def subject(self) -> str:
        return f"night:{night_of(self.moment)}"


def nightly(
    home: Home, as_of: datetime | None = None, year: int | None = None, advance: Advance | None = None, *, past: bool = False,
    take: Take = take_inbox,
) -> dict[str, Any]:  # fmt: skip
    """Run the night. A second run with nothing new says so and only judges the alerts; beside a running one it stops at once.

    past: a night made up for later, which leaves the reports of today alone. take: who loads the inbox. A night that fails is
    written down with its code before it raises. Returns the document of `cchc nightly --json`.
    """
    moment = as_of or now()
    night = Night(question(year or moment.astimezone(ZONE).year, as_of=moment), moment, now())
    with lease.held(home, lease.NIGHT, night.subject) as mine:
        if not mine:
            return _running(home)
        try:
            return _night(home, night, advance, take, both=year is None, past=past)
        except Exception as problem:
            _failed(home, night, problem)
            raise


def _night(home: Home, night: Night, advance: Advance | None, take: Take, *, both: bool, past: bool) -> dict[str, Any]:
    """Run the chain; loading and publishing wait for a reaction that is at it."""
    asked = night.asked
    with lease.held(home, lease.CHAIN, night.subject, wait=True):
        with night.stages.stage("load"):
            new, known = take(home, advance)
        with home.database.begin() as tx:
            state = state_of(home, tx, asked.year, night.moment)
            digest, last = _digest(tx, asked.year, state), _last(tx)
        same = last is not None and last["state_digest"] == digest and not waits_again(last["summary"])
        files = [file for file in [*known, *new] if file.status != "duplicate"]
        if last is not None and same and not any(file.status == "loaded" for file in files):
            return _nothing_new(home, night, digest, last, files)
        with night.stages.stage("score"):
            this, before, findings = _published(home, asked, both)
        with night.stages.stage("reports"):
            promises, written = for_people(home, [] if past else [this, *([before] if before else [])])
    with night.stages.stage("forecast"):
        forecast, drawn = foretold(home, asked, advance, show=not past)
    rejected = [file for file in files if file.status == "rejected"]
    document: dict[str, Any] = {
        "files": [file.to_json() for file in files], "score": this.document, "run": this.run, "last_year": told_last_year(before),
        "findings": findings, "commitments": promises or None, "written": written | drawn, "forecast": forecast,
    }  # fmt: skip
    summary = {"run": this.run, "files": len(files), "findings": len(findings)}
    summary["forecast"] = {name: forecast[name] for name in ("id", "code")}
    with home.database.begin() as tx:
        digest = _digest(tx, asked.year, state)  # with what the forecast learnt of itself tonight
    document["alerts"] = _close(home, night, digest, "done", summary, this)
    loaded = sum(file.status == "loaded" for file in files)
    message = _said(loaded, len(rejected), document)
    return {"status": "done", "message": message, "rejected": len(rejected), **document}


def _running(home: Home) -> dict[str, Any]:
    """Say that a night runs already, since when and where."""
    row = lease.holder(home, lease.NIGHT)
    return {
        "status": "running", "message": f"Chuỗi đêm đang chạy{lease.said(row) or ' ở nơi khác'}; không chạy thêm.", "rejected": 0,
        "files": [], "since": row["since"].isoformat() if row else None,
        "holder": f"{row['holder']}:{row['pid']}" if row else None,
    }  # fmt: skip


def _said(loaded: int, rejected: int, document: dict[str, Any]) -> str:
    scored, foreseen = len(document["score"]["communes"]), len(document["forecast"]["communes"])
    head = f"Xong: nạp {loaded} tệp mới, từ chối {rejected} tệp, chấm {scored} xã"
    return f"{head}, dự báo {foreseen} xã." if foreseen else f"{head}; chưa dự báo được."


def state_of(home: Home, tx: Transaction, year: int, moment: datetime) -> list[Any]:
    """Return what a night's result depends on and does not change itself: loads, rules, registers, code, the day."""
    import criteria

    newest = tx.scalar("select coalesce(max(load_id), 0) from loads")
    day = moment.astimezone(ZONE).date().isoformat()
    notices = {path.name: sha256(path.read_bytes()).hexdigest() for path in sorted(home.notices.glob("*.yaml"))}
    rules = [criteria.load_set().hash, definitions_content(), notices]
    return [newest, year, day, rules, home.calendar.version, home.register.version, code_version()]


def _digest(tx: Transaction, year: int, state: list[Any]) -> str:
    """Return the digest of a night's state together with the scorecard, which says how wide the forecast must be."""
    from warehouse import forecasts

    return digest_of([*state, forecasts.scores_digest(tx, year)])


def _last(tx: Transaction) -> dict[str, Any] | None:
    from warehouse import chain

    return chain.last_night(tx)


def _published(home: Home, asked: Question, both: bool) -> tuple[Published, Published | None, list[dict[str, Any]]]:
    """Score, publish with the recipe, and look across the files. both: the year before as well, while it is appraised."""
    from flows.steps.checks import cross_checks

    with home.database.begin() as tx:
        hold_inputs(tx)
        this = publish_year(home, tx, asked, "nightly")
        reached("scored")
        before = publish_last_year(home, tx, asked, "nightly") if both else None
        found = cross_checks(home, tx, asked.as_of)
    reached("published")
    return this, before, found


def _nothing_new(home: Home, night: Night, state: str, last: dict[str, Any], files: list[FileResult]) -> dict[str, Any]:
    alerts = _close(home, night, state, "nothing_new", {"same_as": last["run_id"]})
    rejected = [file for file in files if file.status == "rejected"]
    return {
        "status": "nothing_new",
        "message": f"Không có gì mới từ lần chạy {last['finished_at'].astimezone(ZONE):%d/%m/%Y %H:%M}; không làm lại.",
        "rejected": len(rejected),
        "files": [file.to_json() for file in rejected],
        "alerts": alerts,
    }


def _close(
    home: Home, night: Night, state: str, outcome: str, summary: dict[str, Any], this: Published | None = None
) -> dict[str, Any]:
    """Note that the night came to its end, judge the alerts with that known, and send what is due.

    Returns `alerts` of the document (see `publication.alarmed`), with how many messages were sent now.
    """
    from warehouse import chain

    with home.database.begin() as tx:
        chain.record_night(tx, night.asked.as_of, night.started, now(), state, outcome, summary)
        with night.stages.stage("alerts"):
            alerts = alarmed(home, tx, night.moment, scored=this.scored if this else None)
        _log(tx, night, outcome, summary)
    return alerts | {"sent": _sent(home)}


def _sent(home: Home) -> int:
    """Send what is due; returns how many messages left. What cannot leave now waits in the outbox and costs the night nothing."""
    from flows.steps.logs import note_fault
    from flows.steps.outgoing import deliver

    try:
        return int(deliver(home)["sent"])
    except Exception as problem:
        note_fault(home.root, problem)
        return 0


def _failed(home: Home, night: Night, problem: Exception) -> None:
    """Write down that the night failed, with the code and kind of the problem: its text may hold a cell."""
    from warehouse import chain

    known = trouble(problem, home.root)
    code = known[0] if known else getattr(problem, "code", None)
    summary = {"code": code if isinstance(code, str) else "internal", "kind": type(problem).__name__}
    try:
        with home.database.begin() as tx:
            chain.record_night(tx, night.asked.as_of, night.started, now(), None, "failed", summary)
            _log(tx, night, "failed", summary)
    except Exception:  # a database that is away hears nothing; the problem itself is raised
        return


def _log(tx: Transaction, night: Night, outcome: str, summary: dict[str, Any]) -> None:
    """Note how long the night and each of its stages took."""
    from warehouse import events

    detail = {**summary, "stages": night.stages.took}
    events.log_work(tx, KIND, night.subject, night.started, night.stages.seconds, outcome, detail)
