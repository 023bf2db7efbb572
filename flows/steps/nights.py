"""Which nights are due, which were missed, and making up for them. The table of nights decides, never who should have run them.

Night D begins at 01:00 of day D in Việt Nam. It is settled when a night came to a result (or was skipped) with an `as_of` from
then until the next night begins. Nights are expected from the moment a desk (`flows.watch`) first watched over the
installation: where people type `cchc nightly` when they like, none is missed.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Final

from flows.steps.home import ZONE, Home, now

if TYPE_CHECKING:
    from warehouse.database import Transaction

Advance = Callable[[str, int, int], None]
BEGINS: Final = time(1)
#: A night is late after these minutes, and the alarm is raised.
MISSED_AFTER: Final = timedelta(minutes=25)
#: A night that takes longer than this is stuck, whatever it says of itself.
HANGS: Final = timedelta(hours=2)
#: How far back missed nights are made up for; older ones are skipped.
BACKFILL: Final = timedelta(days=14)


def begin_of(day: date) -> datetime:
    """Return the instant at which a night begins."""
    return datetime.combine(day, BEGINS, ZONE)


def night_of(moment: datetime) -> date:
    """Return the night that an instant belongs to: the last one that has begun by then."""
    here = moment.astimezone(ZONE)
    return here.date() if here.time() >= BEGINS else here.date() - timedelta(1)


def due(tx: Transaction, moment: datetime) -> list[date]:
    """Return the nights that have begun by `moment`, are not settled and do not run now, oldest first: at most BACKFILL back."""
    running, _ = _running(tx)
    return [day for day in _unsettled(tx, moment) if day != running]


def missed(tx: Transaction, moment: datetime) -> list[date]:
    """Return the nights without a result that should have begun MISSED_AFTER ago or earlier, oldest first.

    One that runs now is none of them, until it has run for HANGS.
    """
    running, since = _running(tx)
    alive = running if since is not None and moment - since < HANGS else None
    return [day for day in _unsettled(tx, moment) if day != alive and begin_of(day) + MISSED_AFTER <= moment]


def _unsettled(tx: Transaction, moment: datetime, *, old: bool = False) -> list[date]:
    """Return the expected nights without a result, oldest first: not more than BACKFILL back, or (old) those before."""
    from warehouse import chain

    since = chain.nights_since(tx)
    if since is None:
        return []
    first, last = night_of(since) + timedelta(1), night_of(moment)
    settled = {night_of(as_of) for as_of in chain.settled_nights(tx, begin_of(first), now())}
    nights = (first + timedelta(n) for n in range((last - first).days + 1))
    return [day for day in nights if day not in settled and (begin_of(day) < moment - BACKFILL) is old]


def _running(tx: Transaction) -> tuple[date | None, datetime | None]:
    """Return the night that runs at this moment, and since when."""
    from flows.steps.lease import NIGHT
    from warehouse import chain

    lease = chain.live_lease(tx, NIGHT)
    kind, _, day = (lease["subject"] if lease else "").partition(":")
    return (date.fromisoformat(day), lease["taken_at"]) if lease and kind == "night" else (None, None)


def skip_old(home: Home, moment: datetime) -> list[date]:
    """Write down as skipped the expected nights that lie too far back. Returns them."""
    from warehouse import chain

    with home.database.begin() as tx:
        tx.lock("nights:skip")
        old = _unsettled(tx, moment, old=True)
        for day in old:
            chain.record_night(tx, begin_of(day), moment, moment, None, "skipped", {"reason": "too_old"})
    return old


def run_due(home: Home, *, grace: timedelta = timedelta(0), advance: Advance | None = None) -> list[dict[str, Any]]:
    """Run the nights that are due, oldest first, one after the other; [] when none is.

    The latest night runs as of now, so that what people find is of today, and only `grace` after it should have begun: its
    schedule comes first. An older one runs as of its own beginning, with all that is known by now: files that waited in the
    inbox count from the day they speak of. It leaves the reports alone. One that fails (it is written down as failed and
    stays due) does not keep the others from running. Returns the documents of `nightly`; stops at one that finds another night
    running. Raises: the first failure, after all were tried.
    """
    from flows.steps.nightly import nightly

    moment = now()
    skip_old(home, moment)
    with home.database.begin() as tx:
        waiting = due(tx, moment)
    done: list[dict[str, Any]] = []
    failures: list[Exception] = []
    for day in waiting:
        latest = day == night_of(moment)
        if latest and moment < begin_of(day) + grace:
            break
        try:
            document = nightly(home, None if latest else begin_of(day), advance=advance, past=not latest)
        except Exception as problem:
            failures.append(problem)
            continue
        if document["status"] == "running":
            break
        done.append({"night": day.isoformat(), **document})
    if failures:
        raise failures[0]
    return done
