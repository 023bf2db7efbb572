"""The evaluation of officials: each by index on the set's own scale, grade and dossiers."""

from __future__ import annotations

from typing import Any

from rich.table import Table

from apps.show import caveats, console, new_table, points, safe, when
from messages import GRADE_STATUS_LABELS, fmt


def officials_table(document: dict[str, Any]) -> Table:
    """Return the table of officials, commune by commune, the best first."""
    period = f"tháng {document['month']}/{document['year']}" if document["month"] else f"năm {document['year']}"
    table = new_table(
        f"Đánh giá cán bộ, công chức {period}, tính đến {when(document['as_of'])}", ("Hạng", "right"), "Cán bộ, công chức",
        "Bộ phận", "Xã", (f"Điểm (trên {fmt.number(document['grading_scale'])})", "right"), ("Đã chấm", "right"), "Xếp loại",
        ("Hồ sơ", "right"),
    )  # fmt: skip
    rows = sorted(document["communes"], key=lambda r: (r["name"], r["commune"], r["rank"] is None, r["rank"] or 0, r["officer"]))
    for row in rows:
        grade = row["grade"] or GRADE_STATUS_LABELS.get(row["grade_status"], "chưa xếp")
        table.add_row(
            str(row["rank"] or "–"), safe(row["officer"]), safe(row["department"]), safe(row["name"]),
            points(row["grading_index"]), f"{points(row['max_scored'])}/{points(row['max_total'])}", safe(grade),
            "–" if row["dossiers"] is None else fmt.count(row["dossiers"]),
        )  # fmt: skip
    return table


def officials(document: dict[str, Any]) -> None:
    """The table of officials, what could not be judged, then what is not official about the rules."""
    out = console()
    out.print(officials_table(document))
    if document["without_officer"]:
        out.print(f"{fmt.count(document['without_officer'])} hồ sơ trong kỳ không ghi cán bộ xử lý nên không tính cho ai.")
    caveats(out, document)
