"""YAML with line numbers: what the lint reads, so that every message can name file and line."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

Path_ = tuple[Any, ...]
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass
class Located:
    """Parsed content, the 1-based line of every entry by its path of keys, keys written twice, and impossible values.

    2023-02-30 looks like a date and is none: it is kept as text.
    """

    file: Path
    data: Any
    lines: dict[Path_, int] = field(default_factory=dict)
    duplicates: list[tuple[Path_, int]] = field(default_factory=list)
    impossible: list[tuple[Path_, int, str]] = field(default_factory=list)

    def line(self, *path: Any) -> int:
        """The line of an entry; of its nearest known parent when the entry itself is missing."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


class YamlProblem(ValueError):
    """A file that is not YAML. `line` is where reading stopped, `remedy` what to do about it."""

    def __init__(self, line: int, text: str, remedy: str = "Sửa cú pháp") -> None:
        super().__init__(text)
        self.line = line
        self.remedy = remedy


_ASTRAY: Final = "thụt đầu dòng không thẳng hàng, hoặc còn chữ sau ngoặc kép"
_ALIGN: Final = "Cho các mục cùng cấp thẳng cột nhau; chữ có ngoặc kép thì đặt trọn trong ngoặc"
# The parser's words → what is probably wrong, and what to do, in words of someone who has never heard of YAML.
_WORDS: Final = (
    ("mapping values are not allowed", "có dấu hai chấm trong phần chữ", "Đặt cả phần chữ trong ngoặc kép"),
    ("could not find expected ':'", "thiếu dấu hai chấm sau tên mục", "Viết tên mục, dấu hai chấm, một dấu cách, rồi giá trị"),
    ("expected <block end>", _ASTRAY, _ALIGN),
    ("did not find expected key", _ASTRAY, _ALIGN),
    ("expected '-' indicator", _ASTRAY, _ALIGN),
    ("expected ',' or", "thiếu dấu phẩy hoặc ngoặc đóng", "Đếm lại các ngoặc { } [ ] từ dòng mở ngoặc"),
    ("unexpected end of stream", "ngoặc kép mở mà không đóng", "Thêm ngoặc kép đóng"),
    ("cannot start any token", "ký tự không được đứng đầu phần chữ", "Đặt cả phần chữ trong ngoặc kép"),
    ("undefined alias", "dấu * đứng đầu phần chữ", "Đặt cả phần chữ trong ngoặc kép"),
)


def _explained(text: str, error: yaml.YAMLError) -> YamlProblem:
    """The parser's complaint in Vietnamese, at the line where the mistake most probably is."""
    mark, said = getattr(error, "problem_mark", None), str(getattr(error, "problem", None) or "")
    number = mark.line + 1 if mark else 1
    lines = text.splitlines()
    line = lines[number - 1] if number <= len(lines) else ""
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return YamlProblem(number, "dòng này thụt đầu bằng phím Tab", "Thay Tab bằng dấu cách")
    if "mapping values" in said and mark and ":" not in line[: mark.column]:
        # The first colon of its line is innocent: the line above lacks one, or the two do not stand in one column.
        what = "dòng này không khớp với dòng trên"
        return YamlProblem(number, what, "Xem dòng trên có thiếu dấu hai chấm, hoặc dòng này thụt lệch cột")
    for words, what, remedy in _WORDS:
        if words in said:
            opened = getattr(error, "context_mark", None)
            since = f" (khối bắt đầu ở dòng {opened.line + 1})" if opened and opened.line + 1 != number else ""
            return YamlProblem(number, what + since, remedy)
    return YamlProblem(number, said or "sai cú pháp")


def read(file: Path) -> Located:
    """Raises YamlProblem for broken YAML or text that is not UTF-8."""
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise YamlProblem(1, "chữ không phải UTF-8", "Lưu lại tệp với mã UTF-8") from error
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        located = Located(file, None)
        if node is not None:
            located.data = _build(loader, node, (), located)
        return located
    except yaml.YAMLError as error:
        raise _explained(text, error) from error
    finally:
        loader.dispose()


def _build(loader: Any, node: yaml.Node, path: Path_, located: Located) -> Any:
    located.lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        out: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            key = _scalar(loader, key_node, path, located)
            key = str(key) if isinstance(key, (list, dict, set)) else key
            here = (*path, key)
            if key in out:
                located.duplicates.append((here, key_node.start_mark.line + 1))
            located.lines[here] = key_node.start_mark.line + 1
            out[key] = _build(loader, value_node, here, located)
        return out
    if isinstance(node, yaml.SequenceNode):
        return [_build(loader, item, (*path, k), located) for k, item in enumerate(node.value)]
    return _scalar(loader, node, path, located)


def _scalar(loader: Any, node: yaml.Node, path: Path_, located: Located) -> Any:
    try:
        return loader.construct_object(node, deep=True)
    except (ValueError, OverflowError):
        located.impossible.append((path, node.start_mark.line + 1, str(node.value)))
        return str(node.value)
