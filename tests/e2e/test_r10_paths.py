"""R10: names and places that try to lead elsewhere, and files that change under the reader."""

from __future__ import annotations

import hashlib
import os
import threading
import unicodedata
from pathlib import Path

import pytest

from tests.e2e.kit import HEADER, Answer, Cchc, csv_text, dossier, write_csv

as_root = os.geteuid() == 0


def _content(number: int) -> bytes:
    return csv_text([HEADER, dossier(1, month=1 + number % 12, code=f"TEN-{number:04d}")]).encode()


def _names() -> dict[str, bytes]:
    """Return awkward names that a file system takes → content."""
    long = ("ấ" * 83 + "xx.csv").encode()
    names = {
        "xuống\ndòng.csv", "về\rđầu.csv", "tab\t.csv", "\x1b[31mđỏ\x1b[0m.csv", " khoảng trắng .csv", "-rf.csv", "--json", "[bold]đậm.csv",
        "nháy'đơn.csv", 'nháy"kép.csv', "chấm;phẩy$(id)`id`.csv", "%s%n{0}.csv", "*?.csv", "\u202egnp.csv", "🎉.csv", "CON.csv", "a..csv",
        unicodedata.normalize("NFD", "Hồ sơ tháng Mười Hai đặc biệt.csv"), "C:\\Windows\\win.csv", "ký tự\u200bẩn.csv",
    }  # fmt: skip
    return {name: _content(n) for n, name in enumerate(sorted(names))} | {
        os.fsdecode(long): _content(90), os.fsdecode(b"khong-utf8-\xff\xfe.csv"): _content(91),
    }  # fmt: skip


@pytest.fixture(scope="module")
def awkward(cchc: Cchc, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Answer]:
    """One folder of everything awkward, ingested in one command."""
    outside = tmp_path_factory.mktemp("ngoai")
    write_csv(outside / "bi-mat.csv", [dossier(1, code="NGOAI-0001")])
    folder = tmp_path_factory.mktemp("ten")
    for name, content in _names().items():
        (folder / name).write_bytes(content)
    (folder / "lien-ket.csv").symlink_to(outside / "bi-mat.csv")
    (folder / "lien-ket-gay.csv").symlink_to(folder / "khong-co")
    (folder / "thu-muc-ngoai").symlink_to(outside)
    os.mkfifo(folder / "ong.csv")
    (folder / "rong.csv").touch()
    (folder / ".an.csv").write_bytes(_content(92))
    (folder / "~$tam.xlsx").write_bytes(b"\0" * 165)
    (folder / "con").mkdir()
    (folder / "con" / "sau.csv").write_bytes(_content(93))
    (folder / ".rac").mkdir()
    (folder / ".rac" / "bo.csv").write_bytes(_content(96))
    (folder / "con" / ".part").write_bytes(_content(94))
    (folder / "khong-duoc-doc.csv").write_bytes(_content(95))
    (folder / "khong-duoc-doc.csv").chmod(0)
    return folder, cchc("ingest", folder, "--json")


def test_r10_awkward_names_load_and_nothing_outside_is_read(cchc: Cchc, awkward: tuple[Path, Answer]) -> None:
    _, answer = awkward
    assert answer.status == 3, answer.err
    files = {Path(file["path"]).name: file for file in answer.json["files"]}
    refused = {name: file["reason"] for name, file in files.items() if file["status"] == "rejected"}
    expected = {"lien-ket.csv": "not_a_file", "lien-ket-gay.csv": "not_a_file", "ong.csv": "not_a_file", "rong.csv": "empty"}
    if not as_root:
        expected["khong-duoc-doc.csv"] = "no_permission"
    assert refused == expected
    assert not {".an.csv", "~$tam.xlsx", ".part", "bo.csv", "thu-muc-ngoai"} & set(files)
    loaded = {row[0] for row in cchc.query("select dossier_code from dossiers_facts where dossier_code like 'TEN-%'")}
    wanted = {f"TEN-{n:04d}" for n in [*range(len(_names()) - 2), 90, 91, 93, *([95] if as_root else [])]}
    assert loaded == wanted
    assert cchc.query("select count(*) from dossiers_facts where dossier_code = 'NGOAI-0001'") == [(0,)]
    shown = [row[0] for row in cchc.query("select display_name from arrivals")]
    assert all(name.isprintable() and name == unicodedata.normalize("NFC", name) and len(name.encode()) <= 1024 for name in shown)


def test_r10_snapshots_lie_in_the_store_by_digest(cchc: Cchc, awkward: tuple[Path, Answer]) -> None:
    for file in answer_files(awkward[1]):
        if file["sha256"]:
            place = cchc.home / "snapshots" / file["sha256"][:2] / file["sha256"]
            assert hashlib.sha256(place.read_bytes()).hexdigest() == file["sha256"]
            assert place.stat().st_mode & 0o777 == 0o400
    everything = {path for path in (cchc.home / "snapshots").rglob("*") if path.is_file()}
    assert all(path.name == path.parent.name + path.name[2:] and len(path.name) == 64 for path in everything)


def answer_files(answer: Answer) -> list[dict[str, object]]:
    return list(answer.json["files"])


def test_r10_awkward_names_for_people(cchc: Cchc, awkward: tuple[Path, Answer]) -> None:
    """The second time everything is known; the table shows each name on its line, no terminal command gets through."""
    answer = cchc("ingest", awkward[0])
    assert answer.status == 3 and "\x1b" not in answer.out and "[bold]đậm.csv" in answer.out
    waiting = cchc("quarantine", "list", "--all")
    assert waiting.status == 0 and "\x1b" not in waiting.out


def test_r10_dots_and_links_in_the_path_given(cchc: Cchc, files: Path) -> None:
    write_csv(files / "that.csv", [dossier(1, code="DUONG-0001")])
    (files / "con").mkdir()
    (files / "noi").symlink_to(files, target_is_directory=True)
    dotted = cchc("ingest", f"{files}/con/../that.csv", "--json")
    assert dotted.status == 0 and dotted.json["files"][0]["status"] == "loaded"
    link = cchc("ingest", files / "noi", "--json")
    assert link.status == 3 and link.json["files"][0]["reason"] == "not_a_file"
    for device in ("/dev/null", "/dev/zero", "/proc/self/mem"):
        answer = cchc("ingest", device, "--json")
        assert answer.status == 3 and answer.json["files"][0]["reason"] in ("not_a_file", "empty", "no_permission"), device
    for missing in ("a\nb", "x" * 300, "\ud800".encode("utf-8", "surrogatepass")):
        assert cchc("ingest", missing, "--json").status in (2, 3)


def test_r10_contract_and_sniff_take_no_tricks(cchc: Cchc, files: Path) -> None:
    os.mkfifo(files / "ong.yaml")
    (files / "lien-ket.csv").symlink_to("/etc/passwd")
    assert cchc("ingest", files, "--contract", files / "ong.yaml", "--json").status == 2
    assert cchc("ingest", files, "--contract", files, "--json").status == 2
    assert cchc("ingest", files, "--contract", "../../etc/passwd", "--json").status == 2
    sniffed = cchc("contract", "sniff", files / "lien-ket.csv", "--json")
    assert sniffed.status == 2 and "root:" not in sniffed.out
    (files / "hop-dong.yaml").write_bytes(b"\xff\xfe\x00\x01")
    assert cchc("ingest", files, "--contract", files / "hop-dong.yaml", "--json").status == 2
    (files / "hop-dong.yaml").write_text("!!python/object/apply:os.system ['touch /tmp/cchc-pwned']\n", encoding="utf-8")
    assert cchc("ingest", files, "--contract", files / "hop-dong.yaml", "--json").status == 2
    assert not Path("/tmp/cchc-pwned").exists()


def test_r10_a_file_swapped_while_it_is_read(cchc: Cchc, files: Path) -> None:
    """Whatever is at the name meanwhile: what was hashed is what is kept and what is loaded, one whole version of it."""
    versions = [csv_text([HEADER, *(dossier(n, code=f"DOI-{v}-{n:05d}") for n in range(4000))]).encode() for v in "AB"]
    path, stop = files / "doi.csv", threading.Event()
    path.write_bytes(versions[0])

    def swap() -> None:
        turn = 0
        while not stop.is_set():
            turn += 1
            other = files / ".moi"
            other.write_bytes(versions[turn % 2])
            other.replace(path)

    worker = threading.Thread(target=swap)
    worker.start()
    try:
        answer = cchc("ingest", path, "--json")
    finally:
        stop.set()
        worker.join()
    (file,) = answer.json["files"]
    digests = {hashlib.sha256(version).hexdigest(): name for version, name in zip(versions, "AB", strict=True)}
    assert answer.status == 0 and file["sha256"] in digests
    rows = cchc.query(
        "select substr(dossier_code, 5, 1), count(*) from dossiers_facts where dossier_code like 'DOI-%' group by 1"
    )
    assert rows == [(digests[file["sha256"]], 4000)]


def test_r10_a_file_that_is_still_written_waits(cchc: Cchc, files: Path) -> None:
    path, stop = files / "dang-ghi.csv", threading.Event()
    path.write_text(csv_text([HEADER]), encoding="utf-8")

    def grow() -> None:
        with path.open("a", encoding="utf-8") as target:
            number = 0
            while not stop.is_set() and number < 20_000:
                number += 1
                target.write(csv_text([dossier(number, code=f"GHI-{number:07d}")]))

    worker = threading.Thread(target=grow)
    worker.start()
    try:
        answer = cchc("ingest", path, "--json")
    finally:
        stop.set()
        worker.join()
    (file,) = answer.json["files"]
    held = cchc.query("select count(*) from dossiers_facts where dossier_code like 'GHI-%'")[0][0]
    if file["status"] == "rejected":
        assert file["reason"] == "changing" and held == 0
    else:  # the reader was quicker than the writer: one whole prefix of it
        assert held == file["rows_accepted"]
    whole = cchc("ingest", path, "--json")
    assert whole.json["files"][0]["status"] in ("loaded", "duplicate")
