"""What becomes of a file: loaded, held back in part, rejected; nothing of a rejected file stays."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from flows.steps.files import Request, candidates, files_of
from flows.steps.home import Home, UserError
from flows.steps.ingest import ingest_file, ingest_files
from sources.quality import GateError, Verdict
from tests.flows import kit

pytestmark = pytest.mark.db


class Refusing(kit.QuickGate):
    """Rejects every file."""

    def result(self, ticket: int) -> Verdict:
        return Verdict("reject", 3, 3, (), "max_quarantined_share", "Quá nhiều dòng hỏng.", "", "1", 0, 0)


class Broken(kit.QuickGate):
    """Dies before it has judged."""

    def result(self, ticket: int) -> Verdict:
        raise GateError("worker_died")


@pytest.fixture
def export(tmp_path: Path) -> Path:
    return kit.write_csv(tmp_path / "hồ sơ.csv", [kit.dossier(f"H32.22492-{n:04d}", n) for n in range(3)])


def tables(home: Home) -> dict[str, int]:
    with home.database.begin() as tx:
        assert kit.broken_rules(tx) == []
        return {name: int(tx.scalar(f"select count(*) from {name}")) for name in ("loads", "dossiers_facts", "quarantine")}


def test_a_rejected_file_leaves_no_fact_and_may_come_again(clean: Home, export: Path) -> None:
    result = kit.load(clean, export, Refusing(), kit.day(0))
    assert (result.status, result.reason, result.rows_accepted) == ("rejected", "quality_max_quarantined_share", 0)
    assert tables(clean) == {"loads": 0, "dossiers_facts": 0, "quarantine": 0}
    with clean.database.begin() as tx:
        assert tx.scalar("select state from files") == "rejected"
    assert kit.load(clean, export, kit.QuickGate(), kit.day(0)).status == "loaded"


def test_without_a_verdict_nothing_is_committed(clean: Home, export: Path) -> None:
    result = kit.load(clean, export, Broken(), kit.day(0))
    assert (result.status, result.reason) == ("rejected", "quality_gate_failed")
    assert tables(clean) == {"loads": 0, "dossiers_facts": 0, "quarantine": 0}
    with clean.database.begin() as tx:
        assert tx.scalar("select state from files") == "received"
        assert tx.scalar("select count(*) from pg_locks where locktype = 'advisory' and pid <> pg_backend_pid()") == 0
    assert kit.load(clean, export, kit.QuickGate(), kit.day(0)).status == "loaded"


def test_a_bad_row_is_held_back_and_named(clean: Home, tmp_path: Path) -> None:
    rows = [kit.dossier("H32.22492-0001", 1), {**kit.dossier("H32.22492-0002", 1), "finished_at": "02/01/2023 08:00:00"}]
    result = kit.load(clean, kit.write_csv(tmp_path / "a.csv", rows), kit.QuickGate(), kit.day(0))
    assert (result.status, result.rows_read, result.rows_accepted, result.rows_quarantined) == ("loaded", 2, 1, 1)
    assert [(entry["row"], entry["rule"], entry["key"]) for entry in result.quarantine] == [(3, "not_before", "H32.22492-0002")]
    assert tables(clean) == {"loads": 1, "dossiers_facts": 1, "quarantine": 1}
    mended = kit.write_csv(tmp_path / "b.csv", [kit.dossier("H32.22492-0002", 1)])
    assert kit.load(clean, mended, kit.QuickGate(), kit.day(1)).status == "loaded"
    with clean.database.begin() as tx:
        assert tx.scalar("select state from quarantine") == "superseded"


def test_known_from_is_the_time_given(clean: Home, export: Path) -> None:
    kit.load(clean, export, kit.QuickGate(), kit.day(3))
    with clean.database.begin() as tx:
        assert tx.scalar("select min(known_from) from dossiers_facts") == kit.day(3)


@pytest.mark.parametrize("make,reason", [("empty", "empty"), ("folder", "not_a_file"), ("link", "not_a_file")])
def test_unusable_paths_are_refused_by_a_reason(clean: Home, tmp_path: Path, export: Path, make: str, reason: str) -> None:
    path = tmp_path / "x.csv"
    {"empty": path.touch, "folder": path.mkdir, "link": lambda: path.symlink_to(export)}[make]()
    result = ingest_file(clean, path, Request(candidates(clean, "one_stop")), kit.QuickGate())
    assert (result.status, result.reason) == ("rejected", reason)
    assert tables(clean)["loads"] == 0


def test_r10_a_path_too_long_for_the_ledger_is_refused_by_a_reason(clean: Home, tmp_path: Path) -> None:
    folder, here = clean.inbox, os.getcwd()
    try:
        os.chdir(folder)
        for _ in range(14):
            name = os.urandom(100).hex()
            os.mkdir(name)
            os.chdir(name)
        Path("b.csv").write_bytes(b"x")
        (path,) = files_of([folder])
        result = ingest_file(clean, path, Request(candidates(clean, "one_stop")), kit.QuickGate())
    finally:
        os.chdir(here)
        shutil.rmtree(folder)
        folder.mkdir(mode=0o700)
    assert (result.status, result.reason) == ("rejected", "path_too_long")


def test_a_folder_stands_for_its_files_oldest_first(tmp_path: Path) -> None:
    for age, name in enumerate(("c.csv", "a.csv", ".hidden", "~$open.xlsx", "b.csv")):
        (tmp_path / name).write_text("x")
        os.utime(tmp_path / name, (1_700_000_000 - age, 1_700_000_000 - age))
    assert [path.name for path in files_of([tmp_path, tmp_path / "a.csv"])] == ["b.csv", "a.csv", "c.csv"]
    with pytest.raises(UserError):
        files_of([tmp_path / "none"])


def test_work_folder_is_empty_afterwards(clean: Home, export: Path, tmp_path: Path) -> None:
    for gate in (kit.QuickGate(), Broken(), Refusing()):
        other: Any = kit.write_csv(
            tmp_path / f"{type(gate).__name__}.csv", [kit.dossier("H32.22492-0001", len(type(gate).__name__))]
        )
        kit.load(clean, other, gate, kit.day(0))
    assert list(clean.work.iterdir()) == []


class Failing(kit.QuickGate):
    """Fails in a way nobody expects at the second file."""

    def result(self, ticket: int) -> Verdict:
        if ticket:
            raise ZeroDivisionError
        return super().result(ticket)


def test_the_same_content_several_times_in_one_go(clean: Home, export: Path, tmp_path: Path) -> None:
    other = kit.write_csv(tmp_path / "other.csv", [kit.dossier("H32.22492-0007", 1)])
    copies = [export, tmp_path / "1.csv", other, tmp_path / "2.csv", tmp_path / "3.csv"]
    for copy in (copies[1], copies[3], copies[4]):
        copy.write_bytes(export.read_bytes())
    request = Request(candidates(clean, "one_stop"), None, kit.day(0))
    results = ingest_files(clean, [(path, request) for path in copies], kit.QuickGate())
    assert [result.status for result in results] == ["loaded", "duplicate", "loaded", "duplicate", "duplicate"]
    assert tables(clean) == {"loads": 2, "dossiers_facts": 4, "quarantine": 0}


def test_a_failure_lets_go_of_the_file_read_ahead(clean: Home, tmp_path: Path) -> None:
    paths = [kit.write_csv(tmp_path / f"{n}.csv", [kit.dossier(f"H32.22492-{n:04d}", 1)]) for n in range(4)]
    wanted = [(path, Request(candidates(clean, "one_stop"), None, kit.day(0))) for path in paths]
    with pytest.raises(ZeroDivisionError):
        ingest_files(clean, wanted, Failing())
    with clean.database.begin() as tx:
        assert tx.scalar("select count(*) from pg_locks where locktype = 'advisory'") == 0
    assert tables(clean)["loads"] == 1
    assert list(clean.work.iterdir()) == []
    again = ingest_files(clean, wanted, kit.QuickGate())
    assert [result.status for result in again] == ["duplicate", "loaded", "loaded", "loaded"]
