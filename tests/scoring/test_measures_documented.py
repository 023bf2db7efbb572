"""docs/measures.md names every measure and every definition, and no other."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pandas as pd

from criteria import load_definitions
from scoring.measures import Counts, measures
from warehouse.marts import COUNTERS

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "measures.md").read_text(encoding="utf-8")


def _measured() -> set[str]:
    nothing = pd.DataFrame(columns=["unit_code", "programme", "given", "done", "done_on_time"])
    dossiers = pd.DataFrame(columns=["part", "unit_code", "month", *COUNTERS])
    counts = Counts(dossiers, nothing, nothing, nothing, nothing, 0, {})
    frame = measures(counts, communes=["22492"], first_day=date(2023, 1, 1), last_day=date(2023, 12, 31), definition="qd766")
    return set(frame["measure"])


def _first_cells(page: str) -> list[str]:
    return re.findall(r"^\| `(\w+)`", page, flags=re.MULTILINE)


def test_every_measure_and_definition_has_its_line() -> None:
    definitions = {name for kind in ("overdue", "online_rate") for name in load_definitions(kind).by_name}
    lines = _first_cells(PAGE)
    assert sorted(lines) == sorted(_measured() | definitions)
    for kind in ("overdue", "online_rate"):
        assert f"`{load_definitions(kind).default}` (default)" in PAGE
