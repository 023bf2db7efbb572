"""Twenty believable commune procedures. Codes are invented in the official style `d.dddddd` (the 9xxxxx range is not used)."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import pandas as pd

DESKS = (
    "Tư pháp - Hộ tịch",
    "Địa chính - Xây dựng",
    "Lao động - Thương binh và Xã hội",
    "Văn hóa - Xã hội",
    "Văn phòng - Thống kê",
)


@dataclass(frozen=True)
class Procedure:
    """One administrative procedure of the invented list.

    Units: max_working_days working days (0 = same day) · fee VND · share /1 of all dossiers · hard: addition to
    the logit of being late · online: how readily it is filed online (factor; 0 = not offered) · desk: place in DESKS.
    """

    code: str
    name: str
    field: str
    desk: int
    max_working_days: int
    fee: int
    share: float
    online: float
    hard: float


@lru_cache(maxsize=1)
def procedures() -> tuple[Procedure, ...]:
    """The invented list, in the order of `procedures.csv`."""
    path = Path(__file__).with_name("procedures.csv")
    with path.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter=";"))
    return tuple(
        Procedure(
            code=row["code"],
            name=row["name"],
            field=row["field"],
            desk=int(row["desk"]),
            max_working_days=int(row["max_working_days"]),
            fee=int(row["fee_vnd"]),
            share=float(row["share"]),
            online=float(row["online"]),
            hard=float(row["hard"]),
        )
        for row in rows
    )


def procedures_frame() -> pd.DataFrame:
    """The register of procedures. Grain: one row per procedure. Units: max_working_days in working days."""
    listed = procedures()
    return pd.DataFrame(
        {
            "procedure_code": [p.code for p in listed],
            "procedure_name": [p.name for p in listed],
            "field_name": [p.field for p in listed],
            "max_working_days": [p.max_working_days for p in listed],
        }
    )
