"""The export files of a world: the demonstration set with seeded faults and its truth, a night's exports, a plain CSV."""

from __future__ import annotations

import calendar as months
import datetime as dt
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from synthetic import layouts, truth
from synthetic.exports import Export, stamp, write_export
from synthetic.faults import Seeded, seed_dossier_faults, seed_survey_faults
from synthetic.layouts import Quirks
from synthetic.world import World

# month of receipt → format and quirks of the district's one-stop file
_ONE_STOP: dict[int, tuple[str, Quirks]] = {
    1: ("xlsx", Quirks(dates="cells")),
    2: ("html", Quirks(header="nfd", unit="nfd", sections=True)),
    3: ("xlsx", Quirks(unit="name")),
    4: ("csv_semicolon", Quirks(titles=False, number=False, comma=True)),
    5: ("xls", Quirks(unit="upper", header="nbsp")),
    6: ("csv_utf16", Quirks(unit="nbsp", titles=False)),
    7: ("html", Quirks(header="eth", unit="eth", synonym=1)),
    8: ("csv_1258", Quirks(titles=False, dates="mixed")),
    9: ("ods", Quirks(unit="code", shuffle=True)),
    10: ("csv", Quirks(dates="mixed")),
    11: ("html", Quirks(total=True, sections=True)),
    12: ("csv", Quirks(synonym=1, number=False)),
}
_FAULTS: dict[int, dict[str, int]] = {
    1: {"repeat": 2, "conflict": 1},
    2: {"finished_first": 2, "unknown_unit": 1},
    4: {"future": 2, "unreadable": 1, "no_code": 1},
    5: {"conflict": 1, "channel": 1},
    7: {"finished_first": 1, "no_end": 1, "repeat": 1},
    8: {"unreadable": 2, "no_code": 1},
    9: {"unknown_unit": 2, "repeat": 1},
    11: {"future": 1, "channel": 1, "conflict": 1},
}
_PORTAL_FAULTS: dict[int, dict[str, int]] = {
    1: {"repeat": 2},
    2: {"finished_first": 1, "unreadable": 1},
    4: {"conflict": 1},
}
_PORTAL = (
    Quirks(sections=True),
    Quirks(header="nfd"),
    Quirks(sections=True, unit="eth"),
    Quirks(unit="name", total=True),
)
_SURVEY = (
    ("csv", Quirks(titles=False)),
    ("csv_utf16", Quirks(titles=False, unit="name")),
    ("xlsx", Quirks(answers="text")),
    ("ods", Quirks(unit="upper")),
)


@dataclass(frozen=True)
class ExportSet:
    """Files of one delivery. `folder` holds the exports only; `truth` is what a correct reader must find in them."""

    folder: Path
    exports: list[Export]
    truth: dict[str, Any]
    truth_path: Path | None = None

    @property
    def paths(self) -> list[Path]:
        """The export files, oldest first."""
        return [self.folder / export.path for export in self.exports]


class _Delivery:
    """Collects the files of one delivery and the facts that their seeded faults hide."""

    def __init__(self, world: World, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.world, self.folder = world, folder
        self.exports: list[Export] = []
        self.lost: set[str] = set()
        self.lost_forms: set[str] = set()
        self.mismatches: list[dict[str, Any]] = []

    def write(self, stem: str, name: str, frame: pd.DataFrame, form: str, **options: Any) -> Export:
        """Write one file unless there is nothing to say; see `write_export`."""
        moment = options.pop("exported_at", self.world.until)
        export = write_export(self.folder / stem, name, frame, self.world.communes, form, moment, **options)
        self.exports.append(export)
        return export

    def finish(self, truth_path: Path) -> ExportSet:
        """Count the truth, write it beside the folder, return the set with the oldest export first."""
        self.exports.sort(key=lambda export: (export.exported_at, export.path))
        counts = truth.expected_counts(self.world, sorted(self.lost), sorted(self.lost_forms))
        known: dict[str, Any] = {
            "seed": self.world.seed,
            "until": self.world.until.isoformat(),
            "timezone": "Asia/Ho_Chi_Minh",
            "files": [export.as_dict() for export in self.exports],
            "lost_dossiers": sorted(self.lost),
            "lost_forms": sorted(self.lost_forms),
            "report_mismatches": self.mismatches,
            "counts": counts.to_dict("records"),
        }
        truth_path.write_text(json.dumps(known, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        return ExportSet(self.folder, self.exports, known, truth_path)


def write_demo(world: World, out: Path) -> ExportSet:
    """Write every year's files to `out/exports`, with seeded faults, and `out/truth.json` beside it.

    All exports are drawn at `world.until`, except one early export of March, which a corrected one supersedes, so
    the final state does not depend on the order of the other files.
    """
    delivery = _Delivery(world, out / "exports")
    for year in world.years:
        _portal(delivery, year)
        _one_stop(delivery, year)
        _reports(delivery, year)
        _surveys(delivery, year)
        _yearly(delivery, year)
    _unusable(delivery)
    delivery.write("danh-muc-thu-tuc", "procedures", world.procedures, "csv", quirks=Quirks(titles=False))
    results = world.table("published_results")
    delivery.write("ket-qua-da-cong-bo", "published_results", results, "xlsx", quirks=Quirks(comma=True))
    return delivery.finish(out / "truth.json")


def _within(frame: pd.DataFrame, column: str, first: dt.date, last: dt.date) -> pd.DataFrame:
    """Rows whose date lies between two days, both included."""
    stamps = frame[column].to_numpy()
    low, high = np.datetime64(first, "s"), np.datetime64(last + dt.timedelta(days=1), "s")
    return frame[(stamps >= low) & (stamps < high)].reset_index(drop=True)


def _month(year: int, month: int) -> tuple[dt.date, dt.date]:
    """First and last day of a month."""
    return dt.date(year, month, 1), dt.date(year, month, months.monthrange(year, month)[1])


def _spoiled(
    delivery: _Delivery,
    name: str,
    frame: pd.DataFrame,
    plan: dict[str, int],
    quirks: Quirks,
    tag: int,
    *,
    lose: bool,
) -> tuple[dict[str, list[Any]], Seeded]:
    """The cells of a dossier list with its seeded faults."""
    cells = layouts.columns_of(name, frame, delivery.world.communes, quirks)
    rng = np.random.default_rng(np.random.SeedSequence([delivery.world.seed, tag, lose]))
    seeded = seed_dossier_faults(cells, frame, plan, quirks, rng, lose=lose)
    delivery.lost |= seeded.lost
    return cells, seeded


def _portal(delivery: _Delivery, year: int) -> None:
    """One district-wide portal file per quarter: the dossiers filed online, as HTML called .xls."""
    dossiers = delivery.world.dossiers
    online = dossiers[(dossiers["channel"] == "online").to_numpy()]
    for quarter in range(1, 5):
        span = _month(year, 3 * quarter - 2)[0], _month(year, 3 * quarter)[1]
        frame = _within(online, "received_at", *span)
        if frame.empty:
            continue
        quirks, plan = _PORTAL[quarter - 1], _PORTAL_FAULTS.get(quarter, {})
        plan = plan if len(frame) > 100 else {}
        cells, seeded = _spoiled(delivery, "portal", frame, plan, quirks, year * 100 + quarter, lose=False)
        heading = "DANH SÁCH HỒ SƠ NỘP QUA CỔNG DỊCH VỤ CÔNG"
        stem = f"{year}-Q{quarter}_DanhSachHoSo_CongDVC"
        delivery.write(
            stem,
            "portal",
            frame,
            "html",
            quirks=quirks,
            heading=heading,
            span=span,
            cells=cells,
            seeded=seeded,
        )


def _one_stop(delivery: _Delivery, year: int) -> None:
    """One district-wide one-stop file per month of receipt; an early export of March is corrected by a later one."""
    world = delivery.world
    for month, (form, quirks) in _ONE_STOP.items():
        span = _month(year, month)
        frame = _within(world.dossiers, "received_at", *span)
        if frame.empty:
            continue
        stem = f"{year}-{month:02d}_HoSoMotCua"
        heading = f"DANH SÁCH HỒ SƠ TIẾP NHẬN THÁNG {month:02d}/{year}"
        early = None
        moment = dt.datetime.combine(span[1] + dt.timedelta(days=3), dt.time(7, 30))
        if month == 3 and moment < world.until:
            first = _within(world.at(moment).dossiers, "received_at", *span)
            wrong = first.index[first["due_at"].notna()][:15]  # typed two days early: they look late
            first.loc[wrong, "due_at"] = first.loc[wrong, "due_at"] - pd.Timedelta(days=2)
            early = delivery.write(stem, "one_stop", first, form, quirks=quirks, heading=heading, span=span, exported_at=moment)
            stem += "_dinh-chinh"
        plan = _FAULTS.get(month, {}) if len(frame) > 100 else {}
        cells, seeded = _spoiled(delivery, "one_stop", frame, plan, quirks, year * 100 + month, lose=True)
        export = delivery.write(
            stem,
            "one_stop",
            frame,
            form,
            quirks=quirks,
            heading=heading,
            span=span,
            cells=cells,
            seeded=seeded,
        )
        export.supersedes = early.path if early is not None else None


def _reports(delivery: _Delivery, year: int) -> None:
    """Twelve monthly reports of all communes; in April and September one commune's form disagrees with its dossiers."""
    reports = delivery.world.table("monthly_reports")
    forms = ("xlsx", "html", "xlsx", "xls")
    for month in range(1, 13):
        frame = reports[((reports["year"] == year) & (reports["month"] == month)).to_numpy()].reset_index(drop=True)
        if frame.empty:
            continue
        if month in (4, 9):
            place = frame.index[(month * 3) % len(frame)]
            for column in ("received_direct_postal", "received_total"):
                wrong = int(frame.loc[place, column]) + 7
                mismatch = {
                    "commune": frame.loc[place, "unit_code"],
                    "year": year,
                    "month": month,
                    "column": column,
                }
                delivery.mismatches.append(mismatch | {"reported": wrong, "actual": wrong - 7})
                frame.loc[place, column] = wrong
        quirks = Quirks(unit="eth" if month == 6 else "name", header="nfd" if month == 7 else "plain")
        heading = "TÌNH HÌNH, KẾT QUẢ GIẢI QUYẾT THỦ TỤC HÀNH CHÍNH"
        stem = f"{year}-{month:02d}_BaoCao_II06a"
        form = forms[month % 4]
        delivery.write(stem, "monthly_report", frame, form, quirks=quirks, heading=heading, span=_month(year, month))


def _surveys(delivery: _Delivery, year: int) -> None:
    """Survey forms per quarter, each in a format of its own."""
    forms = delivery.world.table("survey_forms")
    for quarter, (form, quirks) in enumerate(_SURVEY, start=1):
        frame = _within(forms, "answered_on", _month(year, 3 * quarter - 2)[0], _month(year, 3 * quarter)[1])
        if frame.empty:
            continue
        cells, seeded = layouts.columns_of("survey", frame, delivery.world.communes, quirks), Seeded()
        if quarter == 2 and len(frame) > 20:
            rng = np.random.default_rng(np.random.SeedSequence([delivery.world.seed, year, 99]))
            seeded = seed_survey_faults(cells, frame, quirks, rng)
            delivery.lost_forms |= seeded.lost
        stem = f"{year}-Q{quarter}_PhieuKhaoSat"
        delivery.write(stem, "survey", frame, form, quirks=quirks, cells=cells, seeded=seeded)


def _yearly(delivery: _Delivery, year: int) -> None:
    """The registers kept by year: reviews by half-year, tasks, initiatives, declarations."""
    world = delivery.world
    reviews = world.table("officer_reviews")
    for half in (1, 2):
        frame = _within(reviews, "month", dt.date(year, 6 * half - 5, 1), dt.date(year, 6 * half, 28))
        if len(frame):
            delivery.write(f"{year}-{half}_DanhGiaCBCC", "officer_review", frame, "xlsx")
    tasks = world.table("tasks")
    tasks = tasks[(tasks["assigned_on"].dt.year == year).to_numpy()]
    ideas = world.table("initiatives")
    ideas = ideas[(ideas["submitted_on"].dt.year == year).to_numpy()]
    declared = world.table("declarations")
    declared = declared[(declared["year"] == year).to_numpy()]
    for stem, name, frame, form, quirks in (
        ("NhiemVu", "tasks", tasks, "xlsx", Quirks(dates="cells")),
        ("SangKien", "initiatives", ideas, "ods", Quirks(unit="name")),
        ("TuDanhGia", "declarations", declared, "xlsx", Quirks(comma=True)),
    ):
        if len(frame):
            delivery.write(f"{year}_{stem}", name, frame.reset_index(drop=True), form, quirks=quirks)


def _unusable(delivery: _Delivery) -> None:
    """A workbook cut off in the middle of a copy: nothing in it can be used."""
    year = delivery.world.years[-1]
    whole = write_export(
        delivery.folder / f"{year}_HoSoMotCua_chep-loi", "procedures", delivery.world.procedures, (), "xlsx",
        delivery.world.until,
    )  # fmt: skip
    path = delivery.folder / whole.path
    path.write_bytes(path.read_bytes()[:3000])
    stamp(path, delivery.world.until)
    whole.usable, whole.contract, whole.rows_read, whole.rows_accepted = False, "", 0, 0
    delivery.exports.append(whole)
