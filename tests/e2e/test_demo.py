"""`cchc demo` from end to end: every figure against the truth that the files were written from, every lost point walked back."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections import Counter
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.kit import NO_PICTURES, Answer, Cchc
from tests.e2e.readers import rows_of

COMMUNE = "22492"
SHARES = {
    "online_rate": ("online", "received"), "postal_rate": ("postal", "received"), "online_payment_rate": ("paid", "fee"),
    "components_digitised_rate": ("components", "components_known"), "result_digitised_rate": ("result", "result_known"),
    "satisfaction_index": ("satisfied", "answers"), "survey_day_coverage": ("survey_days", "working_days"),
    "task_completion": ("tasks_done", "tasks"), "task_on_time": ("programme_on_time", "programme_tasks"),
    "online_electronic_rate": ("online_electronic", "received"), "electronic_result_rate": ("electronic", "resolved"),
    "reused_data_rate": ("reused", "components"), "time_points_rate": ("time_points", "time_points_max"),
    "agency_time_points_rate": ("agency_points", "agency_points_max"),
    "contact_points_rate": ("contact_points", "contact_points_max"),
    "attitude_points_rate": ("attitude_points", "time_points_max"),
    **{f"satisfaction_{f}": (f"{f}_satisfied", f"{f}_answers")
       for f in ("access", "procedures", "officials", "results", "feedback", "overall")},
}  # fmt: skip
COUNTS = {
    "received": "received", "resolved": "resolved", "open": "open", "open_overdue": "open_overdue", "survey_forms": "forms",
    "officer_review_months": "review_months", "initiatives": "initiatives", "named_complaints": "named_complaints",
    "repeated_named_officials": "repeated_named",
}  # fmt: skip


class Demo:
    """What one run of the demo gave."""

    def __init__(self, cchc: Cchc) -> None:
        self.cchc = cchc
        self.answer: Answer = cchc("demo", "--json")
        self.document: dict[str, Any] = self.answer.json
        self.truth: dict[str, Any] = json.loads((cchc.home / "truth-2023-1.json").read_text(encoding="utf-8"))
        self.exports = cchc.home / "inbox" / "demo-2023-1"


@pytest.fixture(scope="module")
def demo(cchc: Cchc) -> Demo:
    return Demo(cchc)


def test_demo_loads_all_that_can_be_used(demo: Demo) -> None:
    assert demo.answer.status == 0, demo.answer.err
    assert demo.document["files"] == len(demo.truth["files"])
    unusable = [file["path"] for file in demo.truth["files"] if not file["usable"]]
    assert [Path(file["path"]).name for file in demo.document["rejected"]] == unusable


@pytest.mark.parametrize("definition", ["qd766", "provincial_766", "ii06", "opencps"])
def test_every_measure_of_every_commune_equals_the_truth(demo: Demo, definition: str) -> None:
    answer = demo.cchc("measures", "--year", 2023, "--as-of", "2023-12-31", "--definition", definition, "--json")
    assert answer.status == 0
    found = {(m["commune"], m["measure"]): (m["numerator"], m["denominator"]) for m in answer.json["measures"]}
    wrong = []
    for row in demo.truth["counts"]:
        expected: dict[str, tuple[Any, Any]] = {name: (row[column], None) for name, column in COUNTS.items()}
        expected |= {name: (row[top], row[bottom]) for name, (top, bottom) in SHARES.items() if row[bottom]}
        expected["overdue_rate"] = (row[f"late_{definition}"], row[f"counted_{definition}"])
        expected["on_time_rate"] = (row[f"counted_{definition}"] - row[f"late_{definition}"], row[f"counted_{definition}"])
        expected["digitised_rate"] = (row["components"] + row["result"], row["components_known"] + row["result_known"])
        for name, pair in expected.items():
            # A commune that no row of the register names has said nothing, which is not the same as 0.
            silent = name == "initiatives" and pair == (0, None) and found[row["commune"], name] == (None, None)
            if found[row["commune"], name] != pair and not silent:
                wrong.append((row["commune"], name, found[row["commune"], name], pair))
        assert found[row["commune"], "repeat_supplement_rate"][0] == row["repeat_supplement"]
    assert not wrong


@pytest.mark.parametrize("name", ["commune_reconstructed", "qd_766", "one_stop_commune", "sipas"])
def test_every_set_of_communes_scores_the_district(demo: Demo, name: str) -> None:
    document = demo.cchc("score", "--year", 2023, "--as-of", "2023-12-31", "--criteria", name, "--json").json
    assert document["criteria_set"] == name and document["subject"] == "commune"
    assert len(document["communes"]) == 13
    assert all(row["grade"] and row["rank"] and row["total"] is not None for row in document["communes"])
    assert {line["provenance"] for row in document["communes"] for line in row["criteria"]} <= {
        "official",
        "reconstructed",
        "assumed",
    }


def test_officials_are_evaluated_every_month(demo: Demo) -> None:
    """Each official of the month is scored over his own dossiers and ranked among those of his commune."""
    document = demo.cchc("score", "--year", 2023, "--month", 6, "--criteria", "one_stop_official", "--json").json
    assert document["subject"] == "official" and document["as_of"].startswith("2023-06-30")
    rows = document["communes"]
    assert {row["commune"] for row in rows} == {row["commune"] for row in demo.truth["counts"]}
    assert len({(row["commune"], row["officer"]) for row in rows}) == len(rows)
    assert all(row["department"] and row["dossiers"] > 0 for row in rows)
    for commune in {row["commune"] for row in rows}:
        ranks = [row["rank"] for row in rows if row["commune"] == commune and row["rank"] is not None]
        assert ranks and min(ranks) == 1 and max(ranks) <= len(ranks)
    measured = demo.cchc("measures", "--year", 2023, "--month", 6, "--json").json["measures"]
    whole = {m["commune"]: m for m in measured if m["measure"] == "time_points_rate"}
    for commune, found in whole.items():
        lines = [line for row in rows if row["commune"] == commune for line in row["criteria"] if line["code"] == "CC.1"]
        # Every finished dossier of the demo names its official, so the officials' points add up to the commune's.
        assert sum(line["numerator"] or 0 for line in lines) == found["numerator"]
        assert sum(line["denominator"] or 0 for line in lines) == found["denominator"]


def test_values_are_unrounded_shares(demo: Demo) -> None:
    document = demo.cchc("measures", "--year", 2023, "--commune", "Đại Lãnh", "--as-of", "2023-12-31", "--json").json
    assert {m["commune"] for m in document["measures"]} == {COMMUNE}
    for m in document["measures"]:
        if m["denominator"]:
            assert m["value"] == m["numerator"] / m["denominator"]


def test_quarantine_of_every_file_equals_the_truth(demo: Demo) -> None:
    rows = demo.cchc("quarantine", "list", "--all", "--json").json["rows"]
    found = Counter((row["file"], row["row"], row["rule"], row["column"]) for row in rows)
    expected = Counter(
        (file["path"], flaw["row"], flaw["rule"], flaw["column"]) for file in demo.truth["files"] for flaw in file["quarantine"]
    )
    assert {place[:3] for place in found} == {place[:3] for place in expected}
    assert found == expected


def test_row_counts_of_every_file_equal_the_truth(demo: Demo) -> None:
    rows = demo.cchc.query(
        "select a.display_name, l.rows_read, l.rows_accepted, l.rows_quarantined, l.contract "
        "from loads as l join arrivals as a on a.sha256 = l.sha256 "
        "where l.kind = 'file' and l.known_from >= '2023-01-01T00:00:00+07'"  # the years before it are only behind the forecast
    )
    usable = [file for file in demo.truth["files"] if file["usable"]]
    assert {row[0]: row[1:] for row in rows} == {
        file["path"]: (file["rows_read"], file["rows_accepted"], file["rows_quarantined"], file["contract"]) for file in usable
    }


def test_the_table_of_the_district_is_complete(demo: Demo) -> None:
    score = demo.document["score"]
    assert {row["commune"] for row in score["communes"]} == {row["commune"] for row in demo.truth["counts"]}
    assert len(score["communes"]) == 13
    by_total = sorted(score["communes"], key=lambda row: -row["total"] / row["max_scored"])
    assert sorted(row["rank"] for row in score["communes"])[0] == 1 and by_total[0]["rank"] == 1
    for row in score["communes"]:
        assert row["peers"] == 13 and row["rank"] <= 13 and row["name"]
        scored = [line for line in row["criteria"] if line["points"] is not None]
        base = sum(_hundredths(line["points"]) for line in scored if line["kind"] == "base")
        assert base + _hundredths(row["bonus"]) == _hundredths(row["total"]), row["name"]
        assert sum(_hundredths(line["max_points"]) for line in scored if line["kind"] == "base") == _hundredths(row["max_scored"])


def _hundredths(value: float) -> int:
    return round(value * 100)


def test_lost_points_add_up_to_the_hundredth(demo: Demo) -> None:
    explained = demo.document["explain"]
    lost = sum(_hundredths(item["lost"]) for item in explained["items"])
    assert lost == _hundredths(explained["lost"])
    assert lost == _hundredths(explained["max_scored"]) - (_hundredths(explained["total"]) - _hundredths(explained["bonus"]))
    assert lost > 0
    for item in explained["items"]:
        assert item["reason"] and item["clause"] and item["owner"] and item["to_recover"], item["code"]
        assert item["dossier_count"] == len(item["dossiers"]) == len(item["sources"])
        if item["dossiers"]:
            assert sum(_hundredths(source["lost"]) for source in item["sources"]) == _hundredths(item["lost"])
            assert [source["dossier"] for source in item["sources"]] == item["dossiers"]
            assert len(set(item["dossiers"])) == len(item["dossiers"])
    overdue = next(item for item in explained["items"] if item["code"] == "III.3")
    truth = next(row for row in demo.truth["counts"] if row["commune"] == COMMUNE)
    assert overdue["dossier_count"] == overdue["numerator"] == truth["late_qd766"]


@pytest.mark.parametrize(("code", "rest"), [("VII.1", True), ("VII.3", True), ("III.7", False)])
def test_dossiers_behind_a_share_are_as_many_as_its_figures_say(demo: Demo, code: str, rest: bool) -> None:
    item = next(item for item in demo.document["explain"]["items"] if item["code"] == code)
    assert item["dossier_count"] == (item["denominator"] - item["numerator"] if rest else item["numerator"])


def test_every_dossier_stands_in_the_file_and_row_it_is_said_to(demo: Demo) -> None:
    reading = lru_cache(maxsize=None)(rows_of)
    by_digest = {row[0]: row[1] for row in demo.cchc.query("select sha256, display_name from arrivals")}
    checked = 0
    for item in demo.document["explain"]["items"]:
        for source in item["sources"]:
            assert by_digest[source["sha256"]] == source["file"]
            cells = reading(demo.exports / source["file"])[source["row"]]
            assert source["dossier"] in [cell.strip() for cell in cells], (source, cells[:4])
            checked += 1
        if item["declared"]:
            cells = reading(demo.exports / item["declared"]["file"])[item["declared"]["row"]]
            assert item["code"] in cells
            assert any("Đại Lãnh" in cell or cell == COMMUNE for cell in cells)
    assert checked > 1000


def test_targets_of_the_notice_are_all_placed(demo: Demo) -> None:
    targets = demo.document["targets"]
    assert targets
    for row in targets:
        assert row["label"] and row["state_text"] and row["paragraph"] and row["owner"]
    by_code = {row["code"]: row for row in targets}
    truth = next(row for row in demo.truth["counts"] if row["commune"] == COMMUNE)
    assert by_code["officer_reviews"]["state"] == ("met" if truth["review_months"] == 12 else "missed")
    assert by_code["officer_reviews"]["gap"] == 12 - truth["review_months"]
    assert by_code["survey_days"]["gap"] == truth["working_days"] - truth["survey_days"]
    late = by_code["overdue"]
    assert (late["numerator"], late["denominator"]) == (truth["late_qd766"], truth["counted_qd766"])
    assert late["state"] == ("met" if late["numerator"] * 100 < late["denominator"] else "missed")


def test_findings_name_the_seeded_contradictions(demo: Demo) -> None:
    wanted = {(m["commune"], m["year"], m["month"]) for m in demo.truth["report_mismatches"]}
    text = json.dumps(demo.document["findings"], ensure_ascii=False)
    assert wanted
    for commune, _, month in wanted:
        assert any(commune in json.dumps(row, ensure_ascii=False) for row in demo.document["findings"]), (
            commune,
            month,
            text[:500],
        )


def test_a_second_demo_loads_nothing_and_people_can_read_it(demo: Demo) -> None:
    loads = demo.cchc.query("select max(load_id), count(*) from loads")
    before = json.loads((demo.cchc.home / "reports" / "diem-2023.json").read_text(encoding="utf-8"))
    answer = demo.cchc("demo")
    assert answer.status == 0
    assert demo.cchc.query("select max(load_id), count(*) from loads") == loads
    assert (
        json.loads((demo.cchc.home / "reports" / "diem-2023.json").read_text(encoding="utf-8"))
        == before
        == demo.document["score"]
    )
    for words in (
        "Bộ tiêu chí CCHC cấp xã",
        "bản dựng lại",
        "Đại Lãnh: mất",
        "theo người phụ trách",
        "Chỉ tiêu trong thông báo",
        "Chất lượng tệp",
        "Nếu không có gì thay đổi, cuối năm 2023 xã Đại Lãnh được khoảng",
        "Khả năng xếp loại cuối năm",
        "Hạn mức trễ hạn.",
        "3 việc có lợi nhất",
        "Tin được đến đâu.",
    ):
        assert words in answer.out
    assert "NaN" not in answer.out and "None" not in answer.out and "nan" not in re.findall(r"\bnan\b", answer.out)
    for row in demo.document["score"]["communes"]:
        assert row["name"] in answer.out
    for path in demo.document["written"].values():
        assert path in answer.out.replace("\n", "") and Path(path).exists()


def test_the_night_after_finds_nothing_new_twice(demo: Demo) -> None:
    first = demo.cchc("nightly", "--as-of", "2023-12-31", "--json", env=NO_PICTURES)
    assert first.status == 3  # the workbook cut off in a copy still lies in the inbox
    assert first.json["status"] == "done" and first.json["score"]["communes"] == demo.document["score"]["communes"]
    again = demo.cchc("nightly", "--as-of", "2023-12-31", "--json", env=NO_PICTURES)
    assert (again.status, again.json["status"]) == (3, "nothing_new")
    assert "Không có gì mới" in again.json["message"]
    earlier = demo.cchc("nightly", "--as-of", "2023-06-30", "--json", env=NO_PICTURES)
    assert earlier.json["status"] == "done" and earlier.json["score"]["as_of"].startswith("2023-06-30T23:59:59")


def test_quality_pages_open_in_a_browser_without_any_network(demo: Demo, tmp_path: Path) -> None:
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no Chromium on this machine")
    docs = demo.cchc.home / "reports" / "data_docs"
    pages = sorted(docs.rglob("*.html"), key=lambda path: len(path.parts))
    assert docs / "index.html" in pages and len(pages) > 1
    for page in pages:
        text = page.read_text(encoding="utf-8")
        outside = re.findall(r"""(?:src|href)\s*=\s*["'](?:https?:)?//[^"']+|url\(\s*["']?https?:|@import\s+["']?https?:""", text)
        assert not outside, (page.name, outside[:3])
    log, picture = tmp_path / "net.json", tmp_path / "page.png"
    shown = subprocess.run(
        [browser, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync", f"--screenshot={picture}",
         "--window-size=1200,900", f"--log-net-log={log}", "--virtual-time-budget=3000", "--dump-dom", (docs / "index.html").as_uri()],
        capture_output=True, text=True, timeout=90, check=False,
    )  # fmt: skip
    assert "Danh sách" in shown.stdout or "Chất lượng" in shown.stdout, shown.stderr[-500:]
    assert re.search(r"[ạảấầệộớữ]", shown.stdout)
    assert picture.exists() and picture.stat().st_size > 5000
    asked = re.findall(r'"url":"(https?://[^"]+)"', log.read_text(errors="replace"))
    assert not [url for url in asked if "google" not in url and "gstatic" not in url], asked


def _forecast(demo: Demo, commune: str = COMMUNE) -> dict[str, Any]:
    return next(row for row in demo.document["forecast"]["communes"] if row["commune"] == commune)


def test_the_forecast_says_where_dai_lanh_ends_and_what_would_change_it(demo: Demo) -> None:
    document, mine = demo.document["forecast"], _forecast(demo)
    assert len(document["communes"]) == 13 and document["as_of"].startswith("2023-09-30")
    assert mine["now"]["total"] is not None
    assert mine["index"]["p10"] < mine["index"]["p50"] < mine["index"]["p90"]
    assert document["good_grade"] == "Tốt" and 0 <= mine["p_good"] <= 1
    assert len(mine["rank_probability"]) == 13 and sum(mine["rank_probability"]) == pytest.approx(1, abs=1e-9)
    assert mine["rank_basis"] == "joint" and 1 <= mine["expected_rank"] <= 13
    truth = next(row for row in demo.truth["counts"] if row["commune"] == COMMUNE)
    assert mine["budget"]["text"] and 0 < mine["budget"]["counted_now"] < truth["counted_qd766"]
    assert len(mine["levers"]) >= 3 and all(lever["needed_text"] and lever["owner"] for lever in mine["levers"])
    assert mine["to_save"] and mine["open"]["count"] >= len(mine["to_save"])
    for row in mine["to_save"]:
        assert row["dossier_code"] and row["officer"] and row["due_on"] and 0 <= row["p_late"] <= 1
    assert [row["as_of"][:10] for row in mine["history"]] == ["2023-06-30"]
    assert mine["changes"]["since"].startswith("2023-06-30") and mine["changes"]["text"]


def test_the_scorecard_of_past_forecasts_stands_beside_it(demo: Demo) -> None:
    document = demo.document["forecast"]
    card, calibration = document["scorecard"], document["calibration"]
    assert card["years"] == calibration["years"] and card["years"][-1] == 2022 and not card["hindsight"]
    assert card["text"] and calibration["factor"] > 0
    assert card["total"]["crps"]["model"] < card["total"]["crps"]["run_rate"]
    assert {row["month"] for row in card["months"]} == {3, 6, 9, 11}


def test_the_years_behind_lost_no_row(demo: Demo) -> None:
    """They are there without faults: what the demo year's files count wrong is told of the demo year alone."""
    before = "l.kind = 'file' and l.known_from < '2023-01-01T00:00:00+07'"
    ((loads, read, accepted),) = demo.cchc.query(
        f"select count(*), sum(rows_read), sum(rows_accepted) from loads as l where {before}"
    )
    assert loads > 10 and read == accepted > 10_000
    open_then = "select count(*) from dossiers_facts where known_to = 'infinity' and received_at < '2023-01-01+07' and "
    assert demo.cchc.query(open_then + "coalesce(finished_at, 'infinity') >= '2023-01-01T00:00:00+07'") == [(0,)]


def test_the_forecast_held_what_came(demo: Demo) -> None:
    """Of 13 results the 95 % intervals of September hold nearly all: what the demo shows of itself is not off."""
    came = {row["commune"]: row["total"] for row in demo.document["score"]["communes"]}
    rows = demo.document["forecast"]["communes"]
    held = [row["index"]["p025"] <= came[row["commune"]] <= row["index"]["p975"] for row in rows]
    assert sum(held) >= 10, [(row["name"], row["index"], came[row["commune"]]) for row, ok in zip(rows, held) if not ok]


def test_at_the_year_s_end_the_demo_s_forecast_is_its_score(demo: Demo) -> None:
    words = ("forecast", "--year", 2023, "--as-of", "2023-12-31T23:59:59", "--draws", 500, "--json")
    found = {row["commune"]: row for row in demo.cchc(*words).json["communes"]}
    for row in demo.cchc("score", "--year", 2023, "--as-of", "2023-12-31T23:59:59", "--json").json["communes"]:
        end = found[row["commune"]]
        assert set(end["index"].values()) == {row["total"]}, row["name"]
        assert {grade for grade, p in end["grade_probability"].items() if p} == {row["grade"]}
        assert end["rank_probability"].index(1.0) == row["rank"] - 1 and end["expected_rank"] == row["rank"]
    assert len(found) == 13
