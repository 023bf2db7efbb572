"""R26: night after night by a moving clock. None is missed, memory stays flat, the database grows by a straight line."""

from __future__ import annotations

import gc
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any

import numpy as np
import psutil
import pytest

from flows.steps.home import Home, parse_moment
from flows.steps.nightly import nightly
from flows.steps.nights import begin_of, due
from flows.steps.retention import prune
from tests.flows import kit

pytestmark = [pytest.mark.db, pytest.mark.slow, pytest.mark.timeout(7200)]
#: By hand: CCHC_R26_NIGHTS=365 runs nights with their forecast and prints what it measured; otherwise a few without. Pictures
#: are drawn by a process that ends with them.
BY_HAND = "CCHC_R26_NIGHTS" in os.environ
NIGHTS = int(os.environ.get("CCHC_R26_NIGHTS", "16"))
WARM = max(6, NIGHTS // 8)
FIRST = date(2023, 1, 2)
UNITS = ("22492", "22495", "22498")
MIB = 2**20


@contextmanager
def quick_gate(_: Home) -> Iterator[kit.QuickGate]:
    yield kit.QuickGate()


def no_forecast(*_: Any, **__: Any) -> tuple[dict[str, Any], dict[str, str]]:
    return {"id": None, "recipe": None, "result": None, "communes": [], "judged": [], "code": None, "error": None}, {}


def export(home: Home, day: date) -> None:
    """What came in on a day: three new dossiers of each of three communes, and the answers to those of five days before."""
    rows = []
    for age in (0, 5):
        received = day - timedelta(age)
        for unit in UNITS:
            for number in range(3):
                row = {
                    "dossier_code": f"H32.{unit}-{received:%y%m%d}-{number}", "unit_code": unit, "procedure_code": "P5",
                    "received_at": f"{received:%d/%m/%Y} 08:00:00", "due_at": f"{received + timedelta(7):%d/%m/%Y} 17:00:00",
                    "status": "Đang xử lý", "channel": "Trực tuyến" if number else "Trực tiếp",
                }  # fmt: skip
                rows.append(row | ({"status": "Đã trả kết quả", "finished_at": f"{day:%d/%m/%Y} 10:00:00"} if age else {}))
    kit.write_csv(home.inbox / f"mot-cua-{day}.csv", rows)


def size_of(home: Home) -> dict[str, int]:
    """Bytes of every table with its indexes and its large values."""
    with home.database.begin() as tx:
        rows = tx.rows("select relname, pg_total_relation_size(oid) as bytes from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace")  # fmt: skip
    return {row["relname"]: int(row["bytes"]) for row in rows}


def straight(values: list[int]) -> tuple[float, float]:
    """Return (growth per night, how much of the last third lies over the line through the first two thirds, as a share of all)."""
    nights = np.arange(len(values))
    split = len(values) * 2 // 3
    slope, base = np.polyfit(nights[:split], values[:split], 1)
    ahead = np.asarray(values[split:]) - (base + slope * nights[split:])
    return float(slope), float(ahead.max() / max(slope * len(values), 1.0))


def year_of_nights(home: Home, patch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Run the nights; returns memory and size after each, and what became of them."""
    process, outcomes = psutil.Process(), []
    memory, size, tables = [], [], {}
    for number in range(NIGHTS):
        day = FIRST + timedelta(number)
        patch.setenv("CCHC_CLOCK", begin_of(day).isoformat())
        if number % 3 != 2:  # every third day nobody exports anything
            export(home, day - timedelta(1))
        outcomes.append(nightly(home)["status"])
        prune(home)
        gc.collect()
        memory.append(process.memory_info().rss)
        if number == WARM:
            tables = size_of(home)
        size.append(sum(size_of(home).values()))
        if BY_HAND and number % 10 == 0:
            print(f"{day} {outcomes[-1]} {memory[-1] / MIB:.0f} MiB, database {size[-1] / MIB:.1f} MiB", flush=True)
    after = size_of(home)
    growth = {name: (after[name] - tables[name]) / (NIGHTS - 1 - WARM) for name in after}
    return {"memory": memory, "size": size, "outcomes": outcomes, "growth": growth}


@pytest.fixture
def home(clean: Home, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    monkeypatch.setattr("flows.steps.inbox.gate_of", quick_gate)
    monkeypatch.setattr("flows.steps.inbox.SETTLE_S", 0.0)
    monkeypatch.setattr("flows.steps.forecast.DRAWS", 300)
    monkeypatch.setattr("flows.steps.forecast_night.shown", lambda *_: {})
    if not BY_HAND:
        monkeypatch.setattr("flows.steps.nightly.foretold", no_forecast)
    yield clean
    shutil.rmtree(clean.inbox)
    clean.inbox.mkdir(mode=0o700)


def test_r26_nights_in_a_row(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CCHC_CLOCK", begin_of(FIRST).isoformat())
    with home.database.begin() as tx:  # a desk watches: from now on nights are expected
        tx.execute("insert into work_log (kind, started_at, seconds, outcome) values ('desk', %(at)s, 0, 'done')", {"at": begin_of(FIRST) - timedelta(hours=2)})  # fmt: skip
    found = year_of_nights(home, monkeypatch)
    memory, size = found["memory"], found["size"]
    warm = memory[WARM:]
    slope, ahead = straight(size[WARM:])
    if BY_HAND:
        print(
            f"\n{NIGHTS} nights: memory {warm[0] / MIB:.0f} → {warm[-1] / MIB:.0f} MiB, {min(warm) / MIB:.0f}–{max(warm) / MIB:.0f}"
        )
        print(
            f"database {size[WARM] / MIB:.1f} → {size[-1] / MIB:.1f} MiB, {slope / 1024:.0f} KiB a night, over the line {ahead:.1%}"
        )
        for name, grown in sorted(found["growth"].items(), key=lambda item: -item[1])[:14]:
            print(f"  {name:<24} {grown / 1024:8.1f} KiB a night")
        print({status: found["outcomes"].count(status) for status in set(found["outcomes"])})
    assert set(found["outcomes"]) <= {"done", "nothing_new"}
    with home.database.begin() as tx:
        assert due(tx, parse_moment(os.environ["CCHC_CLOCK"])) == []
        nights = tx.scalar("select count(distinct as_of) from nightly_runs where outcome in ('done', 'nothing_new')")
    assert nights == NIGHTS
    assert max(warm) <= 1.1 * warm[0], [round(value / MIB) for value in memory]
    assert ahead <= 0.1, [round(value / 1024) for value in size]
