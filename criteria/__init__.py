"""The law as data: criteria sets, targets, definitions and the notice's commitments, dated and sourced."""

from criteria.loader import (
    DEFAULT_SET,
    CriteriaError,
    list_sets,
    load_definitions,
    load_instruments,
    load_measures,
    load_notice,
    load_set,
)
from criteria.model import (
    Band,
    BandTable,
    CriteriaSet,
    Criterion,
    Instrument,
    Measure,
    ResolvedCriterion,
    ResolvedSet,
    Rule,
    Source,
    TargetValue,
    Version,
)
from criteria.registers import Commitment, Definition, Definitions, Notice

__all__ = [
    "DEFAULT_SET",
    "Band",
    "BandTable",
    "Commitment",
    "CriteriaError",
    "CriteriaSet",
    "Criterion",
    "Definition",
    "Definitions",
    "Instrument",
    "Measure",
    "Notice",
    "ResolvedCriterion",
    "ResolvedSet",
    "Rule",
    "Source",
    "TargetValue",
    "Version",
    "list_sets",
    "load_definitions",
    "load_instruments",
    "load_measures",
    "load_notice",
    "load_set",
]
