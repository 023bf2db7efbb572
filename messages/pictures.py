"""Words on the pictures of a forecast: titles, what the picture says in one sentence, labels. Plain Vietnamese, no statistics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from messages import fmt
from messages.reasons import PROVENANCE_LABELS

_NEVER: Final = 1e-9  # what no drawn year showed may still happen
_ZONE: Final = ZoneInfo("Asia/Ho_Chi_Minh")
TODAY: Final = "Dự báo hôm nay"
EARLIER: Final = "Các lần dự báo trước (mỗi lần cho cuối năm)"
BANDS_LEGEND: Final = f"Vùng đậm: 80{fmt.NBSP}% khả năng · vùng nhạt: 95{fmt.NBSP}% khả năng"
POINTS_AXIS: Final = "Điểm"
SCALED_AXIS: Final = "Điểm quy đổi để xếp loại"
RANK_AXIS: Final = "Hạng cuối năm"
RANK_CHANCE_AXIS: Final = "Khả năng"
RANK_ESTIMATED: Final = "Hạng là ước tính: điểm các xã khác suy từ kết quả đã công bố và báo cáo tháng."
FOLDER: Final = "Hình dự báo (thư mục)"
OTHER_SCALE: Final = "Mức xếp loại tính trên điểm quy đổi nên không kẻ trên hình này."

NAMES: Final[Mapping[str, str]] = {
    "diem": "Hình điểm cuối năm",
    "xep-loai": "Hình khả năng xếp loại",
    "hang": "Hình thứ hạng",
    "viec-can-lam": "Hình việc có lợi nhất",
    "huyen": "Hình so sánh các xã",
}


def one(value: float) -> str:
    """Points of a forecast, with one decimal: a second one would be false precision."""
    return fmt.number(value, 1, trim=False)


def chance(share: float) -> str:
    """A probability in whole percent; never 0 % or 100 % of what can still happen otherwise."""
    if 0 < share < 0.005:
        return f"dưới 1{fmt.NBSP}%"
    if 0.995 <= share < 1:
        return f"trên 99{fmt.NBSP}%"
    return fmt.percent(share, 0)


def odds(share: float, settled: bool = False) -> str:
    """A probability in whole percent; while the year runs nothing is said to be impossible or certain."""
    if not settled:
        share = min(max(share, _NEVER), 1.0 - _NEVER)
    return chance(share)


def local_day(text: str) -> date:
    """The day of an ISO instant in Việt Nam; a bare day is itself."""
    moment = datetime.fromisoformat(text)
    return (moment.astimezone(_ZONE) if moment.tzinfo else moment).date()


def over(document: Mapping[str, Any]) -> bool:
    """Nothing of the year is left."""
    return local_day(document["as_of"]) >= local_day(document["horizon"])


def change(before: str, after: str) -> str:
    """ "24 % → 42 %", or "vẫn 24 %"."""
    return f"vẫn {after}" if before == after else f"{before} → {after}"


def day(text: str) -> str:
    return fmt.day(local_day(text))


def stamp(document: Mapping[str, Any]) -> str:
    """The line under every title: day, criteria set, whether the set is official."""
    label, kind = document.get("criteria_label") or document["criteria_set"], PROVENANCE_LABELS.get(document["provenance"], "")
    known = kind and kind not in label
    return f"Tính đến {day(document['as_of'])} · {label}{f' · {kind}' if known else ''}"


def fan_title(commune: Mapping[str, Any], document: Mapping[str, Any]) -> str:
    return f"{commune['name']}: điểm cải cách hành chính cuối năm {document['year']}"


def fan_sentence(index: Mapping[str, float], settled: bool = False) -> str:
    """The forecast in one sentence. settled: nothing of the year is left."""
    if settled:
        return f"Hết năm: {fmt.points(index['p50'])} điểm."
    likely = f"80{fmt.NBSP}% khả năng: {one(index['p10'])}–{one(index['p90'])}"
    return f"Nếu không có gì thay đổi: khoảng {one(index['p50'])} điểm ({likely})."


def edge(band: Mapping[str, Any]) -> str:
    """The line where a grade begins."""
    return f"{band['grade']}: từ {fmt.number(band['from'], 2)}"


def today_points(total: float, today: date) -> str:
    return f"Đến nay ({today:%d/%m}): {one(total)}"


def year_end(horizon: date) -> str:
    return f"{horizon:%d/%m}"


def grade_title(commune: Mapping[str, Any], document: Mapping[str, Any]) -> str:
    return f"{commune['name']}: khả năng xếp loại cuối năm {document['year']}"


def grade_sentence(chances: Mapping[str, float], p_good: float | None, document: Mapping[str, Any]) -> str:
    likely = max(chances.items(), key=lambda pair: pair[1])
    settled = over(document)
    text = f"Nhiều khả năng nhất: {likely[0]} ({odds(likely[1], settled)})."
    return text if p_good is None else f"{text} Đạt {document['good_grade']} trở lên: {odds(p_good, settled)}."


def rank_title(commune: Mapping[str, Any], document: Mapping[str, Any]) -> str:
    return f"{commune['name']}: thứ hạng cuối năm {document['year']} trong {len(commune['rank_probability'])} xã"


def rank_sentence(commune: Mapping[str, Any]) -> str:
    """The expected rank, and whether the peers are only estimated."""
    text = f"Hạng dự kiến khoảng {one(commune['expected_rank'])}."
    return f"{text} {RANK_ESTIMATED}" if commune["rank_basis"] == "estimated_peers" else text


def expected_rank(commune: Mapping[str, Any]) -> str:
    kind = " (ước tính)" if commune["rank_basis"] == "estimated_peers" else ""
    return f"Dự kiến: {one(commune['expected_rank'])}{kind}"


def lever_title(commune: Mapping[str, Any], document: Mapping[str, Any]) -> str:
    return f"{commune['name']}: làm việc nào thì dễ đạt {document['good_grade']} hơn"


def lever_sentence(p_good: float, document: Mapping[str, Any], telling: bool) -> str:
    """What the bars say. telling: some lever moves the probability, so the bars are that; else they are points."""
    text = f"Hiện nay khả năng đạt {document['good_grade']} trở lên là {odds(p_good)}."
    if telling:
        return f"{text} Thanh cho biết khả năng đó tăng thêm bao nhiêu nếu làm xong từng việc."
    return f"{text} Không việc nào tự nó đổi được khả năng đó; thanh cho biết số điểm thêm."


def lever_gain(lever: Mapping[str, Any], points: float) -> str:
    """What one lever brings: the probability before and after, the points of the index."""
    return f"khả năng {change(odds(lever['p_good_now']), odds(lever['p_good_if_done']))}, thêm {fmt.points(points)} điểm"


def lever_lines(lever: Mapping[str, Any]) -> Sequence[str]:
    """Two lines above a bar: the criterion, and what to do in whole cases (only the first when nobody can say)."""
    head = f"{lever['code']} {lever['label']}"
    todo = lever.get("needed_text") or ""
    return [head, f"{todo[:1].upper()}{todo[1:]}"] if todo else [head]


def district_title(document: Mapping[str, Any]) -> str:
    return f"Dự báo điểm cải cách hành chính các xã cuối năm {document['year']}"


def district_sentence() -> str:
    return (
        f"Chấm: mức ở giữa. Vạch đậm: 80{fmt.NBSP}% khả năng; vạch mảnh: 95{fmt.NBSP}%. Hai vạch đậm chồng nhau nhiều "
        "thì chưa thể nói xã nào hơn."
    )
