"""A load in parts that any process of any machine may do: one file each, whoever comes first, in whatever order they end.

A part is told by a path and a moment, never by data. What it writes is decided by the moment the file is dated with, not by
when it is done (`warehouse.load` hears later files again), so parts done side by side leave the facts of a load in order.
"""

from __future__ import annotations

import atexit
import hashlib
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from flows.steps.files import FileResult, Request, candidates, files_of
from flows.steps.home import Home, UserError, code_version, now
from flows.steps.ingest import ingest_file

if TYPE_CHECKING:
    from sources.quality import Gate

_gates: dict[Path, Gate] = {}
_opening = threading.Lock()


@dataclass(frozen=True)
class Part:
    """One file of a load. place: as an absolute path, the same on every machine. dated: what it says is known from then."""

    place: str
    dated: datetime


def parts_of(paths: Sequence[str], dated: datetime | None = None) -> list[Part]:
    """Return the files meant by paths, in the order they speak: each a microsecond after the one before, the last one at `dated`.

    Two files may tell of one dossier; the later one has the last word wherever and whenever it is read. None is dated after
    `dated`: who asks what was known at that moment hears all of them.
    Raises: UserError (a path that is not there, or not absolute: another machine has another working folder).
    """
    for path in paths:
        if not Path(path).is_absolute():
            raise UserError("relative_path", f"Đường dẫn «{path}» phải đầy đủ, bắt đầu bằng «/», để máy nào cũng hiểu như nhau.")
    found = files_of([Path(path) for path in paths])
    last = dated or now()
    return [Part(str(path), last - timedelta(microseconds=len(found) - k)) for k, path in enumerate(found, 1)]


def requests(
    home: Home, parts: Sequence[Part], contract: str | None, unit: str | None, origin: str
) -> list[tuple[Path, Request]]:
    """Return how each part is to be read. Raises: UserError (an unknown contract or unit)."""
    known = candidates(home, contract)
    if unit is not None and parts:
        home.commune(unit, parts[-1].dated.date(), ended=True)
    return [(Path(part.place), Request(known, unit=unit, received_at=part.dated, origin=origin)) for part in parts]


def load_part(home: Home, part: Part, contract: str | None = None, unit: str | None = None, origin: str = "flow") -> FileResult:
    """Load one file. Doing it twice, here or elsewhere, loads it once; a bad file is an answer, not a failure.

    Raises: DatabaseError, UserError (an unknown contract or unit).
    """
    ((path, request),) = requests(home, [part], contract, unit, origin)
    return ingest_file(home, path, request, warm_gate(home))


def identity(home: Home) -> str:
    """Return a digest of what all machines of one load must share: code, key of tokens, unit register, database."""
    with home.database.begin() as tx:
        made = tx.scalar("select min(applied_at) from schema_migrations")
    said = f"{code_version()} {home.register.version} {made.isoformat()} ".encode()
    return hashlib.sha256(said + home.token_key).hexdigest()[:16]


def finish(home: Home) -> None:
    """Write the quality pages of what was loaded. Raises: GateError."""
    warm_gate(home).build_docs()


def warm_gate(home: Home) -> Gate:
    """Return this process's gate for a home: its worker takes seconds to start and serves every part that comes here."""
    from sources.quality import Gate

    with _opening:
        if home.root not in _gates:
            _gates[home.root] = gate = Gate(home.root, home.reports / "data_docs")
            atexit.register(gate.close)
        return _gates[home.root]
