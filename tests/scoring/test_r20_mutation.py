"""R20: the rule cases kill at least 90 % of the mutants of scoring/rules.py.

One mutant changes one comparison, arithmetic operator, number or called function; the cases run on it in-process.
"""

from __future__ import annotations

import ast
import copy
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from scoring import rules
from tests.scoring.rule_cases import check_all

_COMPARE = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
}
_BINARY = {
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Div, ast.Add),
    ast.Div: (ast.Mult,),
    ast.BitAnd: (ast.BitOr,),
}
_CALLS = {
    "maximum": "minimum",
    "greater_equal": "greater",
    "greater": "greater_equal",
    "less_equal": "less",
    "less": "less_equal",
    "equal": "not_equal",
    "floor": "ceil",
}


def _sites(tree: ast.AST) -> Iterator[tuple[int, int]]:
    """(position of the node in the walk, number of the variant)."""
    for place, node in enumerate(ast.walk(tree)):
        yield from ((place, k) for k in range(_variants(node)))


def _variants(node: ast.AST) -> int:
    if isinstance(node, ast.Compare):
        return len(_COMPARE.get(type(node.ops[0]), ()))
    if isinstance(node, (ast.BinOp, ast.AugAssign)):
        return len(_BINARY.get(type(node.op), ()))
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return 2
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.Invert, ast.USub)):
        return 1
    return 1 if isinstance(node, ast.Attribute) and node.attr in _CALLS else 0


def _mutate(node: ast.AST, variant: int) -> None:
    if isinstance(node, ast.Compare):
        node.ops[0] = _COMPARE[type(node.ops[0])][variant]()
    elif isinstance(node, (ast.BinOp, ast.AugAssign)):
        node.op = _BINARY[type(node.op)][variant]()
    elif isinstance(node, ast.Constant):
        node.value = node.value + (1 if variant else -1)
    elif isinstance(node, ast.UnaryOp):
        node.op = ast.UAdd() if isinstance(node.op, ast.USub) else ast.Invert()
        if isinstance(node.op, ast.Invert):
            node.operand = ast.UnaryOp(op=ast.Invert(), operand=node.operand)
    elif isinstance(node, ast.Attribute):
        node.attr = _CALLS[node.attr]


def _source() -> tuple[str, ast.Module]:
    text = Path(str(rules.__file__)).read_text(encoding="utf-8")
    return text, ast.parse(text)


def _in_function(tree: ast.Module) -> ast.Module:
    """Only what awards points: the functions and the table of comparisons."""
    keep = [
        n
        for n in tree.body
        if isinstance(n, ast.FunctionDef) or (isinstance(n, ast.AnnAssign) and getattr(n.target, "id", "") == "_COMPARE")
    ]
    return ast.Module(body=list(keep), type_ignores=[])


def _survives(tree: ast.Module) -> bool:
    module = ModuleType("mutant_rules")
    sys.modules["mutant_rules"] = module
    try:
        with np.errstate(all="ignore"):
            exec(compile(tree, "mutant", "exec"), module.__dict__)
            check_all(module)
    except Exception:
        return False
    finally:
        del sys.modules["mutant_rules"]
    return True


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_r20_mutants_are_killed() -> None:
    _, tree = _source()
    assert _survives(copy.deepcopy(tree)), "the cases must hold on the code as it is"
    sites = list(_sites(_in_function(tree)))
    assert len(sites) > 100
    survivors = []
    for place, variant in sites:
        mutant = copy.deepcopy(tree)
        node = list(ast.walk(_in_function(mutant)))[place]
        _mutate(node, variant)
        if _survives(ast.fix_missing_locations(mutant)):
            survivors.append(f"line {getattr(node, 'lineno', '?')}: {ast.unparse(node)} (variant {variant})")
    killed = 1 - len(survivors) / len(sites)
    report = f"{len(sites)} mutants, {killed:.1%} killed; survivors:\n" + "\n".join(survivors)
    print(report)
    assert killed >= 0.9, report
