"""The reasons for which points may be overridden, as data: `override_reasons.yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from criteria.loader import ROOT, CriteriaError, read_yaml
from criteria.model import PROVENANCES


@dataclass(frozen=True)
class OverrideReason:
    """One reason. evidence: what has to be shown for it."""

    code: str
    label: str
    evidence: str
    provenance: str


@lru_cache(maxsize=4)
def load_override_reasons(root: Path | None = None) -> Mapping[str, OverrideReason]:
    """The reasons by code. Raises CriteriaError for an entry without label, evidence or a known provenance."""
    path = (root or ROOT) / "override_reasons.yaml"
    found = {}
    for code, entry in read_yaml(path).items():
        fields = entry if isinstance(entry, dict) else {}
        if set(fields) != {"label", "evidence", "provenance"} or not all(fields.values()):
            raise CriteriaError(f"{path}: {code}: cần đủ label, evidence và provenance")
        if fields["provenance"] not in PROVENANCES:
            raise CriteriaError(f"{path}: {code}: provenance «{fields['provenance']}» không hợp lệ")
        found[str(code)] = OverrideReason(str(code), **fields)
    return found
