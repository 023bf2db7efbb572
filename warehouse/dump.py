"""The whole database into a file and back, by PostgreSQL's own pg_dump and pg_restore, and a digest of every table.

A dump and its digests see one moment of the database, however much is loaded meanwhile.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from warehouse import engine, migrate, provider
from warehouse.errors import DatabaseError, first_line

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

CHUNK: Final = 1 << 20
#: Somebody who migrates holds tables for himself: waiting for ever would look like a hanging backup.
_LOCK_PATIENCE: Final = "60s"
#: How values are written as text must not depend on who asks.
_AS_TEXT: Final = """
set datestyle = 'ISO, DMY'; set timezone = 'UTC'; set intervalstyle = 'iso_8601'; set extra_float_digits = 1;
set bytea_output = 'hex'; set statement_timeout = 0; set search_path = public
"""
_TABLES: Final = """
select c.relname from pg_class as c
where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'
order by c.relname collate "C"
"""
#: How far a database was migrated and whose rights it knows is no content; a restore moves it on.
_BOOKKEEPING: Final = "schema_migrations"
_DIGEST: Final = """
select
    count(*),
    coalesce(sum(('x' || left(d.h, 16))::bit(64)::bigint), 0),
    coalesce(sum(('x' || right(d.h, 16))::bit(64)::bigint), 0)
from (select md5((t.*)::text) as h from {table} as t) as d
"""


@dataclass(frozen=True)
class Digest:
    """What a table says, whatever the order of its rows: their number, and the sums of both halves of their MD5."""

    rows: int
    digest: str


@dataclass(frozen=True)
class Frozen:
    """One moment of the database, held by an open transaction. migration: the newest applied one; server: major version."""

    connection: Connection
    snapshot: str
    migration: int
    server: int

    def digests(self) -> dict[str, Digest]:
        return digests(self.connection)

    def scalar(self, statement: str) -> Any:
        """The first column of the first row of a constant query."""
        with self.connection.cursor() as cursor:
            cursor.execute(statement)
            row = cursor.fetchone()
        return row[0] if row else None


@contextlib.contextmanager
def frozen(home: Path) -> Iterator[Frozen]:
    """Hold the present state of the database. Raises: DatabaseError."""
    connection = engine.raw_connection(home, role="owner", application="cchc backup")
    try:
        connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
        with connection.cursor() as cursor:
            cursor.execute(_AS_TEXT)
            cursor.execute("select pg_export_snapshot()")
            (name,) = cursor.fetchone() or ("",)
        yield Frozen(connection, str(name), migrate.version(connection), _major(connection))
    finally:
        connection.close()


def digests(connection: Connection) -> dict[str, Digest]:
    """The digest of every table of the warehouse, by its name."""
    from psycopg2 import sql

    found = {}
    with connection.cursor() as cursor:
        cursor.execute(_AS_TEXT)
        cursor.execute(_TABLES)
        for name in [name for (name,) in cursor.fetchall() if name != _BOOKKEEPING]:
            cursor.execute(sql.SQL(_DIGEST).format(table=sql.Identifier(name)))
            count, left, right = cursor.fetchone() or (0, 0, 0)
            found[name] = Digest(int(count), hashlib.sha256(f"{count} {left} {right}".encode()).hexdigest())
    return found


def digests_of(home: Path) -> dict[str, Digest]:
    """The digests of a database as it is now."""
    connection = engine.raw_connection(home, role="owner")
    try:
        return digests(connection)
    finally:
        connection.close()


def tables(home: Path) -> list[str]:
    """The tables that a database has; none when nothing was ever put into it."""
    connection = engine.raw_connection(home, role="owner")
    try:
        with connection.cursor() as cursor:
            cursor.execute(_TABLES)
            return [name for (name,) in cursor.fetchall()]
    finally:
        connection.close()


def server(home: Path) -> int:
    """The major version of the server."""
    connection = engine.raw_connection(home, role="owner")
    try:
        return _major(connection)
    finally:
        connection.close()


def newest_migration() -> int:
    """The number of the newest migration that this code brings."""
    return len(migrate.available())


@contextlib.contextmanager
def dumping(home: Path, held: Frozen, target: Path) -> Iterator[None]:
    """Let pg_dump write the held moment into `target` (custom format) while the block runs; done when the block ends.

    Raises: DatabaseError; OSError (ENOSPC) is not told apart from other failures of the program here.
    """
    command = [_program("pg_dump", held.server), "--format=custom", "--compress=1", "--no-owner", "--no-privileges"]
    command += [f"--snapshot={held.snapshot}", f"--lock-wait-timeout={_LOCK_PATIENCE}", f"--file={target}"]
    with _running("pg_dump", command, home) as process:
        yield
        process.communicate()


def restore(home: Path, stream: BinaryIO) -> None:
    """Put a dump into the empty database, all or nothing, and gather the planner's figures. Raises: DatabaseError."""
    command = [_program("pg_restore", server(home)), "--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction"]
    with _running("pg_restore", command, home, "--dbname", stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it ended early: its own words say why
            shutil.copyfileobj(stream, process.stdin, CHUNK)
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        process.stdin = None
        process.communicate()
    connection = engine.raw_connection(home, role="owner", autocommit=True)
    try:
        with connection.cursor() as cursor:
            cursor.execute("analyze")
    finally:
        connection.close()


def forget_rights(home: Path) -> None:
    """Let the next migration give the application role its rights again: a dump is restored without any."""
    connection = engine.raw_connection(home, role="owner", autocommit=True)
    try:
        with connection.cursor() as cursor:
            cursor.execute("delete from schema_migrations where name = 'grants'")
    finally:
        connection.close()


@contextlib.contextmanager
def _running(
    name: str, command: list[str], home: Path, *options: str, stdin: int = subprocess.DEVNULL
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program of PostgreSQL's on the home's database; the caller waits for its end inside the block.

    The password travels in the environment of the child, never among its arguments.
    """
    from psycopg2.extensions import make_dsn

    values = engine.parameters(home, "owner")
    environment = provider.clean_environment() | {"PGPASSWORD": str(values.pop("password", ""))}
    address = make_dsn(**values, application_name=f"cchc {name}")
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen([*command, *options, address], env=environment, stdin=stdin, stdout=said, stderr=said)
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
        said.seek(0)
        text = said.read(20_000).decode("utf-8", "replace")
    if process.returncode:
        raise DatabaseError("tool_failed", program=name, detail=_what_stopped(name, text))


def _what_stopped(name: str, text: str) -> str:
    """Return the line of a program's output that says what stopped it; before it may stand where it was."""
    told = [line for line in text.splitlines() if re.search(r"\b(error|fatal|panic):", line, re.IGNORECASE)]
    return first_line(told[0] if told else text).removeprefix(f"{name}: ").removeprefix("error: ")


def _program(name: str, major: int) -> str:
    """The program of the server's own version, else of the next newer one: an older one can't read a newer server.

    Raises: DatabaseError.
    """
    found = {}
    with contextlib.suppress(DatabaseError):
        own = provider.installation() / "bin" / name
        found[_version(str(own))] = str(own)
    path = shutil.which(name)
    if path is not None:
        found.setdefault(_version(path), path)
    fit = sorted(version for version in found if version >= major)
    if not fit:
        raise DatabaseError("no_tools", program=name, server=major)
    return found[fit[0]]


def _version(program: str) -> int:
    """The major version of a program, 0 when it does not run."""
    try:
        done = subprocess.run(
            [program, "--version"], env=provider.clean_environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=30, check=False,
        )  # fmt: skip
    except OSError:
        return 0
    match = re.search(r"\(PostgreSQL\) (\d+)", done.stdout)
    return int(match[1]) if match else 0


def _major(connection: Connection) -> int:
    return int(connection.server_version) // 10000
