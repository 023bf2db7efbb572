"""Messages about alerts, as an office writes them: what opened, what is over, the morning's digest.

Rows have the columns of table `alerts` and "name", the unit's name ("" for the whole installation). A rule that is no longer
known is None: its name stands for it. Of `detail` these are said where they are there: numerator, denominator (of a share),
dossiers (codes), dossier_count (of all of them), clause, provenance and note (of what the figure is held against, where they are not
the rule's), borrowed (that document does not bind the unit), points (at stake), and what `alert_words.more` and `about` look at. Titles
have at most 78 characters. Texts are plain: paragraphs parted by an empty line, "• " before an entry of a list; `messages.alert_mail`
makes HTML of exactly these.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from criteria import load_instruments
from messages import fmt
from messages.alert_words import SEVERITY_LABELS, SEVERITY_ORDER, about, age, figures, local, more, todo

if TYPE_CHECKING:
    from criteria.alerts import AlertRule

Row = Mapping[str, Any]
LONGEST_TITLE: Final = 78
MOST_DOSSIERS: Final = 20
MOST_ENTRIES: Final = 40
_RESOLUTIONS: Final[Mapping[str, str]] = {
    "cleared": "Số liệu đã trở lại mức cho phép.",
    "year_over": "Năm xét đã kết thúc.",
    "unit_gone": "Đơn vị không còn sau khi sắp xếp địa giới.",
    "disabled": "Quy tắc cảnh báo này đã tắt.",
    "made_up": "Không còn đêm nào thiếu: đã chạy bù.",
    "settled": "Tệp đã được nạp, hoặc đã qua thời hạn theo dõi.",
}
#: What "cleared" means where it is not that a figure is good again.
_CLEARED: Final[Mapping[str, str]] = {
    "commitment": "Cam kết không còn ở trạng thái không đạt.",
    "survey_days": "Những ngày làm việc gần đây đều đã có phiếu.",
    "review_months": "Đã có kết quả đánh giá của tháng này.",
    "rank_drop": "Thứ hạng dự kiến không còn kém nhiều so với khoảng một tuần trước.",
    "lost_points": "So với khoảng một tuần trước, tiêu chí không còn mất thêm nhiều điểm.",
    "named_again": "Theo các phiếu đã sửa, không còn phản ánh tái diễn.",
    "due_soon": "Số hồ sơ sắp đến hạn đã giảm.",
    "source_late": "Nguồn đã có số liệu mới.",
    "stuck": "Máy đã làm việc lại.",
}


def opened(row: Row, rule: AlertRule | None, page: str | None = None) -> tuple[str, str]:
    """Return title and text of an alert that opened. page: address of the pages."""
    said, what = figures(row, rule), _what(row, rule)
    title = _title(f"[{SEVERITY_LABELS[row['severity']]}] {what}", said.split(", ")[0], ", " if about(row, rule) else ": ")
    facts = [
        f"Số liệu: {said}." if said else "",
        f"{each}." if (each := more(row, rule)) else "",
        f"Căn cứ: {basis}." if (basis := _basis(row, rule)) else "",
        f"Phát hiện từ: {fmt.moment(local(row['breached_at']))}.",
        f"Người xử lý: {row['owner']}." if row["owner"] else "",
    ]
    parts = [
        f"{what}.", "\n".join(filter(None, facts)), f"Việc cần làm: {act}" if (act := todo(row, rule)) else "", _dossiers(row),
        _caveat(row, rule), _where(row, page),
    ]  # fmt: skip
    return title, "\n\n".join(filter(None, parts))


def resolved(row: Row, rule: AlertRule | None, page: str | None = None) -> tuple[str, str]:
    """Return title and text of an alert that is over."""
    said, what = figures(row, rule), _what(row, rule)
    why = row["resolution"] or ""
    facts = [
        _CLEARED.get(rule.kind, _RESOLUTIONS[why]) if rule and why == "cleared" else _RESOLUTIONS.get(why, ""),
        f"Số liệu: {said}." if said else "",
        f"Kéo dài từ {fmt.moment(local(row['opened_at']))} đến {fmt.moment(local(row['resolved_at']))}.",
    ]
    parts = [f"Đã hết: {what}.", "\n".join(filter(None, facts)), _where(row, page)]
    return _title(f"[Đã hết] {what}"), "\n\n".join(filter(None, parts))


def digest(
    told: Sequence[Row], still: Sequence[Row], rules: Mapping[str, AlertRule], at: datetime, page: str | None = None
) -> tuple[str, str]:
    """Return title and text of the morning's digest.

    told: alerts that opened or ended since the last one. still: the other open ones. The gravest first, then what costs most
    points, then the oldest.
    """
    new = [row for row in told if row["state"] == "open"]
    over = [row for row in told if row["state"] == "resolved"]
    counts = [f"{fmt.count(len(rows))} {word}" for rows, word in ((new, "mới"), (over, "đã hết"), (still, "còn mở")) if rows]
    day = fmt.day(local(at).date())
    sections = [
        _section("Mới", new, lambda row: _new_entry(row, rules.get(row["rule"]))),
        _section("Đã hết", over, lambda row: _over_entry(row, rules.get(row["rule"]))),
        _section("Còn mở", still, lambda row: _still_entry(row, rules.get(row["rule"]), at)),
    ]
    title = _title(f"Cảnh báo cải cách hành chính sáng {day}: {', '.join(counts) or 'không có gì mới'}")
    where = f"Xem trên máy: «cchc alerts» hoặc {page}" if page else "Xem trên máy: «cchc alerts»."
    return title, "\n\n".join(filter(None, [f"Tổng hợp cảnh báo sáng {day}.", *sections, where]))


def test(recipient: str, page: str | None = None) -> tuple[str, str]:
    """Return title and text of a test message."""
    body = f"Đây là tin thử gửi tới «{recipient}». Nhận được tin này nghĩa là cảnh báo sẽ tới đúng nơi; không cần làm gì thêm."
    return "Tin thử: cảnh báo cải cách hành chính", "\n\n".join(filter(None, [body, f"Xem trên máy: {page}" if page else ""]))


def grave_first(rows: Sequence[Row]) -> list[Row]:
    """Return alerts by severity, points at stake, age."""
    return sorted(
        rows,
        key=lambda row: (SEVERITY_ORDER.index(row["severity"]), -float(row["detail"].get("points") or 0), row["opened_at"] or row["breached_at"]),
    )  # fmt: skip


def _section(heading: str, rows: Sequence[Row], write: Any) -> str:
    if not rows:
        return ""
    lines = [f"{heading} ({fmt.count(len(rows))})", *(f"• {write(row)}" for row in grave_first(rows)[:MOST_ENTRIES])]
    if len(rows) > MOST_ENTRIES:
        lines.append(f"• … và {fmt.count(len(rows) - MOST_ENTRIES)} cảnh báo khác.")
    return "\n".join(lines)


def _new_entry(row: Row, rule: AlertRule | None) -> str:
    said, codes, basis, act = figures(row, rule), _codes(row, 5), _basis(row, rule), todo(row, rule)
    told = [
        f"{_head(row, rule)}{f': {said}' if said else ''}.",
        f"{each}." if (each := more(row, rule)) else "",
        f"Căn cứ: {basis}." if basis else "",
        "Mức cảnh báo là giả định." if _caveat(row, rule) else "",
        f"{row['owner']}: {lowered(act)}" if act and row["owner"] else act,
        f"Hồ sơ: {codes}." if codes else "",
    ]
    return " ".join(filter(None, told))


def _over_entry(row: Row, rule: AlertRule | None) -> str:
    said = figures(row, rule)
    return f"{_head(row, rule)}{f': nay {said}' if said else ''}; kéo dài {age(row['opened_at'], row['resolved_at'])}."


def _still_entry(row: Row, rule: AlertRule | None, at: datetime) -> str:
    said = figures(row, rule)
    seen = "; đã có người nhận việc" if row["acknowledged_at"] else ""
    return f"{_head(row, rule)}{f': {said}' if said else ''}; mở {age(row['opened_at'], at)}{seen}."


def _head(row: Row, rule: AlertRule | None) -> str:
    """Return how grave, who and what, with the number by which the alert is asked for."""
    return f"[{SEVERITY_LABELS[row['severity']]}] {_what(row, rule)} (số {row['alert_id']})"


def _what(row: Row, rule: AlertRule | None) -> str:
    """Return what an alert says: the unit, the rule, and what of the unit it is about."""
    label, what = rule.label if rule else str(row["rule"]), about(row, rule)
    said = f"{label}: {what}" if what else label
    return f"{row['name']} – {said}" if row["name"] else said


def lowered(text: str) -> str:
    """Return a sentence as it stands after a colon. A word in capitals stays."""
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]


def _basis(row: Row, rule: AlertRule | None) -> str:
    """Return the clause that asks for it: the notice's own where one binds the unit, else that of the rule."""
    said = str(row["detail"].get("clause") or "")
    if not said and rule is not None and rule.source is not None:
        document = load_instruments().get(rule.source["instrument"])
        said = f"{rule.source['clause']}, {document.citation if document else rule.source['instrument']}"
    foreign = " (không ràng buộc đơn vị này trong năm nay; lấy làm mốc chung)" if row["detail"].get("borrowed") else ""
    return said and said + foreign


def _caveat(row: Row, rule: AlertRule | None) -> str:
    """Say aloud that no text states the threshold."""
    detail = row["detail"]
    if rule is None or row["threshold"] is None or (detail.get("provenance") or rule.provenance) == "official":
        return ""
    return f"Lưu ý về mức cảnh báo: {lowered(detail.get('note') or rule.why)}"


def _codes(row: Row, most: int) -> str:
    """Return dossier codes, and how many more there are."""
    codes = [str(code) for code in row["detail"].get("dossiers") or ()]
    total = int(row["detail"].get("dossier_count") or len(codes))
    more = total - min(len(codes), most)
    return ", ".join(codes[:most]) + (f" và {fmt.count(more)} hồ sơ khác" if more > 0 and codes else "")


def _dossiers(row: Row) -> str:
    codes = [str(code) for code in row["detail"].get("dossiers") or ()][:MOST_DOSSIERS]
    if not codes:
        return ""
    total = int(row["detail"].get("dossier_count") or len(codes))
    lines = [f"Hồ sơ ({fmt.count(max(total, len(codes)))})", *(f"• {code}" for code in codes)]
    return "\n".join([*lines, f"• … và {fmt.count(total - len(codes))} hồ sơ khác"] if total > len(codes) else lines)


def _where(row: Row, page: str | None) -> str:
    """Say where to see more. The part after # leads nowhere wrong on any page."""
    said = f"Xem trên máy: «cchc alerts show {row['alert_id']}»"
    return f"{said} hoặc {page}/#alert-{row['alert_id']}" if page else f"{said}."


def _title(text: str, added: str = "", sign: str = ": ") -> str:
    """Return a title with as much of what may be added as fits."""
    whole = f"{text}{sign}{added}" if added else text
    if len(whole) <= LONGEST_TITLE:
        return whole
    return text if len(text) <= LONGEST_TITLE else f"{text[: LONGEST_TITLE - 1].rstrip()}…"
