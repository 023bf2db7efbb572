"""Names of files elsewhere: which are left alone, and under which name a file may lie here."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from fnmatch import fnmatchcase
from typing import Final

#: What copying programs and office programs call a file that is not finished or not an export.
UNFINISHED: Final = (".part", ".partial", ".tmp", ".temp", ".filepart", ".crdownload", ".download", ".swp", ".lock")
NOT_EXPORTS: Final = ("thumbs.db", "desktop.ini")
NAME_BYTES: Final = 200
_MARKED: Final = re.compile(r"~[0-9a-f]{10}(\.|$)")
_FORBIDDEN: Final = frozenset('/\\:*?"<>|')


def is_ignored(path: str) -> bool:
    """Whether a path is hidden, lies in a hidden folder, is a lock or temporary file, or is not finished."""
    parts = path.lower().split("/")
    return any(part.startswith((".", "~$")) for part in parts) or parts[-1].endswith(UNFINISHED) or parts[-1] in NOT_EXPORTS


def matches(path: str, patterns: tuple[str, ...]) -> bool:
    """Whether a path is asked for: a pattern without «/» speaks of the name, others of the whole path. Case does not count."""
    folded = unicodedata.normalize("NFC", path).casefold()
    name = folded.rsplit("/", 1)[-1]
    wanted = (unicodedata.normalize("NFC", pattern).casefold() for pattern in patterns)
    return any(fnmatchcase(folded if "/" in pattern else name, pattern) for pattern in wanted)


def clean(text: str) -> str:
    """Return a text that any database holds: no NUL, no lone surrogate."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")


def digest(*parts: str) -> str:
    """Return the SHA-256 of texts, in hex."""
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


def local_name(path: str, version: str | None = None) -> str:
    """Return the name under which a remote path lies in the local inbox: one plain name, at most 200 bytes.

    A harmless name without folders is kept. Any other gets a mark of its whole path, so that two paths never meet in one
    name. With `version`, a name of that version alone.
    """
    name = unicodedata.normalize("NFC", clean(path).replace("\\", "/").rsplit("/", 1)[-1])
    kept = "".join(char if char.isprintable() and char not in _FORBIDDEN else "_" for char in name)
    kept = kept.lstrip(".~$ ").rstrip(". ") or "tep"
    if version is None and kept == path and not _MARKED.search(kept) and len(kept.encode()) <= NAME_BYTES:
        return kept
    stem, dot, suffix = kept.rpartition(".")
    if not dot or len(suffix) > 8 or not suffix.isascii():
        stem, suffix = kept, ""
    mark = f"~{digest(path, version or '')[:10]}" + (f".{suffix}" if suffix else "")
    return stem.encode()[: NAME_BYTES - len(mark)].decode("utf-8", "ignore") + mark
