"""The rate model against the plain forecasts on invented tables of ten kinds: CRPS ratio by months to go, coverage.

`python -m tests.benchmarks.bench_rates [WORLD…]` prints the table without pytest.
"""

from __future__ import annotations

import sys
from collections import defaultdict

import numpy as np
import pytest

from tests.benchmarks.rate_worlds import WORLDS, Score, marks

pytestmark = pytest.mark.bench
TO_GO = tuple(range(11, 0, -1))


def summary(world: str, seeds: range, to_gos: tuple[int, ...] = TO_GO, years: tuple[int, ...] = (4, 5, 6)) -> list[Score]:
    """Return every origin's marks of several tables of one kind."""
    return [
        score
        for seed in seeds
        for score in marks(WORLDS[world](np.random.default_rng([seed, *map(ord, world)])), seed, to_gos, years)
    ]


def table(scores: list[Score]) -> tuple[dict[int, tuple[float, str]], float, float]:
    """Return by months to go the CRPS ratio to the best plain forecast and its name; the coverage of 80 and 95 %."""
    by = defaultdict(list)
    for score in scores:
        by[score.to_go].append(score)
    out = {}
    for to_go, some in by.items():
        rivals = {name: float(np.mean([s.plain[name] for s in some])) for name in some[0].plain}
        best = min(rivals, key=rivals.__getitem__)
        out[to_go] = (float(np.mean([s.model for s in some])) / rivals[best], best)
    weights = [s.units for s in scores]
    return (
        out,
        float(np.average([s.in80 for s in scores], weights=weights)),
        float(np.average([s.in95 for s in scores], weights=weights)),
    )


def show(worlds: list[str], seeds: range) -> None:
    print("world      " + "".join(f"{n:6d}" for n in TO_GO) + "   in80  in95")
    for world in worlds:
        ratios, in80, in95 = table(summary(world, seeds))
        print(f"{world:11s}" + "".join(f"{ratios[n][0]:6.2f}" for n in TO_GO) + f"   {in80:.3f} {in95:.3f}", flush=True)


@pytest.mark.parametrize("world", WORLDS)
def test_rates_against_plain_forecasts(world: str) -> None:
    # One unit is one series: its marks mean something only over many tables.
    ratios, in80, in95 = table(summary(world, range(40 if world == "alone" else 4)))
    print(world, {n: round(r, 2) for n, (r, _) in ratios.items()}, round(in80, 3), round(in95, 3))
    assert max(r for r, _ in ratios.values()) < 1.0
    # No history foretells the one shock of its kind that falls into a test year of "shock".
    assert 0.74 < in80 < 0.88 and (0.86 if world == "shock" else 0.9) < in95 < 0.985


if __name__ == "__main__":
    show(sys.argv[1:] or list(WORLDS), range(3))
