"""Invented monthly tables of several kinds, the plain forecasts to beat, and the marks a forecast gets. Nothing here is data.

The model under test never sees how a table was made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from scoring.forecast.inputs import Panel
from scoring.forecast.rate_table import rate_table

Floats = NDArray[np.float64]
START = 24168  # January 2014
YEARS = 7
MONTHS = START + np.arange(12 * YEARS)
POINTS = ("run-rate", "last year")


@dataclass(frozen=True)
class Score:
    """One origin of one table: mean CRPS of the model and of each plain forecast, coverage and units counted."""

    to_go: int
    model: float
    plain: dict[str, float]
    in80: float
    in95: float
    units: int


def walk(luck: np.random.Generator, shape: tuple[int, ...], keep: float, step: float) -> Floats:
    """An AR(1) along the last axis that starts in its long-run spread (or at 0 when it is a walk)."""
    out = np.zeros(shape)
    state = luck.normal(0, step / np.sqrt(1 - keep**2), shape[:-1]) if keep < 1 else np.zeros(shape[:-1])
    for month in range(shape[-1]):
        state = keep * state + luck.normal(0, step, shape[:-1])
        out[..., month] = state
    return out


def counted(luck: np.random.Generator, eta: Floats, usual: Floats, season: float = 0.1) -> Panel:
    units, length = eta.shape
    shape = np.exp(
        season * np.cos(2 * np.pi * (np.arange(length) + luck.integers(12)) / 12) + luck.normal(0, 0.05, (units, length))
    )
    trials = luck.poisson(usual[:, None] * shape).astype(np.float64)
    return Panel(luck.binomial(trials.astype(np.int64), expit(eta)).astype(np.float64), trials)


def hospital(luck: np.random.Generator) -> Panel:
    n, t = 60, MONTHS.size
    winter = -0.25 * np.cos(2 * np.pi * (np.arange(t) - 0.5) / 12)
    common = 2.6 - 0.012 * np.arange(t) + walk(luck, (t,), 1.0, 0.04) + winter + luck.normal(0, 0.04, t)
    common[63:] -= 0.6 * 0.93 ** np.arange(t - 63)
    own = (
        luck.normal(0, 0.5, (n, 1))
        + walk(luck, (n, t), 0.97, 0.1)
        + luck.normal(0, 0.08, (n, t))
        + luck.normal(0, 0.25, (n, 1)) * winter
    )
    return counted(luck, common + own, luck.lognormal(8.8, 0.6, n))


def airline(luck: np.random.Generator) -> Panel:
    n, t = 15, MONTHS.size
    season = luck.normal(0, 0.3, 12)[MONTHS % 12]
    common = 1.4 + season + walk(luck, (t,), 0.3, 0.22)
    own = luck.normal(0, 0.35, (n, 1)) + walk(luck, (n, t), 0.9, 0.06) + luck.normal(0, 0.13, (n, t))
    own += luck.normal(0, 0.1, (n, 12))[:, MONTHS % 12]
    return counted(luck, common + own, luck.lognormal(9.8, 1.0, n))


def commune(luck: np.random.Generator) -> Panel:
    n, t = 13, MONTHS.size
    base = luck.choice([-4.0, -2.5, 0.0, 1.5, 3.0])
    growth = luck.choice([0.0, 0.01, 0.03]) * np.arange(t)
    own = luck.normal(0, 0.5, (n, 1)) + walk(luck, (n, t), 0.95, 0.08) + luck.normal(0, 0.25, (n, t))
    return counted(luck, base + growth + walk(luck, (t,), 1.0, 0.05) + own, np.exp(luck.uniform(np.log(3), np.log(300), n)), 0.2)


def cancer(luck: np.random.Generator) -> Panel:
    n, t = 120, MONTHS.size
    common = 2.5 - 0.006 * np.arange(t) + luck.normal(0, 0.06, t)
    own = luck.normal(0, 0.4, (n, 1)) + walk(luck, (n, t), 0.95, 0.1) + luck.normal(0, 0.15, (n, t))
    return counted(luck, common + own, np.exp(luck.uniform(np.log(3), np.log(50), n)))


def huge(luck: np.random.Generator) -> Panel:
    n, t = 20, MONTHS.size
    own = luck.normal(0, 0.8, (n, 1)) + walk(luck, (n, t), 1.0, 0.015) + luck.normal(0, 0.03, (n, t))
    return counted(luck, -1.0 + walk(luck, (t,), 1.0, 0.01) + own, np.exp(luck.uniform(np.log(1e3), np.log(3e5), n)))


def gappy(luck: np.random.Generator) -> Panel:
    n, t = 40, MONTHS.size
    own = luck.normal(0, 0.6, (n, 1)) + walk(luck, (n, t), 0.95, 0.1) + luck.normal(0, 0.15, (n, t))
    panel = counted(luck, 1.0 + walk(luck, (t,), 1.0, 0.05) + own, luck.lognormal(4.5, 1.3, n))
    gone = luck.random((n, t)) < 0.08
    for unit in range(0, n, 4):
        gone[unit, : luck.integers(20, 75)] = True
    for unit in range(1, n, 5):
        gone[unit, luck.integers(40, 80) :] = True
    return Panel(np.where(gone, np.nan, panel.successes), np.where(gone, np.nan, panel.trials))


def shock(luck: np.random.Generator) -> Panel:
    n, t = 25, MONTHS.size
    common = 1.5 + 0.15 * np.cos(2 * np.pi * np.arange(t) / 12) + luck.normal(0, 0.06, t)
    depth = np.zeros(t)
    depth[62:65] = -1.3
    depth[65:] = -0.9 * 0.85 ** np.arange(t - 65)
    own = luck.normal(0, 0.4, (n, 1)) + walk(luck, (n, t), 0.9, 0.06) + luck.lognormal(0, 0.3, (n, 1)) * depth
    return counted(luck, common + own + luck.normal(0, 0.06, (n, t)), luck.lognormal(6.5, 1.0, n))


def drift(luck: np.random.Generator) -> Panel:
    n, t = 30, MONTHS.size
    slope = luck.normal(0.008, 0.008, (n, 1))
    own = luck.normal(-1.0, 0.5, (n, 1)) + slope * np.arange(t) + luck.normal(0, 0.08, (n, t))
    return counted(luck, own + luck.normal(0, 0.05, t), luck.lognormal(6.0, 1.0, n))


def spiky(luck: np.random.Generator) -> Panel:
    n, t = 20, MONTHS.size
    common = 1.2 + 0.12 * luck.standard_t(3, t) + walk(luck, (t,), 0.9, 0.04)
    own = luck.normal(0, 0.4, (n, 1)) + 0.15 * luck.standard_t(3, (n, t)) + walk(luck, (n, t), 0.9, 0.05)
    return counted(luck, common + own, luck.lognormal(7, 1.0, n))


def alone(luck: np.random.Generator) -> Panel:
    t = MONTHS.size
    return counted(luck, (0.5 + walk(luck, (t,), 0.95, 0.08) + luck.normal(0, 0.1, t))[None], np.array([300.0]))


WORLDS: dict[str, Callable[[np.random.Generator], Panel]] = {
    "hospital": hospital, "airline": airline, "commune": commune, "cancer": cancer, "huge": huge, "gappy": gappy,
    "shock": shock, "drift": drift, "spiky": spiky, "alone": alone,
}  # fmt: skip


def crps(draws: Floats, truth: Floats) -> Floats:
    """CRPS (N,) of draws (D, N), exact for the sample's step function."""
    many = draws.shape[0]
    ordered = np.sort(draws, axis=0)
    spread = (ordered * (2 * np.arange(1, many + 1) - many - 1)[:, None]).sum(axis=0) / many**2
    return np.asarray(np.abs(draws - truth).mean(axis=0) - spread)


def _sums(panel: Panel, lo: int, hi: int) -> tuple[Floats, Floats]:
    part = slice(max(lo, 0), hi)
    return np.nansum(panel.successes[:, part], axis=1), np.nansum(panel.trials[:, part], axis=1)


def plain(panel: Panel, at: int, to_go: int, luck: np.random.Generator, draws: int) -> dict[str, Floats]:
    """Draws (D or 1, N) of the plain forecasts at the origin `at` (months known), `to_go` months before the window ends."""
    done, trials = _sums(panel, at + to_go - 12, at)
    before, before_trials = _sums(panel, at + to_go - 24, at + to_go - 12)
    recent, recent_trials = _sums(panel, at - 12, at)
    usual = (before / np.maximum(before_trials, 1))[before_trials > 0]
    middle = float(usual.mean()) if usual.size else 0.5
    last = np.where(before_trials > 0, before / np.maximum(before_trials, 1), middle)
    ytd = np.where(trials > 0, done / np.maximum(trials, 1), last)
    strength = 2.0
    if usual.size > 1:
        clear = max(float(usual.var() - (middle * (1 - middle) / before_trials[before_trials > 0]).mean()), 1e-6)
        strength = float(np.clip(middle * (1 - middle) / clear - 1, 1.0, 1e5))
    left = np.rint(recent_trials / 12 * to_go).astype(np.int64)
    out = {"run-rate": ytd[None], "last year": last[None]}
    for name, good, seen in (
        ("beta-binomial", done + 0.5, trials + 1.0),
        ("beta-bin. 12m", recent + 0.5, recent_trials + 1.0),
        ("pooled BB", done + strength * middle, trials + strength),
        ("pooled BB 12m", recent + strength * middle, recent_trials + strength),
    ):
        rate = luck.beta(np.maximum(good, 1e-3), np.maximum(seen - good, 1e-3), (draws, good.size))
        out[name] = (done + luck.binomial(left, rate)) / np.maximum(trials + left, 1)
    return out


def marks(panel: Panel, seed: int, to_gos: tuple[int, ...], test_years: tuple[int, ...], draws: int = 800) -> Iterator[Score]:
    """Score the model and the plain forecasts at every origin of the test years."""
    names = tuple(f"u{n}" for n in range(panel.trials.shape[0]))
    for year in test_years:
        for to_go in to_gos:
            at = 12 * (year + 1) - to_go
            end = 12 * (year + 1)
            good, all_trials = _sums(panel, end - 12, end)
            some = (all_trials > 0) & (np.nansum(panel.trials[:, :at], axis=1) > 0)
            past = Panel(panel.successes[:, :at], panel.trials[:, :at])
            table = rate_table(names, past, MONTHS[:at], int(MONTHS[at - 1]), int(MONTHS[end - 1]), seed, draws)
            truth = good[some] / all_trials[some]
            mine = table.rates[:, some]
            ends = np.quantile(mine, [0.025, 0.1, 0.9, 0.975], axis=0)
            luck = np.random.default_rng(seed)
            others = {k: float(crps(v[:, some], truth).mean()) for k, v in plain(panel, at, to_go, luck, draws).items()}
            yield Score(
                to_go, float(crps(mine, truth).mean()), others, float(((ends[1] <= truth) & (truth <= ends[2])).mean()),
                float(((ends[0] <= truth) & (truth <= ends[3])).mean()), int(some.sum()),
            )  # fmt: skip
