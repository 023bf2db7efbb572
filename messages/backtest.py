"""The scorecard of past forecasts in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from messages import fmt

MODEL_LABELS: Final[Mapping[str, str]] = {
    "model": "Dự báo",
    "run_rate": "Kéo dài đà",
    "last_year": "Năm trước",
    "plain": "Từng xã riêng",
}
HINDSIGHT: Final = "Số liệu các năm cũ được nạp muộn, nên lần kiểm tra này dùng cả số liệu đến sau thời điểm dự báo; kết quả có thể đẹp hơn thực tế."
LEGEND: Final = (
    "Sai số là CRPS: số điểm lệch, có tính cả khoảng dự báo, càng nhỏ càng tốt. So với ba cách đơn giản: kéo dài đà (tỷ lệ đạt đến nay "
    "giữ đến cuối năm), năm trước (lấy kết quả năm trước), từng xã riêng (tỷ lệ từ đầu năm của từng xã, không học xã khác hay năm khác). "
    "Khoảng 80 % càng chứa gần 80 % số lần càng đúng mực; khoảng 95 % cũng vậy."
)


def card_text(card: Mapping[str, Any], years: Sequence[int], units: int, origins: int) -> str:
    """One sentence on how good the forecasts of past years were. card: `scoring.forecast.scorecard.card` of all of them."""
    head = (
        f"Trong {fmt.count(card['cases'])} lần dự báo đã kiểm tra lại ({years_text(years)}; {fmt.count(units)} xã, "
        f"{fmt.count(origins)} thời điểm), chỉ số cuối năm thật nằm trong khoảng 80{fmt.NBSP}% ở "
        f"{fmt.percent(card['coverage']['p80'], 0)} số lần, trong khoảng 95{fmt.NBSP}% ở {fmt.percent(card['coverage']['p95'], 0)} số lần"
    )
    compared = [
        text
        for base, what in (("run_rate", "kéo dài đà hiện tại"), ("last_year", "lấy kết quả năm trước"))
        if (text := skill_text(card[f"skill_vs_{base}"]["crps"], what))
    ]
    return f"{head}; sai số {', '.join(compared)}." if compared else f"{head}."


def skill_text(skill: float | None, what: str) -> str | None:
    """0.41 → "nhỏ hơn 41 % so với …". None where there is nothing to compare with."""
    if skill is None:
        return None
    if abs(skill) < 0.005:
        return f"ngang với cách {what}"
    return f"{'nhỏ' if skill > 0 else 'lớn'} hơn {fmt.percent(abs(skill), 0)} so với cách {what}"


def years_text(years: Sequence[int]) -> str:
    """[2021, 2022, 2024] → "các năm 2021, 2022, 2024"."""
    return f"năm {years[0]}" if len(years) == 1 else f"các năm {', '.join(map(str, years))}"


def origin_text(month: int) -> str:
    return f"Hết tháng {month}"
