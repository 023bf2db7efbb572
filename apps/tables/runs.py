"""Published scores for people: the list, one result, whether it comes out again, what moved it."""

from __future__ import annotations

from typing import Any

from apps import show
from apps.show import console, new_table, points, safe, when
from messages import STATUS_LABELS, definition_label, fmt
from messages import runs as wording

#: Differences shown for each run; --json gives more.
FEW = 10


def listing(document: dict[str, Any]) -> None:
    """One line per published run."""
    if not document["runs"]:
        console().print("Chưa có kết quả nào được công bố; «cchc nightly» công bố kết quả của mỗi đêm.")
        return
    table = new_table(
        "Kết quả đã công bố", ("Số", "right"), ("Năm", "right"), "Tính đến\nsố liệu đến", "Bộ tiêu chí\ntrễ hạn theo",
        "Công bố\nmã kết quả",
    )  # fmt: skip
    for row in document["runs"]:
        origin = wording.ORIGIN_LABELS.get(row["origin"], safe(row["origin"]))
        table.add_row(
            str(row["run"]), str(row["year"]), f"{when(row['as_of'])}\n[dim]{when(row['known_at'])}[/]",
            f"{safe(row['criteria_set'])} ({row['criteria_hash'][:6]})\n[dim]{safe(definition_label(row['definition']))}[/]",
            f"{when(row['published_at'])} · {origin}\n[dim]{row['digest'][:8]}[/]",
        )  # fmt: skip
    console().print(table)


def shown(document: dict[str, Any]) -> None:
    """The stored result, then its recipe."""
    run = document["run"]
    out = console()
    out.print(
        f"Kết quả số {run['run']}, công bố {when(run['published_at'])} "
        f"({wording.ORIGIN_LABELS.get(run['origin'], safe(run['origin']))})"
    )
    show.scores(document)
    out.print(
        f"Số liệu biết đến {when(run['known_at'])} ({fmt.count(run['inputs'])} tệp) · định nghĩa {safe(run['definition'])} · "
        f"lịch {run['calendar'][:8]} · chương trình {run['code'][:8]} · mã kết quả {run['digest'][:16]}"
    )


def rebuilt(document: dict[str, Any]) -> None:
    """Whether a run comes out again, and what differs."""
    out = console()
    run = document["run"]
    out.print(f"Kết quả số {run['run']} (năm {run['year']}, tính đến {when(run['as_of'])}): {_verdict(document)}")
    if document["reason"]:
        out.print(safe(document["reason"]))
    if document["status"] != "identical" and run["code"] != document["code_now"]:
        out.print(wording.code_differs(run["code"], document["code_now"]))
    _differences(document, len(document["differences"]))


def verified(document: dict[str, Any]) -> None:
    """One line per run, then what differs."""
    table = new_table("Dựng lại mọi kết quả đã công bố", ("Số", "right"), ("Năm", "right"), "Tính đến", "Kết luận")
    for entry in document["runs"]:
        run = entry["run"]
        table.add_row(str(run["run"]), str(run["year"]), when(run["as_of"]), _verdict(entry))
    out = console()
    out.print(table)
    for entry in document["runs"]:
        if entry["reason"]:
            out.print(f"Kết quả số {entry['run']['run']}: {safe(entry['reason'])}")
        _differences(entry, FEW)
    bad = len(document["bad"])
    out.print(
        f"Đã kiểm tra {document['checked']} kết quả: " + (f"[red]{bad} không trùng[/]." if bad else "tất cả đều trùng khớp.")
    )


def _verdict(entry: dict[str, Any]) -> str:
    color = {"identical": "green", "same_figures": "green"}.get(entry["status"], "red")
    return f"[{color}]{wording.REBUILD_LABELS[entry['status']]}[/]"


def _differences(entry: dict[str, Any], few: int) -> None:
    if not entry["differences"]:
        return
    table = new_table(
        f"Kết quả số {entry['run']['run']}: chỗ khác", "Xã", "Tiêu chí", "Mục", ("Đã công bố", "right"), ("Dựng lại", "right")
    )
    for gap in entry["differences"][:few]:
        table.add_row(
            _who(gap), safe(gap["criterion"]), wording.FIELD_LABELS.get(gap["field"], gap["field"]),
            safe(gap["stored"]), safe(gap["rebuilt"]),
        )  # fmt: skip
    console().print(table)
    if entry["difference_count"] > few:
        console().print(f"… tất cả {fmt.count(entry['difference_count'])} chỗ khác")


def _who(row: dict[str, Any]) -> str:
    """Return the commune, or the official and the commune."""
    return f"{safe(row['officer'])}, {safe(row['name'])}" if row.get("officer") else safe(row["name"])


def _signed(value: float | None) -> str:
    if value is None:
        return "–"
    return "0" if not value else ("+" if value > 0 else "−") + points(abs(value))


def _heading(document: dict[str, Any]) -> None:
    """What the two runs are and where they differ."""
    out = console()
    a, b = document["run_a"], document["run_b"]
    out.print(f"Từ kết quả số {a['run']} (năm {a['year']}) đến kết quả số {b['run']} (năm {b['year']})")
    for row in document["factors"]:
        if row["changed"]:
            sides = [row[side] if row[side] is not None else "không có" for side in ("from", "to")]
            old, new = (_moment(side) if row["factor"] in ("facts", "time") else str(side) for side in sides)
            out.print(f"  {wording.factor_label(row['factor'])}: {safe(old)} → {safe(new)}")
    files = document["files_only_in_b"]
    if files:
        more = f" … ({len(files)} tệp)" if len(files) > 5 else ""
        out.print(f"  Tệp mới: {safe(', '.join(files[:5]))}{more}")
    for entry in document["not_separable"]:
        out.print(f"[yellow]{safe(wording.not_separable(entry['factors'], entry['why']))}[/]")


def _moment(text: str) -> str:
    """Return a moment, with what follows it, as read in Việt Nam."""
    moment, _, rest = text.partition(" ")
    return f"{when(moment)} {rest}".strip()


def _columns(document: dict[str, Any]) -> list[str]:
    """Return the factors worth a column: those that changed, and the program when it moved anything."""
    changes = [change for c in document["communes"] for change in (c["total"], c["index"], *c["criteria"])]
    moved = any(change["parts"] and change["parts"]["code"] for change in changes)
    return [name for name in document["columns"] if name != "code" or moved]


def compared(document: dict[str, Any]) -> None:
    """One line per commune: points in both runs, the change, and each factor's part of it."""
    _heading(document)
    columns = _columns(document)
    table = new_table(
        "Điểm thay đổi vì đâu", "Xã", ("Trước", "right"), ("Sau", "right"), ("Δ", "right"),
        *((wording.factor_label(name), "right") for name in columns), ("Hạng", "right"), "Xếp loại",
    )  # fmt: skip
    scored = [row for row in document["communes"] if row["total"]["parts"] is not None]
    for row in sorted(scored, key=lambda c: (-abs(c["total"]["delta"]), c["name"])):
        total = row["total"]
        table.add_row(
            _who(row), points(total["from"]), points(total["to"]), _signed(total["delta"]),
            *(_signed(total["parts"][name]) for name in columns), _shift(row["rank"]), _shift(row["grade"]),
        )  # fmt: skip
    console().print(table)
    _absent(document)


def compared_one(document: dict[str, Any]) -> None:
    """The criteria of one commune that moved, with figures before and after, and each factor's part."""
    _heading(document)
    columns = _columns(document)
    for row in document["communes"]:
        table = new_table(
            f"{_who(row)}: điểm thay đổi vì đâu", "Tiêu chí", ("Trước", "right"), ("Sau", "right"), ("Δ", "right"),
            *((wording.factor_label(name), "right") for name in columns), "Số liệu trước → sau",
        )  # fmt: skip
        for line in row["criteria"]:
            table.add_row(
                "Giới hạn thưởng, phạt" if line["label"] is None else f"{safe(line['code'])} {safe(line['label'])}",
                points(line["from"]), points(line["to"]), _signed(line["delta"]),
                *(_signed(line["parts"][name]) for name in columns), _evidence(line),
            )  # fmt: skip
        for label, change in (("[bold]Tổng điểm[/]", row["total"]), ("[bold]Tỷ lệ, %[/]", row["index"])):
            parts = change["parts"] or {}
            table.add_row(
                label, points(change["from"]), points(change["to"]), _signed(change["delta"]),
                *(_signed(parts.get(name)) for name in columns), "",
            )  # fmt: skip
        out = console()
        out.print(table)
        out.print(f"Hạng {_shift(row['rank'])} · xếp loại {_shift(row['grade'])}")
        told = row["dossiers"]
        if told:
            out.print(f"Các tệp mới: {fmt.count(told['new'])} hồ sơ mới, {fmt.count(told['changed'])} hồ sơ được sửa.")


def _evidence(line: dict[str, Any]) -> str:
    """Return numerator/denominator before and after, or the status where there is none."""

    def side(which: str) -> str:
        numerator, denominator = line["numerator"][which], line["denominator"][which]
        if numerator is None:
            return safe(STATUS_LABELS.get(line["status"][which], line["status"][which]))
        return fmt.number(numerator, 2) + ("" if denominator is None else f"/{fmt.number(denominator, 2)}")

    return "" if line["label"] is None else f"{side('from')} → {side('to')}"


def _shift(change: dict[str, Any]) -> str:
    old, new = (safe(change[side]) for side in ("from", "to"))
    return old if old == new else f"{old} → {new}"


def _absent(document: dict[str, Any]) -> None:
    """Who is not in the table, and why."""
    unscored = [row for row in document["communes"] if row["total"]["parts"] is None]
    if unscored:
        console().print(f"Chưa có số liệu trong cả hai kết quả: {', '.join(_who(row) for row in unscored)}")
    for rows, where in ((document["only_in_a"], "trước"), (document["only_in_b"], "sau")):
        if rows:
            console().print(f"Chỉ có trong kết quả {where}: {', '.join(_who(row) for row in rows)}")
