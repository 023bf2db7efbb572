"""The ranks of a forecast: joint where every commune's data are here, else among peers estimated from what was published."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any, Final

from flows.steps.forecast import Forecasted
from flows.steps.home import ZONE, Home, UserError
from flows.steps.rules import in_force

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from warehouse.database import Transaction

JOINT: Final = "joint"
ESTIMATED: Final = "estimated_peers"


@dataclass(frozen=True)
class Places:
    """probability: (N, R) of each place, R = communes and peers; (N, 0) for a commune that has nobody to be ranked with.

    basis: (D, R) what all are ranked by, the communes first. kind: None without a rank. peers: what the document says of the
    communes of the district without data; None when there is none.
    """

    probability: NDArray[np.float64]
    basis: NDArray[np.int64]
    kind: str | None
    peers: dict[str, Any] | None = None


def places_of(home: Home, tx: Transaction, done: Forecasted) -> Places:
    """Rank the communes with data, together with estimates of those of the district without."""
    import numpy as np

    from scoring.draws import rank_draws
    from scoring.forecast.inputs import month_number
    from scoring.forecast.peer_reports import shift_by_peer
    from scoring.forecast.peers import last_published, peer_draws
    from scoring.forecast.summary import rank_matrix

    found, inputs, rules = done.forecast, done.inputs, done.rules
    if not done.without_data:
        return Places(rank_matrix(found.ranks), found.basis, JOINT)
    published = inputs.published[~inputs.published["commune"].isin(done.units[1:])]
    last = last_published(published, inputs.year)
    moved = shift_by_peer(inputs.monthly_reports, last, inputs.year, month_number(inputs.horizon), rules)
    names, peers = peer_draws(
        published, done.units[0], inputs.year, rules, seed=found.seed, draws=found.draws,
        own_score=_own_score(home, tx, done, last.get(done.units[0])), shift_by_peer=moved,
    )  # fmt: skip
    told = _told(done, names, last, moved)
    if not names and len(done.units) == 1:
        return Places(np.zeros((1, 0)), found.basis, None, told)
    basis = np.concatenate([found.basis, peers], axis=1)
    return Places(rank_matrix(rank_draws(basis, rules))[: len(done.units)], basis, ESTIMATED if names else JOINT, told)


def _told(done: Forecasted, names: tuple[str, ...], last: dict[str, int], moved: dict[str, float]) -> dict[str, Any]:
    """Return what the estimates rest on: {estimated, with_reports, left_out (names), years (first, last), other_set, text}.

    other_set: the set is not the one that published results are about.
    """
    import criteria
    from messages.forecast_words import peers_text

    absent = {s.subject_id: s.unit.name for s in done.scored.subjects if s.subject_id not in done.units}
    years = [last[name] for name in names]
    said = {
        "estimated": [absent.get(name, name) for name in names],
        "with_reports": [absent.get(name, name) for name in names if name in moved],
        "left_out": [name for unit, name in absent.items() if unit not in names],
        "years": [min(years), max(years)] if years else [],
        "other_set": done.rules.name != criteria.DEFAULT_SET,
    }
    return said | {"text": peers_text(said)}


def _own_score(home: Home, tx: Transaction, done: Forecasted, year: int | None) -> dict[int, float]:
    """Return what the first commune was ranked by in the last year published, by its own data, where that is a whole score."""
    from flows.steps.measure import question
    from flows.steps.score import score_question

    if year is None:
        return {}
    asked, rules = done.asked, done.rules
    at = datetime.combine(date(year, 12, 31), time(23, 59, 59), ZONE)
    try:
        then = question(year, as_of=at, known_at=asked.known_at, definition=asked.definition)
        kept = in_force(done.kept, then.last_day) if done.kept else None
        scored = score_question(home, tx, then, rules.name, kept)
    except UserError:
        return {}
    row: dict[str, Any] = scored.scores.totals.set_index("commune").to_dict("index").get(done.units[0], {})
    basis = "share" if rules.ranking_basis == "share" else "total"
    return {year: float(row[basis])} if row.get("grade_status") == "graded" else {}
