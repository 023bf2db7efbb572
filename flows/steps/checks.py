"""Files held against each other: what does not fit is said, kept in the ledger and cleared when it fits again.

A finding never blocks anything and changes no figure. Thresholds: `warehouse/cross_checks.yaml`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from flows.steps.home import ZONE, Home, now

if TYPE_CHECKING:
    from datetime import date

    from warehouse.checks import Finding
    from warehouse.database import Transaction


def cross_checks(home: Home, tx: Transaction, as_of: datetime) -> list[dict[str, Any]]:
    """Compare the sources as they stood at `as_of` and keep what was found in `quality_findings`.

    Returns one entry per finding {check, label, unit, unit_code, text, severity, subject, detail}, warnings first.
    """
    from messages.quality import ALL_UNITS, CROSS_LABELS, cross_text
    from warehouse import checks, marts

    checks.lay_out_months(tx, marts.dossier_counts(tx, as_of, None, now()))
    last_day = last_whole_day(as_of)
    found: list[Finding] = []
    for name in CROSS_LABELS:
        rows = checks.cross(tx, name, as_of=as_of, last_day=last_day)
        found.extend(_JUDGES[name](home, rows, checks.thresholds()[name]))
    checks.keep_findings(tx, found, tuple(CROSS_LABELS), now())
    found.sort(key=lambda f: (f.severity != "warn", list(CROSS_LABELS).index(f.check), f.unit_code or "", f.subject))
    return [
        {
            "check": f.check, "label": CROSS_LABELS[f.check], "unit": _name(home, f.unit_code) if f.unit_code else ALL_UNITS,
            "unit_code": f.unit_code, "text": cross_text(f.check, f.detail), "severity": f.severity, "subject": f.subject,
            "detail": f.detail,
        }
        for f in found
    ]  # fmt: skip


def integrity(home: Home) -> list[dict[str, Any]]:
    """Return what is wrong with the warehouse itself (see `warehouse/sql/checks`); [] means that all is well."""
    from warehouse import checks

    with home.database.begin() as tx:
        return checks.run(tx)


def last_whole_day(as_of: datetime) -> date:
    """Return the last day that is over at an instant, in Việt Nam; its last second counts as over."""
    here = as_of.astimezone(ZONE)
    return here.date() if here.time() >= time(23, 59, 59) else here.date() - timedelta(1)


def _finding(check: str, levels: dict[str, Any], unit: str | None, subject: str, detail: dict[str, Any]) -> Finding:
    from warehouse.checks import Finding

    return Finding(check, levels["severity"], unit, subject, detail)


def _name(home: Home, unit_id: str) -> str:
    unit = home.register.by_id.get(unit_id)
    return unit.full_name if unit else unit_id


def _disagreement(home: Home, rows: list[dict[str, Any]], levels: dict[str, Any]) -> Iterator[Finding]:
    for row in rows:
        if row["dossiers"] < max(levels["min_dossiers"], 1):
            continue
        detail = {
            "column": row["column_name"], "first_source": row["first_source"], "second_source": row["second_source"],
            "dossiers": row["dossiers"], "compared": row["compared"], "codes": row["codes"],
        }  # fmt: skip
        subject = f"{row['first_source']}/{row['second_source']} {row['column_name']}"
        yield _finding("source_disagreement", levels, row["unit_code"], subject, detail)


def _monthly_report(home: Home, rows: list[dict[str, Any]], levels: dict[str, Any]) -> Iterator[Finding]:
    for row in rows:
        allowed = max(levels["tolerance_dossiers"], levels["tolerance_share"] * row["reported"])
        if abs(row["difference"]) > allowed:
            detail = {
                "month": row["month"].isoformat(), "figure": row["figure"], "reported": row["reported"],
                "counted": row["counted"], "difference": row["difference"],
            }  # fmt: skip
            yield _finding("monthly_report", levels, row["unit_code"], f"{row['figure']} {row['month']:%Y-%m}", detail)


def _freshness(home: Home, rows: list[dict[str, Any]], levels: dict[str, Any]) -> Iterator[Finding]:
    """Say it once when a source is silent about every unit it used to speak of."""
    by_source: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_source.setdefault(row["source"], []).append(row)
    for source, told in by_source.items():
        limit = levels["days"].get(source, levels["default_days"])
        silent = [row for row in told if row["silent_days"] > limit]
        common = {"source": source, "limit_days": limit}
        if len(silent) == len(told) > 1:
            newest = min(silent, key=lambda row: row["silent_days"])
            yield _finding("freshness", levels, None, source, {**common, **_silence(newest), "units": len(told)})
            continue
        for row in silent:
            yield _finding("freshness", levels, row["unit_code"], source, {**common, **_silence(row), "units": 1})


def _silence(row: dict[str, Any]) -> dict[str, Any]:
    return {"last_day": row["last_day"].isoformat(), "silent_days": row["silent_days"]}


def _volume(home: Home, rows: list[dict[str, Any]], levels: dict[str, Any]) -> Iterator[Finding]:
    for row in rows:
        far = abs(row["dossiers"] - row["expected"]) > levels["share"] * max(row["expected"], 1)
        if far and abs(row["z"]) > levels["z"]:
            detail = {
                "month": row["month"].isoformat(), "dossiers": row["dossiers"], "expected": row["expected"],
                "z": round(row["z"], 1),
            }  # fmt: skip
            yield _finding("volume_outliers", levels, row["unit_code"], f"{row['month']:%Y-%m}", detail)


def _two_units(home: Home, rows: list[dict[str, Any]], levels: dict[str, Any]) -> Iterator[Finding]:
    for row in rows:
        detail = {
            "first_unit": row["first_unit"], "second_unit": row["second_unit"],
            "first_name": _name(home, row["first_unit"]), "second_name": _name(home, row["second_unit"]),
            "dossiers": row["dossiers"], "codes": row["codes"],
        }  # fmt: skip
        yield _finding("code_in_two_units", levels, row["first_unit"], row["second_unit"], detail)


_JUDGES = {
    "source_disagreement": _disagreement, "monthly_report": _monthly_report, "freshness": _freshness, "volume_outliers": _volume,
    "code_in_two_units": _two_units,
}  # fmt: skip
