"""`cchc alerts`: what people and scripts get, who took note, and whether a test message arrives."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from apps import cli
from flows.steps.alert_settings import settings_file
from flows.steps.home import Home
from tests.flows.post_kit import Office, Post, mail_server

pytestmark = [pytest.mark.db, pytest.mark.slow]
Run = Callable[..., "Said"]


@dataclass(frozen=True)
class Said:
    """What a command gave back."""

    status: int
    out: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def office(clean: Home, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    made = Office(clean, monkeypatch)
    made.at("2023-03-10T09:00:00")
    monkeypatch.setenv("COLUMNS", "140")
    yield made
    settings_file(clean).unlink(missing_ok=True)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*words: object) -> Said:
        monkeypatch.setattr(sys, "argv", ["cchc", *map(str, words)])
        status = cli.run()
        return Said(status, capsys.readouterr().out.replace("\u00a0", " "))

    return call


def test_nothing_open_and_nobody_told_is_said(office: Office, run: Run) -> None:
    document = run("alerts", "--json").json
    assert (document["alerts"], document["waiting_messages"], document["failed_messages"]) == ([], 0, 0)
    said = run("alerts")
    assert said.status == 0 and "Không có cảnh báo nào đang mở." in said.out and "alerts.example.yaml" in said.out


def test_open_alerts_are_listed_the_gravest_first_and_shown_whole(office: Office, run: Run) -> None:
    office.settle('recipients:\n  - name: A\n    url: "mailto://127.0.0.1:1?from=a@xa.example&to=b@xa.example"\n')
    mild = office.open("postal_rate", severity="info", value=0.01, threshold=0.05, detail={})
    grave = office.open()
    document = run("alerts", "--json").json
    assert [row["alert"] for row in document["alerts"]] == [grave["alert_id"], mild["alert_id"]]
    first = document["alerts"][0]
    assert first["rule"] == "overdue_rate" and first["unit"] == "22492" and first["name"] == "Xã Đại Lãnh"
    assert first["opened_at"] == "2023-03-10T09:00:00+07:00" and first["dossiers"] == ["H32.22492-0001", "H32.22492-0002"]
    assert document["waiting_messages"] == 2 and document["problem"] is None
    said = run("alerts").out
    assert "Khẩn" in said and "1,25 % (5/400), yêu cầu dưới 1 %" in said and "2 tin chờ gửi." in said
    shown = run("alerts", "show", grave["alert_id"])
    assert "Việc cần làm: Rà các hồ sơ" in shown.out and "Tin cho A (cảnh báo mới): chờ gửi." in shown.out
    assert run("alerts", "show", grave["alert_id"], "--json").json["runbook"] == "docs/runbooks/overdue-rate.md"


def test_looks_as_of_a_moment_that_is_still_to_come_are_told(office: Office, run: Run) -> None:
    """A clock that stood in the future and was set right: until then every look counts as late, and nothing opens or ends."""
    with office.home.database.begin() as tx:
        statement = (
            "insert into alert_marks (rule, unit_id, evaluated_at) values ('overdue_rate', '22492', '2030-01-01 08:00+07')"
        )
        tx.execute(statement)
    (warning,) = run("alerts", "--json").json["warnings"]
    assert "01/01/2030 08:00" in warning and "đồng hồ" in " ".join(run("alerts").out.split())


def test_who_took_note_is_kept_in_the_alert_and_in_the_log(office: Office, run: Run) -> None:
    alert = office.open()
    said = run("alerts", "ack", alert["alert_id"], "--by", "Trần Thị Mẫu", "--note", "Xong trong ngày mai")
    assert said.status == 0 and "Trần Thị Mẫu" in said.out
    (row,) = run("alerts", "--json").json["alerts"]
    assert row["acknowledged_by"] == "Trần Thị Mẫu" and row["acknowledged_note"] == "Xong trong ngày mai"
    assert row["acknowledged_at"] == "2023-03-10T09:00:00+07:00" and row["state"] == "open"
    assert "Trần Thị Mẫu đã nhận" in " ".join(run("alerts").out.split())
    entries = run("audit", "list", "--json").json["entries"]
    assert [(e["actor"], e["subject"], e["text"]) for e in entries] == [
        ("Trần Thị Mẫu", f"alert:{alert['alert_id']}", "ghi nhận cảnh báo: Xong trong ngày mai")
    ]
    office.resolve(alert, "2023-03-11T09:00:00")
    assert run("alerts", "--json").json["alerts"] == []
    (ended,) = run("alerts", "--all", "--json").json["alerts"]
    assert ended["state"] == "resolved" and ended["resolution"] == "cleared"
    assert "đã hết" in run("alerts", "show", alert["alert_id"]).out


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("show", 99), "unknown_alert"), (("ack", 99), "unknown_alert"), (("ack", 99, "--by", "\u200b"), "bad_name"),
        (("test", "Không Có"), "unknown_recipient"), (("show", "x"), "usage"), (("ack", 0), "usage"), (("bay",), "usage"),
    ],
)  # fmt: skip
def test_callers_faults_are_status_2(office: Office, run: Run, words: tuple[object, ...], code: str) -> None:
    said = run("alerts", *words, "--json")
    assert said.status == 2 and said.json["error"]["code"] == code


def test_options_before_a_word_are_refused_rather_than_lost(office: Office, run: Run) -> None:
    assert run("alerts", "--json", "send").status == 2


def test_an_alert_that_is_over_needs_nobody(office: Office, run: Run) -> None:
    alert = office.open()
    office.resolve(alert, "2023-03-11T09:00:00")
    assert run("alerts", "ack", alert["alert_id"], "--json").json["error"]["code"] == "alert_over"


def test_a_test_message_arrives_or_says_why_not(office: Office, run: Run) -> None:
    with mail_server(Post()) as post:
        office.settle(f'recipients:\n  - name: Văn phòng xã\n    urls: ["{post.url()}", "{post.url("hai@xa.example")}"]\n')
        said = run("alerts", "test", "Văn phòng xã")
        assert said.status == 0 and said.out.count("đã gửi tin thử") == 2 and len(post.mails) == 2
        assert post.mails[0]["Subject"] == "Tin thử: cảnh báo cải cách hành chính"
        post.answer = "554 no"
        refused = run("alerts", "test", "Văn phòng xã", "--json")
        assert refused.status == 3
        assert {(row["state"], row["error"]) for row in refused.json["messages"]} == {
            ("given_up", "máy chủ thư từ chối thư (mã 554)")
        }
    said = run("alerts", "test", "Văn phòng xã")
    assert said.status == 3 and "không mở cổng" in said.out


def test_sending_now_says_what_became_of_it(office: Office, run: Run) -> None:
    assert "Không có tin nào đến lượt" in run("alerts", "send").out
    with mail_server(Post()) as post:
        office.settle(f'recipients:\n  - name: A\n    url: "{post.url()}"\n')
        office.open()
        said = run("alerts", "send", "--json")
        assert said.status == 0 and said.json == {
            "status": "done", "sent": 1, "failed": 0, "unclear": 0, "given_up": 0, "problem": None,
        }  # fmt: skip
    office.open("file_rejected", severity="warn", unit="", value=None, threshold=None, detail={})
    said = run("alerts", "send")
    assert said.status == 3 and "sẽ thử lại: 1" in said.out
    assert "máy chủ thư không mở cổng" in run("alerts").out
    office.settle("recipients: x\n")
    office.at("2023-03-10T10:00:00")
    said = run("alerts", "send")
    assert said.status == 3 and "alerts.yaml dòng 1" in said.out
    assert "alerts.yaml dòng 1" in run("alerts").out
