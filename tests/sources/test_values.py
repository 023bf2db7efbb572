"""R21 (dates) and R22 (text), numbers, percentages, yes/no and codes: what a cell says."""

from __future__ import annotations

import datetime as dt
import unicodedata
from pathlib import Path

import numpy as np
import pytest

from sources.tabular import dates, numbers
from sources.tabular.convert import utc_offset
from sources.tabular.legacy import from_tcvn3, from_vni
from sources.tabular.text import clean, fold, fold_header
from tests.sources import samples as s

DAYS = [
    (1900, 3, 1), (1904, 1, 1), (1970, 1, 1), (1999, 12, 31), (2000, 2, 29), (2020, 2, 29), (2022, 12, 31), (2023, 1, 1), (2023, 1, 20),
    (2023, 2, 28), (2023, 3, 1), (2023, 10, 11), (2023, 11, 10), (2024, 2, 10), (2024, 2, 29), (2024, 3, 1), (2024, 12, 31), (2025, 1, 29),
    (2025, 6, 30), (2025, 7, 1), (2026, 2, 17), (2099, 12, 31),
]  # fmt: skip
SHAPES = {
    "{d:02}/{m:02}/{y}": (0, 0, 0), "{d}/{m}/{y}": (0, 0, 0), "{d:02}-{m:02}-{y}": (0, 0, 0), "{d:02}.{m:02}.{y}": (0, 0, 0),
    "{y}-{m:02}-{d:02}": (0, 0, 0), "{y}{m:02}{d:02}": (0, 0, 0), "{d:02}/{m:02}/{y} 07:05": (7, 5, 0), "{d}/{m}/{y} 7:05:09": (7, 5, 9),
    "{d:02}/{m:02}/{y} 23:59:59": (23, 59, 59), "{y}-{m:02}-{d:02} 00:00:01": (0, 0, 1), "{y}-{m:02}-{d:02}T13:30:00": (13, 30, 0),
    "{y}-{m:02}-{d:02}T13:30:00.000": (13, 30, 0), "{y}{m:02}{d:02}133000": (13, 30, 0), "13:30 {d:02}/{m:02}/{y}": (13, 30, 0),
    "{d:02}/{m:02}/{y} 01:30:00 CH": (13, 30, 0), "{d:02}/{m:02}/{y} 12:05 SA": (0, 5, 0), "ngày {d} tháng {m} năm {y}": (0, 0, 0),
}  # fmt: skip
GOLDEN = [(shape.format(y=y, m=m, d=d), dt.datetime(y, m, d, *time)) for y, m, d in DAYS for shape, time in SHAPES.items()]
UNREADABLE = [
    "03/25/2023", "12/31/2023", "31/02/2023", "29/02/2023", "30/02/2024", "00/01/2023", "01/00/2023", "32/01/2023", "2023-13-01", "2023-02-30",
    "20230230", "01/01/0001", "01/01/1899", "01/01/2101", "01/03/2023 24:00:00", "01/03/2023 10:60", "hôm qua", "01-03/2023", "1/3", "44986,5x",
    "13:30", "#N/A", "01/03/2023 13:00 SA", "9999999999",
]  # fmt: skip


def test_r21_golden_table_is_long_enough() -> None:
    assert len(GOLDEN) >= 300


@pytest.mark.parametrize(("text", "expected"), GOLDEN)
def test_r21_golden_dates(text: str, expected: dt.datetime) -> None:
    moment = dates.parse_text(text)
    assert moment is not None
    assert dt.datetime(1970, 1, 1) + dt.timedelta(microseconds=moment.micros) == expected


def test_r21_the_fast_reader_agrees_with_the_exact_one() -> None:
    for width in (10, 14, 16, 19):
        texts = [text for text, _ in GOLDEN if len(text) == width and text.isascii()]
        texts += [text for text in UNREADABLE if len(text) == width]
        matrix = np.frombuffer("".join(texts).encode(), np.uint8).reshape(len(texts), width)
        micros, valid, _ = dates.parse_fixed(matrix)
        for n, text in enumerate(texts):
            exact = dates.parse_text(text)
            if valid[n]:
                assert exact is not None and exact.micros == micros[n], text
        assert valid.sum() >= len(DAYS)


@pytest.mark.parametrize("text", UNREADABLE)
def test_r21_never_guessed(text: str) -> None:
    """Month first is never tried, and a day that does not exist is not moved to one that does."""
    assert dates.parse_text(text) is None


@pytest.mark.parametrize("text", UNREADABLE)
def test_r21_unreadable_dates_quarantine_the_row(text: str, tmp_path: Path) -> None:
    row = [*s.ROWS[0][:5], text, *s.ROWS[0][6:]]
    result = s.read(s.csv_bytes([s.HEADER, row, s.ROWS[1]]), tmp_path)
    assert [(entry["row"], entry["rule"], entry["column"]) for entry in result.quarantine] == [(2, "unreadable", "Ngày hẹn trả")]
    assert text not in result.to_json() or len(text) < 4


@pytest.mark.parametrize(
    ("serial", "epoch_1904", "expected"),
    [
        (1, False, dt.datetime(1900, 1, 1)), (59, False, dt.datetime(1900, 2, 28)), (60, False, None), (61, False, dt.datetime(1900, 3, 1)),
        (366, False, dt.datetime(1900, 12, 31)), (36526, False, dt.datetime(2000, 1, 1)), (44927, False, dt.datetime(2023, 1, 1)),
        (45350, False, dt.datetime(2024, 2, 28)), (45351, False, dt.datetime(2024, 2, 29)), (45352, False, dt.datetime(2024, 3, 1)),
        (44986.75, False, dt.datetime(2023, 3, 1, 18, 0)), (44986.999988426, False, dt.datetime(2023, 3, 1, 23, 59, 59)),
        (44986.9999999999, False, dt.datetime(2023, 3, 2)), (0, False, None), (0, True, dt.datetime(1904, 1, 1)),
        (43465, True, dt.datetime(2023, 1, 1)), (43889, True, dt.datetime(2024, 2, 29)), (-1, False, None), (99999, False, None),
        (float("nan"), False, None), (float("inf"), False, None),
    ],
)  # fmt: skip
def test_r21_excel_serials(serial: float, epoch_1904: bool, expected: dt.datetime | None) -> None:
    moment = dates.serial_micros(serial, epoch_1904)
    found = None if moment is None else dt.datetime(1970, 1, 1) + dt.timedelta(microseconds=moment.micros)
    assert found == expected


def test_r21_two_digit_years() -> None:
    for text, year in (("01/03/23", 2023), ("1/3/69", 2069), ("01/03/70", 1970), ("01/03/99 08:00", 1999)):
        moment = dates.parse_text(text)
        assert moment is not None and dt.date.fromordinal(moment.micros // dates.DAY + 719163) == dt.date(year, 3, 1)


def test_r21_zones_and_end_of_day(tmp_path: Path) -> None:
    """Naive is Vietnam time, aware is converted; a deadline without a time lasts until the end of its day."""
    header = ["Số hồ sơ", "Ngày tiếp nhận", "Ngày hẹn trả", "Hạn xử lý", "Cơ quan/đơn vị"]
    rows = [
        ["A-1", "2023-02-01T08:00:00+07:00", "03/02/2023", "02/02/2023", "22492"], ["A-2", "2023-02-01T01:00:00Z", "03/02/2023 00:00:00", "", "22492"],
        ["A-3", "01/02/2023 08:00", "2023-02-03 00:00", "", "22492"], ["A-4", "20230201080000", "03/02/2023 17:00", "", "22492"],
    ]  # fmt: skip
    s.read(s.csv_bytes([header, *rows]), tmp_path)
    found = s.frame(tmp_path)
    assert set(found["received_at"]) == {dt.datetime(2023, 2, 1, 1, 0, tzinfo=dt.UTC)}
    utc = dt.UTC
    assert list(found["due_at"]) == [
        dt.datetime(2023, 2, 3, 16, 59, 59, tzinfo=utc), dt.datetime(2023, 2, 2, 17, tzinfo=utc), dt.datetime(2023, 2, 2, 17, tzinfo=utc),
        dt.datetime(2023, 2, 3, 10, tzinfo=utc),
    ]  # fmt: skip
    assert found["internal_due_at"][0] == dt.datetime(2023, 2, 2, 16, 59, 59, tzinfo=utc)


def test_r21_offsets_of_other_zones() -> None:
    noon = (
        np.array([dt.datetime(2023, 7, 1, 12).timestamp(), dt.datetime(2023, 1, 1, 12).timestamp()]).astype(np.int64) * 1_000_000
    )
    assert list(utc_offset(noon, "Europe/Berlin") // 3_600_000_000) == [2, 1]
    assert list(utc_offset(noon, "Asia/Ho_Chi_Minh") // 3_600_000_000) == [7, 7]
    assert utc_offset(np.array([-500_000_000_000_000], np.int64), "Asia/Ho_Chi_Minh")[0] // 3_600_000_000 == 8


@pytest.mark.parametrize(
    ("text", "year", "expected"),
    [
        ("03/2023", None, (2023, 3)), ("3/2023", None, (2023, 3)), ("Tháng 3/2023", None, (2023, 3)), ("Tháng 03 năm 2023", None, (2023, 3)),
        ("2023-03", None, (2023, 3)), ("T3/2023", None, (2023, 3)), ("15/03/2023", None, (2023, 3)), ("3", 2023, (2023, 3)), ("Tháng 12", 2022, (2022, 12)),
        ("3", None, None), ("13/2023", None, None), ("0", 2023, None), ("tháng ba", 2023, None),
    ],
)  # fmt: skip
def test_months(text: str, year: int | None, expected: tuple[int, int] | None) -> None:
    found = dates.parse_month(text, year)
    assert found == (None if expected is None else dt.date(*expected, 1).toordinal() - 719163)


def test_months_without_a_year_take_the_review_date(tmp_path: Path) -> None:
    header = ["Tháng", "Cán bộ, công chức", "Điểm", "Ngày đánh giá", "Đơn vị"]
    rows = [["3", "Mẫu A", "9,5", "02/04/2023", "22492"], ["12", "Mẫu A", "8", "03/01/2023", "22492"]]
    result = s.read(s.csv_bytes([header, *rows]), tmp_path)
    assert result.rows_ok == 2, result.quarantine
    assert list(s.frame(tmp_path)["month"]) == [dt.date(2023, 3, 1), dt.date(2022, 12, 1)]


@pytest.mark.parametrize(
    ("text", "sign", "thousands", "value"),
    [
        ("12", None, False, 12), ("-3", None, False, -3), ("−3", None, False, -3), ("12,5", None, False, 12.5), ("12.5", None, False, 12.5),
        ("1.234.567", None, False, 1234567), ("1,234,567", None, False, 1234567), ("1 234 567", None, False, 1234567), ("1.234,5", None, False, 1234.5),
        ("1,234.5", None, False, 1234.5), ("50.000", None, True, 50000), ("50,000", None, True, 50000), ("85.125", None, False, 85.125),
        ("50.000", ",", False, 50000), ("0.125", None, True, 0.125), ("50.000 đồng", None, True, 50000), ("05 ngày làm việc", None, True, 5),
        ("1e5", None, False, None), ("12abc", None, False, None), ("1.23.4", None, False, None), ("", None, False, None),
    ],
)  # fmt: skip
def test_numbers(text: str, sign: str | None, thousands: bool, value: float | None) -> None:
    assert numbers.parse_number(text, sign, thousands) == value


def test_percent_and_decimal_columns(tmp_path: Path) -> None:
    contract = s.contract(
        tmp_path,
        "contract: d\nsource: d\ntable: declarations\nunit: {code: '22492'}\ncolumns:\n"
        "  year: {headers: [Năm], type: integer, required: true}\n  criterion_code: {headers: [Mã], required: true}\n"
        "  value: {headers: [Tỷ lệ], type: percent}\n  points: {headers: [Điểm], type: decimal}\n",
    )
    header = ["Năm", "Mã", "Tỷ lệ", "Điểm"]

    def values(column: str, texts: list[object]) -> list[object]:
        at = header.index(column)
        rows = [[2023, f"I.{n}", *(["" if k != at else text for k in (2, 3)])] for n, text in enumerate(texts)]
        result = s.read(s.xlsx_bytes([header, *rows]), tmp_path, contracts=[contract])
        assert result.status == "ok", result.message
        return list(s.frame(tmp_path)[{"Tỷ lệ": "value", "Điểm": "points"}[column]])

    assert values("Tỷ lệ", ["12,34%", "12.34 %", "0,1234", 0.5, "-", ""]) == pytest.approx(
        [0.1234, 0.1234, 0.1234, 0.5, None, None]
    )
    assert values("Tỷ lệ", ["98,5", 100, 0.5]) == pytest.approx([0.985, 1.0, 0.005])
    assert values("Điểm", ["85,125", "9,5", 8, "mười"]) == pytest.approx([85.125, 9.5, 8.0, None])


@pytest.mark.parametrize(
    ("text", "value"),
    [("Có", True), ("Không", False), ("Đã", True), ("Chưa", False), ("x", True), ("X", True), ("1", True), ("0", False), ("true", True),
     ("FALSE", False), ("Đã số hóa", True), ("Chưa số hóa", False), ("có thể", True), ("?", None), ("2", None)],
)  # fmt: skip
def test_booleans(text: str, value: bool | None) -> None:
    assert numbers.parse_boolean(fold(text)) is value


def test_blank_is_no_only_where_x_means_yes(tmp_path: Path) -> None:
    header = ["Số hồ sơ", "Ngày tiếp nhận", "Ngày hẹn trả", "Cơ quan/đơn vị", "Số hóa thành phần hồ sơ", "Số hóa kết quả"]
    rows = [["A-1", "01/03/2023", "", "22492", "x", "Có"], ["A-2", "01/03/2023", "", "22492", "", ""]]
    s.read(s.csv_bytes([header, *rows]), tmp_path)
    found = s.frame(tmp_path)
    assert list(found["components_digitised"]) == [True, False] and list(found["result_digitised"]) == [True, None]


def test_codes_listed_unlisted_blank(tmp_path: Path) -> None:
    header = ["Số hồ sơ", "Ngày tiếp nhận", "Ngày hẹn trả", "Cơ quan/đơn vị", "Hình thức nộp", "Trạng thái"]
    said = [("TRỰC  TUYẾN", "9"), ("2", "Đang xử lí"), ("", ""), ("Bồ câu", "trạng thái lạ")]
    rows = [[f"A-{n}", "01/03/2023", "", "22492", *pair] for n, pair in enumerate(said)]
    result = s.read(s.csv_bytes([header, *rows]), tmp_path)
    found = s.frame(tmp_path)
    assert list(found["channel"]) == ["online", "online", None, None]
    assert list(found["status"]) == ["finished", "processing", None, "trạng thái lạ"]
    assert [(e["row"], e["rule"]) for e in result.quarantine] == [(5, "not_in_codes")]


TEXTS = ["Đại Lãnh", "hồ sơ trễ hạn", "Nguyễn Thử Nghiệm", "ĐƯỜNG SỐ 1", "Ủy ban nhân dân xã Vạn Thọ"]


@pytest.mark.parametrize("text", TEXTS)
def test_r22_one_normal_form(text: str) -> None:
    variants = [
        unicodedata.normalize("NFD", text), text.replace("Đ", "Ð").replace("đ", "ð"), text.replace(" ", "\u00a0"), f"\ufeff {text}\u200b ",
        text.replace(" ", "  "), text.replace(" ", "\u2003"), "\u200d".join(text.split(" ")).replace("\u200d", " \u200d"),
    ]  # fmt: skip
    assert {clean(variant) for variant in variants} == {text}


def test_r22_same_key_after_cleaning(tmp_path: Path) -> None:
    """NFD, Eth and NBSP variants of one form code are one key."""
    header = ["Mã phiếu", "Ngày khảo sát", "Hài lòng chung", "Đơn vị"]
    codes = ["Mẫu-Đ1", unicodedata.normalize("NFD", "Mẫu-Đ1"), "Mẫu-Ð1", "\u00a0Mẫu-Đ1\u00a0", "Mẫu\u200b-Đ1"]
    result = s.read(s.csv_bytes([header, *([code, "01/03/2023", "5", "22492"] for code in codes)]), tmp_path)
    assert (result.rows_ok, result.rows_repeated) == (5, 4), result.quarantine
    assert len(set(s.frame(tmp_path, "marks")["_key_hash"])) == 1


def test_r22_legacy_tables_round_trip() -> None:
    from sources.tabular.legacy import _TCVN3, _VNI

    assert from_tcvn3("".join(_TCVN3)) == "".join(_TCVN3.values())
    assert len(set(_TCVN3.values())) == len(_TCVN3) == 74
    assert (
        from_vni("Ñaïi Laõnh, xaõ Vaïn Thoï, huyeän Vaïn Ninh, ngöôøi daân") == "Đại Lãnh, xã Vạn Thọ, huyện Vạn Ninh, người dân"
    )
    marked = {value for value in _VNI.values()}
    assert {ch for ch in "áàảãạăắằẳẵặâấầẩẫậéèẻẽẹêếềểễệíìỉĩịóòỏõọôốồổỗộơớờởỡợúùủũụưứừửữựýỳỷỹỵđ"} <= marked


@pytest.mark.parametrize("bad", ["Khai\ufffdsinh", "Khai\x00sinh", "Khai\x07", "tªx¾q µ¶·z"])
def test_r22_undecodable_is_quarantined_never_silent(bad: str, tmp_path: Path) -> None:
    result = s.read(s.csv_bytes([s.HEADER, [s.ROWS[0][0], bad, *s.ROWS[0][2:]], s.ROWS[1]]), tmp_path)
    assert [(entry["row"], entry["rule"]) for entry in result.quarantine] == [(2, "unreadable")]


def test_r22_foreign_names_are_left_alone(tmp_path: Path) -> None:
    row = [s.ROWS[0][0], "Kết hôn với Müller, François", *s.ROWS[0][2:]]
    s.read(s.csv_bytes([s.HEADER, row]), tmp_path)
    assert s.frame(tmp_path)["procedure_name"][0] == "Kết hôn với Müller, François"


def test_header_folding() -> None:
    assert fold_header("Phí / lệ phí (*)") == fold_header("PHÍ/LỆ PHÍ") and fold_header("Hạn xử lý") != fold_header(
        "Ngày hẹn trả"
    )
