"""Prefect's tables on the same PostgreSQL: a database and a role of its own, which sees nothing of ours."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from warehouse import cluster, engine
from warehouse.prefect_database import ROLE, URL_VARIABLE, prefect_database

if TYPE_CHECKING:
    from flows.steps.home import Home

pytestmark = pytest.mark.db


@pytest.fixture(autouse=True)
def unasked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(URL_VARIABLE, raising=False)


def _asked(url: str, statement: str) -> Any:
    """The answer to a statement by the driver that Prefect uses, at the address that Prefect gets."""
    from sqlalchemy import text
    from sqlalchemy.ext.asyncio import create_async_engine

    async def ask() -> Any:
        made = create_async_engine(url)
        try:
            async with made.begin() as connection:
                answer = await connection.execute(text(statement))
                return answer.scalar() if answer.returns_rows else None
        finally:
            await made.dispose()

    return asyncio.run(ask())


def _given(home: Home, role: str) -> str:
    values = cluster.ensure(home.root).parameters(role)
    user, word = (quote(str(values[key]), safe="") for key in ("user", "password"))
    return f"postgresql+psycopg2://{user}:{word}@/{values['dbname']}?host={quote(str(values['host']), safe='')}&port={values['port']}"


def test_the_embedded_database_has_one_for_prefect(installation: Home) -> None:
    made = prefect_database(installation.root)
    assert made.kind == "embedded" and prefect_database(installation.root) == made
    assert _asked(made.url, "select current_database() || ' ' || current_user") == f"prefect {ROLE}"
    _asked(made.url, "create extension if not exists pg_trgm")  # its migrations need it
    assert "://" not in repr(made)  # the address holds the password


def test_its_role_does_not_reach_ours(installation: Home) -> None:
    from asyncpg.exceptions import InsufficientPrivilegeError

    url = prefect_database(installation.root).url
    with pytest.raises(InsufficientPrivilegeError):
        _asked(url.replace("/prefect?", "/cchc?"), "select 1")
    with engine.raw_connection(installation.root, role="owner") as connection, connection.cursor() as cursor:
        cursor.execute("select rolsuper or rolcreatedb or rolcreaterole from pg_roles where rolname = %s", (ROLE,))
        assert cursor.fetchone() == (False,)


def test_a_given_server_gets_one_named_after_ours(installation: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(engine.URL_VARIABLE, _given(installation, "superuser"))
    made = prefect_database(installation.root)
    assert made.kind == "server"
    assert _asked(made.url, "select current_database()") == "cchc_prefect"


def test_a_server_that_goes_dark_is_noticed_unless_the_address_says_otherwise(
    installation: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without it, a desk that waits for an answer would wait for the two hours of the system's own keepalives."""
    for extra, idle in (("", "30"), ("&keepalives_idle=7", "7")):
        monkeypatch.setenv(engine.URL_VARIABLE, _given(installation, "app") + extra)
        connection = engine.raw_connection(installation.root)
        try:
            given = connection.get_dsn_parameters()
        finally:
            connection.close()
        assert given["keepalives_idle"] == idle and int(given["tcp_user_timeout"]) <= 120_000


def test_an_address_without_a_host_means_the_same_socket_to_both_drivers(
    installation: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """libpq takes the socket of the machine; Prefect's driver would ask for TCP on localhost."""
    import psycopg2

    values = cluster.ensure(installation.root).parameters("superuser")
    monkeypatch.setenv("PGPORT", str(values["port"]))
    usual = psycopg2.connect
    monkeypatch.setattr(psycopg2, "connect", lambda **given: usual(**{"host": str(values["host"]), **given}))
    monkeypatch.setenv(engine.URL_VARIABLE, f"postgresql+psycopg2://{values['user']}:{values['password']}@/{values['dbname']}")
    monkeypatch.setenv("PGHOST", "/nowhere")  # what the other driver finds by itself is not it
    made = prefect_database(installation.root)
    assert made.kind == "server" and _asked(made.url, "select current_database()") == "cchc_prefect"


def test_a_given_user_who_may_not_make_one_gets_a_file_and_the_reason(
    installation: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    import psycopg2

    monkeypatch.delenv(engine.URL_VARIABLE, raising=False)
    values = {**cluster.ensure(installation.root).parameters("superuser"), "dbname": "postgres"}
    connection = psycopg2.connect(**values)
    connection.autocommit = True
    connection.cursor().execute("drop database if exists cchc_prefect")
    connection.close()
    monkeypatch.setenv(engine.URL_VARIABLE, _given(installation, "app"))
    made = prefect_database(installation.root)
    assert made.kind == "file" and "cchc_prefect" in made.reason
    assert made.url.endswith(f"{os.sep}prefect{os.sep}prefect.db")


def test_an_address_that_was_asked_for_is_taken_as_it_is(installation: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(URL_VARIABLE, "postgresql+asyncpg://someone:word@elsewhere/prefect")
    made = prefect_database(installation.root)
    assert (made.kind, made.url) == ("asked", "postgresql+asyncpg://someone:word@elsewhere/prefect")
