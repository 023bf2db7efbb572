"""`cchc demo`: an invented district year through the whole chain, and where the commune of the notice stands."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import criteria
from flows.steps.commitments import commitments_json
from flows.steps.explain import explain
from flows.steps.files import FileResult, Request, candidates
from flows.steps.home import ZONE, Home, now
from flows.steps.ingest import gate_of, ingest_files
from flows.steps.measure import Question, question
from flows.steps.rules import overdue_definition, rules_of, set_names
from flows.steps.runs import hold_inputs, publish
from flows.steps.score import score_json, score_question

if TYPE_CHECKING:
    from sources.units import Unit
    from warehouse.database import Transaction

COMMUNE = "22492"
#: Years before the demo's that are loaded as well, so that a forecast has something to learn from and to be judged by.
PAST_YEARS = 3
FIRST_YEAR = 2015  # the invented district begins here
#: Ends of months at which the exports of the year before came, and from which the forecast is tried on it. Those of the years
#: before that one, which only teach, came together at their end.
DELIVERIES = (3, 6, 9, 11, 12)
ORIGINS = "3,6,9,11"
#: The day of the demo year on which the forecast is shown, last, and a day before it whose forecast is remembered.
FORECAST_ON = ((6, 30), (9, 30))
Advance = Callable[[str, int, int], None]


def demo(home: Home, seed: int, year: int, advance: Advance) -> dict[str, Any]:
    """Build the district into the inbox, load it as it would have arrived, score it, explain the commune's lost points."""
    past = [earlier for earlier in range(year - PAST_YEARS, year) if earlier >= FIRST_YEAR]
    before = _build_past(home, seed, past, advance)
    files = _load(home, before + _build(home, seed, year, advance), advance)[len(before) :]
    advance("chấm điểm", 0, 1)
    asked = question(year, as_of=datetime(year, 12, 31, 23, 59, 59, tzinfo=ZONE))
    with home.database.begin() as tx:
        from flows.steps.checks import cross_checks

        hold_inputs(tx)
        scored = score_question(home, tx, asked)
        commune = home.commune(COMMUNE, asked.last_day)
        document = score_json(scored)
        run = publish(home, tx, scored, document, origin="demo")
        found = cross_checks(home, tx, asked.as_of)
        others = _other_sets(home, tx, asked, commune)
    from flows.steps.reports import write_reports

    predicted, drawn = _forecast(home, year, past, advance)
    promised = commitments_json(home, asked, scored=scored)["notices"]

    written = {"Tệp xuất giả lập": str(home.inbox), "Sự thật để đối chiếu": str(home.root / f"truth-{year}-{seed}.json")}
    return {
        "seed": seed,
        "year": year,
        "score": document,
        "explain": explain(home, asked, COMMUNE),
        "targets": [row for register in promised if register["unit_id"] == commune.unit_id for row in register["commitments"]],
        "other_sets": others,
        "forecast": predicted,
        "quality": _quality(files),
        "rejected": [file.to_json() for file in files if file.status == "rejected"],
        "files": len(files),
        "findings": found,
        "run": run,
        "written": written | write_reports(home, document, promised) | drawn,
    }


def _forecast(home: Home, year: int, past: list[int], advance: Advance) -> tuple[dict[str, Any], dict[str, str]]:
    """Try the forecast on the years behind, then forecast the demo year from some of its days. Returns the last one, drawn."""
    from flows.steps.backtest import backtest, plan_of
    from flows.steps.forecast import DRAWS, SEED
    from flows.steps.forecast_document import forecast_and_store
    from flows.steps.pictures import draw_pictures
    from flows.steps.reports import write_forecast

    if past[1:] and past[-1] < now().astimezone(ZONE).year:  # with a year behind it to learn from
        backtest(home, plan_of(home, past[-1:], ORIGINS, draws=1000), advance)
    document: dict[str, Any] = {}
    for month, day in FORECAST_ON:
        asked = question(year, as_of=datetime(year, month, day, 23, 59, 59, tzinfo=ZONE))
        document = forecast_and_store(home, asked, draws=DRAWS, seed=SEED, origin="demo", advance=advance)
    advance("vẽ biểu đồ", 0, 1)
    return document, write_forecast(home, document) | draw_pictures(home, document, [COMMUNE])


def _other_sets(home: Home, tx: Transaction, asked: Question, commune: Unit) -> list[dict[str, Any]]:
    """Return where the commune, or its officials in the last month, stand under each of the other criteria sets."""
    rows = []
    for name in set_names(home):
        rules = rules_of(home, name)
        if name == criteria.DEFAULT_SET:
            continue
        month = asked.last_day.month if rules.subject == "official" else None
        definition = overdue_definition(home, name, None)
        scored = score_question(home, tx, question(asked.year, month=month, as_of=asked.as_of, definition=definition), name)
        document = score_json(scored)
        mine = [row for row in document["communes"] if row["unit_id"] == commune.unit_id]
        grades = Counter(row["grade"] for row in mine)
        listed = [grade for grade in [*scored.rules.bands.grades, None] if grades[grade]]
        rows.append(
            {
                "criteria_set": name, "label": rules.label, "subject": rules.subject, "month": month,
                "grading_scale": rules.grading_scale, "provenance": rules.provenance, "scored": len(mine),
                "index": mine[0]["grading_index"] if len(mine) == 1 and rules.subject == "commune" else None,
                "max_scored": mine[0]["max_scored"] if rules.subject == "commune" and mine else None,
                "max_total": mine[0]["max_total"] if mine else None,
                "rank": mine[0]["rank"] if rules.subject == "commune" and mine else None,
                "peers": mine[0]["peers"] if rules.subject == "commune" and mine else None,
                "grades": [{"grade": grade, "count": grades[grade]} for grade in listed],
            }
        )  # fmt: skip
    return rows


def _build(home: Home, seed: int, year: int, advance: Advance) -> Any:
    """Write the invented exports into the inbox (the same bytes for the same seed)."""
    from synthetic.world import generate_district
    from synthetic.writers import write_demo

    advance("dựng huyện giả lập", 0, 1)
    exports = write_demo(generate_district([year], seed), home.work / "demo")
    folder = home.inbox / f"demo-{year}-{seed}"
    folder.mkdir(parents=True, exist_ok=True)
    moved = []
    for export, path in zip(exports.exports, exports.paths, strict=True):
        target = folder / path.name
        shutil.copy2(path, target)
        moved.append((target, datetime.fromisoformat(export.exported_at)))
    shutil.copy2(home.work / "demo" / "truth.json", home.root / f"truth-{year}-{seed}.json")
    shutil.rmtree(home.work / "demo")
    return moved


def _build_past(home: Home, seed: int, years: list[int], advance: Advance) -> list[tuple[Path, datetime]]:
    """Write the exports of earlier years into the inbox as they would have come, without faults and with nothing left open."""
    from synthetic.months import closed_before, month_files
    from synthetic.world import generate_district

    if not years:
        return []
    advance("dựng các năm trước", 0, 1)
    folder = home.inbox / f"demo-{years[0]}-{years[-1]}-{seed}"
    folder.mkdir(parents=True, exist_ok=True)
    world = closed_before(generate_district(years, seed), datetime(years[-1] + 1, 1, 1))
    months: dict[int, tuple[int, ...]] = dict.fromkeys(years, ()) | {years[-1]: DELIVERIES}
    months |= {year: DELIVERIES[-1:] for year in years[-2:-1]}
    return [(path, moment) for _, path, moment in month_files(world, folder, months=months, reports=False)]


def _load(home: Home, exports: list[tuple[Any, datetime]], advance: Advance) -> list[FileResult]:
    """Load each file as of the day it was exported."""
    contracts = candidates(home, None)
    wanted = []
    for path, exported_at in exports:
        at = exported_at if exported_at.tzinfo else exported_at.replace(tzinfo=ZONE)
        wanted.append((path, Request(contracts, received_at=at, origin="demo")))
    with gate_of(home) as gate:
        gate.start()
        return ingest_files(home, wanted, gate, advance)


def _quality(files: list[FileResult]) -> list[dict[str, Any]]:
    """Return files and rows by verdict."""
    kinds = Counter(file.verdict or ("reject" if file.status == "rejected" else file.status) for file in files)
    return [
        {
            "verdict": kind,
            "files": count,
            "rows_read": sum(
                f.rows_read for f in files if (f.verdict or ("reject" if f.status == "rejected" else f.status)) == kind
            ),
            "rows_quarantined": sum(
                f.rows_quarantined for f in files if (f.verdict or ("reject" if f.status == "rejected" else f.status)) == kind
            ),
        }
        for kind, count in sorted(kinds.items())
    ]
