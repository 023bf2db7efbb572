"""The criteria sets as documents: listed, shown as of a day, checked, compared, and begun anew from a template or a copy."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import criteria
from criteria.loader import ROOT
from flows.steps.home import ZONE, Home, UserError, now
from flows.steps.rules import in_force, rules_of
from warehouse import place

if TYPE_CHECKING:
    from criteria.diff import Change
    from criteria.model import Criterion, ResolvedSet, TargetValue

BUILT_IN, INSTALLATION = "built-in", "installation"
TEMPLATE: Final = ROOT / "template"
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,59}")
_THINGS: Final = ("overdue", "online_rate")


def today() -> date:
    """Return the day it is in Việt Nam."""
    return now().astimezone(ZONE).date()


def parse_day(text: str | None) -> date:
    """Return the day a text means, today for None. Raises: UserError."""
    try:
        return date.fromisoformat(text) if text else today()
    except ValueError:
        raise UserError("bad_day", f"«{text}» không phải ngày; hãy viết năm-tháng-ngày, như 2023-06-30.") from None


# --- list and show ---------------------------------------------------------------------------------------------------


def listing(home: Home) -> dict[str, Any]:
    """Return every set with what it is, where it comes from and how many of its targets are known. Grain: set."""
    day = today()
    folders = criteria.set_folders(extra=home.criteria)
    return {"day": day.isoformat(), "sets": [_listed(home, name, folder, day) for name, folder in folders.items()]}


def _listed(home: Home, name: str, folder: Path, day: date) -> dict[str, Any]:
    row: dict[str, Any] = {"name": name, "origin": _origin(folder), "folder": str(folder), "error": None}
    try:
        rules = rules_of(home, name)
        now_in_force = in_force(rules, day)
    except UserError as error:
        return row | {"error": str(error)}
    used = {t.name: t for c in now_in_force.criteria for t in c.targets.values()}
    known = sum(t.known for t in used.values())
    return row | {
        "label": rules.label, "subject": rules.subject, "level": rules.level, "provenance": rules.provenance,
        "total": rules.total, "in_force_from": rules.in_force_from.isoformat(), "hash": rules.hash,
        "criteria": sum(c.yet_in_force for c in now_in_force.criteria), "targets": {"known": known, "unknown": len(used) - known},
    }  # fmt: skip


def _origin(folder: Path) -> str:
    return BUILT_IN if folder.is_relative_to(ROOT) else INSTALLATION


def shown(home: Home, name: str, on: str | None = None, code: str | None = None) -> dict[str, Any]:
    """Return a set as of a day: sections with criteria in words, targets, bands, appraiser, definitions, sample.

    `code` keeps one criterion only. Each criterion carries all its versions, repealed ones too. Raises: UserError.
    """
    day = parse_day(on)
    rules = rules_of(home, name)
    at = in_force(rules, day)
    if code is not None and code not in {c.code for c in rules.criteria}:
        known = ", ".join(c.code for c in rules.criteria)
        raise UserError("unknown_criterion", f"Bộ «{rules.name}» không có tiêu chí «{code}»; các mã đã có: {known}.")
    chosen = [c for c in rules.criteria if code in (None, c.code)]
    folder = criteria.set_folders(extra=home.criteria)[rules.name]
    return {
        "name": rules.name, "label": rules.label, "subject": rules.subject, "level": rules.level, "total": rules.total,
        "in_force_from": rules.in_force_from.isoformat(), "provenance": rules.provenance, "source": str(rules.source),
        "warning": rules.warning, "hash": rules.hash, "origin": _origin(folder), "folder": str(folder), "day": day.isoformat(),
        "appraiser": _appraiser(at), "bands": _bands(at), "definitions": [_definition(at, thing) for thing in _THINGS],
        "sample": _sample(at), "unknown_targets": len(at.unknown_targets),
        "sections": [
            {"code": s.code, "label": s.label, "max_points": s.max_points, "criteria": entries}
            for s in at.sections.values()
            if (entries := [_criterion(c, at) for c in chosen if c.section == s.code]) or code is None
        ],
    }  # fmt: skip


def _appraiser(at: ResolvedSet) -> dict[str, Any] | None:
    a = at.appraiser
    return {"name": a.name, "in_force_from": a.in_force_from.isoformat(), "clause": str(a.source)} if a else None


def _bands(at: ResolvedSet) -> dict[str, Any]:
    table = at.bands
    return {
        "in_force_from": table.in_force_from.isoformat(), "scale": at.grading_scale, "clause": str(table.source),
        "provenance": table.provenance, "note": table.note,
        "grades": [{"grade": b.grade, "from": b.at_least, "below": b.below} for b in table.bands],
    }  # fmt: skip


def _definition(at: ResolvedSet, thing: str) -> dict[str, Any]:
    known = criteria.load_definitions(thing)
    name = at.definitions.get(thing, known.default)
    found = known.by_name.get(name)
    return {
        "thing": thing, "name": name, "prescribed": thing in at.definitions, "label": found.label if found else name,
        "clause": str(found.source) if found else None, "provenance": found.provenance if found else None,
    }  # fmt: skip


def _sample(at: ResolvedSet) -> dict[str, Any] | None:
    s = at.sample
    if s is None:
        return None
    return {
        "forms": s.forms, "population": s.population, "error": s.error, "clause": str(s.source), "provenance": s.provenance,
    }  # fmt: skip


def _criterion(c: Criterion, at: ResolvedSet) -> dict[str, Any]:
    from criteria.model import in_force

    version = in_force(c.versions, at.day)
    state = "not_yet" if version is None else "repealed" if version.repealed else "in_force"
    live = version if state == "in_force" else None
    targets = [at.targets[name] for name in dict.fromkeys(_targets_of(live.rule.params))] if live and live.rule else []
    return {
        "code": c.code, "label": c.label, "kind": c.kind, "state": state, "max_points": live.max_points if live else None,
        "rule": live.rule.family if live and live.rule else None, "rule_text": _words(c, live, at.targets),
        "input": _input(c, at), "unit": c.unit, "direction": c.direction, "owner": c.owner, "no_data": c.no_data,
        "zero_denominator": c.zero_denominator, "targets": [_target(t) for t in targets],
        "clause": str(live.source) if live else None, "provenance": live.provenance if live else None,
        "versions": [
            {
                "in_force_from": v.in_force_from.isoformat(), "max_points": v.max_points, "repealed": v.repealed,
                "rule_text": _words(c, v, {}), "clause": str(v.source), "provenance": v.provenance, "current": v is version,
            }
            for v in c.versions
        ],
    }  # fmt: skip


def _words(c: Criterion, version: Any, targets: Mapping[str, TargetValue]) -> str | None:
    from messages.rules import rule_words

    return rule_words(version.rule, version.max_points, c, targets) if version and version.rule else None


def _targets_of(value: Any) -> Iterator[str]:
    """The names under every {target: name}."""
    if isinstance(value, Mapping):
        if set(value) == {"target"} and isinstance(value["target"], str):
            yield value["target"]
        else:
            for entry in value.values():
                yield from _targets_of(entry)
    elif isinstance(value, (list, tuple)):
        for entry in value:
            yield from _targets_of(entry)


def _target(t: TargetValue) -> dict[str, Any]:
    return {
        "name": t.name, "label": t.label, "value": t.value, "known": t.known, "range": t.range, "note": t.note,
        "in_force_from": t.in_force_from.isoformat(), "clause": str(t.source), "provenance": t.provenance,
    }  # fmt: skip


def _input(c: Criterion, at: ResolvedSet) -> dict[str, Any]:
    """How the criterion gets its value: kind measure, measures or declared, with names in words."""

    def label(name: str) -> str:
        return at.measures[name].label if name in at.measures else name

    if c.measure:
        return {"kind": "measure", "name": c.measure, "label": label(c.measure), "out_of": c.out_of, "args": dict(c.measure_args)}
    if c.inputs:
        labels = [label(m) for m in c.inputs.values()] + ([f"{c.unit} (xã kê khai)"] if c.declared else [])
        return {"kind": "measures", "names": dict(c.inputs), "declared": c.declared, "label": "; ".join(labels)}
    return {"kind": "declared", "name": c.declared, "label": c.unit, "levels": list(c.levels)}


# --- lint ------------------------------------------------------------------------------------------------------------


def linted(home: Home, names: Sequence[str] = ()) -> dict[str, Any]:
    """Return the problems of the named sets (or set folders), of all sets and registers for none. Raises: UserError."""
    from criteria.lint import lint, lint_notices, lint_set

    folders = _all_folders(home)
    if names:
        chosen = {name: _folder(folders, name) for name in names}
        problems = [p for folder in chosen.values() for p in lint_set(folder)]
        checked = list(chosen)
    else:
        problems = [*lint(extra=home.criteria), *lint_notices(home.notices, extra=home.criteria)]
        checked = sorted(folders)
    here = Path.cwd()
    rows = [p.relative_to(here) for p in problems]
    return {
        "sets": checked,
        "problems": [
            {"file": str(p.file), "line": p.line, "clause": p.where, "what": p.what, "remedy": p.remedy, "text": str(p)}
            for p in rows
        ],
    }


def _all_folders(home: Home) -> dict[str, Path]:
    """The folders of sets by name, those without a set.yaml too: the lint says that it is missing."""
    found: dict[str, Path] = {}
    for place_of_sets in (ROOT / "sets", home.criteria):
        for folder in sorted(place_of_sets.glob("*")):
            if folder.is_dir() and not folder.name.startswith("."):
                found.setdefault(folder.name, folder)
    return found


def _folder(folders: Mapping[str, Path], name: str) -> Path:
    """The folder a set's name or a path means. Raises: UserError."""
    if name in folders:
        return folders[name]
    if name and Path(name).is_dir():
        return Path(name)
    known = ", ".join(sorted(folders))
    raise UserError("unknown_criteria", f"Không có bộ tiêu chí hay thư mục «{name}»; các bộ đã biết: {known}.")


# --- diff ------------------------------------------------------------------------------------------------------------


def differences(home: Home, before: str, after: str, on: str | None = None) -> dict[str, Any]:
    """Return what changed from one set to another. Each side is a name, a folder, or NAME@YYYY-MM-DD. Raises: UserError."""
    from criteria.diff import compare

    a, b = _side(home, before, on), _side(home, after, on)
    found = compare(a, b)
    points = found.points
    return {
        "before": _side_json(before, a), "after": _side_json(after, b), "same": not found.changes,
        "points": {**asdict(points), "moved": points.moved, "net": points.net},
        "changes": [asdict(c) | _rule_texts(c, a, b) for c in found.changes],
    }  # fmt: skip


def _rule_texts(change: Change, a: ResolvedSet, b: ResolvedSet) -> dict[str, str]:
    """The whole rule before and after in words, where what changed is no single figure."""
    from messages.rules import rule_words

    if change.kind not in ("rule", "parameter") or not isinstance(change.after, (dict, list)):
        return {}
    sides = {"before_text": a.criterion(change.code), "after_text": b.criterion(change.code)}
    return {
        name: rule_words(c.rule, c.max_points, c, c.targets) for name, c in sides.items() if c.rule and c.max_points is not None
    }


def _side(home: Home, text: str, on: str | None) -> ResolvedSet:
    name, mark, day = text.rpartition("@")
    if not mark or Path(text).is_dir():
        name, day = text, on or ""
    folder = _folder(_all_folders(home), name)
    try:
        rules = criteria.load_folder(folder)
    except criteria.CriteriaError as error:
        raise UserError("bad_criteria", f"{error}. Chạy «cchc criteria lint {name}» để xem từng chỗ sai.") from error
    return in_force(rules, parse_day(day or None))


def _side_json(text: str, side: ResolvedSet) -> dict[str, Any]:
    return {
        "given": text, "name": side.name, "label": side.label, "day": side.day.isoformat(), "provenance": side.provenance,
        "hash": side.hash,
    }  # fmt: skip


# --- new -------------------------------------------------------------------------------------------------------------


def create(home: Home, name: str, source: str | None = None) -> dict[str, Any]:
    """Make the folder of a new set, from the template or as a copy of a set. Raises: UserError; then nothing was made."""
    if not _NAME.fullmatch(name):
        raise UserError(
            "bad_name",
            f"Tên «{name}» không dùng được; chỉ dùng chữ không dấu, chữ số và dấu gạch dưới, chữ đứng đầu, như huyen_mau_2026.",
        )
    folders = _all_folders(home)
    taken = next((known for known in folders if known.lower() == name.lower()), None)
    if taken is not None:
        raise UserError("exists", f"Đã có bộ tiêu chí «{taken}» ở {folders[taken]}; hãy chọn tên khác hoặc sửa bộ đó.")
    origin = _folder(folders, source) if source is not None else TEMPLATE
    provenance = "assumed"
    if source is not None:
        try:
            provenance = criteria.load_folder(origin).provenance
        except criteria.CriteriaError as error:
            raise UserError("bad_criteria", f"{error}. Chạy «cchc criteria lint {source}» và sửa trước khi chép.") from error
        # A copy that someone is about to change is no longer the text that was published.
        provenance = "reconstructed" if provenance == "official" else provenance
    target = home.criteria / name
    _write_folder(home, origin, target, name, source, provenance)
    return {
        "name": name, "folder": str(target), "from": source, "provenance": provenance,
        "files": [path.name for path in sorted(target.iterdir())],
    }  # fmt: skip


def _write_folder(home: Home, origin: Path, target: Path, name: str, source: str | None, provenance: str) -> None:
    """Write all files beside, then rename once: a set is there whole or not at all."""
    place.make_home(home.root)
    home.criteria.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=home.criteria))
    try:
        for path in sorted(origin.glob("*.yaml")):
            text = path.read_text(encoding="utf-8")
            if path.name == "set.yaml":
                text = _renamed(text, name, source, provenance)
            (draft / path.name).write_text(_with_schema(text, path.name), encoding="utf-8")
        draft.rename(target)
    except OSError as error:
        shutil.rmtree(draft, ignore_errors=True)
        raise UserError("not_written", f"Không ghi được {target}: {error.strerror}; kiểm tra quyền ghi và chỗ trống.") from error


def _renamed(text: str, name: str, source: str | None, provenance: str) -> str:
    """The head of the set with its own name, label and provenance; every other line as it was."""
    quoted = f'"Bộ tiêu chí {name} (bản nháp, chép từ {source})"' if source else f'"Bộ tiêu chí {name} (bản nháp)"'
    own = {"name": name, "label": quoted, "label_en": f'"Criteria set {name} (draft)"', "provenance": provenance}
    for key, value in own.items():
        # A folded value runs on over the indented lines that follow.
        text = re.sub(rf"^{key}:.*(?:\n[ \t]+\S.*)*$", lambda _, k=key, v=value: f"{k}: {v}", text, count=1, flags=re.MULTILINE)  # type: ignore[misc]
    return text


def _with_schema(text: str, file: str) -> str:
    """The same text whose first line tells an editor where the schema of this kind of file lies."""
    kind = "section" if file.startswith("section_") else file.removesuffix(".yaml")
    schema = ROOT / "schema" / f"{kind}.schema.json"
    first, _, rest = text.partition("\n")
    body = rest if first.startswith("# yaml-language-server:") else text
    return f"# yaml-language-server: $schema={schema}\n{body}" if schema.exists() else body
