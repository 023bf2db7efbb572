"""`cchc up`: keeps the parts of one installation running on one machine, and ends them cleanly.

The parts are Prefect's server, the runner of our deployments, the desk (`flows.watch`) and the status page (`apps.web`); the
embedded PostgreSQL has its own keeper. The supervisor does no work itself: whatever it starts asks the database what is not
done yet, so any part may die at any moment and be started again.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Final

from deployments import guardian, notify
from deployments.children import Child, Part, answers
from flows.steps.home import Home, now
from flows.steps.logs import Log, bound
from warehouse import cluster, engine, events
from warehouse.prefect_database import URL_VARIABLE, prefect_database

#: Seconds between two looks at everything; every third writes a sign of life, every sixth asks the parts for theirs.
_TICK_S: Final = 10.0
_PROBE_S: Final = 10.0
#: A part that does not answer so many times in a row is started again; one that beats in the database after this silence.
_MISSES: Final = 3
_SILENT_S: Final = 600.0
#: Seconds after which `cchc up` says what runs, although something is not ready yet.
_READY_S: Final = 180.0
_STOPS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
#: In this order they are ended.
_LAST: Final = ("runner", "watch", "web", "server")


class Supervisor:
    """Keeps parts running until SIGTERM or SIGINT. `lock` is the descriptor of the home's lock of `cchc up`."""

    def __init__(self, home: Home, parts: list[Part], lock: int) -> None:
        self.home = home
        self.log = Log(home.root, "up")
        self._lock = lock
        self._heard: SimpleQueue[tuple[str, Any]] = SimpleQueue()
        self._children = {part.name: Child(part, home.root, self._heard) for part in parts}
        self._guard: subprocess.Popen[bytes] | None = None
        self._me = (socket.gethostname(), os.getpid())
        self._started, self._begun = now(), time.monotonic()
        self._socket: Path | None = None
        self._ticks = 0
        self._away = False
        self._told: dict[str, Any] = {}

    def run(self, ready: Callable[[dict[str, Any]], None]) -> None:
        """Start the parts, call `ready` with what runs, keep them running, end them when told to."""
        for number in _STOPS:
            if signal.getsignal(number) is not signal.SIG_IGN:  # started with nohup, or behind a script
                signal.signal(number, lambda got, _: self._heard.put(("stop", got)))
        self.log.info("up.started", pid=self._me[1])
        self._guarded()
        said, tick = False, 0.0
        try:
            while not self._next(0.5 if not said else max(0.0, min(tick, self._soonest()) - time.monotonic())):
                self._start_due()
                if not said and (self._all_well() or time.monotonic() - self._begun > _READY_S):
                    said = True
                    self.log.info("up.ready", seconds=round(time.monotonic() - self._begun, 1), parts=self.states())
                    with suppress(OSError):  # whoever read along has gone; the work goes on
                        ready(self.states())
                    notify.tell("READY=1")
                    tick = 0.0
                if time.monotonic() >= tick:
                    tick = time.monotonic() + _TICK_S
                    self._look(probe=said)
        finally:
            self._stop()

    def states(self) -> dict[str, dict[str, Any]]:
        """Return part → {pid, state: running, starting or waiting (to be started again), restarts}."""
        return {
            name: {
                "pid": child.pid,
                "state": "running" if child.well else "waiting" if child.pid is None and child.restarts else "starting",
                "restarts": child.restarts,
            }
            for name, child in self._children.items()
        }

    # --- what happens ---

    def _next(self, seconds: float) -> bool:
        """Wait for something to happen, at most so long. Returns whether to stop."""
        try:
            what, who = self._heard.get(timeout=seconds)
        except Empty:
            return False
        if what == "stop":
            self.log.info("up.stopping", signal=signal.Signals(who).name)
            return True
        child, process = who
        if child.is_now(process):
            wait = child.lost()
            self.log.warning("part.ended", part=child.part.name, pid=process.pid, status=process.returncode, again_in_s=wait)
        return False

    def _soonest(self) -> float:
        """When the next part is to be started."""
        return min((child.due for child in self._children.values() if child.due is not None), default=float("inf"))

    def _start_due(self) -> None:
        for child in self._children.values():
            first = self._children.get(child.part.after or "")
            if child.due is None or time.monotonic() < child.due:
                continue
            if first is not None and not (child.restarts or self._is_well(first)):
                child.due = time.monotonic() + 0.5
                continue
            try:
                self.log.info("part.started", part=child.part.name, pid=child.start(), restarts=child.restarts)
            except OSError as problem:  # no memory or no processes left for the moment
                child.due = time.monotonic() + _TICK_S
                self.log.error("part.not_started", problem, part=child.part.name)

    # --- whether they are well ---

    def _all_well(self) -> bool:
        return all([self._is_well(child) for child in self._children.values()])

    def _is_well(self, child: Child) -> bool:
        """Whether a part that was started is ready; once well it counts as such until it ends."""
        if not child.well and child.pid is not None:
            if child.part.address is not None:
                child.well = answers(child.part.address, 2.0)
            else:
                silence = self._silence(child)
                child.well = silence is not None and silence < _SILENT_S
        return child.well

    def _silence(self, child: Child) -> float | None:
        """Seconds since a part's process beat in the database; None: not known."""
        try:
            with self.home.database.begin() as tx:
                beats = events.beats(tx)
        except Exception:  # the database is away: told once by `_look`
            return None
        mine = [row["age_s"] for row in beats if (row["host"], row["pid"]) == (self._me[0], child.pid)]
        return min(mine, default=None) if mine else None

    def _look(self, *, probe: bool) -> None:
        """What is done every few seconds: the database lives, systemd hears of us, hanging parts are ended, logs stay small."""
        notify.tell("WATCHDOG=1")
        self._guarded()
        self._all_well()
        self._tried(self._database)
        if probe and self._ticks % 6 == 0:
            self._end_hanging()
        if self._ticks % 360 == 0:
            for name in bound(self.home.root):
                self.log.info("log.cut", file=name)
        self._ticks += 1

    def _database(self) -> None:
        """See to it that the embedded PostgreSQL runs, and say in the database that we are alive."""
        if engine.is_embedded():
            self._database_up()
        if self._ticks % 3 == 0 or self.states() != self._told:
            self._beat()

    def _database_up(self) -> None:
        """Start the embedded PostgreSQL when it died. In a home with a long path it then has another socket: Prefect is told."""
        place = cluster.ensure(self.home.root).socket
        server = self._children.get("server")
        if self._socket not in (None, place) and server is not None and URL_VARIABLE in server.part.env:
            server.part.env[URL_VARIABLE] = prefect_database(self.home.root).url
            server.kill()
        self._socket = place

    def _tried(self, work: Callable[[], object]) -> None:
        """Do what needs the database; say once when it is away and once when it is back."""
        try:
            work()
        except Exception as problem:
            if not self._away:
                self.log.error("database.away", problem)
            self._away = True
        else:
            if self._away:
                self.log.info("database.back")
            self._away = False

    def _beat(self) -> None:
        states = self.states()
        with self.home.database.begin() as tx:
            events.beat(tx, "up", *self._me, self._started, now(), {"parts": states})
        self._told = states

    def _end_hanging(self) -> None:
        """End parts that live but do not answer; `_next` hears of their end and starts them again."""
        for child in self._children.values():
            if child.pid is None or child.age < _READY_S:
                continue
            if child.part.address is not None:
                missing = not answers(child.part.address, _PROBE_S)
            else:
                silence = self._silence(child)
                missing = silence is not None and silence > _SILENT_S
            child.misses = child.misses + 1 if missing else 0
            if child.misses >= _MISSES:
                self.log.warning("part.hangs", part=child.part.name, pid=child.pid)
                child.kill()

    def _guarded(self) -> None:
        """Make sure that somebody ends the parts when this process is killed."""
        if self._guard is not None and self._guard.poll() is None:
            return
        self._guard = subprocess.Popen(
            [sys.executable, "-I", "-S", guardian.__file__, str(self.home.root)], env={}, cwd="/", stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True, pass_fds=(self._lock,),
        )  # fmt: skip

    # --- the end ---

    def _stop(self) -> None:
        """End the parts in order, then whatever they left behind; the embedded database ends with its last user."""
        notify.tell("STOPPING=1")
        for number in _STOPS:
            signal.signal(number, signal.SIG_IGN)
        for child in sorted(self._children.values(), key=lambda child: _LAST.index(child.part.name)):
            self.log.info("part.stopped", part=child.part.name, pid=child.pid, status=child.stop())
        guardian.end(str(self.home.root), spared=self._me[1])
        if self._guard is not None:
            self._guard.kill()
            self._guard.wait()
        self._tried(self._forget)
        self.home.database.close()
        self.log.info("up.stopped", seconds=round(time.monotonic() - self._begun))
        self.log.close()

    def _forget(self) -> None:
        """Parts that were ended are not missed."""
        with self.home.database.begin() as tx:
            events.forget(tx, self._me[0])
