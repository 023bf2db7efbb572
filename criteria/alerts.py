"""The rules of alerts as records: alerts.yaml, and what an installation changes of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from datetime import timedelta
from functools import lru_cache
from math import isfinite
from pathlib import Path
from typing import Any, Final, TypeGuard

from criteria.loader import ROOT, CriteriaError, read_yaml
from criteria.model import PROVENANCES

SEVERITIES: Final = ("info", "warn", "critical")
#: kind → (unit of its figure and threshold, what it asks of the entry beyond the common fields, whether its episodes end with
#: the year they are about).
KINDS: Final[Mapping[str, tuple[str, tuple[str, ...], bool]]] = {
    "measure": ("share", ("measure", "breached", "threshold", "min_cases"), True),
    "commitment": ("state", (), True),
    "survey_days": ("working_days", ("threshold", "window_days"), True),
    "review_months": ("none", ("grace_days",), True),
    "grade_chance": ("chance", ("breached", "threshold"), True),
    "rank_drop": ("places", ("threshold", "window_days"), True),
    "lost_points": ("points", ("threshold", "window_days"), True),
    "named_again": ("forms", ("threshold",), True),
    "due_soon": ("dossiers", ("threshold", "window_days"), False),
    "source_late": ("days", (), False),
    "file_rejected": ("none", ("window_days",), False),
    "night_missed": ("none", (), False),
    "stuck": ("none", (), False),
}
BREACHES: Final = (">=", ">", "<=", "<")
#: What an installation may change of a rule.
CHANGEABLE: Final = (
    "threshold", "clear_margin", "min_cases", "window_days", "grace_days", "for", "clear_for", "cool_down", "severity", "owner",
    "digest", "enabled",
)  # fmt: skip
_DURATION: Final = re.compile(r"(\d{1,4})(h|d)")
_OWN: Final = "Mức do cơ quan tự đặt trong alerts.yaml của bản cài."


@dataclass(frozen=True)
class AlertRule:
    """One rule. threshold: a number in `unit`, `{"target": name}`, or None where the kind has its own. lasts, clear_for,
    cool_down: how long it must be so before it opens, before it ends, and how long after its end it can't open again.
    clear_margin: in `unit`. min_cases: of the denominator. window_days: calendar days (rank_drop, lost_points,
    file_rejected) or working days (survey_days, due_soon). grace_days: calendar days after a month. todo: key of the sentence
    that says what to do. runbook: docs/runbooks/<runbook>.md. own: an installation changed its threshold.
    """

    name: str
    label: str
    kind: str
    lasts: timedelta
    clear_for: timedelta
    cool_down: timedelta
    severity: str
    owner: str
    digest: bool
    todo: str
    runbook: str
    provenance: str
    why: str
    threshold: float | Mapping[str, str] | None = None
    clear_margin: float = 0.0
    breached: str = ">="
    measure: str | None = None
    min_cases: int = 0
    window_days: int = 0
    grace_days: int = 0
    source: Mapping[str, str] | None = None
    enabled: bool = True
    own: bool = False

    @property
    def unit(self) -> str:
        """What the figure and the threshold count."""
        return KINDS[self.kind][0]

    @property
    def yearly(self) -> bool:
        """Whether an episode is about a year and ends with it."""
        return KINDS[self.kind][2]

    def margin_at(self, edge: float | None) -> float:
        """Return how far from a threshold is clear: no farther than the figure can go, or the alert could never end.

        What is too little ("<") is a share or a chance, what is too much may be none at all.
        """
        if edge is None:
            return self.clear_margin
        room = edge if self.breached in (">=", ">") else 1.0 - edge
        return min(self.clear_margin, max(room, 0.0))

    @property
    def target(self) -> str | None:
        """The target whose value is the threshold, if one is."""
        return str(self.threshold["target"]) if isinstance(self.threshold, Mapping) else None


#: What only some kinds use. A margin goes with a threshold that every entry of the kind has.
_SPECIAL: Final = ("measure", "breached", "threshold", "clear_margin", "min_cases", "window_days", "grace_days")
#: Fields of an entry → the fields of the record. `for` is no name for one.
_NAMES: Final = {"for": "lasts"}
_FIELDS: Final = tuple(f for f in fields(AlertRule) if f.name not in ("name", "own"))
FIELDS: Final = tuple({v: k for k, v in _NAMES.items()}.get(f.name, f.name) for f in _FIELDS)
REQUIRED: Final = tuple(name for name, f in zip(FIELDS, _FIELDS) if f.default is MISSING)


def duration(text: Any) -> timedelta:
    """Return what "12h" or "3d" mean. Raises: ValueError."""
    found = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise ValueError(f"«{text}» không phải khoảng thời gian như 12h hoặc 3d")
    number = int(found[1])
    return timedelta(hours=number) if found[2] == "h" else timedelta(days=number)


def load_alert_rules(
    overrides: Mapping[str, Mapping[str, Any]] | None = None, root: Path | None = None
) -> Mapping[str, AlertRule]:
    """Return the rules by name, in the order of the file. overrides: rule → CHANGEABLE fields of an installation.

    Raises: CriteriaError naming the rule, the field and what is wrong with it.
    """
    path = (root or ROOT) / "alerts.yaml"
    changed = overrides or {}
    entries = _entries(path)
    unknown = [name for name in changed if name not in entries]
    if unknown:
        raise CriteriaError(f"không có quy tắc cảnh báo «{unknown[0]}»; các quy tắc: {', '.join(entries)}")
    return {name: _rule(name, entry, changed.get(name, {}), path) for name, entry in entries.items()}


@lru_cache(maxsize=4)
def _entries(path: Path) -> Mapping[str, Mapping[str, Any]]:
    return {str(name): entry for name, entry in read_yaml(path).items()}


def _rule(name: str, entry: Any, change: Any, path: Path) -> AlertRule:
    if not isinstance(entry, Mapping):
        raise CriteriaError(f"{path}: {name}: phải là một danh mục")
    if not isinstance(change, Mapping):
        raise CriteriaError(f"{name}: phải là danh mục như threshold: 0.02")
    strange = sorted(set(map(str, change)) - set(CHANGEABLE))
    if strange:
        raise CriteriaError(f"{name}: không đổi được «{strange[0]}»; đổi được: {', '.join(CHANGEABLE)}")
    if isinstance(change.get("threshold"), Mapping):  # what is published is a target already
        raise CriteriaError(f"{name}: threshold phải là số; muốn dùng chỉ tiêu đã công bố thì bỏ mục này")
    problems = entry_problems({**entry, **change})
    if problems:
        where = f"{path}: " if not change else ""
        raise CriteriaError(f"{where}{name}: {problems[0][1]}")
    given = {_NAMES.get(key, key): value for key, value in {**entry, **change}.items()}
    for key in ("lasts", "clear_for", "cool_down"):
        given[key] = duration(given[key])
    if "threshold" in change:
        given |= {"provenance": "assumed", "why": _OWN, "own": True}
    return AlertRule(name=name, **given)


def entry_problems(entry: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what is wrong with an entry of alerts.yaml by itself: (field, what)."""
    found: list[tuple[str, str]] = []

    def check(good: bool, field: str, what: str) -> None:
        if not good:
            found.append((field, what))

    for name in entry:
        check(name in FIELDS, str(name), f"không có trường «{name}»")
    for name in REQUIRED:
        check(name in entry, name, f"thiếu trường {name}")
    kind = str(entry.get("kind"))
    check(kind in KINDS, "kind", f"kind «{kind}» không hợp lệ (chọn {', '.join(KINDS)})")
    needed = KINDS[kind][1] if kind in KINDS else ()
    for name in needed:
        check(name in entry, name, f"loại {kind} cần trường {name}")
    for name in _SPECIAL if kind in KINDS else ():
        check(name not in entry or name in _used(kind), name, f"loại {kind} không dùng trường {name}")
    for name in ("label", "owner", "todo", "runbook", "why"):
        check(isinstance(entry.get(name), str) and bool(str(entry.get(name)).strip()), name, f"{name} phải là chữ")
    for name in ("for", "clear_for", "cool_down"):
        good = isinstance(entry.get(name), str) and _DURATION.fullmatch(entry[name]) is not None
        check(good, name, f"{name} «{entry.get(name)}» không phải khoảng thời gian như 12h hoặc 3d")
    for name in ("min_cases", "window_days", "grace_days"):
        value = entry.get(name, 0)
        check(type(value) is int and 0 <= value <= 366, name, f"{name} «{value}» phải là số nguyên từ 0 đến 366")
    for name in ("digest", "enabled"):
        check(isinstance(entry.get(name, True), bool), name, f"{name} phải là true hoặc false")
    check(entry.get("severity") in SEVERITIES, "severity", f"severity không hợp lệ (chọn {', '.join(SEVERITIES)})")
    check(entry.get("provenance") in PROVENANCES, "provenance", f"provenance không hợp lệ (chọn {', '.join(PROVENANCES)})")
    check(entry.get("breached", ">=") in BREACHES, "breached", f"breached không hợp lệ (chọn {', '.join(BREACHES)})")
    found.extend(_threshold_problems(entry, kind))
    return found


def _used(kind: str) -> frozenset[str]:
    unit, needed, _ = KINDS[kind]
    may = (("threshold",) if unit not in ("state", "none") else ()) + (("clear_margin",) if "threshold" in needed else ())
    return frozenset(needed + may)


def _threshold_problems(entry: Mapping[str, Any], kind: str) -> list[tuple[str, str]]:
    value: Any = entry.get("threshold")
    margin: Any = entry.get("clear_margin", 0)
    of_target = isinstance(value, Mapping) and set(value) == {"target"} and kind == "measure"
    unit = KINDS[kind][0] if kind in KINDS else "none"
    found = []
    if value is None and "threshold" in entry:
        found.append(("threshold", "threshold để trống; ghi một số hoặc bỏ cả mục"))
    elif value is not None and not of_target and not _number(value):
        found.append(("threshold", f"threshold «{value}» phải là số" + (" hoặc {target: tên}" if kind == "measure" else "")))
    elif _number(value) and not (0 <= value <= 1 if unit in ("share", "chance") else value > 0):
        limits = "từ 0 đến 1 (0.01 = 1 %)" if unit in ("share", "chance") else "lớn hơn 0"
        found.append(("threshold", f"threshold «{value}» phải {limits}"))
    if not (_number(margin) and margin >= 0):
        found.append(("clear_margin", f"clear_margin «{margin}» phải là số từ 0 trở lên"))
    return found


def _number(value: Any) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and isfinite(value)
