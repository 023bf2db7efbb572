"""What `cchc up` costs while nothing happens: processor and memory of every part together."""

from __future__ import annotations

import os
import time
from pathlib import Path

import psutil
import pytest

from tests.benchmarks import kit
from tests.e2e import up_kit

pytestmark = [pytest.mark.bench, pytest.mark.timeout(3600)]
SETTLE_S = 60.0
#: Longer than a quarter of an hour: the catch-up, which starts a process of its own, is part of being idle.
SECONDS = float(os.environ.get("CCHC_IDLE_SECONDS", "960"))


def _seconds(process: psutil.Process) -> float:
    """Processor seconds of a process and of those it waited for (flow runs)."""
    times = process.cpu_times()
    return float(times.user + times.system + times.children_user + times.children_system)


def test_idle(tmp_path: Path) -> None:
    tmp_path.chmod(0o711)
    up = up_kit.ready(tmp_path / "home")
    try:
        time.sleep(SETTLE_S)
        before = {process.pid: _seconds(process) for process in up_kit.processes(up.home)}
        time.sleep(SECONDS)
        # One that came meanwhile counts from its birth; what one that went had used is on whoever waited for it.
        parts = {process.pid: process for process in up_kit.processes(up.home)}
        used = {pid: (_seconds(process) - before.get(pid, 0.0)) / SECONDS for pid, process in parts.items()}
        memory = {pid: parts[pid].memory_full_info().uss / 2**20 for pid in used}
        names = {part["pid"]: name for name, part in up.ready["parts"].items()} | {up.process.pid: "up"}
    finally:
        assert up.stop() == 0
        up.close()
    rows = [(names[pid], f"{used[pid]:.2%} {memory[pid]:.0f} MiB") for pid in sorted(used) if pid in names]
    others = [pid for pid in used if pid not in names]
    rows.append(
        ("PostgreSQL, its keeper, the guardian", f"{sum(used[p] for p in others):.2%} {sum(memory[p] for p in others):.0f} MiB")
    )
    rows.append(("together (limit 3 % of one core)", f"{sum(used.values()):.2%} {sum(memory.values()):.0f} MiB"))
    kit.say(f"`cchc up` for {SECONDS:.0f} s of doing nothing", rows)
    assert sum(used.values()) <= 0.03
