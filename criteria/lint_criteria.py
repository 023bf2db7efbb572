"""Checks of one criterion: its fields, its input, its rule and the rule's numbers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any, Final

from criteria.lint_shared import Context, Problem, check_source, check_versions, is_number, remedy_near
from criteria.model import DECLARED_KINDS, DIRECTIONS, KINDS, NO_DATA, ZERO_DENOMINATOR
from criteria.rule_specs import HIGHER_IS_BETTER, LOWER_IS_BETTER, OPERATORS, RULE_SPECS
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
    yield from _check_params(f, code, (*path, "rule", family), family, params or {}, points, context)
    yield from _check_target_days(f, code, path, version, context)
    if _is_share(entry, context):
        yield from _check_scale(f, code, (*path, "rule", family), params or {})
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
    if family == "compound_steps":
        yield from _check_conditions(f, code, (*path, "rule", family), entry, params or {})


def _check_conditions(
    f: Located, code: str, path: tuple[Any, ...], entry: dict[str, Any], params: dict[str, Any]
) -> Iterator[Problem]:
    """Each condition names an input of the criterion, or `declared` when it is declared as well; each input is used."""
    known = [*(entry.get("inputs") or {}), *(["declared"] if entry.get("declared") else [])]
    levels = params.get("levels")
    listed = [level for level in levels if isinstance(level, dict)] if isinstance(levels, list) else []
    conditions = [c for level in listed for c in level.get("all") or []]
    used = {c.get("input") for c in conditions if isinstance(c, dict)}
    for name in sorted(str(u) for u in used - set(known)):
        what = f"điều kiện dùng «{name}» không có trong inputs"
        yield Problem(f.file, f.line(*path), code, what, f"Chọn {', '.join(known) or 'không có inputs'}")
    for name in known:
        if conditions and name not in used:
            yield Problem(f.file, f.line(*path), code, f"«{name}» không dùng trong điều kiện nào", "Dùng hoặc xóa")


def _is_share(entry: dict[str, Any], context: Context) -> bool:
    """Whether the criterion's value is a share, by its measure or by what is declared."""
    measure = context.measures.get(str(entry.get("measure")))
    counted = isinstance(measure, dict) and measure.get("unit") == "share"
    said = entry.get("unit") == "share" or entry.get("declared") == "share"
    return counted or (said and not entry.get("inputs"))


def _check_scale(f: Located, code: str, path: tuple[Any, ...], params: dict[str, Any]) -> Iterator[Problem]:
    """A share is compared with a share: 80 where 0.8 is meant would give nearly nothing to everybody."""
    steps = params.get("steps")
    edges = (
        [edge for s in steps if isinstance(s, dict) for edge in (s.get("from"), s.get("upto"))] if isinstance(steps, list) else []
    )
    named = [("target", params.get("target")), ("full_at", params.get("full_at")), *(("steps", edge) for edge in edges)]
    for name, value in named:
        if is_number(value) and value > 1:
            what = f"{name} «{value:g}» lớn hơn 1 trong khi giá trị là tỷ lệ"
            yield Problem(f.file, f.line(*path, name), code, what, "Ghi dạng 0.8 = 80 %")


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


def _check_params(
    f: Located,
    code: str,
    path: tuple[Any, ...],
    family: str,
    params: dict[str, Any],
    points: float,
    context: Context,
) -> Iterator[Problem]:
    spec = RULE_SPECS[family]
    for name in params:
        if name not in spec:
            yield Problem(
                f.file,
                f.line(*path, name),
                code,
                f"tham số «{name}» không có ở {family}",
                "Xóa hoặc sửa chính tả",
            )
    for name, param in spec.items():
        if name not in params:
            if param.required:
                yield Problem(f.file, f.line(*path), code, f"{family} thiếu tham số {name}", "Bổ sung")
            continue
        for what in _param_faults(param.kind, params[name], points, context):
            yield Problem(f.file, f.line(*path, name), code, f"{family}.{name}: {what}", "Sửa tham số")
    low, high = params.get("full_below"), params.get("zero_at")
    if isinstance(low, (int, float)) and isinstance(high, (int, float)) and low >= high:
        yield Problem(f.file, f.line(*path), code, "full_below phải nhỏ hơn zero_at", "Sửa tham số")


def _param_faults(kind: str, value: Any, points: float, context: Context) -> Iterator[str]:
    if isinstance(value, dict) and set(value) == {"target"}:
        if value["target"] not in context.targets:
            yield f"chỉ tiêu «{value['target']}» không có trong targets.yaml"
        return
    if kind in ("number", "positive", "share"):
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not number:
            yield f"«{value}» không phải số"
        elif kind == "positive" and value <= 0:
            yield f"«{value}» phải lớn hơn 0"
        elif kind == "share" and not 0 <= value <= 1:
            yield f"«{value}» phải trong khoảng 0–1"
    elif kind == "sign":
        if value not in (1, -1):
            yield f"«{value}» phải là 1 hoặc -1"
    elif kind == "shares":
        if not isinstance(value, list) or any(not 0 <= s <= 1 for s in value):
            yield "phải là danh sách tỷ lệ trong khoảng 0–1"
    elif kind == "levels":
        yield from _level_faults(value, points)
    else:
        yield from _step_faults("from" if kind == "steps_from" else "upto", value, points)


def _step_faults(edge: str, value: Any, points: float) -> Iterator[str]:
    if not isinstance(value, list) or any(not isinstance(s, dict) or set(s) != {edge, "points"} for s in value):
        yield f"mỗi bậc phải là {{{edge}, points}}"
        return
    edges, awards = [s[edge] for s in value], [s["points"] for s in value]
    ascending = edge == "upto"
    if edges != sorted(set(edges), reverse=not ascending):
        yield "các bậc phải xếp từ tốt nhất đến kém nhất, không trùng ngưỡng"
    if awards != sorted(awards, reverse=True):
        yield "điểm các bậc phải giảm dần"
    if awards and max(awards) != points:
        yield f"bậc cao nhất {max(awards):g} điểm khác max_points {points:g}"


def _level_faults(value: Any, points: float) -> Iterator[str]:
    if not isinstance(value, list) or not value:
        yield "phải là danh sách bậc"
        return
    for level in value:
        conditions = level.get("all") if isinstance(level, dict) else None
        if not conditions or any(c.get("op") not in OPERATORS for c in conditions):
            yield f"mỗi bậc cần points và all: [{{input, op, value}}], op là {', '.join(OPERATORS)}"
            return
    if max(level.get("points", 0) for level in value) != points:
        yield f"bậc cao nhất khác max_points {points:g}"
