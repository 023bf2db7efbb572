"""Contracts as people meet them: the list of known ones, and a draft for an export nobody has seen."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from flows.steps.home import Home, UserError
from sources import snapshot


def listing(home: Home) -> dict[str, Any]:
    """Return the known contracts: built in, and those of the home."""
    from flows.steps.files import candidates

    rows = [
        {
            "name": contract.name,
            "source": contract.source,
            "table": contract.table.name,
            "label": contract.label,
            "origin": "của cài đặt này" if Path(contract.path).parent == home.contracts else "có sẵn",
            "path": contract.path,
        }
        for contract in candidates(home, None)
    ]
    return {"contracts": rows}


def draft(path: Path) -> dict[str, Any]:
    """Return a draft contract for an export: {path, yaml, …} of `sources.sniff`. The file is read in a limited child process.

    Raises: UserError.
    """
    from flows.steps.files import path_text
    from sources.child import sniff_in_child

    folder = Path(tempfile.mkdtemp(prefix="cchc-sniff-"))
    try:
        taken = snapshot.take(path, folder)
        found = sniff_in_child(taken.path)
    except snapshot.SnapshotError as error:
        raise UserError(error.code, str(error)) from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if found.get("status") == "rejected":
        raise UserError(found["reason"], found["message"])
    return {**found, "path": path_text(path), "yaml": found.pop("draft")}
