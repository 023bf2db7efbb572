"""What every test shares: nothing reports home and no test sees the caller's installation."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

os.environ.update(
    {
        "DO_NOT_TRACK": "1",
        "GX_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    }
)

# The machine may be slow and shared: a property fails on a counterexample, never on the clock.
settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("default")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A whole run of the command line is also slow, so that `-m "not slow"` alone stays fast."""
    for item in items:
        if item.get_closest_marker("e2e"):
            item.add_marker(pytest.mark.slow)
