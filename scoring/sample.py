"""Whether a survey has forms enough: n = N / (1 + N·e²), rounded up.

N is the population served in the period, e the error allowed. The satisfaction survey of the Ministry of Home Affairs
(SIPAS) sets its sample by this formula with e = 5 %; a set says its own N, e and source under `sample:`.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Final

ENOUGH: Final = "enough"
TOO_SMALL: Final = "too_small"
NO_POPULATION: Final = "no_population"
UNKNOWN: Final = "unknown"


@dataclass(frozen=True)
class SampleCheck:
    """Forms at hand against forms needed. status: enough | too_small | no_population (N = 0) | unknown (N or forms)."""

    forms: int | None
    population: int | None
    needed: int | None
    status: str

    @property
    def enough(self) -> bool | None:
        """None when it cannot be said."""
        return {ENOUGH: True, TOO_SMALL: False}.get(self.status)


def forms_needed(population: int, error: float) -> int:
    """The forms needed of a population, rounded up; 0 of nobody. Exact: `error` is the decimal fraction as written, /1.

    Raises: ValueError for a negative population or an error outside (0, 1).
    """
    if population < 0 or not 0 < error < 1:
        raise ValueError(f"no sample of {population} with an error of {error}")
    e = Fraction(repr(float(error)))
    n = Fraction(population) / (1 + population * e * e)
    return -(-n.numerator // n.denominator)


def check_sample(forms: int | None, population: int | None, error: float) -> SampleCheck:
    """Forms against forms needed; a part that is not known is a status, never 0. Raises: as `forms_needed`."""
    if population is None:
        return SampleCheck(forms, None, None, UNKNOWN)
    needed = forms_needed(population, error)
    if population == 0:
        return SampleCheck(forms, 0, 0, NO_POPULATION)
    if forms is None:
        return SampleCheck(None, population, needed, UNKNOWN)
    return SampleCheck(forms, population, needed, ENOUGH if forms >= needed else TOO_SMALL)
