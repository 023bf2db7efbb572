"""What every commune reports each month (biểu II.06a): counts only, taken from the full dossier lives."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd


def monthly_reports(history: pd.DataFrame, years: Sequence[int]) -> pd.DataFrame:
    """Counts by commune and month. Grain: unit × month. Units: dossiers.

    resolved_early: finished on an earlier day than due · resolved_on_time: by the due moment, that day (or without
    a due date) · resolved_overdue: after it · open_*: at the end of the month. `reported_on`: when the form went out.
    carried_over + received_total = resolved_total + open_total in every row.
    """
    units = history["unit_code"].cat.categories
    unit = history["unit_code"].cat.codes.to_numpy().astype(np.int64)
    start = np.datetime64(f"{years[0]}-01", "M")
    months = 12 * (years[-1] - years[0] + 1)

    def month_of(values: np.ndarray) -> np.ndarray:
        index = (values.astype("datetime64[M]") - start).astype(np.int64)
        return np.where(np.isnat(values), months, np.clip(index, 0, months))

    def table(index: np.ndarray, mask: np.ndarray | bool = True) -> np.ndarray:
        mask = np.broadcast_to(mask, index.shape)
        flat = np.bincount(unit[mask] * (months + 1) + index[mask], minlength=len(units) * (months + 1))
        return flat.reshape(len(units), months + 1)[:, :months]

    received, finished, due = (history[name].to_numpy() for name in ("received_at", "finished_at", "due_at"))
    online = history["channel"].to_numpy() == "online"
    done = ~np.isnat(finished)
    late = done & (finished > due)
    early = done & (finished.astype("datetime64[D]") < due.astype("datetime64[D]"))
    began, ended = month_of(received), month_of(finished)
    came, left = table(began), table(ended)
    still_open = np.cumsum(came - left, axis=1)
    carried = np.c_[np.zeros(len(units), dtype=int), still_open[:, :-1]]
    # overdue and open at the end of a month: past due by then, not finished by then
    slow = (late | ~done) & ~np.isnat(due)
    overdue = np.cumsum(table(month_of(due), slow) - table(ended, slow & done), axis=1)
    resolved_late, resolved_early = table(ended, late), table(ended, early)
    came_online = table(began, online)
    columns = {
        "received_total": came + carried,
        "received_online": came_online,
        "received_direct_postal": came - came_online,
        "carried_over": carried,
        "resolved_total": left,
        "resolved_early": resolved_early,
        "resolved_on_time": left - resolved_early - resolved_late,
        "resolved_overdue": resolved_late,
        "open_total": still_open,
        "open_in_time": still_open - overdue,
        "open_overdue": overdue,
    }
    stamps = start + np.arange(months)
    frame = pd.DataFrame(
        {
            "unit_code": np.repeat(np.asarray(units, dtype=object), months),
            "year": np.tile(stamps.astype("datetime64[Y]").astype(int) + 1970, len(units)),
            "month": np.tile(stamps.astype(int) % 12 + 1, len(units)),
        }
        | {name: values.ravel().astype(np.int64) for name, values in columns.items()}
    )
    # the form for a month is drawn up at its end
    frame["reported_on"] = np.tile((stamps + 1).astype("datetime64[s]") - np.timedelta64(1, "s"), len(units))
    return frame
