"""The audit log: an append-only chain of entries in the database, and its heads anchored in a file outside it.

Chain: `entry_hash = sha256(prev_hash ‖ canonical JSON of seq, at, actor, os_user, action, subject, detail)`. An entry that
was changed, left out, put in or moved no longer fits its neighbours.
Heads: whoever rewrites the database could compute the whole chain anew, or cut its end. So every entry is also written to
`audit.heads` in the home: `intent seq hash` before the commit and `anchor seq hash` after it. An entry without an intent was
not written by this installation; an anchored entry that the table no longer has was taken away. A transaction that failed
leaves an intent without an entry, and a process that died right after its commit leaves an intent without an anchor: both
are harmless.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from warehouse.database import Transaction

GENESIS: Final = "0" * 64
HEADS: Final = "audit.heads"
INTENT, ANCHOR = "intent", "anchor"
_LONGEST_SEQ: Final = 18
COLUMNS: Final = ("seq", "at", "actor", "os_user", "action", "subject", "detail", "prev_hash", "entry_hash")


@dataclass(frozen=True)
class Verdict:
    """What a check of the chain found. `broken` is the first entry that does not hold, None when all do.

    what: gap, order, link, changed, foreign, replaced, cut, no_heads. unconfirmed: entries whose process stopped between
    commit and anchor.
    """

    entries: int
    broken: int | None = None
    what: str | None = None
    head: str | None = None
    unconfirmed: int = 0

    @property
    def intact(self) -> bool:
        return self.what is None


@dataclass(frozen=True)
class Heads:
    """The lines of `audit.heads`: every (seq, hash) that was about to be committed, and the one of each seq that was."""

    exists: bool
    intents: frozenset[tuple[int, str]] = frozenset()
    anchors: Mapping[int, str] = field(default_factory=dict)


def canonical(value: Any) -> str:
    """Return a value as canonical JSON: sorted keys, no spaces, characters as they are."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)


def digest_entry(entry: Mapping[str, Any], prev_hash: str) -> str:
    """Return the hash an entry must have after the entry with `prev_hash`."""
    said = {name: entry[name] for name in ("seq", "actor", "os_user", "action", "subject", "detail")}
    said["at"] = entry["at"].astimezone(UTC).isoformat(timespec="microseconds")
    return hashlib.sha256((prev_hash + canonical(said)).encode("utf-8")).hexdigest()


def append(
    tx: Transaction, *, at: datetime, actor: str, os_user: str, action: str, subject: str, detail: Mapping[str, Any]
) -> dict[str, Any]:
    """Add an entry in the caller's transaction and return it. Call it last: others wait for the lock until the commit.

    The lock and the row belong to one transaction, so seq has no gap and each entry follows a committed one.
    """
    tx.lock("audit")
    last = tx.one("select seq, entry_hash from audit_log order by seq desc limit 1")
    entry: dict[str, Any] = {
        "seq": int(last["seq"]) + 1 if last else 1, "at": at, "actor": actor, "os_user": os_user, "action": action,
        "subject": subject, "detail": canonical(detail), "prev_hash": last["entry_hash"] if last else GENESIS,
    }  # fmt: skip
    entry["entry_hash"] = digest_entry(entry, entry["prev_hash"])
    tx.execute(
        """
        insert into audit_log (seq, at, actor, os_user, action, subject, detail, prev_hash, entry_hash)
        values (
            %(seq)s, %(at)s, %(actor)s, %(os_user)s, %(action)s, %(subject)s, %(detail)s, %(prev_hash)s, %(entry_hash)s
        )
        """,
        entry,
    )
    if tx.home is not None:
        path, seq, value = tx.home / HEADS, entry["seq"], entry["entry_hash"]
        write_head(path, INTENT, seq, value)
        tx.after_commit.append(lambda: _confirm(path, seq, value))
    return entry


def _confirm(path: Path, seq: int, value: str) -> None:
    """Anchor a committed entry. When the disk is full its intent still stands, and `verify` counts it as unconfirmed."""
    try:
        write_head(path, ANCHOR, seq, value)
    except OSError:
        return


def write_head(path: Path, kind: str, seq: int, value: str) -> None:
    """Add a line to the heads and bring it to the disk. A line torn by a crash is closed by the next one's line break."""
    line = f"\n{kind} {seq} {value}\n".encode("ascii")
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, line)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_heads(home: Path) -> Heads:
    """Return the heads of a home. Torn lines say nothing; a file that can't be read is none."""
    try:
        text = (home / HEADS).read_text(encoding="ascii", errors="replace")
    except OSError:
        return Heads(False)
    intents: set[tuple[int, str]] = set()
    anchors: dict[int, str] = {}
    for line in text.splitlines():
        words = line.split(" ")
        if len(words) == 3 and words[1].isdigit() and len(words[1]) <= _LONGEST_SEQ and len(words[2]) == len(GENESIS):
            if words[0] == INTENT:
                intents.add((int(words[1]), words[2]))
            elif words[0] == ANCHOR:
                anchors.setdefault(int(words[1]), words[2])
    return Heads(True, frozenset(intents), anchors)


def entries(tx: Transaction, subject: str | None = None, limit: int | None = None) -> list[dict[str, Any]]:
    """Return the entries in order, those of one subject only when it is given; `limit` keeps the latest."""
    rows = tx.rows(
        """
        select seq, at, actor, os_user, action, subject, detail, prev_hash, entry_hash
        from audit_log
        where %(subject)s::text is null or subject = %(subject)s
        order by seq desc
        limit %(limit)s
        """,
        {"subject": subject, "limit": limit},
    )
    return rows[::-1]


def check(rows: Sequence[Mapping[str, Any]], heads: Heads) -> Verdict:
    """Judge a chain given in the order of its seq, and against the heads. Pure."""
    known = {int(row["seq"]): str(row["entry_hash"]) for row in rows}
    faults = [*_chain_faults(rows), *_heads_faults(known, heads)]
    broken, what = min(faults, key=lambda fault: fault[0]) if faults else (None, None)
    waiting = sum(seq not in heads.anchors for seq in known)
    return Verdict(len(rows), broken, what, str(rows[-1]["entry_hash"]) if rows else None, waiting)


def _chain_faults(rows: Sequence[Mapping[str, Any]]) -> Iterable[tuple[int, str]]:
    """Yield the first entry that does not follow from the one before it: nothing after it can be trusted."""
    before = GENESIS
    for expected, row in enumerate(rows, start=1):
        if row["seq"] != expected:
            yield expected, "gap" if row["seq"] > expected else "order"
        elif row["prev_hash"] != before:
            yield expected, "link"
        elif row["entry_hash"] != digest_entry(row, before):
            yield expected, "changed"
        else:
            before = str(row["entry_hash"])
            continue
        return


def _heads_faults(known: Mapping[int, str], heads: Heads) -> Iterable[tuple[int, str]]:
    """Yield what the table holds against the heads, and what the heads hold against the table."""
    if not heads.exists:
        if known:
            yield min(known), "no_heads"
        return
    announced = {seq for seq, _ in heads.intents}
    for seq, value in known.items():
        if (seq, value) not in heads.intents:
            yield seq, "replaced" if seq in announced else "foreign"
    for seq, value in heads.anchors.items():
        if seq not in known:
            yield seq, "cut"
        elif known[seq] != value:
            yield seq, "replaced"
