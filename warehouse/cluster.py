"""The embedded PostgreSQL of a home: started on demand, shared by every process that uses the home.

`ensure(home)` returns how to connect and keeps this process registered as a user (a shared lock that the
kernel drops when the process ends, however it ends). The keeper stops the server after the last user.
No TCP, no trust: a private socket folder and generated passwords (scram-sha-256).
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from warehouse import keeper, place, provider, settings
from warehouse.errors import DatabaseError, first_line
from warehouse.place import Place
from warehouse.provider import Runner
from warehouse.settings import DATABASE, PORT, USERS

_START_LIMIT_S = 600.0  # recovery after a crash of a large load may take minutes
_ORPHAN_PATIENCE_S = 1.0
_KEEPER_PATIENCE_S = 15.0

_mutex = threading.RLock()
_held: dict[str, int] = {}  # home → descriptor of users.lock, shared-locked


@dataclass(frozen=True)
class Cluster:
    """How to reach the running cluster of a home. Passwords are by role: superuser, owner, app."""

    home: Path
    socket: Path
    passwords: dict[str, str] = field(repr=False)
    port: int = PORT
    database: str = DATABASE

    def parameters(self, role: str = "app") -> dict[str, str | int]:
        """libpq connection parameters of one role."""
        return {
            "host": str(self.socket),
            "port": self.port,
            "dbname": self.database,
            "user": USERS[role],
            "password": self.passwords[role],
        }


def ensure(home: Path) -> Cluster:
    """Start the home's PostgreSQL when it does not run, make it when it does not exist.

    Raises: DatabaseError with a sentence and a remedy.
    """
    if os.name != "posix":
        raise DatabaseError("unsupported_system")
    with _mutex:
        try:
            real = place.make_home(Path(home))
            _register(real)
            where = place.known(real)
            if where is None or not where.ready or not _up(where, real):
                where = _start(real)
            return Cluster(real, where.socket_folder, place.passwords(real))
        except OSError as problem:
            detail = problem.strerror or str(problem)
            raise DatabaseError("home_unusable", home=home, detail=detail) from problem


def release(home: Path) -> None:
    """Stop being a user of this home before the process ends; its connections must be closed."""
    with _mutex:
        fd = _held.pop(os.path.realpath(home), None)
        if fd is not None:
            _respawn_keeper(os.path.realpath(home))
            os.close(fd)


def running(home: Path) -> int | None:
    """The server's process id, None when it does not run. Starts nothing."""
    where = place.known(Path(os.path.realpath(home)))
    found = _server(where) if where is not None else None
    return found[0] if found else None


def accepts(home: Path) -> bool:
    """Whether the server runs and is not on its way down. Starts nothing."""
    where = place.known(Path(os.path.realpath(home)))
    found = _server(where) if where is not None else None
    return bool(found and found[1])


def destroy(home: Path) -> None:
    """Stop the home's cluster and delete it with all its data (tests, a fresh start).

    Raises: DatabaseError when another process uses it.
    """
    release(home)
    real = Path(os.path.realpath(home))
    where = place.known(real)
    if where is None:
        return
    with place.locked(real / "run" / "start.lock"), open(real / "run" / "users.lock", "ab") as users:
        until = time.monotonic() + 5
        while True:
            try:
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    raise DatabaseError("in_use") from None
                time.sleep(0.05)
        if where.data.is_dir():
            with _opened(where.data) as data_fd:
                keeper.stop_server(data_fd, immediate=True)
        shutil.rmtree(where.outside or where.data, ignore_errors=True)
        if where.socket:
            shutil.rmtree(where.socket, ignore_errors=True)
        place.pointer_file(real).unlink(missing_ok=True)


# -- users and keeper ------------------------------------------------------------------------------------


def _register(home: Path) -> None:
    """Hold the shared users' lock for the life of this process."""
    run = place.make_folder(home / "run", 0o711)
    path = run / "users.lock"
    key = str(home)
    fd = _held.get(key)
    if fd is not None:
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(fd), os.stat(path)):
                return
        os.close(_held.pop(key))  # the folder was deleted and made again
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(fd, fcntl.LOCK_SH)  # waits while a keeper is stopping the server
    if not _held:
        atexit.register(_at_exit)
    _held[key] = fd


def _at_exit() -> None:
    """The keeper may have been killed meanwhile; without one the server would stay."""
    for home in list(_held):
        with contextlib.suppress(Exception):
            _respawn_keeper(home)


def _respawn_keeper(home: str) -> None:
    where = place.known(Path(home))
    if where is not None and where.data.is_dir() and _server(where):
        with place.locked(Path(home) / "run" / "start.lock"):
            found = _server(where)
            if found:
                _adopt(where, found[0])


def _adopt(where: Place, pid: int) -> None:
    """Start a keeper for a running server whose keeper was killed."""
    for _ in range(3):  # the lock may be taken for an instant by somebody who only looks
        fd = _keeper_lock(Path(where.home))
        if fd is not None:
            _start_keeper(where, fd, pid)
            return
        time.sleep(0.01)


def _keeper_lock(home: Path) -> int | None:
    """A descriptor that holds the keeper's lock, or None when a keeper exists."""
    fd = os.open(home / "run" / "keeper.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return None
    return fd


def _start_keeper(where: Place, lock_fd: int, pid: int | None, **launch: object) -> None:
    """Start the detached keeper, for the running server `pid` or with what it needs to launch one.

    It inherits the locked descriptor, so there is never a second keeper; ours is closed.
    """
    home = Path(where.home)
    arguments = {
        "home": where.home,
        "data": str(where.data),
        "outside": where.outside,
        "socket": where.socket,
        "lock_fd": lock_fd,
        "pid": pid,
        **launch,
    }
    logs = place.make_folder(home / "logs")
    try:
        with open(logs / "keeper.log", "ab") as log:
            subprocess.run(
                [sys.executable, "-I", "-S", keeper.__file__, json.dumps(arguments)],
                env=provider.clean_environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                pass_fds=(lock_fd,),
                start_new_session=True,
                check=True,
            )
    finally:
        os.close(lock_fd)


# -- the server ------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _opened(folder: Path) -> Iterator[int]:
    fd = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield fd
    finally:
        os.close(fd)


def _server(where: Place) -> tuple[int, bool] | None:
    try:
        with _opened(where.data) as data_fd:
            return keeper.server(data_fd)
    except FileNotFoundError:
        return None


def _up(where: Place, home: Path) -> bool:
    """Whether the server accepts connections and a keeper watches it."""
    found = _server(where)
    if not found or not found[1] or not (where.socket_folder / f".s.PGSQL.{PORT}").exists():
        return False
    fd = os.open(home / "run" / "keeper.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def _start(home: Path) -> Place:
    with place.locked(home / "run" / "start.lock"):
        where = place.settle(home)
        logs = place.make_folder(home / "logs")
        found = _server(where)
        if found is not None:
            _adopt(where, found[0])
        if found is None or not _await_ready(where):  # the second: it was just dying
            where = _start_stopped(where, logs)
        if not where.ready:
            _bootstrap(where)
            where = place.save(replace(where, ready=True))
        return where


def _start_stopped(where: Place, logs: Path) -> Place:
    where = place.reachable(where)
    user = provider.runner(where.data)
    bin_folder, version = provider.programs(user)
    if not (where.data / "PG_VERSION").exists():
        if where.ready:
            pointer = place.pointer_file(Path(where.home))
            raise DatabaseError("data_lost", data=where.data, pointer=pointer)
        settings.initialise(where, user, bin_folder, logs)
    made_by = (where.data / "PG_VERSION").read_text().strip()
    if made_by != version.partition(".")[0]:
        raise DatabaseError("other_version", found=made_by, needed=version)
    where = settings.prepare(where, user, logs)
    _launch(where, user, bin_folder, logs)
    return where


def _launch(where: Place, user: Runner, bin_folder: Path, logs: Path) -> None:
    """Start keeper and server, detached from this process, and wait until the server takes connections."""
    log = logs / "postgresql-start.log"
    command = [str(bin_folder / "postgres"), "-D", str(where.data)]
    begun = time.monotonic()
    while True:
        fd = _keeper_lock(Path(where.home))
        if fd is None:  # the keeper of a server that just died is about to end, or that of one which only now comes up
            if _await_ready(where):
                return
            fd = _keeper_lock(Path(where.home))
        if fd is None:
            if time.monotonic() > begun + _KEEPER_PATIENCE_S:
                raise DatabaseError("start_failed", detail="tiến trình giám sát cũ chưa kết thúc", logs=logs)
            time.sleep(0.02)
            continue
        # No live server, so these are stale; its number may be in use again, or wait to be reaped.
        (where.data / "postmaster.pid").unlink(missing_ok=True)
        for name in (f".s.PGSQL.{PORT}", f".s.PGSQL.{PORT}.lock"):
            (where.socket_folder / name).unlink(missing_ok=True)
        log.write_bytes(b"")
        _start_keeper(where, fd, None, command=command, uid=user.uid, gid=user.gid, log=str(log))
        if _await_ready(where):
            return
        problem = _last_words(where, logs)
        waited = time.monotonic() - begun
        if "shared memory block" not in problem or waited > 20:
            raise DatabaseError("start_failed", detail=first_line(problem), logs=logs)
        if waited > _ORPHAN_PATIENCE_S:
            _end_orphans(where.data)
        time.sleep(0.1)


def _await_ready(where: Place) -> bool:
    """Wait until the server takes connections; false when it ended (its keeper ends when the server does)."""
    until = time.monotonic() + _START_LIMIT_S
    with _opened(where.data) as data_fd:
        while time.monotonic() < until:
            found = keeper.server(data_fd)
            if found and found[1]:
                return True
            fd = _keeper_lock(Path(where.home)) if not found else None
            if fd is not None:
                os.close(fd)
                return False
            time.sleep(0.01)
    return False


def _last_words(where: Place, logs: Path) -> str:
    """Why the last start failed: before and, failing that, after the server had opened its own log."""
    own = sorted((where.data / "log").glob("*.log"), key=lambda path: path.stat().st_mtime)
    for path in (logs / "postgresql-start.log", *own[-1:]):
        text = path.read_text(encoding="utf-8", errors="replace")[-20_000:]
        errors = [line.partition("FATAL:")[2] for line in text.splitlines() if "FATAL:" in line]
        if errors:
            return errors[-1].strip()
    return ""


def _end_orphans(data: Path) -> None:
    """End server processes whose postmaster was killed and that are still busy with a long statement."""
    with _opened(data) as data_fd:
        here = os.fstat(data_fd)
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                there = os.stat(entry / "cwd")
                same = (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino)
                if same and (entry / "comm").read_text().startswith("postgres"):
                    os.kill(int(entry.name), signal.SIGKILL)


def _bootstrap(where: Place) -> None:
    """Make the roles and the database; may be repeated after an interruption at any point."""
    import psycopg2

    cluster = Cluster(Path(where.home), where.socket_folder, place.passwords(Path(where.home)))
    try:
        connection = psycopg2.connect(**{**cluster.parameters("superuser"), "dbname": "postgres"})
        try:
            settings.bootstrap(connection, cluster.passwords)
        finally:
            connection.close()
    except psycopg2.Error as problem:
        logs = Path(where.home) / "logs"
        raise DatabaseError("start_failed", detail=first_line(problem), logs=logs) from problem
