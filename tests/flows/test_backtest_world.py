"""`cchc backtest` on an invented district that was loaded month by month: as known then, the same for the same seed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from click.testing import CliRunner

from apps import cli
from flows.steps.home import parse_moment
from tests.conftest import empty
from tests.flows import kit
from tests.flows.forecast_kit import fill, world_of

if TYPE_CHECKING:
    from flows.steps.home import Home

pytestmark = [pytest.mark.db, pytest.mark.slow]


@pytest.fixture(scope="module")
def district(installation: Home, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Three years of a district with few dossiers."""
    from synthetic.profiles import Settings

    empty(installation)
    fill(installation, world_of((2020, 2021, 2022), 3, Settings(scale=0.2)), tmp_path_factory.mktemp("world"))
    return installation


def run(*words: str) -> dict[str, Any]:
    answer = CliRunner().invoke(cli.cli, ["backtest", *words, "--draws", "300", "--json"], catch_exceptions=False)
    assert answer.exit_code == 0, answer.output
    return json.loads(answer.output)


def stored(home: Home) -> pd.DataFrame:
    from warehouse import forecasts

    with home.database.begin() as tx:
        return forecasts.scores(tx, "commune_reconstructed", "qd766", years=[2022])


def test_two_years_as_known_then(district: Home, tmp_path: Path) -> None:
    words = ("--year", "2021", "--year", "2022", "--origins", "6,11", "--seed", "7")
    found = run(*words)
    assert [(o["year"], o["month"]) for o in found["origins"]] == [(2021, 6), (2021, 11), (2022, 6), (2022, 11)]
    assert all(o["units"] >= 13 for o in found["origins"])
    june, november = found["overall"]["months"]
    assert november["crps"]["model"] < june["crps"]["model"] < june["crps"]["run_rate"]
    assert found["origins"][0]["factor"] is None and 0.6 <= found["origins"][2]["factor"] <= 3
    rows = stored(district)
    assert run(*words) == found
    pd.testing.assert_frame_equal(stored(district), rows)

    late = [kit.dossier(f"H32.22492-{number:05d}", 1) | DAYS for number in range(400)]
    kit.load(district, kit.write_csv(tmp_path / "late.csv", late), kit.QuickGate(), parse_moment("2023-06-30"))
    run("--year", "2022", "--origins", "6,11", "--seed", "7")
    after, key = stored(district), ["month", "unit_id", "model"]
    said = ["p025", "p10", "p50", "p90", "p975", "factor"]
    pd.testing.assert_frame_equal(after[key + said], rows[key + said])  # nobody knew of them then
    moved = after[after["truth"] != rows["truth"]]["unit_id"].unique()
    assert list(moved) == ["22492"]


#: Received and finished in spring 2022, long past their due day.
DAYS = {
    "received_at": "01/03/2022 08:00:00", "due_at": "07/03/2022 17:00:00", "finished_at": "20/04/2022 10:00:00",
    "status": "Đã trả kết quả",
}  # fmt: skip


def test_a_year_without_data_says_so(district: Home) -> None:
    answer = CliRunner().invoke(cli.cli, ["backtest", "--year", "2019", "--json"])
    assert "2019" in str(answer.exception) and getattr(answer.exception, "code", None) == "no_truth"
