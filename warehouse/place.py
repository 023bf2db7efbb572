"""Where the data of a home lies, which home it belongs to, and the passwords.

Normally everything is in the home: `pgdata/`, `cluster.json`, `secrets.json`. Only when root's server user
cannot reach the home (a private parent folder) does the data lie under the system folder, with a pointer in
the home and a mark beside the data that names the home. A moved home takes its data along, a copied home
gets a cluster of its own: two homes never touch each other.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import secrets as randomness
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from warehouse import provider
from warehouse.errors import DatabaseError
from warehouse.provider import Runner

ROLES = ("superuser", "owner", "app")
_HOME_MODE = 0o710  # of a home that root makes: its group is that of the server's user
_ORPHAN_AGE_S = 24 * 3600.0


@dataclass(frozen=True)
class Place:
    """Grain: one embedded cluster. `outside` is "" when the data is in the home, else its own folder;
    `socket` is "" when the socket is inside the data folder, else a private short folder."""

    id: str
    home: str
    outside: str = ""
    socket: str = ""
    ready: bool = False

    @property
    def data(self) -> Path:
        return Path(self.outside or self.home) / "pgdata"

    @property
    def socket_folder(self) -> Path:
        return Path(self.socket) if self.socket else self.data / "socket"


def pointer_file(home: Path) -> Path:
    return home / "cluster.json"


def make_home(home: Path) -> Path:
    """The real path of the home, made when missing: private to us, and passable for root's server user."""
    home = Path(os.path.realpath(home))
    if not home.is_dir():
        home.parent.mkdir(parents=True, exist_ok=True)
        try:
            home.mkdir(mode=0o700)
        except FileExistsError:
            return home
        if os.geteuid() == 0:
            os.chown(home, 0, provider.runner().gid or 0)
            home.chmod(_HOME_MODE)
    return home


def make_folder(path: Path, mode: int = 0o755) -> Path:
    """Make one folder with exactly this mode; an existing one is left as it is."""
    try:
        path.mkdir(parents=True)
    except FileExistsError:
        return path
    path.chmod(mode)
    return path


def write_json(path: Path, content: dict[str, Any], mode: int = 0o600) -> None:
    """Replace a small file in one step, on disk before it counts."""
    fd, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(fd, "w", encoding="utf-8") as file:
            json.dump(content, file, ensure_ascii=True, indent=1)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, mode)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def read_json(path: Path) -> dict[str, Any] | None:
    """The content of a small file, None when it does not exist.

    Raises: DatabaseError when it is damaged.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as problem:
        raise DatabaseError("bad_state", path=path) from problem
    if not isinstance(content, dict):
        raise DatabaseError("bad_state", path=path)
    return content


def save(place: Place) -> Place:
    write_json(pointer_file(Path(place.home)), {"version": 1, **asdict(place)})
    return place


def known(home: Path) -> Place | None:
    """The recorded place, as long as it needs no decision (neither moved nor copied), else None."""
    content = read_json(pointer_file(home))
    if content is None or content.get("home") != str(home):
        return None
    try:
        place = Place(*(content[key] for key in ("id", "home", "outside", "socket", "ready")))
    except KeyError as problem:
        raise DatabaseError("bad_state", path=pointer_file(home)) from problem
    if place.outside and not _marked_for(place, home):
        return None
    return place


def settle(home: Path) -> Place:
    """Decide where the data of this home lies; call with the start lock held.

    Raises: DatabaseError when the pointer names data that is gone.
    """
    _sweep()
    place = known(home)
    if place is not None:
        return place
    content = read_json(pointer_file(home))
    if content is None:
        return _new(home)
    try:
        place = Place(*(content[key] for key in ("id", "home", "outside", "socket", "ready")))
    except KeyError as problem:
        raise DatabaseError("bad_state", path=pointer_file(home)) from problem
    if not place.outside:  # moved or copied together with its data; a copy must not use the other's socket
        is_copy = _holds(Path(place.home), home, place.id)
        own = replace(place, home=str(home))
        return save(replace(own, id=_new_id(), socket="") if is_copy else own)
    mark = read_json(Path(place.outside) / "home.json")
    if mark is None:
        raise DatabaseError("data_lost", data=place.data, pointer=pointer_file(home))
    if mark.get("id") != place.id or _holds(Path(str(mark["home"])), home, place.id):
        return _new(home)
    _mark(replace(place, home=str(home)))
    return save(replace(place, home=str(home)))


def _holds(other: Path, home: Path, cluster: str) -> bool:
    """Whether `other` is a different, existing home with the same cluster number (so ours is the copy)."""
    try:
        if os.path.samefile(other, home):
            return False
        return (read_json(pointer_file(other)) or {}).get("id") == cluster
    except (OSError, DatabaseError):
        return False


def _new_id() -> str:
    return randomness.token_hex(8)


def _new(home: Path) -> Place:
    return save(Place(_new_id(), str(home)))


def reachable(place: Place) -> Place:
    """The place, moved out of the home when the server's user cannot reach it there; the server is stopped.

    A home of ours that was copied may have lost the group that lets the server's user pass; it gets it again.
    """
    user = provider.runner(place.data)
    home = Path(place.home)
    inside = home / "pgdata"
    if place.outside:
        if inside.is_dir() and not place.data.exists():  # a move that was interrupted
            _carry(inside, place.data, user)
        return place
    if user.uid is None or user.reaches(home):
        return place
    state = home.stat()
    if state.st_uid == 0 and stat.S_IMODE(state.st_mode) == _HOME_MODE and user.gid is not None:
        if state.st_gid != user.gid:
            os.chown(home, -1, user.gid)
        if user.reaches(home):
            return place
    digest = hashlib.sha256(os.fsencode(home)).hexdigest()[:16]
    outside = make_folder(provider.system_folder(f"{digest}-{place.id[:8]}"), 0o700)
    user.own(outside)
    place = replace(place, outside=str(outside))
    _mark(place)
    save(place)
    if inside.is_dir():
        _carry(inside, place.data, user)
    return place


def _carry(source: Path, target: Path, user: Runner) -> None:
    """Move a data folder, also to another file system; the target appears when it is complete."""
    try:
        source.rename(target)
    except OSError:
        fresh = target.with_name(".pgdata-moving")
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.copytree(source, fresh, symlinks=True)
        user.own_tree(fresh)
        os.sync()
        fresh.rename(target)
        shutil.rmtree(source)


def _mark(place: Place) -> None:
    write_json(Path(place.outside) / "home.json", {"id": place.id, "home": place.home})


def _marked_for(place: Place, home: Path) -> bool:
    mark = read_json(Path(place.outside) / "home.json")
    if mark is None:
        return False
    return mark.get("id") == place.id and mark.get("home") == str(home)


def orphans() -> list[tuple[Path, str]]:
    """(folder, home) of data outside homes whose home does not exist any more."""
    found = []
    for mark_file in sorted(provider.SYSTEM_ROOT.glob("*/home.json")):
        try:
            mark = read_json(mark_file) or {}
        except (DatabaseError, OSError):
            continue
        home = str(mark.get("home", ""))
        pointer = read_json(pointer_file(Path(home))) if os.path.isdir(home) else None
        if home and (pointer or {}).get("id") != mark.get("id"):
            found.append((mark_file.parent, home))
    return found


def _sweep() -> None:
    """Remove the data of temporary homes that were deleted more than a day ago; all other data stays."""
    if os.geteuid() != 0 or not provider.SYSTEM_ROOT.is_dir():
        return
    temporary = os.path.realpath(tempfile.gettempdir()) + os.sep
    try:
        for folder, home in orphans():
            age = time.time() - (folder / "home.json").stat().st_mtime
            if home.startswith(temporary) and not os.path.exists(home) and age > _ORPHAN_AGE_S:
                shutil.rmtree(folder, ignore_errors=True)
    except (OSError, DatabaseError):
        return


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the exclusive lock of a lock file, which is made when missing."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def secret(home: Path, name: str, make: Callable[[], Any], *, renew: bool = False) -> Any:
    """One entry of the home's `secrets.json` (mode 0600), made and stored at its first use.

    Safe when several processes ask at once; other entries stay as they are.
    """
    run = make_folder(make_home(home) / "run", 0o711)
    path = run.parent / "secrets.json"
    with locked(run / "secrets.lock"):
        content = read_json(path) or {}
        if renew or name not in content:
            content[name] = make()
            write_json(path, content)
        return content[name]


def new_passwords(home: Path) -> dict[str, str]:
    """Fresh passwords by role for a cluster that is about to be made."""

    def make() -> dict[str, str]:
        return {role: randomness.token_urlsafe(24) for role in ROLES}

    return dict(secret(home, "database", make, renew=True))


def passwords(home: Path) -> dict[str, str]:
    """The cluster's passwords by role.

    Raises: DatabaseError when they are missing.
    """
    path = home / "secrets.json"
    entry = (read_json(path) or {}).get("database")
    if not isinstance(entry, dict) or not all(isinstance(entry.get(role), str) for role in ROLES):
        raise DatabaseError("secrets_lost", path=path)
    return {role: entry[role] for role in ROLES}


def temporary_socket_folder(user: Runner) -> str:
    """A new private folder whose path is short enough for a socket."""
    for base in (os.environ.get("XDG_RUNTIME_DIR", "") if user.uid is None else "", "/run", "/tmp"):
        short = base and len(os.fsencode(base)) <= 60 and os.access(base, os.W_OK | os.X_OK)
        if short and user.reaches(Path(base)):
            folder = tempfile.mkdtemp(prefix="cchc-", dir=base)
            user.own(Path(folder))
            return folder
    raise DatabaseError("start_failed", detail="không có thư mục tạm cho socket", logs="logs")
