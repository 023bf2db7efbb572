"""Contracts: what is accepted, and that every mistake is named with its line and its remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from sources.canonical import TABLES
from sources.contract import ContractError, builtin_contracts, load_contract
from tests.sources import samples as s

GOOD = """contract: mau_moi
source: he_thong_khac
table: dossiers
grain: one row per dossier
unit: {column: "Nơi nhận"}
timezone: Asia/Ho_Chi_Minh
columns:
  dossier_code: {headers: ["Số HS"], type: text, required: true}
  received_at: {headers: ["Nhận lúc"], type: datetime, required: true}
  finished_at: {headers: ["Xong lúc"], type: datetime}
  channel: {headers: ["Cách nộp"], type: code, values: {online: ["Qua mạng"], direct: ["Tại quầy"]}, otherwise: quarantine}
  applicant: {headers: ["Ai nộp"], type: text, personal: true}
checks:
  - {rule: unique, columns: [dossier_code]}
  - {rule: not_before, column: finished_at, other: received_at, severity: quarantine}
"""
BROKEN = {
    "not yaml": (lambda t: t.replace("columns:", "columns: ["), "cú pháp", None),
    "empty": (lambda t: "", "mục: giá trị", 1),
    "a list": (lambda t: "- a\n- b\n", "mục: giá trị", 1),
    "unknown top key": (lambda t: t + "colums: {}\n", "«colums»", 16),
    "key twice": (lambda t: t + "source: x\n", "«source» bị lặp", 16),
    "no table": (lambda t: t.replace("table: dossiers\n", ""), "thiếu mục «table»", 1),
    "unknown table": (lambda t: t.replace("table: dossiers", "table: dossier"), "không có bảng «dossier»", 3),
    "bad name": (lambda t: t.replace("contract: mau_moi", "contract: Mẫu mới"), "chữ thường không dấu", 1),
    "unknown column": (lambda t: t.replace("  channel:", "  kenh:"), "không có cột kenh", 11),
    "applicant in the clear": (lambda t: t.replace(", personal: true", ""), "personal: true", 12),
    "unknown column key": (lambda t: t.replace('["Số HS"], type', '["Số HS"], typ'), "«typ»", 8),
    "unknown type": (lambda t: t.replace("type: datetime, required", "type: dateime, required"), "«dateime»", 9),
    "wrong type": (lambda t: t.replace("type: datetime, required", "type: integer, required"), "kiểu datetime", 9),
    "no headers": (lambda t: t.replace('{headers: ["Xong lúc"], type', "{type"), "thiếu «headers»", 10),
    "empty headers": (lambda t: t.replace('["Xong lúc"]', "[]"), "«headers»", 10),
    "header twice": (lambda t: t.replace("Xong lúc", "NHẬN  LÚC"), "cả received_at và finished_at", 10),
    "code twice": (lambda t: t.replace('"Tại quầy"', '"qua MẠNG"'), "hai giá trị", 11),
    "bad otherwise": (lambda t: t.replace("otherwise: quarantine", "otherwise: nowhere"), "otherwise", 11),
    "otherwise on text": (lambda t: t.replace("type: text, required", "type: text, otherwise: quarantine, required"), "«otherwise»", 8),
    "bad boolean": (lambda t: t.replace("required: true}\n  received", "required: co}\n  received"), "true hoặc false", 8),
    "required column missing": (lambda t: t.replace("  dossier_code:", "  procedure_code:"), "cần cột dossier_code", 7),
    "unknown rule": (lambda t: t.replace("rule: unique", "rule: uniq"), "«uniq»", 14),
    "check without column": (lambda t: t.replace(", columns: [dossier_code]", ""), "thiếu «columns»", 14),
    "check on unmapped column": (lambda t: t.replace("other: received_at", "other: due_at"), "due_at", 15),
    "check on personal column": (lambda t: t.replace("columns: [dossier_code]", "columns: [applicant]"), "applicant", 14),
    "check of wrong type": (lambda t: t.replace("column: finished_at, other", "column: dossier_code, other"), "không dùng được cho cột dossier_code", 15),
    "unknown severity": (lambda t: t.replace("severity: quarantine", "severity: error"), "«error»", 15),
    "unknown check key": (lambda t: t.replace("severity: quarantine", "severty: quarantine"), "«severty»", 15),
    "bad pattern": (lambda t: t + "  - {rule: pattern, column: dossier_code, pattern: '('}\n", "không hợp lệ", 16),
    "look-ahead": (lambda t: t + "  - {rule: pattern, column: dossier_code, pattern: '(?=a)b'}\n", "nhìn trước", 16),
    "range without bounds": (lambda t: t.replace("rule: not_before, column: finished_at, other: received_at", "rule: range, column: finished_at"), "range", 15),
    "unit of two kinds": (lambda t: t.replace('{column: "Nơi nhận"}', '{column: "Nơi nhận", code: "22492"}'), "đúng một", 5),
    "unit as text": (lambda t: t.replace('{column: "Nơi nhận"}', "22492"), "«unit»", 5),
    "unknown zone": (lambda t: t.replace("Asia/Ho_Chi_Minh", "Asia/Dai_Lanh"), "múi giờ", 6),
    "zone outside": (lambda t: t.replace("Asia/Ho_Chi_Minh", "../../etc/passwd"), "múi giờ", 6),
    "alias": (lambda t: t.replace("Asia/Ho_Chi_Minh", "&a Asia/Ho_Chi_Minh") + "notes: *a\n", "bí danh", None),
    "tower": (lambda t: "a: " + "[" * 3000 + "]" * 3000, "lồng quá sâu", 1),
    "python object": (lambda t: "contract: !!python/object/apply:os.system [ls]\n", "YAML", 1),
    "too large": (lambda t: t + "# " + "x" * 300_000, "quá lớn", None),
    "bad gate": (lambda t: t + "gate: {max_quarantined_share: 2}\n", "từ 0 đến 1", 16),
}  # fmt: skip


def test_a_good_contract(tmp_path: Path) -> None:
    contract = s.contract(tmp_path, GOOD)
    assert (contract.source, contract.table.name, contract.unit_headers) == ("he_thong_khac", "dossiers", ("Nơi nhận",))
    assert contract.columns["channel"].values == {
        "qua mạng": "online",
        "online": "online",
        "tại quầy": "direct",
        "direct": "direct",
    }
    assert [check.id for check in contract.checks] == ["unique__dossier_code", "not_before__finished_at__received_at"]
    assert {check.severity for check in contract.checks} == {"quarantine"}


@pytest.mark.parametrize("name", BROKEN)
def test_every_mistake_names_line_key_and_remedy(name: str, tmp_path: Path) -> None:
    edit, words, line = BROKEN[name]
    text = edit(GOOD)  # type: ignore[no-untyped-call]
    assert text != GOOD
    with pytest.raises(ContractError) as caught:
        s.contract(tmp_path, text)
    message = str(caught.value)
    assert message.startswith("c.yaml") and words in message and message.endswith(".")
    if line is not None:
        assert message.startswith(f"c.yaml:{line}:"), message


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match=r"khong-co\.yaml"):
        load_contract(tmp_path / "khong-co.yaml")


def test_a_new_layout_costs_one_file(tmp_path: Path) -> None:
    """A layout nobody has seen, under a new source name: one YAML file, no code."""
    contract = s.contract(tmp_path, GOOD)
    rows = [
        ["Số HS", "Nhận lúc", "Xong lúc", "Nơi nhận", "Cách nộp", "Ai nộp"],
        ["A-1", "1/3/2023 8:00", "2/3/2023 9:00", "Đại Lãnh", "Qua mạng", "Mẫu"],
    ]
    result = s.read(s.csv_bytes(rows, delimiter=";"), tmp_path, contracts=[contract])
    assert (result.status, result.source, result.rows_ok) == ("ok", "he_thong_khac", 1)


def test_the_built_in_contracts_cover_their_tables() -> None:
    contracts = builtin_contracts()
    assert {contract.table.name for contract in contracts} == set(TABLES)
    assert len({contract.name for contract in contracts}) == len(contracts) == 10
    for contract in contracts:
        folder = Path(contract.path).parent.name
        assert contract.name == folder
        mapped = {name for name, column in contract.columns.items() if column.kept}
        unmapped = set(contract.table.columns) - mapped - {"unit_code"}
        assert unmapped <= {"comment"}, contract.name


def test_keys_and_required_columns_exist() -> None:
    for table in TABLES.values():
        assert set(table.key) <= set(table.columns) and set(table.required) <= set(table.columns)
