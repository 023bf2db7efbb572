"""The other registers of one commune and year: survey forms, officers' reviews, tasks, initiatives, declarations."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import pandas as pd

from synthetic.dossiers import OFFICERS_PER_UNIT
from synthetic.names import officer_names
from synthetic.procedures import DESKS
from synthetic.profiles import (
    DAI_LANH,
    DECLARATIONS,
    INITIATIVES,
    REVIEWS,
    SURVEYS,
    TASKS,
    Commune,
    Settings,
    stream,
)
from synthetic.worktime import WorkClock, day_number, to_datetime64

FACTORS = ("access", "procedures", "officials", "results", "feedback")
COMMENTS = (
    "Thủ tục nhanh gọn", "Cán bộ hướng dẫn nhiệt tình", "Cần thêm ghế chờ", "Chờ hơi lâu", "Đề nghị nhắn tin khi có kết quả",
    "Nộp trực tuyến còn khó", "Rất tốt",
)  # fmt: skip
PROGRAMME = "CTr 12823/CTr-UBND"
_PLAN = (
    "Ban hành kế hoạch CCHC năm", "Tự kiểm tra CCHC", "Rà soát thủ tục hành chính", "Niêm yết công khai thủ tục",
    "Tuyên truyền dịch vụ công trực tuyến", "Số hóa hồ sơ, giấy tờ", "Khảo sát mức độ hài lòng", "Đánh giá ISO 9001",
    "Báo cáo CCHC định kỳ", "Tập huấn kỹ năng số cho công chức",
)  # fmt: skip
_PROGRAMME = (
    "Thành lập Tổ công nghệ số cộng đồng", "Vận hành Điểm dịch vụ công trực tuyến", "Thanh toán trực tuyến phí, lệ phí",
    "Ký số văn bản điện tử", "Cắt giảm thời gian giải quyết thủ tục",
)  # fmt: skip
_IDEAS = (
    "Ngày thứ Năm không viết", "Trả kết quả tại nhà cho người cao tuổi", "Mã QR tra cứu hồ sơ tại thôn",
    "Tổ lưu động hỗ trợ nộp hồ sơ trực tuyến", "Sổ tay thủ tục bằng hình ảnh",
)  # fmt: skip
_MISSED = {DAI_LANH: (2, 8), "22519": (1, 2, 7, 8), "22522": (2, 6, 9), "22504": (8,)}


@dataclass(frozen=True)
class Declared:
    """One criterion that only a declaration can give. `kind` says what its value is; `top` is its maximum, in points.

    shares: the share of `top` that each level gives.
    """

    code: str
    kind: str
    top: float
    penalty: float = 0.0
    shares: tuple[float, ...] = (0.0, 0.5, 0.75, 1.0)


DECLARED: tuple[Declared, ...] = (
    Declared("I.1", "days", 1.5), Declared("I.3", "count", 1.5, 0.25), Declared("I.4", "share", 1.5),
    Declared("I.5", "yes_no", 1.5), Declared("II.1", "yes_no", 2), Declared("II.2", "share", 2),
    Declared("II.3", "share", 2), Declared("III.1", "share", 3), Declared("III.2", "share", 3),
    Declared("III.4", "share", 2), Declared("III.5", "share", 2), Declared("IV.1", "yes_no", 2),
    Declared("IV.2", "yes_no", 2), Declared("IV.3", "yes_no", 1), Declared("V.1", "share", 2),
    Declared("V.2", "share", 2), Declared("V.3", "level", 1), Declared("V.4", "count", 3, 0.5),
    Declared("V.5", "yes_no", 1), Declared("VI.1", "yes_no", 2), Declared("VI.2", "share", 2),
    Declared("VI.3", "share", 1), Declared("VII.4", "share", 3), Declared("VII.5", "yes_no", 1),
    Declared("VII.6", "yes_no", 1), Declared("VIII.2", "share", 5), Declared("IX.1", "count", 5, -1.0),
    Declared("IX.2", "count", 0, 1.0),
    # QĐ 766: what a commune can say of itself; the others stay without data.
    Declared("1.2", "share", 4), Declared("1.3", "share", 2), Declared("1.4", "share", 6), Declared("3.1", "share", 4),
    Declared("3.2", "share", 4), Declared("3.5a", "share", 2), Declared("3.5b", "share", 2), Declared("4.5a", "share", 2),
    Declared("4.5b", "share", 2), Declared("5.2", "share", 6), Declared("5.3", "share", 6), Declared("5.4", "share", 6),
    # The one-stop evaluation of NĐ 61/2018.
    *(Declared(code, "level", 2, shares=(0.0, 0.5, 1.0)) for code in ("MC.4", "MC.5", "MC.6")),
    Declared("MC.8", "share", 2), Declared("MC.9", "share", 2),
)  # fmt: skip
#: Shares that are mostly whole: a service either keeps its times or it does not.
_WHOLE = ("III", "5.2", "MC.8")


def survey_forms(commune: Commune, year: int, seed: int, clock: WorkClock, settings: Settings, codes: pd.Series) -> pd.DataFrame:
    """Forms of one commune and year, with days on which none was taken. Grain: one row per form. Answers 1–5 or missing."""
    rng = stream(seed, commune.number, year, SURVEYS)
    q = commune.quality
    days = clock.days[clock.positions(dt.date(year, 1, 1), dt.date(year, 12, 31))]
    taken = days[rng.random(len(days)) < 0.60 + 0.38 * q]
    per_day = 1 + rng.poisson(max(settings.survey_forms - 1.0, 0.0), len(taken))
    day = np.repeat(taken, per_day)
    n = len(day)
    mood = rng.normal(0.0, 0.05, n)
    base = 0.735 + 0.185 * q
    answers: dict[str, np.ndarray] = {}
    for name, offset in zip((*FACTORS, "overall"), (0.0, -0.02, 0.03, 0.01, -0.03, 0.02), strict=True):
        pleased = rng.random(n) < np.clip(base + offset + mood, 0.02, 0.99)
        score = np.where(pleased, np.where(rng.random(n) < 0.45, 5, 4), rng.choice([3, 2, 1], n, p=[0.6, 0.3, 0.1]))
        answers[name] = np.where(rng.random(n) < 0.008, np.nan, score)
    place = (np.arange(n) * len(codes) // max(n, 1)).astype(int)
    about: np.ndarray = codes.to_numpy(dtype=object)[place] if len(codes) else np.full(n, None, dtype=object)
    officers = np.array(officer_names(commune.number, OFFICERS_PER_UNIT), dtype=object)
    named = officers[rng.integers(0, len(officers), n)]
    named[rng.random(n) >= np.where(answers["officials"] <= 2, 0.35, 0.03)] = None  # the discontent say by whom
    comment = np.array(COMMENTS, dtype=object)[rng.integers(0, len(COMMENTS), n)]
    comment[rng.random(n) >= 0.15] = None
    about[rng.random(n) >= 0.7] = None
    return pd.DataFrame(
        {
            "form_code": [f"PKS-{commune.unit_code}-{year % 100:02d}{i:05d}" for i in range(1, n + 1)],
            "unit_code": commune.unit_code,
            "answered_on": to_datetime64(day * 86_400),
            "dossier_code": about,
            **answers,
            "named_official": named,
            "comment": comment,
        }
    )


def officer_reviews(commune: Commune, year: int, seed: int, clock: WorkClock) -> pd.DataFrame:
    """Monthly reviews of the officers; some communes miss months. Grain: one row per officer and month. Points out of 10."""
    rng = stream(seed, commune.number, year, REVIEWS)
    officers = officer_names(commune.number, OFFICERS_PER_UNIT)
    missed = _MISSED.get(commune.unit_code, () if commune.quality > 0.4 else (int(rng.integers(1, 13)),))
    rows = []
    for month in range(1, 13):
        last = dt.date(year + month // 12, month % 12 + 1, 1) - dt.timedelta(days=1)
        reviewed = int(clock.days[clock.positions(dt.date(year, month, 1), last)][-1 - int(rng.integers(0, 3))])
        points = np.clip(rng.normal(7.2 + 2.0 * commune.quality, 1.0, len(officers)), 0, 10).round(1)
        if month in missed:
            continue
        for slot, officer in enumerate(officers):
            point = float(points[slot])
            grade = "Xuất sắc" if point >= 9 else "Tốt" if point >= 7.5 else "Khá" if point >= 6 else "Trung bình"
            desk = DESKS[slot % len(DESKS)]
            rows.append((commune.unit_code, dt.date(year, month, 1), officer, desk, point, grade, _date(reviewed)))
    names = ["unit_code", "month", "officer", "department", "points", "grade", "reviewed_on"]
    return _dated(pd.DataFrame(rows, columns=names), "month", "reviewed_on")


def tasks(commune: Commune, year: int, seed: int) -> pd.DataFrame:
    """District plan and programme tasks of one commune and year. Grain: one row per task."""
    rng = stream(seed, commune.number, year, TASKS)
    officers = officer_names(commune.number, OFFICERS_PER_UNIT)
    rows = []
    titles = [("Kế hoạch CCHC của huyện", t) for t in _PLAN] + [(PROGRAMME, t) for t in _PROGRAMME]
    for number, (programme, title) in enumerate(titles, start=1):
        assigned = day_number(dt.date(year, 1, 10)) + int(rng.integers(0, 60))
        due = day_number(dt.date(year, 4, 1)) + int(rng.integers(0, 260))
        draw = rng.random()
        on_time, ever = 0.62 + 0.36 * commune.quality, 0.84 + 0.16 * commune.quality
        gap = int(rng.integers(1, 30))
        done = due - min(gap, due - assigned - 1) if draw < on_time else due + 2 * gap if draw < ever else None
        slot = int(rng.integers(0, len(officers)))
        evidence = f"Báo cáo số {int(rng.integers(10, 400))}/BC-UBND" if done is not None else None
        row = (
            f"NV-{commune.unit_code}-{year % 100:02d}-{number:02d}", commune.unit_code, programme, title,
            DESKS[slot % len(DESKS)], officers[slot], _date(assigned), _date(due),
            None if done is None else _date(done), "Hoàn thành" if done is not None else "Đang thực hiện", evidence,
        )  # fmt: skip
        rows.append(row)
    names = [
        "task_code", "unit_code", "programme", "title", "department", "owner", "assigned_on", "due_on", "done_on",
        "status", "evidence",
    ]  # fmt: skip
    return _dated(pd.DataFrame(rows, columns=names), "assigned_on", "due_on", "done_on")


def initiatives(commune: Commune, year: int, seed: int) -> pd.DataFrame:
    """Initiatives of one commune and year; weak communes may have none. Grain: one row per initiative."""
    rng = stream(seed, commune.number, year, INITIATIVES)
    count = int(rng.binomial(2, 0.25 + 0.7 * commune.quality))
    officers = officer_names(commune.number, OFFICERS_PER_UNIT)
    rows = []
    for number in range(1, count + 1):
        submitted = day_number(dt.date(year, 2, 1)) + int(rng.integers(0, 200))
        recognised = submitted + int(rng.integers(20, 90)) if rng.random() < 0.6 + 0.4 * commune.quality else None
        decision = None if recognised is None else f"{int(rng.integers(100, 900))}/QĐ-UBND"
        title = _IDEAS[int(rng.integers(0, len(_IDEAS)))]
        code = f"SK-{commune.unit_code}-{year % 100:02d}-{number:02d}"
        done = None if recognised is None else _date(recognised)
        owner = officers[int(rng.integers(0, len(officers)))]
        rows.append((code, commune.unit_code, title, owner, _date(submitted), done, decision))
    names = ["initiative_code", "unit_code", "title", "owner", "submitted_on", "recognised_on", "decision"]
    return _dated(pd.DataFrame(rows, columns=names), "submitted_on", "recognised_on")


def declarations(commune: Commune, year: int, seed: int) -> pd.DataFrame:
    """Self-scores for what no export can give; some criteria are not declared at all. Grain: unit × year × criterion.

    Units: value by kind (share /1, days, count, level from 0, yes = 1) · points as the commune scores itself.
    """
    rng = stream(seed, commune.number, year, DECLARATIONS)
    q = commune.quality
    rows: list[tuple[object, ...]] = []
    for item in DECLARED:
        good = rng.random() < 0.56 + 0.33 * q
        share = float(np.round(np.clip(rng.normal(0.70 + 0.23 * q, 0.06), 0.3, 1.0), 3))
        few, level = int(rng.poisson(2.2 * (1 - q))), _level(len(item.shares) - 1, q)
        value = {
            "days": 0.0 if good else float(3 + few * 4),
            "count": float(few if item.penalty > 0 else rng.binomial(2, 0.5 * q)),
            "share": 1.0 if good and item.code.startswith(_WHOLE) else share,
            "yes_no": float(good),
            "level": float(level),
        }[item.kind]
        points = {
            "days": item.top * (1.0 if value == 0 else 0.5 if value <= 10 else 0.0),
            "count": np.clip(item.top - item.penalty * value, 0, item.top) if item.penalty > 0 else value,
            "share": item.top * value,
            "yes_no": item.top * value,
            "level": item.top * item.shares[level],
        }[item.kind]
        if item.code == "IX.2":
            points = -value
        declared = day_number(dt.date(year, 10, 1)) + int(rng.integers(0, 80))
        draw, number = rng.random(), int(rng.integers(10, 500))
        if item.code == "II.3" and draw < 0.4:
            rows.append((commune.unit_code, year, item.code, None, None, "not_applicable", None, _date(declared)))
            continue
        if draw < 0.10 * (1 - q):  # nothing declared yet
            continue
        state = "declared" if draw < 0.30 - 0.15 * q else "evidenced" if draw < 0.75 else "appraised"
        evidence = None if state == "declared" else f"Văn bản số {number}/UBND ngày {_date(declared):%d/%m/%Y}"
        rows.append(
            (
                commune.unit_code,
                year,
                item.code,
                value,
                float(np.round(points, 3)),
                state,
                evidence,
                _date(declared),
            )
        )
    names = ["unit_code", "year", "criterion_code", "value", "points", "state", "evidence", "declared_on"]
    frame = pd.DataFrame(rows, columns=names).astype({"value": "float64", "points": "float64"})
    return _dated(frame, "declared_on")


def _level(top: int, quality: float) -> int:
    """The level, 0 to `top`, that a commune of a quality has reached."""
    return int(np.clip(round(top * (0.35 + 0.55 * quality)), 0, top))


def _date(day: int) -> dt.date:
    """The date of a day number."""
    return dt.date(1970, 1, 1) + dt.timedelta(days=day)


def _dated(frame: pd.DataFrame, *names: str) -> pd.DataFrame:
    """The frame with these columns as timestamps (midnight), missing ones NaT."""
    for name in names:
        frame[name] = pd.to_datetime(frame[name]).astype("datetime64[s]")
    return frame
