"""Blocks of draws by hand: a random year so far and a random end that only grows from it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np

from criteria import ResolvedSet, load_set
from scoring.draws import score_draws
from scoring.forecast.inputs import Floats
from scoring.forecast.model import Block
from scoring.inputs import DeclarationArrays, MeasureArrays

DAY = date(2023, 12, 31)


def rules_of(name: str = "commune_reconstructed") -> ResolvedSet:
    return load_set(name).at(DAY)


def only(rules: ResolvedSet, *codes: str) -> ResolvedSet:
    """The set with some of its criteria."""
    return replace(rules, criteria=tuple(c for c in rules.criteria if c.code in codes))


def block_of(
    rules: ResolvedSet,
    measures: dict[str, tuple[MeasureArrays, MeasureArrays]],
    declarations: dict[str, DeclarationArrays] | None = None,
) -> Block:
    """measures: today's and the year's end by name. What comes is what the denominator grows by."""
    end, now = ({name: pair[k] for name, pair in measures.items()} for k in (1, 0))
    scored = score_draws((end, declarations or {}), rules)
    come = {
        name: np.nan_to_num(end[name].denominator - now[name].denominator)
        for name in end
        if not np.isnan(end[name].denominator).all()
    }
    units = tuple(f"U{k}" for k in range(scored.total.shape[1]))
    return Block(units, end, declarations or {}, come, now, scored)


def measure(numerator: object, denominator: object = np.nan) -> MeasureArrays:
    n, d = np.broadcast_arrays(np.atleast_2d(np.asarray(numerator, float)), np.atleast_2d(np.asarray(denominator, float)))
    return MeasureArrays(n.copy(), d.copy(), np.zeros(n.shape), ~np.isnan(n))


def random_block(rules: ResolvedSet, seed: int = 0, communes: int = 3, draws: int = 200, skill: float = 0.6) -> Block:
    """Every input of the set; some communes lack one, some declarations are missing."""
    rng = np.random.default_rng(seed)
    shape = (draws, communes)
    measures, declarations = {}, {}
    for c in rules.criteria:
        for name in [c.measure] if c.measure else c.inputs.values():
            info = rules.measures[str(name)]
            bad = info.recover in ("budget", "none")
            rate = rng.uniform(0.0, 0.05, communes) if bad else np.clip(rng.normal(skill, 0.25, communes), 0.02, 0.99)
            d0 = rng.integers(50, 900, communes)
            n0 = rng.binomial(d0, rate) if info.unit == "share" else rng.poisson(1.0, communes)
            more = rng.poisson(rng.integers(1, 200), shape)
            won = rng.binomial(more, rate) if info.unit == "share" else rng.poisson(0.6, shape)
            gone = np.where(rng.random(communes) < 0.05, np.nan, 0.0)
            whole = d0 if info.unit == "share" else np.full(communes, np.nan)
            measures[str(name)] = (measure(n0 + gone, whole), measure(n0 + won + gone, whole + more))
        if c.declared:
            top = {"yes_no": 2, "count": 4, "days": 15, "level": max(1, len(c.levels))}.get(c.declared, 2)
            whole = rng.integers(0, top, shape).astype(float)
            value: Floats = np.clip(rng.normal(skill, 0.2, shape), 0, 1) if c.declared == "share" else whole
            state = np.where(rng.random(shape) < 0.2, -1, rng.integers(0, 3, communes))
            state = np.where(rng.random(communes) < 0.1, 3, state).astype(np.int8)
            claims = rng.random(communes) < 0.2
            value = np.where((state < 0) | claims, np.nan, value)
            points = np.where(claims & (state >= 0), rng.uniform(0, c.max_points or 1.0, shape), np.nan)
            declarations[c.code] = DeclarationArrays(value, points, state)
    return block_of(rules, measures, declarations)
