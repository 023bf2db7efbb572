"""Years of exports as they would have come: at the ends of months, what was new or had changed since the delivery before."""

from __future__ import annotations

import calendar
import datetime as dt
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from synthetic.exports import write_export
from synthetic.layouts import Quirks
from synthetic.world import World

#: table → (contract, columns whose dates say when a row is written or changed)
TABLES: Final = {
    "dossiers": ("one_stop", ()), "survey_forms": ("survey", ("answered_on",)),
    "officer_reviews": ("officer_review", ("reviewed_on",)), "tasks": ("tasks", ("assigned_on", "done_on")),
    "initiatives": ("initiatives", ("submitted_on", "recognised_on")), "declarations": ("declarations", ("declared_on",)),
    "monthly_reports": ("monthly_report", ()), "published_results": ("published_results", ("published_on",)),
}  # fmt: skip
Months = Collection[int] | Mapping[int, Collection[int]]


def closed_before(world: World, moment: dt.datetime) -> World:
    """The same world without the dossiers that were still open at a moment: years that leave nothing to the next one."""
    closed = (world.history["finished_at"] < moment).to_numpy()
    return replace(world, history=world.history[closed].reset_index(drop=True))


def month_files(
    world: World, work: Path, until: dt.date | None = None, months: Months = range(1, 13), reports: bool = True
) -> Iterator[tuple[str, Path, dt.datetime]]:
    """Write what changed by each of these months' ends; yields (contract, file, moment at which it comes: the last second).

    months: the months of delivery, the same of every year or by year (a year that is not named: all of them).
    Monthly reports, unless left out, are written for the months of delivery alone.
    """
    plain = Quirks(titles=False, number=False)
    before = dt.datetime.min
    for year in world.years:
        for month in sorted(months.get(year, range(1, 13)) if isinstance(months, Mapping) else months):
            end = dt.datetime(year, month, calendar.monthrange(year, month)[1], 23, 59, 59)
            if until is not None and end.date() > until:
                return
            seen = world.at(end)
            for table, (contract, dated) in TABLES.items():
                if table == "monthly_reports" and not reports:
                    continue
                frame = _changed(seen, table, dated, before, end)
                if len(frame) and table == "monthly_reports":
                    span = (end.date().replace(day=1), end.date())
                    heading = "TÌNH HÌNH, KẾT QUẢ GIẢI QUYẾT THỦ TỤC HÀNH CHÍNH"
                    options: dict[str, Any] = {"heading": heading, "span": span}
                else:
                    options = {"quirks": plain}
                if len(frame):
                    form = "html" if table == "monthly_reports" else "csv"
                    stem = work / f"{year}{month:02d}_{contract}"
                    export = write_export(stem, contract, frame, world.communes, form, end, **options)
                    yield contract, work / export.path, end
            if before == dt.datetime.min:
                listed = write_export(work / "procedures", "procedures", world.procedures, (), "csv", end, plain)
                yield "procedures", work / listed.path, end
            before = end


def _changed(seen: World, table: str, dated: Sequence[str], before: dt.datetime, end: dt.datetime) -> pd.DataFrame:
    """The rows of a table that are new or another since `before`, as they are known at `end`."""
    since = np.datetime64(max(before, dt.datetime(1970, 1, 1)), "s")
    if table == "dossiers":  # whatever was open then or has come since, or was handed over since
        lives = seen.history[(seen.history["received_at"] <= np.datetime64(end, "s")).to_numpy()]
        moved = (lives["finished_at"].isna() | (lives["finished_at"] > since) | (lives["returned_at"] > since)).to_numpy()
        return seen.dossiers[moved].reset_index(drop=True)
    frame = seen.table(table)
    if table == "monthly_reports":
        chosen = (frame["year"] == end.year) & (frame["month"] == end.month)
    else:
        chosen = np.logical_or.reduce([(frame[name] > since).to_numpy() for name in dated])
    return frame[np.asarray(chosen)].reset_index(drop=True)
