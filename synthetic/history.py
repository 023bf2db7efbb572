"""Dossier lives as one typed frame, and what of them is known on a given day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from synthetic.dossiers import CHANNELS, FLAGS, OFFICERS_PER_UNIT, OUTCOMES, TIMES, Columns
from synthetic.names import officer_names
from synthetic.procedures import DESKS, procedures
from synthetic.profiles import Commune
from synthetic.worktime import to_datetime64

STATUSES = (
    "received", "processing", "waiting_supplement", "waiting_payment", "finished", "returned",
    "withdrawn", "refused", "stopped",
)  # fmt: skip


def categorical(codes: Any, names: Sequence[str]) -> pd.Categorical:
    """Texts by position; -1 is missing. Raises: ValueError when a name repeats."""
    return pd.Categorical.from_codes(np.asarray(codes), pd.Index(list(names), dtype="str"))


def history_frame(parts: Sequence[Columns], communes: Sequence[Commune]) -> pd.DataFrame:
    """One typed frame of full lives. Grain: one row per dossier, by commune and time of receipt. Naive local times."""
    columns = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
    place = {commune.number: i for i, commune in enumerate(communes)}
    numbers, inverse = np.unique(columns["unit"], return_inverse=True)
    unit = np.array([place[int(number)] for number in numbers], dtype=np.int32)[inverse]
    codes = [p.code for p in procedures()]
    officers = [name for c in communes for name in officer_names(c.number, OFFICERS_PER_UNIT)]
    desks = np.array([*range(len(DESKS)), 0], dtype=np.int8)
    return pd.DataFrame(
        {
            "dossier_code": dossier_codes(columns, unit, communes),
            "unit_code": categorical(unit, [c.unit_code for c in communes]),
            "procedure_code": categorical(columns["procedure"], codes),
            "channel": categorical(columns["channel"], list(CHANNELS)),
            "outcome": categorical(columns["outcome"], list(OUTCOMES)),
            "officer": categorical(unit * OFFICERS_PER_UNIT + columns["officer_slot"], officers),
            "department": categorical(desks[columns["officer_slot"]], list(DESKS)),
            "applicant": columns["applicant"],
            "fee_amount": columns["fee_amount"],
        }
        | {name: columns[name] for name in FLAGS}
        | {name: to_datetime64(columns[name], columns[name] < 0) for name in TIMES}
    )


def dossier_codes(columns: Columns, unit: np.ndarray, communes: Sequence[Commune]) -> pd.Series:
    """`{prefix}-{yyMMdd}-{NNNN}`; the counter starts anew every day in every unit."""
    day = columns["received_at"] // 86_400
    first = int(day.min()) if len(day) else 0
    span = int(day.max()) - first + 1 if len(day) else 1
    texts = [(dt.date(1970, 1, 1) + dt.timedelta(days=first + i)).strftime("-%y%m%d-") for i in range(span)]
    top = int(columns["day_counter"].max()) if len(day) else 1
    counters = pa.array([f"{i:04d}" for i in range(top + 1)], pa.large_string())
    pieces = (
        pa.array([c.prefix for c in communes], pa.large_string()).take(pa.array(unit)),
        pa.array(texts, pa.large_string()).take(pa.array(day - first)),
        counters.take(pa.array(columns["day_counter"])),
    )
    joined = pc.binary_join_element_wise(*pieces, pa.scalar("", pa.large_string()))
    return pd.Series(pd.array(joined, dtype="str"))


def observe(history: pd.DataFrame, at: dt.datetime) -> pd.DataFrame:
    """What the systems know at a local moment: the canonical `dossiers` columns (and `applicant`, a name number).

    Grain: one row per dossier received by then. Units: naive local times to the second; fee in VND; flags are
    nullable booleans. What lies after the moment is not there yet.
    """
    now = np.datetime64(at, "s")
    seen = history[(history["received_at"] <= now).to_numpy()] if len(history) else history
    known = {name: _until(seen[name], now) for name in TIMES}
    done = ~np.isnat(known["finished_at"])
    first, second = ~np.isnat(known["supplement_at"]), ~np.isnat(known["second_supplement_at"])
    waiting = ~done & ((first & np.isnat(known["answered_at"])) | (second & np.isnat(known["second_answered_at"])))
    moved = ~waiting & ~np.isnat(known["answered_at"])
    outcome = seen["outcome"].cat.codes.to_numpy()
    returned = done & ~np.isnat(known["returned_at"])
    fresh = known["received_at"] > now - np.timedelta64(4, "h")
    fee = seen["fee_amount"].to_numpy()
    paying = (fee > 0) & (seen["paid_online"].to_numpy() == 0) & (seen["applicant"].to_numpy() % 5 == 0)
    status = np.select(
        [
            done & (outcome == 1),
            done & (outcome == 2),
            done & (outcome == 3),
            returned,
            done,
            waiting,
            fresh,
            paying,
        ],
        [6, 7, 8, 5, 4, 2, 0, 3],
        1,
    )
    codes = seen["procedure_code"].cat.codes.to_numpy()
    listed = procedures()
    fields = list(dict.fromkeys(p.field for p in listed))
    field = np.array([*(fields.index(p.field) for p in listed), -1], dtype=np.int8)[codes]
    flags = {name: _boolean(seen[name].to_numpy()) for name in FLAGS}
    for name in ("result_digitised", "result_electronic"):
        flags[name] = _boolean(np.where(done, seen[name].to_numpy(), 0))
    return pd.DataFrame(
        {
            "dossier_code": seen["dossier_code"].array,
            "procedure_code": seen["procedure_code"].array,
            "procedure_name": categorical(codes, [p.name for p in listed]),
            "field_name": categorical(field, fields),
            "unit_code": seen["unit_code"].array,
            "channel": seen["channel"].array,
            "submitted_at": known["submitted_at"],
            "received_at": known["received_at"],
            "due_at": np.where(moved, seen["due_at"].to_numpy(), seen["first_due_at"].to_numpy()),
            "internal_due_at": seen["internal_due_at"].to_numpy(),
            "finished_at": known["finished_at"],
            "returned_at": known["returned_at"],
            "status": categorical(status, list(STATUSES)),
            "officer": seen["officer"].array,
            "department": seen["department"].array,
            "supplement_count": first.astype(np.int8) + second.astype(np.int8),
            "supplement_requested_at": np.where(second, known["second_supplement_at"], known["supplement_at"]),
            "fee_amount": pd.arrays.IntegerArray(fee.astype(np.int64), fee < 0),
            **flags,
            "withdrawn": done & (outcome == 1),
            "applicant": seen["applicant"].to_numpy(),
        }
    )


def _until(values: pd.Series, now: np.datetime64) -> np.ndarray:
    """The times that have come; later ones are NaT."""
    times = values.to_numpy()
    return np.where(times <= now, times, np.datetime64("NaT", "s"))


def _boolean(codes: np.ndarray) -> pd.arrays.BooleanArray:
    """Nullable booleans of 1, 0 and -1 (unknown)."""
    return pd.arrays.BooleanArray(codes == 1, codes < 0)
