"""What a night leaves for people: the score as JSON and as a table for Excel, and where communes stand on their commitments.

Tables have a semicolon and a decimal comma, as Vietnamese Excel reads them. No text of theirs can become a formula.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final

from flows.steps.home import Home

_CONTROL: Final = r"[\x00-\x1f]+"
_SCORES: Final = (
    "Mã xã", "Tên xã", "Hạng", "Xếp loại", "Tiêu chí", "Nội dung", "Tình trạng", "Điểm", "Điểm tối đa", "Mất", "Lý do", "Căn cứ",
)  # fmt: skip
_COMMITMENTS: Final = (
    "Mã xã", "Tên xã", "Thông báo", "Khoản", "Cam kết", "Tình trạng", "Hiện tại", "Ngưỡng", "Ngưỡng có văn bản", "Còn lại", "Hạn",
    "Phụ trách",
)  # fmt: skip


def write_reports(home: Home, document: dict[str, Any], registers: Sequence[dict[str, Any]] = ()) -> dict[str, str]:
    """Write the score, and the registers of commitments (see `commitments_json`); returns label → path."""
    home.reports.mkdir(parents=True, exist_ok=True)
    stem = f"diem-{document['year']}"
    whole, table = home.reports / f"{stem}.json", home.reports / f"{stem}.csv"
    _replace(whole, json.dumps(document, ensure_ascii=False, indent=1).encode())
    _replace(table, _csv(_SCORES, _score_rows(document)))
    written = {"Điểm (JSON)": str(whole), "Điểm (bảng cho Excel)": str(table)}
    if registers:
        promised = home.reports / f"cam-ket-{document['year']}.csv"
        _replace(promised, _csv(_COMMITMENTS, _commitment_rows(registers)))
        written["Cam kết (bảng cho Excel)"] = str(promised)
    docs = home.reports / "data_docs" / "index.html"
    return written | ({"Chất lượng tệp": str(docs)} if docs.exists() else {})


def _score_rows(document: dict[str, Any]) -> Iterable[list[Any]]:
    from messages import STATUS_LABELS

    for commune in document["communes"]:
        for line in commune["criteria"]:
            yield [
                commune["commune"], commune["name"], commune["rank"], commune["grade"], line["code"], line["label"],
                STATUS_LABELS[line["status"]], *(_decimal(line[name]) for name in ("points", "max_points", "lost")),
                line["reason"], line["clause"],
            ]  # fmt: skip


def _commitment_rows(registers: Sequence[dict[str, Any]]) -> Iterable[list[Any]]:
    from messages import STATE_LABELS, fmt

    for register in registers:
        for row in register["commitments"]:
            yield [
                register["commune"], register["name"], register["citation"], row["paragraph"], row["label"],
                STATE_LABELS[row["state"]], row["value_text"].replace(f"{fmt.NBSP}%", "%"), row["threshold_text"],
                "có" if row["threshold_known"] else "giả định", row["gap_text"], fmt.day(date.fromisoformat(row["deadline"])),
                row["owner"],
            ]  # fmt: skip


def _csv(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=";").writerows([header, *([_cell(value) for value in row] for row in rows)])
    return out.getvalue().encode("utf-8-sig")


def _cell(value: Any) -> Any:
    """Return a cell that Excel takes as it is: a text that it would compute gets an apostrophe in front."""
    if isinstance(value, _Number):
        return value
    if isinstance(value, str) and value.lstrip().startswith(("=", "+", "-", "@", "＝", "＋", "－", "＠")):
        return f"'{re.sub(_CONTROL, ' ', value)}"
    return re.sub(_CONTROL, " ", value) if isinstance(value, str) else value


def _decimal(value: float | None) -> Any:
    """Return a number with the decimal comma that Vietnamese Excel expects."""
    return None if value is None else _Number(f"{value:.2f}".replace(".", ","))


class _Number(str):
    """A number already written: −0,50 is no formula."""


def _replace(path: Path, content: bytes) -> None:
    temporary = path.with_suffix(f".{os.getpid()}.part")
    temporary.write_bytes(content)
    temporary.replace(path)
