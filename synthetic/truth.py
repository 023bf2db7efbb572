"""The right answers, counted from the truth in the plainest pandas there is.

Deliberately a second, independent implementation: it shares nothing with the warehouse, so that tests can compare
the two. All times are local (Asia/Ho_Chi_Minh), naive. The four overdue definitions are those of the interface.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import numpy as np
import pandas as pd

from sources.calendar import WorkCalendar
from synthetic.world import World

DEFINITIONS = ("qd766", "provincial_766", "ii06", "opencps")
FACTORS = ("access", "procedures", "officials", "results", "feedback")


def overdue(
    dossiers: pd.DataFrame,
    procedures: pd.DataFrame,
    definition: str,
    start: dt.datetime,
    end: dt.datetime,
    calendar: WorkCalendar,
) -> pd.DataFrame:
    """The dossiers that a definition counts from `start` to `end` (both included), with `late` for each.

    Needs the canonical dossier columns. An unknown supplement count or flag counts as none. A dossier that still
    waits for a supplement, but whose request is not dated, is judged like any other. Raises: ValueError.
    """
    finished = dossiers["finished_at"]
    resolved = finished.notna() & (finished >= start) & (finished <= end)
    still_open = (dossiers["received_at"] <= end) & (finished.isna() | (finished > end))
    status = dossiers["status"].astype("str")
    withdrawn = dossiers["withdrawn"].fillna(False).astype(bool) | (status == "withdrawn")
    waiting = still_open & (status == "waiting_supplement")
    due = dossiers["due_at"]

    if definition == "qd766":
        due = due.fillna(latest_due(dossiers, procedures, calendar))
        moment = finished.where(resolved, pd.Timestamp(end))
        moment = moment.mask(waiting & dossiers["supplement_requested_at"].notna(), dossiers["supplement_requested_at"])
        late = (moment > due) | (dossiers["supplement_count"].fillna(0) > 1)
        counted = (resolved | still_open) & due.notna()
    elif definition == "provincial_766":
        moment = finished.where(resolved, pd.Timestamp(end))
        late = moment.dt.normalize() > due.dt.normalize()
        late &= due.notna() & ~withdrawn & ~waiting
        counted = resolved | still_open
    elif definition == "ii06":
        returned = dossiers["returned_at"].where(dossiers["returned_at"] <= end)
        late = returned.fillna(finished) > due
        counted = resolved & due.notna()
    elif definition == "opencps":
        late = finished > due
        counted = resolved & due.notna() & ~withdrawn & (status != "refused")
    else:
        raise ValueError(f"unknown definition {definition}")
    return dossiers.loc[counted, ["unit_code", "dossier_code"]].assign(late=late[counted].astype(bool))


def latest_due(dossiers: pd.DataFrame, procedures: pd.DataFrame, calendar: WorkCalendar) -> pd.Series:
    """End of the last working day that the procedure allows, for dossiers without a due date; else missing."""
    longest = dict(zip(procedures["procedure_code"], procedures["max_working_days"], strict=True))
    lacking = dossiers[dossiers["due_at"].isna() & dossiers["received_at"].notna()]
    limits: dict[object, pd.Timestamp] = {}
    for index, code, received in zip(lacking.index, lacking["procedure_code"], lacking["received_at"], strict=True):
        if code in longest:
            day = calendar.add_working_days(received.date(), int(longest[code]))
            limits[index] = pd.Timestamp(dt.datetime.combine(day, dt.time(23, 59, 59)))
    return pd.Series(limits, dtype="datetime64[s]").reindex(dossiers.index)


def dossier_counts(dossiers: pd.DataFrame, procedures: pd.DataFrame, start: dt.datetime, end: dt.datetime) -> pd.DataFrame:
    """Counts by commune over a period. Grain: one row per commune. Columns are plain counts of dossiers.

    `late_*`/`counted_*` by definition; `fee` dossiers with a known fee above 0, `paid` those of them paid online;
    `components`/`components_known` of the received, `result`/`result_known` of the resolved.
    """
    calendar = WorkCalendar.load()
    received = dossiers[(dossiers["received_at"] >= start) & (dossiers["received_at"] <= end)]
    finished = dossiers["finished_at"]
    resolved = dossiers[finished.notna() & (finished >= start) & (finished <= end)]
    open_ = dossiers[(dossiers["received_at"] <= end) & (finished.isna() | (finished > end))]

    def count(frame: pd.DataFrame) -> pd.Series:
        return frame["unit_code"].astype("str").value_counts()

    with_fee = received[received["fee_amount"].fillna(0) > 0]
    counts = {
        "received": count(received),
        "resolved": count(resolved),
        "open": count(open_),
        "open_overdue": count(open_[open_["due_at"] < end]),
        "online": count(received[received["channel"] == "online"]),
        "postal": count(received[received["channel"] == "postal"]),
        "fee": count(with_fee),
        "paid": count(with_fee[with_fee["paid_online"].fillna(False)]),
        "paid_unknown": count(with_fee[with_fee["paid_online"].isna()]),
        "components": count(received[received["components_digitised"].fillna(False)]),
        "components_known": count(received[received["components_digitised"].notna()]),
        "result": count(resolved[resolved["result_digitised"].fillna(False)]),
        "result_known": count(resolved[resolved["result_digitised"].notna()]),
        "repeat_supplement": count(received[received["supplement_count"].fillna(0) > 1]),
    }
    for definition in DEFINITIONS:
        judged = overdue(dossiers, procedures, definition, start, end, calendar)
        counts[f"counted_{definition}"] = count(judged)
        counts[f"late_{definition}"] = count(judged[judged["late"]])
    return pd.DataFrame(counts).fillna(0).astype(int)


def service_counts(dossiers: pd.DataFrame, forms: pd.DataFrame, start: dt.datetime, end: dt.datetime) -> pd.DataFrame:
    """What QĐ 766 and the one-stop evaluation count, by commune. Grain: one row per commune.

    `electronic`: resolved with an electronic result · `online_electronic`: received online, finished by then with one ·
    `reused`: received, digitised and used again · points: 2, 1 or 0 for each dossier, over `*_max`: `time_points` (a day
    early, in time, late), `agency_points` (the same against the internal due time), `contact_points` (no supplement, one,
    more), `attitude_points` (as time, nothing where a form complains of the dossier).
    """
    received = dossiers[(dossiers["received_at"] >= start) & (dossiers["received_at"] <= end)]
    finished = dossiers["finished_at"]
    resolved = dossiers[finished.notna() & (finished >= start) & (finished <= end)]

    def points(due: str) -> tuple[pd.DataFrame, pd.Series]:
        dated = resolved[resolved[due].notna()]
        early = dated["finished_at"].dt.normalize() < dated[due].dt.normalize()
        return dated, early.astype(int) + (dated["finished_at"] <= dated[due]).astype(int)

    def total(frame: pd.DataFrame, values: pd.Series) -> pd.Series:
        return values.groupby(frame["unit_code"].astype("str")).sum()

    def count(frame: pd.DataFrame) -> pd.Series:
        return frame["unit_code"].astype("str").value_counts()

    heard = forms[(forms["answered_on"] <= end) & forms["dossier_code"].notna() & complains(forms)]
    dated, time = points("due_at")
    inside, agency = points("internal_due_at")
    counted = received[received["supplement_count"].notna()]
    online = received[(received["channel"] == "online") & (received["finished_at"] <= end)]
    return pd.DataFrame(
        {
            "electronic": count(resolved[resolved["result_electronic"].fillna(False)]),
            "online_electronic": count(online[online["result_electronic"].fillna(False)]),
            "reused": count(received[received["components_digitised"].fillna(False) & received["reused_data"].fillna(False)]),
            "time_points": total(dated, time),
            "time_points_max": 2 * count(dated),
            "agency_points": total(inside, agency),
            "agency_points_max": 2 * count(inside),
            "contact_points": total(counted, (2 - counted["supplement_count"]).clip(lower=0).astype(int)),
            "contact_points_max": 2 * count(counted),
            "attitude_points": total(dated, time.mask(dated["dossier_code"].isin(heard["dossier_code"]), 0)),
        }
    )


def complains(forms: pd.DataFrame) -> pd.Series:
    """Whether each form rates officials 1 or 2, or, without that answer, names one and is discontent on the whole."""
    silent = forms["officials"].isna() & forms["named_official"].notna()
    return (forms["officials"] <= 2) | (silent & (forms["overall"] <= 2))


def register_counts(world: World, start: dt.datetime, end: dt.datetime, lost_forms: set[str]) -> pd.DataFrame:
    """Counts by commune from the other registers. Grain: one row per commune.

    `answers`/`satisfied`: answers to the five factors, and those of 4 or 5 · `overall_*`: the same of the overall
    question · `survey_days`/`working_days` · `review_months` · `tasks*`: due within the period's year, done, and of
    the programme those done by their due date · `initiatives`: submitted in the period, and recognised ones.
    """
    forms = world.table("survey_forms")
    forms = forms[(forms["answered_on"] >= start) & (forms["answered_on"] <= end)]
    forms = forms[~forms["form_code"].isin(lost_forms)]
    unit = forms["unit_code"]
    reviews = world.table("officer_reviews")
    reviews = reviews[(reviews["month"] >= start) & (reviews["month"] <= end)]
    tasks = world.table("tasks")
    tasks = tasks[(tasks["due_on"].dt.year == end.year)]
    programme = tasks[tasks["programme"].str.contains("12823")]
    ideas = world.table("initiatives")
    ideas = ideas[(ideas["submitted_on"] >= start) & (ideas["submitted_on"] <= end)]
    days = WorkCalendar.load().working_days(start.date(), end.date())
    named = forms[forms["named_official"].notna() & complains(forms)]
    again = named.groupby(["unit_code", "named_official"]).size()
    worked = forms[forms["answered_on"].dt.date.isin(days)]
    frame = pd.DataFrame(
        {
            "forms": unit.value_counts(),
            "answers": forms[list(FACTORS)].notna().sum(axis=1).groupby(unit).sum(),
            "satisfied": (forms[list(FACTORS)] >= 4).sum(axis=1).groupby(unit).sum(),
            **{f"{name}_answers": forms[name].notna().groupby(unit).sum() for name in FACTORS},
            **{f"{name}_satisfied": (forms[name] >= 4).groupby(unit).sum() for name in FACTORS},
            "named_complaints": named["unit_code"].value_counts(),
            "repeated_named": again[again > 1].groupby("unit_code").size(),
            "overall_answers": forms["overall"].notna().groupby(unit).sum(),
            "overall_satisfied": (forms["overall"] >= 4).groupby(unit).sum(),
            "survey_days": worked.groupby("unit_code")["answered_on"].nunique(),
            "review_months": reviews.groupby("unit_code")["month"].nunique(),
            "tasks": tasks["unit_code"].value_counts(),
            "tasks_done": tasks[tasks["done_on"].notna()]["unit_code"].value_counts(),
            "programme_tasks": programme["unit_code"].value_counts(),
            "programme_on_time": programme[programme["done_on"] <= programme["due_on"]]["unit_code"].value_counts(),
            "initiatives": ideas["unit_code"].value_counts(),
            "initiatives_recognised": ideas[ideas["recognised_on"].notna()]["unit_code"].value_counts(),
        },
        index=[commune.unit_code for commune in world.communes],
    )
    return frame.fillna(0).astype(int).assign(working_days=len(days))


def expected_counts(world: World, lost: Sequence[str] = (), lost_forms: Sequence[str] = ()) -> pd.DataFrame:
    """All counts by commune and year at `world.until`, without the facts that seeded faults have hidden.

    Grain: commune × year; a year ends on 31 December or at `until`, whichever is first.
    """
    hidden, hidden_forms = set(lost), set(lost_forms)
    dossiers = world.dossiers
    dossiers = dossiers[~dossiers["dossier_code"].isin(hidden)].reset_index(drop=True)
    rows = []
    for year in world.years:
        start, end = dt.datetime(year, 1, 1), min(dt.datetime(year, 12, 31, 23, 59, 59), world.until)
        if start > end:
            continue
        counts = register_counts(world, start, end, hidden_forms)
        counts = counts.join(dossier_counts(dossiers, world.procedures, start, end))
        forms = world.table("survey_forms")
        counts = counts.join(service_counts(dossiers, forms[~forms["form_code"].isin(hidden_forms)], start, end))
        counts = counts.fillna(0).astype(int)
        rows.append(counts.rename_axis("commune").reset_index().assign(year=year))
    frame = pd.concat(rows, ignore_index=True)
    return frame[["commune", "year", *np.setdiff1d(frame.columns, ["commune", "year"])]]
