"""Checks that sets, targets, bands and definitions share: source, provenance, dates, text."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from difflib import get_close_matches
from math import isfinite
from pathlib import Path
from typing import Any, TypeGuard

from criteria.model import PROVENANCES
from criteria.yaml_lines import Located


@dataclass(frozen=True)
class Problem:
    """One thing wrong: where, in which clause, what, and what to do."""

    file: Path
    line: int
    where: str
    what: str
    remedy: str

    def relative_to(self, folder: Path) -> Problem:
        """The same with a shorter file name, where the file lies under `folder`."""
        near = self.file.is_relative_to(folder)
        return replace(self, file=self.file.relative_to(folder)) if near else self

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.where}: {self.what}. {self.remedy}."


@dataclass
class Context:
    """What the files may refer to."""

    instruments: dict[str, Any]
    measures: dict[str, Any]
    definitions: dict[str, Any] = field(default_factory=dict)
    targets: dict[str, Any] = field(default_factory=dict)
    level: str = ""


def points_text(value: Any) -> str:
    """A figure with a decimal comma; what is no figure as it stands."""
    return "?" if value is None else f"{value:g}".replace(".", ",") if is_number(value) else str(value)


def is_number(value: Any) -> TypeGuard[float]:
    """A figure; `true` is none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and isfinite(value)


def remedy_near(name: Any, known: Iterable[Any], otherwise: str) -> str:
    """The known name that was probably meant, else what to do otherwise."""
    found = get_close_matches(str(name), [str(k) for k in known], n=1, cutoff=0.75)
    return f"Có phải là «{found[0]}»? Nếu không: {otherwise[:1].lower()}{otherwise[1:]}" if found else otherwise


def check_texts(f: Located) -> Iterator[Problem]:
    """Text as it was meant: Vietnamese is composed (NFC), and no comma has cut a label or clause in two."""
    yield from _not_composed(f)
    for path in _cut(f.data, ()):
        what = f"«{path[-1]}» bị đọc thành một mục riêng vì đứng sau dấu phẩy"
        yield Problem(f.file, f.line(*path), ".".join(str(p) for p in path[:-1]), what, "Đặt cả phần chữ trong ngoặc kép")


def _cut(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    """In {clause: Điều 1, khoản 2} the words after the comma become a key without a value; no key of ours looks like that."""
    if isinstance(value, dict):
        for k, v in value.items():
            if v is None and (not isinstance(k, str) or " " in k.strip() or not k.isascii()):
                yield (*path, k)
            yield from _cut(v, (*path, k))
    elif isinstance(value, list):
        for k, v in enumerate(value):
            yield from _cut(v, (*path, k))


def _not_composed(f: Located) -> Iterator[Problem]:
    """Text in another form than NFC: two equal labels would not compare equal."""

    def walk(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
        if isinstance(value, dict):
            for k, v in value.items():
                if isinstance(k, str) and not unicodedata.is_normalized("NFC", k):
                    yield (*path, k)
                yield from walk(v, (*path, k))
        elif isinstance(value, list):
            for k, v in enumerate(value):
                yield from walk(v, (*path, k))
        elif isinstance(value, str) and not unicodedata.is_normalized("NFC", value):
            yield path

    for path in walk(f.data, ()):
        where = ".".join(str(p) for p in path)
        yield Problem(f.file, f.line(*path), where, "chữ chưa ở dạng NFC", "Gõ lại bằng Unicode dựng sẵn")


def check_source(f: Located, path: tuple[Any, ...], entry: Any, where: str, context: Context) -> Iterator[Problem]:
    """Every figure has instrument, clause and provenance; official needs an instrument that was found."""
    if not isinstance(entry, dict):
        yield Problem(f.file, f.line(*path), where, "phải là một danh mục", "Xem bộ mẫu")
        return
    provenance = entry.get("provenance")
    if provenance not in PROVENANCES:
        yield Problem(
            f.file,
            f.line(*path, "provenance"),
            where,
            f"provenance «{provenance}» không hợp lệ",
            f"Chọn {', '.join(PROVENANCES)}",
        )
    source = entry.get("source")
    if not isinstance(source, dict) or not source.get("instrument"):
        yield Problem(f.file, f.line(*path, "source"), where, "thiếu nguồn (source)", "Ghi source: {instrument, clause}")
        return
    name = source["instrument"]
    instrument = context.instruments.get(name)
    if instrument is None:
        yield Problem(
            f.file,
            f.line(*path, "source"),
            where,
            f"văn bản «{name}» không có trong instruments.yaml",
            remedy_near(name, context.instruments, "Khai báo văn bản hoặc sửa tên"),
        )
    elif provenance == "official" and instrument.get("status") != "found":
        yield Problem(
            f.file,
            f.line(*path, "provenance"),
            where,
            f"ghi official nhưng văn bản «{name}» chưa thấy (unknown)",
            "Dùng reconstructed hoặc assumed cho đến khi có văn bản",
        )
    if not source.get("clause"):
        yield Problem(f.file, f.line(*path, "source"), where, "thiếu điều khoản (clause)", "Ghi điều, khoản, điểm")


def check_versions(f: Located, path: tuple[Any, ...], versions: Any, where: str) -> Iterator[Problem]:
    """Dates are dates and strictly ascend: two versions can't claim the same day."""
    if not isinstance(versions, list) or not versions:
        yield Problem(f.file, f.line(*path), where, "không có phiên bản nào", "Ghi ít nhất một in_force_from")
        return
    last: date | None = None
    for k, version in enumerate(versions):
        day = version.get("in_force_from") if isinstance(version, dict) else None
        line = f.line(*path, k, "in_force_from")
        if not isinstance(day, date):
            yield Problem(f.file, line, where, f"in_force_from «{day}» không phải ngày", "Ghi dạng YYYY-MM-DD")
            continue
        if last is not None and day <= last:
            yield Problem(
                f.file,
                line,
                where,
                f"phiên bản từ {day:%d/%m/%Y} chồng lên phiên bản từ {last:%d/%m/%Y}",
                "Xếp ngày tăng dần, mỗi ngày một phiên bản",
            )
        last = day


def section_points(entry: Any, day: str) -> float | None:
    """A section's maximum on a day (ISO text): one number, or the last of the dated ones; None when it has none."""
    given = entry.get("max_points") if isinstance(entry, dict) else None
    if isinstance(given, list):
        begun = [v["value"] for v in given if str(v["in_force_from"]) <= day] or [v["value"] for v in given[:1]]
        given = begun[-1] if begun else None
    return float(given) if is_number(given) else None


def section_days(sections: dict[str, Any]) -> set[str]:
    """The days (ISO text) on which a section's maximum changes."""
    given = [entry.get("max_points") for entry in sections.values() if isinstance(entry, dict)]
    return {str(v["in_force_from"]) for versions in given if isinstance(versions, list) for v in versions}
