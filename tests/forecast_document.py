"""A forecast as `flows.steps.forecast` gives it, with invented figures: for the pictures, the tables and the reports."""

from __future__ import annotations

import math
from copy import deepcopy
from datetime import date, timedelta
from statistics import NormalDist
from typing import Any

LEVELS = {"p025": 0.025, "p05": 0.05, "p10": 0.10, "p25": 0.25, "p50": 0.50, "p75": 0.75, "p90": 0.90, "p95": 0.95, "p975": 0.975}
BANDS = [
    {"grade": "Tốt", "from": 80.0, "below": None}, {"grade": "Khá", "from": 65.0, "below": 80.0},
    {"grade": "Trung bình", "from": 50.0, "below": 65.0}, {"grade": "Yếu", "from": None, "below": 50.0},
]  # fmt: skip
NAMES = ["Đại Lãnh", "Vạn Thọ", "Vạn Phước", "Vạn Long", "Vạn Khánh", "Vạn Bình", "Vạn Thắng", "Vạn Phú", "Vạn Lương",
         "Vạn Giã", "Vạn Hưng", "Xuân Sơn", "Vạn Thạnh"]  # fmt: skip

CRITERIA: list[dict[str, Any]] = [
    {"code": "III.3", "label": "Tỷ lệ hồ sơ trễ hạn", "kind": "dossiers", "points_now": 3.0, "mean": 3.6, "p10": 2.0, "p50": 4.0,
     "p90": 4.0, "max_points": 4.0, "variance_share": 0.35, "owner": "Bộ phận Một cửa", "provenance": "reconstructed"},
    {"code": "VIII.1", "label": "Mức độ hài lòng của người dân", "kind": "survey", "points_now": None, "mean": 10.2, "p10": 8.5,
     "p50": 10.4, "p90": 11.6, "max_points": 12.0, "variance_share": 0.45, "owner": "Bộ phận Một cửa", "provenance": "reconstructed"},
    {"code": "I.1", "label": "Kế hoạch cải cách hành chính", "kind": "declared", "points_now": 2.0, "mean": 2.0, "p10": 2.0, "p50": 2.0,
     "p90": 2.0, "max_points": 2.0, "variance_share": 0.2, "owner": "Văn phòng", "provenance": "reconstructed"},
]  # fmt: skip

#: `p_good_if_done` here is what the lever adds; `commune` makes it the probability.
LEVERS: list[dict[str, Any]] = [
    {"code": "VII.2", "label": "Tỷ lệ hồ sơ nộp trực tuyến", "points_now": 2.0, "points_possible": 3.5, "needed": 41,
     "needed_text": "Thêm 41 hồ sơ nộp trực tuyến trước 31/12/2023", "p_good_if_done": 0.18, "rank_now": 5.1,
     "rank_if_done": 4.2, "owner": "Bộ phận Một cửa", "effort": 41.0},
    {"code": "I.5", "label": "Sáng kiến cải cách hành chính được công nhận trong năm", "points_now": 0.0, "points_possible": 1.0,
     "needed": 1, "needed_text": "Thêm 1 sáng kiến được công nhận", "p_good_if_done": 0.11, "rank_now": 5.1,
     "rank_if_done": 4.6, "owner": "Văn phòng", "effort": 20.0},
    {"code": "III.3", "label": "Tỷ lệ hồ sơ trễ hạn", "points_now": 3.0, "points_possible": 4.0, "needed": 6,
     "needed_text": "Giải quyết đúng hạn 6 hồ sơ đang mở", "p_good_if_done": 0.10, "rank_now": 5.1,
     "rank_if_done": 4.7, "owner": "Tư pháp - Hộ tịch", "effort": 6.0},
    {"code": "VII.4", "label": "Tỷ lệ hồ sơ thanh toán trực tuyến", "points_now": 1.0, "points_possible": 1.5, "needed": None,
     "needed_text": "", "p_good_if_done": 0.02, "rank_now": 5.1, "rank_if_done": 5.0, "owner": None,
     "effort": 60.0},
]  # fmt: skip


def quantiles(middle: float, sd: float) -> dict[str, float]:
    """Return an index's quantiles, normal."""
    return {"mean": middle} | {name: middle + sd * NormalDist().inv_cdf(level) for name, level in LEVELS.items()}


def grades(middle: float, sd: float) -> dict[str, float]:
    """Return the probability of each grade."""
    below = NormalDist(middle, sd).cdf
    return {
        str(band["grade"]): (1.0 if band["below"] is None else below(float(str(band["below"]))))
        - (0.0 if band["from"] is None else below(float(str(band["from"]))))
        for band in BANDS
    }


def ranks(expected: float, of: int) -> list[float]:
    """Return the probability of each rank."""
    raw = [math.exp(-0.5 * ((rank - expected) / 1.4) ** 2) for rank in range(1, of + 1)]
    return [value / sum(raw) for value in raw]


def history(middle: float) -> list[dict[str, Any]]:
    """Return a forecast every ten days from the end of January, each surer than the one before."""
    rows = []
    for number in range(15):
        spread = quantiles(middle - 2.0 * math.sin(number / 3) * (15 - number) / 15, 3.8 - 0.1 * number)
        day = date(2023, 1, 31) + timedelta(days=10 * number)
        rows.append({"as_of": f"{day}T23:59:59+07:00"} | {name: spread[name] for name in ("p025", "p10", "p50", "p90", "p975")})
    return rows


def commune(number: int) -> dict[str, Any]:
    """Return one commune: 0 is the one with everything in it."""
    middle, sd = 78.4 + (0.0, 6.3, 4.1, 2.9, 1.7, -0.9, -2.2, -3.0, -4.4, -6.1, -8.0, -11.0, -16.5)[number], 2.3 + 0.1 * number
    place = (5.1, 1.4, 2.2, 3.1, 4.0, 5.9, 7.0, 7.8, 8.9, 10.1, 11.0, 11.9, 12.8)[number]
    chances = grades(middle, sd)
    return {
        "commune": str(22492 + 3 * number), "name": NAMES[number], "unit_id": str(22492 + 3 * number),
        "now": {"total": middle - 12.0, "share_pct": 78.5, "grade": "Khá", "rank": round(place)},
        "index": quantiles(middle, sd), "grading_index": quantiles(middle, sd), "grade_probability": chances,
        "p_good": chances["Tốt"], "rank_probability": ranks(place, 13), "expected_rank": place, "rank_basis": "joint",
        "not_measured_share": 0.41, "criteria": deepcopy(CRITERIA), "levers": [lever | {"p_good_now": chances["Tốt"], "p_good_if_done": min(1.0, chances["Tốt"] + lever["p_good_if_done"])}
                   for lever in deepcopy(LEVERS)],
        "plan": {"codes": ["VII.2", "I.5"], "p_good": 0.83,
                 "texts": ["VII.2: Thêm 41 hồ sơ nộp trực tuyến trước 31/12/2023", "I.5: Thêm 1 sáng kiến được công nhận"]},
        "budget": {"definition": "qd766", "limit": 0.01, "strict": True, "late_now": 9, "late_expected": 13.4, "allowed": 20,
                   "left": 11, "counted_expected": 2105.0,
                   "text": "Còn được trễ tối đa 11 hồ sơ đến 31/12/2023 để giữ dưới 1 %; dự kiến sẽ trễ thêm 4 hồ sơ."},
        "to_save": [
            {"dossier_code": "H32.105.22492-230628-0007", "procedure": "Đăng ký khai sinh", "officer": "Cán bộ 03",
             "department": "Tư pháp - Hộ tịch", "received_on": "2023-06-28", "due_on": "2023-07-03", "days_left": 1.0, "p_late": 0.62,
             "points": 0.04},
            {"dossier_code": "H32.105.22492-230620-0011", "procedure": "Chứng thực bản sao từ bản chính", "officer": None,
             "department": "Tư pháp - Hộ tịch", "received_on": "2023-06-20", "due_on": "2023-06-30", "days_left": 0.0, "p_late": 0.81,
             "points": 0.03},
        ],
        "open": {"count": 37, "past_due": 4, "expected_late": 6.2},
        "changes": {"since": "2023-06-29T23:59:59+07:00", "before": 77.9, "after": 78.4, "new_facts": 0.42, "elapsed": 0.08,
                    "rules": 0.0, "text": None},
        "history": history(middle),
    }  # fmt: skip


def document(communes: int = 13) -> dict[str, Any]:
    """Return the forecast of a district at mid-year."""
    return {
        "criteria_set": "commune_reconstructed", "criteria_hash": "0" * 64,
        "criteria_label": "Bộ tiêu chí CCHC cấp xã (bản dựng lại, 100 điểm)", "provenance": "reconstructed",
        "warning": "Bản dựng lại để tham khảo.", "definition": "qd766", "year": 2023, "as_of": "2023-06-30T23:59:59+07:00",
        "known_at": "2023-06-30T23:59:59+07:00", "horizon": "2023-12-31", "draws": 10000, "seed": 7, "good_grade": "Tốt",
        "bands": deepcopy(BANDS), "unknown_targets": [{"label": "Hồ sơ trực tuyến", "assumed": 0.5}],
        "calibration": {"factor": 1.1, "origins": 24, "years": [2021, 2022]},
        "communes": [commune(number) for number in range(communes)], "scorecard": None,
    }  # fmt: skip
