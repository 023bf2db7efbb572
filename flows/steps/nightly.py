"""The chain of a night: inbox → load → quality → measures → score → checks → forecast → what people find in the morning."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from flows.steps.failpoints import reached
from flows.steps.files import FileResult, Request, candidates, files_of, path_text
from flows.steps.forecast_night import foretold, waits_again
from flows.steps.home import ZONE, Home, UserError, code_version, now
from flows.steps.ingest import gate_of, ingest_files
from flows.steps.measure import Question, question
from flows.steps.reports import write_reports
from flows.steps.runs import definitions_content, hold_inputs, publish
from flows.steps.score import Scored, digest_of, score_json, score_question

Advance = Callable[[str, int, int], None]


def nightly(home: Home, as_of: datetime | None = None, year: int | None = None, advance: Advance | None = None) -> dict[str, Any]:
    """Run the night. A second run with nothing new does nothing and says so; a run beside a running one stops at once."""
    moment = as_of or now()
    asked = question(year or moment.astimezone(ZONE).year, as_of=moment)
    with home.database.session_lock("nightly", wait=False) as mine:
        if not mine:
            return {
                "status": "running",
                "message": "Chuỗi đêm đang chạy ở nơi khác; không chạy thêm.",
                "rejected": 0,
                "files": [],
            }
        started = now()
        files = take_inbox(home, advance)
        with home.database.begin() as tx:
            state = state_of(home, tx, asked.year, moment)
            digest = _digest(tx, asked.year, state)
            last = tx.one("select * from nightly_runs where outcome <> 'failed' order by run_id desc limit 1")
        new = [file for file in files if file.status != "duplicate"]
        same = last is not None and last["state_digest"] == digest and not waits_again(last["summary"])
        if last is not None and same and not any(f.status == "loaded" for f in new):
            return _nothing_new(home, moment, started, digest, last, files)
        document, scored = _publish(home, asked)
        document["commitments"] = promised(home, asked, scored)
        document["written"] = write_reports(home, document["score"], document["commitments"]["notices"])
        document["forecast"], drawn = foretold(home, asked, advance)
        document["written"] |= drawn
        summary = {"run": document["run"], "files": len(new), "findings": len(document["findings"])}
        summary["forecast"] = {name: document["forecast"][name] for name in ("id", "code")}
        with home.database.begin() as tx:
            digest = _digest(tx, asked.year, state)  # with what the forecast learnt of itself tonight
        _record(home, moment, started, digest, "done", summary)
        loaded = sum(file.status == "loaded" for file in files)
        rejected = sum(file.status == "rejected" for file in files)
        return {
            "status": "done",
            "message": _said(loaded, rejected, document),
            "rejected": rejected,
            "files": [file.to_json() for file in new],
            **document,
        }


def _said(loaded: int, rejected: int, document: dict[str, Any]) -> str:
    scored, foreseen = len(document["score"]["communes"]), len(document["forecast"]["communes"])
    head = f"Xong: nạp {loaded} tệp mới, từ chối {rejected} tệp, chấm {scored} xã"
    return f"{head}, dự báo {foreseen} xã." if foreseen else f"{head}; chưa dự báo được."


def take_inbox(home: Home, advance: Advance | None = None) -> list[FileResult]:
    """Load what lies in the inbox. A file whose place, size and time are known is not even read."""
    from warehouse import ledger

    results: list[FileResult] = []
    fresh: list[Path] = []
    with home.database.begin() as tx:
        for path in files_of([home.inbox]):
            try:
                status = path.lstat()
            except FileNotFoundError:  # moved away since the folder was listed
                continue
            known = ledger.seen_unchanged(tx, path_text(path.absolute()), status.st_size, status.st_mtime_ns)
            if known is None or known["state"] == "received":
                fresh.append(path)
            else:
                results.append(_known_file(path, known))
    if not fresh:
        return results
    request = Request(candidates(home, None), origin="inbox")
    with gate_of(home) as gate:
        results.extend(ingest_files(home, [(path, request) for path in fresh], gate, advance))
    return results


def _known_file(path: Path, known: dict[str, Any]) -> FileResult:
    status = "rejected" if known["state"] == "rejected" else "duplicate"
    return FileResult(
        path=path_text(path),
        sha256=known["sha256"],
        source=known["source"],
        contract=known["contract"],
        status=status,
        reason=known["reason"],
        message=known["message"],
    )


def state_of(home: Home, tx: Any, year: int, moment: datetime) -> list[Any]:
    """Return what a night's result depends on and does not change itself: loads, rules, registers, code, the day."""
    import criteria

    newest = tx.scalar("select coalesce(max(load_id), 0) from loads")
    day = moment.astimezone(ZONE).date().isoformat()
    notices = {path.name: sha256(path.read_bytes()).hexdigest() for path in sorted(home.notices.glob("*.yaml"))}
    rules = [criteria.load_set().hash, definitions_content(), notices]
    return [newest, year, day, rules, home.calendar.version, home.register.version, code_version()]


def _digest(tx: Any, year: int, state: list[Any]) -> str:
    """Return the digest of a night's state together with the scorecard, which says how wide the forecast must be."""
    from warehouse import forecasts

    return digest_of([*state, forecasts.scores_digest(tx, year)])


def _publish(home: Home, asked: Question) -> tuple[dict[str, Any], Scored]:
    """Score, publish with the recipe, and look across the files."""
    from flows.steps.checks import cross_checks

    with home.database.begin() as tx:
        hold_inputs(tx)
        scored = score_question(home, tx, asked)
        reached("scored")
        document = score_json(scored)
        run = publish(home, tx, scored, document)
        found = cross_checks(home, tx, asked.as_of)
    reached("published")
    return {"score": document, "run": run, "findings": found}, scored


def promised(home: Home, asked: Question, scored: Scored) -> dict[str, Any]:
    """Return where communes stand on the notices of the year (see `commitments_json`); error: why a notice cannot be used.

    The score is published already: a mistake in a notice must not cost the night its reports.
    """
    from flows.steps.commitments import commitments_json

    try:
        return {"notices": commitments_json(home, asked, scored=scored)["notices"], "error": None}
    except UserError as error:
        return {"notices": [], "error": str(error)}


def _nothing_new(
    home: Home, moment: datetime, started: datetime, state: str, last: dict[str, Any], files: list[FileResult]
) -> dict[str, Any]:
    _record(home, moment, started, state, "nothing_new", {"same_as": last["run_id"]})
    rejected = [file for file in files if file.status == "rejected"]
    return {
        "status": "nothing_new",
        "message": f"Không có gì mới từ lần chạy {last['finished_at'].astimezone(ZONE):%d/%m/%Y %H:%M}; không làm lại.",
        "rejected": len(rejected),
        "files": [file.to_json() for file in rejected],
    }


def _record(home: Home, moment: datetime, started: datetime, state: str, outcome: str, summary: dict[str, Any]) -> None:
    with home.database.begin() as tx:
        tx.execute(
            """
            insert into nightly_runs (as_of, started_at, finished_at, state_digest, outcome, summary)
            values (%(as_of)s, %(started)s, %(finished)s, %(state)s, %(outcome)s, %(summary)s::jsonb)
            """,
            {
                "as_of": moment,
                "started": started,
                "finished": now(),
                "state": state,
                "outcome": outcome,
                "summary": json.dumps(summary),
            },
        )
