"""A layout nobody has seen: sniffed, corrected by hand, loaded with the contract alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from sources.child import sniff_in_child
from sources.contract import load_contract
from sources.sniff import draft_yaml, guess_type, sniff
from tests.sources import samples as s

ODD = [
    ["SỞ MẪU"], ["BẢNG KÊ HỒ SƠ THÁNG 3/2023"],
    ["Thứ tự", "Mã số HS giải quyết", "Loại thủ tục", "Thời điểm nhận HS", "Thời hạn trả kết quả", "Thời điểm xong", "Người đề nghị", "SĐT liên hệ",
     "Nơi giải quyết", "Cách nộp", "Tình trạng xử lý", "Màu bìa"],
    ["1", "A-001", "Khai sinh", "01/03/2023 08:00", "05/03/2023 17:00", "03/03/2023 10:00", "Nguyễn Bí Mật", "0911222333", "xã Đại Lãnh", "Trực tuyến", "Đã trả kết quả", "xanh"],
    ["2", "A-002", "Khai tử", "02/03/2023 08:00", "05/03/2023 17:00", "", "Lê Bí Mật", "0911222444", "xã Vạn Thọ", "Hòm thư", "Đang xử lý", "đỏ"],
]  # fmt: skip


def test_sniff_drafts_a_contract_that_loads_the_file(tmp_path: Path) -> None:
    path = tmp_path / "la.csv"
    path.write_bytes(s.csv_bytes([line + [""] * (12 - len(line)) for line in ODD], delimiter=";"))
    found = sniff_in_child(path, name="mau_la")
    assert (found["status"], found["table"], found["header_row"], found["unit"]) == ("ok", "dossiers", 3, "Nơi giải quyết")
    near = {column["header"]: column["canonical"] for column in found["columns"]}
    assert near == {
        "Mã số HS giải quyết": "dossier_code", "Loại thủ tục": "procedure_name", "Thời điểm nhận HS": "received_at", "Thời hạn trả kết quả": "due_at",
        "Thời điểm xong": "finished_at", "Người đề nghị": "applicant", "SĐT liên hệ": "phone", "Nơi giải quyết": "unit_code", "Cách nộp": "channel",
        "Tình trạng xử lý": "status", "Màu bìa": None,
    }  # fmt: skip
    draft = found["draft"]
    assert "ĐIỀN nghĩa của" in draft and "Hòm thư" in draft and "Bí Mật" not in draft and "0911" not in draft
    contract = tmp_path / "mau_la.yaml"
    contract.write_text(draft.replace('online: ["Trực tuyến"]', 'online: ["Trực tuyến"], postal: ["Hòm thư"]'), "utf-8")
    result = s.read(path.read_bytes(), tmp_path, contracts=[load_contract(contract)])
    assert (result.status, result.rows_read, result.rows_ok) == ("ok", 2, 2), (result.message, result.quarantine)
    rows = s.frame(tmp_path)
    assert list(rows["channel"]) == ["online", "postal"] and list(rows["unit_code"]) == ["22492", "22504"]


@pytest.mark.parametrize("name", [name for name in s.BY_NAME if name != "monthly_report"])
def test_known_headers_are_found_again(name: str, tmp_path: Path) -> None:
    contract = s.BY_NAME[name]
    columns = {n: c.headers[0] for n, c in contract.columns.items() if c.headers}
    if contract.unit_headers:
        columns["unit_code"] = contract.unit_headers[0]
    path = tmp_path / "x.xlsx"
    path.write_bytes(s.xlsx_bytes([list(columns.values()), ["x"] * len(columns)]))
    found = sniff(path)
    assert found["table"] == contract.table.name
    guessed = {column["header"]: column["canonical"] for column in found["columns"]}
    wanted = {header: n for n, header in columns.items() if n in contract.table.columns}
    assert {header: guessed[header] for header in wanted} == wanted
    draft = tmp_path / "draft.yaml"
    draft.write_text(draft_yaml(found), "utf-8")
    assert load_contract(draft).table.name == contract.table.name


def test_a_merged_header_is_written_as_paths(tmp_path: Path) -> None:
    from tests.sources.test_layout import MONTHLY

    path = tmp_path / "m.csv"
    path.write_bytes(s.csv_bytes([line + [""] * (13 - len(line)) for line in MONTHLY]))
    found = sniff(path)
    assert (found["table"], found["header_row"], found["header_depth"]) == ("monthly_reports", 3, 3)
    assert "Đã giải quyết > Quá hạn" in draft_yaml(found)


def test_what_is_no_table_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.pdf"
    path.write_bytes(b"%PDF-1.4")
    assert sniff_in_child(path)["reason"] == "unsupported_format"


@pytest.mark.parametrize(
    ("texts", "kind"),
    [
        (["01/03/2023", "2/3/2023"], "date"), (["01/03/2023 08:00", "02/03/2023 00:00"], "datetime"), (["12", "13", "1.400"], "decimal"),
        (["12", "13"], "integer"), (["12,5%", "3 %"], "percent"), (["12,5", "3"], "decimal"), (["Có", "Không"], "boolean"), (["001", "002"], "text"),
        (["Nam", "Nữ"] * 10, "code"), (["Mẫu A", "Mẫu B"], "text"), ([], "text"),
    ],
)  # fmt: skip
def test_types_are_guessed(texts: list[str], kind: str) -> None:
    assert guess_type(texts) == kind
