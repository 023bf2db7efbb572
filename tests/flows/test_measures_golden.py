"""A small district year judged by hand (tests/golden): each dossier under each definition of late, and every count."""

from __future__ import annotations

import csv
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from flows.steps.home import Home, parse_moment
from flows.steps.measure import main_programme, measures_json, question
from tests.flows import kit

pytestmark = [pytest.mark.db, pytest.mark.slow]
GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "dossiers.csv"
DEFINITIONS = ("qd766", "provincial_766", "ii06", "opencps")
END_2023 = "2023-12-31"
RECEIVED = datetime(2024, 2, 1, 8, tzinfo=kit.ZONE)
SURVEY = """Mã phiếu;Đơn vị;Ngày khảo sát;Tiếp cận dịch vụ;Thủ tục hành chính;Công chức;Kết quả;Góp ý, phản ánh;Hài lòng chung
KS1;22492;03/01/2023;5;5;5;5;5;5
KS2;22492;03/01/2023;4;4;4;4;4;4
KS3;22492;04/01/2023;3;3;3;3;3;5
KS4;22492;07/01/2023;;;;;;5
KS5;22492;21/01/2023;5;2;;;;5
KS6;22492;01/01/2024;5;5;5;5;5;5
"""
REVIEWS = """Đơn vị;Tháng;Cán bộ, công chức;Điểm;Ngày đánh giá
22492;01/2023;Người Một;90;02/02/2023
22492;02/2023;Người Một;91;02/03/2023
22492;02/2023;Người Hai;80;02/03/2023
22492;12/2023;Người Một;92;03/01/2024
"""
TASKS = """Mã nhiệm vụ;Đơn vị;Chương trình;Nội dung nhiệm vụ;Ngày giao;Hạn hoàn thành;Ngày hoàn thành
NV1;22492;{programme};Một;05/01/2023;31/03/2023;31/03/2023
NV2;22492;{programme};Hai;05/01/2023;31/03/2023;01/04/2023
NV3;22492;{programme};Ba;05/01/2023;30/11/2023;
NV4;22492;{programme};Bốn;05/01/2023;20/12/2023;10/01/2024
NV5;22492;Kế hoạch khác;Năm;05/01/2023;30/06/2023;29/06/2023
NV6;22492;Kế hoạch khác;Sáu;05/12/2023;31/01/2024;
"""
INITIATIVES = """Mã sáng kiến;Đơn vị;Tên sáng kiến;Ngày đăng ký;Ngày công nhận
SK1;22492;Một;05/03/2023;
SK2;22492;Hai;;10/10/2023
SK3;22492;Ba;30/12/2022;10/02/2023
SK4;22492;Bốn;01/01/2024;
"""


def rows() -> list[dict[str, str]]:
    with open(GOLDEN, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter=";"))


@pytest.fixture(scope="module")
def year(installation: Home, gate: Any, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """The golden year, loaded from exports."""
    from tests.conftest import empty

    empty(installation)
    folder = tmp_path_factory.mktemp("golden")
    dossiers = [{**row, "dossier_code": f"H32.22492-{row['dossier_code']}", "unit_code": "22492"} for row in rows()]
    kit.write_csv(folder / "one_stop.csv", dossiers)
    texts = {
        "survey": SURVEY, "officer_review": REVIEWS, "tasks": TASKS.format(programme=main_programme()), "initiatives": INITIATIVES,
        "procedures": "Mã thủ tục;Tên thủ tục hành chính;Thời hạn giải quyết\nP10;Mười ngày;10\nP5;Năm ngày;5\n",
    }  # fmt: skip
    for name, text in texts.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    for name in (*texts, "one_stop"):
        result = kit.load(installation, folder / f"{name}.csv", gate, RECEIVED, name)
        assert (result.status, result.rows_quarantined) == ("loaded", 0), result
    return installation


def asked(home: Home, definition: str = "qd766", month: int | None = None, as_of: str = END_2023) -> dict[str, tuple[Any, Any]]:
    """Return measure → (numerator, denominator) of the commune, by the way of `cchc measures`."""
    document = measures_json(home, question(2023, month=month, as_of=parse_moment(as_of), definition=definition), "22492")
    return {row["measure"]: (row["numerator"], row["denominator"]) for row in document["measures"]}


@pytest.mark.parametrize("definition", DEFINITIONS)
def test_each_dossier_is_judged_as_by_hand(year: Home, definition: str) -> None:
    from warehouse import marts

    with year.database.begin() as tx:
        found = tx.rows(
            marts.judged("select * from dossiers_facts where known_to = 'infinity'")
            + f"select j.dossier_code as code, j.is_{definition}_counted as counted, j.is_{definition}_late as late from judged as j",
            {"as_of": parse_moment(END_2023)},
        )
    said = {row["code"][-3:]: "late" if row["late"] else "ok" if row["counted"] else "out" for row in found}
    wrong = {row["dossier_code"]: (row["note"], row[definition], said.get(row["dossier_code"], "")) for row in rows()}
    assert {code: entry for code, entry in wrong.items() if entry[1] != entry[2]} == {}
    assert all(row["counted"] for row in found if row["late"])


#: Late and counted at the end of 2023, added up by hand from the table.
RATES = {"qd766": (14, 28), "provincial_766": (6, 30), "ii06": (7, 15), "opencps": (5, 13)}


@pytest.mark.parametrize("definition", DEFINITIONS)
def test_overdue_rate_of_the_year(year: Home, definition: str) -> None:
    judged = Counter(row[definition] for row in rows())
    assert RATES[definition] == (judged["late"], judged["late"] + judged["ok"])
    assert asked(year, definition)["overdue_rate"] == RATES[definition]


def test_counts_of_the_year(year: Home) -> None:
    found = asked(year)
    expected = {
        "received": (29, None),  # G27 came in 2024, G28 in 2022
        "resolved": (20, None),  # G01-G17, G24, G25 and G28
        "open": (10, None),  # G18-G23, G26, G29, G30, G31
        "open_overdue": (4, None),  # G18, G19, G20, G30: past the due date, waiting or not
        "online_rate": (6, 29),  # G01-G05, G26
        "postal_rate": (2, 29),  # G06, G07
        "online_payment_rate": (2, 4),  # fee above 0: G01-G04, of which G01 and G02 paid online
        "satisfaction_index": (12, 18),  # KS1 5/5, KS2 5/5, KS3 0/5, KS4 its overall answer 1/1, KS5 1/2
        "survey_forms": (5, None),
        "survey_day_coverage": (2, 249),  # 3/1 and 4/1; 7/1 is a Saturday, 21/1 is Tết; 260 weekdays - 11 holidays
        "officer_review_months": (2, None),  # December was reviewed in January
        "task_completion": (3, 5),  # NV4 was done later, NV6 is due later
        "task_on_time": (1, 4),  # of the programme: NV1
        "initiatives": (2, None),  # SK1, SK2; SK3 was handed in in 2022
    }  # fmt: skip
    assert {name: found[name] for name in expected} == expected


def test_counts_of_january(year: Home) -> None:
    """At the end of January G13-G15 are open; Tết takes five working days, New Year one."""
    found = asked(year, month=1)
    expected = {
        "received": (19, None),  # G01-G17, G24, G25
        "resolved": (17, None),  # without G13, G14, G15, but with G28
        "open": (3, None),
        "online_rate": (5, 19), "postal_rate": (2, 19), "online_payment_rate": (2, 4), "survey_day_coverage": (2, 16),
        "officer_review_months": (0, None),  # January was reviewed on 2 February
    }  # fmt: skip
    assert {name: found[name] for name in expected} == expected
    # qd766: late G03 G04 G05 G07 G10 G12 G16 G24 G25; G14 and G15 are not yet due; G13 is left out
    rates = {"qd766": (9, 19), "provincial_766": (4, 20), "ii06": (7, 15), "opencps": (5, 13)}
    assert {name: asked(year, name, month=1)["overdue_rate"] for name in DEFINITIONS} == rates


def test_registers_of_march(year: Home) -> None:
    """Every register is asked about the month alone, as it stood at its end."""
    found = asked(year, month=3, as_of="2023-03-31")
    assert found["task_completion"] == (1, 2)  # due in March: NV1 done on the last day, NV2 a day later
    assert found["task_on_time"] == (1, 2)
    assert found["initiatives"] == (1, None)  # SK1
    assert found["officer_review_months"] == (0, None) and found["survey_forms"] == (0, None)
    assert found["satisfaction_index"] == found["satisfaction_officials"] == (None, None)
    assert found["survey_day_coverage"] == (0, 23)
    assert found["time_points_rate"] == (0, 0)  # nothing was finished in March


def test_digitised(year: Home) -> None:
    table = rows()
    received = [row for row in table if row["received_at"][6:10] == "2023"]
    finished = [row for row in table if row["finished_at"][6:10] == "2023"]
    parts = Counter(row["components_digitised"] for row in received)
    results = Counter(row["result_digitised"] for row in finished)
    found = asked(year)
    assert found["components_digitised_rate"] == (5, 27) == (parts["Có"], parts["Có"] + parts["Không"])
    assert found["result_digitised_rate"] == (5, 19) == (results["Có"], results["Có"] + results["Không"])
    assert found["digitised_rate"] == (10, 46)


def test_the_year_seen_earlier(year: Home) -> None:
    """On 12 January 2023 at noon nothing that happens later has happened, though it is known by now."""
    found = asked(year, as_of="2023-01-12T12:00:00")
    assert found["received"] == (17, None)  # without G14 and G15
    assert found["resolved"] == (6, None)  # G01, G08, G09, G16, G17, G28
    assert found["overdue_rate"] == (1, 17)  # late: G16; 17 received and G28, without G13
    assert asked(year, "opencps", as_of="2023-01-12T12:00:00")["overdue_rate"] == (0, 6)
    assert asked(year, "opencps", as_of="2023-01-03T08:59:59")["overdue_rate"][1] in (0, None)


def test_before_anything_was_known(year: Home) -> None:
    document = measures_json(
        year, question(2023, as_of=parse_moment(END_2023), known_at=datetime(2024, 1, 31, tzinfo=kit.ZONE)), "22492"
    )
    assert {row["status"] for row in document["measures"]} == {"no_data"}
