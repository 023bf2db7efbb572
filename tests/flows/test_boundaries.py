"""Views over a register with a chain of mergers, a division and an end within a month; no database."""

from __future__ import annotations

from datetime import date, datetime, time

import pandas as pd
import pytest

from flows.steps.boundaries import View, relatives
from flows.steps.home import ZONE
from scoring.merging import succeed
from sources.units import Unit, UnitRegister

EXTRA = """
units:
  - {id: "90001", code: "90001", name: Một, kind: commune, parent: "571", valid_from: 2004-07-08, valid_to: 2020-01-01, source: s,
     successors: [{unit: "90003"}]}
  - {id: "90002", code: "90002", name: Hai, kind: commune, parent: "571", valid_from: 2004-07-08, valid_to: 2020-01-01, source: s,
     successors: [{unit: "90003"}]}
  - {id: "90003", code: "90003", name: Ba, kind: commune, parent: "571", valid_from: 2020-01-01, valid_to: 2023-06-16, source: s,
     successors: [{unit: "90004"}]}
  - {id: "90004", code: "90004", name: Bốn, kind: commune, parent: "571", valid_from: 2023-06-16, source: s}
  - {id: "90005", code: "90005", name: Năm, kind: commune, parent: "571", valid_from: 2004-07-08, valid_to: 2023-07-01, source: s,
     successors: [{unit: "90006", share: 0.5, kind: split}, {unit: "90007", share: 0.5, kind: split}]}
  - {id: "90006", code: "90006", name: Sáu, kind: commune, parent: "571", valid_from: 2023-07-01, source: s}
  - {id: "90007", code: "90007", name: Bảy, kind: commune, parent: "571", valid_from: 2023-07-01, source: s}
"""


@pytest.fixture(scope="module")
def register(tmp_path_factory: pytest.TempPathFactory) -> UnitRegister:
    path = tmp_path_factory.mktemp("units") / "units.yaml"
    path.write_text(EXTRA, encoding="utf-8")
    return UnitRegister.load(path)


def view(register: UnitRegister, year: int, units_on: date | None = None, last: date | None = None) -> View:
    end = date(year, 12, 31)
    last = last or end
    units = [u for u in register.active(units_on or last) if u.code.startswith("9")]
    return View(register, units, units_on, date(year, 1, 1), last, end)


def unit(register: UnitRegister, unit_id: str) -> Unit:
    return register.by_id[unit_id]


def test_a_chain_is_summed_to_its_first_units(register: UnitRegister) -> None:
    on = date(2024, 1, 1)
    members = {
        year: [m.code for m in view(register, year, on).members(unit(register, "90004"))] for year in (2019, 2020, 2023, 2024)
    }
    assert members == {2019: ["90001", "90002"], 2020: ["90003"], 2023: ["90003", "90004"], 2024: ["90004"]}
    (note,) = view(register, 2020, on).notes(unit(register, "90004"))
    assert "Xã Ba (90003)" in note


def test_a_division_is_said_and_never_guessed(register: UnitRegister) -> None:
    six = unit(register, "90006")
    past = view(register, 2022, date(2024, 1, 1))
    assert past.members(six) == [] and past.describe(six)["period"] is None
    (note,) = past.notes(six)
    assert "Xã Năm (90005) được chia thành Xã Sáu (90006), Xã Bảy (90007)" in note
    year = view(register, 2023)
    assert sum("được chia thành" in note for note in year.notes(six)) == 1
    assert "90005" not in year.successions and [s["unit_code"] for s in year.spans(six)] == ["90006"]
    assert view(register, 2024).notes(six) == []


def test_an_end_within_a_month_is_said(register: UnitRegister) -> None:
    notes = view(register, 2023).notes(unit(register, "90004"))
    assert any("kết thúc giữa tháng (16/06/2023)" in note for note in notes)
    assert view(register, 2024).notes(unit(register, "90004")) == []


@pytest.mark.parametrize("units_on", [None, date(2019, 1, 1), date(2021, 1, 1), date(2024, 1, 1)])
@pytest.mark.parametrize("last", [date(2019, 8, 20), date(2020, 1, 1), date(2023, 6, 20), date(2023, 7, 1), date(2023, 12, 31)])
def test_evidence_and_counts_divide_alike(register: UnitRegister, last: date, units_on: date | None) -> None:
    """For every unit, month and open dossier: whose count it is, it is in that commune's spans and in no other's."""
    seen = view(register, last.year, units_on, last)
    sources = ["90001", "90002", "90003", "90004", "90005", "90006"]
    months = [date(last.year, m, 1) for m in range(1, last.month + 1)]
    rows = [(source, month) for source in sources for month in [*months, None]]
    frame = pd.DataFrame(rows, columns=["unit_code", "month"])
    owners = succeed(frame, seen.successions, last)["unit_code"]
    members = {m.unit_id: head.unit_id for head in seen.units for m in (seen.lineage(head) if units_on else [head])}
    spans = {head.unit_id: {s["unit_code"]: s for s in seen.spans(head)} for head in seen.units}
    counted = [members.get(owner) for owner in seen.cells(frame)["unit_code"]]
    assert counted == [members.get(owner) for owner in owners]
    for (source, month), owner in zip(rows, owners, strict=True):
        moment = None if month is None else datetime.combine(month, time(0), ZONE)
        holders = set()
        for head, found in spans.items():
            span = found.get(source)
            if span and (span["holds_open"] if moment is None else span["begins"] <= moment <= span["ends"]):
                holders.add(head)
        assert holders == ({members[owner]} if owner in members else set()), (source, month)


def test_relatives(register: UnitRegister) -> None:
    assert relatives(register, {"90003"}) == {"90001", "90002", "90003", "90004"}
    assert relatives(register, {"90001"}) == {"90001", "90003", "90004"}
    assert relatives(register, {"90005"}) == {"90005", "90006", "90007"}
    assert relatives(register, set()) == set()
