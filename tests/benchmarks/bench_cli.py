"""How long one waits for the command line itself and for the demonstration."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.benchmarks import kit

pytestmark = [pytest.mark.bench, pytest.mark.timeout(600)]


def test_help() -> None:
    seconds = []
    for _ in range(6):
        with kit.timed() as clock:
            subprocess.run([*kit.CCHC, "--help"], check=True, capture_output=True, cwd=kit.ROOT)
        seconds.append(clock.seconds)
    kit.say("`cchc --help`", [("best of 6 (limit 0.3 s)", f"{min(seconds):.2f} s"), ("worst", f"{max(seconds):.2f} s")])
    assert min(seconds) <= 0.3


def test_demo(tmp_path: Path) -> None:
    """From nothing: a new home, a new database, a district year through the whole chain."""
    home = tmp_path / ".cchc"
    seconds, status, memory = kit.run_watched([*kit.CCHC, "demo"], home, tmp_path / "demo.log")
    said = (tmp_path / "demo.log").read_text(encoding="utf-8", errors="replace")
    assert status == 0, said[-2000:]
    kit.say(
        "`make demo` after installation: `cchc demo` in an empty home",
        [("seconds (limit 60)", f"{seconds:.1f} s"), ("peak memory, all processes together (PSS)", f"{memory.together:.0f} MiB")],
    )
    assert seconds <= 60
