"""Why a file cannot be used: one code for programs, one Vietnamese sentence for people."""

from __future__ import annotations


class Rejected(Exception):
    """A file that cannot be used. `message` names place and remedy and never repeats a cell's content."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason, self.message = reason, message
