"""What the processes of `cchc up` are told by their environment: above all how Prefect behaves on one quiet machine."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from warehouse.prefect_database import URL_VARIABLE, PrefectDatabase

#: Nothing decides by Prefect's states and nothing waits for its loops (the desk reacts by itself), so they may be slow: idle,
#: the server takes 1.5 % of a core instead of 3 % (`prefect_server` has its share in that). A new deployment still gets its
#: scheduled runs within half a minute.
_QUIET: Final = {
    "PREFECT_SERVER_SERVICES_SCHEDULER_RECENT_DEPLOYMENTS_LOOP_SECONDS": "20",
    "PREFECT_SERVER_SERVICES_LATE_RUNS_LOOP_SECONDS": "60",
    "PREFECT_SERVER_SERVICES_PAUSE_EXPIRATIONS_LOOP_SECONDS": "300",
    "PREFECT_SERVER_SERVICES_FOREMAN_LOOP_SECONDS": "60",
    "PREFECT_SERVER_SERVICES_CANCELLATION_CLEANUP_LOOP_SECONDS": "120",
    "PREFECT_SERVER_SERVICES_REPOSSESSOR_LOOP_SECONDS": "60",
    "PREFECT_SERVER_SERVICES_CLEANUP_RECONCILER_LOOP_SECONDS": "120",
    "PREFECT_SERVER_SERVICES_TRIGGERS_PG_NOTIFY_HEARTBEAT_INTERVAL_SECONDS": "60",
    "PREFECT_SERVER_EVENTS_PROACTIVE_GRANULARITY": "PT60S",
}
#: Events for a month, runs for a quarter: its database stops growing after that.
_BOUNDED: Final = {
    "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
    "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": str(90 * 86400),
    "PREFECT_SERVER_EVENTS_RETENTION_PERIOD": "P30D",
}
_SILENT: Final = {
    "DO_NOT_TRACK": "1",
    "GX_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    "PREFECT_CLI_PROMPT": "false",
    "PYTHONUTF8": "1",
    "PYTHONUNBUFFERED": "1",
}


def common(home: Path, api: str | None, base: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the environment of every child: the caller's, the home, where Prefect answers (None: there is none)."""
    kept = {name: value for name, value in base.items() if name not in (URL_VARIABLE, "PREFECT_API_URL", "NOTIFY_SOCKET")}
    told = {
        **_SILENT,
        "CCHC_HOME": str(home),
        "PREFECT_HOME": str(home / "prefect"),
        "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",
    }
    if api is not None:
        told["PREFECT_API_URL"] = api
    return {**kept, **told}


def server(home: Path, port: int, database: PrefectDatabase, base: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the environment of Prefect's server on loopback. Only this one holds the password of its database."""
    origin = f"http://127.0.0.1:{port}"
    settings = {
        "PREFECT_SERVER_API_HOST": "127.0.0.1",
        "PREFECT_SERVER_API_PORT": str(port),
        "PREFECT__SERVER_FINAL": "1",
        URL_VARIABLE: database.url,
    }
    pages = {
        # It has no users: no page but its own may ask it in a browser of this machine.
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": f"{origin},http://localhost:{port}",
        # Its pages are copied out of the package at the first start; the checkout may be read-only, or somebody else's.
        "PREFECT_SERVER_UI_STATIC_DIRECTORY": str(home / "prefect" / "ui"),
    }
    # What the administrator set by hand wins over our taste, not over where the server listens.
    chosen = {name: value for name, value in {**_QUIET, **_BOUNDED, **pages}.items() if name not in base}
    return {**common(home, f"{origin}/api", base), **chosen, **settings}
