"""The months behind a forecast: the measures of every unit and month, by the one implementation of the measures.

A month is a subject of `scoring.measures` of its own (`unit|month`); what is summed afterwards are whole figures, so a unit's
history holds that of the units that went into it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from flows.steps.home import ZONE
from scoring.forecast.inputs import Floats, Panel, month_number

if TYPE_CHECKING:
    from flows.steps.measure import Question
    from sources.units import Unit
    from warehouse.database import Transaction

#: How many months before the current one a forecast looks at.
MOST_MONTHS: Final = 48
#: Measures whose denominator holds rows of which the numerator is unknown: a month of only such rows tells nothing.
_WITH_UNKNOWN: Final = frozenset({
    "online_rate", "postal_rate", "online_electronic_rate", "online_payment_rate", "electronic_result_rate", "reused_data_rate",
    "overdue_rate", "on_time_rate",
})  # fmt: skip
#: Shares of a register that has its own frame in `Inputs`.
_ELSEWHERE: Final = frozenset({"task_completion", "task_on_time"})
_DAYS: Final = "survey_day_coverage"


def first_of(month: int) -> date:
    """Return the first day of a month number."""
    return date(month // 12, month % 12 + 1, 1)


def numbers(days: Any) -> NDArray[np.int64]:
    """Return the month numbers of a column of days."""
    moments = pd.to_datetime(days)
    return np.asarray(moments.dt.year * 12 + moments.dt.month - 1, dtype=np.int64)


@dataclass(frozen=True)
class Lineages:
    """The communes judged and, for each, the units whose history is theirs. members: all those units, each once.

    A unit that went into one commune as a whole is in no other one, so every member has one head.
    """

    communes: tuple[Unit, ...]
    members: tuple[Unit, ...]
    heads: Mapping[str, str]  # unit_id of a member → unit_id of its commune

    @property
    def member_ids(self) -> list[str]:
        return [unit.unit_id for unit in self.members]

    def total(self, values: Floats) -> Floats:
        """Return the sums by commune (N, T) of values by member (M, T); NaN where no member's figure is known."""
        places = {unit.unit_id: k for k, unit in enumerate(self.communes)}
        out = np.full((len(self.communes), values.shape[1]), np.nan)
        for row, unit in zip(values, self.members):
            place = places[self.heads[unit.unit_id]]
            out[place] = np.where(np.isnan(row), out[place], np.nan_to_num(out[place]) + row)
        return out


@dataclass(frozen=True)
class Months:
    """What is known of the months behind, by member of a lineage. counts: dossier cells of all times."""

    tx: Transaction
    asked: Question
    lineages: Lineages
    counts: pd.DataFrame

    @cached_property
    def numbers(self) -> NDArray[np.int64]:
        """The months (T,): from the first with a dossier, at most MOST_MONTHS before the current one, which is the last."""
        current = month_number(self.asked.last_day)
        begun = min(self._dossiers, default=current)
        return np.arange(max(begun, current - MOST_MONTHS), current + 1, dtype=np.int64)

    @property
    def first_day(self) -> date:
        return first_of(int(self.numbers[0]))

    @property
    def first_at(self) -> datetime:
        return datetime.combine(self.first_day, time(0), ZONE)

    @cached_property
    def _dossiers(self) -> pd.Series:
        """The months in which a unit received or finished dossiers, by unit."""
        dated = self.counts[self.counts["month"].notna() & (self.counts["dossiers"] > 0)]
        return pd.Series(numbers(dated["month"]), index=dated["unit_code"].to_numpy())

    @cached_property
    def _forms(self) -> pd.DataFrame:
        """Survey counts by unit and month."""
        from warehouse import queries

        return queries.register_counts(
            self.tx, "survey", year=self.asked.year, first_day=self.first_day, last_day=self.asked.last_day,
            known_day=self.asked.last_day, known_at=self.asked.known_at,
        )  # fmt: skip

    def shares(self, worked: Floats, complained: pd.DataFrame) -> tuple[dict[str, Panel], Floats, Floats]:
        """Return (panels by measure, received (N, T), resolved (N, T)), see `Inputs`.

        worked: working days of the months (T,). complained: see `scoring.measures.Counts`.
        """
        from scoring.measures import COUNTS

        frame = self._measured(complained)
        unknown_at = {table: self._silent(table) for table in ("dossiers", "survey_forms")}
        panels, totals = {}, {}
        for name, rows in frame.groupby("measure", sort=False):
            numerator, denominator, unknown = (
                rows[column].to_numpy(dtype=np.float64).reshape(len(self.lineages.members), len(self.numbers))
                for column in ("numerator", "denominator", "unknown")
            )
            silent = unknown_at["survey_forms" if str(name).startswith(("satisfaction", "survey")) else "dossiers"]
            if name in ("received", "resolved"):
                totals[name] = self.lineages.total(np.where(silent, np.nan, numerator))
            elif name not in COUNTS and name not in _ELSEWHERE:
                if name == _DAYS:
                    denominator = np.where(np.isnan(numerator), np.nan, self._lived(worked))
                    numerator = np.minimum(numerator, denominator)
                panels[str(name)] = self._panel(str(name), numerator, denominator, unknown, silent)
        return panels, totals["received"], totals["resolved"]

    def _measured(self, complained: pd.DataFrame) -> pd.DataFrame:
        """Return the measures of every member and month, in this order."""
        from scoring.measures import Counts, measures
        from warehouse import queries

        known = queries.known_columns(self.tx, self.asked.known_at)
        ids, empty = self.lineages.member_ids, pd.DataFrame()
        subjects = [f"{unit}|{month}" for unit in ids for month in self.numbers]
        of = {unit: [f"{unit}|{month}" for month in self.numbers] for unit in ids}
        counts = Counts(
            dossiers=self._cells(self.counts), survey=self._cells(self._forms), reviews=empty, tasks=empty, initiatives=empty,
            working_days=0, known={(s, table): columns for (unit, table), columns in known.items() for s in of.get(unit, ())},
            complained=self._cells(complained),
        )  # fmt: skip
        return measures(
            counts, communes=subjects, first_day=self.first_day, last_day=self.asked.last_day, definition=self.asked.definition
        )

    def _cells(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return monthly cells with `unit|month` for a unit; what is open belongs to no month and is left out."""
        cells = frame[frame["month"].notna()]
        month = pd.Series(numbers(cells["month"]), index=cells.index).astype(str)
        return cells.assign(unit_code=cells["unit_code"].astype(str) + "|" + month)

    def _silent(self, table: str) -> NDArray[np.bool_]:
        """Return where (M, T) nothing is known of a table: before a unit's first data, and where nobody tells of a month.

        There is no month without any dossier, so such a month was not exported. Forms may fail to come: then only a month
        that the last file came too early to tell of is unknown.
        """
        told = self._dossiers
        if table == "survey_forms":
            told = pd.Series(numbers(self._forms["month"]), index=self._forms["unit_code"].to_numpy())
        first, never = told.groupby(level=0).min(), int(self.numbers[-1]) + 1
        begun = first.reindex(self.lineages.member_ids).fillna(never).to_numpy(dtype=np.int64)
        nobody = ~np.isin(self.numbers, told.to_numpy())
        if table == "survey_forms":
            heard = self._heard.get(table)
            last = heard.astimezone(ZONE).date() if heard else date.min
            ends = [min(first_of(int(month) + 1) - timedelta(1), self.asked.last_day) for month in self.numbers]
            nobody &= np.array([last < end for end in ends])
        return np.asarray((self.numbers < begun[:, None]) | nobody)

    @cached_property
    def _heard(self) -> dict[str, datetime]:
        from warehouse import forecast_facts

        return forecast_facts.last_heard(self.tx, self.lineages.member_ids, self.asked.known_at)

    def _panel(self, name: str, numerator: Floats, denominator: Floats, unknown: Floats, silent: NDArray[np.bool_]) -> Panel:
        """Return the panel of a share by commune."""
        # A measure that a unit's exports know at all has no data only in months without a form: nothing happened there.
        known = ~np.isnan(numerator).all(axis=1, keepdims=True) & ~silent
        if name in _WITH_UNKNOWN:
            known &= ~((denominator > 0) & (numerator == 0) & (unknown >= denominator))
        successes, trials = (np.where(known, np.nan_to_num(part), np.nan) for part in (numerator, denominator))
        return Panel(self.lineages.total(successes), self.lineages.total(trials))

    def _lived(self, worked: Floats) -> Floats:
        """Return the working days (M, T) of each month that a unit lived, NaN where it did not live at all."""
        from warehouse import queries

        out = np.tile(worked, (len(self.lineages.members), 1))
        for row, unit in zip(out, self.lineages.members):
            for k, month in enumerate(self.numbers):
                begins, ends = first_of(int(month)), min(first_of(int(month) + 1) - timedelta(1), self.asked.last_day)
                alive = max(begins, unit.valid_from), min(ends, unit.valid_to - timedelta(1) if unit.valid_to else ends)
                if alive[0] > alive[1]:
                    row[k] = np.nan
                elif alive != (begins, ends):
                    row[k] = queries.working_days(self.tx, *alive)
        return out


def months_of(tx: Transaction, asked: Question, lineages: Lineages, counts: pd.DataFrame) -> Months:
    """Return the months behind some communes. counts: as `warehouse.marts.dossier_counts` gave them for the question."""
    return Months(tx, asked, lineages, counts[counts["unit_code"].isin(lineages.member_ids)])


def by_month(frame: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Return a frame with month numbers for days, its columns in this order."""
    return frame.assign(month=numbers(frame["month"]))[list(columns)].reset_index(drop=True)
