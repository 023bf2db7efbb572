"""Messages about alerts, as an office writes them: what opened, what is over, the morning's digest.

Rows have the columns of table `alerts` and "name", the unit's name ("" for the whole installation). A rule that is no longer
known is None: its name stands for it. Of `detail` these are said where they are there: numerator, denominator (of a share),
dossiers (codes), dossier_count (of all of them), clause and provenance (of what the figure is held against, where they are not the
rule's), points (at stake), label (of a commitment or source), file (name of a rejected file). Titles have at most 78 characters. Texts are plain: paragraphs parted by an empty line,
"• " before an entry of a list; `messages.alert_mail` makes HTML of exactly these.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from criteria import load_instruments
from messages import fmt
from messages.alert_words import SEVERITY_LABELS, SEVERITY_ORDER, TODO, about, age, figures, local

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
    "made_up": "Đêm này đã được chạy bù.",
    "settled": "Tệp đã được nạp, hoặc đã qua thời hạn theo dõi.",
}


def opened(row: Row, rule: AlertRule | None, page: str | None = None) -> tuple[str, str]:
    """Return title and text of an alert that opened. page: address of the pages."""
    said, what = figures(row, rule), _what(row, rule)
    title = _title(f"[{SEVERITY_LABELS[row['severity']]}] {what}", said.split(", ")[0])
    facts = [
        f"Số liệu: {said}." if said else "",
        f"Căn cứ: {basis}." if (basis := _basis(row, rule)) else "",
        f"Phát hiện từ: {fmt.moment(local(row['breached_at']))}.",
        f"Người xử lý: {row['owner']}." if row["owner"] else "",
    ]
    todo = TODO.get(rule.todo, "") if rule else ""
    parts = [
        f"{what}.", "\n".join(filter(None, facts)), f"Việc cần làm: {todo}" if todo else "", _dossiers(row), _caveat(row, rule),
        _where(row, page),
    ]  # fmt: skip
    return title, "\n\n".join(filter(None, parts))


def resolved(row: Row, rule: AlertRule | None, page: str | None = None) -> tuple[str, str]:
    """Return title and text of an alert that is over."""
    said, what = figures(row, rule), _what(row, rule)
    facts = [
        _RESOLUTIONS.get(row["resolution"] or "", ""),
        f"Số liệu: {said}." if said else "",
        f"Kéo dài từ {fmt.moment(local(row['opened_at']))} đến {fmt.moment(local(row['resolved_at']))}.",
    ]
    parts = [f"{what}: đã hết.", "\n".join(filter(None, facts)), _where(row, page)]
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
    where = f"Xem trên máy: {page}" if page else "Xem trên máy: «cchc alerts»."
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
    said = figures(row, rule)
    codes = _codes(row, 5)
    who = f" {row['owner']}: {lowered(TODO[rule.todo])}" if rule and rule.todo in TODO and row["owner"] else ""
    return f"{_head(row, rule)}{f': {said}' if said else ''}.{who}{f' Hồ sơ: {codes}.' if codes else ''}"


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
    said = f"{label}, {what}" if what else label
    return f"{row['name']} – {said}" if row["name"] else said


def lowered(text: str) -> str:
    """Return a sentence as it stands after a colon."""
    return text[:1].lower() + text[1:]


def _basis(row: Row, rule: AlertRule | None) -> str:
    """Return the clause that asks for it: the notice's own where one binds the unit, else that of the rule."""
    own = row["detail"].get("clause")
    if own:
        return str(own)
    if rule is None or rule.source is None:
        return ""
    document = load_instruments().get(rule.source["instrument"])
    return f"{rule.source['clause']}, {document.citation if document else rule.source['instrument']}"


def _caveat(row: Row, rule: AlertRule | None) -> str:
    """Say aloud that no text states the threshold."""
    if rule is None or row["threshold"] is None or (row["detail"].get("provenance") or rule.provenance) == "official":
        return ""
    return f"Lưu ý về mức cảnh báo: {lowered(rule.why)}"


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
    number = row["alert_id"]
    return f"Xem trên máy: {page}/#alert-{number}" if page else f"Xem trên máy: «cchc alerts show {number}»."


def _title(text: str, more: str = "") -> str:
    """Return a title with as much of what may be added as fits."""
    whole = f"{text}: {more}" if more else text
    if len(whole) <= LONGEST_TITLE:
        return whole
    return text if len(text) <= LONGEST_TITLE else f"{text[: LONGEST_TITLE - 1].rstrip()}…"
