"""R26: what is forgotten after a while, and what never is."""

from __future__ import annotations

from typing import Any

import pytest

from flows.steps.home import Home, parse_moment
from flows.steps.retention import KEPT_DAYS, prune
from warehouse import retention

pytestmark = pytest.mark.db
NOW = "2025-01-01T03:00:00"


def put(tx: Any, statement: str, **params: Any) -> None:
    tx.execute(statement, params)


@pytest.fixture
def traces(clean: Home, monkeypatch: pytest.MonkeyPatch) -> Home:
    """One trace of every kind, before and after its time."""
    monkeypatch.setenv("CCHC_CLOCK", NOW)
    with clean.database.begin() as tx:
        for days in (5, 31, 399, 401):
            at = {"at": parse_moment(NOW), "days": days}
            when = "%(at)s::timestamptz - make_interval(days => %(days)s)"
            for statement in (
                f"insert into events (kind, subject, occurred_at) values ('file.arrived', 'file:x', {when})",
                f"insert into heartbeats (component, host, pid, started_at, beat_at) values ('watch', 'm' || %(days)s, 1, {when}, {when})",
                f"insert into work_log (kind, started_at, seconds, outcome) values ('desk', {when}, 1, 'done'), ('night', {when}, 1, 'done')",
                f"""insert into nightly_runs (as_of, started_at, finished_at, outcome)
                select {when}, {when}, {when}, o from unnest(array['done', 'nothing_new', 'failed', 'skipped']) as o""",
                f"""with a as (
                    insert into alerts (rule, subject, state, severity, breached_at, last_breached_at, opened_at, resolved_at)
                    select 'r', s || %(days)s, s, 'warn', {when}, {when}, case when s in ('open', 'resolved') then {when} end,
                    case when s in ('resolved', 'dropped') then {when} end from unnest(array['open', 'resolved', 'dropped']) as s
                    returning alert_id, state
                )
                insert into alert_messages (dedupe, recipient, kind, alert_ids, title, body, queued_at, not_before, next_try_at, state)
                select a.state || w || %(days)s, 'x', 'open', array[a.alert_id], '', '', {when}, {when}, {when}, w
                from a, unnest(array['sent', 'waiting']) as w""",
            ):
                put(tx, statement, **at)
    return clean


def test_r26_traces_go_and_history_stays(traces: Home) -> None:
    assert prune(traces)["removed"] == {
        "events": 3, "heartbeats": 3, "work_log": 1, "alert_messages": 2, "alerts": 1, "nightly_runs": 1,
    }  # fmt: skip
    with traces.database.begin() as tx:
        assert tx.scalar("select count(*) from work_log where kind = 'desk'") == 4
        assert tx.scalar("select count(*) from nightly_runs where outcome <> 'failed'") == 12
        assert tx.scalar("select count(*) from alerts where state in ('open', 'resolved')") == 8
        assert tx.scalar("select count(*) from alert_messages where state = 'waiting'") == 12
        assert tx.scalar("select count(*) from alert_messages where dedupe = 'opensent401'") == 1
    assert prune(traces)["total"] == 0


def test_r26_what_is_forgotten_is_listed_in_one_place(clean: Home) -> None:
    assert set(KEPT_DAYS) == set(retention.FORGET)
    kept = "files arrivals loads quarantine score_runs recipe_parts forecasts audit_log remote_files dossiers_facts".split()
    assert not set(kept) & set(retention.FORGET)
