"""The answer to files that came: inbox → load → score → publish → alerts, within seconds, whoever asks and however often.

What is to be done is asked of the warehouse: loads that the last published score does not know. So a file loaded by hand, an
event that was lost, or a process that died between loading and publishing all end the same way at the next call.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from flows.steps import lease
from flows.steps.failpoints import reached
from flows.steps.home import ZONE, Home, now
from flows.steps.inbox import Advance, Looks, take_inbox
from flows.steps.measure import Question, question
from flows.steps.publication import (
    Published,
    alarmed,
    for_people,
    last_published,
    publish_last_year,
    publish_year,
    told_last_year,
)
from flows.steps.runs import hold_inputs, numbers
from flows.steps.stages import Stages

if TYPE_CHECKING:
    from sources.quality import Gate
    from warehouse.database import Transaction

#: The kind of this work in `work_log`, and the origin of what it publishes.
KIND: Final = "reaction"
ORIGIN: Final = "event"


def react(home: Home, gate: Gate | None = None, *, looks: Looks | None = None, advance: Advance | None = None) -> dict[str, Any]:
    """Load what came and publish what changed. Safe to call at any time, twice, late and beside others.

    Returns {status, files, loaded, rejected, run, last_year, units, alerts, findings, written, seconds}. status: "done" (a
    score was published), "nothing_new", or "busy" (a night or another reaction is at it: `message` says since when and where;
    call again). files: entries of `cchc ingest --json` of what was new. units: the communes whose facts changed. alerts: see
    `publication.alarmed`. gate, looks: what a caller who comes again keeps open. Raises: DatabaseError, UserError.
    """
    stages = Stages()
    answer: dict[str, Any] = {
        "status": "busy", "files": [], "loaded": 0, "rejected": 0, "run": None, "last_year": None, "units": [], "alerts": None,
        "findings": 0, "written": {},
    }  # fmt: skip
    with lease.held(home, lease.CHAIN, KIND) as mine:
        if mine:
            with stages.stage("load"):
                files, _ = take_inbox(home, advance, gate=gate, looks=looks)
            answer |= {"status": "nothing_new", "files": [file.to_json() for file in files]}
            answer |= {kind: sum(file.status == kind for file in files) for kind in ("loaded", "rejected")}
            answer |= _publish_changes(home, stages, answer["loaded"])
            if answer["rejected"] and answer["alerts"] is None:  # nothing to publish, and somebody to tell
                with home.database.begin() as tx:
                    answer["alerts"] = alarmed(home, tx, now(), units=())
        else:
            answer["message"] = f"Việc nạp tệp và chấm điểm đang chạy{lease.said(lease.holder(home, lease.CHAIN))}; sẽ làm sau."
    return answer | {"seconds": round(stages.seconds, 3)}


def _publish_changes(home: Home, stages: Stages, loaded: int) -> dict[str, Any]:
    """Publish what no score knows yet, then write what people read. Returns what of the answer changes: {} when nothing did."""
    from flows.steps.checks import cross_checks

    started = now()
    asked = question(started.astimezone(ZONE).year, as_of=started)
    with home.database.begin() as tx:
        if not _waits(tx, asked):
            return {}
    with home.database.begin() as tx:
        hold_inputs(tx)  # only now: who asks in vain must keep nobody from loading
        loads = _unknown_loads(tx, asked)
        units = _units(tx, loads)
        with stages.stage("score"):
            this = publish_year(home, tx, asked, ORIGIN)
            reached("scored")
            last = publish_last_year(home, tx, asked, ORIGIN)
        with stages.stage("alerts"):
            alerts = alarmed(home, tx, started, scored=this.scored, units=units or None)
    reached("published")
    with stages.stage("reports"):
        _, written = for_people(home, [this, *([last] if last else [])])
    reached("reported")
    with stages.stage("checks"), home.database.begin() as tx:
        findings = len(cross_checks(home, tx, asked.as_of))
    _log(home, this, started, stages, {"files": loaded, "loads": len(loads), "units": len(units)})
    return {
        "status": "done", "run": this.run, "last_year": told_last_year(last), "units": units, "alerts": alerts,
        "findings": findings, "written": written,
    }  # fmt: skip


def waits(home: Home) -> bool:
    """Whether a call of `react` would find a score to publish. Files that lie in the inbox are not asked about."""
    moment = now()
    with home.database.begin() as tx:
        return _waits(tx, question(moment.astimezone(ZONE).year, as_of=moment))


def _waits(tx: Transaction, asked: Question) -> bool:
    """Whether something is left to do: loads that no score knows, or a reaction that died after it had published."""
    from warehouse import events

    last = last_published(tx, asked)
    if last and last["origin"] == ORIGIN and events.worked(tx, KIND, f"run:{last['run_id']}") is None:
        return True
    return bool(_unknown_loads(tx, asked))


def _unknown_loads(tx: Transaction, asked: Question) -> list[int]:
    """Return the loads that can change a figure and that the last published score of the year does not know."""
    from warehouse import chain

    last = last_published(tx, asked)
    return chain.newer_loads(tx, max(numbers(last["recipe"]["loads"]), default=0) if last else 0)


def _units(tx: Transaction, loads: list[int]) -> list[str]:
    from warehouse import chain

    return chain.units_of(tx, loads)


def _log(home: Home, done: Published, started: datetime, stages: Stages, detail: dict[str, Any]) -> None:
    """Note the reaction: what says that it came to its end."""
    from warehouse import events

    with home.database.begin() as tx:
        events.log_work(tx, KIND, f"run:{done.run['run']}", started, stages.seconds, "done", {**detail, "stages": stages.took})
