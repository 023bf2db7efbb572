"""The flow of the night. What it does, and in which order, is `flows.steps.nightly`; a run twice, late or beside another
one does no harm, because the step asks the database what is not done yet."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from prefect import flow, get_run_logger

from flows.province import take_inbox_apart
from flows.steps import nightly as steps
from flows.steps.home import open_home
from flows.steps.logs import discreet


@flow(name="nightly")
def nightly(as_of: datetime | None = None, year: int | None = None) -> dict[str, Any]:
    """Run the night; returns the document of `cchc nightly --json`. With `CCHC_DASK` its files are loaded by the workers."""
    home = open_home()
    home.prepare()
    with discreet(home.root):
        document = steps.nightly(home, as_of=as_of, year=year, take=take_inbox_apart)
    get_run_logger().info("%s: %s", document["status"], document["message"])
    return document
