"""`python -m deployments.nightly` serves the nightly flow: every night at 01:00 in Viet Nam, one run at a time."""

from __future__ import annotations

from typing import Final

from prefect import serve
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.deployments.runner import EntrypointType, RunnerDeployment
from prefect.schedules import Cron

from flows.nightly import nightly

CRON: Final = "0 1 * * *"
# A cron line without a zone would be read as UTC.
TIMEZONE: Final = "Asia/Ho_Chi_Minh"


def deployment() -> RunnerDeployment:
    """Return the deployment; a run that would start beside a running one is cancelled (it would find nothing to do)."""
    return nightly.to_deployment(
        name="nightly",
        description="inbox → load → quality → measures → score → checks across files → forecast → reports",
        schedule=Cron(CRON, timezone=TIMEZONE),
        concurrency_limit=ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW),
        entrypoint_type=EntrypointType.MODULE_PATH,
    )


def main() -> None:
    """Serve until interrupted. The schedule stays on after a stop: a restart of the machine must not end the nights."""
    serve(deployment(), limit=1, pause_on_shutdown=False)


if __name__ == "__main__":
    main()
