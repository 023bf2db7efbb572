"""Documents as Vietnamese tables for people (Rich). JSON never passes through here."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

from rich import _wrap, box
from rich.console import Console
from rich.table import Table

from messages import GRADE_STATUS_LABELS, PROVENANCE_LABELS, boundaries, definition_label, fmt, measure_label

# Rich breaks lines at no-break spaces too, and has no setting for it: "30" and "%" would stand on two lines.
_wrap.re_word = re.compile(rf"[^\S{fmt.NBSP}]*[\S{fmt.NBSP}]+[^\S{fmt.NBSP}]*")

STATUS_OF_FILE = {"loaded": "[green]đã nạp[/]", "duplicate": "đã có", "rejected": "[red]từ chối[/]"}
VERDICTS = {"pass": "[green]đạt[/]", "quarantine": "[yellow]giữ dòng[/]", "reject": "[red]từ chối[/]"}


def console() -> Console:
    """Return a console on stdout, as wide as the terminal or `COLUMNS` (110 columns when there is neither)."""
    return Console(highlight=False, width=None if sys.stdout.isatty() or os.environ.get("COLUMNS") else 110)


@contextmanager
def progress(title: str, quiet: bool) -> Iterator[Callable[[str, int, int], None]]:
    """Show a progress bar on stderr; yields (what, done, of)."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    bar = Progress(
        TextColumn("{task.fields[title]}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        TextColumn("{task.description}"), console=Console(stderr=True), disable=quiet or not sys.stderr.isatty(), transient=True,
    )  # fmt: skip
    with bar:
        task = bar.add_task("", total=None, title=title)

        def advance(what: str, done: int, of: int) -> None:
            bar.update(task, description=what[:60], completed=done, total=of)

        yield advance


def safe(text: object) -> str:
    """Return a text of unknown origin as it may be printed: no markup, no command to the terminal."""
    from rich.markup import escape

    if text in (None, ""):
        return "–"
    # A no-break space before % is ours, and no command to a terminal.
    clean = "".join(char if char.isprintable() or char == fmt.NBSP else "\ufffd" for char in str(text))
    return escape(clean.replace(" %", f"{fmt.NBSP}%"))


def when(text: str) -> str:
    """Return an ISO instant as read in Việt Nam."""
    from datetime import datetime
    from zoneinfo import ZoneInfo

    return fmt.moment(datetime.fromisoformat(text).astimezone(ZoneInfo("Asia/Ho_Chi_Minh")))


def points(value: Any) -> str:
    """Return points as people write them; a dash where there are none."""
    return "–" if value is None else fmt.points(value)


def new_table(title: str, *columns: str | tuple[str, str]) -> Table:
    """Return an empty table in the house style; a column is a name or (name, justify)."""
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", title_style="bold")
    for column in columns:
        name, justify = column if isinstance(column, tuple) else (column, "left")
        table.add_column(name, justify=justify, overflow="fold")  # type: ignore[arg-type]
    return table


def ingested(document: dict[str, Any]) -> None:
    """Files with verdict and counts, then what is wrong."""
    out = console()
    table = new_table(
        "Kết quả nạp tệp",
        "Tệp",
        "Loại",
        "Kết quả",
        ("Đọc", "right"),
        ("Nhận", "right"),
        ("Giữ lại", "right"),
        ("Không đổi", "right"),
    )
    for file in document["files"]:
        table.add_row(
            safe(file["path"].rsplit("/", 1)[-1]), safe(file["source"]), STATUS_OF_FILE[file["status"]],
            fmt.count(file["rows_read"]), fmt.count(file["rows_accepted"]), fmt.count(file["rows_quarantined"]),
            fmt.count(file["rows_unchanged"]),
        )  # fmt: skip
    out.print(table)
    for file in document["files"]:
        name = safe(file["path"].rsplit("/", 1)[-1])
        if file["message"]:
            out.print(f"• {name}: {safe(file['message'])}")
        for warning in file["warnings"]:
            out.print(f"  [yellow]Lưu ý[/] {name}: {safe(warning)}")
        for entry in file["quarantine"][:10]:
            out.print(
                f"  {name}, dòng {entry['row']}, cột «{safe(entry['column'])}»: {safe(rule_text(entry['rule']))} ({safe(entry['key'])})"
            )
        if len(file["quarantine"]) > 10:
            out.print(f"  … còn {len(file['quarantine']) - 10} dòng nữa; xem «cchc quarantine list»")


def rule_text(rule: str) -> str:
    """Return a quarantine rule in words."""
    from messages.quality import RULES

    return RULES.get(rule, rule)


def drafted(document: dict[str, Any]) -> None:
    """The YAML as it is, fit for a file; notes go to stderr."""
    sys.stdout.write(document["yaml"])


def contracts(document: dict[str, Any]) -> None:
    table = new_table("Hợp đồng", "Tên", "Nguồn", "Bảng", "Mô tả", "Ở đâu")
    for row in document["contracts"]:
        table.add_row(row["name"], row["source"], row["table"], safe(row["label"]), row["origin"])
    console().print(table)


def measures(document: dict[str, Any]) -> None:
    """One block per commune."""
    out = console()
    out.print(f"Tính đến {when(document['as_of'])} · trễ hạn theo {safe(definition_label(document['definition_version']))}")
    names = {row["name"] for row in document["measures"]}
    several = ("Xã",) if len(names) != 1 else ()
    table = new_table(
        "Số đo" if several else f"Số đo: {safe(*names)}", *several, "Nội dung", ("Tử số", "right"), ("Mẫu số", "right"),
        ("Giá trị", "right"), ("Khoảng tin cậy", "right"), ("Thiếu", "right"),
    )  # fmt: skip
    table.columns[-3].no_wrap = True
    for row in document["measures"]:
        share = row["denominator"] is not None and row["value"] is not None
        value = fmt.percent(row["value"]) if share else "" if row["value"] is not None else "chưa có số liệu"
        value += boundaries.few(row["judgement"], row["denominator"], row["measure"])
        table.add_row(
            *(safe(row["name"]) for _ in several), safe(measure_label(row["measure"])), "–" if row["numerator"] is None else fmt.count(row["numerator"]),
            "–" if row["denominator"] is None else fmt.count(row["denominator"]), value,
            boundaries.interval(row["interval"]), fmt.count(row["unknown"]) if row["unknown"] else "",
        )  # fmt: skip
    out.print(table)
    boundary_notes(out, document, document.get("units", []))


def boundary_notes(out: Console, document: dict[str, Any], units: list[dict[str, Any]]) -> None:
    """What a reader must know about boundaries and small surveys; nothing for a commune without such a note."""
    if document.get("units_on"):
        out.print(f"Theo địa giới ngày {fmt.day(date.fromisoformat(document['units_on']))}.")
    for unit in units:
        said = [*unit.get("notes", []), *filter(None, [(unit.get("sample") or {}).get("note")])]
        for note in said:
            out.print(f"[yellow]Lưu ý[/] {safe(unit['name'])} ({safe(unit['commune'])}): {safe(note)}")


def period(document: dict[str, Any]) -> str:
    """Return the period of a score: "năm 2023", "tháng 6/2023"."""
    return f"tháng {document['month']}/{document['year']}" if document.get("month") else f"năm {document['year']}"


def district_table(document: dict[str, Any]) -> Table:
    """Return the table of communes: index so far, share scored, grade, rank."""
    label = document.get("criteria_label")  # results published by older versions have none
    title = f"{safe(label)}:" if label else "Chỉ số CCHC"
    table = new_table(
        f"{title} {period(document)}, tính đến {when(document['as_of'])}", ("Hạng", "right"), "Xã", ("Điểm", "right"),
        ("Đã chấm", "right"), ("Tỷ lệ", "right"), "Xếp loại",
    )  # fmt: skip
    communes = sorted(document["communes"], key=lambda c: (c["rank"] is None, c["rank"] or 0, c["name"]))
    for row in communes:
        grade = row["grade"] or GRADE_STATUS_LABELS.get(row["grade_status"], "chưa xếp")
        table.add_row(
            str(row["rank"] or "–"), safe(row["name"]), points(row["total"]), f"{points(row['max_scored'])}/{points(row['max_total'])}",
            "–" if row["share_pct"] is None else f"{fmt.number(row['share_pct'], 1)}{fmt.NBSP}%", safe(grade),
        )  # fmt: skip
    return table


def scores(document: dict[str, Any]) -> None:
    """The table of communes or of officials, then what is not official."""
    if document.get("subject") == "official":
        from apps.tables.officials import officials

        return officials(document)
    out = console()
    out.print(district_table(document))
    provisional(out, document)
    lines = (line for commune in document["communes"] for line in commune["criteria"])
    few = {line["label"] for line in lines if line.get("judgement") == "too_few"}
    if few:
        out.print(f"Có xã còn quá ít trường hợp để so sánh ở: {safe('; '.join(sorted(few)))}. Điểm không đổi vì lưu ý này.")
    boundary_notes(out, document, document["communes"])
    caveats(out, document)


def caveats(out: Console, document: dict[str, Any]) -> None:
    """Which rules were used, and what is not official about them."""
    stamp = f" ({document['criteria_hash'][:12]})" if document.get("criteria_hash") else ""
    provenance = PROVENANCE_LABELS.get(document.get("provenance", ""))
    out.print(
        f"Bộ tiêu chí: {safe(document['criteria_set'])}{stamp}{f' · {provenance}' if provenance else ''} · "
        f"trễ hạn theo {safe(definition_label(document['definition']))}"
    )
    prescribed = document.get("prescribed_definition")
    if prescribed and prescribed != document["definition"].partition("@")[0]:
        out.print(
            f"[yellow]Bộ tiêu chí này quy định trễ hạn theo {safe(definition_label(prescribed))}; đang tính thử theo cách khác.[/]"
        )
    if document.get("warning"):
        out.print(f"[yellow]{safe(document['warning'])}[/]")
    assumed = [f"{target['label']} {fmt.percent(target['assumed'])}" for target in document.get("unknown_targets", [])]
    if assumed:
        out.print(f"[yellow]Chỉ tiêu giả định, chưa có văn bản:[/] {safe('; '.join(assumed))}.")


def provisional(out: Console, document: dict[str, Any]) -> None:
    """Say that ranks mean little while most of the set is not scored; nothing once every subject is graded."""
    thin = [row for row in document["communes"] if row["grade_status"] == "insufficient_data" and row["rank"] is not None]
    if thin:
        most = max(row["max_scored"] / row["max_total"] for row in thin)
        out.print(f"Chưa đủ số liệu để xếp loại (mới chấm được tối đa {fmt.percent(most, 0)} số điểm): thứ hạng chỉ để theo dõi.")


def night(document: dict[str, Any]) -> None:
    """What a night did."""
    out = console()
    out.print(document["message"])
    if document.get("files"):
        ingested({"files": document["files"]})
    if document.get("score"):
        out.print(district_table(document["score"]))
        provisional(out, document["score"])
        caveats(out, document["score"])
    _foretold(out, document.get("forecast"))
    _promised(out, document.get("commitments"))
    findings(document.get("findings", []))
    _told_of(out, document)
    for label, path in document.get("written", {}).items():
        out.print(f"{label}: {path}", soft_wrap=True)


def _told_of(out: Console, document: dict[str, Any]) -> None:
    """What a night says of last year, and of alerts."""
    from apps.tables.night import alarms, last_year

    last_year(out, document.get("last_year"))
    alarms(out, document.get("alerts"))


def _foretold(out: Console, document: dict[str, Any] | None) -> None:
    """Where the year ends, as the night forecast it, or why it did not."""
    from apps.tables.night import foretold

    if document:
        foretold(out, document)


def _promised(out: Console, document: dict[str, Any] | None) -> None:
    """The commitments of notices that someone must act on; the others only as counts."""
    from apps.tables.commitments import pressing

    if document and document["error"]:
        out.print(f"[yellow]Lưu ý[/] {safe(document['error'])}")
    if document:
        pressing(out, document["notices"])


def findings(rows: list[dict[str, Any]]) -> None:
    if not rows:
        return
    table = new_table("Đối chiếu giữa các tệp", "Kiểm tra", "Xã", "Nội dung")
    for row in rows[:20]:
        table.add_row(safe(row["label"]), safe(row["unit"]), safe(row["text"]))
    console().print(table)
    if len(rows) > 20:
        console().print(f"… còn {len(rows) - 20} điểm nữa (--json để lấy đủ)")


def quarantined(document: dict[str, Any]) -> None:
    table = new_table("Các dòng bị giữ lại", ("Số", "right"), "Tệp", ("Dòng", "right"), "Cột", "Lý do", "Mã", "Tình trạng")
    states = {"open": "chờ sửa", "superseded": "đã có bản sửa", "closed": "đã đóng"}
    for row in document["rows"]:
        table.add_row(
            str(row["quarantine_id"]), safe(row["file"]), str(row["row"]), safe(row["column"]), safe(rule_text(row["rule"])),
            safe(row["key"]), states.get(row["state"], row["state"]),
        )  # fmt: skip
    console().print(table)


def exported(document: dict[str, Any]) -> None:
    console().print(
        f"Đã ghi {document['rows']} dòng vào {document['path']}; sửa rồi nạp lại bằng «cchc ingest».",
        soft_wrap=True,
    )


def closed(document: dict[str, Any]) -> None:
    console().print(f"Đã đóng {document['closed']} dòng.")


def demo(document: dict[str, Any]) -> None:
    """The district, the commune's lost points by owner, its targets, the verdicts, the paths."""
    out = console()
    out.print(district_table(document["score"]))
    caveats(out, document["score"])
    lost = document["explain"]
    out.print(_by_owner(lost))
    forecast_page(document["forecast"], lost["unit_id"])
    _register(out, document["targets"])
    from apps.tables.sets import standing

    out.print(standing(lost["name"], document["other_sets"]))
    table = new_table("\nChất lượng tệp", "Kết luận", ("Số tệp", "right"), ("Dòng đọc", "right"), ("Dòng giữ lại", "right"))
    for row in document["quality"]:
        table.add_row(
            VERDICTS.get(row["verdict"], safe(row["verdict"])),
            str(row["files"]),
            fmt.count(row["rows_read"]),
            fmt.count(row["rows_quarantined"]),
        )
    out.print(table)
    for file in document["rejected"]:
        out.print(f"• {safe(file['path'].rsplit('/', 1)[-1])}: {safe(file['message'])}")
    findings(document["findings"])
    for label, path in document["written"].items():
        out.print(f"{label}: {path}", soft_wrap=True)
    out.print(f"Xem một tiêu chí: .venv/bin/cchc explain --commune {lost['commune']} --year {lost['year']} --criterion III.3")


def forecast_page(document: dict[str, Any], unit_id: str) -> None:
    """The forecast of one commune as it stood on a day of the year, under a heading."""
    from apps.tables.forecast import show_commune

    console().rule(f"Dự báo tại ngày {when(document['as_of'])}", align="left")
    for commune in document["communes"]:
        if commune["unit_id"] == unit_id:
            show_commune(document, commune)


def _register(out: Console, rows: list[dict[str, Any]]) -> None:
    """Where the commune stands on the notices that bind it; nothing when none does."""
    from apps.tables.commitments import notes, register_table

    if rows:
        out.print(register_table(rows, "Chỉ tiêu trong thông báo"))
        notes(out, rows)


def _by_owner(lost: dict[str, Any]) -> Table:
    """Return the lost points under each owner, the owner with most to recover first."""
    table = new_table(
        f"\n{lost['name']}: mất {points(lost['lost'])} điểm, theo người phụ trách",
        "Phụ trách",
        "Tiêu chí",
        ("Mất", "right"),
        "Lý do",
        "Hồ sơ sửa trước",
    )
    owners: dict[str, list[dict[str, Any]]] = {}
    for item in lost["items"]:
        owners.setdefault(item["owner"], []).append(item)
    for owner, items in sorted(owners.items(), key=lambda entry: -sum(item["lost"] for item in entry[1])):
        total = sum(item["lost"] for item in items)
        for number, item in enumerate(sorted(items, key=lambda i: -i["lost"])):
            more = f" … ({fmt.count(item['dossier_count'])} hồ sơ)" if item["dossier_count"] > 3 else ""
            table.add_row(
                f"{safe(owner)}\n[bold]−{points(total)}[/]" if not number else "",
                item["code"],
                points(item["lost"]),
                safe(item["reason"].removeprefix(f"{item['label']}: ")),
                "\n".join(safe(code) for code in item["dossiers"][:3]) + more or "–",
                end_section=number == len(items) - 1,
            )
    return table
