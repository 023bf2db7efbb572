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
            "PREFECT_LOGGING_LEVEL": "WARNING",
        }.items():  # fmt: skip
            patch.setenv(name, value)
        from prefect.settings import PREFECT_API_URL, temporary_settings

        with temporary_settings({PREFECT_API_URL: url}):
            yield url
    patch.undo()


@pytest.fixture(scope="module")
def cluster(prefect: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dask_kit.Dask]:
    with dask_kit.dask(tmp_path_factory.mktemp("dask"), 2) as running:
        yield running


def files(folder: Path) -> list[Path]:
    """Four exports that contradict one another on some dossiers, one with a bad row, and one that is no table."""
    folder.mkdir(exist_ok=True)
    made = []
    for k, unit in enumerate(("22492", "22495", "22498", "22492")):
        rows = [dossier(f"H32.{unit}-{n:04d}", k + 1 if n % 3 else 0, unit) for n in range(12 * (k % 3), 12 * (k % 3) + 30)]
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


def test_a_night_with_workers_gives_the_document_of_a_night_without(
    cluster: dask_kit.Dask, clean: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So do the facts, what is held back, and the score; the same files once more are known, whoever looks at them."""
    from flows.nightly import nightly

    documents, states = [], []
    for address in (None, cluster.address):
        empty(clean)
        for path in files(tmp_path / "in"):
            shutil.copy2(path, clean.inbox / path.name)
        monkeypatch.setenv("CCHC_DASK", address) if address else monkeypatch.delenv("CCHC_DASK", raising=False)
        documents.append(nightly())
        states.append(state(clean))
    alone, together = documents
    assert states[0] == states[1] and states[0]["loads"] == 4
    assert alone["status"] == together["status"] == "done" and told(alone) == told(together)
    assert json.dumps(alone["score"], sort_keys=True) == json.dumps(together["score"], sort_keys=True)
    assert alone["forecast"]["result"] == together["forecast"]["result"] is not None
    assert nightly()["status"] == "nothing_new"
    again = loaded_by(monkeypatch, cluster.address, files(tmp_path / "in"))
    assert [file["status"] for file in again["files"]] == ["duplicate"] * 4 + ["rejected"]
    assert state(clean) == states[0]


def test_r02_a_worker_that_is_killed_loses_and_doubles_nothing(
    prefect: str, clean: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker dies with its nanny in the transaction of its first file; another one comes and takes over."""
    paths = files(tmp_path / "in")
    loaded_by(monkeypatch, None, paths)
    expected = state(clean)
    empty(clean)
    folder = tmp_path / "dask"
    folder.mkdir()
    running = dask_kit.Dask(folder)
    try:
        running.add(1)
        running.wait()
        answer: list[dict[str, Any]] = []
        with clean.database.session_lock("table:dossiers"):  # the worker parses, then waits in its transaction for this one
            settings = contextvars.copy_context()  # Prefect's address is among them
            thread = threading.Thread(
                target=settings.run, args=(lambda: answer.append(loaded_by(monkeypatch, running.address, paths)),), daemon=True
            )
            thread.start()
            until(lambda: _waits_for_a_lock(clean), "a worker in its transaction")
            for process in _family(running.workers[0]):
                process.send_signal(signal.SIGKILL)
            running.workers.pop().wait(30)
            running.add(1)
        thread.join(dask_kit.LIMIT_S)
    finally:
        running.close()
    assert answer and not thread.is_alive()
    assert [file["status"] for file in answer[0]["files"]] == ["loaded"] * 4 + ["rejected"]
    assert state(clean) == expected


def test_a_worker_of_another_installation_touches_nothing(
    prefect: str, clean: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows.steps.home import UserError
    from warehouse import cluster as database

    elsewhere, folder = tmp_path / "elsewhere", tmp_path / "dask"
    folder.mkdir()
    tmp_path.chmod(0o711)
    running = dask_kit.Dask(folder)
    try:
        running.add(1, CCHC_HOME=str(elsewhere))
        running.wait()
        with pytest.raises(UserError, match="CCHC_HOME"):
            loaded_by(monkeypatch, running.address, files(tmp_path / "in"))
        assert state(clean)["loads"] == 0
    finally:
        running.close()
        database.destroy(elsewhere)


def test_without_an_answer_from_the_scheduler_the_files_are_loaded_here(
    prefect: str, clean: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows import runner

    monkeypatch.setattr(runner, "_PATIENCE_S", 1)
    nobody = f"tcp://127.0.0.1:{prefect_kit.free_port()}"
    document = loaded_by(monkeypatch, nobody, files(tmp_path / "in"))
    assert [file["status"] for file in document["files"]] == ["loaded"] * 4 + ["rejected"]


def _waits_for_a_lock(home: Home) -> bool:
    with home.database.begin() as tx:
        return bool(tx.scalar("select count(*) from pg_locks where locktype = 'advisory' and not granted"))


def _family(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    root = psutil.Process(process.pid)
    return [root, *root.children(recursive=True)]
