"""What a limited worker does with its file. Imported by the nursery before it forks, so that workers start at once."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

from sources.contract import Contract, load_contract
from sources.parse import parse_file
from sources.sniff import draft_yaml, sniff
from sources.tabular.reject import Rejected


def run(request: dict[str, Any], file: int, known: dict[str, Contract]) -> str:
    """Do what a request asks with the open `file` and return the answer as JSON. known: digest → loaded contract."""
    if request["task"] == "sniff":
        return _sniff(request, file)
    contracts = [
        known.get(digest) or load_contract(path) for path, digest in zip(request["contracts"], request["digests"], strict=True)
    ]
    extra = request["units_extra"]
    result = parse_file(
        Path(f"/dev/fd/{file}"), display_name=request["name"], contracts=contracts, unit=request["unit"],
        received_at=dt.datetime.fromisoformat(request["received_at"]), token_key=bytes.fromhex(request["key"]),
        out_dir=Path(request["out"]), units_extra=Path(extra) if extra else None,
    )  # fmt: skip
    return result.to_json()


def _sniff(request: dict[str, Any], file: int) -> str:
    """Draft a contract and return the findings as JSON."""
    try:
        found = sniff(Path(f"/dev/fd/{file}"), request["name"], Path(request["out"]))
    except Rejected as exc:
        return json.dumps({"status": "rejected", "reason": exc.reason, "message": exc.message})
    return json.dumps({"status": "ok", **found, "draft": draft_yaml(found, request["draft"])})
