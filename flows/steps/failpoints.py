"""Named places where a test may kill the process: `CCHC_FAILPOINT=merged` or `merged:3` (the third time)."""

from __future__ import annotations

import os
import signal
from typing import Final

NAMES: Final = (
    "snapshot_taken", "arrival_recorded", "content_claimed", "parsed", "gate_asked", "load_opened", "merged",
    "later_files_heard", "quarantine_kept", "counts_written", "judged", "before_commit", "committed", "counts_refreshed",
    "scored", "published", "reported", "foretold", "message_due", "message_leaving", "message_gone",
    "pull_received", "pull_placed",
)  # fmt: skip
_seen: dict[str, int] = {}


def reached(name: str) -> None:
    """Do nothing, unless a test asked for this process to die here."""
    wanted = os.environ.get("CCHC_FAILPOINT")
    if not wanted:
        return
    if name not in NAMES:
        raise ValueError(f"unknown failpoint {name}")
    _seen[name] = _seen.get(name, 0) + 1
    target, _, times = wanted.partition(":")
    if name == target and _seen[name] == int(times or 1):
        os.kill(os.getpid(), signal.SIGKILL)
