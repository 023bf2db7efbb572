"""The rules of alerts: every one says what, who, why; what an installation changes is checked; the lint names file and line."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from criteria import load_instruments, load_set
from criteria.alerts import CHANGEABLE, FIELDS, KINDS, duration, load_alert_rules
from criteria.lint import lint
from criteria.loader import ROOT, CriteriaError
from criteria.schema import schema_of
from messages.alert_words import TODO
from scoring.alerts import CLEAR, figure

RULES = load_alert_rules()


def test_there_is_a_rule_of_every_kind() -> None:
    assert {rule.kind for rule in RULES.values()} == set(KINDS)
    rates = {rule.measure for rule in RULES.values() if rule.kind == "measure"}
    assert rates == {"overdue_rate", "satisfaction_index", "online_rate", "postal_rate", "online_payment_rate"}


@pytest.mark.parametrize("name", RULES)
def test_every_rule_says_what_who_and_why(name: str) -> None:
    rule = RULES[name]
    assert rule.label and rule.owner and rule.todo in TODO and rule.why.endswith(".")
    assert rule.target is None or rule.target in load_set().targets
    if rule.provenance == "official":
        assert rule.source and load_instruments()[rule.source["instrument"]].status == "found"
    else:
        assert any(word in rule.why for word in ("giả định", "lựa chọn của phần mềm")), rule.why


def test_the_page_on_alerts_names_every_rule_and_field() -> None:
    page = (ROOT.parent / "docs" / "alerts.md").read_text(encoding="utf-8")
    assert all(
        f"`{name}`" in page
        for name in (*RULES, *(name for name in FIELDS if name not in ("label", "owner", "enabled", "measure")))
    )


def test_the_schema_knows_the_fields_of_the_record() -> None:
    assert set(schema_of("alerts")["additionalProperties"]["properties"]) == set(FIELDS)
    assert set(CHANGEABLE) <= set(FIELDS)


@pytest.mark.parametrize(
    ("text", "hours"), [("0h", 0), ("20h", 20), ("3d", 72), ("9999h", 9999), ("3", None), ("3m", None), ("-1h", None), (3, None)]
)
def test_durations(text: Any, hours: int | None) -> None:
    if hours is None:
        with pytest.raises(ValueError, match="không phải khoảng thời gian"):
            duration(text)
    else:
        assert duration(text) == timedelta(hours=hours)


def test_an_installation_changes_a_rule_and_the_rule_says_so() -> None:
    changed = load_alert_rules({"overdue_rate": {"threshold": 0.02, "for": "2d"}, "postal_rate": {"enabled": False}})
    rule = changed["overdue_rate"]
    assert (rule.threshold, rule.lasts, rule.own, rule.provenance) == (0.02, timedelta(days=2), True, "assumed")
    assert "cơ quan tự đặt" in rule.why and rule.target is None
    assert not changed["postal_rate"].enabled and not changed["postal_rate"].own
    assert changed["satisfaction"] == RULES["satisfaction"]


@pytest.mark.parametrize(("change", "says"), [
    ({"khong_co": {}}, "không có quy tắc cảnh báo «khong_co»"),
    ({"overdue_rate": 3}, "overdue_rate: phải là danh mục"),
    ({"overdue_rate": {"label": "x"}}, "không đổi được «label»"),
    ({"overdue_rate": {"threshold": 1.01}}, "từ 0 đến 1"),
    ({"overdue_rate": {"threshold": -0.01}}, "từ 0 đến 1"),
    ({"overdue_rate": {"threshold": True}}, "phải là số"),
    ({"overdue_rate": {"threshold": {"target": "a", "b": 1}}}, "phải là số"),
    ({"rank_drop": {"threshold": 0}}, "lớn hơn 0"),
    ({"rank_drop": {"threshold": {"target": "online_min"}}}, "phải là số"),
    ({"night_missed": {"threshold": 1}}, "không dùng trường threshold"),
    ({"month_without_review": {"threshold": 2}}, "không dùng trường threshold"),
    ({"source_late": {"clear_margin": 2}}, "không dùng trường clear_margin"),
    ({"rank_drop": {"min_cases": 3}}, "không dùng trường min_cases"),
    ({"overdue_rate": {"threshold": None}}, "threshold để trống"),
    ({"overdue_rate": {"threshold": {"target": "online_min"}}}, "phải là số"),
    ({"rank_drop": {"threshold": float("inf")}}, "phải là số"),
    ({"rank_drop": {"clear_margin": -1}}, "từ 0 trở lên"),
    ({"rank_drop": {"window_days": 367}}, "từ 0 đến 366"),
    ({"rank_drop": {"for": "lâu"}}, "12h hoặc 3d"),
    ({"rank_drop": {"severity": "đỏ"}}, "critical"),
    ({"rank_drop": {"digest": "có"}}, "true hoặc false"),
    ({"rank_drop": {"owner": ""}}, "owner phải là chữ"),
])  # fmt: skip
def test_a_change_that_cannot_be_is_refused(change: dict[str, Any], says: str) -> None:
    with pytest.raises(CriteriaError, match=says):
        load_alert_rules(change)


@pytest.mark.parametrize(("name", "threshold", "best"), [
    ("dossiers_due_soon", 1, 0), ("overdue_rate", 0.0002, 0.0), ("satisfaction", 0.997, 1.0), ("good_grade_unlikely", 0.95, 1.0),
])  # fmt: skip
def test_an_alert_can_end_whatever_its_threshold(name: str, threshold: float, best: float) -> None:
    """The published margin may reach beyond what the figure can be."""
    rule = load_alert_rules({name: {"threshold": threshold}})[name]
    assert figure(best, threshold, rule.breached, rule.margin_at(threshold)) == CLEAR


@pytest.mark.parametrize("change", [
    {"overdue_rate": {"threshold": 0}}, {"overdue_rate": {"threshold": 1}}, {"rank_drop": {"threshold": 0.5}},
    {"rank_drop": {"window_days": 366}}, {"rank_drop": {"clear_margin": 0}}, {"source_late": {"threshold": 30}},
])  # fmt: skip
def test_a_change_at_the_edge_is_taken(change: dict[str, Any]) -> None:
    (name,) = change
    (field,) = change[name]
    assert getattr(load_alert_rules(change)[name], field) == change[name][field]


@pytest.mark.parametrize(("old", "new", "says"), [
    ("measure: online_rate", "measure: onlin_rate", "online_rate: số đo «onlin_rate» không có"),
    ("measure: online_rate", "measure: received", "không phải tỷ lệ"),
    ("{target: overdue_max}", "{target: overdue_most}", "overdue_rate: chỉ tiêu «overdue_most» không có"),
    ("  window_days: 5\n", "", "day_without_forms: loại survey_days cần trường window_days"),
    ("kind: rank_drop", "kind: rank", "rank_drop: kind «rank» không hợp lệ"),
    ("  digest: false\n", "  digest: false\n  when: now\n", "không có trường «when»"),
    ('{instrument: tb_dai_lanh_2023, clause: "Khoản 5"}', '{instrument: tb_moi, clause: "1"}', "văn bản «tb_moi» không có"),
    ('{instrument: tb_dai_lanh_2023, clause: "Khoản 3"}', '{instrument: cv_296_2023, clause: "1"}', "chưa thấy"),
])  # fmt: skip
def test_the_lint_says_where_and_what(tmp_path: Path, old: str, new: str, says: str) -> None:
    root = tmp_path / "criteria"
    shutil.copytree(ROOT, root, ignore=shutil.ignore_patterns("*.py", "__pycache__", "schema"))
    text = (root / "alerts.yaml").read_text(encoding="utf-8")
    assert old in text
    (root / "alerts.yaml").write_text(text.replace(old, new, 1), encoding="utf-8")
    found = [str(problem.relative_to(root)) for problem in lint(root)]
    assert any(says in each for each in found) and all(each.startswith("alerts.yaml:") for each in found), found
