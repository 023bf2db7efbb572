"""R3: the database stops at once, drops connections or is away while files are loaded: nothing partial, nothing lost, and it
goes on by itself.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from flows.steps import failpoints, ingest, trouble
from flows.steps.files import FileResult, Request, candidates
from flows.steps.home import Home
from tests.conftest import empty
from tests.flows import kit
from warehouse import cluster, engine
from warehouse.database import Transaction
from warehouse.errors import DatabaseError

pytestmark = [pytest.mark.db, pytest.mark.slow]
ON_THE_WAY = failpoints.NAMES[: failpoints.NAMES.index("committed") + 1]
#: By hand, with CCHC_R03_TIMES=20: every place so many times. Otherwise some of them once.
TIMES = int(os.environ.get("CCHC_R03_TIMES", "0"))
PLACES = ON_THE_WAY if TIMES else ("arrival_recorded", "merged", "before_commit", "committed")


class World:
    """Three files that speak of the same dossiers, one after the other, and what a warehouse is like that read them in peace."""

    def __init__(self, home: Home, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.home, self.patch, self.gate = home, monkeypatch, kit.QuickGate()
        monkeypatch.setattr(ingest, "_parse", kit.Readings(folder))
        first = [kit.dossier(f"H32.22492-{n}", n % 2) for n in range(6)]
        second = [kit.dossier(f"H32.22492-{n}", 3) for n in range(2, 8)]
        bad = {**kit.dossier("H32.22492-9", 1), "finished_at": "01/01/2023 08:00:00"}
        third = [kit.dossier(f"H32.22492-{n}", 5) for n in range(4, 9)] + [bad]
        rows = {"a": first, "b": second, "c": third}
        self.paths = [kit.write_csv(folder / f"{name}.csv", lines) for name, lines in rows.items()]
        self.peace = self.loaded()

    def ingest(self) -> list[FileResult]:
        contracts = candidates(self.home, "one_stop")
        wanted = [(path, Request(contracts, None, kit.day(n))) for n, path in enumerate(self.paths)]
        return ingest.ingest_files(self.home, wanted, self.gate)  # type: ignore[arg-type]

    def loaded(self) -> dict[str, str]:
        """Load the files into the empty warehouse; returns what it says then."""
        empty(self.home)
        assert [result.status for result in self.ingest()] == ["loaded"] * 3
        return self.state()

    def state(self) -> dict[str, str]:
        with self.home.database.begin() as tx:
            assert kit.broken_rules(tx) == []
            return kit.checksum(tx) | {"held": str(tx.rows("select row_no, rule, state from quarantine order by 1, 2"))}

    def trouble_at(self, name: str, number: int, strike: Callable[[], None]) -> list[int]:
        """Let something happen when a place of the chain is reached for the n-th time; returns a list that grows then."""
        seen = {"times": 0}
        struck: list[int] = []

        def reached(here: str) -> None:
            seen["times"] += here == name
            if here == name and seen["times"] == number and not struck:
                struck.append(number)
                strike()

        self.patch.setattr(ingest, "reached", reached)
        return struck


@pytest.fixture
def world(clean: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    yield World(clean, tmp_path, monkeypatch)
    clean.database.engine.dispose()


def stop_at_once(home: Home) -> None:
    """An immediate stop: no checkpoint, every connection cut; returns when the server is gone."""
    pid = cluster.running(home.root)
    assert pid is not None
    os.kill(pid, signal.SIGQUIT)
    until = time.monotonic() + 20
    while cluster.running(home.root) == pid:
        assert time.monotonic() < until, "the server did not stop"
        time.sleep(0.01)


def drop_connections(home: Home) -> None:
    """End every connection of the application, as a firewall or an administrator does."""
    connection = engine.raw_connection(home.root, role="superuser", autocommit=True)
    with connection.cursor() as cursor:
        cursor.execute("select pg_terminate_backend(pid, 5000) from pg_stat_activity where usename = 'cchc_app'")
        assert cursor.rowcount > 0
    connection.close()


@pytest.mark.parametrize("strike", [stop_at_once, drop_connections])
def test_r03_a_database_that_stops_anywhere_costs_nothing(world: World, strike: Callable[[Home], None]) -> None:
    for turn in range(TIMES or 1):
        for name in PLACES:
            empty(world.home)
            struck = world.trouble_at(name, 2, lambda: strike(world.home))
            results = world.ingest()
            if not struck:  # a place that only late files reach
                assert name == "later_files_heard"
                continue
            assert [r.status for r in results] == ["loaded"] * 3, (turn, name, [r.message for r in results])
            assert world.state() == world.peace, (turn, name)
            again = world.ingest()
            assert [r.status for r in again] == ["duplicate"] * 3, (turn, name)


def test_r03_a_load_whose_end_was_not_heard_of_is_said_to_be_loaded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection ends after the commit, before the call knows of it: the file is found loaded, by nobody else."""
    from warehouse import load

    left, statistics = [1, 1], load.fresh_statistics

    def cut(tx: Transaction, table: str) -> bool:
        if left:
            left.pop()
            drop_connections(world.home)
        return statistics(tx, table)

    monkeypatch.setattr(load, "fresh_statistics", cut)
    empty(world.home)
    results = world.ingest()
    assert not left and [r.status for r in results] == ["loaded"] * 3, [r.message for r in results]
    assert [(r.rows_read, r.verdict, r.message) for r in results] == [
        (6, "pass", None),
        (6, "pass", None),
        (6, "quarantine", None),
    ]
    assert world.state() == world.peace
    assert [(r.status, r.load_id) for r in world.ingest()] == [("duplicate", r.load_id) for r in results]


def test_r03_a_server_that_is_away_for_a_while_is_waited_for(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server of one's own (a given address) is not ours to start: the load waits until it is there again."""
    home = Home(world.home.root)
    values = cluster.ensure(home.root).parameters("owner")
    user, word, host = (quote(str(values[key]), safe="") for key in ("user", "password", "host"))
    address = f"postgresql+psycopg2://{user}:{word}@/{values['dbname']}?host={host}&port={values['port']}"
    empty(world.home)
    world.home.database.engine.dispose()
    seconds = float(os.environ.get("CCHC_R03_AWAY_S", "1"))
    back = threading.Timer(seconds, lambda: cluster.ensure(home.root))
    monkeypatch.setenv(engine.URL_VARIABLE, address)
    monkeypatch.setattr(world, "home", home)

    def strike() -> None:
        stop_at_once(home)
        back.start()

    world.trouble_at("merged", 2, strike)
    begun = time.monotonic()
    try:
        assert [r.status for r in world.ingest()] == ["loaded"] * 3
        assert time.monotonic() - begun >= seconds
        assert world.state() == world.peace
    finally:
        back.join()
        home.database.engine.dispose()


def test_r03_a_connection_lost_in_the_middle_has_a_sentence(clean: Home) -> None:
    """What a command says that does not begin anew by itself (a score, a report)."""
    from apps.wording import failure

    with pytest.raises(Exception) as stopped, clean.database.begin() as tx:
        drop_connections(clean)
        tx.scalar("select 1")
    status, code, sentence = failure(stopped.value)  # type: ignore[arg-type]
    assert (status, code) == (1, "database_away") and sentence.startswith("Mất kết nối với cơ sở dữ liệu; không có gì")


def test_r03_who_waits_in_vain_is_told_and_nothing_is_half_done(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from apps.wording import failure

    empty(world.home)
    monkeypatch.setattr(trouble, "PATIENCE_S", 0.3)
    real = engine.cluster.ensure

    def away(_: Path) -> cluster.Cluster:
        raise DatabaseError("start_failed", detail="máy chủ không lên", logs="logs")

    def strike() -> None:
        stop_at_once(world.home)
        monkeypatch.setattr(engine.cluster, "ensure", away)

    world.trouble_at("before_commit", 2, strike)
    with pytest.raises(Exception) as stopped:
        world.ingest()
    status, code, sentence = failure(stopped.value)  # type: ignore[arg-type]
    assert (status, code) == (1, "database_start_failed") and "máy chủ không lên" in sentence
    monkeypatch.setattr(engine.cluster, "ensure", real)
    with world.home.database.begin() as tx:
        assert kit.broken_rules(tx) == [] and tx.scalar("select count(*) from loads") == 1
    assert [r.status for r in world.ingest()] == ["duplicate", "loaded", "loaded"] and world.state() == world.peace
