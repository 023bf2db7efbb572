"""R4: a disk is full — under the tables, the kept originals or the work folder, each a small tmpfs. Nothing half-done stays, the
file waits in the inbox, one sentence says where there is no room, and with room again all goes on by itself.
"""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from apps.wording import failure
from flows.steps.backup import backup, said_when_full
from flows.steps.home import Home, UserError
from flows.steps.inbox import Looks, take_inbox
from tests.e2e.kit import write_xlsx
from tests.flows import kit
from warehouse import cluster, engine, provider

pytestmark = [pytest.mark.db, pytest.mark.slow]
ROWS = 6_000


def mount(*words: str) -> None:
    subprocess.run(["mount", *words], check=True, capture_output=True, text=True)


@contextmanager
def small_disk(place: Path, kilobytes: int) -> Iterator[Callable[[], None]]:
    """A small disk in place of a folder; yields what gives it more room. Skips where nobody may mount."""
    if os.geteuid() != 0:
        pytest.skip("only root mounts a small disk")
    try:
        mount("-t", "tmpfs", "-o", f"size={kilobytes}k,mode=0700", "cchc-test", str(place))
    except (OSError, subprocess.CalledProcessError) as problem:
        pytest.skip(f"nobody may mount here: {getattr(problem, 'stderr', problem)}")
    try:
        yield lambda: mount("-o", "remount,size=64m", str(place))
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def export(home: Home, name: str = "thang-1.csv") -> Path:
    """A file in the inbox that does not fit on the small disks."""
    rows = [kit.dossier(f"H32.22492-{n:05d}", n % 3) for n in range(ROWS)]
    if name.endswith(".xlsx"):
        header = [kit.HEADERS[key] for key in rows[1]]
        return write_xlsx(home.inbox / name, [[row.get(key, "") for key in rows[1]] for row in rows], header)
    return kit.write_csv(home.inbox / name, rows)


def full_then_room(home: Home, path: Path, where: str, room: Callable[[], None]) -> None:
    """Try to load the inbox on the full disk, look at what is left, make room, try again."""
    looks, gate = Looks(), kit.QuickGate()
    for _ in range(2):  # a second try on the full disk is no other than the first
        with pytest.raises(Exception) as stopped:
            take_inbox(home, gate=gate, looks=looks)  # type: ignore[arg-type]
        status, code, sentence = failure(stopped.value)  # type: ignore[arg-type]
        assert (status, code) == (1, "disk_full"), repr(stopped.value)
        assert sentence.startswith(f"Hết chỗ trên đĩa ở {where}") and "Hãy dọn bớt đĩa rồi chạy lại." in sentence
        assert path.exists() and not list(home.snapshots.glob(".*.part")) and not list(home.work.iterdir())
        with home.database.begin() as tx:
            assert kit.broken_rules(tx) == []
            assert tx.scalar("select count(*) from loads") == tx.scalar("select count(*) from dossiers_facts") == 0
            assert tx.scalar("select count(*) from files where state <> 'received'") == 0
    room()
    new, _ = take_inbox(home, gate=gate, looks=looks)  # type: ignore[arg-type]
    assert [(file.status, file.rows_accepted) for file in new] == [("loaded", ROWS)]
    with home.database.begin() as tx:
        assert kit.broken_rules(tx) == [] and tx.scalar("select count(*) from dossiers_facts") == ROWS


@pytest.fixture
def home(clean: Home, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    monkeypatch.setattr("flows.steps.inbox.SETTLE_S", 0.0)
    yield clean
    for path in clean.inbox.iterdir():
        path.unlink()


def test_r04_no_room_for_the_originals(home: Home) -> None:
    path = export(home)
    with small_disk(home.snapshots, 64) as room:
        full_then_room(home, path, f"thư mục {home.snapshots}", room)


@pytest.mark.parametrize("name", ["thang-1.csv", "thang-1.xlsx"])
def test_r04_no_room_to_work(home: Home, name: str) -> None:
    path = export(home, name)
    with small_disk(home.work, 64) as room:
        full_then_room(home, path, f"thư mục {home.work}", room)


def test_r04_no_room_under_the_tables(home: Home) -> None:
    place = home.root.parent / "small"
    place.mkdir()
    connection = engine.raw_connection(home.root, role="superuser", autocommit=True)
    try:
        with small_disk(place, 512) as room, connection.cursor() as cursor:
            provider.runner(cluster.place.known(home.root).data).own(place)  # type: ignore[union-attr]
            cursor.execute("create tablespace small location %s", (str(place),))
            try:
                cursor.execute("alter table dossiers_facts set tablespace small")
                full_then_room(home, export(home), "ổ đĩa của cơ sở dữ liệu", room)
            finally:
                cursor.execute("alter table dossiers_facts set tablespace pg_default")
                cursor.execute("drop tablespace small")
    finally:
        connection.close()
        place.rmdir()


def test_r04_a_disk_that_takes_no_large_file_is_told_from_a_full_one(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="FAT32") as stopped, said_when_full(tmp_path):
        raise OSError(errno.EFBIG, "File too large")
    assert stopped.value.code == "file_too_large"


def test_r04_no_room_for_a_backup(home: Home, tmp_path: Path) -> None:
    export(home)
    take_inbox(home, gate=kit.QuickGate(), looks=Looks())  # type: ignore[arg-type]
    with small_disk(tmp_path, 256) as room:
        with pytest.raises(UserError, match=f"Hết chỗ trên đĩa ở {tmp_path}; hãy dọn bớt"):
            backup(home, tmp_path)
        assert list(tmp_path.iterdir()) == []
        room()
        assert Path(backup(home, tmp_path)["file"]).exists()
