"""What a backup holds, and what a restore brought back."""

from __future__ import annotations

from typing import Any

from apps.show import console, safe, when
from messages import fmt

SHOWN = 5


def backed_up(document: dict[str, Any]) -> None:
    """The archive, what is in it, what is not."""
    out = console()
    out.print(safe(document["message"]))
    out.print(f"  {_size(document['bytes'])}, {_contents(document)}.")
    if document["waiting"]:
        out.print(f"[yellow]Lưu ý[/] {document['waiting']} tệp trong hộp thư chưa nạp, không có trong bản sao lưu này.")
    if document["removed"]:
        out.print(f"  Đã bỏ {len(document['removed'])} bản cũ.")
    _damaged(out, document)


def restored(document: dict[str, Any]) -> None:
    """What came back, and whether it is whole."""
    out = console()
    out.print(safe(document["message"]))
    out.print(f"  Bản sao lưu lúc {when(document['made_at'])}: {_contents(document)}.")
    if document.get("audit"):
        out.print(f"  {safe(document['audit']['message'])}")
        runs = document["runs"]
        bad = f"không khớp: {', '.join(map(str, runs['bad']))}" if runs["bad"] else "đều khớp"
        again = f"tính lại {runs['checked']} trong {fmt.count(runs['published'])} lần, {bad}"
        out.print(f"  Điểm đã công bố: {again if runs['published'] else 'chưa có lần nào'}.")
        out.print("  Lịch chạy và tự động hóa được tạo lại khi chạy «cchc up».")
    _damaged(out, document)


def _contents(document: dict[str, Any]) -> str:
    return f"{document['tables']} bảng, {fmt.count(document['rows'])} dòng, {fmt.count(document['files'])} tệp gốc"


def _damaged(out: Any, document: dict[str, Any]) -> None:
    if document["damaged"]:
        named = ", ".join(sha256[:12] for sha256 in document["damaged"][:SHOWN])
        out.print(
            f"[red]Có {len(document['damaged'])} tệp gốc đã mất hoặc hỏng trên đĩa ({named}); hãy kiểm tra ổ đĩa và tìm bản sao"
            " lưu cũ hơn. Số liệu đã nạp từ các tệp đó vẫn còn trong cơ sở dữ liệu.[/]"
        )


def _size(number: int) -> str:
    return f"{fmt.count(max(1, round(number / 2**20)))}{fmt.NBSP}MB"
