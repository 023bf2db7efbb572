"""A stored forecast made again from its recipe and held against what was stored: `cchc forecast-verify`.

Rules, calendar, units and loads are those of the recipe (see `flows.steps.rebuild`); draws, seed and widening as well. So a
forecast can be repeated to the digest whatever came in later.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import criteria
from flows.steps.forecast_store import lasting
from flows.steps.home import Home, UserError, code_version
from flows.steps.measure import stamp
from flows.steps.rebuild import LostPart, Past, TouchedPart, back_then, past_of
from flows.steps.runs import recipe_digest
from flows.steps.score import digest_of

if TYPE_CHECKING:
    from warehouse.database import Transaction

#: What must come out again to the digit. The rest of a commune is wording and detail made of the same draws.
FIGURES: Final = ("now", "index", "grading_index", "grade_probability", "p_good", "rank_probability", "expected_rank")
SOUND: Final = ("identical", "same_figures")


def verify(home: Home, forecast_id: int | None = None) -> dict[str, Any]:
    """Return the document of `cchc forecast-verify`: one stored forecast, or all of them, made again. Raises: UserError.

    {checked, bad, forecasts: [{forecast, year, as_of, draws, seed, criteria_set, definition, origin, status, stored_digest,
    digest, reason, differences, code, code_now}]}. status: see `again`.
    """
    from warehouse import forecasts

    with home.database.begin() as tx:
        ids = forecasts.forecast_ids(tx) if forecast_id is None else [forecast_id]
    found = [again(home, number) for number in ids]
    return {"checked": len(found), "bad": [row["forecast"] for row in found if row["status"] not in SOUND], "forecasts": found}


def again(home: Home, forecast_id: int) -> dict[str, Any]:
    """Make one stored forecast again. Raises: UserError (there is none of this number).

    status: identical (every byte), same_figures (wording or detail differs), different (`differences` lists commune and field),
    tampered (the stored forecast contradicts its own digests), lost (something it was made of is gone; `reason` says what).
    """
    with home.database.begin() as tx:
        stored = _stored(tx, forecast_id)
    recipe = stored["recipe"]
    answer: dict[str, Any] = {
        "forecast": forecast_id, "year": stored["year"], "as_of": stamp(stored["as_of"]), "draws": recipe["draws"],
        "seed": recipe["seed"], "criteria_set": recipe["criteria_set"], "definition": stored["definition"],
        "origin": stored["origin"], "stored_digest": stored["result_digest"], "digest": None, "reason": None, "differences": [],
        "code": recipe["code"], "code_now": code_version(),
    }  # fmt: skip
    before, touched = lasting(stored["result"]["communes"]), _touched(stored)
    try:
        with home.database.begin() as tx:
            past = past_of(home, tx, recipe)
        after = drawn_again(home, past, recipe)
    except (LostPart, UserError, criteria.NotInForceError, criteria.CriteriaError) as error:
        tampered = touched or isinstance(error, TouchedPart)
        return answer | {"status": "tampered" if tampered else "lost", "reason": touched or str(error)}
    answer |= {"digest": digest_of(after), "differences": _differences(before, after)}
    if touched:
        return answer | {"status": "tampered", "reason": touched}
    if answer["digest"] == stored["result_digest"]:
        return answer | {"status": "identical"}
    return answer | {"status": "different" if answer["differences"] else "same_figures"}


def drawn_again(home: Home, past: Past, recipe: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the communes of a forecast as its recipe says they come out. Raises: UserError."""
    from flows.steps.forecast import forecast_question
    from flows.steps.forecast_document import communes_json, look_at
    from flows.steps.forecast_peers import places_of

    factor = (recipe["calibration"] or {}).get("factor", 1.0)
    with back_then(home, past) as (there, tx):
        done = forecast_question(
            there, tx, past.asked, recipe["criteria_set"], draws=recipe["draws"], seed=recipe["seed"], factor=factor,
            look=look_at, kept=past.rules,
        )  # fmt: skip
        return lasting(communes_json(done, places_of(there, tx, done)))


def _stored(tx: Transaction, forecast_id: int) -> dict[str, Any]:
    from warehouse import forecasts

    found = forecasts.forecast(tx, forecast_id)
    if found is None:
        raise UserError("unknown_forecast", f"Không có dự báo số {forecast_id}; số của mỗi dự báo ở mục «forecast» của --json.")
    return found


def _touched(stored: dict[str, Any]) -> str | None:
    """Return how a stored forecast contradicts its own digests, None when it does not."""
    if digest_of(lasting(stored["result"]["communes"])) != stored["result_digest"]:
        return "Dự báo đang lưu không khớp mã kiểm tra của chính nó: đã bị sửa sau khi lưu."
    if recipe_digest(stored["recipe"]) != stored["recipe_digest"]:
        return "Công thức đang lưu không khớp mã kiểm tra của chính nó: đã bị sửa sau khi lưu."
    return None


def _differences(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return which figures of which communes differ: {commune, name, field, stored, again}."""
    earlier, later = {row["unit_id"]: row for row in before}, {row["unit_id"]: row for row in after}
    found = []
    for unit in dict.fromkeys([*earlier, *later]):
        mine, other = earlier.get(unit, {}), later.get(unit, {})
        who = {name: (mine or other)[name] for name in ("commune", "name")}
        for field in FIGURES:
            if (field in mine or not mine) and mine.get(field) != other.get(field):
                found.append({**who, "field": field, "stored": mine.get(field), "again": other.get(field)})
    return found
