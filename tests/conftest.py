"""What every test shares: nothing reports home and no test sees the caller's installation."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from flows.steps.home import Home
    from sources.quality import Gate

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
    """A whole run of the command line is also slow, so that `-m "not slow"` alone stays fast. Files with such tests come first,
    then other slow ones: handed out last they would be waited for by processes with nothing left to do.
    """
    weight: dict[Path, int] = {}
    for item in items:
        if item.get_closest_marker("e2e"):
            item.add_marker(pytest.mark.slow)
        own = 2 if item.get_closest_marker("e2e") else 1 if item.get_closest_marker("slow") else 0
        weight[item.path] = max(weight.get(item.path, 0), own)
    items.sort(key=lambda item: -weight[item.path])


@pytest.fixture(scope="session")
def installation() -> Iterator[Home]:
    """One installation with its own embedded PostgreSQL for the tests of this process; deleted at the end."""
    from flows.steps.home import Home
    from warehouse import cluster

    folder = Path(tempfile.mkdtemp(prefix="cchc-test-"))
    folder.chmod(0o711)
    home = Home(folder / "home")
    patch = pytest.MonkeyPatch()
    for name in ("CCHC_DATABASE_URL", "CCHC_CLOCK", "CCHC_FAILPOINT"):
        patch.delenv(name, raising=False)
    patch.setenv("CCHC_HOME", str(home.root))
    try:
        home.prepare()
        yield home
    finally:
        patch.undo()
        cluster.destroy(home.root)
        shutil.rmtree(folder, ignore_errors=True)


KEPT_TABLES = ("units", "calendar_days", "register_versions", "schema_migrations")


@pytest.fixture
def clean(installation: Home) -> Home:
    """The installation without any file, fact or result; its registers stay."""
    empty(installation)
    return installation


def empty(home: Home) -> None:
    """Truncate every table of a home but its registers, and remove its snapshots."""
    from warehouse import engine

    connection = engine.raw_connection(home.root, role="owner", autocommit=True)
    try:
        cursor = connection.cursor()
        cursor.execute("select tablename from pg_tables where schemaname = 'public'")
        names = [f'"{name}"' for (name,) in cursor.fetchall() if name not in KEPT_TABLES]
        cursor.execute(f"truncate {', '.join(names)} restart identity cascade")
    finally:
        connection.close()
    (home.root / "audit.heads").unlink(missing_ok=True)  # of a log that is no more
    for folder in (home.snapshots, home.work, home.inbox):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)


@pytest.fixture(scope="session")
def gate(installation: Home) -> Iterator[Gate]:
    """The quality gate of the session's installation: its worker takes seconds to start, so it is started once."""
    from flows.steps.ingest import gate_of

    with gate_of(installation) as opened:
        yield opened
