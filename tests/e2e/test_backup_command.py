"""`cchc backup` and `cchc restore` as people and scripts meet them."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.e2e.kit import Cchc, dossier, write_csv
from warehouse import cluster

SAVED = {
    "file",
    "bytes",
    "made_at",
    "migration",
    "tables",
    "rows",
    "files",
    "damaged",
    "waiting",
    "removed",
    "seconds",
    "message",
}
HEAD = {"file", "made_at", "migration", "tables", "rows", "files", "damaged", "seconds", "message", "restored"}
BACK = HEAD | {"home", "different", "sound", "audit", "runs", "migrated_to"}


def test_r23_by_hand(cchc: Cchc, files: Path, tmp_path: Path) -> None:
    assert cchc("ingest", write_csv(files / "thang-3.csv", [dossier(n) for n in range(1, 9)])).status == 0
    target = tmp_path / "bản sao.tar"
    saved = cchc("backup", target, "--json")
    assert saved.status == 0 and set(saved.json) == SAVED and saved.json["files"] == 1
    assert "thông tin cá nhân" in saved.json["message"] and Path(saved.json["file"]) == target

    checked = cchc("restore", target, "--check", "--json")
    assert checked.status == 0 and set(checked.json) == HEAD and not checked.json["restored"]
    other = cchc.home.parent / "may-moi"
    try:
        back = cchc("restore", target, "--into", other)
        assert back.status == 0, back.err
        for text in ("mọi bảng đúng bằng bản sao lưu", "Nhật ký nguyên vẹn", "chưa có lần nào", "1 tệp gốc"):
            assert text in " ".join(back.out.split()), back.out
        again = Cchc(other)
        assert again("measures", "--year", 2023, "--json").json == cchc("measures", "--year", 2023, "--json").json
        refused = cchc("restore", target, "--into", other, "--json")
        assert refused.status == 2 and refused.json["error"]["code"] == "home_not_empty"
    finally:
        cluster.destroy(other)
        shutil.rmtree(other, ignore_errors=True)
    assert cchc("backup", target).status == 2
    assert cchc("backup", files, "--keep", 0).status == 2
    folder = cchc("backup", files, "--keep", 1)
    assert folder.status == 0 and "1 tệp gốc" in folder.out and "cất nơi an toàn" in " ".join(folder.out.split())
    assert cchc.query("select count(*), min(outcome) from work_log where kind = 'backup'") == [(2, "done")]
