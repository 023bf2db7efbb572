"""The embedded PostgreSQL: where it lives, who may enter, how it answers."""

from __future__ import annotations

import dataclasses
import os
import pwd
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest

from warehouse import cluster, engine, place, provider, settings
from warehouse.errors import DatabaseError

pytestmark = pytest.mark.db
ROOT = Path(__file__).resolve().parents[2]
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as another user")


@pytest.fixture(autouse=True)
def _embedded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(engine.URL_VARIABLE, raising=False)


@pytest.fixture
def base() -> Iterator[Path]:
    """A folder that every user can reach (pytest's own are private); its clusters are removed afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="cchc-test-"))
    folder.chmod(0o755)
    yield folder
    for pointer in folder.rglob("cluster.json"):
        cluster.destroy(pointer.parent)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def shared() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="cchc-test-"))
    folder.chmod(0o755)
    cluster.ensure(folder / "home")
    yield folder / "home"
    cluster.destroy(folder / "home")
    shutil.rmtree(folder, ignore_errors=True)


def one(home: Path, question: str, role: str = "app") -> object:
    connection = engine.raw_connection(home, role=role, autocommit=True)
    try:
        with connection.cursor() as cursor:
            cursor.execute(question)
            row = cursor.fetchone() if cursor.description else None
            return row[0] if row else None
    finally:
        connection.close()


def modes(folder: Path) -> list[int]:
    return [step.stat().st_mode for step in (folder, *folder.parents)]


def test_everything_lies_in_the_home_and_is_private(shared: Path) -> None:
    assert one(shared, "select current_user") == "cchc_app"
    assert one(shared, "show timezone") == "UTC"
    assert stat.S_IMODE((shared / "secrets.json").stat().st_mode) == 0o600
    assert stat.S_IMODE((shared / "pgdata").stat().st_mode) == 0o700
    assert stat.S_IMODE(cluster.ensure(shared).socket.stat().st_mode) == 0o700
    assert not shared.stat().st_mode & 0o007
    assert (shared / "logs" / "postgresql").resolve() == shared / "pgdata" / "log"
    assert one(shared, "show listen_addresses") == ""
    assert one(shared, "show data_checksums") == "on"
    assert one(shared, "select lower('ĐẠI LÃNH Ư')") == "đại lãnh ư"


def test_only_the_right_password_opens(shared: Path) -> None:
    values = cluster.ensure(shared).parameters()
    for user in settings.USERS.values():
        for word in ("wrong", ""):
            with pytest.raises(psycopg2.OperationalError, match="password"):
                psycopg2.connect(**{**values, "user": user, "password": word, "passfile": "/nonexistent"})
    assert cluster.ensure(shared).passwords["app"] not in repr(cluster.ensure(shared))


def test_the_application_role_makes_nothing(shared: Path) -> None:
    for forbidden in (
        "create table t (a int)",
        "create schema s",
        "create role r",
        "create database d",
        "create extension pg_trgm",
        "select pg_read_file('pg_hba.conf')",
        "copy (select 1) to program 'true'",
        "set role cchc_owner",
        "alter system set fsync = off",
    ):
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            one(shared, forbidden)
    one(shared, "create temporary table staging (a int)")
    one(shared, "create extension if not exists pg_trgm", role="owner")
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        one(shared, "create role r superuser", role="owner")


def test_engine_and_address_reach_the_same_database(shared: Path) -> None:
    import sqlalchemy

    address = engine.database_url(shared)
    assert address.startswith("postgresql+psycopg2://cchc_app:")
    for made in (
        engine.engine(shared),
        engine.engine(shared, pool_size=0),
        sqlalchemy.create_engine(address),
    ):
        with made.connect() as connection:
            assert connection.execute(sqlalchemy.text("select current_database()")).scalar() == "cchc"
        made.dispose()


def test_a_given_postgresql_is_used_as_it_is(shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(engine.URL_VARIABLE, engine.database_url(shared, role="owner"))
    assert one(tmp_path / "none", "select current_user") == "cchc_owner"
    assert one(tmp_path / "none", "show timezone") == "UTC"
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("sqlite:///x.db", "database_bad_url"),
        ("postgresql://me:Geheim7@host/db", "database_bad_url"),
        ("postgresql+psycopg2://me:Geheim7@host:port:port/db", "database_bad_url"),
        ("postgresql+psycopg2://me:x@Geheim7@host/db", "database_bad_url"),
        ("postgresql+psycopg2://me:Geheim7@/db?host=/nonexistent", "database_unreachable"),
        ("postgresql+psycopg2://me:Geheim7@127.0.0.1:1/db", "database_unreachable"),
    ],
)
def test_a_wrong_address_gets_a_sentence_without_the_password(
    address: str, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(engine.URL_VARIABLE, address)
    with pytest.raises(DatabaseError) as caught:
        engine.raw_connection(tmp_path)
    assert caught.value.code == code and caught.value.exit_status == 1
    assert caught.value.remedy and "Geheim7" not in str(caught.value)


def test_a_wrong_password_of_a_given_postgresql(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    word = cluster.ensure(shared).passwords["app"]
    monkeypatch.setenv(engine.URL_VARIABLE, engine.database_url(shared).replace(word, "Geheim7"))
    with pytest.raises(DatabaseError) as caught:
        engine.raw_connection(shared)
    assert caught.value.code == "database_refused" and "Geheim7" not in str(caught.value)


def test_long_and_foreign_names_work(base: Path) -> None:
    home = base / ('Đại Lãnh, \'nhà "riêng" ' * 3).strip() / ("x" * 120) / "nhà"
    before = modes(base)
    assert one(home, "select 1") == 1
    assert len(os.fsencode(cluster.ensure(home).socket)) <= 90
    assert modes(base) == before
    short = cluster.ensure(home).socket
    assert stat.S_IMODE(short.stat().st_mode) == 0o700
    cluster.destroy(home)
    assert not short.exists()


@as_root
def test_private_parents_stay_private_and_the_data_follows_its_home(tmp_path: Path) -> None:
    parent = tmp_path / "riêng"
    parent.mkdir(mode=0o700)
    home, moved, copied = parent / "home", parent / "moved", parent / "copied"
    before = modes(parent)
    one(home, "create table t as select 7 as a", role="owner")
    where = place.known(home)
    assert where is not None and where.data.is_relative_to(provider.SYSTEM_ROOT)
    assert stat.S_IMODE(Path(where.outside).stat().st_mode) == 0o700
    try:
        cluster.release(home)
        home.rename(moved)
        assert one(moved, "select a from t", role="owner") == 7
        assert place.known(moved) == dataclasses.replace(where, home=str(moved), ready=True)
        shutil.copytree(moved, copied, symlinks=True)
        with pytest.raises(psycopg2.errors.UndefinedTable):
            one(copied, "select a from t", role="owner")
        other = place.known(copied)
        assert other is not None and other.data != where.data
        assert cluster.ensure(copied).passwords != cluster.ensure(moved).passwords
        assert one(moved, "select a from t", role="owner") == 7
        assert modes(parent) == before
        shutil.rmtree(where.outside, ignore_errors=True)
        cluster.release(moved)
        pointer = (moved / "cluster.json").read_text()
        (moved / "cluster.json").write_text(pointer.replace(where.id, "0" * 16))
        with pytest.raises(DatabaseError) as caught:
            cluster.ensure(moved)
        assert caught.value.code == "database_data_lost"
    finally:
        cluster.release(moved)
        if copied.exists():
            cluster.destroy(copied)
        shutil.rmtree(where.outside, ignore_errors=True)


def test_a_copy_inside_the_home_is_a_cluster_of_its_own(base: Path) -> None:
    one(base / "a", "create table t as select 1 as a", role="owner")
    shutil.copytree(base / "a", base / "b", ignore=lambda _, names: [n for n in names if ".s.PGSQL" in n])
    one(base / "b", "update t set a = 2", role="owner")
    assert cluster.running(base / "a") != cluster.running(base / "b")
    assert one(base / "a", "select a from t", role="owner") == 1
    assert one(base / "b", "select a from t", role="owner") == 2


@as_root
def test_a_home_moved_below_a_private_folder_keeps_its_data(base: Path, tmp_path: Path) -> None:
    one(base / "a", "create table t as select 1 as a", role="owner")
    pid = cluster.running(base / "a")
    assert pid is not None
    cluster.release(base / "a")
    os.kill(pid, 9)
    home = tmp_path / "b"
    shutil.move(base / "a", home)
    try:
        assert one(home, "select a from t", role="owner") == 1
        where = place.known(home)
        assert where is not None and where.outside and not (home / "pgdata").exists()
    finally:
        cluster.destroy(home)


def test_lost_data_is_never_replaced_in_silence(base: Path) -> None:
    cluster.ensure(base / "a")
    os.kill(cluster.running(base / "a") or 0, 9)
    shutil.rmtree(base / "a" / "pgdata")
    with pytest.raises(DatabaseError) as caught:
        cluster.ensure(base / "a")
    assert caught.value.code == "database_data_lost"
    (base / "a" / "cluster.json").unlink()
    assert one(base / "a", "select 1") == 1


def test_a_loosened_configuration_does_not_survive(base: Path) -> None:
    home = base / "home"
    data = home / "pgdata"
    cluster.ensure(home)
    pid = cluster.running(home)
    assert pid is not None
    (data / "pg_hba.conf").write_text("local all all trust\n")
    os.kill(pid, 9)
    one(home, "select 1")
    with pytest.raises(psycopg2.OperationalError, match="password"):
        psycopg2.connect(**{**cluster.ensure(home).parameters("superuser"), "password": "wrong"})


def test_lost_passwords_and_damaged_state_are_named(base: Path) -> None:
    home = base / "home"
    cluster.ensure(home)
    kept = (home / "secrets.json").read_text()
    (home / "secrets.json").unlink()
    with pytest.raises(DatabaseError, match=r"secrets\.json"):
        cluster.ensure(home)
    (home / "secrets.json").write_text(kept)
    pointer = (home / "cluster.json").read_text()
    (home / "cluster.json").write_text("{")
    with pytest.raises(DatabaseError, match=r"cluster\.json"):
        cluster.ensure(home)
    (home / "cluster.json").write_text(pointer)


def test_other_secrets_are_kept(base: Path) -> None:
    first = place.secret(base / "home", "token_key", lambda: "abc")
    cluster.ensure(base / "home")
    assert place.secret(base / "home", "token_key", lambda: "other") == first == "abc"


@as_root
def test_programs_below_a_private_folder_are_copied_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = provider.installation().parent
    shutil.copytree(package, tmp_path / package.name, symlinks=True)
    libraries = package.with_name(package.name + ".libs")
    if libraries.is_dir():
        shutil.copytree(libraries, tmp_path / libraries.name, symlinks=True)
    private = tmp_path / package.name / "pginstall"
    monkeypatch.setattr(provider, "installation", lambda: private)
    bin_folder, version = provider.programs(provider.runner())
    try:
        assert bin_folder.is_relative_to(provider.SYSTEM_ROOT)
        assert f"postgresql-{version}-" in str(bin_folder)
        assert provider.programs(provider.runner()) == (bin_folder, version)
        assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700
    finally:
        shutil.rmtree(bin_folder.parents[2])


@as_root
def test_an_ordinary_user_keeps_everything_in_his_home(base: Path) -> None:
    interpreter = shutil.which(f"python{sys.version_info.major}.{sys.version_info.minor}", path="/usr/bin")
    if interpreter is None:
        pytest.skip("no interpreter that another user can execute")
    if any(not folder.stat().st_mode & stat.S_IXOTH for folder in (ROOT, *ROOT.parents)):
        pytest.skip("the checkout lies in a folder that another user cannot enter")
    home = base / "của tôi" / "home"
    home.parent.mkdir()
    other = pwd.getpwnam("nobody")
    os.chown(home.parent, other.pw_uid, other.pw_gid)
    packages = [str(ROOT), *(p for p in sys.path if p.endswith("site-packages"))]
    code = (
        "import sys; from pathlib import Path; from warehouse import engine, cluster; h = Path(sys.argv[1])\n"
        "c = engine.raw_connection(h).cursor(); c.execute('select current_user'); print(c.fetchone()[0])\n"
        "c.connection.close(); cluster.destroy(h)"
    )
    done = subprocess.run(
        [interpreter, "-c", code, str(home)],
        user=other.pw_uid,
        group=other.pw_gid,
        extra_groups=[],
        env={"PYTHONPATH": ":".join(packages), "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "cchc_app\n"), done.stderr
    assert home.stat().st_uid == other.pw_uid and stat.S_IMODE(home.stat().st_mode) == 0o700


def test_importing_is_light() -> None:
    code = "import sys, warehouse.engine, warehouse.migrate; print({'psycopg2', 'sqlalchemy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
