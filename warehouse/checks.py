"""Checks in SQL: the warehouse against itself (must return no row), and one source's facts against another's.

`sql/checks/*.sql`: integrity. Each query returns what is wrong; no row means that all is well.
`sql/checks/cross/*.sql`: comparisons across files. They return figures side by side; what is worth a word is decided by
the thresholds in `cross_checks.yaml`. They never stop a load.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from warehouse import marts
from warehouse.database import SQL, Transaction, sql_text

FACT_TABLES: Final = (
    "dossiers", "survey_forms", "officer_reviews", "tasks", "initiatives", "declarations", "monthly_reports",
    "published_results", "procedures",
)  # fmt: skip
THRESHOLDS: Final = Path(__file__).with_name("cross_checks.yaml")
SHOWN_ROWS: Final = 20
#: A million dossiers are held against each other in memory, not on disk.
WORK_MEMORY: Final = "96MB"
_FOREVER: Final = {"as_of": "infinity"}


def integrity_checks() -> list[str]:
    """Return the names of the checks of the warehouse against itself."""
    return sorted(path.stem for path in (SQL / "checks").glob("*.sql"))


def run(tx: Transaction, only: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Run the checks that must return no row; returns what they returned anyway: [] means that all is well.

    Grain: broken check (× facts table). Columns: check, meaning, table (or None), count, rows (the first SHOWN_ROWS).
    """
    broken = []
    for name in only or integrity_checks():
        text = sql_text(f"checks/{name}.sql")
        for table in FACT_TABLES if "{facts}" in text else (None,):
            if name == "unknown_units" and table == "procedures":
                continue
            rows = tx.rows(_statement(tx, text, table), _FOREVER)
            if rows:
                broken.append(
                    {"check": name, "meaning": meaning(text), "table": table, "count": len(rows), "rows": rows[:SHOWN_ROWS]}
                )
    return broken


def meaning(text: str) -> str:
    """Return the sentence of a check's header that says what a row means."""
    first = text.split("\n", 1)[0].removeprefix("-- Meaning: ")
    return first.split(" Grain:")[0]


def _statement(tx: Transaction, text: str, table: str | None) -> str:
    if "{recount}" in text:
        current = "select * from dossiers_facts where known_to = 'infinity'"
        return text.replace("{recount}", marts.body(current, "d.finished_at is not null"))
    return text.replace("{facts}", f"{table}_facts")


@lru_cache(maxsize=1)
def thresholds() -> Mapping[str, Any]:
    """Return what is worth a word, check by check (`cross_checks.yaml`)."""
    import yaml

    loaded: dict[str, Any] = yaml.safe_load(THRESHOLDS.read_text(encoding="utf-8"))
    return loaded


def lay_out_months(tx: Transaction, counts: Any) -> None:
    """Put the monthly counts (a frame of `marts.dossier_counts`) into the temporary table month_counts for the checks."""
    columns = ("dossiers", "online", "channel_unknown", "ii06_late", "opencps_late")
    tx.execute("drop table if exists month_counts")
    tx.execute(
        "create temporary table month_counts (part text, unit_code text, month date, "
        + ", ".join(f"{name} bigint" for name in columns)
        + ") on commit drop"
    )
    flows = counts[counts["part"] != "open"]
    rows = [
        {"part": row["part"], "unit_code": row["unit_code"], "month": str(row["month"])[:10]} | {n: int(row[n]) for n in columns}
        for row in flows[["part", "unit_code", "month", *columns]].to_dict("records")
    ]
    tx.execute(
        "insert into month_counts select * from jsonb_populate_recordset(null::month_counts, %(rows)s::jsonb)",
        {"rows": json.dumps(rows)},
    )
    tx.execute("analyze month_counts")


def cross(tx: Transaction, name: str, *, as_of: datetime, last_day: date) -> list[dict[str, Any]]:
    """Return the rows of one check across files. last_day: the last whole day that has happened (in Việt Nam)."""
    given = {key: value for key, value in thresholds()[name].items() if not isinstance(value, dict)}
    before = tx.scalar("select current_setting('work_mem')")
    tx.execute("select set_config('work_mem', %(memory)s, true)", {"memory": WORK_MEMORY})
    rows = tx.rows(sql_text(f"checks/cross/{name}.sql"), {"as_of": as_of, "last_day": last_day, **given})
    tx.execute("select set_config('work_mem', %(memory)s, true)", {"memory": before})
    return rows


@dataclass(frozen=True)
class Finding:
    """One thing that does not fit across files. unit_code None: all units. subject: what it is about, stable over nights."""

    check: str
    severity: str
    unit_code: str | None
    subject: str
    detail: dict[str, Any]


def keep_findings(tx: Transaction, findings: Sequence[Finding], checked: Sequence[str], now: datetime) -> int:
    """Write what was found: new findings open, known ones are seen again, those not found any more are cleared.

    checked: the checks that ran; findings of other checks stay as they are. Returns how many were cleared.
    """
    tx.lock("findings")
    rows = [
        {"check_name": f.check, "severity": f.severity, "unit_code": f.unit_code, "subject": f.subject, "detail": f.detail}
        for f in findings
    ]
    given = {"rows": json.dumps(rows, ensure_ascii=False, default=str), "checked": list(checked), "now": now}
    cleared = tx.execute(
        """
        update quality_findings as q
        set cleared_at = %(now)s
        where
            q.cleared_at is null and q.check_name = any(%(checked)s)
            and not exists (
                select 1
                from jsonb_to_recordset(%(rows)s::jsonb) as f (check_name text, unit_code text, subject text)
                where
                    f.check_name = q.check_name and f.subject = q.subject
                    and f.unit_code is not distinct from q.unit_code
            )
        """,
        given,
    )
    tx.execute(
        """
        insert into quality_findings as q
            (check_name, severity, unit_code, subject, detail, first_seen_at, last_seen_at)
        select f.check_name, f.severity, f.unit_code, f.subject, f.detail, %(now)s, %(now)s
        from jsonb_to_recordset(%(rows)s::jsonb)
            as f (check_name text, severity text, unit_code text, subject text, detail jsonb)
        on conflict (check_name, coalesce(unit_code, ''), subject) where cleared_at is null do update set
            severity = excluded.severity, detail = excluded.detail, last_seen_at = excluded.last_seen_at
        """,
        given,
    )
    return cleared


def open_findings(tx: Transaction) -> list[dict[str, Any]]:
    """Return the findings not cleared yet, oldest first."""
    return tx.rows("select * from quality_findings where cleared_at is null order by first_seen_at, finding_id")
