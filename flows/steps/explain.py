"""Why points are lost: reason, clause, owner, and the dossiers with the file and row they stand in."""

from __future__ import annotations

from datetime import datetime, time
from typing import Any

from flows.steps.home import ZONE, Home, UserError
from flows.steps.measure import Question, plain, stamp
from flows.steps.score import Scored, score_question


def explain(
    home: Home, asked: Question, commune: str, criterion: str | None = None, set_name: str | None = None
) -> dict[str, Any]:
    """Return the document of `cchc explain`. Raises: UserError."""
    unit = home.commune(commune, asked.last_day)
    with home.database.begin() as tx:
        scored = score_question(home, tx, asked, set_name)
        if unit.unit_id not in {u.unit_id for u in scored.units}:
            raise UserError("unknown_commune", f"Xã «{commune}» không được chấm trong năm {asked.year}.")
        codes = [c.code for c in scored.rules.criteria]
        if criterion is not None and criterion not in codes:
            raise UserError(
                "unknown_criterion",
                f"Bộ {scored.rules.name} không có tiêu chí «{criterion}»; có: {', '.join(codes)}.",
            )
        lines = scored.scores.criteria
        lines = lines[lines["commune"] == unit.unit_id].to_dict("records")
        total = scored.scores.totals.set_index("commune").loc[unit.unit_id]
        chosen = [line for line in lines if criterion in (None, line["code"])]
        items = [
            _item(tx, scored, unit.unit_id, line)
            for line in chosen
            if line["lost"] == line["lost"] and (line["lost"] > 0 or criterion)
        ]
    items.sort(key=lambda item: -(item["lost"] or 0))
    missing = [
        {"code": line["code"], "label": line["label"], "max_points": plain(line["max_points"]), "owner": line["owner"],
         "status": line["status"], "reason": _reason(line), "clause": line["clause"]}
        for line in chosen
        if line["points"] != line["points"] and line["status"] in ("no_data", "not_yet_in_force", "needs_review")
    ]  # fmt: skip
    return {
        "commune": unit.code, "name": unit.name, "unit_id": unit.unit_id, "year": asked.year, "as_of": asked.as_of.isoformat(),
        "known_at": stamp(asked.known_at), "definition": asked.definition, "criteria_set": scored.rules.name,
        "total": plain(total["total"]), "max_scored": plain(total["max_scored"]), "max_total": plain(total["max_total"]),
        "bonus": plain(total["bonus"]), "lost": plain(round(sum(item["lost"] or 0 for item in items), 2)),
        "warning": scored.rules.warning, "items": items, "missing": missing,
    }  # fmt: skip


def _reason(line: dict[str, Any]) -> str | None:
    from messages import reason_text

    return reason_text(line["reason"], line["reason_params"] or {}) if line["reason"] else None


def _item(tx: Any, scored: Scored, unit_id: str, line: dict[str, Any]) -> dict[str, Any]:
    """Return one criterion's lost points; every dossier behind them carries its exact share of a hundredth's rounding."""
    from messages import recover_text
    from scoring.rounding import allocate_lost

    behind = _behind(tx, scored, unit_id, line)
    lost = plain(line["lost"]) or 0
    shares = allocate_lost(lost, len(behind), scored.rules.decimals) if behind else []
    params = line["reason_params"] or {}
    return {
        "code": line["code"], "label": line["label"], "lost": lost, "points": plain(line["points"]),
        "max_points": plain(line["max_points"]), "status": line["status"], "reason": _reason(line),
        "clause": line["clause"], "provenance": line["provenance"], "owner": line["owner"], "measure": line["measure"],
        "numerator": plain(line["numerator"]), "denominator": plain(line["denominator"]), "value": plain(line["value"]),
        "definition": scored.asked.definition if line["measure"] == "overdue_rate" else None,
        "dossiers": [row["dossier_code"] for row in behind], "dossier_count": len(behind),
        "to_recover": recover_text(line["reason"], params) if line["reason"] else "",
        "sources": [
            {"dossier": row["dossier_code"], "file": row["file"], "sha256": row["sha256"], "row": row["row"],
             "officer": row["officer"], "department": row["department"], "due_at": stamp(row["due_at"]),
             "finished_at": stamp(row["finished_at"]), "lost": float(share), "source": row["source"],
             "file_received_at": stamp(row["file_received_at"]), "file_received_by": row["file_received_by"]}
            for row, share in zip(behind, shares, strict=True)
        ],
        "declared": _declared(tx, scored, unit_id, line["code"]) if not line["measure"] else None,
    }  # fmt: skip


def _known(text: Any) -> str | None:
    """Return a text of a frame, None for the NaN that stands for an empty cell."""
    return text if isinstance(text, str) else None


def _behind(tx: Any, scored: Scored, unit_id: str, line: dict[str, Any]) -> list[dict[str, Any]]:
    from warehouse import marts

    if line["measure"] not in marts.BEHIND or not line["lost"] > 0:
        return []
    asked = scored.asked
    return marts.evidence(
        tx, line["measure"], unit_code=unit_id, definition=asked.definition,
        first_at=datetime.combine(asked.first_day, time(0), ZONE), as_of=asked.as_of, known_at=asked.known_at,
    )  # fmt: skip


def _declared(tx: Any, scored: Scored, unit_id: str, code: str) -> dict[str, Any] | None:
    """Return the declaration behind a criterion, with its evidence and the file and row it stands in."""
    found = scored.declarations
    found = found[(found["commune"] == unit_id) & (found["criterion_code"] == code)]
    if found.empty:
        return None
    row = found.iloc[0]
    file = tx.one(
        """
        select l.sha256, a.display_name
        from loads as l
        left join arrivals as a on a.sha256 = l.sha256
        where l.load_id = %(load)s
        order by a.arrival_id
        limit 1
        """,
        {"load": int(row["load_id"])},
    )
    return {
        "value": plain(row["value"]), "points": plain(row["points"]), "state": _known(row["state"]),
        "evidence": _known(row["evidence"]),
        "file": file["display_name"] if file else None, "sha256": file["sha256"] if file else None, "row": int(row["row_no"]),
    }  # fmt: skip
