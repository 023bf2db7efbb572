"""What changed between two sets: every kind of change is named with both clauses, and the points add up."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from criteria import build_set, list_sets, load_set, set_content
from criteria.diff import Change, Difference, compare

DAY = date(2023, 6, 30)
Content = dict[str, Any]


def content() -> Content:
    return copy.deepcopy(set_content("commune_reconstructed"))


def against(edit: Callable[[Content], None], day: date = DAY) -> Difference:
    """The difference that an edit of the content makes."""
    changed = content()
    edit(changed)
    return compare(build_set(content()).at(day), build_set(changed).at(day))


def only(found: Difference) -> Change:
    assert len(found.changes) == 1, found.changes
    return found.changes[0]


@pytest.mark.parametrize("name", list_sets())
def test_a_set_does_not_differ_from_itself(name: str) -> None:
    at = load_set(name).at(date(2025, 8, 1))
    found = compare(at, at)
    assert found.changes == () and found.points.moved == found.points.net == 0


def last(c: Content, code: str) -> dict[str, Any]:
    version: dict[str, Any] = c["criteria"][code]["versions"][-1]
    return version


def test_points_moved_between_two_criteria() -> None:
    def edit(c: Content) -> None:
        last(c, "IV.1")["max_points"] = 1.5
        last(c, "IV.2")["max_points"] = 2.5

    found = against(edit)
    assert [(x.kind, x.code, x.before, x.after) for x in found.changes] == [
        ("points", "IV.1", 2, 1.5), ("points", "IV.2", 2, 2.5),
    ]  # fmt: skip
    assert found.changes[0].clause_before == found.changes[0].clause_after == "Bộ tiêu chí CCHC cấp xã, Tiêu chí IV.1 (dựng lại)"
    assert (found.points.raised, found.points.lowered, found.points.moved, found.points.net) == (0.5, 0.5, 1.0, 0)


def test_repealed_added_and_their_sum() -> None:
    """A repeal is a version without a rule; a criterion that starts later than the day is absent."""

    def edit(c: Content) -> None:
        c["criteria"]["IV.3"]["versions"].append(
            last(c, "IV.3") | {"in_force_from": "2023-01-01", "max_points": None, "rule": None}
        )
        c["criteria"]["IV.4"] = copy.deepcopy(c["criteria"]["IV.2"]) | {"label": "Tiêu chí mới"}
        last(c, "IV.4")["max_points"] = 0.75

    found = against(edit)
    assert [(x.kind, x.code, x.before, x.after) for x in found.changes] == [
        ("repealed", "IV.3", 1, None), ("added", "IV.4", None, 0.75),
    ]  # fmt: skip
    assert found.changes[0].clause_before and found.changes[0].clause_after is None
    assert found.changes[1].clause_before is None and found.changes[1].label == "Tiêu chí mới"
    assert (found.points.repealed, found.points.added, found.points.moved, found.points.net) == (1, 0.75, 1.75, -0.25)
    assert against(edit, date(2022, 6, 30)).points.repealed == 0


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        (("criteria", "III.6", "versions", 0, "rule"), {"linear": {}}, ("rule", "III.6", "rule")),
        (("criteria", "III.6", "versions", 0, "rule", "capped_ratio", "target"), 0.7, ("parameter", "III.6", "target")),
        (
            ("criteria", "III.3", "versions", 0, "rule", "falling_linear", "full_below"),
            0.01,
            ("parameter", "III.3", "full_below"),
        ),
        (("criteria", "III.6", "measure"), "overdue_rate", ("input", "III.6", "measure")),
        (("criteria", "III.6", "owner"), "Văn phòng", ("field", "III.6", "owner")),
        (("criteria", "III.6", "no_data"), "not_applicable", ("field", "III.6", "no_data")),
        (("criteria", "III.6", "versions", 0, "source", "clause"), "Tiêu chí khác", ("source", "III.6", "source")),
        (("criteria", "III.6", "versions", 0, "provenance"), "assumed", ("provenance", "III.6", "provenance")),
        (("targets", "postal_min", "levels", "commune", 0, "value"), 0.06, ("target", "postal_min", "value")),
        (("targets", "postal_min", "levels", "commune", 0, "source", "clause"), "Mục 2", ("source", "postal_min", "target")),
        (("set", "grade_bands", 0, "bands", 0, "from"), 85, ("bands", "set", "bands")),
        (("set", "grade_bands", 0, "source", "clause"), "Điều 9", ("source", "set", "bands")),
        (("set", "definitions"), {"overdue": "ii06"}, ("definition", "set", "overdue")),
        (("set", "appraisers", 0, "name"), "Sở Nội vụ", ("appraiser", "set", "name")),
        (("set", "sections", "IV", "max_points"), 6, ("section", "IV", "section")),
        (("set", "grading", "scale"), 18, ("setting", "set", "grading_scale")),
        (("set", "bonus", "limit"), 3, ("setting", "set", "bonus_limit")),
        (("set", "provenance"), "assumed", ("provenance", "set", "provenance")),
    ],
)
def test_each_kind_of_change(path: tuple[Any, ...], value: Any, expected: tuple[str, str, str]) -> None:
    """One edit is one change of its kind: nothing is said twice, nothing is missed."""

    def edit(c: Any) -> None:
        for step in path[:-1]:
            c = c[step]
        c[path[-1]] = value

    found = against(edit)
    change = only(found)
    assert (change.kind, change.code, change.what) == expected
    assert change.before != change.after
    assert found.points.moved == 0


def test_a_parameter_that_a_target_feeds_is_the_targets_change() -> None:
    """The sum of two days: the target moved, and became unknown; the criterion that uses it is not listed again."""
    s = load_set()
    found = compare(s.at(date(2022, 6, 30)), s.at(date(2023, 6, 30)))
    online = [(x.kind, x.what, x.before, x.after) for x in found.changes if x.code == "online_min"]
    assert online == [("target", "value", 0.25, 0.30), ("target", "known", True, False)]
    assert not [x for x in found.changes if x.code == "VII.1"]
    assert "752/QĐ-UBND" in str(found.changes[0].clause_before)


def test_a_number_in_place_of_a_target_is_a_parameter() -> None:
    def edit(c: Content) -> None:
        last(c, "VII.3")["rule"] = {"capped_ratio": {"target": 0.05}}

    change = only(against(edit))
    assert (change.kind, change.before, change.after) == ("parameter", {"target": "postal_min"}, 0.05)


def test_sample_rule() -> None:
    def edit(c: Content) -> None:
        c["set"]["sample"]["error"] = 0.03

    changed = copy.deepcopy(set_content("sipas"))
    edit(changed)
    change = only(compare(build_set(set_content("sipas")).at(DAY), build_set(changed).at(DAY)))
    assert change.kind == "sample" and change.before["error"] == 0.05 and change.after["error"] == 0.03
    assert change.clause_before and change.clause_before.startswith("1001/QĐ-BNV")


def test_direction_reverses() -> None:
    """What is added one way is repealed the other; the net has the other sign."""

    def edit(c: Content) -> None:
        del c["criteria"]["IV.3"]

    changed = content()
    edit(changed)
    a, b = build_set(content()).at(DAY), build_set(changed).at(DAY)
    there, back = compare(a, b), compare(b, a)
    assert only(there).kind == "repealed" and only(back).kind == "added"
    assert there.points.net == -back.points.net == -1 and there.points.moved == back.points.moved
