"""Inboxes elsewhere: what lies in one, and having a file of it here, whole and unchanged.

`connect` opens an inbox; what a server is and how it is spoken to stands in `sources.remote_servers` and `sources.remote_web`.
Nothing here decides which file is new: that is asked of the warehouse (`flows.steps.pull`).
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from sources.remote_errors import Changed, RemoteError, explain, of_disk
from sources.remote_names import clean, digest, is_ignored, matches
from sources.remote_settings import Inbox

CHUNK: Final = 1 << 20
#: Seconds without an answer after which a server counts as away: to connect, and between two pieces of an answer.
CONNECT_S: Final = 15
SILENCE_S: Final = 30
#: More than this is no inbox but somebody's whole disk.
MOST_FILES: Final = 50_000
DEEPEST: Final = 16
_LONGEST_VERSION: Final = 200


@dataclass(frozen=True)
class Remote:
    """A file as a server lists it. path: inside the inbox; key: how the server's library calls it; modified: epoch seconds."""

    path: str
    key: str
    size: int | None
    modified: float | None = None
    tag: str | None = None

    @property
    def version(self) -> str:
        """What tells this content from another: the server's tag, else size and time."""
        text = clean(f"{self.tag}" if self.tag else f"{self.size}:{'' if self.modified is None else round(self.modified, 6)}")
        return text if len(text) <= _LONGEST_VERSION else digest(text)


class Server:
    """An inbox that is open. Its methods raise RemoteError only."""

    #: Files appear here at once and whole, never half written.
    whole = False
    #: A listing tells names only: whatever else is known of a file costs a question of its own.
    names_only = False

    def __init__(self, inbox: Inbox, secrets: Mapping[str, str], home: Path) -> None:
        self.inbox, self._secrets, self.home = inbox, secrets, home
        with speaking():
            self._open()

    def listing(self, known: Collection[str] = ()) -> list[Remote]:
        """Return the files that the settings ask for, oldest first; of a server of names only, without the paths in `known`."""
        with speaking():
            found = [file for file in self._list(known) if is_wanted(self.inbox, file.path)]
        if len(found) > MOST_FILES:
            raise RemoteError("too_many", f"Có hơn {MOST_FILES} tệp; hãy thu hẹp «pattern» hoặc trỏ «url» vào đúng thư mục xuất.")
        return sorted(found, key=lambda file: (file.modified or 0.0, file.path))

    def look(self, file: Remote) -> Remote:
        """Return the file as it lies there now."""
        with speaking(of_file=True):
            return self._look(file)

    def renew(self) -> None:
        """Connect anew after a cut."""
        self.close()
        with speaking():
            self._open()

    def read(self, file: Remote, start: int) -> AbstractContextManager[tuple[int, Iterator[bytes]]]:
        """Open the file: yields (where it really starts: `start`, or 0 when the server cannot, its pieces)."""
        raise NotImplementedError

    def remove(self, file: Remote) -> None:
        """Delete the file there."""
        with speaking(of_file=True):
            self._remove(file)

    def move(self, file: Remote, folder: str, name: str) -> None:
        """Move the file into a folder of the inbox, made when missing."""
        with speaking(of_file=True):
            self._move(file, folder, name)

    def close(self) -> None:
        """Let go of the connection."""

    def _open(self) -> None:
        raise NotImplementedError

    def _list(self, known: Collection[str]) -> Iterator[Remote]:
        raise NotImplementedError

    def _look(self, file: Remote) -> Remote:
        raise NotImplementedError

    def _remove(self, file: Remote) -> None:
        raise NotImplementedError

    def _move(self, file: Remote, folder: str, name: str) -> None:
        raise NotImplementedError


def is_wanted(inbox: Inbox, path: str) -> bool:
    """Whether a path is asked for, and not one that was fetched and moved aside."""
    verb, _, folder = inbox.after.partition(":")
    aside = verb == "move" and path.startswith(f"{folder}/")
    return not aside and not is_ignored(path) and matches(path, inbox.patterns)


@contextmanager
def speaking(*, of_file: bool = False) -> Iterator[None]:
    """Turn whatever a library raises into a RemoteError. The cause is cut off: its text may hold a password."""
    try:
        yield
    except RemoteError:
        raise
    except Exception as problem:
        raise explain(problem, of_file=of_file) from None


def connect(inbox: Inbox, secrets: Mapping[str, str], home: Path) -> Server:
    """Open an inbox. secrets: the login, by the words of `remote_settings.SECRETS`. Raises: RemoteError."""
    if inbox.scheme in ("http", "https"):
        from sources.remote_web import Web

        return Web(inbox, secrets, home)
    from sources.remote_servers import KINDS

    return KINDS[inbox.scheme](inbox, secrets, home)


def fetch(server: Server, file: Remote, part: Path, limit: int) -> str:
    """Bring a file into `part`, going on where an earlier try was cut; returns its SHA-256 once it is whole and on disk.

    `part` belongs to this version of the file alone and is kept after a cut; where the server tells no size, it is begun anew.
    A file that changed meanwhile is thrown away.
    limit: bytes. Raises: RemoteError; its code "cut" means that going on later is worth it.
    """
    try:
        with open(os.open(part, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as target:
            _claim(target)
            have = os.fstat(target.fileno()).st_size
            if file.size is None or have > file.size:  # of an unknown size nobody knows what is missing
                have = 0
            if file.size is None or have != file.size or have == 0:
                have = _receive(server, file, target, have, limit)
            if file.size is not None and have < file.size:
                raise explain(ConnectionError(), of_file=True)
            if (file.size is not None and have != file.size) or server.look(file).version != file.version:
                part.unlink(missing_ok=True)
                raise Changed
            target.seek(0)
            return hashlib.file_digest(target, "sha256").hexdigest()
    except OSError as problem:
        raise of_disk(problem) from None  # what the server's library raised is a RemoteError by now


def _claim(part: BinaryIO) -> None:
    """Let nobody else write this part. The lock of the inbox is the database's, and ends when the database does."""
    try:
        fcntl.flock(part, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Changed("Tệp này đang được tải ở một tiến trình khác; không cần làm gì thêm.") from None


def _receive(server: Server, file: Remote, part: BinaryIO, have: int, limit: int) -> int:
    """Write what is missing of a file; returns the size of what is here then."""
    with server.read(file, have) as (start, pieces):
        part.truncate(start)
        part.seek(start)
        size = start
        while True:
            with speaking(of_file=True):
                piece = next(pieces, None)
            if piece is None:
                break
            size += len(piece)
            if size > limit:
                part.truncate(0)
                raise too_big(limit)
            part.write(piece)
        part.flush()
        os.fsync(part.fileno())
    return size


def too_big(limit: int) -> RemoteError:
    """Return what is said of a file beyond the limit (bytes)."""
    text = f"Tệp lớn hơn mức {limit // 1024**2} MB đặt cho hộp thư; nếu đúng là tệp cần lấy, hãy tăng «max_mb»."
    return RemoteError("too_big", text, of_file=True)
