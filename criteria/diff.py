"""What differs between two criteria sets, or between two days of one: pure, on sets resolved to a day.

A change names the criterion (or target, section, setting), what it said before and after, and the clause of each side.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from criteria.model import Appraiser, BandTable, ResolvedCriterion, ResolvedSet, SampleRule, Section, Source, TargetValue

SET: Final = "set"
_INPUT: Final = ("measure", "declared", "inputs", "measure_args", "out_of", "levels")
_FIELDS: Final = ("label", "kind", "unit", "direction", "owner", "no_data", "zero_denominator")
_SETTINGS: Final = (
    "label subject level total decimals bonus_limit ranking_method ranking_basis ranking_within grading_basis grading_scale "
    "min_scored_share"
).split()


@dataclass(frozen=True)
class Change:
    """One difference.

    kind: added | repealed | points | rule | parameter | input | field | target | section | bands | definition | sample |
    appraiser | setting | source | provenance. code: criterion, target or section code, `set` for the whole set.
    what: the parameter, field or setting. before, after: plain values, None where that side has nothing.
    """

    kind: str
    code: str
    label: str
    what: str
    before: Any
    after: Any
    clause_before: str | None
    clause_after: str | None


@dataclass(frozen=True)
class MovedPoints:
    """Sums of maximum points, unit: points. moved is the sum of the four without sign, net what the maximum grew by."""

    added: float
    repealed: float
    raised: float
    lowered: float

    @property
    def moved(self) -> float:
        return _exact(self.added + self.repealed + self.raised + self.lowered)

    @property
    def net(self) -> float:
        return _exact(self.added + self.raised - self.repealed - self.lowered)


@dataclass(frozen=True)
class Difference:
    """All changes from one side to the other: those of the set first, then by section and criterion as they are listed."""

    changes: tuple[Change, ...]
    points: MovedPoints


def compare(before: ResolvedSet, after: ResolvedSet) -> Difference:
    """What changed from `before` to `after`. A criterion that is not yet in force counts as absent."""
    old = {c.code: c for c in before.criteria if c.yet_in_force}
    new = {c.code: c for c in after.criteria if c.yet_in_force}
    changes = [*_of_set(before, after), *_targets(before.targets, after.targets)]
    for code in [*old, *(c for c in new if c not in old)]:
        changes.extend(_criterion(old.get(code), new.get(code)))
    return Difference(tuple(changes), _moved(old, new))


def _exact(points: float) -> float:
    """Sums of hundredths, without the dust of binary fractions."""
    return round(points, 2)


def _moved(old: Mapping[str, ResolvedCriterion], new: Mapping[str, ResolvedCriterion]) -> MovedPoints:
    grown = [(new[c].max_points or 0) - (old[c].max_points or 0) for c in old if c in new]
    return MovedPoints(
        added=_exact(sum(new[c].max_points or 0 for c in new if c not in old)),
        repealed=_exact(sum(old[c].max_points or 0 for c in old if c not in new)),
        raised=_exact(sum(g for g in grown if g > 0)),
        lowered=_exact(-sum(g for g in grown if g < 0)),
    )


def _of_set(a: ResolvedSet, b: ResolvedSet) -> Iterator[Change]:
    def change(kind: str, what: str, old: Any, new: Any, before: Source | None = None, after: Source | None = None) -> Change:
        return Change(kind, SET, b.label, what, old, new, _clause(before), _clause(after))

    for name in _SETTINGS:
        if getattr(a, name) != getattr(b, name):
            yield change("setting", name, getattr(a, name), getattr(b, name))
    if a.provenance != b.provenance:
        yield change("provenance", "provenance", a.provenance, b.provenance)
    for thing in sorted({*a.definitions, *b.definitions}):
        if a.definitions.get(thing) != b.definitions.get(thing):
            yield change("definition", thing, a.definitions.get(thing), b.definitions.get(thing))
    old_rule, new_rule = a.sample, b.sample
    if old_rule != new_rule:
        yield change("sample", "sample", _sample(old_rule), _sample(new_rule), _source(old_rule), _source(new_rule))
    if a.appraiser != b.appraiser:
        names = (a.appraiser.name if a.appraiser else None), (b.appraiser.name if b.appraiser else None)
        yield change("appraiser", "name", *names, _source(a.appraiser), _source(b.appraiser))
    if _bands(a.bands) != _bands(b.bands):
        yield change("bands", "bands", _bands(a.bands), _bands(b.bands), a.bands.source, b.bands.source)
    elif a.bands.source != b.bands.source:
        yield change("source", "bands", str(a.bands.source), str(b.bands.source), a.bands.source, b.bands.source)
    if a.bands.provenance != b.bands.provenance:
        yield change("provenance", "bands", a.bands.provenance, b.bands.provenance, a.bands.source, b.bands.source)
    for code in [*a.sections, *(s for s in b.sections if s not in a.sections)]:
        old, new = a.sections.get(code), b.sections.get(code)
        there = new or old
        if old != new and there is not None:
            yield Change("section", code, there.label, "section", _section(old), _section(new), None, None)


def _section(section: Section | None) -> dict[str, Any] | None:
    return {"label": section.label, "max_points": section.max_points} if section else None


def _sample(rule: SampleRule | None) -> dict[str, Any] | None:
    return {"forms": rule.forms, "population": rule.population, "error": rule.error} if rule else None


def _source(dated: SampleRule | Appraiser | TargetValue | None) -> Source | None:
    return dated.source if dated else None


def _bands(table: BandTable) -> list[dict[str, Any]]:
    return [{"grade": b.grade, "from": b.at_least, "below": b.below} for b in table.bands]


def _targets(a: Mapping[str, TargetValue], b: Mapping[str, TargetValue]) -> Iterator[Change]:
    for name in [*a, *(t for t in b if t not in a)]:
        old, new = a.get(name), b.get(name)
        before, after = _clause(_source(old)), _clause(_source(new))
        there = new or old
        label = there.label if there else name
        found = [what for what in ("value", "known") if getattr(old, what, None) != getattr(new, what, None)]
        for what in found:
            yield Change("target", name, label, what, getattr(old, what, None), getattr(new, what, None), before, after)
        if old and new and not found and old.source != new.source:  # else the clauses of the change tell it
            yield Change("source", name, label, "target", before, after, before, after)
        if old and new and "known" not in found and old.provenance != new.provenance:  # known is official and the reverse
            yield Change("provenance", name, label, "target", old.provenance, new.provenance, before, after)


def _criterion(old: ResolvedCriterion | None, new: ResolvedCriterion | None) -> Iterator[Change]:
    if old is None or new is None:
        there = new or old
        assert there is not None
        kind = "added" if new else "repealed"
        before, after = (old.max_points if old else None), (new.max_points if new else None)
        clauses = (old.clause if old else None), (new.clause if new else None)
        yield Change(kind, there.code, there.label, "max_points", before, after, *clauses)
        return

    def change(kind: str, what: str, before: Any, after: Any) -> Change:
        return Change(kind, new.code, new.label, what, before, after, old.clause, new.clause)

    if old.max_points != new.max_points:
        yield change("points", "max_points", old.max_points, new.max_points)
    yield from (change(*c) for c in _rule(old, new))
    for name in _INPUT:
        before, after = _plain(getattr(old, name)), _plain(getattr(new, name))
        if before != after:
            yield change("input", name, before, after)
    for name in _FIELDS:
        if getattr(old, name) != getattr(new, name):
            yield change("field", name, getattr(old, name), getattr(new, name))
    if old.clause != new.clause:
        yield change("source", "source", old.clause, new.clause)
    if old.provenance != new.provenance:
        yield change("provenance", "provenance", old.provenance, new.provenance)


def _rule(old: ResolvedCriterion, new: ResolvedCriterion) -> Iterator[tuple[str, str, Any, Any]]:
    """The family, else each parameter. A parameter fed by the same target on both sides is the target's change, not ours."""
    a, b = old.rule, new.rule
    assert a is not None and b is not None
    if a.family != b.family:
        yield "rule", "rule", {a.family: _plain(a.params)}, {b.family: _plain(b.params)}
        return
    for name in [*a.params, *(p for p in b.params if p not in a.params)]:
        fed = [c.targets[name].name if name in c.targets else None for c in (old, new)]
        if fed[0] != fed[1]:
            said = [{"target": t} if t else _plain(c.params.get(name)) for t, c in zip(fed, (a, b), strict=True)]
            yield "parameter", name, said[0], said[1]
        elif fed[0] is None and _plain(a.params.get(name)) != _plain(b.params.get(name)):
            yield "parameter", name, _plain(a.params.get(name)), _plain(b.params.get(name))


def _clause(source: Source | None) -> str | None:
    return str(source) if source else None


def _plain(value: Any) -> Any:
    """Lists and dicts of plain values; an empty one is None, so that `missing` and `empty` are the same."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()} or None
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value] or None
    return value
