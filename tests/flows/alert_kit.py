"""Looks of the alert rules at a town as of moments, and what they left behind."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from flows.steps.alert_settings import settings_file
from flows.steps.alerts import evaluate
from flows.steps.home import parse_moment
from tests.flows.run_kit import Town, dossier, town

__all__ = ["town"]
UNIT, OTHER, THIRD, FOURTH, FIFTH, SIXTH = "22492", "22495", "22498", "22501", "22504", "22507"
SURVEY = (
    "Mã phiếu;Đơn vị;Ngày khảo sát;Tiếp cận dịch vụ;Thủ tục hành chính;Công chức;Kết quả;Góp ý, phản ánh;Công chức được nêu tên\n"
)
Opened = list[tuple[str, str]]
Ended = list[tuple[str, str, str]]


def night(town: Town, moment: str, **more: Any) -> dict[str, Any]:
    """Evaluate as of a moment, the clock standing there."""
    town.at(moment)
    with town.home.database.begin() as tx:
        return evaluate(town.home, tx, parse_moment(moment), **more)


def ask(town: Town, moment: str, **more: Any) -> dict[str, Any]:
    """Evaluate as after a file of some communes: the year before is not scored, which is half of the work."""
    return night(town, moment, units=[UNIT, OTHER], **more)


def told(answer: dict[str, Any], rule: str) -> tuple[Opened, Ended]:
    """Return (opened, resolved) of a rule: (unit, subject) and (unit, subject, why)."""
    opened = [(row["unit_id"], row["subject"]) for row in answer["opened"] if row["rule"] == rule]
    return opened, [(r["unit_id"], r["subject"], r["resolution"]) for r in answer["resolved"] if r["rule"] == rule]


def rows(town: Town, rule: str) -> list[dict[str, Any]]:
    with town.home.database.begin() as tx:
        return tx.rows("select * from alerts where rule = %(rule)s order by alert_id", {"rule": rule})


def events(town: Town, rule: str) -> list[str]:
    """Return what was noted of a rule, in order."""
    with town.home.database.begin() as tx:
        found = tx.rows("select kind from events where ids ->> 'rule' = %(rule)s order by event_id", {"rule": rule})
    return [row["kind"] for row in found]


def noted(town: Town, kind: str, subject: str) -> int:
    with town.home.database.begin() as tx:
        given = {"kind": kind, "subject": subject}
        return int(tx.scalar("select count(*) from events where kind = %(kind)s and subject = %(subject)s", given))


def stored(town: Town) -> str:
    """Return all that alerts leave behind, as one text."""
    with town.home.database.begin() as tx:
        tables = [tx.rows(f"select to_jsonb(x) as t from {name} as x") for name in ("alerts", "events", "alert_messages")]
    return json.dumps(tables, ensure_ascii=False).casefold()


def late_and_not(late: int, others: int, unit: str = UNIT, start: int = 1) -> list[dict[str, str]]:
    """Return finished dossiers of February, of which some were finished after their due day, the 13th."""
    return [dossier(n, 15 if n < start + late else 10, unit) for n in range(start, start + late + others)]


@pytest.fixture
def settings(town: Town) -> Iterator[Any]:
    """The settings of the installation, to be written."""
    place = settings_file(town.home)
    yield lambda text: place.write_text(text, encoding="utf-8")
    place.unlink(missing_ok=True)


def foreseen(moment: str, chance: float | None, rank: float | None) -> dict[str, Any]:
    """Return as much of a forecast's document as alerts look at."""
    place = {"unit_id": UNIT, "p_good": chance, "expected_rank": rank}
    return {"as_of": parse_moment(moment).isoformat(), "good_grade": "Tốt", "communes": [place]}
