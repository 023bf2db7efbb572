"""Reads notices: the built-in `criteria/notices/*.yaml` and, of an installation, those of a folder of its own.

One file is one notice. `notice:` names an instrument of instruments.yaml, or is the instrument itself (number, issuer, date,
title…), so that a later notice costs one file and nothing else.
Raises: CriteriaError, naming the file and the entry, when a file has another shape. criteria.lint says more, line by line.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

from criteria.loader import DEFAULT_SET, ROOT, CriteriaError, load_instruments, load_measures, read_yaml
from criteria.model import Instrument
from criteria.registers import Commitment, Notice

DEFAULT_NOTICE = "tb_dai_lanh_2023"


def notice_files(root: Path | None = None, extra: Path | None = None) -> dict[str, Path]:
    """The file of every notice by name: the built-in ones and those in the folder `extra`. Built-in names win."""
    found: dict[str, Path] = {}
    for folder in ((root or ROOT) / "notices", extra):
        if folder is not None:
            for file in sorted(folder.glob("*.yaml")):
                found.setdefault(file.stem, file)
    return dict(sorted(found.items()))


def list_notices(root: Path | None = None, extra: Path | None = None) -> list[str]:
    """Names of the notices on disk, sorted."""
    return list(notice_files(root, extra))


def load_notice(name: str = DEFAULT_NOTICE, root: Path | None = None, extra: Path | None = None) -> Notice:
    """One notice by name. Raises CriteriaError for an unknown name, listing the known ones."""
    files = notice_files(root, extra)
    if name not in files:
        raise CriteriaError(f"Không có thông báo «{name}». Các thông báo hiện có: {', '.join(files) or 'không có'}.")
    status = files[name].stat()
    return _load(files[name], root or ROOT, status.st_mtime_ns, status.st_size)


def load_notices(year: int | None = None, root: Path | None = None, extra: Path | None = None) -> tuple[Notice, ...]:
    """Every notice (of a year), by year and name."""
    notices = [load_notice(name, root, extra) for name in list_notices(root, extra)]
    return tuple(sorted((n for n in notices if year in (None, n.year)), key=lambda n: (n.year, n.name)))


@lru_cache(maxsize=64)
def _load(path: Path, root: Path, changed: int, size: int) -> Notice:
    """`changed` and `size` are part of the key, so that a running process sees the new text of a file."""
    data = read_yaml(path)
    try:
        items = tuple(_commitment(path, code, entry) for code, entry in data["commitments"].items())
        instrument = _instrument(path, data["notice"], root)
        known = load_measures(root)
        return Notice(
            name=path.stem,
            instrument=instrument.key,
            citation=instrument.citation,
            unit=str(data["unit"]),
            year=int(data["year"]),
            criteria=str(data.get("criteria") or DEFAULT_SET),
            commitments=items,
            measures={item.measure: known[item.measure] for item in items if item.measure and item.measure in known},
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        if isinstance(error, CriteriaError):
            raise
        raise CriteriaError(f"{path}: thiếu hoặc sai mục {error}") from error


def _commitment(path: Path, code: str, entry: Mapping[str, Any]) -> Commitment:
    if not isinstance(entry.get("deadline"), date):
        raise CriteriaError(f"{path}: {code}: deadline «{entry.get('deadline')}» không phải ngày dạng YYYY-MM-DD")
    try:
        return Commitment(**{**entry, "code": str(code), "paragraph": str(entry["paragraph"])})
    except (KeyError, TypeError) as error:
        raise CriteriaError(f"{path}: {code}: thiếu hoặc sai mục {error}") from error


def _instrument(path: Path, notice: Any, root: Path) -> Instrument:
    if isinstance(notice, Mapping):
        empty = dict.fromkeys(("number", "date", "title"))
        return Instrument(**{**empty, "status": "found", **notice, "key": path.stem})
    found = load_instruments(root).get(str(notice))
    if found is None:
        raise CriteriaError(f"{path}: văn bản «{notice}» không có trong instruments.yaml")
    return found
