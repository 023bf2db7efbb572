"""R19: what is told of alerts reaches people once: flapping servers, quiet hours, digests, crashes, settings that break."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.steps.alert_settings import settings_file
from flows.steps.home import CHECKOUT, Home
from flows.steps.outgoing import GIVE_UP_AFTER, LEAST_ATTEMPTS, deliver
from tests.flows.post_kit import Office, Post, mail_server, own_certificate, webhook

pytestmark = [
    pytest.mark.db, pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning"),  # of the test's server
]  # fmt: skip
CLERK = 'recipients:\n  - name: Văn phòng xã\n    url: "{url}"\n'


@pytest.fixture
def office(clean: Home, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    made = Office(clean, monkeypatch)
    made.at("2023-03-10T09:00:00")
    yield made
    settings_file(clean).unlink(missing_ok=True)


@pytest.fixture
def post() -> Iterator[Post]:
    with mail_server(Post()) as running:
        yield running


def test_r19_an_opening_is_a_mail_within_minutes_and_only_once(office: Office, post: Post) -> None:
    office.settle(CLERK.format(url=post.url()) + "page: http://may-chu:8420/\n")
    alert = office.open()
    for _ in range(3):
        deliver(office.home)
    (mail,) = post.mails
    assert mail["Subject"] == "[Khẩn] Xã Đại Lãnh – Tỷ lệ hồ sơ trễ hạn vượt mức: 1,25\u00a0% (5/400)"
    assert mail["From"] == "Cải cách hành chính <cchc@huyen.example>" and mail["To"] == "van.phong@xa.example"
    assert mail["Auto-Submitted"] == "auto-generated" and mail["Message-ID"].endswith("@huyen.example>")
    assert len(mail.get_all("Message-ID")) == 1 and b"=?utf-8?" in post.envelopes[0].content
    text = mail.get_body(("plain",)).get_content()
    for words in (
        "1,25\u00a0% (5/400), yêu cầu dưới 1\u00a0%", "Khoản 3, Thông báo tháng 3/2023 của xã Đại Lãnh", "Phát hiện từ: 10/03/2023 09:00",
        "H32.22492-0001", f"http://may-chu:8420/#alert-{alert['alert_id']}",
    ):  # fmt: skip
        assert words in text, (words, text)
    html = mail.get_body(("html",)).get_content()
    assert f'href="http://may-chu:8420/#alert-{alert["alert_id"]}"' in html and "H32.22492-0002" in html
    (row,) = office.messages()
    assert (row["state"], row["attempts"]) == ("sent", 1)


def test_r19_open_and_resolve_are_one_mail_each_whatever_is_repeated(office: Office, post: Post) -> None:
    from flows.steps import outgoing

    office.settle(CLERK.format(url=post.url()))
    alert = office.open()
    with office.home.database.begin() as tx:
        assert outgoing.queue(office.home, tx, [alert], []) == 0
    deliver(office.home)
    office.resolve(alert, "2023-03-11T09:00:00")
    deliver(office.home)
    deliver(office.home)
    subjects = [mail["Subject"] for mail in post.mails]
    assert len(subjects) == 2 and subjects[1] == "[Đã hết] Xã Đại Lãnh – Tỷ lệ hồ sơ trễ hạn vượt mức"
    assert len({mail["Message-ID"] for mail in post.mails}) == 2


def test_r19_a_server_that_was_away_gets_each_mail_once_and_in_order(office: Office) -> None:
    post = Post()
    with mail_server(post):
        office.settle(CLERK.format(url=post.url()))
    alert = office.open()  # nobody listens any more
    assert deliver(office.home)["failed"] == 1
    office.resolve(alert, "2023-03-10T09:00:30")
    with mail_server(post):
        assert deliver(office.home)["sent"] == 0, "the opening waits its minute, the resolution waits for the opening"
        office.at("2023-03-10T09:01:00")
        post.answer = "451 busy"
        assert deliver(office.home)["failed"] == 1, "the resolution waits for the opening"
        post.answer = None
        office.at("2023-03-10T09:03:00")
        assert deliver(office.home)["sent"] == 2
    assert [mail["Subject"][:8] for mail in post.mails] == ["[Khẩn] X", "[Đã hết]"]
    first, _ = office.messages()
    assert (first["attempts"], first["last_error"]) == (3, None)


def test_r19_what_nobody_takes_is_given_up_after_three_days_and_said(office: Office) -> None:
    from apps.show import console
    from apps.tables import alerts as tables
    from flows.steps.alert_desk import listing

    post = Post()
    with mail_server(post):
        office.settle(CLERK.format(url=post.url()))
        post.answer = "550 no such user van.phong@xa.example"
        office.open()
        assert deliver(office.home)["failed"] == 1
        assert (office.messages()[0]["last_error"]) == "máy chủ thư từ chối thư (mã 550)"
        for hour in range(8, 8 + LEAST_ATTEMPTS - 2):
            office.at(f"2023-03-12T{hour:02d}:00:00")
            assert deliver(office.home)["failed"] == 1
        office.at("2023-03-13T08:59:00")
        assert deliver(office.home)["failed"] == 1
        office.at("2023-03-13T10:00:00")
        assert deliver(office.home)["given_up"] == 1
    assert GIVE_UP_AFTER.days == 3
    document = listing(office.home)
    assert (document["waiting_messages"], document["failed_messages"]) == (0, 1)
    with console().capture():
        tables.listed(document)
    assert deliver(office.home)["status"] == "nothing"


def test_r19_a_machine_that_was_off_for_a_week_does_not_give_up_at_its_first_attempt(office: Office) -> None:
    post = Post()
    with mail_server(post):
        office.settle(CLERK.format(url=post.url()))
    office.open()
    office.at("2023-03-17T07:30:00")  # switched on again; the network is not there yet
    assert deliver(office.home) == {"status": "done", "sent": 0, "failed": 1, "unclear": 0, "given_up": 0, "problem": None}
    with mail_server(post):
        office.at("2023-03-17T07:31:00")
        assert deliver(office.home)["sent"] == 1 and len(post.mails) == 1


def test_r19_quiet_hours_hold_back_all_but_what_may_pass(office: Office, post: Post) -> None:
    night = 'quiet_hours: {from: 18:00, to: "06:30", critical_passes: true}\n'
    office.settle(CLERK.format(url=post.url()) + night)
    office.at("2023-03-10T23:00:00")
    office.open("file_rejected", severity="warn", unit="", subject="a" * 64, value=None, threshold=None, detail={})
    deliver(office.home)
    assert post.mails == []
    office.open()
    deliver(office.home)
    assert [mail["Subject"][:6] for mail in post.mails] == ["[Khẩn]"]
    office.at("2023-03-11T06:29:00")
    deliver(office.home)
    assert len(post.mails) == 1
    office.at("2023-03-11T06:30:00")
    deliver(office.home)
    assert [mail["Subject"][:10] for mail in post.mails] == ["[Khẩn] Xã ", "[Cảnh báo]"]


def test_r19_what_could_not_leave_before_quiet_hours_waits_for_their_end(office: Office) -> None:
    office.settle(CLERK.format(url=Post().url()) + 'quiet_hours: {from: "18:00", to: "06:30"}\n')
    office.at("2023-03-10T17:59:30")
    office.open()
    assert deliver(office.home)["failed"] == 1, "nobody listens"
    with mail_server(Post()) as post:
        office.settle(CLERK.format(url=post.url()) + 'quiet_hours: {from: "18:00", to: "06:30"}\n')
        office.at("2023-03-10T18:01:00")
        deliver(office.home)
        assert post.mails == [] and office.messages()[0]["attempts"] == 1
        office.at("2023-03-11T06:30:00")
        deliver(office.home)
        assert len(post.mails) == 1


def test_r19_an_address_that_mail_cannot_use_keeps_nobody_else_waiting(office: Office, post: Post) -> None:
    office.settle(
        f"""recipients:
  - name: A
    url: "{post.url().replace("from=cchc@", "from=cải.cách@")}"
  - name: B
    url: "{post.url()}"
"""
    )
    office.open()
    found = deliver(office.home)
    assert (found["failed"], found["sent"]) == (1, 1) and len(post.mails) == 1
    assert office.messages()[0]["last_error"]


def test_r19_one_digest_a_morning_tells_of_new_ended_and_still_open(office: Office, post: Post) -> None:
    office.settle(CLERK.format(url=post.url()))
    old = office.open("satisfaction", "2023-03-08T02:00:00", severity="warn", value=0.85, threshold=0.9, detail={})
    ended = office.open("online_rate", "2023-03-08T02:00:00", severity="warn", value=0.3, threshold=0.5, detail={})
    office.at("2023-03-11T06:59:59")
    assert deliver(office.home)["sent"] == 0
    office.at("2023-03-11T07:00:00")
    assert deliver(office.home)["sent"] == 1
    office.at("2023-03-12T01:05:00")
    office.resolve(ended, "2023-03-12T01:00:00", value=0.6)
    office.open("postal_rate", "2023-03-12T01:00:00", severity="info", value=0.01, threshold=0.05, detail={})
    office.open("good_grade_unlikely", "2023-03-12T01:00:00", severity="warn", value=0.42, threshold=0.5, detail={})
    office.at("2023-03-12T07:10:00")
    deliver(office.home)
    deliver(office.home)
    first, second = (mail.get_body(("plain",)).get_content() for mail in post.mails)
    assert "Mới (2)" in first and "Còn mở" not in first
    assert post.mails[1]["Subject"] == "Cảnh báo cải cách hành chính sáng 12/03/2023: 2 mới, 1 đã hết, 1 còn mở"
    parts = [second.index(f"{word} (") for word in ("Mới", "Đã hết", "Còn mở")]
    assert parts == sorted(parts) and second.index("42\u00a0%") < second.index("1\u00a0%, yêu cầu"), "the graver first"
    assert f"(số {old['alert_id']}): 85\u00a0%, yêu cầu từ 90\u00a0% trở lên; mở 4 ngày" in second
    assert "nay 60\u00a0%, yêu cầu từ 50\u00a0% trở lên; kéo dài 4 ngày" in second
    assert [row["kind"] for row in office.messages()] == ["digest", "digest"]


def test_r19_a_folder_of_bad_files_is_not_a_hundred_mails(office: Office, post: Post) -> None:
    from flows.steps import outgoing

    office.settle(CLERK.format(url=post.url()))
    alerts = [office.open(subject=f"tệp {n}") for n in range(outgoing.MOST_ALIKE + 5)]
    other = office.open("complaint_again", subject="khác", value=None, threshold=None, detail={})
    with office.home.database.begin() as tx:
        outgoing.queue(office.home, tx, alerts[:1], [])  # once more: it has its message
    deliver(office.home)
    assert len(post.mails) == outgoing.MOST_ALIKE + 1, "another rule is not held back"
    office.at("2023-03-11T07:00:00")
    deliver(office.home)
    (digest,) = post.mails[outgoing.MOST_ALIKE + 1 :]
    assert "5 mới" in digest["Subject"], digest["Subject"]
    told = [number for row in office.messages() for number in row["alert_ids"]]
    assert sorted(told) == sorted(each["alert_id"] for each in [*alerts, other]), "each is told of once"
    office.resolve(alerts[-1], "2023-03-11T09:00:00")
    deliver(office.home)
    assert len(post.mails) == outgoing.MOST_ALIKE + 3, "an hour later it is an ordinary day again"


def test_r19_recipients_get_what_they_asked_for(office: Office, post: Post) -> None:
    office.settle(
        f"""
recipients:
  - name: Xã Đại Lãnh
    url: "{post.url("dai.lanh@xa.example")}"
    communes: [22492]
  - name: Kỹ sư
    urls: ["{post.url("ky.su@tinh.example")}"]
    owners: [Người quản trị phần mềm]
  - name: Huyện
    url: "{post.url("huyen@huyen.example")}"
    communes: ["Vạn Ninh"]
    severities: [critical]
"""
    )
    office.open()
    office.open(
        "night_missed",
        unit="",
        subject="",
        owner="Người quản trị phần mềm",
        value=None,
        threshold=None,
        detail={"nights": ["2023-03-09"]},
    )
    deliver(office.home)
    got = sorted((mail["To"].split("@")[0], mail["Subject"].split("] ")[1][:12]) for mail in post.mails)
    assert got == [("dai.lanh", "Xã Đại Lãnh "), ("huyen", "Xã Đại Lãnh "), ("ky.su", "Chuỗi việc b")]


def test_r19_settings_that_break_stop_no_alert_and_lose_no_message(office: Office, post: Post) -> None:
    office.settle("recipients:\n  - name: A\n   url: x\n")
    alert = office.open()
    found = deliver(office.home)
    assert found["status"] == "settings" and found["problem"].startswith("alerts.yaml dòng ")
    office.settle(CLERK.format(url=post.url()))
    assert deliver(office.home)["sent"] == 1 and len(post.mails) == 1
    assert [row["alert_ids"] for row in office.messages()] == [[alert["alert_id"]]]


def test_r19_an_address_that_was_taken_out_is_not_written_to(office: Office, post: Post) -> None:
    office.settle(CLERK.format(url=post.url()))
    office.open()
    office.settle('digest: "08:00"\n')
    assert deliver(office.home)["given_up"] == 1 and post.mails == []


def test_r19_a_webhook_gets_text_and_a_key_that_stays_the_same(office: Office) -> None:
    with webhook() as hook:
        office.settle(CLERK.format(url=f"json://127.0.0.1:{hook.port}/canh-bao?+X-Token=abc"))
        office.open()
        hook.status = 503
        assert deliver(office.home)["failed"] == 1
        hook.status = 200
        office.at("2023-03-10T09:01:00")
        assert deliver(office.home)["sent"] == 1
    (path, first, document), (_, second, _) = hook.calls
    assert path == "/canh-bao" and document["title"].startswith("[Khẩn] Xã Đại Lãnh") and "<" not in document["message"]
    assert first["Idempotency-Key"] == second["Idempotency-Key"] and first["X-Token"] == "abc"
    assert len(document["message"].splitlines()) > 5


def test_r19_a_mail_of_which_the_answer_was_lost_is_not_sent_again_but_told_of(office: Office, post: Post) -> None:
    office.settle(CLERK.format(url=post.url()))
    alert = office.open()
    post.hangs_up = True
    assert deliver(office.home)["unclear"] == 1
    post.hangs_up = False
    office.at("2023-03-10T12:00:00")
    assert deliver(office.home)["sent"] == 0
    office.at("2023-03-11T07:00:00")
    assert deliver(office.home)["sent"] == 1
    assert len(post.mails) == 2 and f"(số {alert['alert_id']})" in post.mails[1].get_body(("plain",)).get_content()


@pytest.mark.parametrize(
    ("failpoint", "mails_then", "state_then", "mails_after"),
    [("message_due", 0, "waiting", 1), ("message_leaving", 0, "sending", 0), ("message_gone", 1, "sending", 1)],
)
def test_r19_killed_between_commit_and_send(
    failpoint: str, mails_then: int, state_then: str, mails_after: int, office: Office, post: Post
) -> None:
    """Killed before the mail leaves: sent once by the next. Killed while it leaves: never twice, and in the next digest."""
    office.settle(CLERK.format(url=post.url()))
    alert = office.open()
    code = "from flows.steps.home import open_home; from flows.steps.outgoing import deliver; deliver(open_home())"
    killed = subprocess.run(
        [sys.executable, "-c", code], cwd=CHECKOUT, timeout=120, env={**os.environ, "CCHC_FAILPOINT": failpoint}, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    assert (len(post.mails), office.messages()[0]["state"]) == (mails_then, state_then)
    for _ in range(2):
        deliver(office.home)
    assert len(post.mails) == mails_after
    office.at("2023-03-11T07:00:00")
    deliver(office.home)
    told = [mail for mail in post.mails if str(alert["alert_id"]) in mail.get_body(("plain",)).get_content()]
    digests = 0 if failpoint == "message_due" else 1
    assert len(post.mails) == len(told) == mails_after + digests
    assert sum("Tổng hợp" in mail.get_body(("plain",)).get_content() for mail in post.mails) == digests


def test_r19_two_senders_at_once_send_each_message_once(office: Office, post: Post) -> None:
    from concurrent.futures import ThreadPoolExecutor

    office.settle(CLERK.format(url=post.url()))
    for number in range(5):
        office.open(subject=str(number))
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: deliver(Home(office.home.root)), range(4)))
    while deliver(office.home)["status"] == "busy":
        pass
    assert sum(each["sent"] for each in found) <= 5 and len(post.mails) == 5
    assert len({mail["Message-ID"] for mail in post.mails}) == 5


def test_r13_no_password_reaches_log_table_or_error(
    office: Office, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    import logging

    from flows.steps.alert_desk import listing
    from flows.steps.home import UserError
    from flows.steps.outgoing import send_test

    canary = "chim-hoang-yen-8472"
    with mail_server(Post(), login=True) as post, webhook() as hook, caplog.at_level(logging.DEBUG):
        for name in ("apprise", "urllib3", "urllib3.connectionpool"):
            logging.getLogger(name).setLevel(1)
        office.settle(
            f'recipients:\n  - name: A\n    urls: ["{post.url_with_login(canary)}", "json://u:{canary}@127.0.0.1:{hook.port}/{canary}"]\n'
        )
        hook.status = 500
        office.open()
        assert deliver(office.home)["failed"] == 2
        tested = send_test(office.home, "A")
        listed = listing(office.home)
        office.settle(f'recipients:\n  - name: A\n    url: "mailto://u:{canary}@"\n')
        with pytest.raises(UserError) as broken:
            send_test(office.home, "A")
        seen = [caplog.text, str(tested), str(listed), str(office.messages()), str(broken.value), *capfd.readouterr()]
    for name in ("apprise", "urllib3", "urllib3.connectionpool"):
        logging.getLogger(name).setLevel(logging.NOTSET)
    assert len(hook.calls) == 2 and tested["messages"][0]["error"] == "máy chủ thư không nhận tên đăng nhập hoặc mật khẩu"
    assert not [text for text in seen if canary in text]


def test_r19_a_login_that_is_right_sends(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    with mail_server(Post(), login=True) as post:
        office.settle("recipients:\n  - name: A\n    url: {env: CCHC_THU}\n")
        office.open()
        assert deliver(office.home)["failed"] == 1
        assert office.messages()[0]["last_error"] == "chưa đặt biến môi trường CCHC_THU"
        monkeypatch.setenv("CCHC_THU", post.url_with_login())
        office.at("2023-03-10T09:01:00")
        assert deliver(office.home)["sent"] == 1 and len(post.mails) == 1


def test_r19_an_encrypted_connection_is_checked(office: Office, tmp_path: Path) -> None:
    with mail_server(Post(), tls=own_certificate(tmp_path)) as post:
        url = post.url().replace("mailto://", "mailtos://")
        office.settle(CLERK.format(url=url))
        office.open()
        assert deliver(office.home)["failed"] == 1
        assert "chứng chỉ" in office.messages()[0]["last_error"] and post.mails == []
        office.settle(CLERK.format(url=f"{url}&verify=no"))
        office.at("2023-03-10T09:01:00")
        assert deliver(office.home)["sent"] == 1 and len(post.mails) == 1
