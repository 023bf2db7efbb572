"""A workbook of 50,000 rows to a trusted frame, against python-calamine alone."""

from __future__ import annotations

import random
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.benchmarks import kit

pytestmark = [pytest.mark.bench, pytest.mark.timeout(600)]
ROWS = 50_000
HEADERS = (
    "Số hồ sơ", "Mã thủ tục hành chính", "Cơ quan/đơn vị", "Hình thức nộp", "Ngày tiếp nhận", "Ngày hẹn trả",
    "Ngày kết thúc xử lý", "Trạng thái", "Lệ phí", "Chủ hồ sơ",
)  # fmt: skip


@pytest.fixture(scope="module")
def workbook(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """50,000 × 10: codes, texts, dates as texts in dd/MM/yyyy HH:mm:ss, as the one-stop software writes them."""
    import xlsxwriter

    path = tmp_path_factory.mktemp("xlsx") / "one_stop.xlsx"
    chance = random.Random(1)
    book = xlsxwriter.Workbook(path, {"constant_memory": True})
    sheet = book.add_worksheet("DanhSach")
    sheet.write_row(0, 0, HEADERS)
    begin = datetime(2023, 1, 3, 8)
    for n in range(ROWS):
        received = begin + timedelta(minutes=5 * n)
        due, done = received + timedelta(days=5), received + timedelta(hours=chance.randint(1, 140))
        days = [f"{moment:%d/%m/%Y %H:%M:%S}" for moment in (received, due, done)]
        code, procedure = f"H32.22492-23-{n:06d}", f"2.000{chance.randint(100, 399)}"
        channel = chance.choice(("Trực tuyến", "Trực tiếp"))
        sheet.write_row(
            n + 1, 0, (code, procedure, "UBND xã Đại Lãnh", channel, *days, "Đã trả kết quả", 8000, f"Người thứ {n}")
        )  # fmt: skip
    book.close()
    return path


def test_workbook_against_calamine(workbook: Path, tmp_path: Path) -> None:
    import pyarrow as pa
    import python_calamine

    from sources.contract import builtin_contracts
    from sources.parse import parse_file

    contracts = [contract for contract in builtin_contracts() if contract.name == "one_stop"]

    def trusted(number: int) -> tuple[float, int]:
        out = tmp_path / str(number)
        out.mkdir()
        with kit.timed() as clock:
            account = parse_file(
                workbook, display_name="one_stop.xlsx", contracts=contracts, unit=None, received_at=datetime.now(UTC),
                token_key=b"bench", out_dir=out,
            )  # fmt: skip
            frame = pa.ipc.open_file(pa.memory_map(str(out / "rows.arrow"))).read_pandas()
        assert account.status == "ok" and account.rows_ok == len(frame) == ROWS, account.message
        shutil.rmtree(out)
        return clock.seconds, len(frame)

    ours, alone = [], []
    for number in range(4):  # the first one warms up both
        with kit.timed() as clock:
            cells = python_calamine.CalamineWorkbook.from_path(str(workbook)).get_sheet_by_index(0).to_python()
        assert len(cells) == ROWS + 1
        del cells
        alone.append(clock.seconds)
        ours.append(trusted(number)[0])
    floor, mine = min(alone[1:]), min(ours[1:])
    kit.say(
        f"xlsx of {ROWS:,} rows × {len(HEADERS)} columns ({workbook.stat().st_size / 1e6:.1f} MB) to a trusted frame",
        [
            ("checked, typed, units resolved, tokens, hashes, quarantine, frame (best of 3)", f"{mine:.2f} s"),
            ("floor: python-calamine alone, to Python lists", f"{floor:.2f} s"),
            ("ratio (limit 2.5)", f"{mine / floor:.2f}"),
        ],
    )
    assert mine <= 2.5 * floor
