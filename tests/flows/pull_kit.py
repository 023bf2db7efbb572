"""Servers on loopback that hold exports: SFTP, HTTP and HTTPS. They can be made to cut a transfer. And a home that fetches."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncssh
import pytest

from flows.steps import pull as steps

if TYPE_CHECKING:
    from flows.steps.home import Home

USER, PASSWORD = "mot-cua", "mat-khau-bi-mat-7391"
OLD = 1_600_000_000.0  # files that were written long ago are not waited for


@pytest.fixture
def home(clean: Home, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """A home that knows the password and has not failed yet."""
    monkeypatch.setenv("CCHC_THU_MK", PASSWORD)
    monkeypatch.setattr(steps, "_NEXT_TRY", {})
    yield clean
    (clean.root / "inboxes.yaml").unlink(missing_ok=True)


def put(folder: Path, name: str, data: bytes, modified: float = OLD) -> Path:
    """Write a file of an inbox elsewhere."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, (modified, modified))
    return path


def names(home: Home, inbox: str = "xa") -> dict[str, bytes]:
    """Return what was fetched from an inbox, by name."""
    return {path.name: path.read_bytes() for path in sorted((home.inbox / inbox).glob("*"))}


def settle(home: Home, text: str) -> None:
    """Write the settings of a home."""
    (home.root / "inboxes.yaml").write_text("inboxes:\n" + text, encoding="utf-8")


@dataclass
class SftpPlace:
    """An SFTP server on a folder. cut: the connection is dropped after so many bytes were read, that often.

    reading: called with the offset before each read.
    """

    folder: Path
    port: int = 0
    key: str = ""
    host_line: str = ""
    cut: int | None = None
    cuts: int = 0
    served: int = 0
    reading: Callable[[int], None] | None = None
    calls: dict[str, int] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"sftp://{USER}@127.0.0.1:{self.port}/"


@contextmanager
def sftp_server(folder: Path, *, accepted_key: asyncssh.SSHKey | None = None) -> Iterator[SftpPlace]:
    """Run an SFTP server that takes USER with PASSWORD, or with a key; yields what is known of it."""
    place = SftpPlace(folder)

    connections: list[asyncssh.SSHServerConnection] = []

    class Login(asyncssh.SSHServer):
        def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
            connections.append(conn)

        def password_auth_supported(self) -> bool:
            return accepted_key is None

        def validate_password(self, username: str, password: str) -> bool:
            return (username, password) == (USER, PASSWORD)

        def public_key_auth_supported(self) -> bool:
            return accepted_key is not None

        def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
            return accepted_key is not None and key.public_data == accepted_key.public_data

    class Files(asyncssh.SFTPServer):
        def __init__(self, channel: Any) -> None:
            super().__init__(channel, chroot=str(place.folder).encode())
            self._connection = channel.get_connection()

        def _count(self, name: str) -> None:
            place.calls[name] = place.calls.get(name, 0) + 1

        def read(self, file_obj: Any, offset: int, size: int) -> Any:
            if place.cut is not None and place.cuts and offset >= place.cut:
                place.cuts -= 1
                place.cut *= 2
                self._connection.abort()
            if place.reading:
                place.reading(offset)
            data = super().read(file_obj, offset, size)
            place.served += len(data)
            return data

        def stat(self, path: bytes) -> Any:
            self._count("stat")
            return super().stat(path)

        def open(self, path: bytes, pflags: int, attrs: Any) -> Any:
            self._count("open")
            return super().open(path, pflags, attrs)

    loop = asyncio.new_event_loop()
    host_key = asyncssh.generate_private_key("ssh-ed25519")
    place.key = host_key.get_fingerprint()
    place.host_line = host_key.export_public_key().decode().strip()
    server = loop.run_until_complete(
        asyncssh.create_server(Login, "127.0.0.1", 0, server_host_keys=[host_key], sftp_factory=Files)
    )
    place.port = server.get_port()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def stop() -> None:
        server.close()
        for connection in connections:
            connection.abort()
        await server.wait_closed()
        await asyncio.sleep(0.1)

    try:
        yield place
    finally:
        asyncio.run_coroutine_threadsafe(stop(), loop).result(20)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(20)
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0.05))
        loop.close()


@dataclass
class WebPlace:
    """A web server on a folder. cut: an answer ends after so many bytes, once; asked: (method, path, range) in order.

    silent: it tells no lengths. moved: paths that are told to lie at another address.
    """

    folder: Path
    url: str = ""
    cut: int | None = None
    authorization: str | None = None
    silent: bool = False
    moved: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, str, str | None]] = field(default_factory=list)


class _Pages(SimpleHTTPRequestHandler):
    """Files with ETag and ranges, folders as pages of links."""

    def __init__(self, place: WebPlace, *words: Any) -> None:
        self.place = place
        super().__init__(*words, directory=str(place.folder))

    def log_message(self, *words: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def _answer(self, *, body: bool) -> None:
        self.place.asked.append((self.command, self.path, self.headers.get("Range")))
        if self.place.authorization and self.headers.get("Authorization") != self.place.authorization:
            self.send_error(401)
            return
        if self.path in self.place.moved:
            self.send_response(302)
            self.send_header("Location", self.place.moved[self.path])
            self.end_headers()
            return
        path = Path(self.translate_path(self.path))
        if not path.is_file():
            (super().do_GET if body else super().do_HEAD)()
            return
        data = path.read_bytes()
        tag = f'"{hash(data):x}"'
        start = 0
        if (asked := self.headers.get("Range")) and self.headers.get("If-Range", tag) == tag:
            start = int(asked.removeprefix("bytes=").rstrip("-"))
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        if not self.place.silent:
            self.send_header("Content-Length", str(len(data) - start))
        self.send_header("ETag", tag)
        self.end_headers()
        if body:
            end = len(data)
            if self.place.cut is not None and self.place.cut < end:
                end, self.place.cut, self.close_connection = self.place.cut, None, True
            self.wfile.write(data[start:end])


@contextmanager
def web_server(folder: Path, certificate: Path | None = None) -> Iterator[WebPlace]:
    """Run a web server; yields what is known of it. certificate: where to write the one it shows, which nobody else has signed."""
    place = WebPlace(folder)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Pages, place)) as server:
        if certificate is not None:
            server.socket = _secure(certificate).wrap_socket(server.socket, server_side=True)
        place.url = f"http{'s' if certificate else ''}://127.0.0.1:{server.server_address[1]}/"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield place
        finally:
            server.shutdown()
            thread.join(20)


def _secure(certificate: Path) -> ssl.SSLContext:
    """Make a key and a certificate for 127.0.0.1 that is its own authority; the certificate is written down."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "thu")]), datetime.now(UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    shown = made.add_extension(here, critical=False).sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    plain = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    whole = certificate.with_suffix(".key")
    whole.write_bytes(key.private_bytes(*plain) + shown)
    certificate.write_bytes(shown)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(whole)
    return context
