"""`cchc up`: everything on one machine, until Ctrl-C."""

from __future__ import annotations

import click

from apps.help import Command
from apps.options import as_json, home_of, say

_PORT = click.IntRange(0, 65535)


@click.command(cls=Command)
@click.option("--host", default="127.0.0.1", show_default=True, metavar="ADDR", help="Địa chỉ của trang trạng thái.")
@click.option("--port", type=_PORT, default=8765, metavar="PORT", help="Cổng của trang trạng thái (8765; 0: tự chọn).")
@click.option("--prefect-port", type=_PORT, default=4200, metavar="PORT", help="Cổng của Prefect (4200; 0: tự chọn).")
@click.option("--no-prefect", is_flag=True, help="Không chạy Prefect; lịch đêm và hộp thư vẫn chạy.")
@as_json
def up(host: str, port: int, prefect_port: int, no_prefect: bool, json_out: bool) -> int:
    """Chạy mọi thứ trên một máy: cơ sở dữ liệu, hộp thư, lịch đêm, cảnh báo, trang trạng thái. Ctrl-C để dừng."""
    from apps.tables import up as tables
    from deployments.up import Options
    from deployments.up import up as run

    if not json_out:
        tables.starting()
    options = Options(host, port, prefect_port, not no_prefect)
    run(home_of(prepare=False), options, lambda ready: say(ready, json_out, tables.ready))
    if not json_out:
        tables.stopped()
    return 0
