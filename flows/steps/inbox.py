"""What lies in the inbox: which files have arrived whole, and loading those that are not known yet."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from flows.steps.files import FileResult, Request, candidates, files_of, path_text
from flows.steps.home import Home, UserError
from flows.steps.ingest import gate_of, ingest_files
from flows.steps.pull import inboxes, readable

if TYPE_CHECKING:
    from sources.quality import Gate

Advance = Callable[[str, int, int], None]
Load = Callable[[Sequence[Path]], list[FileResult]]
#: A file has arrived when its size and times have stayed the same for so many seconds.
SETTLE_S: Final = 1.0
#: Times further ahead than this are another machine's clock and say nothing.
_SKEW_S: Final = 2.0
#: Size, time of the last change, time of the last change of its entry (nanoseconds).
Face = tuple[int, int, int]


@dataclass
class Looks:
    """What files looked like when they were looked at before. Keep one as long as files are waited for."""

    seen: dict[Path, tuple[Face, float]] = field(default_factory=dict)

    def arrived(self, paths: Iterable[Path]) -> tuple[list[Path], bool]:
        """Return the files that have arrived whole, in the order given, and whether others are still being written.

        A file met for the first time counts at once when its times are old enough; otherwise it must look the same again.
        """
        clock, wall = time.monotonic(), time.time()
        faces: dict[Path, tuple[Face, float]] = {}
        whole, waiting = [], False
        for path in paths:
            try:
                status = path.lstat()
            except FileNotFoundError:  # moved away since the folder was listed
                continue
            face = (status.st_size, status.st_mtime_ns, status.st_ctime_ns)
            known, since = self.seen.get(path, (None, clock))
            if known is None:
                age = wall - max(status.st_mtime_ns, status.st_ctime_ns) / 1e9
                since = clock - max(age, 0.0) if age > -_SKEW_S else clock
            elif known != face:
                since = clock
            faces[path] = (face, since)
            if clock - since >= SETTLE_S:
                whole.append(path)
            else:
                waiting = True
        self.seen = faces
        return whole, waiting

    def soonest(self) -> float:
        """Return the seconds until the next of the files that are still waited for may have arrived."""
        clock = time.monotonic()
        left = [SETTLE_S - (clock - since) for _, since in self.seen.values()]
        return max(0.05, min((seconds for seconds in left if seconds > 0), default=0.0))


def take_inbox(
    home: Home, advance: Advance | None = None, *, gate: Gate | None = None, looks: Looks | None = None, load: Load | None = None
) -> tuple[list[FileResult], list[FileResult]]:
    """Load what lies in the inbox, in the order of its age. Returns (what became of new files, what is known of the others).

    A file whose place, size and time are known is not even read; one that is still being written stays for the next time, and so
    does one of an inbox elsewhere whose settings cannot be used: its result says why.
    looks: of a caller who comes again soon; without it, files that came this very second are given a moment. gate: one that is
    open already. load: who loads the files instead of this process.
    """
    known, fresh = _sorted_out(home)
    whole, _ = looks.arrived(fresh) if looks is not None else _given_a_moment(fresh)
    if not whole:
        return [], known
    request = _requests_for(home)
    done: list[FileResult] = []
    asked: list[tuple[Path, Request]] = []
    for path in whole:
        found = request(path)
        if isinstance(found, Request):
            asked.append((path, found))
        else:
            text = f"Tệp ở lại hộp thư, chưa nạp. {found}"
            done.append(FileResult(path_text(path), reason=found.code, message=text))
    if load is not None:
        usual = request(None)
        done += load([path for path, found in asked if found is usual])
        asked = [(path, found) for path, found in asked if found is not usual]
    if asked:
        with nullcontext(gate) if gate else gate_of(home) as judge:
            done += ingest_files(home, asked, judge, advance)
    return done, known


def _requests_for(home: Home) -> Callable[[Path | None], Request | UserError]:
    """Return how each file of the local inbox is to be read: as the settings of the inbox it came from say, else the usual way.

    An error: those settings cannot be used now, and say why; the file is to stay. Asked about None, the usual way.
    The settings are read once, not per file.
    """
    usual = Request(candidates(home, None), origin="inbox")
    made: dict[str, Request | UserError] = {}

    def request(path: Path | None) -> Request | UserError:
        inside = path.relative_to(home.inbox).parts if path else ()
        if len(inside) < 2:
            return usual
        if inside[0] not in made:
            made[inside[0]] = _request_of(home, inside[0], usual)
        return made[inside[0]]

    return request


def _request_of(home: Home, name: str, usual: Request) -> Request | UserError:
    try:
        for inbox in inboxes(home):
            if inbox.name == name:
                readable(home, inbox)
                contracts = candidates(home, inbox.contract) if inbox.contract else usual.contracts
                return Request(contracts, inbox.unit, origin="inbox")
    except UserError as problem:
        return problem
    return usual


def fresh_files(home: Home) -> list[Path]:
    """Return the files of the inbox that are not known yet, oldest first. Asked often: thousands that are known cost little."""
    from warehouse import ledger

    faces = _faces(home)
    with home.database.begin() as tx:
        unknown = ledger.unknown_at(tx, list(faces.values()))
    return [path for path, face in faces.items() if face in unknown]


def _given_a_moment(paths: list[Path]) -> tuple[list[Path], bool]:
    """Return the files that have arrived (see `Looks.arrived`), after a second look when some came just now."""
    looks = Looks()
    whole, waiting = looks.arrived(paths)
    if not waiting:
        return whole, waiting
    time.sleep(SETTLE_S)
    return looks.arrived(paths)


def _sorted_out(home: Home) -> tuple[list[FileResult], list[Path]]:
    """Return what is known of the inbox's files, and those that are not known as they lie there now."""
    from warehouse import ledger

    faces = _faces(home)
    with home.database.begin() as tx:
        seen = ledger.seen_at(tx, list(faces.values()))
    results, fresh = [], []
    for path, face in faces.items():
        known = seen.get(face)
        if known is None or known["state"] == "received":
            fresh.append(path)
        else:
            results.append(_known_file(path, known))
    return results, fresh


def _faces(home: Home) -> dict[Path, tuple[str, int, int]]:
    """Return (location, size, modified_ns) of each file of the inbox, oldest first."""
    faces = {}
    for path in files_of([home.inbox]):
        try:
            status = path.lstat()
        except FileNotFoundError:  # moved away since the folder was listed
            continue
        faces[path] = (path_text(path.absolute()), status.st_size, status.st_mtime_ns)
    return faces


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
