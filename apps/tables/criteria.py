"""The documents of `cchc criteria` for people."""

from __future__ import annotations

import json
from datetime import date
from typing import Any, Final

from apps.show import console, new_table, safe
from messages import PROVENANCE_LABELS, fmt, measure_label

_SUBJECTS: Final = {"commune": "xã", "official": "công chức"}
_ORIGINS: Final = {"built-in": "có sẵn", "installation": "của đơn vị"}
_STATES: Final = {"not_yet": "chưa có hiệu lực", "repealed": "đã bãi bỏ"}
_DECLARED: Final = {"yes_no": "có/không", "share": "tỷ lệ", "count": "số lượng", "days": "số ngày", "level": "mức"}
_THINGS: Final = {"overdue": "Trễ hạn", "online_rate": "Tỷ lệ trực tuyến"}
_KINDS: Final = {
    "added": "thêm",
    "repealed": "bỏ",
    "points": "điểm tối đa",
    "rule": "cách tính",
    "parameter": "tham số",
    "input": "nguồn số liệu",
    "field": "mô tả",
    "target": "chỉ tiêu",
    "section": "mục",
    "bands": "mức xếp loại",
    "definition": "định nghĩa",
    "sample": "cỡ mẫu",
    "appraiser": "cơ quan thẩm định",
    "setting": "cài đặt",
    "source": "căn cứ",
    "provenance": "mức tin cậy",
}

_SETTINGS: Final = {
    "label": "tên",
    "subject": "chấm cho",
    "level": "cấp",
    "total": "tổng điểm",
    "decimals": "số chữ số thập phân",
    "bonus_limit": "giới hạn điểm thưởng",
    "ranking_method": "cách đánh hạng",
    "ranking_basis": "xếp hạng theo",
    "ranking_within": "xếp hạng trong",
    "grading_basis": "xếp loại theo",
    "grading_scale": "thang xếp loại",
    "min_scored_share": "phần phải chấm được",
    "overdue": "trễ hạn",
    "online_rate": "tỷ lệ trực tuyến",
}
_VALUES: Final = {
    ("subject", "commune"): "xã",
    ("subject", "official"): "công chức",
    ("level", "commune"): "xã",
    ("ranking_within", "commune"): "từng xã",
    ("ranking_within", "all"): "tất cả",
    ("ranking_basis", "total"): "tổng điểm",
    ("ranking_basis", "share"): "tỷ lệ điểm",
    ("grading_basis", "total"): "tổng điểm",
    ("grading_basis", "share"): "tỷ lệ điểm",
}


def listed(document: dict[str, Any]) -> None:
    """The sets, and those that cannot be read."""
    out = console()
    table = new_table(
        "Bộ tiêu chí", "Tên", "Chấm cho", ("Điểm", "right"), "Từ ngày", ("Tiêu chí", "right"), "Chỉ tiêu", "Mức tin cậy"
    )
    for column in (table.columns[0], *table.columns[-2:]):
        column.no_wrap = True
    for row in document["sets"]:
        if row["error"]:
            table.add_row(safe(row["name"]), *[""] * 5, "[red]không đọc được[/]")
            continue
        known, unknown = row["targets"]["known"], row["targets"]["unknown"]
        loud = f", [yellow]{fmt.count(unknown)} CHƯA RÕ[/]" if unknown else ""
        table.add_row(
            safe(row["name"]),
            _SUBJECTS.get(row["subject"], safe(row["subject"])),
            _number(row["total"]),
            _day(row["in_force_from"]),
            fmt.count(row["criteria"]),
            f"{fmt.count(known)} rõ{loud}" if known or unknown else "không dùng",
            _provenance(row["provenance"]),
        )
    out.print(table)
    for row in document["sets"]:
        out.print(f"• [bold]{safe(row['name'])}[/] ({_ORIGINS[row['origin']]}): {safe(row['error'] or row['label'])}")


def shown(document: dict[str, Any]) -> None:
    """The head, each section, then bands, appraiser, definitions, sample; one criterion alone is shown with its history."""
    out = console()
    out.print(f"[bold]{safe(document['label'])}[/] ({safe(document['name'])}) · ngày {_day(document['day'])}")
    subject = _SUBJECTS.get(document["subject"], document["subject"])
    out.print(
        f"Chấm cho: {safe(subject)} · tổng {_number(document['total'])} điểm · hiệu lực từ {_day(document['in_force_from'])} · "
        f"{_provenance(document['provenance'])}\nCăn cứ: {safe(document['source'])}"
    )
    if document["warning"]:
        out.print(f"[yellow]{safe(document['warning'])}[/]")
    entries = [c for section in document["sections"] for c in section["criteria"]]
    for section in document["sections"]:
        out.print(f"\n[bold]{safe(section['code'])}. {safe(section['label'])}[/] ({_number(section['max_points'])} điểm)")
        for entry in section["criteria"]:
            _criterion(out, entry, history=len(entries) == 1)
    if len(entries) != 1:
        _rest(out, document)


def _criterion(out: Any, c: dict[str, Any], history: bool) -> None:
    points = f"{_number(c['max_points'])} điểm" if c["max_points"] is not None else f"[dim]{_STATES[c['state']]}[/]"
    out.print(f"  [bold]{safe(c['code'])}[/] {safe(c['label'])}: {points}")
    if c["rule_text"]:
        out.print(f"      Cách tính: {safe(c['rule_text'])}")
    out.print(f"      Số liệu: {_input(c['input'])} · Phụ trách: {safe(c['owner'])}")
    if c["clause"]:
        out.print(f"      Căn cứ: {safe(c['clause'])} ({_provenance(c['provenance'])})")
    for target in c["targets"]:
        known = "" if target["known"] else " [yellow]CHƯA RÕ[/]"
        since, source = _day(target["in_force_from"]), f"{safe(target['clause'])} ({_provenance(target['provenance'])})"
        out.print(f"      Chỉ tiêu: {safe(target['label'])} {fmt.percent(target['value'])}{known}, từ {since} · {source}")
    if not history and len(c["versions"]) > 1:
        days = ", ".join(_day(v["in_force_from"]) + (" (bãi bỏ)" if v["repealed"] else "") for v in c["versions"])
        out.print(f"      Các phiên bản từ: {days}; xem --criterion {safe(c['code'])}")
    if history:
        for v in c["versions"]:
            what = "bãi bỏ" if v["repealed"] else f"{_number(v['max_points'])} điểm; {safe(v['rule_text'])}"
            mark = "→" if v["current"] else " "
            out.print(
                f"      {mark} từ {_day(v['in_force_from'])}: {what} · {safe(v['clause'])} ({_provenance(v['provenance'])})"
            )


def _input(given: dict[str, Any]) -> str:
    if given["kind"] == "declared":  # the commune's own statement
        names = [f"{k} = {safe(level)}" for k, level in enumerate(given["levels"])]  # the number is what a commune declares
        levels = f": {', '.join(names)}" if names else ""
        return f"xã kê khai, {_DECLARED.get(given['name'], safe(given['name']))} ({safe(given['label'])}{levels})"
    name = safe(given["name"]) if given["kind"] == "measure" else ", ".join(safe(m) for m in given["names"].values())
    of = f" / {_number(given['out_of'])}" if given.get("out_of") else ""
    return f"máy tính, {safe(given['label'])}{of} ({name})"


def _rest(out: Any, document: dict[str, Any]) -> None:
    bands = document["bands"]
    table = new_table(f"\nMức xếp loại (thang {_number(bands['scale'])})", "Mức", ("Từ", "right"), ("Dưới", "right"))
    for band in bands["grades"]:
        low, high = (fmt.number(band[side], 2) if band[side] is not None else "" for side in ("from", "below"))
        table.add_row(safe(band["grade"]), low, high)
    out.print(table)
    out.print(f"Từ {_day(bands['in_force_from'])} · {safe(bands['clause'])} ({_provenance(bands['provenance'])})")
    if bands["note"]:
        out.print(f"[yellow]{safe(bands['note'])}[/]")
    appraiser = document["appraiser"]
    if appraiser:
        out.print(f"Thẩm định: {safe(appraiser['name'])}, từ {_day(appraiser['in_force_from'])} · {safe(appraiser['clause'])}")
    for d in document["definitions"]:
        how = "bộ này quy định" if d["prescribed"] else "mặc định"
        source = f" · {safe(d['clause'])} ({_provenance(d['provenance'])})" if d["clause"] else ""
        out.print(f"{_THINGS[d['thing']]}: {safe(d['label'])} ({how}){source}")
    sample = document["sample"]
    if sample:
        out.print(
            f"Cỡ mẫu: n = N / (1 + N × {fmt.percent(sample['error'])}²), N là số «{safe(measure_label(sample['population']))}», "
            f"số phiếu là số «{safe(measure_label(sample['forms']))}» · "
            f"{safe(sample['clause'])} ({_provenance(sample['provenance'])})"
        )
    if document["unknown_targets"]:
        out.print(f"[yellow]CHƯA RÕ: {document['unknown_targets']} chỉ tiêu đang dùng chưa có văn bản.[/]")


def linted(document: dict[str, Any]) -> None:
    """A line for each problem as it is, so that editors and people can follow it; then a sentence."""
    out = console()
    for problem in document["problems"]:
        out.print(safe(problem["text"]), soft_wrap=True)
    count, sets = len(document["problems"]), ", ".join(safe(name) for name in document["sets"])
    if count:
        out.print(f"{count} chỗ phải sửa. Sửa xong chạy lại lệnh này.")
    else:
        out.print(f"Không có lỗi: {sets}.", soft_wrap=True)


def compared(document: dict[str, Any]) -> None:
    """A row for each change, then the points that moved."""
    out = console()
    before, after = (f"{safe(side['name'])} ngày {_day(side['day'])}" for side in (document["before"], document["after"]))
    if document["same"]:
        out.print(f"{before} và {after}: không khác nhau.")
        return
    table = new_table(f"{before} → {after}", "Mã", "Thay đổi", "Trước", "Sau", "Căn cứ")
    for c in document["changes"]:
        what = _KINDS[c["kind"]] + (
            f" {safe(_SETTINGS.get(c['what'], c['what']))}"
            if c["kind"] in ("parameter", "input", "field", "setting", "definition")
            else ""
        )
        clauses = [clause for clause in dict.fromkeys((c["clause_before"], c["clause_after"])) if clause]
        table.add_row(
            f"{safe(c['code'])}\n[dim]{safe(c['label'])}[/]" if c["code"] != "set" else "cả bộ",
            what,
            _plain(c, "before"),
            _plain(c, "after"),
            safe(" → ".join(clauses)),
        )
    out.print(table)
    p = document["points"]
    out.print(
        f"Điểm chuyển: {_number(p['moved'])} (thêm {_number(p['added'])}, bỏ {_number(p['repealed'])}, "
        f"tăng {_number(p['raised'])}, giảm {_number(p['lowered'])}); điểm tối đa thay đổi {_number(p['net'])}."
    )


def _plain(change: dict[str, Any], side: str) -> str:
    value = change[side]
    if value is None:
        return "–"
    if change.get(f"{side}_text"):
        return safe(change[f"{side}_text"])
    if change["kind"] == "target":
        return fmt.percent(value) if change["what"] == "value" else ("rõ" if value else "CHƯA RÕ")
    if change["kind"] == "provenance":
        return _provenance(value)
    if change["kind"] == "bands":
        return "\n".join(_band(b) for b in value)
    if change["kind"] == "section":
        return f"{safe(value['label'])} ({_number(value['max_points'])} điểm)"
    if isinstance(value, (int, float)):
        return _number(value)
    if change["kind"] == "setting" and (change["what"], value) in _VALUES:
        return _VALUES[change["what"], value]
    return safe(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _band(band: dict[str, Any]) -> str:
    return f"{safe(band['grade'])}: " + (
        f"dưới {_number(band['below'])}" if band["from"] is None else f"từ {_number(band['from'])}"
    )


def created(document: dict[str, Any]) -> None:
    """Where the set is and what to do next, in order."""
    out, name = console(), safe(document["name"])
    origin = f"chép từ «{safe(document['from'])}»" if document["from"] else "từ bộ mẫu"
    out.print(f"Đã lập bộ tiêu chí [bold]{name}[/] ({origin}, {_provenance(document['provenance'])}) ở:", soft_wrap=True)
    out.print(f"  {safe(document['folder'])}", soft_wrap=True)
    out.print(f"  {', '.join(safe(file) for file in document['files'])}\n")
    steps = (
        "Khai văn bản của đơn vị trong instruments.yaml: số, ngày, cơ quan, đã thấy ở đâu.",
        "Sửa set.yaml: label, ngày hiệu lực, các mục và điểm, mức xếp loại.",
        "Sửa chỉ tiêu trong targets.yaml; chưa có văn bản thì để known: false.",
        "Sửa từng tiêu chí trong section_*.yaml; mỗi con số ghi source và provenance.",
        f"Kiểm tra: cchc criteria lint {name}",
        f"Xem lại bằng lời: cchc criteria show {name}",
        f"Chấm thử: cchc score --year 2023 --criteria {name}",
    )
    out.print("Việc tiếp theo:")
    for number, step in enumerate(steps, 1):
        out.print(f"  {number}. {step}", soft_wrap=True)
    if document["from"]:
        out.print(f"  {len(steps) + 1}. So với bộ gốc: cchc criteria diff {safe(document['from'])} {name}", soft_wrap=True)


def _provenance(value: str) -> str:
    return PROVENANCE_LABELS.get(value, safe(value))


def _number(value: float | None) -> str:
    return "–" if value is None else fmt.number(value, 4)


def _day(text: str) -> str:
    return fmt.day(date.fromisoformat(text))
