"""R2 with the installed command: each failpoint once with the real quality gate, and kills at random in a large load."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flows.steps.home import CHECKOUT, Home
from tests.flows import kit
from tests.flows.test_r02_failpoints import ON_THE_WAY

pytestmark = [pytest.mark.db, pytest.mark.slow, pytest.mark.e2e]
COMMAND = (
    [sys.executable, "-m", "apps"]
    if not (Path(sys.executable).parent / "cchc").exists()
    else [str(Path(sys.executable).parent / "cchc")]
)
ROWS = 200_000


def start(path: Path, day: int, failpoint: str | None = None) -> subprocess.Popen[bytes]:
    extra = {"CCHC_FAILPOINT": failpoint} if failpoint else {}
    return subprocess.Popen(
        [*COMMAND, "ingest", str(path), "--contract", "one_stop", "--received-at", kit.day(day).isoformat(), "--json"],
        cwd=CHECKOUT, env={**os.environ, **extra}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip


def test_r02_real_gate_once_per_failpoint(clean: Home, gate: object, tmp_path: Path) -> None:
    for number, name in enumerate(ON_THE_WAY):
        path = kit.write_csv(tmp_path / f"{name}.csv", [kit.dossier(f"H32.22492-{name[:3]}{n}", number) for n in range(5)])
        killed = start(path, number, name)
        _, errors = killed.communicate(timeout=120)
        assert killed.returncode == -9, errors
        with clean.database.begin() as tx:
            assert kit.broken_rules(tx) == []
            before = int(tx.scalar("select count(*) from dossiers_facts"))
        result = kit.load(clean, path, gate, kit.day(number))
        assert result.status == ("duplicate" if name == "committed" else "loaded")
        with clean.database.begin() as tx:
            assert kit.broken_rules(tx) == []
            assert int(tx.scalar("select count(*) from dossiers_facts")) == before + (0 if name == "committed" else 5)


def test_r02_random_kills_in_a_large_load(clean: Home, gate: object, tmp_path: Path) -> None:
    from tests.conftest import empty

    path = kit.write_csv(tmp_path / "large.csv", (kit.dossier(f"H32.22492-{n:06d}", n % 19 + 1) for n in range(ROWS)))
    begun = time.monotonic()
    assert kit.load(clean, path, gate, kit.day(0)).rows_accepted == ROWS
    length = time.monotonic() - begun
    with clean.database.begin() as tx:
        undisturbed = kit.checksum(tx, ["dossiers"])
    empty(clean)
    chance = random.Random(2)
    live, inside = 0, 0
    for _ in range(5):
        process = start(path, 0)
        waiting = time.monotonic() + 60
        while time.monotonic() < waiting:
            with clean.database.begin() as tx:
                if tx.scalar("select count(*) from pg_locks where locktype = 'advisory'"):
                    break
            time.sleep(0.02)
        time.sleep(chance.uniform(0, 0.9) * length)
        with clean.database.begin() as tx:
            inside += bool(tx.scalar("select count(*) from pg_locks where locktype = 'relation' and mode = 'RowExclusiveLock'"))
        live += process.poll() is None
        process.kill()
        process.communicate(timeout=60)
        with clean.database.begin() as tx:
            assert kit.broken_rules(tx) == []
            loaded = tx.scalar("select count(*) from dossiers_facts")
            assert loaded == (ROWS if tx.scalar("select count(*) from loads") else 0)
        if loaded:
            empty(clean)
    assert live >= 3 and inside >= 1, (live, inside)
    assert kit.load(clean, path, gate, kit.day(0)).status in ("loaded", "duplicate")
    with clean.database.begin() as tx:
        assert kit.checksum(tx, ["dossiers"]) == undisturbed
        assert kit.broken_rules(tx) == []
