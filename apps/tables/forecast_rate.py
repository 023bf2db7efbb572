"""`cchc forecast-rate` as a table for people."""

from __future__ import annotations

from typing import Any

from apps.show import console, new_table, safe
from messages import fmt


def show(document: dict[str, Any]) -> None:
    """Rate so far, forecast with its 80 % interval, chance of the target and expected rank; then what is special."""
    out = console()
    out.print(f"[bold]Tỷ lệ 12 tháng đến hết {document['horizon']}[/], biết đến hết {document['as_of']}")
    aim = document["target"]
    columns = [(f"{'≤' if document['lower_is_better'] else '≥'} {fmt.percent(aim)}", "right")] if aim is not None else []
    table = new_table(
        "", "Đơn vị", ("Đã có", "right"), ("Tỷ lệ đã có", "right"), ("Còn đến", "right"), ("Dự báo", "right"),
        (f"Khoảng 80{fmt.NBSP}%", "right"), *columns, ("Hạng dự kiến", "right"),
    )  # fmt: skip
    for row in sorted(document["units"], key=lambda unit: unit["expected_rank"]):
        rate, seen = row["rate"], row["observed"]
        met = [fmt.percent(row["p_meets_target"], 0)] if columns else []
        table.add_row(
            safe(row["unit"]), fmt.count(seen["trials"]),
            fmt.percent(seen["successes"] / seen["trials"] if seen["trials"] else None), fmt.count(row["trials_to_come"]),
            fmt.percent(rate["p50"]), f"{fmt.percent(rate['p10'])} – {fmt.percent(rate['p90'])}", *met,
            fmt.number(row["expected_rank"], 1),
        )  # fmt: skip
    out.print(table)
    for row in document["units"]:
        if row["status"] not in ("forecast", "observed"):
            out.print(f"[yellow]{safe(row['unit'])}: {safe(row['reason'])}[/]")
    out.print(f"{fmt.count(document['draws'])} tình huống, hạt giống {document['seed']}. Hạng 1 là tỷ lệ cao nhất.")
