"""The flows on a real Prefect server give what the plain steps give; the deployment runs at night in Viet Nam, once."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.flows.kit import dossier, write_csv

if TYPE_CHECKING:
    from flows.steps.home import Home

pytestmark = [
    pytest.mark.slow,
    # Raised inside the server library and its clients, not by anything of ours.
    pytest.mark.filterwarnings(
        "ignore::Warning:(prefect|pydantic|sqlalchemy|websockets|anyio|httpx|httpcore|starlette|fastapi).*"
    ),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
CLOCK = "2023-03-20T22:00:00"


@pytest.fixture(scope="session")
def prefect_server() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from prefect.testing.utilities import prefect_test_harness

        with prefect_test_harness(server_startup_timeout=120):
            yield


@pytest.mark.db
def test_nightly_flow_gives_the_document_of_the_plain_step(
    prefect_server: None, clean: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
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


@pytest.mark.db
def test_forecast_flow_gives_and_stores_what_the_plain_step_does(
    prefect_server: None, clean: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows.forecast import forecast
    from flows.steps.forecast_document import forecast_and_store
    from flows.steps.measure import question
    from tests.flows import kit

    monkeypatch.setenv("CCHC_CLOCK", CLOCK)
    rows = [dossier(f"H32.99.02-2301{n:02d}-0001", n) for n in range(1, 30)]
    kit.load(clean, write_csv(tmp_path / "mot-cua.csv", rows), kit.QuickGate(), kit.day(1))
    by_flow = forecast(2023, draws=200, seed=4)
    assert len(by_flow["communes"]) == 1
    with clean.database.begin() as tx:
        assert _json(forecast_and_store(clean, tx, question(2023), draws=200, seed=4)) == _json(by_flow)
        assert tx.scalar("select count(*) from forecasts") == 1


@pytest.mark.db
def test_ingest_flow_answers_like_the_command(
    prefect_server: None, clean: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows.ingest import ingest

    monkeypatch.setenv("CCHC_CLOCK", CLOCK)
    good = write_csv(tmp_path / "tot.csv", [dossier("H32.99.02-230103-0001", 3)])
    bad = tmp_path / "hong.xlsx"
    bad.write_bytes(b"PK\x03\x04 not a workbook")
    files = {Path(file["path"]).name: file for file in ingest([str(good), str(bad)])["files"]}
    assert files["tot.csv"]["status"] == "loaded" and files["tot.csv"]["rows_accepted"] == 1
    assert files["hong.xlsx"]["status"] == "rejected" and files["hong.xlsx"]["message"]


def test_deployment_runs_at_one_in_the_morning_in_vietnam_one_at_a_time() -> None:
    from deployments.nightly import deployment

    found = deployment()
    (schedule,) = found.schedules or []
    assert schedule.schedule.model_dump() == {"cron": "0 1 * * *", "timezone": "Asia/Ho_Chi_Minh", "day_or": True}
    assert schedule.active is not False
    assert found.concurrency_limit == 1
    assert found.concurrency_options is not None and found.concurrency_options.collision_strategy == "CANCEL_NEW"
    assert (found.flow_name, found.name, found.entrypoint) == ("nightly", "nightly", "flows.nightly.nightly")


def test_the_schedule_and_the_limit_reach_a_server(prefect_server: None) -> None:
    from prefect.client.orchestration import get_client

    from deployments.nightly import deployment

    identifier = deployment().apply()
    with get_client(sync_client=True) as client:
        stored = client.read_deployment(identifier)
    assert stored.global_concurrency_limit is not None and stored.global_concurrency_limit.limit == 1
    (schedule,) = stored.schedules
    assert (schedule.schedule.cron, schedule.schedule.timezone) == ("0 1 * * *", "Asia/Ho_Chi_Minh")


def _plain_score(home: Home) -> Any:
    from flows.steps.measure import question
    from flows.steps.score import score_json, score_question

    with home.database.begin() as tx:
        return _json(score_json(score_question(home, tx, question(2023))))


def _json(document: Any) -> Any:
    return json.loads(json.dumps(document))
