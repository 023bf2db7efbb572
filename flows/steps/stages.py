"""How long the stages of a piece of work take."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Stages:
    """A stop watch: the whole since it was made, and the stages by name (seconds)."""

    begun: float = field(default_factory=time.monotonic)
    took: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        begun = time.monotonic()
        try:
            yield
        finally:
            self.took[name] = round(self.took.get(name, 0.0) + time.monotonic() - begun, 3)

    @property
    def seconds(self) -> float:
        """Seconds since it was made."""
        return time.monotonic() - self.begun
