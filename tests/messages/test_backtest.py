"""The scorecard in words."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest

from messages import backtest as words
from messages.fmt import NBSP


def card(**more: Any) -> dict[str, Any]:
    found = {
        "cases": 1430, "coverage": {"p80": 0.794, "p95": 0.951}, "skill_vs_run_rate": {"crps": 0.41}, "skill_vs_last_year": {"crps": -0.1},
    }  # fmt: skip
    return found | more


def test_the_sentence() -> None:
    text = words.card_text(card(), [2021, 2022], 13, 22).replace(NBSP, " ")
    assert text == (
        "Trong 1.430 lần dự báo đã kiểm tra lại (các năm 2021, 2022; 13 xã, 22 thời điểm), chỉ số cuối năm thật nằm trong khoảng 80 % "
        "ở 79 % số lần, trong khoảng 95 % ở 95 % số lần; sai số nhỏ hơn 41 % so với cách kéo dài đà hiện tại, lớn hơn 10 % so với cách "
        "lấy kết quả năm trước."
    )
    assert unicodedata.is_normalized("NFC", text)


def test_what_cannot_be_compared_is_not_mentioned() -> None:
    text = words.card_text(card(skill_vs_run_rate={"crps": None}, skill_vs_last_year={"crps": None}), [2022], 13, 11)
    assert "năm 2022;" in text and "sai số" not in text and text.endswith("số lần.")


@pytest.mark.parametrize(
    ("skill", "text"),
    [(0.004, "ngang với cách x"), (-0.25, "lớn hơn 25 % so với cách x"), (1.0, "nhỏ hơn 100 % so với cách x"), (None, None)],
)
def test_skills(skill: float | None, text: str | None) -> None:
    said = words.skill_text(skill, "x")
    assert (said and said.replace(NBSP, " ")) == text
