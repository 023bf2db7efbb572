"""Inboxes elsewhere without a server: settings, names, what is said of failures, what SMB is opened with."""

from __future__ import annotations

import errno
import hashlib
import inspect
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sources.remote import Remote, Server, connect, fetch
from sources.remote_errors import Changed, RemoteError, explain
from sources.remote_names import NAME_BYTES, is_ignored, local_name, matches
from sources.remote_servers import smb_arguments
from sources.remote_settings import Inbox, read_inboxes

EXAMPLE = Path(__file__).resolve().parents[2] / "deployments" / "inboxes.example.yaml"
NAMES = st.lists(
    st.one_of(st.text(max_size=300), st.sampled_from(["..", "/", "\0", "é", "\\", "~$a", "\udcff", ".an"])), max_size=4
)


@settings(max_examples=40)
@given(NAMES, NAMES)
def test_r10_any_remote_name_is_one_plain_name_here_and_two_never_meet(first: list[str], second: list[str]) -> None:
    one, two = "".join(first), "".join(second)
    for path in (one, two):
        name = local_name(path)
        assert (
            name
            and "/" not in name
            and "\0" not in name
            and not name.startswith((".", "~$"))
            and len(name.encode()) <= NAME_BYTES
        )
        assert not is_ignored(name) or is_ignored(path) or "~" in name
        assert len(local_name(path, "v2").encode()) <= NAME_BYTES and local_name(path, "v2") != local_name(path, "v3")
    assert one == two or local_name(one) != local_name(two)


def test_pull_harmless_names_are_kept() -> None:
    assert local_name("Tháng 3.xlsx") == "Tháng 3.xlsx"
    assert local_name(unicodedata.normalize("NFD", "Tháng 3.xlsx")).startswith("Tháng 3~")
    assert local_name("../../etc/passwd").startswith("passwd~") and local_name("a/b.csv").endswith(".csv")


@pytest.mark.parametrize("path", [".an", "a/.b/c.csv", "~$x.xlsx", "x.PART", "x.tmp", "x.csv.filepart", "Thumbs.db"])
def test_pull_unfinished_files_are_left_alone(path: str) -> None:
    assert is_ignored(path)


def test_pull_patterns() -> None:
    assert matches("a/B.CSV", ("*.csv",)) and matches("a/b.csv", ("a/*.csv",)) and not matches("b.xlsx", ("*.csv", "a/*"))


def test_pull_the_sample_is_a_settings_file() -> None:
    found = {inbox.name: inbox for inbox in read_inboxes(EXAMPLE)}
    assert [inbox.scheme for inbox in found.values()] == ["file", "sftp", "smb", "s3", "https"]
    assert (found["mot-cua"].unit, found["mot-cua"].after, found["mot-cua"].recursive) == ("22492", "move:da-lay", True)
    assert not found["chia-se"].enabled and found["kho-tinh"].max_bytes == 500 * 1024**2


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("  url: ftp://may/", "x.yaml:3: «url» phải bắt đầu"),
        ("  url: http://may/", "chỉ dùng https"),
        ("  url: sftp://a:bi-mat-lo@may/", "không ghi mật khẩu"),
        ("  url: sftp://may/\n  credentials: {env: {password: 'bi-mat-lo!'}}", "TÊN của biến"),
        ("  url: sftp://may/\n  credentials: {env: {key: A}}", "không hiểu «key»"),
        ("  url: sftp://may/../etc", "không có «..»"),
        ("  url: https://may/\n  after: delete", "chỉ đọc được"),
        ("  url: file:///a\n  after: move", "«after» là keep"),
        ("  url: file:///a\n  mau: x", "x.yaml:4: không hiểu mục «mau»"),
        ("  url: smb://may/", "thư mục chia sẻ"),
        ("  url: file:///a\n  settle_seconds: 0", "số từ 2"),
        ("  url: s3://kho/xuat\n  options: {endpoint_url: 'http://may:9000'}", "x.yaml:4: «endpoint_url» phải bắt đầu bằng https://"),
        ("  url: s3://kho/xuat\n  options: {endpoint_url: may}", "«endpoint_url» phải"),
    ],
)  # fmt: skip
def test_pull_mistakes_are_named_with_their_line(tmp_path: Path, lines: str, said: str) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(f"inboxes:\n- name: xa\n{lines}\n", encoding="utf-8")
    with pytest.raises(RemoteError) as caught:
        read_inboxes(path)
    assert said in str(caught.value) and "bi-mat-lo" not in str(caught.value) and "hợp đồng" not in str(caught.value)


def test_pull_smb_is_opened_as_its_library_asks() -> None:
    import smbclient
    from fsspec.implementations.smb import SMBFileSystem

    inbox = Inbox("xa", "smb://HUYEN;mot-cua@may-chu:1445/chia-se/thang%203", options={"encrypt": True})
    arguments = smb_arguments(inbox, {"password": "bi-mat-lo"})
    assert (arguments["username"], arguments["password"], arguments["port"]) == ("HUYEN\\mot-cua", "bi-mat-lo", 1445)
    assert (arguments["host"], arguments["encrypt"], inbox.folder) == ("may-chu", True, "/chia-se/thang 3")
    assert smb_arguments(inbox, {"username": "khac"})["username"] == "khac"
    assert set(arguments) <= set(inspect.signature(SMBFileSystem.__init__).parameters)
    assert {"username", "password", "port", "encrypt"} <= set(inspect.signature(smbclient.register_session).parameters)


def test_pull_the_text_of_a_library_is_never_repeated() -> None:
    for error in (ValueError("bi-mat-lo"), ConnectionRefusedError("bi-mat-lo"), OSError("bi-mat-lo"), EOFError("bi-mat-lo")):
        found = explain(error)
        assert "bi-mat-lo" not in f"{found} {found!r}"
        assert "hãy" in str(found).lower()
    assert explain(OSError(errno.EROFS, "bi-mat-lo"), of_file=True).code == "no_permission"


def test_pull_an_smb_server_that_is_not_there_is_named_as_such(tmp_path: Path) -> None:
    with pytest.raises(RemoteError) as caught:
        connect(Inbox("xa", "smb://127.0.0.1:9/chia-se/thang"), {"username": "a", "password": "bi-mat-lo"}, tmp_path)
    assert caught.value.code == "not_reachable" and "bi-mat-lo" not in str(caught.value)


class Sizeless(Server):
    """A server that tells no sizes, from where a file comes whole each time."""

    def __init__(self) -> None:
        self.starts: list[int] = []

    @contextmanager
    def read(self, file: Remote, start: int) -> Iterator[tuple[int, Iterator[bytes]]]:
        self.starts.append(start)
        yield start, iter([b"0123456789"[start:]])

    def _look(self, file: Remote) -> Remote:
        return file


def test_pull_a_file_of_unknown_size_is_begun_anew(tmp_path: Path) -> None:
    """What lies here of it may be all of it: asked for what follows, a web server would refuse."""
    server, part = Sizeless(), tmp_path / "a.part"
    part.write_bytes(b"0123456789")
    assert fetch(server, Remote("a.csv", "a.csv", None, tag='"1"'), part, 100) == hashlib.sha256(b"0123456789").hexdigest()
    assert server.starts == [0]


def test_r03_two_who_fetch_one_file_do_not_mix_their_bytes(tmp_path: Path) -> None:
    """The lock of an inbox is the database's: when that stops, a second process may come while the first goes on."""
    file, part, said = Remote("a.csv", "a.csv", 10, tag='"1"'), tmp_path / "a.part", []

    class Slow(Sizeless):
        @contextmanager
        def read(self, file: Remote, start: int) -> Iterator[tuple[int, Iterator[bytes]]]:
            def pieces() -> Iterator[bytes]:
                yield b"01234"
                with pytest.raises(Changed) as refused:
                    fetch(Sizeless(), file, part, 100)
                said.append(refused.value.code)
                yield b"56789"

            yield 0, pieces()

    assert fetch(Slow(), file, part, 100) == hashlib.sha256(b"0123456789").hexdigest()
    assert said == ["changing"] and part.read_bytes() == b"0123456789"
