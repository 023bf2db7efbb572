"""`cchc forecast` and `cchc forecast-verify`."""

from __future__ import annotations

import click

from apps.help import Command
from apps.options import (
    as_json,
    home_of,
    question_of,
    question_options,
    say,
    year_option,
)

DIFFERS = 3


@click.command(cls=Command)
@year_option
@question_options
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
    draws, seed = DRAWS if draws is None else draws, SEED if seed is None else seed
    with show.progress("Dự báo", json_out) as advance:
        document = forecast_and_store(
            home, asked, criteria_set, draws=draws, seed=seed, commune=commune, origin="forecast", advance=advance
        )
    say(document, json_out, show_forecast)
    return 0


@click.command("forecast-verify", cls=Command)
@click.argument("forecast_id", metavar="[SỐ]", type=int, required=False)
@as_json
def forecast_verify(forecast_id: int | None, json_out: bool) -> int:
    """Làm lại dự báo đã lưu (một số, hoặc tất cả) từ công thức của nó rồi đối chiếu từng con số."""
    from apps import show
    from apps.tables.night import verified
    from flows.steps.forecast_again import verify

    with show.progress("Đối chiếu", json_out):
        document = verify(home_of(), forecast_id)
    say(document, json_out, verified)
    return DIFFERS if document["bad"] else 0
