"""Stored forecasts: once each, with a recipe, and read back by the day they were made for."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from flows.steps import audit
from flows.steps.forecast_store import history, latest_before, store
from flows.steps.home import Home, parse_moment
from flows.steps.measure import question
from flows.steps.rules import rules_on
from warehouse import forecasts
from warehouse.forecasts import INDEX_COLUMNS

pytestmark = pytest.mark.db
UNITS = ("22492", "22489")


def document(as_of: datetime, median: float = 80.0, **more: Any) -> dict[str, Any]:
    index = {name: median + shift for name, shift in zip(INDEX_COLUMNS, (0.1, -9, -7, -5, -2, 0, 2, 5, 7, 9))}
    communes = [
        {"commune": unit, "unit_id": unit, "index": index, "p_good": 0.25 * k, "expected_rank": 1.5, "history": [k]}
        for k, unit in enumerate(UNITS)
    ]
    return {
        "criteria_set": "commune_reconstructed", "definition": "qd766", "year": 2023, "as_of": as_of.isoformat(), "draws": 1000,
        "seed": 1, "calibration": None, "horizon": "2023-12-31", "communes": communes, "scorecard": {"cases": 3}, **more,
    }  # fmt: skip


def keep(home: Home, day: str, median: float = 80.0, **more: Any) -> dict[str, str | int]:
    asked = question(2023, as_of=parse_moment(day))
    with home.database.begin() as tx:
        return store(home, tx, asked, rules_on(home, None, asked.period_end), document(asked.as_of, median, **more))


def test_the_same_result_of_the_same_recipe_is_stored_once(clean: Home) -> None:
    first, again = keep(clean, "2023-03-31"), keep(clean, "2023-03-31")
    assert first == again
    other, drawn = keep(clean, "2023-03-31", median=81.0), keep(clean, "2023-03-31", draws=2000)
    assert len({first["forecast"], other["forecast"], drawn["forecast"]}) == 3
    assert first["recipe"] == other["recipe"] != drawn["recipe"] and first["result"] == drawn["result"] != other["result"]
    with clean.database.begin() as tx:
        assert tx.scalar("select count(*) from forecasts") == 3
        assert tx.scalar("select count(*) from forecast_points") == 6
    entries = audit.listing(clean)["entries"]
    assert [entry["subject"] for entry in entries if entry["action"] == "forecast.store"].count(
        f"forecast:{first['forecast']}"
    ) == 1
    assert audit.verify(clean)["intact"]


def test_what_a_document_says_of_earlier_forecasts_makes_no_new_one(clean: Home) -> None:
    first = keep(clean, "2023-03-31")
    with clean.database.begin() as tx:
        asked = question(2023, as_of=parse_moment("2023-03-31"))
        said = document(asked.as_of)
        for row in said["communes"]:
            row |= {"history": [1, 2, 3], "changes": {"text": "khác"}}
        assert store(clean, tx, asked, rules_on(clean, None, asked.period_end), said) == first


def test_a_stored_forecast_has_its_recipe_and_document(clean: Home) -> None:
    number = keep(clean, "2023-03-31", calibration={"factor": 1.25, "origins": 22, "years": [2021, 2022]})["forecast"]
    with clean.database.begin() as tx:
        row = forecasts.forecast(tx, int(number))
        assert forecasts.forecast(tx, 9999) is None
    assert row is not None
    recipe, result = row["recipe"], row["result"]
    assert (recipe["draws"], recipe["seed"], recipe["calibration"]["factor"]) == (1000, 1, 1.25)
    assert recipe["question"]["year"] == 2023 and recipe["criteria_hash"] == recipe["parts"]["criteria"]
    assert {"known_at", "code", "calendar", "units", "inputs", "loads", "definition"} <= set(recipe)
    assert "scorecard" not in result and "history" not in result["communes"][0]
    assert result["communes"][0]["index"]["p50"] == 80.0


def test_history_is_the_last_forecast_of_each_day(clean: Home) -> None:
    keep(clean, "2023-06-30T08:00:00", 70)
    keep(clean, "2023-06-30T20:00:00", 71)  # after 20:00 in Việt Nam it is the same day in UTC
    keep(clean, "2023-07-01T05:00:00", 72)  # still 30 June in UTC
    keep(clean, "2023-07-01T05:00:00", 73)
    keep(clean, "2023-09-30", 74)
    with clean.database.begin() as tx:
        found = history(tx, "commune_reconstructed", "qd766", 2023)
        assert set(found) == set(UNITS)
        line = found["22492"]
        assert [(p["as_of"][:10], p["p50"]) for p in line] == [("2023-06-30", 71), ("2023-07-01", 73), ("2023-09-30", 74)]
        assert [found[unit][0]["p_good"] for unit in UNITS] == [0.0, 0.25] and line[0]["p025"] == 62.0
        before = history(tx, "commune_reconstructed", "qd766", 2023, parse_moment("2023-07-01T05:00:00"))
        assert [p["p50"] for p in before["22492"]] == [71]
        assert history(tx, "commune_reconstructed", "ii06", 2023) == {} == history(tx, "commune_reconstructed", "qd766", 2022)


def test_what_was_asked_to_know_less_than_its_day_is_no_earlier_forecast(clean: Home) -> None:
    keep(clean, "2023-06-30", 70, known_at=parse_moment("2023-06-30").isoformat())
    keep(clean, "2023-06-30", 50, known_at="2022-12-31T16:59:59+00:00")
    keep(clean, "2023-08-31", 55, known_at="2022-12-31T16:59:59+00:00")
    with clean.database.begin() as tx:
        key = (tx, "commune_reconstructed", "qd766", 2023)
        assert [point["p50"] for point in history(*key)["22492"]] == [70]
        found = latest_before(*key, parse_moment("2023-09-30"))
        assert found is not None and found["result"]["communes"][0]["index"]["p50"] == 70


def test_the_latest_before_a_moment(clean: Home) -> None:
    keep(clean, "2023-06-30", 70)
    keep(clean, "2023-03-31", 60)
    with clean.database.begin() as tx:
        key = (tx, "commune_reconstructed", "qd766", 2023)
        found = latest_before(*key, parse_moment("2023-07-15"))
        assert found is not None and found["result"]["communes"][0]["index"]["p50"] == 70
        assert found["as_of"] == parse_moment("2023-06-30") and found["recipe"]["seed"] == 1
        earlier = latest_before(*key, parse_moment("2023-06-30"))
        assert earlier is not None and earlier["result"]["communes"][0]["index"]["p50"] == 60
        assert latest_before(*key, parse_moment("2023-03-31")) is None


def test_the_program_cannot_change_a_stored_forecast(clean: Home) -> None:
    keep(clean, "2023-03-31")
    for statement in ("update forecasts set year = 2022", "delete from forecast_points", "truncate forecasts cascade"):
        with pytest.raises(Exception, match="permission denied"), clean.database.begin() as tx:
            tx.execute(statement)
