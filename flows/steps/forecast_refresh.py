"""The forecast after a score was published: made again when the newest score rests on loads that no forecast has seen, and
the alerts judged by it.

Whoever is told of a published score may call it, as often and as late as they like.
"""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from flows.steps.forecast_night import shown
from flows.steps.home import ZONE, Home, UserError, now
from flows.steps.measure import Question, question
from flows.steps.publication import alarmed, last_published
from flows.steps.runs import numbers

if TYPE_CHECKING:
    from warehouse.database import Transaction

#: The kind of this work in `work_log`.
KIND: Final = "forecast"


def refresh(home: Home, moment: datetime | None = None) -> dict[str, Any]:
    """Forecast the year of a moment (now) if its newest score of the chain rests on loads that no forecast has seen.

    Returns {status, forecast, run, seconds}. status: "done"; "nothing_new"; "busy" (somebody else is at it); "failed" (there is
    too little to forecast from; `code` and `error` say why, and the same score is not tried again). run: the score it
    follows, None when there is nothing to do.
    """
    begun, at = time.monotonic(), moment or now()
    asked = question(at.astimezone(ZONE).year, as_of=at)
    answer: dict[str, Any] = {"status": "nothing_new", "forecast": None, "run": None}
    with home.database.session_lock("forecast", wait=False) as mine:
        if not mine:
            answer["status"] = "busy"
        else:
            answer["run"] = _due(home, asked)
            if answer["run"] is not None:
                answer |= _made(home, asked, answer["run"])
    return answer | {"seconds": round(time.monotonic() - begun, 3)}


def _due(home: Home, asked: Question) -> int | None:
    """Return the published score that waits for a forecast of the chain's; None when there is none, or when it was tried."""
    import criteria
    from warehouse import events, forecasts

    with home.database.begin() as tx:
        last = last_published(tx, asked)
        if last is None:
            return None
        newest = max(numbers(last["recipe"]["loads"]), default=0)
        if forecasts.foreseen(tx, criteria.DEFAULT_SET, asked.definition, asked.year, newest):
            return None
        tried = events.worked(tx, KIND, f"run:{last['run_id']}")
    return None if tried else int(last["run_id"])


def _made(home: Home, asked: Question, run: int) -> dict[str, Any]:
    from flows.steps.forecast import DRAWS, SEED
    from flows.steps.forecast_document import forecast_and_store
    from warehouse.events import log_work

    started, clock = now(), time.monotonic()
    answer: dict[str, Any]

    def alarms(tx: Transaction, document: dict[str, Any]) -> None:
        alarmed(home, tx, now(), forecast=document)

    try:
        document = forecast_and_store(home, asked, draws=DRAWS, seed=SEED, origin="event", also=alarms)
        shown(home, document)
        answer = {"status": "done", "forecast": document["forecast"]["forecast"]}
    except UserError as error:
        answer = {"status": "failed", "code": error.code, "error": str(error)}
    with home.database.begin() as tx:
        detail = {key: answer[key] for key in ("forecast", "code") if key in answer}
        log_work(tx, KIND, f"run:{run}", started, time.monotonic() - clock, answer["status"], detail)
    return answer
