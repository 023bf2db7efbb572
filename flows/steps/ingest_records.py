"""What a load keeps beside its facts: who handed the file in, the contract it was read with, the rows held back."""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flows.steps.home import Home
    from sources.contract import Contract
    from warehouse.load import ParsedRows


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
