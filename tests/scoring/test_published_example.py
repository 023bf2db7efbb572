"""The composite against published figures: the Technology Achievement Index (TAI) of 23 countries.

Figures only, from:
[H] OECD/JRC, Handbook on Constructing Composite Indicators (2008), ISBN 978-92-64-04345-9: the data (table A.2), the
    weights of four methods (table 22), the ranks they give (table 23), the ranks without two indicators (table 41), and
    min-max values of one indicator (table 15).
[S] Saisana, Saltelli, Tarantola, J. R. Statist. Soc. A 168 (2005) 307–323, table 1: the goalposts of the eight indicators.
[U] UNDP, Human Development Report 2001: values of the TAI, here to two decimals as widely reprinted.
[B] EUSTAT, methodology of the Human Development Index (from HDR 2006): the education index of Brazil in 2004.
The contributions of single indicators to the TAI are not printed in these sources; that they add up is checked instead.
"""

from __future__ import annotations

import numpy as np
import pytest

from scoring import composite as comp
from scoring import flips

INDICATORS = ("patents", "royalties", "internet", "exports", "telephones", "electricity", "schooling", "university")
# [H] A.2, in the order of the indicators; telephones and electricity are decimal logarithms.
DATA = {
    "Finland": (187, 125.6, 200.2, 50.7, 3.08, 4.15, 10, 27.4),
    "United States": (289, 130, 179.1, 66.2, 3.00, 4.07, 12, 13.9),
    "Sweden": (271, 156.6, 125.8, 59.7, 3.10, 4.14, 11.4, 15.3),
    "Japan": (994, 64.6, 49, 80.8, 3.00, 3.86, 9.5, 10),
    "Korea": (779, 9.8, 4.8, 66.7, 2.97, 3.65, 10.8, 23.2),
    "Netherlands": (189, 151.2, 136, 50.9, 3.02, 3.77, 9.4, 9.5),
    "United Kingdom": (82, 134, 57.4, 61.9, 3.02, 3.73, 9.4, 14.9),
    "Canada": (31, 38.6, 108, 48.7, 2.94, 4.18, 11.6, 14.2),
    "Australia": (75, 18.2, 125.9, 16.2, 2.94, 3.94, 10.9, 25.3),
    "Singapore": (8, 25.5, 72.3, 74.9, 2.95, 3.83, 7.1, 24.2),
    "Germany": (235, 36.8, 41.2, 64.2, 2.94, 3.75, 10.2, 14.4),
    "Norway": (103, 20.2, 193.6, 19, 3.12, 4.39, 11.9, 11.2),
    "Ireland": (106, 110.3, 48.6, 53.6, 2.97, 3.68, 9.4, 12.3),
    "Belgium": (72, 73.9, 58.9, 47.6, 2.91, 3.86, 9.3, 13.6),
    "New Zealand": (103, 13, 146.7, 15.4, 2.86, 3.91, 11.7, 13.1),
    "Austria": (165, 14.8, 84.2, 50.3, 2.99, 3.79, 8.4, 13.6),
    "France": (205, 33.6, 36.4, 58.9, 2.97, 3.80, 7.9, 12.6),
    "Israel": (74, 43.6, 43.2, 45, 2.96, 3.74, 9.6, 11),
    "Spain": (42, 8.6, 21, 53.4, 2.86, 3.62, 7.3, 15.6),
    "Italy": (13, 9.8, 30.4, 51, 3.00, 3.65, 7.2, 13),
    "Czech Republic": (28, 4.2, 25, 51.7, 2.75, 3.68, 9.5, 8.2),
    "Hungary": (26, 6.2, 21.6, 63.5, 2.73, 3.46, 9.1, 7.7),
    "Slovenia": (105, 4, 20.3, 49.5, 2.84, 3.71, 7.1, 10.6),
}
# [S] table 1: observed minimum and maximum of 72 countries; the two logarithmic ones as written, in their own unit.
LOWEST = np.array([0, 0, 0, 0, np.log10(1), np.log10(22), 0.8, 0.1])
HIGHEST = np.array([994, 272.6, 232.4, 80.8, np.log10(901), np.log10(6969), 12.0, 27.4])
# [H] table 22: factor analysis, budget allocation, analytic hierarchy process.
WEIGHTS = {
    "EW": (1, 1, 1, 1, 1, 1, 1, 1),
    "FA": (0.17, 0.15, 0.11, 0.06, 0.08, 0.13, 0.13, 0.17),
    "BAP": (0.11, 0.11, 0.11, 0.18, 0.10, 0.06, 0.15, 0.18),
    "AHP": (0.09, 0.10, 0.07, 0.21, 0.05, 0.06, 0.18, 0.25),
}
# [H] table 23. Countries in the order of that table: as DATA, but Singapore before Canada and Australia.
ORDER = [*list(DATA)[:7], "Singapore", "Canada", "Australia", *list(DATA)[10:]]
RANKS = {
    "EW": list(range(1, 24)),
    "FA": [1, 2, 3, 4, 5, 6, 8, 11, 10, 7, 12, 9, 14, 15, 13, 16, 17, 18, 19, 20, 21, 23, 22],
    "BAP": [1, 2, 3, 5, 4, 8, 7, 6, 10, 11, 9, 13, 12, 14, 17, 15, 16, 18, 19, 21, 22, 20, 23],
    "AHP": [1, 3, 4, 5, 2, 11, 7, 6, 10, 9, 8, 16, 12, 13, 18, 15, 14, 17, 19, 21, 22, 20, 23],
}
# [H] table 41: without telephones and electricity, in the order of DATA.
WITHOUT_TWO = [1, 2, 3, 4, 5, 6, 7, 9, 10, 8, 11, 12, 13, 14, 15, 16, 17, 18, 19, 22, 21, 20, 23]
# [U]
TAI = {
    "Finland": 0.74, "United States": 0.73, "Sweden": 0.70, "Japan": 0.70, "Korea": 0.67, "Netherlands": 0.63,
    "United Kingdom": 0.61, "Australia": 0.59, "Canada": 0.59, "Germany": 0.58, "Norway": 0.58, "Ireland": 0.57,
    "Belgium": 0.55, "New Zealand": 0.55, "Austria": 0.54, "France": 0.54, "Israel": 0.51, "Spain": 0.48,
    "Czech Republic": 0.47, "Italy": 0.47, "Hungary": 0.46, "Slovenia": 0.46,
}  # fmt: skip
# [H] table 15, mean years of schooling, min-max over the 23 countries.
SCHOOLING = {
    "Finland": 0.59, "United States": 1.00, "Sweden": 0.88, "Japan": 0.49, "Korea": 0.76, "Canada": 0.92, "Singapore": 0.00,
    "Norway": 0.98, "Israel": 0.51, "Slovenia": 0.00,
}  # fmt: skip


def tai() -> comp.Composite:
    """The eight indicators on their goalposts, held within them as the index does."""
    raw = np.array(list(DATA.values()), dtype=float)
    shares = np.clip((raw - LOWEST) / (HIGHEST - LOWEST), 0.0, 1.0)
    count = len(DATA)
    return comp.Composite(
        tuple(DATA),
        INDICATORS,
        INDICATORS,
        np.full(8, 12.5),
        shares,
        np.zeros(count),
        np.zeros(count, dtype=np.int64),
        "total",
        6,
    )


def ranks_of(weights: tuple[float, ...]) -> list[int]:
    """Ranks in the order of table 23."""
    w = np.array(weights, dtype=float)
    found = dict(zip(DATA, comp.ranks(tai(), w / w.sum() * 100).tolist()))
    return [found[name] for name in ORDER]


def test_equal_weights_give_the_published_ranks() -> None:
    assert ranks_of(WEIGHTS["EW"]) == RANKS["EW"]


def test_budget_allocation_gives_the_published_ranks() -> None:
    assert ranks_of(WEIGHTS["BAP"]) == RANKS["BAP"]


@pytest.mark.parametrize("method", ["FA", "AHP"])
def test_rounded_weights_give_the_published_ranks_but_for_near_ties(method: str) -> None:
    """These weights are printed to two decimals: whatever rank differs must be one that their rounding can turn round."""
    c, printed = tai(), np.array(WEIGHTS[method])
    published = dict(zip(ORDER, RANKS[method]))
    found = dict(zip(ORDER, ranks_of(WEIGHTS[method])))
    differ = [name for name in ORDER if found[name] != published[name]]
    assert len(differ) <= 4 and all(abs(found[n] - published[n]) <= 2 for n in differ)
    rng = np.random.default_rng(1)
    possible = printed + rng.uniform(-0.005, 0.005, size=(4000, 8))
    drawn = comp.ranks(c, possible / possible.sum(axis=1, keepdims=True) * 100)
    for name in ORDER:
        column = drawn[:, list(DATA).index(name)]
        assert column.min() <= published[name] <= column.max(), name


def test_the_index_itself() -> None:
    """To two decimals; the printed logarithms are rounded too, which is worth up to a thousandth of the index."""
    c = tai()
    index = dict(zip(DATA, comp.weighted_mean(c.shares, c.weights)))
    for name, published in TAI.items():
        assert index[name] == pytest.approx(published, abs=0.005 + 0.001), name


def test_without_two_indicators() -> None:
    c = tai()
    kept = c.weights * [code not in ("telephones", "electricity") for code in INDICATORS]
    assert comp.ranks(c, kept).tolist() == WITHOUT_TWO


def test_dropping_one_after_the_other_is_dropping_two() -> None:
    """The published pair, reached by our own way of leaving one indicator out."""
    c = tai()
    less = comp.Composite(
        c.names, c.codes, c.sections, c.weights * [code != "telephones" for code in INDICATORS], c.shares, c.bonus, c.groups,
        c.basis, c.decimals,
    )  # fmt: skip
    assert comp.without_each(less)[INDICATORS.index("electricity")].tolist() == WITHOUT_TWO


def test_min_max_of_schooling() -> None:
    years = np.array([row[6] for row in DATA.values()])
    scaled = dict(zip(DATA, (years - years.min()) / (years.max() - years.min())))
    for name, published in SCHOOLING.items():
        assert scaled[name] == pytest.approx(published, abs=0.005 + 1e-9), name


def test_contributions_add_up_to_the_index() -> None:
    c = tai()
    parts = comp.contributions(c.shares, c.weights)
    assert np.allclose(parts.sum(axis=1), comp.weighted_mean(c.shares, c.weights))
    japan = parts[list(DATA).index("Japan")]
    assert japan[0] == pytest.approx(1 / 8) and japan[3] == pytest.approx(1 / 8), "Japan is the best in patents and exports"


def test_education_index_of_brazil() -> None:
    """[B]: two thirds of 0.886 and one third of 0.857 are 0.876."""
    parts = comp.contributions([0.886, 0.857], [2, 1])
    assert float(comp.weighted_mean([0.886, 0.857], [2, 1])) == pytest.approx(0.876, abs=5e-4)
    assert parts == pytest.approx([0.886 * 2 / 3, 0.857 / 3])


def test_finland_stays_first() -> None:
    """It is first under all four published weightings, so the least movement that dethrones it cannot be a small one."""
    c = tai()
    found = flips.flip(c, 0, 1)
    assert found.moved is not None and found.exact and found.moved > 1
    for method in WEIGHTS:
        assert ranks_of(WEIGHTS[method])[0] == 1
