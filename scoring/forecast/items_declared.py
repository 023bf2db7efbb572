"""What will still be declared this year, and with what value. A criterion that is declared already is kept as it is.

Three questions, each answered by `items_latent` from earlier years: will it be declared by the horizon, given that it is not
by this calendar day; will it be said not to apply; with what value. A new declaration has the state `declared`.

Values of a criterion are those that units gave it before (shares also between them), moved by the unit's leaning. With a
weight of one outcome those of all criteria of the same kind count as well (of yes/no questions with more, the less these lie
apart; shares that are mostly whole are a kind of their own), and with half a one every possible value: a share 0…1 evenly,
yes as often as no, each level, each count or number of days up to where the rule gives nothing more (a bonus or a penalty:
one more is half as likely). With no history at all only this is left, and everything is declared: doubt is shown, not hidden.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from math import ceil
from typing import Any, Final

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri  # type: ignore[import-untyped]

from criteria.model import ResolvedCriterion, ResolvedSet
from scoring.forecast.inputs import Bools, Floats, Inputs
from scoring.forecast.items_latent import (
    CELL_SHARE,
    Leaning,
    Outcomes,
    binary_outcomes,
    cells,
    chance,
    latent_means,
    leaning,
    likeness,
    look_up,
)
from scoring.inputs import DECLARATION_COLUMNS, STATES, DeclarationArrays, declaration_arrays

_DECLARED: Final = np.int8(STATES.index("declared"))
_OUT: Final = np.int8(STATES.index("not_applicable"))
_NONE: Final = np.int8(-1)
KIND_WEIGHT, NEUTRAL_WEIGHT = 1.0, 0.5
REPEATED: Final = 0.2  # a share is coarse (mostly whole, say) when one value is this share of its outcomes
CLAIM_WEIGHT: Final = 2.0  # outcomes that the district's share of claims by points alone weighs as much as
_MOST_EVENTS: Final = 5.0  # a count whose rule names no limit


@dataclass(frozen=True)
class Distribution:
    """The values of one criterion over the district, from the worst to the best. below, upto: shares of the outcomes
    before each and up to each. solid: values that several outcomes share, and 0 and 1. fine: values in between are possible."""

    values: Floats
    below: Floats
    upto: Floats
    solid: Bools
    fine: bool


@dataclass(frozen=True)
class Table:
    """What a normal number means for one criterion: (N, K) value, points where a claim by points may come, state."""

    value: Floats
    points: Floats | None
    state: Any
    loading: Floats


@dataclass(frozen=True)
class Declared:
    """Everything the draws of one set's declared criteria need. today: over all units; tables: None where nothing can come."""

    units: tuple[str, ...]
    today: dict[str, DeclarationArrays]
    tables: dict[str, Table | None]

    def draw(self, chosen: Sequence[int], seed: int, shared: Floats, draws: int) -> dict[str, DeclarationArrays]:
        """The declarations at the year's end of some units: (D, C), or (1, C) where nothing can come any more.

        shared: (C, D) luck of these units. Units: as in `scoring.inputs`.
        """
        at = np.asarray(chosen, dtype=np.intp)
        return {code: self._draw(code, at, seed, shared, draws) for code in self.today}

    def _draw(self, code: str, at: Any, seed: int, shared: Floats, draws: int) -> DeclarationArrays:
        today, table = self.today[code], self.tables[code]
        value, points, state = today.value[None, at], today.points[None, at], today.state[None, at]
        open_ = np.flatnonzero(state[0] < 0)
        if table is None or not len(open_):
            return DeclarationArrays(value, points, state)
        rows = at[open_]
        units = [self.units[k] for k in rows]
        cell = cells(seed, units, f"declared {code}", table.loading[rows], shared[open_], draws)
        return DeclarationArrays(
            _put(value, open_, look_up(table.value[rows], cell)),
            points if table.points is None else _put(points, open_, look_up(table.points[rows], cell)),
            _put(state, open_, look_up(table.state[rows], cell)),
        )


def _put(today: Any, columns: Any, drawn: Any) -> Any:
    """(D, C): the columns that were drawn, the others as they are today."""
    if len(columns) == today.shape[1]:
        return drawn
    out = np.empty((today.shape[1], len(drawn)), dtype=today.dtype).T
    out[:] = today
    out[:, columns] = drawn
    return out


@dataclass(frozen=True)
class _Past:
    """Earlier years of N units (those asked for first), C criteria, Y years. day: when declared, NaT where not known."""

    present: Bools
    out: Bools
    value: Floats
    points: Floats
    day: Any
    asked: Bools  # (N, C, Y): the unit kept declarations that year and the criterion was in force


def fit_declared(inputs: Inputs, rules: ResolvedSet) -> Declared:
    """Learns from earlier years what is still to be declared. Raises ValueError for two rows of one unit and criterion."""
    criteria = [c for c in rules.criteria if c.declared]
    codes = [c.code for c in criteria]
    none = pd.DataFrame(columns=list(DECLARATION_COLUMNS))
    given = inputs.declarations if len(inputs.declarations) else none
    today = dict(declaration_arrays(given, codes, inputs.units))
    if inputs.over or not criteria:
        return Declared(inputs.units, today, {code: None for code in codes})
    count = len(inputs.units)
    past = _past(inputs, criteria)
    years = sorted({int(y) for y in inputs.past_declarations["year"]}) if len(inputs.past_declarations) else []
    comes = _comes(past, inputs, years)[:count]
    out = _not_applicable(past)[:count]
    only = _claimed(past)
    claims = _claims(past, only)[:count]
    kinds = [_kind(c, past, k) for k, c in enumerate(criteria)]
    spread = [_distribution(criteria, kinds, k, past) for k in range(len(criteria))]
    lean = leaning(_values(past, spread, kinds))
    tables: dict[str, Table | None] = {}
    for k, criterion in enumerate(criteria):
        # Where silence says that a criterion of the maximum does not apply, and nobody ever broke it, it goes on.
        silent = criterion.kind == "base" and criterion.no_data == "not_applicable" and not past.present[:, k].any()
        if criterion.rule is None or silent or not (today[criterion.code].state < 0).any():
            tables[criterion.code] = None
            continue
        of = Leaning(lean.mean[:count, k], lean.sd[:count, k], lean.loading[:count, k])
        tables[criterion.code] = _table(comes[:, k], out[:, k], claims[:, k], spread[k], of, past.points[:, k][only[:, k]])
    return Declared(inputs.units, today, tables)


def _past(inputs: Inputs, criteria: Sequence[ResolvedCriterion]) -> _Past:
    """The frame as arrays. A row without value, points and `not_applicable` says nothing and is no declaration."""
    frame = inputs.past_declarations
    others = sorted(set(frame["commune"]) - set(inputs.units)) if len(frame) else []
    years = np.unique(frame["year"].to_numpy(np.int64)) if len(frame) else np.zeros(0, dtype=np.int64)
    shape = (len(inputs.units) + len(others), len(criteria), len(years))
    present, out = np.zeros(shape, dtype=np.bool_), np.zeros(shape, dtype=np.bool_)
    value, points = np.full(shape, np.nan), np.full(shape, np.nan)
    day = np.full(shape, np.datetime64("NaT", "D"))
    if not frame.empty:
        u = pd.Index([*inputs.units, *others]).get_indexer(pd.Index(frame["commune"]))
        c = pd.Index([k.code for k in criteria]).get_indexer(pd.Index(frame["criterion_code"]))
        y = np.searchsorted(years, frame["year"].to_numpy(np.int64))
        keep = c >= 0
        at = (u[keep], c[keep], y[keep])
        value[at] = pd.to_numeric(frame["value"]).to_numpy(np.float64)[keep]
        points[at] = pd.to_numeric(frame["points"]).to_numpy(np.float64)[keep]
        out[at] = (frame["state"] == "not_applicable").to_numpy()[keep]
        day[at] = pd.to_datetime(frame["declared_on"]).to_numpy().astype("datetime64[D]")[keep]
        present[at] = out[at] | ~np.isnan(value[at]) | ~np.isnan(points[at])
    in_force = np.array([[c.starts.year <= y for y in years] for c in criteria], dtype=np.bool_).reshape(shape[1:])
    kept, known = np.asarray(present.any(axis=1)), np.asarray(present.any(axis=0))
    return _Past(present, out, value, points, day, kept[:, None, :] & (in_force | known))


def _same_day(day: date, years: Sequence[int]) -> Any:
    """The day of the year in other years; 29 February is 28."""
    last = 28 if (day.month, day.day) == (2, 29) else day.day
    return np.array([np.datetime64(date(y, day.month, last), "D") for y in years], dtype="datetime64[D]")


def _comes(past: _Past, inputs: Inputs, years: Sequence[int]) -> Floats:
    """(N, C) chance that what is not declared yet will be by the horizon; 1 without any history."""
    if not past.present.any():
        return np.ones(past.present.shape[:2])
    with np.errstate(invalid="ignore"):
        before = past.day <= _same_day(inputs.day, years)
        in_time = np.isnat(past.day) | (past.day <= _same_day(inputs.horizon, years))
    waited = past.asked & ~(past.present & before)
    seen, share = binary_outcomes((waited & past.present & in_time).astype(np.float64), waited.astype(np.float64))
    return chance(share, leaning(seen))


def _not_applicable(past: _Past) -> Floats:
    """(N, C) chance that a declaration says the criterion does not apply; 0 where nobody ever said so."""
    seen, share = binary_outcomes(past.out.astype(np.float64), past.present.astype(np.float64), prior=0.0)
    return chance(share, leaning(seen)) * np.asarray(past.out.any(axis=(0, 2)))


def _claims(past: _Past, only: Bools) -> Floats:
    """(N, C) chance that a declaration claims points without a value; 0 where nobody ever did."""
    given = past.present & ~past.out
    share = only.sum(axis=(0, 2)) / np.maximum(given.sum(axis=(0, 2)), 1)
    return np.asarray((only.sum(axis=2) + CLAIM_WEIGHT * share) / (given.sum(axis=2) + CLAIM_WEIGHT), dtype=np.float64)


def _claimed(past: _Past) -> Bools:
    return past.present & ~past.out & np.isnan(past.value)


def _neutral(criterion: ResolvedCriterion) -> tuple[Floats, Floats]:
    """Every value that is possible, and how likely each is when nothing is known. Shares of 1."""
    kind = str(criterion.declared)
    if kind == "share":
        values = (np.arange(20) + 0.5) / 20
    elif kind == "yes_no":
        values = np.array([0.0, 1.0])
    elif kind == "level":
        values = np.arange(max(1, len(criterion.levels)), dtype=np.float64)
    else:
        values = np.arange(_limit(criterion) + 1, dtype=np.float64)
    weights = 0.5 ** (np.arange(len(values)) + 1.0) if criterion.kind != "base" and kind != "share" else np.ones(len(values))
    return values, weights / weights.sum()


def _limit(criterion: ResolvedCriterion) -> float:
    """The count or number of days beyond which the rule gives or takes nothing more."""
    params = criterion.rule.params if criterion.rule else {}
    each = params.get("per_event")
    if each:
        return float(max(1, ceil((criterion.max_points or 0.0) / abs(float(each)))))
    steps = [float(step["upto"]) for step in params.get("steps", ()) if "upto" in step]
    return 2 * max(steps) if steps and max(steps) > 0 else _MOST_EVENTS


def _kind(criterion: ResolvedCriterion, past: _Past, position: int) -> tuple[str, bool, int, bool]:
    """What criteria must have in common for their values to be comparable. Shares that are mostly whole are a kind apart."""
    coarse = False
    if criterion.declared == "share":
        given = past.value[:, position][_valued(past)[:, position]]
        coarse = len(given) > 1 and float(np.unique(given, return_counts=True)[1].max()) > max(1.0, REPEATED * len(given))
    return str(criterion.declared), criterion.kind == "base", len(criterion.levels), coarse


def _distribution(criteria: Sequence[ResolvedCriterion], kinds: Sequence[object], position: int, past: _Past) -> Distribution:
    """A criterion's own values, those of its kind, and the neutral ones, from the worst to the best."""
    criterion = criteria[position]
    given = past.value[:, position][_valued(past)[:, position]]
    alike = [k for k, kind_of in enumerate(kinds) if k != position and kind_of == kinds[position]]
    kind = past.value[:, alike][_valued(past)[:, alike]]
    neutral, likely = _neutral(criterion)
    values = np.concatenate([given, kind, neutral])
    like = _kind_weight(past, [position, *alike]) if criterion.declared == "yes_no" else KIND_WEIGHT
    weights = np.concatenate([np.ones(len(given)), np.full(len(kind), like / max(1, len(kind))), NEUTRAL_WEIGHT * likely])
    best = 1.0 if criterion.direction == "higher" else -1.0
    order, where = np.unique(values * best, return_inverse=True)
    weight = np.bincount(where, weights)
    upto = np.cumsum(weight) / weight.sum()
    upto[-1] = 1.0
    distinct = order * best
    solid = (weight > 1.5) | (distinct == 0) | (distinct == 1)
    return Distribution(distinct, np.concatenate([[0.0], upto[:-1]]), upto, solid, criterion.declared == "share")


def _kind_weight(past: _Past, positions: Sequence[int]) -> float:
    """Outcomes that all yes/no questions weigh as much as against one of them: the more, the less they lie apart."""
    valued = _valued(past)[:, positions]
    yes = np.where(valued, past.value[:, positions], 0.0).sum(axis=(0, 2))
    return max(KIND_WEIGHT, likeness(yes, valued.sum(axis=(0, 2)).astype(np.float64)))


def _valued(past: _Past) -> Bools:
    return past.present & ~past.out & ~np.isnan(past.value)


def _values(past: _Past, spread: Sequence[Distribution], kinds: Sequence[object]) -> Outcomes:
    """The values of all criteria on one scale, criteria of one kind in one group."""
    valued = _valued(past)
    score = np.zeros(valued.shape)
    information = np.zeros(len(kinds))
    for k, one in enumerate(spread):
        means = latent_means(one.below, one.upto)
        information[k] = float(((one.upto - one.below) * means**2).sum())
        ordered = np.argsort(one.values)
        found = ordered[np.searchsorted(one.values[ordered], past.value[:, k][valued[:, k]])]
        score[:, k][valued[:, k]] = means[found]
    groups = np.array([list(dict.fromkeys(kinds)).index(kind) for kind in kinds])
    return Outcomes(score, valued.astype(np.float64), information, groups)


def quantiles(spread: Distribution, share: Floats) -> Floats:
    """The value below which a share of the outcomes lies. Fine values are spread between those seen; 0, 1 and ties stay."""
    place = np.minimum(np.searchsorted(spread.upto, share, side="right"), len(spread.values) - 1)
    stepped = spread.values[place]
    inside = (spread.values > 0) & (spread.values < 1)
    if not spread.fine or not inside.any():
        return stepped
    middle = (spread.below + spread.upto) / 2
    return np.where(spread.solid[place], stepped, np.interp(share, middle[inside], spread.values[inside]))


def _table(comes: Floats, out: Floats, claims: Floats, spread: Distribution, lean: Leaning, claimed: Floats) -> Table:
    """What each cell of a normal number means: first not declared, then not applicable, then points only, then the values."""
    silent = (1 - comes)[:, None]
    no = silent + (comes * out)[:, None]
    bare = no + (comes * (1 - out) * claims)[:, None]
    state = np.where(CELL_SHARE < silent, _NONE, np.where(CELL_SHARE < no, _OUT, _DECLARED)).astype(np.int8)
    has = CELL_SHARE >= bare
    inner = np.clip((CELL_SHARE - bare) / np.maximum(1 - bare, 1e-12), 1e-9, 1 - 1e-9)
    share = ndtr(lean.mean[:, None] + lean.sd[:, None] * ndtri(inner))
    value = np.where(has, quantiles(spread, share), np.nan)
    points = None
    if claims.any():
        known = np.sort(claimed)
        place = np.clip((CELL_SHARE - no) / np.maximum(bare - no, 1e-12), 0, 1) * (len(known) - 1)
        points = np.where((CELL_SHARE >= no) & ~has, known[np.rint(place).astype(np.intp)], np.nan)
    return Table(value, points, state, lean.loading)
