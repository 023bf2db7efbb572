"""Why points are lost: reason, clause, owner, and the dossiers with the file and row they stand in."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import date
from typing import TYPE_CHECKING, Any

import criteria
from flows.steps.home import Home, UserError
from flows.steps.measure import Question, plain, stamp
from flows.steps.score import Scored, Subject, score_question, target_json

if TYPE_CHECKING:
    from sources.units import Unit


def explain(
    home: Home, asked: Question, commune: str, criterion: str | None = None, set_name: str | None = None,
    officer: str | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Return the document of `cchc explain`. `officer`: whom to explain under a set that scores officials. Raises: UserError."""
    unit = home.commune(commune, asked.unit_day)
    with home.database.begin() as tx:
        scored = score_question(home, tx, asked, set_name)
        subject = _subject(scored, unit, officer)
        codes = [c.code for c in scored.rules.criteria]
        if criterion is not None and criterion not in codes:
            raise UserError(
                "unknown_criterion",
                f"Bộ {scored.rules.name} không có tiêu chí «{criterion}»; có: {', '.join(codes)}.",
            )
        lines = scored.scores.criteria
        lines = lines[lines["commune"] == subject.subject_id].to_dict("records")
        total = scored.scores.totals.set_index("commune").loc[subject.subject_id]
        chosen = [line for line in lines if criterion in (None, line["code"])]
        losing = [line for line in chosen if line["lost"] == line["lost"] and (line["lost"] > 0 or criterion)]
        behind = _behind(tx, scored, subject, losing)
        declared = _declarations(tx, scored, subject.unit.unit_id)
        items = [_item(scored, line, behind.get(line["measure"], []), declared.get(line["code"])) for line in losing]
        complaints = _complaints(tx, scored, subject)
        tree = traced(scored, subject.subject_id)
    items.sort(key=lambda item: -(item["lost"] or 0))
    missing = [
        {"code": line["code"], "label": line["label"], "max_points": plain(line["max_points"]), "owner": line["owner"],
         "status": line["status"], "reason": _reason(line), "clause": line["clause"]}
        for line in chosen
        if line["points"] != line["points"] and line["status"] in ("no_data", "not_yet_in_force", "needs_review")
    ]  # fmt: skip
    return {
        "commune": unit.code, "name": unit.name, "unit_id": unit.unit_id, "officer": subject.officer,
        "department": subject.department, "criterion": criterion, "year": asked.year, "month": asked.month,
        "as_of": asked.as_of.isoformat(),
        "known_at": stamp(asked.known_at), "definition": asked.definition, "criteria_set": scored.rules.name,
        "total": plain(total["total"]), "max_scored": plain(total["max_scored"]), "max_total": plain(total["max_total"]),
        "bonus": plain(total["bonus"]), "lost": plain(round(sum(item["lost"] or 0 for item in items), 2)),
        "warning": scored.rules.warning, "criteria_label": scored.rules.label, "criteria_hash": scored.scores.set_hash,
        "provenance": scored.rules.provenance,
        "unknown_targets": [target_json(target) for target in scored.rules.unknown_targets],
        "items": items, "missing": missing, "by_owner": by_owner(items),
        "by_officer": by_officer(items),
        "period_over": _over(asked), "complaints": complaints, "trace": tree,
        "units_on": asked.units_on.isoformat() if asked.units_on else None,
        **(scored.view.describe(unit) if scored.view else {}),
    }  # fmt: skip


def _subject(scored: Scored, unit: Unit, officer: str | None) -> Subject:
    """Return the one subject that is explained. Raises: UserError naming the choices."""
    found = [subject for subject in scored.subjects if subject.unit.unit_id == unit.unit_id]
    if not found:
        raise UserError("unknown_commune", f"Xã «{unit.name}» không được chấm trong năm {scored.asked.year}.")
    if scored.rules.subject != "official":
        if officer is not None:
            raise UserError("no_officer", f"Bộ {scored.rules.name} chấm xã, không chấm từng người; bỏ --officer.")
        return found[0]
    chosen = [subject for subject in found if subject.officer == officer] or _alike(found, officer)
    if not chosen:
        names = ", ".join(str(subject.officer) for subject in found)
        raise UserError("unknown_officer", f"Bộ {scored.rules.name} chấm từng người; dùng --officer với một trong: {names}.")
    return chosen[0]


def _alike(found: list[Subject], officer: str | None) -> list[Subject]:
    """Return the official whose name differs only in case, white space or Unicode form; none when several do."""
    from warehouse.queries import official_key

    alike = [subject for subject in found if officer and official_key(subject.officer or "") == official_key(officer)]
    return alike if len(alike) == 1 else []


def traced(scored: Scored, subject_id: str) -> dict[str, Any]:
    """Return the trace of one subject, every node with its Vietnamese sentences (`said`)."""
    from messages.trace import headline, index_sentences, section_headline, sentences
    from scoring.trace import trace

    tag = criteria.load_definitions("overdue").by_name[scored.asked.definition].tag
    tree = trace(scored.scores, scored.rules, subject_id, tag)
    tree["said"] = index_sentences(tree)
    for section in tree["children"]:
        section["headline"] = section_headline(section)
        for leaf in section["children"]:
            leaf["headline"], leaf["said"] = headline(leaf), sentences(leaf)
    return tree


def by_owner(items: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return lost points under the office that answers for each criterion, most to recover first."""
    owners: dict[str, dict[str, Any]] = {}
    for item in items:
        entry = owners.setdefault(item["owner"], {"owner": item["owner"], "lost": 0, "criteria": []})
        entry["lost"] = round(entry["lost"] + item["lost"], 2)
        entry["criteria"].append(
            {name: item[name] for name in ("code", "label", "lost", "to_recover", "recover_by", "dossier_count")}
        )
    return sorted(owners.values(), key=lambda entry: (-entry["lost"], entry["owner"]))


def by_officer(items: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return lost points under the official and department of the dossiers behind them. Grain: official × department.

    Only points that rest on dossiers are here; a dossier that counts against two criteria is listed once.
    """
    found: dict[tuple[str | None, str | None], dict[str, Any]] = {}
    for item in items:
        whole = sum(source["weight"] for source in item["sources"])
        for source in item["sources"]:
            key = (source["officer"], source["department"])
            entry = found.setdefault(key, {"officer": key[0], "department": key[1], "criteria": {}, "codes": {}})
            # In proportion: whole hundredths per dossier would favour the first ones of a long list.
            entry["criteria"].setdefault(item["code"], []).append(item["lost"] * source["weight"] / whole)
            entry["codes"][source["dossier"]] = None
    rows = []
    for entry in found.values():
        shares = {code: round(math.fsum(parts), 4) for code, parts in entry["criteria"].items()}
        rows.append(
            {
                "officer": entry["officer"], "department": entry["department"], "lost": round(math.fsum(shares.values()), 2),
                "criteria": shares, "dossier_count": len(entry["codes"]), "dossiers": list(entry["codes"]),
            }
        )  # fmt: skip
    return sorted(rows, key=lambda row: (-row["lost"], row["officer"] or "", row["department"] or ""))


#: Losses that nothing done this year brings back.
_GONE = frozenset({"late_by", "events_penalty", "penalty_applied"})


def _over(asked: Question) -> bool:
    """Return whether the question looks back on the whole period."""
    return asked.last_day >= asked.period_end


def recover_by(asked: Question, reason: str | None) -> str | None:
    """Return the last day on which the points can still be won back; None when they cannot."""
    if reason is None or reason in _GONE or _over(asked):
        return None
    return asked.period_end.isoformat()


def _complaints(tx: Any, scored: Scored, subject: Subject) -> list[dict[str, Any]]:
    """Return the officials that the commune's forms name in a complaint, those named again first; of an official, his or hers."""
    from warehouse import queries

    asked = scored.asked
    rows = queries.named_complaints(tx, first_day=asked.first_day, last_day=asked.last_day, known_at=asked.known_at)
    units = {unit.unit_id for unit in (scored.view.members(subject.unit) if scored.view else [subject.unit])}
    who = queries.official_key(subject.officer) if subject.officer else None
    return [
        {name: value.isoformat() if isinstance(value, date) else value for name, value in row.items() if name != "unit_code"}
        for row in rows
        if row["unit_code"] in units and who in (None, queries.official_key(row["official"]))
    ]


def _reason(line: dict[str, Any]) -> str | None:
    from messages import reason_text

    return reason_text(line["reason"], line["reason_params"] or {}) if line["reason"] else None


def _item(scored: Scored, line: dict[str, Any], behind: list[dict[str, Any]], declared: dict[str, Any] | None) -> dict[str, Any]:
    """Return one criterion's lost points; every dossier behind them carries its exact share of a hundredth's rounding."""
    from messages import recover_text
    from scoring.intervals import judged
    from scoring.rounding import allocate_lost

    lost = plain(line["lost"]) or 0
    shares = allocate_lost(lost, [row["weight"] for row in behind], scored.rules.decimals) if behind else []
    params = line["reason_params"] or {}
    return {
        "code": line["code"], "label": line["label"], "lost": lost, "points": plain(line["points"]),
        "max_points": plain(line["max_points"]), "status": line["status"], "reason": _reason(line),
        "clause": line["clause"], "provenance": line["provenance"], "owner": line["owner"], "measure": line["measure"],
        "numerator": plain(line["numerator"]), "denominator": plain(line["denominator"]), "value": plain(line["value"]),
        **judged(plain(line["numerator"]), plain(line["denominator"]), line["measure"]),
        "definition": scored.asked.definition if line["measure"] in ("overdue_rate", "on_time_rate") else None,
        "dossiers": [row["dossier_code"] for row in behind], "dossier_count": len(behind),
        "to_recover": recover_text(line["reason"], params, _over(scored.asked)) if line["reason"] else "",
        "recover_by": recover_by(scored.asked, line["reason"]),
        "sources": [
            {"dossier": row["dossier_code"], "file": row["file"], "sha256": row["sha256"], "row": row["row"],
             "officer": row["officer"], "department": row["department"], "due_at": stamp(row["due_at"]),
             "finished_at": stamp(row["finished_at"]), "lost": float(share), "weight": row["weight"], "source": row["source"],
             "file_received_at": stamp(row["file_received_at"]), "file_received_by": row["file_received_by"]}
            for row, share in zip(behind, shares, strict=True)
        ],
        "declared": declared if not line["measure"] else None,
    }  # fmt: skip


def _known(text: Any) -> str | None:
    """Return a text of a frame, None for the NaN that stands for an empty cell."""
    return text if isinstance(text, str) else None


def _behind(tx: Any, scored: Scored, subject: Subject, losing: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Return the dossiers behind the points lost, by measure."""
    from flows.steps.boundaries import spans_of
    from flows.steps.complaints import complained_codes
    from warehouse import marts

    asked = scored.asked
    wanted = list(dict.fromkeys(line["measure"] for line in losing if line["measure"] in marts.BEHIND and line["lost"] > 0))
    spans = spans_of(scored.view, subject.unit, asked.first_day, asked.last_day, whole=subject.officer is None)
    complained: list[str] = []
    if "attitude_points_rate" in wanted:
        complained = complained_codes(tx, asked, {span["unit_code"] for span in spans})
    return marts.evidence(
        tx, wanted, spans=spans, definition=asked.definition, as_of=asked.as_of, known_at=asked.known_at,
        officer=subject.officer, complained=complained,
    )  # fmt: skip


def _declarations(tx: Any, scored: Scored, unit_id: str) -> dict[str, dict[str, Any]]:
    """Return the unit's declarations by criterion, each with its evidence and the file and row it stands in."""
    own = scored.declarations
    rows = own[own["commune"] == unit_id].to_dict("records")
    files = tx.rows(
        """
        select distinct on (l.load_id) l.load_id, l.sha256, a.display_name
        from loads as l
        left join arrivals as a on a.sha256 = l.sha256
        where l.load_id = any(%(loads)s)
        order by l.load_id, a.arrival_id
        """,
        {"loads": sorted({int(row["load_id"]) for row in rows})},
    )
    by_load = {file["load_id"]: file for file in files}
    return {row["criterion_code"]: _declared(row, by_load.get(int(row["load_id"]))) for row in rows}


def _declared(row: dict[str, Any], file: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "value": plain(row["value"]), "points": plain(row["points"]), "state": _known(row["state"]),
        "evidence": _known(row["evidence"]),
        "file": file["display_name"] if file else None, "sha256": file["sha256"] if file else None, "row": int(row["row_no"]),
    }  # fmt: skip
