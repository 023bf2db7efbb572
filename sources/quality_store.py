"""Stored validation results: one JSON file per judged file under CCHC_HOME/quality/validations.

Grain: one file = one sha256 × time of receipt; judging it again replaces its result. Every write is a rename,
so a process killed at any moment leaves whole files only.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Stored:
    """One stored result: the verdict (`summary`) and Great Expectations' own document (`validation`)."""

    id: str
    raw: bytes
    summary: dict[str, Any]
    validation: dict[str, Any]


def result_id(received_at: str, sha256: str) -> str:
    """Return the id of a result: the time of receipt and the first 12 digits of the digest, safe as a file
    name.
    """
    return f"{re.sub(r'[^0-9T]', '', received_at)[:21]}-{re.sub(r'[^0-9a-f]', '', sha256.lower())[:12]}"


def write_atomic(path: Path, data: bytes) -> None:
    """Write a file so that readers see the old bytes or the new ones, never a part; survives kill -9."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with open(temporary, "wb") as handle:
        handle.write(data)
        handle.flush()
        os.fsync(handle.fileno())
    os.replace(temporary, path)


def save(store: Path, summary: dict[str, Any], validation: dict[str, Any]) -> None:
    """Keep one result."""
    body = json.dumps({"summary": summary, "validation": validation}, ensure_ascii=False, sort_keys=True)
    write_atomic(store / "validations" / f"{summary['validation_id']}.json", body.encode())


def load_latest(store: Path, keep: int) -> list[Stored]:
    """Return the `keep` results stored last, newest receipt first; older and unreadable ones are removed.

    Call it under `locked`.
    """
    folder = store / "validations"
    folder.mkdir(parents=True, exist_ok=True)
    aged = []
    for path in folder.glob("*.json"):
        with contextlib.suppress(FileNotFoundError):
            aged.append((path.stat().st_mtime_ns, path))
    aged.sort(reverse=True)
    found = []
    for _, path in aged[:keep]:
        try:
            raw = path.read_bytes()
            body = json.loads(raw)
            found.append(Stored(path.stem, raw, body["summary"], body["validation"]))
        except FileNotFoundError:
            continue
        except (ValueError, KeyError, TypeError):
            path.unlink(missing_ok=True)
    for _, path in aged[keep:]:
        path.unlink(missing_ok=True)
    sweep(folder)
    return sorted(found, key=lambda item: item.id, reverse=True)


def sweep(folder: Path) -> None:
    """Remove the temporary files of processes that are gone."""
    for path in folder.glob(".*.tmp"):
        pid = path.name.split(".")[-2]
        if not pid.isdigit() or not _alive(int(pid)):
            path.unlink(missing_ok=True)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


@contextlib.contextmanager
def locked(store: Path) -> Iterator[None]:
    """Hold the store's lock; the kernel frees it when the process ends, however it ends."""
    store.mkdir(parents=True, exist_ok=True)
    with open(store / ".lock", "w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
