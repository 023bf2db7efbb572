"""`python -m criteria.lint [ROOT]`: checks every set and register; one line per problem, then exit 1.

A message reads `file:line: clause: what is wrong. What to do.`, in Vietnamese: officials write these files.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import MISSING, dataclass, fields, replace
from datetime import date
from pathlib import Path
from typing import Any

from criteria.lint_alerts import check_alerts
from criteria.lint_criteria import check_criterion
from criteria.lint_head import check_head
from criteria.lint_notices import Names, check_notice
from criteria.lint_shared import (
    Context,
    Problem,
    check_source,
    check_texts,
    check_versions,
    is_number,
    points_text,
    remedy_near,
    section_days,
    section_points,
)
from criteria.loader import DEFAULT_SET, ROOT, CriteriaError, load_folder, section_files
from criteria.model import RECOVERS, Instrument, NotInForceError
from criteria.yaml_lines import Located, YamlProblem, read

_HUNDREDTHS = 100


@dataclass
class _Reader:
    """Opens files for the lint and keeps the problems of those that cannot be read."""

    problems: list[Problem]

    def open(self, file: Path) -> Located | None:
        if not file.exists():
            self.problems.append(Problem(file, 1, file.name, "không có tệp này", "Tạo tệp theo bộ mẫu"))
            return None
        try:
            located = read(file)
        except YamlProblem as error:
            self.problems.append(Problem(file, error.line, file.name, f"không đọc được YAML: {error}", error.remedy))
            return None
        for path, line, text in located.impossible:
            if path[-1:] != ("in_force_from",):  # the check of versions says it better
                where = ".".join(str(p) for p in path)
                self.problems.append(
                    Problem(file, line, where, f"«{text}» không phải ngày có thật", "Sửa, hoặc đặt trong ngoặc kép")
                )
        for path, line in located.duplicates:
            where = ".".join(str(p) for p in path)
            self.problems.append(Problem(file, line, where, f"khóa «{path[-1]}» viết hai lần", "Xóa hoặc gộp một lần"))
        if not isinstance(located.data, dict):
            self.problems.append(Problem(file, 1, file.name, "phải là danh mục khóa: giá trị", "Xem bộ mẫu"))
            return None
        self.problems.extend(check_texts(located))
        return located


def lint(root: Path | None = None, extra: Path | None = None) -> list[Problem]:
    """Every problem under `root` (default: the criteria folder) and of the sets in `extra`, in order of file and line."""
    root = root or ROOT
    reader = _Reader([])
    context = _registers(root, reader)
    names: dict[str, Names] = {}
    for folder in _folders(root / "sets"):
        _lint_folder(folder, root, reader, context, names.setdefault(folder.name, Names()))
    for folder in _folders(extra) if extra else []:
        if (root / "sets" / folder.name).exists():
            head = folder / "set.yaml"
            reader.problems.append(Problem(head, 1, folder.name, "trùng tên bộ có sẵn nên không được dùng", "Đổi tên thư mục"))
        _lint_folder(folder, root, reader, context, Names())
    if (root / "definitions.yaml").exists():
        definitions = reader.open(root / "definitions.yaml")
        if definitions:
            reader.problems.extend(_guarded(definitions, _check_definitions(definitions, context)))
    if (root / "alerts.yaml").exists():
        rules = reader.open(root / "alerts.yaml")
        if rules:
            targets = names[DEFAULT_SET].targets if DEFAULT_SET in names else set()
            reader.problems.extend(_guarded(rules, check_alerts(rules, context, targets)))
    _lint_notices(root / "notices", reader, context, names)
    return _ordered(reader.problems)


def lint_set(folder: Path, root: Path | None = None) -> list[Problem]:
    """Every problem of one set folder, wherever it lies, judged with the registers of `root` and its own instruments."""
    reader = _Reader([])
    context = _registers(root or ROOT, _Reader([]))
    _lint_folder(folder, root or ROOT, reader, context, Names())
    return _ordered(reader.problems)


def lint_notices(folder: Path, root: Path | None = None, extra: Path | None = None) -> list[Problem]:
    """Every problem of the notices in a folder, judged with the registers and sets of `root` and the sets in `extra`."""
    reader, quiet = _Reader([]), _Reader([])
    context = _registers(root or ROOT, quiet)
    names: dict[str, Names] = {}
    for home in ((root or ROOT) / "sets", extra):
        for sets in _folders(home) if home else []:
            if sets.name not in names:
                _lint_folder(sets, root or ROOT, quiet, context, names.setdefault(sets.name, Names()))
    _lint_notices(folder, reader, context, names)
    for file in sorted(folder.glob("*.yaml")):
        if ((root or ROOT) / "notices" / file.name).exists() and folder.resolve() != ((root or ROOT) / "notices").resolve():
            what = "trùng tên thông báo có sẵn nên không được dùng"
            reader.problems.append(Problem(file, 1, file.stem, what, "Đổi tên tệp"))
    return _ordered(reader.problems)


def _lint_notices(folder: Path, reader: _Reader, context: Context, names: dict[str, Names]) -> None:
    for file in sorted(folder.glob("*.yaml")):
        notice = reader.open(file)
        if notice:
            reader.problems.extend(_guarded(notice, check_notice(notice, context, names)))


def _ordered(problems: list[Problem]) -> list[Problem]:
    return sorted(problems, key=lambda p: (str(p.file), p.line, p.what))


def _folders(home: Path) -> list[Path]:
    return sorted(p for p in home.glob("*") if p.is_dir() and not p.name.startswith("."))


def _registers(root: Path, reader: _Reader) -> Context:
    """The instruments and measures that every set may name; their own problems go to the reader."""
    instruments = reader.open(root / "instruments.yaml")
    measures = reader.open(root / "measures.yaml")
    if instruments:
        reader.problems.extend(_guarded(instruments, _check_instruments(instruments)))
    if measures:
        reader.problems.extend(_guarded(measures, _check_measures(measures)))
    file = root / "definitions.yaml"
    definitions = _Reader([]).open(file) if file.exists() else None  # its own problems are lint's to report
    return Context(
        instruments=instruments.data if instruments else {},
        measures=measures.data if measures else {},
        definitions=definitions.data if definitions else {},
    )


def _lint_folder(folder: Path, root: Path, reader: _Reader, registers: Context, names: Names) -> None:
    """Checks one set; adds the problems to the reader's and what the set defines to `names`."""
    before = len(reader.problems)
    context = replace(registers, targets={}, level="")
    own = reader.open(folder / "instruments.yaml") if (folder / "instruments.yaml").exists() else None
    if own:
        reader.problems.extend(_guarded(own, _check_instruments(own)))
        context.instruments = registers.instruments | own.data
    head, target_file = reader.open(folder / "set.yaml"), reader.open(folder / "targets.yaml")
    files = section_files(folder)
    sections = [f for f in map(reader.open, files) if f]
    if head is None or target_file is None:
        return
    context.targets = target_file.data
    context.level = str(head.data.get("level"))
    reader.problems.extend(_guarded(head, check_head(head, context)))
    reader.problems.extend(_guarded(target_file, _check_targets(target_file, context)))
    reader.problems.extend(_guarded(head, _check_sections(head, sections, context, len(sections) == len(files))))
    registers_clean = not any(p.file.parent == root for p in reader.problems)  # else their own problem is said already
    if len(reader.problems) == before and registers_clean:
        reader.problems.extend(_unloadable(folder, root))
    names.targets |= set(target_file.data)
    names.codes |= {code for f in sections for code in f.data}
    tables = head.data.get("grade_bands")
    for table in tables if isinstance(tables, list) else []:
        bands = table.get("bands") if isinstance(table, dict) else None
        names.grades |= {str(b.get("grade")) for b in bands if isinstance(b, dict)} if isinstance(bands, list) else set()


def _unloadable(folder: Path, root: Path) -> Iterator[Problem]:
    """What stops a set without any other problem from being used: said at the file that the loader names."""
    try:
        found = load_folder(folder, root)
        for day in sorted({v.in_force_from for c in found.criteria for v in c.versions}):
            found.at(day)
    except (CriteriaError, NotInForceError) as error:
        place, mark, what = str(error).partition(".yaml: ")
        file, what = (Path(place + ".yaml"), what) if mark else (folder / "set.yaml", str(error))
        yield Problem(file, 1, folder.name, " ".join(what.split()), "So với bộ mẫu")


def _guarded(f: Located, checks: Iterator[Problem]) -> Iterator[Problem]:
    """A file of an unforeseen shape is a problem to report, never a traceback."""
    try:
        yield from checks
    except (AttributeError, TypeError, KeyError, IndexError, ValueError, OverflowError) as error:
        yield Problem(f.file, 1, f.file.name, f"cấu trúc không đúng mẫu ({error})", "So với bộ mẫu")


_INSTRUMENT = {f.name: f.default is MISSING for f in fields(Instrument) if f.name != "key"}


def _check_instruments(f: Located) -> Iterator[Problem]:
    for key, entry in f.data.items():
        for name in entry if isinstance(entry, dict) else ():
            if name not in _INSTRUMENT:
                what = f"mục «{name}» không có nghĩa"
                yield Problem(f.file, f.line(key, name), key, what, remedy_near(name, _INSTRUMENT, "Xóa hoặc sửa chính tả"))
        for name, required in _INSTRUMENT.items():
            if required and isinstance(entry, dict) and name not in entry:
                yield Problem(f.file, f.line(key), key, f"thiếu mục {name}", "Chưa biết thì ghi null")
        if isinstance(entry, dict) and entry.get("date") is not None and not isinstance(entry["date"], date):
            what = f"date «{entry['date']}» không phải ngày"
            yield Problem(f.file, f.line(key, "date"), key, what, "Ghi dạng YYYY-MM-DD; chưa biết thì ghi null")
        if not isinstance(entry, dict) or entry.get("status") not in ("found", "unknown"):
            yield Problem(
                f.file,
                f.line(key, "status"),
                key,
                "status phải là found hoặc unknown",
                "Ghi rõ đã thấy văn bản chưa",
            )
            continue
        if not entry.get("issuer"):
            yield Problem(f.file, f.line(key), key, "thiếu issuer", "Ghi cơ quan ban hành")
        if not (entry.get("number") or entry.get("title")):
            yield Problem(f.file, f.line(key), key, "thiếu cả number và title", "Ghi số hoặc tên văn bản")
        if entry["status"] == "found" and not entry.get("seen_in"):
            yield Problem(f.file, f.line(key), key, "found mà thiếu seen_in", "Ghi nơi đã thấy văn bản")


def _check_measures(f: Located) -> Iterator[Problem]:
    for name, entry in f.data.items():
        entry = entry if isinstance(entry, dict) else {}
        if entry.get("unit") not in ("share", "count"):
            yield Problem(f.file, f.line(name, "unit"), name, "unit phải là share hoặc count", "Sửa unit")
        if entry.get("recover") not in RECOVERS:
            yield Problem(f.file, f.line(name, "recover"), name, "recover không hợp lệ", f"Chọn {', '.join(RECOVERS)}")


def _check_targets(f: Located, context: Context) -> Iterator[Problem]:
    for name, entry in f.data.items():
        levels = (entry.get("levels") if isinstance(entry, dict) else None) or {}
        for key in ("label", "unit"):
            if not isinstance(entry, dict) or not entry.get(key):
                yield Problem(f.file, f.line(name), name, f"thiếu mục {key}", "Bổ sung")
        if context.level not in levels:
            yield Problem(
                f.file,
                f.line(name),
                name,
                f"không có chỉ tiêu cho cấp {context.level}",
                "Bổ sung dưới levels",
            )
        for level, versions in levels.items():
            yield from check_versions(f, (name, "levels", level), versions, name)
            for k, version in enumerate(versions):
                path = (name, "levels", level, k)
                yield from check_source(f, path, version, name, context)
                value = version.get("value")
                if not isinstance(value, (int, float)) or not 0 < value <= 1:
                    yield Problem(
                        f.file,
                        f.line(*path, "value"),
                        name,
                        f"value «{value}» ngoài (0, 1]",
                        "Ghi dạng 0.25 = 25 %",
                    )
                if version.get("known") is not (version.get("provenance") == "official"):
                    yield Problem(
                        f.file,
                        f.line(*path, "known"),
                        name,
                        "known phải là true khi và chỉ khi provenance là official",
                        "Chưa thấy văn bản thì known: false",
                    )


def _check_sections(head: Located, files: list[Located], context: Context, whole: bool) -> Iterator[Problem]:
    """`whole` is false when a file of criteria could not be read: sums would then blame the wrong place."""
    seen: dict[str, str] = {}
    criteria: list[tuple[Located, str, dict[str, Any]]] = []
    unsure: set[str] = set()
    for f in files:
        unsure |= {str(path[0]).rsplit(".", 1)[0] for path, _ in f.duplicates}
        for code, entry in f.data.items():
            if not isinstance(code, str):
                yield Problem(f.file, f.line(code), str(code), "mã tiêu chí bị đọc thành số", f'Đặt trong ngoặc kép: "{code}"')
                continue
            if code in seen:
                yield Problem(f.file, f.line(code), code, f"mã đã có ở {seen[code]}", "Đổi mã hoặc xóa một nơi")
                unsure.add(code.rsplit(".", 1)[0])
                continue
            seen[code] = f"{f.file.name}:{f.line(code)}"
            section = code.rsplit(".", 1)[0]
            if section not in (head.data.get("sections") or {}):
                yield Problem(
                    f.file,
                    f.line(code),
                    code,
                    f"mục «{section}» không có trong set.yaml",
                    "Thêm mục hoặc sửa mã",
                )
            found = list(check_criterion(f, code, entry, context))
            yield from found
            if isinstance(entry, dict) and isinstance(entry.get("versions"), list):
                criteria.append((f, code, entry))
            if not _countable(entry):
                unsure.add(section)
    if whole:
        yield from _check_sums(head, criteria, unsure)


def _countable(entry: Any) -> bool:
    """Whether all versions have a day and points, or none: else their own problem is said, and the sum means nothing."""
    versions = entry.get("versions") if isinstance(entry, dict) else None
    return isinstance(versions, list) and all(
        isinstance(v, dict)
        and isinstance(v.get("in_force_from"), date)
        and (v.get("max_points") is None or is_number(v["max_points"]))
        for v in versions
    )


def _check_sums(head: Located, criteria: list[tuple[Located, str, dict[str, Any]]], unsure: set[str]) -> Iterator[Problem]:
    """On every day on which something changes, each section adds up to the legal maximum; `unsure` ones are left out."""
    base = [(f, code, e) for f, code, e in criteria if e.get("kind", "base") == "base" and code.rsplit(".", 1)[0] not in unsure]
    sections = head.data.get("sections") or {}
    first_day = min((str(v["in_force_from"]) for _, _, e in base for v in e["versions"]), default="")
    days = {str(v["in_force_from"]) for _, _, e in base for v in e["versions"]}
    days |= {day for day in section_days(sections) if day > first_day}
    reported: set[str] = set()
    for day in sorted(days):
        sums: dict[str, float] = {}
        first: dict[str, tuple[Located, str]] = {}
        for f, code, entry in base:
            now = [v for v in entry["versions"] if str(v["in_force_from"]) <= day]
            points = now[-1].get("max_points") if now else None
            section = code.rsplit(".", 1)[0]
            first.setdefault(section, (f, code))
            if isinstance(points, (int, float)):
                sums[section] = sums.get(section, 0.0) + points
        for section, (f, code) in first.items():
            legal = section_points(sections.get(section), day)
            got = sums.get(section, 0.0)
            differs = legal is not None and round(got * _HUNDREDTHS) != round(legal * _HUNDREDTHS)
            if differs and section not in reported:
                reported.add(section)
                what = f"từ {day} các tiêu chí cộng lại {points_text(got)} điểm, khác {points_text(legal)} điểm của mục"
                yield Problem(f.file, f.line(code), f"Mục {section}", what, "Sửa max_points, hoặc thêm phiên bản từ đúng ngày")
    for section, entry in sections.items():
        if section in unsure:
            continue
        if (section_points(entry, "9999-12-31") or 0) > 0 and not any(c.rsplit(".", 1)[0] == section for _, c, _ in base):
            yield Problem(
                head.file,
                head.line("sections", section),
                f"Mục {section}",
                "có điểm nhưng không có tiêu chí",
                "Thêm tệp section",
            )


def _check_definitions(f: Located, context: Context) -> Iterator[Problem]:
    for thing, entry in f.data.items():
        known = entry.get("definitions") or {}
        if entry.get("default") not in known:
            yield Problem(
                f.file,
                f.line(thing, "default"),
                thing,
                "default không có trong definitions",
                "Chọn một tên đã có",
            )
        for name, definition in known.items():
            path = (thing, "definitions", name)
            yield from check_source(f, path, definition, name, context)
            if not isinstance(definition.get("version"), int):
                yield Problem(f.file, f.line(*path), name, "thiếu version (số nguyên)", "Ghi version: 1")


def main(argv: list[str] | None = None) -> int:
    """Prints the problems; 0 when there are none."""
    args = sys.argv[1:] if argv is None else argv
    root = Path(args[0]) if args else None
    problems = lint(root)
    for problem in problems:
        print(problem.relative_to(Path.cwd()))
    count = len(list(((root or ROOT) / "sets").glob("*/set.yaml")))
    print(f"criteria.lint: {count} bộ tiêu chí, {len(problems)} lỗi", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    raise SystemExit(main())
