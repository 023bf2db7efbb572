"""`cchc criteria`: the law as an analyst works with it."""

from __future__ import annotations

import click

from apps.help import Group
from apps.options import as_json, home_of, say

PROBLEMS = 2
_on = click.option("--on", metavar="DAY", help="Theo ngày nào (năm-tháng-ngày; mặc định: hôm nay).")


@click.group(cls=Group)
def criteria() -> None:
    """Bộ tiêu chí: xem, kiểm tra, so sánh, lập bộ mới."""


@criteria.command("list")
@as_json
def list_(json_out: bool) -> int:
    """Các bộ tiêu chí: có sẵn và của đơn vị."""
    from apps.tables import criteria as tables
    from flows.steps.law import listing

    say(listing(home_of(prepare=False)), json_out, tables.listed)
    return 0


@criteria.command()
@click.argument("name", metavar="SET")
@_on
@click.option("--criterion", "code", metavar="CODE", help="Chỉ một tiêu chí, với mọi phiên bản theo thời gian.")
@as_json
def show(name: str, on: str | None, code: str | None, json_out: bool) -> int:
    """Một bộ tiêu chí theo ngày: mục, điểm, cách tính, chỉ tiêu, căn cứ."""
    from apps.tables import criteria as tables
    from flows.steps.law import shown

    say(shown(home_of(prepare=False), name, on, code), json_out, tables.shown)
    return 0


@criteria.command()
@click.argument("names", metavar="[SET]...", nargs=-1)
@as_json
def lint(names: tuple[str, ...], json_out: bool) -> int:
    """Kiểm tra bộ tiêu chí: mỗi chỗ sai một dòng, có tệp, dòng, điều khoản, cách sửa."""
    from apps.tables import criteria as tables
    from flows.steps.law import linted

    document = linted(home_of(prepare=False), names)
    say(document, json_out, tables.linted)
    return PROBLEMS if document["problems"] else 0


@criteria.command()
@click.argument("before", metavar="A")
@click.argument("after", metavar="B")
@_on
@as_json
def diff(before: str, after: str, on: str | None, json_out: bool) -> int:
    """Hai bộ khác nhau ở đâu. A, B: tên bộ, thư mục, hoặc TÊN@NĂM-THÁNG-NGÀY."""
    from apps.tables import criteria as tables
    from flows.steps.law import differences

    say(differences(home_of(prepare=False), before, after, on), json_out, tables.compared)
    return 0


@criteria.command()
@click.argument("name", metavar="NAME")
@click.option("--from", "source", metavar="SET", help="Chép từ một bộ (tên hoặc thư mục); bỏ trống: từ bộ mẫu.")
@as_json
def new(name: str, source: str | None, json_out: bool) -> int:
    """Lập bộ tiêu chí mới của đơn vị trong CCHC_HOME/criteria/NAME."""
    from apps.tables import criteria as tables
    from flows.steps.law import create

    say(create(home_of(prepare=False), name, source), json_out, tables.created)
    return 0
