"""Inboxes elsewhere, against real servers on loopback: every version once, whole, unchanged; nothing secret is ever said."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from flows.steps import pull as steps
from flows.steps.home import CHECKOUT, Home, UserError
from flows.steps.inbox import take_inbox
from flows.steps.pull import check, pull
from tests.flows import kit
from tests.flows.pull_kit import OLD, PASSWORD, names, put, settle, sftp_server
from tests.flows.pull_kit import home as home
from tests.flows.test_r03_outages import stop_at_once

pytestmark = [pytest.mark.db, pytest.mark.slow]


def sftp(place: Any, more: str = "") -> str:
    return (
        f"- name: xa\n  url: {place.url}\n  credentials: {{env: {{password: CCHC_THU_MK}}}}\n"
        f"  options: {{host_key: '{place.key}'}}\n{more}"
    )


def local(folder: Path, more: str = "") -> str:
    return f"- name: xa\n  url: file://{folder}\n{more}"


def states(home: Home) -> list[tuple[str, str]]:
    with home.database.begin() as tx:
        return [
            (row["path"], row["state"]) for row in tx.rows("select path, state from remote_files order by path, first_seen_at")
        ]


def test_pull_a_folder_is_fetched_once_and_new_versions_beside(home: Home, tmp_path: Path) -> None:
    put(tmp_path, "a.csv", b"one")
    put(tmp_path, "con/b.csv", b"two")
    for name in (".an.csv", "~$a.xlsx", "c.csv.part", "d.tmp", "e.filepart", "ghi-chu.txt"):
        put(tmp_path, name, b"x")
    settle(home, local(tmp_path, "  recursive: true\n  pattern: ['*.csv', '*.xlsx']\n"))
    (entry,) = pull(home)
    assert entry["status"] == "done" and sorted(file["path"] for file in entry["fetched"]) == ["a.csv", "con/b.csv"]
    assert entry["fetched"][0]["sha256"] == hashlib.sha256(b"one").hexdigest()
    (again,) = pull(home)
    assert (again["status"], again["listed"], again["fetched"]) == ("nothing_new", 2, [])
    put(tmp_path, "a.csv", b"three", OLD + 60)
    (entry,) = pull(home)
    assert [file["path"] for file in entry["fetched"]] == ["a.csv"]
    assert sorted(names(home).values()) == [b"one", b"three", b"two"]  # what lay here is not written over
    assert not list((home.inbox / ".part").iterdir())


def test_pull_a_file_that_grows_is_waited_for(home: Home, tmp_path: Path) -> None:
    path = tmp_path / "lon-dan.csv"
    path.write_bytes(b"1")
    settle(home, local(tmp_path, "  settle_seconds: 3600\n"))
    for size in (1, 2):
        path.write_bytes(b"1" * size)
        (entry,) = pull(home)
        assert (entry["status"], [file["code"] for file in entry["waiting"]]) == ("nothing_new", ["settling"])
    settle(home, local(tmp_path, "  settle_seconds: 2\n"))
    (entry,) = pull(home)
    assert [file["bytes"] for file in entry["fetched"]] == [2] and names(home) == {"lon-dan.csv": b"11"}


def test_pull_deleted_or_moved_there_only_after_it_lies_here(home: Home, tmp_path: Path) -> None:
    for after, left in (("delete", []), ("move:da lay", ["da lay"])):
        source = put(tmp_path / after[:4], "x.csv", after.encode())
        settle(home, local(source.parent, f"  recursive: true\n  after: '{after}'\n"))
        (entry,) = pull(home)
        assert entry["status"] == "done" and not entry["failed"], entry
        assert [path.name for path in source.parent.iterdir()] == left
    assert sorted(names(home).values()) == [b"delete", b"move:da lay"]
    assert pull(home)[0]["listed"] == 0


@pytest.mark.parametrize("place", ["pull_received", "pull_placed"])
def test_pull_killed_around_the_rename_nothing_is_lost_or_fetched_again(home: Home, tmp_path: Path, place: str) -> None:
    source = put(tmp_path, "a.csv", b"data")
    settle(home, local(tmp_path))
    program = "from flows.steps.home import open_home; from flows.steps.pull import pull; pull(open_home())"
    done = subprocess.run([sys.executable, "-c", program], cwd=CHECKOUT, env=os.environ | {"CCHC_FAILPOINT": place}, check=False)
    assert done.returncode == -signal.SIGKILL and states(home) == [("a.csv", "seen")]
    if place == "pull_placed":
        source.chmod(0o000)
        inode = (home.inbox / "xa" / "a.csv").stat().st_ino
    (entry,) = pull(home)
    assert entry["status"] == "done" and states(home) == [("a.csv", "fetched")] and names(home) == {"a.csv": b"data"}
    if place == "pull_placed":
        assert (home.inbox / "xa" / "a.csv").stat().st_ino == inode


def test_pull_sftp_a_cut_transfer_goes_on_where_it_was(home: Home, tmp_path: Path) -> None:
    data = os.urandom(3 << 20)
    put(tmp_path, "lon.csv", data)
    with sftp_server(tmp_path) as place:
        settle(home, sftp(place))
        place.cut, place.cuts = 1 << 20, 9
        (entry,) = pull(home)
        if entry["status"] == "failed":
            assert entry["error"] == "cut" and PASSWORD not in json.dumps(entry), entry
            (later,) = pull(home)
            assert later["status"] == "later" and later["message"] == entry["message"]
            place.cut = None
            (entry,) = pull(home, forced=True)
        assert entry["status"] == "done" and names(home) == {"lon.csv": data}
        assert place.served < 3 * len(data)


def test_pull_sftp_a_file_that_changes_while_it_is_fetched_is_thrown_away(home: Home, tmp_path: Path) -> None:
    path = put(tmp_path, "a.csv", b"1" * (1 << 20))

    def rewritten(offset: int) -> None:
        if offset > 500_000:
            place.reading = None
            put(tmp_path, "a.csv", b"2" * (1 << 20), OLD + 60)

    with sftp_server(tmp_path) as place:
        settle(home, sftp(place))
        place.reading = rewritten
        (entry,) = pull(home)
        assert [file["code"] for file in entry["waiting"]] == ["changing"] and names(home) == {}
        assert not list((home.inbox / ".part").iterdir()) and entry["status"] == "nothing_new"
        (entry,) = pull(home)
        assert (
            entry["status"] == "done" and names(home) == {"a.csv": path.read_bytes()} and set(names(home)["a.csv"]) == {ord("2")}
        )


def test_r03_pull_goes_on_after_the_database_stopped(home: Home, tmp_path: Path) -> None:
    data = os.urandom(1 << 20)
    put(tmp_path, "a.csv", data)

    def stopped(offset: int) -> None:
        if offset > 500_000:
            place.reading = None
            stop_at_once(home)

    with sftp_server(tmp_path) as place:
        settle(home, sftp(place))
        place.reading = stopped
        (entry,) = pull(home)
        assert entry["status"] == "done" and names(home) == {"a.csv": data} and place.served == len(data)
        assert pull(home)[0]["status"] == "nothing_new"


def test_pull_the_command_says_what_came_and_ends_with_3_when_an_inbox_failed(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from apps import cli

    def run(*words: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["cchc", "pull", *words])
        return cli.run(), capsys.readouterr().out

    put(tmp_path, "tháng 3.csv", b"x")
    settle(home, local(tmp_path))
    status, out = run("--check", "--json")
    assert (status, json.loads(out)["inboxes"][0]["listed"]) == (0, 1) and names(home) == {}
    status, out = run()
    assert status == 0 and "xa: đã lấy tháng 3.csv" in out
    settle(home, local(tmp_path) + local(tmp_path / "khong-co").replace("name: xa", "name: mat"))
    status, out = run("--json")
    found = {entry["inbox"]: entry["error"] for entry in json.loads(out)["inboxes"]}
    assert (status, found) == (3, {"xa": None, "mat": "not_there"})
    status, out = run("--inbox", "khac", "--json")
    assert (status, json.loads(out)["error"]["code"]) == (2, "unknown_inbox")


def test_pull_sftp_by_key_and_strangers_are_refused(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import asyncssh

    key = asyncssh.generate_private_key("ssh-ed25519")
    monkeypatch.setenv("CCHC_THU_KHOA", key.export_private_key().decode())
    monkeypatch.setenv("HOME", str(tmp_path / "nguoi-dung"))
    put(tmp_path / "xuat", "a.csv", b"data")
    with sftp_server(tmp_path / "xuat", accepted_key=key) as place:
        base = f"- name: xa\n  url: {place.url}\n  credentials: {{env: {{private_key: CCHC_THU_KHOA}}}}\n"
        settle(home, base)
        (entry,) = check(home)
        assert entry["error"] == "host_key_unknown" and place.key in entry["message"]
        settle(home, base + "  options: {host_key: 'SHA256:khac'}\n")
        assert check(home)[0]["error"] == "host_key_changed"
        settle(home, base + f"  options: {{host_key: '{place.key}'}}\n")
        assert (check(home)[0]["status"], check(home)[0]["listed"]) == ("done", 1)
        known = tmp_path / "quen"
        settle(home, base + f"  options: {{known_hosts: '{known}'}}\n")
        known.write_text(f"[127.0.0.1]:{place.port} {place.host_line}\n", encoding="utf-8")
        assert check(home)[0]["status"] == "done"
        other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode().strip()
        known.write_text(f"[127.0.0.1]:{place.port} {other}\n", encoding="utf-8")
        assert check(home)[0]["error"] == "host_key_changed"
        (entry,) = pull(home)
        assert entry["error"] == "host_key_changed" and not (home.inbox / "xa").exists()


def test_pull_a_thousand_known_files_cost_one_listing(home: Home, tmp_path: Path) -> None:
    for number in range(1000):
        put(tmp_path, f"{number}.csv", b"%d" % number)
    with sftp_server(tmp_path) as place:
        settle(home, sftp(place, "  pattern: '1.csv'\n"))
        pull(home)
        with home.database.begin() as tx:
            from warehouse import remote

            remote.see(tx, "xa", [(f"{n}.csv", f"{len(str(n))}:{int(OLD)}", len(str(n))) for n in range(1000)])
            tx.execute("update remote_files set state = 'fetched'")
        settle(home, sftp(place))
        place.calls.clear()
        (entry,) = pull(home)
        assert (entry["status"], entry["listed"], place.calls) == ("nothing_new", 1000, {})


def test_pull_one_dead_server_does_not_stop_the_others(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "a.csv", b"data")
    with sftp_server(tmp_path) as place:
        dead = f"- name: chet\n  url: sftp://{PASSWORD[:4]}@127.0.0.1:9/\n  options: {{host_key: x}}\n"
        missing = sftp(place).replace("name: xa", "name: thieu").replace("CCHC_THU_MK", "CCHC_KHONG_CO")
        wrong = sftp(place).replace("name: xa", "name: sai").replace("CCHC_THU_MK", "CCHC_THU_SAI")
        monkeypatch.setenv("CCHC_THU_SAI", "canh-bao-lo-mat-khau")
        settle(home, dead + missing + wrong + sftp(place))
        entries = {entry["inbox"]: entry for entry in pull(home)}
    found = {name: entry["error"] for name, entry in entries.items()}
    assert found == {"chet": "not_reachable", "thieu": "no_credentials", "sai": "login_refused", "xa": None}
    said = json.dumps(entries)
    with home.database.begin() as tx:
        said += json.dumps(tx.rows("select * from work_log"), default=str) + json.dumps(
            tx.rows("select * from events"), default=str
        )
    for log in (home.root / "logs").rglob("*.log"):
        said += log.read_text(encoding="utf-8")
    assert PASSWORD not in said and "canh-bao-lo-mat-khau" not in said


def test_r10_a_link_in_the_place_of_a_file_is_not_followed(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sources.remote_servers import Local

    (tmp_path / "bi-mat").write_text("x")
    path = put(tmp_path / "xuat", "a.csv", b"x")
    settle(home, local(path.parent))
    opened = Local._opened

    def swapped(self: Local, file: Any, start: int) -> Any:
        path.unlink()
        path.symlink_to(tmp_path / "bi-mat")
        return opened(self, file, start)

    monkeypatch.setattr(Local, "_opened", swapped)
    (entry,) = pull(home)
    assert [file["code"] for file in entry["failed"]] == ["not_there"] and names(home) == {}


def test_pull_a_file_that_never_stands_still_leaves_one_row(home: Home, tmp_path: Path) -> None:
    settle(home, local(tmp_path, "  settle_seconds: 3600\n"))
    for size in range(1, 6):
        (tmp_path / "nhat-ky.csv").write_bytes(b"1" * size)
        pull(home)
    assert states(home) == [("nhat-ky.csv", "seen")]


def test_pull_a_disk_that_refuses_one_inbox_does_not_stop_the_others(home: Home, tmp_path: Path) -> None:
    put(tmp_path, "a.csv", b"x")
    (home.inbox / "chan").write_bytes(b"a file where a folder should be")
    settle(home, local(tmp_path).replace("name: xa", "name: chan") + local(tmp_path))
    first, second = pull(home)
    assert (first["status"], first["error"], second["status"]) == ("failed", "local_write", "done")


def test_pull_s3(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        url = f"http://{host}:{port}"
        monkeypatch.setenv("CCHC_S3_KHOA", "khoa")
        import s3fs

        bucket = s3fs.S3FileSystem(key="khoa", secret=PASSWORD, endpoint_url=url, skip_instance_cache=True)
        bucket.mkdir("huyen")
        bucket.pipe("huyen/xuat/a.csv", b"one")
        bucket.pipe("huyen/xuat/con/b%20.csv", b"two" * 1_000_000)
        text = (
            "- name: xa\n  url: s3://huyen/xuat\n  recursive: true\n  credentials: {env: {key: CCHC_S3_KHOA, secret: CCHC_THU_MK}}\n"
            f"  options: {{endpoint_url: '{url}', region: us-east-1}}\n"
        )
        settle(home, text)
        (entry,) = pull(home)
        assert entry["status"] == "done" and sorted(file["path"] for file in entry["fetched"]) == ["a.csv", "con/b%20.csv"], entry
        assert sorted(names(home).values()) == [b"one", b"two" * 1_000_000]
        assert pull(home)[0]["status"] == "nothing_new"
        bucket.pipe("huyen/xuat/a.csv", b"1st")
        settle(home, text + "  after: move:xong\n")
        (entry,) = pull(home)
        assert [file["path"] for file in entry["fetched"]] == ["a.csv"] and pull(home)[0]["listed"] == 0, entry
        assert len(bucket.find("huyen/xuat/xong")) == 2
        settle(home, text.replace("s3://huyen/xuat", "s3://khong-co/xuat"))
        assert pull(home)[0]["error"] == "not_there"
    finally:
        server.stop()


def test_pull_limits_and_full_disk_are_said(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "to.csv", b"x" * (1 << 20) + b"x")
    put(tmp_path, "nho.csv", b"x")
    settle(home, local(tmp_path, "  max_mb: 1\n"))
    (entry,) = pull(home)
    assert [file["code"] for file in entry["failed"]] == ["too_big"] and names(home) == {"nho.csv": b"x"}
    monkeypatch.setattr(steps, "RESERVE", 1 << 60)
    put(tmp_path, "moi.csv", b"y")
    (entry,) = pull(home)
    assert entry["error"] == "disk_full" and entry["status"] == "failed"


def test_pull_the_commune_of_an_inbox_reaches_the_load(home: Home, tmp_path: Path) -> None:
    row = kit.dossier("H32.99.02-230103-0001")
    del row["unit_code"]
    kit.write_csv(tmp_path / "mot-cua.csv", [row])
    os.utime(tmp_path / "mot-cua.csv", (OLD, OLD))
    settle(home, local(tmp_path, "  unit: 22492\n  contract: one_stop\n"))
    assert pull(home)[0]["status"] == "done"
    settle(home, local(tmp_path, "  unit: '00000'\n"))
    (stays,), _ = take_inbox(home, gate=kit.QuickGate())  # type: ignore[arg-type]
    assert (stays.status, stays.reason, stays.sha256) == ("rejected", "unknown_commune", None)
    assert "chưa nạp. inboxes.yaml:2: Không có xã «00000»" in str(stays.message)
    settle(home, local(tmp_path, "  unit: [22492]\n"))
    (stays,), _ = take_inbox(home, gate=kit.QuickGate())  # type: ignore[arg-type]
    assert stays.reason == "bad_inboxes" and "ở lại hộp thư, chưa nạp. inboxes.yaml:4:" in str(stays.message)
    settle(home, local(tmp_path, "  unit: 22492\n  contract: one_stop\n"))
    (result,), _ = take_inbox(home, gate=kit.QuickGate())  # type: ignore[arg-type]
    assert (result.status, result.rows_accepted) == ("loaded", 1), result


def test_pull_a_path_too_long_to_be_remembered_costs_only_its_own_file(home: Home, tmp_path: Path) -> None:
    put(tmp_path, "a.csv", b"x")
    here = os.getcwd()
    try:
        os.chdir(tmp_path)
        for _ in range(14):
            name = os.urandom(100).hex()
            os.mkdir(name)
            os.chdir(name)
        Path("b.csv").write_bytes(b"y")
    finally:
        os.chdir(here)
    settle(home, local(tmp_path, "  recursive: true\n"))
    (entry,) = pull(home)
    assert [file["path"] for file in entry["fetched"]] == ["a.csv"] and names(home) == {"a.csv": b"x"}
    assert [file["code"] for file in entry["failed"]] == ["path_too_long"]


def test_pull_settings_that_cannot_be_used_stop_before_anything(home: Home) -> None:
    settle(home, "- name: xa\n  url: sftp://a:mat-khau@may/\n")
    with pytest.raises(UserError, match=r"inboxes.yaml:3: không ghi mật khẩu") as caught:
        pull(home)
    assert caught.value.code == "bad_inboxes" and "mat-khau" not in str(caught.value)
    settle(home, "- name: xa\n  url: file:///tmp\n")
    with pytest.raises(UserError, match="đang có: xa"):
        pull(home, only="khac")


def test_pull_never_from_this_home_into_itself(home: Home, tmp_path: Path) -> None:
    above = local(home.root.parent, "  recursive: true\n").replace("name: xa", "name: tren")
    settle(home, local(home.inbox) + above + local(tmp_path).replace("name: xa", "name: khac"))
    assert [entry["error"] for entry in pull(home)] == ["own_folder", "own_folder", None]


def test_pull_what_a_size_alone_tells_apart_is_not_deleted_unfetched(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sources.remote_servers import Local

    told = Local._remote
    monkeypatch.setattr(Local, "_remote", lambda self, key, entry: told(self, key, {**entry, "mtime": None}))
    path = put(tmp_path, "a.csv", b"one")
    settle(home, local(tmp_path, "  after: delete\n  settle_seconds: 2\n"))
    assert pull(home)[0]["status"] == "done" and not path.exists() and names(home) == {"a.csv": b"one"}
    put(tmp_path, "a.csv", b"two")
    assert pull(home)[0]["status"] == "nothing_new" and path.read_bytes() == b"two"
