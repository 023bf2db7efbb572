"""How each canonical table looks in its export: columns, headers from the contract, texts, titles and footers."""

from __future__ import annotations

import datetime as dt
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd

from sources.canonical import DOSSIER_STATUS
from sources.contract import Contract, builtin_contracts
from synthetic.names import FAMILY, MIDDLE, STREETS, given_names, parts
from synthetic.profiles import Commune
from synthetic.sheets import Cell, Sheet

YES_NO = {True: "Có", False: "Không"}
CHANNEL_TEXT = {"direct": "Trực tiếp", "online": "Trực tuyến", "postal": "BCCI"}
STATE_TEXT = {
    "declared": "Đã kê khai",
    "evidenced": "Có minh chứng",
    "appraised": "Đã thẩm định",
    "not_applicable": "Không áp dụng",
}
ANSWER_TEXT = ("", "Rất không hài lòng", "Không hài lòng", "Bình thường", "Hài lòng", "Rất hài lòng")
MOTTO = ("CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM", "Độc lập - Tự do - Hạnh phúc")
UNIT = "unit_code"

_SHOWN: dict[str, str] = {
    "portal": "unit_code procedure_name dossier_code status address submitter applicant submitted_at received_at due_at"
    " finished_at",
    "one_stop": "dossier_code procedure_code procedure_name field_name department received_at due_at internal_due_at"
    " finished_at returned_at unit_code applicant phone officer status channel supplement_count"
    " supplement_requested_at fee_amount paid_online components_digitised result_digitised result_electronic"
    " reused_data withdrawn",
    "survey": "unit_code form_code answered_on dossier_code access procedures officials results feedback overall"
    " named_official comment",
    "officer_review": "unit_code month officer department points grade reviewed_on",
    "tasks": "task_code programme title unit_code department owner assigned_on due_on done_on status evidence",
    "initiatives": "initiative_code unit_code title owner submitted_on recognised_on decision",
    "declarations": "unit_code year criterion_code value points state evidence declared_on",
    "published_results": "unit_code year index grade rank published_on",
    "procedures": "procedure_code procedure_name field_name max_working_days",
    "monthly_report": "unit_code received_total received_online received_direct_postal carried_over resolved_total"
    " resolved_early resolved_on_time resolved_overdue open_total open_in_time open_overdue",
}


@dataclass(frozen=True)
class Quirks:
    """How messy one file is. `unit` picks the way a commune is written: label, upper, name, code, eth, nfd, nbsp."""

    unit: str = "label"
    header: str = "plain"  # plain | nfd | eth | nbsp
    dates: str = "text"  # text | cells (Excel dates) | mixed (some serials, some ISO)
    titles: bool = True
    number: bool = True  # an STT column first
    sections: bool = False
    footer: bool = True
    total: bool = False
    synonym: int = 0
    answers: str = "number"  # number | text
    comma: bool = False
    shuffle: bool = False  # columns in another order, an unknown column added


@lru_cache(maxsize=1)
def contracts() -> dict[str, Contract]:
    """The built-in contracts by name."""
    return {contract.name: contract for contract in builtin_contracts()}


def shown(name: str) -> list[str]:
    """Canonical (and personal) columns that the export of a contract has, in order."""
    return _SHOWN[name].split()


def header(name: str, column: str, synonym: int = 0) -> str:
    """The header text of a column: the contract's first one, or another of its synonyms."""
    texts = contracts()[name].headers(column)
    return texts[min(synonym, len(texts) - 1)]


def date_texts(values: pd.Series, time: bool) -> list[str]:
    """dd/MM/yyyy (HH:mm:ss) of many timestamps; nothing where there is none. Fast: no strftime."""
    stamps = values.to_numpy().astype("datetime64[s]")
    iso = np.datetime_as_string(np.where(np.isnat(stamps), np.datetime64(0, "s"), stamps), unit="s")
    letters = iso.astype("U19").view("U1").reshape(len(stamps), 19) if len(stamps) else np.empty((0, 19), "U1")
    order = [8, 9, 7, 5, 6, 4, 0, 1, 2, 3, 10, *range(11, 19)] if time else [8, 9, 7, 5, 6, 4, 0, 1, 2, 3]
    picked = np.ascontiguousarray(letters[:, order])
    if len(stamps):
        picked[:, [2, 5]] = "/"
        if time:
            picked[:, 10] = " "
    texts = picked.view(f"U{len(order)}").ravel() if len(stamps) else np.empty(0, "U1")
    return [str(text) for text in np.where(np.isnat(stamps), "", texts).tolist()]


def people(numbers: np.ndarray) -> list[str]:
    """Invented names of many name numbers."""
    first, second, third = parts(numbers)
    given = given_names()
    return [f"{FAMILY[a]} {MIDDLE[b]} {given[c]}" for a, b, c in zip(first, second, third, strict=True)]


def unit_text(commune: Commune, style: str) -> str:
    """A commune as an export may write it."""
    if style == "code":
        return commune.unit_code
    text = commune.label.removeprefix("UBND ") if style == "name" else commune.label
    if style == "upper":
        text = text.upper()
    if style == "eth":
        text = text.replace("Đ", "\u00d0")
    if style == "nbsp":
        text = text.replace(" ", "\u00a0")
    return unicodedata.normalize("NFD", text) if style == "nfd" else text


def columns_of(name: str, frame: pd.DataFrame, communes: Sequence[Commune], quirks: Quirks) -> dict[str, list[Cell]]:
    """The cells of every shown column. Needs the canonical columns of the table; personal ones come from `applicant`."""
    kinds = contracts()[name].table.columns
    labels = {commune.unit_code: unit_text(commune, quirks.unit) for commune in communes}
    cells: dict[str, list[Cell]] = {}
    for column in shown(name):
        if column == UNIT:
            cells[column] = [labels[code] for code in frame[UNIT].tolist()]
        elif column in ("applicant", "submitter"):
            cells[column] = list(people(frame["applicant"].to_numpy()))
        elif column == "phone":
            cells[column] = [f"0100{number % 1_000_000:06d}" for number in frame["applicant"].tolist()]
        elif column == "address":
            cells[column] = [STREETS[number % len(STREETS)] for number in frame["applicant"].tolist()]
        else:
            cells[column] = _cells(name, column, kinds[column], frame[column], quirks)
    return cells


def _cells(name: str, column: str, kind: str, values: pd.Series, quirks: Quirks) -> list[Cell]:
    """One column as cells: texts in the export's words, numbers as numbers, nothing for missing."""
    if column == "month" and name == "officer_review":
        return [f"{stamp.month:02d}/{stamp.year}" for stamp in values]
    if kind in ("date", "datetime"):
        texts: list[Cell] = list(date_texts(values, kind == "datetime"))
        if quirks.dates == "cells":
            moments = values.to_numpy().astype("datetime64[s]").tolist()
            return [moment if moment is not None else "" for moment in moments]
        if quirks.dates == "mixed" and kind == "datetime":
            return _mixed(texts, values)
        return texts
    missing = values.isna().to_numpy()
    raw = values.tolist()
    if kind == "boolean":
        return ["" if gone else YES_NO[bool(value)] for value, gone in zip(raw, missing, strict=True)]
    if name in ("one_stop", "portal") and column in ("status", "channel"):
        words = CHANNEL_TEXT if column == "channel" else {key: texts[1] for key, texts in DOSSIER_STATUS.items()}
        return [words[value] for value in raw]
    if name == "declarations" and column == "state":
        return [STATE_TEXT[value] for value in raw]
    if name == "survey" and kind == "integer":
        if quirks.answers == "text":
            return ["" if gone else ANSWER_TEXT[int(value)] for value, gone in zip(raw, missing, strict=True)]
        return ["" if gone else int(value) for value, gone in zip(raw, missing, strict=True)]
    if kind == "integer":
        return ["" if gone else int(value) for value, gone in zip(raw, missing, strict=True)]
    if kind == "decimal":
        numbers = ["" if gone else _plain(value) for value, gone in zip(raw, missing, strict=True)]
        return [str(n).replace(".", ",") for n in numbers] if quirks.comma else list(numbers)
    return ["" if gone else str(value) for value, gone in zip(raw, missing, strict=True)]


def _plain(value: float) -> int | float:
    """A whole number without its decimal point."""
    return int(value) if float(value).is_integer() else float(value)


def _mixed(texts: list[Cell], values: pd.Series) -> list[Cell]:
    """Every 23rd date as an Excel serial, every 17th in ISO form, the rest as text."""
    out = list(texts)
    stamps = values.to_numpy().astype("datetime64[s]")
    for place in range(0, len(out), 17):
        if out[place] != "":
            out[place] = str(stamps[place]).replace("T", " ")
    for place in range(5, len(out), 23):
        if out[place] != "":
            seconds = int((stamps[place] - np.datetime64("1899-12-30", "s")).astype(int))
            out[place] = str(seconds / 86_400)
    return out


def titles(sheet: Sheet, heading: str, width: int, span: tuple[dt.date, dt.date] | None, office: str) -> None:
    """National motto, the office, a heading and the period, each on a row of its own."""
    middle = max(width // 2, 1)
    sheet.add(office, *[None] * (middle - 1), MOTTO[0])
    sheet.add(None, *[None] * (middle - 1), MOTTO[1])
    sheet.add(heading)
    if span is not None:
        sheet.add(f"Từ ngày {span[0]:%d/%m/%Y} đến ngày {span[1]:%d/%m/%Y}")
    else:
        sheet.add(None)


def dress(text: str, style: str) -> str:
    """A header text as a careless exporter writes it."""
    if style == "nfd":
        return unicodedata.normalize("NFD", text)
    if style == "eth":
        return text.replace("Đ", "\u00d0").replace("đ", "\u00f0")
    if style == "nbsp":
        return text.replace(" ", "\u00a0", 1) + " "
    return text
