"""Loads of different units go side by side; whoever counts waits for all of them, and late files for those they concern."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from flows.steps import ingest
from tests.flows import kit
from warehouse import load, marts, runs

if TYPE_CHECKING:
    from flows.steps.home import Home
    from warehouse.database import Transaction

pytestmark = [
    pytest.mark.db, pytest.mark.slow, pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning"),
]  # fmt: skip
HERE, THERE = "22492", "22495"
LIMIT_S = 60


def waits(home: Home, work: Any) -> bool:
    """Whether a piece of work in a transaction of its own has to wait for somebody. It is rolled back."""
    from sqlalchemy.exc import OperationalError

    try:
        with home.database.begin() as tx:
            tx.execute("set local lock_timeout = '300ms'")
            work(tx)
            tx.connection.get_transaction().rollback()
    except OperationalError as error:
        assert "lock timeout" in str(error)
        return True
    return False


def turn(units: list[str] | None) -> Any:
    return lambda tx: load.take_turn(tx, "dossiers", units)


@pytest.mark.parametrize(
    ("mine", "other", "wait"),
    [
        ([HERE], [THERE], False),
        ([HERE, THERE], [THERE], True),
        ([HERE], None, True),
        (None, [HERE], True),
        ([HERE], [f"{n:05d}" for n in range(load.MOST_UNITS + 1)], True),
        ([HERE], [f"{n:05d}" for n in range(load.MOST_UNITS)], False),
    ],
)
def test_only_loads_of_one_unit_wait_for_each_other(clean: Home, mine: Any, other: Any, wait: bool) -> None:
    with clean.database.begin() as tx:
        turn(mine)(tx)
        assert waits(clean, turn(other)) == wait


def test_whoever_counts_waits_for_every_load_and_every_load_for_them(clean: Home) -> None:
    counts = (runs.hold_inputs, lambda tx: marts.refresh(tx, kit.day(9)))
    with clean.database.begin() as tx:
        turn([HERE])(tx)
        assert all(waits(clean, count) for count in counts)
    for count in counts:
        with clean.database.begin() as tx:
            count(tx)
            assert waits(clean, turn([HERE]))
    assert not waits(clean, turn([HERE]))


@contextmanager
def held_before_commit(monkeypatch: pytest.MonkeyPatch, name: str) -> Iterator[threading.Event]:
    """Stop the load that runs in the thread of this name just before it commits; yields an event that is set when it stands."""
    there, go, reached = threading.Event(), threading.Event(), ingest.reached

    def wait(point: str) -> None:
        reached(point)
        if point == "before_commit" and threading.current_thread().name == name:
            there.set()
            assert go.wait(LIMIT_S)

    monkeypatch.setattr(ingest, "reached", wait)
    try:
        yield there
    finally:
        go.set()


def test_a_load_that_began_earlier_and_ends_later_is_counted(
    clean: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def file(unit: str, first: int) -> Path:
        rows = [kit.dossier(f"H32.99.{unit}-{n:04d}", 1, unit) for n in range(first, first + 20)]
        return kit.write_csv(tmp_path / f"{unit}-{first}.csv", rows)

    def finished(tx: Transaction) -> int:
        marts.refresh(tx, kit.day(9))
        return int(tx.scalar("select coalesce(sum(dossiers), 0) from dossier_month_counts where part = 'finished'"))

    kit.load(clean, file(HERE, 0), kit.QuickGate(), kit.day(1))
    with clean.database.begin() as tx:
        assert finished(tx) == 20
    slow = threading.Thread(name="slow", target=kit.load, args=(clean, file(HERE, 20), kit.QuickGate(), kit.day(2)))
    with held_before_commit(monkeypatch, "slow") as stands:
        slow.start()
        assert stands.wait(LIMIT_S)
        kit.load(clean, file(THERE, 0), kit.QuickGate(), kit.day(3))
        assert waits(clean, lambda tx: marts.refresh(tx, kit.day(9)))
    slow.join(LIMIT_S)
    with clean.database.begin() as tx:
        assert [row["load_id"] for row in tx.rows("select load_id from loads order by known_from")] == [1, 2, 3]
        assert finished(tx) == 60
        assert kit.broken_rules(tx) == []


def test_a_late_file_is_followed_only_by_later_ones_of_its_units(
    clean: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[str] = []
    again = ingest._hear_again

    def hear(home: Home, tx: Transaction, later: dict[str, Any], *rest: Any) -> int:
        heard.append(later["known_from"].astimezone(kit.ZONE).date().isoformat())
        return again(home, tx, later, *rest)

    monkeypatch.setattr(ingest, "_hear_again", hear)
    for day, unit in ((1, HERE), (5, THERE), (6, HERE)):
        rows = [kit.dossier(f"H32.99.{unit}-0001", day, unit)]
        kit.load(clean, kit.write_csv(tmp_path / f"{day}.csv", rows), kit.QuickGate(), kit.day(day))
    assert heard == []
    rows = [kit.dossier(f"H32.99.{HERE}-0002", 2, HERE)]
    kit.load(clean, kit.write_csv(tmp_path / "new.csv", rows), kit.QuickGate(), kit.day(2))
    assert heard == [], "no later file tells of a dossier that nobody knew"
    rows = [kit.dossier(f"H32.99.{HERE}-0001", 3, HERE)]
    kit.load(clean, kit.write_csv(tmp_path / "late.csv", rows), kit.QuickGate(), kit.day(3))
    assert heard == [kit.day(6).date().isoformat()]
    with clean.database.begin() as tx:
        assert kit.broken_rules(tx) == []
        spans = tx.rows(
            "select officer from dossiers_facts where unit_code = %(unit)s and dossier_code like '%%0001' and known_from < known_to "
            "order by known_from",
            {"unit": HERE},
        )
    assert [row["officer"] for row in spans] == ["Cán bộ 1", "Cán bộ 3", "Cán bộ 6"]


def test_statistics_follow_growth_and_are_not_made_for_nothing(clean: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "ANALYZE_PAGES", 3)
    fill = """
        insert into dossiers_facts (source, key_hash, row_hash, load_id, added_by, row_no, known_from, unit_code, dossier_code)
        select 'one_stop', n, n, 1, 1, n, now(), '22492', repeat('x', 200) from generate_series(1, %(rows)s) as n
    """
    made = []
    for rows in (500, 0, 5, 500):
        with clean.database.begin() as tx:
            tx.execute(fill, {"rows": rows})
        with clean.database.begin() as tx:
            made.append(load.fresh_statistics(tx, "dossiers"))
    assert made == [True, False, False, True]


def test_statistics_of_a_table_in_partitions_follow_as_well(clean: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "ANALYZE_PAGES", 3)
    with clean.database.begin() as tx:
        tx.execute("create temporary table parted_facts (key_hash bigint, said text) partition by hash (key_hash)")
        for part in range(2):
            tx.execute(
                f"create temporary table parted_{part} partition of parted_facts for values with (modulus 2, remainder {part})"
            )
        tx.execute("insert into parted_facts select n, repeat('x', 200) from generate_series(1, 500) as n")
        assert [load.fresh_statistics(tx, "parted") for _ in range(2)] == [True, False]
        tx.connection.get_transaction().rollback()
