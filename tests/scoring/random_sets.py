"""Random criteria sets and inputs: every family, every policy, values on and beside every threshold. Seeded."""

from __future__ import annotations

import random
from datetime import date
from fractions import Fraction
from typing import Any

DAY = date(2023, 6, 30)
_FROM = date(2020, 1, 1)
_SOURCE = {"instrument": "made_up", "clause": "Ví dụ"}
STATES = ("declared", "evidenced", "appraised", "not_applicable")
MEASURED = (
    "yes_no per_item breach capped_ratio survey_index linear falling_linear steps steps_down plan_completion"
    " penalty_per_event penalty_per_percent bonus_penalty graded_share"
).split()
#: Families whose value is a rate; the others take a count or a level.
RATES = {"capped_ratio", "survey_index", "linear", "falling_linear", "steps", "plan_completion", "penalty_per_percent"}


def _decimal(rng: random.Random, low: int, high: int, scale: int = 100) -> float:
    return rng.randint(low, high) / scale


def _ladder(rng: random.Random, top: float, whole: bool, up: bool) -> list[dict[str, float]]:
    edges = sorted(rng.sample(range(1, 12) if whole else range(1, 101), rng.randint(1, 4)), reverse=up)
    worth = sorted({_decimal(rng, 0, int(top * 100)) for _ in edges} | {top}, reverse=True)
    key = "from" if up else "upto"
    return [{key: e if whole else e / 100, "points": p} for e, p in zip(edges, worth)]


def params_of(rng: random.Random, family: str, top: float, rate: bool) -> dict[str, Any]:
    """Random parameters of a family, left out now and then where the family has a default."""
    may = rng.random() < 0.5
    first = rng.randint(1, 40)
    made: dict[str, dict[str, Any]] = {
        "yes_no": {"at_least": rng.randint(1, 5)} if may else {},
        "per_item": {"per_item": _decimal(rng, 5, 150)},
        "breach": {"light_share": _decimal(rng, 5, 95)} if may else {},
        "graded_share": {"shares": [0, _decimal(rng, 1, 60), _decimal(rng, 61, 99), 1]},
        "capped_ratio": {"target": _decimal(rng, 5, 1000, 1000)},
        "survey_index": {"target": _decimal(rng, 50, 100)} if may else {},
        "linear": {},
        "falling_linear": {"full_below": first / 100, "zero_at": rng.randint(first + 1, 90) / 100},
        "steps": {"steps": _ladder(rng, top, not rate, True)} | ({"otherwise": 0} if may else {}),
        "steps_down": {"steps": _ladder(rng, top, not rate, False)} | ({"otherwise": 0} if may else {}),
        "plan_completion": {"full_at": 1, "ratio_from": _decimal(rng, 40, 95)} if may else {},
        "penalty_per_event": {"per_event": _decimal(rng, 5, 150)} | ({"floor": 0} if may else {}),
        "penalty_per_percent": {"per_percent": _decimal(rng, 1, 60)},
        "bonus_penalty": {"per_event": _decimal(rng, 5, 150)} | ({"sign": rng.choice((1, -1))} if may else {}),
    }
    return made[family]


def _thresholds(family: str, params: dict[str, Any]) -> list[Fraction]:
    found = [params[k] for k in ("target", "full_below", "zero_at", "full_at", "ratio_from", "at_least") if k in params]
    found += [s.get("from", s.get("upto")) for s in params.get("steps", ())]
    found += [c["value"] for level in params.get("levels", ()) for c in level["all"]]
    return [Fraction(str(x)) for x in found] or [Fraction(1), Fraction(0), Fraction(4, 5)]


def near(rng: random.Random, edges: list[Fraction], rate: bool) -> tuple[int, int | None]:
    """A count, or a numerator and denominator: anywhere, or one case below, on, or above a threshold."""
    edge = rng.choice(edges)
    if not rate:
        return max(0, rng.choice((rng.randint(0, 12), int(edge) + rng.randint(-1, 1)))), None
    if rng.random() < 0.35:
        d = rng.randint(1, 1500)
        return rng.randint(0, d), d
    d = edge.denominator * rng.randint(1, max(1, 1500 // edge.denominator))
    return max(0, edge.numerator * d // edge.denominator + rng.randint(-1, 1)), d


def _criterion(rng: random.Random, code: str, measures: dict[str, Any]) -> dict[str, Any]:
    top = _decimal(rng, 25, 1500) if rng.random() < 0.7 else float(rng.randint(1, 15))
    entry: dict[str, Any] = {
        "label": code, "unit": "đơn vị", "direction": "higher", "owner": "Công chức A",
        "no_data": rng.choice(("no_data", "no_data", "not_applicable")),
    }  # fmt: skip
    kind = rng.random()
    if kind < 0.15:
        entry["inputs"] = {"a": f"m{code}a", "b": f"m{code}b"}
        measures |= {f"m{code}a": "share", f"m{code}b": rng.choice(("share", "count"))}
        family, params = "compound_steps", _compound(rng, top, measures[f"m{code}b"] == "share", entry)
    elif kind < 0.5:
        family, params = _declared(rng, top, entry)
    else:
        family = rng.choice(MEASURED)
        rate = family in RATES or (family == "steps_down" and rng.random() < 0.5)
        measures[f"m{code}"] = "share" if rate else "count"
        entry["measure"] = f"m{code}"
        entry["zero_denominator"] = rng.choice(("no_data", "not_applicable", "full", "zero"))
        if family == "linear" and rng.random() < 0.3:
            entry["out_of"], measures[f"m{code}"] = 12, "count"
        params = params_of(rng, family, top, rate)
    if family == "bonus_penalty" or rng.random() < 0.1:
        entry["kind"] = "penalty" if params.get("sign") == -1 else rng.choice(("bonus", "penalty"))
    version = {"in_force_from": _FROM, "max_points": top, "rule": {family: params}, "source": _SOURCE, "provenance": "assumed"}
    entry["versions"] = [version]
    later = rng.random()
    if later < 0.05:
        version["in_force_from"] = date(2024, 1, 1)
    elif later < 0.1:
        entry["versions"].append(version | {"in_force_from": date(2023, 1, 1), "max_points": None, "rule": None})
    elif later < 0.2:
        entry["versions"].append(version | {"in_force_from": date(2023, 6, 30), "max_points": float(rng.randint(16, 20))})
    return entry


def _compound(rng: random.Random, top: float, second_rate: bool, entry: dict[str, Any]) -> dict[str, Any]:
    names = ["a", "b"]
    if rng.random() < 0.4:
        entry["declared"], entry["levels"] = "level", ["không", "một phần", "đủ"]
        names.append("declared")

    def condition(name: str) -> dict[str, Any]:
        if name == "declared":
            return {"input": name, "op": rng.choice((">=", "==")), "value": rng.randint(0, 2)}
        value: float = _decimal(rng, 0, 100) if name == "a" or second_rate else rng.randint(0, 6)
        return {"input": name, "op": rng.choice((">=", ">", "<=", "<", "==")), "value": value}

    worth = sorted({top, _decimal(rng, 0, int(top * 100))}, reverse=True)
    return {"levels": [{"points": p, "all": [condition(n) for n in names]} for p in worth], "otherwise": 0}


def _declared(rng: random.Random, top: float, entry: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    family, declared = rng.choice(
        [
            ("yes_no", "yes_no"), ("linear", "share"), ("capped_ratio", "share"), ("steps", "share"), ("per_item", "count"),
            ("penalty_per_event", "count"), ("steps_down", "days"), ("breach", "level"), ("graded_share", "level"),
            ("plan_completion", "share"), ("bonus_penalty", "count"), ("survey_index", "share"),
        ]
    )  # fmt: skip
    entry["declared"] = declared
    if declared == "level":
        entry["levels"] = ["a", "b", "c", "d"] if family == "graded_share" else ["không", "nhẹ", "nặng"]
    return family, {} if family == "yes_no" else params_of(rng, family, top, declared == "share")


def content(rng: random.Random) -> dict[str, Any]:
    """The content of a random set, as criteria.build_set takes it."""
    kinds: dict[str, str] = {}
    criteria = {f"I.{k}": _criterion(rng, f"I.{k}", kinds) for k in range(1, rng.randint(2, 12))}
    scale = rng.choice((100, 100, 18))
    edges = sorted(rng.sample(range(5, 100), 3), reverse=True)
    limits = [None, *[scale * e / 100 for e in edges], None]
    bands = [{"grade": g, "from": limits[k + 1], "below": limits[k]} for k, g in enumerate(("Tốt", "Khá", "Trung bình", "Yếu"))]
    return {
        "set": {
            "name": "random", "label": "random", "label_en": "random", "subject": "commune", "level": "commune", "total": 100,
            "in_force_from": _FROM, "provenance": "assumed", "source": _SOURCE,
            "sections": {"I": {"label": "I", "max_points": 100}},
            "rounding": {"decimals": rng.choice((2, 2, 2, 1, 3)), "at": "criterion", "mode": "half_up"},
            "bonus": {"limit": rng.choice((0, 2.5, 5))},
            "ranking": {
                "method": "competition", "basis": rng.choice(("total", "share")), "within": rng.choice(("all", "all", "commune")),
            },
            "grading": {"basis": "share", "min_scored_share": rng.choice((0.25, 0.5, 0.8)), "scale": scale, "provenance": "assumed"},
            "grade_bands": [{"in_force_from": _FROM, "provenance": "assumed", "source": _SOURCE, "bands": bands}],
        },
        "targets": {},
        "criteria": criteria,
        "instruments": {"made_up": {"number": "Ví dụ", "issuer": "ví dụ", "date": None, "title": None, "status": "unknown"}},
        "measures": {
            m: {"label": m, "unit": unit, "numerator": "hồ sơ", "denominator": "hồ sơ" if unit == "share" else None, "recover": "none"}
            for m, unit in kinds.items()
        },
    }  # fmt: skip


def measured_row(rng: random.Random, edges: list[Fraction], unit: str) -> tuple[int | None, int | None, int] | None:
    """Numerator, denominator, unknown rows; None when there is no row."""
    chance = rng.random()
    if chance < 0.08:
        return None
    unknown = rng.choice((0, 0, 3))
    if unit == "share" and chance < 0.16:
        return 0, 0, unknown
    n, d = near(rng, edges, unit == "share")
    return (None if chance > 0.97 else n), d, unknown


def declared_row(rng: random.Random, entry: dict[str, Any], edges: list[Fraction]) -> dict[str, Any] | None:
    """A declared value in or out of its range, claimed points, or nothing."""
    chance = rng.random()
    if chance < 0.1:
        return None
    kind = entry["declared"]
    value: float | None
    if kind == "share":
        value = rng.choice((rng.randint(-1, 102) / 100, float(rng.choice(edges)), rng.randint(0, 1000) / 1000))
    elif kind == "days":
        value = float(rng.randint(-3, 14))
    else:
        value = float(rng.randint(-1, 5 if kind in ("level", "count") else 2)) + (0.5 if rng.random() < 0.05 else 0)
    by_points = rng.random() < 0.25
    claimed = rng.randint(-300, 2000) / 100 if by_points and rng.random() < 0.9 else None
    return {"value": None if by_points else value, "points": claimed, "state": rng.choice(STATES)}


def inputs(rng: random.Random, made: dict[str, Any], subjects: list[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Measures and declarations by subject."""
    measured: dict[str, Any] = {s: {} for s in subjects}
    declared: dict[str, Any] = {s: {} for s in subjects}
    for code, entry in made["criteria"].items():
        rule = entry["versions"][0]["rule"]
        ((family, params),) = rule.items()
        edges = _thresholds(family, params)
        for s in subjects:
            for m in [entry["measure"]] if "measure" in entry else entry.get("inputs", {}).values():
                row = measured_row(rng, edges, made["measures"][m]["unit"])
                if row is not None:
                    measured[s][m] = row
            if "declared" in entry and (given := declared_row(rng, entry, edges)) is not None:
                declared[s][code] = given
    return measured, declared
