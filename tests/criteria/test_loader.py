"""Loading, dating and hashing of criteria sets."""

from __future__ import annotations

import pickle
import shutil
from datetime import date
from pathlib import Path

import pytest

from criteria import (
    DEFAULT_SET,
    CriteriaError,
    list_sets,
    load_definitions,
    load_instruments,
    load_measures,
    load_notice,
    load_set,
)
from criteria.loader import ROOT
from criteria.model import NotInForceError

BASE = Path(__file__).parent.parent / "broken" / "criteria" / "_base"


def test_the_default_set_has_100_points_in_eight_sections() -> None:
    s = load_set()
    now = s.at(date(2023, 12, 31))
    assert s.name == DEFAULT_SET and s.provenance == "reconstructed" and s.warning
    base = [c for c in now.criteria if c.kind == "base"]
    assert sum(c.max_points or 0 for c in base) == s.total == 100
    for code, section in s.sections.items():
        assert sum(c.max_points or 0 for c in base if c.section == code) == section.max_points
    assert len(base) == 38 and [c.code for c in now.criteria if c.kind != "base"] == ["IX.1", "IX.2"]
    assert all(c.owner and c.clause and c.provenance for c in now.criteria)
    assert "official" not in {c.provenance for c in now.criteria}, "no official text has been seen"


def test_targets_by_day_and_level() -> None:
    s = load_set()
    found = {day: s.target("online_min", day) for day in (date(2022, 12, 31), date(2023, 1, 1))}
    assert (found[date(2022, 12, 31)].value, found[date(2022, 12, 31)].range) == (0.25, (0.25, 0.30))
    assert found[date(2022, 12, 31)].source.citation == "752/QĐ-UBND"
    assert not found[date(2023, 1, 1)].known and "CHƯA RÕ" in (found[date(2023, 1, 1)].note or "")
    assert [t.name for t in s.at(date(2023, 6, 1)).unknown_targets] == [
        "online_min",
        "online_payment_min",
        "postal_min",
    ]
    with pytest.raises(NotInForceError):
        s.target("online_min", date(2018, 12, 31))
    with pytest.raises(NotInForceError):
        s.target("nothing", date(2023, 1, 1))


def test_the_appraiser_changes_with_the_reorganisation() -> None:
    s = load_set()
    names = [a.name for d in (date(2025, 6, 30), date(2025, 7, 1)) if (a := s.at(d).appraiser)]
    assert names == ["Ủy ban nhân dân huyện", "Ủy ban nhân dân tỉnh"]


def test_notice_and_definitions() -> None:
    notice = load_notice()
    assert notice.year == 2023 and len(notice.commitments) == 20
    assert load_definitions().default == "qd766"
    assert set(load_definitions().by_name) == {"qd766", "provincial_766", "ii06", "opencps"}
    assert load_definitions().by_name["ii06"].tag == "ii06@1"
    assert set(load_definitions("online_rate").by_name) == {"all_received", "direct_and_online"}
    with pytest.raises(CriteriaError, match="overdue, online_rate"):
        load_definitions("weather")


def test_instruments_claim_no_more_than_was_seen() -> None:
    instruments = load_instruments()
    assert instruments["van_ninh_commune_set"].status == "unknown"
    assert instruments["qd_752_2022"].date == date(2022, 3, 22)
    assert all(i.seen_in for i in instruments.values() if i.status == "found")


def test_every_measure_the_engine_gets_is_registered() -> None:
    names = """received resolved open open_overdue overdue_rate online_rate postal_rate online_payment_rate
    digitised_rate components_digitised_rate result_digitised_rate repeat_supplement_rate satisfaction_index
    survey_forms survey_day_coverage officer_review_months task_completion task_on_time initiatives
    on_time_rate online_electronic_rate electronic_result_rate reused_data_rate
    time_points_rate agency_time_points_rate contact_points_rate attitude_points_rate
    satisfaction_access satisfaction_procedures satisfaction_officials satisfaction_results satisfaction_feedback
    satisfaction_overall named_complaints repeated_named_officials"""
    assert set(load_measures()) == set(names.split())


def _copy(tmp_path: Path) -> Path:
    root = tmp_path / "criteria"
    shutil.copytree(BASE, root)
    return root


def test_hash_follows_content_and_nothing_else(tmp_path: Path) -> None:
    first = load_set("demo", _copy(tmp_path / "a")).hash
    root = _copy(tmp_path / "b")
    file = root / "sets" / "demo" / "section_1.yaml"
    file.write_text("# a remark\n" + file.read_text(encoding="utf-8"), encoding="utf-8")
    assert load_set("demo", root).hash == first
    root = _copy(tmp_path / "c")
    file = root / "sets" / "demo" / "section_1.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace("zero_at: 0.05", "zero_at: 0.06"), encoding="utf-8")
    assert load_set("demo", root).hash != first
    assert len(first) == 64


def test_repeal_takes_a_criterion_away(tmp_path: Path) -> None:
    root = _copy(tmp_path)
    file = root / "sets" / "demo" / "section_1.yaml"
    file.write_text(
        file.read_text(encoding="utf-8")
        + """    - in_force_from: 2024-01-01
      max_points: null
      rule: null
      source: {instrument: unseen_text, clause: "Bãi bỏ"}
      provenance: reconstructed
""",
        encoding="utf-8",
    )
    s = load_set("demo", root)
    assert [c.code for c in s.at(date(2023, 12, 31)).criteria] == ["A.1", "A.2", "A.3"]
    assert [c.code for c in s.at(date(2024, 1, 1)).criteria] == ["A.1", "A.2"]
    before = s.at(date(2019, 12, 31))
    assert all(c.rule is None and c.max_points is None and not c.yet_in_force for c in before.criteria)
    with pytest.raises(KeyError):
        before.criterion("A.9")


def test_unknown_set_lists_the_known_ones() -> None:
    assert DEFAULT_SET in list_sets()
    with pytest.raises(CriteriaError, match=DEFAULT_SET):
        load_set("nothing")
    assert (ROOT / "sets" / DEFAULT_SET / "set.yaml").exists()


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("sets/demo/section_1.yaml", "in_force_from: 2020-01-01", "in_force_from: hôm qua"),
        ("sets/demo/section_1.yaml", "instrument: unseen_text", "instrument: lost"),
        ("sets/demo/section_1.yaml", "  owner: Văn phòng\n", ""),
        ("sets/demo/section_1.yaml", "rule: {steps:", "rule: steps #"),
        ("sets/demo/set.yaml", "ranking: {method: competition, basis: total}\n", ""),
        ("sets/demo/targets.yaml", "online_min:", "- online_min"),
        ("measures.yaml", "recover: new", "recovers: new"),
        ("notices/demo.yaml", "notice: seen_text", "notice: lost"),
    ],
)
def test_unusable_files_name_themselves(file: str, old: str, new: str, tmp_path: Path) -> None:
    root = _copy(tmp_path)
    path = root / file
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    with pytest.raises(CriteriaError, match=Path(file).name):
        load_set("demo", root)
        load_notice("demo", root)


def test_sets_can_travel_between_processes() -> None:
    now = load_set().at(date(2023, 12, 31))
    assert pickle.loads(pickle.dumps(now)) == now
