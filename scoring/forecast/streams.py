"""Common random numbers: one stream for each seed, unit and variable, whatever other units and variables there are.

So one unit more or less changes nobody else's numbers, a question asked twice meets the same luck, and the first thousand
of ten thousand draws are those of a thousand.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
#: The "unit" of what happens to all units at once.
EVERYBODY: Final = ""


def stream(seed: int, unit: str, name: str) -> np.random.Generator:
    """The generator of one unit and variable."""
    key = blake2b(f"{seed}\x00{unit}\x00{name}".encode(), digest_size=16).digest()
    return np.random.Generator(np.random.Philox(key=np.frombuffer(key, dtype=np.uint64)))


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
