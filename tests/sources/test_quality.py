"""The gate's wording, store and process handling; nothing here imports Great Expectations."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sources import quality_store, quality_text
from sources.quality import Gate, GateError, GateRequest

POPEN = subprocess.Popen
SHA = "ab" * 32
CHECK = {
    "id": "missing__a",
    "rule": "missing",
    "column": "a",
    "header": "Số hồ sơ",
    "label": "",
    "severity": "warn",
}


def request(tmp_path: Path, **changes: object) -> GateRequest:
    base = {
        "contract": "one_stop", "source": "one_stop", "sha256": SHA, "received_at": "2024-01-02T08:00:00+07:00",
        "flags_path": tmp_path / "flags.arrow", "checks": [CHECK],
    }  # fmt: skip
    return GateRequest(**(base | changes))  # type: ignore[arg-type]


def test_importing_the_gate_imports_neither_great_expectations_nor_pandas() -> None:
    code = "import sys, sources.quality; print([m for m in ('great_expectations', 'pandas', 'pyarrow') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_payload_names_no_file_and_fills_in_the_thresholds(tmp_path: Path) -> None:
    check = CHECK | {"failed": 3, "severity": None, "sample": "Nguyễn Văn Bịa"}
    payload = request(tmp_path, checks=[check], gate={"min_rows": 5}).payload()
    assert payload["gate"] == {"max_quarantined_share": 1.0, "min_rows": 5, "max_failed_share": {}}
    assert payload["suite"] == "Hồ sơ một cửa"
    assert payload["checks"] == [CHECK | {"severity": "quarantine"}]


@pytest.mark.parametrize("gate", [{"max_quarantined_share": 1.5}, {"max": 1}, {"max_failed_share": {"x": -1}}])
def test_a_threshold_that_makes_no_sense_is_refused(tmp_path: Path, gate: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="gate"):
        request(tmp_path, gate=gate).payload()


def test_numbers_and_times_read_as_vietnamese() -> None:
    assert quality_text.number(1234567) == "1.234.567"
    assert [quality_text.percent(x) for x in (0, 0.612, 0.00001, 1)] == [
        "0 %",
        "61,2 %",
        "dưới 0,01 %",
        "100 %",
    ]
    assert quality_text.moment("2023-12-31T17:30:00+00:00") == "01/01/2024 00:30"
    assert quality_text.check_label(CHECK) == "Số hồ sơ: bỏ trống ô bắt buộc"
    assert quality_text.check_label(CHECK | {"label": "Số 056 099 123 456"}) == "Số …"


def test_every_rule_has_a_remedy() -> None:
    from sources.contract import IMPLICIT_RULES, RULES

    assert set(RULES) | set(IMPLICIT_RULES) <= set(quality_text.RULES)


def test_result_id_is_a_plain_name() -> None:
    assert quality_store.result_id("2024-01-02T08:00:00+07:00", SHA) == "20240102T0800000700-abababababab"
    assert quality_store.result_id("../../x", "../..") == "-"


def test_the_store_keeps_the_last_results_and_drops_broken_and_orphaned_files(tmp_path: Path) -> None:
    for number in range(5):
        quality_store.save(tmp_path, {"validation_id": f"v{number}"}, {})
        os.utime(tmp_path / "validations" / f"v{number}.json", (number, number))
    folder = tmp_path / "validations"
    (folder / "half.json").write_text('{"summary": ')
    (folder / ".v9.json.999999999.tmp").write_text("x")
    with quality_store.locked(tmp_path):
        assert [item.id for item in quality_store.load_latest(tmp_path, 3)] == ["v4", "v3"]
    assert sorted(path.name for path in folder.iterdir()) == ["v3.json", "v4.json"]


def fake_worker(monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    """Run `body` in place of the worker; the pipes are the real ones."""
    monkeypatch.setattr(subprocess, "Popen", lambda command, **options: POPEN([sys.executable, "-c", body], **options))


def test_r02_a_worker_that_dies_is_an_error_and_the_next_file_gets_a_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_worker(monkeypatch, "import sys; sys.stdin.readline()")
    with Gate(tmp_path, tmp_path / "docs") as gate:
        with pytest.raises(GateError, match="dừng giữa chừng") as caught:
            gate.judge(request(tmp_path))
        assert caught.value.code == "worker_died"
        answer = {"status": "pass", "rows": 1, "quarantined": 0, "failed": [], "reason": None, "message": "m", "suite": "s",
                  "validation_id": "v", "expectations": 1, "expectations_met": 1, "more": 0}  # fmt: skip
        fake_worker(
            monkeypatch,
            "import json, sys\nfor line in sys.stdin: "
            f"print(json.dumps({{'id': json.loads(line)['id'], 'value': json.loads({json.dumps(json.dumps(answer))})}}), flush=True)",
        )
        tickets = [gate.submit(request(tmp_path)) for _ in range(3)]
        assert [gate.result(ticket).status for ticket in reversed(tickets)] == ["pass"] * 3


def test_a_worker_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_worker(monkeypatch, "import time; time.sleep(60)")
    gate = Gate(tmp_path, tmp_path / "docs", time_limit_s=0.3)
    with gate, pytest.raises(GateError, match=r"0\.3 giây"):
        gate.judge(request(tmp_path))
    assert gate.pid is None


def test_an_error_of_the_worker_is_worded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_worker(monkeypatch, 'print(\'{"id": 1, "error": "flags_mismatch"}\', flush=True); input()')
    with Gate(tmp_path, tmp_path / "docs") as gate, pytest.raises(GateError, match="không khớp") as caught:
        gate.judge(request(tmp_path))
    assert caught.value.code == "flags_mismatch"
