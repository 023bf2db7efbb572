"""How much a rate of few cases says: the level of its interval and the number of cases below which it is too few."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import yaml

from criteria.loader import CriteriaError
from criteria.model import PROVENANCES

FILE = Path(__file__).with_name("judgement.yaml")


@dataclass(frozen=True)
class Judgement:
    """What `judgement.yaml` says. level: /1; too_few_below: cases; parts_per_case: measure → parts of the denominator."""

    level: float
    too_few_below: int
    parts_per_case: Mapping[str, int]
    not_sampled: frozenset[str]
    clause: str
    provenance: str
    why: str


@lru_cache(maxsize=8)
def load_judgement(path: Path = FILE) -> Judgement:
    """Return the thresholds of a file. Raises: CriteriaError naming the file and what is wrong with it."""
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
        found = Judgement(
            level=float(raw["level"]),
            too_few_below=int(raw["too_few_below"]),
            parts_per_case={str(name): int(parts) for name, parts in (raw.get("parts_per_case") or {}).items()},
            not_sampled=frozenset(raw.get("not_sampled") or ()),
            clause=str(raw["source"]["clause"]),
            provenance=str(raw["provenance"]),
            why=str(raw["why"]).strip(),
        )
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise CriteriaError(f"{path}: thiếu hoặc sai mục {error}") from error
    if not 0.5 <= found.level < 1:
        raise CriteriaError(f"{path}: level phải từ 0.5 đến dưới 1, không phải {found.level}")
    if found.too_few_below < 1 or any(parts < 1 for parts in found.parts_per_case.values()):
        raise CriteriaError(f"{path}: too_few_below và parts_per_case phải từ 1 trở lên")
    if found.provenance not in PROVENANCES:
        raise CriteriaError(f"{path}: provenance phải là một trong {', '.join(PROVENANCES)}")
    return found
