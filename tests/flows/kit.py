"""Files to load, a quick gate, readings kept for reuse, and the state of a warehouse in one digest."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from sources.quality import GateRequest, Verdict

if TYPE_CHECKING:
    from flows.steps.home import Home
    from sources.result import ParseResult
    from sources.snapshot import Snapshot
    from warehouse.database import Transaction

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
START = datetime(2023, 2, 1, 18, tzinfo=ZONE)
HEADERS = {
    "dossier_code": "Mã hồ sơ", "unit_code": "Cơ quan/đơn vị", "procedure_code": "Mã thủ tục", "channel": "Hình thức nộp",
    "received_at": "Ngày tiếp nhận", "due_at": "Ngày hẹn trả", "finished_at": "Ngày kết thúc xử lý", "returned_at": "Ngày trả",
    "status": "Trạng thái", "supplement_count": "Số lần bổ sung", "supplement_requested_at": "Ngày yêu cầu bổ sung",
    "fee_amount": "Lệ phí", "paid_online": "Thanh toán trực tuyến", "components_digitised": "Số hóa thành phần hồ sơ",
    "result_digitised": "Số hóa kết quả", "withdrawn": "Rút hồ sơ", "officer": "Cán bộ xử lý", "department": "Bộ phận",
    "internal_due_at": "Hạn xử lý", "result_electronic": "Kết quả điện tử", "reused_data": "Tái sử dụng dữ liệu",
}  # fmt: skip
FACTS = (
    "dossiers", "survey_forms", "officer_reviews", "tasks", "initiatives", "declarations", "monthly_reports",
    "published_results", "procedures",
)  # fmt: skip


def day(number: int) -> datetime:
    """Return the moment the n-th file arrives."""
    return START + timedelta(days=number)


def write_csv(path: Path, rows: Iterable[Mapping[str, str]], headers: Mapping[str, str] = HEADERS) -> Path:
    """Write an export: a header and the rows, a cell that a row lacks stays empty."""
    rows = list(rows)
    names = [name for name in headers if any(name in row for row in rows)]
    lines = [";".join(headers[name] for name in names), *(";".join(row.get(name, "") for name in names) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def dossier(code: str, version: int = 0, unit: str = "22492") -> dict[str, str]:
    """Return a dossier as an export says it; versions differ, version 0 is still open."""
    row = {
        "dossier_code": code, "unit_code": unit, "received_at": "03/01/2023 08:00:00", "due_at": "12/01/2023 17:00:00",
        "status": "Đang xử lý", "officer": f"Cán bộ {version}",
    }  # fmt: skip
    if version:
        row |= {"status": "Đã trả kết quả", "finished_at": f"{5 + version % 20:02d}/01/2023 10:00:00"}
    return row


class QuickGate:
    """Judges by the reader's counts, at once and in this process."""

    pid = 1

    def __init__(self) -> None:
        self.asked: list[GateRequest] = []

    def start(self) -> None:
        """Nothing to start."""

    def submit(self, request: GateRequest) -> int:
        self.asked.append(request)
        return len(self.asked) - 1

    def result(self, ticket: int) -> Verdict:
        asked = self.asked[ticket]
        rows, held = asked.rows_read or 0, asked.rows_quarantined or 0
        return Verdict("quarantine" if held else "pass", rows, held, (), None, "", "", str(ticket), 0, 0)

    def build_docs(self) -> None:
        """There are no pages."""


class Readings:
    """Reads each content once with the real reader; later readings are copies. Stands in for `ingest._parse`."""

    def __init__(self, folder: Path) -> None:
        from flows.steps import ingest

        self.folder, self.known, self.read = folder, {}, ingest._parse

    def __call__(
        self, home: Home, taken: Snapshot, contracts: list[Any], unit: str | None, known_from: datetime, folder: Path
    ) -> ParseResult:
        kept = self.folder / taken.sha256
        if taken.sha256 not in self.known:
            kept.mkdir()
            self.known[taken.sha256] = self.read(home, taken, contracts, unit, known_from, kept)
        for file in kept.iterdir():
            shutil.copyfile(file, folder / file.name)
        return self.known[taken.sha256]


def load(home: Home, path: Path, gate: Any, received_at: datetime, contract: str | None = "one_stop") -> Any:
    """Take one file through the chain in this process."""
    from flows.steps.files import Request, candidates
    from flows.steps.ingest import ingest_file

    return ingest_file(home, path, Request(candidates(home, contract), None, received_at), gate)


def checksum(tx: Transaction, tables: Sequence[str] = FACTS) -> dict[str, str]:
    """Return a digest of what each fact table says, and from which file and row, whatever its numbering."""
    return {
        table: tx.scalar(
            f"""
            select coalesce(md5(string_agg(t.line, '' order by t.line)), '') || ' ' || count(*)
            from (
                select md5(
                    (to_jsonb(f) - '{{load_id,added_by,closed_by}}'::text[])::text || l.sha256
                ) as line
                from {table}_facts as f inner join loads as l on l.load_id = f.load_id
                where f.known_from < f.known_to
            ) as t
            """
        )
        for table in tables
    }


def broken_rules(tx: Transaction) -> list[str]:
    """Return what is wrong with the state of a warehouse between two loads; empty when nothing is."""
    found = []
    for table in FACTS:
        checks = {
            "two versions at once": f"""
                select count(*) from (
                    select known_to > lead(known_from) over (partition by source, key_hash order by known_from) as clash
                    from {table}_facts where known_from < known_to
                ) as v where v.clash""",
            "a gap between versions": f"""
                select count(*) from (
                    select known_to < coalesce(
                        lead(known_from) over (partition by source, key_hash order by known_from), 'infinity') as gap
                    from {table}_facts where known_from < known_to
                ) as v where v.gap""",
            "neighbours that say the same": f"""
                select count(*) from (
                    select row_hash = lead(row_hash) over (partition by source, key_hash order by known_from) as same
                    from {table}_facts where known_from < known_to
                ) as v where v.same""",
            "facts without a load": f"""
                select count(*) from {table}_facts as f
                where not exists (select 1 from loads as l where l.load_id = f.load_id and l.target_table = '{table}')""",
            "a load that misses facts": f"""
                select count(*) from loads as l where l.target_table = '{table}' and l.rows_inserted <> (
                    select count(*) from {table}_facts as f where f.load_id = l.load_id and f.added_by = l.load_id)""",
        }  # fmt: skip
        found += [f"{table}: {name}" for name, statement in checks.items() if tx.scalar(statement)]
    checks = {
        "a loaded file without its load": """
            select count(*) from files as f where (f.state = 'loaded') <>
            exists (select 1 from loads as l where l.sha256 = f.sha256)""",
        "counts that do not add up": """
            select count(*) from loads where rows_read <> rows_accepted + rows_quarantined
            or rows_accepted <> rows_inserted + rows_unchanged""",
        "a load without verdict": """
            select count(*) from loads as l
            where not exists (select 1 from quality_verdicts as v where v.load_id = l.load_id)""",
        "quarantined rows missing": """
            select count(*) from loads as l where l.rows_quarantined <>
            (select count(distinct q.row_no) from quarantine as q where q.load_id = l.load_id)""",
    }  # fmt: skip
    return found + [name for name, statement in checks.items() if tx.scalar(statement)]
