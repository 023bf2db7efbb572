"""From a file dropped into the inbox of a running `cchc up` until its score is published, at a district with two years of exports."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from tests.benchmarks import kit
from tests.e2e import up_kit
from tests.e2e.kit import dossier, write_csv

pytestmark = [pytest.mark.bench, pytest.mark.timeout(1800)]
#: The clock stands still, so that the desk forecasts after every score: half a minute of work beside the next file.
CLOCK = "2023-10-02T09:00:00+07:00"
FILES, ROWS, AT_ONCE = 20, 100, 50
PUBLISHED = """
    select count(*) from arrivals as a inner join loads as l on l.sha256 = a.sha256
    where a.location like %(place)s and l.load_id <= (
        select max(substring(recipe ->> 'loads' from '[0-9]+$')::bigint) from score_runs where origin = 'event'
    )
"""


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[up_kit.Up]:
    from synthetic.nights import replay_exports
    from synthetic.world import generate_district
    from warehouse import cluster

    root = tmp_path_factory.mktemp("desk")
    root.chmod(0o711)
    home = root / "home"
    (home / "inbox").mkdir(parents=True, mode=0o700)
    home.chmod(0o700)
    replay_exports(generate_district([2022, 2023], 7), home / "inbox", date(2023, 9, 29))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CCHC_CLOCK", "2023-09-30T01:00:00+07:00")
        _, status, _ = kit.run_watched([*kit.CCHC, "nightly", "--json"], home, root / "night.json")
    assert status == 0, (root / "night.json").read_text("utf-8")[-2000:]
    up = up_kit.ready(home, env={"CCHC_CLOCK": CLOCK})
    try:
        yield up
    finally:
        up.stop()
        up.close()
        cluster.destroy(home)


FORESEEN = """
    select max(substring(recipe ->> 'loads' from '[0-9]+$')::bigint) >= (select max(load_id) from loads) from forecasts
"""


def foreseen(up: up_kit.Up) -> None:
    """Wait until the forecast has followed: where clocks run it is made minutes after the last file."""
    from warehouse import engine

    connection = engine.raw_connection(up.home, role="owner", autocommit=True)
    with connection.cursor() as cursor:
        up_kit.until(lambda: (cursor.execute(FORESEEN), cursor.fetchone()[0])[1], "a forecast of all loads")
    connection.close()


def export(folder: Path, number: int) -> Path:
    rows = [dossier(number * ROWS + k, code=f"H32.22492-BAM-{number:03d}-{k:03d}") for k in range(ROWS)]
    return write_csv(folder / f"roi-{number:03d}.csv", rows)


def drop(up: up_kit.Up, files: list[Path]) -> float:
    """Let files appear in the inbox in one instant; returns the seconds until all of them are in a published score."""
    from warehouse import engine

    folder = files[0].parent
    hidden = up.home / "inbox" / f".{folder.name}"
    shutil.copytree(folder, hidden)
    connection = engine.raw_connection(up.home, role="owner", autocommit=True)
    try:
        with kit.timed() as clock, connection.cursor() as cursor:
            hidden.rename(hidden.with_name(folder.name))
            until = time.monotonic() + up_kit.HANG_S
            published = 0
            while published < len(files):
                assert time.monotonic() < until, "never published"
                time.sleep(0.02)
                cursor.execute(PUBLISHED, {"place": f"%/inbox/{folder.name}/%"})
                published = cursor.fetchone()[0]
    finally:
        connection.close()
    return float(clock.seconds)


def test_from_the_inbox_to_the_published_score(office: up_kit.Up, tmp_path: Path) -> None:
    single = []
    for number in range(FILES + 1):
        (folder := tmp_path / f"mot-{number:03d}").mkdir()
        single.append(drop(office, [export(folder, number)]))
    foreseen(office)
    (folder := tmp_path / "nhieu").mkdir()
    many = drop(office, [export(folder, 100 + number) for number in range(AT_ONCE)])
    cold, warm = single[0], single[1:]
    p95 = float(np.quantile(warm, 0.95))
    kit.say(
        f"`cchc up` with Prefect, a district of two years: files of {ROWS} new dossiers",
        [
            ("the first file", f"{cold:.2f} s"),
            (f"one file, median of {FILES}", f"{float(np.median(warm)):.2f} s"),
            ("one file, 95th percentile, forecasts going on beside (limit 10 s)", f"{p95:.2f} s"),
            (f"{AT_ONCE} files at once, the last one published (limit 20 s)", f"{many:.2f} s"),
        ],
    )
    assert p95 <= 10.0 and many <= 20.0
