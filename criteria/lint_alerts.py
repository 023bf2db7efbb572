"""Checks of the rules of alerts: a rule that could never fire, or that cites a text nobody has seen, is a problem."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from criteria.alerts import entry_problems
from criteria.lint_shared import Context, Problem, check_source, remedy_near
from criteria.yaml_lines import Located

_REMEDY = "Sửa theo docs/alerts.md"


def check_alerts(f: Located, context: Context, targets: Collection[str]) -> Iterator[Problem]:
    """Every problem of alerts.yaml; `targets`: what the default set defines."""
    for name, entry in f.data.items():
        if not isinstance(entry, dict):
            yield Problem(f.file, f.line(name), str(name), "phải là một danh mục", _REMEDY)
            continue
        for field, what in entry_problems(entry):
            yield Problem(f.file, f.line(name, field), str(name), what, _REMEDY)
        yield from _references(f, str(name), entry, context, targets)


def _references(f: Located, name: str, entry: dict[str, Any], context: Context, targets: Collection[str]) -> Iterator[Problem]:
    """What an entry names must exist; an official duty has a text that was seen."""
    measure, threshold = entry.get("measure"), entry.get("threshold")
    if measure is not None and (context.measures.get(str(measure)) or {}).get("unit") != "share":
        what = f"số đo «{measure}» không có trong measures.yaml hoặc không phải tỷ lệ"
        yield Problem(f.file, f.line(name, "measure"), name, what, remedy_near(measure, context.measures, "Chọn một tỷ lệ"))
    target = threshold.get("target") if isinstance(threshold, dict) else None
    if target is not None and target not in targets:
        what = f"chỉ tiêu «{target}» không có trong targets.yaml"
        yield Problem(f.file, f.line(name, "threshold"), name, what, remedy_near(target, targets, "Khai báo chỉ tiêu"))
    if entry.get("source") is not None or entry.get("provenance") == "official":
        yield from check_source(f, (name,), entry, name, context)
