"""Logs stay small, hold no value of a row, and a full or strange disk never stops who writes them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flows.steps import logs
from flows.steps.home import UserError
from flows.steps.logs import Log, Output, bound, discreet, note_fault


def _lines(root: Path, name: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in (root / "logs" / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]


def test_a_line_says_when_which_part_and_what(tmp_path: Path) -> None:
    log = Log(tmp_path, "desk")
    log.info("file.loaded", load=7, seconds=1.5, place=tmp_path)
    log.close()
    (line,) = _lines(tmp_path, "desk")
    assert (line["component"], line["level"], line["event"], line["load"]) == ("desk", "info", "file.loaded", 7)
    assert str(line["time"]).endswith("+00:00") and line["place"] == str(tmp_path)


def test_an_exception_is_told_without_its_text(tmp_path: Path) -> None:
    log = Log(tmp_path, "desk")
    cell = "Ô «Nguyễn Văn Thử 0912345678» không đọc được."
    try:
        raise UserError("bad_cell", cell)
    except UserError as problem:
        log.error("failed", problem, load=3)
        place = note_fault(tmp_path, problem)
    log.close()
    (line,) = _lines(tmp_path, "desk")
    assert (line["problem"], line["code"], line["load"]) == ("UserError", "bad_cell", 3)
    assert any("test_logs.py" in str(where) for where in line["where"])  # type: ignore[attr-defined]
    for text in (json.dumps(line, ensure_ascii=False), place.read_text(encoding="utf-8")):
        assert "Nguyễn" not in text and "0912345678" not in text


def test_who_keeps_what_he_catches_is_given_no_text_of_a_stranger(tmp_path: Path) -> None:
    cell = "Ô «Nguyễn Văn Thử 0912345678» không đọc được."
    with pytest.raises(RuntimeError, match=r"ValueError, xem .*errors\.log") as caught, discreet(tmp_path):
        raise ValueError(cell)
    assert caught.value.__suppress_context__ and cell not in str(caught.value)
    with pytest.raises(UserError, match="đọc"), discreet(tmp_path):
        raise UserError("bad_cell", "Không đọc được tệp; hãy xuất lại.")


def test_a_log_is_rotated_and_the_oldest_is_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "FILE_BYTES", 2000)
    log = Log(tmp_path, "desk")
    for number in range(400):
        log.info("tick", number=number)
    log.close()
    files = sorted(path.name for path in (tmp_path / "logs").iterdir())
    assert files == ["desk.jsonl", *(f"desk.jsonl.{n}" for n in range(1, logs.KEPT + 1))]
    assert all(path.stat().st_size <= 2000 for path in (tmp_path / "logs").iterdir())
    assert _lines(tmp_path, "desk")[-1]["number"] == 399


def test_what_a_child_prints_is_bounded(tmp_path: Path) -> None:
    out = Output(tmp_path, "server", limit=1000)
    for number in range(100):
        out.write(f"line {number:03d} {'x' * 90}\n".encode())
    files = sorted((tmp_path / "logs").iterdir())
    assert len(files) == 1 + logs.KEPT and all(path.stat().st_size <= 1000 for path in files)
    assert out.path.read_text().splitlines()[-1].startswith("line 099")


def test_what_others_append_to_is_cut_in_place(tmp_path: Path) -> None:
    folder = tmp_path / "logs" / "postgresql"
    folder.mkdir(parents=True)
    long, short = folder / "postgresql-Mon.log", tmp_path / "logs" / "keeper.log"
    with long.open("ab", buffering=0) as writer:  # as PostgreSQL's collector has it open
        writer.write(b"a" * 5000 + b"the end\n")
        short.write_bytes(b"short\n")
        assert bound(tmp_path, limit=1000) == ["postgresql-Mon.log"]
        writer.write(b"more\n")
    assert long.read_bytes() == b"more\n" and short.read_bytes() == b"short\n"
    kept = folder / "postgresql-Mon.log.old"
    assert kept.read_bytes().endswith(b"the end\n") and kept.stat().st_size == 1000
    assert bound(tmp_path, limit=1000) == []


def test_no_room_is_no_failure(tmp_path: Path) -> None:
    log = Log(tmp_path, "desk")
    log._handler.close()
    (tmp_path / "logs" / "desk.jsonl").unlink(missing_ok=True)
    (tmp_path / "logs" / "desk.jsonl").mkdir()
    log.info("tick")
    Output(tmp_path, "x").path.mkdir()
    Output(tmp_path, "x").write(b"text")
    log.close()
