"""`python -m criteria.lint [ROOT]`: checks every set and register; one line per problem, then exit 1.

A message reads `file:line: clause: what is wrong. What to do.`, in Vietnamese: officials write these files.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from criteria.lint_criteria import check_criterion
from criteria.lint_shared import Context, Problem, check_source, check_texts, check_versions
from criteria.loader import ROOT, section_files
from criteria.model import PROVENANCES, RECOVERS
from criteria.rule_specs import OPERATORS
from criteria.yaml_lines import Located, YamlProblem, read

_HUNDREDTHS = 100
_HEAD_FIELDS = (
    "name label label_en subject level total in_force_from provenance sections rounding bonus ranking grading grade_bands"
).split()


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
            self.problems.append(Problem(file, error.line, file.name, f"YAML không đọc được ({error})", "Sửa cú pháp"))
            return None
        for path, line in located.duplicates:
            where = ".".join(str(p) for p in path)
            self.problems.append(Problem(file, line, where, f"khóa «{path[-1]}» viết hai lần", "Xóa hoặc gộp một lần"))
        if not isinstance(located.data, dict):
            self.problems.append(Problem(file, 1, file.name, "phải là danh mục khóa: giá trị", "Xem bộ mẫu"))
            return None
        self.problems.extend(check_texts(located))
        return located


def lint(root: Path | None = None) -> list[Problem]:
    """Every problem under `root` (default: the criteria folder), in order of file and line."""
    root = root or ROOT
    problems: list[Problem] = []
    reader = _Reader(problems)
    instruments = reader.open(root / "instruments.yaml")
    measures = reader.open(root / "measures.yaml")
    context = Context(
        instruments=instruments.data if instruments else {},
        measures=measures.data if measures else {},
    )
    if instruments:
        problems.extend(_guarded(instruments, _check_instruments(instruments)))
    if measures:
        problems.extend(_guarded(measures, _check_measures(measures)))
    sets = sorted(p for p in (root / "sets").glob("*") if p.is_dir())
    targets: set[str] = set()
    codes: set[str] = set()
    grades: set[str] = set()
    for folder in sets:
        head, target_file = reader.open(folder / "set.yaml"), reader.open(folder / "targets.yaml")
        sections = [f for f in (reader.open(p) for p in section_files(folder)) if f]
        if head is None or target_file is None:
            continue
        context.targets = target_file.data
        context.level = str(head.data.get("level"))
        problems.extend(_guarded(head, _check_head(head, context)))
        problems.extend(_guarded(target_file, _check_targets(target_file, context)))
        problems.extend(_guarded(head, _check_sections(head, sections, context)))
        targets |= set(target_file.data)
        codes |= {code for f in sections for code in f.data}
        grades |= {b.get("grade") for t in head.data.get("grade_bands") or [] for b in t.get("bands") or []}
    if (root / "definitions.yaml").exists():
        definitions = reader.open(root / "definitions.yaml")
        if definitions:
            problems.extend(_guarded(definitions, _check_definitions(definitions, context)))
    if (root / "notice.yaml").exists():
        notice = reader.open(root / "notice.yaml")
        if notice:
            problems.extend(_guarded(notice, _check_notice(notice, context, targets, codes, grades)))
    return sorted(problems, key=lambda p: (str(p.file), p.line, p.what))


def _guarded(f: Located, checks: Iterator[Problem]) -> Iterator[Problem]:
    """A file of an unforeseen shape is a problem to report, never a traceback."""
    try:
        yield from checks
    except (AttributeError, TypeError, KeyError, IndexError) as error:
        yield Problem(f.file, 1, f.file.name, f"cấu trúc không đúng mẫu ({error})", "So với bộ mẫu")


def _check_instruments(f: Located) -> Iterator[Problem]:
    for key, entry in f.data.items():
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


def _check_head(f: Located, context: Context) -> Iterator[Problem]:
    head, name = f.data, str(f.data.get("name"))
    for key in _HEAD_FIELDS:
        if key not in head:
            yield Problem(f.file, 1, name, f"thiếu mục {key}", "Bổ sung theo bộ mẫu")
    if name != f.file.parent.name:
        yield Problem(f.file, f.line("name"), name, f"name khác tên thư mục «{f.file.parent.name}»", "Đặt trùng nhau")
    yield from check_source(f, (), head, name, context)
    tables = head.get("grade_bands") or []
    yield from check_versions(f, ("grade_bands",), tables, "grade_bands")
    for k, table in enumerate(tables):
        yield from check_source(f, ("grade_bands", k), table, "grade_bands", context)
        yield from _check_bands(f, k, table.get("bands") or [])
    total = head.get("total")
    parts = [s.get("max_points") or 0 for s in (head.get("sections") or {}).values()]
    if isinstance(total, (int, float)) and round(sum(parts) * _HUNDREDTHS) != round(total * _HUNDREDTHS):
        yield Problem(
            f.file,
            f.line("sections"),
            name,
            f"các mục cộng lại {_points(sum(parts))} điểm, khác tổng {_points(total)}",
            "Sửa max_points của mục",
        )


def _check_bands(f: Located, table: int, bands: list[Any]) -> Iterator[Problem]:
    """Best first; each band starts where the one above it ends; open at both ends."""
    path: tuple[Any, ...] = ("grade_bands", table, "bands")
    if not bands:
        yield Problem(f.file, f.line(*path), "grade_bands", "không có mức xếp loại nào", "Bổ sung bands")
        return
    if bands[0].get("below") is not None:
        yield Problem(f.file, f.line(*path, 0), "grade_bands", "mức cao nhất phải có below: null", "Bỏ cận trên")
    if bands[-1].get("from") is not None:
        yield Problem(
            f.file,
            f.line(*path, len(bands) - 1),
            "grade_bands",
            "mức thấp nhất phải có from: null",
            "Bỏ cận dưới",
        )
    for k in range(1, len(bands)):
        upper, lower = bands[k - 1], bands[k]
        if lower.get("below") != upper.get("from"):
            what = (
                f"mức «{lower.get('grade')}» dưới {_points(lower.get('below'))} nhưng "
                f"mức «{upper.get('grade')}» từ {_points(upper.get('from'))}: có khoảng hở hoặc chồng nhau"
            )
            yield Problem(f.file, f.line(*path, k), "grade_bands", what, "Cho hai ngưỡng bằng nhau")
    for k, band in enumerate(bands):
        low, high = band.get("from"), band.get("below")
        if low is not None and high is not None and low >= high:
            yield Problem(f.file, f.line(*path, k), "grade_bands", f"mức «{band.get('grade')}» rỗng", "Đặt from < below")


def _check_targets(f: Located, context: Context) -> Iterator[Problem]:
    for name, entry in f.data.items():
        levels = (entry.get("levels") if isinstance(entry, dict) else None) or {}
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


def _check_sections(head: Located, files: list[Located], context: Context) -> Iterator[Problem]:
    seen: dict[str, str] = {}
    criteria: list[tuple[Located, str, dict[str, Any]]] = []
    for f in files:
        for code, entry in f.data.items():
            if code in seen:
                yield Problem(f.file, f.line(code), code, f"mã đã có ở {seen[code]}", "Đổi mã hoặc xóa một nơi")
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
    yield from _check_sums(head, criteria)


def _check_sums(head: Located, criteria: list[tuple[Located, str, dict[str, Any]]]) -> Iterator[Problem]:
    """On every day on which something changes, each section and the whole add up to the legal maximum."""
    base = [(f, code, e) for f, code, e in criteria if e.get("kind", "base") == "base"]
    days = sorted({str(v.get("in_force_from")) for _, _, e in base for v in e["versions"] if isinstance(v, dict)})
    sections = head.data.get("sections") or {}
    reported: set[str] = set()
    for day in days:
        sums: dict[str, float] = {}
        first: dict[str, tuple[Located, str]] = {}
        for f, code, entry in base:
            now = [v for v in entry["versions"] if isinstance(v, dict) and str(v.get("in_force_from")) <= day]
            points = now[-1].get("max_points") if now else None
            section = code.rsplit(".", 1)[0]
            first.setdefault(section, (f, code))
            if isinstance(points, (int, float)):
                sums[section] = sums.get(section, 0.0) + points
        for section, (f, code) in first.items():
            legal = (sections.get(section) or {}).get("max_points")
            got = sums.get(section, 0.0)
            differs = legal is not None and round(got * _HUNDREDTHS) != round(legal * _HUNDREDTHS)
            if differs and section not in reported:
                reported.add(section)
                what = f"từ {day} các tiêu chí cộng lại {_points(got)} điểm, khác {_points(legal)} điểm của mục"
                yield Problem(f.file, f.line(code), f"Mục {section}", what, "Sửa max_points cho khớp văn bản")
    for section, entry in sections.items():
        if (entry.get("max_points") or 0) > 0 and not any(c.rsplit(".", 1)[0] == section for _, c, _ in base):
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


def _check_notice(f: Located, context: Context, targets: set[str], codes: set[str], grades: set[str]) -> Iterator[Problem]:
    if f.data.get("notice") not in context.instruments:
        yield Problem(f.file, f.line("notice"), "notice", "văn bản không có trong instruments.yaml", "Khai báo văn bản")
    for code, entry in (f.data.get("commitments") or {}).items():
        path = ("commitments", code)
        value = entry.get("value")
        target = value.get("target") if isinstance(value, dict) else None
        checks = [
            (entry.get("op") in OPERATORS, "op", "op không hợp lệ"),
            (bool(entry.get("paragraph")), "paragraph", "thiếu khoản nguồn (paragraph)"),
            (entry.get("provenance") in PROVENANCES, "provenance", "provenance không hợp lệ"),
            (
                target is None or target in targets,
                "value",
                f"chỉ tiêu «{target}» không có trong targets.yaml",
            ),
            (entry.get("kind") in ("measure", "declared", "grade"), "kind", "kind không hợp lệ"),
            (
                entry.get("kind") != "measure" or entry.get("measure") in context.measures,
                "measure",
                f"số đo «{entry.get('measure')}» không có trong measures.yaml",
            ),
            (
                entry.get("kind") != "declared" or entry.get("criterion") in codes,
                "criterion",
                f"tiêu chí «{entry.get('criterion')}» không có",
            ),
            (
                entry.get("kind") != "grade" or value in grades,
                "value",
                f"mức «{value}» không có trong grade_bands",
            ),
        ]
        for good, key, what in checks:
            if not good:
                yield Problem(f.file, f.line(*path, key), code, what, "Sửa theo thông báo gốc")


def _points(value: Any) -> str:
    return "?" if value is None else f"{value:g}".replace(".", ",")


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
