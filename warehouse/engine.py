"""From a home or `CCHC_DATABASE_URL` to connections: the same SQL on the embedded and on a given PostgreSQL.

Embedded: the application connects as `cchc_app` (least privilege), migrations as `cchc_owner`.
Given: the user of the URL is used for both.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from warehouse import cluster
from warehouse.errors import DatabaseError, first_line

if TYPE_CHECKING:
    import psycopg2.extensions
    import sqlalchemy

URL_VARIABLE = "CCHC_DATABASE_URL"
MINIMUM_VERSION = 15
_SCHEME = "postgresql+psycopg2://"
_CONNECT_TIMEOUT_S = 10
# A server whose machine went dark is noticed within two minutes, not after the system's two hours; nothing on a socket.
_NOTICED = {"keepalives_idle": 30, "keepalives_interval": 15, "keepalives_count": 4, "tcp_user_timeout": 90_000}
_WAKING_LIMIT_S = 60.0  # how long to wait for a server that repairs itself after a crash
_WAKING = (
    "the database system is starting up",
    "the database system is not yet accepting connections",
    "the database system is in recovery mode",
    "the database system is shutting down",
)
_REFUSALS = (
    "password authentication failed",
    "no password supplied",
    "no pg_hba.conf entry",
    "permission denied for",
    '" does not exist',
)


def given_url() -> str | None:
    """The PostgreSQL asked for by the environment, None for the embedded one.

    Raises: DatabaseError when it is not a `postgresql+psycopg2://` address (the text is never repeated, as it
    may hold a password).
    """
    url = os.environ.get(URL_VARIABLE, "").strip()
    if not url:
        return None
    if not url.startswith(_SCHEME):
        raise DatabaseError("bad_url", detail=f"phải bắt đầu bằng {_SCHEME}")
    return url


def is_embedded() -> bool:
    """Whether the home's own PostgreSQL is used."""
    return given_url() is None


def database_url(home: Path, role: str = "app") -> str:
    """The SQLAlchemy address of the database, started when it is the embedded one. Holds the password."""
    url = given_url()
    if url is not None:
        return url
    values = cluster.ensure(home).parameters(role)
    user, word, name = (quote(str(values[key]), safe="") for key in ("user", "password", "dbname"))
    host = quote(str(values["host"]), safe="")
    return f"{_SCHEME}{user}:{word}@/{name}?host={host}&port={values['port']}"


def parameters(home: Path, role: str = "app") -> dict[str, Any]:
    """libpq parameters of the database for a program of PostgreSQL's own; the embedded one is started.

    Holds the password. Raises: DatabaseError.
    """
    url = given_url()
    return dict(cluster.ensure(home).parameters(role)) if url is None else parts_of(url)


def raw_connection(
    home: Path, *, role: str = "app", autocommit: bool = False, application: str = "cchc"
) -> psycopg2.extensions.connection:
    """A new psycopg2 connection (UTC, UTF-8). An embedded server that died meanwhile is started again.

    `role` is "app", or "owner" for migrations; a given PostgreSQL has one user for both.
    Raises: DatabaseError.
    """
    import psycopg2

    url = given_url()
    common: dict[str, Any] = {
        "application_name": application,
        "client_encoding": "UTF8",
        "connect_timeout": _CONNECT_TIMEOUT_S,
    }
    parts = parts_of(url) if url is not None else None
    begun = time.monotonic()
    failures = 0
    while True:
        values = parts if parts is not None else cluster.ensure(home).parameters(role)
        try:
            connection = psycopg2.connect(**{"options": "-c timezone=UTC", **_NOTICED, **values, **common})
            break
        except psycopg2.OperationalError as problem:
            waking = any(sign in str(problem) for sign in _WAKING) and time.monotonic() < begun + _WAKING_LIMIT_S
            failures += not waking
            if _refused(problem) or failures > (0 if url is not None else 2):
                raise _explained(problem, home, embedded=url is None) from problem
            time.sleep(0.1)
    connection.autocommit = autocommit
    return connection


def engine(home: Path, role: str = "app", *, pool_size: int = 5) -> sqlalchemy.Engine:
    """A SQLAlchemy engine on this database; every new connection makes sure that the server runs.

    `pool_size` 0 keeps no connection open between uses. Raises: DatabaseError (also later, on connecting).
    """
    import sqlalchemy
    from sqlalchemy.pool import NullPool

    given_url()
    pool: dict[str, Any] = {"poolclass": NullPool}
    if pool_size:
        pool = {"pool_size": pool_size, "max_overflow": 5}
    return sqlalchemy.create_engine(
        _SCHEME, creator=lambda: raw_connection(home, role=role), pool_pre_ping=bool(pool_size), **pool
    )


def check_version(connection: psycopg2.extensions.connection) -> None:
    """Raises: DatabaseError when the server is older than the SQL needs."""
    number = int(connection.server_version)
    if number < MINIMUM_VERSION * 10000:
        raise DatabaseError("too_old", found=number // 10000, needed=MINIMUM_VERSION)


def parts_of(url: str) -> dict[str, Any]:
    """libpq parameters of a given address. Its text is never quoted, as it may hold a password."""
    import psycopg2.extensions

    try:
        parts = dict(psycopg2.extensions.parse_dsn("postgresql://" + url.removeprefix(_SCHEME)))
    except psycopg2.Error:
        raise DatabaseError("bad_url", detail="địa chỉ không đọc được") from None
    if "@" in parts.get("host", ""):
        raise DatabaseError("bad_url", detail="ký tự đặc biệt trong mật khẩu phải viết dạng %40, %3A…")
    if not all(port.isdigit() for port in parts.get("port", "5432").split(",") if port):
        raise DatabaseError("bad_url", detail="số cổng không phải là số")
    parts["options"] = f"{parts.get('options', '')} -c timezone=UTC".strip()
    return parts


def _refused(problem: Exception) -> bool:
    text = str(problem)
    return any(sign in text for sign in _REFUSALS)


def _explained(problem: Exception, home: Path, *, embedded: bool) -> DatabaseError:
    detail = first_line(problem)
    if _refused(problem):
        return DatabaseError("refused", detail=detail)
    if embedded:
        return DatabaseError("unreachable_embedded", detail=detail, logs=Path(home) / "logs")
    return DatabaseError("unreachable", detail=detail)
