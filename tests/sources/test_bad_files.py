"""R7-R10: no bad file hangs, crashes the parent, opens a socket, reads outside, or is accepted with a lie."""

from __future__ import annotations

import datetime as dt
import os
import random
import resource
import socket
import threading
import time
import unicodedata
from pathlib import Path

import pytest

from sources import child
from sources.tabular import guard
from sources.tabular.formats import sniff_format
from sources.tabular.reject import Rejected
from tests.broken.files import make
from tests.sources import samples as s

pytestmark = pytest.mark.slow  # a whole file of seconds: left to `make test`

CASES = make.all_cases()


def in_child(path: Path | int, folder: Path, **options: object) -> object:
    """Parse through the limited child."""
    out = folder / "out"
    out.mkdir(exist_ok=True)
    return child.parse_in_child(
        path,
        **{
            "display_name": "x",
            "contracts": s.CONTRACTS,
            "unit": None,
            "received_at": s.RECEIVED,
            "token_key": s.KEY,
            "out_dir": out,
            **options,
        },
    )  # type: ignore[arg-type]


def test_r07_there_are_enough_bad_files() -> None:
    assert len(CASES) >= 200 and len({name for name, _, _ in CASES}) == len(CASES)


@pytest.mark.parametrize(("name", "data", "reasons"), CASES, ids=[name for name, _, _ in CASES])
def test_r07_every_bad_file_is_refused_or_read(name: str, data: bytes, reasons: set[str], tmp_path: Path) -> None:
    path = tmp_path / "bad.xlsx"
    path.write_bytes(data)
    start = time.monotonic()
    result = in_child(path, tmp_path)
    assert time.monotonic() - start < 10
    assert (result.reason or "ok") in reasons, result.message
    assert result.status == ("ok" if result.reason is None else "rejected")
    if result.reason:
        assert (
            result.message
            and result.message.endswith(".")
            and "\n" not in result.message
            and unicodedata.is_normalized("NFC", result.message)
        )
        assert not any(row[9] in result.message or row[10] in result.message for row in s.ROWS)
    else:
        assert result.rows_read == result.rows_ok + result.rows_quarantined


@pytest.mark.parametrize(("name", "data", "reasons"), make.all_bombs(), ids=[name for name, _, _ in make.all_bombs()])
def test_r08_bombs_are_refused_within_a_second_before_parsing(name: str, data: bytes, reasons: set[str], tmp_path: Path) -> None:
    if not data.startswith(b"PK"):
        pytest.skip("not a zip: bounded while it is read, see test_r07")
    path = tmp_path / "bomb.xlsx"
    path.write_bytes(data)
    start = time.monotonic()
    assert sniff_format(path) == "zip"
    with pytest.raises(Rejected) as caught:
        guard.check_zip(path)
    assert time.monotonic() - start < 1.0 and caught.value.reason in reasons


def test_r08_the_child_is_limited_in_time(tmp_path: Path) -> None:
    wide = "x" * 900
    path = tmp_path / "large.xlsx"
    path.write_bytes(s.xlsx_bytes([s.HEADER, *[[f"{wide}{r}{c}" for c in range(13)] for r in range(3000)]]))
    result = in_child(path, tmp_path, time_limit_s=0.05)
    assert result.reason == "too_slow" and "Excel" in (result.message or "")


def test_r08_the_child_is_limited_in_memory(tmp_path: Path) -> None:
    """One far cell of an old .xls makes the parser ask for half a gigabyte: the child ends, the parent does not grow."""
    import xlwt

    book = xlwt.Workbook()
    sheet = book.add_sheet("x")
    sheet.write(0, 0, "x")
    sheet.write(65_535, 255, "x")
    path = tmp_path / "far.xls"
    book.save(str(path))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    result = in_child(path, tmp_path)
    assert result.reason == "too_large" and "CSV" in (result.message or "")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before <= 64 * 1024


def test_r08_running_out_of_memory_is_a_reason(tmp_path: Path) -> None:
    path = tmp_path / "deep.csv"
    with path.open("wb") as file:
        file.write(s.csv_bytes() + b'"')
        for _ in range(12):
            file.write(b"x" * (1 << 23))
    result = in_child(path, tmp_path, time_limit_s=30)
    assert result.reason in ("malformed", "too_large", "too_slow")


def test_r09_a_reader_opens_no_socket_and_starts_no_program(tmp_path: Path) -> None:
    """The audit hook of the worker stands in front of both; a listener sees nobody."""
    with pytest.raises(PermissionError):
        child._refuse("socket.connect", ())
    with pytest.raises(PermissionError):
        child._refuse("subprocess.Popen", ())
    child._refuse("open", ())
    visitors: list[object] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)

        def listen() -> None:
            try:
                visitors.append(server.accept())
            except OSError:
                return

        watcher = threading.Thread(target=listen)
        watcher.start()
        address = f"http://127.0.0.1:{server.getsockname()[1]}/x"
        for n, data in enumerate((
            s.html_text().replace("<table", f"<link rel=stylesheet href='{address}'><img src='{address}'><table", 1).encode(),
            s.edit_zip(s.xlsx_bytes(), {"xl/worksheets/sheet1.xml": f'<?xml version="1.0"?><!DOCTYPE x SYSTEM "{address}"><x/>'.encode()}),
        )):  # fmt: skip
            path = tmp_path / f"{n}.xls"
            path.write_bytes(data)
            in_child(path, tmp_path)
        watcher.join()
    assert not visitors


def test_r10_links_folders_devices_and_pipes(tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_bytes(s.csv_bytes())
    link = tmp_path / "link.csv"
    link.symlink_to(secret)
    with pytest.raises(OSError):
        in_child(link, tmp_path)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (tmp_path, pipe, Path("/dev/zero")):
        assert in_child(path, tmp_path).reason == "not_a_file"


@pytest.mark.parametrize(
    "name",
    [
        "a" * 251 + ".csv",
        unicodedata.normalize("NFD", "Hồ sơ Đại Lãnh.csv"),
        "x\n;rm -rf y.csv",
        "'; drop table x;--.csv",
        "-rf.csv",
    ],
)
def test_r10_names_do_not_matter(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(s.csv_bytes())
    assert in_child(path, tmp_path, display_name=name).rows_ok == 3


def test_r10_a_swap_during_the_read_changes_nothing(tmp_path: Path) -> None:
    """What was opened is what is read, whatever the name points to by then."""
    path = tmp_path / "a.csv"
    path.write_bytes(s.csv_bytes())
    descriptor = os.open(path, os.O_RDONLY)
    try:
        other = tmp_path / "b.csv"
        other.write_bytes(b"nothing here")
        other.replace(path)
        assert in_child(descriptor, tmp_path).rows_ok == 3
    finally:
        os.close(descriptor)


def test_a_dead_nursery_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(s.csv_bytes())
    assert in_child(path, tmp_path).rows_ok == 3
    dead = child.nursery().process  # asking again would start the next one
    dead.kill()
    dead.wait(10)
    assert in_child(path, tmp_path).rows_ok == 3


def test_many_threads_share_one_nursery(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(s.csv_bytes())
    found: list[int] = []

    def one(n: int) -> None:
        folder = tmp_path / str(n)
        folder.mkdir()
        found.append(in_child(path, folder).rows_ok)

    threads = [threading.Thread(target=one, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [3] * 8


def _mutate(data: bytes, noise: random.Random) -> bytes:
    """Return data with a few random changes: flips, cuts, copies, insertions."""
    out = bytearray(data)
    for _ in range(noise.randint(1, 6)):
        if len(out) < 8:
            break
        at, size = noise.randrange(len(out)), noise.randint(1, 40)
        match noise.randrange(5):
            case 0:
                out[at] = noise.randrange(256)
            case 1:
                del out[at : at + size]
            case 2:
                out[at:at] = noise.randbytes(size)
            case 3:
                out[at:at] = out[noise.randrange(len(out)) :][:size]
            case _:
                out[at : at + size] = noise.choice([b"\0", b"\xff", b"<", b'"', b",", b"\xf0\x9f\x98\x80", b"2023", b"&#x0;"]) * 4
    return bytes(out)


SEEDS = [
    s.csv_bytes(),
    s.csv_bytes(encoding="utf-16"),
    s.xlsx_bytes(),
    s.xls_bytes(),
    s.ods_bytes(),
    s.html_bytes(),
    s.csv_bytes(delimiter=";"),
]


def test_r07_fuzz_in_the_child(tmp_path: Path) -> None:
    """CCHC_FUZZ sets how many mutated files are read (reliability wants 10,000); the default suits a quick run."""
    total = int(os.environ.get("CCHC_FUZZ", "250"))
    noise = random.Random(20230317)
    reasons: dict[str, int] = {}
    path = tmp_path / "f.bin"
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for n in range(total):
        path.write_bytes(_mutate(SEEDS[n % len(SEEDS)], noise))
        start = time.monotonic()
        result = in_child(path, tmp_path)
        assert time.monotonic() - start < 10, f"file {n} took too long"
        reasons[result.reason or "ok"] = reasons.get(result.reason or "ok", 0) + 1
        if result.status == "ok":
            assert result.rows_read == result.rows_ok + result.rows_quarantined
        else:
            assert result.reason and result.message
    assert reasons.get("crashed", 0) <= total // 50, reasons
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before <= 64 * 1024


def test_the_moment_of_receipt_must_be_aware(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(s.csv_bytes())
    assert in_child(path, tmp_path, received_at=dt.datetime(2024, 1, 5, tzinfo=dt.timezone(dt.timedelta(hours=7)))).rows_ok == 3
