"""Finding the header: which row (or merged rows), and which column each header text names.

A path of a merged header is written outermost first with `>`: `Đã giải quyết > Quá hạn`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from sources.contract import Contract
from sources.tabular.cells import Cleaner
from sources.tabular.sheet import MAX_COLUMNS, Merged, Sheet
from sources.tabular.text import fold_header

MAX_DEPTH: Final = 4
MAX_START: Final = 60
ORDINAL: Final = frozenset({"stt", "tt", "số tt", "số thứ tự", "thứ tự", "no", "no.", "#", "s.t.t"})


@dataclass
class Header:
    """A located header. `row` is the 0-based first row, `depth` its number of rows; `mapping`: canonical → column."""

    row: int
    depth: int
    names: list[str]
    mapping: dict[str, int]
    score: float
    ordinal: int | None = None
    duplicates: list[str] = field(default_factory=list)

    @property
    def first_data(self) -> int:
        """0-based row after the header."""
        return self.row + self.depth


def paths(head: list[list[str]], row: int, depth: int, merged: list[Merged], cleaner: Cleaner) -> list[list[str]]:
    """Return the header path of each column of the header starting at `row`: clean texts, outermost first."""
    width = min(max((len(line) for line in head[row : row + depth]), default=0), MAX_COLUMNS)
    grid = [[cleaner.one(line[c]) if c < len(line) else "" for c in range(width)] for line in head[row : row + depth]]
    for top, left, bottom, right in merged:
        if row <= top < row + depth and left < width:
            value = grid[top - row][left]
            for r in range(top, min(bottom, row + depth - 1) + 1):
                for c in range(left, min(right, width - 1) + 1):
                    grid[r - row][c] = value
    if not merged and depth > 1:
        _spread(grid)
    result: list[list[str]] = []
    for c in range(width):
        path: list[str] = []
        for line in grid:
            if line[c] and (not path or fold_header(path[-1]) != fold_header(line[c])):
                path.append(line[c])
        result.append(path)
    return result


def _spread(grid: list[list[str]]) -> None:
    """Spread group titles to the right where a file lost its merged cells: only over columns that have text below."""
    for level in range(len(grid) - 1):
        for c in range(1, len(grid[level])):
            below = any(grid[k][c] for k in range(level + 1, len(grid)))
            same_parent = all(grid[k][c] == grid[k][c - 1] for k in range(level))
            if not grid[level][c] and below and same_parent and any(grid[k][c - 1] for k in range(level + 1, len(grid))):
                grid[level][c] = grid[level][c - 1]


def forms(path: list[str]) -> list[str]:
    """Return the folded forms under which a header path may be listed, most specific first."""
    parts = [fold_header(part) for part in path]
    tails = [">".join(parts[k:]) for k in range(len(parts))]
    return list(dict.fromkeys([*tails[:-1], " ".join(parts), tails[-1]])) if len(parts) > 1 else parts


def match(columns: list[list[str]], contract: Contract) -> tuple[dict[str, int], float, list[str]]:
    """Return (canonical → column, score, duplicated canonical names) of header paths under a contract.

    The contract's first header of a column counts a little more than its synonyms; a leaf alone is believed only when no
    other column ends in the same word.
    """
    index = contract.header_index()
    first = {fold_header(contract.headers(name)[0]): name for name in (*contract.columns, "unit_code") if _listed(contract, name)}
    leaves = [fold_header(path[-1]) for path in columns if path]
    found: dict[str, list[tuple[float, int]]] = {}
    for at, path in enumerate(columns):
        if not path:
            continue
        for form in forms(path):
            name = index.get(form)
            if name is None or (len(path) > 1 and form == fold_header(path[-1]) and leaves.count(form) > 1):
                continue
            rank = list(map(fold_header, contract.headers(name))).index(form)
            found.setdefault(name, []).append(((1.0 if form in first else 0.95) - 0.001 * rank, at))
            break
    mapping: dict[str, int] = {}
    score, twice = 0.0, []
    for name, hits in found.items():
        best = max(hits, key=lambda hit: (hit[0], -hit[1]))
        mapping[name] = best[1]
        score += best[0]
        if sum(hit[0] == best[0] for hit in hits) > 1:
            twice.append(name)
    return mapping, score, twice


def _listed(contract: Contract, name: str) -> bool:
    """Whether the contract lists header texts for a column."""
    if name == "unit_code" and name not in contract.columns:
        return bool(contract.unit_headers)
    return bool(contract.columns[name].headers)


def find(sheet: Sheet, contract: Contract, cleaner: Cleaner) -> Header | None:
    """Return the best header of a sheet under a contract, None when fewer than two columns are recognised."""
    best: Header | None = None
    wanted = contract.header_index()
    words = {part for text in wanted for part in text.split(">")}
    for row, line in enumerate(sheet.head[:MAX_START]):
        if not any(fold_header(cleaner.one(cell)) in words for cell in line if cell and len(cell) < 200):
            continue
        for depth in range(1, MAX_DEPTH + 1):
            if row + depth > len(sheet.head):
                break
            columns = paths(sheet.head, row, depth, sheet.merged, cleaner)
            mapping, score, twice = match(columns, contract)
            if len(mapping) < 2 and not (len(contract.columns) == 1 and mapping):
                continue
            if best is None or score > best.score + 1e-9 or (score > best.score - 1e-9 and depth < best.depth):
                best = Header(row, depth, [" > ".join(path) for path in columns], mapping, score, None, twice)
    if best is not None:
        _finish(best, sheet, cleaner)
    return best


def _finish(header: Header, sheet: Sheet, cleaner: Cleaner) -> None:
    """Note the ordinal column; include rows that are still part of a merged header cell."""
    last = header.first_data - 1
    reach = max((b for t, _, b, _ in sheet.merged if header.row <= t <= last and b > last), default=last)
    if reach - header.row < MAX_DEPTH:
        header.depth = reach - header.row + 1
    for at, name in enumerate(header.names):
        if fold_header(name) in ORDINAL or fold_header(name).split(">")[-1] in ORDINAL:
            header.ordinal = at
            break


def missing_required(header: Header, contract: Contract) -> list[str]:
    """Return the required canonical columns that the header lacks (`unit_code` is judged elsewhere)."""
    needed = [name for name, column in contract.columns.items() if column.required and not column.from_title]
    needed += [n for n in contract.table.required if n != "unit_code" and n not in needed and not contract.columns[n].from_title]
    return [name for name in needed if name not in header.mapping and contract.columns[name].kept]
