"""Why points are lost: criterion by criterion, by the people who act, and as the tree of the whole index."""

from __future__ import annotations

from datetime import date
from typing import Any

from rich.console import Console
from rich.tree import Tree

from apps.show import caveats, console, new_table, period, points, safe
from messages import PROVENANCE_LABELS, boundaries, fmt

SHOWN_DOSSIERS = 10
SHOWN_OFFICERS = 12


def explained(document: dict[str, Any]) -> None:
    """Lost points by criterion, then who acts, complaints, and what is missing."""
    out = console()
    _head(out, document)
    if document["period_over"] and document["items"]:
        out.print("Kỳ đã kết thúc: điểm mất vì hồ sơ không lấy lại được nữa; phần kê khai còn bổ sung được khi thẩm định.")
    for item in document["items"]:
        _item(out, item)
    _owners(out, document["by_owner"])
    _officers(out, document["by_officer"])
    _complaints(out, document["complaints"])
    if document["missing"]:
        table = new_table("\nChưa có số liệu (không tính là 0)", "Tiêu chí", "Nội dung", ("Điểm", "right"), "Phụ trách")
        for row in document["missing"]:
            table.add_row(row["code"], safe(row["label"]), points(row["max_points"]), safe(row["owner"]))
        out.print(table)
    caveats(out, document)


def as_tree(document: dict[str, Any]) -> None:
    """Every criterion with figures, rule, working, rounding and clause."""
    out = console()
    _head(out, document)
    root = Tree(f"[bold]{safe(document['name'])}[/]")
    for sentence in document["trace"]["said"]:
        root.add(safe(sentence))
    for section in document["trace"]["children"]:
        branch = root.add(f"[bold]{safe(section['headline'])}[/]")
        for leaf in section["children"]:
            node = branch.add(safe(leaf["headline"]))
            for sentence in leaf["said"]:
                node.add(safe(sentence), style="dim")
    out.print(root)
    caveats(out, document)


def _head(out: Console, document: dict[str, Any]) -> None:
    who = safe(document["name"]) + (f" · {safe(document['officer'])}" if document.get("officer") else "")
    what = f"riêng tiêu chí {safe(document['criterion'])} mất" if document.get("criterion") else "mất"
    out.print(
        f"[bold]{who}[/] · {period(document)} · {points(document['total'])} điểm trên "
        f"{points(document['max_scored'])} điểm đã chấm · {what} {points(document['lost'])} điểm"
    )
    for note in document.get("notes", []):
        out.print(f"[yellow]Lưu ý[/] {safe(note)}")


def _item(out: Console, item: dict[str, Any]) -> None:
    out.print(f"\n[bold]{item['code']}[/] {safe(item['label'])}: −{points(item['lost'])} / {points(item['max_points'])} điểm")
    out.print(f"   Lý do: {safe(item['reason'])}")
    if item.get("judgement") == "too_few":
        out.print(f"   {boundaries.too_few(item['interval'], item['denominator'], item['measure'])}")
    out.print(f"   Căn cứ: {safe(item['clause'])} ({PROVENANCE_LABELS[item['provenance']]}) · Phụ trách: {safe(item['owner'])}")
    if item["to_recover"]:
        out.print(f"   Cần làm: {safe(item['to_recover'])}{_deadline(item)}")
    if item["declared"]:
        declared = item["declared"]
        out.print(f"   Kê khai: {safe(declared['file'])}, dòng {declared['row']} · minh chứng: {safe(declared['evidence'])}")
    for source in item["sources"][:SHOWN_DOSSIERS]:
        out.print(
            f"   • {safe(source['dossier'])} · {safe(source['officer'])} · {safe(source['file'])}, dòng {source['row']}"
            + (f" · −{points(source['lost'])}" if source["lost"] >= 0.005 else "")
        )
    if item["dossier_count"] > SHOWN_DOSSIERS:
        out.print(f"   … tất cả {fmt.count(item['dossier_count'])} hồ sơ (--json để lấy đủ)")


def _deadline(item: dict[str, Any]) -> str:
    return f" Hạn: {fmt.day(date.fromisoformat(item['recover_by']))}." if item["recover_by"] else ""


def _owners(out: Console, owners: list[dict[str, Any]]) -> None:
    if not owners:
        return
    table = new_table("\nTheo bộ phận phụ trách", "Phụ trách", ("Mất", "right"), "Tiêu chí", "Cần làm")
    for entry in owners:
        for number, line in enumerate(entry["criteria"]):
            first = number == 0
            table.add_row(
                safe(entry["owner"]) if first else "", points(entry["lost"]) if first else "",
                f"{line['code']} (−{points(line['lost'])})", safe(line["to_recover"]) + _deadline(line),
            )  # fmt: skip
    out.print(table)


def _officers(out: Console, officers: list[dict[str, Any]]) -> None:
    if not officers:
        return
    table = new_table(
        "\nTheo người xử lý hồ sơ (chỉ phần điểm mất vì hồ sơ)", "Cán bộ, công chức", "Bộ phận", ("Mất", "right"),
        ("Hồ sơ", "right"), "Tiêu chí",
    )  # fmt: skip
    for row in officers[:SHOWN_OFFICERS]:
        table.add_row(
            safe(row["officer"]), safe(row["department"]), points(row["lost"]), fmt.count(row["dossier_count"]),
            ", ".join(row["criteria"]),
        )  # fmt: skip
    out.print(table)
    if len(officers) > SHOWN_OFFICERS:
        out.print(f"… còn {len(officers) - SHOWN_OFFICERS} người nữa (--json để lấy đủ)")


def _complaints(out: Console, complaints: list[dict[str, Any]]) -> None:
    if not complaints:
        return
    table = new_table(
        "\nPhiếu khảo sát phản ánh đích danh", "Cán bộ, công chức", ("Số phiếu", "right"), "Từ", "Đến", "Phiếu", "Lưu ý",
    )  # fmt: skip
    for row in complaints:
        forms = [safe(code) for code in row["form_codes"][:3]] + (["…"] if row["forms"] > 3 else [])
        table.add_row(
            safe(row["official"]), fmt.count(row["forms"]), fmt.day(date.fromisoformat(row["first_day"])),
            fmt.day(date.fromisoformat(row["last_day"])), ", ".join(forms), "[red]tái diễn[/]" if row["repeated"] else "",
        )  # fmt: skip
    out.print(table)
