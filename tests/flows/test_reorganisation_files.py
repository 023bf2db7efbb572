"""What files of the days around 1 July 2025 say: before the new commune's first export, and of tasks given across the day."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from flows.steps.home import Home
from tests.flows import kit
from tests.flows.test_reorganisation import EARLY, LATE, NEW, NEW_BORDERS, OLD, _rows, ask, figures

pytestmark = [pytest.mark.db, pytest.mark.slow]
TASKS = """Mã nhiệm vụ;Đơn vị;Ngày giao;Hạn hoàn thành;Ngày hoàn thành
NV1;Xã Đại Lãnh;10/02/2025;30/05/2025;20/05/2025
NV2;Xã Đại Lãnh;10/02/2025;30/11/2025;
NV3;Xã Đại Lãnh;;31/05/2025;
"""


def test_dossiers_that_cross_the_day_count_before_the_new_commune_sends_a_file(clean: Home, tmp_path: Path) -> None:
    """Known of them is what the old commune's export says; a sum without them would praise the commune."""
    kit.write_csv(tmp_path / "old.csv", [row for row in _rows(EARLY) if row["dossier_code"] != "N1"])
    assert kit.load(clean, tmp_path / "old.csv", kit.QuickGate(), EARLY, "one_stop").status == "loaded"
    found = figures(clean, ask(2025, "2025-07-20", NEW_BORDERS), NEW)
    assert found["received"] == (8, None) and found["resolved"] == (5, None)  # A7 on 2 July
    assert found["open"] == (3, None) and found["open_overdue"] == (3, None)  # A5 A6 B3
    assert found["overdue_rate"] == (6, 8)  # A4 A5 A6 A7 B3 C4


def test_a_form_of_the_new_commune_does_not_cost_an_old_dossier_its_points(clean: Home, tmp_path: Path) -> None:
    """What is explained is what is counted: the form counts where it was filled in, the dossier where it was received."""
    from flows.steps.explain import explain

    kit.write_csv(tmp_path / "both.csv", _rows(LATE))
    forms = "Mã phiếu;Đơn vị;Ngày khảo sát;Mã hồ sơ;Công chức\nK1;22504;10/07/2025;B3;1\nK2;22504;11/07/2025;N1;1\n"
    (tmp_path / "forms.csv").write_text(forms, encoding="utf-8")
    for name, contract in (("both.csv", "one_stop"), ("forms.csv", "survey")):
        assert kit.load(clean, tmp_path / name, kit.QuickGate(), LATE, contract).status == "loaded"
    found = explain(clean, ask(2025, "2025-12-31"), NEW, None, "one_stop_commune")
    (item,) = [i for i in found["items"] if i["measure"] == "attitude_points_rate"]
    weights = {source["dossier"]: source["weight"] for source in item["sources"]}
    assert weights == {"A5": 2, "A7": 2, "N1": 2, "N2": 2}  # B3 was early, and the form about it is of another commune
    assert item["denominator"] - item["numerator"] == sum(weights.values())


def test_complaints_by_name_of_all_a_commune_is_made_of(clean: Home, tmp_path: Path) -> None:
    from flows.steps.explain import explain

    forms = "Mã phiếu;Đơn vị;Ngày khảo sát;Công chức;Cán bộ được đánh giá\n"
    forms += "K1;22492;10/03/2025;1;Công chức A\nK2;22519;11/03/2025;2;Công chức A\nK3;22504;11/07/2025;1;Công chức B\n"
    kit.write_csv(tmp_path / "both.csv", _rows(LATE))
    (tmp_path / "forms.csv").write_text(forms, encoding="utf-8")
    for name, contract in (("both.csv", "one_stop"), ("forms.csv", "survey")):
        assert kit.load(clean, tmp_path / name, kit.QuickGate(), LATE, contract).status == "loaded"
    for units_on, expected in ((None, [("Công chức B", 1)]), (NEW_BORDERS, [("Công chức A", 1)] * 2 + [("Công chức B", 1)])):
        asked = ask(2025, "2025-12-31", units_on)
        found = explain(clean, asked, NEW)["complaints"]
        assert sorted((row["official"], row["forms"]) for row in found) == expected  # namesakes of two communes stay apart
        assert figures(clean, asked, NEW)["named_complaints"] == (len(expected), None)


def test_a_task_is_the_unit_s_to_which_it_was_given(clean: Home, tmp_path: Path) -> None:
    """A plan of February for the whole year speaks of the commune of February, whoever bears its name at the deadline."""
    (tmp_path / "tasks.csv").write_text(TASKS, encoding="utf-8")
    given = datetime(2025, 6, 5, 8, tzinfo=kit.ZONE)
    assert kit.load(clean, tmp_path / "tasks.csv", kit.QuickGate(), given, "tasks").status == "loaded"
    assert figures(clean, ask(2025, "2025-06-10"), OLD)["task_completion"] == (1, 3)
    assert figures(clean, ask(2025, "2025-12-31"), NEW)["task_completion"] == (None, None)
    assert figures(clean, ask(2025, "2025-12-31", NEW_BORDERS), NEW)["task_completion"] == (1, 3)
