"""Peers of a commune alone: their scale, their spread, and that one's numbers do not depend on the others'."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from scoring.forecast.peers import Drift, drift, peer_draws
from scoring.forecast.widen import limits
from tests.scoring.frames import law

NAMES = [f"u{k}" for k in range(13)]


def published(
    years: range = range(2015, 2023), mean: float = 0.0, common: float = 0.0, own: float = 1.0, seed: int = 1
) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    index = np.linspace(60, 85, len(NAMES))
    rows: list[tuple[Any, ...]] = []
    for year in years:
        rows += [(n, year, round(float(x), 2), int((index > x).sum()) + 1) for n, x in zip(NAMES, index)]
        index = index + mean + common * rng.standard_normal() + own * rng.standard_normal(len(NAMES))
    return pd.DataFrame(rows, columns=["commune", "year", "index", "rank"])


def drawn(frame: pd.DataFrame, **more: Any) -> tuple[tuple[str, ...], np.ndarray]:
    return peer_draws(frame, "u0", 2023, law(), **({"seed": 1, "draws": 4000} | more))


def table(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.pivot(index="commune", columns="year", values="index")


def test_spread_is_learnt_net_of_the_common_change() -> None:
    found = [drift(table(published(range(1993, 2023), mean=0.3, common=3.0, own=1.0, seed=seed))) for seed in range(12)]
    assert all(one.own_sd == pytest.approx(1.0, rel=0.2) for one in found)
    assert np.mean([one.common_sd for one in found]) == pytest.approx(3.0, rel=0.12)
    steady = drift(table(published(range(1993, 2023), mean=0.5, own=1.0)))
    assert steady.common_sd < 0.5 and steady.mean == pytest.approx(0.5, abs=0.15)


def test_years_that_were_skipped_count_as_so_many_steps() -> None:
    frame = published(range(1963, 2023), mean=0.4, own=1.0)
    every_third = frame[frame["year"] % 3 == 0]
    found = drift(table(every_third))
    assert found.own_sd == pytest.approx(1.0, rel=0.2) and found.mean == pytest.approx(0.4, abs=0.2)


def test_one_published_year_or_one_peer_is_no_certainty() -> None:
    one_year = drift(table(published(range(2022, 2023))))
    assert one_year.mean == 0 and one_year.own_sd > 3 and one_year.common_sd == pytest.approx(one_year.own_sd / 2)
    alone = drift(table(published(range(2022, 2023)).query("commune == 'u3'")))
    assert alone == Drift(0.0, pytest.approx(alone.own_sd / 2), pytest.approx(5 / np.sqrt(2)))


def test_draws_lie_around_the_last_published_index_in_whole_hundredths() -> None:
    frame = published()
    names, totals = drawn(frame)
    assert names == tuple(sorted(n for n in NAMES if n != "u0")) and totals.shape == (4000, 12) and totals.dtype == np.int64
    last = frame[frame["year"] == 2022].set_index("commune")["index"]
    found = drift(table(frame))
    sd = np.hypot(found.common_sd, found.own_sd) * 100
    np.testing.assert_allclose(totals.mean(axis=0), [100 * (last[n] + found.mean) for n in names], atol=5 * sd / np.sqrt(4000))
    np.testing.assert_allclose(totals.std(axis=0), sd, rtol=0.06)
    low, high = limits(law())
    assert (low <= totals).all() and (totals <= high).all()


def test_an_older_last_year_is_less_sure() -> None:
    frame = published()
    frame = frame[(frame["commune"] != "u5") | (frame["year"] <= 2019)]
    names, totals = drawn(frame)
    sd = totals.std(axis=0)
    assert sd[names.index("u5")] == pytest.approx(2 * np.median(sd), rel=0.1)


def test_the_scale_is_the_communes_own() -> None:
    frame = published()
    _, plain = drawn(frame)
    own = float(frame.query("commune == 'u0' and year == 2022")["index"].iloc[0])
    _, moved = drawn(frame, own_score={2019: 10.0, 2022: own - 4.0, 2023: 0.0})
    assert np.abs(moved - (plain - 400)).max() <= 1
    _, other = drawn(frame[frame["commune"] != "u0"], own_score={2022: own - 4.0})
    assert abs(other.mean() - plain.mean()) < 60


def test_what_is_known_of_this_year_moves_one_peer() -> None:
    names, plain = drawn(published())
    _, moved = drawn(published(), shift_by_peer={"u4": -1.5})
    change = (moved - plain)[:, names.index("u4")]
    assert np.abs(change + 150).max() <= 1
    assert (np.delete(moved, names.index("u4"), axis=1) == np.delete(plain, names.index("u4"), axis=1)).all()


def test_the_same_seed_the_same_draws_and_the_first_of_many_are_those_of_few() -> None:
    many, few = drawn(published())[1], drawn(published(), draws=100)[1]
    np.testing.assert_array_equal(many[:100], few)
    assert (drawn(published(), seed=2)[1] != many).any()


def test_the_year_itself_and_later_ones_are_not_looked_at() -> None:
    frame = published(range(2015, 2026))
    np.testing.assert_array_equal(drawn(frame)[1], drawn(frame[frame["year"] < 2023])[1])


def test_an_index_that_was_not_published_is_read_off_its_rank() -> None:
    frame = published(range(2022, 2023))
    hidden = frame.copy()
    hidden.loc[hidden["commune"] == "u6", "index"] = np.nan
    names, totals = drawn(hidden)
    mine, before, after = (totals[:, names.index(n)].mean() for n in ("u6", "u5", "u7"))
    assert before < mine < after
    nothing, empty = drawn(frame.assign(index=np.nan))
    assert nothing == () and empty.shape == (4000, 0)


def test_nobody_published_leaves_the_commune_alone() -> None:
    names, totals = drawn(published().iloc[:0])
    assert names == ()
    assert totals.shape == (4000, 0)
