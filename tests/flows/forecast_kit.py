"""A warehouse that grew over years: every month's exports of a world, loaded as they would have come. For backtests too.

`python -m tests.flows.forecast_kit FOLDER --years 2019 2020 --seed 1` builds one by hand; `tests` use `world_home`.
"""

from __future__ import annotations

import argparse
import datetime as dt
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.flows.kit import ZONE, QuickGate

if TYPE_CHECKING:
    from flows.steps.home import Home
    from flows.steps.score import Scored
    from scoring.forecast.inputs import Inputs
    from synthetic.profiles import Settings
    from synthetic.world import World


def world_of(years: Sequence[int], seed: int, settings: Settings | None = None) -> World:
    """The invented district of these years, up to the end of the last one. settings.scale turns the volumes."""
    from synthetic.world import generate_district

    return generate_district(years, seed, settings=settings)


def world_home(folder: Path, years: Sequence[int], seed: int, settings: Settings | None = None) -> Home:
    """A new installation below `folder` that received each month's changes at that month's last second.

    So `known_at` = the end of a month knows exactly what had happened by then. Raises: AssertionError for a file not loaded.
    """
    from flows.steps.home import Home

    home = Home(folder / "home")
    home.prepare()
    fill(home, world_of(years, seed, settings), folder)
    return home


def fill(home: Home, world: World, folder: Path, until: dt.date | None = None) -> None:
    """Load a world month by month into a prepared home; files are written to a folder below `folder` and removed again."""
    from flows.steps.files import Request, candidates
    from flows.steps.ingest import ingest_files
    from synthetic.months import month_files

    work = folder / "exports"
    work.mkdir(parents=True)
    contracts = {contract.name: contract for contract in candidates(home, None)}
    try:
        wanted = [
            (path, Request((contracts[name],), None, moment.replace(tzinfo=ZONE)))
            for name, path, moment in month_files(world, work, until)
        ]
        results = ingest_files(home, wanted, QuickGate())  # type: ignore[arg-type]
        strange = [r for r in results if r.status != "loaded" or r.rows_quarantined]
        assert not strange, strange[:3]
    finally:
        shutil.rmtree(work)


def inputs_at(
    home: Home, as_of: str, known_at: str | None = None, definition: str = "qd766", **more: Any
) -> tuple[Inputs, Scored]:
    """What a forecast is made from at a moment, as it was known at another (None: now), and the score of that moment."""
    from flows.steps.forecast_inputs import inputs_of
    from flows.steps.home import parse_moment
    from flows.steps.measure import question
    from flows.steps.score import score_question

    moment = parse_moment(as_of)
    known = parse_moment(known_at) if known_at else None
    asked = question(moment.year, as_of=moment, known_at=known, definition=definition, **more)
    with home.database.begin() as tx:
        scored = score_question(home, tx, asked)
        return inputs_of(home, tx, scored), scored


def main() -> None:
    """Build one home by hand."""
    from synthetic.profiles import Settings

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--years", type=int, nargs=2, default=[2019, 2024], metavar=("FIRST", "LAST"))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--scale", type=float, default=1.0)
    given = parser.parse_args()
    began = time.perf_counter()
    world_home(given.folder, range(given.years[0], given.years[1] + 1), given.seed, Settings(scale=given.scale))
    print(f"{given.folder}: {time.perf_counter() - began:.1f} s")


if __name__ == "__main__":
    main()
