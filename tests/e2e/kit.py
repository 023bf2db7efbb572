"""The installed command line as a person or a script meets it: a subprocess with a home and a clock. And files to give it."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e import forked

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ROOT / ".venv" / "bin" / "cchc"
PATIENCE_S = 400.0
NO_PICTURES = {forked.UNDRAWN: "1"}
CLOCK = "2024-01-10T08:00:00"
HEADER = [
    "Số hồ sơ", "Cơ quan/đơn vị", "Ngày tiếp nhận", "Ngày hẹn trả", "Ngày kết thúc xử lý", "Hình thức nộp", "Cán bộ xử lý",
    "Chủ hồ sơ", "Số điện thoại",
]  # fmt: skip


@dataclass(frozen=True)
class Answer:
    """What a command gave back."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Return the one document of stdout; anything else on stdout is an error."""
        return json.loads(self.out)


@dataclass(frozen=True)
class Cchc:
    """The program on one home. `clock` replaces now."""

    home: Path
    clock: str = CLOCK

    def start(self, *words: object, clock: str | None = None, env: dict[str, str] | None = None) -> subprocess.Popen[str]:
        """Start a command; the caller waits for it."""
        return subprocess.Popen(
            [str(PROGRAM), *_words(words)], cwd=self.home.parent, text=True, encoding="utf-8", errors="surrogateescape",
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=self._environment(clock, env),
        )  # fmt: skip

    def _environment(self, clock: str | None, env: dict[str, str] | None) -> dict[str, str]:
        keep = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "USER", "LANG") if name in os.environ}
        return {**keep, "CCHC_HOME": str(self.home), "CCHC_CLOCK": clock or self.clock, **(env or {})}

    def __call__(self, *words: object, clock: str | None = None, env: dict[str, str] | None = None) -> Answer:
        """Run a command. Whatever happens, a traceback is never what people see."""
        if os.environ.get("CCHC_TEST_INSTALLED"):
            process = self.start(*words, clock=clock, env=env)
            out, err = process.communicate(timeout=PATIENCE_S)
            status = process.returncode
        else:
            status, *streams = forked.run(_words(words), self.home.parent, self._environment(clock, env), PATIENCE_S)
            out, err = (stream.decode("utf-8", "surrogateescape") for stream in streams)
        assert "Traceback" not in out + err, err
        if status == 1 and (log := self.home / "logs" / "errors.log").exists():
            print(log.read_text(encoding="utf-8")[-3000:])  # shown when the test fails
        return Answer(status, out, err)

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query on the home's database, past every rule of the program."""
        from warehouse import engine

        connection = engine.raw_connection(self.home, role="owner", autocommit=True)
        try:
            cursor = connection.cursor()
            cursor.execute(statement)
            return list(cursor.fetchall()) if cursor.description else []
        finally:
            connection.close()


def _words(words: Iterable[object]) -> list[str]:
    return [os.fsdecode(word) if isinstance(word, (bytes, os.PathLike)) else str(word) for word in words]


def dossier(number: int, *, late: bool = False, month: int = 3, code: str | None = None, **cells: str) -> list[str]:
    """Return one line under HEADER: received on the 1st, due on the 10th, finished on the 9th or, late, on the 11th."""
    line = {
        "Số hồ sơ": code or f"H32.99.02-23{month:02d}01-{number:04d}", "Cơ quan/đơn vị": "UBND xã Đại Lãnh",
        "Ngày tiếp nhận": f"01/{month:02d}/2023 08:00:00", "Ngày hẹn trả": f"10/{month:02d}/2023 17:00:00",
        "Ngày kết thúc xử lý": f"{11 if late else 9:02d}/{month:02d}/2023 10:00:00", "Hình thức nộp": "Trực tuyến",
        "Cán bộ xử lý": "Cán bộ Mẫu", "Chủ hồ sơ": f"Người Thử {number}", "Số điện thoại": "",
    }  # fmt: skip
    return list((line | cells).values())


def csv_text(lines: Iterable[Sequence[object]], delimiter: str = ",") -> str:
    """Return lines as delimited text."""
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator="\n").writerows(lines)
    return out.getvalue()


def write_csv(path: Path, lines: Iterable[Sequence[object]], header: Sequence[str] = HEADER) -> Path:
    """Write an export as UTF-8 with BOM."""
    path.write_text(csv_text([header, *lines]), encoding="utf-8-sig")
    return path


def write_xlsx(path: Path, lines: Iterable[Sequence[object]], header: Sequence[str] = HEADER, sheet: str = "Hồ sơ") -> Path:
    """Write an export as a workbook, texts only."""
    from openpyxl import Workbook

    book = Workbook()
    page = book.active
    page.title = sheet
    for line in [header, *lines]:
        page.append([None if cell == "" else cell for cell in line])
    book.save(path)
    return path


def measure(document: dict[str, Any], name: str, commune: str = "22492") -> tuple[Any, Any]:
    """Return numerator and denominator of a measure of `cchc measures --json`."""
    found = [m for m in document["measures"] if m["measure"] == name and m["commune"] == commune]
    assert len(found) == 1, (name, commune, len(found))
    return found[0]["numerator"], found[0]["denominator"]
