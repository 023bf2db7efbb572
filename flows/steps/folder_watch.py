"""When something changes in a folder: told by the system, or by looking where the system tells of nothing (network folders)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Final

#: Milliseconds: how often the watch wakes to see whether it should stop; how long changes may go on before they are told.
_STEP_MS: Final = 200
_GATHER_MS: Final = 400
#: How often a folder is looked through where the system tells of nothing, and how often it is made sure that it is still there.
_POLL_MS: Final = 2_000
_CHECK_MS: Final = 5_000
#: File systems that another machine may change without this one's kernel knowing.
_MOUNTS: Final = Path("/proc/self/mounts")
_REMOTE: Final = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "davfs", "glusterfs", "lustre", "vboxsf", "virtiofs", "webdav"}
)


def changes(folder: Path, stop: Event, *, polling: bool | None = None) -> Iterator[None]:
    """Yield whenever a visible file changed in a folder or below it; and once at the beginning, for what lies there already.

    A folder that is removed and made again is followed. polling: look instead of being told; None: as the file system needs it.
    Raises: OSError (the folder cannot be made or watched).
    """
    from watchfiles import watch

    told = not (needs_polling(folder) if polling is None else polling)
    while not stop.is_set():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        here = folder.stat().st_ino
        yield
        try:
            for found in watch(
                folder, watch_filter=None, debounce=_GATHER_MS, step=_STEP_MS, stop_event=stop, rust_timeout=_CHECK_MS,
                yield_on_timeout=True, raise_interrupt=False, force_polling=not told, poll_delay_ms=_POLL_MS,
                ignore_permission_denied=True,
            ):  # fmt: skip
                if any(_visible(Path(path), folder) for _, path in found):
                    yield
                if not folder.exists() or folder.stat().st_ino != here:
                    break
        except (OSError, RuntimeError):  # the latter: the system has no watch left to give
            if not told:
                raise
            told = False  # look instead


def needs_polling(folder: Path) -> bool:
    """Whether a folder, or something mounted below it, lies on a file system that does not tell of others' changes."""
    try:
        lines = _MOUNTS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    here, holder, kinds = os.path.realpath(folder), "", set()
    for line in lines:
        _, place, kind, *_ = line.split(" ")
        place = place.replace("\\040", " ")
        if here == place or here.startswith(place.rstrip("/") + "/"):
            if len(place) >= len(holder):
                holder, own = place, kind
        elif place.startswith(here + "/"):
            kinds.add(kind)
    return any(kind in _REMOTE or kind.startswith("fuse.") for kind in kinds | ({own} if holder else set()))


def _visible(path: Path, folder: Path) -> bool:
    """Whether a change concerns a file that counts (see `flows.steps.files.files_of`), not the folder itself alone."""
    inside = path.relative_to(folder).parts if path.is_relative_to(folder) else path.parts[-1:]
    return bool(inside) and not any(part.startswith((".", "~$")) for part in inside)
