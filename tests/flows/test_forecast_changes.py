"""What changed since the forecast of an earlier day: facts, time and rules, each alone, in parts that add up exactly."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import criteria
from flows.steps.forecast_document import forecast_and_store
from flows.steps.home import Home, parse_moment
from flows.steps.measure import question
from messages.forecast_words import changes_text
from synthetic.profiles import Settings
from tests.conftest import empty
from tests.flows import kit
from tests.flows.forecast_kit import fill, world_of
from tests.flows.run_kit import OWN, edit

PARTS = ("new_facts", "elapsed", "rules")


@pytest.fixture(scope="module")
def district(installation: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A district that received five months of exports, and its own set of criteria."""
    empty(installation)
    fill(installation, world_of([2023], 3, Settings(scale=0.2)), tmp_path_factory.mktemp("world"), dt.date(2023, 5, 31))
    folder = installation.criteria / OWN
    shutil.copytree(criteria.set_folders()[criteria.DEFAULT_SET], folder)
    edit(folder / "set.yaml", f"name: {criteria.DEFAULT_SET}", f"name: {OWN}")
    yield installation
    shutil.rmtree(folder)


class Days:
    """Forecasts of one set, day after day."""

    def __init__(self, home: Home, monkeypatch: pytest.MonkeyPatch, set_name: str | None = None) -> None:
        self.home, self.patch, self.set_name = home, monkeypatch, set_name

    def at(self, day: str, **more: Any) -> dict[str, dict[str, Any]]:
        """The communes of the forecast of a day's end, made at six in the next morning."""
        moment = parse_moment(day)
        self.patch.setenv("CCHC_CLOCK", (moment + dt.timedelta(hours=6)).isoformat())
        asked = question(2023, as_of=moment)
        document = forecast_and_store(self.home, asked, self.set_name, **{"draws": 400, "seed": 5, **more})
        return {row["unit_id"]: row for row in document["communes"]}

    def late_file(self, folder: Path, received: str, count: int, unit: str) -> None:
        """Dossiers of one commune that were late or are long overdue."""
        rows = [
            {
                **kit.dossier(f"H32.{unit}-MUON-{n:03d}", unit=unit),
                "received_at": "04/05/2023 08:00:00",
                "due_at": "12/05/2023 17:00:00",
            }
            | ({"status": "Đã trả kết quả", "finished_at": "22/05/2023 09:00:00"} if n % 2 else {})
            for n in range(count)
        ]
        path = kit.write_csv(folder / f"muon-{received}.csv", rows)
        result = kit.load(self.home, path, kit.QuickGate(), parse_moment(received))
        assert (result.status, result.rows_quarantined) == ("loaded", 0), result


def hundredths(points: float) -> int:
    assert abs(points * 100 - round(points * 100)) < 1e-6
    return round(points * 100)


def held(before: dict[str, dict[str, Any]], after: dict[str, dict[str, Any]]) -> dict[str, dict[str, int]]:
    """The parts of every commune in hundredths, checked against the two forecasts: they add up, and the ends are theirs."""
    parts = {}
    for unit, row in after.items():
        told = row["changes"]
        parts[unit] = {name: hundredths(told[name]) for name in PARTS}
        assert told["before"] == before[unit]["index"]["p50"] and told["after"] == row["index"]["p50"], unit
        assert hundredths(told["before"]) + sum(parts[unit].values()) == hundredths(told["after"]), unit
        assert told["text"] == changes_text(told)
    return parts


@pytest.mark.db
@pytest.mark.slow
def test_time_alone_then_a_file_then_both(district: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    days = Days(district, monkeypatch)
    first = days.at("2023-05-31")
    assert {row["changes"] for row in first.values()} == {None}
    assert {row["changes"] for row in days.at("2023-05-31T12:00:00").values()} == {None}  # of the same day

    later = days.at("2023-06-01")
    parts = held(first, later)
    assert all(part["new_facts"] == 0 == part["rules"] for part in parts.values())
    assert any(part["elapsed"] for part in parts.values())
    assert {row["changes"]["since"][:10] for row in later.values()} == {"2023-05-31"}

    best = max(later, key=lambda unit: later[unit]["index"]["p50"])
    days.late_file(tmp_path, "2023-06-01T15:00:00", 60, best)  # loaded after, though it says it was received before
    moved = held(later, days.at("2023-06-02T00:00:01"))
    assert moved[best]["new_facts"] < -20 and abs(moved[best]["elapsed"]) < -moved[best]["new_facts"]
    assert moved[best]["new_facts"] == min(part["new_facts"] for part in moved.values())


@pytest.mark.db
@pytest.mark.slow
def test_a_rule_of_the_installation_that_changed(district: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    days = Days(district, monkeypatch, OWN)
    first = days.at("2023-06-05")
    edit(district.criteria / OWN / "section_3.yaml", "zero_at: 0.05", "zero_at: 0.9")  # late dossiers cost less
    milder = held(first, days.at("2023-06-06"))
    assert all(part["rules"] >= 0 for part in milder.values()) and any(part["rules"] > 0 for part in milder.values())
    assert all(part["new_facts"] == 0 for part in milder.values())


@pytest.mark.db
@pytest.mark.slow
def test_other_luck_is_no_change(district: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """A forecast before with other draws is made again with today's: only what really changed is told."""
    days = Days(district, monkeypatch)
    before = days.at("2023-06-10", draws=300, seed=77)
    after = days.at("2023-06-11")
    assert any(row["changes"]["before"] != before[unit]["index"]["p50"] for unit, row in after.items())
    for row in after.values():
        told = row["changes"]
        assert told["new_facts"] == 0 == told["rules"]
        assert hundredths(told["before"]) + hundredths(told["elapsed"]) == hundredths(told["after"])
    held(after, days.at("2023-06-12"))


def said(before: float, **parts: float) -> str:
    """The sentence about a forecast whose parts are these; they add up."""
    parts = dict.fromkeys(PARTS, 0.0) | parts
    told = {"since": "2023-06-30T23:59:59+07:00", "before": before, "after": round(before + sum(parts.values()), 2), **parts}
    return changes_text(told)


def test_a_rise_names_what_caused_it() -> None:
    assert said(78.0, new_facts=1.25, elapsed=-0.25) == (
        "So với dự báo ngày 30/06/2023: tăng từ 78,0 lên 79,0 điểm (số liệu mới +1,3; thời gian trôi qua −0,3)."
    )


def test_a_fall_by_rules_alone_names_nothing_else() -> None:
    assert said(78.4, rules=-2.0) == "So với dự báo ngày 30/06/2023: giảm từ 78,4 xuống 76,4 điểm (thay đổi quy định −2,0)."


def test_parts_that_cancel_are_still_told_and_nothing_is_told_of_nothing() -> None:
    assert said(80.0, new_facts=1.0, rules=-1.0) == (
        "So với dự báo ngày 30/06/2023: vẫn khoảng 80,0 điểm (số liệu mới +1,0; thay đổi quy định −1,0)."
    )
    assert said(80.0) == "So với dự báo ngày 30/06/2023: vẫn khoảng 80,0 điểm."
