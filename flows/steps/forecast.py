"""Where the year ends for every commune: the question, the draws, and the document that people and pages read.

The rules are those of the horizon's day; the figures of today are exactly the score's. Widening comes from the scorecard of
earlier years (`flows.steps.backtest`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from flows.steps.forecast_heard import Silence
from flows.steps.home import Home, UserError
from flows.steps.measure import Question, plain, stamp
from flows.steps.rules import in_force, rules_of
from flows.steps.score import Scored, score_question, target_json

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from criteria.model import CriteriaSet, ResolvedSet
    from scoring.forecast.fitted import Fitted
    from scoring.forecast.inputs import Inputs
    from scoring.forecast.model import Block, Forecast
    from warehouse.database import Transaction

DRAWS: Final = 10_000
SEED: Final = 1
MOST_DRAWS: Final = 100_000
#: The grade that the notice asks for; a set that does not have it is asked about its best one but the exceptional.
GOOD: Final = "Tốt"

Look = Callable[["Block", "Fitted"], Any]


@dataclass(frozen=True)
class Forecasted:
    """A forecast and what it was made from. without_data: communes of which nothing is known; they have no forecast.

    asked: the question as it was put; `scored` is of an earlier day where the exports stop weeks before (`forecast_heard`).
    calibration: {factor, origins, years} of the widening, None when there are no past forecasts to learn it from.
    kept: the criteria it was made by when they are not those on disk.
    """

    asked: Question
    scored: Scored
    forecast: Forecast
    calibration: dict[str, Any] | None
    without_data: tuple[str, ...]
    kept: CriteriaSet | None = None
    silence: Silence = field(default_factory=Silence)

    @property
    def inputs(self) -> Inputs:
        return self.forecast.inputs

    @property
    def rules(self) -> ResolvedSet:
        return self.forecast.rules

    @property
    def units(self) -> tuple[str, ...]:
        return self.forecast.units

    @property
    def totals(self) -> NDArray[np.int64]:
        return self.forecast.totals

    @property
    def grades(self) -> NDArray[np.int8]:
        return self.forecast.grades

    @property
    def ranks(self) -> NDArray[np.int64]:
        return self.forecast.ranks

    @property
    def good(self) -> str:
        """The grade asked about."""
        return good_grade(self.rules)


def good_grade(rules: ResolvedSet) -> str:
    """The grade whose probability is the headline: Tốt, else the best that the set knows."""
    return GOOD if GOOD in rules.bands.grades else rules.bands.grades[0]


def check(draws: int, rules: ResolvedSet) -> None:
    """Raises: UserError (a number of draws that says nothing, a set that judges officials or nothing yet)."""
    if not 100 <= draws <= MOST_DRAWS:
        raise UserError("bad_draws", f"Số tình huống phải từ 100 đến {MOST_DRAWS:_}.".replace("_", "."))
    if rules.subject != "commune":
        raise UserError("forecast_subject", f"Bộ tiêu chí «{rules.name}» chấm từng người theo tháng; chỉ dự báo được bộ chấm xã.")
    if all(criterion.rule is None for criterion in rules.criteria):
        raise UserError("not_in_force", f"Bộ tiêu chí «{rules.name}» chưa có hiệu lực trong năm được hỏi; hãy hỏi năm khác.")


def prepare(
    home: Home, tx: Transaction, asked: Question, set_name: str | None = None, kept: CriteriaSet | None = None
) -> tuple[Scored, Inputs, ResolvedSet]:
    """Score today and gather what a forecast is made from; `kept`: criteria of an earlier day instead of those on disk.

    Raises: UserError (nothing known, no criterion in force, or a set of officials).
    """
    from flows.steps.forecast_heard import last_told, without_silence

    if asked.month is not None:
        raise UserError("forecast_month", "Dự báo là cho cả năm; bỏ --month.")
    dated = kept or rules_of(home, set_name)
    check(DRAWS, in_force(dated, asked.period_end))
    scored, inputs = _gathered(home, tx, asked, set_name, dated)
    earlier = last_told(tx, asked, scored, inputs)
    if earlier is not None:
        scored, inputs = _gathered(home, tx, earlier, set_name, dated)
    return scored, without_silence(tx, inputs), in_force(dated, inputs.horizon)


def _gathered(
    home: Home, tx: Transaction, asked: Question, set_name: str | None, dated: CriteriaSet
) -> tuple[Scored, Inputs]:  # fmt: skip
    from flows.steps.forecast_inputs import inputs_of

    scored = score_question(home, tx, asked, set_name, in_force(dated, asked.last_day))
    inputs = inputs_of(home, tx, scored)
    known = known_subjects(scored, inputs)
    if not known:
        raise UserError("no_data", f"Chưa có số liệu nào của năm {asked.year}; nạp tệp xuất trước rồi dự báo.")
    return scored, inputs.only(known)


def known_subjects(scored: Scored, inputs: Inputs) -> set[str]:
    """Return the communes of which anything happened: in the year so far or, while it runs, in the months behind it.

    A count of 0 says something of a commune that has a past, and nothing of one whose first file is of a later year.
    """
    import numpy as np

    rows = scored.measures
    of_days = rows["measure"] == "survey_day_coverage"  # its denominator is there without anybody
    measured = rows[rows["numerator"].gt(0) | rows["denominator"].gt(0) & ~of_days]["commune"]
    behind = np.nansum(inputs.received, axis=1) + np.nansum(inputs.resolved, axis=1) > 0
    past = {unit for unit, any_ in zip(inputs.units, behind) if any_ and not inputs.over}
    return {str(name) for name in measured} | {str(name) for name in scored.declarations["commune"]} | past


def forecast_question(
    home: Home, tx: Transaction, asked: Question, set_name: str | None = None, *, draws: int = DRAWS, seed: int = SEED,
    factor: float | None = None, look: Look | None = None, kept: CriteriaSet | None = None,
) -> Forecasted:  # fmt: skip
    """Forecast the year's end of every commune. factor: the widening (None: as the scorecard of earlier years says).
    kept: criteria of an earlier day instead of those on disk.

    Raises: UserError.
    """
    from flows.steps.backtest import calibration_for
    from flows.steps.forecast_heard import silence_of
    from scoring.forecast.model import forecast

    scored, inputs, rules = prepare(home, tx, asked, set_name, kept)
    check(draws, rules)
    calibration = None
    if factor is None:
        calibration = calibration_for(tx, rules.name, asked.definition, asked.year, inputs.day)
        factor = calibration["factor"] if calibration else 1.0
    found = forecast(inputs, rules, draws=draws, seed=seed, factor=factor, look=look)
    missing = tuple(s.unit.name for s in scored.subjects if s.subject_id not in inputs.units)
    return Forecasted(asked, scored, found, calibration, missing, kept, silence_of(tx, asked, inputs))


def head_json(done: Forecasted) -> dict[str, Any]:
    """Return what the document says of the question."""
    asked, rules = done.asked, done.rules
    return {
        "criteria_set": rules.name, "criteria_hash": rules.hash, "criteria_label": rules.label, "provenance": rules.provenance,
        "warning": rules.warning, "definition": asked.definition, "year": asked.year, "as_of": asked.as_of.isoformat(),
        "known_at": stamp(asked.known_at), "horizon": done.inputs.horizon.isoformat(), "draws": done.forecast.draws,
        "seed": done.forecast.seed, "good_grade": done.good, "calibration": done.calibration,
        "without_data": list(done.without_data), "data_until": done.silence.since and done.silence.since.isoformat(),
        "unknown_targets": [target_json(target) for target in rules.unknown_targets],
        "bands": [
            {"grade": b.grade, "from": plain(b.at_least), "below": plain(b.below)} for b in rules.bands.bands
        ],
        "grading_scale": plain(rules.grading_scale),
    }  # fmt: skip
