"""The forecast judges itself, a few past months a night, the oldest year first, and stops when there is nothing left."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.steps import scorecard
from flows.steps.backtest import Plan, scorecard_json
from flows.steps.home import Home, UserError, parse_moment
from flows.steps.measure import question
from synthetic.profiles import Settings
from tests.flows.forecast_kit import world_home


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    folder: Path = tmp_path_factory.mktemp("scorecard")
    return world_home(folder, [2021, 2022], 3, Settings(scale=0.15))


@pytest.mark.parametrize(
    ("code", "tried"),
    [("no_truth", [(2021, False), (2022, False)]), ("no_history", [(2021, False), (2021, True), (2022, False), (2022, True)])],
)
def test_a_year_that_cannot_be_judged_costs_one_attempt_a_night(
    code: str, tried: list[tuple[int, bool]], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked_of: list[tuple[int, bool]] = []

    def refused(_: object, plan: Plan, __: object) -> None:
        asked_of.append((plan.years[0], plan.hindsight))
        raise UserError(code, "không có")

    monkeypatch.setattr(scorecard, "backtest", refused)
    monkeypatch.setattr(scorecard, "_untried", lambda *_: [(year, month) for month in (3, 6, 9) for year in (2021, 2022)])
    home = Home(Path("nowhere"))  # never opened
    assert scorecard.judge_some(home, question(2023, as_of=parse_moment("2023-02-01"))) == []
    assert asked_of == tried


@pytest.mark.db
@pytest.mark.slow
def test_nights_judge_the_years_behind_one_after_another(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scorecard, "DRAWS", 200)
    monkeypatch.setattr(scorecard, "ROUNDS", ((3, 9), (6,)))
    asked = question(2023, as_of=parse_moment("2023-02-01"))
    nights = [[(row["year"], row["month"]) for row in scorecard.judge_some(home, asked)] for _ in range(4)]
    assert nights == [[(2021, 3), (2021, 9)], [(2022, 3), (2022, 9)], [(2021, 6), (2022, 6)], []]
    with home.database.begin() as tx:
        card = scorecard_json(tx, "commune_reconstructed", asked.definition, 2023)
    assert card is not None
    assert (card["years"], card["origins"]) == ([2021, 2022], 6)


@pytest.mark.db
@pytest.mark.slow
def test_a_year_that_is_not_over_is_not_judged(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CCHC_CLOCK", "2022-06-01T08:00:00")
    monkeypatch.setattr(scorecard, "ROUNDS", ((4,),))
    monkeypatch.setattr(scorecard, "DRAWS", 200)
    tried = scorecard.judge_some(home, question(2023, as_of=parse_moment("2023-02-01")))
    assert [(row["year"], row["month"]) for row in tried] == [(2021, 4)]
