"""`cchc forecast-rate`: the rate model on any monthly table of successes and trials. Reads one file, touches no database."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from flows.steps.home import UserError
from messages import forecast_rate as words
from scoring.forecast.inputs import Panel
from scoring.forecast.rate_table import UNRANKED, RateTable, rank_probabilities, rate_table

COLUMNS: Final = ("unit", "period", "successes", "trials")
QUANTILES: Final = {
    "p025": 0.025, "p05": 0.05, "p10": 0.1, "p25": 0.25, "p50": 0.5, "p75": 0.75, "p90": 0.9, "p95": 0.95, "p975": 0.975,
}  # fmt: skip
FARTHEST: Final = 24
DRAWS: Final = 4000
LEAST_DRAWS: Final = 100
#: More cases in a month than anybody counts; larger numbers are slips.
MOST_TRIALS: Final = 1e12
#: Draws × units that fit a small machine's memory.
MOST_CELLS: Final = 50_000_000
_PERIOD: Final = re.compile(r"(\d{4})(?:([-/.])(\d{1,2})(?:\2\d{1,2}(?:[T ].*)?)?|(\d{2})(?:\d{2})?)")
_COUNT: Final = re.compile(r"\d+(?:[.,]0*)?(?:[eE]\+?\d{1,2})?")


@dataclass(frozen=True)
class Counts:
    """A table as given. units in order of appearance; cells: successes and trials (None: unknown) by unit and month number."""

    units: tuple[str, ...]
    cells: dict[tuple[str, int], tuple[float, float] | None]


def month_of(text: str) -> int | None:
    """Return the month number of 2024-03, 202403, 2024-03-15 or 20240315; None when it is no month."""
    found = _PERIOD.fullmatch(text.strip())
    if found is None:
        return None
    year, month = int(found[1]), int(found[3] or found[4])
    return year * 12 + month - 1 if 1 <= month <= 12 and 1800 <= year <= 2500 else None


def month_text(number: int) -> str:
    return f"{number // 12:04d}-{number % 12 + 1:02d}"


def read_counts(path: Path, as_of: int) -> Counts:
    """Return the rows up to month `as_of`; later ones are not looked at. Raises: UserError with line and column."""
    cells: dict[tuple[str, int], tuple[float, float] | None] = {}
    lines: dict[tuple[str, int], int] = {}
    first: int | None = None
    for line, unit, period, successes, trials in _rows(path):
        month = month_of(period)
        if month is None:
            raise UserError("bad_table", words.bad_period(line, period))
        first = month if first is None else min(first, month)
        if month > as_of:
            continue
        if not unit:
            raise UserError("bad_table", words.no_unit(line))
        key = (unit, month)
        if key in lines:
            raise UserError("bad_table", words.twice(line, unit, month_text(month), lines[key]))
        lines[key] = line
        cells[key] = _counted(line, successes, trials)
    if first is None:
        raise UserError("bad_table", words.empty(path.name))
    if not cells:
        raise UserError("bad_as_of", words.nothing_yet(month_text(as_of), month_text(first)))
    return Counts(tuple(dict.fromkeys(unit for unit, _ in cells)), cells)


def _rows(path: Path) -> Iterator[tuple[int, str, str, str, str]]:
    """Yield line number and the four cells of every row that is not blank. Raises: UserError."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            head = file.readline()
            delimiter = max(",;\t|", key=head.count)
            names = [name.strip().strip('"').strip().lower() for name in head.strip("\r\n").split(delimiter)]
            if not head.strip():
                raise UserError("bad_table", words.empty(path.name))
            absent = [column for column in COLUMNS if column not in names]
            if absent:
                raise UserError("bad_table", words.missing_columns(path.name, absent, [name for name in names if name]))
            places = [names.index(column) for column in COLUMNS]
            reader = csv.reader(file, delimiter=delimiter)
            for row in reader:
                if not any(cell.strip() for cell in row):
                    continue
                if len(row) <= max(places):
                    raise UserError("bad_table", words.short_row(reader.line_num + 1, len(row), len(names)))
                unit, period, successes, trials = (row[place].strip() for place in places)
                yield reader.line_num + 1, unit, period, successes, trials
    except OSError:
        raise UserError("not_found", words.not_readable(str(path))) from None
    except (UnicodeDecodeError, csv.Error):
        raise UserError("bad_table", words.not_text(path.name)) from None


def _counted(line: int, successes: str, trials: str) -> tuple[float, float] | None:
    if not successes and not trials:
        return None
    numbers = []
    for column, text in (("successes", successes), ("trials", trials)):
        if not text:
            raise UserError("bad_table", words.half_row(line, column))
        if not _COUNT.fullmatch(text):
            raise UserError("bad_table", words.bad_number(line, column, text))
        numbers.append(float(text.replace(",", ".")))
        if numbers[-1] > MOST_TRIALS:
            raise UserError("bad_table", words.too_large(line, column, text))
    if numbers[0] > numbers[1]:
        raise UserError("bad_table", words.too_many(line, *numbers))
    return numbers[0], numbers[1]


def forecast_rate(
    path: Path, as_of: str, horizon: str, *,
    target: float | None = None, lower_is_better: bool = False, seed: int = 0, draws: int = DRAWS,
) -> dict[str, Any]:  # fmt: skip
    """Return the document: for every unit the rate of the 12 months ending at `horizon`, as seen at the end of `as_of`.

    Rank 1 is the highest rate, whatever is better. `lower_is_better` turns p_meets_target round and nothing else.
    Raises: UserError.
    """
    seen, end = _asked("--as-of", as_of), _asked("--horizon", horizon)
    if end - seen > FARTHEST:
        raise UserError("bad_horizon", words.too_far(month_text(end), month_text(seen + FARTHEST)))
    if target is not None and not 0.0 <= target <= 1.0:
        raise UserError("bad_target", words.bad_target(target))
    counts = read_counts(path, seen)
    most = MOST_CELLS // len(counts.units)
    if not LEAST_DRAWS <= draws <= most:
        raise UserError("bad_draws", words.bad_draws(LEAST_DRAWS, most))
    panel, months = _panel(counts)
    if end < months[0]:
        raise UserError("bad_horizon", words.too_early(month_text(end), month_text(int(months[0]))))
    found = rate_table(counts.units, panel, months, seen, end, seed, draws)
    return {
        "as_of": month_text(seen), "horizon": month_text(end), "seed": seed, "draws": draws, "target": target,
        "lower_is_better": lower_is_better, "units": _units(counts.units, found, target, lower_is_better, seed),
    }  # fmt: skip


def _asked(option: str, text: str) -> int:
    month = month_of(text)
    if month is None:
        raise UserError("bad_month", words.bad_month(option, text))
    return month


def _panel(counts: Counts) -> tuple[Panel, Any]:
    """Return the table as arrays (N, T) over consecutive months, NaN where there is no row."""
    row = {unit: n for n, unit in enumerate(counts.units)}
    first, last = min(month for _, month in counts.cells), max(month for _, month in counts.cells)
    successes, trials = (np.full((len(row), last - first + 1), np.nan) for _ in range(2))
    for (unit, month), cell in counts.cells.items():
        if cell is not None:
            successes[row[unit], month - first], trials[row[unit], month - first] = cell
    return Panel(successes, trials), np.arange(first, last + 1)


def _units(units: tuple[str, ...], found: RateTable, target: float | None, lower: bool, seed: int) -> list[dict[str, Any]]:
    ranks = rank_probabilities(units, found.rates, seed, np.array([status not in UNRANKED for status in found.status]))
    quantiles = np.quantile(found.rates, list(QUANTILES.values()), axis=0)
    means = found.rates[0] + (found.rates - found.rates[0]).mean(axis=0)  # exact where all draws are the same
    met = None
    if target is not None:
        met = ((found.rates <= target) if lower else (found.rates >= target)).mean(axis=0)
    places = np.arange(1, len(units) + 1)
    return [
        {
            "unit": unit,
            "rate": {"mean": float(means[n]), **{name: float(quantiles[q, n]) for q, name in enumerate(QUANTILES)}},
            "p_meets_target": None if met is None else float(met[n]),
            "rank_probability": ranks[n].tolist(),
            "expected_rank": float(ranks[n] @ places),
            "observed": {"successes": int(found.successes[n]), "trials": int(found.trials[n]), "months": int(found.months[n])},
            "trials_to_come": float(found.to_come[n]),
            "status": found.status[n],
            "reason": None if found.status[n] == "forecast" else words.STATUS[found.status[n]],
        }
        for n, unit in enumerate(units)
    ]
