"""The checks of a contract: which rules there are, what each needs, and what is wrong with one."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Final

from sources.canonical import Table
from sources.contract_yaml import Mapping
from sources.tabular.text import clean

#: Rules that apply without being written.
IMPLICIT_RULES: Final = ("missing", "unreadable", "not_in_codes", "unknown_unit")
SEVERITIES: Final = ("warn", "quarantine", "reject_file")
#: Rules a contract may name → the keys each needs and may have (besides rule, severity, label).
RULES: Final[dict[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "unique": (("columns",), ()),
    "not_before": (("column", "other"), ()),
    "not_after_received": (("column",), ()),
    "not_more_than": (("column", "other"), ()),
    "sum_of": (("column", "columns"), ()),
    "range": (("column",), ("min", "max")),
    "pattern": (("column", "pattern"), ()),
    "not_null": (("column",), ()),
    "not_null_if": (("column", "other"), ("in", "not_in")),
    "null_if": (("column", "other"), ("in", "not_in")),
}


@dataclass(frozen=True)
class Check:
    """One check of a contract. `id` is stable: the rule and its columns."""

    id: str
    rule: str
    columns: tuple[str, ...]
    severity: str = "quarantine"
    other: str | None = None
    params: dict[str, Any] = field(default_factory=dict)
    label: str = ""

    @property
    def column(self) -> str:
        """The canonical column the check is about (the first one)."""
        return self.columns[0]


def texts_of(value: Any, where: Mapping, key: str) -> tuple[str, ...]:
    """Return a text or list of texts as a tuple of clean texts."""
    items = value if isinstance(value, list) else [value]
    texts = tuple(clean(str(item)) for item in items if item is not None and not isinstance(item, (dict, list)))
    if not texts or len(texts) != len(items) or not all(texts):
        raise where.error(key, f'«{key}» phải là một danh sách chữ, ví dụ ["Số hồ sơ"]')
    return texts


def build_check(spec: Any, columns: dict[str, str], table: Table, owner: Mapping) -> Check:
    """Build one check from its YAML mapping. columns: canonical type of each column that leaves the reader.

    Raises: ContractError.
    """
    if not isinstance(spec, Mapping):
        raise owner.error("checks", "mỗi phép kiểm tra phải có dạng {rule: ..., column: ...}")
    rule = spec.get("rule")
    if rule not in RULES:
        raise spec.error("rule", f"không có phép kiểm tra «{rule}»; dùng một trong: {', '.join(RULES)}")
    need, may = RULES[rule]
    spec.only(("rule", "severity", "label", *need, *may))
    for key in need:
        if key not in spec:
            raise spec.error("rule", f"phép kiểm tra {rule} thiếu «{key}»")
    severity = spec.get("severity", "quarantine")
    if severity not in SEVERITIES:
        raise spec.error("severity", f"mức «{severity}» không có; dùng một trong: {', '.join(SEVERITIES)}")
    subject = [str(spec["column"])] if "column" in spec else []
    listed = list(texts_of(spec["columns"], spec, "columns")) if "columns" in spec else []
    other = str(spec["other"]) if "other" in spec else None
    for name in [*subject, *listed, *([other] if other else [])]:
        known = name in columns or (name == "unit_code" and table.has_unit)
        if not known:
            raise spec.error("rule", f"phép kiểm tra {rule} nhắc cột {name} mà hợp đồng không có trong «columns»")
    params = {key: spec[key] for key in ("min", "max", "pattern") if key in spec}
    for key in ("in", "not_in"):
        if key in spec:
            params[key] = list(texts_of(spec[key], spec, key))
    if rule in ("not_null_if", "null_if") and not {"in", "not_in"} & set(params):
        raise spec.error("rule", f"phép kiểm tra {rule} cần «in» hoặc «not_in»")
    for key in ("min", "max"):
        if key in params and not isinstance(params[key], (int, float)):
            raise spec.error(key, f"«{key}» phải là số")
    if rule == "range" and not params:
        raise spec.error("rule", "phép kiểm tra range cần «min» hoặc «max»")
    if rule == "pattern":
        try:
            re.compile(str(params["pattern"]))
        except re.error as exc:
            raise spec.error("pattern", f"biểu thức «{params['pattern']}» không hợp lệ: {exc.msg}") from None
        params["pattern"] = str(params["pattern"])
        if re.search(r"\(\?[=!<P(]|\\[1-9]", params["pattern"]):
            raise spec.error("pattern", "biểu thức không dùng được phép nhìn trước/sau và tham chiếu ngược")
    named = tuple(subject + listed)
    _require_types(rule, named, other, columns, spec)
    label = str(spec.get("label") or "")
    return Check("__".join((rule, *named, *([other] if other else []))), rule, named, severity, other, params, label)


def _require_types(rule: str, named: tuple[str, ...], other: str | None, columns: dict[str, str], spec: Mapping) -> None:
    """Refuse a check on columns of the wrong kind (a range of texts, a date order of numbers)."""
    wanted = {
        "not_before": {"date", "datetime"}, "not_after_received": {"date", "datetime"},
        "not_more_than": {"integer", "decimal", "percent"}, "sum_of": {"integer", "decimal", "percent"},
        "range": {"integer", "decimal", "percent"}, "pattern": {"text", "code"},
    }.get(rule)  # fmt: skip
    for name in (*named, *([other] if other and rule in ("not_before", "not_more_than") else [])):
        kind = columns.get(name, "text")
        if wanted and kind not in wanted:
            raise spec.error("rule", f"phép kiểm tra {rule} không dùng được cho cột {name} (kiểu {kind})")
