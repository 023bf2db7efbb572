"""R11 in the source: a statement is a constant, or is put together at one of the places below, from our own names only."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow  # a whole file of seconds: left to `make test`

ROOT = Path(__file__).resolve().parents[2]
#: file → functions that put a statement together. What they put in is a table, column, role or counter of our own
#: (names in code, not data), or the text of one of our SQL files. A new one is added after a second pair of eyes.
REVIEWED = {
    "warehouse/checks.py": {"lay_out_months"},
    "warehouse/database.py": {"copy_in", "lock", "session_lock"},
    "warehouse/forecasts.py": {"history", "latest", "replace_scores", "scores", "store"},
    "warehouse/ledger.py": {"supersede_quarantine"},
    "warehouse/load.py": {"_close", "join_equal", "merge"},
    "warehouse/marts.py": {"_add", "dossier_counts", "procedures_known", "refresh"},
    "warehouse/queries.py": {"scope"},
    "warehouse/runs.py": {"shadow_loads"},
}  # fmt: skip
SQL_WORDS = ("select ", "insert ", "update ", "delete ", "create ", "drop ", "alter ", "copy ", "truncate ", "grant ", "with ")


def _functions(tree: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.name, node


def _built(node: ast.AST) -> bool:
    """Whether an expression is a statement that is not one constant."""
    if isinstance(node, ast.JoinedStr):
        text = "".join(part.value for part in node.values if isinstance(part, ast.Constant)).lstrip().lower()
        return any(isinstance(part, ast.FormattedValue) for part in node.values) and text.startswith(SQL_WORDS)
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Mod, ast.Add)) and isinstance(node.left, ast.Constant):
        return isinstance(node.left.value, str) and node.left.value.lstrip().lower().startswith(SQL_WORDS)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "format":
        base = node.func.value
        return isinstance(base, ast.Constant) and str(base.value).lstrip().lower().startswith(SQL_WORDS)
    return False


def _sites() -> set[tuple[str, str]]:
    found = set()
    for folder in ("warehouse", "flows", "apps", "sources", "scoring"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            for name, function in _functions(tree):
                if any(_built(node) for node in ast.walk(function)):
                    found.add((str(path.relative_to(ROOT)), name))
    return found


def test_r11_statements_are_put_together_only_where_reviewed() -> None:
    strange = {(path, name) for path, name in _sites() if name not in REVIEWED.get(path, ())}
    assert not strange


def test_r11_the_search_sees_what_it_should() -> None:
    assert ("warehouse/ledger.py", "supersede_quarantine") in _sites()
    for text in ("f\"select * from t where a = '{a}'\"", '"select %s" % a', '"select " + a', '"delete from {}".format(a)'):
        assert _built(ast.parse(text, mode="eval").body), text
    for text in ('"select 1"', 'f"no statement {a}"', '"50 %" + a'):
        assert not _built(ast.parse(text, mode="eval").body), text


def test_r11_nothing_of_a_file_is_put_into_a_statement() -> None:
    """In the braces stand names of our own: no cell, no row, no argument of the command line."""
    strange = set()
    for path, _ in _sites():
        for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr) and _built(node):
                for part in node.values:
                    if isinstance(part, ast.FormattedValue):
                        inside = {leaf.id for leaf in ast.walk(part.value) if isinstance(leaf, ast.Name)}
                        strange |= {
                            (path, name)
                            for name in inside
                            if name in {"row", "cell", "value", "text", "path", "given", "asked", "commune", "unit"}
                        }
    assert not strange


def test_r11_steps_and_commands_hold_constant_statements_only() -> None:
    assert not [path for path, _ in _sites() if not path.startswith("warehouse/")]
