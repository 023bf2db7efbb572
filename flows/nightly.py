"""The flow of the night. What it does, and in which order, is `flows.steps.nightly`; a run twice, late or beside another
one does no harm, because the step asks the database what is not done yet."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from prefect import flow, get_run_logger, task
from prefect.cache_policies import NO_CACHE

from flows.steps import nightly as steps
from flows.steps.home import open_home


@task(name="make ready", cache_policy=NO_CACHE)
def make_ready() -> None:
    """Make the folders, the database and its registers."""
    open_home().prepare()


@task(name="run the night", cache_policy=NO_CACHE)
def run_the_night(as_of: datetime | None, year: int | None) -> dict[str, Any]:
    """Inbox → load → quality → measures → score → checks across files → what people find in the morning."""
    return steps.nightly(open_home(), as_of=as_of, year=year)


@flow(name="nightly")
def nightly(as_of: datetime | None = None, year: int | None = None) -> dict[str, Any]:
    """Run the night; returns the document of `cchc nightly --json`."""
    make_ready()
    document = run_the_night(as_of, year)
    get_run_logger().info("%s: %s", document["status"], document["message"])
    return document
