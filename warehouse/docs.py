"""`python -m warehouse.docs` writes docs/data_catalogue.md from the catalogue. `--check` only says whether it is stale."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Final

from warehouse.catalogue import Table, load
from warehouse.database import SQL

TARGET: Final = Path(__file__).resolve().parents[1] / "docs" / "data_catalogue.md"
_HEAD: Final = """# Data catalogue

Generated from `warehouse/sql/catalog.yaml` by `make docs`; do not edit. The same sentences are in the database as
comments (`\\d+ dossiers_facts` in psql). Facts are bitemporal: see `docs/decisions/0002-bitemporal-facts.md`.
"""


def render() -> str:
    """Return the page."""
    tables = load(SQL).values()
    listing = [f"- [`{table.name}`](#{table.name}): {table.grain}" for table in tables]
    return "\n".join([_HEAD, *listing, "", *(_section(table) for table in tables)])


def _section(table: Table) -> str:
    lines = [
        f"## {table.name}",
        "",
        table.description,
        f"Grain: {table.grain}.",
        "",
        "| column | unit | meaning |",
        "| --- | --- | --- |",
    ]
    lines += [f"| `{name}` | {column.unit} | {column.description} |" for name, column in table.columns.items()]
    return "\n".join([*lines, ""])


def main(arguments: list[str] | None = None) -> int:
    """Write the page, or with --check compare it; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m warehouse.docs", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; status 1 when the page is stale")
    check = parser.parse_args(arguments).check
    text = render()
    if check:
        stale = not TARGET.exists() or TARGET.read_text(encoding="utf-8") != text
        if stale:
            print(f"{TARGET.name} is stale: run make docs", file=sys.stderr)
        return int(stale)
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
