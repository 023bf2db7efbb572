"""A whole invented world: the truth as typed frames. Written out by `synthetic.writers`, counted by `synthetic.truth`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from synthetic import registers
from synthetic.dossiers import commune_year
from synthetic.history import history_frame, observe
from synthetic.procedures import procedures_frame
from synthetic.profiles import DISTRICT, INVENTED, RESULTS, Commune, Settings, stream
from synthetic.reports import monthly_reports
from synthetic.worktime import WorkClock, work_clock

BANDS = ((80.0, "Tốt"), (65.0, "Khá"), (50.0, "Trung bình"), (0.0, "Yếu"))
# The columns of each register that say when a fact became known; a row is unknown before the first of them.
_KNOWN_SINCE = {
    "survey_forms": "answered_on",
    "officer_reviews": "reviewed_on",
    "tasks": "assigned_on",
    "initiatives": "submitted_on",
    "declarations": "declared_on",
    "monthly_reports": "reported_on",
    "published_results": "published_on",
}
_LATER = {"tasks": {"done_on": ("evidence",)}, "initiatives": {"recognised_on": ("decision",)}}


@dataclass(frozen=True, eq=False)
class World:
    """The truth. Times are naive, on the wall clock of Asia/Ho_Chi_Minh, to the second.

    `history` holds full dossier lives (also what lies after `until`); `registers` the other canonical tables, whole.
    `dossiers` and `table(name)` give what is known at `until`; `at(moment)` moves that moment.
    """

    seed: int
    years: tuple[int, ...]
    until: dt.datetime
    communes: tuple[Commune, ...]
    settings: Settings
    history: pd.DataFrame
    registers: dict[str, pd.DataFrame]
    invented_units: bool = False

    @cached_property
    def dossiers(self) -> pd.DataFrame:
        """Canonical `dossiers` known at `until`, and `applicant` as a name number. Grain: one row per dossier."""
        return observe(self.history, self.until)

    @cached_property
    def procedures(self) -> pd.DataFrame:
        """The register of procedures."""
        return procedures_frame()

    def table(self, name: str) -> pd.DataFrame:
        """A canonical table as known at `until`. Raises: KeyError for a table that is not canonical."""
        if name == "dossiers":
            return self.dossiers
        if name == "procedures":
            return self.procedures
        frame = self.registers[name]
        frame = frame[(frame[_KNOWN_SINCE[name]] <= self.until).to_numpy()].reset_index(drop=True)
        for column, dependants in _LATER.get(name, {}).items():
            later = (frame[column] > self.until).to_numpy()
            frame[column] = frame[column].mask(later)
            for dependant in dependants:
                frame[dependant] = frame[dependant].mask(later)
            if name == "tasks":
                frame["status"] = frame["status"].mask(later, "Đang thực hiện")
        return frame.drop(columns="reported_on") if name == "monthly_reports" else frame

    def at(self, moment: dt.datetime) -> World:
        """The same world seen at another moment."""
        return replace(self, until=moment)

    def commune(self, unit_code: str) -> Commune:
        """The commune with this unit id. Raises: KeyError."""
        for commune in self.communes:
            if commune.unit_code == unit_code:
                return commune
        raise KeyError(unit_code)

    def write_units(self, path: Path) -> Path:
        """Write the invented units as an extra file of the unit register. Raises: ValueError when there are none."""
        if not self.invented_units:
            raise ValueError("a district world uses the units of the register")
        first = dt.date(2004, 7, 8)
        units = [
            {
                "id": "90000",
                "code": "90000",
                "name": "Thí Điểm",
                "kind": "province",
                "valid_from": first,
                "source": "invented",
            }
        ]
        for commune in self.communes:
            unit = {
                "id": commune.unit_code,
                "code": commune.unit_code,
                "name": commune.name,
                "kind": "commune",
            }
            units.append(unit | {"parent": "90000", "valid_from": first, "source": "invented"})
        path.write_text(yaml.safe_dump({"units": units}, allow_unicode=True, sort_keys=False), encoding="utf-8")
        return path


def district_communes() -> tuple[Commune, ...]:
    """The 13 units of huyện Vạn Ninh with invented volumes and qualities; names from the unit register."""
    from sources.units import UnitRegister

    by_id = UnitRegister.load().by_id
    communes = []
    for index, (unit_code, (volume, quality)) in enumerate(DISTRICT.items(), start=1):
        unit = by_id[unit_code]
        kind = "thị trấn" if unit.kind == "townlet" else "xã"
        name = unit.name.removeprefix("Xã ").removeprefix("Thị trấn ")
        label = f"UBND {kind} {name}"
        communes.append(Commune(unit_code, label, name, int(unit_code), f"H32.99.{index:02d}", volume, quality))
    return tuple(communes)


def generate_district(
    years: Sequence[int],
    seed: int,
    until: dt.datetime | None = None,
    settings: Settings | None = None,
) -> World:
    """Huyện Vạn Ninh, 13 communes, some years. The moment of the exports is `until`, else the end of the last year.

    Adding a year or a commune changes no other. Raises: ValueError when a year is outside 2015–2024 (the district
    and its communes ended in the middle of 2025).
    """
    years = tuple(sorted(set(years)))
    if not years or years[0] < 2015 or years[-1] > 2024:
        raise ValueError("years must lie within 2015-2024")
    return _generate(district_communes(), years, seed, until, settings or Settings(), None)


def invented_communes(count: int, seed: int) -> tuple[Commune, ...]:
    """Communes of an invented province, codes 90001 onwards; the first ones do not depend on how many there are."""
    communes = []
    for index in range(1, count + 1):
        rng = stream(seed, 90_000 + index, 0, INVENTED)
        volume = float(np.exp(rng.normal(np.log(1500), 0.4)))
        quality = float(np.clip(rng.beta(2.2, 1.9), 0.02, 0.98))
        name, code = f"Thí Điểm {index:03d}", str(90_000 + index)
        communes.append(Commune(code, f"UBND xã {name}", name, 90_000 + index, f"H32.98.{index:03d}", volume, quality))
    return tuple(communes)


def generate_province(
    communes: int = 132,
    dossiers: int = 1_000_000,
    year: int = 2023,
    seed: int = 1,
    until: dt.datetime | None = None,
    settings: Settings | None = None,
) -> World:
    """An invented province of many communes. The number of dossiers is exact: volumes are shares of the total."""
    listed = invented_communes(communes, seed)
    weights = np.array([commune.volume for commune in listed])
    ends = np.rint(np.cumsum(weights / weights.sum()) * dossiers).astype(int)
    return _generate(listed, (year,), seed, until, settings or Settings(), np.diff(np.r_[0, ends]))


def _generate(
    communes: tuple[Commune, ...],
    years: tuple[int, ...],
    seed: int,
    until: dt.datetime | None,
    settings: Settings,
    counts: np.ndarray | None,
) -> World:
    """All frames of a world; `counts` fixes how many dossiers each commune receives."""
    clock = work_clock(years[0], years[-1])
    parts = []
    for index, commune in enumerate(communes):
        exact = None if counts is None else int(counts[index])
        parts += [commune_year(commune, year, seed, clock, settings, exact) for year in years]
    history = history_frame(parts, communes)
    frames = _registers(communes, years, seed, clock, settings, history, [len(p["unit"]) for p in parts])
    frames["monthly_reports"] = monthly_reports(history, years)
    frames["published_results"] = published_results(communes, years, seed)
    moment = until or dt.datetime(years[-1], 12, 31, 23, 59, 59)
    return World(seed, years, moment, communes, settings, history, frames, counts is not None)


def _registers(
    communes: tuple[Commune, ...],
    years: tuple[int, ...],
    seed: int,
    clock: WorkClock,
    settings: Settings,
    history: pd.DataFrame,
    sizes: list[int],
) -> dict[str, pd.DataFrame]:
    """The registers that each commune keeps, all communes together."""
    found: dict[str, list[pd.DataFrame]] = {}
    start, part = 0, 0
    for commune in communes:
        for year in years:
            codes = history["dossier_code"].iloc[start : start + sizes[part]]
            start, part = start + sizes[part], part + 1
            made = {
                "survey_forms": registers.survey_forms(commune, year, seed, clock, settings, codes),
                "officer_reviews": registers.officer_reviews(commune, year, seed, clock),
                "tasks": registers.tasks(commune, year, seed),
                "initiatives": registers.initiatives(commune, year, seed),
                "declarations": registers.declarations(commune, year, seed),
            }
            for name, frame in made.items():
                if len(frame):
                    found.setdefault(name, []).append(frame)
    return {name: pd.concat(frames, ignore_index=True) for name, frames in found.items()}


def published_results(communes: Sequence[Commune], years: Sequence[int], seed: int) -> pd.DataFrame:
    """Results announced for three years before the first and for every year but the last. Grain: unit × year.

    Units: index points out of 100. Rank among these communes, 1 is best.
    """
    frames = []
    for year in [*range(years[0] - 3, years[0]), *years[:-1]]:
        noise = [float(stream(seed, commune.number, year, RESULTS).normal(0.0, 1.6)) for commune in communes]
        index = np.round([62.0 + 30.0 * c.quality + e for c, e in zip(communes, noise, strict=True)], 2)
        frame = pd.DataFrame({"unit_code": [c.unit_code for c in communes], "year": year, "index": index})
        frame["grade"] = [next(grade for low, grade in BANDS if value >= low) for value in index]
        frame["rank"] = frame["index"].rank(ascending=False, method="min").astype(int)
        frame["published_on"] = pd.Timestamp(year + 1, 2, 21).as_unit("s")
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)
