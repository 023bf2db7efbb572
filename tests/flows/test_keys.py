"""Rows without a key of their own, and rows of one file that share a key."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.steps.files import Request, candidates
from flows.steps.home import Home
from flows.steps.ingest import ingest_file
from tests.flows import kit

pytestmark = pytest.mark.db

FORMS = """contract: paper_forms
source: paper_forms
table: survey_forms
grain: one row per form
unit: {code: "22492"}
columns:
  answered_on: {headers: ["Ngày"], type: date, required: true}
  overall: {headers: ["Mức"], type: integer}
"""
LAST = """contract: last_wins
source: last_wins
table: dossiers
grain: one row per dossier
unit: {code: "22492"}
columns:
  dossier_code: {headers: ["Mã"], type: text, required: true}
  received_at: {headers: ["Nhận"], type: datetime, required: true}
  finished_at: {headers: ["Xong"], type: datetime}
"""


def load(home: Home, folder: Path, contract: str, lines: list[str], day: int) -> tuple[int, int, int]:
    (folder / "c.yaml").write_text(contract, encoding="utf-8")
    export = folder / f"{day}.csv"
    export.write_text("\n".join(lines) + "\n", encoding="utf-8")
    request = Request(candidates(home, str(folder / "c.yaml")), received_at=kit.day(day))
    result = ingest_file(home, export, request, kit.QuickGate())  # type: ignore[arg-type]
    assert result.status == "loaded", result.message
    return result.rows_accepted, result.rows_quarantined, result.rows_unchanged


def test_equal_forms_without_a_number_are_all_counted_and_none_twice(clean: Home, tmp_path: Path) -> None:
    first = ["Ngày,Mức", "03/01/2023,5", "03/01/2023,5", "03/01/2023,2"]
    assert load(clean, tmp_path, FORMS, first, 0) == (3, 0, 0)
    assert load(clean, tmp_path, FORMS, [*first, "03/01/2023,5", "04/01/2023,5"], 1) == (5, 0, 3)
    with clean.database.begin() as tx:
        assert tx.scalar("select count(*) from survey_forms_facts where known_to = 'infinity'") == 5
        assert kit.broken_rules(tx) == []


def test_without_a_unique_check_the_last_row_of_a_key_holds(clean: Home, tmp_path: Path) -> None:
    lines = [
        "Mã,Nhận,Xong",
        "A-1,03/01/2023 08:00:00,",
        "A-1,03/01/2023 08:00:00,05/01/2023 08:00:00",
        "A-2,03/01/2023 08:00:00,",
    ]
    assert load(clean, tmp_path, LAST, lines, 0) == (3, 0, 1)
    with clean.database.begin() as tx:
        rows = tx.rows("select dossier_code, row_no from dossiers_facts where known_to = 'infinity' order by 1")
        assert [(row["dossier_code"], row["row_no"]) for row in rows] == [("A-1", 3), ("A-2", 4)]
        assert kit.broken_rules(tx) == []


@pytest.mark.parametrize("bad_first", [True, False])
def test_a_bad_row_is_closed_whichever_file_comes_first(clean: Home, tmp_path: Path, bad_first: bool) -> None:
    bad = kit.write_csv(tmp_path / "bad.csv", [{**kit.dossier("H32.22492-0002", 1), "finished_at": "02/01/2023 08:00:00"}])
    good = kit.write_csv(tmp_path / "good.csv", [kit.dossier("H32.22492-0002", 1)])
    files = [(bad, kit.day(1)), (good, kit.day(2))]
    for path, day in files if bad_first else files[::-1]:
        kit.load(clean, path, kit.QuickGate(), day)
    with clean.database.begin() as tx:
        assert tx.scalar("select state from quarantine") == "superseded"


def test_an_older_good_row_does_not_close_a_newer_bad_one(clean: Home, tmp_path: Path) -> None:
    bad = kit.write_csv(tmp_path / "bad.csv", [{**kit.dossier("H32.22492-0002", 1), "finished_at": "02/01/2023 08:00:00"}])
    good = kit.write_csv(tmp_path / "good.csv", [kit.dossier("H32.22492-0002", 1)])
    kit.load(clean, bad, kit.QuickGate(), kit.day(2))
    kit.load(clean, good, kit.QuickGate(), kit.day(1))
    with clean.database.begin() as tx:
        assert tx.scalar("select state from quarantine") == "open"


def test_an_unchanged_good_row_closes_its_bad_one(clean: Home, tmp_path: Path) -> None:
    good = kit.dossier("H32.22492-0002", 1)
    kit.load(clean, kit.write_csv(tmp_path / "1.csv", [good]), kit.QuickGate(), kit.day(0))
    kit.load(
        clean, kit.write_csv(tmp_path / "2.csv", [{**good, "finished_at": "02/01/2023 08:00:00"}]), kit.QuickGate(), kit.day(1)
    )
    kit.load(clean, kit.write_csv(tmp_path / "3.csv", [good, kit.dossier("H32.22492-0003")]), kit.QuickGate(), kit.day(2))
    with clean.database.begin() as tx:
        assert tx.scalar("select state from quarantine") == "superseded"
