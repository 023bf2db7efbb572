"""The hazard of open dossiers, against lives that are known to their end."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.forecast.hazard import late_by, lateness, maturity
from synthetic.dossiers import commune_year
from synthetic.profiles import Settings
from synthetic.worktime import work_clock
from synthetic.world import district_communes

KEYS = ["commune", "procedure", "allowed", "spare"]


def endings(*rows: tuple[str, str, int, int, int]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=[*KEYS, "dossiers"])


def asked(*rows: tuple[str, str, float, float], late: bool = False, counted: bool = True) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["commune", "procedure", "allowed", "days_left"])
    return frame.assign(late=late, counted=counted)


PAST = endings(("A", "p", 5, -1, 10), ("A", "p", 5, 0, 30), ("A", "p", 5, 2, 160), ("B", "p", 5, -1, 1), ("B", "p", 5, 3, 199))


@lru_cache(maxsize=2)
def lives(seed: int) -> pd.DataFrame:
    """Every dossier of a district over three years, in working days. Grain: dossier."""
    clock = work_clock(2021, 2023)
    frames = []
    for commune in district_communes():
        for year in (2021, 2022, 2023):
            year_of = commune_year(commune, year, seed, clock, Settings())
            known = (year_of["due_at"] >= 0) & (year_of["finished_at"] >= 0)
            received, due, finished = (
                np.searchsorted(clock.days, year_of[name][known] // 86_400) for name in ("received_at", "due_at", "finished_at")
            )
            ended_late = year_of["finished_at"][known] > year_of["due_at"][known]
            frames.append(
                pd.DataFrame(
                    {
                        "commune": commune.unit_code, "procedure": year_of["procedure"][known], "year": year,
                        "allowed": np.clip(due - received, 0, 60), "received": received, "due": due, "finished": finished,
                        "spare": np.where(ended_late, -1, np.clip(due - finished, 0, 60)), "ended_late": ended_late,
                    }
                )
            )  # fmt: skip
    return pd.concat(frames, ignore_index=True)


def split(seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Endings of two years, and what is open on every eleventh working day of the third."""
    every = lives(seed)
    past = every[every["year"] < 2023].groupby(KEYS).size().reset_index(name="dossiers")
    year = every[every["year"] == 2023]
    first = int(year["received"].min())
    seen = []
    for day in range(first + 5, first + 240, 11):
        there = year[(year["received"] <= day) & (year["finished"] > day) & (year["due"] > day)]
        seen.append(there.assign(days_left=(there["due"] - day).astype(float)))
    return past, pd.concat(seen, ignore_index=True).assign(late=False, counted=True)


@pytest.mark.parametrize("seed", [11, 12])
def test_what_is_said_to_be_late_so_often_is_late_so_often(seed: int) -> None:
    past, open_then = split(seed)
    said, happened = lateness(past, open_then), open_then["ended_late"].to_numpy()
    assert said.sum() == pytest.approx(happened.sum(), rel=0.25)
    for low, high in ((0.0, 0.03), (0.03, 0.06), (0.06, 0.15), (0.15, 1.0)):
        bucket = (said > low) & (said <= high)
        assert bucket.sum() > 30
        # Officers differ from year to year more than dossiers alone: three binomial errors and two in a hundred.
        error = 3 * np.sqrt(said[bucket].mean() * (1 - said[bucket].mean()) / bucket.sum())
        assert abs(said[bucket].mean() - happened[bucket].mean()) < error + 0.02


@pytest.mark.parametrize("seed", [11, 12])
def test_knowing_the_days_left_beats_the_late_share_alone(seed: int) -> None:
    past, open_then = split(seed)
    happened = open_then["ended_late"].to_numpy()

    def log_loss(p: np.ndarray) -> float:
        return float(-np.mean(np.where(happened, np.log(p), np.log1p(-p))))

    flat = past.loc[past["spare"] < 0, "dossiers"].sum() / past["dossiers"].sum()
    share_alone = lateness(past, open_then.assign(days_left=np.nan))
    assert log_loss(lateness(past, open_then)) < 0.95 * log_loss(share_alone) < log_loss(np.full(len(happened), flat))


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from("AB"), st.sampled_from("pq"), st.integers(0, 60), st.integers(-1, 60), st.integers(1, 500)
        ),
        max_size=30,
    )
)  # fmt: skip
def test_fewer_days_left_never_lower_the_probability(rows: list[tuple[str, str, int, int, int]]) -> None:
    days = np.arange(0.0, 70.0)
    open_now = asked(*[(c, p, 5.0, d) for c in "ABC" for p in "pqr" for d in days])
    found = lateness(endings(*rows), open_now).reshape(9, -1)
    assert np.all(np.diff(found, axis=1) <= 1e-12)
    assert np.all((found > 0) & (found <= 1))


def test_with_many_cases_it_is_the_share_among_those_still_open() -> None:
    many = PAST.assign(dossiers=PAST["dossiers"] * 10_000)
    found = lateness(many, asked(("A", "p", 5, 1), ("A", "p", 5, 3), ("B", "p", 5, 3)))
    assert found == pytest.approx([10 / 40, 10 / 200, 1.0], abs=0.01)


def test_a_kind_nobody_has_seen_borrows_from_the_others() -> None:
    found = lateness(PAST, asked(("C", "other", 5, 10)))
    assert found[0] == pytest.approx(11 / 400, abs=0.01)


def test_late_and_past_due_are_certain_and_no_due_date_takes_the_share() -> None:
    today, tomorrow = lateness(PAST, asked(("A", "p", 5, 0), ("A", "p", 5, 1)))
    assert 0.1 < today == tomorrow < 0.4
    assert lateness(PAST, asked(("A", "p", 5, -1), late=True)).tolist() == [1.0]
    assert lateness(PAST, asked(("A", "p", 5, -1), counted=False)).tolist() == [1.0]  # judged only when it is finished
    assert lateness(PAST, asked(("A", "p", 5, -90)))[0] < 0.1  # the clock stands still
    assert lateness(PAST, asked(("A", "p", 5, 4), late=True)).tolist() == [1.0]
    undated = asked(("A", "p", np.nan, np.nan), ("B", "p", np.nan, np.nan))
    share = lateness(PAST, undated)
    assert 0.0 < share[1] < share[0] < 0.05
    assert lateness(PAST, undated.assign(counted=False)).tolist() == [0.0, 0.0]


def test_without_endings_or_open_dossiers() -> None:
    assert lateness(endings(), asked(("A", "p", 5, 4), ("A", "p", 5, np.nan))).tolist() == [0.5, 0.5]
    assert lateness(PAST, asked()).shape == (0,)


def test_what_is_due_after_the_horizon_is_not_late_by_then() -> None:
    open_now = asked(("A", "p", 5, 3), ("A", "p", 5, 4), ("A", "p", 5, -2)).assign(late=[False, False, True])
    found = late_by(PAST, open_now, 3)
    assert found[1] == 0.0 and found[2] == 1.0
    assert found[0] == lateness(PAST, open_now)[0] > 0
    assert late_by(PAST, open_now.assign(late=True), 0).tolist() == [1.0, 1.0, 1.0]


def test_maturity_counts_the_days_of_receipt_that_leave_time_enough() -> None:
    always_five = endings(("A", "p", 5, 0, 10_000_000))
    assert maturity(always_five, ["A"], [20.0]) == pytest.approx([15 / 20])
    assert maturity(always_five, ["A"], [10.0, 10.0], received=[1.0, 3.0]) == pytest.approx([(1 * 1.0 + 3 * 0.5) / 4])
    assert maturity(always_five, ["A", "B"], [4.0]) == pytest.approx([0.0, 0.0])
    assert maturity(always_five, ["A"], np.zeros(0)).tolist() == [0.0]
    mixed = endings(("A", "p", 0, 0, 100_000_000), ("B", "p", 10, 0, 100_000_000))
    assert maturity(mixed, ["A", "B", "C"], [20.0]) == pytest.approx([1.0, 0.5, 0.75], abs=1e-4)
