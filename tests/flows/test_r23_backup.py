"""R23: an installation in one file and back: equal by digest, usable at once, and refused when anything is not right."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import tarfile
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from flows.steps import backup as steps
from flows.steps.backup import backup
from flows.steps.home import RESTORING, Home, UserError, parse_moment
from flows.steps.rebuild import verify
from flows.steps.restore import check, restore
from tests.conftest import empty
from tests.flows import kit
from tests.flows.run_kit import PROCEDURES, Town, dossier
from tests.flows.run_kit import town as town
from warehouse import cluster, dump, engine, remote
from warehouse.errors import DatabaseError
from warehouse.place import secret

pytestmark = [pytest.mark.db, pytest.mark.slow]


class Saved:
    """An archive of an installation that has lived a little, and what was in it."""

    def __init__(self, home: Home, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.home, self.folder = home, folder
        empty(home)
        town = Town(home, folder, patch)
        town.at("2023-03-05T08:00:00")
        town.load("procedures", PROCEDURES, "2023-02-01", "procedures")
        town.load("february", [dossier(n, 10 + n % 9) for n in range(30)], "2023-03-01T08:00:00")
        town.publish("2023-02-28")
        own = town.own_set()
        town.load("march", [dossier(n, 20) for n in range(10)], "2023-03-02T08:00:00")
        town.publish("2023-02-28")
        settings = [home.root / name for name in ("alerts.yaml", "inboxes.yaml", "known_hosts")]
        for path in settings:
            path.write_text("{}\n", encoding="utf-8")
        secret(home.root, "prefect_database", lambda: "of this machine")
        with home.database.begin() as tx:
            for path in ("february.csv", "waits-in-the-inbox.csv"):
                remote.see(tx, "xa", [(path, "1", 1)])
                content = folder / path
                known = hashlib.sha256(content.read_bytes()).hexdigest() if content.exists() else "0" * 64
                remote.received(tx, "xa", path, "1", known, path)
                remote.fetched(tx, "xa", path, "1")
        place = folder / "kho"
        place.mkdir()
        self.digests = dump.digests_of(home.root)
        self.document = backup(home, place)
        self.path = Path(self.document["file"])
        self.secrets = json.loads((home.root / "secrets.json").read_text())
        shutil.rmtree(own)
        for path in settings:
            path.unlink()

    def rewritten(self, name: str, content: bytes | None, source: Path | None = None) -> Path:
        """Return a copy of the archive with one part changed, or added, or left out."""
        target = Path(tempfile.mkdtemp(dir=self.folder)) / "a.tar"
        with tarfile.open(source or self.path) as old, tarfile.open(target, "w") as new:
            for member in old:
                if member.name != name:
                    new.addfile(member, old.extractfile(member))
            if content is not None:
                member = tarfile.TarInfo(name)
                member.size = len(content)
                new.addfile(member, io.BytesIO(content))
        return target

    def with_manifest(self, source: Path | None = None, **more: object) -> Path:
        """Return a copy of the archive whose manifest says something else."""
        return self.rewritten("manifest.json", json.dumps(manifest_of(self.path) | more).encode(), source)


def manifest_of(archive: Path) -> dict:
    with tarfile.open(archive) as tar:
        found = tar.extractfile("manifest.json")
        assert found is not None
        return json.loads(found.read())


@pytest.fixture(scope="module")
def saved(installation: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Saved]:
    with pytest.MonkeyPatch.context() as patch:
        yield Saved(installation, tmp_path_factory.mktemp("saved"), patch)
    empty(installation)


@pytest.fixture
def fresh() -> Iterator[Home]:
    """A place for an installation that does not exist yet."""
    folder = Path(tempfile.mkdtemp(prefix="cchc-test-"))
    folder.chmod(0o711)
    home = Home(folder / "home")
    yield home
    home.database.engine.dispose()
    cluster.destroy(home.root)
    shutil.rmtree(folder, ignore_errors=True)


def test_r23_what_is_restored_is_equal_and_goes_on(saved: Saved, fresh: Home, tmp_path: Path) -> None:
    document, archive = saved.document, saved.path
    assert archive.name == "cchc-20230305-080000.tar" and archive.stat().st_mode & 0o777 == 0o600
    assert os.listdir(archive.parent) == [archive.name], "nothing but the archive is left"
    assert (document["files"], document["damaged"], document["waiting"]) == (3, [], 0)
    assert check(archive)["restored"] is False and not fresh.root.exists()

    back = restore(fresh, archive)
    assert back["restored"] and back["sound"] and back["different"] == [], back
    assert back["audit"]["intact"] and back["runs"] == {"published": 2, "checked": 2, "bad": []}
    digests = dump.digests_of(fresh.root)
    assert saved.digests["dossiers_facts"].rows == 40
    assert {name for name in digests if digests[name] != saved.digests[name]} == {"remote_files"}
    with fresh.database.begin() as tx:  # what lay in the old inbox and was not loaded is fetched again
        assert [path for path, _ in remote.known(tx, "xa")] == ["february.csv"]
    parts = manifest_of(archive)["parts"]
    assert {"alerts.yaml", "inboxes.yaml", "known_hosts", "criteria/bo_mau/set.yaml", "audit.heads"} <= set(parts)
    for name, said in parts.items():
        if name not in ("database.dump", "secrets.json"):
            path = fresh.root / (f"snapshots/{name[10:12]}/{name[10:]}" if name.startswith("snapshots/") else name)
            assert hashlib.sha256(path.read_bytes()).hexdigest() == said["sha256"] and path.stat().st_mode & 0o077 == 0
    kept = json.loads((fresh.root / "secrets.json").read_text())
    assert kept["applicant_token_key"] == saved.secrets["applicant_token_key"]
    assert kept["database"] != saved.secrets["database"] and "prefect_database" not in kept, "passwords stay on their machine"

    # It goes on where it was: numbers, duplicates, publication, and the application's own rights.
    gate = kit.QuickGate()
    same = kit.load(fresh, saved.folder / "march.csv", gate, kit.day(40))
    new = kit.load(fresh, kit.write_csv(tmp_path / "new.csv", [dossier(99, 9)]), gate, parse_moment("2023-03-04"))
    assert (same.status, new.status, new.load_id) == ("duplicate", "loaded", 4)
    assert verify(fresh)["bad"] == []
    with fresh.database.begin() as tx, pytest.raises(Exception, match="permission denied"):
        tx.execute("delete from score_runs")


def test_r23_a_restore_that_was_cut_off_is_started_again(saved: Saved, fresh: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut off before the database, then after it; then an archive that says otherwise; then the right one."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    for step in ("restore", "digests_of"):
        with monkeypatch.context() as broken, pytest.raises(KeyboardInterrupt):
            broken.setattr(dump, step, stop)
            restore(fresh, saved.path)
        with pytest.raises(UserError, match="khôi phục dở dang"):
            fresh.prepare()  # nobody works in half an installation
    with pytest.raises(UserError, match="đã có dữ liệu"):
        restore(fresh, saved.with_manifest(made_at="2023-01-01T00:00:00+07:00"))

    tables = manifest_of(saved.path)["tables"] | {"gone": {"rows": 0, "digest": "0" * 64}}
    tables["loads"] = tables["loads"] | {"digest": "0" * 64}
    back = restore(fresh, saved.with_manifest(tables=tables))
    assert back["different"] == ["gone", "loads"] and "khác bản sao lưu ở bảng gone, loads" in back["message"]
    with pytest.raises(UserError, match="khôi phục dở dang"):
        fresh.prepare()

    assert restore(fresh, saved.path)["sound"]
    fresh.prepare()
    with pytest.raises(UserError, match="đã có dữ liệu") as refused:
        restore(fresh, saved.path)
    assert refused.value.code == "home_not_empty" and not (fresh.root / RESTORING).exists()


def test_r23_not_into_a_database_with_tables_nor_over_a_file(saved: Saved, fresh: Home, tmp_path: Path) -> None:
    fresh.prepare()
    with pytest.raises(UserError, match="đã có bảng"):
        restore(fresh, saved.path)
    assert not (fresh.root / RESTORING).exists()
    with pytest.raises(UserError, match="không ghi đè"):
        backup(saved.home, saved.path)
    with pytest.raises(UserError, match="Không có thư mục"):
        backup(saved.home, tmp_path / "none" / "a.tar")


def test_r23_what_stopped_a_program_of_postgresql_is_said_not_where_it_was(saved: Saved) -> None:
    with tarfile.open(saved.path) as tar, pytest.raises(DatabaseError, match=r"pg_restore dừng giữa chừng: .*already exists"):
        dump.restore(saved.home.root, tar.extractfile("database.dump"))  # type: ignore[arg-type]


def test_r23_a_damaged_or_foreign_archive_is_refused_before_anything_is_written(
    saved: Saved, fresh: Home, tmp_path: Path
) -> None:
    archive = saved.path
    (tmp_path / "cut.tar").write_bytes(archive.read_bytes()[: archive.stat().st_size // 2])
    (tmp_path / "text.tar").write_text("không phải bản sao lưu", encoding="utf-8")
    evil = manifest_of(archive)["parts"] | {"criteria/../../evil": {"bytes": 1, "sha256": hashlib.sha256(b"!").hexdigest()}}
    wrong = {
        tmp_path / "cut.tar": "không phải bản sao lưu",
        tmp_path / "text.tar": "không phải bản sao lưu",
        tmp_path / "none.tar": "Không có tệp",
        tmp_path: "Không đọc được",
        saved.rewritten("alerts.yaml", b"rules: {}\n"): "«alerts.yaml» của bản sao lưu đã hỏng",
        saved.rewritten("audit.heads", None): "thiếu hoặc thừa",
        saved.rewritten("more.txt", b"?"): "thiếu hoặc thừa",
        saved.rewritten("criteria/../../evil", b"!", saved.with_manifest(parts=evil)): "thành phần lạ",
        saved.with_manifest(format=2): "phiên bản cchc mới hơn",
        saved.with_manifest(migration=9999): "mới hơn mã nguồn",
        saved.rewritten("manifest.json", b"[1]"): "không phải bản sao lưu",
    }
    for path, sentence in wrong.items():
        with pytest.raises((UserError, DatabaseError), match=sentence):
            restore(fresh, path)
    assert not fresh.root.exists()


def test_r23_into_a_given_server_and_out_of_it(
    saved: Saved, fresh: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same archive in a PostgreSQL of one's own: one user, none of our roles; and back from there."""
    values = cluster.ensure(saved.home.root).parameters("superuser")
    connection = engine.raw_connection(saved.home.root, role="superuser", autocommit=True)
    try:
        connection.cursor().execute("create database given")
        user, word, host = (quote(str(values[key]), safe="") for key in ("user", "password", "host"))
        monkeypatch.setenv(engine.URL_VARIABLE, f"postgresql+psycopg2://{user}:{word}@/given?host={host}&port={values['port']}")
        assert restore(fresh, saved.path)["sound"]
        again = Path(backup(fresh, tmp_path / "b.tar")["file"])
        back, said = manifest_of(again)["tables"], manifest_of(saved.path)["tables"]
        assert {name for name in said if back[name] != said[name]} == {"remote_files"}
        assert not (fresh.root / "pgdata").exists()
    finally:
        fresh.database.engine.dispose()
        connection.cursor().execute("drop database given with (force)")
        connection.close()


def test_r23_heads_of_the_log_end_where_the_database_ends(tmp_path: Path) -> None:
    """An entry written after the held moment is in the heads but not in the dump: it must not look as if it were cut off."""
    line = "{} {} " + "a" * 64 + "\n"
    lines = [line.format(kind, seq) for seq in (1, 2, 3) for kind in ("intent", "anchor")]
    (tmp_path / "audit.heads").write_text("".join(lines) + "torn 3")
    assert steps.heads_until(Home(tmp_path), 2).decode() == "".join(lines[:4]) + "torn 3\n"
    assert steps.heads_until(Home(tmp_path / "none"), 2) == b""


# --- of an installation at work: these come last, they begin with an empty one ---


def test_r23_a_backup_sees_one_moment_while_files_are_loaded(town: Town, fresh: Home, tmp_path: Path) -> None:
    """Loads go on: the archive holds no half of any, and its files hold all that its database names."""
    over = threading.Event()
    made: list[Path] = []

    def load_on() -> None:
        while not over.is_set():
            rows = [dossier(1000 + len(made) * 5 + k, 12) for k in range(5)]
            path = kit.write_csv(tmp_path / f"more-{len(made)}.csv", rows)
            kit.load(town.home, path, town.gate, parse_moment("2023-03-04"))
            made.append(path)

    thread = threading.Thread(target=load_on)
    thread.start()
    try:
        while len(made) < 2:
            over.wait(0.05)
        before = len(made)
        archive = Path(backup(town.home, tmp_path / "a.tar")["file"])
        after = len(made)
    finally:
        over.set()
        thread.join()
    back = restore(fresh, archive)
    assert back["sound"] and back["different"] == [] and before <= back["files"] <= after + 1
    with fresh.database.begin() as tx:
        assert kit.broken_rules(tx) == []
        assert tx.scalar("select count(*) from dossiers_facts") % 5 == 0


def test_r23_lost_originals_waiting_files_and_rotation(town: Town, tmp_path: Path) -> None:
    town.at("2023-03-05T04:00:00")
    town.load("february", [dossier(1, 10)], "2023-03-01T08:00:00")
    town.load("march", [dossier(2, 10)], "2023-03-02T08:00:00")
    town.load("april", [dossier(3, 10)], "2023-03-03T08:00:00")
    kit.write_csv(town.home.inbox / "moi.csv", [dossier(500, 9)])
    store = sorted(path for path in town.home.snapshots.rglob("*") if path.is_file())
    store[0].unlink()
    store[1].chmod(0o600)
    store[1].write_bytes(b"rust")
    folder = tmp_path / "kho"
    folder.mkdir()
    other = [folder / "cchc-20200101-010000.tar.gpg", folder / "ghi-chu.txt", folder / "cchc-20200101-010000.tar-cu"]
    old = [folder / f"cchc-20230305-0{hour}0000.tar" for hour in range(3)]
    for path in (*other, *old):
        path.write_text("?")
    document = backup(town.home, folder, keep=2)
    assert document["damaged"] == sorted([store[0].name, store[1].name]) and document["files"] == 1
    assert document["waiting"] == 1 and check(Path(document["file"]))["damaged"] == document["damaged"]
    assert document["removed"] == [str(path) for path in old[:2]]
    assert sorted(path.name for path in folder.glob("*.tar")) == ["cchc-20230305-020000.tar", "cchc-20230305-040000.tar"]
    assert all(path.exists() for path in other)
    with pytest.raises(UserError, match="--keep cần một thư mục"):
        backup(town.home, tmp_path / "a.tar", keep=2)
