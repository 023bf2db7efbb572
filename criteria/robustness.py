"""The ranges of weights, thresholds and definitions within which a ranking is tested: robustness.yaml as a record."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from criteria.loader import ROOT, CriteriaError, read_yaml

METHODS: tuple[str, ...] = ("dirichlet", "uniform")


@dataclass(frozen=True)
class Ranges:
    """concentration: of a Dirichlet around the legal weights. spread, band: relative. interval: two probabilities."""

    method: str
    concentration: float
    spread: float
    band: float
    vary_definitions: bool
    draws: int
    seed: int
    interval: tuple[float, float]
    sobol_points: int
    provenance: str
    note: str


def load_ranges(root: Path | None = None) -> Ranges:
    """Raises CriteriaError, naming the file and the entry, when an entry is missing or out of range."""
    path = (root or ROOT) / "robustness.yaml"
    data = read_yaml(path)
    try:
        weights = data["weights"]
        found = Ranges(
            method=str(weights["method"]),
            concentration=float(weights["concentration"]),
            spread=float(weights["spread"]),
            band=float(data["thresholds"]["band"]),
            vary_definitions=bool(data["definitions"]["vary"]),
            draws=int(data["draws"]),
            seed=int(data["seed"]),
            interval=(float(data["interval"][0]), float(data["interval"][1])),
            sobol_points=int(data["sobol_points"]),
            provenance=str(data["provenance"]),
            note=str(data["note"]).strip(),
        )
    except (KeyError, TypeError, IndexError, ValueError) as error:
        raise CriteriaError(f"{path}: thiếu hoặc sai mục {error}") from error
    wrong = [
        name
        for name, fits in (
            ("weights.method", found.method in METHODS),
            ("weights.concentration", found.concentration > 0),
            ("weights.spread", 0 <= found.spread < 1),
            ("thresholds.band", 0 <= found.band < 1),
            ("draws", found.draws >= 1),
            ("interval", 0 <= found.interval[0] <= found.interval[1] <= 1),
            ("sobol_points", found.sobol_points >= 2 and found.sobol_points & (found.sobol_points - 1) == 0),
        )
        if not fits
    ]
    if wrong:
        raise CriteriaError(f"{path}: ngoài phạm vi cho phép: {', '.join(wrong)}")
    return found
