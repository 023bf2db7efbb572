"""Nights that are due, missed, made up for and skipped; R25: one at a time, said by whom."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from flows.steps import inbox, lease, nightly, nights
from flows.steps.home import CHECKOUT, ZONE, Home, UserError, now, parse_moment
from tests.flows import kit
from tests.flows.test_react import Town

pytestmark = [pytest.mark.db]
D = date(2023, 5, 15)


@pytest.fixture(autouse=True)
def calm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CCHC_CLOCK", "2023-05-15T10:00:00+07:00")
    monkeypatch.setattr(inbox, "SETTLE_S", 0.0)
    monkeypatch.setattr("flows.steps.forecast.DRAWS", 100)
    monkeypatch.setattr("flows.steps.forecast_night.shown", lambda *_: {})  # seconds of pictures


def watched_since(home: Home, moment: str) -> None:
    """A desk has watched over the home since then."""
    from warehouse import events

    with home.database.begin() as tx:
        events.log_work(tx, "desk", "", parse_moment(moment), 0.0, "done", {})


def ran(home: Home, moment: str, outcome: str = "done") -> None:
    from warehouse import chain

    at = parse_moment(moment)
    with home.database.begin() as tx:
        chain.record_night(tx, at, at, at, None, outcome, {})


def asked(home: Home, what: Callable[[Any, datetime], list[date]], moment: str) -> list[str]:
    with home.database.begin() as tx:
        return [day.isoformat() for day in what(tx, parse_moment(moment))]


def outcomes(home: Home) -> list[tuple[str, str]]:
    with home.database.begin() as tx:
        rows = tx.rows("select as_of, outcome from nightly_runs order by run_id")
    return [(f"{row['as_of'].astimezone(ZONE):%d.%m. %H:%M}", row["outcome"]) for row in rows]


@pytest.mark.parametrize(
    ("moment", "night"),
    [("2023-05-15T01:00:00", D), ("2023-05-15T00:59:59", D - timedelta(1)), ("2023-05-16T00:59:59", D)],
)
def test_the_night_of_an_instant(moment: str, night: date) -> None:
    assert nights.night_of(parse_moment(moment)) == night
    assert nights.begin_of(D) == datetime(2023, 5, 14, 18, tzinfo=UTC)


def test_no_night_is_expected_before_a_desk_watches(clean: Home) -> None:
    ran(clean, "2023-05-01T22:00:00")
    assert asked(clean, nights.due, "2023-05-15T10:00:00") == []
    watched_since(clean, "2023-05-14T09:00:00")
    assert asked(clean, nights.due, "2023-05-15T00:59:59") == []
    assert asked(clean, nights.due, "2023-05-15T01:00:00") == ["2023-05-15"]


def test_a_night_is_due_until_one_came_to_a_result_and_missed_after_25_minutes(clean: Home) -> None:
    watched_since(clean, "2023-05-12T09:00:00")
    ran(clean, "2023-05-13T01:00:05")
    ran(clean, "2023-05-15T00:59:59", "nothing_new")  # late, but still of the 14th
    assert asked(clean, nights.due, "2023-05-15T01:00:00") == ["2023-05-15"]
    assert asked(clean, nights.missed, "2023-05-15T01:24:59") == []
    assert asked(clean, nights.missed, "2023-05-15T01:25:00") == ["2023-05-15"]
    ran(clean, "2023-05-15T01:10:00", "failed")
    assert asked(clean, nights.missed, "2023-05-15T01:25:00") == ["2023-05-15"]
    with lease.held(clean, lease.NIGHT, "night:2023-05-15"):  # taken at 10:00
        assert asked(clean, nights.missed, "2023-05-15T11:59:59") == []
        assert asked(clean, nights.missed, "2023-05-15T12:00:00") == ["2023-05-15"]  # stuck
        assert asked(clean, nights.due, "2023-05-15T12:00:00") == []
    ran(clean, "2023-05-15T02:00:00")
    assert asked(clean, nights.due, "2023-05-15T23:00:00") == []


def test_nights_too_far_back_are_skipped_and_said_so(clean: Home) -> None:
    watched_since(clean, "2023-04-20T09:00:00")
    ran(clean, "2023-04-22T01:00:00")
    assert len(asked(clean, nights.due, "2023-05-15T10:00:00")) == 14
    skipped = nights.skip_old(clean, parse_moment("2023-05-15T10:00:00"))
    assert [day.day for day in skipped] == [21, 23, 24, 25, 26, 27, 28, 29, 30, 1]
    assert nights.skip_old(clean, parse_moment("2023-05-15T10:00:00")) == []
    assert outcomes(clean)[1:3] == [("21.04. 01:00", "skipped"), ("23.04. 01:00", "skipped")]


def test_a_clock_that_stood_ahead_for_a_while_takes_no_night_to_come(clean: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    watched_since(clean, "2023-05-14T09:00:00")
    assert len(nights.skip_old(clean, parse_moment("2023-12-15T10:00:00"))) > 100
    ran(clean, "2023-05-16T01:00:00")
    assert asked(clean, nights.due, "2023-05-15T10:00:00") == ["2023-05-15"]
    monkeypatch.setenv("CCHC_CLOCK", "2023-05-15T10:00:01+07:00")
    ran(clean, "2023-05-15T10:00:01")
    assert asked(clean, nights.due, "2023-05-15T10:00:01") == []
    monkeypatch.setenv("CCHC_CLOCK", "2023-05-16T00:59:00+07:00")
    assert asked(clean, nights.due, "2023-05-16T01:00:00") == ["2023-05-16"]


@pytest.mark.slow
def test_a_night_about_another_year_leaves_the_one_of_today_due(clean: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "gate_of", lambda home: _Open())
    watched_since(clean, "2023-05-14T09:00:00")
    assert nightly.nightly(clean, year=2022)["status"] == "done"
    assert asked(clean, nights.due, "2023-05-15T10:00:00") == ["2023-05-15"]


@pytest.mark.slow
def test_missed_nights_are_made_up_for_oldest_first_and_leave_the_reports_alone(
    clean: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    town, moments = Town(clean), []
    whole = nightly._night

    def night(home: Home, of: nightly.Night, *given: Any, **more: Any) -> dict[str, Any]:
        moments.append((of.moment.astimezone(ZONE).isoformat()[:16], more["past"]))
        if of.moment.astimezone(ZONE).day == 14:
            raise UserError("no_luck", "Không may.")
        return whole(home, of, *given, **more)

    monkeypatch.setattr(nightly, "_night", night)
    monkeypatch.setattr(inbox, "gate_of", lambda home: _Open())
    watched_since(clean, "2023-05-12T09:00:00")
    town.drop("mot.csv")
    with pytest.raises(UserError):
        nights.run_due(clean)
    assert moments == [("2023-05-13T01:00", True), ("2023-05-14T01:00", True), ("2023-05-15T10:00", False)]
    assert outcomes(clean) == [("13.05. 01:00", "done"), ("14.05. 01:00", "failed"), ("15.05. 10:00", "done")]
    with clean.database.begin() as tx:
        assert tx.scalar("select summary from nightly_runs where outcome = 'failed'") == {"code": "no_luck", "kind": "UserError"}
        stages = tx.scalar("select detail -> 'stages' from work_log where kind = 'night' and outcome = 'done' limit 1")
        assert set(stages) == {"load", "score", "reports", "forecast", "alerts"}
        as_of = tx.rows("select recipe -> 'question' ->> 'as_of' as as_of from score_runs order by run_id")
    assert [row["as_of"][:16] for row in as_of] == ["2023-05-12T18:00", "2023-05-15T03:00"]

    moments.clear()
    report = clean.reports / "diem-2023.json"
    before = report.read_bytes()
    monkeypatch.setattr(nightly, "_night", whole)
    (made_up,) = nights.run_due(clean)
    assert (made_up["night"], made_up["written"]) == ("2023-05-14", {}) and report.read_bytes() == before
    assert nights.run_due(clean) == []
    monkeypatch.setenv("CCHC_CLOCK", "2023-05-16T01:09:59+07:00")
    assert nights.run_due(clean, grace=timedelta(minutes=10)) == []
    monkeypatch.setenv("CCHC_CLOCK", "2023-05-16T01:10:00+07:00")
    assert [document["night"] for document in nights.run_due(clean, grace=timedelta(minutes=10))] == ["2023-05-16"]


class _Open(kit.QuickGate):
    def __enter__(self) -> _Open:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to close."""


@pytest.mark.slow
def test_r25_two_nights_and_a_new_score_at_once(clean: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second night says who is at it; a reaction waits its turn; a score asked for by hand is published; nothing is lost."""
    from flows.steps.measure import question
    from flows.steps.runs import score_and_publish

    town = Town(clean)
    monkeypatch.setattr(inbox, "gate_of", lambda home: _Open())
    town.drop("mot.csv")
    inside, go_on = threading.Event(), threading.Event()
    plain = nightly.reached
    answers: dict[str, Any] = {}

    def reached(name: str) -> None:
        plain(name)
        if name == "published":
            inside.set()
            assert go_on.wait(120)

    monkeypatch.setattr(nightly, "reached", reached)
    first = threading.Thread(target=lambda: answers.update(first=nightly.nightly(clean)))
    first.start()
    assert inside.wait(120)
    try:
        second = nightly.nightly(clean)
        assert (second["status"], second["rejected"], second["holder"]) == ("running", 0, f"{os.uname().nodename}:{os.getpid()}")
        assert "đang chạy từ 10:00 ngày 15/05/2023 (máy " in second["message"] and second["since"].startswith("2023-05-15T03:00")
        town.drop("hai.csv", version=7)
        assert town.react()["status"] == "busy"
        path = kit.write_csv(clean.work / "tay.csv", [kit.dossier("H32.22492-0777", 2)])
        assert kit.load(clean, path, kit.QuickGate(), now()).status == "loaded"  # who loads is not kept waiting
        with clean.database.begin() as tx:
            by_hand = score_and_publish(clean, tx, question(2023, as_of=now()), None, "score")
    finally:
        go_on.set()
        first.join(120)
    assert answers["first"]["status"] == "done" and by_hand["run"]["run"] != answers["first"]["run"]["run"]
    last = town.react()
    assert last["status"] == "done" and last["loaded"] == 1
    assert town.runs() == [(2023, "nightly"), (2023, "score"), (2023, "event")]
    with clean.database.begin() as tx:
        assert kit.broken_rules(tx) == []
        assert tx.scalar("select recipe ->> 'loads' from score_runs order by run_id desc limit 1") == "1-3"
    assert outcomes(clean) == [("15.05. 10:00", "done")] and lease.holder(clean, lease.NIGHT) is None


HOLDER = """
import time
from flows.steps import lease
from flows.steps.home import open_home
with lease.held(open_home(), lease.NIGHT, "night:2023-05-15") as mine:
    print(mine, flush=True)
    time.sleep(600)
"""


@pytest.mark.slow
def test_r25_a_holder_that_died_holds_nothing(clean: Home) -> None:
    env = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    other = subprocess.Popen([sys.executable, "-c", HOLDER], cwd=CHECKOUT, env=env, stdout=subprocess.PIPE, text=True)
    try:
        assert other.stdout is not None and other.stdout.readline().strip() == "True"
        held = lease.holder(clean, lease.NIGHT)
        assert held is not None and (held["pid"], held["subject"]) == (other.pid, "night:2023-05-15")
        assert f"tiến trình {other.pid}" in nightly.nightly(clean)["message"]
    finally:
        other.kill()
        other.communicate(timeout=60)
    with clean.database.begin() as tx:
        assert tx.scalar("select released_at from leases where name = 'nightly'") is None  # it had no time to say so
    with lease.held(clean, lease.NIGHT, wait=True) as mine:
        assert mine
    assert lease.holder(clean, lease.NIGHT) is None


def test_a_lease_beats(clean: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    clock = tmp_path / "clock"
    clock.write_text("2023-05-15T10:00:00+07:00", encoding="utf-8")
    monkeypatch.setenv("CCHC_CLOCK", f"@{clock}")
    monkeypatch.setattr(lease, "BEAT_S", 0.01)
    with lease.held(clean, lease.CHAIN):
        clock.write_text("2023-05-15T10:00:20+07:00", encoding="utf-8")
        seen = None
        while seen != parse_moment("2023-05-15T10:00:20+07:00"):
            with clean.database.begin() as tx:
                seen = tx.scalar("select heartbeat_at from leases where name = 'chain'")
    with clean.database.begin() as tx:
        assert tx.scalar("select released_at is not null from leases where name = 'chain'")
