"""What is deployed, without a server: schedules, triggers, limits, and the documents that describe them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from flows.steps.doctor_prefect import DEPLOYED, TAG
from flows.steps.events import KINDS

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.filterwarnings("ignore::Warning:(prefect|pydantic).*")


def _rows(document: str, heading: str) -> list[list[str]]:
    """Return the cells of the first table after a heading."""
    text = (ROOT / "docs" / document).read_text(encoding="utf-8").partition(heading)[2]
    table = re.search(r"(?:^\|.*\|\n)+", text, re.MULTILINE)
    assert table is not None
    return [[cell.strip().replace("`", "") for cell in line.strip("| ").split(" | ")] for line in table[0].splitlines()[2:]]


def test_the_document_of_events_is_the_grammar() -> None:
    assert _rows("events.md", "## Grammar") == [[kind, subject, says] for kind, (subject, says) in KINDS.items()]


def test_the_documents_tell_who_listens_and_when_nights_run() -> None:
    from deployments.definitions import DEFINITIONS

    heard = {name: hears.split(", ") for name, hears, _ in _rows("events.md", "## Who listens")}
    assert heard == {each.flow.name: list(each.on) for each in DEFINITIONS if each.on}
    listed = _rows("deployments.md", "# Deployments")
    assert [name for name, *_ in listed] == [each.full_name for each in DEFINITIONS]
    text = (ROOT / "docs" / "deployments.md").read_text(encoding="utf-8")
    assert all(f"{each.gather_s} s for `{each.flow.name}`" in text for each in DEFINITIONS if each.on)


def test_r06_the_night_runs_at_one_in_the_morning_in_vietnam_one_at_a_time() -> None:
    from deployments.definitions import deployments

    (night,) = (each for each in deployments() if each.name == "nightly")
    (schedule,) = night.schedules or []
    assert schedule.schedule.model_dump() == {"cron": "0 1 * * *", "timezone": "Asia/Ho_Chi_Minh", "day_or": True}
    assert schedule.active is not False
    assert night.concurrency_limit == 1
    assert night.concurrency_options is not None and night.concurrency_options.collision_strategy == "CANCEL_NEW"
    assert (night.flow_name, night.name, night.entrypoint) == ("nightly", "nightly", "flows.nightly.nightly")


def test_what_doctor_looks_for_is_what_is_deployed() -> None:
    from deployments import definitions

    assert sorted(each.full_name for each in definitions.DEFINITIONS) == list(DEPLOYED)
    assert definitions.TAG == TAG
    assert {each.full_name for each in definitions.deployments("a-pool")} == set(DEPLOYED)


def test_a_burst_of_events_starts_one_run_after_the_last_of_them() -> None:
    from deployments.definitions import deployments

    triggers = [trigger for each in deployments() for trigger in each.triggers]
    assert len(triggers) == 3 and len({trigger.name for trigger in triggers}) == 3
    for trigger in triggers:
        assert trigger.within == trigger.schedule_after and trigger.within.total_seconds() >= 1
        assert trigger.match.root == {"prefect.resource.id": "cchc.*", "cchc.fresh": "yes"}


@pytest.mark.parametrize("module", ["serve", "deploy"])
def test_without_a_server_nothing_is_started_and_a_sentence_says_so(module: str, tmp_path: Path) -> None:
    words = [sys.executable, "-m", f"deployments.{module}", *(["--pool", "x"] if module == "deploy" else [])]
    env = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "CCHC_HOME": str(tmp_path / "home"), "PYTHONUTF8": "1"}
    done = subprocess.run(words, cwd=ROOT, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2 and "PREFECT_API_URL" in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "home").exists()
