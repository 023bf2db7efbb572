"""The shipped sets: what each scores, on which scale, and that none claims more than was seen."""

from __future__ import annotations

import json
import shutil
from datetime import date
from pathlib import Path

import pytest

from criteria import build_set, list_sets, load_definitions, load_set, set_content
from criteria.lint import lint

BASE = Path(__file__).parent.parent / "broken" / "criteria" / "_base"
DAY = date(2023, 12, 31)
# name: subject, total, criteria that are fed by exports, points these are worth, scale of the bands, ranked among
SHIPPED = {
    "commune_reconstructed": ("commune", 100, 12, 49.0, 100, "all"),
    "qd_766": ("commune", 100, 6, 42.0, 100, "all"),
    "one_stop_commune": ("commune", 18, 4, 8.0, 18, "all"),
    "one_stop_official": ("official", 10, 4, 8.0, 18, "commune"),
    "sipas": ("commune", 100, 5, 100.0, 100, "all"),
}


def test_these_sets_are_shipped() -> None:
    assert list_sets() == sorted(SHIPPED)


@pytest.mark.parametrize("name", SHIPPED)
def test_shape_of_a_set(name: str) -> None:
    subject, total, fed, fed_points, scale, within = SHIPPED[name]
    s = load_set(name)
    now = s.at(DAY)
    base = [c for c in now.criteria if c.kind == "base"]
    measured = [c for c in base if c.measure]
    assert (s.subject, s.total, s.grading_scale, s.ranking_within) == (subject, total, scale, within)
    assert sum(c.max_points or 0 for c in base) == total
    assert (len(measured), sum(c.max_points or 0 for c in measured)) == (fed, fed_points)
    assert now.bands.bands[0].at_least is not None and now.bands.bands[0].at_least <= scale


@pytest.mark.parametrize("name", SHIPPED)
def test_no_set_claims_to_be_official(name: str) -> None:
    """The texts themselves were not read, so every point and band is reconstructed or assumed, and the set says so aloud."""
    s = load_set(name)
    said = {s.provenance, *(b.provenance for b in s.band_tables), *(v.provenance for c in s.criteria for v in c.versions)}
    assert "official" not in said
    assert s.warning and ("dựng lại" in s.warning) and s.label.count("dựng lại") == 1
    for name_of, chosen in s.definitions.items():
        assert chosen in load_definitions(name_of).by_name


@pytest.mark.parametrize("name", SHIPPED)
def test_a_set_is_its_content(name: str) -> None:
    """What a run stores of a set makes the same set again, after a way through JSON."""
    assert build_set(json.loads(json.dumps(set_content(name)))) == load_set(name)


def test_decision_766_says_what_is_not_known() -> None:
    now = load_set("qd_766").at(DAY)
    split = [now.criterion(code) for code in ("3.1", "3.2", "3.3")]
    assert [(c.max_points, c.provenance) for c in split] == [(4, "assumed")] * 3
    assert all("CHƯA RÕ" in str(c.clause) for c in split) and "CHƯA RÕ" in (now.warning or "")
    assert now.criterion("1.1").no_data == "not_applicable"
    assert {c.section for c in now.criteria} == {"1", "2", "3", "4", "5"} and len(now.criteria) == 21
    assert now.definitions == {"overdue": "qd766"}
    assert [s.max_points for s in now.sections.values()] == [18, 20, 22, 22, 18]


@pytest.mark.parametrize("name", ["one_stop_commune", "one_stop_official"])
def test_the_one_stop_sets_say_when_their_decree_was_replaced(name: str) -> None:
    s = load_set(name)
    before, after = s.at(date(2025, 6, 30)), s.at(date(2025, 7, 1))
    assert {c.source.citation for c in before.criteria if c.source} == {"01/2018/TT-VPCP"}
    assert {(c.source.citation, c.provenance) for c in after.criteria if c.source} == {("118/2025/NĐ-CP", "assumed")}
    assert after.bands.provenance == "assumed" and "CHƯA RÕ" in (after.bands.note or "")


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("one_stop_commune", date(2025, 6, 30), date(2025, 7, 1)),
        ("one_stop_official", date(2025, 6, 30), date(2025, 7, 1)),
        ("sipas", date(2022, 12, 31), date(2023, 1, 1)),
    ],
)
def test_a_text_that_was_not_read_changes_no_figure(name: str, old: date, new: date) -> None:
    """The worked cases are of the older (or newer) text; the other goes on with the same points, rules and bands."""
    before, after = load_set(name).at(old), load_set(name).at(new)
    assert [(c.code, c.max_points, c.rule) for c in before.criteria] == [(c.code, c.max_points, c.rule) for c in after.criteria]
    assert before.bands.bands == after.bands.bands


def test_a_figure_of_a_year_is_official_for_that_year_only() -> None:
    """The notice speaks of 2023 and Decision 752 of 2022: afterwards every level says that its target is not known."""
    targets = load_set("commune_reconstructed").targets
    official = {(n, t.level, t.in_force_from.year) for n, found in targets.items() for t in found if t.provenance == "official"}
    assert official == {
        *(("online_min", level, 2022) for level in ("commune", "district", "province")),
        ("satisfaction_min", "commune", 2023),
        ("overdue_max", "commune", 2023),
    }
    for name, level, year in official:
        later = [t for t in targets[name] if t.level == level and t.in_force_from == date(year + 1, 1, 1)]
        assert [(t.known, t.provenance) for t in later] == [(False, "assumed")] and "CHƯA RÕ" in (later[0].note or "")


def test_what_software_does_is_not_cited_as_law() -> None:
    found = load_definitions("overdue").by_name
    assert {n: d.source.instrument for n, d in found.items() if d.source.instrument != "qd_766_2022"} == {
        "provincial_766": "provincial_portal_code", "ii06": "provincial_portal_code", "opencps": "opencps_v2",
    }  # fmt: skip
    assert "official" not in {d.provenance for d in found.values()}


def test_the_sample_rule_of_the_satisfaction_index() -> None:
    rule = load_set("sipas").sample
    assert rule is not None and (rule.forms, rule.population, rule.error) == ("survey_forms", "resolved", 0.05)
    assert rule.source.citation == "1001/QĐ-BNV"
    assert {"survey_forms", "resolved"} <= set(load_set("sipas").measures)
    assert all(load_set(name).sample is None for name in SHIPPED if name != "sipas")


AMENDED = """    - in_force_from: 2023-07-01
      max_points: {points}
      rule: {rule}
      source: {{instrument: seen_text, clause: "{clause}"}}
      provenance: reconstructed
"""


def test_an_amendment_in_the_middle_of_a_year(tmp_path: Path) -> None:
    """From 1 July two points move from A.3 to A.1, whose target rises: each day has its own law, and both add up."""
    root = tmp_path / "criteria"
    shutil.copytree(BASE, root)
    file = root / "sets" / "demo" / "section_1.yaml"
    first, second, third = file.read_text(encoding="utf-8").split("\n\n")
    first += "\n" + AMENDED.format(points=6, rule="{capped_ratio: {target: 0.5}}", clause="Sửa đổi")
    third += AMENDED.format(points="null", rule="null", clause="Bãi bỏ")
    file.write_text("\n\n".join([first.rstrip(), second, third]), encoding="utf-8")
    assert [p for p in lint(root) if p.file.parent.name == "demo"] == []
    s = load_set("demo", root)
    june, july = s.at(date(2023, 6, 30)), s.at(date(2023, 7, 1))
    assert [(c.code, c.max_points) for c in june.criteria] == [("A.1", 4), ("A.2", 4), ("A.3", 2)]
    assert [(c.code, c.max_points) for c in july.criteria] == [("A.1", 6), ("A.2", 4)]
    rules = [day.criterion("A.1").rule for day in (june, july)]
    assert [r.params for r in rules if r] == [{"target": 0.25}, {"target": 0.5}]
    assert str(july.criterion("A.1").source) == "1/QĐ-UBND, Sửa đổi"
    assert june.hash == july.hash


def test_an_amendment_that_moves_points_between_sections(tmp_path: Path) -> None:
    """From 1 July section A gives three points to a new section B: each day adds up, and a wrong sum is named with its day."""
    root = tmp_path / "criteria"
    shutil.copytree(BASE, root)
    folder = root / "sets" / "demo"
    head = (folder / "set.yaml").read_text(encoding="utf-8")
    section = next(line for line in head.splitlines() if line.lstrip().startswith("A:"))
    label = section.split("label:")[1].split(",")[0].strip()
    dated = (
        f"  A: {{label: {label}, max_points: [{{in_force_from: 2019-01-01, value: 10}}, {{in_force_from: 2023-07-01, value: 7}}]}}\n"
        "  B: {label: Mục mới, max_points: [{in_force_from: 2019-01-01, value: 0}, {in_force_from: 2023-07-01, value: 3}]}"
    )
    (folder / "set.yaml").write_text(head.replace(section, dated), encoding="utf-8")
    first = folder / "section_1.yaml"
    parts = first.read_text(encoding="utf-8").split("\n\n")
    parts[0] += "\n" + AMENDED.format(points=1, rule="{capped_ratio: {target: 0.5}}", clause="Sửa đổi")
    first.write_text("\n\n".join([parts[0].rstrip(), *parts[1:]]), encoding="utf-8")
    new = parts[2].replace("A.3:", "B.1:").replace("max_points: 2", "max_points: 3").replace("points: 2}", "points: 3}")
    new = "\n".join("    - in_force_from: 2023-07-01" if "in_force_from" in line else line for line in new.splitlines())
    (folder / "section_2.yaml").write_text(new + "\n", encoding="utf-8")
    assert [str(p) for p in lint(root) if p.file.parent.name == "demo"] == []
    s = load_set("demo", root)
    june, july = s.at(date(2023, 6, 30)), s.at(date(2023, 7, 1))
    assert [section.max_points for section in june.sections.values()] == [10, 0]
    assert [section.max_points for section in july.sections.values()] == [7, 3]
    assert sum(c.max_points or 0 for c in june.criteria) == sum(c.max_points or 0 for c in july.criteria) == 10
    assert build_set(set_content("demo", root)) == s

    (folder / "set.yaml").write_text(head.replace(section, dated.replace("value: 7", "value: 8")), encoding="utf-8")
    said = [str(p) for p in lint(root) if p.file.parent.name == "demo"]
    assert any("từ 2023-07-01 các mục cộng lại 11 điểm, khác tổng 10" in text for text in said)
