"""The checks of `cchc doctor`, in the order in which they are told: the machine, the database, the work, the data."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import stat
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from flows.steps import pins
from flows.steps.doctor import Check, Finding
from flows.steps.doctor_prefect import events_wait, server_and_schedule
from flows.steps.health import DISK_EMPTY, DISK_LOW, GIB, parts_of
from flows.steps.home import ZONE, Home, UserError, clock_is_replaced, now

_OLDEST_PYTHON: Final = (3, 11)
#: The database's clock and this machine's may differ by so many seconds before loads are dated wrongly enough to be said.
_APART_S: Final = 60.0
#: A night later than this is late, whoever runs it.
_NIGHT_LATE: Final = timedelta(hours=26)

#: Seconds spent on reading stored contents.
_HASHING_S: Final = 8.0


def _python(home: Home) -> Finding:
    if sys.version_info[:2] < _OLDEST_PYTHON:
        return Finding("fail", "old_python", {"found": sys.version.split()[0], "needed": "3.11"})
    broken = list(pins.broken())
    if broken:
        return Finding("fail", "pins", {"broken": broken})
    return Finding("ok", "python", {"found": sys.version.split()[0], "pins": len(pins.PINS)})


def _folder(home: Home) -> Finding:
    """The home itself, and what is secret in it."""
    root = home.root
    if not root.exists():
        return Finding("warn", "no_home", {"home": root})
    if not root.is_dir() or not os.access(root, os.R_OK | os.W_OK | os.X_OK):
        return Finding("fail", "home_closed", {"home": root})
    secrets = root / "secrets.json"
    if secrets.exists() and stat.S_IMODE(secrets.stat().st_mode) & 0o077:
        return Finding("fail", "secrets_open", {"path": secrets})
    data = root / "pgdata"
    if data.is_dir() and stat.S_IMODE(data.stat().st_mode) & 0o077:
        return Finding("fail", "data_open", {"path": data})
    return Finding("ok", "home", {"home": root})


def _disk(home: Home) -> Finding:
    """The scarcer of the home's disk and of the disk of temporary files."""
    root = next(folder for folder in (home.root, *home.root.parents) if folder.exists())
    free, place = min((shutil.disk_usage(folder).free, str(folder)) for folder in (root, tempfile.gettempdir()))
    state, text = ("fail", "disk_full") if free < DISK_EMPTY else ("warn", "disk_low") if free < DISK_LOW else ("ok", "disk")
    return Finding(state, text, {"place": place, "gib": free / GIB})


def _clock(home: Home) -> Finding:
    moment = now()  # raises when a replaced clock cannot be read
    if clock_is_replaced():
        return Finding("warn", "clock_replaced", {"at": moment.astimezone(ZONE)})
    return Finding("ok", "clock", {"at": moment.astimezone(ZONE)})


def _database(home: Home) -> Finding:
    """Usable, of a known version, brought up to date, and of one time with this machine."""
    from warehouse import diagnosis, engine, place

    embedded = engine.is_embedded()
    if embedded and not place.pointer_file(home.root).exists():
        return Finding("warn", "no_database")
    with home.database.begin() as tx:
        found = diagnosis.server(tx)
    apart = abs((found["clock"] - datetime.now(UTC)).total_seconds())
    if apart > _APART_S:
        return Finding("warn", "clocks_apart", {"seconds": apart})
    return Finding("ok", "database", {"server": found["server"], "version": found["version"], "embedded": embedded})


def _counts(home: Home) -> dict[str, Any]:
    from warehouse import status

    with home.database.begin() as tx:
        return status.counts(tx, now())


def _night(home: Home) -> Finding:
    """Whether nights come: none is missed, the last one came to a result, and not too long ago."""
    from flows.steps import nights
    from warehouse import chain, status

    moment = now()
    with home.database.begin() as tx:
        missed, last, newest = nights.missed(tx, moment), chain.last_night(tx), status.last_tried_night(tx)
    if missed:
        return Finding("fail", "night_missed", {"nights": missed})
    if newest is not None and newest["outcome"] == "failed":
        return Finding("fail", "night_failed", {"at": newest["finished_at"].astimezone(ZONE)})
    if last is None:
        return Finding("warn", "no_night")
    at = last["finished_at"].astimezone(ZONE)
    if moment - last["as_of"] > _NIGHT_LATE:
        return Finding("warn", "night_old", {"at": at})
    return Finding("ok", "night", {"at": at})


def _parts(home: Home) -> Finding:
    """The parts of `cchc up`: all alive, all stopped, or some dead."""
    from warehouse import events

    with home.database.begin() as tx:
        parts = parts_of(events.beats(tx))
    if all(part["state"] == "silent" for part in parts):
        return Finding("warn", "not_up")
    if dead := [part["name"] for part in parts if part["state"] in ("silent", "waiting")]:
        return Finding("fail", "part_dead", {"parts": dead})
    return Finding("ok", "parts", {"parts": [part["name"] for part in parts]})


def _inbox(home: Home) -> Finding:
    if not home.inbox.is_dir():
        return Finding("warn", "no_inbox", {"path": home.inbox})
    if not os.access(home.inbox, os.R_OK | os.W_OK | os.X_OK):
        return Finding("fail", "inbox_closed", {"path": home.inbox})
    files = [path for path in home.inbox.rglob("*") if path.is_file() and not path.name.startswith((".", "~$"))]
    closed = [path for path in files if not os.access(path, os.R_OK)]
    if closed:
        return Finding("fail", "inbox_files_closed", {"count": len(closed), "name": closed[0].name})
    return Finding("ok", "inbox", {"count": len(files)})


def _rejected(home: Home) -> Finding:
    count = _counts(home)["rejected_lately"]
    return Finding("warn", "rejected", {"count": count}) if count else Finding("ok", "none_rejected")


def _messages(home: Home) -> Finding:
    found = _counts(home)
    if found["messages_lost_lately"]:
        return Finding("fail", "messages_given_up", {"count": found["messages_lost_lately"]})
    if found["messages_overdue"]:
        return Finding("warn", "messages_overdue", {"count": found["messages_overdue"]})
    return Finding("ok", "messages")


def _alert_settings(home: Home) -> Finding:
    from flows.steps.alert_settings import load_settings

    settings = load_settings(home, addresses=True)
    if settings.warnings:
        return Finding("warn", "alert_warnings", {"warnings": settings.warnings})
    people = settings.recipients
    return Finding("ok", "alert_settings", {"count": len(people)}) if people else Finding("warn", "nobody_told")


def _inboxes(home: Home) -> Finding:
    """The settings, and that every unit and every contract named in them is known: until then files wait."""
    from flows.steps.pull import inboxes, readable

    try:
        found = inboxes(home)
        for inbox in found:
            readable(home, inbox)
    except UserError as error:
        return Finding("fail", "inboxes_bad", {"message": str(error)})
    return Finding("ok", "inboxes", {"count": len(found)})


def _snapshots(home: Home) -> Finding:
    """Some stored contents, read and hashed for a few seconds: the newest ones, and others at random."""
    from sources.snapshot import place_of
    from warehouse import diagnosis

    with home.database.begin() as tx:
        sample = diagnosis.sample_of_contents(tx)
    random.shuffle(sample)
    missing, changed, looked = [], [], 0
    until = time.monotonic() + _HASHING_S
    for sha256 in sample:
        path = place_of(sha256, home.snapshots)
        looked += 1
        if not path.exists():
            missing.append(sha256)
            continue
        with path.open("rb") as content:
            if hashlib.file_digest(content, "sha256").hexdigest() != sha256:
                changed.append(sha256)
        if time.monotonic() > until:
            break
    if missing or changed:
        return Finding("fail", "snapshots_bad", {"missing": missing, "changed": changed, "count": looked})
    return Finding("ok", "snapshots", {"count": looked})


def _integrity(home: Home) -> Finding:
    from flows.steps.checks import integrity

    broken = integrity(home)
    if broken:
        return Finding("fail", "integrity_broken", {"checks": [row["check"] for row in broken]})
    return Finding("ok", "integrity")


def _audit(home: Home) -> Finding:
    from flows.steps.audit import verify

    document = verify(home)
    return Finding("ok" if document["intact"] else "fail", "said", {"message": document["message"], "remedy": ""})


CHECKS: Final = (
    Check("python", _python, needs_database=False),
    Check("home", _folder, needs_database=False),
    Check("disk", _disk, needs_database=False),
    Check("clock", _clock, needs_database=False),
    Check("database", _database, needs_database=False),
    Check("night", _night),
    Check("parts", _parts),
    Check("prefect", server_and_schedule),
    Check("events", events_wait),
    Check("inbox", _inbox, needs_database=False),
    Check("rejected", _rejected),
    Check("messages", _messages),
    Check("alert_settings", _alert_settings, needs_database=False),
    Check("inboxes", _inboxes, needs_database=False),
    Check("snapshots", _snapshots),
    Check("integrity", _integrity),
    Check("audit", _audit),
)
