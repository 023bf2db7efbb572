"""How the installation does: what the status page, /health and /metrics show. Cheap, and sensible while the database is down.

Nothing here is personal: counts, moments and names of parts only.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from flows.steps.home import Home, UserError, now
from flows.steps.trouble import trouble
from warehouse.errors import DatabaseError

if TYPE_CHECKING:
    from warehouse.database import Transaction

GIB: Final = 1024**3
DISK_LOW: Final = 5 * GIB
DISK_EMPTY: Final = 1 * GIB
#: A part that beats every half minute is silent after this (seconds).
SILENT_S: Final = 180.0
#: Events that nobody was told of for so long (seconds), although there is a Prefect.
EVENTS_LATE_S: Final = 900.0
#: Parts whose end stops the work: without the desk nothing is loaded and no night is made up for.
_VITAL: Final = frozenset({"database", "disk", "watch"})


@dataclass(frozen=True)
class Check:
    """name: database, disk, watch, parts, works (of the desk), inbox, inboxes (elsewhere), night, messages, events.

    state: ok, warn or fail. code: why, for words and scripts.
    """

    name: str
    state: str
    code: str
    values: dict[str, Any] = field(default_factory=dict)


def status(home: Home) -> dict[str, Any]:
    """Return {status: ok|degraded|failing, at, checks: [Check], facts: figures or None while the database is down, disk}.

    at: None while the database is down; facts: see `_facts`; disk: {free, total} in bytes, or None when it cannot be asked.
    Raises nothing that the state of the installation can cause.
    """
    disk = _disk(home)
    try:
        moment = now()
        with home.database.begin() as tx:
            facts = _facts(home, tx, moment)
    except Exception as problem:
        known = trouble(problem, home.root)
        code = known[0] if known else getattr(problem, "code", None)
        said = {"message": known[1] if known else str(problem) if isinstance(problem, DatabaseError | UserError) else ""}
        down = Check("database", "fail", code if isinstance(code, str) else type(problem).__name__, said)
        return _document([down, _disk_check(disk)], disk)
    return _document([Check("database", "ok", "up"), _disk_check(disk), *_checks(facts)], disk, moment, facts)


def unanswered(home: Home) -> dict[str, Any]:
    """Return the status of an installation whose database lets its caller wait."""
    disk = _disk(home)
    return _document([Check("database", "fail", "slow"), _disk_check(disk)], disk)


def _document(
    checks: list[Check], disk: dict[str, int] | None, moment: datetime | None = None, facts: dict[str, Any] | None = None
) -> dict[str, Any]:
    return {"status": overall(checks), "at": moment, "checks": checks, "facts": facts, "disk": disk}


def overall(checks: list[Check]) -> str:
    """Return failing when something vital fails, degraded when anything is not as it should be, else ok."""
    if any(check.state == "fail" and check.name in _VITAL for check in checks):
        return "failing"
    return "ok" if all(check.state == "ok" for check in checks) else "degraded"


def _disk(home: Home) -> dict[str, int] | None:
    try:
        found = shutil.disk_usage(home.root)
    except OSError:
        return None
    return {"free": found.free, "total": found.total}


def _disk_check(disk: dict[str, int] | None) -> Check:
    if disk is None:
        return Check("disk", "fail", "unknown")
    state = "fail" if disk["free"] < DISK_EMPTY else "warn" if disk["free"] < DISK_LOW else "ok"
    return Check("disk", state, {"ok": "enough", "warn": "low", "fail": "full"}[state], {"gib": disk["free"] / GIB})


def _facts(home: Home, tx: Transaction, moment: datetime) -> dict[str, Any]:
    """Return the counts of `warehouse.status` and waiting, parts, troubles, inboxes, night, score, forecast.

    waiting: files of the inbox not known yet, None when it cannot be read; parts: see `parts_of`; troubles:
    kind of the desk's work → code of what stops it; inboxes: names of those elsewhere that fail;
    night: {last, seconds, next, missed}.
    """
    from flows.steps import nights
    from warehouse import events
    from warehouse import status as asked

    asked.hurry(tx)
    following = nights.begin_of(nights.night_of(moment) + timedelta(days=1))
    beats = events.beats(tx)
    desks = [beat["detail"] for beat in beats if beat["component"] == "watch" and beat["age_s"] <= SILENT_S]
    return {
        **asked.counts(tx, moment),
        "now": moment,
        "waiting": _waiting(home),
        "files": asked.files_by_state(tx),
        "messages": asked.messages_by_state(tx),
        "alerts": asked.open_alerts(tx),
        "score": asked.last_score(tx),
        "forecast": asked.last_forecast(tx),
        "nights": asked.nights_by_outcome(tx),
        "night": {
            "last": asked.last_tried_night(tx),
            "seconds": asked.last_seconds(tx, "night"),
            "next": following,
            "missed": nights.missed(tx, moment),
        },
        "work": asked.work_of_a_day(tx, moment),
        "parts": parts_of(beats),
        "troubles": {work: code for desk in desks for work, code in desk.get("trouble", {}).items()},
        "inboxes": sorted({name for desk in desks for name in desk.get("inboxes", ())}),
    }


def stuck(home: Home, tx: Transaction) -> dict[str, str]:
    """Return what keeps the machine from its work → the code of why: "disk", "work:<kind>", "inbox:<name>"."""
    from warehouse import events

    found = {"disk": "full"} if _disk_check(_disk(home)).state == "fail" else {}
    for beat in events.beats(tx):
        if beat["component"] == "watch" and beat["age_s"] <= SILENT_S:
            found |= beat["detail"].get("stuck", {})
    return found


def _waiting(home: Home) -> int | None:
    from flows.steps.inbox import fresh_files

    try:
        return len(fresh_files(home)) if os.access(home.inbox, os.R_OK | os.X_OK) else None
    except (UserError, OSError):  # it was removed this very moment
        return None


def parts_of(beats: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the parts of every machine: those the supervisor told of, and those that beat by themselves (workers elsewhere).

    Each is {name, host, pid, state: running, starting, waiting (to be started again) or silent, age_s, restarts}.
    """
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for beat in sorted(beats, key=lambda beat: bool(beat["component"] == "up")):  # it knows better of a part that has just died
        silent = beat["age_s"] > SILENT_S
        own = {"name": beat["component"], "host": beat["host"], "pid": beat["pid"], "age_s": beat["age_s"], "restarts": 0}
        known = found.setdefault((beat["host"], beat["component"]), own)
        known |= {"age_s": beat["age_s"], "pid": beat["pid"], "state": "silent" if silent else "running"}
        for name, part in beat["detail"].get("parts", {}).items():
            other = found.setdefault((beat["host"], name), {"name": name, "host": beat["host"], "age_s": None, "state": None})
            other |= {"pid": part["pid"], "restarts": part["restarts"]}
            if other["state"] is None or silent or part["state"] == "waiting":
                other["state"] = "silent" if silent else part["state"]
    return [found[key] for key in sorted(found)]


def _checks(facts: dict[str, Any]) -> list[Check]:
    return [
        *_part_checks(facts["parts"]),
        *_work_checks(facts),
        _night_check(facts["night"]),
        _message_check(facts),
        _event_check(facts),
    ]


def _part_checks(parts: list[dict[str, Any]]) -> list[Check]:
    if not parts:
        return [Check("watch", "fail", "not_up")]
    desks = [part for part in parts if part["name"] == "watch"]
    alive = any(part["state"] in ("running", "starting") for part in desks)
    others = [part["name"] for part in parts if part["name"] != "watch" and part["state"] in ("silent", "waiting")]
    return [
        Check("watch", "ok" if alive else "fail", "up" if alive else "dead"),
        Check("parts", "warn", "dead", {"parts": others}) if others else Check("parts", "ok", "up"),
    ]


def _work_checks(facts: dict[str, Any]) -> list[Check]:
    """What keeps files waiting although every part runs."""
    troubles = dict(facts["troubles"])
    if troubles.get("pull") == "bad_inboxes":
        del troubles["pull"]
        elsewhere = Check("inboxes", "warn", "bad_inboxes")
    elif facts["inboxes"]:
        elsewhere = Check("inboxes", "warn", "failing", {"inboxes": facts["inboxes"]})
    else:
        elsewhere = Check("inboxes", "ok", "fetched")
    return [
        Check("inbox", "fail", "closed") if facts["waiting"] is None else Check("inbox", "ok", "open"),
        elsewhere,
        Check("works", "warn", "trouble", {"works": sorted(troubles)}) if troubles else Check("works", "ok", "well"),
    ]


def _night_check(night: dict[str, Any]) -> Check:
    if night["missed"]:
        return Check("night", "fail", "missed", {"nights": night["missed"]})
    last = night["last"]
    if last is not None and last["outcome"] == "failed":
        return Check("night", "fail", "failed", {"at": last["finished_at"]})
    return Check("night", "ok", "none" if last is None else "done")


def _message_check(facts: dict[str, Any]) -> Check:
    if lost := facts["messages_lost_lately"]:
        return Check("messages", "warn", "given_up", {"count": lost})
    if late := facts["messages_overdue"]:
        return Check("messages", "warn", "overdue", {"count": late})
    return Check("messages", "ok", "sent")


def _event_check(facts: dict[str, Any]) -> Check:
    """Events are told by the desk; where no runner of Prefect's is known there is nobody to tell."""
    prefect = any(part["name"] == "runner" for part in facts["parts"])
    late = prefect and facts["events_age_s"] > EVENTS_LATE_S
    values = {"count": facts["events_waiting"], "minutes": facts["events_age_s"] / 60}
    return Check("events", "warn", "wait", values) if late else Check("events", "ok", "told")
