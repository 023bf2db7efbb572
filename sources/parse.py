"""Reading one file, from bytes to trusted rows. Runs inside the limited child process (`sources.child`).

Nothing here touches the network, the database or any file but the given one and `out_dir`.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sources.contract import Contract
from sources.result import ParseResult, rejected
from sources.rowset import RowSet, UnitResolver
from sources.tabular import header as headers
from sources.tabular import legacy
from sources.tabular.cells import Cleaner
from sources.tabular.convert import Context
from sources.tabular.delimited import read_delimited
from sources.tabular.formats import check_ole, sniff_format
from sources.tabular.guard import check_zip
from sources.tabular.markup import read_markup
from sources.tabular.reject import Rejected
from sources.tabular.sheet import Book, Sheet
from sources.tabular.text import fold, fold_header
from sources.tabular.workbook import read_workbook
from sources.title import Title, read_title
from sources.units import UnitRegister

MIN_COVERAGE: Final = 0.5
LABELS: Final = {
    "tcvn3": "chữ TCVN3 (ABC) đã được đổi sang Unicode", "vni": "chữ VNI đã được đổi sang Unicode",
    "utf8_as_1252": "chữ UTF-8 bị đọc nhầm bảng mã đã được sửa",
}  # fmt: skip


@dataclass
class Choice:
    """A sheet read under a contract."""

    contract: Contract
    sheet: Sheet
    header: headers.Header
    missing: list[str]
    coverage: float

    @property
    def score(self) -> float:
        """How well the header fits: matched columns less a penalty for required ones that are missing."""
        return self.header.score - 0.3 * len(self.missing)


def open_book(path: Path, work: Path, encoding: str | None = None, delimiter: str | None = None) -> Book:
    """Return the opened file, whatever its format. Raises: Rejected."""
    kind = sniff_format(path)
    if kind == "zip":
        kind, epoch = check_zip(path)
        book = read_workbook(path, kind, epoch)
    elif kind == "ole":
        kind, epoch = check_ole(path)
        book = read_workbook(path, kind, epoch)
    elif kind == "html":
        book = read_markup(path)
    else:
        book = read_delimited(path, work, encoding, delimiter)
    if "mode" not in book.extra:
        book.extra["mode"] = legacy.detect(cell for sheet in book.sheets for row in sheet.head for cell in row)
    return book


def _choices(book: Book, contracts: list[Contract], cleaner: Cleaner) -> list[Choice]:
    """Return every sheet under every contract that recognises its header, best first."""
    found: list[Choice] = []
    for sheet in book.sheets:
        for contract in contracts:
            if contract.sheet and book.format != "csv" and fold(contract.sheet) != fold(sheet.name):
                continue
            header = headers.find(sheet, contract, cleaner)
            if header is None:
                continue
            named = [at for at, name in enumerate(header.names) if name and at != header.ordinal]
            coverage = len(set(header.mapping.values())) / max(len(named), 1)
            found.append(Choice(contract, sheet, header, headers.missing_required(header, contract), coverage))
    return sorted(found, key=lambda choice: -choice.score)


def choose(book: Book, contracts: list[Contract], cleaner: Cleaner) -> Choice:
    """Return the sheet and contract to read. Raises: Rejected (unknown_layout, missing_column)."""
    given = len(contracts) == 1
    found = [
        c for c in _choices(book, contracts, cleaner) if given or (c.coverage >= MIN_COVERAGE and len(c.header.mapping) >= 3)
    ]
    if not found:
        name = f" của hợp đồng {contracts[0].name}" if given else ""
        place = f"Trang {book.sheets[0].name}: k" if book.sheets and book.sheets[0].name else "K"
        raise Rejected(
            "unknown_layout",
            f"{place}hông tìm thấy dòng tiêu đề{name} trong {headers.MAX_START} dòng đầu; "
            "chạy «cchc contract sniff» trên tệp này để soạn hợp đồng.",
        )
    best = found[0]
    rival = next((c for c in found[1:] if c.contract.name != best.contract.name), None)
    if rival is not None and abs(rival.score - best.score) < 1e-6:
        raise Rejected(
            "unknown_layout",
            f"Dòng tiêu đề hợp với cả hai hợp đồng {best.contract.name} và {rival.contract.name}; hãy nạp lại với --contract.",
        )
    if best.missing:
        wanted = ", ".join(f"«{best.contract.headers(name)[0]}»" for name in best.missing)
        place = f"Trang {best.sheet.name}, dòng" if best.sheet.name else "Dòng"
        raise Rejected(
            "missing_column",
            f"{place} {best.header.row + 1}: thiếu cột {wanted} mà hợp đồng {best.contract.name} bắt buộc; "
            "hãy xuất lại đủ cột hoặc thêm tiêu đề mới vào hợp đồng.",
        )
    return best


def parse_file(
    path: Path, *, display_name: str, contracts: list[Contract], unit: str | None, received_at: dt.datetime,
    token_key: bytes, out_dir: Path, units_extra: Path | None = None,
) -> ParseResult:  # fmt: skip
    """Read one file and write `rows.arrow`, `marks.arrow`, `flags.arrow`, `quarantine.arrow` into `out_dir`.

    contracts: the candidates; with more than one the best fitting header decides. unit: overrides the file's own unit.
    received_at: aware; nothing in the file may be later. Never raises for a bad file: the account says what is wrong.
    """
    known: dict[str, Any] = {}
    try:
        return _parse(path, display_name, contracts, unit, received_at, token_key, out_dir, units_extra, known)
    except Rejected as exc:
        return rejected(exc.reason, exc.message, **known)
    except MemoryError:
        return rejected(
            "too_large",
            "Tệp cần quá nhiều bộ nhớ để đọc; hãy xuất dưới dạng CSV hoặc chia nhỏ theo tháng.",
            **known,
        )


def _parse(
    path: Path, display_name: str, contracts: list[Contract], unit: str | None, received_at: dt.datetime, token_key: bytes,
    out_dir: Path, units_extra: Path | None, known: dict[str, Any],
) -> ParseResult:  # fmt: skip
    """Read one file; `known` collects what is known of it should it be rejected."""
    encoding = contracts[0].encoding if len(contracts) == 1 else None
    delimiter = contracts[0].delimiter if len(contracts) == 1 else None
    book = open_book(path, out_dir, encoding, delimiter)
    known.update(format=book.format, encoding=book.encoding)
    cleaner = Cleaner(book.extra["mode"])
    best = choose(book, contracts, cleaner)
    contract, header = best.contract, best.header
    known.update(
        contract=contract.name,
        source=contract.source,
        table=contract.table.name,
        sheet=best.sheet.name or None,
    )
    known.update(header_row=_line_of(book, best.sheet, header.first_data - 1))
    register = UnitRegister.load(units_extra)
    title = read_title(best.sheet.head[: header.row], register, received_at)
    unit_text, unit_id = _unit(contract, header, unit, title, register, received_at)
    ctx = Context(cleaner, contract.timezone, best.sheet.epoch_1904, title.year)
    rows = RowSet(
        contract, ctx, UnitResolver(register), unit_text=unit_text, title=title, received_at=received_at,
        token_key=token_key, out_dir=out_dir,
    )  # fmt: skip
    read = _read_sheets(book, best, cleaner, rows, register, received_at)
    counts = rows.finish()
    result = ParseResult(
        "ok", None, None, **known, **counts, columns=rows.columns, drift=_drift(contract, header),
        title={
            "from": title.first.isoformat() if title.first else None, "to": title.last.isoformat() if title.last else None,
            "unit": unit_id,
        },
        checks=[
            {"id": p.id, "rule": p.rule, "column": p.column, "header": p.header, "label": p.label, "severity": p.severity,
             "failed": rows.failed.get(p.id, 0) if rows.count else 0}
            for p in rows.plan
        ],
    )  # fmt: skip
    result.warnings = _warnings(book, read, cleaner, rows, result)
    for planned in rows.plan:
        if planned.severity == "reject_file" and rows.count and rows.failed.get(planned.id):
            place = f"Trang {best.sheet.name}, dòng" if best.sheet.name else "Dòng"
            raise Rejected(
                "check_failed",
                f"{place} {rows.first_failed[planned.id]}, cột «{planned.header}»: không đạt «{planned.label}» "
                f"({rows.failed[planned.id]} dòng); hãy sửa ở phần mềm nguồn rồi xuất lại.",
            )
    return result


def _line_of(book: Book, sheet: Sheet, row: int) -> int:
    """Return the 1-based row (or line) of a 0-based head row."""
    return sheet.lines[row] if sheet.lines else row + 1


def _unit(
    contract: Contract,
    header: headers.Header,
    unit: str | None,
    title: Title,
    register: Any,
    received_at: dt.datetime,
) -> tuple[str | None, str | None]:
    """Return (unit text for every row or None when a column says it, unit id of the title). Raises: Rejected(unknown_unit)."""
    on = title.first or received_at.date()
    found = register.resolve(title.unit_text, on) if title.unit_text else None
    titled = found.unit_id if found is not None else None
    if not contract.table.has_unit:
        return None, titled
    text = unit or contract.unit_code
    if text is not None:
        if register.resolve(text, on) is None and register.resolve(text, received_at.date()) is None:
            raise Rejected(
                "unknown_unit",
                f"Không có đơn vị «{text}» trong danh mục; hãy kiểm tra mã ở --unit hoặc trong hợp đồng.",
            )
        return text, titled
    if "unit_code" in header.mapping:
        return None, titled
    if title.unit_text is not None:
        return title.unit_text, titled
    raise Rejected(
        "unknown_unit",
        "Tệp không có cột đơn vị và phần tên bảng không nêu xã nào; hãy nạp lại với --unit <mã xã>.",
    )


def _read_sheets(book: Book, best: Choice, cleaner: Cleaner, rows: RowSet, register: Any, received_at: dt.datetime) -> list[str]:
    """Read the chosen sheet and every other visible sheet of the same layout. Returns the names of the sheets read."""
    read: list[str] = []
    for sheet in book.sheets:
        header: headers.Header | None = best.header
        if sheet is not best.sheet:
            if book.format == "csv" or best.contract.sheet:
                continue
            header = headers.find(sheet, best.contract, cleaner)
            if header is None or set(header.mapping) != set(best.header.mapping):
                continue
            rows.title = read_title(sheet.head[: header.row], register, received_at)
        else:
            rows.title = read_title(sheet.head[: best.header.row], register, received_at)
        rows.ctx.year = rows.title.year
        assert header is not None
        width = max(len(header.names), *(at + 1 for at in header.mapping.values()))
        rows.add_sheet(sheet.name, header, sheet.blocks(header.first_data, width))
        read.append(sheet.name)
    return read


def _drift(contract: Contract, header: headers.Header) -> dict[str, list[str]]:
    """Return how the file's header differs from the contract."""
    mapped = header.mapping
    absent = [column.label for name, column in contract.columns.items() if name not in mapped and not column.from_title]
    used = set(mapped.values())
    extra = [name for at, name in enumerate(header.names) if name and at not in used and at != header.ordinal]
    order = [mapped[name] for name in contract.columns if name in mapped]
    moved = {at for at in order} - set(_longest_rising(order))
    return {
        "missing": absent, "extra": extra, "reordered": [header.names[at] for at in sorted(moved)],
        "duplicate": [contract.headers(name)[0] for name in header.duplicates],
    }  # fmt: skip


def _longest_rising(values: list[int]) -> list[int]:
    """Return one longest rising subsequence (the columns that kept their order)."""
    best: list[list[int]] = []
    for value in values:
        before = max((run for run in best if run[-1] < value), key=len, default=[])
        best.append([*before, value])
    return max(best, key=len, default=[])


def _warnings(book: Book, read: list[str], cleaner: Cleaner, rows: RowSet, result: ParseResult) -> list[str]:
    """Return Vietnamese sentences a person should see although the file was read."""
    said: list[str] = []
    if book.hidden:
        said.append(f"Bỏ qua {book.hidden} trang bị ẩn.")
    skipped = [sheet.name for sheet in book.sheets if sheet.name and sheet.name not in read] if book.format != "csv" else []
    if skipped:
        said.append(f"Không đọc trang: {', '.join(skipped[:10])}.")
    if cleaner.repaired:
        said.append(f"Có {LABELS.get(cleaner.mode or '', 'chữ sai bảng mã đã được sửa')}.")
    if rows.numeric_keys:
        said.append(
            f"{rows.numeric_keys} mã ở ô kiểu số: số 0 đứng đầu có thể đã mất; hãy định dạng cột mã là Text trước khi xuất."
        )
    if result.drift["duplicate"]:
        said.append(f"Tiêu đề bị lặp: {', '.join(result.drift['duplicate'])}; chỉ đọc cột đầu tiên.")
    if result.drift["extra"]:
        said.append(f"Cột ngoài hợp đồng, không đọc: {', '.join(fold_header(x)[:60] for x in result.drift['extra'][:20])}.")
    if not result.rows_read:
        said.append("Tệp có dòng tiêu đề nhưng không có dòng dữ liệu nào.")
    return said
