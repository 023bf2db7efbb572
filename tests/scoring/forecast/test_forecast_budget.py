"""The overdue budget and the dossiers to save."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring import recover
from scoring.forecast.budget import SAVED_COLUMNS, Budget, budget_of, budgets, limit_of, points_at_stake, to_save
from tests.scoring.forecast.blocks import block_of, measure, only, random_block, rules_of


def budget(now: tuple[float, float], late: list[float], counted: list[float], limit: float = 0.01, strict: bool = True) -> Budget:
    found = budget_of(now, np.array(late), np.array(counted), limit, strict)
    assert found is not None
    return found


def test_so_many_may_still_be_late() -> None:
    found = budget((3, 700), [6.0] * 11, np.linspace(900, 1100, 11).tolist())
    assert (found.allowed, found.left) == (9, 6)  # 9 of 1000 is below 1 %, 10 is not
    assert (found.counted_prudent, found.prudent, found.left_prudent) == (920, 9, 6)
    assert (found.late_expected, found.coming, found.needed) == (3.0, 300, 0)
    assert budget((3, 700), [6.0], [1000.0], strict=False).left == 7


def test_a_budget_that_is_used_up_says_what_would_dilute_it() -> None:
    found = budget((9, 700), [12.0], [1000.0])
    assert (found.left, found.needed, found.recoverable) == (0, 201, True)  # 9 of 901
    gone = budget((12, 700), [15.0], [1000.0])
    assert (gone.left, gone.needed, gone.recoverable) == (-3, 501, False)
    never = budget((1, 700), [1.0], [1000.0], limit=0.0, strict=False)
    assert never.needed == recover.IMPOSSIBLE and not never.recoverable and never.left == -1


@given(st.integers(0, 50), st.integers(1, 2000), st.integers(0, 2000), st.sampled_from([0.01, 0.05, 0.1]), st.booleans())
def test_one_more_than_the_budget_breaks_the_limit(late: int, now: int, more: int, limit: float, strict: bool) -> None:
    late = min(late, now)
    found = budget((late, now), [float(late)], [float(now + more)], limit, strict)

    def kept(bad: int, whole: int) -> bool:
        return bad / whole < limit if strict else bad / whole <= limit

    assert kept(found.allowed, now + more) or (found.allowed == 0 and strict)
    assert not kept(found.allowed + 1, now + more)
    assert found.recoverable == (found.left >= 0) or found.allowed == 0


def test_without_data_there_is_no_budget() -> None:
    assert budget_of((np.nan, np.nan), np.array([np.nan]), np.array([np.nan]), 0.01) is None


def test_the_limit_is_the_rules_own() -> None:
    assert limit_of(rules_of().criterion("III.3")) == (0.01, True)
    assert limit_of(rules_of("one_stop_commune").criterion("MC.9")) == (0.0, False)
    assert limit_of(rules_of().criterion("III.6")) is None
    assert budgets(random_block(rules_of("sipas")), rules_of("sipas")) == {}
    block = random_block(rules_of(), 2)
    found = budgets(block, rules_of())
    assert set(found) == set(block.units) and {b.code for b in found.values() if b} == {"III.3"}


def test_one_more_late_dossier_costs_what_the_rule_says() -> None:
    rules = only(rules_of(), "III.3")
    end = measure([[5, 20, 90], [9, 22, 90]], 1000)  # below 1 % with room (then without), on the slope, beyond 5 %
    block = block_of(rules, {"overdue_rate": (measure([[1, 1, 1]], 500), end)})
    slope = 8 / 40  # 40 dossiers of 1000 from full to nothing
    assert points_at_stake(block, rules) == pytest.approx([0.0, slope, 0.0], abs=1e-9)
    nearly = block_of(rules, {"overdue_rate": (measure([[1]], 500), measure([[10]], 1000))})
    assert points_at_stake(nearly, rules) == pytest.approx([slope])
    timely = only(rules_of("qd_766"), "2.1")
    on_time = block_of(timely, {"on_time_rate": (measure([[400]], 500), measure([[900]], 1000))})
    assert points_at_stake(on_time, timely) == pytest.approx([0.02])


def opened(days: list[float], commune: str = "A", **changed: object) -> pd.DataFrame:
    columns = {name: "x" for name in SAVED_COLUMNS if name not in ("p_late", "points")}
    codes = [f"{commune}{k:02d}" for k in range(len(days))]
    frame = pd.DataFrame(
        {**columns, "commune": commune, "dossier_code": codes, "days_left": days, "late": False, "counted": True}
    )
    return frame.assign(**changed)


def test_dossiers_of_the_week_come_first_and_the_riskiest_fill_the_list() -> None:
    open_now = opened([1.0, 5.0, 6.0, 20.0, *[30.0] * 10])
    p = np.array([0.2, 0.4, 0.3, 0.9, *[0.01] * 10])
    found = to_save(open_now, p, {"A": 0.5}, "qd766", ["A"])
    assert list(found.columns) == list(SAVED_COLUMNS) and len(found) == 10
    assert found["dossier_code"].tolist()[:4] == ["A03", "A01", "A02", "A00"]
    assert found["points"].tolist()[:2] == pytest.approx([0.45, 0.2])
    many = to_save(opened([2.0] * 14 + [9.0]), np.full(15, 0.1), {"A": 0.5}, "qd766", ["A"])
    assert len(many) == 14


def test_what_is_late_past_due_or_not_counted_cannot_be_saved() -> None:
    gone = pd.concat([opened([2.0], late=True), opened([-1.0], "B"), opened([2.0], "C", counted=False)], ignore_index=True)
    p, stake, units = np.full(3, 0.5), {"A": 0.1, "B": 0.1, "C": 0.1}, ["A", "B", "C"]
    assert to_save(gone, p, stake, "qd766", units).empty
    assert to_save(gone, p, stake, "ii06", units)["commune"].tolist() == ["C"]  # counted once it is finished
    assert to_save(opened([]), np.zeros(0), {}, "qd766", ["A"]).empty


def test_without_points_at_stake_the_riskiest_come_first() -> None:
    found = to_save(opened([1.0, 2.0]), np.array([0.1, 0.6]), {"A": 0.0}, "qd766", ["A"])
    assert found["dossier_code"].tolist() == ["A01", "A00"]
