"""What a night leaves for people: score and forecast as JSON and as tables for Excel, where communes stand on their commitments,
which dossiers to save.

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
_FORECAST: Final = (
    "Mã xã", "Tên xã", "Điểm hiện nay", "Điểm cuối năm (mức giữa)", "80 %: từ", "80 %: đến", "95 %: từ", "95 %: đến",
    "Hạng dự kiến", "Hạng khả dĩ: từ", "Hạng khả dĩ: đến", "Cơ sở xếp hạng",
)  # fmt: skip
_TO_SAVE: Final = (
    "Mã xã", "Tên xã", "Mã hồ sơ", "Thủ tục", "Cán bộ", "Bộ phận", "Ngày nhận", "Hẹn trả", "Ngày làm việc còn lại",
    "Khả năng trễ (%)", "Điểm có thể mất",
)  # fmt: skip


def write_reports(home: Home, document: dict[str, Any], registers: Sequence[dict[str, Any]] = ()) -> dict[str, str]:
    """Write the score, and the registers of commitments (see `commitments_json`); returns label → path."""
    home.reports.mkdir(parents=True, exist_ok=True)
    stem = f"diem-{document['year']}"
    whole, table = home.reports / f"{stem}.json", home.reports / f"{stem}.csv"
    replace(whole, json.dumps(document, ensure_ascii=False, indent=1).encode())
    replace(table, _csv(_SCORES, _score_rows(document)))
    written = {"Điểm (JSON)": str(whole), "Điểm (bảng cho Excel)": str(table)}
    if registers:
        promised = home.reports / f"cam-ket-{document['year']}.csv"
        replace(promised, _csv(_COMMITMENTS, _commitment_rows(registers)))
        written["Cam kết (bảng cho Excel)"] = str(promised)
    docs = home.reports / "data_docs" / "index.html"
    return written | ({"Chất lượng tệp": str(docs)} if docs.exists() else {})


def write_forecast(home: Home, document: dict[str, Any]) -> dict[str, str]:
    """Write the forecast (see `flows.steps.forecast`) and the dossiers to save; returns label → path."""
    home.reports.mkdir(parents=True, exist_ok=True)
    stem = f"du-bao-{document['year']}"
    whole, table = home.reports / f"{stem}.json", home.reports / f"{stem}.csv"
    replace(whole, json.dumps(document, ensure_ascii=False, indent=1).encode())
    grades = list(dict.fromkeys(grade for row in document["communes"] for grade in row.get("grade_probability") or {}))
    header = (*_FORECAST, f"Đạt {document['good_grade']} trở lên (%)", *(f"{grade} (%)" for grade in grades))
    replace(table, _csv(header, _forecast_rows(document, grades)))
    saved = home.reports / f"can-cuu-{document['year']}.csv"
    replace(saved, _csv(_TO_SAVE, _saved_rows(document)))
    return {"Dự báo (JSON)": str(whole), "Dự báo (bảng cho Excel)": str(table), "Hồ sơ cần cứu (bảng cho Excel)": str(saved)}


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


def _forecast_rows(document: dict[str, Any], grades: Sequence[str]) -> Iterable[list[Any]]:
    from messages.forecast_words import BASIS_LABELS, rank_bounds

    for row in document["communes"]:
        index, chances = row.get("index") or {}, row.get("grade_probability") or {}
        first, last = rank_bounds(row.get("rank_probability") or []) or (None, None)
        yield [
            row["commune"], row["name"], _decimal(row["now"]["total"]),
            *(_decimal(index.get(name)) for name in ("p50", "p10", "p90", "p025", "p975")), _decimal(row.get("expected_rank")),
            first, last, BASIS_LABELS.get(row.get("rank_basis") or ""), _hundredfold(row.get("p_good")),
            *(_hundredfold(chances.get(grade)) for grade in grades),
        ]  # fmt: skip


def _saved_rows(document: dict[str, Any]) -> Iterable[list[Any]]:
    from messages import fmt

    for commune in document["communes"]:
        for row in commune.get("to_save") or []:
            received, due = (
                fmt.day(date.fromisoformat(row[name][:10])) if row[name] else None for name in ("received_on", "due_on")
            )
            yield [
                commune["commune"], commune["name"], row["dossier_code"], row.get("procedure_name") or row["procedure"],
                row["officer"], row["department"], received, due,
                None if row["days_left"] is None else int(row["days_left"]), _hundredfold(row["p_late"]),
                _decimal(row["points"], 4),
            ]  # fmt: skip


def _hundredfold(share: float | None) -> Any:
    return None if share is None else _decimal(share * 100)


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


def _decimal(value: float | None, decimals: int = 2) -> Any:
    """Return a number with the decimal comma that Vietnamese Excel expects."""
    return None if value is None else _Number(f"{value:.{decimals}f}".replace(".", ","))


class _Number(str):
    """A number already written: −0,50 is no formula."""


def replace(path: Path, content: bytes) -> None:
    """Write a file that readers see whole, old or new."""
    temporary = path.with_suffix(f".{os.getpid()}.part")
    temporary.write_bytes(content)
    temporary.replace(path)
