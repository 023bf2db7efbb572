"""Numbered, forward-only SQL migrations with checksums, and the rights of the application role.

`warehouse/sql/migrations/NNNN_name.sql` run in order, each in one transaction together with its row in
`schema_migrations`. Afterwards the role `cchc_app` gets the usual rights on every table; the exceptions are
in `warehouse/sql/grants.sql`, which runs after them and may be changed at any time. Last come the comments of
`warehouse/sql/catalog.yaml`, whenever its text changed.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from warehouse import catalogue
from warehouse.engine import check_version, raw_connection
from warehouse.errors import DatabaseError, first_line
from warehouse.settings import USERS

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

SQL_FOLDER = Path(__file__).parent / "sql"
_LOCK = 0x43434843_0001
_GRANTS = 0  # the number under which the rights are recorded
_NAME = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")

_TABLE = """
create table if not exists schema_migrations (
    version integer primary key,
    name text not null,
    checksum text not null,
    applied_at timestamptz not null default clock_timestamp()
)
"""
_STATE = """
select m.version, m.name, m.checksum, exists (
    select from pg_roles as r, pg_class as c
    where r.rolname = %(app)s and c.oid = 'schema_migrations'::regclass and c.relowner <> r.oid
) from schema_migrations as m
"""
_RIGHTS = """
revoke all on all tables in schema {schema} from {app};
revoke all on all sequences in schema {schema} from {app};
grant usage on schema {schema} to {app};
grant select, insert, update, delete{maintain} on all tables in schema {schema} to {app};
grant usage, select on all sequences in schema {schema} to {app};
grant execute on all routines in schema {schema} to {app};
"""
_SCHEMAS = """
select nspname from pg_namespace
where pg_get_userbyid(nspowner) in (current_user, 'pg_database_owner') and nspname !~ '^pg_'
"""
_NOTE_RIGHTS = """
insert into schema_migrations (version, name, checksum) values (%s, 'grants', %s)
on conflict (version) do update set checksum = excluded.checksum, applied_at = excluded.applied_at
"""
_OWN_RIGHTS = "revoke insert, update, delete on schema_migrations from {app}"


@dataclass(frozen=True)
class Migration:
    """Grain: one migration file. `checksum` is the sha256 of its text with plain line ends."""

    version: int
    name: str
    text: str
    checksum: str


def available(folder: Path = SQL_FOLDER) -> list[Migration]:
    """The migrations of the code in order.

    Raises: DatabaseError on a name that does not fit, a gap or a number used twice.
    """
    found = []
    for path in sorted((folder / "migrations").glob("*.sql")):
        match = _NAME.fullmatch(path.name)
        if match is None:
            raise DatabaseError("migration_files", detail=f"tên tệp {path.name} không đúng mẫu")
        text = _text(path)
        found.append(Migration(int(match[1]), path.stem, text, _digest(text)))
    for expected, migration in enumerate(found, start=1):
        if migration.version != expected:
            problem = "trùng số" if migration.version < expected else f"thiếu số {expected:04d} trước"
            raise DatabaseError("migration_files", detail=f"{problem} {migration.name}")
    return found


def migrate(home: Path, folder: Path = SQL_FOLDER) -> list[str]:
    """Bring the database up to the code; returns the names of what was applied now (usually nothing).

    One query when there is nothing to do. Several processes may call it at once.
    Raises: DatabaseError when the database is newer than the code, an applied file was changed, or one fails.
    """
    import psycopg2

    files = available(folder)
    rights = _grants_digest(folder)
    described = catalogue.digest(folder)
    connection = raw_connection(home, autocommit=True)
    try:
        state = _state(connection)
        pending, stale = _pending(state, files, rights)
        if not pending and not stale and catalogue.noted(state) == described:
            return []
    except (psycopg2.errors.UndefinedTable, psycopg2.errors.InsufficientPrivilege):
        pass
    finally:
        connection.close()
    connection = raw_connection(home, role="owner", autocommit=True)
    try:
        check_version(connection)
        with connection.cursor() as cursor:
            cursor.execute("select pg_advisory_lock(%s)", (_LOCK,))
            cursor.execute(_TABLE)
        pending, _ = _pending(_state(connection), files, rights)
        for migration in pending:
            _apply(connection, migration)
        state = _state(connection)
        _, stale = _pending(state, files, rights)
        if pending or stale:
            _grant(connection, folder, rights)
        if described and (pending or catalogue.noted(state) != described):
            catalogue.apply(connection, folder)
        return [migration.name for migration in pending]
    except psycopg2.Error as problem:
        detail = first_line(problem)
        raise DatabaseError("migration_failed", name="schema_migrations", detail=detail) from problem
    finally:
        connection.close()


def version(connection: Connection) -> int:
    """The number of the last migration applied to this database."""
    with connection.cursor() as cursor:
        cursor.execute("select coalesce(max(version), 0) from schema_migrations")
        row = cursor.fetchone()
    return int(row[0]) if row else 0


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8").replace("\r\n", "\n")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def _grants_digest(folder: Path) -> str:
    path = folder / "grants.sql"
    return _digest(_RIGHTS + _OWN_RIGHTS + (_text(path) if path.exists() else ""))


def _state(connection: Connection) -> list[tuple[int, str, str, bool]]:
    with connection.cursor() as cursor:
        cursor.execute(_STATE, {"app": USERS["app"]})
        return list(cursor.fetchall())


def _pending(applied: list[tuple[int, str, str, bool]], files: list[Migration], rights: str) -> tuple[list[Migration], bool]:
    """(migrations to run, whether the rights are out of date)."""
    known = {number: (name, checksum) for number, name, checksum, _ in applied}
    granted = known.pop(_GRANTS, ("", ""))[1]
    known.pop(catalogue.NUMBER, None)
    newest = max(known, default=0)
    if newest > len(files):
        raise DatabaseError("database_newer", found=newest, needed=len(files))
    for migration in files[:newest]:
        if known.get(migration.version, ("", ""))[1] != migration.checksum:
            raise DatabaseError("migration_changed", name=migration.name)
    has_role = bool(applied) and applied[0][3]
    return files[newest:], has_role and granted != rights


def _apply(connection: Connection, migration: Migration) -> None:
    import psycopg2

    note = "insert into schema_migrations (version, name, checksum) values (%s, %s, %s)"
    try:
        with connection.cursor() as cursor:
            cursor.execute("begin")
            before = _transaction(cursor)
            cursor.execute(migration.text)
            if _transaction(cursor) != before:
                detail = "tệp tự kết thúc giao dịch (commit)"
                raise DatabaseError("migration_failed", name=migration.name, detail=detail)
            cursor.execute(note, (migration.version, migration.name, migration.checksum))
            cursor.execute("commit")
    except psycopg2.Error as problem:
        detail = first_line(problem)
        raise DatabaseError("migration_failed", name=migration.name, detail=detail) from problem


def _transaction(cursor: Any) -> object:
    cursor.execute("select pg_current_xact_id()")
    return cursor.fetchone()[0]


def _grant(connection: Connection, folder: Path, rights: str) -> None:
    """Give the application role its rights on all that was migrated; nothing where it does not exist."""
    import psycopg2
    from psycopg2 import sql

    exceptions = folder / "grants.sql"
    app = sql.Identifier(USERS["app"])
    maintain = sql.SQL(", maintain" if connection.server_version >= 170000 else "")
    try:
        with connection.cursor() as cursor:
            cursor.execute("begin")
            if not _has_other_app_role(cursor):
                cursor.execute("commit")
                return
            cursor.execute(_SCHEMAS)
            for (schema,) in cursor.fetchall():
                names = {"schema": sql.Identifier(schema), "app": app, "maintain": maintain}
                cursor.execute(sql.SQL(_RIGHTS).format(**names))
            cursor.execute(sql.SQL(_OWN_RIGHTS).format(app=app))
            if exceptions.exists():
                cursor.execute(_text(exceptions))
            cursor.execute(_NOTE_RIGHTS, (_GRANTS, rights))
            cursor.execute("commit")
    except psycopg2.Error as problem:
        raise DatabaseError("migration_failed", name="grants.sql", detail=first_line(problem)) from problem


def _has_other_app_role(cursor: Any) -> bool:
    cursor.execute("select exists (select from pg_roles where rolname = %s and rolname <> current_user)", (USERS["app"],))
    return bool(cursor.fetchone()[0])
