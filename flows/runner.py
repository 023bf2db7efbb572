"""Where the parts of a load run: in this process, or on the Dask workers whose scheduler `CCHC_DASK` names."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from prefect.futures import PrefectFuture
from prefect.task_runners import TaskRunner

from flows.steps.home import UserError

VARIABLE: Final = "CCHC_DASK"
_SCHEMES: Final = ("tcp://", "tls://")
#: Seconds to wait for a scheduler that answers and for a worker, at the beginning and when the last one is lost.
_PATIENCE_S: Final = 30
#: How often it is looked whether anybody is left while a task lasts.
_LOOK_S: Final = 5


class NoWorkers(Exception):
    """The scheduler does not answer, or has no worker (any more): the work is done here instead."""


def dask_address() -> str | None:
    """Return the address of the Dask scheduler, None when the work stays here. Raises: UserError."""
    given = os.environ.get(VARIABLE, "").strip()
    if not given:
        return None
    if not given.startswith(_SCHEMES):
        raise UserError("bad_dask", f"{VARIABLE} phải có dạng tcp://máy:cổng hoặc tls://máy:cổng, không phải «{given}».")
    return given


@contextmanager
def workers(address: str) -> Iterator[TaskRunner[Any]]:
    """Run tasks on the workers of a scheduler. Raises: NoWorkers."""
    from prefect_dask import DaskTaskRunner

    with DaskTaskRunner(address=address, client_kwargs={"timeout": _PATIENCE_S}) as runner:
        try:
            runner.client.wait_for_workers(1, timeout=_PATIENCE_S)
        except (OSError, TimeoutError) as problem:
            raise NoWorkers(type(problem).__name__) from problem
        yield runner


def answer_of(runner: TaskRunner[Any], future: PrefectFuture[Any]) -> Any:
    """Return what a task on the workers answers, however long it takes. Raises: NoWorkers, and what the task raises."""
    seen = time.monotonic()
    while True:
        try:
            return future.result(timeout=_LOOK_S)
        except TimeoutError:
            if _anybody(runner):
                seen = time.monotonic()
            elif time.monotonic() - seen > _PATIENCE_S:
                raise NoWorkers("none is left") from None


def _anybody(runner: Any) -> bool:
    try:
        return bool(runner.client.ncores())
    except (OSError, TimeoutError):
        return False
