"""The flow that a new file or a change of measures starts: what lies in the inbox is loaded, scored and published."""

from __future__ import annotations

import time
from typing import Any, Final

from prefect import flow, get_run_logger

from flows.steps import react as steps
from flows.steps.home import open_home
from flows.steps.logs import discreet

#: Who is at work may have asked the database before this event: he is waited for, then asked again. Seconds.
_PATIENCE_S: Final = 900.0
_AGAIN_S: Final = 5.0


@flow(name="react")
def react() -> dict[str, Any]:
    """Do what the database says is not done yet; returns the answer of `flows.steps.react.react`."""
    home = open_home()
    home.prepare()
    until = time.monotonic() + _PATIENCE_S
    with discreet(home.root):
        while (answer := steps.react(home))["status"] == "busy" and time.monotonic() < until:
            time.sleep(_AGAIN_S)
    get_run_logger().info("%s", answer["status"])
    return answer
