"""A load on two Dask workers says what a load in one process says: facts, quarantine, answers and scores, whoever dies."""

from __future__ import annotations

import contextvars
import json
import os
import shutil
import signal
import subprocess
import threading
import warnings
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from tests.conftest import empty
from tests.flows import dask_kit, kit, prefect_kit
from tests.flows.kit import dossier, write_csv
from tests.flows.prefect_kit import until

if TYPE_CHECKING:
    from flows.steps.home import Home
    from sources.quality import Gate

pytestmark = [
    pytest.mark.slow,
    pytest.mark.db,
    # Raised inside the server library, the scheduler and their clients, not by anything of ours.
    pytest.mark.filterwarnings(
        "ignore::Warning:(prefect|pydantic|sqlalchemy|websockets|anyio|httpx|httpcore|starlette|fastapi|distributed|dask|tornado|asyncio).*"
    ),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
CLOCK = "2023-03-20T22:00:00"
#: What a file's answer may differ in: it is numbered and reported as its turn comes.
NUMBERING = ("load_id",)


@pytest.fixture(scope="module")
def prefect(installation: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server that this process, the workers and their tasks use; the clock stands still for all of them."""
    patch = pytest.MonkeyPatch()
    with prefect_kit.server(installation, tmp_path_factory.mktemp("prefect")) as url, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, value in {
            "PREFECT_API_URL": url, "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false", "CCHC_CLOCK": CLOCK,
            "PREFECT_LOGGING_LEVEL": "WARNING", "PREFECT_API_REQUEST_TIMEOUT": str(dask_kit.LIMIT_S),
        }.items():  # fmt: skip
            patch.setenv(name, value)
        from prefect.settings import PREFECT_API_URL, temporary_settings

        from flows import runner

        patch.setattr(runner, "_PATIENCE_S", dask_kit.LIMIT_S)  # a busy machine is no reason to load here
        with temporary_settings({PREFECT_API_URL: url}):
            yield url
    patch.undo()


@pytest.fixture(autouse=True)
def quick(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    cheaper(monkeypatch, gate)


def cheaper(patch: pytest.MonkeyPatch, gate: Gate) -> None:
    """What this process does by itself is not what is tried here: small forecasts, and one gate for all loads."""
    patch.setattr("flows.province.gate_of", lambda home: nullcontext(gate))
    patch.setattr("flows.steps.forecast.DRAWS", 200)
    patch.setattr("flows.steps.forecast_night.shown", lambda *_: {})


@pytest.fixture(scope="module")
def cluster(prefect: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dask_kit.Dask]:
    with dask_kit.dask(tmp_path_factory.mktemp("dask"), 2) as running:
        yield running


def files(folder: Path) -> list[Path]:
    """Three exports that contradict one another on some dossiers, one with a bad row, and one that is no table."""
    folder.mkdir(exist_ok=True)
    made = []
    for k, unit in enumerate(("22492", "22495", "22492")):
        rows = [dossier(f"H32.{unit}-{n:04d}", k + 1 if n % 3 else 0, unit) for n in range(12 * k, 12 * k + 30)]
        rows += [dossier("H32.22492-SHARED", k + 2)]
        if k == 1:
            rows.append({**dossier("H32.22495-9999", 1, unit), "finished_at": "01/01/2023 08:00:00"})
        made.append(write_csv(folder / f"huyen-{k}.csv", rows))
    broken = folder / "hong.xlsx"
    broken.write_bytes(b"PK\x03\x04 not a workbook")
    for k, path in enumerate([*made, broken]):
        os.utime(path, (1_600_000_000 + k, 1_600_000_000 + k))
    return [*made, broken]


def state(home: Home) -> dict[str, Any]:
    with home.database.begin() as tx:
        assert kit.broken_rules(tx) == []
        waiting = tx.rows("select key_shown, rule, state from quarantine order by 1, 2")
        return {**kit.checksum(tx), "held": waiting, "loads": tx.scalar("select count(*) from loads")}


def told(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [{name: value for name, value in file.items() if name not in NUMBERING} for file in document["files"]]


def loaded_by(monkeypatch: pytest.MonkeyPatch, address: str | None, paths: list[Path]) -> dict[str, Any]:
    from flows.ingest import ingest

    monkeypatch.setenv("CCHC_DASK", address) if address else monkeypatch.delenv("CCHC_DASK", raising=False)
    document: dict[str, Any] = ingest([str(path) for path in paths], "one_stop")
    return document


def night(monkeypatch: pytest.MonkeyPatch, address: str | None, home: Home, paths: list[Path]) -> dict[str, Any]:
    """Empty a home and let the files lie in its inbox when the night comes."""
    from flows.nightly import nightly

    empty(home)
    for path in paths:
        shutil.copy2(path, home.inbox / path.name)
    monkeypatch.setenv("CCHC_DASK", address) if address else monkeypatch.delenv("CCHC_DASK", raising=False)
    return nightly()


@pytest.fixture(scope="module")
def alone(
    prefect: str, installation: Home, gate: Gate, tmp_path_factory: pytest.TempPathFactory
) -> tuple[list[Path], dict[str, Any], dict[str, Any]]:
    """(the files, the document of a night without workers, what is in the warehouse afterwards)."""
    with pytest.MonkeyPatch.context() as patch:
        cheaper(patch, gate)
        paths = files(tmp_path_factory.mktemp("files"))
        return paths, night(patch, None, installation, paths), state(installation)


def test_a_night_with_workers_gives_the_document_of_a_night_without(
    cluster: dask_kit.Dask, alone: Any, clean: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So do the facts, what is held back, and the score; the same files once more are known, whoever looks at them."""
    paths, before, expected = alone
    pages = clean.reports / "data_docs"
    shutil.rmtree(pages, ignore_errors=True)
    together = night(monkeypatch, cluster.address, clean, paths)
    assert state(clean) == expected and expected["loads"] == 3
    assert before["status"] == together["status"] == "done" and told(before) == told(together)
    assert json.dumps(before["score"], sort_keys=True) == json.dumps(together["score"], sort_keys=True)
    assert before["forecast"]["result"] == together["forecast"]["result"] is not None
    assert (pages / "index.html").exists()
    again = loaded_by(monkeypatch, cluster.address, paths[2:])
    assert [file["status"] for file in again["files"]] == ["duplicate", "rejected"]
    assert state(clean) == expected


def test_a_worker_of_another_installation_touches_nothing(
    cluster: dask_kit.Dask, alone: Any, clean: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows.steps import parts
    from flows.steps.home import UserError

    monkeypatch.setattr(parts, "identity", lambda home: "of another home")  # here only: what the workers are asked for
    with pytest.raises(UserError, match="CCHC_HOME"):
        loaded_by(monkeypatch, cluster.address, alone[0])
    assert state(clean)["loads"] == 0


def test_r02_a_worker_that_is_killed_loses_and_doubles_nothing(
    cluster: dask_kit.Dask, alone: Any, clean: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It dies with its nanny in the transaction of its first file; the other one takes over. When that one dies as well, the flow
    loads what is left by itself."""
    from flows import runner

    paths, _, expected = alone
    for left in (1, 0):
        empty(clean)
        if not left:
            monkeypatch.setattr(runner, "_PATIENCE_S", 3)
            monkeypatch.setattr(runner, "_LOOK_S", 1)
        document = loaded_while_one_dies(cluster, clean, paths, monkeypatch)
        assert len(cluster.workers) == left
        assert [file["status"] for file in document["files"]] == ["loaded"] * 3 + ["rejected"]
        assert state(clean) == expected


def test_a_scheduler_that_does_not_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    from flows import runner

    monkeypatch.setattr(runner, "_PATIENCE_S", 1)
    with pytest.raises(runner.NoWorkers), runner.workers(f"tcp://127.0.0.1:{prefect_kit.free_port()}"):
        pass


def loaded_while_one_dies(
    cluster: dask_kit.Dask, home: Home, paths: list[Path], monkeypatch: pytest.MonkeyPatch
) -> dict[str, Any]:
    """Load on the workers; one of them is killed when each of them has parsed a file and waits in its transaction."""
    answer: list[dict[str, Any]] = []
    settings = contextvars.copy_context()  # Prefect's address is among them
    load = threading.Thread(
        target=settings.run, args=(lambda: answer.append(loaded_by(monkeypatch, cluster.address, paths)),), daemon=True
    )
    with home.database.session_lock("table:dossiers"):
        load.start()
        until(lambda: _waiting(home) == len(cluster.workers), "the workers in their transactions")
        dead = cluster.workers.pop()
        for process in _family(dead):
            process.send_signal(signal.SIGKILL)
        dead.wait(30)
    load.join(dask_kit.LIMIT_S)
    (document,) = answer
    return document


def _waiting(home: Home) -> int:
    """How many wait for a lock of the table."""
    key = "select hashtextextended('cchc:table:dossiers', 0)"
    with home.database.begin() as tx:
        return int(
            tx.scalar(
                f"""
                select count(*) from pg_locks
                where locktype = 'advisory' and not granted and ((classid::bigint << 32) | objid::bigint) = ({key})
                """
            )
        )


def _family(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    root = psutil.Process(process.pid)
    return [root, *root.children(recursive=True)]
