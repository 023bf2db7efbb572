"""The status page while things are not well: it answers, says what is wrong in Vietnamese, and gives nothing away."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from apps.web.board import Board
from apps.web.metrics import exposition
from apps.web.page import page
from flows.steps.health import Check, overall
from flows.steps.home import Home
from flows.steps.logs import Log
from messages import running

MOMENT = datetime(2023, 3, 20, 1, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Said:
    status: int
    headers: dict[str, str]
    text: str


def ask(app: Any, path: str, *, method: str = "GET", host: str = "127.0.0.1") -> Said:
    """Ask an ASGI application as a server would."""
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http", "path": path,
        "raw_path": path.encode(), "query_string": b"", "root_path": "", "headers": [(b"host", host.encode())],
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8765),
    }  # fmt: skip
    told: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        told.append(message)

    asyncio.run(app(scope, receive, send))
    headers = {name.decode(): value.decode() for name, value in told[0]["headers"]}
    return Said(told[0]["status"], headers, b"".join(part.get("body", b"") for part in told[1:]).decode())


@pytest.fixture
def dead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Asks the application of an installation whose database server is not there."""
    from apps.web.app import application

    monkeypatch.setenv("CCHC_DATABASE_URL", "postgresql+psycopg2://cchc:hidden-word@127.0.0.1:9/cchc")
    log = Log(tmp_path, "web")
    application_here = application(Home(tmp_path), log)
    yield lambda path, **how: ask(application_here, path, **how)
    log.close()


def test_without_a_database_the_page_says_so_and_health_fails(dead: Any, tmp_path: Path) -> None:
    answer = dead("/health")
    assert answer.status == 503
    document = json.loads(answer.text)
    assert document["status"] == "failing" and document["at"] is None
    (database,) = (check for check in document["checks"] if check["name"] == "database")
    assert database["code"] == "database_unreachable" and "Không kết nối được cơ sở dữ liệu" in database["message"]
    shown = dead("/")
    assert shown.status == 503 and "Không kết nối được cơ sở dữ liệu" in shown.text and "Đĩa còn trống" in shown.text
    families = {family.name: family for family in text_string_to_metric_families(dead("/metrics").text)}
    assert families["cchc_up"].samples[0].value == 0
    assert dead("/live").status == 200
    log = (tmp_path / "logs" / "web.jsonl").read_text(encoding="utf-8")
    assert json.loads(log.splitlines()[0])["wrong"]["database"] == "database_unreachable"
    assert "hidden-word" not in shown.text + answer.text + log


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8765", "", "127.0.0.1.evil.example", "localhost.evil.example"])
def test_a_name_of_a_stranger_is_refused(dead: Any, host: str) -> None:
    answer = dead("/live", host=host)
    assert answer.status == 400 and answer.headers["x-frame-options"] == "DENY"


@pytest.mark.parametrize("host", ["127.0.0.1:8765", "localhost", "LOCALHOST:80", "[::1]:8765", "[::1]", "10.0.0.7:8765"])
def test_this_machine_is_known(dead: Any, host: str) -> None:
    assert dead("/live", host=host).status == 200


def test_a_page_that_is_none_says_so_in_vietnamese(dead: Any) -> None:
    answer = dead("/nowhere")
    assert answer.status == 404 and "Không có trang này" in answer.text


def test_only_looking_is_allowed(dead: Any) -> None:
    assert [dead("/", method=method).status for method in ("POST", "PUT", "DELETE", "OPTIONS")] == [405] * 4
    assert dead("/live", method="HEAD").status == 200


def _document(**facts: Any) -> dict[str, Any]:
    checks = [
        Check("database", "ok", "up"),
        Check("night", "fail", "missed", {"nights": [date(2023, 3, 18), date(2023, 3, 19)]}),
        Check("messages", "warn", "given_up", {"count": 2}),
    ]
    known = {
        "now": MOMENT, "waiting": 1, "files": {"loaded": 1200, "rejected": 3}, "rejected_lately": 1, "quarantined": 7, "loads": 1200,
        "events_waiting": 4, "events_age_s": 12.0, "database_bytes": 50 * 1024**2, "messages": {"waiting": 2, "sent": 9},
        "messages_lost_lately": 2, "messages_overdue": 0, "troubles": {}, "inboxes": [], "work": [{"kind": "night", "outcome": "done", "n": 1, "seconds": 41.5, "longest_s": 41.5}],
        "alerts": [{"rule": "overdue_rate", "severity": "critical", "n": 2}, {"rule": "source_late", "severity": "info", "n": 1}],
        "score": {"run_id": 7, "year": 2023, "origin": "event", "published_at": MOMENT}, "forecast": None, "nights": {"done": 80},
        "night": {
            "last": {"as_of": MOMENT, "started_at": MOMENT, "finished_at": MOMENT, "outcome": "nothing_new"}, "seconds": 41.5,
            "next": MOMENT, "missed": [date(2023, 3, 18), date(2023, 3, 19)],
        },
        "parts": [
            {"name": "watch", "host": "may-1", "pid": 1, "age_s": 500.0, "state": "silent", "restarts": 0},
            {"name": "web", "host": "<b>may-2</b>", "pid": 2, "age_s": None, "state": "running", "restarts": 3},
        ],
    }  # fmt: skip
    disk = {"free": 2**31, "total": 2**34}
    return {"status": overall(checks), "at": MOMENT, "checks": checks, "facts": {**known, **facts}, "disk": disk}


def test_the_page_says_what_needs_looking_at_first() -> None:
    text = page(_document(), "/srv/<home>")
    assert "Đang chạy, có việc cần xem" in text
    assert "Lỡ 2 đêm (18/03/2023, 19/03/2023)" in text and "2 tin cảnh báo không gửi được" in text
    assert text.index("Lỡ 2 đêm") < text.index("2 tin cảnh báo")
    for shown in ("1.200", "Khẩn: 2", "Lưu ý: 1", "20/03/2023 08:00", "42\u00a0giây", "không trả lời", "đã chạy lại 3 lần"):
        assert shown in text
    assert "<b>may-2</b>" not in text and "/srv/&lt;home&gt;" in text


def test_metrics_name_rules_parts_and_ages() -> None:
    families = {family.name: family for family in text_string_to_metric_families(exposition(_document()).decode())}
    alerts = {(s.labels["rule"], s.labels["severity"]): s.value for s in families["cchc_alerts_open"].samples}
    assert alerts == {("overdue_rate", "critical"): 2, ("source_late", "info"): 1}
    assert families["cchc_last_score_age_seconds"].samples[0].value == 0
    assert "cchc_last_forecast_age_seconds" not in families  # none was ever stored: no figure is made up
    assert {s.labels["check"]: s.value for s in families["cchc_check"].samples} == {"database": 0, "night": 2, "messages": 1}
    assert [s.value for s in families["cchc_work_day_longest_seconds"].samples] == [41.5]


def test_every_check_that_can_fail_has_its_sentence() -> None:
    values = {
        "gib": 1.0, "parts": ["runner"], "nights": [date(2023, 3, 1)], "count": 1, "minutes": 20.0, "at": MOMENT, "works": ["pull", "chain"],
        "inboxes": ["mot-cua"],
    }  # fmt: skip
    for name, code in running._CHECKS:
        text = running.check(name, code, values)
        assert text.endswith(".") and "{" not in text


@pytest.mark.parametrize(
    ("states", "whole"),
    [
        ([("database", "ok"), ("night", "ok")], "ok"),
        ([("database", "ok"), ("parts", "warn")], "degraded"),
        ([("database", "ok"), ("night", "fail")], "degraded"),
        ([("watch", "fail")], "failing"),
        ([("disk", "fail")], "failing"),
        ([("disk", "warn")], "degraded"),
    ],
)
def test_what_is_vital_decides(states: list[tuple[str, str]], whole: str) -> None:
    assert overall([Check(name, state, "x") for name, state in states]) == whole


def test_a_database_that_hangs_makes_nobody_wait_for_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    from apps.web import board as module

    gone = threading.Event()
    asked = []

    def hanging(home: Home) -> dict[str, Any]:
        asked.append(home)
        gone.wait(60)
        return _document()

    monkeypatch.setattr(module, "status", hanging)
    monkeypatch.setattr(module, "PATIENCE_S", 0.05)
    log = Log(tmp_path, "web")
    board = Board(Home(tmp_path), log)
    try:
        first, second = board.read(), board.read()
        assert [row.code for row in first["checks"] if row.name == "database"] == ["slow"] and second["status"] == "failing"
        assert len(asked) == 1  # the second one waits for the same answer
    finally:
        gone.set()
        board._asker.shutdown()
        log.close()
