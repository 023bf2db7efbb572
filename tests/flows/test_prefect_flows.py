"""On a real Prefect server over PostgreSQL: flows give what the plain steps give, nights are planned, events are told and heard."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from flows.steps.prefect_api import call
from tests.flows import kit, prefect_kit
from tests.flows.kit import dossier, write_csv
from tests.flows.prefect_kit import automations, deployed, runs_of, until

if TYPE_CHECKING:
    from flows.steps.home import Home

pytestmark = [
    pytest.mark.slow,
    pytest.mark.db,
    # Raised inside the server library and its clients, not by anything of ours.
    pytest.mark.filterwarnings(
        "ignore::Warning:(prefect|pydantic|sqlalchemy|websockets|anyio|httpx|httpcore|starlette|fastapi).*"
    ),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
CLOCK = "2023-03-20T22:00:00"
NAMES = {"nightly", "catch-up", "react", "forecast-again", "alert"}
HEARD = {"react", "forecast-again", "alert"}


@pytest.fixture(scope="module")
def prefect(installation: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server that this process and its children use."""
    folder = tmp_path_factory.mktemp("prefect")
    patch = pytest.MonkeyPatch()
    with prefect_kit.server(installation, folder) as url, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        patch.setenv("PREFECT_API_URL", url)
        patch.setenv("PREFECT_SERVER_ALLOW_EPHEMERAL_MODE", "false")
        from prefect.settings import PREFECT_API_URL, temporary_settings

        with temporary_settings({PREFECT_API_URL: url}):
            yield url
    patch.undo()


def test_nightly_flow_gives_the_document_of_the_plain_step(prefect: str, clean: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    from flows.nightly import nightly as flow
    from flows.score import score
    from flows.steps.nightly import nightly as step

    monkeypatch.setenv("CCHC_CLOCK", CLOCK)
    rows = [dossier(f"H32.99.02-2301{n:02d}-0001", n) for n in range(1, 11)]
    write_csv(clean.inbox / "mot-cua.csv", rows)
    by_flow = flow()
    assert [file["status"] for file in by_flow["files"]] == ["loaded"]
    assert by_flow["status"] == "done" and by_flow["score"]["communes"]
    assert flow()["status"] == "nothing_new"
    assert step(clean)["status"] == "nothing_new"
    assert _plain_score(clean) == _json(by_flow["score"])
    document = score(2023)
    assert document.pop("run")["result"] == by_flow["run"]["result"]
    assert _json(document) == _json(by_flow["score"])


def test_forecast_flow_gives_and_stores_what_the_plain_step_does(
    prefect: str, clean: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows.forecast import forecast
    from flows.steps.forecast_document import forecast_and_store
    from flows.steps.measure import question

    monkeypatch.setenv("CCHC_CLOCK", CLOCK)
    _load(clean, tmp_path)
    by_flow = forecast(2023, draws=200, seed=4)
    assert len(by_flow["communes"]) == 1
    assert _json(forecast_and_store(clean, question(2023), draws=200, seed=4)) == _json(by_flow)
    with clean.database.begin() as tx:
        assert tx.scalar("select count(*) from forecasts") == 1


def test_ingest_flow_answers_like_the_command(prefect: str, clean: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from flows.ingest import ingest

    monkeypatch.setenv("CCHC_CLOCK", CLOCK)
    good = write_csv(tmp_path / "tot.csv", [dossier("H32.99.02-230103-0001", 3)])
    bad = tmp_path / "hong.xlsx"
    bad.write_bytes(b"PK\x03\x04 not a workbook")
    files = {Path(file["path"]).name: file for file in ingest([str(good), str(bad)])["files"]}
    assert files["tot.csv"]["status"] == "loaded" and files["tot.csv"]["rows_accepted"] == 1
    assert files["hong.xlsx"]["status"] == "rejected" and files["hong.xlsx"]["message"]


def test_r06_within_a_minute_of_deploying_the_next_night_is_planned_for_one_in_the_morning_in_vietnam(prefect: str) -> None:
    from deployments.apply import apply

    apply()
    (first, *_) = until(lambda: runs_of(prefect, "nightly", "SCHEDULED"), "a planned night", limit=60)
    planned = datetime.fromisoformat(first["expected_start_time"])
    assert (planned.astimezone(UTC).hour, planned.minute) == (18, 0)
    assert 0 < (planned - datetime.now(UTC)).total_seconds() <= 86400


def test_r06_two_deploys_leave_one_of_each_and_what_is_not_defined_any_more_goes(prefect: str) -> None:
    from deployments.apply import apply
    from deployments.definitions import TAG
    from flows.score import score

    score.to_deployment("gone", tags=[TAG]).apply()
    score.to_deployment("somebody-else's").apply()
    first = apply()
    ids = {row["id"] for row in automations(prefect)}
    assert apply() == first
    found = deployed(prefect)
    assert set(found) == NAMES | {"somebody-else's"}
    assert {name: len(found[name]["schedules"]) for name in NAMES} == {name: int(name not in HEARD) for name in NAMES}
    assert {found[name]["global_concurrency_limit"]["limit"] for name in NAMES} == {1}
    (night,) = found["nightly"]["schedules"]
    assert (night["schedule"]["cron"], night["schedule"]["timezone"]) == ("0 1 * * *", "Asia/Ho_Chi_Minh")
    assert night["active"] and not found["nightly"]["paused"]
    heard = automations(prefect)
    assert {row["actions"][0]["deployment_id"] for row in heard} == {found[name]["id"] for name in HEARD}
    assert len(heard) == len(HEARD) and ids.isdisjoint(row["id"] for row in heard)


def test_a_work_pool_takes_the_same_deployments_and_one_machine_takes_them_back(prefect: str) -> None:
    from deployments.apply import apply

    words = [sys.executable, "-m", "deployments.deploy", "--pool", "may-tinh-tinh"]
    done = subprocess.run(words, cwd=prefect_kit.ROOT, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0 and done.stdout.count("may-tinh-tinh") == len(NAMES), done.stderr
    assert {deployed(prefect)[name]["work_pool_name"] for name in NAMES} == {"may-tinh-tinh"}
    assert call(prefect, "/work_pools/may-tinh-tinh")["type"] == "process"
    apply()
    assert {deployed(prefect)[name]["work_pool_name"] for name in NAMES} == {None}
    assert len(automations(prefect)) == len(HEARD)


def test_events_are_told_in_order_once_and_a_doubled_one_is_known(prefect: str, clean: Home) -> None:
    from flows.events import relay
    from flows.steps.events import note

    with clean.database.begin() as tx:
        for number in range(1, 4):
            note(tx, "quarantine.changed", f"load:{number}", rows=number)
    assert relay(clean) == 3
    assert relay(clean) == 0
    with clean.database.begin() as tx:
        assert tx.scalar("select count(*) from events where emitted_at is not null and attempts = 1") == 3
        tx.execute("update events set emitted_at = null")  # told, but the mark was lost in a crash
    assert relay(clean) == 3
    told = until(lambda: _events(prefect, "cchc.quarantine.changed", at_least=3), "three events")
    assert [row["resource"]["prefect.resource.id"] for row in told] == [f"cchc.load:{number}" for number in (1, 2, 3)]
    assert [row["payload"]["rows"] for row in told] == [1, 2, 3]
    assert {row["resource"]["cchc.fresh"] for row in told} == {"yes"}


def test_an_event_runs_its_deployment_which_asks_the_database_and_causes_the_next(
    prefect: str, clean: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file typed in by hand → measures.changed → react publishes → the forecast follows → alerts are judged."""
    from flows.events import relay

    monkeypatch.setenv("CCHC_CLOCK", CLOCK)
    before = {name: {run["id"] for run in runs_of(prefect, name)} for name in HEARD}

    def wait_for(name: str) -> None:
        def finished() -> bool:
            relay(clean)  # as the desk does
            return any(run["id"] not in before[name] for run in runs_of(prefect, name, "COMPLETED"))

        until(finished, f"a run of {name}")

    with prefect_kit.served(clean, prefect, tmp_path, CLOCK) as runner:
        until(lambda: _runner_beats(clean), "the runner")
        _load(clean, tmp_path)
        for name in ("react", "forecast-again", "alert"):
            wait_for(name)
        with clean.database.begin() as tx:
            assert tx.rows("select origin from score_runs") == [{"origin": "event"}]
            assert tx.scalar("select count(*) from forecasts") == 1
        runner.terminate()
        assert runner.wait(60) == 0
    assert "Traceback" not in (tmp_path / "serve.log").read_text()


def test_what_no_event_and_no_schedule_started_is_caught_up_once(
    prefect: str, clean: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every event of a file in the inbox and of one typed in by hand is lost; then a night is missed; then a part is broken."""
    from flows import catch_up as module
    from warehouse import events

    monkeypatch.setenv("CCHC_CLOCK", CLOCK)
    monkeypatch.setattr("flows.steps.forecast.DRAWS", 200)
    for place in ("forecast_refresh", "forecast_night"):
        monkeypatch.setattr(f"flows.steps.{place}.shown", lambda *_: {})  # seconds of pictures
    _load(clean, tmp_path)
    write_csv(clean.inbox / "moi.csv", [dossier("H32.99.02-230103-0777", 3)])
    with clean.database.begin() as tx:
        tx.execute("delete from events")
    first = module.catch_up()
    assert (first["react"]["status"], first["react"]["loaded"]) == ("done", 1)
    assert first["nights"] == [] and first["forecast"]["run"] == first["react"]["run"]["run"]
    assert first["events"] >= 3  # file.arrived, score.published, forecast.published
    again = module.catch_up()
    assert (again["react"]["status"], again["nights"], again["forecast"]["status"], again["events"]) == (
        "nothing_new", [], "nothing_new", 0,
    )  # fmt: skip
    with clean.database.begin() as tx:
        events.log_work(tx, "desk", "", datetime.fromisoformat("2023-03-19T09:00:00+07:00"), 0.0, "done", {})
    cell = " ".join(["Người", "Bí", "Mật"])

    def stumble(home: Home) -> Any:
        raise ValueError(cell)

    with monkeypatch.context() as broken:
        broken.setattr(module, "_PARTS", (("react", stumble), *module._PARTS[1:]))
        with pytest.raises(RuntimeError, match="ValueError, xem ") as caught:
            module.catch_up()
        assert cell not in str(caught.value)
    with clean.database.begin() as tx:
        assert tx.scalar("select count(*) from nightly_runs where outcome = 'done'") == 1
    assert module.catch_up()["nights"] == []
    told = until(lambda: [row["message"] for row in _logs(prefect) if "ValueError" in row["message"]], "the log of the failure")
    assert not [text for text in told if cell in text]


def test_runs_of_a_runner_that_was_killed_are_given_up_by_the_next(prefect: str) -> None:
    from prefect.client.orchestration import get_client
    from prefect.states import Running

    from deployments.apply import apply
    from deployments.serve import end_the_dead

    ids = apply()
    with get_client(sync_client=True) as client:
        run = client.create_flow_run_from_deployment(ids["react/react"], state=Running())
    assert end_the_dead([ids["react/react"]]) == [run.id]
    assert call(prefect, f"/flow_runs/{run.id}")["state"]["type"] == "CRASHED"
    assert end_the_dead([ids["react/react"]]) == []


def test_doctor_sees_the_plan_a_paused_schedule_and_a_missing_deployment(prefect: str, clean: Home) -> None:
    from deployments.apply import apply
    from flows.steps.doctor_prefect import DEPLOYED, server_and_schedule

    ids = apply()
    assert set(ids) == set(DEPLOYED)
    call(prefect, f"/deployments/{ids['nightly/nightly']}/schedule", {})  # what the server does by itself sooner or later
    assert server_and_schedule(clean).text == "prefect"
    call(prefect, f"/deployments/{ids['nightly/nightly']}/pause_deployment", {})
    assert (server_and_schedule(clean).state, server_and_schedule(clean).text) == ("fail", "paused")
    call(prefect, f"/deployments/{ids['nightly/nightly']}/resume_deployment", {})
    for run in runs_of(prefect, "nightly", "SCHEDULED"):
        _delete(prefect, f"/flow_runs/{run['id']}")
    assert server_and_schedule(clean).text == "no_schedule"
    _delete(prefect, f"/deployments/{ids['react/react']}")
    assert server_and_schedule(clean).values == {"names": ["react/react"]}


def _delete(url: str, path: str) -> None:
    import urllib.request

    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    opener.open(urllib.request.Request(f"{url}{path}", method="DELETE"), timeout=30).close()


def test_a_login_kept_in_a_block_reaches_the_inbox_it_is_for(prefect: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from flows.steps.credentials import credentials_of
    from sources.remote_errors import RemoteError
    from sources.remote_settings import Inbox

    def keep(name: str, value: Any) -> Inbox:
        kind = call(prefect, "/block_types/slug/secret")["id"]
        (schema, *_) = call(prefect, "/block_schemas/filter", {"block_schemas": {"block_type_id": {"any_": [kind]}}})
        made = {"name": name, "data": {"value": value}, "block_type_id": kind, "block_schema_id": schema["id"]}
        call(prefect, "/block_documents/", made)
        return Inbox("xa", "sftp://may-chu/", credentials={"block": f"secret/{name}"})

    assert credentials_of(keep("mot-cua", "mat-khau-1")) == {"password": "mat-khau-1"}
    assert credentials_of(keep("ca-hai", {"user": "xuat", "password": "mat-khau-2", "khac": "x"})) == {
        "username": "xuat", "password": "mat-khau-2",
    }  # fmt: skip
    for inbox in (keep("sai-loai", {"khac": "mat-khau-3"}), Inbox("xa", "sftp://may/", credentials={"block": "secret/khong-co"})):
        with pytest.raises(RemoteError) as caught:
            credentials_of(inbox)
        assert caught.value.code == "no_credentials" and "mat-khau" not in str(caught.value)
    monkeypatch.delenv("PREFECT_API_URL")
    with pytest.raises(RemoteError, match="PREFECT_API_URL"):
        credentials_of(Inbox("xa", "sftp://may/", credentials={"block": "secret/mot-cua"}))


def _events(url: str, kind: str, at_least: int) -> list[dict[str, Any]]:
    """Return the events of a kind that the server keeps, oldest first; [] while there are too few."""
    found = call(url, "/events/filter", {"filter": {"event": {"name": [kind]}, "order": "ASC"}})["events"]
    return found if len(found) >= at_least else []


def _logs(url: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = call(url, "/logs/filter", {"sort": "TIMESTAMP_DESC", "limit": 200})
    return found


def _runner_beats(home: Home) -> bool:
    with home.database.begin() as tx:
        return bool(tx.scalar("select count(*) from heartbeats where component = 'runner'"))


def _load(home: Home, folder: Path) -> None:
    rows = [dossier(f"H32.99.02-2301{n:02d}-0001", n) for n in range(1, 30)]
    kit.load(home, write_csv(folder / "mot-cua.csv", rows), kit.QuickGate(), kit.day(1))


def _plain_score(home: Home) -> Any:
    from flows.steps.measure import question
    from flows.steps.score import score_json, score_question

    with home.database.begin() as tx:
        return _json(score_json(score_question(home, tx, question(2023))))


def _json(document: Any) -> Any:
    return json.loads(json.dumps(document))
