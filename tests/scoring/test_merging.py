"""Who a month's dossiers belong to after a merger, and sums over several units."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.merging import Life, Succession, by_life, month_after, succeed, summed

MERGED = date(2025, 7, 1)
HEIRS = {"a": Succession(MERGED, "n"), "b": Succession(MERGED, "n")}


def cells(*rows: tuple[str, str | None, int], part: str = "finished") -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "part": "open" if m is None else part,
                "unit_code": u,
                "month": None if m is None else date.fromisoformat(m),
                "dossiers": n,
            }
            for u, m, n in rows
        ]
    )


def owners(frame: pd.DataFrame, heirs: dict[str, Succession], last_day: date) -> list[str]:
    return list(succeed(frame, heirs, last_day)["unit_code"])


def test_what_happens_after_the_end_is_the_successors() -> None:
    frame = cells(
        ("a", "2025-06-01", 1), ("a", "2025-07-01", 2), ("b", "2026-01-01", 4), ("n", "2025-07-01", 8), ("c", "2025-08-01", 16)
    )
    assert owners(frame, HEIRS, date(2025, 12, 31)) == ["a", "n", "n", "n", "c"]
    assert list(frame["unit_code"]) == ["a", "a", "b", "n", "c"]  # the frame given stays


@pytest.mark.parametrize(("last_day", "owner"), [(date(2025, 6, 30), "a"), (date(2025, 7, 1), "n")])
def test_open_dossiers_change_hands_on_the_day(last_day: date, owner: str) -> None:
    assert owners(cells(("a", None, 3)), HEIRS, last_day) == [owner]


def test_a_chain_is_followed_month_by_month() -> None:
    heirs = {"a": Succession(date(2020, 1, 1), "b"), "b": Succession(MERGED, "n")}
    frame = cells(("a", "2019-12-01", 1), ("a", "2020-01-01", 1), ("a", "2025-06-01", 1), ("a", "2025-07-01", 1), ("a", None, 1))
    assert owners(frame, heirs, date(2025, 7, 31)) == ["a", "b", "b", "n", "n"]


def test_an_end_within_a_month_keeps_the_month() -> None:
    heirs = {"a": Succession(date(2025, 6, 16), "n")}
    frame = cells(("a", "2025-06-01", 1), ("a", "2025-07-01", 1), ("a", None, 1))
    assert owners(frame, heirs, date(2025, 6, 30)) == ["a", "n", "a"]
    assert owners(frame, heirs, date(2025, 7, 1)) == ["a", "n", "n"]
    found = [
        month_after(date(2025, 6, 1)),
        month_after(date(2025, 6, 2)),
        month_after(date(2025, 12, 31)),
        month_after(date(2024, 11, 30)),
    ]
    assert found == [date(2025, 6, 1), date(2025, 7, 1), date(2026, 1, 1), date(2024, 12, 1)]


def test_nothing_to_do_costs_nothing() -> None:
    frame = cells(("c", "2025-07-01", 1))
    assert succeed(frame, HEIRS, MERGED) is frame and succeed(frame, {}, MERGED) is frame
    assert succeed(frame.iloc[0:0], HEIRS, MERGED).empty


def measures(*rows: tuple[str, str, float, float, int]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["commune", "measure", "numerator", "denominator", "unknown"])


NAN = float("nan")


def test_sums_and_gaps() -> None:
    frame = measures(
        ("a", "rate", 1, 2, 1), ("b", "rate", 0, 8, 0), ("c", "rate", NAN, NAN, 5), ("d", "rate", NAN, NAN, 0),
        ("a", "count", 3, NAN, 0), ("b", "count", 4, NAN, 0), ("c", "count", 5, NAN, 0), ("d", "count", NAN, NAN, 0),
    )  # fmt: skip
    out, gaps = summed(frame, {"n": ["a", "b", "c"], "m": ["d"]})
    found = {(r.commune, r.measure): (r.numerator, r.denominator, r.unknown) for r in out.itertuples()}
    assert found[("n", "rate")] == (1, 10, 1)  # the mean of the rates would be 1/4
    assert found[("n", "count")][0] == 12 and np.isnan(found[("n", "count")][1])
    assert np.isnan(found[("m", "rate")][0]) and np.isnan(found[("m", "count")][0])
    assert gaps == {"n": {"c": ["rate"]}}  # without data at all is no gap of a sum: there is none
    assert list(out["commune"]) == ["n", "m", "n", "m"]


def test_a_unit_in_two_communes_is_refused() -> None:
    with pytest.raises(ValueError, match="two communes"):
        summed(measures(("a", "rate", 1, 2, 0)), {"n": ["a"], "m": ["a"]})


def test_lives_change_only_what_goes_by_the_calendar() -> None:
    frame = measures(
        ("a", "survey_day_coverage", 3, 250, 0), ("a", "officer_review_months", 4, NAN, 0), ("a", "rate", 1, 2, 0),
        ("b", "survey_day_coverage", 3, 250, 0), ("c", "officer_review_months", NAN, NAN, 0),
    )  # fmt: skip
    out = by_life(frame, {"a": Life(120, 6), "c": Life(120, 6)})
    assert out["denominator"].fillna(-1).tolist() == [120, 6, 2, 250, -1]
    assert by_life(frame, {}) is frame


@given(
    st.lists(
        st.tuples(st.sampled_from("abcn"), st.integers(0, 24), st.integers(0, 99)), min_size=1, max_size=40
    ),
    st.integers(1, 28),
)  # fmt: skip
def test_no_dossier_is_lost_or_doubled(rows: list[tuple[str, int, int]], day: int) -> None:
    months = [None if m == 24 else f"{2024 + m // 12}-{m % 12 + 1:02d}-01" for _, m, _ in rows]
    frame = cells(*((u, m, n) for (u, _, n), m in zip(rows, months)))
    out = succeed(frame, HEIRS, date(2025, 7, day))
    assert list(out["dossiers"]) == list(frame["dossiers"]) and list(out["month"]) == list(frame["month"])
    moved = out["unit_code"] != frame["unit_code"]
    assert (out.loc[moved, "unit_code"] == "n").all() and frame.loc[moved, "unit_code"].isin(["a", "b"]).all()
    late = frame["month"].isna() | (pd.to_datetime(frame["month"]) >= pd.Timestamp(MERGED))
    assert not (out["unit_code"].isin(["a", "b"]) & late).any()
