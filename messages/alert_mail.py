"""The HTML of a mail, made of its plain text: the same words, fit for a telephone. No pictures, nothing fetched from elsewhere."""

from __future__ import annotations

import re
from html import escape
from typing import Final

_BODY: Final = (
    "margin:0;padding:16px;background:#f4f4f2;font-family:Arial,Helvetica,sans-serif;font-size:16px;line-height:1.5;color:#1a1a1a"
)
_CARD: Final = "max-width:640px;margin:0 auto;padding:20px 24px;background:#fff;border-top:4px solid {colour}"
_COLOURS: Final = (("[Khẩn]", "#b3261e"), ("[Cảnh báo]", "#b26a00"), ("[Đã hết]", "#2e7d32"))
_PLAIN: Final = "#37474f"
_LABEL: Final = re.compile(r"^([^:.•]{2,24}): (?=\S)")
_ENTRY: Final = re.compile(r"^\[[^\]]+\] .*?\(số \d+\)")
_LINK: Final = re.compile(r"https?://[^\s<>\"]+")


def html(title: str, text: str) -> str:
    """Return the page of a message. text: paragraphs parted by an empty line, the first a heading; entries of a list after "• "."""
    colour = next((colour for mark, colour in _COLOURS if title.startswith(mark)), _PLAIN)
    head, *rest = text.split("\n\n")
    blocks = "\n".join(_block(block.split("\n")) for block in rest)
    return (
        f'<!doctype html>\n<html lang="vi"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>{escape(title)}</title></head>\n'
        f'<body style="{_BODY}"><div style="{_CARD.format(colour=colour)}">\n'
        f'<h1 style="margin:0 0 12px;font-size:19px;line-height:1.35">{_linked(head)}</h1>\n{blocks}\n</div></body></html>\n'
    )


def _block(lines: list[str]) -> str:
    entries = [line[2:] for line in lines if line.startswith("• ")]
    head = [line for line in lines if not line.startswith("• ")]
    if not entries:
        return f'<p style="margin:0 0 12px">{"<br>".join(map(_line, head))}</p>'
    title = f'<h2 style="margin:16px 0 6px;font-size:16px">{"<br>".join(map(escape, head))}</h2>' if head else ""
    listed = "".join(f'<li style="margin:0 0 6px">{_entry(entry)}</li>' for entry in entries)
    return f'{title}<ul style="margin:0 0 12px;padding-left:20px">{listed}</ul>'


def _entry(entry: str) -> str:
    """An alert in a list shows first how grave it is and what it is about."""
    found = _ENTRY.match(entry)
    return f"<strong>{escape(found[0])}</strong>{_linked(entry[found.end() :])}" if found else _linked(entry)


def _line(line: str) -> str:
    """A line that begins with a label ("Căn cứ: …") shows it."""
    found = _LABEL.match(line)
    return f"<strong>{escape(found[1])}:</strong> {_linked(line[found.end() :])}" if found else _linked(line)


def _linked(text: str) -> str:
    """Return a text with its addresses as links."""
    out, last = [], 0
    for found in _LINK.finditer(text):
        address = escape(found[0], quote=True)
        out += [escape(text[last : found.start()], quote=False), f'<a href="{address}">{address}</a>']
        last = found.end()
    return "".join([*out, escape(text[last:], quote=False)])
