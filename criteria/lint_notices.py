"""Checks of a notice: a commitment that could never be judged, or is judged against nothing, is a problem."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from criteria.lint_shared import Context, Problem
from criteria.loader import DEFAULT_SET
from criteria.model import PROVENANCES
from criteria.registers import COMMITMENT_KINDS, PACES
from criteria.rule_specs import OPERATORS
from criteria.yaml_lines import Located

_FIELDS = frozenset(
    "label kind measure measure_args criterion declaration op value pace paragraph deadline owner provenance".split()
)
_REMEDY = "Sửa theo thông báo gốc"
_Check = tuple[bool, str, str]


@dataclass
class Names:
    """What a criteria set offers to the commitments that refer to it."""

    targets: set[str] = field(default_factory=set)
    codes: set[str] = field(default_factory=set)
    grades: set[str] = field(default_factory=set)


def check_notice(f: Located, context: Context, sets: Mapping[str, Names]) -> Iterator[Problem]:
    """Every problem of one notice; `sets`: what each known criteria set defines."""
    data, notice = f.data, f.data.get("notice")
    year, chosen = data.get("year"), str(data.get("criteria") or DEFAULT_SET)
    own = isinstance(notice, dict)
    head: list[_Check] = [
        (own or notice in context.instruments, "notice", "văn bản không có trong instruments.yaml"),
        (not own or bool(notice.get("issuer")), "notice", "thiếu issuer của văn bản"),
        (not own or bool(notice.get("number") or notice.get("title")), "notice", "thiếu cả number và title của văn bản"),
        (isinstance(data.get("unit"), str) and bool(data.get("unit")), "unit", "thiếu unit (mã đơn vị, viết trong dấu nháy)"),
        (type(year) is int, "year", f"year «{year}» không phải năm"),
        (chosen in sets, "criteria", f"không có bộ tiêu chí «{chosen}»"),
        (bool(data.get("commitments")), "commitments", "không có cam kết nào"),
    ]
    for good, key, what in head:
        if not good:
            yield Problem(
                f.file, f.line(key) if key in data else 1, key, what, "Khai báo văn bản" if key == "notice" else _REMEDY
            )
    names = sets.get(chosen)
    for code, entry in (data.get("commitments") or {}).items():
        path = ("commitments", code)
        if not isinstance(entry, dict):
            yield Problem(f.file, f.line(*path), str(code), "phải là một danh mục", "Xem docs/commitments.md")
            continue
        checks = [*_fields(entry, year), *_input(entry, context, names), *_threshold(entry, names), *_pace(entry, context)]
        for good, key, what in checks:
            if not good:
                yield Problem(f.file, f.line(*path, key), str(code), what, _REMEDY)


def _fields(entry: Mapping[str, Any], year: Any) -> list[_Check]:
    deadline, unknown = entry.get("deadline"), sorted(set(entry) - _FIELDS)
    outside = isinstance(deadline, date) and type(year) is int and deadline.year != year
    return [
        (not unknown, unknown[0] if unknown else "", f"không có trường «{', '.join(unknown)}»"),
        (bool(entry.get("label")), "label", "thiếu tên cam kết (label)"),
        (entry.get("kind") in COMMITMENT_KINDS, "kind", "kind không hợp lệ"),
        (entry.get("op") in OPERATORS, "op", "op không hợp lệ"),
        (bool(entry.get("paragraph")), "paragraph", "thiếu khoản nguồn (paragraph)"),
        (bool(entry.get("owner")), "owner", "thiếu bộ phận phụ trách (owner)"),
        (entry.get("provenance") in PROVENANCES, "provenance", "provenance không hợp lệ"),
        (isinstance(deadline, date), "deadline", f"deadline «{deadline}» không phải ngày"),
        (not outside, "deadline", f"deadline «{deadline}» ngoài năm {year}"),
    ]


def _input(entry: Mapping[str, Any], context: Context, names: Names | None) -> list[_Check]:
    kind, measure = entry.get("kind"), entry.get("measure")
    criterion, declaration = entry.get("criterion"), entry.get("declaration")
    needs = kind == "measure" or (kind == "improved" and measure is not None)
    known, codes = measure in context.measures, names.codes if names else {criterion}
    unit = (context.measures.get(str(measure)) or {}).get("unit") if known else None
    programme = set(entry.get("measure_args") or {}) <= {"programme"}
    return [
        (not needs or known, "measure", f"số đo «{measure}» không có trong measures.yaml"),
        (kind != "improved" or not known or unit == "share", "measure", "so với năm trước chỉ dùng số đo là tỷ lệ"),
        (programme, "measure_args", "measure_args chỉ nhận programme"),
        (
            kind != "declared" or (criterion is None) is not (declaration is None),
            "criterion" if criterion else "kind",
            "phải có đúng một trong criterion và declaration",
        ),
        (kind != "declared" or criterion in codes | {None}, "criterion", f"tiêu chí «{criterion}» không có"),
        (
            declaration is None or declaration not in codes,
            "declaration",
            f"mã kê khai «{declaration}» trùng mã tiêu chí; dùng criterion",
        ),
    ]


def _threshold(entry: Mapping[str, Any], names: Names | None) -> list[_Check]:
    kind, value = entry.get("kind"), entry.get("value")
    target = value.get("target") if isinstance(value, dict) else None
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return [
        (
            target is None or names is None or target in names.targets,
            "value",
            f"chỉ tiêu «{target}» không có trong targets.yaml",
        ),
        (
            kind != "grade" or names is None or value in names.grades,
            "value",
            f"mức «{value}» không có trong grade_bands",
        ),
        (kind == "grade" or number or (kind == "measure" and target is not None), "value", f"value «{value}» không phải số"),
        (kind != "declared" or (value == 1 and entry.get("op") == ">="), "value", 'kê khai có/không phải là op ">=", value 1'),
        (kind != "grade" or entry.get("op") in (*OPERATORS[:1], None), "op", 'mức xếp loại chỉ dùng op ">="'),
    ]


def _pace(entry: Mapping[str, Any], context: Context) -> list[_Check]:
    pace, op = entry.get("pace"), entry.get("op")
    unit = (context.measures.get(str(entry.get("measure"))) or {}).get("unit")
    limit = op in ("<=", "<")
    return [
        (pace in PACES, "pace" if "pace" in entry else "kind", f"pace «{pace}» không hợp lệ (chọn {', '.join(PACES)})"),
        (
            pace not in PACES[1:] or entry.get("kind") == "measure",
            "pace",
            f"pace «{pace}» chỉ dùng cho số đo; loại này dùng rate",
        ),
        (
            pace != "cumulative" or (unit in ("count", None) and op in (">=", None)),
            "pace",
            'cumulative chỉ dùng cho số đếm với op ">="',
        ),
        (pace != "every" or not limit or unit in ("count", None), "pace", "every với mức trần chỉ dùng cho số đếm"),
    ]
