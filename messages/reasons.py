"""Why a point was lost and what brings it back, in Vietnamese, from the engine's reason code and numbers.

`reason_text` says what happened with the figures behind it; `recover_text` what to do, in whole cases.
Both take the code and the params of one row of the scores; an unknown code raises KeyError.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

from criteria.loader import load_measures
from criteria.model import Measure
from messages import fmt

Params = Mapping[str, Any]
Writer = Callable[[Params], str]

STATUS_LABELS: Final[Mapping[str, str]] = {
    "scored": "Đã chấm",
    "not_applicable": "Không áp dụng",
    "no_data": "Chưa có số liệu",
    "not_yet_in_force": "Chưa có hiệu lực",
    "needs_review": "Cần thẩm định",
}
GRADE_STATUS_LABELS: Final[Mapping[str, str]] = {
    "graded": "Đã xếp loại",
    "insufficient_data": "Chưa đủ số liệu để xếp loại",
}
PROVENANCE_LABELS: Final[Mapping[str, str]] = {
    "official": "theo văn bản",
    "reconstructed": "bản dựng lại",
    "assumed": "giả định",
}
IMPOSSIBLE: Final = -1


@lru_cache(maxsize=1)
def _measures() -> Mapping[str, Measure]:
    return load_measures()


def _measure(p: Params) -> Measure | None:
    return _measures().get(p.get("measure") or "")


def _good(p: Params) -> str:
    m = _measure(p)
    return m.numerator if m else "trường hợp"


def _all(p: Params) -> str:
    m = _measure(p)
    return (m.denominator if m else None) or "trường hợp"


def _share(p: Params) -> str:
    """ "0,98 % (8/812 hồ sơ được tính)", or the share alone for a declared value."""
    text = fmt.percent(p.get("value"))
    if p.get("numerator") is None or p.get("denominator") is None:
        return text
    return f"{text} ({fmt.count(p['numerator'])}/{fmt.count(p['denominator'])} {_all(p)})"


def _assumed(p: Params) -> str:
    """A target whose figure was never found is said aloud wherever it decides."""
    return " (chỉ tiêu giả định, chưa có văn bản)" if p.get("targets_unknown") else ""


def _below_target(p: Params) -> str:
    return f"{p['label']}: đạt {_share(p)}, dưới mức {fmt.percent(p['threshold'])}{_assumed(p)}"


def _incomplete(p: Params) -> str:
    return f"{p['label']}: mới đạt {_share(p)}, mức tối đa là {fmt.percent(p['threshold'])}"


def _above_limit(p: Params) -> str:
    text = f"{p['label']}: {_share(p)}, không dưới mức {fmt.percent(p['threshold'])}"
    if p.get("numerator") is not None and p.get("budget") is not None:
        text += f"; có {fmt.count(p['numerator'])} {_good(p)}, mức cho phép tối đa {fmt.count(p['budget'])}"
    return text


def _step_missed(p: Params) -> str:
    return f"{p['label']}: đạt {_share(p)}, chưa tới bậc {fmt.percent(p['threshold'])} ({fmt.points(p['next_points'])} điểm)"


def _plan(p: Params) -> str:
    text = f"{p['label']}: hoàn thành {_share(p)}"
    if p["value"] < p["ratio_from"]:
        return f"{text}, dưới {fmt.percent(p['ratio_from'])} nên không có điểm"
    return f"{text}, chưa đủ {fmt.percent(p['threshold'])}"


_OPERATORS: Final = {">=": "từ", ">": "trên", "<=": "không quá", "<": "dưới", "==": "đúng bằng"}


def _conditions(p: Params) -> list[tuple[str, str, str]]:
    """For each condition that fails: what it is about, what was reached, what is wanted."""
    out = []
    for c in p["unmet"]:
        m = _measures().get(c["measure"] or "")
        name = m.label.lower() if m else p["unit"]
        share = m.unit == "share" if m else p.get("declared") in (None, "share")
        shown = fmt.percent if share else fmt.count
        out.append((name, shown(c["value"]), f"{_OPERATORS[c['op']]} {shown(c['threshold'])}"))
    return out


def _unmet(p: Params) -> str:
    return "; ".join(f"{name} {got} (cần {wanted})" for name, got, wanted in _conditions(p)) or "thiếu điều kiện"


def _wanted(p: Params) -> str:
    return "; ".join(f"{name} {wanted}" for name, _, wanted in _conditions(p)) or "mọi điều kiện của bậc cao nhất"


def _not_met(p: Params) -> str:
    if p.get("measure"):
        return f"{p['label']}: mới có {fmt.count(p['value'])}/{fmt.count(p['threshold'])} {_good(p)}"
    return f"{p['label']}: chưa thực hiện"


def _events(p: Params) -> str:
    return f"{p['label']}: {fmt.count(p['events'])} {p['unit']}, mỗi trường hợp trừ {fmt.number(p['per_event'], 2)} điểm"


def _percent_penalty(p: Params) -> str:
    return f"{p['label']}: {_share(p)}, mỗi 1{fmt.NBSP}% trừ {fmt.number(p['per_event'], 2)} điểm"


def _grade_below(p: Params) -> str:
    return f"{p['label']}: xếp mức «{p.get('level_label') or p['level']}»"


def _breach(p: Params) -> str:
    return f"{p['label']}: có vi phạm {'nhẹ' if p['light'] else 'nghiêm trọng'}"


def _out_of_range(p: Params) -> str:
    hint = {"share": "ghi dạng 95 % hoặc 0,95", "yes_no": "ghi Có hoặc Không", "level": "ghi số thứ tự của mức, từ 0"}.get(
        p.get("declared") or "", "ghi số nguyên không âm"
    )
    return f"{p['label']}: giá trị kê khai {fmt.number(p['value'], 4)} không hợp lệ ({hint})"


def _no_measure(p: Params) -> str:
    text = f"{p['label']}: chưa có số liệu"
    return f"{text}; {fmt.count(p['unknown'])} dòng thiếu thông tin cần thiết" if p.get("unknown") else text


def _zero_denominator(p: Params) -> str:
    return f"{p['label']}: không phát sinh {_all(p)} trong kỳ"


_REASONS: Final[Mapping[str, Writer]] = {
    "below_target": _below_target,
    "incomplete": _incomplete,
    "above_limit": _above_limit,
    "step_missed": _step_missed,
    "plan_incomplete": _plan,
    "not_met": _not_met,
    "items_short": lambda p: f"{p['label']}: mới có {fmt.count(p['events'])} {p['unit']}",
    "late_by": lambda p: f"{p['label']}: chậm {fmt.count(p['events'])} ngày so với hạn",
    "events_penalty": _events,
    "penalty_applied": _events,
    "percent_penalty": _percent_penalty,
    "grade_below": _grade_below,
    "breach": _breach,
    "conditions_unmet": lambda p: f"{p['label']}: chưa đạt bậc cao nhất vì {_unmet(p)}",
    "no_measure": _no_measure,
    "zero_denominator": _zero_denominator,
    "not_declared": lambda p: f"{p['label']}: chưa kê khai",
    "declared_not_applicable": lambda p: f"{p['label']}: kê khai không áp dụng",
    "not_yet_in_force": lambda p: f"{p['label']}: chưa có hiệu lực vào ngày này",
    "nothing_reported": lambda p: f"{p['label']}: không phát sinh",
    "value_out_of_range": _out_of_range,
    "declared_without_evidence": lambda p: f"{p['label']}: mới tự kê khai, chưa có tài liệu kiểm chứng",
    "declared_points_below_max": lambda p: f"{p['label']}: tự chấm {fmt.points(p['points'])}/{fmt.points(p['max_points'])} điểm",
    "appraised_below_max": lambda p: f"{p['label']}: thẩm định lại {fmt.points(p['points'])}/{fmt.points(p['max_points'])} điểm",
}


def reason_text(code: str, params: Params) -> str:
    """One sentence for one row. A loss on a self-declared value also says that evidence is missing."""
    text = _REASONS[code](params)
    if params.get("review") and code not in ("declared_without_evidence", "value_out_of_range"):
        text += "; mới tự kê khai, chưa có tài liệu kiểm chứng"
    return f"{text}."


def _needs(p: Params) -> str:
    needed = p.get("needed")
    goal = f"để đạt {fmt.percent(p['threshold'])}"
    if needed is None:
        return f"Cần nâng từ {fmt.percent(p.get('value'))} lên {fmt.percent(p['threshold'])}."
    if needed == IMPOSSIBLE:
        return f"Phần đã lỡ không bù được; các {_all(p)} còn lại phải đạt để không mất thêm điểm."
    if p.get("recover") == "new":
        return f"Cần thêm {fmt.count(needed)} {_good(p)} mới {goal}."
    return f"Cần thêm {fmt.count(needed)} {_good(p)} {goal}."


def budget_text(bad: float, allowed: int, threshold: float, needed: int | None = None) -> str:
    """How many more late dossiers are affordable, or what it takes to get back under the limit."""
    left = allowed - round(bad)
    if left > 0:
        return f"Còn được trễ tối đa {fmt.count(left)} hồ sơ để giữ dưới {fmt.percent(threshold)}."
    if left == 0:
        return f"Không được trễ thêm hồ sơ nào để giữ dưới {fmt.percent(threshold)}."
    if needed is None or needed < 0:
        return f"Đã vượt {fmt.count(-left)} hồ sơ so với mức dưới {fmt.percent(threshold)}."
    return (
        f"Đã vượt {fmt.count(-left)} hồ sơ; cần thêm {fmt.count(needed)} hồ sơ đúng hạn "
        f"để tỷ lệ xuống dưới {fmt.percent(threshold)}."
    )


def _recover_limit(p: Params) -> str:
    if p.get("budget") is None or p.get("numerator") is None:
        return f"Cần giảm xuống dưới {fmt.percent(p['threshold'])}."
    return budget_text(p["numerator"], p["budget"], p["threshold"], p.get("needed"))


def _recover_yes_no(p: Params) -> str:
    if p.get("measure") and p.get("needed"):
        return f"Cần thêm {fmt.count(p['needed'])} {_good(p)}."
    return "Thực hiện và gửi tài liệu kiểm chứng."


def _recover_grade(p: Params) -> str:
    return f"Phấn đấu lên mức «{p['next_level']}»." if p.get("next_level") else "Phấn đấu lên mức cao hơn."


_EVIDENCE: Final = "Bổ sung tài liệu kiểm chứng để được thẩm định."
_RECOVER: Final[Mapping[str, Writer]] = {
    "below_target": _needs,
    "incomplete": _needs,
    "plan_incomplete": _needs,
    "above_limit": _recover_limit,
    "step_missed": _needs,
    "not_met": _recover_yes_no,
    "items_short": lambda p: f"Cần thêm {fmt.count(p['needed'])} {p['unit']}.",
    "late_by": lambda _: "Năm sau ban hành đúng hạn; điểm năm nay không bù được.",
    "events_penalty": lambda _: "Không để phát sinh thêm; điểm đã trừ không bù được trong năm.",
    "penalty_applied": lambda _: "Không để phát sinh thêm; điểm đã trừ không bù được trong năm.",
    "percent_penalty": lambda _: "Hướng dẫn đủ một lần, không yêu cầu bổ sung lần thứ hai.",
    "grade_below": _recover_grade,
    "breach": lambda _: "Khắc phục vi phạm và báo cáo kết quả xử lý.",
    "conditions_unmet": lambda p: f"Cần đồng thời: {_wanted(p)}.",
    "no_measure": lambda _: "Nạp tệp số liệu của tiêu chí này.",
    "zero_denominator": lambda _: "Không cần làm gì; tiêu chí được tính khi có phát sinh.",
    "not_declared": lambda _: "Kê khai kết quả và gửi tài liệu kiểm chứng.",
    "declared_not_applicable": lambda _: "Không cần làm gì.",
    "not_yet_in_force": lambda _: "Không cần làm gì.",
    "nothing_reported": lambda _: "Không cần làm gì.",
    "value_out_of_range": lambda _: "Sửa giá trị kê khai rồi nạp lại.",
    "declared_without_evidence": lambda _: _EVIDENCE,
    "declared_points_below_max": lambda _: "Kê khai số liệu và gửi tài liệu kiểm chứng cho phần điểm còn thiếu.",
    "appraised_below_max": lambda _: "Gửi giải trình kèm tài liệu kiểm chứng để được thẩm định lại.",
}


#: Reasons whose remedy is work of the period, none of which helps once the period is over.
_WORK: Final = frozenset(
    "below_target incomplete plan_incomplete above_limit step_missed not_met items_short events_penalty penalty_applied "
    "percent_penalty grade_below conditions_unmet".split()
)


def _afterwards(p: Params) -> str:
    if p.get("measure") or any(c["measure"] for c in p.get("unmet", ())):
        return "Kỳ đã kết thúc, không lấy lại được nữa; nếu số liệu sai thì nạp tệp đính chính."
    return "Kỳ đã kết thúc; nếu kê khai chưa đúng thực tế thì kê khai lại kèm tài liệu kiểm chứng."


def recover_text(code: str, params: Params, over: bool = False) -> str:
    """What brings the points back, or why nothing can. over: the period has ended, no more work counts for it."""
    text = _afterwards(params) if over and code in _WORK else _RECOVER[code](params)
    if params.get("review") and text != _EVIDENCE:
        text = f"{text} {_EVIDENCE}"
    return text


REASON_CODES: Final[frozenset[str]] = frozenset(_REASONS)
