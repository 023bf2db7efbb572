"""Alerts and their messages as tables."""

from __future__ import annotations

from typing import Any, Final

from rich.console import Console

from apps.show import console, new_table, safe, when
from messages import fmt
from messages.alert_words import MESSAGE_KINDS, MESSAGE_STATES, SEVERITY_LABELS, STATE_LABELS

_STYLES: Final = {"critical": "red", "warn": "yellow", "info": "dim"}


def listed(document: dict[str, Any]) -> None:
    """Alerts, then what is wrong with the messages about them."""
    out = console()
    rows = document["alerts"]
    if not rows:
        out.print("Không có cảnh báo nào đang mở.")
    else:
        table = new_table("Cảnh báo", ("Số", "right"), "Mức", "Đơn vị", "Nội dung", "Người xử lý", "Từ", "Tình trạng")
        for row in rows:
            said = ": ".join(filter(None, (row["label"], ", ".join(filter(None, (row["about"], row["figures"]))))))
            table.add_row(
                str(row["alert"]), f"[{_STYLES[row['severity']]}]{SEVERITY_LABELS[row['severity']]}[/]", safe(row["name"]),
                safe(said), safe(row["owner"]), when(row["opened_at"] or row["breached_at"]), _state(row),
            )  # fmt: skip
        out.print(table)
    _outbox(out, document)


def _state(row: dict[str, Any]) -> str:
    if row["state"] == "open" and row["acknowledged_by"]:
        return f"{safe(row['acknowledged_by'])} đã nhận"
    return f"{STATE_LABELS[row['state']]} ({row['age']})"


def _outbox(out: Console, document: dict[str, Any]) -> None:
    """What stands between alerts and people: nothing is said when all is well."""
    if document["problem"]:
        out.print(f"[red]Không gửi được tin nào[/] vì {safe(document['problem'])}", soft_wrap=True)
    elif not document["recipients"]:
        out.print("Chưa có ai nhận tin; khai báo trong alerts.yaml của bản cài theo mẫu deployments/alerts.example.yaml.")
    for warning in document["warnings"]:
        out.print(f"[yellow]Lưu ý[/] {safe(warning)}", soft_wrap=True)
    if document["waiting_messages"]:
        out.print(f"{fmt.count(document['waiting_messages'])} tin chờ gửi.")
    for message in document["troubles"]:
        tries = f", đã thử {fmt.count(message['attempts'])} lần" if message["attempts"] > 1 else ""
        kind, state = MESSAGE_KINDS[message["kind"]], MESSAGE_STATES[message["state"]]
        out.print(
            f"• Tin số {message['message']} ({kind}) cho {safe(message['recipient'])}: {state}{tries}; {safe(message['error'])}.",
            soft_wrap=True,
        )


def shown(document: dict[str, Any]) -> None:
    """An alert as it is told, then who was told."""
    out = console()
    severity, state = SEVERITY_LABELS[document["severity"]], STATE_LABELS[document["state"]]
    out.print(f"[bold]Cảnh báo số {document['alert']}[/] · {severity} · {state}")
    for line in document["text"].split("\n"):
        out.print(safe(line) if line else "", soft_wrap=True)
    if document["file"]:
        out.print(f"Tệp: {safe(document['file']['name'])}. {safe(document['file']['message'])}", soft_wrap=True)
    if document["acknowledged_by"]:
        note = f": {safe(document['acknowledged_note'])}" if document["acknowledged_note"] else ""
        out.print(f"{safe(document['acknowledged_by'])} đã nhận lúc {when(document['acknowledged_at'])}{note}.")
    for message in document["messages"]:
        at = f" lúc {when(message['sent_at'])}" if message["sent_at"] else ""
        why = f"; {safe(message['error'])}" if message["error"] and message["state"] != "sent" else ""
        kind, became = MESSAGE_KINDS[message["kind"]], MESSAGE_STATES[message["state"]]
        out.print(f"• Tin cho {safe(message['recipient'] or 'người nhận')} ({kind}): {became}{at}{why}.")
    if document["runbook"]:
        out.print(f"Hướng dẫn kỹ thuật: {document['runbook']}")


def acknowledged(document: dict[str, Any]) -> None:
    console().print(f"Đã ghi nhận cảnh báo số {document['alert']}: {safe(document['acknowledged_by'])} xử lý.")


def tested(document: dict[str, Any]) -> None:
    """One line per address."""
    out = console()
    several = len(document["messages"]) > 1
    for row in document["messages"]:
        which = f", địa chỉ thứ {row['channel']}" if several else ""
        said = "đã gửi tin thử" if row["state"] == "sent" else f"[red]chưa gửi được[/]: {safe(row['error'])}"
        out.print(f"{safe(document['recipient'])}{which}: {said}.", soft_wrap=True)
    for warning in document["warnings"]:
        out.print(f"[yellow]Lưu ý[/] {safe(warning)}", soft_wrap=True)


def sent(document: dict[str, Any]) -> None:
    """How many messages left, how many did not."""
    out = console()
    if document["problem"]:
        out.print(f"[red]Không gửi được tin nào[/] vì {safe(document['problem'])}", soft_wrap=True)
    elif document["status"] == "busy":
        out.print("Đang có nơi khác gửi tin; không cần chạy lại.")
    elif document["status"] == "nothing":
        out.print("Không có tin nào đến lượt gửi.")
    else:
        words = {"sent": "đã gửi", "failed": "sẽ thử lại", "unclear": "không rõ đã tới chưa", "given_up": "thôi không gửi"}
        said = [f"{word}: {fmt.count(document[name])}" for name, word in words.items() if document[name]]
        out.print(f"Tin {', '.join(said)}." if said else "Không có tin nào đến lượt gửi.")
