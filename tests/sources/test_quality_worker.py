"""The gate with Great Expectations behind it: verdicts, Data Docs, privacy, processes."""

from __future__ import annotations

import hashlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from sources.quality import Gate, GateError, GateRequest

pytestmark = pytest.mark.slow
RULES = [
    ("missing__dossier_code", "missing", "Số hồ sơ", "quarantine"),
    ("unique__dossier_code", "unique", "Số hồ sơ", "quarantine"),
    ("not_after_received__received_at", "not_after_received", "Ngày tiếp nhận", "reject_file"),
    ("range__fee_amount", "range", "Lệ phí <b>${x} & $y", "warn"),
]
CHECKS = [
    {
        "id": name,
        "rule": rule,
        "column": name.split("__")[1],
        "header": header,
        "label": "",
        "severity": severity,
    }
    for name, rule, header, severity in RULES
]


def flags(path: Path, rows: int, failing: dict[str, list[int]], leave_out: str = "") -> Path:
    """Write flags.arrow: `failing` lists the row numbers (from 0) that fail each check."""
    columns = {"_row": pa.array(np.arange(rows, dtype=np.int32) + 2)}
    for name, *_ in RULES:
        mask = np.ones(rows, bool)
        mask[failing.get(name, [])] = False
        if name != leave_out:
            columns[name] = pa.array(mask)
    table = pa.table(columns)
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=64)
    return path


def request(path: Path, key: str = "a", **more: object) -> GateRequest:
    return GateRequest(
        contract="one_stop", source="one_stop", sha256=hashlib.sha256(key.encode()).hexdigest(),
        received_at="2024-01-02T08:00:00+07:00", flags_path=path, checks=CHECKS, **more,  # type: ignore[arg-type]
    )  # fmt: skip


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    home = tmp_path_factory.mktemp("home")
    with Gate(home, home / "reports" / "data_docs") as gate:
        gate.start()
        yield gate


def test_verdicts_follow_severity_and_thresholds(gate: Gate, tmp_path: Path) -> None:
    def judge(rows: int, failing: dict[str, list[int]], **more: object) -> tuple[object, ...]:
        verdict = gate.judge(request(flags(tmp_path / "f.arrow", rows, failing), rows_read=rows, **more))
        return (
            verdict.status,
            verdict.reason,
            verdict.quarantined,
            {item.id: item.failed for item in verdict.failed},
        )

    missing, unique, future, fee = (name for name, *_ in RULES)
    assert judge(100, {}) == ("pass", None, 0, {})
    assert judge(100, {fee: [1, 2]}) == ("pass", None, 0, {fee: 2})
    assert judge(100, {missing: [1], unique: [1, 5]}) == ("quarantine", None, 2, {unique: 2, missing: 1})
    assert judge(10, {missing: [0, 1, 2, 3, 4]})[:2] == ("quarantine", None)
    half = {"max_quarantined_share": 0.5}
    assert judge(10, {missing: [0, 1, 2], unique: [3, 4, 5]})[:3] == ("quarantine", None, 6)
    assert judge(10, {missing: [0, 1, 2], unique: [3, 4, 5]}, gate=half)[:3] == ("reject", "max_quarantined_share", 6)
    assert judge(10, {missing: [0, 1, 2]}, gate={"max_quarantined_share": 0.3})[0] == "quarantine"
    assert judge(10, {missing: [0, 1, 2, 3]}, gate={"max_quarantined_share": 0.3})[0] == "reject"
    assert judge(10, {fee: [0, 1]}, gate={"max_failed_share": {fee: 0.1}})[:2] == (
        "reject",
        "max_failed_share",
    )
    assert judge(100, {future: [7]})[:2] == ("reject", "reject_file")
    assert judge(0, {})[:2] == ("pass", None)
    assert judge(0, {}, gate={"min_rows": 1})[:2] == ("reject", "min_rows")


def test_flags_that_do_not_cover_the_file_give_no_verdict(gate: Gate, tmp_path: Path) -> None:
    whole = flags(tmp_path / "w.arrow", 5, {})
    for bad, code in [
        (request(whole, rows_read=6), "flags_mismatch"),
        (request(whole, rows_read=5, rows_quarantined=1), "flags_mismatch"),
        (request(flags(tmp_path / "p.arrow", 5, {}, leave_out=RULES[1][0])), "flags_unreadable"),
        (request(tmp_path / "absent.arrow"), "flags_unreadable"),
    ]:
        with pytest.raises(GateError) as caught:
            gate.judge(bad)
        assert caught.value.code == code
    assert gate.judge(request(whole)).status == "pass"


def test_data_docs_are_vietnamese_offline_and_only_what_is_new_is_built(gate: Gate, tmp_path: Path) -> None:
    failing = {RULES[1][0]: [1, 2], RULES[3][0]: [3]}
    verdict = gate.judge(request(flags(tmp_path / "f.arrow", 40, failing), "docs", unit_name="Xã Đại Lãnh"))
    index = gate.build_docs()
    page = index.parent / "validations" / f"{verdict.validation_id}.html"
    text = page.read_text(encoding="utf-8")
    for expected in ("Đạt, có dòng bị giữ lại", "Quy tắc không đạt", "2 dòng không đạt, chiếm 5 % trong 40 dòng.",
                     "Số hồ sơ: cùng mã nhưng nội dung khác nhau", "Kiểm tra các dòng trùng mã", "Xã Đại Lãnh",
                     "Lệ phí &lt;b&gt;${x} &amp; $y: số ngoài khoảng", "Phiên bản Great Expectations"):  # fmt: skip
        assert expected in text, expected
    for path in (page, index):
        source = path.read_text(encoding="utf-8")
        assert not re.search(r"https?:|//[a-z]|<script|<link|<img|@import|url\(", source)
        assert not re.search(r"\b(Expectation Suite|Status|Succeeded|Failed|unexpected|Overview)\b", source)
        assert "<b>$" not in source
    assert page.name in index.read_text(encoding="utf-8")
    before = page.stat().st_mtime_ns
    gate.build_docs()
    assert page.stat().st_mtime_ns == before


def test_r13_no_canary_reaches_results_docs_or_log(tmp_path: Path) -> None:
    """Fifty invented people in file names and in what surrounds the flags; none may be found anywhere."""
    canaries = [f"Canary Bịa Số{n:02d} 0560990{n:05d} 09{n:08d}" for n in range(50)]
    home, inbox = tmp_path / "home", tmp_path / "inbox"
    inbox.mkdir()
    with Gate(home, home / "reports") as gate:
        for number, canary in enumerate(canaries):
            path = flags(inbox / f"{canary}.arrow", 20, {RULES[number % 3][0]: [number % 20]})
            checks = [check | {"sample": canary, "failed": 1} for check in CHECKS]
            base = request(path, canary)
            gate.submit(GateRequest(**(vars(base) | {"checks": checks})))
        gate.judge(base)
        with pytest.raises(GateError):
            gate.judge(request(inbox / f"{canaries[0]}-missing.arrow"))
        gate.build_docs()
    pieces = [piece.encode() for canary in canaries for piece in canary.split()[2:]]
    written = [path for path in home.rglob("*") if path.is_file()]
    assert len([path for path in written if path.suffix == ".html"]) == 51
    for path in written:
        body = path.read_bytes() + path.name.encode()
        assert b"Canary" not in body and not [piece for piece in pieces if piece in body], path


def test_two_gates_build_docs_in_one_home_at_once(tmp_path: Path) -> None:
    with Gate(tmp_path, tmp_path / "docs", keep=3) as one, Gate(tmp_path, tmp_path / "docs", keep=3) as two:
        one.start()
        two.start()
        path = flags(tmp_path / "f.arrow", 10, {})
        for number in range(4):
            (one, two)[number % 2].judge(request(path, str(number)))
        docs = [gate._send({"op": "docs", "docs_dir": str(gate.docs_dir), "keep": 3}) for gate in (one, two)]
        for gate, ticket in zip((one, two), docs):
            gate._wait(ticket)
    assert len(list((tmp_path / "docs" / "validations").iterdir())) == 3
    assert not list(tmp_path.rglob("*.tmp"))


def test_r02_the_worker_dies_with_its_parent_and_holds_no_stdout(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from sources.quality import Gate\n"
        f"g = Gate(Path({str(tmp_path)!r}), Path({str(tmp_path)!r}) / 'docs'); g.start(); print(g.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
        parent.send_signal(signal.SIGKILL)
        assert parent.stdout.read() == ""
    for _ in range(100):
        if not Path(f"/proc/{worker}").exists() or "Z" in Path(f"/proc/{worker}/stat").read_text().split()[2]:
            return
        time.sleep(0.1)
    os.kill(worker, signal.SIGKILL)
    pytest.fail("the worker outlived its parent")
