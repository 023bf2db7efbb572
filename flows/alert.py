"""The flow that a published score or forecast starts: alerts are judged again, and what is due is sent."""

from __future__ import annotations

from typing import Any

from prefect import flow, get_run_logger

from flows.steps import alerts, outgoing
from flows.steps.home import now, open_home
from flows.steps.logs import discreet


@flow(name="alert")
def alert() -> dict[str, Any]:
    """Judge the rules on what the database says now, then send what waits; returns what each of the two did."""
    home = open_home()
    home.prepare()
    with discreet(home.root):
        with home.database.begin() as tx:
            found = alerts.evaluate(home, tx, now())
        sent = outgoing.deliver(home)
    answer = {"opened": len(found["opened"]), "resolved": len(found["resolved"]), "open": found["open"], "sent": sent}
    get_run_logger().info("%s", answer)
    return answer
