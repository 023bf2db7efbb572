"""A commune alone: its own exports, everybody's monthly reports and published results. Its rank is an estimate that says so."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from apps import cli
from flows.steps.home import UserError
from tests.conftest import empty
from tests.flows.forecast_kit import world_of
from tests.flows.kit import ZONE, QuickGate, write_csv

if TYPE_CHECKING:
    from flows.steps.home import Home
    from synthetic.world import World

pytestmark = [pytest.mark.db, pytest.mark.slow]

OWN = "22492"
NEW = "22525"  # the one of which nothing was ever published
REPORT = {
    "unit_code": "Đơn vị", "year": "Năm", "month": "Tháng", "received_total": "Tổng số tiếp nhận",
    "received_online": "Tiếp nhận trực tuyến", "received_direct_postal": "Tiếp nhận trực tiếp, BCCI",
    "carried_over": "Kỳ trước chuyển sang", "resolved_total": "Tổng đã giải quyết", "resolved_early": "Giải quyết trước hạn",
    "resolved_on_time": "Giải quyết đúng hạn", "resolved_overdue": "Giải quyết quá hạn",
}  # fmt: skip


def alone(world: World, published: bool = True) -> World:
    """The world as one commune knows it: its own tables, and what was published of the others."""

    def own(name: str, frame: pd.DataFrame) -> pd.DataFrame:
        if name == "published_results":
            kept = (frame["unit_code"] != NEW) & published
            return frame[kept].reset_index(drop=True)
        return frame[frame["unit_code"] == OWN].reset_index(drop=True)

    registers = {name: own(name, frame) for name, frame in world.registers.items()}
    return replace(world, history=own("dossiers", world.history), registers=registers)


def load(home: Home, world: World, reports: pd.DataFrame | None, folder: Path, until: date = date(2023, 9, 30)) -> None:
    """Load a world's exports as they came in September and December, and monthly reports as one table."""
    from flows.steps.files import Request, candidates
    from flows.steps.ingest import ingest_files
    from synthetic.months import month_files

    contracts = {contract.name: contract for contract in candidates(home, None)}
    wanted = [
        (path, Request((contracts[name],), None, moment.replace(tzinfo=ZONE)))
        for name, path, moment in month_files(world, folder, until, months={9, 12}, reports=False)
    ]
    if reports is not None:
        seen = reports[reports["reported_on"] < pd.Timestamp(until) + pd.Timedelta(days=1)]
        path = write_csv(folder / "reports.csv", seen[list(REPORT)].astype(str).to_dict("records"), REPORT)  # type: ignore[arg-type]
        wanted.append((path, Request((contracts["monthly_report"],), None, wanted[-1][1].received_at)))
    results = ingest_files(home, wanted, QuickGate())  # type: ignore[arg-type]
    assert [r for r in results if r.status != "loaded" or r.rows_quarantined] == []


@pytest.fixture(scope="module")
def world() -> World:
    from synthetic.profiles import Settings

    return world_of((2022, 2023), 3, Settings(scale=0.4))


@pytest.fixture(scope="module")
def lone(installation: Home, world: World, tmp_path_factory: pytest.TempPathFactory) -> Home:
    empty(installation)
    load(installation, alone(world), world.registers["monthly_reports"], tmp_path_factory.mktemp("lone"))
    return installation


def asked(*words: str) -> str:
    given = ["forecast", "--year", "2023", "--as-of", "2023-09-30", "--draws", "400", *words]
    answer = CliRunner().invoke(cli.cli, given, catch_exceptions=False)
    assert answer.exit_code == 0, answer.output
    return answer.output


def document(*words: str) -> dict[str, Any]:
    def refuse(name: str) -> float:
        raise AssertionError(f"{name} is no JSON")

    return json.loads(asked("--json", *words), parse_constant=refuse)  # type: ignore[no-any-return]


def test_the_rank_is_among_estimated_peers(lone: Home, world: World) -> None:
    given = document()
    (row,) = given["communes"]
    assert row["rank_basis"] == "estimated_peers" and row["commune"] == OWN and row["now"]["rank"] is None
    assert len(row["rank_probability"]) == 12 and sum(row["rank_probability"]) == pytest.approx(1.0, abs=1e-4)
    assert 1.0 <= row["expected_rank"] <= 12.0
    peers = given["peers"]
    assert len(peers["estimated"]) == len(peers["with_reports"]) == 11 and peers["years"] == [2022, 2022]
    assert peers["left_out"] == [world.commune(NEW).name]
    assert all(lever["rank_now"] is not None for lever in row["levers"])


def test_the_page_says_estimated_and_on_what(lone: Home) -> None:
    said = " ".join(asked("--commune", OWN).split())
    assert "/12 (ước tính)" in said and "suy từ kết quả công bố năm 2022" in said
    assert "chỉnh theo báo cáo tháng năm nay của cả các xã đó" in said
    assert "Không xếp hạng vì chưa từng có kết quả công bố:" in said


def test_reports_of_this_year_move_the_peers(lone: Home, world: World) -> None:
    from flows.steps.home import parse_moment
    from flows.steps.measure import question
    from scoring.forecast.inputs import month_number
    from scoring.forecast.peer_reports import shift_by_peer
    from scoring.forecast.peers import last_published

    with lone.database.begin() as tx:
        from flows.steps.forecast import prepare

        _, inputs, rules = prepare(lone, tx, question(2023, as_of=parse_moment("2023-09-30")))
    last = last_published(inputs.published, 2023)
    assert set(last.values()) == {2022}
    moved = shift_by_peer(inputs.monthly_reports, last, 2023, month_number(inputs.horizon), rules)
    table = world.registers["monthly_reports"]
    real = {}
    for unit, rows in table[table["unit_code"].isin(moved)].groupby("unit_code"):
        online, late = [], []
        for _, year in rows.groupby("year"):
            online.append(
                min(1.0, year["received_online"].sum() / (year["received_online"] + year["received_direct_postal"]).sum() / 0.3)
            )
            late.append(np.clip((0.05 - year["resolved_overdue"].sum() / year["resolved_total"].sum()) / 0.04, 0.0, 1.0))
        real[unit] = 5 * (online[1] - online[0]) + 8 * (late[1] - late[0])
    assert len(real) >= 11
    error = np.array([moved[str(unit)] - change for unit, change in real.items()])
    nothing = np.array(list(real.values()))
    assert np.sqrt(np.mean(error**2)) < 0.5 * np.sqrt(np.mean(nothing**2)), (moved, real)


def test_a_set_that_ranks_by_share_is_on_a_scale_of_percent(lone: Home) -> None:
    given = document("--criteria", "qd_766")
    (row,) = given["communes"]
    assert given["peers"]["other_set"] and not document()["peers"]["other_set"]
    assert row["rank_basis"] == "estimated_peers" and len(row["rank_probability"]) == 12
    assert max(row["rank_probability"]) < 0.95  # neither above all nor below all by a slip of scale


def test_a_commune_without_data_is_told_so(lone: Home) -> None:
    with pytest.raises(UserError, match="Chưa có số liệu nào của Xã Vạn Phước"):
        asked("--commune", "22495")


def test_nothing_published_is_no_rank_and_a_sentence(installation: Home, world: World, tmp_path: Path) -> None:
    empty(installation)
    load(installation, alone(world, published=False), None, tmp_path)
    given = document()
    (row,) = given["communes"]
    assert row["rank_basis"] is None and row["expected_rank"] is None and row["rank_probability"] == []
    assert all(lever["rank_now"] is None for lever in row["levers"])
    said = " ".join(asked("--commune", OWN).split())
    assert "hạng dự kiến" not in said and "chưa có kết quả công bố nào của các xã đó" in said
