"""Files that came are loaded, scored and published, whoever asks, whatever died before; each change once."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from flows.steps import inbox, react
from flows.steps.home import Home
from flows.steps.inbox import Looks, fresh_files
from flows.steps.nightly import nightly
from flows.steps.react import waits
from tests.conftest import empty
from tests.flows import kit

pytestmark = [pytest.mark.db, pytest.mark.slow]
UNIT, OTHER = "22492", "22495"


@pytest.fixture(autouse=True)
def calm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CCHC_CLOCK", "2023-05-15T10:00:00+07:00")
    monkeypatch.setattr(inbox, "SETTLE_S", 0.0)
    monkeypatch.setattr("flows.steps.forecast.DRAWS", 200)
    monkeypatch.setattr("flows.steps.forecast_night.shown", lambda *_: {})  # seconds of pictures


class Town:
    def __init__(self, home: Home) -> None:
        self.home = home

    def drop(self, name: str, count: int = 3, version: int = 1, unit: str = UNIT, **cells: str) -> Path:
        rows = [kit.dossier(f"H32.{unit}-{n:04d}", version, unit) | cells for n in range(count)]
        return kit.write_csv(self.home.inbox / name, rows)

    def react(self, **more: Any) -> dict[str, Any]:
        return react.react(self.home, kit.QuickGate(), **more)  # type: ignore[arg-type]

    def runs(self) -> list[tuple[int, str]]:
        with self.home.database.begin() as tx:
            rows = tx.rows("select recipe -> 'question' ->> 'year' as year, origin from score_runs order by run_id")
        return [(int(row["year"]), row["origin"]) for row in rows]

    def scalar(self, statement: str) -> Any:
        with self.home.database.begin() as tx:
            return tx.scalar(statement)


@pytest.fixture
def town(clean: Home) -> Town:
    return Town(clean)


def test_a_file_that_came_is_published_once(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def evaluate(home: Home, tx: Any, moment: Any, **more: Any) -> dict[str, Any]:
        asked.append((sorted(more["units"]), len(more["scored"].units)))
        return {"opened": [], "resolved": [], "open": 0}

    monkeypatch.setattr("flows.steps.alerts.evaluate", evaluate)
    assert town.react()["status"] == "nothing_new" and town.runs() == []
    town.drop("mot.csv")
    town.drop("hai.csv", unit=OTHER)
    done = town.react()
    assert (done["status"], done["loaded"], done["rejected"], done["units"]) == ("done", 2, 0, [UNIT, OTHER])
    assert town.runs() == [(2023, "event")] and asked == [([UNIT, OTHER], 13)]
    assert all(Path(path).exists() for path in done["written"].values()) and len(done["written"]) >= 2
    assert town.scalar("select detail -> 'files' from work_log where kind = 'reaction'") == 2
    assert town.react()["status"] == "nothing_new" and len(town.runs()) == 1

    town.drop("ba.csv", version=4, unit=OTHER)
    assert town.react()["units"] == [OTHER] and asked[-1] == ([OTHER], 13)


def test_what_cannot_change_a_figure_is_not_published_and_what_can_is(town: Town) -> None:
    town.drop("mot.csv")
    assert town.react()["status"] == "done"
    path = town.drop("lap-lai.csv")
    path.write_text(path.read_text(encoding="utf-8") + "\n", encoding="utf-8")  # other bytes, the same rows
    again = town.react()
    assert (again["status"], again["loaded"]) == ("nothing_new", 1)
    town.drop("cot-moi.csv", channel="")  # an empty column more: how they came is asked for now
    assert town.react()["status"] == "done"


def test_a_file_loaded_by_hand_is_published_by_the_next_reaction(town: Town, tmp_path: Path) -> None:
    path = kit.write_csv(tmp_path / "tay.csv", [kit.dossier("H32.22492-0001", 1)])
    assert kit.load(town.home, path, kit.QuickGate(), kit.day(3)).status == "loaded"  # dated months ago
    assert waits(town.home)
    done = town.react()
    assert (done["status"], done["files"], done["units"]) == ("done", [], [UNIT])
    assert not waits(town.home)


@pytest.mark.parametrize("place", ["scored", "published", "reported"])
def test_a_reaction_that_dies_is_finished_by_the_next(town: Town, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    town.drop("mot.csv")

    def die(name: str) -> None:
        if name == place:
            raise KeyboardInterrupt

    with monkeypatch.context() as killed:
        killed.setattr(react, "reached", die)
        with pytest.raises(KeyboardInterrupt):
            town.react()
    assert len(town.runs()) == (0 if place == "scored" else 1) and waits(town.home)
    report = town.home.reports / "diem-2023.json"
    report.unlink(missing_ok=True)
    done = town.react()
    assert done["status"] == "done" and done["files"] == [] and report.exists()
    assert town.runs() == [(2023, "event")]  # the clock stands still: the same recipe, stored once
    assert town.react()["status"] == "nothing_new" and not waits(town.home)


def test_events_lost_doubled_or_late_end_alike(town: Town) -> None:
    """An event starts one reaction, none, or two; a late one finds nothing to do."""
    ends = []
    for heard in (1, 0, 2):
        empty(town.home)
        for number, unit in enumerate((UNIT, OTHER, UNIT)):
            town.drop(f"{number}.csv", count=3 + number, version=number + 1, unit=unit)
            statuses = [town.react()["status"] for _ in range(heard)]
            assert statuses == ["done", "nothing_new"][:heard]
        assert town.react()["status"] == ("nothing_new" if heard else "done")  # late, or the catch-up
        assert town.react()["status"] == "nothing_new"
        with town.home.database.begin() as tx:
            published = tx.one("select result_digest, recipe ->> 'loads' as loads from score_runs order by run_id desc limit 1")
            alerts = tx.rows("select rule, unit_id, subject, state, value from alerts order by 1, 2, 3")
            ends.append((kit.checksum(tx), published, alerts))
    assert ends[0] == ends[1] == ends[2] and ends[0][1]["loads"] == "1-3"


def test_a_file_that_is_refused_is_told_at_once(town: Town) -> None:
    broken = town.home.inbox / "hong.xlsx"
    broken.write_bytes(b"PK\x03\x04 not a workbook")
    done = town.react()
    assert (done["status"], done["rejected"]) == ("nothing_new", 1) and town.runs() == []
    assert [alert["rule"] for alert in done["alerts"]["opened"]] == ["file_rejected"] and done["alerts"]["error"] is None
    assert town.react()["alerts"] is None


def test_a_file_that_is_being_written_waits(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "SETTLE_S", 3600.0)
    growing, whole = town.drop("dang-chep.csv"), town.drop("xong.csv", unit=OTHER)
    (town.home.inbox / ".an.csv.part").write_text("x", encoding="utf-8")
    looks = Looks()
    assert looks.arrived(fresh_files(town.home)) == ([], True) and looks.soonest() > 3000
    for path, (face, since) in looks.seen.items():
        looks.seen[path] = (face, since - 3600)  # an hour went by
    with growing.open("a", encoding="utf-8") as file:
        file.write("H32.22492-0009;")
    done = town.react(looks=looks)
    assert [Path(file["path"]) for file in done["files"]] == [whole] and done["loaded"] == 1
    assert fresh_files(town.home) == [growing]
    monkeypatch.setattr(inbox, "SETTLE_S", 0.01)
    assert town.react()["files"][0]["path"] == str(growing)  # half a line more: read as it is once it stands still


def test_a_file_has_arrived_when_it_stood_still(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "SETTLE_S", 60.0)
    path = tmp_path / "a.csv"
    path.write_text("a", encoding="utf-8")
    os.utime(path, (1, 1))
    looks = Looks()
    assert looks.arrived([path]) == ([], True)  # its entry was made just now, however old it says it is
    known, since = looks.seen[path]
    looks.seen[path] = (known, since - inbox.SETTLE_S)
    assert looks.arrived([path]) == ([path], False)
    os.utime(path, (4e9, 4e9))  # a clock ahead says nothing: looked at twice
    assert Looks().arrived([path]) == ([], True)
    assert looks.arrived([path, tmp_path / "gone.csv"]) == ([], True)


def test_who_is_at_it_already_is_named(town: Town) -> None:
    from flows.steps import lease

    town.drop("mot.csv")
    with lease.held(town.home, lease.CHAIN, "night:2023-05-15"):
        busy = town.react()
    assert busy["status"] == "busy" and town.runs() == []
    assert f"từ 10:00 ngày 15/05/2023 (máy {os.uname().nodename}, tiến trình {os.getpid()})" in busy["message"]
    assert town.react()["status"] == "done"


def test_a_broken_rule_costs_no_score(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    cell = " ".join(["Người", "Bí", "Mật"])

    def stumble(home: Home, tx: Any, moment: Any, **_: Any) -> Any:
        tx.execute("insert into alerts (rule) values ('x')")  # the database refuses: the transaction must survive it
        raise AssertionError(cell)

    monkeypatch.setattr("flows.steps.alerts.evaluate", stumble)
    town.drop("mot.csv")
    done = town.react()
    assert done["status"] == "done" and town.runs() == [(2023, "event")]
    assert done["alerts"]["error"].startswith("Chưa xét được cảnh báo: lỗi của phần mềm") and done["alerts"]["open"] is None
    log = (town.home.root / "logs" / "errors.log").read_text(encoding="utf-8")
    assert "stumble" in log and cell not in log


def test_in_january_a_file_about_last_year_changes_last_year(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    town.drop("nam-2023.csv")
    monkeypatch.setenv("CCHC_CLOCK", "2024-01-20T10:00:00+07:00")
    done = town.react()
    assert town.runs() == [(2024, "event"), (2023, "event")]
    assert done["run"]["run"] == 1 and done["last_year"]["year"] == 2023 and done["last_year"]["run"] == 2
    assert (town.home.reports / "diem-2023.json").exists() and (town.home.reports / "diem-2024.json").exists()
    assert any(label.endswith("năm 2023") for label in done["written"])

    rows = [
        kit.dossier(f"H32.22492-24{n:02d}") | {"received_at": "10/01/2024 08:00:00", "due_at": "25/01/2024 17:00:00"}
        for n in range(3)
    ]
    kit.write_csv(town.home.inbox / "thang-1.csv", rows)
    monkeypatch.setenv("CCHC_CLOCK", "2024-01-21T10:00:00+07:00")
    assert town.react()["last_year"] is None and town.runs()[2:] == [(2024, "event")]  # nothing of 2023 changed

    monkeypatch.setenv("CCHC_CLOCK", "2024-01-22T01:00:00+07:00")
    town.drop("dinh-chinh.csv", count=5, version=9)
    night = nightly(town.home)
    assert night["last_year"]["year"] == 2023 and town.runs()[3:] == [(2024, "nightly"), (2023, "nightly")]

    monkeypatch.setenv("CCHC_CLOCK", "2024-04-01T10:00:00+07:00")
    town.drop("qua-muon.csv", count=6, version=11)
    assert town.react()["last_year"] is None and town.runs()[5:] == [(2024, "event")]
