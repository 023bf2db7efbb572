"""The words of alerts: severities, figures with their thresholds, what to do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from messages import fmt
from messages.running import WORKS

if TYPE_CHECKING:
    from criteria.alerts import AlertRule

Row = Mapping[str, Any]
ZONE: Final = ZoneInfo("Asia/Ho_Chi_Minh")
SEVERITY_LABELS: Final[Mapping[str, str]] = {"critical": "Khẩn", "warn": "Cảnh báo", "info": "Lưu ý"}
SEVERITY_ORDER: Final = ("critical", "warn", "info")
STATE_LABELS: Final[Mapping[str, str]] = {
    "pending": "đang theo dõi", "open": "đang mở", "resolved": "đã hết", "dropped": "không thành cảnh báo",
}  # fmt: skip
MESSAGE_STATES: Final[Mapping[str, str]] = {
    "waiting": "chờ gửi", "sending": "đang gửi", "sent": "đã gửi", "unclear": "không rõ đã tới chưa", "given_up": "thôi không gửi",
}  # fmt: skip
MESSAGE_KINDS: Final[Mapping[str, str]] = {
    "open": "cảnh báo mới", "resolve": "đã hết", "digest": "tổng hợp sáng", "test": "tin thử",
}  # fmt: skip
#: A rule's `todo` → what whoever acts does first. SỐ: the alert's number.
TODO: Final[Mapping[str, str]] = {
    "overdue": "Rà các hồ sơ trễ hạn, trả ngay hồ sơ đã có kết quả; với hồ sơ chưa xong, xin lỗi và hẹn lại theo quy định.",
    "satisfaction": "Đọc các phiếu chưa hài lòng gần đây, tìm nội dung bị chê nhiều nhất và chấn chỉnh ngay ở bộ phận liên quan.",
    "online": "Hướng dẫn người dân nộp trực tuyến ngay tại quầy; phân công người hỗ trợ theo từng thủ tục có ít hồ sơ trực tuyến.",
    "postal": "Giới thiệu dịch vụ bưu chính công ích khi tiếp nhận và khi hẹn trả kết quả.",
    "payment": "Hướng dẫn thanh toán trực tuyến khi thu phí, lệ phí; kiểm tra mã thanh toán tại quầy còn dùng được.",
    "commitment": "Xem lại cam kết, báo cáo nguyên nhân và việc khắc phục trong kỳ giao ban gần nhất.",
    "survey_day": "Lấy phiếu ngay trong ngày làm việc này; nếu đã lấy mà chưa nhập thì nhập đủ phiếu của các ngày còn thiếu.",
    "review": "Hoàn thành đánh giá của tháng còn thiếu và nhập kết quả.",
    "grade": "Xem dự báo bằng lệnh «cchc forecast», chọn các việc thêm được nhiều điểm nhất và giao người làm.",
    "rank": "Xem dự báo bằng lệnh «cchc forecast»; tiêu chí nào giảm so với tuần trước thì xử lý tiêu chí đó trước.",
    "criterion": "Xem lý do mất điểm bằng lệnh «cchc explain» và xử lý hồ sơ, tài liệu còn thiếu.",
    "named_again": "Làm việc với công chức bị phản ánh, xác minh nội dung và trả lời người dân. Xem trên máy, không chuyển tiếp tin này.",
    "due_soon": "Đôn đốc giải quyết các hồ sơ này trước hạn.",
    "source_late": "Xuất tệp mới của nguồn này và bỏ vào hộp thư; nếu hệ thống nguồn không xuất được thì báo đơn vị quản lý.",
    "file_rejected": "Xem tên tệp và lý do bằng lệnh «cchc alerts show SỐ», xuất lại tệp đúng mẫu rồi bỏ vào hộp thư.",
    "stuck": "Chạy «cchc doctor» để biết nguyên nhân và cách sửa; tệp đã nhận không mất, máy tự làm tiếp khi hết vướng.",
    "night_missed": "Kiểm tra máy có bật ban đêm không, rồi chạy «cchc doctor»; chuỗi việc tự chạy bù khi máy bật lại.",
}


def local(moment: datetime) -> datetime:
    """Return an instant as read in Việt Nam."""
    return moment.astimezone(ZONE)


def figure(value: float | None, unit: str) -> str:
    """Return a figure of an alert in the unit of its rule; a dash where there is none, "" where the rule has no figure."""
    if unit in ("none", "state"):
        return ""
    if value is None or value != value:
        return fmt.DASH
    if unit in ("share", "chance"):
        return fmt.percent(value, 2 if unit == "share" else 1)
    if value <= 0 and unit in _CHANGES:
        return _CHANGES[unit]
    return f"{fmt.number(value, _DECIMALS.get(unit, 0))}{fmt.NBSP}{_UNITS[unit]}"


_DECIMALS: Final[Mapping[str, int]] = {"places": 1, "points": 2}
_UNITS: Final[Mapping[str, str]] = {
    "working_days": "ngày làm việc", "places": "bậc", "points": "điểm", "forms": "phiếu", "dossiers": "hồ sơ",
    "days": "ngày",
}  # fmt: skip
#: What a figure that is a change for the worse says when there is none.
_CHANGES: Final[Mapping[str, str]] = {"places": "không tụt", "points": "không mất thêm"}
#: How the good side of a threshold is named, by how it is breached.
_WANTED: Final[Mapping[str, str]] = {">=": "dưới {}", ">": "không quá {}", "<": "từ {} trở lên", "<=": "trên {}"}


def threshold(value: float | None, rule: AlertRule, breached: str | None = None) -> str:
    """Return what was wanted: "yêu cầu dưới 1 %", "báo khi từ 5 hồ sơ"; "" where there is no threshold or the first one is too
    many. breached: when not as the rule says."""
    if value is None or value != value or rule.unit in ("none", "state"):
        return ""
    if value == 1 and rule.unit in ("working_days", "forms", "dossiers"):
        return ""
    said = figure(value, rule.unit)
    if rule.unit == "share":
        return f"yêu cầu {_WANTED[breached or rule.breached].format(said)}"
    if rule.unit == "days":
        return f"hạn {said}"
    return f"báo khi {'dưới' if rule.breached in ('<', '<=') else 'từ'} {said}"


def figures(row: Row, rule: AlertRule | None) -> str:
    """Return figure and threshold in one phrase: "1,25 % (5/400), yêu cầu dưới 1 %"; "" when there is nothing to say."""
    if rule is None:
        return ""
    said, detail = figure(row["value"], rule.unit), row["detail"]
    if rule.unit == "state" and detail.get("said"):
        return f"{detail['said']}, yêu cầu {detail.get('wanted')}"
    if rule.unit == "share" and said != fmt.DASH and detail.get("numerator") is not None and detail.get("denominator"):
        said += f" ({fmt.count(detail['numerator'])}/{fmt.count(detail['denominator'])})"
    wanted = threshold(row["threshold"], rule, detail.get("breached"))
    if said == fmt.DASH:
        said = "chưa có số liệu mới"
    return ", ".join(filter(None, (said, wanted)))


def age(since: datetime, at: datetime) -> str:
    """Return how long something has lasted: "hôm nay", "3 ngày"."""
    days = (local(at).date() - local(since).date()) // timedelta(days=1)
    return f"{fmt.count(days)} ngày" if days > 0 else "trong ngày"


def _day(text: str) -> str:
    try:
        return fmt.day(date.fromisoformat(text))
    except ValueError:
        return text


def _month(text: str) -> str:
    try:
        return fmt.month(date.fromisoformat(f"{text[:7]}-01"))
    except ValueError:
        return text


def _moment(text: str) -> str:
    try:
        return fmt.moment(local(datetime.fromisoformat(text)))
    except ValueError:
        return text


def _nights(days: list[str]) -> str:
    if len(days) < 2:
        return "".join(map(_day, days))
    return f"{fmt.count(len(days))} đêm, từ {_day(days[0])} đến {_day(days[-1])}"


def _stuck(subject: str) -> str:
    kind, _, name = subject.partition(":")
    if kind == "work":
        return WORKS.get(name, name)
    return f"lấy tệp từ hộp thư «{name}»" if kind == "inbox" else "đĩa gần hết chỗ"


#: Why something is stuck; of other codes the doctor knows more.
_REASONS: Final[Mapping[str, str]] = {
    "disk_full": "Nguyên nhân: hết chỗ trên đĩa", "full": "Nguyên nhân: đĩa còn dưới 1 GiB",
    "bad_inboxes": "Nguyên nhân: inboxes.yaml viết sai", "failed": "Đã không lấy được quá một giờ",
}  # fmt: skip

_ABOUT: Final[Mapping[str, Callable[[str, Row], str]]] = {
    "commitment": lambda text, detail: str(detail.get("label") or text),
    "review_months": lambda text, detail: _month(text),
    "named_again": lambda text, detail: "",  # the official's key says nothing to people, the name stays on the machine
    "source_late": lambda text, detail: str(detail.get("label") or text),
    "file_rejected": lambda text, detail: f"nhận lúc {_moment(detail['received'])}" if detail.get("received") else text[:12],
    "night_missed": lambda text, detail: _nights(detail.get("nights") or []),
    "stuck": lambda text, detail: _stuck(text),
}


def about(row: Row, rule: AlertRule | None) -> str:
    """Return what of the unit an alert is about: "III.3" (a criterion), "12/03/2023" (a night); "" when there is only one thing."""
    write = _ABOUT.get(rule.kind) if rule else None
    return write(row["subject"], row["detail"]) if write else str(row["subject"])


def _days(detail: Row) -> str:
    return f"Ngày thiếu phiếu: {', '.join(map(_day, detail['days']))}" if detail.get("days") else ""


def _ranks(detail: Row) -> str:
    if detail.get("rank") is None or detail.get("rank_before") is None:
        return ""
    since = f" (dự báo ngày {_day(str(detail['since'])[:10])})" if detail.get("since") else ""
    return f"Thứ hạng dự kiến: {fmt.number(detail['rank'], 1)}, trước là {fmt.number(detail['rank_before'], 1)}{since}"


def _named_months(detail: Row) -> str:
    return f"Tháng có phản ánh: {', '.join(map(_month, detail['months']))}" if detail.get("months") else ""


_MORE: Final[Mapping[str, Callable[[Row], str]]] = {
    "commitment": lambda detail: f"Cụ thể: {detail['gap']}" if detail.get("gap") else "",
    "survey_days": _days,
    "rank_drop": _ranks,
    "lost_points": lambda detail: f"Tiêu chí: {detail['label']}" if detail.get("label") else "",
    "named_again": _named_months,
    "stuck": lambda detail: _REASONS.get(str(detail.get("code")), ""),
}


def more(row: Row, rule: AlertRule | None) -> str:
    """Return what else is known of the figure, with its label and without a stop: the days, the ranks, the criterion; or ""."""
    write = _MORE.get(rule.kind) if rule else None
    return write(row["detail"]) if write else ""


def todo(row: Row, rule: AlertRule | None) -> str:
    """Return what whoever acts does first."""
    return TODO.get(rule.todo, "").replace("SỐ", str(row["alert_id"])) if rule else ""
