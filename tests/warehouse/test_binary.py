"""What is sent in binary COPY arrives as the same values that the text form would give."""

from __future__ import annotations

import datetime as dt
import io
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from warehouse import binary

pytestmark = pytest.mark.db
TYPES = {
    "a": "text", "b": "int2", "c": "int4", "d": "int8", "e": "numeric", "f": "bool", "g": "date", "h": "timestamptz",
    "i": "float8",
}  # fmt: skip
NUMBERS = (0.0, 8000.0, 0.1, 1e20, 123456789.123, 0.00001234, 10000.0, 99999999.9999, -5.25, 1e-7, None, 20000.0)


def arrays() -> dict[str, Any]:
    def zone(*parts: int) -> dt.datetime:
        return dt.datetime(*parts, tzinfo=dt.UTC)  # type: ignore[misc, arg-type]

    return {
        "a": pa.array(["", "Đại Lãnh", None, 'a,"b\n'] * 3, pa.string()),
        "b": pa.array([1, -2, None, 32767] * 3, pa.int64()),
        "c": pa.array([None, 2**31 - 1, -(2**31), 0] * 3, pa.int64()),
        "d": pa.array([2**62, None, -1, 0] * 3, pa.int64()),
        "e": pa.array(NUMBERS, pa.float64()),
        "f": pa.array([True, False, None, True] * 3, pa.bool_()),
        "g": pa.array([dt.date(1999, 1, 1), None, dt.date(2030, 12, 31), dt.date(1, 1, 1)] * 3, pa.date32()),
        "h": pa.array(
            [zone(1999, 12, 31, 23, 59, 59, 999999), None, zone(2024, 2, 29), zone(1900, 1, 1)] * 3, pa.timestamp("us", "UTC")
        ),
        "i": pa.array([1.5, None, -0.25, 0.0] * 3, pa.float64()),
    }


def test_values_arrive_unchanged(tmp_path_factory: pytest.TempPathFactory) -> None:
    from warehouse.engine import raw_connection

    home = Path(tmp_path_factory.mktemp("binary")) / ".cchc"
    connection = raw_connection(home, role="owner")
    given, columns = arrays(), list(TYPES)
    dictionary = {**given, "a": given["a"].dictionary_encode()}
    constants = {"a": "xin chào", "d": 5, "h": binary.INFINITY}
    with connection.cursor() as cursor:
        cursor.execute(
            "create temporary table x (a text, b int2, c int4, d int8, e numeric, f bool, g date, h timestamptz, i float8)"
        )

        def sent(values: dict[str, Any], fixed: dict[str, Any]) -> list[tuple[Any, ...]]:
            body = binary.encoded(values, len(NUMBERS), TYPES, fixed, columns)
            cursor.execute("truncate x")
            cursor.copy_expert("copy x from stdin with (format binary)", io.BytesIO(binary.HEADER + bytes(body) + binary.TRAILER))
            cursor.execute("select a, b, c, d, e::text, f, g, h::text, i from x")
            return cursor.fetchall()

        arrived = sent(given, {})
        for at, row in enumerate(arrived):
            expected = [given[name][at].as_py() for name in columns]
            assert row[:4] == tuple(expected[:4]) and row[5:7] == tuple(expected[5:7]) and row[8] == expected[8]
            assert (row[4] is None) == (expected[4] is None) and (row[4] is None or float(row[4]) == expected[4])
            assert row[7] is None or dt.datetime.fromisoformat(row[7]) == expected[7]
        assert [row[4] for row in arrived][:6] == ["0", "8000", "0.1", "100000000000000000000", "123456789.123", "0.00001234"]
        assert sent(dictionary, {}) == arrived
        assert {(row[0], row[3], row[7]) for row in sent(given, constants)} == {("xin chào", 5, "infinity")}
    connection.close()


def test_a_number_that_does_not_fit_is_refused() -> None:
    with pytest.raises(pa.ArrowInvalid):
        binary.encoded({"b": pa.array([40000])}, 1, TYPES, {}, ["b"])
