"""The catch-up: everything that an event or a schedule should have started, asked of the database by the clock.

Events may be lost, doubled or late, nights may be missed: what is left undone is found here, at the latest.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

from prefect import flow, get_run_logger

from flows.events import relay
from flows.steps import forecast_refresh, nights, outgoing
from flows.steps import react as reactions
from flows.steps.home import Home, open_home
from flows.steps.logs import discreet

#: The schedule and the desk start a night first.
_GRACE: Final = timedelta(minutes=10)
_PARTS: Final[tuple[tuple[str, Callable[[Home], Any]], ...]] = (
    ("react", reactions.react),
    ("nights", lambda home: [night["night"] for night in nights.run_due(home, grace=_GRACE)]),
    ("forecast", forecast_refresh.refresh),
    ("messages", outgoing.deliver),
    ("events", relay),
)


@flow(name="catch-up")
def catch_up() -> dict[str, Any]:
    """Do what is not done yet; returns the answer of each part. A part that fails does not keep the others from their work.

    Raises: the first failure, after all parts were tried.
    """
    home = open_home()
    home.prepare()
    log, done, failures = get_run_logger(), {}, []
    for name, part in _PARTS:
        try:
            done[name] = part(home)
        except Exception as problem:
            log.error("%s: %s", name, type(problem).__name__)
            failures.append(problem)
    if failures:
        with discreet(home.root):
            raise failures[0]
    return done
