"""The written files: reproducible, readable by readers that are not ours, and described truly."""

from __future__ import annotations

import csv
import datetime as dt
import hashlib
import io
import json
import unicodedata
import zipfile
from pathlib import Path

import pyarrow.csv as pa_csv
import pytest
from lxml import html
from python_calamine import CalamineWorkbook

from sources.tabular.text import fold
from sources.units import UnitRegister
from synthetic.__main__ import main
from synthetic.exports import Export
from synthetic.faults import NOWHERE
from synthetic.layouts import CHANNEL_TEXT, STATE_TEXT, YES_NO, contracts, header, shown, unit_text
from synthetic.nights import replay_exports, write_plain_csv
from synthetic.sheets import vietnamese_1258
from synthetic.world import World, generate_province
from synthetic.writers import ExportSet, write_demo

pytestmark = pytest.mark.slow  # a whole file of seconds: left to `make test`


def _grid(path: Path, export: Export) -> list[list[str]]:
    """All cells as text, by a reader that shares nothing with the writers."""
    if export.format == "html":
        rows = html.fromstring(path.read_bytes()).findall(".//tr")
        return [[cell.text or "" for cell in row.findall("td")] for row in rows]
    if export.format.startswith("csv"):
        raw = path.read_bytes()
        encoding = {"csv_utf16": "utf-16", "csv_1258": "cp1258"}.get(export.format, "utf-8-sig")
        text = unicodedata.normalize("NFC", raw.decode(encoding))
        delimiter = {"csv_utf16": "\t", "csv_semicolon": ";"}.get(export.format, ",")
        return list(csv.reader(io.StringIO(text), delimiter=delimiter))
    page = CalamineWorkbook.from_path(path).get_sheet_by_index(0)
    return [["" if cell is None else str(cell) for cell in row] for row in page.to_python(skip_empty_area=False)]


def _plain(text: str) -> str:
    mended = unicodedata.normalize("NFC", text).replace("\u00d0", "Đ").replace("\u00f0", "đ").replace("\u00a0", " ")
    return mended.strip()


def _digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def test_byte_for_byte(world: World, demo: ExportSet, tmp_path: Path) -> None:
    again = write_demo(world, tmp_path)
    assert _digests(again.folder) == _digests(demo.folder)
    assert again.truth_path is not None and demo.truth_path is not None
    assert again.truth_path.read_bytes() == demo.truth_path.read_bytes()


def test_the_set(demo: ExportSet) -> None:
    assert 35 <= len(demo.paths) <= 45
    assert {path.name for path in demo.folder.iterdir()} == {export.path for export in demo.exports}
    formats = {export.format for export in demo.exports}
    assert formats == {"html", "xls", "xlsx", "ods", "csv", "csv_semicolon", "csv_utf16", "csv_1258"}
    assert {export.contract for export in demo.exports} - {""} == set(contracts())
    assert sum(not export.usable for export in demo.exports) == 1
    assert sum(export.supersedes is not None for export in demo.exports) == 1
    rules = {row["rule"] for export in demo.exports for row in export.quarantine}
    assert rules == {
        "not_before", "not_after_received", "unknown_unit", "unique", "unreadable", "missing", "not_in_codes", "not_null_if",
    }  # fmt: skip
    assert sum(export.repeats for export in demo.exports) >= 5
    assert demo.truth_path is not None
    assert json.loads(demo.truth_path.read_text(encoding="utf-8")) == demo.truth


def test_every_file_reads_as_described(world: World, demo: ExportSet) -> None:
    labels = [commune.label.removeprefix("UBND ").lower() for commune in world.communes]
    for path, export in zip(demo.paths, demo.exports, strict=True):
        if not export.usable:
            with pytest.raises(zipfile.BadZipFile):
                zipfile.ZipFile(path)
            continue
        grid = _grid(path, export)
        if export.contract == "monthly_report":
            units = [_plain(row[1]).lower().removeprefix("ubnd ") for row in grid if len(row) > 12]
            assert [text for text in units if text.startswith(("xã ", "thị trấn "))] == labels, path.name
            continue
        known = {h for h in contracts()[export.contract].headers(shown(export.contract)[0])}
        heads = [place for place, row in enumerate(grid) if known & {_plain(cell) for cell in row}]
        top = heads[0]
        names = [_plain(cell) for cell in grid[top]]
        for column in shown(export.contract):
            assert set(names) & set(contracts()[export.contract].headers(column)), (path.name, column)
        full = [row for row in grid[top + 1 :] if sum(cell != "" for cell in row) > 4 or len(names) <= 5]
        assert len(full) == export.rows_read, path.name
        assert export.rows_read == export.rows_accepted + export.rows_quarantined
        for flaw in export.quarantine:
            _check_flaw(grid[flaw["row"] - 1], names, flaw)


def _check_flaw(row: list[str], names: list[str], flaw: dict[str, str]) -> None:
    value = row[names.index(_plain(flaw["column"]))]
    if flaw["rule"] == "missing" or flaw["rule"] == "not_null_if":
        assert value == ""
    elif flaw["rule"] == "unknown_unit":
        assert "Không Có Thật" in value
    elif flaw["rule"] == "unreadable":
        assert value.startswith("31/02/")
    elif flaw["rule"] == "not_in_codes":
        assert value in ("Fax", "Tạm được", "9")
    else:
        assert value != ""


def test_monthly_report_header_has_three_rows(demo: ExportSet) -> None:
    export = next(e for e in demo.exports if e.contract == "monthly_report" and e.format == "html")
    rows = html.fromstring((demo.folder / export.path).read_bytes()).findall(".//tr")
    heads = [[(c.text, c.get("rowspan"), c.get("colspan")) for c in row.findall("td")] for row in rows[3:6]]
    first = header("monthly_report", "received_total").split(">")[0].strip()
    assert heads[0][1][1:] == ("3", "1") and heads[0][2] == (first, "1", "4")
    assert [cell[0] for cell in heads[2]] == ["Trực tuyến", "Trực tiếp, BCCI"]
    texts = ["".join(cell.text or "" for cell in row) for row in rows]
    assert any("Tổng cộng" in text for text in texts) and any("%" in text for text in texts)


def test_file_times_say_when_it_was_exported(demo: ExportSet) -> None:
    for path, export in zip(demo.paths, demo.exports, strict=True):
        stamp = dt.datetime.fromtimestamp(path.stat().st_mtime, dt.timezone(dt.timedelta(hours=7)))
        assert stamp.replace(tzinfo=None) == dt.datetime.fromisoformat(export.exported_at)


def test_windows_1258_round_trip() -> None:
    text = "Hồ sơ trễ hạn, Đại Lãnh, ỷ ữ ẵ ợ Ế"
    assert unicodedata.normalize("NFC", vietnamese_1258(text).decode("cp1258")) == text


def test_nights_grow(world: World, tmp_path: Path) -> None:
    first = replay_exports(world, tmp_path / "a", dt.date(2023, 3, 10))
    later = replay_exports(world, tmp_path / "b", dt.date(2023, 3, 20))
    rows = [{e.contract: e.rows_read for e in night.exports} for night in (first, later)]
    assert rows[0]["one_stop"] < rows[1]["one_stop"] and rows[0]["survey"] < rows[1]["survey"]
    assert all(export.rows_quarantined == 0 for export in later.exports)
    again = replay_exports(world, tmp_path / "c", dt.date(2023, 3, 10))
    assert _digests(first.folder) == _digests(again.folder)
    received = {row["commune"]: row["received"] for row in first.truth["counts"]}
    assert sum(received.values()) == rows[0]["one_stop"]


def test_plain_csv(tmp_path: Path) -> None:
    province = generate_province(4, 2_000, 2023, 1)
    rows = write_plain_csv(province, tmp_path / "p.csv")
    table = pa_csv.read_csv(tmp_path / "p.csv")
    assert table.num_rows == rows == len(province.dossiers) and table.num_columns == 13
    index = contracts()["one_stop"].header_index()
    assert header("one_stop", "applicant") in table.column_names and index
    received = province.dossiers["received_at"].dt.strftime("%d/%m/%Y %H:%M:%S").tolist()
    assert table[header("one_stop", "received_at")].to_pylist() == received
    unfinished = [text in (None, "") for text in table[header("one_stop", "finished_at")].to_pylist()]
    assert unfinished == province.dossiers["finished_at"].isna().tolist()


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path), "--province", "--dossiers", "1500"]) == 0
    assert "1500 dossiers of 132 communes" in capsys.readouterr().out
    assert (tmp_path / "units.yaml").exists() and (tmp_path / "one_stop.csv").exists()


@pytest.mark.parametrize("style", ["label", "upper", "name", "code", "eth", "nfd", "nbsp"])
def test_every_way_of_writing_a_commune_is_known(world: World, style: str) -> None:
    register = UnitRegister.load()
    for commune in world.communes:
        unit = register.resolve(unit_text(commune, style), dt.date(2023, 6, 1))
        assert unit is not None and unit.unit_id == commune.unit_code
    assert register.resolve(NOWHERE) is None


def test_the_words_of_the_cells_are_those_of_the_contract() -> None:
    channel = contracts()["one_stop"].columns["channel"].values or {}
    assert {channel[fold(text)] for text in CHANNEL_TEXT.values()} == {"direct", "online", "postal"}
    states = contracts()["declarations"].columns["state"].values or {}
    assert {states[fold(text)]: text for text in STATE_TEXT.values()} == STATE_TEXT
    paid = contracts()["one_stop"].columns["paid_online"].values or {}
    assert [paid[fold(text)] for text in YES_NO.values()] == [True, False]
