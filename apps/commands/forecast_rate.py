"""`cchc forecast-rate`."""

from __future__ import annotations

from pathlib import Path

import click

from apps.help import Command
from apps.options import as_json, say


@click.command("forecast-rate", cls=Command)
@click.argument("counts", metavar="COUNTS.csv", type=click.Path(path_type=Path))
@click.option("--as-of", metavar="YYYY-MM", required=True, help="Tháng cuối đã biết; các dòng sau tháng này không dùng đến.")
@click.option("--horizon", metavar="YYYY-MM", required=True, help="Tháng cuối của kỳ 12 tháng cần dự báo.")
@click.option("--target", type=float, metavar="X", help="Chỉ tiêu (0 đến 1): thêm xác suất đạt chỉ tiêu.")
@click.option(
    "--lower-is-better",
    is_flag=True,
    help="Đạt chỉ tiêu là không vượt quá X; không đổi cách xếp hạng (hạng 1 là tỷ lệ cao nhất).",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Hạt giống ngẫu nhiên; cùng hạt giống cho cùng kết quả.")
@click.option("--draws", type=int, default=4000, show_default=True, help="Số tình huống.")
@as_json
def forecast_rate(
    counts: Path, as_of: str, horizon: str, target: float | None, lower_is_better: bool, seed: int, draws: int, json_out: bool
) -> int:
    """Dự báo tỷ lệ 12 tháng của từng đơn vị từ bảng tháng bất kỳ (unit,period,successes,trials)."""
    from apps.tables.forecast_rate import show
    from flows.steps.forecast_rate import forecast_rate as run

    document = run(counts, as_of, horizon, target=target, lower_is_better=lower_is_better, seed=seed, draws=draws)
    say(document, json_out, show)
    return 0
