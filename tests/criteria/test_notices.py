"""Notices as data: the built-in one, and one more file of an installation."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import pytest

from criteria import DEFAULT_NOTICE, CriteriaError, list_notices, load_notice, load_notices, load_set
from criteria.lint import lint_notices
from criteria.loader import ROOT
from criteria.notice_loader import notice_files

BASE = Path(__file__).parent.parent / "broken" / "criteria" / "_base"
LATER = """
notice:
  number: 12/TB-UBND
  issuer: Ủy ban nhân dân xã Đại Lãnh
  date: 2024-03-08
  title: Thông báo kết luận năm 2024
unit: "22492"
year: 2024
commitments:
  overdue:
    label: Không còn hồ sơ trễ hạn
    kind: measure
    measure: overdue_rate
    op: "<="
    value: 0
    pace: rate
    paragraph: 2
    deadline: 2024-12-31
    owner: Bộ phận Tiếp nhận và Trả kết quả
    provenance: official
"""


def test_the_seven_conclusions_are_all_in_the_register() -> None:
    notice = load_notice()
    assert (notice.name, notice.unit, notice.year) == (DEFAULT_NOTICE, "22492", 2023)
    by_paragraph = {c.paragraph: [i.code for i in notice.commitments if i.paragraph == c.paragraph] for c in notice.commitments}
    assert by_paragraph == {
        "1": ["remedied"],
        "2": ["satisfaction", "named_again", "satisfaction_report"],
        "3": ["officer_reviews", "overdue"],
        "4": ["publicity", "online", "postal", "payment", "chairman_rating"],
        "5": ["tasks", "better_index", "grade"],
        "6": ["online_point", "survey_days", "better_satisfaction", "better_access"],
        "7": ["initiative", "summary"],
    }
    assert all(c.deadline == date(2023, 12, 31) and c.owner and c.label for c in notice.commitments)
    paces = {c.code: c.pace for c in notice.commitments if c.pace != "rate"}
    assert paces == {
        "named_again": "every",
        "officer_reviews": "every",
        "tasks": "every",
        "survey_days": "every",
        "initiative": "cumulative",
    }


def test_everything_the_notice_names_exists() -> None:
    notice = load_notice()
    rules = load_set(notice.criteria).at(date(notice.year, 12, 31))
    codes = {c.code for c in rules.criteria}
    for c in notice.commitments:
        assert c.kind not in ("measure",) or c.measure in notice.measures
        assert c.criterion is None or c.criterion in codes
        assert c.declaration is None or c.declaration not in codes
        assert not isinstance(c.value, dict) or c.value["target"] in rules.targets


def test_a_later_notice_is_one_more_file(tmp_path: Path) -> None:
    assert list_notices(extra=tmp_path) == [DEFAULT_NOTICE] == list_notices()
    (tmp_path / "tb_2024.yaml").write_text(LATER, encoding="utf-8")
    assert lint_notices(tmp_path) == []
    assert list_notices(extra=tmp_path) == ["tb_2024", DEFAULT_NOTICE]
    notice = load_notice("tb_2024", extra=tmp_path)
    assert (notice.citation, notice.year, notice.commitments[0].paragraph) == ("12/TB-UBND", 2024, "2")
    assert [n.name for n in load_notices(2024, extra=tmp_path)] == ["tb_2024"]
    assert [n.name for n in load_notices(extra=tmp_path)] == [DEFAULT_NOTICE, "tb_2024"]
    assert load_notices(2022, extra=tmp_path) == ()


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "tb_2024.yaml"
    file.write_text(LATER, encoding="utf-8")
    assert load_notice("tb_2024", extra=tmp_path).commitments[0].value == 0
    file.write_text(LATER.replace("value: 0", "value: 0.01"), encoding="utf-8")
    assert load_notice("tb_2024", extra=tmp_path).commitments[0].value == 0.01


def test_a_built_in_name_wins_and_the_lint_says_so(tmp_path: Path) -> None:
    file = tmp_path / f"{DEFAULT_NOTICE}.yaml"
    file.write_text(LATER, encoding="utf-8")
    assert notice_files(extra=tmp_path)[DEFAULT_NOTICE] == ROOT / "notices" / f"{DEFAULT_NOTICE}.yaml"
    assert [p.what for p in lint_notices(tmp_path)] == ["trùng tên thông báo có sẵn nên không được dùng"]


def test_an_own_document_needs_issuer_and_name(tmp_path: Path) -> None:
    text = LATER.replace("  issuer: Ủy ban nhân dân xã Đại Lãnh\n", "").replace("  number: 12/TB-UBND\n", "")
    (tmp_path / "tb_2024.yaml").write_text(text.replace("  title: Thông báo kết luận năm 2024\n", ""), encoding="utf-8")
    assert {p.what for p in lint_notices(tmp_path)} == {"thiếu issuer của văn bản", "thiếu cả number và title của văn bản"}
    with pytest.raises(CriteriaError, match="issuer"):
        load_notice("tb_2024", extra=tmp_path)


def test_an_installation_s_own_set_may_be_named(tmp_path: Path) -> None:
    """The targets, codes and grades are those of the set that the notice names."""
    folder = tmp_path / "sets" / "own"
    shutil.copytree(BASE / "sets" / "demo", folder)
    head = folder / "set.yaml"
    head.write_text(head.read_text(encoding="utf-8").replace("name: demo", "name: own"), encoding="utf-8")
    (tmp_path / "notices").mkdir()
    file = tmp_path / "notices" / "tb.yaml"
    file.write_text(LATER.replace("year: 2024", "year: 2024\ncriteria: own"), encoding="utf-8")
    assert lint_notices(tmp_path / "notices", extra=tmp_path / "sets") == []
    file.write_text(LATER.replace("year: 2024", "year: 2024\ncriteria: lost"), encoding="utf-8")
    assert [p.what for p in lint_notices(tmp_path / "notices", extra=tmp_path / "sets")] == ["không có bộ tiêu chí «lost»"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("year: 2024\n", "", "year"),
        ("unit: ", "units: ", "unit"),
        ("    pace: rate\n", "", "pace"),
        ("    paragraph: 2\n", "", "paragraph"),
        ("deadline: 2024-12-31", "deadline: cuối năm", "deadline"),
        ("  overdue:\n", "  - overdue\n  -\n", "items"),
        ("owner: ", "holder: ", "holder"),
    ],
)
def test_unusable_notices_name_themselves(old: str, new: str, said: str, tmp_path: Path) -> None:
    assert old in LATER
    (tmp_path / "tb_2024.yaml").write_text(LATER.replace(old, new), encoding="utf-8")
    with pytest.raises(CriteriaError, match="tb_2024"):
        load_notice("tb_2024", extra=tmp_path)
    assert lint_notices(tmp_path), said


def test_unknown_notice_lists_the_known_ones() -> None:
    with pytest.raises(CriteriaError, match=DEFAULT_NOTICE):
        load_notice("nothing")
