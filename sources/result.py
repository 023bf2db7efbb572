"""What reading one file gives back: a small, JSON-able account. The rows themselves are in Arrow files beside it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

MAX_QUARANTINE: Final = 10_000


@dataclass
class ParseResult:
    """The account of one parsed file.

    status: "ok" or "rejected" (then `reason` is a code and `message` one Vietnamese sentence).
    rows_read = rows_ok + rows_quarantined; furniture (titles, sections, totals, footers) is not counted.
    columns: canonical columns present in `rows.arrow` (a column the file lacks is absent there, meaning NULL).
    drift: header texts. missing: of the contract, not in the file. extra: in the file, not in the contract. reordered: out of the
    contract's order. duplicate: canonical columns that two file columns name.
    title: period and unit written above the header ({from, to, unit}, ISO dates and unit id, None when not found).
    checks: {id, rule, column, header, label, severity, failed}. quarantine: the first MAX_QUARANTINE entries of
    {row, column, rule, key, value_kind, check, sheet}; all of them are in `quarantine.arrow` (`read_quarantine`).
    """

    status: str
    reason: str | None = None
    message: str | None = None
    contract: str | None = None
    source: str | None = None
    table: str | None = None
    format: str | None = None
    encoding: str | None = None
    sheet: str | None = None
    header_row: int | None = None
    rows_read: int = 0
    rows_ok: int = 0
    rows_quarantined: int = 0
    rows_repeated: int = 0
    columns: list[str] = field(default_factory=list)
    drift: dict[str, list[str]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    title: dict[str, str | None] = field(default_factory=dict)
    checks: list[dict[str, Any]] = field(default_factory=list)
    quarantine: list[dict[str, Any]] = field(default_factory=list)
    quarantine_total: int = 0

    def to_json(self) -> str:
        """Return the account as one JSON document."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> ParseResult:
        """Return the account from its JSON document. Raises: ValueError, TypeError."""
        return cls(**json.loads(text))


def rejected(reason: str, message: str, **known: Any) -> ParseResult:
    """Return the account of a file that cannot be used."""
    return ParseResult("rejected", reason, message, **known)


def read_quarantine(out_dir: Path) -> Iterator[dict[str, Any]]:
    """Yield every quarantine entry of a parsed file, in row order."""
    import pyarrow as pa

    path = out_dir / "quarantine.arrow"
    if not path.exists():
        return
    with pa.memory_map(str(path)) as source:
        reader = pa.ipc.open_file(source)
        for n in range(reader.num_record_batches):
            yield from reader.get_batch(n).to_pylist()
