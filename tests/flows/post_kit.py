"""A mail server and a webhook on loopback that keep what they get, and alerts to be told of."""

from __future__ import annotations

import email
import email.policy
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from flows.steps import outgoing
from flows.steps.alert_settings import settings_file
from flows.steps.home import Home, parse_moment

SECRET = "mat-khau-chim-yen"
ACCOUNT = "cchc"


class Post:
    """Keeps mails. `answer`: what it says to the next ones instead of taking them; `hangs_up`: it leaves after the mail came."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.envelopes: list[Any] = []
        self.answer: str | None = None
        self.port = 0
        self.hangs_up = False

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.answer:
            return self.answer
        found = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(found, EmailMessage)
        self.mails.append(found)
        self.envelopes.append(envelope)
        if self.hangs_up:
            server.transport.close()
        return "250 OK"

    def url(self, to: str = "van.phong@xa.example", more: str = "") -> str:
        return f"mailto://127.0.0.1:{self.port}?from=cchc@huyen.example&name=Cải cách hành chính&to={to}{more}"

    def url_with_login(self, password: str = SECRET) -> str:
        return f"mailto://{ACCOUNT}:{password}@127.0.0.1:{self.port}?from=cchc@huyen.example&to=van.phong@xa.example"


def _login(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    assert isinstance(data, LoginPassword)
    return AuthResult(success=(data.login, data.password) == (ACCOUNT.encode(), SECRET.encode()), handled=False)


@contextmanager
def mail_server(post: Post, *, login: bool = False, tls: ssl.SSLContext | None = None) -> Iterator[Post]:
    """Run a mail server; at the port the post already had, else at a free one. tls: it insists on STARTTLS."""
    more: dict[str, Any] = {"authenticator": _login, "auth_required": True, "auth_require_tls": False} if login else {}
    if tls is not None:
        more |= {"tls_context": tls, "require_starttls": True}
    port = post.port or _free_port()
    controller = Controller(post, hostname="127.0.0.1", port=port, **more)
    controller.start()
    post.port = port
    try:
        yield post
    finally:
        controller.stop()


def own_certificate(folder: Path) -> ssl.SSLContext:
    """Return a server's side of TLS with a certificate that nobody vouches for."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    today = datetime.now(UTC)
    made = x509.CertificateBuilder(
        name, name, key.public_key(), x509.random_serial_number(), today - timedelta(days=1), today + timedelta(days=1)
    ).sign(key, hashes.SHA256())
    file = folder / "cert.pem"
    private = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    file.write_bytes(key.private_bytes(serialization.Encoding.PEM, *private) + made.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Hook:
    """Keeps what was posted: (path, headers, document). status: what it answers."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, str], Any]] = []
        self.status = 200
        self.port = 0


@contextmanager
def webhook() -> Iterator[Hook]:
    hook = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            hook.calls.append((self.path, dict(self.headers), json.loads(body)))
            self.send_response(hook.status)
            self.end_headers()

        def log_message(self, *words: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hook.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield hook
    finally:
        server.shutdown()
        thread.join(30)
        server.server_close()


class Office:
    """A home with settings, a clock, and alerts that open and end."""

    def __init__(self, home: Home, patch: Any) -> None:
        self.home, self.patch = home, patch

    def at(self, moment: str) -> None:
        self.patch.setenv("CCHC_CLOCK", moment)

    def settle(self, text: str) -> None:
        file = settings_file(self.home)
        file.write_text(text, encoding="utf-8")
        file.chmod(0o600)

    def open(self, rule: str = "overdue_rate", at: str = "2023-03-10T09:00:00", **columns: Any) -> dict[str, Any]:
        """Open an alert and queue what is to be told of it, in one transaction."""
        with self.home.database.begin() as tx:
            row = insert(tx, rule, parse_moment(at), **columns)
            (named,) = outgoing.named(self.home, [row])
            outgoing.queue(self.home, tx, [named], [])
        return named

    def resolve(self, alert: dict[str, Any], at: str, value: float = 0.004) -> None:
        with self.home.database.begin() as tx:
            row = tx.one(
                """
                update alerts set state = 'resolved', resolved_at = %(at)s, clear_since = %(at)s, resolution = 'cleared',
                value = %(value)s where alert_id = %(id)s returning *
                """,
                {"at": parse_moment(at), "id": alert["alert_id"], "value": value},
            )
            assert row is not None
            outgoing.queue(self.home, tx, [], outgoing.named(self.home, [row]))

    def messages(self) -> list[dict[str, Any]]:
        with self.home.database.begin() as tx:
            return tx.rows("select * from alert_messages order by message_id")


def insert(tx: Any, rule: str, at: datetime, **columns: Any) -> dict[str, Any]:
    """Write an open alert as the engine does; returns its row."""
    row = {
        "unit": "22492", "subject": "", "severity": "critical", "owner": "Công chức Văn phòng HĐND và UBND xã", "value": 0.0125,
        "threshold": 0.01, "detail": {"numerator": 5, "denominator": 400, "dossiers": ["H32.22492-0001", "H32.22492-0002"]},
    } | columns  # fmt: skip
    found = tx.one(
        """
        insert into alerts (rule, unit_id, subject, state, severity, owner, breached_at, last_breached_at, opened_at, value,
        threshold, detail) values (%(rule)s, %(unit)s, %(subject)s, 'open', %(severity)s, %(owner)s, %(at)s, %(at)s, %(at)s,
        %(value)s, %(threshold)s, %(json)s::jsonb) returning *
        """,
        row | {"rule": rule, "at": at, "json": json.dumps(row["detail"])},
    )
    assert found is not None
    return found
