"""One child of `cchc up`: what it prints is kept, its end is heard, it is started again later and later, it leaves nothing behind."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import psutil
import pytest

from deployments import children, guardian
from deployments.children import Child, Part, until
from warehouse.keeper import process_alive

FAMILY = "import subprocess, sys, time; print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']).pid, flush=True); time.sleep(600)"
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"


def _child(root: Path, code: str, **env: str) -> tuple[Child, SimpleQueue[tuple[str, Any]]]:
    heard: SimpleQueue[tuple[str, Any]] = SimpleQueue()
    return Child(Part("web", [sys.executable, "-I", "-S", "-c", code], {"PATH": os.environ["PATH"], **env}), root, heard), heard


def _printed(root: Path) -> str:
    path = root / "logs" / "web.out.log"
    assert until(lambda: path.exists() and path.read_text().endswith("\n"), 60)
    return path.read_text()


def test_its_end_is_heard_and_what_it_said_is_kept(tmp_path: Path) -> None:
    child, heard = _child(tmp_path, "print('xin chào'.encode().hex()); raise SystemExit(7)")
    pid = child.start()
    what, (who, process) = heard.get(timeout=60)
    assert (what, who, process.pid, process.returncode) == ("ended", child, pid, 7) and child.is_now(process)
    assert _printed(tmp_path) == "xin chào".encode().hex() + "\n"


def test_it_is_started_again_later_and_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    child, heard = _child(tmp_path, "")
    waits = []
    for _ in range(9):
        child.start()
        heard.get(timeout=60)
        waits.append(child.lost())
        assert child.pid is None and child.due is not None and child.due > time.monotonic()
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60] and child.restarts == 9
    monkeypatch.setattr(children, "_GOOD_WHILE_S", 0.0)  # a good while alive
    child.start()
    heard.get(timeout=60)
    assert child.lost() == 1


def test_a_stopped_one_leaves_no_children(tmp_path: Path) -> None:
    child, _ = _child(tmp_path, FAMILY)
    child.start()
    grandchild = int(_printed(tmp_path))
    assert child.stop() == -15
    assert until(lambda: not process_alive(grandchild), 60)
    assert child.stop() is None


def test_one_that_does_not_listen_is_ended_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "PATIENCE_S", 0.2)
    child, _ = _child(tmp_path, DEAF)
    child.start()
    assert _printed(tmp_path) == "deaf\n"
    assert child.stop() == -9


def test_only_what_carries_the_mark_is_ended(tmp_path: Path) -> None:
    ours, heard = _child(tmp_path / "a", FAMILY, **{guardian.MARK: "/srv/home-1"})
    other, _ = _child(tmp_path / "b", FAMILY, **{guardian.MARK: "/srv/home-10"})
    try:
        ours.start(), other.start()
        family = {ours.pid, int(_printed(tmp_path / "a"))}
        assert set(guardian.marked("/srv/home-1")) == family
        guardian.end("/srv/home-1", patience=10)
        assert guardian.marked("/srv/home-1") == [] and len(guardian.marked("/srv/home-10")) >= 1
        assert heard.get(timeout=60)[0] == "ended"
        assert other.pid is not None and psutil.pid_exists(other.pid)
    finally:
        other.stop()
