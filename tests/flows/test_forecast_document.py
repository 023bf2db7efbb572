"""Figures of a forecast's document."""

from __future__ import annotations

import json
import math

from flows.steps.forecast_document import _number


def test_no_figure_is_a_negative_zero() -> None:
    # The database gives −0.0 back as 0.0: a stored forecast would contradict its own digest.
    assert json.dumps([_number(value) for value in (-0.0, -1e-9, 0.0, -0.5)]) == "[0.0, 0.0, 0.0, -0.5]"
    assert _number(math.nan) is None is _number(None)
