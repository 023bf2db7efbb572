"""What was fetched from inboxes elsewhere, as tables."""

from __future__ import annotations

from typing import Any, Final

from rich.console import Console

from apps.show import console, new_table, safe
from messages import fmt

_STATUS: Final = {
    "done": "[green]đã lấy[/]", "nothing_new": "không có tệp mới", "failed": "[red]chưa lấy được[/]", "later": "chờ thử lại",
    "busy": "đang lấy", "off": "[dim]tắt[/]",
}  # fmt: skip
#: Sentences shown per inbox and kind; --json has all.
_SHOWN: Final = 10


def pulled(document: dict[str, Any]) -> None:
    """Each inbox with its counts, then which files came, wait or failed."""
    out = console()
    if _none(out, document):
        return
    table = new_table(
        "Hộp thư ở nơi khác", "Hộp thư", "Kết quả", ("Có", "right"), ("Đã lấy", "right"), ("Chờ", "right"), ("Lỗi", "right")
    )
    for entry in document["inboxes"]:
        counts = (fmt.count(len(entry[name])) for name in ("fetched", "waiting", "failed"))
        table.add_row(safe(entry["inbox"]), _STATUS[entry["status"]], fmt.count(entry["listed"]), *counts)
    out.print(table)
    for entry in document["inboxes"]:
        _said(out, entry)
        for file in entry["fetched"][:_SHOWN]:
            out.print(f"• {safe(entry['inbox'])}: đã lấy {safe(file['path'])}", soft_wrap=True)
        _more(out, len(entry["fetched"]))
        for kind in ("failed", "waiting"):
            for file in entry[kind][:_SHOWN]:
                out.print(f"• {safe(entry['inbox'])}: {safe(file['path'])}: {safe(file['message'])}", soft_wrap=True)
            _more(out, len(entry[kind]))


def checked(document: dict[str, Any]) -> None:
    """Whether each inbox can be reached and read."""
    out = console()
    if _none(out, document):
        return
    table = new_table("Thử kết nối hộp thư", "Hộp thư", "Địa chỉ", "Kết quả", ("Số tệp", "right"))
    words = _STATUS | {"done": "[green]kết nối được[/]", "failed": "[red]không được[/]"}
    for entry in document["inboxes"]:
        table.add_row(safe(entry["inbox"]), safe(entry["url"]), words[entry["status"]], fmt.count(entry["listed"]))
    out.print(table)
    for entry in document["inboxes"]:
        _said(out, entry)


def _none(out: Console, document: dict[str, Any]) -> bool:
    if not document["inboxes"]:
        text = "Chưa có hộp thư nào ở nơi khác; khai báo trong inboxes.yaml theo mẫu deployments/inboxes.example.yaml."
        out.print(text, soft_wrap=True)
    return not document["inboxes"]


def _said(out: Console, entry: dict[str, Any]) -> None:
    if entry["message"]:
        out.print(f"[yellow]{safe(entry['inbox'])}[/]: {safe(entry['message'])}", soft_wrap=True)


def _more(out: Console, number: int) -> None:
    if number > _SHOWN:
        out.print(f"  … còn {fmt.count(number - _SHOWN)} tệp nữa (--json để lấy đủ)")
