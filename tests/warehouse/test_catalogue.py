"""The catalogue, the database, the canonical tables and the marts name the same columns; the comments are in the database."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sources.canonical import APPLICANT_TOKEN, TABLES
from warehouse import catalogue, docs
from warehouse.checks import FACT_TABLES
from warehouse.database import SQL
from warehouse.load import FACT_COLUMNS
from warehouse.marts import COUNTERS, MART
from warehouse.migrate import migrate

if TYPE_CHECKING:
    from flows.steps.home import Home

CATALOGUE = catalogue.load(SQL)
_COLUMNS = """
select c.table_name, c.column_name, col_description(format('%%I.%%I', c.table_schema, c.table_name)::regclass, c.ordinal_position) as said
from information_schema.columns as c
where c.table_schema = 'public' order by c.table_name, c.ordinal_position
"""


def test_every_table_has_a_grain_and_every_column_a_sentence() -> None:
    for table in CATALOGUE.values():
        assert table.grain and table.description.endswith("."), table.name
        for name, column in table.columns.items():
            assert column.description.endswith("."), (table.name, name)


@pytest.mark.parametrize("name", TABLES)
def test_catalogue_and_canonical_tables_agree(name: str) -> None:
    columns = list(CATALOGUE[f"{name}_facts"].columns)
    assert set(FACT_COLUMNS) <= set(columns)
    assert [c for c in columns if c not in {*FACT_COLUMNS, "closed_by", APPLICANT_TOKEN}] == list(TABLES[name].columns)
    assert f"key {', '.join(TABLES[name].key)}" in CATALOGUE[f"{name}_facts"].grain


def test_code_names_the_same_tables_and_counters() -> None:
    assert set(FACT_TABLES) == set(TABLES)
    assert list(CATALOGUE[MART].columns) == ["part", "unit_code", "month", *COUNTERS]


def test_generated_page_is_up_to_date() -> None:
    assert docs.TARGET.read_text(encoding="utf-8") == docs.render(), "run make docs"


@pytest.mark.db
def test_database_and_catalogue_agree_to_the_column(installation: Home) -> None:
    with installation.database.begin() as tx:
        rows = tx.rows(_COLUMNS)
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(row["table_name"], []).append(row["column_name"])
    assert found == {table.name: list(table.columns) for table in CATALOGUE.values()}
    said = {(row["table_name"], row["column_name"]): row["said"] for row in rows}
    assert said == {(t.name, name): column.comment for t in CATALOGUE.values() for name, column in t.columns.items()}


@pytest.mark.db
def test_a_changed_sentence_reaches_the_database_once(installation: Home, tmp_path: Path) -> None:
    folder = tmp_path / "sql"
    shutil.copytree(SQL, folder)
    path = folder / catalogue.FILE
    path.write_text(path.read_text(encoding="utf-8").replace("Whether offices work.", "Ngày 100% làm việc."), encoding="utf-8")
    try:
        assert migrate(installation.root, folder) == []
        assert _said(installation) == "Ngày 100% làm việc."
        before = _noted_at(installation)
        migrate(installation.root, folder)
        assert _noted_at(installation) == before
    finally:
        migrate(installation.root)
    assert _said(installation) == "Whether offices work."


def _said(home: Home) -> str:
    with home.database.begin() as tx:
        return str(tx.scalar("select col_description('calendar_days'::regclass, 2)"))


def _noted_at(home: Home) -> object:
    with home.database.begin() as tx:
        return tx.scalar("select applied_at from schema_migrations where version = -1")
