"""The snapshot store: every file kept immutable under its SHA-256, hashed and copied from one open descriptor."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import stat
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Final

CHUNK: Final = 1 << 20
MAX_BYTES: Final = 4 * 1024**3
#: Bytes of the longest path that the ledger can find a file by.
LONGEST_PATH: Final = 2000


class SnapshotError(Exception):
    """The file cannot be taken. `code` is stable; the text is a Vietnamese sentence."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Snapshot:
    """One content in the store. modified_ns: the file's own time when it was taken."""

    sha256: str
    size: int
    suffix: str
    name: str
    path: Path
    modified_ns: int


def shown_name(path: Path) -> str:
    """Return a file name fit for a screen: NFC, no control characters, undecodable bytes replaced."""
    text = os.fsencode(path.name).decode("utf-8", "replace")
    text = unicodedata.normalize("NFC", text)
    return "".join(char if char.isprintable() else "\ufffd" for char in text)[:255]


def take(path: Path, store: Path) -> Snapshot:
    """Copy a regular file into the store (kept once per content, mode 0400).

    Symbolic links, folders, devices and pipes are refused. Raises: SnapshotError; OSError when the store is full.
    """
    file = _open(path)
    try:
        before = os.fstat(file)
        if not stat.S_ISREG(before.st_mode):
            raise SnapshotError("not_a_file", f"«{shown_name(path)}» không phải là tệp thường; hãy nạp đúng tệp đã xuất.")
        if before.st_size == 0:
            raise SnapshotError("empty", f"Tệp «{shown_name(path)}» rỗng (0 byte); hãy xuất lại từ phần mềm.")
        if before.st_size > MAX_BYTES:
            raise SnapshotError("too_large", f"Tệp «{shown_name(path)}» lớn hơn 4 GB; hãy chia nhỏ theo tháng.")
        digest, temporary = _copy(file, store)
        after = os.fstat(file)
        if (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
            temporary.unlink()
            raise SnapshotError("changing", f"Tệp «{shown_name(path)}» đang được ghi; hãy nạp lại khi đã chép xong.")
    finally:
        os.close(file)
    suffix = path.suffix.lower()[:8] if path.suffix.isascii() and path.suffix[1:].isalnum() else ""
    place = store / digest[:2] / digest
    place.parent.mkdir(mode=0o700, exist_ok=True)
    if place.exists():
        temporary.unlink()
    else:
        temporary.chmod(0o400)
        temporary.rename(place)
        _sync_folder(place.parent)
    return Snapshot(digest, before.st_size, suffix, shown_name(path), place, before.st_mtime_ns)


def _open(path: Path) -> int:
    """Open without following a link and without blocking on a pipe. Raises: SnapshotError."""
    if len(os.fsencode(path.absolute())) > LONGEST_PATH:
        text = f"Đường dẫn của tệp «{shown_name(path)}» quá dài; hãy chuyển tệp lên thư mục gần gốc hơn."
        raise SnapshotError("path_too_long", text)
    try:
        return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        name = shown_name(path)
        if error.errno == errno.ELOOP:
            raise SnapshotError("not_a_file", f"«{name}» là liên kết tới tệp khác; hãy chép chính tệp đó vào hộp thư.") from error
        if error.errno == errno.ENOENT:
            raise SnapshotError("not_found", f"Không có tệp «{name}»; hãy kiểm tra đường dẫn.") from error
        if error.errno in (errno.EACCES, errno.EPERM):
            raise SnapshotError("no_permission", f"Không được phép đọc tệp «{name}»; hãy cấp quyền đọc.") from error
        raise SnapshotError("unreadable", f"Không mở được tệp «{name}» ({error.strerror}).") from error


def _copy(file: int, store: Path) -> tuple[str, Path]:
    """Copy the descriptor's bytes into a temporary file of the store; returns its SHA-256 and place. Raises: OSError."""
    store.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = store / f".{secrets.token_hex(8)}.part"
    hasher = hashlib.sha256()
    try:
        with open(temporary, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as target:
            while chunk := os.read(file, CHUNK):
                hasher.update(chunk)
                target.write(chunk)
            target.flush()
            os.fsync(target.fileno())
    except OSError as error:
        temporary.unlink(missing_ok=True)  # a full disk must not stay full by what did not fit
        error.filename = error.filename or str(store)
        raise
    return hasher.hexdigest(), temporary


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def place_of(sha256: str, store: Path) -> Path:
    """Return where a content lies."""
    return store / sha256[:2] / sha256


def sweep(store: Path, older_than_ns: int) -> int:
    """Remove temporary files that a killed process left behind before a time; returns how many."""
    removed = 0
    for leftover in store.glob(".*.part"):
        if leftover.stat().st_mtime_ns < older_than_ns:
            leftover.unlink(missing_ok=True)
            removed += 1
    return removed
