"""Headers, rows that are no rows, drift, and the choice of a contract."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from tests.sources import samples as s

TITLE = [
    ["CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM"],
    ["Độc lập - Tự do - Hạnh phúc"],
    ["DANH SÁCH HỒ SƠ"],
    ["Từ ngày 01/03/2023 đến ngày 31/03/2023"],
    [],
]
FOOTER = [
    ["", "Tổng cộng: 3"], ["Tổng số hồ sơ", "", "", "3"], [], ["", "", "", "", "", "", "", "", "Đại Lãnh, ngày 01 tháng 4 năm 2023"],
    ["", "NGƯỜI LẬP BIỂU", "", "", "", "", "", "", "KT. CHỦ TỊCH"], ["", "(Ký, ghi rõ họ tên)"], ["", "Trần Văn Mẫu", "", "", "", "", "", "", "Lê Thị Mẫu"],
]  # fmt: skip


def with_ordinal(rows: list[list[str]]) -> list[list[str]]:
    return [["STT", *s.HEADER], *([str(n), *row] for n, row in enumerate(rows, 1))]


@pytest.mark.parametrize("make", [s.csv_bytes, s.xlsx_bytes, s.ods_bytes, s.html_bytes])
def test_titles_sections_totals_and_footers_are_not_rows(make: object, tmp_path: Path) -> None:
    table = with_ordinal(s.ROWS)
    numbering = [f"({n})" for n in range(1, 15)]
    lines = [
        *TITLE,
        table[0],
        numbering,
        ["I", "Cấp xã"],
        table[1],
        table[2],
        ["II", "Lĩnh vực hộ tịch"],
        table[0],
        table[3],
        *FOOTER,
    ]
    lines = [[str(cell) for cell in line] + [""] * (14 - len(line)) for line in lines]
    result = s.read(make(lines), tmp_path)  # type: ignore[operator]
    assert (result.status, result.rows_read, result.rows_ok) == ("ok", 3, 3), result.quarantine
    assert result.title == {"from": "2023-03-01", "to": "2023-03-31", "unit": None}


@pytest.mark.parametrize(
    ("position", "rule"), [(0, "missing"), (4, "missing"), (8, "missing")], ids=["no code", "no received date", "no unit"]
)
def test_incomplete_rows_are_never_dropped(position: int, rule: str, tmp_path: Path) -> None:
    row = list(s.ROWS[1])
    row[position] = ""
    result = s.read(s.csv_bytes([s.HEADER, s.ROWS[0], row, s.ROWS[2]]), tmp_path)
    assert (result.rows_read, result.rows_ok, result.rows_quarantined) == (3, 2, 1)
    assert [(entry["row"], entry["rule"], entry["column"]) for entry in result.quarantine] == [(3, rule, s.HEADER[position])]


def test_a_row_with_nothing_but_its_code_is_a_row(tmp_path: Path) -> None:
    result = s.read(s.csv_bytes([s.HEADER, s.ROWS[0], ["H32.11-230301-0009"] + [""] * 12]), tmp_path)
    assert (result.rows_read, result.rows_quarantined) == (2, 1)


def test_names_that_look_like_totals_stay(tmp_path: Path) -> None:
    """A procedure called "Tổng hợp…" or an office called "Tổng…" is data."""
    row = ["A-1", "Tổng hợp danh sách cử tri", "Cộng đồng", *s.ROWS[0][3:]]
    assert s.read(s.csv_bytes([s.HEADER, row]), tmp_path).rows_ok == 1


MONTHLY = [
    ["BÁO CÁO TÌNH HÌNH TIẾP NHẬN, GIẢI QUYẾT THỦ TỤC HÀNH CHÍNH"], ["Tháng 03 năm 2023"],
    ["STT", "Đơn vị", "Số hồ sơ nhận giải quyết", "", "", "", "Đã giải quyết", "", "", "", "Đang giải quyết", "", ""],
    ["", "", "Tổng số", "Trong kỳ", "", "Từ kỳ trước", "Tổng", "Trước hạn", "Đúng hạn", "Quá hạn", "Tổng", "Trong hạn", "Quá hạn"],
    ["", "", "", "Trực tuyến", "Trực tiếp, BCCI", "", "", "", "", "", "", "", ""],
    ["I", "Cấp xã", "250", "", "", "", "", "", "", "", "", "", ""],
    ["1", "Xã Đại Lãnh", "120", "60", "50", "10", "100", "40", "55", "5", "20", "18", "2"],
    ["2", "Thị trấn Vạn Giã", "1.130", "70", "1.050", "10", "110", "40", "70", "0", "1.020", "1.020", "0"],
    ["", "Tổng cộng", "1.250", "130", "1.100", "20", "210", "80", "125", "5", "1.040", "1.038", "2"],
    ["", "Người tổng hợp"], ["", "Trần Văn Mẫu"],
]  # fmt: skip


@pytest.mark.parametrize("merged", [True, False])
def test_monthly_report_with_three_header_rows(merged: bool, tmp_path: Path) -> None:
    lines = [line + [""] * (13 - len(line)) for line in MONTHLY]
    if merged:
        areas = [
            (2, 0, 4, 0, "STT"), (2, 1, 4, 1, "Đơn vị"), (2, 2, 2, 5, "Số hồ sơ nhận giải quyết"), (3, 2, 4, 2, "Tổng số"), (3, 3, 3, 4, "Trong kỳ"),
            (3, 5, 4, 5, "Từ kỳ trước"), (2, 6, 2, 9, "Đã giải quyết"), (2, 10, 2, 12, "Đang giải quyết"),
            *((3, c, 4, c, lines[3][c]) for c in range(6, 13)),
        ]  # fmt: skip
        blank = [[("" if 2 <= r <= 4 else cell) for cell in line] for r, line in enumerate(lines)]
        blank[4][3], blank[4][4] = "Trực tuyến", "Trực tiếp, BCCI"
        data = s.xlsx_bytes(blank, merged=areas)
    else:
        data = s.csv_bytes(lines)
    result = s.read(data, tmp_path, received_at=dt.datetime(2023, 4, 2, tzinfo=dt.UTC))
    assert (result.status, result.contract, result.rows_read, result.rows_ok) == ("ok", "monthly_report", 2, 2), result
    rows = s.frame(tmp_path)
    assert list(rows["unit_code"]) == ["22492", "22489"]
    assert list(rows["received_total"]) == [120, 1130] and list(rows["received_direct_postal"]) == [50, 1050]
    assert list(rows["resolved_overdue"]) == [5, 0] and list(rows["open_overdue"]) == [2, 0]
    assert set(rows["year"]) == {2023} and set(rows["month"]) == {3}
    assert not any(check["failed"] for check in result.checks)


@pytest.mark.parametrize("name", [name for name in s.BY_NAME if name != "monthly_report"])
def test_each_contract_recognises_its_own_header(name: str, tmp_path: Path) -> None:
    contract = s.BY_NAME[name]
    names = [c.headers[0] for c in contract.columns.values() if c.headers]
    if contract.unit_headers:
        names.append(contract.unit_headers[0])
    result = s.read(s.csv_bytes([names, [""] * len(names)]), tmp_path)
    assert (result.status, result.contract, result.rows_read) == ("ok", name, 0), result.message


REQUIRED = [
    (name, column.name)
    for name, c in s.BY_NAME.items()
    for column in c.columns.values()
    if column.required and not column.from_title
]


@pytest.mark.parametrize(("name", "column"), REQUIRED)
def test_missing_required_column_is_named(name: str, column: str, tmp_path: Path) -> None:
    contract = s.BY_NAME[name]
    names = [c.headers[0] for c in contract.columns.values() if c.headers and c.name != column]
    result = s.read(s.csv_bytes([[*names, *contract.unit_headers[:1]]]), tmp_path, contracts=[contract])
    assert (result.status, result.reason) == ("rejected", "missing_column")
    assert f"«{contract.columns[column].headers[0]}»" in (result.message or "") and "Dòng 1" in (result.message or "")


def test_drift_is_reported(tmp_path: Path) -> None:
    table = [s.HEADER, *s.ROWS]
    moved = [[*row[5:6], *row[:5], *row[6:11], "thêm" if row is not s.HEADER else "Cột lạ", *row[12:], row[5]] for row in table]
    result = s.read(s.csv_bytes(moved), tmp_path)
    assert result.status == "ok"
    assert result.drift["extra"] == ["Cột lạ", "Ngày hẹn trả"]
    assert "Cán bộ xử lý hiện tại" in result.drift["missing"]
    assert "Ngày hẹn trả" in result.drift["reordered"]
    assert result.drift["duplicate"] == ["Ngày hẹn trả"]
    assert next(iter(s.frame(tmp_path)["due_at"])) is not None


def test_internal_deadline_is_not_the_due_date(tmp_path: Path) -> None:
    s.read(s.csv_bytes(), tmp_path)
    rows = s.frame(tmp_path)
    assert rows["internal_due_at"][0] < rows["due_at"][0] and rows["internal_due_at"][1] is None


@pytest.mark.parametrize("header", ["SỐ HỒ SƠ (*)", "  số  hồ sơ ", "Số hồ\nsơ", "Số hồ sơ:", "Số hồ sơ (1)", "Số hồ sơ\u200b"])
def test_header_spelling_does_not_matter(header: str, tmp_path: Path) -> None:
    result = s.read(s.csv_bytes([[header, *s.HEADER[1:]], *s.ROWS]), tmp_path)
    assert (result.contract, result.rows_ok) == ("one_stop", 3)


def test_unknown_layout_points_to_sniff(tmp_path: Path) -> None:
    result = s.read(s.csv_bytes([["Một", "Hai", "Ba"], ["1", "2", "3"]]), tmp_path)
    assert result.reason == "unknown_layout" and "sniff" in (result.message or "")


def test_unit_from_title_option_and_override(tmp_path: Path) -> None:
    lines = [["UBND XÃ ĐẠI LÃNH"], [h for h in s.HEADER if h != "Cơ quan/đơn vị"], *([*row[:8], *row[9:]] for row in s.ROWS)]
    assert s.read(s.csv_bytes(lines), tmp_path).title["unit"] == "22492"
    assert set(s.frame(tmp_path)["unit_code"]) == {"22492"}
    result = s.read(s.csv_bytes(lines[1:]), tmp_path)
    assert (result.reason, "--unit" in (result.message or "")) == ("unknown_unit", True)
    s.read(s.csv_bytes(), tmp_path, unit="22495")
    assert set(s.frame(tmp_path)["unit_code"]) == {"22495"}
    assert s.read(s.csv_bytes(), tmp_path, unit="99999").reason == "unknown_unit"


def test_unit_follows_the_day(tmp_path: Path) -> None:
    """Code 22504 is Vạn Thọ until 30/6/2025 and the new Đại Lãnh from 1/7/2025; so is the name Đại Lãnh."""
    header = ["Số hồ sơ", "Ngày tiếp nhận", "Ngày hẹn trả", "Cơ quan/đơn vị"]
    rows = [
        ["A-1", "30/06/2025", "", "22504"],
        ["A-2", "01/07/2025", "", "22504"],
        ["A-3", "30/06/2025", "", "Xã Đại Lãnh"],
        ["A-4", "01/07/2025", "", "Xã Đại Lãnh"],
    ]
    s.read(s.csv_bytes([header, *rows]), tmp_path, received_at=dt.datetime(2025, 8, 1, tzinfo=dt.UTC))
    assert list(s.frame(tmp_path)["unit_code"]) == ["22504", "22504-2025", "22492", "22504-2025"]


def test_short_rows_are_read_but_a_cut_last_line_is_not(tmp_path: Path) -> None:
    """Spreadsheets drop trailing empty cells; a file that ends in the middle of a line lost something."""
    text = s.csv_text([s.HEADER, *s.ROWS])
    short = text.replace(",Trần Mẫu,Đang xử lý", "")
    assert s.read(short.encode(), tmp_path).rows_ok == 3
    result = s.read(text.rstrip()[:-30].encode(), tmp_path)
    assert (result.rows_read, result.rows_ok, result.quarantine[0]["rule"]) == (3, 2, "unreadable")
