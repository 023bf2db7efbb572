"""What a forecast is made from, by hand: days around Tết, months of which nothing is known, communes that merged, nothing."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from flows.steps.forecast_inputs import horizon_of, inputs_of
from flows.steps.home import Home, parse_moment
from flows.steps.score import score_question
from tests.flows import kit
from tests.flows.forecast_kit import inputs_at
from tests.flows.test_reorganisation import NEW, NEW_BORDERS, OLD, THANH, THO, ask, merged  # noqa: F401

pytestmark = [pytest.mark.db, pytest.mark.slow]


def test_history_of_a_commune_holds_what_went_into_it(merged: dict[str, Any]) -> None:  # noqa: F811
    home = merged["home"]
    with home.database.begin() as tx:
        scored = score_question(home, tx, ask(2025, "2025-12-31"))
        found = inputs_of(home, tx, scored)
    assert found.units[0] == NEW or NEW in found.units
    row = found.units.index(NEW)

    def months(values: np.ndarray) -> dict[int, float]:
        return {int(m): v for m, v in zip(found.calendar.months, values[row]) if v > 0}

    at = {(y, m): y * 12 + m - 1 for y in (2024, 2025) for m in range(1, 13)}
    assert found.calendar.months[0] == at[2024, 3]
    assert months(found.received) == {
        at[2024, 3]: 2, at[2024, 4]: 1, at[2024, 5]: 3, at[2025, 2]: 1, at[2025, 3]: 2, at[2025, 5]: 1, at[2025, 6]: 4,
        at[2025, 7]: 1, at[2025, 8]: 1, at[2025, 12]: 1,
    }  # fmt: skip
    overdue = found.panels["overdue_rate"]
    assert months(overdue.successes) == {
        at[2024, 3]: 1,
        at[2024, 5]: 1,
        at[2025, 3]: 1,
        at[2025, 5]: 1,
        at[2025, 7]: 2,
        at[2025, 8]: 1,
    }
    assert months(overdue.trials)[at[2025, 7]] == 4  # A5, A7, B3 of the old communes, N1
    assert found.open[found.open["commune"] == NEW]["dossier_code"].tolist() == ["A6", "N3"]
    assert months(found.panels["satisfaction_index"].trials)[at[2024, 3]] == 10
    days = found.panels["survey_day_coverage"]
    assert months(days.successes) == {at[2024, 3]: 2, at[2024, 5]: 1, at[2025, 2]: 1, at[2025, 7]: 2}
    assert (days.successes[row] <= days.trials[row])[~np.isnan(days.trials[row])].all()
    assert days.trials[row][-1] == found.calendar.worked[-1]  # its own days only: the old communes are gone
    now = scored.measures.set_index(["commune", "measure"])
    assert now.loc[(NEW, "received"), "numerator"] == 3  # the year to date stays that of its own life


def test_units_that_end_within_the_year_end_the_forecast(merged: dict[str, Any]) -> None:  # noqa: F811
    home = merged["home"]
    with home.database.begin() as tx:
        before = inputs_of(home, tx, score_question(home, tx, ask(2025, "2025-03-31")))
        last = inputs_of(home, tx, score_question(home, tx, ask(2025, "2025-06-30")))
        joined = inputs_of(home, tx, score_question(home, tx, ask(2025, "2025-06-30", NEW_BORDERS)))
    assert before.horizon == last.horizon == dt.date(2025, 6, 30) and last.over and not len(last.calendar.ahead)
    assert {OLD, THO, THANH} <= set(before.units) and before.calendar.ahead.tolist() == [2025 * 12 + m for m in (3, 4, 5)]
    assert joined.horizon == dt.date(2025, 12, 31) and joined.calendar.ahead[0] == 2025 * 12 + 6
    row = joined.units.index(NEW)
    apart = [last.units.index(unit) for unit in (OLD, THO, THANH)]
    known = ~np.isnan(last.received[apart]).all(axis=0)
    assert np.array_equal(~np.isnan(joined.received[row]), known)
    assert np.array_equal(joined.received[row][known], np.nansum(last.received[apart], axis=0)[known])
    assert horizon_of([home.register.by_id[OLD], home.register.by_id[NEW]], 2025) == dt.date(2025, 12, 31)


def test_empty_home_has_the_right_shape(clean: Home) -> None:
    found, _ = inputs_at(clean, "2023-05-31")
    assert found.calendar.months.tolist() == [2023 * 12 + 4] and len(found.calendar.ahead) == 7
    size = (len(found.units), 1)
    assert size[0] >= 13 and np.isnan(found.received).all() and found.received.shape == found.resolved.shape == size
    assert len(found.panels) == 25
    for panel in found.panels.values():
        assert panel.trials.shape == size and np.isnan(panel.trials).all() and np.isnan(panel.successes).all()
    for name, columns in {
        "open": "commune dossier_code procedure procedure_name officer department received_on due_on days_left allowed late counted",
        "endings": "commune procedure allowed spare dossiers", "tasks": "commune programme assigned_on due_on done_on",
        "initiatives": "commune month initiatives", "reviews": "commune month", "named_complaints": "commune month forms",
        "past_declarations": "commune year criterion_code value points state declared_on",
        "published": "commune year index grade rank published_on",
    }.items():  # fmt: skip
        frame = getattr(found, name)
        assert not len(frame) and list(frame.columns) == columns.split(), name
    assert found.open["late"].dtype == bool and found.open["days_left"].dtype == np.float64
    assert found.endings["allowed"].dtype == found.endings["spare"].dtype == found.reviews["month"].dtype == np.int64


# Tết 2023: Thursday 19 January is the last working day, Friday 27 the next, then Monday 30.
# code, received, due, finished (or -): by hand, allowed and spare of what is finished
LIVES = """
F1 17/01/2023 19/01/2023 19/01/2023 2 0
F2 17/01/2023 27/01/2023 18/01/2023 3 2
F3 18/01/2023 27/01/2023 19/01/2023 2 1
F4 19/01/2023 28/01/2023 21/01/2023 1 1
F5 19/01/2023 27/01/2023 30/01/2023 1 -1
F6 19/01/2023 19/01/2023 19/01/2023 0 0
F7 19/01/2023 19/01/2023 27/01/2023 0 -1
O1 16/01/2023 19/01/2023 -
O2 16/01/2023 27/01/2023 -
O3 16/01/2023 28/01/2023 -
O4 16/01/2023 30/01/2023 -
"""
#: day → days left to O1 … O4
DAYS_LEFT = {
    "2023-01-18": (1, 2, 2, 3), "2023-01-19": (0, 1, 1, 2), "2023-01-20": (-1, 1, 1, 2), "2023-01-26": (-1, 1, 1, 2),
    "2023-01-27": (-1, 0, 0, 1), "2023-01-28": (-1, -1, 0, 1), "2023-01-29": (-1, -1, -1, 1), "2023-01-30": (-2, -1, -1, 0),
    "2023-01-31": (-3, -2, -2, -1),
}  # fmt: skip


def _lives(**cells: str) -> list[dict[str, str]]:
    rows = []
    for line in LIVES.strip().splitlines():
        code, received, due, finished = line.split()[:4]
        row = kit.dossier(code) | {"received_at": f"{received} 08:00:00", "due_at": f"{due} 17:00:00", "procedure_code": "P5"}
        if finished != "-":
            row |= {"finished_at": f"{finished} 10:00:00", "status": "Đã trả kết quả"}
        rows.append(row | cells)
    return rows


def test_days_around_a_weekend_and_tet_by_hand(clean: Home, tmp_path: Path) -> None:
    path = kit.write_csv(tmp_path / "tet.csv", _lives())
    assert kit.load(clean, path, kit.QuickGate(), parse_moment("2023-02-15")).status == "loaded"
    for day, left in DAYS_LEFT.items():
        found, _ = inputs_at(clean, day)
        opened = found.open.set_index("dossier_code")["days_left"]
        assert tuple(opened[[f"O{n}" for n in range(1, 5)]]) == left, day
    found, _ = inputs_at(clean, "2023-01-31")
    lines = [line.split() for line in LIVES.strip().splitlines() if line.startswith("F")]
    true = pd.Series([(int(line[4]), int(line[5])) for line in lines]).value_counts().to_dict()
    endings = found.endings
    assert {(a, s): n for a, s, n in zip(endings["allowed"], endings["spare"], endings["dossiers"])} == true
    assert set(endings["procedure"]) == {"P5"}
    assert found.open.set_index("dossier_code")["allowed"].tolist() == [3, 4, 4, 5]


def test_a_month_of_an_unknown_column_is_unknown(clean: Home, tmp_path: Path) -> None:
    """January's file does not say how dossiers came in, February's does: no share of January may be drawn from it."""
    gate = kit.QuickGate()
    path = kit.write_csv(tmp_path / "january.csv", _lives())
    assert kit.load(clean, path, gate, parse_moment("2023-01-31")).status == "loaded"
    rows = [
        kit.dossier(f"G{n}") | {"received_at": "14/02/2023 08:00:00", "due_at": "20/02/2023 17:00:00", "channel": channel}
        for n, channel in enumerate(["Trực tuyến", "Trực tiếp", "Trực tiếp"])
    ]
    assert kit.load(clean, kit.write_csv(tmp_path / "february.csv", rows), gate, parse_moment("2023-02-28")).status == "loaded"
    found, _ = inputs_at(clean, "2023-03-31", "2023-03-31")
    row = found.units.index("22492")
    online = found.panels["online_rate"]
    assert np.isnan(online.trials[row, 0]) and online.trials[row, 1] == 3 and online.successes[row, 1] == 1
    assert np.isnan(online.trials[row, 2]) and np.isnan(found.received[row, 2])  # nobody has told of March
    assert found.received[row, :2].tolist() == [11, 3]
    assert found.panels["overdue_rate"].trials[row, :2].tolist() == [7, 0]
    assert np.isnan(np.delete(found.received, row, axis=0)).all()  # communes that never sent anything
    known, _ = inputs_at(clean, "2023-02-28", "2023-02-27")
    assert np.isnan(known.received[row, 1]) and len(known.open) == 4
