"""Scenarios and the audit log for people."""

from __future__ import annotations

from datetime import date
from typing import Any

from apps.show import console, new_table, points, safe, when
from messages import STATUS_LABELS, fmt
from messages.audit import subject_text

FEW = 20


def told(document: dict[str, Any]) -> None:
    """What was done, and where the scenario stands."""
    out = console()
    for text in document["says"]:
        out.print(safe(text[:1].upper() + text[1:]))
    for text in document.get("weights", {}).get("says", []):
        out.print(safe(text))
    _head(out, document["scenario"])


def _head(out: Any, head: dict[str, Any]) -> None:
    people = ", ".join(safe(name) for name in head["contributors"])
    out.print(
        f"[bold]{safe(head['name'])}[/] · {head['state_text']} · phiên bản {head['version']} ({head['sha256'][:8]}) · "
        f"từ lần công bố số {head['base_run']} · soạn: {people}"
        + (f" · duyệt: {safe(head['approved_by'])}" if head["approved_by"] else "")
        + (f" · kết quả: lần công bố số {head['result_run']}" if head["result_run"] else "")
    )


def listed(document: dict[str, Any]) -> None:
    if not document["scenarios"]:
        console().print("Chưa có phương án nào; tạo bằng «cchc scenario new TÊN --from-run SỐ».")
        return
    table = new_table(
        "Phương án chấm lại", "Tên", "Tình trạng", ("Phiên bản", "right"), ("Từ số", "right"), "Soạn", "Sửa lúc", "Ghi chú"
    )
    for row in document["scenarios"]:
        table.add_row(
            safe(row["name"]), row["state_text"], str(row["version"]), str(row["base_run"]), safe(row["author"]),
            when(row["changed_at"]), safe(row["note"]),
        )  # fmt: skip
    console().print(table)


def shown(document: dict[str, Any]) -> None:
    """What a scenario holds."""
    out = console()
    _head(out, document["scenario"])
    _changes(out, document)
    _overrides(out, document)
    for said in document["explanations"]:
        out.print(
            f"Giải trình {safe(said['criterion'])} ({safe(said['subject'])}): {safe(said['text'])} · {safe(said['evidence'])}"
        )
    _weights(out, document)
    if document.get("warning"):
        out.print(f"[yellow]{safe(document['warning'])}[/]")


def _changes(out: Any, document: dict[str, Any]) -> None:
    for change in document["changes"]:
        out.print(f"• {safe(change['text'])}")
    if not document["changes"] and not document["overrides"]:
        out.print("Chưa đổi gì so với lần công bố gốc.")


def _weights(out: Any, document: dict[str, Any]) -> None:
    for text in document["weights"]["says"]:
        out.print(safe(text))


def _overrides(out: Any, document: dict[str, Any]) -> None:
    if not document["overrides"]:
        return
    table = new_table(
        "\nĐiểm sửa (điểm máy tính vẫn ghi bên cạnh)", "Xã", "Tiêu chí", ("Máy tính", "right"), ("Thẩm định", "right"), "Lý do",
        "Minh chứng", "Người sửa", "Hiệu lực",
    )  # fmt: skip
    for row in document["overrides"]:
        computed = points(row["computed_points"]) if row["computed_points"] is not None else STATUS_LABELS[row["computed_status"]]
        holds = (
            "hết hạn"
            if not row["active"]
            else f"đến {fmt.day(date.fromisoformat(row['expires']))}"
            if row["expires"]
            else "không thời hạn"
        )
        table.add_row(
            safe(row["name"]), safe(row["criterion"]), computed, points(row["appraised_points"]),
            safe(f"{row['reason']}: {row['text']}"), safe(row["evidence"]), safe(row["by"]), holds,
        )  # fmt: skip
    out.print(table)


def compared(document: dict[str, Any]) -> None:
    """Δ of every commune, flips, weights, criteria."""
    out = console()
    _head(out, document["scenario"])
    _changes(out, document)
    against = document["against"]
    other = f"phương án {safe(against['scenario'])}" if against["scenario"] else f"lần công bố số {against['run']}"
    table = new_table(
        f"\nSo với {other}", "Xã", ("Điểm trước", "right"), ("Điểm sau", "right"), ("Δ", "right"), ("Hạng", "right"), "Xếp loại"
    )
    left_out = {row["subject"] for row in document["excluded"]}
    for row in sorted(document["communes"], key=lambda r: (r["rank_after"] is None, r["rank_after"] or 0, r["name"])):
        rank = f"{_rank(row['rank_before'])} → {_rank(row['rank_after'])}"
        grade = f"{safe(row['grade_before'])} → {safe(row['grade_after'])}" if row["grade_changed"] else safe(row["grade_after"])
        name = safe(row["name"]) + (" (không xếp hạng)" if left_out & {row["subject"], row["subject"].split("|")[0]} else "")
        table.add_row(name, points(row["total_before"]), points(row["total_after"]), signed(row["total_change"]), rank, grade)
    out.print(table)
    _overrides(out, document)
    out.print(f"Cặp xã đổi thứ tự: {fmt.count(document['flip_count'])}")
    for flip in document["flips"][:FEW]:
        out.print(f"  {safe(flip['text'])}")
    _weights(out, document)
    _criteria(out, document)
    if against["reproduced"] is False:
        out.print("[yellow]Lần công bố gốc không dựng lại được đúng như cũ: một phần chênh lệch không phải do phương án.[/]")


def _criteria(out: Any, document: dict[str, Any]) -> None:
    if document["criteria"]:
        table = new_table(
            "\nTiêu chí thay đổi", "Mã", "Tiêu chí", ("Tối đa", "right"), ("Số xã đổi", "right"), ("Δ điểm", "right")
        )
        for row in document["criteria"]:
            top = f"{points(row['max_before'])} → {points(row['max_after'])}"
            table.add_row(
                safe(row["code"]), safe(row["label"]), points(row["max_after"]) if row["max_before"] == row["max_after"] else top,
                str(row["communes_changed"]), signed(row["points_change"]),
            )  # fmt: skip
        out.print(table)
    if "commune" in document:
        table = new_table(
            f"\n{safe(document['commune']['name'])}", "Mã", "Tiêu chí", ("Trước", "right"), ("Sau", "right"), ("Tối đa", "right")
        )
        for row in document["commune"]["criteria"]:
            table.add_row(
                safe(row["code"]), safe(row["label"]), points(row["points_before"]), points(row["points_after"]),
                points(row["max_after"]),
            )  # fmt: skip
        out.print(table)


def _rank(value: Any) -> str:
    return "–" if value is None else str(value)


def signed(value: float | None) -> str:
    """Return a change of points with its sign."""
    if value is None:
        return "–"
    return fmt.points(0) if not value else f"{'+' if value > 0 else '−'}{fmt.points(abs(value))}"


def reviewed(document: dict[str, Any]) -> None:
    """Declared, computed and appraised side by side."""
    out = console()
    _head(out, document["scenario"])
    table = new_table(
        f"\n{safe(document['name'])}", "Mã", "Tiêu chí", ("Tối đa", "right"), "Kê khai", ("Máy tính", "right"),
        ("Thẩm định", "right"), "Giải trình, minh chứng",
    )  # fmt: skip
    for row in document["criteria"]:
        words = [f"{said['text']} ({said['evidence']})" for said in row["explanations"]]
        if row["override"]:
            over = row["override"]
            state = "" if over["active"] else " [hết hạn]"
            words.append(f"{over['reason']}: {over['text']} ({over['evidence']}){state}")
        table.add_row(
            safe(row["code"]), safe(row["label"]), points(row["max_points"]), _declared(row["declared"]),
            _points(row["computed"]), _points(row["appraised"]), "\n".join(safe(word) for word in words),
        )  # fmt: skip
    out.print(table)
    for label, key in (("Đã công bố", "published"), ("Máy tính", "computed"), ("Thẩm định", "appraised")):
        side = document[key]
        out.print(f"{label}: {points(side['total'])} điểm · hạng {_rank(side['rank'])} · {safe(side['grade'])}")


def _declared(line: dict[str, Any] | None) -> str:
    if line is None:
        return "–"
    return f"{fmt.points(line['points'])} điểm" if line["points"] is not None else fmt.number(line["value"], 4)


def _points(side: dict[str, Any]) -> str:
    return STATUS_LABELS[side["status"]] if side["points"] is None else points(side["points"])


def reasons(document: dict[str, Any]) -> None:
    table = new_table("Lý do sửa điểm (danh mục tạm, chưa theo văn bản nào)", "Mã", "Lý do", "Minh chứng phải có")
    for row in document["reasons"]:
        table.add_row(safe(row["code"]), safe(row["label"]), safe(row["evidence"]))
    console().print(table)


def history(document: dict[str, Any]) -> None:
    _head(console(), document["scenario"])
    audited(document)


def audited(document: dict[str, Any]) -> None:
    """The entries in order."""
    if not document["entries"]:
        console().print("Nhật ký chưa có mục nào.")
        return
    table = new_table("Nhật ký", ("Số", "right"), "Lúc", "Ai", "Tài khoản máy", "Về", "Việc")
    for row in document["entries"]:
        table.add_row(
            str(row["seq"]),
            when(row["at"]),
            safe(row["actor"]),
            safe(row["os_user"]),
            safe(subject_text(row["subject"])),
            safe(row["text"]),
        )
    console().print(table)


def verified(document: dict[str, Any]) -> None:
    console().print(safe(document["message"]), style=None if document["intact"] else "bold red")
