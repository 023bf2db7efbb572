"""Migrations on a real PostgreSQL: order, checksums, refusal, races, rights."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest

from warehouse import cluster, engine
from warehouse.errors import DatabaseError
from warehouse.migrate import SQL_FOLDER, available, migrate, version

pytestmark = pytest.mark.db
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def server() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="cchc-test-"))
    folder.chmod(0o755)
    cluster.ensure(folder / "home")
    yield folder / "home"
    cluster.destroy(folder / "home")
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def home(server: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The shared cluster with an empty public schema."""
    monkeypatch.delenv(engine.URL_VARIABLE, raising=False)
    run(server, "drop schema if exists extra cascade; drop schema public cascade; create schema public")
    return server


@pytest.fixture
def sql(tmp_path: Path) -> Path:
    folder = tmp_path / "sql"
    (folder / "migrations").mkdir(parents=True)
    put(folder, "0001_first.sql", "create table first (a integer primary key, b text);")
    put(folder, "0002_second.sql", "create table second (a int);\ninsert into second values (1);")
    return folder


def put(folder: Path, name: str, text: str) -> None:
    (folder / "migrations" / name).write_text(text, encoding="utf-8")


def run(home: Path, statement: str, role: str = "owner") -> list[tuple]:
    connection = engine.raw_connection(home, role=role, autocommit=True)
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


def refusal(home: Path, sql: Path) -> DatabaseError:
    with pytest.raises(DatabaseError) as caught:
        migrate(home, sql)
    return caught.value


def test_applies_in_order_once_and_goes_on(home: Path, sql: Path) -> None:
    assert migrate(home, sql) == ["0001_first", "0002_second"]
    assert migrate(home, sql) == []
    put(sql, "0003_third.sql", "alter table second add c text default 'tiếng Việt 100%';")
    assert migrate(home, sql) == ["0003_third"]
    assert run(home, "select * from second") == [(1, "tiếng Việt 100%")]
    connection = engine.raw_connection(home)
    assert version(connection) == 3
    connection.close()


def test_nothing_to_do_costs_one_query_as_the_application(home: Path, sql: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    migrate(home, sql)
    roles = []
    real = engine.raw_connection

    def watched(home: Path, *, role: str = "app", autocommit: bool = False) -> object:
        roles.append(role)
        return real(home, role=role, autocommit=autocommit)

    monkeypatch.setattr("warehouse.migrate.raw_connection", watched)
    assert migrate(home, sql) == [] and roles == ["app"]


def test_an_edited_migration_is_refused_but_not_its_line_ends(home: Path, sql: Path) -> None:
    migrate(home, sql)
    path = sql / "migrations" / "0002_second.sql"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert migrate(home, sql) == []
    put(sql, "0002_second.sql", "create table second (a bigint);")
    error = refusal(home, sql)
    assert error.code == "database_migration_changed" and "0002_second" in error.message


def test_a_newer_database_is_refused(home: Path, sql: Path) -> None:
    migrate(home, sql)
    (sql / "migrations" / "0002_second.sql").unlink()
    assert refusal(home, sql).code == "database_database_newer"


@pytest.mark.parametrize("name", ["0002_again.sql", "0004_gap.sql", "3_short.sql", "0003-dash.sql"])
def test_wrong_numbers_and_names_are_refused(sql: Path, name: str) -> None:
    put(sql, name, "select 1;")
    with pytest.raises(DatabaseError) as caught:
        available(sql)
    assert caught.value.code == "database_migration_files"


def test_a_failing_migration_leaves_nothing_of_itself(home: Path, sql: Path) -> None:
    put(sql, "0003_bad.sql", "create table third (a int); insert into second values ('x');")
    error = refusal(home, sql)
    assert error.code == "database_migration_failed" and "0003_bad" in error.message
    assert run(home, "select to_regclass('third')::text, max(version) from schema_migrations") == [(None, 2)]
    put(sql, "0003_bad.sql", "create table third (a int);")
    assert migrate(home, sql) == ["0003_bad"]


def test_a_migration_must_not_end_its_transaction(home: Path, sql: Path) -> None:
    put(sql, "0003_commit.sql", "create table third (a int); commit;")
    assert "commit" in refusal(home, sql).message


def test_many_processes_migrate_at_once(home: Path, sql: Path) -> None:
    put(sql, "0003_slow.sql", "create table third (a int); select pg_sleep(0.3);")
    code = "import sys; from pathlib import Path; from warehouse.migrate import migrate; migrate(*map(Path, sys.argv[1:]))"
    command = [sys.executable, "-c", code, str(home), str(sql)]
    crowd = [subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    for process in crowd:
        _, errors = process.communicate(timeout=30)
        assert process.returncode == 0, errors
    assert run(home, "select count(*) from schema_migrations where version > 0") == [(3,)]


def test_the_application_role_gets_what_it_needs_and_no_more(home: Path, sql: Path) -> None:
    put(
        sql,
        "0003_more.sql",
        "create schema extra; create table extra.log (n bigint generated always as identity, t text)",
    )
    migrate(home, sql)
    for allowed in (
        "insert into first values (1, 'x')",
        "update first set b = 'y'",
        "analyze first",
        "insert into extra.log (t) values ('x')",
        "delete from first",
    ):
        run(home, allowed, role="app")
    for forbidden in (
        "truncate first",
        "drop table first",
        "alter table first add c int",
        "create table other (a int)",
        "update schema_migrations set checksum = ''",
    ):
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            run(home, forbidden, role="app")


def test_changed_exceptions_are_granted_without_a_migration(home: Path, sql: Path) -> None:
    migrate(home, sql)
    (sql / "grants.sql").write_text("revoke update, delete on first from cchc_app;")
    assert migrate(home, sql) == []
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        run(home, "delete from first", role="app")
    (sql / "grants.sql").unlink()
    migrate(home, sql)
    run(home, "delete from first", role="app")


def test_a_given_database_whose_user_owns_everything(
    home: Path, sql: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(engine.URL_VARIABLE, engine.database_url(home, role="owner"))
    assert migrate(tmp_path, sql) == ["0001_first", "0002_second"]
    assert migrate(tmp_path, sql) == []


def test_the_migrations_of_this_code_apply(home: Path) -> None:
    names = [migration.name for migration in available()]
    assert migrate(home) == names and migrate(home) == []
    assert all((SQL_FOLDER / "migrations" / f"{name}.sql").exists() for name in names)
