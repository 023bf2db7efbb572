"""An installation in one file: the database, the files handed in, and what people wrote for it; checked by digests.

The archive is a plain tar: its parts, and last `manifest.json`, which names every part with size and SHA-256 and every table
with its number of rows and digest. Reports, logs and Prefect's own tables are not in it: they are made anew.
"""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import re
import secrets
import shutil
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from flows.steps.home import ZONE, Home, UserError, clock_is_replaced, code_version, now

if TYPE_CHECKING:
    from warehouse.dump import Frozen

FORMAT: Final = 1
DUMP, SECRETS, HEADS, MANIFEST = "database.dump", "secrets.json", "audit.heads", "manifest.json"
#: What people write for an installation, beside the files they hand in.
SETTINGS: Final = ("units.yaml", "alerts.yaml", "inboxes.yaml", "known_hosts")
FOLDERS: Final = ("contracts", "criteria", "notices")
#: Secrets of this machine: another one makes its own. All others (the key of the applicants' tokens) are needed again.
OWN_SECRETS: Final = ("database", "prefect_database")
NAME: Final = re.compile(r"cchc-\d{8}-\d{6}\.tar")
LEFTOVER_S: Final = 24 * 3600
SECRECY: Final = (
    "Bản sao lưu chứa tệp gốc (có thông tin cá nhân) và khóa bí mật: chỉ người chạy lệnh đọc được, hãy cất nơi an toàn."
)


def backup(home: Home, target: Path, keep: int | None = None) -> dict[str, Any]:
    """Write an archive and return what is in it (the document of `cchc backup`). Loads may go on meanwhile.

    target: a new file, or a folder, where the file is named after the moment. keep: remove the older archives of that folder
    beyond so many; only those named by this function. Nothing is ever overwritten.
    Raises: UserError, DatabaseError.
    """
    begun = time.monotonic()
    moment = now()
    place = _place(target, moment, keep)
    work = place.with_name(f".{place.name}-{secrets.token_hex(4)}.part")
    with said_when_full(place.parent):
        _sweep(place.parent)
        work.mkdir(mode=0o700)
        try:
            manifest = _write(home, work, moment)
            archive = work / "archive"
            _settle(archive, place)
        finally:
            shutil.rmtree(work, ignore_errors=True)
        removed = _rotate(place.parent, keep) if keep is not None else []
    size = place.stat().st_size
    _note(home, moment, time.monotonic() - begun, size)
    return {
        "file": str(place), "bytes": size, "made_at": manifest["made_at"], "migration": manifest["migration"],
        "tables": len(manifest["tables"]), "rows": sum(table["rows"] for table in manifest["tables"].values()),
        "files": manifest["snapshots"], "damaged": manifest["damaged"], "waiting": _waiting(home),
        "removed": [str(path) for path in removed], "seconds": round(time.monotonic() - begun, 1),
        "message": f"Đã sao lưu vào {place}. {SECRECY}",
    }  # fmt: skip


def _note(home: Home, moment: datetime, seconds: float, size: int) -> None:
    """Write down that there is a backup, and how long it took."""
    from warehouse import events

    with home.database.begin() as tx:
        events.log_work(tx, "backup", "", moment, seconds, "done", {"bytes": size})


@contextmanager
def said_when_full(folder: Path) -> Iterator[None]:
    """Turn a disk that is full, read-only or for small files only into a sentence: where, what to do. Raises: UserError."""
    from warehouse.errors import DatabaseError

    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise _full(folder) from error
        if error.errno == errno.EFBIG:
            text = f"Đĩa ở {folder} không nhận tệp lớn như vậy (USB định dạng FAT32 chỉ nhận đến 4 GB); hãy dùng đĩa khác."
            raise UserError("file_too_large", text) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise UserError(
                "no_permission", f"Không ghi được vào thư mục {folder}; hãy cấp quyền ghi hoặc chọn nơi khác."
            ) from error
        raise
    except DatabaseError as error:
        if os.strerror(errno.ENOSPC) in str(error):  # as pg_dump says it
            raise _full(folder) from error
        raise


def _full(folder: Path) -> UserError:
    return UserError("disk_full", f"Hết chỗ trên đĩa ở {folder}; hãy dọn bớt hoặc chọn nơi khác rồi chạy lại.")


def _place(target: Path, moment: datetime, keep: int | None) -> Path:
    """Return the file to write. Raises: UserError when it exists, or has no folder, or is to be rotated and is no folder."""
    target = Path(os.path.abspath(target.expanduser()))
    if keep is not None and not target.is_dir():
        raise UserError("not_a_folder", f"--keep cần một thư mục có sẵn, «{target}» thì không phải.")
    if target.is_dir():
        target = target / f"cchc-{moment.astimezone(ZONE):%Y%m%d-%H%M%S}.tar"
    if os.path.lexists(target):
        raise UserError("file_exists", f"«{target}» đã có; bản sao lưu không ghi đè, hãy chọn tên khác.")
    if not target.parent.is_dir():
        raise UserError("not_found", f"Không có thư mục {target.parent}; hãy tạo trước.")
    return target


def _write(home: Home, work: Path, moment: datetime) -> dict[str, Any]:
    """Write the archive and return its manifest. The files are read after the database stood still: it names none they lack."""
    from warehouse import dump

    dumped = work / "dump"
    with dump.frozen(home.root) as held:
        with dump.dumping(home.root, held, dumped):
            tables = held.digests()
        newest = int(held.scalar("select coalesce(max(seq), 0) from audit_log"))
        kept = _contents(held)
        migration, server = held.migration, held.server
    with open(work / "archive", "xb", opener=_private) as file:
        with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
            parts = Parts(tar, moment)
            parts.add_file(DUMP, dumped)
            dumped.unlink()  # the disk of backups holds the dump once, not twice
            parts.add(SECRETS, _secrets(home))
            parts.add(HEADS, heads_until(home, newest))
            for name, path in _written(home):
                parts.add(name, path.read_bytes())
            damaged = _add_snapshots(home, parts, kept)
            manifest = {
                "format": FORMAT, "made_at": moment.astimezone(ZONE).isoformat(), "replayed": clock_is_replaced(),
                "code": code_version(), "migration": migration, "server": server, "snapshots": len(kept) - len(damaged),
                "tables": {name: asdict(digest) for name, digest in tables.items()}, "parts": parts.listed, "damaged": damaged,
            }  # fmt: skip
            parts.add(MANIFEST, json.dumps(manifest, indent=1).encode())
        file.flush()
        os.fsync(file.fileno())
    return manifest


def _private(name: str, flags: int) -> int:
    return os.open(name, flags, 0o600)


class Parts:
    """Adds parts to an archive and lists them with size and SHA-256 of what was really written."""

    def __init__(self, tar: tarfile.TarFile, moment: datetime) -> None:
        self.tar, self.moment, self.listed = tar, moment, dict[str, dict[str, Any]]()

    def add(self, name: str, content: bytes) -> None:
        self._add(name, io.BytesIO(content), len(content))

    def add_file(self, name: str, path: Path) -> None:
        """Add a file that does not change any more."""
        with path.open("rb") as stream:
            self._add(name, stream, os.fstat(stream.fileno()).st_size)

    def _add(self, name: str, stream: BinaryIO, size: int) -> None:
        member = tarfile.TarInfo(name)
        member.size, member.mode, member.mtime = size, 0o600, int(self.moment.timestamp())
        reader = Hashing(stream)
        self.tar.addfile(member, reader)  # type: ignore[arg-type]
        self.listed[name] = {"bytes": size, "sha256": reader.hasher.hexdigest()}


class Hashing:
    """A stream that hashes what is read from it."""

    def __init__(self, stream: BinaryIO) -> None:
        self.stream, self.hasher = stream, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        chunk = self.stream.read(size)
        self.hasher.update(chunk)
        return chunk


def _contents(held: Frozen) -> list[str]:
    """Return the contents that the ledger knows, by SHA-256."""
    return list(held.scalar("select coalesce(array_agg(sha256 order by sha256), '{}') from files"))


def _add_snapshots(home: Home, parts: Parts, contents: list[str]) -> list[str]:
    """Add the kept originals; returns those that are gone or no longer what their name says (a dying disk)."""
    from sources import snapshot

    damaged = []
    for sha256 in contents:
        name = f"snapshots/{sha256}"
        try:
            parts.add_file(name, snapshot.place_of(sha256, home.snapshots))
        except FileNotFoundError:
            damaged.append(sha256)
            continue
        if parts.listed[name]["sha256"] != sha256:
            damaged.append(sha256)
    return damaged


def _written(home: Home) -> Iterator[tuple[str, Path]]:
    """Yield (name in the archive, file) of what people wrote for this installation, and the contracts files were read with."""
    for name in SETTINGS:
        if (home.root / name).is_file():
            yield name, home.root / name
    for folder in FOLDERS:
        for base, folders, names in os.walk(home.root / folder):
            folders.sort()
            for path in (Path(base, name) for name in sorted(names)):
                if path.is_file() and path.suffix != ".part":
                    yield path.relative_to(home.root).as_posix(), path


def _secrets(home: Home) -> bytes:
    home.token_key  # noqa: B018  made now when no file was ever read: the restored installation must not make another one
    content = json.loads((home.root / "secrets.json").read_text("utf-8"))
    return json.dumps({name: value for name, value in content.items() if name not in OWN_SECRETS}).encode()


def heads_until(home: Home, newest: int) -> bytes:
    """Return the heads of the audit log without entries that came after the held moment: the dump does not have them."""
    from warehouse.audit import HEADS as FILE

    try:
        lines = (home.root / FILE).read_text(encoding="ascii", errors="replace").splitlines()
    except FileNotFoundError:
        return b""

    def is_later(line: str) -> bool:
        words = line.split(" ")
        return len(words) == 3 and words[1].isdigit() and int(words[1]) > newest

    return "".join(f"{line}\n" for line in lines if not is_later(line)).encode("ascii", "replace")


def _waiting(home: Home) -> int:
    """Return how many files of the inbox were not loaded yet: they are not in the archive."""
    from flows.steps.inbox import fresh_files

    return len(fresh_files(home)) if home.inbox.is_dir() else 0


def _settle(archive: Path, place: Path) -> None:
    """Give the finished archive its name in one step, unless somebody took the name meanwhile."""
    try:
        os.link(archive, place)
    except FileExistsError:
        raise UserError("file_exists", f"«{place}» đã có; bản sao lưu không ghi đè, hãy chọn tên khác.") from None
    except OSError:  # a file system without links (a memory stick)
        if place.exists():
            raise UserError("file_exists", f"«{place}» đã có; bản sao lưu không ghi đè, hãy chọn tên khác.") from None
        archive.rename(place)
    with suppress(OSError):  # some network folders cannot
        folder = os.open(place.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _sweep(folder: Path) -> None:
    """Remove what killed backups left behind."""
    for leftover in folder.glob(".*.tar-*.part"):
        with suppress(OSError):
            if leftover.stat().st_mtime < time.time() - LEFTOVER_S:
                shutil.rmtree(leftover)


def _rotate(folder: Path, keep: int) -> list[Path]:
    """Remove the older archives of a folder beyond `keep`; the names sort by moment."""
    found = sorted(path for path in folder.iterdir() if NAME.fullmatch(path.name) and path.is_file())
    old = found[:-keep]
    for path in old:
        path.unlink()
    return old
