"""The embedded PostgreSQL: many processes, kill -9 of each part, and its end after the last user."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg2
import pytest

from warehouse import cluster, engine, place

pytestmark = [
    pytest.mark.db,
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes through /proc"),
]
ROOT = Path(__file__).resolve().parents[2]
USER = """
import sys, time
from pathlib import Path
from warehouse import engine
connection = engine.raw_connection(Path(sys.argv[1]))
connection.cursor().execute("select 1")
print("in", flush=True)
time.sleep(float(sys.argv[2]))
"""


@pytest.fixture(autouse=True)
def _embedded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(engine.URL_VARIABLE, raising=False)


@pytest.fixture(scope="module")
def used() -> Iterator[Path]:
    """One home for the tests that leave it in order."""
    folder = Path(tempfile.mkdtemp(prefix="cchc-test-"))
    folder.chmod(0o755)
    yield folder / "home"
    cluster.destroy(folder / "home")
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def home() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="cchc-test-"))
    folder.chmod(0o755)
    yield folder / "home"
    if (folder / "home").exists():
        cluster.destroy(folder / "home")
    shutil.rmtree(folder, ignore_errors=True)


def user(home: Path, seconds: float) -> subprocess.Popen[str]:
    """Another process that uses the home for some seconds."""
    command = [sys.executable, "-c", USER, str(home), str(seconds)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def started(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == "in\n"


def processes(word: str, home: Path) -> list[int]:
    """Live processes whose command line holds both texts."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            line = (entry / "cmdline").read_bytes().decode("utf-8", "replace")
            if word in line and str(home) in line:
                found.append(int(entry.name))
    return found


def keepers(home: Path) -> list[int]:
    return processes("keeper.py", home)


def servers(home: Path) -> list[int]:
    return processes("bin/postgres", Path(str(home / "pgdata"))) if home.exists() else []


def only_servers(home: Path) -> list[int]:
    return [pid for pid in servers(home) if pid not in keepers(home)]


def soon(condition: Callable[[], bool], seconds: float) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.05)
    return condition()


def write(home: Path, statement: str) -> None:
    connection = engine.raw_connection(home, role="owner", autocommit=True)
    connection.cursor().execute(statement)
    connection.close()


def read(home: Path, question: str) -> object:
    connection = engine.raw_connection(home, role="owner", autocommit=True)
    try:
        with connection.cursor() as cursor:
            cursor.execute(question)
            row = cursor.fetchone()
            return row[0] if row else None
    finally:
        connection.close()


def test_six_processes_at_once_make_one_server(home: Path) -> None:
    crowd = [user(home, 1.0) for _ in range(6)]
    for process in crowd:
        started(process)
    assert len(only_servers(home)) == 1 and len(keepers(home)) == 1
    for process in crowd:
        _, errors = process.communicate(timeout=20)
        assert process.returncode == 0, errors


def test_output_is_closed_before_the_server_ends_and_it_ends_soon(home: Path) -> None:
    begun = time.monotonic()
    done = subprocess.run([sys.executable, "-c", USER, str(home), "0"], cwd=ROOT, capture_output=True, text=True, timeout=20)
    ended = time.monotonic()
    assert (done.returncode, done.stdout, done.stderr) == (0, "in\n", "")
    assert cluster.running(home) is not None, "the pipes were held until the server had ended"
    assert soon(lambda: cluster.running(home) is None and not keepers(home), 5)
    assert time.monotonic() - ended < 5 and ended - begun < 20


def test_the_server_ends_after_kill_of_the_last_user(used: Path) -> None:
    first, second = user(used, 60), user(used, 60)
    started(first)
    started(second)
    kill(first)
    assert not soon(lambda: cluster.running(used) is None, 1.3)
    kill(second)
    assert soon(lambda: cluster.running(used) is None, 5)


def test_kill_of_the_postmaster_loses_nothing(used: Path) -> None:
    write(used, "create table if not exists t as select 5 as a")
    open_connection = engine.raw_connection(used)
    for _ in range(3):
        pid = cluster.running(used)
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        assert read(used, "select a from t") == 5
        assert cluster.running(used) not in (None, pid)
    with pytest.raises(psycopg2.OperationalError):
        open_connection.cursor().execute("select 1")
    assert len(only_servers(used)) == 1 and len(keepers(used)) == 1


def test_kill_of_a_backend_only_delays_the_others(used: Path) -> None:
    victim = engine.raw_connection(used)
    pid = cluster.running(used)
    os.kill(victim.info.backend_pid, signal.SIGKILL)
    assert read(used, "select 1") == 1
    assert soon(lambda: read(used, "select 1") == 1, 1) and cluster.running(used) == pid
    victim.close()


def test_a_pool_comes_back_after_the_server_was_killed(used: Path) -> None:
    import sqlalchemy

    made = engine.engine(used)
    question = sqlalchemy.text("select pg_backend_pid()")
    with made.connect() as connection:
        connection.execute(question)
    pid = cluster.running(used) or 0
    os.kill(pid, signal.SIGKILL)
    assert soon(lambda: cluster.running(used) != pid, 5)
    with made.connect() as connection:
        assert connection.execute(question).scalar()
    made.dispose()


def test_a_busy_orphan_of_a_killed_postmaster_does_not_block(used: Path) -> None:
    cluster.ensure(used)
    busy = engine.raw_connection(used)
    question = "select count(*) from generate_series(1, 2000000000) as g where g % 7 = 8"
    code = (
        "import sys; from pathlib import Path; from warehouse import engine\n"
        "c = engine.raw_connection(Path(sys.argv[1])).cursor(); print('in', flush=True)\n"
        f"c.execute({question!r})"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(used)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    started(process)
    time.sleep(0.3)
    os.kill(cluster.running(used) or 0, signal.SIGKILL)
    begun = time.monotonic()
    assert read(used, "select 1") == 1
    assert time.monotonic() - begun < 15
    process.wait(20)
    process.communicate()
    busy.close()


def test_kill_of_the_keeper_is_repaired_at_the_next_use(used: Path) -> None:
    cluster.ensure(used)
    pid = cluster.running(used)
    os.kill(keepers(used)[0], signal.SIGKILL)
    assert soon(lambda: not keepers(used), 2)
    cluster.ensure(used)
    assert len(keepers(used)) == 1 and cluster.running(used) == pid
    os.kill(keepers(used)[0], signal.SIGKILL)
    assert soon(lambda: not keepers(used), 2)
    cluster.release(used)
    assert soon(lambda: cluster.running(used) is None, 5)


def test_kill_of_keeper_and_postmaster(used: Path) -> None:
    write(used, "create table if not exists t as select 5 as a")
    for pid in (*keepers(used), cluster.running(used) or 0):
        os.kill(pid, signal.SIGKILL)
    assert read(used, "select a from t") == 5
    assert len(only_servers(used)) == 1 and len(keepers(used)) == 1


@pytest.mark.parametrize("seconds", [0.3, 0.8, 1.2])
def test_kill_of_the_first_user_while_the_cluster_is_made(home: Path, seconds: float) -> None:
    process = user(home, 60)
    time.sleep(seconds)
    kill(process)
    assert read(home, "select 1") == 1
    assert len(only_servers(home)) == 1
    assert not list(home.glob(".pgdata-*"))


def test_a_server_that_comes_up_by_itself_is_taken(used: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who began the start was killed when the server had not written its number down yet: its keeper goes on."""
    cluster.ensure(used)
    pid = cluster.running(used)
    unseen, look = [1, 1], cluster._server
    monkeypatch.setattr(cluster, "_server", lambda where: None if unseen and unseen.pop() else look(where))
    monkeypatch.setattr(cluster, "_KEEPER_PATIENCE_S", 0.5)
    cluster.ensure(used)
    assert not unseen and cluster.running(used) == pid


def test_an_interrupted_set_up_of_the_roles_is_finished(used: Path) -> None:
    cluster.ensure(used)
    where = place.known(used)
    assert where is not None
    place.save(dataclasses.replace(where, ready=False))
    assert read(used, "select 1") == 1
    again = place.known(used)
    assert again is not None and again.ready


def test_a_deleted_home_ends_its_server(home: Path) -> None:
    cluster.ensure(home)
    pid = cluster.running(home)
    assert pid is not None
    shutil.rmtree(home)
    assert soon(lambda: not Path(f"/proc/{pid}/exe").exists(), 5)
    assert soon(lambda: not keepers(home), 3)
    assert read(home, "select 1") == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root keeps data outside of a home")
def test_a_deleted_private_home_leaves_nothing_behind(tmp_path: Path) -> None:
    home = tmp_path / "home"
    tmp_path.chmod(0o700)
    cluster.ensure(home)
    where = place.known(home)
    assert where is not None and Path(where.outside).is_dir()
    shutil.rmtree(home)
    assert soon(lambda: not Path(where.outside).exists(), 5)
    cluster.release(home)


def test_a_running_home_may_be_moved(home: Path) -> None:
    write(home, "create table if not exists t as select 5 as a")
    pid = cluster.running(home)
    cluster.release(home)
    moved = home.with_name("moved")
    process = user(home, 60)
    started(process)
    home.rename(moved)
    assert read(moved, "select a from t") == 5
    assert cluster.running(moved) == pid
    cluster.release(moved)
    kill(process)
    assert soon(lambda: cluster.running(moved) is None, 5)
    cluster.destroy(moved)


def test_stale_traces_of_another_boot_are_ignored(used: Path) -> None:
    write(used, "create table if not exists t as select 5 as a")
    cluster.release(used)
    assert soon(lambda: cluster.running(used) is None, 5)
    recorded = used / "pgdata" / "postmaster.pid"
    recorded.write_text(f"{os.getpid()}\n{used / 'pgdata'}\n1\n5432\n\n\n  1 1\nready   \n")
    assert read(used, "select a from t") == 5
