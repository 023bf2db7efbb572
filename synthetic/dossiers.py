"""The life of dossiers: how they arrive, are worked on and end."""

from __future__ import annotations

import datetime as dt

import numpy as np

from synthetic.names import pool_size
from synthetic.procedures import DESKS, procedures
from synthetic.profiles import DOSSIERS, Commune, Settings, drift, expit, logit, stream
from synthetic.worktime import WORKDAY, WorkClock

CHANNELS = ("direct", "online", "postal")
OUTCOMES = ("finished", "withdrawn", "refused", "stopped")
OFFICERS_PER_UNIT = len(DESKS) + 1  # the busiest desk has two
UNKNOWN = -1
FLAGS = ("paid_online", "components_digitised", "result_digitised", "result_electronic", "reused_data")
TIMES = (
    "submitted_at", "received_at", "first_due_at", "due_at", "internal_due_at", "finished_at", "returned_at",
    "supplement_at", "answered_at", "second_supplement_at", "second_answered_at",
)  # fmt: skip

Columns = dict[str, np.ndarray]


def _arrivals(rng: np.random.Generator, clock: WorkClock, year: int, total: int) -> tuple[np.ndarray, np.ndarray]:
    """Working seconds of receipt in order, and the distance in working days from the end of Tết of each."""
    days = clock.positions(dt.date(year, 1, 1), dt.date(year, 12, 31))
    stamps = clock.days[days].astype("datetime64[D]")
    month = stamps.astype("datetime64[M]").astype(int) % 12
    weekday = (clock.days[days] + 3) % 7
    weight = np.ones(len(days))
    weight *= np.array([1.0, 0.95, 1.05, 1.0, 1.0, 1.05, 1.15, 1.2, 1.05, 1.0, 1.05, 1.2])[month]
    weight *= np.array([1.2, 1.05, 1.0, 0.95, 0.9, 0.5, 0.5])[weekday]
    since_tet = days - clock.tet(year)
    weight *= np.where((since_tet >= -6) & (since_tet < 0), 0.45, 1.0)
    weight *= np.where((since_tet >= 0) & (since_tet < 5), 0.6, 1.0)
    per_day = rng.multinomial(total, weight / weight.sum())
    office = (WORKDAY * 0.97 * rng.beta(1.5, 1.8, total)).astype(np.int64)
    received = np.repeat(days, per_day) * WORKDAY + office
    return np.sort(received), np.repeat(since_tet, per_day)


def commune_year(
    commune: Commune, year: int, seed: int, clock: WorkClock, settings: Settings, count: int | None = None
) -> Columns:
    """Full lives of the dossiers one commune receives in one year.

    `count` fixes how many; otherwise the commune's volume does. Grain: one element per dossier, in order of receipt. Units: times in local seconds (`TIMES`, -1 = never),
    flags 1/0/-1 (unknown), fee in VND (-1 = unknown), codes as positions.
    """
    rng = stream(seed, commune.number, year, DOSSIERS)
    listed = procedures()
    quality = commune.quality
    late_drift, online_drift = drift(seed, commune.number, year, settings)
    if count is None:
        volume = commune.volume * settings.scale * (1 + settings.volume_growth) ** (year - 2023)
        count = int(rng.poisson(volume * float(np.exp(rng.normal(0.0, 0.03)))))
    received, since_tet = _arrivals(rng, clock, year, count)
    n = len(received)
    progress = np.linspace(0.0, 1.0, n)  # how far the year has gone
    month = clock.to_local(received).astype("datetime64[s]").astype("datetime64[M]").astype(int) % 12

    mix = np.cumsum([p.share for p in listed])
    procedure = np.minimum(np.searchsorted(mix, rng.random(n)), len(listed) - 1)
    days = np.array([p.max_working_days for p in listed])[procedure]
    desk = np.array([p.desk for p in listed])[procedure]
    willing = np.array([p.online for p in listed])[procedure]

    # channel
    share = expit(logit(0.12 + 0.45 * quality) + online_drift + 0.9 * (progress - 0.5) + _monthly(rng, settings, month))
    online = rng.random(n) < np.clip(share * willing, 0.0, 0.97)
    postal = ~online & (rng.random(n) < 0.01 + 0.04 * quality)
    channel = np.where(online, 1, np.where(postal, 2, 0))

    # officers and the time allowed
    second = (desk == 0) & (rng.random(n) < 0.45)
    officer = np.where(second, len(DESKS), desk)
    slowness = stream(0, commune.number, 0, DOSSIERS).normal(0.0, 0.45, OFFICERS_PER_UNIT)[officer]
    same_day = (days == 0) & (received % WORKDAY > WORKDAY * 0.75)  # after 15:00: the next morning will do
    allowed = np.where(days == 0, np.where(same_day, WORKDAY // 2, WORKDAY // 3), days * WORKDAY)

    # supplements: asked early, answered after some days; once answered the appointment moves by the time waited
    asked = (rng.random(n) < 0.03 + 0.05 * (1 - quality)) & (days > 0)
    twice = asked & (rng.random(n) < 0.03 + 0.10 * (1 - quality))
    never = asked & (rng.random(n) < 0.02)
    supplement = received + (allowed * (0.1 + 0.3 * rng.random(n))).astype(np.int64)
    answered = supplement + (WORKDAY * (0.1 + rng.exponential(2.0, n))).astype(np.int64)
    supplement2 = answered + (WORKDAY * 0.2 * rng.random(n)).astype(np.int64)
    answered2 = supplement2 + (WORKDAY * (0.1 + rng.exponential(1.5, n))).astype(np.int64)
    first_due = received + allowed
    last_answer = np.where(twice, answered2, answered)
    allowed = allowed + np.where(asked & ~never, last_answer - supplement, 0)
    due = received + allowed

    # late or not
    due_day = clock.days[np.minimum(due // WORKDAY, len(clock.days) - 1)].astype("datetime64[D]")
    month_end = (due_day + 4).astype("datetime64[M]") != due_day.astype("datetime64[M]")
    hard = np.array([p.hard for p in listed])[procedure]
    odds = logit(0.052 * np.exp(-2.35 * quality)) + np.log(settings.late_level) + hard + slowness + late_drift
    odds = odds + 0.45 * month_end + 0.7 * ((since_tet > -10) & (since_tet < 8)) + 0.25 * (month == 11)
    late = rng.random(n) < expit(odds + _monthly(rng, settings, month))
    pace = np.clip(rng.beta(4.0, 2.2, n), 0.03, 0.995)
    over = WORKDAY * (0.05 + rng.exponential(2.2, n)) + rng.exponential(0.08, n) * allowed
    finished = received + np.where(late, allowed + over, allowed * pace).astype(np.int64)
    finished = np.where(late & (rng.random(n) < 0.03), finished + 60 * WORKDAY, finished)  # forgotten ones
    finished = np.where(asked, np.maximum(finished, last_answer + 900), finished)

    # how it ends
    draw = rng.random(n)
    outcome = np.select([draw < 0.006, draw < 0.010, draw < 0.0115], [1, 2, 3], 0)
    patient = np.maximum(due - finished, 0) * rng.random(n)  # most people come before the appointment is over
    collected = np.where(rng.random(n) < 0.99, np.minimum(rng.exponential(0.35, n) * WORKDAY, patient), 0.9 * WORKDAY)
    collected = 120 + np.where(online & (rng.random(n) < 0.9), rng.exponential(300, n), collected)
    returned = clock.to_local(finished + collected.astype(np.int64))
    no_return = (outcome != 0) | (rng.random(n) < 0.01)

    # money and electronic copies
    fee = np.array([p.fee for p in listed])[procedure] * np.where(procedure < 2, rng.integers(1, 6, n), 1)
    fee = np.where(rng.random(n) < 0.06, 0, fee)
    pays = expit(logit(0.20 + 0.5 * quality) + 0.5 * online_drift + 1.2 * (progress - 0.5))
    paid = (fee > 0) & (rng.random(n) < np.where(online, pays, 0.12 * pays))
    components = rng.random(n) < np.clip(0.30 + 0.47 * quality + 0.2 * (progress - 0.5), 0, 0.98)
    result = (outcome == 0) & (rng.random(n) < np.clip(0.33 + 0.5 * quality + 0.2 * (progress - 0.5), 0, 0.98))
    gap = np.where(online, rng.exponential(9000, n), np.where(postal, 86_400 + rng.exponential(40_000, n), 0))
    received_local = clock.to_local(received)
    no_due = rng.random(n) < 0.006
    unknown = rng.random((3, n)) < 0.004

    def when(work: np.ndarray, present: np.ndarray) -> np.ndarray:
        return np.where(present, clock.to_local(work), -1)

    return {
        "unit": np.full(n, commune.number, dtype=np.int32),
        "day_counter": _day_counter(received // WORKDAY),
        "procedure": np.where(no_due & (rng.random(n) < 0.1), UNKNOWN, procedure).astype(np.int8),
        "channel": channel.astype(np.int8),
        "officer_slot": officer.astype(np.int8),
        "outcome": outcome.astype(np.int8),
        "applicant": rng.integers(0, pool_size(), n, dtype=np.int32),
        "fee_amount": np.where(unknown[0], -1, fee).astype(np.int32),
        "paid_online": np.where(unknown[1], -1, paid).astype(np.int8),
        "components_digitised": np.where(unknown[2], -1, components).astype(np.int8),
        "result_digitised": result.astype(np.int8),
        "result_electronic": (result & (rng.random(n) < 0.9)).astype(np.int8),
        "reused_data": (components & (rng.random(n) < 0.1 + 0.3 * quality)).astype(np.int8),
        "submitted_at": np.where(online | postal, received_local - gap.astype(np.int64), received_local),
        "received_at": received_local,
        "first_due_at": when(first_due, ~no_due),
        "due_at": when(due, ~no_due),
        "internal_due_at": when(received + ((first_due - received) * 0.8).astype(np.int64), ~no_due & (days > 1)),
        "finished_at": when(finished, ~never),
        "returned_at": np.where(no_return | never, -1, returned),
        "supplement_at": when(supplement, asked),
        "answered_at": when(answered, asked & ~(never & ~twice)),
        "second_supplement_at": when(supplement2, twice),
        "second_answered_at": when(answered2, twice & ~never),
    }


def _monthly(rng: np.random.Generator, settings: Settings, month: np.ndarray) -> np.ndarray:
    """Logit noise shared by all dossiers of a month."""
    return np.asarray(rng.normal(0.0, settings.noise, 12)[month])


def _day_counter(day: np.ndarray) -> np.ndarray:
    """1, 2, 3 … within each day of an ordered array of days."""
    start = np.flatnonzero(np.r_[True, day[1:] != day[:-1]]) if len(day) else np.array([], dtype=int)
    lengths = np.diff(np.r_[start, len(day)])
    return (np.arange(len(day)) - np.repeat(start, lengths) + 1).astype(np.int32)
