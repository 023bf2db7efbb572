"""The forecast that follows a published score: once for the same loads, whoever asks and however often; and events not told."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from flows.events import relay
from flows.steps.events import note
from flows.steps.forecast_refresh import refresh
from flows.steps.measure import question
from flows.steps.runs import score_and_publish
from tests.flows import kit
from tests.flows.kit import dossier, write_csv

if TYPE_CHECKING:
    from flows.steps.home import Home

pytestmark = pytest.mark.db
CLOCK = "2023-03-20T22:00:00"


@pytest.fixture
def home(clean: Home, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("CCHC_CLOCK", CLOCK)
    return clean


def _load(home: Home, folder: Path, number: int) -> None:
    rows = [dossier(f"H32.99.02-2301{n:02d}-000{number}", n) for n in range(1, 20)]
    kit.load(home, write_csv(folder / f"{number}.csv", rows), kit.QuickGate(), kit.day(number))


def _publish(home: Home) -> None:
    with home.database.begin() as tx:
        score_and_publish(home, tx, question(2023), None, "nightly")


def _forecasts(home: Home) -> int:
    with home.database.begin() as tx:
        return int(tx.scalar("select count(*) from forecasts"))


@pytest.mark.slow
def test_the_forecast_follows_a_score_once_and_again_after_new_loads(home: Home, tmp_path: Path) -> None:
    assert refresh(home)["status"] == "nothing_new"  # no score at all
    _load(home, tmp_path, 1)
    assert refresh(home)["status"] == "nothing_new"  # loaded, not scored
    _publish(home)
    first = refresh(home)
    assert first["status"] == "done" and first["forecast"] and first["run"]
    with home.database.begin() as tx:  # and the alerts were judged by it, whoever hears of it
        assert tx.scalar("select count(*) from alert_marks where rule = 'good_grade_unlikely'") > 0
    assert refresh(home) | {"seconds": 0} == {"status": "nothing_new", "forecast": None, "run": None, "seconds": 0}
    _load(home, tmp_path, 2)
    _publish(home)
    assert refresh(home)["status"] == "done"
    assert _forecasts(home) == 2
    assert list(home.reports.rglob("*"))


def test_what_cannot_be_forecast_is_tried_once_for_a_score(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from flows.steps.home import UserError

    tries = []

    def refuse(*_: object, **__: object) -> None:
        tries.append(1)
        raise UserError("no_data", "Chưa đủ số liệu để dự báo.")

    monkeypatch.setattr("flows.steps.forecast_document.forecast_and_store", refuse)
    _load(home, tmp_path, 1)
    _publish(home)
    assert refresh(home)["code"] == "no_data"
    assert refresh(home)["status"] == "nothing_new" and len(tries) == 1
    _load(home, tmp_path, 2)
    _publish(home)
    assert refresh(home)["code"] == "no_data" and len(tries) == 2


@pytest.mark.slow
def test_a_forecast_a_person_asked_for_is_none_of_the_chain(home: Home, tmp_path: Path) -> None:
    from flows.steps.forecast_document import forecast_and_store

    _load(home, tmp_path, 1)
    _publish(home)
    forecast_and_store(home, question(2023), draws=200, seed=1)
    with home.database.begin() as tx:
        assert tx.scalar("select count(*) from alert_marks where rule = 'good_grade_unlikely'") == 0
    assert refresh(home)["status"] == "done"
    assert refresh(home)["status"] == "nothing_new"
    with home.database.begin() as tx:
        assert tx.scalar("select count(*) from alert_marks where rule = 'good_grade_unlikely'") > 0


@pytest.mark.slow
def test_alerts_judged_by_a_forecast_are_stored_with_it_or_not_at_all(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows.steps import forecast_refresh

    _load(home, tmp_path, 1)
    _publish(home)

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as killed:
        killed.setattr(forecast_refresh, "alarmed", die)
        with pytest.raises(KeyboardInterrupt):
            refresh(home)
    assert _forecasts(home) == 0
    assert refresh(home)["status"] == "done" and _forecasts(home) == 1


@pytest.mark.slow
def test_loads_that_change_nothing_and_scores_of_the_past_ask_for_no_further_forecast(home: Home, tmp_path: Path) -> None:
    _load(home, tmp_path, 1)
    _publish(home)
    same = tmp_path / "lap-lai.csv"
    same.write_bytes((tmp_path / "1.csv").read_bytes() + b"\n")
    assert kit.load(home, same, kit.QuickGate(), kit.day(2)).rows_unchanged > 0  # no score follows: no figure can have changed
    assert refresh(home)["status"] == "done"
    assert refresh(home)["status"] == "nothing_new"
    with home.database.begin() as tx:
        score_and_publish(home, tx, question(2023, known_at=kit.day(1)), None, "score")  # typed by somebody who looks back
    assert refresh(home)["status"] == "nothing_new" and _forecasts(home) == 1


@pytest.mark.slow
def test_who_loads_does_not_wait_for_a_forecast_and_is_not_in_it(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows.steps import forecast_document
    from flows.steps.forecast_again import verify

    draw = forecast_document.forecast_question
    _load(home, tmp_path, 1)
    _publish(home)

    def meanwhile(*given: object, **more: object) -> object:
        with ThreadPoolExecutor(1) as other:
            other.submit(_load, home, tmp_path, 2).result(timeout=60)
        return draw(*given, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(forecast_document, "forecast_question", meanwhile)
    made = refresh(home)
    with home.database.begin() as tx:
        assert tx.scalar("select count(*) from loads") == 2
        assert tx.scalar("select recipe ->> 'loads' from forecasts") == "1"
    monkeypatch.undo()
    monkeypatch.setenv("CCHC_CLOCK", CLOCK)
    assert [row["status"] for row in verify(home, made["forecast"])["forecasts"]] == ["identical"]
    _publish(home)
    assert refresh(home)["status"] == "done"


def test_two_forecasts_at_once_the_second_says_busy(home: Home, tmp_path: Path) -> None:
    _load(home, tmp_path, 1)
    _publish(home)
    with home.database.session_lock("forecast"):
        assert refresh(home)["status"] == "busy"
    assert _forecasts(home) == 0


def test_events_wait_while_prefect_is_away_and_none_is_marked(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: refused at once
        monkeypatch.setenv("PREFECT_API_URL", f"http://127.0.0.1:{taken.getsockname()[1]}/api")
        with home.database.begin() as tx:
            note(tx, "file.arrived", "file:" + "a" * 64)
        assert relay(home) == 0
        assert relay(home) == 0
    with home.database.begin() as tx:
        assert tx.rows("select emitted_at, attempts from events") == [{"emitted_at": None, "attempts": 2}]


def test_without_a_server_nobody_is_told_and_nothing_is_counted(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    with home.database.begin() as tx:
        note(tx, "file.arrived", "file:" + "a" * 64)
    assert relay(home) == 0
    with home.database.begin() as tx:
        assert tx.scalar("select attempts from events") == 0


def test_an_old_event_is_told_as_one_that_starts_nothing(home: Home) -> None:
    from flows.events import FRESH, as_prefect
    from warehouse import events

    with home.database.begin() as tx:
        note(tx, "measures.changed", "load:1", units=["22492"])
        note(tx, "measures.changed", "load:2", units=["22492"])
        tx.execute("update events set recorded_at = recorded_at - %(old)s where subject = 'load:1'", {"old": FRESH})
        told = [as_prefect(row) for row in events.waiting(tx)]
    assert [row["resource"]["cchc.fresh"] for row in told] == ["no", "yes"]
    assert told[0]["id"] != told[1]["id"] and told[0]["payload"]["units"] == ["22492"]
    assert told[1]["payload"]["occurred_at"].startswith("2023-03-20") and not told[1]["occurred"].startswith("2023")
