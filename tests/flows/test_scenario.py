"""Scenarios: forked from a published run that stays as it is; changes, comparison, states, two people at once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from flows.steps import appraisal, audit, rebuild, scenario, scenario_changes, scenario_compare, scenario_state
from tests.flows import scenario_kit
from tests.flows.test_r16_override import OVER, A, B, C, refused
from warehouse.audit import HEADS

if TYPE_CHECKING:
    from flows.steps.home import Home

pytestmark = pytest.mark.db


@pytest.fixture
def home(clean: Home, tmp_path: Path) -> Iterator[Home]:
    heads = clean.root / HEADS
    heads.unlink(missing_ok=True)
    assert scenario_kit.publish(clean, tmp_path) == 1
    scenario.new(clean, "T", 1, A)
    yield clean
    heads.unlink(missing_ok=True)


def stored(home: Home, run: int = 1) -> dict[str, Any]:
    """Return a published run as the database holds it, as text."""
    with home.database.begin() as tx:
        row = tx.one("select score_runs::text as bytes, recipe, result from score_runs where run_id = %(run)s", {"run": run})
    assert row is not None
    return row


def moved(document: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    return {row["commune"]: (row["total_change"], row["rank_after"]) for row in document["communes"] if row["total_after"]}


def set_(home: Home, *changes: str, **options: Any) -> dict[str, Any]:
    return scenario_changes.set_changes(home, "T", changes, by=A, **options)


def test_a_fork_without_changes_is_the_published_index(home: Home) -> None:
    document = scenario_compare.compare(home, "T")
    assert set(moved(document).values()) == {(0, 1), (0, 2), (0, 3)}
    assert document["against"] == {"run": 1, "scenario": None, "reproduced": True}
    assert document["criteria"] == [] and document["flip_count"] == 0 and document["weights"]["moved_points"] == 0
    refused("name_taken", scenario.new, home, "T", 1, B)
    refused("unknown_run", scenario.new, home, "U", 99, B)
    refused("unknown_scenario", scenario_compare.show, home, "không có")
    refused("missing_text", scenario.new, home, " ", 1, B)


def test_weights_move_or_keep_the_total(home: Home) -> None:
    open_end = set_(home, "weight:III.3=10")["weights"]
    assert (open_end["total_before"], open_end["total_after"], open_end["total_kept"]) == (100, 102, False)
    assert open_end["says"][1] == "Tổng điểm chuyển từ 100,00 thành 102,00."
    kept = set_(home, "weight:III.3=10", keep_total="*")["weights"]
    assert (kept["moved_points"], kept["moved_share"], kept["total_kept"]) == (2.0, 0.02, True)
    one = set_(home, "weight:III.3=10", keep_total="III.6")
    assert one["weights"]["total_kept"] and "III.6 bù phần chênh" in one["says"][0]
    criteria = {row["code"]: row for row in scenario_compare.compare(home, "T")["criteria"]}
    assert (criteria["III.3"]["max_after"], criteria["III.6"]["max_after"]) == (10, 2)
    back = scenario_changes.set_changes(home, "T", (), unset=["weight:III.3"], by=A)
    assert back["weights"]["moved_points"] == 0
    assert set_(home, "weight:III.3=8")["changed"] and not set_(home, "weight:III.3=8")["changed"]


def test_the_order_turns_and_says_so(home: Home) -> None:
    """Late dossiers count for nothing, online ones for nearly all: the commune with more online ones goes up."""
    before = {row["commune"]: row["rank"] for row in stored(home)["result"]["communes"]}
    assert (before["22504"], before["22495"], before["22492"]) == (1, 2, 3)
    appraisal.override(home, "T", by=A, **{**OVER, "points": "8"})
    document = scenario_compare.compare(home, "T", commune="22492")
    totals = {row["commune"]: row for row in document["communes"]}
    assert totals["22492"]["total_change"] == 4.0 and totals["22492"]["rank_change"] == 1
    assert document["flips"] == [{"was_above": "22495", "now_above": "22492", "text": "Đại Lãnh vượt lên trên Vạn Phước"}]
    (line,) = [row for row in document["commune"]["criteria"] if row["code"] == "III.3"]
    assert (line["points_before"], line["points_after"]) == (4, 8)
    assert "thẩm định lại" not in (line["reason"] or "")


def test_rules_targets_definition_time_and_exclusion(home: Home) -> None:
    set_(home, "rule:III.3.zero_at=4%", "target:online_min=0,4", "exclude:22495=đang thanh tra")
    shown = scenario_compare.show(home, "T")
    assert [change["key"] for change in shown["changes"]] == ["exclude:22495", "rule:III.3.zero_at", "target:online_min"]
    document = scenario_compare.compare(home, "T")
    rows = {row["commune"]: row for row in document["communes"]}
    assert rows["22495"]["rank_after"] is None and rows["22495"]["total_after"] is not None
    assert (rows["22504"]["rank_after"], rows["22492"]["rank_after"]) == (1, 2)
    lines = {row["code"]: row for row in appraisal.review(home, "T", "22492")["criteria"]}
    assert lines["III.3"]["computed"]["points"] == pytest.approx(8 * (0.04 - 0.03) / (0.04 - 0.01), abs=0.005)
    assert lines["VII.1"]["computed"]["points"] == 2.5  # 20 % of a target of 40 %, out of 5

    scenario_changes.set_changes(home, "T", ["definition=ii06", "as_of=2023-03-10"], unset=["exclude:Vạn Phước"], by=A)
    shown = scenario_compare.show(home, "T")
    assert shown["definition"] == "ii06" and shown["as_of"].startswith("2023-03-10")
    early = {row["code"]: row["computed"] for row in appraisal.review(home, "T", "22492")["criteria"]}
    assert early["III.3"]["value"] == 0.0  # the late ones were not finished yet


def test_facts_of_another_moment(home: Home) -> None:
    set_(home, "known_at=2024-01-02")
    assert {row["total_after"] for row in scenario_compare.compare(home, "T")["communes"]} == {None}


def test_another_criteria_set_is_kept_with_the_scenario(home: Home) -> None:
    document = set_(home, "criteria=qd_766@2023-12-31")
    assert "qd_766" in document["says"][0] and document["weights"]["moved_points"] > 50
    shown = scenario_compare.show(home, "T")
    assert shown["criteria_set"] == "qd_766"
    assert scenario_compare.compare(home, "T")["communes"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ("weight:III.3", "bad_change"), ("weight:III.3=", "bad_change"), ("weights:III.3=1", "bad_change"), ("=1", "bad_change"),
        ("weight:III.3=mười", "bad_number"), ("weight:X.9=1", "bad_change"), ("weight:III.3=0", "bad_change"),
        ("rule:III.3.nothing=1", "bad_change"), ("rule:III.3.zero_at=0.005", "bad_change"), ("rule:III.5.steps.1.points=1", "bad_change"),
        ("target:online_min=35", "bad_change"), ("target:none=0.3", "bad_change"), ("definition=mine", "unknown_definition"),
        ("criteria=none", "unknown_criteria"), ("criteria=qd_766@hôm nay", "bad_time"), ("as_of=hôm qua", "bad_time"),
        ("as_of=2022-01-01", "period_not_begun"), ("exclude:99999=xa", "unknown_commune"), ("exclude:22495= . ", "missing_text"),
        (f"weight:III.3={'9' * 400}", "bad_number"), ("weight:III.3=10%", "bad_number"), ("known_at=2099-01-01", "not_yet"),
        ("rule:III.3=1", "bad_change"), ("criteria=one_stop_official", "other_subject"),
        ("criteria=qd_766@1999-01-01", "bad_criteria"),
    ],
)  # fmt: skip
def test_every_mistake_has_its_sentence(home: Home, change: str, code: str) -> None:
    refused(code, set_, home, change)
    assert scenario.listing(home)["scenarios"][0]["version"] == 1


def test_mistakes_of_the_whole(home: Home) -> None:
    refused("no_change", set_, home)
    refused("no_weight", set_, home, "definition=ii06", keep_total="*")
    refused("not_set", scenario_changes.set_changes, home, "T", (), unset=["weight:III.3"], by=A)
    refused("not_set", appraisal.withdraw, home, "T", commune="22492", criterion="III.3", by=A)
    appraisal.override(home, "T", by=A, **OVER)
    text = refused("bad_points", set_, home, "weight:III.3=6")
    assert "III.3" in text and "6" in text
    assert "6,5 của" in text, "numbers are written as people write them"
    refused("bad_change", set_, home, "weight:III.3=9", keep_total=" ")
    assert "weight:III.3" in refused("bad_change", set_, home, "weight:III.3=9", "weight:III.3=8")
    assert "tham số" in refused("bad_change", set_, home, "rule:III.3=1")
    refused("overtaken", scenario_state.revert, home, "T", 1, A, 0)


def test_names_that_look_alike_are_one_name(home: Home) -> None:
    for twin in ("t", " T "):
        assert "«T»" in refused("name_taken", scenario.new, home, twin, 1, A)
    refused("bad_text", scenario.new, home, "\u0422", 1, A)  # a Cyrillic Т
    scenario.new(home, "Trọng số quý 1", 1, A)
    assert "«Trọng số quý 1»" in refused("name_taken", scenario.new, home, "TRỌNG SỐ  quý 1", 1, A)
    assert scenario.new(home, "Trọng số quý 2 😀", 1, A)["scenario"]["state"] == "draft"


def test_the_base_run_is_never_touched_and_what_is_published_comes_out_again(home: Home) -> None:
    before = stored(home)["bytes"]
    set_(home, "weight:III.3=10", "exclude:22495=đang thanh tra", keep_total="*")
    appraisal.override(home, "T", by=B, **OVER)
    wanted = scenario_compare.compare(home, "T")
    refused("wrong_state", scenario_state.publish, home, "T", A)
    scenario_state.submit(home, "T", A)
    for call in (set_, scenario_state.submit, scenario_state.revert):
        words = (home, "weight:III.3=9") if call is set_ else (home, "T")
        assert "chờ duyệt" in refused("wrong_state", call, *words)
    scenario_state.approve(home, "T", C)
    assert "đã duyệt" in refused("wrong_state", appraisal.override, home, "T", by=A, **OVER)
    made = scenario_state.publish(home, "T", A)["run"]["run"]
    assert made == 2 and stored(home)["bytes"] == before
    refused("wrong_state", scenario_state.publish, home, "T", A)
    refused("wrong_state", scenario_state.send_back, home, "T", "muộn rồi", C)

    run = stored(home, 2)
    recipe = run["recipe"]["scenario"]
    assert recipe["sha256"] == scenario_state.content_of(home, "T")["sha256"] and recipe["base_run"] == 1
    assert run["result"]["scenario"]["overrides"][0]["computed_points"] == 5.0
    totals = {row["commune"]: row["total"] for row in run["result"]["communes"]}
    assert totals == {row["commune"]: row["total_after"] for row in wanted["communes"]}
    assert [again["status"] for again in rebuild.verify(home)["runs"]] == ["identical", "identical"]

    scenario.new(home, "T2", 2, B)
    onward = scenario_compare.compare(home, "T2")
    assert {row["total_change"] for row in onward["communes"] if row["total_after"]} == {0}
    assert [change["key"] for change in onward["changes"]] == ["exclude:22495", "weight:III.3"]
    assert {row["total_change"] for row in scenario_compare.compare(home, "T2", "T")["communes"] if row["total_after"]} == {0}


def test_officials_are_re_scored_as_communes_are(home: Home) -> None:
    from flows.steps.measure import question
    from flows.steps.runs import score_and_publish

    with home.database.begin() as tx:
        asked = question(2023, month=3, as_of=scenario_kit.AS_OF)
        run = score_and_publish(home, tx, asked, "one_stop_official", "score")["run"]["run"]
    rows = stored(home, run)["result"]["communes"]
    assert len(rows) == 6
    scenario.new(home, "Người", run, A)
    code = next(line["code"] for line in rows[0]["criteria"] if line["points"] is not None)
    cell: dict[str, Any] = {**OVER, "criterion": code, "points": "0.5"}
    assert "22492|Công chức A" in refused("which_official", appraisal.override, home, "Người", by=A, **cell)
    appraisal.override(home, "Người", by=A, **{**cell, "commune": "22492|công chức a"})
    scenario_changes.set_changes(home, "Người", ["exclude:22504|Công chức B=nghỉ thai sản"], by=A)
    document = scenario_compare.compare(home, "Người")
    (shown,) = document["overrides"]
    assert shown["appraised_points"] == 0.5 and shown["computed_points"] is not None
    changed = {row["subject"] for row in document["communes"] if row["total_change"]}
    assert changed == {"22492|Công chức A"}
    assert [row["subject"] for row in document["communes"] if row["rank_after"] is None] == ["22504|Công chức B"]
    scenario_state.submit(home, "Người", A)
    scenario_state.approve(home, "Người", C)
    scenario_state.publish(home, "Người", C)
    assert [again["status"] for again in rebuild.verify(home)["runs"]] == ["identical"] * 3


def test_two_people_at_once(home: Home) -> None:
    """R25 in small: whoever looked at an older version is refused, and no edit is lost or half done."""
    from concurrent.futures import ThreadPoolExecutor

    set_(home, "weight:III.3=9", on_version=1)
    refused("overtaken", set_, home, "weight:III.3=7", on_version=1)

    def one(number: int) -> str:
        try:
            scenario_changes.set_changes(
                home, "T", [f"rule:III.3.zero_at=0.{20 + number}"], by=f"Công chức {number}", on_version=2
            )
        except scenario.UserError as error:
            return error.code
        return "done"

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(one, range(12)))
    assert sorted(set(answers)) == ["done", "overtaken"] and answers.count("done") == 1
    history = scenario.history(home, "T")
    assert [version["version"] for version in history["versions"]] == [1, 2, 3]
    assert [entry["action"] for entry in history["entries"]] == ["scenario.new", "scenario.set", "scenario.set"]
    assert audit.verify(home)["intact"]


def test_the_last_moment_counts(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two edits that both read version 1: the database lets one through, without --if-version."""
    from warehouse import scenarios

    real = scenarios.add_version

    def slower(tx: Any, scenario_id: int, **words: Any) -> int | None:
        monkeypatch.setattr(scenarios, "add_version", real)
        set_(home, "weight:III.3=9")  # somebody else commits first
        return real(tx, scenario_id, **words)

    monkeypatch.setattr(scenarios, "add_version", slower)
    refused("overtaken", set_, home, "weight:III.3=7")
    assert scenario_state.content_of(home, "T")["content"]["changes"]["weight:III.3"]["points"] == 9
    assert audit.verify(home)["intact"]


@pytest.mark.parametrize(
    "statement",
    [
        "update scenarios set state = 'approved', approved_version = version, approved_by = 'Công chức Z'",
        "update scenario_versions set content = replace(content, '9.0', '7.0'), "
        "sha256 = encode(sha256(convert_to(replace(content, '9.0', '7.0'), 'UTF8')), 'hex')",
    ],
)
def test_only_what_the_log_says_was_approved_is_published(home: Home, statement: str) -> None:
    """Neither a state nor a content with a digest that fits makes an approval: its entry in the log must name that digest."""
    from warehouse import engine

    set_(home, "weight:III.3=9")
    if "scenario_versions" in statement:
        scenario_state.submit(home, "T", A)
        scenario_state.approve(home, "T", C)
    connection = engine.raw_connection(home.root, role="owner", autocommit=True)
    try:
        connection.cursor().execute(statement)
    finally:
        connection.close()
    refused("not_approved", scenario_state.publish, home, "T", A)
    assert scenario.listing(home)["scenarios"][0]["result_run"] is None


def test_what_was_stored_is_believed_only_when_whole(home: Home) -> None:
    """Bytes changed behind the program's back are neither reverted to nor published."""
    from warehouse import engine

    set_(home, "weight:III.3=9")
    scenario_state.submit(home, "T", A)
    scenario_state.approve(home, "T", C)
    connection = engine.raw_connection(home.root, role="owner", autocommit=True)
    try:
        connection.cursor().execute("update scenario_versions set content = replace(content, '9.0', '7.0')")
        refused("not_approved", scenario_state.publish, home, "T", A)
        scenario_state.send_back(home, "T", "nội dung lạ", C)
        refused("lost_scenario", scenario_state.revert, home, "T", 2, A)
    finally:
        connection.close()


def test_figures_that_moved_since_the_approval_are_not_published(home: Home, tmp_path: Path) -> None:
    """A file loaded after the approval, but dated before the moment the scenario asks about, changes what was approved."""
    from tests.flows.kit import QuickGate, load, write_csv

    set_(home, "known_at=2024-01-10")
    scenario_state.submit(home, "T", A)
    scenario_state.approve(home, "T", C)
    late = [
        row | {"dossier_code": row["dossier_code"] + "-sau"} for row in scenario_kit.dossiers() if "22492" in row["unit_code"]
    ]
    gate: Any = QuickGate()
    assert load(home, write_csv(tmp_path / "sau.csv", late), gate, scenario_kit.LOADED, "one_stop").status == "loaded"
    said = refused("figures_moved", scenario_state.publish, home, "T", A)
    assert "duyệt lại" in said
    scenario_state.send_back(home, "T", "số liệu đổi", C)
    scenario_state.submit(home, "T", A)
    scenario_state.approve(home, "T", C)
    assert scenario_state.publish(home, "T", A)["run"]["run"] > 1
