"""The keeper: a small detached process that runs the embedded PostgreSQL and stops it when nobody uses it.

Every using process holds a shared lock on `run/users.lock` for its lifetime; the kernel drops it however the
process ends. The keeper asks for the exclusive lock; once it has had no rival for a short grace time it
stops the server and ends. A keeper ends with its server, too: whoever needs the server next starts both
anew; when only the keeper was killed, a new one adopts the server. It works on open folder descriptors, so a
home that is moved meanwhile is no problem, and it sees a home that is deleted. Standard library only: it is
started by path, without packages.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import sys
import time

POLL_S = 0.2
GRACE_S = 0.8
DELETION_S = 2.0
FAST_STOP_S = 90.0


def process_alive(pid: int) -> bool:
    """Whether the process runs; one that is dead and only waits to be reaped does not count."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:
            return stat.read().rpartition(b")")[2].split()[0] not in (b"Z", b"X")
    except FileNotFoundError:
        if os.path.isdir("/proc/self"):
            return False
    except (OSError, IndexError):
        pass
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _serves(pid: int, data_fd: int, recorded: str) -> bool:
    """Whether process `pid` is the server of the open data folder (process numbers are used again)."""
    here = os.fstat(data_fd)
    try:
        there = os.stat(f"/proc/{pid}/cwd")
        return (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino)
    except FileNotFoundError:
        if os.path.isdir("/proc/self"):
            return False
    except OSError:
        pass
    try:  # the working folder of a foreign process may be hidden: fall back to the path it wrote down
        there = os.stat(recorded)
    except OSError:
        return False
    return (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino)


def server(data_fd: int) -> tuple[int, bool] | None:
    """(process id, accepts connections) of the live server of the open data folder, or None."""
    try:
        fd = os.open("postmaster.pid", os.O_RDONLY | os.O_CLOEXEC, dir_fd=data_fd)
    except OSError:
        return None
    with os.fdopen(fd, encoding="utf-8", errors="surrogateescape") as file:
        lines = file.read().split("\n")
    try:
        pid = int(lines[0])
    except ValueError:
        return None
    recorded = lines[1] if len(lines) > 1 else ""
    if pid <= 1 or not process_alive(pid) or not _serves(pid, data_fd, recorded):
        return None
    return pid, len(lines) > 7 and lines[7].strip() == "ready"


def stop_process(pid: int, *, immediate: bool = False) -> None:
    """Stop a server: the quick clean way first, harder ones only when it hangs."""
    ladder = [(signal.SIGINT, FAST_STOP_S), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 5.0)]
    for number, patience in ladder[1:] if immediate else ladder:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return
        until = time.monotonic() + patience
        while time.monotonic() < until:
            if not process_alive(pid):
                return
            time.sleep(0.02)


def stop_server(data_fd: int, *, immediate: bool = False) -> None:
    """Stop whatever serves the open data folder; returns when it has ended."""
    for _ in range(3):
        found = server(data_fd)
        if found is None:
            return
        stop_process(found[0], immediate=immediate)


def _note(text: str) -> None:
    sys.stderr.write(time.strftime("%Y-%m-%dT%H:%M:%SZ ", time.gmtime()) + text + "\n")
    sys.stderr.flush()


def launch(command: list[str], uid: int | None, gid: int | None, log: str) -> int:
    """Start the server as a child in its own session, as the given user when there is one."""
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    pid = os.fork()
    if pid:
        os.close(output)
        return pid
    try:
        os.setsid()
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGPIPE, signal.SIGXFSZ, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        os.dup2(output, 1)
        os.dup2(output, 2)
        if uid is not None and gid is not None:
            os.setgroups([])
            os.setgid(gid)
            os.setuid(uid)
        os.umask(0o077)
        os.execv(command[0], command)
    except BaseException as problem:
        os.write(2, f"FATAL: {problem}\n".encode("utf-8", "replace"))
    finally:
        os._exit(1)


def _ended(pid: int, is_child: bool) -> bool:
    if is_child:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    return not process_alive(pid)


def keep(home_fd: int, data_fd: int, users: int, data: str, outside: str, pid: int, is_child: bool) -> None:
    """Wait until the server has ended, the home was deleted or the last user ended; stop the server.

    `outside` is the folder that holds the data of this home elsewhere (or "").
    """
    idle_since: float | None = None
    while not _ended(pid, is_child):
        if os.fstat(users).st_nlink == 0:
            _note("the home folder was deleted: stopping")
            until = time.monotonic() + DELETION_S  # whoever deletes it may be in the middle of it
            while os.fstat(home_fd).st_nlink and time.monotonic() < until:
                time.sleep(0.02)
            if is_child or _serves(pid, data_fd, data):
                stop_process(pid, immediate=True)
            if outside and os.fstat(home_fd).st_nlink == 0:
                shutil.rmtree(outside, ignore_errors=True)
            return
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            idle_since = None
        else:
            now = time.monotonic()
            idle_since = now if idle_since is None else idle_since
            if now - idle_since >= GRACE_S:
                stop_server(data_fd)
                if is_child:
                    stop_process(pid)  # also when it had not written its number down yet
                    _ended(pid, is_child)
                return
            fcntl.flock(users, fcntl.LOCK_UN)
        time.sleep(POLL_S)


def main() -> None:
    """Detach and keep. `lock_fd` is an inherited descriptor whose lock says that a keeper exists; `socket` a
    temporary socket folder to remove at the end (or ""); `pid` a running server, or None to start one."""
    given = json.loads(sys.argv[1])
    os.set_inheritable(given["lock_fd"], False)
    if os.fork():
        os._exit(0)
    os.setsid()
    try:
        home_fd = os.open(given["home"], os.O_RDONLY | os.O_CLOEXEC)
        data_fd = os.open(given["data"], os.O_RDONLY | os.O_CLOEXEC)
        users = os.open(os.path.join(given["home"], "run", "users.lock"), os.O_RDWR | os.O_CLOEXEC)
        pid = given["pid"] or launch(given["command"], given["uid"], given["gid"], given["log"])
        keep(home_fd, data_fd, users, given["data"], given["outside"], pid, given["pid"] is None)
        if given["socket"]:
            shutil.rmtree(given["socket"], ignore_errors=True)
        os.close(given["lock_fd"])  # first: who waits for users.lock must see that no keeper is left
        os.close(users)
    except Exception as problem:
        _note(f"keeper failed: {problem!r}")
        raise SystemExit(1) from problem


if __name__ == "__main__":
    main()
