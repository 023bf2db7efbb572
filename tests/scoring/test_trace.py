"""The trace of an index: a record that can be replayed to the very same figures."""

from __future__ import annotations

import json

import pytest

from scoring.engine import score
from scoring.trace import replay, trace
from tests.scoring.frames import A, B, C, D, everything, law, one


@pytest.mark.parametrize("seed", range(40))
def test_a_trace_replays_to_the_figures_it_explains(seed: int) -> None:
    communes = [A, B, C, D]
    measured, declared = everything(communes, seed)
    scores = score(measured, declared, law(), communes)
    for commune in communes:
        tree = json.loads(json.dumps(trace(scores, law(), commune, "qd766@1"), allow_nan=False))
        again = replay(tree)
        lines = scores.criteria[scores.criteria["commune"] == commune]
        scored = lines[lines["points"].notna()]
        assert again["criteria"] == dict(zip(scored["code"], scored["points"]))
        totals = scores.totals.set_index("commune").loc[commune]
        assert (again["points"], again["share_pct"]) == (totals["total"], totals["share"])
        assert again["grading_index"] == totals["grading_index"]


def test_sections_add_up_to_the_index() -> None:
    measured, declared = everything([A], 3)
    scores = score(measured, declared, law(), [A])
    tree = trace(scores, law(), A)
    hundredths = sum(round(100 * section["points"]) for section in tree["children"] if section["code"] != "IX")
    assert hundredths + round(100 * tree["bonus"]) == round(100 * tree["points"])
    for section in tree["children"]:
        if section["code"] != "IX":
            assert round(100 * (section["points"] + section["lost"])) == round(100 * section["max_scored"])


def test_a_leaf_says_input_rule_branch_target_clause_and_rounding() -> None:
    tree = trace(one([(A, "overdue_rate", 12, 873, 2)]), law(), A, "qd766@1")
    leaf = next(leaf for section in tree["children"] for leaf in section["children"] if leaf["code"] == "III.3")
    assert leaf["input"]["numerator"] == 12 and leaf["input"]["denominator"] == 873 and leaf["input"]["unknown"] == 2
    assert leaf["definition"] == "qd766@1"
    assert leaf["rule"] == {"family": "falling_linear", "max_points": 8.0, "params": {"full_below": 0.01, "zero_at": 0.05}}
    assert leaf["branch"] == "partial"
    assert leaf["raw_points"] == 8 * ((0.05 - 12 / 873) / (0.05 - 0.01)) and leaf["points"] == 7.25
    assert leaf["targets"][0]["name"] == "overdue_max" and leaf["targets"][0]["known"]
    assert leaf["clause"] and leaf["provenance"] == "reconstructed" and leaf["in_force_from"] == "2019-01-01"
    silent = next(leaf for section in tree["children"] for leaf in section["children"] if leaf["code"] == "I.6")
    assert silent["points"] is None and silent["branch"] is None and silent["status"] == "no_data"


def test_an_unknown_commune_is_refused() -> None:
    with pytest.raises(KeyError):
        trace(one([(A, "overdue_rate", 1, 100)]), law(), "99999")


def test_missing_information_is_said_even_where_no_point_is_lost() -> None:
    tree = trace(one([(A, "overdue_rate", 0, 873, 7)]), law(), A, "qd766@1")
    leaf = next(leaf for section in tree["children"] for leaf in section["children"] if leaf["code"] == "III.3")
    assert leaf["lost"] == 0 and leaf["input"]["unknown"] == 7
