"""Clean text: one normal form for the many ways the same Vietnamese words arrive.

`clean` is what is stored, `fold` is what is compared. Legacy encodings (TCVN3, VNI, UTF-8 read as Windows-1252)
are in `legacy.py`; this module only sees Unicode.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

ZERO_WIDTH: Final = "\u200b\u200c\u200d\u2060\ufeff\u00ad\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
_DROP: Final = dict.fromkeys(map(ord, ZERO_WIDTH))
_ETH: Final = {0x00D0: "Đ", 0x00F0: "đ", 0x0189: "Đ", 0x0256: "đ"}
_REPAIR: Final = {**_DROP, **_ETH}
_SPACE: Final = re.compile(r"\s+")
#: Characters that no honest cell contains: C0/C1 controls except white space, private use, and U+FFFD.
BROKEN: Final = re.compile(r"[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\ue000-\uf8ff\ufffd\ufffe\uffff]")
_MARKS: Final = re.compile(r"(?:\s*[(\[]\s*(?:\*+|\d{1,2}|[a-z])\s*[)\]]|\s*\*+|\s*:)+$")
_DASH: Final = str.maketrans({"–": "-", "—": "-", "‐": "-", "‑": "-", "−": "-", "’": "'", "‘": "'", "“": '"', "”": '"'})


def clean(text: str) -> str:
    """Return `text` in NFC with Eth repaired to Đ, zero-width characters gone and white space collapsed."""
    if text.isascii():
        return text.strip() if text.isprintable() and "  " not in text else _SPACE.sub(" ", text).strip()
    return _SPACE.sub(" ", unicodedata.normalize("NFC", text).translate(_REPAIR)).strip()


def fold(text: str) -> str:
    """Return the comparison form of a header or a code text: cleaned, case-folded, typographic signs unified."""
    return clean(text).translate(_DASH).casefold()


@lru_cache(maxsize=16384)
def fold_header(text: str) -> str:
    """Return the comparison form of a column header: as `fold`, without trailing notes such as `(*)`, `(1)`, `:`.

    White space around slashes and commas does not count either.
    """
    folded = _MARKS.sub("", fold(text))
    return re.sub(r"\s*([/,;>])\s*", r"\1", folded).strip(" .")


def strip_marks(text: str) -> str:
    """Return `text` folded and without any diacritic (`Đại Lãnh` → `dai lanh`); for guesses, never for keys."""
    decomposed = unicodedata.normalize("NFD", fold(text)).replace("đ", "d")
    return "".join(ch for ch in decomposed if not unicodedata.combining(ch))


def is_broken(text: str) -> bool:
    """Whether `text` holds characters that prove it was decoded wrongly or damaged."""
    return BROKEN.search(text) is not None
