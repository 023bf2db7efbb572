"""Ends what `cchc up` started when `cchc up` itself was killed. Started by path, standard library only.

It waits on a pipe that the supervisor holds: the kernel closes it however the supervisor dies. Children are known by a mark
in their environment, which their own children inherit. It holds the home's lock of `cchc up` until they are gone, so that the
next one starts on a clean table.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

MARK = "CCHC_UP"
#: Seconds a child gets to end its transaction, and then to be gone.
PATIENCE_S = 20.0
_HARD_S = 5.0


def marked(mark: str) -> list[int]:
    """Return the live processes whose environment holds the mark, without this one."""
    wanted = f"{MARK}={mark}".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "environ").read_bytes().split(b"\0")
            state = (entry / "stat").read_bytes().rpartition(b")")[2].split()[0]
        except (OSError, IndexError):  # gone, or somebody else's
            continue
        if wanted in words and state not in (b"Z", b"X") and int(entry.name) != os.getpid():
            found.append(int(entry.name))
    return found


def end(mark: str, patience: float = PATIENCE_S, spared: int = 0) -> None:
    """Ask every marked process to end, then make it; returns when none is left. spared: the number of one that stays."""
    for number, seconds in ((signal.SIGTERM, patience), (signal.SIGKILL, _HARD_S)):
        asked: set[int] = set()
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            left = [pid for pid in marked(mark) if pid != spared]
            if not left:
                return
            for pid in left:
                if pid not in asked or number == signal.SIGKILL:
                    asked.add(pid)
                    try:
                        os.kill(pid, number)
                    except ProcessLookupError:
                        continue
            time.sleep(0.1)


def main() -> None:
    while os.read(0, 4096):
        continue
    end(sys.argv[1])


if __name__ == "__main__":
    main()
