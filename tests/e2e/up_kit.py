"""`cchc up` as a person or systemd starts it, and what is seen of it from outside."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from tests.e2e.kit import ROOT

PROGRAM = ROOT / ".venv" / "bin" / "cchc"
#: Generous: the machine may be slow and busy.
HANG_S = 240.0


def until(holds: Callable[[], Any], what: str, seconds: float = HANG_S) -> Any:
    """Wait until something holds and return it."""
    end = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < end, f"never: {what}"
        time.sleep(0.2)
    return found


def get(address: str, host: str | None = None, method: str = "GET") -> tuple[int, dict[str, str], str]:
    """Return (status, headers, body) of a page."""
    request = urllib.request.Request(address, headers={"Host": host} if host else {}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, dict(answer.headers), answer.read().decode()
    except urllib.error.HTTPError as problem:
        with problem:
            return problem.code, dict(problem.headers), problem.read().decode()


@dataclass
class Up:
    """A running `cchc up` of a home."""

    home: Path
    process: subprocess.Popen[str]
    ready: dict[str, Any]

    @property
    def page(self) -> str:
        return str(self.ready["page"])

    def pid(self, part: str) -> int | None:
        """The number of the process that a part is by now, as its log of starts tells."""
        started = [line for line in self.log() if line["event"] == "part.started" and line["part"] == part]
        return started[-1]["pid"] if started else None

    def log(self) -> list[dict[str, Any]]:
        text = (self.home / "logs" / "up.jsonl").read_text(encoding="utf-8")
        return [json.loads(line) for line in text.splitlines()]

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(HANG_S)

    def close(self) -> None:
        """Let go of what it printed."""
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()


def start(home: Path, *options: str, env: dict[str, str] | None = None) -> subprocess.Popen[str]:
    """Start `cchc up --json` on free ports."""
    keep = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "USER", "LANG") if name in os.environ}
    words = [str(PROGRAM), "up", "--json", "--port", "0", "--prefect-port", "0", *options]
    return subprocess.Popen(
        words, env={**keep, "CCHC_HOME": str(home), **(env or {})}, cwd="/", text=True, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def ready(home: Path, *options: str, env: dict[str, str] | None = None) -> Up:
    """Start it and wait for its one document."""
    process = start(home, *options, env=env)
    assert process.stdout is not None and process.stderr is not None
    line = process.stdout.readline()
    assert line, process.stderr.read()
    return Up(home, process, json.loads(line))


def processes(home: Path) -> list[psutil.Process]:
    """Every live process that belongs to a home: named by its arguments or its environment, or working in its data."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.pid == os.getpid() or process.status() == psutil.STATUS_ZOMBIE:
                continue
            told = [*process.cmdline(), *process.environ().values(), process.cwd()]
            if any(re.search(rf"{re.escape(str(home))}(/|\b)", word) for word in told):
                found.append(process)
    return found
