"""Where one commune stands under each criteria set."""

from __future__ import annotations

from typing import Any

from rich.table import Table

from apps.show import new_table, points, safe
from messages import PROVENANCE_LABELS, fmt


def standing(name: str, rows: list[dict[str, Any]]) -> Table:
    """One line per set: index on its scale, what could be scored, grade and rank; for officials how many have which grade."""
    table = new_table(
        f"\n{safe(name)} theo các bộ tiêu chí khác", "Bộ tiêu chí", "Chấm", ("Chỉ số", "right"), ("Đã chấm", "right"), "Xếp loại",
        ("Hạng", "right"),
    )  # fmt: skip
    for row in rows:
        official = row["subject"] == "official"
        index = "–" if row["index"] is None else f"{points(row['index'])}/{fmt.number(row['grading_scale'], 2)}"
        done = "–" if row["max_scored"] is None else f"{points(row['max_scored'])}/{points(row['max_total'])}"
        table.add_row(
            _label(row),
            f"{fmt.count(row['scored'])} người, tháng {row['month']:02d}" if official else "xã",
            index, done, _grades(row["grades"], official), f"{row['rank']}/{row['peers']}" if row["rank"] else "–",
        )  # fmt: skip
    return table


def _label(row: dict[str, Any]) -> str:
    """The set's name, with its provenance unless the name says it."""
    provenance = PROVENANCE_LABELS[row["provenance"]]
    return safe(row["label"]) if provenance in row["label"] else f"{safe(row['label'])} ({provenance})"


def _grades(grades: list[dict[str, Any]], official: bool) -> str:
    said = [(safe(entry["grade"]) if entry["grade"] else "chưa đủ số liệu", entry["count"]) for entry in grades]
    return ", ".join(f"{grade}: {fmt.count(count)}" if official else grade for grade, count in said) or "–"
