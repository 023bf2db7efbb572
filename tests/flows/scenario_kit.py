"""A district with a published index to fork scenarios from: three communes, dossiers late and online in turn, declarations."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.flows.kit import ZONE, QuickGate, load, write_csv

if TYPE_CHECKING:
    from flows.steps.home import Home

#: commune → (dossiers, late ones, online ones)
COUNTS = {"22492": (100, 3, 20), "22495": (100, 2, 35), "22504": (100, 0, 60)}
DECLARED = {"I.5": "1", "I.6": "1", "II.2": "1", "III.1": "0.9", "III.4": "1", "V.1": "0.8", "VI.1": "1"}
AS_OF = datetime(2023, 12, 31, 23, 59, 59, tzinfo=ZONE)
LOADED = datetime(2024, 1, 3, 8, tzinfo=ZONE)
DECLARATION_HEADERS = {
    "unit_code": "Mã xã", "year": "Năm", "criterion_code": "Mã tiêu chí", "value": "Số liệu kê khai", "points": "Điểm tự chấm",
    "state": "Trạng thái", "evidence": "Tài liệu kiểm chứng",
}  # fmt: skip


def dossiers() -> list[dict[str, str]]:
    rows = []
    for unit, (count, late, online) in COUNTS.items():
        for n in range(count):
            rows.append(
                {
                    "dossier_code": f"H32.{unit}-230301-{n:04d}", "unit_code": unit, "received_at": "01/03/2023 08:00:00",
                    "due_at": "10/03/2023 17:00:00", "finished_at": f"{11 if n < late else 9:02d}/03/2023 10:00:00",
                    "status": "Đã trả kết quả", "channel": "Trực tuyến" if n < online else "Trực tiếp",
                    "officer": f"Công chức {'AB'[n % 2]}",
                }
            )  # fmt: skip
    return rows


def declarations() -> list[dict[str, str]]:
    return [
        {
            "unit_code": unit,
            "year": "2023",
            "criterion_code": code,
            "value": value,
            "state": "evidenced",
            "evidence": "" if code == "I.6" else f"BC-{code}",
        }
        for unit in COUNTS
        for code, value in DECLARED.items()
    ]


def publish(home: Home, folder: Path) -> int:
    """Load the district and publish its index; returns the run."""
    from flows.steps.measure import question
    from flows.steps.runs import score_and_publish

    gate: Any = QuickGate()
    files = (("h.csv", dossiers(), None, "one_stop"), ("k.csv", declarations(), DECLARATION_HEADERS, "declarations"))
    for name, rows, headers, contract in files:
        path = write_csv(folder / name, rows, headers) if headers else write_csv(folder / name, rows)
        result = load(home, path, gate, LOADED, contract)
        assert result.status == "loaded" and result.rows_accepted == len(rows), (result.message, result.rows_accepted)
    with home.database.begin() as tx:
        document = score_and_publish(home, tx, question(2023, as_of=AS_OF), None, "score")
    return int(document["run"]["run"])
