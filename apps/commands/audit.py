"""`cchc audit`: what was done by whom, and whether the log is whole."""

from __future__ import annotations

import click

from apps.help import Group
from apps.options import as_json, home_of, say

BROKEN = 3


@click.group(cls=Group)
def audit() -> None:
    """Nhật ký: ai đã làm gì, và nhật ký có nguyên vẹn không."""


@audit.command("list")
@click.option("--scenario", metavar="NAME", help="Chỉ các mục về một phương án.")
@click.option("--last", type=click.IntRange(min=1), metavar="N", help="Chỉ N mục sau cùng.")
@as_json
def audit_list(scenario: str | None, last: int | None, json_out: bool) -> int:
    """Các mục của nhật ký theo thứ tự."""
    from apps.tables import scenario as tables
    from flows.steps.audit import listing
    from flows.steps.scenario import clean_name

    subject = f"scenario:{clean_name(scenario)}" if scenario else None
    say(listing(home_of(), subject, last), json_out, tables.audited)
    return 0


@audit.command()
@as_json
def verify(json_out: bool) -> int:
    """Kiểm tra nhật ký chưa bị sửa, bớt, chèn (mã thoát 3: đã bị, chỉ ra mục đầu tiên)."""
    from apps.tables import scenario as tables
    from flows.steps.audit import verify as run

    document = run(home_of())
    say(document, json_out, tables.verified)
    return 0 if document["intact"] else BROKEN
