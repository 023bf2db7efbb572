"""A criteria set with some of its figures changed: weights, rule parameters, targets. Plain data in, plain data out.

`content` is what `criteria.set_content` gives; nothing given is modified. A change touches the version in force on the day
asked about, and marks it `assumed`: a figure of a what-if is nobody's law.
A weight is the maximum of a criterion. What a rule writes in points (its steps, what each event costs) moves in proportion, so
that the same result still earns the same share of the maximum.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from datetime import date
from fractions import Fraction
from typing import Any, Final

from scoring.rounding import to_units

EVERYONE: Final = "*"
_CENTS: Final = 100
#: What a family's parameters state in points: a name, or (list, name) for each entry of a list.
POINTS_OF: Final[Mapping[str, Sequence[str | tuple[str, str]]]] = {
    "yes_no": (), "per_item": ("per_item",), "breach": (), "graded_share": (), "capped_ratio": (), "survey_index": (),
    "linear": (), "falling_linear": (), "plan_completion": (), "steps": (("steps", "points"), "otherwise"),
    "steps_down": (("steps", "points"), "otherwise"), "compound_steps": (("levels", "points"), "otherwise"),
    "penalty_per_event": ("per_event", "floor"), "penalty_per_percent": ("per_percent", "floor"),
    "bonus_penalty": ("per_event",),
}  # fmt: skip


class ChangeError(ValueError):
    """A change that the set does not allow. code: what is wrong; params: the names and figures to say it with."""

    def __init__(self, code: str, **params: Any) -> None:
        super().__init__(f"{code}: {params}")
        self.code, self.params = code, params


def apply_changes(content: Mapping[str, Any], changes: Mapping[str, Any], day: date) -> dict[str, Any]:
    """The set's content with the changes made for `day`.

    changes: `weight:CODE` → {"points": x, "keep": None | "*" | CODE} · `rule:CODE.path` → value · `target:NAME` → share.
    keep: the points come from all other criteria in proportion ("*"), or from one, so that the total stays to the hundredth.
    Other keys are none of its business. Raises: ChangeError.
    """
    out: dict[str, Any] = {**content, **{part: dict(content[part]) for part in ("set", "targets", "criteria")}}
    touched: set[str] = set()

    def version(code: str) -> dict[str, Any]:
        if code not in out["criteria"]:
            raise ChangeError("unknown_criterion", criterion=code, known=", ".join(out["criteria"]))
        if code not in touched:
            out["criteria"][code] = copy.deepcopy(out["criteria"][code])
            touched.add(code)
        found = version_on(out["criteria"][code]["versions"], day)
        if found is None or found.get("rule") is None:
            raise ChangeError("not_in_force", criterion=code, day=day)
        found["provenance"] = "assumed"
        return found

    weights = {key.partition(":")[2]: change for key, change in changes.items() if key.startswith("weight:")}
    for code in weights:
        version(code)
    if weights:
        for code, units in _new_weights(out["criteria"], weights, day).items():
            _reweigh(version(code), units)
        out["set"] = _resummed(out["set"], out["criteria"], day)
    for key, value in sorted(changes.items()):
        kind, _, name = key.partition(":")
        if kind == "rule":
            code, path = rule_path(name, out["criteria"])
            _put_parameter(version(code), code, path, value)
        elif kind == "target":
            out["targets"][name] = _retargeted(out, name, value, day)
    return out


def version_on(versions: Sequence[dict[str, Any]], day: date) -> dict[str, Any] | None:
    """The version in force on a day, or None. Dates are dates or ISO text and ascend, as the lint demands."""
    text = day.isoformat()
    begun = [v for v in versions if str(v["in_force_from"]) <= text]
    return begun[-1] if begun else None


def versions_met(content: Mapping[str, Any], changes: Mapping[str, Any], day: date) -> tuple[str, ...]:
    """What `apply_changes` depends on besides the changes: two days that meet the same versions give the same content."""
    level = content["set"]["level"]
    wanted = {key.partition(":")[2] for key in changes if key.startswith("target:")}
    met = [version_on(entry["versions"], day) for entry in content["criteria"].values()]
    met += [version_on(entry["levels"].get(level, ()), day) for name, entry in content["targets"].items() if name in wanted]
    return tuple(str(version["in_force_from"]) if version else "" for version in met)


def weights_of(criteria: Mapping[str, Any], day: date) -> dict[str, int]:
    """The maximum of every base criterion in force on a day, in hundredths of a point."""
    found = {}
    for code, entry in criteria.items():
        version = version_on(entry["versions"], day)
        if version is not None and version.get("rule") is not None and entry.get("kind", "base") == "base":
            found[code] = int(to_units(float(version["max_points"])))
    return found


def rule_path(name: str, criteria: Mapping[str, Any]) -> tuple[str, list[str]]:
    """`III.3.zero_at` as (`III.3`, [`zero_at`]): a code may hold dots, so the longest one that fits wins. Raises: ChangeError."""
    codes = [code for code in criteria if name.startswith(f"{code}.")]
    if name in criteria:
        raise ChangeError("which_parameter", criterion=name)
    if not codes:
        raise ChangeError("unknown_criterion", criterion=name.rsplit(".", 1)[0], known=", ".join(criteria))
    code = max(codes, key=len)
    return code, name[len(code) + 1 :].split(".")


def _new_weights(criteria: Mapping[str, Any], weights: Mapping[str, Any], day: date) -> dict[str, int]:
    """Hundredths of a point by criterion: those asked for, and those that make up for them."""
    before = weights_of(criteria, day)
    out: dict[str, int] = {}
    from_all = 0
    for code, change in weights.items():
        points, keep = float(change["points"]), change.get("keep")
        out[code] = int(to_units(points))
        if out[code] <= 0 or abs(out[code] - points * _CENTS) > 1e-6:
            raise ChangeError("bad_points", criterion=code, points=points)
        if keep and code not in before:
            raise ChangeError("outside_total", criterion=code)
        moved = out[code] - before.get(code, 0)
        if keep == EVERYONE:
            from_all += moved
        elif keep:
            if keep not in before or keep in weights:
                raise ChangeError("bad_receiver", criterion=keep, known=", ".join(c for c in before if c not in weights))
            out[keep] = out.get(keep, before[keep]) - moved
            if out[keep] <= 0:
                raise ChangeError("too_little_left", criterion=keep)
    if from_all:
        pool = {code: units for code, units in before.items() if code not in out}
        out |= _scaled(pool, sum(pool.values()) - from_all)
    return out


def _scaled(pool: Mapping[str, int], total: int) -> dict[str, int]:
    """The pool in proportion, in whole hundredths that sum to `total`: the largest remainders get one more."""
    if total < len(pool) or not pool:
        raise ChangeError("too_little_left", criterion=None)
    whole = sum(pool.values())
    parts = {code: divmod(units * total, whole) for code, units in pool.items()}
    out = {code: floor for code, (floor, _) in parts.items()}
    order = sorted(parts, key=lambda code: -parts[code][1])
    for code in order[: total - sum(out.values())]:
        out[code] += 1
    if min(out.values()) <= 0:
        raise ChangeError("too_little_left", criterion=None)
    return out


def _reweigh(version: dict[str, Any], units: int) -> None:
    """Another maximum, and whatever the rule states in points with it."""
    old = int(to_units(float(version["max_points"])))
    family, params = next(iter(version["rule"].items()))

    def moved(points: Any) -> Any:
        return float(Fraction(str(points)) * units / old) if isinstance(points, (int, float)) else points

    version["max_points"] = units / _CENTS
    for place in POINTS_OF.get(family, ()):
        if isinstance(place, tuple):
            for step in params.get(place[0]) or []:
                step[place[1]] = moved(step[place[1]])
        elif params and place in params:
            params[place] = moved(params[place])


def _resummed(head: Mapping[str, Any], criteria: Mapping[str, Any], day: date) -> dict[str, Any]:
    """The head with sections and total that are again the sums of their criteria."""
    sums = dict.fromkeys(head["sections"], 0)
    for code, units in weights_of(criteria, day).items():
        sums[code.rsplit(".", 1)[0]] += units
    sections = {name: {**entry, "max_points": sums[name] / _CENTS} for name, entry in head["sections"].items()}
    return {**head, "sections": sections, "total": sum(sums.values()) / _CENTS}


def _put_parameter(version: dict[str, Any], code: str, path: Sequence[str], value: Any) -> None:
    """Set one parameter; entries of a list are counted from 1."""
    family = next(iter(version["rule"]))
    if version["rule"][family] is None:
        version["rule"][family] = {}
    place: Any = version["rule"][family]
    for depth, word in enumerate(path):
        last = depth == len(path) - 1
        if isinstance(place, list) and word.isdecimal() and 1 <= int(word) <= len(place):
            key: Any = int(word) - 1
        elif isinstance(place, dict) and (word in place or (last and depth == 0)):
            key = word
        else:
            known = ", ".join(version["rule"][family])
            raise ChangeError("no_parameter", criterion=code, parameter=".".join(path), family=family, known=known)
        if last:
            place[key] = value
        else:
            place = place[key]


def _retargeted(content: Mapping[str, Any], name: str, value: Any, day: date) -> dict[str, Any]:
    """The target with another value for the set's level on the day; it is no longer a figure that was found."""
    if name not in content["targets"]:
        raise ChangeError("unknown_target", target=name, known=", ".join(content["targets"]))
    entry: dict[str, Any] = copy.deepcopy(content["targets"][name])
    found = version_on(entry["levels"].get(content["set"]["level"], ()), day)
    if found is None:
        raise ChangeError("target_not_in_force", target=name, day=day)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= 1:
        raise ChangeError("bad_target", target=name, value=value)
    found |= {"value": value, "known": False, "provenance": "assumed"}
    found.pop("range", None)
    return entry
