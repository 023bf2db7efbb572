"""`cchc forecast`."""

from __future__ import annotations

import click

from apps.help import Command
from apps.options import (
    as_json,
    as_of_option,
    criteria_option,
    definition_option,
    home_of,
    known_at_option,
    question_of,
    say,
    units_option,
    year_option,
)


@click.command(cls=Command)
@year_option
@as_of_option
@known_at_option
@criteria_option
@definition_option
@units_option
@click.option("--draws", type=int, help="Số tình huống mô phỏng (mặc định 10.000).")
@click.option("--seed", type=int, help="Hạt giống ngẫu nhiên; cùng hạt giống cho cùng kết quả.")
@click.option("--commune", metavar="C", help="Trang của một xã: khả năng, việc nên làm, hồ sơ cần cứu.")
@as_json
def forecast(
    year: int, as_of: str | None, known_at: str | None, criteria_set: str | None, definition: str | None, units_on: str | None,
    draws: int | None, seed: int | None, commune: str | None, json_out: bool,
) -> int:  # fmt: skip
    """Cuối năm xã được bao nhiêu điểm, xếp loại, hạng nào; chắc đến đâu; làm gì để đổi kết quả."""
    from apps import show
    from apps.tables.forecast import show as show_forecast
    from flows.steps.forecast import DRAWS, SEED
    from flows.steps.forecast_document import forecast_and_store

    asked, home = question_of(year, None, as_of, known_at, definition, criteria_set, units_on), home_of()
    with show.progress("Dự báo", json_out) as advance, home.database.begin() as tx:
        document = forecast_and_store(
            home, tx, asked, criteria_set, draws=draws or DRAWS, seed=SEED if seed is None else seed, commune=commune,
            origin="forecast", advance=advance,
        )  # fmt: skip
    say(document, json_out, show_forecast)
    return 0
