"""Checks of one rule: its parameters, its figures, and whether it can be used on the criterion's kind of value."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from criteria.lint_shared import Context, Problem, is_number, points_text
from criteria.rule_specs import OPERATORS, RULE_SPECS, TAKES
from criteria.yaml_lines import Located

_KINDS = {"yes_no": "có/không", "share": "tỷ lệ", "count": "số lượng", "level": "mức"}
Keys = tuple[Any, ...]


def check_rule(
    f: Located, code: str, path: Keys, entry: dict[str, Any], rule: tuple[str, dict[str, Any], float], context: Context
) -> Iterator[Problem]:
    """Every problem of one rule (family, parameters, maximum points) of a criterion; `path` leads to its parameters."""
    family, params, points = rule
    spec = RULE_SPECS[family]
    for name in params:
        if name not in spec:
            yield Problem(f.file, f.line(*path, name), code, f"tham số «{name}» không có ở {family}", "Xóa hoặc sửa chính tả")
    for name, param in spec.items():
        if name not in params:
            if param.required:
                yield Problem(f.file, f.line(*path), code, f"{family} thiếu tham số {name}", "Bổ sung")
            continue
        for what in _param_faults(param.kind, params[name], points, context):
            yield Problem(f.file, f.line(*path, name), code, f"{family}.{name}: {what}", "Sửa tham số")
    for what in _faults_together(family, params, points, entry):
        yield Problem(f.file, f.line(*path), code, what, "Sửa tham số")
    kind = value_kind(entry, context)
    if kind and family in TAKES and kind not in TAKES[family]:
        wanted = ", ".join(_KINDS[k] for k in TAKES[family])
        what = f"{family} không dùng được cho giá trị là {_KINDS[kind]} (chỉ cho {wanted})"
        yield Problem(f.file, f.line(*path), code, what, "Đổi cách tính, hoặc sửa measure, declared")
    if kind == "share":
        yield from _check_scale(f, code, path, params)
    if family == "compound_steps":
        yield from _check_conditions(f, code, path, entry, params, context)


def value_kind(entry: dict[str, Any], context: Context) -> str | None:
    """yes_no, share, count or level; None for several inputs and for an input that is not known."""
    if entry.get("inputs"):
        return None
    declared = {"days": "count"}.get(str(entry.get("declared")), entry.get("declared"))
    if declared:
        return declared if declared in _KINDS else None
    measure = context.measures.get(str(entry.get("measure")))
    unit = measure.get("unit") if isinstance(measure, dict) else None
    if unit == "count":
        return "count" if entry.get("out_of") is None else "share"
    return "share" if unit == "share" or entry.get("unit") == "share" else None


def _faults_together(family: str, params: dict[str, Any], points: float, entry: dict[str, Any]) -> Iterator[str]:
    """What is wrong between two parameters, or between one and the criterion."""

    def both(low: str, high: str, default: tuple[float | None, float | None] = (None, None)) -> tuple[float, float] | None:
        a, b = params.get(low, default[0]), params.get(high, default[1])
        return (a, b) if is_number(a) and is_number(b) else None

    if (pair := both("full_below", "zero_at")) and pair[0] >= pair[1]:
        yield "full_below phải nhỏ hơn zero_at"
    if family == "plan_completion" and (pair := both("ratio_from", "full_at", (0.8, 1.0))) and pair[0] > pair[1]:
        yield "ratio_from không được lớn hơn full_at"
    if is_number(floor := params.get("floor")) and not 0 <= floor < points:
        yield f"floor «{points_text(floor)}» phải từ 0 đến dưới max_points {points_text(points)}"
    if is_number(rest := params.get("otherwise")):
        listed = params.get("steps", params.get("levels"))
        awards = (
            [a for s in listed if isinstance(s, dict) and is_number(a := s.get("points"))] if isinstance(listed, list) else []
        )
        if not 0 <= rest <= min(awards, default=points):
            yield f"otherwise «{points_text(rest)}» phải từ 0 đến điểm của bậc thấp nhất"
    levels, shares = entry.get("levels"), params.get("shares")
    if family == "graded_share" and isinstance(levels, list) and isinstance(shares, list) and len(levels) != len(shares):
        yield f"có {len(levels)} mức trong levels nhưng {len(shares)} tỷ lệ trong shares"
    if family == "breach" and isinstance(levels, list) and len(levels) != 3:
        yield f"breach cần đúng 3 mức trong levels: không, nhẹ, nghiêm trọng (đang có {len(levels)})"
    wanted = {"bonus": 1, "penalty": -1}.get(str(entry.get("kind")))
    if family == "bonus_penalty" and wanted and params.get("sign", 1) != wanted:
        yield f"kind: {entry['kind']} phải có sign: {wanted}"


def _check_scale(f: Located, code: str, path: Keys, params: dict[str, Any]) -> Iterator[Problem]:
    """A share is compared with a share: 80 where 0.8 is meant would give nearly nothing to everybody."""
    steps = params.get("steps")
    edges = (
        [edge for s in steps if isinstance(s, dict) for edge in (s.get("from"), s.get("upto"))] if isinstance(steps, list) else []
    )
    single = [(name, params.get(name)) for name in ("target", "full_at", "at_least")]
    for name, value in [*single, *(("steps", edge) for edge in edges)]:
        if is_number(value) and value > 1:
            what = f"{name} «{value:g}» lớn hơn 1 trong khi giá trị là tỷ lệ"
            yield Problem(f.file, f.line(*path, name), code, what, "Ghi dạng 0.8 = 80 %")


def _check_conditions(
    f: Located, code: str, path: Keys, entry: dict[str, Any], params: dict[str, Any], context: Context
) -> Iterator[Problem]:
    """Each condition names an input of the criterion, or `declared` when it is declared as well; each input is used."""
    inputs = entry.get("inputs")
    sources = inputs if isinstance(inputs, dict) else {}
    known = [*sources, *(["declared"] if entry.get("declared") else [])]
    levels = params.get("levels")
    listed = [level for level in levels if isinstance(level, dict)] if isinstance(levels, list) else []
    conditions = [c for level in listed if isinstance(level.get("all"), list) for c in level["all"] if isinstance(c, dict)]
    used = {c.get("input") for c in conditions}
    for name in sorted(str(u) for u in used - set(known)):
        what = f"điều kiện dùng «{name}» không có trong inputs"
        yield Problem(f.file, f.line(*path), code, what, f"Chọn {', '.join(known) or 'không có inputs'}")
    for name in known:
        if conditions and name not in used:
            yield Problem(f.file, f.line(*path), code, f"«{name}» không dùng trong điều kiện nào", "Dùng hoặc xóa")
    for c in conditions:
        alone = {"declared": entry.get("declared")} if c.get("input") == "declared" else {"measure": sources.get(c.get("input"))}
        if value_kind(alone, context) == "share" and is_number(c.get("value")) and c["value"] > 1:
            what = f"điều kiện «{c['input']}» so với {c['value']:g}, lớn hơn 1 trong khi giá trị là tỷ lệ"
            yield Problem(f.file, f.line(*path), code, what, "Ghi dạng 0.8 = 80 %")


def _param_faults(kind: str, value: Any, points: float, context: Context) -> Iterator[str]:
    if isinstance(value, dict) and set(value) == {"target"}:
        if value["target"] not in context.targets:
            yield f"chỉ tiêu «{value['target']}» không có trong targets.yaml"
        return
    if kind in ("number", "positive", "share"):
        if not is_number(value):
            yield f"«{value}» không phải số"
        elif kind == "positive" and value <= 0:
            yield f"«{value}» phải lớn hơn 0"
        elif kind == "share" and not 0 <= value <= 1:
            yield f"«{value}» phải trong khoảng 0–1"
    elif kind == "sign":
        if value not in (1, -1):
            yield f"«{value}» phải là 1 hoặc -1"
    elif kind == "shares":
        yield from _share_faults(value)
    elif kind == "levels":
        yield from _level_faults(value, points, context)
    else:
        yield from _step_faults("from" if kind == "steps_from" else "upto", value, points)


def _share_faults(value: Any) -> Iterator[str]:
    if not isinstance(value, list) or not value or any(not is_number(s) or not 0 <= s <= 1 for s in value):
        yield "phải là danh sách tỷ lệ trong khoảng 0–1"
        return
    if value != sorted(value):
        yield "các tỷ lệ phải xếp tăng dần, từ mức kém nhất đến mức tốt nhất"
    elif value[-1] != 1:
        yield "mức tốt nhất phải là 1 (đủ điểm)"


def _step_faults(edge: str, value: Any, points: float) -> Iterator[str]:
    listed = value if isinstance(value, list) else []
    if not listed or any(not isinstance(s, dict) or set(s) != {edge, "points"} for s in listed):
        yield f"mỗi bậc phải là {{{edge}, points}}"
        return
    if wrong := [v for s in listed for v in s.values() if not is_number(v)]:
        yield f"«{wrong[0]}» không phải số; không ngoặc kép, dấu thập phân là dấu chấm, 90 % ghi 0.9"
        return
    edges, awards = [s[edge] for s in listed], [s["points"] for s in listed]
    if edges != sorted(set(edges), reverse=edge == "from"):
        yield "các bậc phải xếp từ tốt nhất đến kém nhất, không trùng ngưỡng"
    yield from _award_faults(awards)
    if max(awards) != points:
        yield f"bậc cao nhất {max(awards):g} điểm khác max_points {points:g}"


def _level_faults(value: Any, points: float, context: Context) -> Iterator[str]:
    if not isinstance(value, list) or not value:
        yield "phải là danh sách bậc"
        return
    for level in value:
        conditions = level.get("all") if isinstance(level, dict) else None
        listed = conditions if isinstance(conditions, list) else []
        if not listed or any(not isinstance(c, dict) or c.get("op") not in OPERATORS for c in listed):
            yield f"mỗi bậc cần points và all: [{{input, op, value}}], op là {', '.join(OPERATORS)}"
            return
        for c in listed:
            yield from _param_faults("number", c.get("value"), points, context)
    awards = [level.get("points") for level in value]
    if wrong := [a for a in awards if not is_number(a)]:
        yield f"points «{wrong[0]}» không phải số; không ngoặc kép, dấu thập phân là dấu chấm"
        return
    yield from _award_faults(awards)
    if max(awards) != points:
        yield f"bậc cao nhất khác max_points {points:g}"


def _award_faults(awards: Sequence[float]) -> Iterator[str]:
    if list(awards) != sorted(awards, reverse=True):
        yield "điểm các bậc phải giảm dần"
    if min(awards) < 0:
        yield "điểm của bậc không được âm"
