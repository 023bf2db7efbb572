"""A warehouse that lives through several publications: files on their day, a clock, sets of the home, another calendar."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

import criteria
from flows.steps.home import Home, parse_moment
from flows.steps.measure import question
from flows.steps.runs import publish
from flows.steps.score import score_json, score_question
from sources.calendar import WorkCalendar
from tests.flows import kit

PROCEDURES = "Mã thủ tục;Tên thủ tục hành chính;Thời hạn giải quyết\nP10;Mười ngày;10\nP5;Năm ngày;5\n"
UNITS = ("22492", "22495", "22498")
OWN = "bo_mau"


def dossier(number: int, finished: int | None = None, unit: str = "22492", **cells: str) -> dict[str, str]:
    """Return a dossier received on 6 February 2023, due on the 13th at 17:00, finished on a day of February or open."""
    row = {
        "dossier_code": f"H32.{unit}-{number:04d}", "unit_code": unit, "procedure_code": "P5", "received_at": "06/02/2023 08:00:00",
        "due_at": "13/02/2023 17:00:00", "status": "Đang xử lý", "channel": "Trực tuyến" if number % 2 else "Trực tiếp",
    }  # fmt: skip
    if finished:
        row |= {"status": "Đã trả kết quả", "finished_at": f"{finished:02d}/02/2023 10:00:00"}
    return row | cells


class Town:
    """A home with a clock: files come, scores are published."""

    def __init__(self, home: Home, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.home, self.folder, self.patch, self.gate = home, folder, monkeypatch, kit.QuickGate()

    def at(self, moment: str) -> None:
        self.patch.setenv("CCHC_CLOCK", moment)

    def load(self, name: str, rows: list[dict[str, str]] | str, received: str, contract: str = "one_stop") -> None:
        path = self.folder / f"{name}.csv"
        if isinstance(rows, str):
            path.write_text(rows, encoding="utf-8")
        else:
            kit.write_csv(path, rows)
        result = kit.load(self.home, path, self.gate, parse_moment(received), contract)
        assert (result.status, result.rows_quarantined) == ("loaded", 0), result

    def publish(self, as_of: str, set_name: str | None = None, definition: str | None = None, **more: Any) -> int:
        asked = question(2023, as_of=parse_moment(as_of), definition=definition, **more)
        with self.home.database.begin() as tx:
            scored = score_question(self.home, tx, asked, set_name)
            return int(publish(self.home, tx, scored, score_json(scored))["run"])

    def score(self, as_of: str, known_at: datetime, set_name: str | None = None, definition: str | None = None) -> dict[str, Any]:
        """Return the document of `cchc score --as-of … --known-at …`."""
        asked = question(2023, as_of=parse_moment(as_of), known_at=known_at, definition=definition)
        with self.home.database.begin() as tx:
            return score_json(score_question(self.home, tx, asked, set_name))

    def own_set(self) -> Path:
        """Copy the built-in set into the home under another name, milder on late dossiers; returns its folder."""
        folder = self.home.criteria / OWN
        shutil.copytree(criteria.set_folders()[criteria.DEFAULT_SET], folder)
        edit(folder / "set.yaml", f"name: {criteria.DEFAULT_SET}", f"name: {OWN}")
        edit(folder / "section_3.yaml", "zero_at: 0.05", "zero_at: 0.9")
        return folder

    def query(self, statement: str) -> None:
        """Run a statement as the owner, past the rights of the program."""
        from warehouse import engine

        connection = engine.raw_connection(self.home.root, role="owner", autocommit=True)
        try:
            connection.cursor().execute(statement)
        finally:
            connection.close()


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, (path, old)
    path.write_text(text.replace(old, new), encoding="utf-8")


@contextmanager
def calendar_without(home: Home, *days: date) -> Iterator[None]:
    """Let nobody work on some days, in the code and in the database."""
    kept = home.calendar
    base = {day: kept.is_working(day) and day not in days for day in kept._is_working}
    home.__dict__["calendar"] = WorkCalendar(base, (), kept.decided_until, "tests")
    home._sync_registers()
    try:
        yield
    finally:
        home.__dict__["calendar"] = kept
        home._sync_registers()


@pytest.fixture
def town(clean: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Town]:
    yield Town(clean, tmp_path, monkeypatch)
    shutil.rmtree(clean.criteria / OWN, ignore_errors=True)
