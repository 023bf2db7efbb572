"""Forecasts from inputs that are ready, and their parts: drawing, scoring, summing up and ranking thousands of years."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from datetime import date
from functools import partial

import numpy as np
import pytest

from scoring.inputs import Arrays, DeclarationArrays, MeasureArrays
from tests.benchmarks import kit
from tests.benchmarks.bench_rescoring import best
from tests.scoring.frames import law

pytestmark = [pytest.mark.bench, pytest.mark.timeout(600)]


def drawn(draws: int, communes: int, seed: int = 1) -> Arrays:
    """Every input of the commune set drawn: (D, C), with NaN here and there; whether it applies and is present: (1, C)."""
    rng, shape = np.random.default_rng(seed), (draws, communes)
    nothing, zero = np.full((1, communes), np.nan), np.zeros((1, communes))
    measures, declarations = {}, {}
    for c in law().criteria:
        if c.measure:
            counted = c.out_of is not None or (c.measure_info is not None and c.measure_info.unit == "count")
            d = rng.integers(0, 900, shape).astype(float)
            n = rng.integers(0, 13, shape).astype(float) if counted else np.floor(d * rng.random(shape))
            measures[c.measure] = MeasureArrays(n, nothing if counted else d, zero, zero == 0)
        else:
            top = {"share": None, "yes_no": 2}.get(str(c.declared), 4)
            value = rng.random(shape) if top is None else rng.integers(0, top, shape).astype(float)
            value[rng.random(shape) < 0.02] = np.nan
            declarations[c.code] = DeclarationArrays(value, nothing, (zero + 1).astype(np.int8))
    return measures, declarations


def row(given: Arrays, k: int) -> Arrays:
    """One draw as `score_arrays` takes it."""

    def one(array: np.ndarray) -> np.ndarray:
        return array[k if len(array) > 1 else 0]

    return (
        {
            name: MeasureArrays(one(m.numerator), one(m.denominator), one(m.unknown), one(m.present))
            for name, m in given[0].items()
        },
        {code: DeclarationArrays(one(d.value), one(d.points), one(d.state)) for code, d in given[1].items()},
    )


def test_scores_of_draws() -> None:
    from scoring.core import criterion_award
    from scoring.draws import score_draws
    from scoring.engine import score_arrays

    rules, names = law(), [f"u{k}" for k in range(13)]
    many = drawn(10_000, 13)
    values = np.random.default_rng(2).random((10_000, 13))
    floor = best(lambda: [criterion_award(c, values) for c in rules.criteria])
    ours = best(lambda: score_draws(many, rules))
    few = drawn(1000, 13)
    thousand = best(lambda: score_draws(few, rules))
    once = [row(few, k) for k in range(50)]
    singly = best(lambda: [score_arrays(g, rules, names, explain=False, lines=False) for g in once], 3) * 20
    block = drawn(10_000, 22)
    province = best(lambda: score_draws(block, rules), 3) * 6
    kit.say(
        f"scores of drawn years, {len(rules.criteria)} criteria, every input drawn",
        [
            ("10,000 draws × 13 communes (limit 0.4 s)", f"{ours:.3f} s"),
            ("floor: the rules alone on ready arrays of that shape", f"{floor:.3f} s"),
            ("ratio to the floor (limit 5)", f"{ours / floor:.1f}"),
            ("1,000 draws × 13 communes (limit 0.05 s)", f"{thousand:.3f} s"),
            ("the same 1,000 draws one by one through the published score, without frames of criteria", f"{singly:.2f} s"),
            ("times as fast as one by one (at least 50)", f"{singly / thousand:.0f}"),
            ("10,000 draws × 132 communes, in 6 blocks of 22 (limit 3 s)", f"{province:.2f} s"),
        ],
    )
    assert ours <= 0.4 and thousand <= 0.05 and province <= 3.0
    assert ours <= 5 * floor and singly >= 50 * thousand


def test_what_draws_say() -> None:
    from scoring.draws import rank_draws, score_draws
    from scoring.forecast.summary import criteria_lines, quantiles, rank_matrix
    from scoring.forecast.widen import widen

    rules, names = law(), [f"u{k}" for k in range(13)]
    scored = score_draws(drawn(10_000, 13), rules)
    ours = best(lambda: (quantiles(scored.total), criteria_lines(scored, rules, names)))
    floor = best(lambda: [np.quantile(units, (0.1, 0.5, 0.9), axis=0) for units in scored.units.values()])
    wide = best(lambda: widen(scored.total, 1.2, rules))
    totals = np.random.default_rng(3).integers(7000, 9500, (10_000, 132))
    ranks = best(lambda: rank_matrix(rank_draws(totals, rules)), 3)
    bare = best(lambda: np.argsort(np.argsort(-totals, axis=1), axis=1), 3)
    kit.say(
        "what 10,000 draws say",
        [
            ("13 communes: quantiles, mean, share of the variance of every criterion", f"{ours:.3f} s"),
            ("floor: numpy's three quantiles of every criterion", f"{floor:.3f} s"),
            ("ratio to the floor (limit 2)", f"{ours / floor:.2f}"),
            ("13 communes: widened", f"{wide:.3f} s"),
            ("132 communes: ranks with ties, matrix of places", f"{ranks:.3f} s"),
            ("floor: two argsorts", f"{bare:.3f} s"),
            ("ratio to the floor (limit 6)", f"{ranks / bare:.1f}"),
        ],
    )
    assert ours <= 2 * floor and ranks <= 6 * bare


#: What a forecast of a province needs on top of the imports and its inputs, in MiB. Run alone: a peak is never given back.
PEAK = """
from datetime import date
from pathlib import Path
from scoring.forecast.model import forecast
from tests.scoring.forecast.districts import district, law

def peak():  # of this program alone, unlike `ru_maxrss`, which begins at that of whoever started it
    found = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(found["VmHWM"].split()[0]) / 1024

rules, inputs = law(), district(date(2023, 9, 30), 132)
forecast(district(date(2023, 9, 30), 2), rules, draws=100)
before = peak()
forecast(inputs, rules, draws=10_000)
print(peak() - before)
"""


def test_forecasts() -> None:
    from scoring.draws import score_draws
    from scoring.forecast import streams
    from scoring.forecast.fitted import fit
    from scoring.forecast.model import draw_block, forecast
    from tests.scoring.forecast.districts import district

    rules, inputs = law(), {units: district(date(2023, 9, 30), units) for units in (13, 132)}
    small, usual = (best(partial(forecast, inputs[13], rules, draws=draws)) for draws in (1000, 10_000))
    province = best(partial(forecast, inputs[132], rules, draws=10_000), 2)
    asked: list[tuple[int, int]] = []
    with pytest.MonkeyPatch.context() as patch:
        real = streams.normals

        def noted(seed: int, units: Sequence[str], name: str, draws: int) -> streams.Floats:
            asked.append((len(units), draws))
            return real(seed, units, name, draws)

        for module in ("increments", "volumes", "items", "items_latent", "items_tasks"):
            patch.setattr(f"scoring.forecast.{module}.normals", noted)
        block = draw_block(fit(inputs[13], rules), inputs[13].units, 10_000, 1)
    rng = np.random.default_rng(1)
    luck = best(lambda: [rng.standard_normal(shape) for shape in asked])
    scoring = best(lambda: score_draws((block.measures, block.declarations), rules))
    growth = (province / 132) / (usual / 13)
    script = subprocess.run([sys.executable, "-c", PEAK], cwd=kit.ROOT, capture_output=True, text=True, check=True)
    memory = float(script.stdout)
    kit.say(
        "forecasts from inputs that are ready: estimating, drawing, scoring, summing up",
        [
            ("1,000 draws × 13 communes (limit 0.2 s)", f"{small:.3f} s"),
            ("10,000 draws × 13 communes (limit 1 s)", f"{usual:.3f} s"),
            (f"floor: numpy's own {sum(u * d for u, d in asked) / 1e6:.1f} million normals, and the rules on these draws",
             f"{luck:.3f} + {scoring:.3f} s"),
            ("ratio to the floor (limit 4)", f"{usual / (luck + scoring):.1f}"),
            ("10,000 draws × 132 communes (limit 6 s)", f"{province:.2f} s"),
            ("a commune of 132 against one of 13 (limit 1.3)", f"{growth:.2f}"),
            ("memory that 132 communes need on top (limit 400 MiB)", f"{memory:.0f} MiB"),
        ],
    )  # fmt: skip
    assert small <= 0.2 and usual <= 1.0 and province <= 6.0
    assert usual <= 4 * (luck + scoring) and growth <= 1.3 and memory <= 400
