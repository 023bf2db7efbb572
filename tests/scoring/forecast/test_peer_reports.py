"""Peers known by counts only: what their reports of this year say, at the year's end exactly what they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from criteria import load_set
from scoring.forecast.peer_reports import report_panels, shift_by_peer
from scoring.forecast.peers import ranking_scale
from tests.scoring.frames import DAY, law

YEAR, END = 2023, 12 * 2023 + 11


def reports(rates: dict[str, tuple[float, float]], months: int, late: float = 0.0, size: int = 200) -> pd.DataFrame:
    """Each peer's online rate in 2022 and in the first months of 2023."""
    rows: list[dict[str, Any]] = []
    for name, (before, after) in rates.items():
        for month in range(12 + months):
            online = round(size * (before if month < 12 else after))
            rows.append({
                "commune": name, "month": 12 * 2022 + month, "received_total": size + 10.0, "received_online": float(online),
                "received_direct_postal": float(size - online), "carried_over": 10.0, "resolved_total": float(size),
                "resolved_overdue": round(size * late),
            })  # fmt: skip
    return pd.DataFrame(rows)


def shifted(frame: pd.DataFrame, **last: int) -> dict[str, float]:
    return shift_by_peer(frame, last, YEAR, END, law())


def test_at_the_years_end_the_points_are_those_of_the_rules() -> None:
    found = shifted(reports({"a": (0.15, 0.21), "b": (0.2, 0.2), "c": (0.4, 0.27)}, 12), a=2022, b=2022, c=2022)
    assert found == pytest.approx({"a": 5 * (0.21 - 0.15) / 0.3, "b": 0.0, "c": 5 * (0.27 / 0.3 - 1)}, abs=1e-9)


def test_early_in_the_year_a_few_months_say_less() -> None:
    some = {f"u{k}": (0.15, 0.15) for k in range(6)} | {"a": (0.15, 0.21)}
    last = {name: 2022 for name in some}
    by_months = [shift_by_peer(reports(some, m), last, YEAR, END, law())["a"] for m in (1, 4, 9, 12)]
    assert by_months[0] < by_months[1] < by_months[2] <= by_months[3] + 0.05 and by_months[0] > -0.2


def test_who_has_not_published_or_not_reported_is_left_where_it_is() -> None:
    frame = reports({"a": (0.15, 0.21), "b": (0.15, 0.21), "c": (0.15, 0.21)}, 6)
    frame = frame[(frame["commune"] != "c") | (frame["month"] >= 12 * 2022 + 8)]  # four months of last year
    assert set(shifted(frame, a=2022, c=2022)) == {"a"}
    assert shifted(frame.iloc[:0], a=2022) == {}
    assert shifted(frame, a=2019) == {}


def test_a_report_that_contradicts_itself_is_unknown_and_a_lost_column_is_made_up_for() -> None:
    frame = reports({"a": (0.15, 0.21)}, 2)
    frame.loc[0, "resolved_overdue"] = 999.0
    frame["received_direct_postal"] = np.nan
    names, months, panels = report_panels(frame)
    assert names == ("a",) and len(months) == 14
    assert np.isnan(panels["overdue_rate"].trials[0, 0]) and panels["overdue_rate"].trials[0, 1] == 200
    assert (panels["online_rate"].trials == 200).all()


def test_only_what_is_reported_counts() -> None:
    """A rise in the late share costs the points of that criterion alone."""
    frame = pd.concat([reports({"a": (0.3, 0.3)}, 0), reports({"a": (0.3, 0.3)}, 12, late=0.03).iloc[12:]])
    assert shifted(frame, a=2022)["a"] == pytest.approx(-8 * (0.03 - 0.01) / 0.04, abs=1e-9)


def test_points_on_the_scale_of_the_ranking() -> None:
    assert ranking_scale(law())[0] == 1.0
    shares = load_set("qd_766").at(DAY)
    one, low, high = ranking_scale(shares)
    whole = sum(c.max_points or 0.0 for c in shares.criteria if c.kind == "base" and c.rule is not None)
    assert one == pytest.approx(100 / whole) and low <= 0 and high >= 100 * 10**shares.decimals
