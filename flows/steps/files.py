"""The files a call means, how they are to be read, and what became of each."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.steps.home import Home, UserError
from sources import snapshot

if TYPE_CHECKING:
    from sources.contract import Contract


@dataclass
class FileResult:
    """What became of one file: the entry of `ingest --json`."""

    path: str
    sha256: str | None = None
    source: str | None = None
    contract: str | None = None
    status: str = "rejected"
    rows_read: int = 0
    rows_accepted: int = 0
    rows_quarantined: int = 0
    rows_unchanged: int = 0
    reason: str | None = None
    message: str | None = None
    quarantine: list[dict[str, Any]] = field(default_factory=list)
    verdict: str | None = None
    drift: dict[str, list[str]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    sheet: str | None = None
    load_id: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        return asdict(self)


@dataclass(frozen=True)
class Request:
    """How files are to be read. contracts: the candidates; unit: overrides the file's own; received_at: known from then."""

    contracts: tuple[Contract, ...]
    unit: str | None = None
    received_at: datetime | None = None
    origin: str = "command"


def candidates(home: Home, given: str | None) -> tuple[Contract, ...]:
    """Return the one contract asked for (a file or a name), or all built-in ones and those of the home. Raises: UserError."""
    from sources.contract import ContractError, builtin_contracts, load_contract

    try:
        known = {contract.name: contract for contract in builtin_contracts()}
        for path in sorted(home.contracts.glob("*.yaml")):
            contract = load_contract(path)
            known[contract.name] = contract
        if given is None:
            return tuple(known.values())
        if given in known and not os.path.isfile(given):
            return (known[given],)
        if not os.path.isfile(given):
            raise UserError(
                "no_contract",
                f"Không có tệp hợp đồng «{given}»; các hợp đồng sẵn có: {', '.join(sorted(known))}.",
            )
        return (load_contract(Path(given)),)
    except ContractError as error:
        raise UserError("bad_contract", str(error)) from None


def files_of(paths: Sequence[Path]) -> list[Path]:
    """Return the files meant: a folder stands for every file in it, oldest first. Raises: UserError for a missing path."""
    found: list[Path] = []
    for path in paths:
        try:
            is_folder, is_link = path.is_dir(), path.is_symlink()
        except OSError:  # a name too long to exist
            is_folder = is_link = False
        if is_folder and not is_link:
            found.extend(Path(place) for _, _, place in sorted(_inside(os.fspath(path))))
        elif is_link or os.path.exists(path):
            found.append(path)
        else:
            raise UserError(
                "not_found",
                f"Không có tệp hoặc thư mục «{snapshot.shown_name(path)}»; hãy kiểm tra đường dẫn.",
            )
    return list(dict.fromkeys(found))


def path_text(path: Path) -> str:
    """Return a path as text that any database and any JSON can hold: a byte that is no UTF-8 becomes \\xff."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _inside(folder: str) -> Iterator[tuple[int, bytes, str]]:
    """Yield (modified_ns, name, path) of the files below a folder, without links to folders.

    Left out are hidden ones, those in hidden folders, and the lock files of open workbooks.
    """
    try:
        entries = list(os.scandir(folder))
    except (PermissionError, FileNotFoundError):
        return
    for entry in entries:
        if entry.name.startswith((".", "~$")):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _inside(entry.path)
        elif not entry.is_dir():
            try:
                modified = entry.stat(follow_symlinks=False).st_mtime_ns
            except OSError:  # gone meanwhile; taking it says so
                modified = 0
            yield modified, os.fsencode(entry.path), entry.path
