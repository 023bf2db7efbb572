"""What each rule family expects in YAML. scoring.rules implements the families; a test compares the two."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

OPERATORS: Final = (">=", ">", "<=", "<", "==")


@dataclass(frozen=True)
class Param:
    """kind: number | positive | share | sign | shares | steps_from | steps_upto | levels."""

    kind: str
    required: bool = True


_UP = Param("positive")
RULE_SPECS: Final[Mapping[str, Mapping[str, Param]]] = {
    "yes_no": {"at_least": Param("positive", False)},
    "per_item": {"per_item": _UP},
    "breach": {"light_share": Param("share", False)},
    "graded_share": {"shares": Param("shares")},
    "capped_ratio": {"target": _UP},
    "survey_index": {"target": Param("positive", False)},
    "linear": {},
    "falling_linear": {"full_below": Param("share"), "zero_at": Param("share")},
    "steps": {"steps": Param("steps_from"), "otherwise": Param("number", False)},
    "steps_down": {"steps": Param("steps_upto"), "otherwise": Param("number", False)},
    "compound_steps": {"levels": Param("levels"), "otherwise": Param("number", False)},
    "plan_completion": {"full_at": Param("positive", False), "ratio_from": Param("share", False)},
    "penalty_per_event": {"per_event": _UP, "floor": Param("number", False)},
    "penalty_per_percent": {"per_percent": _UP, "floor": Param("number", False)},
    "bonus_penalty": {"per_event": _UP, "sign": Param("sign", False)},
}
# Families that only make sense when a higher (or a lower) value is the better one.
HIGHER_IS_BETTER: Final = frozenset(
    {
        "yes_no",
        "per_item",
        "graded_share",
        "capped_ratio",
        "survey_index",
        "linear",
        "steps",
        "plan_completion",
    }
)
LOWER_IS_BETTER: Final = frozenset({"breach", "falling_linear", "steps_down", "penalty_per_event", "penalty_per_percent"})
# The kinds of value that a family can be used on: elsewhere it would give points that nobody meant (7 of "7 posts" is not 700 %).
TAKES: Final[Mapping[str, tuple[str, ...]]] = {
    "yes_no": ("yes_no", "count", "share"),
    "per_item": ("count",),
    "breach": ("level",),
    "graded_share": ("level",),
    "capped_ratio": ("share",),
    "survey_index": ("share",),
    "linear": ("share",),
    "falling_linear": ("share",),
    "steps": ("share", "count", "level"),
    "steps_down": ("share", "count", "level"),
    "plan_completion": ("share",),
    "penalty_per_event": ("count",),
    "penalty_per_percent": ("share",),
    "bonus_penalty": ("count", "yes_no", "level"),
}
