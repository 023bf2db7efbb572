"""How it runs: Python deployments with schedules. Nothing reports home, whatever a library's default is."""

import os

os.environ.setdefault("DO_NOT_TRACK", "1")
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
