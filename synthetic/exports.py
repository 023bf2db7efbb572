"""One export file: cells laid out under titles and headers, written in a format, and described beside it."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from synthetic import layouts
from synthetic.faults import Seeded
from synthetic.layouts import UNIT, Quirks, contracts, dress, header, shown
from synthetic.profiles import Commune
from synthetic.sheets import FORMATS, Cell, Sheet

OFFICE = "UBND HUYỆN VẠN NINH"
_ROMAN = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII", "XIII", "XIV", "XV")


@dataclass
class Export:
    """What is true about one written file. `quarantine` rows are 1-based rows of the sheet or lines of the file."""

    path: str
    contract: str
    format: str
    exported_at: str
    usable: bool = True
    rows_read: int = 0
    rows_accepted: int = 0
    rows_quarantined: int = 0
    repeats: int = 0
    quarantine: list[dict[str, Any]] = field(default_factory=list)
    supersedes: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self)


def write_export(
    path: Path,
    name: str,
    frame: pd.DataFrame,
    communes: Sequence[Commune],
    form: str,
    exported_at: dt.datetime,
    quirks: Quirks | None = None,
    heading: str = "",
    span: tuple[dt.date, dt.date] | None = None,
    cells: dict[str, list[Cell]] | None = None,
    seeded: Seeded | None = None,
) -> Export:
    """Write a frame in the shape of a contract. `path` gets the ending of the format; its time is `exported_at`.

    `cells` and `seeded` carry faults made beforehand; otherwise the cells are those of the frame.
    """
    quirks, seeded = quirks or Quirks(), seeded or Seeded()
    if cells is None:
        cells = layouts.columns_of(name, frame, communes, quirks)
    if name == "monthly_report":
        sheet, places = _monthly_sheet(cells, quirks, heading, span)
    else:
        sheet, places = _flat_sheet(name, cells, quirks, heading, span)
    ending, write = FORMATS[form]
    path = path.with_name(path.name + ending)
    write(sheet, path)
    stamp(path, exported_at)
    export = Export(path.name, name, form, exported_at.isoformat())
    export.rows_read = len(places)
    export.rows_quarantined = len(seeded.flaws)
    export.rows_accepted = export.rows_read - export.rows_quarantined
    export.repeats = seeded.repeats
    for flaw in sorted(seeded.flaws, key=lambda flaw: flaw.place):
        text = header(name, flaw.column, quirks.synonym)  # as a reader says it, without the mess
        row = {"row": places[flaw.place], "rule": flaw.rule, "column": text, "canonical": flaw.column}
        export.quarantine.append(row)
    return export


def stamp(path: Path, moment: dt.datetime) -> None:
    """Give a file the (local, UTC+7) time at which it was exported."""
    seconds = moment.replace(tzinfo=dt.timezone(dt.timedelta(hours=7))).timestamp()
    os.utime(path, (seconds, seconds))


def _flat_sheet(
    name: str,
    cells: dict[str, list[Cell]],
    quirks: Quirks,
    heading: str,
    span: tuple[dt.date, dt.date] | None,
) -> tuple[Sheet, list[int]]:
    """A sheet with one header row, and the row number of every data row."""
    columns = shown(name)
    if quirks.shuffle:
        columns = [*columns[:2], *reversed(columns[2:])]
    sheet = Sheet(name="DanhSach")
    width = len(columns) + quirks.number
    if quirks.titles:
        layouts.titles(sheet, heading or contracts()[name].label.upper(), width, span, OFFICE)
    heads: list[Cell] = [dress(header(name, column, quirks.synonym), quirks.header) for column in columns]
    bodies = [cells[column] for column in columns]
    count = len(bodies[0])
    if quirks.shuffle:  # a column nobody knows, and one that is there twice
        heads += ["Mã tra cứu nội bộ", heads[2]]
        bodies += [[f"N{place:05d}" for place in range(count)], bodies[2]]
    if quirks.number:
        heads, bodies = ["STT", *heads], [[str(place) for place in range(1, count + 1)], *bodies]
    sheet.add(*heads)
    rows: list[list[Cell]] = [list(row) for row in zip(*bodies, strict=True)]
    places = _add_rows(sheet, rows, cells[UNIT] if quirks.sections else None)
    if quirks.total:
        sheet.add("Tổng cộng", f"{count} dòng")
    if quirks.footer and quirks.titles:
        sheet.add(None)
        sheet.add(*[None] * (width - 3), "Người lập biểu")
        sheet.add(*[None] * (width - 3), "(Ký, ghi rõ họ tên)")
    return sheet, places


def _add_rows(sheet: Sheet, rows: list[list[Cell]], groups: list[Cell] | None) -> list[int]:
    """Append data rows, with a section row wherever the group changes; return their row numbers."""
    if groups is None:
        first = len(sheet.rows) + 1
        sheet.rows += rows
        return list(range(first, first + len(rows)))
    places, last, number = [], None, 0
    for row, group in zip(rows, groups, strict=True):
        if group != last:
            sheet.add(_ROMAN[number % len(_ROMAN)], group)
            last, number = group, number + 1
        places.append(sheet.add(*row))
    return places


def _monthly_sheet(
    cells: dict[str, list[Cell]], quirks: Quirks, heading: str, span: tuple[dt.date, dt.date] | None
) -> tuple[Sheet, list[int]]:
    """Biểu II.06a: two title rows, a period, a three-row merged header, section, total and footer rows."""
    columns = shown("monthly_report")
    sheet = Sheet(name="II.06a")
    sheet.add("Biểu số II.06a/VPCP/KSTT", *[None] * 6, OFFICE)
    sheet.add(heading)
    if span is not None:
        sheet.add(f"Từ ngày {span[0]:%d/%m/%Y} đến ngày {span[1]:%d/%m/%Y}")
    top = len(sheet.rows)
    paths = [[part.strip() for part in header("monthly_report", column).split(">")] for column in columns]
    paths = [["STT"], *paths, ["Tỷ lệ đúng hạn"]]
    deep = [path + [path[-1]] * (3 - len(path)) for path in paths]
    for level in range(3):
        sheet.add(*[dress(path[level], quirks.header) for path in deep])
    sheet.merges += _merges(deep, top)
    counts = {column: [_count(value) for value in cells[column]] for column in columns[1:]}
    rows: list[list[Cell]] = []
    for place, (total, late) in enumerate(zip(counts["resolved_total"], counts["resolved_overdue"], strict=True)):
        percent = f"{100 * (total - late) / total:.2f}%".replace(".", ",") if total else ""
        rows.append([str(place + 1), *(cells[column][place] for column in columns), percent])
    sheet.add("II", "Cấp xã")
    places = _add_rows(sheet, rows, None)
    sheet.add(None, "Tổng cộng", *[sum(values) for values in counts.values()], None)
    sheet.add(None)
    sheet.add(None, "Người báo cáo", *[None] * 7, "Người tổng hợp")
    return sheet, places


def _count(cell: Cell) -> int:
    """A count cell as a number; an empty one is 0."""
    return cell if isinstance(cell, int) else 0


def _merges(deep: list[list[str]], top: int) -> list[tuple[int, int, int, int]]:
    """Merged areas of a header given as paths: equal neighbours across, repeated last parts downwards."""
    merges = []
    for column, path in enumerate(deep):
        depth = len(dict.fromkeys(path))
        if depth < 3:
            merges.append((top + depth - 1, column, top + 2, column))
    for level in range(2):
        column = 0
        while column < len(deep):
            last = column
            while last + 1 < len(deep) and deep[last + 1][: level + 1] == deep[column][: level + 1]:
                last += 1
            if last > column:
                merges.append((top + level, column, top + level, last))
            column = last + 1
    return merges
