"""`cchc robustness`: the document, its sentences and its tables; what is refused."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import replace
from typing import Any

import pytest

from apps.tables import robustness as tables
from flows.steps import robustness as step
from flows.steps.home import Home, UserError, parse_moment
from flows.steps.measure import Question, question
from flows.steps.score import Scored, Subject
from messages import robustness as words
from scoring.engine import score
from tests.scoring.frames import everything, law

ASKED = question(2023, as_of=parse_moment("2023-12-31"))
RANGES = replace(step.ranges_with(60, 5), sobol_points=32)


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Home:
    """A home whose district has invented inputs: the same for every definition, but for the late dossiers."""
    found = Home(tmp_path)
    units = [unit for unit in found.register.active(ASKED.last_day) if unit.level == "commune"][:6]
    names = [unit.unit_id for unit in units]
    m, d = everything(names, 3)

    def scored(home: Home, tx: Any, asked: Question, set_name: str | None = None, rules: Any = None) -> Scored:
        frame = m.copy()
        if asked.definition == "ii06":
            frame.loc[frame["measure"] == "overdue_rate", "numerator"] = 0.0
        rules = rules or law()
        return Scored(asked, rules, score(frame, d, rules, names), frame, d, [Subject(u.unit_id, u) for u in units])

    monkeypatch.setattr(step, "score_question", scored)
    return found


def test_the_document(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    found = step.robustness(home, None, ASKED, ranges=RANGES)  # type: ignore[arg-type]
    again = step.robustness(home, None, ASKED, ranges=RANGES)  # type: ignore[arg-type]
    assert json.dumps(found, allow_nan=False) == json.dumps(again, allow_nan=False)
    assert found["ranges"]["definitions"][0] == ASKED.definition and len(found["ranges"]["definitions"]) == 4
    assert found["ranges"]["provenance"] == "assumed" and found["ranges"]["draws"] == 60
    assert sorted(row["rank"] for row in found["ranking"]) == [1, 2, 3, 4, 5, 6] and len(found["pairs"]) == 5
    for row in found["ranking"]:
        assert row["low"] <= row["high"] and sum(row["probability"].values()) == pytest.approx(1, abs=0.001)
        assert row["keep"] == row["probability"].get(str(row["rank"]), 0.0)
        assert row["by_definition"][ASKED.definition] == row["rank"]
    assert (
        {s["source"] for s in found["sensitivity"]}
        == {"weights", "thresholds", "definition"}
        == set(found["mean_shift_by_source"])
    )
    assert all(s["outcome"] is None for s in found["sensitivity"])
    tables.show(found)
    text = capsys.readouterr().out
    assert (
        "Khoảng hạng" in text and "giả định" in text and "Chuyển hơn" in text and "nan" not in text.split() and "None" not in text
    )
    assert unicodedata.is_normalized("NFC", text)


def test_one_commune(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    found = step.robustness(home, None, ASKED, ranges=RANGES, commune="Đại Lãnh", by_section=True)  # type: ignore[arg-type]
    assert [row["name"] for row in found["ranking"]] == ["Đại Lãnh"] and 1 <= len(found["pairs"]) <= 2
    assert {row["name"] for row in found["standing"]} == {"Đại Lãnh"} and 1 <= len(found["standing"]) <= 6
    assert {s["outcome"] for s in found["sensitivity"]} == {None, "Đại Lãnh"}
    assert "Trọng số mục III" in {s["label"] for s in found["sensitivity"]}
    tables.show(found)
    text = capsys.readouterr().out
    assert "Điểm mạnh, điểm yếu" in text and "Hạng của Đại Lãnh" in text


def test_a_set_that_prescribes_its_definition_keeps_it(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    fixed = replace(law(), definitions={"overdue": ASKED.definition})
    monkeypatch.setattr(step, "rules_on", lambda *_: fixed)
    inner = step.score_question
    monkeypatch.setattr(step, "score_question", lambda h, tx, asked, name=None: inner(h, tx, asked, name, fixed))
    found = step.robustness(home, None, ASKED, ranges=RANGES)  # type: ignore[arg-type]
    assert found["ranges"]["definitions"] == [ASKED.definition] and "definition" not in found["mean_shift_by_source"]


def test_sentences() -> None:
    nbsp = "\u00a0"
    assert words.interval_text(3, 2, 5, 0.9) == f"Hạng 3; trong 90{nbsp}% tình huống từ 2 đến 5"
    assert words.interval_text(3, 3, 3, 0.9).endswith("vẫn hạng 3") and words.interval_text(3, 2, 2, 0.9).endswith("là hạng 2")
    pair: dict[str, Any] = {
        "upper": {"name": "xã B"}, "lower": {"name": "xã A"}, "moved": 0.4, "taken": [{"code": "III.3", "points": 0.4}],
        "given": [{"code": "VII.1", "points": 0.4}], "shift": {"code": "VIII.1", "gains": True, "points": 0.35},
    }  # fmt: skip
    assert words.flip_text(pair) == "Chuyển hơn 0,40 điểm trọng số từ III.3 sang VII.1 là xã A vượt xã B"
    assert words.shift_text(pair) == "xã A thêm 0,35 điểm ở VIII.1 là ngang xã B"
    assert words.shift_text(pair | {"shift": pair["shift"] | {"gains": False}}) == "xã B bớt 0,35 điểm ở VIII.1 là ngang xã A"
    assert words.flip_text(pair | {"moved": 0.0}) == "xã B và xã A đang ngang nhau"
    assert "Không cách chuyển" in words.flip_text(pair | {"moved": None}) and words.shift_text(pair | {"shift": None}) is None
    two = pair | {"taken": [{"code": "I.3", "points": 1.5}, {"code": "IV.2", "points": 0.53}]}
    assert "từ I.3 (1,50), IV.2 (0,53) sang VII.1" in words.flip_text(two)
    assert words.source_label("weights:III") == "Trọng số mục III" and words.source_label("definition") == "Định nghĩa trễ hạn"
    row = {"points": -0.5, "share": 0.4, "median": 0.65, "better": 3, "peers": 12, "equal": 1}
    assert words.standing_text(row).startswith("kém trung vị 0,50 điểm (40") and "1 đơn vị bằng" in words.standing_text(row)


@pytest.mark.parametrize(("draws", "seed", "code"), [(0, None, "bad_draws"), (10**6, None, "bad_draws"), (None, -1, "bad_seed")])
def test_numbers_that_cannot_be(draws: int | None, seed: int | None, code: str) -> None:
    with pytest.raises(UserError) as refused:
        step.ranges_with(draws, seed)
    assert refused.value.code == code


def test_an_unknown_commune(home: Home) -> None:
    with pytest.raises(UserError) as refused:
        step.robustness(home, None, ASKED, ranges=RANGES, commune="Không có")  # type: ignore[arg-type]
    assert refused.value.code == "unknown_commune"


@pytest.mark.db
def test_nothing_to_rank(clean: Home) -> None:
    with clean.database.begin() as tx, pytest.raises(UserError) as refused:
        step.robustness(clean, tx, ASKED, ranges=RANGES)
    assert refused.value.code == "nothing_to_rank" and "31/12/2023" in str(refused.value)
