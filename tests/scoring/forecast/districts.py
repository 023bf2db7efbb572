"""Random districts as a forecast sees them: months behind, the year to date, open dossiers, registers. Invented throughout."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from criteria import ResolvedSet, load_set
from scoring.forecast.fitted import DAYS, OF_ANSWERS, OF_RECEIVED, OF_RESOLVED
from scoring.forecast.inputs import Calendar, Inputs, Panel, month_number

CHANCES = {
    "online_rate": 0.4, "postal_rate": 0.04, "online_payment_rate": 0.3, "components_digitised_rate": 0.6,
    "repeat_supplement_rate": 0.004, "result_digitised_rate": 0.55, "overdue_rate": 0.02, "satisfaction_index": 0.86, DAYS: 0.8,
}  # fmt: skip


def law(name: str = "commune_reconstructed") -> ResolvedSet:
    return load_set(name).at(date(2023, 12, 31))


def calendar(day: date, months: int = 42) -> Calendar:
    """21 working days a month; the day's month is behind as far as it has gone."""
    last, end = month_number(day), month_number(date(day.year, 12, 31))
    gone = 1.0 if day.month == 12 and day.day == 31 else min(day.day / 30.0, 1.0)
    worked = np.full(months, 21.0)
    worked[-1] = 21.0 * gone
    ahead = np.arange(last if gone < 1 else last + 1, end + 1)
    left = np.full(len(ahead), 21.0)
    if gone < 1 and len(left):
        left[0] = 21.0 * (1 - gone)
    return Calendar(np.arange(last - months + 1, last + 1), worked, ahead, left)


def district(day: date, units: int = 13, seed: int = 1, volume: float = 120.0, months: int = 42) -> Inputs:
    """A district of `units` communes on a day; every year since `months` ago is known."""
    rng = np.random.default_rng(seed)
    names = tuple(f"9{k:04d}" for k in range(1, units + 1))
    cal = calendar(day, months)
    size = volume * np.exp(rng.normal(0, 0.5, units))[:, None] * cal.worked / 21.0
    received = rng.poisson(size).astype(np.float64)
    resolved = np.minimum(received, rng.poisson(size)).astype(np.float64)
    this_year = cal.months // 12 == day.year
    panels, rows = {}, []
    for name in (*OF_RECEIVED, *OF_RESOLVED, *OF_ANSWERS, DAYS, "overdue_rate"):
        chance = CHANCES.get(name, 0.7)
        level = np.log(chance / (1 - chance)) + rng.normal(0, 0.4, (units, 1)) + rng.normal(0, 0.15, months)
        base = resolved if name in (*OF_RESOLVED, "overdue_rate") else received
        trials = np.rint({DAYS: np.ones((units, 1)) * cal.worked}.get(name, base))
        good = rng.binomial(trials.astype(int), 1 / (1 + np.exp(-level))).astype(np.float64)
        panels[name] = Panel(good, trials)
        rows.append((name, good[:, this_year].sum(axis=1), trials[:, this_year].sum(axis=1)))
    both = [panels[n] for n in ("components_digitised_rate", "result_digitised_rate")]
    rows.append(
        ("digitised_rate", *(sum(getattr(p, part)[:, this_year].sum(axis=1) for p in both) for part in ("successes", "trials")))
    )
    none = np.full(units, np.nan)
    tasks = _tasks(names, day, rng)
    given = tasks[(tasks["due_on"].dt.year == day.year) & (tasks["assigned_on"] <= pd.Timestamp(day))]
    for measure, chosen in (("task_completion", given), ("task_on_time", given[given["programme"] == "CTr"])):
        done = chosen[chosen["done_on"].notna()]
        done = done[done["done_on"] <= done["due_on"]] if measure == "task_on_time" else done
        count = [frame.groupby("commune").size().reindex(names).fillna(0).to_numpy(dtype=float) for frame in (done, chosen)]
        rows.append((measure, count[0], count[1]))
    past = max(0, day.month - 1 if day.day < 28 else day.month)
    rows.append(("officer_review_months", np.full(units, float(past)), none))
    rows.append(("initiatives", rng.poisson(0.7, units).astype(float), none))
    rows.append(("received", received[:, this_year].sum(axis=1), none))
    measures = pd.concat(
        pd.DataFrame({"commune": names, "measure": m, "numerator": n, "denominator": d, "unknown": 0.0}) for m, n, d in rows
    )  # fmt: skip
    return Inputs(
        day=day, horizon=date(day.year, 12, 31), year=day.year, units=names, names=names, definition="qd766", calendar=cal,
        measures=measures.reset_index(drop=True), declarations=_declarations(names, [day.year], day, rng), panels=panels,
        received=received, resolved=resolved, open=_open(names, day, rng), endings=_endings(names, rng), tasks=tasks,
        initiatives=pd.DataFrame({"commune": names, "month": month_number(date(day.year - 1, 5, 1)), "initiatives": 1}),
        reviews=pd.DataFrame([(u, m) for u in names for m in cal.months[:-1]], columns=["commune", "month"]),
        past_declarations=_declarations(names, range(day.year - 3, day.year), date(day.year - 1, 12, 31), rng),
        published=pd.DataFrame({"commune": [], "year": [], "index": [], "grade": [], "rank": []}),
        named_complaints=pd.DataFrame({"commune": [], "month": [], "forms": []}), programme="CTr",
    )  # fmt: skip


def _tasks(names: tuple[str, ...], day: date, rng: np.random.Generator) -> pd.DataFrame:
    rows = []
    for unit in names:
        for year in range(day.year - 3, day.year + 1):
            for number in range(12):
                given = pd.Timestamp(year, 1, 15) + pd.Timedelta(days=int(rng.integers(0, 60)))
                due = pd.Timestamp(year, 4, 1) + pd.Timedelta(days=int(rng.integers(0, 260)))
                done = due + pd.Timedelta(days=int(rng.integers(-20, 15)))
                known = done if done <= pd.Timestamp(day) and rng.random() < 0.95 else pd.NaT
                rows.append((unit, "CTr" if number % 3 == 0 else "Kế hoạch", given, due, known))
    frame = pd.DataFrame(rows, columns=["commune", "programme", "assigned_on", "due_on", "done_on"])
    return frame[frame["assigned_on"] <= pd.Timestamp(day)].reset_index(drop=True)


def _declarations(names: tuple[str, ...], years: object, day: date, rng: np.random.Generator) -> pd.DataFrame:
    rows = []
    for unit in names:
        for year in years:  # type: ignore[attr-defined]
            for c in law().criteria:
                if not c.declared:
                    continue
                on = pd.Timestamp(year, 10, 1) + pd.Timedelta(days=int(rng.integers(0, 80)))
                if on.date() > day:
                    continue
                value = {
                    "yes_no": float(rng.random() < 0.75), "share": float(np.round(rng.beta(8, 2), 3)), "days": 0.0,
                    "count": float(rng.poisson(0.6)), "level": float(rng.integers(0, max(1, len(c.levels)))),
                }[str(c.declared)]  # fmt: skip
                rows.append((unit, year, c.code, value, np.nan, "declared", None, on))
    columns = ["commune", "year", "criterion_code", "value", "points", "state", "evidence", "declared_on"]
    return pd.DataFrame(rows, columns=columns).astype({"value": float, "points": float})


def _open(names: tuple[str, ...], day: date, rng: np.random.Generator) -> pd.DataFrame:
    rows = []
    for unit in names:
        for number in range(int(rng.integers(5, 25))):
            left = int(rng.integers(-2, 12))
            due = day + pd.Timedelta(days=left)
            row = (unit, f"H-{unit}-{number}", "1.000001", "Cán bộ A", "Tư pháp", day, due, left, 10, left < 0, True)
            rows.append(row)
    return pd.DataFrame(
        rows,
        columns=[
            "commune", "dossier_code", "procedure", "officer", "department", "received_on", "due_on", "days_left", "allowed",
            "late", "counted",
        ],
    )  # fmt: skip


def _endings(names: tuple[str, ...], rng: np.random.Generator) -> pd.DataFrame:
    rows = [(u, "1.000001", 10, spare, int(rng.integers(1, 40))) for u in names for spare in range(-1, 9)]
    return pd.DataFrame(rows, columns=["commune", "procedure", "allowed", "spare", "dossiers"])
