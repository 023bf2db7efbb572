"""The ranks of a forecast: joint where every commune's data are here, else among peers estimated from what was published."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any, Final

from flows.steps.forecast import Forecasted
from flows.steps.home import ZONE, Home, UserError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from warehouse.database import Transaction

JOINT: Final = "joint"
ESTIMATED: Final = "estimated_peers"


@dataclass(frozen=True)
class Places:
    """probability: (N, R) of each place, R = communes and peers. basis: (D, R) what all are ranked by, the communes first."""

    probability: NDArray[np.float64]
    basis: NDArray[np.int64]
    kind: str


def places_of(home: Home, tx: Transaction, done: Forecasted) -> Places:
    """Rank the communes with data, together with estimates of those of the district without."""
    import numpy as np

    from scoring.draws import rank_draws
    from scoring.forecast.peers import peer_draws
    from scoring.forecast.summary import rank_matrix

    found, inputs = done.forecast, done.inputs
    if not done.without_data:
        return Places(rank_matrix(found.ranks), found.basis, JOINT)
    published = inputs.published[~inputs.published["commune"].isin(done.units[1:])]
    names, peers = peer_draws(
        published, done.units[0], inputs.year, done.rules, seed=found.seed, draws=found.draws,
        own_score=_own_score(home, tx, done) if len(published) else {},
    )  # fmt: skip
    basis = np.concatenate([found.basis, peers], axis=1)
    return Places(rank_matrix(rank_draws(basis, done.rules))[: len(done.units)], basis, ESTIMATED if names else JOINT)


def _own_score(home: Home, tx: Transaction, done: Forecasted) -> dict[int, float]:
    """Return the first commune's own score of the year before, where there is one worth comparing."""
    from flows.steps.measure import question
    from flows.steps.score import score_question

    asked = done.asked
    year = asked.year - 1
    at = datetime.combine(date(year, 12, 31), time(23, 59, 59), ZONE)
    try:
        scored = score_question(
            home, tx, question(year, as_of=at, known_at=asked.known_at, definition=asked.definition), done.rules.name
        )
    except UserError:
        return {}
    row: dict[str, Any] = scored.scores.totals.set_index("commune").to_dict("index").get(done.units[0], {})
    return {year: float(row["total"])} if row.get("grade_status") == "graded" else {}
