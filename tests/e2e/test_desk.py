"""The desk as a process: what is dropped is published, nights are run that nobody else runs (R5), deaths and stops cost nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.e2e.kit import ROOT, Cchc, dossier, write_csv

HANG_S = 120.0
AT_ONCE = 10
MORNING = "2023-04-03T10:00:00+07:00"
#: Nobody listens there: Prefect is configured, and down.
DEAD_PREFECT = "http://127.0.0.1:9/api"


def until(what: str, true: Callable[[], Any]) -> Any:
    """Wait for something that must come, and return it."""
    import psycopg2

    from warehouse.errors import DatabaseError

    end = time.monotonic() + HANG_S
    while time.monotonic() < end:
        with suppress(psycopg2.Error, DatabaseError):  # the database is away for a while
            if found := true():
                return found
        time.sleep(0.05)
    raise AssertionError(f"waited in vain for {what}")


class Office:
    """A home, the clock its desk follows, and the desk."""

    def __init__(self, cchc: Cchc) -> None:
        self.cchc, self.home = cchc, cchc.home
        self.clock = cchc.home.parent / "clock"
        self.desk: subprocess.Popen[bytes] | None = None
        self.at(MORNING)

    def at(self, moment: str) -> None:
        part = self.clock.with_suffix(".part")
        part.write_text(moment, encoding="utf-8")
        part.replace(self.clock)

    def open(self, **env: str) -> None:
        keep = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "LANG") if name in os.environ}
        told = {"CCHC_HOME": str(self.home), "CCHC_CLOCK": f"@{self.clock}", "PREFECT_API_URL": DEAD_PREFECT, **env}
        with (self.home.parent / "desk.out").open("ab") as out:
            self.desk = subprocess.Popen(
                [sys.executable, "-m", "flows.watch"], cwd=ROOT, env=keep | told, stdout=out, stderr=out, stdin=subprocess.DEVNULL
            )

    def close(self, number: int = signal.SIGTERM) -> tuple[int, float]:
        """End the desk; returns (status, seconds). Nothing that it started is left."""
        assert self.desk is not None
        children = psutil.Process(self.desk.pid).children(recursive=True)
        ours = [child for child in children if "quality_worker" in " ".join(child.cmdline())]
        begun = time.monotonic()
        self.desk.send_signal(number)
        status = self.desk.wait(HANG_S)
        took = time.monotonic() - begun
        until("the end of what the desk started", lambda: not [child for child in ours if child.is_running()])
        return status, took

    def runs(self) -> list[tuple[int, str, str]]:
        return self.cchc.query("select run_id, origin, recipe ->> 'loads' from score_runs order by run_id")

    def published(self, loads: int) -> bool:
        """Whether there are so many loads, the last published score knows them, and whoever published it came to the end."""
        runs = self.runs()
        newest = self.cchc.query("select count(*), max(load_id) from loads")[0]  # numbers are left out after a crash
        ended = self.cchc.query("select count(*) from work_log where kind in ('reaction', 'night') and outcome = 'done'")[0][0]
        last = runs[-1][2].replace("-", ",").split(",")[-1] if runs else ""
        return newest == (loads, int(last or 0)) and ended >= len(runs)

    def loads(self) -> int:
        return int(self.cchc.query("select count(*) from loads")[0][0])

    def drop(self, name: str, *numbers: int, month: int = 3) -> Path:
        target = self.home / "inbox" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        hidden = target.with_name(f".{target.name}.part")
        write_csv(hidden, [dossier(number, late=number % 4 == 0, month=month) for number in numbers])
        return hidden.replace(target)


@pytest.fixture(scope="module")
def office(cchc: Cchc) -> Iterator[Office]:
    office = Office(cchc)
    yield office
    if office.desk is not None and office.desk.poll() is None:
        office.desk.kill()
        office.desk.wait(HANG_S)
    for log in (office.home / "logs" / "watch.jsonl", office.home.parent / "desk.out"):
        print(log.read_text(encoding="utf-8")[-4000:])  # shown when a test fails


def test_what_lies_there_and_what_is_dropped_is_published(office: Office) -> None:
    office.drop("san-co.csv", *range(1, 11))
    office.open()
    until("what lay there before", lambda: office.published(1))
    office.drop("thang-3/moi.csv", *range(11, 16))  # in a folder that did not exist before
    until("what was dropped", lambda: office.published(2))
    assert [origin for _, origin, _ in office.runs()] == ["event", "event"]
    assert json.loads((office.home / "reports" / "diem-2023.json").read_text("utf-8"))["as_of"].startswith("2023-04-03T10:00")


def test_a_file_half_written_waits_and_many_come_at_once(office: Office) -> None:
    before = office.loads()
    slow = office.home / "inbox" / "cham.csv"
    text = write_csv(office.home.parent / "cham.csv", [dossier(number) for number in range(30, 60)]).read_bytes()
    with slow.open("wb", buffering=0) as file:
        for start in range(0, len(text), len(text) // 8):
            file.write(text[start : start + len(text) // 8])
            time.sleep(0.3)
    for number in range(AT_ONCE):
        office.drop(f"nhieu/{number:02d}.csv", 100 + number)
    until("all of them", lambda: office.published(before + AT_ONCE + 1))
    assert office.cchc.query("select count(*) from files where state <> 'loaded'") == [(0,)]
    came = "select l.rows_read from loads as l inner join arrivals as a using (sha256) where a.display_name = 'cham.csv'"
    assert office.cchc.query(came) == [(30,)]
    assert office.close()[0] == 0


@pytest.mark.parametrize("place", ["committed", "published"])
def test_a_desk_that_is_killed_is_followed_by_one_that_finishes(office: Office, place: str) -> None:
    before, runs = office.loads(), len(office.runs())
    office.open(CCHC_FAILPOINT=place)
    office.drop(f"chet-{place}.csv", 200 + before, month=2)
    assert office.desk is not None and office.desk.wait(HANG_S) == -signal.SIGKILL
    assert office.loads() == before + 1 and len(office.runs()) == runs + (place == "published")
    office.open()
    until("what the dead one left", lambda: office.published(before + 1))
    status, seconds = office.close()
    assert status == 0 and seconds < 10
    assert office.cchc.query("select count(*) - count(distinct recipe ->> 'loads') from score_runs") == [(0,)]


def test_r05_the_night_runs_without_prefect_and_a_stopped_database_is_waited_for(office: Office) -> None:
    from warehouse import cluster

    before = office.loads()
    office.open()
    assert office.desk is not None
    watching = [(office.desk.pid,)]
    until("the desk", lambda: office.cchc.query("select pid from heartbeats where component = 'watch'") == watching)
    server = cluster.running(office.home)
    assert server is not None
    os.kill(server, signal.SIGQUIT)
    office.drop("trong-khi-mat-csdl.csv", *range(300, 305))
    until("what came while the database was away", lambda: office.published(before + 1))
    office.at("2023-04-04T01:00:00+07:00")
    night = "select outcome, summary -> 'run' from nightly_runs"
    ((outcome, run),) = until("the night", lambda: office.cchc.query(night))
    assert outcome == "done" and office.runs()[-1][:2] == (run["run"], "nightly")
    assert office.close()[0] == 0

    office.cchc.query("delete from nightly_runs")  # as if no night had run: the command makes the same recipe and result
    typed = office.cchc("nightly", "--json", clock="2023-04-04T01:00:00+07:00")
    assert (typed.json["status"], typed.json["run"]) == ("done", run)
