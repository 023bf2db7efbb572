"""`cchc backtest` as tables for people. The scorecard stands beside forecasts as well."""

from __future__ import annotations

from typing import Any

from apps.show import console, new_table, safe
from messages import definition_label, fmt
from messages.backtest import HINDSIGHT, LEGEND, MODEL_LABELS, origin_text, years_text

_SHOWN = ("model", "run_rate", "last_year", "plain")


def show(document: dict[str, Any]) -> None:
    """The scorecard by month of origin, in one sentence and as tables; then what was left out."""
    out = console()
    out.print(f"[bold]Kiểm tra lại dự báo, {years_text(document['years'])}[/] · {safe(document['criteria_label'])}")
    out.print(
        f"{definition_label(document['definition'])} · {fmt.count(document['draws'])} tình huống · hạt giống {document['seed']}"
    )
    scorecard(document["overall"])
    out.print(_widening(document))
    for skipped in document["skipped"]:
        out.print(f"• Bỏ qua hết tháng {skipped['month']}/{skipped['year']}: lúc đó chưa có số liệu nào.")


def scorecard(card: dict[str, Any]) -> None:
    """A scorecard (see `flows.steps.backtest.scorecard_json`) in one sentence and two tables."""
    out = console()
    out.print(safe(card["text"]))
    lines = [(origin_text(entry["month"]), entry) for entry in card["months"]] + [("[bold]Tất cả[/]", card["total"])]
    table = new_table(
        "\nSai số của chỉ số cuối năm (điểm)", "Dự báo từ", *((MODEL_LABELS[name], "right") for name in _SHOWN),
        *((safe(f"Trong khoảng {level} %"), "right") for level in (80, 95)),
    )  # fmt: skip
    table.columns[0].no_wrap = True
    for name, entry in lines:
        errors = [fmt.points(entry["crps"][model]) for model in _SHOWN]
        table.add_row(name, *errors, *(fmt.percent(entry["coverage"][p], 0) for p in ("p80", "p95")))
    out.print(table)
    table = new_table(
        "\nSai số nhỏ hơn bao nhiêu so với kéo dài đà", "Dự báo từ", ("Chỉ số", "right"),
        ("Xếp loại", "right"), ("Hạng", "right"), ("Số lần", "right"),
    )  # fmt: skip
    for name, entry in lines:
        gains = [fmt.percent(entry["skill_vs_run_rate"][metric], 0) for metric in ("crps", "brier", "rps")]
        table.add_row(name, *gains, fmt.count(entry["cases"]))
    out.print(table)
    out.print(safe(LEGEND))
    if card["hindsight"]:
        out.print(f"[yellow]{HINDSIGHT}[/]")


def _widening(document: dict[str, Any]) -> str:
    """Return what the tried years say of how wide their intervals were made."""
    factors = [origin["factor"] for origin in document["origins"] if origin["factor"] is not None]
    if not factors:
        return "Khoảng dự báo chưa được nới theo các năm trước: chưa có năm nào trước đó để học."
    return (
        f"Khoảng dự báo đã nhân với {fmt.number(min(factors), 2)} đến {fmt.number(max(factors), 2)}, "
        "học từ các năm trước năm được kiểm tra."
    )
