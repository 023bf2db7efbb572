"""R23 at one million dossiers: `cchc backup` and `cchc restore` against a bare pg_dump and pg_restore of the same database."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.benchmarks import kit
from tests.benchmarks.conftest import Loaded
from warehouse import cluster, dump, engine, provider

pytestmark = [pytest.mark.bench, pytest.mark.timeout(1800)]
LIMIT_S = 300


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "home"
    cluster.destroy(tmp_path / "home")


def floor(home: Path, folder: Path) -> tuple[float, float]:
    """Seconds of a bare pg_dump into a file and of a bare pg_restore of it into another database of the same server."""
    values = cluster.ensure(home).parameters("superuser")
    environment = provider.clean_environment() | {"PGPASSWORD": str(values["password"])}
    programs = provider.installation() / "bin"
    where = ["-h", str(values["host"]), "-U", str(values["user"])]
    connection = engine.raw_connection(home, role="superuser", autocommit=True)
    connection.cursor().execute("drop database if exists bench_floor with (force)")
    connection.cursor().execute("create database bench_floor")
    try:
        with kit.timed() as out:
            command = [programs / "pg_dump", *where, "-Fc", "-Z", "gzip:1", "-O", "-x", "-f", folder / "bare", values["dbname"]]
            subprocess.run(command, env=environment, check=True)
        with kit.timed() as back:
            subprocess.run(
                [programs / "pg_restore", *where, "-1", "-O", "-x", "-d", "bench_floor", folder / "bare"],
                env=environment,
                check=True,
            )
    finally:
        connection.cursor().execute("drop database bench_floor with (force)")
        connection.close()
    return out.seconds, back.seconds


def test_r23_one_million_out_and_back(loaded: Loaded, elsewhere: Path, tmp_path: Path) -> None:
    archive, answers = tmp_path / "a.tar", [tmp_path / "backup.json", tmp_path / "restore.json"]
    bare_out, bare_back = floor(loaded.home, tmp_path)
    before = dump.digests_of(loaded.home)
    out, status, memory = kit.run_watched([*kit.CCHC, "backup", str(archive), "--json"], loaded.home, answers[0])
    assert status == 0, answers[0].read_text("utf-8")[-2000:]
    back, status, memory_back = kit.run_watched(
        [*kit.CCHC, "restore", str(archive), "--into", str(elsewhere), "--json"], loaded.home, answers[1]
    )
    assert status == 0, answers[1].read_text("utf-8")[-2000:]
    said = json.loads(answers[1].read_text("utf-8"))
    assert said["sound"] and dump.digests_of(elsewhere) == before
    kit.say(
        f"{loaded.data.rows:,} dossiers: `cchc backup` and `cchc restore` into a home that does not exist yet, processes and checks included",
        [
            (f"both together (limit {LIMIT_S} s)", f"{out + back:.1f} s"),
            ("backup: dump, digest of every table, originals, fsync", f"{out:.1f} s"),
            ("restore: archive checked, cluster made, database, digests, rights", f"{back:.1f} s"),
            ("floor: bare pg_dump (custom, gzip 1)", f"{bare_out:.1f} s"),
            ("floor: bare pg_restore (one transaction) into the running server", f"{bare_back:.1f} s"),
            ("ratio to the floors together", f"{(out + back) / (bare_out + bare_back):.2f}"),
            ("archive, of it the dump", f"{archive.stat().st_size / 1e6:.0f} MB, {os.stat(tmp_path / 'bare').st_size / 1e6:.0f} MB"),
            ("peak memory of backup and of restore, PostgreSQL apart (PSS)", f"{memory.together:.0f}, {memory_back.together:.0f} MiB"),
        ],
    )  # fmt: skip
    assert out + back <= LIMIT_S
