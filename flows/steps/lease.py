"""One at a time: a named lock of the database, with a row that says who holds it, since when, and that he is alive.

The lock decides, the row only tells: a holder that died holds no lock, whatever his row says.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final

from flows.steps.home import ZONE, Home, now

#: Seconds between two signs of life.
BEAT_S: Final = 10.0
#: Of the night, and of the part of night and reaction that loads and publishes.
NIGHT: Final = "nightly"
CHAIN: Final = "chain"


@contextmanager
def held(home: Home, name: str, subject: str = "", *, wait: bool = False) -> Iterator[bool]:
    """Hold a lease; yields False when `wait` is off and somebody else holds it. Freed when this process dies, however it dies."""
    from warehouse import chain

    me = (socket.gethostname(), os.getpid())
    with home.database.session_lock(name, wait=wait) as mine:
        if not mine:
            yield False
            return
        with home.database.begin() as tx:
            chain.take_lease(tx, name, *me, subject, now())
        done = threading.Event()
        pulse = threading.Thread(target=_beat, args=(home, name, me, done), name=f"lease-{name}", daemon=True)
        pulse.start()
        try:
            yield True
        finally:
            done.set()
            pulse.join()
            _release(home, name, me)


def _beat(home: Home, name: str, me: tuple[str, int], done: threading.Event) -> None:
    """Say every BEAT_S that the holder is alive. A database that is away hears it later."""
    from warehouse import chain

    while not done.wait(BEAT_S):
        try:
            with home.database.begin() as tx:
                chain.beat_lease(tx, name, *me, now())
        except Exception:  # the work itself meets the same trouble and tells of it
            continue


def _release(home: Home, name: str, me: tuple[str, int]) -> None:
    from warehouse import chain

    try:
        with home.database.begin() as tx:
            chain.release_lease(tx, name, *me, now())
    except Exception:  # the lock falls with the session; what went wrong before is what people must hear of
        return


def holder(home: Home, name: str) -> dict[str, Any] | None:
    """Return who holds a lease at this moment: {holder, pid, subject, since}; None when nobody does."""
    from warehouse import chain

    with home.database.begin() as tx:
        row = chain.live_lease(tx, name)
    if row is None:
        return None
    return {"holder": row["holder"], "pid": row["pid"], "subject": row["subject"], "since": row["taken_at"]}


def said(row: dict[str, Any] | None) -> str:
    """Return since when and where a lease's holder is at work, as the end of a Vietnamese sentence; "" when it is not known."""
    if row is None:
        return ""
    since: datetime = row["since"].astimezone(ZONE)
    return f" từ {since:%H:%M} ngày {since:%d/%m/%Y} (máy {row['holder']}, tiến trình {row['pid']})"
