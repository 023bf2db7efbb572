"""Drafting a contract for an unknown export: where the header is, what the columns hold, which canonical column is nearest.

Everything is a guess and is marked as one; a person corrects the draft. No cell of a personal column is ever repeated.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any, Final

from sources.canonical import APPLICANT, TABLES
from sources.contract import Contract, builtin_contracts
from sources.parse import open_book
from sources.tabular import dates, header, numbers
from sources.tabular.cells import Cleaner, as_text
from sources.tabular.reject import Rejected
from sources.tabular.sheet import Book, Sheet
from sources.tabular.text import fold, fold_header, strip_marks

SAMPLE: Final = 400
NEAR: Final = 0.74
_HIDDEN: Final = "(chữ giống thông tin cá nhân, không hiện)"
_ADDRESS: Final = re.compile(r"\b(thon|xom|to dan pho|duong|hem|ngo|ngach|so nha|phuong|xa|huyen|tinh|khu pho)\b")
_PERSONAL: Final = (
    (APPLICANT, r"chu ho so|nguoi nop|ho (va )?ten|ten (cong dan|nguoi|khach)|cong dan|khach hang"
     r"|nguoi (de nghi|yeu cau|dung ten|tra loi|dan)"),
    ("phone", r"dien thoai|\bsdt\b|di dong|phone"), ("email", r"e-?mail|thu dien tu"),
    ("identity", r"cccd|cmnd|can cuoc|chung minh|dinh danh|ma so thue|so giay to"),
    ("address", r"dia chi|noi o|thuong tru|tam tru"), ("birth", r"ngay sinh|nam sinh"),
)  # fmt: skip
_UNIT: Final = r"don vi|co quan|ubnd|noi (?:tiep nhan|giai quyet|xu ly)|\bxa\b|phuong"
#: Words by which people name the columns of a dossier list, for headers that no contract lists. Tried in this order.
_HINTS: Final = (
    ("supplement_count", r"so lan.*bo sung"), ("supplement_requested_at", r"bo sung"),
    ("due_at", r"hen|han tra|han.*ket qua|den han"),
    ("internal_due_at", r"han (?:xu ly|noi bo|giai quyet)"), ("received_at", r"tiep nhan|\bnhan\b"),
    ("finished_at", r"ket thuc|\bxong\b|hoan thanh|co ket qua"), ("returned_at", r"ngay tra|tra ket qua|tra kq|giao tra"),
    ("submitted_at", r"\bnop\b|dang ky"), ("procedure_code", r"ma.*(?:thu tuc|tthc)"),
    ("dossier_code", r"(?:\bma\b|\bso\b).*(?:ho so|\bhs\b|bien nhan)"), ("procedure_name", r"thu tuc|tthc"),
    ("field_name", r"linh vuc"),
    ("status", r"trang thai|tinh trang"), ("channel", r"hinh thuc|kenh|cach (?:nop|thuc)"),
    ("officer", r"can bo|cong chuc|nguoi (?:xu ly|thu ly|giai quyet)"), ("department", r"phong|bo phan"),
    ("paid_online", r"thanh toan"), ("fee_amount", r"\bphi\b|so tien"), ("unit_code", _UNIT),
)  # fmt: skip
_FILL: Final = "ĐIỀN-TIÊU-ĐỀ"


@lru_cache(maxsize=1)
def _known() -> dict[str, dict[str, tuple[str, ...]]]:
    """Return table → canonical column → every header text the built-in contracts know (and the column's own name)."""
    known: dict[str, dict[str, tuple[str, ...]]] = {name: {} for name in TABLES}
    for contract in builtin_contracts():
        columns = known[contract.table.name]
        for name in (*contract.columns, "unit_code"):
            if name in contract.columns or (contract.unit_headers and name == "unit_code"):
                columns[name] = (*columns.get(name, ()), *contract.headers(name))
    return known


def sniff(path: Path, display_name: str = "", work: Path | None = None) -> dict[str, Any]:
    """Return what an unknown export seems to hold.

    Returns {format, encoding, sheet, header_row, header_depth, table, contract, unit, unit_from_title, columns: [{header, type,
    canonical, certainty, personal, required, values}], missing: [canonical]}. `certainty` is 0-1.
    Raises: Rejected (the reasons of the readers, or unknown_layout when nothing looks like a header).
    """
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        book = open_book(path, work or Path(folder))
        cleaner = Cleaner(book.extra["mode"])
        best: tuple[float, Sheet, int, int] | None = None
        for sheet in book.sheets:
            place = _header_row(sheet, cleaner)
            if place is not None and (best is None or place[0] > best[0] + 1e-9):
                best = (place[0], sheet, place[1], place[2])
        if best is None:
            raise Rejected("unknown_layout", "Không thấy dòng nào giống dòng tiêu đề; hãy kiểm tra tệp có bảng dữ liệu.")
        return _describe(book, best[1], best[2], best[3], cleaner, display_name)


def _header_row(sheet: Sheet, cleaner: Cleaner) -> tuple[float, int, int] | None:
    """Return (score, 0-based row, depth) of the likeliest header of a sheet."""
    known = {
        form for columns in _known().values() for texts in columns.values() for text in texts for form in [fold_header(text)]
    }
    known |= {part for text in known for part in text.split(">")} | header.ORDINAL
    best: tuple[float, int, int] | None = None
    for row in range(min(len(sheet.head), header.MAX_START)):
        for depth in range(1, header.MAX_DEPTH + 1):
            if row + depth > len(sheet.head) or (depth > 1 and not _is_grouped(sheet, row)):
                break
            columns = header.paths(sheet.head, row, depth, sheet.merged, cleaner)
            score = 0.0
            leaves = [path[-1] for path in columns if path]
            for path in columns:
                if not path:
                    continue
                text = path[-1]
                if any(form in known for form in header.forms(path)):
                    score += 3.0
                elif len(text) <= 80 and not _is_value(text):
                    score += 1.0
                else:
                    score -= 1.5
            score -= 2.0 * (len(leaves) - len(set(map(fold_header, leaves)))) if depth == 1 else 0.0
            score -= 0.01 * row + 0.1 * (depth - 1)
            if len(leaves) >= 2 and (best is None or score > best[0] + 1e-9):
                best = (score, row, depth)
    return best if best is not None and best[0] >= 2 else None


def _is_grouped(sheet: Sheet, row: int) -> bool:
    """Whether a row may be the top of a header of several rows: merged across, or with gaps and repeated words below."""
    if sheet.merged:
        return any(top == row and right > left for top, left, _, right in sheet.merged)
    cells = sheet.head[row]
    return sum(1 for cell in cells if cell.strip()) >= 2 and any(not cell.strip() for cell in cells)


def _is_value(text: str) -> bool:
    """Whether a text looks like data rather than a header."""
    return (
        dates.parse_text(text) is not None or numbers.parse_number(text) is not None
        or re.fullmatch(r"[A-Z0-9]+([./-][A-Z0-9]+)+", text) is not None or sum(c.isdigit() for c in text) > 5
    )  # fmt: skip


def _sample(sheet: Sheet, first: int, width: int, cleaner: Cleaner) -> list[list[str]]:
    """Return up to SAMPLE clean texts of each column."""
    columns: list[list[str]] = [[] for _ in range(width)]
    for block in islice(sheet.blocks(first, width), 1):
        for at, cells in enumerate(block.columns):
            texts = as_text(type(cells)(cells.text.slice(0, SAMPLE), *(
                None if part is None else part[:SAMPLE] for part in (cells.number, cells.moment, cells.dated, cells.timed)
            )))  # fmt: skip
            columns[at] = [cleaner.one(text) if text else "" for text in texts.to_pylist()]
    return columns


def _may_be_shown(text: str) -> bool:
    """Return whether a value of a code column may stand in a draft: in a shifted file it may be a person's name or address."""
    words = text.split()
    name = len(words) > 1 and all(word[:1].isupper() for word in words)
    return not name and not re.search(r"\d{3}|@", text) and not _ADDRESS.search(strip_marks(text))


def guess_type(texts: Iterable[str]) -> str:
    """Return the type most of the texts have: datetime, date, percent, integer, decimal, boolean, code or text."""
    said = [text for text in texts if text and fold(text) not in numbers.NOTHING]
    if not said:
        return "text"
    enough = 0.85 * len(said)
    moments = [moment for moment in map(dates.parse_text, said) if moment is not None]
    if len(moments) >= enough:
        return "datetime" if any(moment.timed for moment in moments) else "date"
    if sum(text.endswith("%") for text in said) >= enough:
        return "percent"
    plain = [numbers.parse_number(text) for text in said]
    if sum(value is not None for value in plain) >= enough:
        if all(len(text) > 1 and text.startswith("0") and text.isdigit() for text in said[:20]):
            return "text"
        if sum(numbers.parse_boolean(text) is not None for text in said) == len(said) and len(set(said)) == 2:
            return "boolean"
        whole = all(value is None or value == int(value) for value in plain) and not any(
            "," in text or "." in text for text in said
        )
        return "integer" if whole else "decimal"
    if sum(numbers.parse_boolean(fold(text)) is not None for text in said) >= enough:
        return "boolean"
    return "code" if len(said) >= 8 and len(set(said)) <= min(12, len(said) // 4) else "text"


def _nearness(path: list[str], text: str) -> float:
    """Return how near a header path is to a known header text, 0 to 1."""
    forms = header.forms(path)
    target = fold_header(text)
    if target in forms:
        return 1.0 if target == forms[0] else 0.97
    wanted, b = _bare(text.rpartition(">")[2] if len(path) == 1 else text)
    joined, a = _bare(" > ".join(path))
    if wanted in (_bare(path[-1])[0], joined):
        return 0.93
    overlap = len(a & b) / max(len(a | b), 1)
    contained = 0.8 if (len(b) >= 2 and b <= a) or (len(a) >= 2 and a <= b) else 0.0
    if overlap < 0.3 and (len(a) > 1 or len(b) > 1):
        return contained
    alike = difflib.SequenceMatcher(None, joined, wanted).ratio() - (0.0 if overlap >= 0.5 else 0.2)
    return min(0.9, max(alike, overlap, contained))


@lru_cache(maxsize=8192)
def _bare(text: str) -> tuple[str, frozenset[str]]:
    """Return a header without diacritics, and its words."""
    bare = strip_marks(text)
    return bare, frozenset(re.findall(r"\w+", bare))


def _assign(paths: list[list[str]], types: list[str], table: str) -> dict[int, tuple[str, float]]:
    """Return column → (canonical name, certainty) for a table; one column for each canonical name."""
    scored: list[tuple[float, int, str]] = []
    for at, path in enumerate(paths):
        if not path:
            continue
        hinted = _hint(path, types[at]) if table == "dossiers" else None
        for name, texts in _known()[table].items():
            near = max(_nearness(path, text) for text in texts)
            kind = TABLES[table].columns.get(name)
            if near < 0.97 and kind and not _compatible(types[at], kind):
                near -= 0.25
            if near < 0.93 and hinted is not None:
                near = 0.85 if name == hinted else min(near, 0.7)
            if near >= NEAR:
                scored.append((near, at, name))
    result: dict[int, tuple[str, float]] = {}
    taken: set[str] = set()
    for near, at, name in sorted(scored, key=lambda item: (-item[0], item[1])):
        if at not in result and name not in taken:
            result[at] = (name, round(near, 2))
            taken.add(name)
    return result


def _hint(path: list[str], guess: str) -> str | None:
    """Return the dossier column that the words of a header suggest, if the data allow it."""
    bare = strip_marks(" ".join(path))
    for name, pattern in _HINTS:
        if re.search(pattern, bare) and _compatible(guess, TABLES["dossiers"].columns[name]):
            return name
    return None


def _compatible(guess: str, kind: str) -> bool:
    """Whether a guessed type can be read as a canonical type."""
    group = {
        "date": {"date", "datetime"}, "datetime": {"date", "datetime"}, "integer": {"integer", "code", "boolean"},
        "decimal": {"decimal", "integer", "percent", "code"}, "percent": {"percent", "decimal"},
        "boolean": {"boolean", "code", "integer"},
    }  # fmt: skip
    return guess in group.get(kind, {"text", "code", "integer", "boolean", "decimal"})


def _describe(book: Book, sheet: Sheet, row: int, depth: int, cleaner: Cleaner, display_name: str) -> dict[str, Any]:
    """Return the findings about the chosen header."""
    paths = header.paths(sheet.head, row, depth, sheet.merged, cleaner)
    samples = _sample(sheet, row + depth, len(paths), cleaner)
    types = [guess_type(texts) for texts in samples]
    ranked = []
    for name in TABLES:
        found = _assign(paths, types, name)
        have = {column for column, _ in found.values()}
        needed = [column for column in TABLES[name].required if column != "unit_code"]
        ranked.append((sum(near for _, near in found.values()) + 0.5 * sum(c in have for c in needed), name, found))
    _, table, found = max(ranked, key=lambda item: item[0])
    model = max(
        (c for c in builtin_contracts() if c.table.name == table),
        key=lambda c: sum(n in c.columns for n, _ in found.values()),
    )
    columns: list[dict[str, Any]] = []
    used = {name for name, _ in found.values()}
    for at, path in enumerate(paths):
        if not path or fold_header(path[-1]) in header.ORDINAL:
            continue
        columns.append(_column(path, types[at], samples[at], found.get(at), table, model, used))
    mapped = {column["canonical"] for column in columns}
    return {
        "path": display_name, "format": book.format, "encoding": book.encoding, "sheet": sheet.name or None,
        "header_row": (sheet.lines[row] if sheet.lines else row + 1), "header_depth": depth, "table": table, "like": model.name,
        "unit": next((c["header"] for c in columns if c["canonical"] == "unit_code"), None), "columns": columns,
        "missing": [n for n in TABLES[table].required if n != "unit_code" and n not in mapped],
    }  # fmt: skip


def _column(
    path: list[str],
    kind: str,
    texts: list[str],
    match: tuple[str, float] | None,
    table: str,
    model: Contract,
    used: set[str],
) -> dict[str, Any]:
    """Return the findings about one column."""
    name, certainty = match or (None, 0.0)
    bare = strip_marks(" ".join(path))
    known = TABLES[table].columns.get(name or "")
    personal = name is not None and (name not in TABLES[table].columns)
    if name is None or certainty < 0.9:
        for candidate, pattern in _PERSONAL:
            if re.search(pattern, bare) and not re.search(r"can bo|cong chuc|phong|don vi", bare):
                name, certainty, personal, known = _free(candidate, used), 0.8, True, None
                break
    if name is None and TABLES[table].has_unit and re.search(_UNIT, bare) and "unit_code" not in used:
        name, certainty, known = "unit_code", 0.75, "text"
    if name:
        used.add(name)
    values: dict[str, list[str]] = {}
    unlisted: list[str] = []
    if name and known in ("code", "boolean", "integer") and not personal and name in model.columns and model.columns[name].values:
        listed = model.columns[name].values or {}
        for text in sorted({text for text in texts if text})[:40]:
            target = listed.get(fold(text))
            if target is not None:
                values.setdefault(json.dumps(target) if not isinstance(target, str) else target, []).append(text)
            else:
                unlisted.append(text if _may_be_shown(text) else _HIDDEN)
    return {
        "header": " > ".join(path), "guess": kind, "type": known or ("text" if name else kind), "canonical": name,
        "certainty": certainty, "personal": personal, "required": bool(name in TABLES[table].required), "values": values,
        "unlisted": list(dict.fromkeys(unlisted)) if kind in ("code", "integer", "boolean") or values else [],
    }  # fmt: skip


def _free(name: str, used: set[str]) -> str:
    """Return `name`, or `name_2`… when it is taken."""
    made, n = name, 2
    while made in used:
        made, n = f"{name}_{n}", n + 1
    return made


def draft_yaml(found: dict[str, Any], name: str = "new_layout") -> str:
    """Return a contract draft for what `sniff` found. It loads once the places marked `ĐIỀN` are filled in."""

    def quote(text: str) -> str:
        return json.dumps(text, ensure_ascii=False)

    others = ", ".join(name for name in TABLES if name != found["table"])
    lines = [
        "# Bản nháp do «cchc contract sniff» soạn. Mọi dòng đều là phỏng đoán: đọc lại, sửa, rồi nạp với --contract.",
        f"# Tệp {found['format']}" + (f", bảng mã {found['encoding']}" if found["encoding"] else "")
        + (f", trang {quote(found['sheet'])}" if found["sheet"] else "")
        + f", dòng tiêu đề {found['header_row']}" + (f" ({found['header_depth']} dòng gộp)" if found["header_depth"] > 1 else ""),
        f"contract: {name}", f"source: {name}          # tên nguồn dữ liệu, đặt theo ý bạn",
        f"table: {found['table']}          # đoán theo các tiêu đề; các bảng khác: {others}",
        f"grain: {TABLES[found['table']].grain}",
    ]  # fmt: skip
    if TABLES[found["table"]].has_unit:
        if found["unit"]:
            lines.append(f"unit: {{column: {quote(found['unit'])}}}")
        else:
            lines.append('# unit: {code: "22492"}   # tệp không có cột đơn vị: bỏ dấu # và ĐIỀN mã xã, hoặc dùng --unit khi nạp')
    lines += ["timezone: Asia/Ho_Chi_Minh", "columns:"]
    skipped: list[str] = []
    for column in found["columns"]:
        if column["canonical"] is None:
            skipped.append(f"  # {quote(column['header'])}: đọc như {column['guess']}; không có cột chuẩn nào gần, bỏ qua")
        elif column["canonical"] != "unit_code" or found["unit"] is None:
            lines.append(_column_line(column, quote))
    for missing in found["missing"]:
        kind = TABLES[found["table"]].columns[missing]
        lines.append(
            f"  {missing}: {{headers: [{quote(_FILL)}], type: {kind}, required: true}}   # ĐIỀN: chưa thấy cột này trong tệp"
        )
    lines += skipped
    key = [n for n in TABLES[found["table"]].key if n != "unit_code"]
    lines += ["checks:", f"  - {{rule: unique, columns: [{', '.join(key)}]}}"]
    have = {column["canonical"]: column for column in found["columns"]}
    for later, earlier in (
        ("finished_at", "received_at"),
        ("done_on", "assigned_on"),
        ("recognised_on", "submitted_on"),
    ):
        if later in have and earlier in have:
            lines.append(f"  - {{rule: not_before, column: {later}, other: {earlier}}}")
    for column in ("received_at", "finished_at", "answered_on", "done_on"):
        if column in have:
            lines.append(f"  - {{rule: not_after_received, column: {column}}}")
    return "\n".join(lines) + "\n"


def _column_line(column: dict[str, Any], quote: Any) -> str:
    """Return the YAML line of one column with a comment on how sure the guess is."""
    parts = [f"headers: [{quote(column['header'])}]", f"type: {column['type']}"]
    if column["personal"]:
        parts = [parts[0], "personal: true"]
    elif column["required"]:
        parts.append("required: true")
    if column["values"]:
        listed = ", ".join(f"{key}: [{', '.join(map(quote, texts))}]" for key, texts in column["values"].items())
        parts[1] = "type: code"
        parts.append(f"values: {{{listed}}}")
    note = "khớp" if column["certainty"] >= 0.95 else f"đoán {round(column['certainty'] * 100)} %"
    if column["guess"] != column["type"] and not column["personal"]:
        note += f"; dữ liệu giống {column['guess']}"
    if column["unlisted"] and not column["personal"] and column["type"] in ("code", "boolean", "integer"):
        note += "; ĐIỀN nghĩa của: " + ", ".join(map(quote, column["unlisted"][:12]))
    return f"  {column['canonical']}: {{{', '.join(parts)}}}   # {note}"
