"""Checks, conflicts, repeats, hashes, tokens, and what a parse leaves on disk."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from sources import checks, hashing
from sources.result import ParseResult, read_quarantine
from tests.sources import samples as s

FROZEN = [
    -6587825555045628261,
    -1859782706703217561,
    2457674419276197177,
    -7377199607929567141,
    4493959801676106769,
]


def rows(*changes: dict[int, str]) -> bytes:
    """Return the first standard row, once for each change of cells, each with a code of its own."""
    lines = [s.HEADER]
    for n, change in enumerate(changes):
        line = [f"H32.11-230301-{n:04d}", *s.ROWS[0][1:]]
        for at, text in change.items():
            line[at] = text
        lines.append(line)
    return s.csv_bytes(lines)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({7: "28/02/2023 10:00:00"}, "not_before"), ({4: "06/01/2024 08:00:00", 7: "07/01/2024 08:00"}, "not_after_received"),
        ({7: "06/01/2024 08:00:00"}, "not_after_received"), ({7: ""}, "not_null_if"), ({0: "mã có khoảng trắng"}, "pattern"),
        ({8: "Xã Không Có"}, "unknown_unit"), ({8: "20506"}, "unknown_unit"), ({0: ""}, "missing"), ({4: "03/25/2023"}, "unreadable"),
    ],
)  # fmt: skip
def test_each_rule_quarantines_its_row(change: dict[int, str], rule: str, tmp_path: Path) -> None:
    result = s.read(rows({}, change, {}), tmp_path)
    assert (result.rows_read, result.rows_ok) == (3, 2)
    assert {(entry["row"], entry["rule"]) for entry in result.quarantine} >= {(3, rule)}
    assert {entry["row"] for entry in result.quarantine} == {3}
    marks, flags = s.frame(tmp_path, "marks"), s.frame(tmp_path, "flags")
    assert list(marks["_ok"]) == [True, False, True]
    failed = [name for name in flags.columns if name != "_row" and not all(flags[name])]
    assert [check["id"] for check in result.checks if check["failed"]] == failed and any(name.startswith(rule) for name in failed)


def test_same_day_without_a_time_is_not_before(tmp_path: Path) -> None:
    """Finished "01/03/2023", received "01/03/2023 08:00": the day has no time, so nothing is wrong."""
    assert s.read(rows({7: "01/03/2023"}), tmp_path).rows_ok == 1


def test_warnings_do_not_quarantine(tmp_path: Path) -> None:
    result = s.read(rows({5: "28/02/2023"}), tmp_path)
    assert (result.rows_ok, result.quarantine) == (1, [])
    assert [check["failed"] for check in result.checks if check["id"] == "not_before__due_at__received_at"] == [1]


def test_conflicts_go_together_and_repeats_are_accepted(tmp_path: Path) -> None:
    base = s.ROWS[0]
    other = [*base[:1], "Nội dung khác", *base[2:]]
    lines = [s.HEADER, s.ROWS[1], base, s.ROWS[1], other, s.ROWS[2], s.ROWS[1]]
    result = s.read(s.csv_bytes(lines), tmp_path)
    assert (result.rows_read, result.rows_ok, result.rows_quarantined, result.rows_repeated) == (6, 4, 2, 2)
    assert [(entry["row"], entry["rule"], entry["key"]) for entry in result.quarantine] == [
        (3, "unique", base[0]),
        (5, "unique", base[0]),
    ]
    assert list(s.frame(tmp_path, "marks")["_repeat"]) == [False, False, True, False, False, True]


def test_a_bad_row_does_not_condemn_its_good_twin(tmp_path: Path) -> None:
    result = s.read(s.csv_bytes([s.HEADER, s.ROWS[0], [*s.ROWS[0][:4], "hôm qua", *s.ROWS[0][5:]]]), tmp_path)
    assert (result.rows_ok, [entry["row"] for entry in result.quarantine]) == (1, [3])


def test_reject_file_severity(tmp_path: Path) -> None:
    contract = s.contract(
        tmp_path,
        "contract: t\nsource: t\ntable: initiatives\nunit: {code: '22492'}\ncolumns:\n  initiative_code: {headers: [Mã]}\n"
        "  submitted_on: {headers: [Nộp]}\nchecks:\n  - {rule: not_null, column: submitted_on, severity: reject_file, label: Phải có ngày nộp}\n",
    )
    result = s.read(s.csv_bytes([["Mã", "Nộp"], ["SK-1", "01/03/2023"], ["SK-2", ""]]), tmp_path, contracts=[contract])
    assert (result.status, result.reason) == ("rejected", "check_failed")
    assert "Dòng 3" in (result.message or "") and "Phải có ngày nộp" in (result.message or "")


def test_sums_and_ranges() -> None:
    def masks(rule: str, **columns: list[object]) -> list[bool]:
        from sources.contract import Check

        names = tuple(columns)
        check = Check("x", rule, names if rule == "sum_of" else names[:1], other=names[-1], params={"min": 1, "max": 5})
        arrays = {name: pa.array(values) for name, values in columns.items()}
        return list(checks.evaluate(check, arrays, s.RECEIVED, "Asia/Ho_Chi_Minh"))

    assert masks("range", a=[0, 1, 5, 6, None]) == [False, True, True, False, True]
    assert masks("sum_of", a=[3, 4, None, 3], b=[1, 1, 1, 1], c=[2, 2, 2, None]) == [True, False, True, True]
    assert masks("not_more_than", a=[1, 3, None], b=[2, 2, 2]) == [True, False, True]


def test_conflicts_and_repeats_by_brute_force() -> None:
    random = np.random.default_rng(7)
    for _ in range(50):
        keys, content = random.integers(0, 6, 30), random.integers(0, 2, 30)
        among = random.random(30) < 0.8
        clash = checks.conflicts(keys.astype(np.int64), content.astype(np.int64), among)
        again = checks.repeats(keys.astype(np.int64), content.astype(np.int64), among)
        for i in range(30):
            twins = [j for j in range(30) if among[i] and among[j] and keys[j] == keys[i]]
            assert clash[i] == any(content[j] != content[i] for j in twins)
            assert again[i] == any(j < i and content[j] == content[i] for j in twins)


def test_hashes_ignore_column_order_and_empty_columns() -> None:
    a, b = pa.array(["x", None, "đ"]), pa.array([1, 2, None], pa.int64())
    both = hashing.combine([hashing.hash_column("a", a), hashing.hash_column("b", b)], 3)
    turned = hashing.combine(
        [hashing.hash_column("b", b), hashing.hash_column("c", pa.nulls(3, pa.string())), hashing.hash_column("a", a)], 3
    )
    assert list(both) == list(turned)
    swapped = hashing.combine([hashing.hash_column("b", a), hashing.hash_column("a", b)], 3)
    assert not set(both) & set(swapped)


def test_hashes_are_the_same_in_every_process_and_version() -> None:
    """Frozen: stored hashes decide what is new. A change of these numbers is a migration, not a refactoring."""
    code = (
        "import pyarrow as pa; from sources import hashing as h\n"
        "t = pa.array(['', 'H32.11-230301-0001', 'Đại Lãnh', None, 'x' * 200])\n"
        "print([int(v) for v in h.combine([h.hash_column('dossier_code', t), h.hash_column('fee_amount', pa.array([0.0, 1.5, None, 2, -0.0]))], 5)])"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2]
    )
    assert json.loads(found.stdout) == FROZEN


def test_slices_and_dictionaries_hash_alike() -> None:
    texts = pa.array(["a", "bb", None, "ccc", "bb", "ư" * 60])
    plain = list(hashing.hash_texts(texts))
    assert list(hashing.hash_texts(texts.dictionary_encode())) == plain
    assert list(hashing.hash_texts(texts.slice(2, 3))) == plain[2:5]


def test_tokens_are_keyed_and_blind_to_case() -> None:
    names = pa.array(["Nguyễn Thử", "NGUYỄN THỬ", "Lê Thử", None])
    mine, theirs = hashing.tokens(names, s.KEY).to_pylist(), hashing.tokens(names, b"another key").to_pylist()
    assert mine[0] == mine[1] == hashing.token("Nguyễn Thử", s.KEY) != mine[2] and mine[3] is None
    assert not set(mine[:3]) & set(theirs[:3])


def test_no_personal_data_leaves_the_reader(tmp_path: Path) -> None:
    canaries = ["Nguyễn Hoàng Yến Thử", "0912345678", "056123456789", "Thôn Thử Nghiệm 7", "thu@example.com"]
    header = [*s.HEADER, "Địa chỉ", "Số CMND/CCCD", "Email", "Trích yếu"]
    good = [*s.ROWS[0], canaries[3], canaries[2], canaries[4], canaries[0]]
    good[9], good[10] = canaries[0], canaries[1]
    bad = [canaries[1], *good[1:]]
    worse = [canaries[0], *good[1:4], canaries[3], *good[5:]]
    result = s.read(s.csv_bytes([header, good, bad, worse]), tmp_path)
    assert result.rows_read == 3
    for name in ("marks.arrow", "flags.arrow", "quarantine.arrow"):
        raw = (tmp_path / "out" / name).read_bytes()
        assert not any(canary.encode() in raw for canary in canaries), name
    assert not any(canary in result.to_json() for canary in canaries)
    clear = (tmp_path / "out" / "rows.arrow").read_bytes()
    assert canaries[2].encode() not in clear and canaries[3].encode() not in clear and canaries[4].encode() not in clear


def test_account_round_trip_and_full_quarantine(tmp_path: Path) -> None:
    result = s.read(rows(*[{7: "01/01/2020"}] * 25), tmp_path)
    assert ParseResult.from_json(result.to_json()) == result
    assert [entry["row"] for entry in read_quarantine(tmp_path / "out")] == list(range(2, 27))
    assert result.quarantine_total == 25 and result.rows_read == result.rows_ok + result.rows_quarantined


def test_received_at_counts_in_its_own_zone(tmp_path: Path) -> None:
    """06/01/2024 06:59 in Vietnam is 05/01 23:59 UTC: not in the future of 06/01 00:00 UTC."""
    at = dt.datetime(2024, 1, 6, 0, 0, tzinfo=dt.UTC)
    assert s.read(rows({7: "06/01/2024 06:59:00"}, {7: "06/01/2024 07:00:01"}), tmp_path, received_at=at).rows_ok == 1
