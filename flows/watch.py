"""The desk: `python -m flows.watch`, one process that sees to whatever nobody else has done (docs/nights.md).

Files dropped into the inbox are loaded and published within seconds, nights that no schedule started are run, other inboxes are
fetched from, messages and events leave. It keeps nothing to itself: all it needs to know is asked of the warehouse, so it may be
killed at any time. Each kind of work has a thread that sleeps until its time or until it is woken.
"""

from __future__ import annotations

import importlib
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from flows.steps.home import Home, clock_is_replaced, now, open_home
from flows.steps.inbox import Face, Looks, fresh_files
from flows.steps.logs import Log, bound
from flows.steps.trouble import trouble

if TYPE_CHECKING:
    from datetime import date

    from sources.quality import Gate

COMPONENT: Final = "watch"
#: Seconds between two looks at what nothing tells of: facts loaded by hand, a folder that keeps silent.
LOOK_S: Final = 15.0
BEAT_S: Final = 30.0
POST_S: Final = 30.0
NIGHTS_S: Final = 60.0
PULL_S: Final = 300.0
LATER_S: Final = 60.0
DAY_S: Final = 86_400.0
#: With a clock that is set by hand, what follows the clock is looked at this often.
REPLAY_S: Final = 0.5
#: After this the gate's worker is let go of until the next file: it holds some hundred megabytes.
GATE_IDLE_S: Final = 600.0
#: A work that fails for so long, and an inbox elsewhere that does, are told to people (rule work_stuck).
WORK_TOLD_S: Final = 300.0
INBOX_TOLD_S: Final = 3600.0
#: A file that could not even be opened is tried again after this.
STUCK_S: Final = 300.0
#: Where there is Prefect its schedule comes first, with the night and with the forecast that follows a score.
NIGHT_GRACE: Final = timedelta(minutes=10)
FORECAST_AFTER_S: Final = 60.0
FORECAST_GRACE_S: Final = 600.0
FORECAST_REPLAY_S: Final = 2.0
#: After the n-th failure in a row: seconds until the next try; of a night, which may be long, these.
BACKOFF_S: Final = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
NIGHT_BACKOFF_S: Final = (60.0, 300.0, 900.0)
#: How long a stop may take. After that the process ends as if it were killed, which does no harm.
STOP_S: Final = 9.0
#: Needed by the first reaction, and seconds to import.
_HEAVY: Final = ("pandas", "scoring.engine", "scoring.measures", "warehouse.marts", "flows.steps.commitments", "sources.quality")


class Stopping(BaseException):
    """Ends a long work between two of its pieces. No `Exception`: nobody may take it for a failure of the work."""


@dataclass
class Work:
    """One kind of work. round: does what is due and returns the seconds until it wants to look again."""

    name: str
    round: Callable[[], float]
    wake: threading.Event = field(default_factory=threading.Event)
    failures: int = 0
    trouble: str | None = None
    failing_since: float | None = None


class Desk:
    """The works and what they share. Nothing of it outlives the process, or needs to."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.log = Log(home.root, COMPONENT)
        self.stop = threading.Event()
        self.started = now()
        rounds = {"chain": self._chain, "post": self._post, "pull": self._pull, "pulse": self._pulse, "later": self._later}
        rounds["inbox"] = self._inbox
        self.works = {name: Work(name, work) for name, work in rounds.items()}
        self.gate: Gate | None = None
        self._gate_used = time.monotonic()
        self._warming = threading.Lock()
        self._looks, self._stuck = Looks(), dict[tuple[Path, Face], float]()
        self._units = _face(home)
        self._nights_at, self._nights_failed = 0.0, 0
        self._reacting: float | None = None  # since when
        self._published_at: float | None = time.monotonic()  # a score may wait for its forecast since before this start
        self._tidied_at: float | None = None
        self._alarming: tuple[list[date], dict[str, str]] | None = None  # what the alarm was raised over: nights, what is stuck
        self._closed: dict[str, float] = {}  # inboxes elsewhere that cannot be fetched from, and since when

    # --- running and stopping ---

    def run(self) -> None:
        """Work until `end`."""
        self.log.info("started", pid=os.getpid())
        threads = [threading.Thread(target=self._loop, args=(work,), name=work.name, daemon=True) for work in self.works.values()]
        for thread in threads:
            thread.start()
        self.stop.wait()
        until = time.monotonic() + STOP_S
        for thread in threads:
            thread.join(max(0.0, until - time.monotonic()))
        left = [thread.name for thread in threads if thread.is_alive()]
        if self.gate is not None and "chain" not in left:
            self.gate.close()
        self.log.info("stopped", left=left)
        self.log.close()

    def end(self) -> None:
        """Stop: every work ends after the piece it is at."""
        self.stop.set()
        for work in self.works.values():
            work.wake.set()

    def _loop(self, work: Work) -> None:
        while not self.stop.is_set():
            try:
                pause = work.round()
                work.failures, work.trouble, work.failing_since = 0, None, None
            except Stopping:
                return
            except Exception as problem:
                pause = self._failed(work, problem)
            work.wake.wait(pause)
            work.wake.clear()

    def _failed(self, work: Work, problem: Exception) -> float:
        """Note a failure; returns the seconds until the next try."""
        pause = BACKOFF_S[min(work.failures, len(BACKOFF_S) - 1)]
        work.failures += 1
        work.failing_since = work.failing_since or time.monotonic()
        passing = trouble(problem, self.home.root)
        work.trouble = passing[0] if passing else _code(problem)
        self.log.error("failed", problem, work=work.name, failures=work.failures, again_s=pause)
        return pause

    def _advance(self, what: str, number: int, total: int) -> None:
        """Called between the pieces of a long work."""
        if self.stop.is_set():
            raise Stopping

    # --- the chain: nights, then files ---

    def _chain(self) -> float:
        for name in _HEAVY:
            importlib.import_module(name)
        self._renew_home()
        self._nights()
        pause = self._files()
        if self.gate is not None and self.gate.pid is not None and time.monotonic() - self._gate_used > GATE_IDLE_S:
            self.gate.close()
            self.log.info("gate_released")
        return min(pause, by_clock(LOOK_S))

    def _renew_home(self) -> None:
        """Open the home anew when its own register of units changed: the rest is read anew by itself."""
        face = _face(self.home)
        if face != self._units:
            home = Home(self.home.root)
            home.prepare()
            self.home, self._units = home, face
            self.log.info("units_changed")

    def _nights(self) -> None:
        """Run the nights that are due. One that fails must not keep files waiting."""
        from flows.steps.nights import run_due

        if time.monotonic() < self._nights_at:
            return
        try:
            done = run_due(self.home, grace=timedelta(0) if _alone() else NIGHT_GRACE, advance=self._advance)
        except Exception as problem:
            waits = BACKOFF_S if trouble(problem, self.home.root) else NIGHT_BACKOFF_S
            pause = waits[min(self._nights_failed, len(waits) - 1)]
            self._nights_failed += 1
            self._nights_at = time.monotonic() + pause
            self.log.error("failed", problem, work="nights", failures=self._nights_failed, again_s=pause)
            return
        self._nights_failed = 0
        self._nights_at = time.monotonic() + by_clock(NIGHTS_S)
        for document in done:
            self.log.info("night", night=document["night"], status=document["status"], rejected=document["rejected"])
        if done:
            self.works["post"].wake.set()

    def _files(self) -> float:
        """React to what came; returns the seconds until the next look."""
        from flows.steps.react import react, waits

        whole, waiting = self._looks.arrived(fresh_files(self.home))
        clock = time.monotonic()
        self._stuck = {file: since for file, since in self._stuck.items() if clock - since < STUCK_S}
        tried = [file for file in self._faces(whole) if file not in self._stuck]
        if tried or waits(self.home):
            if tried:
                self._warm()
            self._reacting = clock
            try:
                answer = react(self.home, self.gate, looks=self._looks, advance=self._advance)
            finally:
                self._reacting = None
            self._gate_used = time.monotonic()
            self._told(answer)
            if answer["status"] == "busy":
                return 1.0
            left = set(fresh_files(self.home)) if tried else set()
            self._stuck |= {file: clock for file in tried if file[0] in left}
        return self._looks.soonest() if waiting else LOOK_S

    def _faces(self, paths: Iterable[Path]) -> list[tuple[Path, Face]]:
        return [(path, self._looks.seen[path][0]) for path in paths]

    def _told(self, answer: dict[str, Any]) -> None:
        """Log what a reaction did, and wake who tells others."""
        if answer["status"] == "busy":
            return
        counts = {name: answer[name] for name in ("status", "loaded", "rejected", "seconds")}
        self.log.info("reaction", **counts, run=answer["run"] and answer["run"]["run"], units=len(answer["units"]))
        if answer["status"] == "done":
            self._published_at = time.monotonic()
        self.works["post"].wake.set()

    def _warm(self) -> None:
        """Start the gate's worker: it needs seconds, while the file is still coming or being read."""
        from sources.quality import Gate

        with self._warming:
            if self.gate is None:
                self.gate = Gate(self.home.root, self.home.reports / "data_docs")
            if self.gate.pid is None:
                self._gate_used = time.monotonic()
                self.gate.start()

    def _inbox(self) -> float:
        """Wake the chain whenever something changes in the inbox."""
        from flows.steps.folder_watch import changes

        for number, _ in enumerate(changes(self.home.inbox, self.stop)):
            self.works["chain"].wake.set()
            if number:
                with suppress(Exception):  # the chain meets the same trouble and tells of it
                    self._warm()
        return 0.0

    # --- what leaves, what is fetched, what can wait ---

    def _post(self) -> float:
        """Send what is due to people and tell Prefect what happened. One failing must not keep the other.

        What happens during a reaction is told at its end (of a long one, meanwhile): Prefect would start runs for it, each of
        which takes a core for seconds from the very work it would do.
        """
        from flows.events import relay
        from flows.steps.outgoing import deliver

        reacting = self._reacting
        told = 0 if reacting is not None and time.monotonic() - reacting < POST_S else relay(self.home)
        sent = deliver(self.home)
        if told or sent["sent"] or sent["failed"]:
            self.log.info("post", events=told, sent=sent["sent"], failed=sent["failed"])
        return by_clock(POST_S)

    def _pull(self) -> float:
        """Fetch from inboxes elsewhere; what is fetched arrives in the inbox like anything else."""
        if not (self.home.root / "inboxes.yaml").exists():
            self._closed = {}
            return LATER_S
        from flows.steps.pull import pull

        entries = pull(self.home)
        for found in entries:
            self.log.info("pull", **{name: found[name] for name in ("inbox", "status") if name in found})
        closed = (found["inbox"] for found in entries if found["status"] in ("failed", "later"))
        self._closed = {name: self._closed.get(name, time.monotonic()) for name in closed}
        return PULL_S

    def _pulse(self) -> float:
        """Say that the desk is alive, and raise the alarm over a night that nobody ran and over what is stuck."""
        from flows.steps.health import stuck
        from flows.steps.nights import missed
        from flows.steps.publication import alarmed
        from warehouse import events

        moment = now()
        troubles = {work.name: work.trouble for work in self.works.values() if work.trouble}
        gate = self.gate is not None and self.gate.pid is not None
        detail = {"trouble": troubles, "inboxes": sorted(self._closed), "stuck": self._stopped(), "gate": gate}
        with self.home.database.begin() as tx:
            events.beat(tx, COMPONENT, socket.gethostname(), os.getpid(), self.started, moment, detail)
            alarming = (missed(tx, moment), stuck(self.home, tx))
            if alarming != self._alarming:
                alarmed(self.home, tx, moment, units=())
                self.works["post"].wake.set()
        self._alarming = alarming
        return by_clock(BEAT_S)

    def _stopped(self) -> dict[str, str]:
        """Return what has not worked for so long that somebody should be told → why."""
        clock = time.monotonic()
        failing = [work for work in self.works.values() if work.failing_since and clock - work.failing_since >= WORK_TOLD_S]
        closed = [name for name, since in self._closed.items() if clock - since >= INBOX_TOLD_S]
        return {f"work:{work.name}": work.trouble or "" for work in failing} | {f"inbox:{name}": "failed" for name in closed}

    def _later(self) -> float:
        """The forecast that follows a score, once files have stopped coming; and once a day, forgetting what is old."""
        from flows.steps.forecast_refresh import refresh
        from flows.steps.retention import prune

        clock = time.monotonic()
        if self._tidied_at is None or clock - self._tidied_at >= DAY_S:
            removed, cut = prune(self.home), bound(self.home.root)
            self._tidied_at = clock
            self.log.info("tidied", removed=removed["total"], logs=cut)
        quiet = FORECAST_REPLAY_S if clock_is_replaced() else FORECAST_AFTER_S if _alone() else FORECAST_GRACE_S
        if self._published_at is not None and clock - self._published_at >= quiet:
            self._published_at = None  # one that fails costs minutes: it is tried again after the next score, and by the night
            answer = refresh(self.home)
            if answer["status"] == "busy":
                self._published_at = clock
            self.log.info("forecast", status=answer["status"], forecast=answer["forecast"], seconds=answer["seconds"])
            self.works["post"].wake.set()
        return by_clock(LATER_S)


def by_clock(seconds: float) -> float:
    """Return the seconds between two looks at something that follows the clock."""
    return REPLAY_S if clock_is_replaced() else seconds


def _alone() -> bool:
    """Whether nobody else starts nights and forecasts, or nobody can: no scheduler follows a clock that is set by hand."""
    return clock_is_replaced() or not os.environ.get("PREFECT_API_URL", "").strip()


def _face(home: Home) -> tuple[int, int] | None:
    """Return what tells one text of the home's own register of units from another."""
    try:
        status = (home.root / "units.yaml").stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


def _code(problem: Exception) -> str:
    code = getattr(problem, "code", None)
    return code if isinstance(code, str) else type(problem).__name__


def _note_start(home: Home) -> None:
    """Write down that a desk watches over this home from now on: nights are expected since then (`flows.steps.nights`)."""
    from warehouse import events

    with home.database.begin() as tx:
        events.log_work(tx, "desk", "", now(), 0.0, "done", {"pid": os.getpid()})


def main() -> None:
    """Work until SIGTERM or SIGINT."""
    read, write = os.pipe()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os.write(write, b"."))  # a lock in a handler could be held by what it interrupts
    home = open_home()
    desk = Desk(home)
    running = threading.Thread(target=_prepared, args=(desk,), name="desk")
    running.start()
    os.read(read, 1)
    desk.end()
    running.join(STOP_S + 0.5)
    os._exit(0)  # a work that does not end in time must not hold the process: the database rolls back what it was at


def _prepared(desk: Desk) -> None:
    """Open the home, however long its database is away, then work."""
    opening = Work("opening", lambda: 0.0)
    while not desk.stop.is_set():
        try:
            desk.home.prepare()
            _note_start(desk.home)
            break
        except Exception as problem:
            desk.stop.wait(desk._failed(opening, problem))
    desk.run()


if __name__ == "__main__":
    main()
