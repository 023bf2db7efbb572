"""What `cchc doctor` found, as a table."""

from __future__ import annotations

from typing import Any

from apps.show import console, new_table, safe
from messages.doctor import STATES, verdict

_COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


def checked(document: dict[str, Any]) -> None:
    """Every check with its state and what to do, then one sentence about all of them."""
    out = console()
    table = new_table(f"Kiểm tra {safe(document['home'])}", "", "Mục", "Kết quả")
    for row in document["checks"]:
        colour = _COLOURS[row["state"]]
        remedy = f"\n→ {safe(row['remedy'])}" if row["remedy"] else ""
        table.add_row(f"[{colour}]{STATES[row['state']]}[/]", safe(row["label"]), f"{safe(row['message'])}{remedy}")
    out.print(table)
    out.print(verdict(document["checks"]))
