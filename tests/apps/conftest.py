"""Screens are tested at the width they have where nobody says one: test workers are given a `COLUMNS` of their own."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _no_given_width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
