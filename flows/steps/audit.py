"""Who did what: one entry of the hash-chained log for every step that changes what is published.

The command line believes the name it is given (`--by`, else `CCHC_USER`, else the operating system's user) and always records
the operating system's user beside it. The pages bring logins and pass a name that was proved.
"""

from __future__ import annotations

import json
import os
import pwd
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from flows.steps.home import ZONE, Home, UserError, now

if TYPE_CHECKING:
    from collections.abc import Mapping

    from warehouse.database import Transaction

LONGEST_NAME: Final = 80
MOST_ENTRIES: Final = 2**31 - 1  # of a list: what PostgreSQL takes as an integer
_D_BARS: Final = str.maketrans({"đ": "d", "ð": "d", "ɖ": "d"})  # three letters that look the same with a bar


@dataclass(frozen=True)
class Actor:
    """Who acts. `key` is equal for every spelling of a name: case, marks, spacing, composed or not."""

    name: str
    key: str
    os_user: str


def who(by: str | None = None) -> Actor:
    """Return who acts: the name given, else `CCHC_USER`, else the operating system's user. Raises: UserError."""
    system = _os_user()
    given = unicodedata.normalize("NFC", by if by is not None else os.environ.get("CCHC_USER") or system)
    name = " ".join("".join(char for char in given if unicodedata.category(char) != "Cf").split())  # Cf: cannot be seen
    key = person_key(name)
    if not key or len(name) > LONGEST_NAME or not name.isprintable():
        raise UserError(
            "bad_name",
            f"Tên người thao tác phải có chữ hoặc số, dài không quá {LONGEST_NAME} ký tự; sửa --by hoặc CCHC_USER.",
        )
    return Actor(name, key, system)


def person_key(name: str) -> str:
    """Return what two spellings of one name share: letters without marks and case, digits. Raises: UserError.

    Letters of other scripts that look like ours are refused: they would make a second person of one.
    """
    plain = unicodedata.normalize("NFKD", name).casefold().translate(_D_BARS)
    kept = [char for char in unicodedata.normalize("NFKD", plain) if char.isalnum()]
    strange = next((char for char in kept if not char.isascii()), None)
    if strange is not None:
        raise UserError("bad_name", f"Tên «{name[:LONGEST_NAME]}» có ký tự lạ «{strange}»; chỉ dùng chữ tiếng Việt và chữ số.")
    return "".join(kept)


def _os_user() -> str:
    """Return the user of the operating system by the process itself, not by what the environment claims."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def record(tx: Transaction, action: str, subject: str, detail: Mapping[str, Any], actor: Actor | None = None) -> int:
    """Add an entry to the log in the caller's transaction; returns its number. Call it last in a transaction.

    action: a word of messages.audit.ACTIONS. subject: what it was done to (`scenario:NAME`, `run:12`).
    """
    from warehouse import audit

    person = actor or who()
    entry = audit.append(
        tx, at=now(), actor=person.name, os_user=person.os_user, action=action, subject=subject, detail=detail,
    )  # fmt: skip
    return int(entry["seq"])


def listing(home: Home, subject: str | None = None, limit: int | None = None) -> dict[str, Any]:
    """Return the document of `cchc audit list`."""
    from messages.audit import action_text
    from warehouse import audit

    with home.database.begin() as tx:
        rows = audit.entries(tx, subject, None if limit is None else min(limit, MOST_ENTRIES))
    lines = []
    for row in rows:
        detail = _detail(row["detail"])
        lines.append(
            {
                "seq": row["seq"], "at": row["at"].astimezone(ZONE).isoformat(), "actor": row["actor"], "os_user": row["os_user"],
                "action": row["action"], "subject": row["subject"], "detail": detail, "text": action_text(row["action"], detail),
                "hash": row["entry_hash"],
            }
        )  # fmt: skip
    return {"entries": lines}


def _detail(text: str) -> dict[str, Any]:
    """Return an entry's particulars; what was tampered with until it can't be read is shown as it stands."""
    try:
        detail = json.loads(text)
    except ValueError:
        detail = None
    return detail if isinstance(detail, dict) else {"unreadable": text}


def verify(home: Home) -> dict[str, Any]:
    """Return the document of `cchc audit verify`: whether the chain is whole, else the first entry that is not."""
    from messages.audit import verdict_text
    from warehouse import audit

    # Heads first: an entry written meanwhile is then missing in the older of the two, which is put right by a second look.
    for _ in range(3):
        heads = audit.read_heads(home.root)
        with home.database.begin() as tx:
            rows = audit.entries(tx)
        verdict = audit.check(rows, heads)
        if verdict.what not in ("foreign", "replaced", "no_heads"):
            break
    return {
        "intact": verdict.intact, "entries": verdict.entries, "broken": verdict.broken, "what": verdict.what,
        "head": verdict.head, "unconfirmed": verdict.unconfirmed,
        "message": verdict_text(verdict.what, verdict.broken, verdict.entries, verdict.unconfirmed),
    }  # fmt: skip
