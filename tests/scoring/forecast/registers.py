"""Forecast inputs from an invented district as it was known on a day: registers and dossiers by month, nothing else."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from functools import lru_cache

import numpy as np
import pandas as pd

from criteria import ResolvedSet, load_set
from scoring.forecast.inputs import Calendar, Inputs, month_number
from sources.calendar import WorkCalendar
from synthetic.profiles import Settings
from synthetic.world import World, generate_district

FIRST = 2020
PROGRAMME = "CTr 12823/CTr-UBND"


def law() -> ResolvedSet:
    return load_set("commune_reconstructed").at(date(2023, 6, 30))


@lru_cache(maxsize=4)
def world(seed: int) -> World:
    return generate_district([2020, 2021, 2022, 2023], seed)


@lru_cache(maxsize=4)
def _registers(seed: int) -> World:
    """The same registers with next to no dossiers and forms: quicker to invent."""
    return generate_district([2020, 2021, 2022, 2023], seed, settings=Settings(scale=0.02, survey_forms=1.0))


@lru_cache(maxsize=1)
def _days() -> WorkCalendar:
    return WorkCalendar.load()


def _worked(first: date, last: date) -> float:
    return float(len(_days().working_days(first, last))) if first <= last else 0.0


def calendar(day: date, first: int = FIRST) -> Calendar:
    """Working days behind and ahead of a day, to the end of its year."""
    months = np.arange(first * 12, month_number(day) + 1)
    tomorrow = day + timedelta(days=1)
    ahead = np.arange(month_number(tomorrow), day.year * 12 + 12)
    bounds = {
        m: (date(m // 12, m % 12 + 1, 1), date((m + 1) // 12, (m + 1) % 12 + 1, 1) - timedelta(days=1)) for m in {*months, *ahead}
    }
    worked = [_worked(bounds[m][0], min(bounds[m][1], day)) for m in months]
    left = [_worked(max(bounds[m][0], tomorrow), bounds[m][1]) for m in ahead]
    return Calendar(months, np.array(worked), ahead, np.array(left))


def received(seed: int, day: date, first: int = FIRST) -> np.ndarray:
    """(N, T) dossiers by month, the month of the day as far as it has gone."""
    days = world(seed).history
    units = [c.unit_code for c in world(seed).communes]
    at = days["received_at"]
    chosen = days[(at >= pd.Timestamp(first, 1, 1)) & (at < pd.Timestamp(day) + pd.Timedelta(days=1))]
    months = (chosen["received_at"].dt.year * 12 + chosen["received_at"].dt.month - 1).to_numpy() - first * 12
    out = np.zeros((len(units), month_number(day) - first * 12 + 1))
    np.add.at(out, (pd.Index(units).get_indexer(pd.Index(chosen["unit_code"])), months), 1.0)
    return out


def inputs(seed: int, day: date) -> Inputs:
    """The district's registers as known at the end of a day."""
    seen = _registers(seed).at(pd.Timestamp(day).to_pydatetime() + timedelta(hours=23, minutes=59))
    units = tuple(c.unit_code for c in seen.communes)
    tables = {
        name: seen.table(name).rename(columns={"unit_code": "commune"})
        for name in ("declarations", "tasks", "initiatives", "officer_reviews")
    }
    declared, ideas, reviews = tables["declarations"], tables["initiatives"], tables["officer_reviews"]
    number = lambda on: on.dt.year * 12 + on.dt.month - 1  # noqa: E731
    cal = calendar(day)
    none = np.full((len(units), len(cal.months)), np.nan)
    return Inputs(
        day=day, horizon=date(day.year, 12, 31), year=day.year, units=units, names=units, definition="qd766", calendar=cal,
        measures=pd.DataFrame({"commune": units, "measure": "named_complaints", "numerator": 0.0, "denominator": np.nan, "unknown": 0.0}),
        declarations=declared[declared["year"] == day.year].drop(columns="year"), panels={}, received=none, resolved=none,
        open=pd.DataFrame(), endings=pd.DataFrame(),
        tasks=tables["tasks"][["commune", "programme", "assigned_on", "due_on", "done_on"]],
        initiatives=ideas.assign(month=number(ideas["submitted_on"])).groupby(["commune", "month"]).size().reset_index(name="initiatives"),
        reviews=reviews.assign(month=number(reviews["month"]))[["commune", "month"]].drop_duplicates(),
        past_declarations=declared[declared["year"] < day.year], published=pd.DataFrame(),
        named_complaints=pd.DataFrame({"commune": [], "month": [], "forms": []}), programme=PROGRAMME,
    )  # fmt: skip


def without_history(given: Inputs) -> Inputs:
    """The same without any earlier year."""
    return replace(
        given, past_declarations=given.past_declarations.iloc[:0], tasks=given.tasks.iloc[:0],
        reviews=given.reviews.iloc[:0], initiatives=given.initiatives.iloc[:0],
    )  # fmt: skip
