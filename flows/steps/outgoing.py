"""Messages about alerts: written with the alert that they tell of, sent afterwards, each at most once (docs/alert_delivery.md).

An opening and a resolution are put into the outbox in the transaction that makes them true, so that no crash loses one. What
is urgent leaves at once; the rest is gathered into one digest a morning and recipient, which is worded when it leaves. Before a
message is handed over that is noted in a step of its own: whoever finds such a note of a sender that died cannot know whether
the message arrived, does not send it again, and tells of its alerts in the next digest.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from flows.steps import failpoints
from flows.steps.alert_settings import Channel, Recipient, Settings, load_settings, settings_or_defaults
from flows.steps.home import UserError, now

if TYPE_CHECKING:
    from flows.steps.home import Home
    from flows.steps.outgoing_channels import Message, Outcome
    from warehouse.database import Transaction

Row = Mapping[str, Any]
BACKOFF_MIN: Final = (1, 2, 5, 15, 60)  # after the n-th attempt in vain; then hourly
GIVE_UP_AFTER: Final = timedelta(days=3)
LEAST_ATTEMPTS: Final = 8  # some three hours: a machine that was off for days may start before its network does
MOST_AT_ONCE: Final = 200
MOST_FAILURES: Final = 3
MOST_ALIKE: Final = 20  # messages of one rule to one address within an hour: a district's communes, not a folder of bad files
ALIKE_WITHIN: Final = timedelta(hours=1)
ROUNDS: Final = 2  # the second for resolutions whose openings left in the first
_LOCK: Final = "alert messages"
_INTERRUPTED: Final = "phần mềm dừng khi đang gửi, không rõ tin đã tới chưa"


def queue(home: Home, tx: Transaction, opened: Iterable[Row], resolved: Iterable[Row]) -> int:
    """Write what is to be told of alerts into the outbox, in the transaction that opened or resolved them.

    Rows: columns of table `alerts` and the unit's "name". What leaves at once leaves by the clock, whatever moment the alerts are
    of. Queuing the same again changes nothing. With settings that cannot be read it waits for them, so that a slip in a
    file stops no scoring. Returns how many messages were written, openings and resolutions put into a digest included.
    """
    settings, problem = settings_or_defaults(home)
    told = [*(("open", row) for row in opened), *(("resolve", row) for row in resolved)]
    if problem is None:
        return sum(_queue_one(tx, settings, kind, row, now()) for kind, row in told)
    return sum(_keep(tx, kind, int(row["alert_id"])) for kind, row in told)


def _keep(tx: Transaction, kind: str, alert_id: int) -> int:
    from warehouse import messages

    return int(messages.add(tx, f"{kind}:{alert_id}", "", 0, kind, [alert_id], "", "", now(), now()) is not None)


def _queue_one(tx: Transaction, settings: Settings, kind: str, row: Row, at: datetime) -> int:
    """Write an opening or a resolution for every recipient who wants it."""
    from messages import alerts as words
    from warehouse import messages

    rule, written, alert_id = settings.alert_rules.get(row["rule"]), 0, int(row["alert_id"])
    urgent = row["severity"] == "critical" or (rule is not None and not rule.digest)
    for recipient in (each for each in settings.recipients if each.wants(row)):
        for channel in recipient.channels:
            dedupe = f"{kind}:{alert_id}:{recipient.name}:{channel.number}"
            alike = messages.alike(tx, dedupe, recipient.name, channel.number, row["rule"], at - ALIKE_WITHIN) if urgent else 0
            if not urgent or alike >= MOST_ALIKE:
                written += _into_digest(tx, settings, recipient.name, channel.number, [alert_id], at)
                continue
            title, body = (words.opened if kind == "open" else words.resolved)(row, rule, settings.page)
            leaves = settings.earliest(at, row["severity"])
            found = messages.add(tx, dedupe, recipient.name, channel.number, kind, [alert_id], title, body, at, leaves)
            written += found is not None
    return written


def _into_digest(tx: Transaction, settings: Settings, recipient: str, channel: int, ids: Sequence[int], at: datetime) -> int:
    """Put alerts into the recipient's next digest that has not left yet."""
    from warehouse import messages

    due = settings.next_digest(at)
    while not messages.join_digest(tx, f"digest:{due:%Y-%m-%d}:{recipient}:{channel}", recipient, channel, ids, at, due):
        due = settings.next_digest(due)  # that one has left: a clock was set back
    return 1


def deliver(home: Home, *, only: int | None = None) -> dict[str, Any]:
    """Send what is due. Cheap when nothing is; safe to call at any time by anybody: only one sends.

    only: just this message, after whoever sends now. Returns {"status": done | nothing | busy | settings, "sent", "failed"
    (to be tried again), "unclear", "given_up": counts of messages, "problem": what is wrong with the settings, else None}.
    """
    from warehouse import messages

    answer: dict[str, Any] = {"status": "nothing", "sent": 0, "failed": 0, "unclear": 0, "given_up": 0, "problem": None}
    with home.database.begin() as tx:
        if not messages.anything_due(tx, now()):
            return answer
    settings, answer["problem"] = settings_or_defaults(home)
    if answer["problem"]:
        return answer | {"status": "settings"}
    with home.database.session_lock(_LOCK, wait=only is not None) as held:
        if not held:
            return answer | {"status": "busy"}
        answer["unclear"] += _recover(home, settings)
        with home.database.begin() as tx:
            _address(home, tx, settings)
        failures: Counter[tuple[str, int]] = Counter()
        for _ in range(ROUNDS if only is None else 1):
            with home.database.begin() as tx:
                numbers = messages.due(tx, now(), MOST_AT_ONCE) if only is None else [only]
            for number in numbers:
                for state in _send_one(home, settings, number, failures):
                    answer[state] += 1
    return answer | {"status": "done"}


def _recover(home: Home, settings: Settings) -> int:
    """See to messages whose sender died while handing them over; returns how many."""
    from warehouse import messages

    with home.database.begin() as tx:
        found = messages.interrupted(tx)
        for row in found:
            messages.settle(tx, row["message_id"], "unclear", now(), error=_INTERRUPTED)
            _tell_again(tx, settings, row)
    return len(found)


def _tell_again(tx: Transaction, settings: Settings, row: Row) -> None:
    """Let the next digest tell of what a message that may be lost told of."""
    if row["alert_ids"]:
        _into_digest(tx, settings, row["recipient"], row["channel"], row["alert_ids"], now())


def _address(home: Home, tx: Transaction, settings: Settings) -> None:
    """Write what waited for readable settings to its recipients."""
    from warehouse import messages

    for waiting in messages.unaddressed(tx):
        for row in named(home, messages.alerts_of(tx, waiting["alert_ids"])):
            _queue_one(tx, settings, waiting["kind"], row, now())
        messages.remove(tx, waiting["message_id"])


def _send_one(home: Home, settings: Settings, number: int, failures: Counter[tuple[str, int]]) -> list[str]:
    """Try a message once; returns what became of it, nothing when there is nothing to do.

    failures: of each address in this round. One that failed again and again is left alone until later, so that a server that is
    away keeps nobody else waiting; after one failure it may have been the message.
    """
    from flows.steps.outgoing_channels import Outcome, hand_over
    from warehouse import messages

    with home.database.begin() as tx:
        row = messages.get(tx, number)
        if row is None or row["state"] != "waiting":
            return []
        place = (row["recipient"], row["channel"])
        recipient = settings.recipient(row["recipient"])
        channel = next((each for each in recipient.channels if each.number == row["channel"]), None) if recipient else None
        if recipient is None or channel is None:
            messages.settle(tx, number, "given_up", now(), error="người nhận hoặc địa chỉ này không còn trong alerts.yaml")
            return ["given_up"]
        quiet_until = _quiet_until(tx, settings, row)
        if quiet_until is not None:
            messages.postpone(tx, number, quiet_until)
            return []
        if failures[place] >= MOST_FAILURES:
            messages.settle(tx, number, "waiting", now(), error=row["last_error"], next_try_at=_next_try(row))
            return ["failed"]
        message = _message(home, tx, settings, recipient, row)
    failpoints.reached("message_due")

    def about_to() -> None:
        with home.database.begin() as tx:
            messages.set_sending(tx, number)
        failpoints.reached("message_leaving")

    if channel.url is None:
        outcome = Outcome("failed", f"chưa đặt biến môi trường {channel.variable}")
    else:
        outcome = hand_over(channel.url, message, about_to)
    failpoints.reached("message_gone")
    if outcome.state == "failed":
        failures[place] += 1
    with home.database.begin() as tx:
        return [_settle(tx, settings, row, outcome)]


def _quiet_until(tx: Transaction, settings: Settings, row: Row) -> datetime | None:
    """Return when the quiet hours end that hold back a message which is due, None when it may leave now."""
    from warehouse import messages

    if settings.quiet is None or row["kind"] == "test":
        return None
    grave = row["kind"] != "digest" and any(each["severity"] == "critical" for each in messages.alerts_of(tx, row["alert_ids"]))
    at = now()
    leaves = settings.earliest(at, "critical" if grave else "info")
    return leaves if leaves > at else None


def _message(home: Home, tx: Transaction, settings: Settings, recipient: Recipient, row: Row) -> Message:
    """Return what is sent; a digest gets its words now."""
    from flows.steps.outgoing_channels import Message
    from messages import alert_mail
    from messages import alerts as words
    from warehouse import messages

    title, body = row["title"], row["body"]
    if row["kind"] == "digest":
        told = {each["alert_id"]: each for each in named(home, messages.alerts_of(tx, row["alert_ids"]))}
        still = [each for each in named(home, messages.open_alerts(tx)) if recipient.wants(each) and each["alert_id"] not in told]
        title, body = words.digest(list(told.values()), still, settings.alert_rules, now(), settings.page)
        messages.write(tx, row["message_id"], title, body)
    key = f"cchc-{row['message_id']}-{row['queued_at'].astimezone(UTC):%Y%m%d%H%M%S%f}"
    return Message(key, title, body, alert_mail.html(title, body), now())


def _settle(tx: Transaction, settings: Settings, row: Row, outcome: Outcome) -> str:
    """Note what became of an attempt; returns sent, failed, unclear or given_up."""
    from warehouse import messages

    number = row["message_id"]
    if outcome.state in ("sent", "unclear"):
        messages.settle(tx, number, outcome.state, now(), error=outcome.error)
        if outcome.state == "unclear":
            _tell_again(tx, settings, row)
        return outcome.state
    if now() - row["not_before"] >= GIVE_UP_AFTER and int(row["attempts"]) + 1 >= LEAST_ATTEMPTS:
        messages.settle(tx, number, "given_up", now(), error=outcome.error)
        return "given_up"
    messages.settle(tx, number, "waiting", now(), error=outcome.error, next_try_at=_next_try(row))
    return "failed"


def _next_try(row: Row) -> datetime:
    return now() + timedelta(minutes=BACKOFF_MIN[min(int(row["attempts"]), len(BACKOFF_MIN) - 1)])


def named(home: Home, rows: Iterable[Row]) -> list[dict[str, Any]]:
    """Return alerts with the name of their unit ("" for the whole installation)."""
    units = home.register.by_id
    return [{**row, "name": units[row["unit_id"]].full_name if row["unit_id"] in units else row["unit_id"]} for row in rows]


def send_test(home: Home, name: str) -> dict[str, Any]:
    """Send a test message to every address of a recipient. Returns the document of `cchc alerts test`. Raises: UserError."""
    from messages import alerts as words
    from warehouse import messages

    settings = load_settings(home, addresses=True)
    recipient = settings.recipient(" ".join(name.split()))
    if recipient is None:
        known = ", ".join(each.name for each in settings.recipients) or "chưa có ai"
        raise UserError("unknown_recipient", f"Không có người nhận «{name}» trong alerts.yaml; những người nhận đã ghi: {known}.")
    title, body = words.test(recipient.name, settings.page)
    channels = [_test_channel(home, recipient, channel, title, body) for channel in recipient.channels]
    with home.database.begin() as tx:
        found = [messages.get(tx, number) for number in channels]
    return {
        "recipient": recipient.name,
        "messages": [
            {"message": row["message_id"], "channel": row["channel"], "state": row["state"], "error": row["last_error"]}
            for row in found if row is not None
        ],
        "warnings": list(settings.warnings),
    }  # fmt: skip


def _test_channel(home: Home, recipient: Recipient, channel: Channel, title: str, body: str) -> int:
    """Send the test to one address, once: what fails is not tried again. Returns the number of the message."""
    from warehouse import messages

    at = now()
    with home.database.begin() as tx:
        dedupe = f"test:{secrets.token_hex(8)}"
        number = messages.add(tx, dedupe, recipient.name, channel.number, "test", [], title, body, at, at)
    assert number is not None
    deliver(home, only=number)
    with home.database.begin() as tx:
        row = messages.get(tx, number)
        if row is not None and row["state"] == "waiting":
            messages.settle(tx, number, "given_up", at, error=row["last_error"])
    return number
