"""R1: a content is committed once, however often, under whatever name and by however many processes it comes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from flows.steps.home import CHECKOUT, Home
from tests.flows import kit
from tests.flows.test_r02_command import COMMAND

pytestmark = [pytest.mark.db, pytest.mark.slow]


@pytest.fixture
def export(tmp_path: Path) -> Path:
    return kit.write_csv(tmp_path / "export.csv", [kit.dossier(f"H32.22492-{n:04d}", n % 4) for n in range(50)])


def counts(home: Home) -> dict[str, int]:
    with home.database.begin() as tx:
        assert kit.broken_rules(tx) == []
        return {name: int(tx.scalar(f"select count(*) from {name}")) for name in ("files", "loads", "dossiers_facts", "arrivals")}


def test_r01_ten_times_renamed(clean: Home, gate: Any, export: Path, tmp_path: Path) -> None:
    assert kit.load(clean, export, gate, kit.day(0)).status == "loaded"
    with clean.database.begin() as tx:
        once = kit.checksum(tx)
    for n in range(10):
        copy = Path(shutil.copy(export, tmp_path / f"Hồ sơ lần {n}.csv"))
        again = kit.load(clean, copy, gate, kit.day(n))
        assert (again.status, again.load_id) == ("duplicate", 1)
    with clean.database.begin() as tx:
        assert kit.checksum(tx) == once
    assert counts(clean) == {"files": 1, "loads": 1, "dossiers_facts": 50, "arrivals": 11}


def test_r01_back_and_forth(clean: Home, gate: Any, tmp_path: Path) -> None:
    """A, then B, then A again: one commit per content, the third arrival changes nothing."""
    first = kit.write_csv(tmp_path / "a.csv", [kit.dossier("H32.22492-0001", 1), kit.dossier("H32.22492-0002", 1)])
    second = kit.write_csv(tmp_path / "b.csv", [kit.dossier("H32.22492-0001", 2), kit.dossier("H32.22492-0002", 1)])
    states = []
    for n, path in enumerate((first, second, first, second)):
        states.append(kit.load(clean, path, gate, kit.day(n)).status)
        if n == 1:
            with clean.database.begin() as tx:
                two = kit.checksum(tx)
    assert states == ["loaded", "loaded", "duplicate", "duplicate"]
    with clean.database.begin() as tx:
        assert kit.checksum(tx) == two
    assert counts(clean) == {"files": 2, "loads": 2, "dossiers_facts": 3, "arrivals": 2}


def test_r01_the_same_rows_in_another_file_say_nothing_new(clean: Home, gate: Any, export: Path, tmp_path: Path) -> None:
    assert kit.load(clean, export, gate, kit.day(0)).rows_unchanged == 0
    other = tmp_path / "other.csv"
    header, *rows = export.read_text(encoding="utf-8").splitlines()
    other.write_text("\n".join([header, *reversed(rows)]) + "\n", encoding="utf-8")
    again = kit.load(clean, other, gate, kit.day(1))
    assert (again.status, again.rows_accepted, again.rows_unchanged) == ("loaded", 50, 50)
    assert counts(clean) == {"files": 2, "loads": 2, "dossiers_facts": 50, "arrivals": 2}


@pytest.mark.e2e
def test_r01_eight_processes_at_once(clean: Home, export: Path, tmp_path: Path) -> None:
    copies = [Path(shutil.copy(export, tmp_path / f"copy{n}.csv")) for n in range(8)]
    processes = [
        subprocess.Popen([*COMMAND, "ingest", str(copy), "--json"], cwd=CHECKOUT, env=dict(os.environ), stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE)
        for copy in copies
    ]  # fmt: skip
    answers = [process.communicate(timeout=180) for process in processes]
    assert [process.returncode for process in processes] == [0] * 8, answers
    states = sorted(json.loads(out)["files"][0]["status"] for out, _ in answers)
    assert states == ["duplicate"] * 7 + ["loaded"]
    assert counts(clean) == {"files": 1, "loads": 1, "dossiers_facts": 50, "arrivals": 8}
