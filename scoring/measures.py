"""From counts to measures: numerator, denominator and how many inputs are unknown. No rule, no point, no clock.

A measure whose column no export of the commune has, or whose register was never loaded, has no data: its numerator is NaN,
never 0. Definitions of "late": `criteria/definitions.yaml`; every measure in words: `docs/measures.md`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Known = Mapping[tuple[str, str], frozenset[str]]
PENDING_COUNTED: Final = (
    "qd766",
    "provincial_766",
)  # definitions whose denominator holds what is open at the end
COUNTS: Final = (
    "received", "resolved", "open", "open_overdue", "survey_forms", "officer_review_months", "initiatives",
    "named_complaints", "repeated_named_officials",
)  # fmt: skip
FACTORS: Final = ("access", "procedures", "officials", "results", "feedback", "overall")
PARTS: Final = ("received", "finished", "open")


@dataclass(frozen=True)
class Counts:
    """Counts of one period, as the warehouse gives them. Each frame has `unit_code`: the commune, or whoever is measured.

    dossiers: part (received | finished | open), month (None for open), counters. tasks: programme, given, done,
    done_on_time. working_days: working days of the period. known: (unit, table) → columns some export has.
    complained: early and in_time among the period's finished dossiers that somebody complained of.
    complaints: one row per form that complains of an official by name; official: what spellings of one name share.
    """

    dossiers: pd.DataFrame
    survey: pd.DataFrame
    reviews: pd.DataFrame
    tasks: pd.DataFrame
    initiatives: pd.DataFrame
    working_days: int
    known: Known
    complained: pd.DataFrame = field(default_factory=pd.DataFrame)
    complaints: pd.DataFrame = field(default_factory=pd.DataFrame)


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


class _Sheet:
    """Collects the measures of some communes: what is counted, what their exports know, one row per commune and measure."""

    def __init__(self, counts: Counts, communes: Sequence[str], first_day: date, last_day: date) -> None:
        self.counts, self.communes, self.index = counts, communes, pd.Index(list(communes))
        self.rows: list[pd.DataFrame] = []
        self._known: dict[tuple[str, ...], Bools] = {}
        flows = counts.dossiers
        months = pd.to_datetime(flows["month"])
        inside = (months >= pd.Timestamp(first_day.replace(day=1))) & (months <= pd.Timestamp(last_day))
        self._sums: dict[str, pd.DataFrame] = {}
        for part in PARTS:
            chosen = flows[(flows["part"] == part) & (inside | (part == "open"))].drop(columns=["part", "month"])
            sums = chosen.groupby("unit_code").sum()
            self._sums[part] = sums.reindex(self.index).astype("float64").fillna(0.0)

    def count(self, part: str, name: str) -> Floats:
        """Return a counter of dossiers by commune."""
        return np.asarray(self._sums[part][name], dtype=np.float64)

    def has(self, table: str, *columns: str) -> Bools:
        """Whether some export of each commune has a table at all, and these columns of it."""
        columns = (*columns, "received_at") if table == "dossiers" else columns
        if (table, *columns) not in self._known:
            known = (self.counts.known.get((commune, table), frozenset()) for commune in self.communes)
            found = [bool(has) and has.issuperset(columns) for has in known]
            self._known[table, *columns] = np.array(found, dtype=np.bool_)
        return self._known[table, *columns]

    def add(self, name: str, numerator: Floats, denominator: Floats | None, known: Bools, unknown: Floats | None = None) -> None:
        """Add a measure; where its input is not known it has no data."""
        size = len(self.index)
        self.rows.append(
            pd.DataFrame(
                {
                    "commune": self.index, "measure": name, "numerator": np.where(known, numerator, np.nan),
                    "denominator": np.full(size, np.nan) if denominator is None else np.where(known, denominator, np.nan),
                    "unknown": np.zeros(size) if unknown is None else np.where(known, unknown, 0),
                }
            )
        )  # fmt: skip

    def frame(self) -> pd.DataFrame:
        return pd.concat(self.rows, ignore_index=True)


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
    sheet = _Sheet(counts, communes, first_day, last_day)
    _flows(sheet, definition)
    _channels(sheet)
    _electronic(sheet)
    _one_stop(sheet)
    _satisfaction(sheet)
    _complaints(sheet)
    _registers(sheet, programme)
    return sheet.frame()


def official_measures(
    counts: Counts, *, officials: Sequence[str], first_day: date, last_day: date, definition: str
) -> pd.DataFrame:
    """Return the measures of officials over their own dossiers: what `measures` gives without the commune's registers.

    In `counts` unit_code is the official (`unit|name`), also in `known`. Columns and grain: as `measures`.
    Source: NĐ 61/2018/NĐ-CP and TT 01/2018/TT-VPCP, evaluation of officials (see docs/measures.md).
    """
    sheet = _Sheet(counts, officials, first_day, last_day)
    _flows(sheet, definition)
    _channels(sheet)
    _electronic(sheet)
    _one_stop(sheet)
    complaints = _column(counts.complaints.assign(forms=1), "forms", sheet.index)
    sheet.add("named_complaints", complaints, None, sheet.has("survey_forms", "named_official"))
    return sheet.frame()


def _flows(sheet: _Sheet, definition: str) -> None:
    """Dossiers received, resolved and open, and how many the definition calls late."""
    received, resolved, pending = (sheet.count(part, "dossiers") for part in PARTS)
    finished, dated = sheet.has("dossiers", "finished_at"), sheet.has("dossiers", "finished_at", "due_at")
    sheet.add("received", received, None, sheet.has("dossiers"))
    sheet.add("resolved", resolved, None, finished)
    sheet.add("open", pending, None, finished)
    sheet.add("open_overdue", sheet.count("open", "past_due"), None, dated)
    counted, late = sheet.count("finished", f"{definition}_counted"), sheet.count("finished", f"{definition}_late")
    undated = resolved - sheet.count("finished", "due_known")
    if definition in PENDING_COUNTED:
        counted = counted + sheet.count("open", f"{definition}_counted")
        late = late + sheet.count("open", f"{definition}_late")
        undated = undated + pending - sheet.count("open", "due_known")
    sheet.add("overdue_rate", late, counted, dated, undated)
    sheet.add("on_time_rate", counted - late, counted, dated, undated)


def _channels(sheet: _Sheet) -> None:
    """How dossiers come in and how they are paid."""
    received, channel = sheet.count("received", "dossiers"), sheet.has("dossiers", "channel")
    online, blank = sheet.count("received", "online"), sheet.count("received", "channel_unknown")
    sheet.add("online_rate", online, received, channel, blank)
    direct_and_online = received - sheet.count("received", "postal") - blank
    sheet.add("online_rate_direct_and_online", online, direct_and_online, channel, blank)
    sheet.add(
        "online_electronic_rate", sheet.count("received", "online_electronic"), received,
        sheet.has("dossiers", "channel", "finished_at", "result_electronic"),
        blank + sheet.count("received", "online_result_unknown"),
    )  # fmt: skip
    sheet.add("postal_rate", sheet.count("received", "postal"), received, channel, blank)
    sheet.add(
        "online_payment_rate", sheet.count("received", "fee_paid_online"), sheet.count("received", "fee_due"),
        sheet.has("dossiers", "fee_amount", "paid_online"),
        sheet.count("received", "fee_unknown") + sheet.count("received", "fee_paid_unknown"),
    )  # fmt: skip


def _electronic(sheet: _Sheet) -> None:
    """What is digitised, given out electronically and used again."""
    received, resolved = sheet.count("received", "dossiers"), sheet.count("finished", "dossiers")
    parts_in, results_in = sheet.has("dossiers", "components_digitised"), sheet.has("dossiers", "result_digitised", "finished_at")
    parts_ok, parts_all = sheet.count("received", "components_digitised"), sheet.count("received", "components_known")
    results_ok, results_all = sheet.count("finished", "result_digitised"), sheet.count("finished", "result_known")
    sheet.add(
        "digitised_rate", np.where(parts_in, parts_ok, 0) + np.where(results_in, results_ok, 0),
        np.where(parts_in, parts_all, 0) + np.where(results_in, results_all, 0), parts_in | results_in,
        np.where(parts_in, received - parts_all, 0) + np.where(results_in, resolved - results_all, 0),
    )  # fmt: skip
    sheet.add("components_digitised_rate", parts_ok, parts_all, parts_in, received - parts_all)
    sheet.add("result_digitised_rate", results_ok, results_all, results_in, resolved - results_all)
    sheet.add(
        "electronic_result_rate", sheet.count("finished", "electronic"), resolved,
        sheet.has("dossiers", "result_electronic", "finished_at"), resolved - sheet.count("finished", "electronic_known"),
    )  # fmt: skip
    sheet.add(
        "reused_data_rate", sheet.count("received", "reused"), parts_ok,
        sheet.has("dossiers", "components_digitised", "reused_data"), parts_ok - sheet.count("received", "reused_known"),
    )  # fmt: skip


def _one_stop(sheet: _Sheet) -> None:
    """Points of the one-stop evaluation over the points there could be: time, time inside, contacts, attitude.

    Each dossier gives 2, 1 or 0; the early ones are among those in time, so that their sum is the points.
    """
    received, resolved = sheet.count("received", "dossiers"), sheet.count("finished", "dossiers")
    asked, none = sheet.count("received", "supplement_known"), sheet.count("received", "supplement_none")
    repeated, counted = sheet.count("received", "supplement_repeated"), sheet.has("dossiers", "supplement_count")
    sheet.add("repeat_supplement_rate", repeated, asked, counted, received - asked)
    sheet.add("contact_points_rate", 2 * none + (asked - none - repeated), 2 * asked, counted, received - asked)

    due, dated = sheet.count("finished", "due_known"), sheet.has("dossiers", "finished_at", "due_at")
    timed = sheet.count("finished", "early") + sheet.count("finished", "in_time")
    sheet.add("time_points_rate", timed, 2 * due, dated, resolved - due)
    inside = sheet.count("finished", "internal_known")
    sheet.add(
        "agency_time_points_rate", sheet.count("finished", "internal_early") + sheet.count("finished", "internal_in_time"),
        2 * inside, sheet.has("dossiers", "finished_at", "internal_due_at"), resolved - inside,
    )  # fmt: skip
    complained = _column(sheet.counts.complained, "early", sheet.index) + _column(sheet.counts.complained, "in_time", sheet.index)
    heard = dated & sheet.has("survey_forms", "dossier_code", "officials")
    sheet.add("attitude_points_rate", timed - complained, 2 * due, heard, resolved - due)


def _satisfaction(sheet: _Sheet) -> None:
    """The index, its factors and the forms behind them."""
    survey, index = sheet.counts.survey, sheet.index
    forms = _column(survey, "forms", index)
    any_form = sheet.has("survey_forms") & (forms > 0)
    sheet.add("satisfaction_index", _column(survey, "satisfied", index), _column(survey, "answers", index), any_form)
    for factor in FACTORS:
        satisfied, answers = (_column(survey, f"{factor}_{what}", index) for what in ("satisfied", "answers"))
        known = sheet.has("survey_forms", factor) & (forms > 0)
        sheet.add(f"satisfaction_{factor}", satisfied, answers, known, forms - answers)
    sheet.add("survey_forms", forms, None, sheet.has("survey_forms"))
    days = np.full(len(index), float(sheet.counts.working_days))
    sheet.add("survey_day_coverage", _column(survey, "days_with_forms", index), days, sheet.has("survey_forms"))


def _complaints(sheet: _Sheet) -> None:
    """Forms that complain of an official by name, and officials who are complained of again."""
    named = sheet.counts.complaints.assign(forms=1)
    known = sheet.has("survey_forms", "named_official")
    sheet.add("named_complaints", _column(named, "forms", sheet.index), None, known)
    if len(named):
        named = named.groupby(["unit_code", "official"])["forms"].sum().reset_index(name="forms")
        named = named.assign(repeated=(named["forms"] > 1).astype(int))
    sheet.add("repeated_named_officials", _column(named, "repeated", sheet.index), None, known)


def _registers(sheet: _Sheet, programme: str | None) -> None:
    """Reviews, tasks and initiatives."""
    counts, index = sheet.counts, sheet.index
    months = _column(counts.reviews, "months", index)
    sheet.add("officer_review_months", months, None, sheet.has("officer_reviews"))
    given = _column(counts.tasks, "given", index)
    sheet.add("task_completion", _column(counts.tasks, "done", index), given, sheet.has("tasks") & (given > 0))
    chosen = _programme(counts.tasks, programme)
    given = _column(chosen, "given", index)
    sheet.add("task_on_time", _column(chosen, "done_on_time", index), given, sheet.has("tasks") & (given > 0))
    sheet.add("initiatives", _column(counts.initiatives, "initiatives", index), None, sheet.has("initiatives"))


def value_of(numerator: Any, denominator: Any) -> float | None:
    """Return a measure's value: the share, or the count itself; None without data or with nothing to divide by."""
    if numerator is None or np.isnan(numerator):
        return None
    if denominator is None or np.isnan(denominator):
        return float(numerator)
    return float(numerator) / float(denominator) if denominator > 0 else None
