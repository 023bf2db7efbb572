"""What a forecast has to beat: the year to date carried forward, and last year's value. Points, without any doubt.

The third, each measure's plain Beta-binomial without pooling or drift, is `scoring.forecast.model.forecast(plain=True)`.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from criteria.model import ResolvedSet
from scoring import core
from scoring.engine import score
from scoring.forecast.inputs import Inputs
from scoring.forecast.scorecard import Cast
from scoring.rounding import NO_UNITS, half_up_ratio, to_units
from scoring.totals import max_total

Ints = NDArray[np.int64]


def run_rate(inputs: Inputs, rules: ResolvedSet) -> Cast:
    """Today's share of what can be scored, carried forward to the whole maximum. No forecast where nothing is scored yet."""
    measures = inputs.measures[inputs.measures["numerator"].notna()]
    now = score(measures, inputs.declarations, rules, inputs.units, explain=False).totals
    total, most = (to_units(now[name].to_numpy(), rules.decimals) for name in ("total", "max_scored"))
    known = (total != NO_UNITS) & (most > 0)
    held, of = np.where(known, total, 0), np.where(known, most, 0)
    carried = half_up_ratio(held * max_total(rules), of)
    shares = core.share_units(held, of, rules.decimals)
    grading = core.share_units(held, of, rules.decimals, rules.grading_scale)
    return _point(carried, shares, core.grade_codes(grading, rules.bands.bands, rules.decimals), rules)


def last_year(inputs: Inputs, rules: ResolvedSet, previous: pd.DataFrame) -> Cast:
    """Last year's index and grade, ranked anew among today's units. No forecast where last year is not known.

    previous: totals of last year's own score (`scoring.engine.Scores.totals`); a unit that is not graded there, or not in it,
    has its published result.
    """
    own = previous[previous["grade_status"] == "graded"].set_index("commune").reindex(list(inputs.units))
    told = inputs.published[inputs.published["year"] == inputs.year - 1]
    told = told.drop_duplicates("commune", keep="last").set_index("commune").reindex(list(inputs.units))
    scored = own["total"].notna().to_numpy()
    index = told["index"].to_numpy(dtype=np.float64, na_value=np.nan)
    totals = np.where(scored, own["total"].to_numpy(dtype=np.float64, na_value=np.nan), index)
    shares = np.where(scored, own["share"].to_numpy(dtype=np.float64, na_value=np.nan), index)
    grades = np.where(scored, _codes(own["grade"], rules), _codes(told["grade"], rules))
    return _point(to_units(totals, rules.decimals), to_units(shares, rules.decimals), grades, rules)


def _codes(grades: pd.Series[str], rules: ResolvedSet) -> Ints:
    """Positions in the bands; NO_GRADE for none and for a grade that the set does not have."""
    return np.asarray(pd.Index(rules.bands.grades).get_indexer(pd.Index(grades)), dtype=np.int64)


def _point(totals: Ints, shares: Ints, grades: NDArray[np.int64], rules: ResolvedSet) -> Cast:
    ranks = core.competition_rank(shares if rules.ranking_basis == "share" else totals)
    return Cast(totals[None], np.where(totals == NO_UNITS, core.NO_GRADE, grades)[None], ranks[None])
