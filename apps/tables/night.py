"""The forecast, last year and the alerts in a night's answer, and stored forecasts made again (`cchc forecast-verify`)."""

from __future__ import annotations

from datetime import date
from typing import Any

from rich.console import Console

from apps.show import console, new_table, safe, when
from messages import fmt
from messages import forecast_words as words
from messages.pictures import RANK_ESTIMATED, one
from messages.runs import FORECAST_FIELDS, FORECAST_LABELS


def foretold(out: Console, document: dict[str, Any]) -> None:
    """Every commune's year-end: the middle, the 80 % interval, the chance of the good grade, the expected rank; or why not."""
    if document["communes"]:
        good, until = safe(document["good_grade"]), fmt.day(date.fromisoformat(document["horizon"]))
        table = new_table(
            f"Dự báo đến {until}", ("Hạng\ndự kiến", "right"), "Xã", ("Cuối năm", "right"), (f"Khoảng\n80{fmt.NBSP}%", "right"),
            (f"Đạt {good} trở lên", "right"),
        )  # fmt: skip
        for row in sorted(document["communes"], key=_order):
            known = row["p50"] is not None
            table.add_row(
                fmt.DASH if row["expected_rank"] is None else one(row["expected_rank"]), safe(row["name"]),
                one(row["p50"]) if known else fmt.DASH, words.index_range(row) if known else fmt.DASH,
                fmt.DASH if row["p_good"] is None else words.odds(row["p_good"], document["as_of"][:10] >= document["horizon"]),
            )  # fmt: skip
        out.print(table)
        if any(row["rank_basis"] == "estimated_peers" for row in document["communes"]):
            out.print(f"[yellow]{RANK_ESTIMATED}[/]")
        year = document["horizon"][:4]
        out.print(f"Vì sao, và làm gì để đổi kết quả: «cchc forecast --year {year} --commune MÃ».")
    if document["error"]:
        out.print(f"[yellow]Lưu ý[/] {safe(document['error'])}")


def _order(row: dict[str, Any]) -> tuple[bool, float, str]:
    return row["expected_rank"] is None, row["expected_rank"] or 0.0, row["name"]


def last_year(out: Console, document: dict[str, Any] | None) -> None:
    """That the year before was published as well; nothing when it was not."""
    if document:
        year, run = document["year"], document["run"]
        out.print(f"Điểm năm {year} cũng đã thay đổi: công bố lần số {run}, xem «cchc score show {run}».")


def alarms(out: Console, document: dict[str, Any] | None) -> None:
    """How many alerts opened, ended and are open; nothing when there are none and there were none."""
    if document is None:
        return
    if document["error"]:
        out.print(f"[yellow]Lưu ý[/] {safe(document['error'])}")
    elif document["opened"] or document["resolved"] or document["open"]:
        new, ended = fmt.count(len(document["opened"])), fmt.count(len(document["resolved"]))
        out.print(f"Cảnh báo: {new} mới, {ended} đã hết, {fmt.count(document['open'])} đang mở; xem «cchc alerts».")


def verified(document: dict[str, Any]) -> None:
    """Stored forecasts, and whether each comes out again; what differs of those that do not."""
    out = console()
    table = new_table("Dự báo đã lưu, làm lại từ công thức", ("Số", "right"), "Năm", "Tính đến", "Bộ tiêu chí", "Kết quả")
    for row in document["forecasts"]:
        table.add_row(
            str(row["forecast"]), str(row["year"]), when(row["as_of"]), safe(row["criteria_set"]),
            FORECAST_LABELS[row["status"]] + (f"\n{safe(row['reason'])}" if row["reason"] else ""),
        )  # fmt: skip
    out.print(table)
    for row in document["forecasts"]:
        for gap in row["differences"][:5]:
            field = FORECAST_FIELDS[gap["field"]]
            out.print(f"• Dự báo số {row['forecast']}, {safe(gap['name'])}: khác về {field}")
        if row["status"] == "different" and row["code"] != row["code_now"]:
            out.print(f"  Chương trình đã đổi từ bản {safe(row['code'])} sang bản {safe(row['code_now'])}.")
    if not document["forecasts"]:
        out.print("Chưa lưu dự báo nào; chạy «cchc forecast» hoặc chuỗi đêm.")
