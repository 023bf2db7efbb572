"""`cchc doctor`: things are broken one by one, and what it says of each is read. A healthy installation has nothing to fear."""

from __future__ import annotations

import time
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from flows.steps import doctor as steps
from flows.steps.doctor import Check, Finding, doctor
from messages.doctor import LABELS, TEXTS, told
from tests.flows import kit
from tests.flows.kit import dossier, write_csv

if TYPE_CHECKING:
    from flows.steps.home import Home

pytestmark = pytest.mark.db
Usage = namedtuple("Usage", "total used free")


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)


def found(home: Home, name: str) -> dict[str, Any]:
    """Return what one check says, run as the command runs it."""
    from flows.steps.doctor_checks import CHECKS

    (row,) = doctor(home, [check for check in CHECKS if check.name == name])["checks"]
    return row


def said(home: Home, name: str) -> tuple[str, str]:
    row = found(home, name)
    assert row["message"].endswith((".", "?")) and (row["remedy"].endswith(".") or not row["remedy"])
    return row["state"], row["code"]


def change(home: Home, statement: str) -> None:
    """Run a statement as nobody of ours would."""
    from warehouse import engine

    connection = engine.raw_connection(home.root, role="owner", autocommit=True)
    try:
        connection.cursor().execute(statement)
    finally:
        connection.close()


def load(home: Home, folder: Path) -> str:
    result = kit.load(home, write_csv(folder / "mot-cua.csv", [dossier("H32.99.02-230103-0001", 3)]), kit.QuickGate(), kit.day(1))
    return str(result.sha256)


def test_every_check_has_a_label_and_every_check_is_asked(clean: Home) -> None:
    document = doctor(clean)
    assert [row["check"] for row in document["checks"]] == list(LABELS)
    assert document["status"] != "fail", [row for row in document["checks"] if row["state"] == "fail"]
    assert all(row["label"] == LABELS[row["check"]] and row["code"] in TEXTS for row in document["checks"])


def test_a_home_that_does_not_exist_is_no_fault_and_is_not_made(clean: Home, tmp_path: Path) -> None:
    from flows.steps.home import Home

    root = tmp_path / "chua-co"
    document = doctor(Home(root))
    codes = {row["check"]: row["code"] for row in document["checks"]}
    assert (codes["home"], codes["database"], codes["night"], codes["audit"]) == (
        "no_home",
        "no_database",
        "not_checked",
        "not_checked",
    )
    assert document["status"] == "warn" and not root.exists()


def test_a_dead_database_is_one_failure_with_its_sentence(clean: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from flows.steps.home import Home

    monkeypatch.setenv("CCHC_DATABASE_URL", "postgresql+psycopg2://x:secret-word@127.0.0.1:1/x")
    document = doctor(Home(tmp_path))
    (row,) = (row for row in document["checks"] if row["state"] == "fail")
    assert row["check"] == "database" and "Không kết nối được cơ sở dữ liệu" in row["message"] and row["remedy"]
    assert "secret-word" not in str(document) and document["status"] == "fail"


def test_a_database_newer_than_the_code_is_refused_with_a_sentence(clean: Home) -> None:
    from flows.steps.home import Home

    change(clean, "insert into schema_migrations (version, name, checksum) values (99, '0099_x', 'x')")
    try:
        row = found(Home(clean.root), "database")
    finally:
        change(clean, "delete from schema_migrations where version = 99")
    assert row["state"] == "fail" and "mới hơn mã nguồn" in row["message"]


def test_open_secrets_and_open_data_are_failures(clean: Home) -> None:
    for name, code, usual in (("secrets.json", "secrets_open", 0o600), ("pgdata", "data_open", 0o700)):
        path = clean.root / name
        if not path.exists():  # the data of root's home may lie elsewhere
            continue
        path.chmod(usual | 0o044)
        try:
            assert said(clean, "home") == ("fail", code)
        finally:
            path.chmod(usual)
    assert said(clean, "home") == ("ok", "home")


@pytest.mark.parametrize(("gib", "state"), [(0.5, "fail"), (3, "warn"), (40, "ok")])
def test_free_space_is_judged(clean: Home, monkeypatch: pytest.MonkeyPatch, gib: float, state: str) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: Usage(0, 0, gib * 1024**3))
    row = found(clean, "disk")
    assert row["state"] == state and f"{gib:g}".replace(".", ",") in row["message"]


def test_a_replaced_clock_is_said_and_one_that_cannot_be_read_is_a_failure(clean: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    assert said(clean, "clock") == ("ok", "clock")
    monkeypatch.setenv("CCHC_CLOCK", "2023-03-20T22:00:00")
    assert said(clean, "clock") == ("warn", "clock_replaced")
    assert "20/03/2023" in found(clean, "clock")["message"]
    monkeypatch.setenv("CCHC_CLOCK", "@/khong/co")
    assert found(clean, "clock")["state"] == "fail"


def test_r28_a_version_that_breaks_scheduling_is_named_with_what_it_breaks(clean: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.steps.pins.PINS", (("sqlalchemy", "<2.0", "no_schedule"), ("no-such-package", "==1", "untested")))
    row = found(clean, "python")
    assert row["state"] == "fail" and "sqlalchemy 2.0" in row["message"] and "không lập lịch" in row["message"]
    assert "no-such-package chưa cài" in row["message"]


def test_nights_missed_failed_and_none(clean: Home) -> None:
    assert said(clean, "night") == ("warn", "no_night")
    night = "insert into nightly_runs (as_of, started_at, finished_at, outcome, summary) values ({0}, {0}, {0}, '{1}', '{{}}')"
    change(clean, night.format("now() - interval '3 days'", "done"))
    assert said(clean, "night") == ("warn", "night_old")
    change(clean, night.format("now()", "done"))
    assert said(clean, "night") == ("ok", "night")
    change(clean, night.format("now()", "failed"))
    assert said(clean, "night") == ("fail", "night_failed")
    change(
        clean, "insert into work_log (kind, started_at, seconds, outcome) values ('desk', now() - interval '5 days', 0, 'done')"
    )
    row = found(clean, "night")
    assert row["code"] == "night_missed" and row["state"] == "fail" and "đêm" in row["message"]


def test_parts_alive_dead_and_stopped(clean: Home) -> None:
    beat = (
        "insert into heartbeats (component, host, pid, started_at, beat_at, heard_at)"
        " values ('{}', 'm', 1, now(), now(), now() - interval '{}')"
    )
    assert said(clean, "parts") == ("warn", "not_up")
    change(clean, beat.format("runner", "10 seconds"))
    assert said(clean, "parts") == ("ok", "parts")
    change(clean, beat.format("watch", "10 minutes"))
    assert said(clean, "parts") == ("fail", "part_dead") and "trực hộp thư" in found(clean, "parts")["message"]
    change(clean, "update heartbeats set heard_at = now() - interval '1 hour'")
    assert said(clean, "parts") == ("warn", "not_up")


def test_a_part_that_never_speaks_for_itself_is_missed_too(clean: Home) -> None:
    """The server and the page are known by what their supervisor tells of them."""
    detail = '{"parts": {"server": {"pid": 7, "state": "waiting", "restarts": 3}}}'
    change(clean, f"insert into heartbeats values ('up', 'm', 1, now(), now(), now(), '{detail}')")
    assert said(clean, "parts") == ("fail", "part_dead") and "máy chủ Prefect" in found(clean, "parts")["message"]


def test_parts_are_alive_whatever_clock_is_in_force(clean: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    change(clean, "insert into heartbeats (component, host, pid, started_at, beat_at) values ('watch', 'm', 1, now(), now())")
    monkeypatch.setenv("CCHC_CLOCK", "2031-03-20T22:00:00")
    assert said(clean, "parts") == ("ok", "parts")


def test_prefect_away_and_events_that_wait(clean: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    assert said(clean, "prefect") == ("ok", "no_prefect")
    wait = "insert into events (kind, subject, occurred_at, recorded_at) values ('file.arrived', 'file:x', now(), now() - interval '2 hours')"
    change(clean, wait)
    assert said(clean, "events") == ("ok", "events")  # nobody to tell
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:1/api")
    assert said(clean, "prefect") == ("fail", "prefect_away")
    assert found(clean, "prefect")["message"] == "Máy chủ Prefect ở http://127.0.0.1:1/api chưa dùng được (không kết nối được)."
    row = found(clean, "events")
    assert (row["state"], row["code"]) == ("warn", "events_wait") and "120 phút" in row["message"]


def test_what_was_just_deployed_is_given_a_moment_to_be_planned(clean: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """No night is planned in the first seconds after a start, which is not what breaks the schedule."""
    from flows.steps import doctor_prefect

    deployed = {name: {"id": name, "paused": False, "schedules": []} for name in doctor_prefect.DEPLOYED}
    monkeypatch.setattr(doctor_prefect, "call", lambda *_, **__: [])
    monkeypatch.setattr(doctor_prefect, "_deployed", lambda _: deployed)
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:1/api")
    change(clean, "insert into heartbeats (component, host, pid, started_at, beat_at) values ('runner', 'm', 1, now(), now())")
    assert said(clean, "prefect") == ("warn", "schedule_soon")
    change(clean, "update heartbeats set started_at = now() - interval '5 minutes'")
    assert said(clean, "prefect") == ("fail", "no_schedule")


def test_files_rejected_and_mails_that_did_not_go(clean: Home) -> None:
    assert (said(clean, "rejected"), said(clean, "messages")) == (("ok", "none_rejected"), ("ok", "messages"))
    change(
        clean,
        "insert into files (sha256, size_bytes, suffix, state, first_seen_at, changed_at)"
        " values (repeat('a', 64), 1, '.csv', 'rejected', now(), now())",
    )
    assert said(clean, "rejected") == ("warn", "rejected")
    mail = (
        "insert into alert_messages (dedupe, recipient, kind, alert_ids, title, body, queued_at, not_before, next_try_at, state)"
        " values ('{0}', 'r', 'test', '{{}}', 't', 'b', now(), now() - interval '2 hours', now(), '{0}')"
    )
    change(clean, mail.format("waiting"))
    assert said(clean, "messages") == ("warn", "messages_overdue")
    change(clean, mail.format("unclear"))
    assert said(clean, "messages") == ("fail", "messages_given_up")


@pytest.mark.parametrize(("name", "check"), [("alerts.yaml", "alert_settings"), ("inboxes.yaml", "inboxes")])
def test_settings_that_cannot_be_used_are_named_with_their_line(clean: Home, name: str, check: str) -> None:
    path = clean.root / name
    path.write_text("khong-co-khoa-nay: 1\n", encoding="utf-8")
    try:
        row = found(clean, check)
    finally:
        path.unlink()
    assert row["state"] == "fail" and name in row["message"] and "1" in row["message"]


def test_settings_that_ought_to_be_looked_at_are_told(clean: Home) -> None:
    path = clean.root / "alerts.yaml"
    path.write_text("recipients:\n  - {name: A, url: 'json://127.0.0.1', owners: [Không ai cả]}\n", encoding="utf-8")
    path.chmod(0o644)
    try:
        row = found(clean, "alert_settings")
    finally:
        path.unlink()
    assert (row["state"], row["code"]) == ("warn", "alert_warnings")
    assert "chmod 600" in row["message"] and "«Không ai cả»" in row["message"] and row["remedy"]


def test_an_inbox_of_a_unit_that_nobody_knows_keeps_its_files_waiting(clean: Home) -> None:
    path = clean.root / "inboxes.yaml"
    path.write_text("inboxes:\n  - {name: mot-cua, url: 'file:///srv', unit: '99999'}\n", encoding="utf-8")
    try:
        row = found(clean, "inboxes")
    finally:
        path.unlink()
    assert (row["state"], row["code"]) == ("fail", "inboxes_bad") and "99999" in row["message"] and "phải chờ" in row["remedy"]


def test_a_stored_file_that_was_changed_or_is_gone_is_named(clean: Home, tmp_path: Path) -> None:
    from sources.snapshot import place_of

    assert said(clean, "snapshots") == ("ok", "snapshots")
    sha256 = load(clean, tmp_path)
    assert said(clean, "snapshots") == ("ok", "snapshots")
    path = place_of(sha256, clean.snapshots)
    path.chmod(0o600)
    path.write_text("khác", encoding="utf-8")
    row = found(clean, "snapshots")
    assert row["state"] == "fail" and sha256[:12] in row["message"] and "đổi nội dung" in row["message"]
    path.unlink()
    assert "thiếu 1" in found(clean, "snapshots")["message"]


def test_facts_that_do_not_agree_with_the_ledger_are_found(clean: Home, tmp_path: Path) -> None:
    load(clean, tmp_path)
    assert said(clean, "integrity") == ("ok", "integrity")
    change(clean, "update loads set rows_accepted = rows_accepted + 5")
    row = found(clean, "integrity")
    assert row["code"] == "integrity_broken" and "ledger_counts" in row["message"]


def test_a_log_that_was_changed_is_a_failure(clean: Home) -> None:
    from flows.steps.audit import record

    with clean.database.begin() as tx:
        record(tx, "score.publish", "run:1", {"says": "lần công bố số 1"})
    assert found(clean, "audit")["state"] == "ok"
    (clean.root / "audit.heads").unlink()
    row = found(clean, "audit")
    assert row["state"] == "fail" and "không còn nguyên vẹn" in row["message"]


def test_an_inbox_that_is_no_folder(clean: Home) -> None:
    clean.inbox.rmdir()
    assert said(clean, "inbox") == ("warn", "no_inbox")
    clean.inbox.mkdir(mode=0o700)
    (clean.inbox / "a.csv").write_text("x")
    assert said(clean, "inbox") == ("ok", "inbox")


def test_a_check_that_hangs_or_breaks_does_not_stop_the_others(clean: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "LIMIT_S", 0.05)

    def broken(_: Home) -> Finding:
        raise RuntimeError("a cell of somebody")

    looks: list[tuple[str, Callable[[Home], Finding]]] = [
        ("disk", lambda _: time.sleep(1) or Finding("ok", "inbox", {"count": 0})),  # type: ignore[func-returns-value]
        ("clock", broken),
        ("inbox", lambda _: Finding("ok", "inbox", {"count": 0})),
    ]
    document = doctor(clean, [Check(name, look, needs_database=False) for name, look in looks])
    assert [row["code"] for row in document["checks"]] == ["too_slow", "broken_check", "inbox"]
    assert "a cell of somebody" not in str(document)


def test_every_text_is_a_sentence_without_an_open_place() -> None:
    for name in TEXTS:
        if not callable(TEXTS[name]):
            words = {
                word: 3
                for word in ("seconds", "kind", "found", "needed", "pins", "home", "path", "count", "name", "url", "detail")
            } | {"message": "Câu."}
            message, remedy = told(name, words)
            assert message[-1] == "." and "{" not in message + remedy, name
