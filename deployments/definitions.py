"""What Prefect runs, when, and on which events. The only place where deployments and triggers are defined.

A trigger fires once for all events of a few seconds, and its run starts when these seconds are over: fifty files at once
start one run, and no event of the fifty comes after the run has asked the database.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from prefect import Flow
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.deployments.runner import EntrypointType, RunnerDeployment
from prefect.events import DeploymentEventTrigger
from prefect.schedules import Cron

from flows.alert import alert
from flows.catch_up import catch_up
from flows.forecast import forecast_again
from flows.nightly import nightly
from flows.react import react
from flows.steps.events import KINDS

#: On every deployment of ours: what carries it and is not defined here any more is removed.
TAG: Final = "cchc"
# A cron line without a zone would be read as UTC.
TIMEZONE: Final = "Asia/Ho_Chi_Minh"
#: A run that would start beside a running one finds nothing to do: it is cancelled. One that an event started waits, because
#: the running one may have asked the database already.
_CANCEL, _WAIT = ConcurrencyLimitStrategy.CANCEL_NEW, ConcurrencyLimitStrategy.ENQUEUE


@dataclass(frozen=True)
class Definition:
    """One deployment, named like its flow. `on`: kinds of events; `gather_s`: seconds whose events start one run together."""

    flow: Flow[Any, Any]
    description: str
    cron: str | None = None
    on: tuple[str, ...] = ()
    gather_s: int = 0

    @property
    def full_name(self) -> str:
        return f"{self.flow.name}/{self.flow.name}"


DEFINITIONS: Final = (
    Definition(nightly, "inbox → load → quality → measures → score → forecast → alerts → reports", cron="0 1 * * *"),
    Definition(catch_up, "whatever an event or a night should have done and did not", cron="5,20,35,50 * * * *"),
    Definition(react, "inbox → load → score → publish → alerts", on=("file.arrived", "measures.changed"), gather_s=4),
    Definition(forecast_again, "the forecast that follows a published score", on=("score.published",), gather_s=60),
    Definition(alert, "alerts judged again, messages sent", on=("score.published", "forecast.published"), gather_s=10),
)  # fmt: skip


def deployments(pool: str | None = None) -> list[RunnerDeployment]:
    """Return every deployment, for a work pool or (None) for the runner of one machine."""
    return [_deployment(definition, pool) for definition in DEFINITIONS]


def _deployment(definition: Definition, pool: str | None) -> RunnerDeployment:
    return definition.flow.to_deployment(
        name=definition.flow.name,
        description=definition.description,
        tags=[TAG],
        schedule=Cron(definition.cron, timezone=TIMEZONE) if definition.cron else None,
        triggers=[_trigger(definition)] if definition.on else [],
        concurrency_limit=ConcurrencyLimitConfig(limit=1, collision_strategy=_WAIT if definition.on else _CANCEL),
        entrypoint_type=EntrypointType.MODULE_PATH,
        work_pool_name=pool,
    )


def _trigger(definition: Definition) -> DeploymentEventTrigger:
    assert all(kind in KINDS for kind in definition.on)
    gather = timedelta(seconds=definition.gather_s)
    return DeploymentEventTrigger(
        name=f"cchc {definition.flow.name}",
        description=definition.description,
        expect={f"cchc.{kind}" for kind in definition.on},
        match={"prefect.resource.id": "cchc.*", "cchc.fresh": "yes"},
        threshold=1,
        within=gather,
        schedule_after=gather,
    )
