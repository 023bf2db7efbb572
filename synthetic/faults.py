"""Faults seeded into the cells of one export, with what a correct reader must say about each."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from synthetic.layouts import Quirks
from synthetic.sheets import Cell

Cells = dict[str, list[Cell]]
NOWHERE = "UBND xã Không Có Thật"


@dataclass(frozen=True)
class Flaw:
    """One row that must be quarantined: its place among the data rows (0-based), the rule and the canonical column."""

    place: int
    rule: str
    column: str


@dataclass
class Seeded:
    """What was seeded. `lost` are keys of facts that no accepted row of this file carries any more."""

    flaws: list[Flaw] = field(default_factory=list)
    repeats: int = 0
    lost: set[str] = field(default_factory=set)


def seed_dossier_faults(
    cells: Cells,
    frame: pd.DataFrame,
    plan: Mapping[str, int],
    quirks: Quirks,
    rng: np.random.Generator,
    *,
    lose: bool,
) -> Seeded:
    """Spoil some rows of a dossier list. With `lose` only rows that no other export carries are spoilt.

    Needs the cells in the order of `frame`. Kinds: see `_KINDS`, and `conflict`, `repeat`.
    Raises: ValueError when the file has too few suitable rows.
    """
    suitable = frame["finished_at"].notna() & frame["due_at"].notna() & (frame["status"] == "returned")
    if lose:
        suitable &= frame["channel"] != "online"
    places = rng.permutation(np.flatnonzero(suitable.to_numpy()))
    wanted = sum(plan.values())
    if wanted > len(places):
        raise ValueError(f"only {len(places)} rows for {wanted} faults")
    queue = iter(places.tolist())
    seeded = Seeded()
    for kind, count in plan.items():
        for _ in range(count):
            place = int(next(queue))
            row = {name: frame[name].iloc[place] for name in ("received_at", "due_at", "finished_at")}
            key = str(frame["dossier_code"].iloc[place])
            if kind == "repeat":
                _copy(cells, place)
                seeded.repeats += 1
                continue
            if kind == "conflict":
                _copy(cells, place)
                cells["finished_at"][-1] = _cell(row["finished_at"] + dt.timedelta(days=1), quirks)
                last = len(cells["finished_at"]) - 1
                seeded.flaws += [Flaw(place, "unique", "dossier_code"), Flaw(last, "unique", "dossier_code")]
            else:
                spoil, rule, column = _KINDS[kind]
                spoil(cells, place, row, quirks)
                seeded.flaws.append(Flaw(place, rule, column))
            if lose:
                seeded.lost.add(key)
    return seeded


def seed_survey_faults(cells: Cells, frame: pd.DataFrame, quirks: Quirks, rng: np.random.Generator) -> Seeded:
    """One form without a code, one answer off the scale, one form twice."""
    first, second, third = (int(place) for place in rng.choice(len(frame), 3, replace=False))
    cells["form_code"][first] = ""
    cells["overall"][second] = "Tạm được" if quirks.answers == "text" else 9
    _copy(cells, third)
    lost = {str(frame["form_code"].iloc[place]) for place in (first, second)}
    return Seeded([Flaw(first, "missing", "form_code"), Flaw(second, "not_in_codes", "overall")], 1, lost)


def _copy(cells: Cells, place: int) -> None:
    """Append a copy of a row."""
    for column in cells.values():
        column.append(column[place])


def _cell(moment: pd.Timestamp, quirks: Quirks) -> Cell:
    """A moment as the other dates of the file are written."""
    return moment.to_pydatetime() if quirks.dates == "cells" else moment.strftime("%d/%m/%Y %H:%M:%S")


def _put(cells: Cells, place: int, **values: Cell) -> None:
    """Set the named cells of a row; columns that the export lacks are passed over."""
    for name, value in values.items():
        if name in cells:
            cells[name][place] = value


Spoil = Callable[[Cells, int, dict[str, pd.Timestamp], Quirks], None]


def _finished_first(cells: Cells, place: int, row: dict[str, pd.Timestamp], quirks: Quirks) -> None:
    _put(cells, place, finished_at=_cell(row["received_at"] - dt.timedelta(hours=3), quirks))


def _future(cells: Cells, place: int, row: dict[str, pd.Timestamp], quirks: Quirks) -> None:
    years = pd.DateOffset(years=20)
    received, due = (_cell(row[name] + years, quirks) for name in ("received_at", "due_at"))
    _put(cells, place, received_at=received, due_at=due, internal_due_at="", finished_at="", returned_at="")
    _put(cells, place, status="Đang xử lý")


def _unknown_unit(cells: Cells, place: int, row: dict[str, pd.Timestamp], quirks: Quirks) -> None:
    _put(cells, place, unit_code=NOWHERE)


def _unreadable(cells: Cells, place: int, row: dict[str, pd.Timestamp], quirks: Quirks) -> None:
    _put(cells, place, due_at=f"31/02/{row['due_at'].year} 08:00:00")


def _no_code(cells: Cells, place: int, row: dict[str, pd.Timestamp], quirks: Quirks) -> None:
    _put(cells, place, dossier_code="")


def _channel(cells: Cells, place: int, row: dict[str, pd.Timestamp], quirks: Quirks) -> None:
    _put(cells, place, channel="Fax")


def _no_end(cells: Cells, place: int, row: dict[str, pd.Timestamp], quirks: Quirks) -> None:
    _put(cells, place, finished_at="", returned_at="")


_KINDS: dict[str, tuple[Spoil, str, str]] = {
    "finished_first": (_finished_first, "not_before", "finished_at"),
    "future": (_future, "not_after_received", "received_at"),
    "unknown_unit": (_unknown_unit, "unknown_unit", "unit_code"),
    "unreadable": (_unreadable, "unreadable", "due_at"),
    "no_code": (_no_code, "missing", "dossier_code"),
    "channel": (_channel, "not_in_codes", "channel"),
    "no_end": (_no_end, "not_null_if", "finished_at"),
}
