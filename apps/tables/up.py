"""What `cchc up` says when it starts, when it is ready and when it has stopped."""

from __future__ import annotations

from typing import Any, Final

from apps.show import console, safe
from messages.running import PARTS, STATES

_COLOURS: Final = {"running": "green", "starting": "yellow", "waiting": "red"}


def starting() -> None:
    console().print("Đang khởi động (thường dưới một phút)…")


def ready(document: dict[str, Any]) -> None:
    """Where the page is, what runs, how to stop it."""
    out = console()
    out.print(f"Trang trạng thái: [bold]{safe(document['page'])}[/]", soft_wrap=True)
    for name, part in document["parts"].items():
        colour = _COLOURS[part["state"]]
        out.print(f"  [{colour}]{STATES[part['state']]}[/]  {PARTS[name]}{_process(part)}")
    prefect = document["prefect"]
    if prefect is None:
        out.print("Không chạy Prefect; lịch đêm và hộp thư do phần trực hộp thư lo.")
    elif prefect["database"] == "given":
        out.print(f"Dùng máy chủ Prefect có sẵn: {safe(prefect['api'])}", soft_wrap=True)
    elif prefect["database"] == "file":
        out.print(f"[yellow]Prefect lưu lịch sử chạy trong thư mục cài đặt: {safe(prefect['reason'])}.[/]")
    if any(part["state"] != "running" for part in document["parts"].values()):
        out.print("[yellow]Có phần chưa sẵn sàng; chương trình vẫn thử tiếp, xem thư mục logs của nơi cài đặt.[/]")
    out.print("Ctrl-C để dừng.")


def _process(part: dict[str, Any]) -> str:
    return f" (tiến trình {part['pid']})" if part["pid"] else ""


def stopped() -> None:
    console().print("Đã dừng.")
