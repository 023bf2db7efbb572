"""`cchc forecast` for people: the district's table, and the page of one commune that its officers read without help."""

from __future__ import annotations

from typing import Any, Final

from rich.console import Console
from rich.table import Table

from apps.show import caveats, console, new_table, points, safe, when
from messages import backtest, fmt
from messages import forecast_words as words
from messages.pictures import RANK_ESTIMATED, chance, day, one

_LEVERS: Final = 3
_SAVED: Final = 10
_WORTH: Final = 0.05  # a dossier that is less likely to be late needs no hurry
_EARLIER: Final = 3


def show(document: dict[str, Any]) -> None:
    """The page of the commune that was asked about, when the document holds only one; else the table of the district."""
    if len(document["communes"]) == 1:
        show_commune(document, document["communes"][0])
    else:
        show_district(document)


def show_district(document: dict[str, Any]) -> None:
    """Every commune: today, the year's end, how likely the good grade is, which ranks are possible."""
    out = console()
    good = document["good_grade"]
    table = new_table(
        f"{safe(document.get('criteria_label') or document['criteria_set'])}: dự báo cuối năm {document['year']}, tính đến "
        f"{when(document['as_of'])}",
        ("Hạng\ndự kiến", "right"), "Xã", ("Bây giờ", "right"), ("Cuối năm", "right"), (f"Khoảng\n80{fmt.NBSP}%", "right"),
        (safe(_headed(words.attains(good))), "right"), ("Hạng\nkhả dĩ", "right"),
    )  # fmt: skip
    table.columns[4].no_wrap = True  # of a range cut in two nobody sees the end
    settled = words.over(document)
    for row in sorted(document["communes"], key=_by_rank):
        if not words.is_known(row):
            table.add_row(fmt.DASH, safe(row["name"]), _now(row), *[fmt.DASH] * 4)
            continue
        expected, p_good = row.get("expected_rank"), row.get("p_good")
        table.add_row(
            fmt.DASH if expected is None else one(expected), safe(row["name"]), _now(row), _middle(row, settled),
            fmt.DASH if settled else words.index_range(row["index"]),
            fmt.DASH if p_good is None else words.odds(p_good, settled),
            words.rank_range(row.get("rank_probability") or []),
        )  # fmt: skip
    out.print(table)
    _silence(out, document, None)
    if not settled:
        out.print(words.HOW_TO_READ)
    _estimated(out, document, document["communes"])
    _trust(out, document)
    out.print("Trang của một xã: thêm «--commune MÃ».")


def _now(row: dict[str, Any]) -> str:
    """Today's points; where nothing is scored yet there are none, not 0."""
    return fmt.DASH if row["now"].get("max_scored") == 0 else points(row["now"]["total"])


def _middle(row: dict[str, Any], settled: bool) -> str:
    """The points of the year's end, all of their decimals once they are a result."""
    return points(row["index"]["p50"]) if settled else one(row["index"]["p50"])


def _ranked_for_good(document: dict[str, Any], commune: dict[str, Any]) -> bool:
    """The rank is a result: of a year that is over, among communes that all have data."""
    return words.over(document) and commune["rank_basis"] == "joint"


def _headed(text: str) -> str:
    return text[:1].upper() + text[1:]


def _silence(out: Console, document: dict[str, Any], commune: dict[str, Any] | None) -> None:
    """A warning where exports are weeks old; in the district's table also whose they are."""
    told = words.silence_text(commune, document)
    if told:
        out.print(f"[yellow]{safe(told)}[/]")
    behind = [row for row in document["communes"] if row.get("data_until") not in (None, document.get("data_until"))]
    if commune is None and behind:
        out.print(f"[yellow]{safe(words.behind_text(behind))}[/]")


def _by_rank(row: dict[str, Any]) -> tuple[bool, float, float, str]:
    known, expected = words.is_known(row), row.get("expected_rank")
    return not known, float("inf") if expected is None else expected, -row["index"]["p50"] if known else 0.0, row["name"]


def show_commune(document: dict[str, Any], commune: dict[str, Any]) -> None:
    """The page of one commune: the forecast in a sentence, then what it means, what to do, and how far to believe it."""
    out = console()
    if not words.is_known(commune):
        return out.print(safe(words.without_data_text([commune["name"]])))
    out.print(f"[bold]{safe(words.headline(commune, document))}[/]")
    out.print(f"(Tính đến {when(document['as_of'])}; {safe(document.get('criteria_label') or document['criteria_set'])}.)")
    _silence(out, document, commune)
    out.print(_now_and_then(document, commune))
    measured = words.measured_text(commune, document)
    if measured:
        out.print(f"{safe(measured)}\n")
    _grades(out, document, commune)
    _ranks(out, document, commune)
    if not words.over(document):
        _what_to_do(out, document, commune)
    _dossiers(out, document, commune)
    _changes(out, document, commune)
    if not words.over(document):
        _doubts(out, commune)
    _trust(out, document)


def _now_and_then(document: dict[str, Any], commune: dict[str, Any]) -> Any:
    """Today against the year's end."""
    now, index, settled = commune["now"], commune["index"], words.over(document)
    table = new_table("", "", ("Điểm", "right"), (f"80{fmt.NBSP}% khả năng", "right"), "Xếp loại", ("Hạng", "right"))
    table.columns[-1].no_wrap = True
    table.add_row(words.today(document), _now(commune), "", safe(now["grade"]), str(now["rank"] or fmt.DASH))
    chances = commune.get("rank_probability") or []
    ranked = commune.get("expected_rank") is not None and len(chances) > 1
    around = "" if _ranked_for_good(document, commune) else f" (khoảng {words.rank_range(chances)})"
    table.add_row(
        f"Cuối năm {document['year']}", _middle(commune, settled), "" if settled else words.index_range(index),
        safe(words.likely_grade(words.grade_chances(commune), settled)),
        f"{one(commune['expected_rank'])}{around}" if ranked else fmt.DASH,
    )  # fmt: skip
    return table


def _grades(out: Console, document: dict[str, Any], commune: dict[str, Any]) -> None:
    chances = words.grade_chances(commune)
    if not chances:
        out.print(f"{words.NO_GRADE}\n")
        return
    out.print("[bold]Khả năng xếp loại cuối năm[/]")
    widest = max(len(grade) for grade in chances)
    for grade, p in chances.items():
        out.print(f"  {safe(grade):<{widest}}  [blue]{words.bar(p)}[/] {words.odds(p, words.over(document))}")
    out.print()


def _ranks(out: Console, document: dict[str, Any], commune: dict[str, Any]) -> None:
    """A bar for each rank that has a chance of half a percent; the others are said in one line."""
    chances = commune.get("rank_probability") or []
    if len(chances) < 2:
        out.print(words.NO_RANK)
        _estimated(out, document, [commune])
        out.print()
        return
    out.print(f"[bold]Khả năng của từng hạng[/] (trong {len(chances)} xã)")
    likely = [(rank, p) for rank, p in enumerate(chances, 1) if p >= 0.005]
    top = max(p for _, p in likely)
    for rank, p in likely:
        out.print(f"  Hạng {rank:>3}  [blue]{words.bar(p / top)}[/] {words.odds(p, words.over(document))}")
    if len(likely) < len(chances) and not _ranked_for_good(document, commune):
        out.print(f"  Các hạng khác: gần như không (dưới 1{fmt.NBSP}%).")
    _estimated(out, document, [commune])
    out.print()


def _estimated(out: Console, document: dict[str, Any], communes: list[dict[str, Any]]) -> None:
    """What the ranks rest on where other communes have no data."""
    told = (document.get("peers") or {}).get("text")
    if told:
        out.print(f"[yellow]{safe(told)}[/]")
    elif any(row.get("rank_basis") == "estimated_peers" for row in communes):
        out.print(f"[yellow]{RANK_ESTIMATED}[/]")


def _what_to_do(out: Console, document: dict[str, Any], commune: dict[str, Any]) -> None:
    """The overdue budget, the three levers that matter, the plan."""
    if commune.get("budget"):
        out.print(f"[bold]Hạn mức trễ hạn.[/] {safe(commune['budget']['text'])}\n")
    levers = words.ordered_levers(commune)
    if not levers:
        out.print(f"{words.NO_LEVERS}\n")
        return
    out.print(f"[bold]{min(_LEVERS, len(levers))} việc có lợi nhất[/]")
    for number, lever in enumerate(levers[:_LEVERS], 1):
        _hanging(out, f"{number}.", words.lever_lines(lever, document["good_grade"]))
    planned = words.plan_lines(commune, document)
    if planned:
        out.print(f"\n{safe(planned[0])}")
        for line in planned[1:]:
            _hanging(out, "•", [line])
    out.print()


def _hanging(out: Console, mark: str, lines: list[str]) -> None:
    """Print lines beside a mark; what does not fit goes on under the text."""
    grid = Table.grid(padding=(0, 1))
    grid.add_column(width=2)
    grid.add_column()
    grid.add_row(mark, "\n".join(safe(line) for line in lines))
    out.print(grid)


def _dossiers(out: Console, document: dict[str, Any], commune: dict[str, Any]) -> None:
    """The dossiers to save this week, by the points at stake."""
    if commune.get("open"):
        out.print(words.open_text(commune["open"], words.over(document)))
    if words.over(document):
        return out.print()
    listed = commune.get("to_save") or []
    rows = [row for row in listed if row["p_late"] >= _WORTH][:_SAVED]
    if not rows:
        out.print(f"{words.NOTHING_TO_SAVE}\n")
        return
    table = new_table("\nHồ sơ cần ưu tiên trong tuần", "Hồ sơ", "Thủ tục", "Ai làm", "Hẹn trả", ("Nguy cơ trễ", "right"))
    table.columns[0].no_wrap = True  # a code that is cut in two cannot be searched for
    for row in rows:
        due = fmt.DASH if not row["due_on"] else day(row["due_on"])[:5]
        table.add_row(
            safe(row["dossier_code"]), safe(row.get("procedure_name") or row["procedure"]),
            safe(row["officer"] or row["department"]),
            f"{due}\n{words.days_left_text(row['days_left'])}", chance(row["p_late"]),
        )  # fmt: skip
    out.print(table)
    if len(listed) > len(rows):
        out.print(f"… còn {len(listed) - len(rows)} hồ sơ xếp sau hoặc ít nguy cơ hơn (tệp can-cuu của chuỗi đêm, hoặc --json)")


def _changes(out: Console, document: dict[str, Any], commune: dict[str, Any]) -> None:
    """What moved since the last forecast, and the last few forecasts themselves."""
    changes = commune.get("changes")
    if changes:
        # Of a year that is over the parts say nothing: all that was expected has come as facts, or has not.
        parts = {name: changes[name] for name in ("since", "before", "after")} if words.over(document) else changes
        told = None if words.over(document) else changes.get("text")
        out.print(f"[bold]Có gì đổi.[/] {safe(told or words.changes_text(parts))}")
    earlier = (commune.get("history") or [])[-_EARLIER:]
    if earlier:
        said = "; ".join(f"{day(row['as_of'])}: {one(row['p50'])} ({words.index_range(row)})" for row in earlier)
        out.print(f"Các lần dự báo trước cho cuối năm {document['year']}: {said}.")


def _doubts(out: Console, commune: dict[str, Any]) -> None:
    said = [words.not_measured_text(commune), words.doubt_text(commune.get("criteria") or [])]
    if any(said):
        out.print(f"[bold]Vì sao chưa chắc.[/] {safe(' '.join(text for text in said if text))}")


def _trust(out: Console, document: dict[str, Any]) -> None:
    """How good past forecasts were, who has none, and what is not official about the rules."""
    out.print(f"[bold]Tin được đến đâu.[/] {words.calibration_text(document.get('calibration'))}")
    card = document.get("scorecard")
    if card:
        out.print(safe(card["text"]))
        if card.get("hindsight"):
            out.print(f"[yellow]{backtest.HINDSIGHT}[/]")
    unknown = [*document.get("without_data", []), *(row["name"] for row in document["communes"] if not words.is_known(row))]
    if unknown:
        out.print(safe(words.without_data_text(unknown)))
    caveats(out, document)
