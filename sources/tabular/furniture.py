"""Rows that are not rows: titles, repeated headers, numbering, sections, totals, signatures.

Nothing is dropped because it is incomplete: a row is furniture only when it is recognised as such, else it is a row and
its empty cells are reported.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from typing import Final

from sources.tabular.text import fold, fold_header

_TOTAL: Final = re.compile(
    r"(?:tổng|tổng cộng|tổng số|cộng|tổng số hồ sơ|cộng dồn|lũy kế|luỹ kế|toàn (?:xã|huyện|tỉnh|phường|thị xã|thành phố))"
    r"\s*[:.]?\s*\d*\Z"
)
_TOTAL_START: Final = re.compile(r"(?:tổng cộng|tổng số|cộng|cộng trang|cộng mục|total|grand total)\b")
_ROMAN: Final = re.compile(r"[ivxlc]{1,6}\s*[.)]?\Z")
_LETTER: Final = re.compile(r"[a-zđ]\s*[.)]?\Z")
_SECTION: Final = re.compile(r"(?:[ivxlc]{1,6}|[a-zđ]|phần\s+\S+|mục\s+\S+)\s*[.):\-]\s*\D|(?:[ivxlc]{1,6})\s+[^\W\d]{2}")
_FOOT: Final = re.compile(
    r"(?:người (?:lập|báo cáo|tổng hợp|ký|kiểm tra|phụ trách)|lập (?:biểu|bảng)|thủ trưởng"
    r"|kt\.|tm\.|tl\.|q\.|chủ tịch|phó chủ tịch|kế toán"
    r"|văn phòng|công chức (?:lập|tổng hợp)|\(?ký[ ,]|\(đã ký\)|ghi chú\s*[:.]"
    r"|nơi nhận|xác nhận của|ngày in|thời gian in|người in|nguồn\s*:"
    r"|ngày \S{1,4} tháng \S{1,4} năm|[^\d,]{2,40}, ngày \S{1,4} tháng|tổng số bản ghi|số bản ghi|trang \d+)"
)
_TITLE: Final = re.compile(
    r"(?:cộng ho[àa] xã hội|độc lập\s*-|danh sách|bảng tổng hợp|báo cáo|biểu (?:số|mẫu)|từ ngày"
    r"|ủy ban nhân dân|uỷ ban nhân dân|ubnd |sep=)"
)
_NUMBERING: Final = re.compile(r"\(?(\d{1,2}|[a-zđ]{1,2})\)?(?:\s*=.*)?\Z")


@dataclass
class Layout:
    """What furniture detection must know: header leaf texts, the key and unit columns, and the numbering column."""

    leaves: list[str]
    keys: tuple[int, ...]
    required: tuple[int, ...]
    mapped: frozenset[int]
    ordinal: int | None
    ignore: tuple[str, ...] = ()


def is_total_label(text: str) -> bool:
    """Whether a folded text is the label of a total row and nothing else."""
    return _TOTAL.match(text) is not None


class Furniture:
    """Decides row by row, in file order. Remembers that the signature block has begun."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.seen = 0
        self.footer = False

    def is_furniture(self, cells: list[str], unit_known: bool = True) -> bool:
        """Whether a row (clean texts of all its columns) is furniture. `unit_known`: its unit text names a commune."""
        lay = self.layout
        filled = [(at, text) for at, text in enumerate(cells) if text]
        if not filled:
            return True
        body = [(at, text) for at, text in filled if at != lay.ordinal]
        if not body:
            first = fold(filled[0][1])
            return filled[0][0] == lay.ordinal and (first.replace(".", "").isdigit() or len(first) <= 3 or not first[0].isdigit())
        texts = [fold(text) for _, text in body]
        distinct = list(dict.fromkeys(texts))
        if any(texts[0].startswith(word) for word in lay.ignore):
            return True
        if self._repeats_header(cells) or self._numbering(filled):
            return True
        key_filled = any(cells[at] for at in lay.keys if at < len(cells))
        complete = all(cells[at] for at in lay.required if at < len(cells))
        ordinal = fold(cells[lay.ordinal]) if lay.ordinal is not None and lay.ordinal < len(cells) else ""
        key_texts = [fold(cells[at]) for at in lay.keys if at < len(cells) and cells[at]]
        if is_total_label(ordinal) or (is_total_label(texts[0]) and (not complete or texts[0] in key_texts)):
            return True
        if not complete and _TOTAL_START.match(texts[0]) and not self._has_code(body):
            return True
        if _ROMAN.match(ordinal) and (not key_filled or not unit_known or (not complete and len(distinct) <= 2)):
            return True
        if complete and len(distinct) != 1:
            return False
        if len(distinct) <= 2 and not self._has_code(body) and (_LETTER.match(ordinal) or _SECTION.match(fold(filled[0][1]))):
            return True
        if len(distinct) <= 4 and any(_FOOT.match(text) for text in texts) and not self._has_code(body):
            self.footer = True
            return True
        if len(distinct) <= 3 and _TITLE.match(texts[0]) and not self._has_code(body):
            return True
        if self.footer and len(distinct) <= 4 and not self._has_code(body) and not any(c.isdigit() for t in texts for c in t):
            return True
        return len(distinct) == 1 and self._is_banner(body)

    def _has_code(self, body: list[tuple[int, str]]) -> bool:
        """Whether a key column holds something that looks like a code (a digit in one word)."""
        keys = set(self.layout.keys)
        return any(at in keys and " " not in text and any(c.isdigit() for c in text) for at, text in body)

    def _is_banner(self, body: list[tuple[int, str]]) -> bool:
        """Whether the only text of a row is words across the sheet: in the first columns or merged over several."""
        at, text = body[0]
        words = sum(part[:1].isalpha() for part in text.split())
        return words >= 2 and not any(c.isdigit() for c in text) and (len(body) > 1 or at <= 1 or at not in self.layout.mapped)

    def _repeats_header(self, cells: list[str]) -> bool:
        """Whether a row repeats the header texts (a page break of the printed form)."""
        pairs = [(fold_header(text), leaf) for text, leaf in zip(cells, self.layout.leaves, strict=False) if text and leaf]
        same = sum(text == leaf for text, leaf in pairs)
        return same >= 2 and same * 2 > len(pairs)

    def _numbering(self, filled: list[tuple[int, str]]) -> bool:
        """Whether a row right under the header numbers the columns: (1) (2) (3), A B 1 2, 3 = 1 + 2."""
        self.seen += 1
        if self.seen > 2 or len(filled) < 3:
            return False
        found = [_NUMBERING.match(fold(text)) for _, text in filled]
        if not all(found):
            return False
        labels = [item[1] for item in found if item]
        digits = [int(label) for label in labels if label.isdigit()]
        rising = all(b == a + 1 for a, b in itertools.pairwise(digits))
        return (
            rising and (len(digits) == len(labels) or len(labels) - len(digits) <= 3) and (not digits or digits[0] in (0, 1, 2))
        )
