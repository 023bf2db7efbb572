"""Monthly counts kept by difference equal a recount, and the quick way to a figure equals the long one."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from flows.steps import ingest
from flows.steps.home import Home
from tests.flows import kit
from warehouse import marts
from warehouse.database import Transaction

pytestmark = [pytest.mark.db, pytest.mark.slow]
HEADERS = {**kit.HEADERS, "unit_code": "Đơn vị"}  # a header that both sources know
CODES = [f"H32.22492-{n:04d}" for n in range(60)]


def random_row(chance: random.Random, code: str) -> dict[str, str]:
    """Return a dossier of January or February 2023 with everything that is counted."""
    received = datetime(2023, 1, 3, 8) + timedelta(days=chance.randrange(40))
    due = received + timedelta(days=chance.randrange(1, 12))
    finished = received + timedelta(days=chance.randrange(15), hours=chance.randrange(24))
    closed = chance.random() < 0.7
    row = {
        "dossier_code": code, "unit_code": chance.choice(["22492", "22495"]), "received_at": f"{received:%d/%m/%Y %H:%M:%S}",
        "status": chance.choice(["Đã trả kết quả", "Rút hồ sơ", "Từ chối"]) if closed
        else chance.choice(["Đang xử lý", "Yêu cầu bổ sung"]),
        "due_at": f"{due:%d/%m/%Y %H:%M:%S}" if chance.random() < 0.9 else "",
        "finished_at": f"{finished:%d/%m/%Y %H:%M:%S}" if closed else "",
        "channel": chance.choice(["Trực tiếp", "Trực tuyến", "BCCI"]), "fee_amount": chance.choice(["", "0", "15000"]),
        "paid_online": chance.choice(["", "Có", "Không"]), "supplement_count": chance.choice(["", "0", "1", "2"]),
        "components_digitised": chance.choice(["Có", "Không"]), "result_digitised": chance.choice(["Có", "Không"]),
        "procedure_code": chance.choice(["P10", "PX"]), "result_electronic": chance.choice(["", "Có", "Không"]),
        "reused_data": chance.choice(["", "Có", "Không"]), "officer": chance.choice(["", "Công chức A", "Công chức B "]),
        "internal_due_at": f"{due - timedelta(days=chance.randrange(3), hours=chance.randrange(24)):%d/%m/%Y %H:%M:%S}"
        if chance.random() < 0.7 else "",
    }  # fmt: skip
    return row


def cells(frame: Any) -> dict[tuple[Any, ...], tuple[int, ...]]:
    """Return the cells of counts that are not all zero."""
    found = {}
    for row in frame.to_dict("records"):
        values = tuple(int(row[name]) for name in marts.COUNTERS)
        if any(values):
            found[row["part"], row["unit_code"], None if row["month"] != row["month"] else row["month"]] = values
    return found


def settled(tx: Transaction) -> dict[tuple[Any, ...], tuple[int, ...]]:
    return cells(tx.frame("select * from dossier_month_counts"))


def recounted(tx: Transaction) -> dict[tuple[Any, ...], tuple[int, ...]]:
    body = marts.body("select * from dossiers_facts where known_to = 'infinity'", "d.finished_at is not null")
    return cells(tx.frame(body, {"as_of": "infinity"}))


@pytest.fixture
def quick(clean: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Home:
    """A home whose files are read once, with the difference used whatever its size."""
    (tmp_path / "readings").mkdir()
    monkeypatch.setattr(ingest, "_parse", kit.Readings(tmp_path / "readings"))
    monkeypatch.setattr(marts, "REBUILD_SHARE", 1e9)
    procedures = tmp_path / "procedures.csv"
    procedures.write_text("Mã thủ tục;Tên thủ tục hành chính;Thời hạn giải quyết\nP10;Mười ngày;10\n", encoding="utf-8")
    assert kit.load(clean, procedures, kit.QuickGate(), kit.day(0), "procedures").status == "loaded"
    return clean


@pytest.mark.parametrize("seed", range(4))
def test_difference_equals_recount(quick: Home, tmp_path: Path, seed: int) -> None:
    """New, changed, corrected and late dossiers from two sources, with several loads between two refreshes."""
    chance = random.Random(seed)
    moments = list(range(12))
    chance.shuffle(moments)
    for number, moment in enumerate(moments):
        source = chance.choice(["one_stop", "one_stop", "portal"])
        path = kit.write_csv(
            tmp_path / f"{number}.csv",
            [random_row(chance, code) for code in chance.sample(CODES, chance.randint(2, 25))],
            HEADERS,
        )
        received_at = kit.day(60 + moment)
        result = kit.load(quick, path, kit.QuickGate(), received_at, source)
        assert result.status == "loaded", result
        if chance.random() < 0.6:
            with quick.database.begin() as tx:
                marts.refresh(tx, received_at)
                assert settled(tx) == recounted(tx)
    with quick.database.begin() as tx:
        marts.refresh(tx, kit.day(99))
        assert settled(tx) == recounted(tx)
        for _ in range(6):
            as_of = kit.START + timedelta(minutes=chance.randrange(-30 * 1440, 60 * 1440))
            fast = cells(marts.dossier_counts(tx, as_of, None, kit.day(99)))
            assert fast == cells(marts.counted_from_facts(tx, as_of, None))
            assert fast == cells(marts.counted_from_facts(tx, as_of, kit.day(99)))


def plain_counts(rows: list[dict[str, str]], as_of: datetime, of_official: bool) -> dict[tuple[Any, ...], dict[str, int]]:
    """Count the figures of the one-stop evaluation and of QĐ 766 row by row, in nothing but Python."""

    def moment(text: str) -> datetime | None:
        return datetime.strptime(text, "%d/%m/%Y %H:%M:%S").replace(tzinfo=kit.ZONE) if text else None

    counts: dict[tuple[Any, ...], dict[str, int]] = {}
    for row in rows:
        received, finished = moment(row["received_at"]), moment(row["finished_at"])
        due, internal = moment(row["due_at"]), moment(row["internal_due_at"])
        officer = row["officer"].strip()
        if received > as_of or (of_official and not officer):
            continue
        finished = finished if finished and finished <= as_of else None
        online, digitised = row["channel"] == "Trực tuyến", row["components_digitised"] == "Có"
        one = {
            "dossiers": 1,
            "online_electronic": online and finished is not None and row["result_electronic"] == "Có",
            "online_result_unknown": online and finished is not None and not row["result_electronic"],
            "electronic_known": row["result_electronic"] != "", "electronic": row["result_electronic"] == "Có",
            "reused_known": digitised and row["reused_data"] != "", "reused": digitised and row["reused_data"] == "Có",
            "early": bool(finished and due and finished.date() < due.date()),
            "in_time": bool(finished and due and finished <= due),
            "internal_known": internal is not None,
            "internal_early": bool(finished and internal and finished.date() < internal.date()),
            "internal_in_time": bool(finished and internal and finished <= internal),
            "supplement_none": row["supplement_count"] == "0",
        }  # fmt: skip
        who = f"{row['unit_code']}|{officer}" if of_official else row["unit_code"]
        ended = ("finished", who, finished.date().replace(day=1)) if finished else ("open", who, None)
        for cell in (("received", who, received.date().replace(day=1)), ended):
            found = counts.setdefault(cell, dict.fromkeys(one, 0))
            for name, value in one.items():
                found[name] += int(value)
    return counts


def in_the_same_words(frame: Any, names: list[str]) -> dict[tuple[Any, ...], dict[str, int]]:
    return {
        (row["part"], row["unit_code"], None if row["month"] != row["month"] else row["month"]): {n: int(row[n]) for n in names}
        for row in frame.to_dict("records")
        if row["dossiers"]
    }


@pytest.mark.parametrize("seed", range(3))
def test_counts_equal_a_count_row_by_row(quick: Home, tmp_path: Path, seed: int) -> None:
    """By unit and by official, as known now (settled counts) and as known before the correction (all facts)."""
    chance = random.Random(100 + seed)
    first = [random_row(chance, code) for code in CODES]
    second = [random_row(chance, code) if chance.random() < 0.3 else row for code, row in zip(CODES, first, strict=True)]
    # The unit is a part of a dossier's key: a correction keeps it.
    second = [{**new, "unit_code": old["unit_code"]} for new, old in zip(second, first, strict=True)]
    for number, rows in enumerate((first, second)):
        path = kit.write_csv(tmp_path / f"{number}.csv", rows, HEADERS)
        assert kit.load(quick, path, kit.QuickGate(), kit.day(60 + number)).rows_accepted == len(CODES)
    start = kit.START - timedelta(days=40)
    with quick.database.begin() as tx:
        for as_of in (kit.START, kit.day(10), kit.day(60)):
            for known_at, rows in ((None, second), (kit.day(60), first), (kit.day(61), second)):
                expected = plain_counts(rows, as_of, of_official=False)
                names = list(next(iter(expected.values())))
                frame = marts.dossier_counts(tx, as_of, known_at, kit.day(62))
                assert in_the_same_words(frame, names) == expected
                frame = marts.official_counts(tx, first_at=start, as_of=as_of, known_at=known_at)
                assert in_the_same_words(frame, names) == plain_counts(rows, as_of, of_official=True)


def change(quick: Home, tmp_path: Path) -> None:
    """Load 60 dossiers and count them; then load 5 of them changed, 55 unchanged and 3 new ones."""
    chance = random.Random(7)
    rows = [random_row(chance, code) for code in CODES]
    assert kit.load(quick, kit.write_csv(tmp_path / "a.csv", rows), kit.QuickGate(), kit.day(60)).rows_accepted == 60
    with quick.database.begin() as tx:
        assert marts.refresh(tx, kit.day(60))["rebuilt"]
    changed = [{**row, "fee_amount": "99000"} for row in rows[:5]] + rows[5:]
    new = [random_row(chance, f"H32.22492-9{n:03d}") for n in range(3)]
    result = kit.load(quick, kit.write_csv(tmp_path / "b.csv", changed + new), kit.QuickGate(), kit.day(61))
    assert result.rows_unchanged == 55


def test_nothing_is_counted_twice(quick: Home, tmp_path: Path) -> None:
    change(quick, tmp_path)
    with quick.database.begin() as tx:
        told = marts.refresh(tx, kit.day(61))
        assert not told["rebuilt"]
        assert settled(tx) == recounted(tx)
        assert marts.refresh(tx, kit.day(62)) == {"applied": told["applied"], "keys": 0, "rebuilt": False}


def test_work_is_proportional_to_the_change(quick: Home, tmp_path: Path) -> None:
    change(quick, tmp_path)
    with quick.database.begin() as tx:
        assert marts.refresh(tx, kit.day(61))["keys"] == 8
        assert tx.scalar("select keys_touched from mart_state") == 8


def test_a_new_list_of_procedures_counts_anew(quick: Home, tmp_path: Path) -> None:
    chance = random.Random(3)
    rows = [{**random_row(chance, code), "due_at": ""} for code in CODES]
    kit.load(quick, kit.write_csv(tmp_path / "a.csv", rows), kit.QuickGate(), kit.day(60))
    with quick.database.begin() as tx:
        marts.refresh(tx, kit.day(60))
        before = settled(tx)
    shorter = tmp_path / "shorter.csv"
    shorter.write_text("Mã thủ tục;Tên thủ tục hành chính;Thời hạn giải quyết\nP10;Hai ngày;2\n", encoding="utf-8")
    kit.load(quick, shorter, kit.QuickGate(), kit.day(61), "procedures")
    with quick.database.begin() as tx:
        assert marts.refresh(tx, kit.day(61))["rebuilt"]
        assert settled(tx) == recounted(tx) != before
