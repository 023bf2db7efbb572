"""How firm a ranking is, in sentences an appraiser reads: rank intervals, flips, strengths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from messages import fmt

SOURCES = {"weights": "Trọng số", "thresholds": "Ngưỡng, chỉ tiêu", "definition": "Định nghĩa trễ hạn"}
METHODS = {"dirichlet": "rút ngẫu nhiên quanh trọng số quy định", "uniform": "mỗi trọng số dao động rồi quy về cùng tổng"}


def source_label(source: str) -> str:
    """`weights:III` → "Trọng số mục III"."""
    kind, _, section = source.partition(":")
    return f"{SOURCES.get(kind, kind)} mục {section}" if section else SOURCES.get(kind, kind)


def interval_text(rank: int, low: int, high: int, mass: float) -> str:
    """`mass`: the share of the draws between low and high, /1."""
    often = f"trong {fmt.percent(mass, 0)} tình huống"
    if low == high:
        return f"Hạng {rank}; {often} vẫn hạng {rank}" if low == rank else f"Hạng {rank}; {often} là hạng {low}"
    return f"Hạng {rank}; {often} từ {low} đến {high}"


def ranges_text(ranges: Mapping[str, Any]) -> str:
    """What was varied, in one sentence."""
    if ranges["method"] == "dirichlet":
        weights = f"trọng số {METHODS['dirichlet']} (độ tập trung {fmt.number(ranges['concentration'])})"
    else:
        weights = f"{METHODS['uniform'].replace('dao động', 'dao động ±' + fmt.percent(ranges['spread'], 0))}"
    parts = [weights, f"ngưỡng ±{fmt.percent(ranges['band'], 0)}"]
    if len(ranges["definitions"]) > 1:
        parts.append(f"{len(ranges['definitions'])} định nghĩa trễ hạn")
    return f"{fmt.count(ranges['draws'])} tình huống: {'; '.join(parts)}"


def _weights(moved: Sequence[Mapping[str, Any]]) -> str:
    if len(moved) == 1:
        return str(moved[0]["code"])
    return ", ".join(f"{m['code']} ({fmt.points(m['points'])})" for m in moved)


def flip_text(pair: Mapping[str, Any]) -> str:
    """The smallest movement of weight that turns two neighbours round. Points are rounded up, so that they suffice."""
    upper, lower = pair["upper"]["name"], pair["lower"]["name"]
    if pair["moved"] is None:
        return f"Không cách chuyển trọng số nào tìm được để {lower} vượt {upper}"
    if pair["moved"] == 0:
        return f"{upper} và {lower} đang ngang nhau"
    text = f"Chuyển hơn {fmt.points(pair['moved'])} điểm trọng số từ {_weights(pair['taken'])} sang {_weights(pair['given'])}"
    return f"{text} là {lower} vượt {upper}"


def shift_text(pair: Mapping[str, Any]) -> str | None:
    """The smallest change of one criterion's points that makes two neighbours level; None when there is none."""
    shift = pair["shift"]
    if shift is None or pair["moved"] == 0:
        return None
    who, other = (pair["lower"], pair["upper"]) if shift["gains"] else (pair["upper"], pair["lower"])
    verb = "thêm" if shift["gains"] else "bớt"
    return f"{who['name']} {verb} {fmt.points(shift['points'])} điểm ở {shift['code']} là ngang {other['name']}"


def standing_text(row: Mapping[str, Any]) -> str:
    """How one criterion compares with the peers."""
    way = "hơn" if row["points"] > 0 else "kém"
    level = f"; {fmt.count(row['equal'])} đơn vị bằng" if row["equal"] else ""
    return (
        f"{way} trung vị {fmt.points(abs(row['points']))} điểm ({fmt.percent(row['share'], 1)} so với {fmt.percent(row['median'], 1)}); "
        f"{fmt.count(row['better'])}/{fmt.count(row['peers'])} đơn vị cao hơn{level}"
    )


def too_few(day: str) -> str:
    return f"Đến {day} chưa có hai đơn vị được xếp hạng để so sánh; nạp thêm số liệu hoặc đổi --as-of."
