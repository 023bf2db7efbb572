"""Frozen records beside the criteria: named definitions, and the commitments of a notice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final, Literal

from criteria.model import Measure, Source


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


PACES: Final = ("rate", "cumulative", "every")
COMMITMENT_KINDS: Final = ("measure", "declared", "grade", "remedied", "improved")


@dataclass(frozen=True)
class Commitment:
    """One figure of a notice, and the rule by which it is judged before its deadline.

    kind: measure (a figure of the year) · declared (yes or no, by a criterion of the set or a declaration code of the notice's
    own) · grade (of the index) · remedied (criteria that lost points last year and still do) · improved (this year's figure less
    last year's: of `measure`, or of the index without one).
    value: a number, a grade or `{"target": name}`.
    pace: rate (judged at the deadline) · cumulative (a growing count) · every (no month, day or task may lack it).
    measure_args: `programme` names the programme whose tasks count.
    """

    code: str
    label: str
    kind: Literal["measure", "declared", "grade", "remedied", "improved"]
    op: str
    value: Any
    paragraph: str
    deadline: date
    owner: str
    provenance: str
    pace: Literal["rate", "cumulative", "every"]
    measure: str | None = None
    criterion: str | None = None
    declaration: str | None = None
    measure_args: Mapping[str, Any] = field(default_factory=dict)

    @property
    def input(self) -> str | None:
        """The name under which its measure's figure is given: the measure's, with the programme where one is named."""
        programme = self.measure_args.get("programme")
        return f"{self.measure}:{programme}" if programme else self.measure

    @property
    def declared_as(self) -> str:
        """The code under which a declared commitment stands in the declarations."""
        return str(self.criterion or self.declaration)

    @property
    def needs_last_year(self) -> bool:
        """Whether its figure compares with the year before."""
        return self.kind in ("remedied", "improved")


@dataclass(frozen=True)
class Notice:
    """A notice as a register of commitments. Grain: one document.

    name: the file without its ending. instrument: key of the document; citation names it without a paragraph.
    unit and year: whom and when it binds (the communes under a higher unit as well). criteria: the set that grades and whose
    targets and criteria it names. measures: what is known of the measures it names.
    """

    name: str
    instrument: str
    citation: str
    unit: str
    year: int
    criteria: str
    commitments: tuple[Commitment, ...]
    measures: Mapping[str, Measure]

    @property
    def needs_last_year(self) -> bool:
        return any(item.needs_last_year for item in self.commitments)
