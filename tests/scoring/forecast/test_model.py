"""The identities of a forecast: settled is exact, luck is common, nobody depends on the block or the neighbour."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from scoring.engine import score
from scoring.forecast.fitted import fit, needed
from scoring.forecast.model import Forecast, draw_block, drawn, forecast, good_code, p_at_least, widened
from scoring.forecast.summary import rank_matrix, summary_units
from scoring.rounding import to_units
from tests.scoring.forecast.districts import district, law

pytestmark = pytest.mark.slow

RULES = law()
SEPTEMBER = district(date(2023, 9, 30), units=5, volume=60.0)


@pytest.fixture(scope="module")
def autumn() -> Forecast:
    return forecast(SEPTEMBER, RULES, draws=2000, seed=7)


@pytest.mark.parametrize("definition", ["qd766", "ii06"])
@pytest.mark.parametrize("factor", [1.0, 1.6])
def test_at_the_years_end_it_is_the_score_to_the_digit(definition: str, factor: float) -> None:
    inputs = replace(district(date(2023, 12, 31), units=6), definition=definition)
    found = forecast(inputs, RULES, draws=200, factor=factor)
    known = inputs.measures[inputs.measures["numerator"].notna()]
    scores = score(known, inputs.declarations, RULES, inputs.units).totals
    assert np.array_equal(found.totals, np.tile(to_units(scores["total"].to_numpy()), (200, 1)))
    assert np.array_equal(found.ranks, np.tile(scores["rank"].to_numpy(dtype=np.int64), (200, 1)))
    assert [RULES.bands.grades[code] for code in found.grades[0]] == list(scores["grade"])


def test_today_is_where_every_draw_starts(autumn: Forecast) -> None:
    block = draw_block(fit(SEPTEMBER, RULES), SEPTEMBER.units, 300, 7)
    for name in needed(RULES):
        now, end = block.now[name], block.measures[name]
        assert np.all(end.numerator >= now.numerator), name
        if not np.isnan(now.denominator).any():
            assert np.all(end.denominator >= now.denominator), name
            assert np.all(end.numerator <= end.denominator), name


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(autumn: Forecast) -> None:
    again = forecast(SEPTEMBER, RULES, draws=2000, seed=7)
    assert again.totals.tobytes() == autumn.totals.tobytes()
    assert again.lines.equals(autumn.lines)
    assert forecast(SEPTEMBER, RULES, draws=2000, seed=8).totals.tobytes() != autumn.totals.tobytes()


def test_the_first_draws_of_many_are_the_draws_of_few(autumn: Forecast) -> None:
    assert np.array_equal(forecast(SEPTEMBER, RULES, draws=500, seed=7).totals, autumn.totals[:500])


def test_more_draws_move_the_middle_by_no_more_than_its_error(autumn: Forecast) -> None:
    many = forecast(SEPTEMBER, RULES, draws=8000, seed=7)
    few, lots = (summary_units(found.totals, [500])[1] for found in (autumn, many))
    error = 1.2533 * autumn.totals.std(axis=0) / np.sqrt(2000)
    assert np.all(np.abs(few - lots) <= 4 * error + 1)


def test_places_and_communes_share_all_probability(autumn: Forecast) -> None:
    matrix = rank_matrix(autumn.ranks)
    assert matrix.sum(axis=0) == pytest.approx(np.ones(5))
    assert matrix.sum(axis=1) == pytest.approx(np.ones(5))


def test_a_commune_drawn_alone_has_the_luck_it_has_among_others() -> None:
    fitted = fit(SEPTEMBER, RULES)
    together = draw_block(fitted, SEPTEMBER.units, 400, 3)
    for k in (0, 3):
        alone = draw_block(fitted, SEPTEMBER.units[k : k + 1], 400, 3)
        assert np.array_equal(alone.scored.total[:, 0], together.scored.total[:, k])


def test_blocks_change_nothing(autumn: Forecast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scoring.forecast.model.CELLS", 2000 * 2)
    parted = forecast(SEPTEMBER, RULES, draws=2000, seed=7)
    assert np.array_equal(parted.totals, autumn.totals)
    assert np.array_equal(parted.ranks, autumn.ranks)


def test_a_factor_widens_and_keeps_the_middle(autumn: Forecast) -> None:
    wide = forecast(SEPTEMBER, RULES, draws=2000, seed=7, factor=1.5)
    assert np.array_equal(summary_units(wide.totals, [500])[1], summary_units(autumn.totals, [500])[1])
    assert np.all(wide.totals.std(axis=0) > 1.3 * autumn.totals.std(axis=0))


def test_widened_afterwards_is_what_is_drawn_with_the_factor(autumn: Forecast) -> None:
    once, later = forecast(SEPTEMBER, RULES, draws=2000, seed=7, factor=1.5), widened(autumn, 1.5)
    for name in ("totals", "grades", "ranks", "grading", "basis"):
        assert np.array_equal(getattr(later, name), getattr(once, name)), name
    assert np.array_equal(widened(autumn, 1.0).totals, autumn.totals)


def test_the_plain_model_needs_no_other_estimate() -> None:
    fitted = replace(fit(SEPTEMBER, RULES), plain=True)
    plain = forecast(SEPTEMBER, RULES, draws=300, plain=True)
    assert np.array_equal(drawn(fitted, draws=300).totals, plain.totals)
    assert not np.array_equal(plain.totals, forecast(SEPTEMBER, RULES, draws=300).totals)


def test_doubt_shrinks_as_the_year_goes_by() -> None:
    spreads = [
        forecast(district(day, units=4), RULES, draws=1000).totals.std(axis=0).mean()
        for day in (date(2023, 3, 31), date(2023, 11, 30), date(2023, 12, 31))
    ]
    assert spreads[0] > spreads[1] > spreads[2] == 0


def test_a_better_grade_counts_as_at_least_good(autumn: Forecast) -> None:
    codes = np.array([[0, 1, -1], [1, 2, 0]], dtype=np.int8)
    assert p_at_least(codes, 1).tolist() == [1.0, 0.5, 0.5]
    assert good_code(RULES, "Tốt") == 0
    with pytest.raises(ValueError, match="not in tuple"):
        good_code(RULES, "Không có")


def test_the_share_of_late_dossiers_ends_about_where_it_has_been(autumn: Forecast) -> None:
    block = draw_block(fit(SEPTEMBER, RULES), SEPTEMBER.units, 2000, 7)
    end = block.measures["overdue_rate"]
    panel = SEPTEMBER.panels["overdue_rate"]
    usual = panel.successes[:, -12:].sum(axis=1) / panel.trials[:, -12:].sum(axis=1)
    assert np.mean(end.numerator / end.denominator, axis=0) == pytest.approx(usual, abs=0.012)


def test_late_dossiers_of_finished_ones_alone_come_as_they_did_whatever_is_overdue_and_open() -> None:
    """What is late and open today will mostly be finished by the end, and as many others will be late and open then."""
    overdue = SEPTEMBER.open.assign(days_left=-20, late=False, counted=False)
    inputs = replace(SEPTEMBER, definition="opencps", open=overdue)
    block = draw_block(fit(inputs, RULES), inputs.units, 2000, 7)
    end, now, panel = block.measures["overdue_rate"], block.now["overdue_rate"], inputs.panels["overdue_rate"]
    came = (end.numerator - now.numerator).mean(axis=0) / (end.denominator - now.denominator).mean(axis=0)
    assert came == pytest.approx(panel.successes[:, -12:].sum(axis=1) / panel.trials[:, -12:].sum(axis=1), abs=0.02)


def test_dossiers_that_the_definition_does_not_count_bring_no_late_ones() -> None:
    doubled = replace(SEPTEMBER, received=2 * SEPTEMBER.received, resolved=2 * SEPTEMBER.resolved, open=SEPTEMBER.open.iloc[:0])
    block = draw_block(fit(doubled, RULES), doubled.units, 2000, 7)
    end, now, panel = block.measures["overdue_rate"], block.now["overdue_rate"], doubled.panels["overdue_rate"]
    came = (end.numerator - now.numerator).mean() / (end.denominator - now.denominator).mean()
    assert came == pytest.approx(panel.successes[:, -12:].sum() / panel.trials[:, -12:].sum(), rel=0.25)


@pytest.mark.parametrize("definition", ["qd766", "opencps"])
def test_without_a_working_day_left_no_dossier_comes_or_goes(definition: str) -> None:
    rest = replace(SEPTEMBER.calendar, left=np.zeros(len(SEPTEMBER.calendar.left)))
    inputs = replace(SEPTEMBER, calendar=rest, definition=definition, open=SEPTEMBER.open.assign(days_left=5, late=False))
    block = draw_block(fit(inputs, RULES), inputs.units, 300, 7)
    for name in ("online_rate", "digitised_rate", "overdue_rate"):
        end, now = block.measures[name], block.now[name]
        assert (end.numerator == now.numerator).all() and (end.denominator == now.denominator).all()


def test_a_measure_of_which_no_month_is_known_stays_as_it_is() -> None:
    inputs = replace(SEPTEMBER, panels={})
    block = draw_block(fit(inputs, RULES), inputs.units, 100, 7)
    for name in ("overdue_rate", "online_rate"):
        assert np.array_equal(block.measures[name].numerator, block.now[name].numerator)
