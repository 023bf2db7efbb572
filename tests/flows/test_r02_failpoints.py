"""R2: kill -9 at every named place of a load; nothing partial stays and the next run ends with the same facts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flows.steps import failpoints
from flows.steps.home import CHECKOUT, Home
from tests.conftest import empty
from tests.flows import kit
from warehouse.database import Transaction

pytestmark = [pytest.mark.db, pytest.mark.slow]
ON_THE_WAY = failpoints.NAMES[: failpoints.NAMES.index("committed") + 1]
REPEATS = 10
UNDISTURBED = len(ON_THE_WAY) * REPEATS


class Driver:
    """The process that forks loads (tests/flows/crash_driver.py)."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.flows.crash_driver", str(folder)], cwd=CHECKOUT, text=True,
            env={**os.environ, "PYTHONPATH": str(CHECKOUT)}, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip

    def ask(self, **order: Any) -> dict[str, int]:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        answer: dict[str, int] = json.loads(self.process.stdout.readline())
        return answer

    def load(self, path: Path, day: int, failpoint: str | None = None) -> dict[str, int]:
        return self.ask(failpoint=failpoint, path=str(path), day=day)

    def close(self) -> None:
        self.process.communicate(timeout=30)


@pytest.fixture(scope="module")
def driver(installation: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    started = Driver(tmp_path_factory.mktemp("driver") / "readings")
    yield started
    started.close()


def codes(block: int) -> list[str]:
    return [f"H32.22492-{block:03d}-{n}" for n in range(6)]


def base(block: int) -> list[dict[str, str]]:
    """What is known before: six dossiers."""
    return [kit.dossier(code, n % 2) for n, code in enumerate(codes(block))]


def late(block: int) -> list[dict[str, str]]:
    """The file that is killed: changes, repeats, news and a row that is held back. It comes after the newest file."""
    first, second, third, fourth, *_ = codes(block)
    new = [kit.dossier(f"H32.22492-{block:03d}-{n}", 3) for n in (7, 8)]
    bad = {**kit.dossier(codes(block)[5], 1), "finished_at": "01/01/2023 08:00:00"}
    return [kit.dossier(first, 4), kit.dossier(second, 1), kit.dossier(third, 5), kit.dossier(fourth, 6), *new, bad]


def newest(block: int) -> list[dict[str, str]]:
    """A file known later, loaded before: heard again after the late one."""
    return [kit.dossier(code, n % 2) for n, code in enumerate(codes(block)[:3])]


def block_state(tx: Transaction, block: int, sha256: str) -> str:
    """Return what is known of a block, whatever its number."""
    rows = tx.rows(
        """
        select right(f.dossier_code, 2) as code, f.officer, f.status, f.finished_at, f.known_from, f.known_to, f.row_no > 0 as row
        from dossiers_facts as f
        where f.dossier_code like %(like)s and f.known_from < f.known_to order by 1, f.known_from
        """,
        {"like": f"H32.22492-{block:03d}-%"},
    )
    held = tx.rows(
        """
        select q.row_no, q.rule, right(q.key_shown, 2) as key, q.state from quarantine as q
        inner join loads as l on l.load_id = q.load_id where l.sha256 = %(sha)s order by 1, 2
        """,
        {"sha": sha256},
    )
    return str((rows, held))


def sha256_of(path: Path) -> str:
    import hashlib

    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def blocks(installation: Home, driver: Driver, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Path], str, str]:
    """Base and newest file loaded for every block; a late file for each. Returns (late files, state before, state after)."""
    empty(installation)
    folder = tmp_path_factory.mktemp("blocks")
    every = range(UNDISTURBED + 1)
    first = kit.write_csv(folder / "base.csv", [row for n in every for row in base(n)])
    last = kit.write_csv(folder / "newest.csv", [row for n in every for row in newest(n)])
    files = [kit.write_csv(folder / f"late{n}.csv", late(n)) for n in every]
    driver.ask(failpoint=None, read=[str(path) for path in (first, last, *files)])
    assert driver.load(first, 0)["status"] == 0 and driver.load(last, 5)["status"] == 0
    sha256 = sha256_of(files[UNDISTURBED])
    with installation.database.begin() as tx:
        before = block_state(tx, UNDISTURBED, sha256)
    assert driver.load(files[UNDISTURBED], 3) == {"signal": 0, "status": 0}
    with installation.database.begin() as tx:
        after = block_state(tx, UNDISTURBED, sha256)
        assert kit.broken_rules(tx) == []
    assert before != after
    return files, before, after


def test_r02_there_are_enough_failpoints() -> None:
    assert len(ON_THE_WAY) >= 12


@pytest.mark.parametrize("name", ON_THE_WAY)
def test_r02_kill_at_failpoint(name: str, installation: Home, driver: Driver, blocks: tuple[list[Path], str, str]) -> None:
    files, before, after = blocks
    for turn in range(REPEATS):
        block = ON_THE_WAY.index(name) * REPEATS + turn
        sha256 = sha256_of(files[block])
        assert driver.load(files[block], 3, name) == {"signal": 9, "status": 0}
        done = name == "committed"
        with installation.database.begin() as tx:
            assert block_state(tx, block, sha256) == (after if done else before)
            assert tx.scalar("select state from files where sha256 = %(s)s", {"s": sha256}) in (
                {"committed": ["loaded"], "snapshot_taken": [None]}.get(name, ["received"])
            )
            assert tx.scalar("select count(*) from loads where sha256 = %(s)s", {"s": sha256}) == int(done)
            if turn == 0:
                assert kit.broken_rules(tx) == []
        assert driver.load(files[block], 3) == {"signal": 0, "status": 10 if done else 0}
        with installation.database.begin() as tx:
            assert block_state(tx, block, sha256) == after
            if turn == REPEATS - 1:
                assert kit.broken_rules(tx) == []
                assert tx.scalar("select count(*) from loads where sha256 = %(s)s", {"s": sha256}) == 1
