"""What people ask of alerts: which are open, what is behind one, who took note; and whether messages reach anybody."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from flows.steps.alert_settings import load_settings, settings_or_defaults
from flows.steps.home import ZONE, Home, UserError, now
from flows.steps.outgoing import named

if TYPE_CHECKING:
    from flows.steps.alert_settings import Settings

MOST_LISTED: Final = 500
LONGEST_NOTE: Final = 500
AHEAD: Final = timedelta(hours=1)  # clocks of several machines differ by less
TOLD_FOR: Final = timedelta(days=14)  # how long a message that did not arrive is spoken of


def listing(home: Home, *, everything: bool = False) -> dict[str, Any]:
    """Return the document of `cchc alerts`: open alerts, the gravest first; everything: the last ones, whatever became of them.

    waiting_messages and failed_messages (given up, or broken off so that nobody knows, in the last 14 days) count messages of
    the outbox; troubles are those that did not arrive so far; problem: what is wrong with the settings, else None.
    """
    from messages.alerts import grave_first
    from warehouse import alerts, messages

    settings, problem = _checked(home)
    with home.database.begin() as tx:
        rows = messages.recent_alerts(tx, MOST_LISTED) if everything else messages.open_alerts(tx)
        since = now() - TOLD_FOR
        counts, troubles = messages.counts(tx, since), messages.troubles(tx, since)
        looked = max(alerts.marks(tx).values(), default=None)
    ordered = rows if everything else grave_first(rows)
    return {
        "alerts": [entry(row, settings) for row in named(home, ordered)],
        "waiting_messages": counts.get("waiting", 0) + counts.get("sending", 0),
        "failed_messages": counts.get("given_up", 0) + counts.get("unclear", 0),
        "recipients": len(settings.recipients), "problem": problem,
        "warnings": [*settings.warnings, *_ahead(looked)],
        "troubles": [_message(row) for row in troubles],
    }  # fmt: skip


def _ahead(looked: datetime | None) -> list[str]:
    """Return what to say of alerts that were looked at as of a moment still to come: until then they stay as they are."""
    from messages import fmt

    if looked is None or looked - now() < AHEAD:
        return []
    until = fmt.moment(looked.astimezone(ZONE))
    return [
        f"Cảnh báo đã được xét đến {until}, sau giờ của máy; đến lúc đó không cảnh báo nào mở hay hết. Kiểm tra đồng hồ của máy."
    ]


def _checked(home: Home) -> tuple[Settings, str | None]:
    """Return the settings with every address looked at, or the defaults and what is wrong."""
    try:
        return load_settings(home, addresses=True), None
    except UserError as problem:
        return settings_or_defaults(home)[0], str(problem)


def entry(row: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """Return an alert as it is listed. Moments are ISO texts in the zone of Việt Nam, or None."""
    from messages import alert_words as words

    rule = settings.alert_rules.get(row["rule"])
    return {
        "alert": row["alert_id"], "rule": row["rule"], "label": rule.label if rule else row["rule"], "unit": row["unit_id"],
        "name": row["name"], "about": words.about(row, rule), "state": row["state"], "severity": row["severity"],
        "owner": row["owner"], "value": row["value"], "threshold": row["threshold"], "figures": words.figures(row, rule),
        "age": words.age(row["opened_at"] or row["breached_at"], row["resolved_at"] or now()),
        **{name: _stamp(row[name]) for name in ("breached_at", "opened_at", "resolved_at", "acknowledged_at")},
        "resolution": row["resolution"], "acknowledged_by": row["acknowledged_by"],
        "acknowledged_note": row["acknowledged_note"], "dossiers": list(row["detail"].get("dossiers") or ()),
    }  # fmt: skip


def _message(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "message": row["message_id"], "recipient": row["recipient"], "kind": row["kind"], "state": row["state"],
        "attempts": row["attempts"], "error": row["last_error"],
        **{name: _stamp(row[name]) for name in ("next_try_at", "sent_at") if name in row},
    }  # fmt: skip


def _stamp(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(ZONE).isoformat()


def show(home: Home, alert_id: int) -> dict[str, Any]:
    """Return the document of `cchc alerts show`: an alert, its text, who was told. Raises: UserError.

    file: {name, message} of a rejected file, which no message names: a name may be an applicant's.
    """
    from messages import alerts as words
    from warehouse import alerts, messages

    settings, _ = settings_or_defaults(home)
    with home.database.begin() as tx:
        found = named(home, messages.alerts_of(tx, [alert_id]))
        told = messages.of_alert(tx, alert_id)
        file = alerts.file_of(tx, found[0]["subject"]) if found and found[0]["rule"] == "file_rejected" else None
    if not found:
        raise UserError("unknown_alert", f"Không có cảnh báo số {alert_id}; xem các số bằng «cchc alerts --all».")
    row = found[0]
    rule = settings.alert_rules.get(row["rule"])
    over = row["state"] == "resolved"
    _, text = (words.resolved if over else words.opened)(row, rule, settings.page)
    return entry(row, settings) | {
        "text": text, "file": file, "runbook": f"docs/runbooks/{rule.runbook}.md" if rule else None,
        "messages": [_message(message) for message in told],
    }  # fmt: skip


def acknowledge(home: Home, alert_id: int, by: str | None, note: str | None) -> dict[str, Any]:
    """Note that somebody takes care of an open alert, and in the log who. Returns the alert's entry. Raises: UserError."""
    from flows.steps.audit import record, who
    from warehouse import messages

    actor, said = who(by), " ".join((note or "").split())
    if len(said) > LONGEST_NOTE:
        raise UserError("long_note", f"Ghi chú dài không quá {LONGEST_NOTE} ký tự; hãy viết ngắn lại.")
    settings, _ = settings_or_defaults(home)
    with home.database.begin() as tx:
        row = messages.acknowledge(tx, alert_id, now(), actor.name, said or None)
        if row is None:
            known = messages.alerts_of(tx, [alert_id])
            if known:
                raise UserError("alert_over", f"Cảnh báo số {alert_id} không còn mở nên không cần ghi nhận.")
            raise UserError("unknown_alert", f"Không có cảnh báo số {alert_id}; xem các số bằng «cchc alerts».")
        record(tx, "alert.ack", f"alert:{alert_id}", {"rule": row["rule"], **({"says": said} if said else {})}, actor)
    return entry(named(home, [row])[0], settings)
