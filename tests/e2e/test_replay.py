"""`cchc up` left running through replayed days, with kills and a database stop, ends with the figures of an undisturbed run."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.replay import replay

pytestmark = [pytest.mark.slow, pytest.mark.db, pytest.mark.e2e, pytest.mark.filterwarnings("ignore::ResourceWarning")]
DAYS = 2


@pytest.fixture(scope="module")
def came(request: pytest.FixtureRequest) -> Iterator[dict[str, Any]]:
    folder = Path(tempfile.mkdtemp(prefix="cchc-replay-"))
    folder.chmod(0o711)
    patch = pytest.MonkeyPatch()
    for name in ("CCHC_DATABASE_URL", "CCHC_HOME", "CCHC_CLOCK", "PREFECT_API_URL"):
        patch.delenv(name, raising=False)
    try:
        yield replay(folder, DAYS, "--no-prefect")
    finally:
        patch.undo()
        shutil.rmtree(folder, ignore_errors=True)


def test_the_accidents_happened(came: dict[str, Any]) -> None:
    assert came["happened"] == {"kill_desk": 1, "stop_database": 1, "kill_up": 1}


@pytest.mark.parametrize("what", ["facts", "scores", "nights"])
def test_r02_r03_the_figures_are_the_same(came: dict[str, Any], what: str) -> None:
    assert came["up"][what] == came["hand"][what] and came["up"][what]
    assert came["up"]["broken"] == []


def test_r19_the_same_alerts_opened_and_ended_once(came: dict[str, Any]) -> None:
    assert came["up"]["alerts"] == came["hand"]["alerts"] and came["up"]["alerts"]


def test_r19_every_mail_came_once(came: dict[str, Any]) -> None:
    by_hand, by_up = came["mails"]
    assert by_up == by_hand and by_up
    assert len(set(came["ids"])) == len(came["ids"])
    assert set(came["up"]["messages"]) <= {"sent", "waiting"}
