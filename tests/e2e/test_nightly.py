"""The chain of a night over the inbox, and rows that wait for correction."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

from tests.e2e.kit import Cchc, dossier, measure, write_csv, write_xlsx

MARCH, APRIL = "2023-03-20T22:00:00", "2023-04-03T22:00:00"


def _overdue(cchc: Cchc, **options: Any) -> tuple[Any, Any]:
    words = [str(part) for name, value in options.items() for part in (f"--{name.replace('_', '-')}", value)]
    return measure(cchc("measures", "--year", 2023, "--as-of", "2023-03-31", "--json", *words).json, "overdue_rate")


def test_a_year_of_nights_in_short(cchc: Cchc) -> None:
    """One story: an empty inbox, first files, nothing new, a bad file, a corrected export, another day."""
    empty = cchc("nightly", "--json", clock=MARCH)
    assert (empty.status, empty.json["status"]) == (0, "done")

    inbox = cchc.home / "inbox"
    write_csv(inbox / "t3.csv", [dossier(n, late=n <= 4) for n in range(1, 11)])
    (inbox / ".t3.csv.part").write_text("đang chép", encoding="utf-8")
    (inbox / "~$t3.xlsx").write_bytes(b"\0" * 165)
    first = cchc("nightly", "--json", clock=MARCH)
    assert first.status == 0
    assert [(Path(file["path"]).name, file["status"]) for file in first.json["files"]] == [("t3.csv", "loaded")]
    assert all(Path(path).exists() for path in first.json["written"].values())
    assert _overdue(cchc) == (4, 10)

    again = cchc("nightly", "--json", clock=MARCH)
    assert (again.status, again.json["status"], again.json["files"]) == (0, "nothing_new", [])
    people = cchc("nightly", clock=MARCH)
    assert people.status == 0 and "Không có gì mới" in people.out
    (inbox / "t3-doi-ten.csv").write_bytes((inbox / "t3.csv").read_bytes())
    renamed = cchc("nightly", "--json", clock=MARCH)
    assert (renamed.status, renamed.json["status"]) == (0, "nothing_new")

    (inbox / "hong.xlsx").write_bytes(b"PK\x03\x04 not a workbook")
    bad = cchc("nightly", "--json", clock=MARCH)
    assert bad.status == 3 and bad.json["rejected"] == 1
    assert [Path(file["path"]).name for file in bad.json["files"]] == ["hong.xlsx"]
    bad_again = cchc("nightly", "--json", clock=MARCH)
    assert (bad_again.status, bad_again.json["status"], bad_again.json["rejected"]) == (3, "nothing_new", 1)
    (file,) = bad_again.json["files"]
    assert file["reason"] and file["message"] and (inbox / "hong.xlsx").exists()

    write_csv(inbox / "t3-dinh-chinh.csv", [dossier(n, late=n <= 1) for n in range(1, 11)])
    corrected = cchc("nightly", "--json", clock=APRIL)
    assert corrected.status == 3 and corrected.json["status"] == "done"
    assert _overdue(cchc) == (1, 10)
    assert _overdue(cchc, known_at="2023-03-25") == (4, 10)

    assert cchc("nightly", "--json", clock=APRIL).json["status"] == "nothing_new"
    tomorrow = cchc("nightly", "--json", clock="2023-04-04T22:00:00")
    assert tomorrow.json["status"] == "done" and tomorrow.status == 3
    back = cchc("nightly", "--as-of", "2023-03-31", "--json", clock="2023-04-04T22:05:00")
    assert back.json["score"]["as_of"].startswith("2023-03-31T23:59:59")


def test_correcting_a_quarantined_row(cchc: Cchc, files: Path) -> None:
    from openpyxl import load_workbook

    lines = [dossier(n, month=5, code=f"QT-05-{n:03d}") for n in range(1, 6)]
    lines[2][4] = "01/01/2023 08:00:00"  # finished before it was received
    lines[3][2] = "ngày xưa"
    path = write_xlsx(files / "t5.xlsx", lines)
    loaded = cchc("ingest", path, "--json", clock="2023-06-01T08:00:00").json["files"][0]
    assert (loaded["rows_accepted"], loaded["rows_quarantined"]) == (3, 2)
    asked = ("measures", "--year", 2023, "--month", 5, "--json")
    assert measure(cchc(*asked).json, "received") == (3, None)

    waiting = cchc("quarantine", "list", "--file", loaded["sha256"][:12], "--json").json
    assert [(row["row"], row["rule"], row["state"]) for row in waiting["rows"]] == [
        (4, "not_before", "open"),
        (5, "unreadable", "open"),
    ]
    target = files / "can-sua.xlsx"
    written = cchc("quarantine", "export", loaded["sha256"][:12], target, "--json")
    assert written.status == 0 and written.json["rows"] == 2
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    again = cchc("quarantine", "export", loaded["sha256"][:12], target, "--json")
    assert again.status == 2 and again.json["error"]["code"] == "exists"
    nowhere = cchc("quarantine", "export", loaded["sha256"][:12], files / "khong" / "co.xlsx", "--json")
    assert nowhere.status == 2

    book = load_workbook(target)
    page = book.active
    headers = [cell.value for cell in page[1]]
    page.cell(2, headers.index("Ngày kết thúc xử lý") + 1).value = "09/05/2023 10:00:00"
    book.save(target)
    reloaded = cchc("ingest", target, "--json", clock="2023-06-02T08:00:00").json["files"][0]
    assert (reloaded["status"], reloaded["rows_accepted"], reloaded["rows_quarantined"]) == ("loaded", 1, 1)
    assert measure(cchc(*asked).json, "received") == (4, None)
    states = {(row["row"], row["sha256"]): row["state"] for row in cchc("quarantine", "list", "--all", "--json").json["rows"]}
    assert states[4, loaded["sha256"]] == "superseded"

    waiting = cchc("quarantine", "list", "--json").json
    ids = [row["quarantine_id"] for row in waiting["rows"] if row["sha256"] in (loaded["sha256"], reloaded["sha256"])]
    assert ids
    no_reason = cchc("quarantine", "close", *ids, "--reason", "  ", "--json")
    assert no_reason.status == 2 and no_reason.json["error"]["code"] == "no_reason"
    closed = cchc("quarantine", "close", *ids, "--reason", "Hồ sơ nhập thử, không có thật", "--json")
    assert closed.status == 0 and closed.json == {"closed": len(ids)}
    assert cchc("quarantine", "close", *ids, "--reason", "lần nữa", "--json").status == 2
    done = cchc("quarantine", "export", loaded["sha256"][:12], files / "lan-hai.xlsx", "--json")
    assert done.status == 2 and done.json["error"]["code"] == "nothing_waiting"
    assert "đã đóng" in cchc("quarantine", "list", "--all").out


def test_two_nights_at_once_are_serialised(cchc: Cchc) -> None:
    write_csv(cchc.home / "inbox" / "t7.csv", [dossier(n, month=7, code=f"HAI-{n:03d}") for n in range(1, 4)])
    running = [cchc.start("nightly", "--json", clock="2023-08-01T22:00:00") for _ in range(2)]
    answers = [(process.communicate(timeout=120), process.returncode) for process in running]
    assert {status for _, status in answers} <= {0, 3}
    assert cchc.query("select count(*) from dossiers_facts where dossier_code like 'HAI-%' and known_to = 'infinity'") == [(3,)]
