"""Whether a dossier that is open now will end late: what became of past dossiers still open at the same point.

Of a kind (procedure and band of allowed time) the share that ended late is π, and S(L) the share of the timely ones still
open with L working days left. Of those open at that point, late or timely to be, π / (π + (1 − π) S(L)) end late: the
discrete-time hazard of the remaining days, multiplied out. S grows with L whatever is shrunk, so fewer days left never
lower the probability and nothing has to be pooled afterwards to make it so.

π: all → band → kind by Beta priors; times the commune's own odds, observed over expected late with a Gamma prior around 1
(its mix of procedures is thereby taken out); then the kind within the commune by a Beta prior. S: all → band → kind by
Dirichlet priors; S to the power γ of the commune (who works to the last day has γ < 1), shrunk likewise; then within the
commune. The strengths do not depend on L. They are the best of a small grid by log score on simulated districts (learnt
from two years, judged on the third); around them the score is flat: ten times more or less costs under 1 %.
Units: working days, shares /1. Columns: scoring.forecast.inputs.Inputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

#: The most working days that `endings` tell apart.
CAP: Final = 60
_SPARES: Final = CAP + 1
#: Bands of allowed working days: same day, to 2, to 5, to 10, to 20, more.
_BANDS: Final = (1, 3, 6, 11, 21)
#: Prior strengths, in dossiers (in expected late dossiers for the commune's odds).
_BAND, _KIND, _COMMUNE, _CELL = 50.0, 200.0, 20.0, 200.0
_PACE_KIND, _PACE_COMMUNE, _PACE_CELL = 20.0, 50.0, 200.0
_LEAST: Final = 1e-6


def lateness(endings: pd.DataFrame, open_dossiers: pd.DataFrame) -> Floats:
    """(n,) probability that each open dossier ends late; 1 once it is late, or past due by a definition that tells at the end.

    With L days left it is compared with those open at the end of that day; on the due day itself with those that were not
    finished before it, for hours may be left. Without a due date, or past it and counted but not late by the definition (its
    clock stands still, as while a supplement is awaited): the late share of its kind, 0 if the definition does not count it.
    Without any ending: Jeffreys' 1/2.
    """
    left = np.asarray(open_dossiers["days_left"], dtype=np.float64)
    counted = np.asarray(open_dossiers["counted"], dtype=np.bool_)
    dated = ~np.isnan(left)
    out = np.empty(len(left))
    if dated.any():
        kinds = _learn(endings, open_dossiers[dated], banded=True)
        days = np.clip(left[dated], 1, _SPARES).astype(np.intp)
        still, late = kinds.still[kinds.asked, days], kinds.late[kinds.asked]
        past = np.where(counted[dated], late, 1.0)
        out[dated] = np.where(left[dated] < 0, past, late / (late + (1.0 - late) * still))
    if not dated.all():
        kinds = _learn(endings, open_dossiers[~dated], banded=False)
        out[~dated] = np.where(counted[~dated], kinds.late[kinds.asked], 0.0)
    out[np.asarray(open_dossiers["late"], dtype=np.bool_)] = 1.0
    return out


def late_by(endings: pd.DataFrame, open_dossiers: pd.DataFrame, horizon_days_left: ArrayLike) -> Floats:
    """(n,) probability of being late by the horizon, `horizon_days_left` working days away (one number, or one each).

    0 where the due day lies after the horizon, unless the dossier is late now. Being late, not having ended late: a dossier
    that is late at the horizon may still be open then.
    """
    left = np.asarray(open_dossiers["days_left"], dtype=np.float64)
    later = (left > np.asarray(horizon_days_left)) & ~np.asarray(open_dossiers["late"], dtype=np.bool_)
    return np.where(later, 0.0, lateness(endings, open_dossiers))


def maturity(
    endings: pd.DataFrame, units: Sequence[str], left: ArrayLike, received: ArrayLike | None = None, strength: float = 100.0
) -> Floats:
    """(N,) of the dossiers still to be received, the share whose due day is not after the horizon. 0 when nothing is left.

    left: (H,) or (N, H) working days of the months to come (`Calendar.left`). received: the same shape or (N, H), dossiers
    expected in each month; without it as many a day. Within a month receipts spread evenly. The allowed times are the unit's
    own, shrunk to everybody's by `strength` dossiers.
    """
    days = np.atleast_2d(np.asarray(left, dtype=np.float64))
    weights = days if received is None else np.atleast_2d(np.asarray(received, dtype=np.float64))
    if days.sum() <= 0:
        return np.zeros(len(units))
    own = pd.Index(list(units)).get_indexer(pd.Index(endings["commune"]))
    allowed = np.clip(np.asarray(endings["allowed"], dtype=np.float64), 0, CAP).astype(np.intp)
    cases = np.asarray(endings["dossiers"], dtype=np.float64)
    everybody = np.bincount(allowed, cases, minlength=_SPARES) if len(cases) else np.eye(1, _SPARES)[0]
    here = own >= 0
    counts = np.bincount(own[here] * _SPARES + allowed[here], cases[here], minlength=len(units) * _SPARES)
    counts = counts.reshape(len(units), _SPARES) + strength * everybody / everybody.sum()
    allowed_share = counts / counts.sum(axis=1, keepdims=True)
    last = days.sum(axis=1, keepdims=True) - np.arange(_SPARES)  # the last day of receipt that is due in time, by allowed time
    before = np.cumsum(days, axis=1) - days
    inside = np.clip(last[:, None, :] - before[:, :, None], 0.0, days[:, :, None])
    due = inside / np.where(days > 0, days, 1.0)[:, :, None]
    by_month = np.einsum("nha,na->nh", np.broadcast_to(due, (len(units), *due.shape[1:])), allowed_share)
    weights = np.broadcast_to(weights, by_month.shape)
    total = weights.sum(axis=1)
    return np.where(total > 0, (weights * by_month).sum(axis=1) / np.where(total > 0, total, 1.0), 0.0)


@dataclass(frozen=True)
class _Kinds:
    """What is learnt of each kind within each commune. K of them.

    late: (K,) π. still: (K, CAP + 2) S(L), of the timely ones, still open with L days left. asked: the kind of each dossier.
    """

    late: Floats
    still: Floats
    asked: Ints


@dataclass(frozen=True)
class _Tree:
    """Cells (kind within a commune) and what they belong to: (K,) positions of kind and commune, (kinds,) of band."""

    kind: Ints
    commune: Ints
    band: Ints


def _codes(endings: pd.DataFrame, asked: pd.DataFrame, banded: bool) -> tuple[_Tree, Ints, Ints]:
    """The tree over past and asked dossiers, and the cell of every row of either. An unknown procedure is one like others."""
    both = pd.concat([endings[["commune", "procedure", "allowed"]], asked[["commune", "procedure", "allowed"]]])
    commune, _ = pd.factorize(both["commune"])
    procedure, _ = pd.factorize(both["procedure"], use_na_sentinel=False)
    allowed = np.asarray(both["allowed"], dtype=np.float64)
    bands = len(_BANDS) + 1
    band = np.searchsorted(_BANDS, allowed, side="right") if banded else np.zeros(len(both), dtype=np.intp)
    kinds, kind = np.unique(procedure * bands + band, return_inverse=True)
    cells, cell = np.unique(commune * len(kinds) + kind, return_inverse=True)
    tree = _Tree(cells % len(kinds), cells // len(kinds), kinds % bands)
    return tree, cell[: len(endings)], cell[len(endings) :]


def _learn(endings: pd.DataFrame, asked: pd.DataFrame, *, banded: bool) -> _Kinds:
    tree, cell, wanted = _codes(endings, asked, banded)
    spare = np.clip(np.asarray(endings["spare"], dtype=np.float64), -1, CAP).astype(np.intp)
    cases = np.asarray(endings["dossiers"], dtype=np.float64)
    size = len(tree.kind)
    place = cell * (_SPARES + 1) + spare + 1
    table: Floats = np.bincount(place, cases, minlength=size * (_SPARES + 1)).astype(np.float64).reshape(size, -1)
    return _Kinds(_late_share(tree, table[:, 0], table.sum(axis=1)), _still_open(tree, table[:, 1:]), wanted)


def _within(values: Floats, group: Ints) -> Floats:
    """Rows summed by group, groups in order."""
    out = np.zeros((int(group.max()) + 1, *values.shape[1:]))
    np.add.at(out, group, values)
    return out


def _late_share(tree: _Tree, late: Floats, cases: Floats) -> Floats:
    """(K,) π of every cell."""
    everybody = (late.sum() + 0.5) / (cases.sum() + 1.0)
    kind_late, kind_cases = _within(late, tree.kind), _within(cases, tree.kind)
    band = (_within(kind_late, tree.band) + _BAND * everybody) / (_within(kind_cases, tree.band) + _BAND)
    kind = (kind_late + _KIND * band[tree.band]) / (kind_cases + _KIND)
    usual = kind[tree.kind]
    odds = (_within(late, tree.commune) + _COMMUNE) / (_within(cases * usual, tree.commune) + _COMMUNE)
    odds = odds[tree.commune] * usual / (1.0 - usual)
    share: Floats = (late + _CELL * odds / (1.0 + odds)) / (cases + _CELL)
    return share


def _still_open(tree: _Tree, timely: Floats) -> Floats:
    """(K, CAP + 2) S of every cell; 0 with no day left, 1 with more than anybody had."""
    kind_cases = _within(timely, tree.kind)
    total = timely.sum()
    everybody = timely.sum(axis=0) / total if total > 0 else np.eye(1, _SPARES)[0]
    band = _shrunk(_within(kind_cases, tree.band), everybody, _PACE_KIND)
    kind = _shrunk(kind_cases, band[tree.band], _PACE_KIND)
    upto = _summed(kind)
    # At its kind's own pace a dossier's place in the distribution is uniform; minus its log has mean 1, nearly: days are whole.
    place = -np.log(np.maximum((upto[:, 1:] + upto[:, :-1]) / 2.0, _LEAST))
    expected = timely.sum(axis=1) * (kind * place).sum(axis=1)[tree.kind]
    observed = (timely * place[tree.kind]).sum(axis=1)
    power = (_within(expected, tree.commune) + _PACE_COMMUNE) / (_within(observed, tree.commune) + _PACE_COMMUNE)
    usual = upto[tree.kind] ** power[tree.commune][:, None]
    share: Floats = (_summed(timely) + _PACE_CELL * usual) / (timely.sum(axis=1, keepdims=True) + _PACE_CELL)
    return share


def _shrunk(counts: Floats, prior: Floats, strength: float) -> Floats:
    share: Floats = (counts + strength * prior) / (counts.sum(axis=1, keepdims=True) + strength)
    return share


def _summed(shares: Floats) -> Floats:
    """Cumulative sums that start at 0."""
    return np.concatenate([np.zeros((len(shares), 1)), np.cumsum(shares, axis=1)], axis=1)
