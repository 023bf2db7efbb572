"""`cchc up` on a real PostgreSQL with a real Prefect server: it is started once, hurt in every way, and stopped."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.e2e import up_kit
from tests.e2e.up_kit import Up, get, until

pytestmark = [pytest.mark.e2e, pytest.mark.db, pytest.mark.slow]


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="cchc-up-"))
    made.chmod(0o711)
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture(scope="module")
def up(folder: Path) -> Iterator[Up]:
    """One running installation with Prefect; the test that kills its supervisor puts the next one in its place."""
    running = up_kit.ready(folder / "home")
    yield running
    running.stop()
    running.close()


def test_it_says_once_what_runs_and_where(up: Up) -> None:
    assert {name: part["state"] for name, part in up.ready["parts"].items()} == dict.fromkeys(
        ("server", "runner", "watch", "web"), "running"
    )
    assert up.ready["prefect"]["database"] == "embedded"
    assert get(up.ready["prefect"]["api"] + "/health")[2] == "true"
    assert "<html" in get(up.ready["prefect"]["api"].removesuffix("api"))[2]  # its own pages
    assert (up.home / "prefect" / "ui").is_dir()  # copied into the home: the checkout may be read-only


def test_health_and_page_say_that_all_is_well(up: Up) -> None:
    def well() -> Any:
        status, _, body = get(up.page + "health")
        return status == 200 and json.loads(body)

    document = until(well, "health")
    assert {check["name"] for check in document["checks"]} == {
        "database",
        "disk",
        "watch",
        "parts",
        "works",
        "inbox",
        "inboxes",
        "night",
        "messages",
        "events",
    }
    assert {check["name"]: check["code"] for check in document["checks"] if check["state"] == "fail"} == {}
    status, headers, page = get(up.page)
    assert status == 200 and '<html lang="vi">' in page
    for text in ("Đêm tới", "Tệp chờ nạp", "Cảnh báo đang mở", "Trực hộp thư", "Máy chủ Prefect", "đang chạy"):
        assert text in page
    assert "default-src 'none'" in headers["content-security-policy"] and "<script" not in page
    assert headers["x-frame-options"] == "DENY" and headers["x-content-type-options"] == "nosniff"


def test_the_page_fits_a_telephone(up: Up) -> None:
    """No line is wider than the screen, in a real browser; nothing of the page is refused by its own policy."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no Chromium on this machine")
    with sync_playwright() as engine:
        browser = engine.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        view = browser.new_page(viewport={"width": 360, "height": 740})
        said: list[str] = []
        view.on("console", lambda message: said.append(message.text))
        view.goto(up.page)
        wide = view.evaluate("document.documentElement.scrollWidth")
        ground = view.evaluate("getComputedStyle(document.querySelector('header')).backgroundColor")
        if shown := os.environ.get("CCHC_SCREENSHOT"):
            view.screenshot(path=shown, full_page=True)
        browser.close()
    assert wide <= 360 and said == []
    assert ground not in ("rgba(0, 0, 0, 0)", "rgb(255, 255, 255)")  # the style sheet was taken


def test_metrics_are_what_prometheus_reads(up: Up) -> None:
    status, _, text = get(up.page + "metrics")
    assert status == 200
    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert families["cchc_up"].samples[0].value == 1
    assert families["cchc_loads"].samples[0].value == 0
    assert families["cchc_database_size_bytes"].samples[0].value > 1_000_000
    running = {sample.labels["component"]: sample.value for sample in families["cchc_part_running"].samples}
    assert running == dict.fromkeys(("up", "server", "runner", "watch", "web"), 1)
    ages = [sample.value for sample in families["cchc_heartbeat_age_seconds"].samples]
    assert ages and all(0 <= age < up_kit.HANG_S for age in ages)


def test_strangers_names_and_methods_are_refused(up: Up) -> None:
    assert get(up.page + "health", host="attacker.example:80")[0] == 400
    assert get(up.page + "health", host="localhost")[0] == 200
    assert get(up.page + "health", method="POST")[0] == 405
    assert get(up.page + "secrets.json")[0] == 404


def test_a_second_up_says_that_one_runs(up: Up) -> None:
    second = up_kit.start(up.home)
    out, err = second.communicate(timeout=up_kit.HANG_S)
    assert second.returncode == 2
    error = json.loads(out)["error"]
    assert error["code"] == "already_up" and str(up.process.pid) in error["message"] and up.page in error["message"]
    assert "Traceback" not in err


def test_a_taken_port_is_the_callers_fault(up: Up, tmp_path: Path) -> None:
    tmp_path.chmod(0o711)
    other = up_kit.start(tmp_path / "home", "--port", up.page.rstrip("/").rpartition(":")[2])
    out, _ = other.communicate(timeout=up_kit.HANG_S)
    error = json.loads(out)["error"]
    assert other.returncode == 2 and error["code"] == "port_taken" and "đang có chương trình khác dùng" in error["message"]
    assert up_kit.processes(tmp_path / "home") == []


def test_no_password_in_arguments_or_logs(up: Up) -> None:
    stored = json.loads((up.home / "secrets.json").read_text())
    words = [stored["prefect_database"], *stored["database"].values()]
    assert all(len(word) > 20 for word in words)
    told = [" ".join(process.cmdline()) for process in up_kit.processes(up.home)]
    told += [path.read_text(encoding="utf-8", errors="replace") for path in (up.home / "logs").rglob("*") if path.is_file()]
    told += [get(up.page)[2], get(up.page + "metrics")[2], json.dumps(up.ready)]
    assert not [word for word in words for text in told if word in text]


@pytest.mark.parametrize("part", ["web", "watch", "runner", "server"])
def test_a_killed_part_is_started_again(up: Up, part: str) -> None:
    before = up.pid(part)
    assert before is not None
    os.kill(before, signal.SIGKILL)
    until(lambda: up.pid(part) != before, f"{part} started again")
    ended = [line for line in up.log() if line["event"] == "part.ended" and line["part"] == part]
    assert ended[-1]["pid"] == before and ended[-1]["status"] == -signal.SIGKILL and ended[-1]["again_in_s"] >= 1
    if part == "web":
        until(lambda: _live(up), "the page")


def _live(up: Up) -> bool:
    try:
        return get(up.page + "live")[0] == 200
    except OSError:
        return False


def test_a_killed_database_comes_back(up: Up) -> None:
    from warehouse import cluster

    before = cluster.running(up.home)
    assert before is not None
    os.kill(before, signal.SIGQUIT)  # an immediate stop, as after a power loss
    until(lambda: cluster.running(up.home) not in (None, before), "the database")
    until(lambda: get(up.page + "health")[0] == 200, "health")


def _next(up: Up, *options: str, env: dict[str, str] | None = None) -> set[int]:
    """Start another one for the same home in place of one that was killed. Returns the parts of the old one."""
    old = {part["pid"] for part in up.ready["parts"].values()}
    up.process.wait()
    up.close()
    fresh = up_kit.ready(up.home, *options, env=env)
    up.process, up.ready = fresh.process, fresh.ready
    return old


def test_killed_supervisor_takes_its_parts_along_and_the_next_one_starts(up: Up) -> None:
    up.process.kill()
    old = _next(up, "--no-prefect")  # at once: it waits until the old parts are gone
    assert not old & {process.pid for process in up_kit.processes(up.home)}
    assert set(up.ready["parts"]) == {"watch", "web"} and up.ready["prefect"] is None


def test_what_is_left_when_everything_that_watches_was_killed_is_ended_by_the_next_one(up: Up, tmp_path: Path) -> None:
    (guardian,) = (process for process in up_kit.processes(up.home) if any("guardian.py" in word for word in process.cmdline()))
    guardian.kill()
    up.process.kill()
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(up_kit.HANG_S)
        old = _next(up, "--no-prefect", env={"NOTIFY_SOCKET": str(tmp_path / "notify")})
        told = set()
        while "READY=1" not in told:
            told.add(systemd.recv(200).decode())
    assert not old & {process.pid for process in up_kit.processes(up.home)}


def test_sigterm_leaves_nothing_behind(up: Up) -> None:
    assert up.stop() == 0
    until(lambda: not up_kit.processes(up.home), "everything gone", 30)
    assert not (up.home / "run" / "up.json").exists()
    assert [line["event"] for line in up.log()][-1] == "up.stopped"
