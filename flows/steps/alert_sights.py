"""From where the rules of alerts look: the score, the forecast and the notices as of a moment, each asked for once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import criteria
from flows.steps.home import ZONE, Home, UserError
from flows.steps.measure import Question, question
from scoring.alerts import Observation, figure

if TYPE_CHECKING:
    from criteria.alerts import AlertRule
    from criteria.registers import Notice
    from flows.steps.score import Scored
    from sources.units import Unit
    from warehouse.database import Transaction

#: Rules whose figures only a look at all facts gives: asked when all communes are, not after each file.
_WHOLE: Final = frozenset({"source_late"})


@dataclass(frozen=True)
class Seen:
    """What a rule saw. units: those it was asked about ("": the installation). complete: an episode of theirs that is not
    listed is clear. past: one that is not listed is over for this reason instead."""

    observations: Sequence[Observation]
    units: frozenset[str]
    complete: bool = True
    past: str | None = None


class Sights:
    """Looks at the warehouse as of a moment, each thing once, and only when a rule asks for it."""

    def __init__(
        self, home: Home, tx: Transaction, moment: datetime, *, scored: Scored | None, forecast: Mapping[str, Any] | None,
        only: frozenset[str] | None,
    ) -> None:  # fmt: skip
        self.home, self.tx, self.moment, self.only = home, tx, moment, only
        self.day = moment.astimezone(ZONE).date()
        self.year = self.day.year
        # The year before is scored again while it is appraised, or because somebody asked: alerts are about this one.
        self._scored = scored if scored and scored.asked.year == self.year else None
        self._forecast = forecast

    def of(self, rule: AlertRule) -> Seen | None:
        """Return what a rule sees, None when it cannot be asked now: then its episodes stay as they are."""
        if rule.kind in _WHOLE and self.only is not None:
            return None
        from flows.steps.alert_kinds import KINDS

        return KINDS[rule.kind](self, rule)

    # --- what several kinds look at ---

    @cached_property
    def asked(self) -> Question:
        return self._scored.asked if self._scored else question(self.year, as_of=self.moment)

    @cached_property
    def scored(self) -> Scored:
        from flows.steps.score import score_question

        return self._scored or score_question(self.home, self.tx, self.asked)

    @cached_property
    def communes(self) -> list[Unit]:
        """The communes asked about, by their own names or those of units that went into them."""
        view = self.scored.view
        whole = {unit.unit_id: view.lineage(unit) if view else [unit] for unit in self.scored.units}
        return [
            unit for unit in self.scored.units if self.only is None or any(m.unit_id in self.only for m in whole[unit.unit_id])
        ]

    @cached_property
    def ids(self) -> frozenset[str]:
        return frozenset(unit.unit_id for unit in self.communes)

    @cached_property
    def gone(self) -> frozenset[str]:
        """The units of the register that are not scored, when all are asked about."""
        if self.only is not None:
            return frozenset()
        return frozenset(self.home.register.by_id) - {unit.unit_id for unit in self.scored.units}

    @cached_property
    def figures(self) -> dict[tuple[str, str], tuple[float | None, float | None]]:
        """(unit, measure) → (numerator, denominator), None where there is no data."""
        frame = self.scored.measures
        rows = zip(frame["commune"], frame["measure"], frame["numerator"], frame["denominator"])
        return {(unit, name): (_number(top), _number(bottom)) for unit, name, top, bottom in rows}

    @cached_property
    def lost(self) -> dict[tuple[str, str], dict[str, Any]]:
        """(unit, criterion) → its line of the scores."""
        return {(row["commune"], row["code"]): row for row in self.scored.scores.criteria.to_dict("records")}

    @cached_property
    def commitments(self) -> dict[str, list[dict[str, Any]]]:
        """Unit → where it stands on the notices that bind it; nothing where a notice cannot be used (the night says so).

        After a file, without what compares with the year before: that whole year would have to be scored again.
        """
        from flows.steps.commitments import states_of

        try:
            return states_of(self.home, self.tx, self.asked, self.communes, scored=self.scored, last_year=self.only is None)
        except UserError:
            return {}

    @cached_property
    def forecast(self) -> Mapping[str, Any] | None:
        """The latest forecast of the year as of the moment."""
        return self._forecast or self.stored(self.moment + timedelta(microseconds=1))

    def stored(self, before: datetime) -> Mapping[str, Any] | None:
        """Return the latest forecast of the year made for a moment before another."""
        from warehouse import forecasts

        row = forecasts.latest(self.tx, criteria.DEFAULT_SET, self.asked.definition, self.year, before)
        return row["result"] | {"as_of": row["as_of"].astimezone(ZONE).isoformat()} if row else None

    def foreign(self, unit: str, text: str) -> bool:
        """Whether a document (its key) is a notice that does not bind a unit in this year: it is a yardstick there, no duty."""
        mine = [notice for notice in self._notices if notice.instrument == text]
        here = self.home.register.by_id.get(unit)
        above = {unit, *(each.unit_id for each in self.home.register.ancestors(here))} if here and mine else {unit}
        return bool(mine) and not any(notice.year == self.year and notice.unit in above for notice in mine)

    @cached_property
    def _notices(self) -> tuple[Notice, ...]:
        return criteria.load_notices()

    def seen(self, rule: AlertRule, observations: Iterable[Observation], **more: Any) -> Seen:
        """Return what a rule saw of the communes asked about."""
        return Seen([each for each in observations if each.unit_id in self.ids], self.ids, **more)

    def saw(
        self, rule: AlertRule, unit: str, subject: str = "", *, value: float | None, threshold: float | None = None,
        seen: str | None = None, owner: str | None = None, text: str | None = None, **detail: Any,
    ) -> Observation:  # fmt: skip
        """Return one observation; seen: what the figure says, when it is not the rule's threshold that decides.

        text: key of the document it rests on, when not the rule's; "": one that binds the unit.
        """
        edge = threshold if threshold is not None else plain_threshold(rule.threshold)
        told = seen or figure(value, edge, rule.breached, rule.margin_at(edge))
        basis = rule.source["instrument"] if text is None and rule.source else text
        detail["borrowed"] = True if unit and basis and self.foreign(unit, basis) else None
        kept = {name: each for name, each in detail.items() if each is not None}
        return Observation(rule.name, unit, subject, told, value, edge, {"year": self.year, **kept}, owner)


def _number(value: Any) -> float | None:
    return None if value is None or value != value else float(value)


def plain_threshold(threshold: Any) -> float | None:
    """Return a rule's threshold that is a number, None for a target or where the kind has its own."""
    return float(threshold) if isinstance(threshold, (int, float)) else None
