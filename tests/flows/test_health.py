"""What the status page is told: what is wrong is named for what it is, and nothing that waits does so in silence."""

from __future__ import annotations

import errno
import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from flows.steps.health import Check, status
from messages import running

if TYPE_CHECKING:
    from flows.steps.home import Home

pytestmark = pytest.mark.db


def beat(home: Home, component: str, *, host: str = "m", ago: str = "5 seconds", detail: dict[str, Any] | None = None) -> None:
    with home.database.begin() as tx:
        tx.execute(
            """
            insert into heartbeats (component, host, pid, started_at, beat_at, heard_at, detail)
            values (%(component)s, %(host)s, 1, now(), now(), now() - %(ago)s::interval, %(detail)s::jsonb)
            """,
            {"component": component, "host": host, "ago": ago, "detail": json.dumps(detail or {})},
        )


def wrong(home: Home) -> dict[str, Check]:
    return {check.name: check for check in status(home)["checks"] if check.state != "ok" and check.name != "disk"}


def told(check: Check) -> str:
    return running.check(check.name, check.code, check.values)


def test_nothing_is_wrong_while_the_desk_beats(clean: Home) -> None:
    beat(clean, "watch")
    assert wrong(clean) == {}


def test_an_inbox_that_is_gone_is_not_a_dead_database(clean: Home) -> None:
    beat(clean, "watch")
    shutil.rmtree(clean.inbox)
    try:
        found = wrong(clean)
        document = status(clean)
    finally:
        clean.inbox.mkdir(mode=0o700)
    assert {name: check.code for name, check in found.items()} == {"inbox": "closed"}
    assert document["facts"]["waiting"] is None and document["status"] == "degraded"


def test_what_the_desk_cannot_do_is_told(clean: Home) -> None:
    beat(clean, "watch", detail={"trouble": {"chain": "disk_full", "pull": "bad_inboxes"}, "inboxes": []})
    found = wrong(clean)
    assert {name: check.code for name, check in found.items()} == {"works": "trouble", "inboxes": "bad_inboxes"}
    assert "nạp tệp" in told(found["works"]) and "nơi khác" not in told(found["works"])
    assert "inboxes.yaml" in told(found["inboxes"])


def test_an_inbox_elsewhere_that_fails_is_named(clean: Home) -> None:
    beat(clean, "watch", detail={"inboxes": ["mot-cua"]})
    assert "«mot-cua»" in told(wrong(clean)["inboxes"])


def test_the_desk_tells_of_an_inbox_that_it_cannot_fetch_from(clean: Home) -> None:
    from flows.watch import Desk

    settings, desk = clean.root / "inboxes.yaml", Desk(clean)
    settings.write_text("inboxes:\n  - {name: mot-cua, url: 'file:///khong/co/thu/muc'}\n", encoding="utf-8")
    try:
        for _ in range(2):  # the second time it is not even tried
            desk._pull(), desk._pulse()
            assert wrong(clean)["inboxes"].values == {"inboxes": ["mot-cua"]}
    finally:
        settings.unlink()
        desk.log.close()
    desk._pull(), desk._pulse()
    assert wrong(clean) == {}


def test_r04_what_keeps_the_machine_from_its_work_is_an_alert_until_it_works_again(
    clean: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows import watch

    def stuck() -> list[dict[str, Any]]:
        with clean.database.begin() as tx:
            return tx.rows("select subject, state, severity, detail ->> 'code' as code from alerts where rule = 'work_stuck'")

    desk = watch.Desk(clean)
    try:
        desk._pulse()
        for _ in range(2):
            desk._failed(desk.works["chain"], OSError(errno.ENOSPC, "No space left on device", str(clean.snapshots)))
        desk._pulse()
        assert stuck() == []  # it may pass by itself
        monkeypatch.setattr(watch, "WORK_TOLD_S", 0.0)
        for _ in range(2):  # one alert, however long it lasts
            desk._pulse()
            assert stuck() == [{"subject": "work:chain", "state": "open", "severity": "critical", "code": "disk_full"}]
        desk.works["chain"].round = lambda: desk.stop.set() or 0.0
        desk._loop(desk.works["chain"])
        desk._pulse()
        assert [row["state"] for row in stuck()] == ["resolved"]
        monkeypatch.setattr("flows.steps.health.DISK_EMPTY", 2**62)
        desk._pulse()
        assert [row["code"] for row in stuck() if row["state"] == "open"] == ["full"]
    finally:
        desk.log.close()


def test_what_happens_in_a_reaction_is_told_at_its_end(clean: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    from flows import watch

    told: list[str] = []
    desk = watch.Desk(clean)

    def react(*_: Any, **__: Any) -> dict[str, Any]:
        desk._post()
        return {"status": "nothing_new", "loaded": 0, "rejected": 0, "seconds": 0.1, "run": None, "units": []}

    monkeypatch.setattr("flows.events.relay", lambda home: told.append("relay") or 0)
    monkeypatch.setattr("flows.steps.react.react", react)
    monkeypatch.setattr("flows.steps.react.waits", lambda home: True)
    try:
        desk._files()
        assert told == []
        desk._post()
        assert told == ["relay"]
        monkeypatch.setattr(watch, "POST_S", 0.0)  # one that takes long is told meanwhile
        desk._files()
        assert told == ["relay"] * 2
    finally:
        desk.log.close()


def test_messages_that_are_late_are_told(clean: Home) -> None:
    beat(clean, "watch")
    with clean.database.begin() as tx:
        tx.execute(
            """
            insert into alert_messages (dedupe, recipient, kind, alert_ids, title, body, queued_at, not_before, next_try_at, state)
            values ('x', 'r', 'test', '{}', 't', 'b', now(), now() - interval '2 hours', now(), 'waiting')
            """
        )
    assert wrong(clean)["messages"].code == "overdue"


def test_a_part_that_has_just_died_is_not_running_whatever_it_said_before(clean: Home) -> None:
    beat(clean, "watch")
    beat(clean, "up", detail={"parts": {"watch": {"pid": 9, "state": "waiting", "restarts": 1}}})
    assert wrong(clean)["watch"].code == "dead"


def test_a_machine_that_is_gone_for_a_day_is_not_missed(clean: Home) -> None:
    beat(clean, "watch")
    beat(clean, "runner", host="old", ago="2 hours")
    assert wrong(clean)["parts"].values == {"parts": ["runner"]}
    with clean.database.begin() as tx:
        tx.execute("update heartbeats set heard_at = now() - interval '25 hours' where host = 'old'")
    assert wrong(clean) == {}


def test_no_class_of_an_exception_is_shown() -> None:
    assert "OperationalError" not in running.check("database", "OperationalError", {"message": ""})
