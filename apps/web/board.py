"""The status of the installation, asked at most every few seconds however many ask, and never waited for long."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLong
from typing import Any, Final

from flows.steps.health import status, unanswered
from flows.steps.home import Home
from flows.steps.logs import Log

#: Seconds for which an answer is as good as new, and for which one is waited.
FRESH_S: Final = 3.0
PATIENCE_S: Final = 6.0


class Board:
    """Asks in a thread of its own: a database that hangs makes one thread wait, not the page."""

    def __init__(self, home: Home, log: Log) -> None:
        self._home, self._log = home, log
        self._asker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="status")
        self._lock = threading.Lock()
        self._asked: Future[dict[str, Any]] | None = None
        self._at = 0.0
        self._said = ""

    def read(self) -> dict[str, Any]:
        """Return the document of `flows.steps.health.status`."""
        with self._lock:
            old = self._asked is None or (self._asked.done() and time.monotonic() - self._at > FRESH_S)
            if old:
                self._asked, self._at = self._asker.submit(status, self._home), time.monotonic()
            asked = self._asked
        assert asked is not None
        try:
            document = asked.result(PATIENCE_S)
        except TooLong:
            document = unanswered(self._home)
        self._tell(document)
        return document

    def _tell(self, document: dict[str, Any]) -> None:
        """Log a change of the whole, once."""
        with self._lock:
            changed, self._said = document["status"] != self._said, document["status"]
        if changed:
            wrong = {check.name: check.code for check in document["checks"] if check.state != "ok"}
            self._log.info("status", status=document["status"], wrong=wrong)
