"""`python -m deployments.serve`: deploy for one machine and run what is due, until stopped."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any, Final
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.runner import Runner
from prefect.states import Crashed

from deployments.apply import remove_others
from deployments.definitions import deployments
from deployments.needs import need_server
from flows.steps.home import Home, now, open_home
from flows.steps.prefect_api import api_url

#: Seconds between two looks for runs that are due. The default of 10 makes an event's run start late.
POLL_S: Final = 3
#: Runs at a time: a long night must not keep a reaction waiting.
_AT_A_TIME: Final = 2
_BEAT_S: Final = 30.0


class _Runner(Runner):
    """Ends cleanly on SIGTERM. The library's own answer to it forgets to await its stop."""

    async def run(self) -> None:
        """Run what is due until SIGTERM."""
        self._stop = partial(asyncio.get_running_loop().call_soon_threadsafe, asyncio.current_task().cancel)  # type: ignore[union-attr]
        with suppress(asyncio.CancelledError):
            await self.start()

    def handle_sigterm(self, *args: Any, **kwargs: Any) -> None:
        self._stop()


def main() -> None:
    """Serve until stopped. The schedules stay on after a stop: a restart of the machine must not end the nights."""
    need_server()
    wanted = deployments()
    with get_client(sync_client=True) as client:
        remove_others(client, wanted)
    home = open_home()
    home.prepare()
    runner = _Runner(name="cchc", query_seconds=POLL_S, limit=_AT_A_TIME, pause_on_shutdown=False)
    ours = [runner.add_deployment(deployment) for deployment in wanted]
    end_the_dead(ours)
    threading.Thread(target=_beat, args=(home, now()), name="heartbeat", daemon=True).start()
    with suppress(KeyboardInterrupt):
        asyncio.run(runner.run())


def end_the_dead(deployments: list[UUID]) -> list[UUID]:
    """Say of runs that an earlier runner left behind that they crashed; returns them.

    Nobody else runs these deployments, so none of them is alive; left alone, they would keep their successors waiting for the
    five minutes that Prefect holds their place.
    """
    begun = [StateType.RUNNING, StateType.PENDING, StateType.CANCELLING]
    with get_client(sync_client=True) as client:
        found = client.read_flow_runs(
            flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=begun))),
            deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=deployments)),
            sort=FlowRunSort.START_TIME_DESC,
            limit=200,
        )
        for run in found:
            client.set_flow_run_state(run.id, Crashed(message="its runner is gone"))
    return [run.id for run in found]


def _beat(home: Home, started: datetime) -> None:
    """Say every half minute that this process is alive. A database that is away hears it later."""
    from warehouse import events

    asleep = threading.Event()
    while True:
        try:
            with home.database.begin() as tx:
                events.beat(tx, "runner", socket.gethostname(), os.getpid(), started, now(), {"prefect_api": api_url()})
        except Exception:  # told by whoever works with the database
            pass
        asleep.wait(_BEAT_S)


if __name__ == "__main__":
    main()
