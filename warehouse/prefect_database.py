"""The database Prefect keeps its own tables in: on the same PostgreSQL, with a role that sees nothing of ours."""

from __future__ import annotations

import os
import secrets as randomness
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from warehouse import cluster, place
from warehouse.engine import given_url, parts_of
from warehouse.errors import DatabaseError, first_line

URL_VARIABLE: Final = "PREFECT_API_DATABASE_CONNECTION_URL"
DATABASE: Final = "prefect"
ROLE: Final = "cchc_prefect"
_LOCK: Final = 0x43434843_0001
_CONNECTIONS: Final = 20  # at most this many of the embedded server's 60


@dataclass(frozen=True)
class PrefectDatabase:
    """`url` holds a password: it is passed on in the environment, never in arguments or logs.

    `kind`: "embedded" (database of its own on the home's PostgreSQL), "server" (the same on a given PostgreSQL), "asked"
    (the address of PREFECT_API_DATABASE_CONNECTION_URL) or "file" (a file in the home, when the given user may not make a
    database; `reason` says why).
    """

    kind: str
    url: str = field(repr=False)
    reason: str = ""


def prefect_database(home: Path) -> PrefectDatabase:
    """Return where Prefect keeps its tables, made when missing. Starts the embedded PostgreSQL. Raises: DatabaseError."""
    asked = os.environ.get(URL_VARIABLE, "").strip()
    if asked:
        return PrefectDatabase("asked", asked)
    given = given_url()
    if given is None:
        return _embedded(home)
    return _on_server(home, given)


def _embedded(home: Path) -> PrefectDatabase:
    import psycopg2

    running = cluster.ensure(home)
    word = str(place.secret(running.home, "prefect_database", lambda: randomness.token_urlsafe(24)))
    try:
        connection = psycopg2.connect(**{**running.parameters("superuser"), "dbname": "postgres"})
        try:
            _make_role_and_database(connection, word)
        finally:
            connection.close()
    except psycopg2.Error as problem:
        raise DatabaseError("unreachable_embedded", detail=first_line(problem), logs=running.home / "logs") from problem
    where = {"host": str(running.socket), "port": running.port, "dbname": DATABASE, "user": ROLE, "password": word}
    return PrefectDatabase("embedded", _asyncpg_url(where))


def _make_role_and_database(connection: Any, word: str) -> None:
    """Make what is missing; the password in force is the one of the home's secrets. Repeating it does no harm."""
    from psycopg2 import sql
    from psycopg2.extensions import encrypt_password

    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_lock(%s)", (_LOCK,))
        role, name = sql.Identifier(ROLE), sql.Identifier(DATABASE)
        cursor.execute("select 1 from pg_roles where rolname = %s", (ROLE,))
        verb = sql.SQL("alter role {}" if cursor.fetchone() else "create role {}").format(role)
        rights = sql.SQL(" login nosuperuser nocreatedb nocreaterole noreplication nobypassrls connection limit {} password {}")
        shown = encrypt_password(word, ROLE, connection, "scram-sha-256")
        cursor.execute(verb + rights.format(sql.Literal(_CONNECTIONS), sql.Literal(shown)))
        cursor.execute("select 1 from pg_database where datname = %s", (DATABASE,))
        if not cursor.fetchone():
            cursor.execute(sql.SQL("create database {} owner {} template template0").format(name, role))
        cursor.execute(sql.SQL("revoke all on database {} from public").format(name))


def _on_server(home: Path, given: str) -> PrefectDatabase:
    """A database named after ours (two installations on one server never share one), by the user of the given address."""
    import psycopg2
    from psycopg2 import sql

    parts = parts_of(given)
    ours = str(parts.get("dbname") or parts.get("user") or "postgres")
    name = f"{ours}_{DATABASE}"
    try:
        connection = psycopg2.connect(**parts, connect_timeout=10)
    except psycopg2.Error as problem:
        raise DatabaseError("unreachable", detail=first_line(problem)) from problem
    try:
        connection.autocommit = True
        # What the address leaves out: libpq fills it in, Prefect's driver would fill in something else.
        reached = {key: getattr(connection.info, key) for key in ("host", "port", "user", "password")}
        with connection.cursor() as cursor:
            cursor.execute("select pg_advisory_lock(%s)", (_LOCK,))
            cursor.execute("select 1 from pg_database where datname = %s", (name,))
            if not cursor.fetchone():
                cursor.execute(sql.SQL("create database {} template template0").format(sql.Identifier(name)))
            cursor.execute("select has_database_privilege(%s, 'CREATE')", (name,))
            if not cursor.fetchone()[0]:
                return _in_a_file(home, f"không có quyền ghi vào cơ sở dữ liệu {name}")
    except psycopg2.errors.InsufficientPrivilege:
        return _in_a_file(home, f"không có quyền tạo cơ sở dữ liệu {name}")
    finally:
        connection.close()
    return PrefectDatabase("server", _asyncpg_url({**parts, **reached, "dbname": name}))


def _asyncpg_url(parts: dict[str, Any]) -> str:
    """The address asyncpg understands; what libpq alone knows (options, timeouts) is left out."""
    user = quote(str(parts.get("user", "")), safe="")
    word = f":{quote(str(parts['password']), safe='')}" if parts.get("password") else ""
    host, port = str(parts.get("host", "localhost")), str(parts.get("port", "5432"))
    if host.startswith("/"):
        return f"postgresql+asyncpg://{user}{word}@/{parts['dbname']}?host={quote(host, safe='')}&port={port}"
    encrypted = f"?ssl={parts['sslmode']}" if parts.get("sslmode") else ""
    return f"postgresql+asyncpg://{user}{word}@{host}:{port}/{quote(str(parts['dbname']), safe='')}{encrypted}"


def _in_a_file(home: Path, reason: str) -> PrefectDatabase:
    folder = place.make_folder(place.make_home(home) / "prefect", 0o700)
    return PrefectDatabase("file", f"sqlite+aiosqlite:///{folder / 'prefect.db'}", reason)
