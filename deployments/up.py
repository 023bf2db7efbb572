"""What `cchc up` prepares before the supervisor takes over: one at a time, ports, Prefect's database, the parts."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import socket
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from deployments import environment, guardian
from deployments.children import Part, until
from flows.steps.home import ZONE, Home, UserError
from warehouse import cluster, engine, place
from warehouse.keeper import process_alive
from warehouse.prefect_database import prefect_database

LOOPBACK: Final = "127.0.0.1"
#: Seconds to wait for the parts of an `up` that was killed to be gone.
_LEFTOVERS_S: Final = 60.0
#: Seconds a clean stop of the embedded database may take.
_STOP_S: Final = 100.0
_NO_HOST: Final = "Không có địa chỉ «{}» trên máy này; hãy dùng 127.0.0.1 hoặc địa chỉ của máy."


@dataclass(frozen=True)
class Options:
    """host, port: of the status page. prefect_port: of Prefect's server when one is started. A port 0 means a free one."""

    host: str = LOOPBACK
    port: int = 8765
    prefect_port: int = 4200
    prefect: bool = True


def up(home: Home, options: Options, ready: Callable[[dict[str, Any]], None]) -> None:
    """Run an installation on this machine until SIGTERM or SIGINT; returns when everything has ended.

    ready: called once with {page, prefect: {api, database, reason} or None, parts: part → {pid, state, restarts}, pid}.
    Raises: UserError (another one runs for this home, a port is taken), DatabaseError.
    """
    from deployments.supervisor import Supervisor

    root = place.make_home(home.root)
    home = Home(root)
    lock = _take_lock(root)
    try:
        guardian.end(str(root), spared=os.getpid())  # what is left when supervisor and guardian were killed together
        port = _free_port(options.host, options.port, "--port")
        home.prepare()
        api, database, server = _prefect(root, options)
        parts = _parts(root, options.host, port, api, server)
        page = f"http://{_shown(options.host)}:{port}/"
        info = {"pid": os.getpid(), "page": page, "prefect": {"api": api, **database} if api else None}
        place.write_json(root / "run" / "up.json", {**info, "started_at": datetime.now(ZONE).isoformat(timespec="seconds")})
        Supervisor(home, parts, lock).run(lambda states: ready({**info, "parts": states}))
        (root / "run" / "up.json").unlink(missing_ok=True)
    finally:
        home.database.close()
        cluster.release(root)
        os.close(lock)
    if engine.is_embedded():
        _await_database(root)


def _take_lock(root: Path) -> int:
    """Return the descriptor that holds the home's lock of `cchc up`. The kernel frees it however the holder ends.

    Raises: UserError when another one runs.
    """
    folder = place.make_folder(root / "run", 0o711)
    fd = os.open(folder / "up.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def taken() -> bool:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def settled() -> bool:
        return taken() or _holder_lives(fd)

    until(settled, _LEFTOVERS_S)  # a dead holder's guardian is still at work
    if not taken():
        os.close(fd)
        raise UserError("already_up", _already(root))
    os.ftruncate(fd, 0)
    os.pwrite(fd, json.dumps({"pid": os.getpid()}).encode(), 0)
    return fd


def _holder_lives(fd: int) -> bool:
    try:
        return process_alive(int(json.loads(os.pread(fd, 4096, 0))["pid"]))
    except (ValueError, KeyError, TypeError):  # it has just taken the lock and not written its number yet
        return False


def _already(root: Path) -> str:
    info = place.read_json(root / "run" / "up.json") or {}
    where = f" (tiến trình {info['pid']}); trang trạng thái: {info['page']}" if "pid" in info and "page" in info else ""
    return f"«cchc up» đang chạy cho thư mục {root}{where}. Mỗi thư mục chỉ chạy một «cchc up»; muốn chạy lại thì dừng nó trước."


def _free_port(host: str, port: int, option: str) -> int:
    """Return the port, or for 0 a free one. Raises: UserError when it cannot be listened on."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        with closing(socket.socket(family, socket.SOCK_STREAM)) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
            return int(probe.getsockname()[1])
    except socket.gaierror:
        raise UserError("bad_host", _NO_HOST.format(host)) from None
    except OSError as problem:
        if problem.errno == errno.EADDRNOTAVAIL:
            raise UserError("bad_host", _NO_HOST.format(host)) from None
        why = "cổng dưới 1024 cần quyền quản trị" if problem.errno == errno.EACCES else "đang có chương trình khác dùng"
        text = f"Không mở được cổng {port} ở {host} ({why}); chọn cổng khác bằng {option}, hoặc {option} 0 để tự chọn."
        raise UserError("port_taken", text) from None


def _shown(host: str) -> str:
    """Return a host as it is written in an address that a browser on this machine can open."""
    if host in ("0.0.0.0", "::"):
        return LOOPBACK
    return f"[{host}]" if ":" in host else host


def _prefect(root: Path, options: Options) -> tuple[str | None, dict[str, Any], Part | None]:
    """Return (address of Prefect's API or None, where its tables are, its server as a part when one is to be started)."""
    if not options.prefect:
        return None, {}, None
    given = os.environ.get("PREFECT_API_URL", "").strip().rstrip("/")
    if given:
        return given, {"database": "given", "reason": ""}, None
    database = prefect_database(root)
    port = _free_port(LOOPBACK, options.prefect_port, "--prefect-port")
    command = [sys.executable, "-m", "deployments.prefect_server", "--port", str(port)]
    env = {**environment.server(root, port, database), guardian.MARK: str(root)}
    part = Part("server", command, env, address=(LOOPBACK, port, "/api/health"))
    return f"http://{LOOPBACK}:{port}/api", {"database": database.kind, "reason": database.reason}, part


def _parts(root: Path, host: str, port: int, api: str | None, server: Part | None) -> list[Part]:
    env = {**environment.common(root, api), guardian.MARK: str(root)}
    python = [sys.executable, "-m"]
    parts = [server] if server is not None else []
    parts.append(Part("watch", [*python, "flows.watch"], env))
    web = [*python, "apps.web", "--host", host, "--port", str(port)]
    parts.append(Part("web", web, env, address=(_reached(host), port, "/live")))
    if api is not None:
        # Prefect's runner keeps its files in one folder of the machine's, which belongs to whoever was first.
        own = {**env, "TMPDIR": str(_empty_folder(root / "run" / "tmp"))}
        parts.append(Part("runner", [*python, "deployments.serve"], own, after="server" if server is not None else None))
    return parts


def _empty_folder(path: Path) -> Path:
    """Return a private folder without what an earlier run left in it."""
    shutil.rmtree(path, ignore_errors=True)
    return place.make_folder(path, 0o700)


def _reached(host: str) -> str:
    return {"0.0.0.0": LOOPBACK, "::": "::1"}.get(host, host)


def _await_database(root: Path) -> None:
    """Wait until the embedded database has ended, unless somebody else still uses it."""
    begun = time.monotonic()

    def gone() -> bool:
        if cluster.running(root) is None:
            return True
        return time.monotonic() - begun > 5.0 and cluster.accepts(root)  # another user's

    until(gone, _STOP_S)
