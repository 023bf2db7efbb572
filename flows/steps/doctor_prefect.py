"""The checks of `cchc doctor` that concern Prefect: it answers, has every deployment, and has planned the next night."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from flows.steps.doctor import Finding
from flows.steps.health import EVENTS_LATE_S
from flows.steps.home import Home, now
from flows.steps.prefect_api import PrefectAway, api_url, call

#: What must be deployed: `deployments.definitions`, told without importing Prefect.
DEPLOYED: Final = ("alert/alert", "catch-up/catch-up", "forecast-again/forecast-again", "nightly/nightly", "react/react")
NIGHT: Final = "nightly/nightly"
TAG: Final = "cchc"
_PATIENCE_S: Final = 5.0
_NEXT_NIGHT: Final = timedelta(hours=25)
#: What was just deployed is planned within a minute.
_PLANNED_WITHIN: Final = timedelta(minutes=2)


def server_and_schedule(home: Home) -> Finding:
    """Whether the server answers, every deployment is there and not paused, and a night is planned within 25 hours."""
    url = _address(home)
    if url is None:
        return Finding("ok", "no_prefect")
    try:
        call(url, "/health", timeout=_PATIENCE_S)
        found = _deployed(url)
        absent = [name for name in DEPLOYED if name not in found]
        if absent:
            return Finding("fail", "not_deployed", {"names": absent})
        paused = [name for name in DEPLOYED if not _active(found[name])]
        if paused:
            return Finding("fail", "paused", {"names": paused})
        following = _next_run(url, found[NIGHT]["id"])
    except PrefectAway as problem:
        return Finding("fail", "prefect_away", {"url": url, "detail": problem})
    if following is None or following - datetime.now(UTC) > _NEXT_NIGHT:
        runner = _runner(home)
        soon = runner is not None and now() - runner["started_at"] < _PLANNED_WITHIN
        return Finding("warn", "schedule_soon") if soon else Finding("fail", "no_schedule")
    return Finding("ok", "prefect", {"at": following})


def events_wait(home: Home) -> Finding:
    """Whether events are told: none waits long, unless there is nobody to tell."""
    from warehouse import status

    with home.database.begin() as tx:
        found = status.counts(tx, now())
    if found["events_age_s"] <= EVENTS_LATE_S or _address(home) is None:
        return Finding("ok", "events", {"count": found["events_waiting"]})
    return Finding("warn", "events_wait", {"count": found["events_waiting"], "minutes": found["events_age_s"] / 60})


def _address(home: Home) -> str | None:
    """The server this shell is told of, else the one that the runner of `cchc up` works for."""
    if (url := api_url()) is not None:
        return url
    runner = _runner(home)
    return runner["detail"].get("prefect_api") if runner else None


def _runner(home: Home) -> dict[str, Any] | None:
    """Return the last word of the runner that was heard last."""
    from warehouse import events

    with home.database.begin() as tx:
        runners = [row for row in events.beats(tx) if row["component"] == "runner"]
    return min(runners, key=lambda row: float(row["age_s"]), default=None)


def _deployed(url: str) -> dict[str, dict[str, Any]]:
    """Return our deployments on the server by full name."""
    ours = {"deployments": {"tags": {"all_": [TAG]}}, "limit": 200}
    flows = {flow["id"]: flow["name"] for flow in call(url, "/flows/filter", ours, timeout=_PATIENCE_S)}
    rows = call(url, "/deployments/filter", ours, timeout=_PATIENCE_S)
    return {f"{flows.get(row['flow_id'])}/{row['name']}": row for row in rows}


def _active(row: dict[str, Any]) -> bool:
    return not row["paused"] and all(schedule["active"] for schedule in row["schedules"])


def _next_run(url: str, deployment: str) -> datetime | None:
    """Return when the next planned run of a deployment starts, None when none is planned."""
    asked = {
        "sort": "EXPECTED_START_TIME_ASC",
        "limit": 1,
        "deployments": {"id": {"any_": [deployment]}},
        "flow_runs": {
            "state": {"type": {"any_": ["SCHEDULED"]}},
            "expected_start_time": {"after_": datetime.now(UTC).isoformat()},
        },
    }
    rows = call(url, "/flow_runs/filter", asked, timeout=_PATIENCE_S)
    return datetime.fromisoformat(rows[0]["expected_start_time"]) if rows else None
