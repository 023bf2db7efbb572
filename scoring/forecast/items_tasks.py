"""Tasks at the year's end: those open today, by how such tasks ended in earlier years, and those still to be given.

What counts as given, done and on time: `warehouse/sql/marts/task_counts.sql`. A task belongs to the year of its due day, or else
of the day it was given; it is done when it is done by the horizon. Every other count that grows is added here (`Counted`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri  # type: ignore[import-untyped]

from scoring.forecast.inputs import Bools, Floats, Inputs
from scoring.forecast.items_counts import (
    Increment,
    count_table,
    events_to_come,
    numerators,
    officials_named,
    rare_events,
    repeated,
    reviews_to_come,
    trials,
)
from scoring.forecast.items_latent import binary_outcomes, cells, leaning, look_up
from scoring.forecast.streams import normals, stream, uniforms

#: Upper ends, in days until the due day, of the situations a task may be in; beyond the last, and "no due day", are two more.
SITUATIONS: Final = (-61, -31, -1, 14, 45, 90)
_PLACES: Final = len(SITUATIONS) + 2
_NODES, _NODE_WEIGHTS = np.polynomial.hermite_e.hermegauss(9)
COUNTS: Final = ("officer_review_months", "initiatives", "named_complaints")


@dataclass(frozen=True)
class Tasks:
    """Tables (N, K) of N units. done, timely: how many open tasks will be, timely of the programme's only; alike (N,): the luck
    they share. new: how many will still be given (None: none ever were so late), with the chances of each."""

    done: Floats
    timely: Floats
    alike: Floats
    new: Floats | None
    of_programme: float
    new_done: float
    new_timely: float


@dataclass(frozen=True)
class Counted:
    """Everything the draws of counts need; tables is empty when nothing of the year is left."""

    units: tuple[str, ...]
    tables: Mapping[str, Floats]
    tasks: Tasks | None
    complaints: Floats
    officials: float

    def draw(self, chosen: Sequence[int], seed: int, draws: int) -> dict[str, Increment]:
        """Increments of some units by measure: (D, C), or (1, C) zeros where nothing can come."""
        at = np.asarray(chosen, dtype=np.intp)
        units = [self.units[k] for k in at]
        zero = np.zeros((1, len(at)))
        out = {name: Increment(zero) for name in (*COUNTS, "repeated_named_officials")}
        for name, table in self.tables.items():
            out[name] = Increment(_drawn(table[at], seed, units, name, draws))
        more = out["named_complaints"].numerator
        if more.any():
            now = np.nan_to_num(self.complaints[at])
            grown = repeated(now + more, self.officials) - repeated(now, self.officials)
            out["repeated_named_officials"] = Increment(
                np.minimum(np.floor(grown + uniforms(seed, units, "repeated_named_officials", draws)), more)
            )
        return out | self._draw_tasks(at, seed, units, draws)

    def _draw_tasks(self, at: Any, seed: int, units: Sequence[str], draws: int) -> dict[str, Increment]:
        zero = np.zeros((1, len(at)))
        if self.tasks is None:
            return {"task_completion": Increment(zero, zero), "task_on_time": Increment(zero, zero)}
        t = self.tasks
        luck = np.ascontiguousarray(normals(seed, units, "tasks done", draws).T)
        done = _drawn(t.done[at], seed, units, "tasks done", draws)
        timely = look_up(t.timely[at], cells(seed, units, "tasks on time", t.alike[at], luck, draws))
        if t.new is None:
            return {"task_completion": Increment(done, zero), "task_on_time": Increment(timely, zero)}
        new = _drawn(t.new[at], seed, units, "tasks new", draws)
        chosen = _thinned(new, t.of_programme, seed, units, "tasks programme")
        done = done + _thinned(new, t.new_done, seed, units, "tasks new done")
        timely = timely + _thinned(chosen, t.new_timely, seed, units, "tasks new on time")
        return {"task_completion": Increment(done, new), "task_on_time": Increment(timely, chosen)}


def _drawn(table: Floats, seed: int, units: Sequence[str], name: str, draws: int) -> Floats:
    if not table.any():
        return np.zeros((1, len(units)))
    return look_up(table, cells(seed, units, name, np.zeros(len(units)), None, draws))


def _thinned(count: Floats, share: float, seed: int, units: Sequence[str], name: str) -> Floats:
    """(D, C) how many of `count` cases each turn out so, every one with the same chance."""
    if share >= 1 or not count.any():
        return count
    out = [stream(seed, unit, name).binomial(count[:, k].astype(np.int64), share) for k, unit in enumerate(units)]
    return np.array(out, dtype=np.float64).reshape(len(units), -1).T


def fit_counted(inputs: Inputs) -> Counted:
    """Learns how counts grow from here to the horizon."""
    complaints = numerators(inputs, "named_complaints", inputs.units)
    officials = officials_named(complaints, numerators(inputs, "repeated_named_officials", inputs.units))
    if inputs.over:
        return Counted(inputs.units, {}, None, complaints, officials)
    tables = {
        "officer_review_months": count_table(reviews_to_come(inputs)),
        "initiatives": count_table(rare_events(inputs, inputs.initiatives, "initiatives")),
        "named_complaints": count_table(rare_events(inputs, inputs.named_complaints, "forms")),
    }
    return Counted(inputs.units, tables, fit_tasks(inputs), complaints, officials)


@dataclass(frozen=True)
class _List:
    """Tasks as arrays: unit (position), year they belong to, days since 1970; NaN where a day is missing."""

    unit: Any
    year: Any
    given: Floats
    due: Floats
    done: Floats
    chosen: Bools  # of the programme that `task_on_time` is about


def _days(column: pd.Series) -> Floats:
    """Days since 1970 of a column of dates; NaN where missing."""
    days = pd.to_datetime(column).to_numpy().astype("datetime64[D]")
    return np.where(np.isnat(days), np.nan, days.astype(np.int64).astype(np.float64))


def _number(day: date) -> float:
    return float((day - date(1970, 1, 1)).days)


def _listed(inputs: Inputs) -> _List:
    frame = inputs.tasks
    rows = pd.Index(inputs.units).get_indexer(pd.Index(frame["commune"]))
    frame, rows = frame[rows >= 0], rows[rows >= 0]
    given, due = _days(frame["assigned_on"]), _days(frame["due_on"])
    belongs = np.where(np.isnan(due), given, due)
    frame, rows, known = frame[~np.isnan(belongs)], rows[~np.isnan(belongs)], ~np.isnan(belongs)
    year = belongs[known].astype(np.int64).astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64) + 1970
    chosen = np.ones(len(frame), dtype=np.bool_)
    if inputs.programme is not None:
        chosen = frame["programme"].fillna("").str.contains(inputs.programme, regex=False).to_numpy(np.bool_)
    return _List(rows, year, given[known], due[known], _days(frame["done_on"]), chosen)


def _in_year(day: date, year: int) -> float:
    """Days since 1970 of the same day in another year; 29 February is 28."""
    return _number(date(year, day.month, 28 if (day.month, day.day) == (2, 29) else day.day))


def _situation(due: Floats, day: Any) -> Any:
    """Which situation each task is in on a day."""
    place = np.searchsorted(SITUATIONS, np.nan_to_num(due - day), side="left")
    return np.where(np.isnan(due), _PLACES - 1, place)


def fit_tasks(inputs: Inputs) -> Tasks | None:
    """What becomes of the open tasks and which ones are still to be given; None without any task of this year or before."""
    if inputs.tasks.empty:
        return None
    tasks = _listed(inputs)
    years = [int(y) for y in np.unique(tasks.year) if y < inputs.year]
    days = {y: _in_year(inputs.day, y) for y in (*years, inputs.year)}
    ends = {y: _in_year(inputs.horizon, y) for y in (*years, inputs.year)}
    known = np.isin(tasks.year, list(days))
    day = np.array([days.get(int(y), np.nan) for y in tasks.year])
    end = np.array([ends.get(int(y), np.nan) for y in tasks.year])
    belongs = np.where(np.isnan(tasks.due), tasks.given, tasks.due)
    known &= belongs <= end
    later = known & (tasks.given > day)
    open_ = known & ~later & ~(tasks.done <= day)
    done = tasks.done <= end
    timely = done & (np.isnan(tasks.due) | (tasks.done <= tasks.due))
    before = tasks.year < inputs.year
    place = _situation(tasks.due, day)
    shape = (len(inputs.units), _PLACES, max(1, len(years)))
    year_at = np.searchsorted(years, tasks.year)

    def counted(which: Bools) -> Floats:
        out = np.zeros(shape)
        np.add.at(out, (tasks.unit[which], place[which], year_at[which]), 1.0)
        return out

    learnt, now = open_ & before, open_ & (tasks.year == inputs.year)
    ended, in_time = counted(learnt & done), counted(learnt & timely)
    chance_done = _chances(ended, counted(learnt))
    # Past its due day a task can no longer be on time; without a due day whatever is done is.
    chance_timely = _chances(in_time, ended) * chance_done
    chance_timely[..., [k for k, upto in enumerate(SITUATIONS) if upto < 0]] = 0.0
    unit, of_programme = tasks.unit[now], now & tasks.chosen
    new, share, new_done, new_timely = _still_to_be_given(tasks, later & before, done, timely, years, len(inputs.units))
    opened = np.bincount(unit, minlength=shape[0])
    alike = np.sqrt(np.bincount(tasks.unit[of_programme], minlength=shape[0]) / np.maximum(opened, 1))
    return Tasks(
        _table(chance_done, unit, place[now]), _table(chance_timely, tasks.unit[of_programme], place[of_programme]),
        alike, new, share, new_done, new_timely,
    )  # fmt: skip


def _chances(yes: Floats, count: Floats) -> Floats:
    """(Q, N, B) chance of yes by situation, for each node of the unit's common luck."""
    seen, share = binary_outcomes(yes, count)
    lean = leaning(seen)
    middle = ndtri(share)[None, :] + lean.mean
    shared, own = lean.sd * lean.loading, lean.sd * np.sqrt(1 - lean.loading**2)
    return np.asarray(ndtr((middle + shared * _NODES[:, None, None]) / own), dtype=np.float64)


def _table(chance: Floats, unit: Any, place: Any) -> Floats:
    """(N, K) table of how many of each unit's tasks turn out so; the unit's luck averaged over its nodes."""
    size = chance.shape[1]
    order = np.argsort(unit, kind="stable")
    within = np.arange(len(unit)) - np.searchsorted(unit[order], unit[order])
    single = np.full((len(_NODES), size, int(within.max()) + 1 if len(unit) else 0), np.nan)
    single[:, unit[order], within] = chance[:, unit[order], place[order]]
    weights = _NODE_WEIGHTS / _NODE_WEIGHTS.sum()
    return count_table(np.tensordot(weights, trials(single), axes=1))


def _still_to_be_given(
    tasks: _List, later: Bools, done: Bools, timely: Bools, years: Sequence[int], units: int
) -> tuple[Floats | None, float, float, float]:
    """Table of new tasks, the programme's share of them, and the chances that they are done and (the programme's) on time."""
    if not later.any():
        return None, 0.0, 0.0, 0.0
    counts = np.bincount(tasks.unit[later], minlength=units).astype(np.float64)
    typical = float(counts.mean()) / len(years)
    shape = counts + 1  # a Gamma prior worth one task, around what is typical of a year
    mean = (counts + 1) / (len(years) + 1 / typical)
    chosen = later & tasks.chosen
    shares = float(chosen.sum() / later.sum()), float(done[later].mean()), float(timely[chosen].mean()) if chosen.any() else 0.0
    return count_table(events_to_come(mean, shape)), *shares
