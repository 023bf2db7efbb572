"""What went wrong with the database, told apart by what helps: waiting (it is away), or making room (its disk is full)."""

from __future__ import annotations

import errno
import os
from typing import Any, Final

from warehouse.errors import DatabaseError

#: Codes of our own errors that mean "not now".
_AWAY: Final = frozenset({"database_unreachable", "database_unreachable_embedded", "database_start_failed"})
#: SQLSTATE classes and codes of a server that stops, starts or drops a connection.
_STOPPING: Final = ("08", "57P01", "57P02", "57P03", "57P05")
_DISK_FULL: Final = "53100"
_NO_SPACE: Final = os.strerror(errno.ENOSPC)


def is_full(problem: BaseException) -> bool:
    """Whether the database's disk is full: a statement, or the start after it, found no room."""
    driver = _of_driver(problem)
    if driver is not None:
        return driver.pgcode == _DISK_FULL or _NO_SPACE in str(driver)
    return isinstance(problem, DatabaseError) and _NO_SPACE in str(problem)


def is_away(problem: BaseException) -> bool:
    """Whether the database is away or the connection to it was lost. Nothing of an open transaction is kept then."""
    import psycopg2

    if is_full(problem):
        return False
    if isinstance(problem, DatabaseError):
        return problem.code in _AWAY
    driver = _of_driver(problem)
    if driver is None:
        return False
    if driver.pgcode:
        return str(driver.pgcode).startswith(_STOPPING)
    # Without a code it was said by the driver, not by the server. A broken COPY is a plain DatabaseError.
    return isinstance(driver, psycopg2.OperationalError | psycopg2.InterfaceError) or type(driver) is psycopg2.DatabaseError


def _of_driver(problem: BaseException) -> Any:
    """The driver's own error, wrapped or not; None when it is none."""
    import psycopg2
    import sqlalchemy.exc

    if isinstance(problem, sqlalchemy.exc.DBAPIError):
        return problem.orig if isinstance(problem.orig, psycopg2.Error) else None
    return problem if isinstance(problem, psycopg2.Error) else None
