"""`cchc robustness` as tables for people."""

from __future__ import annotations

from typing import Any

from apps.show import caveats, console, new_table, points, safe, when
from messages import PROVENANCE_LABELS, definition_label, fmt
from messages.robustness import source_label

_LISTED = 20


def show(document: dict[str, Any]) -> None:
    """Rank intervals, flips, what matters, criteria left out, strengths and weaknesses, then what was assumed."""
    out = console()
    ranges = document["ranges"]
    out.print(f"[bold]Độ vững của xếp hạng năm {document['year']}[/], tính đến {when(document['as_of'])}")
    out.print(f"{safe(ranges['text'])} · hạt giống {ranges['seed']}")
    out.print(f"Một đơn vị đổi hạng trung bình {fmt.number(document['mean_shift'], 2)} bậc: {_sources(document)}")
    out.print(_ranking(document))
    _pairs(document)
    out.print(_sensitivity(document))
    if document["without_each"]:
        out.print(_without(document))
    if document["commune"]:
        out.print(_standing(document))
    out.print(f"[yellow]{safe(ranges['note'])} ({PROVENANCE_LABELS[ranges['provenance']]})[/]")
    caveats(out, document)


def _sources(document: dict[str, Any]) -> str:
    parts = document["mean_shift_by_source"]
    return "; ".join(f"riêng {source_label(name).lower()} {fmt.number(value, 2)}" for name, value in parts.items())


def _ranking(document: dict[str, Any]) -> Any:
    names = document["ranges"]["definitions"]
    columns = [(definition_label(name).rsplit(" (", 1)[0], "right") for name in names] if len(names) > 1 else []
    table = new_table(
        "\nKhoảng hạng", ("Hạng", "right"), "Đơn vị", "Khoảng", ("Giữ hạng", "right"), ("Đổi (bậc)", "right"), *columns
    )
    for row in sorted(document["ranking"], key=lambda r: (r["rank"], r["name"])):
        ranks = [str(row["by_definition"][name] or "–") for name in names] if columns else []
        table.add_row(
            str(row["rank"]), safe(row["name"]), safe(row["text"].split("; ", 1)[1]), fmt.percent(row["keep"], 0),
            fmt.number(row["shift"], 2), *ranks,
        )  # fmt: skip
    return table


def _pairs(document: dict[str, Any]) -> None:
    out = console()
    out.print("\n[bold]Cặp dễ đổi chỗ[/] (ít trọng số phải chuyển nhất trước)")
    pairs = sorted(document["pairs"], key=lambda p: (p["moved"] is None, p["moved"] or 0))
    for pair in pairs[:_LISTED]:
        note = "" if pair["least"] or pair["moved"] is None else " (mức tìm được; có thể còn mức nhỏ hơn)"
        out.print(f"• {safe(pair['text'])}{note}.")
        if pair["shift_text"]:
            out.print(f"  Hoặc {safe(pair['shift_text'])}.")
    if len(pairs) > _LISTED:
        out.print(f"… còn {len(pairs) - _LISTED} cặp nữa (--json để lấy đủ)")


def _sensitivity(document: dict[str, Any]) -> Any:
    table = new_table(
        "\nĐiều gì làm đổi hạng nhiều nhất (chỉ số Sobol)", "Kết quả", "Nguồn", ("Riêng nó", "right"), ("Kể cả phối hợp", "right")
    )
    for row in document["sensitivity"]:
        table.add_row(
            "Mức đổi hạng chung" if row["outcome"] is None else f"Hạng của {safe(row['outcome'])}", safe(row["label"]),
            _part(row["first"]), _part(row["total"]),
        )  # fmt: skip
    return table


def _part(index: float | None) -> str:
    """Return an index as percent; sampling noise below 0 and above 1 is cut off for people."""
    return fmt.percent(None if index is None else min(1.0, max(0.0, index)), 0)


def _without(document: dict[str, Any]) -> Any:
    table = new_table(
        "\nNếu bỏ một tiêu chí",
        "Tiêu chí",
        "Nội dung",
        ("Điểm", "right"),
        ("Số đơn vị đổi hạng", "right"),
        ("Xa nhất (bậc)", "right"),
    )
    for row in document["without_each"][:_LISTED]:
        table.add_row(row["code"], safe(row["label"]), points(row["max_points"]), str(row["moved"]), str(row["largest"]))
    return table


def _standing(document: dict[str, Any]) -> Any:
    table = new_table("\nĐiểm mạnh, điểm yếu so với các đơn vị cùng xếp hạng", "Đơn vị", "", "Tiêu chí", "Nội dung", "So sánh")
    for row in document["standing"]:
        side = "[green]mạnh[/]" if row["side"] == "strength" else "[yellow]yếu[/]"
        table.add_row(safe(row["name"]), side, row["code"], safe(row["label"]), safe(row["text"]))
    return table
