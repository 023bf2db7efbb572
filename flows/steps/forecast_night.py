"""The forecast in the night: judged by years behind, made, stored, written out and drawn, all after the score is reported.

Whatever fails here costs the night neither score nor reports. It is told in Vietnamese to people and with its code to
scripts, and what is our own fault is tried again at the next run even when nothing new came.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from flows.steps.failpoints import reached
from flows.steps.home import Home, UserError
from flows.steps.logs import note_fault
from flows.steps.measure import Question

Advance = Callable[[str, int, int], None]
Made = TypeVar("Made")
#: Communes beyond which not every one gets its pictures (four of 0.2 s each).
ALL_DRAWN: Final = 30
#: A good grade less likely than this, or its opposite, is as good as settled.
SETTLED: Final = 0.05
#: Faults of ours: what a later run may do better although nothing new came.
INTERNAL: Final = "internal"


def foretold(
    home: Home, asked: Question, advance: Advance | None = None, *, show: bool = True
) -> tuple[dict[str, Any], dict[str, str]]:
    """Forecast the year of a night's question and write it out, unless `show` is off.

    Returns (`forecast` of the document of `cchc nightly`, label → path written):

    {id, recipe, result, as_of, horizon, draws, seed, good_grade, calibration, communes: [{commune, name, unit_id, p10, p50, p90,
    p_good, expected_rank, rank_basis}], judged, code, error}. judged: months of years behind that were tried tonight (see
    `flows.steps.scorecard`). code and error: why something is missing, else None; without a forecast id is None, and no
    commune is there. Raises: DatabaseError (there is no night without a database).
    """
    from flows.steps.scorecard import judge_some

    advance = advance or (lambda *_: None)
    advance("kiểm tra dự báo các năm trước", 0, 1)
    judged, trouble = _tried(home, "Chưa kiểm tra được dự báo các năm trước", lambda: judge_some(home, asked))
    document, why_not = _tried(home, "Chưa dự báo được", lambda: _made(home, asked, advance))
    reached("foretold")
    if document is None:
        return {"id": None, "recipe": None, "result": None, "communes": [], "judged": judged or [], **why_not}, {}
    if not show:
        return told(document) | {"judged": judged or []} | trouble, {}
    advance("vẽ biểu đồ", 0, 1)
    written, unseen = _tried(home, "Đã dự báo nhưng chưa ghi được báo cáo", lambda: shown(home, document))
    return told(document) | {"judged": judged or []} | (unseen if unseen["code"] else trouble), written or {}


def waits_again(summary: Mapping[str, Any]) -> bool:
    """Whether a fault of ours left something of a recorded night's forecast undone."""
    return (summary.get("forecast") or {}).get("code") == INTERNAL


def told(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the night says of a stored forecast."""
    stored = document["forecast"]
    return {
        "id": stored["forecast"], "recipe": stored["recipe"], "result": stored["result"],
        **{name: document[name] for name in ("as_of", "horizon", "draws", "seed", "good_grade", "calibration")},
        "communes": [
            {
                **{name: row[name] for name in ("commune", "name", "unit_id")},
                **{name: row["index"][name] for name in ("p10", "p50", "p90")},
                **{name: row[name] for name in ("p_good", "expected_rank", "rank_basis")},
            }
            for row in document["communes"]
        ],
    }  # fmt: skip


def drawn_codes(document: Mapping[str, Any]) -> list[str] | None:
    """Return the communes that get their own pictures; None: every one.

    A district's all do. Of a province only those whose good grade is still open, the most open first, as many as `ALL_DRAWN`:
    these are the pages that someone can still change.
    """
    communes = document["communes"]
    if len(communes) <= ALL_DRAWN:
        return None
    still = [row for row in communes if row["p_good"] is not None and SETTLED <= row["p_good"] <= 1 - SETTLED]
    still.sort(key=lambda row: (abs(row["p_good"] - 0.5), row["unit_id"]))
    return [row["unit_id"] for row in still[:ALL_DRAWN]]


def _made(home: Home, asked: Question, advance: Advance) -> dict[str, Any]:
    from flows.steps.forecast import DRAWS, SEED
    from flows.steps.forecast_document import forecast_and_store

    with home.database.session_lock("forecast"):  # whoever follows the night's own score finds it foretold
        return forecast_and_store(home, asked, draws=DRAWS, seed=SEED, origin="nightly", advance=advance)


def shown(home: Home, document: dict[str, Any]) -> dict[str, str]:
    """Write what people read of a stored forecast: reports and pictures. Returns label → path."""
    from flows.steps.pictures import draw_apart
    from flows.steps.reports import write_forecast

    return write_forecast(home, document) | draw_apart(home, document, drawn_codes(document), whole=True)


def _tried(home: Home, trouble: str, work: Callable[[], Made]) -> tuple[Made | None, dict[str, str | None]]:
    """Return (what a work gave, {code: None, error: None}), or None and what went wrong. Raises: DatabaseError."""
    from warehouse.errors import DatabaseError

    try:
        return work(), {"code": None, "error": None}
    except UserError as error:
        return None, {"code": error.code, "error": f"{trouble}: {error}"}
    except DatabaseError:
        raise
    except Exception as error:  # whatever it stumbled over, the score is published and people must hear of it
        return None, {"code": INTERNAL, "error": f"{trouble}: {_logged(home, error)}"}


def _logged(home: Home, error: Exception) -> str:
    """Write where a fault is to the log of errors, never the values: they may hold a cell. Returns the sentence about it."""
    kind = type(error).__name__
    try:
        place = note_fault(home.root, error)
    except OSError:
        return f"lỗi của phần mềm ({kind}), và không ghi được nhật ký ở {home.root / 'logs' / 'errors.log'}."
    return f"lỗi của phần mềm ({kind}); chi tiết ở {place}. Điểm và báo cáo điểm vẫn đủ; lần chạy sau sẽ thử lại."
