"""Counts of dossiers: one SQL body (`sql/marts/dossier_counts.sql`) for every question.

* as the facts were known at a moment, for any instant: counted from all facts (`counted_from_facts`);
* as known now: finished dossiers from the monthly counts that follow the facts by difference, open ones from the facts.
Both give the same figures; `sql/checks/settled_counts.sql` and the tests hold them against each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from warehouse.database import Transaction, sql_text

COUNTERS: Final = (
    "dossiers", "online", "postal", "channel_unknown", "fee_due", "fee_unknown", "fee_paid_online", "fee_paid_unknown",
    "components_known", "components_digitised", "result_known", "result_digitised", "supplement_known",
    "supplement_repeated", "due_known", "past_due", "qd766_counted", "qd766_late", "provincial_766_counted",
    "provincial_766_late", "ii06_counted", "ii06_late", "opencps_counted", "opencps_late", "online_electronic",
    "online_result_unknown", "electronic_known", "electronic", "reused_known", "reused", "early", "in_time",
    "internal_known", "internal_early", "internal_in_time", "supplement_none",
)  # fmt: skip
_SUMS: Final = ",\n    ".join(f"sum(c.{name})::bigint as {name}" for name in COUNTERS)
_NAMES: Final = ", ".join(COUNTERS)
MART: Final = "dossier_month_counts"
#: An official's name as it counts: NFC, without white space around it; null when there is none.
OFFICER_NAME: Final = "nullif(btrim(normalize(j.officer)), '')"
#: Whose dossiers are counted together.
UNIT: Final = "j.unit_code"
OFFICIAL: Final = f"j.unit_code || '|' || {OFFICER_NAME}"
#: Beyond this share of changed dossiers a recount is cheaper than the difference.
REBUILD_SHARE: Final = 0.1
_CURRENT: Final = "select * from dossiers_facts where known_to = 'infinity'"
_KNOWN: Final = "select * from dossiers_facts where known_from <= %(known_at)s and known_to > %(known_at)s"
_OPEN: Final = """
    select f.* from dossiers_facts as f
    where f.known_to = 'infinity' and f.key_hash in (
        select o.key_hash from dossiers_facts as o where o.finished_at is null and o.known_to = 'infinity'
    )
"""
_OPEN_ALONE: Final = "select * from dossiers_facts where finished_at is null and known_to = 'infinity'"
_TOUCHED_KEYS: Final = """
    select n.key_hash from dossiers_facts as n where n.added_by > %(applied)s
    union
    select n.key_hash from dossiers_facts as n where n.closed_by > %(applied)s
"""
_TOUCHED: Final = f"select f.* from dossiers_facts as f where f.key_hash in ({_TOUCHED_KEYS})"
_AFTER: Final = _TOUCHED + " and f.known_to = 'infinity'"
_BEFORE: Final = _TOUCHED + " and f.added_by <= %(applied)s and (f.known_to = 'infinity' or f.closed_by > %(applied)s)"


def versions(known_at: datetime | None) -> str:
    """Return the query of the versions in force: those of now, or those known at %(known_at)s."""
    return _CURRENT if known_at is None else _KNOWN


def open_versions() -> str:
    """Return the query of the versions in force of every dossier that some source still tells of as open."""
    return _OPEN.rstrip()


def nothing_after(tx: Transaction, as_of: datetime) -> bool:
    """Return whether no load tells of anything that happened to a dossier after an instant."""
    last = "select coalesce(max(events_to), '-infinity') <= %(as_of)s from loads where target_table = 'dossiers'"
    return bool(tx.scalar(last, {"as_of": as_of}))


def judged(scope: str, condition: str = "true", known: bool | None = None) -> str:
    """Return the beginning of a statement over the judged dossiers of a scope of versions (all texts are ours).

    `known`: whether the list of procedures, too, is the one of %(known_at)s; by default as the scope says.
    """
    past = scope == _KNOWN if known is None else known
    procedures = "f.known_from <= %(known_at)s and f.known_to > %(known_at)s" if past else "f.known_to = 'infinity'"
    text = sql_text("marts/dossiers_judged.sql").replace("{procedures}", procedures)
    return text.replace("{scope}", scope).replace("{filter}", condition)


def body(scope: str, condition: str = "true", subject: str = UNIT) -> str:
    """Return the counting statement over a scope of versions, by unit or by official (UNIT, OFFICIAL)."""
    text = sql_text("marts/dossier_counts.sql").replace("{sums}", _SUMS).replace("{subject}", subject)
    return judged(scope, condition) + text


#: What counts against a measure: the dossiers behind its lost points. `{late}` stands for the definition's column.
BEHIND: Final = {
    "overdue_rate": "{late} and (j.finished_at is null and {open_counts} or j.finished_at >= %(first_at)s)",
    "online_rate": "j.channel in ('direct', 'postal') and j.received_at >= %(first_at)s",
    "postal_rate": "j.channel in ('direct', 'online') and j.received_at >= %(first_at)s",
    "online_payment_rate": "j.fee_amount > 0 and not j.paid_online and j.received_at >= %(first_at)s",
    "digitised_rate": "(not j.components_digitised and j.received_at >= %(first_at)s)"
    " or (not j.result_digitised and j.finished_at >= %(first_at)s)",
    "components_digitised_rate": "not j.components_digitised and j.received_at >= %(first_at)s",
    "result_digitised_rate": "not j.result_digitised and j.finished_at >= %(first_at)s",
    "repeat_supplement_rate": "j.supplement_count > 1 and j.received_at >= %(first_at)s",
    "on_time_rate": "{late} and (j.finished_at is null and {open_counts} or j.finished_at >= %(first_at)s)",
    "online_electronic_rate": "(j.channel in ('direct', 'postal') or j.channel = 'online' and (j.finished_at is null"
    " or not j.result_electronic)) and j.received_at >= %(first_at)s",
    "electronic_result_rate": "not j.result_electronic and j.finished_at >= %(first_at)s",
    "reused_data_rate": "j.components_digitised and not j.reused_data and j.received_at >= %(first_at)s",
    "time_points_rate": "not j.is_early and j.finished_at >= %(first_at)s",
    "agency_time_points_rate": "not j.is_internal_early and j.finished_at >= %(first_at)s",
    "contact_points_rate": "j.supplement_count > 0 and j.received_at >= %(first_at)s",
    "attitude_points_rate": "(not j.is_early or j.is_early and j.unit_code || '|' || j.dossier_code = any(%(complained)s))"
    " and j.finished_at >= %(first_at)s",
}  # fmt: skip
_IN_SPAN: Final = "between u.begins and u.ends"
_PENDING: Final = {"qd766": "true", "provincial_766": "true", "ii06": "false", "opencps": "false"}


#: What one dossier behind a measure weighs: how many of its cases or points it costs. One where nothing is said.
WEIGHTS: Final = {
    "digitised_rate": "coalesce((not j.components_digitised and j.received_at between u.begins and u.ends)::integer, 0)"
    " + coalesce((not j.result_digitised and j.finished_at between u.begins and u.ends)::integer, 0)",
    "time_points_rate": "case when j.is_in_time then 1 else 2 end",
    "agency_time_points_rate": "case when j.is_internal_in_time then 1 else 2 end",
    "contact_points_rate": "case when j.supplement_count = 1 then 1 else 2 end",
    "attitude_points_rate": "case when j.is_in_time and not j.unit_code || '|' || j.dossier_code = any(%(complained)s)"
    " then 1 else 2 end",
}  # fmt: skip


def evidence(
    tx: Transaction, measures: Sequence[str], *, spans: Sequence[Mapping[str, Any]], definition: str, as_of: datetime,
    known_at: datetime | None, officer: str | None = None, complained: Sequence[str] = (),
) -> dict[str, list[dict[str, Any]]]:  # fmt: skip
    """Return for each measure (see BEHIND) the dossiers that count against it, of one commune or official, worst first.

    All measures together cost one reading of the facts. `weight`: how many cases or points of the measure a dossier costs.
    spans: whose facts they are, and of when (`flows.steps.boundaries.View.spans`): unit_code, begins, ends, holds_open.
    complained: dossiers that somebody complained of, as `unit|code` (`queries.complaints`), for attitude_points_rate.
    """
    if not measures:
        return {}
    conditions = {name: _against(name, definition) for name in measures}
    weights = ", ".join(f"case when {held} then {WEIGHTS.get(name, '1')} end" for name, held in conditions.items())
    behind = " or ".join(f"({held})" for held in conditions.values())
    if officer is not None:
        behind = f"({behind}) and {OFFICER_NAME} = %(officer)s"
    scope = versions(known_at) + " and unit_code = any(%(units)s)"  # the unit is part of a dossier's key
    text = sql_text("marts/dossier_evidence.sql").replace("{behind}", behind).replace("{weights}", weights)
    rows = tx.rows(
        judged(scope, "true", known_at is not None) + text,
        {"units": [span["unit_code"] for span in spans], "begins": [span["begins"] for span in spans],
         "ends": [span["ends"] for span in spans], "holds_open": [span["holds_open"] for span in spans],
         "as_of": as_of, "known_at": known_at, "officer": officer, "complained": list(complained)},
    )  # fmt: skip
    return {
        name: [{**row, "weight": row["weights"][k]} for row in rows if row["weights"][k] is not None]
        for k, name in enumerate(conditions)
    }


def _against(measure: str, definition: str) -> str:
    """Return the condition under which a dossier counts against a measure, with the spans of time for the period."""
    held = BEHIND[measure].replace("{late}", f"j.is_{definition}_late").replace(">= %(first_at)s", _IN_SPAN)
    return held.replace("{open_counts}", f"u.holds_open and {_PENDING[definition]}")


def _procedures_load(tx: Transaction) -> int:
    """Return the latest load that speaks of procedures (0: none)."""
    return int(tx.scalar("select coalesce(max(added_by), 0) from procedures_facts") or 0)


def counted_from_facts(tx: Transaction, as_of: datetime, known_at: datetime | None) -> Any:
    """Return the counts (part, unit_code, month, counters) from all facts known at `known_at` (None: now)."""
    scope = versions(known_at)
    return tx.frame(body(scope), {"as_of": as_of, "known_at": known_at})


#: Dossiers that a period can concern: received or finished in it, or still open.
_OF_PERIOD: Final = "d.finished_at is null or d.finished_at >= %(first_at)s or d.received_at >= %(first_at)s"


def officials(tx: Transaction, *, first_at: datetime, as_of: datetime, known_at: datetime | None) -> Any:
    """Return who worked on the dossiers received or finished from `first_at` on, as a DataFrame.

    Grain: unit_code × officer (None: dossiers without an official). Columns: department (the latest), dossiers, finished.
    """
    scope = versions(known_at)
    statement = judged(scope, _OF_PERIOD) + sql_text("marts/officer_counts.sql").replace("{name_of_officer}", OFFICER_NAME)
    return tx.frame(statement, {"first_at": first_at, "as_of": as_of, "known_at": known_at})


def official_counts(tx: Transaction, *, first_at: datetime, as_of: datetime, known_at: datetime | None) -> Any:
    """Return the counts (as `dossier_counts`) of the officials of a period; unit_code is `unit|official`.

    Only what the months from `first_at` on need is complete.
    """
    condition = f"nullif(btrim(d.officer), '') is not null and ({_OF_PERIOD})"
    scope = versions(known_at)
    return tx.frame(body(scope, condition, OFFICIAL), {"first_at": first_at, "as_of": as_of, "known_at": known_at})


def complained_counts(
    tx: Transaction, keys: Sequence[int], *, first_at: datetime, as_of: datetime, known_at: datetime | None
) -> Any:
    """Return the early and the timely ones among the finished dossiers with these key hashes, by unit, official and month."""
    scope = versions(known_at).replace(" where ", " where key_hash = any(%(keys)s) and ")
    statement = judged(scope, "d.finished_at is not null") + sql_text("marts/complained_counts.sql").replace(
        "{name_of_officer}", OFFICER_NAME
    )
    return tx.frame(statement, {"keys": list(keys), "first_at": first_at, "as_of": as_of, "known_at": known_at})


def refresh(tx: Transaction, now: datetime) -> dict[str, Any]:
    """Bring the monthly counts of finished dossiers up to the facts. Work is proportional to what changed.

    Returns {applied, keys, rebuilt}. Safe to call at any time and by several processes.
    """
    tx.lock("table:dossiers")
    seen = _standing(tx)
    if seen.follows:
        return {"applied": seen.applied, "keys": 0, "rebuilt": False}
    changed, total = _sizes(tx, seen.applied)
    forever = {"as_of": "infinity", "applied": seen.applied}
    rebuilt = seen.stale or changed > REBUILD_SHARE * total
    if rebuilt:
        tx.execute(f"delete from {MART}")
        _add(tx, body(_CURRENT, "d.finished_at is not null"), forever, "+")
    else:
        changed = int(tx.scalar(f"select count(*) from ({_TOUCHED_KEYS}) as touched", forever))
        _add(tx, body(_BEFORE, "d.finished_at is not null"), forever, "-")
        _add(tx, body(_AFTER, "d.finished_at is not null"), forever, "+")
    tx.execute(
        """
        insert into mart_state
            (mart, applied_load_id, procedures_load_id, calendar_version, events_to, keys_touched, refreshed_at)
        select %(mart)s, %(newest)s, %(procedures)s, %(calendar)s,
            coalesce(max(events_to), '-infinity'), %(keys)s, %(now)s
        from loads
        where target_table = 'dossiers'
        on conflict (mart) do update set
            applied_load_id = excluded.applied_load_id, procedures_load_id = excluded.procedures_load_id,
            calendar_version = excluded.calendar_version, events_to = excluded.events_to,
            keys_touched = excluded.keys_touched, refreshed_at = excluded.refreshed_at
        """,
        {
            "mart": MART,
            "newest": seen.newest,
            "procedures": seen.procedures,
            "calendar": seen.calendar,
            "keys": changed,
            "now": now,
        },
    )
    return {"applied": seen.newest, "keys": changed, "rebuilt": rebuilt}


@dataclass(frozen=True)
class _Standing:
    """How far the monthly counts follow the facts. stale: what they were counted by is not what is there now."""

    applied: int
    newest: int
    procedures: int
    calendar: str
    stale: bool

    @property
    def follows(self) -> bool:
        return not self.stale and self.newest == self.applied


def _standing(tx: Transaction) -> _Standing:
    state = tx.one("select * from mart_state where mart = %(mart)s", {"mart": MART})
    newest = int(tx.scalar("select coalesce(max(load_id), 0) from loads where target_table = 'dossiers'") or 0)
    procedures = _procedures_load(tx)
    calendar = tx.scalar("select version from register_versions where register = 'calendar'") or ""
    applied = int(state["applied_load_id"]) if state else 0
    stale = state is None or state["procedures_load_id"] != procedures or state["calendar_version"] != calendar
    return _Standing(applied, newest, procedures, calendar, stale)


def _sizes(tx: Transaction, applied: int) -> tuple[int, int]:
    """Return (about how many versions changed since, versions of all loads), to choose between difference and recount."""
    changed = int(
        tx.scalar(
            """
            select coalesce(sum(rows_inserted + rows_closed), 0) from loads
            where target_table = 'dossiers' and load_id > %(applied)s
            """,
            {"applied": applied},
        )
    )
    total = int(tx.scalar("select coalesce(sum(rows_inserted), 0) from loads where target_table = 'dossiers'"))
    return changed, max(total, 1)


def _add(tx: Transaction, statement: str, params: dict[str, Any], sign: str) -> None:
    """Add (or take away) counted cells to the monthly counts."""
    values = ", ".join(f"{sign}n.{name}" for name in COUNTERS)
    sets = ", ".join(f"{name} = t.{name} + excluded.{name}" for name in COUNTERS)
    tx.execute(
        f"""
        insert into {MART} as t (part, unit_code, month, {_NAMES})
        select n.part, n.unit_code, n.month, {values} from ({statement}) as n
        on conflict (part, unit_code, month) do update set {sets}
        """,
        params,
    )


def dossier_counts(tx: Transaction, as_of: datetime, known_at: datetime | None, now: datetime) -> Any:
    """Return the counts by the cheapest way that gives the same figures.

    Returns a DataFrame with part (received, finished, open), unit_code, month (None for open) and the counters.
    """
    if known_at is not None or (tx.still and not _standing(tx).follows):
        return counted_from_facts(tx, as_of, known_at)
    if not tx.still:
        refresh(tx, now)
    settled_by = tx.scalar("select events_to <= %(as_of)s from mart_state where mart = %(mart)s", {"as_of": as_of, "mart": MART})
    if not settled_by:
        return counted_from_facts(tx, as_of, None)
    import pandas as pd

    settled = tx.frame(f"select part, unit_code, month, {_NAMES} from {MART}")
    twins = tx.scalar("select exists (select 1 from dossier_twins)")
    running = tx.frame(body(_OPEN if twins else _OPEN_ALONE, "d.finished_at is null"), {"as_of": as_of})
    both = pd.concat([settled, running], ignore_index=True) if len(running) else settled
    return both.groupby(["part", "unit_code", "month"], as_index=False, dropna=False)[list(COUNTERS)].sum()
