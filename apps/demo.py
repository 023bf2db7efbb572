"""`cchc demo`: an invented district year through the whole chain, and where the commune of the notice stands."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Any

from flows.steps.commitments import states
from flows.steps.explain import explain
from flows.steps.files import FileResult, Request, candidates
from flows.steps.home import ZONE, Home
from flows.steps.ingest import gate_of, ingest_files
from flows.steps.measure import question
from flows.steps.runs import hold_inputs, publish
from flows.steps.score import score_json, score_question

COMMUNE = "22492"
Advance = Callable[[str, int, int], None]


def demo(home: Home, seed: int, year: int, advance: Advance) -> dict[str, Any]:
    """Build the district into the inbox, load it as it would have arrived, score it, explain the commune's lost points."""
    files = _load(home, _build(home, seed, year, advance), advance)
    advance("chấm điểm", 0, 1)
    asked = question(year, as_of=datetime(year, 12, 31, 23, 59, 59, tzinfo=ZONE))
    with home.database.begin() as tx:
        from flows.steps.checks import cross_checks

        hold_inputs(tx)
        scored = score_question(home, tx, asked)
        commune = home.commune(COMMUNE, asked.last_day)
        targets = states(home, tx, asked, commune, scored=scored)
        document = score_json(scored)
        run = publish(home, tx, scored, document, origin="demo")
        found = cross_checks(home, tx, asked.as_of)
    from flows.steps.nightly import write_reports

    written = {"Tệp xuất giả lập": str(home.inbox), "Sự thật để đối chiếu": str(home.root / f"truth-{year}-{seed}.json")}
    return {
        "seed": seed,
        "year": year,
        "score": document,
        "explain": explain(home, asked, COMMUNE),
        "targets": targets,
        "quality": _quality(files),
        "rejected": [file.to_json() for file in files if file.status == "rejected"],
        "files": len(files),
        "findings": found,
        "run": run,
        "written": written | write_reports(home, document),
    }


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
