"""Merging: what a version is, what a late file leaves behind, which dossiers have two sources."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flows.steps import ingest
from flows.steps.home import Home
from tests.flows import kit

pytestmark = pytest.mark.db
CODE = "H32.22492-0001"


@pytest.fixture
def load(clean: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Load rows as one file at a moment; returns its result."""
    (tmp_path / "readings").mkdir()
    monkeypatch.setattr(ingest, "_parse", kit.Readings(tmp_path / "readings"))
    made: list[Path] = []

    def run(moment: int, *rows: dict[str, str], source: str = "one_stop") -> Any:
        made.append(tmp_path / f"{len(made)}.csv")
        kit.write_csv(made[-1], rows, {**kit.HEADERS, "unit_code": "Đơn vị"})
        result = kit.load(clean, made[-1], kit.QuickGate(), kit.day(moment), source)
        assert result.status == "loaded", result
        return result

    return run


def versions(home: Home) -> list[tuple[str, int, int | None, int, bool]]:
    """Return (officer, known from, known to, row, still current or ended while current)."""
    with home.database.begin() as tx:
        rows = tx.rows(
            "select *, nullif(known_to, 'infinity') as ends from dossiers_facts where dossier_code = %(code)s order by source, dossier_code, known_from, known_to",
            {"code": CODE},
        )
    moments = {kit.day(n): n for n in range(20)}
    return [
        (
            row["officer"][-1],
            moments[row["known_from"]],
            row["ends"] and moments[row["ends"]],
            row["row_no"],
            row["closed_by"] is None,
        )
        for row in rows
    ]


def test_a_change_ends_one_version_and_begins_another(clean: Home, load: Any) -> None:
    load(0, kit.dossier(CODE, 1))
    result = load(1, kit.dossier(CODE, 2))
    assert (result.rows_accepted, result.rows_unchanged) == (1, 0)
    assert versions(clean) == [("1", 0, 1, 2, False), ("2", 1, None, 2, True)]


def test_a_late_file_ends_where_the_next_one_speaks(clean: Home, load: Any) -> None:
    load(0, kit.dossier(CODE, 1))
    load(5, kit.dossier(CODE, 2))
    load(3, kit.dossier(CODE, 3))
    assert versions(clean) == [("1", 0, 3, 2, False), ("3", 3, 5, 2, True), ("2", 5, None, 2, True)]


def test_a_later_file_that_said_nothing_new_speaks_again(clean: Home, load: Any) -> None:
    load(0, kit.dossier(CODE, 1))
    assert load(5, kit.dossier(CODE, 1), kit.dossier("H32.22492-0002", 1)).rows_unchanged == 1
    load(3, kit.dossier(CODE, 3))
    assert versions(clean)[:3] == [("1", 0, 3, 2, False), ("3", 3, 5, 2, False), ("1", 5, None, 2, True)]


def test_a_late_file_that_says_the_same_earlier_takes_over(clean: Home, load: Any) -> None:
    load(5, kit.dossier(CODE, 1))
    load(3, kit.dossier(CODE, 1), kit.dossier("H32.22492-0002", 1))
    assert versions(clean) == [("1", 3, None, 2, True), ("1", 5, 5, 2, False)]  # the second keeps no span
    load(2, kit.dossier(CODE, 1), kit.dossier("H32.22492-0003", 1))
    load(4, kit.dossier(CODE, 7))
    with clean.database.begin() as tx:
        assert kit.broken_rules(tx) == []
    assert [v[:3] for v in versions(clean) if v[1] != v[2]] == [("1", 2, 4), ("7", 4, 5), ("1", 5, None)]


def test_the_same_moment_counts_in_the_order_of_loading(clean: Home, load: Any) -> None:
    load(1, kit.dossier(CODE, 1))
    load(1, kit.dossier(CODE, 2))
    assert [v[:3] for v in versions(clean) if v[1] != v[2]] == [("2", 1, None)]


def test_a_row_that_is_missing_later_stays(clean: Home, load: Any) -> None:
    load(0, kit.dossier(CODE, 1), kit.dossier("H32.22492-0002", 1))
    load(1, kit.dossier("H32.22492-0002", 2))
    assert ("1", 0, None, 2, True) in versions(clean)


def test_identical_repeats_are_accepted_once_stored(clean: Home, load: Any) -> None:
    result = load(0, kit.dossier(CODE, 1), kit.dossier(CODE, 1))
    assert (result.rows_read, result.rows_accepted, result.rows_unchanged) == (2, 2, 1)
    assert len(versions(clean)) == 1


def test_two_sources_do_not_end_each_other(clean: Home, load: Any) -> None:
    load(0, kit.dossier(CODE, 1))
    load(1, kit.dossier(CODE, 2), kit.dossier("H32.22492-0009", 2), source="portal")
    assert all(known_to is None for _, _, known_to, _, _ in versions(clean))
    with clean.database.begin() as tx:
        assert tx.scalar("select count(*) from dossier_twins") == 1
