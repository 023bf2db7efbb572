"""What is kept and said of a load beside its facts: who handed the file in, its contract, units, rows held back, result."""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from flows.steps.files import FileResult
    from flows.steps.home import Home
    from sources.contract import Contract
    from sources.quality import Verdict
    from sources.result import ParseResult
    from warehouse.load import ParsedRows

#: Rows held back that a result names; the ledger has them all.
SHOWN: Final = 1000


def keep_contract(home: Home, contract: Contract) -> Path:
    """Keep the contract's text by its digest: a later question must read the file as it was read then."""
    kept = home.contracts / ".used" / f"{contract.digest}.yaml"
    if not kept.exists():
        kept.parent.mkdir(mode=0o700, exist_ok=True)
        temporary = kept.with_suffix(f".{os.getpid()}.part")
        try:
            temporary.write_bytes(Path(contract.path).read_bytes())
            temporary.rename(kept)
        finally:
            temporary.unlink(missing_ok=True)
    return kept


def held_back(folder: Path, load_id: int, table: str, source: str, rows: ParsedRows | None) -> Iterator[dict[str, Any]]:
    """Yield the entries of the ledger for the rows that were held back."""
    from sources.result import read_quarantine

    keys: dict[int, int] = {}
    if rows is not None:
        bad = ~rows.ok
        keys = dict(zip(rows.row_no[bad].tolist(), rows.key_hash[bad].tolist(), strict=True))
    for entry in read_quarantine(folder):
        yield {
            "load_id": load_id, "target_table": table, "source": source, "row_no": entry["row"],
            "column_name": entry["column"], "rule": entry["rule"], "key_shown": entry["key"],
            "key_hash": keys.get(entry["row"]),
        }  # fmt: skip


def received_by() -> str:
    """Return the operating system's user who handed a file in."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def describe(result: FileResult, parsed: ParseResult) -> None:
    """Write into a file's result what reading it gave."""
    result.source, result.contract, result.sheet = parsed.source, parsed.contract, parsed.sheet
    result.drift, result.warnings = parsed.drift, list(parsed.warnings)
    if parsed.status == "ok":
        result.rows_read, result.rows_quarantined = parsed.rows_read, parsed.rows_quarantined
        result.rows_accepted = parsed.rows_ok
    if result.rows_quarantined * 2 > result.rows_read:
        result.warnings.append("Quá nửa số dòng bị giữ lại; hãy xem lại mẫu xuất hoặc hợp đồng.")
    result.quarantine = [
        {"row": entry["row"], "column": entry["column"], "rule": entry["rule"], "key": entry["key"]}
        for entry in parsed.quarantine[:SHOWN]
    ]


def empty_verdict(contract: Contract) -> Verdict:
    """Return the verdict on a file without data rows: a quiet month passes, unless the contract asks for rows."""
    from sources.quality import Verdict

    least = contract.gate.get("min_rows", 0) if contract.gate else 0
    if not least:
        return Verdict("pass", 0, 0, (), None, "Tệp không có dòng dữ liệu nào.")
    return Verdict("reject", 0, 0, (), "min_rows", f"Tệp không có dòng nào, hợp đồng đòi ít nhất {least}; hãy xuất lại.")


def units_of(contract: Contract, rows: ParsedRows | None) -> list[str] | None:
    """Return the units a file tells of, good rows and bad; None where the unit is no part of what tells rows apart."""
    if rows is None or "unit_code" not in contract.table.key or "unit_code" not in rows.columns:
        return None
    return list(rows.unit_counts(all_rows=True))
