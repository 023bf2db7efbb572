"""The night of a province: one million dossiers and the registers of 132 communes, from the inbox to the forecast's pictures."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks import kit
from tests.benchmarks.conftest import COMMUNES, DOSSIERS

pytestmark = [pytest.mark.bench, pytest.mark.timeout(3600)]
EVENING = datetime(2023, 10, 1, 23, 0, 0)
#: Of a year's dossiers so many have been received by that evening.
BY_THEN = 0.745
FULL = 1_000_000
STAGES = "select detail -> 'stages' from work_log where kind = 'night' order by work_id desc limit 1"


@dataclass
class Night:
    """One `cchc nightly`: its document, seconds, memory, seconds by stage."""

    document: dict[str, Any]
    seconds: float
    memory: kit.Memory
    stages: dict[str, float]


@dataclass
class Province:
    """A home of its own with its nights, the seconds of the floor, and how much room the database takes (MB)."""

    rows: int
    size_mb: float
    files: int
    floors: list[float] = field(default_factory=list)
    nights: list[Night] = field(default_factory=list)
    disk: list[float] = field(default_factory=list)


@pytest.fixture(scope="module")
def province(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Province]:
    """A night with everything new, the next with one day's dossiers, and a third with nothing new."""
    from synthetic.nights import replay_exports, write_plain_csv
    from synthetic.world import generate_province
    from warehouse import cluster
    from warehouse.engine import raw_connection

    root = tmp_path_factory.mktemp("night") / ".cchc"
    root.mkdir(mode=0o700)
    patch = pytest.MonkeyPatch()
    patch.setenv("CCHC_HOME", str(root))
    world = generate_province(COMMUNES, int(DOSSIERS / BY_THEN), until=EVENING)
    world.write_units(root / "units.yaml")
    from flows.steps.home import open_home

    home = open_home()
    home.prepare()
    rows = write_plain_csv(world, home.inbox / "mot-cua.csv")
    replay_exports(replace(world, history=world.history.iloc[:0]), home.inbox, EVENING.date())
    tomorrow = world.at(datetime(2023, 10, 2, 23, 0, 0))
    owner = raw_connection(root, role="owner")
    server = kit.parent_of(owner.info.backend_pid)
    made = Province(rows, (home.inbox / "mot-cua.csv").stat().st_size / 1e6, len(list(home.inbox.iterdir())))

    def floor() -> None:
        columns = ", ".join(f"c{n} text" for n in range(13))
        made.floors.append(kit.copy_floor(owner, "bench_text", columns, home.inbox / "mot-cua.csv", "format csv, header"))

    def night(clock: str) -> None:
        patch.setenv("CCHC_CLOCK", clock)
        seconds, status, memory = kit.run_watched([*kit.CCHC, "nightly", "--json"], root, root / "answer.json", server)
        said = (root / "answer.json").read_text(encoding="utf-8")
        assert status == 0, said[-2000:]
        with owner, owner.cursor() as cursor:
            cursor.execute(STAGES)
            stages = dict(cursor.fetchone()[0])
            cursor.execute("select pg_database_size(current_database()) / 1e6")
            made.disk.append(float(cursor.fetchone()[0]))
        made.nights.append(Night(json.loads(said), seconds, memory, stages))

    try:
        floor()
        night("2023-10-02T01:00:00")
        floor()
        write_day(tomorrow, home.inbox / "mot-cua-moi.csv")
        night("2023-10-03T01:00:00")
        night("2023-10-03T02:00:00")
        yield made
    finally:
        owner.close()
        patch.undo()
        cluster.destroy(root)


def write_day(world: Any, path: Path) -> None:
    """Write the dossiers that came or ended on the world's last day, as an export of one day would hold them."""
    from synthetic.nights import write_plain_csv

    whole = world.dossiers
    moved = [(whole[name].dt.date == world.until.date()).to_numpy() for name in ("received_at", "finished_at")]
    part = replace(world)
    part.__dict__["dossiers"] = whole[moved[0] | moved[1]].reset_index(drop=True)
    assert write_plain_csv(part, path)


def test_the_night_of_a_province(province: Province) -> None:
    first, second, third = province.nights
    floor = min(province.floors)
    assert first.document["status"] == second.document["status"] == "done" and third.document["status"] == "nothing_new"
    assert len(first.document["score"]["communes"]) == len(first.document["forecast"]["communes"]) == COMMUNES
    lines = [
        (f"floor: bare COPY of the dossiers' file ({province.size_mb:.0f} MB) into text columns", f"{floor:.1f} s"),
        (f"night with everything new ({province.files} files)", f"{first.seconds:.0f} s"),
        *((f"   {name}", f"{seconds:.1f} s") for name, seconds in first.stages.items()),
        ("   ratio to the floor (limit 60)", f"{first.seconds / floor:.1f}"),
        ("   peak memory, all processes of the command together (PSS; limit 1,024)", f"{first.memory.together:.0f} MiB"),
        ("   at that moment: " + ", ".join(f"{name} {size:.0f}" for name, size in first.memory.parts.items() if size > 1), ""),
        ("   PostgreSQL beside it (PSS, shared buffers once)", f"{first.memory.server:.0f} MiB"),
        ("   database afterwards", f"{province.disk[0]:.0f} MB"),
        (
            f"the next night, with the {sum(file['rows_read'] for file in second.document['files']):,} dossiers of one day",
            f"{second.seconds:.0f} s",
        ),
        *((f"   {name}", f"{seconds:.1f} s") for name, seconds in second.stages.items()),
        ("   peak memory together", f"{second.memory.together:.0f} MiB"),
        ("   database afterwards", f"{province.disk[1]:.0f} MB"),
        ("a night with nothing new", f"{third.seconds:.1f} s"),
    ]
    kit.say(f"{province.rows:,} dossiers of {COMMUNES} communes: `cchc nightly`, from its start to its end", lines)
    assert all(night.memory.together <= 1024 for night in province.nights)
    if province.rows >= FULL * 0.95:  # fixed costs weigh more in a smaller run
        assert all(night.seconds <= 60 * floor for night in (first, second))
