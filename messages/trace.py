"""A trace in words: how one criterion, one section and the whole index came about."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, Final

from criteria.loader import load_measures
from criteria.model import Rule
from messages import fmt
from messages.reasons import GRADE_STATUS_LABELS, PROVENANCE_LABELS, STATUS_LABELS
from messages.rules import rule_words as words_of

Node = Mapping[str, Any]
_BRANCH: Final = {"full": "đạt mức tối đa", "partial": "được một phần", "zero": "không có điểm"}


def sentences(leaf: Node) -> list[str]:
    """What a clerk reads about one criterion: the figures, the rule, the working, the rounding, the clause."""
    said = [_input(leaf)]
    if leaf["status"] not in ("scored", "needs_review") and leaf["points"] is None:
        said.append(f"{STATUS_LABELS[leaf['status']]}: không tính điểm và không tính vào điểm tối đa.")
    elif leaf["status"] == "needs_review":
        said.append("Cần thẩm định: mới tự kê khai, chưa có tài liệu kiểm chứng.")
    if leaf["rule"]:
        said.append(f"Cách tính: {rule_words(leaf)}.")
    said += [_target(target) for target in leaf["targets"]]
    if leaf["raw_points"] is not None:
        said.append(_working(leaf))
    if leaf["clause"]:
        since = f", áp dụng từ {_day(leaf['in_force_from'])}" if leaf["in_force_from"] else ""
        said.append(f"Căn cứ: {leaf['clause']} ({PROVENANCE_LABELS[leaf['provenance']]}){since}.")
    return said


def rule_words(leaf: Node) -> str:
    """The rule of a leaf in words, without a full stop."""
    rule, given = leaf["rule"], leaf["input"]
    shape = SimpleNamespace(
        declared=given["name"] if given["kind"] != "measure" else None,
        measure=given["name"] if given["kind"] == "measure" else None,
        inputs={name: part["measure"] for name, part in (given["parts"] or {}).items()},
        unit="share" if given["kind"] == "measure" and given["denominator"] is not None else given["label"],
        levels=given["levels"],
    )
    return words_of(Rule(rule["family"], rule["params"]), rule["max_points"], shape)


def headline(leaf: Node) -> str:
    """ "III.3 Tỷ lệ hồ sơ trễ hạn: 7,25 / 8,00 điểm"."""
    if leaf["points"] is None:
        return f"{leaf['code']} {leaf['label']}: {STATUS_LABELS[leaf['status']].lower()}"
    top = "ngoài thang điểm" if leaf["outside"] else f"/ {fmt.points(leaf['max_points'])} điểm"
    return f"{leaf['code']} {leaf['label']}: {fmt.points(leaf['points'])} {top}"


def section_headline(section: Node) -> str:
    """ "III. Thủ tục hành chính: 20,15 / 26,00 điểm đã chấm (tối đa 28,00)"."""
    if not section["max_points"]:
        return f"{section['code']}. {section['label']}: {fmt.points(section['points'])} điểm"
    text = f"{section['code']}. {section['label']}: {fmt.points(section['points'])} / {fmt.points(section['max_scored'])} điểm đã chấm"
    whole = section["max_points"] == section["max_scored"]
    return text if whole else f"{text} (tối đa {fmt.points(section['max_points'])})"


def index_sentences(tree: Node) -> list[str]:
    """How the sections become an index, a grade and a rank."""
    if tree["points"] is None:
        return ["Chưa tiêu chí nào chấm được."]
    bonus = f", gồm điểm thưởng, trừ {fmt.points(tree['bonus'])}" if tree["bonus"] else ""
    said = [
        f"Tổng {fmt.points(tree['points'])} điểm{bonus}; đã chấm được {fmt.points(tree['max_scored'])} trên "
        f"{fmt.points(tree['max_total'])} điểm tối đa.",
        f"Tỷ lệ: {fmt.points(tree['points'])} / {fmt.points(tree['max_scored'])} = {fmt.points(tree['share_pct'])}{fmt.NBSP}%.",
    ]
    if tree["scale"] != 100:
        said.append(f"Quy về thang {fmt.number(tree['scale'])} điểm: {fmt.points(tree['grading_index'])}.")
    if tree["grade"] and tree["band"]:
        band = tree["band"]
        low = f"từ {fmt.number(band['at_least'], 2)}" if band["at_least"] is not None else ""
        high = f"dưới {fmt.number(band['below'], 2)}" if band["below"] is not None else ""
        edges = " đến ".join(edge for edge in (low, high) if edge)
        said.append(f"Xếp loại {tree['grade']} ({edges}; {band['clause']}, {PROVENANCE_LABELS[band['provenance']]}).")
    else:
        least = fmt.percent(tree["min_scored_share"])
        said.append(f"{GRADE_STATUS_LABELS.get(tree['grade_status'], 'Chưa xếp loại')}: cần chấm được ít nhất {least} tổng điểm.")
    if tree["rank"] is not None:
        basis = "tỷ lệ" if tree["ranking_basis"] == "share" else "tổng điểm"
        said.append(f"Hạng {tree['rank']} trên {tree['peers']}, xếp theo {basis}; bằng nhau thì cùng hạng.")
    said.append("Mỗi tiêu chí làm tròn một lần đến phần trăm điểm (từ 0,005 làm tròn lên); các phép cộng không làm tròn.")
    return said


def _input(leaf: Node) -> str:
    given = leaf["input"]
    if given["kind"] == "measures":
        parts = [_part(part, given["unit"]) for part in (given["parts"] or {}).values()]
        by = f"; định nghĩa trễ hạn {leaf['definition']}" if leaf["definition"] else ""
        return f"Số liệu: {'; '.join(parts)}{by}."
    if given["kind"] == "declared":
        if leaf["reason"] == "declared_not_applicable":
            return "Kê khai: không áp dụng."
        if given["value"] is None:
            return "Tự chấm điểm, không ghi số liệu." if leaf["points"] is not None else "Chưa kê khai."
        return f"Kê khai: {_declared(given)}."
    if given["numerator"] is None:
        text = "Số liệu: chưa có"
    elif given["denominator"] is None:
        measure = load_measures().get(given["name"] or "")
        text = f"Số liệu: {fmt.count(given['numerator'])} {measure.numerator if measure else given['label']}"
    else:
        measure = load_measures().get(given["name"] or "")
        good, whole = (measure.numerator, measure.denominator or "") if measure else ("", "")
        value = fmt.percent(given["value"]) if given["value"] is not None else "không có trường hợp nào"
        text = f"Số liệu: {fmt.count(given['numerator'])} {good} / {fmt.count(given['denominator'])} {whole} = {value}"
    if leaf["definition"]:
        text += f" (định nghĩa trễ hạn {leaf['definition']})"
    if given["unknown"]:
        text += f"; {fmt.count(given['unknown'])} trường hợp thiếu thông tin"
    return f"{text}."


def _declared(given: Node) -> str:
    if given["unit"] == "level" and float(given["value"]).is_integer() and 0 <= int(given["value"]) < len(given["levels"]):
        return f"mức «{given['levels'][int(given['value'])]}»"
    if given["unit"] in ("count", "days"):
        return f"{amount(given['value'], given['unit'])} ({given['label']})"
    return amount(given["value"], given["unit"])


def amount(value: float | None, unit: str | None) -> str:
    """A declared value in its unit: a share as percent, yes/no in words, anything else as a plain number."""
    if unit == "share":
        return fmt.percent(value, 4)
    if unit == "yes_no" and value in (0, 1):
        return "Có" if value else "Không"
    return fmt.number(value, 4)


def _part(part: Node, declared: str | None) -> str:
    measure = load_measures().get(part["measure"] or "")
    label = measure.label if measure else "Kê khai"
    if part["value"] is None:
        return f"{label} chưa có số liệu"
    if measure is None:
        return f"{label} {amount(part['value'], declared)}"
    if part["denominator"] is None:
        return f"{label} {fmt.count(part['numerator'])}"
    return f"{label} {fmt.count(part['numerator'])}/{fmt.count(part['denominator'])} = {fmt.percent(part['value'])}"


def _target(target: Node) -> str:
    known = "" if target["known"] else ", CHƯA RÕ văn bản, đang dùng mức giả định"
    return (
        f"Chỉ tiêu: {target['label']} {fmt.percent(target['value'])} từ {_day(target['in_force_from'])} "
        f"({target['clause']}, {PROVENANCE_LABELS[target['provenance']]}{known})."
    )


def _working(leaf: Node) -> str:
    raw, branch = leaf["raw_points"], leaf["branch"]
    if leaf["overridden"]:
        return f"Kết quả: {fmt.points(leaf['points'])} điểm do người thẩm định chấm, thay cho điểm máy tính."
    if branch is None:
        why = "mức cố định khi không phát sinh" if leaf["input"]["kind"] == "measure" else "điểm tự chấm, không tính lại được"
        return f"Kết quả: {fmt.points(leaf['points'])} điểm ({why})."
    how = _BRANCH.get(branch) or f"đạt bậc {branch.removeprefix('step_')}"
    got = f"{fmt.points(leaf['points'])} điểm"
    formula = _formula(leaf) if branch == "partial" else None
    if formula is None:
        return f"Kết quả: {how}, {got}."
    exact = fmt.number(raw, 6)
    same = exact == fmt.number(leaf["points"], 6)
    return f"Kết quả: {how}, {formula} = {got}." if same else f"Kết quả: {how}, {formula} = {exact}, làm tròn {got}."


def _formula(leaf: Node) -> str | None:
    """The working with this criterion's figures, for the families that have one."""
    rule, given = leaf["rule"], leaf["input"]
    value, counted = given["value"], given["numerator"] is not None and given["denominator"] is not None
    # The counts, not the rounded percentage: the reader's calculator must agree with ours.
    ratio = f"{fmt.count(given['numerator'])}/{fmt.count(given['denominator'])}" if counted else fmt.percent(value, 4)
    p, top, family = rule["params"], fmt.number(rule["max_points"], 2), rule["family"]
    if family in ("capped_ratio", "survey_index"):
        return f"{ratio} / {fmt.percent(p.get('target', 1.0))} × {top}"
    if family == "linear":
        return f"{ratio} × {top}"
    if family == "plan_completion":
        return f"{ratio} / {fmt.percent(p.get('full_at', 1.0))} × {top}"
    if family == "falling_linear":
        low, high = fmt.percent(p["full_below"]), fmt.percent(p["zero_at"])
        return f"{top} × ({high} − {ratio}) / ({high} − {low})"
    if family == "penalty_per_event":
        return f"{top} − {fmt.number(p['per_event'], 2)} × {fmt.count(value)}"
    if family == "penalty_per_percent":
        return f"{top} − {fmt.number(p['per_percent'], 2)} × {ratio} × 100"
    if family == "per_item":
        return f"{fmt.number(p['per_item'], 2)} × {fmt.count(value)}"
    if family == "bonus_penalty":
        sign = "" if p.get("sign", 1) > 0 else "−"
        return f"{sign}{fmt.number(p['per_event'], 2)} × {fmt.count(value)}"
    return None


def _day(text: str) -> str:
    year, month, day = text.split("-")
    return f"{day}/{month}/{year}"
