"""Forecasts kept as they were given: with the recipe that repeats them, once each, and read back for charts and changes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from flows.steps.audit import record
from flows.steps.events import note
from flows.steps.home import ZONE, Home, now
from flows.steps.runs import keep_recipe, recipe_digest
from flows.steps.score import digest_of

if TYPE_CHECKING:
    from criteria.model import ResolvedSet
    from flows.steps.measure import Question
    from warehouse.database import Transaction

#: What a document says of earlier forecasts: no part of what makes two forecasts the same.
_OF_EARLIER: Final = frozenset({"history", "changes"})


def store(
    home: Home, tx: Transaction, asked: Question, rules: ResolvedSet, document: dict[str, Any], *, origin: str = "forecast",
    counted: tuple[datetime, list[dict[str, Any]]] | None = None,
) -> dict[str, str | int]:  # fmt: skip
    """Store a forecast's document with its recipe; the same result of the same recipe once. Returns {forecast, recipe, result}.

    rules: those of the horizon's day. document: as `flows.steps.forecast` gives it (draws, seed and calibration are read from
    it). counted: when and after which loads (`warehouse.runs.loads_known`) it was counted; None: now.
    Raises: ValueError when the criteria on disk are not those that were used.
    """
    from warehouse import forecasts

    moment = now()
    extra = {name: document[name] for name in ("draws", "seed", "calibration", "horizon")}
    seen_at, loads = counted or (moment, None)
    recipe = keep_recipe(home, tx, asked, rules, seen_at, extra=extra, loads=loads)
    communes = lasting(document["communes"])
    kept = {key: value for key, value in document.items() if key != "scorecard"}
    kept["communes"] = [row | {"changes": told.get("changes")} for row, told in zip(communes, document["communes"])]
    digest = digest_of(communes)
    number, new = forecasts.store(
        tx, recipe=recipe, recipe_digest=recipe_digest(recipe), result=kept, digest=digest, as_of=asked.as_of,
        points=[_point(row) for row in communes], now=moment, origin=origin,
    )  # fmt: skip
    if new:
        said = {"says": f"dự báo số {number}", "origin": origin, "result": digest}
        record(tx, "forecast.store", f"forecast:{number}", said)
        note(tx, "forecast.published", f"forecast:{number}", year=asked.year, criteria_set=rules.name, origin=origin)
    return {"forecast": number, "recipe": recipe_digest(recipe), "result": digest}


def lasting(communes: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the communes of a document as their digest takes them: without earlier forecasts, and without an official's name.

    Who has a dossier in hand is in the facts; a stored forecast is never changed, and says it of nobody.
    """

    def told(row: dict[str, Any]) -> dict[str, Any]:
        saved = [{key: value for key, value in entry.items() if key != "officer"} for entry in row.get("to_save") or []]
        return {key: value for key, value in row.items() if key not in _OF_EARLIER} | {"to_save": saved}

    return [told(row) for row in communes]


def _point(row: dict[str, Any]) -> dict[str, Any]:
    return {**row["index"], "unit_id": row["unit_id"], "p_good": row["p_good"], "expected_rank": row["expected_rank"]}


def history(
    tx: Transaction, criteria_set: str, definition: str, year: int, before: datetime | None = None
) -> dict[str, list[dict[str, Any]]]:
    """Return unit → its stored forecasts of a year, oldest first: the last of each day they were made for, in Việt Nam.

    Each: {as_of, mean, p025, p05, p10, p25, p50, p75, p90, p95, p975, p_good, expected_rank}. before: only those made for an
    earlier moment.
    """
    from warehouse import forecasts

    found: dict[str, list[dict[str, Any]]] = {}
    for row in forecasts.history(tx, criteria_set, definition, year, ZONE.key, before):
        point = {name: row[name] for name in (*forecasts.INDEX_COLUMNS, "p_good", "expected_rank")}
        found.setdefault(row["unit_id"], []).append({"as_of": row["as_of"].astimezone(ZONE).isoformat(), **point})
    return found


def latest_before(tx: Transaction, criteria_set: str, definition: str, year: int, moment: datetime) -> dict[str, Any] | None:
    """Return the latest stored forecast of a year made for a moment before this one: {forecast, as_of, recipe, result}."""
    from warehouse import forecasts

    row = forecasts.latest(tx, criteria_set, definition, year, moment)
    if row is None:
        return None
    return {
        "forecast": int(row["forecast_id"]), "as_of": row["as_of"].astimezone(ZONE), "recipe": row["recipe"],
        "result": row["result"],
    }  # fmt: skip
