"""The engine against a second implementation in exact fractions, on thousands of random sets, and family by family."""

from __future__ import annotations

import math
import random
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pytest

from criteria import build_set
from criteria.model import Band
from criteria.rule_specs import RULE_SPECS
from scoring import core, rounding, rules
from scoring.engine import score
from tests.scoring import random_sets, reference

pytestmark = pytest.mark.slow

SUBJECTS = [f"{22489 + k % 4}|Công chức {k}" for k in range(12)]
BATCHES = 10
SETS_PER_BATCH = 90  # × 12 subjects: more than 10,000 subjects in all


def _measures(measured: dict[str, Any]) -> pd.DataFrame:
    rows = [(s, m, n, d, unknown) for s, by in measured.items() for m, (n, d, unknown) in by.items()]
    frame = pd.DataFrame(rows, columns=["commune", "measure", "numerator", "denominator", "unknown"])
    return frame.astype({"numerator": float, "denominator": float})


def _declarations(declared: dict[str, Any]) -> pd.DataFrame:
    rows = [(s, code, row["value"], row["points"], row["state"], None) for s, by in declared.items() for code, row in by.items()]
    frame = pd.DataFrame(rows, columns=["commune", "criterion_code", "value", "points", "state", "evidence"])
    return frame.astype({"value": float, "points": float})


def _units(value: Any, decimals: int) -> int | None:
    return None if value != value else round(value * 10**decimals)


def _compare(made: dict[str, Any], seed: int) -> tuple[int, int]:
    """Subjects and cells that were compared; any difference fails with the seed that makes it."""
    rng = random.Random(seed)
    measured, declared = random_sets.inputs(rng, made, SUBJECTS)
    got = score(_measures(measured), _declarations(declared), build_set(made).at(random_sets.DAY), SUBJECTS, explain=False)
    cells, totals = reference.score(made, random_sets.DAY, SUBJECTS, measured, declared)
    decimals = made["set"]["rounding"]["decimals"]
    assert len(got.criteria) == len(cells)
    for name, code, status, value in zip(
        got.criteria["commune"], got.criteria["code"], got.criteria["status"], got.criteria["points"]
    ):
        mine = cells[name, code]
        entry = made["criteria"][code]
        where = (
            seed,
            name,
            code,
            entry,
            {m: measured[name].get(m) for m in made["measures"] if code in m},
            declared[name].get(code),
        )
        assert (status, _units(value, decimals)) == (mine.status, mine.units), where
    for row in got.totals.to_dict("records"):
        t = totals[row["commune"]]
        assert [_units(row[k], decimals) for k in ("total", "bonus", "max_scored", "max_total", "share", "grading_index")] == [
            t.total, t.bonus, t.max_scored, t.max_total, t.share, t.index,
        ], (seed, row)  # fmt: skip
        assert (row["grade"], row["peers"]) == (t.grade, t.peers), (seed, row)
        assert row["grade_status"] == ("graded" if t.grade else "insufficient_data"), (seed, row)
        assert (None if pd.isna(row["rank"]) else row["rank"]) == t.rank, (seed, row)
    return len(totals), len(cells)


@pytest.mark.slow
@pytest.mark.parametrize("batch", range(BATCHES))
def test_the_engine_agrees_with_exact_fractions(batch: int) -> None:
    subjects = compared = 0
    for k in range(SETS_PER_BATCH):
        seed = batch * SETS_PER_BATCH + k
        some, more = _compare(random_sets.content(random.Random(seed)), seed)
        subjects, compared = subjects + some, compared + more
    assert subjects * BATCHES >= 10_000 and compared > 4 * subjects


def test_some_random_sets_agree_at_once() -> None:
    """A taste of the above for the fast run."""
    for seed in range(100_000, 100_040):
        _compare(random_sets.content(random.Random(seed)), seed)


def test_the_random_sets_reach_every_corner() -> None:
    """Every family, status, policy and kind does occur, and values do lie on the thresholds."""
    families: set[str] = set()
    statuses: set[str] = set()
    kinds: set[Any] = set()
    grades: set[Any] = set()
    on_edge = 0
    for seed in range(60):
        made = random_sets.content(random.Random(seed))
        measured, declared = random_sets.inputs(random.Random(seed), made, SUBJECTS)
        cells, totals = reference.score(made, random_sets.DAY, SUBJECTS, measured, declared)
        statuses |= {c.status for c in cells.values()}
        grades |= {t.grade for t in totals.values()}
        for code, entry in made["criteria"].items():
            ((family, params),) = entry["versions"][0]["rule"].items()
            families.add(family)
            kinds |= {entry.get("kind", "base"), entry.get("zero_denominator"), entry.get("declared"), entry["no_data"]}
            edges = random_sets._thresholds(family, params)
            rows = [measured[s].get(entry.get("measure")) for s in SUBJECTS]
            on_edge += sum(
                row is not None and row[0] is not None and bool(row[1]) and Fraction(row[0], row[1]) in edges for row in rows
            )
            assert code.startswith("I.")
    assert families == set(RULE_SPECS) == set(rules.FAMILIES)
    assert statuses == {"scored", "not_applicable", "no_data", "not_yet_in_force", "needs_review"}
    assert kinds >= {"base", "bonus", "penalty", "full", "zero", "not_applicable", "yes_no", "share", "count", "days", "level"}
    assert grades == {"Tốt", "Khá", "Trung bình", "Yếu", None} and on_edge > 200


@pytest.mark.parametrize("family", sorted(set(RULE_SPECS) - {"compound_steps"}))
def test_each_family_before_rounding(family: str) -> None:
    """1,000 values a family: the same points to the last bits, the same hundredths exactly, one case either side included."""
    rng = random.Random(family)
    for _ in range(100):
        top = rng.randint(25, 1500) / 100
        rate = family in random_sets.RATES
        params = random_sets.params_of(rng, family, top, rate)
        cases = [random_sets.near(rng, random_sets._thresholds(family, params), rate) for _ in range(10)]
        exact = [Fraction(n, d or 1) for n, d in cases]
        got = rules.award(family, np.array([n / (d or 1) for n, d in cases]), top, params).points
        for x, points in zip(exact, got):
            mine = reference.points(family, x, reference.exact(top), params)
            if mine is None:
                assert math.isnan(points)
                continue
            assert points == pytest.approx(float(mine), abs=1e-9), (family, params, x)
            assert int(rounding.to_units(points)) == reference.half_up(mine, 2), (family, params, x)


_COMPOUND = {
    "levels": [
        {"points": 2, "all": [{"input": "procedures", "op": ">=", "value": 0.2}, {"input": "dossiers", "op": ">=", "value": 0.3}, {"input": "late", "op": "==", "value": 0}]},
        {"points": 1, "all": [{"input": "dossiers", "op": ">=", "value": 0.15}, {"input": "late", "op": "==", "value": 0}]},
    ]
}  # fmt: skip
#: The rules as forms and decisions word them, one line each: family, top, parameters, [(value, points)].
WORDED: list[tuple[str, str, float, dict[str, Any], list[tuple[Any, float]]]] = [
    ("có hoặc không", "yes_no", 2, {}, [(0, 0), (1, 2)]),
    ("mỗi quy chế 0,5 điểm", "per_item", 2, {"per_item": 0.5}, [(3, 1.5), (4, 2), (5, 2)]),
    ("vi phạm nhẹ trừ 50 %, nghiêm trọng 0 điểm", "breach", 3, {}, [(0, 3), (1, 1.5), (2, 0)]),
    ("xuất sắc, tốt 75 %, hoàn thành 50 %", "graded_share", 2, {"shares": [0, 0.5, 0.75, 1]}, [(1, 1), (2, 1.5), (3, 2)]),
    ("R × P / 80 dưới 80 %", "capped_ratio", 4, {"target": 0.8}, [(0.4, 2), (0.79, 3.95), (0.8, 4), (0.81, 4)]),
    ("hài lòng so với 90 %", "survey_index", 15, {"target": 0.9}, [(0.45, 7.5), (0.9, 15)]),
    ("tỷ lệ × điểm tối đa", "linear", 20, {}, [(0.955, 19.1), (1, 20)]),
    ("trễ hạn dưới 1 %", "falling_linear", 8, {"full_below": 0.01, "zero_at": 0.05}, [(0.0099, 8), (0.01, 8), (0.03, 4), (0.05, 0)]),
    ("PAKN 100 % = 2, từ 90 % = 1", "steps", 2, {"steps": [{"from": 1, "points": 2}, {"from": 0.9, "points": 1}]}, [(1, 2), (0.99, 1), (0.9, 1), (0.899, 0)]),
    ("ban hành đúng hạn, chậm đến 10 ngày", "steps_down", 1.5, {"steps": [{"upto": 0, "points": 1.5}, {"upto": 10, "points": 0.75}]}, [(0, 1.5), (1, 0.75), (10, 0.75), (11, 0)]),
    ("100 % tối đa, từ 80 % theo tỷ lệ", "plan_completion", 2, {}, [(1, 2), (0.8, 1.6), (0.799, 0)]),
    ("mỗi báo cáo chậm trừ 0,25", "penalty_per_event", 1.5, {"per_event": 0.25}, [(0, 1.5), (2, 1), (6, 0), (7, 0)]),
    ("mỗi 1 % trừ 0,2", "penalty_per_percent", 2, {"per_percent": 0.2}, [(0.01, 1.8), (0.1, 0), (0.2, 0)]),
    ("thưởng ngoài 100", "bonus_penalty", 5, {"per_event": 1, "sign": 1}, [(0, 0), (3, 3), (6, 5)]),
    ("trừ ngoài 100", "bonus_penalty", 5, {"per_event": 1, "sign": -1}, [(0, 0), (3, -3), (6, -5)]),
    ("bước ghép", "compound_steps", 2, _COMPOUND, [((0.2, 0.3, 0), 2), ((0.19, 0.3, 0), 1), ((0.2, 0.15, 0), 1), ((0.2, 0.149, 0), 0), ((0.5, 0.5, 1), 0)]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "family", "top", "params", "cases"), WORDED, ids=[w[0] for w in WORDED])
def test_every_rule_as_it_is_worded(
    text: str, family: str, top: float, params: dict[str, Any], cases: list[tuple[Any, float]]
) -> None:
    """Both implementations on the wording of the forms; together they use every family there is."""
    assert {w[1] for w in WORDED} == set(rules.FAMILIES)
    for value, points in cases:
        names = ("procedures", "dossiers", "late")
        given: Any = dict(zip(names, value)) if isinstance(value, tuple) else value
        exact: Any = {k: reference.exact(v) for k, v in given.items()} if isinstance(given, dict) else reference.exact(given)
        assert float(reference.points(family, exact, reference.exact(top), params) or 0) == points, (text, value)
        assert float(rounding.round_array(rules.award(family, given, top, params).points)) == points, (text, value)


@pytest.mark.parametrize(("index", "grade"), [(106, 1), (107, 0), (10, 1), (0, 1)])
def test_a_band_edge_finer_than_the_index_is_not_rounded(index: int, grade: int) -> None:
    """Found by the comparison above: 10.6 is below an edge of 10.62, whatever decimals the index has."""
    bands = [Band("Tốt", 10.62, None), Band("Khá", None, 10.62)]
    assert core.grade_codes([index], bands, decimals=1).tolist() == [grade]


def test_the_second_implementation_is_its_own() -> None:
    """It must not borrow what it judges."""
    import ast
    import inspect

    for module in (reference, random_sets):
        tree = ast.parse(inspect.getsource(module))
        names = {n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
        names |= {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
        assert not any(str(name).startswith(("scoring", "criteria", "numpy", "pandas")) for name in names)
