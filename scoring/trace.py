"""How an index came about, as a tree that can be replayed: inputs, rule, branch, parameters, clause, rounding.

The tree is a reading of what the engine recorded while it scored (scoring.engine.Scores), never a second computation:
`replay` applies the real rules to the inputs in the tree and must give the very same points, sums and index.
Units: points, shares /1, whole cases. Everything is fit for JSON. No wording: messages.trace says it in Vietnamese.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from criteria.model import ResolvedCriterion, ResolvedSet, TargetValue
from scoring import core
from scoring.engine import Scores
from scoring.rounding import NO_UNITS, from_units, to_units
from scoring.rules import award

#: Measures that are counted by the asked definition of "late".
BY_DEFINITION: Final = frozenset({"overdue_rate", "on_time_rate"})
Node = dict[str, Any]


def trace(scores: Scores, criteria_at: ResolvedSet, commune: str, definition: str | None = None) -> Node:
    """The tree of one commune: index → sections → criteria. `definition`: tag of the definition of late, as shown.

    Needs scores made with explain=True. Raises KeyError for a commune that was not scored.
    """
    total: dict[str, Any] = dict(scores.totals.set_index("commune").loc[commune])
    lines: list[dict[str, Any]] = scores.criteria[scores.criteria["commune"] == commune].to_dict("records")  # type: ignore[assignment]
    sections = []
    for section in criteria_at.sections.values():
        leaves = [
            _leaf(criteria_at.criterion(line["code"]), line, criteria_at.decimals, definition)
            for line in lines
            if line["section"] == section.code
        ]
        if leaves:
            sections.append(_section(section.code, section.label, section.max_points, leaves, criteria_at.decimals))
    return {
        "kind": "index",
        "set": criteria_at.name,
        "hash": criteria_at.hash,
        "day": criteria_at.day.isoformat(),
        "points": _number(total["total"]),
        "bonus": _number(total["bonus"]),
        "bonus_limit": criteria_at.bonus_limit,
        "max_scored": _number(total["max_scored"]),
        "max_total": _number(total["max_total"]),
        "share_pct": _number(total["share"]),
        "scale": criteria_at.grading_scale,
        "grading_index": _number(total["grading_index"]),
        "grade": total["grade"],
        "grade_status": total["grade_status"],
        "band": _band(criteria_at, total["grade"]),
        "min_scored_share": criteria_at.min_scored_share,
        "rank": None if pd.isna(total["rank"]) else int(total["rank"]),
        "peers": int(total["peers"]),
        "ranking_basis": criteria_at.ranking_basis,
        "rounding": {"decimals": criteria_at.decimals, "mode": "half_up", "at": "criterion"},
        "children": sections,
    }


def _section(code: str, label: str, legal_max: float, leaves: Sequence[Node], decimals: int) -> Node:
    scored = [leaf for leaf in leaves if leaf["points"] is not None]
    return {
        "kind": "section",
        "code": code,
        "label": label,
        "max_points": legal_max,
        "max_scored": _sum([leaf["max_points"] for leaf in scored], decimals),
        "points": _sum([leaf["points"] for leaf in scored], decimals),
        "lost": _sum([leaf["lost"] for leaf in scored], decimals),
        "children": list(leaves),
    }


def _leaf(criterion: ResolvedCriterion, line: Mapping[str, Any], decimals: int, definition: str | None) -> Node:
    rule = criterion.rule
    by_rule = rule is not None and line["branch"] not in ("none", "overridden")
    return {
        "kind": "criterion",
        "code": criterion.code,
        "label": criterion.label,
        "outside": criterion.kind != "base",
        "status": line["status"],
        "reason": line["reason"],
        "points": _number(line["points"]),
        "max_points": _number(line["max_points"]),
        "lost": _number(line["lost"]),
        "input": _input(criterion, line),
        "definition": definition if BY_DEFINITION & {criterion.measure, *criterion.inputs.values()} else None,
        "rule": {"family": rule.family, "max_points": criterion.max_points, "params": _json(rule.params)} if rule else None,
        "targets": [_target(target) for target in criterion.targets.values()],
        "branch": line["branch"] if by_rule else None,
        "overridden": line["branch"] == "overridden",
        "raw_points": _number(line["raw_points"]),
        "rounding": {"decimals": decimals, "mode": "half_up"},
        "clause": criterion.clause,
        "in_force_from": criterion.in_force_from.isoformat() if criterion.in_force_from else None,
        "provenance": criterion.provenance,
        "owner": criterion.owner,
        "missing": {"no_data": criterion.no_data, "zero_denominator": criterion.zero_denominator},
    }


def _input(criterion: ResolvedCriterion, line: Mapping[str, Any]) -> Node:
    return {
        "kind": "measure" if criterion.measure else "measures" if criterion.inputs else "declared",
        "name": criterion.measure or criterion.declared,
        "label": criterion.measure_info.label if criterion.measure_info else criterion.unit,
        "unit": criterion.measure_info.unit if criterion.measure_info else criterion.declared,
        "numerator": _number(line["numerator"]),
        "denominator": _number(line["denominator"]),
        "value": _number(line["value"]),
        "unknown": int(line["unknown"]),
        "levels": list(criterion.levels),
        "parts": line["parts"],
    }


def _target(target: TargetValue) -> Node:
    return {
        "name": target.name,
        "label": target.label,
        "value": target.value,
        "known": target.known,
        "in_force_from": target.in_force_from.isoformat(),
        "clause": str(target.source),
        "provenance": target.provenance,
    }


def _band(criteria_at: ResolvedSet, grade: Any) -> Node | None:
    for band in criteria_at.bands.bands:
        if band.grade == grade:
            table = criteria_at.bands
            return {
                "grade": band.grade,
                "at_least": band.at_least,
                "below": band.below,
                "clause": str(table.source),
                "provenance": table.provenance,
            }
    return None


def replay(node: Node) -> dict[str, Any]:
    """The points of every criterion, their total, share and grading index, computed again from the tree's inputs alone.

    Returns {"criteria": {code: points}, "points", "share_pct", "grading_index"}; None where nothing was scored.
    A criterion that no rule judged (points declared as such, a fixed outcome for no cases) keeps its recorded raw points.
    """
    decimals = int(node["rounding"]["decimals"])
    units: dict[str, int] = {}
    base = outside = scored = 0
    for leaf in (leaf for section in node["children"] for leaf in section["children"]):
        if leaf["raw_points"] is None:
            continue
        raw = _apply(leaf) if leaf["branch"] else leaf["raw_points"]
        units[leaf["code"]] = int(to_units(raw, decimals))
        if leaf["outside"]:
            outside += units[leaf["code"]]
        else:
            base += units[leaf["code"]]
            scored += int(to_units(leaf["max_points"], decimals))
    total = base + int(core.clip_bonus(outside, int(to_units(node["bonus_limit"], decimals))))
    known = scored > 0
    share = int(core.share_units(total, scored, decimals)) if known else NO_UNITS
    scaled = int(core.share_units(total, scored, decimals, node["scale"])) if known else NO_UNITS
    return {
        "criteria": {code: _points(value, decimals) for code, value in units.items()},
        "points": _points(total if known else NO_UNITS, decimals),
        "share_pct": _points(share, decimals),
        "grading_index": _points(scaled, decimals),
    }


def _apply(leaf: Node) -> float:
    parts, rule = leaf["input"]["parts"], leaf["rule"]
    value = {name: part["value"] for name, part in parts.items()} if parts else leaf["input"]["value"]
    return float(award(rule["family"], value, rule["max_points"], rule["params"]).points)


def _points(units: int, decimals: int) -> float | None:
    return _number(from_units(np.array([units]), decimals)[0])


def _sum(values: Sequence[float | None], decimals: int) -> float:
    whole = sum(int(to_units(value, decimals)) for value in values if value is not None)
    return float(from_units(np.array([whole]), decimals)[0])


def _number(value: Any) -> float | None:
    return None if value is None or value != value else float(value)


def _json(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _json(v) for k, v in value.items()}
    return [_json(v) for v in value] if isinstance(value, (list, tuple)) else value
