"""R23: an installation in one file and back: equal by digest, usable at once, and refused when anything is not right."""

from __future__ import annotations

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
from tests.flows import kit
from tests.flows.run_kit import PROCEDURES, Town, dossier
from tests.flows.run_kit import town as town
from warehouse import cluster, dump, engine
from warehouse.errors import DatabaseError

pytestmark = [pytest.mark.db, pytest.mark.slow]


@pytest.fixture
def lived(town: Town, tmp_path: Path) -> Iterator[Town]:
    """An installation with files, rows held back, two published runs, an own set and notices for its alerts."""
    town.at("2023-03-05T08:00:00")
    town.load("procedures", PROCEDURES, "2023-02-01", "procedures")
    town.load("february", [dossier(n, 10 + n % 9) for n in range(30)], "2023-03-01T08:00:00")
    town.publish("2023-02-28")
    town.own_set()
    town.load("march", [dossier(n, 20) for n in range(10)], "2023-03-02T08:00:00")
    town.publish("2023-02-28")
    for name in ("alerts.yaml", "inboxes.yaml"):
        (town.home.root / name).write_text("{}\n", encoding="utf-8")
    yield town
    for name in ("alerts.yaml", "inboxes.yaml"):
        (town.home.root / name).unlink()


@pytest.fixture
def empty_home() -> Iterator[Home]:
    """A place for an installation that does not exist yet."""
    folder = Path(tempfile.mkdtemp(prefix="cchc-test-"))
    folder.chmod(0o711)
    home = Home(folder / "home")
    yield home
    home.database.engine.dispose()
    cluster.destroy(home.root)
    shutil.rmtree(folder, ignore_errors=True)


def rewritten(archive: Path, target: Path, name: str, content: bytes | None) -> Path:
    """Copy an archive with one part changed, or added, or left out."""
    with tarfile.open(archive) as old, tarfile.open(target, "w") as new:
        for member in old:
            if member.name != name:
                new.addfile(member, old.extractfile(member))
        if content is not None:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            new.addfile(member, io.BytesIO(content))
    return target


def manifest_of(archive: Path) -> dict:
    with tarfile.open(archive) as tar:
        found = tar.extractfile("manifest.json")
        assert found is not None
        return json.loads(found.read())


def test_r23_what_is_restored_is_equal_and_goes_on(lived: Town, empty_home: Home, tmp_path: Path) -> None:
    home, target = lived.home, tmp_path / "kho"
    target.mkdir()
    document = backup(home, target)
    archive = Path(document["file"])
    assert archive.name == "cchc-20230305-080000.tar" and archive.stat().st_mode & 0o777 == 0o600
    assert os.listdir(target) == [archive.name], "nothing but the archive is left"
    assert (document["files"], document["damaged"], document["waiting"]) == (3, [], 0)
    before = dump.digests_of(home.root)
    secrets = json.loads((home.root / "secrets.json").read_text())

    assert check(archive)["restored"] is False and not empty_home.root.exists()
    back = restore(empty_home, archive)
    assert back["restored"] and back["sound"] and back["different"] == [], back
    assert back["audit"]["intact"] and back["runs"] == {"published": 2, "checked": 2, "bad": []}
    assert dump.digests_of(empty_home.root) == before and before["dossiers_facts"].rows == 40
    for path in [p for p in home.root.rglob("*") if p.relative_to(home.root).parts[0] in ("snapshots", "contracts", "criteria")]:
        again = empty_home.root / path.relative_to(home.root)
        assert path.is_dir() or (again.read_bytes() == path.read_bytes() and again.stat().st_mode & 0o077 == 0)
    kept = json.loads((empty_home.root / "secrets.json").read_text())
    assert kept["applicant_token_key"] == secrets["applicant_token_key"] and kept["database"] != secrets["database"]
    assert (empty_home.root / "alerts.yaml").exists() and (empty_home.root / "inboxes.yaml").exists()

    # It goes on where it was: numbers, duplicates, publication, and the application's own rights.
    same = kit.load(empty_home, tmp_path / "march.csv", lived.gate, kit.day(40))
    fresh = kit.load(
        empty_home, kit.write_csv(tmp_path / "new.csv", [dossier(99, 9)]), lived.gate, parse_moment("2023-03-04"),
    )  # fmt: skip
    assert (same.status, fresh.status, fresh.load_id) == ("duplicate", "loaded", 4)
    assert verify(empty_home)["bad"] == []
    with empty_home.database.begin() as tx, pytest.raises(Exception, match="permission denied"):
        tx.execute("delete from score_runs")


def test_r23_a_backup_sees_one_moment_while_files_are_loaded(lived: Town, empty_home: Home, tmp_path: Path) -> None:
    """Loads go on: the archive holds no half of any, and its files hold all that its database names."""
    over = threading.Event()
    made: list[Path] = []

    def load_on() -> None:
        number = 0
        while not over.is_set():
            path = kit.write_csv(tmp_path / f"more-{number}.csv", [dossier(1000 + number * 5 + k, 12) for k in range(5)])
            kit.load(lived.home, path, lived.gate, parse_moment("2023-03-04"))
            made.append(path)
            number += 1

    thread = threading.Thread(target=load_on)
    thread.start()
    try:
        while len(made) < 2:
            over.wait(0.05)
        before = len(made)
        archive = Path(backup(lived.home, tmp_path / "a.tar")["file"])
        after = len(made)
    finally:
        over.set()
        thread.join()
    back = restore(empty_home, archive)
    assert back["sound"] and back["different"] == [] and before + 3 <= back["files"] <= after + 4
    with empty_home.database.begin() as tx:
        assert kit.broken_rules(tx) == []
        assert tx.scalar("select count(*) from dossiers_facts where dossier_code like 'H32.22492-1%%'") % 5 == 0


def test_r23_heads_of_the_log_end_where_the_database_ends(tmp_path: Path) -> None:
    """An entry written after the held moment is in the heads but not in the dump: it must not look as if it were cut off."""
    line = "{} {} " + "a" * 64 + "\n"
    lines = [line.format(kind, seq) for seq in (1, 2, 3) for kind in ("intent", "anchor")]
    (tmp_path / "audit.heads").write_text("".join(lines) + "torn 3")
    assert steps.heads_until(Home(tmp_path), 2).decode() == "".join(lines[:4]) + "torn 3\n"
    assert steps.heads_until(Home(tmp_path / "none"), 2) == b""


def test_r23_only_into_an_empty_home(lived: Town, empty_home: Home, tmp_path: Path) -> None:
    archive = Path(backup(lived.home, tmp_path / "a.tar")["file"])
    with pytest.raises(UserError, match="đã có dữ liệu") as refused:
        restore(lived.home, archive)
    assert refused.value.code == "home_not_empty"
    with pytest.raises(UserError, match="không ghi đè"):
        backup(lived.home, archive)
    empty_home.prepare()
    with pytest.raises(UserError, match="đã có bảng"):
        restore(empty_home, archive)
    assert not (empty_home.root / RESTORING).exists()


@pytest.mark.parametrize("crash", ["database", "digests"])
def test_r23_a_restore_that_was_cut_off_is_started_again(
    lived: Town, empty_home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, crash: str
) -> None:
    archive = Path(backup(lived.home, tmp_path / "a.tar")["file"])

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken, pytest.raises(KeyboardInterrupt):
        broken.setattr(dump, "restore" if crash == "database" else "digests_of", stop)
        restore(empty_home, archive)
    with pytest.raises(UserError, match="khôi phục dở dang"):
        empty_home.prepare()  # nobody works in half an installation
    other = rewritten(archive, tmp_path / "b.tar", "units.yaml", None)
    manifest = manifest_of(other) | {"made_at": "2023-01-01T00:00:00+07:00"}
    with pytest.raises(UserError, match="đã có dữ liệu"):
        restore(empty_home, rewritten(other, tmp_path / "c.tar", "manifest.json", json.dumps(manifest).encode()))
    assert restore(empty_home, archive)["sound"]
    empty_home.prepare()


def test_r23_a_damaged_or_foreign_archive_is_refused_before_anything_is_written(
    lived: Town, empty_home: Home, tmp_path: Path
) -> None:
    archive = Path(backup(lived.home, tmp_path / "good.tar")["file"])
    manifest = manifest_of(archive)

    def with_manifest(**more: object) -> bytes:
        return json.dumps(manifest | more).encode()

    (tmp_path / "cut.tar").write_bytes(archive.read_bytes()[: archive.stat().st_size // 2])
    (tmp_path / "text.tar").write_text("không phải bản sao lưu", encoding="utf-8")
    evil = manifest["parts"] | {"criteria/../../evil": {"bytes": 1, "sha256": "0" * 64}}
    outside = rewritten(archive, tmp_path / "step.tar", "manifest.json", with_manifest(parts=evil))
    wrong = {
        tmp_path / "cut.tar": "không phải bản sao lưu",
        tmp_path / "text.tar": "không phải bản sao lưu",
        tmp_path / "none.tar": "Không có tệp",
        tmp_path: "Không đọc được",
        rewritten(archive, tmp_path / "a.tar", "alerts.yaml", b"rules: {}\n"): "«alerts.yaml» của bản sao lưu đã hỏng",
        rewritten(archive, tmp_path / "b.tar", "audit.heads", None): "thiếu hoặc thừa",
        rewritten(archive, tmp_path / "c.tar", "more.txt", b"?"): "thiếu hoặc thừa",
        rewritten(outside, tmp_path / "d.tar", "criteria/../../evil", b"!"): "thành phần lạ",
        rewritten(archive, tmp_path / "e.tar", "manifest.json", with_manifest(format=2)): "phiên bản cchc mới hơn",
        rewritten(archive, tmp_path / "f.tar", "manifest.json", with_manifest(migration=9999)): "mới hơn mã nguồn",
        rewritten(archive, tmp_path / "g.tar", "manifest.json", b"[1]"): "không phải bản sao lưu",
    }
    for path, sentence in wrong.items():
        with pytest.raises((UserError, DatabaseError), match=sentence):
            restore(empty_home, path)
    assert not empty_home.root.exists()


def test_r23_a_database_that_comes_out_different_is_said_and_not_used(lived: Town, empty_home: Home, tmp_path: Path) -> None:
    archive = Path(backup(lived.home, tmp_path / "a.tar")["file"])
    manifest = manifest_of(archive)
    manifest["tables"]["loads"]["digest"] = "0" * 64
    manifest["tables"]["gone"] = {"rows": 0, "digest": "0" * 64}
    changed = rewritten(archive, tmp_path / "b.tar", "manifest.json", json.dumps(manifest).encode())
    back = restore(empty_home, changed)
    assert back["different"] == ["gone", "loads"] and "khác bản sao lưu ở bảng gone, loads" in back["message"]
    with pytest.raises(UserError, match="khôi phục dở dang"):
        empty_home.prepare()


def test_r23_lost_originals_are_named_and_the_rest_is_saved(lived: Town, tmp_path: Path) -> None:
    store = sorted(path for path in lived.home.snapshots.rglob("*") if path.is_file())
    store[0].unlink()
    store[1].chmod(0o600)
    store[1].write_bytes(b"rust")
    document = backup(lived.home, tmp_path / "a.tar")
    assert document["damaged"] == sorted([store[0].name, store[1].name]) and document["files"] == 1
    assert check(tmp_path / "a.tar")["damaged"] == document["damaged"]


def test_r23_rotation_keeps_the_newest_and_touches_nothing_else(lived: Town, tmp_path: Path) -> None:
    folder = tmp_path / "kho"
    folder.mkdir()
    other = [folder / "cchc-20200101-010000.tar.gpg", folder / "ghi-chu.txt", folder / "cchc-20200101-010000.tar-cu"]
    for path in other:
        path.write_text("?")
    for hour in range(4):
        lived.at(f"2023-03-05T0{hour}:00:00")
        document = backup(lived.home, folder, keep=2)
    assert [Path(path).name for path in document["removed"]] == ["cchc-20230305-010000.tar"]
    left = {path.name for path in folder.iterdir()} - {path.name for path in other}
    assert left == {"cchc-20230305-020000.tar", "cchc-20230305-030000.tar"} and all(path.exists() for path in other)
    with pytest.raises(UserError, match="--keep cần một thư mục"):
        backup(lived.home, tmp_path / "a.tar", keep=2)


def test_r23_into_a_given_server_and_out_of_it(
    lived: Town, empty_home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same archive in a PostgreSQL of one's own: one user, no roles of ours; and back from there."""
    archive = Path(backup(lived.home, tmp_path / "a.tar")["file"])
    before = dump.digests_of(lived.home.root)
    values = cluster.ensure(lived.home.root).parameters("superuser")
    connection = engine.raw_connection(lived.home.root, role="superuser", autocommit=True)
    try:
        connection.cursor().execute("create database given")
        user, word, host = (quote(str(values[key]), safe="") for key in ("user", "password", "host"))
        monkeypatch.setenv(engine.URL_VARIABLE, f"postgresql+psycopg2://{user}:{word}@/given?host={host}&port={values['port']}")
        back = restore(empty_home, archive)
        assert back["sound"] and dump.digests_of(empty_home.root) == before
        again = Path(backup(empty_home, tmp_path / "b.tar")["file"])
        assert manifest_of(again)["tables"] == manifest_of(archive)["tables"]
        assert not (empty_home.root / "pgdata").exists()
    finally:
        empty_home.database.engine.dispose()
        connection.cursor().execute("drop database given with (force)")
        connection.close()


def test_r23_files_that_wait_in_the_inbox_are_counted(lived: Town, tmp_path: Path) -> None:
    kit.write_csv(lived.home.inbox / "moi.csv", [dossier(500, 9)])
    assert backup(lived.home, tmp_path / "a.tar")["waiting"] == 1
