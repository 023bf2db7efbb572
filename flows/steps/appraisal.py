"""The appraiser's hand in a scenario: points overridden with reason, text and evidence; the commune's explanation (giải trình);
and the review, where declared, computed and appraised score stand side by side."""

from __future__ import annotations

from datetime import date
from typing import Any

from criteria.override_reasons import load_override_reasons
from flows.steps.audit import who
from flows.steps.home import Home, UserError, now
from flows.steps.measure import plain, stamp
from flows.steps.scenario import Content, Given, active_overrides, clean_text, edit, found, head, question_of, scored
from flows.steps.scenario_changes import commune_row
from flows.steps.scenario_changes import points as points_of

LONGEST_TEXT = 1000


def override(
    home: Home, name: str, *, commune: str, criterion: str, points: str, reason_code: str | None, text: str | None,
    evidence: str | None, expires: str | None = None, by: str | None = None, on_version: int | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Put an appraiser's points in the place of the computed ones. Reason, text and evidence are required. Raises: UserError.

    expires: the last day on which it holds; None for good.
    """
    from messages.scenario import override_text

    reasons = load_override_reasons()
    if reason_code not in reasons:
        known = ", ".join(f"{code} ({reason.label})" for code, reason in reasons.items())
        raise UserError("bad_reason", f"Phải chọn mã lý do trong: {known}.")
    reason = reasons[reason_code]
    entry = {
        "points": _hundredths(points), "reason_code": reason_code,
        "text": clean_text(text, "lý do bằng lời (--text)", LONGEST_TEXT),
        "evidence": clean_text(evidence, f"minh chứng (--evidence): {reason.evidence}", LONGEST_TEXT),
        "expires": _last_day(expires), "by": who(by).name, "at": stamp(now()),
    }  # fmt: skip

    def change(content: Content, run: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        row, line = _cell(run, commune, criterion)
        content["overrides"][_key(row, criterion)] = entry
        detail = {"commune": row["commune"], "name": row["name"], "criterion": criterion, "published_points": line.get("points")}
        says = override_text(row["name"], criterion, entry["points"], reason.label, entry["text"])
        if _key(row, criterion) not in active_overrides(content, question_of(run, content)):
            says += f"; hết hiệu lực từ {entry['expires']}, trước ngày chấm, nên không tính"
        return says, detail | {key: value for key, value in entry.items() if key not in ("by", "at")}

    return edit(home, name, "scenario.override", change, by, on_version)


def withdraw(
    home: Home, name: str, *, commune: str, criterion: str, by: str | None = None, on_version: int | None = None
) -> dict[str, Any]:
    """Take an override back: the computed points stand again. Raises: UserError."""

    def change(content: Content, run: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        row = commune_row(run, commune)
        if content["overrides"].pop(_key(row, criterion), None) is None:
            raise UserError("not_set", f"Phương án không sửa điểm {criterion} của {row['name']}.")
        return f"{row['name']}, {criterion}: dùng lại điểm máy tính", {"commune": row["commune"], "criterion": criterion}

    return edit(home, name, "scenario.withdraw", change, by, on_version)


def explanation(
    home: Home, name: str, *, commune: str, criterion: str, text: str | None, evidence: str | None, by: str | None = None,
    on_version: int | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Add what the commune says about a criterion, with its evidence. Raises: UserError."""
    said = {
        "text": clean_text(text, "nội dung giải trình (--text)", LONGEST_TEXT),
        "evidence": clean_text(evidence, "tài liệu kèm theo (--evidence)", LONGEST_TEXT), "by": who(by).name, "at": stamp(now()),
    }  # fmt: skip

    def change(content: Content, run: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        row, _ = _cell(run, commune, criterion)
        content["explanations"].setdefault(_key(row, criterion), []).append(said)
        detail = {"commune": row["commune"], "criterion": criterion, "text": said["text"], "evidence": said["evidence"]}
        return f"{row['name']}, {criterion}: {said['text']}", detail

    return edit(home, name, "scenario.explanation", change, by, on_version)


def reasons_json() -> dict[str, Any]:
    """Return the document of `cchc scenario reasons`."""
    return {"reasons": [vars(reason) for reason in load_override_reasons().values()]}


def _key(row: dict[str, Any], criterion: str) -> str:
    from flows.steps.rebuild import subject_key

    return f"{subject_key(row)}|{criterion}"


def _cell(run: dict[str, Any], commune: str, criterion: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the base run's row of a commune and its line of a criterion, empty when another set may have it."""
    row = commune_row(run, commune)
    return row, next((line for line in row["criteria"] if line["code"] == criterion), {})


def _hundredths(text: str) -> float:
    value = points_of(str(text), "--points")
    if value < 0 or round(value * 100) != round(value * 100, 6):
        raise UserError("bad_points", f"Điểm «{text}» phải từ 0 trở lên, nhiều nhất 2 chữ số thập phân.")
    return round(value, 2)


def _last_day(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise UserError("bad_time", f"«{text}» không phải ngày hết hiệu lực; viết như 2024-03-31.") from None


# --- both scores, side by side ---


def review(home: Home, name: str, commune: str) -> dict[str, Any]:
    """Return the document of `cchc scenario review`: each criterion as declared, computed and appraised. Raises: UserError."""
    from flows.steps.rebuild import subject_key
    from flows.steps.score import score_json

    with home.database.begin() as tx:
        row = found(tx, name)
        about = head(tx, row)
    given = scored(home, row)
    base_row = commune_row(given.base, commune)
    key = subject_key(base_row)
    sides = []
    for side in (given.computed, given.appraised):
        mine = next((one for one in score_json(side)["communes"] if subject_key(one) == key), None)
        if mine is None:
            raise UserError("unknown_commune", f"{base_row['name']} không có trong kỳ của phương án; đổi as_of.")
        sides.append(mine)
    computed, appraised = sides
    published = {line["code"]: line["points"] for line in base_row["criteria"]}
    own = given.computed.declarations
    declared = {line["criterion_code"]: line for line in own[own["commune"] == key].to_dict("records")}
    lines = [
        {
            "code": line["code"], "label": line["label"], "max_points": line["max_points"], "clause": line["clause"],
            "published_points": published.get(line["code"]), "declared": _declared(declared.get(line["code"])),
            "computed": {"status": line["status"], "points": line["points"], "value": line["value"]},
            "appraised": {"status": after["status"], "points": after["points"]},
            "override": override_json(given, f"{key}|{line['code']}"),
            "explanations": given.content["explanations"].get(f"{key}|{line['code']}", []),
        }
        for line, after in zip(computed["criteria"], appraised["criteria"], strict=True)
    ]  # fmt: skip
    changes = given.content["changes"]
    figures = ("total", "max_scored", "grade", "rank")
    return {
        "scenario": about, "commune": base_row["commune"], "name": base_row["name"],
        "excluded": next((changes[k] for k in (f"exclude:{key}", f"exclude:{base_row['unit_id']}") if k in changes), None),
        "published": {figure: base_row[figure] for figure in figures},
        "computed": {figure: computed[figure] for figure in figures},
        "appraised": {figure: appraised[figure] for figure in figures}, "criteria": lines,
    }  # fmt: skip


def _declared(line: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return what the commune declared, None when it declared nothing."""
    if line is None:
        return None
    words = {name: line[name] if isinstance(line[name], str) else None for name in ("state", "evidence")}  # a frame's gap is NaN
    return {"value": plain(line["value"]), "points": plain(line["points"]), **words}


def override_json(given: Given, key: str) -> dict[str, Any] | None:
    """Return an override with its reason in words and whether it still holds; None when there is none."""
    entry = given.content["overrides"].get(key)
    if entry is None:
        return None
    reason = load_override_reasons().get(entry["reason_code"])
    return {**entry, "reason": reason.label if reason else entry["reason_code"], "active": key in given.active}


def overrides_json(given: Given) -> list[dict[str, Any]]:
    """Return every override with both scores: what was computed, and what the appraiser put in its place (deductions below 0)."""
    from flows.steps.rebuild import subject_key

    frame = given.computed.scores.criteria.set_index(["commune", "code"])[["points", "status"]]
    rows = {subject_key(row): row for row in given.base["result"]["communes"]}
    deducted = {criterion.code for criterion in given.computed.rules.criteria if criterion.kind == "penalty"}
    out = []
    for key in sorted(given.content["overrides"]):
        subject_id, _, code = key.rpartition("|")
        there = (subject_id, code) in frame.index
        points, status = frame.loc[(subject_id, code)] if there else (None, "no_data")
        told = override_json(given, key) or {}
        appraised = told.pop("points")
        row = rows.get(subject_id, {})
        out.append(
            {
                "commune": row.get("commune", subject_id), "name": row.get("name", subject_id), "criterion": code,
                "computed_points": plain(points), "computed_status": status,
                "appraised_points": plain(-appraised if code in deducted else appraised), **told,
            }
        )  # fmt: skip
    return out
