"""A criterion's rule as a Vietnamese reader would say it: `rule_words(rule, max_points, …)`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from criteria.loader import load_definitions, load_measures
from criteria.model import Rule, TargetValue
from messages import fmt

_OPERATORS: Final = {">=": "từ", ">": "trên", "<=": "đến", "<": "dưới", "==": "bằng"}


@dataclass(frozen=True)
class _Said:
    """What the words need: the parameters, the maximum, how a value of the criterion is written, and the targets."""

    params: Mapping[str, Any]
    max_points: float
    share: bool
    unit: str
    levels: Sequence[str]
    targets: Mapping[str, TargetValue]
    inputs: Mapping[str, str]

    def input(self, name: str) -> str:
        """An input of a compound rule: what its measure is called, or the declared value's own name."""
        measure = load_measures().get(self.inputs.get(name, ""))
        return _small(measure.label if measure else self.unit if name == "declared" else name)

    def is_share(self, name: str) -> bool:
        """Whether an input of a compound rule is a share; a count is compared with a plain number."""
        measure = load_measures().get(self.inputs.get(name, ""))
        return measure.unit == "share" if measure else self.share

    def value(self, value: Any, share: bool | None = None) -> str:
        """A threshold: a percentage for shares, else a number; a target with its name, and loud when it was not found."""
        if isinstance(value, Mapping) and set(value) == {"target"}:
            target = self.targets.get(value["target"])
            if target is None:
                return f"chỉ tiêu «{value['target']}»"
            unknown = "" if target.known else ", CHƯA RÕ"
            return f"{fmt.percent(target.value)} (chỉ tiêu «{target.name}»{unknown})"
        as_share = self.share if share is None else share
        return fmt.percent(value) if as_share else fmt.number(value, 4)

    def of(self, name: str, default: Any = None, share: bool | None = None) -> str:
        return self.value(self.params.get(name, default), share)

    def points(self, name: str, default: float = 0.0) -> str:
        return fmt.number(self.params.get(name, default), 4)

    @property
    def full(self) -> str:
        return f"{fmt.number(self.max_points, 4)} điểm"


def measure_label(name: str) -> str:
    """What a measure is called; its own name when it is not known (any longer)."""
    known = load_measures()
    if name in known:
        return known[name].label
    base = next((other for other in load_definitions("online_rate").by_name if name == f"online_rate_{other}"), None)
    if base is None:
        return name
    return f"{known['online_rate'].label} ({load_definitions('online_rate').by_name[base].label.lower()})"


def definition_label(name: str) -> str:
    """A definition of late as people call it, with the name to type: `qd766@1` → "QĐ 766/QĐ-TTg (qd766@1)"."""
    known = load_definitions("overdue").by_name.get(name.partition("@")[0])
    return f"{known.label} ({name})" if known else name


class Judged(Protocol):
    """What the words need of a criterion, whether it is one of a set, one of a day, or a leaf of a trace."""

    @property
    def declared(self) -> str | None: ...
    @property
    def measure(self) -> str | None: ...
    @property
    def inputs(self) -> Mapping[str, str]: ...
    @property
    def unit(self) -> str: ...
    @property
    def levels(self) -> Sequence[str]: ...


def rule_words(rule: Rule, max_points: float, criterion: Judged, targets: Mapping[str, TargetValue] | None = None) -> str:
    """The rule in words. `targets`: name → value, for the thresholds that a target gives. An unknown family is shown as it is."""
    share = criterion.declared == "share" or (bool(criterion.measure) and criterion.unit == "share")
    said = _Said(rule.params, max_points, share, criterion.unit, criterion.levels, targets or {}, criterion.inputs)
    writer = _WORDS.get(rule.family)
    return writer(said) if writer else f"{rule.family} {dict(rule.params)}"


def _small(text: str) -> str:
    return text[:1].lower() + text[1:]


def _yes_no(s: _Said) -> str:
    need = f"đạt từ {s.of('at_least')}" if "at_least" in s.params else "có"
    return f"{need}: {s.full}; không: 0"


def _capped(s: _Said) -> str:
    return f"đạt từ {s.of('target', 1, True)}: {s.full}; thấp hơn: theo tỷ lệ so với mức đó"


def _steps(s: _Said, edge: str, word: str) -> str:
    parts = [f"{word} {s.value(step[edge])}: {fmt.number(step['points'], 4)} điểm" for step in s.params["steps"]]
    return "; ".join([*parts, f"còn lại: {s.points('otherwise')}"])


def _compound(s: _Said) -> str:
    parts = []
    for level in s.params["levels"]:
        every = " và ".join(
            f"{s.input(c['input'])} {_OPERATORS[c['op']]} {s.value(c['value'], s.is_share(c['input']))}" for c in level["all"]
        )
        parts.append(f"{every}: {fmt.number(level['points'], 4)} điểm")
    return "; ".join([*parts, f"còn lại: {s.points('otherwise')}"])


def _graded(s: _Said) -> str:
    names = [*s.levels, *(f"mức {k}" for k in range(len(s.levels), len(s.params["shares"])))]
    return "; ".join(f"{name}: {fmt.percent(share)}" for name, share in zip(names, s.params["shares"])) + f" của {s.full}"


def _plan(s: _Said) -> str:
    low, high = s.of("ratio_from", 0.8, True), s.of("full_at", 1.0, True)
    return f"hoàn thành từ {high}: {s.full}; từ {low}: theo tỷ lệ; dưới {low}: 0"


def _floor(s: _Said) -> str:
    return f", không dưới {s.points('floor')}"


_WORDS: Final[Mapping[str, Callable[[_Said], str]]] = {
    "yes_no": _yes_no,
    "per_item": lambda s: f"mỗi {s.unit}: {s.points('per_item')} điểm, tối đa {s.full}",
    "breach": lambda s: f"không vi phạm: {s.full}; nhẹ: {s.of('light_share', 0.5, True)}; nghiêm trọng: 0",
    "graded_share": _graded,
    "capped_ratio": _capped,
    "survey_index": _capped,
    "linear": lambda s: f"tỷ lệ đạt × {s.full}",
    "falling_linear": lambda s: (
        f"dưới {s.of('full_below', None, True)}: {s.full}; giảm đều đến 0 tại {s.of('zero_at', None, True)}"
    ),
    "steps": lambda s: _steps(s, "from", "từ"),
    "steps_down": lambda s: _steps(s, "upto", "đến"),
    "compound_steps": _compound,
    "plan_completion": _plan,
    "penalty_per_event": lambda s: f"{s.full}, mỗi {s.unit} trừ {s.points('per_event')} điểm{_floor(s)}",
    "penalty_per_percent": lambda s: f"{s.full}, mỗi 1{fmt.NBSP}% trừ {s.points('per_percent')} điểm{_floor(s)}",
    "bonus_penalty": lambda s: (
        f"{'cộng' if s.params.get('sign', 1) > 0 else 'trừ'} {s.points('per_event')} điểm mỗi {s.unit}, tối đa {s.full}"
    ),
}
