"""The parts of a running installation in words, and what its status page says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta, timezone
from typing import Any, Final

from messages.fmt import count, day, moment, number

HERE: Final = timezone(timedelta(hours=7))
PARTS: Final[Mapping[str, str]] = {
    "up": "Trông coi các phần",
    "server": "Máy chủ Prefect",
    "runner": "Bộ chạy theo lịch",
    "watch": "Trực hộp thư",
    "web": "Trang trạng thái",
    "database": "Cơ sở dữ liệu",
}
STATES: Final[Mapping[str, str]] = {"running": "đang chạy", "starting": "đang khởi động", "waiting": "chờ chạy lại"}
#: Kinds of the desk's work.
WORKS: Final[Mapping[str, str]] = {
    "chain": "nạp tệp và chấm điểm", "inbox": "theo dõi thư mục hộp thư", "post": "gửi tin cảnh báo",
    "pull": "lấy tệp từ nơi khác", "pulse": "báo tình trạng", "later": "dự báo và dọn dẹp",
}  # fmt: skip
#: Of a part on the status page, where it may also have stopped without a word.
PART_STATES: Final[Mapping[str, str]] = {**STATES, "silent": "không trả lời"}
OVERALL: Final[Mapping[str, str]] = {
    "ok": "Mọi thứ đang chạy",
    "degraded": "Đang chạy, có việc cần xem",
    "failing": "Có phần đã hỏng",
}
NIGHT_OUTCOMES: Final[Mapping[str, str]] = {
    "done": "xong", "nothing_new": "xong, không có gì mới", "failed": "bị lỗi", "skipped": "bỏ qua",
}  # fmt: skip
ORIGINS: Final[Mapping[str, str]] = {
    "nightly": "chuỗi đêm", "event": "tệp mới đến", "score": "lệnh chấm điểm", "demo": "chạy thử",
}  # fmt: skip
#: (check, code) → what it means and what to do. A check that is well says nothing.
_CHECKS: Final[Mapping[tuple[str, str], str]] = {
    ("database", "slow"): "Cơ sở dữ liệu chưa trả lời. Nếu kéo dài, xem nhật ký trong thư mục logs.",
    ("disk", "unknown"): "Không đọc được thư mục cài đặt. Kiểm tra ổ đĩa.",
    ("disk", "full"): "Đĩa gần hết chỗ: còn {gib} GiB. Dọn chỗ trống ngay, nếu không số liệu mới sẽ không nạp được.",
    ("disk", "low"): "Đĩa sắp hết chỗ: còn {gib} GiB. Nên dọn bớt.",
    ("watch", "not_up"): "Chưa có «cchc up» nào chạy cho nơi cài đặt này. Tệp trong hộp thư chưa được nạp.",
    ("watch", "dead"): "Phần trực hộp thư đã dừng: tệp mới chưa được nạp. «cchc up» sẽ tự chạy lại; nếu không, khởi động lại nó.",
    ("parts", "dead"): "Có phần không chạy: {parts}. «cchc up» sẽ tự chạy lại; nếu kéo dài, xem thư mục logs.",
    ("works", "trouble"): "Đang vướng ở việc {works}. Máy tự thử lại; nếu kéo dài, gõ «cchc doctor» để biết nguyên nhân.",
    ("inbox", "closed"): "Không mở được thư mục hộp thư, tệp mới chưa được nạp. Kiểm tra thư mục inbox và quyền đọc của nó.",
    ("inboxes", "bad_inboxes"): "inboxes.yaml viết sai, tệp từ hộp thư nơi khác phải chờ. Gõ «cchc doctor» để biết sai ở đâu.",
    ("inboxes", "failing"): "Không lấy được tệp từ hộp thư {inboxes}. Gõ «cchc pull --check» để biết nguyên nhân.",
    ("night", "missed"): "Lỡ {count} đêm ({nights}). Máy sẽ tự chạy bù; nếu không, gõ «cchc nightly».",
    ("night", "failed"): "Chuỗi đêm gần nhất bị lỗi lúc {at}. Máy sẽ thử lại; gõ «cchc doctor» để biết nguyên nhân.",
    ("messages", "given_up"): "{count} tin cảnh báo không gửi được trong 7 ngày qua. Kiểm tra địa chỉ nhận trong alerts.yaml.",
    ("messages", "overdue"): "{count} tin cảnh báo đến hạn hơn một giờ mà chưa gửi được. Gõ «cchc doctor» để biết lý do.",
    ("events", "wait"): "{count} sự kiện chờ báo cho Prefect, lâu nhất {minutes} phút. Điểm và cảnh báo không bị ảnh hưởng.",
}
_NIGHTS_SHOWN: Final = 3


def parts_named(names: Iterable[str]) -> str:
    """Return parts within a sentence: "trực hộp thư, máy chủ Prefect"."""
    words = (PARTS.get(name, name) for name in names)
    return ", ".join(word[:1].lower() + word[1:] for word in words)


def check(name: str, code: str, values: Mapping[str, Any]) -> str:
    """Return what is not as it should be, as sentences."""
    text = _CHECKS.get((name, code))
    if text is None:  # the database's own words, or a fault without any
        return values.get("message") or "Cơ sở dữ liệu chưa dùng được. Gõ «cchc doctor» để biết nguyên nhân."
    shown: dict[str, str] = {}
    for key, value in values.items():
        if key == "parts":
            shown[key] = parts_named(value)
        elif key == "works":
            shown[key] = ", ".join(WORKS.get(work, work) for work in value)
        elif key == "inboxes":
            shown[key] = ", ".join(f"«{name}»" for name in value)
        elif key == "nights":
            shown[key] = ", ".join(day(night) for night in value[:_NIGHTS_SHOWN]) + (" …" if len(value) > _NIGHTS_SHOWN else "")
            shown["count"] = count(len(value))
        elif key == "at":
            shown[key] = moment(value.astimezone(HERE))
        else:
            shown[key] = number(value, 1 if key == "gib" else 0)
    return text.format(**shown)
