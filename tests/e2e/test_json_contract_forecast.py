"""The documents of `forecast`, `backtest`, `forecast-rate`, `forecast-verify` and of the night's forecast, as scripts read them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.kit import NO_PICTURES, Answer, Cchc

FORECAST = {"as_of", "horizon", "draws", "seed", "communes"}
COMMUNE = {"commune", "index", "grade_probability", "rank_probability", "rank_basis", "levers"}
LEVER = {"code", "points_now", "points_possible", "needed", "p_good_now", "p_good_if_done"}
LEVELS = ["p025", "p05", "p10", "p25", "p50", "p75", "p90", "p95", "p975"]
RATE = {"as_of", "horizon", "units"}
RATE_UNIT = {"unit", "rate", "p_meets_target", "rank_probability"}
NIGHT = {"id", "recipe", "result", "communes", "error"}
SMALL = {"commune", "name", "p10", "p50", "p90", "p_good", "expected_rank"}
MARKS = re.compile(r"[ạảấầậẩẫắằặẳẵẹẻẽếềệểễịỉĩọỏốồộổỗớờợởỡụủứừựửữỳỵỷỹđơư]", re.IGNORECASE)
DRAWS = ("--draws", 400, "--seed", 3)


@pytest.fixture(scope="module")
def told(cchc: Cchc, tmp_path_factory: pytest.TempPathFactory) -> Cchc:
    """A home of a district with a year behind and one with a delivery each quarter, each file known from its own day on."""
    from flows.steps.files import Request, candidates
    from flows.steps.home import ZONE, Home
    from flows.steps.ingest import ingest_files
    from synthetic.months import month_files
    from synthetic.profiles import Settings
    from tests.flows.forecast_kit import world_of
    from tests.flows.kit import QuickGate

    home = Home(cchc.home)
    home.prepare()
    contracts = {contract.name: contract for contract in candidates(home, None)}
    work = tmp_path_factory.mktemp("exports")
    files = month_files(world_of([2022, 2023], 3, Settings(scale=0.2)), work, months={2022: (12,), 2023: (3, 6, 9, 12)})
    wanted = [(path, Request((contracts[name],), None, moment.replace(tzinfo=ZONE))) for name, path, moment in files]
    results = ingest_files(home, wanted, QuickGate())  # type: ignore[arg-type]
    assert {result.status for result in results} == {"loaded"}
    home.database.engine.dispose()
    return cchc


@pytest.fixture(scope="module")
def june(told: Cchc) -> Answer:
    return told("forecast", "--year", 2023, "--as-of", "2023-06-30", "--known-at", "2023-06-30", *DRAWS, "--json")


def total(chances: Any) -> float:
    return float(sum(chances))


def test_forecast_document(june: Answer) -> None:
    assert june.status == 0, june.err
    assert june.out.count("\n") == 1  # one document and nothing else
    document = june.json
    assert FORECAST <= set(document) and len(document["communes"]) == 13
    assert (document["draws"], document["seed"], document["horizon"]) == (400, 3, "2023-12-31")
    assert document["as_of"].startswith("2023-06-30T23:59:59")
    for row in document["communes"]:
        assert COMMUNE <= set(row)
        index = [row["index"][name] for name in LEVELS]
        assert index == sorted(index) and index[0] <= row["index"]["mean"] <= index[-1] and index[0] < index[-1]
        assert set(row["grade_probability"]) >= {"Tốt", "Khá", "Trung bình", "Yếu"}
        chances = [*row["grade_probability"].values(), row["no_grade_probability"]]
        assert all(0 <= p <= 1 for p in [*chances, *row["rank_probability"]])
        assert total(chances) == pytest.approx(1, abs=1e-9)
        assert len(row["rank_probability"]) == 13 and total(row["rank_probability"]) == pytest.approx(1, abs=1e-9)
        assert row["rank_basis"] in ("joint", "estimated_peers")
    for place in range(13):
        assert total(row["rank_probability"][place] for row in document["communes"]) == pytest.approx(1, abs=1e-9)


def test_levers_of_a_forecast(june: Answer) -> None:
    levers = [lever for row in june.json["communes"] for lever in row["levers"]]
    assert len(levers) > 13
    for row in june.json["communes"]:
        for lever in row["levers"]:
            assert LEVER <= set(lever), lever
            assert lever["needed"] is None or (isinstance(lever["needed"], int) and lever["needed"] >= 0)
            assert 0 <= lever["p_good_now"] <= 1 and 0 <= lever["p_good_if_done"] <= 1
            assert lever["p_good_now"] == pytest.approx(row["p_good"], abs=0.05)
            assert lever["points_now"] is None or lever["points_possible"] >= 0
    assert any(lever["needed"] for lever in levers)


def test_the_same_seed_gives_the_same_answer_and_one_commune_is_a_part_of_it(told: Cchc, june: Answer) -> None:
    words = ("forecast", "--year", 2023, "--as-of", "2023-06-30", "--known-at", "2023-06-30", *DRAWS, "--json")
    assert told(*words).json == june.json  # stored once: also the number is the same
    one = told(*words, "--commune", "xã đại lãnh").json
    assert one["communes"] == [row for row in june.json["communes"] if row["commune"] == "22492"]


def test_at_the_year_s_end_the_forecast_is_the_score_to_the_digit(told: Cchc) -> None:
    at = ("--year", 2023, "--as-of", "2023-12-31T23:59:59", "--json")
    scored = {row["commune"]: row for row in told("score", *at).json["communes"]}
    document = told("forecast", *at, *DRAWS).json
    assert len(document["communes"]) == 13
    for row in document["communes"]:
        score = scored[row["commune"]]
        assert {row["index"][name] for name in [*LEVELS, "mean"]} == {score["total"]}
        assert {grade for grade, p in row["grade_probability"].items() if p} == {score["grade"]}
        assert row["rank_probability"][score["rank"] - 1] == 1 and row["expected_rank"] == score["rank"]
        assert row["now"]["total"] == score["total"] and row["now"]["rank"] == score["rank"]


def test_people_get_a_page_and_no_json(told: Cchc) -> None:
    for more in ((), ("--commune", "22492")):
        answer = told("forecast", "--year", 2023, "--as-of", "2023-06-30", *DRAWS, *more)
        assert answer.status == 0 and MARKS.search(answer.out) and "{" not in answer.out
        assert "Đại Lãnh" in answer.out and not re.search(r"\b(nan|None)\b", answer.out)


def test_backtest_document(told: Cchc) -> None:
    answer = told("backtest", "--year", 2023, "--origins", "6,9", "--draws", 200, "--json")
    assert answer.status == 0, answer.err
    document = answer.json
    assert answer.out.count("\n") == 1
    assert [(row["year"], row["month"]) for row in document["origins"]] == [(2023, 6), (2023, 9)]
    assert {"years", "criteria_set", "definition", "draws", "seed", "origins", "overall"} <= set(document)
    assert document["overall"]["years"] == [2023] and MARKS.search(document["overall"]["text"])
    judged = told("forecast", "--year", 2023, "--as-of", "2023-06-30", *DRAWS, "--json").json
    assert judged["calibration"] is None and judged["scorecard"] is None  # a year never learns from itself


def test_night_document_and_stored_forecasts_again(told: Cchc) -> None:
    night = told("nightly", "--as-of", "2023-09-30", "--json", clock="2023-10-01T01:00:00")
    assert night.status == 0 and night.out.count("\n") == 1
    forecast = night.json["forecast"]
    assert NIGHT <= set(forecast) and forecast["error"] is None and len(forecast["communes"]) == 13
    for row in forecast["communes"]:
        assert SMALL <= set(row) and row["p10"] <= row["p50"] <= row["p90"]
    assert all(Path(path).exists() for path in night.json["written"].values())
    people = told("nightly", "--as-of", "2023-09-29", clock="2023-10-01T01:00:00", env=NO_PICTURES)
    assert people.status == 0 and "Dự báo đến 31/12/2023" in people.out and "Đạt Tốt trở lên" in people.out

    again = told("forecast-verify", forecast["id"], "--json")
    assert again.status == 0 and again.json["bad"] == []
    (row,) = again.json["forecasts"]
    assert (row["forecast"], row["status"], row["digest"]) == (forecast["id"], "identical", forecast["result"])
    every = told("forecast-verify")
    assert every.status == 0 and "trùng khớp từng chữ số" in every.out and "KHÁC" not in every.out


@pytest.fixture(scope="module")
def counts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    lines = ["unit,period,successes,trials"]
    for unit, good in (("A", 18), ("B", 12), ("C", 3)):
        lines += [f"{unit},{year}-{month:02d},{good - month % 3},20" for year in (2021, 2022) for month in range(1, 13)]
    path = tmp_path_factory.mktemp("bang") / "counts.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_forecast_rate_document(cchc: Cchc, counts: Path) -> None:
    words = ("forecast-rate", counts, "--as-of", "2022-08", "--horizon", "2022-12", "--json")
    answer = cchc(*words, "--target", "0.5", "--seed", 4)
    assert answer.status == 0 and answer.out.count("\n") == 1
    document = answer.json
    assert RATE <= set(document) and (document["as_of"], document["horizon"]) == ("2022-08", "2022-12")
    assert [row["unit"] for row in document["units"]] == ["A", "B", "C"]
    for row in document["units"]:
        assert RATE_UNIT <= set(row)
        rates = [row["rate"][name] for name in LEVELS]
        assert rates == sorted(rates) and 0 <= rates[0] <= row["rate"]["mean"] <= rates[-1] <= 1
        assert 0 <= row["p_meets_target"] <= 1
        assert len(row["rank_probability"]) == 3 and total(row["rank_probability"]) == pytest.approx(1, abs=1e-9)
    assert document["units"][0]["rank_probability"][0] > 0.95  # rank 1 is the highest rate
    assert [row["p_meets_target"] > 0.5 for row in document["units"]] == [True, True, False]
    assert cchc(*words, "--target", "0.5", "--seed", 4).out == answer.out
    assert {row["p_meets_target"] for row in cchc(*words).json["units"]} == {None}
    later = counts.with_name("more.csv")
    later.write_text(counts.read_text(encoding="utf-8").replace("2022-11,", "2022-11,0"), encoding="utf-8")
    assert cchc("forecast-rate", later, *words[2:]).json == cchc(*words).json  # rows after --as-of are ignored


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("forecast",), "usage"),
        (("forecast", "--year", "2023", "--month", "3"), "usage"),
        (("forecast", "--year", "2023", "--commune", "Xã Mộng Mơ"), "unknown_commune"),
        (("forecast", "--year", "2023", "--definition", "abc"), "unknown_definition"),
        (("forecast", "--year", "2023", "--criteria", "bo-khac"), "unknown_criteria"),
        (("forecast", "--year", "2023", "--criteria", "one_stop_official"), "forecast_subject"),
        (("forecast", "--year", "2023", "--draws", "0"), "bad_draws"),
        (("forecast", "--year", "2023", "--draws", "99"), "bad_draws"),
        (("forecast", "--year", "2023", "--draws", "1000000"), "bad_draws"),
        (("forecast", "--year", "2023", "--draws", "nhiều"), "usage"),
        (("forecast", "--year", "2018"), "not_in_force"),
        (("forecast", "--year", "2021"), "no_data"),
        (("forecast", "--year", "2030"), "period_not_begun"),
        (("forecast", "--year", "1900"), "bad_year"),
        (("forecast", "--year", "2023", "--as-of", "30/06/2023"), "bad_time"),
        (("forecast-verify", "4711"), "unknown_forecast"),
        (("backtest",), "usage"),
        (("backtest", "--year", "2024"), "year_not_over"),
        (("backtest", "--year", "2018"), "not_in_force"),
        (("backtest", "--year", "2023", "--origins", "12"), "bad_origins"),
        (("backtest", "--year", "2023", "--draws", "5"), "bad_draws"),
        (("forecast-rate", "khong-co.csv", "--as-of", "2023-06", "--horizon", "2023-12"), "not_found"),
        (("forecast-rate", "COUNTS", "--as-of", "tháng 6", "--horizon", "2023-12"), "bad_month"),
        (("forecast-rate", "COUNTS", "--as-of", "2019-01", "--horizon", "2019-12"), "bad_as_of"),
        (("forecast-rate", "COUNTS", "--as-of", "2022-06", "--horizon", "2030-12"), "bad_horizon"),
        (("forecast-rate", "COUNTS", "--as-of", "2022-06", "--horizon", "2022-12", "--target", "30"), "bad_target"),
        (("forecast-rate", "COUNTS", "--as-of", "2022-06", "--horizon", "2022-12", "--draws", "3"), "bad_draws"),
        (("forecast-rate", "COUNTS"), "usage"),
    ],
)  # fmt: skip
def test_callers_faults_are_status_2_with_one_vietnamese_sentence(
    told: Cchc, counts: Path, words: tuple[str, ...], code: str
) -> None:
    answer = told(*(counts if word == "COUNTS" else word for word in words), "--json")
    assert answer.status == 2, (answer.out, answer.err)
    assert answer.out.count("\n") == 1 and answer.json["error"]["code"] in code.split("|")
    assert MARKS.search(answer.json["error"]["message"]) and answer.json["error"]["message"] in answer.err
