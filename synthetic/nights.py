"""What the systems would export on a given day, and one very large plain CSV."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from sources.canonical import DOSSIER_STATUS
from synthetic.layouts import CHANNEL_TEXT, Quirks, header
from synthetic.names import FAMILY, MIDDLE, given_names, parts
from synthetic.world import World
from synthetic.writers import ExportSet, _Delivery

_PLAIN = (
    "dossier_code", "procedure_code", "department", "unit_code", "channel", "received_at", "due_at", "finished_at",
    "returned_at", "status", "fee_amount", "paid_online", "applicant",
)  # fmt: skip
_CUMULATIVE = (
    ("survey", "survey_forms", "PhieuKhaoSat"),
    ("officer_review", "officer_reviews", "DanhGiaCBCC"),
    ("tasks", "tasks", "NhiemVu"),
    ("initiatives", "initiatives", "SangKien"),
    ("declarations", "declarations", "TuDanhGia"),
    ("published_results", "published_results", "KetQuaDaCongBo"),
    ("procedures", "procedures", "DanhMucThuTuc"),
)


def replay_exports(world: World, out: Path, day: dt.date) -> ExportSet:
    """Write to `out` what the systems export on the evening of a day: everything so far, without faults.

    File names carry the day. Monthly reports: the last whole month. `truth` counts what is known that evening.
    """
    moment = dt.datetime.combine(day, dt.time(23, 0))
    seen = world.at(moment)
    delivery = _Delivery(seen, out)
    plain = Quirks(titles=False, number=False)
    tag = day.strftime("%Y%m%d")
    dossiers = seen.dossiers
    if len(dossiers):
        delivery.write(f"{tag}_HoSoMotCua", "one_stop", dossiers, "csv", quirks=plain)
    online = dossiers[(dossiers["channel"] == "online").to_numpy()].reset_index(drop=True)
    if len(online):
        span = (dt.date(world.years[0], 1, 1), day)
        delivery.write(f"{tag}_DanhSachHoSo_CongDVC", "portal", online, "html", span=span)
    for name, table, stem in _CUMULATIVE:
        frame = seen.table(table)
        if len(frame):
            delivery.write(f"{tag}_{stem}", name, frame, "csv", quirks=plain)
    reports = seen.table("monthly_reports")
    if len(reports):
        year, month = max(zip(reports["year"], reports["month"], strict=True))
        frame = reports[((reports["year"] == year) & (reports["month"] == month)).to_numpy()].reset_index(drop=True)
        last = (pd.Timestamp(year, month, 1) + pd.offsets.MonthEnd(0)).date()
        heading = "TÌNH HÌNH, KẾT QUẢ GIẢI QUYẾT THỦ TỤC HÀNH CHÍNH"
        span = (dt.date(int(year), int(month), 1), last)
        delivery.write(f"{tag}_BaoCao_II06a", "monthly_report", frame, "html", heading=heading, span=span)
    return delivery.finish(out.with_name(out.name + "-truth.json"))


def write_plain_csv(world: World, path: Path) -> int:
    """Write all dossiers known at `until` as one clean UTF-8 CSV of 13 columns that the one-stop contract reads.

    Returns the number of rows. Nothing is quoted: no cell holds a comma. Dates are dd/MM/yyyy HH:mm:ss; one column is the (invented) applicant.
    """
    frame = world.dossiers
    columns = {header("one_stop", name): _arrow(frame, name, world) for name in _PLAIN}
    options = pa_csv.WriteOptions(batch_size=65_536, quoting_style="none")
    pa_csv.write_csv(pa.table(columns), path, options)
    return len(frame)


def _arrow(frame: pd.DataFrame, name: str, world: World) -> pa.Array:
    """One column of the plain CSV as text or numbers."""
    if name == "applicant":
        pools = (FAMILY, MIDDLE, given_names())
        words = [
            pa.array(pool, pa.large_string()).take(pa.array(place))
            for pool, place in zip(pools, parts(frame[name].to_numpy()), strict=True)
        ]
        return pc.binary_join_element_wise(*words, pa.scalar(" ", pa.large_string()))
    values = frame[name]
    if values.dtype.kind == "M":
        return _stamps(values)
    if name == "paid_online":
        return pc.if_else(pa.array(values), "Có", "Không")
    if isinstance(values.dtype, pd.CategoricalDtype):
        words_of: dict[str, str] = {
            "unit_code": {commune.unit_code: commune.label for commune in world.communes},
            "channel": CHANNEL_TEXT,
            "status": {key: texts[1] for key, texts in DOSSIER_STATUS.items()},
        }.get(name, {})
        texts = [words_of.get(text, text) for text in values.cat.categories]
        codes = values.cat.codes
        return pa.array(texts, pa.large_string()).take(pa.array(codes.where(codes >= 0).astype("Int32")))
    return pa.array(values)


def _stamps(values: pd.Series) -> pa.Array:
    """dd/MM/yyyy HH:mm:ss, built from a table of days and a table of seconds: much faster than formatting each."""
    local = values.to_numpy().astype("datetime64[s]")
    known = pd.notna(values).to_numpy()
    number = local.astype("int64")
    day, second = number // 86_400, number % 86_400
    first, last = (int(day[known].min()), int(day[known].max())) if known.any() else (0, 0)
    days = [f"{dt.date(1970, 1, 1) + dt.timedelta(days=d):%d/%m/%Y}" for d in range(first, last + 1)]
    clock = [f" {s // 3600:02d}:{s // 60 % 60:02d}:{s % 60:02d}" for s in range(86_400)]
    left = pa.array(days, pa.large_string()).take(pa.array(day - first, pa.int64(), mask=~known))
    right = pa.array(clock, pa.large_string()).take(pa.array(second, pa.int64(), mask=~known))
    return pc.binary_join_element_wise(left, right, pa.scalar("", pa.large_string()))
