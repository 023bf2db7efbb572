"""Rules in words: every family has its sentence, with Vietnamese numbers, and unknown targets are loud."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from criteria import Criterion, Rule, Source, TargetValue, list_sets, load_set
from criteria.rule_specs import RULE_SPECS
from messages.rules import rule_words

SOURCE = Source("van_ban", "Điều 1", "1/QĐ-UBND")
SHARE = Criterion("A.1", "A", "Tiêu chí", "tỷ lệ", "higher", "Văn phòng", (), declared="share")
COUNT = replace(SHARE, declared="count", unit="vụ việc")
LEVEL = replace(SHARE, declared="level", unit="mức", levels=("Chưa tốt", "Tốt"))
INPUTS = replace(SHARE, unit="tỷ lệ thủ tục trực tuyến", inputs={"late": "overdue_rate"})
CONDITIONS = [{"input": "declared", "op": ">=", "value": 0.2}, {"input": "late", "op": "==", "value": 0}]


@pytest.mark.parametrize(
    ("criterion", "family", "params", "expected"),
    [
        (replace(SHARE, declared="yes_no"), "yes_no", {}, "có: 2,5 điểm; không: 0"),
        (COUNT, "yes_no", {"at_least": 2}, "đạt từ 2: 2,5 điểm; không: 0"),
        (COUNT, "per_item", {"per_item": 0.5}, "mỗi vụ việc: 0,5 điểm, tối đa 2,5 điểm"),
        (LEVEL, "breach", {}, "không vi phạm: 2,5 điểm; nhẹ: 50 %; nghiêm trọng: 0"),
        (LEVEL, "graded_share", {"shares": [0.5, 1]}, "Chưa tốt: 50 %; Tốt: 100 % của 2,5 điểm"),
        (SHARE, "capped_ratio", {"target": 0.8}, "đạt từ 80 %: 2,5 điểm; thấp hơn: theo tỷ lệ so với mức đó"),
        (SHARE, "survey_index", {}, "đạt từ 100 %: 2,5 điểm; thấp hơn: theo tỷ lệ so với mức đó"),
        (SHARE, "linear", {}, "tỷ lệ đạt × 2,5 điểm"),
        (SHARE, "falling_linear", {"full_below": 0.01, "zero_at": 0.055}, "dưới 1 %: 2,5 điểm; giảm đều đến 0 tại 5,5 %"),
        (SHARE, "steps", {"steps": [{"from": 0.9, "points": 2.5}]}, "từ 90 %: 2,5 điểm; còn lại: 0"),
        (COUNT, "steps_down", {"steps": [{"upto": 3, "points": 2.5}], "otherwise": 1}, "đến 3: 2,5 điểm; còn lại: 1"),
        (
            INPUTS, "compound_steps", {"levels": [{"points": 2.5, "all": CONDITIONS}]},
            "tỷ lệ thủ tục trực tuyến từ 20 % và tỷ lệ hồ sơ trễ hạn bằng 0 %: 2,5 điểm; còn lại: 0",
        ),
        (
            replace(INPUTS, declared="count", unit="bài tuyên truyền", inputs={"late": "open_overdue"}), "compound_steps",
            {"levels": [{"points": 2.5, "all": [CONDITIONS[0] | {"value": 12}, CONDITIONS[1] | {"op": "<=", "value": 5}]}]},
            "bài tuyên truyền từ 12 và hồ sơ đang giải quyết quá hạn đến 5: 2,5 điểm; còn lại: 0",
        ),
        (SHARE, "plan_completion", {}, "hoàn thành từ 100 %: 2,5 điểm; từ 80 %: theo tỷ lệ; dưới 80 %: 0"),
        (COUNT, "penalty_per_event", {"per_event": 0.25}, "2,5 điểm, mỗi vụ việc trừ 0,25 điểm, không dưới 0"),
        (SHARE, "penalty_per_percent", {"per_percent": 0.2}, "2,5 điểm, mỗi 1 % trừ 0,2 điểm, không dưới 0"),
        (COUNT, "bonus_penalty", {"per_event": 1, "sign": -1}, "trừ 1 điểm mỗi vụ việc, tối đa 2,5 điểm"),
    ],
)  # fmt: skip
def test_words(criterion: Criterion, family: str, params: dict[str, Any], expected: str) -> None:
    text = rule_words(Rule(family, params), 2.5, criterion)
    assert text.replace("\u00a0", " ") == expected and unicodedata.is_normalized("NFC", text)


def test_a_target_is_named_and_loud_when_unknown() -> None:
    rule = Rule("capped_ratio", {"target": {"target": "online_min"}})
    known = TargetValue("online_min", "Trực tuyến", "share", "commune", date(2023, 1, 1), 0.3, True, SOURCE, "official")
    assert "đạt từ 30\u00a0% (chỉ tiêu «online_min»)" in rule_words(rule, 5, SHARE, {"online_min": known})
    assert "CHƯA RÕ" in rule_words(rule, 5, SHARE, {"online_min": replace(known, known=False)})
    assert "đạt từ chỉ tiêu «online_min»" in rule_words(rule, 5, SHARE)


@pytest.mark.parametrize("name", list_sets())
def test_every_rule_in_use_and_every_family_has_words(name: str) -> None:
    for c in load_set(name).criteria:
        for v in c.versions:
            if v.rule is not None and v.max_points is not None:
                text = rule_words(v.rule, v.max_points, c)
                assert "{" not in text and v.rule.family not in text


def test_no_family_is_left_without_words() -> None:
    from messages.rules import _WORDS

    assert set(_WORDS) == set(RULE_SPECS)
