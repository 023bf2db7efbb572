"""How firm is a ranking? Ranks under uncertain weights, thresholds and definitions, and which of them matters most.

Weights vary around the legal ones with their sum kept. Thresholds move within a band and the points are awarded anew by
the very rules (scoring.rules.award). A definition is one of several sets of measures. Points that a step or a level is
worth, "all" (100 %) and "none" (0) do not move: they are the law's choice, not a figure that could as well be another.
Units: ranks 1..C (0: not ranked), weights in points, shifts in places.
Source: uncertainty and sensitivity analysis as in OECD/JRC, Handbook on Constructing Composite Indicators (2008), step 7.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from criteria.model import ResolvedCriterion, ResolvedSet
from criteria.robustness import Ranges
from scoring import core
from scoring.composite import Composite, Floats, Ints, composite, rank_in, ranking_units, ranks
from scoring.engine import score
from scoring.inputs import declaration_arrays, measure_arrays
from scoring.rounding import to_units
from scoring.rules import award

#: Parameters of each family that are thresholds or rates. Steps and compound levels are walked through by `_moved`.
_THRESHOLDS: Final[Mapping[str, tuple[str, ...]]] = {
    "yes_no": ("at_least",),
    "capped_ratio": ("target",),
    "survey_index": ("target",),
    "falling_linear": ("full_below", "zero_at"),
    "plan_completion": ("full_at", "ratio_from"),
}
_RATES: Final[Mapping[str, tuple[str, ...]]] = {
    "per_item": ("per_item",),
    "penalty_per_event": ("per_event",),
    "penalty_per_percent": ("per_percent",),
}
_STEPS: Final[Mapping[str, str]] = {"steps": "from", "steps_down": "upto"}
_RARE: Final = 0.02  # an outcome that changes in fewer of the draws is explained by noise


@dataclass(frozen=True)
class Factor:
    """One uncertain threshold: the criteria it moves (columns of the composite) and the range of its multiplier."""

    name: str
    low: float
    high: float
    columns: tuple[int, ...]


@dataclass(frozen=True)
class Variant:
    """The scores under one definition, with the values (C,) of the criteria whose thresholds can move, by column."""

    name: str
    composite: Composite
    values: Mapping[int, Any]


@dataclass(frozen=True)
class Model:
    """What is asked: the rules, one variant per definition (the first is the one in force), the uncertain thresholds."""

    rules: ResolvedSet
    criteria: tuple[ResolvedCriterion, ...]
    variants: tuple[Variant, ...]
    factors: tuple[Factor, ...]

    @property
    def now(self) -> Composite:
        return self.variants[0].composite


@dataclass(frozen=True)
class Draws:
    """D draws: raw weights (D, K), whose sum is restored in use, multipliers (D, F), positions of definitions (D,)."""

    weights: Floats
    multipliers: Floats
    definition: Ints


@dataclass(frozen=True)
class RankStability:
    """Per subject: rank now, interval, probability (C, C) of rank 1, 2, …, of keeping its rank, mean shift in places."""

    names: tuple[str, ...]
    now: Ints
    low: Ints
    high: Ints
    probability: Floats
    keep: Floats
    shift: Floats

    @property
    def mean_shift(self) -> float:
        """Mean absolute rank shift over all ranked subjects; 0 when nobody is ranked."""
        ranked = self.now != core.NO_RANK
        return float(self.shift[ranked].mean()) if ranked.any() else 0.0


def model(
    measures: Mapping[str, pd.DataFrame],
    declarations: pd.DataFrame,
    rules: ResolvedSet,
    names: Sequence[str],
    band: float,
) -> Model:
    """One frame of measures per definition, the definition in force first. band: relative movement of thresholds."""
    variants = []
    columns: dict[str, int] = {}
    for name, frame in measures.items():
        scores = score(frame, declarations, rules, names, explain=False)
        whole = composite(scores, rules)
        columns = {code: k for k, code in enumerate(whole.codes)}
        values: dict[int, Any] = {}
        for c in rules.criteria:
            if c.code not in columns:
                continue
            rows = scores.criteria["code"].to_numpy() == c.code
            judged = scores.criteria["branch"].to_numpy()[rows] != "none"
            value = scores.criteria["value"].to_numpy(dtype=np.float64)[rows]
            if c.inputs:
                inputs = _inputs(c, frame, declarations, whole.names)
                values[columns[c.code]] = {name: np.where(judged, v, np.nan) for name, v in inputs.items()}
            else:
                values[columns[c.code]] = np.where(judged, value, np.nan)
        variants.append(Variant(name, whole, values))
    listed = tuple(c for c in rules.criteria if c.code in columns)
    return Model(rules, listed, tuple(variants), _factors(listed, rules, band))


def _inputs(c: ResolvedCriterion, frame: pd.DataFrame, declarations: pd.DataFrame, names: Sequence[str]) -> dict[str, Floats]:
    """The inputs of a compound criterion as the engine takes them: rates where there is a denominator, the declared value."""
    arrays = measure_arrays(frame, list(c.inputs.values()), names)
    found = {}
    for name, measure in c.inputs.items():
        data = arrays[measure]
        with np.errstate(divide="ignore", invalid="ignore"):
            found[name] = np.where(np.isnan(data.denominator), data.numerator, data.numerator / data.denominator)
    if c.declared:
        found["declared"] = declaration_arrays(declarations, [c.code], names)[c.code].value
    return found


def _factors(listed: Sequence[ResolvedCriterion], rules: ResolvedSet, band: float) -> tuple[Factor, ...]:
    """A target is one factor, however many criteria use it; any other criterion with a threshold is one by itself."""
    columns: dict[str, list[int]] = {}
    ends: dict[str, tuple[float, float]] = {}
    for k, c in enumerate(listed):
        target = next(iter(c.targets.values()), None)
        name = target.name if target else c.code
        ends[name] = (1 - band, 1 + band)
        if target is not None and target.range is not None and target.value > 0:
            ends[name] = (target.range[0] / target.value, target.range[1] / target.value)
        if _moved(c, rules, np.array(ends[name])[:, None]) is not None:
            columns.setdefault(name, []).append(k)
    return tuple(Factor(name, *ends[name], tuple(where)) for name, where in columns.items())


def _moved(c: ResolvedCriterion, rules: ResolvedSet, by: Floats) -> dict[str, Any] | None:
    """The rule's parameters with its thresholds multiplied by `by` (D, 1); None when none of them moves: a count stays whole."""
    assert c.rule is not None
    family, params, moved = c.rule.family, dict(c.rule.params), False

    def move(value: float, share: bool) -> Any:
        nonlocal moved
        if value <= 0 or (share and value >= 1):
            return value
        there = np.minimum(value * by, 1.0) if share else np.rint(value * by)
        moved = moved or bool(np.any(there != value))
        return there

    share = c.declared == "share" or c.out_of is not None or (c.measure_info is not None and c.measure_info.unit == "share")
    if c.declared not in ("yes_no", "level"):
        for name in _THRESHOLDS.get(family, ()):
            if name in params:
                params[name] = move(float(params[name]), share)
        if family in _STEPS:
            key = _STEPS[family]
            params["steps"] = [{**s, key: move(float(s[key]), share)} for s in params["steps"]]
    if family == "compound_steps":
        rate = {name: rules.measures[measure].unit == "share" for name, measure in c.inputs.items()}
        rate |= {"declared": c.declared == "share"}
        firm = {"declared"} if c.declared in ("yes_no", "level") else set()
        params["levels"] = [
            {
                **level,
                "all": [
                    k if k["input"] in firm else {**k, "value": move(float(k["value"]), rate[k["input"]])} for k in level["all"]
                ],
            }
            for level in params["levels"]
        ]
    for name in _RATES.get(family, ()):
        if name in params:
            params[name], moved = params[name] * by, moved or bool(np.any(by != 1.0))
    return params if moved else None


def draw(ranges: Ranges, m: Model, count: int, stream: int = 0) -> Draws:
    """`count` draws from the ranges. Every kind has its own random stream: leaving one out does not change the others."""
    streams = [np.random.default_rng(s) for s in np.random.SeedSequence([ranges.seed, stream]).spawn(3)]
    w = m.now.weights
    if ranges.method == "dirichlet":
        # Independent gammas over their sum are a Dirichlet; unnormalised, any part of them can be exchanged alone.
        raw = streams[0].standard_gamma(ranges.concentration * w / w.sum(), size=(count, len(w)))
    else:
        raw = w * streams[0].uniform(1 - ranges.spread, 1 + ranges.spread, size=(count, len(w)))
    low, high = np.array([f.low for f in m.factors]), np.array([f.high for f in m.factors])
    return Draws(
        weights=raw,
        multipliers=streams[1].uniform(low, high, size=(count, len(m.factors))),
        definition=streams[2].integers(0, len(m.variants), size=count),
    )


def only(m: Model, draws: Draws, *, weights: bool = False, thresholds: bool = False, definition: bool = False) -> Draws:
    """The draws with everything but the kinds named as it is in force."""
    count = len(draws.definition)
    return Draws(
        weights=draws.weights if weights else np.broadcast_to(m.now.weights, draws.weights.shape),
        multipliers=draws.multipliers if thresholds else np.ones_like(draws.multipliers),
        definition=draws.definition if definition else np.zeros(count, dtype=np.int64),
    )


def simulate(m: Model, draws: Draws) -> Ints:
    """(D, C): the rank of every subject in every draw."""
    now = m.now
    sums = draws.weights.sum(axis=1, keepdims=True)
    weights = draws.weights / np.where(sums > 0, sums, 1.0) * now.weights.sum()
    out = np.zeros((len(weights), len(now.names)), dtype=np.int64)
    for position, variant in enumerate(m.variants):
        rows = np.flatnonzero(draws.definition == position)
        if not len(rows):
            continue
        c, w, by = variant.composite, weights[rows], draws.multipliers[rows]
        total = w @ c.filled.T + c.bonus
        for number, factor in enumerate(m.factors):
            if np.all(by[:, number] == 1.0):
                continue
            for k in factor.columns:
                total += w[:, [k]] * _gain(m, variant, k, by[:, [number]])
        units = ranking_units(total, w @ c.scored.T.astype(np.float64), c.basis, c.decimals)
        out[rows] = rank_in(c, units)
    return out


def _gain(m: Model, variant: Variant, k: int, by: Floats) -> Floats:
    """(D, C): how much the share of a criterion changes when its thresholds are multiplied by `by` (D, 1)."""
    criterion, c = m.criteria[k], variant.composite
    params = _moved(criterion, m.rules, by)
    shape = (len(by), len(c.names))
    if params is None or criterion.rule is None:
        return np.zeros(shape)
    value = variant.values[k]
    if isinstance(value, Mapping):
        value = {name: np.broadcast_to(v, shape) for name, v in value.items()}
    else:
        value = np.broadcast_to(value, shape)
    top = float(c.weights[k])
    points = award(criterion.rule.family, value, top, params).points
    known = ~np.isnan(points) & c.scored[:, k]
    units = to_units(np.where(known, points, 0.0), c.decimals) / 10**c.decimals
    return np.where(known, units / top - c.filled[:, k], 0.0)


def stability(m: Model, drawn: Ints, interval: tuple[float, float]) -> RankStability:
    """What the ranks of many draws (D, C) say about the ranking in force."""
    now = ranks(m.now)
    count, subjects = drawn.shape
    cell = np.arange(subjects) * (subjects + 1) + drawn
    probability = np.bincount(cell.ravel(), minlength=subjects * (subjects + 1)).reshape(subjects, subjects + 1)[:, 1:] / count
    low, high = (
        np.quantile(drawn, q, axis=0, method="inverted_cdf").astype(np.int64) for q in interval
    )  # whole ranks that did occur
    return RankStability(
        names=m.now.names,
        now=now,
        low=low,
        high=high,
        probability=probability,
        keep=(drawn == now).mean(axis=0),
        shift=np.abs(drawn - now).mean(axis=0),
    )


def by_definition(m: Model) -> dict[str, Ints]:
    """The ranks under each definition, all else as in force."""
    return {v.name: ranks(v.composite) for v in m.variants}


#: A source of uncertainty: from the draws A and B those in which only this source is taken from B.
Exchange = Callable[[Draws, Draws], Draws]


def sources(m: Model, by_section: bool = False) -> dict[str, Exchange]:
    """weights (one, or one per section: `weights:III`), thresholds, definition: those that can vary in this model."""
    found: dict[str, Exchange] = {}
    sections = list(dict.fromkeys(m.now.sections)) if by_section else [None]
    for section in sections:
        mine = np.array([section is None or s == section for s in m.now.sections])

        def weights(a: Draws, b: Draws, mine: NDArray[np.bool_] = mine) -> Draws:
            return Draws(np.where(mine, b.weights, a.weights), a.multipliers, a.definition)

        found["weights" if section is None else f"weights:{section}"] = weights
    if m.factors:
        found["thresholds"] = lambda a, b: Draws(a.weights, b.multipliers, a.definition)
    if len(m.variants) > 1:
        found["definition"] = lambda a, b: Draws(a.weights, a.multipliers, b.definition)
    return found


def sobol(m: Model, ranges: Ranges, by_section: bool = False) -> pd.DataFrame:
    """First-order and total Sobol indices of the sources on the mean rank shift and on each subject's rank.

    Grain: outcome × source; outcome "" is the mean shift, else a subject's name. Columns: outcome, source, first, total,
    variance. An outcome that hardly ever changes (in less than 2 % of the draws) has no indices (NaN): a handful of draws
    would decide them. Sampling noise can make an index slightly negative or the
    sum of first-order ones exceed 1. Source: Saltelli et al. 2010, as in scipy.stats.sobol_indices.
    """
    from scipy.stats import sobol_indices  # type: ignore[import-untyped]

    a, b = (draw(ranges, m, ranges.sobol_points, stream) for stream in (1, 2))
    exchanges = sources(m, by_section)
    now = ranks(m.now)

    def outcomes(draws: Draws) -> Floats:
        drawn = simulate(m, draws).astype(np.float64)
        return np.vstack([np.abs(drawn - now).mean(axis=1), drawn.T])

    f_a, f_b = outcomes(a), outcomes(b)
    f_ab = np.stack([outcomes(exchange(a, b)) for exchange in exchanges.values()])
    both = np.concatenate([f_a, f_b], axis=1)
    variance = both.var(axis=1)
    live = (both != np.median(both, axis=1, keepdims=True)).mean(axis=1) >= _RARE
    first, total = np.full((2, len(variance), len(exchanges)), np.nan)
    if live.any():
        found = sobol_indices(func={"f_A": f_a[live], "f_B": f_b[live], "f_AB": f_ab[:, live]}, n=ranges.sobol_points)
        shape = (int(live.sum()), len(exchanges))
        first[live], total[live] = np.reshape(found.first_order, shape), np.reshape(found.total_order, shape)
    names = ["", *m.now.names]
    return pd.DataFrame(
        {
            "outcome": np.repeat(np.array(names, dtype=object), len(exchanges)),
            "source": np.tile(np.array(list(exchanges), dtype=object), len(names)),
            "first": first.ravel(),
            "total": total.ravel(),
            "variance": np.repeat(variance, len(exchanges)),
        }
    )
