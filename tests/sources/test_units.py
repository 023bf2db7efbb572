"""The unit register: one office per text and day, and no match rather than a wrong one."""

from __future__ import annotations

import unicodedata
from datetime import date
from pathlib import Path

import pytest

from sources.units import BASE, UnitRegister, UnitRegisterError, text_key

BEFORE = date(2023, 6, 1)
LAST_DAY = date(2025, 6, 30)
FIRST_DAY = date(2025, 7, 1)
AFTER = date(2026, 3, 1)

REGISTER = UnitRegister.load()


def resolved(text: object, on: date | None) -> str | None:
    unit = REGISTER.resolve(text, on)
    return unit.unit_id if unit else None


@pytest.mark.parametrize(
    "text",
    [
        "22492",
        22492,
        22492.0,
        "22492.0",
        " 22492 ",
        "Đại Lãnh",
        "ĐẠI LÃNH",
        "đại lãnh",
        "Xã Đại Lãnh",
        "xã  Đại\u00a0Lãnh",
        "Ðại Lãnh",  # Eth for Đ
        "Xã Đại\u200b Lãnh",
        unicodedata.normalize("NFD", "Xã Đại Lãnh"),
        unicodedata.normalize("NFD", "UBND xã Ðại Lãnh"),
        "UBND xã Đại Lãnh",
        "Ủy ban nhân dân xã Đại Lãnh",
        "Uỷ ban nhân dân xã Đại Lãnh",
        "Bộ phận tiếp nhận và trả kết quả xã Đại Lãnh",
        "X. Đại Lãnh",
        "X.Đại Lãnh",
        "Dai Lanh",
        "xa Dai Lanh, huyen Van Ninh, tinh Khanh Hoa",
        "UBND xa Dai Lanh",
        "Đại Lãnh - Vạn Ninh - Khánh Hòa",
        "Xã Đại Lãnh, huyện Vạn Ninh, tỉnh Khánh Hòa",
        "Xã Đại Lãnh, huyện Vạn Ninh, tỉnh Khánh Hoà",
        "Xã Đại Lãnh, H.Vạn Ninh, T.Khánh Hòa",
        "xã Đại Lãnh huyện Vạn Ninh tỉnh Khánh Hòa",
        "Khánh Hòa / Vạn Ninh / Đại Lãnh",
        "Xã Đại Lãnh (huyện Vạn Ninh)",
        "UBND huyện Vạn Ninh - UBND xã Đại Lãnh",
        "22492 - Xã Đại Lãnh",
        "Xã Đại Lãnh (22492)",
    ],
)
def test_r22_every_spelling_of_the_old_dai_lanh(text: object) -> None:
    assert resolved(text, BEFORE) == "22492"


@pytest.mark.parametrize(
    ("text", "unit_id"),
    [
        ("UBND thị trấn Vạn Giã", "22489"),
        ("TT. Vạn Giã", "22489"),
        ("TT Vạn Giã", "22489"),
        ("TT.Vạn Giã", "22489"),
        ("UBND thi tran Van Gia", "22489"),
        ("Thị trấn Vạn Giã, huyện Vạn Ninh", "22489"),
        ("Vạn Thạnh", "22519"),
        ("Vạn Thắng", "22516"),
        ("Van Thanh", "22519"),
        ("Van Thang", "22516"),
        ("Vạn Thọ", "22504"),
        ("Xuân Sơn - huyện Vạn Ninh", "22522"),
    ],
)
def test_other_units_of_the_district(text: str, unit_id: str) -> None:
    assert resolved(text, BEFORE) == unit_id


@pytest.mark.parametrize(
    "text",
    [
        "20506",  # Xã Đại Lãnh, Đại Lộc, Quảng Nam: the homonym
        20506,
        "Xã Đại Lãnh, huyện Đại Lộc, tỉnh Quảng Nam",
        "Đại Lãnh - Đại Lộc - Quảng Nam",
        "Xã Đại Lãnh, tỉnh Quảng Nam",
        "Xã Đại Lãnh (20506)",
        "Phường Vạn Thạnh",  # a ward of Nha Trang; Xã Vạn Thạnh lies in Vạn Ninh
        "Phường Vạn Thạnh, thành phố Nha Trang, tỉnh Khánh Hòa",
        "Xã Xuân Sơn, thị xã Sơn Tây",
        "Xã Vạn Giã",  # it is a townlet
        "22504 - Xã Đại Lãnh",  # before 2025-07-01 the code and the name disagree
        "Đại Lảnh",  # a wrong tone mark is not a missing one
        "Van Thánh",
        "huyện Vạn Ninh",
        "Vạn Ninh",
        "Khánh Hòa",
        "571",
        "56",
        "xã",
        "UBND",
        "UBND xã",
        "",
        "   ",
        None,
        True,
        float("nan"),
        22492.5,
        -22492,
        "224920",
        "-",
        "Đại Lãnh Đại Lãnh Vạn Thọ",
        "Đại Lãnh, Vạn Thọ",
        "'; drop table units; --",
    ],
)
def test_what_is_not_a_commune_of_the_district(text: object) -> None:
    assert resolved(text, BEFORE) is None


@pytest.mark.parametrize(
    ("text", "on", "unit_id"),
    [
        ("22504", BEFORE, "22504"),
        ("22504", LAST_DAY, "22504"),
        ("22504", FIRST_DAY, "22504-2025"),
        (22504.0, AFTER, "22504-2025"),
        ("22504-2025", AFTER, "22504-2025"),
        ("Xã Đại Lãnh", LAST_DAY, "22492"),
        ("Xã Đại Lãnh", FIRST_DAY, "22504-2025"),
        ("Xã Đại Lãnh, tỉnh Khánh Hòa", AFTER, "22504-2025"),
        ("22504 - Xã Đại Lãnh", AFTER, "22504-2025"),
        # The text names the district, which the new commune no longer has: the old office is meant.
        ("Xã Đại Lãnh, huyện Vạn Ninh, tỉnh Khánh Hòa", AFTER, "22492"),
        # An office that has ended is still recognised in a late export…
        ("22492", AFTER, "22492"),
        ("Vạn Thọ", AFTER, "22504"),
        # …one that did not exist yet is not.
        ("Tu Bông", BEFORE, None),
        ("22504-2025", BEFORE, None),
        ("Tu Bông", AFTER, "22498-2025"),
        ("Vạn Ninh", AFTER, "22489-2025"),
        ("Vạn Thắng", AFTER, "22516-2025"),
        # Without a day only what is unambiguous.
        ("22492", None, "22492"),
        ("22504", None, "22504"),
        ("22504-2025", None, "22504-2025"),
        ("Xã Đại Lãnh", None, None),
        ("Xã Đại Lãnh, huyện Vạn Ninh", None, "22492"),
        ("Vạn Thọ", None, "22504"),
    ],
)
def test_a_code_or_name_means_what_it_meant_on_the_day(text: object, on: date | None, unit_id: str | None) -> None:
    assert resolved(text, on) == unit_id


def test_districts_and_provinces_answer_only_when_asked() -> None:
    district = REGISTER.resolve("UBND huyện Vạn Ninh", BEFORE, level=None)
    assert district is not None and district.unit_id == "571"
    assert REGISTER.resolve("Tỉnh Khánh Hòa", AFTER, level="province") == REGISTER.by_id["56-2025"]


def test_the_district_has_thirteen_units_and_then_five_successors() -> None:
    assert [u.code for u in REGISTER.active(LAST_DAY)] == [str(code) for code in range(22489, 22526, 3)]
    assert [u.code for u in REGISTER.active(FIRST_DAY)] == ["22489", "22498", "22504", "22516", "22525"]


@pytest.mark.parametrize(
    ("unit_id", "names"),
    [
        ("22504-2025", {"Đại Lãnh", "Vạn Thọ", "Vạn Thạnh"}),
        ("22498-2025", {"Vạn Phước", "Vạn Long", "Vạn Khánh"}),
        ("22489-2025", {"Vạn Giã", "Vạn Phú", "Vạn Lương"}),
        ("22516-2025", {"Vạn Bình", "Vạn Thắng"}),
        ("22525-2025", {"Xuân Sơn", "Vạn Hưng"}),
    ],
)
def test_predecessors_are_whole_units(unit_id: str, names: set[str]) -> None:
    found = REGISTER.predecessors(unit_id)
    assert {unit.name for unit, _ in found} == names
    assert {share for _, share in found} == {1.0}


def test_every_former_unit_has_a_successor_except_the_abolished_district() -> None:
    ended = [u for u in REGISTER.by_id.values() if u.valid_to is not None]
    assert {u.unit_id for u in ended if not u.successors} == {"571"}


def test_peers_are_judged_by_the_same_appraiser() -> None:
    old = REGISTER.by_id["22492"]
    assert len(REGISTER.peers(old, BEFORE)) == 13 and old in REGISTER.peers(old, BEFORE)
    new = REGISTER.by_id["22504-2025"]
    assert len(REGISTER.peers(new, AFTER)) == 5
    assert [u.unit_id for u in REGISTER.ancestors(new)] == ["56-2025"]
    assert new.full_name == "Xã Đại Lãnh"


EXTRA = """
units:
  - {id: "90", code: "90", name: Thử Nghiệm, kind: province, valid_from: 2020-01-01, source: test}
  - {id: "90001", code: "90001", name: Đại Lãnh, kind: commune, parent: "90", valid_from: 2020-01-01, source: test}
  - {id: "90002", code: "90002", name: Suối Mẫu, kind: ward, parent: "90", valid_from: 2020-01-01, source: test,
     aliases: [H99.01.02]}
"""


def test_an_extra_file_adds_units(tmp_path: Path) -> None:
    path = tmp_path / "units.yaml"
    path.write_text(EXTRA, encoding="utf-8")
    register = UnitRegister.load(path)
    assert register.version != REGISTER.version == UnitRegister.load().version
    for text in ("H99.01.02", "phường Suối Mẫu", "Suoi Mau, tinh Thu Nghiem", "90002"):
        unit = register.resolve(text, BEFORE)
        assert unit is not None and unit.unit_id == "90002", text
    # Two communes now bear the name: alone it no longer says which, with its province it does.
    assert register.resolve("Xã Đại Lãnh", BEFORE) is None
    there = register.resolve("Xã Đại Lãnh, tỉnh Thử Nghiệm", BEFORE)
    here = register.resolve("Xã Đại Lãnh, tỉnh Khánh Hòa", BEFORE)
    assert there is not None and there.unit_id == "90001"
    assert here is not None and here.unit_id == "22492"


def test_a_missing_extra_file_is_no_extra_file(tmp_path: Path) -> None:
    assert UnitRegister.load(tmp_path / "absent.yaml").version == REGISTER.version


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "units: [{id: '22492', code: '22492', name: A, kind: commune, valid_from: 2020-01-01, source: t}]",
            "twice",
        ),
        (
            "units: [{id: '1', code: '1', name: A, kind: commune, parent: '2', valid_from: 2020-01-01, source: t}]",
            "parent 2",
        ),
        (
            "units: [{id: '1', code: '1', name: A, kind: village, valid_from: 2020-01-01, source: t}]",
            "unit 1: KeyError",
        ),
        (
            "units: [{id: '1', code: '1', name: A, kind: commune, valid_from: soon, source: t}]",
            "unit 1: ValueError",
        ),
        ("units: [{id: '1', code: '1', name: A, kind: commune, valid_from: 2020-01-01}]", "source"),
        (
            "units: [{id: '1', code: '1', name: A, kind: commune, valid_from: 2020-01-01, valid_to: 2019-01-01, source: t}]",
            "valid_to is not after",
        ),
        (
            "units: [{id: '1', code: '1', name: A, kind: commune, valid_from: 2020-01-01, source: t, successors: [{unit: '9'}]}]",
            "successor 9",
        ),
        (
            "units: [{id: '1', code: '1', name: A, kind: commune, valid_from: 2020-01-01, source: t,"
            " successors: [{unit: '22492', share: 0.4}]}]",
            "sum to 1",
        ),
        ("[]", "mapping"),
        ("units: [", "units.yaml"),
    ],
)
def test_a_wrong_extra_file_says_what_is_wrong(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "units.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UnitRegisterError, match=message):
        UnitRegister.load(path)


def test_the_register_is_nfc() -> None:
    text = BASE.read_text(encoding="utf-8")
    assert text == unicodedata.normalize("NFC", text)


def test_r22_text_key_is_the_same_for_every_form() -> None:
    assert text_key("Khánh Hòa") == text_key("KHÁNH HOÀ") == text_key(unicodedata.normalize("NFD", "khánh hòa"))
    assert text_key("Ủy") == text_key("Uỷ") and text_key("Đ") == text_key("Ð")
    assert text_key("Vạn Thạnh") != text_key("Vạn Thắng")


def test_many_unique_texts_resolve_in_order() -> None:
    texts = [f"Xã số {n}" for n in range(2000)] + ["22492", "Vạn Thọ"]
    found = REGISTER.resolve_many(texts, BEFORE)
    assert [u.unit_id for u in found if u] == ["22492", "22504"] and len(found) == 2002
