"""From counts to measures: numerator, denominator and how many inputs are unknown. No rule, no point, no clock.

A measure whose column no export of the commune has, or whose register was never loaded, has no data: its numerator is NaN,
never 0. Definitions of "late": `criteria/definitions.yaml`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Known = Mapping[tuple[str, str], frozenset[str]]
PENDING_COUNTED: Final = (
    "qd766",
    "provincial_766",
)  # definitions whose denominator holds what is open at the end
COUNTS: Final = (
    "received",
    "resolved",
    "open",
    "open_overdue",
    "survey_forms",
    "officer_review_months",
    "initiatives",
)


@dataclass(frozen=True)
class Counts:
    """Counts of one period, as the warehouse gives them. Each frame has `unit_code`.

    dossiers: part (received | finished | open), month (None for open), counters. tasks: programme, given, done,
    done_on_time. working_days: working days of the period. known: (unit, table) → columns some export has.
    """

    dossiers: pd.DataFrame
    survey: pd.DataFrame
    reviews: pd.DataFrame
    tasks: pd.DataFrame
    initiatives: pd.DataFrame
    working_days: int
    known: Known


def _column(frame: pd.DataFrame, name: str, communes: pd.Index) -> Floats:
    """Return one column by commune; 0 where the commune has no row."""
    if frame.empty:
        return np.zeros(len(communes))
    series = frame.groupby("unit_code")[name].sum()
    return np.asarray(series.reindex(communes).fillna(0), dtype=np.float64)


def _programme(frame: pd.DataFrame, programme: str | None) -> pd.DataFrame:
    """Return the tasks whose programme text contains `programme` (all when None)."""
    if programme is None or frame.empty:
        return frame
    return frame[frame["programme"].fillna("").str.contains(programme, regex=False)]


def measures(
    counts: Counts,
    *,
    communes: Sequence[str],
    first_day: date,
    last_day: date,
    definition: str,
    programme: str | None = None,
) -> pd.DataFrame:
    """Return the measures of a period.

    Columns: commune, measure, numerator, denominator (NaN for counts), unknown (rows whose input is unknown).
    Grain: commune × measure, for every commune asked for and every measure; numerator NaN means no data.
    Units: counts and shares' parts. first_day/last_day: the months of these days bound the flows.
    """
    index = pd.Index(list(communes))
    flows = counts.dossiers
    months = pd.to_datetime(flows["month"])
    inside = (months >= pd.Timestamp(first_day.replace(day=1))) & (months <= pd.Timestamp(last_day))
    parts = {part: flows[(flows["part"] == part) & (inside | (part == "open"))] for part in ("received", "finished", "open")}

    def count(part: str, name: str) -> Floats:
        return _column(parts[part], name, index)

    def has(table: str, *columns: str) -> NDArray[np.bool_]:
        columns = (*columns, "received_at") if table == "dossiers" else columns
        known = (counts.known.get((commune, table), frozenset()) for commune in communes)
        return np.array([bool(found) and all(c in found for c in columns) for found in known], dtype=np.bool_)

    rows: list[pd.DataFrame] = []

    def add(
        name: str,
        numerator: Floats,
        denominator: Floats | None,
        known: NDArray[np.bool_],
        unknown: Floats | None = None,
    ) -> None:
        size = len(index)
        rows.append(
            pd.DataFrame(
                {
                    "commune": index, "measure": name, "numerator": np.where(known, numerator, np.nan),
                    "denominator": np.full(size, np.nan) if denominator is None else np.where(known, denominator, np.nan),
                    "unknown": np.zeros(size) if unknown is None else np.where(known, unknown, 0),
                }
            )
        )  # fmt: skip

    received, resolved, pending = (
        count("received", "dossiers"),
        count("finished", "dossiers"),
        count("open", "dossiers"),
    )
    add("received", received, None, has("dossiers"))
    add("resolved", resolved, None, has("dossiers", "finished_at"))
    add("open", pending, None, has("dossiers", "finished_at"))
    add("open_overdue", count("open", "past_due"), None, has("dossiers", "finished_at", "due_at"))
    counted, late = count("finished", f"{definition}_counted"), count("finished", f"{definition}_late")
    undated = resolved - count("finished", "due_known")
    if definition in PENDING_COUNTED:
        counted, late = (
            counted + count("open", f"{definition}_counted"),
            late + count("open", f"{definition}_late"),
        )
        undated = undated + pending - count("open", "due_known")
    add("overdue_rate", late, counted, has("dossiers", "finished_at", "due_at"), undated)
    channel = has("dossiers", "channel")
    blank = count("received", "channel_unknown")
    add("online_rate", count("received", "online"), received, channel, blank)
    add(
        "online_rate_direct_and_online",
        count("received", "online"),
        received - count("received", "postal") - blank,
        channel,
        blank,
    )
    add("postal_rate", count("received", "postal"), received, channel, blank)
    add(
        "online_payment_rate", count("received", "fee_paid_online"), count("received", "fee_due"),
        has("dossiers", "fee_amount", "paid_online"), count("received", "fee_unknown") + count("received", "fee_paid_unknown"),
    )  # fmt: skip
    parts_in, results_in = (
        has("dossiers", "components_digitised"),
        has("dossiers", "result_digitised", "finished_at"),
    )
    parts_ok, parts_all = count("received", "components_digitised"), count("received", "components_known")
    results_ok, results_all = count("finished", "result_digitised"), count("finished", "result_known")
    add(
        "digitised_rate", np.where(parts_in, parts_ok, 0) + np.where(results_in, results_ok, 0),
        np.where(parts_in, parts_all, 0) + np.where(results_in, results_all, 0), parts_in | results_in,
        np.where(parts_in, received - parts_all, 0) + np.where(results_in, resolved - results_all, 0),
    )  # fmt: skip
    add("components_digitised_rate", parts_ok, parts_all, parts_in, received - parts_all)
    add("result_digitised_rate", results_ok, results_all, results_in, resolved - results_all)
    asked = count("received", "supplement_known")
    add(
        "repeat_supplement_rate",
        count("received", "supplement_repeated"),
        asked,
        has("dossiers", "supplement_count"),
        received - asked,
    )

    forms = _column(counts.survey, "forms", index)
    any_form = has("survey_forms") & (forms > 0)
    add(
        "satisfaction_index",
        _column(counts.survey, "satisfied", index),
        _column(counts.survey, "answers", index),
        any_form,
    )
    add("survey_forms", forms, None, has("survey_forms"))
    days = np.full(len(index), float(counts.working_days))
    add("survey_day_coverage", _column(counts.survey, "days_with_forms", index), days, has("survey_forms"))
    add("officer_review_months", _column(counts.reviews, "months", index), None, has("officer_reviews"))
    given = _column(counts.tasks, "given", index)
    add("task_completion", _column(counts.tasks, "done", index), given, has("tasks") & (given > 0))
    chosen = _programme(counts.tasks, programme)
    given = _column(chosen, "given", index)
    add("task_on_time", _column(chosen, "done_on_time", index), given, has("tasks") & (given > 0))
    add("initiatives", _column(counts.initiatives, "initiatives", index), None, has("initiatives"))
    return pd.concat(rows, ignore_index=True)


def value_of(numerator: Any, denominator: Any) -> float | None:
    """Return a measure's value: the share, or the count itself; None without data or with nothing to divide by."""
    if numerator is None or np.isnan(numerator):
        return None
    if denominator is None or np.isnan(denominator):
        return float(numerator)
    return float(numerator) / float(denominator) if denominator > 0 else None
