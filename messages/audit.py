"""The audit log in words: what was done, and what a check of the chain found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

ACTIONS: Final[Mapping[str, str]] = {
    "scenario.new": "tạo phương án",
    "scenario.set": "đổi tham số",
    "scenario.override": "sửa điểm",
    "scenario.withdraw": "bỏ sửa điểm",
    "scenario.explanation": "ghi giải trình",
    "scenario.revert": "trở về phiên bản cũ",
    "scenario.submit": "trình duyệt",
    "scenario.approve": "duyệt",
    "scenario.return": "trả lại",
    "scenario.publish": "công bố",
    "score.publish": "công bố điểm",
    "forecast.store": "lưu dự báo",
    "forecast.backtest": "kiểm tra lại dự báo các năm",
    "alert.ack": "ghi nhận cảnh báo",
}
_FAULTS: Final[Mapping[str, str]] = {
    "gap": "mục số {seq} không còn trong nhật ký",
    "order": "mục số {seq} bị chèn thêm hoặc sai thứ tự",
    "link": "mục số {seq} không nối với mục trước nó",
    "changed": "nội dung mục số {seq} đã bị sửa",
    "replaced": "mục số {seq} khác với dấu đã ghi trong audit.heads: đã bị thay bằng mục khác",
    "foreign": "mục số {seq} không do phần mềm của nơi cài đặt này ghi",
    "cut": "mục số {seq} đã được ghi nhưng không còn trong nhật ký: phần cuối đã bị cắt",
    "no_heads": "tệp audit.heads không còn hoặc không đọc được, nên không đối chiếu được từ mục số {seq}",
}


def subject_text(subject: str) -> str:
    """What an entry is about: `run:12` → "lần công bố số 12", `scenario:Tên` → "phương án «Tên»"."""
    kind, _, name = subject.partition(":")
    said = {
        "run": "lần công bố số {}", "scenario": "phương án «{}»", "forecast": "dự báo số {}", "criteria": "bộ tiêu chí «{}»",
        "alert": "cảnh báo số {}",
    }  # fmt: skip
    return said[kind].format(name) if kind in said else subject


def action_text(action: str, detail: Mapping[str, Any]) -> str:
    """Return one sentence about an entry: what was done, with the words it carries."""
    text = ACTIONS.get(action, action)
    said = detail.get("says")
    return f"{text}: {said}" if said else text


def verdict_text(what: str | None, seq: int | None, entries: int, unconfirmed: int) -> str:
    """Return what a check found and what to do about it."""
    if what is not None:
        found = _FAULTS[what].format(seq=seq)
        return (
            f"Nhật ký không còn nguyên vẹn: {found}. Giữ nguyên hiện trạng, so với bản sao lưu gần nhất và báo người phụ trách."
        )
    if not unconfirmed:
        return f"Nhật ký nguyên vẹn: {entries} mục."
    return (
        f"Nhật ký nguyên vẹn: {entries} mục; {unconfirmed} mục đã ghi nhưng chưa kịp đóng dấu vì phần mềm dừng giữa chừng, "
        "không ảnh hưởng gì."
    )
