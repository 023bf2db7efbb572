"""The flows that forecast where a year ends: one that was asked for, and the one that follows a published score."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from prefect import flow, get_run_logger, task
from prefect.cache_policies import NO_CACHE

from flows.steps import forecast_document as steps
from flows.steps import forecast_refresh
from flows.steps.forecast import DRAWS, SEED
from flows.steps.home import open_home
from flows.steps.logs import discreet
from flows.steps.measure import question
from flows.steps.rules import overdue_definition


@task(name="forecast and store", cache_policy=NO_CACHE)
def forecast_and_store(
    year: int, as_of: datetime | None, known_at: datetime | None, definition: str | None, criteria_set: str | None,
    draws: int, seed: int,
) -> dict[str, Any]:  # fmt: skip
    """Forecast every commune and store the result."""
    home = open_home()
    home.prepare()
    late = overdue_definition(home, criteria_set, definition)
    asked = question(year, as_of=as_of, known_at=known_at, definition=late)
    with discreet(home.root):
        return steps.forecast_and_store(home, asked, criteria_set, draws=draws, seed=seed)


@flow(name="forecast")
def forecast(
    year: int,
    as_of: datetime | None = None,
    known_at: datetime | None = None,
    definition: str | None = None,
    criteria_set: str | None = None,
    draws: int = DRAWS,
    seed: int = SEED,
) -> dict[str, Any]:
    """Forecast a year; returns the document of `cchc forecast --json`."""
    document = forecast_and_store(year, as_of, known_at, definition, criteria_set, draws, seed)
    get_run_logger().info("%d communes forecast, forecast %s", len(document["communes"]), document["forecast"]["forecast"])
    return document


@flow(name="forecast-again")
def forecast_again() -> dict[str, Any]:
    """Forecast the running year when its newest score rests on loads no forecast has seen; returns what was done."""
    home = open_home()
    home.prepare()
    with discreet(home.root):
        answer = forecast_refresh.refresh(home)
    get_run_logger().info("%s", answer["status"])
    return answer
