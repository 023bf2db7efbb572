"""Where the parts of a load run: in this process, or on the Dask workers whose scheduler `CCHC_DASK` names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from prefect.task_runners import TaskRunner

from flows.steps.home import UserError

VARIABLE: Final = "CCHC_DASK"
_SCHEMES: Final = ("tcp://", "tls://")
#: Seconds to wait for a scheduler that answers and for its first worker.
_PATIENCE_S: Final = 30


class NoWorkers(Exception):
    """The scheduler does not answer, or has no worker: the work is done here instead."""


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
