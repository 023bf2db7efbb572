"""What would change where the year ends, in Vietnamese: levers in whole cases and to the day, the overdue budget.

Functions take what `scoring.forecast` gives as plain mappings (`dataclasses.asdict`). Sentences of levers have no full stop:
a plan joins them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import lru_cache
from typing import Any, Final

from criteria.loader import load_measures
from criteria.model import Measure
from messages import fmt

Values = Mapping[str, Any]
IMPOSSIBLE: Final = -1


@lru_cache(maxsize=1)
def _measures() -> Mapping[str, Measure]:
    return load_measures()


def _good(step: Values) -> str:
    m = _measures().get(step["measure"])
    return m.numerator if m else "trường hợp"


def _all(step: Values) -> str:
    m = _measures().get(step["measure"])
    return (m.denominator if m else None) or "trường hợp"


def _goal(step: Values) -> str:
    """ "30 %", "12" or "dưới 1 %"."""
    m = _measures().get(step["measure"])
    shown = fmt.percent(step["threshold"]) if m and m.unit == "share" else fmt.count(step["threshold"])
    if step["threshold"] == 0:
        return shown
    return {"<": f"dưới {shown}", "<=": f"không quá {shown}", ">": f"trên {shown}"}.get(step["op"], shown)


def _new(step: Values, until: str) -> str:
    needed, coming = fmt.count(step["needed"]), fmt.count(step["coming"])
    if step["all_good"]:
        name = _measures()[step["measure"]].label if step["measure"] in _measures() else "Chỉ tiêu này"
        if _good(step) == "điểm":
            return f"{name}: cố gắng đạt đủ khoảng {coming} {_all(step)} sắp tới, đến {until}"
        return f"{name}: cố gắng để cả khoảng {coming} {_all(step)} sắp tới, đến {until}, đều là {_good(step)}"
    if not step["reachable"]:
        return (
            f"không còn kịp đạt {_goal(step)} trước {until}: cần {needed} {_good(step)} mà chỉ còn khoảng {coming} {_all(step)}"
        )
    if step["needed"] == 0:
        return f"giữ mức {_goal(step)} đến {until}: số {_good(step)} hiện có đã đủ, không để tỷ lệ giảm"
    return f"thêm {needed} {_good(step)} trước {until} để đạt {_goal(step)} (trong khoảng {coming} {_all(step)} sắp tới)"


def _existing(step: Values, until: str) -> str:
    if not step["reachable"]:
        return f"không còn kịp đạt {_goal(step)} trước {until}: còn thiếu {fmt.count(step['needed'])} {_good(step)}"
    if step["all_good"] or _is_count(step):
        return f"thêm {fmt.count(step['needed'])} {_good(step)} trước {until}"
    return (
        f"thêm {fmt.count(step['needed'])} {_good(step)} trước {until} để đạt {_goal(step)} (làm bù cho cả {_all(step)} từ đầu năm "
        "cũng được tính)"
    )


def _is_count(step: Values) -> bool:
    m = _measures().get(step["measure"])
    return m is not None and m.unit == "count"


def _budget(step: Values, until: str) -> str:
    none_more = f"không để phát sinh thêm {_good(step)} nào đến {until}"
    if step["all_good"]:
        return none_more
    if not step["reachable"]:
        return f"không còn giữ được mức {_goal(step)} trong năm; {none_more}"
    if step["room"] == 0:
        return f"{none_more} để giữ mức {_goal(step)}"
    return f"đến {until} chỉ để phát sinh thêm tối đa {fmt.count(step['room'])} {_good(step)} để giữ mức {_goal(step)}"


def _declare(step: Values, lever: Values, until: str) -> str:
    again = "kê khai" if step["how"] == "declare" else "kê khai lại"
    return f"{_do(step, lever)}, {again} và gửi tài liệu kiểm chứng trước {until}"


def _do(step: Values, lever: Values) -> str:
    """What has to be true before it is declared, in the declaration's own unit."""
    value, kind, name = step["threshold"], lever["declared"], f"«{lever['label']}»"
    unit = str(lever["unit"]).split(" (")[0]
    if step["op"] != ">=":
        return f"giữ {name} ở mức không có {unit}" if value <= 0 else f"giữ {name} không quá {fmt.count(value)} {unit}"
    if kind == "yes_no":
        return f"hoàn thành {name}"
    if kind == "share":
        return f"đưa {name} lên {fmt.percent(value)}"
    if kind == "level":
        return f"đưa {name} lên mức «{lever['level']}»" if lever.get("level") else f"đưa {name} lên mức {fmt.count(value)}"
    return f"đưa {name} lên {fmt.count(value)} {unit}"


_STEPS: Final[Mapping[str, Callable[[Values, str], str]]] = {
    "new": _new,
    "existing": _existing,
    "none": _existing,
    "budget": _budget,
    "events": _budget,
}


def lever_text(lever: Values, horizon: date) -> str:
    """What to do for one lever, with whole numbers and the day: "Thêm 41 hồ sơ trực tuyến trước 31/12/2023 để đạt 30 % (…)".

    Raises KeyError for a step of an unknown kind.
    """
    until = fmt.day(horizon)
    told = [
        _declare(step, lever, until) if step["how"] in ("declare", "better") else _STEPS[step["how"]](step, until)
        for step in lever["steps"]
    ]
    text = "; đồng thời ".join(told)
    if not lever["possible"] and lever["gain"] > 0:
        text += "; làm được phần nào vẫn thêm điểm phần đó"
    return text[:1].upper() + text[1:]


def plan_texts(levers: Sequence[Values], codes: Sequence[str] | None, horizon: date) -> list[str]:
    """The levers of a plan, each with its code, in the plan's order; nothing when there is no plan."""
    by_code = {lever["code"]: lever for lever in levers}
    return [f"{code}: {lever_text(by_code[code], horizon)}" for code in codes or ()]


def _limit(budget: Values) -> str:
    if budget["limit"] == 0:
        return "không có hồ sơ trễ hạn"
    return f"{'dưới' if budget['strict'] else 'không quá'} {fmt.percent(budget['limit'])}"


def budget_text(budget: Values, horizon: date) -> str:
    """How many more dossiers may be late until the year's end, on what count, and what to expect; one to three sentences."""
    until, limit = fmt.day(horizon), _limit(budget)
    left = budget["allowed"] - budget["late_now"]
    expected = fmt.count(max(0.0, budget["late_expected"]))
    facts = (
        f"đã trễ {fmt.count(budget['late_now'])}, dự kiến trễ thêm khoảng {expected}, tính trên khoảng "
        f"{fmt.count(budget['counted_expected'])} hồ sơ cả năm"
    )
    if left < 0:
        return f"Đã vượt {fmt.count(-left)} hồ sơ so với mức {limit} ({facts}). {_dilution(budget, limit)}"
    if left == 0:
        return f"Không được trễ thêm hồ sơ nào đến {until} để giữ mức {limit} ({facts}).{_over_now(budget, limit)}"
    careful = max(0, budget["prudent"] - budget["late_now"])
    text = f"Còn được trễ tối đa {fmt.count(left)} hồ sơ đến {until} để giữ {limit} ({facts})."
    if careful < left:
        text += f" Nếu hồ sơ về ít hơn dự kiến thì {f'chỉ được trễ {fmt.count(careful)}' if careful else 'không được trễ thêm'}."
    return text + _over_now(budget, limit)


def _dilution(budget: Values, limit: str) -> str:
    coming = fmt.count(budget["coming"])
    if budget["needed"] == IMPOSSIBLE:
        return f"Không còn giữ được mức {limit} trong năm."
    return (
        f"Cần thêm {fmt.count(budget['needed'])} hồ sơ đúng hạn để về mức {limit}, mà chỉ còn khoảng {coming} hồ sơ được tính: "
        "không còn kịp trong năm."
    )


def _over_now(budget: Values, limit: str) -> str:
    """The share of today is over the limit, but dossiers to come can still thin it out."""
    if budget["needed"] <= 0:
        return ""
    return (
        f" Hôm nay tỷ lệ đang vượt; cần thêm {fmt.count(budget['needed'])} hồ sơ đúng hạn để về mức {limit}, còn khoảng "
        f"{fmt.count(budget['coming'])} hồ sơ sẽ được tính."
    )
