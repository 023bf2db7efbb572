"""`alerts.yaml`: what it says, and complaints that name file, line and remedy."""

from __future__ import annotations

from datetime import time
from pathlib import Path

import pytest

from flows.steps.alert_settings import Quiet, defaults, load_settings, settings_or_defaults
from flows.steps.home import CHECKOUT, Home, UserError, parse_moment
from flows.steps.outgoing_channels import shortened

URL = "mailto://127.0.0.1:25?from=a@xa.example&to=b@xa.example"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def write(home: Home, text: str, mode: int = 0o600) -> None:
    file = home.root / "alerts.yaml"
    file.write_text(text, encoding="utf-8")
    file.chmod(mode)


def test_without_a_file_the_published_rules_stand_and_nobody_is_written_to(home: Home) -> None:
    settings = load_settings(home)
    assert settings == defaults() and settings.recipients == () and settings.digest_at == time(7)
    assert settings.alert_rules["overdue_rate"].severity == "critical"
    write(home, "")
    assert load_settings(home) == defaults()


def test_the_example_that_is_shipped_is_right(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CCHC_TELEGRAM", "tgram://123456789:AAEhBOweik6ad9r_QXMENQjcrGbqCr4K-bc/12315544")
    monkeypatch.setenv("CCHC_THU", "mailtos://u:p@thu.huyen.example:587?smtp=thu.huyen.example&from=a@xa.example&to=b@xa.example")
    text = (CHECKOUT / "deployments" / "alerts.example.yaml").read_text(encoding="utf-8")
    zalo = "  # - name: Nhóm Zalo\n  #   url: {env: CCHC_ZALO}"
    assert zalo in text
    monkeypatch.setenv("CCHC_ZALO", "jsons://cong-zalo.example/gui?+access_token=x&:message=text&:user_id=1")
    write(home, text.replace(zalo, zalo.replace("  # - ", "  - ").replace("  #  ", "   ")))
    settings = load_settings(home, addresses=True)
    assert [each.name for each in settings.recipients] == ["Văn phòng xã", "Chủ tịch xã", "Kỹ sư tỉnh", "Nhóm Zalo"]
    assert settings.warnings == () and settings.alert_rules["dossiers_due_soon"].threshold == 10
    assert settings.quiet == Quiet(time(18), time(6, 30)) and settings.page == "http://10.0.0.4:8765"


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("recipients:\n  - name: A\n   url: x\n", 3, "thẳng cột"),
        ("recipient:\n  - name: A\n", 1, "các mục được dùng"),
        ("recipients:\n  - name: A\n", 2, "một địa chỉ"),
        ("recipients:\n  - url: x://y\n", 2, "phải có tên"),
        (f"recipients:\n  - name: A\n    url: {URL}\n  - name: A\n    url: {URL}\n", 4, "cùng tên"),
        ("recipients:\n  - name: A\n    url: van.phong@xa.example\n", 3, "loại://"),
        ("recipients:\n  - name: A\n    urls:\n      - mailto://nobody\n", 4, "không đúng mẫu"),
        (f"recipients:\n  - name: A\n    url: {URL},c@xa.example\n", 3, "nhiều người nhận"),
        ("recipients:\n  - name: A\n    url: {file: x}\n", 3, "{env: TÊN_BIẾN}"),
        (f"recipients:\n  - name: A\n    url: {URL}\n    severities: [nóng]\n", 4, "critical, warn, info"),
        (f"recipients:\n  - name: A\n    url: {URL}\n    communes: [Mộng Mơ]\n", 4, "không có đơn vị «Mộng Mơ»"),
        (f"recipients:\n  - name: A\n    url: {URL}\n    rules: [late]\n", 4, "overdue_rate"),
        ("digest: 7h\n", 1, "07:00"),
        ("digest: 7\n", 1, "07:00"),
        ("quiet_hours: {from: 18:00}\n", 1, "cả from và to"),
        ("quiet_hours: {from: 18:00, to: 18:00}\n", 1, "cùng lúc"),
        ("rules:\n  overdue_rate: {}\n  overdue: {}\n", 3, "overdue_rate"),
        ("rules:\n  overdue_rate:\n    threshold: 5\n", 2, "từ 0 đến 1"),
        ("page: may-chu\n", 1, "http://"),
        ("page: http://a\npage: http://b\n", 2, "hai lần"),
        ("- a\n", 1, "các mục"),
    ],
)
def test_complaints_name_line_and_remedy(home: Home, text: str, line: int, words: str) -> None:
    write(home, text)
    with pytest.raises(UserError) as refused:
        load_settings(home, addresses=True)
    assert str(refused.value).startswith(f"alerts.yaml dòng {line}: ") and words in str(refused.value), refused.value
    settings, problem = settings_or_defaults(home)
    assert problem is None or (settings == defaults() and problem.startswith("alerts.yaml dòng"))


def test_a_file_that_others_may_read_is_warned_of_when_it_may_hold_a_password(home: Home) -> None:
    write(home, f"recipients:\n  - name: A\n    url: {URL}\n", 0o644)
    (warning,) = load_settings(home).warnings
    assert "chmod 600" in warning
    write(home, "recipients:\n  - name: A\n    url: {env: CCHC_NOWHERE}\n", 0o644)
    assert load_settings(home).warnings == ()


def test_an_owner_whom_nothing_names_is_warned_of(home: Home) -> None:
    write(home, f"recipients:\n  - name: A\n    url: {URL}\n    owners: [Chủ tịch UBND xã, Chủ tich UBND xã]\n")
    (warning,) = load_settings(home).warnings
    assert "dòng 4" in warning and "«Chủ tich UBND xã»" in warning


@pytest.mark.parametrize(
    ("at", "quiet", "over"),
    [
        ("2023-03-10T17:59:59", False, None), ("2023-03-10T18:00:00", True, "2023-03-11T06:30:00"),
        ("2023-03-11T00:00:00", True, "2023-03-11T06:30:00"), ("2023-03-11T06:29:59", True, "2023-03-11T06:30:00"),
        ("2023-03-11T06:30:00", False, None),
    ],
)  # fmt: skip
def test_quiet_hours_go_over_midnight(at: str, quiet: bool, over: str | None) -> None:
    hours = Quiet(time(18), time(6, 30))
    assert hours.holds(parse_moment(at)) is quiet
    if over:
        assert hours.over(parse_moment(at)) == parse_moment(over)


def test_the_next_digest_is_after_the_moment_and_outside_quiet_hours(home: Home) -> None:
    settings = defaults()
    assert settings.next_digest(parse_moment("2023-03-10T06:59:59")) == parse_moment("2023-03-10T07:00:00")
    assert settings.next_digest(parse_moment("2023-03-10T07:00:00")) == parse_moment("2023-03-11T07:00:00")
    write(home, 'quiet_hours: {from: "20:00", to: "08:00"}\n')
    assert load_settings(home).next_digest(parse_moment("2023-03-10T06:00:00")) == parse_moment("2023-03-10T08:00:00")


def test_no_address_is_shown_by_what_a_program_prints_of_it(home: Home) -> None:
    write(home, f"recipients:\n  - name: A\n    url: {URL}\n")
    assert "xa.example" not in repr(load_settings(home))


def test_a_text_that_is_too_long_for_its_channel_is_cut_between_two_lines() -> None:
    text = "\n".join(f"• cảnh báo số {n}" for n in range(500))
    cut = shortened(text, 4000)
    assert len(cut) <= 4000 and cut.endswith("(tin dài, phần còn lại xem trên máy)")
    assert all(line in text.split("\n") for line in cut.split("\n")[:-1]) and cut.count("\n") > 100
    assert shortened(text, len(text)) == text and len(shortened("x" * 5000, 100)) <= 100
