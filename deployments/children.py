"""One child process of `cchc up`: started, listened to, ended; and how its health is asked."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Final

from flows.steps.home import CHECKOUT
from flows.steps.logs import Output

#: Seconds before a part that ended is started again: doubled each time, back to the first after a good while alive.
FIRST_WAIT_S: Final = 1.0
LONGEST_WAIT_S: Final = 60.0
_GOOD_WHILE_S: Final = 60.0
#: Seconds that a part gets to end its transaction.
PATIENCE_S: Final = 20.0


@dataclass(frozen=True)
class Part:
    """What is kept running. env holds secrets and is never shown. address: (host, port, path) that answers 200 when it is well;
    None: it beats in the database instead. after: the part that must be well before this one is started."""

    name: str
    command: list[str]
    env: dict[str, str] = field(repr=False)
    address: tuple[str, int, str] | None = None
    after: str | None = None


class Child:
    """A part and the process that is it at the moment. Used by the supervisor's thread alone; `ended` is put on its queue."""

    def __init__(self, part: Part, root: Path, heard: SimpleQueue[tuple[str, Any]]) -> None:
        self.part = part
        self.restarts = 0
        self.well = False
        self.due: float | None = 0.0
        self.misses = 0
        self._wait = FIRST_WAIT_S
        self._heard = heard
        self._output = Output(root, part.name)
        self._process: subprocess.Popen[bytes] | None = None
        self._begun = 0.0

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    @property
    def age(self) -> float:
        """Seconds since it was started."""
        return time.monotonic() - self._begun

    def start(self) -> int:
        """Start the process in a session of its own: Ctrl-C reaches the supervisor only, which ends the parts in order."""
        process = subprocess.Popen(
            self.part.command, cwd=CHECKOUT, env=self.part.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        self._process, self._begun, self.due, self.well, self.misses = process, time.monotonic(), None, False, 0
        threading.Thread(target=self._listen, args=(process,), name=f"{self.part.name}-output", daemon=True).start()
        threading.Thread(target=self._await, args=(process,), name=f"{self.part.name}-end", daemon=True).start()
        return process.pid

    def _listen(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        with process.stdout as pipe:
            while text := os.read(pipe.fileno(), 1 << 16):
                self._output.write(text)

    def _await(self, process: subprocess.Popen[bytes]) -> None:
        process.wait()
        self._heard.put(("ended", (self, process)))

    def is_now(self, process: subprocess.Popen[bytes]) -> bool:
        """Whether a process is the present one, not one that was replaced."""
        return process is self._process

    def lost(self) -> float:
        """Note that the process ended by itself, and end what it left behind. Returns the seconds until it is started again."""
        assert self._process is not None
        _signal_group(self._process.pid, signal.SIGKILL)
        self._process, self.well = None, False
        wait = FIRST_WAIT_S if self.age > _GOOD_WHILE_S else self._wait
        self._wait = min(wait * 2, LONGEST_WAIT_S)
        self.restarts += 1
        self.due = time.monotonic() + wait
        return wait

    def kill(self) -> None:
        """End a process that hangs; it is then started again like one that died."""
        if self._process is not None:
            _signal_group(self._process.pid, signal.SIGKILL)

    def stop(self) -> int | None:
        """Ask the process to end and wait for it, then end what it left behind. Returns its exit status, None: it did not run."""
        process, self._process, self.due = self._process, None, None
        if process is None:
            return None
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(PATIENCE_S)
        _signal_group(process.pid, signal.SIGKILL)
        return process.wait()


def _signal_group(group: int, number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def answers(address: tuple[str, int, str], timeout: float) -> bool:
    """Whether an address of this machine answers 200. No proxy is asked."""
    host, port, path = address
    connection = http.client.HTTPConnection(host, port, timeout=timeout)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def until(holds: Callable[[], bool], seconds: float, step: float = 0.2) -> bool:
    """Wait until something holds; false when it did not within so many seconds."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(step)
    return True
