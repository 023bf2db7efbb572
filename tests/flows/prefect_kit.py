"""A real Prefect server on the PostgreSQL of an installation, and the runner of one machine, for tests that need them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from flows.steps.prefect_api import PrefectAway, call

if TYPE_CHECKING:
    from flows.steps.home import Home

ROOT = Path(__file__).resolve().parents[2]
#: A hang, not a slow machine.
LIMIT_S = 120.0
# Events are gathered for a second only: the seconds of real life would be waited for here.
_SERVE = """
import sys
from dataclasses import replace
sys.path.insert(0, {root!r})
from deployments import definitions
definitions.DEFINITIONS = tuple(replace(each, gather_s=min(each.gather_s, 1)) for each in definitions.DEFINITIONS)
from deployments.serve import main
main()
"""
Found = TypeVar("Found")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(look: Callable[[], Found | None], what: str, limit: float = LIMIT_S) -> Found:
    """Return what `look` finds as soon as it finds something."""
    end = time.monotonic() + limit
    while time.monotonic() < end:
        if found := look():
            return found
        time.sleep(0.2)
    raise AssertionError(f"waited {limit:.0f} s for {what}")


@contextmanager
def server(home: Home, folder: Path) -> Iterator[str]:
    """Run Prefect's server as `cchc up` does; yields the address of its API."""
    from deployments import environment
    from warehouse.prefect_database import prefect_database

    port = free_port()
    url = f"http://127.0.0.1:{port}/api"
    database = prefect_database(home.root)
    assert database.kind == "embedded"
    words = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port), "--no-ui"]
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            words, env=environment.server(home.root, port, database), stdout=log, stderr=log, start_new_session=True
        )
    try:
        until(lambda: answers(url) or process.poll() is not None, "Prefect's server")
        assert process.poll() is None, (folder / "server.log").read_text(errors="replace")[-3000:]
        yield url
    finally:
        end(process)


@contextmanager
def served(home: Home, url: str, folder: Path, clock: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run the runner of one machine; yields it when it has deployed everything."""
    from deployments import environment

    env = environment.common(home.root, url) | {"CCHC_CLOCK": clock}
    with (folder / "serve.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", _SERVE.format(root=str(ROOT))], env=env, stdout=log, stderr=log, start_new_session=True
        )
    try:
        yield process
    finally:
        end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process and whatever it started."""
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(30)


def answers(url: str) -> bool:
    try:
        return bool(call(url, "/health"))
    except PrefectAway:
        return False


def runs_of(url: str, flow: str, *states: str) -> list[dict[str, Any]]:
    """Return the runs of a flow in some states (types; all when none is named), the earliest planned first."""
    asked: dict[str, Any] = {"sort": "EXPECTED_START_TIME_ASC", "limit": 200, "flows": {"name": {"any_": [flow]}}}
    if states:
        asked["flow_runs"] = {"state": {"type": {"any_": list(states)}}}
    found: list[dict[str, Any]] = call(url, "/flow_runs/filter", asked)
    return found


def deployed(url: str) -> dict[str, dict[str, Any]]:
    """Return every deployment of the server by name; a name met twice is a failure."""
    rows = call(url, "/deployments/filter", {"limit": 200})
    assert len({row["name"] for row in rows}) == len(rows)
    return {row["name"]: row for row in rows}


def automations(url: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = call(url, "/automations/filter", {})
    return found
