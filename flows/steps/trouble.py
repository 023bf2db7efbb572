"""Trouble that is nobody's fault and passes: a full disk, a database that is away. What it is called, and waiting for its end."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

FULL, AWAY = "disk_full", "database_away"
#: How long a file waits for the database to come back before the call gives up.
PATIENCE_S: Final = 90.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.2, 5.0
Answer = TypeVar("Answer")


def is_full(error: BaseException) -> bool:
    """Whether a disk is full, be it a folder's or the database's."""
    from warehouse import outage

    return (isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)) or outage.is_full(error)


def trouble(error: BaseException, root: Path) -> tuple[str, str] | None:
    """Return (code, Vietnamese sentence: what, where, what to do) of a trouble that passes; None when it is another error."""
    from warehouse import outage
    from warehouse.errors import DatabaseError

    if is_full(error):
        where = getattr(error, "filename", None)
        place = f"thư mục {where}" if where else f"ổ đĩa của cơ sở dữ liệu hoặc của {root}"
        text = f"Hết chỗ trên đĩa ở {place}; không có gì được ghi dở dang, các tệp vẫn nằm nguyên ở chỗ cũ."
        return FULL, f"{text} Hãy dọn bớt đĩa rồi chạy lại."
    if outage.is_away(error):
        if isinstance(error, DatabaseError):
            return error.code, str(error)
        return (
            AWAY,
            "Mất kết nối với cơ sở dữ liệu; không có gì được ghi dở dang, số liệu đã nạp vẫn nguyên. Hãy chạy lại sau ít phút.",
        )
    return None


def patiently(work: Callable[[], Answer]) -> Answer:
    """Return what a piece of work gives; when the database goes away meanwhile, do it again once it is back.

    The work must be one that may be done twice. Raises: what the work raises; after PATIENCE_S, that the database is away.
    """
    from warehouse import outage

    until, pause = None, _FIRST_PAUSE_S
    while True:
        try:
            return work()
        except Exception as error:
            if not outage.is_away(error):
                raise
            until = until or time.monotonic() + PATIENCE_S
            if time.monotonic() > until:
                raise
        time.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE_S)
