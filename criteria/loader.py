"""Reads the YAML files into the records of criteria.model. Content is trusted here; criteria.lint judges it.

`load_set(name)` reads `sets/<name>/`: set.yaml, targets.yaml and every section_*.yaml.
Raises: CriteriaError, naming the file and the entry, when a file is missing or has another shape.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import yaml

from criteria.model import (
    Appraiser,
    Band,
    BandTable,
    CriteriaSet,
    Criterion,
    Instrument,
    Measure,
    Rule,
    SampleRule,
    Section,
    Source,
    TargetValue,
    Version,
)
from criteria.registers import Definition, Definitions

DEFAULT_SET = "commune_reconstructed"
ROOT = Path(__file__).resolve().parent
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class CriteriaError(ValueError):
    """A criteria file that cannot be used; the message names the file and the entry."""


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file. Raises CriteriaError when it is missing, broken or not a mapping."""
    try:
        data = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    except FileNotFoundError:
        raise CriteriaError(f"{path}: không có tệp này") from None
    except (yaml.YAMLError, ValueError) as error:  # ValueError: no UTF-8, or a date like 2023-02-30
        raise CriteriaError(f"{path}: không đọc được YAML ({error})") from error
    if not isinstance(data, dict):
        raise CriteriaError(f"{path}: phải là một danh mục khóa: giá trị")
    return data


def section_files(folder: Path) -> list[Path]:
    """The section files of a set in their numeric order."""

    def number(path: Path) -> tuple[int, str]:
        tail = path.stem.removeprefix("section_")
        return (int(tail), "") if tail.isdigit() else (10**6, tail)

    return sorted(folder.glob("section_*.yaml"), key=number)


def set_folders(root: Path | None = None, extra: Path | None = None) -> dict[str, Path]:
    """The folder of every set by name: the built-in ones and those in `extra`, a folder of sets. Built-in names win."""
    found: dict[str, Path] = {}
    for home in ((root or ROOT) / "sets", extra):
        if home is not None:
            for head in sorted(home.glob("*/set.yaml")):
                found.setdefault(head.parent.name, head.parent)
    return dict(sorted(found.items()))


def list_sets(root: Path | None = None, extra: Path | None = None) -> list[str]:
    """Names of the sets on disk, sorted."""
    return list(set_folders(root, extra))


@lru_cache(maxsize=16)
def load_instruments(root: Path | None = None) -> Mapping[str, Instrument]:
    path = (root or ROOT) / "instruments.yaml"
    return {k: _built(path, k, Instrument, {"key": k, **v}) for k, v in read_yaml(path).items()}


@lru_cache(maxsize=16)
def load_measures(root: Path | None = None) -> Mapping[str, Measure]:
    path = (root or ROOT) / "measures.yaml"
    return {k: _built(path, k, Measure, {"name": k, **v}) for k, v in read_yaml(path).items()}


@lru_cache(maxsize=16)
def load_definitions(thing: str = "overdue", root: Path | None = None) -> Definitions:
    """The definitions of `thing`: overdue or online_rate. Raises CriteriaError for another thing."""
    root = root or ROOT
    path = root / "definitions.yaml"
    entry = _get(path, thing, read_yaml(path), thing)
    found = {}
    for name, d in entry["definitions"].items():
        text = {k: str(v).strip() for k, v in d.items() if k not in _DEFINITION_OWN}
        source = _source(path, name, d, load_instruments(root))
        found[name] = Definition(name, int(d["version"]), d["label"], text, source, d["provenance"])
    return Definitions(thing, entry["default"], found)


_DEFINITION_OWN = frozenset({"version", "label", "source", "provenance"})


def load_set(name: str = DEFAULT_SET, root: Path | None = None, extra: Path | None = None) -> CriteriaSet:
    """The criteria set `name`; `extra` is a folder with more sets.

    Raises CriteriaError for an unknown name, listing the known ones.
    """
    folder = _folder(name, root, extra)
    return _load_set(name, folder, root or ROOT, _stamp(folder))


def load_folder(folder: Path, root: Path | None = None) -> CriteriaSet:
    """The criteria set in a folder, wherever it lies. Raises CriteriaError."""
    folder = folder.resolve()
    return _load_set(folder.name, folder, root or ROOT, _stamp(folder))


def set_content(name: str = DEFAULT_SET, root: Path | None = None, extra: Path | None = None) -> dict[str, Any]:
    """The set as plain data, all that its figures and citations rest on; `build_set` makes the very same set of it.

    Keys: set, targets, criteria (code → entry), instruments and measures (those the set uses). Fit for JSON.
    """
    return dict(_plain(_read_content(_folder(name, root, extra), root or ROOT)))


def build_set(content: Mapping[str, Any], where: str = "set") -> CriteriaSet:
    """The set that `content` (see `set_content`) describes. Raises CriteriaError; `where` names it in messages."""
    return _build(_dated(content), Path(where))


def _folder(name: str, root: Path | None, extra: Path | None) -> Path:
    folders = set_folders(root, extra)
    if name not in folders:
        raise CriteriaError(f"Không có bộ tiêu chí «{name}». Các bộ hiện có: {', '.join(folders)}.")
    return folders[name]


def _stamp(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """What changes when a file of the set changes, so that a running process sees the new text."""
    files = sorted(folder.glob("*.yaml"))
    return tuple((f.name, (status := f.stat()).st_mtime_ns, status.st_size) for f in files)


@lru_cache(maxsize=64)
def _load_set(name: str, folder: Path, root: Path, stamp: tuple[tuple[str, int, int], ...]) -> CriteriaSet:
    try:
        origins = {code: path for path in section_files(folder) for code in read_yaml(path)}
        content = _read_content(folder, root)
        for part in ("instruments", "measures"):
            kind = Instrument if part == "instruments" else Measure
            for key, entry in content[part].items():
                _built(root / f"{part}.yaml", key, kind, {"key" if part == "instruments" else "name": key, **entry})
        return _build(content, folder / "set.yaml", origins)
    except (TypeError, AttributeError, KeyError, IndexError, OverflowError) as error:
        raise CriteriaError(f"{folder / 'set.yaml'}: một tệp của bộ có cấu trúc không đúng mẫu ({error})") from error


def _read_content(folder: Path, root: Path) -> dict[str, Any]:
    head, targets = read_yaml(folder / "set.yaml"), read_yaml(folder / "targets.yaml")
    entries: dict[str, Any] = {}
    for path in section_files(folder):
        entries |= read_yaml(path)
    instruments = read_yaml(root / "instruments.yaml")
    own = folder / "instruments.yaml"
    if own.exists():
        instruments = instruments | read_yaml(own)
    measures = read_yaml(root / "measures.yaml")
    cited = set(_cited([head, targets, entries]))
    used = {m for e in entries.values() if isinstance(e, dict) for m in _measures_of(e)}
    used |= {str(v) for k, v in (head.get("sample") or {}).items() if k in ("forms", "population")}
    return {
        "set": head,
        "targets": targets,
        "criteria": entries,
        "instruments": {k: v for k, v in instruments.items() if k in cited},
        "measures": {k: v for k, v in measures.items() if k in used},
    }


def _cited(value: Any) -> Iterator[str]:
    """The keys of all instruments named under any `instrument:`."""
    if isinstance(value, Mapping):
        for key, entry in value.items():
            if key == "instrument" and isinstance(entry, str):
                yield entry
            else:
                yield from _cited(entry)
    elif isinstance(value, (list, tuple)):
        for entry in value:
            yield from _cited(entry)


def _measures_of(entry: Mapping[str, Any]) -> list[str]:
    return [str(entry["measure"])] if entry.get("measure") else [str(m) for m in (entry.get("inputs") or {}).values()]


def _plain(value: Any) -> Any:
    """Dates as ISO text: fit for JSON."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    return value.isoformat() if isinstance(value, date) else value


_DATES = frozenset({"in_force_from", "date"})


def _dated(value: Any) -> Any:
    """The inverse of `_plain`: the fields that hold dates become dates again."""
    if isinstance(value, Mapping):
        return {k: _as_date(v) if k in _DATES else _dated(v) for k, v in value.items()}
    return [_dated(v) for v in value] if isinstance(value, (list, tuple)) else value


def _as_date(value: Any) -> Any:
    try:
        return date.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        return value  # said in words where the date is used


def _build(content: Mapping[str, Any], head_path: Path, origins: Mapping[str, Path] | None = None) -> CriteriaSet:
    head, raw_targets = content["set"], content["targets"]
    instruments = {k: _built(head_path, k, Instrument, {"key": k, **v}) for k, v in content["instruments"].items()}
    measures = {k: _built(head_path, k, Measure, {"name": k, **v}) for k, v in content["measures"].items()}
    origins = origins or {}
    criteria = [_criterion(origins.get(code, head_path), code, e, instruments) for code, e in content["criteria"].items()]
    targets_path = head_path.with_name("targets.yaml")
    try:
        return CriteriaSet(
            name=head["name"],
            label=head["label"],
            label_en=head["label_en"],
            subject=head["subject"],
            level=head["level"],
            total=float(head["total"]),
            in_force_from=_day(head_path, "in_force_from", head["in_force_from"]),
            provenance=head["provenance"],
            source=_source(head_path, name := str(head["name"]), head, instruments),
            warning=head.get("warning"),
            sections={k: _section(head_path, k, v) for k, v in head["sections"].items()},
            criteria=tuple(criteria),
            targets={k: _targets(targets_path, k, v, instruments) for k, v in raw_targets.items()},
            band_tables=tuple(_bands(head_path, t, instruments) for t in head["grade_bands"]),
            appraisers=tuple(
                Appraiser(
                    _day(head_path, "appraisers", a["in_force_from"]),
                    a["name"],
                    _source(head_path, "appraisers", a, instruments),
                )
                for a in head.get("appraisers", [])
            ),
            measures=measures,
            decimals=int(head["rounding"]["decimals"]),
            bonus_limit=float(head["bonus"]["limit"]),
            ranking_method=head["ranking"]["method"],
            ranking_basis=head["ranking"]["basis"],
            ranking_within=head["ranking"].get("within", "all"),
            grading_basis=head["grading"]["basis"],
            grading_scale=float(head["grading"].get("scale", 100)),
            min_scored_share=float(head["grading"]["min_scored_share"]),
            definitions=dict(head.get("definitions") or {}),
            sample=_sample(head_path, name, head.get("sample"), instruments),
            hash=content_hash(_plain(content)),
        )
    except CriteriaError:
        raise
    except (KeyError, TypeError, IndexError, ValueError, AttributeError) as error:
        raise CriteriaError(f"{head_path}: thiếu hoặc sai mục {error}") from error


def _section(path: Path, code: str, entry: Mapping[str, Any]) -> Section:
    """A maximum is one number, or dated ones: [{in_force_from, value}, …]."""
    given = entry["max_points"]
    if not isinstance(given, list):
        return Section(code, entry["label"], float(given))
    history = tuple((_day(path, code, v["in_force_from"]), float(v["value"])) for v in given)
    return Section(code, entry["label"], history[-1][1], history)


def _sample(path: Path, name: str, raw: Any, instruments: Mapping[str, Instrument]) -> SampleRule | None:
    if raw is None:
        return None
    return SampleRule(
        raw["forms"], raw["population"], float(raw["error"]), _source(path, name, raw, instruments), raw["provenance"]
    )


def content_hash(content: Any) -> str:
    """sha256 of the parsed content in canonical JSON: comments, key order and layout do not matter."""
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def _criterion(path: Path, code: str, entry: Any, instruments: Mapping[str, Instrument]) -> Criterion:
    where = f"{path}: {code}"
    if not isinstance(entry, dict):
        raise CriteriaError(f"{where}: phải là một danh mục")
    try:
        versions = tuple(
            Version(
                in_force_from=_day(path, code, v["in_force_from"]),
                max_points=None if v.get("max_points") is None else float(v["max_points"]),
                rule=_rule(v.get("rule")),
                source=_source(path, code, v, instruments),
                provenance=v["provenance"],
            )
            for v in entry["versions"]
        )
        own = {k: v for k, v in entry.items() if k != "versions"}
        own["levels"] = tuple(own.get("levels", ()))
        if not isinstance(own.get("measure", ""), str):
            raise TypeError("measure")
        return Criterion(code=code, section=code.rsplit(".", 1)[0], versions=versions, **own)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        if isinstance(error, CriteriaError):
            raise
        raise CriteriaError(f"{where}: thiếu hoặc sai mục {error}") from error


def _rule(raw: Any) -> Rule | None:
    if raw is None:
        return None
    if not isinstance(raw, dict) or len(raw) != 1:
        raise ValueError("rule phải là {tên: {tham số}}")
    family, params = next(iter(raw.items()))
    return Rule(str(family), dict(params or {}))


def _targets(path: Path, name: str, entry: Any, instruments: Mapping[str, Instrument]) -> tuple[TargetValue, ...]:
    return tuple(
        TargetValue(
            name=name,
            label=entry["label"],
            unit=entry["unit"],
            level=level,
            in_force_from=_day(path, name, v["in_force_from"]),
            value=float(v["value"]),
            known=bool(v["known"]),
            source=_source(path, name, v, instruments),
            provenance=v["provenance"],
            note=v.get("note"),
            range=(float(v["range"][0]), float(v["range"][1])) if v.get("range") else None,
        )
        for level, versions in entry["levels"].items()
        for v in versions
    )


def _bands(path: Path, entry: Any, instruments: Mapping[str, Instrument]) -> BandTable:
    bands = tuple(Band(b["grade"], _number(b["from"]), _number(b["below"])) for b in entry["bands"])
    day = _day(path, "grade_bands", entry["in_force_from"])
    source = _source(path, "grade_bands", entry, instruments)
    return BandTable(day, bands, source, entry["provenance"], entry.get("note"))


def _source(path: Path, code: str, entry: Any, instruments: Mapping[str, Instrument]) -> Source:
    raw = entry.get("source") if isinstance(entry, dict) else None
    if not isinstance(raw, dict) or raw.get("instrument") not in instruments or not raw.get("clause"):
        raise CriteriaError(f"{path}: {code}: thiếu nguồn (instrument có trong instruments.yaml và clause)")
    return Source(raw["instrument"], str(raw["clause"]), instruments[raw["instrument"]].citation)


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _day(path: Path, code: str, value: Any) -> date:
    if not isinstance(value, date):
        raise CriteriaError(f"{path}: {code}: «{value}» không phải ngày dạng YYYY-MM-DD")
    return value


def _get(path: Path, code: str, data: Mapping[str, Any], key: str) -> Any:
    if key not in data:
        raise CriteriaError(f"{path}: không có mục «{code}»; các mục hiện có: {', '.join(data)}")
    return data[key]


def _built(path: Path, code: str, record: type[Any], fields: dict[str, Any]) -> Any:
    try:
        return cast(Any, record(**fields))
    except TypeError as error:
        raise CriteriaError(f"{path}: {code}: {error}") from error
