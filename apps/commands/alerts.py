"""`cchc alerts`: what is over a threshold now, and whether the right people hear of it."""

from __future__ import annotations

import click

from apps.help import Group
from apps.options import as_json, home_of, say

NOT_ALL_SENT = 3
number_argument = click.argument("number", type=click.IntRange(min=1), metavar="SỐ")


@click.group(cls=Group, invoke_without_command=True)
@click.option("--all", "everything", is_flag=True, help="Cả các cảnh báo đã hết.")
@as_json
@click.pass_context
def alerts(context: click.Context, everything: bool, json_out: bool) -> int:
    """Cảnh báo đang mở: xem, ghi nhận, gửi tin."""
    if context.invoked_subcommand is not None:
        if everything or json_out:  # said before the word they belong to, they would be lost
            raise click.UsageError("options go after the word")
        return 0
    from apps.tables import alerts as tables
    from flows.steps.alert_desk import listing

    say(listing(home_of(), everything=everything), json_out, tables.listed)
    return 0


@alerts.command()
@number_argument
@as_json
def show(number: int, json_out: bool) -> int:
    """Một cảnh báo: số liệu, căn cứ, hồ sơ, việc cần làm, đã gửi cho ai."""
    from apps.tables import alerts as tables
    from flows.steps.alert_desk import show as run

    say(run(home_of(), number), json_out, tables.shown)
    return 0


@alerts.command()
@number_argument
@click.option("--by", metavar="WHO", help="Ai nhận việc (mặc định: CCHC_USER, rồi tên tài khoản máy).")
@click.option("--note", metavar="T", help="Sẽ làm gì, xong khi nào.")
@as_json
def ack(number: int, by: str | None, note: str | None, json_out: bool) -> int:
    """Ghi nhận: có người đã nhận xử lý một cảnh báo đang mở."""
    from apps.tables import alerts as tables
    from flows.steps.alert_desk import acknowledge

    say(acknowledge(home_of(), number, by, note), json_out, tables.acknowledged)
    return 0


@alerts.command()
@click.argument("name", metavar="TÊN")
@as_json
def test(name: str, json_out: bool) -> int:
    """Gửi tin thử tới một người nhận trong alerts.yaml (mã thoát 3: có địa chỉ không gửi được)."""
    from apps.tables import alerts as tables
    from flows.steps.outgoing import send_test

    document = send_test(home_of(), name)
    say(document, json_out, tables.tested)
    return 0 if all(row["state"] == "sent" for row in document["messages"]) else NOT_ALL_SENT


@alerts.command()
@as_json
def send(json_out: bool) -> int:
    """Gửi ngay các tin đến lượt (mã thoát 3: có tin chưa gửi được)."""
    from apps.tables import alerts as tables
    from flows.steps.outgoing import deliver

    document = deliver(home_of())
    say(document, json_out, tables.sent)
    fine = document["problem"] is None and not any(document[name] for name in ("failed", "unclear", "given_up"))
    return 0 if fine else NOT_ALL_SENT
