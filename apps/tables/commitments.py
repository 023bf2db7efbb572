"""Registers of commitments as tables."""

from __future__ import annotations

from datetime import date
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from apps.show import console, new_table, safe, when
from messages import STATE_LABELS, definition_label, fmt

_STYLES: Final = {"met": "green", "on_track": "green", "at_risk": "yellow", "missed": "red", "no_data": "dim"}


def registers(document: dict[str, Any]) -> None:
    """Each register with its states, then who must act where something is wrong; or that none binds."""
    out = console()
    out.print(f"Tính đến {when(document['as_of'])} · trễ hạn theo {safe(definition_label(document['definition']))}")
    if document["message"]:
        out.print(safe(document["message"]), soft_wrap=True)
    for register in document["notices"]:
        title = f"{register['name']} · {register['citation']} · năm {register['year']}"
        out.print(register_table(register["commitments"], title, owners=True))
        out.print(_counts(register))
        notes(out, register["commitments"])


def pressing(out: Console, registers: list[dict[str, Any]]) -> None:
    """Of each register, the commitments at risk or missed, and how many there are of each state."""
    for register in registers:
        rows = [row for row in register["commitments"] if row["state"] in ("at_risk", "missed")]
        if rows:
            out.print(register_table(rows, f"{register['name']} · {register['citation']}", owners=True))
        out.print(f"{safe(register['name'])}: {_counts(register)}")
        if rows:
            notes(out, rows)


def _counts(register: dict[str, Any]) -> str:
    said = [f"{STATE_LABELS[state].lower()}: {register['counts'][state]}" for state in _STYLES if state in register["counts"]]
    return f"{len(register['commitments'])} cam kết · {safe(' · '.join(said))}"


def register_table(rows: list[dict[str, Any]], title: str, owners: bool = False) -> Table:
    """Return the table of a register, readable from 80 columns on; owners: who is in charge, under each commitment.

    A deadline that all share stands in the title, another one under its commitment.
    """
    deadlines = {row["deadline"] for row in rows}
    heading = f"{safe(title)} · {_deadline(rows[0])}" if len(deadlines) == 1 else safe(title)
    table = new_table(f"\n{heading}", "Khoản", "Cam kết", ("Hiện tại", "right"), "Ngưỡng", "Tình trạng")
    table.expand = True
    table.columns[1].ratio, table.columns[4].ratio = 3, 2
    for column in (0, 2, 3):
        table.columns[column].no_wrap = True
    for row in rows:
        below = [safe(row["owner"])] if owners else []
        below += [_deadline(row)] if len(deadlines) > 1 else []
        label = safe(row["label"]) + (f"\n[dim]{' · '.join(below)}[/]" if below else "")
        state = f"[{_STYLES[row['state']]}]{STATE_LABELS[row['state']]}[/]"
        threshold = safe(row["threshold_text"]) + ("" if row["threshold_known"] else "*")
        said = f"{state}: {safe(row['gap_text'])}" if row["gap_text"] else state
        table.add_row(safe(row["paragraph"]), label, safe(row["value_text"]), threshold, said)
    return table


def _deadline(row: dict[str, Any]) -> str:
    return f"hạn {fmt.day(date.fromisoformat(row['deadline']))} ({safe(row['deadline_text'])})"


def notes(out: Any, rows: list[dict[str, Any]]) -> None:
    """What the table marks: thresholds nobody has seen, and figures that are our reading of the notice."""
    unknown = [row for row in rows if not row["threshold_known"]]
    if unknown:
        out.print("[yellow]* Ngưỡng giả định, chưa có văn bản:[/]")
    for row in unknown:
        out.print(f"  • {safe(row['label'])}: {safe(row['threshold_note'])}")
    assumed = [row["label"] for row in rows if row["provenance"] != "official" and row["threshold_known"]]
    if assumed:
        out.print(f"[yellow]Cách hiểu của phần mềm, thông báo không ghi con số:[/] {safe('; '.join(assumed))}.")
