"""`cchc backtest`: what is stored, what a year may learn from, the document and its tables, what is refused."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from apps.tables import backtest as tables
from flows.steps import audit
from flows.steps import backtest as step
from flows.steps.home import Home, UserError
from flows.steps.measure import Question
from scoring import core
from scoring.forecast.scorecard import MODELS
from scoring.forecast.widen import widen
from tests.scoring.forecast.test_baselines import inputs
from tests.scoring.frames import A, B, C, D, everything, law

pytestmark = pytest.mark.db
UNITS = (A, B, C, D)
SET = "commune_reconstructed"
MEASURES, DECLARATIONS = everything(UNITS, seed=4)


def nothing(what: str, done: int, of: int) -> None:
    """No progress is shown."""


@dataclass(frozen=True)
class Learnt:
    """What a model was estimated from."""

    inputs: Any
    rules: Any
    plain: bool = False


class World:
    """An invented district: what came of each year, and a model whose draws are too narrow by `sure`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.came = {year: 60.0 + 30 * np.random.default_rng(year).random(len(UNITS)) for year in range(2018, 2024)}
        self.sure, self.known_from, self.asked, self.factors = 2.0, datetime(2020, 1, 1, tzinfo=step.ZONE), [], []
        import scoring.forecast.model  # before `fit` is a fake one: it would keep that for good

        assert scoring.forecast.model.fit is not Learnt
        monkeypatch.setenv("CCHC_CLOCK", "2024-06-01T08:00:00")
        monkeypatch.delenv("COLUMNS", raising=False)
        monkeypatch.setattr("flows.steps.forecast.prepare", self.prepare)
        monkeypatch.setattr("scoring.forecast.fitted.fit", Learnt)
        monkeypatch.setattr("scoring.forecast.model.drawn", self.drawn)
        monkeypatch.setattr("scoring.forecast.model.widened", self.widened)
        monkeypatch.setattr(step, "_totals", self.totals)

    def prepare(self, home: Home, tx: Any, asked: Question, set_name: str | None) -> tuple[None, Any, Any]:
        self.asked.append(asked)
        if asked.known_at is not None and asked.known_at < self.known_from:
            raise UserError("no_data", "chưa có")
        given = inputs(MEASURES, DECLARATIONS, [(A, asked.year - 1, 70.0, "Khá", 1)])
        return None, replace(given, day=asked.last_day, year=asked.year, horizon=asked.period_end), law(asked.period_end)

    def drawn(self, learnt: Learnt, *, draws: int, seed: int) -> Any:
        """Draws around the truth, off by a multiple of their own spread; nearer by the month. A plain model is twice as far off."""
        self.factors.append(None if learnt.plain else 1.0)
        given = learnt.inputs
        rng = np.random.default_rng([seed, given.year, given.day.month])
        spread = (13 - given.day.month) / 4 * (2 if learnt.plain else 1)
        centre = self.came[given.year] + self.sure * spread * rng.standard_normal(len(UNITS))
        totals = np.rint((centre + spread * rng.standard_normal((draws, len(UNITS)))) * 100).astype(np.int64)
        return self.graded(totals, learnt.rules)

    def widened(self, found: Any, factor: float) -> Any:
        self.factors.append(factor)
        return self.graded(widen(found.totals, factor, found.rules), found.rules)

    @staticmethod
    def graded(totals: Any, rules: Any) -> Any:
        grades = core.grade_codes(totals, rules.bands.bands)
        return SimpleNamespace(totals=totals, grades=grades, ranks=core.competition_rank(totals), rules=rules)

    def totals(self, home: Home, tx: Any, day: date, plan: step.Plan, known_at: datetime | None) -> pd.DataFrame:
        values = np.round(self.came.get(day.year, np.full(len(UNITS), np.nan)), 2)
        rules = law(day)
        codes = core.grade_codes(np.rint(np.nan_to_num(values) * 100).astype(np.int64), rules.bands.bands)
        ranks = core.competition_rank(np.rint(np.nan_to_num(values) * 100).astype(np.int64))
        grades = np.array(rules.bands.grades, dtype=object)[codes]
        status = np.where(np.isnan(values), "insufficient_data", "graded")
        return pd.DataFrame(
            {"commune": UNITS, "total": values, "share": values, "grade": grades, "rank": pd.array(ranks, dtype="Int64"),
             "grade_status": status}
        )  # fmt: skip


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    yield World(monkeypatch)


def run(home: Home, *years: int, origins: str = "3,6,9", **more: Any) -> dict[str, Any]:
    return step.backtest(home, step.plan_of(home, years, origins, 400, 1, **more), nothing)


def stored(home: Home) -> pd.DataFrame:
    from warehouse import forecasts

    with home.database.begin() as tx:
        return forecasts.scores(tx, SET, "qd766")


def calibration(home: Home, year: int, day: date) -> dict[str, Any] | None:
    with home.database.begin() as tx:
        return step.calibration_for(tx, SET, "qd766", year, day)


def test_the_document(clean: Home, world: World, capsys: pytest.CaptureFixture[str]) -> None:
    found = run(clean, 2022, 2021, 2022)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["years"] == [2021, 2022] and (found["draws"], found["seed"]) == (400, 1) and found["skipped"] == []
    assert (found["criteria_set"], found["definition"], found["hindsight"]) == (SET, "qd766", False)
    assert [(o["year"], o["month"], o["units"]) for o in found["origins"]] == [(y, m, 4) for y in (2021, 2022) for m in (3, 6, 9)]
    for entry in (*found["origins"], *found["overall"]["months"], found["overall"]["total"]):
        assert set(entry["crps"]) == set(entry["brier"]) == set(entry["rps"]) == set(MODELS)
        assert set(entry["coverage"]) == {"p80", "p95"} and 0 <= entry["coverage"]["p80"] <= entry["coverage"]["p95"] <= 1
        assert {"skill_vs_run_rate", "skill_vs_last_year", "skill_vs_plain"} <= set(entry)
    assert [entry["month"] for entry in found["overall"]["months"]] == [3, 6, 9]
    total = found["overall"]["total"]
    assert total["cases"] == 24 and total["crps"]["model"] == pytest.approx(
        sum(o["crps"]["model"] for o in found["origins"]) / 6, abs=1e-5
    )
    assert [o["factor"] for o in found["origins"][:3]] == [None] * 3 and all(o["factor"] > 1 for o in found["origins"][3:])
    tables.show(found)
    text = capsys.readouterr().out
    assert "Trong 24 lần dự báo đã kiểm tra lại (các năm 2021, 2022; 4 xã, 6 thời điểm)" in " ".join(text.split())
    assert "Hết tháng 9" in text and "Kéo dài đà" in text and "None" not in text and "nan" not in text.split()
    assert unicodedata.is_normalized("NFC", text)


def test_facts_are_those_known_then_unless_asked_otherwise(clean: Home, world: World) -> None:
    run(clean, 2022, origins="3")
    asked = world.asked[-1]
    assert asked.known_at == asked.as_of == datetime(2022, 3, 31, 23, 59, 59, tzinfo=step.ZONE)
    assert run(clean, 2022, origins="3", hindsight=True)["hindsight"]
    assert world.asked[-1].known_at is None and world.asked[-1].as_of == asked.as_of
    assert stored(clean)["hindsight"].all()


def test_each_unit_and_model_is_stored_once_and_a_rerun_replaces(clean: Home, world: World) -> None:
    run(clean, 2021)
    first = stored(clean)
    assert len(first) == 3 * 4 * 4 + 3 * 4  # the year before is known of all four, so five models of four units at 3 origins
    raw, model = (first[first["model"] == name].reset_index(drop=True) for name in ("raw", "model"))
    assert (raw["crps"] == model["crps"]).all() and first["factor"].isna().all()  # nothing to learn from yet
    assert first[first["model"] == "run_rate"]["in80"].isna().all() and raw["in80"].notna().all()
    assert (raw["p10"] <= raw["p50"]).all() and (raw["p50"] <= raw["p90"]).all()
    run(clean, 2021)
    again = stored(clean)
    pd.testing.assert_frame_equal(first, again)
    world.came[2021] = world.came[2021] + 1
    run(clean, 2021, origins="6")
    changed = stored(clean)
    assert len(changed) == len(first)
    differs = (changed["truth"] - first["truth"]).round(6)
    assert set(differs[changed["month"] == 6]) == {1.0} and set(differs[changed["month"] != 6]) == {0.0}


def test_a_year_learns_only_from_the_years_before_it(clean: Home, world: World) -> None:
    run(clean, 2020, 2021, 2022)
    day = date(2021, 6, 30)
    assert calibration(clean, 2020, date(2020, 6, 30)) is None
    before, later = calibration(clean, 2021, day), calibration(clean, 2023, day)
    assert before is not None and (before["years"], before["origins"]) == ([2020], 1)  # month 6 alone is near
    assert later is not None and later["years"] == [2020, 2021, 2022]
    with clean.database.begin() as tx:
        tx.execute("update forecast_scores set truth = truth + 25 where year >= 2021")  # far outside what was said
    assert calibration(clean, 2021, day) == before
    changed = calibration(clean, 2023, day)
    assert changed is not None and abs(changed["factor"] - later["factor"]) > 0.05
    world.came[2021], world.came[2022] = world.came[2021] + 25, world.came[2022] + 25
    run(clean, 2021, 2022)  # what was learnt from 2020 is still what 2021 is widened by
    assert calibration(clean, 2021, day) == before


def test_the_widening_learnt_is_the_widening_used(clean: Home, world: World) -> None:
    found = run(clean, 2021, 2022)
    used = [o["factor"] for o in found["origins"] if o["year"] == 2022]
    assert used == [calibration(clean, 2022, date(2022, m, d))["factor"] for m, d in ((3, 31), (6, 30), (9, 30))]  # type: ignore[index]
    assert [f for f in world.factors if f not in (None, 1.0)] == used
    rows = stored(clean).set_index(["year", "month", "unit_id", "model"])
    wide, raw = (rows.xs((2022, 3, A, name)) for name in ("model", "raw"))
    assert wide["p90"] - wide["p10"] == pytest.approx(used[0] * (raw["p90"] - raw["p10"]), rel=0.02)
    assert wide["factor"] == used[0] and raw["factor"] != raw["factor"]


def test_the_scorecard_beside_a_forecast(clean: Home, world: World) -> None:
    run(clean, 2021, 2022)
    with clean.database.begin() as tx:
        card = step.scorecard_json(tx, SET, "qd766", 2022)
        assert step.scorecard_json(tx, SET, "qd766", 2021) is None
        assert step.scorecard_json(tx, SET, "ii06", 2023) is None
        every = step.scorecard_json(tx, SET, "qd766")
    assert card is not None and every is not None
    assert (card["years"], card["origins"], card["units"], card["total"]["cases"]) == ([2021], 3, 4, 12)
    assert every["years"] == [2021, 2022] and card["text"].startswith("Trong 12 lần dự báo đã kiểm tra lại (năm 2021; 4 xã, 3")
    json.dumps(card, allow_nan=False)


def test_origins_at_which_nothing_was_known_are_left_out(clean: Home, world: World) -> None:
    world.known_from = datetime(2021, 5, 1, tzinfo=step.ZONE)
    found = run(clean, 2021)
    assert found["skipped"] == [{"year": 2021, "month": 3}] and [o["month"] for o in found["origins"]] == [6, 9]
    tables.show(found)


def test_it_is_logged(clean: Home, world: World) -> None:
    run(clean, 2021)
    (entry,) = [entry for entry in audit.listing(clean)["entries"] if entry["action"] == "forecast.backtest"]
    assert entry["text"] == "kiểm tra lại dự báo các năm: 2021; tháng 3,6,9" and entry["detail"]["draws"] == 400


def test_what_is_refused(clean: Home, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def code(*years: int, **more: Any) -> str:
        with pytest.raises(UserError) as caught:
            run(clean, *years, **more)
        return caught.value.code

    assert code(2024) == "year_not_over" and code(2014) == "bad_year"
    assert (
        code(2022, origins="0-3")
        == code(2022, origins="12")
        == code(2022, origins="ba")
        == code(2022, origins="")
        == "bad_origins"
    )
    assert code(2022, origins="1-99999999999") == code(2022, origins="3-") == "bad_origins"
    with pytest.raises(UserError, match="18 chữ số"):
        step.plan_of(clean, (2022,), seed=10**22)
    assert code(2022, set_name="khong_co") == "unknown_criteria" and code(2022, definition="sai") == "unknown_definition"
    with pytest.raises(UserError, match="tình huống"):
        step.backtest(clean, step.plan_of(clean, (2022,), "3", 50, 1), nothing)
    with monkeypatch.context() as others:
        others.setattr(step, "_totals", lambda *a: world.totals(*a).assign(commune=["w", "x", "y", "z"]))
        assert code(2022) == "no_truth"  # none of those that were forecast
    world.known_from = datetime(2024, 1, 1, tzinfo=step.ZONE)
    assert code(2022) == "no_history"
    del world.came[2022]
    assert code(2022) == "no_truth"
    assert stored(clean).empty


def test_origins_as_text() -> None:
    assert step.months_of(None) == tuple(range(1, 12)) == step.months_of("1-11")
    assert step.months_of("9,3,3") == (3, 9) and step.months_of("6") == (6,)
