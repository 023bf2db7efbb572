"""R19: whatever a figure does, an episode opens at most once and ends at most once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.alerts import (
    BETWEEN,
    BREACHED,
    CLEAR,
    DROPPED,
    FIGURES,
    OPEN,
    OVER,
    PENDING,
    RESOLVED,
    UNKNOWN,
    Episode,
    Timing,
    Track,
    figure,
    step,
)

START = datetime(2023, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
ORDER = {PENDING: 0, OPEN: 1, DROPPED: 2, RESOLVED: 2}
timings = st.builds(
    Timing,
    lasts=st.integers(0, 30).map(lambda n: n * HOUR),
    clear_for=st.integers(0, 30).map(lambda n: n * HOUR),
    cool_down=st.integers(0, 60).map(lambda n: n * HOUR),
)
looks = st.lists(st.tuples(st.integers(-5, 20), st.sampled_from([BREACHED, BETWEEN, CLEAR, UNKNOWN, OVER])), max_size=40)


def replay(seen: list[tuple[int, str]], timing: Timing) -> list[list[tuple[datetime, Episode]]]:
    """Return, for each episode in turn, what it was after each look. Looks go on by some hours; a negative step is an older one."""
    track, at = Track(), START
    episodes: list[list[tuple[datetime, Episode]]] = []
    for hours, what in seen:
        moment = at + hours * HOUR
        before = track.live
        after = step(track, what, moment, timing)
        if after is not None:
            if before is None:
                episodes.append([])
            episodes[-1].append((moment, after))
        track = track.after(after, moment)
        at = max(at, moment)
    return episodes


@given(looks, timings)
def test_r19_one_opening_and_one_end_per_episode(seen: list[tuple[int, str]], timing: Timing) -> None:
    ended: datetime | None = None
    for episode in replay(seen, timing):
        states = [ORDER[each.state] for _, each in episode]
        assert states == sorted(states)
        assert len({each.opened_at for _, each in episode if each.opened_at}) <= 1
        assert sum(not each.live for _, each in episode) <= 1 and all(each.live for _, each in episode[:-1])
        assert len({each.breached_at for _, each in episode}) == 1
        last = episode[-1][1]
        if last.opened_at:
            assert last.opened_at - last.breached_at >= timing.lasts
            assert ended is None or last.opened_at - ended >= timing.cool_down
        if last.state == RESOLVED:
            assert last.opened_at and last.resolved_at and last.resolved_at >= last.opened_at
            ended = last.resolved_at
        if last.state == DROPPED:
            assert last.opened_at is None


@given(looks, timings)
def test_r19_a_look_repeated_changes_nothing(seen: list[tuple[int, str]], timing: Timing) -> None:
    """The same look a second time at the same moment: nothing opens, nothing ends, no episode is added."""
    twice = [pair for hours, what in seen for pair in ((hours, what), (0, what))]
    once_told = [[each for _, each in episode] for episode in replay([(max(h, 0), w) for h, w in seen], timing)]
    twice_told = [[each for _, each in episode] for episode in replay([(max(h, 0), w) for h, w in twice], timing)]
    assert [e[-1] for e in once_told if e[-1].opened_at] == [e[-1] for e in twice_told if e[-1].opened_at]


@given(looks, timings)
def test_r19_nobody_knows_is_neither_breach_nor_clear(seen: list[tuple[int, str]], timing: Timing) -> None:
    """Looks that see nothing, put anywhere, change no episode."""
    forward = [(max(hours, 0), what) for hours, what in seen]
    padded = [pair for hours, what in forward for pair in ((0, UNKNOWN), (hours, what))]
    plain = [[each for _, each in episode][-1] for episode in replay(forward, timing)]
    assert plain == [[each for _, each in episode][-1] for episode in replay(padded, timing)]


@given(looks, timings, st.lists(st.tuples(st.integers(-90, -1), st.sampled_from(FIGURES)), min_size=40, max_size=40))
def test_r19_an_older_look_undoes_nothing(seen: list[tuple[int, str]], timing: Timing, late: list[tuple[int, str]]) -> None:
    """Looks that come late, as of an earlier moment than the one before, change no episode."""
    forward = [(max(hours, 0), what) for hours, what in seen]
    padded = [pair for look, older in zip(forward, late) for pair in (look, older)]
    plain = [[each for _, each in episode][-1] for episode in replay(forward, timing)]
    assert plain == [[each for _, each in episode][-1] for episode in replay(padded, timing)]


@pytest.mark.parametrize(("sign", "below", "at", "above"), [
    (">=", CLEAR, BREACHED, BREACHED), (">", CLEAR, CLEAR, BREACHED), ("<=", BREACHED, BREACHED, CLEAR), ("<", BREACHED, CLEAR, CLEAR),
])  # fmt: skip
def test_r19_either_side_of_a_threshold(sign: str, below: str, at: str, above: str) -> None:
    assert [figure(value, 0.01, sign) for value in (0.009999, 0.01, 0.010001)] == [below, at, above]
    assert figure(12 / 1200, 0.01, sign) == at  # exactly one percent, whatever its float


@pytest.mark.parametrize(("value", "told"), [(0.8999, BREACHED), (0.9, BETWEEN), (0.9049, BETWEEN), (0.905, CLEAR)])
def test_r19_hysteresis_to_the_digit(value: float, told: str) -> None:
    assert figure(value, 0.9, "<", 0.005) == told


def test_r19_missing_is_unknown() -> None:
    assert figure(None, 0.9) == figure(0.9, None) == figure(float("nan"), 0.9) == UNKNOWN


@pytest.mark.parametrize(("seconds", "state"), [(-1, PENDING), (0, OPEN), (1, OPEN)])
def test_r19_for_long_enough_to_the_second(seconds: int, state: str) -> None:
    timing, track = Timing(lasts=20 * HOUR), Track()
    track = track.after(step(track, BREACHED, START, timing), START)
    found = step(track, BREACHED, START + 20 * HOUR + timedelta(seconds=seconds), timing)
    assert found is not None and found.state == state


@pytest.mark.parametrize(("seconds", "state"), [(-1, OPEN), (0, RESOLVED), (1, RESOLVED)])
def test_r19_clear_for_long_enough_to_the_second(seconds: int, state: str) -> None:
    timing, track = Timing(clear_for=20 * HOUR), Track()
    for moment, what in ((START, BREACHED), (START + HOUR, CLEAR)):
        track = track.after(step(track, what, moment, timing), moment)
    found = step(track, CLEAR, START + 21 * HOUR + timedelta(seconds=seconds), timing)
    assert found is not None and found.state == state


@pytest.mark.parametrize(("seconds", "state"), [(-1, PENDING), (0, OPEN)])
def test_r19_after_the_cool_down_to_the_second(seconds: int, state: str) -> None:
    timing, track = Timing(cool_down=3 * HOUR), Track()
    for moment, what in ((START, BREACHED), (START + HOUR, CLEAR)):
        track = track.after(step(track, what, moment, timing), moment)
    assert track.live is None
    found = step(track, BREACHED, START + 4 * HOUR + timedelta(seconds=seconds), timing)
    assert found is not None and found.state == state
