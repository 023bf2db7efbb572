"""The flow that loads exports: the same step the command line calls, with a run's history around it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from prefect import flow, get_run_logger

from flows.province import load_parts
from flows.steps.home import open_home
from flows.steps.logs import discreet
from flows.steps.parts import parts_of


@flow(name="ingest")
def ingest(
    paths: list[str], contract: str | None = None, unit: str | None = None, received_at: datetime | None = None
) -> dict[str, Any]:
    """Load exports; returns the document of `cchc ingest --json`. A bad file is an answer, not a failure.

    With `CCHC_DASK` each file is a task on one of its workers. Raises: UserError, DatabaseError.
    """
    home = open_home()
    home.prepare()
    with discreet(home.root):
        files = [result.to_json() for result in load_parts(home, parts_of(paths, received_at), contract, unit)]
    rejected = sum(file["status"] == "rejected" for file in files)
    get_run_logger().info("%d files, %d rejected", len(files), rejected)
    return {"files": files}
