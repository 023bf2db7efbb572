"""Checks of one criterion: its fields, its input, its rule and the rule's numbers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any, Final

from criteria.lint_rules import check_rule
from criteria.lint_shared import Context, Problem, check_source, check_versions, is_number, remedy_near
from criteria.model import DECLARED_KINDS, DIRECTIONS, KINDS, NO_DATA, ZERO_DENOMINATOR
from criteria.rule_specs import HIGHER_IS_BETTER, LOWER_IS_BETTER, RULE_SPECS
from criteria.yaml_lines import Located

REQUIRED: Final = ("label", "unit", "direction", "no_data", "owner", "versions")
OPTIONAL: Final = (
    "kind measure declared inputs zero_denominator out_of levels measure_args".split()
)  # exactly one of measure, declared, inputs; compound_steps may join declared to its inputs
VERSION_FIELDS: Final = ("in_force_from", "max_points", "rule", "source", "provenance")


def check_criterion(f: Located, code: str, entry: Any, context: Context) -> Iterator[Problem]:
    """Every problem of one criterion."""
    if not isinstance(entry, dict):
        yield Problem(f.file, f.line(code), code, "phải là một danh mục", "Xem bộ mẫu")
        return
    for key in REQUIRED:
        if not entry.get(key):
            yield Problem(f.file, f.line(code), code, f"thiếu mục {key}", "Bổ sung")
    for key in entry:
        if key not in REQUIRED and key not in OPTIONAL:
            yield Problem(f.file, f.line(code, key), code, f"mục «{key}» không có nghĩa", "Xóa hoặc sửa chính tả")
    yield from _check_choices(f, code, entry)
    yield from _check_input(f, code, entry, context)
    versions = entry.get("versions")
    yield from check_versions(f, (code, "versions"), versions, code)
    for k, version in enumerate(versions if isinstance(versions, list) else []):
        path = (code, "versions", k)
        yield from check_source(f, path, version, code, context)
        if isinstance(version, dict):
            yield from _check_version(f, code, path, entry, version, context)


def _check_choices(f: Located, code: str, entry: dict[str, Any]) -> Iterator[Problem]:
    choices = {
        "direction": DIRECTIONS,
        "no_data": NO_DATA,
        "kind": KINDS,
        "declared": DECLARED_KINDS,
        "zero_denominator": ZERO_DENOMINATOR,
    }
    for key, allowed in choices.items():
        if entry.get(key) is not None and entry[key] not in allowed:
            yield Problem(
                f.file,
                f.line(code, key),
                code,
                f"{key} «{entry[key]}» không hợp lệ",
                f"Chọn {', '.join(allowed)}",
            )


def _check_input(f: Located, code: str, entry: dict[str, Any], context: Context) -> Iterator[Problem]:
    given = [k for k in ("measure", "declared", "inputs") if entry.get(k)]
    if len(given) != 1 and given != ["declared", "inputs"]:
        found = ", ".join(given) or "không có"
        yield Problem(
            f.file,
            f.line(code),
            code,
            f"phải có đúng một trong measure, declared, inputs (đang có: {found})",
            "Giữ lại một",
        )
    inputs = entry.get("inputs") or {}
    for name in [entry["measure"]] if entry.get("measure") else list(inputs.values()):
        if name not in context.measures:
            yield Problem(
                f.file,
                f.line(code, "measure"),
                code,
                f"số đo «{name}» không có trong measures.yaml",
                remedy_near(name, context.measures, "Sửa tên hoặc khai báo số đo"),
            )
    if "declared" in inputs:
        what = "tên «declared» dành cho giá trị kê khai"
        yield Problem(f.file, f.line(code, "inputs"), code, what, "Đổi tên trong inputs")
    if entry.get("declared") == "level" and not entry.get("levels"):
        yield Problem(f.file, f.line(code), code, "declared: level mà thiếu levels", "Liệt kê tên các mức")
    yield from _check_unit(f, code, entry, context)


def _check_unit(f: Located, code: str, entry: dict[str, Any], context: Context) -> Iterator[Problem]:
    """What is said about the value agrees with its measure: share or count, what a count is out of, what narrows it."""
    measure = context.measures.get(str(entry.get("measure")))
    counted = isinstance(measure, dict) and measure.get("unit") == "count"
    if counted and entry.get("unit") == "share":
        what = f"unit: share nhưng số đo «{entry['measure']}» là số đếm"
        yield Problem(f.file, f.line(code, "unit"), code, what, "Ghi đơn vị của số đếm, hoặc dùng số đo tỷ lệ")
    out_of = entry.get("out_of")
    if out_of is not None and not (counted and is_number(out_of) and out_of > 0):
        what = f"out_of «{out_of}» chỉ dùng cho số đo là số đếm và phải lớn hơn 0"
        yield Problem(f.file, f.line(code, "out_of"), code, what, "Sửa số, hoặc xóa mục này")
    given = entry.get("measure_args")
    if given is None:
        return
    programme = given.get("programme") if isinstance(given, dict) and set(given) == {"programme"} else None
    if entry.get("measure") != "task_on_time" or not isinstance(programme, str):
        what = "measure_args chỉ dùng cho task_on_time, ghi {programme: tên chương trình}"
        yield Problem(f.file, f.line(code, "measure_args"), code, what, "Sửa hoặc xóa mục này")


def _check_version(
    f: Located,
    code: str,
    path: tuple[Any, ...],
    entry: dict[str, Any],
    version: dict[str, Any],
    context: Context,
) -> Iterator[Problem]:
    for key in version:
        if key not in VERSION_FIELDS:
            yield Problem(f.file, f.line(*path, key), code, f"mục «{key}» không có nghĩa", "Xóa hoặc sửa chính tả")
    rule, points = version.get("rule"), version.get("max_points")
    if rule is None and points is None and "rule" in version:
        return  # repealed from this day
    if not is_number(points) or points <= 0:
        yield Problem(
            f.file,
            f.line(*path, "max_points"),
            code,
            f"max_points «{points}» phải là số dương",
            "Ghi điểm tối đa" + ("; không ngoặc kép, dấu thập phân là dấu chấm" if isinstance(points, str) else ""),
        )
        return
    if round(points * 100) != points * 100:
        yield Problem(
            f.file,
            f.line(*path, "max_points"),
            code,
            f"max_points {points} quá 2 chữ số thập phân",
            "Làm tròn",
        )
    if not isinstance(rule, dict) or len(rule) != 1:
        yield Problem(f.file, f.line(*path, "rule"), code, "thiếu cách tính (rule)", "Ghi rule: {tên: {tham số}}")
        return
    family, params = next(iter(rule.items()))
    if family not in RULE_SPECS:
        yield Problem(
            f.file,
            f.line(*path, "rule"),
            code,
            f"cách tính «{family}» không có",
            remedy_near(family, RULE_SPECS, f"Chọn {', '.join(RULE_SPECS)}"),
        )
        return
    if params is not None and not isinstance(params, dict):
        yield Problem(f.file, f.line(*path, "rule"), code, f"tham số của {family} phải là danh mục", "Ghi {tên: giá trị}")
        return
    yield from check_rule(f, code, (*path, "rule", family), entry, (family, params or {}, points), context)
    yield from _check_target_days(f, code, path, version, context)
    wrong = (family in HIGHER_IS_BETTER and entry.get("direction") == "lower") or (
        family in LOWER_IS_BETTER and entry.get("direction") == "higher"
    )
    if wrong:
        yield Problem(
            f.file,
            f.line(code, "direction"),
            code,
            f"direction ngược với cách tính {family}",
            "Sửa direction",
        )
    outside = entry.get("kind", "base") != "base"
    if outside != (family == "bonus_penalty"):
        yield Problem(
            f.file,
            f.line(*path, "rule"),
            code,
            "bonus_penalty chỉ dùng cho kind bonus hoặc penalty",
            "Sửa kind",
        )
    if (family == "compound_steps") != bool(entry.get("inputs")):
        yield Problem(f.file, f.line(code), code, "compound_steps đi cùng inputs", "Khai báo inputs")


def _check_target_days(
    f: Located, code: str, path: tuple[Any, ...], version: dict[str, Any], context: Context
) -> Iterator[Problem]:
    """A target must say something from the first day on which a rule asks for it, or that day can't be scored."""
    for name in sorted(set(_targets_in(version["rule"]))):
        entry = context.targets.get(name)
        levels = (entry.get("levels") if isinstance(entry, dict) else None) or {}
        known = levels.get(context.level)
        entries = known if isinstance(known, list) else []
        days = [day for v in entries if isinstance(v, dict) and isinstance(day := v.get("in_force_from"), date)]
        start = version.get("in_force_from")
        if days and isinstance(start, date) and min(days) > start:
            what = f"dùng chỉ tiêu «{name}» từ {start.isoformat()} nhưng chỉ tiêu chỉ có từ {min(days).isoformat()}"
            yield Problem(f.file, f.line(*path, "rule"), code, what, "Thêm một giá trị từ ngày sớm hơn trong targets.yaml")


def _targets_in(value: Any) -> Iterator[str]:
    """The names under every {target: name}."""
    if isinstance(value, dict):
        if set(value) == {"target"} and isinstance(value["target"], str):
            yield value["target"]
        else:
            for entry in value.values():
                yield from _targets_in(entry)
    elif isinstance(value, list):
        for entry in value:
            yield from _targets_in(entry)
