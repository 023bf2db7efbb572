"""The page of a forecast in plain Vietnamese: for officers who never heard of quantiles. Numbers stay honest, words stay simple."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from messages import fmt
from messages.backtest import years_text
from messages.pictures import change, day, odds, one, over

HOW_TO_READ: Final = (
    f"Cách đọc: «Cuối năm» là mức ở giữa, khả năng cao hơn và thấp hơn như nhau. «Khoảng 80{fmt.NBSP}%»: cứ 10 lần dự báo như vậy thì "
    "khoảng 8 lần kết quả thật nằm trong đó. «Hạng khả dĩ» cũng vậy."
)
NO_HISTORY: Final = (
    "Chưa có dự báo các năm trước để kiểm tra lại, nên khoảng có thể hẹp hơn thực tế; chạy «cchc backtest» để kiểm tra."
)
NO_LEVERS: Final = "Chưa tìm được việc nào còn kịp làm để thêm điểm."
NO_GRADE: Final = "Chưa đủ số liệu để nói khả năng xếp loại."
NO_RANK: Final = "Chưa đủ xã để xếp hạng."
BASIS_LABELS: Final[Mapping[str, str]] = {"joint": "đủ số liệu các xã", "estimated_peers": "ước tính các xã khác"}
NOTHING_TO_SAVE: Final = "Không có hồ sơ nào đang mở có nguy cơ trễ đáng kể."
NOT_GRADED: Final = "Không xếp loại"
_UNLIKELY: Final = 0.005
_PLANNED: Final = 5  # more actions than these are not a plan
_SHARE: Final = 0.8  # the share of cases an interval of this page holds, and what a plan aims at


def headline(commune: Mapping[str, Any], document: Mapping[str, Any]) -> str:
    """The forecast in one sentence; of a year that is over, the result."""
    index, settled = commune["index"], over(document)
    if settled:
        parts = [f"Hết năm {document['year']}, xã {commune['name']} được {fmt.points(index['p50'])} điểm"]
    else:
        parts = [
            f"Nếu không có gì thay đổi, cuối năm {document['year']} xã {commune['name']} được khoảng {one(index['p50'])} điểm "
            f"(80{fmt.NBSP}% khả năng trong {one(index['p10'])}–{one(index['p90'])})"
        ]
    if settled and commune["now"].get("grade"):
        parts.append(f"xếp loại {commune['now']['grade']}")
    elif commune.get("p_good") is not None and grade_chances(commune) and not settled:
        parts.append(f"khả năng {attains(document['good_grade'])} trở lên: {odds(commune['p_good'])}")
    if commune.get("expected_rank") is not None and len(commune["rank_probability"]) > 1:
        known = settled and commune["rank_basis"] == "joint"
        parts.append(f"{'hạng' if known else 'hạng dự kiến:'} {rank_text(commune)}")
    return f"{'; '.join(parts)}."


def silence_text(commune: Mapping[str, Any] | None, document: Mapping[str, Any]) -> str | None:
    """Until which day the exports reach, where that is not today; None where they are recent. commune None: of all."""
    since, own = document.get("data_until"), (commune or {}).get("data_until")
    told = []
    if since and over(document):
        told.append(f"Số liệu hồ sơ mới có đến ngày {day(since)}: kết quả này chưa gồm phần còn lại của năm.")
    elif since:
        told.append(
            f"Số liệu hồ sơ mới có đến ngày {day(since)}; dự báo tính từ ngày đó. Những ngày chưa có số liệu không bị coi là không có hồ sơ."
        )
    if commune and own and own != since:
        told.append(
            f"Số liệu hồ sơ của xã {commune['name']} mới có đến ngày {day(own)}, sau các xã khác: hồ sơ đã xong từ đó có thể vẫn bị tính "
            "là đang mở."
        )
    return f"{' '.join(told)} Hãy nạp tệp xuất mới." if told else None


def today(document: Mapping[str, Any]) -> str:
    """What today's figures are called: those of the last day told of, where exports stop before."""
    since = document.get("data_until")
    return f"Đến {day(since)}" if since and not over(document) else "Đến nay"


def behind_text(communes: Sequence[Mapping[str, Any]]) -> str:
    """Whose exports stop before those of the others."""
    told = [f"{row['name']} (đến {day(row['data_until'])})" for row in communes]
    return f"Số liệu hồ sơ của xã sau đến muộn hơn các xã khác: {'; '.join(told)}."


def peers_text(peers: Mapping[str, Any]) -> str:
    """What the estimates of communes without data rest on, and whom the ranks leave out."""
    said, names = [], peers["estimated"]
    if names:
        first, last = peers["years"]
        years = f"năm {last}" if first == last else f"các năm {first}–{last}"
        reported = len(peers["with_reports"])
        rest = (
            f", chỉnh theo báo cáo tháng năm nay của {_some(reported, len(names))}"
            if reported
            else ", chưa đủ báo cáo tháng để chỉnh theo năm nay"
        )
        said.append(
            f"Hạng là ước tính: chưa có số liệu của {fmt.count(len(names))} xã khác, điểm của các xã đó suy từ kết quả công bố {years}{rest}."
        )
        if peers.get("other_set"):
            said.append(
                "Kết quả công bố là chỉ số cải cách hành chính chung, không phải bộ tiêu chí này, nên hạng chỉ để tham khảo."
            )
    elif peers["left_out"]:
        said.append("Không ước tính được hạng so với các xã chưa có số liệu: chưa có kết quả công bố nào của các xã đó.")
    if names and peers["left_out"]:
        said.append(f"Không xếp hạng vì chưa từng có kết quả công bố: {', '.join(peers['left_out'])}.")
    return " ".join(said)


def _some(count: int, of: int) -> str:
    return "cả các xã đó" if count == of else f"{fmt.count(count)} xã trong số đó"


def is_known(commune: Mapping[str, Any]) -> bool:
    """There is a forecast at all."""
    return (commune.get("index") or {}).get("p50") is not None


def attains(grade: str) -> str:
    """ "đạt Tốt"; a grade that is called "Đạt mức 90 %" says so itself."""
    return grade[:1].lower() + grade[1:] if grade.startswith("Đạt ") else f"đạt {grade}"


def rank_text(commune: Mapping[str, Any]) -> str:
    """ "5/13", "5/13 (ước tính)"."""
    kind = " (ước tính)" if commune["rank_basis"] == "estimated_peers" else ""
    return f"{fmt.count(commune['expected_rank'])}/{len(commune['rank_probability'])}{kind}"


def rank_range(probabilities: Sequence[float]) -> str:
    """The ranks that hold 80 %: "4–7"; a dash for fewer than two communes."""
    bounds = rank_bounds(probabilities)
    if bounds is None:
        return fmt.DASH
    return str(bounds[0]) if bounds[0] == bounds[1] else f"{bounds[0]}–{bounds[1]}"


def rank_bounds(probabilities: Sequence[float]) -> tuple[int, int] | None:
    """The first and the last rank that hold 80 %, a tenth left out on either side; None for fewer than two communes."""
    if len(probabilities) < 2:
        return None
    return _rank_at(probabilities, (1 - _SHARE) / 2), _rank_at(probabilities, (1 + _SHARE) / 2)


def _rank_at(probabilities: Sequence[float], level: float) -> int:
    reached = 0.0
    for rank, p in enumerate(probabilities, 1):
        reached += p
        if reached >= level - 1e-9:
            return rank
    return len(probabilities)


def index_range(index: Mapping[str, float]) -> str:
    """The points that hold 80 %: "75,5–81,3"; one figure when there is no doubt left."""
    low, high = one(index["p10"]), one(index["p90"])
    return low if low == high else f"{low}–{high}"


def likely_grade(chances: Mapping[str, float], settled: bool = False) -> str:
    """The likeliest grade and how likely: "Khá (66 %)"."""
    if not chances:
        return fmt.DASH
    grade, p = max(chances.items(), key=lambda pair: pair[1])
    return f"{grade} ({odds(p, settled)})"


def grade_chances(commune: Mapping[str, Any]) -> dict[str, float]:
    """The probability of each grade, and of having none when that can happen; empty when there will be none."""
    chances, none = dict(commune.get("grade_probability") or {}), commune.get("no_grade_probability") or 0.0
    if sum(chances.values()) < _UNLIKELY:
        return {}
    return chances | ({NOT_GRADED: none} if none >= _UNLIKELY else {})


def bar(share: float, width: int = 30) -> str:
    """A share as a bar of blocks, to an eighth of a letter."""
    eighths = round(max(0.0, min(1.0, share)) * width * 8)
    return "█" * (eighths // 8) + ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")[eighths % 8]


def ordered_levers(commune: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The levers that bring something: most probability of the good grade first (in whole percent), then points.

    Steps that can no longer be reached come after all others, whatever a part of them would bring.
    """

    def gain(lever: Mapping[str, Any]) -> tuple[bool, float, float, str]:
        more = lever["p_good_if_done"] - (lever["p_good_now"] or 0.0)
        return (
            not lever.get("possible", True),
            -round(more, 2),
            (lever["points_now"] or 0.0) - lever["points_possible"],
            lever["code"],
        )

    useful = [lever for lever in commune.get("levers") or [] if lever["p_good_if_done"] is not None]
    return sorted(useful, key=gain)


def plan_lines(commune: Mapping[str, Any], document: Mapping[str, Any]) -> list[str]:
    """What together reaches the good grade with 80 %, one line each; or that nothing known does, or that it is nearly there."""
    good, plan, p_good = document["good_grade"], commune.get("plan"), commune.get("p_good")
    if p_good is None:
        return []
    if p_good >= _SHARE:
        return [f"Khả năng {attains(good)} trở lên đã là {odds(p_good)}; giữ nhịp làm việc hiện nay."]
    if not plan or not plan["codes"]:
        return [f"Các việc tính được chưa đủ để đưa khả năng {attains(good)} lên 80{fmt.NBSP}%."]
    reached, todo = odds(plan["p_good"]), plan["texts"]
    if len(todo) > _PLANNED:
        return [
            f"Thực tế khó {attains(good)}: phải làm xong cả {fmt.count(len(todo))} việc thì khả năng mới lên {reached}. Hãy chọn các việc "
            "có lợi nhất ở trên để thêm điểm và giữ hạng."
        ]
    if plan["p_good"] < _SHARE:
        head = f"Làm hết {fmt.count(len(todo))} việc sau, khả năng {attains(good)} cũng chỉ lên {reached}:"
    else:
        head = f"Ít việc nhất để khả năng {attains(good)} lên {reached} ({fmt.count(len(todo))} việc):"
    return [head, *todo]


def lever_lines(lever: Mapping[str, Any], good: str) -> list[str]:
    """One lever: what to do; then what it brings and who does it."""
    more = lever["points_possible"] - (lever["points_now"] or 0.0)
    parts = [
        f"thêm khoảng {fmt.points(more)} điểm",
        f"khả năng {attains(good)}: {change(odds(lever['p_good_now']), odds(lever['p_good_if_done']))}",
    ]
    if lever.get("rank_now") is not None and lever.get("rank_if_done") is not None:
        parts.append(f"hạng dự kiến: {change(one(lever['rank_now']), one(lever['rank_if_done']))}")
    if lever.get("owner"):
        parts.append(str(lever["owner"]))
    text = "; ".join(parts)
    return [f"{lever['code']}: {lever.get('needed_text') or lever['label']}", f"{text[:1].upper()}{text[1:]}."]


def open_text(counts: Mapping[str, Any], settled: bool = False) -> str:
    """How many dossiers are open, past the day promised, late by the definition; while the year runs, likely to become late."""
    past, late = counts["past_due"], counts.get("late", counts["past_due"])
    more = counts["expected_late"] - late
    likely = f"khoảng {fmt.count(more)} hồ sơ nữa" if more >= 0.5 else "gần như không hồ sơ nào nữa"
    if not counts["count"]:
        return "Không có hồ sơ nào đang giải quyết."
    said = f"{fmt.count(past)} hồ sơ đã quá ngày hẹn trả" if past else "chưa hồ sơ nào quá ngày hẹn trả"
    if past != late:
        said += f", {f'{fmt.count(late)} hồ sơ' if late else 'chưa hồ sơ nào'} bị tính trễ hạn"
    if settled:
        return f"Đang giải quyết {fmt.count(counts['count'])} hồ sơ, {said}."
    return f"Đang giải quyết {fmt.count(counts['count'])} hồ sơ, {said}; nếu không làm gì khác, {likely} sẽ trễ."


def measured_text(commune: Mapping[str, Any], document: Mapping[str, Any]) -> str | None:
    """Why today's points are so few: only what has figures is scored so far; None when everything is."""
    most, now = sum(row.get("max_points") or 0.0 for row in commune.get("criteria") or []), commune["now"].get("max_scored")
    if now is None or now >= most - 0.005 or over(document):
        return None
    return (
        f"«{today(document)}» mới tính các nội dung đã có số liệu, tối đa {fmt.points(now)} trong {fmt.points(most)} điểm; «Cuối năm» tính cả "
        "những nội dung sẽ có."
    )


def days_left_text(days: float | None) -> str:
    """Working days until the end of the due day."""
    if days is None:
        return fmt.DASH
    if days < 0:
        text = f"quá {fmt.count(-days)} ngày"
    else:
        text = "hôm nay" if days == 0 else f"còn {fmt.count(days)} ngày"
    return text.replace(" ", fmt.NBSP)


def changes_text(changes: Mapping[str, Any]) -> str:
    """What moved the forecast since an earlier one, in points."""
    before, after = changes["before"], changes["after"]
    head = f"So với dự báo ngày {day(changes['since'])}"
    parts = [
        f"{label} {signed(changes[name])}"
        for name, label in (("new_facts", "số liệu mới"), ("elapsed", "thời gian trôi qua"), ("rules", "thay đổi quy định"))
        if changes.get(name) is not None and signed(changes[name]) != "0,0"
    ]
    why = f" ({'; '.join(parts)})" if parts else ""
    if one(before) == one(after):
        return f"{head}: vẫn khoảng {one(after)} điểm{why}."
    return f"{head}: {'tăng' if after > before else 'giảm'} từ {one(before)} {'lên' if after > before else 'xuống'} {one(after)} điểm{why}."


def signed(value: float) -> str:
    """+0,4 · −0,2 · 0,0."""
    text = one(abs(value))
    return text if text == "0,0" else f"{'+' if value > 0 else '−'}{text}"


def not_measured_text(commune: Mapping[str, Any]) -> str | None:
    """How much of the doubt is about what nobody measured yet; None when nothing is in doubt."""
    share = commune.get("not_measured_share")
    if share is None or share != share:
        return None
    if share < 0.005:
        return "Phần chưa chắc chắn đều thuộc nội dung đang đo được."
    return (
        f"{fmt.percent(share, 0)} của phần chưa chắc chắn là do nội dung chưa đo được (khảo sát, mục chưa kê khai…), "
        "không phải do hồ sơ."
    )


def doubt_text(criteria: Sequence[Mapping[str, Any]]) -> str | None:
    """The criteria on which the year's end depends most."""
    most = sorted((row for row in criteria if (row.get("variance_share") or 0) >= 0.05), key=lambda row: -row["variance_share"])[
        :3
    ]
    if not most:
        return None
    named = "; ".join(f"{row['code']} {row['label']}" for row in most)
    return f"Kết quả còn phụ thuộc nhiều nhất vào: {named}."


def calibration_text(calibration: Mapping[str, Any] | None) -> str:
    """How the intervals were checked against past years."""
    if not calibration or not calibration.get("origins"):
        return NO_HISTORY
    origins = fmt.count(calibration["origins"])
    return f"Độ rộng của khoảng đã chỉnh theo kết quả dự báo thử từ {origins} thời điểm của {years_text(calibration['years'])}."


def without_data_text(names: Sequence[str]) -> str:
    return f"Chưa đủ số liệu để dự báo: {', '.join(names)}."
