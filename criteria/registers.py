"""Frozen records beside the criteria: named definitions, and the commitments of a notice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from criteria.model import Source


@dataclass(frozen=True)
class Definition:
    """A named, versioned way to count. `text` holds its Vietnamese description by topic."""

    name: str
    version: int
    label: str
    text: Mapping[str, str]
    source: Source
    provenance: str

    @property
    def tag(self) -> str:
        """Name and version, as stored beside every figure, for example `qd766@1`."""
        return f"{self.name}@{self.version}"


@dataclass(frozen=True)
class Definitions:
    """All definitions of one thing (overdue, online_rate) and the default."""

    thing: str
    default: str
    by_name: Mapping[str, Definition]


@dataclass(frozen=True)
class Commitment:
    """One figure of the notice. `value` is a number, a grade or `{"target": name}`."""

    code: str
    label: str
    kind: Literal["measure", "declared", "grade"]
    op: str
    value: Any
    paragraph: str
    deadline: date
    owner: str
    provenance: str
    measure: str | None = None
    criterion: str | None = None


@dataclass(frozen=True)
class Notice:
    """A notice as a register of commitments. `source` cites it without a paragraph."""

    key: str
    citation: str
    unit: str
    year: int
    commitments: tuple[Commitment, ...]
