"""Vietnamese text in legacy encodings: TCVN3 (ABC), VNI, and UTF-8 that was read as Windows-1252.

No codec exists for the first two, so the tables are here. A repair is made only when the result reads as Vietnamese
and the original does not; what cannot be decided is reported, never guessed.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Final

_TCVN3: Final = dict(zip(
    "¸µ¶·¹¨¾»¼½Æ©ÊÇÈÉË®ÐÌÎÏÑªÕÒÓÔÖÝ×ØÜÞãßáâä«èåæçé¬íêëìîóïñòô\u00adøõö÷ùýúûüþ¡¢§£¤¥¦",
    "áàảãạăắằẳẵặâấầẩẫậđéèẻẽẹêếềểễệíìỉĩịóòỏõọôốồổỗộơớờởỡợúùủũụưứừửữựýỳỷỹỵĂÂĐÊÔƠƯ",
    strict=True,
))  # fmt: skip
_TCVN3_TABLE: Final = str.maketrans(_TCVN3)


def _vni_table() -> dict[str, str]:
    """Return VNI letter groups → Unicode, upper case included."""
    tones = {"ù": "\u0301", "ø": "\u0300", "û": "\u0309", "õ": "\u0303", "ï": "\u0323"}
    circumflex = {"â": "", "á": "\u0301", "à": "\u0300", "å": "\u0309", "ã": "\u0303", "ä": "\u0323"}
    breve = {"ê": "", "é": "\u0301", "è": "\u0300", "ú": "\u0309", "ü": "\u0303", "ë": "\u0323"}
    table: dict[str, str] = {}
    for base in "aeouy":
        table |= {base + mark: base + tone for mark, tone in tones.items()}
    for base in "aeo":
        table |= {base + mark: base + "\u0302" + tone for mark, tone in circumflex.items()}
    table |= {"a" + mark: "a\u0306" + tone for mark, tone in breve.items()}
    for single, letter in (("ô", "ơ"), ("ö", "ư")):
        table |= {single + mark: letter + tone for mark, tone in tones.items()}
        table[single] = letter
    table |= {"í": "í", "ì": "ì", "æ": "ỉ", "ó": "ĩ", "ò": "ị", "î": "ỵ", "ñ": "đ"}
    lower = {key: unicodedata.normalize("NFC", value) for key, value in table.items()}
    upper = {key.upper(): value.upper() for key, value in lower.items()}
    mixed = {key[0].upper() + key[1:]: value.upper() for key, value in lower.items() if len(key) == 2}
    return {**mixed, **upper, **lower}


_VNI: Final = _vni_table()
_VNI_RE: Final = re.compile("|".join(sorted(map(re.escape, _VNI), key=len, reverse=True)))


def from_tcvn3(text: str) -> str:
    """Return TCVN3 text (seen as Windows-1252 characters) in Unicode. All-capital fonts come out in lower case."""
    return text.translate(_TCVN3_TABLE)


def from_vni(text: str) -> str:
    """Return VNI text (seen as Windows-1252 characters) in Unicode."""
    return _VNI_RE.sub(lambda match: _VNI[match.group()], text)


def from_mojibake(text: str) -> str:
    """Return UTF-8 text that was decoded as Windows-1252, decoded rightly; the text itself when it was not."""
    raw = bytearray()
    for ch in text:
        try:
            raw += ch.encode("cp1252")
        except UnicodeEncodeError:
            if ord(ch) > 255:
                return text
            raw.append(ord(ch))
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return text


REPAIRS: Final[dict[str, Callable[[str], str]]] = {
    "utf8_as_1252": from_mojibake, "tcvn3": from_tcvn3, "vni": from_vni,
}  # fmt: skip

_TONES: Final = "\u0300\u0301\u0303\u0309\u0323"
_SYLLABLE: Final = re.compile(
    r"(?:ngh?|nh|[ckgpt]h|tr|gi|qu|[bcdđghklmnpqrstvx])?"
    r"(?:iêu|yêu|ươu|ươi|uôi|uyê|uya|uây|uyu|oai|oay|oao|oeo|uêu|iê|yê|ia|ya|ua|uô|ưa|ươ|oa|oă|oe|uâ|uê|uơ|uy|ai|ao|au"
    r"|ay|âu|ây|eo|êu|iu|oi|ôi|ơi|ui|ưi|ưu|oo|[aăâeêioôơuưy])"
    r"(?:ch|ng|nh|[cmnpt])?\Z"
)
_WORD: Final = re.compile(r"[^\s\d_,;:.()/\-\"'&+*%#@!?<>\[\]{}|\\=~^`$]+")
#: Latin-1 characters that Vietnamese text in Unicode never holds inside a word.
FOREIGN: Final = frozenset("¸µ¶·¹¨¾»¼½©®ª«¬\u00ad¡¢§£¤¥¦°±²³´¿¯ÆÇËÎÏÑÖ×ØÜÞßäåæçëîïñö÷øûüþÄÅÛŸÿ€ƒ„†‡ˆ‰Š‹ŒŽ˜™š›œž")
_PUNCTUATION: Final = "“”‘’–—…•·°«»´"
_SYMBOL: Final = re.compile("[¸µ¶·¹¨¾»¼½©®ª«¬\u00ad¡¢§£¤¥¦×÷](?=[^\\W\\d_])|(?<=[^\\W\\d_])[¸µ¶¨¾¼½©®ª¬\u00ad¡¢§£¤¥¦×÷]")


@lru_cache(maxsize=65536)
def is_syllable(word: str) -> bool:
    """Whether `word` can be one Vietnamese syllable (any tone, any case)."""
    decomposed = unicodedata.normalize("NFD", word.casefold().replace("ð", "đ"))
    if sum(ch in _TONES for ch in decomposed) > 1:
        return False
    bare = unicodedata.normalize("NFC", "".join(ch for ch in decomposed if ch not in _TONES))
    return _SYLLABLE.match(bare) is not None


def marked_words(text: str) -> list[str]:
    """Return the words of `text` that hold a non-ASCII character."""
    words = (word.strip(_PUNCTUATION) for word in _WORD.findall(text) if not word.isascii())
    return [word for word in words if not word.isascii() and any(map(str.isalpha, word))]


def score(texts: Iterable[str]) -> tuple[int, int]:
    """Return (words that read as Vietnamese, words with a non-ASCII character)."""
    words = [word for text in texts for word in marked_words(text)]
    return sum(is_syllable(word) for word in words), len(words)


def detect(texts: Iterable[str]) -> str | None:
    """Return the repair that a sample of texts needs (a key of REPAIRS), or None.

    At least three marked words, at least 85 % of them Vietnamese after the repair, and clearly more than before.
    """
    sample = [text for text in texts if text and not text.isascii()]
    good, total = score(sample)
    if total < 3 or good >= 0.8 * total:
        return None
    best: tuple[float, str] | None = None
    for name, repair in REPAIRS.items():
        fixed = [repair(text) for text in sample]
        if fixed == sample:
            continue
        ok, count = score(fixed)
        share = ok / max(count, 1)
        if share >= 0.85 and share > good / total + 0.2 and (best is None or share > best[0]):
            best = (share, name)
    return best[1] if best else None


def repair_text(text: str, mode: str | None) -> tuple[str, bool]:
    """Return (text, readable). `mode` is the repair found for the whole file, if any.

    Without a mode, a text whose marked words already read as Vietnamese is left alone; with one, a text that reads as
    Vietnamese both ways is repaired ("Soá hoà sô" in a VNI file). Not readable means: it shows the signs of a wrong
    decoding and no repair makes it Vietnamese.
    """
    words = marked_words(text)
    if not words:
        return text, True
    wrong = [word for word in words if not is_syllable(unicodedata.normalize("NFC", word))]
    suspicious = any(ch in FOREIGN for word in wrong for ch in word)
    if mode is None and (not wrong or not suspicious):
        return text, True
    for name in (mode,) if mode else tuple(REPAIRS):
        fixed = REPAIRS[name](text)
        after = marked_words(fixed)
        good = sum(map(is_syllable, after))
        if fixed != text and after and (good == len(after) or (mode and wrong and good >= 0.7 * len(after))):
            return fixed, True
    if not wrong:
        return text, True
    return text, not _SYMBOL.search(text) and len(wrong) < 3
