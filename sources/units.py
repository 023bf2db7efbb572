"""The dated register of administrative units: which office a code or a written name means on a given day.

A code alone does not name a unit (22504 was Xã Vạn Thọ until 2025-06-30 and is Xã Đại Lãnh since), and
neither does a name (there is an Xã Đại Lãnh in Quảng Nam, and a Phường Vạn Thạnh in Nha Trang). So a text is
matched as a whole: the kind, the district and the province that it names must all agree with the unit, or
there is no match.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import yaml

BASE: Final = Path(__file__).with_name("units.yaml")

_TONES: Final = frozenset("\u0300\u0301\u0303\u0309\u0323")
_INVISIBLE: Final = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff\u00ad"))
_NUMBER: Final = re.compile(r"\d{1,5}(?:[.,]0+)?")
_SEPARATORS: Final = re.compile(r"\s*(?:[,;/|:()\[\]_]|\s[-–—]\s|[–—]|-)\s*")
_REPAIRS: Final = str.maketrans({"\u00d0": "\u0110", "\u00f0": "\u0111", "’": "'", "‘": "'", "ʼ": "'", "`": "'"})
_WORD: Final = re.compile(r"(?:[^\W_][\u0300-\u036f]*)+")
_WORD_END: Final = r"(?![\w\u0300-\u036f])"
_CODE_WIDTH: Final = 5


class UnitRegisterError(ValueError):
    """The register file is wrong; the message names the file, the unit and the mistake."""


@dataclass(frozen=True, slots=True)
class Successor:
    """Where a unit went: `share` (/1) of its territory and records, by `kind` (merge, split or rename)."""

    unit_id: str
    share: float
    kind: str


@dataclass(frozen=True, slots=True)
class Unit:
    """One unit during its validity. Grain: unit_id. `valid_to` is the first day on which it is gone."""

    unit_id: str
    code: str
    name: str
    kind: str
    level: str
    label: str
    parent: str | None
    valid_from: date
    valid_to: date | None
    successors: tuple[Successor, ...]
    aliases: tuple[str, ...]
    source: str

    @property
    def full_name(self) -> str:
        """The name with its kind, as people write it: "Xã Đại Lãnh"."""
        return f"{self.label} {self.name}"

    def is_valid(self, on: date) -> bool:
        """Whether the unit exists on that day."""
        return self.valid_from <= on and (self.valid_to is None or on < self.valid_to)


@lru_cache(maxsize=16384)
def text_key(text: str) -> str:
    """Return the form in which two spellings of one Vietnamese name are equal.

    NFC and NFD, upper and lower case, Đ (U+0110) and Ð (U+00D0), NBSP and zero-width characters, "òa" and
    "oà" all fall together: tone marks move to the end of their word. Other diacritics stay, so Vạn Thạnh is
    not Vạn Thắng.
    """
    text = text.translate(_INVISIBLE).translate(_REPAIRS)
    letters = unicodedata.normalize("NFD", unicodedata.normalize("NFKC", text).casefold())
    return " ".join(_WORD.sub(_tone_last, letters).split())


def _tone_last(word: re.Match[str]) -> str:
    marks = word.group()
    rest = "".join(mark for mark in marks if mark not in _TONES)
    return unicodedata.normalize("NFC", rest) + "".join(mark for mark in marks if mark in _TONES)


def _bare(key: str) -> str:
    """Return the key without any diacritics: "dai lanh"."""
    letters = unicodedata.normalize("NFD", key.replace("đ", "d"))
    return "".join(mark for mark in letters if not unicodedata.combining(mark))


def _forms(word: str) -> set[str]:
    """Return the keys under which a kind or office word is recognised: as written and without diacritics."""
    return {text_key(word), _bare(text_key(word))}


@dataclass(frozen=True, slots=True)
class _Part:
    """One piece of a written unit: what its kind word may mean (empty: none written) and its name's key."""

    kinds: frozenset[str]
    key: str


class UnitRegister:
    """All known units; `resolve` is the one way from a text to a unit."""

    def __init__(self, units: Iterable[Unit], kinds: dict[str, dict[str, Any]], office_words: Iterable[str]) -> None:
        self.by_id: dict[str, Unit] = {}
        for unit in units:
            if unit.unit_id in self.by_id:
                raise UnitRegisterError(f"unit {unit.unit_id} is declared twice")
            self.by_id[unit.unit_id] = unit
        self._check_links()
        self._offices = _word_pattern(form for word in office_words for form in _forms(word))
        self._kind_words: dict[str, frozenset[str]] = {}
        for kind, spec in kinds.items():
            for word in {form for written in spec["words"] for form in _forms(written)}:
                self._kind_words[word] = self._kind_words.get(word, frozenset()) | {kind}
        self._kind_pattern = _word_pattern(self._kind_words)
        self._by_code: dict[str, list[Unit]] = {}
        self._by_key: dict[str, list[Unit]] = {}
        self._by_bare: dict[str, list[Unit]] = {}
        self._by_alias: dict[str, list[Unit]] = {}
        for unit in self.by_id.values():
            self._by_code.setdefault(unit.code, []).append(unit)
            self._by_key.setdefault(self._name_key(unit), []).append(unit)
            self._by_bare.setdefault(_bare(self._name_key(unit)), []).append(unit)
            for alias in unit.aliases:
                self._by_alias.setdefault(text_key(alias), []).append(unit)
        payload = json.dumps([asdict(unit) for unit in self.by_id.values()], default=str, ensure_ascii=False)
        self.version: str = hashlib.sha256(payload.encode()).hexdigest()[:16]
        self._memo: dict[tuple[str, date | None, str | None], Unit | None] = {}

    # --- loading ---

    @classmethod
    def load(cls, extra: Path | None = None) -> UnitRegister:
        """Return the built-in register, with the units of `extra` added when that file exists.

        Raises: UnitRegisterError when a file is malformed or redefines a unit.
        """
        base = _read(BASE)
        kinds: dict[str, dict[str, Any]] = dict(base["kinds"])
        offices: list[str] = list(base["office_words"])
        units = [_unit(entry, kinds, BASE) for entry in base["units"]]
        if extra is not None and extra.exists():
            added = _read(extra)
            kinds |= added.get("kinds") or {}
            offices += added.get("office_words") or []
            units += [_unit(entry, kinds, extra) for entry in added.get("units") or []]
        return cls(units, kinds, offices)

    def _check_links(self) -> None:
        """Raise unless every parent and successor exists and a succession is complete and dated in order."""
        for unit in self.by_id.values():
            if unit.parent is not None and unit.parent not in self.by_id:
                raise UnitRegisterError(f"unit {unit.unit_id}: unknown parent {unit.parent}")
            if unit.valid_to is not None and unit.valid_to <= unit.valid_from:
                raise UnitRegisterError(f"unit {unit.unit_id}: valid_to is not after valid_from")
            for link in unit.successors:
                if link.unit_id not in self.by_id:
                    raise UnitRegisterError(f"unit {unit.unit_id}: unknown successor {link.unit_id}")
            if unit.successors and not math.isclose(sum(link.share for link in unit.successors), 1.0):
                raise UnitRegisterError(f"unit {unit.unit_id}: the shares of its successors do not sum to 1")

    # --- questions ---

    def active(self, on: date, level: str | None = "commune") -> list[Unit]:
        """Return the units of a level that exist on that day, by code; `level=None` gives all levels."""
        found = (u for u in self.by_id.values() if u.is_valid(on) and level in (None, u.level))
        return sorted(found, key=lambda unit: (unit.code, unit.unit_id))

    def peers(self, unit: Unit, on: date) -> list[Unit]:
        """Return the units judged beside this one on that day: same parent, same level, itself included."""
        return [u for u in self.active(on, unit.level) if u.parent == unit.parent]

    def predecessors(self, unit_id: str) -> list[tuple[Unit, float]]:
        """Return the units that went into this one, each with the share (/1) of it that did."""
        return [(u, link.share) for u in self.by_id.values() for link in u.successors if link.unit_id == unit_id]

    def ancestors(self, unit: Unit) -> list[Unit]:
        """Return the parent, its parent and so on."""
        chain: list[Unit] = []
        parent = unit.parent
        while parent is not None:
            chain.append(self.by_id[parent])
            parent = chain[-1].parent
        return chain

    def resolve(self, text: object, on: date | None = None, *, level: str | None = "commune") -> Unit | None:
        """Return the unit that a cell means on a day, or None when nothing or more than one thing fits.

        Takes a unit_id, a GSO code (text or number, zeros lost or not), or a written name with or without
        office words, kind, district and province. A unit that exists on `on` comes first, then one that had
        ended by then (a late export of an old office); never one that did not exist yet. Without `on` only
        an unambiguous text resolves, and a bare code means the unit that has it as its id.
        Grain: one unit; `level` limits what may answer, None lets districts and provinces answer too.
        """
        written = _as_text(text)
        if written is None:
            return None
        memo = (written, on, level)
        if memo not in self._memo:
            if len(self._memo) > 200_000:
                self._memo.clear()
            found = [u for u in self._candidates(written) if level in (None, u.level)]
            self._memo[memo] = self._pick(found, written, on)
        return self._memo[memo]

    def resolve_many(self, texts: Iterable[object], on: date | None = None) -> list[Unit | None]:
        """Return `resolve` of each text, in order; give it unique texts."""
        return [self.resolve(text, on) for text in texts]

    def _pick(self, found: list[Unit], written: str, on: date | None) -> Unit | None:
        if on is None:
            exact = [u for u in found if u.unit_id == written]
            found = exact or found
        else:
            now = [u for u in found if u.is_valid(on)]
            ended = [u for u in found if u.valid_to is not None and u.valid_to <= on]
            found = now or ended
        return found[0] if len(found) == 1 else None

    # --- matching ---

    def _candidates(self, written: str) -> list[Unit]:
        if _NUMBER.fullmatch(written):
            return self._of_code(written)
        if written in self.by_id:
            return [self.by_id[written]]
        key = text_key(written)
        if key in self._by_alias:
            return self._by_alias[key]
        if key in self._by_key:
            return self._by_key[key]
        parts = self._parts(key)
        for index in (self._by_key, self._by_bare):
            bare = index is self._by_bare
            if bare and _bare(key) != key:
                return []
            found = [u for u in self._named_in(parts, index) if self._explains(u, parts, bare=bare)]
            if found:
                return found
        return []

    def _of_code(self, written: str) -> list[Unit]:
        digits = re.split("[.,]", written)[0]
        exact = self._by_code.get(digits)
        return exact if exact is not None else self._by_code.get(digits.zfill(_CODE_WIDTH), [])

    def _named_in(self, parts: list[_Part], index: dict[str, list[Unit]]) -> list[Unit]:
        found = {u.unit_id: u for part in parts for u in index.get(part.key, [])}
        return list(found.values())

    def _explains(self, unit: Unit, parts: list[_Part], *, bare: bool) -> bool:
        """Whether one part names the unit and every other part names its code or something it lies in."""
        own = [p for p in parts if self._is_name(unit, p, bare=bare)]
        above = self.ancestors(unit)
        others = [
            p
            for p in parts
            if not (_NUMBER.fullmatch(p.key) and unit in self._of_code(p.key))
            and not any(self._is_name(a, p, bare=bare) for a in above)
        ]
        return bool(own) and (not others or (len(others) == 1 and others[0] in own))

    def _is_name(self, unit: Unit, part: _Part, *, bare: bool) -> bool:
        if part.kinds and unit.kind not in part.kinds:
            return False
        name = self._name_key(unit)
        return part.key == (_bare(name) if bare else name)

    def _name_key(self, unit: Unit) -> str:
        return " ".join(p for p in _SEPARATORS.split(text_key(unit.name)) if p)

    def _parts(self, key: str) -> list[_Part]:
        """Split a written unit into its pieces: "ubnd xã a, huyện b" -> (commune, a), (district, b)."""
        parts: list[_Part] = []
        for piece in _SEPARATORS.split(self._offices.sub(" , ", key)):
            kinds: frozenset[str] = frozenset()
            start = 0
            for match in self._kind_pattern.finditer(piece):
                self._add(parts, kinds, piece[start : match.start()])
                kinds, start = self._kind_words[match.group(1)], match.end()
            self._add(parts, kinds, piece[start:])
        return parts

    @staticmethod
    def _add(parts: list[_Part], kinds: frozenset[str], name: str) -> None:
        name = " ".join(name.replace(".", " ").split())
        if name:
            parts.append(_Part(kinds, name))


def _word_pattern(words: Iterable[str]) -> re.Pattern[str]:
    """Return a pattern that finds whole words, longest first; an abbreviation's dot may touch its name."""
    keys = sorted({text_key(word) for word in words}, key=len, reverse=True)
    choices = "|".join(re.escape(key) if key.endswith(".") else re.escape(key) + _WORD_END for key in keys)
    return re.compile(rf"(?:(?<=\s)|^)({choices})")


def _as_text(value: object) -> str | None:
    """Return a cell as stripped text; None when it is empty or a number that is no code."""
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, float):
        return str(int(value)) if math.isfinite(value) and value.is_integer() else None
    return " ".join(str(value).translate(_INVISIBLE).split()) or None


def _read(path: Path) -> dict[str, Any]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        data = yaml.load(path.read_text(encoding="utf-8"), Loader=loader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UnitRegisterError(f"{path}: {error}") from error
    if not isinstance(data, dict):
        raise UnitRegisterError(f"{path}: the file must hold a mapping with a list `units`")
    return data


def _unit(entry: dict[str, Any], kinds: dict[str, dict[str, Any]], path: Path) -> Unit:
    """Return the unit of one register entry. Raises: UnitRegisterError naming the file and the unit."""
    try:
        kind = str(entry["kind"])
        links = tuple(
            Successor(str(link["unit"]), float(link.get("share", 1)), str(link.get("kind", "merge")))
            for link in entry.get("successors") or []
        )
        return Unit(
            unit_id=unicodedata.normalize("NFC", str(entry["id"])),
            code=str(entry["code"]),
            name=unicodedata.normalize("NFC", str(entry["name"])),
            kind=kind,
            level=str(kinds[kind]["level"]),
            label=str(kinds[kind]["label"]),
            parent=str(entry["parent"]) if entry.get("parent") is not None else None,
            valid_from=_date(entry["valid_from"]),
            valid_to=_date(entry["valid_to"]) if entry.get("valid_to") is not None else None,
            successors=links,
            aliases=tuple(str(alias) for alias in entry.get("aliases") or []),
            source=str(entry["source"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        name = entry.get("id", entry) if isinstance(entry, dict) else entry
        raise UnitRegisterError(f"{path}: unit {name}: {type(error).__name__} {error}") from error


def _date(value: object) -> date:
    return value if isinstance(value, date) else date.fromisoformat(str(value))
