"""YAML with line numbers: what the lint reads, so that every message can name file and line."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

Path_ = tuple[Any, ...]
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass
class Located:
    """Parsed content, the 1-based line of every entry by its path of keys, and keys written twice."""

    file: Path
    data: Any
    lines: dict[Path_, int] = field(default_factory=dict)
    duplicates: list[tuple[Path_, int]] = field(default_factory=list)

    def line(self, *path: Any) -> int:
        """The line of an entry; of its nearest known parent when the entry itself is missing."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


class YamlProblem(ValueError):
    """A file that is not YAML. `line` is where reading stopped."""

    def __init__(self, line: int, text: str) -> None:
        super().__init__(text)
        self.line = line


def read(file: Path) -> Located:
    """Raises YamlProblem for broken YAML or text that is not UTF-8."""
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise YamlProblem(1, "không phải UTF-8") from error
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        located = Located(file, None)
        if node is not None:
            located.data = _build(loader, node, (), located)
        return located
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        raise YamlProblem(line, str(getattr(error, "problem", None) or "sai cú pháp")) from error
    finally:
        loader.dispose()


def _build(loader: Any, node: yaml.Node, path: Path_, located: Located) -> Any:
    located.lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        out: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            key = loader.construct_object(key_node, deep=True)
            here = (*path, key)
            if key in out:
                located.duplicates.append((here, key_node.start_mark.line + 1))
            located.lines[here] = key_node.start_mark.line + 1
            out[key] = _build(loader, value_node, here, located)
        return out
    if isinstance(node, yaml.SequenceNode):
        return [_build(loader, item, (*path, k), located) for k, item in enumerate(node.value)]
    return loader.construct_object(node, deep=True)
