"""`python -m apps.web --host 127.0.0.1 --port 8765`: the status page of the installation of `CCHC_HOME`, until stopped."""

from __future__ import annotations

import os

import click
import uvicorn

from apps.web.app import application
from deployments.quiet import QuietServer
from flows.steps.home import open_home
from flows.steps.logs import Log


@click.command()
@click.option("--host", default="127.0.0.1")
@click.option("--port", type=int, default=8765)
def main(host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT. No access log: who looked at the page is nobody's business."""
    home = open_home()
    log = Log(home.root, "web")
    log.info("started", pid=os.getpid(), port=port)
    server = QuietServer(
        uvicorn.Config(
            application(home, log), host=host, port=port, log_level="warning", access_log=False, server_header=False,
            timeout_graceful_shutdown=5, limit_concurrency=64, lifespan="off", ws="none",
        )
    )  # fmt: skip
    server.serve_until_stopped()
    log.info("stopped")
    os._exit(0)  # a question that still waits for a dead database must not hold the process


if __name__ == "__main__":
    main()
