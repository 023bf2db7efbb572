"""What a scenario may be called and may hold: every refusal with its sentence."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flows.steps.home import UserError

if TYPE_CHECKING:
    from criteria.model import ResolvedSet
    from warehouse.database import Transaction


def check_new_name(tx: Transaction, name: str) -> None:
    """Refuse a name that people would take for another one: by case only, or by letters of another script. Raises: UserError."""
    from warehouse import scenarios

    if any(char.isalpha() and not unicodedata.name(char, "").startswith("LATIN") for char in name):
        raise UserError(
            "bad_text", f"Tên phương án «{name}» có chữ lạ trông giống chữ Việt; gõ lại bằng chữ tiếng Việt và chữ số."
        )
    for row in scenarios.listed(tx):
        if row["name"].casefold() == name.casefold():
            raise name_taken(row["name"])


def name_taken(name: str) -> UserError:
    return UserError("name_taken", f"Đã có phương án tên «{name}»; đặt tên khác.")


def check_rules(changed: dict[str, Any], rules: ResolvedSet, content: Mapping[str, Any]) -> None:
    """Judge the criteria that were changed by the checks an analyst's files go through, targets as numbers. Raises: UserError."""
    from pathlib import Path

    from criteria.lint_criteria import check_criterion
    from criteria.lint_shared import Context
    from criteria.yaml_lines import Located
    from scoring.changes import version_on

    context = Context(
        instruments=changed["instruments"], measures=changed["measures"], targets=changed["targets"],
        level=str(changed["set"]["level"]),
    )  # fmt: skip
    names = [key.partition(":")[2] for key in content["changes"] if key.partition(":")[0] in ("rule", "weight")]
    for criterion in rules.criteria:
        code, rule = criterion.code, criterion.rule
        if rule is None or not any(name == code or name.startswith(f"{code}.") for name in names):
            continue
        entry = dict(changed["criteria"][code])
        version = version_on(entry["versions"], rules.day) or {}
        entry["versions"] = [version | {"in_force_from": rules.day, "rule": {rule.family: dict(rule.params)}}]
        for problem in check_criterion(Located(Path("scenario"), {code: entry}), code, entry, context):
            raise UserError("bad_change", f"{problem.where}: {problem.what}. {problem.remedy}.")


def check_hand(rules: ResolvedSet, content: Mapping[str, Any], run: Mapping[str, Any]) -> None:
    """Check what was written about single cells, and whom the criteria are about, against the criteria. Raises: UserError."""
    if rules.subject != run["result"].get("subject", "commune"):
        raise UserError(
            "other_subject",
            f"Bộ tiêu chí {rules.name} không chấm cùng đối tượng (xã, công chức) với lần công bố gốc; chọn bộ khác.",
        )
    known = {c.code: c for c in rules.criteria if c.rule is not None}
    if not known:
        raise UserError(
            "bad_criteria", f"Bộ tiêu chí {rules.name} chưa có tiêu chí nào vào {rules.day:%d/%m/%Y}; chọn ngày khác."
        )
    for key, entry in content["overrides"].items():
        code = key.rpartition("|")[2]
        if code not in known:
            raise UserError(
                "bad_override",
                f"Bộ tiêu chí không có tiêu chí «{code}» để sửa điểm; có: {', '.join(known)}. "
                "Điểm đã sửa theo bộ tiêu chí cũ thì bỏ trước (--withdraw).",
            )
        if not 0 <= entry["points"] <= (known[code].max_points or 0.0):
            points, top = (f"{figure:g}".replace(".", ",") for figure in (entry["points"], known[code].max_points))
            raise UserError("bad_points", f"Điểm {points} của {code} phải trong khoảng 0 đến {top}.")
    there = known.keys() | {line["code"] for row in run["result"]["communes"] for line in row["criteria"]}
    for code in {key.rpartition("|")[2] for key in content["explanations"]} - there:
        raise UserError("bad_explanation", f"Bộ tiêu chí không có tiêu chí «{code}» để giải trình; có: {', '.join(known)}.")
