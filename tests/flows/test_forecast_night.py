"""The forecast in the night: stored once, reported, drawn; what fails in it costs the night nothing and is told."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

from flows.steps import audit, forecast_document, forecast_night, pictures, scorecard
from flows.steps.forecast_night import ALL_DRAWN, drawn_codes
from flows.steps.home import Home, parse_moment
from flows.steps.nightly import nightly
from synthetic.profiles import Settings
from tests.conftest import empty
from tests.flows import kit
from tests.flows.forecast_kit import fill, world_of
from tests.forecast_document import document as invented

NIGHT = "2023-06-01T01:00:00"
LISTED = {"commune", "name", "unit_id", "p10", "p50", "p90", "p_good", "expected_rank", "rank_basis"}


@pytest.fixture(scope="module")
def district(installation: Home, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A district that received five months of exports."""
    empty(installation)
    fill(installation, world_of([2023], 3, Settings(scale=0.2)), tmp_path_factory.mktemp("world"), dt.date(2023, 5, 31))
    return installation


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CCHC_CLOCK", NIGHT)
    monkeypatch.setattr("flows.steps.forecast.DRAWS", 300)


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures take half of a district's night; not for what has nothing to do with them."""
    monkeypatch.setattr(pictures, "draw_apart", lambda *_, **__: {})


def forecasts_of(home: Home) -> list[dict[str, Any]]:
    with home.database.begin() as tx:
        return tx.rows("select forecast_id, origin, year, recipe, result_digest from forecasts order by forecast_id")


@pytest.mark.db
@pytest.mark.slow
def test_a_night_forecasts_once_and_says_so_in_little(district: Home) -> None:
    document = nightly(district)
    told = document["forecast"]
    assert (told["error"], told["code"]) == (None, None) and "dự báo 13 xã" in document["message"]
    assert {"id", "recipe", "result", "as_of", "horizon", "draws", "seed", "good_grade", "calibration"} <= set(told)
    assert all(set(row) == LISTED and row["p10"] <= row["p50"] <= row["p90"] for row in told["communes"])
    assert {row["unit_id"] for row in told["communes"]} == {row["unit_id"] for row in document["score"]["communes"]}
    assert len(json.dumps(told)) < 5_000
    (row,) = [row for row in forecasts_of(district) if row["forecast_id"] == told["id"]]
    assert (row["origin"], row["result_digest"]) == ("nightly", told["result"])
    assert any(entry["subject"] == f"forecast:{told['id']}" for entry in audit.listing(district)["entries"])

    report = json.loads(Path(document["written"]["Dự báo (JSON)"]).read_text("utf-8"))
    assert report["forecast"] == {"forecast": told["id"], "recipe": told["recipe"], "result": told["result"]}
    folder = district.reports / "du-bao-2023"
    assert (folder / "huyen.svg").exists() and (folder / "22492-diem.png").exists()
    assert len(list(folder.glob("*-diem.svg"))) == 13
    assert all(Path(path).exists() for path in document["written"].values())

    again = nightly(district)
    assert again["status"] == "nothing_new" and "forecast" not in again
    assert len(forecasts_of(district)) == 1


@pytest.mark.usefixtures("undrawn")
@pytest.mark.db
@pytest.mark.slow
def test_a_fault_of_ours_costs_neither_score_nor_reports_and_is_tried_again(
    district: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CCHC_CLOCK", "2023-06-02T01:00:00")
    cell = " ".join(["Người", "Bí", "Mật"])

    def stumble(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError(cell)

    with monkeypatch.context() as broken:
        broken.setattr(forecast_document, "forecast_and_store", stumble)
        for _ in range(2):  # not "nothing new": there is something left to do
            document = nightly(district)
            told = document["forecast"]
            assert document["status"] == "done" and document["rejected"] == 0 and len(document["score"]["communes"]) == 13
            assert (told["id"], told["code"], told["communes"]) == (None, "internal", [])
            assert told["error"].startswith("Chưa dự báo được: lỗi của phần mềm (ZeroDivisionError)")
            assert "chưa dự báo được" in document["message"] and Path(document["written"]["Điểm (JSON)"]).exists()
            assert "Dự báo (JSON)" not in document["written"]
    log = (district.root / "logs" / "errors.log").read_text(encoding="utf-8")
    assert "stumble" in log and cell not in log
    assert nightly(district)["forecast"]["id"] is not None
    assert nightly(district)["status"] == "nothing_new"


@pytest.mark.usefixtures("undrawn")
@pytest.mark.db
@pytest.mark.slow
def test_a_picture_that_cannot_be_drawn_does_not_undo_the_forecast(district: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CCHC_CLOCK", "2023-06-03T01:00:00")

    def full(*_: Any, **__: Any) -> bytes:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(pictures, "draw_apart", full)
        told = nightly(district)["forecast"]
    assert told["id"] is not None and len(told["communes"]) == 13
    assert told["error"].startswith("Đã dự báo nhưng chưa ghi được báo cáo") and told["code"] == "internal"
    again = nightly(district)
    assert again["forecast"]["id"] == told["id"] and again["forecast"]["error"] is None  # stored once, drawn now


@pytest.mark.usefixtures("undrawn")
@pytest.mark.db
@pytest.mark.slow
def test_a_night_that_dies_after_the_forecast_is_finished_by_the_next(district: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CCHC_CLOCK", "2023-06-04T01:00:00")
    before = len(forecasts_of(district))

    def die(name: str) -> None:
        if name == "foretold":
            raise KeyboardInterrupt

    with monkeypatch.context() as killed:
        killed.setattr(forecast_night, "reached", die)
        with pytest.raises(KeyboardInterrupt):
            nightly(district)
    assert nightly(district)["status"] == "done"
    assert len(forecasts_of(district)) == before + 1


@pytest.mark.usefixtures("undrawn")
@pytest.mark.db
@pytest.mark.slow
def test_another_scorecard_is_something_new(district: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    from warehouse import forecasts

    monkeypatch.setenv("CCHC_CLOCK", "2023-06-05T01:00:00")
    assert nightly(district)["forecast"]["calibration"] is None
    assert nightly(district)["status"] == "nothing_new"
    rows = [
        {"year": 2022, "month": 5, "unit_id": f"x{n}", "model": "raw", "crps": 1.0, "brier": None, "rps": None, "in80": True,
         "in95": True, "truth": 80.0 + 2 * (n - 5), "p025": 78.0, "p10": 79.0, "p50": 80.0, "p90": 81.0, "p975": 82.0,
         "factor": None, "hindsight": False, "draws": 100, "seed": 1, "code": "x"} for n in range(11)
    ]  # fmt: skip
    with district.database.begin() as tx:
        forecasts.replace_scores(tx, "commune_reconstructed", "qd766", 2022, 5, rows, parse_moment(NIGHT))
    assert nightly(district)["forecast"]["calibration"]["factor"] > 1
    assert nightly(district)["status"] == "nothing_new"


@pytest.mark.usefixtures("undrawn")
@pytest.mark.db
@pytest.mark.slow
def test_what_the_night_learns_of_itself_is_nothing_new(district: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Months judged tonight are in the state that tonight leaves; the next run does not take them for news."""
    from warehouse import forecasts

    monkeypatch.setenv("CCHC_CLOCK", "2023-06-06T01:00:00")

    def judged(home: Home, *_: Any) -> list[dict[str, Any]]:
        with home.database.begin() as tx:
            forecasts.replace_scores(tx, "commune_reconstructed", "qd766", 2022, 5, [], parse_moment(NIGHT))
        return [{"year": 2022, "month": 5, "hindsight": True}]

    monkeypatch.setattr(scorecard, "judge_some", judged)
    document = nightly(district)
    assert document["forecast"]["judged"] == [{"year": 2022, "month": 5, "hindsight": True}]
    assert document["forecast"]["calibration"] is None  # the only scores are gone: the forecast knew it at once
    assert nightly(district)["status"] == "nothing_new"


@pytest.mark.db
@pytest.mark.slow
def test_a_home_without_any_file_says_what_is_missing(clean: Home) -> None:
    document = nightly(clean)
    told = document["forecast"]
    assert (document["status"], told["code"], told["id"]) == ("done", "no_data", None)
    assert told["error"] == "Chưa dự báo được: Chưa có số liệu nào của năm 2023; nạp tệp xuất trước rồi dự báo."
    assert nightly(clean)["status"] == "nothing_new"  # only a file can help


@pytest.mark.db
@pytest.mark.slow
def test_a_commune_alone_without_a_past(clean: Home, tmp_path: Path) -> None:
    rows = [kit.dossier(f"H32.99.02-2301{n:02d}-0001", n % 3) for n in range(1, 40)]
    kit.load(clean, kit.write_csv(tmp_path / "mot.csv", rows), kit.QuickGate(), parse_moment("2023-02-01"))
    document = nightly(clean)
    (row,) = document["forecast"]["communes"]
    assert row["unit_id"] == "22492" and row["p10"] <= row["p50"] <= row["p90"]
    assert document["forecast"]["error"] is None and row["rank_basis"] in (None, "joint", "estimated_peers")
    assert (clean.reports / "du-bao-2023" / "22492-diem.svg").exists()


def province(count: int) -> dict[str, Any]:
    """As many communes with chances from 0 to 1."""
    rows = [{"unit_id": f"{n:05d}", "p_good": n / (count - 1)} for n in range(count)]
    return {"communes": [*rows, {"unit_id": "99999", "p_good": None}]}


def test_every_commune_of_a_district_is_drawn_and_of_a_province_those_still_open() -> None:
    assert drawn_codes(province(ALL_DRAWN - 1)) is None
    chosen = drawn_codes(province(132))
    assert chosen is not None and len(chosen) == ALL_DRAWN and {"00065", "00066"} <= set(chosen)
    assert not {"00000", "00131", "99999"} & set(chosen) and min(chosen) >= "00050" and max(chosen) <= "00081"
    settled = {"communes": [{"unit_id": f"{n:05d}", "p_good": n % 2} for n in range(40)]}
    assert drawn_codes(settled) == []


@pytest.mark.slow
def test_the_folder_of_a_province_is_of_one_night(tmp_path: Path) -> None:
    class Place:
        reports = tmp_path

    small = invented()
    small["communes"] = small["communes"][:3]
    first, second, third = (row["unit_id"] for row in small["communes"])
    home: Any = Place()
    pictures.draw_pictures(home, small, [first, second], whole=True)
    folder = tmp_path / f"du-bao-{small['year']}"
    assert {path.name.split("-")[0] for path in folder.glob("*-*.svg")} == {first, second} and (folder / "huyen.svg").exists()
    written = pictures.draw_pictures(home, small, [third], whole=True)
    assert {path.name.split("-")[0] for path in folder.glob("*-*.*")} == {third} and (folder / "huyen.svg").exists()
    assert str(folder / "huyen.png") in written.values() and str(folder) in written.values()
