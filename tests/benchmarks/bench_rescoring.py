"""Scoring, what-if, explanation, robustness and lint, in process, on inputs that are ready. Limits are those of the issue.

A floor is the least that any implementation must do; the ratio to it is from the same run, so a slow machine does not
hide (or invent) a slow program.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.benchmarks import kit
from tests.scoring.frames import everything, law

pytestmark = [pytest.mark.bench, pytest.mark.timeout(600)]
PROVINCE, DISTRICT = [f"u{k}" for k in range(132)], [f"u{k}" for k in range(13)]
YEARS = [date(year, 12, 31) for year in range(2019, 2024)]


def best(run: Callable[[], Any], times: int = 5) -> float:
    """Seconds of the best of some runs."""
    seconds = []
    for _ in range(times):
        with kit.timed() as clock:
            run()
        seconds.append(clock.seconds)
    return min(seconds)


def _nation() -> tuple[pd.DataFrame, pd.DataFrame, Any, list[str]]:
    """3,321 communes and sixty criteria: those of the commune set, over and over, each with inputs of its own."""
    base, rng, names = law().criteria, np.random.default_rng(1), [f"u{k}" for k in range(3321)]
    listed, measured, declared = [], [], []
    for k in range(60):
        c = base[k % len(base)]
        c = replace(c, code=f"{c.code}.{k}", measure=c.measure and f"{c.measure}_{k}")
        listed.append(c)
        if c.measure:
            count = c.measure_info is not None and c.measure_info.unit == "count"
            d = rng.integers(1, 900, len(names)).astype(float)
            n = rng.integers(0, 13, len(names)).astype(float) if count else np.floor(d * rng.random(len(names)))
            part = {"commune": names, "measure": c.measure, "numerator": n, "denominator": np.nan if count else d, "unknown": 0}
            measured.append(pd.DataFrame(part))
        else:
            top = {"share": None, "yes_no": 2}.get(str(c.declared), 4)
            value = rng.random(len(names)).round(3) if top is None else rng.integers(0, top, len(names)).astype(float)
            part = {"commune": names, "criterion_code": c.code, "value": value, "points": np.nan, "state": "evidenced"}
            declared.append(pd.DataFrame(part | {"evidence": None}))
    rules = replace(law(), criteria=tuple(listed))
    return pd.concat(measured, ignore_index=True), pd.concat(declared, ignore_index=True), rules, names


def test_the_nation() -> None:
    from scoring.core import criterion_award
    from scoring.engine import score

    m, d, rules, names = _nation()
    values = np.random.default_rng(2).random((60, len(names)))
    floor = best(lambda: [criterion_award(c, v) for c, v in zip(rules.criteria, values)])
    plain = best(lambda: score(m, d, rules, names, explain=False))
    full = best(lambda: score(m, d, rules, names))
    kit.say(
        "3,321 communes × 60 criteria, from measures and declarations in memory (best of 5)",
        [
            ("points, statuses, totals, grades, ranks (limit 1 s)", f"{plain:.2f} s"),
            ("the same with the reasons of every point lost (limit 1 s)", f"{full:.2f} s"),
            ("floor: the sixty rules alone on ready arrays", f"{floor:.3f} s"),
            ("ratio to the floor, without reasons", f"{plain / floor:.0f}"),
        ],
    )
    assert plain <= 1.0 and full <= 1.0


def test_ranks_of_a_thousand_draws() -> None:
    from criteria.robustness import load_ranges
    from scoring import flips, peers, robust
    from scoring.composite import without_each

    m, d = everything(PROVINCE)
    ranges = load_ranges()
    model = robust.model({f"definition{k}": m for k in range(4)}, d, law(), PROVINCE, ranges.band)
    draws = robust.draw(ranges, model, 1000)
    weights, filled = draws.weights, model.now.filled

    def bare() -> Any:
        return np.argsort(np.argsort(-(weights @ filled.T), axis=1), axis=1)

    floor = best(bare)
    moved = robust.only(model, draws, weights=True)
    ours = best(lambda: robust.stability(model, robust.simulate(model, moved), ranges.interval))
    whole = best(lambda: robust.stability(model, robust.simulate(model, draws), ranges.interval), 3)
    sobol = best(lambda: robust.sobol(model, ranges), 2)
    rest = best(lambda: (without_each(model.now), flips.flips(model.now), peers.strengths(model.now)), 2)
    kit.say(
        "robustness of the ranking of 132 communes, 1,000 draws",
        [
            ("ranks under drawn weights, intervals, probabilities (limit 1 s)", f"{ours:.3f} s"),
            ("floor: the product of two matrices and two argsorts", f"{floor:.3f} s"),
            ("ratio to the floor (limit 40)", f"{ours / floor:.1f}"),
            ("weights, thresholds (rules applied anew) and 4 definitions together (limit 1 s)", f"{whole:.3f} s"),
            (f"Sobol indices of 3 sources on 133 outcomes, {ranges.sobol_points} × 5 runs of the model", f"{sobol:.2f} s"),
            ("each criterion dropped, 131 pairs that flip, strengths of all", f"{rest:.2f} s"),
        ],
    )
    assert ours <= 1.0 and whole <= 1.0 and ours <= 40 * floor


def test_lint_of_all_sets() -> None:
    from criteria.lint import lint
    from criteria.loader import ROOT, list_sets, read_yaml

    files = sorted(ROOT.rglob("*.yaml"))
    files = [f for f in files if "template" not in f.parts]
    floor = best(lambda: [read_yaml(f) for f in files], 3)
    with kit.timed() as first:
        assert lint() == []
    seconds = best(lint, 3)
    kit.say(
        f"lint of all {len(list_sets())} criteria sets, registers and notices",
        [
            ("lint, first time in a process (limit 1 s)", f"{first.seconds:.2f} s"),
            ("lint, again", f"{seconds:.2f} s"),
            (f"floor: parsing their {len(files)} YAML files once, without line numbers", f"{floor:.2f} s"),
            ("ratio of the first time to the floor", f"{first.seconds / floor:.1f}"),
        ],
    )
    assert first.seconds <= 1.0


def _what_if(communes: list[str], days: list[date]) -> Any:
    from criteria import set_content
    from scoring.whatif import Inputs, WhatIf

    periods = [Inputs(day, *everything(communes, seed), tuple(communes)) for seed, day in enumerate(days)]
    return WhatIf(set_content(), periods)


def _changes(count: int) -> list[dict[str, Any]]:
    """What an analyst tries: a weight, a target, a parameter, each with another figure."""
    from scoring.changes import EVERYONE

    rng = random.Random(1)
    made: list[dict[str, Any]] = []
    for _ in range(count):
        made.append(
            rng.choice(
                [
                    {"weight:III.3": {"points": rng.randint(600, 1000) / 100, "keep": EVERYONE}},
                    {"target:online_min": rng.randint(20, 60) / 100},
                    {"rule:III.3.zero_at": rng.randint(3, 9) / 100},
                ]
            )
        )
    return made


@pytest.mark.parametrize(("communes", "days", "limit"), [(DISTRICT, YEARS, 0.15), (PROVINCE, YEARS[-1:], 1.0)])
def test_what_if(communes: list[str], days: list[date], limit: float) -> None:
    from scoring.engine import score
    from scoring.whatif import movement

    asked = _what_if(communes, days)
    base = asked.scores({})
    seconds = []
    for changes in _changes(40):
        with kit.timed() as clock:
            after = asked.scores(changes)
            for one, other in zip(base, after):
                movement(one.totals, other.totals)
        seconds.append(clock.seconds)
    rules = asked.rules({}, days)
    pairs = list(zip(asked.inputs, rules))
    floor = best(lambda: [score(i.measures, i.declarations, r, i.communes, explain=False) for i, r in pairs])
    p95 = float(np.quantile(seconds, 0.95))
    kit.say(
        f"what-if: {len(communes)} communes × {len(days)} years, one change, with Δ points, Δ ranks and pairs that flip",
        [
            (f"95th percentile of 40 (limit {limit} s)", f"{p95:.3f} s"),
            ("median", f"{float(np.median(seconds)):.3f} s"),
            ("floor: the engine alone under unchanged rules", f"{floor:.3f} s"),
            ("ratio of the median to the floor", f"{float(np.median(seconds)) / floor:.1f}"),
        ],
    )
    assert p95 <= limit


def test_explanation_of_one_commune() -> None:
    from messages.trace import index_sentences, sentences
    from scoring.engine import score
    from scoring.trace import trace

    m, d = everything(PROVINCE)
    scores = score(m, d, law(), PROVINCE)

    def explain() -> int:
        tree = trace(scores, law(), PROVINCE[5], "qd766@1")
        leaves = [leaf for section in tree["children"] for leaf in section["children"]]
        return len(index_sentences(tree)) + sum(len(sentences(leaf)) for leaf in leaves)

    assert explain() > 40
    seconds, floor = best(explain), best(lambda: score(m, d, law(), PROVINCE[5:6]))
    kit.say(
        "explanation of one commune among 132 as a tree and as sentences, scores in memory",
        [
            ("tree and all sentences (limit 0.1 s)", f"{seconds:.3f} s"),
            ("floor: scoring that one commune with its reasons", f"{floor:.3f} s"),
            ("ratio to the floor", f"{seconds / floor:.1f}"),
        ],
    )
    assert seconds <= 0.1
