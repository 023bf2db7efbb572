"""The flow that scores a year and publishes the result with its recipe."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from prefect import flow, get_run_logger, task
from prefect.cache_policies import NO_CACHE

from flows.steps import runs as steps
from flows.steps.home import open_home
from flows.steps.logs import discreet
from flows.steps.measure import question


@task(name="score and publish", cache_policy=NO_CACHE)
def score_and_publish(
    year: int, as_of: datetime | None, known_at: datetime | None, definition: str | None, criteria_set: str | None
) -> dict[str, Any]:
    """Score every commune and store the result, in one transaction."""
    home = open_home()
    home.prepare()
    asked = question(year, as_of=as_of, known_at=known_at, definition=definition)
    with discreet(home.root), home.database.begin() as tx:
        return steps.score_and_publish(home, tx, asked, criteria_set, "score")


@flow(name="score")
def score(
    year: int,
    as_of: datetime | None = None,
    known_at: datetime | None = None,
    definition: str | None = None,
    criteria_set: str | None = None,
) -> dict[str, Any]:
    """Score a year; returns the document of `cchc score --json` and under `run` where it is stored."""
    document = score_and_publish(year, as_of, known_at, definition, criteria_set)
    get_run_logger().info("%d communes scored, run %s", len(document["communes"]), document["run"]["run"])
    return document
