"""The forecast judges itself without being asked: a few past months a night, until every year that ended has its scorecard.

So the widening of intervals and the card beside a forecast need no command. The months that say most about the rest come
first, of the oldest year first: a year is widened by what the years before it showed.
"""

from __future__ import annotations

from typing import Any, Final

from flows.steps.backtest import MONTHS, backtest, plan_of
from flows.steps.home import ZONE, Home, UserError, now
from flows.steps.measure import Question
from flows.steps.rules import rules_of

#: Years behind the question's that are looked at.
YEARS: Final = 3
DRAWS: Final = 1_000
#: Months of origin: those that are tried in all years before the others.
FIRST: Final = (3, 6, 9, 11)
ROUNDS: Final = (FIRST, tuple(month for month in MONTHS if month not in FIRST))


def judge_some(home: Home, asked: Question, set_name: str | None = None, most: int = 2) -> list[dict[str, Any]]:
    """Try up to `most` months of earlier years that have no scores yet; returns [{year, month, hindsight}].

    Months are tried in hindsight when their exports came only later. A year that cannot be judged (never graded) costs one
    attempt a night, however many of its months are open. Costs a few seconds a month for a district.
    """
    done: list[dict[str, Any]] = []
    hopeless: set[int] = set()
    for year, month in _untried(home, asked, set_name):
        if len(done) == most:
            break
        if year not in hopeless:
            hindsight = _judged(home, asked, set_name, year, month)
            if hindsight is None:
                hopeless.add(year)
            else:
                done.append({"year": year, "month": month, "hindsight": hindsight})
    return done


def _judged(home: Home, asked: Question, set_name: str | None, year: int, month: int) -> bool | None:
    """Return whether a month was judged in hindsight; None when its year cannot be judged."""
    for hindsight in (False, True):
        plan = plan_of(
            home, [year], str(month), draws=DRAWS, set_name=set_name, definition=asked.definition, hindsight=hindsight
        )  # fmt: skip
        try:
            backtest(home, plan, lambda *_: None)
            return hindsight
        except UserError as error:
            if error.code != "no_history":  # nothing was known then: only hindsight can mend that
                return None
    return None


def _untried(home: Home, asked: Question, set_name: str | None) -> list[tuple[int, int]]:
    """Return the months of earlier, known years without scores, those to be tried first in front."""
    from warehouse import forecasts

    name = rules_of(home, set_name).name
    ended = now().astimezone(ZONE).year
    with home.database.begin() as tx:
        known = set(forecasts.years_known(tx))
        rows = forecasts.scores(tx, name, asked.definition, model="raw")
    years = [year for year in range(asked.year - YEARS, asked.year) if year in known and year < ended]
    scored = set(zip(rows["year"], rows["month"]))
    return [(year, month) for months in ROUNDS for year in years for month in months if (year, month) not in scored]
