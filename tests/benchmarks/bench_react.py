"""A reaction beside one million facts: which of its parts grow with what changed, and which with all there is (ADR 0019)."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from flows.steps.inbox import SETTLE_S
from tests.benchmarks import kit
from tests.benchmarks.bench_scores import _changed
from tests.benchmarks.conftest import COMMUNES, Loaded

pytestmark = [pytest.mark.bench, pytest.mark.timeout(1800)]


def test_a_hundred_changed_dossiers(loaded: Loaded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from flows.steps import react as steps
    from flows.steps.home import open_home
    from flows.steps.ingest import gate_of
    from flows.steps.react import react

    # Files are dated by the clock, after the million; what is scored is the year that they are about.
    moment = datetime(2023, 12, 31, 13, tzinfo=UTC)
    monkeypatch.setattr(steps, "now", lambda: moment)
    home = open_home()
    home.prepare()
    rows: list[tuple[str, str]] = []
    whole: dict[int, float] = {}
    with gate_of(home) as gate:
        gate.start()
        react(home, gate)  # whatever is not published yet
        for number, count in enumerate((1, 100, 100, 1000, 10_000)):
            moment += timedelta(minutes=1)
            _changed(loaded.data.export, home.inbox / f"changed{number}.csv", count, loaded.data.rows // count, 200 + number)
            time.sleep(SETTLE_S)
            answer = react(home, gate)
            assert (answer["status"], answer["loaded"]) == ("done", 1), answer["files"]
            with home.database.begin() as tx:
                took = tx.scalar("select detail -> 'stages' from work_log where kind = 'reaction' order by work_id desc limit 1")
            whole[count] = answer["seconds"]
            told = " · ".join(f"{name} {seconds:.2f}" for name, seconds in took.items())
            rows.append((f"{count:>6,} changed: {told}", f"{answer['seconds']:.2f} s"))
    kit.say(f"file → published, {COMMUNES} communes beside {loaded.data.rows:,} facts (limit 10 s for 100)", rows)
    assert whole[100] <= 10.0
