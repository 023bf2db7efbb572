"""Checks that sets, targets, bands and definitions share: source, provenance, dates, text."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

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
    targets: dict[str, Any] = field(default_factory=dict)
    level: str = ""


def check_texts(f: Located) -> Iterator[Problem]:
    """Vietnamese is always composed (NFC), or two equal labels would not compare equal."""

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
            "Khai báo văn bản hoặc sửa tên",
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
