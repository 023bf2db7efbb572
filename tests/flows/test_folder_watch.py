"""The watch over a folder: it tells of files that count, by the system or by looking, and follows a folder that is made anew."""

from __future__ import annotations

import queue
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flows.steps import folder_watch

pytestmark = pytest.mark.slow
HANG_S = 30.0
#: So long nothing may be told of what does not count.
QUIET_S = 0.5


class Watched:
    """A folder with a thread that hears of it."""

    def __init__(self, folder: Path, *, polling: bool | None) -> None:
        self.folder, self.stop = folder, threading.Event()
        self.told: queue.Queue[None] = queue.Queue()
        self.thread = threading.Thread(target=self._hear, args=(polling,))
        self.thread.start()

    def _hear(self, polling: bool | None) -> None:
        for _ in folder_watch.changes(self.folder, self.stop, polling=polling):
            self.told.put(None)

    def tells(self) -> None:
        """Wait until it tells of something, and until it has nothing more to tell."""
        self.told.get(timeout=HANG_S)
        while True:
            try:
                self.told.get(timeout=QUIET_S)
            except queue.Empty:
                return

    def keeps_silent(self) -> bool:
        try:
            self.told.get(timeout=QUIET_S)
        except queue.Empty:
            return True
        return False


@pytest.fixture(params=[False, True], ids=["told", "looking"])
def watched(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    for name, value in {"_STEP_MS": 20, "_GATHER_MS": 60, "_POLL_MS": 60, "_CHECK_MS": 100}.items():
        monkeypatch.setattr(folder_watch, name, value)
    made = Watched(tmp_path / "inbox", polling=request.param)
    yield made
    made.stop.set()
    made.thread.join(HANG_S)
    assert not made.thread.is_alive()


def test_files_that_count_are_told_and_others_not(watched: Watched) -> None:
    watched.tells()  # of what lies there at the beginning
    (watched.folder / "thang-3.csv").write_text("x")
    watched.tells()
    below = watched.folder / "mot-cua"
    below.mkdir()
    watched.tells()
    (below / "b.csv").write_text("x")
    watched.tells()
    (watched.folder / ".part").mkdir()
    for name in (".an.csv", "~$thang-3.xlsx", ".part/a.part"):
        (watched.folder / name).write_text("x")
    assert watched.keeps_silent()


def test_a_folder_that_is_made_anew_is_followed(watched: Watched) -> None:
    watched.tells()
    shutil.rmtree(watched.folder)
    watched.tells()
    assert watched.folder.is_dir()
    (watched.folder / "thang-3.csv").write_text("x")
    watched.tells()


def test_where_the_system_has_no_watch_left_it_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import watchfiles

    real, asked = watchfiles.watch, []

    def watch(*paths: Any, force_polling: bool, **more: Any) -> Any:
        asked.append(force_polling)
        if not force_polling:
            raise RuntimeError("Error creating recommended watcher: Too many open files")
        return real(*paths, force_polling=True, **more)

    monkeypatch.setattr(watchfiles, "watch", watch)
    monkeypatch.setattr(folder_watch, "_POLL_MS", 60)
    watched = Watched(tmp_path / "inbox", polling=None)
    try:
        watched.tells()
        (watched.folder / "a.csv").write_text("x")
        watched.tells()
        assert asked == [False, True]
    finally:
        watched.stop.set()
        watched.thread.join(HANG_S)


@pytest.mark.parametrize(
    ("mounts", "looks"),
    [
        ("/dev/sda1 / ext4 rw 0 0", False),
        ("//may/chia-se / cifs rw 0 0\n/dev/sda1 {here} ext4 rw 0 0", False),
        ("/dev/sda1 / ext4 rw 0 0\n//may/chia-se {here} cifs rw 0 0", True),
        ("/dev/sda1 / ext4 rw 0 0\nmay:/xuat {here}/huyen nfs4 rw 0 0", True),
        ("/dev/sda1 / ext4 rw 0 0\nmay: {here} fuse.sshfs rw 0 0", True),
        ("/dev/sda1 / ext4 rw 0 0\nmay:/xuat {here}-khac nfs4 rw 0 0", False),
        ("", False),
    ],
)
def test_network_folders_are_looked_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mounts: str, looks: bool) -> None:
    here = tmp_path / "hop thu"
    here.mkdir()
    told = tmp_path / "mounts"
    told.write_text(mounts.format(here=str(here).replace(" ", "\\040")) + "\n" if mounts else "", encoding="utf-8")
    monkeypatch.setattr(folder_watch, "_MOUNTS", told)
    assert folder_watch.needs_polling(here) is looks
