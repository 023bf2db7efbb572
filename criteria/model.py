"""Frozen records of a criteria set, and what a set says on one day.

Nothing here computes a point: a record says which rule applies, with which numbers, from which clause.
Units: points (max_points), share (0..1) for rates and targets, days are calendar dates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import date
from typing import Any, Literal, TypeVar

Provenance = Literal["official", "reconstructed", "assumed"]
PROVENANCES: tuple[str, ...] = ("official", "reconstructed", "assumed")
KINDS: tuple[str, ...] = ("base", "bonus", "penalty")
DECLARED_KINDS: tuple[str, ...] = ("yes_no", "share", "count", "days", "level")
NO_DATA: tuple[str, ...] = ("no_data", "not_applicable")
ZERO_DENOMINATOR: tuple[str, ...] = ("no_data", "not_applicable", "full", "zero")
DIRECTIONS: tuple[str, ...] = ("higher", "lower")
RECOVERS: tuple[str, ...] = ("new", "existing", "budget", "none")


class NotInForceError(LookupError):
    """A set, a target or a table of bands says nothing for the day asked about."""


@dataclass(frozen=True)
class Instrument:
    """One legal text. Grain: instrument. Missing number, date or title means it was not seen."""

    key: str
    number: str | None
    issuer: str
    date: date | None
    title: str | None
    status: Literal["found", "unknown"]
    seen_in: str | None = None
    note: str | None = None
    short: str | None = None

    @property
    def citation(self) -> str:
        """The shortest name an official recognises."""
        return self.number or self.short or self.title or self.key


@dataclass(frozen=True)
class Source:
    """Where a figure comes from: the instrument's key, its citation and the clause."""

    instrument: str
    clause: str
    citation: str

    def __str__(self) -> str:
        return f"{self.citation}, {self.clause}"


@dataclass(frozen=True)
class Measure:
    """A count or a rate that a criterion may use. `recover` says how a missing numerator is made good."""

    name: str
    label: str
    unit: Literal["share", "count"]
    numerator: str
    denominator: str | None
    recover: str


@dataclass(frozen=True)
class TargetValue:
    """A target of one level from one day on. Unit: share. `known` is false when the figure was not found."""

    name: str
    label: str
    unit: str
    level: str
    in_force_from: date
    value: float
    known: bool
    source: Source
    provenance: str
    note: str | None = None
    range: tuple[float, float] | None = None


@dataclass(frozen=True)
class Rule:
    """A rule family and its parameters; a parameter may be `{"target": name}` until it is resolved."""

    family: str
    params: Mapping[str, Any]


@dataclass(frozen=True)
class Version:
    """What a criterion says from one day on. `rule` and `max_points` are None once it is repealed."""

    in_force_from: date
    max_points: float | None
    rule: Rule | None
    source: Source
    provenance: str

    @property
    def repealed(self) -> bool:
        return self.rule is None


@dataclass(frozen=True)
class Criterion:
    """One leaf criterion with all its versions. Exactly one of measure, inputs, declared is given."""

    code: str
    section: str
    label: str
    unit: str
    direction: str
    owner: str
    versions: tuple[Version, ...]
    kind: str = "base"
    measure: str | None = None
    declared: str | None = None
    inputs: Mapping[str, str] = field(default_factory=dict)
    no_data: str = "no_data"
    zero_denominator: str = "no_data"
    out_of: float | None = None
    levels: tuple[str, ...] = ()
    measure_args: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Band:
    """A grade: at_least <= index < below, in points of 100. None means open on that side."""

    grade: str
    at_least: float | None
    below: float | None


@dataclass(frozen=True)
class BandTable:
    """The grades from one day on, best first."""

    in_force_from: date
    bands: tuple[Band, ...]
    source: Source
    provenance: str
    note: str | None = None

    @property
    def grades(self) -> tuple[str, ...]:
        return tuple(b.grade for b in self.bands)


@dataclass(frozen=True)
class Appraiser:
    """Who appraises the self-score from one day on."""

    in_force_from: date
    name: str
    source: Source


@dataclass(frozen=True)
class SampleRule:
    """How many forms a survey needs: n = N / (1 + N·error²), from a measure of forms and one of the population."""

    forms: str
    population: str
    error: float
    source: Source
    provenance: str


@dataclass(frozen=True)
class Section:
    """A section and its legal maximum. `history`: every maximum by its first day, ascending; `max_points` is the day's."""

    code: str
    label: str
    max_points: float
    history: tuple[tuple[date, float], ...] = ()

    def on(self, day: date) -> Section:
        """The section with the maximum of `day` (the first one before any)."""
        past = [points for first, points in self.history if first <= day]
        points = past[-1] if past else self.history[0][1] if self.history else self.max_points
        return replace(self, max_points=points)


_T = TypeVar("_T", Version, TargetValue, BandTable, Appraiser)


def in_force(versions: Sequence[_T], day: date) -> _T | None:
    """The last version whose first day is not after `day`, or None."""
    found = [v for v in versions if v.in_force_from <= day]
    return max(found, key=lambda v: v.in_force_from) if found else None


@dataclass(frozen=True)
class ResolvedCriterion:
    """A criterion on one day: targets are numbers, `max_points` and `rule` are None before its first day."""

    code: str
    section: str
    label: str
    unit: str
    direction: str
    owner: str
    kind: str
    measure: str | None
    declared: str | None
    inputs: Mapping[str, str]
    no_data: str
    zero_denominator: str
    out_of: float | None
    levels: tuple[str, ...]
    measure_args: Mapping[str, Any]
    measure_info: Measure | None
    max_points: float | None
    rule: Rule | None
    targets: Mapping[str, TargetValue]
    source: Source | None
    provenance: str | None
    starts: date
    in_force_from: date | None = None

    @property
    def yet_in_force(self) -> bool:
        return self.rule is not None

    @property
    def clause(self) -> str | None:
        return str(self.source) if self.source else None


@dataclass(frozen=True)
class _Head:
    """What a set says of itself on every day.

    subject: what is scored, commune or official. definitions: the definition of each thing (overdue…) that the set prescribes.
    grading_scale: what the grade bands are written on (100 for percent, 18 for eighteen points).
    ranking_within: `all` subjects together, or `commune` for officials ranked among their own commune's.
    hash: the sha256 of the set's canonical content.
    """

    name: str
    label: str
    label_en: str
    subject: str
    level: str
    total: float
    sections: Mapping[str, Section]
    measures: Mapping[str, Measure]
    decimals: int
    bonus_limit: float
    ranking_method: str
    ranking_basis: str
    ranking_within: str
    grading_basis: str
    grading_scale: float
    min_scored_share: float
    definitions: Mapping[str, str]
    sample: SampleRule | None
    provenance: str
    warning: str | None
    hash: str


@dataclass(frozen=True)
class ResolvedSet(_Head):
    """What a criteria set says on one day. Grain of `criteria`: leaf criterion, repealed ones left out."""

    day: date
    criteria: tuple[ResolvedCriterion, ...]
    bands: BandTable
    appraiser: Appraiser | None
    targets: Mapping[str, TargetValue]

    def criterion(self, code: str) -> ResolvedCriterion:
        """Raises KeyError for a code the set does not have on this day."""
        for c in self.criteria:
            if c.code == code:
                return c
        raise KeyError(code)

    @property
    def unknown_targets(self) -> tuple[TargetValue, ...]:
        """Targets in use whose figure was never found: to be shown beside every result."""
        used = {t.name: t for c in self.criteria for t in c.targets.values() if not t.known}
        return tuple(used.values())


@dataclass(frozen=True)
class CriteriaSet(_Head):
    """A dated criteria set: all versions of everything. `sections` carry the maxima that hold last."""

    in_force_from: date
    source: Source
    criteria: tuple[Criterion, ...]
    targets: Mapping[str, tuple[TargetValue, ...]]
    band_tables: tuple[BandTable, ...]
    appraisers: tuple[Appraiser, ...]

    def target(self, name: str, day: date) -> TargetValue:
        """Raises NotInForceError when the target is unknown at the set's level or not yet dated."""
        found = in_force([t for t in self.targets.get(name, ()) if t.level == self.level], day)
        if found is None:
            raise NotInForceError(f"{self.name}: target {name} ({self.level}) says nothing for {day}")
        return found

    def at(self, day: date) -> ResolvedSet:
        """The set as it stands on `day`. Raises NotInForceError for a rule whose target has no date."""
        resolved = [r for c in self.criteria if (r := self._resolve(c, day)) is not None]
        targets = {}
        for name in self.targets:
            found = in_force([t for t in self.targets[name] if t.level == self.level], day)
            if found is not None:
                targets[name] = found
        head = {f.name: getattr(self, f.name) for f in fields(_Head)}
        return ResolvedSet(
            **(head | {"sections": {code: section.on(day) for code, section in self.sections.items()}}),
            day=day,
            criteria=tuple(resolved),
            bands=in_force(self.band_tables, day) or self.band_tables[0],
            appraiser=in_force(self.appraisers, day),
            targets=targets,
        )

    def _resolve(self, c: Criterion, day: date) -> ResolvedCriterion | None:
        version = in_force(c.versions, day)
        if version is not None and version.repealed:
            return None
        used: dict[str, TargetValue] = {}

        def fill(name: str, value: Any) -> Any:
            if isinstance(value, Mapping):
                if set(value) == {"target"}:
                    used[name] = self.target(str(value["target"]), day)
                    return used[name].value
                return {k: fill(k, v) for k, v in value.items()}
            if isinstance(value, (list, tuple)):
                return [fill(name, v) for v in value]
            return value

        rule = None
        if version is not None and version.rule is not None:
            rule = Rule(version.rule.family, {k: fill(k, v) for k, v in version.rule.params.items()})
        return ResolvedCriterion(
            code=c.code,
            section=c.section,
            label=c.label,
            unit=c.unit,
            direction=c.direction,
            owner=c.owner,
            kind=c.kind,
            measure=c.measure,
            declared=c.declared,
            inputs=c.inputs,
            no_data=c.no_data,
            zero_denominator=c.zero_denominator,
            out_of=c.out_of,
            levels=c.levels,
            measure_args=c.measure_args,
            measure_info=self.measures.get(c.measure) if c.measure else None,
            max_points=version.max_points if version else None,
            rule=rule,
            targets=used,
            source=version.source if version else None,
            provenance=version.provenance if version else None,
            starts=c.versions[0].in_force_from,
            in_force_from=version.in_force_from if version else None,
        )
