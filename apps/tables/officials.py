"""The evaluation of officials: each by index on the set's own scale, grade and dossiers."""

from __future__ import annotations

from typing import Any

from rich.table import Table

from apps.show import caveats, console, new_table, period, points, safe, when
from messages import GRADE_STATUS_LABELS, fmt


def officials_table(document: dict[str, Any]) -> Table:
    """Return the table of officials, commune by commune, the best first."""
    head = f"Đánh giá cán bộ, công chức {period(document)}, tính đến {when(document['as_of'])}"
    scale = f"Điểm (trên {fmt.number(document['grading_scale'])})"
    table = new_table(
        head, ("Hạng", "right"), "Cán bộ, công chức", "Bộ phận", "Xã", (scale, "right"), ("Đã chấm", "right"), "Xếp loại",
        ("Hồ sơ", "right"),
    )  # fmt: skip
    table.columns[5].no_wrap = True
    rows = sorted(document["communes"], key=lambda r: (r["name"], r["commune"], r["rank"] is None, r["rank"] or 0, r["officer"]))
    for row in rows:
        grade = row["grade"] or GRADE_STATUS_LABELS.get(row["grade_status"], "chưa xếp")
        table.add_row(
            str(row["rank"] or "–"), safe(row["officer"]), safe(row["department"]), safe(row["name"]),
            points(row["grading_index"]), f"{points(row['max_scored'])}/{points(row['max_total'])}", safe(grade),
            ("–" if row["dossiers"] is None else fmt.count(row["dossiers"])) + ("*" if _few(row) else ""),
        )  # fmt: skip
    return table


def _few(row: dict[str, Any]) -> bool:
    return any(line.get("judgement") == "too_few" for line in row["criteria"])


def officials(document: dict[str, Any]) -> None:
    """The table of officials, what could not be judged, then what is not official about the rules."""
    out = console()
    out.print(officials_table(document))
    if any(_few(row) for row in document["communes"]):
        out.print("* Quá ít hồ sơ để kết luận hoặc so sánh người này với người khác; điểm không đổi vì lưu ý này.")
    if document["without_officer"]:
        out.print(f"{fmt.count(document['without_officer'])} hồ sơ trong kỳ không ghi cán bộ xử lý nên không tính cho ai.")
    caveats(out, document)
