"""R18: files that come late or in any order leave the same facts, and never change what was known before them."""

from __future__ import annotations

import contextlib
import os
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from flows.steps import files, ingest
from flows.steps.home import Home
from sources import hashing
from tests.flows import kit
from warehouse import ledger
from warehouse.database import Transaction
from warehouse.load import ParsedRows

pytestmark = [pytest.mark.db, pytest.mark.slow]
FOREVER = None
Said = dict[str, int]  # dossier code → version
Version = tuple[str, int, datetime, datetime | None, int, int]  # code, version, known from, to, file, row


class _Undo(Exception):
    """Rolls back what an order wrote."""


def expected(files: dict[int, Said]) -> list[Version]:
    """Return the versions that files (by moment) mean, worked out from the definition: runs of equal statements."""
    found: list[Version] = []
    for code in {code for said in files.values() for code in said}:
        spans: list[list[Any]] = []
        for moment in sorted(files):
            if code not in files[moment]:
                continue
            version = files[moment][code]
            if spans and spans[-1][1] == version:
                continue
            if spans:
                spans[-1][3] = kit.day(moment)
            row = list(files[moment]).index(code) + 2
            spans.append([code, version, kit.day(moment), FOREVER, moment, row])
        found.extend(tuple(span) for span in spans)
    return sorted(found, key=str)


def stored(tx: Transaction) -> list[Version]:
    """Return the versions the warehouse holds."""
    rows = tx.rows(
        """
        select f.dossier_code, f.officer, f.finished_at, f.known_from, nullif(f.known_to, 'infinity') as known_to,
            l.known_from as file, f.row_no
        from dossiers_facts as f inner join loads as l on l.load_id = f.load_id
        where f.known_from < f.known_to
        """
    )
    moments = {kit.day(n): n for n in range(40)}
    return sorted(
        (
            (row["dossier_code"], int(row["officer"].removeprefix("Cán bộ ")), row["known_from"].astimezone(kit.ZONE),
             row["known_to"] and row["known_to"].astimezone(kit.ZONE), moments[row["file"]], row["row_no"])
            for row in rows
        ),
        key=str,
    )  # fmt: skip


class Bench:
    """Merges small files without reading and judging: Arrow files as the reader writes them, `ingest._merge` as it is."""

    def __init__(self, home: Home, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.home, self.folder, self.files = home, folder, {}
        self.contract = next(c for c in files.candidates(home, "one_stop"))
        monkeypatch.setattr(ingest, "_parse", self._parse)
        monkeypatch.setattr("sources.contract.load_contract", lambda path: self.contract)
        monkeypatch.setattr("sources.snapshot.place_of", lambda sha256, store: Path(self.contract.path))

    def _parse(self, home: Home, taken: Any, contracts: Any, unit: Any, known_from: datetime, folder: Path) -> Any:
        for name in ("rows.arrow", "marks.arrow"):
            os.link(self.files[taken.sha256] / name, folder / name)
        return SimpleNamespace(status="ok", reason=None)

    def write(self, folder: Path, said: Said) -> None:
        """Write rows.arrow and marks.arrow of a file."""
        import pyarrow as pa

        count = len(said)
        columns = {
            "dossier_code": pa.array(list(said), pa.string()), "unit_code": pa.array(["22492"] * count),
            "received_at": pa.array([datetime(2023, 1, 3, tzinfo=UTC)] * count, pa.timestamp("us", "UTC")),
            "officer": pa.array([f"Cán bộ {version}" for version in said.values()], pa.string()),
        }  # fmt: skip
        hashes = {name: hashing.hash_column(name, array) for name, array in columns.items()}
        rows = pa.array(range(2, count + 2), pa.int32())
        table = pa.table({"_row": rows, **columns})
        marks = pa.table({
            "_row": rows, "_ok": [True] * count, "_repeat": [False] * count,
            "_key_hash": hashing.combine([hashes["unit_code"], hashes["dossier_code"]], count),
            "_row_hash": hashing.combine(list(hashes.values()), count),
        })  # fmt: skip
        for name, content in (("rows.arrow", table), ("marks.arrow", marks)):
            with pa.ipc.new_file(str(folder / name), content.schema) as writer:
                writer.write_table(content)

    def load(self, tx: Transaction, moment: int, said: Said) -> None:
        """Load one file in an open transaction."""
        sha256 = f"{moment:064x}"
        self.files[sha256] = folder = self.written(said)
        ledger.record_arrival(
            tx, sha256=sha256, size=1, suffix=".csv", name="a", location=str(moment), modified_ns=0, origin="test",
            received_by="test", received_at=kit.day(moment), now=kit.day(moment),
        )  # fmt: skip
        load_id = ledger.new_load(
            tx, sha256=sha256, kind="file", target_table="dossiers", source="one_stop", contract="one_stop", contract_digest="",
            contract_body={"file": "x.yaml"}, unit_override=None, mapped_columns=[], known_from=kit.day(moment), drift={},
            code_version="", units_version="", calendar_version="", loaded_at=kit.day(moment),
        )  # fmt: skip
        ingest._merge(self.home, tx, self.contract, ParsedRows(folder), load_id, kit.day(moment))

    def written(self, said: Said) -> Path:
        """Return the folder with a file's Arrow files; equal files are written once."""
        folder = self.folder / "-".join(f"{code[-4:]}.{version}" for code, version in said.items())
        if not folder.exists():
            folder.mkdir()
            self.write(folder, said)
        return folder


@pytest.fixture
def bench(clean: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(clean, tmp_path, monkeypatch)


@contextlib.contextmanager
def undone(home: Home) -> Iterator[Transaction]:
    """A transaction that is rolled back at the end."""
    with contextlib.suppress(_Undo), home.database.begin() as tx:
        yield tx
        raise _Undo


def play(bench: Bench, tx: Transaction, files: dict[int, Said], order: list[int]) -> None:
    """Load files in an order and take it all back; after each, the warehouse holds what the files so far mean."""
    known: dict[int, Said] = {}
    tx.execute("savepoint order_begins")
    for moment in order:
        before = expected(known)
        bench.load(tx, moment, files[moment])
        known[moment] = files[moment]
        now = stored(tx)
        assert now == expected(known), (files, order, moment)
        assert past(now, moment) == past(before, moment), (files, order, moment)
    tx.execute("rollback to savepoint order_begins")


def past(versions: list[Version], moment: int) -> list[tuple[Any, ...]]:
    """Return what versions say about every moment before a file."""
    at = kit.day(moment)
    return [
        (*version[:3], None if version[3] is None or version[3] >= at else version[3], *version[4:])
        for version in versions
        if version[2] < at
    ]


@pytest.mark.parametrize(
    "order,said",
    [
        pytest.param([1, 0], [0, 0], id="a late file says the same earlier"),
        pytest.param([0, 2, 1], [0, 1, 0], id="a late file repeats what was known"),
        pytest.param([0, 2, 1], [0, 1, 1], id="a late file says earlier what came later"),
        pytest.param([0, 2, 1], [0, 2, 0], id="a late file contradicts a statement that was heard twice"),
        pytest.param([0, 3, 1, 2], [0, 1, 0, 0], id="a late file is contradicted by another late file"),
        pytest.param([3, 2, 1, 0], [0, 0, 0, 0], id="backwards, nothing new"),
        pytest.param([3, 1, 2, 0], [0, 1, 0, 1], id="back and forth"),
    ],
)
def test_r18_small_cases(bench: Bench, order: list[int], said: list[int]) -> None:
    with undone(bench.home) as tx:
        play(bench, tx, {moment: {"H32.22492-0001": version} for moment, version in enumerate(said)}, order)


def test_r18_random_orders(bench: Bench) -> None:
    """1,000 random orders of three to five files that speak of the same few dossiers."""
    chance = random.Random(18)
    codes = [f"H32.22492-{n:04d}" for n in range(3)]
    for _ in range(25):
        with undone(bench.home) as tx:
            for _ in range(40):
                count = chance.choice((3, 3, 3, 3, 4, 5))
                files = {
                    n: {code: chance.randrange(3) for code in chance.sample(codes, chance.randint(1, 3))} for n in range(count)
                }
                order = list(files)
                chance.shuffle(order)
                play(bench, tx, files, order)


def test_r18_whole_chain(clean: Home, gate: Any, tmp_path: Path) -> None:
    """The same with exports read, judged and committed: facts and answers as of any moment do not depend on the order."""
    from tests.conftest import empty

    chance = random.Random(1818)
    files = {n: {f"H32.22492-{k:04d}": chance.randrange(4) for k in chance.sample(range(8), 6)} for n in range(4)}
    paths = {}
    for n, said in files.items():
        rows = [kit.dossier(code, version) for code, version in said.items()]
        paths[n] = kit.write_csv(tmp_path / f"f{n}.csv", rows)
    seen = set()
    answers = set()
    for turn in range(8):
        empty(clean)
        order = list(files)
        if turn:
            chance.shuffle(order)
        for done, n in enumerate(order):
            assert kit.load(clean, paths[n], gate, kit.day(n)).status == "loaded"
            with clean.database.begin() as tx:
                assert stored(tx) == expected({m: files[m] for m in order[: done + 1]})
                assert kit.broken_rules(tx) == []
        with clean.database.begin() as tx:
            seen.add(str(kit.checksum(tx)["dossiers"].split()))
            answers.add(str([known(tx, n) for n in files]))
    assert len(seen) == 1 and len(answers) == 1


def known(tx: Transaction, moment: int) -> list[Any]:
    from warehouse import marts

    counts = marts.counted_from_facts(tx, kit.day(30), kit.day(moment))
    return sorted(map(tuple, counts.astype(str).to_numpy().tolist()))
