"""The warehouse against itself, and one source against another: each check finds its own mistake and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from flows.steps.checks import cross_checks, integrity, last_whole_day
from flows.steps.home import ZONE, parse_moment
from warehouse import checks, marts

if TYPE_CHECKING:
    from flows.steps.home import Home
    from warehouse.database import Transaction

pytestmark = pytest.mark.db
NOW = datetime(2023, 7, 1, 3, tzinfo=UTC)
AS_OF = parse_moment("2023-06-30")
COMMUNES = ("22489", "22492", "22495", "22498", "22501", "22504")


class _Undo(Exception):
    pass


@contextmanager
def scratch(home: Home) -> Iterator[Transaction]:
    """A transaction that leaves nothing behind."""
    try:
        with home.database.begin() as tx:
            yield tx
            raise _Undo
    except _Undo:
        pass


def load(tx: Transaction, source: str = "one_stop", table: str = "dossiers", **counts: int) -> int:
    number = int(tx.scalar("select count(*) from files")) + 1
    given = {"rows_read": 0, "rows_accepted": 0, "rows_quarantined": 0, "rows_unchanged": 0, "rows_inserted": 0} | counts
    sha = f"{number:064x}"
    tx.execute(
        "insert into files (sha256, size_bytes, suffix, state, first_seen_at, changed_at)"
        " values (%(sha)s, 1, '.csv', 'loaded', %(now)s, %(now)s)",
        {"sha": sha, "now": NOW},
    )
    columns = ", ".join(given)
    values = ", ".join(f"%({name})s" for name in given)
    return int(
        tx.scalar(
            "insert into loads (sha256, kind, target_table, source, contract, contract_digest, contract_body, mapped_columns,"
            f" known_from, code_version, units_version, calendar_version, loaded_at, events_to, {columns}) values"
            " (%(sha)s, 'file', %(table)s, %(source)s, 'c', 'd', '{}', '{}', %(now)s, 'v', 'v', 'v', %(now)s, %(now)s, "
            f"{values}) returning load_id",
            {"sha": sha, "table": table, "source": source, "now": NOW, **given},
        )
    )


def fact(tx: Transaction, table: str, key: int, load_id: int, source: str = "one_stop", **values: Any) -> None:
    given = {
        "source": source, "key_hash": key, "row_hash": key, "load_id": load_id, "added_by": load_id, "row_no": key,
        "known_from": NOW, "unit_code": "22492", **values,
    }  # fmt: skip
    names = ", ".join(given)
    tx.execute(f"insert into {table}_facts ({names}) values ({', '.join(f'%({n})s' for n in given)})", given)


def dossiers(tx: Transaction, count: int, unit: str, month: int, first_key: int, load_id: int, **values: Any) -> None:
    """Received and resolved within one month, one per working hour."""
    for n in range(count):
        at = datetime(2023, month, 2 + n % 20, 9, n % 60, tzinfo=ZONE)
        fact(
            tx, "dossiers", first_key + n, load_id,
            **{
                "dossier_code": f"H32.{unit}-{first_key + n}", "unit_code": unit, "channel": "online", "received_at": at,
                "due_at": at + timedelta(days=5), "finished_at": at + timedelta(days=2), "status": "returned", **values,
            },
        )  # fmt: skip


def report(tx: Transaction, unit: str, month: int, load_id: int, received: int, resolved: int, **values: Any) -> None:
    given = {
        "received_total": received, "received_online": received, "received_direct_postal": 0, "carried_over": 0,
        "resolved_total": resolved, "resolved_overdue": 0, **values,
    }  # fmt: skip
    fact(
        tx, "monthly_reports", int(unit) * 100 + month, load_id, source="monthly_report", unit_code=unit, year=2023, month=month,
        **given,
    )  # fmt: skip


def found(home: Home, tx: Transaction, check: str, as_of: datetime = AS_OF) -> list[dict[str, Any]]:
    return [row for row in cross_checks(home, tx, as_of) if row["check"] == check]


# --- the warehouse against itself ---------------------------------------------------------------------------------


def test_an_empty_warehouse_is_in_order(clean: Home) -> None:
    assert integrity(clean) == []
    with scratch(clean) as tx:
        assert cross_checks(clean, tx, AS_OF) == []


def broken(tx: Transaction) -> set[str]:
    return {row["check"] for row in checks.run(tx)}


def test_a_good_load_is_in_order(clean: Home) -> None:
    with scratch(clean) as tx:
        dossiers(tx, 3, "22492", 3, 1, load(tx, rows_read=4, rows_accepted=4, rows_unchanged=1, rows_inserted=3))
        marts.refresh(tx, NOW)
        assert checks.run(tx) == []


@pytest.mark.parametrize(
    ("check", "statement"),
    [
        ("one_current_version", "insert into dossiers_facts select * from dossiers_facts where key_hash = 1"),
        ("intervals", "update dossiers_facts set known_to = known_from - interval '1 day' where key_hash = 1"),
        ("ledger_counts", "update loads set rows_read = 9"),
        ("ledger_counts", "insert into load_units select load_id, '22492', 99 from loads"),
        ("inserted_facts", "update loads set rows_inserted = 2, rows_unchanged = 2"),
        ("orphan_facts", "update dossiers_facts set added_by = 999 where key_hash = 1"),
        ("orphan_facts", "update dossiers_facts set source = 'portal' where key_hash = 1"),
        ("quarantine_counts", "update loads set rows_quarantined = 1, rows_read = 5"),
        (
            "quarantine_closed",
            "insert into quarantine (load_id, target_table, source, row_no, rule, state)"
            " select load_id, 'dossiers', 'one_stop', 7, 'missing', 'closed' from loads",
        ),
        ("unknown_units", "update dossiers_facts set unit_code = '00000' where key_hash = 1"),
        ("loaded_files", "update files set state = 'received'"),
        ("settled_counts", "update dossier_month_counts set qd766_late = qd766_late + 1 where part = 'finished'"),
        ("settled_counts", "update dossier_month_counts set early = early + 1 where part = 'finished'"),
        ("settled_counts", "update dossier_month_counts set supplement_none = supplement_none + 1 where part = 'received'"),
        ("settled_counts", "delete from dossier_month_counts where part = 'received'"),
    ],
)
def test_each_mistake_is_found(clean: Home, check: str, statement: str) -> None:
    with scratch(clean) as tx:
        dossiers(tx, 3, "22492", 3, 1, load(tx, rows_read=4, rows_accepted=4, rows_unchanged=1, rows_inserted=3))
        marts.refresh(tx, NOW)
        assert tx.execute(statement) > 0
        (row,) = checks.run(tx, only=[check])
        assert row["check"] == check and row["count"] >= 1 and row["rows"]
        assert row["meaning"].endswith(".") and "--" not in row["meaning"]


def test_overlapping_versions_and_unknown_twins_are_found(clean: Home) -> None:
    with scratch(clean) as tx:
        first = load(tx, rows_read=1, rows_accepted=1, rows_inserted=1)
        second = load(tx, "portal", rows_read=1, rows_accepted=1, rows_inserted=1)
        third = load(tx, rows_read=1, rows_accepted=1, rows_inserted=1)
        fact(tx, "dossiers", 1, first, known_to=NOW + timedelta(days=9))
        fact(tx, "dossiers", 1, third, known_from=NOW + timedelta(days=3))
        fact(tx, "dossiers", 1, second, source="portal")
        assert broken(tx) == {"intervals", "twins"}


def test_counts_behind_the_facts_are_not_a_mistake(clean: Home) -> None:
    """The monthly counts follow at the next question; until then they are late, not wrong."""
    with scratch(clean) as tx:
        dossiers(tx, 3, "22492", 3, 1, load(tx, rows_read=3, rows_accepted=3, rows_inserted=3))
        assert broken(tx) == set()


# --- one source against another -------------------------------------------------------------------------------------


def test_the_same_dossier_dated_differently_in_two_sources(clean: Home) -> None:
    with scratch(clean) as tx:
        one, two = load(tx), load(tx, "portal")
        dossiers(tx, 7, "22492", 6, 1, one)
        dossiers(tx, 7, "22492", 6, 1, two, source="portal")
        tx.execute("insert into dossier_twins select generate_series(1, 7)")
        assert found(clean, tx, "source_disagreement") == []
        tx.execute("update dossiers_facts set due_at = due_at + interval '4 minutes' where source = 'portal'")
        tx.execute("update dossiers_facts set finished_at = null where source = 'portal' and key_hash = 7")
        assert found(clean, tx, "source_disagreement") == []
        tx.execute("update dossiers_facts set due_at = due_at + interval '1 day' where source = 'portal' and key_hash <= 6")
        (row,) = found(clean, tx, "source_disagreement")
        assert (row["unit"], row["severity"], row["subject"]) == ("Xã Đại Lãnh", "warn", "one_stop/portal due_at")
        assert row["detail"]["dossiers"] == 6 and row["detail"]["codes"] == [f"H32.22492-{n}" for n in range(1, 6)]
        assert row["text"].startswith("6 hồ sơ có ngày hẹn trả khác nhau giữa Một cửa và Cổng dịch vụ công")


def test_dossiers_beside_the_monthly_report(clean: Home) -> None:
    with scratch(clean) as tx:
        one, told = load(tx), load(tx, "monthly_report", "monthly_reports")
        for place, month in enumerate((3, 4, 5)):
            dossiers(tx, 40, "22492", month, 1 + 100 * place, one)
        report(tx, "22492", 2, told, 55, 55)  # before the unit's first dossier: nothing to compare
        report(tx, "22492", 3, told, 42, 40)  # within the tolerance
        report(tx, "22492", 4, told, 47, 40, resolved_overdue=3)
        report(tx, "22492", 5, told, 90, 90)  # not over on 15 May
        report(tx, "22495", 4, told, 80, 80)  # a unit of which there are counts only
        rows = found(clean, tx, "monthly_report", parse_moment("2023-05-15"))
        assert [(row["subject"], row["detail"]["difference"]) for row in rows] == [
            ("received 2023-04", 7), ("received_online 2023-04", 7), ("resolved_overdue 2023-04", 3),
        ]  # fmt: skip
        assert rows[0]["text"].startswith(
            "Tháng 04/2023: báo cáo ghi 47 hồ sơ tiếp nhận trong kỳ, dữ liệu hồ sơ có 40 (chênh +7)."
        )
        later = found(clean, tx, "monthly_report", parse_moment("2023-05-31"))
        assert {row["subject"] for row in later if "2023-05" in row["subject"]} == {
            "received 2023-05", "received_online 2023-05", "resolved 2023-05",
        }  # fmt: skip


def test_overdue_by_either_way_to_count_is_no_difference(clean: Home) -> None:
    with scratch(clean) as tx:
        one, told = load(tx), load(tx, "monthly_report", "monthly_reports")
        dossiers(tx, 20, "22492", 4, 1, one)
        tx.execute("update dossiers_facts set returned_at = due_at + interval '1 day'")  # finished in time, fetched late
        for reported, subjects in ((0, []), (20, []), (12, [])):
            tx.execute("delete from monthly_reports_facts")
            report(tx, "22492", 4, told, 20, 20, resolved_overdue=reported)
            assert [row["subject"] for row in found(clean, tx, "monthly_report")] == subjects


def test_a_silent_source(clean: Home) -> None:
    with scratch(clean) as tx:
        one, told = load(tx), load(tx, "survey", "survey_forms")
        for place, unit in enumerate(COMMUNES[:3]):
            dossiers(tx, 2, unit, 6 if place else 4, 1 + 100 * place, one)
            fact(tx, "survey_forms", place, told, source="survey", unit_code=unit, form_code=str(place), answered_on="2023-01-10")
        rows = {row["subject"]: row for row in found(clean, tx, "freshness")}
        assert set(rows) == {"one_stop", "survey"}
        assert rows["one_stop"]["unit_code"] == "22489"
        assert rows["one_stop"]["text"].startswith("Nguồn Một cửa không có gì mới từ 03/04/2023: 88 ngày, ngưỡng 45 ngày.")
        assert rows["survey"]["unit"] == "Tất cả các xã" and rows["survey"]["detail"]["units"] == 3


def test_a_month_far_from_the_others(clean: Home) -> None:
    """A month in which every commune is quiet is a season; a month in which one is quiet is a file that lacks rows."""
    with scratch(clean) as tx:
        one = load(tx)
        key = 1
        for unit in COMMUNES:
            for month in range(1, 8):
                count = 15 if month == 2 else 42 + (month * int(unit)) % 5
                if (unit, month) == ("22495", 5):
                    count = 4
                dossiers(tx, count, unit, month, key, one)
                key += count
        rows = found(clean, tx, "volume_outliers", parse_moment("2023-07-31"))
        assert [(row["unit_code"], row["subject"], row["severity"]) for row in rows] == [("22495", "2023-05", "info")]
        assert "tiếp nhận 4 hồ sơ, ít hơn hẳn mức thường" in rows[0]["text"]
        assert found(clean, tx, "volume_outliers", parse_moment("2023-05-30")) == []


def test_one_code_in_two_units(clean: Home) -> None:
    with scratch(clean) as tx:
        one = load(tx)
        dossiers(tx, 3, "22492", 6, 1, one)
        dossiers(tx, 1, "22495", 6, 50, one, dossier_code="H32.22492-2")
        (row,) = found(clean, tx, "code_in_two_units")
        assert (row["unit_code"], row["subject"], row["detail"]["codes"]) == ("22492", "22495", ["H32.22492-2"])
        assert row["text"].startswith("1 mã hồ sơ có ở cả Xã Đại Lãnh và ")


def test_findings_open_once_and_clear_when_it_fits_again(clean: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    with scratch(clean) as tx:
        one = load(tx)
        dossiers(tx, 3, "22492", 6, 1, one)
        dossiers(tx, 1, "22495", 6, 50, one, dossier_code="H32.22492-2")
        tx.execute(
            "insert into quality_findings (check_name, severity, subject, detail, first_seen_at, last_seen_at)"
            " values ('another', 'warn', 'x', '{}', %(now)s, %(now)s)",
            {"now": NOW},
        )
        monkeypatch.setenv("CCHC_CLOCK", "2023-07-01T01:00:00")
        cross_checks(clean, tx, AS_OF)
        monkeypatch.setenv("CCHC_CLOCK", "2023-07-02T01:00:00")
        cross_checks(clean, tx, AS_OF)
        (row,) = [row for row in checks.open_findings(tx) if row["check_name"] == "code_in_two_units"]
        assert (row["first_seen_at"].day, row["last_seen_at"] - row["first_seen_at"]) == (30, timedelta(days=1))
        tx.execute("delete from dossiers_facts where key_hash = 50")
        cross_checks(clean, tx, AS_OF)
        assert [row["check_name"] for row in checks.open_findings(tx)] == ["another"]
        assert tx.scalar("select count(*) from quality_findings") == 2


def test_whole_days() -> None:
    assert last_whole_day(parse_moment("2023-06-30")).isoformat() == "2023-06-30"
    assert last_whole_day(parse_moment("2023-06-30T12:00:00")).isoformat() == "2023-06-29"
    assert last_whole_day(datetime(2023, 6, 30, 17, 30, tzinfo=UTC)).isoformat() == "2023-06-30"
