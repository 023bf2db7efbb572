"""What a scenario moves: Δ points, Δ rank, Δ grade of every commune, pairs that flip, how far the weights were moved."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from flows.steps.home import Home, UserError
from flows.steps.measure import plain
from flows.steps.scenario import Given, changed_rules, criteria_content, found, head, question_of, scored
from flows.steps.scenario_changes import commune_row, weights_json

if TYPE_CHECKING:
    from criteria.model import ResolvedSet

FLIPS_SHOWN: Final = 500


def show(home: Home, name: str) -> dict[str, Any]:
    """Return the document of `cchc scenario show`: what it holds, and both scores of every override. Raises: UserError."""
    from flows.steps.appraisal import overrides_json

    with home.database.begin() as tx:
        row = found(tx, name)
        about = head(tx, row)
    given = scored(home, row)
    asked = given.computed.asked
    return {
        "scenario": about, "year": asked.year, "as_of": asked.as_of.isoformat(), "definition": asked.definition,
        "criteria_set": given.computed.rules.name, "changes": changes_json(given), "overrides": overrides_json(given),
        "explanations": _explanations(given), "weights": _weights(home, given)["weights"],
        "excluded": _excluded(given), "warning": given.computed.rules.warning,
    }  # fmt: skip


def changes_json(given: Given) -> list[dict[str, Any]]:
    """Return the changes with their words."""
    from messages.scenario import change_text

    return [
        {"key": key, "value": value, "text": change_text(key, value)} for key, value in sorted(given.content["changes"].items())
    ]


def _explanations(given: Given) -> list[dict[str, Any]]:
    return [
        {"subject": key.rpartition("|")[0], "criterion": key.rpartition("|")[2], **said}
        for key, listed in sorted(given.content["explanations"].items())
        for said in listed
    ]


def _excluded(given: Given) -> list[dict[str, Any]]:
    rows = given.base["result"]["communes"]
    known = {row["unit_id"]: (row, row["name"]) for row in rows} | {_key(row): (row, _name(row)) for row in rows}
    out = []
    for key, reason in sorted(given.content["changes"].items()):
        if key.startswith("exclude:"):
            row, name = known[key.partition(":")[2]]
            out.append({"commune": row["commune"], "name": name, "subject": key.partition(":")[2], "reason": reason})
    return out


def compare(home: Home, name: str, other: str | None = None, commune: str | None = None) -> dict[str, Any]:
    """Return the document of `cchc scenario compare`: against the base run, or against another scenario. Raises: UserError."""
    from flows.steps.appraisal import overrides_json
    from flows.steps.score import score_json

    with home.database.begin() as tx:
        row = found(tx, name)
        about = head(tx, row)
        rival = found(tx, other) if other else None
    given = scored(home, row)
    after = score_json(given.appraised)["communes"]
    against: dict[str, Any] = {"run": given.base["run_id"], "scenario": None, "reproduced": _reproduced(home, given)}
    if rival is None:
        before = given.base["result"]["communes"]
        weights = _weights(home, given)
    else:
        opposite = scored(home, rival)
        before = score_json(opposite.appraised)["communes"]
        weights = _weights(home, given, opposite)
        against = {"run": opposite.base["run_id"], "scenario": rival["name"], "reproduced": None}
    document = {
        "scenario": about, "against": against, "changes": changes_json(given), "overrides": overrides_json(given),
        "excluded": _excluded(given), **_moved(before, after), **weights, "criteria": _by_criterion(before, after),
    }  # fmt: skip
    if commune is not None:
        document["commune"] = _one(given.base, before, after, commune)
    return document


def _moved(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> dict[str, Any]:
    """Return how every commune moved and which pairs flipped."""
    from messages.scenario import flip_text
    from scoring.whatif import movement

    moved = movement(_totals(before), _totals(after))
    rows = {_key(row): row for row in [*before, *after]}
    lines = [
        {
            "commune": rows[line["commune"]]["commune"], "name": _name(rows[line["commune"]]), "subject": line["commune"],
            **{key: plain(line[key]) for key in line if key.startswith(("total_", "rank_"))},
            "grade_before": line["grade_before"], "grade_after": line["grade_after"], "grade_changed": line["grade_changed"],
        }
        for line in moved.communes.to_dict("records")
    ]  # fmt: skip
    flips = [
        {"was_above": rows[a]["commune"], "now_above": rows[b]["commune"], "text": flip_text(_name(rows[a]), _name(rows[b]))}
        for a, b in moved.flips[:FLIPS_SHOWN]
    ]
    return {"communes": lines, "flips": flips, "flip_count": len(moved.flips)}


def _key(row: dict[str, Any]) -> str:
    from flows.steps.rebuild import subject_key

    return subject_key(row)


def _name(row: dict[str, Any]) -> str:
    return f"{row['name']}, {row['officer']}" if row.get("officer") else str(row["name"])


def _totals(rows: list[dict[str, Any]]) -> Any:
    """Return a result's rows as the frame that scoring.whatif.movement takes."""
    import pandas as pd

    frame = pd.DataFrame([{"commune": _key(row), **{name: row[name] for name in ("total", "rank", "grade")}} for row in rows])
    return frame.astype({"total": float}) if len(frame) else pd.DataFrame(columns=["commune", "total", "rank", "grade"])


def _by_criterion(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what changed by criterion: its maximum, and how many communes got other points. Others are left out."""
    lines: dict[str, dict[str, Any]] = {}
    points: dict[str, dict[str, list[Any]]] = {}
    for side, rows in enumerate((before, after)):
        for row in rows:
            for line in row["criteria"]:
                entry = lines.setdefault(line["code"], {"code": line["code"], "label": line["label"], "max": [None, None]})
                if line["kind"] == "base":
                    entry["max"][side] = line["max_points"]
                points.setdefault(line["code"], {}).setdefault(_key(row), [None, None])[side] = line["points"]
    out = []
    for code, entry in lines.items():
        moved = [pair for pair in points[code].values() if pair[0] != pair[1]]
        if not moved and entry["max"][0] == entry["max"][1]:
            continue
        change = sum(round(((b or 0) - (a or 0)) * 100) for a, b in moved) / 100
        out.append(
            {
                "code": code, "label": entry["label"], "max_before": entry["max"][0], "max_after": entry["max"][1],
                "communes_changed": len(moved), "points_change": plain(change),
            }
        )  # fmt: skip
    return out


def _one(base: dict[str, Any], before: list[dict[str, Any]], after: list[dict[str, Any]], commune: str) -> dict[str, Any]:
    """Return one commune's criteria on both sides."""
    row = commune_row(base, commune)
    sides = [next((one for one in rows if _key(one) == _key(row)), None) for rows in (before, after)]
    if sides[0] is None or sides[1] is None:
        raise UserError("unknown_commune", f"{row['name']} không có ở cả hai bên so sánh; đổi as_of.")
    lines = {line["code"]: line for line in sides[0]["criteria"]}
    return {
        "commune": row["commune"], "name": row["name"],
        "criteria": [
            {
                "code": line["code"], "label": line["label"], "max_before": lines.get(line["code"], {}).get("max_points"),
                "max_after": line["max_points"], "points_before": lines.get(line["code"], {}).get("points"),
                "points_after": line["points"], "reason": line["reason"],
            }
            for line in sides[1]["criteria"]
        ],
    }  # fmt: skip


def _weights(home: Home, given: Given, other: Given | None = None) -> dict[str, Any]:
    """Return how far the weights were moved from the base run's, or from another scenario's."""
    from scoring.changes import weights_of
    from scoring.whatif import weights_moved

    with home.database.begin() as tx:
        _, after = changed_rules(home, tx, given.content, given.computed.asked)
        if other is not None:
            _, rules = changed_rules(home, tx, other.content, other.computed.asked)
            before = _weights_on(rules)
        else:
            recipe = given.base["recipe"]
            content = criteria_content(home, tx, {"set": recipe["criteria_set"], "hash": recipe["criteria_hash"]})
            base = question_of(given.base, {"changes": {}})
            before = weights_of(content["criteria"], base.last_day)
    return {"weights": weights_json(weights_moved(before, _weights_on(after)))}


def _weights_on(rules: ResolvedSet) -> dict[str, int]:
    return {c.code: round((c.max_points or 0.0) * 100) for c in rules.criteria if c.rule is not None and c.kind == "base"}


def _reproduced(home: Home, given: Given) -> bool:
    """Return whether the base run still comes out digit for digit, so that every Δ is the scenario's own."""
    from flows.steps.rebuild import SOUND, rebuild

    return rebuild(home, given.base["run_id"])["status"] in SOUND


def changed_content(home: Home, row: dict[str, Any]) -> dict[str, Any]:
    """Return the criteria of a scenario as data, with its changes made. Raises: UserError."""
    from flows.steps.runs import run_of

    content = json.loads(row["content"])
    with home.database.begin() as tx:
        return changed_rules(home, tx, content, question_of(run_of(tx, row["base_run"]), content))[0]
