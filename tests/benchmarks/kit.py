"""What the benchmarks share: the machine, a clock, memory of a process tree, the floors on the same PostgreSQL."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parents[2]
CCHC = [str(Path(sys.executable).with_name("cchc"))]


def machine() -> str:
    """Return one line about the machine and what else it is doing."""
    memory = psutil.virtual_memory().total / 2**30
    return (
        f"{os.cpu_count()} cores {platform.machine()}, {memory:.0f} GiB, Python {platform.python_version()}, "
        f"load {os.getloadavg()[0]:.1f}"
    )


def say(title: str, rows: list[tuple[str, str]]) -> None:
    """Print one block of results."""
    print(f"\n== {title}\n   {machine()}")
    for name, value in rows:
        print(f"   {name:<74} {value:>16}")


@dataclass
class Clock:
    """Seconds of a block, once it is over."""

    seconds: float = 0.0


@contextmanager
def timed() -> Iterator[Clock]:
    """Measure the wall-clock time of a block."""
    clock, begin = Clock(), time.perf_counter()
    try:
        yield clock
    finally:
        clock.seconds = time.perf_counter() - begin


@dataclass
class Memory:
    """Peak memory in MiB: proportional set size (shared pages divided among those who share them)."""

    largest: float = 0.0
    together: float = 0.0
    server: float = 0.0
    parts: dict[str, float] = field(default_factory=dict)


def _pss(process: psutil.Process) -> float:
    try:
        return float(process.memory_full_info().pss) / 2**20
    except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess, OSError):
        return 0.0


def run_watched(command: list[str], home: Path, log: Path, server: int | None = None) -> tuple[float, int, Memory]:
    """Run a command to its end; returns (seconds, status, peak memory of it and all its children, PostgreSQL apart).

    server: process id of PostgreSQL's first process, to be measured beside it.
    """
    peak, over = Memory(), threading.Event()
    begin = time.perf_counter()
    with open(log, "wb") as out:
        process = subprocess.Popen(
            command, stdout=out, stderr=subprocess.STDOUT, env={**os.environ, "CCHC_HOME": str(home)}, cwd=ROOT
        )

        def watch() -> None:
            root = psutil.Process(process.pid)
            while not over.wait(0.1):
                try:
                    tree = [root, *root.children(recursive=True)]
                except psutil.NoSuchProcess:
                    return
                mine = [p for p in tree if not _is_postgres(p)]
                sizes = {p.pid: _pss(p) for p in mine}
                peak.largest = max(peak.largest, *sizes.values())
                if sum(sizes.values()) > peak.together:
                    peak.together = sum(sizes.values())
                    peak.parts = {f"{_role(p)} {p.pid}": sizes[p.pid] for p in mine}
                if server is not None:
                    peak.server = max(peak.server, sum(_pss(p) for p in _family(server)))

        thread = threading.Thread(target=watch, daemon=True)
        thread.start()
        status = process.wait()
        seconds = time.perf_counter() - begin
        over.set()
        thread.join()
    return seconds, status, peak


def _is_postgres(process: psutil.Process) -> bool:
    try:
        return process.name().startswith("postgres")
    except psutil.Error:
        return False


def _role(process: psutil.Process) -> str:
    try:
        words = process.cmdline()
    except psutil.Error:
        return "gone"
    return next(
        (name for name in ("sources.child", "sources.worker", "quality_worker", "cchc", "apps.cli") if name in " ".join(words)),
        "python",
    )


def parent_of(pid: int) -> int:
    """Return the process id of a process's parent."""
    return int(psutil.Process(pid).ppid())


def _family(pid: int) -> list[psutil.Process]:
    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.Error:
        return []


def copy_floor(connection: Any, table: str, columns: str, source: Path, options: str = "format csv") -> float:
    """Return the seconds a bare COPY of a file takes into a fresh table without index, committed."""
    with connection.cursor() as cursor:
        cursor.execute(f"drop table if exists {table}")
        cursor.execute(f"create table {table} ({columns})")
        connection.commit()
        with timed() as clock, source.open("rb") as stream:
            cursor.copy_expert(f"copy {table} from stdin with ({options})", stream, size=1 << 20)
            connection.commit()
        cursor.execute(f"drop table {table}")
        connection.commit()
    return clock.seconds
