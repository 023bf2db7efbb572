"""The same rows read the same, whatever file they arrive in."""

from __future__ import annotations

import datetime as dt
import unicodedata
from pathlib import Path

import pytest

from sources.tabular.legacy import _TCVN3
from tests.sources import samples as s

BACK = {value: key for key, value in _TCVN3.items()}


def tcvn3(text: str) -> str:
    """Return text in TCVN3; capitals with an accent only exist in the capital fonts, so they become small letters."""
    return "".join(BACK.get(ch, BACK.get(ch.lower(), ch)) for ch in text)


def vni(text: str) -> str:
    """Return text in VNI."""
    from sources.tabular.legacy import _VNI

    back = {value: key for key, value in _VNI.items()}
    return "".join(back.get(ch, ch) for ch in text)


def cp1258(text: str) -> bytes:
    """Return text in Windows-1258, which writes the five tones as combining marks."""
    out = []
    for ch in text:
        for mark in "\u0300\u0301\u0303\u0309\u0323":
            decomposed = unicodedata.normalize("NFD", ch)
            if mark in decomposed:
                out.append(unicodedata.normalize("NFC", decomposed.replace(mark, "")) + mark)
                break
        else:
            out.append(ch)
    return "".join(out).encode("cp1258")


TEXT = s.csv_text([s.HEADER, *s.ROWS])
FILES = {
    "csv utf-8": s.csv_bytes(),
    "csv utf-8 bom": s.csv_bytes(encoding="utf-8-sig"),
    "csv utf-16": s.csv_bytes(encoding="utf-16"),
    "csv utf-16 le no bom": s.csv_bytes(encoding="utf-16-le"),
    "csv utf-16 be no bom": s.csv_bytes(encoding="utf-16-be"),
    "csv utf-32": s.csv_bytes(encoding="utf-32"),
    "csv windows-1258": cp1258(TEXT),
    "csv semicolon": s.csv_bytes(delimiter=";"),
    "csv tab": s.csv_bytes(delimiter="\t"),
    "csv bar": s.csv_bytes(delimiter="|"),
    "csv sep line": b"sep=;\r\n" + s.csv_bytes(delimiter=";"),
    "csv old mac lines": TEXT.replace("\r\n", "\r").encode(),
    "csv unix lines": TEXT.replace("\r\n", "\n").encode(),
    "csv nfd": unicodedata.normalize("NFD", TEXT).encode(),
    "csv eth": TEXT.replace("Đ", "Ð").encode(),
    "csv nbsp and zero width": TEXT.replace("UBND xã", "UBND\u00a0xã\u200b ").replace("Số hồ", "Số\u00a0 hồ").encode(),
    "csv utf-8 read as 1252": TEXT.encode().decode("cp1252", "latin1_fallback").encode(),
    "csv vni bytes": vni(TEXT).encode("cp1252"),
    "csv vni in utf-8": vni(TEXT).encode(),
    "xlsx": s.xlsx_bytes(),
    "xls": s.xls_bytes(),
    "ods": s.ods_bytes(),
    "html": s.html_bytes(),
    "html utf-16": s.html_text().encode("utf-16"),
}


@pytest.mark.parametrize("name", FILES)
def test_same_rows(name: str, tmp_path: Path) -> None:
    result = s.read(FILES[name], tmp_path, name="bao cao.xls")
    assert (result.status, result.reason, result.message) == ("ok", None, None)
    assert (result.contract, result.rows_read, result.rows_ok) == ("one_stop", 3, 3)
    rows = s.frame(tmp_path)
    assert list(rows["dossier_code"]) == [row[0] for row in s.ROWS]
    assert list(rows["procedure_name"]) == [row[1] for row in s.ROWS]
    assert list(rows["unit_code"]) == ["22492", "22492", "22504"]
    assert list(rows["status"]) == ["returned", "processing", "finished"]
    assert rows["received_at"][0] == dt.datetime(2023, 3, 1, 1, 0, tzinfo=dt.UTC)
    assert rows["finished_at"][1] is None
    assert rows["applicant_token"][0] == rows["applicant_token"][2] != rows["applicant_token"][1]
    assert len(rows["applicant_token"][0]) == 32


def test_row_hashes_agree_across_formats(tmp_path: Path) -> None:
    """The file format, the encoding and the normal form of the text do not change what a row says."""
    seen = set()
    for n, name in enumerate(FILES):
        folder = tmp_path / str(n)
        folder.mkdir()
        s.read(FILES[name], folder)
        seen.add(tuple(s.frame(folder, "marks")["_row_hash"]))
    assert len(seen) == 1


def test_tcvn3_repairs_small_letters(tmp_path: Path) -> None:
    rows = [s.HEADER, *s.ROWS]
    result = s.read("\r\n".join(",".join(map(tcvn3, row)) for row in rows).encode("cp1252", "surrogatepass"), tmp_path)
    assert (result.status, result.rows_read) == ("ok", 3), result.message
    found = s.frame(tmp_path)
    assert [text.lower() for text in found["procedure_name"]] == [row[1].lower() for row in s.ROWS]
    assert any("TCVN3" in text for text in result.warnings)


def test_row_numbers_are_lines_of_the_file(tmp_path: Path) -> None:
    """Title lines, blank lines and line breaks inside quotes do not shift the numbers."""
    lines = [
        ["DANH SÁCH HỒ SƠ"],
        [""],
        s.HEADER,
        s.ROWS[0],
        [],
        [*s.ROWS[1][:1], "Chứng thực\nbản sao", *s.ROWS[1][2:]],
        s.ROWS[2],
    ]
    assert s.read(s.csv_bytes(lines), tmp_path).header_row == 3
    assert list(s.frame(tmp_path)["_row"]) == [4, 6, 8]
    s.read(s.xlsx_bytes([["DANH SÁCH HỒ SƠ"], [], s.HEADER, s.ROWS[0], [], s.ROWS[1], s.ROWS[2]]), tmp_path)
    assert list(s.frame(tmp_path)["_row"]) == [4, 6, 7]


def test_only_visible_sheets_and_all_of_one_layout(tmp_path: Path) -> None:
    data = s.xlsx_bytes(
        sheets={
            "Ghi chú": [["Đọc trước khi dùng"]], "Trống": [], "Tháng 1": [s.HEADER, s.ROWS[0]], "Tháng 2": [["Tháng 2"], s.HEADER, s.ROWS[1]],
            "Ẩn": [s.HEADER, s.ROWS[2]],
        },
        hidden=("Ẩn",),
    )  # fmt: skip
    result = s.read(data, tmp_path)
    assert (result.rows_read, result.sheet) == (2, "Tháng 1")
    assert any("ẩn" in text for text in result.warnings)


def test_excel_dates_numbers_and_epochs(tmp_path: Path) -> None:
    """Real date cells, serials in plain number cells, and the 1904 system mean the same moment."""
    moment = dt.datetime(2023, 3, 1, 8, 0)
    serial = (moment - dt.datetime(1899, 12, 30)) / dt.timedelta(days=1)
    expected = [dt.datetime(2023, 3, 1, 1, 0, tzinfo=dt.UTC)]
    for value, epoch in ((moment, False), (serial, False), (moment, True), (serial - 1462, True)):
        s.read(s.xlsx_bytes([s.HEADER, [*s.ROWS[0][:4], value, *s.ROWS[0][5:]]], epoch_1904=epoch), tmp_path)
        assert list(s.frame(tmp_path)["received_at"]) == expected
    header = ["Số hồ sơ", "Ngày tiếp nhận", "Ngày hẹn trả", "Cơ quan/đơn vị", "Chủ hồ sơ"]
    rows = [[f"A-{n}", str(serial + n), "", "22492", "x"] for n in range(3)]
    s.read(s.csv_bytes([header, *rows]), tmp_path)
    assert s.frame(tmp_path)["received_at"][1] == dt.datetime(2023, 3, 2, 1, 0, tzinfo=dt.UTC)


def test_numeric_codes_keep_their_digits_and_warn(tmp_path: Path) -> None:
    result = s.read(s.xlsx_bytes([s.HEADER, [123456789012, *s.ROWS[0][1:]]]), tmp_path)
    assert s.frame(tmp_path)["dossier_code"][0] == "123456789012"
    assert any("số 0" in text for text in result.warnings)
