"""The catalogue: what every table and column means (`sql/catalog.yaml`), put into the database as COMMENT ON.

Applied with the migrations, again whenever the catalogue's text changed. It describes; it never changes a table.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

FILE: Final = "catalog.yaml"
#: The number under which the applied catalogue is noted in `schema_migrations`.
NUMBER: Final = -1
_PRESENT: Final = """
select c.relname, a.attname
from pg_class as c
inner join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
where c.relnamespace = to_regnamespace(current_schema())::oid and c.relkind in ('r', 'p')
"""
_NOTE: Final = """
insert into schema_migrations (version, name, checksum) values (%s, 'catalogue', %s)
on conflict (version) do update set checksum = excluded.checksum, applied_at = excluded.applied_at
"""


@dataclass(frozen=True)
class Column:
    """Grain: one column. unit is empty when it has none."""

    description: str
    unit: str = ""

    @property
    def comment(self) -> str:
        return f"{self.description} Unit: {self.unit}." if self.unit else self.description


@dataclass(frozen=True)
class Table:
    """Grain: one table; columns in the order of the migrations."""

    name: str
    grain: str
    description: str
    columns: dict[str, Column]

    @property
    def comment(self) -> str:
        return f"{self.description} Grain: {self.grain}."


def load(folder: Path) -> dict[str, Table]:
    """Return the tables by name. Raises: KeyError, ValueError on a catalogue that does not fit its own shape."""
    import yaml

    raw = yaml.safe_load((folder / FILE).read_text(encoding="utf-8"))
    before, after = _columns(raw["shared"]["before"]), _columns(raw["shared"]["after"])
    tables = {}
    for name, table in raw["tables"].items():
        own = _columns(table["columns"])
        columns = before | own | after if table.get("facts") else own
        tables[name] = Table(name, str(table["grain"]), str(table["description"]), columns)
    return tables


def _columns(raw: dict[str, Any]) -> dict[str, Column]:
    found = {}
    for name, value in raw.items():
        column = Column(**value) if isinstance(value, dict) and set(value) == {"description", "unit"} else Column(value)
        if not isinstance(name, str) or not isinstance(column.description, str):
            raise ValueError(f"{FILE}: column {name!r} needs a sentence, or {{description, unit}} (quote a text with a comma)")
        found[name] = column
    return found


def digest(folder: Path) -> str:
    """Return the sha256 of the catalogue's text with plain line ends; empty when there is none."""
    path = folder / FILE
    if not path.exists():
        return ""
    return hashlib.sha256(path.read_text(encoding="utf-8").replace("\r\n", "\n").encode()).hexdigest()


def noted(state: Sequence[tuple[int, str, str, bool]]) -> str:
    """Return the digest of the catalogue this database carries (state: rows of `schema_migrations`)."""
    return next((checksum for number, _, checksum, _ in state if number == NUMBER), "")


def apply(connection: Connection, folder: Path) -> int:
    """Write the comments on what exists, in one transaction; returns how many. Needs the owner's rights.

    A table or column that the database lacks is passed over; tests hold the two against each other.
    """
    from psycopg2 import sql

    with connection.cursor() as cursor:
        cursor.execute("begin")
        cursor.execute(_PRESENT)
        present = set(cursor.fetchall())
        statements = []
        for table in load(folder).values():
            if not any(name == table.name for name, _ in present):
                continue
            name = sql.Identifier(table.name)
            statements.append(sql.SQL("comment on table {} is {}").format(name, sql.Literal(table.comment)))
            for column, about in table.columns.items():
                if (table.name, column) in present:
                    place = sql.Identifier(table.name, column)
                    statements.append(sql.SQL("comment on column {} is {}").format(place, sql.Literal(about.comment)))
        if statements:
            cursor.execute(sql.SQL(";\n").join(statements))
        cursor.execute(_NOTE, (NUMBER, digest(folder)))
        cursor.execute("commit")
    return len(statements)
