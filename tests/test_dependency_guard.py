"""R28: the versions that break scheduling stay out, and the lock is complete and names no place."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from flows.steps.pins import PINS, broken

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")

REQUIRED = [
    Requirement(line)
    for line in (raw.split("#")[0].strip() for raw in (ROOT / "requirements.in").read_text("utf-8").splitlines())
    if line
]
LOCKED = {
    canonical.lower(): Version(number)
    for canonical, number in re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==(\S+)", LOCK, flags=re.MULTILINE)
}


@pytest.mark.parametrize(("package", "wanted"), [(package, wanted) for package, wanted, _ in PINS])
def test_r28_installed_versions_are_the_ones_tested_together(package: str, wanted: str) -> None:
    assert version(package) in Requirement(f"{package}{wanted}").specifier


def test_r28_the_pins_that_break_scheduling_are_watched_and_said() -> None:
    from messages.doctor import PINS as WORDS

    watched = {package: wanted for package, wanted, _ in PINS}
    assert (watched["sqlalchemy"], watched["fastapi"], watched["prefect"]) == ("<2.1", "<0.155", "==3.8.8")
    assert {why for *_, why in PINS} == set(WORDS)
    assert not list(broken())


@pytest.mark.parametrize(("package", "wanted"), [(package, wanted) for package, wanted, _ in PINS])
def test_r28_a_pin_is_asked_for_in_the_requirements(package: str, wanted: str) -> None:
    (asked,) = (requirement for requirement in REQUIRED if requirement.name == package)
    assert str(asked.specifier) == wanted


@pytest.mark.parametrize("requirement", REQUIRED, ids=lambda r: r.name)
def test_r28_lock_agrees_with_what_is_asked_for(requirement: Requirement) -> None:
    locked = LOCKED[requirement.name.lower()]
    assert locked in requirement.specifier
    assert Version(version(requirement.name)) == locked


def test_r28_every_locked_package_has_a_hash() -> None:
    blocks = re.split(r"^(?=[A-Za-z0-9])", LOCK, flags=re.MULTILINE)
    named = [block for block in blocks if "==" in block]
    assert len(named) == len(LOCKED) > 100
    assert not [block.split()[0] for block in named if "--hash=sha256:" not in block]


@pytest.mark.parametrize("name", ["requirements.in", "requirements.lock", "pyproject.toml", "Makefile"])
def test_r28_no_committed_file_names_an_index_or_a_local_path(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    found = re.findall(r"(?:https?|file)://\S*|--(?:extra-)?index-url|--find-links|^/\S+|\s@\s*/\S+", text, re.MULTILINE)
    assert not found


def test_r28_nothing_is_missing_or_in_conflict() -> None:
    """The lock is installed without a resolver, so that its completeness is checked here."""
    done = subprocess.run([sys.executable, "-m", "pip", "check"], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_r28_prefect_server_and_postgres_driver_import() -> None:
    code = "import prefect.server.api.server, psycopg2, asyncpg, great_expectations"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stderr
