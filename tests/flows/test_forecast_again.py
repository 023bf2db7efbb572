"""R17 for forecasts: a stored one comes out again to the digest from its recipe, whatever came in after it."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import criteria
from flows.steps.forecast_again import again, verify
from flows.steps.forecast_document import forecast_and_store
from flows.steps.home import Home, UserError, parse_moment
from flows.steps.measure import question
from synthetic.profiles import Settings
from tests.conftest import empty
from tests.flows import kit
from tests.flows.forecast_kit import fill, world_of
from tests.flows.run_kit import OWN, edit
from warehouse import forecasts

pytestmark = [pytest.mark.db, pytest.mark.slow]
DAY = "2023-05-31"


@pytest.fixture(scope="module")
def district(installation: Home, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A district that received a year and five months of exports."""
    empty(installation)
    fill(installation, world_of([2022, 2023], 3, Settings(scale=0.2)), tmp_path_factory.mktemp("world"), dt.date(2023, 5, 31))
    return installation


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CCHC_CLOCK", "2023-06-01T06:00:00")


@pytest.fixture
def own_rules(district: Home) -> Iterator[Path]:
    folder = district.criteria / OWN
    shutil.copytree(criteria.set_folders()[criteria.DEFAULT_SET], folder)
    edit(folder / "set.yaml", f"name: {criteria.DEFAULT_SET}", f"name: {OWN}")
    yield folder
    shutil.rmtree(folder)


def stored(home: Home, set_name: str | None = None, **more: Any) -> dict[str, Any]:
    return forecast_and_store(home, question(2023, as_of=parse_moment(DAY)), set_name, **{"draws": 500, "seed": 5, **more})


def judged_before(home: Home, factor_of: float) -> None:
    """Let the scorecard of the year before ask for other intervals."""
    rows = [
        {"year": 2022, "month": month, "unit_id": f"x{n}", "model": "raw", "crps": 1.0, "brier": None, "rps": None, "in80": True,
         "in95": True, "truth": 80.0 + factor_of * (n - 5), "p025": 78.0, "p10": 79.0, "p50": 80.0, "p90": 81.0, "p975": 82.0,
         "factor": None, "hindsight": False, "draws": 100, "seed": 1, "code": "x"}
        for month in range(1, 12) for n in range(11)
    ]  # fmt: skip
    with home.database.begin() as tx:
        for month in range(1, 12):
            mine = [row for row in rows if row["month"] == month]
            forecasts.replace_scores(tx, criteria.DEFAULT_SET, "qd766", 2022, month, mine, parse_moment(DAY))


def late_file(home: Home, folder: Path, number: int) -> None:
    """Forty dossiers of May, all late, and forty still open; received on 2 June."""
    rows = [
        {**kit.dossier(f"H32.LATE-{number}-{n:03d}", 0), "received_at": "04/05/2023 08:00:00", "due_at": "12/05/2023 17:00:00"}
        | ({"status": "Đã trả kết quả", "finished_at": "20/05/2023 09:00:00"} if n % 2 else {})
        for n in range(80)
    ]
    path = kit.write_csv(folder / f"muon-{number}.csv", rows)
    assert kit.load(home, path, kit.QuickGate(), parse_moment("2023-06-02T08:00:00")).status == "loaded"


def test_a_forecast_comes_out_again_after_later_files_scores_and_days(
    district: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged_before(district, 2.0)
    document = stored(district)
    factor = document["calibration"]["factor"]
    number = document["forecast"]["forecast"]
    first = again(district, number)
    assert (first["status"], first["digest"]) == ("identical", document["forecast"]["result"]) and factor != 1.0

    monkeypatch.setenv("CCHC_CLOCK", "2023-06-05T06:00:00")
    late_file(district, tmp_path, 1)
    judged_before(district, 0.5)
    other = stored(district)
    assert other["calibration"]["factor"] != factor
    assert other["forecast"]["result"] != document["forecast"]["result"]
    assert again(district, number) == first
    told = verify(district)
    assert told["bad"] == [] and told["checked"] >= 2
    assert {row["status"] for row in told["forecasts"]} == {"identical"}


def test_the_rules_are_those_of_then(district: Home, own_rules: Path) -> None:
    number = stored(district, OWN)["forecast"]["forecast"]
    edit(own_rules / "section_3.yaml", "zero_at: 0.05", "zero_at: 0.9")
    changed = stored(district, OWN)["forecast"]
    assert changed["forecast"] != number
    assert again(district, number)["status"] == "identical" == again(district, changed["forecast"])["status"]


def test_draws_and_seed_are_of_the_recipe(district: Home) -> None:
    """Other ones give another forecast, and each comes out as it was."""
    numbers = [stored(district, draws=draws, seed=seed)["forecast"] for draws, seed in ((500, 6), (700, 5))]
    assert len({row["result"] for row in numbers}) == 2
    assert [again(district, row["forecast"])["digest"] for row in numbers] == [row["result"] for row in numbers]


def test_a_stored_forecast_that_was_touched_is_found(district: Home) -> None:
    from warehouse import engine

    number = stored(district, seed=9)["forecast"]["forecast"]
    connection = engine.raw_connection(district.root, role="owner", autocommit=True)
    try:
        connection.cursor().execute(
            "update forecasts set result = jsonb_set(result, '{communes,0,index,p50}', '99.5') where forecast_id = %s", (number,)
        )
        found = again(district, number)
        assert found["status"] == "tampered" and "đã bị sửa" in found["reason"]
        assert {gap["field"] for gap in found["differences"]} == {"index"} and len(found["differences"]) == 1
        connection.cursor().execute("update forecasts set recipe = recipe || '{\"seed\": 4}' where forecast_id = %s", (number,))
        assert again(district, number)["status"] == "tampered"
    finally:
        connection.cursor().execute("delete from forecast_points where forecast_id = %s", (number,))
        connection.cursor().execute("delete from forecasts where forecast_id = %s", (number,))
        connection.close()


def test_no_official_is_named_in_what_is_stored(district: Home, tmp_path: Path) -> None:
    late_file(district, tmp_path, 2)
    document = stored(district, seed=11)
    officers = {row["officer"] for commune in document["communes"] for row in commune["to_save"]} - {None}
    assert officers
    with district.database.begin() as tx:
        row = forecasts.forecast(tx, document["forecast"]["forecast"])
    assert row is not None
    text = json.dumps(row["result"], ensure_ascii=False)
    assert not [name for name in officers if name in text]
    codes = {entry["dossier_code"] for commune in document["communes"] for entry in commune["to_save"]}
    assert all(code in text for code in codes)


def test_an_unknown_number_is_said(district: Home) -> None:
    with pytest.raises(UserError, match="Không có dự báo số 4711"):
        again(district, 4711)
