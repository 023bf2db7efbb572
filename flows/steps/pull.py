"""Fetching from inboxes elsewhere (docs/inboxes.md): new files, once they stand still, whole, each version once.

What was fetched is asked of the warehouse (`remote_files`), so a pull may be cut anywhere, run twice or come late. A file lies
in the local inbox only when it is whole; from there on it is a file like any other.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from flows.steps.credentials import credentials_of
from flows.steps.failpoints import reached
from flows.steps.files import candidates
from flows.steps.home import ZONE, Home, UserError, now
from sources.remote_errors import Changed, RemoteError, of_disk
from sources.remote_settings import FILE_NAME, Inbox, read_inboxes

if TYPE_CHECKING:
    from sources.remote import Remote, Server

Credentials = Callable[[Inbox], dict[str, str]]
PARTS: Final = ".part"
#: What must stay free on the disk when a file has come.
RESERVE: Final = 256 * 1024**2
#: A file that was last written longer ago than any clock is wrong is not waited for.
OLD_S: Final = 86_400.0
#: A pull waits by itself for files to stand still at most so long; later ones are left to the next pull.
PATIENCE_S: Final = 10.0
#: Of a page that tells names only, a file that is known is asked about again after this.
AGAIN_S: Final = 86_400.0
#: Bytes of the longest path that the warehouse can tell from others.
LONGEST_PATH: Final = 1000
#: How often a cut transfer is taken up again at once.
CUTS: Final = 2
#: Seconds until a server, or a file, that failed n times in a row is tried again.
BACKOFF_S: Final = (60.0, 300.0, 900.0, 3600.0)
#: A part of a file that nobody went on with is removed after this.
PART_S: Final = 7 * 86_400.0
_NEXT_TRY: Final[dict[tuple[Path, str], tuple[int, float, str]]] = {}


def pull(
    home: Home, credentials: Credentials = credentials_of, *, only: str | None = None, forced: bool = False
) -> list[dict[str, Any]]:
    """Fetch what is new from the inboxes of `inboxes.yaml`, in its order. Returns one entry per inbox.

    Entries: {inbox, url, status, listed, fetched, waiting, failed, error, message, seconds}. status: "done" (something was
    fetched), "nothing_new", "failed" (the inbox: error and message say why; or some of its files), "later" (it failed before and
    is not tried yet), "busy" (somebody else is fetching from it) or "off". fetched: [{path, name, bytes, sha256}]; waiting and
    failed: [{path, code, message}]. only: the name of one inbox. forced: now, whatever failed before.
    Raises: UserError for settings that cannot be used.
    """
    _sweep(home)
    return [_one(home, inbox, credentials, forced) for inbox in inboxes(home, only)]


def check(home: Home, credentials: Credentials = credentials_of, *, only: str | None = None) -> list[dict[str, Any]]:
    """Connect to the inboxes and list them, fetching nothing. Returns entries as `pull` does; status "done" or "failed"."""
    return [_tried(home, inbox, partial(_list_only, home, inbox, credentials)) for inbox in inboxes(home, only)]


def inboxes(home: Home, only: str | None = None) -> list[Inbox]:
    """Return the inboxes of the settings, or the one asked for. Raises: UserError."""
    try:
        found = read_inboxes(home.root / FILE_NAME)
    except RemoteError as problem:
        raise UserError(problem.code, str(problem)) from None
    if only is None:
        return found
    if chosen := [inbox for inbox in found if inbox.name == only]:
        return chosen
    known = ", ".join(inbox.name for inbox in found) or "chưa có hộp thư nào"
    raise UserError("unknown_inbox", f"Không có hộp thư «{only}» trong {FILE_NAME}; đang có: {known}.")


def readable(home: Home, inbox: Inbox) -> None:
    """Raises: UserError when its unit or its contract does not exist."""
    try:
        if inbox.unit:
            home.commune(inbox.unit, now().astimezone(ZONE).date(), ended=True)
        if inbox.contract:
            candidates(home, inbox.contract)
    except UserError as problem:
        raise UserError(problem.code, f"{FILE_NAME}:{inbox.line}: {problem}") from None


def _refuse_own(home: Home, inbox: Inbox) -> None:
    """Raises: UserError when it would fetch from this home into this home, again and again."""
    if inbox.scheme == "file":
        source, own = Path(inbox.folder).resolve(), home.root.resolve()
        if source.is_relative_to(own) or (inbox.recursive and own.is_relative_to(source)):
            text = f"{FILE_NAME}:{inbox.line}: «url» trỏ vào chính nơi cài đặt {home.root}; hãy trỏ tới thư mục khác."
            raise UserError("own_folder", text)


def _entry(inbox: Inbox, status: str) -> dict[str, Any]:
    return {
        "inbox": inbox.name, "url": inbox.shown, "status": status, "listed": 0, "fetched": [], "waiting": [], "failed": [],
        "error": None, "message": None, "seconds": 0.0,
    }  # fmt: skip


def _tried(home: Home, inbox: Inbox, work: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Return the entry of an inbox after `work` on it, whatever became of it."""
    entry, clock = _entry(inbox, "nothing_new"), time.monotonic()
    try:
        if not inbox.enabled:
            entry["status"] = "off"
        else:
            readable(home, inbox)
            _refuse_own(home, inbox)
            work(entry)
    except (RemoteError, UserError, OSError) as caught:
        problem = of_disk(caught) if isinstance(caught, OSError) else caught
        entry |= {"status": "failed", "error": problem.code, "message": str(problem)}
    entry["seconds"] = round(time.monotonic() - clock, 3)
    return entry


def _one(home: Home, inbox: Inbox, credentials: Credentials, forced: bool) -> dict[str, Any]:
    failures, until, said = _NEXT_TRY.get((home.root, inbox.name), (0, 0.0, ""))
    if failures and not forced and inbox.enabled and time.monotonic() < until:
        return _entry(inbox, "later") | {"error": "later", "message": said}
    started = now()
    with home.database.session_lock(f"pull:{inbox.name}", wait=False) as mine:
        if not mine:
            text = "Hộp thư này đang được lấy ở một tiến trình khác; không cần làm gì thêm."
            return _entry(inbox, "busy") | {"error": "busy", "message": text}
        entry = _tried(home, inbox, partial(_fetch_new, home, inbox, credentials, forced))
    if entry["error"]:
        pause = BACKOFF_S[min(failures, len(BACKOFF_S) - 1)]
        _NEXT_TRY[home.root, inbox.name] = failures + 1, time.monotonic() + pause, entry["message"]
    else:
        _NEXT_TRY.pop((home.root, inbox.name), None)
    if entry["fetched"] or entry["status"] == "failed" or failures:
        _log(home, inbox, entry, started)
    return entry


def _log(home: Home, inbox: Inbox, entry: dict[str, Any], started: datetime) -> None:
    from warehouse import events

    detail = {name: len(entry[name]) for name in ("fetched", "waiting", "failed")} | {"error": entry["error"]}
    outcome = entry["status"] if entry["status"] in ("done", "nothing_new", "failed") else "nothing_new"
    with home.database.begin() as tx:
        events.log_work(tx, "pull", inbox.name, started, entry["seconds"], outcome, detail)


def _list_only(home: Home, inbox: Inbox, credentials: Credentials, entry: dict[str, Any]) -> None:
    from sources.remote import connect

    server = connect(inbox, credentials(inbox), home.root)
    try:
        entry |= {"listed": len(server.listing()), "status": "done"}
    finally:
        server.close()


def _fetch_new(home: Home, inbox: Inbox, credentials: Credentials, forced: bool, entry: dict[str, Any]) -> None:
    """Fetch what is new and stands still; fills the entry."""
    from sources.remote import connect

    server = connect(inbox, credentials(inbox), home.root)
    try:
        _Pull(home, inbox, server, forced, entry).run()
    finally:
        server.close()
    entry["status"] = "failed" if entry["failed"] else "done" if entry["fetched"] else "nothing_new"


class _Pull:
    """One pull from one open inbox."""

    def __init__(self, home: Home, inbox: Inbox, server: Server, forced: bool, entry: dict[str, Any]) -> None:
        self.home, self.inbox, self.server, self.forced, self.entry = home, inbox, server, forced, entry
        self.rows: dict[tuple[str, str], dict[str, Any]] = {}
        self.left_out: list[Remote] = []

    def run(self) -> None:
        """List, wait a moment for new files to stand still, fetch."""
        ready, waiting = self._listed()
        if waiting and self.inbox.settle_seconds <= PATIENCE_S:
            time.sleep(self.inbox.settle_seconds)
            ready, waiting = self._listed()
        for file in self.left_out:
            self._note("failed", file, "path_too_long", "Đường dẫn của tệp quá dài; hãy chuyển tệp lên thư mục gần gốc hơn.")
        for file in waiting:
            self._note("waiting", file, "settling", "Tệp còn mới hoặc đang được ghi; sẽ tải khi tệp đứng yên.")
        for file in ready:
            row = self.rows[file.path, file.version]
            if row["state"] == "failed" and not self.forced and row["since_s"] < _pause(row["attempts"]):
                self._note("waiting", file, row["error"], "Lần trước chưa tải được; sẽ tự thử lại.")
            else:
                self._attempt(file, row)

    def _listed(self) -> tuple[list[Remote], list[Remote]]:
        """Return the new files that stand still and those that do not yet; settles what is to become of fetched ones."""
        from warehouse import remote

        name = self.inbox.name
        with self.home.database.begin() as tx:
            known = remote.known(tx, name)
        recent = {path for (path, _), row in known.items() if row["state"] == "fetched" and row["since_s"] < AGAIN_S}
        listed = self.server.listing(recent if self.server.names_only else ())
        files = [file for file in listed if len(file.path.encode()) <= LONGEST_PATH]
        self.left_out = [file for file in listed if len(file.path.encode()) > LONGEST_PATH]
        with self.home.database.begin() as tx:
            remote.forget(tx, name, [(f.path, f.version) for f in files])
            remote.see(tx, name, [(f.path, f.version, _bigint(f.size)) for f in files if (f.path, f.version) not in known])
            self.rows = remote.known(tx, name)
            old = [file for file in files if self.rows[file.path, file.version]["state"] == "fetched"]
            if self.server.names_only:
                for file in old:
                    remote.fetched(tx, name, file.path, file.version)
        self.entry["listed"] = len(listed)
        if self.inbox.after != "keep":
            for file in old:
                if file.tag or file.modified is not None:  # a size alone does not say that it is still the one that was fetched
                    self._aside(file)
        new = [file for file in files if self.rows[file.path, file.version]["state"] != "fetched"]
        return [file for file in new if self._stands(file)], [file for file in new if not self._stands(file)]

    def _stands(self, file: Remote) -> bool:
        """Whether a file is finished: seen just so a while ago, very old, or of a server where files appear whole."""
        if self.server.whole or self.rows[file.path, file.version]["age_s"] >= self.inbox.settle_seconds:
            return True
        return file.modified is not None and time.time() - file.modified > OLD_S

    def _attempt(self, file: Remote, row: dict[str, Any]) -> None:
        """Fetch one file; what concerns it alone is noted, what concerns the inbox is raised."""
        from warehouse import remote

        try:
            self._fetch(file, row)
        except Changed as problem:
            self._note("waiting", file, problem.code, str(problem))
        except RemoteError as problem:
            with self.home.database.begin() as tx:
                remote.failed(tx, self.inbox.name, file.path, file.version, problem.code)
            self._note("failed", file, problem.code, str(problem))
            if not problem.of_file:
                raise
        else:
            if self.inbox.after != "keep":
                self._aside(file)

    def _note(self, where: str, file: Remote, code: str, message: str) -> None:
        self.entry[where].append({"path": file.path, "code": code, "message": message})

    def _fetch(self, file: Remote, row: dict[str, Any]) -> None:
        """Have the file in the local inbox and write it down. Raises: RemoteError."""
        from sources.remote import too_big
        from sources.remote_names import digest
        from warehouse import remote

        name = self.inbox.name
        if file.size is not None and file.size > self.inbox.max_bytes:
            raise too_big(self.inbox.max_bytes)
        mark = digest(name, file.path)[:24]
        part = _folder(self.home.inbox / PARTS) / f"{mark}-{digest(file.version)[:16]}.part"
        for other in part.parent.glob(f"{mark}-*"):
            if other != part:  # of a version that is no more
                other.unlink(missing_ok=True)
        place = self._put_before(file, row)
        if place is None:
            _room(self.home.inbox, file.size or 0)
            sha256 = self._received(file, part)
            place = self._place(file, sha256)
            with self.home.database.begin() as tx:
                remote.received(tx, name, file.path, file.version, sha256, place.name)
            reached("pull_received")
            if file.modified is not None and 0 < file.modified < time.time():
                os.utime(part, (file.modified, file.modified))  # files are loaded in the order of their age
            os.replace(part, place)
            _sync(place.parent)
            reached("pull_placed")
        else:
            sha256 = row["sha256"]
        with self.home.database.begin() as tx:
            remote.fetched(tx, name, file.path, file.version)
        self.entry["fetched"].append({"path": file.path, "name": place.name, "bytes": file.size, "sha256": sha256})

    def _received(self, file: Remote, part: Path) -> str:
        """Receive the file, taking up a cut transfer a few times; returns its SHA-256."""
        from sources.remote import fetch

        for _ in range(CUTS):
            try:
                return fetch(self.server, file, part, self.inbox.max_bytes)
            except RemoteError as problem:
                if problem.code != "cut":
                    raise
            self.server.renew()
        return fetch(self.server, file, part, self.inbox.max_bytes)

    def _put_before(self, file: Remote, row: dict[str, Any]) -> Path | None:
        """Return where the file lies already: this process may have died after putting it there and before saying so."""
        if not row["local_name"]:
            return None
        place = self.home.inbox / self.inbox.name / row["local_name"]
        return place if _sha256(place) == row["sha256"] else None

    def _place(self, file: Remote, sha256: str) -> Path:
        """Return where the file is to lie: another version that lies there stays."""
        from sources.remote_names import local_name

        folder = _folder(self.home.inbox / self.inbox.name)
        usual = folder / local_name(file.path)
        return usual if _sha256(usual) in (None, sha256) else folder / local_name(file.path, file.version)

    def _aside(self, file: Remote) -> None:
        """Delete or move away there what lies here safely, unless it has changed since."""
        from sources.remote_names import local_name

        try:
            if self.server.look(file).version != file.version:
                return
            verb, _, folder = self.inbox.after.partition(":")
            if verb == "delete":
                self.server.remove(file)
            else:
                self.server.move(file, folder, local_name(file.path, f"{file.version}"))
        except RemoteError as problem:
            if problem.code != "not_there":  # somebody else took it away
                self._note("failed", file, problem.code, f"Đã lấy tệp nhưng chưa {_VERBS[verb]} được ở máy chủ. {problem}")


_VERBS: Final = {"delete": "xóa", "move": "chuyển"}


def _bigint(size: int | None) -> int | None:
    """Return a size as the warehouse can hold it: a server may say anything."""
    return None if size is None else min(size, 2**62)


def _pause(attempts: int) -> float:
    return BACKOFF_S[min(max(attempts, 1), len(BACKOFF_S)) - 1]


def _folder(path: Path) -> Path:
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def _room(folder: Path, size: int) -> None:
    """Raises: RemoteError when the disk has no room for so many bytes."""
    if shutil.disk_usage(folder).free < size + RESERVE:
        text = f"Ổ đĩa của máy này không đủ chỗ (cần {size // 1024**2 + RESERVE // 1024**2} MB); hãy giải phóng chỗ rồi chạy lại."
        raise RemoteError("disk_full", text)


def _sha256(path: Path) -> str | None:
    """Return the digest of a file, None when there is none."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return None


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sweep(home: Home) -> None:
    """Remove parts that nobody went on with."""
    for part in (home.inbox / PARTS).glob("*.part"):
        try:
            # Not its mtime: that is made the remote file's just before it is put in its place.
            if time.time() - part.stat().st_ctime > PART_S:
                part.unlink()
        except FileNotFoundError:
            continue
