"""Who the communes are and how they differ: size, quality, and the settings a test may turn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

BASE_YEAR = 2023
# Tags keep the random streams of one commune and year apart from one another.
DOSSIERS, SURVEYS, REVIEWS, TASKS, INITIATIVES, DECLARATIONS, RESULTS, DRIFT, INVENTED = range(9)


@dataclass(frozen=True)
class Settings:
    """What a test may vary.

    Units: late_level factor on the odds of being late · volume_growth share per year · online_growth logit per
    year · drift standard deviation of the yearly logit walk of each commune's lateness and online share · noise
    standard deviation of the monthly logit noise · scale factor on volumes · survey_forms mean forms per day.
    """

    late_level: float = 1.0
    volume_growth: float = 0.04
    online_growth: float = 0.35
    drift: float = 0.10
    noise: float = 0.15
    scale: float = 1.0
    survey_forms: float = 1.6


@dataclass(frozen=True)
class Commune:
    """One commune of the invented world.

    Units: volume dossiers a year in 2023 · quality 0 (weak) … 1 (exemplary) · prefix of its dossier codes.
    """

    unit_code: str
    label: str
    name: str
    number: int
    prefix: str
    volume: float
    quality: float


# (volume a year, quality); the order of the quality is the intended order of the district table
DISTRICT: dict[str, tuple[int, float]] = {
    "22489": (3000, 0.84),
    "22492": (1500, 0.52),
    "22495": (1300, 0.62),
    "22498": (1250, 0.44),
    "22501": (1400, 0.95),
    "22504": (900, 0.30),
    "22507": (1250, 0.58),
    "22510": (1900, 0.73),
    "22513": (2300, 0.79),
    "22516": (2000, 0.68),
    "22519": (900, 0.05),
    "22522": (700, 0.18),
    "22525": (1700, 0.48),
}
DAI_LANH = "22492"


def stream(seed: int, number: int, year: int, tag: int) -> np.random.Generator:
    """The random stream of one commune, year and subject; independent of every other."""
    return np.random.default_rng(np.random.SeedSequence([seed, number, year, tag]))


def drift(seed: int, number: int, year: int, settings: Settings) -> tuple[float, float]:
    """Logit distance of lateness and of online filing from the base year: a random walk, one step a year."""
    steps = range(BASE_YEAR + 1, year + 1) if year >= BASE_YEAR else range(year + 1, BASE_YEAR + 1)
    sign = 1.0 if year >= BASE_YEAR else -1.0
    total = np.zeros(2)
    for step in steps:
        total += stream(seed, number, step, DRIFT).normal(0.0, settings.drift, 2)
    late, online = sign * total
    return float(late), float(online) + settings.online_growth * (year - BASE_YEAR)


def logit(share: float) -> float:
    """Log odds of a share between 0 and 1."""
    return float(np.log(share / (1.0 - share)))


def expit(value: np.ndarray) -> np.ndarray:
    """Share of log odds."""
    return np.asarray(1.0 / (1.0 + np.exp(-value)))
