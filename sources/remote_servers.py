"""The servers that have folders, by fsspec: this machine, SFTP, SMB, and S3."""

from __future__ import annotations

import errno
import io
import logging
import os
import stat
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

from sources.remote import CHUNK, CONNECT_S, DEEPEST, MOST_FILES, SILENCE_S, Remote, Server, speaking
from sources.remote_errors import RemoteError
from sources.remote_names import clean
from sources.remote_settings import Inbox

#: Bytes asked of an SFTP server at a time. The usual 32 KiB are slow over a long line; a server that gives less is asked again.
SFTP_PIECE: Final = 128 * 1024


class Folder(Server):
    """A server that lists folders with size and time of what is in them."""

    fs: Any

    @property
    def root(self) -> str:
        return self.inbox.folder.rstrip("/")

    def _list(self, known: Collection[str]) -> Iterator[Remote]:
        yield from self._walk(self.root or "/", 0)

    def _walk(self, folder: str, depth: int) -> Iterator[Remote]:
        number = 0
        for entry in self._entries(folder):
            name = entry["name"].rstrip("/").rsplit("/", 1)[-1]
            key = f"{folder.rstrip('/')}/{name}"
            if entry["type"] == "directory" and self.inbox.recursive and depth < DEEPEST and not name.startswith("."):
                yield from self._walk(key, depth + 1)
            elif entry["type"] == "file":
                number += 1
                if number > MOST_FILES * 2:
                    raise RemoteError("too_many", "Thư mục có quá nhiều tệp; hãy dọn bớt hoặc trỏ «url» vào đúng thư mục xuất.")
                yield self._remote(key, entry)

    def _entries(self, folder: str) -> list[dict[str, Any]]:
        return list(self.fs.ls(folder, detail=True))

    def _remote(self, key: str, entry: Mapping[str, Any]) -> Remote:
        when = entry.get("mtime")
        modified = when.timestamp() if isinstance(when, datetime) else when
        return Remote(clean(key[len(self.root) :].lstrip("/")), key, entry["size"], modified)

    def _look(self, file: Remote) -> Remote:
        return self._remote(file.key, self.fs.info(file.key))

    @contextmanager
    def read(self, file: Remote, start: int) -> Iterator[tuple[int, Iterator[bytes]]]:
        with speaking(of_file=True):
            opened = self._opened(file, start)
        try:
            yield start, iter(partial(opened.read, CHUNK), b"")
        finally:
            with suppress(Exception):  # the connection may be gone
                opened.close()

    def _opened(self, file: Remote, start: int) -> Any:
        opened = self.fs.open(file.key, "rb")
        opened.seek(start)
        return opened

    def _remove(self, file: Remote) -> None:
        self.fs._rm(file.key)

    def _move(self, file: Remote, folder: str, name: str) -> None:
        aside = f"{self.root}/{folder}"
        self.fs.makedirs(aside, exist_ok=True)
        self.fs.mv(file.key, f"{aside}/{name}")


class Local(Folder):
    """A folder of this machine, or one that the system has mounted."""

    def _open(self) -> None:
        from fsspec.implementations.local import LocalFileSystem

        self.fs = LocalFileSystem(skip_instance_cache=True)

    def _entries(self, folder: str) -> list[dict[str, Any]]:
        if not self.fs.isdir(folder):
            raise NotADirectoryError
        return [entry for entry in self.fs.ls(folder, detail=True) if not entry.get("islink")]

    def _opened(self, file: Remote, start: int) -> Any:
        # A link that took the file's place since it was listed is not followed, a pipe not waited for.
        try:
            opened = os.fdopen(os.open(file.key, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
        except OSError as problem:
            if problem.errno == errno.ELOOP:
                raise FileNotFoundError from None
            raise
        opened.seek(start)
        return opened

    def _remove(self, file: Remote) -> None:
        self.fs.rm_file(file.key)


class Sftp(Folder):
    """An SFTP server whose key is known."""

    def _open(self) -> None:
        for name in ("paramiko", "fsspec"):  # their own words would go to the screen, tracebacks among them
            logging.getLogger(name).setLevel(logging.CRITICAL)
        self.fs = _sftp_class()(self.inbox, self._login(), self.home)

    def _login(self) -> dict[str, Any]:
        parts, secrets = self.inbox.parts, self._secrets
        login: dict[str, Any] = {
            "port": parts.port or 22, "username": secrets.get("username") or parts.username, "timeout": CONNECT_S,
            "banner_timeout": CONNECT_S, "auth_timeout": CONNECT_S, "look_for_keys": False, "allow_agent": False,
        }  # fmt: skip
        text = secrets.get("private_key")
        if path := self.inbox.options.get("key_file"):
            try:
                text = (self.home / str(path)).read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError):
                raise RemoteError("bad_key", "Không đọc được tệp khóa ghi ở options.key_file; hãy kiểm tra đường dẫn.") from None
        if text:
            login["pkey"] = _private_key(text, secrets.get("passphrase"))
        elif "password" in secrets:
            login["password"] = secrets["password"]
        return login

    def _opened(self, file: Remote, start: int) -> Any:
        opened = self.fs.ftp.open(file.key, "rb")
        opened.MAX_REQUEST_SIZE = SFTP_PIECE
        opened.seek(start)
        return opened

    def close(self) -> None:
        with suppress(Exception):
            self.fs.client.close()


def _private_key(text: str, passphrase: str | None) -> Any:
    """Return a key of any kind we know. Raises: RemoteError."""
    import paramiko

    for kind in (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey):
        with suppress(Exception):
            return kind.from_private_key(io.StringIO(text.strip() + "\n"), passphrase)
    raise RemoteError("bad_key", "Khóa riêng không dùng được: sai dạng (cần OpenSSH hoặc PEM), hoặc thiếu hay sai passphrase.")


def _sftp_class() -> Callable[[Inbox, dict[str, Any], Path], Any]:
    """Return fsspec's SFTP that refuses strangers; made late because paramiko takes long to import."""
    import paramiko
    from fsspec.implementations.sftp import SFTPFileSystem

    class Strangers(paramiko.MissingHostKeyPolicy):
        """Take a key that the settings name, refuse any other and say which it was."""

        def __init__(self, told: str) -> None:
            self.told = told.split()

        def missing_host_key(self, client: Any, hostname: str, key: Any) -> None:
            if key.fingerprint in self.told or key.get_base64() in self.told:
                return
            shown = f"{key.get_name()} {key.fingerprint}"
            if self.told:
                text = (
                    f"Máy chủ trình khóa {shown}, khác khóa ghi ở options.host_key: có thể bị giả mạo. Hãy hỏi quản trị máy chủ."
                )
                raise RemoteError("host_key_changed", text)
            ask = f"Hãy hỏi quản trị máy chủ, nếu đúng thì ghi «options: {{host_key: {key.fingerprint}}}»."
            text = f"Chưa biết máy chủ này; khóa của nó là {shown}. {ask}"
            raise RemoteError("host_key_unknown", text)

    class Known(SFTPFileSystem):
        """fsspec's, with the keys of known servers and without the trust in others."""

        cachable = False

        def __init__(self, inbox: Inbox, login: dict[str, Any], home: Path) -> None:
            self._inbox, self._home = inbox, home
            super().__init__(inbox.parts.hostname, **login)

        def _connect(self) -> None:
            self.client = paramiko.SSHClient()
            told = str(self._inbox.options.get("host_key", ""))
            if not told and (path := _known_hosts(self._inbox, self._home)):
                self.client.load_host_keys(str(path))
            self.client.set_missing_host_key_policy(Strangers(told))
            try:
                self.client.connect(self.host, **self.ssh_kwargs)
                self.ftp = self.client.open_sftp()
            except BaseException:
                self.client.close()
                raise
            self.ftp.get_channel().settimeout(SILENCE_S)

        @staticmethod
        def _decode_stat(status: Any, parent_path: str | None = None) -> dict[str, Any]:
            # A server may keep silent about sizes, times and kinds, which fsspec does not expect.
            mode = status.st_mode if status.st_mode is not None else stat.S_IFREG
            kind = "directory" if stat.S_ISDIR(mode) else "file" if stat.S_ISREG(mode) else "other"
            name = f"{parent_path.rstrip('/')}/{status.filename}" if parent_path else ""
            return {"name": name, "size": status.st_size, "type": kind, "mtime": status.st_mtime}

    return Known


def _known_hosts(inbox: Inbox, home: Path) -> Path | None:
    """Return the file of known servers: the one told, else the home's, else the user's. Raises: RemoteError."""
    if told := inbox.options.get("known_hosts"):
        path = home / Path(str(told)).expanduser()
        if not path.is_file():
            raise RemoteError("no_known_hosts", "Không có tệp ghi ở options.known_hosts; hãy kiểm tra đường dẫn.")
        return path
    usual = (home / "known_hosts", Path("~/.ssh/known_hosts").expanduser())
    return next((path for path in usual if path.is_file()), None)


class Smb(Folder):
    """A shared folder of Windows or Samba."""

    def _open(self) -> None:
        from fsspec.implementations.smb import SMBFileSystem

        for name in ("smbprotocol", "spnego"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        self.fs = SMBFileSystem(**smb_arguments(self.inbox, self._secrets), skip_instance_cache=True)

    def _entries(self, folder: str, pattern: str = "*") -> list[dict[str, Any]]:
        # fsspec asks for each file by itself: a thousand known files would be a thousand questions.
        import smbclient

        unc = f"\\\\{self.fs.host}" + folder.replace("/", "\\")
        return [
            {
                "name": entry.name, "size": entry.smb_info.end_of_file, "mtime": entry.smb_info.last_write_time,
                "type": "directory" if entry.is_dir() else "file" if entry.is_file(follow_symlinks=False) else "other",
            }
            for entry in smbclient.scandir(unc, search_pattern=pattern, port=self.fs._port)
        ]  # fmt: skip

    def _look(self, file: Remote) -> Remote:
        folder, _, name = file.key.rpartition("/")
        for entry in self._entries(folder, name):
            if entry["name"] == name:
                return self._remote(file.key, entry)
        raise FileNotFoundError

    def close(self) -> None:
        import smbclient

        with suppress(Exception):
            smbclient.delete_session(self.fs.host, port=self.fs._port)


def smb_arguments(inbox: Inbox, secrets: Mapping[str, str]) -> dict[str, Any]:
    """Return what fsspec's SMB is opened with: no retries of its own, files may go on being read by others."""
    user = secrets.get("username") or inbox.parts.username
    return {
        "host": inbox.parts.hostname, "port": inbox.parts.port, "username": user.replace(";", "\\") if user else None,
        "password": secrets.get("password"), "timeout": CONNECT_S, "encrypt": True if inbox.options.get("encrypt") else None,
        "share_access": "r", "register_session_retries": 0,
    }  # fmt: skip


class S3(Server):
    """A bucket of S3 or of a server that speaks as S3 does. Objects appear whole."""

    whole = True
    fs: Any

    @property
    def root(self) -> str:
        return f"{self.inbox.parts.netloc}/{self.inbox.folder.strip('/')}".rstrip("/")

    def _open(self) -> None:
        from s3fs import S3FileSystem

        options, secrets = self.inbox.options, self._secrets
        self.fs = S3FileSystem(
            key=secrets.get("key"), secret=secrets.get("secret"), token=secrets.get("token"), anon=bool(options.get("anon")),
            endpoint_url=options.get("endpoint_url"),
            client_kwargs={"region_name": str(options["region"])} if "region" in options else {},
            config_kwargs={"connect_timeout": CONNECT_S, "read_timeout": SILENCE_S, "retries": {"max_attempts": 1}},
            use_listings_cache=False, skip_instance_cache=True,
        )  # fmt: skip
        self.fs.retries = 2

    def _list(self, known: Collection[str]) -> Iterator[Remote]:
        try:
            if self.inbox.recursive:
                entries = list(self.fs.find(self.root, detail=True, refresh=True).values())
            else:
                entries = self.fs.ls(self.root, detail=True, refresh=True)
        except FileNotFoundError:
            self.fs.ls(self.inbox.parts.netloc, refresh=True)  # a prefix without objects does not exist, and is no mistake
            return
        for entry in entries:
            if entry["type"] == "file" and entry["name"] != self.root and not entry["name"].endswith("/"):
                yield self._remote(entry)

    def _remote(self, entry: Mapping[str, Any]) -> Remote:
        when = entry.get("LastModified")
        path = clean(entry["name"][len(self.root) :].lstrip("/"))
        return Remote(path, entry["name"], entry["size"], when.timestamp() if when else None, entry.get("ETag"))

    def _look(self, file: Remote) -> Remote:
        return self._remote(self.fs.info(file.key, refresh=True))

    @contextmanager
    def read(self, file: Remote, start: int) -> Iterator[tuple[int, Iterator[bytes]]]:
        with speaking(of_file=True):
            opened = self.fs.open(file.key, "rb", block_size=8 * CHUNK, cache_type="none")
            opened.seek(start)
        try:
            yield start, iter(partial(opened.read, 8 * CHUNK), b"")
        finally:
            opened.close()

    def _remove(self, file: Remote) -> None:
        self.fs.rm_file(file.key)

    def _move(self, file: Remote, folder: str, name: str) -> None:
        self.fs.mv(file.key, f"{self.root}/{folder}/{name}")


KINDS: Final[dict[str, type[Server]]] = {"file": Local, "sftp": Sftp, "smb": Smb, "s3": S3}
