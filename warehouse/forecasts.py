"""Stored forecasts, and the scores of past ones."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from warehouse.database import Transaction

#: Quantiles and mean of the index, as a forecast's document names them.
INDEX_COLUMNS: Final = ("mean", "p025", "p05", "p10", "p25", "p50", "p75", "p90", "p95", "p975")
_POINTS: Final = ("unit_id", *INDEX_COLUMNS, "p_good", "expected_rank")
SCORE_COLUMNS: Final = (
    "year", "month", "unit_id", "model", "crps", "brier", "rps", "in80", "in95", "truth", "p025", "p10", "p50", "p90", "p975",
    "factor", "hindsight", "draws", "seed", "code",
)  # fmt: skip
#: The forecast of a stored row `f` was not asked to know less than its own day knew.
_OF_ITS_DAY: Final = "coalesce((f.result ->> 'known_at')::timestamptz, 'infinity') >= f.as_of"


def store(
    tx: Transaction, *, recipe: dict[str, Any], recipe_digest: str, result: dict[str, Any], digest: str, as_of: datetime,
    points: Sequence[dict[str, Any]], now: datetime, origin: str,
) -> tuple[int, bool]:  # fmt: skip
    """Store a forecast with its points; the same result of the same recipe is stored once. Returns (id, whether it is new).

    points: one mapping per unit with unit_id, INDEX_COLUMNS, p_good and expected_rank.
    """
    found = tx.scalar(
        """
        insert into forecasts (
            recipe_digest, result_digest, criteria_set, definition, year, as_of, recipe, result, stored_at, origin
        )
        values (
            %(rd)s, %(sd)s, %(set)s, %(definition)s, %(year)s, %(as_of)s, %(recipe)s::jsonb, %(result)s::jsonb, %(now)s,
            %(origin)s
        )
        on conflict (recipe_digest, result_digest) do nothing
        returning forecast_id
        """,
        {
            "rd": recipe_digest, "sd": digest, "set": result["criteria_set"], "definition": result["definition"],
            "year": result["year"], "as_of": as_of, "recipe": json.dumps(recipe, ensure_ascii=False),
            "result": json.dumps(result, ensure_ascii=False), "now": now, "origin": origin,
        },
    )  # fmt: skip
    if found is None:
        known = tx.scalar(
            "select forecast_id from forecasts where recipe_digest = %(rd)s and result_digest = %(sd)s",
            {"rd": recipe_digest, "sd": digest},
        )
        return int(known), False
    listed = [{name: point[name] for name in _POINTS} for point in points]
    tx.execute(
        f"""
        insert into forecast_points (forecast_id, {", ".join(_POINTS)})
        select %(id)s, {", ".join(_POINTS)} from jsonb_populate_recordset(null::forecast_points, %(points)s::jsonb)
        """,
        {"id": found, "points": json.dumps(listed)},
    )
    return int(found), True


def forecast(tx: Transaction, forecast_id: int) -> dict[str, Any] | None:
    """Return a stored forecast with its recipe and result, None when there is none."""
    return tx.one("select * from forecasts where forecast_id = %(id)s", {"id": forecast_id})


def forecast_ids(tx: Transaction) -> list[int]:
    """Return the numbers of all stored forecasts, in order."""
    return [int(row["forecast_id"]) for row in tx.rows("select forecast_id from forecasts order by forecast_id")]


def latest(tx: Transaction, criteria_set: str, definition: str, year: int, before: datetime) -> dict[str, Any] | None:
    """Return the latest stored forecast made for a moment before another, with its recipe and result; None without any.

    One that was asked to know less than its own day knew is no forecast of that day, here and in `history`.
    """
    return tx.one(
        f"""
        select f.* from forecasts as f
        where
            f.criteria_set = %(set)s and f.definition = %(definition)s and f.year = %(year)s and f.as_of < %(before)s
            and {_OF_ITS_DAY}
        order by f.as_of desc, f.forecast_id desc
        limit 1
        """,
        {"set": criteria_set, "definition": definition, "year": year, "before": before},
    )


def foreseen(tx: Transaction, criteria_set: str, definition: str, year: int, load_id: int) -> bool:
    """Return whether the chain made a forecast of a year from a load or a later one (`loads` of a recipe ends with the newest).

    What a person asked for does not count: no alert was judged by it, and no report written.
    """
    return bool(
        tx.scalar(
            """
            select exists (
                select 1 from forecasts as f
                where
                    f.criteria_set = %(set)s and f.year = %(year)s and f.definition = %(definition)s
                    and f.origin in ('nightly', 'event', 'demo')
                    and coalesce(substring(f.recipe ->> 'loads' from '[0-9]+$')::bigint, 0) >= %(load)s
            )
            """,
            {"set": criteria_set, "definition": definition, "year": year, "load": load_id},
        )
    )


def history(
    tx: Transaction, criteria_set: str, definition: str, year: int, zone: str, before: datetime | None = None
) -> list[dict[str, Any]]:
    """Return the stored forecasts of a year by unit and moment: the last of each day (of `zone`) they were made for.

    Keys: unit_id, as_of, INDEX_COLUMNS, p_good, expected_rank.
    """
    return tx.rows(
        f"""
        with of_days as (
            select distinct on ((f.as_of at time zone %(zone)s)::date) f.forecast_id, f.as_of
            from forecasts as f
            where
                f.criteria_set = %(set)s and f.definition = %(definition)s and f.year = %(year)s
                and f.as_of < coalesce(%(before)s, 'infinity'::timestamptz) and {_OF_ITS_DAY}
            order by (f.as_of at time zone %(zone)s)::date asc, f.as_of desc, f.forecast_id desc
        )

        select d.as_of, p.*
        from of_days as d
        inner join forecast_points as p on p.forecast_id = d.forecast_id
        order by p.unit_id, d.as_of
        """,
        {"set": criteria_set, "definition": definition, "year": year, "zone": zone, "before": before},
    )


# --- scores of past forecasts ---


def replace_scores(
    tx: Transaction, criteria_set: str, definition: str, year: int, month: int, rows: Sequence[dict[str, Any]], now: datetime
) -> None:
    """Let these be the scores of one month of origin. rows: SCORE_COLUMNS; grain unit × model."""
    key = {"set": criteria_set, "definition": definition}
    tx.execute(
        """
        delete from forecast_scores
        where criteria_set = %(set)s and definition = %(definition)s and year = %(year)s and month = %(month)s
        """,
        {**key, "year": year, "month": month},
    )
    tx.execute(
        f"""
        insert into forecast_scores (criteria_set, definition, {", ".join(SCORE_COLUMNS)}, created_at)
        select %(set)s, %(definition)s, {", ".join(SCORE_COLUMNS)}, %(now)s
        from jsonb_populate_recordset(null::forecast_scores, %(rows)s::jsonb)
        """,
        {**key, "rows": json.dumps([{name: row[name] for name in SCORE_COLUMNS} for row in rows]), "now": now},
    )


def scores(
    tx: Transaction, criteria_set: str, definition: str, *, before: int | None = None, years: Sequence[int] | None = None,
    model: str | None = None,
) -> Any:  # fmt: skip
    """Return the scores of past forecasts as a DataFrame of SCORE_COLUMNS, of the years `before` another, or of some `years`."""
    return tx.frame(
        f"""
        select {", ".join(SCORE_COLUMNS)}
        from forecast_scores
        where
            criteria_set = %(set)s and definition = %(definition)s
            and (%(before)s::integer is null or year < %(before)s)
            and (%(years)s::integer[] is null or year = any(%(years)s))
            and (%(model)s::text is null or model = %(model)s)
        order by year, month, unit_id, model
        """,
        {
            "set": criteria_set, "definition": definition, "before": before, "model": model,
            "years": None if years is None else list(years),
        },
    )  # fmt: skip


def years_known(tx: Transaction) -> list[int]:
    """Return the years of which dossiers were received and anything was declared: only those were ever graded."""
    rows = tx.rows(
        """
        select distinct d.year from declarations_facts as d
        where d.known_to = 'infinity' and exists (
            select 1 from dossiers_facts as f
            where
                f.received_at >= make_timestamptz(d.year, 1, 1, 0, 0, 0, 'Asia/Ho_Chi_Minh')
                and f.received_at < make_timestamptz(d.year + 1, 1, 1, 0, 0, 0, 'Asia/Ho_Chi_Minh')
        )
        order by d.year
        """
    )
    return [int(row["year"]) for row in rows]


def scores_digest(tx: Transaction, before: int) -> str:
    """Return a digest of all scores of past forecasts of the years before another; the moment they were reckoned is left out."""
    return str(
        tx.scalar(
            """
            select md5(coalesce(string_agg(
                (to_jsonb(s) - 'created_at')::text, '\n'
                order by s.criteria_set, s.definition, s.year, s.month, s.unit_id, s.model
            ), ''))
            from forecast_scores as s
            where s.year < %(before)s
            """,
            {"before": before},
        )
    )
