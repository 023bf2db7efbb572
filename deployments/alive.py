"""`python -m deployments.alive runner|watch`: exit status 0 while that part of this machine says that it lives, else 1."""

from __future__ import annotations

import socket
import sys

from flows.steps.health import SILENT_S
from flows.steps.home import open_home
from warehouse import events
from warehouse.errors import DatabaseError


def alive(component: str) -> bool:
    """Return whether a part on this machine was heard lately. Raises: DatabaseError."""
    with open_home().database.begin() as tx:
        beats = events.beats(tx)
    return any(row["component"] == component and row["host"] == socket.gethostname() and row["age_s"] < SILENT_S for row in beats)


def main() -> None:
    """Answer by the exit status."""
    try:
        sys.exit(0 if alive(sys.argv[1]) else 1)
    except DatabaseError as problem:
        print(problem, file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
