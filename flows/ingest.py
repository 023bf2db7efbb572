"""The flow that loads exports: the same step the command line calls, with a run's history around it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger, task
from prefect.cache_policies import NO_CACHE

from flows.steps import ingest as steps
from flows.steps.files import Request, candidates
from flows.steps.home import open_home


@task(name="load files", cache_policy=NO_CACHE)
def load_files(paths: list[str], contract: str | None, unit: str | None, received_at: datetime | None) -> list[dict[str, Any]]:
    """Read, judge and load the files; one transaction each."""
    home = open_home()
    home.prepare()
    request = Request(candidates(home, contract), unit=unit, received_at=received_at, origin="flow")
    return [result.to_json() for result in steps.ingest(home, [Path(path) for path in paths], request)]


@flow(name="ingest")
def ingest(
    paths: list[str], contract: str | None = None, unit: str | None = None, received_at: datetime | None = None
) -> dict[str, Any]:
    """Load exports; returns the document of `cchc ingest --json`. A bad file is an answer, not a failure."""
    files = load_files(paths, contract, unit, received_at)
    rejected = sum(file["status"] == "rejected" for file in files)
    get_run_logger().info("%d files, %d rejected", len(files), rejected)
    return {"files": files}
