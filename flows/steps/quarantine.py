"""Rows that wait: listing them, writing them out for correction, closing them with a reason.

A corrected row comes back like any export: the workbook written here has the file's own headers, so its contract is known,
and loading it closes the entries it corrects.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flows.steps.home import Home, UserError, now
from sources import snapshot


def listing(home: Home, sha256: str | None, everything: bool) -> dict[str, Any]:
    """Return the entries (no personal data: row, column, rule, key)."""
    from warehouse import ledger

    with home.database.begin() as tx:
        rows = ledger.quarantine_rows(tx, sha256=sha256, state="all" if everything else "open")
        waiting = tx.scalar("select count(*) from quarantine where state = 'open'")
    return {"open": waiting, "rows": rows}


def export(home: Home, sha256: str, target: Path) -> dict[str, Any]:
    """Write the waiting rows of a file, with its headers, to an xlsx of mode 0600. Raises: UserError."""
    from sources.correction import write_rows
    from warehouse import ledger

    if target.suffix.lower() != ".xlsx":
        raise UserError("bad_target", f"Tệp đích «{target}» phải có đuôi .xlsx.")
    if target.exists():
        raise UserError("exists", f"Tệp «{target}» đã có; hãy chọn tên khác.")
    if not target.absolute().parent.is_dir():
        raise UserError("bad_target", f"Không có thư mục «{target.absolute().parent}»; hãy tạo trước.")
    with home.database.begin() as tx:
        entries = ledger.quarantine_rows(tx, sha256=sha256, limit=100_000)
        loads = tx.rows(
            "select l.sha256, l.contract_body from loads as l where l.sha256 like %(sha)s || '%%' and l.kind = 'file'",
            {"sha": sha256},
        )
    if len(loads) != 1:
        raise UserError("unknown_file", f"Không có đúng một tệp đã nạp bắt đầu bằng «{sha256}»; xem «cchc quarantine list».")
    if not entries:
        raise UserError("nothing_waiting", "Tệp này không còn dòng nào chờ sửa.")
    place = snapshot.place_of(loads[0]["sha256"], home.snapshots)
    contract = home.contracts / ".used" / loads[0]["contract_body"]["file"]
    count = write_rows(place, contract, sorted({entry["row"] for entry in entries}), target)
    return {"path": str(target), "rows": count, "sha256": loads[0]["sha256"]}


def close(home: Home, ids: Sequence[int], reason: str) -> dict[str, Any]:
    """Close entries that need no correction, with the reason. Raises: UserError."""
    if not reason.strip():
        raise UserError("no_reason", "Hãy ghi lý do ở --reason.")
    with home.database.begin() as tx:
        count = tx.execute(
            """
            update quarantine
            set state = 'closed', closed_at = %(now)s, correction_reason = %(reason)s
            where quarantine_id = any(%(ids)s) and state = 'open'
            """,
            {"ids": list(ids), "reason": reason.strip(), "now": now()},
        )
    if not count:
        raise UserError("unknown_entry", "Không có dòng nào đang chờ với các số đã cho; xem «cchc quarantine list».")
    return {"closed": count}
