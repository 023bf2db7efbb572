"""Logs of the parts that go on running: one JSON object per line, bounded in size, without values of rows and without secrets.

A line says when, which part, how grave, what happened (`event`) and to what (ids, counts, seconds). Texts of exceptions are
left out, as they may hold a cell or an address: their kind and where they arose are kept.
"""

from __future__ import annotations

import json
import logging
import os
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any, Final

#: Of every log: bytes of one file, and how many older ones are kept beside it.
FILE_BYTES: Final = 5_000_000
KEPT: Final = 4
#: Written by others and cut by us: PostgreSQL's own (one file per weekday), the keeper's, what a command noted of its fault.
_FOREIGN: Final = ("*.log", "postgresql/*.log")


class Log:
    """The log of one part: `CCHC_HOME/logs/<component>.jsonl`. One process writes it. A full disk never stops the part."""

    def __init__(self, root: Path, component: str) -> None:
        self.component = component
        folder = root / "logs"
        folder.mkdir(parents=True, exist_ok=True)
        self._handler = RotatingFileHandler(
            folder / f"{component}.jsonl", maxBytes=FILE_BYTES, backupCount=KEPT, encoding="utf-8", errors="replace"
        )
        self._handler.handleError = lambda record: None  # type: ignore[method-assign]

    def info(self, event: str, **ids: Any) -> None:
        self._write(logging.INFO, event, ids)

    def warning(self, event: str, **ids: Any) -> None:
        self._write(logging.WARNING, event, ids)

    def error(self, event: str, problem: BaseException | None = None, **ids: Any) -> None:
        """Note a failure; of the exception only its kind, its code and its places in the source."""
        if problem is not None:
            ids |= described(problem)
        self._write(logging.ERROR, event, ids)

    def close(self) -> None:
        self._handler.close()

    def _write(self, level: int, event: str, ids: dict[str, Any]) -> None:
        line = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "component": self.component,
            "level": logging.getLevelName(level).lower(),
            "event": event,
            **ids,
        }
        text = json.dumps(line, ensure_ascii=False, default=str)
        self._handler.handle(logging.LogRecord(self.component, level, "", 0, text, None, None))


def described(problem: BaseException) -> dict[str, Any]:
    """Return kind, code (when it has one) and places of an exception, never its text."""
    frames = traceback.extract_tb(problem.__traceback__)
    found: dict[str, Any] = {"problem": type(problem).__name__}
    if isinstance(code := getattr(problem, "code", None), str | int):
        found["code"] = code
    found["where"] = [f"{Path(frame.filename).name}:{frame.lineno}:{frame.name}" for frame in frames[-6:]]
    return found


class Output:
    """What a child process prints, in a bounded file: `CCHC_HOME/logs/<component>.out.log` and KEPT older ones."""

    def __init__(self, root: Path, component: str, limit: int = FILE_BYTES) -> None:
        folder = root / "logs"
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / f"{component}.out.log"
        self._limit = limit

    def write(self, text: bytes) -> None:
        """Append; a full disk loses text, never the child that printed it."""
        try:
            with self.path.open("ab") as file:
                if file.tell() + len(text) > self._limit and file.tell():
                    _shift(self.path)
                    self.path.write_bytes(text)
                else:
                    file.write(text)
        except OSError:
            time.sleep(0.1)


def _shift(path: Path) -> None:
    """Make room: the log becomes `.1`, `.1` becomes `.2` … and the oldest is deleted."""
    for number in range(KEPT - 1, 0, -1):
        older = path.with_name(f"{path.name}.{number}")
        if older.exists():
            older.replace(path.with_name(f"{path.name}.{number + 1}"))
    path.replace(path.with_name(f"{path.name}.1"))


def bound(root: Path, limit: int = FILE_BYTES) -> list[str]:
    """Cut the logs that other programs append to: what is older goes to `.old` (one file, replaced). Returns the names cut.

    They are cut in place, because whoever has them open goes on appending to the same file.
    """
    cut = []
    for pattern in _FOREIGN:
        for path in sorted((root / "logs").glob(pattern)):
            try:
                if path.name.endswith(".out.log") or path.stat().st_size <= limit:
                    continue
                _keep_tail(path, limit)
                os.truncate(path, 0)
                cut.append(path.name)
            except OSError:  # gone meanwhile, or no room for the tail: the next time
                continue
    return cut


def _keep_tail(path: Path, limit: int) -> None:
    """Copy the last `limit` bytes of a log beside it, readable to the same people."""
    older = path.with_name(path.name + ".old")
    fd = os.open(older, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(fd, "wb") as target, path.open("rb") as source:
        source.seek(-limit, os.SEEK_END)
        target.write(source.read(limit))


def note_fault(root: Path, problem: BaseException) -> Path:
    """Append where an unexpected exception arose to `logs/errors.log` (bounded). Returns the file. Raises: OSError."""
    place = root / "logs" / "errors.log"
    place.parent.mkdir(parents=True, exist_ok=True)
    # Only where, never the values: an exception's text may hold a cell.
    frames = "".join(traceback.format_list(traceback.extract_tb(problem.__traceback__)))
    with place.open("a", encoding="utf-8") as log:
        log.write(f"{datetime.now(UTC).isoformat()} {type(problem).__name__}\n{frames}\n")
        full = log.tell() > FILE_BYTES
    if full:
        place.replace(place.with_name("errors.log.1"))
    return place


@contextmanager
def discreet(root: Path) -> Iterator[None]:
    """Let an unexpected exception out without its text, for a caller that keeps what it catches (Prefect, Dask).

    Raises: UserError and DatabaseError as they are (sentences of ours), else RuntimeError with the kind and where to look.
    """
    from flows.steps.home import UserError
    from warehouse.errors import DatabaseError

    try:
        yield
    except (UserError, DatabaseError):
        raise
    except Exception as problem:
        raise RuntimeError(f"{type(problem).__name__}, xem {note_fault(root, problem)}") from None
