"""`cchc backtest`."""

from __future__ import annotations

import click

from apps.help import Command
from apps.options import as_json, criteria_option, definition_option, home_of, say


@click.command(cls=Command)
@click.option("--year", "years", type=int, multiple=True, required=True, help="Năm đã qua để kiểm tra; dùng được nhiều lần.")
@click.option("--origins", metavar="MONTHS", help="Dự báo từ cuối các tháng này, như 3,6,9 (mặc định: 1-11).")
@click.option("--draws", type=int, help="Số tình huống mỗi lần dự báo.")
@click.option("--seed", type=int, help="Hạt giống ngẫu nhiên; cùng hạt giống cho cùng kết quả.")
@criteria_option
@definition_option
@click.option("--hindsight", is_flag=True, help="Dùng cả số liệu nạp muộn (khi số liệu năm cũ nạp một lần).")
@as_json
def backtest(
    years: tuple[int, ...], origins: str | None, draws: int | None, seed: int | None, criteria_set: str | None,
    definition: str | None, hindsight: bool, json_out: bool,
) -> int:  # fmt: skip
    """Dự báo lại các năm đã qua bằng số liệu biết lúc đó, chấm xem đúng đến đâu; lưu để chỉnh khoảng dự báo."""
    from apps.show import progress
    from apps.tables.backtest import show
    from flows.steps.backtest import backtest as run
    from flows.steps.backtest import plan_of

    home = home_of()
    plan = plan_of(home, years, origins, draws, seed, criteria_set, definition, hindsight)
    with progress("Kiểm tra lại dự báo", json_out) as advance:
        document = run(home, plan, advance)
    say(document, json_out, show)
    return 0
