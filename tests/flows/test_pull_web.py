"""Inboxes on web servers, against real ones on loopback, with and without a certificate."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from flows.steps.home import Home
from flows.steps.pull import check, pull
from tests.flows.pull_kit import PASSWORD, names, put, settle, web_server
from tests.flows.pull_kit import home as home

pytestmark = [pytest.mark.db, pytest.mark.slow]


def test_pull_web_page_and_file_resumed_by_range(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = os.urandom(3_000_000)
    put(tmp_path, "Tháng 3.csv", data)
    put(tmp_path, "b.csv", b"two")
    put(tmp_path, "khac.txt", b"x")
    with web_server(tmp_path) as place:
        place.authorization = f"Bearer {PASSWORD}"
        settle(home, f"- name: xa\n  url: {place.url}\n  pattern: '*.csv'\n  settle_seconds: 2\n")
        assert pull(home)[0]["error"] == "login_refused"
        place.authorization, place.cut = None, 2_000_000
        (entry,) = pull(home, forced=True)
        assert entry["status"] == "done" and len(entry["fetched"]) == 2, entry
        assert names(home) == {"Tháng 3.csv": data, "b.csv": b"two"}
        (resumed,) = (asked[2] for asked in place.asked if asked[2])
        assert int(resumed.removeprefix("bytes=").rstrip("-")) > 1_000_000
        place.asked.clear()
        assert pull(home)[0]["status"] == "nothing_new"
        assert [asked[:2] for asked in place.asked] == [("GET", "/")]
        settle(home, f"- name: mot\n  url: {place.url}b.csv\n  settle_seconds: 2\n")
        assert pull(home)[0]["status"] == "done" and names(home, "mot") == {"b.csv": b"two"}
        put(tmp_path, "b.csv", b"2nd")
        assert pull(home)[0]["status"] == "done" and sorted(names(home, "mot").values()) == [b"2nd", b"two"]


def test_pull_web_list_of_names_as_people_write_them_and_a_link_that_leads_nowhere(home: Home, tmp_path: Path) -> None:
    put(tmp_path, "Tháng 3.csv", b"one")
    put(tmp_path, "danh-sach.txt", "Tháng 3.csv\r\nkhong-con.csv\r\nhttp://127.0.0.1:9/khac.csv\r\n".encode("utf-8-sig"))
    with web_server(tmp_path) as place:
        url = f"{place.url}danh-sach.txt"
        settle(home, f"- name: xa\n  url: {url}\n  settle_seconds: 2\n  options: {{index: true}}\n  pattern: '*.csv'\n")
        (entry,) = pull(home)
    assert names(home) == {"Tháng 3.csv": b"one"} and entry["error"] is None
    assert [(file["path"], file["code"]) for file in entry["failed"]] == [("khong-con.csv", "not_there")]


def test_pull_https_by_the_certificate_of_an_authority_of_ones_own(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    data = os.urandom(3_000_000)
    put(tmp_path / "xuat", "a.csv", data)
    authority = home.root / "goc.pem"
    with web_server(tmp_path / "xuat", authority) as place, web_server(tmp_path / "xuat") as plain:
        text = f"- name: xa\n  url: {place.url}\n  settle_seconds: 2\n"
        login = "  credentials: {env: {token: CCHC_THU_MK}}\n"
        place.authorization = f"Bearer {PASSWORD}"
        settle(home, text + login)
        (entry,) = check(home)
        assert entry["error"] == "bad_certificate" and "options.ca" in entry["message"] and place.asked == []
        settle(home, text + login + "  options: {ca: khong-co.pem}\n")
        assert check(home)[0]["error"] == "bad_ca"

        settle(home, text + login + "  options: {ca: goc.pem}\n")
        place.cut = 2_000_000
        (entry,) = pull(home)
        assert entry["status"] == "done" and names(home) == {"a.csv": data}, entry
        assert [asked[2] for asked in place.asked if asked[2]] != []  # it went on where it was cut

        # A file that lies where everybody can read is refused; the others are not.
        put(tmp_path / "xuat", "b.csv", b"two")
        place.moved["/b.csv"] = f"{plain.url}b.csv"
        (entry,) = pull(home)
        assert entry["error"] is None and [(file["path"], file["code"]) for file in entry["failed"]] == [("b.csv", "insecure")]
        assert set(names(home)) == {"a.csv"}
    for path in (authority, authority.with_suffix(".key")):
        path.unlink()


def test_pull_web_an_answer_without_an_end_of_its_own_is_not_taken(home: Home, tmp_path: Path) -> None:
    """Of a server that tells no length and closes, a file that was cut looks whole."""
    put(tmp_path, "a.csv", b"x" * 1000)
    with web_server(tmp_path) as place:
        place.silent = True
        settle(home, f"- name: xa\n  url: {place.url}\n  settle_seconds: 2\n")
        place.cut = 500
        (entry,) = pull(home)
    assert [(file["path"], file["code"]) for file in entry["failed"]] == [("a.csv", "no_length")] and names(home) == {}
