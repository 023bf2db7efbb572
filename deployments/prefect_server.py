"""`python -m deployments.prefect_server --port N`: Prefect's server on loopback, which costs little while nothing happens.

The same application as `prefect server start`. Its background worker looks four times a second for work that is never that
urgent (late runs, clean-up, the scheduler's minute); here every two seconds. Events, triggers and their actions do not go that
way: they start runs as fast as before.
"""

from __future__ import annotations

import sys
from datetime import timedelta
from functools import partial
from typing import Final

import uvicorn
from docket import Worker
from prefect.server.api import background_workers
from prefect.server.api.server import create_app

from deployments.quiet import QuietServer

_LOOK: Final = timedelta(seconds=2)


def main() -> None:
    """Serve until SIGTERM or SIGINT. Where its tables are and how it behaves is told by the environment."""
    port = int(sys.argv[sys.argv.index("--port") + 1])
    background_workers.Worker = partial(Worker, minimum_check_interval=_LOOK, scheduling_resolution=_LOOK)  # type: ignore[misc, assignment]
    app = create_app(final=True)
    config = uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning", timeout_graceful_shutdown=5)
    QuietServer(config).serve_until_stopped()


if __name__ == "__main__":
    main()
