"""Levers, budget and dossiers to save in words: whole numbers, the day, plain Vietnamese, composed letters."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import asdict
from datetime import date
from typing import Any

import pytest

from messages.forecast import budget_text, lever_text, plan_texts
from scoring.forecast.budget import budgets
from scoring.forecast.levers import Step, changes, levers
from tests.scoring.forecast.blocks import random_block, rules_of

END = date(2023, 12, 31)


def lever(*steps: Step, **changed: Any) -> dict[str, Any]:
    plain = {"code": "X", "label": "Công khai ngân sách xã", "declared": None, "unit": "", "level": None}
    return plain | {"possible": True, "gain": 1.0, "steps": [asdict(step) for step in steps]} | changed


def test_a_share_of_new_cases_says_how_many_more_and_of_how_many() -> None:
    step = Step("online_rate", ">=", 0.3, "new", needed=41, coming=120)
    text = lever_text(lever(step), END)
    assert text == "Thêm 41 hồ sơ trực tuyến trước 31/12/2023 để đạt 30\u00a0% (trong khoảng 120 hồ sơ tiếp nhận sắp tới)"
    gone = lever_text(lever(Step("online_rate", ">=", 0.3, "new", 400, 120, reachable=False), possible=False), END)
    assert gone.startswith("Không còn kịp đạt 30\u00a0% trước 31/12/2023: cần 400 hồ sơ trực tuyến mà chỉ còn khoảng 120")
    assert gone.endswith("làm được phần nào vẫn thêm điểm phần đó")
    assert not lever_text(
        lever(Step("online_rate", ">=", 0.3, "new", 400, 120, reachable=False), possible=False, gain=0.0), END
    ).endswith("đó")


def test_other_measures_in_whole_cases() -> None:
    told = {
        Step("digitised_rate", ">=", 0.8, "existing", 1260, 90): (
            "Thêm 1.260 hồ sơ được số hóa trước 31/12/2023 để đạt 80\u00a0% (làm bù cho cả hồ sơ phải số hóa từ đầu năm cũng được tính)"
        ),
        Step("overdue_rate", "<", 0.01, "budget", 5, 90, room=2): (
            "Đến 31/12/2023 chỉ để phát sinh thêm tối đa 2 hồ sơ trễ hạn để giữ mức dưới 1\u00a0%"
        ),
        Step("overdue_rate", "<=", 0.0, "budget", 5, 90, room=0): (
            "Không để phát sinh thêm hồ sơ trễ hạn nào đến 31/12/2023 để giữ mức 0\u00a0%"
        ),
        Step("initiatives", ">=", 1.0, "existing", 1): "Thêm 1 sáng kiến trước 31/12/2023",
        Step("survey_day_coverage", ">=", 1.0, "new", 20, 20, all_good=True): (
            "Tỷ lệ ngày làm việc có lấy phiếu: cố gắng để cả khoảng 20 ngày làm việc sắp tới, đến 31/12/2023, đều là ngày có phiếu"
        ),
    }
    for step, text in told.items():
        assert lever_text(lever(step), END) == text


@pytest.mark.parametrize(
    ("declared", "value", "op", "unit", "text"),
    [
        ("yes_no", 1.0, ">=", "có / không", "Hoàn thành «Công khai ngân sách xã», kê khai"),
        ("share", 0.95, ">=", "tỷ lệ", "Đưa «Công khai ngân sách xã» lên 95\u00a0%, kê khai"),
        ("count", 0.0, "<=", "báo cáo chậm", "Giữ «Công khai ngân sách xã» ở mức không có báo cáo chậm, kê khai"),
        ("count", 2.0, "<=", "vụ việc (năm)", "Giữ «Công khai ngân sách xã» không quá 2 vụ việc, kê khai"),
        ("level", 2.0, ">=", "mức", "Đưa «Công khai ngân sách xã» lên mức «Tốt», kê khai"),
    ],
)
def test_declarations_are_done_first_then_declared(declared: str, value: float, op: str, unit: str, text: str) -> None:
    step = Step(None, op, value, "declare")
    found = lever_text(lever(step, declared=declared, unit=unit, level="Tốt"), END)
    assert found == f"{text} và gửi tài liệu kiểm chứng trước 31/12/2023"
    again = lever_text(lever(Step(None, op, value, "better"), declared=declared, unit=unit, level="Tốt"), END)
    assert "kê khai lại" in again


@pytest.mark.parametrize("name", ["commune_reconstructed", "one_stop_commune", "qd_766"])
def test_every_lever_of_every_set_has_words(name: str) -> None:
    rules = rules_of(name)
    for seed in range(3):
        block = random_block(rules, seed, draws=60)
        found = levers(block, rules, "Tốt", changes(block, rules))
        for own in found.values():
            plain = [asdict(x) for x in own]
            texts = plan_texts(plain, [x["code"] for x in plain], END)
            assert len(texts) == len(own) > 0
            for text in (t.split(": ", 1)[1] for t in texts):
                assert "31/12/2023" in text and unicodedata.is_normalized("NFC", text) and not text.endswith(".")
                assert not re.search(r"None|nan|\d\.\d{1,2}\b|  ", text), text
        for budget in budgets(block, rules).values():
            if budget is not None:
                assert not re.search(r"None|nan|  ", budget_text(asdict(budget), END))


def test_without_a_plan_there_is_nothing_to_say() -> None:
    assert plan_texts([], None, END) == [] and plan_texts([], (), END) == []


BUDGET = {
    "limit": 0.01, "strict": True, "late_now": 3, "late_expected": 2.6, "counted_now": 700, "counted_expected": 1000,
    "counted_prudent": 890, "allowed": 9, "prudent": 8, "needed": 0, "coming": 300,
}  # fmt: skip


def test_the_budget_in_words() -> None:
    text = budget_text(BUDGET, END)
    assert text.startswith("Còn được trễ tối đa 6 hồ sơ đến 31/12/2023 để giữ dưới 1\u00a0% (đã trễ 3, dự kiến trễ thêm khoảng 3")
    assert text.endswith("Nếu hồ sơ về ít hơn dự kiến thì chỉ được trễ 5.")
    assert budget_text(BUDGET | {"late_now": 9}, END).startswith("Không được trễ thêm hồ sơ nào đến 31/12/2023")
    over = budget_text(BUDGET | {"late_now": 8, "needed": 101}, END)
    assert "Hôm nay tỷ lệ đang vượt; cần thêm 101 hồ sơ đúng hạn" in over and over.startswith("Còn được trễ tối đa 1 hồ sơ")
    gone = budget_text(BUDGET | {"late_now": 12, "needed": 501}, END)
    assert gone.startswith("Đã vượt 3 hồ sơ so với mức dưới 1\u00a0%") and "không còn kịp trong năm" in gone
    none = BUDGET | {"limit": 0.0, "strict": False, "allowed": 0, "prudent": 0, "late_now": 2, "needed": -1}
    assert budget_text(none, END).endswith("Không còn giữ được mức không có hồ sơ trễ hạn trong năm.")
