"""Strengths and weaknesses against the peers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from scoring import peers
from tests.scoring.test_robust import by_hand


@pytest.mark.parametrize("seed", range(5))
def test_peers_are_the_others(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shares = np.round(rng.random((7, 4)), 1)
    shares[rng.random((7, 4)) < 0.3] = np.nan
    c = by_hand(shares.tolist(), [4, 3, 2, 1])
    c = replace(c, groups=rng.integers(0, 2, 7))
    got = peers.standing(c)
    for i in range(7):
        for k in range(4):
            others = [j for j in range(7) if j != i and c.groups[j] == c.groups[i] and not np.isnan(shares[j, k])]
            if np.isnan(shares[i, k]):
                assert np.isnan(got.median[i, k]) and got.peers[i, k] == 0
                continue
            assert got.peers[i, k] == len(others)
            assert got.better[i, k] == sum(shares[j, k] > shares[i, k] for j in others)
            assert got.equal[i, k] == sum(shares[j, k] == shares[i, k] for j in others)
            if others:
                assert got.median[i, k] == pytest.approx(np.median(shares[others, k]))
            else:
                assert np.isnan(got.median[i, k])


def test_strengths_and_weaknesses() -> None:
    c = by_hand([[1.0, 0.2, 0.5, None], [0.5, 0.6, 0.5, 0.4], [0.4, 0.8, 0.5, 0.9]], [4, 3, 2, 1])
    mine = peers.strengths(c).set_index("commune").loc["A"].reset_index()
    assert mine[["side", "code", "place", "peers"]].values.tolist() == [["strength", "c0", 1, 2], ["weakness", "c1", 1, 2]]
    assert mine["points"].tolist() == [pytest.approx(4 * 0.55), pytest.approx(-3 * 0.5)]
    assert mine["better"].tolist() == [0, 2] and mine["median"].tolist() == [0.45, 0.7]
    assert len(peers.strengths(c, top=1)) <= 6 and peers.strengths(by_hand([[0.4]], [5])).empty
