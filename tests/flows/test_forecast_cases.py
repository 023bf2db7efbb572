"""The forecast where little or nothing is known: no forms, lost columns, exports that stopped, a year that only began."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from apps import cli
from flows.steps.home import UserError
from tests.flows import kit
from tests.flows.forecast_kit import world_of
from tests.flows.test_forecast_peers import load

if TYPE_CHECKING:
    import pandas as pd

    from flows.steps.home import Home
    from synthetic.world import World

pytestmark = [pytest.mark.db, pytest.mark.slow]

UNITS = ("22492", "22495")
REGISTERS = ("survey_forms", "declarations", "tasks", "initiatives", "officer_reviews", "published_results", "monthly_reports")


@pytest.fixture(scope="module")
def world() -> World:
    from synthetic.profiles import Settings

    return world_of((2023,), 5, Settings(scale=0.5))


def of(world: World, units: Iterable[str], without: Iterable[str] = (), stop: dict[str, str] | None = None) -> World:
    """Some communes of a world, without some registers. stop: the last day of which a commune's exports tell."""

    def own(frame: pd.DataFrame) -> pd.DataFrame:
        return frame[frame["unit_code"].isin(list(units))].reset_index(drop=True)

    registers = {name: own(frame).iloc[: 0 if name in without else None] for name, frame in world.registers.items()}
    history = own(world.history)
    for unit, last in (stop or {}).items():
        history = history[(history["unit_code"] != unit) | (history["received_at"] < f"{last} 23:59:59")]
        untold = (history["unit_code"] == unit) & (history["finished_at"] > f"{last} 23:59:59")
        history = history[~untold].reset_index(drop=True)
    return replace(world, history=history, registers=registers)


def asked(as_of: str, *words: str, year: str = "2023") -> str:
    given = ["forecast", "--year", year, "--as-of", as_of, "--draws", "300", *words]
    answer = CliRunner().invoke(cli.cli, given, catch_exceptions=False)
    assert answer.exit_code == 0, answer.output
    return answer.output


def document(as_of: str, *words: str) -> dict[str, Any]:
    return json.loads(asked(as_of, "--json", *words))  # type: ignore[no-any-return]


def page(as_of: str, *words: str) -> str:
    return " ".join(asked(as_of, "--commune", "22492", *words).split())


def without_points(row: dict[str, Any]) -> set[str]:
    return {line["code"] for line in row["criteria"] if line["p50"] is None}


def test_dossiers_alone(clean: Home, world: World, tmp_path: Path) -> None:
    """No form, register or declaration ever: what nobody tells of has no points, and the rest is forecast."""
    load(clean, of(world, UNITS[:1], REGISTERS), None, tmp_path)
    (row,) = document("2023-09-30")["communes"]
    assert {"I.2", "I.7", "VIII.1"} <= without_points(row) and not {"III.3", "VII.1", "III.6"} & without_points(row)
    assert row["index"]["p10"] < row["index"]["p50"] < row["index"]["p90"]


def test_exports_that_stopped_are_not_weeks_without_dossiers(clean: Home, world: World, tmp_path: Path) -> None:
    load(clean, of(world, UNITS, ("published_results",)), None, tmp_path)
    then, later = document("2023-09-30"), document("2023-10-28")
    assert then["data_until"] is None and later["data_until"] >= "2023-09-28" and later["as_of"].startswith("2023-10-28")
    for before, after in zip(then["communes"], later["communes"]):
        assert after["budget"]["counted_expected"] == pytest.approx(before["budget"]["counted_expected"], rel=0.02)
        assert after["open"]["past_due"] <= before["open"]["past_due"] + 1  # nobody said that they are still open
        assert after["index"]["p50"] == pytest.approx(before["index"]["p50"], abs=0.5)
    said = page("2023-10-28")
    assert "Số liệu hồ sơ mới có đến ngày" in said and "không bị coi là không có hồ sơ" in said
    over = page("2023-12-31")
    assert "chưa gồm phần còn lại của năm" in over and over.startswith("Hết năm 2023")


def test_one_commune_that_stopped_is_named(clean: Home, world: World, tmp_path: Path) -> None:
    load(clean, of(world, UNITS, ("published_results",), stop={"22492": "2023-07-31"}), None, tmp_path)
    given = document("2023-09-30")
    by_code = {row["commune"]: row for row in given["communes"]}
    assert given["data_until"] is None and by_code["22495"]["data_until"] is None
    assert "2023-07-25" <= by_code["22492"]["data_until"] <= "2023-07-31"
    assert "mới có đến ngày" in page("2023-09-30") and "sau các xã khác" in page("2023-09-30")
    assert "Đại Lãnh (đến" in " ".join(asked("2023-09-30").split())
    seen = sum(world.history["unit_code"] == "22492") * 7 / 12
    (counted,) = [row["budget"]["counted_expected"] for row in given["communes"] if row["commune"] == "22492"]
    assert counted > seen + 0.6 * seen * 3 / 7  # of October to December as many a month as before, not two thirds of it


def test_the_first_days_of_a_first_year(clean: Home, world: World, tmp_path: Path) -> None:
    load(clean, of(world, UNITS, ("published_results",)), None, tmp_path, date(2023, 9, 30))
    for moment in ("2023-01-05T10:00:00", "2023-06-30T10:00:00"):
        given = document(moment)
        assert len(given["communes"]) == 2 and given["data_until"] is None
        for row in given["communes"]:
            assert sum(row["grade_probability"].values()) + row["no_grade_probability"] == pytest.approx(1.0, abs=1e-4)
        page(moment)
    with pytest.raises(UserError, match="Chưa có số liệu"):  # a holiday, and no year behind it
        document("2023-01-01")
    with pytest.raises(UserError, match="chưa bắt đầu"):
        asked("2023-06-30", year="2024")


def test_columns_that_an_export_lacks_stay_without_data(clean: Home, tmp_path: Path) -> None:
    """A measure of a lost column has no points today and none at the year's end; free dossiers make a criterion not apply."""
    moment = datetime(2023, 8, 15, 23, 59, 59)
    lives = [
        (begun := datetime(2023, 1, 3, 8) + timedelta(hours=36 * number), begun + timedelta(days=3)) for number in range(150)
    ]
    rows = [
        {
            "dossier_code": f"H{number}", "unit_code": "22492", "channel": "Trực tuyến" if number % 3 else "Trực tiếp",
            "received_at": _shown(begun), "due_at": _shown(begun + timedelta(days=7)), "finished_at": _shown(done),
            "status": "Đã trả kết quả", "fee_amount": "0",
        }
        for number, (begun, done) in enumerate(lives)
    ]  # fmt: skip
    path = kit.write_csv(tmp_path / "few.csv", rows)
    assert kit.load(clean, path, kit.QuickGate(), datetime(2023, 9, 1, tzinfo=kit.ZONE)).status == "loaded"
    (row,) = document("2023-08-15")["communes"]
    assert {"III.6", "VII.2"} <= without_points(row) and "VII.1" not in without_points(row)
    assert row["open"]["count"] == sum(begun <= moment < done for begun, done in lives) > 0


def _shown(moment: datetime) -> str:
    return f"{moment:%d/%m/%Y %H:%M:%S}"


def test_monthly_reports_alone_are_no_forecast(clean: Home, world: World, tmp_path: Path) -> None:
    load(clean, of(world, (), ()), world.registers["monthly_reports"], tmp_path)
    with pytest.raises(UserError, match="Chưa có số liệu nào của năm 2023"):
        asked("2023-09-30")


def test_at_the_years_end_every_set_and_definition_is_the_score(clean: Home, world: World, tmp_path: Path) -> None:
    import numpy as np

    import criteria
    from flows.steps.forecast import forecast_question
    from flows.steps.home import parse_moment
    from flows.steps.measure import question

    load(clean, of(world, UNITS), None, tmp_path, date(2023, 12, 31))
    moment = parse_moment("2023-12-31")
    for name in ("commune_reconstructed", "qd_766", "one_stop_commune", "sipas"):
        for definition in criteria.load_definitions("overdue").by_name:
            with clean.database.begin() as tx:
                done = forecast_question(clean, tx, question(2023, as_of=moment, definition=definition), name, draws=100)
            totals = done.scored.scores.totals.set_index("commune").loc[list(done.units), "total"].to_numpy(dtype=np.float64)
            assert (done.totals == np.rint(totals * 10**done.rules.decimals)).all(), (name, definition)
