"""Common random numbers: one stream for each seed, unit and variable, whatever other units and variables there are.

So one unit more or less changes nobody else's numbers, a question asked twice meets the same luck, and the first thousand
of ten thousand draws are those of a thousand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final

import numpy as np
from numpy.random.bit_generator import ISeedSequence
from numpy.typing import NDArray

Floats = NDArray[np.float64]
#: The "unit" of what happens to all units at once.
EVERYBODY: Final = ""


@dataclass(frozen=True)
class _Named(ISeedSequence):
    """A start of a generator that depends on a text alone: six times as quick to make as numpy's own, and as well mixed."""

    text: str

    def generate_state(self, n_words: int, dtype: Any = np.uint32) -> NDArray[Any]:
        size = n_words * np.dtype(dtype).itemsize
        return np.frombuffer(blake2b(self.text.encode(), digest_size=size).digest(), dtype=dtype)


def stream(seed: int, unit: str, name: str) -> np.random.Generator:
    """The generator of one unit and variable."""
    start: Any = _Named(f"{seed}\x00{unit}\x00{name}")  # any ISeedSequence will do; numpy's stub names its own class alone
    return np.random.Generator(np.random.SFC64(start))


def normals(seed: int, units: Sequence[str], name: str, draws: int) -> Floats:
    """(D, C) standard normal numbers, a column for each unit."""
    out = np.empty((len(units), draws))
    for row, unit in zip(out, units):
        stream(seed, unit, name).standard_normal(out=row)
    return out.T


def uniforms(seed: int, units: Sequence[str], name: str, draws: int) -> Floats:
    """(D, C) numbers in [0, 1), a column for each unit."""
    out = np.empty((len(units), draws))
    for row, unit in zip(out, units):
        stream(seed, unit, name).random(out=row)
    return out.T
