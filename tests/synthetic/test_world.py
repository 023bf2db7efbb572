"""The invented world: reproducible, independent streams, believable and free of real names."""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from criteria import __file__ as criteria_file
from sources.calendar import WorkCalendar
from sources.canonical import DOSSIER_STATUS, TABLES
from sources.units import UnitRegister
from synthetic import names
from synthetic.profiles import Settings
from synthetic.registers import DECLARED
from synthetic.world import World, generate_district, generate_province, invented_communes

pytestmark = pytest.mark.slow  # a whole file of seconds: left to `make test`

REAL_SURNAMES = """Nguyễn Trần Lê Phạm Hoàng Huỳnh Phan Vũ Võ Đặng Bùi Đỗ Hồ Ngô Dương Lý Đoàn Trịnh Đinh Mai Tô Hà Cao
Lương Trương Lâm Thái Châu Tạ Phùng Quách Vương Chu Triệu Kiều Mạc Cù Lưu Đào Tăng Thạch""".split()
REAL_GIVEN = """Anh Bình Châu Dung Dũng Đức Giang Hà Hải Hạnh Hiền Hiếu Hoa Hòa Hùng Hương Khánh Lan Linh Long Mai Minh Nam
Nga Ngọc Nhung Phong Phương Quang Quân Sơn Tâm Thảo Thanh Thành Thắng Thu Thủy Trang Trung Tuấn Tú Vân Việt Yến""".split()


def test_same_seed_same_world(world: World) -> None:
    again = generate_district([2023], 5, settings=Settings(scale=0.3))
    pd.testing.assert_frame_equal(world.history, again.history)
    for name, frame in world.registers.items():
        pd.testing.assert_frame_equal(frame, again.registers[name])


def test_other_seed_other_world(world: World) -> None:
    other = generate_district([2023], 6, settings=Settings(scale=0.3))
    assert not world.history["received_at"].head(200).equals(other.history["received_at"].head(200))


def test_a_year_more_changes_no_other(world: World, two_years: World) -> None:
    later = two_years.history[two_years.history["dossier_code"].str.split("-").str[1].str.startswith("23")]
    pd.testing.assert_frame_equal(later.reset_index(drop=True), world.history, check_categorical=False)


def test_a_commune_more_changes_no_other() -> None:
    settings = Settings(scale=0.05)
    few, more = (generate_province(n, n * 150, 2023, 3, settings=settings) for n in (3, 4))
    assert invented_communes(3, 3) == invented_communes(4, 3)[:3]
    forms = more.registers["survey_forms"]
    mine = forms[forms["unit_code"] != "90004"][["unit_code", "answered_on"]].reset_index(drop=True)
    pd.testing.assert_frame_equal(mine, few.registers["survey_forms"][["unit_code", "answered_on"]])


def test_names_are_invented() -> None:
    syllables = {*names.FAMILY, *names.MIDDLE, *names.given_names()}
    assert not syllables & {*REAL_SURNAMES, *REAL_GIVEN}
    assert all(unicodedata.is_normalized("NFC", syllable) for syllable in syllables)
    numbers = np.arange(0, names.pool_size(), 997)
    first, second, third = names.parts(numbers)
    for at, number in enumerate(numbers):
        parts = (names.FAMILY[first[at]], names.MIDDLE[second[at]], names.given_names()[third[at]])
        assert names.full_name(int(number)) == " ".join(parts)


def test_officers_differ_between_units(world: World) -> None:
    officers = world.registers["officer_reviews"][["unit_code", "officer"]].drop_duplicates()
    assert officers["officer"].is_unique


def test_columns_are_canonical(world: World) -> None:
    assert [*TABLES["dossiers"].columns, "applicant"] == [
        *sorted(world.dossiers.columns.drop("applicant"), key=list(TABLES["dossiers"].columns).index), "applicant",
    ]  # fmt: skip
    for name in (
        "survey_forms",
        "officer_reviews",
        "tasks",
        "initiatives",
        "declarations",
        "monthly_reports",
    ):
        assert set(world.table(name).columns) == set(TABLES[name].columns), name
    assert set(world.table("published_results").columns) == set(TABLES["published_results"].columns)
    assert set(world.procedures.columns) == set(TABLES["procedures"].columns)


def test_dossiers_make_sense(world: World) -> None:
    frame = world.dossiers
    assert not frame.duplicated(["unit_code", "dossier_code"]).any()
    assert frame["dossier_code"].str.fullmatch(r"H32\.99\.\d\d-\d{6}-\d{4,}").all()
    assert (frame["received_at"] <= world.until).all()
    for early, late in (
        ("submitted_at", "received_at"), ("received_at", "due_at"), ("received_at", "finished_at"),
        ("finished_at", "returned_at"), ("received_at", "supplement_requested_at"), ("internal_due_at", "due_at"),
    ):  # fmt: skip
        both = frame[early].notna() & frame[late].notna()
        assert (frame.loc[both, early] <= frame.loc[both, late]).all(), (early, late)
    assert set(frame["status"].astype("str")) <= set(DOSSIER_STATUS)
    ended = frame["status"].isin(["finished", "returned", "withdrawn", "refused", "stopped"])
    assert (ended == frame["finished_at"].notna()).all()
    assert ((frame["supplement_count"] > 0) == frame["supplement_requested_at"].notna()).all()
    assert (frame["status"] == "waiting_supplement").any()
    assert (frame["supplement_count"] > 1).any() and frame["due_at"].isna().any()


def test_working_hours_and_days(world: World) -> None:
    calendar = WorkCalendar.load()
    received = world.dossiers["received_at"]
    assert all(calendar.is_working(day) for day in set(received.dt.date))
    minutes = received.dt.hour * 60 + received.dt.minute
    assert (((minutes >= 420) & (minutes < 690)) | ((minutes >= 810) & (minutes < 1020))).all()


def test_believable_year() -> None:
    world = generate_district([2023], 1)
    frame = world.dossiers
    assert 17_000 < len(frame) < 23_000
    online = (frame["channel"] == "online").groupby(frame["received_at"].dt.quarter).mean()
    assert online[4] > online[1] + 0.05
    mine = frame[(frame["unit_code"] == "22492").to_numpy()]
    assert 0.010 < (mine["finished_at"] > mine["due_at"]).mean() < 0.020
    assert (mine["channel"] == "online").mean() < 0.30
    months = world.registers["officer_reviews"].groupby("unit_code")["month"].nunique()
    assert months["22492"] == 10 and months["22501"] == 12


def test_settings_move_the_world() -> None:
    def late(level: float) -> float:
        frame = generate_district([2023], 2, settings=Settings(scale=0.3, late_level=level)).dossiers
        return float((frame["finished_at"] > frame["due_at"]).mean())

    assert late(3.0) > 2 * late(1.0)


def test_observation_forgets_nothing_and_foresees_nothing(world: World) -> None:
    day = dt.datetime(2023, 5, 15, 12, 0)
    early = world.at(day).dossiers.set_index("dossier_code")
    final = world.dossiers.set_index("dossier_code").loc[early.index]
    for name in ("received_at", "finished_at", "returned_at", "supplement_requested_at"):
        assert not (early[name] > day).any()
    done = early["finished_at"].notna()
    assert (early.loc[done, "finished_at"] == final.loc[done, "finished_at"]).all()
    assert (final.loc[~done, "finished_at"].dropna() > day).all()
    assert (world.at(day).table("survey_forms")["answered_on"] <= day).all()
    assert not (world.at(day).table("tasks")["done_on"] > day).any()


def test_reports_agree_with_dossiers(two_years: World) -> None:
    whole = two_years.at(dt.datetime(2023, 12, 31, 23, 59, 59))
    reports = whole.table("monthly_reports")
    assert (reports["received_total"] == reports["resolved_total"] + reports["open_total"]).all()
    kept = reports["received_online"] + reports["received_direct_postal"] + reports["carried_over"]
    assert (kept == reports["received_total"]).all()
    row = reports[(reports["unit_code"] == "22492") & (reports["year"] == 2023) & (reports["month"] == 3)].iloc[0]
    frame = whole.history[(whole.history["unit_code"] == "22492").to_numpy()]
    start, end = pd.Timestamp(2023, 3, 1), pd.Timestamp(2023, 4, 1)
    came = frame[(frame["received_at"] >= start) & (frame["received_at"] < end)]
    left = frame[(frame["finished_at"] >= start) & (frame["finished_at"] < end)]
    still = frame[(frame["received_at"] < end) & ~(frame["finished_at"] < end)]
    assert row["received_online"] + row["received_direct_postal"] == len(came)
    assert row["resolved_total"] == len(left)
    assert row["resolved_overdue"] == (left["finished_at"] > left["due_at"]).sum()
    assert row["open_total"] == len(still)
    assert row["open_overdue"] == (still["due_at"] < end).sum()


def _declared_in(pattern: str) -> dict[str, str]:
    """Return code → kind of the criteria that only a declaration can give, in the sets whose folder matches."""
    found: dict[str, str] = {}
    for path in Path(criteria_file).parent.glob(f"sets/{pattern}/section_*.yaml"):
        for code, criterion in yaml.safe_load(path.read_text(encoding="utf-8")).items():
            if "declared" in criterion:
                found[code] = criterion["declared"]
    return found


def test_declared_criteria_are_those_of_the_sets() -> None:
    """Everything of the commune's own set; of the others what a commune can say."""
    kinds = {item.code: item.kind for item in DECLARED}
    assert len(kinds) == len(DECLARED)
    own = _declared_in("commune_reconstructed")
    assert {code: kinds.get(code) for code in own} == own
    others = _declared_in("qd_766") | _declared_in("one_stop_commune")
    rest = {code: kind for code, kind in kinds.items() if code not in own}
    assert rest and rest == {code: others.get(code) for code in rest}


def test_invented_units_join_the_register(tmp_path: Path) -> None:
    province = generate_province(5, 500, 2023, 1)
    assert len(province.history) == 500
    register = UnitRegister.load(province.write_units(tmp_path / "units.yaml"))
    for commune in province.communes:
        unit = register.resolve(commune.label)
        assert unit is not None and unit.unit_id == commune.unit_code
    assert all(re.fullmatch(r"9\d{4}", commune.unit_code) for commune in province.communes)


def test_years_outside_the_district_are_refused() -> None:
    with pytest.raises(ValueError, match="2015-2024"):
        generate_district([2025], 1)
