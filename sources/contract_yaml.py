"""YAML with line numbers: a mapping that knows where each key stands, and errors that say so in Vietnamese."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import Any, Final

import yaml

MAX_BYTES: Final = 256 * 1024
MAX_DEPTH: Final = 12


class ContractError(ValueError):
    """A contract file is unusable. The text names file:line, the key and the remedy."""


class Mapping(dict[Any, Any]):
    """A YAML mapping with the file and the line of each key."""

    def __init__(self, path: Path, line: int) -> None:
        super().__init__()
        self.path, self.line, self.lines = path, line, dict[Any, int]()

    def error(self, key: Any, text: str) -> ContractError:
        """Return an error at the line of `key` (or of the mapping)."""
        return ContractError(f"{self.path.name}:{self.lines.get(key, self.line)}: {text}.")

    def only(self, allowed: tuple[str, ...]) -> None:
        """Raise ContractError when a key is not in `allowed`."""
        for key in self:
            if key not in allowed:
                raise self.error(key, f"không hiểu mục «{key}»; chỉ dùng: {', '.join(allowed)}")

    def boolean(self, key: str) -> bool:
        """Return a true/false key, False when absent."""
        value = self.get(key, False)
        if not isinstance(value, bool):
            raise self.error(key, f"«{key}» chỉ nhận true hoặc false")
        return value

    def child(self, items: dict[str, Any]) -> Mapping:
        """Return a mapping made of `items` that reports this mapping's line."""
        made = Mapping(self.path, self.line)
        made.update(items)
        return made


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """SafeLoader that leaves dates as text: `2023-03` in a contract is a text, not a day."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in pairs if tag != "tag:yaml.org,2002:timestamp"]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _build(node: yaml.Node, path: Path, loader: _Loader, seen: set[int], depth: int = 0) -> Any:
    """Turn a node into plain values, mappings into `Mapping`. `seen`: nodes met before, which only an alias repeats."""
    line = node.start_mark.line + 1
    if id(node) in seen:
        raise ContractError(f"{path.name}:{line}: không dùng *bí danh* trong hợp đồng.")
    seen.add(id(node))
    if not isinstance(node, yaml.ScalarNode) and node.tag not in ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"):
        raise ContractError(f"{path.name}:{line}: không dùng nhãn YAML «{node.tag[:40]}» trong hợp đồng.")
    if depth > MAX_DEPTH:
        raise ContractError(f"{path.name}:{line}: lồng quá sâu; một hợp đồng chỉ có vài tầng.")
    if isinstance(node, yaml.MappingNode):
        made = Mapping(path, line)
        for key_node, value_node in node.value:
            key = _build(key_node, path, loader, seen, depth + 1)
            if not isinstance(key, Hashable):
                raise ContractError(f"{path.name}:{key_node.start_mark.line + 1}: tên mục phải là chữ.")
            if key in made:
                raise ContractError(f"{path.name}:{key_node.start_mark.line + 1}: mục «{key}» bị lặp; giữ lại một.")
            made.lines[key] = key_node.start_mark.line + 1
            made[key] = _build(value_node, path, loader, seen, depth + 1)
        return made
    if isinstance(node, yaml.SequenceNode):
        return [_build(item, path, loader, seen, depth + 1) for item in node.value]
    return loader.construct_object(node)  # type: ignore[no-untyped-call]


def _refuse_depth(text: str, path: Path) -> None:
    """Refuse bracket towers before the parser, which is recursive, meets them."""
    depth = 0
    for number, line in enumerate(text.split("\n"), 1):
        depth = max(0, depth + sum(map(line.count, "[{")) - sum(map(line.count, "]}")))
        if depth > 50 or line.count("[") + line.count("{") > 500:
            raise ContractError(f"{path.name}:{number}: lồng quá sâu; một hợp đồng chỉ có vài tầng.")


def read_mapping(path: Path) -> tuple[str, Mapping]:
    """Return the text and the top mapping of a YAML file.

    Raises: ContractError when it cannot be read, is too large, uses anchors or is not a mapping.
    """
    try:
        data = path.read_bytes()
    except OSError as exc:
        raise ContractError(f"{path.name}: không mở được hợp đồng ({exc.strerror}); kiểm tra đường dẫn.") from None
    if len(data) > MAX_BYTES:
        raise ContractError(f"{path.name}: tệp quá lớn ({len(data)} byte); một hợp đồng chỉ vài trang.")
    try:
        text = data.decode("utf-8-sig")
        _refuse_depth(text, path)
        loader = _Loader(text)
        node = loader.get_single_node()
        top = _build(node, path, loader, set()) if node is not None else None
    except UnicodeDecodeError:
        raise ContractError(f"{path.name}: không phải UTF-8; lưu lại tệp dưới dạng UTF-8.") from None
    except yaml.MarkedYAMLError as exc:
        line = exc.problem_mark.line + 1 if exc.problem_mark else 1
        raise ContractError(f"{path.name}:{line}: sai cú pháp YAML ({exc.problem}); kiểm tra dấu cách và ngoặc.") from None
    except (yaml.YAMLError, ValueError, RecursionError) as exc:
        if isinstance(exc, ContractError):
            raise
        raise ContractError(f"{path.name}: không đọc được YAML; kiểm tra lại cả tệp.") from None
    if not isinstance(top, Mapping):
        raise ContractError(f"{path.name}:1: hợp đồng phải là các dòng «mục: giá trị».")
    return text, top
