"""Parsing in a limited child process: a bad file can waste only its own process.

A small server process (the nursery) is started once per parent: it imports the readers, opens no socket but the one to its
parent, runs no thread, and forks a worker for every file. The worker has limits on address space (its size after imports plus
450 MiB), processor time, file size, open files and wall-clock time, refuses sockets and new programs by an audit hook, and
answers over a pipe. The file is handed over as an open descriptor, so its name may change meanwhile.
"""

from __future__ import annotations

import atexit
import contextlib
import datetime as dt
import errno
import json
import os
import resource
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, Final

from sources.result import ParseResult, rejected

MEMORY_EXTRA: Final = 450 * 1024 * 1024
MAX_ANSWER: Final = 32 * 1024 * 1024
MAX_REQUEST: Final = 1024 * 1024
OPEN_FILES: Final = 64
_ENVIRONMENT: Final = {
    "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OMP_THREAD_LIMIT": "1",
    "ARROW_DEFAULT_MEMORY_POOL": "system", "MALLOC_ARENA_MAX": "1", "MALLOC_TRIM_THRESHOLD_": "268435456",
    "MALLOC_MMAP_THRESHOLD_": "33554432",
    "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUTF8": "1", "LC_ALL": "C.UTF-8",
}  # fmt: skip
_TEXTS: Final = {
    "not_a_file": "Đây không phải là một tệp thường; hãy nạp đúng tệp đã xuất.",
    "too_slow": "Tệp đọc quá lâu nên bị dừng; hãy mở bằng Excel, xóa phần thừa rồi lưu lại, hoặc chia nhỏ theo tháng.",
    "too_large": "Tệp cần quá nhiều bộ nhớ để đọc; hãy xuất dưới dạng CSV hoặc chia nhỏ theo tháng.",
    "crashed": "Tệp làm hỏng chương trình đọc; hãy mở bằng Excel hoặc LibreOffice và lưu lại dưới dạng xlsx.",
}  # fmt: skip
#: Not the file's fault: never an answer about it.
_DISK_FULL: Final = "disk_full"


def default_time_limit(size: int) -> float:
    """Return the seconds a file of `size` bytes may take: 8 s and 4 MB/s beyond."""
    return 8.0 + size / 4_000_000


class Nursery:
    """The server process that forks one limited worker per file. Safe to use from several threads."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        root = str(Path(__file__).resolve().parents[1])
        keep = {key: os.environ[key] for key in ("PATH", "TMPDIR", "TZ", "CCHC_HOME") if key in os.environ}
        paths = os.pathsep.join(dict.fromkeys([root, *(p for p in sys.path if p)]))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "sources.child", str(theirs.fileno())],
            pass_fds=(theirs.fileno(),), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={**keep, **_ENVIRONMENT, "PYTHONPATH": paths}, start_new_session=True, cwd=root,
        )  # fmt: skip
        theirs.close()
        self.control, self.lock, self.owner = ours, threading.Lock(), os.getpid()

    def alive(self) -> bool:
        """Whether the server can take requests of this process."""
        return self.owner == os.getpid() and self.process.poll() is None

    def send(self, request: dict[str, Any], file: int) -> socket.socket:
        """Hand over a request and the open file; returns the socket the answer comes on. Raises: OSError."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        body = json.dumps(request).encode()
        with self.lock, theirs:
            socket.send_fds(self.control, [len(body).to_bytes(4, "little")], [theirs.fileno(), file])
            self.control.sendall(body)
        return ours

    def close(self) -> None:
        """Stop the server; running workers end with it."""
        self.control.close()
        if self.owner == os.getpid():
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(2)
        else:
            self.process.returncode = 0  # another process's child: not ours to wait for


_nursery: Nursery | None = None
_start = threading.Lock()


def nursery() -> Nursery:
    """Return the running nursery, started on first use (call it early to hide the start-up)."""
    global _nursery
    with _start:
        if _nursery is None or not _nursery.alive():
            if _nursery is not None:
                atexit.unregister(_nursery.close)
                _nursery.close()
            _nursery = Nursery()
            atexit.register(_nursery.close)
        return _nursery


def parse_in_child(
    path_or_fd: str | Path | int, *, display_name: str, contracts: list[Any], unit: str | None, received_at: dt.datetime,
    token_key: bytes, out_dir: Path, units_extra: Path | None = None, time_limit_s: float | None = None,
) -> ParseResult:  # fmt: skip
    """Parse one file in a limited child process; see `sources.parse.parse_file` for what it writes into `out_dir`.

    path_or_fd: a path (not followed when it is a symbolic link) or an open descriptor. contracts: candidates.
    Never raises for a bad file. Reasons of its own: too_slow, too_large, crashed, not_a_file.
    Raises: OSError when the file cannot be opened, the nursery cannot be started, or the disk of out_dir is full.
    """
    own = not isinstance(path_or_fd, int)
    file = os.open(path_or_fd, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK) if own else path_or_fd
    try:
        status = os.fstat(int(file))
        if not stat.S_ISREG(status.st_mode):
            return rejected("not_a_file", _TEXTS["not_a_file"])
        limit = time_limit_s if time_limit_s is not None else default_time_limit(status.st_size)
        request = {
            "task": "parse", "name": display_name, "contracts": [str(Path(contract.path).resolve()) for contract in contracts],
            "digests": [contract.digest for contract in contracts], "unit": unit, "received_at": received_at.isoformat(),
            "key": token_key.hex(), "out": str(Path(out_dir).resolve()), "size": status.st_size,
            "units_extra": str(units_extra) if units_extra else None, "limit": limit,
        }  # fmt: skip
        text = _ask(request, int(file), limit)
    finally:
        if own:
            os.close(int(file))
    try:
        result = ParseResult.from_json(text or "")
    except (ValueError, TypeError):
        return rejected("crashed", _TEXTS["crashed"])
    if result.reason == _DISK_FULL:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(out_dir))
    return result


def sniff_in_child(path: str | Path, *, name: str = "new_layout", time_limit_s: float = 30.0) -> dict[str, Any]:
    """Draft a contract for an unknown export, in a limited child process.

    Returns what `sources.sniff.sniff` found plus `draft` (the YAML text), or {status: "rejected", reason, message}.
    Raises: OSError when the file cannot be opened.
    """
    file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode):
            return {"status": "rejected", "reason": "not_a_file", "message": _TEXTS["not_a_file"]}
        with tempfile.TemporaryDirectory() as folder:
            request = {
                "task": "sniff",
                "name": Path(path).name,
                "draft": name,
                "out": folder,
                "size": status.st_size,
                "limit": time_limit_s,
            }
            text = _ask(request, file, time_limit_s)
    finally:
        os.close(file)
    try:
        found = json.loads(text or "")
    except ValueError:
        return {"status": "rejected", "reason": "crashed", "message": _TEXTS["crashed"]}
    return dict(found)


def _ask(request: dict[str, Any], file: int, limit: float) -> str | None:
    """Return the nursery's answer; a nursery that died is started again once. Raises: OSError."""
    for attempt in (1, 2):
        try:
            answer = nursery().send(request, file)
        except OSError:
            if attempt == 2:
                raise
            nursery().close()
            continue
        with answer:
            text = _receive(answer, limit + 15)
        if text is not None:
            return text
    return None


def _receive(answer: socket.socket, seconds: float) -> str | None:
    """Return the whole answer; None when the other side went away without one."""
    parts: list[bytes] = []
    total, deadline = 0, time.monotonic() + seconds
    while True:
        left = deadline - time.monotonic()
        if left <= 0:
            return json.dumps({"status": "rejected", "reason": "too_slow", "message": _TEXTS["too_slow"]})
        answer.settimeout(left)
        try:
            piece = answer.recv(1 << 20)
        except TimeoutError:
            continue
        except OSError:
            return None
        if not piece:
            return b"".join(parts).decode("utf-8", "replace") if parts else None
        parts.append(piece)
        total += len(piece)
        if total > MAX_ANSWER:
            return None


# -- the nursery's side ------------------------------------------------------------------------------------------


class _NoPandas:
    """Import finder that hides pandas: pyarrow would import it at the first NumPy array (1 s and 60 MiB per worker)."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        """Raise for pandas, pass on everything else. Raises: ModuleNotFoundError."""
        if name == "pandas":
            raise ModuleNotFoundError("pandas is not used by the readers", name=name)


def _serve(control: socket.socket) -> None:
    """Fork a supervisor for every request until the parent goes away."""
    sys.meta_path.insert(0, _NoPandas())
    import sources.worker  # noqa: F401  preload

    _warm()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        header, descriptors, _, _ = socket.recv_fds(control, 4, 2)
        if len(header) < 4 or len(descriptors) != 2:
            return
        length = int.from_bytes(header, "little")
        body = b""
        while len(body) < min(length, MAX_REQUEST):
            piece = control.recv(length - len(body))
            if not piece:
                return
            body += piece
        if os.fork() == 0:
            try:
                control.close()
                _supervise(json.loads(body), *descriptors)
            finally:
                os._exit(0)
        for descriptor in descriptors:
            os.close(descriptor)


def _warm() -> None:
    """Do once what every worker would do: load the built-in contracts and the unit register, and keep off threads."""
    import numpy as np
    import pyarrow as pa

    from sources.contract import builtin_contracts
    from sources.parse import parse_file

    pa.array(np.zeros(1))
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    global _known
    _known = {contract.digest: contract for contract in builtin_contracts()}
    with tempfile.TemporaryDirectory() as folder:
        sample = Path(folder, "x.csv")
        sample.write_text(
            "Số hồ sơ,Ngày tiếp nhận,Chủ hồ sơ,Trạng thái,Đơn vị\nA-1,01/03/2023 08:00,x,1,22492\nI,,,,\n",
            "utf-8",
        )
        parse_file(
            sample, display_name="", contracts=list(_known.values()), unit=None, received_at=dt.datetime.now(dt.UTC),
            token_key=b"warm", out_dir=Path(folder),
        )  # fmt: skip


_known: dict[str, Any] = {}


def _supervise(request: dict[str, Any], answer_fd: int, file: int) -> None:
    """Fork the worker, wait for it within its time, pass its answer on or say how it ended."""
    from sources.worker import run

    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    reader, writer = os.pipe()
    worker = os.fork()
    if worker == 0:
        code = 70
        try:
            os.close(reader)
            os.close(answer_fd)
            _limit(request)
            text = run(request, file, _known).encode()
            view = memoryview(text)
            while view:
                view = view[os.write(writer, view) :]
            code = 0
        except MemoryError:
            code = 71
        except OSError as error:
            code = 72 if error.errno in (errno.ENOSPC, errno.EDQUOT) else 70
        except BaseException:
            code = 70
        finally:
            os._exit(code)
    os.close(writer)
    os.close(file)
    answer = socket.socket(fileno=answer_fd)
    text, late = _collect(reader, answer, float(request["limit"]) + 1)
    with contextlib.suppress(ProcessLookupError):
        os.kill(worker, signal.SIGKILL)
    _, status = os.waitpid(worker, 0)
    if not text:
        reason = "too_slow" if late else _reason(status)
        text = json.dumps({"status": "rejected", "reason": reason, "message": _TEXTS.get(reason)}).encode()
    with contextlib.suppress(OSError):
        answer.sendall(text)
    answer.close()


def _collect(reader: int, answer: socket.socket, seconds: float) -> tuple[bytes, bool]:
    """Return (the worker's whole answer, whether its time ran out). Gives up when the parent went away."""
    import select

    parts: list[bytes] = []
    deadline = time.monotonic() + seconds
    while True:
        left = deadline - time.monotonic()
        if left <= 0:
            return b"", True
        ready, _, _ = select.select([reader, answer], [], [], left)
        if answer in ready:
            return b"", False
        if reader in ready:
            piece = os.read(reader, 1 << 20)
            if not piece:
                return b"".join(parts), False
            parts.append(piece)


def _reason(status: int) -> str:
    """Return the reason code for a worker's end."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if number in (signal.SIGALRM, signal.SIGXCPU):
            return "too_slow"
        return "too_large" if number == signal.SIGABRT else "crashed"
    return {71: "too_large", 72: _DISK_FULL}.get(os.WEXITSTATUS(status), "crashed")


def _limit(request: dict[str, Any]) -> None:
    """Set the worker's limits. Raises: OSError, ValueError."""
    for number in (signal.SIGALRM, signal.SIGXCPU, signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    seconds = float(request["limit"])
    signal.setitimer(signal.ITIMER_REAL, seconds)
    whole = int(seconds) + 2
    resource.setrlimit(resource.RLIMIT_CPU, (whole, whole))
    resource.setrlimit(resource.RLIMIT_AS, (_size() + MEMORY_EXTRA,) * 2)
    resource.setrlimit(resource.RLIMIT_FSIZE, (256 * 1024 * 1024 + 20 * int(request["size"]),) * 2)
    resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, OPEN_FILES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.addaudithook(_refuse)


def _size() -> int:
    """Return this process's address space in bytes."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[0]) * resource.getpagesize()
    except OSError:
        return 1024 * 1024 * 1024


def _refuse(event: str, _: tuple[Any, ...]) -> None:
    """Audit hook: a reader opens no socket and starts no program."""
    if event.startswith(("socket.", "subprocess.", "os.exec", "os.posix_spawn", "os.system", "os.fork", "ftplib.", "urllib.")):
        raise PermissionError(event)


if __name__ == "__main__":
    with contextlib.suppress(OSError, KeyboardInterrupt):
        _serve(socket.socket(fileno=int(sys.argv[1])))
