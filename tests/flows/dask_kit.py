"""A Dask scheduler and workers on loopback, each a process of its own with its own environment."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.flows.prefect_kit import LIMIT_S, ROOT, end, free_port

#: Workers of a test are small, and nothing of them listens beyond this machine.
_WORKER = ["--nthreads", "1", "--nworkers", "1", "--no-dashboard", "--host", "127.0.0.1", "--memory-limit", "0"]


class Dask:
    """address: of the scheduler; workers: the processes (each a nanny with its worker)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.address = f"tcp://127.0.0.1:{free_port()}"
        self.scheduler = self._start(
            "scheduler", ["--host", "127.0.0.1", "--port", self.address.rsplit(":", 1)[1], "--no-dashboard"]
        )
        self.workers: list[subprocess.Popen[bytes]] = []

    def add(self, number: int) -> None:
        """Start workers."""
        for _ in range(number):
            words = [self.address, *_WORKER, "--local-directory", str(self.folder), "--name", f"w{len(self.workers)}"]
            self.workers.append(self._start("worker", words))

    def wait(self) -> None:
        """Wait until every worker that was started is known to the scheduler."""
        from distributed import Client

        with Client(self.address, timeout=LIMIT_S, set_as_default=False) as client:
            client.wait_for_workers(len(self.workers), timeout=LIMIT_S)

    def _start(self, what: str, words: list[str]) -> subprocess.Popen[bytes]:
        env = {**os.environ, "PYTHONPATH": str(ROOT), "DASK_DISTRIBUTED__ADMIN__TICK__LIMIT": "1h"}
        with (self.folder / f"{what}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "dask", what, *words], env=env, stdout=log, stderr=log, start_new_session=True, cwd=ROOT
            )

    def close(self) -> None:
        for process in (*self.workers, self.scheduler):
            end(process)


@contextmanager
def dask(folder: Path, number: int) -> Iterator[Dask]:
    """Run a scheduler and so many workers that see this process's installation."""
    cluster = Dask(folder)
    try:
        time.sleep(0.1)
        cluster.add(number)
        cluster.wait()
        yield cluster
    finally:
        cluster.close()
