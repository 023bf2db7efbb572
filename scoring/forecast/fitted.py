"""What the months behind say about the rest of the year: volumes, rates, items. Estimated once, drawn from by blocks.

A dossier measure grows by the dossiers still to come: those received (channel, payment, components) or those that will be
finished (results, points). Each share of them is drawn from its rate model. Figures of today stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from criteria.model import ResolvedSet
from scoring.forecast import hazard
from scoring.forecast.inputs import Inputs, Panel
from scoring.forecast.items import Items, fit_items
from scoring.forecast.rates import Outlook, outlook
from scoring.forecast.volumes import VolumeOutlook, volume_outlook
from scoring.inputs import MeasureArrays, measure_arrays
from scoring.measures import FACTORS, PENDING_COUNTED

Floats = NDArray[np.float64]

#: Share measures by what makes them grow. digitised_rate and the overdue ones are put together from parts.
OF_RECEIVED: Final = (
    "online_rate", "online_rate_direct_and_online", "online_electronic_rate", "postal_rate", "online_payment_rate",
    "components_digitised_rate", "repeat_supplement_rate", "contact_points_rate", "reused_data_rate",
)  # fmt: skip
OF_RESOLVED: Final = (
    "result_digitised_rate", "electronic_result_rate", "time_points_rate", "agency_time_points_rate", "attitude_points_rate",
)  # fmt: skip
OF_ANSWERS: Final = ("satisfaction_index", *(f"satisfaction_{factor}" for factor in FACTORS))
DIGITISED: Final = ("components_digitised_rate", "result_digitised_rate")
LATE: Final = ("overdue_rate", "on_time_rate")
DAYS: Final = "survey_day_coverage"
_YEAR: Final = 12
_PRIOR_CASES: Final = 50.0  # weight of the other units in how many cases of a measure one dossier gives


@dataclass(frozen=True)
class Rate:
    """A panel's outlook, and how many cases of its denominator one dossier (or form answer) gives, by unit (N,)."""

    outlook: Outlook
    ratio: Floats


@dataclass(frozen=True)
class Fitted:
    """All that is drawn from. N units.

    now: today's figures (N,) by measure. volume: dossiers to be received; answers: answers to be given on forms (None: no
    forms are known). stock: dossiers usually open at a month's end (N,). ripe: share of the dossiers to come whose due day
    is not after the horizon (N,). open_now: open dossiers (N,). open_cases, open_late: those that can still become late by
    then, and the expected number that will (N,). plain: rates from the year to date alone (see `fit`).
    """

    inputs: Inputs
    rules: ResolvedSet
    now: Mapping[str, MeasureArrays]
    rates: Mapping[str, Rate]
    volume: VolumeOutlook
    answers: VolumeOutlook | None
    items: Items
    stock: Floats
    ripe: Floats
    open_now: Floats
    open_cases: Floats
    open_late: Floats
    plain: bool

    @property
    def over(self) -> bool:
        return self.inputs.over or not len(self.inputs.calendar.ahead)


def needed(rules: ResolvedSet) -> list[str]:
    """The measures that the criteria in force use, each once."""
    names = [[c.measure] if c.measure else list(c.inputs.values()) for c in rules.criteria if c.rule is not None]
    return list(dict.fromkeys(str(name) for listed in names for name in listed))


def panels_of(measure: str) -> tuple[str, ...]:
    """The monthly panels that a measure grows by."""
    if measure == "digitised_rate":
        return DIGITISED
    if measure in LATE:
        return ("overdue_rate",)
    return (measure,) if measure in (*OF_RECEIVED, *OF_RESOLVED, *OF_ANSWERS, DAYS) else ()


def fit(inputs: Inputs, rules: ResolvedSet, *, plain: bool = False) -> Fitted:
    """Estimate everything that the rules need. plain: the plain Beta-binomial that a scorecard compares with."""
    calendar, names = inputs.calendar, needed(rules)
    listed = measure_arrays(inputs.measures, names, inputs.units)
    volume = volume_outlook(inputs.received, calendar)
    spoken = inputs.panels.get("satisfaction_index")
    heard = any(name in OF_ANSWERS for name in names) and spoken is not None and bool((spoken.trials > 0).any())
    answers = volume_outlook(spoken.trials, calendar) if heard and spoken is not None else None
    rates = {}
    for panel in dict.fromkeys(p for name in names for p in panels_of(name)):
        unheard = panel in OF_ANSWERS and answers is None  # no form was ever answered: nothing is known of those to come
        if panel in inputs.panels and len(calendar.ahead) and not unheard:
            rates[panel] = _rate(inputs, panel, inputs.panels[panel], volume, answers)
    open_now = _by_unit(inputs, np.ones(len(inputs.open)))
    _, may = open_states(inputs)
    will = hazard.late_by(inputs.endings, inputs.open, float(calendar.left.sum())) if len(inputs.open) else np.zeros(0)
    return Fitted(
        inputs=inputs,
        rules=rules,
        now=listed,
        rates=rates,
        volume=volume,
        answers=answers,
        items=fit_items(inputs, rules),
        stock=_stock(inputs, open_now),
        ripe=hazard.maturity(inputs.endings, inputs.units, calendar.left, volume.mean),
        open_now=open_now,
        open_cases=_by_unit(inputs, may.astype(np.float64)),
        open_late=_by_unit(inputs, np.where(may, will, 0.0)),
        plain=plain,
    )


def _rate(inputs: Inputs, name: str, panel: Panel, volume: VolumeOutlook, answers: VolumeOutlook | None) -> Rate:
    calendar = inputs.calendar
    if name == DAYS:
        return Rate(outlook(panel, calendar.months, calendar.ahead, calendar.left), np.ones(len(inputs.units)))
    base, ahead = inputs.received, volume.mean
    if name in OF_RESOLVED or name == "overdue_rate":
        base = inputs.resolved
    elif name in OF_ANSWERS and answers is not None:
        base, ahead = inputs.panels["satisfaction_index"].trials, answers.mean
    return Rate(outlook(panel, calendar.months, calendar.ahead, ahead), _ratio(panel.trials, base))


def _ratio(trials: Floats, base: Floats) -> Floats:
    """Cases of the denominator per dossier over the last year of each unit, leaning on all units. (N,)"""
    known = ~np.isnan(trials[:, -_YEAR:]) & ~np.isnan(base[:, -_YEAR:])
    cases = np.where(known, trials[:, -_YEAR:], 0.0).sum(axis=1)
    dossiers = np.where(known, base[:, -_YEAR:], 0.0).sum(axis=1)
    everywhere = cases.sum() / dossiers.sum() if dossiers.sum() > 0 else 1.0
    return np.asarray((cases + _PRIOR_CASES * everywhere) / (dossiers + _PRIOR_CASES), dtype=np.float64)


def open_states(inputs: Inputs) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(n,) open dossiers that are late already, and those that may still become late, in the eyes of the definition.

    A definition that counts finished dossiers alone says nothing of open ones: then the due day does.
    """
    left = inputs.open["days_left"].to_numpy(dtype=np.float64)
    if pending_counted(inputs):
        late = inputs.open["late"].to_numpy(dtype=bool)
        return late, ~late & inputs.open["counted"].to_numpy(dtype=bool)
    return left < 0, left >= 0


def _by_unit(inputs: Inputs, weights: Floats) -> Floats:
    """Sum a column of the open dossiers by unit."""
    at = {unit: k for k, unit in enumerate(inputs.units)}
    where = np.array([at[unit] for unit in inputs.open["commune"]], dtype=np.intp)
    return np.asarray(np.bincount(where, weights=weights, minlength=len(inputs.units)), dtype=np.float64)


def _stock(inputs: Inputs, open_now: Floats) -> Floats:
    """Dossiers open at the ends of the last twelve months, on average: today's, counted back by what came and went."""
    change = np.nan_to_num(inputs.received) - np.nan_to_num(inputs.resolved)
    later = change[:, ::-1].cumsum(axis=1)[:, :_YEAR]
    past = np.maximum(open_now[:, None] - later, 0.0)
    return np.asarray(np.concatenate([open_now[:, None], past], axis=1).mean(axis=1), dtype=np.float64)


def pending_counted(inputs: Inputs) -> bool:
    """Whether the definition of late counts what is open at the end."""
    return inputs.definition in PENDING_COUNTED


def columns_of(units: Sequence[str], chosen: Sequence[str]) -> NDArray[np.intp]:
    """Positions of some units among all."""
    at = {unit: k for k, unit in enumerate(units)}
    return np.array([at[unit] for unit in chosen], dtype=np.intp)
