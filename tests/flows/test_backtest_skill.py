"""How good the forecast is on an invented district whose making it never reads: against simpler ones, and its coverage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import empty
from tests.flows.forecast_kit import fill, world_of

if TYPE_CHECKING:
    from flows.steps.home import Home

pytestmark = [pytest.mark.db, pytest.mark.slow]
#: A forecast that is told neither: more late dossiers, less growth, more drift and noise, fewer forms than usual.
YEARS, TRIED, MONTHS = (2020, 2021, 2022, 2023), (2021, 2022, 2023), "3,9"


@pytest.fixture(scope="module")
def found(installation: Home, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    from flows.steps.backtest import backtest, plan_of
    from synthetic.profiles import Settings

    settings = Settings(late_level=1.5, online_growth=0.15, drift=0.2, noise=0.25, scale=0.25, survey_forms=1.2)
    empty(installation)
    fill(installation, world_of(YEARS, 31, settings), tmp_path_factory.mktemp("world"))
    plan = plan_of(installation, TRIED, MONTHS, draws=500, seed=1)
    return backtest(installation, plan, lambda *_: None)["overall"]


def test_it_is_far_better_than_carrying_the_year_forward(found: dict[str, Any]) -> None:
    months = found["months"]
    assert [card["month"] for card in months] == [3, 9] and all(card["cases"] == 39 for card in months)
    assert all(card["skill_vs_run_rate"]["crps"] >= 0.30 for card in months)
    assert all(card["skill_vs_last_year"]["crps"] >= 0.25 for card in months)
    total = found["total"]["skill_vs_run_rate"]
    assert total["brier"] >= 0.25 and total["rps"] >= 0.25


def test_it_is_not_worse_than_the_plain_beta_binomial(found: dict[str, Any]) -> None:
    march, september = (card["skill_vs_plain"]["crps"] for card in found["months"])
    assert march > 0.10 and september > -0.03


def test_intervals_hold_what_they_promise(found: dict[str, Any]) -> None:
    """39 years of a commune: an interval half or twice as wide as it ought to be covers 48 or 99 % of them instead of 80."""
    total = found["total"]
    for covered in (total["coverage"], total["coverage_raw"]):
        assert 0.68 <= covered["p80"] <= 0.91 and 0.88 <= covered["p95"] <= 0.995
