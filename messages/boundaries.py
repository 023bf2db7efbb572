"""Notes about units whose boundaries changed, and marks beside figures of few cases, in Vietnamese."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from criteria.judgement import load_judgement
from criteria.loader import load_measures
from messages import fmt


def part_of_period(begins: date, ends: date) -> str:
    """The unit lived only a part of the period."""
    return (
        f"Đơn vị chỉ tồn tại một phần của kỳ, từ {fmt.day(begins)} đến {fmt.day(ends)}: số ngày làm việc và số tháng phải "
        "đánh giá chỉ tính trong thời gian đó."
    )


def taken_over(names: Sequence[str], since: date) -> str:
    """Dossiers received by the units that went into this one and settled by it."""
    return (
        f"Hồ sơ do {', '.join(names)} tiếp nhận trước ngày {fmt.day(since)}, giải quyết từ ngày đó hoặc còn đang giải quyết, "
        "được tính cho đơn vị này."
    )


def made_of(names: Sequence[str], on: date) -> str:
    """The commune's figures are those of several units, on the boundaries of a day."""
    return (
        f"Theo địa giới ngày {fmt.day(on)}: tổng tử số trên tổng mẫu số của {', '.join(names)}. Tiêu chí kê khai không cộng được "
        "nên chỉ tính khi chính đơn vị đã kê khai."
    )


def lacking(name: str, measures: Sequence[str], all_measures: bool) -> str:
    """A part of a sum has no data."""
    if all_measures:
        return f"Chưa có số liệu của {name}: tổng chỉ gồm các đơn vị còn lại."
    known = load_measures()
    labels = [known[m].label if m in known else m for m in measures]
    return f"Chưa có số liệu của {name} về: {'; '.join(labels)}. Tổng chỉ gồm các đơn vị còn lại."


def divided(name: str, since: date, heirs: Sequence[str]) -> str:
    """A unit went into several: what it left cannot be assigned to one of them."""
    return (
        f"{name} được chia thành {', '.join(heirs)} từ ngày {fmt.day(since)}: không đủ căn cứ để chia số liệu, nên số liệu của "
        "đơn vị đó không được tính cho đơn vị nào."
    )


def within_a_month(name: str, since: date) -> str:
    """A unit ended within a month, whose figures cannot be divided."""
    return f"{name} kết thúc giữa tháng ({fmt.day(since)}): số liệu giải quyết của cả tháng đó vẫn tính cho đơn vị cũ."


def ended(name: str, code: str, since: date, heirs: Sequence[str], asked: date) -> str:
    """The unit asked about no longer existed on the day."""
    last = date.fromordinal(since.toordinal() - 1)
    into = f", nhập vào {', '.join(heirs)}" if heirs else ""
    return (
        f"{name} ({code}) không còn tồn tại vào ngày {fmt.day(asked)}: đã hết từ {fmt.day(since)}{into}. "
        f"Dùng --as-of {last.isoformat()} để xem đơn vị cũ, hoặc hỏi đơn vị mới."
    )


def not_yet(name: str, unit_id: str, since: date, asked: date) -> str:
    """The unit asked about did not exist yet on the day."""
    return (
        f"{name} ({unit_id}) chưa có vào ngày {fmt.day(asked)}: thành lập từ {fmt.day(since)}. "
        f"Dùng --units {since.isoformat()} để xem số liệu cũ theo địa giới mới."
    )


def few(judgement: str | None, denominator: float | None, measure: str | None) -> str:
    """The mark beside a rate of few cases; empty beside any other."""
    if judgement != "too_few" or denominator is None:
        return ""
    parts = load_judgement().parts_per_case.get(measure or "", 1)
    return f" (ít trường hợp: {fmt.number(denominator / parts, 1)})"


def too_few(bounds: Sequence[float] | None, denominator: float | None, measure: str | None) -> str:
    """The sentence about one rate of few cases."""
    return (
        f"Chưa đủ để kết luận{few('too_few', denominator, measure)}; tỷ lệ thực chất có thể nằm trong khoảng {interval(bounds)}."
    )


def interval(bounds: Sequence[float] | None) -> str:
    """0.9512, 0.9871 -> "95,1–98,7 %"; empty without an interval."""
    if not bounds:
        return ""
    low, high = (fmt.number(bound * 100, 1) for bound in bounds)
    return f"{low}–{high}{fmt.NBSP}%"


def sample(check: Mapping[str, object], name: str) -> str | None:
    """The sentence about a survey that is too small or cannot be judged; None when it has forms enough."""
    forms, needed, population = check["forms"], check["needed"], check["population"]
    if check["status"] == "too_small":
        return (
            f"{name}: {fmt.count(float(str(forms)))} phiếu, cần ít nhất {fmt.count(float(str(needed)))} phiếu cho "
            f"{fmt.count(float(str(population)))} lượt giao dịch; kết quả khảo sát chưa đủ đại diện."
        )
    if check["status"] == "no_population":
        return f"{name}: không có giao dịch nào trong kỳ nên không cần mẫu khảo sát."
    if check["status"] == "unknown":
        return f"{name}: chưa biết số phiếu hoặc số giao dịch nên không xét được cỡ mẫu."
    return None
