"""Everything of the year's end that is neither a share of dossiers nor how many come: declarations, tasks, reviews, initiatives,
complaints by name. Learnt once over all units, drawn by blocks of them; nothing is added when nothing of the year is left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from criteria.model import ResolvedSet
from scoring.forecast.inputs import Floats, Inputs
from scoring.forecast.items_counts import Increment
from scoring.forecast.items_declared import Declared, fit_declared
from scoring.forecast.items_tasks import Counted, fit_counted
from scoring.forecast.streams import normals
from scoring.inputs import DeclarationArrays


@dataclass(frozen=True)
class ItemDraws:
    """declarations: at the year's end, (D, C) or (1, C). increments: what comes on top of today's numerator and denominator of
    task_completion, task_on_time, officer_review_months, initiatives, named_complaints, repeated_named_officials, (D, C) or
    (1, C) zeros; a measure without data today stays without."""

    declarations: Mapping[str, DeclarationArrays]
    increments: Mapping[str, Increment]


@dataclass(frozen=True)
class Items:
    """What was learnt over all units. Pure data: drawing changes nothing."""

    units: tuple[str, ...]
    declared: Declared
    counted: Counted

    def draw(self, chosen: slice | Sequence[int], seed: int, draws: int) -> ItemDraws:
        """Draws of some units: a slice or positions in `units`. One unit more or less changes nobody else's numbers."""
        at = list(range(len(self.units)))[chosen] if isinstance(chosen, slice) else [int(k) for k in chosen]
        names = [self.units[k] for k in at]
        # What a unit's declared criteria share of their luck: (C, D).
        luck: Floats = np.ascontiguousarray(normals(seed, names, "declared", draws).T)
        return ItemDraws(self.declared.draw(at, seed, luck, draws), self.counted.draw(at, seed, draws))


def fit_items(inputs: Inputs, rules: ResolvedSet) -> Items:
    """Learns from what is known at the moment. Raises ValueError for two declarations of one unit and criterion."""
    return Items(inputs.units, fit_declared(inputs, rules), fit_counted(inputs))
