"""The register of commitments out of loaded files: months, days and tasks as they stood on a day; last year; later notices."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from flows.steps.commitments import commitments_json, states
from flows.steps.home import Home, UserError, parse_moment
from flows.steps.measure import question
from tests.flows import kit

pytestmark = [pytest.mark.db, pytest.mark.slow]
RECEIVED = datetime(2024, 2, 1, 8, tzinfo=kit.ZONE)
FILES = {
    "officer_review": """Đơn vị;Tháng;Cán bộ, công chức;Điểm;Ngày đánh giá
22492;01/2023;Công chức A;90;30/01/2023
22492;03/2023;Công chức A;90;30/03/2023
22492;04/2023;Công chức A;90;05/04/2023
22492;02/2023;Công chức A;90;20/05/2023
""",
    "survey": """Mã phiếu;Đơn vị;Ngày khảo sát;Tiếp cận dịch vụ;Thủ tục hành chính;Công chức;Kết quả;Góp ý, phản ánh;Hài lòng chung
K0;22492;04/01/2022;5;5;5;5;2;5
K1;22492;03/01/2023;5;5;5;5;5;5
K2;22492;04/01/2023;5;5;5;5;4;4
""",
    "tasks": """Mã nhiệm vụ;Đơn vị;Chương trình;Nội dung nhiệm vụ;Ngày giao;Hạn hoàn thành;Ngày hoàn thành
NV1;22492;CTr 12823/CTr-UBND;Một;05/01/2023;31/01/2023;31/01/2023
NV2;22492;CTr 12823/CTr-UBND;Hai;05/01/2023;10/05/2023;12/05/2023
NV3;22492;CTr 12823/CTr-UBND;Ba;05/01/2023;30/11/2023;
NV4;22492;Kế hoạch khác;Bốn;05/01/2023;10/01/2023;
""",
    "declarations": """Đơn vị;Năm;Mã tiêu chí;Số liệu kê khai;Trạng thái;Minh chứng;Ngày kê khai
22492;2023;VII.6;Có;Có minh chứng;QĐ 1;01/03/2023
22492;2023;TB.7.1;Có;Đã kê khai;;01/03/2023
22492;2023;I.5;Không;Đã kê khai;;01/06/2023
""",
    "initiatives": "Mã sáng kiến;Đơn vị;Tên sáng kiến;Ngày đăng ký;Ngày công nhận\nSK1;22492;Một;05/09/2023;\n",
}
LATER = """
notice: {{number: 7/TB-UBND, issuer: Ủy ban nhân dân huyện Vạn Ninh, date: 2023-06-01, title: Thông báo thử}}
unit: "{unit}"
year: 2023
commitments:
  plan:
    label: Nhiệm vụ của kế hoạch khác đúng hạn
    kind: measure
    measure: task_on_time
    measure_args: {{programme: Kế hoạch khác}}
    op: ">="
    value: 1
    pace: every
    paragraph: "1"
    deadline: 2023-12-31
    owner: Văn phòng
    provenance: official
  half_year:
    label: 04 tháng đánh giá trong 4 tháng đầu năm
    kind: measure
    measure: officer_review_months
    op: ">="
    value: 4
    pace: rate
    paragraph: "2"
    deadline: 2023-04-30
    owner: Văn phòng
    provenance: official
"""


@pytest.fixture(scope="module")
def loaded(installation: Home, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """One commune's registers of 2023, and one survey form of 2022."""
    from tests.conftest import empty

    empty(installation)
    folder = tmp_path_factory.mktemp("commitments")
    for name, text in FILES.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
        result = kit.load(installation, folder / f"{name}.csv", kit.QuickGate(), RECEIVED, name)
        assert (result.status, result.rows_quarantined) == ("loaded", 0), result
    return installation


@pytest.fixture
def home(loaded: Home) -> Any:
    """The loaded home without notices of its own."""
    yield loaded
    for file in loaded.notices.glob("*"):
        file.unlink()


def register(home: Home, as_of: str, **more: Any) -> dict[str, dict[str, Any]]:
    asked = question(2023, as_of=parse_moment(as_of))
    with home.database.begin() as tx:
        rows = states(home, tx, asked, home.commune("22492", asked.last_day), **more)
    return {row["code"]: row for row in rows}


def state(home: Home, as_of: str, code: str) -> tuple[str, float | None]:
    row = register(home, as_of)[code]
    return row["state"], row["gap"]


def test_every_month_is_due_once_it_is_over(home: Home) -> None:
    assert state(home, "2023-01-31", "officer_reviews") == ("on_track", 0)
    assert state(home, "2023-02-28", "officer_reviews") == ("on_track", 0)
    assert state(home, "2023-03-01", "officer_reviews") == ("at_risk", 1)
    # April is reviewed in April; it does not stand in for February, reviewed on 20 May.
    assert state(home, "2023-04-10", "officer_reviews") == ("at_risk", 1)
    assert state(home, "2023-05-19", "officer_reviews") == ("at_risk", 1)
    assert state(home, "2023-05-20", "officer_reviews") == ("on_track", 0)
    assert state(home, "2023-06-01", "officer_reviews") == ("at_risk", 1)
    assert state(home, "2023-12-31", "officer_reviews") == ("missed", 8)


def test_a_day_counts_once_it_is_over(home: Home) -> None:
    assert state(home, "2023-01-04T23:59:59", "survey_days") == ("on_track", 0)
    assert state(home, "2023-01-05T09:00:00", "survey_days") == ("on_track", 0)
    assert state(home, "2023-01-05", "survey_days") == ("missed", 1)
    assert state(home, "2023-01-06", "survey_days") == ("missed", 2)


def test_a_task_is_lost_the_day_after_it_was_due(home: Home) -> None:
    assert state(home, "2023-01-31T12:00:00", "tasks") == ("on_track", 0)
    assert state(home, "2023-05-10T12:00:00", "tasks") == ("on_track", 0)
    assert state(home, "2023-05-10", "tasks") == ("missed", 1)
    assert state(home, "2023-06-30", "tasks") == ("missed", 1)
    assert state(home, "2023-12-31", "tasks") == ("missed", 2)


def test_declared_counts_grow_and_last_year(home: Home) -> None:
    march, june, end = (register(home, day) for day in ("2023-03-15", "2023-06-15", "2023-12-31"))
    assert [r["online_point"]["state"] for r in (march, end)] == ["on_track", "met"]
    assert [r["summary"]["gap_text"] for r in (march, end)] == ["thiếu tài liệu kiểm chứng"] * 2
    assert [r["publicity"]["state"] for r in (march, june, end)] == ["no_data", "at_risk", "missed"]
    assert [r["initiative"]["state"] for r in (march, june, end)] == ["on_track", "on_track", "met"]
    assert march["better_satisfaction"]["state"] == "on_track" and march["better_satisfaction"]["before"] == 0.8
    assert (
        march["remedied"]["gap_code"] == "no_last_year" == march["better_index"]["gap_code"].replace("no_measure", "no_last_year")
    )
    assert march["overdue"]["state"] == "no_data", "no dossier file was ever loaded"


def test_known_at_hides_what_was_loaded_later(home: Home) -> None:
    early = question(2023, as_of=parse_moment("2023-12-31"), known_at=parse_moment("2024-01-15"))
    document = commitments_json(home, early, "22492")
    assert {row["state"] for row in document["notices"][0]["commitments"]} == {"no_data"}
    late = commitments_json(home, question(2023, as_of=parse_moment("2023-12-31")), "22492")
    assert late["notices"][0]["counts"]["met"] >= 2


def test_rows_carry_all_that_people_and_alerts_need(home: Home) -> None:
    rows = register(home, "2023-06-15")
    reviews = rows["officer_reviews"]
    assert reviews["gap_text"] == "còn thiếu 1 tháng có đánh giá, làm bù được"
    assert (reviews["deadline"], reviews["days_left"], reviews["source"]) == (
        "2023-12-31", 199, "Thông báo tháng 3/2023 của xã Đại Lãnh, khoản 3",
    )  # fmt: skip
    assert rows["online"]["state_text"] == "Chưa có số liệu (ngưỡng giả định, chưa có văn bản)"
    assert rows["online"]["threshold_note"] and rows["online"]["provenance"] == "assumed"
    assert all(row["owner"] and row["threshold_text"] and row["state_text"] and row["gap_text"] for row in rows.values())


def test_a_later_notice_is_one_more_file(home: Home) -> None:
    (home.notices / "tb_huyen.yaml").write_text(LATER.format(unit="571"), encoding="utf-8")
    rows = register(home, "2023-06-15", notice="tb_huyen")
    assert list(rows) == ["plan", "half_year"]
    # The other programme's own task, and the deadline of April fixes the figure: February was reviewed in May.
    assert (rows["plan"]["state"], rows["plan"]["numerator"], rows["plan"]["denominator"]) == ("missed", 0, 1)
    assert (rows["half_year"]["state"], rows["half_year"]["value"], rows["half_year"]["days_left"]) == ("missed", 3, -46)
    assert set(register(home, "2023-06-15")) > {"plan", "tasks"}
    document = commitments_json(home, question(2023, as_of=parse_moment("2023-06-15")), notice="tb_huyen")
    assert len(document["notices"]) == len(
        home.register.peers(home.commune("22492", question(2023).last_day), question(2023).last_day)
    )


def test_none_binds_is_said(home: Home) -> None:
    asked = question(2023, as_of=parse_moment("2023-06-15"))
    document = commitments_json(home, asked, "22495")
    assert document["notices"] == [] and "xã Vạn Phước trong năm 2023" in document["message"]
    assert "tb_dai_lanh_2023 (năm 2023)" in document["message"] and str(home.notices) in document["message"]
    with home.database.begin() as tx:
        assert states(home, tx, asked, home.commune("22495", asked.last_day)) == []
    assert commitments_json(home, question(2022), None)["notices"] == []


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        (LATER.format(unit="571").replace("pace: rate", "pace: often"), "bad_notice", "pace «often» không hợp lệ"),
        (LATER.format(unit="99999"), "unknown_unit", "không có đơn vị «99999»"),
        ("notice: [", "bad_notice", "YAML"),
    ],
)
def test_a_broken_notice_is_refused_with_its_line(home: Home, text: str, code: str, said: str) -> None:
    (home.notices / "tb_huyen.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=said) as error:
        register(home, "2023-06-15")
    assert error.value.code == code


def test_unknown_notice(home: Home) -> None:
    with pytest.raises(UserError, match="tb_dai_lanh_2023") as error:
        commitments_json(home, question(2023, as_of=parse_moment("2023-06-15")), notice="nothing")
    assert error.value.code == "unknown_notice"
    assert isinstance(home.notices, Path) and home.notices.is_dir()
